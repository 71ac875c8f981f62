// Package jobs is what the clock and past events set going: work of the server itself, off the request path.
package jobs

import (
	"context"
	"log/slog"
	"sync"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/clients/catalogsource"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
)

// With is what the background work is done with.
type With struct {
	DB      *storage.DB
	Blobs   blob.Store
	Sources catalogsource.Reader
	Secrets *secret.Box
	Signed  Checkpoints
	Log     *slog.Logger
}

// Start begins the background work and returns what ends it and waits for it.
func Start(ctx context.Context, with With) (stop func()) {
	db, blobs, log := with.DB, with.Blobs, with.Log
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	ended, ordered := make(chan string, 1024), make(chan struct{}, 1)
	db.OnCommit(func(events []event.Event) {
		for _, e := range events {
			switch e.Kind {
			case "run.ended":
				select {
				case ended <- e.Subject:
				default: // its tail is compacted when it is next written to, and read all the same
				}
			case "trash.purged", "trash.emptied":
				select {
				case ordered <- struct{}{}:
				default: // it is under way
				}
			}
		}
	})
	running.Go(func() { compact(ctx, db, ended, log) })
	running.Go(func() { promotions(ctx, db, log) })
	running.Go(func() { purge(ctx, db, blobs, ordered, log) })
	running.Go(func() { // at once, so that a new server's catalog is full when somebody looks
		if err := catalogDue(db)(ctx, job.Job{}); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "the sources of the catalog were not looked at", "err", err)
		}
	})
	r := Runner{DB: db, Works: works(with), Log: log, Redact: with.Secrets.Redact}
	stopRunner := r.Start(ctx)
	return func() {
		stopRunner()
		cancel()
		running.Wait()
	}
}

// works is who does what of job.Kinds.
func works(with With) []Work {
	db, blobs, log := with.DB, with.Blobs, with.Log
	return []Work{
		{job.Sweep, sweep(db, blobs, log)},
		{job.Scan, scanVersion(db, blobs, log)},
		{job.Verify, verify(db, blobs, log)},
		{job.CatalogSync, catalogSync(db, with.Sources, with.Secrets, log)},
		{job.CatalogDue, catalogDue(db)},
		{job.Checkpoint, checkpoint(db, with.Signed, log)},
	}
}

// system is the permission under which a part of the server does its own work.
func system(part string) (access.Grant, error) {
	return access.Authorize(access.System(part), access.Maintain, access.DefaultWorkspace, access.Origin{})
}

// write runs fn in a transaction of the server's own.
func write(ctx context.Context, db *storage.DB, part string, fn func(*storage.Tx) error) error {
	g, err := system(part)
	if err != nil {
		return err
	}
	return db.Write(ctx, g, func(tx *storage.Tx) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		return fn(tx)
	})
}

// read is write's read-only twin.
func read(ctx context.Context, db *storage.DB, part string, fn func(*storage.Tx) error) error {
	g, err := system(part)
	if err != nil {
		return err
	}
	return db.Read(ctx, g, func(tx *storage.Tx) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		return fn(tx)
	})
}
