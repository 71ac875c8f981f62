package ui

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/experiments"
)

var experimentPages = []route.Route{
	route.GET("/experiments", access.ExperimentRead, listExperiments),
	route.POST("/experiments", access.ExperimentWrite, createExperiment),
	route.POST("/experiments/:id/rename", access.ExperimentWrite, renameExperiment),
	route.POST("/experiments/:id/delete", access.ExperimentDelete, deleteExperiment),
	route.POST("/experiments/:id/restore", access.ExperimentDelete, restoreExperiment),
}

const pageSize = 40

// views are the protocol's, by the words in our addresses.
var views = map[string]tracking.View{"": tracking.ActiveOnly, "active": tracking.ActiveOnly, "deleted": tracking.DeletedOnly, "all": tracking.AllStages}

func viewWord(r *route.Request) string {
	if v := r.QueryParam("view"); v != "" && views[v] != "" {
		return v
	}
	return "active"
}

func listExperiments(r *route.Request) error {
	v, err := experimentsView(r)
	if err != nil {
		return err
	}
	return r.Render(filterStatus(r, v.Problem), experiments.List(v))
}

// likeName reads plain words as a part of a name: not everybody comes with a query. own is the filter if the reader
// wrote it, and can be shown where it is wrong.
func likeName(q string) (filter, own string) {
	if q == "" || strings.ContainsAny(q, "=<>!'\"`()") || strings.Contains(strings.ToUpper(q), " IS ") {
		return q, q
	}
	return "name ILIKE '%" + q + "%'", ""
}

func experimentsView(r *route.Request) (v experiments.ListView, err error) {
	v = experiments.ListView{
		Query: r.QueryParam("q"), View: viewWord(r), Order: r.QueryParam("order"), TrackingURI: r.Absolute(""),
		CanWrite: may(r, access.ExperimentWrite), CanDelete: may(r, access.ExperimentDelete),
	}
	filter, own := likeName(v.Query)
	q, err := tracking.ParseExperimentQuery(filter, orders(v.Order))
	if err != nil {
		v.Problem, q = problem(r, err, own), tracking.Query{}
	}
	q.View, q.Limit, q.After = views[v.View], pageSize, r.QueryParam("token")
	g, err := access.Authorize(r.Grant.Actor(), access.ExperimentRead, r.Grant.Workspace(), r.Grant.Origin())
	if err != nil {
		return v, err
	}
	var page tracking.Page[tracking.Experiment]
	var activity map[string]tracking.Activity
	var names map[string]string
	results := map[string]tracking.Result{}
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if page, err = tracking.SearchExperiments(r.Ctx(), tx, g, q); err != nil {
			return err
		}
		if activity, err = tx.ActivityOf(r.Ctx(), page.Items); err != nil {
			return err
		}
		var makers []string
		for _, e := range page.Items {
			makers = append(makers, e.CreatedBy)
			if results[e.ID], err = tracking.ResultOf(r.Ctx(), tx, g, e); err != nil {
				return err
			}
		}
		names, err = tx.NamesOf(r.Ctx(), makers...)
		return err
	}); err != nil {
		return v, err
	}
	for _, e := range page.Items {
		a := activity[e.ID]
		v.Rows = append(v.Rows, experiments.Row{
			ID: e.ID, Name: e.Name, Runs: a.Runs, LastActivity: instant(max(a.Last, e.UpdatedAt)), Created: instant(e.CreatedAt), CreatedBy: names[e.CreatedBy],
			Tags: shownTags(e.Tags), Deleted: e.Deleted(), Default: e.ID == "0", Result: shownResult(r, results[e.ID]),
		})
	}
	if v.FirstUse = v.Query == "" && v.View == "active" && q.After == "" && (len(v.Rows) == 0 || len(v.Rows) == 1 && v.Rows[0].ID == "0" && v.Rows[0].Runs == 0); v.FirstUse {
		q.View, q.Limit = tracking.DeletedOnly, 1
		var trash tracking.Page[tracking.Experiment]
		if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
			trash, err = tracking.SearchExperiments(r.Ctx(), tx, g, q)
			return err
		}); err != nil {
			return v, err
		}
		v.FirstUse = len(trash.Items) == 0
	}
	v.Pager = pager(r, page.Next, "/experiments", "#experiments")
	v.Pager.Shown = experiments.Shown(r.Ctx(), len(v.Rows), -1)
	return v, nil
}

// shownResult is the best value of an experiment's primary metric or, where nobody knows which is better, the latest.
func shownResult(r *route.Request, res tracking.Result) (out experiments.Result) {
	out.Metric, out.Trend = res.Metric, res.Latest
	switch {
	case res.Best.RunID != "":
		out.Value, out.Full, out.Best, out.RunID = format.Number(r.Ctx(), res.Best.Value), exact(res.Best.Value), true, res.Best.RunID
	case len(res.Latest) > 0:
		last := res.Latest[len(res.Latest)-1]
		out.Value, out.Full = format.Number(r.Ctx(), last), exact(last)
	}
	return out
}

func orders(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// problem is what is wrong with a filter, and where in the text that the reader wrote; "" if they wrote another.
func problem(r *route.Request, err error, text string) component.FilterProblem {
	at, ok := search.Position(err)
	if !ok || text == "" || at > len(text) {
		return component.FilterProblem{Message: said(r.Ctx(), err), At: -1}
	}
	return component.FilterProblem{Message: said(r.Ctx(), err), At: utf8.RuneCountInString(text[:at])}
}

// filterStatus says that a list has a filter it could not read; it is shown without it. A page that only asked
// for the part keeps its list, and with it the address.
func filterStatus(r *route.Request, p component.FilterProblem) int {
	if p.Message != "" {
		r.Response().Header().Set("HX-Push-Url", "false")
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// pager leads to the next page of an address, and back to its first.
func pager(r *route.Request, next, path, part string) component.PagerProps {
	with := func(token string) string {
		q := url.Values{}
		for k, vs := range r.QueryParams() {
			if k != "token" && k != "selected" && len(vs) > 0 && vs[0] != "" {
				q[k] = vs
			}
		}
		if token != "" {
			q.Set("token", token)
		}
		if len(q) == 0 {
			return path
		}
		return path + "?" + q.Encode()
	}
	p := component.PagerProps{Part: part}
	if next != "" {
		p.Next = with(next)
	}
	if r.QueryParam("token") != "" {
		p.First = with("")
	}
	return p
}

// shownTags leaves out what clients note for themselves.
func shownTags(tags []tracking.Tag) (out []component.Pair) {
	for _, t := range tags {
		if !strings.HasPrefix(t.Key, "mlflow.") && !strings.HasPrefix(t.Key, "slipway.") {
			out = append(out, component.Pair{Key: t.Key, Value: t.Value})
		}
	}
	return out
}

func createExperiment(r *route.Request) error {
	f := experiments.Form{Name: form(r, "name"), Location: form(r, "artifact_location"), Errors: map[string]string{}}
	e, err := route.Write(r, func(tx *storage.Tx) (tracking.Experiment, error) {
		return tracking.CreateExperiment(r.Ctx(), tx, r.Grant, tracking.Experiment{Name: f.Name, ArtifactLocation: f.Location}, tx.Now())
	})
	if err == nil {
		flash(r, "flash.experiment_created", e.Name)
		return see(r, "/experiments/"+e.ID)
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	field := "name"
	if strings.HasPrefix(key(err), "experiment.location") {
		field = "artifact_location"
	}
	f.Errors[field] = text
	v, err := experimentsView(r)
	if err != nil {
		return err
	}
	v.Form = f
	return r.Render(http.StatusBadRequest, experiments.List(v))
}

func renameExperiment(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.RenameExperiment(r.Ctx(), tx, r.Grant, r.Param("id"), form(r, "name"), tx.Now())
	}); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, back(r, "/experiments/"+url.PathEscape(r.Param("id"))))
}

// back is the page the form stood on, if it is one of ours.
func back(r *route.Request, otherwise string) string {
	if next := r.FormValue("next"); next != "" {
		return local(r, next)
	}
	return otherwise
}

func deleteExperiment(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteExperiment(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	}); err != nil {
		return err
	}
	flashUndo(r, "/experiments/"+url.PathEscape(r.Param("id"))+"/restore", "flash.experiment_deleted")
	return see(r, back(r, "/experiments"))
}

func restoreExperiment(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.RestoreExperiment(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	}); err != nil {
		return err
	}
	flash(r, "flash.restored")
	return see(r, back(r, "/experiments/"+url.PathEscape(r.Param("id"))))
}

func key(err error) string {
	if e := domain.As(err); e != nil {
		return e.Key
	}
	return ""
}
