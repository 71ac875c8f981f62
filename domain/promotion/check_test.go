package promotion

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// full uses all that a policy knows.
const full = `{
	"gates": [
		{"id": "quality", "kind": "metric", "metric": "auc", "dataset": "holdout", "op": ">=", "limit": 0.8, "live_margin": 0.01, "ttl": 604800000},
		{"id": "card", "kind": "card", "sections": ["overview", "use"], "licences": ["apache-2.0", "LicenseRef-Internal"]},
		{"id": "scan", "kind": "scan", "worst": "notice", "ttl": 259200000},
		{"id": "ci", "kind": "checks", "checks": ["build", "load test"], "ttl": 86400000},
		{"id": "size", "kind": "cel", "expr": "candidate.metrics.mb < 500.0", "message": "too large for the phones"}
	],
	"rules": [{"name": "review", "count": 2, "from": {"roles": ["reviewer"], "teams": ["t1"], "users": ["u1"]}, "apart": ["trainer"]}],
	"requires": ["staging"], "soak": 86400000, "ttl": 1209600000,
	"freezes": [
		{"name": "year end", "from": "2026-12-20T00:00", "until": "2027-01-07T00:00", "zone": "Europe/Rome"},
		{"name": "weekends", "start": "2026-01-02T18:00", "rrule": "FREQ=WEEKLY;BYDAY=FR", "long": 223200000, "zone": "America/New_York"}
	],
	"data_class": "internal", "final_reject": true, "supersede": true, "auto_execute": true,
	"break_glass": true, "debt_hours": 48, "never_waived": ["scan"]
}`

func parsed(t *testing.T, text string) Policy {
	t.Helper()
	p, err := ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseAndClean(t *testing.T) {
	p := parsed(t, full)
	clean, err := p.Clean()
	if err != nil {
		t.Fatal(err)
	}
	if got := clean.Gates[1].Licences[0]; got != "Apache-2.0" || p.Gates[1].Licences[0] != "apache-2.0" {
		t.Errorf("%s, and what was given is %s", got, p.Gates[1].Licences[0])
	}
	again, err := clean.Clean()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(clean, again); diff != "" {
		t.Errorf("what is clean changes:\n%s", diff)
	}
	p.Gates[1].Licences = clean.Gates[1].Licences
	if diff := cmp.Diff(p, clean); diff != "" {
		t.Errorf("cleaning changes more than spelling:\n%s", diff)
	}
	text, err := json.Marshal(clean)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(clean, parsed(t, string(text))); diff != "" {
		t.Errorf("written and read:\n%s", diff)
	}
	if _, err := (Policy{}).Clean(); err != nil {
		t.Errorf("a policy that asks for nothing: %v", err)
	}
}

func TestDigest(t *testing.T) {
	a, err := parsed(t, full).Digest()
	if err != nil || len(a) != 64 {
		t.Fatal(a, err)
	}
	var compact any
	if err := json.Unmarshal([]byte(full), &compact); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(compact)
	if b, _ := parsed(t, string(text)).Digest(); a != b {
		t.Error("the digest depends on spaces and the order of names")
	}
	if empty, _ := (Policy{}).Digest(); empty != "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" { // of {}
		t.Error("the digest of nothing is", empty)
	}
	p := parsed(t, full)
	p.Gates[0], p.Gates[1] = p.Gates[1], p.Gates[0]
	if b, _ := p.Digest(); a == b {
		t.Error("the order of gates has a meaning")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, key string }{
		{"", "canonical.json"},
		{"{", "canonical.json"},
		{"{} {}", "canonical.json"},
		{"\xff", "canonical.utf8"},
		{"null", "policy.object"},
		{"[]", "policy.object"},
		{`"gates"`, "policy.object"},
		{`{"gate": []}`, "policy.field"},
		{`{"Gates": []}`, "policy.field"},
		{`{"gates": [{"id": "a", "ID": "b"}]}`, "policy.field"},
		{`{"gates": [{"id": "a", "treshold": 1}]}`, "policy.field"},
		{`{"gates": [], "gates": []}`, "canonical.twice"},
		{`{"gates": {}}`, "policy.type"},
		{`{"ttl": "1d"}`, "policy.type"},
		{`{"ttl": 1.5}`, "policy.type"},
		{`{"ttl": 1e300}`, "policy.type"},
		{`{"gates": [{"limit": 1e999}]}`, "canonical.number"},
		{`{"data_class": "` + strings.Repeat("x", maxPolicy) + `"}`, "policy.long"},
		{strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "canonical.json"},
	} {
		_, err := ParsePolicy(c.text)
		if e := domain.As(err); e == nil || e.Key != c.key {
			t.Errorf("%s: %v, want %s", domain.Short(c.text), err, c.key)
		}
	}
}

func TestCleanRefuses(t *testing.T) {
	gate := func(change func(*Gate)) func(*Policy) {
		return func(p *Policy) { change(&p.Gates[0]) }
	}
	set := func(g Gate) func(*Policy) { return func(p *Policy) { g.ID = "g"; p.Gates[0] = g } }
	rule := func(change func(*Rule)) func(*Policy) {
		return func(p *Policy) { change(&p.Rules[0]) }
	}
	cel := func(e string) func(*Policy) { return set(Gate{Kind: CELGate, Expr: e}) }
	for _, c := range []struct {
		about  string
		change func(*Policy)
		key    string
		words  string
	}{
		{"no id", gate(func(g *Gate) { g.ID = "" }), "policy.gate_id_empty", "number 1"},
		{"odd id", gate(func(g *Gate) { g.ID = "../x" }), "policy.gate_id", ""},
		{"capital id", gate(func(g *Gate) { g.ID = "Quality" }), "policy.gate_id", ""},
		{"id of two lines", gate(func(g *Gate) { g.ID = "a\n" }), "policy.gate_id", ""},
		{"long id", gate(func(g *Gate) { g.ID = strings.Repeat("a", 64) }), "policy.gate_id", ""},
		{"id twice", gate(func(g *Gate) { g.ID = "card" }), "policy.gate_twice", "card"},
		{"kind", gate(func(g *Gate) { g.Kind = "opa" }), "policy.gate_kind", "opa"},
		{"no kind", gate(func(g *Gate) { g.Kind = "" }), "policy.gate_kind", ""},
		{"no metric", gate(func(g *Gate) { g.Metric = "" }), "policy.metric_name", ""},
		{"nothing to compare with", gate(func(g *Gate) { g.Limit, g.LiveMargin = nil, nil }), "policy.metric_nothing", "auc"},
		{"NaN", gate(func(g *Gate) { g.Limit = number(math.NaN()) }), "policy.metric_finite", ""},
		{"infinite margin", gate(func(g *Gate) { g.LiveMargin = number(math.Inf(1)) }), "policy.metric_finite", ""},
		{"negative margin", gate(func(g *Gate) { g.LiveMargin = number(-.1) }), "policy.metric_margin", ""},
		{"op", gate(func(g *Gate) { g.Op = ">" }), "policy.metric_op", `">"`},
		{"no op", gate(func(g *Gate) { g.Op = "" }), "policy.metric_op", ""},
		{"long metric", gate(func(g *Gate) { g.Metric = strings.Repeat("é", 251) }), "policy.gate_text", "250"},
		{"metric of two lines", gate(func(g *Gate) { g.Metric = "a\nb" }), "policy.gate_text", ""},
		{"not UTF-8", gate(func(g *Gate) { g.Dataset = "\xff" }), "policy.gate_text", ""},
		{"a field of another kind", gate(func(g *Gate) { g.Expr = "true" }), "policy.gate_field", "expr means nothing"},
		{"a list of another kind", gate(func(g *Gate) { g.Checks = []string{"ci"} }), "policy.gate_field", "checks"},
		{"negative ttl", gate(func(g *Gate) { g.TTL = -1 }), "policy.negative", "ttl"},
		{"endless ttl", gate(func(g *Gate) { g.TTL = math.MaxInt64 }), "policy.too_long", "ttl"},
		{"section", set(Gate{Kind: CardGate, Sections: []string{"poetry"}}), "policy.section", "overview, use"},
		{"licence", set(Gate{Kind: CardGate, Licences: []string{"Apache"}}), "policy.licence", "Apache"},
		{"two licences in one", set(Gate{Kind: CardGate, Licences: []string{"MIT OR Apache-2.0"}}), "policy.licence", ""},
		{"no licence", set(Gate{Kind: CardGate, Licences: []string{""}}), "policy.licence", ""},
		{"scan", set(Gate{Kind: ScanGate, Worst: "dangerous"}), "policy.scan", "dangerous"},
		{"no scan verdict", set(Gate{Kind: ScanGate}), "policy.scan", ""},
		{"no checks", set(Gate{Kind: ChecksGate}), "policy.check_none", ""},
		{"nameless check", set(Gate{Kind: ChecksGate, Checks: []string{" "}}), "policy.check_empty", ""},
		{"check twice", set(Gate{Kind: ChecksGate, Checks: []string{"a", "a"}}), "policy.check_twice", ""},
		{"many checks", set(Gate{Kind: ChecksGate, Checks: numbered(51)}), "policy.gate_many", "51"},
		{"no expression", cel(" "), "policy.cel_empty", ""},
		{"syntax", cel("true &&\n  ) x"), "policy.cel", "wrong at 2:3"},
		{"unknown name", cel("true && champion.x"), "policy.cel", "wrong at 1:9: undeclared reference to 'champion'"},
		{"unknown field", cel("candidate.metrcs.auc > 1.0"), "policy.cel", "wrong at 1:10: undefined field 'metrcs'"},
		{"unknown field of live", cel("live.metrcs.auc > 1.0"), "policy.cel", "undefined field 'metrcs'"},
		{"not boolean", cel("candidate.metrics.auc"), "policy.cel", "expected a condition, which is true or false (bool), found double"},
		{"types", cel("candidate.licence > 3"), "policy.cel", "no matching overload"},
		{"ttl of an expression", set(Gate{Kind: CELGate, Expr: "true", TTL: 1}), "policy.gate_field", "ttl"},
		{"long message", set(Gate{Kind: CELGate, Expr: "true", Message: strings.Repeat("a", 501)}), "policy.gate_text", "500"},
		{"many gates", func(p *Policy) { p.Gates = make([]Gate, 51) }, "policy.many_gates", "51"},
		{"many rules", func(p *Policy) { p.Rules = make([]Rule, 21) }, "policy.many_rules", "21"},
		{"many freezes", func(p *Policy) { p.Freezes = make([]Freeze, 51) }, "policy.many_freezes", "51"},
		{"negative count", rule(func(r *Rule) { r.Count = -1 }), "policy.rule_count", "-1"},
		{"great count", rule(func(r *Rule) { r.Count = 1 << 40 }), "policy.rule_count", ""},
		{"nobody", rule(func(r *Rule) { r.From = Eligible{} }), "policy.rule_nobody", ""},
		{"unknown role", rule(func(r *Rule) { r.From.Roles = []access.Role{"boss"} }), "user.role", ""},
		{"a role that may not review", rule(func(r *Rule) { r.From.Roles = []access.Role{access.Editor} }), "policy.rule_role", "editor"},
		{"empty id", rule(func(r *Rule) { r.From.Users = []string{""} }), "policy.rule_id", ""},
		{"many teams", rule(func(r *Rule) { r.From.Teams = numbered(51) }), "policy.rule_many", ""},
		{"apart", rule(func(r *Rule) { r.Apart = []Connected{"friend"} }), "policy.rule_apart", "friend"},
		{"long rule name", rule(func(r *Rule) { r.Name = strings.Repeat("a", 251) }), "policy.rule_name", ""},
		{"negative soak", func(p *Policy) { p.Soak = -1 }, "policy.negative", "soak"},
		{"negative life", func(p *Policy) { p.TTL = -1 }, "policy.negative", "ttl"},
		{"soak nowhere", func(p *Policy) { p.Requires = nil }, "policy.soak", ""},
		{"environment", func(p *Policy) { p.Requires = []string{"Staging!"} }, "env.name", ""},
		{"environment twice", func(p *Policy) { p.Requires = []string{"staging", "staging"} }, "policy.requires_twice", ""},
		{"data class", func(p *Policy) { p.DataClass = "secret" }, "policy.data_class", "secret"},
		{"debt", func(p *Policy) { p.DebtHours = -1 }, "policy.debt", ""},
		{"never what is not there", func(p *Policy) { p.NeverWaived = []string{"sca"} }, "policy.never", "sca"},
	} {
		p := parsed(t, full)
		c.change(&p)
		_, err := p.Clean()
		if e := domain.As(err); e == nil || e.Key != c.key || e.Kind != domain.Invalid || !strings.Contains(e.Msg, c.words) || strings.Contains(e.Msg, "%!") {
			t.Errorf("%s: %v, want %s with %q", c.about, err, c.key, c.words)
		}
	}
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, strings.Repeat("x", i+1))
	}
	return names
}

// Run it with -fuzzminimizetime 1x: the caches of the library make the coverage of one input differ from time to time,
// and without it nearly all the time goes into making inputs smaller.
func FuzzPolicy(f *testing.F) {
	f.Add(full, "MIT", .7, int64(1_000_000))
	f.Add(`{"gates":[{"id":"a","kind":"cel","expr":"live.metrics.auc > 0.1"},{"id":"b","kind":"scan"}]}`, "(MIT", math.NaN(), int64(0))
	f.Add(`{"freezes":[{"name":"a","start":"2026-01-01T00:00","rrule":"FREQ=MONTHLY;BYDAY=5FR;BYSETPOS=-1","long":1,"zone":"Europe/Rome"}]}`, "", 0., int64(math.MaxInt64))
	f.Add(`{"rules":[{"count":9,"from":{"users":["a"]}}]}`, "MIT WITH ", math.Inf(1), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, text, licence string, value float64, now int64) {
		p, err := ParsePolicy(text)
		if err != nil {
			if domain.As(err) == nil {
				t.Fatalf("%v is nothing that a person could read", err)
			}
			return
		}
		try := func(p Policy) {
			facts := facts()
			facts.Now = now
			facts.Candidate.Licence = licence
			facts.Candidate.Metrics[0].Value = value
			results := p.Evaluate(facts)
			if len(results) != len(p.Gates) {
				t.Fatalf("%d gates, %d results", len(p.Gates), len(results))
			}
			for i, r := range results {
				switch r.Verdict {
				case Passed, Failed, Inconclusive, Errored, Waiting:
				default:
					t.Fatalf("gate %+v says %+v", p.Gates[i], r)
				}
				if r.Gate != p.Gates[i].ID || r.Reason == "" {
					t.Fatalf("gate %+v says %+v", p.Gates[i], r)
				}
			}
			if _, _, err := Evidence(results, facts.Candidate.Card.Digest); err != nil {
				t.Fatal(err)
			}
			p.Frozen(time.UnixMilli(now % (1 << 45)))
			p.Quorum([]Person{person("a", access.Reviewer, "t1"), person("u1", access.Admin)}, People{})
		}
		try(p) // stored by another version, perhaps
		clean, err := p.Clean()
		if err != nil {
			if domain.As(err) == nil {
				t.Fatalf("%v is nothing that a person could read", err)
			}
			return
		}
		if _, err := clean.Digest(); err != nil {
			t.Fatal(err)
		}
		try(clean)
	})
}
