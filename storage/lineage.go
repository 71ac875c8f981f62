package storage

import (
	"context"
	"math"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage/points"
)

// SQLite reads the tables of a CROSS JOIN in the order written; without statistics it would begin with the runs,
// of which there may be very many. PostgreSQL finds the order itself.

// ChildRuns lists the active runs below parent, by start and id, after the run with the id after.
func (t *Tx) ChildRuns(ctx context.Context, workspace, parent, after string, limit int) ([]tracking.Run, error) {
	return list(ctx, t, scanRun, `
		SELECT `+runCols+`
		  FROM tags c CROSS JOIN runs r
		 WHERE r.id = c.run_id AND c.key = 'mlflow.parentRunId' AND c.value = $1 AND r.workspace_id = $2 AND r.deleted_at = 0
		   AND ($3 = '' OR (r.start_time, r.id) > (SELECT a.start_time, a.id FROM runs a WHERE a.id = $3))
		 ORDER BY r.start_time, r.id LIMIT $4`, parent, workspace, after, limit)
}

// CountChildRuns counts the active runs below parent, up to most.
func (t *Tx) CountChildRuns(ctx context.Context, workspace, parent string, most int) (int64, error) {
	return one(ctx, t, column[int64], `
		SELECT COUNT(*) FROM (
		  SELECT 1 FROM tags c CROSS JOIN runs r
		   WHERE r.id = c.run_id AND c.key = 'mlflow.parentRunId' AND c.value = $1 AND r.workspace_id = $2 AND r.deleted_at = 0 LIMIT $3) counted`,
		parent, workspace, most)
}

// LatestOf are the latest values of one metric in some runs.
func (t *Tx) LatestOf(ctx context.Context, runs []string, key string) (map[string]float64, error) {
	text := textList(runs)
	out := map[string]float64{}
	return out, t.each(ctx, func(row scanner) error {
		var run string
		var m tracking.Metric
		err := scanMetric(row, &m, &run)
		out[run] = m.Value
		return err
	}, `SELECT run_id, value, is_nan, step, timestamp FROM metrics WHERE key = $2 AND `+t.db.InTexts("run_id", "$1"), text, key)
}

// FirstMetric is the first metric of some runs that does not measure their machine.
func (t *Tx) FirstMetric(ctx context.Context, runs []string) (string, error) {
	text := textList(runs)
	return one(ctx, t, column[string], `
		SELECT COALESCE(MIN(key), '') FROM metrics
		 WHERE `+t.db.InTexts("run_id", "$1")+` AND NOT (key >= 'system/' AND key < 'system0')`, text)
}

// CountDatasetRuns counts the active runs of an experiment, but for one, that read data with a digest, up to most.
func (t *Tx) CountDatasetRuns(ctx context.Context, experiment, but, digest string, most int) (int64, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return 0, err
	}
	return one(ctx, t, column[int64], `
		SELECT COUNT(*) FROM (
		  SELECT DISTINCT r.id FROM datasets d
		    CROSS JOIN dataset_inputs i
		    CROSS JOIN runs r
		   WHERE i.dataset_id = d.id AND r.id = i.run_id AND d.experiment_id = $1 AND d.digest = $2 AND r.experiment_id = $1 AND r.deleted_at = 0 AND r.id <> $3 LIMIT $4) counted`,
		n, digest, but, most)
}

// RecentRuns lists the newest active runs of an experiment, without their lists.
func (t *Tx) RecentRuns(ctx context.Context, experiment string, limit int) ([]tracking.Run, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	return list(ctx, t, scanRun, `
		SELECT `+runCols+` FROM runs r WHERE r.experiment_id = $1 AND r.deleted_at = 0
		 ORDER BY r.start_time DESC, r.id LIMIT $2`, n, limit)
}

// MetricExtents reads the whole histories of some metrics of a run, as long as they have at most so many points
// together; else it answers nil, for then the answer would cost more than it is worth.
func (t *Tx) MetricExtents(ctx context.Context, run string, keys []string, most int64) (map[string]tracking.MetricExtent, error) {
	text := textList(keys)
	of := `m.run_id = $1 AND ` + t.db.InTexts("m.key", "$2")
	size, err := one(ctx, t, column[int64], `
		SELECT CAST((SELECT COALESCE(SUM(m.tail_points), 0) FROM metrics m WHERE `+of+`)
		     + (SELECT COALESCE(SUM(b.points), 0) FROM metrics m JOIN metric_blocks b ON b.series = m.series WHERE `+of+`) AS BIGINT)`, run, text)
	if err != nil || size > most {
		return nil, err
	}
	all := map[string][]points.Point{}
	for _, from := range []string{"metric_blocks", "metric_tail"} {
		if err := t.each(ctx, func(row scanner) error {
			var key string
			var data []byte
			if err := row(&key, &data); err != nil {
				return err
			}
			all[key], err = points.Decode(all[key], data)
			return err
		}, `SELECT m.key, b.data FROM metrics m JOIN `+from+` b ON b.series = m.series WHERE `+of, run, text); err != nil {
			return nil, err
		}
	}
	out := make(map[string]tracking.MetricExtent, len(all))
	for key, ps := range all {
		e := tracking.MetricExtent{Min: math.NaN(), Max: math.NaN()}
		for _, p := range points.Sort(ps) { // without doubles
			e.Points++
			if !math.IsNaN(p.Value) && !(p.Value >= e.Min) {
				e.Min = p.Value
			}
			if !math.IsNaN(p.Value) && !(p.Value <= e.Max) {
				e.Max = p.Value
			}
		}
		out[key] = e
	}
	return out, nil
}
