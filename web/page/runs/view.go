// Package runs is the runs of one experiment as a table, and one run as a page.
package runs

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ListView is the page of one experiment.
//
//	GET  /experiments/:id           see State; and selected *: runs to begin with ticked
//	GET  /experiments/:id/columns   the same, and q: the picker
//	GET  /experiments/:id/export    the same, and format: csv or json
//	POST /experiments/:id/views     name, shared, standard, query, and of a known one id
//	POST /experiments/:id/runs/tag  run *, key, value
//	POST /experiments/:id/runs/delete, …/restore  run *
type ListView struct {
	State       State
	Ticked      []string // ids of runs that join those the reader has ticked
	Experiment  Experiment
	Problem     component.FilterProblem // what is wrong with the filter
	Columns     []Column
	Rows        []Row
	Groups      []GroupRow // instead of rows, where the runs are grouped
	Pager       component.PagerProps
	Total       int64 // active runs of the experiment
	Took        time.Duration
	Views       []SavedView
	Keys        []string // "params.max_depth": offered to group by
	Users       []string
	FirstUse    bool   // the experiment never had a run: show how to log one
	TrackingURI string // address of this server, for the snippet
	CanWrite    bool
	CanDelete   bool
}

// SavedView is one saved view of the table.
type SavedView struct {
	ID, Name         string
	URL              string
	Shared, Standard bool
	Mine             bool // may be changed and deleted
	Current          bool
}

// Experiment is what the head of the page says.
type Experiment struct {
	ID, Name, Location, Description string
	CreatedBy                       string
	Created                         time.Time
	Tags                            []component.Pair
	Deleted                         bool
	Default                         bool // the one that cannot be deleted
}

// Column is a metric, a param or a tag that the table shows.
type Column struct {
	ID     string // "metrics.val_auc"
	Number bool   // stands at the right
	Curve  bool   // its curve stands beside it
}

// Kind is metrics, params or tags.
func (c Column) Kind() string { kind, _, _ := strings.Cut(c.ID, "."); return kind }

// Name is the key.
func (c Column) Name() string { _, name, _ := strings.Cut(c.ID, "."); return name }

// Row is one run.
type Row struct {
	ID, Name string
	Status   string // RUNNING, SCHEDULED, FINISHED, FAILED or KILLED
	Stale    bool   // running, but nothing was written for long
	Start    time.Time
	Duration string
	User     string
	Cells    []component.Cell // one for each of Columns
	Trend    []float64        // of the column with the curve
	Best     bool             // has the best value of the column with the curve
	Deleted  bool
	Depth    int // below how many others it stands
	Children int
	Open     bool
}

// GroupRow are the runs that share one value.
type GroupRow struct {
	Value   string
	Missing bool
	Runs    string
	URL     string // the runs themselves
	Cells   []component.Cell
}

// path is the page of the experiment.
func (e Experiment) path() string { return "/experiments/" + url.PathEscape(e.ID) }

func (v ListView) head(label, key string, number bool) component.Head {
	return component.SortHead(label, key, v.State.Order, number, func(order string) string {
		return v.State.With(func(s *State) { s.Order = order })
	})
}

// columnHead sorts by the column.
func (v ListView) columnHead(c Column) component.Head {
	h := v.head(c.Name(), KeyName(c.ID), c.Kind() == "metrics")
	h.Number, h.Full = c.Number, c.ID
	return h
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// Shown says how many runs the page shows.
func Shown(ctx context.Context, shown int) string { return i18n.N(ctx, "runs.count", int64(shown)) }

func (v ListView) snippet() string {
	return component.ClientScript(v.TrackingURI, "mlflow.set_experiment(experiment_id="+strconv.Quote(v.Experiment.ID)+")\n"+
		"with mlflow.start_run():\n"+
		"    for step in range(100):\n"+
		"        mlflow.log_metric(\"loss\", 1 / (step + 1), step=step)\n")
}
