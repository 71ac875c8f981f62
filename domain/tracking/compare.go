package tracking

import (
	"context"

	"github.com/slipway-ml/slipway/domain/access"
)

// MaxCompared is how many runs one page compares.
const MaxCompared = 20

// CompareTx is what a comparison asks of a transaction; *storage.Tx answers.
type CompareTx interface {
	RunsIn(ctx context.Context, ids []string) ([]Run, error) // without their lists, in any order
	KeyUses(ctx context.Context, kind string, ids []string) ([]KeyUse, error)
	TextsIn(ctx context.Context, kind string, ids, keys []string) ([]RunText, error)
	MetricsIn(ctx context.Context, ids, keys []string) ([]Metric, error) // the latest of each, with RunID
	DatasetsIn(ctx context.Context, ids []string) ([]RunText, error)     // Key is the name and the use of a data set, Value its digest
	ImagesBelow(ctx context.Context, workspace, folder string, most int) ([]string, error)
	NamedRuns(ctx context.Context, experiment, part string, most int) ([]Run, error)
}

// KeyUse is how some runs use one key.
type KeyUse struct {
	Key     string
	Runs    int   // how many of them have it
	Differs bool  // those that have it do not all have the same value
	Step    int64 // of a metric: the greatest of its last steps
}

// RunText is the text that a run has under a key.
type RunText struct{ RunID, Key, Value string }

// RunsByID finds runs of the selected workspace, also deleted ones, in the order of ids and without their
// lists. An id that is not there, or given before, is left out.
func RunsByID(ctx context.Context, tx CompareTx, g access.Grant, ids []string) ([]Run, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	found, err := tx.RunsIn(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]Run, len(found))
	for _, r := range found {
		if r.Workspace == g.Workspace() {
			byID[r.ID] = r
		}
	}
	var out []Run
	for _, id := range ids {
		if r, ok := byID[id]; ok {
			out = append(out, r)
			delete(byID, id)
		}
	}
	return out, nil
}
