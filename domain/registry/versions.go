package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// MaxFiles is the most files a version may have.
const MaxFiles = 20_000

// Describing finds the MLmodel file of what v would be made from: its artifact, or nothing where there is none. The
// caller reads it outside of any transaction and hands what it says to CreateVersion.
func Describing(ctx context.Context, tx Tx, g access.Grant, v Version) (tracking.Artifact, error) {
	m, err := model(ctx, tx, g, access.ModelWrite, v.Model)
	if domain.KindOf(err) == domain.NotFound { // it is yet to be made, or will be refused
		m, err = Model{Workspace: g.Workspace()}, nil
	}
	if err != nil {
		return tracking.Artifact{}, err
	}
	s, err := resolve(ctx, tx, g, m, v)
	if err != nil || s.standing != Pinned || s.copied != nil {
		return tracking.Artifact{}, err
	}
	root, _ := tracking.StorePath(s.location)
	a, err := tx.Artifact(ctx, m.Workspace, root+"/"+MLmodel)
	if domain.KindOf(err) == domain.NotFound {
		return tracking.Artifact{}, nil
	}
	return a, err
}

// Register is CreateVersion for people, who may name a model that is not there yet: it is made with its first version.
func Register(ctx context.Context, tx Tx, g access.Grant, v Version, about About, now time.Time) (Version, error) {
	if _, err := CreateModel(ctx, tx, g, Model{Name: v.Model}, now); err != nil && domain.KindOf(err) != domain.Exists {
		return v, err
	}
	return CreateVersion(ctx, tx, g, v, about, now)
}

// CreateVersion registers a version of the model v.Model: of v, the source, run, logged model, link, description and
// tags are used. Its files, as they are now, are held by it from then on, whatever happens to the run.
func CreateVersion(ctx context.Context, tx Tx, g access.Grant, v Version, about About, now time.Time) (Version, error) {
	m, err := model(ctx, tx, g, access.ModelWrite, v.Model)
	if err != nil {
		return v, err
	}
	if v.Source == "" {
		return v, domain.Fail(domain.Invalid, "registry.source_empty", "Missing value for required parameter 'source'.")
	}
	for _, err := range []error{checkDescription(v.Description), checkTags(v.Tags)} {
		if err != nil {
			return v, err
		}
	}
	s, err := resolve(ctx, tx, g, m, v)
	if err != nil {
		return v, err
	}
	v.ID, v.ModelID, v.Workspace, v.CreatedBy = tracking.NewID(), m.ID, m.Workspace, me(g)
	v.Source, v.Standing, v.Location, v.Stage = s.text, s.standing, s.location, StageNone
	v.CreatedAt, v.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if s.run != nil {
		v.RunID = s.run.ID
	}
	if s.logged != nil {
		v.LoggedModelID = s.logged.ID
	}
	if s.copied != nil && v.RunID == "" {
		v.RunID, v.LoggedModelID = s.copied.RunID, s.copied.LoggedModelID
	}
	if v, err = hold(ctx, tx, s, v, about, now); err != nil {
		return v, err
	}
	m.Last++
	m.UpdatedAt = now.UnixMilli()
	v.Number = m.Last
	if err := tx.AddVersion(ctx, v); err != nil {
		return v, err
	}
	if err := tx.SetVersionTags(ctx, m.ID, v.Number, v.Tags); err != nil {
		return v, err
	}
	if err := tx.SaveModel(ctx, m); err != nil {
		return v, err
	}
	if v.Standing == Pinned {
		if err := tx.EnqueueJob(ctx, job.Job{Kind: job.Scan.Name, Workspace: v.Workspace, Key: v.ID}); err != nil {
			return v, err
		}
	}
	return v, tx.Emit(ctx, event.Event{Kind: "version.created", Subject: v.ID, Data: map[string]string{"model": v.Model, "version": v.number(), "digest": v.Digest}})
}

func (v Version) number() string { return strconv.FormatInt(v.Number, 10) }

// hold pins the files of a version that lie in our store: rows of the version's own name the same bytes, which stay as
// long as any row names them.
func hold(ctx context.Context, tx Tx, s source, v Version, about About, now time.Time) (Version, error) {
	if s.standing != Pinned {
		return v, nil
	}
	root, _ := tracking.StorePath(s.location)
	files, err := filesOf(ctx, tx, v.Workspace, root)
	if err != nil {
		return v, err
	}
	if len(files) == 0 {
		v.Standing = Empty
		return v, nil
	}
	if s.copied != nil {
		v.Manifest, v.Digest = s.copied.Manifest, s.copied.Digest
	} else {
		i := slices.IndexFunc(files, func(a tracking.Artifact) bool { return a.Path == root+"/"+MLmodel })
		if i >= 0 && files[i].Digest != about.Digest || i < 0 && about.Digest != "" {
			return v, domain.Fail(domain.Conflict, "registry.changing", "the files of %q are being written: register it again once that has ended", domain.Short(v.Source))
		}
		if v.Manifest, v.Digest, err = manifestOf(s, files, about).seal(); err != nil {
			return v, err
		}
	}
	for _, f := range files {
		v.Files++
		v.Size += f.Size
		f.Path = tracking.HeldAt(v.ID) + "/" + relative(root, f.Path)
		f.CreatedAt, f.CreatedBy = now.UnixMilli(), v.CreatedBy
		if err := tx.SaveArtifact(ctx, f); err != nil {
			return v, err
		}
	}
	v.Location = "mlflow-artifacts:/" + tracking.HeldAt(v.ID)
	if len(files) == 1 && files[0].Path == root {
		v.Location += "/" + relative(root, root)
	}
	return v, nil
}

// filesOf lists the files in a folder and below it, or the file that root is itself.
func filesOf(ctx context.Context, tx Tx, workspace, root string) ([]tracking.Artifact, error) {
	const portion = 1000
	var out []tracking.Artifact
	for after := ""; ; after = out[len(out)-1].Path {
		some, err := tx.FilesBelow(ctx, workspace, root, after, portion)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
		if len(out) > MaxFiles {
			return nil, domain.Fail(domain.Invalid, "registry.many_files", "a version may have %d files at the most: put yours into an archive", MaxFiles)
		}
		if len(some) < portion {
			break
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	a, err := tx.Artifact(ctx, workspace, root)
	if domain.KindOf(err) == domain.NotFound {
		return nil, nil
	}
	return []tracking.Artifact{a}, err
}

// VersionByNumber finds a version.
func VersionByNumber(ctx context.Context, tx Tx, g access.Grant, name string, number int64) (Version, error) {
	_, v, err := version(ctx, tx, g, access.ModelRead, name, number)
	return v, err
}

// SearchVersions answers q in the selected workspace. Versions of prompts are left out unless the filter names their tag.
func SearchVersions(ctx context.Context, tx Tx, g access.Grant, q tracking.Query) (tracking.Page[Version], error) {
	if err := g.Need(access.ModelRead, g.Workspace()); err != nil {
		return tracking.Page[Version]{}, err
	}
	q.Workspace = g.Workspace()
	return tx.Versions(ctx, q)
}

// LatestVersions lists the highest version in each of some stages; without stages in every stage that has one.
func LatestVersions(ctx context.Context, tx Tx, g access.Grant, name string, stages []string) ([]Version, error) {
	m, err := model(ctx, tx, g, access.ModelRead, name)
	if err != nil {
		return nil, err
	}
	wanted := Stages
	if len(stages) > 0 {
		wanted = nil
		for _, text := range stages {
			s, err := ParseStage(text)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(wanted, s) {
				wanted = append(wanted, s)
			}
		}
	}
	if m, err = filled(ctx, tx, m); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(m.Latest, func(v Version) bool { return !slices.Contains(wanted, v.Stage) }), nil
}

// latest finds the highest version in a stage, or of all for "latest".
func latest(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name, which string) (Version, error) {
	var s Stage
	if !strings.EqualFold(which, latestAlias) {
		var err error
		if s, err = ParseStage(which); err != nil {
			return Version{}, err
		}
	}
	m, err := model(ctx, tx, g, p, name)
	if err != nil {
		return Version{}, err
	}
	v, err := tx.LatestVersion(ctx, m.ID, s)
	if domain.KindOf(err) == domain.NotFound {
		return v, domain.Fail(domain.NotFound, "registry.none_in_stage", "%s has no version that is %s", domain.Short(name), domain.Short(which))
	}
	return v, err
}

// DescribeVersion replaces the description of a version; nil leaves it.
func DescribeVersion(ctx context.Context, tx Tx, g access.Grant, name string, number int64, description *string, now time.Time) (Version, error) {
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil || description == nil || *description == v.Description {
		return v, err
	}
	if err := checkDescription(*description); err != nil {
		return v, err
	}
	v.Description = *description
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return v, err
	}
	return v, tx.Emit(ctx, v.event("version.described", nil))
}

// event is a fact about v.
func (v Version) event(kind string, more map[string]any) event.Event {
	data := map[string]any{"model": v.Model, "version": v.number()}
	for k, value := range more {
		data[k] = value
	}
	return event.Event{Kind: kind, Subject: v.ID, Data: data}
}

// SetVersionTag writes or overwrites a tag of a version.
func SetVersionTag(ctx context.Context, tx Tx, g access.Grant, name string, number int64, t tracking.Tag, now time.Time) error {
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil {
		return err
	}
	tags := []tracking.Tag{t}
	if err := checkTags(tags); err != nil {
		return err
	}
	if err := tx.SetVersionTags(ctx, m.ID, number, tags); err != nil {
		return err
	}
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return err
	}
	return tx.Emit(ctx, v.event("version.tagged", map[string]any{"key": domain.Short(t.Key)}))
}

// DeleteVersionTag removes a tag of a version; one that is not there is removed already.
func DeleteVersionTag(ctx context.Context, tx Tx, g access.Grant, name string, number int64, key string, now time.Time) error {
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil {
		return err
	}
	if err := tx.DeleteVersionTag(ctx, m.ID, number, key); err != nil {
		return err
	}
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return err
	}
	return tx.Emit(ctx, v.event("version.tagged", map[string]any{"key": domain.Short(key)}))
}

// DeleteVersion moves a version to the trash. Its aliases are gone with that; its number is not given out again.
func DeleteVersion(ctx context.Context, tx Tx, g access.Grant, name string, number int64, now time.Time) (Version, error) {
	m, v, err := version(ctx, tx, g, access.ModelDelete, name, number)
	if err != nil {
		return v, err
	}
	for _, alias := range v.Aliases {
		if err := moveAlias(ctx, tx, g, m, alias, Version{}, "", now); err != nil {
			return v, err
		}
	}
	v.DeletedAt = now.UnixMilli()
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return v, err
	}
	return v, tx.Emit(ctx, v.event("version.deleted", nil))
}

// RestoreVersion takes the version with an id out of the trash, without aliases.
func RestoreVersion(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) (Version, error) {
	v, err := tx.VersionByID(ctx, id)
	if err == nil {
		err = g.Need(access.ModelDelete, v.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return v, domain.Fail(domain.NotFound, "registry.not_in_trash", "this model is not in the trash: it was restored or deleted for good")
	}
	if err != nil || !v.Deleted() {
		return v, err
	}
	if err := tracking.Restorable(ctx, tx, v.Workspace, tracking.TrashKey{Kind: tracking.TrashVersion, ID: v.ID}, v.DeletedAt); err != nil {
		return v, err
	}
	m, err := tx.ModelByID(ctx, v.ModelID)
	if err != nil {
		return v, err
	}
	if m.Deleted() {
		return v, domain.Fail(domain.Invalid, "registry.model_deleted", "%q itself is in the trash: restore it first", domain.Short(m.Name))
	}
	v.DeletedAt = 0
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return v, err
	}
	return v, tx.Emit(ctx, v.event("version.restored", nil))
}

// RevokeVersion says that a version must not be used any more, and why. It is shown wherever the version is, and stays.
func RevokeVersion(ctx context.Context, tx Tx, g access.Grant, name string, number int64, reason string, now time.Time) (Version, error) {
	const most = 2000
	m, v, err := version(ctx, tx, g, access.ModelRevoke, name, number)
	if err != nil {
		return v, err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case v.Revoked():
		return v, domain.Fail(domain.Conflict, "registry.revoked", "version %d of %s has been revoked already", number, domain.Short(name))
	case reason == "":
		return v, domain.Fail(domain.Invalid, "registry.no_reason", "say why the version is revoked: people who use it will read it")
	case long(reason, most):
		return v, domain.Fail(domain.Invalid, "registry.reason_long", "the reason has more than %d characters", most)
	}
	v.RevokedAt, v.RevokedBy, v.RevokeReason = now.UnixMilli(), me(g), reason
	if v, err = touched(ctx, tx, m, v, now); err != nil {
		return v, err
	}
	return v, tx.Emit(ctx, v.event("version.revoked", map[string]any{"reason": event.Text{Value: reason}}))
}

// DownloadURI is where a client finds the files of a version.
func DownloadURI(ctx context.Context, tx Tx, g access.Grant, name string, number int64) (string, error) {
	_, v, err := version(ctx, tx, g, access.ModelRead, name, number)
	if err != nil {
		return "", err
	}
	if v.Location == "" {
		return v.Source, nil // a prompt's
	}
	return v.Location, nil
}
