// Package catalogsource asks the world which models it offers. Each kind of source has a file with a parser, a function of
// bytes, and with how its answers are fetched. A source is believed as a whole or not at all: what cannot be right in one
// model makes all of them doubtful.
package catalogsource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// Request says what to ask, whom, and what they called their last answer.
type Request struct {
	Kind           catalog.SourceKind
	Address, Key   string
	ETag, Modified string
}

// Result is what a source offers, in good order, and what it calls this answer.
type Result struct {
	Offers         []catalog.Offer
	ETag, Modified string
	Unchanged      bool // it says what it said before; there are no offers then
}

// Reader asks sources.
type Reader struct {
	HTTP  *httpx.Client
	Files *os.Root // the folder that files are read from; nil = none
}

const (
	maxTime = 5 * time.Minute // of one look, all its calls together
	maxTag  = 500             // bytes of what an answer is called
	maxFile = 64 << 20        // bytes, of a file or of all pages together

	// reading counts the ways in which answers have been read. An answer that is known from another way is read anew: it
	// is part of what answers are called.
	reading = "1 "
)

// Fetch asks a source what it offers. Errors are domain errors.
func (r Reader) Fetch(ctx context.Context, q Request) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	q.Address, q.Key = strings.TrimSpace(q.Address), strings.TrimSpace(q.Key)
	out, err := r.ask(ctx, q)
	if err != nil || out.Unchanged {
		return Result{ETag: out.ETag, Modified: out.Modified, Unchanged: err == nil}, err
	}
	if len(out.Offers) == 0 {
		return Result{}, domain.Fail(domain.Invalid, "catalog_source.empty", "the source offers no model at all: what was known stays")
	}
	out.Offers, err = catalog.CleanAll(out.Offers)
	if err != nil {
		return Result{}, err
	}
	return out, nil
}

func (r Reader) ask(ctx context.Context, q Request) (Result, error) {
	switch q.Kind {
	case catalog.Snapshot:
		offers, date, err := Snapshot()
		tag := reading + date
		return Result{Offers: offers, ETag: tag, Unchanged: tag == q.ETag}, err
	case catalog.OpenAI:
		offers, err := r.openai(ctx, q)
		return Result{Offers: offers}, err
	case catalog.Ollama:
		offers, err := r.ollama(ctx, q)
		return Result{Offers: offers}, err
	case catalog.HuggingFace:
		offers, err := r.huggingFace(ctx, q)
		return Result{Offers: offers}, err
	case catalog.OpenRouter:
		return r.openRouter(ctx, q)
	case catalog.ModelsDev:
		return r.one(ctx, q, parseModelsDev)
	case catalog.LiteLLM:
		return r.one(ctx, q, parseLiteLLM)
	case catalog.File:
		return r.one(ctx, q, parseFile)
	}
	return Result{}, domain.Fail(domain.Invalid, "catalog.kind", "unknown kind of source %q", domain.Short(strings.ToValidUTF8(string(q.Kind), "?")))
}

// one asks a source that says everything in one answer, unless it says what it said before.
func (r Reader) one(ctx context.Context, q Request, parse func([]byte) ([]catalog.Offer, error)) (Result, error) {
	if name, is := strings.CutPrefix(q.Address, "file:"); is {
		return r.file(q, name, parse)
	}
	header := http.Header{}
	known, same := strings.CutPrefix(q.ETag, reading)
	if same && known != "" {
		header.Set("If-None-Match", known)
	}
	if same && q.Modified != "" {
		header.Set("If-Modified-Since", q.Modified)
	}
	a, body, err := r.get(ctx, q, q.Address, header)
	switch {
	case err != nil:
		return Result{}, err
	case a.Status == http.StatusNotModified:
		return Result{ETag: q.ETag, Modified: q.Modified, Unchanged: true}, nil
	}
	offers, err := parse(body)
	return Result{Offers: offers, ETag: reading + short(a.Header.Get("ETag")), Modified: short(a.Header.Get("Last-Modified"))}, err
}

// short is what an answer is called, unless that is too long to keep.
func short(tag string) string {
	if len(tag) > maxTag {
		return ""
	}
	return tag
}

// file reads a file that the operator laid out.
func (r Reader) file(q Request, name string, parse func([]byte) ([]catalog.Offer, error)) (Result, error) {
	if r.Files == nil {
		return Result{}, domain.Fail(domain.Forbidden, "catalog_source.files", "this server reads no files: who runs it can name a folder for them")
	}
	about, err := r.Files.Stat(name)
	if err == nil && !about.Mode().IsRegular() { // a pipe would never end
		err = fs.ErrInvalid
	}
	var body []byte
	if err == nil {
		body, err = readFile(r.Files, name)
	}
	if err != nil {
		if domain.As(err) != nil {
			return Result{}, err
		}
		return Result{}, &domain.Error{Kind: domain.NotFound, Key: "catalog_source.file", Msg: "the file " + domain.Short(name) + " cannot be read from the folder for catalog files", Args: []any{domain.Short(strings.ToValidUTF8(name, "?"))}, Err: err}
	}
	sum := sha256.Sum256(body)
	out := Result{ETag: reading + hex.EncodeToString(sum[:])}
	if out.ETag == q.ETag {
		out.Unchanged = true
		return out, nil
	}
	out.Offers, err = parse(body)
	return out, err
}

func readFile(from *os.Root, name string) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(body) > maxFile {
		return nil, domain.Fail(domain.TooLarge, "catalog_source.file_large", "the file %s is longer than %d bytes", domain.Short(name), maxFile)
	}
	return body, err
}

// get fetches an address with the key. An answer that is neither 200 nor, where a condition was set, 304 is an error.
func (r Reader) get(ctx context.Context, q Request, address string, header http.Header) (*httpx.Response, []byte, error) {
	a, body, err := r.HTTP.Get(ctx, address, authorized(header, q.Key))
	if err != nil {
		return a, nil, err
	}
	conditional := header.Get("If-None-Match") != "" || header.Get("If-Modified-Since") != ""
	if a.Status == http.StatusOK || a.Status == http.StatusNotModified && conditional {
		return a, body, nil
	}
	return a, nil, status(a, q.Key != "")
}

func authorized(header http.Header, key string) http.Header {
	out := header.Clone()
	if out == nil {
		out = http.Header{}
	}
	out.Set("Accept", "application/json, */*;q=0.1")
	if key != "" {
		out.Set("Authorization", "Bearer "+key)
	}
	return out
}

// status says why an answer is none.
func status(a *httpx.Response, withKey bool) error {
	host := domain.Short(a.URL.Host)
	switch s := a.Status; {
	case (s == http.StatusUnauthorized || s == http.StatusForbidden) && withKey:
		return domain.Fail(domain.Forbidden, "catalog_source.key_refused", "%s refuses the key: look whether it is right and may list models", host)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return domain.Fail(domain.Forbidden, "catalog_source.key_wanted", "%s wants a key: give the source one", host)
	case s == http.StatusNotFound || s == http.StatusGone:
		return domain.Fail(domain.NotFound, "catalog_source.missing", "%s has nothing at this address: look whether it is right", host)
	case s == http.StatusRequestTimeout || s == http.StatusTooManyRequests || s >= http.StatusInternalServerError:
		err := domain.Fail(domain.Unavailable, "catalog_source.busy", "%s cannot answer now (status %d): it is asked again later", host, s)
		domain.As(err).RetryAfter = retryAfter(a.Header.Get("Retry-After"), time.Now())
		return err
	default:
		return domain.Fail(domain.Unavailable, "catalog_source.status", "%s answers with status %d: look whether address and key are right", host, s)
	}
}

// retryAfter is how long a server wants to be left alone: seconds or a date (RFC 9110 §10.2.3), at most a day.
func retryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if n, err := strconv.ParseUint(header, 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), 24*time.Hour)
}

// under is the address of a path of an API that may be given with or without what comes after its base.
func under(address, path string, ends ...string) (string, error) {
	u, err := httpx.Parse(address)
	if err != nil {
		return "", err
	}
	base := strings.TrimRight(u.Path, "/")
	for _, end := range ends {
		base = strings.TrimRight(strings.TrimSuffix(base, end), "/")
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: base + path}).String(), nil
}

// gone reports whether err says that there is nothing at an address for us.
func gone(err error) bool {
	e := domain.As(err)
	return e != nil && (e.Kind == domain.NotFound || e.Kind == domain.Forbidden || e.Key == "catalog_source.status")
}
