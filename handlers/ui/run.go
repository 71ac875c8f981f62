package ui

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/registry"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var runPages = []route.Route{
	route.GET("/runs/:id", access.RunRead, showRun),
	route.GET("/runs/:id/export.csv", access.RunRead, exportRun),
	route.GET("/runs/:id/image", access.RunRead, showImage),
	route.GET("/runs/:id/frame", access.RunRead, showFrame),
	route.GET("/runs/:id/archive", access.RunRead, sendArchive),
	route.POST("/runs/:id/rename", access.RunWrite, renameRun),
	route.POST("/runs/:id/note", access.RunWrite, noteRun),
	route.POST("/runs/:id/note/preview", access.RunWrite, previewNote),
	route.POST("/runs/:id/tags", access.RunWrite, tagRun),
	route.POST("/runs/:id/tags/delete", access.RunWrite, untagRun),
	route.POST("/runs/:id/delete", access.RunDelete, deleteRun),
	route.POST("/runs/:id/restore", access.RunDelete, restoreRun),
}

// How much a page shows of what may be endless.
const (
	overviewCharts = 4
	mostCharts     = 60
	mostTiles      = 4
	chartPoints    = 500
	trendPoints    = 60
	summaryParams  = 20
	headDatasets   = 3
	childrenShown  = 8  // on the summary
	childrenPage   = 50 // on their own
)

func showRun(r *route.Request) error {
	v, err := runView(r)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if v.Artifacts.Missing {
		status = http.StatusNotFound
	}
	return r.Render(status, runs.Show(v))
}

// runPage is what the tabs of a run's page are filled from.
type runPage struct {
	*route.Request
	reading     access.Grant // a refused form shows the page too
	run, parent tracking.Run
	v           *runs.ShowView
}

func runView(r *route.Request) (v runs.ShowView, err error) {
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return v, err
	}
	p := runPage{Request: r, v: &v}
	if p.reading, err = more(r, access.RunRead); err != nil {
		return v, err
	}
	if v.Tab = r.QueryParam("tab"); !slices.Contains(runs.Tabs, v.Tab) {
		v.Tab = runs.TabOverview
	}
	var e tracking.Experiment
	trends := map[string][]float64{}
	var curves []string
	if err := r.DB.Read(r.Ctx(), p.reading, func(tx *storage.Tx) error {
		if p.run, err = tracking.RunByID(r.Ctx(), tx, p.reading, r.Param("id")); err != nil {
			return err
		}
		if e, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, p.run.ExperimentID); err != nil {
			return err
		}
		if id := p.run.Tag(tracking.TagParent); id != "" {
			if p.parent, err = tracking.RunByID(r.Ctx(), tx, p.reading, id); err != nil {
				p.parent = tracking.Run{} // gone for good: the tag alone leads nowhere
			}
		}
		if v.Tab == runs.TabOverview {
			if curves, err = charted(r, tx, p.run); err != nil {
				return err
			}
			for _, m := range tiled(p.run) {
				found, err := tx.Trends(r.Ctx(), []string{p.run.ID}, m.Key, trendPoints)
				if err != nil {
					return err
				}
				trends[m.Key] = found[p.run.ID]
			}
		}
		names, err := tx.NamesOf(r.Ctx(), p.run.CreatedBy)
		if err != nil {
			return err
		}
		p.run.CreatedBy = names[p.run.CreatedBy]
		p.head(e)
		return p.fill(tx)
	}); err != nil {
		return v, err
	}
	switch v.Tab {
	case runs.TabCharts:
		v.ChartsTab = chartsTab(r, p.run)
	case runs.TabOverview:
		v.Charts = seriesGroups(p.run.ID, curves, 0, component.ChartState{})
		v.Tiles = tiles(r, p.run, trends)
	}
	if v.Tab == runs.TabArtifacts && v.Artifacts.File != nil {
		v.Artifacts.Preview = preview(r, p.run.ID, *v.Artifacts.File, r.QueryParam("view") == "source")
	}
	return v, err
}

// fill reads what the tab needs of the database.
func (p runPage) fill(tx *storage.Tx) (err error) {
	models, err := runModels(p.Request, tx, p.run.Outputs)
	if err != nil {
		return err
	}
	p.v.Counts.Models = int64(len(models))
	root, ours := tracking.StorePath(p.run.ArtifactURI)
	if ours {
		size, err := tx.FolderSize(p.Ctx(), p.run.Workspace, root, tracking.MostCounted)
		if err != nil {
			return err
		}
		if p.v.Counts.Artifacts = size.Files; size.Files > 0 {
			p.v.Archive = archivePath(p.run.ID, "")
		}
	}
	switch p.v.Tab {
	case runs.TabOverview:
		p.v.Children, err = p.children(tx, "", childrenShown)
	case runs.TabParameters:
		err = p.parameters(tx)
	case runs.TabArtifacts:
		err = p.artifacts(tx, root, ours)
	case runs.TabModels:
		p.v.Models, err = p.models(tx, models)
	case runs.TabLineage:
		err = p.lineage(tx, models)
	}
	return err
}

// runModels finds the logged models that a run made or read; a deleted one is left out.
func runModels(r *route.Request, tx *storage.Tx, refs []tracking.ModelRef) (out []tracking.LoggedModel, err error) {
	g, err := more(r, access.LoggedModelRead)
	if err != nil {
		return nil, err
	}
	const most = 200
	for _, ref := range refs[:min(most, len(refs))] {
		m, err := tracking.LoggedModelByID(r.Ctx(), tx, g, ref.ModelID)
		if err == nil {
			out = append(out, m)
		}
	}
	return out, nil
}

// stale reports whether run says that it runs and has been silent for as long as the server's setting.
func stale(r *route.Request, run tracking.Run) bool { return run.Stale(time.Now(), r.StaleAfter) }

// head is what the page says of the run on every tab.
func (p runPage) head(e tracking.Experiment) {
	v, r, run := p.v, p.Request, p.run
	v.ID, v.Name, v.Status, v.Deleted, v.Stale = run.ID, run.Name, string(run.Status), run.Deleted(), stale(r, run)
	v.Silent = instant(run.UpdatedAt)
	v.Experiment = runs.Link{Label: e.Name, Path: "/experiments/" + e.ID}
	v.ComparePath = "/experiments/" + e.ID + "?" + url.Values{"selected": {run.ID}}.Encode()
	if p.parent.ID != "" {
		v.Parent = runs.Link{Label: cmp.Or(p.parent.Name, p.parent.ID), Path: "/runs/" + p.parent.ID}
		v.ComparePath = "/compare?" + url.Values{"run": {run.ID, p.parent.ID}}.Encode()
	}
	v.User, v.Start, v.End, v.Duration = cmp.Or(run.UserID, run.CreatedBy), instant(run.StartTime), instant(run.EndTime), duration(r, run)
	v.Source, v.SourceType = run.Tag(tracking.TagSource), run.Tag("mlflow.source.type")
	v.Commit = run.Tag(tracking.TagCommit)
	v.CommitURL, v.Branch = tracking.CommitURL(run.Tag("mlflow.source.git.repoURL"), v.Commit), run.Tag("mlflow.source.git.branch")
	v.ArtifactURI = run.ArtifactURI
	v.Note.Text, v.Note.Was = run.Tag(tracking.TagNote), tracking.NoteMark(run.Tag(tracking.TagNote))
	v.CanWrite, v.CanDelete = may(r, access.RunWrite) && !run.Deleted(), may(r, access.RunDelete)
	if v.CanWrite {
		v.Edit = r.QueryParam("edit")
	}
	v.Counts = runs.Counts{Metrics: int64(len(run.Metrics)), Params: int64(len(run.Params)), Artifacts: -1}
	for _, x := range run.Params[:min(summaryParams, len(run.Params))] {
		v.Params = append(v.Params, component.Pair{Key: x.Key, Value: x.Value})
	}
	v.Tags = shownTags(run.Tags)
	for _, d := range run.Datasets {
		row := runs.Dataset{Name: d.Dataset.Name, Digest: d.Dataset.Digest, Source: d.Dataset.Source, SourceType: d.Dataset.SourceType, Context: useOf(d)}
		v.Datasets = append(v.Datasets, row)
	}
	v.HeadDatasets = v.Datasets[:min(headDatasets, len(v.Datasets))]
}

// useOf is what a run read a data set for.
func useOf(d tracking.DatasetInput) string {
	for _, t := range d.Tags {
		if t.Key == tracking.TagContext {
			return t.Value
		}
	}
	return ""
}

func tiles(r *route.Request, run tracking.Run, trends map[string][]float64) (out []component.TileProps) {
	for _, m := range tiled(run) {
		out = append(out, component.TileProps{Label: m.Key, Value: format.Number(r.Ctx(), m.Value), Full: exact(m.Value), Trend: trends[m.Key]})
	}
	return out
}

// tiled are the metrics that stand as figures above all else: the most telling first, without those of the machine.
func tiled(run tracking.Run) []tracking.Metric {
	ms := slices.DeleteFunc(slices.Clone(run.Metrics), func(m tracking.Metric) bool { return isSystem(m.Key) })
	tracking.MostTelling(ms)
	return ms[:min(mostTiles, len(ms))]
}

// models is one row a model, with the flavours that its own description names and how much its files take.
func (p runPage) models(tx *storage.Tx, all []tracking.LoggedModel) (out []runs.Model, err error) {
	const mostRead = 20 // descriptions are files
	for i, m := range all {
		row := runs.Model{ID: m.ID, Name: m.Name, Type: m.Type, Status: strings.TrimPrefix(string(m.Status), "LOGGED_MODEL_"), Created: instant(m.CreatedAt)}
		if at, ours := tracking.StorePath(m.ArtifactURI); ours && i < mostRead {
			size, err := tx.FolderSize(p.Ctx(), m.Workspace, at, tracking.MostCounted)
			if err != nil {
				return nil, err
			}
			if size.Files > 0 {
				row.Size = format.Bytes(p.Ctx(), size.Bytes)
			}
			row.Flavours = flavours(p.Request, tx, m.Workspace, at)
		}
		if may(p.Request, access.ModelWrite) && m.Status == tracking.ModelReady {
			row.Register = page.NewPath("models:/"+m.ID, m.SourceRunID, m.ID)
		}
		if may(p.Request, access.ModelRead) && i < mostRead {
			made, err := tx.VersionsOfLogged(p.Ctx(), m.Workspace, m.ID, mostMade)
			if err != nil {
				return nil, err
			}
			row.Registered = madeFrom(made)
		}
		out = append(out, row)
	}
	return out, nil
}

// flavours are the keys below "flavors:" in the file MLmodel, as far as they stand there in plain YAML.
func flavours(r *route.Request, tx *storage.Tx, workspace, root string) string {
	a, err := tx.Artifact(r.Ctx(), workspace, root+"/MLmodel")
	if err != nil {
		return ""
	}
	text, err := fileHead(r, a, previewBytes)
	if err != nil {
		return "" // the page of the model says what is wrong with its files
	}
	var out []string
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n ")
		switch key, isKey := strings.CutSuffix(strings.TrimLeft(line, " "), ":"); {
		case line == "flavors:":
			inside = true
		case inside && line != "" && line[0] != ' ':
			inside = false
		case inside && isKey && strings.HasPrefix(line, "  ") && line[2] != ' ':
			out = append(out, key)
		}
	}
	return strings.Join(out, ", ")
}

func runPath(r *route.Request) string { return "/runs/" + url.PathEscape(r.Param("id")) }

func deleteRun(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.DeleteRun(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now()) }); err != nil {
		return err
	}
	flashUndo(r, runPath(r)+"/restore", "flash.run_deleted")
	return see(r, runPath(r))
}

func restoreRun(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return tracking.RestoreRun(r.Ctx(), tx, r.Grant, r.Param("id")) }); err != nil {
		return err
	}
	flash(r, "flash.restored")
	return see(r, runPath(r))
}

// ofRun finds a file of the run that the address names.
func ofRun(r *route.Request) (tracking.Artifact, error) {
	return download.Find(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, r.Param("id"))
	})
}

func showImage(r *route.Request) error {
	a, err := ofRun(r)
	if err != nil {
		return err
	}
	return download.Inline(r, a)
}

func showFrame(r *route.Request) error {
	a, err := ofRun(r)
	if err != nil {
		return err
	}
	return download.Framed(r, a)
}

// count is n for a page, which stops counting somewhere.
func count(r *route.Request, n int64) string {
	if n >= tracking.MostCounted {
		return i18n.T(r.Ctx(), "run.and_more", format.Count(r.Ctx(), tracking.MostCounted))
	}
	return format.Count(r.Ctx(), n)
}

// refused reports whether err is one that a form shows beside what was typed.
func refused(err error) bool {
	k := domain.KindOf(err)
	return k == domain.Invalid || k == domain.Conflict
}
