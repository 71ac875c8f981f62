package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/storage"
)

// howOften is how late time may be noticed by promotions: deadlines, ends of freezes, evidence that grows old.
const howOften = 15 * time.Second

// promotions looks at requests whose state time alone may have changed, and carries out what the policy leaves to the
// server. Several processes may do so at once: each request is looked at in a transaction that holds its slot.
func promotions(ctx context.Context, db *storage.DB, log *slog.Logger) {
	tick := time.NewTicker(howOften)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := settleDue(ctx, db, time.Now()); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "promotions were not looked at", "err", err)
		}
	}
}

// settleDue looks at what is due at an instant.
func settleDue(ctx context.Context, db *storage.DB, now time.Time) error {
	var due []promotion.Request
	g, err := system("promotion")
	if err != nil {
		return err
	}
	if err := db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		due, err = promotion.Due(ctx, tx, g, now)
		return err
	}); err != nil {
		return err
	}
	for _, r := range due {
		if err := write(ctx, db, "promotion", func(tx *storage.Tx) error {
			_, err := promotion.Settle(ctx, tx, g, r, now)
			return err
		}); err != nil {
			return err
		}
	}
	return executeApproved(ctx, db, g)
}

// executeApproved carries out what is approved where the policy says that the server does it. What is in the way is no
// fault: the request shows it, and is looked at again.
func executeApproved(ctx context.Context, db *storage.DB, read access.Grant) error {
	var ready []promotion.Request
	if err := db.Read(ctx, read, func(tx *storage.Tx) (err error) {
		ready, err = promotion.ToExecute(ctx, tx, read)
		return err
	}); err != nil {
		return err
	}
	for _, r := range ready {
		g, err := access.Authorize(access.System("promotion"), access.PromotionExecute, r.Workspace, access.Origin{})
		if err != nil {
			return err
		}
		if err := db.Write(ctx, g, func(tx *storage.Tx) error {
			_, err := promotion.Execute(ctx, tx, g, r.Number, tx.Now())
			return err
		}); err != nil && domain.KindOf(err) != domain.Conflict {
			return err
		}
	}
	return nil
}
