package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/page/runs"
)

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
