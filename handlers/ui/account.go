package ui

import (
	"net/http"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/account"
)

func (p pages) account() []route.Route {
	return []route.Route{
		route.GET("/account", access.AccountRead, p.showAccount),
		route.POST("/account/password", access.AccountWrite, p.changePassword),
		route.POST("/account/tokens", access.AccountWrite, p.createToken),
		route.POST("/account/tokens/:id/revoke", access.AccountWrite, p.revokeToken),
	}
}

func (p pages) showAccount(r *route.Request) error {
	v, err := p.accountView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, account.Show(v))
}

// accountView is one's own account as it stands; the local user has none.
func (p pages) accountView(r *route.Request) (v account.View, err error) {
	if v.LocalMode, err = p.door.Local(r.Ctx()); err != nil {
		return v, err
	}
	a := r.Grant.Actor()
	v.UserName = a.Name
	for w, role := range a.Roles {
		v.Roles = append(v.Roles, account.Role{Workspace: w, Name: string(role)})
	}
	if v.LocalMode {
		return v, nil
	}
	g, err := access.Authorize(a, access.AccountRead, r.Grant.Workspace(), r.Grant.Origin())
	if err != nil {
		return v, err
	}
	var tokens []access.Token
	err = r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		_, tokens, err = access.Account(r.Ctx(), tx, g)
		return err
	})
	now := time.Now()
	for _, t := range tokens {
		if t.RevokedAt != 0 {
			continue
		}
		row := account.Token{
			ID: t.ID, Name: t.Name, Prefix: t.Prefix, Created: instant(t.CreatedAt), Expires: instant(t.ExpiresAt), LastUsed: instant(t.UsedAt), Expired: !t.Live(now),
		}
		for _, s := range t.Scopes {
			row.Scopes = append(row.Scopes, string(s))
		}
		v.Tokens = append(v.Tokens, row)
	}
	return v, err
}

// instant is a stored time; the zero Time where there is none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (p pages) changePassword(r *route.Request) error {
	a := r.Grant.Actor()
	errs := map[string]string{}
	password := r.FormValue("password")
	if _, err := p.door.Password(r.Ctx(), a.Name, r.FormValue("current"), identity.Address(r.Request())); err != nil {
		text, ok := words(r.Ctx(), err)
		if !ok {
			return err
		}
		errs["current"] = text
	}
	p.problems(r, errs, nil, access.CheckPassword(a.Name, password))
	if len(errs) > 0 {
		v, err := p.accountView(r)
		if err != nil {
			return err
		}
		v.PasswordErrors = errs
		return r.Render(http.StatusBadRequest, account.Show(v))
	}
	hash := access.HashPassword(password)
	if err := route.Do(r, func(tx *storage.Tx) error { return access.SetPassword(r.Ctx(), tx, r.Grant, a.ID, hash) }); err != nil {
		return err
	}
	flash(r, "flash.password_changed")
	return see(r, "/account")
}

var lifetimes = map[string]time.Duration{"30d": 30 * 24 * time.Hour, "90d": 90 * 24 * time.Hour, "365d": 365 * 24 * time.Hour, "never": 0}

func (p pages) createToken(r *route.Request) error {
	if here, err := p.door.Local(r.Ctx()); here || err != nil {
		if err == nil {
			err = domain.Fail(domain.Conflict, "token.local", "a token belongs to an account, and there is none yet: create the first account")
		}
		return err
	}
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	f := account.TokenForm{Name: form(r, "name"), Scopes: values["scope"], Expires: form(r, "expires"), Errors: map[string]string{}}
	good, known := lifetimes[f.Expires]
	if !known {
		return domain.Fail(domain.Invalid, "token.expires", "%q is not one of the offered times", f.Expires)
	}
	secret := access.NewSecret(access.TokenPrefix)
	err = route.Do(r, func(tx *storage.Tx) error {
		t := access.Token{ID: storage.NewID(tx.Now()), UserID: r.Grant.Actor().ID, Name: f.Name}
		for _, s := range f.Scopes {
			scope, err := access.ParseScope(s)
			if err != nil {
				return err
			}
			if !slices.Contains(t.Scopes, scope) {
				t.Scopes = append(t.Scopes, scope)
			}
		}
		if good > 0 {
			t.ExpiresAt = tx.Now().Add(good).UnixMilli()
		}
		_, err := access.CreateToken(r.Ctx(), tx, r.Grant, access.AccountWrite, t, secret, tx.Now())
		return err
	})
	status, text := http.StatusOK, ""
	if err != nil {
		var ok bool
		if text, ok = words(r.Ctx(), err); !ok {
			return err
		}
		status = http.StatusBadRequest
	}
	v, viewErr := p.accountView(r)
	if viewErr != nil {
		return viewErr
	}
	if err != nil {
		field := "name"
		if len(f.Scopes) == 0 {
			field = "scope"
		}
		f.Errors[field] = text
		v.Form = f
	} else {
		v.NewToken = account.NewToken{Name: f.Name, Secret: secret, TrackingURI: r.Absolute("")}
	}
	return r.Render(status, account.Show(v))
}

func (p pages) revokeToken(r *route.Request) error {
	if err := route.Do(r, func(tx *storage.Tx) error { return access.RevokeToken(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now()) }); err != nil {
		return err
	}
	flash(r, "flash.token_revoked")
	return see(r, "/account")
}
