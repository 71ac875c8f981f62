// Package layout is the frame of every page: navigation, preferences, messages.
package layout

import (
	"context"
	"net/url"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/link"
)

// Shell is what the frame of a page shows and how the reader wants it.
type Shell struct {
	Lang      string // one of i18n.Languages
	Theme     string // "" follows the system; light or dark
	Density   string // "" is comfortable; compact
	Base      string // the server's path prefix, "" or "/ml"
	UserName  string
	SignedIn  bool
	Admin     bool
	LocalMode bool // no account yet: everyone who reaches the server is administrator
	Workspace string
	Version   string
	Path      string // of this request, with its query and without Base
	RequestID string
	Now       time.Time
	TZ        *time.Location // nil is UTC
	Flash     Flash
}

// Flash is what the last action did, said once on the next page; without text there is none.
type Flash struct {
	Tone component.Tone
	Text string
}

type contextKey struct{}

// With returns a context in which pages are written for s: its language, its clock, its path prefix.
func With(ctx context.Context, s Shell) context.Context {
	ctx = i18n.With(ctx, s.Lang)
	ctx = format.With(ctx, s.Now, s.TZ)
	ctx = link.With(ctx, s.Base)
	return context.WithValue(ctx, contextKey{}, s)
}

// From is the shell of ctx; without one it is the zero Shell.
func From(ctx context.Context) Shell {
	s, _ := ctx.Value(contextKey{}).(Shell)
	return s
}

// URL is the address of path, below the server's path prefix.
func URL(ctx context.Context, path string) templ.SafeURL { return link.To(ctx, path) }

// PrefsCookie holds what Prefs.String writes, escaped as one query value. Scripts read and write it too.
const PrefsCookie = "slipway_prefs"

// Prefs are how one browser wants its pages; empty fields leave the choice to the browser.
type Prefs struct{ Theme, Density, Lang string }

// ParsePrefs reads the cookie, and ignores what it does not know.
func ParsePrefs(cookie string) Prefs {
	values, err := url.ParseQuery(cookie)
	if err != nil {
		return Prefs{}
	}
	return Prefs{}.Change(values)
}

// Change is p with the choices that a form sent; an empty value takes a choice back.
func (p Prefs) Change(form url.Values) Prefs {
	change := func(field *string, name string, known ...string) {
		if v := form.Get(name); form.Has(name) && (v == "" || slices.Contains(known, v)) {
			*field = v
		}
	}
	change(&p.Theme, "theme", "light", "dark")
	change(&p.Density, "density", "compact")
	change(&p.Lang, "lang", i18n.Languages...)
	return p
}

// String is the cookie's value.
func (p Prefs) String() string {
	values := url.Values{}
	for name, v := range map[string]string{"theme": p.Theme, "density": p.Density, "lang": p.Lang} {
		if v != "" {
			values.Set(name, v)
		}
	}
	return values.Encode()
}

// Crumb is one step on the way to a page; the last has no path.
type Crumb struct{ Label, Path string }

// Meta is what a page tells its frame.
type Meta struct {
	Title  string
	Nav    string // key of the navigation entry it belongs to
	Crumbs []Crumb
	Charts bool // the page draws charts: fetch the chart library early
}

// entry is one line of the navigation. An entry appears when its pages exist.
type entry struct{ nav, label, path, icon, key string }

type group struct {
	label   string
	entries []entry
}

// navigation is what the reader of s may go to.
func navigation(s Shell) []group {
	settings := []entry{{"account", "nav.account", "/account", "user", ""}}
	if s.Admin {
		settings = append(settings, entry{"users", "nav.users", "/users", "users", ""})
	}
	return []group{
		{"nav.start", []entry{{"home", "nav.home", "/", "house", "h"}}},
		{"nav.build", []entry{{"experiments", "nav.experiments", "/experiments", "flask-conical", "e"}}},
		{"nav.settings", settings},
	}
}

// htmxConfig keeps htmx within the content security policy, and shows the answers to what was refused.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"[45]..","swap":true,"error":true}]}`

// initial is the first letter of a name, for its mark.
func initial(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(r))
}

// oppositeTheme is what the theme button asks for where no script knows better.
func oppositeTheme(theme string) string {
	if theme == "dark" {
		return "light"
	}
	return "dark"
}

var languageNames = map[string]string{"en": "English", "it": "Italiano"}
