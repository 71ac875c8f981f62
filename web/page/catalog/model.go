package catalog

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ModelView is the page of one model.
type ModelView struct {
	Model       catalog.Model
	Row         catalog.Row
	Told        []catalog.Told
	Alike       []catalog.Row
	Changes     []catalog.Change
	Uses        []catalog.UseCase
	Choices     []catalog.Choice
	Names       map[string]string // of people
	SourceNames map[string]string
	Replacement catalog.Key
	Runs        []catalog.Caller // of ours that call it
	Work        Work
	Typed       ChoiceForm
	CanWrite    bool
}

// ChoiceForm is a choice as somebody typed it, and what is wrong with it.
type ChoiceForm struct {
	catalog.Choice

	Error string
}

// formOf is the form of c: as it is or, after an error, as it was typed.
func (f ChoiceForm) formOf(c catalog.Choice) ChoiceForm {
	if f.Error != "" && f.Key == c.Key {
		return f
	}
	return ChoiceForm{Choice: c}
}

// Work is the workload as the reader typed it.
type Work struct {
	Requests, Input, Output, Cached, Tier string

	Load  catalog.Workload
	Wrong bool
}

// ParseWorkload reads a workload from an address; where there is none it is one that many have.
func ParseWorkload(q url.Values) Work {
	w := Work{Requests: q.Get("requests"), Input: q.Get("tokens_in"), Output: q.Get("tokens_out"), Cached: q.Get("cached"), Tier: q.Get("tier")}
	if !q.Has("requests") {
		w.Requests, w.Input, w.Output, w.Cached = "100k", "1000", "300", "0"
	}
	number := func(text string) int64 {
		if text == "" {
			return 0
		}
		n, ok := ParseTokens(text)
		w.Wrong = w.Wrong || !ok
		return n
	}
	w.Load = catalog.Workload{Requests: number(w.Requests), Input: number(w.Input), Output: number(w.Output), CachedPercent: number(w.Cached), Tier: w.Tier}
	if !slices.Contains(catalog.Tiers, w.Tier) {
		w.Load.Tier = ""
	}
	w.Wrong = w.Wrong || !w.Load.Valid()
	return w
}

// priceRow is one price in words.
type priceRow struct{ what, amount, note string }

// prices lists all prices of f, those for tokens as prices for a million.
func prices(ctx context.Context, f catalog.Facts) (out []priceRow) {
	for _, p := range f.Prices {
		row := priceRow{what: i18n.T(ctx, "catalog.price."+p.Kind)}
		if p.Unit == "" {
			row.amount = PerMillion(ctx, p.Amount)
		} else {
			row.amount = dollars(ctx, catalog.Dollars(p.Amount)) + " " + i18n.T(ctx, "catalog.unit."+p.Unit)
		}
		var notes []string
		if p.Tier != "" {
			notes = append(notes, i18n.T(ctx, "catalog.tier."+p.Tier))
		}
		if p.Over > 0 {
			notes = append(notes, i18n.T(ctx, "catalog.over", Tokens(ctx, p.Over)))
		}
		row.note = strings.Join(notes, ", ")
		out = append(out, row)
	}
	return out
}

// fact is one thing that is known of a model, where from, and who says otherwise.
type fact struct {
	label, text, from string
	against           []said
}

type said struct{ source, text string }

// facts lists what is believed, with the sources.
func (v ModelView) facts(ctx context.Context) (out []fact) {
	for _, name := range catalog.Fields {
		text := factText(ctx, name, v.Model.Merged.Facts)
		if text == "" {
			continue
		}
		f := fact{label: i18n.T(ctx, "catalog.field."+name), text: text, from: v.SourceNames[v.Model.Merged.From[name]]}
		for _, id := range v.Model.Merged.Against[name] {
			for _, t := range v.Told {
				if t.Source.ID == id {
					f.against = append(f.against, said{t.Source.Name, factText(ctx, name, t.Facts)})
				}
			}
		}
		out = append(out, f)
	}
	return out
}

// factText is a fact in words, "" where it is not known.
func factText(ctx context.Context, name catalog.Field, f catalog.Facts) string {
	count := func(n int64) string {
		if n == 0 {
			return ""
		}
		return format.Count(ctx, n)
	}
	words := func(prefix string, all []string) string {
		out := make([]string, len(all))
		for i, s := range all {
			out[i] = i18n.T(ctx, prefix+s)
		}
		return strings.Join(out, ", ")
	}
	switch name {
	case "name":
		return f.Name
	case "family":
		return f.Family
	case "mode":
		return words("catalog.kind.", one(f.Mode))
	case "inputs":
		return words("catalog.input.", f.Inputs)
	case "outputs":
		return words("catalog.input.", f.Outputs)
	case "context":
		return count(f.Context)
	case "max_input":
		return count(f.MaxInput)
	case "max_output":
		return count(f.MaxOutput)
	case "prices":
		var all []string
		for _, p := range prices(ctx, f) {
			s := p.what + " " + p.amount
			if p.note != "" {
				s += " (" + p.note + ")"
			}
			all = append(all, s)
		}
		return strings.Join(all, " · ")
	case "licence":
		return f.Licence
	case "open_weights":
		if f.OpenWeights == nil {
			return ""
		}
		return yes(ctx, *f.OpenWeights)
	case "parameters":
		return count(f.Parameters)
	case "quantization":
		return f.Quantization
	case "capabilities":
		var all []string
		for _, c := range catalog.Capabilities {
			if has, known := f.Capabilities[c]; known && has {
				all = append(all, i18n.T(ctx, "catalog.can."+c))
			} else if known {
				all = append(all, i18n.T(ctx, "catalog.cannot", i18n.T(ctx, "catalog.can."+c)))
			}
		}
		return strings.Join(all, ", ")
	case "regions":
		return strings.Join(f.Regions, ", ")
	case "cutoff":
		return f.Cutoff
	case "released":
		return Day(ctx, f.Released)
	case "deprecated":
		return Day(ctx, f.Deprecated)
	case "replacement":
		return f.Replacement
	case "status":
		return words("catalog.state.", one(stateOf(f.Status)))
	case "benchmarks":
		var all []string
		for _, b := range f.Benchmarks {
			s := b.Name + " " + format.Number(ctx, b.Score)
			if b.Source != "" || b.Date != "" {
				s += " (" + strings.Trim(b.Source+", "+b.Date, ", ") + ")"
			}
			all = append(all, s)
		}
		return strings.Join(all, " · ")
	}
	return "" // links have their own place
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func yes(ctx context.Context, is bool) string {
	if is {
		return i18n.T(ctx, "catalog.yes")
	}
	return i18n.T(ctx, "catalog.no")
}

// changeText says what changed, before and after.
func changeText(ctx context.Context, c catalog.Change) (before, after string) {
	read := func(text string) string {
		if text == "" {
			return ""
		}
		var f catalog.Facts
		if json.Unmarshal([]byte(`{"`+c.Field+`":`+text+`}`), &f) != nil {
			return ""
		}
		return factText(ctx, c.Field, f)
	}
	if c.Field == "" {
		return "", ""
	}
	return read(c.Before), read(c.After)
}

// inputPrice says by how much the price of a token of input changed, in percent, and which way; "" where that is not told.
func inputPrice(ctx context.Context, c catalog.Change) (text string, up bool) {
	if c.Kind != catalog.Priced || c.Before == "" || c.After == "" {
		return "", false
	}
	price := func(text string) (int64, bool) {
		var f catalog.Facts
		if json.Unmarshal([]byte(`{"prices":`+text+`}`), &f) != nil {
			return 0, false
		}
		return f.Price("input")
	}
	a, okA := price(c.Before)
	b, okB := price(c.After)
	if !okA || !okB || a == 0 || a == b {
		return "", false
	}
	const hundred = 100
	percent := float64(b-a) / float64(a) * hundred
	sign := "+"
	if percent < 0 {
		sign = "−"
		percent = -percent
	}
	return sign + comma(ctx, strconv.FormatFloat(percent, 'f', 0, 64)) + "%", b > a
}

func changeTone(k catalog.ChangeKind) (component.Tone, string) {
	switch k {
	case catalog.Removed:
		return component.Danger, "circle-x"
	case catalog.Deprecated:
		return component.Warn, "clock"
	case catalog.Priced:
		return component.Info, "arrow-up-down"
	case catalog.New, catalog.Returned:
		return component.OK, "plus"
	default:
		return component.Neutral, "pencil"
	}
}

// ChangesView is the page of what changed.
type ChangesView struct {
	Kind        string
	Below, Next string
	Changes     []catalog.Change
	Retiring    []catalog.Row
	Choices     map[catalog.Key]string
	SourceNames map[string]string
}

func changesPath(kind, below string) string {
	q := url.Values{}
	if kind != "" {
		q.Set("kind", kind)
	}
	if below != "" {
		q.Set("below", below)
	}
	if len(q) == 0 {
		return "/catalog/changes"
	}
	return "/catalog/changes?" + q.Encode()
}

// CompareView is models side by side.
type CompareView struct {
	Models []Compared
	Work   Work
}

// Compared is one of them.
type Compared struct {
	Model  catalog.Model
	Row    catalog.Row
	Choice string
}

// compareRow is one line of the comparison; best is the column that is best, -1 for none.
type compareRow struct {
	label string
	cells []string
	best  []bool
	same  bool
}

// rows are the lines of the comparison. The best of a number is marked where it is one-sided: more context, a lower price.
func (v CompareView) rows(ctx context.Context) (out []compareRow) {
	text := func(label string, of func(c Compared) string) {
		r := compareRow{label: label, best: make([]bool, len(v.Models)), same: true}
		for _, c := range v.Models {
			s := of(c)
			if s == "" {
				s = format.Missing
			}
			r.cells = append(r.cells, s)
			r.same = r.same && s == r.cells[0]
		}
		out = append(out, r)
	}
	number := func(label string, low bool, of func(c Compared) int64, show func(int64) string) {
		text(label, func(c Compared) string { return show(of(c)) })
		r := &out[len(out)-1]
		best, found := int64(0), false
		for _, c := range v.Models {
			if x := of(c); x >= 0 && (x > 0 || low) && (!found || low && x < best || !low && x > best) {
				best, found = x, true
			}
		}
		for i, c := range v.Models {
			r.best[i] = found && !r.same && of(c) == best
		}
	}
	money := func(n int64) string { return PerMillion(ctx, n) }
	cost := func(c Compared) int64 {
		if amount, ok := c.Model.Merged.Facts.Cost(v.Work.Load); ok && !v.Work.Wrong {
			return amount
		}
		return -1
	}
	text(i18n.T(ctx, "catalog.field.mode"), func(c Compared) string { return factText(ctx, "mode", c.Model.Merged.Facts) })
	number(i18n.T(ctx, "catalog.context"), false, func(c Compared) int64 { return c.Row.Context }, func(n int64) string { return Tokens(ctx, n) })
	number(i18n.T(ctx, "catalog.field.max_output"), false, func(c Compared) int64 { return c.Row.MaxOutput }, func(n int64) string { return Tokens(ctx, n) })
	number(i18n.T(ctx, "catalog.in_million"), true, func(c Compared) int64 { return c.Row.Input }, money)
	number(i18n.T(ctx, "catalog.out_million"), true, func(c Compared) int64 { return c.Row.Output }, money)
	number(i18n.T(ctx, "catalog.cost_month"), true, cost, func(n int64) string {
		if n < 0 {
			return format.Missing
		}
		return Micro(ctx, n)
	})
	for _, can := range catalog.Capabilities {
		text(i18n.T(ctx, "catalog.can."+can), func(c Compared) string {
			has, known := c.Model.Merged.Facts.Capabilities[can]
			if !known {
				return ""
			}
			return yes(ctx, has)
		})
	}
	for _, name := range []string{"inputs", "outputs", "regions", "licence", "open_weights", "parameters", "cutoff", "released", "deprecated", "benchmarks"} {
		text(i18n.T(ctx, "catalog.field."+name), func(c Compared) string { return factText(ctx, name, c.Model.Merged.Facts) })
	}
	text(i18n.T(ctx, "catalog.facet.choice"), func(c Compared) string {
		if c.Choice == "" {
			return ""
		}
		return i18n.T(ctx, "catalog.choice."+c.Choice)
	})
	kept := out[:0]
	for _, r := range out { // what no source knows of any of them is left out
		if !r.same || r.cells[0] != format.Missing {
			kept = append(kept, r)
		}
	}
	return kept
}

// without is the address of the comparison without one model.
func (v CompareView) without(k catalog.Key) string {
	q := url.Values{}
	for _, c := range v.Models {
		if c.Model.Key != k {
			q.Add("m", c.Model.Key.String())
		}
	}
	return "/catalog/compare?" + q.Encode()
}

func first[T any](all []T, most int) []T { return all[:min(len(all), most)] }

func indented(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(raw)
	}
	return string(out)
}

func links(f catalog.Facts) (out []component.Pair) {
	for k, v := range f.Links {
		out = append(out, component.Pair{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b component.Pair) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func tiers(ctx context.Context, chosen string) (out []component.Option) {
	for _, t := range catalog.Tiers {
		label := i18n.T(ctx, "catalog.tier.on_demand")
		if t != "" {
			label = i18n.T(ctx, "catalog.tier."+t)
		}
		out = append(out, component.Option{Value: t, Label: label, Selected: t == chosen})
	}
	return out
}

func statuses(ctx context.Context, chosen string) (out []component.Option) {
	for _, s := range catalog.Statuses {
		out = append(out, component.Option{Value: s, Label: i18n.T(ctx, "catalog.choice."+s), Selected: s == chosen})
	}
	return out
}

func uses(all []catalog.UseCase, chosen string) (out []component.Option) {
	for _, u := range all {
		out = append(out, component.Option{Value: u.ID, Label: u.Name, Selected: u.ID == chosen})
	}
	return out
}

// UsePath is the page of a use case.
func UsePath(id string) string { return "/catalog/shortlists/" + id }

func (v ModelView) useName(id string) string {
	for _, u := range v.Uses {
		if u.ID == id {
			return u.Name
		}
	}
	return ""
}

func (v ChangesView) kinds(ctx context.Context) []component.Tab {
	out := []component.Tab{{Label: i18n.T(ctx, "view.all"), URL: changesPath("", ""), Current: v.Kind == ""}}
	for _, k := range catalog.ChangeKinds {
		out = append(out, component.Tab{Label: i18n.T(ctx, "catalog.change."+string(k)), URL: changesPath(string(k), ""), Current: v.Kind == string(k)})
	}
	return out
}

func (v ChangesView) pager(ctx context.Context) (p component.PagerProps) {
	p.Shown = i18n.N(ctx, "catalog.changes_n", int64(len(v.Changes)))
	if v.Below != "" {
		p.First = changesPath(v.Kind, "")
	}
	if v.Next != "" {
		p.Next = changesPath(v.Kind, v.Next)
	}
	return p
}
