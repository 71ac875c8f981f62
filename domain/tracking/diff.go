package tracking

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Change is one key in which a run differs from another.
type Change struct {
	Kind     string // KindParam, KindMetric or KindTag
	Key      string
	From, To string // the other run's value and this one's; a metric's is its exact last value
	Added    bool   // only this run has it
	Removed  bool   // only the other run has it
}

// Diff lists in what a run differs from another: its params, then metrics, then tags, each by key. Tags that
// clients write for themselves (mlflow.…) tell runs apart that are the same, and are left out.
func Diff(from, to Run) (out []Change) {
	params := func(r Run) map[string]string {
		m := map[string]string{}
		for _, p := range r.Params {
			m[p.Key] = p.Value
		}
		return m
	}
	metrics := func(r Run) map[string]string {
		m := map[string]string{}
		for _, x := range r.Metrics {
			m[x.Key] = strconv.FormatFloat(x.Value, 'g', -1, 64)
		}
		return m
	}
	tags := func(r Run) map[string]string {
		m := map[string]string{}
		for _, t := range r.Tags {
			if !strings.HasPrefix(t.Key, "mlflow.") {
				m[t.Key] = t.Value
			}
		}
		return m
	}
	out = appendChanges(out, KindParam, params(from), params(to))
	out = appendChanges(out, KindMetric, metrics(from), metrics(to))
	return appendChanges(out, KindTag, tags(from), tags(to))
}

func appendChanges(out []Change, kind string, from, to map[string]string) []Change {
	start := len(out)
	for key, b := range to {
		if a, both := from[key]; !both || a != b {
			out = append(out, Change{Kind: kind, Key: key, From: a, To: b, Added: !both})
		}
	}
	for key, a := range from {
		if _, both := to[key]; !both {
			out = append(out, Change{Kind: kind, Key: key, From: a, Removed: true})
		}
	}
	slices.SortFunc(out[start:], func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Piece is a stretch of a text that another text has too, or does not have.
type Piece struct {
	Text    string
	Changed bool
}

// mostEdits bounds the work of Words; texts that differ in more words are different altogether.
const mostEdits = 400

// Words compares two texts word by word: of each, the pieces that the other has and those it has not, in order.
// It finds the shortest script of edits (Myers, "An O(ND) Difference Algorithm and Its Variations", 1986).
func Words(from, to string) (of, other []Piece) {
	a, b := words(from), words(to)
	same := edits(a, b)
	return pieces(a, same, 0), pieces(b, same, 1)
}

// words splits s after each run of letters and digits, each run of white space, and each other character.
func words(s string) (out []string) {
	class := func(r rune) int {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return 1
		case unicode.IsSpace(r):
			return 2
		}
		return 0
	}
	start, last := 0, 0
	for i, r := range s {
		c := class(r)
		if i > start && (c == 0 || c != last) {
			out = append(out, s[start:i])
			start = i
		}
		last = c
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// edits pairs the indexes of the words that both have, in order.
func edits(a, b []string) (same [][2]int) {
	before := 0
	for before < len(a) && before < len(b) && a[before] == b[before] {
		same = append(same, [2]int{before, before})
		before++
	}
	after := 0
	for after < len(a)-before && after < len(b)-before && a[len(a)-1-after] == b[len(b)-1-after] {
		after++
	}
	for _, p := range shortest(a[before:len(a)-after], b[before:len(b)-after]) {
		same = append(same, [2]int{p[0] + before, p[1] + before})
	}
	for i := after; i > 0; i-- {
		same = append(same, [2]int{len(a) - i, len(b) - i})
	}
	return same
}

// shortest is Myers' greedy algorithm; beyond mostEdits it finds nothing in common.
func shortest(a, b []string) (same [][2]int) {
	limit := min(len(a)+len(b), mostEdits)
	reached := make([]int, 2*limit+3) // the furthest x on each diagonal k, at k+limit+1
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, slices.Clone(reached))
		for k := -d; k <= d; k += 2 {
			at := k + limit + 1
			x := reached[at-1] + 1
			if k == -d || k != d && reached[at-1] < reached[at+1] {
				x = reached[at+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			if reached[at] = x; x >= len(a) && x-k >= len(b) {
				return backwards(trace, limit, len(a), len(b))
			}
		}
	}
	return nil
}

// backwards follows the trace from the end of both texts to their beginning.
func backwards(trace [][]int, limit, x, y int) (same [][2]int) {
	for d := len(trace) - 1; d >= 0; d-- {
		reached, k := trace[d], x-y
		at := k + limit + 1
		before := k - 1
		if k == -d || k != d && reached[at-1] < reached[at+1] {
			before = k + 1
		}
		startX := reached[before+limit+1]
		startY := startX - before
		if d == 0 {
			startX, startY = 0, 0
		}
		for x > startX && y > startY && x > 0 && y > 0 {
			x, y = x-1, y-1
			same = append(same, [2]int{x, y})
		}
		x, y = startX, startY
	}
	slices.Reverse(same)
	return same
}

func pieces(all []string, same [][2]int, side int) (out []Piece) {
	next := 0
	for i, w := range all {
		changed := true
		if next < len(same) && same[next][side] == i {
			changed = false
			next++
		}
		if n := len(out); n > 0 && out[n-1].Changed == changed {
			out[n-1].Text += w
			continue
		}
		out = append(out, Piece{w, changed})
	}
	return out
}
