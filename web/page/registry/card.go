package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
)

// CardTab is the card of a version with what was measured in it.
type CardTab struct {
	Card     card.Card
	Complete card.Complete
	Version  int64 // whose card it is
	Revision int64 // 0 = there is none
	Saved    time.Time
	SavedBy  string
	Overdue  bool // the day of the next review has passed

	Text     string // of a README that was not taken
	Error    string
	Warnings []string // of one that was
}

// CardEdit is the form of a card, at /models/:name/versions/:version/card/edit.
type CardEdit struct {
	Model    string
	Number   int64
	On       string            // the revision that the form began from
	Values   map[string]string // as card.Form writes them
	Recorded map[string]string // what is in a list already, from the run and the version
	Errors   map[string]string // of fields
	Error    string            // of the whole
}

func (v CardEdit) path() string { return VersionPath(v.Model, v.Number) }

func (v CardEdit) crumbs(ctx context.Context) []layout.Crumb {
	n := i18n.T(ctx, "registry.version_n", strconv.FormatInt(v.Number, 10))
	return []layout.Crumb{
		{Label: i18n.T(ctx, "nav.registry"), Path: "/models"}, {Label: v.Model, Path: Path(v.Model)}, {Label: n, Path: v.path()}, {Label: i18n.T(ctx, "card.title")},
	}
}

// shape is how a field of a card is written.
type shape int

const (
	line  shape = iota
	text        // Markdown
	lines       // a list
	choice
)

type cardField struct {
	name  string // as in card.Form
	shape shape
	help  bool // the words have an explanation of it
}

type cardSection struct {
	id     string
	fields []cardField
}

// cardSections are the fields of a card in the order in which they are read.
var cardSections = []cardSection{
	{"overview", []cardField{{"kind", choice, false}, {"status", choice, false}, {"owner", line, true}, {"contacts", lines, true}, {"summary", text, true}, {"tags", lines, false}}},
	{"use", []cardField{{"intended_use", text, true}, {"users", text, true}, {"out_of_scope_use", text, true}, {"foreseeable_misuse", text, true}}},
	{"interface", []cardField{{"inputs", lines, false}, {"outputs", lines, false}}},
	{"model", []cardField{
		{"base_models", lines, true},
		{"base_relation", choice, false},
		{"architecture", line, true},
		{"task", line, true},
		{"library.name", line, false},
		{"library.version", line, false},
		{"languages", lines, true},
	}},
	{"data", []cardField{{"datasets", lines, true}}},
	{"performance", []cardField{{"metrics", lines, true}}},
	{"limitations", []cardField{{"limitations", text, true}, {"tradeoffs", text, true}}},
	{"fairness", []cardField{{"fairness", lines, true}, {"ethical_risks", lines, false}}},
	{"environment", []cardField{
		{"environment.energy_kwh", line, false},
		{"environment.co2e_kg", line, false},
		{"environment.hours", line, false},
		{"environment.hardware", line, false},
		{"environment.region", line, false},
		{"environment.source", line, false},
	}},
	{"oversight", []cardField{{"human_oversight", text, true}, {"instructions", text, true}}},
	{"operation", []cardField{{"logging", text, true}, {"security", text, true}}},
	{"licence", []cardField{{"licence.weights", line, true}, {"licence.code", line, false}, {"licence.data", line, false}, {"licence.url", line, false}}},
	{"risk", []cardField{{"risk_class", choice, false}, {"risk_rationale", text, true}, {"review_date", line, true}}},
	{"text", []cardField{{"text", text, true}}},
}

// entries are the words' names of what a list holds.
var entries = map[string]string{
	"contacts": "contact", "inputs": "port", "outputs": "port", "base_models": "base_model", "datasets": "dataset", "metrics": "metric", "fairness": "fairness", "ethical_risks": "ethical_risk",
}

func (f cardField) label(ctx context.Context) string { return i18n.T(ctx, "card.field."+f.name) }

func (f cardField) columns(ctx context.Context) (out []string) {
	for _, name := range card.Columns(f.name) {
		out = append(out, i18n.T(ctx, "card.field."+entries[f.name]+"."+name))
	}
	return out
}

func (f cardField) helpText(ctx context.Context) string {
	var out []string
	if f.help {
		out = append(out, i18n.T(ctx, "card.field."+f.name+".help"))
	}
	switch {
	case len(card.Columns(f.name)) > 0:
		out = append(out, i18n.T(ctx, "card.lines", strings.Join(f.columns(ctx), " | ")))
	case f.shape == lines:
		out = append(out, i18n.T(ctx, "card.words"))
	}
	return strings.Join(out, " ")
}

func (f cardField) props(ctx context.Context, v CardEdit) component.FieldProps {
	p := component.FieldProps{Name: f.name, Label: f.label(ctx), Help: f.helpText(ctx), Value: v.Values[f.name], Error: v.Errors[f.name]}
	switch f.shape {
	case text:
		p.Rows = 4
	case lines:
		p.Rows = 3
	case line, choice:
	}
	if recorded := v.Recorded[f.name]; recorded != "" {
		p.Help = strings.TrimSpace(p.Help + " " + i18n.T(ctx, "card.recorded", recorded))
	}
	return p
}

// choiceWord is a value of a choice in the reader's language.
func choiceWord(ctx context.Context, field, value string) string {
	if value == "" {
		value = "none"
	}
	switch field {
	case "kind":
		return i18n.T(ctx, "card.kind."+value)
	case "status":
		return i18n.T(ctx, "card.status."+value)
	case "base_relation":
		return i18n.T(ctx, "card.relation."+value)
	}
	return i18n.T(ctx, "card.risk."+value)
}

var choices = map[string][]string{
	"kind":          {"", string(card.Predictive), string(card.Generative), string(card.Agent), string(card.OtherKind)},
	"status":        {string(card.Draft), string(card.InReview), string(card.Approved), string(card.Archived)},
	"base_relation": {"", string(card.Finetune), string(card.Adapter), string(card.Quantized), string(card.Merge)},
	"risk_class":    {"", string(card.Minimal), string(card.Transparency), string(card.HighRisk), string(card.Prohibited)},
}

func (f cardField) options(ctx context.Context, chosen string) (out []component.Option) {
	for _, value := range choices[f.name] {
		out = append(out, component.Option{Value: value, Label: choiceWord(ctx, f.name, value), Selected: value == chosen})
	}
	return out
}

// Refuse puts the faults of the fields that err tells beside these fields.
func (v *CardEdit) Refuse(ctx context.Context, err error, said string) {
	v.Error, v.Errors = said, map[string]string{}
	e := domain.As(err)
	if e == nil {
		return
	}
	faults := i18n.Fields(ctx, e)
	var paths []string
	for path := range faults {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		field, rest, listed := strings.Cut(path, "[")
		fault := faults[path]
		if n, part, _ := strings.Cut(rest, "]"); listed {
			if i, err := strconv.Atoi(n); err == nil {
				n = strconv.Itoa(i + 1)
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(part, "."), "[")
			if slices.Contains(card.Columns(field), name) {
				fault = i18n.T(ctx, "card.field."+entries[field]+"."+name) + ": " + fault
			}
			fault = i18n.T(ctx, "card.line", n) + " " + fault
		}
		v.Errors[field] = strings.TrimSpace(v.Errors[field] + " " + fault)
	}
	if len(paths) > 0 {
		v.Error = i18n.T(ctx, "error.card.form")
	}
}

// shown is a part of a section that says something.
type shown struct {
	cardField
	value    string
	rows     [][]string
	measured []bool
}

// says reports whether some row of a list has something in a column.
func (x shown) says(column int) bool {
	return slices.ContainsFunc(x.rows, func(row []string) bool { return row[column] != "" })
}

func (t CardTab) section(s cardSection) (out []shown) {
	form := t.Card.Form()
	for _, f := range s.fields {
		x := shown{cardField: f, value: form[f.name]}
		if f.shape == lines {
			x.rows, x.measured = t.Card.Table(f.name)
		}
		if x.value != "" {
			out = append(out, x)
		}
	}
	return out
}

func (t CardTab) state(id string) (s card.Section, known bool) {
	for _, s := range t.Complete.Sections {
		if s.ID == id {
			return s, true
		}
	}
	return s, false
}

// sayMissing names the fields that a section lacks.
func sayMissing(ctx context.Context, s card.Section) string {
	var names []string
	for _, field := range s.Missing {
		names = append(names, i18n.T(ctx, "card.field."+field))
	}
	return i18n.T(ctx, "card.missing", strings.Join(names, ", "))
}

func stateTone(s card.State) (component.Tone, string) {
	switch s {
	case card.Filled:
		return component.OK, "circle-check"
	case card.Missing:
		return component.Warn, "triangle-alert"
	case card.NotRequired:
	}
	return component.Neutral, "circle-dashed"
}

// CardMark names the revision that a change of a card begins from, for a form.
func CardMark(version, revision int64) string {
	return strconv.FormatInt(version, 10) + "." + strconv.FormatInt(revision, 10)
}

func words(rows [][]string) (out []string) {
	for _, row := range rows {
		out = append(out, row...)
	}
	return out
}
