package ui

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var runsPages = []route.Route{
	route.GET("/experiments/:id", access.RunRead, listRuns),
	route.GET("/experiments/:id/columns", access.RunRead, pickColumns),
	route.GET("/experiments/:id/keys", access.RunRead, listKeys),
	route.GET("/experiments/:id/values", access.RunRead, listValues),
	route.GET("/experiments/:id/export", access.RunRead, exportRuns),
	route.POST("/experiments/:id/views", access.ViewWrite, saveView),
	route.POST("/experiments/:id/views/:view/delete", access.ViewWrite, deleteView),
	route.GET("/v/:view", access.RunRead, openView),
	route.POST("/experiments/:id/runs/tag", access.RunWrite, tagRuns),
	route.POST("/experiments/:id/runs/delete", access.RunDelete, deleteRuns),
	route.POST("/experiments/:id/runs/restore", access.RunDelete, restoreRuns),
}

// listing is one runs table on its way: what was asked, and what was found.
type listing struct {
	r     *route.Request
	state runs.State
	query tracking.Query
	fault component.FilterProblem

	experiment tracking.Experiment
	activity   tracking.Activity
	uses       []tracking.ColumnUse
	newest     int // of how many runs uses tells
	columns    []runs.Column
	page       tracking.Page[tracking.Run]
	depth      map[string]int
	children   map[string]int
	groups     []tracking.Group
	trends     map[string][]float64
	best       string   // id of the best run
	ticked     []string // the runs of this experiment that the address ticks
	views      []tracking.SavedView
	names      map[string]string
	trash      bool
}

// newListing reads the address.
func newListing(r *route.Request, s runs.State) *listing {
	l := &listing{r: r, state: s}
	q, err := tracking.ParseRunQuery(s.Filter, orders(s.Order))
	if err != nil {
		l.fault, q = problem(r, err, s.Filter), tracking.Query{}
	}
	q.Experiments, q.View, q.Limit, q.After = []string{s.Experiment}, views[s.View], s.Limit, s.Token
	q.Filter = search.All(q.Filter, chips(s)...)
	q.StartedAfter = startedAfter(s.Since, time.Now())
	if s.Tree {
		q.Parent = new(string)
	}
	l.query = q
	return l
}

// chips are the conditions of the filter's form controls.
func chips(s runs.State) (out []search.Expr) {
	if len(s.Statuses) > 0 {
		out = append(out, search.Clause{Entity: search.Attribute, Key: "status", Op: search.In, List: s.Statuses})
	}
	if s.User != "" {
		out = append(out, search.Clause{Entity: search.Attribute, Key: "user_id", Op: search.Eq, Str: s.User})
	}
	return out
}

var sinces = map[string]time.Duration{"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "14d": 14 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

func startedAfter(since string, now time.Time) int64 {
	if d, ok := sinces[since]; ok {
		return now.Add(-d).UnixMilli()
	}
	return 0
}

func listRuns(r *route.Request) error {
	began := time.Now()
	l := newListing(r, runs.ParseState(r.Param("id"), r.QueryParams()))
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	if err := route.See(r, func(tx *storage.Tx) error {
		if l.experiment, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, l.state.Experiment); err != nil {
			return err
		}
		if l.views, err = tracking.ViewsOf(r.Ctx(), tx, r.Grant, l.state.Experiment); err != nil {
			return err
		}
		if _, standard := tracking.StandardView(l.views); standard && l.state.Plain() && r.Request().Header.Get("HX-Target") == "" {
			return nil // the view is where to go
		}
		return l.find(tx)
	}); err != nil {
		return err
	}
	if v, ok := tracking.StandardView(l.views); ok && l.state.Plain() && r.Request().Header.Get("HX-Target") == "" {
		u := viewURL(v)
		if len(l.selected()) > 0 {
			u += "&" + url.Values{"selected": l.selected()}.Encode()
		}
		return see(r, u)
	}
	v := l.view()
	v.Took = time.Since(began)
	return r.Render(filterStatus(r, v.Problem), runs.List(v))
}

// selected are the runs that the address ticks. It does so once: they are no part of State, and no link keeps them.
func (l *listing) selected() []string { return l.r.QueryParams()["selected"] }

// findTicked looks up which of the selected are runs of this experiment, on whichever page of it.
func (l *listing) findTicked(tx *storage.Tx) error {
	ids := l.selected()
	found, err := tracking.RunsByID(l.r.Ctx(), tx, l.r.Grant, ids[:min(tracking.MaxCompared, len(ids))])
	for _, run := range found {
		if run.ExperimentID == l.experiment.ID {
			l.ticked = append(l.ticked, run.ID)
		}
	}
	return err
}

// find reads what the table shows.
func (l *listing) find(tx *storage.Tx) (err error) {
	ctx, g := l.r.Ctx(), l.r.Grant
	if err := l.findTicked(tx); err != nil {
		return err
	}
	if l.uses, l.newest, err = tracking.ColumnUses(ctx, tx, g, l.state.Experiment); err != nil {
		return err
	}
	activity, err := tx.ActivityOf(ctx, []tracking.Experiment{l.experiment})
	if err != nil {
		return err
	}
	l.activity = activity[l.experiment.ID]
	l.columns = l.chosenColumns()
	l.query.Only = columnKeys(l.columns)
	if l.state.Group != "" {
		if err := l.findGroups(tx); err != nil || l.state.Group != "" {
			return err
		}
	}
	if l.page, err = tracking.SearchRuns(ctx, tx, g, l.query); err != nil {
		return err
	}
	if l.state.Tree {
		if err := l.findChildren(tx); err != nil {
			return err
		}
	}
	ids, makers := make([]string, len(l.page.Items)), []string{l.experiment.CreatedBy}
	for i, run := range l.page.Items {
		ids[i] = run.ID
		makers = append(makers, run.CreatedBy)
	}
	if at := slices.IndexFunc(l.columns, func(c runs.Column) bool { return c.Curve }); at >= 0 && len(ids) > 0 {
		metric := l.columns[at].Name()
		if l.trends, err = tx.Trends(ctx, ids, metric, trendPoints); err != nil {
			return err
		}
		if d := tracking.PrimaryDirection(l.experiment, metric); d != tracking.Unknown && l.activity.Runs > 1 {
			best, err := tx.BestRun(ctx, l.experiment.ID, metric, d == tracking.HigherIsBetter)
			if err != nil {
				return err
			}
			l.best = best.RunID
		}
	}
	if l.names, err = tx.NamesOf(ctx, makers...); err != nil {
		return err
	}
	if len(ids) == 0 && !l.state.Plain() {
		return nil
	}
	if len(ids) == 0 { // is it the first use, or is all in the trash?
		trash, err := tracking.SearchRuns(ctx, tx, g, tracking.Query{Experiments: l.query.Experiments, View: tracking.DeletedOnly, Limit: 1, Only: &tracking.Columns{}})
		l.trash = len(trash.Items) > 0
		return err
	}
	return nil
}

// chosenColumns are those of the address or, where it names none, the metrics that most runs have and the params
// that differ: first a metric with its curve.
func (l *listing) chosenColumns() (out []runs.Column) {
	for _, id := range l.state.Columns {
		if kind, key, ok := strings.Cut(id, "."); ok && key != "" && columnKinds[kind] {
			out = append(out, runs.Column{ID: id, Number: kind == "metrics"})
		}
	}
	if len(out) == 0 {
		out = l.tellingColumns()
	}
	if at := slices.IndexFunc(out, func(c runs.Column) bool { return c.Kind() == "metrics" }); at >= 0 {
		out[at].Curve = true
	}
	return out
}

var columnKinds = map[string]bool{"metrics": true, "params": true, "tags": true}

// The columns a table opens with.
const (
	mostMetrics = 6
	mostColumns = 11
)

func (l *listing) tellingColumns() (out []runs.Column) {
	var metrics []string
	for _, u := range l.uses {
		if u.Kind == tracking.KindMetric {
			metrics = append(metrics, u.Name)
		}
	}
	if first := tracking.PrimaryMetric(l.experiment, metrics); first != "" {
		metrics = append([]string{first}, slices.DeleteFunc(metrics, func(m string) bool { return m == first })...)
	}
	for _, m := range metrics[:min(mostMetrics, len(metrics))] {
		out = append(out, runs.Column{ID: "metrics." + m, Number: true})
	}
	for _, u := range l.uses {
		same := u.Values == 1 && u.Runs == l.newest && l.newest > 1
		if u.Kind == tracking.KindParam && !same && len(out) < mostColumns { // the same everywhere tells nothing
			out = append(out, runs.Column{ID: "params." + u.Name})
		}
	}
	return out
}

func columnKeys(cs []runs.Column) *tracking.Columns {
	keys := &tracking.Columns{}
	for _, c := range cs {
		switch c.Kind() {
		case "metrics":
			keys.Metrics = append(keys.Metrics, c.Name())
		case "params":
			keys.Params = append(keys.Params, c.Name())
		case "tags":
			keys.Tags = append(keys.Tags, c.Name())
		}
	}
	return keys
}

// mostChildren is how many children of one run a tree shows.
const mostChildren = 100

// findChildren puts the children of the open runs below them and counts those of the others.
func (l *listing) findChildren(tx *storage.Tx) (err error) {
	l.depth = map[string]int{}
	items := l.page.Items
	for level := range mostDepth {
		var next []tracking.Run
		grew := false
		for _, run := range items {
			next = append(next, run)
			if l.depth[run.ID] != level || !slices.Contains(l.state.Open, run.ID) {
				continue
			}
			q := l.query
			q.Filter, q.StartedAfter, q.After, q.Limit, q.Parent = nil, 0, "", mostChildren, &run.ID
			children, err := tracking.SearchRuns(l.r.Ctx(), tx, l.r.Grant, q)
			if err != nil {
				return err
			}
			for _, child := range children.Items {
				l.depth[child.ID] = level + 1
				next, grew = append(next, child), true
			}
		}
		items = next
		if !grew {
			break
		}
	}
	l.page.Items = items
	ids := make([]string, len(items))
	for i, run := range items {
		ids[i] = run.ID
	}
	l.children, err = tx.ChildCounts(l.r.Ctx(), ids)
	return err
}

// mostDepth bounds how deep a tree is shown: tags may make a circle.
const mostDepth = 5

func (l *listing) findGroups(tx *storage.Tx) (err error) {
	kind, key, _ := strings.Cut(l.state.Group, ".")
	by := tracking.Key{Kind: strings.TrimSuffix(kind, "s"), Name: key}
	l.groups, err = tracking.GroupRuns(l.r.Ctx(), tx, l.r.Grant, l.query, by, l.query.Only.Metrics)
	if domain.KindOf(err) == domain.Invalid { // the table is shown without groups
		l.fault = component.FilterProblem{Message: said(l.r.Ctx(), err), At: -1}
		l.state.Group = ""
		return nil
	}
	l.columns = slices.DeleteFunc(l.columns, func(c runs.Column) bool { return c.Kind() != "metrics" })
	return err
}

// view is the page.
func (l *listing) view() runs.ListView {
	r, e := l.r, l.experiment
	v := runs.ListView{
		State: l.state, Ticked: l.ticked, Problem: l.fault, Columns: l.columns, Total: l.activity.Runs, TrackingURI: r.Absolute(""),
		CanWrite: may(r, access.RunWrite), CanDelete: may(r, access.RunDelete),
		FirstUse: len(l.page.Items) == 0 && l.state.Plain() && !l.trash && l.fault.Message == "",
	}
	v.Experiment = l.head()
	for _, u := range l.uses {
		if u.Kind == tracking.KindParam {
			v.Keys = append(v.Keys, "params."+u.Name)
		}
	}
	for _, saved := range l.views {
		v.Views = append(v.Views, runs.SavedView{
			ID: saved.ID, Name: saved.Name, URL: viewURL(saved), Shared: saved.Shared, Standard: saved.Standard, Current: saved.ID == l.state.Saved,
			Mine: saved.Owner == r.Grant.Actor().ID || saved.Shared && v.CanWrite,
		})
	}
	if l.state.Group != "" {
		v.Groups = l.groupRows()
		return v
	}
	cells := l.cells()
	for i, run := range l.page.Items {
		row := runs.Row{
			ID: run.ID, Name: cmp.Or(run.Name, run.ID), Status: string(run.Status), Start: instant(run.StartTime), Duration: duration(r, run),
			User: cmp.Or(run.UserID, l.names[run.CreatedBy]), Cells: cells[i], Deleted: run.Deleted(), Trend: l.trends[run.ID],
			Depth: l.depth[run.ID], Children: l.children[run.ID], Open: slices.Contains(l.state.Open, run.ID), Best: run.ID == l.best,
		}
		if row.User != "" && !slices.Contains(v.Users, row.User) && run.UserID != "" {
			v.Users = append(v.Users, row.User)
		}
		v.Rows = append(v.Rows, row)
	}
	v.Pager = pager(r, l.page.Next, "/experiments/"+url.PathEscape(e.ID), "#runs")
	v.Pager.Shown = runs.Shown(r.Ctx(), len(v.Rows))
	return v
}

func (l *listing) head() runs.Experiment {
	e := l.experiment
	head := runs.Experiment{
		ID: e.ID, Name: e.Name, Location: e.ArtifactLocation, CreatedBy: l.names[e.CreatedBy], Created: instant(e.CreatedAt),
		Tags: shownTags(e.Tags), Deleted: e.Deleted(), Default: e.ID == "0",
	}
	for _, t := range e.Tags {
		if t.Key == tracking.TagNote {
			head.Description = t.Value
		}
	}
	return head
}

// cells are the values under the columns, metrics with one number of decimals a column.
func (l *listing) cells() [][]component.Cell {
	rs := l.page.Items
	out := make([][]component.Cell, len(rs))
	for i := range out {
		out[i] = make([]component.Cell, len(l.columns))
	}
	for c, col := range l.columns {
		if col.Kind() == "metrics" {
			numbers := make([]*float64, len(rs))
			for i := range rs {
				numbers[i] = metricValue(&rs[i], col.Name())
			}
			for i, text := range format.Column(l.r.Ctx(), numbers) {
				out[i][c] = component.Cell{Text: text, Number: true}
				if numbers[i] != nil {
					out[i][c].Full = exact(*numbers[i])
				}
			}
			continue
		}
		for i := range rs {
			out[i][c] = component.Cell{Text: format.Missing}
			if text, ok := textValue(rs[i], col); ok {
				out[i][c] = component.Cell{Text: cellText(text), Full: text, Mono: true}
			}
		}
		l.columns[c].Number = allNumbers(out, c)
	}
	return out
}

// cellText leaves of a long value what fits a cell; the page would carry thousands of characters nobody sees.
func cellText(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func metricValue(run *tracking.Run, key string) *float64 {
	if at := slices.IndexFunc(run.Metrics, func(m tracking.Metric) bool { return m.Key == key }); at >= 0 {
		return &run.Metrics[at].Value
	}
	return nil
}

func textValue(run tracking.Run, c runs.Column) (string, bool) {
	if c.Kind() == "tags" {
		at := slices.IndexFunc(run.Tags, func(t tracking.Tag) bool { return t.Key == c.Name() })
		if at < 0 {
			return "", false
		}
		return run.Tags[at].Value, true
	}
	at := slices.IndexFunc(run.Params, func(p tracking.Param) bool { return p.Key == c.Name() })
	if at < 0 {
		return "", false
	}
	return run.Params[at].Value, true
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

// groupRows are mean ± standard deviation of each metric, by group, a column's figures with the same decimals.
func (l *listing) groupRows() []runs.GroupRow {
	ctx := l.r.Ctx()
	out := make([]runs.GroupRow, len(l.groups))
	for i, g := range l.groups {
		out[i] = runs.GroupRow{Value: cellText(g.Value), Missing: g.Missing, Runs: format.Count(ctx, int64(g.Runs)), URL: l.groupURL(g)}
	}
	for _, c := range l.columns {
		means, stds := make([]*float64, len(l.groups)), make([]*float64, len(l.groups))
		for i, g := range l.groups {
			m := g.Metrics[c.Name()]
			if m.N > 0 {
				means[i] = &m.Mean
			}
			if std, ok := m.Std(); ok && !math.IsInf(std, 0) {
				stds[i] = &std
			}
		}
		meanTexts, stdTexts := format.Column(ctx, means), format.Column(ctx, stds)
		for i, g := range l.groups {
			m := g.Metrics[c.Name()]
			cell := component.Cell{Number: true, Text: meanTexts[i]}
			if means[i] != nil {
				cell.Full = i18n.T(ctx, "runs.group_cell", m.N, exact(m.Min), exact(m.Max))
			}
			if stds[i] != nil {
				cell.Text += " ± " + stdTexts[i]
			}
			out[i].Cells = append(out[i].Cells, cell)
		}
	}
	return out
}

// groupURL leads to the runs of a group.
func (l *listing) groupURL(g tracking.Group) string {
	condition := runs.KeyName(l.state.Group) + " = " + search.Quote(g.Value)
	if g.Missing {
		condition = runs.KeyName(l.state.Group) + " IS NULL"
	}
	return l.state.With(func(s *runs.State) {
		if s.Filter != "" {
			condition = "(" + s.Filter + ") AND " + condition
		}
		s.Filter, s.Group = condition, ""
	})
}

// viewURL is the address that a saved view stands for.
func viewURL(v tracking.SavedView) string {
	q, err := url.ParseQuery(v.Query)
	if err != nil {
		q = url.Values{}
	}
	s := runs.ParseState(v.ExperimentID, q)
	s.Saved, s.Token = v.ID, ""
	return s.URL()
}

func openView(r *route.Request) error {
	v, err := route.Read(r, func(tx *storage.Tx) (tracking.SavedView, error) {
		return tracking.ViewByID(r.Ctx(), tx, r.Grant, r.Param("view"))
	})
	if err != nil {
		return err
	}
	return see(r, viewURL(v))
}

func saveView(r *route.Request) error {
	q, err := url.ParseQuery(r.FormValue("query"))
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	state := runs.ParseState(r.Param("id"), q)
	state.Saved, state.Token = "", ""
	v, err := route.Write(r, func(tx *storage.Tx) (tracking.SavedView, error) {
		v := tracking.SavedView{
			ID: cmp.Or(r.FormValue("id"), storage.NewID(tx.Now())), ExperimentID: r.Param("id"), Name: form(r, "name"),
			Shared: r.FormValue("shared") != "", Standard: r.FormValue("standard") != "", Query: state.Values().Encode(),
		}
		return tracking.SaveView(r.Ctx(), tx, r.Grant, v, tx.Now())
	})
	if err != nil {
		return err
	}
	flash(r, "flash.view_saved", v.Name)
	return see(r, viewURL(v))
}

func deleteView(r *route.Request) error {
	v, err := route.Write(r, func(tx *storage.Tx) (tracking.SavedView, error) {
		return tracking.DeleteView(r.Ctx(), tx, r.Grant, r.Param("view"))
	})
	if err != nil {
		return err
	}
	flash(r, "flash.view_deleted", v.Name)
	return see(r, runs.State{Experiment: v.ExperimentID, Saved: "none"}.URL())
}

// chosen are the runs that a form ticked.
func chosen(r *route.Request) ([]string, error) {
	values, err := r.FormParams()
	if err != nil {
		return nil, domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	ids := slices.Clone(values["run"])
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// bulk does one act to the ticked runs, all or none, and comes back to the table.
func bulk(r *route.Request, said string, act func(tx *storage.Tx, run string) error) error {
	ids, err := chosen(r)
	if err != nil {
		return err
	}
	if err := route.Do(r, func(tx *storage.Tx) error {
		if err := r.Grant.Need(r.Grant.Perm(), r.Grant.Workspace()); err != nil {
			return err
		}
		return tracking.Bulk(ids, func(id string) error { return act(tx, id) })
	}); err != nil {
		return err
	}
	flashN(r, said, int64(len(ids)))
	return see(r, back(r, "/experiments/"+url.PathEscape(r.Param("id"))))
}

func tagRuns(r *route.Request) error {
	b := tracking.Batch{Tags: []tracking.Tag{{Key: form(r, "key"), Value: r.FormValue("value")}}}
	if err := b.Check(); err != nil {
		return err
	}
	return bulk(r, "flash.runs_tagged", func(tx *storage.Tx, run string) error { return tracking.Log(r.Ctx(), tx, r.Grant, run, b) })
}

func deleteRuns(r *route.Request) error {
	return bulk(r, "flash.runs_deleted", func(tx *storage.Tx, run string) error { return tracking.DeleteRun(r.Ctx(), tx, r.Grant, run, tx.Now()) })
}

func restoreRuns(r *route.Request) error {
	return bulk(r, "flash.runs_restored", func(tx *storage.Tx, run string) error { return tracking.RestoreRun(r.Ctx(), tx, r.Grant, run) })
}

// listKeys answers completion and pickers: keys of the experiment that contain q, as JSON.
func listKeys(r *route.Request) error {
	const most = 50
	keys, err := route.Read(r, func(tx *storage.Tx) ([]tracking.Key, error) {
		return tracking.KeysOf(r.Ctx(), tx, r.Grant, r.Param("id"), strings.TrimSuffix(r.QueryParam("kind"), "s"), r.QueryParam("q"), most)
	})
	if err != nil {
		return err
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Kind + "s." + k.Name
	}
	return r.JSON(http.StatusOK, names)
}

// listValues answers completion as JSON: values for the comparison that filter, the text before the caret, ends in.
// Each is written as the language wants it, to stand in place of the part that is there.
func listValues(r *route.Request) error {
	const most = 30
	filter := r.QueryParam("filter")
	out := struct {
		Part   string   `json:"part"`
		Values []string `json:"values"`
	}{Values: []string{}}
	c, at, ok := search.Runs.Unfinished(filter)
	values, err := route.Read(r, func(tx *storage.Tx) ([]string, error) {
		if !ok {
			return nil, r.Grant.Need(access.RunRead, r.Grant.Workspace())
		}
		return tracking.ValuesOf(r.Ctx(), tx, r.Grant, r.Param("id"), c, most)
	})
	if err != nil {
		return err
	}
	if ok {
		out.Part = filter[at:]
	}
	for _, v := range values {
		if v = search.Quote(v); c.Op == search.Eq || c.Op == search.Ne {
			v += " " // what may follow is offered next
		}
		out.Values = append(out.Values, v)
	}
	return r.JSON(http.StatusOK, out)
}

// more is a grant for another permission than the route's, for pages that show several kinds of things.
func more(r *route.Request, p access.Perm) (access.Grant, error) {
	return access.Authorize(r.Grant.Actor(), p, r.Grant.Workspace(), r.Grant.Origin())
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
