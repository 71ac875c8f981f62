package secret

import (
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
	b := &Box{}
	b.remember(`pl"an/ted+key`, "openai")
	for _, s := range []string{`pl"an/ted+key`, `pl%22an%2Fted%2Bkey`, `pl\"an/ted+key`, "cGwiYW4vdGVkK2tleQ=="} {
		if out := b.Redact("before " + s + " after"); out != "before [secret openai] after" {
			t.Errorf("%s became %s", s, out)
		}
	}
	if out := (*Box)(nil).Redact("x"); out != "x" {
		t.Error(out)
	}
}
