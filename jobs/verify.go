package jobs

import (
	"context"
	"io"
	"log/slog"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/storage"
)

// VerifyModels reads what the versions of all models hold again and notes what it found. told hears of each version;
// it may be nil.
func VerifyModels(ctx context.Context, db *storage.DB, blobs blob.Store, told func(v registry.Version, fault string)) error {
	const portion = 20
	g, err := system("verify")
	if err != nil {
		return err
	}
	open := func(digest string) (io.ReadCloser, error) { return blobs.Open(ctx, digest) }
	for after := ""; ; {
		var some []registry.Version
		if err := read(ctx, db, "verify", func(tx *storage.Tx) (err error) {
			some, err = tx.VersionsHeld(ctx, after, portion)
			return err
		}); err != nil {
			return err
		}
		for _, v := range some {
			fault, err := v.Verify(ctx, open)
			if err != nil {
				return err
			}
			err = db.Write(ctx, g, func(tx *storage.Tx) error { return registry.Verified(ctx, tx, g, v.ID, fault, tx.Now()) })
			if err != nil && domain.KindOf(err) != domain.NotFound { // it was deleted for good in the meantime
				return err
			}
			if told != nil {
				told(v, fault)
			}
			after = v.ID
		}
		if len(some) < portion {
			return nil
		}
	}
}

// verify is VerifyModels by the clock.
func verify(db *storage.DB, blobs blob.Store, log *slog.Logger) Handler {
	return func(ctx context.Context, _ job.Job) error {
		return VerifyModels(ctx, db, blobs, func(v registry.Version, fault string) {
			if fault != "" {
				log.ErrorContext(ctx, "a registered version is not what was registered", "model", v.Model, "version", v.Number, "fault", fault)
			}
		})
	}
}
