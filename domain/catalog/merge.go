package catalog

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Said is what one source says of a model.
type Said struct {
	Source string // its id
	Rank   int64  // the lowest wins
	Facts  Facts
}

// Field is one of the facts, as its JSON calls it.
type Field = string

// Merged is what is believed of a model.
type Merged struct {
	Facts   Facts
	From    map[Field]string   // which source it is from, by its id
	Against map[Field][]string // sources that say something else
}

// Merge believes of each fact the source that comes first and says something. Prices and capabilities are believed as a
// whole, for a price of one source beside a tier of another would be neither's.
func Merge(all []Said) Merged {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Said) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Source, b.Source)) })
	m := Merged{From: map[Field]string{}, Against: map[Field][]string{}}
	out := reflect.ValueOf(&m.Facts).Elem()
	for i := range out.NumField() {
		name := fieldName(i)
		for _, s := range all {
			v := reflect.ValueOf(s.Facts).Field(i)
			if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.Map && v.Len() == 0 {
				continue
			}
			switch {
			case m.From[name] == "":
				out.Field(i).Set(v)
				m.From[name] = s.Source
			case contradicts(name, m.Facts, s.Facts, out.Field(i).Interface(), v.Interface()):
				m.Against[name] = append(m.Against[name], s.Source)
			}
		}
	}
	return m
}

// contradicts reports whether two sources cannot both be right about a fact. Names may differ, and one source may know prices
// or capabilities that the other does not mention.
func contradicts(name Field, a, b Facts, x, y any) bool {
	switch name {
	case "name", "family", "links", "benchmarks":
		return false
	case "prices":
		return slices.ContainsFunc(a.Prices, func(p Price) bool {
			return slices.ContainsFunc(b.Prices, func(q Price) bool { return p.of() == q.of() && p.Amount != q.Amount })
		})
	case "capabilities":
		for can, has := range a.Capabilities {
			if other, known := b.Capabilities[can]; known && other != has {
				return true
			}
		}
		return false
	}
	return !reflect.DeepEqual(x, y)
}

var factsType = reflect.TypeFor[Facts]()

// Fields lists the facts by their names, in the order in which pages show them.
var Fields = func() (out []Field) {
	for i := range factsType.NumField() {
		out = append(out, fieldName(i))
	}
	return out
}()

func fieldName(i int) Field {
	name, _, _ := strings.Cut(factsType.Field(i).Tag.Get("json"), ",")
	return name
}
