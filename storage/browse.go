package storage

import (
	"context"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// ExperimentKeys lists keys of an experiment that contain part, in any case; an empty kind means all kinds.
func (t *Tx) ExperimentKeys(ctx context.Context, experiment, kind, part string, most int) ([]tracking.Key, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	w := &where{db: t.db}
	w.and("experiment_id = " + w.arg(n))
	if kind != "" {
		w.and("kind = " + w.arg(kind))
	}
	if part != "" {
		w.and(t.db.Like("key", w.arg(contains(part)), true))
	}
	return list(ctx, t, func(row scanner) (k tracking.Key, err error) { return k, row(&k.Kind, &k.Name) },
		`SELECT kind, key FROM experiment_keys WHERE `+w.String()+` ORDER BY kind, key LIMIT `+w.arg(most), w.args...)
}

// contains is the pattern of texts that hold part; its own % and _ stay wild, which finds too much rather than
// too little.
func contains(part string) string { return "%" + part + "%" }
