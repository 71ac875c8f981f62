package promotion_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/promotion"
)

// under makes p the policy of production and protects it.
func (m *machine) under(p promotion.Policy) {
	m.t.Helper()
	m.now = m.now.Add(time.Minute)
	m.must(errors.Join(m.change("the first", p), m.protect()))
}

// ask is a request that has been submitted.
func (m *machine) ask(who string, version int64) int64 {
	m.t.Helper()
	n, err := m.create(who, version, true)
	m.must(err)
	return n
}

// agree is an approval that has to be taken.
func (m *machine) agree(who string, number int64) {
	m.t.Helper()
	m.must(m.approve(who, number))
}

// mutant is a set of defences that are gone, and acts that show it.
type mutant struct {
	off   string
	finds string // the invariant that notices
	acts  func(m *machine) error
}

// mutants are the sets of which each has to be noticed. The last act is the one that the defences refuse.
var mutants = []mutant{
	{"generation invalidation", "I6", func(m *machine) error {
		m.under(m.policies()[0])
		a, b := m.ask("ed", 1), m.ask("eve", 2)
		m.agree("rita", a)
		m.agree("rob", b)
		m.must(m.execute("ed", a))
		return m.execute("eve", b)
	}},
	{"lock", "I5", func(m *machine) error {
		m.under(m.policies()[0])
		a, b := m.ask("ed", 1), m.ask("eve", 2)
		m.agree("rita", a)
		m.agree("rob", b)
		m.must(m.start("ed", a))
		return m.start("eve", b)
	}},
	{"freeze", "I4", func(m *machine) error {
		m.under(m.frozen(m.policies()[0], time.Hour))
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.pass(70*time.Minute, true)
		return m.execute("ed", a)
	}},
	{"author", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ada", 1)
		m.must(m.edit("eve", a, 1, 0))
		return errors.Join(m.approve("ada", a), m.execute("ada", a))
	}},
	{"editor", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.must(m.edit("ada", a, 1, 0))
		return errors.Join(m.approve("ada", a), m.execute("ed", a))
	}},
	{"binding invalidation", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.edit("eve", a, 2, 0))
		return m.execute("ed", a)
	}},
	{"recheck binding", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.rules("others", m.frozen(m.policies()[0], 2*time.Hour)))
		return m.execute("ed", a)
	}},
	{"revocation", "I3", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.execute("ed", a))
		b := m.ask("eve", 2)
		m.agree("rob", b)
		m.must(m.execute("eve", b))
		m.must(m.revoke(1))
		return m.rollback("root", 1)
	}},
	{"revokeStops", "I11", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.start("ed", a))
		m.must(m.revoke(1))
		return m.complete("ed", a)
	}},
	{"frozenEdit", "I7", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.start("ed", a))
		err := m.edit("ed", a, 2, 0)
		m.must(m.complete("ed", a))
		return err
	}},
	{"wasLive", "I9", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.execute("ed", a))
		return m.rollback("root", 3)
	}},
	{"departed invalidation", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.disable("rita", true))
		return m.execute("ed", a)
	}},
	{"expiry invalidation", "I2", func(m *machine) error {
		m.under(m.policies()[1])
		a := m.ask("ed", 1)
		m.must(m.report("ci", 1, promotion.CheckSuccess))
		m.must(m.report("red", 1, promotion.CheckSuccess))
		m.settle(a)
		m.agree("rita", a)
		m.agree("rob", a)
		m.pass(3*time.Hour, false)
		return m.execute("ed", a)
	}},
	{"invalidation recheck", "I1", func(m *machine) error {
		m.under(m.policies()[0])
		a := m.ask("ed", 1)
		m.agree("rita", a)
		m.must(m.rules("others", m.frozen(m.policies()[0], 2*time.Hour)))
		return m.execute("ed", a)
	}},
}

// settle looks at a request though it is not due, for when nothing tells of what happened.
func (m *machine) settle(number int64) {
	m.must(m.edit("ed", number, m.numbered(number).n("version"), 0))
}

// found gathers the invariants that were broken.
type found struct {
	invariants []string
	first      string
}

func (f *found) broken(invariant, story string) {
	if f.first == "" {
		f.first = invariant + ": " + story
	}
	if !slices.Contains(f.invariants, invariant) {
		f.invariants = append(f.invariants, invariant)
	}
}

func (x mutant) name() string { return "without " + strings.ReplaceAll(x.off, " ", " and ") }

// TestMutants takes defences away, and wants the invariants to notice. With all of them there nothing is to be noticed, nor
// where only one of two that stand for each other is gone.
func TestMutants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, x := range mutants {
			t.Run(x.name(), func(t *testing.T) {
				w.t = t
				for _, half := range []string{"", "invalidation", "recheck"} {
					var f found
					m := newMachine(w, half != "invalidation", f.broken)
					restore := promotion.Without(strings.Fields(half)...)
					err := x.acts(m)
					m.finish()
					restore()
					if err == nil || f.first != "" {
						t.Errorf("without %q: the last act is refused: %v; broken: %s", half, err, f.first)
					}
				}
				var f found
				m := newMachine(w, false, f.broken)
				restore := promotion.Without(strings.Fields(x.off)...)
				_ = x.acts(m)
				restore()
				if !slices.Contains(f.invariants, x.finds) {
					t.Errorf("nobody noticed by %s: %v", x.finds, f.invariants)
				}
				t.Logf("noticed by %v", f.invariants)
			})
		}
	})
}

// hunter is a test that is to fail.
type hunter struct {
	name   string
	failed bool
}

func (h *hunter) Helper()               {}
func (h *hunter) Name() string          { return h.name }
func (h *hunter) Logf(string, ...any)   {}
func (h *hunter) Log(...any)            {}
func (h *hunter) Skipf(string, ...any)  { h.SkipNow() }
func (h *hunter) Skip(...any)           { h.SkipNow() }
func (h *hunter) SkipNow()              { runtime.Goexit() }
func (h *hunter) Errorf(string, ...any) { h.failed = true }
func (h *hunter) Error(...any)          { h.failed = true }
func (h *hunter) Fatalf(string, ...any) { h.FailNow() }
func (h *hunter) Fatal(...any)          { h.FailNow() }
func (h *hunter) FailNow()              { h.failed = true; runtime.Goexit() }
func (h *hunter) Fail()                 { h.failed = true }
func (h *hunter) Failed() bool          { return h.failed }

// hunt lets the random walk look for what it notices without some defences.
func hunt(w *world, off string, walks int) (f found, sum tally) {
	defer promotion.Without(strings.Fields(off)...)()
	done := make(chan struct{})
	go func() {
		defer close(done)
		sum = search(&hunter{name: "hunt"}, w, walks, 0, false, f.broken)
	}()
	<-done
	return f, sum
}

// TestMutantsAtRandom wants the random walk, too, to come upon what is gone, without being led to it. Some of it takes
// hundreds of walks, which only a long run has the time for.
func TestMutantsAtRandom(t *testing.T) {
	soon := []string{"lock", "binding invalidation", "recheck binding"}
	w := onSQLite(t)
	for _, x := range mutants {
		if !soak() && !slices.Contains(soon, x.off) {
			continue
		}
		began, before := time.Now(), w.count
		f, _ := hunt(w, x.off, often(100, 2000))
		t.Logf("%s: %v within %d walks, %s", x.name(), f.invariants, w.count-before, time.Since(began).Round(time.Millisecond))
		if f.first == "" {
			t.Errorf("%s: nothing was noticed", x.name())
		}
	}
}

// TestHalves walks without one of two defences that stand for each other. What is recorded may lag behind the facts then,
// but nothing is released that should not be.
func TestHalves(t *testing.T) {
	w := onSQLite(t)
	for _, half := range []string{"invalidation", "recheck"} {
		f, sum := hunt(w, half, often(15, 1000))
		t.Logf("without %s: %+v", half, sum)
		if f.first != "" || sum.completions == 0 {
			t.Errorf("without %s: %s", half, f.first)
		}
	}
}
