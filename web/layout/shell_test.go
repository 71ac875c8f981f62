package layout

import (
	"net/url"
	"testing"
)

func TestPrefs(t *testing.T) {
	for cookie, want := range map[string]Prefs{
		"":                                    {},
		"theme=dark&density=compact&lang=it":  {"dark", "compact", "it"},
		"theme=neon&density=&lang=xx&other=1": {},
		"%zz":                                 {},
	} {
		if got := ParsePrefs(cookie); got != want {
			t.Errorf("ParsePrefs(%q) = %+v, want %+v", cookie, got, want)
		}
	}
	p := Prefs{Theme: "dark", Lang: "it"}
	if got := ParsePrefs(p.String()); got != p {
		t.Errorf("%q reads as %+v", p, got)
	}
	if got := p.Change(url.Values{"theme": {""}, "density": {"compact"}}); got != (Prefs{Density: "compact", Lang: "it"}) {
		t.Errorf("changed to %+v", got)
	}
}
