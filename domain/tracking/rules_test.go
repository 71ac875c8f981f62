package tracking

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// wantKey checks that err is a refusal with the given key, or none if that is "".
func wantKey(t *testing.T, what string, err error, key string) {
	t.Helper()
	e := domain.As(err)
	switch {
	case key == "" && err != nil:
		t.Errorf("%s: refused: %v", what, err)
	case key != "" && (e == nil || e.Key != key || e.Kind != domain.Invalid):
		t.Errorf("%s: got %v, want the refusal %s", what, err, key)
	case e != nil && (!utf8.ValidString(e.Msg) || len(e.Msg) > 400):
		t.Errorf("%s: a message of %d bytes: %q", what, len(e.Msg), e.Msg)
	}
}

func TestCheckKey(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{"loss", ""},
		{"val/loss", ""},
		{"a.b-c_d e:f", ""},
		{"..a", ""},
		{"a..b/c..", ""},
		{" ", ""},
		{"ключ", ""},
		{"日本語", ""},
		{"e\u0301", ""},
		{"½", ""},
		{"mlflow.runName", ""},
		{strings.Repeat("k", 250), ""},
		{strings.Repeat("ü", 250), ""},
		{"", "key.empty"},
		{strings.Repeat("k", 251), "key.long"},
		{strings.Repeat("ü", 251), "key.long"},
		{"a\nb", "key.characters"},
		{"a\x00b", "key.characters"},
		{"a\tb", "key.characters"},
		{"a\u00a0b", "key.characters"},
		{"a\xffb", "key.characters"},
		{"a\ufffdb", "key.characters"},
		{"a\u202eb", "key.characters"},
		{"a#b", "key.characters"},
		{"a?b", "key.characters"},
		{"a%2eb", "key.characters"},
		{"a@b", "key.characters"},
		{`a\b`, "key.characters"},
		{"a'b", "key.characters"},
		{"a`b", "key.characters"},
		{"a(b)", "key.characters"},
		{"a=b", "key.characters"},
		{"🚀", "key.characters"},
		{".", "key.path"},
		{"..", "key.path"},
		{"/", "key.path"},
		{"/a", "key.path"},
		{"a/", "key.path"},
		{"a//b", "key.path"},
		{"./a", "key.path"},
		{"a/.", "key.path"},
		{"a/./b", "key.path"},
		{"../a", "key.path"},
		{"a/..", "key.path"},
		{"a/../b", "key.path"},
		{"a/b/../../..", "key.path"},
	} {
		wantKey(t, strconv.Quote(c.key), checkKey("metric", c.key), c.want)
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 0, ""},
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"abcd", 0, ""},
		{"äöü", 3, "äöü"},
		{"äöüß", 3, "äöü"},
		{"日本語文", 2, "日本"},
		{"🚀🚀🚀", 2, "🚀🚀"},
		{"e\u0301e", 1, "e"},
	} {
		if got := truncate(c.in, c.n); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestTruncateCountsCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "text"), rapid.IntRange(0, 20).Draw(t, "n")
		got := truncate(s, n)
		if !strings.HasPrefix(s, got) || utf8.RuneCountInString(got) != min(n, utf8.RuneCountInString(s)) {
			t.Fatalf("%q to %d is %q", s, n, got)
		}
	})
}

func TestShort(t *testing.T) {
	for _, n := range []int{0, 1, 79, 80, 81, 82, 1000} {
		for _, letter := range []string{"a", "ü", "語", "🚀"} {
			s := strings.Repeat(letter, n)
			got := domain.Short(s)
			if !utf8.ValidString(got) || len(got) > 83 || len(s) <= 80 && got != s || len(s) > 80 && !strings.HasSuffix(got, "…") {
				t.Errorf("%d times %s becomes %q", n, letter, got)
			}
		}
	}
}

func TestCheckExperimentName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"a", ""},
		{"/Users/ada/first", ""},
		{"a/../b #1 100%", ""},
		{strings.Repeat("n", 500), ""},
		{strings.Repeat("ñ", 500), ""},
		{"", "experiment.name_empty"},
		{" \t\n", "experiment.name_empty"},
		{"\u00a0", "experiment.name_empty"},
		{strings.Repeat("n", 501), "experiment.name_long"},
		{strings.Repeat("ñ", 501), "experiment.name_long"},
	} {
		wantKey(t, strconv.Quote(c.name), checkExperimentName(c.name), c.want)
	}
}

func TestCheckExperimentID(t *testing.T) {
	for _, c := range []struct{ id, want string }{
		{"0", ""},
		{"12", ""},
		{"007", ""},
		{"99999999999999999999", ""},
		{"-1", "experiment.id"},
		{"+1", "experiment.id"},
		{"1.0", "experiment.id"},
		{"1e3", "experiment.id"},
		{"0x1", "experiment.id"},
		{" 1", "experiment.id"},
		{"one", "experiment.id"},
		{"1;--", "experiment.id"},
		{"１", "experiment.id"},
		{"1\x00", "experiment.id"},
	} {
		wantKey(t, strconv.Quote(c.id), checkExperimentID(c.id), c.want)
	}
}

func TestCheckExperimentTag(t *testing.T) {
	for _, c := range []struct {
		tag  Tag
		want string
	}{
		{Tag{"team", "a"}, ""},
		{Tag{"team", ""}, ""},
		{Tag{"team", strings.Repeat("ü", 20000)}, ""},
		{Tag{"team", strings.Repeat("v", 20001)}, "experiment.tag_long"},
		{Tag{"", "a"}, "key.empty"},
		{Tag{"a//b", "a"}, "key.path"},
	} {
		wantKey(t, c.tag.Key, checkExperimentTag(c.tag), c.want)
	}
}

func TestCheckLocation(t *testing.T) {
	const bad, long = "experiment.location", "experiment.location_long"
	for _, c := range []struct{ location, want string }{
		{"mlflow-artifacts:/3", ""},
		{"mlflow-artifacts:/team/models", ""},
		{"mlflow-artifacts:/with space", ""},
		{"s3://bucket", ""},
		{"s3://bucket/path/of/it", ""},
		{"gs://bucket/a", ""},
		{"abfss://container@account.dfs.core.windows.net/a", ""},
		{"https://host.example/a", ""},
		{"s3://bucket/" + strings.Repeat("a", 2048-12), ""},
		{"s3://bucket/" + strings.Repeat("a", 2049-12), long},
		{"s3://bucket/a#b", bad},
		{"s3://bucket/a?b=c", bad},
		{"s3://bucket/../other", bad},
		{"s3://bucket/a/..", bad},
		{`s3://bucket\a`, bad},
		{"s3://bucket/a\x00", bad},
		{"s3:bucket", bad},
		{"s3:/bucket", bad},
		{"s3://", bad},
		{"s3:///a", bad},
		{"s3", bad},
		{"mlflow-artifacts", bad},
		{"mlflow-artifacts:", bad},
		{"mlflow-artifacts:/", bad},
		{"mlflow-artifacts:3", bad},
		{"mlflow-artifacts://host/3", bad},
		{"mlflow-artifacts:///3", bad},
		{"mlflow-artifacts:/3/", bad},
		{"mlflow-artifacts:/3//4", bad},
		{"mlflow-artifacts:/../3", bad},
		{"mlflow-artifacts:/3/%2e%2e/4", bad},
		{`mlflow-artifacts:/3\4`, bad},
		{"mlflow-artifacts:/3#4", bad},
		{"mlflow-artifacts:/3?4", bad},
		{"MLflow-Artifacts:/3", bad}, // StorePath would not know it for ours
		{"", bad},
		{"file:///tmp/a", bad},
		{"file:a", bad},
		{"FILE:///tmp", bad},
		{"/tmp/a", bad},
		{"./a", bad},
		{"a", bad},
		{`C:\a`, bad},
		{"runs:/abc/a", bad},
		{"models:/m/1", bad},
		{"http://host/a", bad},
		{"ftp://host/a", bad},
		{"dbfs:/a", bad},
		{"hdfs://host/a", bad},
		{"javascript:alert(1)", bad},
		{" s3://bucket", bad},
	} {
		wantKey(t, strconv.Quote(c.location), checkLocation(c.location), c.want)
	}
}

// A location that is accepted as one of our own store is found there again.
func TestAcceptedLocationsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]string{"mlflow-artifacts", "Mlflow-artifacts", "MLFLOW-ARTIFACTS"}).Draw(t, "scheme")
		loc := scheme + ":" + rapid.StringMatching(`[/ab.%#?\\2eE]{0,8}`).Draw(t, "rest")
		if checkLocation(loc) != nil {
			return
		}
		at, ours := StorePath(loc + "/run/artifacts")
		if clean, err := CleanArtifactPath(at); !ours || err != nil || clean != at {
			t.Fatalf("%q was accepted and lies at %q (%v), %v", loc, at, ours, err)
		}
	})
}

func TestStorable(t *testing.T) {
	for _, c := range []struct{ in, want float64 }{
		{0, 0},
		{-1.5, -1.5},
		{math.MaxFloat64, math.MaxFloat64},
		{math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64},
		{math.Inf(1), math.MaxFloat64},
		{math.Inf(-1), -math.MaxFloat64},
	} {
		if got := storable(c.in); got != c.want {
			t.Errorf("%v is kept as %v, want %v", c.in, got, c.want)
		}
	}
	if got := storable(math.NaN()); !math.IsNaN(got) {
		t.Errorf("NaN is kept as %v", got)
	}
}

func TestCheckDataset(t *testing.T) {
	n := strings.Repeat
	input := func(d Dataset, tags ...Tag) DatasetInput { return DatasetInput{d, tags} }
	good := Dataset{"name", "digest", "type", "source", "schema", "profile"}
	with := func(change func(*Dataset)) DatasetInput {
		d := good
		change(&d)
		return input(d)
	}
	for _, c := range []struct {
		name string
		in   DatasetInput
		want string
	}{
		{"all of it", input(good, Tag{"mlflow.data.context", "train"}), ""},
		{"only what it must have", input(Dataset{Name: "n", Digest: "d"}), ""},
		{"as long as may be", input(Dataset{n("ü", 500), n("d", 36), "", n("s", 65535), n("s", 1048575), n("p", 16777215)}, Tag{n("ü", 255), n("v", 500)}), ""},
		{"any characters in a tag's key", input(good, Tag{"a//b #?", ""}), ""},
		{"no name", with(func(d *Dataset) { d.Name = "" }), "dataset.identity"},
		{"no digest", with(func(d *Dataset) { d.Digest = "" }), "dataset.identity"},
		{"long name", with(func(d *Dataset) { d.Name = n("n", 501) }), "dataset.long"},
		{"long digest", with(func(d *Dataset) { d.Digest = n("d", 37) }), "dataset.long"},
		{"long source", with(func(d *Dataset) { d.Source = n("s", 65536) }), "dataset.long"},
		{"long schema", with(func(d *Dataset) { d.Schema = n("s", 1048576) }), "dataset.long"},
		{"long profile", with(func(d *Dataset) { d.Profile = n("p", 16777216) }), "dataset.long"},
		{"a tag without key", input(good, Tag{"", "v"}), "key.empty"},
		{"a tag with a long key", input(good, Tag{n("k", 256), "v"}), "dataset.long"},
		{"a tag with a long value", input(good, Tag{"k", n("v", 501)}), "dataset.long"},
		{"the second tag is bad", input(good, Tag{"k", "v"}, Tag{"", "v"}), "key.empty"},
	} {
		wantKey(t, c.name, checkDataset(c.in), c.want)
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		s            Status
		known, ended bool
	}{
		{Running, true, false},
		{Scheduled, true, false},
		{Finished, true, true},
		{Failed, true, true},
		{Killed, true, true},
		{"", false, false},
		{"finished", false, false},
		{"UNKNOWN", false, false},
	} {
		if c.s.Known() != c.known || c.s.Ended() != c.ended {
			t.Errorf("%q: known %v, ended %v", c.s, c.s.Known(), c.s.Ended())
		}
	}
}

func many[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

func points(n int) []Metric {
	return many(n, func(i int) Metric { return Metric{Key: "loss", Value: 1, Timestamp: 1, Step: int64(i)} })
}

func params(n int) []Param {
	return many(n, func(i int) Param { return Param{"p" + strconv.Itoa(i), "v"} })
}

func tags(n int) []Tag {
	return many(n, func(i int) Tag { return Tag{"t" + strconv.Itoa(i), "v"} })
}

func TestBatchLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		b    Batch
		want string
	}{
		{"empty", Batch{}, ""},
		{"most metrics", Batch{Metrics: points(1000)}, ""},
		{"most of each", Batch{points(800), params(100), tags(100)}, ""},
		{"a metric too many", Batch{Metrics: points(1001)}, "batch.too_many"},
		{"a parameter too many", Batch{Params: params(101)}, "batch.too_many"},
		{"a tag too many", Batch{Tags: tags(101)}, "batch.too_many"},
		{"one too many in all", Batch{points(801), params(100), tags(100)}, "batch.too_many"},
		{"one metric is bad", Batch{Metrics: append(points(3), Metric{Key: "a//b"})}, "key.path"},
		{"the first metric has no key", Batch{Metrics: []Metric{{Timestamp: 1}}}, "key.empty"},
		{"a later metric has no key", Batch{Metrics: append(points(3), Metric{})}, "key.empty"},
		{"before 1970", Batch{Metrics: []Metric{{Key: "a", Timestamp: -1}}}, "metric.timestamp"},
		{"before 1970, with the key of the one before", Batch{Metrics: []Metric{{Key: "a"}, {Key: "a", Timestamp: -1}}}, "metric.timestamp"},
		{"in 1970, at a negative step", Batch{Metrics: []Metric{{Key: "a", Timestamp: 0, Step: -7}}}, ""},
		{"a parameter without key", Batch{Params: []Param{{"", "v"}}}, "key.empty"},
		{"a parameter with a long key", Batch{Params: []Param{{strings.Repeat("k", 251), "v"}}}, "key.long"},
		{"a parameter twice", Batch{Params: []Param{{"a", "1"}, {"b", "1"}, {"a", "2"}}}, "param.twice"},
		{"a parameter twice with one value", Batch{Params: []Param{{"a", "1"}, {"a", "1"}}}, "param.twice"},
		{"keys that differ in case", Batch{Params: []Param{{"a", "1"}, {"A", "2"}}}, ""},
		{"a key for a parameter and a tag", Batch{points(1), []Param{{"loss", "1"}}, []Tag{{"loss", "2"}}}, ""},
		{"a tag without key", Batch{Tags: []Tag{{"", "v"}}}, "key.empty"},
		{"a tag twice", Batch{Tags: []Tag{{"a", "1"}, {"a", "2"}}}, ""},
	} {
		wantKey(t, c.name, c.b.Check(), c.want)
	}
}

func TestBatchIsMadeStorable(t *testing.T) {
	b := Batch{
		Metrics: []Metric{{Key: "a", Value: math.Inf(1)}, {Key: "a", Value: math.Inf(-1)}, {Key: "b", Value: math.NaN()}},
		Params:  []Param{{"long", strings.Repeat("ü", 6001)}, {"exact", strings.Repeat("ü", 6000)}, {"empty", ""}},
		Tags:    []Tag{{"a", "1"}, {"long", strings.Repeat("語", 8001)}, {"exact", strings.Repeat("語", 8000)}, {"a", "2"}},
	}
	sent := slices.Clone(b.Params)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if b.Metrics[0].Value != math.MaxFloat64 || b.Metrics[1].Value != -math.MaxFloat64 || !math.IsNaN(b.Metrics[2].Value) {
		t.Errorf("metrics %v", b.Metrics)
	}
	if want := []Param{{"long", strings.Repeat("ü", 6000)}, {"exact", strings.Repeat("ü", 6000)}, {"empty", ""}}; !slices.Equal(b.Params, want) {
		t.Errorf("parameters of %d, %d characters", utf8.RuneCountInString(b.Params[0].Value), utf8.RuneCountInString(b.Params[1].Value))
	}
	if want := []Tag{{"a", "2"}, {"long", strings.Repeat("語", 8000)}, {"exact", strings.Repeat("語", 8000)}}; !slices.Equal(b.Tags, want) {
		t.Errorf("%d tags, the first %v", len(b.Tags), b.Tags[0])
	}
	if utf8.RuneCountInString(sent[0].Value) != 6001 {
		t.Error("the caller's list was changed")
	}
	if err := b.Check(); err != nil {
		t.Errorf("refused when checked again: %v", err)
	}
}

// A run may be created with any number of tags, so their cleaning may not take their square.
func TestManyTags(t *testing.T) {
	const n = 300_000
	in := tags(n)
	in = append(in, Tag{"t0", "again"}, Tag{"t7", "again"})
	out, err := cleanTags(in)
	if err != nil || len(out) != n {
		t.Fatalf("%d tags, %v", len(out), err)
	}
	if out[0] != (Tag{"t0", "again"}) || out[7] != (Tag{"t7", "again"}) || out[n-1] != in[n-1] {
		t.Errorf("got %v %v %v", out[0], out[7], out[n-1])
	}
}

func TestRunName(t *testing.T) {
	long := strings.Repeat("n", 8001)
	for _, c := range []struct {
		name, tag, want, key string
	}{
		{"a", "", "a", ""},
		{"", "b", "b", ""},
		{"a", "a", "a", ""},
		{"a", "b", "", "run.two_names"},
		{"a", "A", "", "run.two_names"},
		{long, "", long[:8000], ""},
		{"", long, long[:8000], ""},
		{long, long, long[:8000], ""},
		{long, long + "x", long[:8000], ""}, // they are one when they are stored
		{long, "x" + long, "", "run.two_names"},
	} {
		r := Run{Name: c.name}
		if c.tag != "" {
			var err error
			if r.Tags, err = cleanTags([]Tag{{"other", "x"}, {TagRunName, c.tag}}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := runName(r)
		wantKey(t, domain.Short(c.name)+" and "+domain.Short(c.tag), err, c.key)
		if got != c.want {
			t.Errorf("%s and %s: got %q, want %q", domain.Short(c.name), domain.Short(c.tag), domain.Short(got), domain.Short(c.want))
		}
	}
}

func TestRandomNames(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		name, err := runName(Run{})
		if err != nil || strings.ContainsAny(name, "/:.%\"'") || checkKey("run", name) != nil || strings.Count(name, "-") != 2 {
			t.Errorf("got %q %v", name, err)
		}
		seen[name] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 runs have %d names", len(seen))
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Fatalf("got %q", id)
		}
		seen[id] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1000 ids, %d of them different", len(seen))
	}
}
