package tracking

import (
	"context"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/search"
)

// ModelStatus is how far the upload of a logged model is.
type ModelStatus string

// The logged model statuses of the protocol.
const (
	ModelPending ModelStatus = "LOGGED_MODEL_PENDING"
	ModelReady   ModelStatus = "LOGGED_MODEL_READY"
	ModelFailed  ModelStatus = "LOGGED_MODEL_UPLOAD_FAILED"
)

// LoggedModel is a model that a run made, with files of its own outside the run.
type LoggedModel struct {
	ID           string // "m-" and 32 hexadecimal digits
	ExperimentID string
	Workspace    string
	Name         string
	Type         string
	Status       ModelStatus
	SourceRunID  string
	ArtifactURI  string
	CreatedAt    int64
	UpdatedAt    int64
	DeletedAt    int64
	CreatedBy    string

	Params  []Param
	Tags    []Tag
	Metrics []Metric // every point measured of it
}

// Deleted reports whether m was deleted.
func (m LoggedModel) Deleted() bool { return m.DeletedAt != 0 }

// CreateLoggedModel begins m in its experiment; its files follow. Of m, the experiment, name, type,
// source run, parameters and tags are used.
func CreateLoggedModel(ctx context.Context, tx Tx, g access.Grant, m LoggedModel, now time.Time) (LoggedModel, error) {
	e, err := experiment(ctx, tx, g, access.LoggedModelWrite, m.ExperimentID)
	if err != nil {
		return m, err
	}
	if e.Deleted() {
		return m, domain.Fail(domain.Invalid, "experiment.deleted", "the experiment %s is in the trash: restore it first", e.ID)
	}
	if m.Name == "" {
		m.Name = randomName()
	}
	if strings.ContainsAny(m.Name, "/:.%\"'") {
		return m, domain.Fail(domain.Invalid, "model.name", "the model name %q may not contain / : . %% \" or '", domain.Short(m.Name))
	}
	if err := checkLength("model.name_long", "the model name", m.Name, maxKey); err != nil {
		return m, err
	}
	if m.Params, err = cleanParams(m.Params); err != nil {
		return m, err
	}
	if m.Tags, err = cleanTags(m.Tags); err != nil {
		return m, err
	}
	if m.SourceRunID != "" {
		r, err := tx.Run(ctx, m.SourceRunID)
		if err != nil || r.Workspace != e.Workspace {
			return m, domain.Fail(domain.NotFound, "run.not_found", "Run with id=%s not found", domain.Short(m.SourceRunID))
		}
	}
	m.ID, m.Workspace, m.CreatedBy, m.Status = "m-"+NewID(), e.Workspace, me(g), ModelPending
	m.ArtifactURI = e.ArtifactLocation + "/models/" + m.ID + "/artifacts"
	m.CreatedAt, m.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	return m, tx.AddLoggedModel(ctx, m)
}

// LoggedModelByID finds a logged model; a deleted one does not exist.
func LoggedModelByID(ctx context.Context, tx Tx, g access.Grant, id string) (LoggedModel, error) {
	return loggedModel(ctx, tx, g, access.LoggedModelRead, id)
}

func loggedModel(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (LoggedModel, error) {
	m, err := tx.LoggedModel(ctx, id)
	if err == nil {
		err = g.Need(p, m.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound || err == nil && m.Deleted() {
		return m, noModel(id)
	}
	return m, err
}

func noModel(id string) error {
	return domain.Fail(domain.NotFound, "model.not_found", "Logged model with ID '%s' not found.", domain.Short(id))
}

// SearchLoggedModels answers q in the selected workspace.
func SearchLoggedModels(ctx context.Context, tx Tx, g access.Grant, q Query) (Page[LoggedModel], error) {
	if err := g.Need(access.LoggedModelRead, g.Workspace()); err != nil {
		return Page[LoggedModel]{}, err
	}
	for _, d := range q.Datasets {
		if d.Name == "" {
			return Page[LoggedModel]{}, domain.Fail(domain.Invalid, "dataset.name", "`dataset_name` in the `datasets` clause must be specified.")
		}
	}
	q.Workspace = g.Workspace()
	return tx.LoggedModels(ctx, q)
}

// ParseLoggedModelFilter reads the filter language of logged models.
func ParseLoggedModelFilter(filter string) (search.Expr, error) {
	return search.LoggedModels.ParseFilter(filter)
}

// FinishLoggedModel says how the upload of a model ended.
func FinishLoggedModel(ctx context.Context, tx Tx, g access.Grant, id string, s ModelStatus, now time.Time) (LoggedModel, error) {
	if s != ModelReady && s != ModelFailed {
		return LoggedModel{}, domain.Fail(domain.Invalid, "model.status", "invalid model status %q: expected LOGGED_MODEL_READY or LOGGED_MODEL_UPLOAD_FAILED", domain.Short(string(s)))
	}
	m, err := loggedModel(ctx, tx, g, access.LoggedModelWrite, id)
	if err != nil {
		return m, err
	}
	m.Status, m.UpdatedAt = s, now.UnixMilli()
	return m, tx.SaveLoggedModel(ctx, m)
}

// DeleteLoggedModel makes a model disappear from every answer, once; its files stay until the trash is emptied.
func DeleteLoggedModel(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	m, err := tx.LoggedModel(ctx, id)
	if err == nil {
		err = g.Need(access.LoggedModelDelete, m.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return noModel(id)
	}
	if err != nil || m.Deleted() {
		return err
	}
	m.DeletedAt, m.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if err := tx.SaveLoggedModel(ctx, m); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "logged_model.deleted", Subject: id, Data: map[string]string{"name": m.Name}})
}

// SetLoggedModelTags writes or overwrites tags.
func SetLoggedModelTags(ctx context.Context, tx Tx, g access.Grant, id string, tags []Tag, now time.Time) error {
	tags, err := cleanTags(tags)
	if err != nil {
		return err
	}
	m, err := loggedModel(ctx, tx, g, access.LoggedModelWrite, id)
	if err != nil {
		return err
	}
	if err := tx.SetLoggedModelTags(ctx, id, tags); err != nil {
		return err
	}
	m.UpdatedAt = now.UnixMilli()
	return tx.SaveLoggedModel(ctx, m)
}

// DeleteLoggedModelTag removes a tag that must be there.
func DeleteLoggedModelTag(ctx context.Context, tx Tx, g access.Grant, id, key string, now time.Time) error {
	m, err := loggedModel(ctx, tx, g, access.LoggedModelWrite, id)
	if err != nil {
		return err
	}
	switch was, err := tx.DeleteLoggedModelTag(ctx, id, key); {
	case err != nil:
		return err
	case !was:
		return noTag(key)
	}
	m.UpdatedAt = now.UnixMilli()
	return tx.SaveLoggedModel(ctx, m)
}

// AddLoggedModelParams adds parameters; one that is there keeps its value and may not get another.
func AddLoggedModelParams(ctx context.Context, tx Tx, g access.Grant, id string, ps []Param, now time.Time) error {
	ps, err := cleanParams(ps)
	if err != nil {
		return err
	}
	m, err := loggedModel(ctx, tx, g, access.LoggedModelWrite, id)
	if err != nil {
		return err
	}
	had := map[string]string{}
	for _, p := range m.Params {
		had[p.Key] = p.Value
	}
	for _, p := range ps {
		if v, ok := had[p.Key]; ok && v != p.Value {
			return domain.Fail(domain.Invalid, "model.param_changed", "the parameter %q of the model is %q already and cannot become %q", domain.Short(p.Key), domain.Short(v), domain.Short(p.Value))
		}
	}
	if err := tx.AddLoggedModelParams(ctx, id, ps); err != nil {
		return err
	}
	m.UpdatedAt = now.UnixMilli()
	return tx.SaveLoggedModel(ctx, m)
}
