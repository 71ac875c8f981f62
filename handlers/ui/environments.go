package ui

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
	page "github.com/slipway-ml/slipway/web/page/environments"
	"github.com/slipway-ml/slipway/web/page/promotions"
	"github.com/slipway-ml/slipway/web/page/registry"
)

var environmentPages = []route.Route{
	route.GET("/environments", access.EnvironmentRead, listEnvironments),
	route.POST("/environments", access.EnvironmentWrite, createEnvironment),
	route.GET("/environments/:name", access.EnvironmentRead, func(r *route.Request) error { return showEnvironment(r, http.StatusOK, page.View{}) }),
	route.GET("/environments/:name/edit", access.EnvironmentWrite, editEnvironment),
	route.POST("/environments/:name/edit", access.EnvironmentWrite, changeEnvironment),
	route.POST("/environments/:name/changes", access.EnvironmentWrite, requestRules),
	route.POST("/environments/:name/unprotect", access.EnvironmentWrite, requestUnprotect),
	route.POST("/environments/:name/protect", access.EnvironmentWrite, protectEnvironment),
	route.POST("/environments/:name/delete", access.EnvironmentWrite, deleteEnvironment),
}

func listEnvironments(r *route.Request) error {
	v, err := environmentsView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.List(v))
}

func environmentsView(r *route.Request) (v page.ListView, err error) {
	g, err := more(r, access.EnvironmentRead)
	if err != nil {
		return v, err
	}
	v.Write = may(r, access.EnvironmentWrite)
	return v, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := promotion.Environments(r.Ctx(), tx, g)
		if err != nil {
			return err
		}
		var people []string
		for _, e := range all {
			p, err := promotion.ParsePolicy(e.Policy)
			if err != nil {
				return err
			}
			slots, err := liveIn(r, tx, e)
			if err != nil {
				return err
			}
			people = append(people, named(p)...)
			v.All = append(v.All, environmentOf(tx, e, p, int64(len(slots))))
		}
		v.Known, err = knownIn(r, tx, g, people)
		return err
	})
}

// environmentOf is e as a page shows it.
func environmentOf(tx *storage.Tx, e slot.Environment, p promotion.Policy, live int64) page.Environment {
	out := page.Environment{Name: e.Name, Protected: e.Protected, Policy: p, Live: live}
	if f, until, frozen := p.Frozen(tx.Now()); frozen {
		out.Freeze, out.Until = f.Name, until
	}
	return out
}

// liveIn are the slots of e in which something is live, what came last first.
func liveIn(r *route.Request, tx *storage.Tx, e slot.Environment) ([]slot.Slot, error) {
	all, err := tx.SlotsOfEnvironment(r.Ctx(), e.ID)
	all = slices.DeleteFunc(all, func(s slot.Slot) bool { return s.Stable.ID == "" })
	slices.SortStableFunc(all, func(a, b slot.Slot) int { return cmp.Compare(b.Since, a.Since) })
	return all, err
}

// named are the people that p names, by their ids.
func named(p promotion.Policy) (ids []string) {
	for _, r := range p.Rules {
		ids = append(ids, r.From.Users...)
	}
	return ids
}

// knownIn are the names of people and of all teams.
func knownIn(r *route.Request, tx *storage.Tx, g access.Grant, people []string) (k page.Known, err error) {
	teams, err := promotion.Teams(r.Ctx(), tx, g)
	if err != nil {
		return k, err
	}
	k.Teams = map[string]string{}
	for _, t := range teams {
		k.Teams[t.ID] = t.Name
	}
	k.People, err = tx.NamesOf(r.Ctx(), people...)
	return k, err
}

func createEnvironment(r *route.Request) error {
	e, err := route.Write(r, func(tx *storage.Tx) (slot.Environment, error) {
		return promotion.CreateEnvironment(r.Ctx(), tx, r.Grant, form(r, "name"), tx.Now())
	})
	if err == nil {
		flash(r, "env.created", e.Name)
		return see(r, page.Path(e.Name))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	v, err := environmentsView(r)
	if err != nil {
		return err
	}
	v.Name, v.Error = r.FormValue("name"), text
	return r.Render(http.StatusBadRequest, page.List(v))
}

// How many models, open requests and changes the page of an environment lists.
const (
	mostLive    = 200
	mostOpen    = 20
	mostChanges = 10
)

// showEnvironment fills v, which holds what was refused.
func showEnvironment(r *route.Request, status int, v page.View) error {
	g, err := more(r, access.EnvironmentRead)
	if err != nil {
		return err
	}
	v.Write, v.Saved = may(r, access.EnvironmentWrite), r.QueryParam("saved") != ""
	var e slot.Environment
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		var p promotion.Policy
		if e, p, err = promotion.EnvironmentNamed(r.Ctx(), tx, g, access.EnvironmentRead, r.Param("name")); err != nil {
			return err
		}
		slots, err := liveIn(r, tx, e)
		if err != nil {
			return err
		}
		used, err := tx.CountSlots(r.Ctx(), e.ID)
		if err != nil {
			return err
		}
		v.Environment, v.Unused, v.Updated = environmentOf(tx, e, p, int64(len(slots))), used == 0, instant(e.UpdatedAt)
		v.On = strconv.FormatInt(e.Revision, 10)
		open, err := tx.Promotions(r.Ctx(), e.Workspace, promotion.Query{Open: true, Environment: e.ID, Rules: true, Most: mostOpen})
		if err != nil {
			return err
		}
		if v.Open, err = promotionRows(r, tx, r.Grant, open); err != nil {
			return err
		}
		v.More = int64(max(0, len(slots)-mostLive))
		people := append(named(p), e.UpdatedBy)
		for _, s := range slots[:min(len(slots), mostLive)] {
			people = append(people, s.By)
		}
		if v.Known, err = knownIn(r, tx, g, people); err != nil {
			return err
		}
		v.UpdatedBy = v.Known.People[e.UpdatedBy]
		for _, s := range slots[:min(len(slots), mostLive)] {
			m, err := tx.ModelByID(r.Ctx(), s.AssetID)
			if err != nil {
				return err
			}
			row := page.Slot{Model: m.Name, Version: s.Stable.Number, Digest: s.Stable.Digest, Since: instant(s.Since), By: v.Known.People[s.By]}
			if m.DeletedAt == 0 {
				row.Path, row.At = registry.Path(m.Name), registry.VersionPath(m.Name, s.Stable.Number)
			}
			v.Slots = append(v.Slots, row)
		}
		return nil
	}); err != nil {
		return err
	}
	if v.Changes, err = changesOf(r, e); err != nil {
		return err
	}
	return r.Render(status, page.Show(v))
}

// changesOf are the latest changes of e that the audit log tells of, whether they were requested or not.
func changesOf(r *route.Request, e slot.Environment) (out []page.Change, err error) {
	g, err := more(r, access.AuditRead)
	if err != nil {
		return nil, err
	}
	const looked = 50 // lines
	return out, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		found, err := audit.Search(r.Ctx(), tx, g, audit.Query{Chain: audit.WorkspaceChain(g.Workspace()), Object: e.ID, Limit: looked})
		if err != nil {
			return err
		}
		var people []string
		for _, l := range found.Lines {
			people = append(people, l.Actor)
		}
		names, err := tx.NamesOf(r.Ctx(), people...)
		if err != nil {
			return err
		}
		for _, l := range found.Lines {
			facts, err := l.Saying()
			if err != nil {
				continue // edited by hand: the verification says so
			}
			for _, f := range slices.Backward(facts) {
				data, _ := f.Data.(map[string]any)
				if f.Kind != "environment.changed" || f.Subject != e.ID || len(out) == mostChanges {
					continue
				}
				c := page.Change{By: names[l.Actor], At: instant(l.At), Line: "/audit/lines/" + strconv.FormatInt(l.Seq, 10)}
				c.Act, _ = data["act"].(string)
				if c.Act == "" {
					if c.Before, c.After = indented(data["before"]), indented(data["after"]); c.Before == c.After {
						continue
					}
				}
				if n, ok := data["promotion"].(float64); ok {
					c.Promotion = int64(n)
				}
				out = append(out, c)
			}
		}
		return nil
	})
}

// indented is v as JSON for people to read.
func indented(v any) string {
	var b strings.Builder
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	if err := j.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// editing is what the form of an environment's rules needs.
type editing struct {
	env    slot.Environment
	policy promotion.Policy
	names  map[string]string // of people, by their ids
	view   page.EditView
}

func newEditing(r *route.Request) (ed editing, err error) {
	return ed, route.See(r, func(tx *storage.Tx) error {
		if ed.env, ed.policy, err = promotion.EnvironmentNamed(r.Ctx(), tx, r.Grant, access.EnvironmentWrite, r.Param("name")); err != nil {
			return err
		}
		all, err := tx.Environments(r.Ctx(), r.Grant.Workspace())
		if err != nil {
			return err
		}
		ed.view = page.EditView{Name: ed.env.Name, Protected: ed.env.Protected, On: strconv.FormatInt(ed.env.Revision, 10), Errors: map[string]string{}}
		for _, e := range all {
			if e.ID != ed.env.ID {
				ed.view.Others = append(ed.view.Others, e.Name)
			}
		}
		teams, err := tx.Teams(r.Ctx(), r.Grant.Workspace())
		if err != nil {
			return err
		}
		for _, t := range teams {
			ed.view.Teams = append(ed.view.Teams, page.Named{ID: t.ID, Name: t.Name})
		}
		people, err := tx.People(r.Ctx(), r.Grant.Workspace())
		if err != nil {
			return err
		}
		ids := named(ed.policy)
		for _, x := range people {
			ids = append(ids, x.ID)
		}
		if ed.names, err = tx.NamesOf(r.Ctx(), ids...); err != nil {
			return err
		}
		for _, x := range people {
			ed.view.People = append(ed.view.People, page.Named{ID: x.ID, Name: ed.names[x.ID]})
		}
		return nil
	})
}

func editEnvironment(r *route.Request) error {
	ed, err := newEditing(r)
	if err != nil {
		return err
	}
	ed.view.JSON, ed.view.Text = r.QueryParam("as") == "json", indented(ed.policy)
	ed.view.Values = formOf(ed.policy, ed.names, cmp.Or(layout.From(r.Ctx()).Zone, "UTC"))
	return r.Render(http.StatusOK, page.Edit(ed.view))
}

func changeEnvironment(r *route.Request) error {
	return sendRules(r, func(tx *storage.Tx, name string, p promotion.Policy, on int64) error {
		_, err := promotion.ChangeEnvironment(r.Ctx(), tx, r.Grant, name, p, on, tx.Now())
		return err
	}, func(name string) error {
		flash(r, "flash.saved")
		return see(r, page.Path(name)+"?saved=1#change")
	})
}

func requestRules(r *route.Request) error {
	var q promotion.Request
	return sendRules(r, func(tx *storage.Tx, name string, p promotion.Policy, on int64) (err error) {
		q, err = promotion.ProposeRules(r.Ctx(), tx, r.Grant, name, promotion.Rules{Protected: true, Policy: p}, r.FormValue("reason"), on, tx.Now())
		return err
	}, func(string) error { return seeRequest(r, q) })
}

// seeRequest goes on to the page of a request for other rules that was just made.
func seeRequest(r *route.Request, q promotion.Request) error {
	flash(r, "flash.promotion_asked", q.Name())
	return see(r, promotions.Path(q.Number))
}

// sendRules reads the form of an environment's rules, does something with them, and goes on; or shows the form again.
func sendRules(r *route.Request, do func(tx *storage.Tx, name string, p promotion.Policy, on int64) error, done func(name string) error) error {
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	ed, err := newEditing(r)
	if err != nil {
		return err
	}
	v := &ed.view
	v.On, v.JSON, v.Text, v.Values, v.Reason = values.Get("on"), values.Get("as") == "json", values.Get("policy"), values, values.Get("reason")
	f := ed.form(r, values)
	p, err := ed.read(f)
	if err == nil && len(v.Errors) == 0 {
		on, bad := strconv.ParseInt(v.On, 10, 64)
		if bad != nil {
			on = 0 // no revision
		}
		if err = route.Do(r, func(tx *storage.Tx) error { return do(tx, ed.env.Name, p, on) }); err == nil {
			return done(ed.env.Name)
		}
	}
	status := http.StatusBadRequest
	if err != nil {
		text, ok := words(r.Ctx(), err)
		if ok = ok || domain.KindOf(err) == domain.TooLarge; !ok {
			return err
		}
		status = route.Status[domain.KindOf(err)]
		v.Error = cmp.Or(text, said(r.Ctx(), err))
		if field, ok := f.blame(err); ok {
			v.Errors[field], v.Error = v.Error, ""
		}
	}
	return r.Render(status, page.Edit(*v))
}

// read is the policy that was sent, either as JSON or in fields.
func (ed *editing) read(f *policyForm) (promotion.Policy, error) {
	if ed.view.JSON {
		return promotion.ParsePolicy(ed.view.Text)
	}
	return f.read(ed.policy), nil
}

func (ed *editing) form(r *route.Request, values url.Values) *policyForm {
	say := func(key string, args ...any) string { return i18n.T(r.Ctx(), key, args...) }
	f := &policyForm{say: say, v: values, ids: map[string]string{}, errors: ed.view.Errors}
	for id, name := range ed.names {
		f.ids[name] = id
	}
	return f
}

func protectEnvironment(r *route.Request) error {
	e, err := route.Write(r, func(tx *storage.Tx) (slot.Environment, error) {
		return promotion.ProtectEnvironment(r.Ctx(), tx, r.Grant, r.Param("name"), tx.Now())
	})
	if err == nil {
		flash(r, "env.now_protected", e.Name)
		return see(r, page.Path(e.Name))
	}
	return environmentRefused(r, err, func(text string) page.View { return page.View{Refused: text} })
}

// requestUnprotect requests that the protection be lifted, with the rules as they are.
func requestUnprotect(r *route.Request) error {
	on := formNumber(r, "on")
	q, err := route.Write(r, func(tx *storage.Tx) (promotion.Request, error) {
		_, p, err := promotion.EnvironmentNamed(r.Ctx(), tx, r.Grant, access.EnvironmentWrite, r.Param("name"))
		if err != nil {
			return promotion.Request{}, err
		}
		return promotion.ProposeRules(r.Ctx(), tx, r.Grant, r.Param("name"), promotion.Rules{Policy: p}, r.FormValue("reason"), on, tx.Now())
	})
	if err == nil {
		return seeRequest(r, q)
	}
	return environmentRefused(r, err, func(text string) page.View {
		return page.View{LiftRefused: text, Reason: r.FormValue("reason")}
	})
}

// environmentRefused shows the page of an environment again, with what was wrong where a person can do something about it.
func environmentRefused(r *route.Request, err error, view func(text string) page.View) error {
	text, ok := words(r.Ctx(), err)
	if denied := (*domain.Error)(nil); !ok || errors.As(err, &denied) && denied.Kind == domain.Forbidden {
		return err
	}
	s := layout.From(r.Ctx())
	s.Path = page.Path(r.Param("name")) // where the reader goes on from this answer
	withShell(r.Context, s)
	return showEnvironment(r, route.Status[domain.KindOf(err)], view(text))
}

func deleteEnvironment(r *route.Request) error {
	e, err := route.Write(r, func(tx *storage.Tx) (slot.Environment, error) {
		return promotion.DeleteEnvironment(r.Ctx(), tx, r.Grant, r.Param("name"))
	})
	if err != nil {
		return err
	}
	flash(r, "env.deleted", e.Name)
	return see(r, "/environments")
}
