package storage

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage/points"
)

// RunsBegun counts the active runs that began in [from, to), or those of them that failed. Both are counts of a
// range of an index.
func (t *Tx) RunsBegun(ctx context.Context, workspace string, from, to int64, failed bool) (int64, error) {
	if failed {
		return one(ctx, t, column[int64], `
			SELECT COUNT(*) FROM runs
			 WHERE workspace_id = $1 AND start_time >= $2 AND start_time < $3 AND status = 'FAILED' AND deleted_at = 0`, workspace, from, to)
	}
	return one(ctx, t, column[int64], `
		SELECT COUNT(*) FROM runs
		 WHERE workspace_id = $1 AND start_time >= $2 AND start_time < $3 AND deleted_at = 0`, workspace, from, to)
}

// RunsRunning counts the runs that say they are running, and those of them not written to since an instant.
func (t *Tx) RunsRunning(ctx context.Context, workspace string, since int64) (running, silent int64, err error) {
	err = t.each(ctx, func(row scanner) error { return row(&running, &silent) }, `
		SELECT (SELECT COUNT(*) FROM runs WHERE workspace_id = $1 AND status = 'RUNNING' AND deleted_at = 0),
		       (SELECT COUNT(*) FROM runs WHERE workspace_id = $1 AND status = 'RUNNING' AND deleted_at = 0 AND updated_at <= $2)`, workspace, since)
	return running, silent, err
}

// RunningRuns are the runs that say they are running, the latest written to first, without their lists.
func (t *Tx) RunningRuns(ctx context.Context, workspace string, most int) ([]tracking.Run, error) {
	return list(ctx, t, scanRun, `
		SELECT `+runCols+` FROM runs r
		 WHERE r.workspace_id = $1 AND r.status = 'RUNNING' AND r.deleted_at = 0
		 ORDER BY r.updated_at DESC LIMIT $2`, workspace, most)
}

// LatestRuns are the latest begun of the active runs, without their lists.
func (t *Tx) LatestRuns(ctx context.Context, workspace string, most int) ([]tracking.Run, error) {
	return list(ctx, t, scanRun, `
		SELECT `+runCols+` FROM runs r
		 WHERE r.workspace_id = $1 AND r.deleted_at = 0
		 ORDER BY r.start_time DESC LIMIT $2`, workspace, most)
}

// LatestMetrics are up to most metrics of a run, those of its machine left out.
func (t *Tx) LatestMetrics(ctx context.Context, run string, most int) ([]tracking.Metric, error) {
	return list(ctx, t, func(row scanner) (m tracking.Metric, err error) { return m, scanMetric(row, &m, &m.Key) }, `
		SELECT key, value, is_nan, step, timestamp FROM metrics
		 WHERE run_id = $1 AND (key < 'system/' OR key >= 'system0') ORDER BY key LIMIT $2`, run, most)
}

// Outline is the shape of a series: at most about most points, in the order of their steps. Of a long series it
// reads a few blocks from all over, so that a million points cost little more than a thousand.
func (t *Tx) Outline(ctx context.Context, run, key string, most int) ([]tracking.Metric, error) {
	const blocksRead = 24
	series, err := one(ctx, t, column[int64], `SELECT series FROM metrics WHERE run_id = $1 AND key = $2`, run, key)
	if domain.KindOf(err) == domain.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seqs, err := list(ctx, t, column[int64], `SELECT seq FROM metric_blocks WHERE series = $1 ORDER BY seq`, series)
	if err != nil {
		return nil, err
	}
	var all []points.Point
	for i := range min(blocksRead, len(seqs)) {
		seq := seqs[i]
		if len(seqs) > blocksRead {
			seq = seqs[i*(len(seqs)-1)/(blocksRead-1)]
		}
		data, err := one(ctx, t, column[[]byte], `SELECT data FROM metric_blocks WHERE series = $1 AND seq = $2`, series, seq)
		if err != nil {
			return nil, err
		}
		if all, err = points.Decode(all, data); err != nil {
			return nil, err
		}
	}
	tail, err := list(ctx, t, scanBlock, `SELECT seq, data FROM metric_tail WHERE series = $1 ORDER BY seq`, series)
	if err != nil {
		return nil, err
	}
	late, err := decode(tail)
	if err != nil {
		return nil, err
	}
	ms := make([]tracking.Metric, 0, len(all)+len(late))
	for _, p := range slices.Concat(all, late) {
		if !math.IsNaN(p.Value) {
			ms = append(ms, tracking.Metric{Key: key, Value: p.Value, Timestamp: p.Timestamp, Step: p.Step})
		}
	}
	return tracking.Sample(ms, most), nil
}

// ExperimentsWritten counts the active experiments, and those of them with a run written to since an instant.
func (t *Tx) ExperimentsWritten(ctx context.Context, workspace string, since int64) (active, all int64, err error) {
	err = t.each(ctx, func(row scanner) error { return row(&active, &all) }, `
		SELECT COUNT(CASE WHEN (SELECT MAX(r.updated_at) FROM runs r WHERE r.experiment_id = e.id) >= $2 THEN 1 END), COUNT(*)
		  FROM experiments e WHERE e.workspace_id = $1 AND e.deleted_at = 0`, workspace, since)
	return active, all, err
}

// RecentExperiments are the active ones, the latest written to first, with their runs counted.
func (t *Tx) RecentExperiments(ctx context.Context, workspace string, most int) ([]tracking.Recent, error) {
	return list(ctx, t, func(row scanner) (r tracking.Recent, err error) {
		var id int64
		err = row(&id, &r.Name, &r.CreatedAt, &r.Last, &r.Runs)
		r.ID, r.Workspace = strconv.FormatInt(id, 10), workspace
		return r, err
	}, `
		SELECT x.id, x.name, x.created_at, x.last, (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = x.id AND r.deleted_at = 0)
		  FROM (SELECT e.id, e.name, e.created_at, COALESCE((SELECT MAX(r.updated_at) FROM runs r WHERE r.experiment_id = e.id), e.created_at) AS last
		          FROM experiments e WHERE e.workspace_id = $1 AND e.deleted_at = 0
		         ORDER BY 4 DESC, e.id DESC LIMIT $2) x
		 ORDER BY x.last DESC, x.id DESC`, workspace, most)
}

// ModelsLogged counts the active logged models made in [from, to).
func (t *Tx) ModelsLogged(ctx context.Context, workspace string, from, to int64) (int64, error) {
	return one(ctx, t, column[int64], `
		SELECT COUNT(*) FROM logged_models
		 WHERE workspace_id = $1 AND created_at >= $2 AND created_at < $3 AND deleted_at = 0`, workspace, from, to)
}

// ExperimentNames are the names of experiments by their ids.
func (t *Tx) ExperimentNames(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	return out, t.each(ctx, func(row scanner) error {
		var id int64
		var name string
		err := row(&id, &name)
		out[strconv.FormatInt(id, 10)] = name
		return err
	}, `SELECT id, name FROM experiments WHERE id IN (`+experimentList(ids)+`)`)
}
