package promotion

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
)

// InboxTx is what the inbox asks of a transaction besides.
type InboxTx interface {
	Tx
	// PromotionsToReview lists open requests that wait for reviews and to which somebody, who is neither their author nor
	// their last editor, has not said anything that counts now; oldest first.
	PromotionsToReview(ctx context.Context, workspace, user string, most int) ([]Request, error)
	// PromotionsToAct lists somebody's own requests that wait for them: drafts, blocked and approved ones; oldest first.
	PromotionsToAct(ctx context.Context, workspace, user string, most int) ([]Request, error)
	// PromotionsMentioning lists requests in whose discussion somebody is mentioned who has not seen it, the newest mention first.
	PromotionsMentioning(ctx context.Context, workspace, user string, most int) ([]Request, error)
}

// MostWaiting is how many requests an inbox holds.
const MostWaiting = 100

// Item is a request that waits for somebody.
type Item struct {
	Request
	Mentioned bool // in its discussion, which they have not seen since
}

// Inbox is what waits for the caller, each request once: those of others whose approval by them would count, those in whose
// discussion they are mentioned, and their own to act on.
func Inbox(ctx context.Context, tx InboxTx, g access.Grant) (out []Item, err error) {
	review, err := ToReview(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	mentioned, err := tx.PromotionsMentioning(ctx, g.Workspace(), me(g), MostWaiting)
	if err != nil {
		return nil, err
	}
	own, err := tx.PromotionsToAct(ctx, g.Workspace(), me(g), MostWaiting)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range slices.Concat(review, mentioned, own) {
		if !known[r.ID] {
			known[r.ID] = true
			out = append(out, Item{r, slices.ContainsFunc(mentioned, func(m Request) bool { return m.ID == r.ID })})
		}
	}
	return out, nil
}

// ToReview lists the requests of others whose approval by the caller would count.
func ToReview(ctx context.Context, tx InboxTx, g access.Grant) ([]Request, error) {
	if err := g.Need(access.PromotionRead, g.Workspace()); err != nil || !g.Actor().May(access.PromotionReview, g.Workspace()) {
		return nil, err
	}
	all, err := tx.PromotionsToReview(ctx, g.Workspace(), me(g), MostWaiting)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	p, err := tx.Person(ctx, g.Workspace(), me(g))
	if err != nil {
		return nil, err
	}
	envs, err := tx.Environments(ctx, g.Workspace())
	if err != nil {
		return nil, err
	}
	policies := map[string]Policy{}
	for _, e := range envs {
		if policies[e.ID], err = ParsePolicy(e.Policy); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(r Request) bool {
		return !kinds[r.Kind].policy(policies[r.EnvironmentID]).Eligible(p, People{Author: r.Author, Editor: r.Editor})
	}), nil
}

// DueTx is what the clock asks of a transaction besides.
type DueTx interface {
	Tx
	PromotionsDue(ctx context.Context, now int64, most int) ([]Request, error)
	PromotionsApproved(ctx context.Context, most int) ([]Request, error) // in all workspaces, oldest first
}

// Due lists open requests whose state time may have changed, in all workspaces.
func Due(ctx context.Context, tx DueTx, g access.Grant, now time.Time) ([]Request, error) {
	const most = 100
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.PromotionsDue(ctx, now.UnixMilli(), most)
}

// ToExecute lists approved requests for environments whose policy lets the server carry them out, in all workspaces.
func ToExecute(ctx context.Context, tx DueTx, g access.Grant) ([]Request, error) {
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return nil, err
	}
	all, err := tx.PromotionsApproved(ctx, MostWaiting)
	if err != nil {
		return nil, err
	}
	var out []Request
	for _, r := range all {
		env, err := tx.Environment(ctx, r.EnvironmentID)
		if err != nil {
			return nil, err
		}
		p, err := ParsePolicy(env.Policy)
		if err != nil {
			return nil, err
		}
		if p.AutoExecute {
			out = append(out, r)
		}
	}
	return out, nil
}
