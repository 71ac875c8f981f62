package tracking

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
)

// TagPrimary names the metric by which an experiment's runs are judged, chosen by its people; TagDirection says
// which of its values are better, "min" or "max", where its name does not.
const (
	TagPrimary   = "slipway.primary_metric"
	TagDirection = "slipway.primary_direction"
)

// PrimaryMetric is the metric by which the runs of e are judged: the chosen one, else the one of keys whose name
// tells most. Of equals the first of keys wins; it is "" where there are none.
func PrimaryMetric(e Experiment, keys []string) string {
	if chosen := TagValue(e.Tags, TagPrimary); chosen != "" {
		return chosen
	}
	best, most := "", math.MinInt
	for _, k := range keys {
		if n := telling(Metric{Key: k}); n > most {
			best, most = k, n
		}
	}
	return best
}

// MostTelling orders metrics by how much their names tell of how good a run is; equals stay in their order.
func MostTelling(ms []Metric) {
	slices.SortStableFunc(ms, func(a, b Metric) int { return telling(b) - telling(a) })
}

var (
	heldOut  = []string{"val", "valid", "validation", "test", "eval", "evaluation", "dev", "holdout", "oof", "cv"}
	settings = []string{"lr", "learning", "epoch", "step", "iteration", "time", "duration", "seconds", "ms", "memory", "grad", "norm", "count", "rows", "samples", "examples"}
)

// telling says how much a metric's name tells of how good a run is: a quality more than a loss, a loss more than
// what nobody knows the direction of, a measure on data held back more than another, a curve more than a single
// value, and settings and measures of the machine least.
func telling(m Metric) (points int) {
	parts := strings.FieldsFunc(strings.ToLower(m.Key), func(r rune) bool { return strings.ContainsRune("/_-. :", r) })
	says := func(words []string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(words, p) })
	}
	switch d := MetricDirection(m.Key); {
	case strings.HasPrefix(m.Key, "system/") || says(settings):
		points = -20
	case d == HigherIsBetter:
		points = 8
	case d == LowerIsBetter:
		points = 4
	}
	if says(heldOut) {
		points += 2
	}
	if m.Step > 0 {
		points++
	}
	return points
}

// PrimaryDirection is which values of an experiment's metric are better.
func PrimaryDirection(e Experiment, key string) Direction {
	if TagValue(e.Tags, TagPrimary) == key {
		switch TagValue(e.Tags, TagDirection) {
		case "min":
			return LowerIsBetter
		case "max":
			return HigherIsBetter
		}
	}
	return MetricDirection(key)
}

// Best is the run with the best value of a metric.
type Best struct {
	RunID string
	Value float64
}

// Result is how an experiment stands: its primary metric, the best value of it where we know which are better, and
// the values of the newest runs, oldest first.
type Result struct {
	Metric    string
	Direction Direction
	Best      Best
	Latest    []float64
}

// The newest runs that say how an experiment stands.
const (
	judgedBy    = 5
	latestCount = 20
)

// ResultOf tells how an experiment stands; without metrics its Metric is "".
func ResultOf(ctx context.Context, tx BrowseTx, g access.Grant, e Experiment) (r Result, err error) {
	if err := g.Need(access.ExperimentRead, e.Workspace); err != nil {
		return r, err
	}
	runs, err := tx.NewestRuns(ctx, e.ID, judgedBy)
	if err != nil || len(runs) == 0 {
		return r, err
	}
	keys, err := tx.MetricKeys(ctx, runs)
	if err != nil {
		return r, err
	}
	if r.Metric = PrimaryMetric(e, keys); r.Metric == "" {
		return r, nil
	}
	r.Direction = PrimaryDirection(e, r.Metric)
	if r.Latest, err = tx.LatestValues(ctx, e.ID, r.Metric, latestCount); err != nil || r.Direction == Unknown {
		return r, err
	}
	r.Best, err = tx.BestRun(ctx, e.ID, r.Metric, r.Direction == HigherIsBetter)
	return r, err
}
