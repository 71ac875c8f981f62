// Package teams is the people who count together in rules of approval.
package teams

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/web/component"
)

// ListView is all teams.
//
//	GET  /teams
//	POST /teams                           name
//	POST /teams/:id/members               user
//	POST /teams/:id/members/:user/remove
//	POST /teams/:id/changes               were, members, reason: a request, where a protected environment counts on it
//	POST /teams/:id/delete
type ListView struct {
	Teams  []Team
	People []Person // with a role in the workspace
	Write  bool
	Name   string // that was refused
	Error  string // why
}

// Team is one team.
type Team struct {
	ID, Name string
	Members  []Person
	Named    string // a protected environment whose rules count on it, so that a change is a request; "" for none
	Asked    Asked
}

// Asked is a request for other members that was refused.
type Asked struct {
	Members []string // ids
	Reason  string
	Error   string // why
}

// Person is one person.
type Person struct{ ID, Name string }

// were are the ids of the members that the reader sees.
func (t Team) were() string {
	ids := make([]string, len(t.Members))
	for i, p := range t.Members {
		ids[i] = p.ID
	}
	return strings.Join(ids, " ")
}

// choice is everybody who is, or could be, in t.
func (v ListView) choice(t Team) (all []component.Check) {
	for _, p := range t.Members {
		all = append(all, component.Check{Value: p.ID, Label: p.Name, Checked: t.Asked.Error == "" || slices.Contains(t.Asked.Members, p.ID)})
	}
	for _, o := range v.others(t) {
		all = append(all, component.Check{Value: o.Value, Label: o.Label, Checked: slices.Contains(t.Asked.Members, o.Value)})
	}
	return all
}

// others are those who are not in t.
func (v ListView) others(t Team) (all []component.Option) {
	in := map[string]bool{}
	for _, p := range t.Members {
		in[p.ID] = true
	}
	for _, p := range v.People {
		if !in[p.ID] {
			all = append(all, component.Option{Value: p.ID, Label: p.Name})
		}
	}
	return all
}
