package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

func str(e Entity, key string, op Op, value string) Clause {
	return Clause{Entity: e, Key: key, Op: op, Str: value}
}

func num(e Entity, key string, op Op, value float64) Clause {
	return Clause{Entity: e, Key: key, Op: op, Num: value, Numeric: true}
}

func list(e Entity, key string, op Op, values ...string) Clause {
	return Clause{Entity: e, Key: key, Op: op, List: values}
}

// unplaced is e without positions, and without nil lists that differ from empty ones.
func unplaced(e Expr) Expr {
	all := func(es []Expr) []Expr {
		out := make([]Expr, len(es))
		for i, e := range es {
			out[i] = unplaced(e)
		}
		return out
	}
	switch e := e.(type) {
	case And:
		return And(all(e))
	case Or:
		return Or(all(e))
	case Not:
		return Not{unplaced(e.X)}
	case Clause:
		e.Pos = 0
		return e
	}
	return e
}

var languages = map[string]*Language{"experiments": Experiments, "runs": Runs, "logged models": LoggedModels, "registered models": RegisteredModels, "model versions": ModelVersions}

// keys are, for each language, every key of the protocol's table and what its values are.
var keys = map[string][]struct {
	spelt string
	is    Entity
	key   string
	ops   []Op
}{
	"experiments": {
		{"name", Attribute, "name", operators[text]},
		{"attribute.name", Attribute, "name", operators[text]},
		{"experiment_id", Attribute, "experiment_id", operators[listed]},
		{"creation_time", Attribute, "creation_time", operators[number]},
		{"attribute.last_update_time", Attribute, "last_update_time", operators[number]},
		{"tag.k", Tag, "k", operators[label]},
		{"tags.mlflow.note.content", Tag, "mlflow.note.content", operators[label]},
	},
	"runs": {
		{"metric.loss", Metric, "loss", operators[number]},
		{"metrics.`val loss`", Metric, "val loss", operators[number]},
		{"param.lr", Param, "lr", operators[label]},
		{"params.a/b", Param, "a/b", operators[label]},
		{"parameter.a-b", Param, "a-b", operators[label]},
		{"parameters.\"a b\"", Param, "a b", operators[label]},
		{"tag.k", Tag, "k", operators[label]},
		{"tags.mlflow.runName", Tag, "mlflow.runName", operators[label]},
		{"tags.`mlflow.parentRunId`", Tag, "mlflow.parentRunId", operators[label]},
		{"dataset.name", Dataset, "name", operators[listed]},
		{"datasets.digest", Dataset, "digest", operators[listed]},
		{"dataset.context", Dataset, "context", operators[listed]},
		{"run_id", Attribute, "run_id", operators[listed]},
		{"attribute.run_id", Attribute, "run_id", operators[listed]},
		{"attributes.run_name", Attribute, "run_name", operators[text]},
		{"`run name`", Attribute, "run_name", operators[text]},
		{"\"Run name\"", Attribute, "run_name", operators[text]},
		{"attr.`Run Name`", Attribute, "run_name", operators[text]},
		{"run.status", Attribute, "status", operators[text]},
		{"user_id", Attribute, "user_id", operators[text]},
		{"artifact_uri", Attribute, "artifact_uri", operators[text]},
		{"start_time", Attribute, "start_time", operators[number]},
		{"created", Attribute, "start_time", operators[number]},
		{"attributes.Created", Attribute, "start_time", operators[number]},
		{"end_time", Attribute, "end_time", operators[number]},
	},
	"logged models": {
		{"name", Attribute, "name", operators[listed]},
		{"attributes.model_id", Attribute, "model_id", operators[listed]},
		{"model_type", Attribute, "model_type", operators[listed]},
		{"status", Attribute, "status", operators[listed]},
		{"source_run_id", Attribute, "source_run_id", operators[listed]},
		{"creation_timestamp", Attribute, "creation_timestamp", operators[number]},
		{"creation_time", Attribute, "creation_timestamp", operators[number]},
		{"attributes.last_updated_timestamp", Attribute, "last_updated_timestamp", operators[number]},
		{"last_updated_time", Attribute, "last_updated_timestamp", operators[number]},
		{"metrics.`val/loss x`", Metric, "val/loss x", operators[number]},
		{"params.lr", Param, "lr", operators[listed]},
		{"tags.a.b", Tag, "a.b", operators[listed]},
	},
	"registered models": {
		{"name", Attribute, "name", operators[listed]},
		{"attribute.name", Attribute, "name", operators[listed]},
		{"creation_timestamp", Attribute, "creation_timestamp", operators[number]},
		{"last_updated_timestamp", Attribute, "last_updated_timestamp", operators[number]},
		{"attributes.timestamp", Attribute, "last_updated_timestamp", operators[number]},
		{"tag.k", Tag, "k", operators[label]},
		{"tags.`mlflow.prompt.is_prompt`", Tag, "mlflow.prompt.is_prompt", operators[label]},
	},
	"model versions": {
		{"name", Attribute, "name", operators[listed]},
		{"run_id", Attribute, "run_id", operators[listed]},
		{"attributes.source_path", Attribute, "source_path", operators[text]},
		{"version_number", Attribute, "version_number", operators[number]},
		{"creation_timestamp", Attribute, "creation_timestamp", operators[number]},
		{"last_updated_timestamp", Attribute, "last_updated_timestamp", operators[number]},
		{"tags.k", Tag, "k", operators[label]},
	},
}

var allOps = []Op{Eq, Ne, Lt, Le, Gt, Ge, Like, ILike, In, NotIn, IsNull, NotNull}

// Each key takes the operators of the table, in capitals and not, and refuses every other.
func TestKeysAndOperators(t *testing.T) {
	for thing, rows := range keys {
		for _, row := range rows {
			for _, op := range allOps {
				want := Clause{Entity: row.is, Key: row.key, Op: op}
				value := " 'it''s'"
				switch {
				case op == IsNull || op == NotNull:
					value = ""
				case op == In || op == NotIn:
					want.List, value = []string{"a", "b"}, " ('a', \"b\")"
				case slices.Contains(row.ops, Lt):
					want.Num, want.Numeric, value = -1.5, true, " -1.5"
				default:
					want.Str = "it's"
				}
				for _, op := range []string{string(op), strings.ToLower(string(op))} {
					filter := row.spelt + " " + op + value
					got, err := languages[thing].ParseFilter(filter)
					if !slices.Contains(row.ops, want.Op) {
						refused(t, filter, got, err)
					} else if err != nil || !reflect.DeepEqual(got, Expr(want)) {
						t.Errorf("%s: %s: got %#v, %v", thing, filter, got, err)
					}
				}
			}
		}
	}
}

// Clients ask for versions by text too, for that is what the protocol makes of them elsewhere.
func TestQuotedNumbers(t *testing.T) {
	for filter, want := range map[string]float64{"version_number = '3'": 3, "version_number >= \"3\"": 3, "version_number = 3": 3} {
		e, err := ModelVersions.ParseFilter(filter)
		if c, ok := e.(Clause); err != nil || !ok || c.Num != want || !c.Numeric {
			t.Errorf("%s: %#v, %v", filter, e, err)
		}
	}
	for _, filter := range []string{"version_number = 'x'", "version_number = ''", "version_number = 'NaN'", "version_number = '0x1'", "version_number IN ('1')", "version_number LIKE '1'"} {
		e, err := ModelVersions.ParseFilter(filter)
		refused(t, filter, e, err)
	}
}

func refused(t *testing.T, in string, got any, err error) {
	t.Helper()
	at, ok := Position(err)
	switch {
	case domain.KindOf(err) != domain.Invalid:
		t.Errorf("%.100q: got %v, %v, not refused", in, got, err)
	case !ok || at < 0 || at > len(in):
		t.Errorf("%.100q: position %d, %v", in, at, ok)
	case !strings.HasPrefix(domain.As(err).Key, "search."):
		t.Errorf("%.100q: key %s", in, domain.As(err).Key)
	}
}

func TestParseFilter(t *testing.T) {
	a, b, c := num(Metric, "a", Gt, 1), str(Param, "b", Eq, "x"), str(Attribute, "status", Eq, "RUNNING")
	for _, tt := range []struct {
		in   string
		want Expr
	}{
		{"", nil},
		{" \t\r\n", nil},
		{"metrics.a > 1 AND params.b = 'x'", And{a, b}},
		{"metrics.a>1 and params.b='x' AnD status = 'RUNNING'", And{a, b, c}},
		{"metrics.a > 1 OR params.b = 'x' AND status = 'RUNNING'", Or{a, And{b, c}}},
		{"(metrics.a > 1 or params.b = 'x') AND status = 'RUNNING'", And{Or{a, b}, c}},
		{"NOT metrics.a > 1 AND params.b = 'x'", And{Not{a}, b}},
		{"not (metrics.a > 1 AND params.b = 'x')", Not{And{a, b}}},
		{"NOT NOT metrics.a > 1", Not{Not{a}}},
		{"((metrics.a > 1))", a},
		{"metrics.a >= 0.5 AND metrics.a < 1e-3", And{num(Metric, "a", Ge, 0.5), num(Metric, "a", Lt, 1e-3)}},
		{"metrics.a = -.5", num(Metric, "a", Eq, -0.5)},
		{"metrics.a=+2E+10", num(Metric, "a", Eq, 2e10)},
		{`params.b = "it's"`, str(Param, "b", Eq, "it's")},
		{`params.b = 'say "hi"'`, str(Param, "b", Eq, `say "hi"`)},
		{`params.b = "say ""hi"""`, str(Param, "b", Eq, `say "hi"`)},
		{`params.b = ''`, str(Param, "b", Eq, "")},
		{`params.b = ''''`, str(Param, "b", Eq, "'")},
		{`params.b = 'AND ; OR ('`, str(Param, "b", Eq, "AND ; OR (")},
		{`params.b = 'a\'`, str(Param, "b", Eq, `a\`)},
		{"params.`NOT` = 'x'", str(Param, "NOT", Eq, "x")},
		{"params.or = 'x'", str(Param, "or", Eq, "x")},
		{"tags.größe = 'é😀'", str(Tag, "größe", Eq, "é😀")},
		{"tags.\"a`b\" = 'x'", str(Tag, "a`b", Eq, "x")},
		{"run_id IN ('a')", list(Attribute, "run_id", In, "a")},
		{"run_id IN ('a',)", list(Attribute, "run_id", In, "a")},
		{"run_id not  in('a','b')", list(Attribute, "run_id", NotIn, "a", "b")},
		{"status = 'running'", str(Attribute, "status", Eq, "running")},
		{"tags.k is\nnot null", Clause{Entity: Tag, Key: "k", Op: NotNull}},
	} {
		got, err := Runs.ParseFilter(tt.in)
		if err != nil || !reflect.DeepEqual(unplaced(got), tt.want) {
			t.Errorf("%s\n got %#v, %v\nwant %#v", tt.in, got, err, tt.want)
		}
	}
}

func TestClausePositions(t *testing.T) {
	e, err := Runs.ParseFilter("é = 1")
	if e != nil || err == nil {
		t.Fatalf("got %v, %v", e, err)
	}
	e, err = Runs.ParseFilter("tags.é = 'x' AND  metrics.a > 1")
	and, ok := e.(And)
	if err != nil || !ok || and[0].(Clause).Pos != 0 || and[1].(Clause).Pos != 19 {
		t.Errorf("got %#v, %v", e, err)
	}
}

func TestFiltersRefused(t *testing.T) {
	many := func(n int, s, sep string) string { return strings.Repeat(s+sep, n-1) + s }
	for _, tt := range []struct {
		l    *Language
		in   string
		at   int
		says string
	}{
		{Runs, "metrics.a foo 1", 10, `expected an operator like = or LIKE at position 10, found "foo"`},
		{Runs, "metrics.a >", 11, "found the end"},
		{Runs, "metrics.a > '1'", 12, "number, without quotes"},
		{Runs, "metrics.a > NaN", 12, "number"},
		{Runs, "metrics.a > inf", 12, "number"},
		{Runs, "metrics.a > 1e999", 12, "number"},
		{Runs, "metrics.a > 0x10", 12, "number"},
		{Runs, "metrics.a > 1_000", 12, "number"},
		{Runs, "metrics.a > b", 12, "number"},
		{Runs, "metrics.a IS NULL", 10, "use =, !=, <"},
		{Runs, "start_time > '2024'", 13, "number"},
		{Runs, "params.b = x", 11, `put "x" at position 11 in quotes`},
		{Runs, "params.b = 5", 11, "in quotes"},
		{Runs, "params.b = `x`", 11, "in quotes"},
		{Runs, "params.b = 'x", 11, "never closed"},
		{Runs, "params.`b = 'x'", 7, "never closed"},
		{Runs, "params.b == 'x'", 10, "expected a value in quotes"},
		{Runs, "params.b <> 'x'", 9, "does not go with"},
		{Runs, "params.b ! 'x'", 9, "lone !"},
		{Runs, "params.b NOT LIKE 'x'", 13, "expected IN"},
		{Runs, "params.b IS 'x'", 12, "expected NULL"},
		{Runs, "params.b IN ('x')", 9, "use =, !=, LIKE, ILIKE, IS NULL, IS NOT NULL"},
		{Runs, "params. = 'x'", 0, "empty"},
		{Runs, "params.`` = 'x'", 0, "empty"},
		{Runs, ".run_id = 'x'", 0, "no kind of key"},
		{Runs, "params = 'x'", 0, "no attribute"},
		{Runs, "'params'.b = 'x'", 0, "expected a key"},
		{Runs, "'run_id' = 'x'", 0, "expected a key"},
		{Runs, "\"\" = 'x'", 0, "expected a key"},
		{Runs, "loss > 1", 0, "metrics.loss"},
		{Runs, "foo.b = 'x'", 0, "no kind of key of runs"},
		{Runs, "dataset.source = 'x'", 0, "name, a digest and a context"},
		{Runs, "dataset.name IS NULL", 13, "does not go with"},
		{Runs, "status IN ('x')", 7, "does not go with"},
		{Runs, "run_id IN ()", 11, "value in quotes"},
		{Runs, "run_id IN (,)", 11, "value in quotes"},
		{Runs, "run_id IN ('a' 'b')", 15, "expected ')'"},
		{Runs, "run_id IN ('a',,)", 15, "value in quotes"},
		{Runs, "run_id IN (a)", 11, "in quotes"},
		{Runs, "run_id IN 'a'", 10, "expected '('"},
		{Runs, "run_id IN ('a'", 14, "expected ')'"},
		{Runs, "metrics.a > 1;", 13, ";"},
		{Runs, "metrics.a > 1; metrics.b > 1", 13, ";"},
		{Runs, "metrics.a > 1 metrics.b > 1", 14, "expected AND, OR or the end"},
		{Runs, "metrics.a > 1 AND", 17, "found the end"},
		{Runs, "AND metrics.a > 1", 0, "no attribute"},
		{Runs, "metrics.a > 1 OR OR metrics.a > 1", 17, "no attribute"},
		{Runs, "NOT", 3, "expected a key"},
		{Runs, "(metrics.a > 1", 14, "expected ')'"},
		{Runs, "metrics.a > 1)", 13, "expected AND"},
		{Runs, "()", 1, "expected a key"},
		{Runs, "metrics.a > 1 && metrics.b > 1", 14, "unexpected '&'"},
		{Runs, "params.b = 'x\x00'", 13, "plain text"},
		{Runs, "params.b = '\xff'", 12, "plain text"},
		{Runs, many(201, "metrics.a > 1", " AND "), 3600, "more than 200"},
		{Runs, strings.Repeat("(", 51) + "metrics.a > 1" + strings.Repeat(")", 51), 51, "50 deep"},
		{Runs, strings.Repeat("NOT ", 51) + "metrics.a > 1", 204, "50 deep"},
		{Runs, "run_id IN (" + many(1001, "'a'", ",") + ")", 4014, "more than 1000"},
		{Runs, "params.b = '" + strings.Repeat("x", 65536) + "'", 65536, "more than 65536"},
		{Experiments, "metrics.a > 1", 0, "no kind of key of experiments"},
		{Experiments, "attr.name = 'x'", 0, "no kind of key"},
		{Experiments, "run_id = 'x'", 0, "tags.run_id"},
		{Experiments, "lifecycle_stage = 'active'", 0, "no attribute"},
		{LoggedModels, "metric.a > 1", 0, "no kind of key of logged models"},
		{LoggedModels, "param.a = '1'", 0, "no kind of key"},
		{LoggedModels, "tag.a = '1'", 0, "no kind of key"},
		{LoggedModels, "attribute.name = '1'", 0, "no kind of key"},
		{LoggedModels, "dataset.name = '1'", 0, "no kind of key"},
		{LoggedModels, "tags.a IS NULL", 7, "does not go with"},
	} {
		got, err := tt.l.ParseFilter(tt.in)
		refused(t, tt.in, got, err)
		if at, _ := Position(err); err != nil && (at != tt.at || !strings.Contains(domain.As(err).Msg, tt.says)) {
			t.Errorf("%.100q: at %d, %s\nwant %d, …%s…", tt.in, at, domain.As(err).Msg, tt.at, tt.says)
		}
	}
}

func TestUnfinished(t *testing.T) {
	for _, tt := range []struct {
		in   string
		at   int
		want Clause
	}{
		{"params.a = '", 11, str(Param, "a", Eq, "")},
		{"params.a = 'x", 11, str(Param, "a", Eq, "x")},
		{"params.a != 'it''s", 12, str(Param, "a", Ne, "it's")},
		{`params.a = "say ""hi`, 11, str(Param, "a", Eq, `say "hi`)},
		{"params.`feature set` LIKE '%x", 26, str(Param, "feature set", Like, "%x")},
		{"metrics.m > 1 AND (NOT tags.\"a`b\" = 'é ' OR status='R", 52, str(Attribute, "status", Eq, "R")},
		{"attr.run_id IN ('a', 'b", 21, str(Attribute, "run_id", In, "b")},
		{"run_id NOT IN ('", 15, str(Attribute, "run_id", NotIn, "")},
		{`"run name" = 'x`, 13, str(Attribute, "run_name", Eq, "x")},
		{"dataset.name = 'iris", 15, str(Dataset, "name", Eq, "iris")},
	} {
		got, at, ok := Runs.Unfinished(tt.in)
		if got.Pos, got.List = 0, nil; !ok || at != tt.at || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %#v at %d, %v", tt.in, got, at, ok)
		}
	}
	for _, in := range []string{
		"", "params.a", "params.a = ", "params.a = 'x'", "params.a = x", "params.a = `x", "params.a = 'x' 'y", "params.a = 'x' AND 'y", "params.`a", "'", "a = 'x",
		"metrics.m > 'x", "start_time = '1", "params.a > 'x", "params.a IN ('x", "status IN ('x", "params.a IS 'x", "params.a IS NULL 'x", "tags.a IS NOT NULL AND \"x", "params.a = 'x' OR \"run na",
		"run_id IN ('a' 'b", "params.a = '\xff",
	} {
		if c, at, ok := Runs.Unfinished(in); ok {
			t.Errorf("%q: %#v at %d, but no value is being written", in, c, at)
		}
	}
}

func TestWithinLimits(t *testing.T) {
	for name, in := range map[string]string{
		"clauses":  strings.Repeat("metrics.a > 1 AND ", 199) + "metrics.a > 1",
		"brackets": strings.Repeat("(", 50) + "metrics.a > 1" + strings.Repeat(")", 50),
		"not":      strings.Repeat("NOT ", 50) + "metrics.a > 1",
		"list":     "run_id IN (" + strings.Repeat("'a',", 999) + "'a')",
		"bytes":    "params.b = '" + strings.Repeat("x", 65536-13) + "'",
	} {
		if _, err := Runs.ParseFilter(in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPositionOfOtherErrors(t *testing.T) {
	for _, err := range []error{nil, domain.Fail(domain.Invalid, "x", "x")} {
		if at, ok := Position(err); ok {
			t.Errorf("%v is at %d", err, at)
		}
	}
	_, err := Runs.ParseFilter("x")
	if at, ok := Position(fmt.Errorf("wrapped: %w", err)); !ok || at != 0 {
		t.Errorf("got %d, %v", at, ok)
	}
}

func TestParseOrder(t *testing.T) {
	for _, tt := range []struct {
		l    *Language
		in   []string
		want []Order
	}{
		{Runs, nil, nil},
		{Runs, []string{"metrics.loss"}, []Order{{Metric, "loss", false}}},
		{Runs, []string{"metric.`val loss` DESC", "params.a asc"}, []Order{{Metric, "val loss", true}, {Param, "a", false}}},
		{Runs, []string{"Created desc", "tags.mlflow.runName"}, []Order{{Attribute, "start_time", true}, {Tag, "mlflow.runName", false}}},
		{Runs, []string{"attributes.`Run Name`", `"run_id"`}, []Order{{Attribute, "run_name", false}, {Attribute, "run_id", false}}},
		{Runs, []string{"params.a", "metrics.a"}, []Order{{Param, "a", false}, {Metric, "a", false}}},
		{Runs, []string{"metrics.DESC DESC"}, []Order{{Metric, "DESC", true}}},
		{Experiments, []string{"name", "experiment_id DESC", "creation_time", "attribute.last_update_time ASC"}, []Order{
			{Attribute, "name", false}, {Attribute, "experiment_id", true}, {Attribute, "creation_time", false}, {Attribute, "last_update_time", false},
		}},
	} {
		got, err := tt.l.ParseOrder(tt.in)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %v, %v", tt.in, got, err)
		}
	}
}

func TestOrdersRefused(t *testing.T) {
	for _, tt := range []struct {
		l    *Language
		in   []string
		says string
	}{
		{Runs, []string{""}, "expected a key"},
		{Runs, []string{"loss"}, "metrics.loss"},
		{Runs, []string{"dataset.name"}, "not by a dataset"},
		{Runs, []string{"metrics.a DOWN"}, "expected ASC, DESC or the end"},
		{Runs, []string{"metrics.a DESC ASC"}, "expected ASC, DESC or the end"},
		{Runs, []string{"metrics.a, metrics.b"}, "expected ASC, DESC or the end"},
		{Runs, []string{"metrics.a;"}, ";"},
		{Runs, []string{"'metrics.a'"}, "expected a key"},
		{Runs, []string{"metrics.`a"}, "never closed"},
		{Runs, []string{"metrics.a", "metric.`a` DESC"}, "twice"},
		{Runs, []string{"created", "start_time DESC"}, "twice"},
		{Runs, []string{strings.Repeat("a", 65537)}, "more than 65536"},
		{Runs, slices.Repeat([]string{"run_id"}, 21), "more than 20"},
		{Experiments, []string{"tags.a"}, "not by a tag"},
		{Experiments, []string{"metrics.a"}, "no kind of key"},
	} {
		got, err := tt.l.ParseOrder(tt.in)
		refused(t, strings.Join(tt.in, "\n"), got, err)
		if err != nil && !strings.Contains(domain.As(err).Msg, tt.says) {
			t.Errorf("%.100q: %v, want …%s…", tt.in, err, tt.says)
		}
	}
}

func TestParseOrderField(t *testing.T) {
	for in, want := range map[string]Order{
		"name":                            {Attribute, "name", false},
		"attributes.creation_time":        {Attribute, "creation_timestamp", false},
		"creation_timestamp":              {Attribute, "creation_timestamp", false},
		"last_updated_time":               {Attribute, "last_updated_timestamp", false},
		"metrics.val loss":                {Metric, "val loss", false},
		"metrics.`val/loss`":              {Metric, "val/loss", false},
		`metrics."a.b"`:                   {Metric, "a.b", false},
		"metrics.a.b":                     {Metric, "a.b", false},
		"attributes.`creation_timestamp`": {Attribute, "creation_timestamp", false},
	} {
		for _, ascending := range []bool{true, false} {
			want.Desc = !ascending
			if got, err := LoggedModels.ParseOrderField(in, ascending); err != nil || got != want {
				t.Errorf("%s: got %v, %v", in, got, err)
			}
		}
	}
	for _, in := range []string{"", ".", "x", "metrics.", "metrics", "metrics.``", "metric.a", "params.a", "tags.a", "dataset.name", "metrics.\x00", "a\xff", strings.Repeat("a", 65537)} {
		got, err := LoggedModels.ParseOrderField(in, true)
		refused(t, in, got, err)
		if got != (Order{}) {
			t.Errorf("%q: refused, yet %v", in, got)
		}
	}
}

// grow makes a random condition of runs as the parser could have made it.
func grow(r *rand.Rand, depth int) Expr {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	parts := func() []Expr {
		out := make([]Expr, 2+r.IntN(3))
		for i := range out {
			out[i] = grow(r, depth-1)
		}
		return out
	}
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return And(parts())
		case 1:
			return Or(parts())
		case 2:
			return Not{grow(r, depth-1)}
		}
	}
	value := pick("", "a", "it's", `"`, "%'_'%", "é\n", ";", "AND")
	key := pick("a", "a b", "NOT", "a.b", "`", `a"`, "`\"`", "é", "'", ".", "a.", "-1")
	switch r.IntN(6) {
	case 0:
		return num(Metric, key, operators[number][r.IntN(6)], math.Ldexp(r.Float64()-0.5, r.IntN(2000)-1000))
	case 1:
		return num(Attribute, pick("start_time", "end_time"), Ge, float64(r.Int64()))
	case 2:
		return Clause{Entity: Entity(pick("param", "tag")), Key: key, Op: []Op{IsNull, NotNull}[r.IntN(2)]}
	case 3:
		return list(Attribute, "run_id", []Op{In, NotIn}[r.IntN(2)], value, pick("x", "'"))
	case 4:
		return str(Dataset, pick("name", "digest", "context"), operators[text][r.IntN(4)], value)
	}
	return str(Entity(pick("param", "tag")), key, operators[text][r.IntN(4)], value)
}

func TestStringParsesToTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := grow(r, 3)
		got, err := Runs.ParseFilter(want.String())
		if err != nil || !reflect.DeepEqual(unplaced(got), want) {
			t.Fatalf("%s\n got %#v, %v\nwant %#v", want, got, err, want)
		}
	}
}

func TestStringIsShort(t *testing.T) {
	for in, want := range map[string]string{
		"((attributes.status='A') and (metric.`a`>1 or tag.b is null))": "status = 'A' AND (metrics.a > 1 OR tags.b IS NULL)",
		"not(not(params.`a b`='x'))":                                    "NOT NOT params.`a b` = 'x'",
		"status='A' or status='B' and status='C'":                       "status = 'A' OR status = 'B' AND status = 'C'",
	} {
		if got, err := Runs.ParseFilter(in); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v", in, got, err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, rows := range keys {
		for _, row := range rows {
			f.Add(row.spelt + " = 'x'")
			f.Add("(" + row.spelt + " = 'x''y")
			f.Add("NOT (" + row.spelt + " > 1 OR " + row.spelt + " IN ('a', \"b\",)) AND " + row.spelt + " IS NOT NULL")
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		for thing, l := range languages {
			e, err := l.ParseFilter(in)
			if err != nil {
				refused(t, in, e, err)
				finishes(t, l, in)
				continue
			}
			if e == nil || len(e.String()) > maxText { // quotes may have been doubled
				continue
			}
			again, err := l.ParseFilter(e.String())
			if err != nil || !reflect.DeepEqual(unplaced(again), unplaced(e)) {
				t.Errorf("%s: %q is %#v, whose text %q is %#v, %v", thing, in, e, e, again, err)
			}
		}
	})
}

// finishes checks that a value being written at the end of a filter can be finished.
func finishes(t *testing.T, l *Language, in string) {
	c, at, ok := l.Unfinished(in)
	if !ok {
		return
	}
	finished := in[:at] + Quote(c.Str)
	for range maxDepth + 2 { // brackets may be open
		_, err := l.ParseFilter(finished)
		if e := domain.As(err); err == nil || e.Key == "search.list" || e.Key == "search.long" {
			return
		}
		finished += ")"
	}
	t.Errorf("%q cannot be finished: %#v at %d", in, c, at)
}

func FuzzOrderBy(f *testing.F) {
	for _, rows := range keys {
		for _, row := range rows {
			f.Add(row.spelt + " DESC")
			f.Add(row.spelt)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		for thing, l := range languages {
			if o, err := l.ParseOrderField(in, true); err != nil {
				refused(t, in, o, err)
			}
			order, err := l.ParseOrder([]string{in})
			if err != nil {
				refused(t, in, order, err)
				continue
			}
			if len(order[0].String()) > maxText {
				continue
			}
			again, err := l.ParseOrder([]string{order[0].String()})
			if err != nil || !slices.Equal(again, order) {
				t.Errorf("%s: %q is %v, which is %v, %v", thing, in, order, again, err)
			}
		}
	})
}
