// Package canonical writes JSON in the one form that RFC 8785 (JSON Canonicalization Scheme) gives it, so that
// equal values have equal bytes and a digest of the bytes names the value.
package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Marshal is v, as encoding/json understands it, in canonical form. It refuses what has no such form (RFC 7493,
// I-JSON): NaN and infinities, text that is not UTF-8, a name twice in one object, and an integer that no float64
// holds exactly, for two such integers would share their bytes.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, &domain.Error{Kind: domain.Invalid, Key: "canonical.value", Msg: "the value cannot be written as JSON: numbers must be finite", Err: err}
	}
	if err := checkText(reflect.ValueOf(v)); err != nil { // encoding/json would replace the bytes in silence
		return nil, err
	}
	return Transform(b.Bytes())
}

// Digest is the SHA-256 of v in canonical form, in hexadecimal digits; errors are those of Marshal.
func Digest(v any) (string, error) {
	text, err := Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Transform is the JSON text in canonical form. It refuses text that is not JSON and, beside what Marshal
// refuses, halves of surrogate pairs. Nesting ends where encoding/json ends it, at 10,000 levels.
func Transform(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, notUTF8()
	}
	if !json.Valid(text) {
		return nil, domain.Fail(domain.Invalid, "canonical.json", "the text is not valid JSON")
	}
	r := reader{text: text}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	return appendValue(make([]byte, 0, len(text)), v), nil
}

func notUTF8() error {
	return domain.Fail(domain.Invalid, "canonical.utf8", "the text is not valid UTF-8: save it as UTF-8 and try again")
}

// A value read is a scalar, a list or an object.
type (
	scalar []byte // in canonical form
	list   []any
	object []member // sorted
	member struct {
		name  string
		order []uint16 // RFC 8785 §3.2.3: names are sorted as UTF-16 code units
		value any
	}
)

// reader goes once through text that is known to be valid JSON.
type reader struct {
	text []byte
	at   int
}

// value is the value that begins here.
func (r *reader) value() (any, error) {
	switch r.next() {
	case '{':
		return r.object()
	case '[':
		return r.list()
	case '"':
		s, err := r.string()
		return scalar(appendString(nil, s)), err
	case 't', 'f', 'n':
		return scalar(r.word()), nil
	default:
		return number(r.word())
	}
}

// next skips what separates values and peeks at the first byte of what follows.
func (r *reader) next() byte {
	for strings.IndexByte(" \t\r\n,:", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.text[r.at]
}

// word is a literal or a number.
func (r *reader) word() string {
	start := r.at
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n,:]}", r.text[r.at]) < 0 {
		r.at++
	}
	return string(r.text[start:r.at])
}

func (r *reader) list() (list, error) {
	var items list
	for r.at++; r.next() != ']'; {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	r.at++
	return items, nil
}

func (r *reader) object() (object, error) {
	var members object
	for r.at++; r.next() != '}'; {
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, utf16.Encode([]rune(name)), v})
	}
	r.at++
	slices.SortFunc(members, func(a, b member) int { return slices.Compare(a.order, b.order) })
	for i := range members[min(1, len(members)):] {
		if members[i].name == members[i+1].name {
			return nil, domain.Fail(domain.Invalid, "canonical.twice", "the name %q stands twice in one object", domain.Short(members[i].name))
		}
	}
	return members, nil
}

// string is the text of the string that begins here.
func (r *reader) string() (string, error) {
	start := r.at
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] != '\\' {
			continue
		}
		r.at++
		if r.text[r.at] != 'u' {
			continue
		}
		unit := hex4(r.text[r.at+1:])
		r.at += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if !bytes.HasPrefix(r.text[r.at+1:], []byte(`\u`)) || utf16.DecodeRune(unit, hex4(r.text[r.at+3:])) == utf8.RuneError {
			return "", domain.Fail(domain.Invalid, "canonical.surrogate", "the text holds half of a character: \\u%04x is one of a pair and stands alone", unit)
		}
		r.at += 6
	}
	r.at++
	var s string
	err := json.Unmarshal(r.text[start:r.at], &s)
	return s, err
}

// hex4 is the number that four hexadecimal digits write; the text is known to begin with them.
func hex4(text []byte) rune {
	n, err := strconv.ParseUint(string(text[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError // not an escape
	}
	return rune(n)
}

func appendValue(out []byte, v any) []byte {
	switch v := v.(type) {
	case list:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, item)
		}
		return append(out, ']')
	case object:
		out = append(out, '{')
		for i, m := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(append(appendString(out, m.name), ':'), m.value)
		}
		return append(out, '}')
	case scalar:
		return append(out, v...)
	}
	return out
}

// appendString writes s as RFC 8785 §3.2.2.2 has it: only what must be is escaped.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= ' ':
			out = append(out, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			out = append(out, '\\', "btn?fr"[c-'\b'])
		default:
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	return append(out, '"')
}

// number is the number as ECMAScript writes it (RFC 8785 §3.2.2.3): the shortest digits that read back as the
// same float64, with an exponent below 1e-6 and from 1e21.
func number(text string) (scalar, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, domain.Fail(domain.Invalid, "canonical.number", "the number %s is too great", domain.Short(text))
	}
	written := "0" // of -0 too
	if size := math.Abs(f); size >= 1e-6 && size < 1e21 {
		written = strconv.FormatFloat(f, 'f', -1, 64)
	} else if f != 0 {
		written = strings.Replace(strconv.FormatFloat(f, 'e', -1, 64), "e-0", "e-", 1) // Go has two digits at least
	}
	if !strings.ContainsAny(text, ".eE") && text != written && text != strconv.FormatFloat(f, 'f', 0, 64) {
		return nil, domain.Fail(domain.Invalid, "canonical.integer", "the integer %s has too many digits to be kept exactly: write it as text", domain.Short(text))
	}
	return scalar(written), nil
}

// checkText refuses a value that holds text which is not UTF-8 where encoding/json would write it.
// The value has been encoded before, so it has no cycles.
func checkText(v reflect.Value) error {
	if !v.IsValid() {
		return nil
	}
	if v.CanInterface() && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		switch m := v.Interface().(type) {
		case json.Marshaler:
			return nil // its text is read by Transform
		case encoding.TextMarshaler:
			text, err := m.MarshalText()
			if err == nil && !utf8.Valid(text) {
				err = notUTF8()
			}
			return err
		}
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return notUTF8()
		}
	case reflect.Pointer, reflect.Interface:
		return checkText(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := checkText(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if err := checkText(entry.Key()); err != nil {
				return err
			}
			if err := checkText(entry.Value()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() && !f.Anonymous || f.Tag.Get("json") == "-" {
				continue
			}
			if err := checkText(v.Field(i)); err != nil {
				return err
			}
		}
	default:
	}
	return nil
}
