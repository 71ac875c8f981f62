package storage

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
)

const userCols = `u.id, u.name, u.password_hash, u.disabled, u.created_at, u.created_by, u.seen_at`

func scanUser(row scanner) (u access.User, err error) {
	return u, row(&u.ID, &u.Name, &u.PasswordHash, &u.Disabled, &u.CreatedAt, &u.CreatedBy, &u.SeenAt)
}

// AnyUser reports whether there is an account.
func (t *Tx) AnyUser(ctx context.Context) (bool, error) {
	return one(ctx, t, column[bool], `SELECT EXISTS (SELECT 1 FROM users)`)
}

// Users lists all accounts with their roles.
func (t *Tx) Users(ctx context.Context) ([]access.User, error) {
	us, err := list(ctx, t, scanUser, `SELECT `+userCols+` FROM users u ORDER BY u.name`)
	if err != nil {
		return nil, err
	}
	at := map[string]*access.User{}
	for i := range us {
		us[i].Roles, us[i].Extras = map[string]access.Role{}, map[string]access.Extra{}
		at[us[i].ID] = &us[i]
	}
	return us, t.each(ctx, func(row scanner) error {
		var user, workspace string
		var r access.Role
		var x access.Extra
		err := row(&user, &workspace, &r, &x.Operator, &x.BreakGlass)
		at[user].Roles[workspace], at[user].Extras[workspace] = r, x
		return err
	}, `SELECT user_id, workspace_id, role, operator, breakglass FROM memberships`)
}

// User finds an account with its roles.
func (t *Tx) User(ctx context.Context, id string) (access.User, error) {
	return t.withRoles(ctx)(one(ctx, t, scanUser, `SELECT `+userCols+` FROM users u WHERE u.id = $1`, id))
}

// UserByName finds an account with its roles.
func (t *Tx) UserByName(ctx context.Context, name string) (access.User, error) {
	return t.withRoles(ctx)(one(ctx, t, scanUser, `SELECT `+userCols+` FROM users u WHERE u.name = $1`, name))
}

func (t *Tx) withRoles(ctx context.Context) func(access.User, error) (access.User, error) {
	return func(u access.User, err error) (access.User, error) {
		if err != nil {
			return u, err
		}
		u.Roles, u.Extras = map[string]access.Role{}, map[string]access.Extra{}
		return u, t.each(ctx, func(row scanner) error {
			var workspace string
			var r access.Role
			var x access.Extra
			err := row(&workspace, &r, &x.Operator, &x.BreakGlass)
			u.Roles[workspace], u.Extras[workspace] = r, x
			return err
		}, `SELECT workspace_id, role, operator, breakglass FROM memberships WHERE user_id = $1`, u.ID)
	}
}

// NamesOf tells the names of actors by their ids; one that is no account is called by its id.
func (t *Tx) NamesOf(ctx context.Context, ids ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, id := range ids {
		out[id] = id
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return out, t.each(ctx, func(row scanner) error {
		var id, name string
		err := row(&id, &name)
		out[id] = name
		return err
	}, `SELECT id, name FROM users WHERE `+t.db.InTexts("id", "$1"), string(text))
}

// AddUser writes a new account, without roles.
func (t *Tx) AddUser(ctx context.Context, u access.User) error {
	return t.exec(ctx, `INSERT INTO users (id, name, password_hash, created_at, created_by) VALUES ($1, $2, $3, $4, $5)`,
		u.ID, u.Name, u.PasswordHash, u.CreatedAt, u.CreatedBy)
}

// SaveUser writes what may change of an account.
func (t *Tx) SaveUser(ctx context.Context, u access.User) error {
	return must(t.changed(ctx, `UPDATE users SET password_hash = $2, disabled = $3 WHERE id = $1`, u.ID, u.PasswordHash, u.Disabled))
}

// SetRole gives a user a role in a workspace.
func (t *Tx) SetRole(ctx context.Context, user, workspace string, r access.Role) error {
	return t.exec(ctx, `
		INSERT INTO memberships (user_id, workspace_id, role) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, workspace_id) DO UPDATE SET role = excluded.role`, user, workspace, r)
}

// SetExtra says what a user may in a workspace besides their role there.
func (t *Tx) SetExtra(ctx context.Context, user, workspace string, x access.Extra) error {
	return must(t.changed(ctx, `UPDATE memberships SET operator = $3, breakglass = $4 WHERE user_id = $1 AND workspace_id = $2`, user, workspace, x.Operator, x.BreakGlass))
}

// AddWorkspace makes a workspace. There are no pages for it yet; tests make their second one.
func (t *Tx) AddWorkspace(ctx context.Context, id string) error {
	return t.exec(ctx, `INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, $2)`, id, t.now.UnixMilli())
}

const tokenCols = `id, user_id, name, prefix, hash, scopes, created_at, expires_at, used_at, revoked_at`

func scanToken(row scanner) (k access.Token, err error) {
	var scopes string
	err = row(&k.ID, &k.UserID, &k.Name, &k.Prefix, &k.Hash, &scopes, &k.CreatedAt, &k.ExpiresAt, &k.UsedAt, &k.RevokedAt)
	for _, s := range strings.Fields(scopes) {
		k.Scopes = append(k.Scopes, access.Scope(s))
	}
	return k, err
}

// TokensOf lists the tokens of a user, newest first.
func (t *Tx) TokensOf(ctx context.Context, user string) ([]access.Token, error) {
	return list(ctx, t, scanToken, `SELECT `+tokenCols+` FROM api_tokens WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 500`, user)
}

// TokenByHash finds a token by the hash of its secret.
func (t *Tx) TokenByHash(ctx context.Context, hash string) (access.Token, error) {
	return one(ctx, t, scanToken, `SELECT `+tokenCols+` FROM api_tokens WHERE hash = $1`, hash)
}

// AddToken writes a new token.
func (t *Tx) AddToken(ctx context.Context, k access.Token) error {
	var scopes []string
	for _, s := range k.Scopes {
		scopes = append(scopes, string(s))
	}
	return t.exec(ctx, `
		INSERT INTO api_tokens (id, user_id, name, prefix, hash, scopes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.ID, k.UserID, k.Name, k.Prefix, k.Hash, strings.Join(scopes, " "), k.CreatedAt, k.ExpiresAt)
}

// RevokeToken ends a token of a user and reports whether there was one to end.
func (t *Tx) RevokeToken(ctx context.Context, user, id string, at int64) (bool, error) {
	n, err := t.changed(ctx, `UPDATE api_tokens SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at = 0`, user, id, at)
	return n > 0, err
}

// Session finds a browser session by the hash of its id.
func (t *Tx) Session(ctx context.Context, hash string) (access.Session, error) {
	return one(ctx, t, func(row scanner) (s access.Session, err error) {
		return s, row(&s.Hash, &s.UserID, &s.CreatedAt, &s.SeenAt, &s.ExpiresAt)
	}, `SELECT hash, user_id, created_at, seen_at, expires_at FROM web_sessions WHERE hash = $1`, hash)
}

// AddSession writes a new session and clears away those that have ended.
func (t *Tx) AddSession(ctx context.Context, s access.Session) error {
	if err := t.exec(ctx, `DELETE FROM web_sessions WHERE expires_at < $1`, t.now.UnixMilli()); err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO web_sessions (hash, user_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		s.Hash, s.UserID, s.CreatedAt, s.SeenAt, s.ExpiresAt)
}

// DeleteSession ends a session.
func (t *Tx) DeleteSession(ctx context.Context, hash string) error {
	return t.exec(ctx, `DELETE FROM web_sessions WHERE hash = $1`, hash)
}

// DeleteSessionsOf ends the sessions of a user but one.
func (t *Tx) DeleteSessionsOf(ctx context.Context, user, except string) error {
	return t.exec(ctx, `DELETE FROM web_sessions WHERE user_id = $1 AND hash <> $2`, user, except)
}

// SeenNow notes that a user was here, with a token or session where these are not "".
func (t *Tx) SeenNow(ctx context.Context, user, token, session string, at int64) error {
	if err := t.exec(ctx, `UPDATE users SET seen_at = $2 WHERE id = $1`, user, at); err != nil {
		return err
	}
	if err := t.exec(ctx, `UPDATE api_tokens SET used_at = $2 WHERE id = $1`, token, at); err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE web_sessions SET seen_at = $2 WHERE hash = $1`, session, at)
}

// SetupLink is the hash of the one-time link's secret.
func (t *Tx) SetupLink(ctx context.Context) (string, error) {
	return one(ctx, t, column[string], `SELECT hash FROM setup_links WHERE id = 1`)
}

// SetSetupLink replaces the one-time link.
func (t *Tx) SetSetupLink(ctx context.Context, hash string, at int64) error {
	return t.exec(ctx, `
		INSERT INTO setup_links (id, hash, created_at) VALUES (1, $1, $2)
		ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at`, hash, at)
}

// DeleteSetupLink ends the one-time link.
func (t *Tx) DeleteSetupLink(ctx context.Context) error {
	return t.exec(ctx, `DELETE FROM setup_links`)
}

// compile-time proof that a transaction answers what the domain asks
var _ access.Tx = (*Tx)(nil)
