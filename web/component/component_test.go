package component

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/link"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(i18n.With(context.Background(), "en"), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMessageLeadsOn(t *testing.T) {
	for text, want := range map[string]string{
		"No: it is live. What is live is at /slots":                 `href="/ml/slots">/slots</a>`,
		"Request it at /promotions/new?model=a%20b&to=production":   `href="/ml/promotions/new?model=a%20b&amp;to=production">/promotions/new?model=a%20b&amp;to=production</a>`,
		"there is no model /slots here":                             "there is no model /slots here",
		"no <b>name</b> //evil.example/slots":                       "no &lt;b&gt;name&lt;/b&gt; //evil.example/slots",
		"no name https://evil.example/slots /users/delete?x=/slots": "/users/delete?x=/slots",
	} {
		var b strings.Builder
		if err := Message(text).Render(link.With(t.Context(), "/ml"), &b); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "<a ") != strings.Contains(want, "</a>") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestSortHead(t *testing.T) {
	same := func(order string) string { return order }
	for _, c := range []struct {
		key, order string
		number     bool
		sort, next string
	}{
		{"name", "", false, "", "name ASC"},
		{"name", "name", false, "ascending", "name DESC"},
		{"name", "name asc", false, "ascending", "name DESC"},
		{"name", "name DESC", false, "descending", "name ASC"},
		{"metrics.auc", "name", true, "", "metrics.auc DESC"},
		{"metrics.auc", "metrics.auc DESC", true, "descending", "metrics.auc ASC"},
		{"metrics.`val auc`", "metrics.`val auc` DESC", true, "descending", "metrics.`val auc` ASC"},
		{"metrics.`val auc`", "metrics.`val auc`", true, "ascending", "metrics.`val auc` DESC"},
		{"metrics.val", "metrics.`val auc` DESC", true, "", "metrics.val DESC"},
	} {
		if h := SortHead("x", c.key, c.order, c.number, same); h.Sort != c.sort || h.URL != c.next {
			t.Errorf("%q in %q: %q, next %q; want %q, %q", c.key, c.order, h.Sort, h.URL, c.sort, c.next)
		}
	}
}

func TestFilterMarksTheCharacter(t *testing.T) {
	for _, c := range []struct {
		value               string
		at                  int
		before, mark, after string
		ok                  bool
	}{
		{"a >> b", 3, "a >", ">", " b", true},
		{"à > 'è", 4, "à > ", "'", "è", true},
		{"a =", 3, "a =", "\u00a0", "", true},
		{"a", 7, "", "", "", false},
		{"a", -1, "", "", "", false},
		{"", 0, "", "", "", false},
	} {
		before, mark, after, ok := FilterProps{Value: c.value, Problem: FilterProblem{At: c.at}}.caret()
		if before != c.before || mark != c.mark || after != c.after || ok != c.ok {
			t.Errorf("%q at %d: %q %q %q %v", c.value, c.at, before, mark, after, ok)
		}
	}
}

func TestSparkline(t *testing.T) {
	if got := render(t, Sparkline([]float64{1, math.NaN()})); got != "" {
		t.Errorf("one value has no curve: %s", got)
	}
	for _, values := range [][]float64{{1, 2, 3}, {5, 5}, {-math.MaxFloat64, math.MaxFloat64}, make([]float64, 10_000)} {
		if got := render(t, Sparkline(values)); !strings.Contains(got, "polyline") || strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%d values: %.200s", len(values), got)
		}
	}
}

func TestFieldTiesItsHelpAndErrorToTheInput(t *testing.T) {
	got := render(t, Field(FieldProps{Name: "name", Label: "Name", Value: `"><script>`, Help: "help", Error: "wrong", Required: true}))
	for _, part := range []string{`for="name"`, `aria-describedby="name-help name-error"`, `aria-invalid="true"`, `id="name-error"`, " required", "&#34;&gt;&lt;script&gt;"} {
		if !strings.Contains(got, part) {
			t.Errorf("lacks %s: %s", part, got)
		}
	}
}
