package environments

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
)

// MostRows is the most rows of a kind that the form may have.
const MostRows = 100

// Kinds are the kinds of rows of the form: rules of approval, gates, freezes.
var Kinds = []string{"rule", "metric", "card", "scan", "checks", "cel", "freeze"}

var gateKinds = Kinds[1 : len(Kinds)-1]

// Blank is how many empty rows of a kind the form offers.
func Blank(kind string) int {
	if kind == "card" || kind == "scan" {
		return 1
	}
	return 2
}

// row is one row of the form.
type row struct {
	v     EditView
	kind  string
	n     int
	empty bool // to be filled
}

func (v EditView) rows(kind string) (all []row) {
	n, _ := strconv.Atoi(v.Values.Get(kind + "s"))
	for i := range min(n, MostRows) {
		r := row{v: v, kind: kind, n: i}
		r.empty = v.Values.Get(r.name("old")) == ""
		all = append(all, r)
	}
	return all
}

// name is the name of one of r's fields.
func (r row) name(field string) string { return r.kind + "." + strconv.Itoa(r.n) + "." + field }

// touched reports whether something was typed into an empty row.
func (r row) touched() bool {
	for name, values := range r.v.Values {
		field, mine := strings.CutPrefix(name, r.name(""))
		if mine && field != "op" && field != "zone" && field != "old" && slices.ContainsFunc(values, func(s string) bool { return s != "" }) {
			return true
		}
	}
	return false
}

// title is what r is called aloud.
func (r row) title(ctx context.Context) string {
	return i18n.T(ctx, "env.row."+r.kind) + " " + strconv.Itoa(r.n+1)
}

// wrong are the fields with an error, in the order of the form.
func (v EditView) wrong() []string {
	kind := func(name string) int {
		of, _, row := strings.Cut(name, ".")
		if !row {
			return len(Kinds)
		}
		return slices.Index(Kinds, of)
	}
	return slices.SortedFunc(maps.Keys(v.Errors), func(a, b string) int { return cmp.Or(cmp.Compare(kind(a), kind(b)), strings.Compare(a, b)) })
}

// text is a field of r for a line of text; its label is the word for it.
func (r row) text(label, field string) component.FieldProps {
	return r.v.text(label, r.name(field))
}

func (v EditView) text(label, name string) component.FieldProps {
	return component.FieldProps{Name: name, Label: label, Value: v.Values.Get(name), Error: v.Errors[name]}
}

func helped(p component.FieldProps, help string) component.FieldProps {
	p.Help = help
	return p
}

func typed(p component.FieldProps, as string) component.FieldProps {
	p.Type = as
	return p
}

func tall(p component.FieldProps, rows int) component.FieldProps {
	p.Rows = rows
	return p
}

// boxes are those of a field, ticked as its values say.
func (v EditView) boxes(name string, all ...component.Check) []component.Check {
	for i := range all {
		all[i].Checked = slices.Contains(v.Values[name], all[i].Value)
	}
	return all
}

// choice is a field of one among a few; options come by value and label in turn.
func (v EditView) choice(label, name string, options ...string) component.SelectProps {
	p := component.SelectProps{Name: name, Label: label, Error: v.Errors[name]}
	for i := 0; i+1 < len(options); i += 2 {
		p.Options = append(p.Options, component.Option{Value: options[i], Label: options[i+1], Selected: v.Values.Get(name) == options[i]})
	}
	return p
}

func (r row) roles(ctx context.Context) []component.Check {
	var all []component.Check
	for _, role := range []access.Role{access.Reviewer, access.Admin} { // the others may not review
		all = append(all, component.Check{Value: string(role), Label: i18n.T(ctx, "role."+string(role))})
	}
	return r.v.boxes(r.name("roles"), all...)
}

// teams are the teams, and those that a rule names though they are gone.
func (r row) teams() []component.Check {
	var all []component.Check
	for _, t := range r.v.Teams {
		all = append(all, component.Check{Value: t.ID, Label: t.Name})
	}
	for _, id := range r.v.Values[r.name("teams")] {
		if id != "" && !slices.ContainsFunc(all, func(c component.Check) bool { return c.Value == id }) {
			all = append(all, component.Check{Value: id, Label: id})
		}
	}
	return r.v.boxes(r.name("teams"), all...)
}

func (r row) sections(ctx context.Context) []component.Check {
	var all []component.Check
	for _, s := range card.Completeness(card.Card{}, card.Facts{}).Sections {
		all = append(all, component.Check{Value: s.ID, Label: i18n.T(ctx, "card.section."+s.ID)})
	}
	return r.v.boxes(r.name("sections"), all...)
}

// worst is the choice of the worst verdict of a scan; a row that is there already does without "none".
func (r row) worst(ctx context.Context) component.SelectProps {
	options := []string{
		"clean", i18n.T(ctx, "env.gate.scan.clean"), "notice", i18n.T(ctx, "env.gate.scan.notice"), "inconclusive", i18n.T(ctx, "env.gate.scan.inconclusive"),
	}
	if r.empty {
		options = append([]string{"", i18n.T(ctx, "env.form.no")}, options...)
	}
	return r.v.choice(i18n.T(ctx, "env.form.worst"), r.name("worst"), options...)
}

func (r row) wants(ctx context.Context) component.SelectProps {
	options := []string{"all", i18n.T(ctx, "env.form.card_all"), "some", i18n.T(ctx, "env.form.card_some")}
	if r.empty {
		options = append([]string{"", i18n.T(ctx, "env.form.no")}, options...)
	}
	return r.v.choice(i18n.T(ctx, "env.form.card_want"), r.name("want"), options...)
}

func (v EditView) required(name string) []component.Check {
	var all []component.Check
	for _, other := range v.Others {
		all = append(all, component.Check{Value: other, Label: other})
	}
	return v.boxes(name, all...)
}

func (v EditView) options(ctx context.Context) []component.Check {
	var all []component.Check
	for _, o := range []string{"final_reject", "supersede", "auto_execute"} {
		all = append(all, component.Check{Value: o, Label: i18n.T(ctx, "env.says."+o)})
	}
	return v.boxes("options", all...)
}

func (v EditView) dataClasses(ctx context.Context) component.SelectProps {
	options := []string{"", i18n.T(ctx, "env.form.unsaid")}
	for _, c := range promotion.DataClasses {
		options = append(options, c, i18n.T(ctx, "env.data."+c))
	}
	return v.choice(i18n.T(ctx, "env.data_class"), "data_class", options...)
}

func (v EditView) crumbs(ctx context.Context) []layout.Crumb {
	return []layout.Crumb{{Label: i18n.T(ctx, "nav.environments"), Path: "/environments"}, {Label: v.Name, Path: Path(v.Name)}, {Label: v.title(ctx)}}
}

func (v EditView) tabs(ctx context.Context) []component.Tab {
	return []component.Tab{
		{Label: i18n.T(ctx, "env.form.form"), URL: Path(v.Name) + "/edit", Current: !v.JSON},
		{Label: i18n.T(ctx, "env.form.json"), URL: Path(v.Name) + "/edit?as=json", Current: v.JSON},
	}
}
