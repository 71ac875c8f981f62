package storage_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

var _ promotion.ReadTx = (*storage.Tx)(nil)

func (w team) see(p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) error {
	w.t.Helper()
	g := storagetest.Grant(w.t, "vic", access.Viewer, p)
	return w.db.Read(w.t.Context(), g, func(tx *storage.Tx) error { return fn(w.t.Context(), tx, g) })
}

func TestReadingPromotionsAndSlots(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := newTeam(t, db, oneApproval)
		r := w.create("ed", 1)
		r, err := w.decide("rita", access.Reviewer, r, promotion.Approve)
		w.must(err)
		if r, err = w.execute("ed", r); err != nil {
			t.Fatal(err)
		}
		other := w.create("eve", 2)
		for _, body := range []string{"one", "two", "three"} {
			w.must(w.as("ed", access.Editor, access.PromotionComment, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Comment(ctx, tx, g, other.Number, body, nil, tx.Now())
				return err
			}))
		}

		w.must(w.see(access.PromotionRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for _, c := range []struct {
				environment, model string
				q                  promotion.Query
				want               []int64
			}{
				{"", "", promotion.Query{Most: 10}, []int64{2, 1}},
				{"", "", promotion.Query{Most: 1}, []int64{2}},
				{"", "", promotion.Query{Most: 10, Below: 2}, []int64{1}},
				{"Production", "churn", promotion.Query{Most: 10, Open: true}, []int64{2}},
				{"staging", "", promotion.Query{Most: 10}, nil},
				{"", "churn", promotion.Query{Most: 10, State: promotion.Completed}, []int64{1}},
			} {
				q, err := promotion.Among(ctx, tx, g, c.q, c.environment, c.model)
				w.must(err)
				all, err := promotion.List(ctx, tx, g, q)
				w.must(err)
				var got []int64
				for _, r := range all {
					got = append(got, r.Number)
					if r.Asset != "churn" || r.Environment != "production" {
						t.Errorf("PR-%d is of %s in %s", r.Number, r.Asset, r.Environment)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%+v: got %v", c, got)
				}
			}
			_, err := promotion.Among(ctx, tx, g, promotion.Query{}, "", "nobody")
			refused(t, err, "registry.no_model")
			_, err = promotion.Among(ctx, tx, g, promotion.Query{}, "nowhere", "")
			refused(t, err, "env.none")

			story, err := promotion.Story(ctx, tx, g, r.Number, 10)
			w.must(err)
			var kinds []string
			for _, n := range story {
				kinds = append(kinds, n.Kind)
			}
			if !slices.Equal(kinds, []string{"created", "submitted", "executing", "completed"}) {
				t.Errorf("the story is %v", kinds)
			}
			if story, err = promotion.Story(ctx, tx, g, r.Number, 1); err != nil || len(story) != 1 || story[0].Kind != "completed" {
				t.Errorf("the end of the story is %+v %v", story, err)
			}
			_, err = promotion.Story(ctx, tx, g, 99, 10)
			refused(t, err, "promotion.none")

			var said []string
			for last := (promotion.Note{}); ; {
				page, err := promotion.Comments(ctx, tx, g, other.Number, last, 2)
				w.must(err)
				if len(page) == 0 {
					break
				}
				for _, n := range page {
					said, last = append(said, n.Body), n
				}
			}
			if !slices.Equal(said, []string{"one", "two", "three"}) {
				t.Errorf("said: %v", said)
			}
			return nil
		}))

		w.must(w.see(access.EnvironmentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			live, err := promotion.Live(ctx, tx, g)
			w.must(err)
			if len(live) != 1 || live[0].Asset != "churn" || live[0].Environment.Name != "production" || live[0].Slot.Stable.Number != 1 {
				t.Errorf("live: %+v", live)
			}
			p, err := promotion.LiveIn(ctx, tx, g, "staging", "churn")
			w.must(err)
			if p.Slot.Generation != 0 || p.Slot.Stable.ID != "" || p.Environment.Name != "staging" {
				t.Errorf("in staging: %+v", p)
			}
			since := live[0].Slot.Since
			for at, want := range map[int64]int64{since - 1: 0, since: 1, since + 1: 1} {
				c, err := promotion.LiveAt(ctx, tx, g, "production", "churn", at)
				w.must(err)
				if c.To.Number != want {
					t.Errorf("%d ms after the release: version %d, want %d", at-since, c.To.Number, want)
				}
			}
			changes, err := promotion.SlotStory(ctx, tx, g, "production", "churn", 0, 10)
			w.must(err)
			if len(changes) != 1 || changes[0].Request != r.ID {
				t.Errorf("history: %+v", changes)
			}
			_, err = promotion.LiveIn(ctx, tx, g, "production", "nobody")
			if domain.KindOf(err) != domain.NotFound {
				t.Errorf("a model that is not there: %v", err)
			}
			return nil
		}))
	})
}

func TestWhereVersionsWereLive(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := newTeam(t, db, oneApproval)
		var all []promotion.Request
		for n := int64(1); n <= 2; n++ {
			r := w.create("ed", n)
			r, err := w.decide("rita", access.Reviewer, r, promotion.Approve)
			w.must(err)
			r, err = w.execute("ed", r)
			w.must(err)
			all = append(all, r)
		}
		first, second := all[0], all[1]
		w.must(w.see(access.PromotionRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			one := func(version string) promotion.Stay {
				found, err := promotion.Stays(ctx, tx, g, first.AssetID, version)
				if err != nil || len(found) != 1 || found[0].Environment != "production" || found[0].By != "ed" {
					t.Fatalf("%+v %v", found, err)
				}
				return found[0]
			}
			was, is := one(first.Candidate.ID), one("")
			if was.To.Number != 1 || was.Number != first.Number || was.Until != is.At || was.Until == 0 {
				t.Errorf("what was live: %+v", was)
			}
			if is.To.Number != 2 || is.Number != second.Number || is.Until != 0 {
				t.Errorf("what is live: %+v", is)
			}
			never, err := promotion.Stays(ctx, tx, g, first.AssetID, "another")
			if err != nil || never != nil {
				t.Errorf("what was never live: %+v %v", never, err)
			}
			found, err := promotion.List(ctx, tx, g, promotion.Query{Version: first.Candidate.ID, Most: 10})
			if err != nil || len(found) != 1 || found[0].Number != first.Number {
				t.Errorf("asked for the first version: %+v %v", found, err)
			}
			reviews, err := tx.PromotionReviews(ctx, first.ID)
			w.must(err)
			if by := first.Approvers(reviews); !slices.Equal(by, []string{"rita"}) {
				t.Errorf("approved by %v", by)
			}
			first.Revision++
			if by := first.Approvers(reviews); by != nil {
				t.Errorf("what was edited is approved by %v", by)
			}
			return nil
		}))
	})
}

func (w team) account(name string, role access.Role) (u access.User) {
	w.t.Helper()
	w.must(w.as("root", access.Admin, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		u, err = access.CreateUser(ctx, tx, g, storage.NewID(tx.Now()), name, "x", role, tx.Now())
		return err
	}))
	return u
}

func TestMentions(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := newTeam(t, db, oneApproval)
		r := w.create("ed", 1)
		people := map[string]access.User{}
		for name, role := range map[string]access.Role{"ann": access.Viewer, "ben": access.Editor, "gone": access.Editor} {
			people[name] = w.account(name, role)
		}
		w.must(w.as("root", access.Admin, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return access.SetDisabled(ctx, tx, g, people["gone"].ID, true)
		}))
		comment := func(who string, names ...string) error {
			return w.as(who, access.Editor, access.PromotionComment, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Comment(ctx, tx, g, r.Number, "look", names, tx.Now())
				return err
			})
		}
		waits := func(name string) (n int) {
			g := storagetest.Grant(t, people[name].ID, access.Viewer, access.PromotionRead)
			w.must(db.Read(t.Context(), g, func(tx *storage.Tx) error {
				all, err := promotion.Inbox(t.Context(), tx, g)
				for _, x := range all {
					if x.ID != r.ID || !x.Mentioned {
						t.Errorf("%s is waited for by %+v", name, x)
					}
				}
				n = len(all)
				return err
			}))
			return n
		}
		w.must(comment("ed", "ann", "ben", "gone", "nobody"))
		w.must(comment("ed", "ann"))
		if waits("ann") != 1 || waits("ben") != 1 || waits("gone") != 0 {
			t.Errorf("mentioned: %d %d %d", waits("ann"), waits("ben"), waits("gone"))
		}
		g := storagetest.Grant(t, people["ann"].ID, access.Viewer, access.PromotionRead)
		w.must(db.Write(t.Context(), g, func(tx *storage.Tx) error { return promotion.Seen(t.Context(), tx, g, r.Number) }))
		w.must(comment(people["ben"].ID, "ben"))
		if waits("ann") != 0 || waits("ben") != 0 {
			t.Errorf("who opened it or commented is still waited for: %d %d", waits("ann"), waits("ben"))
		}
		var many []string
		for i := range 21 {
			name := "p" + strconv.Itoa(i)
			many = append(many, name)
			w.account(name, access.Viewer)
		}
		refused(t, comment("ed", many...), "promotion.mentions")
		w.must(comment("ed", many[1:]...))
	})
}
