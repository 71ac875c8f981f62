package canonical

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// The examples of RFC 8785 §3.2.2 and §3.2.3, and what else its rules decide.
func TestTransform(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{
			"§3.2.2", `{
				"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
				"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
				"literals": [null, true, false]
			}`,
			`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		},
		{
			"§3.2.3", `{
				"\u20ac": "Euro Sign",
				"\r": "Carriage Return",
				"\ufb33": "Hebrew Letter Dalet With Dagesh",
				"1": "One",
				"\ud83d\ude00": "Emoji: Grinning Face",
				"\u0080": "Control",
				"\u00f6": "Latin Small Letter O With Diaeresis"
			}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		},
		{"nothing", ` { } `, `{}`},
		{"empty list", "[\n]", `[]`},
		{"inside out", `{"b":[{"d":1,"c":2}],"a":{}}`, `{"a":{},"b":[{"c":2,"d":1}]}`},
		{"order of lists stays", `[3,1,2]`, `[3,1,2]`},
		{"a prefix comes first", `{"aa":1,"a":2,"":3}`, `{"":3,"a":2,"aa":1}`},
		{"no more escapes than needed", `"\u003c\u003e\u0026\u2028\u2029\u007f\/"`, "\"<>&\u2028\u2029\u007f/\""},
		{"control characters", `"\u0000\u0008\u0009\u000a\u000b\u000c\u000d\u001f"`, `"\u0000\b\t\n\u000b\f\r\u001f"`},
		{"a pair", `"\uD83D\uDE00"`, `"😀"`},
		{"not normalized", `["e\u0301","é"]`, "[\"e\u0301\",\"é\"]"},
		{"minus nothing", `[-0, -0.0, 0e9]`, `[0,0,0]`},
		{"too small is nothing", `1e-400`, `0`},
		{"exact beyond 2^53", `[9007199254740992, 295147905179352825856, 295147905179352830000]`, `[9007199254740992,295147905179352830000,295147905179352830000]`},
		{"a string of separators", `[",:]} \\"]`, `[",:]} \\"]`},
	} {
		got, err := Transform([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

// RFC 8785 §3.2.4 gives the bytes of the first example.
func TestBytesOfTheExample(t *testing.T) {
	want := strings.Join(strings.Fields(`
		7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62
		65 72 73 22 3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31 65 2b 33 30 2c 34 2e 35 2c 30
		2e 30 30 32 2c 31 65 2d 32 37 5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41
		27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d`), "")
	got, err := Marshal(map[string]any{
		"numbers":  []float64{333333333.33333329, 1e30, 4.5, 2e-3, 1e-27},
		"string":   "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
		"literals": []any{nil, true, false},
	})
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got %x, %v\nwant %s", got, err, want)
	}
}

// The numbers of RFC 8785, appendix B.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		bits uint64
		want string
	}{
		{0x0000000000000000, "0"},
		{0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"},
		{0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, "1.7976931348623157e+308"},
		{0xffefffffffffffff, "-1.7976931348623157e+308"},
		{0x4340000000000000, "9007199254740992"},
		{0xc340000000000000, "-9007199254740992"},
		{0x4430000000000000, "295147905179352830000"},
		{0x44b52d02c7e14af5, "9.999999999999997e+22"},
		{0x44b52d02c7e14af6, "1e+23"},
		{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
		{0x444b1ae4d6e2ef4e, "999999999999999700000"},
		{0x444b1ae4d6e2ef4f, "999999999999999900000"},
		{0x444b1ae4d6e2ef50, "1e+21"},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
		{0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"},
		{0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"},
		{0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
		{0x7fffffffffffffff, ""},
		{0x7ff0000000000000, ""},
		{0xfff0000000000000, ""},
	} {
		f := math.Float64frombits(c.bits)
		got, err := Marshal(f)
		if (err != nil) != (c.want == "") || string(got) != c.want {
			t.Errorf("%016x (%v): got %s, %v, want %q", c.bits, f, got, err, c.want)
		}
	}
}

type named string

// text writes itself as a text that need not be UTF-8.
type text string

func (t text) MarshalText() ([]byte, error) { return []byte(t), nil }

type hidden struct {
	Secret string `json:"-"`
	secret string
	Shown  string `json:"shown"`
}

func TestMarshal(t *testing.T) {
	empty := ""
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"nothing", nil, `null`},
		{"no pointer", (*hidden)(nil), `null`},
		{"a pointer", &empty, `""`},
		{"bytes", []byte{0xff}, `"/w=="`},
		{"a replacement character", "\ufffd", "\"\ufffd\""},
		{"what is not written is not read", hidden{"\xff", "\xff", "x"}, `{"shown":"x"}`},
		{"integers", map[named]int64{"b": 1 << 53, "a": -1}, `{"a":-1,"b":9007199254740992}`},
		{"a time", time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC), `"2026-11-18T00:00:00Z"`},
		{"raw text", json.RawMessage(`{"b" : 1.0, "a":2}`), `{"a":2,"b":1}`},
		{"text of its own", []text{"b", "a"}, `["b","a"]`},
		{"no HTML", "<&>", `"<&>"`},
	} {
		got, err := Marshal(c.in)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, got, err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	loop := map[string]any{}
	loop["again"] = loop
	bad := "a\xff"
	for _, c := range []struct {
		name string
		in   any
		key  string
	}{
		{"NaN", math.NaN(), "canonical.value"},
		{"infinity", []float64{math.Inf(-1)}, "canonical.value"},
		{"a channel", make(chan int), "canonical.value"},
		{"a loop", loop, "canonical.value"},
		{"bad bytes", bad, "canonical.utf8"},
		{"bad bytes in a list", [1]any{[]named{named(bad)}}, "canonical.utf8"},
		{"bad bytes in a field", struct{ P *hidden }{&hidden{Shown: bad}}, "canonical.utf8"},
		{"bad bytes in a name", map[string]int{bad: 1}, "canonical.utf8"},
		{"bad bytes in a value", map[int]string{1: bad}, "canonical.utf8"},
		{"bad bytes of a text", text(bad), "canonical.utf8"},
		{"bad bytes in JSON", json.RawMessage(`"` + bad + `"`), "canonical.utf8"},
		{"half a pair", json.RawMessage(`"\ud83d"`), "canonical.surrogate"},
		{"half a pair and a letter", json.RawMessage(`"\ud83dabcdef"`), "canonical.surrogate"},
		{"half a pair and an escape", json.RawMessage(`"\ud83d\u0041"`), "canonical.surrogate"},
		{"the wrong way round", json.RawMessage(`"\ude00\ud83d"`), "canonical.surrogate"},
		{"half a pair in a name", json.RawMessage(`{"\udfff":1}`), "canonical.surrogate"},
		{"twice", json.RawMessage(`{"a":1,"b":2,"a":1}`), "canonical.twice"},
		{"twice in disguise", json.RawMessage(`[{"a":1,"\u0061":1}]`), "canonical.twice"},
		{"too great", json.RawMessage(`1e400`), "canonical.number"},
		{"not exact", int64(1<<53 + 1), "canonical.integer"},
		{"not exact, negative", json.RawMessage(`[-9007199254740993]`), "canonical.integer"},
		{"not exact, unsigned", uint64(math.MaxUint64), "canonical.integer"},
	} {
		got, err := Marshal(c.in)
		if e := domain.As(err); e == nil || e.Key != c.key || e.Kind != domain.Invalid || got != nil {
			t.Errorf("%s: got %s, %v, want the refusal %s", c.name, got, err, c.key)
		}
	}
	for _, in := range []string{"", " ", "{", "[1,]", "01", "nul", "1 2", "{a:1}", "'a'", "\ufeff1", `"\x"`, strings.Repeat("[", 20000) + strings.Repeat("]", 20000)} {
		if _, err := Transform([]byte(in)); domain.As(err) == nil || domain.As(err).Key != "canonical.json" {
			t.Errorf("%.40q: got %v", in, err)
		}
	}
	if _, err := Digest(math.NaN()); domain.KindOf(err) != domain.Invalid {
		t.Errorf("digest: got %v", err)
	}
}

func TestDigest(t *testing.T) {
	a, err := Digest(map[string]any{"b": 1, "a": 2.50})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Digest(json.RawMessage(`{ "a": 25e-1, "b": 1.0 }`))
	if err != nil || a != b || len(a) != 64 {
		t.Errorf("%s and %s, %v", a, b, err)
	}
	empty, err := Digest(struct{}{}) // sha256sum of "{}"
	if err != nil || empty != "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" {
		t.Errorf("got %s, %v", empty, err)
	}
}

// Every float64 is read back as itself, and its text is that of encoding/json but for -0.
func TestNumbersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		got, err := Marshal(f)
		var back float64
		if err != nil || json.Unmarshal(got, &back) != nil || back != f {
			t.Fatalf("%v: %s, %v", f, got, err)
		}
	})
}

func FuzzTransform(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1,2.50,1E30,-0],"a":"\u20ac\ud83d\ude00\/","":null}`, `"\ud800"`, `{"a":1,"a":2}`, `9007199254740993`,
		`[[[[]]]]`, ` true `, "\"\u2028<\"", `1e-7`, `{"\ufb33":1,"\ud83d\ude00":2}`, "\"\xff\"", `"\u0000\\u0000"`, `[1e400]`, `{"a" :{"b" :{}} }`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := Transform(text)
		if err != nil {
			if domain.KindOf(err) != domain.Invalid {
				t.Fatalf("%q: an error of our own: %v", text, err)
			}
			return
		}
		again, err := Transform(once)
		if err != nil || string(again) != string(once) {
			t.Fatalf("%q: %s, then %s, %v", text, once, again, err)
		}
		var in, out any
		if json.Unmarshal(text, &in) != nil || json.Unmarshal(once, &out) != nil || !reflect.DeepEqual(in, out) {
			t.Fatalf("%q: reads as %v, its form %s as %v", text, in, once, out)
		}
		marshalled, err := Marshal(in)
		if err != nil || string(marshalled) != string(once) {
			t.Fatalf("%q: text gives %s, its value %s, %v", text, once, marshalled, err)
		}
	})
}
