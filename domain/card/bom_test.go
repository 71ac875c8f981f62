package card

import (
	"bytes"
	"encoding/json"
	"math"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

var noon = time.Date(2026, 11, 18, 13, 0, 0, 5e8, time.FixedZone("", 3600))

// cycloneDX compiles the official schema from the files in testdata; it may load nothing else.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: "idn-email", Validate: func(v any) error {
		_, err := mail.ParseAddress(v.(string))
		return err
	}})
	for _, name := range []string{"bom-1.6", "spdx", "jsf-0.82"} {
		text, err := os.ReadFile("testdata/" + name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name+".schema.json", doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate refuses a bill that is not of the schema or names two parts alike.
func validate(s *jsonschema.Schema, text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if err := s.Validate(doc); err != nil {
		return err
	}
	var b bom
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return err
	}
	seen := map[string]bool{}
	var walk func(cs []component) error
	walk = func(cs []component) error {
		for _, c := range cs {
			if c.Ref == "" || seen[c.Ref] {
				return domain.Fail(domain.Invalid, "ref", "reference %q is empty or not its own", c.Ref)
			}
			seen[c.Ref] = true
			if err := walk(c.Components); err != nil {
				return err
			}
			if c.Pedigree != nil {
				if err := walk(c.Pedigree.Ancestors); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk(append(b.Components, b.Metadata.Component)); err != nil {
		return err
	}
	for _, d := range b.Dependencies {
		for _, ref := range append(d.On, d.Ref) {
			if !seen[ref] {
				return domain.Fail(domain.Invalid, "ref", "%s is nothing in the bill", ref)
			}
		}
	}
	return nil
}

func TestBOMsAreValid(t *testing.T) {
	s := cycloneDX(t)
	if err := validate(s, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"robot","name":"x"}]}`)); err == nil {
		t.Fatal("the schema takes anything")
	}
	if err := validate(s, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"yesterday"}}`)); err == nil {
		t.Fatal("formats are not looked at")
	}
	odd := Facts{Name: "日本 <&>\u2028", Digest: "not a digest", Datasets: []Dataset{{Name: "d", Source: "http://exa mple/%zz"}, {Name: "d", Source: "https://example.org/ä b?q=<>"}, {Name: "d", Source: "C:\\data"}}}
	odd.Source.Repository = "git@github.com:acme/fraud.git"
	for name, c := range samples() {
		for facts, f := range map[string]Facts{"no facts": {}, "facts": someFacts(), "odd facts": odd} {
			text, err := BOM(c, f, noon)
			if err == nil {
				err = validate(s, text)
			}
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", name, facts, err, text)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		c, from := anyCard().Draw(t, "card"), anyCard().Draw(t, "facts")
		c, err := Clean(c)
		if err != nil {
			t.Fatal(err)
		}
		f := Facts{Name: from.Owner, Version: from.Task, Digest: from.Summary, Metrics: from.Metrics, Datasets: from.Datasets, Inputs: from.Inputs, BaseModels: from.BaseModels, Library: from.Library}
		f.Source.Repository, f.Source.Commit = from.Licence.URL, from.Owner
		text, err := BOM(c, f, noon)
		if err == nil {
			err = validate(s, text)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

// The same version with the same card is the same bill, another is another.
func TestBOMIsDetermined(t *testing.T) {
	c, f := samples()["full"], someFacts()
	serial := func(c Card, f Facts) string {
		text, err := BOM(c, f, noon)
		if err != nil {
			t.Fatal(err)
		}
		var b bom
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		if b.SerialNumber[len("urn:uuid:")+14] != '5' {
			t.Errorf("%s is no UUID of version 5", b.SerialNumber)
		}
		return b.SerialNumber
	}
	one, err := BOM(c, f, noon)
	if err != nil {
		t.Fatal(err)
	}
	turned := f
	turned.Files = []File{f.Files[1], f.Files[0]}
	two, err := BOM(c, turned, noon.UTC())
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("%v (-one +two):\n%s", err, cmp.Diff(string(one), string(two)))
	}
	other, another := f, c
	other.Digest = strings.Repeat("5c", 32)
	another.Owner = "somebody else"
	if a, b, d := serial(c, f), serial(c, other), serial(another, f); a == b || a == d || b == d {
		t.Errorf("serial numbers %s, %s, %s", a, b, d)
	}
	if _, err := BOM(Card{Environment: Environment{Hours: math.NaN()}}, f, noon); err == nil {
		t.Error("NaN was written")
	}
}

func TestBOM(t *testing.T) {
	text, err := BOM(samples()["full"], someFacts(), noon)
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	m := b.Metadata.Component
	if b.Metadata.Timestamp != "2026-11-18T12:00:00Z" || m.Type != "machine-learning-model" || m.Name != "fraud-scorer" || m.Version != "42" || m.Hashes[0] != (hash{"SHA-256", strings.Repeat("4b", 32)}) {
		t.Errorf("got %+v", b.Metadata)
	}
	if diff := cmp.Diff([]licenceChoice{{"Apache-2.0"}}, m.Licences); diff != "" {
		t.Error(diff)
	}
	wantFiles := []component{
		{Type: "file", Ref: "file-1", Name: "MLmodel", Hashes: []hash{{"SHA-256", strings.Repeat("07", 32)}}, Properties: []property{{"slipway:size", "812"}}},
		{Type: "file", Ref: "file-2", Name: "model.ubj", Hashes: []hash{{"SHA-256", strings.Repeat("9c", 32)}}, Properties: []property{{"slipway:size", "18874368"}}},
	}
	if diff := cmp.Diff(wantFiles, m.Components); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantData := component{
		Type: "data", Ref: "dataset-1", Name: "transactions-oct", Licences: []licenceChoice{{"LicenseRef-Internal"}},
		Data: []componentData{{Type: "dataset", Name: "transactions-oct", Contents: &contents{"s3://acme/tx/7"}, SensitiveData: []string{"location"}, Description: "One month."}},
		Properties: []property{
			{"slipway:digest", "9e9e"}, {"slipway:use", "training"}, {"slipway:personal_data", "yes"}, {"slipway:cut_off", "2026-10-31"}, {"slipway:origin", "measured"},
		},
	}
	if diff := cmp.Diff(wantData, b.Components[0]); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	wantMetrics := []performance{{Type: "val_auc", Value: "0.9412"}, {Type: "val_auc", Value: "0.9", Slice: "new merchants", Interval: &confidence{"0.88", "0.92"}}, {Type: "recall", Value: "0.684"}}
	if diff := cmp.Diff(wantMetrics, m.ModelCard.Analysis.Metrics); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]property{{"slipway:metric:1:name", "val_auc"}, {"slipway:metric:1:origin", "measured"}}, m.ModelCard.Properties[:2]); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	wantEnergy := []energyUse{{Activity: "fine-tuning", Providers: []struct{}{}, Energy: measure{12.5, "kWh"}, CO2: &measure{0.0031, "tCO2eq"}}}
	if diff := cmp.Diff(wantEnergy, m.ModelCard.Considerations.Environment.Energy); diff != "" {
		t.Errorf("energy (-want +got):\n%s", diff)
	}
	if bytes.Contains(text, []byte("data-science")) {
		t.Error("names the trainer")
	}
	if diff := cmp.Diff([]string{"dataset-1", "dataset-2", "library"}, b.Dependencies[0].On); diff != "" {
		t.Error(diff)
	}
}

func TestPoints(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a\nb", []string{"a\nb"}},
		{"- a\n- b", []string{"a", "b"}},
		{"* a\n\n* b ", []string{"a", "b"}},
		{"Not:\n- a", []string{"Not:\n- a"}},
		{"- a\n  more", []string{"- a\n  more"}},
	} {
		if diff := cmp.Diff(c.want, points(c.in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org/a b": "https://example.org/a%20b", "s3://acme/tx": "s3://acme/tx", "": "", "table": "", "C:\\data": "", "git@github.com:a/b": "",
		"ssh://git@example.org/a": "ssh://git@example.org/a", "mailto:a@b": "", "/a": "", "https://": "", "http://[::1": "", "//example.org/a": "",
	} {
		if got := address(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
