// Package catalog shows which models the world offers.
package catalog

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// MostCompared is how many models stand side by side.
const MostCompared = 6

// PageSize is how many models a page of the list has.
const PageSize = 40

// State is what the address of the list asks for. Prices are in USD for a million tokens, as people write them.
type State struct {
	Words   string
	Chosen  map[string][]string // by the name of the facet
	Context string
	Input   string
	Output  string
	Order   string // "input DESC"
	Page    int    // from 0
	Cards   bool
}

// ParseState reads an address, and leaves out what it does not know.
func ParseState(q url.Values) State {
	s := State{Words: strings.TrimSpace(q.Get("q")), Chosen: map[string][]string{}, Context: strings.TrimSpace(q.Get("context")), Input: strings.TrimSpace(q.Get("max_input")), Output: strings.TrimSpace(q.Get("max_output")), Order: q.Get("order"), Cards: q.Get("view") == "cards"}
	const longest = 200
	if len(s.Words) > longest {
		s.Words = s.Words[:longest]
	}
	for _, name := range catalog.Facets {
		for _, v := range q[name] {
			if v != "" && len(v) <= longest && !slices.Contains(s.Chosen[name], v) {
				s.Chosen[name] = append(s.Chosen[name], v)
			}
		}
	}
	if by, _, _ := strings.Cut(s.Order, " "); !slices.Contains(catalog.Sorts, by) {
		s.Order = ""
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 && n < 100_000 {
		s.Page = n
	}
	return s
}

// Values is the address of s.
func (s State) Values() url.Values {
	q := url.Values{}
	set := func(name, v string) {
		if v != "" {
			q.Set(name, v)
		}
	}
	set("q", s.Words)
	for name, all := range s.Chosen {
		for _, v := range all {
			q.Add(name, v)
		}
	}
	set("context", s.Context)
	set("max_input", s.Input)
	set("max_output", s.Output)
	set("order", s.Order)
	if s.Page > 0 {
		q.Set("page", strconv.Itoa(s.Page))
	}
	if s.Cards {
		q.Set("view", "cards")
	}
	return q
}

// Query is what s asks of the index; ok is false where a number cannot be read, which then does not count.
func (s State) Query() (q catalog.Query, wrong []string) {
	by, direction, _ := strings.Cut(s.Order, " ")
	q = catalog.Query{Words: s.Words, Chosen: s.Chosen, Sort: by, Descending: strings.EqualFold(direction, "DESC"), Skip: s.Page * PageSize, Most: PageSize}
	if s.Context != "" {
		n, ok := ParseTokens(s.Context)
		if q.Context = n; !ok {
			wrong = append(wrong, "context")
		}
	}
	price := func(name, text string) int64 {
		if text == "" {
			return 0
		}
		x, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		amount, ok := catalog.USD(x / million)
		if err != nil || !ok || x <= 0 {
			wrong = append(wrong, name)
			return 0
		}
		return amount
	}
	q.MaxInput, q.MaxOutput = price("max_input", s.Input), price("max_output", s.Output)
	return q, wrong
}

const (
	thousand = 1_000
	million  = 1_000_000
)

// ParseTokens reads a number of tokens as people write it: 200000, 200k, 1M.
func ParseTokens(text string) (int64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	times := 1.0
	if t, ok := strings.CutSuffix(text, "k"); ok {
		text, times = t, thousand
	} else if t, ok := strings.CutSuffix(text, "m"); ok {
		text, times = t, million
	}
	x, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	const most = 1e12
	if err != nil || !(x >= 0 && x*times <= most) {
		return 0, false
	}
	return int64(x * times), true
}

// Tokens is a number of tokens in short: 128k, 1.05M.
func Tokens(ctx context.Context, n int64) string {
	switch {
	case n <= 0:
		return format.Missing
	case n >= million:
		return trimmed(ctx, float64(n)/million, 2) + "M"
	case n >= thousand:
		return trimmed(ctx, float64(n)/thousand, 0) + "k"
	}
	return strconv.FormatInt(n, 10)
}

func trimmed(ctx context.Context, x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return comma(ctx, s)
}

// comma writes a decimal number as the reader's language does.
func comma(ctx context.Context, s string) string {
	if i18n.Lang(ctx) == "it" {
		return strings.Replace(s, ".", ",", 1)
	}
	return s
}

// PerMillion is a price for each token as one for a million: $2.50. A price that is not known is a dash.
func PerMillion(ctx context.Context, amount int64) string {
	if amount < 0 {
		return format.Missing
	}
	return dollars(ctx, catalog.Dollars(amount*million))
}

// dollars is a decimal number of US dollars with at least two places where it has any.
func dollars(ctx context.Context, s string) string {
	whole, part, broken := strings.Cut(s, ".")
	if broken && len(part) == 1 {
		part += "0"
	}
	if !broken {
		return "$" + whole
	}
	return "$" + comma(ctx, whole+"."+part)
}

// Micro is an amount of 1e-6 USD, rounded to what matters.
func Micro(ctx context.Context, amount int64) string {
	const cent = 10_000
	if amount >= 100*cent || amount == 0 {
		return "$" + grouped(ctx, (amount+cent/2)/cent)
	}
	return dollars(ctx, catalog.Dollars(amount*million))
}

// grouped is a number of cents as dollars with groups of three digits.
func grouped(ctx context.Context, cents int64) string {
	const hundred = 100
	part := strconv.FormatInt(hundred+cents%hundred, 10)[1:]
	sep := "."
	if i18n.Lang(ctx) == "it" {
		sep = ","
	}
	return format.Count(ctx, cents/hundred) + sep + part
}

// ListView is the page of all models.
type ListView struct {
	State     State
	Found     catalog.Found
	Choices   map[catalog.Key]string
	Models    int // in the catalog
	Providers int
	Snapshot  time.Time // of the youngest good answer of any source
	Wrong     []string  // fields whose number cannot be read
	Failing   int       // sources whose last look failed
	Admin     bool
	Empty     bool // there is no model at all
	Syncing   bool // the first look is under way
}

// ModelPath is the page of a model.
func ModelPath(k catalog.Key) string {
	return "/catalog/model?" + url.Values{"id": {k.String()}}.Encode()
}

func (s State) path(change func(*State)) string {
	s.Page = 0
	s.Chosen = cloned(s.Chosen)
	change(&s)
	if q := s.Values().Encode(); q != "" {
		return "/catalog?" + q
	}
	return "/catalog"
}

func cloned(m map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, v := range m {
		out[k] = slices.Clone(v)
	}
	return out
}

// chips are what was asked for, each with the address without it.
func (v ListView) chips(ctx context.Context) (out []component.ChipProps) {
	add := func(label string, without func(*State)) {
		out = append(out, component.ChipProps{Label: label, URL: v.State.path(without), Remove: i18n.T(ctx, "catalog.chip_remove", label)})
	}
	if v.State.Words != "" {
		add("“"+v.State.Words+"”", func(s *State) { s.Words = "" })
	}
	for _, name := range catalog.Facets {
		for _, value := range v.State.Chosen[name] {
			add(i18n.T(ctx, "catalog.facet."+name)+": "+FacetWord(ctx, name, value), func(s *State) {
				s.Chosen[name] = slices.DeleteFunc(s.Chosen[name], func(x string) bool { return x == value })
			})
		}
	}
	for _, n := range []struct {
		key, value string
		without    func(*State)
	}{
		{"catalog.chip_context", v.State.Context, func(s *State) { s.Context = "" }},
		{"catalog.chip_input", v.State.Input, func(s *State) { s.Input = "" }},
		{"catalog.chip_output", v.State.Output, func(s *State) { s.Output = "" }},
	} {
		if n.value != "" {
			add(i18n.T(ctx, n.key, n.value), n.without)
		}
	}
	return out
}

// FacetWord is a value of a facet in the reader's words; names of providers and licences stay as they are.
func FacetWord(ctx context.Context, facet, value string) string {
	switch facet {
	case "provider":
		return value
	case "licence":
		if value == "unknown" {
			return i18n.T(ctx, "catalog.unknown")
		}
		return value
	}
	return i18n.T(ctx, "catalog."+facet+"."+value)
}

// head is the head of a column that sorts.
func (v ListView) head(label, key string, number bool) component.Head {
	return component.SortHead(label, key, cmp.Or(v.State.Order, "name ASC"), number, func(order string) string {
		if order == "name ASC" {
			order = ""
		}
		return v.State.path(func(s *State) { s.Order = order })
	})
}

func (v ListView) pager(ctx context.Context) component.PagerProps {
	first := v.State.Page*PageSize + 1
	p := component.PagerProps{Part: "#catalog"}
	if len(v.Found.Rows) > 0 {
		p.Shown = i18n.T(ctx, "catalog.shown", format.Count(ctx, int64(first)), format.Count(ctx, int64(first+len(v.Found.Rows)-1)), format.Count(ctx, int64(v.Found.Total)))
	}
	at := func(page int) string { return v.State.path(func(s *State) { s.Page = page }) }
	if v.State.Page > 0 {
		p.First = at(0)
	}
	if first+len(v.Found.Rows)-1 < v.Found.Total {
		p.Next = at(v.State.Page + 1)
	}
	return p
}

// fewest is how many values of a facet show before the reader asks for the rest.
const fewest = 8

// facetValues are the values of a facet that show at once, and the rest.
func facetValues(all []catalog.Count) (some, rest []catalog.Count) {
	if len(all) <= fewest+1 {
		return all, nil
	}
	for i, c := range all {
		if i < fewest || c.Chosen {
			some = append(some, c)
		} else {
			rest = append(rest, c)
		}
	}
	return some, rest
}

// capIcons are the signs of what a model can do.
var capIcons = map[string]string{
	"tools": "wrench", "json_schema": "braces", "vision": "eye", "reasoning": "brain", "streaming": "activity", "caching": "database", "web_search": "globe", "computer_use": "table-2",
}

// statusTone and statusIcon show how far the choice of a model is.
func statusTone(status string) (component.Tone, string) {
	switch status {
	case catalog.Approved:
		return component.OK, "check"
	case catalog.Refused:
		return component.Danger, "x"
	case catalog.Evaluating:
		return component.Warn, "clock"
	}
	return component.Info, "flag"
}

// Day is a day in words, "" where it is not known.
func Day(ctx context.Context, day string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return format.Date(ctx, at)
}

func capWords(ctx context.Context, can []string) string {
	words := make([]string, len(can))
	for i, c := range can {
		words[i] = i18n.T(ctx, "catalog.can."+c)
	}
	return strings.Join(words, ", ")
}

func stateOf(status string) string {
	if status == "deprecated" {
		return "retiring"
	}
	return status
}

func (v ListView) wrong(name string) bool { return slices.Contains(v.Wrong, name) }

// limited is the address with a limit, or without it where it is set already.
func (s State) limited(name, value string) string {
	return s.path(func(s *State) {
		field := map[string]*string{"context": &s.Context, "max_input": &s.Input, "max_output": &s.Output}[name]
		if *field == value {
			value = ""
		}
		*field = value
	})
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func (l ChoiceLine) title() string { return cmp.Or(l.Row.Name, l.Key.ID) }

func (l ChoiceLine) dialog(i int) string { return "choice-" + strconv.Itoa(i) }

// compared is the comparison of what is on the shortlist, without what was refused.
func (v UseView) compared() string {
	q := url.Values{}
	for _, l := range v.Lines {
		if l.Status != catalog.Refused && l.Known && len(q["m"]) < MostCompared {
			q.Add("m", l.Key.String())
		}
	}
	return "/catalog/compare?" + q.Encode()
}

// maker is who offers a model, with the whole id where the name is another.
func maker(r catalog.Row) string {
	if r.ID == r.Name {
		return r.Provider
	}
	return r.String()
}

// instant is an instant in milliseconds, the zero time for none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
