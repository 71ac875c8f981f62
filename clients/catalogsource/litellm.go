package catalogsource

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// liteModel is what the price map of LiteLLM, and the proxy of LiteLLM in /model/info, says of a model.
type liteModel struct {
	AliasOf    string   `json:"alias_of"`
	Provider   string   `json:"litellm_provider"`
	Mode       string   `json:"mode"`
	MaxInput   float64  `json:"max_input_tokens"`
	MaxOutput  float64  `json:"max_output_tokens"`
	Inputs     []string `json:"supported_modalities"`
	Outputs    []string `json:"supported_output_modalities"`
	Regions    []string `json:"supported_regions"`
	Deprecated string   `json:"deprecation_date"`
	Successor  string   `json:"successor_model"`
	Source     string   `json:"source"`

	Tools       *bool `json:"supports_function_calling"`
	JSONSchema  *bool `json:"supports_response_schema"`
	Vision      *bool `json:"supports_vision"`
	Reasoning   *bool `json:"supports_reasoning"`
	Streaming   *bool `json:"supports_native_streaming"`
	Caching     *bool `json:"supports_prompt_caching"`
	WebSearch   *bool `json:"supports_web_search"`
	ComputerUse *bool `json:"supports_computer_use"`
	PDF         *bool `json:"supports_pdf_input"`
	AudioIn     *bool `json:"supports_audio_input"`
	AudioOut    *bool `json:"supports_audio_output"`
	VideoIn     *bool `json:"supports_video_input"`

	Tiers []map[string]json.RawMessage `json:"tiered_pricing"`
}

// liteModes are the words of LiteLLM for what models are for.
var liteModes = map[string]string{
	"chat": "chat", "completion": "chat", "responses": "chat", "realtime": "chat", "embedding": "embedding", "rerank": "rerank", "moderation": "moderation", "guardrail": "moderation",
	"image_generation": "image", "image_edit": "image", "audio_transcription": "audio", "audio_speech": "audio", "video_generation": "video", "": "",
}

// litePrices are the names of prices, without tier and step.
var litePrices = map[string]catalog.Price{
	"input_cost_per_token":                      {Kind: "input"},
	"output_cost_per_token":                     {Kind: "output"},
	"cache_read_input_token_cost":               {Kind: "cache_read"},
	"input_cost_per_token_cache_hit":            {Kind: "cache_read"},
	"cache_creation_input_token_cost":           {Kind: "cache_write"},
	"cache_creation_input_token_cost_above_1hr": {Kind: "cache_write_1h"},
	"output_cost_per_reasoning_token":           {Kind: "reasoning"},
	"input_cost_per_audio_token":                {Kind: "audio_input"},
	"output_cost_per_audio_token":               {Kind: "audio_output"},
	"input_cost_per_image_token":                {Kind: "image_input"},
	"output_cost_per_image_token":               {Kind: "image_output"},
	"input_cost_per_image":                      {Kind: "input", Unit: "image"},
	"output_cost_per_image":                     {Kind: "output", Unit: "image"},
	"input_cost_per_second":                     {Kind: "input", Unit: "second"},
	"output_cost_per_second":                    {Kind: "output", Unit: "second"},
	"input_cost_per_audio_per_second":           {Kind: "audio_input", Unit: "second"},
	"output_cost_per_video_per_second":          {Kind: "output", Unit: "second"},
	"input_cost_per_character":                  {Kind: "input", Unit: "character"},
	"output_cost_per_character":                 {Kind: "output", Unit: "character"},
	"input_cost_per_pixel":                      {Kind: "input", Unit: "pixel"},
	"output_cost_per_pixel":                     {Kind: "output", Unit: "pixel"},
	"input_cost_per_query":                      {Kind: "input", Unit: "request"},
	"input_cost_per_request":                    {Kind: "input", Unit: "request"},
	"ocr_cost_per_page":                         {Kind: "input", Unit: "page"},
}

var (
	liteTiers = map[string]string{"_batches": "batch", "_priority": "priority", "_flex": "flex"}
	liteStep  = regexp.MustCompile(`_above_(\d{1,6})k_tokens$`)
)

// litePrice reads the name of a price.
func litePrice(name string) (catalog.Price, bool) {
	tier, over := "", int64(0)
	for end, t := range liteTiers {
		if rest, ok := strings.CutSuffix(name, end); ok {
			name, tier = rest, t
		}
	}
	if m := liteStep.FindStringSubmatch(name); m != nil {
		thousands, _ := strconv.ParseInt(m[1], 10, 64)
		name, over = strings.TrimSuffix(name, m[0]), thousands*1000
	}
	p, ok := litePrices[name]
	p.Tier, p.Over = tier, over
	return p, ok
}

// addLite notes the prices among the fields of a model, or of a range of prompts that begins over so many tokens.
func (p *prices) addLite(fields map[string]json.RawMessage, over int64) error {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names) // of two names for the same thing always the same one counts
	for _, name := range names {
		price, is := litePrice(name)
		if !is {
			continue
		}
		var dollars *number
		if err := decode(fields[name], &dollars); err != nil {
			return err
		}
		if over != 0 {
			price.Over = over
		}
		p.add(price, dollars, each1)
	}
	return nil
}

// facts are what m says; fields are all that was said.
func (m liteModel) facts(fields map[string]json.RawMessage) (f catalog.Facts, err error) {
	f = catalog.Facts{
		MaxInput: count(m.MaxInput), MaxOutput: count(m.MaxOutput), Deprecated: m.Deprecated, Regions: m.Regions, Links: links(map[string]string{"source": m.Source}),
		Capabilities: capabilities(map[string]*bool{
			"tools": m.Tools, "json_schema": m.JSONSchema, "vision": m.Vision, "reasoning": m.Reasoning, "streaming": m.Streaming, "caching": m.Caching, "web_search": m.WebSearch, "computer_use": m.ComputerUse,
		}),
	}
	known := false
	if f.Mode, known = liteModes[m.Mode]; !known {
		f.Mode = "other"
	}
	f.Inputs, f.Outputs = m.modalities(f.Mode)
	var p prices
	if err := p.addLite(fields, 0); err != nil {
		return f, err
	}
	for _, tier := range m.Tiers {
		var span []float64
		if tier["range"] != nil {
			if err := decode(tier["range"], &span); err != nil {
				return f, err
			}
		}
		if len(span) == 0 {
			continue // counted in something else than tokens of the prompt
		}
		if err := p.addLite(tier, count(span[0])); err != nil {
			return f, err
		}
	}
	f.Prices = p
	return f, nil
}

// modalities are what goes in and comes out. Most models leave out what follows from what they are for.
func (m liteModel) modalities(mode string) (in, out []string) {
	yes := func(b *bool) bool { return b != nil && *b }
	in, out = m.Inputs, m.Outputs
	if in == nil && mode == "chat" {
		in = []string{"text"}
		for what, can := range map[string]*bool{"image": m.Vision, "pdf": m.PDF, "audio": m.AudioIn, "video": m.VideoIn} {
			if yes(can) {
				in = append(in, what)
			}
		}
	} else if yes(m.PDF) {
		in = append(slices.Clone(in), "pdf")
	}
	if out == nil && mode == "chat" {
		out = []string{"text"}
		if yes(m.AudioOut) {
			out = append(out, "audio")
		}
	}
	if out == nil && (mode == "image" || mode == "video") {
		out = []string{mode}
	}
	return in, out
}

// sees is whether images go in, where it is known what does.
func sees(in []string) *bool {
	if in == nil {
		return nil
	}
	yes := slices.Contains(in, "image")
	return &yes
}

// capabilities are those of which something is known.
func capabilities(all map[string]*bool) map[string]bool {
	out := map[string]bool{}
	for name, can := range all {
		if can != nil {
			out[name] = *can
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// parseLiteLLM reads the price map of LiteLLM: an object of models by name, in which prices are US dollars for each token.
// It holds more than models: an example, rules for names, and second names for models (alias_of).
func parseLiteLLM(text []byte) ([]catalog.Offer, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := decode(text, &all); err != nil {
		return nil, err
	}
	delete(all, "sample_spec")
	models := make(map[string]liteModel, len(all))
	for name, raw := range all {
		var m liteModel
		if err := decode(raw, &m); err != nil {
			return nil, err
		}
		models[name] = m
	}
	type entry struct {
		catalog.Offer
		name, by string
	}
	var found []entry
	for name, m := range models {
		raw := all[name]
		for range 3 {
			if m.AliasOf == "" {
				break
			}
			raw, m = all[m.AliasOf], models[m.AliasOf]
		}
		if m.Provider == "" {
			continue
		}
		var fields map[string]json.RawMessage
		if err := decode(raw, &fields); err != nil {
			return nil, err
		}
		facts, err := m.facts(fields)
		if err != nil {
			return nil, err
		}
		o := catalog.Offer{Facts: facts, Raw: raw}
		var regions []string
		o.Key, regions = split(name, provider(m.Provider))
		o.Regions = append(regions, o.Regions...)
		if m.Successor != "" {
			by := cmp.Or(models[m.Successor].Provider, m.Provider)
			to, _ := split(m.Successor, provider(by))
			o.Replacement = to.String()
		}
		found = append(found, entry{o, name, m.Provider})
	}
	// Some services of one provider are providers of their own here, and some models stand here with and without their
	// provider's name. The first service has the plain id; another's keeps the service's name in it.
	slices.SortFunc(found, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(len(b.name)-len(b.ID), len(a.name)-len(a.ID)), cmp.Compare(a.name, b.name))
	})
	taken := map[catalog.Key]bool{}
	var out []catalog.Offer
	for _, e := range found {
		if taken[e.Key] {
			e.ID = e.name
		}
		if !taken[e.Key] {
			taken[e.Key] = true
			out = append(out, e.Offer)
		}
	}
	return out, nil
}
