package tracking

import (
	"context"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
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
		var ps []sample
		if err := h.Each(func(m Metric) error {
			if (q.From == nil || m.Step >= *q.From) && (q.To == nil || m.Step <= *q.To) {
				ps = append(ps, sample{m.Step, m.Timestamp, m.Value})
			}
			return nil
		}); err != nil {
			return nil, err
		}
		out = append(out, RunSample{id, metrics(q.Key, reduce(ps, q.Points))})
	}
	return out, nil
}

// Sample orders ms, points of one metric, by (step, timestamp) and reduces them to n: the first, the last, and
// of each bucket between them the one that makes the largest triangle with the point kept before and the mean
// of the next bucket (Steinarsson, "Downsampling Time Series for Visual Representation", 2013). NaN
// counts as a triangle without area, so it is kept only where its bucket has nothing else.
func Sample(ms []Metric, n int) []Metric {
	if len(ms) == 0 {
		return ms
	}
	ps := make([]sample, len(ms))
	for i, m := range ms {
		ps[i] = sample{m.Step, m.Timestamp, m.Value}
	}
	return metrics(ms[0].Key, reduce(ps, n))
}

// sample is a point without its name: a million of them are 24 MB.
type sample struct {
	step, timestamp int64
	value           float64
}

func metrics(key string, ps []sample) []Metric {
	out := make([]Metric, len(ps))
	for i, p := range ps {
		out[i] = Metric{Key: key, Step: p.step, Timestamp: p.timestamp, Value: p.value}
	}
	return out
}

// reduce is Sample's rule.
func reduce(ps []sample, n int) []sample {
	byStep := func(a, b sample) int {
		if a.step != b.step {
			return compareInt(a.step, b.step)
		}
		return compareInt(a.timestamp, b.timestamp)
	}
	if !slices.IsSortedFunc(ps, byStep) {
		slices.SortStableFunc(ps, byStep)
	}
	if len(ps) <= n {
		return ps
	}
	if n <= 2 {
		return []sample{ps[0], ps[len(ps)-1]}[2-n:]
	}
	out := make([]sample, 1, n)
	out[0] = ps[0]
	width := float64(len(ps)-2) / float64(n-2)
	for i := range n - 2 {
		from, to := 1+int(float64(i)*width), 1+int(float64(i+1)*width)
		next := ps[to:min(1+int(float64(i+2)*width), len(ps))]
		if len(next) == 0 {
			next = ps[len(ps)-1:]
		}
		out = append(out, largest(out[len(out)-1], ps[from:to], next))
	}
	return append(out, ps[len(ps)-1])
}

func compareInt(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

func largest(before sample, bucket, next []sample) sample {
	var x, y, count float64
	for _, m := range next {
		if !math.IsNaN(m.value) {
			x, y, count = x+float64(m.step), y+m.value, count+1
		}
	}
	if count > 0 {
		x, y = x/count, y/count
	} else { // as if the curve went on level
		x, y = float64(next[0].step), before.value
	}
	best, area := bucket[0], -1.0
	for _, m := range bucket {
		a := math.Abs((float64(before.step)-x)*(m.value-before.value) - (float64(before.step)-float64(m.step))*(y-before.value))
		if math.IsNaN(a) {
			a = 0
		}
		if a > area || math.IsNaN(best.value) && !math.IsNaN(m.value) {
			best, area = m, a
		}
	}
	return best
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
