package catalogsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Limits of an answer, so that what is small to send is not dear to read.
const (
	maxDepth  = 60
	maxValues = 2_000_000
	maxModels = 200_000
)

// check reports why text cannot be read in one way only: it is no JSON, a name stands twice in an object, it is no UTF-8.
// encoding/json would take the last of two values and mend the bytes, each in silence.
func check(text []byte) error {
	if !utf8.Valid(text) {
		return domain.Fail(domain.Invalid, "catalog_source.utf8", "the answer is not valid UTF-8")
	}
	if err := something(text); err != nil {
		return err
	}
	w := walker{d: json.NewDecoder(bytes.NewReader(text))}
	w.d.UseNumber()
	err := w.value(0)
	if err == nil {
		if _, more := w.d.Token(); !errors.Is(more, io.EOF) {
			err = errTrailing
		}
	}
	if err != nil && domain.As(err) == nil {
		return &domain.Error{Kind: domain.Invalid, Key: "catalog_source.json", Msg: "the answer is not valid JSON", Err: err}
	}
	return err
}

// something reports why text is no data at all.
func something(text []byte) error {
	switch start := bytes.TrimLeft(text, " \t\r\n\ufeff"); {
	case len(start) == 0:
		return domain.Fail(domain.Invalid, "catalog_source.nothing", "the answer is empty")
	case start[0] == '<':
		return domain.Fail(domain.Invalid, "catalog_source.html", "the answer is a web page, not data: look whether the address is right")
	}
	return nil
}

var errTrailing = errors.New("more than one value")

type walker struct {
	d      *json.Decoder
	values int
}

func (w *walker) value(depth int) error {
	if w.values++; w.values > maxValues || depth > maxDepth {
		return domain.Fail(domain.TooLarge, "catalog_source.deep", "the answer has more than %d values, or values more than %d levels deep", maxValues, maxDepth)
	}
	t, err := w.d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('['):
		for w.d.More() {
			if err := w.value(depth + 1); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		names := map[string]bool{}
		for w.d.More() {
			t, err := w.d.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			if names[name] {
				return domain.Fail(domain.Invalid, "catalog_source.twice", "the name %q stands twice in one object of the answer", domain.Short(name))
			}
			names[name] = true
			if err := w.value(depth + 1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = w.d.Token() // what closes it
	return err
}

// decode reads JSON that was checked into v.
func decode(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return &domain.Error{
			Kind: domain.Invalid, Key: "catalog_source.shape", Err: err, Args: []any{domain.Short(wrong.Field), domain.Short(wrong.Value)},
			Msg: "the answer does not look like one of this kind of source: " + domain.Short(wrong.Field) + " holds a " + domain.Short(wrong.Value),
		}
	}
	if err != nil {
		return &domain.Error{Kind: domain.Invalid, Key: "catalog_source.json", Msg: "the answer is not valid JSON", Err: err}
	}
	return nil
}

// each reads the models in a list one by one and hands them on with the text that says them.
func each[T any](all []json.RawMessage, do func(T, json.RawMessage) error) error {
	if len(all) > maxModels {
		return domain.Fail(domain.TooLarge, "catalog.many", "the source offers %d models, the limit is %d", len(all), maxModels)
	}
	for _, raw := range all {
		var one T
		if err := decode(raw, &one); err != nil {
			return err
		}
		if err := do(one, raw); err != nil {
			return err
		}
	}
	return nil
}

// count is a number of things as sources write it; what is none becomes one that cannot be right.
func count(x float64) int64 {
	const most = 1 << 53
	if !(x >= 0 && x <= most) {
		return -1
	}
	return int64(math.Round(x))
}

// number is a number that a source writes as one or as text.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	s := string(bytes.Trim(text, `"`))
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "text " + domain.Short(s), Field: "price"}
	}
	*n = number(x)
	return nil
}

// links are the addresses that are fit to be shown, by what for.
func links(all map[string]string) map[string]string {
	const most = 300 // bytes
	maps.DeleteFunc(all, func(_, to string) bool { return !strings.HasPrefix(to, "https://") || len(to) > most })
	if len(all) == 0 {
		return nil
	}
	return all
}

// line is what people wrote on a page of their own, as one short line.
func line(s string) string {
	return domain.Short(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), " "))
}

// day is the day of an instant as sources write it.
func day(at string) string {
	const long = len("2006-01-02T")
	if len(at) >= long && at[long-1] == 'T' {
		return at[:long-1]
	}
	return at
}
