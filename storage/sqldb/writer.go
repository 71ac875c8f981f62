package sqldb

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// Group commit. SQLite has one writer and a durable commit costs a flush of the disk, so concurrent
// writes queue here, each runs in a savepoint of one transaction, and one commit acknowledges them
// all. Nothing waits for company: what is queued when the writer comes round goes in.

const (
	queueLength  = 1024
	groupSize    = 512                   // writes in one commit, at most
	groupTime    = 25 * time.Millisecond // or so long
	retryAfter   = time.Second
	writeRetries = 5 // PostgreSQL: serialization failures and deadlocks
)

type job struct {
	ctx  context.Context //nolint:containedctx // a queued call is what it is: it ends with its caller
	fn   func(Queryer) error
	err  error
	done chan struct{}
}

// Write runs fn in a transaction and returns after its commit is durable, or with fn's error after
// its work was undone. On PostgreSQL fn is run again after a deadlock or serialization failure.
// A full queue is refused with Unavailable at once rather than left to time out.
func (db *DB) Write(ctx context.Context, fn func(Queryer) error) error {
	db.writes.Add(1)
	if db.Engine == Postgres {
		return db.writePostgres(ctx, fn)
	}
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case db.queue <- j:
	default:
		return &domain.Error{
			Kind: domain.Unavailable, Key: "busy", RetryAfter: retryAfter,
			Msg: "the server has too many writes waiting: try again in a second",
		}
	}
	<-j.done
	return j.err
}

func (db *DB) writePostgres(ctx context.Context, fn func(Queryer) error) error {
	for attempt := 1; ; attempt++ {
		err := db.oneWrite(ctx, fn)
		if err == nil || !retryable(err) || attempt == writeRetries {
			return err
		}
	}
}

func (db *DB) oneWrite(ctx context.Context, fn func(Queryer) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return Classify(err)
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return Classify(err)
	}
	db.commits.Add(1)
	return nil
}

func (db *DB) run() {
	defer close(db.done)
	for first := range db.queue {
		db.group(first)
	}
}

// group commits first and whatever queues up meanwhile. The first needs no savepoint: if it fails
// there is nothing else to keep. Control statements take no caller's context, for a caller who leaves
// must not undo the others' transaction.
func (db *DB) group(first *job) {
	if err := db.writer.do("BEGIN IMMEDIATE"); err != nil {
		first.end(err)
		return
	}
	if err := first.run(db.writer); err != nil {
		first.end(errors.Join(err, db.writer.do("ROLLBACK")))
		return
	}
	written := []*job{first}
	for start := time.Now(); len(written) < groupSize && time.Since(start) < groupTime; {
		j := db.next()
		if j == nil {
			break
		}
		if db.inSavepoint(j) {
			written = append(written, j)
		}
	}
	err := db.writer.do("COMMIT")
	if err != nil {
		err = errors.Join(err, db.writer.do("ROLLBACK"))
	}
	db.commits.Add(1)
	for _, j := range written {
		j.end(err)
	}
}

func (db *DB) next() *job {
	select {
	case j := <-db.queue: // nil once the queue is closed and empty
		return j
	default:
		return nil
	}
}

// inSavepoint runs j and reports whether its work is in the transaction. A failed one is told at once.
func (db *DB) inSavepoint(j *job) bool {
	err := db.writer.do("SAVEPOINT one")
	if err == nil {
		if err = j.run(db.writer); err != nil {
			err = errors.Join(err, db.writer.do("ROLLBACK TO one"))
		}
		err = errors.Join(err, db.writer.do("RELEASE one"))
	}
	if err != nil {
		j.end(err)
	}
	return err == nil
}

// run calls the job's function; a panic in it is its caller's failure, not the writer's.
func (j *job) run(q Queryer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if err := j.ctx.Err(); err != nil {
		return err
	}
	return j.fn(q)
}

func (j *job) end(err error) {
	j.err = err
	close(j.done)
}
