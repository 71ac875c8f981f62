// Package search is the filter and order language of the MLflow protocol as syntax trees. One grammar serves
// every kind of thing searched; a Language says which keys and operators each has. Beyond the
// protocol it knows OR, NOT and brackets: NOT binds tightest, then AND, then OR. It knows no SQL.
package search

import (
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
)

// Entity is what a key belongs to.
type Entity string

// The entities.
const (
	Attribute Entity = "attribute"
	Metric    Entity = "metric"
	Param     Entity = "param"
	Tag       Entity = "tag"
	Dataset   Entity = "dataset"
)

// Op is a comparison.
type Op string

// The comparisons. LIKE knows % and _ and no escape; ILIKE is LIKE without regard to case.
const (
	Eq      Op = "="
	Ne      Op = "!="
	Lt      Op = "<"
	Le      Op = "<="
	Gt      Op = ">"
	Ge      Op = ">="
	Like    Op = "LIKE"
	ILike   Op = "ILIKE"
	In      Op = "IN"
	NotIn   Op = "NOT IN"
	IsNull  Op = "IS NULL"
	NotNull Op = "IS NOT NULL"
)

// Expr is a condition: And, Or, Not or Clause. Its String is a filter that parses to the same.
type Expr interface {
	String() string
	isExpr()
}

type (
	// And holds when all of its conditions do.
	And []Expr
	// Or holds when one of its conditions does.
	Or []Expr
	// Not holds when its condition does not.
	Not struct{ X Expr }
	// Clause compares one key with a value: Num if Numeric, List for IN and NOT IN, else Str.
	Clause struct {
		Entity  Entity
		Key     string // canonical: aliases of attributes are resolved, quotes removed
		Op      Op
		Str     string
		Num     float64
		Numeric bool
		List    []string
		Pos     int // byte offset in the text it was read from
	}
)

func (And) isExpr()    {}
func (Or) isExpr()     {}
func (Not) isExpr()    {}
func (Clause) isExpr() {}

func (e And) String() string { return join(e, " AND ") }
func (e Or) String() string  { return join(e, " OR ") }
func (e Not) String() string { return "NOT (" + e.X.String() + ")" }

func join(parts []Expr, op string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = "(" + p.String() + ")"
	}
	return strings.Join(out, op)
}

func (c Clause) String() string {
	s := qualified(c.Entity, c.Key) + " " + string(c.Op)
	switch c.Op {
	case IsNull, NotNull:
		return s
	case In, NotIn:
		quoted := make([]string, len(c.List))
		for i, v := range c.List {
			quoted[i] = quote(v)
		}
		return s + " (" + strings.Join(quoted, ", ") + ")"
	}
	if c.Numeric {
		return s + " " + strconv.FormatFloat(c.Num, 'g', -1, 64)
	}
	return s + " " + quote(c.Str)
}

func qualified(e Entity, key string) string {
	mark := "`"
	if strings.Contains(key, mark) {
		mark = `"`
	}
	return string(e) + "s." + mark + key + mark
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Order is one key of an order.
type Order struct {
	Entity Entity
	Key    string
	Desc   bool
}

func (o Order) String() string {
	if o.Desc {
		return qualified(o.Entity, o.Key) + " DESC"
	}
	return qualified(o.Entity, o.Key) + " ASC"
}

type kind int

const (
	text   kind = iota
	listed      // a text that IN takes too
	number
)

// Language is the language for one kind of thing.
type Language struct {
	thing      string
	entities   map[string]Entity // by every spelling
	attributes map[string]kind
	aliases    map[string]string // other spellings of attributes
	orderBy    []Entity
}

var (
	// Experiments is the language of experiments/search.
	Experiments = &Language{
		thing:      "experiments",
		entities:   spell("attribute", Attribute, "attributes", Attribute, "tag", Tag, "tags", Tag),
		attributes: map[string]kind{"name": text, "experiment_id": listed, "creation_time": number, "last_update_time": number},
		orderBy:    []Entity{Attribute},
	}
	// Runs is the language of runs/search.
	Runs = &Language{
		thing: "runs",
		entities: spell("attribute", Attribute, "attributes", Attribute, "attr", Attribute, "run", Attribute,
			"metric", Metric, "metrics", Metric, "param", Param, "params", Param, "parameter", Param, "parameters", Param,
			"tag", Tag, "tags", Tag, "dataset", Dataset, "datasets", Dataset),
		attributes: map[string]kind{
			"run_id": listed, "run_name": text, "status": text, "user_id": text, "artifact_uri": text, "start_time": number, "end_time": number,
		},
		aliases: map[string]string{"run name": "run_name", "Run name": "run_name", "Run Name": "run_name", "created": "start_time", "Created": "start_time"},
		orderBy: []Entity{Attribute, Metric, Param, Tag},
	}
	// LoggedModels is the language of logged-models/search.
	LoggedModels = &Language{
		thing:    "logged models",
		entities: spell("attributes", Attribute, "metrics", Metric, "params", Param, "tags", Tag),
		attributes: map[string]kind{
			"name": listed, "model_id": listed, "model_type": listed, "status": listed, "source_run_id": listed,
			"creation_timestamp": number, "last_updated_timestamp": number,
		},
		aliases: map[string]string{"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
		orderBy: []Entity{Attribute, Metric},
	}
)

func spell(pairs ...any) map[string]Entity {
	out := map[string]Entity{}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		out[name], _ = pairs[i+1].(Entity)
	}
	return out
}

// Limits against filters made to hurt.
const (
	maxText    = 64 << 10
	maxClauses = 200
	maxDepth   = 50
	maxList    = 1000
)

var (
	texts   = []Op{Eq, Ne, Like, ILike}
	lists   = []Op{Eq, Ne, Like, ILike, In, NotIn}
	numbers = []Op{Eq, Ne, Lt, Le, Gt, Ge}
	labels  = []Op{Eq, Ne, Like, ILike, IsNull, NotNull}
)

// operators are what a key may be compared with, and whether its values are numbers.
func (l *Language) operators(e Entity, key string) (ops []Op, numeric bool) {
	switch {
	case e == Metric:
		return numbers, true
	case e == Dataset:
		return lists, false
	case e == Param || e == Tag:
		return labels, false
	}
	switch l.attributes[key] {
	case number:
		return numbers, true
	case listed:
		return lists, false
	default:
		return texts, false
	}
}

// resolve names the entity and the canonical key of a key as written.
func (l *Language) resolve(t token, what string) (Entity, string, error) {
	if t.prefix != "" {
		e, ok := l.entities[strings.ToLower(t.prefix)]
		if !ok {
			return "", "", fail(t.pos, "%s: %q at position %d is no kind of key of %s", what, short(t.prefix), t.pos, l.thing)
		}
		if e != Attribute {
			if e == Dataset && t.text != "name" && t.text != "digest" && t.text != "context" {
				return "", "", fail(t.pos, "%s: datasets have a name, a digest and a context, not %q (position %d)", what, short(t.text), t.pos)
			}
			if t.text == "" {
				return "", "", fail(t.pos, "%s: the key at position %d is empty", what, t.pos)
			}
			return e, t.text, nil
		}
	}
	key := t.text
	if k, ok := l.aliases[key]; ok {
		key = k
	}
	if _, ok := l.attributes[key]; !ok {
		return "", "", fail(t.pos, "%s: %s have no attribute %q (position %d); metrics, params and tags are written like metrics.%s", what, l.thing, short(key), t.pos, short(key))
	}
	return Attribute, key, nil
}

// syntax is what an error was about, for a caret under the text.
type syntax struct{ pos int }

func (s syntax) Error() string { return "position " + strconv.Itoa(s.pos) }

func fail(pos int, format string, args ...any) error {
	e := domain.Fail(domain.Invalid, "search.syntax", format, args...)
	if d := domain.As(e); d != nil {
		d.Err = syntax{pos}
	}
	return e
}

func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
