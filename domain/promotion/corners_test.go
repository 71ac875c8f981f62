package promotion_test

import (
	"context"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/storage"
)

// verified says what the verification of a version's bytes found.
func (m *machine) verified(version int, fault string) error {
	return m.do("system:verify", access.Maintain, "finds "+fault, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return registry.Verified(ctx, tx, g, m.versions[version-1], fault, tx.Now())
	})
}

// purge deletes a version for good, as the job does at its end.
func (m *machine) purge(version int) {
	_, err := m.raw.ExecContext(context.Background(), `DELETE FROM model_versions WHERE id = $1 AND deleted_at <> 0`, m.versions[version-1])
	m.must(err)
	m.story = append(m.story, "purge")
	m.last = m.read(m.asset)
}

// TestCorners goes to places that the walk comes to seldom.
func TestCorners(t *testing.T) {
	refused := func(t *testing.T, err error, key string) {
		t.Helper()
		if e := domain.As(err); e == nil || e.Key != key {
			t.Errorf("got %v, want %s", err, key)
		}
	}
	overdue := func(m *machine) (glass int64) { // version 1 went live in an emergency, and nobody has looked at it
		m.under(m.policies()[1])
		glass = m.ask("ed", 1)
		m.must(m.breakGlass("ann", glass))
		m.pass(2*time.Hour, true)
		return glass
	}
	corners := map[string]func(t *testing.T, m *machine){
		"a slot with an overdue debt takes rollbacks alone": func(t *testing.T, m *machine) {
			overdue(m)
			b := m.ask("eve", 2)
			refused(t, m.breakGlass("ann", b), "promotion.unmet")
		},
		"a debt that is paid lets the next one go": func(t *testing.T, m *machine) {
			a := overdue(m)
			b := m.ask("eve", 2)
			m.push(b, 0)
			if got := m.numbered(b); got["state"] != "scheduled" || got["cause"] != "debt" {
				t.Errorf("%v", got)
			}
			m.must(m.closeDebt("rita", a))
			m.must(m.execute("eve", b))
		},
		"who broke the glass does not close its debt": func(t *testing.T, m *machine) {
			a := overdue(m)
			m.must(m.unprotect())
			m.must(m.alias("ed", "production", 2))
			m.must(m.rollback("root", 1)) // the newest change to version 1 is root's now
			refused(t, m.closeDebt("ann", a), "promotion.own_debt")
			m.must(m.closeDebt("rita", a))
		},
		"a move by hand stops what is being carried out": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a, b := m.ask("ed", 1), m.ask("eve", 2)
			m.agree("rita", a)
			m.must(m.start("ed", a))
			m.must(m.unprotect())
			m.must(m.alias("root", "production", 3))
			if got := m.numbered(a)["state"]; got != "failed" {
				t.Errorf("it is %s", got)
			}
			m.agree("rita", b)
			m.must(m.start("eve", b))
		},
		"a version that is purged leaves no request behind": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a, b := m.ask("ed", 1), m.ask("eve", 1+1)
			m.agree("rita", a)
			m.must(m.start("ed", a))
			m.must(m.remove(1))
			m.must(m.remove(2))
			m.purge(1)
			m.purge(2)
			for _, n := range []int64{a, b} {
				m.canEnd(m.numbered(n))
			}
			m.must(m.abort("root", a))
			m.must(m.cancel("eve", b))
		},
		"nothing of a model in the trash becomes live": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a := m.ask("ed", 1)
			m.agree("rita", a)
			m.must(m.do("ed", access.ModelDelete, "deletes the model", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := registry.DeleteModel(ctx, tx, g, m.model, tx.Now())
				return err
			}))
			refused(t, m.execute("ed", a), "promotion.unmet")
			m.must(m.do("ed", access.ModelDelete, "restores the model", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := registry.RestoreModel(ctx, tx, g, m.asset, tx.Now())
				return err
			}))
			m.must(m.execute("ed", a))
		},
		"bytes that are not what was approved do not become live": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a := m.ask("ed", 1)
			m.agree("rita", a)
			m.must(m.start("ed", a))
			m.must(m.verified(1, "model.bin: its bytes do not have the digest"))
			refused(t, m.complete("ed", a), "promotion.unmet")
		},
		"bytes that are not what was approved do not come back by a rollback": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			for v := int64(1); v <= 3; v++ {
				a := m.ask("ed", v)
				m.agree("rita", a)
				m.must(m.execute("ed", a))
			}
			const fault = "model.bin: its bytes do not have the digest"
			m.must(m.verified(2, fault))
			refused(t, m.rollback("root", 2), "slot.unverifiable")
			m.must(m.rollback("root", 0)) // over the broken one
			if got := m.last.aliases["production"]; got != 1 {
				t.Errorf("version %d is live", got)
			}
			m.must(m.verified(3, fault))
			refused(t, m.rollback("root", 0), "slot.no_before")
			m.must(m.verified(2, ""))
			m.must(m.rollback("root", 2)) // it is whole again
			m.must(m.unprotect())
			m.must(m.rollback("root", 3)) // what nothing protects takes what it is given
		},
		"somebody else's is not completed": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a := m.ask("ed", 1)
			m.agree("rita", a)
			m.must(m.start("ed", a))
			refused(t, m.complete("eve", a), "promotion.unmet")
			m.must(m.complete("root", a))
		},
		"the last word is the one said last, though a clock goes back": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			a := m.ask("ed", 1)
			m.agree("rita", a)
			m.now = m.now.Add(-time.Second)
			m.must(m.decide("rita", a, promotion.Reject, m.see(a)))
			if got := m.numbered(a); got["state"] != "in_review" || got["cause"] != "rejected" {
				t.Errorf("%s %s", got["state"], got["cause"])
			}
		},
		"who is erased does not count any more": func(t *testing.T, m *machine) {
			m.under(m.policies()[0])
			m.must(m.do("root", access.UserWrite, "lets zoe in", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := access.CreateUser(ctx, tx, g, "zoe", "zoe", "", access.Reviewer, tx.Now())
				return err
			}))
			a := m.ask("ed", 1)
			m.agree("zoe", a)
			m.must(m.do("root", access.UserWrite, "erases zoe", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return access.EraseUser(ctx, tx, g, "zoe")
			}))
			refused(t, m.execute("ed", a), "promotion.unmet")
		},
	}
	each(t, func(t *testing.T, w *world) {
		for name, corner := range corners {
			t.Run(name, func(t *testing.T) {
				w.t = t
				m := newMachine(w, true, func(invariant, story string) { t.Errorf("%s: %s", invariant, story) })
				corner(t, m)
				m.finish()
			})
		}
	})
}
