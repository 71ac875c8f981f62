package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/storage"
)

const goodPassword = "unrelated lamp river copper"

func createUser(t testing.TB, dir, name, role string) {
	t.Helper()
	slipwayIn(t, nil, goodPassword+"\n", "user", "create", name, "--role", role, "--password-stdin", "--data", dir).want(t, "create "+name, 0, "made the user "+name+" ("+role+")")
}

func user(t testing.TB, dir, name string) (u access.User) {
	t.Helper()
	look(t, dir, func(ctx context.Context, tx *storage.Tx, _ access.Grant) (err error) {
		u, err = tx.UserByName(ctx, name)
		return err
	})
	return u
}

// line is the line of text that begins with word, its columns one space apart.
func line(text, word string) string {
	for l := range strings.Lines(text) {
		if f := strings.Fields(l); len(f) > 0 && f[0] == word {
			return strings.Join(f, " ")
		}
	}
	return ""
}

func TestUserLife(t *testing.T) {
	dir := t.TempDir()
	on := func(args ...string) []string { return append(args, "--data", dir) }
	r := slipway(t, on("user", "list")...)
	r.want(t, "list of nobody", 0, "NAME")
	if strings.Count(r.out, "\n") != 1 {
		t.Errorf("nobody is listed as %q", r.out)
	}
	createUser(t, dir, "ada", "admin")
	u := user(t, dir, "ada")
	if !access.VerifyPassword(u.PasswordHash, goodPassword) || u.Roles[access.DefaultWorkspace] != access.Admin || u.CreatedBy != "system:host" {
		t.Errorf("made %+v", u)
	}
	slipwayIn(t, nil, goodPassword, on("user", "create", " BOB ", "--role", "viewer", "--password-stdin")...).want(t, "a name is cleaned", 0, "made the user bob (viewer)")
	r = slipway(t, on("user", "list")...)
	if got := line(r.out, "bob"); !strings.HasPrefix(got, "bob viewer active 20") || !strings.HasSuffix(got, "never") {
		t.Errorf("listed as %q in %q", got, r.out)
	}

	slipway(t, on("user", "disable", "Bob")...).want(t, "disable", 0, "disabled")
	if !user(t, dir, "bob").Disabled || !strings.HasPrefix(line(slipway(t, on("user", "list")...).out, "bob"), "bob viewer disabled") {
		t.Error("bob is not disabled")
	}
	slipway(t, on("user", "enable", "bob")...).want(t, "enable", 0, "enabled bob")
	if user(t, dir, "bob").Disabled {
		t.Error("bob is still disabled")
	}

	slipway(t, on("user", "disable", "ada")...).want(t, "disable the last administrator", 1, "last administrator")
	if user(t, dir, "ada").Disabled {
		t.Error("the last administrator was disabled")
	}
	createUser(t, dir, "eve", "admin")
	slipway(t, on("user", "disable", "ada")...).want(t, "disable one of two administrators", 0, "disabled ada")
	for _, act := range []string{"disable", "enable"} {
		slipway(t, on("user", act, "nobody")...).want(t, act+" nobody", 1, `there is no user "nobody"`)
	}
}

func TestPasswd(t *testing.T) {
	dir := t.TempDir()
	createUser(t, dir, "ada", "admin")
	now := time.Now()
	err := place{Data: dir}.write(t.Context(), access.SessionOpen, func(tx *storage.Tx, g access.Grant) error {
		u, err := tx.UserByName(t.Context(), "ada")
		if err != nil {
			return err
		}
		return access.OpenSession(t.Context(), tx, g, u, "cookie", "", now)
	})
	if err != nil {
		t.Fatal(err)
	}
	const other = "something else entirely"
	r := slipwayIn(t, nil, other+"\r\na second line\n", "user", "passwd", "ada", "--password-stdin", "--data", dir)
	r.want(t, "passwd", 0, "changed the password of ada")
	if u := user(t, dir, "ada"); !access.VerifyPassword(u.PasswordHash, other) || access.VerifyPassword(u.PasswordHash, goodPassword) {
		t.Error("the new password does not fit, or the old one still does")
	}
	look(t, dir, func(ctx context.Context, tx *storage.Tx, _ access.Grant) error {
		if s, err := tx.Session(ctx, access.Hash("cookie")); err == nil {
			t.Errorf("the session %+v goes on", s)
		}
		return nil
	})
	slipwayIn(t, nil, other, "user", "passwd", "nobody", "--password-stdin", "--data", dir).want(t, "passwd of nobody", 1, `there is no user "nobody"`)
}

func TestUserRefused(t *testing.T) {
	dir := t.TempDir()
	createUser(t, dir, "ada", "admin")
	before := user(t, dir, "ada")
	for _, c := range []struct{ name, user, password, says string }{
		{"short", "new", "short", "at least 12 characters"},
		{"nothing", "new", "", "at least 12 characters"},
		{"an empty first line", "new", "\n" + goodPassword, "at least 12 characters"},
		{"common", "new", "Password1234", "easy to guess"},
		{"the own name", "jane.austen", "jane.austen1", "easy to guess"},
		{"the own name in other letters", "Jane.Austen", "JANE.austen1", "easy to guess"},
		{"very long", "new", strings.Repeat("lamp river ", 100), "more than 1024 bytes"},
	} {
		r := slipwayIn(t, nil, c.password, "user", "create", c.user, "--role", "viewer", "--password-stdin", "--data", dir)
		r.want(t, c.name, 1, c.says)
		if len(c.password) > 2 && strings.Contains(r.out+r.err, strings.TrimSpace(c.password)) {
			t.Errorf("%s: the password is shown: %q", c.name, r.out+r.err)
		}
	}
	slipwayIn(t, nil, "short", "user", "passwd", "ada", "--password-stdin", "--data", dir).want(t, "passwd to a short one", 1, "at least 12 characters")
	slipwayIn(t, nil, goodPassword, "user", "passwd", "ada", "--data", dir).want(t, "passwd without the flag", 1, "--password-stdin")
	slipwayIn(t, nil, goodPassword, "user", "create", "new", "--role", "viewer", "--data", dir).want(t, "create without the flag", 1, "--password-stdin")
	slipwayIn(t, nil, goodPassword, "user", "create", "ada", "--role", "viewer", "--password-stdin", "--data", dir).want(t, "create again", 1, `"ada" exists already`)
	for _, name := range []string{"local", "system", "a b", "../ada", "ünal"} {
		slipwayIn(t, nil, goodPassword, "user", "create", name, "--role", "viewer", "--password-stdin", "--data", dir).want(t, "create "+name, 1, "cannot be used")
	}
	look(t, dir, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		us, err := access.Users(ctx, tx, g)
		if len(us) != 1 || us[0].PasswordHash != before.PasswordHash || us[0].Roles[access.DefaultWorkspace] != access.Admin {
			t.Errorf("refusals left %+v", us)
		}
		return err
	})
	if info, err := os.Stat(dir + "/" + databaseFile); err != nil || info.Size() == 0 {
		t.Errorf("the database: %v %v", info, err)
	}
}

func TestTokenCreate(t *testing.T) {
	dir := t.TempDir()
	createUser(t, dir, "ada", "editor")
	create := func(args ...string) result {
		return slipway(t, append([]string{"token", "create", "--data", dir}, args...)...)
	}
	for _, c := range []struct {
		name   string
		args   []string
		scopes string
		life   time.Duration
	}{
		{"by default", []string{"--user", "ada", "--name", "laptop", "--scope", "read"}, "read", 90 * 24 * time.Hour},
		{"several scopes", []string{"--user", "ADA", "--name", "ci", "--scope", "read", "--scope", "write", "--expires", "12h"}, "read write", 12 * time.Hour},
		{"scopes in one", []string{"--user", "ada", "--name", "ci", "--scope", "read,propose", "--expires", "1d"}, "read propose", 24 * time.Hour},
		{"for ever", []string{"--user", "ada", "--name", strings.Repeat("ж", 100), "--scope", "admin", "--expires", "never"}, "admin", 0},
		{"longer than anybody lives", []string{"--user", "ada", "--name", "x", "--scope", "read", "--expires", "999999999d"}, "read", 36500 * 24 * time.Hour},
	} {
		before := time.Now()
		r := create(c.args...)
		r.want(t, c.name, 0)
		secret, ok := strings.CutSuffix(r.out, "\n")
		if !ok || !strings.HasPrefix(secret, access.TokenPrefix) || strings.ContainsAny(secret, " \n") || r.err != "" {
			t.Errorf("%s: printed %q and %q, want the token alone", c.name, r.out, r.err)
			continue
		}
		look(t, dir, func(ctx context.Context, tx *storage.Tx, _ access.Grant) error {
			tok, err := tx.TokenByHash(ctx, access.Hash(secret))
			if err != nil {
				return err
			}
			var scopes []string
			for _, s := range tok.Scopes {
				scopes = append(scopes, string(s))
			}
			good := tok.ExpiresAt >= before.Add(c.life).UnixMilli() && tok.ExpiresAt <= time.Now().Add(c.life).UnixMilli()
			if c.life == 0 {
				good = tok.ExpiresAt == 0
			}
			if strings.Join(scopes, " ") != c.scopes || !good || tok.Hash == secret || !strings.HasPrefix(secret, tok.Prefix) || len(tok.Prefix) > 12 {
				t.Errorf("%s: stored %+v", c.name, tok)
			}
			return nil
		})
	}
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"nobody's", `there is no user "bob"`, []string{"--user", "bob", "--name", "x", "--scope", "read"}},
		{"without a name", "a name of at most 100 characters", []string{"--user", "ada", "--name", "  ", "--scope", "read"}},
		{"with a long name", "a name of at most 100 characters", []string{"--user", "ada", "--name", strings.Repeat("ж", 101), "--scope", "read"}},
		{"for no time", "give a time like 12h or 90d", []string{"--user", "ada", "--name", "x", "--scope", "read", "--expires", "0d"}},
		{"for less than that", "give a time like 12h or 90d", []string{"--user", "ada", "--name", "x", "--scope", "read", "--expires=-1h"}},
		{"for a month", "give a time like 12h or 90d", []string{"--user", "ada", "--name", "x", "--scope", "read", "--expires", "1month"}},
		{"for half a day", "give a time like 12h or 90d", []string{"--user", "ada", "--name", "x", "--scope", "read", "--expires", "0.5d"}},
	} {
		create(c.args...).want(t, c.name, 1, c.says)
	}
	u := user(t, dir, "ada")
	look(t, dir, func(ctx context.Context, tx *storage.Tx, _ access.Grant) error {
		ts, err := tx.TokensOf(ctx, u.ID)
		if len(ts) != 5 {
			t.Errorf("%d tokens, want 5", len(ts))
		}
		return err
	})
}
