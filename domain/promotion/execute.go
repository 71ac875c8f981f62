package promotion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/slot"
)

// Refused is the error for what is in the way of carrying a request out.
func Refused(r Request, unmet []Unmet) error {
	texts := make([]string, len(unmet))
	for i, u := range unmet {
		texts[i] = u.String()
	}
	err := domain.As(domain.Fail(domain.Conflict, "promotion.unmet", "%s cannot be carried out: %s", r.Name(), strings.Join(texts, "; ")))
	err.Err = UnmetError(unmet)
	return err
}

// UnmetError is inside the error of Refused: the conditions one by one.
type UnmetError []Unmet

func (UnmetError) Error() string { return "unmet" }

// sentences are the conditions in English, for clients and logs; pages have their own words for the same keys.
var sentences = map[string]string{
	"state":        "it is %v",
	"deadline":     "its time is over",
	"revoked":      "version %v has been revoked",
	"deleted":      "version %v has been deleted",
	"unverifiable": "the files of version %v cannot be verified, which %v asks for",
	"generation":   "what is live in %v changed since it was compared",
	"busy":         "another promotion is being carried out in %v",
	"gate":         "the gate %v is %v",
	"caller":       "its author or an operator carries it out",
	"policy":       "the policy of %v changed",
	"evidence":     "the evidence changed",
	"quorum":       "approvals are missing (%v)",
	"rejected":     "a reviewer rejected it",
	"changes":      "a reviewer asked for changes",
	"upstream":     "the version has not been long enough in %v",
	"freeze":       "the freeze %v lasts until %v",
	"early":        "it is not to be carried out before %v",
	"debt":         "an emergency release of this model has not been looked at",
}

// String is the condition in English.
func (u Unmet) String() string {
	args := slices.Clone(u.Args)
	for i, a := range args {
		if at, ok := a.(time.Time); ok {
			args[i] = at.UTC().Format(time.RFC3339)
		}
	}
	return fmt.Sprintf(sentences[u.Key], args...)
}

// Execute carries an approved request out: it looks at everything again, takes the slot, and makes the candidate live.
func Execute(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Request, error) {
	if _, err := Start(ctx, tx, g, number, now); err != nil {
		return Request{}, err
	}
	return Complete(ctx, tx, g, number, now)
}

// Start is the first act of Execute: the request holds the slot from then on.
func Start(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionExecute, number, now)
	if err != nil {
		return s.Request, err
	}
	if unmet := Executable(s, caller{actor: g.Actor()}); len(unmet) > 0 {
		return s.Request, Refused(s.Request, unmet)
	}
	return start(ctx, tx, g, s, now)
}

func start(ctx context.Context, tx Tx, g access.Grant, s Situation, now time.Time) (Request, error) {
	r := s.Request
	r.State, r.Cause, r.DueAt, r.UpdatedAt = Executing, "", 0, now.UnixMilli()
	if err := tx.LockSlot(ctx, s.Slot, r.ID); err != nil {
		return r, err
	}
	if err := tx.SavePromotion(ctx, r); err != nil {
		return r, err
	}
	return r, tell(ctx, tx, g, r, "executing", "")
}

// Complete is the second act: the slot is still held, nothing moved it, the candidate is not revoked; then it is live.
func Complete(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionExecute, number, now)
	if err != nil {
		return s.Request, err
	}
	if r := s.Request; !(caller{actor: g.Actor()}).mayCarry(r) {
		return r, Refused(r, []Unmet{{Key: "caller"}})
	}
	return complete(ctx, tx, g, s, slot.Promoted, now)
}

func complete(ctx context.Context, tx Tx, g access.Grant, s Situation, cause slot.Cause, now time.Time) (Request, error) {
	r := s.Request
	switch {
	case r.State != Executing:
		return r, wrongState(r)
	case s.Slot.Active != r.ID && on(lock), s.Slot.Generation != r.Base && on(generation):
		return r, domain.Fail(domain.Conflict, "promotion.lost_slot", "%s does not hold %s any more: it was moved by somebody else", r.Name(), s.Env.Name)
	case s.Candidate.Revoked && on(revocation), s.Candidate.Deleted:
		return r, domain.Fail(domain.Conflict, "promotion.revoked_meanwhile", "version %d has been revoked or deleted meanwhile", r.Candidate.Number)
	case s.Env.Protected && !s.Candidate.Verifiable:
		return r, Refused(r, []Unmet{{"unverifiable", []any{r.Candidate.Number, s.Env.Name}}})
	}
	if _, err := kinds[r.Kind].release(ctx, tx, g, s.Env, s.Slot, r.Candidate.ID, slot.Change{Cause: cause, Request: r.ID, Reason: r.Reason}, now); err != nil {
		return r, err
	}
	return end(ctx, tx, g, r, Completed, "", now)
}

// Abort stops a request that is being carried out. What was live stays so.
func Abort(ctx context.Context, tx Tx, g access.Grant, number int64, why string, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.SlotRollback, number, now)
	if err != nil {
		return s.Request, err
	}
	if !g.Actor().Operates(s.Request.Workspace) {
		return s.Request, notOperator()
	}
	if why, err = text("reason", why, 1); err != nil {
		return s.Request, err
	}
	return abort(ctx, tx, g, s.Request, s.Slot, why, now)
}

func abort(ctx context.Context, tx Tx, g access.Grant, r Request, s slot.Slot, why string, now time.Time) (Request, error) {
	if r.State != Executing {
		return r, wrongState(r)
	}
	if s.Active == r.ID {
		if err := tx.LockSlot(ctx, s, ""); err != nil {
			return r, err
		}
	}
	return end(ctx, tx, g, r, Aborted, why, now)
}

func notOperator() error {
	return domain.Fail(domain.Forbidden, "promotion.not_operator", "this needs the grant operator, which an administrator gives")
}

// Rollback makes live again what was live before: the version with an id or, with "", the one before what is live now. It
// needs no approval and is allowed in a freeze, and it stops what is being carried out. generation is that of the slot
// which the caller saw: asking twice moves once.
func Rollback(ctx context.Context, tx Tx, g access.Grant, environment, asset, version, reason string, generation int64, now time.Time) (slot.Slot, error) {
	if err := g.Need(access.SlotRollback, g.Workspace()); err != nil {
		return slot.Slot{}, err
	}
	if !g.Actor().Operates(g.Workspace()) {
		return slot.Slot{}, notOperator()
	}
	reason, err := text("reason", reason, 1)
	if err != nil {
		return slot.Slot{}, err
	}
	env, _, err := EnvironmentNamed(ctx, tx, g, access.SlotRollback, environment)
	if err != nil {
		return slot.Slot{}, err
	}
	if _, err := kinds[slot.Model].lock(ctx, tx, asset); err != nil {
		return slot.Slot{}, err
	}
	s, err := tx.SlotOf(ctx, env, slot.Model, asset)
	if err != nil {
		return s, err
	}
	to, err := rollbackTarget(ctx, tx, env, s, version)
	switch {
	case err != nil:
		return s, err
	case s.Stable.ID == to.ID:
		return s, nil // it is so already
	case s.Generation != generation:
		return s, domain.Fail(domain.Conflict, "slot.moved", "what is live was changed meanwhile: look at it again")
	}
	v, err := kinds[s.Kind].version(ctx, tx, to.ID)
	switch {
	case domain.KindOf(err) == domain.NotFound || err == nil && v.Deleted:
		return s, domain.Fail(domain.Conflict, "slot.gone", "version %d has been deleted: roll back to another", to.Number)
	case err != nil:
		return s, err
	case v.Revoked && on(revocation):
		return s, domain.Fail(domain.Conflict, "slot.revoked", "version %d has been revoked: roll back to another", to.Number)
	case env.Protected && !v.Verifiable:
		return s, domain.Fail(domain.Conflict, "slot.unverifiable", "the files of version %d cannot be verified, or are not what was registered, and %s is protected: roll back to another", to.Number, env.Name)
	}
	if s.Active != "" {
		r, err := tx.Promotion(ctx, s.Active)
		if err != nil {
			return s, err
		}
		if _, err := abort(ctx, tx, g, r, s, reason, now); err != nil {
			return s, err
		}
	}
	return kinds[s.Kind].release(ctx, tx, g, env, s, to.ID, slot.Change{Cause: slot.RolledBack, Reason: reason}, now)
}

// Before is what was live before what is live now, and could be live again: the target of a rollback that names none. It is a
// Conflict where there is none.
func Before(ctx context.Context, tx Tx, s slot.Slot) (slot.Target, error) {
	env, err := tx.Environment(ctx, s.EnvironmentID)
	if err != nil {
		return slot.Target{}, err
	}
	return rollbackTarget(ctx, tx, env, s, "")
}

// rollbackTarget finds where a rollback goes.
func rollbackTarget(ctx context.Context, tx Tx, env slot.Environment, s slot.Slot, version string) (slot.Target, error) {
	if version == "" {
		history, err := tx.SlotHistory(ctx, s.ID, 0, 1000)
		if err != nil {
			return slot.Target{}, err
		}
		for _, c := range history {
			if c.To.ID == "" || c.To.ID == s.Stable.ID {
				continue
			}
			v, err := kinds[s.Kind].version(ctx, tx, c.To.ID)
			if domain.KindOf(err) == domain.NotFound || err == nil && (v.Deleted || v.Revoked || env.Protected && !v.Verifiable) {
				continue
			}
			return c.To, err
		}
		return slot.Target{}, domain.Fail(domain.Conflict, "slot.no_before", "nothing was live here before that could be live again")
	}
	c, err := tx.WasLive(ctx, s.ID, version)
	if domain.KindOf(err) == domain.NotFound {
		if !on(wasLive) {
			return slot.Target{ID: version}, nil
		}
		return slot.Target{}, domain.Fail(domain.Conflict, "slot.never_live", "this version was never live here: it needs a promotion")
	}
	return c.To, err
}

// BreakGlass carries a request out in an emergency, without the reviews and without the gates that may be waived. Never
// without those that the policy binds, nor a revoked or unverifiable version. typed is the name of model and environment,
// "model/environment", which the caller wrote by hand. It leaves a debt: somebody else has to look at it.
func BreakGlass(ctx context.Context, tx Tx, g access.Grant, number int64, incident, reason, typed string, now time.Time) (Request, error) {
	const day = 24
	s, err := load(ctx, tx, g, access.PromotionBreak, number, now)
	r := s.Request
	if err != nil {
		return r, err
	}
	incident = strings.TrimSpace(incident)
	reason, bad := text("reason", reason, minWaiver)
	switch {
	case s.Configuration != nil:
		return r, domain.Fail(domain.Forbidden, "promotion.glass_rules", "%s changes who decides and how, which no emergency does without review. Whoever runs the server can lift the protection: slipway env unprotect %s", r.Name(), s.Env.Name)
	case !s.Policy.BreakGlass:
		return r, domain.Fail(domain.Forbidden, "promotion.glass_off", "%s does not allow releases without review", s.Env.Name)
	case incident == "" || utf8.RuneCountInString(incident) > maxIncident:
		return r, domain.Fail(domain.Invalid, "promotion.incident", "give the reference of the incident, in at most %d characters", maxIncident)
	case bad != nil:
		return r, bad
	case typed != s.Candidate.Model+"/"+s.Env.Name:
		return r, domain.Fail(domain.Invalid, "promotion.typed", "type %s to show that you mean it", s.Candidate.Model+"/"+s.Env.Name)
	}
	r.Base = s.Slot.Generation
	s.Request = r
	if unmet := Executable(s, caller{actor: g.Actor(), glass: true}); len(unmet) > 0 {
		return r, Refused(r, unmet)
	}
	r.Incident = incident
	s.Request = r
	if r, err = start(ctx, tx, g, s, now); err != nil {
		return r, err
	}
	hours := s.Policy.DebtHours
	if hours <= 0 {
		hours = day
	}
	debt := Debt{Promotion: r.ID, SlotID: r.SlotID, OpenedAt: now.UnixMilli(), DueAt: now.Add(time.Duration(hours) * time.Hour).UnixMilli()}
	if err := tx.SaveDebt(ctx, debt); err != nil {
		return r, err
	}
	if err := emit(ctx, tx, r, "bypass.used", map[string]any{
		"environment": s.Env.Name, "incident": event.Text{Value: incident}, "reason": event.Text{Value: reason}, "severity": "high", "due_at": debt.DueAt,
	}); err != nil {
		return r, err
	}
	if err := tell(ctx, tx, g, r, "broke_glass", incident+"\n"+reason); err != nil {
		return r, err
	}
	s.Request, s.Slot.Active = r, r.ID
	return complete(ctx, tx, g, s, slot.BrokeGlass, now)
}

// brokeGlass finds who carried r out in an emergency.
func brokeGlass(ctx context.Context, tx Tx, r Request) (who string, err error) {
	const portion = 1000
	for below := int64(0); ; {
		history, err := tx.SlotHistory(ctx, r.SlotID, below, portion)
		if err != nil {
			return "", err
		}
		for _, c := range history {
			if c.Request == r.ID {
				return c.By, nil
			}
			below = c.Generation
		}
		if len(history) < portion {
			return "", domain.Fail(domain.Internal, "internal", "%s was carried out, and the history of its slot does not know", r.Name())
		}
	}
}

// CloseDebt says that somebody has looked at what was done in an emergency; whoever did it cannot.
func CloseDebt(ctx context.Context, tx Tx, g access.Grant, number int64, comment string, now time.Time) (Debt, error) {
	s, err := load(ctx, tx, g, access.PromotionReview, number, now)
	if err != nil {
		return Debt{}, err
	}
	d, err := tx.Debt(ctx, s.Request.ID)
	if domain.KindOf(err) == domain.NotFound {
		return d, domain.Fail(domain.NotFound, "promotion.no_debt", "%s was carried out with its reviews: there is nothing to make up for", s.Request.Name())
	}
	if err != nil {
		return d, err
	}
	who, err := brokeGlass(ctx, tx, s.Request)
	if err != nil {
		return d, err
	}
	comment, bad := text("comment", comment, 1)
	switch {
	case d.ClosedAt != 0:
		return d, domain.Fail(domain.Conflict, "promotion.debt_closed", "somebody has looked at it already")
	case me(g) == s.Request.Author || me(g) == s.Request.Editor || me(g) == who:
		return d, domain.Fail(domain.Forbidden, "promotion.own_debt", "you took part in it: somebody else looks at it")
	case bad != nil:
		return d, bad
	}
	d.ClosedAt, d.ClosedBy, d.Comment = now.UnixMilli(), me(g), comment
	if err := tx.SaveDebt(ctx, d); err != nil {
		return d, err
	}
	r := s.Request
	r.UpdatedAt = now.UnixMilli()
	return d, tell(ctx, tx, g, r, "debt_closed", comment)
}
