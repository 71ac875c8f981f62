package ui

import (
	"net/http"
	"slices"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/jobs"
)

var jobPages = []route.Route{
	route.GET("/jobs", access.JobRead, listJobs),
	route.POST("/jobs/:id/again", access.JobRetry, retryJob),
}

const jobsPage = 50

func listJobs(r *route.Request) error {
	state := job.State(r.QueryParam("state"))
	if !slices.Contains(job.States, state) {
		state = ""
	}
	var names map[string]string
	page, err := route.Read(r, func(tx *storage.Tx) (page job.Page, err error) {
		if page, err = job.List(r.Ctx(), tx, r.Grant, state, r.QueryParam("token"), jobsPage); err != nil {
			return page, err
		}
		var by []string
		for _, j := range page.Jobs {
			by = append(by, j.CreatedBy)
		}
		names, err = tx.NamesOf(r.Ctx(), by...)
		return page, err
	})
	if err != nil {
		return err
	}
	v := jobs.View{State: string(state), Pager: pager(r, page.Next, "/jobs", "")}
	v.Pager.Shown = i18n.T(r.Ctx(), "jobs.shown", format.Count(r.Ctx(), int64(len(page.Jobs))))
	for _, j := range page.Jobs {
		row := jobs.Row{
			ID: j.ID, Kind: j.Kind, Key: j.Key, State: string(j.State), Attempts: j.Attempts, Most: j.MaxAttempts,
			Ordered: instant(j.CreatedAt), Over: instant(j.FinishedAt), By: names[j.CreatedBy], Error: j.LastError,
		}
		if j.State == job.Queued {
			row.Next = instant(j.RunAt)
		}
		v.Rows = append(v.Rows, row)
	}
	return r.Render(http.StatusOK, jobs.List(v))
}

func retryJob(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return job.Again(r.Ctx(), tx, r.Grant, r.Param("id")) }); err != nil {
		return err
	}
	flash(r, "flash.job_again")
	return see(r, "/jobs")
}
