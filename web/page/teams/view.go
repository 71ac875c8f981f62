// Package teams is the people who count together in rules of approval.
package teams

import "github.com/slipway-ml/slipway/web/component"

// ListView is all teams.
//
//	GET  /teams
//	POST /teams                           name
//	POST /teams/:id/members               user
//	POST /teams/:id/members/:user/remove
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
	Named    string // a protected environment whose rules count on it, so that it stays as it is; "" for none
}

// Person is one person.
type Person struct{ ID, Name string }

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
