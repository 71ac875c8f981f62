package catalogsource

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// devCost is what models.dev says of prices: US dollars for a million tokens.
type devCost struct {
	Input       *number `json:"input"`
	Output      *number `json:"output"`
	Reasoning   *number `json:"reasoning"`
	CacheRead   *number `json:"cache_read"`
	CacheWrite  *number `json:"cache_write"`
	AudioInput  *number `json:"input_audio"`
	AudioOutput *number `json:"output_audio"`
}

func (p *prices) addDev(c devCost, over int64) {
	for kind, dollars := range map[string]*number{
		"input": c.Input, "output": c.Output, "reasoning": c.Reasoning, "cache_read": c.CacheRead, "cache_write": c.CacheWrite, "audio_input": c.AudioInput, "audio_output": c.AudioOutput,
	} {
		p.add(catalog.Price{Kind: kind, Over: over}, dollars, each1M)
	}
}

// parseModelsDev reads api.json of models.dev: providers by name, with their models by name.
func parseModelsDev(text []byte) (out []catalog.Offer, err error) {
	if err := check(text); err != nil {
		return nil, err
	}
	var providers map[string]struct {
		Doc    string                     `json:"doc"`
		Models map[string]json.RawMessage `json:"models"`
	}
	if err := decode(text, &providers); err != nil {
		return nil, err
	}
	type model struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Family     string `json:"family"`
		Reasoning  *bool  `json:"reasoning"`
		Tools      *bool  `json:"tool_call"`
		Structured *bool  `json:"structured_output"`
		Cutoff     string `json:"knowledge"`
		Released   string `json:"release_date"`
		Modalities struct {
			Input  []string `json:"input"`
			Output []string `json:"output"`
		} `json:"modalities"`
		OpenWeights *bool `json:"open_weights"`
		Limit       struct {
			Context float64 `json:"context"`
			Input   float64 `json:"input"`
			Output  float64 `json:"output"`
		} `json:"limit"`
		Cost struct {
			devCost

			Over200k devCost `json:"context_over_200k"`
			Tiers    []struct {
				devCost

				Tier struct {
					Type string  `json:"type"`
					Size float64 `json:"size"`
				} `json:"tier"`
			} `json:"tiers"`
		} `json:"cost"`
		Status string `json:"status"`
	}
	taken := map[catalog.Key]bool{}
	for _, by := range slices.Sorted(maps.Keys(providers)) {
		p := providers[by]
		names := slices.Sorted(maps.Keys(p.Models))
		all := make([]json.RawMessage, len(names))
		for i, name := range names {
			all[i] = p.Models[name]
		}
		err := each(all, func(m model, raw json.RawMessage) error {
			f := catalog.Facts{
				Name: m.Name, Family: m.Family, Inputs: m.Modalities.Input, Outputs: m.Modalities.Output, OpenWeights: m.OpenWeights, Cutoff: m.Cutoff, Released: full(m.Released),
				Context: count(m.Limit.Context), MaxInput: count(m.Limit.Input), MaxOutput: count(m.Limit.Output),
				Capabilities: capabilities(map[string]*bool{"tools": m.Tools, "json_schema": m.Structured, "reasoning": m.Reasoning, "vision": sees(m.Modalities.Input)}),
				Links:        links(map[string]string{"documentation": p.Doc}),
			}
			switch m.Status {
			case "alpha", "beta":
				f.Status = "preview"
			case "deprecated":
				f.Status = m.Status
			}
			if len(f.Outputs) > 0 {
				f.Mode = "chat"
				if !slices.Contains(f.Outputs, "text") && slices.Contains(catalog.Modes, f.Outputs[0]) {
					f.Mode = f.Outputs[0]
				}
			}
			var costs prices
			costs.addDev(m.Cost.devCost, 0)
			for _, t := range m.Cost.Tiers {
				if t.Tier.Type == "context" {
					costs.addDev(t.devCost, count(t.Tier.Size))
				}
			}
			costs.addDev(m.Cost.Over200k, 200_000)
			f.Prices = costs
			k := catalog.Key{Provider: provider(by), ID: m.ID}
			if taken[k] { // two services of one provider
				k.ID = by + "/" + k.ID
			}
			taken[k] = true
			out = append(out, catalog.Offer{Key: k, Facts: f, Raw: raw})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// full is a day of which sources may say the month or the year alone: then it is not known.
func full(at string) string {
	if len(at) == len("2006-01") || len(at) == len("2006") {
		return ""
	}
	return at
}
