package route

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

var (
	signEnd = time.Unix(1_800_000_000, 0)
	signer  = NewSigner(bytes.Repeat([]byte{7}, 32))
)

func TestSigner(t *testing.T) {
	expires, signature := signer.Sign(signEnd, "part", "default", "UPLOAD", "3")
	if expires != "1800000000" || len(signature) != 43 {
		t.Fatalf("signed %q %q", expires, signature)
	}
	good := []string{"part", "default", "UPLOAD", "3"}
	swap := func(i int, s string) []string {
		out := append([]string(nil), good...)
		out[i] = s
		return out
	}
	before := signEnd.Add(-time.Second)
	for _, c := range []struct {
		name               string
		by                 Signer
		now                time.Time
		expires, signature string
		parts              []string
		want               string // the key of the refusal
	}{
		{"good", signer, before, expires, signature, good, ""},
		{"good until the last second", signer, signEnd.Add(-time.Nanosecond), expires, signature, good, ""},
		{"expired at its end", signer, signEnd, expires, signature, good, "link.expired"},
		{"expired long ago", signer, signEnd.Add(9 * time.Hour), expires, signature, good, "link.expired"},
		{"another purpose", signer, before, expires, signature, swap(0, "whole"), "link.signature"},
		{"another workspace", signer, before, expires, signature, swap(1, "other"), "link.signature"},
		{"another upload", signer, before, expires, signature, swap(2, "UPLOAE"), "link.signature"},
		{"another part", signer, before, expires, signature, swap(3, "4"), "link.signature"},
		{"a part spelt otherwise", signer, before, expires, signature, swap(3, "03"), "link.signature"},
		{"longer life", signer, before, "1900000000", signature, good, "link.signature"},
		{"a sign before the time", signer, before, "+1800000000", signature, good, "link.signature"},
		{"no time", signer, before, "", signature, good, "link.signature"},
		{"a field less", signer, before, expires, signature, good[:3], "link.signature"},
		{"a field more", signer, before, expires, signature, append(swap(0, "part"), ""), "link.signature"},
		{"fields in another order", signer, before, expires, signature, []string{"default", "part", "UPLOAD", "3"}, "link.signature"},
		{"two fields as one", signer, before, expires, signature, []string{"part", "default", "UPLOAD\n3"}, "link.signature"},
		{"the border between fields moved", signer, before, expires, signature, []string{"part", "defaultU", "PLOAD", "3"}, "link.signature"},
		{"no signature", signer, before, expires, "", good, "link.signature"},
		{"half a signature", signer, before, expires, signature[:20], good, "link.signature"},
		{"a signature with more behind it", signer, before, expires, signature + "A", good, "link.signature"},
		{"a signature with a line break", signer, before, expires, signature[:9] + "\n" + signature[9:], good, "link.signature"},
		{"not base64", signer, before, expires, strings.Repeat("!", 43), good, "link.signature"},
		{"another key", NewSigner(bytes.Repeat([]byte{8}, 32)), before, expires, signature, good, "link.signature"},
		{"no key", NewSigner(nil), before, expires, signature, good, "link.signature"},
	} {
		err := c.by.Check(c.now, c.expires, c.signature, c.parts...)
		switch e := domain.As(err); {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.want != "" && (e == nil || e.Key != c.want || e.Kind != domain.Forbidden):
			t.Errorf("%s: got %v, want a refusal %s", c.name, err, c.want)
		}
	}
}

// Changing any one character of a signature makes it worthless, the last one's spare bits included.
func TestSignatureHasOneSpelling(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	expires, signature := signer.Sign(signEnd, "a")
	for i := range signature {
		for _, c := range []byte(alphabet) {
			if c == signature[i] {
				continue
			}
			other := signature[:i] + string(c) + signature[i+1:]
			if signer.Check(signEnd.Add(-time.Second), expires, other, "a") == nil {
				t.Fatalf("%s was accepted for %s", other, signature)
			}
		}
	}
}

// A signature is good for the fields it was made for and for no others, whatever stands in them.
func TestSignatureOfAnyFields(t *testing.T) {
	field := rapid.OneOf(rapid.StringN(0, 4, -1), rapid.SampledFrom([]string{"", "\n", "a\nb", "a", "b", "1:a", "\x00"}))
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(field, 0, 4)
		a, b := fields.Draw(t, "signed"), fields.Draw(t, "checked")
		expires, signature := signer.Sign(signEnd, a...)
		if err := signer.Check(signEnd.Add(-time.Second), expires, signature, a...); err != nil {
			t.Fatalf("%q refused: %v", a, err)
		}
		if quoted(a) != quoted(b) && signer.Check(signEnd.Add(-time.Second), expires, signature, b...) == nil {
			t.Fatalf("the signature of %q is good for %q", a, b)
		}
	})
}

func quoted(fields []string) string {
	out := ""
	for _, f := range fields {
		out += strconv.Quote(f) + ","
	}
	return out
}
