package promotion

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// Person is somebody who may approve, as the accounts are now.
type Person struct {
	ID     string
	Role   access.Role // in the workspace
	Teams  []string    // ids
	Active bool
}

// People are those who had a part in a request, by their ids; "" where there is none.
type People struct{ Author, Editor, Trainer string }

// RuleState is how far a rule is met.
type RuleState struct {
	Name    string
	Need    int
	Have    int
	Missing int
	By      []string // ids of those who count for it, in the order in which they approved
}

// reviews reports whether a role lets its bearer review at all.
func reviews(r access.Role) bool {
	a := access.Actor{ID: "anybody", Roles: map[string]access.Role{"": r}}
	return a.May(access.Perm{Class: access.ClassReview}, "")
}

// proposes reports whether a role lets its bearer ask for a promotion.
func proposes(r access.Role) bool {
	a := access.Actor{ID: "anybody", Roles: map[string]access.Role{"": r}}
	return a.May(access.Perm{Class: access.ClassPropose}, "")
}

// counts reports whether x's approval could count for r.
func (r Rule) counts(x Person, who People) bool {
	switch {
	case x.ID == "" || !x.Active || !reviews(x.Role),
		x.ID == who.Author, x.ID == who.Editor,
		x.ID == who.Trainer && slices.Contains(r.Apart, Trainer):
		return false
	}
	return slices.Contains(r.From.Roles, x.Role) || slices.Contains(r.From.Users, x.ID) ||
		slices.ContainsFunc(x.Teams, func(t string) bool { return slices.Contains(r.From.Teams, t) })
}

// Eligible reports whether x's approval could count for some rule.
func (p Policy) Eligible(x Person, who People) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.counts(x, who) })
}

// Quorum says of each rule how far those who approved meet it, and whether all are met. Each of them counts once,
// wherever that serves best; what is lacking is lacking in the later rules.
func (p Policy) Quorum(approved []Person, who People) (states []RuleState, ok bool) {
	ok = true
	for _, r := range p.Rules {
		states = append(states, RuleState{Name: r.Name, Need: max(0, r.Count)})
	}
	ruleOf := p.assign(approved, who)
	for at, x := range approved {
		if rule := ruleOf[at]; rule >= 0 {
			states[rule].By = append(states[rule].By, x.ID)
		}
	}
	for i := range states {
		s := &states[i]
		s.Have = len(s.By)
		s.Missing = s.Need - s.Have
		ok = ok && s.Missing == 0
	}
	return states, ok
}

// assign gives each person the rule they count for, -1 for none, so that as many approvals as possible count: for each
// approval asked for, a path is sought along which people move to another rule to make room (Kuhn's algorithm).
func (p Policy) assign(people []Person, who People) (ruleOf []int) {
	var (
		fits  = make([][]int, len(p.Rules)) // people of each rule
		known = map[string]bool{}
	)
	ruleOf = make([]int, len(people))
	for at, x := range people {
		ruleOf[at] = -1
		if known[x.ID] {
			continue
		}
		known[x.ID] = true
		for i, r := range p.Rules {
			if r.counts(x, who) {
				fits[i] = append(fits[i], at)
			}
		}
	}
	var asked []bool
	var place func(rule int) bool
	place = func(rule int) bool {
		if asked[rule] {
			return false
		}
		asked[rule] = true
		for _, at := range fits[rule] {
			if ruleOf[at] < 0 {
				ruleOf[at] = rule
				return true
			}
		}
		for _, at := range fits[rule] {
			if had := ruleOf[at]; had != rule && place(had) {
				ruleOf[at] = rule
				return true
			}
		}
		return false
	}
	for i, r := range p.Rules {
		for range r.Count {
			asked = make([]bool, len(p.Rules))
			if !place(i) {
				break
			}
		}
	}
	return ruleOf
}

// CanBeMet refuses rules that these people could not meet: all rules by themselves, and also when one of those who may
// propose is the author. Then it says which rule lacks how many.
func (p Policy) CanBeMet(all []Person) error {
	states, ok := p.Quorum(all, People{})
	if !ok {
		return p.lacking(states, false)
	}
	needed := map[string]bool{} // whoever is not needed may be the author
	for _, s := range states {
		for _, id := range s.By {
			needed[id] = true
		}
	}
	for _, x := range all {
		if !needed[x.ID] || !x.Active || !proposes(x.Role) {
			continue
		}
		needed[x.ID] = false // once for each
		if states, ok := p.Quorum(all, People{Author: x.ID, Editor: x.ID, Trainer: x.ID}); !ok {
			return p.lacking(states, true)
		}
	}
	return nil
}

func (p Policy) lacking(states []RuleState, author bool) error {
	i := slices.IndexFunc(states, func(s RuleState) bool { return s.Missing > 0 })
	s := states[i]
	name := s.Name
	if name == "" {
		name = strings.Join(p.Rules[i].whom(), ", ")
	}
	if author {
		return domain.Fail(domain.Conflict, "policy.few_with_author", "the rule %q asks for %d approvals, and when one of those who could give them is the author, %d cannot be given: let more people review, or ask for fewer", name, s.Need, s.Missing)
	}
	return domain.Fail(domain.Conflict, "policy.few", "the rule %q asks for %d approvals, and %d cannot be given, as too few people may: let more people review, or ask for fewer", name, s.Need, s.Missing)
}

// whom lists who is eligible, for a message.
func (r Rule) whom() (names []string) {
	for _, role := range r.From.Roles {
		names = append(names, string(role))
	}
	return slices.Concat(names, r.From.Teams, r.From.Users)
}
