package ui

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/compare"
)

var comparePages = []route.Route{
	route.GET("/compare", access.RunRead, showComparison),
	route.GET("/compare/table", access.RunRead, exportTable),
	route.GET("/compare/chart", access.RunRead, exportChart),
}

// comparison is what the address asks for, and the runs it names.
type comparison struct {
	r       *route.Request
	asked   []string // ids in the address, each once
	runs    []tracking.Run
	base    int // place of the run that the others are compared with
	query   string
	all     bool
	view    string
	metrics []tracking.KeyUse

	experiment tracking.Experiment // of the first run
	params     []tracking.KeyUse
	tags       []tracking.KeyUse // those that people set
}

// readComparison reads the runs of the address and their keys.
func readComparison(r *route.Request, tx *storage.Tx) (c comparison, err error) {
	c = comparison{r: r, query: strings.TrimSpace(r.QueryParam("q")), all: r.QueryParam("all") == "1", view: r.QueryParam("view")}
	if !slices.Contains(compare.Views, c.view) {
		c.view = compare.ViewCurves
	}
	for _, id := range r.QueryParams()["run"] {
		if id != "" && !slices.Contains(c.asked, id) {
			c.asked = append(c.asked, id)
		}
	}
	if c.runs, err = tracking.RunsByID(r.Ctx(), tx, r.Grant, c.asked[:min(tracking.MaxCompared, len(c.asked))]); err != nil || len(c.runs) == 0 {
		return c, err
	}
	c.base = max(0, slices.IndexFunc(c.runs, func(run tracking.Run) bool { return run.ID == r.QueryParam("base") }))
	c.all = c.all || len(c.runs) == 1
	for kind, into := range map[string]*[]tracking.KeyUse{tracking.KindMetric: &c.metrics, tracking.KindParam: &c.params, tracking.KindTag: &c.tags} {
		if *into, err = tx.KeyUses(r.Ctx(), kind, ids(c.runs)); err != nil {
			return c, err
		}
	}
	c.tags = slices.DeleteFunc(c.tags, func(u tracking.KeyUse) bool { return strings.HasPrefix(u.Key, "mlflow.") })
	slices.SortStableFunc(c.metrics, func(a, b tracking.KeyUse) int {
		return cmp.Compare(boolInt(isSystem(a.Key)), boolInt(isSystem(b.Key)))
	})
	return c, nil
}

// with is the address of the comparison after change; how its charts are seen stays.
func (c *comparison) with(change func(url.Values)) string {
	q := url.Values{}
	for _, name := range []string{"base", "all", "full", "q", "view", "x", "log", "smooth", "from", "to", "group", "band", "sx", "sy", "axis", "range", "by"} {
		if v := c.r.QueryParams()[name]; len(v) > 0 && v[0] != "" {
			q[name] = slices.Clone(v)
		}
	}
	q["run"] = ids(c.runs)
	change(q)
	return "/compare?" + q.Encode()
}

// kept are the parameters of the address that a form sends along, but those it has itself.
func (c *comparison) kept(own ...string) (out []component.Pair) {
	u, err := url.Parse(c.with(func(q url.Values) {
		for _, name := range own {
			q.Del(name)
		}
	}))
	if err != nil {
		return nil // it is our own
	}
	q := u.Query()
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range q[name] {
			out = append(out, component.Pair{Key: name, Value: v})
		}
	}
	return out
}

func showComparison(r *route.Request) error {
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	var c comparison
	v, err := route.Read(r, func(tx *storage.Tx) (v compare.View, err error) {
		if c, err = readComparison(r, tx); err != nil || len(c.runs) == 0 {
			return v, err
		}
		e, err := tracking.ExperimentByID(r.Ctx(), tx, seeing, c.runs[0].ExperimentID)
		if err != nil {
			return v, err
		}
		c.experiment = e
		v.Experiment = compare.Link{Label: e.Name, Path: "/experiments/" + e.ID}
		if v.Add, err = c.additions(tx); err != nil {
			return v, err
		}
		if v.Sections, err = c.sections(tx, c.rowsShown()); err != nil {
			return v, err
		}
		if v.Runs, err = c.cards(tx); err != nil {
			return v, err
		}
		return v, c.fillView(tx, &v)
	})
	if err != nil {
		return err
	}
	if id := v.Add.Only; id != "" { // the name that was looked for is that of one run
		return see(r, c.with(func(q url.Values) { q.Add("run", id) }))
	}
	c.fill(&v)
	return r.Render(http.StatusOK, compare.Show(v))
}

// fill is what the page says that needs no transaction.
func (c *comparison) fill(v *compare.View) {
	ctx := c.r.Ctx()
	v.Missing = len(c.asked[:min(tracking.MaxCompared, len(c.asked))]) - len(c.runs)
	v.TooMany = len(c.asked) > tracking.MaxCompared
	if len(c.runs) == 0 {
		return
	}
	v.Query, v.All, v.View, v.Base = c.query, c.all, c.view, chart.Letter(c.base)
	v.Keep = c.kept("q", "full")
	v.Toggle = c.with(func(q url.Values) {
		if q.Del("all"); !c.all {
			q.Set("all", "1")
		}
	})
	export := strings.TrimPrefix(c.with(func(url.Values) {}), "/compare")
	v.CSV, v.JSON = "/compare/table"+export+"&format=csv", "/compare/table"+export+"&format=json"
	for _, view := range compare.Views {
		v.Tabs = append(v.Tabs, component.Tab{
			Label: i18n.T(ctx, "compare.view."+view), Current: view == c.view,
			URL: c.with(func(q url.Values) { q.Set("view", view) }) + "#views",
		})
	}
}

// additions are runs of the experiment that may join: those whose name holds what was looked for, the latest first.
func (c *comparison) additions(tx *storage.Tx) (a compare.Add, err error) {
	const most = 8
	a.Query, a.Open = strings.TrimSpace(c.r.QueryParam("add")), c.r.QueryParams().Has("add")
	a.Keep = c.kept()
	if len(c.runs) >= tracking.MaxCompared {
		a.Full = true
		return a, nil
	}
	if a.Query != "" {
		found, err := tracking.RunsByID(c.r.Ctx(), tx, c.r.Grant, []string{a.Query})
		if err != nil {
			return a, err
		}
		if len(found) == 1 {
			a.Only = found[0].ID
			return a, nil
		}
	}
	found, err := tx.NamedRuns(c.r.Ctx(), c.runs[0].ExperimentID, a.Query, most+len(c.runs))
	for _, run := range found {
		if len(a.Runs) < most && !slices.ContainsFunc(c.runs, func(r tracking.Run) bool { return r.ID == run.ID }) {
			a.Runs = append(a.Runs, compare.Link{Label: run.Name, Path: c.with(func(q url.Values) { q.Add("run", run.ID) })})
		}
	}
	return a, err
}

// cards are the runs with the one metric that says most.
func (c *comparison) cards(tx *storage.Tx) ([]compare.Run, error) {
	main := c.mainMetric()
	values := make([]*float64, len(c.runs))
	if main != "" {
		ms, err := tx.MetricsIn(c.r.Ctx(), ids(c.runs), []string{main})
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			values[c.place(m.RunID)] = &m.Value
		}
	}
	texts := format.Column(c.r.Ctx(), values)
	out := make([]compare.Run, len(c.runs))
	for i, run := range c.runs {
		out[i] = compare.Run{
			ID: run.ID, Name: run.Name, Letter: chart.Letter(i), Status: string(run.Status), Deleted: run.Deleted(), Base: i == c.base, Path: "/runs/" + run.ID,
			Remove: c.with(func(q url.Values) {
				q["run"] = slices.DeleteFunc(q["run"], func(id string) bool { return id == run.ID })
				if run.ID == q.Get("base") {
					q.Del("base")
				}
			}),
			MakeBase: c.with(func(q url.Values) { q.Set("base", run.ID) }),
			Metric:   main, Value: texts[i],
		}
		if main != "" && i != c.base {
			out[i].Delta = c.delta(values[i], values[c.base], tracking.PrimaryDirection(c.experiment, main))
		}
	}
	return out, nil
}

func (c *comparison) place(run string) int {
	return slices.IndexFunc(c.runs, func(r tracking.Run) bool { return r.ID == run })
}

// mainMetric is the chosen metric of the experiment or, of those that most runs have, the most telling.
func (c *comparison) mainMetric() string {
	most := 0
	for _, u := range c.metrics {
		if !isSystem(u.Key) {
			most = max(most, u.Runs)
		}
	}
	var ms []tracking.Metric
	for _, u := range c.metrics {
		if u.Runs == most && !isSystem(u.Key) {
			ms = append(ms, tracking.Metric{Key: u.Key, Step: u.Step})
		}
	}
	tracking.MostTelling(ms)
	keys := make([]string, len(ms))
	for i, m := range ms {
		keys[i] = m.Key
	}
	return tracking.PrimaryMetric(c.experiment, keys[:min(1, len(keys))])
}

// delta is how far v is from the baseline, absolute and relative; empty where one of them is no number.
func (c *comparison) delta(v, base *float64, d tracking.Direction) compare.Delta {
	if v == nil || base == nil || !finite(*v) || !finite(*base) {
		return compare.Delta{}
	}
	diff := *v - *base
	if diff == 0 || !finite(diff) {
		return compare.Delta{}
	}
	out := compare.Delta{Up: diff > 0, Text: signedNumber(c.r.Ctx(), diff)}
	if *base != 0 {
		const tooMuch = 10 // a thousand per cent says no more than the difference
		if rel := diff / math.Abs(*base); math.Abs(rel) < tooMuch {
			out.Relative = signedNumber(c.r.Ctx(), math.Round(rel*1000)/10) + " %"
		}
	}
	switch {
	case d == tracking.HigherIsBetter && diff > 0, d == tracking.LowerIsBetter && diff < 0:
		out.Tone = compare.Better
	case d != tracking.Unknown:
		out.Tone = compare.Worse
	}
	return out
}

// signedNumber is v to three significant digits: a difference is read for its size.
func signedNumber(ctx context.Context, v float64) string {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64); err == nil {
		v = short
	}
	text := format.Number(ctx, v)
	if v > 0 {
		return "+" + text
	}
	return text
}

func finite(v float64) bool { return math.Abs(v) < math.MaxFloat64 }

// How many rows a section shows at first: all that a page of reasonable size has room for.
const (
	sectionRows  = 50
	fullRows     = 1000
	leastRows    = 8
	tableNodes   = 420 // elements that the rows of all sections may have together
	deltaColumns = 6   // more runs have their differences in the title only
)

// rowsShown is how many rows of sections fit: a row is its head and a cell a run, with the difference inside.
func (c *comparison) rowsShown() int {
	perRow := len(c.runs) + 3
	if len(c.runs) <= deltaColumns {
		perRow += len(c.runs)
	}
	return tableNodes / perRow
}

// isFull reports whether the address asks for all rows of a section.
func (c *comparison) isFull(section string) bool {
	return slices.Contains(c.r.QueryParams()["full"], section)
}

// sections are the parts of the difference table; room is how many rows the big ones have together, less than 0
// for no bound.
func (c *comparison) sections(tx *storage.Tx, room int) (out []compare.Section, err error) {
	for _, s := range []struct {
		id   string
		keys []tracking.KeyUse
		rows func(tx *storage.Tx, keys []string) ([]compare.Row, error)
	}{
		{compare.SectionParams, c.params, c.textRows(tracking.KindParam)},
		{compare.SectionMetrics, c.metrics, c.metricRows},
		{compare.SectionTags, c.tags, c.textRows(tracking.KindTag)},
	} {
		section, shown := c.choose(s.id, s.keys, room)
		if section.Rows, err = s.rows(tx, shown); err != nil {
			return nil, err
		}
		if room > 0 {
			room = max(leastRows, room-len(shown))
		}
		out = append(out, section)
	}
	facts, err := c.facts(tx)
	return append(out, facts...), err
}

// choose picks the keys of a section that are shown.
func (c *comparison) choose(id string, keys []tracking.KeyUse, room int) (s compare.Section, shown []string) {
	s.ID, s.Total = id, len(keys)
	low := strings.ToLower(c.query)
	found := 0
	for _, u := range keys {
		differs := u.Differs || u.Runs < len(c.runs)
		s.Differing += boolInt(differs)
		if !differs && !c.all || !strings.Contains(strings.ToLower(u.Key), low) {
			continue
		}
		found++
		shown = append(shown, u.Key)
	}
	most := min(sectionRows, max(leastRows, room))
	switch {
	case room < 0:
		most = found
	case c.isFull(id):
		most = fullRows
	}
	if found > most {
		shown = shown[:most]
		s.Hidden = found - most
		if !c.isFull(id) {
			s.ShowAll = c.with(func(q url.Values) { q.Add("full", id) }) + "#" + id
		}
	}
	return s, shown
}

// textRows are params or tags; a value that all runs lack has no row.
func (c *comparison) textRows(kind string) func(*storage.Tx, []string) ([]compare.Row, error) {
	return func(tx *storage.Tx, keys []string) ([]compare.Row, error) {
		if len(keys) == 0 {
			return nil, nil
		}
		texts, err := tx.TextsIn(c.r.Ctx(), kind, ids(c.runs), keys)
		if err != nil {
			return nil, err
		}
		return c.rowsOf(keys, texts), nil
	}
}

// rowsOf puts texts into rows in the order of keys.
func (c *comparison) rowsOf(keys []string, texts []tracking.RunText) []compare.Row {
	at := make(map[string]map[int]string, len(keys))
	for _, t := range texts {
		if at[t.Key] == nil {
			at[t.Key] = map[int]string{}
		}
		place := c.place(t.RunID)
		if was, twice := at[t.Key][place]; twice { // two versions of one data set
			t.Value = was + ", " + t.Value
		}
		at[t.Key][place] = t.Value
	}
	out := make([]compare.Row, len(keys))
	for k, key := range keys {
		row := compare.Row{Key: key, Cells: make([]compare.Cell, len(c.runs))}
		base, has := at[key][c.base]
		for i := range c.runs {
			text, ok := at[key][i]
			row.Cells[i] = compare.Cell{Text: text, Full: text, Missing: !ok, Changed: ok != has || text != base, Mono: true}
			if v, err := strconv.ParseFloat(text, 64); ok && err == nil && len(c.runs) <= deltaColumns {
				b, err := strconv.ParseFloat(base, 64)
				if err == nil && i != c.base {
					row.Cells[i].Delta = c.delta(&v, &b, tracking.Unknown)
				}
			}
		}
		out[k] = row
	}
	return out
}

func (c *comparison) metricRows(tx *storage.Tx, keys []string) ([]compare.Row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ms, err := tx.MetricsIn(c.r.Ctx(), ids(c.runs), keys)
	if err != nil {
		return nil, err
	}
	at := make(map[string][]*float64, len(keys))
	for _, m := range ms {
		if at[m.Key] == nil {
			at[m.Key] = make([]*float64, len(c.runs))
		}
		at[m.Key][c.place(m.RunID)] = &m.Value
	}
	out := make([]compare.Row, len(keys))
	for k, key := range keys {
		values := at[key]
		d := tracking.MetricDirection(key)
		row := compare.Row{Key: key, Cells: make([]compare.Cell, len(c.runs)), Lower: d == tracking.LowerIsBetter, Higher: d == tracking.HigherIsBetter}
		best := bestOf(values, d)
		for i, text := range format.Column(c.r.Ctx(), values) {
			cell := compare.Cell{Text: text, Missing: values[i] == nil, Number: true}
			if values[i] != nil {
				cell.Full, cell.Value = exact(*values[i]), values[i]
				cell.Best = best != nil && *values[i] == *best
				cell.Changed = values[c.base] == nil || *values[i] != *values[c.base]
				if i != c.base {
					cell.Delta = c.delta(values[i], values[c.base], d)
				}
			}
			if len(c.runs) > deltaColumns {
				cell.Full, cell.Delta = cell.Full+cell.Delta.Title(), compare.Delta{Tone: cell.Delta.Tone}
			}
			row.Cells[i] = cell
		}
		out[k] = row
	}
	return out, nil
}

// bestOf is the best of at least two different values, nil where nobody can say.
func bestOf(values []*float64, d tracking.Direction) *float64 {
	var low, high *float64
	for _, v := range values {
		if v == nil || !finite(*v) {
			continue
		}
		if low == nil || *v < *low {
			low = v
		}
		if high == nil || *v > *high {
			high = v
		}
	}
	switch {
	case low == nil || *low == *high || d == tracking.Unknown:
		return nil
	case d == tracking.LowerIsBetter:
		return low
	}
	return high
}

// Tags in which the MLflow client says what ran, by the words of their rows.
var codeTags = []struct{ tag, word string }{
	{"mlflow.source.name", "compare.code.source"},
	{"mlflow.source.type", "compare.code.type"},
	{"mlflow.project.entryPoint", "compare.code.entry"},
	{tracking.TagCommit, "compare.code.commit"},
	{"mlflow.source.git.branch", "compare.code.branch"},
	{"mlflow.source.git.repoURL", "compare.code.repository"},
}

var environmentTags = []struct{ tag, word string }{
	{"mlflow.docker.image.name", "compare.env.image"},
	{"mlflow.project.env", "compare.env.project"},
	{"mlflow.project.backend", "compare.env.backend"},
}

// facts are the sections whose rows the product knows: data sets, code, and how the runs went.
func (c *comparison) facts(tx *storage.Tx) ([]compare.Section, error) {
	ctx := c.r.Ctx()
	datasets, err := tx.DatasetsIn(ctx, ids(c.runs))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range datasets {
		if !slices.Contains(names, d.Key) {
			names = append(names, d.Key)
		}
	}
	words, order := map[string]string{}, []string{}
	for _, t := range slices.Concat(codeTags, environmentTags) {
		words[t.tag], order = i18n.T(ctx, t.word), append(order, t.tag)
	}
	tags, err := tx.TextsIn(ctx, tracking.KindTag, ids(c.runs), order)
	if err != nil {
		return nil, err
	}
	code := c.rowsOf(order[:len(codeTags)], tags)
	environment := append(c.runFacts(), c.rowsOf(order[len(codeTags):], tags)...)
	for _, rows := range [][]compare.Row{code, environment} {
		for i := range rows {
			rows[i].Key = cmp.Or(words[rows[i].Key], rows[i].Key)
		}
	}
	return []compare.Section{
		c.factSection(compare.SectionDatasets, c.rowsOf(names, datasets)),
		c.factSection(compare.SectionCode, code),
		c.factSection(compare.SectionEnvironment, environment),
	}, nil
}

func (c *comparison) runFacts() []compare.Row {
	ctx := c.r.Ctx()
	facts := []struct {
		word string
		of   func(tracking.Run) string
	}{
		{i18n.T(ctx, "compare.env.status"), func(run tracking.Run) string { return i18n.T(ctx, "run.status."+strings.ToLower(string(run.Status))) }},
		{i18n.T(ctx, "compare.env.user"), func(run tracking.Run) string { return run.UserID }},
		{i18n.T(ctx, "compare.env.started"), func(run tracking.Run) string { return format.Time(ctx, instant(run.StartTime)).Full }},
		{i18n.T(ctx, "compare.env.duration"), func(run tracking.Run) string { return duration(c.r, run) }},
	}
	out := make([]compare.Row, len(facts))
	for f, fact := range facts {
		row := compare.Row{Key: fact.word, Cells: make([]compare.Cell, len(c.runs))}
		base := fact.of(c.runs[c.base])
		for i, run := range c.runs {
			text := fact.of(run)
			row.Cells[i] = compare.Cell{Text: text, Full: text, Missing: text == "" || text == format.Missing, Changed: text != base}
		}
		out[f] = row
	}
	return out
}

// factSection keeps of rows what is asked for.
func (c *comparison) factSection(id string, rows []compare.Row) compare.Section {
	s := compare.Section{ID: id}
	low := strings.ToLower(c.query)
	for _, row := range rows {
		differs, some := false, false
		for _, cell := range row.Cells {
			differs, some = differs || cell.Changed, some || !cell.Missing
		}
		if !some {
			continue
		}
		s.Total++
		s.Differing += boolInt(differs)
		if (differs || c.all) && strings.Contains(strings.ToLower(row.Key), low) {
			s.Rows = append(s.Rows, row)
		}
	}
	return s
}

// noRuns is the refusal of an export of nothing.
func noRuns() error {
	return domain.Fail(domain.NotFound, "series.no_run", "none of these runs is here: they may have been deleted for good")
}
