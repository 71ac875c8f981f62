package tracking

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// TrashKind is a kind of thing that goes to the trash.
type TrashKind string

// The kinds of things in the trash. TrashAll stands for whatever was in it at an instant.
const (
	TrashExperiment TrashKind = "experiment"
	TrashRun        TrashKind = "run"
	TrashModel      TrashKind = "model" // a logged model
	TrashRegistered TrashKind = "registered"
	TrashVersion    TrashKind = "version" // of a registered model that is not in the trash itself
	TrashAll        TrashKind = "all"
)

// TrashKey names a thing in the trash.
type TrashKey struct {
	Kind TrashKind
	ID   string
}

// Trashed is a thing in the trash. The runs of an experiment that is there are part of it and not listed beside it.
type Trashed struct {
	TrashKey
	Name         string
	ExperimentID string // of a run or a model
	Experiment   string // its name; of a version the registered model's
	DeletedAt    int64
	DeletedBy    string // an actor's id, "" where it is not known
	Purging      bool   // it is being deleted for good

	Size Size
}

// Size is what a thing takes.
type Size struct {
	Runs, Params, Points int64 // Points are those of its metrics
	About                bool  // Params and Points are reckoned from some of the runs
	Files, Bytes         int64 // its artifacts
	Over                 bool  // there are more files than were counted
}

// Purge is the order to delete something for good.
type Purge struct {
	Workspace string
	TrashKey
	At        int64 // with TrashAll: what was deleted up to then
	CreatedBy string
}

// DefaultExperiment is where clients log to that name no experiment. It can go to the trash but never for good.
const DefaultExperiment = "0"

// TrashTx is what the trash asks of a transaction; *storage.Tx answers.
type TrashTx interface {
	Emit(ctx context.Context, e event.Event) error
	// Trash lists what is in the trash, the latest deleted first; "" as a kind means all.
	Trash(ctx context.Context, workspace string, kind TrashKind, after string, most int) (Page[Trashed], error)
	// TrashedOne finds one thing in the trash, without its size.
	TrashedOne(ctx context.Context, workspace string, k TrashKey) (Trashed, error)
	// TrashSizes fills in the sizes, each at a bounded cost.
	TrashSizes(ctx context.Context, workspace string, all []Trashed) error
	TrashCount(ctx context.Context, workspace string) (map[TrashKind]int64, error)
	AddPurge(ctx context.Context, p Purge) error
	// BeingPurged reports whether a thing deleted at an instant is being deleted for good.
	BeingPurged(ctx context.Context, workspace string, k TrashKey, deletedAt int64) (bool, error)
}

// ListTrash lists what is in the trash of the selected workspace, with sizes.
func ListTrash(ctx context.Context, tx TrashTx, g access.Grant, kind TrashKind, after string, most int) (Page[Trashed], error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil {
		return Page[Trashed]{}, err
	}
	page, err := tx.Trash(ctx, g.Workspace(), kind, after, most)
	if err != nil {
		return page, err
	}
	return page, tx.TrashSizes(ctx, g.Workspace(), page.Items)
}

// InTrash finds things of the trash by their keys, with sizes; those that are not there are left out.
func InTrash(ctx context.Context, tx TrashTx, g access.Grant, p access.Perm, keys []TrashKey) ([]Trashed, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return nil, err
	}
	var out []Trashed
	for _, k := range keys {
		t, err := tx.TrashedOne(ctx, g.Workspace(), k)
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, tx.TrashSizes(ctx, g.Workspace(), out)
}

// CountTrash counts what is in the trash by kind.
func CountTrash(ctx context.Context, tx TrashTx, g access.Grant) (map[TrashKind]int64, error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.TrashCount(ctx, g.Workspace())
}

// PurgeThings orders that things of the trash be deleted for good; what is not there is gone already. The work is
// done in portions behind this transaction, and none of them can be restored from now on.
func PurgeThings(ctx context.Context, tx TrashTx, g access.Grant, keys []TrashKey, now time.Time) (int, error) {
	if err := g.Need(access.TrashPurge, g.Workspace()); err != nil {
		return 0, err
	}
	n := 0
	for _, k := range keys {
		if k == (TrashKey{TrashExperiment, DefaultExperiment}) {
			return n, domain.Fail(domain.Conflict, "trash.default", "the experiment Default cannot be deleted for good: clients that name no experiment log to it")
		}
		t, err := tx.TrashedOne(ctx, g.Workspace(), k)
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return n, err
		}
		if err := tx.AddPurge(ctx, Purge{g.Workspace(), k, now.UnixMilli(), me(g)}); err != nil {
			return n, err
		}
		if err := tx.Emit(ctx, event.Event{Kind: "trash.purged", Subject: k.ID, Data: map[string]string{"kind": string(k.Kind), "name": t.Name}}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// EmptyTrash orders that whatever is in the trash now be deleted for good.
func EmptyTrash(ctx context.Context, tx TrashTx, g access.Grant, now time.Time) error {
	if err := g.Need(access.TrashPurge, g.Workspace()); err != nil {
		return err
	}
	counts, err := tx.TrashCount(ctx, g.Workspace())
	if err != nil {
		return err
	}
	if err := tx.AddPurge(ctx, Purge{g.Workspace(), TrashKey{Kind: TrashAll}, now.UnixMilli(), me(g)}); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "trash.emptied", Subject: g.Workspace(), Data: counts})
}

// Restorable refuses what is being deleted for good.
func Restorable(ctx context.Context, tx interface {
	BeingPurged(ctx context.Context, workspace string, k TrashKey, deletedAt int64) (bool, error)
}, workspace string, k TrashKey, deletedAt int64,
) error {
	gone, err := tx.BeingPurged(ctx, workspace, k, deletedAt)
	if err == nil && gone {
		err = domain.Fail(domain.Conflict, "trash.purging", "this is being deleted for good and cannot be restored")
	}
	return err
}

// RestoreLoggedModel takes a logged model out of the trash; one that is not there stays.
func RestoreLoggedModel(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	m, err := tx.LoggedModel(ctx, id)
	if err == nil {
		err = g.Need(access.LoggedModelDelete, m.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return noModel(id)
	}
	if err != nil || !m.Deleted() {
		return err
	}
	if err := Restorable(ctx, tx, m.Workspace, TrashKey{TrashModel, id}, m.DeletedAt); err != nil {
		return err
	}
	m.DeletedAt, m.UpdatedAt = 0, now.UnixMilli()
	if err := tx.SaveLoggedModel(ctx, m); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "logged_model.restored", Subject: id, Data: map[string]string{"name": m.Name}})
}
