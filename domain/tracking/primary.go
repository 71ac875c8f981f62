package tracking

import (
	"context"
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
	if chosen := tagValue(e.Tags, TagPrimary); chosen != "" {
		return chosen
	}
	best, most := "", -1
	for _, k := range keys {
		if n := telling(k); n > most {
			best, most = k, n
		}
	}
	return best
}

// MostTelling orders metrics by how much their names tell of how good a run is; equals stay in their order.
func MostTelling(ms []Metric) {
	slices.SortStableFunc(ms, func(a, b Metric) int { return telling(b.Key) - telling(a.Key) })
}

// telling says how much a metric's name tells of how good a run is: a measure on data held back more than one on
// training data, one whose direction is known more than another, a quality more than a loss.
func telling(key string) (n int) {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return strings.ContainsRune("/_-. ", r) })
	switch {
	case strings.HasPrefix(key, "system/"):
		return 0
	case slices.ContainsFunc(words, func(w string) bool { return slices.Contains([]string{"val", "valid", "validation", "test", "eval"}, w) }):
		n = 4
	case !slices.ContainsFunc(words, func(w string) bool { return slices.Contains([]string{"train", "training"}, w) }):
		n = 2
	}
	switch MetricDirection(key) {
	case HigherIsBetter:
		n += 3
	case LowerIsBetter:
		n += 2
	}
	return n + 1
}

// PrimaryDirection is which values of an experiment's metric are better.
func PrimaryDirection(e Experiment, key string) Direction {
	if tagValue(e.Tags, TagPrimary) == key {
		switch tagValue(e.Tags, TagDirection) {
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
