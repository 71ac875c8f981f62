// Package sqldb is the one place that knows SQLite from PostgreSQL. It knows nothing of our tables,
// save for the ingest of metric points.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver
)

// Engine names a database system.
type Engine string

// The two engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// DB is one database. On SQLite it keeps one writing connection and a pool of reading ones; on
// PostgreSQL one pool serves both.
type DB struct {
	Engine Engine
	read   *sql.DB
	write  *sql.DB
	name   string // SQLite only: the file and its settings
	closed sync.Once

	folding string // PostgreSQL only: the collation that knows upper and lower case

	// SQLite only: the one writer with what waits for it, and the readers that are free.
	writer  *session
	queue   chan *job
	done    chan struct{}
	readers chan *session // holds nil for one that is not open yet

	commits atomic.Int64
	writes  atomic.Int64
}

// Queryer runs statements: a transaction, in either engine.
type Queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// IsPostgres reports whether dsn names a PostgreSQL database rather than a SQLite file.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") || strings.Contains(dsn, "host=")
}

// Open opens the database that dsn names: a postgres:// URL, or the path of a SQLite file, which is
// made if it is not there. Every commit is durable when it is acknowledged (synchronous=FULL).
func Open(ctx context.Context, dsn string) (*DB, error) {
	db := &DB{done: make(chan struct{})}
	var err error
	if IsPostgres(dsn) {
		err = db.openPostgres(ctx, dsn)
	} else {
		err = db.openSQLite(ctx, dsn)
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

func (db *DB) openPostgres(ctx context.Context, dsn string) error {
	db.Engine = Postgres
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(max(16, 4*runtime.NumCPU()))
	pool.SetMaxIdleConns(max(8, 2*runtime.NumCPU()))
	db.read, db.write = pool, pool
	// Our columns are in byte order, which folds the case of ASCII alone. ICU knows all letters; without it the
	// database's own locale has to do.
	err = pool.QueryRowContext(ctx, `
		SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu') THEN '"und-x-icu"' ELSE '"default"' END`).Scan(&db.folding)
	return Classify(err)
}

// The pages that a commit leaves in the write-ahead log are moved into the file after 4000 of them
// (16 MiB): often enough to keep the log small, seldom enough not to be felt.
// mapped is how much of the file readers map into memory, bytes: a page in the system's cache is then not copied
// each time it is read, which halves what a page of a hundred thousand runs costs.
const mapped = "1073741824"

const sqlitePragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
	"&_pragma=wal_autocheckpoint(4000)&_pragma=journal_size_limit(67108864)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16000)"

func (db *DB) openSQLite(ctx context.Context, path string) error {
	db.Engine = SQLite
	db.name = "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + sqlitePragmas
	var err error
	if db.write, err = sql.Open("sqlite", db.name+"&_txlock=immediate"); err != nil {
		return err
	}
	db.write.SetMaxOpenConns(1)
	if db.writer, err = newSession(ctx, db.write); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if db.read, err = sql.Open("sqlite", db.name+"&_pragma=query_only(1)&_pragma=mmap_size("+mapped+")"); err != nil {
		return err
	}
	readers := max(4, 2*runtime.NumCPU())
	db.read.SetMaxOpenConns(readers + 1) // one for Ping
	db.read.SetMaxIdleConns(readers + 1)
	db.readers = make(chan *session, readers)
	for range readers {
		db.readers <- nil
	}
	db.queue = make(chan *job, queueLength)
	go db.run()
	return nil
}

// Close ends the writer after what is queued, waits for the readers and closes the pools. Nothing may
// be asked of db afterwards.
func (db *DB) Close() error {
	var err error
	db.closed.Do(func() {
		if db.Engine == SQLite {
			close(db.queue)
			<-db.done
			db.writer.close()
			for range cap(db.readers) {
				if s := <-db.readers; s != nil {
					s.close()
				}
			}
			err = db.read.Close()
		}
		err = errors.Join(err, db.write.Close())
	})
	return err
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return Classify(db.read.PingContext(ctx)) }

// Read runs fn on one consistent snapshot of the data.
func (db *DB) Read(ctx context.Context, fn func(Queryer) error) error {
	if db.Engine == SQLite {
		return db.readSQLite(ctx, fn)
	}
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return Classify(err)
	}
	defer tx.Rollback()
	return fn(tx)
}

func (db *DB) readSQLite(ctx context.Context, fn func(Queryer) error) (err error) {
	var s *session
	select {
	case s = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { db.readers <- s }()
	if s == nil {
		if s, err = newSession(context.Background(), db.read); err != nil {
			return Classify(err)
		}
	}
	if err := s.do("BEGIN"); err != nil {
		return err
	}
	defer s.do("ROLLBACK") //nolint:errcheck // it only read
	return fn(s)
}

// Stats is what the database can tell of itself at a moment.
type Stats struct {
	Queued, QueueLength int   // writes waiting for the writer, and how many may; 0 on PostgreSQL
	Writes, Commits     int64 // write transactions asked for, and commits that carried them
	Open, InUse         int   // connections
}

// Stats reports counters and gauges for the metrics page.
func (db *DB) Stats() Stats {
	s := Stats{
		Queued: len(db.queue), QueueLength: cap(db.queue),
		Writes: db.writes.Load(), Commits: db.commits.Load(),
	}
	if db.Engine == SQLite {
		s.Open, s.InUse = db.read.Stats().OpenConnections+1, cap(db.readers)-len(db.readers)
	} else {
		s.Open, s.InUse = db.write.Stats().OpenConnections, db.write.Stats().InUse
	}
	return s
}

// Backup copies a SQLite database, as it is at one instant, into a new file. Readers and writers go on.
func (db *DB) Backup(ctx context.Context, file string) error {
	if db.Engine != SQLite {
		return errors.New("sqldb: backup copies SQLite only")
	}
	made, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // never over what is there
	if err != nil {
		return err
	}
	pool, err := sql.Open("sqlite", db.name) // the readers may not write, not even a copy
	if err = errors.Join(err, made.Close()); err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, `VACUUM INTO $1`, file); err != nil {
		return errors.Join(Classify(err), os.Remove(file))
	}
	return nil
}
