package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/storage"
)

const (
	// An upload that has not ended in this time has been given up; a blob this old that nothing names is waste.
	blobGrace = 25 * time.Hour
	// Events are kept so long for those who deliver them.
	outboxTime = 7 * 24 * time.Hour
)

// sweep clears away what nothing names any more: bytes of overwritten and deleted artifacts, parts of
// abandoned uploads, delivered events, sessions past their end.
func sweep(ctx context.Context, db *storage.DB, blobs blob.Store, log *slog.Logger) {
	now := time.Now()
	n, err := blobs.Sweep(ctx, now.Add(-blobGrace), func(digests []string) (kept map[string]bool, err error) {
		err = read(ctx, db, "sweep", func(tx *storage.Tx) (err error) {
			kept, err = tx.DigestsInUse(ctx, digests)
			return err
		})
		return kept, err
	})
	if err != nil {
		log.WarnContext(ctx, "sweeping the artifact store failed", "error", err.Error())
	} else if n > 0 {
		log.InfoContext(ctx, "swept the artifact store", "blobs", n)
	}
	if err := write(ctx, db, "sweep", func(tx *storage.Tx) error {
		return tx.Forget(ctx, now.Add(-outboxTime).UnixMilli(), now.Add(-blobGrace).UnixMilli())
	}); err != nil {
		log.WarnContext(ctx, "sweeping old records failed", "error", err.Error())
	}
}
