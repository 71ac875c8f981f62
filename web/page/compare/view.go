// Package compare is several runs on one page: what differs first, then their curves.
package compare

import (
	"context"
	"strconv"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// View is the comparison of some runs. All of it is in the address.
//
//	GET /compare          run…, base, all, full…, q, add, view; x, log, smooth, from, to, group, band; sx, sy, axis…, range… (axis:low:high), by; page
//	GET /compare/table    the same, format
//	GET /compare/chart    the same
type View struct {
	Runs       []Run
	Experiment Link // of the first run
	Missing    int  // runs of the address that are not here
	TooMany    bool // the address names more runs than one page compares
	Base       string
	Query      string
	All        bool
	Toggle     string // path with the other value of All
	Keep       []component.Pair
	CSV, JSON  string
	Sections   []Section
	Add        Add

	View   string
	Tabs   []component.Tab
	Curves Curves
	Form   Form                  // of the other views: what they draw
	Chart  *component.ChartProps // nil: nothing to draw
	Notes  []string              // what is to say about the chart
	Export string                // path of the chart's figures
	Kept   bool                  // the chart can be narrowed by dragging along its axes
	Images Images
}

// The views below the table.
const (
	ViewCurves   = "curves"
	ViewScatter  = "scatter"
	ViewParallel = "parallel"
	ViewBox      = "box"
	ViewImages   = "images"
)

// Views are all of them, the one that the page opens with first.
var Views = []string{ViewCurves, ViewScatter, ViewParallel, ViewBox, ViewImages}

// The sections of the table.
const (
	SectionParams      = "params"
	SectionMetrics     = "metrics"
	SectionTags        = "tags"
	SectionDatasets    = "datasets"
	SectionCode        = "code"
	SectionEnvironment = "environment"
)

// Link is a name that leads somewhere.
type Link struct{ Label, Path string }

// Run is one of the runs: its letter and its colour are the same all over the page.
type Run struct {
	ID, Name, Letter, Path string
	Status                 string
	Deleted, Base          bool
	Remove, MakeBase       string // paths
	Metric, Value          string // the metric that says most
	Delta                  Delta
}

// Section is a part of the table.
type Section struct {
	ID               string
	Rows             []Row
	Total, Differing int
	Hidden           int    // rows that are not shown
	ShowAll          string // path that shows them
}

// Row is one key.
type Row struct {
	Key           string
	Lower, Higher bool // which values are better, where the name tells
	Cells         []Cell
}

// Cell is what a run has under a key.
type Cell struct {
	Text, Full   string
	Value        *float64
	Missing      bool
	Changed      bool // not what the baseline has
	Best         bool
	Number, Mono bool
	Delta        Delta
}

// The tones of a difference.
const (
	Better = "better"
	Worse  = "worse"
)

// Delta is a difference to the baseline; without a text there is none to show.
type Delta struct {
	Text, Relative string
	Up             bool
	Tone           string // empty where nobody can tell
}

// Title is the difference in words for the title of a cell.
func (d Delta) Title() string {
	if d.Text == "" {
		return ""
	}
	if d.Relative == "" {
		return " (" + d.Text + ")"
	}
	return " (" + d.Text + ", " + d.Relative + ")"
}

// Add is what the dialog for another run offers.
type Add struct {
	Query string
	Keep  []component.Pair
	Runs  []Link
	Only  string // id of the one run that was meant
	Open  bool   // somebody looked for a run
	Full  bool   // there is no room for another
}

// Curves are the charts of the metrics.
type Curves struct {
	Controls component.ChartControlsProps
	Charts   []component.SeriesProps
	Pager    component.PagerProps
	Found    int
}

// Form is what can be chosen of a chart.
type Form struct {
	Keep    []component.Pair
	Selects []component.SelectProps
	Axes    []Axis // of parallel coordinates, each can be taken away
}

// Axis is one that is drawn.
type Axis struct{ Label, Remove string }

// Images are files of the same name side by side.
type Images struct {
	Rows  []ImageRow
	Pager component.PagerProps
}

// ImageRow is one path; a run without it has an empty address.
type ImageRow struct {
	Path   string
	Images []string
}

// title is the page's name.
func (v View) title(ctx context.Context) string {
	return i18n.N(ctx, "compare.title", int64(len(v.Runs)))
}

// shown are the sections that have something to say.
func (v View) shown() (out []Section) {
	for _, s := range v.Sections {
		if len(s.Rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// differing and total count over all sections.
func (v View) differing() (differing, total int) {
	for _, s := range v.Sections {
		differing, total = differing+s.Differing, total+s.Total
	}
	return differing, total
}

// Raw is the value without its look, empty where there is none: for files.
func (c Cell) Raw() string {
	switch {
	case c.Missing:
		return ""
	case c.Value != nil:
		return strconv.FormatFloat(*c.Value, 'g', -1, 64)
	}
	return c.Text
}
