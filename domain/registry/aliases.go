package registry

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// latestAlias always names the highest version and cannot be moved.
const latestAlias = "latest"

func checkAlias(name string) error {
	switch {
	case name == "":
		return domain.Fail(domain.Invalid, "registry.alias_empty", "Missing value for required parameter 'alias'.")
	case long(name, maxAlias):
		return domain.Fail(domain.Invalid, "registry.alias_long", "the alias has more than %d characters", maxAlias)
	case strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && r != '_' && r != '-'
	}) >= 0:
		return domain.Fail(domain.Invalid, "registry.alias", "Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_), and dashes (-).", domain.Short(strings.ToValidUTF8(name, "?")))
	case strings.EqualFold(name, latestAlias):
		return domain.Fail(domain.Invalid, "registry.alias_reserved", "'%s' alias name (case insensitive) is reserved: it names the highest version.", name)
	case len(name) > 1 && (name[0] == 'v' || name[0] == 'V') && strings.Trim(name[1:], "0123456789") == "":
		return domain.Fail(domain.Invalid, "registry.alias_version", "Version alias name '%s' is reserved: it looks like a version number.", name)
	}
	return nil
}

// SetAlias makes alias name a version; it may have named another before.
func SetAlias(ctx context.Context, tx Tx, g access.Grant, name, alias string, number int64, now time.Time) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil {
		return err
	}
	if v.Revoked() {
		return domain.Fail(domain.Invalid, "registry.alias_revoked", "version %d of %s has been revoked: %s. Choose another for %s", number, domain.Short(name), v.RevokeReason, alias)
	}
	return moveAlias(ctx, tx, g, m, alias, v, "", now)
}

// DeleteAlias removes an alias; one that is not there is removed already.
func DeleteAlias(ctx context.Context, tx Tx, g access.Grant, name, alias string, now time.Time) error {
	m, err := model(ctx, tx, g, access.ModelWrite, name)
	if err != nil {
		return err
	}
	return moveAlias(ctx, tx, g, m, alias, Version{}, "", now)
}

// moveAlias makes alias name a version, the zero Version for none, and writes it into the history. What is so already is no
// move. An alias called like an environment is the view of a slot, which moves with it; one of a protected environment is
// refused to everybody who comes this way.
func moveAlias(ctx context.Context, tx Tx, g access.Grant, m Model, alias string, v Version, undoes string, now time.Time) error {
	env, err := tx.EnvironmentNamed(ctx, m.Workspace, alias)
	switch {
	case domain.KindOf(err) == domain.NotFound:
		return pointAlias(ctx, tx, g, m, alias, v.Number, undoes, now)
	case err != nil:
		return err
	case env.Name != alias:
		return domain.Fail(domain.Invalid, "slot.case", "%s is an environment: write its name %s in small letters", alias, env.Name)
	}
	if err := env.Open(m.Name, v.Number); err != nil {
		return err
	}
	s, err := tx.SlotOf(ctx, env, slot.Model, m.ID)
	if err != nil || s.Stable.ID == v.ID {
		return err
	}
	cause := slot.Moved
	if v.ID == "" {
		cause = slot.Cleared
	}
	_, err = release(ctx, tx, g, env, s, m, v, slot.Change{Cause: cause}, undoes, now)
	return err
}

// Release makes v what is live of its model in an environment: the slot, and with it the alias of the environment's name.
// That it may is for the caller to have made sure of; why tells by what right.
func Release(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, v Version, why slot.Change, now time.Time) (slot.Slot, error) {
	m, err := tx.ModelByID(ctx, v.ModelID)
	if err != nil {
		return s, err
	}
	return release(ctx, tx, g, env, s, m, v, why, "", now)
}

func release(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, m Model, v Version, why slot.Change, undoes string, now time.Time) (slot.Slot, error) {
	s, err := slot.Move(ctx, tx, g, env, s, v.Target(), why, now)
	if err != nil {
		return s, err
	}
	return s, pointAlias(ctx, tx, g, m, env.Name, v.Number, undoes, now)
}

// Target is v as slots name it.
func (v Version) Target() slot.Target {
	return slot.Target{ID: v.ID, Number: v.Number, Digest: v.Digest}
}

// pointAlias makes alias name the version to, 0 for none.
func pointAlias(ctx context.Context, tx Tx, g access.Grant, m Model, alias string, to int64, undoes string, now time.Time) error {
	from, err := tx.AliasOf(ctx, m.ID, alias)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return err
	}
	if from == to {
		return nil
	}
	if from == 0 {
		if n, err := tx.CountAliases(ctx, m.ID); err != nil || n >= maxAliases {
			return cmp.Or(err, domain.Fail(domain.Invalid, "registry.many_aliases", "%s has %d aliases, the most that a model may have: delete some", domain.Short(m.Name), n))
		}
	}
	if to == 0 {
		err = tx.DeleteAlias(ctx, m.ID, alias)
	} else {
		err = tx.SetAlias(ctx, m.ID, alias, to)
	}
	if err != nil {
		return err
	}
	m.UpdatedAt = now.UnixMilli()
	if err := tx.SaveModel(ctx, m); err != nil {
		return err
	}
	return moved(ctx, tx, g, m, Move{Kind: AliasMove, Subject: alias, From: numberText(from), To: numberText(to), Undoes: undoes}, now)
}

func numberText(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func moved(ctx context.Context, tx Tx, g access.Grant, m Model, mv Move, now time.Time) error {
	mv.ID, mv.ModelID, mv.At, mv.By = tracking.NewID(), m.ID, now.UnixMilli(), me(g)
	if err := tx.AddMove(ctx, mv); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: string(mv.Kind) + ".moved", Subject: m.ID, Data: map[string]string{
		"model": m.Name, string(mv.Kind): mv.Subject, "from": mv.From, "to": mv.To,
	}})
}

// VersionByAlias finds the version that an alias names; "latest" names the highest.
func VersionByAlias(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name, alias string) (Version, error) {
	if strings.EqualFold(alias, latestAlias) {
		return latest(ctx, tx, g, p, name, latestAlias)
	}
	m, err := model(ctx, tx, g, p, name)
	if err != nil {
		return Version{}, err
	}
	number, err := tx.AliasOf(ctx, m.ID, alias)
	if domain.KindOf(err) == domain.NotFound {
		return Version{}, domain.Fail(domain.Invalid, "registry.no_alias", "Registered model alias %s not found.", domain.Short(alias))
	}
	if err != nil {
		return Version{}, err
	}
	return tx.Version(ctx, m.ID, number)
}

// ParseStage reads a stage, in any case.
func ParseStage(s string) (Stage, error) {
	for _, known := range Stages {
		if strings.EqualFold(s, string(known)) {
			return known, nil
		}
	}
	return "", domain.Fail(domain.Invalid, "registry.stage", "Invalid Model Version stage: %s. Value must be one of None, Staging, Production, Archived.", domain.Short(s))
}

// MoveStage puts a version into a stage; with archive the others that are in it are archived, which is for Staging and
// Production only.
func MoveStage(ctx context.Context, tx Tx, g access.Grant, name string, number int64, stage string, archive bool, now time.Time) (Version, error) {
	s, err := ParseStage(stage)
	if err != nil {
		return Version{}, err
	}
	if archive && s != StageStaging && s != StageProduction {
		return Version{}, domain.Fail(domain.Invalid, "registry.archive", "archive_existing_versions goes with the stages Staging and Production, not with %s", s)
	}
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil {
		return v, err
	}
	if err := v.mayEnter(s); err != nil {
		return v, err
	}
	if err := stageOpen(ctx, tx, m, v, s); err != nil {
		return v, err
	}
	if archive {
		others, err := tx.VersionsInStage(ctx, m.ID, s)
		if err != nil {
			return v, err
		}
		for _, n := range slices.DeleteFunc(others, func(n int64) bool { return n == number }) {
			other, err := tx.Version(ctx, m.ID, n)
			if err != nil {
				return v, err
			}
			if _, err := moveStage(ctx, tx, g, m, other, StageArchived, "", now); err != nil {
				return v, err
			}
		}
	}
	return moveStage(ctx, tx, g, m, v, s, "", now)
}

// mayEnter refuses to put a revoked version to use.
func (v Version) mayEnter(s Stage) error {
	if v.Revoked() && (s == StageStaging || s == StageProduction) {
		return domain.Fail(domain.Invalid, "registry.stage_revoked", "version %d of %s has been revoked: %s", v.Number, domain.Short(v.Model), v.RevokeReason)
	}
	return nil
}

// stageOpen refuses to move a version into a stage, or out of one, that is called like a protected environment: the stage
// says nothing of what is live there, but people would read it so.
func stageOpen(ctx context.Context, tx Tx, m Model, v Version, to Stage) error {
	if v.Stage == to {
		return nil
	}
	for _, s := range []Stage{v.Stage, to} {
		if s != StageStaging && s != StageProduction {
			continue
		}
		env, err := tx.EnvironmentNamed(ctx, m.Workspace, string(s))
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err == nil {
			err = env.Open(m.Name, v.Number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func moveStage(ctx context.Context, tx Tx, g access.Grant, m Model, v Version, to Stage, undoes string, now time.Time) (Version, error) {
	from := v.Stage
	if from == to {
		return v, nil
	}
	v.Stage = to
	v, err := touched(ctx, tx, m, v, now)
	if err != nil {
		return v, err
	}
	return v, moved(ctx, tx, g, m, Move{Kind: StageMove, Subject: v.number(), From: string(from), To: string(to), Undoes: undoes}, now)
}

// UndoMove takes a move back, as a move of its own. It is refused when somebody has moved the same thing since.
func UndoMove(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) (Move, error) {
	mv, err := tx.Move(ctx, id)
	var m Model
	if err == nil {
		m, err = tx.ModelByID(ctx, mv.ModelID)
	}
	if err == nil {
		err = g.Need(access.ModelWrite, m.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound || err == nil && m.Deleted() {
		return mv, domain.Fail(domain.NotFound, "registry.no_move", "there is no such move: the model may have been deleted")
	}
	if err != nil {
		return mv, err
	}
	since := domain.Fail(domain.Conflict, "registry.moved_since", "%s was moved again since: look at the history and move it yourself", mv.Subject)
	switch mv.Kind {
	case StageMove:
		number, _ := ParseNumber(mv.Subject)
		v, err := tx.Version(ctx, m.ID, number)
		if domain.KindOf(err) == domain.NotFound || err == nil && (v.Deleted() || string(v.Stage) != mv.To) {
			return mv, since
		}
		if err == nil {
			err = v.mayEnter(Stage(mv.From))
		}
		if err == nil {
			err = stageOpen(ctx, tx, m, v, Stage(mv.From))
		}
		if err != nil {
			return mv, err
		}
		_, err = moveStage(ctx, tx, g, m, v, Stage(mv.From), mv.ID, now)
		return mv, err
	default:
		now0, err := tx.AliasOf(ctx, m.ID, mv.Subject)
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return mv, err
		}
		if numberText(now0) != mv.To {
			return mv, since
		}
		var v Version
		if back, _ := ParseNumber(mv.From); back != 0 {
			v, err = tx.Version(ctx, m.ID, back)
			if domain.KindOf(err) == domain.NotFound || err == nil && (v.Deleted() || v.Revoked()) {
				return mv, domain.Fail(domain.Invalid, "registry.gone", "version %s, which %s named before, has been deleted or revoked", mv.From, mv.Subject)
			}
			if err != nil {
				return mv, err
			}
		}
		return mv, moveAlias(ctx, tx, g, m, mv.Subject, v, mv.ID, now)
	}
}
