package protojson

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/slipway-ml/slipway/domain"
)

type point struct {
	Key   string  `json:"key" pb:"key,required"`
	Value float64 `json:"value" pb:"value,required"`
	Time  int64   `json:"timestamp" pb:"timestamp,required"`
	Step  int64   `json:"step" pb:"step"`
	RunID string  `json:"run_id" pb:"run_id"`
}

type batch struct {
	RunID   string  `json:"run_id" pb:"run_id,required"`
	Metrics []point `json:"metrics" pb:"metrics"`
}

type kinds struct {
	Text   string    `json:"text" pb:"text"`
	TextP  *string   `json:"text_p" pb:"text_p"`
	Bool   bool      `json:"bool" pb:"bool"`
	BoolP  *bool     `json:"bool_p" pb:"bool_p"`
	Int    int64     `json:"int" pb:"int"`
	IntP   *int64    `json:"int_p" pb:"int_p"`
	Small  int32     `json:"small" pb:"small"`
	Float  float64   `json:"float" pb:"float"`
	FloatP *float64  `json:"float_p" pb:"float_p"`
	Texts  []string  `json:"texts" pb:"texts"`
	Ints   []int64   `json:"ints" pb:"ints"`
	Floats []float64 `json:"floats" pb:"floats"`
	In     struct {
		A string `json:"a" pb:"a"`
	} `json:"in" pb:"in"`
	Self    *kinds   `json:"self" pb:"self"`
	Selves  []kinds  `json:"selves" pb:"selves"`
	SelvesP []*kinds `json:"selves_p" pb:"selves_p"`
	Any     Any      `json:"any_thing" pb:"any_thing"`
	Anys    []Any    `json:"anys" pb:"anys"`
	Other   string   `json:"-"`
}

func ptr[T any](v T) *T { return &v }

func TestUnmarshal(t *testing.T) {
	deep := strings.Repeat(`{"self":`, 63) + "{}" + strings.Repeat("}", 63)
	for _, tt := range []struct {
		in   string
		want kinds
	}{
		{``, kinds{}},
		{" \t\r\n", kinds{}},
		{` { } `, kinds{}},
		{`{"text":"a","bool":true,"int":5,"float":0.5}`, kinds{Text: "a", Bool: true, Int: 5, Float: 0.5}},
		{`{"text_p":"","bool_p":false,"int_p":0,"float_p":0}`, kinds{TextP: ptr(""), BoolP: ptr(false), IntP: ptr(int64(0)), FloatP: ptr(0.0)}},
		{`{"textP":"a","anyThing":1}`, kinds{TextP: ptr("a"), Any: Any("1")}},
		{`{"text":null,"text_p":null,"int":null,"texts":null,"self":null,"any_thing":null,"in":null}`, kinds{}},
		{`{"int":"12","small":"-7","float":"1.5"}`, kinds{Int: 12, Small: -7, Float: 1.5}},
		{`{"int":1.0,"small":-2.00,"int_p":"3.0"}`, kinds{Int: 1, Small: -2, IntP: ptr(int64(3))}},
		{`{"int":1e3,"int_p":1.5e1}`, kinds{Int: 1000, IntP: ptr(int64(15))}},
		{`{"int":9223372036854775807,"int_p":-9223372036854775808}`, kinds{Int: math.MaxInt64, IntP: ptr(int64(math.MinInt64))}},
		{`{"int":9007199254740993.0,"int_p":"9007199254740993"}`, kinds{Int: 9007199254740993, IntP: ptr(int64(9007199254740993))}},
		{`{"small":2147483647}`, kinds{Small: math.MaxInt32}},
		{`{"floats":["Infinity","-Infinity",Infinity,-Infinity,"1e3",5,-0.5e-3,"inf"]}`, kinds{Floats: []float64{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1), 1000, 5, -0.0005, math.Inf(1)}}},
		{`{"texts":["a","","a"],"ints":[1,"2"]}`, kinds{Texts: []string{"a", "", "a"}, Ints: []int64{1, 2}}},
		{`{"texts":[],"anys":[]}`, kinds{}},
		{`{"in":{"a":"x","b":[]},"self":{"text":"y"},"selves":[{"int":1},{}],"selves_p":[{"text":"z"}]}`, kinds{
			In: struct {
				A string `json:"a" pb:"a"`
			}{"x"}, Self: &kinds{Text: "y"}, Selves: []kinds{{Int: 1}, {}}, SelvesP: []*kinds{{Text: "z"}},
		}},
		{`{"any_thing": {"a" : [1, null, "\u00e9"]} ,"anys":[1,"x",{}]}`, kinds{Any: Any(`{"a" : [1, null, "\u00e9"]}`), Anys: []Any{Any("1"), Any(`"x"`), Any("{}")}}},
		{`{"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é😀"}`, kinds{Text: "\"\\/\b\f\n\r\té😀 é😀"}},
		{`{"t\u0065xt":"a"}`, kinds{Text: "a"}},
		{`{"unknown":{"a":[1,NaN,-Infinity,{"b":null}],"a":"\n"},"unknown":true,"text":"a","Other":"b","TEXT":"c"}`, kinds{Text: "a"}},
		{`"{\"text\":\"a \\\"b\\\"\"}"`, kinds{Text: `a "b"`}},
		{` "{}" `, kinds{}},
	} {
		var got kinds
		if err := Unmarshal([]byte(tt.in), &got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", tt.in, got, err, tt.want)
		}
	}
	if err := Unmarshal([]byte(deep), &kinds{}); err != nil {
		t.Error(err)
	}
	for _, in := range []string{`{"float":"NaN"}`, `{"float":NaN}`} {
		var got kinds
		if err := Unmarshal([]byte(in), &got); err != nil || !math.IsNaN(got.Float) {
			t.Errorf("%s: got %v, %v", in, got.Float, err)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, tt := range []struct{ in, key, says string }{
		// Not JSON.
		{`[]`, "mlflow.json", "Malformed JSON at byte 0: expected an object, found '['"},
		{`null`, "mlflow.json", "expected an object"},
		{` 5`, "mlflow.json", "at byte 1: expected an object"},
		{`"5"`, "mlflow.json", "expected an object"},
		{`""`, "mlflow.json", "it ends where an object should be"},
		{`"\"{}\""`, "mlflow.json", "expected an object"},
		{`"{}" {}`, "mlflow.json", "there is more"},
		{"\ufeff{}", "mlflow.json", "expected an object"},
		{`{}{}`, "mlflow.json", "at byte 2: there is more"},
		{`{} x`, "mlflow.json", "there is more"},
		{`{`, "mlflow.json", "at byte 1: it ends where a name should be"},
		{`{"text"`, "mlflow.json", "it ends where ':' should be"},
		{`{"text":`, "mlflow.json", "it ends where"},
		{`{"unknown":`, "mlflow.json", "it ends where a value"},
		{`{"text":"a`, "mlflow.json", "it ends inside a text"},
		{`{"text":"a\`, "mlflow.json", "it ends inside a text"},
		{`{"text":"a"`, "mlflow.json", "it ends where ',' or '}'"},
		{`{"text":"a",`, "mlflow.json", "it ends where a name"},
		{`{"text":"a",}`, "mlflow.json", "expected a name, found '}'"},
		{`{"texts":["a",]}`, "mlflow.json", "expected a value, found ']'"},
		{`{"texts":["a" "b"]}`, "mlflow.json", "expected ',' or ']'"},
		{`{,}`, "mlflow.json", "expected a name"},
		{`{text:"a"}`, "mlflow.json", "expected a name, found 't'"},
		{`{'text':"a"}`, "mlflow.json", "expected a name"},
		{`{"text" "a"}`, "mlflow.json", "expected ':'"},
		{`{"text":é}`, "mlflow.json", "expected a value, found 'é'"},
		{`{"bool":tru}`, "mlflow.json", "expected true"},
		{`{"text":nul}`, "mlflow.json", "expected null"},
		{`{"bool":truex}`, "mlflow.json", "expected ',' or '}'"},
		{`{"int":01}`, "mlflow.json", "expected ',' or '}'"},
		{`{"int":+1}`, "mlflow.json", "expected a value"},
		{`{"int":-}`, "mlflow.json", "expected a digit"},
		{`{"float":1.}`, "mlflow.json", "expected a digit"},
		{`{"float":.5}`, "mlflow.json", "expected a value"},
		{`{"float":1e}`, "mlflow.json", "expected a digit"},
		{`{"float":Inf}`, "mlflow.json", "expected Infinity"},
		{`{"float":nan}`, "mlflow.json", "expected null"},
		{`{"float":-NaN}`, "mlflow.json", "expected a digit"},
		{`{"any_thing":NaN}`, "mlflow.json", "expected a value"},
		{`{"any_thing":[-Infinity]}`, "mlflow.json", "expected a digit"},
		{`{"anys":[{"a":Infinity}]}`, "mlflow.json", "expected a value"},
		{`{"text":"\x"}`, "mlflow.json", "unknown escape"},
		{`{"text":"\u12g4"}`, "mlflow.json", "broken"},
		{`{"text":"\u123"}`, "mlflow.json", "broken"},
		{`{"text":"\u0000"}`, "mlflow.json", "at byte 9: a NUL"},
		{`{"unknown":"\u0000"}`, "mlflow.json", "NUL"},
		{`{"any_thing":"\u0000"}`, "mlflow.json", "NUL"},
		{"{\"text\":\"\x00\"}", "mlflow.json", "control character"},
		{"{\"text\":\"\n\"}", "mlflow.json", "control character"},
		{`{"text":"\ud83d"}`, "mlflow.json", "surrogate"},
		{`{"text":"\ude00\ud83d"}`, "mlflow.json", "surrogate"},
		{`{"text":"\ud83d\ud83d"}`, "mlflow.json", "surrogate"},
		{`{"text":"\ud83dx"}`, "mlflow.json", "surrogate"},
		{"{\"text\":\"\xff\"}", "mlflow.json", "at byte 9: the text is not valid UTF-8"},
		{"{\"unknown\":\"\xed\xa0\x80\"}", "mlflow.json", "UTF-8"},
		{strings.Repeat(`{"self":`, 64) + "{}" + strings.Repeat("}", 64), "mlflow.json", "more than 64 deep"},
		{`{"unknown":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", "mlflow.json", "more than 64 deep"},
		{`{"any_thing":` + strings.Repeat("[", 100000), "mlflow.json", "more than 64 deep"},
		// JSON, but not what the fields are.
		{`{"text":5}`, "mlflow.field", "Invalid value 5 for parameter 'text' supplied: expected a string"},
		{`{"text":["a"]}`, "mlflow.field", `Invalid value ["a"] for parameter 'text'`},
		{`{"text":{"a":1}}`, "mlflow.field", `Invalid value {"a":1} for`},
		{`{"text":true}`, "mlflow.field", "expected a string"},
		{`{"text_p":5}`, "mlflow.field", "'text_p'"},
		{`{"textP":5}`, "mlflow.field", "'text_p'"},
		{`{"bool":"true"}`, "mlflow.field", "expected true or false"},
		{`{"bool":1}`, "mlflow.field", "expected true or false"},
		{`{"int":1.5}`, "mlflow.field", "expected an integer"},
		{`{"int":"1.5"}`, "mlflow.field", "expected an integer"},
		{`{"int":""}`, "mlflow.field", "expected an integer"},
		{`{"int":"."}`, "mlflow.field", "expected an integer"},
		{`{"int":" 1"}`, "mlflow.field", "expected an integer"},
		{`{"int":"0x10"}`, "mlflow.field", "expected an integer"},
		{`{"int":"1_0"}`, "mlflow.field", "expected an integer"},
		{`{"int":true}`, "mlflow.field", "expected an integer"},
		{`{"int":[1]}`, "mlflow.field", "expected an integer"},
		{`{"int":NaN}`, "mlflow.field", "expected an integer"},
		{`{"int":"Infinity"}`, "mlflow.field", "expected an integer"},
		{`{"int":9223372036854775808}`, "mlflow.field", "expected an integer"},
		{`{"int":-9223372036854775809}`, "mlflow.field", "expected an integer"},
		{`{"int":1e19}`, "mlflow.field", "expected an integer"},
		{`{"small":2147483648}`, "mlflow.field", "expected an integer"},
		{`{"float":"x"}`, "mlflow.field", "expected a number"},
		{`{"float":""}`, "mlflow.field", "expected a number"},
		{`{"float":"0x1p4"}`, "mlflow.field", "expected a number"},
		{`{"float":1e999}`, "mlflow.field", "expected a number"},
		{`{"float":[0.5]}`, "mlflow.field", "expected a number"},
		{`{"float":{}}`, "mlflow.field", "expected a number"},
		{`{"texts":"a"}`, "mlflow.field", "expected a list"},
		{`{"texts":["a",5]}`, "mlflow.field", "'texts[1]'"},
		{`{"texts":[null]}`, "mlflow.field", "Invalid value null for parameter 'texts[0]'"},
		{`{"in":5}`, "mlflow.field", "expected an object"},
		{`{"in":[]}`, "mlflow.field", "expected an object"},
		{`{"in":{"a":1}}`, "mlflow.field", "'in.a'"},
		{`{"selves":[{},{"self":{"ints":[1,2,"x"]}}]}`, "mlflow.field", "'selves[1].self.ints[2]'"},
		{`{"text":["` + strings.Repeat("é", 200) + `"]}`, "mlflow.field", "é… for parameter"},
		// A mistake in the JSON is told before one in the field.
		{`{"text":[1,}`, "mlflow.json", "at byte 11: expected a value"},
		// Twice.
		{`{"text":"a","text":"b"}`, "mlflow.twice", "'text'"},
		{`{"text":null,"text":"b"}`, "mlflow.twice", "'text'"},
		{`{"text_p":"a","textP":"a"}`, "mlflow.twice", "'text_p'"},
		{`{"selves":[{"int":1},{"int":1,"int":1}]}`, "mlflow.twice", "'selves[1].int'"},
		{`{"anys":[` + strings.Repeat("1,", 100000) + `1]}`, "mlflow.elements", "more than 100000"},
	} {
		err := Unmarshal([]byte(tt.in), &kinds{})
		refused(t, tt.in, err)
		if e := domain.As(err); e != nil && (e.Key != tt.key || !strings.Contains(e.Msg, tt.says)) {
			t.Errorf("%.100s: %s, %s\nwant %s, …%s…", tt.in, e.Key, e.Msg, tt.key, tt.says)
		}
	}
}

func refused(t *testing.T, in string, err error) {
	t.Helper()
	e := domain.As(err)
	switch {
	case e == nil || e.Kind != domain.Invalid:
		t.Errorf("%.100q: %v, not refused", in, err)
	case len(e.Msg) > 1000 || !utf8.ValidString(e.Msg):
		t.Errorf("%.100q: bad message %q", in, e.Msg)
	}
}

func TestRequired(t *testing.T) {
	const head = `{"run_id":"r","metrics":[{"key":"a","value":0,"timestamp":0},`
	for in, lacks := range map[string]string{
		``:                                     "run_id",
		`{}`:                                   "run_id",
		`{"run_id":null}`:                      "run_id",
		`{"run_id":""}`:                        "run_id",
		`{"runId":"r"}`:                        "",
		`"{\"run_id\":\"r\"}"`:                 "",
		head + `{"value":1,"timestamp":0}]}`:   "metrics[1].key",
		head + `{"key":"a","timestamp":0}]}`:   "metrics[1].value",
		head + `{"key":"a","value":"NaN"}]}`:   "metrics[1].timestamp",
		head + `{"key":"","timestamp":null}]}`: "metrics[1].key",
		head + `{}]}`:                          "metrics[1].key",
		`{"run_id":"r","metrics":[]}`:          "",
	} {
		err := Unmarshal([]byte(in), &batch{})
		if lacks == "" {
			if err != nil {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		want := "Missing value for required parameter '" + lacks + "'. See the API docs for more information about request parameters."
		if e := domain.As(err); e == nil || e.Kind != domain.Invalid || e.Key != "mlflow.missing" || e.Msg != want {
			t.Errorf("%s: %v", in, err)
		}
	}
	if err := Unmarshal([]byte(`{"a":""}`), &struct {
		A *string `pb:"a,required"`
	}{}); domain.KindOf(err) != domain.Invalid {
		t.Error(err)
	}
}

func TestOldContentsAreReplaced(t *testing.T) {
	before := []string{"x", "y"}
	got := kinds{Text: "kept", Texts: before}
	if err := Unmarshal([]byte(`{"texts":["a"]}`), &got); err != nil || got.Text != "kept" || len(got.Texts) != 1 || before[0] != "x" {
		t.Errorf("%v, %v, %v", got, before, err)
	}
}

func TestAnyIsACopy(t *testing.T) {
	body := []byte(`{"any_thing":"abc","text":"abc"}`)
	var got kinds
	if err := Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	clear(body)
	if string(got.Any) != `"abc"` || got.Text != "abc" {
		t.Errorf("got %q, %q", got.Any, got.Text)
	}
}

func TestProgrammersMistakesPanic(t *testing.T) {
	type secret struct {
		a string `pb:"a"` //nolint:unused // on purpose
	}
	for name, dst := range map[string]any{
		"no pointer": kinds{},
		"nil":        nil,
		"no struct":  new(string),
		"map": &struct {
			A map[string]string `pb:"a"`
		}{},
		"unexported": &secret{},
		"same name": &struct {
			A string `pb:"a_b"`
			B string `pb:"aB"`
		}{},
		"option": &struct {
			A string `pb:"a,omitempty"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = Unmarshal([]byte(`{}`), dst)
		}()
	}
}

// random makes a value, as encoding/json writes it, that both decoders know.
func random(r *rand.Rand, depth int) kinds {
	text := func() string {
		return []string{"", "a", `"\/`, "é😀", "\b\f\n\r\t\x1f\x7f\u2028", "<&>", strings.Repeat("long ", 40)}[r.IntN(7)]
	}
	k := kinds{
		Text: text(), Bool: r.IntN(2) == 0, Int: int64(r.Uint64()) >> r.IntN(64), Small: int32(r.Uint32()),
		Float: math.Ldexp(r.Float64()-0.5, r.IntN(2000)-1000), Any: Any("null"),
	}
	if r.IntN(2) == 0 {
		k.TextP, k.BoolP, k.IntP, k.FloatP = ptr(text()), ptr(true), ptr(k.Int), ptr(k.Float)
		k.Any = Any([]string{`{"a":[1,2.5e3,"x"]}`, `"s"`, "0", "[]", "true"}[r.IntN(5)])
	}
	for range r.IntN(4) {
		k.Texts, k.Ints, k.Floats, k.Anys = append(k.Texts, text()), append(k.Ints, r.Int64()), append(k.Floats, r.NormFloat64()), append(k.Anys, k.Any)
	}
	k.In.A = text()
	if k.Any[0] == 'n' {
		k.Anys = nil
	}
	if depth > 0 {
		for range r.IntN(3) {
			k.Selves = append(k.Selves, random(r, depth-1))
			k.SelvesP = append(k.SelvesP, ptr(random(r, depth-1)))
		}
		k.Self = ptr(random(r, depth-1))
	}
	return k
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		data, err := json.Marshal(random(r, 2))
		if err != nil {
			t.Fatal(err)
		}
		var want, got kinds
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		// A null is absent here; encoding/json keeps it.
		again := strings.ReplaceAll(string(must(json.Marshal(got))), "[]", "null")
		if was := strings.ReplaceAll(string(must(json.Marshal(want))), "[]", "null"); again != was {
			t.Fatalf("%d: %s\n got %s\nwant %s", i, data, again, was)
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func logBatch(metrics int) []byte {
	var b strings.Builder
	b.WriteString(`{"run_id":"d8d0c7a1b2c34d5e8f90a1b2c3d4e5f6","metrics":[`)
	for i := range metrics {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"key":"loss","value":%v,"timestamp":%d,"step":%d,"run_id":"d8d0c7a1b2c34d5e8f90a1b2c3d4e5f6"}`, 1/float64(i+3), 1795404541715+i, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func TestRepeatedTextsAreStoredOnce(t *testing.T) {
	var got batch
	body := logBatch(1000)
	if err := Unmarshal(body, &got); err != nil || len(got.Metrics) != 1000 {
		t.Fatal(len(got.Metrics), err)
	}
	if a, b := got.Metrics[0], got.Metrics[999]; unsafe.StringData(a.Key) != unsafe.StringData(b.Key) || unsafe.StringData(a.RunID) != unsafe.StringData(got.RunID) || b.Step != 999 || b.Value != 1/1002.0 {
		t.Errorf("%+v, %+v", a, b)
	}
	if n := testing.AllocsPerRun(10, func() { _ = Unmarshal(body, &batch{}) }); n > 30 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLogBatch(b *testing.B) {
	body := logBatch(1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Unmarshal(body, &batch{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	body := logBatch(1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := json.Unmarshal(body, &batch{}); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(logBatch(2))
	for _, s := range []string{
		``, `{}`, `"{\"text\":\"a\"}"`, `{"text":"\ud83d\ude00","textP":null,"int":"5","float":NaN,"floats":["Infinity",-Infinity]}`,
		`{"selves":[{"self":{"ints":[1,2.0,3e2]}}],"anys":[{"a":[true,false,null]}],"any_thing":"x","unknown":[{}]}`, `{"text":["`,
	} {
		f.Add([]byte(s))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		f.Add(must(json.Marshal(random(r, 1))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got kinds
		err := Unmarshal(data, &got)
		if err != nil {
			refused(t, string(data), err)
		}
		bare := strings.Contains(string(data), "NaN") || strings.Contains(string(data), "Infinity")
		blank := strings.Trim(string(data), " \t\r\n") == ""
		if err == nil && !bare && !blank && !json.Valid(data) {
			t.Errorf("%q is not JSON, but taken", data)
		}
		if err == nil {
			soundAnys(t, &got)
		}
		if err := Unmarshal(data, &batch{}); err != nil {
			refused(t, string(data), err)
		}
	})
}

func soundAnys(t *testing.T, k *kinds) {
	for _, a := range append([]Any{k.Any}, k.Anys...) {
		if a != nil && !json.Valid(a) {
			t.Errorf("kept %q", a)
		}
	}
	if k.Self != nil {
		soundAnys(t, k.Self)
	}
	for i := range k.Selves {
		soundAnys(t, &k.Selves[i])
	}
	if !utf8.ValidString(k.Text) || strings.ContainsRune(k.Text, 0) {
		t.Errorf("text %s", strconv.Quote(k.Text))
	}
}
