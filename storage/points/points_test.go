package points

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
			return Point{
				Timestamp: rapid.Int64().Draw(t, "timestamp"), Step: rapid.Int64().Draw(t, "step"),
				Value: rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)), rapid.Float64Range(-1, 1)).Draw(t, "value"),
			}
		}), 0, 300).Draw(t, "points")
		block := Encode(nil, in)
		out, err := Decode(nil, block)
		if err != nil || !slices.EqualFunc(in, out, same) {
			t.Fatalf("got %v %v, want %v", out, err, in)
		}
		if n, err := Count(block); n != len(in) || err != nil {
			t.Fatalf("count %d %v, want %d", n, err, len(in))
		}
	})
}

func same(a, b Point) bool {
	return a.Timestamp == b.Timestamp && a.Step == b.Step && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}

func TestSort(t *testing.T) {
	nan := math.NaN()
	got := Sort([]Point{{2, 0, 1}, {1, 5, nan}, {1, 5, 3}, {1, 4, 9}, {1, 5, nan}, {2, 0, 1}, {1, 5, -3}})
	want := []Point{{1, 4, 9}, {1, 5, -3}, {1, 5, 3}, {1, 5, nan}, {2, 0, 1}}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The figure that the design counts on: noisy values at jittered times in under 10 bytes a point.
func TestBytesPerPoint(t *testing.T) {
	if n := float64(len(Encode(nil, noisy(1000)))) / 1000; n > 10 {
		t.Errorf("%.2f bytes a point, want at most 10", n)
	}
}

func noisy(n int) []Point {
	r, ts := rand.New(rand.NewPCG(1, 2)), int64(1_795_404_541_715)
	ps := make([]Point, n)
	for i := range ps {
		ts += 90 + r.Int64N(20)
		ps[i] = Point{ts, int64(i), math.Exp(-float64(i)/500) + r.NormFloat64()*.01}
	}
	return ps
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, noisy(3)))
	f.Add([]byte{1, 200, 1, 0})
	f.Fuzz(func(t *testing.T, block []byte) {
		ps, err := Decode(nil, block)
		if err != nil {
			return
		}
		again, err := Decode(nil, Encode(nil, ps))
		if err != nil || !slices.EqualFunc(ps, again, same) {
			t.Fatalf("%v became %v, %v", ps, again, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	block, dst := Encode(nil, noisy(1000)), make([]Point, 0, 1000)
	for b.Loop() {
		var err error
		if dst, err = Decode(dst[:0], block); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
}
