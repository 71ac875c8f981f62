package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

func ring(t testing.TB, keys ...string) Keyring {
	t.Helper()
	r, err := ParseKeyring([]byte(strings.Join(keys, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAValueOpensInItsPlaceAlone(t *testing.T) {
	a, b := NewKey(), NewKey()
	r := ring(t, a)
	s, err := r.seal("w", Sealed{Secret: "s", Version: 1}, "planted")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := r.open("w", "n", s); err != nil || v != "planted" {
		t.Fatalf("%q, %v", v, err)
	}
	other, err := r.seal("w", Sealed{Secret: "s", Version: 1}, "planted")
	if err != nil || string(other.Value) == string(s.Value) || string(other.Wrapped) == string(s.Wrapped) {
		t.Error("the same value twice has the same ciphertext")
	}
	flip := func(b []byte, i int) []byte {
		b = append([]byte(nil), b...)
		b[i] ^= 1
		return b
	}
	for name, x := range map[string]struct {
		ring      Keyring
		workspace string
		change    func(*Sealed)
		key       string
	}{
		"another secret":          {r, "w", func(s *Sealed) { s.Secret = "t" }, "secret.broken"},
		"another version":         {r, "w", func(s *Sealed) { s.Version = 2 }, "secret.broken"},
		"another workspace":       {r, "v", func(*Sealed) {}, "secret.broken"},
		"a value of another":      {r, "w", func(s *Sealed) { s.Value = other.Value }, "secret.broken"},
		"key and value exchanged": {r, "w", func(s *Sealed) { s.Value, s.Wrapped = s.Wrapped, s.Value }, "secret.broken"},
		"a flipped bit":           {r, "w", func(s *Sealed) { s.Value = flip(s.Value, len(s.Value)-1) }, "secret.broken"},
		"a flipped nonce":         {r, "w", func(s *Sealed) { s.Wrapped = flip(s.Wrapped, 0) }, "secret.broken"},
		"cut off":                 {r, "w", func(s *Sealed) { s.Value = s.Value[:5] }, "secret.broken"},
		"nothing":                 {r, "w", func(s *Sealed) { s.Value, s.Wrapped = nil, nil }, "secret.broken"},
		"another key file":        {ring(t, b), "w", func(*Sealed) {}, "secret.locked"},
		"no key file":             {Keyring{}, "w", func(*Sealed) {}, "secret.locked"},
		"a key of another name":   {ring(t, b), "w", func(s *Sealed) { s.KEK = ring(t, b).Current() }, "secret.broken"},
	} {
		s := s
		x.change(&s)
		v, err := x.ring.open(x.workspace, "n", s)
		if e := domain.As(err); v != "" || e == nil || e.Key != x.key || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	both := ring(t, b, a)
	moved, err := both.rewrap("w", "n", s)
	if err != nil || moved.KEK != both.Current() || string(moved.Value) != string(s.Value) {
		t.Fatalf("%+v, %v", moved, err)
	}
	if v, err := ring(t, b).open("w", "n", moved); err != nil || v != "planted" {
		t.Errorf("after its key was changed: %q, %v", v, err)
	}
	if _, err := r.seal("w", Sealed{}, ""); err != nil {
		t.Error(err)
	}
	if _, err := (Keyring{}).seal("w", Sealed{}, "x"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("without keys: %v", err)
	}
}

func TestKeyFiles(t *testing.T) {
	k, l := NewKey(), NewKey()
	for name, c := range map[string]struct {
		text string
		keys int
	}{
		"one":                {k, 1},
		"with remarks":       {"# mine\n\n  " + k + "\r\n" + l + "\n", 2},
		"none":               {"# nothing\n", 0},
		"empty":              {"", 0},
		"no base64":          {"!" + k[1:], 0},
		"a short key":        {k[:20], 0},
		"the same key twice": {k + "\n" + k, 0},
		"one bad of two":     {k + "\nx", 0},
	} {
		r, err := ParseKeyring([]byte(c.text))
		if len(r.IDs()) != c.keys || (err == nil) != (c.keys > 0) {
			t.Errorf("%s: %d keys, %v", name, len(r.IDs()), err)
		}
		if err != nil && (strings.Contains(err.Error(), k[:8]) || strings.Contains(err.Error(), l[:8])) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
	if strings.Contains(strings.Join(ring(t, k).IDs(), ""), k[:8]) {
		t.Error("the id of a key tells of it")
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(NewKey()))
	f.Add([]byte("#\n" + NewKey() + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseKeyring(text)
		if (err == nil) != (r.Current() != "") {
			t.Errorf("%d keys, %v", len(r.IDs()), err)
		}
	})
}

func TestRedact(t *testing.T) {
	const value = `pl"an/ted+<key>`
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(string(quoted))
	if err != nil {
		t.Fatal(err)
	}
	b := &Box{}
	b.remember(value, "openai")
	for what, s := range map[string]string{
		"itself": value, "in a query": url.QueryEscape(value), "in a path": url.PathEscape(value), "in a query, in small letters": `pl%22an%2fted%2b%3ckey%3e`,
		"in JSON": string(quoted[1 : len(quoted)-1]), "in JSON without care for HTML": `pl\"an/ted+<key>`, "in JSON in JSON": string(twice[3 : len(twice)-3]),
		"in base64": base64.StdEncoding.EncodeToString([]byte(value)), "in base64 for URLs": base64.URLEncoding.EncodeToString([]byte(value)),
	} {
		if out := b.Redact("before " + s + " after"); out != "before [secret openai] after" {
			t.Errorf("%s: %s became %s", what, s, out)
		}
	}
	for _, user := range []string{"", "a", "ab", "abc"} { // as Basic authorization sends it
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			sent := enc.EncodeToString([]byte(user + ":" + value + "\n"))
			out := b.Redact(sent)
			if !strings.Contains(out, "[secret openai]") || len(out)-len("[secret openai]") > len(user)*2+8 {
				t.Errorf("after %q: %s became %s", user, sent, out)
			}
		}
	}
	if out := (*Box)(nil).Redact("x"); out != "x" {
		t.Error(out)
	}
}

// Of two values of which one begins with the other neither shows, in whatever order they became known.
func TestRedactTheLongerFirst(t *testing.T) {
	for range 50 { // maps have no order
		b := &Box{}
		for _, v := range []string{"planted", "planted-and-longer", "planted-and", "ted-and-longest-of-all"} {
			b.remember(v, "k")
		}
		if out := b.Redact("<planted-and-longer> <planted>"); out != "<[secret k]> <[secret k]>" {
			t.Fatal(out)
		}
	}
}

func TestRedactedLog(t *testing.T) {
	b := &Box{}
	var said bytes.Buffer
	b.remember("planted-value", `a "quoted" name`)
	log := slog.New(slog.NewJSONHandler(b.Redacting(&said), nil)).With("with", "planted-value").WithGroup("g")
	log.Info("says planted-value", "text", "planted-value", "err", errors.New("it was planted-value"), "any", struct{ Key []string }{[]string{"planted-value"}}, slog.Group("deep", "url", "https://x?k=planted-value"))
	var line map[string]any
	if err := json.Unmarshal(said.Bytes(), &line); err != nil || strings.Contains(said.String(), "planted") || strings.Count(said.String(), "[secret a _quoted_ name]") != 6 {
		t.Errorf("%v: %s", err, said.String())
	}
}
