package storage_test

import (
	"context"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// team is a workspace with people, a model of three versions and a protected production that asks for one approval.
type team struct {
	t  *testing.T
	db *storage.DB
}

func (w team) as(who string, role access.Role, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) error {
	w.t.Helper()
	g := storagetest.Grant(w.t, who, role, p)
	return w.db.Write(w.t.Context(), g, func(tx *storage.Tx) error { return fn(w.t.Context(), tx, g) })
}

func (w team) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newTeam(t *testing.T, db *storage.DB, policy promotion.Policy) team {
	t.Helper()
	w := team{t, db}
	now := time.Now()
	w.must(w.as("root", access.Admin, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for who, role := range map[string]access.Role{"ed": access.Editor, "eve": access.Editor, "rita": access.Reviewer, "rob": access.Reviewer, "root": access.Admin} {
			if err := g.Need(access.UserWrite, g.Workspace()); err != nil {
				return err
			}
			if err := tx.AddUser(ctx, access.User{ID: who, Name: who, CreatedBy: "root"}); err != nil {
				return err
			}
			if err := tx.SetRole(ctx, who, access.DefaultWorkspace, role); err != nil {
				return err
			}
		}
		return nil
	}))
	w.must(w.as("ed", access.Editor, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: "churn"}, now)
		if err != nil {
			return err
		}
		for n := int64(1); n <= 3; n++ {
			id := tracking.NewID()
			v := registry.Version{
				ID: id, ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: id + id, Manifest: `{"files":[],"kind":"model"}`, CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(), CreatedBy: "ed",
			}
			if err := tx.AddVersion(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}))
	w.must(w.as("root", access.Admin, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		e, _, err := promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, "production")
		if err != nil {
			return err
		}
		_, err = promotion.ChangeEnvironment(ctx, tx, g, "production", policy, e.Revision, now)
		return err
	}))
	w.must(w.as("root", access.Admin, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", now)
		return err
	}))
	return w
}

func (w team) create(who string, version int64) (r promotion.Request) {
	w.t.Helper()
	w.must(w.as(who, access.Editor, access.PromotionPropose, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		if r, err = promotion.Create(ctx, tx, g, "production", "churn", version, "better", tx.Now()); err != nil {
			return err
		}
		r, err = promotion.Submit(ctx, tx, g, r.Number, tx.Now())
		return err
	}))
	return r
}

func (w team) decide(who string, role access.Role, r promotion.Request, d promotion.Decision) (promotion.Request, error) {
	var out promotion.Request
	err := w.as(who, role, access.PromotionReview, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		out, err = promotion.Decide(ctx, tx, g, r.Number, d, "seen", r.Binding(), tx.Now())
		return err
	})
	return out, err
}

func (w team) execute(who string, r promotion.Request) (promotion.Request, error) {
	var out promotion.Request
	err := w.as(who, access.Editor, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		out, err = promotion.Execute(ctx, tx, g, r.Number, tx.Now())
		return err
	})
	return out, err
}

func (w team) look(r promotion.Request) (s promotion.Situation) {
	w.t.Helper()
	g := storagetest.Grant(w.t, "ed", access.Editor, access.PromotionRead)
	w.must(w.db.Read(w.t.Context(), g, func(tx *storage.Tx) (err error) {
		s, err = promotion.Look(w.t.Context(), tx, g, r.Number, tx.Now())
		return err
	}))
	return s
}

func (w team) alias(name string) (n int64) {
	w.t.Helper()
	g := storagetest.Grant(w.t, "ed", access.Editor, access.ModelRead)
	w.must(w.db.Read(w.t.Context(), g, func(tx *storage.Tx) error {
		v, err := registry.VersionByAlias(w.t.Context(), tx, g, access.ModelRead, "churn", name)
		n = v.Number
		if domain.KindOf(err) == domain.Invalid {
			return nil
		}
		return err
	}))
	return n
}

var oneApproval = promotion.Policy{Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer, access.Admin}}}}}

func refused(t *testing.T, err error, key string) {
	t.Helper()
	if e := domain.As(err); e == nil || e.Key != key {
		t.Errorf("got %v, want %s", err, key)
	}
}

func TestPromotionFromRequestToRollback(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := newTeam(t, db, oneApproval)
		r := w.create("ed", 1)
		if r.State != promotion.InReview || r.Number != 1 {
			t.Fatalf("%+v", r)
		}
		_, err := w.execute("ed", r)
		refused(t, err, "promotion.unmet")
		_, err = w.decide("ed", access.Admin, r, promotion.Approve)
		refused(t, err, "promotion.own")
		if r, err = w.decide("rita", access.Reviewer, r, promotion.Approve); err != nil || r.State != promotion.Approved {
			t.Fatalf("%v %v", r.State, err)
		}
		other := w.create("eve", 2)
		if other, err = w.decide("rob", access.Reviewer, other, promotion.Approve); err != nil || other.State != promotion.Approved {
			t.Fatalf("%v %v", other.State, err)
		}
		if r, err = w.execute("ed", r); err != nil || r.State != promotion.Completed {
			t.Fatalf("%v %v", r.State, err)
		}
		if n := w.alias("production"); n != 1 {
			t.Errorf("production names %d", n)
		}
		// The other one was compared with nothing live: it is to be looked at again.
		s := w.look(other)
		if s.Request.State != promotion.InReview || s.Request.Base != 1 {
			t.Errorf("the other is %s at %d", s.Request.State, s.Request.Base)
		}
		if stale := s.Reviews[0].Binding.Stale(s.Request.Binding()); stale != "base" {
			t.Errorf("its review is stale: %q", stale)
		}
		_, err = w.decide("rob", access.Reviewer, other, promotion.Approve) // with what was seen before
		refused(t, err, "promotion.stale")
		_, err = w.execute("eve", other)
		refused(t, err, "promotion.unmet")
		if other, err = w.decide("rob", access.Reviewer, s.Request, promotion.Approve); err != nil {
			t.Fatal(err)
		}
		if _, err = w.execute("eve", other); err != nil {
			t.Fatal(err)
		}
		// Nobody moves it another way.
		refused(t, w.as("root", access.Admin, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return registry.SetAlias(ctx, tx, g, "churn", "production", 3, tx.Now())
		}), "slot.protected")
		refused(t, w.as("root", access.Admin, access.ModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := registry.DeleteVersion(ctx, tx, g, "churn", 2, tx.Now())
			return err
		}), "slot.protected")
		var back slot.Slot
		for range 2 { // a second click changes nothing
			w.must(w.as("root", access.Admin, access.SlotRollback, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				back, err = promotion.Rollback(ctx, tx, g, "production", r.AssetID, r.Candidate.ID, "errors", 2, tx.Now())
				return err
			}))
		}
		if back.Generation != 3 || w.alias("production") != 1 {
			t.Errorf("after the rollback: generation %d, production %d", back.Generation, w.alias("production"))
		}
	})
}
