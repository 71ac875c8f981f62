package ui

import (
	"fmt"
	"iter"
	"math"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/stats"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/compare"
)

// How much the views show at a time.
const (
	pageCurves  = 8
	pageImages  = 6
	mostOptions = 40 // of one kind in a choice
	paramAxes   = 5
	mostAxes    = 12
)

// fillView is the part of the page below the table.
func (c *comparison) fillView(tx *storage.Tx, v *compare.View) (err error) {
	switch c.view {
	case compare.ViewCurves:
		v.Curves = c.curves()
		return nil
	case compare.ViewImages:
		v.Images, err = c.images(tx)
		return err
	}
	p, form, err := c.plot(tx)
	if err != nil {
		return err
	}
	v.Form, v.Notes, v.Kept = form, p.notes, c.view == compare.ViewParallel
	if p.option != nil {
		v.Chart = &component.ChartProps{
			ID: "plot", Title: i18n.T(c.r.Ctx(), "compare.view."+c.view), Sub: p.sub, Sentence: strings.Join(append([]string{p.sub}, p.notes...), ". "),
			Option: p.option, Columns: p.columns, Rows: c.readable(p.rows),
		}
		v.Export = "/compare/chart" + strings.TrimPrefix(c.with(func(url.Values) {}), "/compare")
	}
	return nil
}

// curves are charts of the metrics that the runs share, those with more than one step before single values.
func (c *comparison) curves() (v compare.Curves) {
	state := chartState(c.r)
	v.Controls = component.ChartControlsProps{Action: "/compare", State: state, Keep: c.kept("x", "log", "smooth", "from", "to", "group", "band"), Groups: c.groupOptions(state.Group)}
	found := slices.DeleteFunc(slices.Clone(c.metrics), func(u tracking.KeyUse) bool {
		return !strings.Contains(strings.ToLower(u.Key), strings.ToLower(c.query))
	})
	slices.SortStableFunc(found, func(a, b tracking.KeyUse) int {
		for _, d := range []int{boolInt(isSystem(a.Key)) - boolInt(isSystem(b.Key)), b.Runs - a.Runs, boolInt(b.Step > 0) - boolInt(a.Step > 0)} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	v.Found = len(found)
	var from, to int
	from, to, v.Pager = c.paged(len(found), pageCurves)
	for i, u := range found[from:to] {
		v.Charts = append(v.Charts, seriesChart(i, ids(c.runs), u.Key, state))
	}
	return v
}

// paged is the part of n things that the page shows, and the way to the others.
func (c *comparison) paged(n, size int) (from, to int, p component.PagerProps) {
	page, _ := strconv.Atoi(c.r.QueryParam("page")) // anything else is the first
	page = max(1, min(page, (n+size-1)/size))
	from, to = (page-1)*size, min(page*size, n)
	if n <= size {
		return 0, n, p
	}
	ctx := c.r.Ctx()
	p.Shown = i18n.T(ctx, "compare.part", format.Count(ctx, int64(from+1)), format.Count(ctx, int64(to)), format.Count(ctx, int64(n)))
	at := func(page int) string {
		return c.with(func(q url.Values) {
			if page > 1 {
				q.Set("page", strconv.Itoa(page))
			}
		}) + "#views"
	}
	if page > 1 {
		p.First = at(1)
	}
	if to < n {
		p.Next = at(page + 1)
	}
	return from, to, p
}

// groupOptions are what the runs can be grouped by: params that differ, then tags, then what every run has.
func (c *comparison) groupOptions(chosen string) (out []component.Option) {
	add := func(value, label string) {
		out = append(out, component.Option{Value: value, Label: label, Selected: value == chosen})
	}
	for prefix, uses := range map[string][]tracking.KeyUse{"params.": c.params, "tags.": c.tags} {
		n := 0
		for _, u := range uses {
			if (u.Differs || u.Runs < len(c.runs)) && n < mostOptions/2 || prefix+u.Key == chosen {
				add(prefix+u.Key, prefix+u.Key)
				n++
			}
		}
	}
	slices.SortFunc(out, func(a, b component.Option) int { return strings.Compare(a.Value, b.Value) })
	add("status", i18n.T(c.r.Ctx(), "compare.env.status"))
	add("user", i18n.T(c.r.Ctx(), "compare.env.user"))
	return out
}

// plot is a chart that is not a curve: what to draw, what to say, and its figures.
type plot struct {
	option  any
	sub     string
	notes   []string
	columns []string
	rows    [][]string // exact; the first of each is the run or the group
}

// readable is a table of a plot as the reader writes numbers.
func (c *comparison) readable(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = slices.Clone(row)
		for j, text := range row {
			if v, err := strconv.ParseFloat(text, 64); j > 0 && err == nil {
				out[i][j] = format.Number(c.r.Ctx(), v)
			} else if text == "" {
				out[i][j] = format.Missing
			}
		}
	}
	return out
}

func (c *comparison) plot(tx *storage.Tx) (plot, compare.Form, error) {
	switch c.view {
	case compare.ViewScatter:
		return c.scatter(tx)
	case compare.ViewParallel:
		return c.parallel(tx)
	default:
		return c.boxes(tx)
	}
}

// column is what the runs have under one name: texts, and numbers where every text is one.
type column struct {
	name    string
	texts   []string // "" for none
	numbers []float64
	numeric bool
}

// columns reads params and metrics by their names in the filter language, params.x and metrics.y.
func (c *comparison) columns(tx *storage.Tx, names []string) ([]column, error) {
	var metrics, params []string
	for _, name := range names {
		if key, ok := strings.CutPrefix(name, "metrics."); ok {
			metrics = append(metrics, key)
		} else if key, ok := strings.CutPrefix(name, "params."); ok {
			params = append(params, key)
		}
	}
	ms, err := tx.MetricsIn(c.r.Ctx(), ids(c.runs), metrics)
	if err != nil {
		return nil, err
	}
	ps, err := tx.TextsIn(c.r.Ctx(), tracking.KindParam, ids(c.runs), params)
	if err != nil {
		return nil, err
	}
	out := make([]column, len(names))
	for i, name := range names {
		col := column{name: name, texts: make([]string, len(c.runs)), numbers: make([]float64, len(c.runs))}
		for _, m := range ms {
			if "metrics."+m.Key == name {
				col.texts[c.place(m.RunID)] = exact(m.Value)
			}
		}
		for _, p := range ps {
			if "params."+p.Key == name {
				col.texts[c.place(p.RunID)] = p.Value
			}
		}
		out[i] = col.typed()
	}
	return out, nil
}

// typed finds out whether the texts are numbers; missing ones are NaN.
func (col column) typed() column {
	some := false
	for i, text := range col.texts {
		v, err := strconv.ParseFloat(text, 64)
		if text != "" && err != nil {
			return col
		}
		if col.numbers[i] = v; text == "" {
			col.numbers[i] = math.NaN()
		}
		some = some || text != ""
	}
	col.numeric = some
	return col
}

// label is the name without the word for its kind.
func (col column) label() string {
	_, key, _ := strings.Cut(col.name, ".")
	return key
}

// categories are the different texts, in order.
func (col column) categories() []string {
	out := slices.DeleteFunc(slices.Clone(col.texts), func(t string) bool { return t == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

// names are what a plot can show, the most telling first: metrics that most runs have, params that differ.
func (c *comparison) names() (metrics, params []string) {
	uses := slices.Clone(c.metrics)
	main := c.mainMetric()
	slices.SortStableFunc(uses, func(a, b tracking.KeyUse) int {
		if (a.Key == main) != (b.Key == main) {
			return boolInt(b.Key == main) - boolInt(a.Key == main)
		}
		return b.Runs - a.Runs
	})
	for _, u := range uses[:min(mostOptions, len(uses))] {
		metrics = append(metrics, "metrics."+u.Key)
	}
	uses = slices.Clone(c.params)
	slices.SortStableFunc(uses, func(a, b tracking.KeyUse) int { return boolInt(b.Differs) - boolInt(a.Differs) })
	for _, u := range uses[:min(mostOptions, len(uses))] {
		params = append(params, "params."+u.Key)
	}
	return metrics, params
}

// choice is a select of names; one that somebody asked for is in it though it is not among the most telling.
func choice(name, label, chosen string, names []string) component.SelectProps {
	if chosen != "" && !slices.Contains(names, chosen) {
		names = append([]string{chosen}, names...)
	}
	s := component.SelectProps{Name: name, Label: label}
	for _, n := range names {
		s.Options = append(s.Options, component.Option{Value: n, Label: n, Selected: n == chosen})
	}
	return s
}

// wanted is the parameter of the address, if it names a param or metric, else the first of names.
func (c *comparison) wanted(parameter string, names []string) string {
	v := c.r.QueryParam(parameter)
	if strings.HasPrefix(v, "metrics.") || strings.HasPrefix(v, "params.") {
		return v
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

// dot is a run in a plot.
type dot struct {
	Name  string   `json:"name"`
	Color int      `json:"color"`
	X     *float64 `json:"x"`
	Y     *float64 `json:"y"`
}

func (c *comparison) runLabel(i int) string { return chart.Letter(i) + " " + c.runs[i].Name }

// scatter is one point a run, with the line of least squares where it says something.
func (c *comparison) scatter(tx *storage.Tx) (p plot, f compare.Form, err error) {
	ctx := c.r.Ctx()
	metrics, params := c.names()
	x, y := c.wanted("sx", slices.Concat(params, metrics)), c.wanted("sy", slices.Concat(metrics, params))
	f.Keep = c.kept("sx", "sy")
	f.Selects = []component.SelectProps{
		choice("sx", i18n.T(ctx, "compare.x"), x, slices.Concat(params, metrics)), choice("sy", i18n.T(ctx, "compare.y"), y, metrics),
	}
	if x == "" || y == "" {
		return p, f, nil
	}
	cols, err := c.columns(tx, []string{x, y})
	if err != nil {
		return p, f, err
	}
	cx, cy := cols[0], cols[1]
	option := struct {
		Kind       string       `json:"kind"`
		X          string       `json:"x"`
		Y          string       `json:"y"`
		Categories []string     `json:"categories,omitempty"`
		Dots       []dot        `json:"dots"`
		Trend      [][2]float64 `json:"trend,omitempty"`
	}{Kind: "scatter", X: cx.label(), Y: cy.label()}
	if !cx.numeric {
		option.Categories = cx.categories()
	}
	p.columns = []string{i18n.T(ctx, "chart.run"), x, y}
	for i := range c.runs {
		p.rows = append(p.rows, []string{c.runLabel(i), cx.texts[i], cy.texts[i]})
		at := cx.numbers[i]
		if !cx.numeric {
			place, ok := slices.BinarySearch(option.Categories, cx.texts[i])
			if at = float64(place); !ok {
				at = math.NaN()
			}
		}
		option.Dots = append(option.Dots, placed(c.runLabel(i), i, at, cy.numbers[i])...)
	}
	if left := len(c.runs) - len(option.Dots); left > 0 {
		p.notes = append(p.notes, i18n.N(ctx, "compare.left_out", int64(left)))
	}
	if !cy.numeric || len(option.Dots) == 0 {
		return plot{notes: []string{i18n.T(ctx, "compare.nothing_to_draw")}}, f, nil
	}
	p.sub = cy.label() + " / " + cx.label()
	if cx.numeric {
		trend, ok := stats.TrendOf(cx.numbers, cy.numbers)
		if ok {
			s := stats.Summarize(cx.numbers)
			option.Trend = [][2]float64{{s.Low, trend.Intercept + trend.Slope*s.Low}, {s.High, trend.Intercept + trend.Slope*s.High}}
			p.notes = append(p.notes, i18n.T(ctx, "compare.trend", format.Number(ctx, trend.R), format.Count(ctx, int64(trend.N)), format.Number(ctx, trend.Slope)))
		} else {
			p.notes = append(p.notes, i18n.T(ctx, "compare.no_trend", format.Count(ctx, int64(trend.N))))
		}
	}
	p.option = option
	return p, f, nil
}

// placed is the dot of a run, none where a coordinate is missing.
func placed(name string, color int, x, y float64) []dot {
	if !stats.Finite(x) || !stats.Finite(y) {
		return nil
	}
	return []dot{{name, color, &x, &y}}
}

// lane is an axis of parallel coordinates.
type lane struct {
	ID         string   `json:"id"` // its name with its kind
	Name       string   `json:"name"`
	Categories []string `json:"categories,omitempty"`
	Missing    bool     `json:"missing"` // some run has nothing here: it goes through a lane of its own
}

// strand is a run across the lanes: a number, the place of its text among the categories, or null.
type strand struct {
	Name   string `json:"name"`
	Letter string `json:"letter"`
	Color  int    `json:"color"`
	Values []any  `json:"values"`
}

func (c *comparison) parallel(tx *storage.Tx) (p plot, f compare.Form, err error) {
	ctx := c.r.Ctx()
	metrics, params := c.names()
	axes := slices.DeleteFunc(slices.Clone(c.r.QueryParams()["axis"]), func(a string) bool {
		return !strings.HasPrefix(a, "metrics.") && !strings.HasPrefix(a, "params.")
	})
	axes = unique(axes)
	if len(axes) == 0 {
		axes = c.standardAxes(metrics)
	}
	axes = axes[:min(mostAxes, len(axes))]
	f.Keep = c.kept("axis")
	for _, a := range axes {
		f.Keep = append(f.Keep, component.Pair{Key: "axis", Value: a})
		_, label, _ := strings.Cut(a, ".")
		axis := compare.Axis{Label: label}
		if len(axes) > 2 {
			axis.Remove = c.with(func(q url.Values) {
				q["axis"] = slices.DeleteFunc(slices.Clone(axes), func(o string) bool { return o == a })
			}) + "#views"
		}
		f.Axes = append(f.Axes, axis)
	}
	rest := slices.DeleteFunc(slices.Concat(params, metrics), func(n string) bool { return slices.Contains(axes, n) })
	if len(rest) > 0 && len(axes) < mostAxes {
		f.Selects = []component.SelectProps{choice("axis", i18n.T(ctx, "compare.add_axis"), "", rest)}
	}
	if len(axes) < 2 {
		return p, f, nil
	}
	cols, err := c.columns(tx, axes)
	if err != nil {
		return p, f, err
	}
	lanes, strands := make([]lane, len(cols)), make([]strand, len(c.runs))
	p.columns = append([]string{i18n.T(ctx, "chart.run")}, axes...)
	for i := range c.runs {
		strands[i] = strand{Name: c.runLabel(i), Letter: chart.Letter(i), Color: i, Values: make([]any, len(cols))}
		row := []string{c.runLabel(i)}
		for a, col := range cols {
			row = append(row, col.texts[i])
			strands[i].Values[a] = col.place(i)
			lanes[a].Missing = lanes[a].Missing || strands[i].Values[a] == nil
		}
		p.rows = append(p.rows, row)
	}
	for a, col := range cols {
		if lanes[a].ID, lanes[a].Name = col.name, col.label(); !col.numeric {
			lanes[a].Categories = col.categories()
		}
	}
	p.sub = i18n.T(ctx, "compare.brush")
	p.option = map[string]any{"kind": "parallel", "axes": lanes, "runs": strands}
	return p, f, nil
}

// standardAxes are the first params that differ, and the metric that says most.
func (c *comparison) standardAxes(metrics []string) (out []string) {
	for _, u := range c.params {
		if (u.Differs || u.Runs < len(c.runs)) && len(out) < paramAxes {
			out = append(out, "params."+u.Key)
		}
	}
	return slices.Concat(out, metrics[:min(max(1, 2-len(out)), len(metrics))])
}

// place is where run i stands on the axis of col: nil where it has nothing.
func (col column) place(i int) any {
	if col.numeric {
		if stats.Finite(col.numbers[i]) {
			return col.numbers[i]
		}
		return nil
	}
	if at, ok := slices.BinarySearch(col.categories(), col.texts[i]); ok {
		return at
	}
	return nil
}

func unique(all []string) (out []string) {
	for _, s := range all {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// minBox is how many runs a box needs: the quartiles of fewer are made of the same few values.
const minBox = 5

// boxGroup is a group in a box plot: a box, or its runs as points where they are few.
type boxGroup struct {
	Name string    `json:"name"`
	Box  []float64 `json:"box,omitempty"` // low, first quartile, median, third quartile, high
	Dots []dot     `json:"dots"`          // all runs of a small group, else the outliers
}

func (c *comparison) boxes(tx *storage.Tx) (p plot, f compare.Form, err error) {
	ctx := c.r.Ctx()
	metrics, _ := c.names()
	y := c.wanted("sy", metrics)
	by := c.r.QueryParam("by")
	if _, _, ok := groupKey(by); !ok {
		by = ""
	}
	f.Keep = c.kept("sy", "by")
	groups := component.SelectProps{Name: "by", Label: i18n.T(ctx, "chart.group_by"), Options: append([]component.Option{{Label: i18n.T(ctx, "chart.no_group")}}, c.groupOptions(by)...)}
	f.Selects = []component.SelectProps{choice("sy", i18n.T(ctx, "compare.metric"), y, metrics), groups}
	if y == "" {
		return p, f, nil
	}
	cols, err := c.columns(tx, []string{y})
	if err != nil {
		return p, f, err
	}
	values := map[string]string{}
	if by != "" {
		if values, err = groupsOf(c.r, tx, c.runs, by); err != nil {
			return p, f, err
		}
	}
	if !cols[0].numeric {
		return plot{notes: []string{i18n.T(ctx, "compare.nothing_to_draw")}}, f, nil
	}
	p.columns = []string{
		i18n.T(ctx, "chart.group"), i18n.T(ctx, "chart.runs"), i18n.T(ctx, "compare.low_whisker"), i18n.T(ctx, "compare.q1"),
		i18n.T(ctx, "compare.median"), i18n.T(ctx, "compare.q3"), i18n.T(ctx, "compare.high_whisker"),
	}
	var drawn []boxGroup
	for _, g := range grouped(c.runs, values) {
		drawn = append(drawn, c.box(&p, g, by, cols[0]))
	}
	p.sub = i18n.T(ctx, "compare.box_sub", strconv.Itoa(minBox))
	_, key, _ := groupKey(by)
	p.option = map[string]any{"kind": "box", "y": cols[0].label(), "by": key, "groups": drawn}
	return p, f, nil
}

// box is one group, and its line in the table of p.
func (c *comparison) box(p *plot, g runGroup, by string, col column) boxGroup {
	ctx := c.r.Ctx()
	var of []float64
	for _, i := range g.runs {
		of = append(of, col.numbers[i])
	}
	b := stats.BoxOf(of)
	name := i18n.T(ctx, "compare.all_runs")
	if by != "" {
		name = orMissing(g.name)
	}
	out := boxGroup{Name: fmt.Sprintf("%s (n = %s)", name, format.Count(ctx, int64(b.N))), Dots: []dot{}}
	for _, i := range g.runs {
		if v := col.numbers[i]; b.N < minBox || slices.Contains(b.Outliers, v) {
			out.Dots = append(out.Dots, placed(c.runLabel(i), i, 0, v)...)
		}
	}
	row := []string{name, strconv.Itoa(b.N)}
	if b.N >= minBox {
		out.Box = []float64{b.Low, b.Q1, b.Median, b.Q3, b.High}
	}
	for _, v := range []float64{b.Low, b.Q1, b.Median, b.Q3, b.High} {
		row = append(row, exactOrNone(v))
	}
	p.rows = append(p.rows, row)
	return out
}

func orMissing(text string) string {
	if text == "" {
		return format.Missing
	}
	return text
}

// images are bitmaps that runs keep under the same path, those that most runs have first.
func (c *comparison) images(tx *storage.Tx) (v compare.Images, err error) {
	const most = 500
	at := map[string][]string{}
	var paths []string
	for i, run := range c.runs {
		root, ours := tracking.StorePath(run.ArtifactURI)
		if !ours {
			continue
		}
		found, err := tx.ImagesBelow(c.r.Ctx(), c.r.Grant.Workspace(), root, most)
		if err != nil {
			return v, err
		}
		for _, file := range found {
			if at[file] == nil {
				at[file] = make([]string, len(c.runs))
				paths = append(paths, file)
			}
			at[file][i] = "/runs/" + url.PathEscape(run.ID) + "/image?" + url.Values{"path": {file}}.Encode()
		}
	}
	has := func(file string) (n int) {
		for _, image := range at[file] {
			n += boolInt(image != "")
		}
		return n
	}
	slices.SortFunc(paths, func(a, b string) int {
		if d := has(b) - has(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var from, to int
	from, to, v.Pager = c.paged(len(paths), pageImages)
	for _, file := range paths[from:to] {
		v.Rows = append(v.Rows, compare.ImageRow{Path: path.Clean(file), Images: at[file]})
	}
	return v, nil
}

// exportTable sends the difference table: all rows that the page would show, without a bound.
func exportTable(r *route.Request) error {
	var c comparison
	sections, err := route.Read(r, func(tx *storage.Tx) (s []compare.Section, err error) {
		if c, err = readComparison(r, tx); err != nil || len(c.runs) == 0 {
			return nil, err
		}
		return c.sections(tx, -1)
	})
	switch {
	case err != nil:
		return err
	case len(c.runs) == 0:
		return noRuns()
	case r.QueryParam("format") == "json":
		return download.JSON(r, "comparison.json", c.document(sections))
	}
	return download.CSV(r, "comparison.csv", c.lines(sections))
}

func (c *comparison) lines(sections []compare.Section) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		head, names := []string{"section", "key"}, []string{"", "run_name"}
		for _, run := range c.runs {
			head, names = append(head, run.ID), append(names, run.Name)
		}
		if !yield(head) || !yield(names) {
			return
		}
		for _, s := range sections {
			for _, row := range s.Rows {
				line := []string{s.ID, row.Key}
				for _, cell := range row.Cells {
					line = append(line, cell.Raw())
				}
				if !yield(line) {
					return
				}
			}
		}
	}
}

// document is the table as JSON: what a run does not have is null.
func (c *comparison) document(sections []compare.Section) any {
	type run struct {
		ID   string `json:"run_id"`
		Name string `json:"run_name"`
	}
	type row struct {
		Section string    `json:"section"`
		Key     string    `json:"key"`
		Values  []*string `json:"values"`
	}
	out := struct {
		Runs []run  `json:"runs"`
		Base string `json:"baseline"`
		Rows []row  `json:"rows"`
	}{Base: c.runs[c.base].ID, Rows: []row{}}
	for _, r := range c.runs {
		out.Runs = append(out.Runs, run{r.ID, r.Name})
	}
	for _, s := range sections {
		for _, r := range s.Rows {
			line := row{Section: s.ID, Key: r.Key}
			for _, cell := range r.Cells {
				var v *string
				if raw := cell.Raw(); !cell.Missing {
					v = &raw
				}
				line.Values = append(line.Values, v)
			}
			out.Rows = append(out.Rows, line)
		}
	}
	return out
}

// exportChart sends the figures of the scatter, parallel or box plot.
func exportChart(r *route.Request) error {
	var c comparison
	p, err := route.Read(r, func(tx *storage.Tx) (p plot, err error) {
		if c, err = readComparison(r, tx); err != nil || len(c.runs) == 0 {
			return p, err
		}
		p, _, err = c.plot(tx)
		return p, err
	})
	if err != nil {
		return err
	}
	if len(c.runs) == 0 {
		return noRuns()
	}
	return download.CSV(r, c.view+".csv", func(yield func([]string) bool) {
		for _, row := range append([][]string{p.columns}, p.rows...) {
			if !yield(row) {
				return
			}
		}
	})
}
