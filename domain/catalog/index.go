package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Row is what lists and filters know of a model.
type Row struct {
	Key

	Name       string
	Family     string
	Canonical  string
	Mode       string
	Inputs     []string
	Outputs    []string
	Can        []string
	Regions    []string
	Context    int64
	MaxOutput  int64
	Input      int64 // price of a token in 1e-12 USD, -1 where it is not known
	Output     int64
	Licence    string
	Open       bool
	Parameters int64
	Released   string
	Deprecated string
	Status     string
	Gone       bool // no source offers it any more
	Sources    int
	Conflicts  int

	words string // lower case, to search in
	name  string // lower case, to sort by
	facet [dims][]string
}

// NewRow is the row of what is believed of a model.
func NewRow(k Key, m Merged, sources int, gone bool) Row {
	f := m.Facts
	r := Row{
		Key: k, Name: cmp.Or(f.Name, k.ID[strings.LastIndexByte(k.ID, '/')+1:], k.ID), Family: f.Family, Canonical: k.Canonical(), Mode: cmp.Or(f.Mode, "other"), Inputs: f.Inputs, Outputs: f.Outputs, Can: f.can(), Regions: f.Regions,
		Context: cmp.Or(f.Context, f.MaxInput), MaxOutput: f.MaxOutput, Input: -1, Output: -1, Licence: f.Licence, Open: f.OpenWeights != nil && *f.OpenWeights, Parameters: f.Parameters,
		Released: f.Released, Deprecated: f.Deprecated, Status: f.Status, Gone: gone, Sources: sources, Conflicts: len(m.Against),
	}
	if p, ok := f.Price("input"); ok {
		r.Input = p
	}
	if p, ok := f.Price("output"); ok {
		r.Output = p
	}
	return r
}

// The dimensions along which models are chosen. Each is one facet on the page.
const (
	byProvider = iota
	byMode
	byInput
	byCan
	byLicence
	byOpen
	byStatus
	byState
	dims
)

// Facets lists the dimensions by their names in addresses.
var Facets = [dims]string{"provider", "kind", "input", "can", "licence", "weights", "choice", "state"}

// every says for each dimension whether a model needs all chosen values (what it can do) or any (who offers it).
var every = [dims]bool{byInput: true, byCan: true}

// Query chooses models; what is empty does not count.
type Query struct {
	Words      string
	Chosen     map[string][]string // by the name of the facet
	Context    int64               // at least
	MaxInput   int64               // price of a token at most, 1e-12 USD; 0 = any
	MaxOutput  int64
	Sort       string // of Sorts; "" = by name
	Descending bool
	Skip, Most int
	// Choices are the best status of each model on the shortlists, for the facet "choice".
	Choices map[Key]string
}

// Sorts lists what a list may be sorted by.
var Sorts = []string{"name", "provider", "context", "input", "output", "released", "deprecated"}

// Count says how many models have a value, besides all that is asked along other dimensions.
type Count struct {
	Value  string
	Count  int
	Chosen bool
}

// Found is a part of what a query chooses.
type Found struct {
	Rows   []Row
	Total  int
	Facets map[string][]Count // by the name of the facet, the most first; of one with few values in their own order
}

// Index answers queries on a catalog. It is not changed once it is made, so that many may ask at once.
type Index struct {
	rows  []Row
	byKey map[Key]int
}

// NewIndex makes an index of rows.
func NewIndex(rows []Row) *Index {
	x := &Index{rows: slices.Clone(rows), byKey: make(map[Key]int, len(rows))}
	for i := range x.rows {
		r := &x.rows[i]
		r.name = strings.ToLower(r.Name)
		if first, _ := utf8.DecodeRuneInString(r.name); !unicode.IsLetter(first) { // sizes and stars stand behind names
			r.name = "\uffff" + r.name
		}
		r.words = strings.ToLower(r.Name) + " " + strings.ToLower(r.String()+" "+r.Family+" "+r.Licence)
		r.facet = [dims][]string{byProvider: {r.Provider}, byMode: {r.Mode}, byInput: r.Inputs, byCan: r.Can, byLicence: {cmp.Or(r.Licence, "unknown")}, byOpen: {weights(r.Open)}, byState: {r.state()}}
	}
	slices.SortFunc(x.rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.name, b.name), a.compare(b.Key)) })
	for i, r := range x.rows {
		x.byKey[r.Key] = i
	}
	return x
}

func weights(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}

func (r *Row) state() string {
	switch {
	case r.Gone:
		return "gone"
	case r.Status == "deprecated" || r.Deprecated != "":
		return "retiring"
	case r.Status != "":
		return r.Status
	}
	return "offered"
}

// ends is the day from which r is not offered any more, as an instant; ok tells whether it is known.
func (r Row) ends() (at time.Time, ok bool) { return Facts{Deprecated: r.Deprecated}.Retires() }

// EndsSoon reports whether r is still offered and will not be after RetiresSoon.
func (r Row) EndsSoon(now time.Time) bool {
	at, ok := r.ends()
	return !r.Gone && ok && now.Add(RetiresSoon).After(at)
}

// Len is how many models there are, gone ones too.
func (x *Index) Len() int { return len(x.rows) }

// Row finds a model.
func (x *Index) Row(k Key) (Row, bool) {
	i, ok := x.byKey[k]
	if !ok {
		return Row{}, false
	}
	return x.rows[i], true
}

// Alike lists the models of other keys that are the same model under another provider, by name.
func (x *Index) Alike(k Key) (out []Row) {
	name := k.Canonical()
	for _, r := range x.rows {
		if r.Canonical == name && r.Key != k && !r.Gone {
			out = append(out, r)
		}
	}
	return out
}

// Providers counts those who offer something.
func (x *Index) Providers() int {
	seen := map[string]bool{}
	for _, r := range x.rows {
		if !r.Gone {
			seen[r.Provider] = true
		}
	}
	return len(seen)
}

// Find answers a query. The count of a value is how many models one would see who chose it besides; it takes one look at each
// model: one that all dimensions want counts everywhere, one that a single dimension does not want counts in that alone.
func (x *Index) Find(q Query) Found {
	var chosen [dims][]string
	for d, name := range Facets {
		chosen[d] = q.Chosen[name]
	}
	if len(chosen[byState]) == 0 { // what is gone shows only when it is asked for
		chosen[byState] = []string{"offered", "preview", "retiring"}
	}
	words := strings.Fields(strings.ToLower(q.Words))
	var counts [dims]map[string]int
	for d := range counts {
		counts[d] = map[string]int{}
	}
	var hits []int
	for i := range x.rows {
		r := &x.rows[i]
		if !r.has(words) || r.Context < q.Context || q.MaxInput > 0 && (r.Input < 0 || r.Input > q.MaxInput) || q.MaxOutput > 0 && (r.Output < 0 || r.Output > q.MaxOutput) {
			continue
		}
		facet := r.facet
		facet[byStatus] = []string{cmp.Or(q.Choices[r.Key], "none")}
		misses, which := 0, 0
		for d := range dims {
			if !wanted(facet[d], chosen[d], every[d]) {
				misses, which = misses+1, d
			}
		}
		switch misses {
		case 0:
			hits = append(hits, i)
			for d := range dims {
				for _, v := range facet[d] {
					counts[d][v]++
				}
			}
		case 1:
			if !every[which] {
				for _, v := range facet[which] {
					counts[which][v]++
				}
			}
		}
	}
	x.sort(hits, q)
	out := Found{Total: len(hits), Facets: map[string][]Count{}}
	for _, i := range hits[min(max(q.Skip, 0), len(hits)):min(max(q.Skip, 0)+q.Most, len(hits))] {
		out.Rows = append(out.Rows, x.rows[i])
	}
	for d, name := range Facets {
		out.Facets[name] = ordered(name, counts[d], q.Chosen[name])
	}
	return out
}

func (r *Row) has(words []string) bool {
	for _, w := range words {
		if !strings.Contains(r.words, w) {
			return false
		}
	}
	return true
}

// wanted reports whether a model that has these values along a dimension is wanted there.
func wanted(has, chosen []string, every bool) bool {
	if len(chosen) == 0 {
		return true
	}
	in := func(v string) bool { return slices.Contains(has, v) }
	if every {
		return !slices.ContainsFunc(chosen, func(v string) bool { return !in(v) })
	}
	return slices.ContainsFunc(chosen, in)
}

// orders are the values of dimensions that have an order of their own.
var orders = map[string][]string{
	"kind": Modes, "input": Modalities, "can": Capabilities, "weights": {"open", "closed"},
	"choice": append(slices.Clone(Statuses), "none"), "state": {"offered", "preview", "retiring", "gone"},
}

func ordered(name string, counts map[string]int, chosen []string) (out []Count) {
	for _, v := range chosen {
		if _, ok := counts[v]; !ok {
			counts[v] = 0
		}
	}
	for v, n := range counts {
		out = append(out, Count{v, n, slices.Contains(chosen, v)})
	}
	order, has := orders[name]
	slices.SortFunc(out, func(a, b Count) int {
		if has {
			return cmp.Or(cmp.Compare(slices.Index(order, a.Value), slices.Index(order, b.Value)), cmp.Compare(a.Value, b.Value))
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out
}

// sort puts hits in order. What is not known comes last whichever way the order goes.
func (x *Index) sort(hits []int, q Query) {
	least := int64(1) // a context of 0 is not known
	if q.Sort == "input" || q.Sort == "output" {
		least = 0 // a price of 0 is
	}
	number := func(of func(r *Row) int64) func(a, b int) int {
		return func(a, b int) int {
			v, w := of(&x.rows[a]), of(&x.rows[b])
			return unknownLast(v < least, w < least, cmp.Compare(v, w), q.Descending)
		}
	}
	text := func(of func(r *Row) string) func(a, b int) int {
		return func(a, b int) int {
			v, w := of(&x.rows[a]), of(&x.rows[b])
			return unknownLast(v == "", w == "", cmp.Compare(v, w), q.Descending)
		}
	}
	var by func(a, b int) int
	switch q.Sort {
	case "provider":
		by = text(func(r *Row) string { return r.Provider })
	case "context":
		by = number(func(r *Row) int64 { return r.Context })
	case "input":
		by = number(func(r *Row) int64 { return r.Input })
	case "output":
		by = number(func(r *Row) int64 { return r.Output })
	case "released":
		by = text(func(r *Row) string { return r.Released })
	case "deprecated":
		by = text(func(r *Row) string { return r.Deprecated })
	default: // the order of the index is by name
		if q.Descending {
			slices.Reverse(hits)
		}
		return
	}
	slices.SortStableFunc(hits, by)
}

func unknownLast(a, b bool, order int, descending bool) int {
	switch {
	case a && b:
		return 0
	case a:
		return 1
	case b:
		return -1
	case descending:
		return -order
	}
	return order
}
