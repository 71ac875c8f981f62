package catalog

import "time"

// SourceKind is what a source speaks.
type SourceKind string

// The kinds of source.
const (
	Snapshot    SourceKind = "snapshot"    // what came with the program
	OpenAI      SourceKind = "openai"      // GET /v1/models: OpenAI, vLLM, the proxy of LiteLLM and many more
	Ollama      SourceKind = "ollama"      // GET /api/tags, POST /api/show
	HuggingFace SourceKind = "huggingface" // GET /api/models
	OpenRouter  SourceKind = "openrouter"  // GET /api/v1/models
	ModelsDev   SourceKind = "modelsdev"   // api.json of models.dev
	LiteLLM     SourceKind = "litellm"     // the price map of LiteLLM
	File        SourceKind = "file"        // YAML of one's own
)

// Trait is what is known of a kind of source.
type Trait struct {
	Kind         SourceKind
	Address      string // to begin with, "" where nobody can know it
	NeedsAddress bool
	Every        time.Duration // between two looks, to begin with
}

// traits lists the kinds, in the order in which they are offered.
var traits = []Trait{
	{Kind: Snapshot, Every: 24 * time.Hour},
	{Kind: OpenAI, NeedsAddress: true, Every: time.Hour},
	{Kind: Ollama, Address: "http://localhost:11434", NeedsAddress: true, Every: time.Hour},
	{Kind: HuggingFace, Address: "https://huggingface.co/api/models?pipeline_tag=text-generation&sort=downloads&limit=500", NeedsAddress: true, Every: 24 * time.Hour},
	{Kind: OpenRouter, Address: "https://openrouter.ai/api/v1/models", NeedsAddress: true, Every: 6 * time.Hour},
	{Kind: ModelsDev, Address: "https://models.dev/api.json", NeedsAddress: true, Every: 24 * time.Hour},
	{Kind: LiteLLM, Address: "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json", NeedsAddress: true, Every: 24 * time.Hour},
	{Kind: File, NeedsAddress: true, Every: time.Hour},
}

// SourceKinds lists the kinds in the order in which they are offered.
var SourceKinds = func() (out []SourceKind) {
	for _, t := range traits {
		out = append(out, t.Kind)
	}
	return out
}()

// KindOf finds what is known of a kind.
func KindOf(k SourceKind) (Trait, bool) {
	for _, t := range traits {
		if t.Kind == k {
			return t, true
		}
	}
	return Trait{}, false
}
