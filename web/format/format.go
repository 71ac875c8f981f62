// Package format writes numbers, sizes, durations and times as the reader does.
package format

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/web/i18n"
)

// Missing stands where there is no value.
const Missing = "—"

const minus = "−"

// Number writes v with up to four decimals, more where a small number needs them for four significant digits,
// and a power of ten where it is too long to read. Not-a-number is NaN, infinity is ∞.
func Number(ctx context.Context, v float64) string {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return signed(v, "∞")
	case v == 0:
		return "0"
	case abs < 1e-4 || abs >= 1e15:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(abs, 'e', 3, 64), "e")
		power, _ := strconv.Atoi(exponent) // FormatFloat wrote it
		return signed(v, decimal(ctx, trim(mantissa))+"e"+strings.ReplaceAll(strconv.Itoa(power), "-", minus))
	}
	return signed(v, decimal(ctx, trim(strconv.FormatFloat(abs, 'f', decimals(abs), 64))))
}

// decimals is how many serve a number of this size: about four significant digits below one, fewer above a hundred.
func decimals(abs float64) int {
	switch {
	case abs >= 1000:
		return 2
	case abs >= 100:
		return 3
	case abs >= 0.1:
		return 4
	}
	return 3 - int(math.Floor(math.Log10(abs)))
}

// Fixed writes v with exactly n decimals, for a column whose figures stand under each other.
func Fixed(ctx context.Context, v float64, n int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Number(ctx, v)
	}
	text := strconv.FormatFloat(math.Abs(v), 'f', n, 64)
	if strings.Trim(text, "0.") == "" {
		v = 0 // no −0.00
	}
	return signed(v, decimal(ctx, text))
}

// Column writes the numbers of one column with the same count of decimals, that of the longest. A nil is Missing.
func Column(ctx context.Context, values []*float64) []string {
	longest, fits := 0, true
	for _, v := range values {
		if v == nil || *v == 0 || math.IsNaN(*v) || math.IsInf(*v, 0) {
			continue
		}
		abs := math.Abs(*v)
		if abs < 1e-4 || abs >= 1e15 {
			fits = false
			continue
		}
		if _, fraction, ok := strings.Cut(trim(strconv.FormatFloat(abs, 'f', decimals(abs), 64)), "."); ok {
			longest = max(longest, len(fraction))
		}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		switch {
		case v == nil:
			texts[i] = Missing
		case fits:
			texts[i] = Fixed(ctx, *v, longest)
		default:
			texts[i] = Number(ctx, *v)
		}
	}
	return texts
}

// Count writes a whole number of things.
func Count(ctx context.Context, n int64) string { return i18n.Count(ctx, n) }

// UpTo writes a number of things that were counted up to most: "10,000+" for more.
func UpTo(ctx context.Context, n, most int64) string {
	if n > most {
		return Count(ctx, most) + "+"
	}
	return Count(ctx, n)
}

// Bytes writes a size in units of a thousand: 18.4 MB.
func Bytes(ctx context.Context, n int64) string {
	if n < 1000 {
		return Count(ctx, n) + " B"
	}
	v, units := float64(n)/1000, []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	for v >= 999.95 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	return decimal(ctx, trim(strconv.FormatFloat(v, 'f', 1, 64))) + " " + units[0]
}

// Duration writes the two largest units: 850 ms, 12.3 s, 12m 04s, 2h 05m, 3d 04h.
func Duration(ctx context.Context, d time.Duration) string {
	switch {
	case d < 0:
		return Missing
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return decimal(ctx, trim(strconv.FormatFloat(math.Floor(d.Seconds()*10)/10, 'f', 1, 64))) + " s"
	case d < time.Hour:
		return pair(int64(d/time.Minute), "m", int64(d%time.Minute/time.Second), "s")
	case d < 24*time.Hour:
		return pair(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "m")
	}
	return pair(int64(d/(24*time.Hour)), i18n.T(ctx, "time.day_letter"), int64(d%(24*time.Hour)/time.Hour), "h")
}

func pair(a int64, unitA string, b int64, unitB string) string {
	second := strconv.FormatInt(b, 10)
	if len(second) == 1 {
		second = "0" + second
	}
	return strconv.FormatInt(a, 10) + unitA + " " + second + unitB
}

func signed(v float64, text string) string {
	if v < 0 {
		return minus + text
	}
	return text
}

// trim takes the zeros off the end of a decimal fraction.
func trim(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// decimal puts the reader's separators into a plain number without a sign.
func decimal(ctx context.Context, text string) string {
	whole, fraction, ok := strings.Cut(text, ".")
	whole = i18n.Group(ctx, whole)
	switch {
	case !ok:
		return whole
	case i18n.Lang(ctx) == "it":
		return whole + "," + fraction
	}
	return whole + "." + fraction
}
