package tracking

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/search"
)

// Tags with a meaning of their own.
const (
	TagRunName  = "mlflow.runName" // always the run's name
	TagParent   = "mlflow.parentRunId"
	TagNote     = "mlflow.note.content"
	TagSource   = "mlflow.source.name"
	TagCommit   = "mlflow.source.git.commit"
	TagModels   = "mlflow.log-model.history"
	TagContext  = "mlflow.data.context"
	idBytes     = 16
	outputModel = "output"
	inputModel  = "input"
)

// NewID makes the protocol's form of an id: 32 random hexadecimal digits.
func NewID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// CreateRun starts r in its experiment: of r, the experiment, name, user id, start time and tags are used.
// Name and the tag mlflow.runName are one thing; without either the run gets a random name.
func CreateRun(ctx context.Context, tx Tx, g access.Grant, r Run) (Run, error) {
	e, err := experiment(ctx, tx, g, access.RunWrite, r.ExperimentID)
	if err != nil {
		return r, err
	}
	if e.Deleted() {
		return r, domain.Fail(domain.Invalid, "experiment.deleted", "the experiment %s is in the trash: restore it first", e.ID)
	}
	if r.Tags, err = cleanTags(r.Tags); err != nil {
		return r, err
	}
	if r.Name, err = runName(r); err != nil {
		return r, err
	}
	r.Tags = withTag(r.Tags, Tag{TagRunName, r.Name})
	r.ID, r.Workspace, r.CreatedBy, r.Status = NewID(), e.Workspace, me(g), Running
	r.ArtifactURI = e.ArtifactLocation + "/" + r.ID + "/artifacts"
	if err := tx.AddRun(ctx, r); err != nil {
		return r, err
	}
	if err := tx.SetTags(ctx, r.ID, r.Tags); err != nil {
		return r, err
	}
	return r, tx.Touch(ctx, r, Batch{Tags: r.Tags})
}

func runName(r Run) (string, error) {
	switch name, tag := truncate(r.Name, maxTagValue), r.Tag(TagRunName); {
	case name != "" && tag != "" && name != tag:
		return "", domain.Fail(domain.Invalid, "run.two_names", "the run has two names, run_name %q and the tag mlflow.runName %q: give one, or the same twice", domain.Short(name), domain.Short(tag))
	case name != "":
		return name, nil
	case tag != "":
		return tag, nil
	default:
		return randomName(), nil
	}
}

// cleanTags checks keys, cuts long values and keeps the last of each key.
func cleanTags(tags []Tag) ([]Tag, error) {
	at := make(map[string]int, len(tags)) // there may be very many
	var out []Tag
	for _, t := range tags {
		if err := checkKey("tag", t.Key); err != nil {
			return nil, err
		}
		t.Value = truncate(t.Value, maxTagValue)
		if i, twice := at[t.Key]; twice {
			out[i] = t
			continue
		}
		at[t.Key] = len(out)
		out = append(out, t)
	}
	return out, nil
}

func withTag(tags []Tag, t Tag) []Tag {
	for i := range tags {
		if tags[i].Key == t.Key {
			tags[i].Value = t.Value
			return tags
		}
	}
	return append(tags, t)
}

// RunByID finds a run with all it holds, also a deleted one.
func RunByID(ctx context.Context, tx Tx, g access.Grant, id string) (Run, error) {
	r, err := tx.FullRun(ctx, id)
	return found(g, access.RunRead, r, err, id)
}

// run finds a run without its lists.
func run(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (Run, error) {
	r, err := tx.Run(ctx, id)
	return found(g, p, r, err, id)
}

func found(g access.Grant, p access.Perm, r Run, err error, id string) (Run, error) {
	if err == nil {
		err = g.Need(p, r.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return r, domain.Fail(domain.NotFound, "run.not_found", "Run with id=%s not found", domain.Short(id))
	}
	return r, err
}

func activeRun(ctx context.Context, tx Tx, g access.Grant, id string) (Run, error) {
	r, err := run(ctx, tx, g, access.RunWrite, id)
	if err == nil && r.Deleted() {
		err = domain.Fail(domain.Invalid, "run.deleted", "The run %s must be in the 'active' state: it is in the trash, restore it first", id)
	}
	return r, err
}

// SearchRuns answers q in the selected workspace, with all that each run holds.
func SearchRuns(ctx context.Context, tx Tx, g access.Grant, q Query) (Page[Run], error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return Page[Run]{}, err
	}
	for _, id := range q.Experiments {
		if err := checkExperimentID(id); err != nil {
			return Page[Run]{}, err
		}
	}
	q.Workspace = g.Workspace()
	return tx.Runs(ctx, q)
}

// ParseRunQuery reads the filter and order language of runs.
func ParseRunQuery(filter string, order []string) (Query, error) {
	return parseQuery(search.Runs, filter, order)
}

// RunChange is what UpdateRun may change; a zero field stays as it was.
type RunChange struct {
	Status  Status // an unknown one is ignored, as the protocol has it
	EndTime int64
	Name    string
}

// UpdateRun changes an active run and returns it.
func UpdateRun(ctx context.Context, tx Tx, g access.Grant, id string, c RunChange) (Run, error) {
	r, err := activeRun(ctx, tx, g, id)
	if err != nil {
		return r, err
	}
	if c.Status.Known() {
		r.Status = c.Status
	}
	if c.EndTime != 0 {
		r.EndTime = c.EndTime
	}
	if c.Name != "" {
		r.Name = truncate(c.Name, maxTagValue)
		if err := tx.SetTags(ctx, id, []Tag{{TagRunName, r.Name}}); err != nil {
			return r, err
		}
	}
	if err := tx.SaveRun(ctx, r); err != nil {
		return r, err
	}
	if err := tx.Touch(ctx, r, Batch{}); err != nil {
		return r, err
	}
	if r.Status.Ended() && c.Status.Known() {
		err = tx.Emit(ctx, event.Event{Kind: "run.ended", Subject: id, Data: map[string]string{"status": string(r.Status)}})
	}
	return r, err
}

// DeleteRun moves a run to the trash; one that is there stays.
func DeleteRun(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	r, err := run(ctx, tx, g, access.RunDelete, id)
	if err != nil || r.Deleted() {
		return err
	}
	r.DeletedAt = now.UnixMilli()
	if err := saveState(ctx, tx, r); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "run.deleted", Subject: id})
}

// RestoreRun takes a run out of the trash; one that is not there stays.
func RestoreRun(ctx context.Context, tx Tx, g access.Grant, id string) error {
	r, err := run(ctx, tx, g, access.RunDelete, id)
	if err != nil || !r.Deleted() {
		return err
	}
	if err := Restorable(ctx, tx, r.Workspace, TrashKey{TrashRun, id}, r.DeletedAt); err != nil {
		return err
	}
	r.DeletedAt = 0
	if err := saveState(ctx, tx, r); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "run.restored", Subject: id})
}

func saveState(ctx context.Context, tx Tx, r Run) error {
	if err := tx.SaveRun(ctx, r); err != nil {
		return err
	}
	return tx.Touch(ctx, r, Batch{})
}
