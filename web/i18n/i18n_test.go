package i18n

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
)

func TestLanguagesHaveTheSameKeys(t *testing.T) {
	for _, lang := range Languages[1:] {
		if diff := cmp.Diff(keys(Default), keys(lang)); diff != "" {
			t.Errorf("%s and %s (-/+):\n%s", Default, lang, diff)
		}
	}
}

func TestLanguagesHaveTheSameVerbs(t *testing.T) {
	for key, text := range catalogues[Default] {
		for _, lang := range Languages[1:] {
			if diff := cmp.Diff(verbs(text), verbs(catalogues[lang][key])); diff != "" {
				t.Errorf("%s: verbs of %s and %s (-/+):\n%s", key, Default, lang, diff)
			}
		}
	}
}

var (
	literal  = regexp.MustCompile(`(?:i18n\.(T|N)\((?:ctx|r\.Ctx\(\))|\bflash(N?)\(r|\bflashUndo\(r, [^"\n]+(?:"/restore")?), "([^"]+)"`)
	prefixed = regexp.MustCompile(`i18n\.(T|N)\((?:ctx|r\.Ctx\(\)), "([^"]+\.)" ?\+`)
	mention  = regexp.MustCompile(`"([a-z_0-9]+(?:\.[a-z_0-9]+)+)"`)
)

// A key that is built ("run.status." + status) counts as a use of every key below its literal part; a key
// handed to something else (a table of keys) counts as used where its whole text stands.
func TestKeysAreUsedAndExist(t *testing.T) {
	used := map[string]bool{}
	use := func(key string) { used[key] = true }
	for path, text := range sources(t) {
		for _, m := range literal.FindAllStringSubmatch(text, -1) {
			kind, key := m[1]+m[2], m[3]
			switch {
			case strings.HasSuffix(key, "."):
			case kind == "N":
				for _, form := range []string{".one", ".other"} {
					use(key + form)
					exists(t, path, key+form)
				}
			default:
				use(key)
				exists(t, path, key)
			}
		}
		for _, m := range prefixed.FindAllStringSubmatch(text, -1) {
			for key := range catalogues[Default] {
				if strings.HasPrefix(key, m[2]) {
					use(key)
				}
			}
		}
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			use(m[1])
			use(m[1] + ".one") // a plural handed on
			use(m[1] + ".other")
		}
	}
	for key := range catalogues[Default] {
		if !used[key] && !strings.HasPrefix(key, "error.") {
			t.Errorf("nothing uses %s", key)
		}
	}
}

func exists(t *testing.T, path, key string) {
	t.Helper()
	if _, ok := catalogues[Default][key]; !ok {
		t.Errorf("%s says %q, which has no text", path, key)
	}
}

// sources are the pages and Go files that may say something, by path; what templ generates repeats its source.
func sources(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, room := range []string{"..", "../../handlers"} {
		err := filepath.WalkDir(room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
				return err
			}
			if ext := filepath.Ext(path); ext == ".go" || ext == ".templ" {
				text, err := os.ReadFile(path)
				found[path] = string(text)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func keys(lang string) []string {
	var found []string
	for key := range catalogues[lang] {
		found = append(found, key)
	}
	slices.Sort(found)
	return found
}

// verbs are those of a format in the order of their arguments.
func verbs(format string) []string {
	found := verb.FindAllString(format, -1)
	if strings.Contains(format, "%[") {
		slices.Sort(found)
		for i, v := range found {
			found[i] = "%" + v[strings.Index(v, "]")+1:]
		}
	}
	return found
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ accept, preferred, want string }{
		{"", "", "en"},
		{"it-IT,it;q=0.9,en;q=0.8", "", "it"},
		{"de-DE,it;q=0.5", "", "it"},
		{"de", "", "en"},
		{"it", "en", "en"},
		{"en", "it", "it"},
		{"en", "de", "en"},
		{";;;", "", "en"},
	} {
		if got := Match(c.accept, c.preferred); got != c.want {
			t.Errorf("Match(%q, %q) = %q, want %q", c.accept, c.preferred, got, c.want)
		}
	}
}

func TestPlural(t *testing.T) {
	en, it := With(context.Background(), "en"), With(context.Background(), "it")
	for _, c := range []struct {
		ctx  context.Context
		n    int64
		want string
	}{{en, 1, "1 run"}, {en, 0, "0 runs"}, {en, 1386, "1,386 runs"}, {it, 1, "1 esecuzione"}, {it, 1234567, "1.234.567 esecuzioni"}} {
		if got := N(c.ctx, "runs.count", c.n); got != c.want {
			t.Errorf("%d runs in %s: %q, want %q", c.n, Lang(c.ctx), got, c.want)
		}
	}
}

func TestErrorFallsBackToItsMessage(t *testing.T) {
	it := With(context.Background(), "it")
	e := &domain.Error{Key: "no.such.key", Msg: "said in English"}
	if got := Error(it, e); got != e.Msg {
		t.Errorf("got %q", got)
	}
	if got := Error(it, &domain.Error{Key: "internal", Msg: "x"}); got == "x" {
		t.Error("a known key is not translated")
	}
}

var failure = regexp.MustCompile("Fail\\(domain\\.\\w+, \"([^\"]+)\",\\s*(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")

// The text of an error without verbs goes with any arguments; one with verbs must take those that the failure has.
func TestErrorsTakeTheArgumentsOfTheirFailures(t *testing.T) {
	formats := map[string][]string{}
	for _, room := range []string{"domain", "storage", "handlers"} {
		err := filepath.WalkDir("../../"+room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range failure.FindAllStringSubmatch(string(text), -1) {
				formats["error."+m[1]] = append(formats["error."+m[1]], m[2])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key, text := range catalogues[Default] {
		wanted := verbs(text)
		if formats[key] == nil || len(wanted) == 0 {
			continue
		}
		takes := func(format string) bool { return slices.Equal(verbs(format), wanted) }
		if !slices.ContainsFunc(formats[key], takes) {
			t.Errorf("%s takes %v, its failures say %v", key, wanted, formats[key])
		}
	}
}
