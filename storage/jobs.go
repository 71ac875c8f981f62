package storage

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/job"
)

const jobCols = `jobs.id, jobs.workspace_id, jobs.kind, jobs.key, jobs.payload, jobs.state, jobs.attempts, jobs.max_attempts, jobs.run_at,
	jobs.owner, jobs.lease_until, jobs.last_error, jobs.created_at, jobs.created_by, jobs.started_at, jobs.finished_at`

func scanJob(row scanner) (j job.Job, err error) {
	var payload string
	err = row(&j.ID, &j.Workspace, &j.Kind, &j.Key, &payload, &j.State, &j.Attempts, &j.MaxAttempts, &j.RunAt,
		&j.Owner, &j.LeaseUntil, &j.LastError, &j.CreatedAt, &j.CreatedBy, &j.StartedAt, &j.FinishedAt)
	j.Payload = []byte(payload)
	return j, err
}

// EnqueueJob orders work: it is done if and only if this transaction commits, and not before. An order with the key of
// a job that waits joins it, and brings it forward if it wants it sooner. The row that it joins stays locked until the
// commit, so that the job does not begin before what this transaction writes can be seen.
func (t *Tx) EnqueueJob(ctx context.Context, order job.Job) error {
	j, err := job.New(order, NewID(t.now), t.now)
	if err != nil {
		return err
	}
	t.orders = true
	return t.exec(ctx, `
		INSERT INTO jobs (id, workspace_id, kind, key, payload, state, max_attempts, run_at, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9)
		ON CONFLICT (workspace_id, kind, key) WHERE key <> '' AND state = 'queued' AND attempts = 0
		DO UPDATE SET run_at = CASE WHEN excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END`,
		j.ID, j.Workspace, j.Kind, j.Key, string(j.Payload), j.MaxAttempts, j.RunAt, j.CreatedAt, j.CreatedBy)
}

// JobsDue reports whether there is something to do: a job of one of the kinds to begin, or one of any kind to take back.
func (t *Tx) JobsDue(ctx context.Context, kinds []string, now time.Time) (bool, error) {
	found, err := list(ctx, t, column[string], `
		SELECT id FROM (SELECT id FROM jobs WHERE state = 'running' AND lease_until < $1 LIMIT 1) late
		UNION ALL
		SELECT id FROM (SELECT id FROM jobs WHERE state = 'queued' AND run_at <= $1 AND `+t.db.InTexts("kind", "$2")+` LIMIT 1) due`,
		now.UnixMilli(), textList(kinds))
	return len(found) > 0, err
}

// ClaimJobs begins the next attempt of up to most jobs of the given kinds, the longest due first, for owner until the
// lease ends. Jobs that another transaction is claiming or ordering are passed over. One with a key waits while
// another of that key is under way.
func (t *Tx) ClaimJobs(ctx context.Context, owner string, kinds []string, most int, now, until time.Time) ([]job.Job, error) {
	claimed, err := list(ctx, t, scanJob, `
		WITH due AS (
		     SELECT j.id AS due_id FROM jobs j
		      WHERE j.state = 'queued' AND j.run_at <= $1 AND `+t.db.InTexts("j.kind", "$2")+`
		        AND (j.key = '' OR j.attempts > 0 OR NOT EXISTS (
		             SELECT 1 FROM jobs b WHERE b.workspace_id = j.workspace_id AND b.kind = j.kind AND b.key = j.key
		                AND b.key <> '' AND b.state IN ('queued', 'running') AND b.attempts > 0))
		      ORDER BY j.run_at, j.id LIMIT $3 `+t.db.SkipLocked()+`)
		UPDATE jobs SET state = 'running', attempts = attempts + 1, owner = $4, lease_until = $5, started_at = $1
		  FROM due WHERE id = due_id
		RETURNING `+jobCols, now.UnixMilli(), textList(kinds), most, owner, until.UnixMilli())
	slices.SortFunc(claimed, func(a, b job.Job) int { // RETURNING has no order
		return cmp.Or(cmp.Compare(a.RunAt, b.RunAt), strings.Compare(a.ID, b.ID))
	})
	return claimed, err
}

// HeartbeatJob prolongs the lease of an attempt, and reports whether it still was its owner's.
func (t *Tx) HeartbeatJob(ctx context.Context, j job.Job, until time.Time) (bool, error) {
	n, err := t.changed(ctx, `UPDATE jobs SET lease_until = $1 WHERE id = $2 AND state = 'running' AND owner = $3 AND attempts = $4`,
		until.UnixMilli(), j.ID, j.Owner, j.Attempts)
	return n > 0, err
}

// ExpiredJobs finds attempts whose lease has run out, for this transaction to settle.
func (t *Tx) ExpiredJobs(ctx context.Context, now time.Time, most int) ([]job.Job, error) {
	return list(ctx, t, scanJob, `
		SELECT `+jobCols+` FROM jobs WHERE state = 'running' AND lease_until < $1
		 ORDER BY lease_until, id LIMIT $2 `+t.db.SkipLocked(), now.UnixMilli(), most)
}

// SettleJobs writes what became of attempts (see Job.Finish, Fail, Expire and GiveBack), and returns those that it left
// alone because they were no longer their owner's: another attempt has begun, and its outcome counts.
func (t *Tx) SettleJobs(ctx context.Context, ended []job.Job) (lost []job.Job, err error) {
	for _, j := range ended {
		n, err := t.changed(ctx, `
			UPDATE jobs SET state = $1, run_at = $2, max_attempts = $3, last_error = $4, finished_at = $5, owner = '', lease_until = 0
			 WHERE id = $6 AND state = 'running' AND owner = $7 AND attempts = $8`,
			string(j.State), j.RunAt, j.MaxAttempts, j.LastError, j.FinishedAt, j.ID, j.Owner, j.Attempts)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			lost = append(lost, j)
		}
	}
	return lost, nil
}

// ForgetJobs deletes jobs that ended before an instant, ms.
func (t *Tx) ForgetJobs(ctx context.Context, before int64) error {
	return t.exec(ctx, `DELETE FROM jobs WHERE state IN ('done', 'failed') AND finished_at < $1`, before)
}

// ForgetJob deletes a job that ended.
func (t *Tx) ForgetJob(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM jobs WHERE id = $1 AND state IN ('done', 'failed')`, id))
}

// Job finds a job.
func (t *Tx) Job(ctx context.Context, id string) (job.Job, error) {
	return one(ctx, t, scanJob, `SELECT `+jobCols+` FROM jobs WHERE id = $1`, id)
}

// Jobs lists jobs of a workspace, the latest ordered first; "" as a state means all.
func (t *Tx) Jobs(ctx context.Context, workspace string, state job.State, after string, most int) (out job.Page, err error) {
	w := &where{db: t.db}
	w.and("workspace_id = " + w.arg(workspace))
	if slices.Contains(job.States, state) {
		w.and("state = '" + string(state) + "'") // in the text, which lets the index of failed ones serve
	}
	m := mark("jobs", workspace, string(state))
	if after != "" {
		tok, err := parseToken(after, m, 1)
		if err != nil {
			return out, err
		}
		id, ok := tok.After[0].(string)
		if !ok {
			return out, badToken()
		}
		w.and("id < " + w.arg(id))
	}
	out.Jobs, err = list(ctx, t, scanJob, `SELECT `+jobCols+` FROM jobs WHERE `+w.String()+` ORDER BY id DESC LIMIT `+strconv.Itoa(most+1), w.args...)
	if err == nil && len(out.Jobs) > most {
		out.Jobs = out.Jobs[:most]
		out.Next = token{m, []any{out.Jobs[most-1].ID}}.String()
	}
	return out, err
}

// JobStats counts the jobs of all workspaces.
func (t *Tx) JobStats(ctx context.Context) (job.Stats, error) {
	return one(ctx, t, func(row scanner) (s job.Stats, err error) { return s, row(&s.Queued, &s.Due, &s.Running, &s.Failed) }, `
		SELECT q.n, q.due, (SELECT COUNT(*) FROM jobs WHERE state = 'running'), (SELECT COUNT(*) FROM jobs WHERE state = 'failed')
		  FROM (SELECT COUNT(*) AS n, COALESCE(MIN(run_at), 0) AS due FROM jobs WHERE state = 'queued') q`)
}
