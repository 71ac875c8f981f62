package storage

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
)

const loggedModelCols = `r.id, r.experiment_id, r.workspace_id, r.name, r.model_type, r.status, r.source_run_id, r.artifact_uri, r.created_at, r.updated_at, r.deleted_at, r.created_by`

func loggedModelRow(m *tracking.LoggedModel) ([]any, func()) {
	var experiment int64
	return []any{
		&m.ID, &experiment, &m.Workspace, &m.Name, &m.Type, &m.Status, &m.SourceRunID, &m.ArtifactURI,
		&m.CreatedAt, &m.UpdatedAt, &m.DeletedAt, &m.CreatedBy,
	}, func() { m.ExperimentID = strconv.FormatInt(experiment, 10) }
}

// LoggedModel finds a logged model with its lists, also a deleted one.
func (t *Tx) LoggedModel(ctx context.Context, id string) (tracking.LoggedModel, error) {
	m, err := one(ctx, t, func(row scanner) (m tracking.LoggedModel, err error) {
		fields, finish := loggedModelRow(&m)
		err = row(fields...)
		finish()
		return m, err
	}, `SELECT `+loggedModelCols+` FROM logged_models r WHERE r.id = $1`, id)
	if err != nil {
		return m, err
	}
	ms := []tracking.LoggedModel{m}
	err = t.fillLoggedModels(ctx, ms)
	return ms[0], err
}

// AddLoggedModel writes a new logged model with its parameters and tags.
func (t *Tx) AddLoggedModel(ctx context.Context, m tracking.LoggedModel) error {
	n, err := experimentNumber(m.ExperimentID)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `
		INSERT INTO logged_models (id, experiment_id, workspace_id, name, model_type, status, source_run_id, artifact_uri, created_at, updated_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		m.ID, n, m.Workspace, m.Name, m.Type, m.Status, m.SourceRunID, m.ArtifactURI, m.CreatedAt, m.UpdatedAt, m.CreatedBy); err != nil {
		return err
	}
	if err := t.AddLoggedModelParams(ctx, m.ID, m.Params); err != nil {
		return err
	}
	return t.SetLoggedModelTags(ctx, m.ID, m.Tags)
}

// SaveLoggedModel writes what may change of a logged model.
func (t *Tx) SaveLoggedModel(ctx context.Context, m tracking.LoggedModel) error {
	return must(t.changed(ctx, `UPDATE logged_models SET status = $2, updated_at = $3, deleted_at = $4 WHERE id = $1`,
		m.ID, m.Status, m.UpdatedAt, m.DeletedAt))
}

// SetLoggedModelTags writes or overwrites tags.
func (t *Tx) SetLoggedModelTags(ctx context.Context, id string, tags []tracking.Tag) error {
	for _, tag := range tags {
		if err := t.exec(ctx, `
			INSERT INTO logged_model_tags (model_id, key, value) VALUES ($1, $2, $3)
			ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`, id, tag.Key, tag.Value); err != nil {
			return err
		}
	}
	return nil
}

// DeleteLoggedModelTag removes a tag and reports whether it was there.
func (t *Tx) DeleteLoggedModelTag(ctx context.Context, id, key string) (bool, error) {
	n, err := t.changed(ctx, `DELETE FROM logged_model_tags WHERE model_id = $1 AND key = $2`, id, key)
	return n > 0, err
}

// AddLoggedModelParams writes the parameters that are new.
func (t *Tx) AddLoggedModelParams(ctx context.Context, id string, ps []tracking.Param) error {
	for _, p := range ps {
		if err := t.exec(ctx, `INSERT INTO logged_model_params (model_id, key, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// AddLoggedModelMetrics keeps the points that a run measured of models; of two at one step and instant
// the greater stays.
func (t *Tx) AddLoggedModelMetrics(ctx context.Context, run string, ms []tracking.Metric) error {
	for _, m := range ms {
		value, nan := number(m.Value)
		if err := t.exec(ctx, `
			INSERT INTO logged_model_metrics AS m (model_id, key, dataset_name, dataset_digest, run_id, value, is_nan, step, timestamp)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (model_id, key, run_id, dataset_name, dataset_digest, step, timestamp) DO UPDATE
			   SET value = excluded.value, is_nan = excluded.is_nan
			 WHERE excluded.value > m.value`,
			m.ModelID, m.Key, m.DatasetName, m.DatasetDigest, run, value, nan, m.Step, m.Timestamp); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) fillLoggedModels(ctx context.Context, ms []tracking.LoggedModel) error {
	at := make(map[string]*tracking.LoggedModel, len(ms))
	ids := make([]string, len(ms))
	for i := range ms {
		at[ms[i].ID], ids[i] = &ms[i], ms[i].ID
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	of := t.db.InTexts("model_id", "$1")
	var model string
	for _, q := range []struct {
		sql string
		add func(scanner) error
	}{
		{`SELECT model_id, key, value FROM logged_model_params WHERE ` + of + ` ORDER BY model_id, key`, func(row scanner) error {
			var p tracking.Param
			err := row(&model, &p.Key, &p.Value)
			at[model].Params = append(at[model].Params, p)
			return err
		}},
		{`SELECT model_id, key, value FROM logged_model_tags WHERE ` + of + ` ORDER BY model_id, key`, scanTags(func(model string, tag tracking.Tag) {
			at[model].Tags = append(at[model].Tags, tag)
		})},
		{`SELECT model_id, key, dataset_name, dataset_digest, run_id, value, is_nan, step, timestamp
		    FROM logged_model_metrics WHERE ` + of + ` ORDER BY model_id, key, timestamp, step, run_id`, func(row scanner) error {
			var m tracking.Metric
			err := scanMetric(row, &m, &model, &m.Key, &m.DatasetName, &m.DatasetDigest, &m.RunID)
			m.ModelID = model
			at[model].Metrics = append(at[model].Metrics, m)
			return err
		}},
	} {
		if err := t.each(ctx, q.add, q.sql, string(text)); err != nil {
			return err
		}
	}
	return nil
}

var loggedModelColumns = map[string]string{
	"name": "r.name", "model_id": "r.id", "model_type": "r.model_type", "status": "r.status", "source_run_id": "r.source_run_id",
	"creation_timestamp": "r.created_at", "last_updated_timestamp": "r.updated_at",
}

// LoggedModels answers a search for logged models, with their lists.
func (t *Tx) LoggedModels(ctx context.Context, q tracking.Query) (out tracking.Page[tracking.LoggedModel], err error) {
	if len(q.Experiments) == 0 {
		return out, nil
	}
	w := &where{db: t.db}
	w.and("r.experiment_id IN (" + experimentList(q.Experiments) + ")")
	w.and("r.workspace_id = " + w.arg(q.Workspace))
	w.view("r.deleted_at", q.View)
	if q.Filter != nil {
		w.and(w.expr(q.Filter, func(c search.Clause) string { return w.loggedModelClause(c, q.Datasets) }))
	}
	if len(q.Datasets) > 0 {
		w.and("EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.model_id = r.id" + w.measuredOn("x", q.Datasets) + ")")
	}
	p := page{cols: loggedModelCols, from: "logged_models r", where: w, mark: questionMark("logged models", q)}
	for _, o := range q.Order {
		if o.Entity != search.Metric {
			p.terms = append(p.terms, term{value: loggedModelColumns[o.Key], desc: o.Desc})
			continue
		}
		on := q.Datasets
		if o.On.Name != "" {
			on = []tracking.DatasetKey{o.On}
		}
		newest := func(column string) string {
			return "(SELECT x." + column + " FROM logged_model_metrics x WHERE x.model_id = r.id AND x.key = " + w.arg(o.Key) +
				w.measuredOn("x", on) + " ORDER BY x.timestamp DESC, x.step DESC, x.run_id LIMIT 1)"
		}
		p.terms = append(p.terms, term{
			"COALESCE(CASE WHEN " + newest("is_nan") + " THEN 1 ELSE CASE WHEN " + newest("is_nan") + " IS NULL THEN 2 ELSE 0 END END, 2)",
			"COALESCE(" + newest("value") + ", 0)", o.Desc,
		})
	}
	p.terms = append(p.terms, term{value: "r.created_at", desc: true}, term{value: "r.id"})
	after, err := placeOf(q, p.mark, len(p.columns()))
	if err != nil {
		return out, err
	}
	rows, err := find(ctx, t, p, after, q.Limit+1, loggedModelRow)
	if err != nil {
		return out, err
	}
	out = paged(rows, q.Limit, p.mark)
	return out, t.fillLoggedModels(ctx, out.Items)
}

// measuredOn narrows metrics to data sets; with none it is no condition.
func (w *where) measuredOn(alias string, ds []tracking.DatasetKey) string {
	if len(ds) == 0 {
		return ""
	}
	either := make([]string, len(ds))
	for i, d := range ds {
		either[i] = alias + ".dataset_name = " + w.arg(d.Name)
		if d.Digest != "" {
			either[i] += " AND " + alias + ".dataset_digest = " + w.arg(d.Digest)
		}
	}
	return " AND (" + strings.Join(either, " OR ") + ")"
}

func (w *where) loggedModelClause(c search.Clause, ds []tracking.DatasetKey) string {
	switch c.Entity {
	case search.Metric:
		return "EXISTS (SELECT 1 FROM logged_model_metrics x WHERE x.model_id = r.id AND x.key = " + w.arg(c.Key) +
			w.measuredOn("x", ds) + " AND " + w.metric("x", c) + ")"
	case search.Param:
		return w.labelled("logged_model_params", "model_id", "r.id", c)
	case search.Tag:
		return w.labelled("logged_model_tags", "model_id", "r.id", c)
	default:
	}
	column := loggedModelColumns[c.Key]
	switch {
	case c.Numeric:
		return w.number(column, c)
	case c.Key == "status": // READY and LOGGED_MODEL_READY are the same
		return w.text("REPLACE("+column+", 'LOGGED_MODEL_', '')", shortStatus(c))
	default:
		return w.text(column, c)
	}
}

func shortStatus(c search.Clause) search.Clause {
	const long = "LOGGED_MODEL_"
	c.Str = strings.TrimPrefix(c.Str, long)
	names := make([]string, len(c.List))
	for i, s := range c.List {
		names[i] = strings.TrimPrefix(s, long)
	}
	c.List = names
	return c
}
