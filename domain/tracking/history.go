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
		var ms []Metric
		if err := h.Each(func(m Metric) error {
			if (q.From == nil || m.Step >= *q.From) && (q.To == nil || m.Step <= *q.To) {
				ms = append(ms, m)
			}
			return nil
		}); err != nil {
			return nil, err
		}
		out = append(out, RunSample{id, Sample(ms, q.Points)})
	}
	return out, nil
}

// Sample orders ms by (step, timestamp) and reduces them to n points: the first, the last, and of each
// bucket between them the one that makes the largest triangle with the point kept before and the mean
// of the next bucket (Steinarsson, "Downsampling Time Series for Visual Representation", 2013). NaN
// counts as a triangle without area, so it is kept only where its bucket has nothing else.
func Sample(ms []Metric, n int) []Metric {
	slices.SortStableFunc(ms, func(a, b Metric) int {
		if a.Step != b.Step {
			return compareInt(a.Step, b.Step)
		}
		return compareInt(a.Timestamp, b.Timestamp)
	})
	if len(ms) <= n {
		return ms
	}
	if n <= 2 {
		return []Metric{ms[0], ms[len(ms)-1]}[2-n:]
	}
	out := make([]Metric, 1, n)
	out[0] = ms[0]
	width := float64(len(ms)-2) / float64(n-2)
	for i := range n - 2 {
		from, to := 1+int(float64(i)*width), 1+int(float64(i+1)*width)
		next := ms[to:min(1+int(float64(i+2)*width), len(ms))]
		if len(next) == 0 {
			next = ms[len(ms)-1:]
		}
		out = append(out, largest(out[len(out)-1], ms[from:to], next))
	}
	return append(out, ms[len(ms)-1])
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

func largest(before Metric, bucket, next []Metric) Metric {
	var x, y, count float64
	for _, m := range next {
		if !math.IsNaN(m.Value) {
			x, y, count = x+float64(m.Step), y+m.Value, count+1
		}
	}
	if count > 0 {
		x, y = x/count, y/count
	} else { // as if the curve went on level
		x, y = float64(next[0].Step), before.Value
	}
	best, area := bucket[0], -1.0
	for _, m := range bucket {
		a := math.Abs((float64(before.Step)-x)*(m.Value-before.Value) - (float64(before.Step)-float64(m.Step))*(y-before.Value))
		if math.IsNaN(a) {
			a = 0
		}
		if a > area || math.IsNaN(best.Value) && !math.IsNaN(m.Value) {
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
