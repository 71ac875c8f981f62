package ui

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	page "github.com/slipway-ml/slipway/web/page/environments"
)

// A policy that goes through the form is the same policy, to the order of its parts and the millisecond.
func TestPolicyThroughTheForm(t *testing.T) {
	limit, margin := -1e-9, 0.0
	names := map[string]string{"u1": "ada", "u2": "bob@example.org", "gone": "gone"}
	for name, p := range map[string]promotion.Policy{
		"empty": {},
		"all": {
			Gates: []promotion.Gate{
				{ID: "e", Kind: promotion.CELGate, Expr: "now > 0 &&\n  now < 9", Message: "wait"},
				{ID: "m", Kind: promotion.MetricGate, Metric: "val/auc", Op: "<=", Limit: &limit, TTL: 1},
				{ID: "k", Kind: promotion.ChecksGate, Checks: []string{"a, b", "c"}, TTL: 5_400_000},
				{ID: "n", Kind: promotion.MetricGate, Metric: "auc", Dataset: "x", Op: ">=", LiveMargin: &margin},
				{ID: "s", Kind: promotion.ScanGate, Worst: "inconclusive"},
				{ID: "c", Kind: promotion.CardGate, Sections: []string{"use", "data"}, Licences: []string{"MIT", "Apache-2.0"}},
				{ID: "d", Kind: promotion.CardGate},
			},
			Rules: []promotion.Rule{
				{Count: 0, From: promotion.Eligible{Roles: []access.Role{access.Reviewer, access.Admin}, Teams: []string{"t1", "t2"}, Users: []string{"u2", "gone", "u1"}}},
				{Name: "legal", Count: 3, From: promotion.Eligible{Users: []string{"u1"}}, Apart: []promotion.Connected{promotion.Trainer}},
			},
			Requires: []string{"staging", "dev"}, Soak: 1, TTL: 86_399_999, DataClass: "public", FinalReject: true, Supersede: true, AutoExecute: true, BreakGlass: true, DebtHours: 7, NeverWaived: []string{"s", "m"},
			Freezes: []promotion.Freeze{{Name: "a", From: "2026-12-20T00:00", Until: "2026-12-21T00:00", Zone: "UTC"}, {Name: "b", Start: "2026-12-20T00:00", Rule: "FREQ=DAILY", Long: 100_000, Zone: "Europe/Rome"}},
		},
		"hours without break-glass": {DebtHours: 5},
	} {
		v := formOf(p, names, "UTC")
		f := policyForm{v: v, ids: map[string]string{}, errors: map[string]string{}}
		for id, name := range names {
			f.ids[name] = id
		}
		got := f.read(p)
		if diff := cmp.Diff(p, got, cmpopts.EquateEmpty()); diff != "" || len(f.errors) > 0 {
			t.Errorf("%s (-before +after): %s %v", name, diff, f.errors)
		}
	}
}

// What cannot work is said beside its field, whatever it is.
func TestPolicyErrorsHaveTheirFields(t *testing.T) {
	for text, want := range map[string]string{
		"metrics=2&metric.1.metric=auc&metric.1.op=%3E%3D":                                            "metric.1.limit",
		"metrics=1&metric.0.metric=auc&metric.0.op=x&metric.0.limit=1":                                "metric.0.op",
		"metrics=1&metric.0.metric=auc&metric.0.op=%3E%3D&metric.0.limit=1&metric.0.id=No+Id":         "metric.0.id",
		"metrics=1&metric.0.limit=1&metric.0.op=%3E%3D":                                               "metric.0.metric",
		"cards=1&card.0.want=all&card.0.licences=nonsense":                                            "card.0.licences",
		"checkss=1&checks.0.checks=a%0Aa":                                                             "checks.0.checks",
		"cels=1&cel.0.expr=1+%2B":                                                                     "cel.0.expr",
		"cels=2&cel.0.expr=true&cel.0.id=a&cel.1.expr=true&cel.1.id=a":                                "cel.1.id",
		"scans=1&scan.0.worst=dangerous":                                                              "scan.0.worst",
		"rules=2&rule.0.count=1&rule.0.roles=admin&rule.1.count=99&rule.1.roles=admin":                "rule.1.count",
		"rules=1&rule.0.count=1":                                                                      "rule.0.roles",
		"rules=2&rule.1.count=1&rule.1.roles=viewer":                                                  "rule.1.roles",
		"freezes=1&freeze.0.name=x&freeze.0.zone=Nowhere&freeze.0.from=2026-12-20T00:00":              "freeze.0.zone",
		"freezes=1&freeze.0.name=x&freeze.0.zone=UTC":                                                 "freeze.0.from",
		"freezes=1&freeze.0.name=x&freeze.0.zone=UTC&freeze.0.from=soon&freeze.0.until=x":             "freeze.0.from",
		"freezes=1&freeze.0.name=x&freeze.0.zone=UTC&freeze.0.from=2026-12-20T00:00&freeze.0.until=x": "freeze.0.until",
		"soak=5":          "requires",
		"data_class=none": "data_class",
		"debt=-3":         "debt",
	} {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range page.Kinds {
			if !v.Has(kind + "s") {
				v.Set(kind+"s", "0")
			}
		}
		f := policyForm{say: func(key string, _ ...any) string { return key }, v: v, ids: map[string]string{}, errors: map[string]string{}}
		p := f.read(promotion.Policy{})
		_, err = p.Clean()
		if got, ok := f.blame(err); !ok || got != want || len(f.errors) > 0 {
			t.Errorf("%s: %v is about %q, want %q (%v)", text, err, got, want, f.errors)
		}
	}
}

// Whatever a browser sends, it is read or refused; nothing panics, and rows beyond the most are never left out in silence.
func FuzzPolicyForm(f *testing.F) {
	f.Add("rules=1&rule.0.count=1&rule.0.people=ada,,x")
	f.Add("metrics=2&metric.1.limit=nan&metric.0.ttl=1e400")
	f.Add("freezes=-1")
	f.Add("cels=101")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		form := policyForm{say: func(key string, _ ...any) string { return key }, v: v, ids: map[string]string{"ada": "u1"}, errors: map[string]string{}}
		p := form.read(promotion.Policy{})
		if len(form.errors) > 0 {
			return
		}
		if p, err = p.Clean(); err != nil {
			return
		}
		if _, err := p.Digest(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
