package access

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

func TestPasswordHashes(t *testing.T) {
	const good = "unrelated lamp river copper"
	hash := HashPassword(good)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("stored as %s", hash)
	}
	if again := HashPassword(good); again == hash {
		t.Error("the same password twice has the same hash: no salt")
	}
	for _, c := range []struct {
		password string
		want     bool
	}{
		{good, true},
		{"", false},
		{good + " ", false},
		{good[1:], false},
		{strings.ToUpper(good), false},
		{good + "\x00", false},
		{strings.Repeat("x", maxPassword+1), false},
	} {
		if got := VerifyPassword(hash, c.password); got != c.want {
			t.Errorf("%q fits: %v, want %v", c.password, got, c.want)
		}
	}
	if long := strings.Repeat("语", 300); !VerifyPassword(HashPassword(long), long) {
		t.Error("a long password in another script does not fit itself")
	}
}

func TestTamperedHashes(t *testing.T) {
	const password = "unrelated lamp river copper"
	hash := HashPassword(password)
	parts := strings.Split(hash, "$")
	with := func(i int, s string) string {
		out := append([]string(nil), parts...)
		out[i] = s
		return strings.Join(out, "$")
	}
	flipped := func(s string) string {
		b, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 1
		return base64.RawStdEncoding.EncodeToString(b)
	}
	for name, h := range map[string]string{
		"empty":                  "",
		"the one for nobody":     noHash,
		"the password itself":    password,
		"only dollars":           "$$$$$",
		"cut":                    hash[:len(hash)-5],
		"a part less":            strings.Join(parts[:5], "$"),
		"a part more":            hash + "$",
		"another algorithm":      with(1, "argon2i"),
		"no algorithm":           with(1, ""),
		"something before":       "x" + hash,
		"an older version":       with(2, "v=16"),
		"no version":             with(2, ""),
		"fewer passes":           with(3, "m=19456,t=1,p=1"),
		"no passes":              with(3, "m=19456,t=0,p=1"),
		"negative passes":        with(3, "m=19456,t=-2,p=1"),
		"less memory":            with(3, "m=8192,t=2,p=1"),
		"no memory":              with(3, "m=0,t=2,p=1"),
		"other lanes":            with(3, "m=19456,t=2,p=2"),
		"no lanes":               with(3, "m=19456,t=2,p=0"),
		"too many lanes":         with(3, "m=19456,t=2,p=257"),
		"parameters of words":    with(3, "m=x,t=y,p=z"),
		"another salt":           with(4, flipped(parts[4])),
		"no salt":                with(4, ""),
		"a salt that is no text": with(4, "!"),
		"another key":            with(5, flipped(parts[5])),
		"half a key":             with(5, parts[5][:20]),
		"no key":                 with(5, ""),
		"of another password":    HashPassword("something else entirely"),
	} {
		if VerifyPassword(h, password) {
			t.Errorf("%s: the password fits %q", name, h)
		}
	}
	if VerifyPassword("", "") || VerifyPassword(noHash, "") {
		t.Error("an account without a password can be signed in to")
	}
}

func TestCheckPassword(t *testing.T) {
	for _, c := range []struct{ name, password, want string }{
		{"ada", "unrelated lamp river", ""},
		{"ada", "Tr0ub4dor&3x", ""},
		{"ada", "naïve café über", ""},
		{"ada", "дождь идёт весь день", ""},
		{"ada", "雨音森林火山湖海空雪月", "password.short"},
		{"ada", "雨音森林火山湖海空雪月星", ""},
		{"ada", strings.Repeat("lamp river ", 93), ""},
		{"ada", strings.Repeat("lamp river ", 93) + "x", ""},
		{"ada", strings.Repeat("lamp river ", 94), "password.long"},
		{"", "unrelated lamp river", ""},
		{"ada", "", "password.short"},
		{"ada", "elevenchars", "password.short"},
		{"ada", "twelve chars", ""},
		// the account's own name with a little around it
		{"jane.austen", "jane.austen1", "password.common"},
		{"jane.austen", "xJANE.AUSTENx", "password.common"},
		{"jane.austen", "jane.austen7654321", "password.common"},
		{"jane.austen", "jane.austen lamp river", ""},
		{"ada", "lamp ada river", ""},
		// the list, in any case
		{"ada", "123456789012", "password.common"},
		{"ada", "correcthorsebatterystaple", "password.common"},
		{"ada", "CorrectHorseBatteryStaple", "password.common"},
		{"ada", "1qaz2wsx3edc", "password.common"},
		{"ada", "ManchesterUnited", "password.common"},
		// common words with trimmings
		{"ada", "Password1234", "password.common"},
		{"ada", "passw0rd!!!!", "password.common"},
		{"ada", "passwordpassword", "password.common"},
		{"ada", "welcome-2026", "password.common"},
		{"ada", "slipwaymlflow", "password.common"},
		{"ada", "admin admin admin", "password.common"},
		{"ada", "adminpasswordx", "password.common"},
		{"ada", "changeme!2024", "password.common"},
		{"ada", "password of my old lamp", ""},
		// little variety
		{"ada", "aaaaaaaaaaaa", "password.common"},
		{"ada", "abababababab", "password.common"},
		{"ada", "abcdabcdabcd", "password.common"},
		{"ada", "            ", "password.common"},
		// sequences
		{"ada", "abcdefghijklm", "password.common"},
		{"ada", "nmlkjihgfedc", "password.common"},
		{"ada", "бвгдежзийклмно", "password.common"},
		{"ada", "acegikmoqsuw", ""},
		{"ada", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4", "password.common"}, // one and the same replacement
	} {
		err := CheckPassword(c.name, c.password)
		e := domain.As(err)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%.40q of %s: refused: %v", c.password, c.name, err)
		case c.want != "" && (e == nil || e.Key != c.want || e.Kind != domain.Invalid):
			t.Errorf("%.40q of %s: got %v, want %s", c.password, c.name, err, c.want)
		case e != nil && len(c.password) > 2 && strings.Contains(e.Error(), c.password):
			t.Errorf("the message shows the password: %v", err)
		}
	}
}

func TestEveryListedPasswordIsRefused(t *testing.T) {
	for _, p := range commonPasswords {
		if err := CheckPassword("", p); domain.As(err) == nil || domain.As(err).Key != "password.common" {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, w := range commonWords {
		p := w
		for len(p) < minPassword {
			p += "1"
		}
		if err := CheckPassword("", p); domain.As(err) == nil || domain.As(err).Key != "password.common" {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// What is accepted when it is chosen is not too long when it is typed in again.
func TestAcceptedPasswordsFit(t *testing.T) {
	for _, p := range []string{strings.Repeat("lamp river copper ", 57)[:maxPassword-2], strings.Repeat("дождь идёт ", 50)} {
		if err := CheckPassword("ada", p); (err == nil) != VerifyPassword(HashPassword(p), p) {
			t.Errorf("%d bytes: checked %v, verified %v", len(p), err, err != nil)
		}
	}
}
