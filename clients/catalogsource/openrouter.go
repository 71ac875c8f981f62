package catalogsource

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// openRouter asks OpenRouter, or who speaks like it, for all its pages.
func (r Reader) openRouter(ctx context.Context, q Request) (Result, error) {
	next := ""
	out, err := r.one(ctx, q, func(text []byte) (offers []catalog.Offer, err error) {
		offers, next, err = parseOpenRouter(text)
		return offers, err
	})
	if err != nil || next == "" {
		return out, err
	}
	more, err := r.pages(ctx, q, q.Address, next, func(_ http.Header, text []byte) ([]catalog.Offer, string, error) { return parseOpenRouter(text) })
	return Result{Offers: append(out.Offers, more...)}, err // what the first page is called says nothing of the others
}

// parseOpenRouter reads the answer of OpenRouter to GET /api/v1/models, and where the next page is. Prices are US dollars
// for each token, as text; -1 says that it depends on the model that a router chooses.
func parseOpenRouter(text []byte) (out []catalog.Offer, next string, err error) {
	if err := check(text); err != nil {
		return nil, "", err
	}
	var list struct {
		Data  []json.RawMessage `json:"data"`
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	}
	if err := decode(text, &list); err != nil {
		return nil, "", err
	}
	type model struct {
		ID           string  `json:"id"`
		Name         string  `json:"name"`
		Created      float64 `json:"created"`
		Context      float64 `json:"context_length"`
		HuggingFace  string  `json:"hugging_face_id"`
		Cutoff       string  `json:"knowledge_cutoff"`
		Expires      string  `json:"expiration_date"`
		Architecture struct {
			Inputs  []string `json:"input_modalities"`
			Outputs []string `json:"output_modalities"`
		} `json:"architecture"`
		Pricing map[string]json.RawMessage `json:"pricing"`
		Top     struct {
			Context   float64 `json:"context_length"`
			MaxOutput float64 `json:"max_completion_tokens"`
		} `json:"top_provider"`
		Parameters []string `json:"supported_parameters"`
	}
	err = each(list.Data, func(m model, raw json.RawMessage) error {
		f := catalog.Facts{
			Name: m.Name, Context: count(cmp.Or(m.Context, m.Top.Context)), MaxOutput: count(m.Top.MaxOutput), Inputs: routed(m.Architecture.Inputs), Outputs: routed(m.Architecture.Outputs),
			Cutoff: m.Cutoff, Deprecated: day(m.Expires), Mode: "chat", Links: map[string]string{"openrouter": "https://openrouter.ai/" + m.ID},
			Capabilities: capabilities(map[string]*bool{"vision": sees(m.Architecture.Inputs)}),
		}
		switch {
		case len(f.Outputs) == 0 || slices.Contains(f.Outputs, "text"):
		case slices.Contains(m.Architecture.Outputs, "embeddings"):
			f.Mode = "embedding"
		case slices.Contains(catalog.Modes, f.Outputs[0]):
			f.Mode = f.Outputs[0]
		}
		if m.Created > 0 {
			f.Released = time.Unix(count(m.Created), 0).UTC().Format(time.DateOnly)
		}
		if m.HuggingFace != "" {
			f.Links["weights"] = "https://huggingface.co/" + m.HuggingFace
		}
		f.Links = links(f.Links)
		if m.Parameters != nil {
			has := func(names ...string) *bool {
				yes := slices.ContainsFunc(names, func(n string) bool { return slices.Contains(m.Parameters, n) })
				return &yes
			}
			f.Capabilities = capabilities(map[string]*bool{"tools": has("tools"), "json_schema": has("structured_outputs"), "reasoning": has("reasoning", "include_reasoning"), "vision": sees(m.Architecture.Inputs)})
		}
		var p prices
		for name, price := range map[string]catalog.Price{
			"prompt": {Kind: "input"}, "completion": {Kind: "output"}, "request": {Kind: "input", Unit: "request"}, "image": {Kind: "input", Unit: "image"}, "internal_reasoning": {Kind: "reasoning"},
			"input_cache_read": {Kind: "cache_read"}, "input_cache_write": {Kind: "cache_write"}, "audio": {Kind: "audio_input"},
		} {
			var dollars *number
			if raw := m.Pricing[name]; raw != nil {
				if err := decode(raw, &dollars); err != nil {
					return err
				}
			}
			if dollars == nil || *dollars == -1 || *dollars == 0 && price.Kind != "input" && price.Kind != "output" || *dollars == 0 && price.Unit != "" {
				continue // zero beside the first two says that nothing is asked for it, or that there is no such thing
			}
			p.add(price, dollars, each1)
		}
		f.Prices = p
		out = append(out, catalog.Offer{Key: catalog.Key{Provider: "openrouter", ID: m.ID}, Facts: f, Raw: raw})
		return nil
	})
	return out, list.Links.Next, err
}

// routed are modalities as OpenRouter calls them.
func routed(all []string) (out []string) {
	for _, m := range all {
		if m == "file" {
			m = "pdf"
		}
		out = append(out, m)
	}
	return out
}
