package promotion

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

func person(id string, role access.Role, teams ...string) Person {
	return Person{ID: id, Role: role, Teams: teams, Active: true}
}

var (
	oneReviewer = Rule{Name: "review", Count: 1, From: Eligible{Roles: []access.Role{access.Reviewer}}}
	oneOfRisk   = Rule{Name: "risk", Count: 1, From: Eligible{Teams: []string{"risk"}}}
)

func TestWhoCounts(t *testing.T) {
	risk := person("ada", access.Reviewer, "risk")
	gone := risk
	gone.Active = false
	demoted := person("ada", access.Editor, "risk")
	apart := oneOfRisk
	apart.Apart = []Connected{Trainer}
	for _, c := range []struct {
		about string
		rule  Rule
		x     Person
		who   People
		want  bool
	}{
		{"in the team", oneOfRisk, risk, People{}, true},
		{"in another team", oneOfRisk, person("ada", access.Reviewer, "legal"), People{}, false},
		{"by role", oneReviewer, risk, People{}, true},
		{"another role", oneReviewer, person("ada", access.Admin), People{}, false},
		{"by name", Rule{Count: 1, From: Eligible{Users: []string{"ada"}}}, person("ada", access.Admin), People{}, true},
		{"author", oneOfRisk, risk, People{Author: "ada"}, false},
		{"last editor", oneOfRisk, risk, People{Editor: "ada"}, false},
		{"trainer where nothing is said", oneOfRisk, risk, People{Trainer: "ada"}, true},
		{"trainer", apart, risk, People{Trainer: "ada"}, false},
		{"left", oneOfRisk, gone, People{}, false},
		{"may no longer review", oneOfRisk, demoted, People{}, false},
		{"has no role any more", Rule{Count: 1, From: Eligible{Users: []string{"ada"}}}, person("ada", ""), People{}, false},
		{"nobody", Rule{Count: 1, From: Eligible{Users: []string{""}}}, person("", access.Admin), People{Author: "x"}, false},
	} {
		p := Policy{Rules: []Rule{c.rule}}
		states, ok := p.Quorum([]Person{c.x}, c.who)
		if got := p.Eligible(c.x, c.who); got != c.want || ok != c.want || states[0].Missing != map[bool]int{true: 0, false: 1}[c.want] {
			t.Errorf("%s: eligible %v, quorum %v %+v, want %v", c.about, got, ok, states, c.want)
		}
	}
}

func TestQuorum(t *testing.T) {
	two := oneReviewer
	two.Count = 2
	ada, ben, cem := person("ada", access.Reviewer, "risk"), person("ben", access.Reviewer), person("cem", access.Admin, "risk")
	for _, c := range []struct {
		about    string
		rules    []Rule
		approved []Person
		want     string
		ok       bool
	}{
		{"no rules", nil, nil, "", true},
		{"one person does not fill two rules", []Rule{oneReviewer, oneOfRisk}, []Person{ada}, "review 1/1 [ada] risk 0/1 []", false},
		{"somebody makes room", []Rule{oneReviewer, oneOfRisk}, []Person{ada, ben}, "review 1/1 [ben] risk 1/1 [ada]", true},
		{"in any order of approval", []Rule{oneReviewer, oneOfRisk}, []Person{ben, ada}, "review 1/1 [ben] risk 1/1 [ada]", true},
		{"twice the same", []Rule{two}, []Person{ada, ada}, "review 1/2 [ada]", false},
		{"more than needed", []Rule{oneReviewer}, []Person{ada, ben}, "review 1/1 [ada]", true},
		{"rule of nought", []Rule{{Name: "none", Count: 0, From: Eligible{Users: []string{"ada"}}}}, nil, "none 0/0 []", true},
		{"three", []Rule{two, oneOfRisk}, []Person{ada, cem, ben}, "review 2/2 [ada ben] risk 1/1 [cem]", true},
	} {
		states, ok := Policy{Rules: c.rules}.Quorum(c.approved, People{Author: "zoe"})
		got := ""
		for i, s := range states {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%s %d/%d %v", s.Name, s.Have, s.Need, s.By)
			if s.Missing != s.Need-s.Have {
				t.Errorf("%s: %+v", c.about, s)
			}
		}
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %s %v, want %s %v", c.about, got, ok, c.want, c.ok)
		}
	}
}

// most is how many approvals can count at the most, by trying everything.
func most(p Policy, left []int, people []Person, who People) int {
	if len(people) == 0 {
		return 0
	}
	best := most(p, left, people[1:], who)
	for i, r := range p.Rules {
		if left[i] > 0 && r.counts(people[0], who) {
			left[i]--
			best = max(best, 1+most(p, left, people[1:], who))
			left[i]++
		}
	}
	return best
}

func TestQuorumIsTheBestThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		teams := []string{"a", "b", "c"}
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(teams), 0, 3, rapid.ID[string])
		ids := rapid.SampledFrom([]string{"u1", "u2", "u3", "u4", "u5", "u6"})
		var p Policy
		for range rapid.IntRange(1, 4).Draw(t, "rules") {
			r := Rule{Count: rapid.IntRange(0, 3).Draw(t, "count"), From: Eligible{
				Teams: some.Draw(t, "teams"), Users: rapid.SliceOfNDistinct(ids, 0, 2, rapid.ID[string]).Draw(t, "users"),
			}}
			if rapid.Bool().Draw(t, "apart") {
				r.Apart = []Connected{Trainer}
			}
			p.Rules = append(p.Rules, r)
		}
		var people []Person
		for _, id := range rapid.SliceOfNDistinct(ids, 0, 6, rapid.ID[string]).Draw(t, "people") {
			people = append(people, Person{ID: id, Role: rapid.SampledFrom(access.Roles).Draw(t, "role"), Teams: some.Draw(t, "in"), Active: rapid.IntRange(0, 9).Draw(t, "active") > 0})
		}
		who := People{ids.Draw(t, "author"), ids.Draw(t, "editor"), ids.Draw(t, "trainer")}
		states, ok := p.Quorum(people, who)
		var left []int
		need, have, seen := 0, 0, map[string]bool{}
		for i, r := range p.Rules {
			left = append(left, r.Count)
			need += r.Count
			have += states[i].Have
			if states[i].Have > r.Count || states[i].Have != len(states[i].By) {
				t.Fatalf("%+v", states)
			}
			for _, id := range states[i].By {
				at := slices.IndexFunc(people, func(x Person) bool { return x.ID == id })
				if seen[id] || !r.counts(people[at], who) || id == who.Author || id == who.Editor {
					t.Fatalf("%s counts wrongly: %+v", id, states)
				}
				seen[id] = true
			}
		}
		if best := most(p, left, people, who); have != best || ok != (best == need) {
			t.Fatalf("%d count, %d could; ok %v of %d", have, best, ok, need)
		}
	})
}

func TestCanBeMet(t *testing.T) {
	two := oneReviewer
	two.Count = 2
	admins := Rule{Name: "admins", Count: 1, From: Eligible{Roles: []access.Role{access.Admin}}}
	unnamed := admins
	unnamed.Name = ""
	for _, c := range []struct {
		about string
		rules []Rule
		all   []Person
		key   string
		words string
	}{
		{"no rules", nil, nil, "", ""},
		{"nobody", []Rule{oneReviewer}, nil, "policy.few", `the rule "review" asks for 1 approvals, and 1 cannot be given`},
		{"a reviewer never proposes", []Rule{oneReviewer}, []Person{person("ada", access.Reviewer)}, "", ""},
		{"the only admin may be the author", []Rule{admins}, []Person{person("ada", access.Admin)}, "policy.few_with_author", `the rule "admins" asks for 1 approvals, and when one of those who could give them is the author, 1`},
		{"a rule without a name", []Rule{unnamed}, []Person{person("ada", access.Admin)}, "policy.few_with_author", `the rule "admin" asks`},
		{"two admins", []Rule{admins}, []Person{person("ada", access.Admin), person("ben", access.Admin)}, "", ""},
		{"one for both rules", []Rule{oneReviewer, oneOfRisk}, []Person{person("ada", access.Reviewer, "risk")}, "policy.few", `the rule "risk"`},
		{"one has left", []Rule{two}, []Person{person("ada", access.Reviewer), {ID: "ben", Role: access.Reviewer}}, "policy.few", "asks for 2 approvals, and 1 cannot"},
		{"an editor in the team does not help", []Rule{oneOfRisk}, []Person{person("ada", access.Editor, "risk")}, "policy.few", ""},
		{"the author takes one of the two", []Rule{admins, oneOfRisk}, []Person{person("ada", access.Admin), person("ben", access.Admin, "risk")}, "policy.few_with_author", ""},
		{"a third helps", []Rule{admins, oneOfRisk}, []Person{person("ada", access.Admin), person("ben", access.Admin, "risk"), person("cem", access.Reviewer, "risk")}, "", ""},
	} {
		err := Policy{Rules: c.rules}.CanBeMet(c.all)
		e := domain.As(err)
		if (c.key == "") != (err == nil) || e != nil && (e.Key != c.key || !contains(e.Msg, c.words)) {
			t.Errorf("%s: %v, want %s %s", c.about, err, c.key, c.words)
		}
	}
}

// What CanBeMet lets through can be met whoever of those who may propose is the author.
func TestCanBeMetByAnyAuthor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b"}), 0, 2, rapid.ID[string])
		var p Policy
		for range rapid.IntRange(1, 3).Draw(t, "rules") {
			p.Rules = append(p.Rules, Rule{Count: rapid.IntRange(0, 2).Draw(t, "count"), From: Eligible{Teams: some.Draw(t, "teams"), Roles: []access.Role{access.Admin}}, Apart: []Connected{Trainer}})
		}
		var all []Person
		for i := range rapid.IntRange(0, 6).Draw(t, "people") {
			all = append(all, person(fmt.Sprint(i), rapid.SampledFrom(access.Roles).Draw(t, "role"), some.Draw(t, "in")...))
		}
		_, want := p.Quorum(all, People{})
		for _, x := range all {
			_, ok := p.Quorum(all, People{Author: x.ID})
			want = want && (ok || !proposes(x.Role))
		}
		if err := p.CanBeMet(all); (err == nil) != want {
			t.Fatalf("%v, want %v", err, want)
		}
	})
}
