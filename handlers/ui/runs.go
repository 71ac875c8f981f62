package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var runPages = []route.Route{
	route.GET("/experiments/:id", access.RunRead, listRuns),
	route.GET("/runs/:id", access.RunRead, showRun),
	route.GET("/runs/:id/image", access.RunRead, showImage),
	route.POST("/runs/:id/rename", access.RunWrite, renameRun),
	route.POST("/runs/:id/note", access.RunWrite, noteRun),
	route.POST("/runs/:id/tags", access.RunWrite, tagRun),
	route.POST("/runs/:id/tags/delete", access.RunWrite, untagRun),
	route.POST("/runs/:id/delete", access.RunDelete, deleteRun),
	route.POST("/runs/:id/restore", access.RunDelete, restoreRun),
}

// more is a grant for another permission than the route's, for pages that show several kinds of things.
func more(r *route.Request, p access.Perm) (access.Grant, error) {
	return access.Authorize(r.Grant.Actor(), p, r.Grant.Workspace(), r.Grant.Origin())
}

func listRuns(r *route.Request) error {
	v := runs.ListView{
		Filter: r.QueryParam("filter"), Order: r.QueryParam("order"), View: viewWord(r), TrackingURI: r.Absolute(""),
		CanWrite: may(r, access.RunWrite), CanDelete: may(r, access.RunDelete),
	}
	q, err := tracking.ParseRunQuery(v.Filter, orders(v.Order))
	if err != nil {
		v.Problem, q = problem(r, err, true), tracking.Query{}
	}
	q.Experiments, q.View, q.Limit, q.After = []string{r.Param("id")}, views[v.View], pageSize, r.QueryParam("token")
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	var e tracking.Experiment
	var names map[string]string
	page, err := route.Read(r, func(tx *storage.Tx) (page tracking.Page[tracking.Run], err error) {
		if e, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, r.Param("id")); err != nil {
			return page, err
		}
		if page, err = tracking.SearchRuns(r.Ctx(), tx, r.Grant, q); err != nil {
			return page, err
		}
		makers := []string{e.CreatedBy}
		for _, run := range page.Items {
			makers = append(makers, run.CreatedBy)
		}
		names, err = tx.NamesOf(r.Ctx(), makers...)
		return page, err
	})
	if err != nil {
		return err
	}
	v.Experiment = runs.Experiment{
		ID: e.ID, Name: e.Name, Location: e.ArtifactLocation, CreatedBy: names[e.CreatedBy], Created: instant(e.CreatedAt),
		Tags: shownTags(e.Tags), Deleted: e.Deleted(), Default: e.ID == "0",
	}
	for _, t := range e.Tags {
		if t.Key == tracking.TagNote {
			v.Experiment.Description = t.Value
		}
	}
	v.Columns = columns(page.Items)
	cells := cells(r, page.Items, v.Columns)
	for i, run := range page.Items {
		v.Rows = append(v.Rows, runs.Row{
			ID: run.ID, Name: run.Name, Status: string(run.Status), Start: instant(run.StartTime), Duration: duration(r, run),
			User: cmp.Or(run.UserID, names[run.CreatedBy]), Cells: cells[i], Deleted: run.Deleted(),
		})
	}
	path := "/experiments/" + e.ID
	if v.FirstUse = len(v.Rows) == 0 && v.Filter == "" && v.View == "active" && q.After == ""; v.FirstUse {
		q.View, q.Limit = tracking.DeletedOnly, 1
		trash, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[tracking.Run], error) {
			return tracking.SearchRuns(r.Ctx(), tx, r.Grant, q)
		})
		if err != nil {
			return err
		}
		v.FirstUse = len(trash.Items) == 0
	}
	v.Pager = pager(r, page.Next, path, "#runs")
	v.Pager.Shown = runs.Shown(r.Ctx(), len(v.Rows), -1)
	return r.Render(filterStatus(r, v.Problem), runs.List(v))
}

// The columns a table opens with: the metrics that most runs have, then the parameters that differ.
const (
	mostMetrics = 6
	mostColumns = 12
)

func columns(rs []tracking.Run) (out []runs.Column) {
	metrics, params, values := map[string]int{}, map[string]int{}, map[string]map[string]bool{}
	for _, r := range rs {
		for _, m := range r.Metrics {
			if !strings.HasPrefix(m.Key, "system/") {
				metrics[m.Key]++
			}
		}
		for _, p := range r.Params {
			params[p.Key]++
			if values[p.Key] == nil {
				values[p.Key] = map[string]bool{}
			}
			values[p.Key][p.Value] = true
		}
	}
	for key, n := range params {
		if len(values[key]) == 1 && (n == len(rs) && len(rs) > 1) {
			delete(params, key) // the same everywhere tells nothing
		}
	}
	for _, k := range mostUsed(metrics, mostMetrics) {
		out = append(out, runs.Column{Name: k, Metric: true})
	}
	for _, k := range mostUsed(params, mostColumns-len(out)) {
		out = append(out, runs.Column{Name: k})
	}
	return out
}

func mostUsed(count map[string]int, n int) []string {
	keys := make([]string, 0, len(count))
	for k := range count {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	return keys[:min(n, len(keys))]
}

// cells are the values under columns, metrics with one number of decimals a column.
func cells(r *route.Request, rs []tracking.Run, cols []runs.Column) [][]component.Cell {
	out := make([][]component.Cell, len(rs))
	for i := range out {
		out[i] = make([]component.Cell, len(cols))
	}
	for c, col := range cols {
		numbers := make([]*float64, len(rs))
		for i, run := range rs {
			if col.Metric {
				if at := slices.IndexFunc(run.Metrics, func(m tracking.Metric) bool { return m.Key == col.Name }); at >= 0 {
					numbers[i] = &run.Metrics[at].Value
				}
				continue
			}
			out[i][c] = component.Cell{Text: format.Missing}
			if at := slices.IndexFunc(run.Params, func(p tracking.Param) bool { return p.Key == col.Name }); at >= 0 {
				out[i][c] = component.Cell{Text: run.Params[at].Value, Full: run.Params[at].Value, Mono: true}
			}
		}
		if !col.Metric {
			cols[c].Number = allNumbers(out, c)
			continue
		}
		for i, text := range format.Column(r.Ctx(), numbers) {
			out[i][c] = component.Cell{Text: text, Number: true}
			if numbers[i] != nil {
				out[i][c].Full = exact(*numbers[i])
			}
		}
	}
	return out
}

// allNumbers puts the values in column c at the right if each of them is a number.
func allNumbers(rows [][]component.Cell, c int) bool {
	some := false
	for _, row := range rows {
		if row[c].Text == format.Missing {
			continue
		}
		if _, err := strconv.ParseFloat(row[c].Text, 64); err != nil {
			return false
		}
		some = true
	}
	for i := range rows {
		rows[i][c].Number = some
	}
	return some
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func duration(r *route.Request, run tracking.Run) string {
	if run.StartTime == 0 {
		return format.Missing
	}
	end := run.EndTime
	if end == 0 {
		if run.Status.Ended() {
			return format.Missing
		}
		end = time.Now().UnixMilli()
	}
	return format.Duration(r.Ctx(), time.Duration(end-run.StartTime)*time.Millisecond)
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

// charted are the metrics that a tab draws: those of the run itself before those of its machine.
func charted(run tracking.Run, tab string) []tracking.Metric {
	if tab != runs.TabOverview && tab != runs.TabCharts {
		return nil
	}
	most := mostCharts
	if tab == runs.TabOverview {
		most = overviewCharts
	}
	ms := slices.Clone(run.Metrics)
	slices.SortStableFunc(ms, func(a, b tracking.Metric) int {
		return cmp.Compare(boolInt(strings.HasPrefix(a.Key, "system/")), boolInt(strings.HasPrefix(b.Key, "system/")))
	})
	if tab == runs.TabOverview { // curves only: a single value is on its tile
		ms = slices.DeleteFunc(ms, func(m tracking.Metric) bool { return m.Step == 0 })
	}
	return ms[:min(most, len(ms))]
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
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

// chartGroups draws one chart a metric, grouped by what stands before the first slash of its name.
func chartGroups(r *route.Request, ms []tracking.Metric, curves map[string][]tracking.Metric) (out []runs.ChartGroup) {
	at := map[string]int{}
	for i, m := range ms {
		prefix, _, grouped := strings.Cut(m.Key, "/")
		if !grouped {
			prefix = ""
		}
		g, ok := at[prefix]
		if !ok {
			g = len(out)
			at[prefix] = g
			out = append(out, runs.ChartGroup{Prefix: prefix})
		}
		line := chart.Line{ID: fmt.Sprintf("chart-%d", i), Title: m.Key, Series: []chart.Series{{Name: m.Key, Points: points(curves[m.Key])}}}
		out[g].Charts = append(out[g].Charts, line.Props(r.Ctx()))
	}
	slices.SortStableFunc(out, func(a, b runs.ChartGroup) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return out
}

func points(ms []tracking.Metric) []chart.Point {
	out := make([]chart.Point, len(ms))
	for i, m := range ms {
		out[i] = chart.Point{X: float64(m.Step), Y: m.Value}
	}
	return out
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

func showImage(r *route.Request) error {
	a, err := download.Find(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		return tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, r.Param("id"))
	})
	if err != nil {
		return err
	}
	return download.Inline(r, a)
}
