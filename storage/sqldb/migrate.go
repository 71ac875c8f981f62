package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

var tokens = map[Engine]*strings.Replacer{
	SQLite:   strings.NewReplacer("{{key}}", "TEXT", "{{json}}", "TEXT", "{{blob}}", "BLOB", "{{clustered}}", "WITHOUT ROWID"),
	Postgres: strings.NewReplacer("{{key}}", `TEXT COLLATE "C"`, "{{json}}", "JSONB", "{{blob}}", "BYTEA", "{{clustered}}", ""),
}

// Migrate brings the schema to the newest step in files and reports the versions before and after.
// It refuses a database that a newer program has already taken further. Processes that start at
// once take turns.
func (db *DB) Migrate(ctx context.Context, files fs.FS) (from, to int64, err error) {
	if db.Engine == SQLite { // the writing connection is the writer's own: borrow another for this
		pool, err := sql.Open("sqlite", db.name+"&_txlock=immediate")
		if err != nil {
			return 0, 0, err
		}
		defer pool.Close()
		pool.SetMaxOpenConns(1)
		return migrate(ctx, SQLite, pool, files)
	}
	return migrate(ctx, Postgres, db.write, files)
}

// UpToDate reports whether the schema is the one that files describe.
func (db *DB) UpToDate(ctx context.Context, files fs.FS) error {
	steps, err := stepsFor(db.Engine, files)
	if err != nil {
		return err
	}
	names, err := fs.Glob(steps, "*.sql")
	if err != nil {
		return err
	}
	var want, have int64
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return err
		}
		want = max(want, n)
	}
	if err := db.read.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&have); err != nil {
		return Classify(err)
	}
	if have != want {
		return fmt.Errorf("the database is at schema %d and this program needs %d: run slipway migrate", have, want)
	}
	return nil
}

func migrate(ctx context.Context, engine Engine, pool *sql.DB, files fs.FS) (from, to int64, err error) {
	steps, err := stepsFor(engine, files)
	if err != nil {
		return 0, 0, err
	}
	dialect, opts := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if engine == Postgres {
		turns, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return 0, 0, err
		}
		dialect, opts = goose.DialectPostgres, append(opts, goose.WithSessionLocker(turns))
	}
	p, err := goose.NewProvider(dialect, pool, steps, opts...)
	if err != nil {
		return 0, 0, err
	}
	from, to, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, Classify(err)
	}
	if from > to {
		return from, to, fmt.Errorf("the database is at schema %d and this program knows up to %d: run the newer slipway that made it", from, to)
	}
	if from == to {
		return from, to, nil
	}
	_, err = p.Up(ctx)
	return from, to, err
}

// stepsFor picks the files of engine and fills in their tokens.
func stepsFor(engine Engine, files fs.FS) (fs.FS, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, ".sql"), strings.TrimSuffix(b, ".sql"))
	})
	steps := fstest.MapFS{}
	for _, name := range names { // NNNN_name.sql comes before NNNN_name.ENGINE.sql
		only := path.Ext(strings.TrimSuffix(name, ".sql"))
		if only != "" && only != "."+string(engine) {
			continue
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		text := tokens[engine].Replace(string(body))
		if begun := steps[strings.TrimSuffix(name, only+".sql")+".sql"]; only != "" && begun != nil {
			begun.Data = append(begun.Data, text...)
			continue
		}
		steps[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return steps, nil
}
