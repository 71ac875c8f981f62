package protojson

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder reads a document of valid UTF-8 from its start to its end.
type decoder struct {
	data     []byte
	at       int
	depth    int
	elements int
	path     path
	strict   bool       // whether bare NaN and infinities are refused, as JSON does
	recent   [64]string // short texts of this document, so that repeated ones are stored once
}

func (d *decoder) fail(problem string) error { return malformed(d.at, problem) }

func (d *decoder) unexpected(want string) error {
	if d.at >= len(d.data) {
		return d.fail("it ends where " + want + " should be")
	}
	r, _ := utf8.DecodeRune(d.data[d.at:])
	return d.fail("expected " + want + ", found " + strconv.QuoteRune(r))
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (d *decoder) peek() byte {
	if d.at < len(d.data) {
		return d.data[d.at]
	}
	return 0
}

func (d *decoder) expect(c byte) error {
	d.space()
	if d.peek() != c {
		return d.unexpected("'" + string(rune(c)) + "'")
	}
	d.at++
	return nil
}

func (d *decoder) end() error {
	if d.space(); d.at < len(d.data) {
		return d.fail("there is more after the object")
	}
	return nil
}

// enter moves over the bracket that opens an object or a list; more moves over the one that closes it.
func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return d.fail("values are nested more than " + strconv.Itoa(maxDepth) + " deep")
	}
	d.at++
	return nil
}

// more reports whether another member or element comes, and moves to it.
func (d *decoder) more(first bool, closing byte) (bool, error) {
	d.space()
	switch c := d.peek(); {
	case c == closing:
		d.at++
		d.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		d.at++
		d.space()
		return true, nil
	}
	return false, d.unexpected("',' or '" + string(rune(closing)) + "'")
}

func (d *decoder) word(w string) error {
	if !bytes.HasPrefix(d.data[d.at:], []byte(w)) {
		return d.unexpected(w)
	}
	d.at += len(w)
	return nil
}

// bareWord is the bare NaN or infinity at hand, which Python writes and JSON does not know, or "".
func (d *decoder) bareWord() string {
	switch c := d.peek(); {
	case d.strict:
		return ""
	case c == 'N':
		return "NaN"
	case c == 'I':
		return "Infinity"
	case c == '-' && d.at+1 < len(d.data) && d.data[d.at+1] == 'I':
		return "-Infinity"
	}
	return ""
}

// number moves over a number in JSON's form.
func (d *decoder) number() error {
	if d.peek() == '-' {
		d.at++
	}
	if d.peek() == '0' {
		d.at++
	} else if err := d.digits(); err != nil {
		return err
	}
	if d.peek() == '.' {
		d.at++
		if err := d.digits(); err != nil {
			return err
		}
	}
	if c := d.peek(); c != 'e' && c != 'E' {
		return nil
	}
	d.at++
	if c := d.peek(); c == '+' || c == '-' {
		d.at++
	}
	return d.digits()
}

func (d *decoder) digits() error {
	start := d.at
	for d.at < len(d.data) && isDigit(d.data[d.at]) {
		d.at++
	}
	if d.at == start {
		return d.unexpected("a digit")
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// skip moves over any value.
func (d *decoder) skip() error {
	if w := d.bareWord(); w != "" {
		return d.word(w)
	}
	switch c := d.peek(); {
	case c == '{':
		return d.skipAll('}', d.skipMember)
	case c == '[':
		return d.skipAll(']', d.skip)
	case c == '"':
		_, _, err := d.quoted()
		return err
	case c == 't':
		return d.word("true")
	case c == 'f':
		return d.word("false")
	case c == 'n':
		return d.word("null")
	case c == '-' || isDigit(c):
		return d.number()
	}
	return d.unexpected("a value")
}

func (d *decoder) skipAll(closing byte, one func() error) error {
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if more, err := d.more(first, closing); err != nil || !more {
			return err
		}
		if err := one(); err != nil {
			return err
		}
	}
}

func (d *decoder) skipMember() error {
	if _, _, err := d.name(); err != nil {
		return err
	}
	return d.skip()
}

// name reads the name of a member and moves to its value.
func (d *decoder) name() (raw []byte, escaped bool, err error) {
	if d.peek() != '"' {
		return nil, false, d.unexpected("a name")
	}
	if raw, escaped, err = d.quoted(); err != nil {
		return nil, false, err
	}
	if err := d.expect(':'); err != nil {
		return nil, false, err
	}
	d.space()
	return raw, escaped, nil
}

// text reads a string.
func (d *decoder) text() (string, error) {
	raw, escaped, err := d.quoted()
	switch {
	case err != nil:
		return "", err
	case escaped:
		return string(unescape(raw)), nil
	}
	return d.keep(raw), nil
}

// keep is raw as a string; a short one that came before is shared.
func (d *decoder) keep(raw []byte) string {
	const most = 64
	if len(raw) == 0 || len(raw) > most {
		return string(raw)
	}
	slot := &d.recent[(len(raw)+7*int(raw[0])+31*int(raw[len(raw)-1]))%len(d.recent)]
	if *slot != string(raw) {
		*slot = string(raw)
	}
	return *slot
}

// ordinary are the bytes that stand for themselves in a string.
var ordinary = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return is
}()

// quoted moves over a string, which may then be unescaped if it has escapes. NUL is refused, since no
// database keeps it in a text, and so is half a surrogate pair, which is no character.
func (d *decoder) quoted() (raw []byte, escaped bool, err error) {
	start := d.at + 1
	for i := start; ; {
		for i < len(d.data) && ordinary[d.data[i]] {
			i++
		}
		switch {
		case i == len(d.data):
			return nil, false, malformed(i, "it ends inside a text")
		case d.data[i] == '"':
			d.at = i + 1
			return d.data[start:i], escaped, nil
		case d.data[i] != '\\':
			return nil, false, malformed(i, "a control character in a text")
		}
		_, n, problem := escape(d.data[i:])
		if problem != "" {
			return nil, false, malformed(i, problem)
		}
		escaped = true
		i += n
	}
}

// unescape is what a string, whose escapes are known to be right, stands for.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(out, raw...)
		}
		r, n, _ := escape(raw[i:])
		out = utf8.AppendRune(append(out, raw[:i]...), r)
		raw = raw[i+n:]
	}
}

// escape reads the escape that b begins with: the character, the length, or what is wrong with it.
func escape(b []byte) (r rune, n int, problem string) {
	if len(b) < 2 {
		return 0, 0, "it ends inside a text"
	}
	if b[1] == 'u' {
		return unicodeEscape(b)
	}
	at := strings.IndexByte(`"\/bfnrt`, b[1])
	if at < 0 {
		return 0, 0, "an unknown escape in a text"
	}
	return rune("\"\\/\b\f\n\r\t"[at]), 2, ""
}

// unicodeEscape reads \uXXXX, or two of them that make one character (a surrogate pair of UTF-16).
func unicodeEscape(b []byte) (r rune, n int, problem string) {
	u, ok := codeUnit(b)
	switch {
	case !ok:
		return 0, 0, `a broken \u escape in a text`
	case u == 0:
		return 0, 0, "a NUL character in a text"
	case u < 0xd800 || u >= 0xe000:
		return rune(u), 6, ""
	}
	low, ok := codeUnit(b[6:])
	if !ok || u >= 0xdc00 || low < 0xdc00 || low >= 0xe000 {
		return 0, 0, "half a surrogate pair in a text"
	}
	return rune(u-0xd800)<<10 + rune(low-0xdc00) + 0x10000, 12, ""
}

func codeUnit(b []byte) (uint64, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return u, err == nil
}
