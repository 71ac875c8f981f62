package format

import (
	"context"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/web/i18n"
)

type contextKey struct{}

type clock struct {
	now  time.Time
	zone *time.Location
}

// With returns a context whose pages are written at now for a reader in zone; nil means UTC.
func With(ctx context.Context, now time.Time, zone *time.Location) context.Context {
	if zone == nil {
		zone = time.UTC
	}
	return context.WithValue(ctx, contextKey{}, clock{now, zone})
}

func clockOf(ctx context.Context) clock {
	if c, ok := ctx.Value(contextKey{}).(clock); ok {
		return c
	}
	return clock{zone: time.UTC}
}

// Instant is a moment as a page shows it: in short, in full for the title, and for machines. All are empty for
// the zero time.
type Instant struct{ Short, Full, ISO string }

// Time writes t: relative to now up to seven days, then as a date.
func Time(ctx context.Context, t time.Time) Instant {
	if t.IsZero() {
		return Instant{}
	}
	c := clockOf(ctx)
	local := t.In(c.zone)
	return Instant{
		Short: relative(ctx, c.now.Sub(t), local, c.now.IsZero()),
		Full:  full(ctx, local),
		ISO:   t.UTC().Format(time.RFC3339),
	}
}

// full is a moment to the second in the reader's zone and, where that is another, in UTC.
func full(ctx context.Context, local time.Time) string {
	exact := func(t time.Time) string { return Date(ctx, t) + ", " + t.Format("15:04:05 MST") }
	if _, offset := local.Zone(); offset == 0 {
		return exact(local)
	}
	return exact(local) + " · " + exact(local.UTC())
}

// walls are the forms of a date and perhaps a time that a reader may write: the same with and without a zone.
var walls = []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly}

// ParseTime reads a date and perhaps a time (RFC 3339, seconds left out at will); without a zone it is what the clock on
// the reader's wall shows.
func ParseTime(ctx context.Context, text string) (time.Time, bool) {
	for _, layout := range walls {
		for _, zone := range []string{"", "Z07:00"} {
			if t, err := time.ParseInLocation(layout+zone, text, clockOf(ctx).zone); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// Wall writes a moment in the shortest form that ParseTime reads as it, without a zone: what the clock on the reader's
// wall shows.
func Wall(ctx context.Context, t time.Time) string {
	local := t.In(clockOf(ctx).zone)
	if local.Second() == 0 && local.Nanosecond() == 0 {
		return local.Format("2006-01-02T15:04")
	}
	return local.Format(walls[0])
}

// Date writes the day of t in t's own zone: 18 Nov 2026.
func Date(ctx context.Context, t time.Time) string {
	return strconv.Itoa(t.Day()) + " " + i18n.T(ctx, "time.month."+strconv.Itoa(int(t.Month()))) + " " + strconv.Itoa(t.Year())
}

func relative(ctx context.Context, ago time.Duration, local time.Time, timeless bool) string {
	future := ago < 0
	d := ago.Abs()
	switch {
	case timeless || d >= 7*24*time.Hour:
		return Date(ctx, local)
	case d < time.Minute:
		return i18n.T(ctx, "time.now")
	case d < time.Hour:
		return distance(ctx, "minutes", int64(d/time.Minute), future)
	case d < 24*time.Hour:
		return distance(ctx, "hours", int64(d/time.Hour), future)
	}
	return distance(ctx, "days", int64(d/(24*time.Hour)), future)
}

func distance(ctx context.Context, unit string, n int64, future bool) string {
	if future {
		return i18n.N(ctx, "time.in."+unit, n)
	}
	return i18n.N(ctx, "time.ago."+unit, n)
}
