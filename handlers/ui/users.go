package ui

import (
	"net/http"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/users"
)

var userPages = []route.Route{
	route.GET("/users", access.UserRead, listUsers),
	route.POST("/users", access.UserWrite, createUser),
	route.POST("/users/:id/role", access.UserWrite, setRole),
	route.POST("/users/:id/extra", access.UserWrite, setExtra),
	route.POST("/users/:id/disable", access.UserWrite, func(r *route.Request) error { return setDisabled(r, true) }),
	route.POST("/users/:id/enable", access.UserWrite, func(r *route.Request) error { return setDisabled(r, false) }),
	route.POST("/users/:id/password", access.UserWrite, resetPassword),
}

func listUsers(r *route.Request) error {
	v, err := usersView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, users.List(v))
}

func usersView(r *route.Request) (v users.ListView, err error) {
	g, err := access.Authorize(r.Grant.Actor(), access.UserRead, r.Grant.Workspace(), r.Grant.Origin())
	if err != nil {
		return v, err
	}
	var all []access.User
	err = r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err = access.Users(r.Ctx(), tx, g)
		return err
	})
	for _, u := range all {
		extra := u.Extras[r.Grant.Workspace()]
		v.Users = append(v.Users, users.User{
			ID: u.ID, Name: u.Name, Role: string(u.Roles[r.Grant.Workspace()]), Disabled: u.Disabled, Self: u.ID == r.Grant.Actor().ID,
			Operator: extra.Operator, BreakGlass: extra.BreakGlass,
			Created: instant(u.CreatedAt), LastSeen: instant(u.SeenAt),
		})
	}
	return v, err
}

func createUser(r *route.Request) error {
	f := users.Form{Name: form(r, "name"), Role: form(r, "role"), Errors: map[string]string{}}
	name, err := access.CleanUserName(f.Name)
	if err != nil {
		f.Errors["name"] = said(r.Ctx(), err)
	}
	role, err := access.ParseRole(f.Role)
	if err != nil {
		f.Errors["role"] = said(r.Ctx(), err)
	}
	password := r.FormValue("password")
	if err := access.CheckPassword(name, password); err != nil {
		f.Errors["password"] = said(r.Ctx(), err)
	}
	if len(f.Errors) == 0 {
		hash := access.HashPassword(password)
		err := route.Do(r, func(tx *storage.Tx) error {
			_, err := access.CreateUser(r.Ctx(), tx, r.Grant, storage.NewID(tx.Now()), name, hash, role, tx.Now())
			return err
		})
		if err == nil {
			flash(r, "flash.user_created", name)
			return see(r, "/users")
		}
		text, ok := words(r.Ctx(), err)
		if !ok {
			return err
		}
		f.Errors["name"] = text
	}
	v, err := usersView(r)
	if err != nil {
		return err
	}
	v.Form = f
	return r.Render(http.StatusBadRequest, users.List(v))
}

func setRole(r *route.Request) error {
	role, err := access.ParseRole(form(r, "role"))
	if err != nil {
		return err
	}
	if err := route.Do(r, func(tx *storage.Tx) error { return access.SetRole(r.Ctx(), tx, r.Grant, r.Param("id"), role) }); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, "/users")
}

func setExtra(r *route.Request) error {
	extra := access.Extra{Operator: form(r, "operator") != "", BreakGlass: form(r, "break_glass") != ""}
	if err := route.Do(r, func(tx *storage.Tx) error { return access.SetExtra(r.Ctx(), tx, r.Grant, r.Param("id"), extra) }); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, "/users")
}

func setDisabled(r *route.Request, disabled bool) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return access.SetDisabled(r.Ctx(), tx, r.Grant, r.Param("id"), disabled)
	}); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, "/users")
}

func resetPassword(r *route.Request) error {
	password := r.FormValue("password")
	if err := access.CheckPassword("", password); err != nil {
		v, viewErr := usersView(r)
		if viewErr != nil {
			return viewErr
		}
		v.PasswordFor, v.PasswordErrors = r.Param("id"), map[string]string{"password": said(r.Ctx(), err)}
		return r.Render(http.StatusBadRequest, users.List(v))
	}
	hash := access.HashPassword(password)
	if err := route.Do(r, func(tx *storage.Tx) error { return access.SetPassword(r.Ctx(), tx, r.Grant, r.Param("id"), hash) }); err != nil {
		return err
	}
	flash(r, "flash.password_changed")
	return see(r, "/users")
}
