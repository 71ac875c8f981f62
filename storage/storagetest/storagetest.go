// Package storagetest opens real databases for tests.
package storagetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/storage"
)

// PostgresEnv names a server for tests, as a postgres:// URL; without it only SQLite is tested. CI sets it.
const PostgresEnv = "SLIPWAY_TEST_POSTGRES"

// Open gives a fresh SQLite database.
func Open(t testing.TB) *storage.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "slipway.db"))
}

// OpenPostgres gives a fresh schema on the test server.
func OpenPostgres(t testing.TB) *storage.DB {
	t.Helper()
	return open(t, Postgres(t))
}

// Each runs fn on SQLite and, where PostgresEnv names a server, on a fresh schema there.
func Each(t *testing.T, fn func(t *testing.T, db *storage.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, Open(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, OpenPostgres(t)) })
}

// Postgres is the URL of a fresh schema on the test server; without one the test is left out, which CI forbids.
func Postgres(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv(PostgresEnv)
	if dsn == "" {
		if os.Getenv("CI") != "" {
			t.Fatal(PostgresEnv + " is not set, and in CI both engines are tested")
		}
		t.Skip(PostgresEnv + " is not set: PostgreSQL is not tested")
	}
	name := "t_" + strings.ToLower(rand.Text()[:12])
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := db.Exec("DROP SCHEMA " + name + " CASCADE")
		if err != nil {
			t.Error(err)
		}
		db.Close()
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t testing.TB, dsn string) *storage.DB {
	t.Helper()
	db, err := storage.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, _, err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

// Grant lets a person of the given role do p in the default workspace.
func Grant(t testing.TB, who string, role access.Role, p access.Perm) access.Grant {
	t.Helper()
	return GrantIn(t, who, role, p, access.DefaultWorkspace)
}

// GrantIn is Grant in another workspace.
func GrantIn(t testing.TB, who string, role access.Role, p access.Perm, workspace string) access.Grant {
	t.Helper()
	g, err := access.Authorize(access.Actor{ID: who, Name: who, Roles: map[string]access.Role{workspace: role}}, p, workspace, access.Origin{RequestID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Write runs fn under p as an administrator called "ada" and fails the test if it fails.
func Write(t testing.TB, db *storage.DB, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) {
	t.Helper()
	if err := TryWrite(t, db, p, fn); err != nil {
		t.Fatal(err)
	}
}

// TryWrite is Write for what may be refused.
func TryWrite(t testing.TB, db *storage.DB, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) error {
	t.Helper()
	g := Grant(t, "ada", access.Admin, p)
	return db.Write(t.Context(), g, func(tx *storage.Tx) error { return fn(t.Context(), tx, g) })
}

// Read runs fn under p as an administrator called "ada" and fails the test if it fails.
func Read(t testing.TB, db *storage.DB, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) {
	t.Helper()
	g := Grant(t, "ada", access.Admin, p)
	if err := db.Read(t.Context(), g, func(tx *storage.Tx) error { return fn(t.Context(), tx, g) }); err != nil {
		t.Fatal(err)
	}
}
