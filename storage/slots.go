package storage

import (
	"context"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/slot"
)

const environmentCols = `id, workspace_id, name, rank, protected, policy, digest, revision, created_at, updated_at, updated_by`

func scanEnvironment(row scanner) (e slot.Environment, err error) {
	return e, row(&e.ID, &e.Workspace, &e.Name, &e.Rank, &e.Protected, &e.Policy, &e.Digest, &e.Revision, &e.CreatedAt, &e.UpdatedAt, &e.UpdatedBy)
}

// Environment finds an environment. A transaction that writes holds it, as the two below do: whoever moves a slot must
// not meet a policy that changes meanwhile.
func (t *Tx) Environment(ctx context.Context, id string) (slot.Environment, error) {
	return one(ctx, t, scanEnvironment, `SELECT `+environmentCols+` FROM environments WHERE id = $1`+t.shared("environments"), id)
}

// EnvironmentNamed finds an environment by its name, in any case of letters: names are kept in small letters.
func (t *Tx) EnvironmentNamed(ctx context.Context, workspace, name string) (slot.Environment, error) {
	return one(ctx, t, scanEnvironment, `SELECT `+environmentCols+` FROM environments WHERE workspace_id = $1 AND name = $2`+t.shared("environments"), workspace, slot.Fold(name))
}

// HoldEnvironment finds an environment for a transaction that is to change it.
func (t *Tx) HoldEnvironment(ctx context.Context, id string) (slot.Environment, error) {
	return one(ctx, t, scanEnvironment, `SELECT `+environmentCols+` FROM environments WHERE id = $1`+t.held("environments"), id)
}

// Environments lists the environments of a workspace by rank.
func (t *Tx) Environments(ctx context.Context, workspace string) ([]slot.Environment, error) {
	return list(ctx, t, scanEnvironment, `SELECT `+environmentCols+` FROM environments WHERE workspace_id = $1 ORDER BY rank, name`, workspace)
}

// AddEnvironment writes a new environment.
func (t *Tx) AddEnvironment(ctx context.Context, e slot.Environment) error {
	return t.exec(ctx, `INSERT INTO environments (`+environmentCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		e.ID, e.Workspace, e.Name, e.Rank, e.Protected, e.Policy, e.Digest, e.Revision, e.CreatedAt, e.UpdatedAt, e.UpdatedBy)
}

// SaveEnvironment writes an environment back; it is a Conflict if somebody else did since.
func (t *Tx) SaveEnvironment(ctx context.Context, e slot.Environment) error {
	n, err := t.changed(ctx, `
		UPDATE environments SET name = $2, rank = $3, protected = $4, policy = $5, digest = $6, revision = $7, updated_at = $8, updated_by = $9
		 WHERE id = $1 AND revision = $7 - 1`,
		e.ID, e.Name, e.Rank, e.Protected, e.Policy, e.Digest, e.Revision, e.UpdatedAt, e.UpdatedBy)
	if err == nil && n == 0 {
		err = domain.Fail(domain.Conflict, "env.changed", "somebody else changed %s meanwhile: look at it and change it again", e.Name)
	}
	return err
}

// DeleteEnvironment forgets an environment that no slot belongs to.
func (t *Tx) DeleteEnvironment(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM environments WHERE id = $1`, id))
}

const slotCols = `s.id, s.workspace_id, s.environment_id, s.kind, s.asset_id, s.generation, s.version_id, s.version, s.digest, s.active, s.since, s.changed_by`

func scanSlot(row scanner) (s slot.Slot, err error) {
	return s, row(&s.ID, &s.Workspace, &s.EnvironmentID, &s.Kind, &s.AssetID, &s.Generation, &s.Stable.ID, &s.Stable.Number, &s.Stable.Digest, &s.Active, &s.Since, &s.By)
}

// SlotOf finds the slot of an asset in an environment. A transaction that writes makes it where it is missing, and holds
// it until its end.
func (t *Tx) SlotOf(ctx context.Context, env slot.Environment, k slot.Kind, asset string) (slot.Slot, error) {
	if t.writes {
		if err := t.exec(ctx, `
			INSERT INTO slots (id, workspace_id, environment_id, kind, asset_id, generation, version_id, version, digest, since, changed_by)
			VALUES ($1, $2, $3, $4, $5, 0, '', 0, '', 0, '') ON CONFLICT (environment_id, kind, asset_id) DO NOTHING`,
			NewID(t.now), env.Workspace, env.ID, string(k), asset); err != nil {
			return slot.Slot{}, err
		}
	}
	s, err := one(ctx, t, scanSlot, `SELECT `+slotCols+` FROM slots s WHERE s.environment_id = $1 AND s.kind = $2 AND s.asset_id = $3`+t.held("s"), env.ID, string(k), asset)
	if domain.KindOf(err) == domain.NotFound {
		return slot.Slot{Workspace: env.Workspace, EnvironmentID: env.ID, Kind: k, AssetID: asset}, nil
	}
	return s, err
}

// SlotByID finds a slot and holds it as SlotOf does.
func (t *Tx) SlotByID(ctx context.Context, id string) (slot.Slot, error) {
	return one(ctx, t, scanSlot, `SELECT `+slotCols+` FROM slots s WHERE s.id = $1`+t.held("s"), id)
}

// SlotsOfAsset lists the slots of an asset by the rank of their environments.
func (t *Tx) SlotsOfAsset(ctx context.Context, k slot.Kind, asset string) ([]slot.Slot, error) {
	return list(ctx, t, scanSlot, `
		SELECT `+slotCols+` FROM slots s JOIN environments e ON e.id = s.environment_id
		 WHERE s.asset_id = $1 AND s.kind = $2 ORDER BY e.rank, e.name`, asset, string(k))
}

// SlotsOf lists the slots of models of a workspace in which something is or was live, by asset and by the rank of their environments.
func (t *Tx) SlotsOf(ctx context.Context, workspace string, most int) ([]slot.Slot, error) {
	return list(ctx, t, scanSlot, `
		SELECT `+slotCols+` FROM environments e JOIN slots s ON s.environment_id = e.id
		 WHERE e.workspace_id = $1 AND s.kind = 'model' AND s.generation > 0 ORDER BY s.asset_id, e.rank LIMIT $2`, workspace, most)
}

// SlotsOfEnvironment lists the slots of models in an environment by asset.
func (t *Tx) SlotsOfEnvironment(ctx context.Context, environment string) ([]slot.Slot, error) {
	return list(ctx, t, scanSlot, `SELECT `+slotCols+` FROM slots s WHERE s.environment_id = $1 AND s.kind = 'model' ORDER BY s.asset_id`, environment)
}

// AliasesNamed counts the models of a workspace that have an alias.
func (t *Tx) AliasesNamed(ctx context.Context, workspace, alias string) (int64, error) {
	return one(ctx, t, column[int64], `
		SELECT COUNT(*) FROM registered_models m JOIN model_aliases a ON a.model_id = m.id WHERE m.workspace_id = $1 AND a.alias = $2`, workspace, alias)
}

// CountSlots counts the slots of an environment in which something is or was live, or that a request is for.
func (t *Tx) CountSlots(ctx context.Context, environment string) (int64, error) {
	return one(ctx, t, column[int64], `SELECT COUNT(*) FROM slots WHERE environment_id = $1`, environment)
}

// SaveSlot stores a change of a slot with its line of history. It is a Conflict where the generation is not the one before.
func (t *Tx) SaveSlot(ctx context.Context, s slot.Slot, c slot.Change) error {
	n, err := t.changed(ctx, `
		UPDATE slots SET generation = $2, version_id = $3, version = $4, digest = $5, active = $6, since = $7, changed_by = $8
		 WHERE id = $1 AND generation = $2 - 1`,
		s.ID, s.Generation, s.Stable.ID, s.Stable.Number, s.Stable.Digest, s.Active, s.Since, s.By)
	if err != nil {
		return err
	}
	if n == 0 {
		return domain.Fail(domain.Conflict, "slot.moved", "what is live was changed meanwhile: look at it again")
	}
	return t.exec(ctx, `
		INSERT INTO slot_changes (slot_id, generation, from_id, from_version, from_digest, to_id, to_version, to_digest, cause, promotion_id, reason, at, changed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		c.SlotID, c.Generation, c.From.ID, c.From.Number, c.From.Digest, c.To.ID, c.To.Number, c.To.Digest, string(c.Cause), c.Request, c.Reason, c.At, c.By)
}

// LockSlot writes which promotion is being carried out, "" for none.
func (t *Tx) LockSlot(ctx context.Context, s slot.Slot, request string) error {
	return must(t.changed(ctx, `UPDATE slots SET active = $2 WHERE id = $1`, s.ID, request))
}

const changeCols = `slot_id, generation, from_id, from_version, from_digest, to_id, to_version, to_digest, cause, promotion_id, reason, at, changed_by`

func scanChange(row scanner) (c slot.Change, err error) {
	return c, row(&c.SlotID, &c.Generation, &c.From.ID, &c.From.Number, &c.From.Digest, &c.To.ID, &c.To.Number, &c.To.Digest, &c.Cause, &c.Request, &c.Reason, &c.At, &c.By)
}

// SlotHistory lists the changes of a slot, the newest first; below is a generation, 0 for the newest.
func (t *Tx) SlotHistory(ctx context.Context, id string, below int64, most int) ([]slot.Change, error) {
	if below <= 0 {
		below = 1 << 62
	}
	return list(ctx, t, scanChange, `SELECT `+changeCols+` FROM slot_changes WHERE slot_id = $1 AND generation < $2 ORDER BY generation DESC LIMIT $3`, id, below, most)
}

// SlotAt finds the last change of a slot that was made up to an instant.
func (t *Tx) SlotAt(ctx context.Context, id string, at int64) (slot.Change, error) {
	return one(ctx, t, scanChange, `SELECT `+changeCols+` FROM slot_changes WHERE slot_id = $1 AND at <= $2 ORDER BY at DESC, generation DESC LIMIT 1`, id, at)
}

// WasLive finds the newest change of a slot that made a version live.
func (t *Tx) WasLive(ctx context.Context, id, version string) (slot.Change, error) {
	return one(ctx, t, scanChange, `SELECT `+changeCols+` FROM slot_changes WHERE slot_id = $1 AND to_id = $2 ORDER BY generation DESC LIMIT 1`, id, version)
}
