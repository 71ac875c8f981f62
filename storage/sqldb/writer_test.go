package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

func open(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	exec(t, db, `CREATE TABLE t (id INTEGER PRIMARY KEY, by TEXT NOT NULL)`)
	return db
}

func exec(t *testing.T, db *sqldb.DB, q string) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx sqldb.Queryer) error {
		_, err := tx.ExecContext(context.Background(), q)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sqldb.DB, q string) (n int) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx sqldb.Queryer) error {
		rows, err := tx.QueryContext(context.Background(), q)
		if err != nil {
			return err
		}
		defer rows.Close()
		rows.Next()
		return errors.Join(rows.Scan(&n), rows.Err())
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(id int, by string) func(sqldb.Queryer) error {
	return func(tx sqldb.Queryer) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO t (id, by) VALUES ($1, $2)`, id, by)
		return sqldb.Classify(err)
	}
}

// Writes of many callers share commits; each is acknowledged after its own, and one that fails takes back its
// own work and nobody else's.
func TestGroupCommit(t *testing.T) {
	db := open(t)
	const callers, each = 16, 100
	before := db.Stats()
	var failed atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				id := c*each + i
				err := db.Write(context.Background(), func(tx sqldb.Queryer) error {
					if err := insert(id, "caller")(tx); err != nil {
						return err
					}
					if id%7 == 0 {
						return fmt.Errorf("changed my mind about %d", id)
					}
					return nil
				})
				if (err != nil) != (id%7 == 0) {
					t.Errorf("write %d: %v", id, err)
				}
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := count(t, db, `SELECT COUNT(*) FROM t`); got != callers*each-int(failed.Load()) {
		t.Errorf("%d rows, %d writes succeeded", got, callers*each-int(failed.Load()))
	}
	if n := count(t, db, `SELECT COUNT(*) FROM t WHERE id % 7 = 0`); n != 0 {
		t.Errorf("%d rows of writes that failed", n)
	}
	after := db.Stats()
	writes, commits := after.Writes-before.Writes, after.Commits-before.Commits
	if writes != callers*each || commits >= writes || commits == 0 {
		t.Errorf("%d writes in %d commits: nothing was shared", writes, commits)
	}
}

func TestAPanicIsItsCallersFailure(t *testing.T) {
	db := open(t)
	err := db.Write(t.Context(), func(tx sqldb.Queryer) error {
		if err := insert(1, "panics")(tx); err != nil {
			return err
		}
		panic("no")
	})
	if err == nil {
		t.Error("a panic was acknowledged")
	}
	if err := db.Write(t.Context(), insert(2, "after")); err != nil {
		t.Error(err)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM t`); n != 1 {
		t.Errorf("%d rows, want the one after the panic", n)
	}
}

func TestACallerWhoLeavesIsNotWrittenFor(t *testing.T) {
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Write(ctx, insert(1, "gone")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM t`); n != 0 {
		t.Error("the write of a caller who had left was made")
	}
}

// A full queue refuses at once, and what was refused is not written.
func TestFullQueue(t *testing.T) {
	db := open(t)
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.Write(context.Background(), func(sqldb.Queryer) error {
			close(inside)
			<-release
			return nil
		})
	})
	<-inside
	var refused, written atomic.Int64
	for i := range 3000 {
		wg.Go(func() {
			switch err := db.Write(context.Background(), insert(i, "queued")); {
			case err == nil:
				written.Add(1)
			case domain.KindOf(err) == domain.Unavailable && domain.As(err).RetryAfter > 0:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for refused.Load() == 0 { // the queue is shorter than the callers are many
		if t.Context().Err() != nil {
			t.Fatal("nothing was refused")
		}
	}
	close(release)
	wg.Wait()
	if n := count(t, db, `SELECT COUNT(*) FROM t`); int64(n) != written.Load() || written.Load()+refused.Load() != 3000 {
		t.Errorf("%d rows, %d acknowledged, %d refused", n, written.Load(), refused.Load())
	}
}

func TestErrorsAreClassified(t *testing.T) {
	db := open(t)
	exec(t, db, `CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t(id))`)
	if err := errors.Join(db.Write(t.Context(), insert(1, "x"))); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), insert(1, "y")); domain.KindOf(err) != domain.Exists {
		t.Errorf("a taken key: %v", err)
	}
	err := db.Write(t.Context(), func(tx sqldb.Queryer) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO child (id, t) VALUES (1, 99)`)
		return sqldb.Classify(err)
	})
	if domain.KindOf(err) != domain.NotFound {
		t.Errorf("a missing parent: %v", err)
	}
}

// A reader sees one moment from its first statement to its last.
func TestReadsAreSnapshots(t *testing.T) {
	db := open(t)
	if err := db.Read(t.Context(), func(tx sqldb.Queryer) error {
		look := func() (n int) {
			rows, err := tx.QueryContext(context.Background(), `SELECT COUNT(*) FROM t`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			rows.Next()
			if err := errors.Join(rows.Scan(&n), rows.Err()); err != nil {
				t.Fatal(err)
			}
			return n
		}
		first := look()
		if err := db.Write(context.Background(), insert(1, "meanwhile")); err != nil {
			t.Fatal(err)
		}
		if second := look(); second != first {
			t.Errorf("saw %d rows, then %d", first, second)
		}
		_, err := tx.ExecContext(context.Background(), `INSERT INTO t (id, by) VALUES (2, 'reader')`)
		if err == nil {
			t.Error("a reader could write")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
