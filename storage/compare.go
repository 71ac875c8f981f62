package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// RunsIn finds runs without their lists; ids that are not there are left out.
func (t *Tx) RunsIn(ctx context.Context, ids []string) ([]tracking.Run, error) {
	in := textList(ids)
	return list(ctx, t, scanRun, `SELECT `+runCols+` FROM runs r WHERE `+t.db.InTexts("r.id", "$1"), in)
}

// textTables are the kinds of keys whose values are texts.
var textTables = map[string]string{tracking.KindParam: "params", tracking.KindTag: "tags"}

// KeyUses lists the keys of a kind that some runs have, in order, and whether they differ. Values are compared by
// the database: of many keys and runs only one row a key comes out.
func (t *Tx) KeyUses(ctx context.Context, kind string, ids []string) ([]tracking.KeyUse, error) {
	in := textList(ids)
	if kind == tracking.KindMetric {
		return list(ctx, t, func(row scanner) (u tracking.KeyUse, err error) {
			var low, high float64
			var nans int
			err = row(&u.Key, &u.Runs, &low, &high, &nans, &u.Step)
			u.Differs = low != high || nans != 0 && nans != u.Runs
			return u, err
		}, `
			SELECT key, COUNT(*), MIN(value), MAX(value), SUM(CASE WHEN is_nan THEN 1 ELSE 0 END), MAX(step)
			  FROM metrics WHERE `+t.db.InTexts("run_id", "$1")+` GROUP BY key ORDER BY key`, in)
	}
	table, ok := textTables[kind]
	if !ok {
		return nil, fmt.Errorf("storage: runs have no keys of the kind %q", kind)
	}
	return list(ctx, t, func(row scanner) (u tracking.KeyUse, err error) {
		return u, row(&u.Key, &u.Runs, &u.Differs)
	}, `SELECT key, COUNT(*), MIN(value) <> MAX(value) FROM `+table+` WHERE `+t.db.InTexts("run_id", "$1")+` GROUP BY key ORDER BY key`, in)
}

// TextsIn finds the params or tags that some runs have under some keys.
func (t *Tx) TextsIn(ctx context.Context, kind string, ids, keys []string) ([]tracking.RunText, error) {
	table, ok := textTables[kind]
	if !ok {
		return nil, fmt.Errorf("storage: %q has no texts", kind)
	}
	runs := textList(ids)
	some := textList(keys)
	return list(ctx, t, scanText, `SELECT run_id, key, value FROM `+table+` WHERE `+t.db.InTexts("run_id", "$1")+` AND `+t.db.InTexts("key", "$2"), runs, some)
}

func scanText(row scanner) (v tracking.RunText, err error) {
	return v, row(&v.RunID, &v.Key, &v.Value)
}

// MetricsIn finds the latest values that some runs have of some metrics.
func (t *Tx) MetricsIn(ctx context.Context, ids, keys []string) ([]tracking.Metric, error) {
	runs := textList(ids)
	some := textList(keys)
	return list(ctx, t, func(row scanner) (m tracking.Metric, err error) {
		return m, scanMetric(row, &m, &m.RunID, &m.Key)
	}, `
		SELECT run_id, key, value, is_nan, step, timestamp
		  FROM metrics WHERE `+t.db.InTexts("run_id", "$1")+` AND `+t.db.InTexts("key", "$2"), runs, some)
}

// DatasetsIn finds the data sets that some runs read: the key is the name, with what it was used for, the
// value the digest.
func (t *Tx) DatasetsIn(ctx context.Context, ids []string) ([]tracking.RunText, error) {
	in := textList(ids)
	return list(ctx, t, func(row scanner) (v tracking.RunText, err error) {
		var use string
		if err = row(&v.RunID, &v.Key, &use, &v.Value); err == nil && use != "" {
			v.Key += " (" + use + ")"
		}
		return v, err
	}, `
		SELECT i.run_id, d.name, i.context, d.digest
		  FROM dataset_inputs i JOIN datasets d ON d.id = i.dataset_id
		 WHERE `+t.db.InTexts("i.run_id", "$1")+` ORDER BY d.name, i.context, i.position`, in)
}

// NamedRuns lists the latest active runs of an experiment whose name holds part, in any case.
func (t *Tx) NamedRuns(ctx context.Context, experiment, part string, most int) ([]tracking.Run, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	return list(ctx, t, scanRun, `
		SELECT `+runCols+` FROM runs r
		 WHERE r.experiment_id = $1 AND r.deleted_at = 0 AND `+t.db.Like("r.name", "$2", true)+`
		 ORDER BY r.start_time DESC, r.id LIMIT $3`, n, contains(part), most)
}

// ImagesBelow lists the bitmaps below a folder by their names, relative to it.
func (t *Tx) ImagesBelow(ctx context.Context, workspace, folder string, most int) ([]string, error) {
	found, err := list(ctx, t, column[string], `
		SELECT path FROM artifacts
		 WHERE workspace_id = $1 AND path >= $2 AND path < $3
		   AND (lower(path) LIKE '%.png' OR lower(path) LIKE '%.jpg' OR lower(path) LIKE '%.jpeg' OR lower(path) LIKE '%.gif' OR lower(path) LIKE '%.webp')
		 ORDER BY path LIMIT $4`, workspace, folder+"/", folder+"0", most) // '0' follows '/'
	for i, path := range found {
		found[i] = strings.TrimPrefix(path, folder+"/")
	}
	return found, err
}
