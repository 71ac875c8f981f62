package promotion

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// React reckons the open requests anew that some events touch. It runs at the end of the transaction in which they
// happened, so that nobody ever sees a state that the facts have left behind.
func React(ctx context.Context, tx Tx, g access.Grant, events []event.Event, now time.Time) error {
	touched := map[string]Request{}
	var order []string
	for _, e := range events {
		some, err := touchedBy(ctx, tx, e)
		if domain.KindOf(err) == domain.NotFound { // what it was about is gone, and the requests with it
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range some {
			if _, known := touched[r.ID]; !known {
				touched[r.ID], order = r, append(order, r.ID)
			}
		}
		if e.Kind == "slot.changed" {
			if err := stopMoved(ctx, tx, g, e.Subject, now); err != nil {
				return err
			}
		}
		if e.Kind == "version.revoked" {
			if err := stopRevoked(ctx, tx, g, some, e.Subject, now); err != nil {
				return err
			}
		}
	}
	for _, id := range order {
		if _, err := Settle(ctx, tx, g, touched[id], now); err != nil {
			return err
		}
	}
	return nil
}

// touchedBy lists the open requests whose state an event may change.
func touchedBy(ctx context.Context, tx Tx, e event.Event) ([]Request, error) {
	if !on(invalidation) && e.Kind != "version.revoked" {
		return nil, nil
	}
	some, err := touchedVersions(ctx, tx, e)
	if err != nil || !slices.Contains(configuring, e.Kind) {
		return some, err
	}
	all, err := tx.OpenConfigurations(ctx)
	return append(some, all...), err
}

// configuring are the kinds of events that may change whether a configuration could be put in force: what it replaces, and
// who could approve under it.
var configuring = []string{
	"environment.changed", "environment.created", "environment.deleted", "team.member_changed", "team.deleted",
	"user.created", "user.disabled", "user.enabled", "user.erased", "user.role_changed",
}

func touchedVersions(ctx context.Context, tx Tx, e event.Event) ([]Request, error) {
	switch e.Kind {
	case "slot.changed":
		return openOfSlotAsset(ctx, tx, e.Subject)
	case "version.revoked", "version.deleted", "version.restored", "version.broken", "version.mended", "version.scanned", "version.tagged", "card.saved":
		v, err := tx.VersionByID(ctx, e.Subject)
		if err != nil {
			return nil, err
		}
		return tx.OpenPromotionsOfAsset(ctx, v.ModelID)
	case "model.deleted", "model.restored":
		return tx.OpenPromotionsOfAsset(ctx, e.Subject)
	case told + "executing", told + "failed", told + "debt_closed": // the slot was taken, or is free again
		data, _ := e.Data.(map[string]any)
		asset, _ := data["asset"].(string)
		return tx.OpenPromotionsOfAsset(ctx, asset)
	case "check.reported":
		data, _ := e.Data.(map[string]any)
		workspace, _ := data["workspace"].(string)
		return tx.OpenPromotionsOfDigest(ctx, workspace, e.Subject)
	case "environment.changed":
		return tx.OpenPromotionsOfEnvironment(ctx, e.Subject)
	case "user.disabled", "user.enabled", "user.erased", "user.role_changed", "team.member_changed":
		return tx.OpenPromotionsReviewedBy(ctx, e.Subject)
	}
	return nil, nil
}

// openOfSlotAsset lists what is open of the asset of a slot: an environment may require what is live in another.
func openOfSlotAsset(ctx context.Context, tx Tx, id string) ([]Request, error) {
	s, err := tx.SlotByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return tx.OpenPromotionsOfAsset(ctx, s.AssetID)
}

// stopRevoked stops what is being carried out of a version that was just revoked.
func stopRevoked(ctx context.Context, tx Tx, g access.Grant, open []Request, version string, now time.Time) error {
	for _, r := range open {
		if r.State != Executing || r.Candidate.ID != version || !on(revokeStops) {
			continue
		}
		s, err := tx.SlotByID(ctx, r.SlotID)
		if err != nil {
			return err
		}
		if _, err := abort(ctx, tx, g, r, s, "", now); err != nil {
			return err
		}
	}
	return nil
}

// stopMoved stops what was being carried out in a slot that somebody moved by hand meanwhile, which only one that nothing
// protects any more lets them.
func stopMoved(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) error {
	s, err := tx.SlotByID(ctx, id)
	if err != nil {
		return err
	}
	open, err := tx.OpenPromotionsOfSlot(ctx, id)
	if err != nil {
		return err
	}
	for _, r := range open {
		if r.State != Executing || s.Active == r.ID {
			continue
		}
		if _, err := abort(ctx, tx, g, r, s, "", now); err != nil {
			return err
		}
	}
	return nil
}

// Settle reckons one request anew and saves it if it changed; the new state is told.
func Settle(ctx context.Context, tx Tx, g access.Grant, r Request, now time.Time) (Request, error) {
	s, err := situation(ctx, tx, r, now)
	if err != nil {
		return r, err
	}
	was := s.Request
	next := s.settle()
	if next == was {
		return next, nil
	}
	next.UpdatedAt = now.UnixMilli()
	if err := tx.SavePromotion(ctx, next); err != nil {
		return next, err
	}
	if next.State == was.State {
		if next.Binding() != was.Binding() {
			return next, emit(ctx, tx, next, "review.staled", map[string]any{"cause": was.Binding().Stale(next.Binding())})
		}
		return next, nil
	}
	return next, tell(ctx, tx, g, next, "became_"+string(next.State), next.Cause)
}
