package stats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var nan, inf = math.NaN(), math.Inf(1)

// near is equality up to rounding; NaN equals NaN.
func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b))
}

var sample = []float64{2.5, -1, 7, 7, 3, 9.25, .1, 4.4}

// The wanted figures are those of numpy 2: mean, std(ddof=1).
func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []float64
		want Summary
	}{
		{"nothing", nil, Summary{0, nan, nan, nan, nan}},
		{"nothing finite", []float64{nan, inf, -math.MaxFloat64}, Summary{0, nan, nan, nan, nan}},
		{"one has no spread", []float64{4}, Summary{1, 4, nan, 4, 4}},
		{"one among NaN", []float64{nan, 4, inf}, Summary{1, 4, nan, 4, 4}},
		{"constant", []float64{5, 5, 5}, Summary{3, 5, 0, 5, 5}},
		{"small", []float64{.1, .2, .4}, Summary{3, .23333333333333336, .1527525231651947, .1, .4}},
		{"far from zero", []float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}, Summary{4, 1000000010, 5.477225575051661, 1e9 + 4, 1e9 + 16}},
		{"ties", sample, Summary{8, 4.03125, 3.569207344975712, -1, 9.25}},
	} {
		got := Summarize(c.in)
		if got.N != c.want.N || !near(got.Mean, c.want.Mean) || !near(got.Std, c.want.Std) || !near(got.Low, c.want.Low) || !near(got.High, c.want.High) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// The wanted quartiles are those of numpy.percentile(v, [25, 50, 75]).
func TestBoxOf(t *testing.T) {
	for _, c := range []struct {
		in          []float64
		q1, q2, q3  float64
		low, high   float64
		outliers    []float64
		finiteCount int
	}{
		{nil, nan, nan, nan, nan, nan, nil, 0},
		{[]float64{nan}, nan, nan, nan, nan, nan, nil, 0},
		{[]float64{1}, 1, 1, 1, 1, 1, nil, 1},
		{[]float64{1, 2}, 1.25, 1.5, 1.75, 1, 2, nil, 2},
		{[]float64{3, nan, 1, 2}, 1.5, 2, 2.5, 1, 3, nil, 3},
		{[]float64{1, 2, 3, 4, 100}, 2, 3, 4, 1, 4, []float64{100}, 5},
		{[]float64{.5, .5, .5, .5, .5}, .5, .5, .5, .5, .5, nil, 5},
		{sample, 1.9, 3.7, 7, -1, 9.25, nil, 8},
	} {
		b := BoxOf(c.in)
		if b.N != c.finiteCount || !near(b.Q1, c.q1) || !near(b.Median, c.q2) || !near(b.Q3, c.q3) || !near(b.Low, c.low) || !near(b.High, c.high) || !slices.Equal(b.Outliers, c.outliers) {
			t.Errorf("%v: got %+v", c.in, b)
		}
	}
}

// The wanted figures are those of scipy.stats.linregress.
func TestTrendOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		xs, ys []float64
		want   Trend
		ok     bool
	}{
		{"nothing", nil, nil, Trend{}, false},
		{"two points", []float64{1, 2}, []float64{1, 2}, Trend{N: 2}, false},
		{"two finite points", []float64{1, 2, nan, 4}, []float64{1, 2, 3, inf}, Trend{N: 2}, false},
		{"the same x", []float64{2, 2, 2}, []float64{1, 2, 3}, Trend{N: 3}, false},
		{"the same y", []float64{1, 2, 3}, []float64{.1, .1, .1}, Trend{N: 3}, false},
		{"a line", []float64{1, 2, 3}, []float64{2, 4, 6}, Trend{3, 2, 0, 1}, true},
		{"a falling line", []float64{1, 2, 3}, []float64{3, 2, 1}, Trend{3, -1, 4, -1}, true},
		{"a cloud", []float64{1, 2, 3, 4}, []float64{6, 5, 7, 10}, Trend{4, 1.4, 3.5, .8366600265340756}, true},
		{"ties", []float64{.1, .01, .03, .1, .3}, []float64{.91, .88, .9, .93, .85}, Trend{5, -.1511009870918756, .9103189066059225, -.5686155269957722}, true},
		{"nothing in common", []float64{1, 1, 2, 2}, []float64{1, 2, 1, 2}, Trend{4, 0, 1.5, 0}, true},
	} {
		got, ok := TrendOf(c.xs, c.ys)
		if ok != c.ok || got.N != c.want.N || ok && (!near(got.Slope, c.want.Slope) || !near(got.Intercept, c.want.Intercept) || !near(got.R, c.want.R)) {
			t.Errorf("%s: got %+v %v, want %+v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestShapeKeepsExtremes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64(), rapid.Just(nan), rapid.SampledFrom([]float64{0, math.MaxFloat64, inf, -inf}))
		ys := rapid.SliceOfN(value, 0, 200).Draw(t, "values")
		xs := make([]int64, len(ys))
		for i := range xs {
			xs[i] = int64(i)
		}
		n := rapid.IntRange(4, 60).Draw(t, "n")
		at := Shape(xs, ys, n)
		if len(at) > n || !slices.IsSorted(at) || len(slices.Compact(slices.Clone(at))) != len(at) {
			t.Fatalf("%v for n = %d", at, n)
		}
		if len(ys) == 0 {
			return
		}
		if at[0] != 0 || at[len(at)-1] != len(ys)-1 {
			t.Fatalf("the ends are not in %v of %d", at, len(ys))
		}
		kept := Summary{}
		all := Summarize(ys)
		values := []float64{}
		for _, i := range at {
			values = append(values, ys[i])
		}
		if kept = Summarize(values); !near(kept.Low, all.Low) || !near(kept.High, all.High) {
			t.Fatalf("from %v to %v is kept of %v to %v", kept.Low, kept.High, all.Low, all.High)
		}
	})
}

func TestBands(t *testing.T) {
	a, b := []int64{0, 1, 2}, []int64{0, 2, 2, 3}
	var g Grid
	g.Add(a)
	g.Add(nil)
	g.Add(b)
	got := g.Bands([][]float64{g.Means(a, []float64{1, 2, nan}), g.Means(b, []float64{3, 4, 6, inf})})
	want := []Band{{0, Summary{2, 2, math.Sqrt2, 1, 3}}, {1, Summary{1, 2, nan, 2, 2}}, {2, Summary{1, 5, nan, 5, 5}}} // x = 3 has no finite value
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, w := range want {
		if s := got[i]; s.X != w.X || s.N != w.N || !near(s.Mean, w.Mean) || !near(s.Std, w.Std) || s.Low != w.Low || s.High != w.High {
			t.Errorf("at %v: got %+v, want %+v", w.X, s, w)
		}
	}
}

// A curve with many points weighs as much in a bucket as one with a single point.
func TestBandsInBuckets(t *testing.T) {
	var many []int64
	var high []float64
	for i := range int64(10_001) {
		many, high = append(many, i), append(high, 10)
	}
	few, low := []int64{0, 10_000}, []float64{0, 20}
	var g Grid
	g.Add(many)
	g.Add(few)
	bands := g.Bands([][]float64{g.Means(many, high), g.Means(few, low)})
	if len(bands) != MaxSteps {
		t.Fatalf("%d buckets", len(bands))
	}
	first, second, last := bands[0], bands[1], bands[MaxSteps-1]
	if first.X != 10 || first.N != 2 || first.Mean != 5 || !near(first.Std, math.Sqrt(50)) {
		t.Errorf("first bucket: %+v", first)
	}
	if second.X != 30 || second.N != 1 || second.Mean != 10 || !math.IsNaN(second.Std) {
		t.Errorf("second bucket: %+v", second)
	}
	if last.X != 9990 || last.N != 2 || last.Mean != 15 {
		t.Errorf("last bucket: %+v", last)
	}
}

func TestBandsOfNothing(t *testing.T) {
	var g Grid
	if got := g.Bands([][]float64{g.Means(nil, nil)}); got != nil {
		t.Errorf("got %v", got)
	}
}
