package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/slipway-ml/slipway/domain"
)

// Classify turns driver errors into domain errors; no other package looks at driver codes. An error
// that is already the domain's, or the caller's own leaving, stays as it is.
func Classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e := (*domain.Error)(nil); errors.As(err, &e) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return &domain.Error{Kind: domain.NotFound, Key: "not_found", Msg: "not found", Err: err}
	}
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return classifySQLite(e, err)
	}
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return classifyPostgres(e, err)
	}
	if e := (*pgconn.ConnectError)(nil); errors.As(err, &e) {
		return unavailable(err)
	}
	return err
}

func classifySQLite(e *sqlite.Error, err error) error {
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return exists(err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return orphan(err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN:
		return unavailable(err)
	case sqlite3.SQLITE_INTERRUPT:
		return errors.Join(context.Canceled, err)
	}
	return err
}

// The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
func classifyPostgres(e *pgconn.PgError, err error) error {
	switch e.Code {
	case "23505":
		return exists(err)
	case "23503":
		return orphan(err)
	case "22021": // PostgreSQL keeps no NUL and no broken UTF-8 in a text
		return &domain.Error{Kind: domain.Invalid, Key: "text", Msg: "a name or value holds a NUL character or is not valid UTF-8", Err: err}
	}
	switch e.Code[:2] {
	case "08", "53", "57", "40": // connection, resources, shutdown, rollback
		return unavailable(err)
	}
	return err
}

func exists(err error) error {
	return &domain.Error{Kind: domain.Exists, Key: "exists", Msg: "already exists", Err: err}
}

func orphan(err error) error {
	return &domain.Error{Kind: domain.NotFound, Key: "parent_missing", Msg: "refers to something that does not exist", Err: err}
}

func unavailable(err error) error {
	return &domain.Error{
		Kind: domain.Unavailable, Key: "database", RetryAfter: retryAfter, Err: err,
		Msg: "the database cannot take this now: try again in a second",
	}
}

// retryable reports whether PostgreSQL gave up a transaction that may succeed when run again.
func retryable(err error) bool {
	e := (*pgconn.PgError)(nil)
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}
