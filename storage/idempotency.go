package storage

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// KeyLife is how long the answer to an act with an Idempotency-Key is kept.
const KeyLife = 24 * time.Hour

// Kept is what was answered to an act, to be answered again.
type Kept struct {
	Request  string // SHA-256 of what was asked
	Status   int
	ETag     string
	Location string
	Answer   string
}

func scanKept(row scanner) (k Kept, err error) {
	return k, row(&k.Request, &k.Status, &k.ETag, &k.Location, &k.Answer)
}

// ClaimKey takes the key name of an actor for the act that this transaction does. Where it was taken before, it is not new,
// and what was answered then comes back. Whoever claims the same key meanwhile waits until this transaction has ended.
func (t *Tx) ClaimKey(ctx context.Context, workspace, actor, name, request string) (before Kept, fresh bool, err error) {
	now := t.now.UnixMilli()
	if err := t.exec(ctx, `DELETE FROM idempotency_keys WHERE workspace_id = $1 AND actor = $2 AND name = $3 AND at <= $4`,
		workspace, actor, name, now-KeyLife.Milliseconds()); err != nil {
		return before, false, err
	}
	n, err := t.changed(ctx, `
		INSERT INTO idempotency_keys (workspace_id, actor, name, request, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (workspace_id, actor, name) DO NOTHING`, workspace, actor, name, request, now)
	if err != nil || n > 0 {
		return before, n > 0, err
	}
	before, err = one(ctx, t, scanKept, `
		SELECT request, status, etag, location, answer FROM idempotency_keys WHERE workspace_id = $1 AND actor = $2 AND name = $3`, workspace, actor, name)
	if domain.KindOf(err) == domain.NotFound { // it was swept between the two statements
		err = domain.Fail(domain.Unavailable, "api.key_busy", "this Idempotency-Key is being given up: send the request again")
	}
	return before, false, err
}

// KeepAnswer writes down what the act with a claimed key answers.
func (t *Tx) KeepAnswer(ctx context.Context, workspace, actor, name string, k Kept) error {
	return must(t.changed(ctx, `
		UPDATE idempotency_keys SET status = $4, etag = $5, location = $6, answer = $7
		 WHERE workspace_id = $1 AND actor = $2 AND name = $3`, workspace, actor, name, k.Status, k.ETag, k.Location, k.Answer))
}
