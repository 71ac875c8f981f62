// Package download hands out stored files: as attachments of a type that no browser runs.
package download

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// types by file name; what is not listed is bytes.
var types = map[string]string{
	".txt": "text/plain", ".json": "text/plain", ".yaml": "text/plain", ".yml": "text/plain", ".csv": "text/plain", ".log": "text/plain",
	".md": "text/plain", ".py": "text/plain", ".tsv": "text/plain", ".cfg": "text/plain", ".toml": "text/plain", ".ini": "text/plain",
	".html": "text/html", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".svg": "image/svg+xml",
}

// Type is the media type of a file by its name.
func Type(name string) string {
	if path.Base(name) == "MLmodel" {
		return "text/plain"
	}
	if t := types[strings.ToLower(path.Ext(name))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// Attachment sends a as a file to save, in part if the client asks so.
func Attachment(r *route.Request, a tracking.Artifact) error {
	return send(r, a, "attachment")
}

// Inline sends an image for a page to show. Any other type goes as an attachment.
func Inline(r *route.Request, a tracking.Artifact) error {
	if t := Type(a.Path); strings.HasPrefix(t, "image/") && t != "image/svg+xml" {
		return send(r, a, "inline")
	}
	return Attachment(r, a)
}

// framePolicy lets a page of ours show a file as a page inside it: without scripts, forms or an origin, and with
// nothing from elsewhere. The styles that it brings are its own.
const framePolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"

// Framed sends an HTML file for a frame of our own pages. Any other type, and a file that is asked for otherwise
// than for a frame, goes as an attachment.
func Framed(r *route.Request, a tracking.Artifact) error {
	asked := r.Request().Header.Get("Sec-Fetch-Dest")
	if Type(a.Path) != "text/html" || asked != "" && asked != "iframe" {
		return Attachment(r, a)
	}
	h := r.Response().Header()
	h.Set("Content-Security-Policy", framePolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	return send(r, a, "inline")
}

func send(r *route.Request, a tracking.Artifact, disposition string) error {
	f, err := r.Blobs.Open(r.Ctx(), a.Digest)
	if domain.KindOf(err) == domain.NotFound { // its row is there: the bytes were lost, which is no mistake of the caller
		err = fmt.Errorf("artifact %s: the store lost its bytes: %s", a.Path, err.Error())
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := r.Response().Header()
	h.Set("Content-Type", Type(a.Path))
	h.Set("Content-Disposition", Disposition(disposition, path.Base(a.Path)))
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Content-Security-Policy") != framePolicy {
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	}
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+a.Digest+`"`)
	http.ServeContent(r.Response(), r.Request(), "", time.UnixMilli(a.CreatedAt), route.Paced(r, f))
	return nil
}

// Disposition is the Content-Disposition (RFC 6266) of a file called name: inline or attachment.
func Disposition(how, name string) string { return how + "; " + fileName(name) }

// fileName is the filename parameter of RFC 6266: plain where the name is, else with a plain stand-in before
// the exact one for clients that know only that.
func fileName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune("\"\\%;'*", r) {
			return '_'
		}
		return r
	}, name)
	if plain == name {
		return strings.TrimPrefix(mime.FormatMediaType("x", map[string]string{"filename": name}), "x; ")
	}
	return `filename="` + plain + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// Find finds the file at name under the root of a run or model.
func Find(r *route.Request, name string, root func(*storage.Tx) (string, error)) (tracking.Artifact, error) {
	name, err := tracking.CleanArtifactPath(name)
	if err != nil {
		return tracking.Artifact{}, err
	}
	return route.Read(r, func(tx *storage.Tx) (tracking.Artifact, error) {
		uri, err := root(tx)
		if err != nil {
			return tracking.Artifact{}, err
		}
		at, ours := tracking.StorePath(uri)
		if !ours {
			return tracking.Artifact{}, domain.Fail(domain.NotFound, "artifact.elsewhere", "the artifacts lie in %s, which this server does not reach", uri)
		}
		a, err := tx.Artifact(r.Ctx(), r.Grant.Workspace(), path.Join(at, name))
		if domain.KindOf(err) != domain.NotFound {
			return a, err
		}
		in, err := tx.ArtifactEntries(r.Ctx(), r.Grant.Workspace(), path.Join(at, name))
		switch {
		case err != nil:
			return a, err
		case len(in) > 0:
			return a, domain.Fail(domain.Invalid, "artifact.folder", "%q is a folder: name a file in it", name)
		}
		return a, domain.Fail(domain.NotFound, "artifact.not_found", "there is no artifact %q", name)
	})
}

// Below sends the file at name under the root of a run or model.
func Below(r *route.Request, name string, root func(*storage.Tx) (string, error)) error {
	a, err := Find(r, name, root)
	if err != nil {
		return err
	}
	return Attachment(r, a)
}
