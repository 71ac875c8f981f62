package storage

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
)

const experimentCols = `e.id, e.workspace_id, e.name, e.artifact_location, e.deleted_at, e.created_at, e.updated_at, e.created_by`

func scanExperiment(row scanner) (e tracking.Experiment, err error) {
	var id int64
	err = row(&id, &e.Workspace, &e.Name, &e.ArtifactLocation, &e.DeletedAt, &e.CreatedAt, &e.UpdatedAt, &e.CreatedBy)
	e.ID = strconv.FormatInt(id, 10)
	return e, err
}

// experimentNumber reads an experiment's id; another text names none.
func experimentNumber(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != id {
		return 0, domain.Fail(domain.NotFound, "not_found", "not found")
	}
	return n, nil
}

// Experiment finds an experiment with its tags.
func (t *Tx) Experiment(ctx context.Context, id string) (e tracking.Experiment, err error) {
	n, err := experimentNumber(id)
	if err != nil {
		return e, err
	}
	e, err = one(ctx, t, scanExperiment, `SELECT `+experimentCols+` FROM experiments e WHERE e.id = $1`, n)
	if err != nil {
		return e, err
	}
	e.Tags, err = t.experimentTags(ctx, n)
	return e, err
}

// ExperimentByName finds an experiment with its tags, also in the trash.
func (t *Tx) ExperimentByName(ctx context.Context, workspace, name string) (e tracking.Experiment, err error) {
	e, err = one(ctx, t, scanExperiment, `SELECT `+experimentCols+` FROM experiments e WHERE e.workspace_id = $1 AND e.name = $2`, workspace, name)
	if err != nil {
		return e, err
	}
	n, err := experimentNumber(e.ID)
	if err == nil {
		e.Tags, err = t.experimentTags(ctx, n)
	}
	return e, err
}

func (t *Tx) experimentTags(ctx context.Context, id int64) ([]tracking.Tag, error) {
	return list(ctx, t, scanTag, `SELECT key, value FROM experiment_tags WHERE experiment_id = $1 ORDER BY key`, id)
}

func scanTag(row scanner) (v tracking.Tag, err error) { return v, row(&v.Key, &v.Value) }

// NextExperimentID hands out the next number.
func (t *Tx) NextExperimentID(ctx context.Context) (string, error) {
	n, err := one(ctx, t, column[int64], `UPDATE counters SET value = value + 1 WHERE name = 'experiment' RETURNING value`)
	return strconv.FormatInt(n, 10), err
}

// AddExperiment writes a new experiment, without its tags.
func (t *Tx) AddExperiment(ctx context.Context, e tracking.Experiment) error {
	n, err := experimentNumber(e.ID)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO experiments (id, workspace_id, name, artifact_location, created_at, updated_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		n, e.Workspace, e.Name, e.ArtifactLocation, e.CreatedAt, e.UpdatedAt, e.CreatedBy)
}

// SaveExperiment writes what may change of an experiment.
func (t *Tx) SaveExperiment(ctx context.Context, e tracking.Experiment) error {
	n, err := experimentNumber(e.ID)
	if err != nil {
		return err
	}
	return must(t.changed(ctx, `UPDATE experiments SET name = $2, deleted_at = $3, updated_at = $4 WHERE id = $1`,
		n, e.Name, e.DeletedAt, e.UpdatedAt))
}

// SetExperimentTag writes or overwrites a tag.
func (t *Tx) SetExperimentTag(ctx context.Context, id string, tag tracking.Tag) error {
	n, err := experimentNumber(id)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value`, n, tag.Key, tag.Value)
}

// DeleteExperimentTag removes a tag and reports whether it was there.
func (t *Tx) DeleteExperimentTag(ctx context.Context, id, key string) (bool, error) {
	n, err := experimentNumber(id)
	if err != nil {
		return false, err
	}
	gone, err := t.changed(ctx, `DELETE FROM experiment_tags WHERE experiment_id = $1 AND key = $2`, n, key)
	return gone > 0, err
}

// DeleteRunsOf moves the active runs of an experiment to the trash.
func (t *Tx) DeleteRunsOf(ctx context.Context, experiment string, at int64) error {
	n, err := experimentNumber(experiment)
	if err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE runs SET deleted_at = $2 WHERE experiment_id = $1 AND deleted_at = 0`, n, at)
}

// RestoreRunsOf brings back the runs that went to the trash at the instant deletedAt.
func (t *Tx) RestoreRunsOf(ctx context.Context, experiment string, deletedAt int64) error {
	n, err := experimentNumber(experiment)
	if err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE runs SET deleted_at = 0 WHERE experiment_id = $1 AND deleted_at = $2`, n, deletedAt)
}

const runCols = `r.id, r.experiment_id, r.workspace_id, r.name, r.user_id, r.status, r.start_time, r.end_time, r.artifact_uri, r.deleted_at, r.created_by, r.updated_at`

func runFields(r *tracking.Run, experiment *int64) []any {
	return []any{&r.ID, experiment, &r.Workspace, &r.Name, &r.UserID, &r.Status, &r.StartTime, &r.EndTime, &r.ArtifactURI, &r.DeletedAt, &r.CreatedBy, &r.UpdatedAt}
}

func scanRun(row scanner) (r tracking.Run, err error) {
	var experiment int64
	err = row(runFields(&r, &experiment)...)
	r.ExperimentID = strconv.FormatInt(experiment, 10)
	return r, err
}

// Run finds a run without its lists.
func (t *Tx) Run(ctx context.Context, id string) (tracking.Run, error) {
	return one(ctx, t, scanRun, `SELECT `+runCols+` FROM runs r WHERE r.id = $1`, id)
}

// FullRun finds a run with its lists.
func (t *Tx) FullRun(ctx context.Context, id string) (tracking.Run, error) {
	r, err := t.Run(ctx, id)
	if err != nil {
		return r, err
	}
	runs := []tracking.Run{r}
	err = t.fillRuns(ctx, runs)
	return runs[0], err
}

// AddRun writes a new run, without its lists.
func (t *Tx) AddRun(ctx context.Context, r tracking.Run) error {
	n, err := experimentNumber(r.ExperimentID)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO runs (id, experiment_id, workspace_id, name, user_id, status, start_time, end_time, artifact_uri, created_by, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ID, n, r.Workspace, r.Name, r.UserID, r.Status, r.StartTime, r.EndTime, r.ArtifactURI, r.CreatedBy, t.now.UnixMilli())
}

// SaveRun writes what may change of a run.
func (t *Tx) SaveRun(ctx context.Context, r tracking.Run) error {
	return must(t.changed(ctx, `UPDATE runs SET name = $2, status = $3, end_time = $4, deleted_at = $5 WHERE id = $1`,
		r.ID, r.Name, r.Status, r.EndTime, r.DeletedAt))
}

// labelPortion is how many rows of keys and values one statement writes.
const labelPortion = 50

// labels are the arguments of a statement that writes keys and values of a run.
func labels[T any](run string, all []T, pair func(T) (key, value string)) []any {
	args := make([]any, 0, 3*len(all))
	for _, one := range all {
		k, v := pair(one)
		args = append(args, run, k, v)
	}
	return args
}

// SetTags writes or overwrites tags of a run; each key stands once in tags.
func (t *Tx) SetTags(ctx context.Context, run string, tags []tracking.Tag) error {
	for some := range slices.Chunk(tags, labelPortion) {
		if err := t.exec(ctx, `INSERT INTO tags (run_id, key, value) VALUES `+groups(len(some), 3)+`
			ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value`,
			labels(run, some, func(tag tracking.Tag) (string, string) { return tag.Key, tag.Value })...); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTag removes a tag of a run and reports whether it was there.
func (t *Tx) DeleteTag(ctx context.Context, run, key string) (bool, error) {
	n, err := t.changed(ctx, `DELETE FROM tags WHERE run_id = $1 AND key = $2`, run, key)
	return n > 0, err
}

// RunTag is the value of one tag, "" where there is none.
func (t *Tx) RunTag(ctx context.Context, run, key string) (string, error) {
	v, err := one(ctx, t, column[string], `SELECT value FROM tags WHERE run_id = $1 AND key = $2`, run, key)
	if domain.KindOf(err) == domain.NotFound {
		return "", nil
	}
	return v, err
}

// AddParams writes the parameters that are new and returns the values of those that were there; each key stands
// once in ps.
func (t *Tx) AddParams(ctx context.Context, run string, ps []tracking.Param) (map[string]string, error) {
	had := map[string]string{}
	for some := range slices.Chunk(ps, labelPortion) {
		written, err := list(ctx, t, column[string], `INSERT INTO params (run_id, key, value) VALUES `+groups(len(some), 3)+`
			ON CONFLICT DO NOTHING RETURNING key`, labels(run, some, func(p tracking.Param) (string, string) { return p.Key, p.Value })...)
		if err != nil {
			return nil, err
		}
		if len(written) == len(some) {
			continue
		}
		for _, p := range some {
			if slices.Contains(written, p.Key) {
				continue
			}
			if had[p.Key], err = one(ctx, t, column[string], `SELECT value FROM params WHERE run_id = $1 AND key = $2`, run, p.Key); err != nil {
				return nil, err
			}
		}
	}
	return had, nil
}

// AddDatasetInputs links data sets to a run; one that is linked stays as it is.
func (t *Tx) AddDatasetInputs(ctx context.Context, r tracking.Run, in []tracking.DatasetInput) error {
	experiment, err := experimentNumber(r.ExperimentID)
	if err != nil {
		return err
	}
	for _, d := range in {
		id, err := t.datasetID(ctx, experiment, d.Dataset)
		if err != nil {
			return err
		}
		tags, err := json.Marshal(d.Tags)
		if err != nil {
			return err
		}
		use := ""
		for _, tag := range d.Tags {
			if tag.Key == tracking.TagContext {
				use = tag.Value
			}
		}
		if err := t.exec(ctx, `
			INSERT INTO dataset_inputs (run_id, dataset_id, position, tags, context)
			VALUES ($1, $2, (SELECT COUNT(*) FROM dataset_inputs WHERE run_id = $1), $3, $4) ON CONFLICT DO NOTHING`,
			r.ID, id, string(tags), use); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) datasetID(ctx context.Context, experiment int64, d tracking.Dataset) (string, error) {
	if err := t.exec(ctx, `
		INSERT INTO datasets (id, experiment_id, name, digest, source_type, source, schema, profile)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		tracking.NewID(), experiment, d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile); err != nil {
		return "", err
	}
	return one(ctx, t, column[string], `SELECT id FROM datasets WHERE experiment_id = $1 AND name = $2 AND digest = $3`, experiment, d.Name, d.Digest)
}

// AddRunModels links logged models to a run as its input or output.
func (t *Tx) AddRunModels(ctx context.Context, run, direction string, ms []tracking.ModelRef) error {
	for _, m := range ms {
		if err := t.exec(ctx, `
			INSERT INTO run_models (run_id, model_id, direction, step, position)
			VALUES ($1, $2, $3, $4, (SELECT COUNT(*) FROM run_models WHERE run_id = $1)) ON CONFLICT DO NOTHING`,
			run, m.ModelID, direction, m.Step); err != nil {
			return err
		}
	}
	return nil
}

// DatasetsOf lists the data sets used in experiments of a workspace, once for each context.
func (t *Tx) DatasetsOf(ctx context.Context, workspace string, experiments []string) ([]tracking.DatasetSummary, error) {
	const most = 1000
	return list(ctx, t, func(row scanner) (s tracking.DatasetSummary, err error) {
		var experiment int64
		err = row(&experiment, &s.Name, &s.Digest, &s.Context)
		s.ExperimentID = strconv.FormatInt(experiment, 10)
		return s, err
	}, `
		SELECT DISTINCT d.experiment_id, d.name, d.digest, i.context
		  FROM datasets d
		  JOIN experiments e ON e.id = d.experiment_id
		  JOIN dataset_inputs i ON i.dataset_id = d.id
		 WHERE e.workspace_id = $1 AND d.experiment_id IN (`+experimentList(experiments)+`)
		 ORDER BY d.experiment_id, d.name, d.digest, i.context
		 LIMIT $2`, workspace, most)
}

// fillRuns reads the lists of many runs with a few queries.
func (t *Tx) fillRuns(ctx context.Context, runs []tracking.Run) error {
	const portion = 500
	for len(runs) > 0 {
		n := min(portion, len(runs))
		if err := t.fillPortion(ctx, runs[:n]); err != nil {
			return err
		}
		runs = runs[n:]
	}
	return nil
}

func (t *Tx) fillPortion(ctx context.Context, runs []tracking.Run) error {
	at := make(map[string]*tracking.Run, len(runs))
	ids := make([]string, len(runs))
	for i := range runs {
		at[runs[i].ID], ids[i] = &runs[i], runs[i].ID
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	of := t.db.InTexts("run_id", "$1")
	var run string // scanned anew for each row
	for _, q := range []struct {
		sql string
		add func(scanner) error
	}{
		{`SELECT run_id, key, value, is_nan, step, timestamp FROM metrics WHERE ` + of + ` ORDER BY run_id, key`, func(row scanner) error {
			var m tracking.Metric
			err := scanMetric(row, &m, &run, &m.Key)
			at[run].Metrics = append(at[run].Metrics, m)
			return err
		}},
		{`SELECT run_id, key, value FROM params WHERE ` + of + ` ORDER BY run_id, key`, func(row scanner) error {
			var p tracking.Param
			err := row(&run, &p.Key, &p.Value)
			at[run].Params = append(at[run].Params, p)
			return err
		}},
		{`SELECT run_id, key, value FROM tags WHERE ` + of + ` ORDER BY run_id, key`, scanTags(func(run string, tag tracking.Tag) {
			at[run].Tags = append(at[run].Tags, tag)
		})},
		{`SELECT i.run_id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile, i.tags
		    FROM dataset_inputs i JOIN datasets d ON d.id = i.dataset_id
		   WHERE ` + t.db.InTexts("i.run_id", "$1") + ` ORDER BY i.run_id, i.position`, func(row scanner) error {
			var d tracking.DatasetInput
			var tags []byte
			if err := row(&run, &d.Dataset.Name, &d.Dataset.Digest, &d.Dataset.SourceType, &d.Dataset.Source, &d.Dataset.Schema, &d.Dataset.Profile, &tags); err != nil {
				return err
			}
			err := json.Unmarshal(tags, &d.Tags)
			at[run].Datasets = append(at[run].Datasets, d)
			return err
		}},
		{`SELECT run_id, model_id, direction, step FROM run_models WHERE ` + of + ` ORDER BY run_id, position`, func(row scanner) error {
			var m tracking.ModelRef
			var direction string
			err := row(&run, &m.ModelID, &direction, &m.Step)
			if direction == "input" {
				at[run].Inputs = append(at[run].Inputs, m)
			} else {
				at[run].Outputs = append(at[run].Outputs, m)
			}
			return err
		}},
	} {
		if err := t.each(ctx, q.add, q.sql, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// ActivityOf counts the active runs of experiments, each up to one more than tracking.MostRuns.
func (t *Tx) ActivityOf(ctx context.Context, es []tracking.Experiment) (map[string]tracking.Activity, error) {
	out := map[string]tracking.Activity{}
	for _, e := range es {
		id, err := experimentNumber(e.ID)
		if err != nil {
			return nil, err
		}
		if out[e.ID], err = one(ctx, t, func(row scanner) (a tracking.Activity, err error) { return a, row(&a.Runs, &a.Last) }, `
			SELECT COUNT(*), COALESCE(MAX(start_time), 0)
			  FROM (SELECT start_time FROM runs WHERE experiment_id = $1 AND deleted_at = 0 ORDER BY start_time DESC LIMIT $2) newest`, id, tracking.MostRuns+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// scanTags reads rows of (owner, key, value) and gives each tag to its owner.
func scanTags(give func(owner string, t tracking.Tag)) func(scanner) error {
	return func(row scanner) error {
		var owner string
		var t tracking.Tag
		if err := row(&owner, &t.Key, &t.Value); err != nil {
			return err
		}
		give(owner, t)
		return nil
	}
}
