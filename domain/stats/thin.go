package stats

import (
	"math"
	"slices"
)

// Thin chooses n of the points (xs[i], ys[i]), which are in order of xs, so that a line through them looks like
// the line through all: the first, the last, and of each bucket between them the one that makes the
// largest triangle with the point kept before and the mean of the next bucket (Steinarsson, "Downsampling Time
// Series for Visual Representation", 2013, largest-triangle-three-buckets). NaN counts as a triangle
// without area, so it is kept only where its bucket has nothing else. It returns their places, in order.
func Thin(xs []int64, ys []float64, n int) []int {
	if len(xs) <= n {
		return places(len(xs))
	}
	if n <= 2 {
		return []int{0, len(xs) - 1}[2-n:]
	}
	out := make([]int, 1, n)
	width := float64(len(xs)-2) / float64(n-2)
	for i := range n - 2 {
		from, to := 1+int(float64(i)*width), 1+int(float64(i+1)*width)
		end := min(1+int(float64(i+2)*width), len(xs))
		if to == end { // the last bucket is followed by the last point alone
			end = len(xs)
		}
		next := min(to, len(xs)-1)
		out = append(out, largest(xs, ys, out[len(out)-1], from, to, next, end))
	}
	return append(out, len(xs)-1)
}

func places(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// largest is the place in [from, to) whose triangle with the point before and the mean of [to, end) is largest.
func largest(xs []int64, ys []float64, before, from, to, next, end int) int {
	var x, y, count float64
	for i := next; i < end; i++ {
		if v := ys[i]; v == v { // false for NaN only
			x, y, count = x+float64(xs[i]), y+v, count+1
		}
	}
	x0, y0 := float64(xs[before]), ys[before]
	if count > 0 {
		x, y = x/count, y/count
	} else { // as if the curve went on level
		x, y = float64(xs[next]), y0
	}
	best, area := from, -1.0
	dx, dy := x0-x, y-y0
	for i := from; i < to; i++ {
		a := math.Abs(dx*(ys[i]-y0) - (x0-float64(xs[i]))*dy)
		if math.IsNaN(a) {
			a = 0
		}
		if a > area || math.IsNaN(ys[best]) && !math.IsNaN(ys[i]) {
			best, area = i, a
		}
	}
	return best
}

// Shape is Thin that also keeps the lowest and the highest finite value, wherever they stand, so that no
// chart hides the best point of a run. It returns at most n places, n at least 4.
func Shape(xs []int64, ys []float64, n int) []int {
	if len(xs) <= n {
		return places(len(xs))
	}
	out := Thin(xs, ys, n-2)
	low, high := extremes(ys)
	for _, i := range []int{low, high} {
		if i < 0 {
			continue
		}
		if at, there := slices.BinarySearch(out, i); !there {
			out = slices.Insert(out, at, i)
		}
	}
	return out
}

// extremes are the places of the lowest and the highest finite value, the first of equal ones; -1 where no value
// is finite.
func extremes(ys []float64) (low, high int) {
	low, high = -1, -1
	for i, y := range ys {
		if !Finite(y) {
			continue
		}
		if low < 0 || y < ys[low] {
			low = i
		}
		if high < 0 || y > ys[high] {
			high = i
		}
	}
	return low, high
}

// Finite reports whether v is a number to draw or to calculate with: no NaN and no infinity. The greatest
// finite number counts as infinity, for the MLflow protocol stores one as the other.
func Finite(v float64) bool { return math.Abs(v) < math.MaxFloat64 }
