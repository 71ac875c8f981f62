package catalogsource

import (
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// called says by which name a provider is known here that sources call otherwise, so that a model has one key. The names
// are those that most sources use; in all of them "_" is "-".
var called = map[string]string{
	"amazon-bedrock":                "bedrock",
	"azure-ai":                      "azure",
	"azure-cognitive-services":      "azure",
	"azure-text":                    "azure",
	"bedrock-converse":              "bedrock",
	"bedrock-mantle":                "bedrock",
	"cloudflare-workers-ai":         "cloudflare",
	"cohere-chat":                   "cohere",
	"fireworks-ai-embedding-models": "fireworks-ai",
	"friendli":                      "friendliai",
	"gemini":                        "google",
	"google-vertex-anthropic":       "google-vertex",
	"jina":                          "jina-ai",
	"llama":                         "meta-llama",
	"moonshot":                      "moonshotai",
	"nvidia-nim":                    "nvidia",
	"text-completion-codestral":     "codestral",
	"text-completion-inception":     "inception",
	"text-completion-openai":        "openai",
	"together-ai":                   "togetherai",
	"vercel":                        "vercel-ai-gateway",
	"volcengine-ark":                "volcengine",
	"xiaomi":                        "xiaomi-mimo",
	"zhipuai":                       "bigmodel",
}

// provider is by which name a provider is known here.
func provider(name string) string {
	name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	if strings.HasPrefix(name, "vertex-ai") { // vertex_ai-anthropic_models, vertex_ai-language-models, …
		return "google-vertex"
	}
	if known, ok := called[name]; ok {
		return known
	}
	return name
}

// hosts are the providers whose addresses are well known. What others serve is theirs, by the name of their host.
var hosts = map[string]string{
	"api.anthropic.com": "anthropic", "api.cerebras.ai": "cerebras", "api.cohere.com": "cohere", "api.deepinfra.com": "deepinfra", "api.deepseek.com": "deepseek",
	"api.fireworks.ai": "fireworks-ai", "api.groq.com": "groq", "api.mistral.ai": "mistral", "api.moonshot.ai": "moonshotai", "api.openai.com": "openai",
	"api.perplexity.ai": "perplexity", "api.together.ai": "togetherai", "api.together.xyz": "togetherai", "api.x.ai": "xai", "generativelanguage.googleapis.com": "google",
	"openrouter.ai": "openrouter", "router.huggingface.co": "huggingface",
}

// host is the provider behind an address.
func host(name string) string {
	name = strings.ToLower(name)
	if known, ok := hosts[name]; ok {
		return known
	}
	return name
}

var (
	// A model may be bound to a place: us.anthropic.claude…, us-east-1/anthropic.claude…, eu/gpt-4o.
	geography = regexp.MustCompile(`^(us|us-gov|eu|apac|au|ca|in|jp|sa|me|af|global)\.[a-z]`)
	region    = regexp.MustCompile(`^(?:[a-z]{2}(?:-[a-z]+)+-\d|us|us-gov|eu|apac|au|ca|in|jp|sa|me|af|global|global-standard)/`)
)

// split takes the provider's name off the name of a model. The id keeps a region that is in it: it costs something else
// there, and whoever calls it says so.
func split(name, by string) (k catalog.Key, regions []string) {
	k = catalog.Key{Provider: by, ID: name}
	if prefix, rest, ok := strings.Cut(name, "/"); ok && rest != "" && provider(prefix) == by {
		k.ID = rest
	}
	if by != "bedrock" && by != "azure" {
		return k, nil
	}
	if m := region.FindString(k.ID); m != "" {
		regions = append(regions, strings.TrimSuffix(strings.TrimSuffix(m, "/"), "-standard"))
	}
	if m := geography.FindStringSubmatch(k.ID[strings.LastIndex(k.ID, "/")+1:]); m != nil && by == "bedrock" {
		regions = append(regions, m[1])
	}
	return k, slices.Compact(regions)
}
