package catalogsource

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// huggingFace asks the Hub, or what speaks like it, for models. The address may choose them (author, search, filter,
// pipeline_tag, sort) and say how many of them at most (limit); without that all are read, page by page.
func (r Reader) huggingFace(ctx context.Context, q Request) ([]catalog.Offer, error) {
	const page = 200
	u, err := httpx.Parse(q.Address)
	if err != nil {
		return nil, err
	}
	if path := strings.TrimRight(u.Path, "/"); path == "" {
		u.Path = "/api/models"
	}
	query := u.Query()
	most, err := strconv.Atoi(query.Get("limit"))
	if err != nil || most <= 0 {
		most = math.MaxInt
	}
	query.Set("limit", strconv.Itoa(min(most, page)))
	for _, what := range []string{"author", "createdAt", "disabled", "gated", "gguf", "lastModified", "library_name", "model-index", "pipeline_tag", "private", "safetensors", "tags"} {
		query.Add("expand[]", what)
	}
	query.Del("full") // says the same in another way
	u.RawQuery = query.Encode()
	seen := 0
	all, err := r.pages(ctx, q, u.String(), u.String(), func(h http.Header, text []byte) ([]catalog.Offer, string, error) {
		some, err := parseHuggingFace(text)
		next := nextLink(h)
		if seen += len(some); seen >= most || len(some) == 0 {
			next = ""
		}
		return some, next, err
	})
	return all[:min(len(all), most)], err
}

// The tasks of the Hub that are not named after what goes in and comes out.
var hubModes = map[string]string{
	"text-generation": "chat", "conversational": "chat", "question-answering": "chat", "summarization": "chat", "translation": "chat", "visual-question-answering": "chat", "any-to-any": "chat",
	"feature-extraction": "embedding", "sentence-similarity": "embedding", "image-feature-extraction": "embedding", "text-ranking": "rerank",
	"automatic-speech-recognition": "audio", "text-to-speech": "audio",
}

// parseHuggingFace reads the answer of the Hub to GET /api/models.
func parseHuggingFace(text []byte) (out []catalog.Offer, err error) {
	if err := check(text); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := decode(text, &list); err != nil {
		return nil, err
	}
	type model struct {
		ID          string   `json:"id"`
		CreatedAt   string   `json:"createdAt"`
		Disabled    bool     `json:"disabled"`
		Task        string   `json:"pipeline_tag"`
		Tags        []string `json:"tags"`
		Safetensors struct {
			Parameters map[string]float64 `json:"parameters"`
			Total      float64            `json:"total"`
		} `json:"safetensors"`
		GGUF struct {
			Total   float64 `json:"total"`
			Context float64 `json:"context_length"`
		} `json:"gguf"`
		Index json.RawMessage `json:"model-index"`
	}
	yes := true
	err = each(list, func(m model, raw json.RawMessage) error {
		f := catalog.Facts{
			Released: day(m.CreatedAt), OpenWeights: &yes, Context: count(m.GGUF.Context), Parameters: count(max(m.Safetensors.Total, m.GGUF.Total)),
			Links: links(map[string]string{"weights": "https://huggingface.co/" + m.ID}),
		}
		f.Mode, f.Inputs, f.Outputs = task(m.Task)
		for _, tag := range m.Tags {
			if id, is := strings.CutPrefix(tag, "license:"); is && f.Licence == "" {
				f.Licence = card.LicenceOfHub(id)
			}
		}
		most := 0.0
		for kind, n := range m.Safetensors.Parameters {
			if n > most || n == most && kind < f.Quantization {
				most, f.Quantization = n, kind
			}
		}
		if m.Disabled {
			f.Status = "deprecated"
		}
		f.Benchmarks = benchmarks(m.Index)
		out = append(out, catalog.Offer{Key: catalog.Key{Provider: "huggingface", ID: m.ID}, Facts: f, Raw: raw})
		return nil
	})
	return out, err
}

// task is what a task of the Hub is for, and what goes in and comes out.
func task(tag string) (mode string, in, out []string) {
	from, to, named := strings.Cut(tag, "-to-")
	if named {
		in, out = strings.Split(from, "-"), strings.Split(to, "-")
	}
	if tag == "text-generation" {
		in, out = []string{"text"}, []string{"text"}
	}
	mode, known := hubModes[tag]
	switch {
	case known:
	case tag == "":
	case named && (to == "image" || to == "video" || to == "audio" || to == "speech"):
		mode = strings.Replace(to, "speech", "audio", 1)
	case named && (to == "text" || to == "text2text"):
		mode = "chat"
	default:
		mode = "other"
	}
	return mode, in, out
}

// benchmarks are what a model's authors say that they measured, in a file of theirs that nobody checks: what has no number or
// another form is left out.
func benchmarks(index json.RawMessage) (out []catalog.Benchmark) {
	const enough = 40
	type metric struct {
		Type  string   `json:"type"`
		Value *float64 `json:"value"`
	}
	var models []struct {
		Results []struct {
			Dataset struct {
				Name string `json:"name"`
			} `json:"dataset"`
			Metrics []json.RawMessage `json:"metrics"`
			Source  struct {
				Name string `json:"name"`
			} `json:"source"`
		} `json:"results"`
	}
	if json.Unmarshal(index, &models) != nil {
		return nil
	}
	for _, m := range models {
		for _, r := range m.Results {
			for _, raw := range r.Metrics {
				var m metric
				if json.Unmarshal(raw, &m) == nil && m.Value != nil && len(out) < enough {
					out = append(out, catalog.Benchmark{Name: line(r.Dataset.Name), Metric: line(m.Type), Score: *m.Value, Source: line(r.Source.Name)})
				}
			}
		}
	}
	return out
}
