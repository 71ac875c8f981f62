package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// clock is the time of a test, some way into the future, where all orders are due.
type clock struct{ now time.Time }

func newClock() *clock                   { return &clock{time.Now().Add(time.Minute)} }
func (c *clock) read() time.Time         { return c.now }
func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

// byHand is a runner whose turns the test takes.
func byHand(db *storage.DB, c *clock, works ...Work) *Runner {
	r := &Runner{DB: db, Works: works, Log: slog.New(slog.DiscardHandler), Now: c.read}
	r.prepare()
	return r
}

// finish takes turns until what runs has ended and is settled.
func (r *Runner) finish(ctx context.Context) {
	r.turn(ctx)
	for len(r.running) > 0 {
		r.end(<-r.ended)
		r.turn(ctx)
	}
}

func kind(name string) job.Kind {
	return job.Kind{Name: name, Attempts: 3, First: 10 * time.Second, Longest: time.Minute, Timeout: time.Hour}
}

func order(t *testing.T, db *storage.DB, orders ...job.Job) {
	t.Helper()
	if err := write(t.Context(), db, "test", func(tx *storage.Tx) error {
		for _, o := range orders {
			if err := tx.EnqueueJob(t.Context(), o); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// all lists the jobs, the first ordered first.
func all(t *testing.T, db *storage.DB) (out []job.Job) {
	t.Helper()
	if err := read(t.Context(), db, "test", func(tx *storage.Tx) error {
		page, err := tx.Jobs(t.Context(), "default", "", "", 1000)
		for i := range page.Jobs {
			out = append(out, page.Jobs[len(page.Jobs)-1-i])
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func only(t *testing.T, db *storage.DB) job.Job {
	t.Helper()
	found := all(t, db)
	if len(found) != 1 {
		t.Fatalf("%d jobs: %+v", len(found), found)
	}
	return found[0]
}

func TestRetries(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		c := newClock()
		var failing error
		var attempts []int
		r := byHand(db, c, Work{kind("flaky"), func(_ context.Context, j job.Job) error {
			attempts = append(attempts, j.Attempts)
			if string(j.Payload) == `"panics"` {
				panic("no")
			}
			return failing
		}})
		order(t, db, job.Job{Kind: "flaky", MaxAttempts: 3})
		failing = errors.New("the disk is full")
		r.finish(t.Context())
		j := only(t, db)
		delay := time.UnixMilli(j.RunAt).Sub(c.now)
		if j.State != job.Queued || j.Attempts != 1 || j.LastError != "the disk is full" || delay < 4*time.Second || delay > 10*time.Second {
			t.Fatalf("after the first attempt, due in %v: %+v", delay, j)
		}
		r.finish(t.Context())
		if len(attempts) != 1 {
			t.Error("tried again at once")
		}
		c.forward(time.Minute)
		failing = nil
		r.finish(t.Context())
		if j := only(t, db); j.State != job.Done || j.Attempts != 2 || j.LastError != "" || j.Owner != "" || j.FinishedAt != c.now.UnixMilli() {
			t.Errorf("%+v", j)
		}
		order(t, db, job.Job{Kind: "flaky", MaxAttempts: 3, Payload: []byte(`"panics"`)})
		for range 5 {
			c.forward(time.Minute)
			r.finish(t.Context())
		}
		if j := all(t, db)[1]; j.State != job.Failed || j.Attempts != 3 || j.LastError != "it panicked: no" {
			t.Errorf("%+v", j)
		}
		if !cmp.Equal(attempts, []int{1, 2, 1, 2, 3}) {
			t.Errorf("attempts %v", attempts)
		}
	})
}

func TestTimeout(t *testing.T) {
	db, c := storagetest.Open(t), newClock()
	k := kind("slow")
	k.Timeout = time.Millisecond
	r := byHand(db, c, Work{k, func(ctx context.Context, _ job.Job) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	order(t, db, job.Job{Kind: "slow"})
	r.finish(t.Context())
	if j := only(t, db); j.State != job.Queued || j.LastError != "it took longer than 1ms: context deadline exceeded" {
		t.Errorf("%+v", j)
	}
}

// A process that was paused comes back to a job that another has done meanwhile: it is told to stop, and what it did
// does not count.
func TestAPausedProcess(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		c := newClock()
		causes := make(chan error, 1)
		paused := byHand(db, c, Work{kind("k"), func(ctx context.Context, _ job.Job) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil
		}})
		other := byHand(db, c, Work{kind("k"), func(context.Context, job.Job) error { return nil }})
		order(t, db, job.Job{Kind: "k", MaxAttempts: 3})
		paused.turn(t.Context())
		c.forward(20 * time.Second)
		paused.beat(t.Context())
		c.forward(20 * time.Second)
		other.finish(t.Context())
		if j := only(t, db); j.State != job.Running || j.Owner != paused.owner {
			t.Fatalf("a job was taken away from one who lives: %+v", j)
		}
		c.forward(20 * time.Second)
		other.finish(t.Context())
		if j := only(t, db); j.State != job.Queued || j.Attempts != 1 || j.LastError != "attempt 1 of 3 broke off: the process that ran it ended or hung" {
			t.Fatalf("%+v", j)
		}
		c.forward(time.Minute)
		other.finish(t.Context())
		paused.beat(t.Context())
		if cause := <-causes; !errors.Is(cause, errTaken) {
			t.Errorf("told %v", cause)
		}
		done := only(t, db)
		c.forward(time.Minute)
		paused.finish(t.Context())
		if j := only(t, db); j.State != job.Done || j.Attempts != 2 || !cmp.Equal(j, done) {
			t.Errorf("%+v", j)
		}
	})
}

// A job that ends every process that touches it is given up in the end.
func TestAJobThatKills(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		c := newClock()
		order(t, db, job.Job{Kind: "k", MaxAttempts: 3})
		for range 10 {
			r := byHand(db, c, Work{kind("k"), func(ctx context.Context, _ job.Job) error {
				<-ctx.Done()
				return nil
			}})
			ctx, die := context.WithCancel(t.Context())
			r.turn(ctx) // and is heard of no more
			die()
			c.forward(2 * time.Minute)
		}
		if j := only(t, db); j.State != job.Failed || j.Attempts != 3 || j.LastError != "attempt 3 of 3 broke off: the process that ran it ended or hung" {
			t.Errorf("%+v", j)
		}
	})
}

// A stop gives back at once what is not done, and keeps what is.
func TestStop(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		begun := make(chan struct{}, 2)
		r := &Runner{DB: db, Log: slog.New(slog.DiscardHandler), Poll: time.Hour, Works: []Work{{kind("k"), func(ctx context.Context, j job.Job) error {
			begun <- struct{}{}
			<-ctx.Done()
			if string(j.Payload) == `"done"` {
				return nil
			}
			return ctx.Err()
		}}}}
		stop := r.Start(t.Context())
		order(t, db, job.Job{Kind: "k", MaxAttempts: 3}, job.Job{Kind: "k", Payload: []byte(`"done"`)}) // heard of before the next poll
		<-begun
		<-begun
		stop()
		for _, j := range all(t, db) {
			want := job.Job{State: job.Queued, Attempts: 1, MaxAttempts: 4, LastError: "given back: the server stopped"}
			if string(j.Payload) == `"done"` {
				want = job.Job{State: job.Done, Attempts: 1, MaxAttempts: 5}
			}
			if got := (job.Job{State: j.State, Attempts: j.Attempts, MaxAttempts: j.MaxAttempts, LastError: j.LastError, Owner: j.Owner}); !cmp.Equal(got, want) {
				t.Errorf("%s: %+v", j.Payload, got)
			}
			if j.RunAt > time.Now().UnixMilli() {
				t.Error("it waits")
			}
		}
	})
}

// A handler that does not hear the stop is not waited for, and its late word changes nothing.
func TestAHandlerThatDoesNotHear(t *testing.T) {
	db, c := storagetest.Open(t), newClock()
	release := make(chan struct{})
	r := byHand(db, c, Work{kind("k"), func(context.Context, job.Job) error {
		<-release
		return nil
	}})
	order(t, db, job.Job{Kind: "k"})
	r.turn(t.Context())
	for a := range r.running {
		r.end(outcome{a, errStopping})
	}
	close(release)
	r.end(<-r.ended)
	r.stop(t.Context())
	if j := only(t, db); j.State != job.Queued {
		t.Errorf("%+v", j)
	}
}

// Of several processes one runs what the clock orders, once a period.
func TestSchedule(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		c := newClock()
		hourly, runs, failing := kind("hourly"), 0, errors.New("no")
		hourly.Every = time.Hour
		hourly.Attempts = 1
		var both []*Runner
		for range 2 {
			both = append(both, byHand(db, c, Work{hourly, func(context.Context, job.Job) error {
				runs++
				return failing // whatever becomes of it
			}}))
		}
		turn := func() {
			for _, r := range both {
				r.finish(t.Context())
			}
		}
		turn()
		c.forward(59 * time.Minute)
		turn()
		if runs != 0 {
			t.Error("too early")
		}
		for hour := range 3 {
			c.forward(time.Hour)
			turn()
			if runs != hour+1 {
				t.Errorf("%d runs in %d hours", runs, hour+1)
			}
		}
		waiting := 0
		for _, j := range all(t, db) {
			if j.State == job.Queued && j.Attempts == 0 {
				waiting++
				if j.RunAt != c.now.Add(time.Hour).UnixMilli() {
					t.Errorf("the next is at %v, now it is %v", time.UnixMilli(j.RunAt), c.now)
				}
			}
		}
		if waiting != 1 {
			t.Errorf("%d wait", waiting)
		}
	})
}

// Several processes share the work: each job is done, by one attempt, and never by two at once.
func TestRunnersShare(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { share(t, db, db) })
	t.Run("two processes", func(t *testing.T) {
		dsn := storagetest.Postgres(t)
		var both []*storage.DB
		for range 2 {
			db, err := storage.Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			both = append(both, db)
		}
		if _, _, err := both[0].Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		share(t, both...)
	})
}

func share(t *testing.T, dbs ...*storage.DB) {
	const n = 200
	var mu sync.Mutex
	now, runs := map[string]bool{}, map[string]int{}
	finished := make(chan struct{}, 10*n)
	handle := func(_ context.Context, j job.Job) error {
		name := string(j.Payload)
		mu.Lock()
		defer mu.Unlock()
		if now[name] {
			t.Errorf("%s is run by two at once", name)
		}
		runs[name]++
		now[name] = true
		mu.Unlock()
		for range 1000 { // meanwhile the others
		}
		mu.Lock()
		now[name] = false
		finished <- struct{}{}
		return nil
	}
	var stops []func()
	for _, db := range dbs {
		r := &Runner{DB: db, Log: slog.New(slog.DiscardHandler), Poll: time.Millisecond, Works: []Work{{kind("k"), handle}}}
		stops = append(stops, r.Start(t.Context()))
	}
	for i := range n {
		order(t, dbs[i%len(dbs)], job.Job{Kind: "k", Payload: fmt.Appendf(nil, "%d", i)})
	}
	for range n {
		<-finished
	}
	for _, stop := range stops {
		stop()
	}
	for _, j := range all(t, dbs[0]) {
		if j.State != job.Done || j.Attempts != 1 || runs[string(j.Payload)] != 1 {
			t.Errorf("%d runs: %+v", runs[string(j.Payload)], j)
		}
	}
	if len(runs) != n {
		t.Errorf("%d jobs ran", len(runs))
	}
}

// Who orders a job goes by job.Kinds: a kind that nobody does would wait forever.
func TestEveryKindHasAHandler(t *testing.T) {
	var handled []job.Kind
	for _, w := range works(With{}) {
		handled = append(handled, w.Kind)
	}
	if d := cmp.Diff(job.Kinds, handled); d != "" {
		t.Error(d)
	}
}

// What a handler says of its failure is kept without what the box opened.
func TestErrorsAreKeptWithoutSecrets(t *testing.T) {
	db, c := storagetest.Open(t), newClock()
	r := byHand(db, c, Work{kind("k"), func(context.Context, job.Job) error {
		return errors.New("they said no to planted")
	}})
	r.Redact = strings.NewReplacer("planted", "[secret k]").Replace
	order(t, db, job.Job{Kind: "k"})
	r.finish(t.Context())
	if j := only(t, db); j.LastError != "they said no to [secret k]" {
		t.Errorf("%+v", j)
	}
}
