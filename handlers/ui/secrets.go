package ui

import (
	"net/http"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/secrets"
)

var secretPages = []route.Route{
	route.GET("/secrets", access.SecretRead, listSecrets),
	route.POST("/secrets", access.SecretWrite, func(r *route.Request) error { return putSecret(r, "") }),
	route.POST("/secrets/:id", access.SecretWrite, func(r *route.Request) error { return putSecret(r, r.Param("id")) }),
	route.POST("/secrets/:id/delete", access.SecretWrite, removeSecret),
}

func listSecrets(r *route.Request) error {
	v, err := secretsView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, secrets.List(v))
}

func secretsView(r *route.Request) (v secrets.View, err error) {
	g, err := more(r, access.SecretRead)
	if err != nil {
		return v, err
	}
	if _, bad := r.Secrets.Keys(); bad != nil {
		v.Locked = true
	}
	return v, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := secret.List(r.Ctx(), tx, g)
		if err != nil {
			return err
		}
		ids := make([]string, len(all))
		for i, s := range all {
			ids[i] = s.UpdatedBy
		}
		names, err := tx.NamesOf(r.Ctx(), ids...)
		if err != nil {
			return err
		}
		uses, err := tx.SecretUses(r.Ctx(), g.Workspace())
		if err != nil {
			return err
		}
		for _, s := range all {
			v.All = append(v.All, secrets.Row{
				ID: s.ID, Name: s.Name, Tail: s.Tail, Fingerprint: s.Fingerprint, Version: s.Version, By: names[s.UpdatedBy],
				Opens: r.Secrets.Opens(s), Changed: instant(s.UpdatedAt), Used: instant(s.UsedAt), Uses: uses[s.ID],
			})
		}
		return nil
	})
}

// putSecret keeps the value of a new secret or, with an id, another value of one. What was typed as a value is never sent back.
func putSecret(r *route.Request, id string) error {
	hours, err := strconv.Atoi(form(r, "overlap"))
	if err != nil || hours < 0 || hours > 24*31 {
		hours = 0
	}
	s, err := route.Write(r, func(tx *storage.Tx) (secret.Secret, error) {
		if id != "" {
			if _, err := secret.Find(r.Ctx(), tx, r.Grant, access.SecretWrite, id); err != nil {
				return secret.Secret{}, err
			}
			return r.Secrets.Put(r.Ctx(), tx, r.Grant, id, "", r.FormValue("value"), time.Duration(hours)*time.Hour, tx.Now())
		}
		return r.Secrets.Put(r.Ctx(), tx, r.Grant, storage.NewID(tx.Now()), form(r, "name"), r.FormValue("value"), 0, tx.Now())
	})
	if err == nil {
		flash(r, "secrets.saved", s.Name)
		return see(r, "/secrets")
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	v, err := secretsView(r)
	if err != nil {
		return err
	}
	v.Name, v.Error, v.For = form(r, "name"), text, id
	return r.Render(http.StatusBadRequest, secrets.List(v))
}

func removeSecret(r *route.Request) error {
	s, err := route.Write(r, func(tx *storage.Tx) (secret.Secret, error) {
		return secret.Remove(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	if err != nil {
		return err
	}
	flash(r, "secrets.removed", s.Name)
	return see(r, "/secrets")
}

// secretOptions are the secrets that a source may have as its key, and their names by id.
func secretOptions(r *route.Request) (out []component.Option, names map[string]string, err error) {
	names = map[string]string{}
	if !may(r, access.SecretRead) {
		return nil, names, nil
	}
	g, err := more(r, access.SecretRead)
	if err != nil {
		return nil, names, err
	}
	out = []component.Option{{Label: i18n.T(r.Ctx(), "secrets.no_key")}}
	return out, names, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := secret.List(r.Ctx(), tx, g)
		for _, s := range all {
			names[s.ID] = s.Name
			out = append(out, component.Option{Value: s.ID, Label: s.Name})
		}
		return err
	})
}
