package tracking

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// curveOf is a metric with the given values at steps 0, 1, 2 …
func curveOf(values ...float64) []Metric {
	out := make([]Metric, len(values))
	for i, v := range values {
		out[i] = Metric{Key: "loss", Value: v, Step: int64(i), Timestamp: int64(1000 + i)}
	}
	return out
}

func steps(ms []Metric) []int64 {
	out := make([]int64, len(ms))
	for i, m := range ms {
		out[i] = m.Step
	}
	return out
}

func TestSample(t *testing.T) {
	nan, inf := math.NaN(), math.MaxFloat64
	for _, c := range []struct {
		name string
		in   []Metric
		n    int
		want []int64 // steps
	}{
		{"nothing", nil, 5, nil},
		{"one of one", curveOf(7), 1, []int64{0}},
		{"fewer than asked for", curveOf(3, 1, 2), 10, []int64{0, 1, 2}},
		{"as many as asked for", curveOf(3, 1, 2), 3, []int64{0, 1, 2}},
		{"one of many is the last", curveOf(3, 1, 2), 1, []int64{2}},
		{"two are the ends", curveOf(3, 9, 9, 2), 2, []int64{0, 3}},
		{"three have the peak", curveOf(0, 0, 9, 0, 0), 3, []int64{0, 2, 4}},
		{"three have the pit", curveOf(0, 0, 0, -9, 0), 3, []int64{0, 3, 4}},
		{"the first of equal triangles", curveOf(0, 5, 5, 5, 0), 3, []int64{0, 1, 4}},
		{"constant", curveOf(1, 1, 1, 1, 1, 1), 4, []int64{0, 1, 3, 5}},
		{"NaN gives way", curveOf(0, nan, 1, nan, 0), 3, []int64{0, 2, 4}},
		{"nothing but NaN", curveOf(nan, nan, nan, nan, nan), 3, []int64{0, 1, 4}},
		{"a first NaN makes none of the others one", curveOf(nan, nan, 5, nan, 0), 3, []int64{0, 2, 4}},
		{"a first NaN, the number last", curveOf(nan, nan, nan, 5, 0), 3, []int64{0, 3, 4}},
		{"a bucket of NaN", curveOf(0, nan, nan, 5, 6, 0), 4, []int64{0, 1, 3, 5}},
		{"the last is NaN", curveOf(0, 1, 9, 1, nan), 3, []int64{0, 2, 4}},
		{"as great as can be", curveOf(inf, -inf, inf, -inf, inf, nan, -inf), 4, []int64{0, 1, 4, 6}},
	} {
		if got := steps(Sample(c.in, c.n)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got the steps %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSampleOrders(t *testing.T) {
	in := []Metric{{Step: 5, Timestamp: 1, Value: 1}, {Step: -3, Timestamp: 9, Value: 2}, {Step: 5, Timestamp: 0, Value: 3}, {Step: 0, Timestamp: 4, Value: 4}, {Step: 5, Timestamp: 1, Value: 5}}
	var got []float64
	for _, m := range Sample(in, 10) {
		got = append(got, m.Value)
	}
	if want := []float64{2, 4, 3, 1, 5}; !slices.Equal(got, want) { // by step, then time, then as they came
		t.Errorf("got %v, want %v", got, want)
	}
}

// lttb is largest-triangle-three-buckets written down from the thesis: the points but the ends are divided
// into buckets, and each is searched in turn for its largest triangle.
func lttb(ms []Metric, n int) []Metric {
	if len(ms) <= n || n < 3 {
		panic("nothing to reduce")
	}
	buckets := [][]Metric{ms[:1]}
	size := float64(len(ms)-2) / float64(n-2)
	for b := range n - 2 {
		var bucket []Metric
		for i := 1; i < len(ms)-1; i++ {
			if i-1 >= int(float64(b)*size) && i-1 < int(float64(b+1)*size) {
				bucket = append(bucket, ms[i])
			}
		}
		buckets = append(buckets, bucket)
	}
	buckets = append(buckets, ms[len(ms)-1:])
	out := []Metric{ms[0]}
	for b := 1; b <= n-2; b++ {
		var cx, cy float64
		for _, m := range buckets[b+1] {
			cx += float64(m.Step)
			cy += m.Value
		}
		cx /= float64(len(buckets[b+1]))
		cy /= float64(len(buckets[b+1]))
		ax, ay := float64(out[len(out)-1].Step), out[len(out)-1].Value
		var pick Metric
		most := -1.0
		for _, m := range buckets[b] {
			bx, by := float64(m.Step), m.Value
			if area := math.Abs(ax*(by-cy)+bx*(cy-ay)+cx*(ay-by)) / 2; area > most {
				most, pick = area, m
			}
		}
		out = append(out, pick)
	}
	return append(out, ms[len(ms)-1])
}

// Whole numbers keep the areas free of rounding, so that both take the same points.
func TestSampleIsLTTB(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(-1000, 1000), 4, 200).Draw(t, "values")
		n := rapid.IntRange(3, len(values)-1).Draw(t, "n")
		var ms []Metric
		step := int64(rapid.IntRange(-50, 50).Draw(t, "first"))
		for i, v := range values {
			// The mean of a bucket is whole when its sums divide by every size that a bucket can have here.
			ms = append(ms, Metric{Value: float64(v) * 5040, Step: step * 5040, Timestamp: int64(i)})
			step += int64(rapid.IntRange(0, 3).Draw(t, "gap"))
		}
		if (len(values)-2)/(n-2) > 6 {
			t.Skip("buckets so large have means that are not whole")
		}
		if got, want := Sample(slices.Clone(ms), n), lttb(ms, n); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestSampleOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.SampledFrom([]float64{0, 1, math.MaxFloat64, -math.MaxFloat64}))
		step := rapid.OneOf(rapid.Int64Range(-5, 5), rapid.Int64())
		ms := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Metric {
			return Metric{Value: value.Draw(t, "value"), Step: step.Draw(t, "step")}
		}), 0, 100).Draw(t, "points")
		for i := range ms {
			ms[i].Timestamp = int64(i) // so that no two are equal
		}
		n := rapid.IntRange(1, 120).Draw(t, "n")
		all := slices.Clone(ms)
		got := Sample(ms, n)
		if len(got) != min(n, len(all)) {
			t.Fatalf("%d points of %d for n = %d", len(got), len(all), n)
		}
		if len(got) == 0 {
			return
		}
		slices.SortStableFunc(all, func(a, b Metric) int {
			if a.Step != b.Step {
				return cmp.Compare(a.Step, b.Step)
			}
			return cmp.Compare(a.Timestamp, b.Timestamp)
		})
		if got[len(got)-1].Timestamp != all[len(all)-1].Timestamp || n > 1 && got[0].Timestamp != all[0].Timestamp {
			t.Fatalf("the ends of %v are not in %v", all, got)
		}
		at := 0
		for _, m := range got { // a subsequence: nothing invented, nothing twice
			for at < len(all) && all[at].Timestamp != m.Timestamp {
				at++
			}
			if at == len(all) {
				t.Fatalf("%v is not taken in order from %v", got, all)
			}
			at++
		}
	})
}

// A bucket that has a number does not show NaN.
func TestSampleShowsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-9, 9), rapid.Just(math.NaN()))
		ms := curveOf(rapid.SliceOfN(value, 4, 60).Draw(t, "values")...)
		n := rapid.IntRange(3, len(ms)-1).Draw(t, "n")
		size := float64(len(ms)-2) / float64(n-2)
		for b, m := range Sample(slices.Clone(ms), n)[1 : n-1] {
			bucket := ms[1+int(float64(b)*size) : 1+int(float64(b+1)*size)]
			if math.IsNaN(m.Value) && slices.ContainsFunc(bucket, func(m Metric) bool { return !math.IsNaN(m.Value) }) {
				t.Fatalf("bucket %d of %v shows NaN", b, bucket)
			}
		}
	})
}

func TestMetricDirection(t *testing.T) {
	for key, want := range map[string]Direction{
		"": Unknown, "epoch": Unknown, "learning_rate": Unknown, "train_cost": Unknown, "glossary": Unknown, "accumulated": Unknown, "map_size": HigherIsBetter,
		"loss": LowerIsBetter, "val/loss": LowerIsBetter, "log_loss": LowerIsBetter, "valloss": LowerIsBetter, "Test.RMSE": LowerIsBetter, "mean_squared_error": LowerIsBetter,
		"p95_latency_ms": LowerIsBetter, "perplexity": LowerIsBetter, "brier_score_loss": LowerIsBetter, "wer": LowerIsBetter, "power": Unknown,
		"auc": HigherIsBetter, "val_auc": HigherIsBetter, "rocauc": HigherIsBetter, "val/accuracy": HigherIsBetter, "acc": HigherIsBetter, "f1": HigherIsBetter,
		"macro avg/f1-score": HigherIsBetter, "precision": HigherIsBetter, "recall at 1 pct FPR": HigherIsBetter, "r2": HigherIsBetter,
		"neg_mean_squared_error": HigherIsBetter, "neg_accuracy": LowerIsBetter, "negative": Unknown,
	} {
		if got := MetricDirection(key); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}

// timeline is a history in memory, in the order of time as storage keeps it.
type timeline []Metric

func (ps timeline) Next() string { return "" }

func (ps timeline) Columns() (steps, times []int64, values []float64, err error) {
	for _, p := range ps {
		steps, times, values = append(steps, p.Step), append(times, p.Timestamp), append(values, p.Value)
	}
	return steps, times, values, nil
}

func (ps timeline) Each(fn func(Metric) error) error {
	for _, p := range ps {
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

func TestCurveOf(t *testing.T) {
	h := timeline{{Step: 3, Timestamp: 1000, Value: 1}, {Step: 1, Timestamp: 2000, Value: 2}, {Step: 2, Timestamp: 4000, Value: math.NaN()}}
	at := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		name   string
		run    Run
		h      History
		q      CurveQuery
		xs     []int64
		values []float64
	}{
		{"nothing", Run{}, noHistory{}, CurveQuery{Axis: StepAxis}, nil, nil},
		{"by step", Run{}, h, CurveQuery{Axis: StepAxis}, []int64{1, 2, 3}, []float64{2, math.NaN(), 1}},
		{"by time", Run{}, h, CurveQuery{Axis: TimeAxis}, []int64{1000, 2000, 4000}, []float64{1, 2, math.NaN()}},
		{"since the start", Run{StartTime: 400}, h, CurveQuery{Axis: RelativeAxis}, []int64{600, 1600, 3600}, []float64{1, 2, math.NaN()}},
		{"since the first point", Run{}, h, CurveQuery{Axis: RelativeAxis}, []int64{0, 1000, 3000}, []float64{1, 2, math.NaN()}},
		{"before the start", Run{StartTime: 1500}, h, CurveQuery{Axis: RelativeAxis}, []int64{-500, 500, 2500}, []float64{1, 2, math.NaN()}},
		{"a range of steps", Run{}, h, CurveQuery{Axis: StepAxis, From: at(2), To: at(3)}, []int64{2, 3}, []float64{math.NaN(), 1}},
		{"an open range of seconds", Run{StartTime: 1000}, h, CurveQuery{Axis: RelativeAxis, From: at(1)}, []int64{1000, 3000}, []float64{2, math.NaN()}},
	} {
		got, err := CurveOf(c.run, c.h, c.q)
		if err != nil {
			t.Fatal(err)
		}
		same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
		if !slices.Equal(got.X, c.xs) || !slices.EqualFunc(got.Values(), c.values, same) {
			t.Errorf("%s: got %v %v", c.name, got.X, got.Values())
		}
	}
}
