package card

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// model is a README as they lie on the Hub: front matter of all kinds, headings of the template.
const model = `---
language:
- en
- no
license: apache-2.0
tags: fraud
datasets: [acme/transactions, acme/merchants]
base_model: acme/base-7b
base_model_relation: adapter
pipeline_tag: tabular-classification
library_name: xgboost
metrics:
- accuracy
- brier
co2_eq_emissions:
  emissions: 1250
  hardware_used: 1 x A100
model-index:
- name: ignored
  results:
  - task: &task
      type: tabular-classification
    dataset:
      name: Holdout
      type: acme/holdout
      config: eu
      split: test
      revision: 5e1f
    metrics:
    - {type: accuracy, value: 0.9412, name: Accuracy, verified: true}
    - {type: f1, value: "0.68"}
  - task: *task
    dataset: {name: Other, type: acme/other}
    metrics:
    - {type: auc, value: n/a}
    - {type: auc, value: 1}
widget: [{text: hello}]
---

# Fraud scorer #

Some badges.

## Model Details

### Model Description

<!-- Provide a longer summary of what this model is. -->

Scores card transactions.

- **Developed by:** [More Information Needed]

## Uses

### Direct Use

Rank transactions.

#### Where

In the EU.

### Out-of-Scope Use

[More Information Needed]

## Bias, Risks, and Limitations

Not for business cards.

` + "```python\n# Usage\n```" + `

## How to Get Started with the Model

Load it.

## Citation

None.
`

func TestParseReadme(t *testing.T) {
	got, warnings, err := ParseReadme([]byte(model))
	if err != nil {
		t.Fatal(err)
	}
	want := Card{
		Name: "Fraud scorer", Languages: []string{"en", "no"}, Licence: Licence{Weights: "Apache-2.0"}, Tags: []string{"fraud"},
		Datasets:   []Dataset{{Name: "acme/transactions", Use: Training, Origin: Declared}, {Name: "acme/merchants", Use: Training, Origin: Declared}},
		BaseModels: []BaseModel{{Name: "acme/base-7b", Origin: Declared}}, Relation: Adapter,
		Task: "tabular-classification", Library: Library{Name: "xgboost", Origin: Declared},
		Environment: Environment{CO2eKg: 1.25, Hardware: "1 x A100"},
		Metrics: []Metric{
			{Name: "accuracy", Value: 0.9412, Slice: "eu / test", Dataset: "acme/holdout", DatasetDigest: "5e1f", Origin: Declared},
			{Name: "f1", Value: 0.68, Slice: "eu / test", Dataset: "acme/holdout", DatasetDigest: "5e1f", Origin: Declared},
			{Name: "auc", Value: 1, Dataset: "acme/other", Origin: Declared},
		},
		Summary:      "Scores card transactions.\n\n- **Developed by:** [More Information Needed]",
		IntendedUse:  "Rank transactions.\n\n#### Where\n\nIn the EU.",
		Limitations:  "Not for business cards.\n\n```python\n# Usage\n```",
		Instructions: "Load it.",
		Text:         "Some badges.\n\n## Model Details\n\n## Uses\n\n### Out-of-Scope Use\n\n[More Information Needed]\n\n## Citation\n\nNone.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	told := []Warning{{"verified", "accuracy"}, {"no_value", "auc"}, {"no_value", "brier"}, {"unknown", "widget"}}
	if diff := cmp.Diff(told, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, w := range warnings {
		if !strings.HasPrefix(w.String(), w.Entry+": ") {
			t.Errorf("%+v reads %q", w, w)
		}
	}
}

// What a README looks like, and that ends of lines and byte order marks make no difference.
func TestParseReadmeForms(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Card
		warnings string
	}{
		{"empty", "", Card{}, ""},
		{"no front matter", "# A\n\nText.", Card{Name: "A", Text: "Text."}, ""},
		{"a rule", "---\nText.", Card{Text: "---\nText."}, ""},
		{"empty front matter", "---\n---\nText.", Card{Text: "Text."}, ""},
		{"comments only", "---\n# none\n---\nText.", Card{Text: "Text."}, ""},
		{"only front matter", "---\nlicense: mit\n---", Card{Licence: Licence{Weights: "MIT"}}, ""},
		{"CRLF and BOM", "\ufeff---\r\nlicense: mit\r\ntags:\r\n- a\r\n---\r\n\r\n## Security\r\n\r\nA\r\nB\r\n", Card{Licence: Licence{Weights: "MIT"}, Tags: []string{"a"}, Security: "A\nB"}, ""},
		{"wrong types", "---\nlicense: {a: 1}\nlanguage: [[en], en]\ntags: 7\ndatasets: {a: b}\npipeline_tag: [x]\nco2_eq_emissions: lots\nmodel-index: [1, {results: 2}]\n---", Card{Languages: []string{"en"}, Tags: []string{"7"}}, "language pipeline_tag datasets license co2_eq_emissions model-index"},
		{"numbers that are none", "---\nmodel-index: {results: [{metrics: [{type: a, value: .nan}, {type: b, value: 1e400}, {type: c, value: [1]}, {value: 1}, {type: d, value: 0x10}]}]}\n---", Card{}, "a b c model-index d"},
		{"emissions alone", "---\nco2_eq_emissions: 500\n---", Card{Environment: Environment{CO2eKg: 0.5}}, ""},
		{"twice the same", "---\nlicense: mit\nlicense: gpl\n---", Card{Licence: Licence{Weights: "MIT"}}, ""},
		{"control characters", "---\ntags: [\"a\\u0007b\\u202ec\"]\n---\nx\x00y\fz", Card{Tags: []string{"abc"}, Text: "xyz"}, "text tags"},
		{"not UTF-8", "a\xffb", Card{Text: "a\ufffdb"}, ""},
		{"a section as the title", "# Limitations\n\nMany.\n\n## Of time\n\nToo.", Card{Limitations: "Many.\n\n### Of time\n\nToo."}, ""},
		{"the first section wins", "## Usage\nA\n## How to use\nB\n### C\n", Card{Instructions: "A", Text: "## How to use\nB\n### C"}, ""},
		{"sections in sections", "## Limitations\nA\n### Security\nB\n### C\nD", Card{Limitations: "A", Security: "B", Text: "### C\nD"}, ""},
		{"headings in code", "## Security\n~~~\n## Logging\n```\n~~~\n## Logging\nB", Card{Security: "~~~\n## Logging\n```\n~~~", Logging: "B"}, ""},
		{"headings in comments", "<!--\n## Security\n-->\nA", Card{Text: "<!--\n## Security\n-->\nA"}, ""},
		{"code without end", "## Security\n```\n## Logging\nB", Card{Security: "```\n## Logging\nB\n```"}, ""},
		{"no heading", "#Security\n    # Security\n####### Security", Card{Text: "#Security\n    # Security\n####### Security"}, ""},
		{"an exported field", "---\nslipway: {owner: Ann, metrics: [{name: a, value: 1, n: 5, origin: measured}], name: x, version: y}\n---", Card{Owner: "Ann", Metrics: []Metric{{Name: "a", Value: 1, N: 5, Origin: Declared}}}, ""},
	} {
		got, warnings, err := ParseReadme([]byte(c.in))
		var entries []string
		for _, w := range warnings {
			entries = append(entries, w.Entry)
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" || strings.Join(entries, " ") != c.warnings {
			t.Errorf("%s: %v, warnings %v, (-want +got):\n%s", c.name, err, warnings, diff)
		}
	}
}

func TestLicencesOfReadmes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"license: MIT", "MIT"},
		{"license: apache-2.0", "Apache-2.0"},
		{"license: gpl-3.0", "GPL-3.0"},
		{"license: llama3.1", "LicenseRef-llama3.1"},
		{"license: openrail++", "LicenseRef-openrail-plus-plus"},
		{"license: odbl", "ODbL-1.0"},
		{"license: unknown", ""},
		{"license: other", "LicenseRef-other"},
		{"license: other\nlicense_name: gpl-3.0-only", "GPL-3.0-only"},
		{"license: other\nlicense_name: Coqui Public, v1", "LicenseRef-Coqui-Public--v1"},
		{"license: other\nlicense_name: " + strings.Repeat("ü", 990), "LicenseRef-" + strings.Repeat("-", 500)},
		{"license: [mit, apache-2.0]", "MIT AND Apache-2.0"},
		{"license: [mit or isc, zlib]", "(MIT OR ISC) AND Zlib"},
		{"license: [" + strings.Repeat("mit, ", 499) + "zlib]", "MIT AND Zlib"},
	} {
		got, _, err := ParseReadme([]byte("---\n" + c.in + "\n---\n"))
		if err != nil || got.Licence.Weights != c.want {
			t.Errorf("%.60q: got %q, %v, want %q", c.in, got.Licence.Weights, err, c.want)
		}
	}
	for spdx, id := range toHub {
		if back, err := ParseLicence(spdx); err != nil || back != spdx || fromHub[id] != spdx {
			t.Errorf("%s is %q: %q, %v", id, spdx, back, err)
		}
	}
}

// bomb unfolds to 10^9 values.
func bomb() string {
	b := "a0: &a0 [x]\n"
	for i := 1; i < 10; i++ {
		ref := "*a" + string(rune('0'+i-1))
		b += "a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat(ref+", ", 9) + ref + "]\n"
	}
	return b
}

func TestParseReadmeRefuses(t *testing.T) {
	front := func(s string) string { return "---\n" + s + "\n---\n" }
	for _, c := range []struct {
		name, in, key string
		kind          domain.Kind
	}{
		{"10 MB", strings.Repeat("x", 10<<20), "card.readme_large", domain.TooLarge},
		{"10 MB in a field", front("tags: " + strings.Repeat("x", 10<<20)), "card.readme_large", domain.TooLarge},
		{"front matter", front("tags: " + strings.Repeat("x", 1<<20)), "card.front_large", domain.TooLarge},
		{"a text", strings.Repeat("x", 1<<20), "card.long", domain.Invalid},
		{"an alias bomb", front(bomb()), "card.yaml_large", domain.Invalid},
		{"an alias of itself", front("a: &a [*a]"), "card.yaml_large", domain.Invalid},
		{"deep", front("a: " + strings.Repeat("[", 60) + strings.Repeat("]", 60)), "card.yaml_large", domain.Invalid},
		{"very deep", front("a: " + strings.Repeat("[", 500_000)), "card.yaml", domain.Invalid},
		{"many", front("a: [" + strings.Repeat("x,", 300_000) + "]"), "card.yaml_large", domain.Invalid},
		{"a text as front matter", front("hello"), "card.front", domain.Invalid},
		{"a list as front matter", front("- a"), "card.front", domain.Invalid},
		{"two documents", front("a: b\n...\n%"), "card.yaml", domain.Invalid},
		{"no YAML", front("a: b: c"), "card.yaml", domain.Invalid},
		{"tabs", front("a:\n\t- b"), "card.yaml", domain.Invalid},
		{"no card in it", front("slipway: [1]"), "card.readme_fields", domain.Invalid},
		{"a wrong field in it", front("slipway: {metrics: {a: 1}}"), "card.readme_fields", domain.Invalid},
		{"a bad value in it", front("slipway: {kind: robot}"), "card.choice", domain.Invalid},
	} {
		start := time.Now()
		_, _, err := ParseReadme([]byte(c.in))
		if e := domain.As(err); e == nil || e.Key != c.key || e.Kind != c.kind || len(e.Msg) > 300 {
			t.Errorf("%s: got %v, want the refusal %s", c.name, err, c.key)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: refused after %v", c.name, took)
		}
	}
}

// What is written is read back whole, for facts cannot be read back.
func TestReadmeRoundTrip(t *testing.T) {
	for name, c := range samples() {
		readme, err := Readme(c)
		if err != nil {
			t.Fatal(err)
		}
		got, warnings, err := ParseReadme(readme)
		want, refused := Clean(c)
		want.Name = c.Name
		if diff := cmp.Diff(want, got); err != nil || refused != nil || len(warnings) > 0 || diff != "" {
			t.Errorf("%s: %v, %v, warnings %v, (-want +got):\n%s\n%s", name, err, refused, warnings, diff, readme)
		}
		filled, err := Readme(Fill(c, someFacts()))
		if err != nil {
			t.Fatal(err)
		}
		if _, warnings, err := ParseReadme(filled); err != nil || len(warnings) > 0 {
			t.Errorf("%s, filled: %v, %v", name, err, warnings)
		}
	}
}

func TestReadmeOfAnyCard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := Clean(anyCard().Draw(t, "card"))
		if err != nil {
			t.Fatal(err)
		}
		readme, err := Readme(c)
		if err != nil {
			t.Fatal(err)
		}
		got, warnings, err := ParseReadme(readme)
		if diff := cmp.Diff(c, got); err != nil || len(warnings) > 0 || diff != "" {
			t.Fatalf("%v, warnings %v, (-want +got):\n%s\n%s", err, warnings, diff, readme)
		}
	})
}

func TestReadmeIsForTheHub(t *testing.T) {
	c, err := Clean(samples()["full"])
	if err != nil {
		t.Fatal(err)
	}
	c.Name = "fraud-scorer"
	readme, err := Readme(Fill(c, someFacts()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"---\nlanguage:\n  - \"en\"\n", "\nlicense: \"apache-2.0\"\n", "\nbase_model_relation: \"finetune\"\n", "\nmodel-index:\n  - name: \"fraud-scorer\"\n",
		"          verified: false\n", "\n# fraud-scorer\n", "\n## Limitations\n\n", "| val_auc | 0.9412 |", "| measured |",
	} {
		if !bytes.Contains(readme, []byte(want)) {
			t.Errorf("no %q in\n%s", want, readme)
		}
	}
	if bytes.Contains(readme, []byte("verified: true")) {
		t.Error("says that Hugging Face verified it")
	}
	small, err := Readme(Card{Metrics: []Metric{{Name: "a", Value: -1e-7}, {Name: "b", Value: 1.5e300}, {Name: "c", Value: 1e5}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"value: -1.0e-7\n", "value: 1.5e+300\n", "value: 100000\n"} { // floats in YAML 1.1
		if !bytes.Contains(small, []byte(want)) {
			t.Errorf("no %q in\n%s", want, small)
		}
	}
	if _, err := Readme(Card{Metrics: []Metric{{Name: "a", Value: math.NaN()}}}); err == nil {
		t.Error("NaN was written")
	}
}

func FuzzParseReadme(f *testing.F) {
	f.Add([]byte(model))
	f.Add([]byte("---\n" + bomb() + "---\n"))
	for _, c := range samples() {
		readme, err := Readme(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(readme)
	}
	for _, seed := range []string{
		"## Usage\nA\n## How to use\nB", "# Limitations\n# Limitations\n```\n", "<!--\n# Security\n-->\n## Security\n<!-- help -->\nx", beginMark + "\n" + endMark, "---\nslipway:\n---\n" + beginMark + endMark,
		"# a\n# b\n###### c\n## Users\n# d", "---\nmodel-index: [{name: Usage, results: [{dataset: {type: unspecified}, metrics: [{type: a, value: 1}]}]}]\n---", "---\r\nlicense: [a b, mit or isc]\r\n---\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		once, _, err := ParseReadme(text)
		if err != nil {
			if kind := domain.KindOf(err); kind != domain.Invalid && kind != domain.TooLarge {
				t.Fatalf("%q: an error of our own: %v", text, err)
			}
			return
		}
		readme, err := Readme(once)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, warnings, err := ParseReadme(readme)
		if diff := cmp.Diff(once, again); err != nil || len(warnings) > 0 || diff != "" {
			t.Fatalf("%q: %v, warnings %v, (-once +again):\n%s\n%s", text, err, warnings, diff, readme)
		}
	})
}

// Texts of the lines that decide how a README is read come to rest after one reading.
func TestAnyBody(t *testing.T) {
	line := rapid.SampledFrom([]string{
		"# Title", "# Usage", "## Usage", "## How to use", "### Security", "## Limitations #", "#### deep", "## ", "#", "##### Users", "text", "  text", "", "", "\t", "```", "````", "~~~ x", "``` a`b",
		"<!-- help -->", "<!--", "-->", "<!-- a --> b", "<!-- a", "a -->", beginMark, endMark, "x" + endMark, "[More Information Needed]", "---", "- a", "    # code", "Setext\n===", "\r", "   ## Logging",
	})
	front := rapid.SampledFrom([]string{"", "", "---\n---\n", "---\nslipway: {}\n---\n", "---\nslipway: {security: s, text: t}\n---\n", "---\nmodel-index: {name: a}\n---\n"})
	rapid.Check(t, func(t *rapid.T) {
		text := front.Draw(t, "front") + strings.Join(rapid.SliceOfN(line, 0, 14).Draw(t, "lines"), "\n")
		once, _, err := ParseReadme([]byte(text))
		if domain.KindOf(err) == domain.Invalid {
			return // text between two rules is no front matter
		}
		if err != nil {
			t.Fatal(err)
		}
		readme, err := Readme(once)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := ParseReadme(readme)
		if diff := cmp.Diff(once, again); err != nil || diff != "" {
			t.Fatalf("%q: %v, (-once +again):\n%s\n%s", text, err, diff, readme)
		}
	})
}
