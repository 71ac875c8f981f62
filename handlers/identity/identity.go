// Package identity tells who sends a request: by an API token, a name and password, a browser session or,
// on a server of one's own that has no account yet, by being on the same machine.
package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/sessions"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/storage"
)

// Door knows how a request shows whom it is from.
type Door struct {
	db       *storage.DB
	cookies  *sessions.CookieStore
	key      []byte
	loopback bool // the server listens on this machine alone

	accounts atomic.Bool // there is one: it never becomes untrue
	verified verified
	attempts attempts
}

const (
	cookieName = "slipway_session"
	sessionKey = "id"
)

// New makes the door. key signs cookies and is shared by all processes of one installation; secure says that
// browsers reach the server by https; path is the prefix it is served under.
func New(db *storage.DB, key []byte, loopback, secure bool, path string) *Door {
	c := sessions.NewCookieStore(key)
	c.Options = &sessions.Options{
		Path: path + "/", MaxAge: int(access.SessionTimeout.Seconds()), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
	c.MaxAge(c.Options.MaxAge)
	return &Door{db: db, cookies: c, key: key, loopback: loopback, verified: verified{m: map[[32]byte]entry{}}, attempts: attempts{m: map[string]*attempt{}}}
}

// grant is the server's own permission to look somebody up.
func grant() (access.Grant, error) {
	return access.Authorize(access.System("identity"), access.Maintain, access.DefaultWorkspace, access.Origin{})
}

// HasAccounts reports whether anybody has an account, also one made by another process just now.
func (d *Door) HasAccounts(ctx context.Context) (bool, error) {
	if d.accounts.Load() {
		return true, nil
	}
	g, err := grant()
	if err != nil {
		return false, err
	}
	var some bool
	err = d.db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		some, err = access.AnyUser(ctx, tx, g)
		return err
	})
	if some {
		d.accounts.Store(true)
	}
	return some, err
}

// Local reports whether the server is in local mode: on loopback and without accounts.
func (d *Door) Local(ctx context.Context) (bool, error) {
	if !d.loopback {
		return false, nil
	}
	some, err := d.HasAccounts(ctx)
	return !some && err == nil, err
}

// Who implements route.Identify. Nobody is not an error; credentials that are not good are.
func (d *Door) Who(r *http.Request) (access.Actor, error) {
	ctx := r.Context()
	local, err := d.Local(ctx)
	if err != nil {
		return access.Actor{}, err
	}
	if local {
		return access.LocalUser(), fromHere(r)
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return d.identify(ctx, access.Credentials{Token: strings.TrimSpace(token)})
	}
	if name, password, ok := r.BasicAuth(); ok {
		if strings.HasPrefix(password, access.TokenPrefix) {
			return d.identify(ctx, access.Credentials{Token: password})
		}
		u, err := d.password(ctx, name, password, Address(r))
		return u.Actor(), err
	}
	if id := d.SessionID(r); id != "" {
		a, err := d.identify(ctx, access.Credentials{Session: id})
		if domain.KindOf(err) == domain.Unauthenticated {
			return access.Actor{}, nil // an old cookie: show the sign-in page, not an error
		}
		return a, err
	}
	return access.Actor{}, nil
}

// fromHere refuses what local mode must not answer: a page of another site that found its way here by a
// name of its own (DNS rebinding), and whatever passed a proxy, behind which everybody looks local.
func fromHere(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if !IsLoopback(strings.Trim(host, "[]")) {
		return domain.Fail(domain.Forbidden, "local.host", "without an account this server answers only to localhost, not to %q: create the first account to open it", r.Host)
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return domain.Fail(domain.Forbidden, "local.proxy", "without an account this server does not answer through a proxy (header %s): create the first account to open it", name)
		}
	}
	return nil
}

// IsLoopback reports whether host is this machine and no other.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Address is where a request comes from, as the connection has it; headers can be made up.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (d *Door) identify(ctx context.Context, c access.Credentials) (access.Actor, error) {
	g, err := grant()
	if err != nil {
		return access.Actor{}, err
	}
	var who access.Identified
	now := time.Now()
	if err := d.db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		who, err = access.Identify(ctx, tx, g, c, now)
		return err
	}); err != nil {
		return access.Actor{}, err
	}
	if who.Stale {
		if err := d.db.Write(ctx, g, func(tx *storage.Tx) error { return access.Seen(ctx, tx, g, who.Actor, now) }); err != nil {
			return access.Actor{}, err
		}
	}
	return who.Actor, nil
}

// SessionID is the opaque id in the request's cookie, "" without one of ours.
func (d *Door) SessionID(r *http.Request) string {
	s, err := d.cookies.Get(r, cookieName)
	if err != nil {
		return ""
	}
	id, _ := s.Values[sessionKey].(string)
	return id
}

// SetSession hands the browser the id of its session; "" takes it away.
func (d *Door) SetSession(w http.ResponseWriter, r *http.Request, id string) error {
	s, err := d.cookies.New(r, cookieName)
	if err != nil && s == nil {
		return err
	}
	if s.Values[sessionKey] = id; id == "" {
		s.Options.MaxAge = -1
	}
	return s.Save(r, w)
}

// Password checks a name and password for the sign-in page; a refusal says how many tries are left.
func (d *Door) Password(ctx context.Context, name, password, address string) (access.User, error) {
	return d.password(ctx, name, password, address)
}

func (d *Door) password(ctx context.Context, name, password, address string) (access.User, error) {
	g, err := grant()
	if err != nil {
		return access.User{}, err
	}
	var u access.User
	if err := d.db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		u, err = access.FindUser(ctx, tx, g, name)
		return err
	}); err != nil {
		return access.User{}, err
	}
	now := time.Now()
	mark := d.mark(u.PasswordHash, name, password) // a new password hash makes another mark
	if u.ID != "" && !u.Disabled && d.verified.has(mark, now) {
		return u, nil
	}
	who := strings.ToLower(strings.TrimSpace(name)) + "\x00" + address
	if err := d.attempts.begin(who, now); err != nil {
		return access.User{}, err
	}
	if !access.VerifyPassword(u.PasswordHash, password) || u.ID == "" || u.Disabled {
		return access.User{}, d.attempts.failed(who, now)
	}
	d.attempts.succeeded(who)
	d.verified.add(mark, now)
	return u, nil
}

func (d *Door) mark(parts ...string) (out [32]byte) {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte(strings.Join(parts, "\x00")))
	copy(out[:], h.Sum(nil))
	return out
}

// verified remembers passwords that were right a moment ago, by a keyed hash, so that a client which sends
// them with every request need not wait for argon2 each time.
type verified struct {
	mu sync.Mutex
	m  map[[32]byte]entry
}

type entry struct{ until time.Time }

const (
	verifiedFor = 60 * time.Second
	mostEntries = 10000
)

func (v *verified) has(mark [32]byte, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return now.Before(v.m[mark].until)
}

func (v *verified) add(mark [32]byte, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.m) >= mostEntries {
		clear(v.m)
	}
	v.m[mark] = entry{now.Add(verifiedFor)}
}
