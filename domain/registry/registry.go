// Package registry is the team's own models: registered models, their versions, aliases, tags and stages, as the
// clients of the MLflow protocol use them. A version is a fact: what it was made from, its files and their digest are
// fixed when it is registered; later acts may describe, tag, name, revoke or delete it, never change it.
//
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none.
package registry

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// Model is a registered model: a name under which versions are kept.
type Model struct {
	ID          string
	Workspace   string
	Name        string // unique in the workspace among those that are not in the trash
	Description string
	Last        int64 // the highest version number given out; none is given twice
	CreatedAt   int64
	UpdatedAt   int64 // a change of a version counts
	DeletedAt   int64
	CreatedBy   string
	Prompt      bool // it keeps prompts: its tag says so

	// Filled by the queries that say so.
	Tags    []tracking.Tag
	Aliases []Alias
	Latest  []Version // the highest version in each stage
}

// Deleted reports whether m is in the trash.
func (m Model) Deleted() bool { return m.DeletedAt != 0 }

// Tag is the value of the tag key, "" where there is none.
func (m Model) Tag(key string) string { return tracking.TagValue(m.Tags, key) }

// PromptTag marks the registered models and versions in which clients keep prompts.
const PromptTag = "mlflow.prompt.is_prompt"

// Alias is a name for one version of a model, which may be moved.
type Alias struct {
	Name    string
	Version int64
}

// Stage is the older way to say how far a version is. Slots of environments take its place.
type Stage string

// The stages of the protocol.
const (
	StageNone       Stage = "None"
	StageStaging    Stage = "Staging"
	StageProduction Stage = "Production"
	StageArchived   Stage = "Archived"
)

// Stages lists all stages.
var Stages = []Stage{StageNone, StageStaging, StageProduction, StageArchived}

// Standing says where the bytes of a version are, and so what can be proved of them.
type Standing string

// The standings.
const (
	// Pinned is a version whose files lie in our own store and are held by it.
	Pinned Standing = "pinned"
	// External is a version whose files lie in a store that only clients reach. It cannot be verified.
	External Standing = "external"
	// Empty is a version in our own store without a single file.
	Empty Standing = "empty"
	// Text is a version of a prompt, which has no files.
	Text Standing = "text"
)

// Version is one version of a model.
type Version struct {
	ID        string // names its files in our store
	ModelID   string
	Workspace string
	Model     string // the model's name
	Number    int64  // 1, 2, 3 …

	Source        string // as it was registered
	Location      string // where a client reads the files
	RunID         string
	LoggedModelID string
	RunLink       string
	Description   string
	Stage         Stage

	Standing Standing
	Digest   string // of the manifest, SHA-256 in hexadecimal digits; "" unless pinned
	Manifest string // canonical JSON (RFC 8785); "" unless pinned. Filled where one version is asked for
	Files    int64
	Size     int64 // bytes

	VerifiedAt int64  // when its bytes were last read again
	Broken     string // what was wrong with them then; "" = nothing

	RevokedAt    int64
	RevokedBy    string
	RevokeReason string

	CreatedAt int64
	UpdatedAt int64
	DeletedAt int64
	CreatedBy string

	Tags    []tracking.Tag
	Aliases []string
}

// Deleted reports whether v is in the trash.
func (v Version) Deleted() bool { return v.DeletedAt != 0 }

// Revoked reports whether v may not be used any more.
func (v Version) Revoked() bool { return v.RevokedAt != 0 }

// Tag is the value of the tag key, "" where there is none.
func (v Version) Tag(key string) string { return tracking.TagValue(v.Tags, key) }

// Verifiable reports whether the bytes of v can be checked against its digest.
func (v Version) Verifiable() bool { return v.Standing == Pinned }

// MoveKind is what was moved: an alias to another version, or a version to another stage.
type MoveKind string

// The kinds of moves.
const (
	AliasMove MoveKind = "alias"
	StageMove MoveKind = "stage"
)

// Move is one line of a model's history of aliases and stages.
type Move struct {
	ID      string
	ModelID string
	Kind    MoveKind
	Subject string // the alias; or the version's number
	From    string // the version's number or the stage before, "" for an alias that was not there
	To      string // after, "" for an alias that was removed
	At      int64
	By      string // an actor's id
	Undoes  string // the move that this one took back
}

// Tx is what the registry asks of a transaction; *storage.Tx answers.
type Tx interface {
	slot.Tx
	EnqueueJob(ctx context.Context, j job.Job) error

	// ModelNamed finds a model that is not in the trash, without its lists.
	ModelNamed(ctx context.Context, workspace, name string) (Model, error)
	ModelByID(ctx context.Context, id string) (Model, error) // in the trash or not, without its lists
	// FillModels adds tags, aliases and the latest versions.
	FillModels(ctx context.Context, ms []Model) error
	Models(ctx context.Context, q tracking.Query) (tracking.Page[Model], error) // filled
	AddModel(ctx context.Context, m Model) error
	SaveModel(ctx context.Context, m Model) error
	SetModelTags(ctx context.Context, model string, tags []tracking.Tag) error
	DeleteModelTag(ctx context.Context, model, key string) error
	// DeleteVersionsOf and RestoreVersionsOf move the versions of a model with it; only those that went at the same
	// instant come back.
	DeleteVersionsOf(ctx context.Context, model string, at int64) error
	RestoreVersionsOf(ctx context.Context, model string, deletedAt int64) error

	// Version finds a version, in the trash or not, with tags, aliases and manifest.
	Version(ctx context.Context, model string, number int64) (Version, error)
	VersionByID(ctx context.Context, id string) (Version, error)
	Versions(ctx context.Context, q tracking.Query) (tracking.Page[Version], error) // filled, without manifests
	// LatestVersion is the highest version that is not in the trash, in a stage or, with "", at all.
	LatestVersion(ctx context.Context, model string, s Stage) (Version, error)
	// VersionsInStage lists the numbers of the versions of a model in a stage.
	VersionsInStage(ctx context.Context, model string, s Stage) ([]int64, error)
	AddVersion(ctx context.Context, v Version) error
	SaveVersion(ctx context.Context, v Version) error
	SetVersionTags(ctx context.Context, model string, number int64, tags []tracking.Tag) error
	DeleteVersionTag(ctx context.Context, model string, number int64, key string) error

	AliasOf(ctx context.Context, model, alias string) (int64, error) // NotFound if there is none
	CountAliases(ctx context.Context, model string) (int64, error)
	SetAlias(ctx context.Context, model, alias string, version int64) error // new or moved
	DeleteAlias(ctx context.Context, model, alias string) error             // there or not
	AddMove(ctx context.Context, m Move) error
	Move(ctx context.Context, id string) (Move, error)
	// BeingPurged reports whether a thing deleted at an instant is being deleted for good.
	BeingPurged(ctx context.Context, workspace string, k tracking.TrashKey, deletedAt int64) (bool, error)

	// What a version is made from.
	FullRun(ctx context.Context, id string) (tracking.Run, error)
	LoggedModel(ctx context.Context, id string) (tracking.LoggedModel, error)
	Artifact(ctx context.Context, workspace, path string) (tracking.Artifact, error)
	FilesBelow(ctx context.Context, workspace, folder, after string, limit int) ([]tracking.Artifact, error)
	SaveArtifact(ctx context.Context, a tracking.Artifact) error
}

func me(g access.Grant) string { return g.Actor().ID }

// model finds the model called name in the selected workspace for a caller with permission p.
func model(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name string) (Model, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return Model{}, err
	}
	m, err := tx.ModelNamed(ctx, g.Workspace(), name)
	if domain.KindOf(err) == domain.NotFound {
		return m, domain.Fail(domain.NotFound, "registry.no_model", "Registered Model with name=%s not found", domain.Short(name))
	}
	return m, err
}

// version finds a version that is not in the trash.
func version(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name string, number int64) (Model, Version, error) {
	m, err := model(ctx, tx, g, p, name)
	if err != nil {
		if domain.KindOf(err) == domain.NotFound {
			err = noVersion(name, number)
		}
		return m, Version{}, err
	}
	v, err := tx.Version(ctx, m.ID, number)
	if domain.KindOf(err) == domain.NotFound || err == nil && v.Deleted() {
		return m, v, noVersion(name, number)
	}
	return m, v, err
}

func noVersion(name string, number int64) error {
	return domain.Fail(domain.NotFound, "registry.no_version", "Model Version (name=%s, version=%d) not found", domain.Short(name), number)
}

// touched saves v and the instant at which it and its model changed.
func touched(ctx context.Context, tx Tx, m Model, v Version, now time.Time) (Version, error) {
	v.UpdatedAt, m.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if err := tx.SaveVersion(ctx, v); err != nil {
		return v, err
	}
	return v, tx.SaveModel(ctx, m)
}
