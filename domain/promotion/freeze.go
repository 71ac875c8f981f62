package promotion

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/slipway-ml/slipway/domain"
)

// What a freeze may be. Whoever asks whether it is in force must get an answer at once, whatever the rule says.
const (
	maxRule     = 500                                              // characters of a recurrence rule
	maxInterval = 1000                                             // periods between two that count
	maxTimes    = 24                                               // occurrences of a rule in one day
	maxLong     = Duration(92 * 24 * time.Hour / time.Millisecond) // of one occurrence
	firstYear   = 2000                                             // in which a freeze may begin
	lastYear    = 2200                                             // and end
	maxSteps    = 100                                              // freezes that follow each other without a gap, looking for the end
	maxLooked   = 30_000                                           // occurrences looked at for that
	localTime   = "2006-01-02T15:04"
	day         = 24 * time.Hour
)

// window is a freeze as it is read. Local times are kept as the same digits in UTC and meet their zone last, so that an
// occurrence is at the same time of day in summer and in winter (RFC 5545 §3.3.10).
type window struct {
	zone        *time.Location
	from, until time.Time // instants; zero for a rule

	start  time.Time // local
	rule   rrule.ROption
	repeat bool
	long   time.Duration

	next  func() (time.Time, bool) // further starts, nil after the last
	last  time.Time                // the start that came last
	spans [][2]time.Time           // occurrences that have not ended

	looked int // at how many occurrences
}

// Frozen reports whether a freeze is in force at now: of those that are, the one that ends last, and the instant at which
// none is any more. The instant is zero where no end is in sight. A freeze that cannot be read is in force.
func (p Policy) Frozen(now time.Time) (f Freeze, until time.Time, frozen bool) {
	windows := make([]window, len(p.Freezes))
	for i, f := range p.Freezes {
		w, err := f.read()
		if err != nil {
			return f, time.Time{}, true
		}
		if w.repeat {
			w.next = w.near(floating(now.In(w.zone)).Add(-w.long - 2*day))
		}
		windows[i] = w
	}
	for i := range windows {
		if end, in := windows[i].covers(now); in && end.After(until) {
			f, until, frozen = p.Freezes[i], end, true
		}
	}
	for range maxSteps {
		further, looked := until, 0
		for i := range windows {
			if end, in := windows[i].covers(until); in && end.After(further) {
				further = end
			}
			looked += windows[i].looked
		}
		if further.Equal(until) {
			return f, until, frozen
		}
		if looked > maxLooked {
			break
		}
		until = further
	}
	return f, time.Time{}, frozen
}

// covers reports whether t lies in w, and where what it lies in ends. It is asked with ever later instants.
func (w *window) covers(t time.Time) (end time.Time, in bool) {
	if !w.repeat {
		return w.until, !t.Before(w.from) && t.Before(w.until)
	}
	for soon := floating(t.In(w.zone)).Add(day); w.next != nil && !w.last.After(soon); { // clocks that go back make local times run ahead by some hours
		start, ok := w.next()
		if !ok {
			w.next = nil
			break
		}
		w.last = start
		w.looked++
		w.spans = append(w.spans, [2]time.Time{resolve(start, w.zone), w.end(start)})
	}
	w.spans = slices.DeleteFunc(w.spans, func(s [2]time.Time) bool { return !t.Before(s[1]) })
	for _, s := range w.spans {
		if !t.Before(s[0]) && s[1].After(end) {
			end, in = s[1], true
		}
	}
	return end, in
}

// end is when the occurrence that begins at a local time ends. Whole days of its length are days of the calendar, the
// rest is time that passes (RFC 5545 §3.3.6).
func (w *window) end(start time.Time) time.Time {
	whole := w.long.Truncate(day)
	return resolve(start.Add(whole), w.zone).Add(w.long - whole)
}

// floating is t's local time as the same digits in UTC.
func floating(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// resolve is the instant of a local time in zone. A time that is skipped when clocks go forward is read with the offset
// before the gap, one that comes twice is the first (RFC 5545 §3.3.5).
func resolve(local time.Time, zone *time.Location) time.Time {
	_, before := local.Add(-day).In(zone).Zone()
	_, after := local.Add(day).In(zone).Zone()
	first := local.Add(-time.Duration(before) * time.Second)
	if floating(first.In(zone)).Equal(local) || before == after {
		return first.In(zone)
	}
	second := local.Add(-time.Duration(after) * time.Second)
	if floating(second.In(zone)).Equal(local) {
		return second.In(zone)
	}
	return first.In(zone)
}

// near goes through the starts of w's occurrences, in local time, leaving out what lies well before from where that
// changes nothing: without a count, a rule goes on from each of its periods as it does from the first.
func (w *window) near(from time.Time) func() (time.Time, bool) {
	o := w.rule
	if o.Count == 0 {
		o = ahead(o, from)
	}
	r, err := rrule.NewRRule(o)
	if err != nil {
		return func() (time.Time, bool) { return time.Time{}, false } // Clean has tried it
	}
	return r.Iterator()
}

// ahead is the rule o from a later period on, two at least before the one that from lies in.
func ahead(o rrule.ROption, from time.Time) rrule.ROption {
	s := o.Dtstart
	count := func(units int) int { return max(0, units/o.Interval-2) * o.Interval }
	if len(o.Byhour) == 0 {
		o.Byhour = []int{s.Hour()}
	}
	if len(o.Byminute) == 0 {
		o.Byminute = []int{s.Minute()}
	}
	days := int(from.Sub(s) / day)
	months := (from.Year()-s.Year())*12 + int(from.Month()-s.Month())
	plain := len(o.Byweekday)+len(o.Bymonthday) == 0
	switch n := 0; o.Freq {
	case rrule.DAILY:
		o.Dtstart = s.AddDate(0, 0, count(days))
	case rrule.WEEKLY:
		if len(o.Byweekday) == 0 && len(o.Bymonthday) == 0 {
			o.Byweekday = []rrule.Weekday{weekdays[s.Weekday()]}
		}
		o.Dtstart = s.AddDate(0, 0, 7*count(days/7))
	case rrule.MONTHLY:
		if plain {
			o.Bymonthday = []int{s.Day()}
		}
		if n = count(months); n > 0 {
			o.Dtstart = time.Date(s.Year(), s.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		}
	default: // YEARLY
		if plain {
			o.Bymonthday = []int{s.Day()}
			if len(o.Bymonth) == 0 {
				o.Bymonth = []int{int(s.Month())}
			}
		}
		if n = count(from.Year() - s.Year()); n > 0 {
			o.Dtstart = time.Date(s.Year()+n, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	return o
}

var weekdays = map[time.Weekday]rrule.Weekday{
	time.Monday: rrule.MO, time.Tuesday: rrule.TU, time.Wednesday: rrule.WE, time.Thursday: rrule.TH,
	time.Friday: rrule.FR, time.Saturday: rrule.SA, time.Sunday: rrule.SU,
}

func (p *Policy) checkFreezes() error {
	for _, f := range p.Freezes {
		w, err := f.read()
		if err != nil {
			return err
		}
		if w.repeat && !w.ever() {
			return domain.Fail(domain.Invalid, "policy.freeze_never", "freeze %q: the rule never comes true", f.label())
		}
	}
	return nil
}

// ever reports whether w occurs at all.
func (w *window) ever() (yes bool) {
	r, err := rrule.NewRRule(w.rule)
	if err != nil {
		return false
	}
	_, yes = r.Iterator()()
	return yes
}

func (f Freeze) label() string { return domain.Short(strings.ToValidUTF8(f.Name, "?")) }

// read is f as a window, or what is wrong with it.
func (f Freeze) read() (w window, err error) {
	zone, err := zoneOf(f.Zone)
	once, again := f.From != "" || f.Until != "", f.Start != "" || f.Rule != "" || f.Long != 0
	switch {
	case f.Name == "" || !plain(f.Name, maxText):
		return w, domain.Fail(domain.Invalid, "policy.freeze_name", "freeze %q: give it a name of at most %d characters", f.label(), maxText)
	case err != nil:
		return w, domain.Fail(domain.Invalid, "policy.freeze_zone", "freeze %q: %q is no time zone: use a name such as Europe/Rome or UTC", f.label(), domain.Short(strings.ToValidUTF8(f.Zone, "?")))
	case once == again:
		return w, domain.Fail(domain.Invalid, "policy.freeze_form", "freeze %q: give either from and until, or start, rrule and long", f.label())
	}
	w.zone = zone
	if again {
		return w, f.readRule(&w)
	}
	from, err := f.local("from", f.From)
	if err != nil {
		return w, err
	}
	until, err := f.local("until", f.Until)
	if err != nil {
		return w, err
	}
	w.from, w.until = resolve(from, zone), resolve(until, zone)
	if !w.from.Before(w.until) {
		return w, domain.Fail(domain.Invalid, "policy.freeze_order", "freeze %q: it ends before it begins", f.label())
	}
	return w, nil
}

func (f Freeze) local(field, s string) (time.Time, error) {
	t, err := time.Parse(localTime, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return t, domain.Fail(domain.Invalid, "policy.freeze_time", "freeze %q: %s is no local time: write it like 2026-12-20T00:00, from the year %d to %d", f.label(), field, firstYear, lastYear)
	}
	return t, nil
}

func (f Freeze) readRule(w *window) (err error) {
	switch {
	case f.Start == "" || f.Rule == "" || f.Long == 0:
		return domain.Fail(domain.Invalid, "policy.freeze_form", "freeze %q: give either from and until, or start, rrule and long", f.label())
	case f.Long < 0 || f.Long > maxLong:
		return domain.Fail(domain.Invalid, "policy.freeze_length", "freeze %q: an occurrence lasts from a moment to %d days", f.label(), int(maxLong.Of()/day))
	}
	w.repeat, w.long = true, f.Long.Of()
	if w.start, err = f.local("start", f.Start); err != nil {
		return err
	}
	o, why := readRule(f.Rule, w.start, w.zone)
	if why != "" {
		return domain.Fail(domain.Invalid, "policy.freeze_rule", "freeze %q: the rule cannot be used: %s", f.label(), why)
	}
	w.rule = o
	return nil
}

// readRule reads a recurrence rule (RFC 5545 §3.3.10) that begins at a local time, or says why it is none of those we
// take: from days up, to the minute, and nothing that counts days of the year, weeks of the year or from Easter.
func readRule(text string, start time.Time, zone *time.Location) (o rrule.ROption, why string) {
	defer func() {
		if r := recover(); r != nil {
			why = "it is not written as RFC 5545 says"
		}
	}()
	if len(text) > maxRule {
		return o, "it is longer than " + strconv.Itoa(maxRule) + " characters"
	}
	seen := map[string]bool{}
	utc := false
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if seen[name] {
			return o, name + " stands twice"
		}
		seen[name] = true
		switch name {
		case "FREQ":
			if !slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, value) {
				return o, "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; for hours use DAILY with BYHOUR"
			}
		case "UNTIL":
			utc = strings.HasSuffix(value, "Z")
		case "INTERVAL", "COUNT":
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > maxInterval {
				return o, name + " is a number from 1 to " + strconv.Itoa(maxInterval)
			}
		case "WKST", "BYSETPOS", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE":
		default:
			return o, sentence(name) + " is not known here"
		}
	}
	read, err := rrule.StrToROptionInLocation(text, time.UTC)
	if err != nil {
		return o, sentence(err.Error())
	}
	o = *read
	o.Dtstart, o.Interval = start, max(1, o.Interval)
	if utc { // an instant, not a local time
		o.Until = floating(o.Until.In(zone))
	}
	if len(seen) > 0 && seen["UNTIL"] && seen["COUNT"] {
		return o, "UNTIL and COUNT exclude each other"
	}
	for _, d := range o.Byweekday {
		narrow := o.Freq == rrule.MONTHLY || o.Freq == rrule.YEARLY && len(o.Bymonth) > 0
		if n := max(d.N(), -d.N()); n > 0 && o.Freq != rrule.MONTHLY && o.Freq != rrule.YEARLY || narrow && n > 5 {
			return o, "a number before a day of BYDAY goes with MONTHLY, up to 5, or YEARLY"
		}
	}
	if o.Wkst.N() != 0 {
		return o, "WKST is a day of the week"
	}
	if max(1, len(o.Byhour))*max(1, len(o.Byminute)) > maxTimes {
		return o, "it occurs more than " + strconv.Itoa(maxTimes) + " times a day"
	}
	if _, err := rrule.NewRRule(o); err != nil {
		return o, sentence(err.Error())
	}
	return o, ""
}

var zones sync.Map // *time.Location by name

func zoneOf(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	if name == "" || name == "Local" {
		return nil, errors.New("a zone is missing") // they would mean where the server stands
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, z)
	return z, nil
}
