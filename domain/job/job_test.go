package job

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

var (
	noon  = time.UnixMilli(1_795_000_000_000)
	tried = Kind{Name: "t", Attempts: 3, First: 10 * time.Second, Longest: time.Minute}
)

func TestNew(t *testing.T) {
	for _, c := range []struct {
		name  string
		order Job
		want  Job
	}{
		{
			"what is left open is filled in",
			Job{Kind: "k"},
			Job{Kind: "k", Workspace: access.DefaultWorkspace, Payload: []byte("{}"), RunAt: noon.UnixMilli(), MaxAttempts: 5, CreatedBy: "system:jobs"},
		},
		{
			"what is said is kept",
			Job{Kind: "k", Workspace: "w", Key: "x", Payload: []byte(`[1]`), RunAt: noon.UnixMilli() + 5, MaxAttempts: 1, CreatedBy: "ada"},
			Job{Kind: "k", Workspace: "w", Key: "x", Payload: []byte(`[1]`), RunAt: noon.UnixMilli() + 5, MaxAttempts: 1, CreatedBy: "ada"},
		},
		{
			"the kind knows how often", Job{Kind: Sweep.Name, RunAt: 1}, // an instant that has passed is now
			Job{Kind: Sweep.Name, Workspace: access.DefaultWorkspace, Payload: []byte("{}"), RunAt: noon.UnixMilli(), MaxAttempts: Sweep.Attempts, CreatedBy: "system:jobs"},
		},
	} {
		c.want.ID, c.want.State, c.want.CreatedAt = "id", Queued, noon.UnixMilli()
		got, err := New(c.order, "id", noon)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, d)
		}
	}
	for name, order := range map[string]Job{
		"no kind":          {},
		"a long key":       {Kind: "k", Key: strings.Repeat("x", maxKey+1)},
		"no JSON":          {Kind: "k", Payload: []byte(`{"a":`)},
		"an empty payload": {Kind: "k", Payload: []byte{}},
		"a long payload":   {Kind: "k", Payload: []byte(`"` + strings.Repeat("x", maxPayload) + `"`)},
	} {
		if _, err := New(order, "id", noon); domain.KindOf(err) != domain.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnds(t *testing.T) {
	begun := func(attempt int) Job {
		return Job{ID: "id", Kind: "t", State: Running, Attempts: attempt, MaxAttempts: 3, Owner: "me", LastError: "before", RunAt: 1}
	}
	after := func(d time.Duration) int64 { return noon.Add(d).UnixMilli() }
	for _, c := range []struct {
		name string
		got  Job
		want Job
	}{
		{"done", begun(1).Finish(noon), Job{State: Done, FinishedAt: after(0), Attempts: 1, MaxAttempts: 3, RunAt: 1}},
		{"first failure", begun(1).Fail(tried, "no", noon, 0), Job{State: Queued, RunAt: after(5 * time.Second), LastError: "no", Attempts: 1, MaxAttempts: 3}},
		{"second failure", begun(2).Fail(tried, "no", noon, 0.5), Job{State: Queued, RunAt: after(15 * time.Second), LastError: "no", Attempts: 2, MaxAttempts: 3}},
		{"last failure", begun(3).Fail(tried, "no", noon, 0), Job{State: Failed, FinishedAt: after(0), LastError: "no", Attempts: 3, MaxAttempts: 3, RunAt: 1}},
		{"beyond the last", begun(4).Fail(tried, "no", noon, 0), Job{State: Failed, FinishedAt: after(0), LastError: "no", Attempts: 4, MaxAttempts: 3, RunAt: 1}},
		{
			"expired", begun(1).Expire(tried, noon, 0),
			Job{State: Queued, RunAt: after(5 * time.Second), LastError: "attempt 1 of 3 broke off: the process that ran it ended or hung", Attempts: 1, MaxAttempts: 3},
		},
		{
			"expired for the last time", begun(3).Expire(tried, noon, 0),
			Job{State: Failed, FinishedAt: after(0), LastError: "attempt 3 of 3 broke off: the process that ran it ended or hung", Attempts: 3, MaxAttempts: 3, RunAt: 1},
		},
		{"given back", begun(3).GiveBack(noon), Job{State: Queued, RunAt: after(0), LastError: "given back: the server stopped", Attempts: 3, MaxAttempts: 4}},
	} {
		c.want.ID, c.want.Kind, c.want.Owner = "id", "t", "me"
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		attempt int
		random  float64
		want    time.Duration
	}{
		{1, 0, 5 * time.Second},
		{1, 0.5, 7500 * time.Millisecond},
		{2, 0, 10 * time.Second},
		{3, 0, 20 * time.Second},
		{4, 0, 30 * time.Second}, // half of the longest
		{1000, 0, 30 * time.Second},
		{1000, 0.999, 59970 * time.Millisecond},
		{0, 0, 5 * time.Second},
	} {
		if got := tried.Delay(c.attempt, c.random); got != c.want {
			t.Errorf("after attempt %d with %v: %v, want %v", c.attempt, c.random, got, c.want)
		}
	}
	if got := (Kind{First: time.Hour, Longest: time.Minute}).Delay(1, 0); got != 30*time.Second {
		t.Errorf("a first delay beyond the longest: %v", got)
	}
}

func TestRepeats(t *testing.T) {
	hourly := Kind{Name: "t", Every: time.Hour}
	next := hourly.Next(noon)
	if next.RunAt != noon.Add(time.Hour).UnixMilli() || !hourly.Repeats(next) {
		t.Errorf("%+v", next)
	}
	if hourly.Repeats(Job{Kind: "t"}) || hourly.Repeats(Job{Kind: "u", Key: next.Key}) || tried.Repeats(next) {
		t.Error("work repeats that the clock did not order")
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as it is", "disk full", "disk full"},
		{"no text", "a\x00b\xff", "ab�"},
		{"long", strings.Repeat("x", maxError+1), strings.Repeat("x", maxError) + "…"},
		{"not through a letter", strings.Repeat("x", maxError-1) + "è!", strings.Repeat("x", maxError-1) + "…"},
	} {
		if got := short(c.in); got != c.want || !utf8.ValidString(got) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range append(Kinds, KindOf("another version's")) {
		if seen[k.Name] || k.Attempts < 1 || k.First <= 0 || k.Longest < k.First || k.Timeout <= 0 {
			t.Errorf("%+v", k)
		}
		seen[k.Name] = true
	}
	if KindOf(Sweep.Name) != Sweep {
		t.Error("the sweep is another")
	}
}

func TestWaiting(t *testing.T) {
	for _, c := range []struct {
		name string
		due  int64
		want time.Duration
	}{
		{"nothing is queued", 0, 0},
		{"overdue", noon.Add(-time.Minute).UnixMilli(), time.Minute},
		{"not yet", noon.Add(time.Hour).UnixMilli(), 0},
	} {
		if got := (Stats{Due: c.due}).Waiting(noon); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
