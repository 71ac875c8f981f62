package ui

import (
	"net/http"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/signin"
)

func (p pages) signing() []route.Route {
	return []route.Route{
		route.GET("/sign-in", access.Public, p.showSignIn),
		route.POST("/sign-in", access.SessionOpen, p.signIn),
		route.POST("/sign-out", access.SessionClose, p.signOut),
		route.GET("/setup", access.Public, p.showSetup),
		route.POST("/setup", access.SessionOpen, p.setUp),
	}
}

func (p pages) showSignIn(r *route.Request) error {
	some, err := p.door.HasAccounts(r.Ctx())
	if err != nil {
		return err
	}
	if !some {
		return see(r, "/setup")
	}
	if !r.Grant.Actor().Anonymous() {
		return see(r, local(r, r.QueryParam("next")))
	}
	return r.Render(http.StatusOK, signin.SignIn(signin.View{Next: r.QueryParam("next")}))
}

func (p pages) signIn(r *route.Request) error {
	name, next := form(r, "name"), r.FormValue("next")
	u, err := p.door.Password(r.Ctx(), name, r.FormValue("password"), identity.Address(r.Request()))
	if err != nil {
		text, ok := words(r.Ctx(), err)
		if !ok {
			return err
		}
		return r.Render(route.Status[domain.KindOf(err)], signin.SignIn(signin.View{Next: next, UserName: name, Error: text}))
	}
	if err := p.open(r, u); err != nil {
		return err
	}
	return see(r, local(r, next))
}

// open begins a session for u in this browser, under a new id.
func (p pages) open(r *route.Request, u access.User) error {
	id := access.NewSecret("")
	if err := route.Do(r, func(tx *storage.Tx) error {
		return access.OpenSession(r.Ctx(), tx, r.Grant, u, id, p.door.SessionID(r.Request()), tx.Now())
	}); err != nil {
		return err
	}
	return p.door.SetSession(r.Response(), r.Request(), id)
}

func (p pages) signOut(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return access.CloseSession(r.Ctx(), tx, r.Grant, p.door.SessionID(r.Request()))
	}); err != nil {
		return err
	}
	if err := p.door.SetSession(r.Response(), r.Request(), ""); err != nil {
		return err
	}
	return see(r, "/sign-in")
}

func (p pages) showSetup(r *route.Request) error {
	some, err := p.door.HasAccounts(r.Ctx())
	if err != nil {
		return err
	}
	if some {
		return see(r, "/sign-in")
	}
	here, err := p.door.Local(r.Ctx())
	if err != nil {
		return err
	}
	token := r.QueryParam("token")
	return r.Render(http.StatusOK, signin.Setup(signin.SetupView{Token: token, AskToken: !here && token == ""}))
}

func (p pages) setUp(r *route.Request) error {
	here, err := p.door.Local(r.Ctx())
	if err != nil {
		return err
	}
	if here {
		if _, err := p.door.Who(r.Request()); err != nil { // through a proxy or by a foreign name
			return err
		}
	}
	v := signin.SetupView{Token: form(r, "token"), UserName: form(r, "name"), Errors: map[string]string{}}
	name, nameErr := access.CleanUserName(v.UserName)
	password := r.FormValue("password")
	p.problems(r, v.Errors, nameErr, access.CheckPassword(name, password))
	if len(v.Errors) > 0 {
		return r.Render(http.StatusBadRequest, signin.Setup(v))
	}
	hash := access.HashPassword(password)
	u, err := route.Write(r, func(tx *storage.Tx) (access.User, error) {
		return access.SetUp(r.Ctx(), tx, r.Grant, storage.NewID(tx.Now()), name, hash, v.Token, !here, tx.Now())
	})
	if err != nil {
		text, ok := words(r.Ctx(), err)
		if !ok {
			return err
		}
		v.Error, v.AskToken = text, !here
		return r.Render(route.Status[domain.KindOf(err)], signin.Setup(v))
	}
	if err := p.open(r, u); err != nil {
		return err
	}
	flash(r, "flash.setup_done")
	return see(r, "/")
}

// problems collects what is wrong with a name and a new password typed twice.
func (p pages) problems(r *route.Request, into map[string]string, name, password error) {
	if name != nil {
		into["name"] = said(r.Ctx(), name)
	}
	if password != nil {
		into["password"] = said(r.Ctx(), password)
	}
	if r.FormValue("password") != r.FormValue("password_again") {
		into["password_again"] = i18n.T(r.Ctx(), "error.password.again")
	}
}
