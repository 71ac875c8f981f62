// Package stats is the arithmetic of charts: means and spreads, lines through points, boxes, and fewer points
// for long curves. It knows no runs and no pages. Values that are not finite take no part.
package stats

import (
	"math"
	"slices"
)

// Summary is a sample in a few figures. Std is the sample standard deviation (n−1), NaN for fewer than two values.
type Summary struct {
	N                    int
	Mean, Std, Low, High float64
}

// Summarize is the summary of the finite values of vs; of none everything is NaN.
func Summarize(vs []float64) Summary {
	s := Summary{Mean: math.NaN(), Std: math.NaN(), Low: math.NaN(), High: math.NaN()}
	var m2 float64 // Welford's recurrence: no catastrophic cancellation (Knuth, TAOCP 2, 4.2.2)
	for _, v := range vs {
		if !Finite(v) {
			continue
		}
		if s.N++; s.N == 1 {
			s.Mean, s.Low, s.High = v, v, v
			continue
		}
		d := v - s.Mean
		s.Mean += d / float64(s.N)
		m2 += d * (v - s.Mean)
		s.Low, s.High = min(s.Low, v), max(s.High, v)
	}
	if s.N > 1 {
		s.Std = math.Sqrt(m2 / float64(s.N-1))
	}
	return s
}

// Quantile is the p-quantile of sorted values by linear interpolation between the two nearest (type 7 of
// Hyndman and Fan, 1996, and numpy's default); NaN of none.
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Box is a box plot after Tukey: quartiles, whiskers to the outermost values within 1.5 times the distance
// between the quartiles, and what lies beyond them.
type Box struct {
	N                              int
	Low, Q1, Median, Q3, High, IQR float64
	Outliers                       []float64 // ascending
}

// BoxOf is the box of the finite values of vs.
func BoxOf(vs []float64) Box {
	sorted := slices.DeleteFunc(slices.Clone(vs), func(v float64) bool { return !Finite(v) })
	slices.Sort(sorted)
	b := Box{N: len(sorted), Q1: Quantile(sorted, .25), Median: Quantile(sorted, .5), Q3: Quantile(sorted, .75), Low: math.NaN(), High: math.NaN()}
	b.IQR = b.Q3 - b.Q1
	for _, v := range sorted {
		if v < b.Q1-1.5*b.IQR || v > b.Q3+1.5*b.IQR {
			b.Outliers = append(b.Outliers, v)
			continue
		}
		if math.IsNaN(b.Low) {
			b.Low = v
		}
		b.High = v
	}
	return b
}

// Trend is the line y = Slope·x + Intercept nearest to some points by least squares, and Pearson's correlation R.
type Trend struct {
	N                   int
	Slope, Intercept, R float64
}

// minTrend is how many points a line needs to say anything: two are always on one.
const minTrend = 3

// TrendOf fits the points whose two coordinates are finite. It is not ok with fewer than three of them, or
// where all x or all y are the same: then there is no line or no correlation.
func TrendOf(xs, ys []float64) (t Trend, ok bool) {
	var px, py []float64
	for i := range xs {
		if Finite(xs[i]) && Finite(ys[i]) {
			px, py = append(px, xs[i]), append(py, ys[i])
		}
	}
	t.N = len(px)
	if t.N < minTrend {
		return t, false
	}
	mx, my := Summarize(px).Mean, Summarize(py).Mean
	var xx, xy, yy float64
	for i := range px {
		dx, dy := px[i]-mx, py[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	if xx == 0 || yy == 0 {
		return t, false
	}
	t.Slope = xy / xx
	t.Intercept = my - t.Slope*mx
	t.R = max(-1, min(1, xy/math.Sqrt(xx*yy)))
	return t, true
}
