package card

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

func again(t rapid.TB, c Card) {
	t.Helper()
	clean, err := Clean(c)
	if err != nil {
		t.Fatal(err)
	}
	form := clean.Form()
	back, err := ParseForm(func(name string) string { return form[name] })
	if err != nil {
		t.Fatalf("%v: %v", err, domain.As(err).Fields)
	}
	if diff := cmp.Diff(clean, back); diff != "" {
		t.Fatalf("a form loses something (-said +read):\n%s", diff)
	}
}

func TestFormRoundTrip(t *testing.T) {
	for name, c := range samples() {
		t.Run(name, func(t *testing.T) { again(t, c) })
	}
}

func TestFormOfAnyCard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { again(t, anyCard().Draw(t, "card")) })
}

func TestForm(t *testing.T) {
	form := samples()["full"].Form()
	for name, want := range map[string]string{
		"tags": "fraud\ncards", "contacts": "Ann | ann@example.org | owner", "inputs": "amount | double |  |  | in euro\ncountry | string |  | yes",
		"metrics":         "val_auc | 0.9 | new merchants | 0.88 0.92 | 1200 | fraud-holdout | 12ab\nrecall | 0.684",
		"licence.weights": "Apache-2.0", "environment.energy_kwh": "12.5",
	} {
		if form[name] != want {
			t.Errorf("%s: got %q, want %q", name, form[name], want)
		}
	}
	for _, fact := range []string{"name", "version", "parameters", "source.run", "library.origin"} {
		if _, there := form[fact]; there {
			t.Errorf("%s is no field of the form", fact)
		}
	}
	if got := strings.Join(Columns("ethical_risks"), " "); got != "name mitigation" {
		t.Errorf("columns: %q", got)
	}
}

func TestParseFormRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, at, key string }{
		{"metrics", "auc", "metrics[0].value", "card.no_number"},
		{"metrics", "\nauc | much", "metrics[1].value", "card.no_number"},
		{"metrics", "auc | 1 | | 0.8", "metrics[0].interval", "card.no_interval"},
		{"metrics", "auc | 1 | | 0.8 0.7", "metrics[0].interval", "card.interval"},
		{"metrics", "auc | NaN", "metrics[0].value", "card.number"},
		{"metrics", "auc | 1 | | | 1.5", "metrics[0].n", "card.count"},
		{"contacts", "a | a@b.c | r | more", "contacts[0]", "card.parts"},
		{"contacts", "a | b", "contacts[0].email", "card.email"},
		{"inputs", "x | double | | maybe", "inputs[0].optional", "card.yes_no"},
		{"ethical_risks", "| m", "ethical_risks[0]", "card.unnamed"},
		{"environment.hours", "long", "environment.hours", "card.no_number"},
		{"tags", "a | b", "tags[0]", "card.parts"},
		{"tags", strings.Repeat("\na", maxPorts+1), "tags", "card.many"},
		{"kind", "x", "kind", "card.choice"},
	} {
		_, err := ParseForm(func(name string) string {
			if name == c.name {
				return c.text
			}
			return ""
		})
		if e := domain.As(err); e == nil || e.Kind != domain.Invalid || e.Fields[c.at] != c.key {
			t.Errorf("%s %.40q: %v, want %s at %s", c.name, c.text, e, c.key, c.at)
		}
	}
}

func FuzzParseForm(f *testing.F) {
	f.Add("datasets", "a | train | MIT | yes | health, location\\, fine | \\n")
	f.Add("metrics", "a | 1 | | 0 1 | 2\n\n\\| | -0")
	f.Fuzz(func(t *testing.T, name, text string) {
		c, err := ParseForm(func(field string) string {
			if field == name {
				return text
			}
			return ""
		})
		if err == nil {
			again(t, c)
		}
	})
}
