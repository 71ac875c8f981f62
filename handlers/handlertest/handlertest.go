// Package handlertest serves the whole product on a real database for tests.
package handlertest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/handlers"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// Server is a running product.
type Server struct {
	T   testing.TB
	URL string
	DB  *storage.DB
	Log *Log
	App *route.App // settings to change before the first request
}

// Log holds what the server logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Serve starts a server that believes to be on loopback, or not.
func Serve(t testing.TB, loopback bool) *Server {
	t.Helper()
	return ServeOn(t, storagetest.Open(t), loopback)
}

// ServeOn is Serve on a database of one's choice.
func ServeOn(t testing.TB, db *storage.DB, loopback bool) *Server {
	t.Helper()
	blobs, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := &Log{}
	key := []byte(strings.Repeat("k", 32))
	door := identity.New(db, key, loopback, false, "")
	ring, err := secret.ParseKeyring([]byte(secret.NewKey()))
	if err != nil {
		t.Fatal(err)
	}
	app := &route.App{
		DB: db, Blobs: blobs, Secrets: &secret.Box{Keys: func() (secret.Keyring, error) { return ring, nil }}, Sign: route.NewSigner(key), Version: "test", StaleAfter: 6 * time.Hour,
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	srv := httptest.NewServer(handlers.New(app, door))
	t.Cleanup(func() {
		srv.Close()
		blobs.Close()
	})
	return &Server{t, srv.URL, db, log, app}
}

// Password is that of every User.
const Password = "four unrelated words"

var hash = sync.OnceValue(func() string { return access.HashPassword(Password) })

// User makes an account with a role in the default workspace.
func (s *Server) User(name string, role access.Role) access.User {
	s.T.Helper()
	var u access.User
	storagetest.Write(s.T, s.DB, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		u, err = access.CreateUser(ctx, tx, g, storage.NewID(tx.Now()), name, hash(), role, tx.Now())
		return err
	})
	return u
}

// Token makes an API token; expires is in milliseconds since 1970, 0 for never.
func (s *Server) Token(u access.User, expires int64, scopes ...access.Scope) string {
	s.T.Helper()
	secret := access.NewSecret(access.TokenPrefix)
	storagetest.Write(s.T, s.DB, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		return tx.AddToken(ctx, access.Token{ID: storage.NewID(tx.Now()), UserID: u.ID, Name: "t", Prefix: secret[:10], Hash: access.Hash(secret), Scopes: scopes, ExpiresAt: expires})
	})
	return secret
}

// Answer is a response that has been read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request; header is pairs of names and values. Redirects are not followed.
func (s *Server) Do(method, path, body string, header ...string) Answer {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return Answer{res.StatusCode, res.Header, string(b)}
}

// Form posts a form as a browser on the server's own page does.
func (s *Server) Form(path, values string, header ...string) Answer {
	s.T.Helper()
	return s.Do(http.MethodPost, path, values, append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, header...)...)
}

// Cookie is the first part of a Set-Cookie header named name, "" without one.
func (a Answer) Cookie(name string) string {
	for _, c := range a.Header.Values("Set-Cookie") {
		if strings.HasPrefix(c, name+"=") {
			return strings.SplitN(c, ";", 2)[0]
		}
	}
	return ""
}
