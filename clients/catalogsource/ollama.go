package catalogsource

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// ollama asks a server of Ollama which models it has, and then for each of them what it can do.
func (r Reader) ollama(ctx context.Context, q Request) ([]catalog.Offer, error) {
	const (
		most   = 500
		atOnce = 4
	)
	address, err := under(q.Address, "/api/tags", "/api/tags", "/api", "/v1")
	if err != nil {
		return nil, err
	}
	_, body, err := r.get(ctx, q, address, nil)
	if err != nil {
		return nil, err
	}
	offers, err := parseOllamaTags(body)
	if err != nil {
		return nil, err
	}
	if len(offers) > most {
		return nil, domain.Fail(domain.TooLarge, "catalog.many", "the source offers %d models, the limit is %d", len(offers), most)
	}
	if address, err = under(q.Address, "/api/show", "/api/tags", "/api", "/v1"); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range offers {
		group.Go(func() error {
			asked, err := json.Marshal(map[string]string{"model": offers[i].ID})
			if err != nil {
				return err
			}
			a, err := r.HTTP.Do(ctx, http.MethodPost, address, authorized(http.Header{"Content-Type": {"application/json"}}, q.Key), func() (io.Reader, error) { return bytes.NewReader(asked), nil })
			if err != nil {
				return err
			}
			defer a.Body.Close()
			if a.Status != http.StatusOK {
				return status(a, q.Key != "")
			}
			answer, err := io.ReadAll(a.Body)
			if err != nil {
				return err
			}
			return parseOllamaShow(answer, &offers[i])
		})
	}
	return offers, group.Wait()
}

// parseOllamaTags reads the answer to GET /api/tags.
func parseOllamaTags(text []byte) (out []catalog.Offer, err error) {
	if err := check(text); err != nil {
		return nil, err
	}
	var list struct {
		Models []json.RawMessage `json:"models"`
	}
	if err := decode(text, &list); err != nil {
		return nil, err
	}
	type model struct {
		Name    string `json:"name"`
		Details struct {
			Family       string `json:"family"`
			Size         string `json:"parameter_size"`
			Quantization string `json:"quantization_level"`
		} `json:"details"`
	}
	yes := true
	err = each(list.Models, func(m model, raw json.RawMessage) error {
		f := catalog.Facts{Family: m.Details.Family, Quantization: m.Details.Quantization, Parameters: size(m.Details.Size), OpenWeights: &yes}
		out = append(out, catalog.Offer{Key: catalog.Key{Provider: "ollama", ID: m.Name}, Facts: f, Raw: raw})
		return nil
	})
	return out, err
}

var sizes = map[byte]float64{'K': 1e3, 'M': 1e6, 'B': 1e9, 'T': 1e12}

// size is a number of parameters such as 8.0B, 0 where it cannot be read.
func size(s string) int64 {
	if s == "" {
		return 0
	}
	unit, ok := sizes[s[len(s)-1]]
	x, err := strconv.ParseFloat(s[:len(s)-1], 64)
	if !ok || err != nil {
		return 0
	}
	return count(x * unit)
}

// parseOllamaShow adds what the answer to POST /api/show says to a model.
func parseOllamaShow(text []byte, o *catalog.Offer) error {
	if err := check(text); err != nil {
		return err
	}
	var m struct {
		Licence      string                     `json:"license"`
		Info         map[string]json.RawMessage `json:"model_info"`
		Capabilities []string                   `json:"capabilities"`
	}
	if err := decode(text, &m); err != nil {
		return err
	}
	o.Licence = licence(m.Licence)
	var architecture string
	var parameters, length float64
	for name, to := range map[string]any{"general.architecture": &architecture, "general.parameter_count": &parameters} {
		if raw := m.Info[name]; raw != nil {
			if err := decode(raw, to); err != nil {
				return err
			}
		}
	}
	if raw := m.Info[architecture+".context_length"]; raw != nil { // the name says which architecture it is
		if err := decode(raw, &length); err != nil {
			return err
		}
	}
	o.Context = count(length)
	if n := count(parameters); n != 0 {
		o.Parameters = n
	}
	if m.Capabilities == nil { // servers before 0.6.4 do not tell
		return nil
	}
	can := func(what string) bool { return slices.Contains(m.Capabilities, what) }
	switch {
	case can("completion"):
		tools, vision, thinking := can("tools"), can("vision"), can("thinking")
		o.Mode, o.Inputs, o.Outputs = "chat", []string{"text"}, []string{"text"}
		if vision {
			o.Inputs = append(o.Inputs, "image")
		}
		o.Capabilities = capabilities(map[string]*bool{"tools": &tools, "vision": &vision, "reasoning": &thinking})
	case can("embedding"):
		o.Mode, o.Inputs = "embedding", []string{"text"}
	}
	return nil
}

// licences are how the texts of licences begin that models have most. Another is not known: its text names nobody's rules.
var licences = []struct {
	begins *regexp.Regexp
	name   string
}{
	{regexp.MustCompile(`(?i)^\W*(the )?MIT license`), "MIT"},
	{regexp.MustCompile(`(?i)^\W*apache license\W+version 2\.0`), "Apache-2.0"},
	{regexp.MustCompile(`(?i)^\W*llama (\d(?:\.\d)?) community license`), "LicenseRef-llama$1"},
	{regexp.MustCompile(`(?i)^\W*gemma terms of use`), "LicenseRef-gemma"},
}

// licence finds out which licence a text is.
func licence(text string) string {
	for _, l := range licences {
		if m := l.begins.FindStringSubmatchIndex(text); m != nil {
			return string(l.begins.ExpandString(nil, l.name, text, m))
		}
	}
	return ""
}
