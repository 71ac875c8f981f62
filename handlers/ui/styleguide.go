package ui

import (
	"net/http"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/web/page/styleguide"
)

var stylePages = []route.Route{
	route.GET("/styleguide", access.Maintain, showStyleguide),
}

// showStyleguide shows every component, in development mode; otherwise there is no such page.
func showStyleguide(r *route.Request) error {
	if !r.Dev {
		return domain.Fail(domain.NoRoute, "no_route", "there is nothing at %s %s", r.Request().Method, r.Request().URL.Path)
	}
	return r.Render(http.StatusOK, styleguide.Show(r.QueryParam("drawer")))
}
