package runs

import "github.com/slipway-ml/slipway/web/component"

// ChartsTab is the curves of a run, a page of them at a time.
//
//	GET /runs/:id?tab=charts    q, page, x, log, smooth, from, to
type ChartsTab struct {
	Path        string // of the run
	Query       string // part of a metric's name
	Metrics     int    // how many the run has
	Found       int    // how many of its own Query finds
	SystemFound int    // how many of the machine
	Controls    component.ChartControlsProps
	Prefixes    []component.Tab
	Groups      []SeriesGroup
	System      []SeriesGroup
	SystemOpen  bool
	Pager       component.PagerProps
}

// SeriesGroup are the charts of metrics whose names begin alike; Prefix is empty for those without one.
type SeriesGroup struct {
	Prefix string
	Charts []component.SeriesProps
}
