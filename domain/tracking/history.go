package tracking

import (
	"cmp"
	"context"
	"slices"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/stats"
)

// MetricHistory finds the points of a metric. An unknown run or key has none.
func MetricHistory(ctx context.Context, tx Tx, g access.Grant, q HistoryQuery) (History, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	r, err := tx.Run(ctx, q.RunID)
	if domain.KindOf(err) == domain.NotFound || err == nil && r.Workspace != g.Workspace() {
		return noHistory{}, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.MetricHistory(ctx, q)
}

type noHistory struct{}

func (noHistory) Each(func(Metric) error) error { return nil }
func (noHistory) Next() string                  { return "" }

func (noHistory) Columns() (steps, times []int64, values []float64, err error) {
	return nil, nil, nil, nil
}

// SampleQuery asks for the shape of one metric over several runs.
type SampleQuery struct {
	RunIDs []string
	Key    string
	From   *int64 // first and last step; nil = no bound
	To     *int64
	Points int // of each run, at most
}

// The most runs in one sample, and the most points a run.
const (
	MaxSampleRuns   = 100
	MaxSamplePoints = 2500
)

// RunSample is the sampled history of one run, ordered by step.
type RunSample struct {
	RunID  string
	Points []Metric
}

// SampleHistories reduces the histories of a metric to at most q.Points a run by
// largest-triangle-three-buckets, which keeps the ends and the look of a curve.
func SampleHistories(ctx context.Context, tx Tx, g access.Grant, q SampleQuery) ([]RunSample, error) {
	switch {
	case len(q.RunIDs) == 0 || len(q.RunIDs) > MaxSampleRuns:
		return nil, domain.Fail(domain.Invalid, "history.runs", "give between 1 and %d run ids, not %d", MaxSampleRuns, len(q.RunIDs))
	case q.Points < 1 || q.Points > MaxSamplePoints:
		return nil, domain.Fail(domain.Invalid, "history.points", "max_results must be between 1 and %d, not %d", MaxSamplePoints, q.Points)
	case (q.From == nil) != (q.To == nil):
		return nil, domain.Fail(domain.Invalid, "history.range_half", "If either start step or end step are specified, both must be specified.")
	case q.From != nil && *q.From > *q.To:
		return nil, domain.Fail(domain.Invalid, "history.range", "the start step %d is after the end step %d", *q.From, *q.To)
	}
	var out []RunSample
	for _, id := range q.RunIDs {
		h, err := MetricHistory(ctx, tx, g, HistoryQuery{RunID: id, Key: q.Key})
		if err != nil {
			return nil, err
		}
		c, err := columnsOf(h)
		if err != nil {
			return nil, err
		}
		c.keep(c.steps, q.From, q.To)
		c.sortBy(c.steps)
		out = append(out, RunSample{id, c.pick(q.Key, stats.Thin(c.steps, c.values, q.Points))})
	}
	return out, nil
}

// Sample orders ms, points of one metric, by (step, timestamp) and reduces them to n that look like all of
// them (see stats.Thin).
func Sample(ms []Metric, n int) []Metric {
	if len(ms) == 0 {
		return ms
	}
	c := &curve{}
	for _, m := range ms {
		c.steps, c.times, c.values = append(c.steps, m.Step), append(c.times, m.Timestamp), append(c.values, m.Value)
	}
	c.sortBy(c.steps)
	return c.pick(ms[0].Key, stats.Thin(c.steps, c.values, n))
}

// curve is the points of one metric of one run without their names, in columns: a million of them are 24 MB.
type curve struct {
	steps, times []int64
	values       []float64
}

func columnsOf(h History) (*curve, error) {
	steps, times, values, err := h.Columns()
	return &curve{steps, times, values}, err
}

// keep drops the points whose x is out of bounds; xs is c.steps, c.times or a column beside them. It returns the
// xs that stay.
func (c *curve) keep(xs []int64, from, to *int64) []int64 {
	if from == nil && to == nil {
		return xs
	}
	var at []int
	for i, x := range xs {
		if (from == nil || x >= *from) && (to == nil || x <= *to) {
			at = append(at, i)
		}
	}
	xs = gather(xs, at)
	*c = curve{gather(c.steps, at), gather(c.times, at), gather(c.values, at)}
	return xs
}

// sortBy puts the points in the order of xs, which is c.steps or c.times, then of their times.
func (c *curve) sortBy(xs []int64) {
	order := func(i, j int) int { return cmp.Or(cmp.Compare(xs[i], xs[j]), cmp.Compare(c.times[i], c.times[j])) }
	sorted := true
	for i := 1; i < len(xs) && sorted; i++ {
		sorted = order(i-1, i) <= 0
	}
	if sorted {
		return
	}
	at := make([]int, len(xs))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, order)
	*c = curve{gather(c.steps, at), gather(c.times, at), gather(c.values, at)}
}

// gather is the elements of all at the given places.
func gather[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, from := range at {
		out[i] = all[from]
	}
	return out
}

// pick is the points at the given places as metrics.
func (c *curve) pick(key string, at []int) []Metric {
	out := make([]Metric, len(at))
	for i, from := range at {
		out[i] = Metric{Key: key, Step: c.steps[from], Timestamp: c.times[from], Value: c.values[from]}
	}
	return out
}

// SearchDatasets lists the data sets used in experiments of the selected workspace.
func SearchDatasets(ctx context.Context, tx Tx, g access.Grant, experiments []string) ([]DatasetSummary, error) {
	const most = 20
	if len(experiments) == 0 || len(experiments) > most {
		return nil, domain.Fail(domain.Invalid, "dataset.experiments", "give between 1 and %d experiment ids, not %d", most, len(experiments))
	}
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.DatasetsOf(ctx, g.Workspace(), experiments)
}
