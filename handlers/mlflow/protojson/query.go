package protojson

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// UnmarshalQuery fills the struct that dst points to from query parameters, by the same tags as Unmarshal.
// Repeated ones fill lists; booleans may be spelt True or False; an empty number or boolean is absent.
// Errors are of kind Invalid.
func UnmarshalQuery(q url.Values, dst any) error {
	p, v := target(dst)
	for i, f := range p.fields {
		here := path{{name: f.name}}
		values := q[f.name]
		if f.camel != f.name && len(q[f.camel]) > 0 {
			if len(values) > 0 {
				return twice(here)
			}
			values = q[f.camel]
		}
		if err := setQuery(f.plan, v.Field(f.index), values, here); err != nil {
			return err
		}
		if p.required&(1<<i) != 0 && (len(values) == 0 || values[0] == "") {
			return missing(here)
		}
	}
	return nil
}

func setQuery(p *plan, v reflect.Value, values []string, here path) error {
	if len(values) == 0 {
		return nil
	}
	if p.shape == listShape {
		return setQueryList(p, v, values, here)
	}
	for _, s := range values[1:] {
		if s != values[0] {
			return twice(here)
		}
	}
	return setQueryValue(p, v, values[0], here)
}

func setQueryList(p *plan, v reflect.Value, values []string, here path) error {
	v.SetZero()
	v.Grow(len(values))
	v.SetLen(len(values))
	for i, s := range values {
		if err := setQueryValue(p.elem, v.Index(i), s, append(here, step{index: i})); err != nil {
			return err
		}
	}
	return nil
}

func setQueryValue(p *plan, v reflect.Value, s string, here path) error {
	if p.shape == pointerShape {
		if s == "" && p.elem.shape != textShape {
			return nil
		}
		v.Set(reflect.New(p.pointee))
		p, v = p.elem, v.Elem()
	}
	want := ""
	switch p.shape {
	case textShape:
		want = setQueryText(v, s)
	case boolShape:
		want = setQueryBool(v, s)
	case intShape:
		if n, ok := parseInt([]byte(s)); ok && !v.OverflowInt(n) {
			v.SetInt(n)
		} else if s != "" {
			want = wantInt
		}
	case floatShape:
		if f, ok := parseFloat([]byte(s)); ok {
			v.SetFloat(f)
		} else if s != "" {
			want = wantFloat
		}
	default:
		want = "a JSON body: this parameter cannot stand in a query"
	}
	if want != "" {
		return wrong(here, []byte(strconv.Quote(s)), want)
	}
	return nil
}

// setQueryText and setQueryBool answer what was expected instead, "" if all is well.
func setQueryText(v reflect.Value, s string) string {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "text without NUL in valid UTF-8"
	}
	v.SetString(s)
	return ""
}

func setQueryBool(v reflect.Value, s string) string {
	switch s {
	case "true", "True":
		v.SetBool(true)
	case "false", "False":
		v.SetBool(false)
	case "":
	default:
		return "true or false"
	}
	return ""
}
