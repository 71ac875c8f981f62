package component

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"", "", " "},
		{"a", "a", " a"},
		{"a\nb\nc", "a\nc", " a|-b| c"},
		{"a\nc", "a\nb\nc", " a|+b| c"},
		{"the quick fox", "the slow fox", "-the [quick] fox|+the [slow] fox"},
		{"a\nb", "x\ny\nz", "-a|-b|+x|+y|+z"},
		{"lr: 0.1", "lr: 0.01", "-lr: 0.[1]|+lr: 0.[01]"},
		{"über 日本", "über 日本語", "-über [日本]|+über [日本語]"},
	} {
		var got []string
		for _, l := range diffLines(c.before, c.after) {
			text := map[diffOp]string{same: " ", added: "+", removed: "-"}[l.op]
			for _, w := range l.words {
				if w.hit {
					text += "[" + w.text + "]"
				} else {
					text += w.text
				}
			}
			got = append(got, text)
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q to %q: %q, want %q", c.before, c.after, s, c.want)
		}
	}
	if n := len(diffLines(strings.Repeat("a\n", 3000), "b")); n != 3002 {
		t.Errorf("long texts: %d lines", n)
	}
}

func TestMarked(t *testing.T) {
	for _, c := range []struct{ text, words, want string }{
		{"Fraud", "fr", "[Fr]aud"}, {"aXbxc", "x", "a[X]b[x]c"}, {"abc", "", "abc"}, {"", "x", ""}, {"ÄÖ ä", "ä", "ÄÖ [ä]"}, {"aaa", "aa", "[aa]a"},
	} {
		got := ""
		for _, p := range marks(c.text, c.words) {
			if p.hit {
				got += "[" + p.text + "]"
			} else {
				got += p.text
			}
		}
		if got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.words, c.text, got, c.want)
		}
	}
}
