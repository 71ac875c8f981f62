package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
)

const (
	// An upload in parts that has not ended in this time has been given up.
	uploadGrace = 25 * time.Hour
	// A blob is stored whole before a row names it, which takes a moment. One this old that nothing names is waste, and
	// so is one whose last name was deleted for good: who stores the same bytes again makes it young again.
	blobGrace  = 3 * time.Hour
	freedGrace = 10 * time.Minute
	// Events are kept so long for those who deliver them.
	outboxTime = 7 * 24 * time.Hour
	// Jobs that ended are kept so long for those who look after the server.
	jobTime = 14 * 24 * time.Hour
)

// inUse tells which of some digests an artifact names.
func inUse(ctx context.Context, db *storage.DB) func([]string) (map[string]bool, error) {
	return func(digests []string) (kept map[string]bool, err error) {
		err = read(ctx, db, "sweep", func(tx *storage.Tx) (err error) {
			kept, err = tx.DigestsInUse(ctx, digests)
			return err
		})
		return kept, err
	}
}

// sweep clears away what nothing names any more: bytes of overwritten and deleted artifacts, parts of abandoned
// uploads, delivered events, sessions past their end, jobs long done.
func sweep(db *storage.DB, blobs blob.Store, log *slog.Logger) Handler {
	return func(ctx context.Context, _ job.Job) error {
		now := time.Now()
		n, err := blobs.Sweep(ctx, now.Add(-uploadGrace), now.Add(-blobGrace), inUse(ctx, db))
		if n > 0 {
			log.InfoContext(ctx, "swept the artifact store", "blobs", n)
		}
		return errors.Join(err, write(ctx, db, "sweep", func(tx *storage.Tx) error {
			if err := tx.ForgetJobs(ctx, now.Add(-jobTime).UnixMilli()); err != nil {
				return err
			}
			return tx.Forget(ctx, now.Add(-outboxTime).UnixMilli(), now.Add(-uploadGrace).UnixMilli())
		}))
	}
}
