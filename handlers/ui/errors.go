package ui

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/errors"
)

// Answer shows what went wrong as a page. Who is nobody yet is sent to sign in instead.
func Answer(app *route.App, local bool) func(echo.Context, error) error {
	return func(c echo.Context, err error) error {
		kind := domain.KindOf(err)
		if kind == domain.Unauthenticated && wantsPage(c) {
			return c.Redirect(http.StatusSeeOther, app.Prefix+"/sign-in?next="+url.QueryEscape(c.Request().URL.RequestURI()))
		}
		a := route.Actor(c)
		withShell(c, shell(c, app, a, "default", local && !a.Anonymous()))
		ctx := c.Request().Context()
		v := page.View{Status: route.Status[kind], RequestID: route.ID(c)}
		e := (*domain.Error)(nil)
		if errors.As(err, &e) && kind != domain.Internal && kind != domain.NoRoute {
			v.Message = said(ctx, err)
			if e.RetryAfter > 0 {
				c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
			}
		}
		c.Response().Header().Set("Content-Type", "text/html; charset=utf-8")
		c.Response().Header().Set("Cache-Control", "no-store")
		c.Response().WriteHeader(v.Status)
		return page.Show(v).Render(ctx, c.Response())
	}
}

func wantsPage(c echo.Context) bool {
	return c.Request().Method == http.MethodGet && c.Request().Header.Get("Authorization") == "" &&
		(c.Request().Header.Get("Accept") == "" || strings.Contains(c.Request().Header.Get("Accept"), "html") || strings.Contains(c.Request().Header.Get("Accept"), "*/*"))
}

// said is what a person is told of err, in their language.
func said(ctx context.Context, err error) string {
	e := (*domain.Error)(nil)
	if errors.As(err, &e) {
		return i18n.Error(ctx, e)
	}
	return i18n.T(ctx, "error.internal")
}
