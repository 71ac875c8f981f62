package catalogsource

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// parsers are all of them, by name, each as a function of one text.
var parsers = map[string]func([]byte) ([]catalog.Offer, error){
	"litellm": parseLiteLLM, "modelsdev": parseModelsDev, "huggingface": parseHuggingFace, "file": parseFile,
	"openrouter": func(text []byte) ([]catalog.Offer, error) { out, _, err := parseOpenRouter(text); return out, err },
	"openai":     func(text []byte) ([]catalog.Offer, error) { return parseOpenAI(text, "here") },
	"ollamatags": parseOllamaTags,
	"ollamashow": func(text []byte) ([]catalog.Offer, error) {
		o := catalog.Offer{Key: catalog.Key{Provider: "ollama", ID: "m"}}
		err := parseOllamaShow(text, &o)
		return []catalog.Offer{o}, err
	},
	"modelinfo": func(text []byte) ([]catalog.Offer, error) {
		return parseModelInfo(text, []catalog.Offer{{Key: catalog.Key{Provider: "here", ID: "gpt-4o"}}})
	},
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// clean parses a text and puts what it offers in order; Raw is left out.
func clean(t *testing.T, parser, text string) map[string]catalog.Facts {
	t.Helper()
	offers, err := parsers[parser]([]byte(text))
	if err == nil {
		offers, err = catalog.CleanAll(offers)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]catalog.Facts{}
	for _, o := range offers {
		if o.Raw != nil && !json.Valid(o.Raw) {
			t.Errorf("%s: what was said is kept as %q", o.Key, o.Raw)
		}
		out[o.String()] = o.Facts
	}
	return out
}

var yes, no = true, false

func TestLiteLLM(t *testing.T) {
	got := clean(t, "litellm", `{
	"sample_spec": {"max_input_tokens": "max input tokens, if the provider specifies it", "litellm_provider": "one of", "deprecation_date": "date when"},
	"fallback_generalizations": {"rules": [{"name": "x"}]},
	"acme/chat": {"litellm_provider": "acme", "mode": "chat", "max_tokens": 9, "max_input_tokens": 256000.0, "max_output_tokens": 8192, "supports_function_calling": true, "supports_vision": true,
		"supports_pdf_input": true, "supports_reasoning": false, "supports_telepathy": true, "input_cost_per_token": 2.5e-06, "output_cost_per_token": "1e-05", "input_cost_per_token_batches": 1.25e-06,
		"input_cost_per_token_priority": 5e-06, "input_cost_per_token_above_200k_tokens": 5e-06, "input_cost_per_token_above_200k_tokens_flex": 3e-06, "cache_read_input_token_cost": 2.5e-07,
		"cache_creation_input_token_cost": 3e-06, "cache_creation_input_token_cost_above_1hr": 6e-06, "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
		"output_cost_per_reasoning_token": 4e-06, "input_cost_per_audio_token": 1e-05, "output_cost_per_audio_token": 2e-05, "input_cost_per_image_token": 5e-06, "input_cost_per_query": null, "input_cost_per_token_cache_hit": 9e-07,
		"output_cost_per_second_1080p": 1, "search_context_cost_per_query": {"search_context_size_low": 0.01}, "deprecation_date": "2027-01-14", "successor_model": "acme/chat-2", "source": "https://acme.example/prices"},
	"acme/chat-2": {"litellm_provider": "acme", "mode": "responses", "supported_modalities": ["text", "smell"], "supported_output_modalities": ["text", "audio"], "supported_regions": ["eu-central"]},
	"chat-latest": {"alias_of": "acme/chat-2"},
	"lost": {"alias_of": "nowhere"}, "round": {"alias_of": "round"},
	"acme/spans": {"litellm_provider": "acme", "mode": "chat", "tiered_pricing": [
		{"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}, {"range": [32000.0, 128000], "input_cost_per_token": 2e-06}, {"max_results_range": [0, 5], "input_cost_per_query": 0.1}]},
	"draw": {"litellm_provider": "acme", "mode": "image_generation", "input_cost_per_image": 0.02, "output_cost_per_image": 0.04, "input_cost_per_pixel": 8.39233e-08},
	"read": {"litellm_provider": "acme", "mode": "ocr", "ocr_cost_per_page": 0.002}, "hear": {"litellm_provider": "acme", "mode": "audio_transcription", "input_cost_per_second": 0.0001},
	"say": {"litellm_provider": "acme", "mode": "audio_speech", "input_cost_per_character": 1.5e-05}, "film": {"litellm_provider": "acme", "mode": "video_generation", "output_cost_per_second": 0.1},
	"sort": {"litellm_provider": "acme", "mode": "rerank", "input_cost_per_query": 0.002}, "guard": {"litellm_provider": "acme", "mode": "moderation"}, "vec": {"litellm_provider": "acme", "mode": "embedding"}, "odd": {"litellm_provider": "acme", "mode": "juggling"}, "mute": {"litellm_provider": "acme"}
	}`)
	prices := func(all ...catalog.Price) []catalog.Price { return all }
	want := map[string]catalog.Facts{
		"acme/chat": {
			Mode: "chat", Inputs: []string{"text", "image", "pdf"}, Outputs: []string{"text"}, MaxInput: 256000, MaxOutput: 8192, Capabilities: map[string]bool{"tools": true, "vision": true, "reasoning": false},
			Deprecated: "2027-01-14", Replacement: "acme/chat-2", Links: map[string]string{"source": "https://acme.example/prices"},
			Prices: prices(
				catalog.Price{Kind: "input", Amount: 2_500_000}, catalog.Price{Kind: "input", Over: 200_000, Amount: 5_000_000}, catalog.Price{Kind: "input", Tier: "batch", Amount: 1_250_000},
				catalog.Price{Kind: "input", Tier: "priority", Amount: 5_000_000}, catalog.Price{Kind: "input", Tier: "flex", Over: 200_000, Amount: 3_000_000}, catalog.Price{Kind: "output", Amount: 10_000_000},
				catalog.Price{Kind: "cache_read", Amount: 250_000}, catalog.Price{Kind: "cache_write", Amount: 3_000_000}, catalog.Price{Kind: "cache_write_1h", Amount: 6_000_000},
				catalog.Price{Kind: "cache_write_1h", Over: 200_000, Amount: 12_000_000}, catalog.Price{Kind: "reasoning", Amount: 4_000_000}, catalog.Price{Kind: "audio_input", Amount: 10_000_000},
				catalog.Price{Kind: "audio_output", Amount: 20_000_000}, catalog.Price{Kind: "image_input", Amount: 5_000_000},
			),
		},
		"acme/chat-2":      {Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text", "audio"}, Regions: []string{"eu-central"}},
		"acme/chat-latest": {Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text", "audio"}, Regions: []string{"eu-central"}},
		"acme/spans": {Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text"}, Prices: prices(
			catalog.Price{Kind: "input", Amount: 1_000_000}, catalog.Price{Kind: "input", Over: 32_000, Amount: 2_000_000}, catalog.Price{Kind: "output", Amount: 4_000_000})},
		"acme/draw":  {Mode: "image", Outputs: []string{"image"}, Prices: prices(catalog.Price{Kind: "input", Unit: "image", Amount: 20_000_000_000}, catalog.Price{Kind: "input", Unit: "pixel", Amount: 83_923}, catalog.Price{Kind: "output", Unit: "image", Amount: 40_000_000_000})},
		"acme/read":  {Mode: "other", Prices: prices(catalog.Price{Kind: "input", Unit: "page", Amount: 2_000_000_000})},
		"acme/hear":  {Mode: "audio", Prices: prices(catalog.Price{Kind: "input", Unit: "second", Amount: 100_000_000})},
		"acme/say":   {Mode: "audio", Prices: prices(catalog.Price{Kind: "input", Unit: "character", Amount: 15_000_000})},
		"acme/film":  {Mode: "video", Outputs: []string{"video"}, Prices: prices(catalog.Price{Kind: "output", Unit: "second", Amount: 100_000_000_000})},
		"acme/sort":  {Mode: "rerank", Prices: prices(catalog.Price{Kind: "input", Unit: "request", Amount: 2_000_000_000})},
		"acme/guard": {Mode: "moderation"}, "acme/vec": {Mode: "embedding"}, "acme/odd": {Mode: "other"}, "acme/mute": {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamesOfProvidersAndRegions(t *testing.T) {
	for _, c := range []struct{ name, by, key, regions string }{
		{"gpt-4o", "openai", "openai/gpt-4o", ""},
		{"openai/sora-2", "openai", "openai/sora-2", ""},
		{"babbage-002", "text-completion-openai", "openai/babbage-002", ""},
		{"low/1024-x-1024/gpt-image-1", "openai", "openai/low/1024-x-1024/gpt-image-1", ""},
		{"gemini/gemini-2.5-pro", "gemini", "google/gemini-2.5-pro", ""},
		{"gemini-2.5-pro", "vertex_ai-language-models", "google-vertex/gemini-2.5-pro", ""},
		{"vertex_ai/claude-sonnet-4-5", "vertex_ai-anthropic_models", "google-vertex/claude-sonnet-4-5", ""},
		{"claude-sonnet-4-5", "google-vertex-anthropic", "google-vertex/claude-sonnet-4-5", ""},
		{"anthropic.claude-opus-5", "bedrock_converse", "bedrock/anthropic.claude-opus-5", ""},
		{"anthropic.claude-opus-5", "amazon-bedrock", "bedrock/anthropic.claude-opus-5", ""},
		{"us.anthropic.claude-opus-5", "bedrock", "bedrock/us.anthropic.claude-opus-5", "us"},
		{"us-gov.anthropic.claude-opus-5", "bedrock", "bedrock/us-gov.anthropic.claude-opus-5", "us-gov"},
		{"bedrock/us-east-1/anthropic.claude-v2:1", "bedrock", "bedrock/us-east-1/anthropic.claude-v2:1", "us-east-1"},
		{"bedrock/*/1-month-commitment/cohere.command-light-text-v14", "bedrock", "bedrock/*/1-month-commitment/cohere.command-light-text-v14", ""},
		{"azure/eu/gpt-4o", "azure", "azure/eu/gpt-4o", "eu"},
		{"azure/global-standard/gpt-4o-mini", "azure", "azure/global-standard/gpt-4o-mini", "global"},
		{"azure_ai/grok-4", "azure_ai", "azure/grok-4", ""},
		{"azure/us.something", "azure", "azure/us.something", ""},
		{"us.something", "openai", "openai/us.something", ""},
		{"fireworks_ai/accounts/fireworks/models/x", "fireworks_ai", "fireworks-ai/accounts/fireworks/models/x", ""},
		{"together_ai/zai-org/GLM-5.3", "together_ai", "togetherai/zai-org/GLM-5.3", ""},
		{"amazon-nova/nova-micro-v1", "amazon_nova", "amazon-nova/nova-micro-v1", ""},
	} {
		k, regions := split(c.name, provider(c.by))
		if k.String() != c.key || strings.Join(regions, " ") != c.regions {
			t.Errorf("%s by %s: %s in %q, want %s in %q", c.name, c.by, k, regions, c.key, c.regions)
		}
	}
}

// Two services of one provider, and a model with and without its provider's name.
func TestOneModelHasOneKey(t *testing.T) {
	got := clean(t, "litellm", `{
		"azure_ai/gpt-5": {"litellm_provider": "azure_ai", "max_input_tokens": 2}, "azure/gpt-5": {"litellm_provider": "azure", "max_input_tokens": 1},
		"deepseek-chat": {"litellm_provider": "deepseek", "max_input_tokens": 4}, "deepseek/deepseek-chat": {"litellm_provider": "deepseek", "max_input_tokens": 3},
		"bedrock_mantle/openai.gpt": {"litellm_provider": "bedrock_mantle", "max_input_tokens": 6}, "openai.gpt": {"litellm_provider": "bedrock_converse", "max_input_tokens": 5}}`)
	want := map[string]catalog.Facts{
		"azure/gpt-5": {MaxInput: 1}, "azure/azure_ai/gpt-5": {MaxInput: 2}, "deepseek/deepseek-chat": {MaxInput: 3}, "bedrock/openai.gpt": {MaxInput: 5}, "bedrock/bedrock_mantle/openai.gpt": {MaxInput: 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dev := clean(t, "modelsdev", `{"google-vertex": {"models": {"m": {"id": "m"}}}, "google-vertex-anthropic": {"models": {"m": {"id": "m"}, "c": {"id": "c"}}}}`)
	if _, ok := dev["google-vertex/google-vertex-anthropic/m"]; !ok || len(dev) != 3 {
		t.Errorf("models.dev: %v", dev)
	}
}

func TestSnapshot(t *testing.T) {
	offers, date, err := Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	all, err := catalog.CleanAll(offers)
	if err != nil || date != "2026-11-27" || len(all) != 4832 {
		t.Fatalf("%d models of %s, %v", len(all), date, err)
	}
	if len(packed) > 400<<10 {
		t.Errorf("it has %d bytes", len(packed))
	}
	by := map[string]catalog.Facts{}
	for _, o := range all {
		by[o.String()] = o.Facts
		if _, _, err := o.Text(); err != nil {
			t.Errorf("%s: %v", o.Key, err)
		}
	}
	for _, c := range []struct {
		key   string
		price catalog.Price
	}{
		{"openai/gpt-4o", catalog.Price{Kind: "input", Amount: 2_500_000}},
		{"openai/gpt-4o", catalog.Price{Kind: "output", Amount: 10_000_000}},
		{"openai/gpt-4o", catalog.Price{Kind: "output", Tier: "batch", Amount: 5_000_000}},
		{"google/gemini-2.5-pro", catalog.Price{Kind: "input", Amount: 1_250_000}},
		{"google/gemini-2.5-pro", catalog.Price{Kind: "input", Over: 200_000, Amount: 2_500_000}},
		{"google/gemini-2.5-pro", catalog.Price{Kind: "output", Over: 200_000, Amount: 15_000_000}},
		{"anthropic/claude-sonnet-4-5", catalog.Price{Kind: "cache_write_1h", Amount: 6_000_000}},
		{"bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", catalog.Price{Kind: "cache_write_1h", Over: 200_000, Amount: 13_200_000}},
		{"dashscope/qwen-flash", catalog.Price{Kind: "input", Over: 256_000, Amount: 250_000}},
	} {
		if !slices.Contains(by[c.key].Prices, c.price) {
			t.Errorf("%s has no price %+v among %+v", c.key, c.price, by[c.key].Prices)
		}
	}
	known := 0
	for _, f := range by {
		if _, ok := by[f.Replacement]; ok {
			known++
		}
	}
	if known < 400 {
		t.Errorf("%d models name what replaces them by a key", known)
	}
	if f := by["azure/eu/gpt-4o-2024-08-06"]; !slices.Equal(f.Regions, []string{"eu"}) {
		t.Errorf("regions %q", f.Regions)
	}
}

func TestModelsDev(t *testing.T) {
	got := clean(t, "modelsdev", `{"amazon-bedrock": {"id": "amazon-bedrock", "name": "Amazon Bedrock", "env": ["AWS_REGION"], "npm": "@ai-sdk/amazon-bedrock", "doc": "https://docs.aws.example", "models": {
		"anthropic.claude-x": {"id": "anthropic.claude-x", "name": "Claude X", "family": "claude", "attachment": true, "reasoning": true, "tool_call": true, "structured_output": false, "temperature": true, "knowledge": "2025-07",
			"release_date": "2026-02-05", "last_updated": "2026-02-05", "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "open_weights": false, "limit": {"context": 1000000, "input": 900000, "output": 64000},
			"cost": {"input": 3, "output": 15, "reasoning": 15, "cache_read": 0.3, "cache_write": 3.75, "input_audio": 6, "output_audio": 12, "context_over_200k": {"input": 6, "output": 22.5}, "tiers": [{"tier": {"type": "context", "size": 500000}, "input": 9}, {"tier": {"type": "season", "size": 1}, "input": 1}]}, "status": "beta"},
		"old": {"id": "old", "name": "Old", "release_date": "2024-05", "modalities": {"input": ["text"], "output": ["image"]}, "open_weights": true, "limit": {"context": 0, "output": 0}, "status": "deprecated"}}}}`)
	want := map[string]catalog.Facts{
		"bedrock/anthropic.claude-x": {
			Name: "Claude X", Family: "claude", Mode: "chat", Inputs: []string{"text", "image", "pdf"}, Outputs: []string{"text"}, Context: 1_000_000, MaxInput: 900_000, MaxOutput: 64_000, OpenWeights: &no,
			Capabilities: map[string]bool{"tools": true, "json_schema": false, "reasoning": true, "vision": true}, Cutoff: "2025-07", Released: "2026-02-05", Status: "preview", Links: map[string]string{"documentation": "https://docs.aws.example"},
			Prices: []catalog.Price{
				{Kind: "input", Amount: 3_000_000},
				{Kind: "input", Over: 200_000, Amount: 6_000_000},
				{Kind: "input", Over: 500_000, Amount: 9_000_000},
				{Kind: "output", Amount: 15_000_000},
				{Kind: "output", Over: 200_000, Amount: 22_500_000},
				{Kind: "cache_read", Amount: 300_000},
				{Kind: "cache_write", Amount: 3_750_000},
				{Kind: "reasoning", Amount: 15_000_000},
				{Kind: "audio_input", Amount: 6_000_000},
				{Kind: "audio_output", Amount: 12_000_000},
			},
		},
		"bedrock/old": {Name: "Old", Mode: "image", Inputs: []string{"text"}, Outputs: []string{"image"}, OpenWeights: &yes, Capabilities: map[string]bool{"vision": false}, Status: "deprecated", Links: map[string]string{"documentation": "https://docs.aws.example"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const openRouterModels = `{"data": [
	{"id": "acme/chat", "canonical_slug": "acme/chat-2026", "name": "Acme: Chat", "created": 1767225600, "description": "…", "context_length": 200000, "hugging_face_id": "acme/Chat", "knowledge_cutoff": "2025-10-31",
		"expiration_date": "2027-03-01T00:00:00Z", "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image", "file"], "output_modalities": ["text"], "tokenizer": "GPT", "instruct_type": null},
		"pricing": {"prompt": "0.0000025", "completion": "0.00001", "request": "0", "image": "0.003613", "web_search": "0.01", "internal_reasoning": "0", "input_cache_read": "0.00000025", "input_cache_write": "0.000003"},
		"top_provider": {"context_length": 190000, "max_completion_tokens": 16384, "is_moderated": true}, "per_request_limits": null, "supported_parameters": ["max_tokens", "tools", "structured_outputs", "reasoning"]},
	{"id": "acme/free:free", "name": "Free", "context_length": 1000, "hugging_face_id": null, "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}, "pricing": {"prompt": "0", "completion": "0"}, "top_provider": {"max_completion_tokens": null}, "supported_parameters": []},
	{"id": "openrouter/auto", "name": "Auto", "context_length": 2000000, "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}, "pricing": {"prompt": "-1", "completion": "-1"}},
	{"id": "acme/draw", "name": "Draw", "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]}, "pricing": {"prompt": "0.000001", "completion": "0.000001", "image": "0.02"}}
	]%s}`

func TestOpenRouter(t *testing.T) {
	got := clean(t, "openrouter", fmt.Sprintf(openRouterModels, ""))
	none, blind := map[string]bool{"tools": false, "json_schema": false, "reasoning": false, "vision": false}, map[string]bool{"vision": false}
	link := func(id string) map[string]string {
		return map[string]string{"openrouter": "https://openrouter.ai/" + id}
	}
	want := map[string]catalog.Facts{
		"openrouter/acme/chat": {
			Name: "Acme: Chat", Mode: "chat", Inputs: []string{"text", "image", "pdf"}, Outputs: []string{"text"}, Context: 200_000, MaxOutput: 16_384, Cutoff: "2025-10-31", Released: "2026-01-01", Deprecated: "2027-03-01",
			Capabilities: map[string]bool{"tools": true, "json_schema": true, "reasoning": true, "vision": true}, Links: map[string]string{"openrouter": "https://openrouter.ai/acme/chat", "weights": "https://huggingface.co/acme/Chat"},
			Prices: []catalog.Price{{Kind: "input", Amount: 2_500_000}, {Kind: "input", Unit: "image", Amount: 3_613_000_000}, {Kind: "output", Amount: 10_000_000}, {Kind: "cache_read", Amount: 250_000}, {Kind: "cache_write", Amount: 3_000_000}},
		},
		"openrouter/acme/free:free":  {Name: "Free", Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text"}, Context: 1000, Capabilities: none, Links: link("acme/free:free"), Prices: []catalog.Price{{Kind: "input"}, {Kind: "output"}}},
		"openrouter/openrouter/auto": {Name: "Auto", Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text"}, Context: 2_000_000, Capabilities: blind, Links: link("openrouter/auto")},
		"openrouter/acme/draw":       {Name: "Draw", Mode: "image", Inputs: []string{"text"}, Outputs: []string{"image"}, Capabilities: blind, Links: link("acme/draw"), Prices: []catalog.Price{{Kind: "input", Amount: 1_000_000}, {Kind: "input", Unit: "image", Amount: 20_000_000_000}, {Kind: "output", Amount: 1_000_000}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const hubModels = `[
	{"_id": "1", "id": "acme/Chat-7B", "author": "acme", "createdAt": "2026-03-01T10:00:00.000Z", "lastModified": "2026-03-02T10:00:00.000Z", "private": false, "gated": "manual", "disabled": false, "pipeline_tag": "image-text-to-text",
		"library_name": "transformers", "tags": ["transformers", "license:llama3.1", "region:us"], "safetensors": {"parameters": {"BF16": 7000000000, "F32": 100}, "total": 7000000100},
		"model-index": [{"name": "Chat-7B", "results": [{"task": {"type": "text-generation"}, "dataset": {"name": "MMLU", "type": "cais/mmlu"}, "metrics": [{"type": "accuracy", "value": 71.5}, {"type": "note", "value": "good"}], "source": {"name": "Open LLM Leaderboard"}}]}]},
	{"id": "acme/embed", "createdAt": "2025-03-01T10:00:00.000Z", "gated": false, "disabled": true, "pipeline_tag": "sentence-similarity", "tags": ["license:house-rules"], "model-index": null, "gguf": {"total": 300000000, "context_length": 8192}},
	{"id": "bare", "model-index": [{"results": [{"dataset": {"name": "a\nb"}, "metrics": [{"type": "f1", "value": 1}, {"type": 2}, 3]}]}]}, {"id": "odd", "model-index": {"results": "all of them"}}]`

func TestHuggingFace(t *testing.T) {
	got := clean(t, "huggingface", hubModels)
	link := func(id string) map[string]string {
		return map[string]string{"weights": "https://huggingface.co/" + id}
	}
	want := map[string]catalog.Facts{
		"huggingface/acme/Chat-7B": {
			Mode: "chat", Inputs: []string{"text", "image"}, Outputs: []string{"text"}, Licence: "LicenseRef-llama3.1", OpenWeights: &yes, Parameters: 7_000_000_100, Quantization: "BF16", Released: "2026-03-01",
			Benchmarks: []catalog.Benchmark{{Name: "MMLU", Metric: "accuracy", Score: 71.5, Source: "Open LLM Leaderboard"}}, Links: link("acme/Chat-7B"),
		},
		"huggingface/acme/embed": {Mode: "embedding", Licence: "LicenseRef-house-rules", OpenWeights: &yes, Parameters: 300_000_000, Context: 8192, Released: "2025-03-01", Status: "deprecated", Links: link("acme/embed")},
		"huggingface/bare":       {OpenWeights: &yes, Links: link("bare"), Benchmarks: []catalog.Benchmark{{Name: "a b", Metric: "f1", Score: 1}}},
		"huggingface/odd":        {OpenWeights: &yes, Links: link("odd")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for tag, want := range map[string]string{
		"text-generation": "chat text text", "text-to-image": "image text image", "text-to-speech": "audio text speech", "image-to-video": "video image video", "any-to-any": "chat any any", "text-ranking": "rerank  ", "audio-to-audio": "audio audio audio", "fill-mask": "other  ", "": "  ",
	} {
		mode, in, out := task(tag)
		if got := mode + " " + strings.Join(in, "+") + " " + strings.Join(out, "+"); got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

func TestFile(t *testing.T) {
	got := clean(t, "file", string(read(t, "../../docs/catalog-source.example.yaml")))
	want := map[string]catalog.Facts{
		"acme/acme-chat-2": {
			Name: "Acme Chat 2", Family: "acme-chat", Mode: "chat", Inputs: []string{"text", "image"}, Outputs: []string{"text"}, Context: 200_000, MaxInput: 190_000, MaxOutput: 16_384,
			Prices: []catalog.Price{
				{Kind: "input", Amount: 2_500_000},
				{Kind: "input", Over: 128_000, Amount: 5_000_000},
				{Kind: "input", Tier: "batch", Amount: 1_250_000},
				{Kind: "input", Unit: "image", Amount: 500_000_000},
				{Kind: "output", Amount: 10_000_000},
				{Kind: "cache_read", Amount: 250_000},
				{Kind: "cache_write_1h", Amount: 4_000_000},
			},
			Licence: "LicenseRef-Acme", OpenWeights: &no, Parameters: 70_000_000_000, Quantization: "FP8",
			Capabilities: map[string]bool{"tools": true, "json_schema": true, "vision": true, "reasoning": false, "streaming": true, "caching": true, "web_search": false, "computer_use": false},
			Regions:      []string{"eu-central"}, Cutoff: "2026-03", Released: "2026-06-01", Deprecated: "2027-12-31", Replacement: "acme/acme-chat-3", Status: "preview",
			Benchmarks: []catalog.Benchmark{{Name: "MMLU-Pro", Metric: "accuracy", Score: 0.81, Source: "Acme", Date: "2026-06-01"}}, Links: map[string]string{"card": "https://acme.example/chat-2"},
		},
		"acme/acme-embed-1": {Mode: "embedding"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, says := range map[string]string{
		"models:\n  - provider: a\n    id: b\n    colour: red\n":             "line 4: field colour is not known",
		"models:\n  - {provider: a, id: b, prices: [{kind: input, eur: 1}]}": "line 2: field eur is not known",
		"model: []": "line 1: field model is not known",
		"models:\n  - {provider: a, id: b, context: many}": "line 2: cannot unmarshal",
		"models:\n  - {provider: a, id: b, id: c}":         "already defined",
		"models: [\n":                   "line",
		"models: []\n---\nmodels: []\n": "more than one",
	} {
		_, err := parseFile([]byte(text))
		if e := domain.As(err); e == nil || e.Key != "catalog_source.yaml" || !strings.Contains(e.Msg, says) || strings.Contains(e.Msg, "catalogsource") {
			t.Errorf("%q: %v, want %s", text, err, says)
		}
	}
	for _, price := range []string{".nan", ".inf", "-1", "1e308", "-.inf"} {
		offers, err := parseFile([]byte("models: [{provider: a, id: b, prices: [{kind: input, usd: " + price + "}]}]"))
		if err == nil {
			_, err = catalog.CleanAll(offers)
		}
		if e := domain.As(err); e == nil || e.Key != "catalog.offer" {
			t.Errorf("%s: %v", price, err)
		}
	}
}

// What a real proxy of LiteLLM 1.110.2 answered, with most of what is null left out.
func TestProxyOfLiteLLM(t *testing.T) {
	offers, err := parseOpenAI(read(t, "testdata/litellm-proxy-models.json"), "proxy:4000")
	if err == nil {
		offers, err = parseModelInfo(read(t, "testdata/litellm-proxy-model-info.json"), offers)
	}
	if err == nil {
		offers, err = catalog.CleanAll(offers)
	}
	if err != nil || len(offers) != 2 {
		t.Fatal(err, offers)
	}
	for _, o := range offers {
		if strings.Contains(string(o.Raw), "api_base") || strings.Contains(string(o.Raw), "mock_response") {
			t.Errorf("%s: how the proxy calls it is kept: %s", o.Key, o.Raw)
		}
	}
	gpt, house := offers[0], offers[1]
	want := catalog.Facts{Mode: "chat", Inputs: []string{"text"}, Outputs: []string{"text"}, MaxInput: 8192, MaxOutput: 1024, Prices: []catalog.Price{{Kind: "input", Amount: 1_000_000}, {Kind: "output", Amount: 2_000_000}}, Capabilities: map[string]bool{"tools": true}}
	if diff := cmp.Diff(want, house.Facts); diff != "" || house.String() != "proxy:4000/house-chat" {
		t.Errorf("%s (-want +got):\n%s", house.Key, diff)
	}
	if in, ok := gpt.Price("input"); !ok || in != 2_500_000 || gpt.MaxInput != 128_000 || !gpt.Capabilities["vision"] || !slices.Contains(gpt.Prices, catalog.Price{Kind: "cache_read", Amount: 1_250_000}) {
		t.Errorf("%+v", gpt.Facts)
	}
}

func TestOpenAI(t *testing.T) {
	got := clean(t, "openai", `{"object": "list", "data": [
		{"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
		{"id": "acme/Chat-7B", "object": "model", "created": 1715367049, "owned_by": "vllm", "root": "acme/Chat-7B", "parent": null, "max_model_len": 32768, "permission": [{"id": "modelperm-1"}]}]}`)
	if diff := cmp.Diff(map[string]catalog.Facts{"here/gpt-4o": {}, "here/acme/Chat-7B": {Context: 32768}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSizesAndLicencesOfOllama(t *testing.T) {
	for s, want := range map[string]int64{"8.0B": 8_000_000_000, "137M": 137_000_000, "1.5T": 1_500_000_000_000, "22K": 22_000, "": 0, "B": 0, "big": 0, "-1B": -1, "NaNB": -1} {
		if got := size(s); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
	for text, want := range map[string]string{
		"MIT License\n\nCopyright": "MIT", "                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"LLAMA 3.1 COMMUNITY LICENSE AGREEMENT": "LicenseRef-llama3.1", "Gemma Terms of Use": "LicenseRef-gemma", "All rights reserved": "", "": "",
	} {
		if got := licence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What is wrong in one place makes all of it doubtful, in words that fit a message.
func TestHostileAnswers(t *testing.T) {
	models := map[string]string{ // %s is where a value of a field stands
		"litellm": `{"acme/m": {"litellm_provider": "acme", %s}, "acme/good": {"litellm_provider": "acme"}}`, "modelsdev": `{"acme": {"models": {"m": {"id": "m", %s}}}}`,
		"openrouter": `{"data": [{"id": "m", %s}]}`, "huggingface": `[{"id": "m", %s}]`, "openai": `{"data": [{"id": "m", %s}]}`, "ollamatags": `{"models": [{"name": "m", %s}]}`, "modelinfo": `{"data": [{"model_name": "gpt-4o", "model_info": {%s}}]}`,
		"ollamashow": `{%s}`,
	}
	prices := map[string][]string{ // %s is the price
		"litellm": {`"input_cost_per_token": %s`, `"tiered_pricing": [{"range": [0, 1], "input_cost_per_token": %s}]`}, "modelsdev": {`"cost": {"input": %s}`, `"cost": {"tiers": [{"tier": {"type": "context", "size": 1}, "output": %s}]}`},
		"openrouter": {`"pricing": {"prompt": "%s"}`, `"pricing": {"completion": %s}`}, "modelinfo": {`"output_cost_per_token": %s`},
	}
	numbers := map[string][]string{
		"litellm": {"max_input_tokens"}, "openrouter": {"context_length"}, "openai": {"max_model_len"}, "modelinfo": {"max_output_tokens"},
	}
	try := func(name, parser, text string, keys ...string) {
		t.Helper()
		offers, err := parsers[parser]([]byte(text))
		if err == nil {
			_, err = catalog.CleanAll(offers)
		}
		e := domain.As(err)
		if e == nil || !slices.Contains(keys, e.Key) || len(e.Msg) > 400 {
			t.Errorf("%s, %s: %.300v, want %s", parser, name, err, keys)
		}
	}
	for parser, all := range prices {
		for _, field := range all {
			for _, bad := range []string{"-2", "-0.001", "1e308", "9e9"} {
				try("price "+bad, parser, fmt.Sprintf(models[parser], fmt.Sprintf(field, bad)), "catalog.offer")
			}
			for _, bad := range []string{"1e309", "[]", "{}", "true"} {
				try("price "+bad, parser, fmt.Sprintf(models[parser], fmt.Sprintf(field, bad)), "catalog_source.shape", "catalog_source.json")
			}
			try("price NaN", parser, fmt.Sprintf(models[parser], strings.ReplaceAll(fmt.Sprintf(field, `"NaN"`), `""`, `"`)), "catalog.offer")
			try("price in words", parser, fmt.Sprintf(models[parser], strings.ReplaceAll(fmt.Sprintf(field, `"much"`), `""`, `"`)), "catalog_source.shape")
		}
	}
	for parser, all := range numbers {
		for _, field := range all {
			for _, bad := range []string{"-1", "1e308", "1e13"} {
				try(field+" "+bad, parser, fmt.Sprintf(models[parser], `"`+field+`": `+bad), "catalog.offer")
			}
			try(field+" in words", parser, fmt.Sprintf(models[parser], `"`+field+`": "many"`), "catalog_source.shape")
		}
	}
	for parser, model := range models {
		try("a field twice", parser, fmt.Sprintf(model, `"x": 1, "x": 2`), "catalog_source.twice")
		try("a field twice, deep down", parser, fmt.Sprintf(model, `"x": {"y": [{"z": 1, "\u007a": 2}]}`), "catalog_source.twice")
		try("deep", parser, fmt.Sprintf(model, `"x": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), "catalog_source.deep")
		try("deep objects", parser, fmt.Sprintf(model, `"x": `+strings.Repeat(`{"x":`, 5000)+"1"+strings.Repeat("}", 5000)), "catalog_source.deep")
		try("broken bytes", parser, fmt.Sprintf(model, "\"x\": \"\xff\""), "catalog_source.utf8")
		try("cut off", parser, strings.TrimRight(fmt.Sprintf(model, `"x": 1`), "]}"), "catalog_source.json")
		try("more after it", parser, fmt.Sprintf(model, `"x": 1`)+"{}", "catalog_source.json")
		try("empty", parser, " \n", "catalog_source.nothing")
		try("another form", parser, `"text"`, "catalog_source.shape")
		try("a number", parser, `17`, "catalog_source.shape")
		if parser == "modelinfo" { // a page for all addresses that it does not know
			continue
		}
		try("a page", parser, "\ufeff <!doctype html><title>Log in</title>", "catalog_source.html")
	}
	long := strings.Repeat("x", 10<<20)
	for parser, text := range map[string]string{
		"litellm": `{"` + long + `": {"litellm_provider": "acme"}}`, "modelsdev": `{"acme": {"models": {"m": {"id": "` + long + `"}}}}`, "openrouter": `{"data": [{"id": "` + long + `"}]}`, "huggingface": `[{"id": "` + long + `"}]`,
		"openai": `{"data": [{"id": "` + long + `"}]}`, "ollamatags": `{"models": [{"name": "` + long + `"}]}`, "file": "models: [{provider: a, id: " + long[:1<<20] + "}]",
	} {
		try("a name of 10 MB", parser, text, "catalog.offer")
	}
	for parser, text := range map[string]string{
		"openai": `{"data": [{"id": "m"}, {"id": "m"}]}`, "openrouter": `{"data": [{"id": "m"}, {"id": "m"}]}`, "huggingface": `[{"id": "m"}, {"id": "m"}]`, "ollamatags": `{"models": [{"name": "m"}, {"name": "m"}]}`, "file": "models: [{provider: a, id: b}, {provider: a, id: b}]",
	} {
		try("a model twice", parser, text, "catalog.twice")
	}
	for parser, text := range map[string]string{"openai": `{"data": [{}]}`, "openrouter": `{"data": [{"name": "x"}]}`, "huggingface": `[null]`, "ollamatags": `{"models": [{"name": ""}]}`, "file": "models: [{id: b}]", "modelsdev": `{"acme": {"models": {"m": {}}}}`} {
		try("a model without a name", parser, text, "catalog.offer")
	}
	try("very many models", "openai", `{"data": [`+strings.Repeat("{},", 200_000)+`{}]}`, "catalog.many")
	try("very many values", "huggingface", `[`+strings.Repeat("0,", maxValues)+`0]`, "catalog_source.deep")
	try("a bomb of aliases", "file", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nmodels: [{provider: a, id: b, inputs: *f}]", "catalog_source.yaml")
	try("a page", "file", "<!doctype html>", "catalog_source.html")
	try("an empty file", "file", "# nothing\n", "catalog_source.nothing")
	try("no text at all", "file", "", "catalog_source.nothing")
	try("a long file", "file", "# "+strings.Repeat("x", 9<<20), "catalog_source.file_large")
}

// fuzz finds out whether a parser can be made to fail in another way than with a domain error.
func fuzz(f *testing.F, parser string, seeds ...string) {
	for _, s := range append(seeds, "", "{}", "[]", "null", `{"data":[{"id":"m"}]}`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		offers, err := parsers[parser](text)
		if err == nil {
			offers, err = catalog.CleanAll(offers)
		}
		if err != nil {
			if e := domain.As(err); e == nil || e.Kind == domain.Internal || len(e.Msg) > 1000 {
				t.Fatal(err)
			}
			return
		}
		for _, o := range offers {
			if _, _, err := o.Text(); err != nil {
				t.Fatalf("%+v: %v", o.Facts, err)
			}
			for _, p := range o.Prices {
				if p.Amount < 0 {
					t.Fatalf("%+v", o)
				}
			}
		}
	})
}

func FuzzLiteLLM(f *testing.F) {
	fuzz(f, "litellm", `{"acme/m":{"litellm_provider":"acme","input_cost_per_token_above_200k_tokens_flex":1e-6,"tiered_pricing":[{"range":[0,1],"input_cost_per_token":1}]},"n":{"alias_of":"acme/m"}}`)
}

func FuzzModelsDev(f *testing.F) {
	fuzz(f, "modelsdev", `{"acme":{"models":{"m":{"id":"m","limit":{"context":1},"cost":{"input":1,"tiers":[{"tier":{"type":"context","size":1},"input":2}]}}}}}`)
}

func FuzzOpenRouter(f *testing.F) { fuzz(f, "openrouter", fmt.Sprintf(openRouterModels, "")) }

func FuzzHuggingFace(f *testing.F) { fuzz(f, "huggingface", hubModels) }

func FuzzOpenAI(f *testing.F) { fuzz(f, "openai", `{"data":[{"id":"m","max_model_len":1}]}`) }

func FuzzModelInfo(f *testing.F) {
	fuzz(f, "modelinfo", string(read(f, "testdata/litellm-proxy-model-info.json")))
}

func FuzzOllamaTags(f *testing.F) {
	fuzz(f, "ollamatags", `{"models":[{"name":"m","details":{"parameter_size":"8.0B"}}]}`)
}

func FuzzOllamaShow(f *testing.F) {
	fuzz(f, "ollamashow", `{"license":"MIT License","model_info":{"general.architecture":"x","x.context_length":1},"capabilities":["completion","vision"]}`)
}

func FuzzFile(f *testing.F) {
	fuzz(f, "file", string(read(f, "../../docs/catalog-source.example.yaml")))
}
