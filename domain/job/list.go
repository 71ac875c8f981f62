package job

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// Page is some jobs, the latest ordered first, with the token of the next page, "" on the last.
type Page struct {
	Jobs []Job
	Next string
}

// Stats is how the queue stands.
type Stats struct {
	Queued, Running, Failed int64
	Due                     int64 // when the longest waiting of the queued is or was to run; 0 = none is queued
}

// Waiting is for how long the longest waiting job could have run already.
func (s Stats) Waiting(now time.Time) time.Duration {
	if s.Due == 0 {
		return 0
	}
	return max(0, now.Sub(time.UnixMilli(s.Due)))
}

// Tx is what looking after jobs asks of a transaction; *storage.Tx answers.
type Tx interface {
	Emit(ctx context.Context, e event.Event) error
	Job(ctx context.Context, id string) (Job, error)
	Jobs(ctx context.Context, workspace string, state State, after string, most int) (Page, error)
	EnqueueJob(ctx context.Context, order Job) error
	ForgetJob(ctx context.Context, id string) error
	JobStats(ctx context.Context) (Stats, error) // of all workspaces
}

// List lists the jobs of the selected workspace; "" as a state means all.
func List(ctx context.Context, tx Tx, g access.Grant, state State, after string, most int) (Page, error) {
	if err := g.Need(access.JobRead, g.Workspace()); err != nil {
		return Page{}, err
	}
	return tx.Jobs(ctx, g.Workspace(), state, after, most)
}

// Count tells those who watch the server how the queue stands.
func Count(ctx context.Context, tx Tx, g access.Grant) (Stats, error) {
	if err := g.Need(access.MetricsRead, g.Workspace()); err != nil {
		return Stats{}, err
	}
	return tx.JobStats(ctx)
}

// Again orders the work of a failed job once more, in its place.
func Again(ctx context.Context, tx Tx, g access.Grant, id string) error {
	j, err := tx.Job(ctx, id)
	if err != nil {
		return err
	}
	if err := g.Need(access.JobRetry, j.Workspace); err != nil {
		return err
	}
	if j.State != Failed {
		return domain.Fail(domain.Conflict, "job.not_failed", "only a failed job can be tried again")
	}
	if err := tx.ForgetJob(ctx, id); err != nil {
		return err
	}
	if err := tx.EnqueueJob(ctx, Job{Workspace: j.Workspace, Kind: j.Kind, Key: j.Key, Payload: j.Payload, CreatedBy: g.Actor().ID}); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "job.retried", Subject: id, Data: map[string]string{"kind": j.Kind, "key": j.Key, "error": j.LastError}})
}
