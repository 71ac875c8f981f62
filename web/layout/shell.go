// Package layout is the frame of every page: navigation, preferences, messages.
package layout

import (
	"context"
	"net/url"
	"slices"
	"sync"
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
	Clock     string // "" is the browser's; utc
	Base      string // the server's path prefix, "" or "/ml"
	UserName  string
	SignedIn  bool
	Admin     bool
	Writer    bool // may make experiments
	LocalMode bool // no account yet: everyone who reaches the server is administrator
	Workspace string
	Version   string
	Path      string // of this request, with its query and without Base
	RequestID string
	Now       time.Time
	Zone      string         // the browser's own time zone, as far as it is known
	TZ        *time.Location // in which times are shown; nil is UTC
	Flash     Flash
	Waiting   int // promotions that wait for the reader's review
}

// Flash is what the last action did, said once on the next page; without text there is none.
type Flash struct {
	Tone component.Tone
	Text string
	Undo string // path of the form that takes it back; "" where nothing does
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

// Prefs are how one browser wants its pages; empty fields leave the choice to the browser. Zone is the time zone that
// the browser is in, by its IANA name; with the clock "utc" times are shown in UTC all the same.
type Prefs struct{ Theme, Density, Lang, Zone, Clock string }

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
	change := func(field *string, name string, known func(string) bool) {
		if v := form.Get(name); form.Has(name) && (v == "" || known(v)) {
			*field = v
		}
	}
	one := func(of ...string) func(string) bool { return func(v string) bool { return slices.Contains(of, v) } }
	change(&p.Theme, "theme", one("light", "dark"))
	change(&p.Density, "density", one("compact"))
	change(&p.Lang, "lang", one(i18n.Languages...))
	change(&p.Zone, "zone", func(v string) bool { return location(v) != nil })
	change(&p.Clock, "clock", one("utc"))
	return p
}

// Location is the time zone in which p wants times; nil is UTC.
func (p Prefs) Location() *time.Location {
	if p.Clock == "utc" {
		return nil
	}
	return location(p.Zone)
}

var locations sync.Map // time zones by name; only names that exist are kept, so they are few

// location is the time zone with an IANA name; nil where there is none. The server's own zone is nobody's.
func location(name string) *time.Location {
	if known, ok := locations.Load(name); ok {
		return known.(*time.Location) //nolint:forcetypeassert // nothing else is kept
	}
	if name == "" || name == "Local" {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	locations.Store(name, loc)
	return loc
}

// String is the cookie's value.
func (p Prefs) String() string {
	values := url.Values{}
	for name, v := range map[string]string{"theme": p.Theme, "density": p.Density, "lang": p.Lang, "zone": p.Zone, "clock": p.Clock} {
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
		settings = append(settings, entry{"users", "nav.users", "/users", "users", ""}, entry{"secrets", "nav.secrets", "/secrets", "lock", ""}, entry{"jobs", "nav.jobs", "/jobs", "clock", ""})
	}
	settings = append(settings, entry{"api", "nav.api", "/api", "scroll-text", ""}, entry{"trash", "nav.trash", "/trash", "trash-2", ""})
	return []group{
		{"nav.start", []entry{{"home", "nav.home", "/", "house", "h"}}},
		{"nav.build", []entry{{"experiments", "nav.experiments", "/experiments", "flask-conical", "e"}}},
		{"nav.models", []entry{{"catalog", "nav.catalog", "/catalog", "library", "c"}, {"registry", "nav.registry", "/models", "package", "m"}}},
		{"nav.release", []entry{{"promotions", "nav.promotions", "/promotions", "ship", "r"}, {"environments", "nav.environments", "/environments", "layers", "i"}}},
		{"nav.govern", []entry{{"audit", "nav.audit", "/audit", "scroll-text", "l"}}},
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

// command is one thing that the command menu does: it goes to a page, or presses a control of this page.
type command struct{ id, label, icon, path, press, key string }

// commands are what the reader of s may do from anywhere.
func commands(ctx context.Context) (out []command) {
	s := From(ctx)
	for _, g := range navigation(s) {
		for _, e := range g.entries {
			c := command{id: "go-" + e.nav, label: i18n.T(ctx, "command.go", i18n.T(ctx, e.label)), icon: e.icon, path: e.path}
			if e.key != "" {
				c.key = "g " + e.key
			}
			out = append(out, c)
		}
	}
	if s.Writer {
		out = append(out, command{id: "new-experiment", label: i18n.T(ctx, "command.new_experiment"), icon: "plus", path: "/experiments#create"})
	}
	out = append(out,
		command{id: "theme", label: i18n.T(ctx, "command.theme"), icon: "sun-moon", press: "[data-toggle-theme]"},
		command{id: "density", label: i18n.T(ctx, "command.density"), icon: "rows-3", press: "[data-pref][name=density][aria-pressed=false]"},
		command{id: "clock", label: i18n.T(ctx, "command.clock"), icon: "clock", press: "#user-menu [name=clock][aria-pressed=false]"})
	for _, lang := range i18n.Languages {
		if lang != i18n.Lang(ctx) {
			out = append(out, command{id: "lang-" + lang, label: i18n.T(ctx, "command.language", languageNames[lang]), icon: "globe", press: "#user-menu [name=lang][value=" + lang + "]"})
		}
	}
	return append(out, command{id: "help", label: i18n.T(ctx, "keys.title"), icon: "circle-question-mark", press: "[commandfor=shortcuts]", key: "?"})
}

// localZone names the reader's own time zone: Local (Europe/Rome).
func localZone(ctx context.Context) string {
	if zone := From(ctx).Zone; zone != "" {
		return i18n.T(ctx, "prefs.clock_zone", zone)
	}
	return i18n.T(ctx, "prefs.clock_local")
}
