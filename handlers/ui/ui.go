// Package ui answers browsers: full pages, and fragments for htmx. One file for each area.
package ui

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
)

// pages know the door, for signing in and out, and what their readers follow.
type pages struct {
	door     *identity.Door
	watchers *watchers
}

// Table is every page and form.
func Table(door *identity.Door) []route.Route {
	p := pages{door, &watchers{all: map[string]*watch{}}}
	var out []route.Route
	for _, t := range [][]route.Route{p.signing(), preferences, homePages, searchPages, experimentPages, aboutPages, runsPages, runPages, comparePages, seriesPages, modelPages, registryPages, versionPages, cardPages, trashPages, stylePages, p.account(), userPages, jobPages, auditPages, promotionPages, environmentPages, teamPages, apiPages, catalogPages, catalogSourcePages, shortlistPages, secretPages} {
		out = append(out, t...)
	}
	return append(route.Around(out, p.framed), p.live()...)
}

// framed gives a page its frame: who reads it, in what language, and what the last act did.
func (p pages) framed(do func(*route.Request) error) func(*route.Request) error {
	return func(r *route.Request) error {
		local, err := p.door.Local(r.Ctx())
		if err != nil {
			return err
		}
		s := shell(r.Context, r.App, r.Grant.Actor(), r.Grant.Workspace(), local)
		s.Flash = takeFlash(r)
		s.Waiting = waitingFor(r)
		withShell(r.Context, s)
		return do(r)
	}
}

func withShell(c echo.Context, s layout.Shell) {
	c.SetRequest(c.Request().WithContext(layout.With(c.Request().Context(), s)))
}

func shell(c echo.Context, app *route.App, a access.Actor, workspace string, local bool) layout.Shell {
	prefs := layout.Prefs{}
	if cookie, err := c.Cookie(layout.PrefsCookie); err == nil {
		if v, err := url.QueryUnescape(cookie.Value); err == nil {
			prefs = layout.ParsePrefs(v)
		}
	}
	u := *c.Request().URL
	return layout.Shell{
		Lang:  i18n.Match(c.Request().Header.Get("Accept-Language"), prefs.Lang),
		Theme: prefs.Theme, Density: prefs.Density, Clock: prefs.Clock, Zone: prefs.Zone, TZ: prefs.Location(), Base: app.Prefix,
		UserName: a.Name, SignedIn: !a.Anonymous() && !local, Admin: a.May(access.UserRead, workspace), Writer: a.May(access.ExperimentWrite, workspace), LocalMode: local,
		Workspace: workspace, Version: app.Version, Path: u.RequestURI(), RequestID: route.ID(c), Now: time.Now(),
	}
}

const flashCookie = "slipway_flash"

// flash keeps a word on what was done for the next page.
func flash(r *route.Request, key string, args ...any) { flashText(r, i18n.T(r.Ctx(), key, args...)) }

// flashText is flash with the words themselves.
func flashText(r *route.Request, text string) { setFlash(r, url.Values{"text": {text}}) }

// flashUndo is flash for an act that a form to undo takes back.
func flashUndo(r *route.Request, undo, key string, args ...any) {
	setFlash(r, url.Values{"text": {i18n.T(r.Ctx(), key, args...)}, "undo": {undo}})
}

func setFlash(r *route.Request, what url.Values) {
	r.SetCookie(&http.Cookie{
		Name: flashCookie, Value: url.QueryEscape(what.Encode()), Path: r.Prefix + "/", MaxAge: 30, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.Secure(),
	})
}

// flashN is flash for n things.
func flashN(r *route.Request, key string, n int64) { flashText(r, i18n.N(r.Ctx(), key, n)) }

func takeFlash(r *route.Request) (f layout.Flash) {
	cookie, err := r.Cookie(flashCookie)
	if err != nil || r.Request().Method != http.MethodGet {
		return f
	}
	r.SetCookie(&http.Cookie{Name: flashCookie, Path: r.Prefix + "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	const most = 2000
	text, err := url.QueryUnescape(cookie.Value)
	what, bad := url.ParseQuery(text)
	if err != nil || bad != nil || len(text) > most {
		return f
	}
	f = layout.Flash{Tone: component.OK, Text: what.Get("text")}
	if undo := what.Get("undo"); undoes.MatchString(undo) { // a cookie may be anybody's: it offers no other act
		f.Undo = undo
	}
	return f
}

// undoes are the acts that a flash may offer.
var undoes = regexp.MustCompile(`^/(?:(?:runs|registered-models|model-versions)/[0-9a-f]{32}|experiments/[0-9]{1,19})/restore$`)

// see sends the browser on to another page.
func see(r *route.Request, path string) error { return r.Redirect(http.StatusSeeOther, r.Prefix+path) }

// local is a path of ours to go on to, from a form; anything else is the home page.
func local(r *route.Request, next string) string {
	next = strings.TrimPrefix(next, r.Prefix)
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// may reports what the reader may do, so that a page shows no button that would be refused.
func may(r *route.Request, p access.Perm) bool { return r.Grant.Actor().May(p, r.Grant.Workspace()) }

// words are an error for the person at a form.
func words(ctx context.Context, err error) (string, bool) {
	switch domain.KindOf(err) {
	case domain.Invalid, domain.Exists, domain.Conflict, domain.Forbidden, domain.Unauthenticated, domain.RateLimited:
		return said(ctx, err), true
	default:
		return "", false
	}
}

// form is a form's value without white space at its ends.
func form(r *route.Request, name string) string { return strings.TrimSpace(r.FormValue(name)) }

// formNumber is a form's whole number, 0 where it holds none; one that is too large is the largest.
func formNumber(r *route.Request, name string) int64 {
	n, _ := strconv.ParseInt(form(r, name), 10, 64)
	return n
}

var preferences = []route.Route{
	route.POST("/preferences", access.Public, savePreferences),
}

// savePreferences keeps theme, density, language and time zone in a cookie: they belong to the browser.
func savePreferences(r *route.Request) error {
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	old := layout.Prefs{}
	if cookie, err := r.Cookie(layout.PrefsCookie); err == nil {
		if v, err := url.QueryUnescape(cookie.Value); err == nil {
			old = layout.ParsePrefs(v)
		}
	}
	const year = 365 * 24 * 60 * 60
	r.SetCookie(&http.Cookie{ // scripts read it to switch without a round trip
		Name: layout.PrefsCookie, Value: url.QueryEscape(old.Change(values).String()), Path: r.Prefix + "/", MaxAge: year, SameSite: http.SameSiteLaxMode, Secure: r.Secure(),
	})
	return see(r, local(r, values.Get("next")))
}
