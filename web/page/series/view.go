// Package series is the data of one chart as a page.
package series

import (
	"time"

	"github.com/slipway-ml/slipway/web/component"
)

// View is the figures of one metric of some runs, or what groups of runs have in common.
//
//	GET /series    run…, key, x, from, to, group, band, format=html
type View struct {
	Key     string
	Runs    []Run
	Several bool
	Grouped bool
	Axis    string
	Total   int64 // points there are
	Rows    []Row
	CSV     string // path of all the points that a chart shows
}

// Run is one run of the chart.
type Run struct{ Name, Letter, Path string }

// Row is one point of a run, or of a group: then with the number of runs and the ends of the band.
type Row struct {
	Run    int // place among the runs
	Group  string
	X      string
	At     time.Time
	N      string
	Values []component.Cell
}
