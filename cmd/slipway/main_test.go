package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/storage"
)

// result is what a run of the program left.
type result struct {
	status   int
	out, err string
}

// slipway runs the program with nothing on standard input and in its environment.
func slipway(t testing.TB, args ...string) result {
	t.Helper()
	return slipwayIn(t, nil, "", args...)
}

func slipwayIn(t testing.TB, env []string, in string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, env, strings.NewReader(in), &out, &errs)
	return result{status, out.String(), errs.String()}
}

// want fails the test unless r ended with status and said the words, on standard output or, if it failed,
// on standard error.
func (r result) want(t testing.TB, what string, status int, words ...string) {
	t.Helper()
	said := r.out
	if status != 0 {
		said = r.err
		if r.out != "" && !strings.Contains(r.out, "Usage:") {
			t.Errorf("%s: it failed and yet said %q", what, r.out)
		}
	}
	if r.status != status {
		t.Errorf("%s: status %d, want %d; %q", what, r.status, status, r.out+r.err)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("%s: %q does not say %q", what, said, w)
		}
	}
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// look opens the database in dir and asks it something.
func look(t testing.TB, dir string, fn func(context.Context, *storage.Tx, access.Grant) error) {
	t.Helper()
	db, err := storage.Open(t.Context(), filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	g, err := host(access.UserRead)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Need(access.UserRead, access.DefaultWorkspace); err != nil {
		t.Fatal(err)
	}
	if err := db.Read(t.Context(), g, func(tx *storage.Tx) error { return fn(t.Context(), tx, g) }); err != nil {
		t.Fatal(err)
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	k, err := kong.New(&cli{}, kong.Name("slipway"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"": true}
	var visit func(n *kong.Node, path []string)
	visit = func(n *kong.Node, path []string) {
		name := strings.Join(path, " ")
		known[name] = true
		r := slipway(t, append(path, "--help")...)
		r.want(t, name+" --help", 0, "Usage: slipway "+name, "Examples:\n  ")
		if _, own, _ := strings.Cut(r.out, "Examples:\n"); name != "" && !strings.Contains(own, "slipway "+name) {
			t.Errorf("%s: the examples are of something else: %q", name, own)
		}
		if r.err != "" {
			t.Errorf("%s --help complains: %q", name, r.err)
		}
		for _, child := range n.Children {
			visit(child, append(path[:len(path):len(path)], child.Name))
		}
	}
	visit(k.Model.Node, nil)
	for name := range examples {
		if !known[name] {
			t.Errorf("there are examples of %q, which is no command", name)
		}
	}
	if len(known) < 15 {
		t.Errorf("looked at %d commands only", len(known))
	}
}

func TestUsage(t *testing.T) {
	slipway(t).want(t, "no command", 0, "Usage: slipway", "Examples:", "serve", "backup")
	slipway(t, "version").want(t, "version", 0, "slipway ")
	for _, args := range []string{
		"fly", "serve --port 5000", "serve extra", "user", "user create", "user create ada", "user create ada --role owner", "token create",
		"token create --user ada --name x --scope everything", "backup", "config", "completion", "completion tcsh", "serve --log-level loud", "serve --log-format xml",
	} {
		r := slipway(t, strings.Fields(args)...)
		r.want(t, args, 2, "slipway: ", "Try 'slipway --help'")
	}
}

func TestCompletion(t *testing.T) {
	for shell, mark := range map[string]string{"bash": "complete -o default -F _slipway slipway", "zsh": "#compdef slipway", "fish": "complete -c slipway"} {
		slipway(t, "completion", shell).want(t, shell, 0, mark, "backup", "passwd", "--password-stdin", "--base-url")
	}
}
