package catalogsource

import (
	"context"
	"encoding/json"

	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// openai asks an API that speaks like OpenAI's which models it serves. Those are the models of whoever runs it: the provider
// is the host, unless it is a well-known one. A proxy of LiteLLM says more of them elsewhere.
func (r Reader) openai(ctx context.Context, q Request) ([]catalog.Offer, error) {
	address, err := under(q.Address, "/v1/models", "/models", "/v1")
	if err != nil {
		return nil, err
	}
	u, err := httpx.Parse(address)
	if err != nil {
		return nil, err
	}
	_, body, err := r.get(ctx, q, address, nil)
	if err != nil {
		return nil, err
	}
	offers, err := parseOpenAI(body, host(u.Host))
	if err != nil || len(offers) == 0 {
		return nil, err
	}
	if address, err = under(q.Address, "/model/info", "/models", "/v1"); err != nil {
		return nil, err
	}
	_, body, err = r.get(ctx, q, address, nil)
	if gone(err) {
		return offers, nil
	}
	if err != nil {
		return nil, err
	}
	return parseModelInfo(body, offers)
}

// parseOpenAI reads the answer to GET /v1/models: names, and from some servers the first facts.
func parseOpenAI(text []byte, by string) ([]catalog.Offer, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := decode(text, &list); err != nil {
		return nil, err
	}
	type model struct {
		ID        string  `json:"id"`
		Mode      string  `json:"mode"`              // LiteLLM
		MaxInput  float64 `json:"max_input_tokens"`  // LiteLLM
		MaxOutput float64 `json:"max_output_tokens"` // LiteLLM
		Context   float64 `json:"max_model_len"`     // vLLM
	}
	var out []catalog.Offer
	err := each(list.Data, func(m model, raw json.RawMessage) error {
		f := catalog.Facts{Mode: liteModes[m.Mode], Context: count(m.Context), MaxInput: count(m.MaxInput), MaxOutput: count(m.MaxOutput)}
		out = append(out, catalog.Offer{Key: catalog.Key{Provider: by, ID: m.ID}, Facts: f, Raw: raw})
		return nil
	})
	return out, err
}

// parseModelInfo adds what a proxy of LiteLLM says in /model/info to the models it serves. A model may be served by several
// deployments; the first speaks for it.
func parseModelInfo(text []byte, offers []catalog.Offer) ([]catalog.Offer, error) {
	err := check(text)
	if e := domain.As(err); e != nil && e.Key == "catalog_source.html" { // a page for all addresses that it does not know
		return offers, nil
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := decode(text, &list); err != nil {
		return nil, err
	}
	at := make(map[string]int, len(offers))
	for i, o := range offers {
		at[o.ID] = i
	}
	type deployment struct {
		Name string          `json:"model_name"`
		Info json.RawMessage `json:"model_info"`
	}
	err = each(list.Data, func(d deployment, _ json.RawMessage) error {
		i, ok := at[d.Name]
		if !ok || d.Info == nil {
			return nil
		}
		delete(at, d.Name)
		var m liteModel
		if err := decode(d.Info, &m); err != nil {
			return err
		}
		var fields map[string]json.RawMessage
		if err := decode(d.Info, &fields); err != nil {
			return err
		}
		facts, err := m.facts(fields)
		if err != nil {
			return err
		}
		if facts.Mode == "" {
			facts.Mode = offers[i].Mode
		}
		offers[i].Facts = facts
		offers[i].Raw = d.Info // litellm_params beside it may hold what is nobody's business
		return nil
	})
	return offers, err
}
