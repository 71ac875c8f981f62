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
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Any is a field that is kept as it stands; it is valid JSON.
type Any = json.RawMessage

// maxDepth is how deeply values may be nested.
const maxDepth = 64

// plan is how to fill a struct.
type plan struct {
	fields   []field
	byName   map[string]int // by snake and camel spelling
	required int
}

type field struct {
	name     string
	index    int
	required bool
	typ      reflect.Type
}

var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan) //nolint:forcetypeassert // nothing else is stored
	}
	p := &plan{byName: map[string]int{}}
	for i := range t.NumField() {
		name, opts, _ := strings.Cut(t.Field(i).Tag.Get("pb"), ",")
		if name == "" {
			continue
		}
		f := field{name, i, opts == "required", t.Field(i).Type}
		p.byName[name], p.byName[camel(name)] = len(p.fields), len(p.fields)
		p.fields = append(p.fields, f)
		if f.required {
			p.required++
		}
	}
	got, _ := plans.LoadOrStore(t, p)
	return got.(*plan) //nolint:forcetypeassert // nothing else is stored
}

func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// Unmarshal decodes one JSON object into the struct that dst points to. Fields are named by their pb tags;
// one tagged "required" must be there, and not be empty if it is a text. Errors are of kind Invalid. An
// empty body is an empty object.
func Unmarshal(data []byte, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	if len(strings.TrimSpace(string(data[:min(len(data), 64)]))) == 0 && len(strings.TrimSpace(string(data))) == 0 {
		data = []byte("{}")
	}
	d := decoder{data: data}
	if d.space(); d.peek() == '"' { // an object wrapped in a string
		s, err := d.text()
		if err != nil {
			return err
		}
		if err := d.end(); err != nil {
			return err
		}
		d = decoder{data: []byte(s)}
		d.space()
	}
	if d.peek() != '{' {
		return domain.Fail(domain.Invalid, "mlflow.json", "Malformed JSON at byte %d: expected an object", d.at)
	}
	if err := d.object(v, nil, 1); err != nil {
		return err
	}
	return d.end()
}

// path is where in the document a value is; it is only turned into text for a message.
type path struct {
	up    *path
	name  string
	index int // of an element, where name is ""
}

func (p *path) String() string {
	switch {
	case p == nil:
		return ""
	case p.name == "":
		return p.up.String() + "[" + strconv.Itoa(p.index) + "]"
	case p.up == nil:
		return p.name
	}
	return p.up.String() + "." + p.name
}

func missing(p *path) error {
	return domain.Fail(domain.Invalid, "mlflow.missing", "Missing value for required parameter '%s'. See the API docs for more information about request parameters.", p)
}

func wrong(p *path, got, want string) error {
	const most = 100
	if len(got) > most {
		got = strings.ToValidUTF8(got[:most], "") + "…"
	}
	return domain.Fail(domain.Invalid, "mlflow.field", "Invalid value %s for parameter '%s' supplied: expected %s", got, p, want)
}

type decoder struct {
	data  []byte
	at    int
	texts map[string]string // short texts of this document, so that repeated ones are stored once
}

func (d *decoder) fail(format string, args ...any) error {
	return domain.Fail(domain.Invalid, "mlflow.json", "Malformed JSON at byte %d: %s", d.at, fmt.Sprintf(format, args...))
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (d *decoder) peek() byte {
	if d.at < len(d.data) {
		return d.data[d.at]
	}
	return 0
}

func (d *decoder) expect(c byte) error {
	d.space()
	if d.peek() != c {
		return d.unexpected("'" + string(c) + "'")
	}
	d.at++
	return nil
}

func (d *decoder) unexpected(want string) error {
	if d.at >= len(d.data) {
		return d.fail("it ends where %s should be", want)
	}
	return d.fail("expected %s, found %q", want, d.data[d.at])
}

func (d *decoder) end() error {
	if d.space(); d.at < len(d.data) {
		return d.fail("there is more after the object")
	}
	return nil
}

// object fills v, a struct.
func (d *decoder) object(v reflect.Value, up *path, depth int) error {
	p := planOf(v.Type())
	var few [24]bool // which fields were there
	seen := few[:]
	if len(p.fields) > len(seen) {
		seen = make([]bool, len(p.fields))
	}
	err := d.members(depth, func(name string) error {
		i, ok := p.byName[name]
		if !ok {
			return d.skip(depth + 1)
		}
		here := path{up: up, name: p.fields[i].name}
		if seen[i] {
			return domain.Fail(domain.Invalid, "mlflow.twice", "the parameter '%s' is given twice", &here)
		}
		if d.peek() == 'n' {
			return d.word("null")
		}
		seen[i] = true
		f := v.Field(p.fields[i].index)
		if err := d.value(f, &here, depth+1); err != nil {
			return err
		}
		seen[i] = !(p.fields[i].required && f.Kind() == reflect.String && f.Len() == 0)
		return nil
	})
	if err != nil || p.required == 0 {
		return err
	}
	for i, f := range p.fields {
		if f.required && !seen[i] {
			return missing(&path{up: up, name: f.name})
		}
	}
	return nil
}

// members calls each for every name of an object, with the decoder at its value.
func (d *decoder) members(depth int, each func(name string) error) error {
	if depth > maxDepth {
		return d.fail("values are nested more than %d deep", maxDepth)
	}
	if err := d.expect('{'); err != nil {
		return err
	}
	if d.space(); d.peek() == '}' {
		d.at++
		return nil
	}
	for {
		if d.space(); d.peek() != '"' {
			return d.unexpected("a name")
		}
		name, err := d.text()
		if err != nil {
			return err
		}
		if err := d.expect(':'); err != nil {
			return err
		}
		d.space()
		if err := each(name); err != nil {
			return err
		}
		if d.space(); d.peek() == ',' {
			d.at++
			continue
		}
		return d.expect('}')
	}
}

var anyType = reflect.TypeFor[Any]()

// value fills v with the value at hand, which is not null.
func (d *decoder) value(v reflect.Value, p *path, depth int) error {
	t := v.Type()
	if t == anyType {
		start := d.at
		if err := d.skip(depth); err != nil {
			return err
		}
		v.SetBytes(append([]byte(nil), d.data[start:d.at]...))
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		to := reflect.New(t.Elem())
		if err := d.value(to.Elem(), p, depth); err != nil {
			return err
		}
		v.Set(to)
		return nil
	case reflect.Struct:
		if d.peek() != '{' {
			return d.mistyped(p, "an object", depth)
		}
		return d.object(v, p, depth)
	case reflect.Slice:
		return d.list(v, p, depth)
	case reflect.String:
		if d.peek() != '"' {
			return d.mistyped(p, "a string", depth)
		}
		s, err := d.text()
		v.SetString(s)
		return err
	case reflect.Bool:
		switch d.peek() {
		case 't':
			v.SetBool(true)
			return d.word("true")
		case 'f':
			v.SetBool(false)
			return d.word("false")
		}
		return d.mistyped(p, "true or false", depth)
	default:
		return d.numeric(v, p, depth)
	}
}

// mistyped skips a value of the wrong type, so that broken JSON is said to be broken, and names it.
func (d *decoder) mistyped(p *path, want string, depth int) error {
	start := d.at
	if err := d.skip(depth); err != nil {
		return err
	}
	return wrong(p, string(d.data[start:d.at]), want)
}

func (d *decoder) list(v reflect.Value, p *path, depth int) error {
	if d.peek() != '[' {
		return d.mistyped(p, "a list", depth)
	}
	if depth > maxDepth {
		return d.fail("values are nested more than %d deep", maxDepth)
	}
	d.at++
	if d.space(); d.peek() == ']' {
		d.at++
		return nil
	}
	element := v.Type().Elem()
	for i := 0; ; i++ {
		here := path{up: p, index: i}
		d.space()
		if d.peek() == 'n' {
			return d.mistyped(&here, "a value", depth+1)
		}
		if i == v.Cap() {
			v.Grow(max(4, i))
		}
		v.SetLen(i + 1)
		v.Index(i).Set(reflect.Zero(element))
		if err := d.value(v.Index(i), &here, depth+1); err != nil {
			return err
		}
		if d.space(); d.peek() == ',' {
			d.at++
			continue
		}
		return d.expect(']')
	}
}

func (d *decoder) numeric(v reflect.Value, p *path, depth int) error {
	want := "an integer"
	if v.Kind() == reflect.Float64 {
		want = "a number"
	}
	start := d.at
	var s string
	switch c := d.peek(); {
	case c == '"':
		var err error
		if s, err = d.text(); err != nil {
			return err
		}
	case c == 'N':
		s = "NaN"
		if err := d.word(s); err != nil {
			return err
		}
	case c == 'I':
		s = "Infinity"
		if err := d.word(s); err != nil {
			return err
		}
	case c == '-' && d.at+1 < len(d.data) && d.data[d.at+1] == 'I':
		s = "-Infinity"
		if err := d.word(s); err != nil {
			return err
		}
	case c == '-' || c >= '0' && c <= '9':
		if err := d.number(); err != nil {
			return err
		}
		s = string(d.data[start:d.at])
	default:
		return d.mistyped(p, want, depth)
	}
	if !setNumber(v, s) {
		return wrong(p, string(d.data[start:d.at]), want)
	}
	return nil
}

// setNumber puts the number s into v, an integer or a float, if it fits.
func setNumber(v reflect.Value, s string) bool {
	if v.Kind() == reflect.Float64 {
		f, ok := parseFloat(s)
		v.SetFloat(f)
		return ok
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ok := parseFloat(s) // 1.0 and 1e3 are integers too
		if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return false
		}
		n = int64(f)
	}
	if v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

func parseFloat(s string) (float64, bool) {
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), true
	case "infinity", "inf", "+infinity", "+inf":
		return math.Inf(1), true
	case "-infinity", "-inf":
		return math.Inf(-1), true
	}
	if s == "" || strings.ContainsAny(s, "xX_pP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) { // 1e999 is what protobuf reads as infinity
		return 0, false
	}
	return f, true
}

// number moves over a number in JSON's form.
func (d *decoder) number() error {
	digits := func() bool {
		start := d.at
		for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
			d.at++
		}
		return d.at > start
	}
	if d.peek() == '-' {
		d.at++
	}
	if d.peek() == '0' {
		d.at++
	} else if !digits() {
		return d.unexpected("a digit")
	}
	if d.peek() == '.' {
		d.at++
		if !digits() {
			return d.unexpected("a digit")
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.at++
		if c := d.peek(); c == '+' || c == '-' {
			d.at++
		}
		if !digits() {
			return d.unexpected("a digit")
		}
	}
	return nil
}

func (d *decoder) word(w string) error {
	if !strings.HasPrefix(string(d.data[d.at:min(len(d.data), d.at+len(w))]), w) {
		return d.unexpected(w)
	}
	d.at += len(w)
	return nil
}

// skip moves over any value.
func (d *decoder) skip(depth int) error {
	switch c := d.peek(); c {
	case '{':
		return d.members(depth, func(string) error { return d.skip(depth + 1) })
	case '[':
		if depth > maxDepth {
			return d.fail("values are nested more than %d deep", maxDepth)
		}
		d.at++
		if d.space(); d.peek() == ']' {
			d.at++
			return nil
		}
		for {
			d.space()
			if err := d.skip(depth + 1); err != nil {
				return err
			}
			if d.space(); d.peek() == ',' {
				d.at++
				continue
			}
			return d.expect(']')
		}
	case '"':
		_, err := d.text()
		return err
	case 't':
		return d.word("true")
	case 'f':
		return d.word("false")
	case 'n':
		return d.word("null")
	case 'N':
		return d.word("NaN")
	case 'I':
		return d.word("Infinity")
	case '-':
		if d.at+1 < len(d.data) && d.data[d.at+1] == 'I' {
			return d.word("-Infinity")
		}
		return d.number()
	default:
		if c >= '0' && c <= '9' {
			return d.number()
		}
		return d.unexpected("a value")
	}
}

const shortText = 64

// text reads a string. NUL is refused: no database keeps it in a text.
func (d *decoder) text() (string, error) {
	start := d.at + 1
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			raw := d.data[start:i]
			if !utf8.Valid(raw) {
				return "", d.fail("the text is not valid UTF-8")
			}
			d.at = i + 1
			return d.keep(raw), nil
		case c == '\\':
			return d.escaped(start, i)
		case c < ' ':
			d.at = i
			return "", d.fail("a control character in a text")
		}
	}
	d.at = len(d.data)
	return "", d.fail("it ends inside a text")
}

// keep is raw as a string; a short one that came before is shared.
func (d *decoder) keep(raw []byte) string {
	if len(raw) > shortText {
		return string(raw)
	}
	if s, ok := d.texts[string(raw)]; ok {
		return s
	}
	s := string(raw)
	const most = 256
	if d.texts == nil {
		d.texts = make(map[string]string, 16)
	}
	if len(d.texts) < most {
		d.texts[s] = s
	}
	return s
}

// escaped reads the rest of a text from its first backslash on.
func (d *decoder) escaped(start, i int) (string, error) {
	b := append([]byte(nil), d.data[start:i]...)
	for i < len(d.data) {
		c := d.data[i]
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", d.fail("the text is not valid UTF-8")
			}
			d.at = i + 1
			return string(b), nil
		case c < ' ':
			d.at = i
			return "", d.fail("a control character in a text")
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		d.at = i
		if i+1 >= len(d.data) {
			break
		}
		if d.data[i+1] == 'u' {
			r, n, err := d.unicode(i)
			if err != nil {
				return "", err
			}
			b, i = utf8.AppendRune(b, r), i+n
			continue
		}
		at := strings.IndexByte(`"\/bfnrt`, d.data[i+1])
		if at < 0 {
			return "", d.fail("an unknown escape in a text")
		}
		b, i = append(b, "\"\\/\b\f\n\r\t"[at]), i+2
	}
	d.at = len(d.data)
	return "", d.fail("it ends inside a text")
}

// unicode reads \uXXXX at i, or two of them that make one character, and how long that is.
func (d *decoder) unicode(i int) (r rune, n int, err error) {
	unit := func(i int) (uint64, bool) {
		if i+6 > len(d.data) || d.data[i] != '\\' || d.data[i+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(d.data[i+2:i+6]), 16, 16)
		return u, err == nil
	}
	u, ok := unit(i)
	if !ok {
		return 0, 0, d.fail("a broken \\u escape in a text")
	}
	switch {
	case u == 0:
		return 0, 0, d.fail("a NUL character in a text")
	case u >= 0xd800 && u < 0xdc00:
		if low, ok := unit(i + 6); ok && low >= 0xdc00 && low < 0xe000 {
			return rune((u-0xd800)<<10|(low-0xdc00)) + 0x10000, 12, nil
		}
		fallthrough
	case u >= 0xdc00 && u < 0xe000:
		return 0, 0, d.fail("half a surrogate pair in a text")
	}
	return rune(u), 6, nil
}

// UnmarshalQuery fills the struct that dst points to from query parameters. Repeated ones fill lists;
// booleans may be spelt True or False.
func UnmarshalQuery(q url.Values, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	for _, f := range planOf(v.Type()).fields {
		here := &path{name: f.name}
		values := q[f.name]
		if other := q[camel(f.name)]; camel(f.name) != f.name && len(other) > 0 {
			if len(values) > 0 {
				return domain.Fail(domain.Invalid, "mlflow.twice", "the parameter '%s' is given twice", here)
			}
			values = other
		}
		if err := setQuery(v.Field(f.index), values, here); err != nil {
			return err
		}
		if f.required && (len(values) == 0 || values[0] == "") {
			return missing(here)
		}
	}
	return nil
}

func setQuery(v reflect.Value, values []string, p *path) error {
	if len(values) == 0 {
		return nil
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		for i, s := range values {
			if err := plain(s, &path{up: p, index: i}); err != nil {
				return err
			}
		}
		v.Set(reflect.ValueOf(values))
		return nil
	}
	if len(values) > 1 {
		for _, s := range values[1:] {
			if s != values[0] {
				return domain.Fail(domain.Invalid, "mlflow.twice", "the parameter '%s' is given twice", p)
			}
		}
	}
	s := values[0]
	if v.Kind() == reflect.Pointer {
		if s == "" && v.Type().Elem().Kind() != reflect.String {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return plain(s, p)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(s))
		if err != nil {
			return wrong(p, strconv.Quote(s), "true or false")
		}
		v.SetBool(b)
		return nil
	case reflect.Int64, reflect.Int32, reflect.Int, reflect.Float64:
		if s != "" && !setNumber(v, s) {
			return wrong(p, strconv.Quote(s), "a number")
		}
		return nil
	default:
		return wrong(p, strconv.Quote(s), "nothing: this parameter cannot stand in a query")
	}
}

func plain(s string, p *path) error {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return wrong(p, strconv.Quote(s), "text without NUL in valid UTF-8")
	}
	return nil
}
