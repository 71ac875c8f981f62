package jobs

import (
	"context"
	"log/slog"

	"github.com/slipway-ml/slipway/storage"
)

// compact moves the points of series that have grown a long tail, or whose run has ended, into blocks. It
// is only about size and speed: reading is right before, between and after.
func compact(ctx context.Context, db *storage.DB, ended <-chan string, log *slog.Logger) {
	for {
		var series []int64
		select {
		case <-ctx.Done():
			return
		case s := <-db.FullSeries():
			series = []int64{s}
		case run := <-ended:
			if err := read(ctx, db, "compact", func(tx *storage.Tx) (err error) {
				series, err = tx.SeriesOf(ctx, run)
				return err
			}); err != nil {
				log.WarnContext(ctx, "compaction failed", "run", run, "error", err.Error())
			}
		}
		for _, s := range series {
			if err := write(ctx, db, "compact", func(tx *storage.Tx) error { return tx.CompactSeries(ctx, s) }); err != nil {
				log.WarnContext(ctx, "compaction failed", "series", s, "error", err.Error())
			}
		}
	}
}
