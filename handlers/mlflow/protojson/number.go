package protojson

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
)

const (
	wantInt   = "an integer of its size"
	wantFloat = "a number"
)

// numeral reads what stands for a number: one in JSON's form, a bare NaN or infinity, or a string.
func (d *decoder) numeral(want string) ([]byte, error) {
	start := d.at
	switch c := d.peek(); {
	case c == '"':
		raw, escaped, err := d.quoted()
		if escaped {
			raw = unescape(raw)
		}
		return raw, err
	case d.bareWord() != "":
		if err := d.word(d.bareWord()); err != nil {
			return nil, err
		}
	case c == '-' || isDigit(c):
		if err := d.number(); err != nil {
			return nil, err
		}
	default:
		return nil, d.mistyped(want)
	}
	return d.data[start:d.at], nil
}

// plainInt reads an integer of at most 18 digits, which nearly all are; it leaves everything else alone.
func (d *decoder) plainInt() (n int64, ok bool) {
	i, negative := d.at, d.peek() == '-'
	if negative {
		i++
	}
	first := i
	for i < len(d.data) && isDigit(d.data[i]) {
		n = 10*n + int64(d.data[i]-'0')
		i++
	}
	const most = 18 // so that n has not overflown
	if digits := i - first; digits == 0 || digits > most || d.data[first] == '0' && digits > 1 || continues(d.data[i:]) {
		return 0, false
	}
	d.at = i
	if negative {
		n = -n
	}
	return n, true
}

// continues reports whether what follows an integer belongs to its number.
func continues(rest []byte) bool {
	return len(rest) > 0 && (rest[0] == '.' || rest[0] == 'e' || rest[0] == 'E')
}

// powers are those of ten that a double holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// plainFloat reads a number with a fraction, no exponent and few digits, which most metrics are; it leaves
// everything else alone. Where the digits, taken as an integer, and the power of ten are doubles
// without rounding, their quotient is the nearest double (W. Clinger, How to Read Floating Point
// Numbers Accurately, PLDI 1990).
func (d *decoder) plainFloat() (float64, bool) {
	i, negative := d.at, d.peek() == '-'
	if negative {
		i++
	}
	first, dot := i, -1
	var n uint64
	for ; i < len(d.data); i++ {
		c := d.data[i]
		if c == '.' && dot < 0 {
			dot = i
			continue
		}
		if !isDigit(c) {
			break
		}
		n = 10*n + uint64(c-'0')
	}
	const (
		most  = 20      // bytes, one of them the point, so that n has not overflown
		exact = 1 << 53 // integers up to here are doubles
	)
	switch whole := dot - first; {
	case whole < 1, dot == i-1, i-first > most, n > exact, whole > 1 && d.data[first] == '0', continues(d.data[i:]):
		return 0, false
	}
	f := float64(n) / powers[i-dot-1]
	if negative {
		f = -f
	}
	d.at = i
	return f, true
}

// parseInt reads an integer, which may be written like 1.0 or 1e3.
func parseInt(s []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return n, err == nil
	}
	whole, fraction, _ := strings.Cut(string(s), ".")
	if fraction != "" && strings.Trim(fraction, "0") == "" { // without rounding
		n, err := strconv.ParseInt(whole, 10, 64)
		return n, err == nil
	}
	f, ok := parseFloat(s)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// parseFloat reads a number or the name of NaN or an infinity. One that is too large is refused, as
// protobuf does.
func parseFloat(s []byte) (float64, bool) {
	if bytes.ContainsAny(s, "_xXpP") { // Go's extensions
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}
