// Package runs is the runs of one experiment as a table, and one run as a page.
package runs

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ListView is the page of one experiment.
//
//	GET  /experiments/:id           filter, order, view (active, deleted, all), token
//	POST /experiments/:id/rename    name
//	POST /experiments/:id/delete
//	POST /experiments/:id/restore
type ListView struct {
	Experiment  Experiment
	Filter      string
	Problem     component.FilterProblem // what is wrong with Filter
	Order       string                  // "metrics.auc DESC"
	View        string                  // active, deleted or all
	Columns     []Column                // metrics, then params
	Rows        []Row
	Pager       component.PagerProps
	FirstUse    bool   // the experiment never had a run: show how to log one
	TrackingURI string // address of this server, for the snippet
	CanWrite    bool
	CanDelete   bool
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

// Column is a metric or a param that the table shows.
type Column struct {
	Name   string
	Metric bool
	Number bool // a param whose every value is a number
}

// Row is one run.
type Row struct {
	ID, Name string
	Status   string // RUNNING, SCHEDULED, FINISHED, FAILED or KILLED
	Start    time.Time
	Duration string
	User     string
	Cells    []component.Cell // one for each of Columns
	Deleted  bool
}

// path is the page of the experiment.
func (e Experiment) path() string { return "/experiments/" + url.PathEscape(e.ID) }

// address is this list in another view or another order, from its first page.
func (v ListView) address(view, order string) string {
	q := url.Values{}
	for name, value := range map[string]string{"view": view, "filter": v.Filter, "order": order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return v.Experiment.path() + "?" + q.Encode()
}

func (v ListView) head(label, key string, number bool) component.Head {
	return component.SortHead(label, key, v.Order, number, func(order string) string { return v.address(v.View, order) })
}

// columnHead sorts by the column; a name that is not a plain word stands in back quotes, as the filter language wants.
func (v ListView) columnHead(c Column) component.Head {
	name := c.Name
	if !plainName.MatchString(name) {
		name = "`" + name + "`"
	}
	if c.Metric {
		return v.head(c.Name, "metrics."+name, true)
	}
	h := v.head(c.Name, "params."+name, false)
	h.Number = c.Number
	return h
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// Shown says how many runs the page shows of how many there are; a total less than 0 is not known.
func Shown(ctx context.Context, shown int, total int64) string {
	if total < 0 {
		return i18n.N(ctx, "runs.count", int64(shown))
	}
	return i18n.N(ctx, "runs.shown", total, format.Count(ctx, int64(shown)))
}

func (v ListView) snippet() string {
	return "import mlflow\n\nmlflow.set_tracking_uri(" + strconv.Quote(v.TrackingURI) + ")\n" +
		"mlflow.set_experiment(experiment_id=" + strconv.Quote(v.Experiment.ID) + ")\n" +
		"with mlflow.start_run():\n" +
		"    for step in range(100):\n" +
		"        mlflow.log_metric(\"loss\", 1 / (step + 1), step=step)\n"
}
