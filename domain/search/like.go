package search

import (
	"unicode"
	"unicode/utf8"
)

// Match reports whether s matches pattern, in which % stands for any text, _ for one character, and nothing is
// escaped; fold ignores case (Unicode simple folding). This is what LIKE and ILIKE mean. It goes back at
// most to the last %, so its time is bounded by the product of the lengths.
func Match(pattern, s string, fold bool) bool {
	i, j := 0, 0        // where we are in pattern and s
	star, mark := -1, 0 // what follows the last %, and where in s it was tried last
	for j < len(s) {
		r, n := utf8.DecodeRuneInString(s[j:])
		p, m := utf8.DecodeRuneInString(pattern[i:]) // m is 0 at the end
		switch {
		case m > 0 && p == '%':
			if i++; i == len(pattern) {
				return true
			}
			star, mark = i, j
		case m > 0 && (p == '_' || p == r || fold && equalFold(p, r)):
			i, j = i+m, j+n
		case star >= 0:
			_, n = utf8.DecodeRuneInString(s[mark:])
			mark += n
			i, j = star, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '%' {
		i++
	}
	return i == len(pattern)
}

// equalFold reports whether a and b are the same letter but for case.
func equalFold(a, b rune) bool {
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return lower(a) == lower(b)
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// lower is an ASCII letter in lower case.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}
