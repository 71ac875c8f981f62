package ui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var runsPages = []route.Route{
	route.GET("/experiments/:id", access.RunRead, listRuns),
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
