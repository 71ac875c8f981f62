package search

import "unicode"

// Match reports whether s matches pattern, in which % stands for any text, _ for one character, and nothing is
// escaped; fold ignores case. It goes back at most to the last %, so its time is bounded by the product
// of the lengths.
func Match(pattern, s string, fold bool) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '_' || p[i] == t[j] || fold && equalFold(p[i], t[j])):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}

// equalFold reports whether a and b are the same letter but for case (Unicode simple folding).
func equalFold(a, b rune) bool {
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
