package tracking

import (
	"context"

	"github.com/slipway-ml/slipway/domain/access"
)

// Key is a name that runs of an experiment have used for a metric, a param or a tag.
type Key struct{ Kind, Name string }

// BrowseTx is what the pages ask of a transaction beyond the protocol; *storage.Tx answers.
type BrowseTx interface {
	Experiment(ctx context.Context, id string) (Experiment, error)
	ExperimentKeys(ctx context.Context, experiment, kind, part string, most int) ([]Key, error)
}

// KeysOf lists up to most keys of an experiment that contain part, in any case; an empty kind means all kinds.
func KeysOf(ctx context.Context, tx BrowseTx, g access.Grant, experiment, kind, part string, most int) ([]Key, error) {
	e, err := tx.Experiment(ctx, experiment)
	if err != nil {
		return nil, err
	}
	if err := g.Need(access.RunRead, e.Workspace); err != nil {
		return nil, err
	}
	return tx.ExperimentKeys(ctx, experiment, kind, part, most)
}
