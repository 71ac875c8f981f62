package storage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

const lease = 30 * time.Second

// maintain runs fn as the server itself does.
func maintain(t *testing.T, db *storage.DB, fn func(context.Context, *storage.Tx) error) {
	t.Helper()
	storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func enqueue(t *testing.T, db *storage.DB, orders ...job.Job) {
	t.Helper()
	maintain(t, db, func(ctx context.Context, tx *storage.Tx) error {
		for i, o := range orders {
			if o.RunAt == 0 { // in this order
				o.RunAt = tx.Now().UnixMilli() + int64(i)
			}
			if err := tx.EnqueueJob(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func claim(t *testing.T, db *storage.DB, owner string, most int, now time.Time, kinds ...string) (out []job.Job) {
	t.Helper()
	maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
		out, err = tx.ClaimJobs(ctx, owner, kinds, most, now, now.Add(lease))
		return err
	})
	return out
}

func settle(t *testing.T, db *storage.DB, ended ...job.Job) (lost []job.Job) {
	t.Helper()
	maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
		lost, err = tx.SettleJobs(ctx, ended)
		return err
	})
	return lost
}

func expired(t *testing.T, db *storage.DB, now time.Time) (out []job.Job) {
	t.Helper()
	maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
		out, err = tx.ExpiredJobs(ctx, now, 10)
		return err
	})
	return out
}

func payloads(all []job.Job) (out []string) {
	for _, j := range all {
		out = append(out, string(j.Payload))
	}
	return out
}

func work(kind, key, payload string) job.Job {
	return job.Job{Kind: kind, Key: key, Payload: []byte(payload)}
}

func one(t *testing.T, all []job.Job) job.Job {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d jobs: %v", len(all), payloads(all))
	}
	return all[0]
}

// An order is part of the transaction that gave it.
func TestOrdersCommitWithTheirCaller(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		changed := errors.New("changed my mind")
		g := storagetest.Grant(t, "ada", access.Admin, access.Maintain)
		if err := db.Write(t.Context(), g, func(tx *storage.Tx) error {
			return errors.Join(g.Need(access.Maintain, g.Workspace()), tx.EnqueueJob(t.Context(), work("a", "", `1`)), changed)
		}); !errors.Is(err, changed) {
			t.Fatal(err)
		}
		select {
		case <-db.JobsOrdered():
			t.Error("an order was told that was taken back")
		default:
		}
		enqueue(t, db, job.Job{Kind: "a", Payload: []byte(`2`), CreatedBy: "ada", MaxAttempts: 7})
		select {
		case <-db.JobsOrdered():
		default:
			t.Error("an order was not told")
		}
		now := time.Now()
		j := one(t, claim(t, db, "me", 10, now, "a"))
		want := job.Job{
			ID: j.ID, Workspace: "default", Kind: "a", Payload: []byte(`2`), State: job.Running, Attempts: 1, MaxAttempts: 7, Owner: "me",
			RunAt: j.RunAt, CreatedAt: j.CreatedAt, CreatedBy: "ada", StartedAt: now.UnixMilli(), LeaseUntil: now.Add(lease).UnixMilli(),
		}
		if d := cmp.Diff(want, j); d != "" {
			t.Error(d)
		}
	})
}

func TestClaims(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now := time.Now().Add(time.Second)
		later := work("a", "", `"later"`)
		later.RunAt = now.Add(time.Minute).UnixMilli()
		enqueue(t, db, work("a", "", `1`), work("b", "", `2`), later, work("c", "", `3`), work("a", "", `4`))
		due := func(at time.Time, kinds ...string) (is bool) {
			maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
				is, err = tx.JobsDue(ctx, kinds, at)
				return err
			})
			return is
		}
		if !due(now, "a") || due(now, "d") || due(time.UnixMilli(1), "a") {
			t.Error("what is due is another")
		}
		if got := payloads(claim(t, db, "me", 2, now, "a", "b")); !cmp.Equal(got, []string{`1`, `2`}) {
			t.Errorf("the longest due come first, as many as wanted: %v", got)
		}
		if got := payloads(claim(t, db, "me", 10, now, "a", "b")); !cmp.Equal(got, []string{`4`}) {
			t.Errorf("of the kinds wanted: %v", got)
		}
		if got := payloads(claim(t, db, "me", 10, now)); got != nil || due(now, "a", "b") {
			t.Errorf("nothing is left: %v", got)
		}
		if got := payloads(claim(t, db, "me", 10, now.Add(time.Hour), "a", "c")); !cmp.Equal(got, []string{`3`, `"later"`}) {
			t.Errorf("not before its time: %v", got)
		}
	})
}

// Of one key one job waits and one is under way.
func TestUniqueKeys(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now := time.Now().Add(time.Second)
		soon, late := work("a", "k", `"joins"`), work("a", "k", `1`)
		late.RunAt = now.Add(time.Hour).UnixMilli()
		enqueue(t, db, late, soon, late, work("a", "", `2`), work("a", "", `2`))
		got := claim(t, db, "me", 10, now, "a")
		if d := cmp.Diff([]string{`1`, `2`, `2`}, payloads(got)); d != "" {
			t.Fatal(d)
		}
		first := got[0]
		enqueue(t, db, work("a", "k", `3`), work("a", "k", `4`), work("b", "k", `5`))
		if d := cmp.Diff([]string{`5`}, payloads(claim(t, db, "me", 10, now, "a", "b"))); d != "" {
			t.Errorf("another kind is another work, one behind a running one waits: %s", d)
		}
		settle(t, db, first.Fail(job.KindOf("a"), "no", now, 0))
		if got := claim(t, db, "me", 10, now, "a"); got != nil {
			t.Errorf("behind one that is to be tried again: %v", payloads(got))
		}
		now = now.Add(time.Minute)
		again := one(t, claim(t, db, "me", 10, now, "a"))
		if again.ID != first.ID || again.Attempts != 2 || again.LastError != "no" {
			t.Fatalf("%+v", again)
		}
		settle(t, db, again.Finish(now))
		if d := cmp.Diff([]string{`3`}, payloads(claim(t, db, "me", 10, now, "a"))); d != "" {
			t.Errorf("those behind it are one: %s", d)
		}
	})
}

// A job that an order joined does not begin before that order's transaction has committed.
func TestAJoinedJobWaitsForTheCommit(t *testing.T) {
	a, b := two(t)
	enqueue(t, a, work("a", "k", `1`))
	now := time.Now().Add(time.Second)
	storagetest.Write(t, a, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := errors.Join(g.Need(access.Maintain, g.Workspace()), tx.EnqueueJob(ctx, work("a", "k", `2`))); err != nil {
			return err
		}
		if got := claim(t, b, "other", 10, now, "a"); got != nil {
			t.Errorf("began before the commit: %v", payloads(got))
		}
		return nil
	})
	one(t, claim(t, b, "other", 10, now, "a"))
}

// two opens two handles on one PostgreSQL database, as two processes do.
func two(t *testing.T) (a, b *storage.DB) {
	t.Helper()
	dsn := storagetest.Postgres(t)
	for _, db := range []**storage.DB{&a, &b} {
		opened, err := storage.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		*db = opened
	}
	if _, _, err := a.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestLeases(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now, kind := time.Now().Add(time.Second), job.KindOf("a")
		enqueue(t, db, work("a", "k", `1`))
		first := one(t, claim(t, db, "paused", 10, now, "a"))
		beat := func(j job.Job, at time.Time) (ours bool) {
			maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
				ours, err = tx.HeartbeatJob(ctx, j, at.Add(lease))
				return err
			})
			return ours
		}
		now = now.Add(lease - time.Second)
		if !beat(first, now) {
			t.Error("the lease is not its owner's")
		}
		now = now.Add(lease)
		if got := expired(t, db, now); got != nil {
			t.Errorf("expired in spite of a heartbeat: %v", payloads(got))
		}
		now = now.Add(time.Second)
		if lost := settle(t, db, one(t, expired(t, db, now)).Expire(kind, now, 0)); lost != nil {
			t.Error("what expired was not taken back")
		}
		if beat(first, now) {
			t.Error("a lease that ran out was prolonged")
		}
		if got := claim(t, db, "other", 10, now, "a"); got != nil {
			t.Error("tried again without a delay")
		}
		now = now.Add(time.Minute)
		second := one(t, claim(t, db, "other", 10, now, "a"))
		if second.Attempts != 2 || second.LastError == "" {
			t.Errorf("the broken attempt does not count: %+v", second)
		}
		for name, late := range map[string]job.Job{"done": first.Finish(now), "failed": first.Fail(kind, "late", now, 0), "back": first.GiveBack(now)} {
			if lost := settle(t, db, late); len(lost) != 1 {
				t.Errorf("%s: the first attempt ended the second", name)
			}
		}
		if !beat(second, now) {
			t.Error("the second attempt is not its owner's")
		}
		sameOwner := first
		sameOwner.Owner = "other"
		if lost := settle(t, db, sameOwner.Finish(now)); len(lost) != 1 {
			t.Error("an attempt of the same process ended its next")
		}
		if lost := settle(t, db, second.Finish(now)); lost != nil {
			t.Error("the job is not done")
		}
		if lost := settle(t, db, second.Finish(now)); len(lost) != 1 {
			t.Error("the job was done twice")
		}
	})
}

func TestForgottenJobs(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now := time.Now().Add(time.Second)
		enqueue(t, db, work("a", "", `1`), work("a", "", `2`), work("a", "", `3`), work("b", "", `4`))
		got := claim(t, db, "me", 10, now, "a")
		settle(t, db, got[0].Finish(now), got[1].Finish(now.Add(time.Hour)))
		maintain(t, db, func(ctx context.Context, tx *storage.Tx) error {
			return tx.ForgetJobs(ctx, now.Add(time.Minute).UnixMilli())
		})
		var left int64
		maintain(t, db, func(ctx context.Context, tx *storage.Tx) error {
			return storage.Scan(ctx, tx, "SELECT COUNT(*) FROM jobs", &left)
		})
		if left != 3 {
			t.Errorf("%d jobs are left", left)
		}
	})
}

func TestListsOfJobs(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now := time.Now().Add(time.Second)
		enqueue(t, db, work("a", "", `1`), work("a", "", `2`), work("a", "", `3`), work("a", "", `4`))
		got := claim(t, db, "me", 3, now, "a")
		settle(t, db, got[0].Finish(now), got[1].Fail(job.Kind{}, "no", now, 0))
		var after string
		seen := map[string]job.State{}
		for range 3 { // the third page is not there
			storagetest.Read(t, db, access.JobRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				page, err := job.List(ctx, tx, g, "", after, 2)
				for i, j := range page.Jobs {
					if i > 0 && j.ID > page.Jobs[i-1].ID {
						t.Error("not the latest first")
					}
					seen[string(j.Payload)] = j.State
				}
				after = page.Next
				return err
			})
			if after == "" {
				break
			}
		}
		if d := cmp.Diff(map[string]job.State{`1`: job.Done, `2`: job.Queued, `3`: job.Running, `4`: job.Queued}, seen); d != "" || after != "" {
			t.Error(d)
		}
		var stats job.Stats
		maintain(t, db, func(ctx context.Context, tx *storage.Tx) (err error) {
			stats, err = tx.JobStats(ctx)
			return err
		})
		due := stats.Due
		stats.Due = 0
		if d := cmp.Diff(job.Stats{Queued: 2, Running: 1}, stats); d != "" || due == 0 {
			t.Errorf("due %d: %s", due, d)
		}
		storagetest.Read(t, db, access.JobRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if _, err := job.List(ctx, tx, g, job.Failed, "x", 2); domain.KindOf(err) != domain.Invalid {
				t.Errorf("a made-up token: %v", err)
			}
			page, err := job.List(ctx, tx, g, job.Running, "", 2)
			if len(page.Jobs) != 1 {
				t.Errorf("running: %v", payloads(page.Jobs))
			}
			return err
		})
	})
}

func TestAFailedJobIsTriedAgain(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		now := time.Now().Add(time.Second)
		order := work("a", "k", `1`)
		order.MaxAttempts = 1
		enqueue(t, db, order)
		j := one(t, claim(t, db, "me", 1, now, "a"))
		again := func(id string) error {
			return storagetest.TryWrite(t, db, access.JobRetry, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return job.Again(ctx, tx, g, id)
			})
		}
		if err := again(j.ID); domain.KindOf(err) != domain.Conflict {
			t.Errorf("a running one: %v", err)
		}
		settle(t, db, j.Fail(job.Kind{}, "no", now, 0))
		if err := again(j.ID); err != nil {
			t.Fatal(err)
		}
		if err := again(j.ID); domain.KindOf(err) != domain.NotFound {
			t.Errorf("twice: %v", err)
		}
		next := one(t, claim(t, db, "me", 1, now, "a"))
		if next.Key != "k" || string(next.Payload) != `1` || next.CreatedBy != "ada" || next.Attempts != 1 || next.MaxAttempts != 5 || next.LastError != "" {
			t.Errorf("%+v", next)
		}
		var audited int64
		maintain(t, db, func(ctx context.Context, tx *storage.Tx) error {
			return storage.Scan(ctx, tx, "SELECT COUNT(*) FROM audit_lines WHERE action = 'job.retry'", &audited)
		})
		if audited != 1 {
			t.Errorf("%d audit lines", audited)
		}
	})
}
