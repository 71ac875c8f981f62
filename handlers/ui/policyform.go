package ui

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	page "github.com/slipway-ml/slipway/web/page/environments"
)

// The form of a policy and the policy are the same thing in two shapes: formOf(p) are the values of the form that
// shows p, and (*policyForm).read makes p of them again.

// formOf are the values of the form that shows p, with rows to be filled. names are those of people, by their ids; zone
// is the time zone that a new freeze is offered.
func formOf(p promotion.Policy, names map[string]string, zone string) url.Values {
	f := policyForm{v: url.Values{}, counts: map[string]int{}}
	for _, r := range p.Rules {
		f.row("rule")
		f.set("count", strconv.Itoa(r.Count))
		f.set("name", r.Name)
		for _, role := range r.From.Roles {
			f.set("roles", string(role))
		}
		for _, id := range r.From.Teams {
			f.set("teams", id)
		}
		var people []string
		for _, id := range r.From.Users {
			people = append(people, cmp.Or(names[id], id))
		}
		f.set("people", strings.Join(people, ", "))
		for _, c := range r.Apart {
			f.set("apart", string(c))
		}
	}
	for _, g := range p.Gates {
		f.gate(g, p.Binds(g.ID))
	}
	for _, z := range p.Freezes {
		f.row("freeze")
		for name, value := range map[string]string{"name": z.Name, "from": z.From, "until": z.Until, "start": z.Start, "rrule": z.Rule, "long": hours(z.Long), "zone": z.Zone} {
			f.set(name, value)
		}
	}
	for _, name := range p.Requires {
		f.v.Add("requires", name)
	}
	for name, on := range map[string]bool{"final_reject": p.FinalReject, "supersede": p.Supersede, "auto_execute": p.AutoExecute} {
		if on {
			f.v.Add("options", name)
		}
	}
	f.v.Set("soak", hours(p.Soak))
	f.v.Set("ttl", spanIn(p.TTL, day))
	f.v.Set("data_class", p.DataClass)
	if p.BreakGlass {
		f.v.Set("break_glass", "1")
	}
	if p.DebtHours != 0 {
		f.v.Set("debt", strconv.Itoa(p.DebtHours))
	}
	for _, kind := range page.Kinds {
		n := f.counts[kind]
		for i := range page.Blank(kind) {
			if kind == "freeze" {
				f.v.Set(kind+"."+strconv.Itoa(n+i)+".zone", zone)
			}
		}
		f.v.Set(kind+"s", strconv.Itoa(n+page.Blank(kind)))
	}
	return f.v
}

const day = 24 * time.Hour

// hours is d in hours, as a form has it; "" for none.
func hours(d promotion.Duration) string { return spanIn(d, time.Hour) }

func spanIn(d promotion.Duration, unit time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d)/float64(unit.Milliseconds()), 'f', -1, 64)
}

// policyForm reads or writes the form of a policy.
type policyForm struct {
	say    func(key string, args ...any) string // in the reader's language
	v      url.Values
	counts map[string]int    // of rows, by their kind
	at     string            // the row that is read or written: "metric.2."
	ids    map[string]string // of people, by their names
	errors map[string]string // by the name of the field
	rows   map[string]string // where a part was read: "rule 1", "gate auc", "freeze Christmas" in "metric.2."
}

// row begins another row.
func (f *policyForm) row(kind string) {
	f.at = kind + "." + strconv.Itoa(f.counts[kind]) + "."
	f.counts[kind]++
	f.set("old", "1")
}

func (f *policyForm) set(field, value string) {
	if value != "" {
		f.v.Add(f.at+field, value)
	}
}

func (f *policyForm) gate(g promotion.Gate, never bool) {
	f.row(string(g.Kind))
	f.set("id", g.ID)
	f.set("ttl", hours(g.TTL))
	if never {
		f.set("never", "1")
	}
	switch g.Kind {
	case promotion.MetricGate:
		f.set("metric", g.Metric)
		f.set("dataset", g.Dataset)
		f.set("op", g.Op)
		for name, value := range map[string]*float64{"limit": g.Limit, "margin": g.LiveMargin} {
			if value != nil {
				f.set(name, exact(*value))
			}
		}
	case promotion.CardGate:
		f.set("want", map[bool]string{true: "all", false: "some"}[len(g.Sections) == 0])
		for _, s := range g.Sections {
			f.set("sections", s)
		}
		f.set("licences", strings.Join(g.Licences, ", "))
	case promotion.ScanGate:
		f.set("worst", g.Worst)
	case promotion.ChecksGate:
		f.set("checks", strings.Join(g.Checks, "\n"))
	case promotion.CELGate:
		f.set("expr", g.Expr)
		f.set("message", g.Message)
	}
}

// read is the policy that the form's values mean, as far as they can be read; what cannot is in f.errors. What old
// has keeps its order, so that a form that changes nothing gives the same policy.
func (f *policyForm) read(old promotion.Policy) (p promotion.Policy) {
	f.rows = map[string]string{}
	for _, kind := range page.Kinds {
		n, err := strconv.Atoi(f.v.Get(kind + "s"))
		if err != nil || n < 0 || n > page.MostRows {
			f.errors[kind+"s"] = f.say("env.form.bad_rows", page.MostRows)
			return p
		}
		for i := range n {
			f.at = kind + "." + strconv.Itoa(i) + "."
			if f.text("remove") != "" || f.blank() {
				continue
			}
			switch kind {
			case "rule":
				p.Rules = append(p.Rules, f.readRule())
				f.readAt("rule", strconv.Itoa(len(p.Rules)))
			case "freeze":
				p.Freezes = append(p.Freezes, promotion.Freeze{
					Name: f.text("name"), From: f.text("from"), Until: f.text("until"), Start: f.text("start"), Rule: f.text("rrule"), Long: f.span("long", time.Hour), Zone: f.text("zone"),
				})
				f.readAt("freeze", f.text("name"))
			default:
				g := f.readGate(promotion.GateKind(kind), p.Gates)
				f.readAt("gate", g.ID)
				if p.Gates = append(p.Gates, g); f.text("never") != "" {
					p.NeverWaived = append(p.NeverWaived, g.ID)
				}
			}
		}
	}
	var ids []string
	for _, g := range old.Gates {
		ids = append(ids, g.ID)
	}
	f.at = ""
	p.Requires = f.list("requires")
	slices.SortStableFunc(p.Gates, func(a, b promotion.Gate) int { return place(ids, a.ID) - place(ids, b.ID) })
	slices.SortStableFunc(p.NeverWaived, func(a, b string) int { return place(old.NeverWaived, a) - place(old.NeverWaived, b) })
	slices.SortStableFunc(p.Requires, func(a, b string) int { return place(old.Requires, a) - place(old.Requires, b) })
	p.Soak, p.TTL = f.span("soak", time.Hour), f.span("ttl", day)
	p.DataClass = f.text("data_class")
	options := f.v["options"]
	p.FinalReject, p.Supersede, p.AutoExecute = slices.Contains(options, "final_reject"), slices.Contains(options, "supersede"), slices.Contains(options, "auto_execute")
	p.BreakGlass, p.DebtHours = f.text("break_glass") != "", f.whole("debt")
	return p
}

// readAt notes the row from which a part of the policy was read, by what errors call it.
func (f *policyForm) readAt(what, name string) {
	f.rows[what+" "+domain.Short(strings.ToValidUTF8(name, "?"))] = f.at
}

// wrongFields are the fields that errors of a policy are about, by their keys below "policy.".
var wrongFields = map[string]string{
	"gate_id": "id", "gate_twice": "id", "metric_name": "metric", "metric_op": "op", "metric_nothing": "limit", "metric_finite": "limit", "metric_margin": "margin",
	"section": "sections", "licence": "licences", "scan": "worst", "check_empty": "checks", "check_twice": "checks", "check_none": "checks", "cel_empty": "expr", "cel": "expr",
	"rule_name": "name", "rule_count": "count", "rule_nobody": "roles", "rule_role": "roles", "rule_many": "people", "rule_id": "people", "rule_apart": "apart",
	"freeze_name": "name", "freeze_zone": "zone", "freeze_form": "from", "freeze_order": "until", "freeze_length": "long", "freeze_rule": "rrule", "freeze_never": "rrule",
	"requires_twice": "requires", "many_names": "requires", "soak": "requires", "data_class": "data_class", "debt": "debt",
}

// blame names the field of the form that an error of the policy is about.
func (f *policyForm) blame(err error) (string, bool) {
	e := domain.As(err)
	if e == nil || f.rows == nil { // JSON has no fields
		return "", false
	}
	about, ok := strings.CutPrefix(e.Key, "policy.")
	field := wrongFields[about]
	if about == "freeze_time" && len(e.Args) > 1 {
		field = fmt.Sprint(e.Args[1])
	}
	if !ok || field == "" {
		return "", false
	}
	what, _, part := strings.Cut(about, "_")
	switch {
	case slices.Contains([]string{"requires", "data_class", "debt"}, field):
		return field, true
	case !part || what != "rule" && what != "freeze":
		what = "gate"
	}
	at, ok := f.rows[what+" "+fmt.Sprint(e.Args[0])]
	return at + field, ok
}

// place is where s stands in all, behind them if it does not.
func place(all []string, s string) int {
	if i := slices.Index(all, s); i >= 0 {
		return i
	}
	return len(all)
}

// blank reports whether nothing was typed into a row.
func (f *policyForm) blank() bool {
	for name, values := range f.v {
		field, mine := strings.CutPrefix(name, f.at)
		if mine && !slices.Contains([]string{"op", "zone", "old"}, field) && slices.ContainsFunc(values, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			return false
		}
	}
	return true
}

func (f *policyForm) readRule() promotion.Rule {
	r := promotion.Rule{Name: f.text("name"), Count: f.whole("count")}
	if f.text("count") == "" {
		f.wrong("count", "env.form.bad_count")
	}
	for _, role := range f.list("roles") {
		r.From.Roles = append(r.From.Roles, access.Role(role))
	}
	r.From.Teams = f.list("teams")
	for _, name := range parts(f.text("people"), ",\n") {
		id, known := f.ids[name]
		if !known {
			id, known = f.ids[strings.ToLower(name)]
		}
		if !known {
			f.wrong("people", "env.form.bad_person", domain.Short(name))
		}
		r.From.Users = append(r.From.Users, id)
	}
	for _, c := range f.list("apart") {
		r.Apart = append(r.Apart, promotion.Connected(c))
	}
	return r
}

func (f *policyForm) readGate(kind promotion.GateKind, before []promotion.Gate) promotion.Gate {
	g := promotion.Gate{ID: f.text("id"), Kind: kind, TTL: f.span("ttl", time.Hour)}
	for n := 1; g.ID == ""; n++ { // one that was given no id is called after its kind
		id := string(kind)
		if n > 1 {
			id += "-" + strconv.Itoa(n)
		}
		if !slices.ContainsFunc(before, func(o promotion.Gate) bool { return o.ID == id }) {
			g.ID = id
		}
	}
	switch kind {
	case promotion.MetricGate:
		g.Metric, g.Dataset, g.Op, g.Limit, g.LiveMargin = f.text("metric"), f.text("dataset"), f.text("op"), f.number("limit"), f.number("margin")
	case promotion.CardGate:
		if g.Licences = parts(f.text("licences"), ",\n"); f.text("want") == "some" {
			if g.Sections = f.list("sections"); len(g.Sections) == 0 {
				f.wrong("want", "env.form.bad_sections")
			}
		}
	case promotion.ScanGate:
		g.Worst = f.text("worst")
	case promotion.ChecksGate:
		g.Checks = parts(f.text("checks"), "\n")
	case promotion.CELGate:
		g.Expr, g.Message = f.text("expr"), f.text("message")
	}
	return g
}

func (f *policyForm) text(field string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.v.Get(f.at+field), "\r\n", "\n"))
}

// list are the values of a field that may have several.
func (f *policyForm) list(field string) (all []string) {
	for _, s := range f.v[f.at+field] {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// parts are what stands between separators, without what is empty.
func parts(text, separators string) (all []string) {
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

func (f *policyForm) wrong(field, key string, args ...any) {
	f.errors[f.at+field] = f.say(key, args...)
}

// number reads a number, with a point or a comma; nil where nothing stands.
func (f *policyForm) number(field string) *float64 {
	text := f.text(field)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		f.wrong(field, "env.form.bad_number", domain.Short(text))
		return nil
	}
	return &n
}

func (f *policyForm) whole(field string) int {
	text := f.text(field)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.wrong(field, "env.form.bad_whole", domain.Short(text))
	}
	return n
}

func (f *policyForm) span(field string, unit time.Duration) promotion.Duration {
	n := f.number(field)
	if n == nil {
		return 0
	}
	const most = 1e6 // of any unit: far beyond what a policy may ask for
	if *n < 0 || *n > most {
		f.wrong(field, "env.form.bad_span")
		return 0
	}
	return promotion.Duration(math.Round(*n * float64(unit.Milliseconds())))
}
