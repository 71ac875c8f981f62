package secret

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// remember keeps a value out of what Redact returns from now on, in the forms in which it may appear.
func (b *Box) remember(value, name string) {
	b.mu.RLock()
	known := b.opened[value]
	b.mu.RUnlock()
	if known {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened == nil {
		b.opened, b.says = map[string]bool{}, map[string]string{}
	}
	b.opened[value] = true
	for _, f := range forms(value) {
		b.says[f] = "[secret " + plainName(name) + "]"
	}
	var pairs []string
	for _, f := range slices.SortedFunc(maps.Keys(b.says), func(a, b string) int { return cmp.Compare(len(b), len(a)) }) {
		pairs = append(pairs, f, b.says[f]) // the longest first, or of a value that begins with another one the rest would show
	}
	b.redactor = strings.NewReplacer(pairs...)
}

// plainName is a name that may stand in JSON as it is.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r < ' ' {
			return '_'
		}
		return r
	}, name)
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// forms are the ways in which a value may stand in a text.
func forms(value string) []string {
	inJSON, once := quoted(value, true), quoted(value, false)
	goText := strconv.Quote(value)
	out := []string{value, inJSON, once, quoted(inJSON, true), quoted(once, false), goText[1 : len(goText)-1]}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value)} {
		out = append(out, escaped, percent.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		out = append(out, e.EncodeToString([]byte(value)), e.WithPadding(base64.NoPadding).EncodeToString([]byte(value)))
		// Behind something else, as in Basic authorization, there are three ways, by how many bytes come before. These are
		// the characters that hold nothing of what is around it.
		for before, shared := range []int{0, 2, 3} {
			text := e.EncodeToString(append(make([]byte, before), value...))
			out = append(out, text[shared:(before+len(value))*8/6])
		}
	}
	return out
}

// quoted is text as it stands between the quotation marks of JSON.
func quoted(text string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(text); err != nil {
		return text
	}
	return b.String()[1 : b.Len()-2]
}

// Redact is text without the values that this box has opened.
func (b *Box) Redact(text string) string {
	if b == nil {
		return text
	}
	b.mu.RLock()
	r := b.redactor
	b.mu.RUnlock()
	if r == nil {
		return text
	}
	return r.Replace(text)
}

// Redacting writes to w what Redact leaves of each piece. A piece is whole: loggers write a line at once.
func (b *Box) Redacting(w io.Writer) io.Writer { return redacting{w, b} }

type redacting struct {
	to  io.Writer
	box *Box
}

func (r redacting) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.to, r.box.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
