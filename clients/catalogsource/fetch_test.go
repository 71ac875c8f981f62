package catalogsource

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

func reader(t *testing.T, o httpx.Options) Reader {
	t.Helper()
	o.Open = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c := httpx.New(o)
	t.Cleanup(c.Close)
	return Reader{HTTP: c}
}

func serve(t *testing.T, do http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(do)
	t.Cleanup(s.Close)
	return s.URL
}

// says answers each path with a text, and others with 404.
func says(paths map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := paths[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

func keys(out Result) (all []string) {
	for _, o := range out.Offers {
		all = append(all, o.String())
	}
	return all
}

func TestFetchOpenAI(t *testing.T) {
	r := reader(t, httpx.Options{})
	var asked []string
	list, info := string(read(t, "testdata/litellm-proxy-models.json")), string(read(t, "testdata/litellm-proxy-model-info.json"))
	proxy := serve(t, func(w http.ResponseWriter, q *http.Request) {
		asked = append(asked, q.URL.Path+" "+q.Header.Get("Authorization"))
		says(map[string]string{"/v1/models": list, "/model/info": info})(w, q)
	})
	by := strings.TrimPrefix(proxy, "http://")
	for _, end := range []string{"", "/", "/v1", "/v1/", "/v1/models"} {
		asked = nil
		out, err := r.Fetch(t.Context(), Request{Kind: catalog.OpenAI, Address: " " + proxy + end + " ", Key: "sk-test\n"})
		if err != nil {
			t.Fatalf("%q: %v", end, err)
		}
		if diff := cmp.Diff([]string{by + "/gpt-4o", by + "/house-chat"}, keys(out)); diff != "" {
			t.Error(diff)
		}
		if p, ok := out.Offers[0].Price("output"); !ok || p != 10_000_000 || out.Offers[0].Mode != "chat" {
			t.Errorf("%+v", out.Offers[0])
		}
		if diff := cmp.Diff([]string{"/v1/models Bearer sk-test", "/model/info Bearer sk-test"}, asked); diff != "" {
			t.Error(diff)
		}
	}
	plain := `{"data":[{"id":"m"}]}`
	for name, info := range map[string]http.HandlerFunc{
		"nothing there": http.NotFound, "not for this key": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a page for everything": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html></html>") },
		"not this method":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) },
	} {
		url := serve(t, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/openai/v1/models" {
				_, _ = io.WriteString(w, plain)
				return
			}
			info(w, q)
		})
		out, err := r.Fetch(t.Context(), Request{Kind: catalog.OpenAI, Address: url + "/openai/v1"})
		if err != nil || len(out.Offers) != 1 || out.ETag != "" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	url := serve(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/model/info" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, plain)
	})
	if out, err := r.Fetch(t.Context(), Request{Kind: catalog.OpenAI, Address: url}); domain.KindOf(err) != domain.Unavailable || out.Offers != nil {
		t.Errorf("prices that cannot be had just now are taken for none: %+v, %v", out, err)
	}
}

func TestFetchOllama(t *testing.T) {
	r := reader(t, httpx.Options{})
	var at, asks atomic.Int64
	fifth := make(chan struct{}) // is closed when five ask at once
	once := sync.OnceFunc(func() { close(fifth) })
	var mutex sync.Mutex
	var asked []string
	tags := `{"models":[{"name":"llama3.1:8b","model":"llama3.1:8b","modified_at":"2026-01-01T00:00:00Z","size":4920753328,"digest":"46e0c10c039e","details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"8.0B","quantization_level":"Q4_K_M"}},
		{"name":"nomic-embed-text:latest","details":{"family":"nomic-bert","parameter_size":"137M","quantization_level":"F16"}}`
	for i := range 20 {
		tags += fmt.Sprintf(`,{"name":"old:%d"}`, i)
	}
	tags += "]}"
	url := serve(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet {
			says(map[string]string{"/api/tags": tags})(w, q)
			return
		}
		defer at.Add(-1)
		if at.Add(1) > 4 {
			once()
		}
		if asks.Add(1) <= 4 {
			select {
			case <-fifth:
			case <-time.After(200 * time.Millisecond):
			}
		}
		var body struct{ Model string }
		_ = json.NewDecoder(q.Body).Decode(&body)
		mutex.Lock()
		asked = append(asked, q.Method+" "+q.URL.Path+" "+body.Model)
		mutex.Unlock()
		answers := map[string]string{
			"llama3.1:8b":             `{"modelfile":"FROM x","parameters":"stop x","template":"{{ .Prompt }}","license":"LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nmore","details":{},"model_info":{"general.architecture":"llama","general.parameter_count":8030261248,"llama.context_length":131072,"llama.embedding_length":4096,"tokenizer.ggml.tokens":null},"capabilities":["completion","tools","vision"]}`,
			"nomic-embed-text:latest": `{"license":"Apache License\nVersion 2.0, January 2004","model_info":{"general.architecture":"nomic-bert","nomic-bert.context_length":2048},"capabilities":["embedding"]}`,
		}
		text := answers[body.Model]
		if text == "" {
			text = `{"model_info":{}}`
		}
		_, _ = io.WriteString(w, text)
	})
	for _, end := range []string{"", "/", "/api", "/v1"} {
		asked = nil
		out, err := r.Fetch(t.Context(), Request{Kind: catalog.Ollama, Address: url + end})
		if err != nil || len(out.Offers) != 22 || len(asked) != 22 || !slices.Contains(asked, "POST /api/show llama3.1:8b") {
			t.Fatalf("%q: %d models, asked %q, %v", end, len(out.Offers), asked, err)
		}
		want := catalog.Facts{
			Family: "llama", Mode: "chat", Inputs: []string{"text", "image"}, Outputs: []string{"text"}, Context: 131_072, Licence: "LicenseRef-llama3.1", OpenWeights: &yes, Parameters: 8_030_261_248, Quantization: "Q4_K_M",
			Capabilities: map[string]bool{"tools": true, "vision": true, "reasoning": false},
		}
		if diff := cmp.Diff(want, out.Offers[0].Facts); diff != "" || out.Offers[0].String() != "ollama/llama3.1:8b" {
			t.Errorf("%s (-want +got):\n%s", out.Offers[0].Key, diff)
		}
		want = catalog.Facts{Family: "nomic-bert", Mode: "embedding", Inputs: []string{"text"}, Context: 2048, Licence: "Apache-2.0", OpenWeights: &yes, Parameters: 137_000_000, Quantization: "F16"}
		if diff := cmp.Diff(want, out.Offers[1].Facts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	select {
	case <-fifth:
		t.Error("more than four were asked at once")
	default:
	}
	broken := serve(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet {
			_, _ = io.WriteString(w, tags)
			return
		}
		_, _ = io.WriteString(w, `{"capabilities":"all"}`)
	})
	if out, err := r.Fetch(t.Context(), Request{Kind: catalog.Ollama, Address: broken}); domain.KindOf(err) != domain.Invalid || out.Offers != nil {
		t.Errorf("one model cannot be read: %+v, %v", out, err)
	}
	many := serve(t, says(map[string]string{"/api/tags": `{"models":[` + strings.Repeat(`{"name":"m"},`, 500) + `{"name":"m"}]}`}))
	if _, err := r.Fetch(t.Context(), Request{Kind: catalog.Ollama, Address: many}); domain.KindOf(err) != domain.TooLarge {
		t.Errorf("501 models: %v", err)
	}
}

func TestFetchHuggingFace(t *testing.T) {
	r := reader(t, httpx.Options{})
	var asked []string
	pages := 3
	elsewhere := ""
	hub := func(w http.ResponseWriter, q *http.Request) {
		asked = append(asked, q.URL.RawQuery)
		page, _ := strconv.Atoi(q.URL.Query().Get("cursor"))
		limit, _ := strconv.Atoi(q.URL.Query().Get("limit"))
		if page < pages-1 || pages == 0 {
			w.Header().Add("Link", `<https://elsewhere.example/>; rel="prev", <`+elsewhere+`/api/models?limit=`+strconv.Itoa(limit)+`&cursor=`+strconv.Itoa(page+1)+`>; rel="next"`)
		}
		var list []string
		for i := range min(limit, 200) {
			list = append(list, fmt.Sprintf(`{"id":"acme/m-%d-%d"}`, page, i))
		}
		_, _ = io.WriteString(w, "["+strings.Join(list, ",")+"]")
	}
	url := serve(t, hub)
	out, err := r.Fetch(t.Context(), Request{Kind: catalog.HuggingFace, Address: url + "/api/models?author=acme&sort=downloads&limit=500"})
	if err != nil || len(out.Offers) != 500 || len(asked) != 3 {
		t.Fatalf("%d models in %d pages, %v", len(out.Offers), len(asked), err)
	}
	for _, want := range []string{"author=acme", "sort=downloads", "limit=200", "expand%5B%5D=safetensors", "expand%5B%5D=model-index"} {
		if !strings.Contains(asked[0], want) {
			t.Errorf("%q does not ask for %s", asked[0], want)
		}
	}
	asked = nil
	if out, err = r.Fetch(t.Context(), Request{Kind: catalog.HuggingFace, Address: url}); err != nil || len(out.Offers) != 600 {
		t.Errorf("all pages: %d models, %v", len(out.Offers), err)
	}
	asked = nil
	if out, err = r.Fetch(t.Context(), Request{Kind: catalog.HuggingFace, Address: url + "/api/models?limit=7"}); err != nil || len(out.Offers) != 7 || len(asked) != 1 {
		t.Errorf("seven: %d models in %d pages, %v", len(out.Offers), len(asked), err)
	}
	asked, pages = nil, 0
	if _, err = r.Fetch(t.Context(), Request{Kind: catalog.HuggingFace, Address: url + "/api/models?author=acme"}); domain.As(err) == nil || domain.As(err).Key != "catalog_source.pages" || len(asked) != maxPages {
		t.Errorf("pages without end: %v after %d", err, len(asked))
	}
	asked, elsewhere = nil, strings.Replace(url, "127.0.0.1", "127.0.0.2", 1)
	if _, err = r.Fetch(t.Context(), Request{Kind: catalog.HuggingFace, Address: url, Key: "hf_secret"}); domain.As(err) == nil || domain.As(err).Key != "catalog_source.elsewhere" || len(asked) != 1 {
		t.Errorf("a page elsewhere: %v", err)
	}
	if nextLink(http.Header{"Link": {`</a>; rel=prev`, `</b>; title="x"; rel=NEXT`}}) != "/b" || nextLink(http.Header{"Link": {"<", "<>", ";;", `</a>; rel="prev"`}}) != "" {
		t.Error("links are misread")
	}
}

func TestFetchOpenRouterPages(t *testing.T) {
	r := reader(t, httpx.Options{})
	url := serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("ETag", `"first"`)
		if q.URL.RawQuery == "" {
			fmt.Fprintf(w, openRouterModels, `, "links": {"next": "/api/v1/models?offset=4"}, "total_count": 5`)
			return
		}
		_, _ = io.WriteString(w, `{"data": [{"id": "acme/last"}], "links": {"next": null}}`)
	})
	out, err := r.Fetch(t.Context(), Request{Kind: catalog.OpenRouter, Address: url + "/api/v1/models"})
	if err != nil || len(out.Offers) != 5 || out.ETag != "" {
		t.Errorf("%q %q, %v", keys(out), out.ETag, err)
	}
}

func TestPagesTogetherAreBounded(t *testing.T) {
	page := []byte(`{"data": [], "links": {"next": "/more"}}` + strings.Repeat(" ", 30<<20))
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	if _, err := reader(t, httpx.Options{}).Fetch(t.Context(), Request{Kind: catalog.OpenRouter, Address: url}); domain.KindOf(err) != domain.TooLarge || domain.As(err).Key != "outbound.long" {
		t.Errorf("%v", err)
	}
}

func TestConditions(t *testing.T) {
	r := reader(t, httpx.Options{})
	var sent http.Header
	modified := "Mon, 02 Nov 2026 10:00:00 GMT"
	url := serve(t, func(w http.ResponseWriter, q *http.Request) {
		sent = q.Header
		w.Header().Set("ETag", `W/"abc"`)
		w.Header().Set("Last-Modified", modified)
		if q.Header.Get("If-None-Match") == `W/"abc"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, `{"acme/m": {"litellm_provider": "acme"}}`)
	})
	q := Request{Kind: catalog.LiteLLM, Address: url}
	out, err := r.Fetch(t.Context(), q)
	if err != nil || out.Unchanged || len(out.Offers) != 1 || sent.Get("If-None-Match")+sent.Get("If-Modified-Since") != "" {
		t.Fatalf("%+v, %v", out, err)
	}
	q.ETag, q.Modified = out.ETag, out.Modified
	again, err := r.Fetch(t.Context(), q)
	if err != nil || !again.Unchanged || again.Offers != nil || again.ETag != out.ETag || again.Modified != modified || sent.Get("If-Modified-Since") != modified {
		t.Errorf("%+v, %v", again, err)
	}
	q.ETag = strings.Replace(q.ETag, reading, "0 ", 1) // an older version of the program read it
	if again, err = r.Fetch(t.Context(), q); err != nil || again.Unchanged || len(again.Offers) != 1 || sent.Get("If-None-Match")+sent.Get("If-Modified-Since") != "" {
		t.Errorf("read in another way: %+v, %v", again, err)
	}
	odd := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if out, err := r.Fetch(t.Context(), Request{Kind: catalog.LiteLLM, Address: odd}); err == nil {
		t.Errorf("304 without a condition: %+v", out)
	}
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", strings.Repeat("x", 1000))
		_, _ = io.WriteString(w, `{"acme/m": {"litellm_provider": "acme"}}`)
	})
	if out, err := r.Fetch(t.Context(), Request{Kind: catalog.LiteLLM, Address: long}); err != nil || len(out.ETag) > maxTag {
		t.Errorf("a long name for an answer: %d bytes, %v", len(out.ETag), err)
	}
}

func TestFetchSnapshot(t *testing.T) {
	out, err := Reader{}.Fetch(t.Context(), Request{Kind: catalog.Snapshot})
	if err != nil || len(out.Offers) != 4832 || out.ETag == "" {
		t.Fatal(err, len(out.Offers))
	}
	if out, err = (Reader{}).Fetch(t.Context(), Request{Kind: catalog.Snapshot, ETag: out.ETag}); err != nil || !out.Unchanged || out.Offers != nil {
		t.Error("a snapshot that is known is learnt again", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"in/prices.json": `{"acme/m": {"litellm_provider": "acme"}}`, "in/own.yaml": "models: [{provider: acme, id: m}]", "secret.json": `{"acme/m": {"litellm_provider": "acme"}}`} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.json", filepath.Join(dir, "in/link.json")); err != nil {
		t.Fatal(err)
	}
	pipe := exec.CommandContext(t.Context(), "mkfifo", filepath.Join(dir, "in/pipe.json")).Run() == nil // reading it would never end
	root, err := os.OpenRoot(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r := Reader{Files: root}
	for kind, name := range map[catalog.SourceKind]string{catalog.LiteLLM: "file:prices.json", catalog.File: "file:own.yaml"} {
		out, err := r.Fetch(t.Context(), Request{Kind: kind, Address: name})
		if err != nil || keys(out)[0] != "acme/m" {
			t.Errorf("%s: %v, %v", name, keys(out), err)
		}
		if out, err = r.Fetch(t.Context(), Request{Kind: kind, Address: name, ETag: out.ETag}); err != nil || !out.Unchanged {
			t.Errorf("%s again: %+v, %v", name, out, err)
		}
	}
	for _, name := range []string{"file:", "file:.", "file:none.json", "file:../secret.json", "file:link.json", "file:pipe.json", "file:" + filepath.Join(dir, "secret.json"), "file://prices.json", "file:\x00"} {
		if name == "file:pipe.json" && !pipe {
			continue
		}
		if out, err := r.Fetch(t.Context(), Request{Kind: catalog.LiteLLM, Address: name}); domain.KindOf(err) != domain.NotFound || out.Offers != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Reader{}).Fetch(t.Context(), Request{Kind: catalog.LiteLLM, Address: "file:prices.json"}); domain.KindOf(err) != domain.Forbidden {
		t.Errorf("without a folder: %v", err)
	}
	for _, kind := range []catalog.SourceKind{catalog.OpenAI, catalog.Ollama, catalog.HuggingFace} {
		if _, err := r.Fetch(t.Context(), Request{Kind: kind, Address: "file:prices.json"}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// No kind of source takes a part of an answer for the whole, whatever answers.
func TestHostileServers(t *testing.T) {
	good := []byte(`{"acme/m": {"litellm_provider": "acme"}}`)
	answers := func(status int, text string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 8<<20))
	_ = z.Close()
	cases := map[string]struct {
		do   http.HandlerFunc
		key  string
		kind domain.Kind
	}{
		"401":           {answers(401, "{}"), "catalog_source.key_wanted", domain.Forbidden},
		"403":           {answers(403, "{}"), "catalog_source.key_wanted", domain.Forbidden},
		"404":           {answers(404, "{}"), "catalog_source.missing", domain.NotFound},
		"400":           {answers(400, `{"error":{"message":"No connected db."}}`), "catalog_source.status", domain.Unavailable},
		"429":           {answers(429, "{}", "Retry-After", "120"), "catalog_source.busy", domain.Unavailable},
		"500":           {answers(500, "{}"), "catalog_source.busy", domain.Unavailable},
		"503":           {answers(503, "<html>", "Retry-After", "soon"), "catalog_source.busy", domain.Unavailable},
		"204":           {answers(204, ""), "catalog_source.status", domain.Unavailable},
		"a page":        {answers(200, "<!doctype html><html>Log in</html>", "Content-Type", "text/html"), "catalog_source.html", domain.Invalid},
		"nothing":       {answers(200, ""), "catalog_source.nothing", domain.Invalid},
		"no JSON":       {answers(200, "models: none"), "catalog_source.json", domain.Invalid},
		"a wrong shape": {answers(200, `"models"`), "catalog_source.shape", domain.Invalid},
		"deep":          {answers(200, strings.Repeat("[", 1<<20)), "catalog_source.deep", domain.TooLarge},
		"too long":      {answers(200, strings.Repeat(" ", 4<<20)), "outbound.long", domain.TooLarge},
		"a bomb":        {answers(200, bomb.String(), "Content-Encoding", "gzip"), "outbound.bomb", domain.TooLarge},
		"a circle": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, q.URL.Path+"?"+q.URL.RawQuery+"x", http.StatusFound)
		}, "outbound.redirects", domain.Unavailable},
		"a drip": {func(w http.ResponseWriter, q *http.Request) {
			for q.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-q.Context().Done():
				}
			}
		}, "outbound.slow", domain.Unavailable},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(good)
		}, "outbound.broken", domain.Unavailable},
	}
	for _, kind := range catalog.SourceKinds[1:] {
		r, hasty := reader(t, httpx.Options{Timeout: 10 * time.Second, MaxBytes: 3 << 20}), reader(t, httpx.Options{Timeout: 200 * time.Millisecond})
		for name, c := range cases {
			asks := r
			if name == "a drip" {
				asks = hasty
			}
			if kind == catalog.File && slices.Contains([]string{"no JSON", "a wrong shape", "deep"}, name) {
				c.key, c.kind = "catalog_source.yaml", domain.Invalid
			}
			out, err := asks.Fetch(t.Context(), Request{Kind: kind, Address: serve(t, c.do)})
			if e := domain.As(err); e == nil || c.key != "" && e.Key != c.key || e.Kind != c.kind || out.Offers != nil || len(e.Msg) > 400 {
				t.Errorf("%s, %s: %v, want %s", kind, name, err, c.key)
			}
		}
		out, err := r.Fetch(t.Context(), Request{Kind: kind, Address: serve(t, answers(403, "")), Key: "sk-wrong"})
		if e := domain.As(err); e == nil || e.Key != "catalog_source.key_refused" || strings.Contains(err.Error(), "sk-wrong") || out.Offers != nil {
			t.Errorf("%s, a wrong key: %v", kind, err)
		}
		empty := map[catalog.SourceKind]string{catalog.HuggingFace: "[]", catalog.File: "models: []"}[kind]
		if empty == "" {
			empty = "{}"
		}
		if _, err := r.Fetch(t.Context(), Request{Kind: kind, Address: serve(t, answers(200, empty))}); domain.As(err) == nil || domain.As(err).Key != "catalog_source.empty" {
			t.Errorf("%s, no models: %v", kind, err)
		}
		for _, address := range []string{"", "x", "ftp://x/", "http://a:b@127.0.0.1/", "http://169.254.169.254/", "http://10.0.0.1:1/"} {
			if _, err := r.Fetch(t.Context(), Request{Kind: kind, Address: address}); domain.KindOf(err) != domain.Invalid && domain.KindOf(err) != domain.Forbidden {
				t.Errorf("%s at %q: %v", kind, address, err)
			}
		}
	}
	if _, err := (Reader{}).Fetch(t.Context(), Request{Kind: "tea leaves"}); domain.KindOf(err) != domain.Invalid {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "Mon, 02 Nov 2026 10:05:00 GMT": 5 * time.Minute, "Mon, 02 Nov 2026 09:00:00 GMT": 0, "": 0, "soon": 0, "-5": 0, "4294967295": 24 * time.Hour, "99999999999999999999": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	r := reader(t, httpx.Options{})
	_, err := r.Fetch(t.Context(), Request{Kind: catalog.LiteLLM, Address: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	})})
	if e := domain.As(err); e == nil || e.RetryAfter != 90*time.Second {
		t.Errorf("%v", err)
	}
}
