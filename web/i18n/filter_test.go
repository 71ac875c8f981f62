package i18n

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/search"
)

// Each kind of failure of the filter language is said whole in every language, and none is missing here.
func TestFailuresOfFilters(t *testing.T) {
	filter := func(l *search.Language, in string) error { _, err := l.ParseFilter(in); return err }
	order := func(items ...string) error { _, err := search.Runs.ParseOrder(items); return err }
	said := map[string]bool{}
	for _, err := range []error{
		filter(search.Runs, "metrics.a ! 1"),
		filter(search.Runs, "metrics.a > 1; metrics.b > 2"),
		filter(search.Runs, "metrics.a > 1 & metrics.b > 2"),
		filter(search.Runs, "params.a = 'x"),
		filter(search.Runs, strings.Repeat(" ", 1<<17)+"x"),
		filter(search.Runs, "params.a = '\xff'"),
		filter(search.Runs, "metrics.a > 1 2"),
		filter(search.Runs, "metrics.a >> 1"),
		filter(search.Runs, "metrics.a is 1"),
		filter(search.Runs, "NOT"),
		filter(search.Runs, "metrics.a"),
		filter(search.Runs, "params.a = "),
		filter(search.Runs, "params.a = 5"),
		filter(search.Runs, "run_id IN (5)"),
		filter(search.Runs, "run_id IN ("+strings.Repeat("'a',", 1001)+")"),
		filter(search.Runs, "metrics.a > 'x'"),
		filter(search.Runs, "metrics.a LIKE 'x'"),
		filter(search.Runs, strings.Repeat("(", 60)+"metrics.a > 1"),
		filter(search.Runs, strings.Repeat("metrics.a > 1 AND ", 201)+"metrics.a > 1"),
		filter(search.Runs, "foo.a = 'x'"),
		filter(search.Runs, "foo = 'x'"),
		filter(search.Runs, "params. = 'x'"),
		filter(search.Runs, "dataset.size = 'x'"),
		filter(search.Experiments, "foo = 'x'"),
		filter(search.LoggedModels, "foo = 'x'"),
		filter(search.RegisteredModels, "foo = 'x'"),
		filter(search.ModelVersions, "foo = 'x'"),
		order("metrics.a UP"),
		order("metrics.a", "metrics.a DESC"),
		order("dataset.name"),
		order(make([]string, 21)...),
	} {
		e := domain.As(err)
		if e == nil {
			t.Fatalf("%v is no failure of a filter", err)
		}
		said[e.Key] = true
		for _, lang := range Languages {
			text := Error(With(context.Background(), lang), e)
			if _, ok := catalogues[lang]["error."+e.Key]; !ok || strings.Contains(text, "%!") || lang != Default && text == e.Msg {
				t.Errorf("%s has no words for %s: %s", lang, e.Key, text)
			}
			for _, a := range e.Args {
				w, ok := a.(domain.Word)
				if !ok {
					continue
				}
				said[w.Key] = true
				if !strings.Contains(text, catalogues[lang]["error."+w.Key]) {
					t.Errorf("%s leaves %q as it is: %s", lang, w, text)
				}
			}
		}
	}
	if diff := cmp.Diff(codes(t), slices.Sorted(maps.Keys(said))); diff != "" {
		t.Errorf("codes of the parser and of this test (-/+):\n%s", diff)
	}
}

var code = regexp.MustCompile(`\b(?:fail\([^"\n]+, |say\()"([a-z_]+)"`)

// codes are those that the source of the language names.
func codes(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("../../domain/search/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			out = append(out, "search."+m[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
