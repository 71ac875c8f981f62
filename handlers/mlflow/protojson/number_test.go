package protojson

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// The short ways of reading numbers agree with strconv wherever they are taken.
func TestPlainNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	floats, ints := 0, 0
	for range 200_000 {
		s := []string{"", "-"}[r.IntN(2)] + digits(1+r.IntN(19))
		if r.IntN(3) > 0 {
			s = []string{"", "-"}[r.IntN(2)] + digits(r.IntN(4)) + "." + digits(r.IntN(20))
		}
		d := decoder{data: []byte(s)}
		if n, ok := d.plainInt(); ok {
			ints++
			if want, err := strconv.ParseInt(s, 10, 64); err != nil || n != want || d.at != len(s) {
				t.Fatalf("%s: got %d, %v", s, n, err)
			}
		}
		d = decoder{data: []byte(s)}
		if f, ok := d.plainFloat(); ok {
			floats++
			if want, err := strconv.ParseFloat(s, 64); err != nil || math.Float64bits(f) != math.Float64bits(want) || d.at != len(s) {
				t.Fatalf("%s: got %v, want %v, %v", s, f, want, err)
			}
		}
	}
	if floats < 10_000 || ints < 10_000 {
		t.Errorf("only %d floats and %d integers", floats, ints)
	}
}

func TestNotPlain(t *testing.T) {
	for _, s := range []string{"", "-", "01", "-01", "1.5", "1e3", "1E3", "1234567890123456789", `"1"`} {
		d := decoder{data: []byte(s)}
		if n, ok := d.plainInt(); ok || d.at != 0 {
			t.Errorf("%s: got %d", s, n)
		}
	}
	for _, s := range []string{"", "-", ".", "1", "1.", ".5", "-.5", "01.5", "1.5e3", "1.2.e", "1.5E3", "9007199254740993.0", "0.1234567890123456789", `"1.5"`} {
		d := decoder{data: []byte(s)}
		if f, ok := d.plainFloat(); ok || d.at != 0 {
			t.Errorf("%s: got %v", s, f)
		}
	}
}
