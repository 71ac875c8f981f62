package registry

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// check expects a refusal with key, or none with "".
func check(t *testing.T, what string, err error, key string) {
	t.Helper()
	e := domain.As(err)
	switch {
	case key == "" && err != nil:
		t.Errorf("%.60q is refused: %v", what, err)
	case key != "" && (e == nil || e.Kind != domain.Invalid || e.Key != key):
		t.Errorf("%.60q: got %v, want %s", what, err, key)
	case e != nil && (len(e.Msg) > 500 || !utf8.ValidString(e.Msg)):
		t.Errorf("%.60q: a message of %d bytes: %q", what, len(e.Msg), e.Msg)
	}
}

func TestNames(t *testing.T) {
	for name, key := range map[string]string{
		"churn": "", "Churn 2": "", " a": "", "a b": "", "a.b": "", "...": "", "a@b": "", "a%2fb": "", "%2e%2e": "", "a#b?c": "", "'": "", `"`: "", "<b>": "", "a;b,c=d": "",
		"m-" + strings.Repeat("0", 32): "", "latest": "", "1": "", "-rf": "", "~": "",
		"モデル": "", "модель": "", "نموذج": "", "דגם": "", "नमूना": "", "mô hình": "", "e\u0301": "", "🚀": "", "🇮🇹": "", "ﬁ": "",
		strings.Repeat("x", 256): "", strings.Repeat("模", 256): "", strings.Repeat("🚀", 256): "",
		"": "registry.name_empty", " ": "registry.name_empty", "\t\n": "registry.name_empty", "\u00a0\u3000": "registry.name_empty",
		strings.Repeat("x", 257): "registry.name_long", strings.Repeat("模", 257): "registry.name_long", strings.Repeat("\xff", 300): "registry.name_long",
		"a/b": "registry.name", "/": "registry.name", "a:b": "registry.name", "s3://b": "registry.name", `a\b`: "registry.name", "a\x00": "registry.name", "a\nb": "registry.name",
		"a\u0085b": "registry.name", "\x7f": "registry.name", "\xff": "registry.name", "a\xed\xa0\x80": "registry.name", ".": "registry.name", "..": "registry.name",
	} {
		check(t, name, checkName(name), key)
	}
}

func TestAliases(t *testing.T) {
	for alias, key := range map[string]string{
		"champion": "", "Champion_2-b": "", "1": "", "123": "", "-": "", "_": "", "é": "", "王者": "", "чемпион": "", "بطل": "", "चैंपियन": "", "e\u0301": "",
		"v": "", "V": "", "v1a": "", "version1": "", "v-1": "", "latest1": "", "late": "", strings.Repeat("x", 255): "", strings.Repeat("王", 255): "",
		"": "registry.alias_empty", strings.Repeat("x", 256): "registry.alias_long",
		" ": "registry.alias", "a b": "registry.alias", "a.b": "registry.alias", "a/b": "registry.alias", "a@b": "registry.alias", "a:b": "registry.alias", "a%20b": "registry.alias",
		"a\x00": "registry.alias", "a\n": "registry.alias", "\xff": "registry.alias", "🚀": "registry.alias", "a\u200bb": "registry.alias", "'": "registry.alias",
		"latest": "registry.alias_reserved", "Latest": "registry.alias_reserved", "LATEST": "registry.alias_reserved",
		"v1": "registry.alias_version", "V1": "registry.alias_version", "v007": "registry.alias_version", "v99999999999999999999": "registry.alias_version",
	} {
		check(t, alias, checkAlias(alias), key)
	}
}

func TestTagsAndDescriptions(t *testing.T) {
	for _, c := range []struct {
		tag tracking.Tag
		key string
	}{
		{tracking.Tag{Key: "k"}, ""},
		{tracking.Tag{Key: strings.Repeat("k", 250), Value: strings.Repeat("v", 100_000)}, ""},
		{tracking.Tag{Key: strings.Repeat("模", 250), Value: strings.Repeat("模", 100_000)}, ""},
		{tracking.Tag{Value: "v"}, "key.empty"},
		{tracking.Tag{Key: strings.Repeat("k", 251)}, "key.long"},
		{tracking.Tag{Key: "k", Value: strings.Repeat("v", 100_001)}, "registry.tag_long"},
	} {
		check(t, c.tag.Key, checkTags([]tracking.Tag{{Key: "fine"}, c.tag}), c.key)
	}
	check(t, "long", checkDescription(strings.Repeat("模", 100_000)), "")
	check(t, "longer", checkDescription(strings.Repeat("x", 100_001)), "registry.description_long")
}

func TestStagesAndNumbers(t *testing.T) {
	for text, want := range map[string]Stage{"none": StageNone, "None": StageNone, "STAGING": StageStaging, "production": StageProduction, "aRchived": StageArchived} {
		if got, err := ParseStage(text); got != want || err != nil {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "bogus", " None", "Production\x00", strings.Repeat("x", 10_000)} {
		_, err := ParseStage(text)
		check(t, text, err, "registry.stage")
	}
	for text, want := range map[string]int64{"1": 1, "10000": 10000, "9223372036854775807": 9223372036854775807} {
		if got, ok := ParseNumber(text); got != want || !ok {
			t.Errorf("%s is %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "0x1", "x", "١", "9223372036854775808", "1_000"} {
		if got, ok := ParseNumber(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// vectors are digests reckoned by other means: SHA-256 of the JSON with sorted keys and no spaces.
var vectors = []struct {
	m    Manifest
	text string
	sum  string
}{
	{
		Manifest{Kind: "model", Files: []File{{"MLmodel", strings.Repeat("a", 64), 12}}},
		`{"files":[{"path":"MLmodel","sha256":"` + strings.Repeat("a", 64) + `","size":12}],"kind":"model"}`,
		"e9a7e5807377eff7f061d0d1177be4440377129e90f983465fcbd08a68659cd3",
	},
	{
		Manifest{
			Kind: "model", Files: []File{{"a/b.bin", strings.Repeat("0", 64), 1 << 40}, {"é 模.txt", strings.Repeat("1", 64), 0}},
			Flavors: []string{"python_function", "sklearn"}, Params: map[string]string{"depth": "8", "\u20ac": "x\n\"<&>"},
			Signature: &Signature{Inputs: json.RawMessage(`[{"type": "double", "name": "x", "n": 1.0}]`)},
			Code:      &Code{Commit: "abc"}, Data: []Data{{"train", "d1", "training"}},
		},
		`{"code":{"commit":"abc"},"data":[{"context":"training","digest":"d1","name":"train"}],"files":[{"path":"a/b.bin","sha256":"` + strings.Repeat("0", 64) +
			`","size":1099511627776},{"path":"é 模.txt","sha256":"` + strings.Repeat("1", 64) + `","size":0}],"flavors":["python_function","sklearn"],"kind":"model",` +
			`"params":{"depth":"8","€":"x\n\"<&>"},"signature":{"inputs":[{"n":1,"name":"x","type":"double"}]}}`,
		"2639642ebd2261f1ed765ca6ab135a800f4a82b21b938320450d3b5283deeeea",
	},
}

func TestManifestDigests(t *testing.T) {
	for i, v := range vectors {
		text, sum, err := v.m.seal()
		if err != nil || text != v.text || sum != v.sum {
			t.Errorf("%d: %v\n got %s %s\nwant %s %s", i, err, text, sum, v.text, v.sum)
		}
		back, err := ParseManifest(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, again, _ := back.seal(); again != sum {
			t.Errorf("%d: read back, its digest is %s", i, again)
		}
	}
	if m, err := ParseManifest(""); err != nil || m.Kind != "" {
		t.Errorf("none: %+v, %v", m, err)
	}
}

// The same files, run and model make the same manifest in whatever order they are met.
func TestManifestOfARun(t *testing.T) {
	file := func(path string) tracking.Artifact {
		return tracking.Artifact{Path: "0/r/artifacts/model/" + path, Digest: path, Size: 1}
	}
	run := tracking.Run{
		ID: "r", Params: []tracking.Param{{Key: "depth", Value: "8"}, {Key: "lr", Value: "0.1"}},
		Tags:     []tracking.Tag{{Key: "mlflow.source.git.commit", Value: "abc"}, {Key: "mlflow.user", Value: "ada"}, {Key: "mlflow.source.name", Value: "train.py"}},
		Datasets: []tracking.DatasetInput{{Dataset: tracking.Dataset{Name: "b", Digest: "2"}}, {Dataset: tracking.Dataset{Name: "a", Digest: "1"}, Tags: []tracking.Tag{{Key: "mlflow.data.context", Value: "eval"}}}},
	}
	logged := tracking.LoggedModel{Params: []tracking.Param{{Key: "lr", Value: "0.2"}}}
	s := source{location: "mlflow-artifacts:/0/r/artifacts/model", run: &run, logged: &logged}
	about := About{Flavors: []string{"sklearn"}}
	got := manifestOf(s, []tracking.Artifact{file("b/c"), file("MLmodel")}, about)
	want := Manifest{
		Kind: "model", Files: []File{{"MLmodel", "MLmodel", 1}, {"b/c", "b/c", 1}}, Flavors: []string{"sklearn"},
		Params: map[string]string{"depth": "8", "lr": "0.2"}, Code: &Code{Commit: "abc", Source: "train.py"},
		Data: []Data{{"a", "1", "eval"}, {"b", "2", ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	other := run
	other.ID, other.Datasets = "another", []tracking.DatasetInput{run.Datasets[1], run.Datasets[0]}
	again := manifestOf(source{location: s.location, run: &other, logged: &logged}, []tracking.Artifact{file("MLmodel"), file("b/c")}, about)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error(diff)
	}
	if m := manifestOf(source{location: "mlflow-artifacts:/0/r/artifacts/one.pkl"}, []tracking.Artifact{{Path: "0/r/artifacts/one.pkl"}}, About{}); m.Files[0].Path != "one.pkl" || m.Code != nil {
		t.Errorf("one file: %+v", m)
	}
}

const mlmodel = `
artifact_path: model
flavors:
  sklearn: {pickled_model: model.pkl, sklearn_version: 1.5.0}
  python_function:
    env: {conda: conda.yaml}
model_uuid: abc
saved_input_example_info:
  artifact_path: input_example.json
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "long"}]'
  params: null
`

func TestParseMLmodel(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want About
	}{
		"as clients write it": {mlmodel, About{
			Flavors: []string{"python_function", "sklearn"}, Example: "input_example.json",
			Signature: &Signature{Inputs: json.RawMessage(`[{"name":"x","required":true,"type":"double"}]`), Outputs: json.RawMessage(`[{"type":"long"}]`)},
		}},
		"nothing of interest":      {"model_uuid: x", About{}},
		"JSON":                     {`{"flavors": {"a": {}}, "signature": null}`, About{Flavors: []string{"a"}}},
		"signature not JSON":       {"signature: {inputs: 'x: double', outputs: '[1'}", About{Signature: &Signature{Inputs: json.RawMessage(`"x: double"`), Outputs: json.RawMessage(`"[1"`)}}},
		"signature of other types": {"signature: {inputs: [1], outputs: 5, params: {a: b}}", About{Signature: &Signature{Outputs: json.RawMessage(`5`)}}},
		"signature a list":         {"flavors: {a: {}}\nsignature: [1]", About{Flavors: []string{"a"}, Problem: "syntax"}},
		"flavors a list":           {"flavors: [a]", About{Problem: "syntax"}},
		"flavors a text":           {"flavors: a\nsignature: {inputs: '[]'}", About{Signature: &Signature{Inputs: json.RawMessage(`[]`)}, Problem: "syntax"}},
		"flavors of odd names":     {"flavors: {1: {}, true: {}, 'a b': {}, \"\\0\": {}}", About{Flavors: []string{"\x00", "1", "a b", "true"}}},
		"example of another type":  {"saved_input_example_info: [x]", About{}},
		"example's path a list":    {"saved_input_example_info: {artifact_path: [x]}", About{}},
		"a key twice":              {"flavors: {a: {}}\nflavors: {b: {}}", About{Flavors: []string{"b"}}},
		"an alias":                 {"x: &f {a: {}}\nflavors: *f", About{Flavors: []string{"a"}}},
		"an alias of nothing":      {"flavors: *f", About{Problem: "syntax"}},
		"a list":                   {"[1, 2]", About{Problem: "syntax"}},
		"a text":                   {"flavors", About{Problem: "syntax"}},
		"nothing":                  {"", About{Problem: "syntax"}},
		"a comment":                {"# nothing", About{Problem: "syntax"}},
		"broken":                   {"flavors: {a: [", About{Problem: "syntax"}},
		"two documents, of which the first counts": {"flavors: {a: {}}\n---\nflavors: {b: {}}", About{Flavors: []string{"a"}}},
		"bytes":                {"\x00\x01\xff\xfe", About{Problem: "syntax"}},
		"a tag that runs code": {"flavors: !!python/object/apply:os.system ['x']", About{Problem: "syntax"}},
		"large":                {"flavors: {a: {}}\n" + strings.Repeat("#", MaxMLmodel), About{Problem: "large"}},
	} {
		c.want.Digest = "d"
		if diff := cmp.Diff(c.want, ParseMLmodel("d", []byte(c.text))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What is small to send is not dear to read.
func TestMLmodelBombs(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), i-1)
	}
	keys := func(indent string) string {
		var b strings.Builder
		for i := 0; b.Len() < MaxMLmodel-100; i++ {
			fmt.Fprintf(&b, "%s%d:\n", indent, i)
		}
		return b.String()
	}
	fill := func(unit string) string { return strings.Repeat(unit, MaxMLmodel/len(unit)) }
	for name, text := range map[string]string{
		"a billion laughs":    laughs.String() + "flavors: *a19\nsignature: {inputs: *a19}\n",
		"laughs as flavors":   laughs.String() + "flavors: {a: *a19}\n",
		"an alias of itself":  "flavors: &f {a: *f}\nsignature: &s {inputs: *s}",
		"ten megabytes":       strings.Repeat("a: b\n", 2_000_000),
		"keys":                keys(""),
		"flavors":             "flavors:\n" + keys(" ")[:MaxMLmodel-200],
		"brackets":            fill("["),
		"braces":              fill("{a: "),
		"indents":             fill("- "),
		"nested JSON":         "signature: {inputs: '" + strings.Repeat("[", 500_000) + "'}",
		"nested JSON, closed": "signature: {inputs: '" + strings.Repeat("[", 250_000) + strings.Repeat("]", 250_000) + "'}",
		"many keys in JSON":   "signature: {inputs: '{" + strings.TrimSuffix(strings.Repeat(`"a":1,`, 100_000), ",") + "}'}",
		"a large number":      "signature: {inputs: '" + strings.Repeat("9", 500_000) + "'}",
		"a long text":         "flavors: {'" + strings.Repeat("x", 1_000_000) + "': {}}",
		"anchors":             fill("- &a x\n"),
		"merges":              "flavors: {<<: [" + fill("{},")[:1_000_000] + "]}",
		"tabs":                fill("\t"),
		"quotes":              fill(`"`),
		"comments":            fill("#\n"),
		"documents":           fill("---\n"),
	} {
		start := time.Now()
		a := ParseMLmodel("d", []byte(text))
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		m := Manifest{Kind: "model", Files: []File{}, Flavors: a.Flavors, Signature: a.Signature}
		if sealed, _, err := m.seal(); err != nil || len(sealed) > 10*MaxMLmodel {
			t.Errorf("%s: a manifest of %d bytes, %v", name, len(sealed), err)
		}
	}
}

func FuzzParseMLmodel(f *testing.F) {
	for _, seed := range []string{mlmodel, "flavors: &f {a: *f}", "signature: {inputs: '[1e400]'}", "flavors: {\"\\uD800\": }", "? [a]\n: b", "<<: *x", "\ufefflavors: {}", "%YAML 9.9\n---\na: b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		start := time.Now()
		a := ParseMLmodel("d", text)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
		if a.Digest != "d" {
			t.Error("the digest is lost")
		}
		m := Manifest{Kind: "model", Files: []File{}, Flavors: a.Flavors, Signature: a.Signature}
		sealed, sum, err := m.seal()
		if err != nil {
			t.Fatalf("no manifest: %v", err)
		}
		back, err := ParseManifest(sealed)
		if err != nil {
			t.Fatalf("%s: %v", sealed, err)
		}
		if _, again, err := back.seal(); again != sum || err != nil {
			t.Errorf("%s reads back as another: %v", sealed, err)
		}
	})
}
