package card

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// bomSpace is the name space of our serial numbers (RFC 9562 §5.5).
var bomSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/slipway-ml/slipway/bom"))

// BOM is the bill of materials of a version in CycloneDX 1.6 (JSON): the model with its card, c with the facts f in it, its
// files and their hashes, base models, library and data. What the standard has no place for are properties that begin
// with "slipway:". at is when the bill is made. The serial number follows from the digests of version and card, so the
// same version with the same card gives the same bytes at the same time, and another card another bill. Trainer and
// contacts' roles are not in it. It fails for numbers that are not finite and text that is not UTF-8.
func BOM(c Card, f Facts, at time.Time) ([]byte, error) {
	c = Fill(c, f)
	digest, err := c.Digest()
	if err != nil {
		return nil, err
	}
	model, parts := c.component(f), c.parts()
	model.Properties = properties("card_digest", digest, "card_status", string(c.Status), "kind", string(c.Kind), "risk_class", string(c.RiskClass),
		"review_date", c.ReviewDate, "run", c.Source.Run, "licence_code", c.Licence.Code, "licence_data", c.Licence.Data)
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		SerialNumber: uuid.NewSHA1(bomSpace, []byte(f.Digest+"\n"+digest)).URN(),
		Metadata: metadata{
			Timestamp: at.UTC().Format(time.RFC3339), Component: model,
			Tools: toolChoice{[]component{{Type: "application", Name: "Slipway"}}},
		},
		Components: parts, Dependencies: []dependency{{Ref: model.Ref}},
	}
	for _, part := range parts {
		b.Dependencies[0].On = append(b.Dependencies[0].On, part.Ref)
		b.Dependencies = append(b.Dependencies, dependency{Ref: part.Ref})
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(b)
	return out.Bytes(), err
}

// component is the model itself, with its files.
func (c Card) component(f Facts) component {
	model := component{
		Type: "machine-learning-model", Ref: "model", Name: cmp.Or(c.Name, unnamed), Version: c.Version, Description: c.Summary, Hashes: sha256(f.Digest),
		Licences: licensed(c.Licence.Weights), Tags: c.Tags, ModelCard: c.modelCard(), Pedigree: c.pedigree(),
	}
	if c.Owner != "" {
		model.Manufacturer = &organization{c.Owner}
	}
	for _, v := range c.Contacts {
		if p := (person{v.Name, v.Email}); p != (person{}) {
			model.Authors = append(model.Authors, p)
		}
	}
	if u := address(c.Source.Repository); u != "" {
		model.References = append(model.References, reference{u, "vcs"})
	}
	if u := address(c.Licence.URL); u != "" {
		model.References = append(model.References, reference{u, "license"})
	}
	files := slices.Clone(f.Files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i, file := range files {
		model.Components = append(model.Components, component{
			Type: "file", Ref: fmt.Sprintf("file-%d", i+1), Name: file.Path, Hashes: sha256(file.SHA256), Properties: properties("size", strconv.FormatInt(file.Size, 10)),
		})
	}
	return model
}

// pedigree is what the model was made from.
func (c Card) pedigree() *pedigree {
	p := pedigree{Notes: string(c.Relation)}
	for i, base := range c.BaseModels {
		ancestor := component{Type: "machine-learning-model", Ref: fmt.Sprintf("base-%d", i+1), Name: base.Name, Version: base.Version, Hashes: sha256(base.Digest)}
		ancestor.Properties = properties("origin", string(base.Origin), "digest", unhashed(base.Digest))
		p.Ancestors = append(p.Ancestors, ancestor)
	}
	if c.Source.Commit != "" {
		p.Commits = []commit{{c.Source.Commit}}
	}
	return some(p)
}

// parts are what the model depends on: its data and its library.
func (c Card) parts() []component {
	var parts []component
	for i, d := range c.Datasets {
		data := componentData{Type: "dataset", Name: d.Name, SensitiveData: d.SensitiveData, Description: d.Description}
		source := d.Source
		if u := address(source); u != "" {
			data.Contents, source = &contents{u}, ""
		}
		parts = append(parts, component{
			Type: "data", Ref: datasetRefs(i), Name: d.Name, Hashes: sha256(d.Digest), Licences: licensed(d.Licence), Data: []componentData{data},
			Properties: properties("digest", unhashed(d.Digest), "source", source, "use", string(d.Use), "personal_data", string(d.PersonalData),
				"cut_off", d.CutOff, "origin", string(d.Origin)),
		})
	}
	if c.Library.Name != "" {
		parts = append(parts, component{
			Type: "framework", Ref: "library", Name: c.Library.Name, Version: c.Library.Version, Properties: properties("origin", string(c.Library.Origin)),
		})
	}
	return parts
}

func datasetRefs(i int) string { return fmt.Sprintf("dataset-%d", i+1) }

func (c Card) modelCard() *modelCard {
	parameters := modelParameters{Task: c.Task, Architecture: c.Architecture, Inputs: formats(c.Inputs), Outputs: formats(c.Outputs)}
	for i := range c.Datasets {
		parameters.Datasets = append(parameters.Datasets, datasetRef{datasetRefs(i)})
	}
	card := modelCard{Parameters: some(parameters), Considerations: c.considerations()}
	if len(c.Metrics) > 0 {
		card.Analysis = &analysis{}
	}
	for i, m := range c.Metrics {
		p := performance{Type: m.Name, Value: number(m.Value), Slice: m.Slice}
		if m.Interval != nil {
			p.Interval = &confidence{number(m.Interval.Low), number(m.Interval.High)}
		}
		card.Analysis.Metrics = append(card.Analysis.Metrics, p)
		at := fmt.Sprintf("metric:%d:", i+1) // names may repeat, by slice and data
		card.Properties = append(card.Properties, properties(at+"name", m.Name, at+"origin", string(m.Origin), at+"dataset", m.Dataset,
			at+"dataset_digest", m.DatasetDigest, at+"n", count(m.N))...)
	}
	for _, p := range c.Parameters {
		card.Properties = append(card.Properties, property{"slipway:parameter:" + p.Name, p.Value})
	}
	for _, t := range c.texts() {
		switch t.name {
		case "summary", "users", "intended_use", "limitations", "tradeoffs": // have a place
		default:
			card.Properties = append(card.Properties, properties(t.name, *t.at)...)
		}
	}
	for _, language := range c.Languages {
		card.Properties = append(card.Properties, property{"slipway:language", language})
	}
	return some(card)
}

func (c Card) considerations() *considerations {
	all := considerations{Users: points(c.Users), UseCases: points(c.IntendedUse), Limitations: points(c.Limitations), Tradeoffs: points(c.Tradeoffs)}
	for _, v := range c.Ethics {
		all.Ethics = append(all.Ethics, ethicalRisk(v))
	}
	for _, v := range c.Fairness {
		all.Fairness = append(all.Fairness, fairness(v))
	}
	e := c.Environment
	environment := environmental{Properties: properties("hours", amount(e.Hours), "hardware", e.Hardware, "region", e.Region, "source", e.Source)}
	if e.EnergyKWh > 0 {
		use := energyUse{Activity: "training", Providers: []struct{}{}, Energy: measure{e.EnergyKWh, "kWh"}}
		if c.Relation == Finetune || c.Relation == Adapter {
			use.Activity = "fine-tuning"
		}
		if e.CO2eKg > 0 {
			use.CO2 = &measure{e.CO2eKg / 1000, "tCO2eq"}
		}
		environment.Energy = []energyUse{use}
	} else { // the standard has emissions only beside energy
		environment.Properties = append(environment.Properties, properties("co2e_kg", amount(e.CO2eKg))...)
	}
	all.Environment = some(environment)
	return some(all)
}

// some is a pointer to v, nil if v says nothing.
func some[T any](v T) *T {
	if reflect.ValueOf(v).IsZero() {
		return nil
	}
	return &v
}

// properties are our own names and their values, those that say something.
func properties(pairs ...string) []property {
	var out []property
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, property{"slipway:" + pairs[i], pairs[i+1]})
		}
	}
	return out
}

func licensed(expression string) []licenceChoice {
	if expression == "" {
		return nil
	}
	return []licenceChoice{{expression}}
}

var sha256Digits = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// sha256 is a digest as a hash, none for what is no SHA-256.
func sha256(digest string) []hash {
	if !sha256Digits.MatchString(digest) {
		return nil
	}
	return []hash{{"SHA-256", digest}}
}

// unhashed is a digest that sha256 has no hash for.
func unhashed(digest string) string {
	if sha256Digits.MatchString(digest) {
		return ""
	}
	return digest
}

// address is s as an absolute URL, "" if it is none.
func address(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return u.String()
}

// formats are inputs or outputs in a few words each.
func formats(ports []Port) []format {
	var out []format
	for _, p := range ports {
		what := strings.TrimSpace(p.Type + " " + p.Shape)
		if p.Name != "" {
			what = strings.TrimSuffix(p.Name+": "+what, ": ")
		}
		if p.Optional {
			what += " (optional)"
		}
		out = append(out, format{what})
	}
	return out
}

// points are the points of a Markdown list, or the text as one.
func points(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		point, ok := strings.CutPrefix(line, "- ")
		if !ok {
			if point, ok = strings.CutPrefix(line, "* "); !ok && strings.TrimSpace(line) != "" {
				return []string{text}
			}
		}
		if ok {
			out = append(out, strings.TrimSpace(point))
		}
	}
	return out
}
