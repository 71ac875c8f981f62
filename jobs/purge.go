package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
)

// purge carries out the orders to delete for good: at start those that a stop interrupted, then whatever is ordered,
// here or by another process.
func purge(ctx context.Context, db *storage.DB, blobs blob.Store, ordered <-chan struct{}, log *slog.Logger) {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		if err := carryAll(ctx, db, blobs); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "deleting for good failed and is tried again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ordered:
		case <-t.C:
		}
	}
}

// carryAll works off all orders. Each portion is a transaction of its own, so that other writers get between them, and
// its files are freed once it is committed; a crash in between leaves them to the sweep.
func carryAll(ctx context.Context, db *storage.DB, blobs blob.Store) error {
	for ctx.Err() == nil {
		var order tracking.Purge
		err := read(ctx, db, "purge", func(tx *storage.Tx) (err error) {
			order, err = tx.NextPurge(ctx)
			return err
		})
		if domain.KindOf(err) == domain.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		var freed []string
		if err := write(ctx, db, "purge", func(tx *storage.Tx) (err error) {
			freed, _, err = tx.Carry(ctx, order)
			return err
		}); err != nil {
			return err
		}
		if _, err := blobs.Free(ctx, freed, time.Now().Add(-freedGrace), inUse(ctx, db)); err != nil {
			return err
		}
	}
	return ctx.Err()
}
