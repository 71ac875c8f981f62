package storage

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/storage/points"
)

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestParseToken(t *testing.T) {
	good := token{"m", []any{"x", json.Number("7")}}
	for _, c := range []struct {
		name, in string
		want     []any // nil = refused
	}{
		{"a token of ours", good.String(), good.After},
		{"numbers keep their digits", encoded(`{"m":"m","a":["9007199254740993",9007199254740993]}`), []any{"9007199254740993", json.Number("9007199254740993")}},
		{"empty text and zero", encoded(`{"m":"m","a":["",0]}`), []any{"", json.Number("0")}},
		{"blank", "", nil},
		{"not base64", "{}", nil},
		{"base64 with padding", base64.StdEncoding.EncodeToString([]byte(`{"m":"m","a":["xy",7]}`)), nil},
		{"an offset, as upstream has it", base64.StdEncoding.EncodeToString([]byte(`{"offset": 2}`)), nil},
		{"not JSON", encoded("hello"), nil},
		{"not an object", encoded(`["m"]`), nil},
		{"null", encoded(`null`), nil},
		{"cut", good.String()[:len(good.String())-4], nil},
		{"another question's", token{"n", good.After}.String(), nil},
		{"without a question", encoded(`{"a":["x",7]}`), nil},
		{"without values", encoded(`{"m":"m"}`), nil},
		{"too few values", token{"m", []any{"x"}}.String(), nil},
		{"too many values", token{"m", []any{"x", "y", "z"}}.String(), nil},
		{"a null", encoded(`{"m":"m","a":["x",null]}`), nil},
		{"a boolean", encoded(`{"m":"m","a":["x",true]}`), nil},
		{"a list", encoded(`{"m":"m","a":["x",[7]]}`), nil},
		{"an object", encoded(`{"m":"m","a":["x",{"y":7}]}`), nil},
		{"two tokens", encoded(`{"m":"m","a":["x",7]}{"m":"m","a":["x",7]}`), nil},
		{"more behind it", encoded(`{"m":"m","a":["x",7]}]`), nil},
		{"a NUL, which PostgreSQL has no place for", encoded(`{"m":"m","a":["x\u0000",7]}`), nil},
		{"very long", token{"m", []any{strings.Repeat("x", maxToken), "y"}}.String(), nil},
	} {
		got, err := parseToken(c.in, "m", 2)
		if c.want == nil {
			if e := domain.As(err); e == nil || e.Kind != domain.Invalid || e.Key != "page_token" {
				t.Errorf("%s: got %v %v, want a refusal", c.name, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, token{"m", c.want}) {
			t.Errorf("%s: got %v %v, want %v", c.name, got, err, c.want)
		}
	}
}

// A mark tells questions apart however their parts are cut.
func TestMark(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a"}, {"b"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"b", "a"}} {
		m := mark(parts...)
		if other, taken := seen[m]; taken {
			t.Errorf("%q and %q have the mark %s", other, parts, m)
		}
		seen[m] = parts
		if again := mark(parts...); again != m {
			t.Errorf("%q has the marks %s and %s", parts, m, again)
		}
	}
}

func TestHistoryToken(t *testing.T) {
	p := points.Point{Timestamp: 1_700_000_000_123, Step: -4, Value: math.NaN()}
	h := history{key: "loss"}
	if err := h.resume(historyToken("loss", p)); err != nil {
		t.Fatal(err)
	}
	if h.after.Timestamp != p.Timestamp || h.after.Step != p.Step || math.Float64bits(h.after.Value) != math.Float64bits(p.Value) || !h.paged {
		t.Errorf("resumed after %+v, want %+v", h.after, p)
	}
	m := mark("history", "loss")
	for _, c := range []struct{ name, in string }{
		{"of another metric", historyToken("acc", p)},
		{"a text for the time", token{m, []any{"1", json.Number("1"), "0"}}.String()},
		{"a text for the step", token{m, []any{json.Number("1"), "1", "0"}}.String()},
		{"a number for the value", token{m, []any{json.Number("1"), json.Number("1"), json.Number("0")}}.String()},
		{"half a millisecond", token{m, []any{json.Number("1.5"), json.Number("1"), "0"}}.String()},
		{"a step beyond 64 bits", token{m, []any{json.Number("1"), json.Number("9223372036854775808"), "0"}}.String()},
		{"a value that is no number", token{m, []any{json.Number("1"), json.Number("1"), "loss"}}.String()},
		{"a value beyond 64 bits", token{m, []any{json.Number("1"), json.Number("1"), "10000000000000000"}}.String()},
	} {
		h := history{key: "loss"}
		if err := h.resume(c.in); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: got %v", c.name, err)
		}
		if h.paged {
			t.Errorf("%s: a refused token was taken", c.name)
		}
	}
}

func TestHistoryTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		p := points.Point{
			Timestamp: rapid.Int64().Draw(t, "timestamp"), Step: rapid.Int64().Draw(t, "step"),
			Value: math.Float64frombits(rapid.Uint64().Draw(t, "value")),
		}
		h := history{key: key}
		if err := h.resume(historyToken(key, p)); err != nil {
			t.Fatal(err)
		}
		if h.after.Timestamp != p.Timestamp || h.after.Step != p.Step || math.Float64bits(h.after.Value) != math.Float64bits(p.Value) {
			t.Fatalf("resumed after %+v, want %+v", h.after, p)
		}
	})
}

// What a row's place becomes in a token is what the next page compares with.
func TestPlaceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }).AsAny())
		values := rapid.SliceOfN(value, 1, 5).Draw(t, "values")
		parsed, err := parseToken(token{"m", place(values)}.String(), "m", len(values))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range parsed.After {
			got, err := keysetValue(v)
			if err != nil || got != values[i] {
				t.Fatalf("%T %v comes back as %T %v, %v", values[i], values[i], got, got, err)
			}
		}
	})
}

func TestPlaceOfEngines(t *testing.T) {
	got := place([]any{int64(math.MinInt64), 3.0, 1e300, []byte("bytes"), true, false, "text"})
	want := []any{json.Number("-9223372036854775808"), json.Number("3.0"), json.Number("1e+300"), "bytes", json.Number("1"), json.Number("0"), "text"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(token{"m", []any{"x", json.Number("7")}}.String(), "m", 2)
	f.Add(historyToken("loss", points.Point{Timestamp: 1, Step: 2, Value: 3}), mark("history", "loss"), 3)
	for _, s := range []string{`{"m":"m","a":[1e999]}`, `{"m":"m","a":["\ud800"]}`, `{"m":"m","a":[-0]}`, `{"m":"m","a":[]}`, `{"m":1}`, `[`} {
		f.Add(encoded(s), "m", 1)
	}
	f.Fuzz(func(t *testing.T, s, m string, n int) {
		h := history{key: "loss"}
		_ = h.resume(s) // must not panic
		got, err := parseToken(s, m, n)
		if err != nil {
			if domain.KindOf(err) != domain.Invalid {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if got.Mark != m || len(got.After) != n {
			t.Fatalf("got %+v for the mark %q and %d values", got, m, n)
		}
		again, err := parseToken(got.String(), m, n)
		if err != nil || again.String() != got.String() {
			t.Fatalf("%s is written as %s and then %s, %v", strconv.Quote(s), got, again, err)
		}
		for _, v := range got.After {
			switch k, err := keysetValue(v); k := k.(type) {
			case string, int64:
			case float64:
				if math.IsInf(k, 0) || math.IsNaN(k) {
					t.Fatalf("%v compares as %v", v, k)
				}
			default:
				if domain.KindOf(err) != domain.Invalid {
					t.Fatalf("%v compares as %T, %v", v, k, err)
				}
			}
		}
	})
}
