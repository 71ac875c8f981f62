// Package protojson decodes requests in protobuf's JSON form with the house rules of the MLflow protocol:
// snake_case names (camelCase is taken too), 64-bit integers as numbers or strings, NaN and the
// infinities as strings, null for absent, unknown fields skipped, one object that may be wrapped in a
// JSON string. See https://protobuf.dev/programming-guides/json/ for the form.
//
// It reads the bytes once, straight into the caller's struct, by a plan made once for each type. Unlike
// upstream it answers every mistake with an error that names the place.
package protojson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Any is a field that is kept as it stands; it is valid JSON.
type Any = json.RawMessage

// Limits against documents made to hurt.
const (
	maxDepth    = 64      // of values in values
	maxElements = 100_000 // of all lists that are kept; an element can take far more memory than bytes
)

// Unmarshal decodes one JSON object into the struct that dst points to. Fields are named by their pb tags:
// `pb:"run_id"`, or `pb:"run_id,required"` for one that must be there, and not be empty if it is a text.
// They may be strings, booleans, int, int32, int64, float64, structs, Any, and pointers (nil is absent)
// and lists of those; other types are the programmer's mistake, and panic. An empty body is an empty
// object. Errors are of kind Invalid and leave dst half filled.
func Unmarshal(data []byte, dst any) error {
	p, v := target(dst)
	if at := notUTF8(data); at >= 0 {
		return malformed(at, "the text is not valid UTF-8")
	}
	d := decoder{data: data}
	switch d.space(); {
	case d.at == len(data):
		d = decoder{data: []byte("{}")}
	case d.peek() == '"': // an object wrapped in a string
		s, err := d.text()
		if err == nil {
			err = d.end()
		}
		if err != nil {
			return err
		}
		d = decoder{data: []byte(s)}
		d.space()
	}
	if d.peek() != '{' {
		return d.unexpected("an object")
	}
	if err := d.object(p, v); err != nil {
		return err
	}
	return d.end()
}

// target is the struct that dst points to, and how to fill it.
func target(dst any) (*plan, reflect.Value) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic("protojson: the target is no pointer to a struct")
	}
	v = v.Elem()
	return planOf(v.Type()), v
}

// notUTF8 is where data stops to be UTF-8, or -1.
func notUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n <= 1 {
			return at
		}
		at += n
	}
}

// path is where in the document a value is; it is only turned into text for a message.
type path []step

type step struct {
	name  string
	index int // of an element, where name is ""
}

func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

func malformed(at int, problem string) error {
	return domain.Fail(domain.Invalid, "mlflow.json", "Malformed JSON at byte %d: %s", at, problem)
}

func missing(p path) error {
	return domain.Fail(domain.Invalid, "mlflow.missing", "Missing value for required parameter '%s'. See the API docs for more information about request parameters.", p.String())
}

func twice(p path) error {
	return domain.Fail(domain.Invalid, "mlflow.twice", "the parameter '%s' is given twice", p.String())
}

func wrong(p path, got []byte, want string) error {
	return domain.Fail(domain.Invalid, "mlflow.field", "Invalid value %s for parameter '%s' supplied: expected %s", short(got), p.String(), want)
}

func short(b []byte) string {
	const most = 100
	if len(b) <= most {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:most]), "") + "…"
}
