package promotion

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/slot"
)

// Limits of what people write, in characters.
const (
	maxWritten  = 20_000
	maxIncident = 200
	minWaiver   = 20 // of the reason for a waiver
)

// maxMentions is how many people one comment may mention.
const maxMentions = 20

func text(what, s string, least int) (string, error) {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case n > maxWritten:
		return s, domain.Fail(domain.Invalid, "promotion.text_long", "the %s has more than %d characters", word(what), maxWritten)
	case n == 0 && least > 0:
		return s, domain.Fail(domain.Invalid, "promotion.text_empty", "the %s is missing: those who decide will read it", word(what))
	case n < least:
		return s, domain.Fail(domain.Invalid, "promotion.text_short", "the %s needs at least %d characters: say enough for somebody who was not there", word(what), least)
	}
	return s, nil
}

func word(what string) domain.Word { return domain.Word{Key: "promotion.word." + what, Text: what} }

// load finds a request and all that decides about it.
func load(ctx context.Context, tx Tx, g access.Grant, p access.Perm, number int64, now time.Time) (Situation, error) {
	r, err := Find(ctx, tx, g, p, number)
	if err != nil {
		return Situation{}, err
	}
	return situation(ctx, tx, r, now)
}

// Look finds a request and all that decides about it, for a page.
func Look(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Situation, error) {
	return load(ctx, tx, g, access.PromotionRead, number, now)
}

// Unmet lists what is in the way of carrying the request out by somebody.
func (s Situation) Unmet(by access.Actor) []Unmet { return Executable(s, caller{actor: by}) }

// Create asks to make a version of an asset live in an environment. It is a draft until it is submitted.
func Create(ctx context.Context, tx Tx, g access.Grant, environment, model string, number int64, reason string, now time.Time) (Request, error) {
	if err := g.Need(access.PromotionPropose, g.Workspace()); err != nil {
		return Request{}, err
	}
	reason, err := text("reason", reason, 1)
	if err != nil {
		return Request{}, err
	}
	env, policy, err := EnvironmentNamed(ctx, tx, g, access.PromotionPropose, environment)
	if err != nil {
		return Request{}, err
	}
	m, err := modelNamed(ctx, tx, g, access.PromotionPropose, model)
	if err != nil {
		return Request{}, err
	}
	v, err := tx.Version(ctx, m.ID, number)
	if domain.KindOf(err) == domain.NotFound || err == nil && v.Deleted() {
		return Request{}, domain.Fail(domain.NotFound, "registry.no_version", "Model Version (name=%s, version=%d) not found", domain.Short(model), number)
	}
	if err != nil {
		return Request{}, err
	}
	s, err := tx.SlotOf(ctx, env, slot.Model, m.ID)
	switch {
	case err != nil:
		return Request{}, err
	case v.Revoked():
		return Request{}, domain.Fail(domain.Invalid, "promotion.revoked", "version %d of %s has been revoked: %s", number, domain.Short(model), v.RevokeReason)
	case env.Protected && !v.Verifiable():
		return Request{}, domain.Fail(domain.Invalid, "promotion.unverifiable", "the files of version %d of %s do not lie in the server's own store, so nobody can prove what would go live: register it from a run or a logged model", number, domain.Short(model))
	case s.Stable.ID == v.ID:
		return Request{}, domain.Fail(domain.Invalid, "promotion.live_already", "version %d of %s is live in %s already", number, domain.Short(model), env.Name)
	}
	open, err := tx.OpenPromotionsOfSlot(ctx, s.ID)
	if err != nil {
		return Request{}, err
	}
	for _, r := range open {
		if r.Candidate.ID == v.ID && !r.State.Ended() {
			return Request{}, domain.Fail(domain.Exists, "promotion.exists", "%s asks for the same already", r.Name())
		}
	}
	return draft(ctx, tx, g, s, policy, v.Target(), reason, now)
}

// draft writes a new request for a slot.
func draft(ctx context.Context, tx Tx, g access.Grant, s slot.Slot, policy Policy, candidate slot.Target, reason string, now time.Time) (Request, error) {
	at := now.UnixMilli()
	r := Request{
		ID: newID(), Workspace: g.Workspace(), SlotID: s.ID, EnvironmentID: s.EnvironmentID, Kind: s.Kind, AssetID: s.AssetID,
		Candidate: candidate, Reason: reason, Revision: 1, Author: me(g), Editor: me(g), Base: s.Generation, State: Draft,
		CreatedAt: at, UpdatedAt: at,
	}
	if policy.TTL > 0 {
		r.Deadline = at + int64(policy.TTL)
	}
	if err := tx.AddPromotion(ctx, &r); err != nil {
		return r, err
	}
	return r, tell(ctx, tx, g, r, "created", "")
}

// Submit puts a draft before the gates and the people.
func Submit(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionPropose, number, now)
	r := s.Request
	switch {
	case err != nil:
		return r, err
	case r.State != Draft:
		return r, wrongState(r)
	case r.Author != me(g) && r.Editor != me(g):
		return r, domain.Fail(domain.Forbidden, "promotion.not_yours", "%s is somebody else's draft: only they submit it", r.Name())
	}
	return submit(ctx, tx, g, s, now)
}

func submit(ctx context.Context, tx Tx, g access.Grant, s Situation, now time.Time) (Request, error) {
	r := s.Request
	r.State, r.SubmittedAt = Checking, now.UnixMilli()
	if s.Policy.Supersede {
		if err := supersede(ctx, tx, g, r, now); err != nil {
			return r, err
		}
	}
	if err := tell(ctx, tx, g, r, "submitted", ""); err != nil {
		return r, err
	}
	return resettle(ctx, tx, s, r, now)
}

// supersede ends the older requests for the slot of r.
func supersede(ctx context.Context, tx Tx, g access.Grant, r Request, now time.Time) error {
	open, err := tx.OpenPromotionsOfSlot(ctx, r.SlotID)
	if err != nil {
		return err
	}
	for _, old := range open {
		if old.ID == r.ID || !old.State.Open() {
			continue
		}
		if _, err := end(ctx, tx, g, old, Superseded, r.Name(), now); err != nil {
			return err
		}
	}
	return nil
}

// end is the last change of a request.
func end(ctx context.Context, tx Tx, g access.Grant, r Request, as State, why string, now time.Time) (Request, error) {
	r.State, r.Cause, r.EndedAt, r.UpdatedAt, r.DueAt = as, "", now.UnixMilli(), now.UnixMilli(), 0
	if err := tx.SavePromotion(ctx, r); err != nil {
		return r, err
	}
	return r, tell(ctx, tx, g, r, string(as), why)
}

// told begins the kinds of events about requests.
const told = "promotion."

// tell writes a line into the story of r and lets others hear of it.
func tell(ctx context.Context, tx Tx, g access.Grant, r Request, kind, body string) error {
	if err := tx.AddNote(ctx, Note{ID: newID(), Promotion: r.ID, At: r.UpdatedAt, By: me(g), Kind: kind, Body: body}); err != nil {
		return err
	}
	return emit(ctx, tx, r, told+kind, map[string]any{
		"state": r.State, "kind": r.Kind, "asset": r.AssetID, "version": r.Candidate.Number, "digest": r.Candidate.Digest,
		"environment": r.EnvironmentID, "revision": r.Revision,
	})
}

// emit tells what happened to r. The audit log finds it by the names of the request and of its model, too.
func emit(ctx context.Context, tx Tx, r Request, kind string, data map[string]any) error {
	m, err := tx.ModelByID(ctx, r.AssetID)
	if err == nil {
		data["model"] = m.Name
	} else if domain.KindOf(err) != domain.NotFound {
		return err
	}
	data["number"], data["name"] = r.Number, r.Name()
	return tx.Emit(ctx, event.Event{Kind: kind, Subject: r.ID, Data: data})
}

// resettle reckons the state of r again after a change of it and saves it.
func resettle(ctx context.Context, tx Tx, s Situation, r Request, now time.Time) (Request, error) {
	s.Request, s.Now = r, now
	if err := s.gates(ctx, tx); err != nil {
		return r, err
	}
	if err := s.people(ctx, tx); err != nil {
		return r, err
	}
	r = s.settle()
	r.UpdatedAt = now.UnixMilli()
	return r, tx.SavePromotion(ctx, r)
}

// Edit changes what a request asks for. It goes back to the gates, and no approval of what it was before counts.
func Edit(ctx context.Context, tx Tx, g access.Grant, number int64, version int64, reason string, notBefore int64, revision int64, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionPropose, number, now)
	r := s.Request
	if err != nil {
		return r, err
	}
	if r.State.Ended() || r.State == Executing && on(frozenEdit) {
		return r, wrongState(r)
	}
	if r.Revision != revision {
		return r, domain.Fail(domain.Conflict, "promotion.edited", "somebody else edited %s meanwhile: look at it and edit it again", r.Name())
	}
	if reason, err = text("reason", reason, 1); err != nil {
		return r, err
	}
	if version != r.Candidate.Number && s.Configuration != nil {
		return r, domain.Fail(domain.Invalid, "promotion.fixed", "what %s would change stays as it was requested: withdraw it, and request another change", r.Name())
	}
	if version != r.Candidate.Number {
		v, err := tx.Version(ctx, r.AssetID, version)
		switch {
		case domain.KindOf(err) == domain.NotFound || err == nil && v.Deleted():
			return r, domain.Fail(domain.NotFound, "promotion.no_version", "there is no version %d", version)
		case err != nil:
			return r, err
		case v.Revoked():
			return r, domain.Fail(domain.Invalid, "promotion.revoked", "version %d of %s has been revoked: %s", version, domain.Short(v.Model), v.RevokeReason)
		case s.Slot.Stable.ID == v.ID:
			return r, domain.Fail(domain.Invalid, "promotion.live_already", "version %d of %s is live in %s already", version, domain.Short(v.Model), s.Env.Name)
		}
		r.Candidate = v.Target()
		if s.Candidate, err = kinds[r.Kind].version(ctx, tx, v.ID); err != nil {
			return r, err
		}
	}
	r.Reason, r.NotBefore, r.Editor, r.UpdatedAt = reason, notBefore, me(g), now.UnixMilli()
	r.Revision++
	if err := tx.EndWaivers(ctx, r.ID, "", now.UnixMilli()); err != nil {
		return r, err
	}
	if err := tell(ctx, tx, g, r, "edited", ""); err != nil {
		return r, err
	}
	return resettle(ctx, tx, s, r, now)
}

// Cancel withdraws a request; its author may, and its last editor, and whoever administers.
func Cancel(ctx context.Context, tx Tx, g access.Grant, number int64, why string, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionPropose, number, now)
	r := s.Request
	switch {
	case err != nil:
		return r, err
	case r.State.Ended() || r.State == Executing:
		return r, wrongState(r)
	case r.Author != me(g) && r.Editor != me(g) && !g.Actor().Administers(r.Workspace):
		return r, domain.Fail(domain.Forbidden, "promotion.not_yours_cancel", "%s is somebody else's: only they withdraw it", r.Name())
	}
	if why, err = text("reason", why, 0); err != nil {
		return r, err
	}
	return end(ctx, tx, g, r, Cancelled, why, now)
}

func wrongState(r Request) error {
	return domain.Fail(domain.Conflict, "promotion.state", "%s is %s: this cannot be done any more", r.Name(), domain.Word{Key: "promotion.state_word." + string(r.State), Text: strings.ReplaceAll(string(r.State), "_", " ")})
}

// Decide is what a reviewer says of a request. seen is what they were shown: where any part of it is another by now, the
// decision is refused, for it would be about something else.
func Decide(ctx context.Context, tx Tx, g access.Grant, number int64, d Decision, comment string, seen Binding, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionReview, number, now)
	r := s.Request
	if err != nil {
		return r, err
	}
	p, err := tx.Person(ctx, r.Workspace, me(g))
	if err != nil {
		return r, err
	}
	comment, bad := text("comment", comment, map[Decision]int{Approve: 0, RequestChanges: 1, Reject: 1}[d])
	r = s.settle() // what is about to be decided on is how it is now
	s.Request = r
	switch {
	case d != Approve && d != RequestChanges && d != Reject:
		return r, domain.Fail(domain.Invalid, "promotion.decision", "unknown decision %s: use approve, request_changes or reject", domain.Short(string(d)))
	case bad != nil:
		return r, bad
	case !r.State.Open():
		return r, wrongState(r)
	case me(g) == r.Author && on(author):
		return r, domain.Fail(domain.Forbidden, "promotion.own", "%s is yours: somebody else decides about it", r.Name())
	case me(g) == r.Editor && on(editor):
		return r, domain.Fail(domain.Forbidden, "promotion.own_edit", "you edited %s last: somebody else decides about it", r.Name())
	case d == Approve && !s.Policy.Eligible(p, s.who()):
		return r, domain.Fail(domain.Forbidden, "promotion.not_eligible", "none of the rules of %s counts your approval", s.Env.Name)
	case d == Approve && r.State != InReview && r.State != Approved && r.State != Scheduled:
		return r, domain.Fail(domain.Conflict, "promotion.not_in_review", "%s cannot be approved yet: it is %s", r.Name(), domain.Word{Key: "promotion.state_word." + string(r.State), Text: strings.ReplaceAll(string(r.State), "_", " ")})
	}
	if stale := seen.Stale(r.Binding()); stale != "" && on(binding) {
		return r, domain.Fail(domain.Conflict, "promotion.stale", "%s is not what you looked at any more (%s): look again, then decide", r.Name(), domain.Word{Key: "promotion.stale." + stale, Text: stale})
	}
	review := Review{ID: newID(), Promotion: r.ID, By: me(g), Decision: d, Comment: comment, Binding: r.Binding(), At: now.UnixMilli()}
	for _, said := range s.Reviews { // the last word stays the last, though clocks differ or go back
		review.At = max(review.At, said.At+1)
	}
	if err := tx.AddReview(ctx, review); err != nil {
		return r, err
	}
	if err := emit(ctx, tx, r, "review.added", map[string]any{
		"decision": d, "candidate": review.Binding.Candidate, "revision": review.Binding.Revision,
		"evidence": review.Binding.Evidence, "policy": review.Binding.Policy, "base_generation": review.Binding.Base,
	}); err != nil {
		return r, err
	}
	if d == Reject && s.Policy.FinalReject {
		return end(ctx, tx, g, r, Rejected, comment, now)
	}
	return resettle(ctx, tx, s, r, now)
}

// Withdraw takes one's own last word back.
func Withdraw(ctx context.Context, tx Tx, g access.Grant, number int64, now time.Time) (Request, error) {
	s, err := load(ctx, tx, g, access.PromotionReview, number, now)
	r := s.Request
	if err != nil {
		return r, err
	}
	if !r.State.Open() {
		return r, wrongState(r)
	}
	standing := Standing(s.Reviews)
	i := slices.IndexFunc(standing, func(v Review) bool { return v.By == me(g) })
	if i < 0 {
		return r, domain.Fail(domain.Conflict, "promotion.no_review", "you have not said anything about %s that could be withdrawn", r.Name())
	}
	for _, v := range s.Reviews { // none of the earlier ones comes back to life
		if v.By == me(g) && v.WithdrawnAt == 0 {
			if err := tx.WithdrawReview(ctx, v.ID, now.UnixMilli()); err != nil {
				return r, err
			}
		}
	}
	if err := emit(ctx, tx, r, "review.withdrawn", map[string]any{"decision": standing[i].Decision}); err != nil {
		return r, err
	}
	return resettle(ctx, tx, s, r, now)
}

// WaiveGate lets a request pass a gate that did not pass, until an instant. The author and the last editor cannot.
func WaiveGate(ctx context.Context, tx Tx, g access.Grant, number int64, gate, reason string, until int64, now time.Time) (Request, error) {
	const longest = 366 * 24 * time.Hour
	s, err := load(ctx, tx, g, access.PromotionReview, number, now)
	r := s.Request
	if err != nil {
		return r, err
	}
	reason, bad := text("reason", reason, minWaiver)
	i := slices.IndexFunc(s.Results, func(x Result) bool { return x.Gate == gate })
	switch {
	case !r.State.Open():
		return r, wrongState(r)
	case me(g) == r.Author || me(g) == r.Editor:
		return r, domain.Fail(domain.Forbidden, "promotion.own_waiver", "%s is yours: somebody else may waive a gate of it", r.Name())
	case i < 0:
		return r, domain.Fail(domain.NotFound, "promotion.no_gate", "%s has no gate %s", s.Env.Name, domain.Short(gate))
	case s.Policy.Binds(gate):
		return r, domain.Fail(domain.Forbidden, "promotion.never_waived", "the policy of %s does not let anybody waive %s", s.Env.Name, gate)
	case s.Results[i].Verdict == Passed || s.Results[i].Verdict == Waived:
		return r, domain.Fail(domain.Conflict, "promotion.needs_no_waiver", "%s needs no waiver", gate)
	case bad != nil:
		return r, bad
	case until <= now.UnixMilli() || until > now.Add(longest).UnixMilli():
		return r, domain.Fail(domain.Invalid, "promotion.waiver_end", "a waiver ends on a day within the next year: choose one")
	}
	w := Waiver{Gate: gate, By: me(g), Reason: reason, ExpiresAt: until}
	if err := tx.AddWaiver(ctx, r.ID, newID(), w, now.UnixMilli()); err != nil {
		return r, err
	}
	r.UpdatedAt = now.UnixMilli()
	if err := tell(ctx, tx, g, r, "waived", gate+"\n"+reason); err != nil {
		return r, err
	}
	return resettle(ctx, tx, s, r, now)
}

// Comment adds to the discussion of a request, which stays open after its end. Those whose names body mentions find the
// request in their inbox until they have seen it; other names mean nobody.
func Comment(ctx context.Context, tx Tx, g access.Grant, number int64, body string, names []string, now time.Time) (Note, error) {
	r, err := Find(ctx, tx, g, access.PromotionComment, number)
	if err != nil {
		return Note{}, err
	}
	if body, err = text("comment", body, 1); err != nil {
		return Note{}, err
	}
	people, err := tx.PeopleNamed(ctx, r.Workspace, names)
	if err != nil {
		return Note{}, err
	}
	if len(people) > maxMentions {
		return Note{}, domain.Fail(domain.Invalid, "promotion.mentions", "a comment mentions at most %d people, not %d: name those who should look", maxMentions, len(people))
	}
	n := Note{ID: newID(), Promotion: r.ID, At: now.UnixMilli(), By: me(g), Kind: "comment", Body: body}
	if err := tx.AddNote(ctx, n); err != nil {
		return n, err
	}
	if err := emit(ctx, tx, r, told+"commented", map[string]any{"note": n.ID}); err != nil {
		return n, err
	}
	for _, id := range slices.Sorted(maps.Values(people)) {
		if id == me(g) {
			continue
		}
		if err := tx.AddMention(ctx, r.ID, id, n.At); err != nil {
			return n, err
		}
		if err := emit(ctx, tx, r, told+"mentioned", map[string]any{"note": n.ID, "user": id}); err != nil {
			return n, err
		}
	}
	return n, tx.EndMention(ctx, r.ID, me(g))
}

// Seen takes a request out of the inbox of the caller, who was mentioned in its discussion and has opened it.
func Seen(ctx context.Context, tx Tx, g access.Grant, number int64) error {
	r, err := Find(ctx, tx, g, access.PromotionRead, number)
	if err != nil {
		return err
	}
	return tx.EndMention(ctx, r.ID, me(g))
}

// ReportCheck keeps what an outside system says of a digest, or of a version that has none by its id.
func ReportCheck(ctx context.Context, tx Tx, g access.Grant, c Check, now time.Time) (Check, error) {
	if err := g.Need(access.CheckReport, g.Workspace()); err != nil {
		return c, err
	}
	c.Name, c.Note, c.URL = strings.TrimSpace(c.Name), strings.TrimSpace(c.Note), strings.TrimSpace(c.URL)
	switch {
	case c.Name == "" || utf8.RuneCountInString(c.Name) > 100:
		return c, domain.Fail(domain.Invalid, "check.name", "a check needs a name of at most %d characters", 100)
	case c.Digest == "" || len(c.Digest) > 64:
		return c, domain.Fail(domain.Invalid, "check.digest", "say which version the check is about: by the digest that its page shows")
	case c.State != CheckPending && c.State != CheckSuccess && c.State != CheckFailure:
		return c, domain.Fail(domain.Invalid, "check.state", "unknown state %s: use pending, success or failure", domain.Short(string(c.State)))
	case utf8.RuneCountInString(c.Note) > 2000 || len(c.URL) > 2000:
		return c, domain.Fail(domain.Invalid, "check.long", "the note and the address of a check have at most %d characters", 2000)
	case c.URL != "" && !strings.HasPrefix(c.URL, "https://") && !strings.HasPrefix(c.URL, "http://"):
		return c, domain.Fail(domain.Invalid, "check.url", "the address of a check begins with https:// or http://")
	}
	c.ID, c.At, c.By = newID(), now.UnixMilli(), me(g)
	if err := tx.AddCheck(ctx, g.Workspace(), c); err != nil {
		return c, err
	}
	return c, tx.Emit(ctx, event.Event{Kind: "check.reported", Subject: c.Digest, Data: map[string]any{"name": c.Name, "state": c.State, "workspace": g.Workspace()}})
}
