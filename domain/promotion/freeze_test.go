package promotion

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	t.Fatalf("%s is no instant", s)
	return time.Time{}
}

func minutes(d time.Duration) Duration { return Duration(d / time.Millisecond) }

// The occurrences are those of python-dateutil 2.9.0 on local times, each put into its zone by Python's zoneinfo.
func TestFrozenByRule(t *testing.T) {
	for _, c := range []struct {
		zone, start, rule string
		long              time.Duration
		from, to          string
		want              []string
	}{
		{"Europe/Rome", "2026-03-01T02:30", "FREQ=DAILY", 60 * time.Minute, "2026-03-27", "2026-04-01", []string{"2026-03-27T01:30Z/2026-03-27T02:30Z", "2026-03-28T01:30Z/2026-03-28T02:30Z", "2026-03-29T01:30Z/2026-03-29T02:30Z", "2026-03-30T00:30Z/2026-03-30T01:30Z", "2026-03-31T00:30Z/2026-03-31T01:30Z"}},
		{"Europe/Rome", "2026-10-01T02:30", "FREQ=DAILY", 60 * time.Minute, "2026-10-23", "2026-10-28", []string{"2026-10-23T00:30Z/2026-10-23T01:30Z", "2026-10-24T00:30Z/2026-10-24T01:30Z", "2026-10-25T00:30Z/2026-10-25T01:30Z", "2026-10-26T01:30Z/2026-10-26T02:30Z", "2026-10-27T01:30Z/2026-10-27T02:30Z"}},
		{"America/New_York", "2026-03-01T02:30", "FREQ=DAILY", 60 * time.Minute, "2026-03-06", "2026-03-11", []string{"2026-03-06T07:30Z/2026-03-06T08:30Z", "2026-03-07T07:30Z/2026-03-07T08:30Z", "2026-03-08T07:30Z/2026-03-08T08:30Z", "2026-03-09T06:30Z/2026-03-09T07:30Z", "2026-03-10T06:30Z/2026-03-10T07:30Z"}},
		{"America/New_York", "2026-10-20T01:30", "FREQ=DAILY", 60 * time.Minute, "2026-10-30", "2026-11-04", []string{"2026-10-30T05:30Z/2026-10-30T06:30Z", "2026-10-31T05:30Z/2026-10-31T06:30Z", "2026-11-01T05:30Z/2026-11-01T06:30Z", "2026-11-02T06:30Z/2026-11-02T07:30Z", "2026-11-03T06:30Z/2026-11-03T07:30Z"}},
		{"Europe/Rome", "2026-01-02T18:00", "FREQ=WEEKLY;BYDAY=FR", 3720 * time.Minute, "2026-03-20", "2026-04-12", []string{"2026-03-20T17:00Z/2026-03-23T07:00Z", "2026-03-27T17:00Z/2026-03-30T06:00Z", "2026-04-03T16:00Z/2026-04-06T06:00Z", "2026-04-10T16:00Z/2026-04-13T06:00Z"}},
		{"America/New_York", "2026-01-02T18:00", "FREQ=WEEKLY;BYDAY=FR", 3720 * time.Minute, "2026-10-20", "2026-11-12", []string{"2026-10-23T22:00Z/2026-10-26T12:00Z", "2026-10-30T22:00Z/2026-11-02T13:00Z", "2026-11-06T23:00Z/2026-11-09T13:00Z"}},
		{"Europe/Rome", "2026-01-31T00:00", "FREQ=MONTHLY", 1440 * time.Minute, "2026-01-01", "2027-01-01", []string{"2026-01-30T23:00Z/2026-01-31T23:00Z", "2026-03-30T22:00Z/2026-03-31T22:00Z", "2026-05-30T22:00Z/2026-05-31T22:00Z", "2026-07-30T22:00Z/2026-07-31T22:00Z", "2026-08-30T22:00Z/2026-08-31T22:00Z", "2026-10-30T23:00Z/2026-10-31T23:00Z", "2026-12-30T23:00Z/2026-12-31T23:00Z"}},
		{"Europe/Rome", "2020-01-31T00:00", "FREQ=MONTHLY;BYDAY=-1FR", 1440 * time.Minute, "2026-01-01", "2026-08-01", []string{"2026-01-29T23:00Z/2026-01-30T23:00Z", "2026-02-26T23:00Z/2026-02-27T23:00Z", "2026-03-26T23:00Z/2026-03-27T23:00Z", "2026-04-23T22:00Z/2026-04-24T22:00Z", "2026-05-28T22:00Z/2026-05-29T22:00Z", "2026-06-25T22:00Z/2026-06-26T22:00Z", "2026-07-30T22:00Z/2026-07-31T22:00Z"}},
		{"Europe/Rome", "2020-02-29T12:00", "FREQ=YEARLY", 2880 * time.Minute, "2024-01-01", "2034-01-01", []string{"2024-02-29T11:00Z/2024-03-02T11:00Z", "2028-02-29T11:00Z/2028-03-02T11:00Z", "2032-02-29T11:00Z/2032-03-02T11:00Z"}},
		{"Europe/Rome", "2020-06-15T12:00", "FREQ=YEARLY;INTERVAL=3", 2880 * time.Minute, "2024-01-01", "2034-01-01", []string{"2026-06-15T10:00Z/2026-06-17T10:00Z", "2029-06-15T10:00Z/2029-06-17T10:00Z", "2032-06-15T10:00Z/2032-06-17T10:00Z"}},
		{"Europe/Rome", "2021-03-03T09:00", "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE;WKST=SU", 480 * time.Minute, "2026-01-01", "2026-04-01", []string{"2026-01-19T08:00Z/2026-01-19T16:00Z", "2026-01-21T08:00Z/2026-01-21T16:00Z", "2026-02-09T08:00Z/2026-02-09T16:00Z", "2026-02-11T08:00Z/2026-02-11T16:00Z", "2026-03-02T08:00Z/2026-03-02T16:00Z", "2026-03-04T08:00Z/2026-03-04T16:00Z", "2026-03-23T08:00Z/2026-03-23T16:00Z", "2026-03-25T08:00Z/2026-03-25T16:00Z"}},
		{"Europe/Rome", "2021-03-03T09:00", "FREQ=DAILY;INTERVAL=17;BYHOUR=9,21", 60 * time.Minute, "2026-01-01", "2026-03-01", []string{"2026-01-04T08:00Z/2026-01-04T09:00Z", "2026-01-04T20:00Z/2026-01-04T21:00Z", "2026-01-21T08:00Z/2026-01-21T09:00Z", "2026-01-21T20:00Z/2026-01-21T21:00Z", "2026-02-07T08:00Z/2026-02-07T09:00Z", "2026-02-07T20:00Z/2026-02-07T21:00Z", "2026-02-24T08:00Z/2026-02-24T09:00Z", "2026-02-24T20:00Z/2026-02-24T21:00Z"}},
		{"Europe/Rome", "2021-03-03T09:00", "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-1,15", 60 * time.Minute, "2026-01-01", "2027-12-01", []string{"2026-03-15T08:00Z/2026-03-15T09:00Z", "2026-03-31T07:00Z/2026-03-31T08:00Z", "2026-08-15T07:00Z/2026-08-15T08:00Z", "2026-08-31T07:00Z/2026-08-31T08:00Z", "2027-01-15T08:00Z/2027-01-15T09:00Z", "2027-01-31T08:00Z/2027-01-31T09:00Z", "2027-06-15T07:00Z/2027-06-15T08:00Z", "2027-06-30T07:00Z/2027-06-30T08:00Z", "2027-11-15T08:00Z/2027-11-15T09:00Z", "2027-11-30T08:00Z/2027-11-30T09:00Z"}},
		{"Europe/Rome", "2026-01-05T09:00", "FREQ=WEEKLY;COUNT=3", 60 * time.Minute, "2026-01-01", "2026-12-01", []string{"2026-01-05T08:00Z/2026-01-05T09:00Z", "2026-01-12T08:00Z/2026-01-12T09:00Z", "2026-01-19T08:00Z/2026-01-19T09:00Z"}},
		{"Europe/Rome", "2026-01-05T09:00", "FREQ=WEEKLY;UNTIL=20260119T090000", 60 * time.Minute, "2026-01-01", "2026-12-01", []string{"2026-01-05T08:00Z/2026-01-05T09:00Z", "2026-01-12T08:00Z/2026-01-12T09:00Z", "2026-01-19T08:00Z/2026-01-19T09:00Z"}},
		{"Europe/Rome", "2026-01-05T09:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 60 * time.Minute, "2026-01-01", "2026-06-01", []string{"2026-01-30T08:00Z/2026-01-30T09:00Z", "2026-02-27T08:00Z/2026-02-27T09:00Z", "2026-03-31T07:00Z/2026-03-31T08:00Z", "2026-04-30T07:00Z/2026-04-30T08:00Z", "2026-05-29T07:00Z/2026-05-29T08:00Z"}},
		{"America/New_York", "2020-11-26T00:00", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", 5760 * time.Minute, "2025-01-01", "2029-01-01", []string{"2025-11-27T05:00Z/2025-12-01T05:00Z", "2026-11-26T05:00Z/2026-11-30T05:00Z", "2027-11-25T05:00Z/2027-11-29T05:00Z", "2028-11-23T05:00Z/2028-11-27T05:00Z"}},
	} {
		t.Run(c.zone+" "+c.start+" "+c.rule, func(t *testing.T) {
			p, err := Policy{Freezes: []Freeze{{Name: "f", Start: c.start, Rule: c.rule, Long: minutes(c.long), Zone: c.zone}}}.Clean()
			if err != nil {
				t.Fatal(err)
			}
			type span struct{ from, until time.Time }
			var spans []span
			for _, w := range c.want {
				from, until, _ := strings.Cut(w, "/")
				s := span{instant(t, from), instant(t, until)}
				spans = append(spans, s)
				for at, in := range map[time.Time]bool{s.from.Add(-1): false, s.from: true, s.until.Add(-1): true, s.until: false} {
					_, until, frozen := p.Frozen(at)
					if frozen != in || in && !until.Equal(s.until) {
						t.Errorf("at %s: %v until %s, want %v until %s", at.UTC(), frozen, until.UTC(), in, s.until)
					}
				}
			}
			from, to := instant(t, c.from), instant(t, c.to)
			for at := from.Add(day); at.Before(to.Add(-day)); at = at.Add(to.Sub(from) / 1501) {
				in := false
				for _, s := range spans {
					in = in || !at.Before(s.from) && at.Before(s.until)
				}
				if _, _, frozen := p.Frozen(at); frozen != in {
					t.Fatalf("at %s: %v", at, frozen)
				}
			}
		})
	}
}

func TestFrozenOnce(t *testing.T) {
	for _, c := range []struct{ zone, from, until, first, after string }{
		{"UTC", "2026-12-20T00:00", "2027-01-07T00:00", "2026-12-20T00:00Z", "2027-01-07T00:00Z"},
		{"Europe/Rome", "2026-12-20T00:00", "2027-01-07T00:00", "2026-12-19T23:00Z", "2027-01-06T23:00Z"},
		{"Europe/Rome", "2026-03-29T02:30", "2026-03-29T04:00", "2026-03-29T01:30Z", "2026-03-29T02:00Z"},      // there is no 02:30
		{"Europe/Rome", "2026-10-25T02:30", "2026-10-25T03:30", "2026-10-25T00:30Z", "2026-10-25T02:30Z"},      // 02:30 comes twice
		{"America/New_York", "2026-03-08T01:30", "2026-03-08T03:00", "2026-03-08T06:30Z", "2026-03-08T07:00Z"}, // half an hour passes
		{"America/New_York", "2026-11-01T00:00", "2026-11-02T00:00", "2026-11-01T04:00Z", "2026-11-02T05:00Z"}, // 25 hours
		{"Pacific/Apia", "2011-12-29T12:00", "2011-12-31T12:00", "2011-12-29T22:00Z", "2011-12-30T22:00Z"},     // the 30th was left out
	} {
		p, err := Policy{Freezes: []Freeze{{Name: "f", From: c.from, Until: c.until, Zone: c.zone}}}.Clean()
		if err != nil {
			t.Fatal(err)
		}
		first, after := instant(t, c.first), instant(t, c.after)
		for at, want := range map[time.Time]bool{first.Add(-1): false, first: true, after.Add(-1): true, after: false} {
			if f, until, frozen := p.Frozen(at); frozen != want || frozen && (!until.Equal(after) || f.Name != "f") {
				t.Errorf("%s %s: at %s %v until %s", c.zone, c.from, at, frozen, until)
			}
		}
	}
}

func TestFrozenByMoreThanOne(t *testing.T) {
	freeze := func(name, from, until string) Freeze {
		return Freeze{Name: name, From: from, Until: until, Zone: "UTC"}
	}
	daily := Freeze{Name: "daily", Start: "2026-01-01T00:00", Rule: "FREQ=DAILY", Long: minutes(36 * time.Hour), Zone: "UTC"}
	counted := daily
	counted.Rule = "FREQ=DAILY;COUNT=3"
	for _, c := range []struct {
		about   string
		freezes []Freeze
		at      string
		name    string
		until   string // "" = no end in sight
	}{
		{"overlap", []Freeze{freeze("a", "2026-01-01T00:00", "2026-01-03T00:00"), freeze("b", "2026-01-02T00:00", "2026-01-05T00:00")}, "2026-01-01T12:00Z", "a", "2026-01-05T00:00Z"},
		{"the longer is named", []Freeze{freeze("a", "2026-01-01T00:00", "2026-01-03T00:00"), freeze("b", "2026-01-02T00:00", "2026-01-05T00:00")}, "2026-01-02T12:00Z", "b", "2026-01-05T00:00Z"},
		{"touch", []Freeze{freeze("a", "2026-01-01T00:00", "2026-01-02T00:00"), freeze("b", "2026-01-02T00:00", "2026-01-03T00:00")}, "2026-01-01T12:00Z", "a", "2026-01-03T00:00Z"},
		{"gap", []Freeze{freeze("a", "2026-01-01T00:00", "2026-01-02T00:00"), freeze("b", "2026-01-02T00:01", "2026-01-03T00:00")}, "2026-01-01T12:00Z", "a", "2026-01-02T00:00Z"},
		{"longer than its period, for ever", []Freeze{daily}, "2026-05-01T12:00Z", "daily", ""},
		{"longer than its period, counted", []Freeze{counted}, "2026-01-01T12:00Z", "daily", "2026-01-04T12:00Z"},
		{"what cannot be read is in force", []Freeze{{Name: "odd", Zone: "Nowhere/Here", From: "2026-01-01T00:00", Until: "2026-01-02T00:00"}}, "2030-01-01T12:00Z", "odd", ""},
	} {
		f, until, frozen := Policy{Freezes: c.freezes}.Frozen(instant(t, c.at))
		want := time.Time{}
		if c.until != "" {
			want = instant(t, c.until)
		}
		if !frozen || f.Name != c.name || !until.Equal(want) {
			t.Errorf("%s: %v by %q until %s", c.about, frozen, f.Name, until)
		}
	}
	if _, _, frozen := (Policy{}).Frozen(time.Now()); frozen {
		t.Error("frozen without a freeze")
	}
}

func TestFreezesRefused(t *testing.T) {
	good := Freeze{Name: "f", Start: "2026-01-01T00:00", Rule: "FREQ=DAILY", Long: minutes(time.Hour), Zone: "UTC"}
	rule := func(r string) Freeze { f := good; f.Rule = r; return f }
	with := func(change func(*Freeze)) Freeze { f := good; change(&f); return f }
	for _, c := range []struct {
		f   Freeze
		key string
	}{
		{with(func(f *Freeze) { f.Name = "" }), "policy.freeze_name"},
		{with(func(f *Freeze) { f.Zone = "" }), "policy.freeze_zone"},
		{with(func(f *Freeze) { f.Zone = "Local" }), "policy.freeze_zone"},
		{with(func(f *Freeze) { f.Zone = "Europe/Atlantis" }), "policy.freeze_zone"},
		{with(func(f *Freeze) { f.Zone = "../../etc/passwd" }), "policy.freeze_zone"},
		{with(func(f *Freeze) { f.From = "2026-01-01T00:00" }), "policy.freeze_form"},
		{with(func(f *Freeze) { f.Start, f.Rule, f.Long = "", "", 0 }), "policy.freeze_form"},
		{with(func(f *Freeze) { f.Long = 0 }), "policy.freeze_form"},
		{with(func(f *Freeze) { f.Long = -1 }), "policy.freeze_length"},
		{with(func(f *Freeze) { f.Long = 1 << 60 }), "policy.freeze_length"},
		{with(func(f *Freeze) { f.Start = "2026-01-01" }), "policy.freeze_time"},
		{with(func(f *Freeze) { f.Start = "0001-01-01T00:00" }), "policy.freeze_time"},
		{Freeze{Name: "f", From: "2026-01-02T00:00", Until: "2026-01-01T00:00", Zone: "UTC"}, "policy.freeze_order"},
		{Freeze{Name: "f", From: "2026-01-02T00:00", Until: "2026-01-02T00:00", Zone: "UTC"}, "policy.freeze_order"},
		{Freeze{Name: "f", From: "2026-01-02T00:00", Zone: "UTC"}, "policy.freeze_time"},
		{rule("FREQ=SECONDLY"), "policy.freeze_rule"},
		{rule("FREQ=MINUTELY;INTERVAL=1"), "policy.freeze_rule"},
		{rule("FREQ=HOURLY"), "policy.freeze_rule"},
		{rule("INTERVAL=1"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;BYSECOND=0,1,2"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;FREQ=WEEKLY"), "policy.freeze_rule"},
		{rule("FREQ=DAILY\nEXDATE:20260101T000000"), "policy.freeze_rule"},
		{rule("DTSTART:19970101T000000Z\nFREQ=DAILY"), "policy.freeze_rule"},
		{rule("EXDATE=20260101T000000"), "policy.freeze_rule"},
		{rule("FREQ=YEARLY;BYEASTER=400"), "policy.freeze_rule"},
		{rule("FREQ=MONTHLY;BYDAY=53MO"), "policy.freeze_rule"}, // the library would stop
		{rule("FREQ=MONTHLY;BYDAY=-53MO"), "policy.freeze_rule"},
		{rule("FREQ=YEARLY;BYMONTH=12;BYDAY=53SU"), "policy.freeze_rule"},
		{rule("FREQ=WEEKLY;BYDAY=2MO"), "policy.freeze_rule"},
		{rule("FREQ=WEEKLY;WKST=2MO"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;INTERVAL=9223372036854775807"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;INTERVAL=0"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;COUNT=1001"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;COUNT=2;UNTIL=20270101T000000"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;UNTIL=tomorrow"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;BYHOUR=0,1,2,3,4;BYMINUTE=0,1,2,3,4"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;BYMONTHDAY=32"), "policy.freeze_rule"},
		{rule("FREQ=DAILY;BYMONTH=" + strings.Repeat("1,", 400) + "1"), "policy.freeze_rule"},
		{rule(";;;="), "policy.freeze_rule"},
		{rule("FREQ=DAILY;UNTIL=20250101T000000"), "policy.freeze_never"},
		{rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "policy.freeze_never"},
		{rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "policy.freeze_never"},
		{rule("FREQ=DAILY;BYSETPOS=2"), "policy.freeze_never"},
	} {
		began := time.Now()
		_, err := Policy{Freezes: []Freeze{c.f}}.Clean()
		if e := domain.As(err); e == nil || e.Key != c.key {
			t.Errorf("%+v: %v, want %s", c.f, err, c.key)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%+v took %s", c.f, took)
		}
		c.f.read()
	}
}

// Whatever the rules of a policy that Clean lets through, asking them takes no time to speak of.
func TestFrozenIsBounded(t *testing.T) {
	var p Policy
	for i := range maxFreezes {
		rules := []string{
			"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
			"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "FREQ=MONTHLY;BYDAY=5FR;BYMONTH=2", "FREQ=DAILY;COUNT=1000",
			"FREQ=YEARLY;INTERVAL=1000", "FREQ=WEEKLY;INTERVAL=999", "FREQ=YEARLY;BYDAY=53FR",
		}
		p.Freezes = append(p.Freezes, Freeze{Name: fmt.Sprint(i), Start: "2000-01-01T00:00", Rule: rules[i%len(rules)], Long: maxLong, Zone: "Europe/Rome"})
	}
	p, err := p.Clean()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, until, frozen := p.Frozen(instant(t, "2026-11-27T12:00Z")); !frozen || !until.IsZero() {
		t.Errorf("%v until %s", frozen, until)
	}
	took := time.Since(began)
	t.Log(took)
	if took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// Going on from a later period gives what going on from the beginning gives.
func TestRulesGoOnFromLaterPeriods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string, values ...string) string {
			if v := rapid.SampledFrom(append(values, "", "")).Draw(t, name); v != "" {
				return ";" + name + "=" + v
			}
			return ""
		}
		freq := rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq")
		text := "FREQ=" + freq + part("INTERVAL", "1", "2", "3", "7", "13") + part("WKST", "SU", "WE") + part("BYHOUR", "9", "0,23") + part("BYMINUTE", "15") +
			part("BYMONTH", "2", "1,6,12") + part("BYMONTHDAY", "-1", "31", "29", "1,15") + part("BYDAY", "MO", "FR,SU") + part("UNTIL", "20110301T000000", "20130101T000000Z")
		if freq == "MONTHLY" || freq == "YEARLY" {
			text += part("BYSETPOS", "1", "-1")
		}
		start := time.Date(2010, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 31).Draw(t, "day"), 18, 30, 0, 0, time.UTC)
		o, why := readRule(text, start, time.UTC)
		if why != "" {
			t.Fatalf("%s: %s", text, why)
		}
		from := start.AddDate(0, 0, rapid.IntRange(-10, 2500).Draw(t, "later"))
		list := func(o rrule.ROption) []time.Time {
			r, err := rrule.NewRRule(o)
			if err != nil {
				t.Fatal(err)
			}
			return r.Between(from, from.AddDate(3, 0, 0), true)
		}
		if diff := cmp.Diff(list(o), list(ahead(o, from))); diff != "" {
			t.Fatalf("%s from %s on (-all/+ahead):\n%s", text, from, diff)
		}
	})
}
