package storage

import (
	"context"
	"strconv"

	"github.com/slipway-ml/slipway/domain/tracking"
)

const viewCols = `id, workspace_id, experiment_id, owner, name, shared, standard, query, created_at, updated_at`

func scanView(row scanner) (v tracking.SavedView, err error) {
	var experiment int64
	err = row(&v.ID, &v.Workspace, &experiment, &v.Owner, &v.Name, &v.Shared, &v.Standard, &v.Query, &v.CreatedAt, &v.UpdatedAt)
	v.ExperimentID = strconv.FormatInt(experiment, 10)
	return v, err
}

// SavedView finds a view.
func (t *Tx) SavedView(ctx context.Context, id string) (tracking.SavedView, error) {
	return one(ctx, t, scanView, `SELECT `+viewCols+` FROM views WHERE id = $1`, id)
}

// SavedViews lists the shared views of an experiment and those of one owner.
func (t *Tx) SavedViews(ctx context.Context, experiment, owner string) ([]tracking.SavedView, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	return list(ctx, t, scanView, `
		SELECT `+viewCols+` FROM views WHERE experiment_id = $1 AND (shared = TRUE OR owner = $2)
		 ORDER BY shared DESC, created_at, id LIMIT 1000`, n, owner)
}

// SaveView writes a view, new or changed.
func (t *Tx) SaveView(ctx context.Context, v tracking.SavedView) error {
	n, err := experimentNumber(v.ExperimentID)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO views (id, workspace_id, experiment_id, owner, name, shared, standard, query, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, shared = excluded.shared, standard = excluded.standard,
		   query = excluded.query, updated_at = excluded.updated_at`,
		v.ID, v.Workspace, n, v.Owner, v.Name, v.Shared, v.Standard, v.Query, v.CreatedAt, v.UpdatedAt)
}

// DeleteView forgets a view.
func (t *Tx) DeleteView(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM views WHERE id = $1`, id))
}

// NoStandardView takes the mark of the standard view from the views of v's kind.
func (t *Tx) NoStandardView(ctx context.Context, v tracking.SavedView) error {
	n, err := experimentNumber(v.ExperimentID)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		UPDATE views SET standard = FALSE WHERE experiment_id = $1 AND standard = TRUE AND shared = $2 AND ($2 = TRUE OR owner = $3)`, n, v.Shared, v.Owner)
}
