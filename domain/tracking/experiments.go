package tracking

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/search"
)

// CreateExperiment makes e, of which name, artifact location ("" for our own store) and tags are used.
// A name that is taken, by a deleted experiment too, is refused with Exists.
func CreateExperiment(ctx context.Context, tx Tx, g access.Grant, e Experiment, now time.Time) (Experiment, error) {
	if err := g.Need(access.ExperimentWrite, g.Workspace()); err != nil {
		return e, err
	}
	if err := checkExperimentName(e.Name); err != nil {
		return e, err
	}
	for _, t := range e.Tags {
		if err := checkExperimentTag(t); err != nil {
			return e, err
		}
	}
	switch _, err := tx.ExperimentByName(ctx, g.Workspace(), e.Name); {
	case err == nil:
		return e, nameTaken(e.Name)
	case domain.KindOf(err) != domain.NotFound:
		return e, err
	}
	id, err := tx.NextExperimentID(ctx)
	if err != nil {
		return e, err
	}
	e.ID, e.Workspace, e.CreatedBy = id, g.Workspace(), me(g)
	e.CreatedAt, e.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if e.ArtifactLocation == "" {
		e.ArtifactLocation = "mlflow-artifacts:/" + id
	} else if err := checkLocation(e.ArtifactLocation); err != nil {
		return e, err
	}
	if err := tx.AddExperiment(ctx, e); err != nil {
		return e, err
	}
	for _, t := range e.Tags {
		if err := tx.SetExperimentTag(ctx, id, t); err != nil {
			return e, err
		}
	}
	return e, nil
}

func nameTaken(name string) error {
	return domain.Fail(domain.Exists, "experiment.exists", "an experiment named %q exists already, maybe in the trash: choose another name or restore it", domain.Short(name))
}

func checkExperimentTag(t Tag) error {
	if err := checkKey("experiment tag", t.Key); err != nil {
		return err
	}
	return checkLength("experiment.tag_long", "the experiment tag value", t.Value, maxExpTagValue)
}

// ExperimentByID finds an experiment, also a deleted one.
func ExperimentByID(ctx context.Context, tx Tx, g access.Grant, id string) (Experiment, error) {
	return experiment(ctx, tx, g, access.ExperimentRead, id)
}

func experiment(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (Experiment, error) {
	if err := checkExperimentID(id); err != nil {
		return Experiment{}, err
	}
	e, err := tx.Experiment(ctx, id)
	if err == nil {
		err = g.Need(p, e.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return e, domain.Fail(domain.NotFound, "experiment.not_found", "No Experiment with id=%s exists", domain.Short(id))
	}
	return e, err
}

// ExperimentByName finds an experiment, also a deleted one.
func ExperimentByName(ctx context.Context, tx Tx, g access.Grant, name string) (Experiment, error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil {
		return Experiment{}, err
	}
	e, err := tx.ExperimentByName(ctx, g.Workspace(), name)
	if domain.KindOf(err) == domain.NotFound {
		return e, domain.Fail(domain.NotFound, "experiment.name_not_found", "Could not find experiment with name '%s'", domain.Short(name))
	}
	return e, err
}

// SearchExperiments answers q in the selected workspace.
func SearchExperiments(ctx context.Context, tx Tx, g access.Grant, q Query) (Page[Experiment], error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil {
		return Page[Experiment]{}, err
	}
	q.Workspace = g.Workspace()
	return tx.Experiments(ctx, q)
}

// ParseExperimentQuery reads the filter and order language of experiments.
func ParseExperimentQuery(filter string, order []string) (q Query, err error) {
	return parseQuery(search.Experiments, filter, order)
}

func parseQuery(l *search.Language, filter string, order []string) (q Query, err error) {
	if q.Filter, err = l.ParseFilter(filter); err != nil {
		return q, err
	}
	keys, err := l.ParseOrder(order)
	for _, k := range keys {
		q.Order = append(q.Order, Order{Order: k})
	}
	return q, err
}

// RenameExperiment gives an active experiment a new name.
func RenameExperiment(ctx context.Context, tx Tx, g access.Grant, id, name string, now time.Time) error {
	e, err := activeExperiment(ctx, tx, g, id)
	if err != nil {
		return err
	}
	if err := checkExperimentName(name); err != nil {
		return err
	}
	if other, err := tx.ExperimentByName(ctx, e.Workspace, name); err == nil && other.ID != e.ID {
		return nameTaken(name)
	}
	e.Name, e.UpdatedAt = name, now.UnixMilli()
	return tx.SaveExperiment(ctx, e)
}

func activeExperiment(ctx context.Context, tx Tx, g access.Grant, id string) (Experiment, error) {
	e, err := experiment(ctx, tx, g, access.ExperimentWrite, id)
	if err == nil && e.Deleted() {
		err = domain.Fail(domain.Invalid, "experiment.deleted", "the experiment %s is in the trash: restore it first", id)
	}
	return e, err
}

// DeleteExperiment moves an active experiment and its active runs to the trash.
func DeleteExperiment(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	e, err := experiment(ctx, tx, g, access.ExperimentDelete, id)
	if err != nil {
		return err
	}
	if e.Deleted() {
		return domain.Fail(domain.NotFound, "experiment.not_active", "the experiment %s is in the trash already", id)
	}
	e.DeletedAt, e.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if err := tx.SaveExperiment(ctx, e); err != nil {
		return err
	}
	if err := tx.DeleteRunsOf(ctx, id, e.DeletedAt); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "experiment.deleted", Subject: id, Data: map[string]string{"name": e.Name}})
}

// RestoreExperiment takes an experiment out of the trash, with the runs that went there with it.
func RestoreExperiment(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	e, err := experiment(ctx, tx, g, access.ExperimentDelete, id)
	if err != nil {
		return err
	}
	if !e.Deleted() {
		return domain.Fail(domain.NotFound, "experiment.not_deleted", "the experiment %s is not in the trash", id)
	}
	if err := Restorable(ctx, tx, e.Workspace, TrashKey{TrashExperiment, id}, e.DeletedAt); err != nil {
		return err
	}
	if err := tx.RestoreRunsOf(ctx, id, e.DeletedAt); err != nil {
		return err
	}
	e.DeletedAt, e.UpdatedAt = 0, now.UnixMilli()
	if err := tx.SaveExperiment(ctx, e); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "experiment.restored", Subject: id, Data: map[string]string{"name": e.Name}})
}

// SetExperimentTag writes or overwrites a tag.
func SetExperimentTag(ctx context.Context, tx Tx, g access.Grant, id string, t Tag, now time.Time) error {
	e, err := activeExperiment(ctx, tx, g, id)
	if err != nil {
		return err
	}
	if err := checkExperimentTag(t); err != nil {
		return err
	}
	if err := tx.SetExperimentTag(ctx, id, t); err != nil {
		return err
	}
	e.UpdatedAt = now.UnixMilli()
	return tx.SaveExperiment(ctx, e)
}

// DeleteExperimentTag removes a tag that must be there.
func DeleteExperimentTag(ctx context.Context, tx Tx, g access.Grant, id, key string, now time.Time) error {
	e, err := activeExperiment(ctx, tx, g, id)
	if err != nil {
		return err
	}
	switch was, err := tx.DeleteExperimentTag(ctx, id, key); {
	case err != nil:
		return err
	case !was:
		return noTag(key)
	}
	e.UpdatedAt = now.UnixMilli()
	return tx.SaveExperiment(ctx, e)
}

func noTag(key string) error {
	return domain.Fail(domain.NotFound, "tag.not_found", "there is no tag %q here", domain.Short(key))
}
