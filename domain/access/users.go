package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/event"
)

// User is an account.
type User struct {
	ID           string
	Name         string // unique, lower case
	PasswordHash string
	Disabled     bool
	CreatedAt    int64 // ms since 1970
	CreatedBy    string
	SeenAt       int64           // last request, to the minute; 0 = never
	Roles        map[string]Role // by workspace
	Extras       map[string]Extra
}

// Actor is u as one who asks.
func (u User) Actor() Actor { return Actor{ID: u.ID, Name: u.Name, Roles: u.Roles, Extras: u.Extras} }

// text is the name of u for an event.
func (u User) text() event.Text { return event.Text{Value: u.Name, Of: u.ID} }

// Token is an API token. Its secret is shown once; the hash is stored.
type Token struct {
	ID, UserID, Name string
	Prefix           string // the secret's first characters, to find it again
	Hash             string
	Scopes           []Scope
	CreatedAt        int64
	ExpiresAt        int64 // 0 = never
	UsedAt           int64 // to the minute; 0 = never
	RevokedAt        int64
}

// Live reports whether the token is good at the instant now.
func (t Token) Live(now time.Time) bool {
	return t.RevokedAt == 0 && (t.ExpiresAt == 0 || now.UnixMilli() < t.ExpiresAt)
}

// Session is a browser that has signed in. The cookie holds the id, the row its hash.
type Session struct {
	Hash, UserID                 string
	CreatedAt, SeenAt, ExpiresAt int64
}

// A session ends after IdleTimeout without a request and after SessionTimeout in any case.
const (
	IdleTimeout    = 24 * time.Hour
	SessionTimeout = 14 * 24 * time.Hour
	// Touch is how exact the instants of last use are: a request writes them at most so often.
	Touch = time.Minute
)

// Live reports whether the session is good at the instant now.
func (s Session) Live(now time.Time) bool {
	ms := now.UnixMilli()
	return ms < s.ExpiresAt && ms < s.SeenAt+IdleTimeout.Milliseconds()
}

// Tx is what access asks of a transaction; *storage.Tx answers.
type Tx interface {
	Emit(ctx context.Context, e event.Event) error
	AnyUser(ctx context.Context) (bool, error)
	Users(ctx context.Context) ([]User, error)
	User(ctx context.Context, id string) (User, error)
	UserByName(ctx context.Context, name string) (User, error)
	AddUser(ctx context.Context, u User) error
	SaveUser(ctx context.Context, u User) error // name, hash, disabled
	SetRole(ctx context.Context, user, workspace string, r Role) error
	SetExtra(ctx context.Context, user, workspace string, x Extra) error
	// EraseUser gives an account a name that says nothing, and deletes its password, tokens, sessions and memberships,
	// and what the audit log keeps of its texts beside the chains.
	EraseUser(ctx context.Context, id, name string) error
	TokensOf(ctx context.Context, user string) ([]Token, error)
	TokenByHash(ctx context.Context, hash string) (Token, error)
	AddToken(ctx context.Context, t Token) error
	RevokeToken(ctx context.Context, user, id string, at int64) (bool, error)
	Session(ctx context.Context, hash string) (Session, error)
	AddSession(ctx context.Context, s Session) error
	DeleteSession(ctx context.Context, hash string) error
	DeleteSessionsOf(ctx context.Context, user, except string) error
	SeenNow(ctx context.Context, user, token, session string, at int64) error
	SetupLink(ctx context.Context) (hash string, err error)
	SetSetupLink(ctx context.Context, hash string, at int64) error
	DeleteSetupLink(ctx context.Context) error
}

// NewSecret makes a secret with 256 random bits behind prefix, in letters and digits.
func NewSecret(prefix string) string { return prefix + rand.Text() + rand.Text() }

// Hash is the stored form of a secret of NewSecret: so much chance needs no slow hash.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,62}$`)

// CleanUserName is name in its stored form.
func CleanUserName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !userName.MatchString(name) || name == "local" || strings.HasPrefix(name, "system") {
		return "", domain.Fail(domain.Invalid, "user.name", "the user name %q cannot be used: 1 to 63 letters, digits, dots, dashes, underscores or @, not 'local' and not beginning with 'system'", name)
	}
	return name, nil
}

// SetUp makes the first administrator. It is refused once there is any account and, where a link was
// made for it, without that link's secret. The secret works once.
func SetUp(ctx context.Context, tx Tx, g Grant, id, name, passwordHash, secret string, needsLink bool, now time.Time) (User, error) {
	if err := g.Need(SessionOpen, g.Workspace()); err != nil {
		return User{}, err
	}
	if some, err := tx.AnyUser(ctx); some || err != nil {
		if err == nil {
			err = domain.Fail(domain.Conflict, "setup.done", "set-up is done: an account exists already, sign in with it")
		}
		return User{}, err
	}
	if needsLink {
		if hash, err := tx.SetupLink(ctx); err != nil || hash != Hash(secret) {
			return User{}, domain.Fail(domain.Forbidden, "setup.link", "this set-up link is not the server's: use the one it printed last")
		}
	}
	u, err := addUser(ctx, tx, User{ID: id, Name: name, PasswordHash: passwordHash, CreatedAt: now.UnixMilli(), CreatedBy: id}, DefaultWorkspace, Admin)
	if err != nil {
		return u, err
	}
	return u, tx.DeleteSetupLink(ctx)
}

// CreateUser makes an account with a role in the selected workspace.
func CreateUser(ctx context.Context, tx Tx, g Grant, id, name, passwordHash string, r Role, now time.Time) (User, error) {
	if err := g.Need(UserWrite, g.Workspace()); err != nil {
		return User{}, err
	}
	return addUser(ctx, tx, User{ID: id, Name: name, PasswordHash: passwordHash, CreatedAt: now.UnixMilli(), CreatedBy: g.Actor().ID}, g.Workspace(), r)
}

func addUser(ctx context.Context, tx Tx, u User, workspace string, r Role) (User, error) {
	if _, err := ParseRole(string(r)); err != nil {
		return u, err
	}
	err := tx.AddUser(ctx, u)
	if domain.KindOf(err) == domain.Exists {
		err = domain.Fail(domain.Exists, "user.exists", "a user named %q exists already", u.Name)
	}
	if err != nil {
		return u, err
	}
	if err := tx.SetRole(ctx, u.ID, workspace, r); err != nil {
		return u, err
	}
	u.Roles = map[string]Role{workspace: r}
	return u, tx.Emit(ctx, event.Event{Kind: "user.created", Subject: u.ID, Data: map[string]any{"name": u.text(), "role": string(r)}})
}

// Users lists all accounts with their roles.
func Users(ctx context.Context, tx Tx, g Grant) ([]User, error) {
	if err := g.Need(UserRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.Users(ctx)
}

// SetRole changes a user's role in the selected workspace. The last administrator stays one.
func SetRole(ctx context.Context, tx Tx, g Grant, user string, r Role) error {
	if err := g.Need(UserWrite, g.Workspace()); err != nil {
		return err
	}
	u, err := tx.User(ctx, user)
	if err != nil {
		return err
	}
	if r != Admin {
		if err := notLastAdmin(ctx, tx, g.Workspace(), user); err != nil {
			return err
		}
	}
	if err := tx.SetRole(ctx, user, g.Workspace(), r); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{
		Kind: "user.role_changed", Subject: user,
		Data: map[string]string{"from": string(u.Roles[g.Workspace()]), "to": string(r)},
	})
}

// SetExtra says what a user may in the selected workspace besides their role. Everybody who could be asked about it is
// told, for it lets one person act where others were to agree.
func SetExtra(ctx context.Context, tx Tx, g Grant, user string, x Extra) error {
	if err := g.Need(UserWrite, g.Workspace()); err != nil {
		return err
	}
	u, err := tx.User(ctx, user)
	if err != nil {
		return err
	}
	if u.Roles[g.Workspace()] == "" {
		return domain.Fail(domain.Conflict, "user.no_role", "%s has no role in this workspace: give one first", u.Name)
	}
	if err := tx.SetExtra(ctx, user, g.Workspace(), x); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "user.extra_changed", Subject: user, Data: map[string]any{"name": u.text(), "operator": x.Operator, "break_glass": x.BreakGlass}})
}

func notLastAdmin(ctx context.Context, tx Tx, workspace, user string) error {
	us, err := tx.Users(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(us, func(u User) bool { return u.ID != user && !u.Disabled && u.Roles[workspace] == Admin }) {
		return nil
	}
	if !slices.ContainsFunc(us, func(u User) bool { return u.ID == user && u.Roles[workspace] == Admin }) {
		return nil
	}
	return domain.Fail(domain.Conflict, "user.last_admin", "this is the last administrator: make another one first")
}

// SetDisabled shuts an account out, with its sessions, or lets it in again.
func SetDisabled(ctx context.Context, tx Tx, g Grant, user string, disabled bool) error {
	if err := g.Need(UserWrite, g.Workspace()); err != nil {
		return err
	}
	u, err := tx.User(ctx, user)
	if err != nil {
		return err
	}
	kind := "user.enabled"
	if disabled {
		kind = "user.disabled"
		if err := notLastAdmin(ctx, tx, g.Workspace(), user); err != nil {
			return err
		}
		if err := tx.DeleteSessionsOf(ctx, user, ""); err != nil {
			return err
		}
	}
	u.Disabled = disabled
	if err := tx.SaveUser(ctx, u); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: kind, Subject: user})
}

// EraseUser takes out whatever is known of a person: the account stays as a number that nobody can sign in with, so that what
// it did still is somebody's. The name is free again. It cannot be undone.
func EraseUser(ctx context.Context, tx Tx, g Grant, user string) error {
	if err := g.Need(UserWrite, g.Workspace()); err != nil {
		return err
	}
	if err := notLastAdmin(ctx, tx, g.Workspace(), user); err != nil {
		return err
	}
	if err := tx.EraseUser(ctx, user, "erased-"+user); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "user.erased", Subject: user})
}

// SetPassword gives an account a new password and ends its sessions, but the one that asks.
func SetPassword(ctx context.Context, tx Tx, g Grant, user, passwordHash string) error {
	perm := UserWrite
	if user == g.Actor().ID && g.Perm() == AccountWrite { // one's own, from the account page
		perm = AccountWrite
	}
	if err := g.Need(perm, g.Workspace()); err != nil {
		return err
	}
	u, err := tx.User(ctx, user)
	if err != nil {
		return err
	}
	u.PasswordHash = passwordHash
	if err := tx.SaveUser(ctx, u); err != nil {
		return err
	}
	if err := tx.DeleteSessionsOf(ctx, user, g.Actor().Session); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "user.password_changed", Subject: user})
}

// Account is one's own account with its tokens.
func Account(ctx context.Context, tx Tx, g Grant) (User, []Token, error) {
	if err := g.Need(AccountRead, g.Workspace()); err != nil {
		return User{}, nil, err
	}
	u, err := tx.User(ctx, g.Actor().ID)
	if err != nil {
		return u, nil, err
	}
	ts, err := tx.TokensOf(ctx, u.ID)
	return u, ts, err
}

// TokenPrefix begins every API token, so that a leaked one can be found by a search.
const TokenPrefix = "slw_"

const shownPrefix = len(TokenPrefix) + 6

// CreateToken stores a token of owner for the given secret (NewSecret). Needs the permission p: one's own
// account's, or administration.
func CreateToken(ctx context.Context, tx Tx, g Grant, p Perm, t Token, secret string, now time.Time) (Token, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return t, err
	}
	t.Name = strings.TrimSpace(t.Name)
	if t.Name == "" || utf8.RuneCountInString(t.Name) > 100 {
		return t, domain.Fail(domain.Invalid, "token.name", "give the token a name of at most 100 characters")
	}
	if len(t.Scopes) == 0 {
		return t, domain.Fail(domain.Invalid, "token.no_scope", "give the token at least one scope")
	}
	if t.ExpiresAt != 0 && t.ExpiresAt <= now.UnixMilli() {
		return t, domain.Fail(domain.Invalid, "token.expired", "the token would have expired already")
	}
	t.Prefix, t.Hash, t.CreatedAt = secret[:shownPrefix], Hash(secret), now.UnixMilli()
	if err := tx.AddToken(ctx, t); err != nil {
		return t, err
	}
	return t, tx.Emit(ctx, event.Event{Kind: "token.created", Subject: t.ID, Data: map[string]any{"name": event.Text{Value: t.Name, Of: t.UserID}, "user": t.UserID, "scopes": t.Scopes}})
}

// RevokeToken ends one of one's own tokens.
func RevokeToken(ctx context.Context, tx Tx, g Grant, id string, now time.Time) error {
	if err := g.Need(AccountWrite, g.Workspace()); err != nil {
		return err
	}
	was, err := tx.RevokeToken(ctx, g.Actor().ID, id, now.UnixMilli())
	if err == nil && !was {
		err = domain.Fail(domain.NotFound, "token.not_found", "there is no such token of yours")
	}
	if err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "token.revoked", Subject: id})
}

// OpenSession signs u's browser in. A session it had before ends: the id is new at each sign-in.
func OpenSession(ctx context.Context, tx Tx, g Grant, u User, id, before string, now time.Time) error {
	if err := g.Need(SessionOpen, g.Workspace()); err != nil {
		return err
	}
	if before != "" {
		if err := tx.DeleteSession(ctx, Hash(before)); err != nil {
			return err
		}
	}
	if err := tx.AddSession(ctx, Session{
		Hash: Hash(id), UserID: u.ID, CreatedAt: now.UnixMilli(), SeenAt: now.UnixMilli(), ExpiresAt: now.Add(SessionTimeout).UnixMilli(),
	}); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "session.opened", Subject: u.ID})
}

// CloseSession signs a browser out.
func CloseSession(ctx context.Context, tx Tx, g Grant, id string) error {
	if err := g.Need(SessionClose, g.Workspace()); err != nil {
		return err
	}
	if id == "" {
		return nil
	}
	if err := tx.DeleteSession(ctx, Hash(id)); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "session.closed", Subject: g.Actor().ID})
}

// Credentials are what a request brought.
type Credentials struct{ Token, Session string }

// Identified is whom credentials belong to, and whether that is worth noting (see Touch).
type Identified struct {
	Actor Actor
	Stale bool // the instant of last use is older than Touch
}

func unknown() error {
	return domain.Fail(domain.Unauthenticated, "access.credentials", "these credentials are not known here, or expired or revoked: sign in again or make a new token")
}

// Identify finds whom a token or session belongs to.
func Identify(ctx context.Context, tx Tx, g Grant, c Credentials, now time.Time) (Identified, error) {
	if err := g.Need(Maintain, g.Workspace()); err != nil {
		return Identified{}, err
	}
	var user string
	var who Identified
	var used int64
	if c.Token != "" {
		t, err := tx.TokenByHash(ctx, Hash(c.Token))
		if err != nil || !t.Live(now) {
			return who, orUnknown(err)
		}
		user, used, who.Actor.Token, who.Actor.Scopes = t.UserID, t.UsedAt, t.ID, t.Scopes
	} else {
		s, err := tx.Session(ctx, Hash(c.Session))
		if err != nil || !s.Live(now) {
			return who, orUnknown(err)
		}
		user, used, who.Actor.Session = s.UserID, s.SeenAt, s.Hash
	}
	u, err := tx.User(ctx, user)
	if err != nil || u.Disabled {
		return Identified{}, orUnknown(err)
	}
	who.Actor.ID, who.Actor.Name, who.Actor.Roles, who.Actor.Extras = u.ID, u.Name, u.Roles, u.Extras
	who.Stale = now.UnixMilli()-used > Touch.Milliseconds()
	return who, nil
}

func orUnknown(err error) error {
	if err == nil || domain.KindOf(err) == domain.NotFound {
		return unknown()
	}
	return err
}

// Seen notes that a was here.
func Seen(ctx context.Context, tx Tx, g Grant, a Actor, now time.Time) error {
	if err := g.Need(Maintain, g.Workspace()); err != nil {
		return err
	}
	return tx.SeenNow(ctx, a.ID, a.Token, a.Session, now.UnixMilli())
}

// FindUser looks an account up by name for the server itself; an unknown one is the zero User.
func FindUser(ctx context.Context, tx Tx, g Grant, name string) (User, error) {
	if err := g.Need(Maintain, g.Workspace()); err != nil {
		return User{}, err
	}
	u, err := tx.UserByName(ctx, strings.ToLower(strings.TrimSpace(name)))
	if domain.KindOf(err) == domain.NotFound {
		return User{}, nil
	}
	return u, err
}

// AnyUser reports whether there is an account at all, for the server itself.
func AnyUser(ctx context.Context, tx Tx, g Grant) (bool, error) {
	if err := g.Need(Maintain, g.Workspace()); err != nil {
		return false, err
	}
	return tx.AnyUser(ctx)
}

// NewSetupLink replaces the one-time link for the first administrator.
func NewSetupLink(ctx context.Context, tx Tx, g Grant, secret string, now time.Time) error {
	if err := g.Need(Maintain, g.Workspace()); err != nil {
		return err
	}
	return tx.SetSetupLink(ctx, Hash(secret), now.UnixMilli())
}
