package tracking

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

func TestDiff(t *testing.T) {
	from := Run{
		Params:  []Param{{"a", "1"}, {"b", "2"}, {"gone", "x"}},
		Metrics: []Metric{{Key: "loss", Value: 0.5}, {Key: "nan", Value: math.NaN()}, {Key: "same", Value: 1}},
		Tags:    []Tag{{"team", "risk"}, {"mlflow.user", "ada"}},
	}
	to := Run{
		Params:  []Param{{"b", "3"}, {"a", "1"}, {"empty", ""}},
		Metrics: []Metric{{Key: "loss", Value: 0.25}, {Key: "nan", Value: math.NaN()}, {Key: "same", Value: 1}},
		Tags:    []Tag{{"mlflow.user", "bo"}},
	}
	want := []Change{
		{Kind: KindParam, Key: "b", From: "2", To: "3"},
		{Kind: KindParam, Key: "empty", Added: true},
		{Kind: KindParam, Key: "gone", From: "x", Removed: true},
		{Kind: KindMetric, Key: "loss", From: "0.5", To: "0.25"},
		{Kind: KindTag, Key: "team", From: "risk", Removed: true},
	}
	if diff := cmp.Diff(want, Diff(from, to)); diff != "" {
		t.Error(diff)
	}
	if got := Diff(from, from); got != nil {
		t.Errorf("a run differs from itself: %v", got)
	}
}

func marked(ps []Piece) string {
	var b strings.Builder
	for _, p := range ps {
		if p.Changed {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestWords(t *testing.T) {
	long := strings.Repeat("word ", 1600)
	for _, c := range []struct{ from, to, of, other string }{
		{"", "", "", ""},
		{"a", "", "[a]", ""},
		{"", "a", "", "[a]"},
		{"same words", "same words", "same words", "same words"},
		{"learning rate 0.1", "learning rate 0.3", "learning rate 0.[1]", "learning rate 0.[3]"},
		{"one two three", "one three", "one [two ]three", "one three"},
		{"one three", "one two three", "one three", "one [two ]three"},
		{"a,b,c", "a,x,c", "a,[b],c", "a,[x],c"},
		{"naïve Bäume", "naïve Baum", "naïve [Bäume]", "naïve [Baum]"},
		{"abc", "xyz", "[abc]", "[xyz]"},
		{long + "a", long + "b", long + "[a]", long + "[b]"},
	} {
		of, other := Words(c.from, c.to)
		if marked(of) != c.of || marked(other) != c.other {
			t.Errorf("%q → %q: %q and %q, want %q and %q", domain.Short(c.from), domain.Short(c.to), marked(of), marked(other), c.of, c.other)
		}
	}
}

// The pieces of each text make the text, and what is not marked is the same in both.
func TestWordsOfAnyTexts(t *testing.T) {
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab, é\n")))
	rapid.Check(t, func(t *rapid.T) {
		from, to := text.Draw(t, "from"), text.Draw(t, "to")
		of, other := Words(from, to)
		join := func(ps []Piece, all bool) string {
			s := ""
			for _, p := range ps {
				if all || !p.Changed {
					s += p.Text
				}
			}
			return s
		}
		if join(of, true) != from || join(other, true) != to {
			t.Fatalf("pieces %v and %v do not make the texts", of, other)
		}
		if join(of, false) != join(other, false) {
			t.Fatalf("what is common differs: %v and %v", of, other)
		}
		if from == to && len(of) > 0 && of[0].Changed {
			t.Fatalf("a text differs from itself")
		}
	})
}

// Texts that have nothing in common cost no more than their length allows.
func TestWordsThatDiffer(t *testing.T) {
	of, other := Words(strings.Repeat("a ", 4000), strings.Repeat("b,", 4000))
	if len(of) == 0 || len(other) == 0 || !of[0].Changed {
		t.Errorf("%d and %d pieces", len(of), len(other))
	}
}
