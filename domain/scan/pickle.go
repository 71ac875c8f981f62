package scan

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A pickle is a program for a small stack machine. We follow it without making any object: the stack and the memo
// hold what it takes to tell which names it imports and which of them it calls. Opcodes and their arguments are
// those of CPython's Lib/pickletools.py, protocols 0 to 5. Where CPython would stop with an error we note it and go
// on as long as there are opcodes: other readers may be more forgiving.

// kind says what is known of a value; n of value means what stands behind it.
type kind uint8

const (
	opaque  kind = iota // anything that names and calls are not made of
	absent              // a place in the memo where nothing was put
	text                // where it lies in names: start and length
	number              // itself
	numbers             // a tuple of numbers: their product
	words               // a tuple that begins with a text: where that lies
	state               // a tuple that may be the state of a dtype: its flags
	dtype               // index in dtypes
	global              // something imported: index in the report's imports, −1 if there was no room
	result              // what calling an import gave: index of the import
	derived             // what calling such a result gave: index of the import
)

type value struct {
	kind kind
	n    int64
}

const (
	longestName = 512     // bytes; no longer text is kept
	farMemo     = 1 << 16 // places beyond the memo's limit that are kept
	textBits    = 16
)

// pickle is the machine. Its values hold no pointers, so that millions of them cost the collector nothing.
type pickle struct {
	s      *scanner
	in     input
	w      *window
	joblib bool // arrays follow their wrappers
	strict bool // stop at the first mistake
	torch  bool // persistent ids are how storages are named

	stack   []value
	marks   []int // lengths of the stack
	memo    []value
	far     map[int64]value
	put     int64 // places of the memo that are taken
	dropped bool  // something was not kept for lack of room
	names   []byte
	dtypes  []dtypeInfo

	wrappers bool // joblib's wrapper was imported
	array    array
	damaged  bool
	lost     bool // nothing can be read from here on
	active   bool // it imports or calls something
}

type dtypeInfo struct {
	size    int64 // bytes of an element
	objects bool
}

// array is the state of a NumpyArrayWrapper as far as we met it.
type array struct {
	count, dtype  int64
	counted, said bool
	padded        bool
}

const wrapperName = "joblib.numpy_pickle.NumpyArrayWrapper"

// torchMagic is the number that the legacy format of torch begins with, as an opcode.
var torchMagic = []byte("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")

func pickleHead(b []byte) bool { return len(b) > 1 && b[0] == 0x80 && b[1] <= 5 }

// pickles reads the pickles that lie one after the other from a byte on. With joblib, raw arrays stand in the middle
// of the stream; but other loaders would take them for opcodes, so that we read it in both ways. What the second way
// makes of arrays may be nonsense, so that only the worst of it counts.
func (s *scanner) pickles(in input, from int64) Format {
	plain := s.aside()
	f, wrapped := plain.stream(in, from, false)
	if !wrapped {
		s.absorb(plain, true)
		return f
	}
	s.stream(in, from, true)
	s.absorb(plain, false)
	return Joblib
}

// stream is one of these ways. It says whether joblib's wrapper was met.
func (s *scanner) stream(in input, from int64, joblib bool) (f Format, wrapped bool) {
	f = Pickle
	p := &pickle{s: s, in: in, w: s.window(in, from), joblib: joblib, torch: in.torch}
	if bytes.Contains(p.w.take(int(min(32, in.size-from))), torchMagic) {
		f, p.torch = TorchLegacy, true
	}
	p.w.seek(from)
	for n := 1; ; n++ {
		ended := p.load()
		at := p.w.pos()
		switch {
		case !ended || at == in.size:
			return f, p.wrappers
		case f == TorchLegacy && n >= 5 && !s.headless(in, at): // magic, version, system, object, keys: then storages
			return f, p.wrappers
		case !s.enter():
			s.note("limit.entries", in.path, 0)
			return f, p.wrappers
		}
		head := p.w.take(int(min(2, in.size-at)))
		p.w.seek(at)
		if pickleHead(head) || s.headless(in, at) {
			continue
		}
		s.note("pickle.trailing", in.path, 0, offset(at))
		return f, p.wrappers
	}
}

// headless tells whether a pickle starts at a byte without the head that protocols from 2 on have. It does if it
// could be loaded. What reaches for something dangerous before it breaks is noted here, for it is no pickle.
func (s *scanner) headless(in input, from int64) bool {
	o := s.aside()
	p := &pickle{s: o, in: in, w: o.window(in, from), strict: true, torch: in.torch}
	ended := p.load() && (p.active || p.w.pos() == in.size)
	if !ended && o.rep.Verdict == Dangerous {
		s.absorb(o, true)
	}
	return ended
}

// load follows one pickle to its STOP; false if it has none.
func (p *pickle) load() bool {
	p.stack, p.marks, p.memo, p.far, p.put = p.stack[:0], p.marks[:0], p.memo[:0], nil, 0
	p.names, p.dtypes, p.dropped, p.damaged, p.array = p.names[:0], p.dtypes[:0], false, false, array{}
	for {
		if p.s.spent.opcodes++; p.s.spent.opcodes > p.s.lim.Opcodes {
			return p.end("limit.opcodes")
		}
		if len(p.stack) > p.s.lim.Stack || len(p.marks) > p.s.lim.Stack {
			return p.end("limit.stack")
		}
		at := p.w.pos()
		op := p.w.byte()
		if p.w.err == nil && op == '.' {
			return true
		}
		known := p.step(op)
		switch {
		case errors.Is(p.w.err, io.ErrUnexpectedEOF):
			p.s.note("pickle.truncated", p.in.path, 0, offset(p.in.size))
			return false
		case p.w.err != nil:
			p.s.failed(p.in, p.w.err)
			return false
		case !known:
			p.damage(at)
			return false
		case p.lost || p.damaged && p.strict:
			return false
		}
	}
}

func (p *pickle) end(code string) bool {
	p.s.note(code, p.in.path, 0)
	return false
}

func (p *pickle) damage(at int64) {
	if !p.damaged {
		p.s.note("pickle.malformed", p.in.path, 0, offset(at))
	}
	p.damaged = true
}

// step follows one opcode; false if there is no such.
func (p *pickle) step(op byte) bool {
	w := p.w
	switch op {
	case 0x80, 'K', 'M', 'J', 'G', 'N', 0x88, 0x89, 'I', 'L', 'F', 0x8a, 0x8b: // PROTO and plain values
		return p.plain(op)
	case '}', ']', 0x8f, 0x97: // EMPTY_DICT EMPTY_LIST EMPTY_SET NEXT_BUFFER
		p.push(value{})
	case 'X': // BINUNICODE
		p.text(w.uint(4))
	case 0x8c: // SHORT_BINUNICODE
		p.text(w.uint(1))
	case 0x8d: // BINUNICODE8
		p.text(w.uint(8))
	case 'T': // BINSTRING; a negative length is refused as one beyond the file
		p.text(w.uint(4))
	case 'U': // SHORT_BINSTRING
		p.text(w.uint(1))
	case 'S', 'V': // STRING UNICODE
		line, short := w.line(4 * longestName)
		p.keep(unescape(line), short)
	case 'B': // BINBYTES
		p.bytes(w.uint(4))
	case 'C': // SHORT_BINBYTES
		p.bytes(w.uint(1))
	case 0x8e, 0x96: // BINBYTES8 BYTEARRAY8
		p.bytes(w.uint(8))
	case 0x95: // FRAME: only a hint for buffers, and it may lie
		w.take(8)
	case 0x98: // READONLY_BUFFER
	case '(': // MARK
		p.marks = append(p.marks, len(p.stack))
	case '0': // POP takes a mark if that is on top
		if n := len(p.marks); n > 0 && p.marks[n-1] == len(p.stack) {
			p.marks = p.marks[:n-1]
			break
		}
		p.pop()
	case '1': // POP_MARK
		p.since()
	case '2': // DUP
		p.push(p.top())
	case ')': // EMPTY_TUPLE
		p.push(tuple(nil))
	case 't': // TUPLE
		p.push(tuple(p.since()))
	case 0x85, 0x86, 0x87: // TUPLE1 TUPLE2 TUPLE3
		p.push(tuple(p.several(int(op) - 0x84)))
	case 'l', 0x91: // LIST FROZENSET
		p.since()
		p.push(value{})
	case 'd': // DICT
		p.setItems(p.since())
		p.push(value{})
	case 'a': // APPEND
		p.pop()
		p.top()
	case 'e', 0x90: // APPENDS ADDITEMS
		p.since()
		p.top()
	case 's': // SETITEM
		p.setItems(p.several(2))
		p.top()
	case 'u': // SETITEMS
		p.setItems(p.since())
		p.top()
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j': // PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
		p.remember(op)
	case 'P': // PERSID
		w.line(0)
		p.persistent()
	case 'Q': // BINPERSID
		p.pop()
		p.persistent()
	default:
		return p.object(op)
	}
	return true
}

// plain pushes what is a number, or nothing that matters.
func (p *pickle) plain(op byte) bool {
	w, v := p.w, value{}
	switch op {
	case 0x80: // PROTO
		w.byte()
		return true
	case 'K': // BININT1
		v = value{number, w.uint(1)}
	case 'M': // BININT2
		v = value{number, w.uint(2)}
	case 'J': // BININT
		v = value{number, int64(int32(w.uint(4)))}
	case 'G': // BINFLOAT
		w.take(8)
	case 'I', 'L': // INT LONG; 01 and 00 are True and False: no harm in taking them for numbers
		line, _ := w.line(64)
		if n, err := strconv.ParseInt(strings.TrimSuffix(string(line), "L"), 10, 64); err == nil {
			v = value{number, n}
		} else if p.strict && len(line) < 64 {
			_, ok := new(big.Int).SetString(strings.TrimSuffix(string(line), "L"), 10)
			return ok || w.err != nil
		}
	case 'F': // FLOAT
		line, _ := w.line(64)
		if _, err := strconv.ParseFloat(string(line), 64); err != nil && errors.Is(err, strconv.ErrSyntax) && p.strict {
			return w.err != nil
		}
	case 0x8a: // LONG1
		if n := w.uint(1); n > 0 && n <= 7 {
			v = value{number, w.uint(int(n))}
		} else {
			w.skip(n)
		}
	case 0x8b: // LONG4
		w.skip(w.uint(4))
	default: // None, True, False
	}
	p.push(v)
	return true
}

// object follows the opcodes that import and call.
func (p *pickle) object(op byte) bool {
	w, at := p.w, p.w.pos()
	switch op {
	case 'c': // GLOBAL
		p.push(p.lines())
	case 'i': // INST
		class := p.lines()
		p.since()
		p.push(p.call(class))
	case 'o': // OBJ
		if items := p.since(); len(items) > 0 {
			p.push(p.call(items[0]))
			break
		}
		p.damage(at)
		p.push(value{})
	case 0x93: // STACK_GLOBAL
		pair := p.several(2)
		module, known := p.string(pair[0])
		name, also := p.string(pair[1])
		p.push(p.global(module, name, known, also))
	case 'R', 0x81: // REDUCE NEWOBJ
		pair := p.several(2)
		p.push(p.reduce(op, pair[0], pair[1]))
	case 0x92: // NEWOBJ_EX
		three := p.several(3)
		p.push(p.reduce(op, three[0], three[1]))
	case 'b': // BUILD
		p.build(p.pop())
	case 0x82: // EXT1
		p.extension(w.uint(1))
	case 0x83: // EXT2
		p.extension(w.uint(2))
	case 0x84: // EXT4
		p.extension(w.uint(4))
	default:
		return false
	}
	return true
}

func (p *pickle) push(v value) { p.stack = append(p.stack, v) }

// pop never goes beyond the last mark, as in CPython.
func (p *pickle) pop() value {
	v := p.top()
	if len(p.stack) > p.floor() {
		p.stack = p.stack[:len(p.stack)-1]
	}
	return v
}

func (p *pickle) top() value {
	if len(p.stack) > p.floor() {
		return p.stack[len(p.stack)-1]
	}
	p.damage(p.w.pos())
	return value{}
}

func (p *pickle) floor() int {
	if n := len(p.marks); n > 0 {
		return p.marks[n-1]
	}
	return 0
}

// several pops n values, the deepest first. They are good until the next push.
func (p *pickle) several(n int) []value {
	at := len(p.stack) - n
	if at < p.floor() {
		p.damage(p.w.pos())
		return make([]value, n)
	}
	vs := p.stack[at:]
	p.stack = p.stack[:at]
	return vs
}

// since pops what is above the last mark, and the mark. It is good until the next push.
func (p *pickle) since() []value {
	n := len(p.marks)
	if n == 0 {
		p.damage(p.w.pos())
		return nil
	}
	from := min(p.marks[n-1], len(p.stack))
	vs := p.stack[from:]
	p.stack, p.marks = p.stack[:from], p.marks[:n-1]
	return vs
}

// text pushes the next n bytes.
func (p *pickle) text(n int64) {
	if n > longestName {
		p.w.skip(n)
		p.push(value{})
		return
	}
	p.keep(p.w.take(int(n)), true)
}

func (p *pickle) bytes(n int64) {
	p.w.skip(n)
	p.push(value{})
}

// keep pushes a text that may be needed as a name.
func (p *pickle) keep(b []byte, fits bool) {
	if !fits || len(b) > longestName || len(p.names)+len(b) > p.s.lim.Names {
		p.push(value{})
		return
	}
	p.push(value{text, int64(len(p.names))<<textBits | int64(len(b))})
	p.names = append(p.names, b...)
}

func (p *pickle) string(v value) (string, bool) {
	if v.kind != text {
		return "", false
	}
	at := v.n >> textBits
	return string(p.names[at : at+v.n&(1<<textBits-1)]), true
}

// unescape undoes what STRING and UNICODE may write differently: quotes, \x6f, \157, \u006f and \U0000006f. A text
// that keeps a backslash is no name.
func unescape(b []byte) []byte {
	if n := len(b); n >= 2 && (b[0] == '\'' || b[0] == '"') && b[n-1] == b[0] {
		b = b[1 : n-1]
	}
	if !bytes.Contains(b, []byte(`\`)) {
		return b
	}
	var out []byte
	for i := 0; i < len(b); i++ {
		digits, base := 0, 16
		if b[i] == '\\' && i+1 < len(b) {
			switch c := b[i+1]; {
			case c == 'x':
				digits = 2
			case c == 'u':
				digits = 4
			case c == 'U':
				digits = 8
			case c >= '0' && c <= '7':
				digits, base = 3, 8
			}
		}
		from := i + 2
		if base == 8 {
			from--
			for digits > 1 && (from+digits > len(b) || b[from+digits-1] < '0' || b[from+digits-1] > '7') {
				digits--
			}
		}
		if digits > 0 && from+digits <= len(b) {
			if r, err := strconv.ParseUint(string(b[from:from+digits]), base, 31); err == nil {
				out = utf8.AppendRune(out, rune(r))
				i = from + digits - 1
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// tuple is what we keep of one.
func tuple(vs []value) value {
	const most = 1 << 48
	if len(vs) > 0 && vs[0].kind == text {
		return value{words, vs[0].n}
	}
	product := int64(1)
	for _, v := range vs {
		if v.kind != number || v.n < 0 || v.n > most || v.n > 0 && product > most/v.n {
			if len(vs) > 7 && vs[7].kind == number {
				return value{state, vs[7].n}
			}
			return value{}
		}
		product *= v.n
	}
	return value{numbers, product}
}

// remember follows the opcodes of the memo.
func (p *pickle) remember(op byte) {
	var at int64
	start := p.w.pos()
	switch op {
	case 'p', 'g':
		line, _ := p.w.line(64)
		n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(string(line)), "_", ""), 10, 64)
		if at = n; err != nil || n < 0 {
			p.damage(start)
			at = -1
		}
	case 'q', 'h':
		at = p.w.uint(1)
	case 'r', 'j':
		at = p.w.uint(4)
	default: // MEMOIZE
		at = p.put
	}
	if op == 'g' || op == 'h' || op == 'j' {
		v := p.memoised(at)
		if v.kind == absent {
			if v = (value{}); !p.dropped {
				p.damage(start)
			}
		}
		p.push(v)
		return
	}
	if v := p.top(); at >= 0 && p.w.err == nil {
		if p.memoised(at).kind == absent {
			p.put++
		}
		p.memoise(at, v)
	}
}

func (p *pickle) memoised(at int64) value {
	if at >= 0 && at < int64(len(p.memo)) {
		return p.memo[at]
	}
	if v, ok := p.far[at]; ok {
		return v
	}
	return value{kind: absent}
}

func (p *pickle) memoise(at int64, v value) {
	if at < int64(p.s.lim.Stack) {
		for int64(len(p.memo)) <= at {
			p.memo = append(p.memo, value{kind: absent})
		}
		p.memo[at] = v
		return
	}
	if p.far == nil {
		p.far = map[int64]value{}
	}
	if p.dropped = p.dropped || len(p.far) >= farMemo; !p.dropped {
		p.far[at] = v
	}
}

func (p *pickle) persistent() {
	p.push(value{})
	if !p.torch && p.w.err == nil {
		p.s.note("pickle.persistent", p.in.path, 0)
	}
}

// lines is what the next two lines import.
func (p *pickle) lines() value {
	module, short := p.w.line(longestName)
	ended := p.w.err != nil
	name, also := p.w.line(longestName)
	if ended || p.w.err != nil && len(name) == 0 {
		return value{}
	}
	return p.global(string(module), string(name), short, also)
}

// global imports a name from a module. Parts that are not known make it an unknown import.
func (p *pickle) global(module, name string, moduleKnown, nameKnown bool) value {
	class, code := classify(module, name), ""
	switch {
	case !moduleKnown || !nameKnown:
		if !moduleKnown {
			module = "?"
		}
		if !nameKnown {
			name = "?"
		}
		class, code = Unknown, "pickle.unresolved"
	case class != Allowed:
		code = "pickle." + string(class)
	}
	full := module + "." + name
	p.s.spent.opcodes += int64(len(full)) // what it took to look it up
	p.active = true
	p.wrappers = p.wrappers || full == wrapperName
	return value{global, int64(p.s.use(p.in.path, full, class, code))}
}

func (p *pickle) extension(n int64) {
	if p.w.err != nil {
		return
	}
	p.active = true
	p.s.note("pickle.extension", p.in.path, 0, offset(n))
	p.push(value{global, int64(p.s.use(p.in.path, "copyreg.extension "+offset(n), Unknown, ""))})
}

func (p *pickle) imported(v value) Import {
	if v.kind < global || v.n < 0 || v.n >= int64(len(p.s.rep.Imports)) {
		return Import{Name: "?", Class: Unknown}
	}
	return p.s.rep.Imports[v.n]
}

// reduce calls, or makes an object of a class.
func (p *pickle) reduce(op byte, callee, args value) value {
	im := p.imported(callee)
	made := callee.kind == result || callee.kind == derived
	if op != 'R' && made && im.Class == Code {
		return value{derived, callee.n} // an object of a class that lies in the file
	}
	v := p.call(callee)
	if im.Name == "numpy.dtype" && args.kind == words && len(p.dtypes) < farMemo {
		if name, _ := p.string(value{text, args.n}); name != "" {
			p.dtypes = append(p.dtypes, dtypeOf(name))
			return value{dtype, int64(len(p.dtypes) - 1)}
		}
	}
	return v
}

// call calls an import, or what came of one.
func (p *pickle) call(callee value) value {
	p.active = true
	im := p.imported(callee)
	switch {
	case callee.kind == global:
		if callee.n >= 0 {
			p.s.rep.Imports[callee.n].Called = true
		}
		return value{result, callee.n}
	case im.Class != Code:
		p.s.note("pickle.calls_value", p.in.path, 0, im.Name)
	case callee.kind == derived || functionMakers[im.Name]:
		p.s.note("pickle.runs_code", p.in.path, 0, im.Name)
	}
	return value{derived, callee.n}
}

// dtypeOf reads a dtype as pickles name it, e.g. "f8" or "U5", which has five characters of four bytes each.
func dtypeOf(name string) dtypeInfo {
	size, err := strconv.ParseInt(name[1:], 10, 32)
	if err != nil {
		size = -1
	}
	if name[0] == 'U' {
		size *= 4
	}
	return dtypeInfo{size: size, objects: name[0] == 'O'}
}

// build gives the object on top its state. An array of joblib follows here.
func (p *pickle) build(given value) {
	object := p.top()
	switch {
	case object.kind == dtype && given.kind == state:
		const hasObjects = 1 // NPY_ITEM_HASOBJECT
		d := &p.dtypes[object.n]
		d.objects = d.objects || given.n&hasObjects != 0
	case object.kind == global:
		p.s.note("pickle.patches", p.in.path, 0, p.imported(object).Name)
	case object.kind == result && p.joblib && p.imported(object).Name == wrapperName:
		p.lost = !p.skipArray()
	}
}

// setItems looks for the state of joblib's wrapper in keys and values.
func (p *pickle) setItems(pairs []value) {
	if !p.wrappers {
		return
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		switch key, _ := p.string(pairs[i]); key {
		case "shape":
			p.array.count, p.array.counted = v.n, v.kind == numbers
		case "dtype":
			p.array.dtype, p.array.said = v.n, v.kind == dtype
		case "numpy_array_alignment_bytes":
			p.array.padded = v.kind == number
		}
	}
}

// skipArray passes over what joblib.numpy_pickle writes behind a wrapper: padding behind a byte with its length and
// the elements, or a pickle if they are objects.
func (p *pickle) skipArray() bool {
	a, at := p.array, p.w.pos()
	p.array = array{}
	if !a.counted || !a.said {
		p.s.note("joblib.array", p.in.path, 0, offset(at))
		return false
	}
	d := p.dtypes[a.dtype]
	if d.objects {
		inner := &pickle{s: p.s, in: p.in, w: p.w}
		return inner.load()
	}
	if a.padded {
		n := p.w.uint(1)
		if n >= '(' { // the lowest opcode; joblib pads with 16 bytes at most
			p.s.note("joblib.array", p.in.path, 0, offset(at))
		}
		p.w.skip(n)
	}
	if d.size < 0 || d.size > 0 && a.count > p.in.size/d.size {
		p.s.note("joblib.array", p.in.path, 0, offset(at))
		return false
	}
	p.w.skip(a.count * d.size)
	return true
}
