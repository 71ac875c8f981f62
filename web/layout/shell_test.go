package layout

import (
	"net/url"
	"testing"
)

func TestPrefs(t *testing.T) {
	for cookie, want := range map[string]Prefs{
		"":                                    {},
		"theme=dark&density=compact&lang=it":  {"dark", "compact", "it", "", ""},
		"zone=Europe%2FRome&clock=utc":        {Zone: "Europe/Rome", Clock: "utc"},
		"zone=Local&clock=tea":                {},
		"zone=..%2F..%2Fetc%2Fpasswd":         {},
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
	for _, c := range []struct {
		p    Prefs
		want string
	}{
		{Prefs{}, "<nil>"},
		{Prefs{Zone: "Europe/Rome"}, "Europe/Rome"},
		{Prefs{Zone: "Europe/Rome", Clock: "utc"}, "<nil>"},
	} {
		got := "<nil>"
		if l := c.p.Location(); l != nil {
			got = l.String()
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.p, got, c.want)
		}
	}
}
