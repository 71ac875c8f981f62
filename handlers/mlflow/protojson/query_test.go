package protojson

import (
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

func TestUnmarshalQuery(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want kinds
	}{
		{"", kinds{}},
		{"text=a+b&text_p=&int=5&int_p=-1&small=7&float=0.5&float_p=1e3", kinds{Text: "a b", TextP: ptr(""), Int: 5, IntP: ptr(int64(-1)), Small: 7, Float: 0.5, FloatP: ptr(1000.0)}},
		{"bool=true&bool_p=False", kinds{Bool: true, BoolP: ptr(false)}},
		{"bool=True&bool_p=false", kinds{Bool: true, BoolP: ptr(false)}},
		{"textP=x&unknown=1&unknown=2", kinds{TextP: ptr("x")}},
		{"text=a&text=a", kinds{Text: "a"}},
		{"texts=a&texts=&texts=b&ints=1&ints=2&floats=-Infinity", kinds{Texts: []string{"a", "", "b"}, Ints: []int64{1, 2}, Floats: []float64{math.Inf(-1)}}},
		{"int=&int_p=&float=&bool=&bool_p=", kinds{}},
		{"int=2.0", kinds{Int: 2}},
	} {
		q, err := url.ParseQuery(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		var got kinds
		if err := UnmarshalQuery(q, &got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestUnmarshalQueryRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"bool=yes":             "Invalid value \"yes\" for parameter 'bool' supplied: expected true or false",
		"bool=1":               "expected true or false",
		"bool_p=TRUE":          "expected true or false",
		"int=1.5":              "expected an integer",
		"int=x":                "expected an integer",
		"small=2147483648":     "expected an integer",
		"float=x":              "expected a number",
		"ints=1&ints=x":        "'ints[1]'",
		"text=%00":             "without NUL",
		"texts=a&texts=%ff":    "'texts[1]'",
		"text=a&text=b":        "given twice",
		"text_p=a&textP=a":     "given twice",
		"in=a":                 "JSON body",
		"any_thing=1":          "JSON body",
		"self=a":               "JSON body",
		"selves=a":             "JSON body",
		"int=" + longDigits:    "… for parameter",
		"text=%f0%9f%98%80%ff": "valid UTF-8",
	} {
		q, err := url.ParseQuery(in)
		if err != nil {
			t.Fatal(err)
		}
		err = UnmarshalQuery(q, &kinds{})
		refused(t, in, err)
		if err != nil && !strings.Contains(domain.As(err).Msg, want) {
			t.Errorf("%s: %v, want …%s…", in, err, want)
		}
	}
}

var longDigits = strings.Repeat("9", 1000)

func TestRequiredInQuery(t *testing.T) {
	type in struct {
		ID string `pb:"run_id,required"`
		N  int64  `pb:"n,required"`
	}
	for query, lacks := range map[string]string{"": "run_id", "run_id=": "run_id", "run_id=a": "n", "run_id=a&n=": "n", "runId=a&n=0": ""} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		err = UnmarshalQuery(q, &in{})
		if lacks == "" && err != nil || lacks != "" && (err == nil || domain.As(err).Key != "mlflow.missing" || !strings.Contains(err.Error(), "'"+lacks+"'")) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

func FuzzUnmarshalQuery(f *testing.F) {
	f.Add("text=a+b&text_p=&int=5&float=NaN&bool=True&texts=a&texts=b&ints=1")
	f.Add("textP=%00&anyThing={}&self=1")
	f.Fuzz(func(t *testing.T, in string) {
		q, _ := url.ParseQuery(in) // what could be read of it
		var got kinds
		if err := UnmarshalQuery(q, &got); err != nil {
			refused(t, in, err)
			return
		}
		if len(got.Texts) != len(q["texts"]) || q.Has("text") && got.Text != q.Get("text") {
			t.Errorf("%q: got %+v", in, got)
		}
	})
}
