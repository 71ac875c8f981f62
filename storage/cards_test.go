package storage_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func saveCard(t *testing.T, db *storage.DB, name string, number int64, was registry.Card, text card.Card) (registry.Card, error) {
	t.Helper()
	return in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Card, error) {
		return registry.SaveCard(ctx, tx, g, name, number, was, text, tx.Now())
	})
}

func TestCards(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		newModel(t, db, "churn")
		newModel(t, db, "other")
		for _, name := range []string{"churn", "churn", "churn", "other"} {
			newVersion(t, db, name, "s3://bucket/a")
		}
		find := func(name string, number int64) (c registry.Card) {
			storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				c, err = registry.CardOf(ctx, tx, g, name, number)
				return err
			})
			return c
		}
		save := func(number int64, summary string) registry.Card {
			c, err := saveCard(t, db, "churn", number, find("churn", number), card.Card{Name: "a fact", Summary: summary, Metrics: []card.Metric{{Name: "auc", Value: 0.5}}})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if c := find("churn", 3); c.Revision != 0 {
			t.Errorf("a card of nobody: %+v", c)
		}
		before, _ := findVersion(t, db, "churn", 2)
		save(2, "first")
		last := save(2, "second")
		for _, c := range []struct {
			model                    string
			asked, version, revision int64
		}{{"churn", 1, 0, 0}, {"churn", 2, 2, 2}, {"churn", 3, 2, 2}, {"other", 1, 0, 0}} {
			if got := find(c.model, c.asked); got.Version != c.version || got.Revision != c.revision {
				t.Errorf("%s %d: got revision %d of %d, want %d of %d", c.model, c.asked, got.Revision, got.Version, c.revision, c.version)
			}
		}
		if diff := cmp.Diff(last, find("churn", 3)); diff != "" {
			t.Errorf("kept otherwise than saved (-want +got):\n%s", diff)
		}
		if digest, err := last.Card.Digest(); err != nil || digest != last.Digest || last.Card.Name != "" || last.CreatedBy == "" {
			t.Errorf("digest %s, %v: %+v", digest, err, last)
		}
		if after, _ := findVersion(t, db, "churn", 2); !cmp.Equal(before, after) {
			t.Errorf("the card changed its version:\n%s", cmp.Diff(before, after))
		}
		own := save(3, "third")
		if own.Version != 3 || own.Revision != 1 || find("churn", 2).Card.Summary != "second" {
			t.Errorf("the first card of its own: %+v", own)
		}

		_, err := saveCard(t, db, "churn", 3, last, card.Card{})
		isKind(t, "a card saved by somebody else meanwhile", err, domain.Conflict)
		_, err = saveCard(t, db, "churn", 3, own, card.Card{Kind: "x"})
		isKind(t, "a card that is none", err, domain.Invalid)
		_, err = saveCard(t, db, "churn", 4, registry.Card{}, card.Card{})
		isKind(t, "the card of no version", err, domain.NotFound)
	})
}
