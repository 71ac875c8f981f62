package card

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
)

// Form is what people may say in c as the texts of a form, by the names of the fields in JSON: licence.weights is that
// of a part. A list has a line for each entry, in which the parts of the entry (see Columns) stand between bars; where a
// part holds a bar, a backslash or the end of a line, a backslash goes before it. ParseForm reads it back.
func (c Card) Form() map[string]string {
	form := map[string]string{}
	for _, p := range partsOf(reflect.ValueOf(&c).Elem(), "") {
		if p.v.Kind() != reflect.Slice {
			form[p.name] = p.text()
			continue
		}
		var lines []string
		for i := range p.v.Len() {
			var cells []string
			for _, cell := range partsOf(p.v.Index(i), "") {
				cells = append(cells, escape(cell.text(), '|'))
			}
			for len(cells) > 1 && cells[len(cells)-1] == "" {
				cells = cells[:len(cells)-1]
			}
			lines = append(lines, strings.Join(cells, " | "))
		}
		form[p.name] = strings.Join(lines, "\n")
	}
	return form
}

// Columns are the names of the parts of an entry of a list, in their order; nil for a list of words and for what is
// no list.
func Columns(list string) (names []string) {
	for _, p := range partsOf(reflect.ValueOf(&Card{}).Elem(), "") {
		if p.name != list || p.v.Kind() != reflect.Slice || p.v.Type().Elem().Kind() != reflect.Struct {
			continue
		}
		for _, cell := range partsOf(reflect.New(p.v.Type().Elem()).Elem(), "") {
			names = append(names, cell.name)
		}
	}
	return names
}

// Table is a list of c as rows of its Columns. measured tells for each row whether it is a fact.
func (c Card) Table(list string) (rows [][]string, measured []bool) {
	for _, p := range partsOf(reflect.ValueOf(&c).Elem(), "") {
		if p.name != list || p.v.Kind() != reflect.Slice {
			continue
		}
		for i := range p.v.Len() {
			var row []string
			for _, cell := range partsOf(p.v.Index(i), "") {
				row = append(row, cell.text())
			}
			rows = append(rows, row)
			origin := reflect.Value{}
			if e := p.v.Index(i); e.Kind() == reflect.Struct {
				origin = e.FieldByName("Origin")
			}
			measured = append(measured, origin.IsValid() && origin.String() == string(Measured))
		}
	}
	return rows, measured
}

// ParseForm reads a card from the texts of a form and cleans it. Its error is that of Clean: the entry of the third line
// of a list is number 2.
func ParseForm(value func(name string) string) (Card, error) {
	var c Card
	faults := map[string]string{}
	for _, p := range partsOf(reflect.ValueOf(&c).Elem(), "") {
		text := lineEnds.Replace(value(p.name))
		if p.v.Kind() != reflect.Slice {
			p.set(text, "", faults)
			continue
		}
		text = strings.TrimRight(text, "\n")
		if text == "" {
			continue
		}
		lines := strings.Split(text, "\n")
		if len(lines) > maxPorts {
			faults[p.name] = "card.many"
			continue
		}
		p.v.Set(reflect.MakeSlice(p.v.Type(), len(lines), len(lines)))
		for i, line := range lines {
			at, blank := fmt.Sprintf("%s[%d]", p.name, i), strings.Trim(line, " \t|") == ""
			parts, cells := partsOf(p.v.Index(i), ""), splitLine(line, '|')
			if len(cells) > len(parts) && !blank {
				faults[at] = "card.parts"
			}
			for j, cell := range parts[:min(len(parts), len(cells))] {
				cell.set(cells[j], at+".", faults)
			}
			for _, cell := range parts[min(len(parts), len(cells)):] {
				if cell.needed() && !blank {
					faults[at+"."+cell.name] = "card.no_number"
				}
			}
		}
	}
	cleaned, err := Clean(c)
	if len(faults) == 0 {
		return cleaned, err
	}
	if e := domain.As(err); e != nil {
		for name, key := range e.Fields {
			faults[name] = key
		}
	}
	return Card{}, &domain.Error{Kind: domain.Invalid, Key: "card.form", Msg: "some fields of the card cannot be read: look at each", Fields: faults}
}

// part is a value of a card that one field of a form, or one part of a line, holds.
type part struct {
	name     string
	v        reflect.Value
	optional bool // 0 and false are said by nothing
}

// partsOf lists the parts of v that are for people to say.
func partsOf(v reflect.Value, prefix string) (out []part) {
	if v.Kind() != reflect.Struct {
		return []part{{prefix, v, true}}
	}
	whole := v.Type() == reflect.TypeFor[Card]()
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch {
		case name == "origin", whole && slices.Contains([]string{"name", "version", "parameters", "source"}, name): // facts
		case v.Field(i).Kind() == reflect.Struct:
			out = append(out, partsOf(v.Field(i), prefix+name+".")...)
		default:
			out = append(out, part{prefix + name, v.Field(i), strings.HasPrefix(options, "omit")})
		}
	}
	return out
}

// needed reports whether p is a number that must be given.
func (p part) needed() bool { return p.v.Kind() == reflect.Float64 && !p.optional }

func (p part) text() string {
	if p.optional && p.v.IsZero() {
		return ""
	}
	switch v := p.v.Interface().(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return "yes"
	case *Interval:
		return part{v: reflect.ValueOf(v.Low)}.text() + " " + part{v: reflect.ValueOf(v.High)}.text()
	case []string:
		words := make([]string, len(v))
		for i, w := range v {
			words[i] = escape(w, ',')
		}
		return strings.Join(words, ", ")
	}
	return p.v.String()
}

// set reads what text writes. What cannot be read is a fault of the field called prefix and the part's name.
func (p part) set(text, prefix string, faults map[string]string) {
	if p.v.Kind() == reflect.String {
		p.v.SetString(text)
		return
	}
	text = strings.TrimSpace(text)
	if text == "" {
		if p.needed() {
			faults[prefix+p.name] = "card.no_number"
		}
		return
	}
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			faults[prefix+p.name] = "card.no_number"
		}
		return f
	}
	switch v := p.v.Addr().Interface().(type) {
	case *float64:
		*v = number(text)
	case *int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if *v = n; err != nil {
			faults[prefix+p.name] = "card.count"
		}
	case *bool:
		if *v = text == string(Yes); !*v && text != string(No) {
			faults[prefix+p.name] = "card.yes_no"
		}
	case **Interval:
		ends := strings.Fields(text)
		if len(ends) != 2 {
			faults[prefix+p.name] = "card.no_interval"
			return
		}
		*v = &Interval{number(ends[0]), number(ends[1])}
	case *[]string:
		*v = splitLine(text, ',')
	}
}

// escape writes s as a part of a line whose parts end at a sign.
func escape(s string, end rune) string {
	var b strings.Builder
	for i, r := range s {
		edge := (r == ' ' || r == '\t') && (i == 0 || i == len(s)-1) // it would be taken for what stands around the part
		switch {
		case r == '\n':
			b.WriteString(`\n`)
			continue
		case r == '\\', r == end, edge:
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// splitLine reads the parts of a line that escape wrote.
func splitLine(line string, end rune) (parts []string) {
	var b strings.Builder
	kept := 0 // up to where b has what is not to be trimmed
	escaped := false
	flush := func() {
		parts = append(parts, b.String()[:kept]+strings.TrimRight(b.String()[kept:], " \t"))
		b.Reset()
		kept = 0
	}
	for _, r := range line {
		switch {
		case escaped:
			if escaped = false; r == 'n' {
				r = '\n'
			}
			b.WriteRune(r)
			kept = b.Len()
		case r == '\\':
			escaped = true
		case r == end:
			flush()
		case b.Len() > 0 || r != ' ' && r != '\t':
			b.WriteRune(r)
		}
	}
	flush()
	return parts
}
