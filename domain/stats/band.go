package stats

import (
	"math"
	"slices"
)

// MaxSteps is how many distinct x a band has before it is made of as many equal buckets instead.
const MaxSteps = 500

// Band is what several curves have in common at one x: over how many of them, and the summary of their values there.
type Band struct {
	X float64
	Summary
}

// Grid is where bands stand: on the x of the curves themselves, or in the middle of equal buckets.
type Grid struct {
	xs          []int64 // distinct, ascending; nil where there are too many
	seen        map[int64]bool
	first, last int64
	some        bool
}

// Add makes g span another curve's x.
func (g *Grid) Add(xs []int64) {
	if len(xs) == 0 {
		return
	}
	if !g.some {
		g.first, g.last, g.some, g.seen = xs[0], xs[0], true, map[int64]bool{}
	}
	for _, x := range xs {
		g.first, g.last = min(g.first, x), max(g.last, x)
		if len(g.seen) <= MaxSteps {
			g.seen[x] = true
		}
	}
}

// slots is how many places g has.
func (g *Grid) slots() int {
	if len(g.seen) > MaxSteps {
		return MaxSteps
	}
	if g.xs == nil {
		for x := range g.seen {
			g.xs = append(g.xs, x)
		}
		slices.Sort(g.xs)
	}
	return len(g.xs)
}

// slot is the place of x in g; the last bucket is closed at both ends.
func (g *Grid) slot(x int64) int {
	if len(g.seen) <= MaxSteps {
		at, _ := slices.BinarySearch(g.xs, x)
		return at
	}
	return min(int((float64(x)-float64(g.first))/g.width()), MaxSteps-1)
}

func (g *Grid) width() float64 { return (float64(g.last) - float64(g.first)) / MaxSteps }

// at is the x of a slot.
func (g *Grid) at(slot int) float64 {
	if len(g.seen) <= MaxSteps {
		return float64(g.xs[slot])
	}
	return float64(g.first) + (float64(slot)+.5)*g.width()
}

// Means is one curve on g: of each slot the mean of its finite values there, NaN where it has none. So a
// curve with many points in a slot counts as much as one with few.
func (g *Grid) Means(xs []int64, ys []float64) []float64 {
	sum, n := make([]float64, g.slots()), make([]float64, g.slots())
	for i, x := range xs {
		if Finite(ys[i]) {
			at := g.slot(x)
			n[at]++
			sum[at] += (ys[i] - sum[at]) / n[at]
		}
	}
	for i := range sum {
		if n[i] == 0 {
			sum[i] = math.NaN()
		}
	}
	return sum
}

// Bands summarizes curves that Means put on g, slot by slot; slots where none of them has a value are left out.
func (g *Grid) Bands(curves [][]float64) []Band {
	var out []Band
	here := make([]float64, len(curves))
	for slot := range g.slots() {
		for i, c := range curves {
			here[i] = c[slot]
		}
		if s := Summarize(here); s.N > 0 {
			out = append(out, Band{g.at(slot), s})
		}
	}
	return out
}
