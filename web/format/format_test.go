package format

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/web/i18n"
)

var (
	en = i18n.With(context.Background(), "en")
	it = i18n.With(context.Background(), "it")
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v      float64
		en, it string
	}{
		{0, "0", "0"},
		{1, "1", "1"},
		{-1, "−1", "−1"},
		{0.9412, "0.9412", "0,9412"},
		{0.94123456, "0.9412", "0,9412"},
		{0.5, "0.5", "0,5"},
		{0.01, "0.01", "0,01"},
		{0.00123456, "0.001235", "0,001235"},
		{1234567, "1,234,567", "1.234.567"},
		{1234.5678, "1,234.57", "1.234,57"},
		{-123.45678, "−123.457", "−123,457"},
		{3.14159265, "3.1416", "3,1416"},
		{1.5e-7, "1.5e−7", "1,5e−7"},
		{-2.5e20, "−2.5e20", "−2,5e20"},
		{math.NaN(), "NaN", "NaN"},
		{math.Inf(1), "∞", "∞"},
		{math.Inf(-1), "−∞", "−∞"},
		{math.Copysign(0, -1), "0", "0"},
		{math.MaxFloat64, "1.798e308", "1,798e308"},
		{math.SmallestNonzeroFloat64, "4.941e−324", "4,941e−324"},
	} {
		if got := Number(en, c.v); got != c.en {
			t.Errorf("en %v: %q, want %q", c.v, got, c.en)
		}
		if got := Number(it, c.v); got != c.it {
			t.Errorf("it %v: %q, want %q", c.v, got, c.it)
		}
	}
}

func TestColumn(t *testing.T) {
	p := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name   string
		values []*float64
		want   []string
	}{
		{"same decimals", []*float64{p(0.9412), p(0.94), nil, p(1)}, []string{"0.9412", "0.9400", Missing, "1.0000"}},
		{"whole numbers", []*float64{p(8), p(1200), p(0)}, []string{"8", "1,200", "0"}},
		{"too small to align", []*float64{p(1e-9), p(0.5)}, []string{"1e−9", "0.5"}},
		{"not numbers", []*float64{p(math.NaN()), p(math.Inf(-1)), p(0.25)}, []string{"NaN", "−∞", "0.25"}},
		{"no negative zero", []*float64{p(-0.0001), p(12.5), p(-0.00001)}, []string{"−0.0001", "12.5", "−1e−5"}},
		{"nothing", nil, []string{}},
	} {
		if diff := cmp.Diff(c.want, Column(en, c.values)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if got := Fixed(en, -0.001, 2); got != "0.00" {
		t.Errorf("a rounded zero has a sign: %q", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 18_400_000: "18.4 MB", 999_960: "1 MB", 1 << 40: "1.1 TB", math.MaxInt64: "9.2 EB",
	} {
		if got := Bytes(en, n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := Bytes(it, 1500); got != "1,5 kB" {
		t.Errorf("it: %q", got)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 850 * time.Millisecond: "850 ms", 12340 * time.Millisecond: "12.3 s", 59999 * time.Millisecond: "59.9 s",
		724 * time.Second: "12m 04s", 125 * time.Minute: "2h 05m", 76 * time.Hour: "3d 04h", -time.Second: Missing,
	} {
		if got := Duration(en, d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := Duration(it, 76*time.Hour); got != "3g 04h" {
		t.Errorf("it: %q", got)
	}
}

func TestTime(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	now := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	ctx := With(en, now, rome)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{now.Add(-20 * time.Second), "just now"},
		{now.Add(-time.Minute), "1 minute ago"},
		{now.Add(-59 * time.Minute), "59 minutes ago"},
		{now.Add(-5 * time.Hour), "5 hours ago"},
		{now.Add(-6*24*time.Hour - time.Hour), "6 days ago"},
		{now.Add(-7 * 24 * time.Hour), "11 Nov 2026"},
		{now.Add(3 * time.Hour), "in 3 hours"},
		{now.Add(90 * 24 * time.Hour), "16 Feb 2027"},
		{time.Time{}, ""},
	} {
		if got := Time(ctx, c.at).Short; got != c.want {
			t.Errorf("%v: %q, want %q", c.at, got, c.want)
		}
	}
	want := Instant{Short: "11 nov 2026", Full: "11 nov 2026, 00:30:00 CET · 10 nov 2026, 23:30:00 UTC", ISO: "2026-11-10T23:30:00Z"}
	if got := Time(With(it, now, rome), time.Date(2026, 11, 10, 23, 30, 0, 0, time.UTC)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Time(en, now).Short; got != "18 Nov 2026" {
		t.Errorf("without a clock: %q", got)
	}
}

// What a reader writes without a zone is in their own; it is written back to them as it was.
func TestTimesWritten(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	inRome := With(en, time.Time{}, rome)
	for _, c := range []struct{ text, utc, wall string }{
		{"2026-11-18T14:30", "2026-11-18T13:30:00Z", "2026-11-18T14:30"},
		{"2026-07-18 14:30", "2026-07-18T12:30:00Z", "2026-07-18T14:30"}, // summer
		{"2026-11-18T14:30:05.25", "2026-11-18T13:30:05.25Z", "2026-11-18T14:30:05.25"},
		{"2026-11-18 14:30:05", "2026-11-18T13:30:05Z", "2026-11-18T14:30:05"},
		{"2026-11-18", "2026-11-17T23:00:00Z", "2026-11-18T00:00"},
		{"2026-11-18T14:30Z", "2026-11-18T14:30:00Z", "2026-11-18T15:30"},
		{"2026-11-18T14:30:00-05:00", "2026-11-18T19:30:00Z", "2026-11-18T20:30"},
		{"2026-11-18T14:30+01:00", "2026-11-18T13:30:00Z", "2026-11-18T14:30"},
	} {
		at, ok := ParseTime(inRome, c.text)
		if got := at.UTC().Format(time.RFC3339Nano); !ok || got != c.utc {
			t.Errorf("%s is %s, %v, want %s", c.text, got, ok, c.utc)
		}
		if got := Wall(inRome, at); got != c.wall {
			t.Errorf("%s is written %s, want %s", c.text, got, c.wall)
		}
	}
	if at, ok := ParseTime(en, "2026-11-18T14:30"); !ok || Wall(en, at) != "2026-11-18T14:30" || at.Hour() != 14 {
		t.Errorf("a reader of whom nothing is known: %v", at)
	}
	for _, text := range []string{"", "soon", "14:30", "2026-13-01", "18.11.2026", "2026-11-18T14", "2026-11-18T14:30 CET"} {
		if at, ok := ParseTime(inRome, text); ok {
			t.Errorf("%q is %v", text, at)
		}
	}
}
