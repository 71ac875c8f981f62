package tracking

import (
	"context"
	"encoding/json"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// Batch is what one request logs to a run.
type Batch struct {
	Metrics []Metric
	Params  []Param
	Tags    []Tag
}

// Check refuses a batch that the protocol does not allow and cuts values that are too long. It asks
// nothing of the database, so that a bad batch never takes a turn at the writer.
func (b *Batch) Check() (err error) {
	switch {
	case len(b.Metrics) > maxBatchMetrics:
		return tooMany("metrics", maxBatchMetrics, len(b.Metrics))
	case len(b.Params) > maxBatchParams:
		return tooMany("params", maxBatchParams, len(b.Params))
	case len(b.Tags) > maxBatchTags:
		return tooMany("tags", maxBatchTags, len(b.Tags))
	case len(b.Metrics)+len(b.Params)+len(b.Tags) > maxBatch:
		return tooMany("entries in all", maxBatch, len(b.Metrics)+len(b.Params)+len(b.Tags))
	}
	checked := "" // batches repeat few keys
	for i := range b.Metrics {
		m := &b.Metrics[i]
		if i == 0 || m.Key != checked || m.Timestamp < 0 {
			if err := checkMetric(*m); err != nil {
				return err
			}
			checked = m.Key
		}
		m.Value = storable(m.Value)
	}
	if b.Params, err = cleanParams(b.Params); err != nil {
		return err
	}
	b.Tags, err = cleanTags(b.Tags)
	return err
}

func tooMany(what string, limit, got int) error {
	return domain.Fail(domain.Invalid, "batch.too_many", "A batch logging request can contain at most %d %s. Got %d. Split it and resubmit", limit, what, got)
}

// cleanParams checks keys, which must be different, and cuts long values.
func cleanParams(ps []Param) ([]Param, error) {
	seen := make(map[string]bool, len(ps))
	out := make([]Param, len(ps))
	for i, p := range ps {
		if err := checkKey("parameter", p.Key); err != nil {
			return nil, err
		}
		if seen[p.Key] {
			return nil, domain.Fail(domain.Invalid, "param.twice", "Duplicate parameter keys have been submitted: %q. Give each parameter once.", domain.Short(p.Key))
		}
		seen[p.Key] = true
		out[i] = Param{p.Key, truncate(p.Value, maxParamValue)}
	}
	return out, nil
}

// Log writes a checked batch to an active run: all of it or, where a parameter would change, nothing.
// (Upstream keeps what came before the refused parameter; half a batch helps nobody.)
func Log(ctx context.Context, tx Tx, g access.Grant, runID string, b Batch) error {
	r, err := activeRun(ctx, tx, g, runID)
	if err != nil {
		return err
	}
	if err := logParams(ctx, tx, runID, b.Params); err != nil {
		return err
	}
	if len(b.Metrics) > 0 {
		if err := tx.AddPoints(ctx, r, b.Metrics); err != nil {
			return err
		}
		if err := logModelMetrics(ctx, tx, g, runID, b.Metrics); err != nil {
			return err
		}
	}
	if err := setTags(ctx, tx, r, b.Tags); err != nil {
		return err
	}
	return tx.Touch(ctx, r, b)
}

func logParams(ctx context.Context, tx Tx, runID string, ps []Param) error {
	if len(ps) == 0 {
		return nil
	}
	had, err := tx.AddParams(ctx, runID, ps)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if v, ok := had[p.Key]; ok && v != p.Value {
			return domain.Fail(domain.Invalid, "param.changed",
				"Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for run ID='%s'. Attempted logging new value '%s'.",
				domain.Short(p.Key), domain.Short(v), runID, domain.Short(p.Value))
		}
	}
	return nil
}

// logModelMetrics keeps, beside the run's series, what was measured of logged models.
func logModelMetrics(ctx context.Context, tx Tx, g access.Grant, runID string, ms []Metric) error {
	var of []Metric
	known := map[string]bool{}
	for _, m := range ms {
		if m.ModelID == "" {
			continue
		}
		if _, asked := known[m.ModelID]; !asked {
			model, err := tx.LoggedModel(ctx, m.ModelID)
			if k := domain.KindOf(err); err != nil && k != domain.NotFound {
				return err
			}
			known[m.ModelID] = err == nil && model.Workspace == g.Workspace()
		}
		if !known[m.ModelID] {
			return noModel(m.ModelID)
		}
		of = append(of, m)
	}
	if len(of) == 0 {
		return nil
	}
	return tx.AddLoggedModelMetrics(ctx, runID, of)
}

func setTags(ctx context.Context, tx Tx, r Run, tags []Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if name := TagValue(tags, TagRunName); name != "" && name != r.Name {
		r.Name = name
		if err := tx.SaveRun(ctx, r); err != nil {
			return err
		}
	}
	return tx.SetTags(ctx, r.ID, tags)
}

// DeleteTag removes a tag that must be there.
func DeleteTag(ctx context.Context, tx Tx, g access.Grant, runID, key string) error {
	r, err := activeRun(ctx, tx, g, runID)
	if err != nil {
		return err
	}
	was, err := tx.DeleteTag(ctx, runID, key)
	if err == nil && !was {
		err = noTag(key)
	}
	if err != nil {
		return err
	}
	return tx.Touch(ctx, r, Batch{})
}

// LogInputs says what data sets and models a run read. The same again changes nothing.
func LogInputs(ctx context.Context, tx Tx, g access.Grant, runID string, datasets []DatasetInput, models []ModelRef) error {
	if len(datasets) > maxInputs || len(models) > maxInputs {
		return tooMany("data sets or models", maxInputs, max(len(datasets), len(models)))
	}
	for _, d := range datasets {
		if err := checkDataset(d); err != nil {
			return err
		}
	}
	r, err := activeRun(ctx, tx, g, runID)
	if err != nil {
		return err
	}
	if err := tx.AddDatasetInputs(ctx, r, datasets); err != nil {
		return err
	}
	return addModels(ctx, tx, g, r, inputModel, models)
}

// LogOutputs says what models a run made.
func LogOutputs(ctx context.Context, tx Tx, g access.Grant, runID string, models []ModelRef) error {
	if len(models) > maxInputs {
		return tooMany("models", maxInputs, len(models))
	}
	r, err := activeRun(ctx, tx, g, runID)
	if err != nil {
		return err
	}
	return addModels(ctx, tx, g, r, outputModel, models)
}

func addModels(ctx context.Context, tx Tx, g access.Grant, r Run, direction string, models []ModelRef) error {
	for _, m := range models {
		model, err := tx.LoggedModel(ctx, m.ModelID)
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return err
		}
		if err != nil || model.Workspace != g.Workspace() {
			return noModel(m.ModelID)
		}
	}
	if err := tx.AddRunModels(ctx, r.ID, direction, models); err != nil {
		return err
	}
	return tx.Touch(ctx, r, Batch{})
}

// LogModelJSON appends the description of a model to the run's history tag, the way of clients before
// logged models (runs/log-model).
func LogModelJSON(ctx context.Context, tx Tx, g access.Grant, runID, model string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(model), &fields); err != nil {
		return domain.Fail(domain.Invalid, "model.json", "model_json is not a JSON object")
	}
	for _, must := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if fields[must] == nil {
			return domain.Fail(domain.Invalid, "model.json", "model_json lacks the field %s", must)
		}
	}
	r, err := activeRun(ctx, tx, g, runID)
	if err != nil {
		return err
	}
	before, err := tx.RunTag(ctx, runID, TagModels)
	if err != nil {
		return err
	}
	history := []json.RawMessage{}
	if before != "" {
		if err := json.Unmarshal([]byte(before), &history); err != nil {
			return domain.Fail(domain.Invalid, "model.history", "the tag %s is not a JSON list any more: repair or delete it", TagModels)
		}
	}
	after, err := json.Marshal(append(history, json.RawMessage(model)))
	if err != nil {
		return err
	}
	b := Batch{Tags: []Tag{{TagModels, string(after)}}}
	if err := setTags(ctx, tx, r, b.Tags); err != nil {
		return err
	}
	return tx.Touch(ctx, r, b)
}
