package search

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What each kind of key is compared with, in the words of the protocol's table.
func TestOperatorsOfTheProtocol(t *testing.T) {
	const number, name, one, label, listed = "= != < <= > >=", "= != LIKE ILIKE", "= != LIKE ILIKE IN NOT_IN", "= != LIKE ILIKE IS_NULL IS_NOT_NULL", "= != LIKE ILIKE IN NOT_IN"
	for _, c := range []struct {
		l    *Language
		keys string
		ops  string
	}{
		{Experiments, "name", name},
		{Experiments, "experiment_id", one},
		{Experiments, "creation_time last_update_time", number},
		{Experiments, "tags.k", label},
		{Runs, "run_id", one},
		{Runs, "run_name status user_id artifact_uri", name},
		{Runs, "start_time end_time metrics.k", number},
		{Runs, "params.k tags.k", label},
		{Runs, "datasets.name datasets.digest datasets.context", listed},
		{LoggedModels, "name model_id model_type status source_run_id params.k tags.k", listed},
		{LoggedModels, "creation_timestamp last_updated_timestamp metrics.k", number},
	} {
		for key := range strings.FieldsSeq(c.keys) {
			for _, op := range allOps {
				value := map[bool]string{true: " 1", false: " 'x'"}[c.ops == number]
				switch op {
				case In, NotIn:
					value = " ('x')"
				case IsNull, NotNull:
					value = ""
				default:
				}
				filter := key + " " + string(op) + value
				want := slices.Contains(strings.Fields(c.ops), strings.ReplaceAll(string(op), " ", "_"))
				if got, err := c.l.ParseFilter(filter); (err == nil) != want {
					t.Errorf("%s of %s: got %v, %v, want it taken: %v", filter, c.l.things.Text, got, err, want)
				}
			}
		}
	}
}

// anyText is what may stand in quotes.
func anyText(least int) *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringN(least, 12, -1), rapid.SampledFrom([]string{"'", `"`, "`", "`\"", "a b", "AND", "x''y", "%", ";", "(", "1e5", "\n", "日本", ".", "a."})).
		Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
}

// clauseOf draws a comparison that a language has, from the table of its keys.
func clauseOf(thing string) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		row := rapid.SampledFrom(keys[thing]).Draw(t, "row")
		c := Clause{Entity: row.is, Key: row.key, Op: rapid.SampledFrom(row.ops).Draw(t, "op")}
		if c.Entity == Metric || c.Entity == Param || c.Entity == Tag {
			c.Key = anyText(1).Draw(t, "key")
		}
		switch {
		case c.Op == IsNull || c.Op == NotNull:
		case c.Op == In || c.Op == NotIn:
			c.List = rapid.SliceOfN(anyText(0), 1, 4).Draw(t, "list")
		case slices.Contains(row.ops, Lt):
			c.Numeric = true
			c.Num = rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) }).Draw(t, "number")
		default:
			c.Str = anyText(0).Draw(t, "value")
		}
		return c
	})
}

func exprOf(thing string, depth int) *rapid.Generator[Expr] {
	if depth == 0 {
		return clauseOf(thing)
	}
	part := rapid.Deferred(func() *rapid.Generator[Expr] { return exprOf(thing, depth-1) })
	return rapid.OneOf(
		clauseOf(thing),
		rapid.Map(part, func(e Expr) Expr { return Not{e} }),
		rapid.Map(rapid.SliceOfN(part, 2, 3), func(es []Expr) Expr { return And(es) }),
		rapid.Map(rapid.SliceOfN(part, 2, 3), func(es []Expr) Expr { return Or(es) }),
	)
}

func TestStringIsTheSameInEveryLanguage(t *testing.T) {
	for thing, l := range languages {
		t.Run(thing, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := exprOf(thing, 4).Draw(t, "expr")
				got, err := l.ParseFilter(want.String())
				if err != nil || !reflect.DeepEqual(unplaced(got), want) {
					t.Fatalf("%s\n got %#v, %v\nwant %#v", want, got, err, want)
				}
			})
		})
	}
}

// What is just shallow enough to be read is so when it is written out, too.
func TestDeepStringsParse(t *testing.T) {
	leaf := "metrics.a > 1"
	for name, in := range map[string]string{
		"not":      strings.Repeat("NOT ", 50) + leaf,
		"brackets": strings.Repeat("(", 50) + leaf + strings.Repeat(")", 50),
		"both":     strings.Repeat("NOT (", 25) + leaf + strings.Repeat(" OR "+leaf+")", 25),
		"turns":    strings.Repeat("("+leaf+" AND ("+leaf+" OR ", 25) + leaf + strings.Repeat("))", 25),
	} {
		e, err := Runs.ParseFilter(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := Runs.ParseFilter(e.String())
		if err != nil || !reflect.DeepEqual(unplaced(again), unplaced(e)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
