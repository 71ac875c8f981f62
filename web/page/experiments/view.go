// Package experiments is the list of experiments.
package experiments

import (
	"context"
	"net/url"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ListView is the page of all experiments.
//
//	GET  /experiments               q (text language), view (active, deleted, all), order, token
//	POST /experiments               name, artifact_location
//	POST /experiments/:id/rename    name
//	POST /experiments/:id/delete
//	POST /experiments/:id/restore
type ListView struct {
	Query       string
	Problem     component.FilterProblem // what is wrong with Query
	View        string                  // active, deleted or all
	Order       string                  // "last_update_time DESC"
	Rows        []Row
	Pager       component.PagerProps
	FirstUse    bool   // there is nothing yet: show how to begin
	TrackingURI string // address of this server, for the snippet
	CanWrite    bool
	CanDelete   bool
	Form        Form
}

// Row is one experiment.
type Row struct {
	ID, Name     string
	Runs         int64
	LastActivity time.Time
	Created      time.Time
	CreatedBy    string
	Tags         []component.Pair
	Deleted      bool
	Default      bool // the one that cannot be deleted
	Result       Result
}

// Result is how an experiment stands: its primary metric, with the best value or else the latest.
type Result struct {
	Metric, Value, Full string
	Best                bool
	RunID               string    // of the best
	Trend               []float64 // of the newest runs
}

// Form is what was typed before the form for a new experiment was refused.
type Form struct {
	Name, Location string
	Errors         map[string]string
}

// address is this list in another view or another order, from its first page.
func (v ListView) address(view, order string) string {
	q := url.Values{}
	for name, value := range map[string]string{"view": view, "q": v.Query, "order": order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/experiments?" + q.Encode()
}

func (v ListView) head(label, key string) component.Head {
	return component.SortHead(label, key, v.Order, false, func(order string) string { return v.address(v.View, order) })
}

// Shown says how many experiments the page shows of how many there are; a total less than 0 is not known.
func Shown(ctx context.Context, shown int, total int64) string {
	if total < 0 {
		return i18n.N(ctx, "experiments.count", int64(shown))
	}
	return i18n.N(ctx, "experiments.shown", total, format.Count(ctx, int64(shown)))
}

// snippet is the shortest way to a first run.
func (v ListView) snippet() string {
	return component.ClientScript(v.TrackingURI, `mlflow.set_experiment("first-experiment")
with mlflow.start_run():
    mlflow.log_param("learning_rate", 0.03)
    mlflow.log_metric("loss", 0.42, step=1)
`)
}
