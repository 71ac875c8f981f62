package ui

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// How many charts one page of the tab has, and how many groups it offers to jump to: a run may have thousands of
// metrics, and a page as many elements as a browser handles well.
const (
	tabCharts    = 18
	systemCharts = 9
	mostGroups   = 24
)

// isSystem tells the metrics of the machine from those of the run.
func isSystem(key string) bool { return strings.HasPrefix(key, "system/") }

// prefixOf is what stands before the first slash of a metric's name, "" where there is none.
func prefixOf(key string) string {
	prefix, _, grouped := strings.Cut(key, "/")
	if !grouped {
		return ""
	}
	return prefix
}

// chartsTab is the page of charts: the metrics whose name holds q, grouped by prefix, those of the machine apart.
func chartsTab(r *route.Request, run tracking.Run) runs.ChartsTab {
	v := runs.ChartsTab{Path: runPath(r), Query: strings.TrimSpace(r.QueryParam("q")), Metrics: len(run.Metrics)}
	state := chartState(r)
	state.Group = ""
	v.Controls = component.ChartControlsProps{Action: v.Path, State: state, Keep: []component.Pair{{Key: "tab", Value: runs.TabCharts}, {Key: "q", Value: v.Query}, {Key: "page", Value: r.QueryParam("page")}}}
	own, system := foundMetrics(run, v.Query)
	v.Found, v.SystemFound = len(own), len(system)
	v.Prefixes = prefixes(r, run, v.Query)

	page, _ := strconv.Atoi(r.QueryParam("page")) // anything else is the first
	page = max(1, min(page, (len(own)+tabCharts-1)/tabCharts))
	from := (page - 1) * tabCharts
	shown := own[from:min(from+tabCharts, len(own))]
	v.Groups = seriesGroups(run.ID, shown, 0, state)
	v.System = seriesGroups(run.ID, system[:min(systemCharts, len(system))], len(shown), state)
	v.SystemOpen = v.Query != "" && len(own) == 0
	if v.SystemOpen && len(system) > systemCharts { // whoever searches for these sees them paged like any others
		page = max(1, min(page, (len(system)+tabCharts-1)/tabCharts))
		from = (page - 1) * tabCharts
		shown = system[from:min(from+tabCharts, len(system))]
		v.System, own = seriesGroups(run.ID, shown, 0, state), system
	}
	v.Pager = chartsPager(r, v, page, from, len(shown), len(own))
	return v
}

func chartsPager(r *route.Request, v runs.ChartsTab, page, from, shown, all int) component.PagerProps {
	if all <= tabCharts {
		return component.PagerProps{}
	}
	p := component.PagerProps{Shown: fmt.Sprintf("%s–%s / %s", format.Count(r.Ctx(), int64(from+1)), format.Count(r.Ctx(), int64(from+shown)), i18n.N(r.Ctx(), "run.charts_found", int64(all)))}
	if page > 1 {
		p.First = chartsPath(r, v.Query, 1)
	}
	if from+shown < all {
		p.Next = chartsPath(r, v.Query, page+1)
	}
	return p
}

// chartsPath is the tab with another search or page; how its charts are seen stays.
func chartsPath(r *route.Request, query string, page int) string {
	q := url.Values{"tab": {runs.TabCharts}}
	for _, name := range []string{"x", "log", "smooth", "from", "to"} {
		if v := r.QueryParam(name); v != "" {
			q.Set(name, v)
		}
	}
	if query != "" {
		q.Set("q", query)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return runPath(r) + "?" + q.Encode()
}

// foundMetrics are the names that hold query, in any case, by prefix; a query that ends in a slash is a whole prefix.
func foundMetrics(run tracking.Run, query string) (own, system []string) {
	low := strings.ToLower(query)
	for _, m := range run.Metrics {
		key := strings.ToLower(m.Key)
		if strings.HasSuffix(low, "/") && !strings.HasPrefix(key, low) || !strings.Contains(key, low) {
			continue
		}
		if isSystem(m.Key) {
			system = append(system, m.Key)
		} else {
			own = append(own, m.Key)
		}
	}
	for _, keys := range [][]string{own, system} {
		slices.SortStableFunc(keys, func(a, b string) int {
			return cmp.Or(strings.Compare(prefixOf(a), prefixOf(b)), strings.Compare(a, b))
		})
	}
	return own, system
}

// prefixes lead to the groups of a run with many metrics.
func prefixes(r *route.Request, run tracking.Run, query string) (out []component.Tab) {
	count := map[string]int{}
	for _, m := range run.Metrics {
		if p := prefixOf(m.Key); p != "" {
			count[p]++
		}
	}
	if len(count) < 2 || len(run.Metrics) <= tabCharts {
		return nil
	}
	out = append(out, component.Tab{Label: i18n.T(r.Ctx(), "run.all_groups"), URL: chartsPath(r, "", 1), Current: query == ""})
	names := mostUsed(count, mostGroups)
	slices.Sort(names)
	for _, p := range names {
		out = append(out, component.Tab{Label: p, URL: chartsPath(r, p+"/", 1), Count: format.Count(r.Ctx(), int64(count[p])), Current: query == p+"/"})
	}
	return out
}

// seriesGroups are the charts of some metrics, already in order, under their prefixes; n is how many charts the
// page has before them.
func seriesGroups(run string, keys []string, n int, s component.ChartState) (out []runs.SeriesGroup) {
	for i, key := range keys {
		if p := prefixOf(key); len(out) == 0 || out[len(out)-1].Prefix != p {
			out = append(out, runs.SeriesGroup{Prefix: p})
		}
		at := &out[len(out)-1]
		at.Charts = append(at.Charts, seriesChart(n+i, []string{run}, key, s))
	}
	return out
}

// charted are the metrics that the overview draws: curves of the run itself before those of its machine. A single value
// is on its tile or among the charts of the run, it makes no curve.
func charted(r *route.Request, tx *storage.Tx, run tracking.Run) ([]string, error) {
	const looked = 6 * overviewCharts
	ms := slices.DeleteFunc(slices.Clone(run.Metrics), func(m tracking.Metric) bool { return m.Step == 0 })
	tracking.MostTelling(ms)
	var keys []string
	for _, m := range ms[:min(looked, len(ms))] {
		keys = append(keys, m.Key)
	}
	points, err := tx.PointCounts(r.Ctx(), run.ID, keys)
	keys = slices.DeleteFunc(keys, func(key string) bool { return points[key] < 2 })
	return keys[:min(overviewCharts, len(keys))], err
}

// mostUsed are the n names with the greatest counts.
func mostUsed(count map[string]int, n int) []string {
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	return names[:min(n, len(names))]
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
