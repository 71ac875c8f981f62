package promotion

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/stats"
)

// How large a policy may be.
const (
	maxPolicy   = 256 << 10 // bytes of its text
	maxGates    = 50
	maxRules    = 20
	maxFreezes  = 50
	maxNames    = 50  // in one list of a gate or a rule
	maxCount    = 50  // approvals that a rule asks for
	maxText     = 250 // characters of a name
	maxMessage  = 500 // characters
	maxDebt     = 8760
	maxDuration = Duration(10 * 365 * 24 * time.Hour / time.Millisecond)
)

// DataClasses lists the classes of data, from open to closed.
var DataClasses = []string{"public", "internal", "confidential", "restricted"}

// ParsePolicy reads the text of a policy, as stored or as given. It refuses what it does not know, so that nobody
// believes a condition to hold that nothing looks at; whether the policy can work is for Clean to say.
func ParsePolicy(text string) (Policy, error) {
	var p Policy
	if len(text) > maxPolicy {
		return p, domain.Fail(domain.TooLarge, "policy.long", "the policy has %d bytes, the limit is %d", len(text), maxPolicy)
	}
	exact, err := canonical.Transform([]byte(text)) // refuses a name that stands twice
	if err != nil {
		return p, err
	}
	var all any
	if err := json.Unmarshal(exact, &all); err != nil {
		return p, notPolicy(err)
	}
	if _, ok := all.(map[string]any); !ok {
		return p, domain.Fail(domain.Invalid, "policy.object", "a policy is a JSON object, in braces")
	}
	if name, odd := oddName(all); odd {
		return p, domain.Fail(domain.Invalid, "policy.field", "a policy has no field %q", domain.Short(name))
	}
	d := json.NewDecoder(bytes.NewReader(exact))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, notPolicy(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Policy{}, notPolicy(err)
	}
	return p, nil
}

// oddName finds a name that encoding/json would take for another by its letters' case; ours have small letters only.
func oddName(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, of := range v {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
				return name, true
			}
			if name, odd := oddName(of); odd {
				return name, true
			}
		}
	case []any:
		for _, of := range v {
			if name, odd := oddName(of); odd {
				return name, true
			}
		}
	}
	return "", false
}

func notPolicy(err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return domain.Fail(domain.Invalid, "policy.field", "a policy has no field %q", domain.Short(strings.Trim(name, `"`)))
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field != "" {
		return domain.Fail(domain.Invalid, "policy.type", "%s cannot be a %s", domain.Short(wrong.Field), wrong.Value)
	}
	return &domain.Error{Kind: domain.Invalid, Key: "policy.text", Msg: "the policy is not what was expected: a JSON object with gates, rules and freezes", Err: err}
}

// Digest is the SHA-256 of p's canonical JSON, hexadecimal.
func (p Policy) Digest() (string, error) { return canonical.Digest(p) }

// Clean is p in good order, or the first thing in it that cannot work.
func (p Policy) Clean() (Policy, error) {
	for _, part := range []func(*Policy) error{(*Policy).checkSize, (*Policy).checkGates, (*Policy).checkRules, (*Policy).checkFreezes, (*Policy).checkRest} {
		if err := part(&p); err != nil {
			return Policy{}, err
		}
	}
	return p, nil
}

func (p *Policy) checkSize() error {
	switch {
	case len(p.Gates) > maxGates:
		return domain.Fail(domain.Invalid, "policy.many_gates", "the policy has %d gates, the limit is %d", len(p.Gates), maxGates)
	case len(p.Rules) > maxRules:
		return domain.Fail(domain.Invalid, "policy.many_rules", "the policy has %d rules, the limit is %d", len(p.Rules), maxRules)
	case len(p.Freezes) > maxFreezes:
		return domain.Fail(domain.Invalid, "policy.many_freezes", "the policy has %d freezes, the limit is %d", len(p.Freezes), maxFreezes)
	}
	return nil
}

func (p *Policy) checkRest() error {
	if err := span("soak", p.Soak); err != nil {
		return err
	}
	if err := span("ttl", p.TTL); err != nil {
		return err
	}
	for i, env := range p.Requires {
		if err := slot.CheckName(env); err != nil {
			return err
		}
		if slices.Contains(p.Requires[:i], env) {
			return domain.Fail(domain.Invalid, "policy.requires_twice", "%s is required twice", env)
		}
	}
	switch {
	case len(p.Requires) > maxNames:
		return domain.Fail(domain.Invalid, "policy.many_names", "%s has %d entries, the limit is %d", "requires", len(p.Requires), maxNames)
	case p.Soak > 0 && len(p.Requires) == 0:
		return domain.Fail(domain.Invalid, "policy.soak", "say in which environments a version has to be live that long: requires is empty")
	case p.DataClass != "" && !slices.Contains(DataClasses, p.DataClass):
		return domain.Fail(domain.Invalid, "policy.data_class", "%q is no class of data: use public, internal, confidential or restricted", domain.Short(p.DataClass))
	case p.DebtHours < 0 || p.DebtHours > maxDebt:
		return domain.Fail(domain.Invalid, "policy.debt", "the hours to look at a break-glass are from 0 to %d, not %d", maxDebt, p.DebtHours)
	}
	for _, id := range p.NeverWaived {
		if !slices.ContainsFunc(p.Gates, func(g Gate) bool { return g.ID == id }) {
			return domain.Fail(domain.Invalid, "policy.never", "%q shall never be waived, but there is no such gate", domain.Short(strings.ToValidUTF8(id, "?")))
		}
	}
	return nil
}

func span(name string, d Duration) error {
	switch {
	case d < 0:
		return domain.Fail(domain.Invalid, "policy.negative", "%s cannot be negative", name)
	case d > maxDuration:
		return domain.Fail(domain.Invalid, "policy.too_long", "%s is longer than ten years", name)
	}
	return nil
}

// gateID is what names a gate: it stands in addresses, in waivers and in expressions.
var gateID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (p *Policy) checkGates() error {
	p.Gates = slices.Clone(p.Gates)
	for i := range p.Gates {
		g := &p.Gates[i]
		switch {
		case g.ID == "":
			return domain.Fail(domain.Invalid, "policy.gate_id_empty", "give gate number %d an id", i+1)
		case !gateID.MatchString(g.ID):
			return domain.Fail(domain.Invalid, "policy.gate_id", "%q cannot be the id of a gate: use at most 63 small letters, digits, - and _", domain.Short(strings.ToValidUTF8(g.ID, "?")))
		case slices.ContainsFunc(p.Gates[:i], func(o Gate) bool { return o.ID == g.ID }):
			return domain.Fail(domain.Invalid, "policy.gate_twice", "there are two gates %q", g.ID)
		}
		check, known := gateChecks[g.Kind]
		if !known {
			return domain.Fail(domain.Invalid, "policy.gate_kind", "gate %q has the unknown kind %q: use metric, card, scan, checks or cel", g.ID, domain.Short(strings.ToValidUTF8(string(g.Kind), "?")))
		}
		own, err := check(*g)
		if err != nil {
			return err
		}
		own.ID, own.Kind = g.ID, g.Kind
		if g.Kind != CELGate {
			own.TTL = g.TTL
		}
		if foreign := foreignField(*g, own); foreign != "" {
			return domain.Fail(domain.Invalid, "policy.gate_field", "gate %q is of kind %s, where %s means nothing: leave it out", g.ID, g.Kind, foreign)
		}
		if err := span("ttl", g.TTL); err != nil {
			return err
		}
		*g = own
	}
	return nil
}

// foreignField is the name of a field that g has and own, g with only what its kind knows, lacks.
func foreignField(g, own Gate) string {
	a, b := reflect.ValueOf(g), reflect.ValueOf(own)
	for i := range a.NumField() {
		if b.Field(i).IsZero() && !a.Field(i).IsZero() && (a.Field(i).Kind() != reflect.Slice || a.Field(i).Len() > 0) {
			name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}

// gateChecks say, of each kind, the fields that it knows, in good order.
var gateChecks = map[GateKind]func(g Gate) (Gate, error){
	MetricGate: func(g Gate) (Gate, error) {
		own := Gate{Metric: g.Metric, Dataset: g.Dataset, Op: g.Op, Limit: g.Limit, LiveMargin: g.LiveMargin}
		switch {
		case g.Metric == "":
			return own, domain.Fail(domain.Invalid, "policy.metric_name", "gate %q: say which metric", g.ID)
		case g.Op != ">=" && g.Op != "<=":
			return own, domain.Fail(domain.Invalid, "policy.metric_op", "gate %q: say with >= or <= in which direction better lies, not with %q", g.ID, domain.Short(strings.ToValidUTF8(g.Op, "?")))
		case g.Limit == nil && g.LiveMargin == nil:
			return own, domain.Fail(domain.Invalid, "policy.metric_nothing", "gate %q compares %s with nothing: give a limit, a margin to the live version, or both", g.ID, domain.Short(g.Metric))
		case g.Limit != nil && !stats.Finite(*g.Limit), g.LiveMargin != nil && !stats.Finite(*g.LiveMargin):
			return own, domain.Fail(domain.Invalid, "policy.metric_finite", "gate %q: limit and margin must be finite numbers", g.ID)
		case g.LiveMargin != nil && math.Signbit(*g.LiveMargin) && *g.LiveMargin != 0:
			return own, domain.Fail(domain.Invalid, "policy.metric_margin", "gate %q: the margin to the live version cannot be negative", g.ID)
		}
		return own, texts(g.ID, maxText, g.Metric, g.Dataset)
	},
	CardGate: func(g Gate) (Gate, error) {
		own := Gate{Sections: g.Sections, Licences: slices.Clone(g.Licences)}
		known := sections()
		for _, s := range g.Sections {
			if !slices.Contains(known, s) {
				return own, domain.Fail(domain.Invalid, "policy.section", "gate %q: a card has no section %q: use %s", g.ID, domain.Short(strings.ToValidUTF8(s, "?")), strings.Join(known, ", "))
			}
		}
		for i, l := range g.Licences {
			id, err := card.ParseLicence(l)
			if err != nil || id == "" || strings.ContainsAny(id, "()") || strings.Contains(id, " AND ") || strings.Contains(id, " OR ") {
				return own, domain.Fail(domain.Invalid, "policy.licence", "gate %q: %q is no licence of the SPDX list: name one at a time, such as Apache-2.0, or LicenseRef-Internal for one of your own", g.ID, domain.Short(strings.ToValidUTF8(l, "?")))
			}
			own.Licences[i] = id
		}
		return own, few(g.ID, "sections", g.Sections, "licences", g.Licences)
	},
	ScanGate: func(g Gate) (Gate, error) {
		if !slices.Contains(passable, scan.Verdict(g.Worst)) {
			return Gate{}, domain.Fail(domain.Invalid, "policy.scan", "gate %q: say the worst verdict of the scan that passes, clean, notice or inconclusive, not %q", g.ID, domain.Short(strings.ToValidUTF8(g.Worst, "?")))
		}
		return Gate{Worst: g.Worst}, nil
	},
	ChecksGate: func(g Gate) (Gate, error) {
		own := Gate{Checks: g.Checks}
		for i, name := range g.Checks {
			switch {
			case strings.TrimSpace(name) == "" || strings.TrimSpace(name) != name:
				return own, domain.Fail(domain.Invalid, "policy.check_empty", "gate %q: the name of a check is empty or begins or ends with a space", g.ID)
			case slices.Contains(g.Checks[:i], name):
				return own, domain.Fail(domain.Invalid, "policy.check_twice", "gate %q names the check %q twice", g.ID, domain.Short(name))
			}
		}
		if len(g.Checks) == 0 {
			return own, domain.Fail(domain.Invalid, "policy.check_none", "gate %q: say which checks must have succeeded", g.ID)
		}
		if err := few(g.ID, "checks", g.Checks); err != nil {
			return own, err
		}
		return own, texts(g.ID, maxText, g.Checks...)
	},
	CELGate: func(g Gate) (Gate, error) {
		own := Gate{Expr: g.Expr, Message: g.Message}
		if strings.TrimSpace(g.Expr) == "" {
			return own, domain.Fail(domain.Invalid, "policy.cel_empty", "gate %q: write the expression that has to be true", g.ID)
		}
		if _, err := compile(g.Expr); err != nil {
			wrong := celError{}
			if !errors.As(err, &wrong) {
				return own, err
			}
			return own, domain.Fail(domain.Invalid, "policy.cel", "gate %q: the expression is wrong at %d:%d: %s", g.ID, wrong.line, wrong.column, sentence(wrong.why))
		}
		return own, texts(g.ID, maxMessage, g.Message)
	},
}

// passable are the verdicts of a scan that a policy may let through.
var passable = []scan.Verdict{scan.Clean, scan.Notice, scan.Inconclusive}

// sections are the names of a card's sections.
func sections() (ids []string) {
	for _, s := range card.Completeness(card.Card{}, card.Facts{}).Sections {
		ids = append(ids, s.ID)
	}
	return ids
}

// few refuses long lists; they come by name and list in turn.
func few(gate string, lists ...any) error {
	for i := 0; i+1 < len(lists); i += 2 {
		name, _ := lists[i].(string)
		if list, _ := lists[i+1].([]string); len(list) > maxNames {
			return domain.Fail(domain.Invalid, "policy.gate_many", "gate %q: %s has %d entries, the limit is %d", gate, name, len(list), maxNames)
		}
	}
	return nil
}

// texts refuses what no page could show.
func texts(gate string, most int, all ...string) error {
	for _, s := range all {
		if !plain(s, most) {
			return domain.Fail(domain.Invalid, "policy.gate_text", "gate %q: %q has more than %d characters, or some that cannot be shown", gate, domain.Short(strings.ToValidUTF8(s, "?")), most)
		}
	}
	return nil
}

// plain reports whether s is a text of at most that many characters on one line.
func plain(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && strings.IndexFunc(s, unicode.IsControl) < 0
}

func (p *Policy) checkRules() error {
	for i, r := range p.Rules {
		at := i + 1
		if !plain(r.Name, maxText) {
			return domain.Fail(domain.Invalid, "policy.rule_name", "the name of rule number %d has more than %d characters, or some that cannot be shown", at, maxText)
		}
		if r.Count < 0 || r.Count > maxCount {
			return domain.Fail(domain.Invalid, "policy.rule_count", "rule number %d asks for %d approvals: a rule asks for 0 to %d", at, r.Count, maxCount)
		}
		if len(r.From.Roles)+len(r.From.Teams)+len(r.From.Users) == 0 {
			return domain.Fail(domain.Invalid, "policy.rule_nobody", "rule number %d names nobody who could approve: give roles, teams or people", at)
		}
		for _, role := range r.From.Roles {
			if _, err := access.ParseRole(string(role)); err != nil {
				return err
			}
			if !reviews(role) {
				return domain.Fail(domain.Invalid, "policy.rule_role", "rule number %d counts on the role %s, which may not review: use reviewer or admin", at, string(role))
			}
		}
		for _, ids := range [][]string{r.From.Teams, r.From.Users} {
			if len(ids) > maxNames {
				return domain.Fail(domain.Invalid, "policy.rule_many", "rule number %d names %d teams or people, the limit is %d: make a team of them", at, len(ids), maxNames)
			}
			for _, id := range ids {
				if id == "" || !plain(id, maxText) {
					return domain.Fail(domain.Invalid, "policy.rule_id", "rule number %d names a team or a person without a proper id", at)
				}
			}
		}
		for _, c := range r.Apart {
			if c != Trainer {
				return domain.Fail(domain.Invalid, "policy.rule_apart", "rule number %d keeps %q apart: only trainer can be; author and last editor never count", at, domain.Short(strings.ToValidUTF8(string(c), "?")))
			}
		}
	}
	return nil
}
