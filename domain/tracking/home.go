package tracking

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
)

// Recent is an experiment with what went on in it.
type Recent struct {
	Experiment
	Activity
}

// HomeTx is what the home page asks of a transaction; *storage.Tx answers.
type HomeTx interface {
	// RunsBegun counts the active runs that began in [from, to), of any status or, if failed, of those that failed.
	RunsBegun(ctx context.Context, workspace string, from, to int64, failed bool) (int64, error)
	// RunsRunning counts the runs that say they are running, and those of them not written to since an instant.
	RunsRunning(ctx context.Context, workspace string, since int64) (running, silent int64, err error)
	// RunningRuns, the latest written to first, and LatestRuns, the latest begun first, are without their lists.
	RunningRuns(ctx context.Context, workspace string, most int) ([]Run, error)
	LatestRuns(ctx context.Context, workspace string, most int) ([]Run, error)
	// LatestMetrics are up to most metrics of a run, those of its machine ("system/") left out.
	LatestMetrics(ctx context.Context, run string, most int) ([]Metric, error)
	// Outline is the shape of a series: at most about most points of it, in the order of its steps.
	Outline(ctx context.Context, run, key string, most int) ([]Metric, error)
	// ExperimentsWritten counts the active experiments, and those of them with a run written to since an instant.
	ExperimentsWritten(ctx context.Context, workspace string, since int64) (active, all int64, err error)
	// RecentExperiments are the active ones, the latest written to first.
	RecentExperiments(ctx context.Context, workspace string, most int) ([]Recent, error)
	ModelsLogged(ctx context.Context, workspace string, from, to int64) (int64, error)
	ExperimentNames(ctx context.Context, ids []string) (map[string]string, error)
}

// Pulse is how many runs began in a span of time and of how many we know that they failed, with the counts of the
// span of the same length before it.
type Pulse struct {
	Runs, Failed, FailedBefore int64
	Models                     int64   // logged in the span
	Running, Stale             int64   // now; the stale are among the running
	Trend                      []int64 // runs begun, in equal parts of the span
}

// PulseOf looks at the span that ends now, in the given number of parts.
func PulseOf(ctx context.Context, tx HomeTx, g access.Grant, span time.Duration, parts int, now time.Time, staleAfter time.Duration) (p Pulse, err error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return p, err
	}
	w, end, length := g.Workspace(), now.UnixMilli()+1, span.Milliseconds()
	for i := range int64(parts) { // part by part: a count of an index range is cheap, a grouping is not
		n, err := tx.RunsBegun(ctx, w, end-length+i*length/int64(parts), end-length+(i+1)*length/int64(parts), false)
		if err != nil {
			return p, err
		}
		p.Trend, p.Runs = append(p.Trend, n), p.Runs+n
	}
	if p.Failed, err = tx.RunsBegun(ctx, w, end-length, end, true); err != nil {
		return p, err
	}
	if p.FailedBefore, err = tx.RunsBegun(ctx, w, end-2*length, end-length, true); err != nil {
		return p, err
	}
	if p.Models, err = tx.ModelsLogged(ctx, w, end-length, end); err != nil {
		return p, err
	}
	p.Running, p.Stale, err = tx.RunsRunning(ctx, w, since(now, staleAfter))
	return p, err
}

// since is the instant before which a silent run is stale; 0, before all runs, where none ever is.
func since(now time.Time, staleAfter time.Duration) int64 {
	if staleAfter <= 0 {
		return 0
	}
	return now.Add(-staleAfter).UnixMilli()
}

// Outcome is a run with its most telling metric, which has no key where the run has no metrics.
type Outcome struct {
	Run        Run // without its lists
	Experiment string
	Metric     Metric
	Outline    []float64 // the shape of that metric
}

// RecentOutcomes are the runs that began last, with how they went.
func RecentOutcomes(ctx context.Context, tx HomeTx, g access.Grant, most int) ([]Outcome, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	runs, err := tx.LatestRuns(ctx, g.Workspace(), most)
	if err != nil {
		return nil, err
	}
	out, err := outcomes(ctx, tx, runs)
	if err != nil {
		return nil, err
	}
	for i := range out {
		const mostMetrics, points = 300, 40
		ms, err := tx.LatestMetrics(ctx, out[i].Run.ID, mostMetrics)
		if err != nil {
			return nil, err
		}
		if out[i].Metric = Telling(ms); out[i].Metric.Key == "" {
			continue
		}
		shape, err := tx.Outline(ctx, out[i].Run.ID, out[i].Metric.Key, points)
		if err != nil {
			return nil, err
		}
		for _, m := range shape {
			out[i].Outline = append(out[i].Outline, m.Value)
		}
	}
	return out, nil
}

// RunningNow are the runs that say they are running, the latest written to first, without their results.
func RunningNow(ctx context.Context, tx HomeTx, g access.Grant, most int) ([]Outcome, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	runs, err := tx.RunningRuns(ctx, g.Workspace(), most)
	if err != nil {
		return nil, err
	}
	return outcomes(ctx, tx, runs)
}

func outcomes(ctx context.Context, tx HomeTx, runs []Run) ([]Outcome, error) {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ExperimentID
	}
	names, err := tx.ExperimentNames(ctx, ids)
	out := make([]Outcome, len(runs))
	for i, r := range runs {
		out[i] = Outcome{Run: r, Experiment: names[r.ExperimentID]}
	}
	return out, err
}

// RecentExperiments are the active experiments, the latest written to first, with how many there are and how many
// of them were written to since an instant.
func RecentExperiments(ctx context.Context, tx HomeTx, g access.Grant, most int, since time.Time) (recent []Recent, active, all int64, err error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil {
		return nil, 0, 0, err
	}
	if active, all, err = tx.ExperimentsWritten(ctx, g.Workspace(), since.UnixMilli()); err != nil {
		return nil, 0, 0, err
	}
	recent, err = tx.RecentExperiments(ctx, g.Workspace(), most)
	return recent, active, all, err
}

// Telling is the metric that says most about how a run went; with none its key is "". A measure of quality on data
// that the run did not learn from comes before one on its own data, a measure of quality before a loss, a loss before
// anything else, a curve before a single value, and what names say nothing about keeps the order of the alphabet.
func Telling(ms []Metric) Metric {
	if len(ms) == 0 {
		return Metric{}
	}
	return slices.MinFunc(ms, func(a, b Metric) int {
		return cmp.Or(cmp.Compare(telling(b), telling(a)), cmp.Compare(a.Key, b.Key))
	})
}
