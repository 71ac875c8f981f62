package catalog

import (
	"cmp"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain/canonical"
)

// ChangeKind is what happened to a model.
type ChangeKind string

// The kinds of change, the weightiest first.
const (
	Removed    ChangeKind = "removed" // no source offers it any more
	Deprecated ChangeKind = "deprecated"
	Priced     ChangeKind = "price"
	Returned   ChangeKind = "returned"
	New        ChangeKind = "new"
	Altered    ChangeKind = "changed" // what it can do, or how much goes into it
)

// ChangeKinds lists them.
var ChangeKinds = []ChangeKind{Removed, Deprecated, Priced, Returned, New, Altered}

// Change is one line of the story of the catalog.
type Change struct {
	ID     string
	Key    Key
	At     int64
	Kind   ChangeKind
	Field  Field  // of Altered: which fact
	Before string // canonical JSON of the fact, "" for none
	After  string
	Source string // id
}

// Difference says what happened to a model between two beliefs, in the order of ChangeKinds.
func Difference(before, after Facts) (out []Change, err error) {
	a, b := reflect.ValueOf(before), reflect.ValueOf(after)
	said := map[ChangeKind]bool{}
	for i := range a.NumField() {
		if reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		kind := Altered
		switch name := fieldName(i); name {
		case "prices":
			kind = Priced
		case "deprecated", "replacement", "status":
			if kind = Deprecated; said[kind] || !before.retiring() && !after.retiring() {
				continue
			}
		case "context", "max_input", "max_output", "capabilities", "licence", "inputs", "outputs", "open_weights", "mode", "regions":
		default: // a name, a link: nobody decides by those
			continue
		}
		said[kind] = true
		c := Change{Kind: kind, Field: fieldName(i)}
		if c.Before, err = fact(a.Field(i)); err != nil {
			return nil, err
		}
		if c.After, err = fact(b.Field(i)); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Compare(slices.Index(ChangeKinds, a.Kind), slices.Index(ChangeKinds, b.Kind))
	})
	return out, nil
}

// retiring reports whether a model is known to be offered no longer some day.
func (f Facts) retiring() bool { return f.Deprecated != "" || f.Status == "deprecated" }

// Retires is the day from which a model is not offered any more, as an instant; ok tells whether it is known.
func (f Facts) Retires() (at time.Time, ok bool) {
	at, err := time.Parse(time.DateOnly, f.Deprecated)
	return at, err == nil
}

// Cost is what a workload costs each month, in 1e-6 USD, at on-demand prices or those of a tier; ok is false where a price that
// it needs is not known. Requests with more tokens of prompt than a step of the prices pay what is asked above it.
func (f Facts) Cost(w Workload) (amount int64, ok bool) {
	one := func(kind, tier string, prompt int64) (int64, bool) {
		best, found := Price{Over: -1}, false
		for _, p := range f.Prices {
			if p.Kind == kind && p.Unit == "" && p.Tier == tier && p.Over > best.Over && (p.Over == 0 || prompt > p.Over) {
				best, found = p, true
			}
		}
		return best.Amount, found
	}
	in, known := one("input", w.Tier, w.Input)
	out, knownOut := one("output", w.Tier, w.Input)
	if !known || !knownOut && w.Output > 0 {
		return 0, false
	}
	cached := in
	if c, ok := one("cache_read", w.Tier, w.Input); ok {
		cached = c
	}
	fromCache := w.Input * w.CachedPercent / 100
	total := new(big.Int)
	for _, part := range [][2]int64{{in, w.Input - fromCache}, {cached, fromCache}, {out, w.Output}} {
		total.Add(total, new(big.Int).Mul(big.NewInt(part[0]), big.NewInt(part[1])))
	}
	total.Mul(total, big.NewInt(w.Requests))
	total.Quo(total, big.NewInt(1_000_000))
	return total.Int64(), total.IsInt64()
}

// Workload is what a model is to do in a month.
type Workload struct {
	Requests      int64
	Input         int64 // tokens of a request's prompt
	Output        int64 // tokens of its answer
	CachedPercent int64 // of the prompt that was sent before
	Tier          string
}

// Limits of a workload.
const (
	maxRequests   = 1_000_000_000
	maxWorkTokens = 10_000_000
)

// Valid reports whether w can be reckoned with.
func (w Workload) Valid() bool {
	return w.Requests >= 0 && w.Requests <= maxRequests && w.Input >= 0 && w.Input <= maxWorkTokens && w.Output >= 0 && w.Output <= maxWorkTokens && w.CachedPercent >= 0 && w.CachedPercent <= 100
}

// Dollars is an amount as a decimal number of US dollars, without zeros at its end.
func Dollars(amount int64) string {
	const whole, digits = 1_000_000_000_000, 12
	s := strconv.FormatInt(amount%whole+whole, 10)[1:]
	for len(s) > 0 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	out := strconv.FormatInt(amount/whole, 10)
	if len(s) > 0 && len(s) <= digits {
		out += "." + s
	}
	return out
}

// fact is a fact as canonical JSON, "" for one that is not known.
func fact(v reflect.Value) (string, error) {
	if v.IsZero() {
		return "", nil
	}
	raw, err := canonical.Marshal(v.Interface())
	return string(raw), err
}
