// Package route is how a handler meets the world: a table row, a permission, a request.
package route

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
)

// Route is one line of the table. Only the functions below make one, and they ask for the permission.
type Route struct {
	Method, Path string
	Perm         access.Perm
	do           func(*Request) error
}

// GET answers a question.
func GET(path string, need access.Perm, do func(*Request) error) Route {
	return Route{http.MethodGet, path, need, do}
}

// POST acts.
func POST(path string, need access.Perm, do func(*Request) error) Route {
	return Route{http.MethodPost, path, need, do}
}

// PUT stores what it is sent.
func PUT(path string, need access.Perm, do func(*Request) error) Route {
	return Route{http.MethodPut, path, need, do}
}

// PATCH changes a part.
func PATCH(path string, need access.Perm, do func(*Request) error) Route {
	return Route{http.MethodPatch, path, need, do}
}

// DELETE removes.
func DELETE(path string, need access.Perm, do func(*Request) error) Route {
	return Route{http.MethodDelete, path, need, do}
}

// Mirror adds to table each of its routes under from again under to.
func Mirror(table []Route, from, to string) []Route {
	out := table
	for _, r := range table {
		if rest, ok := strings.CutPrefix(r.Path, from); ok {
			r.Path = to + rest
			out = append(out, r)
		}
	}
	return out
}

// App is what every handler may use.
type App struct {
	DB      *storage.DB
	Blobs   blob.Store
	Secrets *secret.Box // opens what the server calls others with
	Sign    Signer      // for links that carry their own permission
	BaseURL string      // "https://host/prefix", or "" where it is not known
	Prefix  string      // the path of BaseURL, without a final slash
	Version string
	// StaleAfter is how long a running run may be silent before pages call it stale; 0 is for ever.
	StaleAfter time.Duration
	Log        *slog.Logger

	Stopping <-chan struct{} // closed when the server stops: what is endless ends
	Dev      bool            // show what only those who build the product need
}

// Absolute is the URL of path for a client outside: under BaseURL or, where that is not set, under the
// address that the client used itself.
func (r *Request) Absolute(path string) string {
	if r.BaseURL != "" {
		return r.BaseURL + path
	}
	return "http://" + r.Request().Host + path
}

// Secure reports whether browsers reach the server by https, so that cookies may insist on it.
func (a *App) Secure() bool { return strings.HasPrefix(a.BaseURL, "https:") }

// Around puts wrap around every handler of table.
func Around(table []Route, wrap func(do func(*Request) error) func(*Request) error) []Route {
	out := make([]Route, len(table))
	for i, r := range table {
		r.do = wrap(r.do)
		out[i] = r
	}
	return out
}

// Request is an authorized request. Its Grant came from the row's permission.
type Request struct {
	echo.Context
	*App
	Grant access.Grant
}

// Ctx ends when the client leaves.
func (r *Request) Ctx() context.Context { return r.Request().Context() }

// Tail is what a path's final * matched, percent-decoded once.
func (r *Request) Tail() string {
	return strings.TrimPrefix(r.Request().URL.Path, strings.TrimSuffix(r.Path(), "*"))
}

// Param is a part of the path, decoded. Echo leaves it encoded where a client encodes more than it must.
func (r *Request) Param(name string) string {
	value := r.Context.Param(name)
	if r.Request().URL.RawPath == "" {
		return value
	}
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}

// Identify tells who sent a request and which workspace it selected.
type Identify func(*http.Request) (access.Actor, error)

// WorkspaceHeader selects the workspace, as the MLflow client sends it.
const WorkspaceHeader = "X-MLFLOW-WORKSPACE"

// Keys under which Mount leaves what the log line wants to know.
const (
	actorKey = "slipway.actor"
	idKey    = "slipway.request_id"
)

// SetID remembers the id of a request.
func SetID(c echo.Context, id string) { c.Set(idKey, id) }

// ID is the id of a request, for the log, the audit and the person who asks what went wrong.
func ID(c echo.Context) string {
	id, _ := c.Get(idKey).(string)
	return id
}

// Actor is who sent the request; nobody before Mount's handler ran.
func Actor(c echo.Context) access.Actor {
	a, _ := c.Get(actorKey).(access.Actor)
	return a
}

// Mount adds table to e.
func Mount(e *echo.Echo, app *App, who Identify, table []Route) {
	for _, row := range table {
		if row.Perm.Name == "" {
			panic("route: " + row.Method + " " + row.Path + " says nothing about who may call it")
		}
		e.Add(row.Method, row.Path, func(c echo.Context) error {
			g, err := authorize(c, who, row.Perm)
			if err != nil {
				return err
			}
			return row.do(&Request{c, app, g})
		})
	}
}

func authorize(c echo.Context, who Identify, need access.Perm) (access.Grant, error) {
	a, err := who(c.Request())
	if err != nil {
		if !need.Public() {
			return access.Grant{}, err
		}
		a = access.Actor{} // bad credentials open no more and no less than none
	}
	c.Set(actorKey, a)
	workspace := c.Request().Header.Get(WorkspaceHeader)
	if workspace == "" {
		workspace = access.DefaultWorkspace
	}
	return access.Authorize(a, need, workspace, access.Origin{RequestID: ID(c), Address: c.RealIP()})
}

// Write runs fn in the request's transaction and hands back what it made.
func Write[T any](r *Request, fn func(*storage.Tx) (T, error)) (v T, err error) {
	err = r.DB.Write(r.Ctx(), r.Grant, func(tx *storage.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// Do is Write for what makes nothing to hand back.
func Do(r *Request, fn func(*storage.Tx) error) error { return r.DB.Write(r.Ctx(), r.Grant, fn) }

// Read is Write's read-only twin.
func Read[T any](r *Request, fn func(*storage.Tx) (T, error)) (v T, err error) {
	err = r.DB.Read(r.Ctx(), r.Grant, func(tx *storage.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// See is Read for what hands nothing back.
func See(r *Request, fn func(*storage.Tx) error) error { return r.DB.Read(r.Ctx(), r.Grant, fn) }

// Render answers with a whole page, or with only the named fragment when htmx asked for it.
func (r *Request) Render(code int, page templ.Component) error {
	h := r.Response().Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "HX-Request")
	h.Add("Vary", "Cookie")
	r.Response().WriteHeader(code)
	if t := r.Request().Header.Get("HX-Target"); t != "" && r.Request().Header.Get("HX-Boosted") == "" {
		return templ.RenderFragments(r.Ctx(), r.Response(), page, t)
	}
	return page.Render(r.Ctx(), r.Response())
}

// Status is the HTTP status of each kind of failure. Protocols that differ say so in their own errors.go.
var Status = map[domain.Kind]int{
	domain.Invalid: http.StatusBadRequest, domain.NotFound: http.StatusNotFound, domain.NoRoute: http.StatusNotFound,
	domain.Exists: http.StatusConflict, domain.Conflict: http.StatusConflict, domain.Forbidden: http.StatusForbidden,
	domain.Unauthenticated: http.StatusUnauthorized, domain.TooLarge: http.StatusRequestEntityTooLarge,
	domain.RateLimited: http.StatusTooManyRequests, domain.Unavailable: http.StatusServiceUnavailable,
	domain.Unsupported: http.StatusNotImplemented, domain.Internal: http.StatusInternalServerError,
}
