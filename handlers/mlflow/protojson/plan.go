package protojson

import (
	"reflect"
	"strings"
	"sync"
)

// shape is what a value looks like in JSON.
type shape int

const (
	textShape shape = iota
	boolShape
	intShape
	floatShape
	anyShape
	listShape
	objectShape
	pointerShape // to a value of any other shape
)

// plan is how to fill a value of one type.
type plan struct {
	shape    shape
	elem     *plan // of a list or a pointer
	pointee  reflect.Type
	fields   []field
	byName   map[string]int // by snake and camel spelling
	required uint64         // a bit for each field
}

type field struct {
	name, camel string
	index       int
	*plan
}

// maxFields is how many bits there are for the fields of one object.
const maxFields = 64

var plans sync.Map // reflect.Type → *plan, of whole requests

func planOf(t reflect.Type) *plan {
	p, ok := plans.Load(t)
	if !ok {
		p, _ = plans.LoadOrStore(t, planner{}.plan(t))
	}
	return p.(*plan) //nolint:forcetypeassert // nothing else is stored
}

// planner makes the plans for a type and all it contains, which may be the type itself.
type planner map[reflect.Type]*plan

func (b planner) plan(t reflect.Type) *plan {
	if p, ok := b[t]; ok {
		return p
	}
	p := &plan{}
	b[t] = p
	if t == reflect.TypeFor[Any]() {
		p.shape = anyShape
		return p
	}
	switch t.Kind() {
	case reflect.String:
		p.shape = textShape
	case reflect.Bool:
		p.shape = boolShape
	case reflect.Int, reflect.Int32, reflect.Int64:
		p.shape = intShape
	case reflect.Float64:
		p.shape = floatShape
	case reflect.Slice:
		p.shape, p.elem = listShape, b.plan(t.Elem())
	case reflect.Pointer:
		p.shape, p.elem, p.pointee = pointerShape, b.plan(t.Elem()), t.Elem()
	case reflect.Struct:
		p.shape = objectShape
		b.object(p, t)
	default:
		panic("protojson: there is no way to decode a " + t.String())
	}
	return p
}

func (b planner) object(p *plan, t reflect.Type) {
	p.byName = map[string]int{}
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("pb"), ",")
		if name == "" {
			continue
		}
		n := len(p.fields)
		f := field{name: name, camel: camel(name), index: i, plan: b.plan(t.Field(i).Type)}
		_, again := p.byName[f.name]
		_, camelAgain := p.byName[f.camel]
		switch {
		case n == maxFields, again, camelAgain, !t.Field(i).IsExported(), option != "" && option != "required":
			panic("protojson: bad field " + t.Field(i).Name + " of " + t.String())
		case option == "required":
			p.required |= 1 << n
		}
		p.fields = append(p.fields, f)
		p.byName[f.name], p.byName[f.camel] = n, n
	}
}

// camel is protobuf's other spelling of a name: each underscore goes, and the letter after it is a capital.
func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
