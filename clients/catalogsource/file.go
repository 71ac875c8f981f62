package catalogsource

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// ownModel is a model in a file of one's own; docs/catalog-source.example.yaml says what each field means.
type ownModel struct {
	Provider     string            `yaml:"provider"     json:"provider"`
	ID           string            `yaml:"id"           json:"id"`
	Name         string            `yaml:"name"         json:"name,omitempty"`
	Family       string            `yaml:"family"       json:"family,omitempty"`
	Mode         string            `yaml:"mode"         json:"mode,omitempty"`
	Inputs       []string          `yaml:"inputs"       json:"inputs,omitempty"`
	Outputs      []string          `yaml:"outputs"      json:"outputs,omitempty"`
	Context      int64             `yaml:"context"      json:"context,omitempty"`
	MaxInput     int64             `yaml:"max_input"    json:"max_input,omitempty"`
	MaxOutput    int64             `yaml:"max_output"   json:"max_output,omitempty"`
	Prices       []ownPrice        `yaml:"prices"       json:"prices,omitempty"`
	Licence      string            `yaml:"licence"      json:"licence,omitempty"`
	OpenWeights  *bool             `yaml:"open_weights" json:"open_weights,omitempty"`
	Parameters   int64             `yaml:"parameters"   json:"parameters,omitempty"`
	Quantization string            `yaml:"quantization" json:"quantization,omitempty"`
	Capabilities map[string]bool   `yaml:"capabilities" json:"capabilities,omitempty"`
	Regions      []string          `yaml:"regions"      json:"regions,omitempty"`
	Cutoff       string            `yaml:"cutoff"       json:"cutoff,omitempty"`
	Released     string            `yaml:"released"     json:"released,omitempty"`
	Deprecated   string            `yaml:"deprecated"   json:"deprecated,omitempty"`
	Replacement  string            `yaml:"replacement"  json:"replacement,omitempty"`
	Status       string            `yaml:"status"       json:"status,omitempty"`
	Benchmarks   []ownBenchmark    `yaml:"benchmarks"   json:"benchmarks,omitempty"`
	Links        map[string]string `yaml:"links"        json:"links,omitempty"`
}

type ownPrice struct {
	Kind string  `yaml:"kind" json:"kind"`
	USD  float64 `yaml:"usd"  json:"usd"`
	Per  string  `yaml:"per"  json:"per,omitempty"`
	Tier string  `yaml:"tier" json:"tier,omitempty"`
	Over int64   `yaml:"over" json:"over,omitempty"`
}

type ownBenchmark struct {
	Name   string  `yaml:"name"   json:"name"`
	Metric string  `yaml:"metric" json:"metric,omitempty"`
	Score  float64 `yaml:"score"  json:"score"`
	Source string  `yaml:"source" json:"source,omitempty"`
	Date   string  `yaml:"date"   json:"date,omitempty"`
}

// perTokens are the units of prices in a file that are tokens: which number of them.
var perTokens = map[string]float64{"": each1M, "1M tokens": each1M, "1K tokens": 1e3, "token": each1}

// parseFile reads a file of one's own. A field that is not known is a mistake: what it was to say would be lost in silence.
func parseFile(text []byte) ([]catalog.Offer, error) {
	const most = 8 << 20
	if len(text) > most {
		return nil, domain.Fail(domain.TooLarge, "catalog_source.file_large", "the file %s is longer than %d bytes", "YAML", most)
	}
	if err := something(text); err != nil {
		return nil, err
	}
	var file struct {
		Models []ownModel `yaml:"models"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(&file)
	if errors.Is(err, io.EOF) {
		return nil, domain.Fail(domain.Invalid, "catalog_source.nothing", "the answer is empty")
	}
	if err == nil && !errors.Is(d.Decode(new(any)), io.EOF) {
		err = errTrailing
	}
	if err != nil {
		why := yamlProblem(err)
		return nil, &domain.Error{Kind: domain.Invalid, Key: "catalog_source.yaml", Msg: "the file cannot be read: " + why, Args: []any{why}, Err: err}
	}
	var out []catalog.Offer
	for _, m := range file.Models {
		if spdx, err := card.ParseLicence(m.Licence); err == nil {
			m.Licence = spdx
		}
		f := catalog.Facts{
			Name: m.Name, Family: m.Family, Mode: m.Mode, Inputs: m.Inputs, Outputs: m.Outputs, Context: m.Context, MaxInput: m.MaxInput, MaxOutput: m.MaxOutput, Licence: m.Licence,
			OpenWeights: m.OpenWeights, Parameters: m.Parameters, Quantization: m.Quantization, Capabilities: m.Capabilities, Regions: m.Regions, Cutoff: m.Cutoff, Released: m.Released,
			Deprecated: m.Deprecated, Replacement: m.Replacement, Status: m.Status, Links: m.Links,
		}
		var p prices
		for _, o := range m.Prices {
			price, per := catalog.Price{Kind: o.Kind, Tier: o.Tier, Over: o.Over}, float64(each1)
			if n, tokens := perTokens[o.Per]; tokens {
				per = n
			} else {
				price.Unit = o.Per
			}
			p.add(price, (*number)(&o.USD), per)
		}
		f.Prices = p
		for _, b := range m.Benchmarks {
			f.Benchmarks = append(f.Benchmarks, catalog.Benchmark(b))
		}
		raw, err := json.Marshal(m)
		if err != nil { // .nan or .inf, which catalog.CleanAll refuses by the model's name
			raw = nil
		}
		out = append(out, catalog.Offer{Key: catalog.Key{Provider: provider(m.Provider), ID: m.ID}, Facts: f, Raw: raw})
	}
	return out, nil
}

var yamlField = regexp.MustCompile(`^(line \d+: field .*) not found in type .*`)

// yamlProblem is the first thing that is wrong with a file, with its line.
func yamlProblem(err error) string {
	why := strings.TrimPrefix(err.Error(), "yaml: ")
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) && len(wrong.Errors) > 0 {
		why = wrong.Errors[0]
	}
	if m := yamlField.FindStringSubmatch(why); m != nil {
		why = m[1] + " is not known"
	}
	return cmp.Or(domain.Short(strings.Join(strings.Fields(strings.ToValidUTF8(why, "?")), " ")), "?")
}
