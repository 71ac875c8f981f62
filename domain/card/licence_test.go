package card

import (
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

func TestParseLicence(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"  ", ""},
		{"MIT", "MIT"},
		{" mit ", "MIT"},
		{"apache-2.0", "Apache-2.0"},
		{"MIT OR Apache-2.0", "MIT OR Apache-2.0"},
		{"mit or (apache-2.0 and\tbsd-3-clause)", "MIT OR (Apache-2.0 AND BSD-3-Clause)"},
		{"((MIT))", "((MIT))"},
		{"GPL-2.0+", "GPL-2.0+"},
		{"EPL-1.0+", "EPL-1.0+"},
		{"GPL-2.0-or-later WITH classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"},
		{"LicenseRef-Internal", "LicenseRef-Internal"},
		{"DocumentRef-spdx.tool:LicenseRef-1 AND MIT", "DocumentRef-spdx.tool:LicenseRef-1 AND MIT"},
		{strings.Repeat("(", 20) + "MIT" + strings.Repeat(")", 20), strings.Repeat("(", 20) + "MIT" + strings.Repeat(")", 20)},
	} {
		got, err := ParseLicence(c.in)
		if err != nil || got != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	for _, c := range []struct{ in, key string }{
		{"Internal", "card.licence"},
		{"MIT Apache-2.0", "card.licence"},
		{"MIT,Apache-2.0", "card.licence"},
		{"MIT OR", "card.licence"},
		{"OR MIT", "card.licence"},
		{"MIT Or Apache-2.0", "card.licence"},
		{"(MIT", "card.licence"},
		{"MIT)", "card.licence"},
		{"()", "card.licence"},
		{"MIT WITH MIT", "card.licence"},
		{"MIT WITH", "card.licence"},
		{"(MIT) WITH Classpath-exception-2.0", "card.licence"},
		{"LicenseRef-", "card.licence"},
		{"LicenseRef-a/b", "card.licence"},
		{"+", "card.licence"},
		{"NONE", "card.licence"},
		{"MIT\x00", "card.licence"},
		{strings.Repeat("(", 21) + "MIT" + strings.Repeat(")", 21), "card.licence"},
		{strings.Repeat("MIT OR ", 200) + "MIT", "card.licence_long"},
	} {
		got, err := ParseLicence(c.in)
		if e := domain.As(err); e == nil || e.Key != c.key || e.Kind != domain.Invalid || got != "" {
			t.Errorf("%.40q: got %q, %v, want the refusal %s", c.in, got, err, c.key)
		}
	}
}

func FuzzParseLicence(f *testing.F) {
	for _, seed := range []string{"MIT", "mit or (apache-2.0 and bsd-3-clause)", "GPL-2.0+ WITH Classpath-exception-2.0", "DocumentRef-a:LicenseRef-b", "((", "MIT WITH"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once, err := ParseLicence(in)
		if err != nil {
			return
		}
		if again, err := ParseLicence(once); err != nil || again != once {
			t.Fatalf("%q: %q, then %q, %v", in, once, again, err)
		}
	})
}
