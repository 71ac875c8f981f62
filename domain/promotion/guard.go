package promotion

import (
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// guard names one defence. Tests switch some off, one or two at a time, to see that the invariants notice.
type guard string

const (
	generation   guard = "generation"   // what is replaced is what was compared with
	lock         guard = "lock"         // one at a time in a slot
	freeze       guard = "freeze"       // nothing is released in a freeze
	author       guard = "author"       // nobody approves their own request
	editor       guard = "editor"       // nor what they changed last
	binding      guard = "binding"      // an approval holds for what was approved
	recheck      guard = "recheck"      // evidence and policy are looked at again
	invalidation guard = "invalidation" // what changes the facts changes the state at once
	revocation   guard = "revocation"   // nothing revoked is released
	revokeStops  guard = "revokeStops"  // revoking stops what is being carried out
	frozenEdit   guard = "frozenEdit"   // what is being carried out is not edited
	wasLive      guard = "wasLive"      // a rollback goes back to what was live
	departed     guard = "departed"     // who has left does not count
	expiry       guard = "expiry"       // old evidence does not count
)

var off = map[guard]bool{} // written by tests alone

func on(g guard) bool { return !off[g] }

// Unmet is one condition that is in the way.
type Unmet struct {
	Key  string // below "promotion.unmet."
	Args []any  // of the sentence
}

// caller is who carries a request out.
type caller struct {
	actor access.Actor
	glass bool // in an emergency: reviews, and the gates that may be waived, do not count
}

// mayCarry reports whether it is for the caller to carry r out.
func (by caller) mayCarry(r Request) bool {
	return by.actor.ID == r.Author || by.actor.Operates(r.Workspace)
}

// Executable lists what is in the way of carrying a request out, from the facts alone; none means it may be. It trusts
// nothing that was recorded: what the approvals are bound to is compared with what is so now.
func Executable(s Situation, by caller) (out []Unmet) {
	r, now := s.Request, s.Now.UnixMilli()
	need := func(ok bool, key string, args ...any) {
		if !ok {
			out = append(out, Unmet{key, args})
		}
	}
	if by.glass {
		need(r.State.Open(), "state", r.State)
	} else {
		need(r.State == Approved || r.State == Scheduled, "state", r.State)
	}
	need(r.Deadline == 0 || now < r.Deadline, "deadline")
	need(!s.Candidate.Revoked || !on(revocation), "revoked", s.Candidate.Number)
	need(!s.Candidate.Deleted, "deleted", s.Candidate.Number)
	need(s.Candidate.Verifiable || !s.Env.Protected, "unverifiable", s.Candidate.Number, s.Env.Name)
	need(s.Slot.Generation == r.Base || !on(generation), "generation", s.Env.Name)
	need(s.Slot.Active == "" || !on(lock), "busy", s.Env.Name)
	for _, g := range s.Results {
		passed := g.Verdict == Passed || g.Verdict == Waived
		need(passed || by.glass && !s.Policy.Binds(g.Gate), "gate", g.Gate, domain.Word{Key: "verdict." + string(g.Verdict), Text: string(g.Verdict)})
	}
	need(by.mayCarry(r) || by.glass, "caller")
	for _, d := range s.Debts { // an overdue one is in the way of another emergency, too
		need(now < d.DueAt, "debt")
	}
	if by.glass {
		return out
	}
	if on(recheck) {
		need(s.Env.Digest == r.Policy, "policy", s.Env.Name)
		need(s.Evidence == r.Evidence, "evidence")
	}
	states, ok := s.Quorum()
	if !ok {
		missing := 0
		for _, rule := range states {
			missing += rule.Missing
		}
		need(false, "quorum", missing)
	}
	if s.objection(Reject) {
		need(false, "rejected")
	}
	if s.objection(RequestChanges) {
		need(false, "changes")
	}
	need(len(s.Lacking) == 0, "upstream", strings.Join(s.Lacking, ", "))
	if s.isFrozen && on(freeze) {
		need(false, "freeze", s.frozen.Name, s.until)
	}
	need(now >= r.NotBefore, "early", time.UnixMilli(r.NotBefore))
	return out
}

// settle is the request as the facts have it.
func (s *Situation) settle() Request {
	r, now := s.Request, s.Now.UnixMilli()
	if !r.State.Open() {
		return r
	}
	if r.Deadline != 0 && now >= r.Deadline {
		r.State, r.Cause, r.EndedAt, r.DueAt = Expired, "", now, 0
		return r
	}
	r.Base, r.Policy, r.Evidence, r.EvidenceText = s.Slot.Generation, s.Env.Digest, s.Evidence, string(s.Text)
	s.Request = r
	r.State, r.Cause = s.state()
	r.DueAt = s.due()
	return r
}

// state says how far the request is, and what that hangs on.
func (s *Situation) state() (State, string) {
	switch {
	case s.Candidate.Revoked:
		return Blocked, "revoked"
	case s.Candidate.Deleted:
		return Blocked, "deleted"
	case s.Env.Protected && !s.Candidate.Verifiable:
		return Blocked, "unverifiable"
	}
	switch Sum(s.Results) {
	case Failed, Errored, Inconclusive:
		return Blocked, "gates"
	case Waiting:
		return Checking, "gates"
	default: // passed
	}
	if s.objection(RequestChanges) {
		return Blocked, "changes"
	}
	if s.objection(Reject) {
		return InReview, "rejected"
	}
	if _, ok := s.Quorum(); !ok {
		return InReview, ""
	}
	switch now := s.Now.UnixMilli(); {
	case len(s.Lacking) > 0:
		return Scheduled, "upstream"
	case s.isFrozen:
		return Scheduled, "freeze"
	case now < s.Request.NotBefore:
		return Scheduled, "early"
	case s.Slot.Active != "":
		return Scheduled, "busy"
	}
	for _, d := range s.Debts {
		if s.Now.UnixMilli() >= d.DueAt {
			return Scheduled, "debt"
		}
	}
	return Approved, ""
}

// due is the next instant at which time alone may change the state.
func (s *Situation) due() int64 {
	const look = time.Minute // for what has no instant that is easy to tell, such as a soak time
	now, next := s.Now.UnixMilli(), int64(0)
	at := func(t int64) {
		if t > now && (next == 0 || t < next) {
			next = t
		}
	}
	at(s.Request.Deadline)
	at(s.Request.NotBefore)
	for _, g := range s.Results {
		at(g.ExpiresAt)
	}
	for _, w := range s.Waivers {
		at(w.ExpiresAt)
	}
	for _, d := range s.Debts {
		at(d.DueAt)
	}
	if s.isFrozen {
		at(s.until.UnixMilli())
	}
	if len(s.Lacking) > 0 || len(s.Policy.Freezes) > 0 {
		at(now + look.Milliseconds())
	}
	return next
}
