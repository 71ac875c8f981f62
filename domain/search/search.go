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

func (e And) String() string { return join(e, " AND ", true) }
func (e Or) String() string  { return join(e, " OR ", false) }

func (e Not) String() string {
	switch e.X.(type) {
	case And, Or:
		return "NOT (" + e.X.String() + ")"
	}
	return "NOT " + e.X.String()
}

// join puts brackets where the grammar would read the parts otherwise: around OR always, around AND
// inside AND.
func join(parts []Expr, op string, and bool) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = p.String()
		_, isOr := p.(Or)
		_, isAnd := p.(And)
		if isOr || isAnd && and {
			out[i] = "(" + out[i] + ")"
		}
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
			quoted[i] = Quote(v)
		}
		return s + " (" + strings.Join(quoted, ", ") + ")"
	default:
	}
	if c.Numeric {
		return s + " " + strconv.FormatFloat(c.Num, 'g', -1, 64)
	}
	return s + " " + Quote(c.Str)
}

// qualified is a key as a filter names it, quoted if it is not one plain word. Attributes are plain words.
func qualified(e Entity, key string) string {
	if e == Attribute {
		return key
	}
	plain := key != "" && strings.IndexFunc(key, func(r rune) bool { return !wordRune(r) }) < 0
	switch {
	case plain:
	case strings.Contains(key, "`"):
		key = `"` + strings.ReplaceAll(key, `"`, `""`) + `"`
	default:
		key = "`" + key + "`"
	}
	return string(e) + "s." + key
}

// Quote is s as a value of the language.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

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

// kind is what a key's values are, which decides its operators.
type kind int

const (
	text   kind = iota
	listed      // a text that IN takes too
	label       // a text that may be absent
	number
)

// operators are what the values of a kind may be compared with.
var operators = map[kind][]Op{
	text:   {Eq, Ne, Like, ILike},
	listed: {Eq, Ne, Like, ILike, In, NotIn},
	label:  {Eq, Ne, Like, ILike, IsNull, NotNull},
	number: {Eq, Ne, Lt, Le, Gt, Ge},
}

// Language is the language for one kind of thing, as a table.
type Language struct {
	things     domain.Word
	entities   map[string]Entity // by every spelling
	attributes map[string]kind
	aliases    map[string]string // other spellings of attributes
	kinds      map[Entity]kind   // of the entities whose keys are free
	orderBy    []Entity

	quotedNumbers bool // a number may stand in quotes
}

// The languages are those of the protocol's search calls; see the classes SearchUtils and
// SearchExperimentsUtils and the module search_logged_model_utils of MLflow 3.17.
var (
	// Experiments is the language of experiments/search.
	Experiments = &Language{
		things:     say("experiments", "experiments"),
		entities:   spell("attribute", Attribute, "attributes", Attribute, "tag", Tag, "tags", Tag),
		attributes: map[string]kind{"name": text, "experiment_id": listed, "creation_time": number, "last_update_time": number},
		kinds:      map[Entity]kind{Tag: label},
		orderBy:    []Entity{Attribute},
	}
	// Runs is the language of runs/search.
	Runs = &Language{
		things: say("runs", "runs"),
		entities: spell("attribute", Attribute, "attributes", Attribute, "attr", Attribute, "run", Attribute,
			"metric", Metric, "metrics", Metric, "param", Param, "params", Param, "parameter", Param, "parameters", Param,
			"tag", Tag, "tags", Tag, "dataset", Dataset, "datasets", Dataset),
		attributes: map[string]kind{
			"run_id": listed, "run_name": text, "status": text, "user_id": text, "artifact_uri": text, "start_time": number, "end_time": number,
		},
		aliases: map[string]string{"run name": "run_name", "Run name": "run_name", "Run Name": "run_name", "created": "start_time", "Created": "start_time"},
		kinds:   map[Entity]kind{Metric: number, Param: label, Tag: label, Dataset: listed},
		orderBy: []Entity{Attribute, Metric, Param, Tag},
	}
	// LoggedModels is the language of logged-models/search.
	LoggedModels = &Language{
		things:   say("logged_models", "logged models"),
		entities: spell("attributes", Attribute, "metrics", Metric, "params", Param, "tags", Tag),
		attributes: map[string]kind{
			"name": listed, "model_id": listed, "model_type": listed, "status": listed, "source_run_id": listed,
			"creation_timestamp": number, "last_updated_timestamp": number,
		},
		aliases: map[string]string{"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
		kinds:   map[Entity]kind{Metric: number, Param: listed, Tag: listed},
		orderBy: []Entity{Attribute, Metric},
	}
	// RegisteredModels is the language of registered-models/search.
	RegisteredModels = &Language{
		things:     say("registered_models", "registered models"),
		entities:   spell("attribute", Attribute, "attributes", Attribute, "tag", Tag, "tags", Tag),
		attributes: map[string]kind{"name": listed, "creation_timestamp": number, "last_updated_timestamp": number},
		aliases:    map[string]string{"timestamp": "last_updated_timestamp"},
		kinds:      map[Entity]kind{Tag: label},
		orderBy:    []Entity{Attribute},
	}
	// ModelVersions is the language of model-versions/search.
	ModelVersions = &Language{
		things:   say("model_versions", "model versions"),
		entities: spell("attribute", Attribute, "attributes", Attribute, "tag", Tag, "tags", Tag),
		attributes: map[string]kind{
			"name": listed, "run_id": listed, "source_path": text,
			"version_number": number, "creation_timestamp": number, "last_updated_timestamp": number,
		},
		kinds:         map[Entity]kind{Tag: label},
		orderBy:       []Entity{Attribute},
		quotedNumbers: true, // versions are texts elsewhere in the protocol
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
	maxText    = 64 << 10 // bytes
	maxClauses = 200
	maxDepth   = 50
	maxList    = 1000
	maxOrder   = 20
)

func (l *Language) kind(e Entity, key string) kind {
	if e == Attribute {
		return l.attributes[key]
	}
	return l.kinds[e]
}

// resolve names the entity and the canonical key of a key as written.
func (l *Language) resolve(t token, what domain.Word) (Entity, string, error) {
	e := Attribute
	if t.dotted {
		var ok bool
		if e, ok = l.entities[strings.ToLower(t.prefix)]; !ok {
			return "", "", fail(t.pos, "entity", "%s: %q at position %d is no kind of key of %s", what, short(t.prefix), t.pos, l.things)
		}
	}
	switch {
	case e == Attribute:
		key, err := l.attribute(t, what)
		return e, key, err
	case t.text == "":
		return "", "", fail(t.pos, "empty", "%s: the key at position %d is empty", what, t.pos)
	case e == Dataset && t.text != "name" && t.text != "digest" && t.text != "context":
		return "", "", fail(t.pos, "dataset", "%s: datasets have a name, a digest and a context, not %q (position %d)", what, short(t.text), t.pos)
	}
	return e, t.text, nil
}

func (l *Language) attribute(t token, what domain.Word) (string, error) {
	key := t.text
	if k, ok := l.aliases[key]; ok {
		key = k
	}
	if _, ok := l.attributes[key]; ok {
		return key, nil
	}
	if _, ok := l.kinds[Metric]; !ok {
		return "", fail(t.pos, "attribute_or_tag", "%s: %s have no attribute %q (position %d); tags are written like tags.%s", what, l.things, short(key), t.pos, short(key))
	}
	return "", fail(t.pos, "attribute", "%s: %s have no attribute %q (position %d); metrics, params and tags are written like metrics.%s", what, l.things, short(key), t.pos, short(key))
}

// All is the filter that e and each of more must pass; e may be nil.
func All(e Expr, more ...Expr) Expr {
	if e != nil {
		more = append([]Expr{e}, more...)
	}
	switch len(more) {
	case 0:
		return nil
	case 1:
		return more[0]
	}
	return And(more)
}

// syntax is what an error was about, for a caret under the text.
type syntax struct{ pos int }

func (s syntax) Error() string { return "position " + strconv.Itoa(s.pos) }

// fail refuses a text at a byte of it. The code names the translation, format and args are the English text.
func fail(pos int, code, format string, args ...any) error {
	e := domain.Fail(domain.Invalid, "search."+code, format, args...)
	if d := domain.As(e); d != nil {
		d.Err = syntax{pos}
	}
	return e
}

// say is a part of a message that is translated by itself.
func say(code, english string) domain.Word { return domain.Word{Key: "search." + code, Text: english} }

// What a text is, at the beginning of each message; clients know the two by these names.
var (
	theFilter = say("filter", "filter")
	theOrder  = say("order", "order_by")
)

func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
