package promotion

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/slot"
)

// Configuration is what somebody proposed once: other rules of a protected environment, or other members of a team that one
// counts on. It never changes, and a request puts it in force.
type Configuration struct {
	ID        string
	Workspace string
	Kind      slot.Kind // slot.Rules or slot.Team
	Subject   string    // id of the environment or the team
	Name      string    // of it, which lasts longer than a team does
	Number    int64     // 1, 2, 3 … of the subject
	Before    string    // what was in force when it was proposed: canonical JSON of Rules, or of Members
	Document  string    // what is to be in force
	Digest    string    // SHA-256 of Document, hexadecimal
	CreatedAt int64
	CreatedBy string
}

// Rules is what a configuration of the kind slot.Rules says.
type Rules struct {
	Protected bool   `json:"protected"`
	Policy    Policy `json:"policy"`
}

// Members is what a configuration of the kind slot.Team says: users' ids, sorted.
type Members struct {
	Members []string `json:"members"`
}

// configured reads what a configuration says, before or after.
func configured[T any](document string) (out T, err error) {
	return out, json.Unmarshal([]byte(document), &out)
}

// RulesOf are the rules before and after c.
func (c Configuration) RulesOf() (before, after Rules, err error) {
	if before, err = configured[Rules](c.Before); err == nil {
		after, err = configured[Rules](c.Document)
	}
	return before, after, err
}

// MembersOf are who joins the team by c, and who leaves it.
func (c Configuration) MembersOf() (join, leave []string, err error) {
	before, err := configured[Members](c.Before)
	if err != nil {
		return nil, nil, err
	}
	after, err := configured[Members](c.Document)
	return lacking(after.Members, before.Members), lacking(before.Members, after.Members), err
}

// lacking are those of all that are not among some.
func lacking(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(x string) bool { return slices.Contains(some, x) })
}

func written(v any) (string, error) {
	text, err := canonical.Marshal(v)
	return string(text), err
}

func rulesInForce(e slot.Environment) (string, error) {
	p, err := ParsePolicy(e.Policy)
	if err != nil {
		return "", err
	}
	return written(Rules{e.Protected, p})
}

func membersInForce(t Team) (string, error) {
	return written(Members{slices.Sorted(slices.Values(t.Members))})
}

// configurationPolicy is what of p concerns a configuration: the people, and how a request ends. Its gates are about versions,
// a freeze without an end could never be lifted if it held for the request to lift it, and in an emergency there is slipway env
// unprotect. Where p asks nobody to approve, somebody else has to all the same.
func configurationPolicy(p Policy) Policy {
	out := Policy{
		Rules: p.Rules, TTL: p.TTL, FinalReject: p.FinalReject, Supersede: p.Supersede, AutoExecute: p.AutoExecute,
		NeverWaived: []string{BaseGate, ReviewersGate},
	}
	if !slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Count > 0 }) {
		out.Rules = []Rule{{Count: 1, From: Eligible{Roles: []access.Role{access.Reviewer, access.Admin}}}}
	}
	return out
}

// ProposeRules requests other rules for a protected environment, or that its protection be lifted. revision is that of the
// environment which the caller saw.
func ProposeRules(ctx context.Context, tx Tx, g access.Grant, name string, to Rules, reason string, revision int64, now time.Time) (Request, error) {
	e, was, err := EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, name)
	if err != nil {
		return Request{}, err
	}
	if e, err = tx.HoldEnvironment(ctx, e.ID); err != nil {
		return Request{}, err
	}
	switch {
	case e.Revision != revision:
		return Request{}, domain.Fail(domain.Conflict, "env.changed", "somebody else changed %s meanwhile: look at it and change it again", e.Name)
	case !e.Protected:
		return Request{}, domain.Fail(domain.Conflict, "env.not_protected", "%s is not protected: change its rules, nobody has to approve that", e.Name)
	case to.Protected && len(to.Policy.Rules) == 0 && len(to.Policy.Gates) == 0:
		return Request{}, noRules(e)
	}
	if to.Policy, err = to.Policy.Clean(); err != nil {
		return Request{}, err
	}
	if err := known(ctx, tx, e, to.Policy); err != nil {
		return Request{}, err
	}
	if to.Protected {
		people, err := tx.People(ctx, e.Workspace)
		if err != nil {
			return Request{}, err
		}
		if err := to.Policy.CanBeMet(people); err != nil {
			return Request{}, err
		}
	}
	c := Configuration{Kind: slot.Rules, Subject: e.ID, Name: e.Name}
	if c.Before, err = rulesInForce(e); err != nil {
		return Request{}, err
	}
	if c.Document, err = written(to); err != nil {
		return Request{}, err
	}
	return propose(ctx, tx, g, e, was, c, reason, now)
}

// ProposeTeam requests other members for a team that a protected environment counts on; of several the one of the highest rank
// decides. were are the members that the caller saw.
func ProposeTeam(ctx context.Context, tx Tx, g access.Grant, team string, were, members []string, reason string, now time.Time) (Request, error) {
	t, err := teamByID(ctx, tx, g, team)
	if err != nil {
		return Request{}, err
	}
	if t, err = tx.HoldTeam(ctx, t.ID); err != nil {
		return Request{}, err
	}
	held, err := counting(ctx, tx, g.Workspace(), t.ID)
	switch {
	case err != nil:
		return Request{}, err
	case len(held) == 0:
		return Request{}, domain.Fail(domain.Conflict, "team.not_held", "no protected environment counts on the team %s: change its members, nobody has to approve that", domain.Short(t.Name))
	case len(lacking(were, t.Members))+len(lacking(t.Members, were)) > 0:
		return Request{}, domain.Fail(domain.Conflict, "team.changed", "somebody else changed the team %s meanwhile: look at it and change it again", domain.Short(t.Name))
	}
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	for _, user := range lacking(members, t.Members) {
		if err := somebody(ctx, tx, g, user); err != nil {
			return Request{}, err
		}
	}
	env := held[len(held)-1]
	policy, err := ParsePolicy(env.Policy)
	if err != nil {
		return Request{}, err
	}
	c := Configuration{Kind: slot.Team, Subject: t.ID, Name: t.Name}
	if c.Before, err = membersInForce(t); err != nil {
		return Request{}, err
	}
	if c.Document, err = written(Members{members}); err != nil {
		return Request{}, err
	}
	return propose(ctx, tx, g, env, policy, c, reason, now)
}

// propose writes c and puts a request for it before the gates and the people. What c is about is held.
func propose(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, policy Policy, c Configuration, reason string, now time.Time) (Request, error) {
	reason, err := text("reason", reason, 1)
	if err != nil {
		return Request{}, err
	}
	if c.Document == c.Before {
		return Request{}, domain.Fail(domain.Invalid, "promotion.no_change", "nothing would be another than it is: change something, then request it")
	}
	s, err := tx.SlotOf(ctx, env, c.Kind, c.Subject)
	if err != nil {
		return Request{}, err
	}
	sum := sha256.Sum256([]byte(c.Document))
	c.ID, c.Workspace, c.Digest = newID(), g.Workspace(), hex.EncodeToString(sum[:])
	c.CreatedAt, c.CreatedBy = now.UnixMilli(), me(g)
	open, err := tx.OpenPromotionsOfSlot(ctx, s.ID)
	if err != nil {
		return Request{}, err
	}
	for _, r := range open {
		if r.Candidate.Digest == c.Digest {
			return Request{}, domain.Fail(domain.Exists, "promotion.exists", "%s asks for the same already", r.Name())
		}
	}
	if err := tx.AddConfiguration(ctx, &c); err != nil {
		return Request{}, err
	}
	r, err := draft(ctx, tx, g, s, policy, slot.Target{ID: c.ID, Number: c.Number, Digest: c.Digest}, reason, now)
	if err != nil {
		return r, err
	}
	drafted, err := situation(ctx, tx, r, now)
	if err != nil {
		return r, err
	}
	return submit(ctx, tx, g, drafted, now)
}

func lockRules(ctx context.Context, tx Tx, id string) (string, error) {
	e, err := tx.HoldEnvironment(ctx, id)
	return e.Name, err
}

func lockTeam(ctx context.Context, tx Tx, id string) (string, error) {
	t, err := tx.HoldTeam(ctx, id)
	return t.Name, err
}

func configurationVersion(ctx context.Context, tx Tx, id string) (Version, error) {
	c, err := tx.Configuration(ctx, id)
	return Version{ID: c.ID, Model: c.Name, Digest: c.Digest, Number: c.Number, Verifiable: true, CreatedAt: c.CreatedAt}, err
}

// configuration finds the candidate of s. What its gates found while the request was open stands where it has ended: by then
// what it asked for is in force, or of no concern.
func (s *Situation) configuration(ctx context.Context, tx Tx) (recorded []Result, ended bool, err error) {
	c, err := tx.Configuration(ctx, s.Request.Candidate.ID)
	s.Configuration = &c
	if err != nil || !s.Request.State.Ended() {
		return nil, false, err
	}
	evidence, err := configured[struct {
		Results []Result `json:"results"`
	}](s.Request.EvidenceText)
	return evidence.Results, true, err
}

func rulesGates(ctx context.Context, tx Tx, s *Situation) ([]Result, error) {
	if recorded, ended, err := s.configuration(ctx, tx); err != nil || ended {
		return recorded, err
	}
	_, to, err := s.Configuration.RulesOf()
	if err != nil {
		return nil, err
	}
	base, err := rulesBase(s.Env, *s.Configuration)
	if err != nil {
		return nil, err
	}
	can, err := rulesReviewers(ctx, tx, s.Env, to)
	can.Gate, can.Kind = ReviewersGate, ReviewersGate
	return []Result{base, can}, err
}

// rulesBase says whether the rules that c replaces are still in force.
func rulesBase(e slot.Environment, c Configuration) (Result, error) {
	now, err := rulesInForce(e)
	return kept(c, now).ofBase(c), err
}

func kept(c Configuration, now string) Result {
	if now != c.Before {
		return say(Failed, "base_changed")
	}
	return say(Passed, "base_kept")
}

func (r Result) ofBase(c Configuration) Result {
	sum := sha256.Sum256([]byte(c.Before))
	r.Gate, r.Kind, r.Inputs = BaseGate, BaseGate, map[string]string{"base": hex.EncodeToString(sum[:])}
	return r
}

// rulesReviewers says whether enough people could approve under other rules. Who is in the teams that these name is a part of
// it: to approve a rule is to approve whom it counts on.
func rulesReviewers(ctx context.Context, tx Tx, e slot.Environment, to Rules) (Result, error) {
	if !to.Protected {
		return say(Passed, "reviewers_open"), nil
	}
	if err := known(ctx, tx, e, to.Policy); domain.KindOf(err) == domain.Invalid {
		return say(Failed, "reviewers_requires"), nil
	} else if err != nil {
		return Result{}, err
	}
	people, err := tx.People(ctx, e.Workspace)
	if err != nil {
		return Result{}, err
	}
	r := canBeMet(to.Policy, people)
	teams, err := tx.Teams(ctx, e.Workspace)
	if err != nil {
		return r, err
	}
	members := map[string][]string{}
	for _, t := range teams {
		if to.Policy.namesTeam(t.ID) {
			members[t.ID] = slices.Sorted(slices.Values(t.Members))
		}
	}
	if len(members) == 0 {
		return r, nil
	}
	digest, err := canonical.Digest(members)
	r.Inputs = map[string]string{"teams": digest}
	return r, err
}

// canBeMet says whether these people could meet p.
func canBeMet(p Policy, people []Person) Result {
	if p.CanBeMet(people) != nil {
		return say(Failed, "reviewers_few")
	}
	return say(Passed, "reviewers_enough")
}

func teamGates(ctx context.Context, tx Tx, s *Situation) ([]Result, error) {
	if recorded, ended, err := s.configuration(ctx, tx); err != nil || ended {
		return recorded, err
	}
	base, held, err := teamBase(ctx, tx, s.Env, *s.Configuration)
	if err != nil {
		return nil, err
	}
	to, err := configured[Members](s.Configuration.Document)
	if err != nil {
		return nil, err
	}
	people, err := tx.People(ctx, s.Request.Workspace)
	if err != nil {
		return nil, err
	}
	for i, x := range people {
		people[i].Teams = lacking(x.Teams, []string{s.Configuration.Subject})
		if slices.Contains(to.Members, x.ID) {
			people[i].Teams = append(people[i].Teams, s.Configuration.Subject)
		}
	}
	can := say(Passed, "reviewers_enough")
	for _, e := range held {
		p, err := ParsePolicy(e.Policy)
		if err != nil {
			return nil, err
		}
		if r := canBeMet(p, people); r.Verdict != Passed {
			can = r
		}
	}
	can.Gate, can.Kind = ReviewersGate, ReviewersGate
	return []Result{base, can}, nil
}

// teamBase says whether the members that c replaces are still those of the team, and whether it is still for e to decide.
func teamBase(ctx context.Context, tx Tx, e slot.Environment, c Configuration) (base Result, held []slot.Environment, err error) {
	if held, err = counting(ctx, tx, c.Workspace, c.Subject); err != nil {
		return base, nil, err
	}
	t, err := tx.HoldTeam(ctx, c.Subject)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return base, nil, err
	}
	now, err := membersInForce(t)
	switch {
	case t.ID == "":
		base = say(Failed, "base_gone")
	case len(held) == 0:
		base = say(Failed, "base_free")
	case held[len(held)-1].ID != e.ID:
		base = say(Failed, "base_elsewhere", held[len(held)-1].Name)
	default:
		base = kept(c, now)
	}
	return base.ofBase(c), held, err
}

// releaseRules puts rules in force. It looks once more at what they replace: an environment may be unprotected and changed
// without its slot.
func releaseRules(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, id string, why slot.Change, now time.Time) (slot.Slot, error) {
	c, err := tx.Configuration(ctx, id)
	if err != nil {
		return s, err
	}
	base, err := rulesBase(env, c)
	if err != nil {
		return s, err
	}
	was, to, err := c.RulesOf()
	if err != nil {
		return s, err
	}
	s, also, err := move(ctx, tx, g, env, s, c, base, why, now)
	if err != nil {
		return s, err
	}
	e, err := sealed(env, to.Policy)
	if err != nil {
		return s, err
	}
	var what []map[string]any
	if e.Digest != env.Digest {
		what = append(what, map[string]any{"before": was.Policy, "after": to.Policy})
	}
	if e.Protected = to.Protected; !e.Protected {
		what = append(what, lifted(why.Reason))
	}
	for _, data := range what {
		maps.Copy(data, also)
	}
	return s, changed(ctx, tx, g, e, now, what...)
}

// releaseTeam gives a team other members.
func releaseTeam(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, id string, why slot.Change, now time.Time) (slot.Slot, error) {
	c, err := tx.Configuration(ctx, id)
	if err != nil {
		return s, err
	}
	base, _, err := teamBase(ctx, tx, env, c)
	if err != nil {
		return s, err
	}
	join, leave, err := c.MembersOf()
	if err != nil {
		return s, err
	}
	s, also, err := move(ctx, tx, g, env, s, c, base, why, now)
	if err != nil {
		return s, err
	}
	t := Team{ID: c.Subject, Name: c.Name}
	for _, user := range join {
		if err := setMember(ctx, tx, t, user, true, also); err != nil {
			return s, err
		}
	}
	for _, user := range leave {
		if err := setMember(ctx, tx, t, user, false, also); err != nil {
			return s, err
		}
	}
	return s, nil
}

// move makes c what the slot names, unless what c replaces is not in force any more. also is what the events about it say: by
// which request it came.
func move(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, c Configuration, base Result, why slot.Change, now time.Time) (_ slot.Slot, also map[string]any, err error) {
	if base.Verdict != Passed {
		return s, nil, domain.Fail(domain.Conflict, "promotion.base_changed", "what this would replace in %s was changed meanwhile: request it anew", env.Name)
	}
	r, err := tx.Promotion(ctx, why.Request)
	if err != nil {
		return s, nil, err
	}
	s, err = slot.Move(ctx, tx, g, env, s, slot.Target{ID: c.ID, Number: c.Number, Digest: c.Digest}, why, now)
	return s, map[string]any{"promotion": r.Number}, err
}
