package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
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

// sweep clears away what nothing names any more: bytes of overwritten and deleted artifacts, parts of
// abandoned uploads, delivered events, sessions past their end.
func sweep(ctx context.Context, db *storage.DB, blobs blob.Store, log *slog.Logger) {
	now := time.Now()
	n, err := blobs.Sweep(ctx, now.Add(-uploadGrace), now.Add(-blobGrace), inUse(ctx, db))
	if err != nil {
		log.WarnContext(ctx, "sweeping the artifact store failed", "error", err.Error())
	} else if n > 0 {
		log.InfoContext(ctx, "swept the artifact store", "blobs", n)
	}
	if err := write(ctx, db, "sweep", func(tx *storage.Tx) error {
		return tx.Forget(ctx, now.Add(-outboxTime).UnixMilli(), now.Add(-uploadGrace).UnixMilli())
	}); err != nil {
		log.WarnContext(ctx, "sweeping old records failed", "error", err.Error())
	}
}
