package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, url string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestEveryFileIsServedForEver(t *testing.T) {
	for name := range byName {
		res := get(t, URL(name))
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
		if got := res.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if res.Header.Get("Content-Type") == "" || res.Header.Get("ETag") == "" {
			t.Errorf("%s: no type or no ETag: %v", name, res.Header)
		}
	}
}

func TestCompressedAndPlainAreTheSameFile(t *testing.T) {
	res := get(t, URL("app.css"), "Accept-Encoding", "br, gzip;q=0.8")
	if got := res.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q", got)
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, _ := io.ReadAll(z)
	plainRes := get(t, URL("app.css"))
	plain, _ := io.ReadAll(plainRes.Body)
	if string(plain) != string(unpacked) {
		t.Error("the two variants differ")
	}
	if a, b := res.Header.Get("ETag"), plainRes.Header.Get("ETag"); a == b {
		t.Errorf("two representations share the ETag %s", a)
	}
	if get(t, URL("app.css"), "If-None-Match", plainRes.Header.Get("ETag")).StatusCode != http.StatusNotModified {
		t.Error("a known ETag is sent again")
	}
}

func TestAcceptEncoding(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br": false, "*": true, "gzip;q=0": false,
		"gzip;q=0.0, *": false, "identity, gzip;q=0.5": true, "*;q=0": false, "*;q=0, gzip": true,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("acceptsGzip(%q) = %v", header, got)
		}
	}
}

func TestOtherRequests(t *testing.T) {
	if got := get(t, "/static/app.00000000.css").StatusCode; got != http.StatusNotFound {
		t.Errorf("an old name answers %d", got)
	}
	if got := get(t, "/prefix"+URL("app.js")).StatusCode; got != http.StatusOK {
		t.Errorf("below a path prefix: %d", got)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, URL("app.js"), nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d", w.Code)
	}
}

// Braces that do not pair in one file would swallow the files after it.
func TestStyleSheetIsWhole(t *testing.T) {
	css := string(byName["app.css"].body)
	if open, shut := strings.Count(css, "{"), strings.Count(css, "}"); open != shut {
		t.Errorf("%d braces open, %d close", open, shut)
	}
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`(--[a-z0-9-]+):`).FindAllStringSubmatch(css, -1) {
		defined[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`var\((--[a-z0-9-]+)`).FindAllStringSubmatch(css, -1) {
		if !defined[m[1]] {
			t.Errorf("%s is used and never defined", m[1])
		}
	}
	if strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Error("the style sheet loads something else")
	}
}
