package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var runPages = []route.Route{
	route.GET("/runs/:id", access.RunRead, showRun),
	route.GET("/runs/:id/image", access.RunRead, showImage),
	route.POST("/runs/:id/rename", access.RunWrite, renameRun),
	route.POST("/runs/:id/note", access.RunWrite, noteRun),
	route.POST("/runs/:id/tags", access.RunWrite, tagRun),
	route.POST("/runs/:id/tags/delete", access.RunWrite, untagRun),
	route.POST("/runs/:id/delete", access.RunDelete, deleteRun),
	route.POST("/runs/:id/restore", access.RunDelete, restoreRun),
}

func showRun(r *route.Request) error {
	v, err := runView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, runs.Show(v))
}

// How much a page shows of what may be endless.
const (
	overviewCharts = 4
	mostCharts     = 60
	mostTiles      = 4
	chartPoints    = 500
	trendPoints    = 60
)

func runView(r *route.Request) (v runs.ShowView, err error) {
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return v, err
	}
	reading, err := more(r, access.RunRead) // a refused form shows the page too
	if err != nil {
		return v, err
	}
	v.Tab = r.QueryParam("tab")
	if !slices.Contains([]string{runs.TabCharts, runs.TabParameters, runs.TabArtifacts, runs.TabModels}, v.Tab) {
		v.Tab = runs.TabOverview
	}
	var run, parent tracking.Run
	var e tracking.Experiment
	curves := map[string][]tracking.Metric{}
	var models []tracking.LoggedModel
	if err := r.DB.Read(r.Ctx(), reading, func(tx *storage.Tx) error {
		if run, err = tracking.RunByID(r.Ctx(), tx, reading, r.Param("id")); err != nil {
			return err
		}
		if e, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, run.ExperimentID); err != nil {
			return err
		}
		if id := run.Tag(tracking.TagParent); id != "" {
			if parent, err = tracking.RunByID(r.Ctx(), tx, reading, id); err != nil {
				parent = tracking.Run{} // gone for good: the tag alone leads nowhere
			}
		}
		for _, m := range charted(run, v.Tab) {
			s, err := tracking.SampleHistories(r.Ctx(), tx, reading, tracking.SampleQuery{RunIDs: []string{run.ID}, Key: m.Key, Points: chartPoints})
			if err != nil {
				return err
			}
			curves[m.Key] = s[0].Points
		}
		if models, err = runModels(r, tx, run); err != nil {
			return err
		}
		names, err := tx.NamesOf(r.Ctx(), run.CreatedBy)
		run.CreatedBy = names[run.CreatedBy]
		return err
	}); err != nil {
		return v, err
	}
	fillRun(r, &v, run, e, parent)
	v.Counts.Models = int64(len(models))
	for _, m := range models {
		v.Models = append(v.Models, runs.Model{
			ID: m.ID, Name: m.Name, Type: m.Type, Status: strings.TrimPrefix(string(m.Status), "LOGGED_MODEL_"), Created: instant(m.CreatedAt),
		})
	}
	if v.Tab == runs.TabOverview || v.Tab == runs.TabCharts {
		v.Charts = chartGroups(r, charted(run, v.Tab), curves)
	}
	if v.Tab == runs.TabOverview {
		v.Tiles = tiles(r, run, curves)
	}
	if v.Tab == runs.TabArtifacts {
		v.Artifacts, err = artifacts(r, reading, run)
	}
	return v, err
}

// runModels finds the logged models that a run made; a deleted one is left out.
func runModels(r *route.Request, tx *storage.Tx, run tracking.Run) (out []tracking.LoggedModel, err error) {
	g, err := more(r, access.LoggedModelRead)
	if err != nil {
		return nil, err
	}
	const most = 200
	for _, ref := range run.Outputs[:min(most, len(run.Outputs))] {
		m, err := tracking.LoggedModelByID(r.Ctx(), tx, g, ref.ModelID)
		if err == nil {
			out = append(out, m)
		}
	}
	return out, nil
}

func fillRun(r *route.Request, v *runs.ShowView, run tracking.Run, e tracking.Experiment, parent tracking.Run) {
	ctx := r.Ctx()
	v.ID, v.Name, v.Status, v.Deleted = run.ID, run.Name, string(run.Status), run.Deleted()
	v.Experiment = runs.Link{Label: e.Name, Path: "/experiments/" + e.ID}
	if parent.ID != "" {
		v.Parent = runs.Link{Label: parent.Name, Path: "/runs/" + parent.ID}
	}
	v.User, v.Start, v.End, v.Duration = cmp.Or(run.UserID, run.CreatedBy), instant(run.StartTime), instant(run.EndTime), duration(r, run)
	v.Source, v.SourceType = run.Tag(tracking.TagSource), run.Tag("mlflow.source.type")
	v.Commit = run.Tag(tracking.TagCommit)
	if repo := run.Tag("mlflow.source.git.repoURL"); v.Commit != "" && strings.HasPrefix(repo, "https://") {
		v.CommitURL = strings.TrimSuffix(repo, ".git") + "/commit/" + url.PathEscape(v.Commit)
	}
	v.ArtifactURI, v.Note = run.ArtifactURI, run.Tag(tracking.TagNote)
	v.CanWrite, v.CanDelete = may(r, access.RunWrite) && !run.Deleted(), may(r, access.RunDelete)
	v.Counts = runs.Counts{Metrics: int64(len(run.Metrics)), Params: int64(len(run.Params)), Artifacts: -1}
	for _, p := range run.Params {
		v.Params = append(v.Params, component.Pair{Key: p.Key, Value: p.Value})
	}
	for _, m := range run.Metrics {
		v.Metrics = append(v.Metrics, runs.Metric{
			Key: m.Key, Value: format.Number(ctx, m.Value), Full: exact(m.Value), Step: format.Count(ctx, m.Step), At: instant(m.Timestamp),
		})
	}
	v.Tags = shownTags(run.Tags)
	for _, d := range run.Datasets {
		row := runs.Dataset{Name: d.Dataset.Name, Digest: d.Dataset.Digest, Source: d.Dataset.Source, SourceType: d.Dataset.SourceType}
		for _, t := range d.Tags {
			if t.Key == tracking.TagContext {
				row.Context = t.Value
			}
		}
		v.Datasets = append(v.Datasets, row)
	}
}

func tiles(r *route.Request, run tracking.Run, curves map[string][]tracking.Metric) (out []component.TileProps) {
	for _, m := range run.Metrics {
		if strings.HasPrefix(m.Key, "system/") || len(out) == mostTiles {
			continue
		}
		t := component.TileProps{Label: m.Key, Value: format.Number(r.Ctx(), m.Value), Full: exact(m.Value)}
		for _, p := range tracking.Sample(slices.Clone(curves[m.Key]), trendPoints) {
			t.Trend = append(t.Trend, p.Value)
		}
		out = append(out, t)
	}
	return out
}

// log writes to a run from a form and comes back to it.
func log(r *route.Request, b tracking.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.Log(r.Ctx(), tx, r.Grant, r.Param("id"), b) }); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, runPath(r))
}

func runPath(r *route.Request) string { return "/runs/" + url.PathEscape(r.Param("id")) }

func renameRun(r *route.Request) error {
	name := form(r, "name")
	if name == "" {
		return see(r, runPath(r))
	}
	return log(r, tracking.Batch{Tags: []tracking.Tag{{Key: tracking.TagRunName, Value: name}}})
}

func noteRun(r *route.Request) error {
	return log(r, tracking.Batch{Tags: []tracking.Tag{{Key: tracking.TagNote, Value: r.FormValue("note")}}})
}

func tagRun(r *route.Request) error {
	b := tracking.Batch{Tags: []tracking.Tag{{Key: form(r, "key"), Value: r.FormValue("value")}}}
	if err := b.Check(); err != nil {
		v, viewErr := runView(r)
		if viewErr != nil {
			return viewErr
		}
		v.TagError = said(r.Ctx(), err)
		return r.Render(http.StatusBadRequest, runs.Show(v))
	}
	return log(r, b)
}

func untagRun(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteTag(r.Ctx(), tx, r.Grant, r.Param("id"), r.FormValue("key"))
	}); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, runPath(r))
}

func deleteRun(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.DeleteRun(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now()) }); err != nil {
		return err
	}
	flash(r, "flash.run_deleted")
	return see(r, runPath(r))
}

func restoreRun(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.RestoreRun(r.Ctx(), tx, r.Grant, r.Param("id")) }); err != nil {
		return err
	}
	flash(r, "flash.restored")
	return see(r, runPath(r))
}

func showImage(r *route.Request) error {
	a, err := download.Find(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, r.Param("id"))
	})
	if err != nil {
		return err
	}
	return download.Inline(r, a)
}
