package tracking

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
)

// Key is a name that runs of an experiment have used for a metric, a param or a tag.
type Key struct{ Kind, Name string }

// The kinds of keys.
const (
	KindMetric = "metric"
	KindParam  = "param"
	KindTag    = "tag"
)

// Columns are the keys whose values a table shows. Of thousands that runs may have, only these are read.
type Columns struct{ Metrics, Params, Tags []string }

// ColumnUse is how some runs use a key: how many have it, and how many different values a param has in them.
type ColumnUse struct {
	Key
	Runs   int
	Values int
}

// Group is what runs have in common that share one value of a param or a tag.
type Group struct {
	Value   string
	Missing bool // the runs that have no value
	Runs    int
	Metrics map[string]Moments
}

// Moments describe some values by their count, mean and spread. NaN values are counted apart.
type Moments struct {
	N        int
	NaN      int
	Mean     float64
	Min, Max float64
	m2       float64
}

// Add takes one more value in, by Welford's recurrence (Welford, "Note on a Method for Calculating Corrected
// Sums of Squares and Products", 1962), which does not cancel as sums of squares do.
func (m *Moments) Add(v float64) {
	if math.IsNaN(v) {
		m.NaN++
		return
	}
	m.N++
	if m.N == 1 {
		m.Min, m.Max = v, v
	}
	m.Min, m.Max = math.Min(m.Min, v), math.Max(m.Max, v)
	d := v - m.Mean
	m.Mean += d / float64(m.N)
	m.m2 += d * (v - m.Mean)
}

// Std is the sample standard deviation (n − 1); false for fewer than two values.
func (m Moments) Std() (float64, bool) {
	if m.N < 2 {
		return 0, false
	}
	return math.Sqrt(m.m2 / float64(m.N-1)), true
}

// BrowseTx is what the pages ask of a transaction beyond the protocol; *storage.Tx answers.
type BrowseTx interface {
	Tx
	ExperimentKeys(ctx context.Context, experiment, kind, part string, most int) ([]Key, error)
	// NewestValues are the texts that the newest active runs of an experiment have under a key and that begin with
	// prefix, without regard to the case of ASCII letters; what most runs have comes first.
	NewestValues(ctx context.Context, experiment string, of search.Entity, key, prefix string, most int) ([]string, error)
	ColumnUses(ctx context.Context, runs []string) ([]ColumnUse, error)
	NewestRuns(ctx context.Context, experiment string, n int) ([]string, error)
	MetricKeys(ctx context.Context, runs []string) ([]string, error)
	LatestValues(ctx context.Context, experiment, key string, n int) ([]float64, error)
	BestRun(ctx context.Context, experiment, key string, highest bool) (Best, error)
	GroupRuns(ctx context.Context, q Query, by Key, metrics []string) ([]Group, error)
	Trends(ctx context.Context, runs []string, key string, n int) (map[string][]float64, error)
	ChildCounts(ctx context.Context, runs []string) (map[string]int, error)
	LastWrite(ctx context.Context, experiment string) (int64, error)
}

// KeysOf lists up to most keys of an experiment that contain part, in any case; an empty kind means all kinds.
func KeysOf(ctx context.Context, tx BrowseTx, g access.Grant, id, kind, part string, most int) ([]Key, error) {
	if _, err := experiment(ctx, tx, g, access.RunRead, id); err != nil {
		return nil, err
	}
	return tx.ExperimentKeys(ctx, id, kind, part, most)
}

// ValuesOf lists up to most values that may finish the comparison c of a filter of an experiment's runs, of which c.Str
// is the beginning: those that its newest runs have. What does not stand in one line of a filter is left out.
func ValuesOf(ctx context.Context, tx BrowseTx, g access.Grant, id string, c search.Clause, most int) ([]string, error) {
	if _, err := experiment(ctx, tx, g, access.RunRead, id); err != nil {
		return nil, err
	}
	if c.Op == search.Like || c.Op == search.ILike { // a pattern is no value
		return nil, nil
	}
	values, err := tx.NewestValues(ctx, id, c.Entity, c.Key, c.Str, most)
	return slices.DeleteFunc(values, func(v string) bool { return strings.ContainsFunc(v, unicode.IsControl) }), err
}

// recentRuns is how many of the newest runs decide which columns a table opens with.
const recentRuns = 20

// ColumnUses tells how the newest runs of an experiment use their keys.
func ColumnUses(ctx context.Context, tx BrowseTx, g access.Grant, id string) ([]ColumnUse, int, error) {
	if _, err := experiment(ctx, tx, g, access.RunRead, id); err != nil {
		return nil, 0, err
	}
	runs, err := tx.NewestRuns(ctx, id, recentRuns)
	if err != nil || len(runs) == 0 {
		return nil, 0, err
	}
	uses, err := tx.ColumnUses(ctx, runs)
	return uses, len(runs), err
}

// GroupRuns looks at so many runs, the newest, and tells so many groups apart, the largest.
const (
	MostGrouped = 20_000
	MostGroups  = 200
)

// GroupRuns groups the newest of the runs that q finds by their value of a param or a tag.
func GroupRuns(ctx context.Context, tx BrowseTx, g access.Grant, q Query, by Key, metrics []string) ([]Group, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	if by.Kind != KindParam && by.Kind != KindTag || by.Name == "" {
		return nil, domain.Fail(domain.Invalid, "runs.group", "runs are grouped by a param or a tag, like params.max_depth")
	}
	q.Workspace = g.Workspace()
	return tx.GroupRuns(ctx, q, by, metrics)
}

// LastWrite is when something was last written to a run of an experiment; 0 where there is none.
func LastWrite(ctx context.Context, tx BrowseTx, g access.Grant, id string) (int64, error) {
	if _, err := experiment(ctx, tx, g, access.RunRead, id); err != nil {
		return 0, err
	}
	return tx.LastWrite(ctx, id)
}

// LastRunWrite is when something was last written to a run.
func LastRunWrite(ctx context.Context, tx Tx, g access.Grant, id string) (int64, error) {
	r, err := run(ctx, tx, g, access.RunRead, id)
	return r.UpdatedAt, err
}

// MaxBulk is how many runs one act may change.
const MaxBulk = 1000

// Bulk does act to each of the runs, or to none if one of them is refused.
func Bulk(runs []string, act func(run string) error) error {
	if len(runs) == 0 || len(runs) > MaxBulk {
		return domain.Fail(domain.Invalid, "runs.bulk", "choose between 1 and %d runs, not %d", MaxBulk, len(runs))
	}
	for _, id := range runs {
		if err := act(id); err != nil {
			return err
		}
	}
	return nil
}
