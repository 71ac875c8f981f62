// Package storage answers the questions that domain packages ask, in SQL that both engines speak.
package storage

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/migrations"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

// DB is the product's memory. Read and Write are its only doors.
type DB struct {
	sql *sqldb.DB
	now func() time.Time

	committed func([]event.Event)
	full      chan int64 // series whose tail wants compacting
	ordered   chan struct{}
	seen      *seen
	indexes   *indexes
}

// Open opens the database that dsn names: a postgres:// URL or the path of a SQLite file. It does not
// touch the schema; Migrate does.
func Open(ctx context.Context, dsn string) (*DB, error) {
	s, err := sqldb.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &DB{sql: s, now: time.Now, committed: func([]event.Event) {}, full: make(chan int64, 1024), ordered: make(chan struct{}, 1), seen: newSeen(), indexes: &indexes{of: map[string]indexed{}}}, nil
}

// Migrate brings the schema up to this program and reports the versions before and after.
func (db *DB) Migrate(ctx context.Context) (from, to int64, err error) {
	if from, to, err = db.sql.Migrate(ctx, migrations.FS); err != nil {
		return from, to, err
	}
	return from, to, db.carry(ctx)
}

// UpToDate reports whether the schema is the one this program needs.
func (db *DB) UpToDate(ctx context.Context) error { return db.sql.UpToDate(ctx, migrations.FS) }

// OnCommit makes fn hear of the events of each write after its commit. The outbox is the durable copy.
// It is to be called once, before the first write.
func (db *DB) OnCommit(fn func([]event.Event)) { db.committed = fn }

// SetClock makes now the clock of every transaction, for tests of what time does. It is to be called once, before the
// first write.
func (db *DB) SetClock(now func() time.Time) { db.now = now }

// FullSeries names series that have grown a long tail; CompactSeries shortens it.
func (db *DB) FullSeries() <-chan int64 { return db.full }

// JobsOrdered tells, soon after it happened, that this process ordered jobs.
func (db *DB) JobsOrdered() <-chan struct{} { return db.ordered }

// Close waits for queued writes and closes the database.
func (db *DB) Close() error { return db.sql.Close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.sql.Ping(ctx) }

// Stats reports counters and gauges of the database.
func (db *DB) Stats() sqldb.Stats { return db.sql.Stats() }

// Engine names the database system in use.
func (db *DB) Engine() sqldb.Engine { return db.sql.Engine }

// Tx is one unit of work. Queries are its methods, one file for each domain package.
type Tx struct {
	q      sqldb.Queryer
	db     *sqldb.DB
	now    time.Time
	writes bool
	events []event.Event
	full   []int64
	orders bool // jobs were ordered

	seen    *seen
	written written
	indexes *indexes
}

// Read runs fn against one consistent snapshot. It needs a grant that somebody asks.
func (db *DB) Read(ctx context.Context, g access.Grant, fn func(*Tx) error) error {
	if !g.Valid() {
		return errors.New("storage: read without a grant")
	}
	return db.sql.Read(ctx, func(q sqldb.Queryer) error {
		if err := fn(&Tx{q: q, db: db.sql, now: db.now(), indexes: db.indexes}); err != nil {
			return err
		}
		return asked(g)
	})
}

// Write runs fn in one transaction and returns once its commit is durable. No grant, no write; an audited
// grant leaves its line; events commit with the facts and are told afterwards. fn may run more than
// once (after a deadlock), so what it hands out must be what it found last.
func (db *DB) Write(ctx context.Context, g access.Grant, fn func(*Tx) error) error {
	if !g.Valid() {
		return errors.New("storage: write without a grant")
	}
	var t *Tx
	if err := db.sql.Write(ctx, func(q sqldb.Queryer) error {
		t = &Tx{q: q, db: db.sql, now: db.now(), writes: true, seen: db.seen, indexes: db.indexes}
		if err := fn(t); err != nil {
			return err
		}
		if err := asked(g); err != nil {
			return err
		}
		if err := promotion.React(ctx, t, g, t.events, t.now); err != nil {
			return err
		}
		return t.record(ctx, g)
	}); err != nil {
		return err
	}
	db.seen.remember(t.written)
	if len(t.events) > 0 {
		db.committed(t.events)
	}
	for _, s := range t.full {
		select {
		case db.full <- s:
		default: // it will be full again at the next write to it
		}
	}
	if t.orders {
		select {
		case db.ordered <- struct{}{}:
		default: // nobody has listened since the last
		}
	}
	return nil
}

// asked refuses work whose permission nobody checked against the thing touched.
func asked(g access.Grant) error {
	if !g.Asked() {
		return fmt.Errorf("storage: nobody asked whether %s was allowed", g.Perm().Name)
	}
	return nil
}

// Now is the one instant of this transaction.
func (t *Tx) Now() time.Time { return t.now }

// Emit holds e until the transaction is written.
func (t *Tx) Emit(_ context.Context, e event.Event) error {
	t.events = append(t.events, e)
	return nil
}

// NewID makes an id that sorts by the time it was made (UUIDv7, RFC 9562, without its dashes).
func NewID(now time.Time) string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	for ms, i := now.UnixMilli(), 5; i >= 0; i-- {
		b[i] = byte(ms)
		ms >>= 8
	}
	b[6], b[8] = 0x70|b[6]&0x0f, 0x80|b[8]&0x3f
	return hex.EncodeToString(b[:])
}

// ctx is the context statements run under. A write in a shared transaction runs to its end once begun:
// on SQLite an interrupted statement would undo its neighbours' work too.
func (t *Tx) ctx(ctx context.Context) context.Context {
	if t.writes {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (t *Tx) exec(ctx context.Context, q string, args ...any) error {
	_, err := t.q.ExecContext(t.ctx(ctx), q, args...)
	return sqldb.Classify(err)
}

// changed is exec that reports how many rows it touched.
func (t *Tx) changed(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := t.q.ExecContext(t.ctx(ctx), q, args...)
	if err != nil {
		return 0, sqldb.Classify(err)
	}
	n, err := res.RowsAffected()
	return n, sqldb.Classify(err)
}

// scanner reads one row's columns.
type scanner func(...any) error

// each runs q and calls fn for every row. fn runs no statement of its own.
func (t *Tx) each(ctx context.Context, fn func(scanner) error, q string, args ...any) error {
	rows, err := t.q.QueryContext(t.ctx(ctx), q, args...)
	if err != nil {
		return sqldb.Classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return sqldb.Classify(err)
		}
	}
	return sqldb.Classify(rows.Err())
}

// list runs q and scans every row with scan.
func list[T any](ctx context.Context, t *Tx, scan func(scanner) (T, error), q string, args ...any) ([]T, error) {
	var out []T
	err := t.each(ctx, func(row scanner) error {
		v, err := scan(row)
		out = append(out, v)
		return err
	}, q, args...)
	return out, err
}

// one is list for exactly one row; none is NotFound.
func one[T any](ctx context.Context, t *Tx, scan func(scanner) (T, error), q string, args ...any) (T, error) {
	var zero T
	got, err := list(ctx, t, scan, q, args...)
	if err != nil {
		return zero, err
	}
	if len(got) == 0 {
		return zero, sqldb.Classify(sql.ErrNoRows)
	}
	return got[0], nil
}

// held ends a SELECT of rows of table that must stay as they are until a transaction that writes has ended.
func (t *Tx) held(table string) string {
	if !t.writes {
		return ""
	}
	return t.db.Locked(table)
}

// shared is held for rows that are only read, but must not change meanwhile.
func (t *Tx) shared(table string) string {
	if !t.writes {
		return ""
	}
	return t.db.Shared(table)
}

// column scans rows of one column.
func column[T any](row scanner) (v T, err error) { return v, row(&v) }

// must turns "no row was touched" into NotFound.
func must(n int64, err error) error {
	if err == nil && n == 0 {
		err = domain.Fail(domain.NotFound, "not_found", "not found")
	}
	return err
}

// Backup copies a SQLite database, as it is at one instant, into a new file.
func (db *DB) Backup(ctx context.Context, file string) error { return db.sql.Backup(ctx, file) }
