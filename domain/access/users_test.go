package access

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

func TestTokenLive(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	ms := now.UnixMilli()
	for _, c := range []struct {
		name string
		t    Token
		want bool
	}{
		{"for ever", Token{}, true},
		{"until the next millisecond", Token{ExpiresAt: ms + 1}, true},
		{"until now", Token{ExpiresAt: ms}, false},
		{"expired", Token{ExpiresAt: ms - 1}, false},
		{"revoked", Token{RevokedAt: ms - 1}, false},
		{"revoked just now", Token{RevokedAt: ms}, false},
		{"revoked before it expires", Token{ExpiresAt: ms + 9, RevokedAt: 1}, false},
	} {
		if got := c.t.Live(now); got != c.want {
			t.Errorf("%s: live %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSessionLive(t *testing.T) {
	opened := time.UnixMilli(1_800_000_000_000)
	at := func(d time.Duration) int64 { return opened.Add(d).UnixMilli() }
	for _, c := range []struct {
		name string
		seen time.Duration // since it was opened
		now  time.Duration
		want bool
	}{
		{"just opened", 0, 0, true},
		{"idle for a day less a millisecond", 0, IdleTimeout - time.Millisecond, true},
		{"idle for a day", 0, IdleTimeout, false},
		{"idle for a day later on", 3 * time.Hour, 3*time.Hour + IdleTimeout, false},
		{"in use", 13 * 24 * time.Hour, 13*24*time.Hour + time.Hour, true},
		{"in use to the end", SessionTimeout - time.Minute, SessionTimeout - time.Millisecond, true},
		{"in use beyond the end", SessionTimeout - time.Minute, SessionTimeout, false},
	} {
		s := Session{CreatedAt: at(0), SeenAt: at(c.seen), ExpiresAt: at(SessionTimeout)}
		if got := s.Live(opened.Add(c.now)); got != c.want {
			t.Errorf("%s: live %v, want %v", c.name, got, c.want)
		}
	}
	if (Session{}).Live(opened) {
		t.Error("no session at all is live")
	}
}

func TestCleanUserName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ada", "ada"},
		{"Ada", "ada"},
		{"  ADA\t\n", "ada"},
		{"ada.lovelace@example.org", "ada.lovelace@example.org"},
		{"a", "a"},
		{"7up", "7up"},
		{"a-b_c.d", "a-b_c.d"},
		{strings.Repeat("a", 63), strings.Repeat("a", 63)},
		{"locals", "locals"},
		{"my-system", "my-system"},
		{strings.Repeat("a", 64), ""},
		{"", ""},
		{"   ", ""},
		{"local", ""},
		{"LOCAL", ""},
		{"system", ""},
		{"System:host", ""},
		{"systematic", ""},
		{".ada", ""},
		{"-ada", ""},
		{"@ada", ""},
		{"ada lovelace", ""},
		{"ada\nlovelace", ""},
		{"ada\x00", ""},
		{"ada/b", ""},
		{"ada:b", ""},
		{"añb", ""},
		{"аda", ""}, // a Cyrillic а
		{"<b>", ""},
		{"\xff", ""},
	} {
		got, err := CleanUserName(c.in)
		if c.want == "" {
			if domain.KindOf(err) != domain.Invalid || got != "" {
				t.Errorf("%q: got %q %v, want a refusal", c.in, got, err)
			}
			continue
		}
		if got != c.want || err != nil {
			t.Errorf("%q: got %q %v, want %q", c.in, got, err, c.want)
		}
	}
}

func TestCleanUserNameIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`\s?[A-Za-zſK0-9._@ -]{0,12}\s?`)).Draw(t, "name")
		name, err := CleanUserName(in)
		if err != nil {
			return
		}
		if again, err := CleanUserName(name); again != name || err != nil {
			t.Fatalf("%q becomes %q and then %q, %v", in, name, again, err)
		}
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._@-") != "" {
			t.Fatalf("%q becomes %q", in, name)
		}
	})
}

func TestSecrets(t *testing.T) {
	seen := map[string]bool{}
	for i := range 100 {
		s := NewSecret(TokenPrefix)
		rest, ok := strings.CutPrefix(s, TokenPrefix)
		if !ok || len(rest) < 52 || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" { // 5 bits a letter
			t.Fatalf("secret %s", strconv.Quote(s))
		}
		if seen[s] || seen[Hash(s)] {
			t.Fatalf("secret %d came before", i)
		}
		seen[s], seen[Hash(s)] = true, true
	}
	if got, want := Hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; got != want { // FIPS 180-2, B.1
		t.Errorf("got %s, want %s", got, want)
	}
}
