package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
)

// Handler does the work of one kind. It may be given the same job again, after an attempt that failed or that a crash cut
// short, and returns soon after ctx ends: at a stop of the server, at the kind's timeout, or when the job was taken away.
type Handler func(ctx context.Context, j job.Job) error

// Work is a kind of job with what does it.
type Work struct {
	job.Kind
	Do Handler
}

// Runner runs the jobs of a database, beside any number of other processes. What is 0 has a sensible value.
type Runner struct {
	DB      *storage.DB
	Works   []Work
	Log     *slog.Logger
	Workers int                 // jobs at a time; 4
	Lease   time.Duration       // for how long a job is a process's own unless it says so again, which it does three times in it; 30 s
	Poll    time.Duration       // how often the database is asked for what other processes ordered or what has become due; 1 s
	Now     func() time.Time    // the clock of leases and delays
	Redact  func(string) string // takes secrets out of what is kept of errors; all of it is kept without

	owner     string
	works     map[string]Work
	kinds     []string
	running   map[*attempt]struct{}
	ended     chan outcome
	unsettled []result // the database does not know them yet
	scheduled bool     // what the clock orders is ordered
}

const (
	settleTime = 10 * time.Second // for the database to take what a turn has to say
	stopGrace  = 5 * time.Second  // for handlers to notice a stop
	takenBack  = 100              // expired jobs in one turn
)

var (
	errStopping = errors.New("the server stops")
	errTaken    = errors.New("the lease ran out, and the job was taken away")
)

// attempt is one job in the hands of this process.
type attempt struct {
	job.Job
	work   Work
	begun  time.Time
	ctx    context.Context //nolint:containedctx // its life, which ends in other places than it begins
	cancel context.CancelCauseFunc
}

// outcome is how a handler came back.
type outcome struct {
	*attempt
	err error
}

// result is what becomes of a job after an attempt.
type result struct {
	job.Job
	took time.Duration
}

// Start begins to run jobs and returns what ends it: handlers are told to stop, and jobs that are not done go back to
// the queue at once.
func (r *Runner) Start(ctx context.Context) (stop func()) {
	r.prepare()
	ctx, cancel := context.WithCancelCause(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.run(ctx)
	}()
	return func() {
		cancel(errStopping)
		<-gone
	}
}

func (r *Runner) prepare() {
	r.Workers, r.Lease, r.Poll = cmp.Or(r.Workers, 4), cmp.Or(r.Lease, 30*time.Second), cmp.Or(r.Poll, time.Second)
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Redact == nil {
		r.Redact = func(text string) string { return text }
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	r.owner = fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8])
	r.works = map[string]Work{}
	for _, w := range r.Works {
		r.works[w.Name] = w
		r.kinds = append(r.kinds, w.Name)
	}
	r.running = map[*attempt]struct{}{}
	r.ended = make(chan outcome, r.Workers) // so that one who is not waited for can end
}

func (r *Runner) run(ctx context.Context) {
	poll, beat := time.NewTicker(r.Poll), time.NewTicker(r.Lease/3)
	defer poll.Stop()
	defer beat.Stop()
	r.turn(ctx)
	for {
		select {
		case <-ctx.Done():
			r.stop(ctx)
			return
		case o := <-r.ended:
			r.end(o)
			r.turn(ctx)
		case <-r.DB.JobsOrdered():
			if len(r.running) < r.Workers {
				r.turn(ctx)
			}
		case <-poll.C:
			if r.due(ctx) {
				r.turn(ctx)
			}
		case <-beat.C:
			r.beat(ctx)
		}
	}
}

// due reports whether a turn would find something to do. It only reads, so that an idle server writes nothing.
func (r *Runner) due(ctx context.Context) (is bool) {
	if !r.scheduled || len(r.unsettled) > 0 {
		return true
	}
	if err := read(ctx, r.DB, "jobs", func(tx *storage.Tx) (err error) {
		is, err = tx.JobsDue(ctx, r.kinds, r.Now())
		return err
	}); err != nil && ctx.Err() == nil {
		r.Log.WarnContext(ctx, "looking for jobs failed", "error", err.Error())
	}
	return is
}

// turn is one transaction: it settles what has ended, takes back what others abandoned, and begins as many jobs as
// there are hands. If it fails, all of that waits for the next.
func (r *Runner) turn(ctx context.Context) {
	for range len(r.ended) { // those that ended together are settled together
		r.end(<-r.ended)
	}
	hands := r.Workers - len(r.running)
	if ctx.Err() != nil {
		hands = 0
	}
	var claimed, expired []job.Job
	err := r.write(ctx, func(ctx context.Context, tx *storage.Tx) (err error) {
		now := r.Now()
		if expired, err = r.takeBack(ctx, tx, now); err != nil {
			return err
		}
		if claimed, err = tx.ClaimJobs(ctx, r.owner, r.kinds, hands, now, now.Add(r.Lease)); err != nil {
			return err
		}
		return r.schedule(ctx, tx, claimed, now)
	})
	if err != nil {
		return
	}
	r.scheduled = true
	for _, j := range expired {
		r.report(ctx, j)
	}
	for _, j := range claimed {
		r.begin(ctx, j)
	}
}

// write settles what has ended in a transaction with fn. A stop does not cut it short.
func (r *Runner) write(ctx context.Context, fn func(context.Context, *storage.Tx) error) error {
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	var ended, lost []job.Job
	for _, s := range r.unsettled {
		ended = append(ended, s.Job)
	}
	err := write(patient, r.DB, "jobs", func(tx *storage.Tx) (err error) {
		if lost, err = tx.SettleJobs(patient, ended); err != nil {
			return err
		}
		return fn(patient, tx)
	})
	if err != nil {
		r.Log.WarnContext(ctx, "running jobs failed and is tried again", "error", err.Error())
		return err
	}
	for _, s := range r.unsettled {
		if slices.ContainsFunc(lost, func(j job.Job) bool { return j.ID == s.ID && j.Attempts == s.Attempts }) {
			r.Log.WarnContext(ctx, "job was taken away before it ended", "job", s.ID, "kind", s.Kind, "attempt", s.Attempts)
			continue
		}
		r.report(ctx, s.Job, "ms", s.took.Milliseconds())
	}
	r.unsettled = nil
	return nil
}

func (r *Runner) takeBack(ctx context.Context, tx *storage.Tx, now time.Time) ([]job.Job, error) {
	expired, err := tx.ExpiredJobs(ctx, now, takenBack)
	for i, j := range expired {
		k := job.KindOf(j.Kind)
		if w, ours := r.works[j.Kind]; ours {
			k = w.Kind
		}
		expired[i] = j.Expire(k, now, spread())
	}
	if err == nil {
		_, err = tx.SettleJobs(ctx, expired)
	}
	return expired, err
}

// schedule orders what the clock orders: at the start, and the next with the beginning of one.
func (r *Runner) schedule(ctx context.Context, tx *storage.Tx, begun []job.Job, now time.Time) error {
	for _, w := range r.Works {
		if w.Every > 0 && (!r.scheduled || slices.ContainsFunc(begun, w.Repeats)) {
			if err := tx.EnqueueJob(ctx, w.Next(now)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Runner) begin(ctx context.Context, j job.Job) {
	w := r.works[j.Kind]
	ctx, taken := context.WithCancelCause(ctx)
	ctx, done := context.WithTimeoutCause(ctx, w.Timeout, fmt.Errorf("it took longer than %s", w.Timeout))
	a := &attempt{Job: j, work: w, begun: time.Now(), ctx: ctx, cancel: func(cause error) { taken(cause); done() }}
	r.running[a] = struct{}{}
	r.Log.DebugContext(ctx, "job begins", "job", j.ID, "kind", j.Kind, "attempt", j.Attempts)
	go func() { r.ended <- outcome{a, r.do(a)} }()
}

// do calls the handler. A panic in it is a failure of that job alone.
func (r *Runner) do(a *attempt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(a.ctx, "job panicked", "job", a.ID, "kind", a.Kind, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	if a.ctx.Err() != nil { // a stop came between
		return context.Cause(a.ctx)
	}
	if err = a.work.Do(a.ctx, a.Job); err != nil && a.ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(a.ctx), err)
	}
	return err
}

// spread is where in its range a delay falls.
func spread() float64 { return mathrand.Float64() } //nolint:gosec // nothing is gained by guessing it

// end decides what becomes of the job; the next turn writes it.
func (r *Runner) end(o outcome) {
	if _, here := r.running[o.attempt]; !here {
		return // it was given back
	}
	delete(r.running, o.attempt)
	o.cancel(nil)
	j, now := o.Job, r.Now()
	switch {
	case o.err == nil:
		j = j.Finish(now)
	case errors.Is(o.err, errStopping):
		j = j.GiveBack(now)
	default:
		j = j.Fail(o.work.Kind, r.Redact(o.err.Error()), now, spread())
	}
	r.unsettled = append(r.unsettled, result{j, time.Since(o.begun)})
}

// beat prolongs the leases of running jobs. One that ignores its end loses its lease.
func (r *Runner) beat(ctx context.Context) {
	var taken []*attempt
	err := r.write(ctx, func(ctx context.Context, tx *storage.Tx) error {
		taken = nil
		for a := range r.running {
			if a.ctx.Err() != nil {
				continue
			}
			ours, err := tx.HeartbeatJob(ctx, a.Job, r.Now().Add(r.Lease))
			if err != nil {
				return err
			}
			if !ours {
				taken = append(taken, a)
			}
		}
		return nil
	})
	if err != nil {
		return
	}
	for _, a := range taken {
		a.cancel(errTaken)
	}
}

// stop waits a little for the handlers, which know already, and gives back what is not done.
func (r *Runner) stop(ctx context.Context) {
	late := time.After(stopGrace)
	for len(r.running) > 0 {
		select {
		case o := <-r.ended:
			r.end(o)
		case <-late:
			for a := range r.running {
				r.Log.WarnContext(ctx, "job did not notice the stop", "job", a.ID, "kind", a.Kind)
				r.end(outcome{a, errStopping})
			}
		}
	}
	if len(r.unsettled) > 0 {
		_ = r.write(ctx, func(context.Context, *storage.Tx) error { return nil }) // it is in the log, and the leases run out
	}
}

// report says in the log what became of an attempt.
func (r *Runner) report(ctx context.Context, j job.Job, more ...any) {
	log := r.Log.With("job", j.ID, "kind", j.Kind, "attempt", j.Attempts).With(more...)
	switch j.State {
	case job.Done:
		log.InfoContext(ctx, "job done")
	case job.Failed:
		log.ErrorContext(ctx, "job failed", "error", j.LastError)
	default:
		log.WarnContext(ctx, "job is tried again", "error", j.LastError, "at", time.UnixMilli(j.RunAt))
	}
}
