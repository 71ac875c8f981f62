package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/teams"
)

var teamPages = []route.Route{
	route.GET("/teams", access.EnvironmentRead, listTeams),
	route.POST("/teams", access.EnvironmentWrite, createTeam),
	route.POST("/teams/:id/members", access.EnvironmentWrite, func(r *route.Request) error { return setTeamMember(r, form(r, "user"), true) }),
	route.POST("/teams/:id/members/:user/remove", access.EnvironmentWrite, func(r *route.Request) error { return setTeamMember(r, r.Param("user"), false) }),
	route.POST("/teams/:id/changes", access.EnvironmentWrite, requestTeam),
	route.POST("/teams/:id/delete", access.EnvironmentWrite, deleteTeam),
}

func listTeams(r *route.Request) error {
	v, err := teamsView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, teams.List(v))
}

func teamsView(r *route.Request) (v teams.ListView, err error) {
	g, err := more(r, access.EnvironmentRead)
	if err != nil {
		return v, err
	}
	v.Write = may(r, access.EnvironmentWrite)
	return v, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := promotion.Teams(r.Ctx(), tx, g)
		if err != nil {
			return err
		}
		people, err := tx.People(r.Ctx(), g.Workspace())
		if err != nil {
			return err
		}
		held, err := heldTeams(r, tx, g)
		if err != nil {
			return err
		}
		var ids []string
		for _, x := range people {
			ids = append(ids, x.ID)
		}
		for _, t := range all {
			ids = append(ids, t.Members...)
		}
		names, err := tx.NamesOf(r.Ctx(), ids...)
		if err != nil {
			return err
		}
		persons := func(ids []string) (out []teams.Person) {
			for _, id := range ids {
				out = append(out, teams.Person{ID: id, Name: names[id]})
			}
			slices.SortFunc(out, func(a, b teams.Person) int { return strings.Compare(a.Name, b.Name) })
			return out
		}
		v.People = persons(ids[:len(people)])
		for _, t := range all {
			v.Teams = append(v.Teams, teams.Team{ID: t.ID, Name: t.Name, Members: persons(t.Members), Named: held[t.ID]})
		}
		return nil
	})
}

// heldTeams are the teams that protected environments count on, with the name of one of these.
func heldTeams(r *route.Request, tx *storage.Tx, g access.Grant) (map[string]string, error) {
	all, err := promotion.Environments(r.Ctx(), tx, g)
	if err != nil {
		return nil, err
	}
	held := map[string]string{}
	for _, e := range all {
		if !e.Protected {
			continue
		}
		p, err := promotion.ParsePolicy(e.Policy)
		if err != nil {
			return nil, err
		}
		for _, rule := range p.Rules {
			for _, id := range rule.From.Teams {
				held[id] = e.Name
			}
		}
	}
	return held, nil
}

func createTeam(r *route.Request) error {
	t, err := route.Write(r, func(tx *storage.Tx) (promotion.Team, error) {
		return promotion.CreateTeam(r.Ctx(), tx, r.Grant, form(r, "name"), tx.Now())
	})
	if err == nil {
		flash(r, "teams.created", t.Name)
		return see(r, "/teams")
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	v, err := teamsView(r)
	if err != nil {
		return err
	}
	v.Name, v.Error = r.FormValue("name"), text
	return r.Render(http.StatusBadRequest, teams.List(v))
}

func setTeamMember(r *route.Request, user string, in bool) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return promotion.SetTeamMember(r.Ctx(), tx, r.Grant, r.Param("id"), user, in)
	}); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, "/teams")
}

// requestTeam requests other members for a team that a protected environment counts on.
func requestTeam(r *route.Request) error {
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	q, err := route.Write(r, func(tx *storage.Tx) (promotion.Request, error) {
		return promotion.ProposeTeam(r.Ctx(), tx, r.Grant, r.Param("id"), strings.Fields(values.Get("were")), values["members"], values.Get("reason"), tx.Now())
	})
	if err == nil {
		return seeRequest(r, q)
	}
	text, ok := words(r.Ctx(), err)
	if !ok || domain.KindOf(err) == domain.Forbidden {
		return err
	}
	v, viewErr := teamsView(r)
	if viewErr != nil {
		return viewErr
	}
	for i := range v.Teams {
		if t := &v.Teams[i]; t.ID == r.Param("id") {
			t.Asked = teams.Asked{Members: values["members"], Reason: values.Get("reason"), Error: text}
		}
	}
	return r.Render(route.Status[domain.KindOf(err)], teams.List(v))
}

func deleteTeam(r *route.Request) error {
	t, err := route.Write(r, func(tx *storage.Tx) (promotion.Team, error) {
		return promotion.DeleteTeam(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	if err != nil {
		return err
	}
	flash(r, "teams.deleted", t.Name)
	return see(r, "/teams")
}
