// Package handlers assembles the protocols into one server.
package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/api"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/mlflow"
	"github.com/slipway-ml/slipway/handlers/ops"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/handlers/ui"
	"github.com/slipway-ml/slipway/static"
	"github.com/slipway-ml/slipway/storage"
)

// Table is every route of the product.
func Table(m *ops.Metrics, door *identity.Door) []route.Route {
	var out []route.Route
	for _, t := range [][]route.Route{ops.Table(m), mlflow.Table(), api.Table(), ui.Table(door)} {
		out = append(out, t...)
	}
	return append(out, route.GET(static.Prefix+"*", access.Public, func(r *route.Request) error {
		static.Handler().ServeHTTP(r.Response(), r.Request())
		return nil
	}))
}

// New is the product's HTTP handler.
func New(app *route.App, door *identity.Door) http.Handler {
	m := ops.NewMetrics(app.DB, app.Version)
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = identity.Address
	e.HTTPErrorHandler = func(err error, c echo.Context) { answer(app, door, err, c) }
	e.Use(observe(app.Log, m), recovered, headers, sameOrigin)
	route.Mount(e, app, door.Who, Table(m, door))
	return underPrefix(app.Prefix, e)
}

// underPrefix serves h below a path prefix, and also without it, for proxies that take it off.
func underPrefix(prefix string, h http.Handler) http.Handler {
	if prefix == "" {
		return h
	}
	stripped := http.StripPrefix(prefix, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok && strings.HasPrefix(rest, "/") {
			stripped.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// observe gives each request an id, a log line and its place in the metrics. The line holds no query, for
// that may hold secrets.
func observe(log *slog.Logger, m *ops.Metrics) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			id := storage.NewID(start)
			route.SetID(c, id)
			c.Response().Header().Set("X-Request-Id", id)
			if err := next(c); err != nil {
				c.Error(err)
			}
			took := time.Since(start)
			m.Observe(c, took)
			level := slog.LevelInfo
			if p := c.Path(); p == "/healthz" || p == "/readyz" || strings.HasPrefix(p, static.Prefix) {
				level = slog.LevelDebug
			}
			log.LogAttrs(c.Request().Context(), level, "request",
				slog.String("request_id", id), slog.String("actor", route.Actor(c).ID), slog.String("method", c.Request().Method),
				slog.String("route", c.Path()), slog.Int("status", c.Response().Status), slog.Float64("ms", float64(took.Microseconds())/1000))
			return nil
		}
	}
}

func recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // the standard library's own sentinel, as a panic
					panic(p)
				}
				err = &panicked{p, debug.Stack()}
			}
		}()
		return next(c)
	}
}

type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "panic in a handler" }

const policy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		// A reader who stops reading ends the answer; long ones move the deadline as they go.
		_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(time.Now().Add(time.Minute))
		return next(c)
	}
}

// sameOrigin refuses acts that a page of another site makes a browser send. Clients that are no browsers
// send none of the headers it looks at.
func sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			return domain.Fail(domain.Forbidden, "access.cross_origin", "this request comes from a page of another site: open Slipway itself and try again")
		}
		return next(c)
	}
}

// answer tells the client what went wrong, in the words of the protocol it speaks.
func answer(app *route.App, door *identity.Door, err error, c echo.Context) {
	log := app.Log
	kind := domain.KindOf(err)
	var p *panicked
	switch {
	case errors.As(err, &p):
		log.Error("panic", "request_id", route.ID(c), "value", p.value, "stack", string(p.stack))
	case c.Request().Context().Err() != nil && errors.Is(err, context.Canceled):
		c.Response().Status = statusGone // for the log: nobody is there to read an answer
		return
	case kind == domain.Internal && !isHTTP(err):
		log.Error("request failed", "request_id", route.ID(c), "route", c.Path(), "error", err.Error())
	case kind == domain.Unavailable:
		log.Warn("request refused", "request_id", route.ID(c), "route", c.Path(), "error", err.Error())
	}
	if c.Response().Committed {
		return
	}
	if e := (*echo.HTTPError)(nil); errors.As(err, &e) {
		err = fromEcho(e, c)
	}
	say := mlflow.Answer(app)
	if api.Speaks(c.Request().URL.Path) {
		say = api.Answer
	} else if !isAPI(c.Request().URL.Path) {
		local, _ := door.Local(c.Request().Context()) // only for the look of the page
		say = ui.Answer(app, local)
	}
	if err := say(c, err); err != nil {
		log.Error("answer failed", "request_id", route.ID(c), "error", err.Error())
	}
}

// statusGone is what the log shows for a client that left before its answer (as nginx does).
const statusGone = 499

func isHTTP(err error) bool {
	e := (*echo.HTTPError)(nil)
	return errors.As(err, &e)
}

func isAPI(path string) bool {
	for _, p := range []string{"/api/", "/ajax-api/", "/v1/", "/get-artifact", "/model-versions/", "/metrics", "/readyz", "/version"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// fromEcho names the router's own refusals.
func fromEcho(e *echo.HTTPError, c echo.Context) error {
	switch e.Code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return domain.Fail(domain.NoRoute, "no_route", "there is nothing at %s %s", c.Request().Method, strings.ToValidUTF8(c.Request().URL.Path, "?"))
	case http.StatusRequestEntityTooLarge:
		return domain.Fail(domain.TooLarge, "body.large", "the request body is too large")
	}
	return &domain.Error{Kind: domain.Internal, Err: e}
}
