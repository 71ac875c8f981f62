package storage

import (
	"context"

	"github.com/slipway-ml/slipway/domain/secret"
)

const secretCols = `id, workspace_id, name, tail, fingerprint, version, kek_id, created_at, created_by, updated_at, updated_by, used_at`

func scanSecret(row scanner) (s secret.Secret, err error) {
	return s, row(&s.ID, &s.Workspace, &s.Name, &s.Tail, &s.Fingerprint, &s.Version, &s.KEK, &s.CreatedAt, &s.CreatedBy, &s.UpdatedAt, &s.UpdatedBy, &s.UsedAt)
}

// Secrets lists the secrets of a workspace by name.
func (t *Tx) Secrets(ctx context.Context, workspace string) ([]secret.Secret, error) {
	return list(ctx, t, scanSecret, `SELECT `+secretCols+` FROM secrets WHERE workspace_id = $1 ORDER BY name, id`, workspace)
}

// Secret finds a secret.
func (t *Tx) Secret(ctx context.Context, id string) (secret.Secret, error) {
	return one(ctx, t, scanSecret, `SELECT `+secretCols+` FROM secrets WHERE id = $1`, id)
}

// SaveSecret writes a secret, new or changed.
func (t *Tx) SaveSecret(ctx context.Context, s secret.Secret) error {
	return t.exec(ctx, `
		INSERT INTO secrets (`+secretCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET tail = excluded.tail, fingerprint = excluded.fingerprint, version = excluded.version, kek_id = excluded.kek_id,
		   updated_at = excluded.updated_at, updated_by = excluded.updated_by, used_at = excluded.used_at`,
		s.ID, s.Workspace, s.Name, s.Tail, s.Fingerprint, s.Version, s.KEK, s.CreatedAt, s.CreatedBy, s.UpdatedAt, s.UpdatedBy, s.UsedAt)
}

// DeleteSecret forgets a secret and its versions.
func (t *Tx) DeleteSecret(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM secrets WHERE id = $1`, id))
}

const sealedCols = `v.secret_id, v.version, v.kek_id, v.wrapped, v.value, v.at, v.until`

// SecretVersions lists the versions of a secret, the newest first.
func (t *Tx) SecretVersions(ctx context.Context, id string) ([]secret.Sealed, error) {
	return list(ctx, t, func(row scanner) (s secret.Sealed, err error) {
		return s, row(&s.Secret, &s.Version, &s.KEK, &s.Wrapped, &s.Value, &s.At, &s.Until)
	}, `SELECT `+sealedCols+` FROM secret_versions v WHERE v.secret_id = $1 ORDER BY v.version DESC`, id)
}

// AddSecretVersion writes a version.
func (t *Tx) AddSecretVersion(ctx context.Context, s secret.Sealed) error {
	return t.exec(ctx, `INSERT INTO secret_versions (secret_id, version, kek_id, wrapped, value, at, until) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		s.Secret, s.Version, s.KEK, s.Wrapped, s.Value, s.At, s.Until)
}

// EndSecretVersions says until when the versions without an end may be used, and forgets those whose end has passed.
func (t *Tx) EndSecretVersions(ctx context.Context, id string, until int64) error {
	if err := t.exec(ctx, `UPDATE secret_versions SET until = $2 WHERE secret_id = $1 AND until = 0`, id, until); err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM secret_versions WHERE secret_id = $1 AND until <> 0 AND until <= $2`, id, t.now.UnixMilli())
}

// SecretsNotUnder lists versions that another key than kek wraps, of all workspaces.
func (t *Tx) SecretsNotUnder(ctx context.Context, kek string, most int) ([]secret.Owned, error) {
	return list(ctx, t, func(row scanner) (o secret.Owned, err error) {
		return o, row(&o.Secret, &o.Version, &o.KEK, &o.Wrapped, &o.Value, &o.At, &o.Until, &o.Workspace, &o.Name)
	}, `SELECT `+sealedCols+`, s.workspace_id, s.name FROM secret_versions v JOIN secrets s ON s.id = v.secret_id
	     WHERE v.kek_id <> $1 ORDER BY v.secret_id, v.version LIMIT $2`+t.db.Locked("v"), kek, most)
}

// SaveWrapped writes by which key a version is wrapped now.
func (t *Tx) SaveWrapped(ctx context.Context, s secret.Sealed) error {
	if err := t.exec(ctx, `UPDATE secret_versions SET kek_id = $3, wrapped = $4 WHERE secret_id = $1 AND version = $2`, s.Secret, s.Version, s.KEK, s.Wrapped); err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE secrets SET kek_id = $3 WHERE id = $1 AND version = $2`, s.Secret, s.Version, s.KEK)
}

// SecretUses lists the names of what uses the secrets of a workspace, by the secrets' ids.
func (t *Tx) SecretUses(ctx context.Context, workspace string) (map[string][]string, error) {
	out := map[string][]string{}
	return out, t.each(ctx, func(row scanner) error {
		var id, name string
		err := row(&id, &name)
		out[id] = append(out[id], name)
		return err
	}, `SELECT secret_id, name FROM catalog_sources WHERE workspace_id = $1 AND secret_id <> '' ORDER BY name`, workspace)
}

// KeysInUse lists the ids of the keys that wrap something.
func (t *Tx) KeysInUse(ctx context.Context) ([]string, error) {
	return list(ctx, t, column[string], `SELECT DISTINCT kek_id FROM secret_versions ORDER BY kek_id`)
}

// NoteSecretUsed writes when a secret was used last.
func (t *Tx) NoteSecretUsed(ctx context.Context, id string, at int64) error {
	return t.exec(ctx, `UPDATE secrets SET used_at = $2 WHERE id = $1`, id, at)
}
