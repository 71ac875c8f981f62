package promotion

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/scan"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func number(v float64) *float64 { return &v }

// facts are of a candidate that has all it may need, and of a live version that is a little worse.
func facts() Facts {
	return Facts{
		Now: 1_000_000,
		Candidate: Version{
			ID: "v7", Model: "churn", Digest: "d7", Number: 7, Kind: "predictive", Risk: "minimal",
			Metrics: []Measured{{"auc", .7, "holdout", "h1"}},
			Params:  map[string]string{"depth": "6"}, Tags: map[string]string{"team": "growth"},
			Card:    CardFacts{Digest: "c7", Sections: map[string]bool{"overview": true, "use": true}, SavedAt: 900_000},
			Scan:    ScanFacts{Verdict: "clean", Digest: "s7", At: 900_000},
			Licence: "Apache-2.0", Verifiable: true, CreatedAt: 800_000, TrainedBy: "ada",
		},
		Live:    &Version{ID: "v6", Digest: "d6", Number: 6, Metrics: []Measured{{"auc", .8, "holdout", "h1"}, {"auc", .5, "other", "h2"}}},
		Checks:  []Check{{ID: "1", Name: "ci", Digest: "d7", State: CheckSuccess, At: 900_000}},
		Request: RequestFacts{Number: 3, Author: "ben", Reason: "better", Revision: 1},
		Env:     EnvFacts{Name: "production", Rank: 3, Protected: true, DataClass: "internal"},
	}
}

func TestGates(t *testing.T) {
	metric := func(op string, limit, margin *float64) Gate {
		return Gate{Kind: MetricGate, Metric: "auc", Op: op, Limit: limit, LiveMargin: margin}
	}
	measured := func(all ...Measured) func(*Facts) { return func(f *Facts) { f.Candidate.Metrics = all } }
	live := func(all ...Measured) func(*Facts) { return func(f *Facts) { f.Live = &Version{Metrics: all} } }
	scanned := func(v scan.Verdict) func(*Facts) { return func(f *Facts) { f.Candidate.Scan.Verdict = string(v) } }
	check := func(c ...Check) func(*Facts) { return func(f *Facts) { f.Checks = c } }
	expr := func(e string) Gate { return Gate{Kind: CELGate, Expr: e} }
	licence := func(l string) func(*Facts) { return func(f *Facts) { f.Candidate.Licence = l } }
	ci := Gate{Kind: ChecksGate, Checks: []string{"ci"}}
	for _, c := range []struct {
		about   string
		g       Gate
		change  func(*Facts)
		verdict Verdict
		reason  string
		words   string // in Args
		expires int64
	}{
		{"above", metric(">=", number(.6), nil), nil, Passed, "metric_reached", "auc 0.7 >= 0.6", 0},
		{"equal", metric(">=", number(.7), nil), nil, Passed, "metric_reached", "", 0},
		{"below", metric(">=", number(.71), nil), nil, Failed, "metric_limit", "auc 0.7 >= 0.71", 0},
		{"small is good", metric("<=", number(.7), nil), nil, Passed, "metric_reached", "", 0},
		{"small is good, but it is not", metric("<=", number(.69), nil), nil, Failed, "metric_limit", "", 0},
		{"missing", metric(">=", number(.6), nil), measured(), Failed, "metric_missing", "auc", 0},
		{"missing on that data", Gate{Kind: MetricGate, Metric: "auc", Dataset: "fresh", Op: ">=", Limit: number(.1)}, nil, Failed, "metric_missing_on", "auc fresh", 0},
		{"NaN", metric(">=", number(.6), nil), measured(Measured{Name: "auc", Value: math.NaN()}), Errored, "metric_nan", "", 0},
		{"infinite", metric(">=", number(.6), nil), measured(Measured{Name: "auc", Value: math.Inf(1)}), Errored, "metric_nan", "", 0},
		{"two datasets", metric(">=", number(.6), nil), measured(Measured{"auc", .9, "a", "1"}, Measured{"auc", .1, "b", "2"}), Inconclusive, "metric_datasets", "auc 2", 0},
		{"one of two", Gate{Kind: MetricGate, Metric: "auc", Dataset: "b", Op: ">=", Limit: number(.2)}, measured(Measured{"auc", .9, "a", "1"}, Measured{"auc", .1, "b", "2"}), Failed, "metric_limit", "0.1", 0},
		{"a dataset in two states", Gate{Kind: MetricGate, Metric: "auc", Dataset: "a", Op: ">=", Limit: number(.2)}, measured(Measured{"auc", .9, "a", "1"}, Measured{"auc", .1, "a", "2"}), Inconclusive, "metric_datasets", "", 0},
		{"as much worse as it may be", metric(">=", nil, number(.1)), nil, Passed, "metric_kept", "auc 0.7 0.8 0.1", 0},
		{"worse", metric(">=", nil, number(.09)), nil, Failed, "metric_worse", "auc 0.7 0.8 0.09", 0},
		{"equal to live", metric(">=", nil, number(0)), live(Measured{"auc", .7, "x", "h1"}), Passed, "metric_kept", "", 0},
		{"better than live", metric("<=", nil, number(0)), nil, Passed, "metric_kept", "", 0},
		{"worse where small is good", metric("<=", nil, number(.1)), live(Measured{"auc", .59, "x", "h1"}), Failed, "metric_worse", "", 0},
		{"nothing live", metric(">=", nil, number(0)), func(f *Facts) { f.Live = nil }, Passed, "metric_first", "", 0},
		{"nothing live, below the limit", metric(">=", number(.9), number(0)), func(f *Facts) { f.Live = nil }, Failed, "metric_limit", "", 0},
		{"both", metric(">=", number(.6), number(.2)), nil, Passed, "metric_kept", "", 0},
		{"other data", metric(">=", nil, number(1)), live(Measured{"auc", .1, "holdout", "h2"}), Inconclusive, "metric_other_data", "", 0},
		{"live was never measured", metric(">=", nil, number(1)), live(), Inconclusive, "metric_live_missing", "", 0},
		{"live is NaN", metric(">=", nil, number(1)), live(Measured{"auc", math.NaN(), "holdout", "h1"}), Inconclusive, "metric_live_nan", "", 0},
		{"unknown data", metric(">=", nil, number(1)), measured(Measured{Name: "auc", Value: 1}), Inconclusive, "metric_no_data", "", 0},
		{"old", Gate{Kind: MetricGate, Metric: "auc", Op: ">=", Limit: number(.1), TTL: 200_000}, nil, Waiting, "metric_expired", "", 0},
		{"not so old", Gate{Kind: MetricGate, Metric: "auc", Op: ">=", Limit: number(.1), TTL: 200_001}, nil, Passed, "metric_reached", "", 1_000_001},

		{"card", Gate{Kind: CardGate}, nil, Passed, "card_complete", "2", 0},
		{"no card", Gate{Kind: CardGate}, func(f *Facts) { f.Candidate.Card = CardFacts{} }, Failed, "card_missing", "", 0},
		{"open sections", Gate{Kind: CardGate}, func(f *Facts) {
			f.Candidate.Card.Sections = map[string]bool{"use": false, "data": false, "overview": true}
		}, Failed, "card_sections", "data, use", 0},
		{"another section", Gate{Kind: CardGate, Sections: []string{"overview"}}, func(f *Facts) { f.Candidate.Card.Sections["use"] = false }, Passed, "card_complete", "1", 0},
		{"a section that nobody asked for", Gate{Kind: CardGate, Sections: []string{"overview", "fairness"}}, nil, Failed, "card_unasked", "fairness", 0},
		{"old card", Gate{Kind: CardGate, TTL: 100_000}, nil, Waiting, "card_expired", "", 0},
		{"licence", Gate{Kind: CardGate, Licences: []string{"MIT", "Apache-2.0"}}, nil, Passed, "card_complete", "", 0},
		{"no licence", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence(""), Failed, "card_no_licence", "", 0},
		{"other licence", Gate{Kind: CardGate, Licences: []string{"MIT"}}, nil, Failed, "card_licence", "Apache-2.0", 0},
		{"one or the other", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence("GPL-3.0-only OR MIT"), Passed, "card_complete", "", 0},
		{"one and the other", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence("GPL-3.0-only AND MIT"), Failed, "card_licence", "", 0},
		{"AND binds stronger", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence("MIT OR GPL-3.0-only AND Apache-2.0"), Passed, "card_complete", "", 0},
		{"brackets", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence("(MIT OR GPL-3.0-only) AND Apache-2.0"), Failed, "card_licence", "", 0},
		{"exception", Gate{Kind: CardGate, Licences: []string{"GPL-2.0-only"}}, licence("GPL-2.0-only WITH Classpath-exception-2.0"), Failed, "card_licence", "", 0},
		{"no expression", Gate{Kind: CardGate, Licences: []string{"MIT"}}, licence("MIT OR"), Failed, "card_licence", "", 0},

		{"not scanned", Gate{Kind: ScanGate, Worst: "clean"}, scanned(""), Waiting, "scan_none", "", 0},
		{"clean", Gate{Kind: ScanGate, Worst: "clean"}, nil, Passed, "scan_passed.clean", "", 0},
		{"notice", Gate{Kind: ScanGate, Worst: "clean"}, scanned(scan.Notice), Failed, "scan_failed.notice", "", 0},
		{"notice may be", Gate{Kind: ScanGate, Worst: "notice"}, scanned(scan.Notice), Passed, "scan_passed.notice", "", 0},
		{"not read", Gate{Kind: ScanGate, Worst: "notice"}, scanned(scan.Inconclusive), Inconclusive, "scan_inconclusive", "", 0},
		{"not read may be", Gate{Kind: ScanGate, Worst: "inconclusive"}, scanned(scan.Inconclusive), Passed, "scan_passed.inconclusive", "", 0},
		{"suspicious", Gate{Kind: ScanGate, Worst: "inconclusive"}, scanned(scan.Suspicious), Failed, "scan_failed.suspicious", "", 0},
		{"dangerous", Gate{Kind: ScanGate, Worst: "inconclusive"}, scanned(scan.Dangerous), Failed, "scan_failed.dangerous", "", 0},
		{"odd", Gate{Kind: ScanGate, Worst: "inconclusive"}, scanned("fine"), Errored, "scan_unknown", "fine", 0},
		{"old scan", Gate{Kind: ScanGate, Worst: "clean", TTL: 100_000}, nil, Waiting, "scan_expired", "", 0},
		{"a danger does not go by", Gate{Kind: ScanGate, Worst: "clean", TTL: 200_000}, scanned(scan.Dangerous), Failed, "scan_failed.dangerous", "", 1_100_000},

		{"success", ci, nil, Passed, "checks_passed", "ci", 0},
		{"until", Gate{Kind: ChecksGate, Checks: []string{"ci"}, TTL: 150_000}, nil, Passed, "checks_passed", "", 1_050_000},
		{"the first of two", Gate{Kind: ChecksGate, Checks: []string{"ci", "load"}, TTL: 150_000}, check(Check{Name: "ci", Digest: "d7", State: CheckSuccess, At: 900_000}, Check{Name: "load", Digest: "d7", State: CheckSuccess, At: 880_000}), Passed, "checks_passed", "ci, load", 1_030_000},
		{"expired", Gate{Kind: ChecksGate, Checks: []string{"ci"}, TTL: 100_000}, nil, Waiting, "checks_expired", "ci", 0},
		{"none", ci, check(), Waiting, "checks_absent", "ci", 0},
		{"of another version", ci, check(Check{Name: "ci", Digest: "d6", State: CheckSuccess}), Waiting, "checks_absent", "ci", 0},
		{"no digest to report for", ci, func(f *Facts) { f.Candidate.Digest = ""; f.Checks = []Check{{Name: "ci", State: CheckSuccess}} }, Failed, "checks_no_digest", "", 0},
		{"pending", ci, check(Check{Name: "ci", Digest: "d7", State: CheckPending}), Waiting, "checks_pending", "ci", 0},
		{"failure", ci, check(Check{Name: "ci", Digest: "d7", State: CheckFailure}), Failed, "checks_failed", "ci", 0},
		{"an old failure is one", Gate{Kind: ChecksGate, Checks: []string{"ci"}, TTL: 1}, check(Check{Name: "ci", Digest: "d7", State: CheckFailure}), Failed, "checks_failed", "ci", 0},
		{"failure and missing", Gate{Kind: ChecksGate, Checks: []string{"load", "ci"}}, check(Check{Name: "ci", Digest: "d7", State: CheckFailure}), Failed, "checks_failed", "ci", 0},
		{"the latest counts", ci, check(Check{Name: "ci", Digest: "d7", State: CheckFailure, At: 2}, Check{Name: "ci", Digest: "d7", State: CheckSuccess, At: 1}), Failed, "checks_failed", "ci", 0},
		{"odd state", ci, check(Check{Name: "ci", Digest: "d7", State: "green"}), Errored, "checks_unknown", "ci", 0},

		{"true", expr("candidate.metrics.auc >= 0.7 && live.version == 6"), nil, Passed, "cel_true", "", 0},
		{"false", expr("candidate.metrics.auc > 0.7"), nil, Failed, "cel_false", "", 0},
		{"a message", Gate{Kind: CELGate, Expr: "false", Message: "ask risk"}, nil, Failed, "cel_message", "ask risk", 0},
		{"whole numbers compare", expr("candidate.metrics.auc < 1"), nil, Passed, "cel_true", "", 0},
		{"all names", expr("live.commit == '' && live != null && candidate.kind in ['predictive', 'agent'] && request.author == 'ben' && request.revision == 1 && env.name == 'production' && env.rank >= 3 && candidate.params.depth == '6' && candidate.tags['team'] == 'growth' && candidate.card.sections.overview && candidate.scan.verdict == 'clean' && now > candidate.created_at"), nil, Passed, "cel_true", "", 0},
		{"time that passed", expr("now - candidate.created_at == duration('200s')"), nil, Passed, "cel_true", "", 0},
		{"missing key", expr("candidate.metrics.f1 > 0.5"), nil, Errored, "cel_error", "no such key: f1", 0},
		{"asked for", expr("!('f1' in candidate.metrics) || candidate.metrics.f1 > 0.5"), nil, Passed, "cel_true", "", 0},
		{"NaN is no value", expr("!(candidate.metrics.auc < 0.5)"), measured(Measured{Name: "auc", Value: math.NaN()}), Errored, "cel_error", "no such key: auc", 0},
		{"two values are none", expr("candidate.metrics.auc > 0.5"), measured(Measured{"auc", .9, "a", "1"}, Measured{"auc", .1, "b", "2"}), Errored, "cel_error", "no such key: auc", 0},
		{"but both are there", expr("candidate.measured.all(m, m.name == 'auc' && m.value > 0.05)"), measured(Measured{"auc", .9, "a", "1"}, Measured{"auc", .1, "b", "2"}), Passed, "cel_true", "", 0},
		{"nothing live is null", expr("live == null || live.metrics.auc < 1.0"), func(f *Facts) { f.Live = nil }, Passed, "cel_true", "", 0},
		{"a field of null", expr("live.commit != 'x'"), func(f *Facts) { f.Live = nil }, Errored, "cel_error", "", 0},
		{"a field of null denied", expr("!live.revoked"), func(f *Facts) { f.Live = nil }, Errored, "cel_error", "", 0},
		{"a field of null asked for", expr("!has(live.metrics.auc)"), func(f *Facts) { f.Live = nil }, Errored, "cel_error", "", 0},
		{"a field of a field of null", expr("live.card.digest != 'x'"), func(f *Facts) { f.Live = nil }, Errored, "cel_error", "", 0},
		{"not before a gate that is not there", expr("evidence['quality'].verdict == 'passed'"), nil, Errored, "cel_error", "no such key: quality", 0},
		{"not clean", expr("1 + 1"), nil, Errored, "cel_error", "bool", 0},
		{"unknown name", expr("champion.metrics.auc > 1"), nil, Errored, "cel_error", "undeclared", 0},
		{"odd kind", Gate{Kind: "oracle"}, nil, Errored, "kind", "oracle", 0},
		{"metric with nothing", metric(">=", nil, nil), nil, Errored, "metric_nothing", "", 0},
		{"limit NaN", metric(">=", number(math.NaN()), nil), nil, Errored, "metric_limit_nan", "", 0},
	} {
		f := facts()
		if c.change != nil {
			c.change(&f)
		}
		c.g.ID = "g"
		all := Policy{Gates: []Gate{c.g}}.Evaluate(f)
		if len(all) != 1 {
			t.Fatalf("%s: %d results", c.about, len(all))
		}
		r := all[0]
		if r.Gate != "g" || r.Kind != c.g.Kind || r.Verdict != c.verdict || r.Reason != c.reason || r.ExpiresAt != c.expires {
			t.Errorf("%s: %+v, want %s %s %d", c.about, r, c.verdict, c.reason, c.expires)
		}
		if args := strings.Trim(fmt.Sprint(append([]any{""}, separate(r.Args)...)...), " "); !contains(args, c.words) {
			t.Errorf("%s: %q lacks %q", c.about, args, c.words)
		}
		if _, _, err := Evidence(all, "card"); err != nil {
			t.Errorf("%s: %v", c.about, err)
		}
	}
}

// separate are args with a space between any two.
func separate(args []any) (out []any) {
	for _, a := range args {
		out = append(out, fmt.Sprint(a), " ")
	}
	return out
}

func TestNumbersAndInputs(t *testing.T) {
	got := Policy{Gates: []Gate{
		{ID: "m", Kind: MetricGate, Metric: "auc", Op: ">=", Limit: number(.5), LiveMargin: number(.2)},
		{ID: "c", Kind: CardGate},
		{ID: "s", Kind: ScanGate, Worst: "clean"},
		{ID: "k", Kind: ChecksGate, Checks: []string{"ci"}},
		{ID: "e", Kind: CELGate, Expr: "evidence.m.verdict == 'passed' && evidence.m.numbers.value == 0.7 && evidence.size() == 4"},
	}}.Evaluate(facts())
	if Sum(got) != Passed {
		t.Errorf("%+v", got)
	}
	want := []Result{
		{Numbers: map[string]float64{"value": .7, "limit": .5, "live": .8, "margin": .2}, Inputs: map[string]string{"dataset": "h1", "live": "d6"}},
		{Inputs: map[string]string{"card": "c7"}},
		{Inputs: map[string]string{"scan": "s7"}},
		{Inputs: map[string]string{"candidate": "d7"}},
		{Inputs: map[string]string{"candidate": "d7", "live": "d6"}},
	}
	for i := range want {
		if diff := cmp.Diff([]any{want[i].Numbers, want[i].Inputs}, []any{got[i].Numbers, got[i].Inputs}); diff != "" {
			t.Errorf("%s (-want/+got):\n%s", got[i].Gate, diff)
		}
	}
}

// Expressions that would never end, or fill the memory, or break the reader, end soon and never pass.
func TestExpressionsAreBounded(t *testing.T) {
	ten := "[0,1,2,3,4,5,6,7,8,9]"
	nest := func(macro, inner string, deep int) string {
		for i := range deep {
			inner = fmt.Sprintf("%s.%s(v%d, %s)", ten, macro, i, inner)
		}
		return inner
	}
	f := facts()
	f.Candidate.Params = map[string]string{"long": strings.Repeat("a", 6000)}
	for i := range 2000 {
		f.Candidate.Params[fmt.Sprint("p", i)] = "x"
	}
	for about, e := range map[string]string{
		"nested all":      nest("all", "true", 9),
		"nested exists":   nest("exists", "false", 9),
		"nested map":      nest("map", "1", 9) + ".size() > 0",
		"params squared":  "candidate.params.all(a, candidate.params.all(b, candidate.params.all(c, true)))",
		"long strings":    "candidate.params.all(a, candidate.params.all(b, (candidate.params.long + candidate.params.long + a + b).size() > 0))",
		"doubling":        "[[['" + strings.Repeat("a", 500) + "']]].map(a, [a,a,a,a,a,a,a,a].map(b, [b,b,b,b,b,b,b,b].map(c, [c,c,c,c,c,c,c,c,c].map(d, [d,d,d,d,d,d,d,d])))).size() < 0",
		"brackets":        strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000),
		"open brackets":   strings.Repeat("[", 4000),
		"braces":          strings.Repeat("{'a':", 600),
		"ternaries":       strings.Repeat("true ? ", 580),
		"100 KB":          strings.Repeat("true && ", 12800) + "true",
		"many terms":      strings.Repeat("1+", 2000) + "1 > 0 || 'a' == b",
		"regex":           "candidate.params.long.matches('" + strings.Repeat("(a{1,99}){1,9}", 20) + "')",
		"regex at work":   "candidate.params.all(k, candidate.params.long.matches('^(a|aa|aaa)*b$') || candidate.params.all(l, candidate.params.long.matches('(a*)*c' + k)))",
		"built regex":     nest("all", "candidate.params.long.matches('(a?){200}' + string(v0))", 5),
		"broken regex":    "'a'.matches('(')",
		"bytes":           "\x00\xff\xfe",
		"unclosed string": "'" + strings.Repeat("\\", 3999),
		"wholes":          nest("all", "candidate == candidate", 6),
		"lists of wholes": nest("all", "[candidate] != []", 6),
		"maps of wholes":  nest("all", "candidate in {'a': candidate}", 6),
		"hidden wholes":   nest("all", "dyn(candidate) == dyn(candidate)", 6),
		"wholes in lists": nest("all", "candidate.params == candidate.params && candidate.measured == candidate.measured", 6),
		"whole maps":      nest("all", "candidate.params == candidate.params", 6),
		"chosen wholes":   nest("all", "(true ? candidate : candidate) == candidate", 6),
	} {
		began := time.Now()
		_, err := Policy{Gates: []Gate{{ID: "g", Kind: CELGate, Expr: e}}}.Clean()
		r := Policy{Gates: []Gate{{ID: "g", Kind: CELGate, Expr: e}}}.Evaluate(f)[0]
		took := time.Since(began)
		if r.Verdict != Errored && (r.Verdict != Failed || !contains(about, "regex")) { // which may be finished in time
			t.Errorf("%s: %+v (%v)", about, r, err)
		}
		if took > 5*time.Second {
			t.Errorf("%s took %s", about, took)
		}
		t.Log(about, took, err, r.Args)
	}
}

func TestWaive(t *testing.T) {
	p := Policy{NeverWaived: []string{"scan"}}
	results := []Result{
		{Gate: "quality", Verdict: Failed, Reason: "metric_limit", Args: []any{"auc"}, ExpiresAt: 7},
		{Gate: "scan", Verdict: Failed},
		{Gate: "card", Verdict: Waiting},
		{Gate: "ci", Verdict: Errored},
		{Gate: "cel", Verdict: Inconclusive},
		{Gate: "fine", Verdict: Passed},
	}
	before := slices.Clone(results)
	got := p.Waive(results, []Waiver{
		{"quality", "ada", "old", 50},
		{"quality", "ada", "short", 150},
		{"quality", "ben", "long", 200},
		{"quality", "cem", "middle", 170},
		{"scan", "ada", "never", 0},
		{"card", "ada", "over", 100},
		{"ci", "ada", "for ever", 0},
		{"cel", "ada", "soon", 101},
		{"fine", "ada", "needless", 0},
		{"other", "ada", "nothing", 0},
	}, 100)
	want := []Result{
		{Gate: "quality", Verdict: Waived, Reason: "metric_limit", Args: []any{"auc"}, Was: Failed, Waiver: &Waiver{"quality", "ben", "long", 200}, ExpiresAt: 200},
		{Gate: "scan", Verdict: Failed},
		{Gate: "card", Verdict: Waiting},
		{Gate: "ci", Verdict: Waived, Was: Errored, Waiver: &Waiver{"ci", "ada", "for ever", 0}},
		{Gate: "cel", Verdict: Waived, Was: Inconclusive, Waiver: &Waiver{"cel", "ada", "soon", 101}, ExpiresAt: 101},
		{Gate: "fine", Verdict: Passed},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want/+got)\n%s", diff)
	}
	if diff := cmp.Diff(before, results); diff != "" {
		t.Errorf("the results given were changed:\n%s", diff)
	}
}

func TestSum(t *testing.T) {
	for _, c := range []struct {
		all  []Verdict
		want Verdict
	}{
		{nil, Passed},
		{[]Verdict{Passed, Waived}, Passed},
		{[]Verdict{Passed, Waiting}, Waiting},
		{[]Verdict{Waiting, Failed, Waiting}, Failed},
		{[]Verdict{Inconclusive, Passed}, Failed},
		{[]Verdict{Waiting, Errored}, Failed},
		{[]Verdict{"odd"}, Failed},
		{[]Verdict{""}, Failed},
	} {
		var results []Result
		for _, v := range c.all {
			results = append(results, Result{Verdict: v})
		}
		if got := Sum(results); got != c.want {
			t.Errorf("%v: %s, want %s", c.all, got, c.want)
		}
	}
}

// The same facts give the same digest at any time; whatever a reviewer would want to know of gives another.
func TestEvidence(t *testing.T) {
	p := Policy{Gates: []Gate{
		{ID: "m", Kind: MetricGate, Metric: "auc", Op: ">=", LiveMargin: number(.2), TTL: 1_000_000},
		{ID: "s", Kind: ScanGate, Worst: "notice", TTL: 1_000_000},
		{ID: "k", Kind: ChecksGate, Checks: []string{"ci"}, TTL: 1_000_000},
		{ID: "e", Kind: CELGate, Expr: "candidate.tags.all(k, candidate.params[k] != '')"}, // which missing key it names is chance
	}}
	digest := func(change func(f *Facts), waivers ...Waiver) string {
		f := facts()
		f.Candidate.Tags = map[string]string{"a": "", "b": "", "c": "", "d": "", "e": ""}
		if change != nil {
			change(&f)
		}
		d, text, err := Evidence(p.Waive(p.Evaluate(f), waivers, f.Now), f.Candidate.Card.Digest)
		if err != nil || len(d) != 64 || !contains(string(text), `"card":`) {
			t.Fatal(d, string(text), err)
		}
		return d
	}
	first := digest(nil)
	for range 20 {
		if digest(nil) != first {
			t.Fatal("the digest of the same facts changes")
		}
	}
	same := digest(func(f *Facts) {
		f.Now += 5000
		f.Checks[0].At, f.Checks[0].ID = 950_000, "2"
		f.Candidate.Scan.At = 950_000
	})
	if same != first {
		t.Error("the digest depends on time")
	}
	w := Waiver{"e", "ada", "known", 2_000_000}
	later := w
	later.ExpiresAt++
	other := w
	other.By = "ben"
	if digest(nil, w) != digest(nil, later) {
		t.Error("the digest depends on the end of a waiver")
	}
	seen := map[string]string{first: "nothing"}
	for about, d := range map[string]string{
		"value":   digest(func(f *Facts) { f.Candidate.Metrics[0].Value = .71 }),
		"live":    digest(func(f *Facts) { f.Live.Metrics[0].Value = .81 }),
		"report":  digest(func(f *Facts) { f.Candidate.Scan.Digest = "s8" }),
		"verdict": digest(func(f *Facts) { f.Candidate.Scan.Verdict = "notice" }),
		"check":   digest(func(f *Facts) { f.Checks[0].State = CheckPending }),
		"card":    digest(func(f *Facts) { f.Candidate.Card.Digest = "c8" }),
		"waived":  digest(nil, w),
		"by":      digest(nil, other),
	} {
		if twin, twice := seen[d]; twice {
			t.Errorf("%s and %s have one digest", about, twin)
		}
		seen[d] = about
	}
}
