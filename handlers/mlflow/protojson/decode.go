package protojson

import (
	"bytes"
	"math/bits"
	"reflect"

	"github.com/slipway-ml/slipway/domain"
)

// value fills v with the value at hand, which is not null.
func (d *decoder) value(p *plan, v reflect.Value) error {
	switch p.shape {
	case textShape:
		if d.peek() != '"' {
			return d.mistyped("a string")
		}
		s, err := d.text()
		v.SetString(s)
		return err
	case boolShape:
		return d.boolean(v)
	case intShape:
		return d.integer(v)
	case floatShape:
		return d.float(v)
	case anyShape:
		return d.verbatim(v)
	case listShape:
		return d.list(p, v)
	case objectShape:
		if d.peek() != '{' {
			return d.mistyped("an object")
		}
		return d.object(p, v)
	default: // a pointer
		to := reflect.New(p.pointee)
		v.Set(to)
		return d.value(p.elem, to.Elem())
	}
}

// object fills v, a struct, from the object at hand.
func (d *decoder) object(p *plan, v reflect.Value) error {
	if err := d.enter(); err != nil {
		return err
	}
	var given, filled uint64 // a bit for each field
	next := 0                // the field that would come next in the order of the struct
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		i, err := d.field(p, next)
		if err != nil {
			return err
		}
		next = i + 1
		if i < 0 {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		d.path = append(d.path, step{name: p.fields[i].name})
		if given&(1<<i) != 0 {
			return twice(d.path)
		}
		given |= 1 << i
		full, err := d.member(&p.fields[i], v)
		if err != nil {
			return err
		}
		if full {
			filled |= 1 << i
		}
		d.path = d.path[:len(d.path)-1]
	}
	if lacking := p.required &^ filled; lacking != 0 {
		return missing(append(d.path, step{name: p.fields[bits.TrailingZeros64(lacking)].name}))
	}
	return nil
}

// field reads a name and finds its field, -1 if it is unknown. Most often it is the one guessed.
func (d *decoder) field(p *plan, guess int) (int, error) {
	name, escaped, err := d.name()
	if err != nil {
		return 0, err
	}
	if escaped {
		name = unescape(name)
	}
	if guess < len(p.fields) && p.fields[guess].name == string(name) {
		return guess, nil
	}
	if i, ok := p.byName[string(name)]; ok {
		return i, nil
	}
	return -1, nil
}

// member fills a field of v and reports whether that satisfies one that is required.
func (d *decoder) member(f *field, v reflect.Value) (bool, error) {
	if d.peek() == 'n' {
		return false, d.word("null")
	}
	v = v.Field(f.index)
	if err := d.value(f.plan, v); err != nil {
		return false, err
	}
	if f.shape == pointerShape && f.elem.shape == textShape {
		v = v.Elem()
	}
	return v.Kind() != reflect.String || v.Len() > 0, nil
}

// list fills v, a slice, from the list at hand. As in protobuf its elements may not be null.
func (d *decoder) list(p *plan, v reflect.Value) error {
	if d.peek() != '[' {
		return d.mistyped("a list")
	}
	if err := d.enter(); err != nil {
		return err
	}
	v.SetZero()
	here := len(d.path)
	d.path = append(d.path, step{})
	for i := 0; ; i++ {
		more, err := d.more(i == 0, ']')
		if err != nil {
			return err
		}
		if !more {
			d.path = d.path[:here]
			return nil
		}
		d.path[here].index = i
		if d.peek() == 'n' {
			return d.mistyped("a value")
		}
		if d.elements++; d.elements > maxElements {
			return domain.Fail(domain.Invalid, "mlflow.elements", "the lists of the request have more than %d elements: send it in smaller pieces", maxElements)
		}
		if i == v.Cap() {
			v.Grow(max(4, i))
		}
		v.SetLen(i + 1)
		if err := d.value(p.elem, v.Index(i)); err != nil {
			return err
		}
	}
}

// verbatim keeps the value at hand, which must be JSON without the extensions.
func (d *decoder) verbatim(v reflect.Value) error {
	start := d.at
	before := d.strict
	d.strict = true
	err := d.skip()
	d.strict = before
	if err != nil {
		return err
	}
	v.SetBytes(bytes.Clone(d.data[start:d.at]))
	return nil
}

// mistyped skips a value of the wrong type, so that broken JSON is said to be broken, and names it.
func (d *decoder) mistyped(want string) error {
	start := d.at
	if err := d.skip(); err != nil {
		return err
	}
	return wrong(d.path, d.data[start:d.at], want)
}

func (d *decoder) boolean(v reflect.Value) error {
	switch d.peek() {
	case 't':
		v.SetBool(true)
		return d.word("true")
	case 'f':
		v.SetBool(false)
		return d.word("false")
	}
	return d.mistyped("true or false")
}

func (d *decoder) integer(v reflect.Value) error {
	start := d.at
	n, ok := d.plainInt()
	if !ok {
		raw, err := d.numeral(wantInt)
		if err != nil {
			return err
		}
		n, ok = parseInt(raw)
	}
	if !ok || v.OverflowInt(n) {
		return wrong(d.path, d.data[start:d.at], wantInt)
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) float(v reflect.Value) error {
	start := d.at
	f, ok := d.plainFloat()
	if !ok {
		raw, err := d.numeral(wantFloat)
		if err != nil {
			return err
		}
		f, ok = parseFloat(raw)
	}
	if !ok {
		return wrong(d.path, d.data[start:d.at], wantFloat)
	}
	v.SetFloat(f)
	return nil
}
