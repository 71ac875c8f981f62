// Package static serves the product's own style sheets, scripts and images. Every file has the hash of its
// content in its name, so that a browser may keep it for ever.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Prefix is where Handler expects to be mounted, below the server's own path prefix.
const Prefix = "/static/"

// layers are the cascade layers, weakest first. Each is a folder below css.
var layers = []string{"reset", "tokens", "base", "layout", "component", "page"}

//go:embed css js img
var files embed.FS

// asset is one file as it goes over the wire.
type asset struct {
	name, kind, tag string
	body            []byte
	gzipped         func() []byte // nil where compression gains nothing
}

var byName, byURL = load()

// URL is the path of the named file, e.g. "app.css" → "/static/app.1f0c9a2b.css". It panics for a file that
// does not exist: the names are in our own pages.
func URL(name string) string {
	a, ok := byName[name]
	if !ok {
		panic("static: no file " + name)
	}
	return Prefix + a.name
}

// Handler serves every file under its hashed name, wherever it is mounted: only the last part of the path counts.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := byURL[path.Base(r.URL.Path)]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			a.serve(w, r)
		}
	})
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h, body, tag := w.Header(), a.body, a.tag
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			body, tag = a.gzipped(), tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if matches(r.Header.Get("If-None-Match"), `"`+tag+`"`) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the reader has gone: nobody is left to tell
	}
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110 §12.5.3): gzip, or *, unless its weight is zero.
func acceptsGzip(header string) bool {
	accepted := false
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(params), "q="), 64)
		refused := err == nil && weight == 0
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip":
			return !refused
		case "*":
			accepted = !refused
		}
	}
	return accepted
}

func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimPrefix(strings.TrimSpace(part), "W/"); part == tag || part == "*" {
			return true
		}
	}
	return false
}

func load() (byName, byURL map[string]*asset) {
	byName, byURL = map[string]*asset{}, map[string]*asset{}
	add := func(name string, body []byte) {
		a := newAsset(name, body)
		byName[name], byURL[a.name] = a, a
	}
	add("app.css", stylesheet())
	add("app.js", script())
	for _, pattern := range []string{"js/*.*", "img/*"} {
		for _, name := range glob(pattern) {
			add(path.Base(name), read(name))
		}
	}
	return byName, byURL
}

func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:4])
	ext := path.Ext(name)
	a := &asset{name: strings.TrimSuffix(name, ext) + "." + tag + ext, kind: contentType(ext), tag: tag, body: body}
	if len(body) > 1024 {
		a.gzipped = sync.OnceValue(func() []byte { return compress(body) })
	}
	return a
}

// contentType does not ask the operating system, whose tables differ from machine to machine.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".LICENSE", ".NOTICE":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(ext)
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := z.Write(body); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// stylesheet joins the css files: the layer of a file is its folder.
func stylesheet() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "@layer %s;\n", strings.Join(layers, ", "))
	for _, layer := range layers {
		fmt.Fprintf(&b, "@layer %s {\n", layer)
		for _, name := range glob("css/" + layer + "/*.css") {
			b.Write(read(name))
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

// script joins our own scripts, the shell first: each is a function of its own, and one file is one request.
func script() []byte {
	var b bytes.Buffer
	for _, name := range glob("js/app/*.js") {
		b.Write(read(name))
	}
	return b.Bytes()
}

func glob(pattern string) []string {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err) // the patterns are constants
	}
	return names
}

func read(name string) []byte {
	body, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the name comes from the embedded listing
	}
	return body
}
