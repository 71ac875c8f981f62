package search

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Position is the byte offset at which a filter or order went wrong.
func Position(err error) (int, bool) {
	var s syntax
	ok := errors.As(err, &s)
	return s.pos, ok
}

type tokenKind int

const (
	end tokenKind = iota
	word
	quoted // '…' or "…"
	symbol // an operator, a bracket or a comma
)

// token is one piece of a text. A word that is a key may have been written in parts: prefix "metrics",
// text "val loss" for metrics.`val loss`.
type token struct {
	kind         tokenKind
	prefix, text string
	dotted       bool   // there is a prefix, though it may be empty
	double       bool   // quoted in "…", so that it may be a key
	bare         string // as written, for keywords and numbers; "" if any of it was quoted
	pos          int
}

func (t token) symbol(s string) bool { return t.kind == symbol && t.text == s }

func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.bare, keyword) }

// said is the token in a message.
func (t token) said() any {
	switch {
	case t.kind == end:
		return say("end", "the end")
	case t.bare != "":
		return strconv.Quote(short(t.bare))
	}
	return strconv.Quote(short(t.text))
}

type lexer struct {
	what domain.Word
	in   string
	at   int
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || strings.ContainsRune("_.-/:+", r)
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.in) && strings.IndexByte(" \t\r\n", l.in[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	if start == len(l.in) {
		return token{kind: end, pos: start}, nil
	}
	switch c := l.in[start]; c {
	case '\'', '"':
		s, err := l.quote(c)
		return token{kind: quoted, text: s, double: c == '"', pos: start}, err
	case '`':
		s, err := l.quote(c)
		return token{kind: word, text: s, pos: start}, err
	case '(', ')', ',', '=':
		l.at++
		return token{kind: symbol, text: string(c), bare: string(c), pos: start}, nil
	case '<', '>', '!':
		if l.at++; l.at < len(l.in) && l.in[l.at] == '=' {
			l.at++
		}
		s := l.in[start:l.at]
		if s == "!" {
			return token{}, fail(start, "lone_mark", "%s: a lone ! at position %d: write != or NOT", l.what, start)
		}
		return token{kind: symbol, text: s, bare: s, pos: start}, nil
	case ';':
		return token{}, fail(start, "one_condition", "%s: one condition only, but there is a ; at position %d", l.what, start)
	}
	return l.word()
}

// word reads a bare word, whose last part after a dot may be quoted.
func (l *lexer) word() (token, error) {
	start := l.at
	for l.at < len(l.in) {
		r, n := utf8.DecodeRuneInString(l.in[l.at:])
		if !wordRune(r) {
			break
		}
		l.at += n
	}
	s := l.in[start:l.at]
	if s == "" {
		r, _ := utf8.DecodeRuneInString(l.in[start:])
		return token{}, fail(start, "character", "%s: unexpected %q at position %d: put keys with such characters in backticks and values in quotes", l.what, r, start)
	}
	prefix, rest, dotted := strings.Cut(s, ".")
	if dotted && rest == "" && l.at < len(l.in) && (l.in[l.at] == '`' || l.in[l.at] == '"') {
		key, err := l.quote(l.in[l.at])
		return token{kind: word, prefix: prefix, text: key, dotted: true, pos: start}, err
	}
	if !dotted {
		prefix, rest = "", s
	}
	return token{kind: word, prefix: prefix, text: rest, dotted: dotted, bare: s, pos: start}, nil
}

// quote reads up to the same mark again; a doubled mark is one of it in the text.
func (l *lexer) quote(mark byte) (string, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.in); l.at++ {
		if l.in[l.at] != mark {
			b.WriteByte(l.in[l.at])
			continue
		}
		if mark != '`' && l.at+1 < len(l.in) && l.in[l.at+1] == mark {
			b.WriteByte(mark)
			l.at++
			continue
		}
		l.at++
		return b.String(), nil
	}
	return "", fail(start, "unclosed", "%s: the quote opened at position %d is never closed", l.what, start)
}

type parser struct {
	l       *Language
	lex     lexer
	t       token
	clauses int
	now     *Clause // whose value is next
}

func (l *Language) parser(what domain.Word, text string) (*parser, error) {
	if err := plain(what, text); err != nil {
		return nil, err
	}
	p := &parser{l: l, lex: lexer{what: what, in: text}}
	return p, p.advance()
}

// plain refuses what is too long to read or no database keeps as text.
func plain(what domain.Word, text string) error {
	if len(text) > maxText {
		return fail(maxText, "long", "%s: it has %d bytes, more than %d", what, len(text), maxText)
	}
	for at, r := range text {
		if _, n := utf8.DecodeRuneInString(text[at:]); r == 0 || r == utf8.RuneError && n == 1 {
			return fail(at, "not_plain", "%s: expected plain text in UTF-8 at position %d, found the byte %#02x", what, at, text[at])
		}
	}
	return nil
}

func (p *parser) advance() (err error) {
	p.t, err = p.lex.next()
	return err
}

// expected refuses what stands where something else must: a domain.Word, or text of the language itself.
func (p *parser) expected(what any) error {
	return fail(p.t.pos, "expected", "%s: expected %s at position %d, found %s", p.lex.what, what, p.t.pos, p.t.said())
}

// Unfinished is the comparison with a text that somebody is writing at the end of a filter: its key, its operator, and
// in Str what of the value is there. The quote of the value opens at byte at. ok is false where there is none.
func (l *Language) Unfinished(filter string) (c Clause, at int, ok bool) {
	p, err := l.parser(theFilter, filter)
	if err == nil {
		_, err = p.or(0)
	}
	if e := domain.As(err); e == nil || e.Key != "search.unclosed" || p.now == nil {
		return c, 0, false
	}
	c = *p.now
	at, _ = Position(err)
	mark := filter[at : at+1]
	c.Str = strings.ReplaceAll(filter[at+1:], mark+mark, mark)
	kind := l.kind(c.Entity, c.Key)
	valued := kind != number && c.Op != IsNull && c.Op != NotNull && slices.Contains(operators[kind], c.Op)
	return c, at, valued && mark != "`"
}

// ParseFilter reads a filter. A blank one is nil. Errors are of kind Invalid and have a Position.
func (l *Language) ParseFilter(text string) (Expr, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // no filter is no condition
	}
	p, err := l.parser(theFilter, text)
	if err != nil {
		return nil, err
	}
	e, err := p.or(0)
	if err == nil && p.t.kind != end {
		err = p.expected(say("and_or", "AND, OR or the end"))
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (p *parser) or(depth int) (Expr, error) {
	return p.chain("OR", func() (Expr, error) { return p.and(depth) }, func(es []Expr) Expr { return Or(es) })
}

func (p *parser) and(depth int) (Expr, error) {
	return p.chain("AND", func() (Expr, error) { return p.not(depth) }, func(es []Expr) Expr { return And(es) })
}

func (p *parser) chain(keyword string, part func() (Expr, error), all func([]Expr) Expr) (Expr, error) {
	e, err := part()
	if err != nil || !p.t.is(keyword) {
		return e, err
	}
	es := []Expr{e}
	for p.t.is(keyword) {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if e, err = part(); err != nil {
			return nil, err
		}
		es = append(es, e)
	}
	return all(es), nil
}

func (p *parser) not(depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, fail(p.t.pos, "deep", "%s: brackets are nested more than %d deep (position %d)", theFilter, maxDepth, p.t.pos)
	}
	switch {
	case p.t.is("NOT"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.not(depth + 1)
		return Not{e}, err
	case p.t.symbol("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return e, p.symbol(")")
	}
	return p.clause()
}

func (p *parser) symbol(s string) error {
	if !p.t.symbol(s) {
		return p.expected("'" + s + "'")
	}
	return p.advance()
}

func (p *parser) clause() (Expr, error) {
	if p.clauses++; p.clauses > maxClauses {
		return nil, fail(p.t.pos, "comparisons", "%s: it has more than %d comparisons (position %d)", theFilter, maxClauses, p.t.pos)
	}
	entity, key, pos, err := p.key()
	if err != nil {
		return nil, err
	}
	c := Clause{Entity: entity, Key: key, Pos: pos}
	p.now = &c
	kind, at := p.l.kind(entity, key), p.t.pos
	if c.Op, err = p.op(); err != nil {
		return nil, err
	}
	if ops := operators[kind]; !slices.Contains(ops, c.Op) {
		return nil, fail(at, "operator", "%s: %s at position %d does not go with %s; use %s", theFilter, c.Op, at, short(key), opNames(ops))
	}
	switch {
	case c.Op == IsNull || c.Op == NotNull:
		return c, nil
	case c.Op == In || c.Op == NotIn:
		c.List, err = p.list()
	case kind == number:
		c.Numeric = true
		c.Num, err = p.number(key)
	default:
		c.Str, err = p.text(short(key))
	}
	return c, err
}

func opNames(ops []Op) string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = string(o)
	}
	return strings.Join(out, ", ")
}

func (p *parser) key() (Entity, string, int, error) {
	t := p.t
	named := t.kind == word || t.kind == quoted && t.double && t.text != "" // "run name" = …
	if !named {
		return "", "", 0, p.expected(say("key", "a key like metrics.loss"))
	}
	e, k, err := p.l.resolve(t, p.lex.what)
	if err != nil {
		return "", "", 0, err
	}
	return e, k, t.pos, p.advance()
}

func (p *parser) op() (Op, error) {
	t := p.t
	switch {
	case t.kind == symbol && strings.ContainsAny(t.text, "=<>"):
		return Op(t.text), p.advance()
	case t.is("LIKE"):
		return Like, p.words("LIKE")
	case t.is("ILIKE"):
		return ILike, p.words("ILIKE")
	case t.is("IN"):
		return In, p.words("IN")
	case t.is("NOT"):
		return NotIn, p.words("NOT", "IN")
	case t.is("IS"):
		if err := p.advance(); err != nil {
			return "", err
		}
		if p.t.is("NOT") {
			return NotNull, p.words("NOT", "NULL")
		}
		return IsNull, p.words("NULL")
	}
	return "", p.expected(say("an_operator", "an operator like = or LIKE"))
}

// words moves over keywords that must follow.
func (p *parser) words(keywords ...string) error {
	for _, w := range keywords {
		if !p.t.is(w) {
			return p.expected(w)
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
	return nil
}

// text reads a value in quotes; of is whose, in a message.
func (p *parser) text(of any) (string, error) {
	if p.t.kind != quoted {
		if p.t.kind == word {
			return "", fail(p.t.pos, "unquoted", "%s: %s is compared with text: put %s at position %d in quotes", theFilter, of, p.t.said(), p.t.pos)
		}
		return "", p.expected(say("value", "a value in quotes"))
	}
	s := p.t.text
	p.now = nil
	return s, p.advance()
}

func (p *parser) number(key string) (float64, error) {
	text, ok := p.t.bare, p.t.kind == word
	if p.l.quotedNumbers && p.t.kind == quoted {
		text, ok = p.t.text, true
	}
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fail(p.t.pos, "number", "%s: %s is compared with a number, without quotes; found %s at position %d", theFilter, short(key), p.t.said(), p.t.pos)
	}
	return n, p.advance()
}

// list reads ('a', 'b'). A comma may follow the last value: upstream reads lists as Python's tuples, and
// clients write tuples of one that way.
func (p *parser) list() ([]string, error) {
	now := p.now
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	var out []string
	for {
		s, err := p.text(say("the_list", "the list"))
		if err != nil {
			return nil, err
		}
		if out = append(out, s); len(out) > maxList {
			return nil, fail(p.t.pos, "list", "%s: a list has more than %d values (position %d)", theFilter, maxList, p.t.pos)
		}
		if !p.t.symbol(",") {
			return out, p.symbol(")")
		}
		p.now = now
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.t.symbol(")") {
			return out, p.advance()
		}
	}
}

// ParseOrder reads the keys of an order, each like "metrics.loss DESC". The same key twice is refused.
func (l *Language) ParseOrder(items []string) ([]Order, error) {
	if len(items) > maxOrder {
		return nil, fail(0, "order_keys", "%s: it has %d keys, more than %d", theOrder, len(items), maxOrder)
	}
	var out []Order
	for _, item := range items {
		o, err := l.parseOrder(item)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(b Order) bool { return b.Entity == o.Entity && b.Key == o.Key }) {
			return nil, fail(0, "order_repeats", "%s: it names %s twice", theOrder, short(o.Key))
		}
		out = append(out, o)
	}
	return out, nil
}

func (l *Language) parseOrder(item string) (o Order, err error) {
	p, err := l.parser(theOrder, item)
	if err != nil {
		return o, err
	}
	pos := 0
	if o.Entity, o.Key, pos, err = p.key(); err != nil {
		return o, err
	}
	if !slices.Contains(l.orderBy, o.Entity) {
		return o, l.unordered(pos, o.Entity)
	}
	if p.t.is("ASC") || p.t.is("DESC") {
		o.Desc = p.t.is("DESC")
		if err := p.advance(); err != nil {
			return o, err
		}
	}
	if p.t.kind != end {
		return o, p.expected(say("asc_desc", "ASC, DESC or the end"))
	}
	return o, nil
}

// ParseOrderField reads one key of an order whose direction is given beside it. The key is not quoted: what
// follows the dot is taken as it is, though quotes around all of it are forgiven.
func (l *Language) ParseOrderField(name string, ascending bool) (Order, error) {
	if err := plain(theOrder, name); err != nil {
		return Order{}, err
	}
	t := token{kind: word}
	if t.prefix, t.text, t.dotted = strings.Cut(name, "."); t.dotted {
		t.text = unquoted(t.text)
	} else {
		t.text = unquoted(name)
	}
	e, k, err := l.resolve(t, theOrder)
	if err == nil && !slices.Contains(l.orderBy, e) {
		err = l.unordered(0, e)
	}
	if err != nil {
		return Order{}, err
	}
	return Order{e, k, !ascending}, nil
}

func unquoted(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '`' || s[0] == '"') {
		return s[1 : n-1]
	}
	return s
}

func (l *Language) unordered(pos int, e Entity) error {
	names := make([]string, len(l.orderBy))
	for i, o := range l.orderBy {
		names[i] = string(o) + "s"
	}
	return fail(pos, "order_kind", "%s: %s are ordered by %s, not by a %s (position %d)", theOrder, l.things, strings.Join(names, ", "), e, pos)
}
