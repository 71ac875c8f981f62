package search

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, s   string
		exact, folds bool
	}{
		{"", "", true, true},
		{"", "a", false, false},
		{"a", "", false, false},
		{"%", "", true, true},
		{"%%", "", true, true},
		{"%", "anything\n", true, true},
		{"_", "", false, false},
		{"_", "é", true, true},
		{"_", "😀", true, true},
		{"__", "é", false, false},
		{"_%_", "ab", true, true},
		{"_%_", "a", false, false},
		{"abc", "abc", true, true},
		{"abc", "ABC", false, true},
		{"a%c", "abbc", true, true},
		{"a%c", "abcd", false, false},
		{"%b%", "abc", true, true},
		{"%B%", "abc", false, true},
		{"%ab", "aab", true, true},
		{"%aab%", "aaaab", true, true},
		{"a%b%c", "a-b-b-c", true, true},
		{"a%b%c", "a-c-b", false, false},
		{`\%`, "%", false, false},
		{`\%`, `\x`, true, true},
		{"É", "é", false, true},
		{"ΣΑΣ", "σας", false, true},
		{"k", "\u212a", false, true}, // the Kelvin sign
		{"ß", "ss", false, false},    // simple folding keeps the length
		{"[a-z]", "b", false, false},
		{".*", "b", false, false},
		{"@", "`", false, false}, // 32 apart, but no letters
		{"a%", "a\xff", true, true},
	} {
		if got := Match(tt.pattern, tt.s, false); got != tt.exact {
			t.Errorf("%q LIKE %q: %v", tt.s, tt.pattern, got)
		}
		if got := Match(tt.pattern, tt.s, true); got != tt.folds {
			t.Errorf("%q ILIKE %q: %v", tt.s, tt.pattern, got)
		}
	}
}

// Patterns on which naive backtracking takes for ever.
func TestMatchIsQuick(t *testing.T) {
	start := time.Now()
	s := strings.Repeat("a", 2000)
	for _, pattern := range []string{strings.Repeat("%a", 200) + "b", strings.Repeat("a%", 200) + "b", strings.Repeat("_%", 500) + "b", "%" + strings.Repeat("a", 1000) + "b"} {
		if Match(pattern, s, true) {
			t.Errorf("%.20s… matches", pattern)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Match("%É_x%", "some texté!x, and more", true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Regular expressions are another way to say what LIKE means.
func FuzzMatch(f *testing.F) {
	f.Add("%a_b%", "xxaybzz")
	f.Add("É%", "éa")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		pattern, s = strings.ToValidUTF8(pattern, "?"), strings.ToValidUTF8(s, "?")
		if len(pattern) > 200 || len(s) > 200 {
			return
		}
		for fold, flags := range map[bool]string{false: "(?s)", true: "(?si)"} {
			re := regexp.QuoteMeta(pattern)
			re = strings.NewReplacer("%", ".*", "_", ".").Replace(re)
			want := regexp.MustCompile(flags + "^" + re + "$").MatchString(s)
			if got := Match(pattern, s, fold); got != want {
				t.Errorf("Match(%q, %q, %v) = %v", pattern, s, fold, got)
			}
		}
	})
}
