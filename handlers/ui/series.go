package ui

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/stats"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/series"
)

var seriesPages = []route.Route{
	route.GET("/series", access.RunRead, showSeries),
}

// How many points a curve has: what a client may ask for, and what it gets where it does not.
const (
	leastPoints   = 4
	mostPoints    = 2000
	standardShown = 1000
	tableCells    = 160 // rows of the page with the data, over all runs
)

// seriesQuery is what the address of a chart's data says.
type seriesQuery struct {
	runs   []string
	key    string
	points int
	format string
	component.ChartState
	tracking.CurveQuery
}

// chartState reads how the charts of a page are to be seen; what it cannot read is as if it were not there.
func chartState(r *route.Request) component.ChartState {
	s := component.ChartState{
		X: r.QueryParam("x"), Log: r.QueryParam("log") == "1", From: strings.TrimSpace(r.QueryParam("from")), To: strings.TrimSpace(r.QueryParam("to")),
		Group: r.QueryParam("group"), Band: r.QueryParam("band"),
	}
	if !slices.Contains([]string{component.AxisTime, component.AxisRelative}, s.X) {
		s.X = component.AxisStep
	}
	if v, err := strconv.ParseFloat(r.QueryParam("smooth"), 64); err == nil && v > 0 && v <= component.MostSmoothing {
		s.Smooth = v
	}
	if s.Band != component.BandRange {
		s.Band = component.BandStd
	}
	if _, _, ok := groupKey(s.Group); !ok {
		s.Group = ""
	}
	return s
}

func parseSeries(r *route.Request) (q seriesQuery, err error) {
	q.ChartState = chartState(r)
	q.key, q.runs, q.format, q.points = r.QueryParam("key"), r.QueryParams()["run"], r.QueryParam("format"), standardShown
	switch {
	case q.key == "":
		return q, domain.Fail(domain.Invalid, "series.key", "name a metric in key")
	case len(q.runs) == 0 || len(q.runs) > tracking.MaxCompared:
		return q, domain.Fail(domain.Invalid, "series.runs", "give between 1 and %d runs, not %d", tracking.MaxCompared, len(q.runs))
	}
	if text := r.QueryParam("points"); text != "" {
		if q.points, err = strconv.Atoi(text); err != nil || q.points < leastPoints || q.points > mostPoints {
			return q, domain.Fail(domain.Invalid, "series.points", "points must be a number from %d to %d", leastPoints, mostPoints)
		}
	}
	q.Axis = tracking.Axis(q.X)
	if q.CurveQuery.From, err = bound(r.Ctx(), q.Axis, q.ChartState.From); err != nil {
		return q, err
	}
	if q.CurveQuery.To, err = bound(r.Ctx(), q.Axis, q.ChartState.To); err != nil {
		return q, err
	}
	if from, to := q.CurveQuery.From, q.CurveQuery.To; from != nil && to != nil && *from > *to {
		return q, domain.Fail(domain.Invalid, "series.range", "the range ends before it begins")
	}
	return q, nil
}

// bound reads one end of a range in units of an axis: a step, seconds since the run began, or an instant, which is in
// the reader's zone where it names none.
func bound(ctx context.Context, axis tracking.Axis, text string) (*int64, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no bound
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(text, "−", "-"), 64)
	switch {
	case axis == tracking.TimeAxis:
		at, ok := format.ParseTime(ctx, text)
		if !ok {
			return nil, domain.Fail(domain.Invalid, "series.instant", "%q is no date: write it as 2026-11-18T14:30", cut(text))
		}
		ms := at.UnixMilli()
		return &ms, nil
	case err != nil || math.IsNaN(v) || math.Abs(v) > 1<<53:
		return nil, domain.Fail(domain.Invalid, "series.bound", "%q is no number to begin or end at", cut(text))
	case axis == tracking.RelativeAxis:
		v *= 1000
	}
	n := int64(math.Round(v))
	return &n, nil
}

// cut shortens what somebody sent, for a message.
func cut(text string) string {
	const most = 60
	if rs := []rune(text); len(rs) > most {
		return string(rs[:most]) + "…"
	}
	return text
}

// groupKey takes the name of a group apart: params.optimizer, tags.team, status, user.
func groupKey(group string) (kind, key string, ok bool) {
	if group == "status" || group == "user" {
		return "", group, true
	}
	prefix, key, _ := strings.Cut(group, ".")
	kind, known := map[string]string{"params": tracking.KindParam, "tags": tracking.KindTag}[prefix]
	return kind, key, known && key != ""
}

func showSeries(r *route.Request) error {
	q, err := parseSeries(r)
	if err == nil {
		var s seriesData
		if s, err = readSeries(r, q); err == nil {
			return s.answer(r)
		}
	}
	if q.format == "" || q.format == "json" { // a chart says what went wrong in its card
		if kind := domain.KindOf(err); kind == domain.Invalid || kind == domain.NotFound {
			return r.JSON(route.Status[kind], map[string]string{"error": said(r.Ctx(), err)})
		}
	}
	return err
}

// seriesData is the data of one chart: a curve a run, or a band a group.
type seriesData struct {
	q      seriesQuery
	runs   []tracking.Run
	total  []int64 // points of each run, in the range
	curves [][]tracking.Point
	groups []runGroup
}

// runGroup are the runs that have the same value of something.
type runGroup struct {
	name  string
	runs  []int // their places among the runs
	bands []stats.Band
}

func readSeries(r *route.Request, q seriesQuery) (s seriesData, err error) {
	s.q = q
	var groups map[string]string
	if s.runs, err = route.Read(r, func(tx *storage.Tx) ([]tracking.Run, error) {
		runs, err := tracking.RunsByID(r.Ctx(), tx, r.Grant, q.runs)
		if err != nil || q.Group == "" {
			return runs, err
		}
		groups, err = groupsOf(r, tx, runs, q.Group)
		return runs, err
	}); err != nil {
		return s, err
	}
	if len(s.runs) == 0 {
		return s, domain.Fail(domain.NotFound, "series.no_run", "none of these runs is here: they may have been deleted for good")
	}
	if q.Group != "" {
		return s, s.readBands(r, groups)
	}
	return s, s.each(r, func(_ int, c tracking.Curve) {
		s.total = append(s.total, int64(c.Len()))
		s.curves = append(s.curves, c.Shown(q.key, q.points))
	})
}

// each decodes the curves of the runs, one after the other: a curve may have millions of points, of which only
// what fn keeps stays in memory. No transaction is open while one is decoded.
func (s *seriesData) each(r *route.Request, fn func(i int, c tracking.Curve)) error {
	for i, run := range s.runs {
		h, err := route.Read(r, func(tx *storage.Tx) (tracking.History, error) {
			return tracking.MetricHistory(r.Ctx(), tx, r.Grant, tracking.HistoryQuery{RunID: run.ID, Key: s.q.key})
		})
		if err != nil {
			return err
		}
		c, err := tracking.CurveOf(run, h, s.q.CurveQuery)
		if err != nil {
			return err
		}
		fn(i, c)
	}
	return r.Ctx().Err()
}

// readBands goes over the curves twice: where they have points, then what their means are there.
func (s *seriesData) readBands(r *route.Request, groups map[string]string) error {
	var grid stats.Grid
	if err := s.each(r, func(_ int, c tracking.Curve) { grid.Add(c.X) }); err != nil {
		return err
	}
	means := make([][]float64, len(s.runs))
	if err := s.each(r, func(i int, c tracking.Curve) {
		s.total = append(s.total, int64(c.Len()))
		means[i] = grid.Means(c.X, c.Values())
	}); err != nil {
		return err
	}
	s.groups = grouped(s.runs, groups)
	for i, g := range s.groups {
		var of [][]float64
		for _, run := range g.runs {
			of = append(of, means[run])
		}
		s.groups[i].bands = grid.Bands(of)
	}
	return nil
}

// groupsOf is the value that each run has of what it is grouped by, "" for none.
func groupsOf(r *route.Request, tx *storage.Tx, runs []tracking.Run, group string) (map[string]string, error) {
	kind, key, _ := groupKey(group)
	out := map[string]string{}
	if kind == "" {
		for _, run := range runs {
			out[run.ID] = string(run.Status)
			if key == "user" {
				out[run.ID] = run.UserID
			}
		}
		return out, nil
	}
	values, err := tx.TextsIn(r.Ctx(), kind, ids(runs), []string{key})
	for _, v := range values {
		out[v.RunID] = v.Value
	}
	return out, err
}

func ids(runs []tracking.Run) []string {
	out := make([]string, len(runs))
	for i, run := range runs {
		out[i] = run.ID
	}
	return out
}

// grouped puts runs with the same value together, numbers in their order, then texts, then those without.
func grouped(runs []tracking.Run, values map[string]string) (out []runGroup) {
	at := map[string]int{}
	for i, run := range runs {
		v := values[run.ID]
		g, ok := at[v]
		if !ok {
			g = len(out)
			at[v] = g
			out = append(out, runGroup{name: v})
		}
		out[g].runs = append(out[g].runs, i)
	}
	slices.SortStableFunc(out, func(a, b runGroup) int {
		x, errX := strconv.ParseFloat(a.name, 64)
		y, errY := strconv.ParseFloat(b.name, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
		return cmp.Or(cmp.Compare(boolInt(a.name == ""), boolInt(b.name == "")), cmp.Compare(boolInt(errX != nil), boolInt(errY != nil)), strings.Compare(a.name, b.name))
	})
	return out
}

// label is the name of group i, "learning_rate = 0.1".
func (s *seriesData) label(i int) string {
	_, key, _ := groupKey(s.q.Group)
	return key + " = " + cmp.Or(s.groups[i].name, format.Missing)
}

// shown is x as the chart has it: steps, milliseconds since 1970, or seconds since the run began.
func (s *seriesData) shown(x float64) float64 {
	if s.q.Axis == tracking.RelativeAxis {
		return x / 1000
	}
	return x
}

func (s *seriesData) answer(r *route.Request) error {
	switch s.q.format {
	case "csv":
		return download.CSV(r, fileStem(s.q.key)+".csv", s.table())
	case "html":
		return s.page(r)
	default:
		return s.json(r)
	}
}

// fileStem is a metric's name without what separates folders.
func fileStem(key string) string { return strings.NewReplacer("/", "-", "\\", "-").Replace(key) }

// pair is one point of a chart: x, then one or more values. What is not finite is null, a gap.
type pair []float64

// MarshalJSON implements json.Marshaler. Nine digits are more than a screen has.
func (p pair) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, v := range p {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case !stats.Finite(v):
			b = append(b, "null"...)
		case i == 0: // instants need all their digits
			b = strconv.AppendFloat(b, v, 'f', -1, 64)
		default:
			b = strconv.AppendFloat(b, v, 'g', 9, 64)
		}
	}
	return append(b, ']'), nil
}

// drawn is one curve as chart.js draws it.
type drawn struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Color  int    `json:"color"` // place among the design's series colours, dashes and symbols
	Total  int64  `json:"total"`
	Points []pair `json:"points"`
	Band   []pair `json:"band,omitempty"` // x, low, high
}

func (s *seriesData) json(r *route.Request) error {
	out := struct {
		Key      string   `json:"key"`
		X        string   `json:"x"`
		XName    string   `json:"xName"`
		From     *float64 `json:"from"`
		To       *float64 `json:"to"`
		Sentence string   `json:"sentence"`
		Series   []drawn  `json:"series"`
	}{s.q.key, s.q.X, i18n.T(r.Ctx(), "chart.axis."+s.q.X), s.end(s.q.CurveQuery.From), s.end(s.q.CurveQuery.To), s.sentence(r), s.drawn()}
	h := r.Response().Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Cookie")
	h.Add("Vary", "Authorization")
	body, err := marshal(out)
	if err != nil {
		return err
	}
	sum := fnv.New64a()
	sum.Write(body)
	tag := fmt.Sprintf(`W/"%x"`, sum.Sum64())
	h.Set("ETag", tag)
	if r.Request().Header.Get("If-None-Match") == tag {
		return r.NoContent(http.StatusNotModified)
	}
	return r.JSONBlob(http.StatusOK, body)
}

func (s *seriesData) end(x *int64) *float64 {
	if x == nil {
		return nil
	}
	v := s.shown(float64(*x))
	return &v
}

func (s *seriesData) drawn() []drawn {
	out := []drawn{}
	for i, run := range s.runs {
		if s.q.Group != "" {
			break
		}
		d := drawn{ID: run.ID, Name: run.Name, Color: i, Total: s.total[i], Points: []pair{}}
		if len(s.runs) > 1 {
			d.Name = chart.Letter(i) + " " + run.Name
		}
		for _, p := range s.curves[i] {
			d.Points = append(d.Points, pair{s.shown(float64(p.X)), p.Value})
		}
		out = append(out, d)
	}
	for i, g := range s.groups {
		d := drawn{ID: s.q.Group + "=" + g.name, Color: i, Points: []pair{}}
		var letters []string
		for _, run := range g.runs {
			d.Total += s.total[run]
			letters = append(letters, chart.Letter(run))
		}
		d.Name = s.label(i) + " (" + strings.Join(letters, ", ") + ")"
		for _, b := range g.bands {
			low, high := ends(b, s.q.Band)
			d.Points = append(d.Points, pair{s.shown(b.X), b.Mean})
			d.Band = append(d.Band, pair{s.shown(b.X), low, high})
		}
		out = append(out, d)
	}
	return out
}

// ends are the edges of a band: the mean and the sample standard deviation around it, or the lowest and the highest.
func ends(b stats.Band, band string) (low, high float64) {
	if band == component.BandRange {
		return b.Low, b.High
	}
	return b.Mean - b.Std, b.Mean + b.Std
}

// saidRuns is how many curves a sentence tells of.
const saidRuns = 5

func (s *seriesData) sentence(r *route.Request) string {
	var lines []chart.Series
	for i := range s.curves {
		line := chart.Series{Name: s.runs[i].Name}
		for _, p := range s.curves[i] {
			line.Points = append(line.Points, chart.Point{Y: p.Value})
		}
		lines = append(lines, line)
	}
	for i, g := range s.groups {
		line := chart.Series{Name: s.label(i)}
		for _, b := range g.bands {
			line.Points = append(line.Points, chart.Point{Y: b.Mean})
		}
		lines = append(lines, line)
	}
	said := chart.Sentence(r.Ctx(), lines[:min(saidRuns, len(lines))])
	if rest := len(lines) - saidRuns; rest > 0 {
		said += " " + i18n.N(r.Ctx(), "chart.more_curves", int64(rest))
	}
	return said
}

// table is what the chart shows at full precision, its times in ISO 8601.
func (s *seriesData) table() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if s.q.Group != "" {
			s.bandTable(yield)
			return
		}
		if !yield([]string{"run_id", "run_name", "metric", "step", "time", "value"}) {
			return
		}
		for i, run := range s.runs {
			for _, p := range s.curves[i] {
				at := stamp(p.Timestamp)
				if !yield([]string{run.ID, run.Name, s.q.key, strconv.FormatInt(p.Step, 10), at, exact(p.Value)}) {
					return
				}
			}
		}
	}
}

func (s *seriesData) bandTable(yield func([]string) bool) {
	if !yield([]string{"group", "metric", s.q.X, "runs", "mean", "std", "min", "max"}) {
		return
	}
	for _, g := range s.groups {
		for _, b := range g.bands {
			x := exact(s.shown(b.X))
			if s.q.Axis == tracking.TimeAxis {
				x = stamp(int64(b.X))
			}
			if !yield([]string{g.name, s.q.key, x, strconv.Itoa(b.N), exact(b.Mean), exactOrNone(b.Std), exact(b.Low), exact(b.High)}) {
				return
			}
		}
	}
}

// exactOrNone is empty for what is not known.
func exactOrNone(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return exact(v)
}

// page is the chart as a table, for who has no scripts or wants the figures.
func (s *seriesData) page(r *route.Request) error {
	ctx := r.Ctx()
	v := page.View{Key: s.q.key, Grouped: s.q.Group != "", Several: len(s.runs) > 1, Axis: s.q.X, CSV: seriesPath(s.q.runs, s.q.key, "csv", s.q.ChartState)}
	for i, run := range s.runs {
		v.Runs = append(v.Runs, page.Run{Name: run.Name, Letter: chart.Letter(i), Path: "/runs/" + run.ID})
		v.Total += s.total[i]
	}
	rows := max(1, tableCells/len(s.runs))
	for i, c := range s.curves {
		for _, at := range spread(len(c), rows) {
			p := c[at]
			v.Rows = append(v.Rows, page.Row{Run: i, X: format.Count(ctx, p.Step), At: instant(p.Timestamp), Values: []component.Cell{number(r, p.Value)}})
		}
	}
	for i, g := range s.groups {
		for _, at := range spread(len(g.bands), max(1, tableCells/len(s.groups))) {
			b := g.bands[at]
			low, high := ends(b, s.q.Band)
			row := page.Row{Group: s.label(i), X: format.Number(ctx, s.shown(b.X)), N: format.Count(ctx, int64(b.N)), Values: []component.Cell{number(r, b.Mean), number(r, low), number(r, high)}}
			if s.q.Axis == tracking.TimeAxis {
				row.X, row.At = "", instant(int64(b.X))
			}
			v.Rows = append(v.Rows, row)
		}
	}
	return r.Render(http.StatusOK, page.Show(v))
}

// number is a value of a table; what was not measured is a dash.
func number(r *route.Request, v float64) component.Cell {
	if math.Abs(v) == math.MaxFloat64 { // how an infinity is stored
		v = math.Inf(int(math.Copysign(1, v)))
	}
	return component.Cell{Text: format.Number(r.Ctx(), v), Full: exact(v), Number: true}
}

// spread are at most most of n places at equal distances, the first and the last among them.
func spread(n, most int) []int {
	if n > most && most == 1 {
		return []int{n - 1}
	}
	out := make([]int, min(n, most))
	for i := range out {
		out[i] = i
		if n > most {
			out[i] = i * (n - 1) / (most - 1)
		}
	}
	return out
}

// seriesPath is where the data of a chart comes from; without a format it is what the chart itself asks for.
func seriesPath(runs []string, key, format string, s component.ChartState) string {
	q := url.Values{"run": runs, "key": {key}}
	for name, value := range map[string]string{"x": s.X, "from": s.From, "to": s.To, "group": s.Group, "format": format} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.Group != "" {
		q.Set("band", s.Band)
	}
	return "/series?" + q.Encode()
}

// shownPoints is how many points the curves of one chart have, so that many runs do not make it heavy.
func shownPoints(runs int) int {
	const lines, all = 2000, 8000
	return max(400, min(lines, all/max(1, runs)))
}

// seriesChart is the card of one metric of some runs; n makes its id unique in the page.
func seriesChart(n int, runs []string, key string, s component.ChartState) component.SeriesProps {
	src := seriesPath(runs, key, "", s) + "&points=" + strconv.Itoa(shownPoints(len(runs)))
	return component.SeriesProps{
		ID: chart.ID(n), Title: key, Src: src, Table: seriesPath(runs, key, "html", s), CSV: seriesPath(runs, key, "csv", s) + "&points=" + strconv.Itoa(mostPoints),
	}
}

// marshal is json.Marshal that leaves < and > alone: the answer is no page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
