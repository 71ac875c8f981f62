// Package errors is the page that says what went wrong and what to do.
package errors

import (
	"context"
	"strconv"

	"github.com/slipway-ml/slipway/web/i18n"
)

// View is a failure in words. Empty words are those of the status.
type View struct {
	Status     int // 400 to 599
	Title      string
	Message    string
	Action     string // label of the way on; empty offers the experiments, or to sign in
	ActionPath string
	RequestID  string
}

// known are the statuses that have words of their own.
var known = map[int]bool{400: true, 401: true, 403: true, 404: true, 405: true, 409: true, 413: true, 429: true, 500: true, 503: true}

// complete fills what the view leaves empty.
func (v View) complete(ctx context.Context) View {
	status := v.Status
	if !known[status] {
		status = 500
		if v.Status < 500 {
			status = 400
		}
	}
	code := strconv.Itoa(status)
	if v.Title == "" {
		v.Title = i18n.T(ctx, "error_page."+code+".title")
	}
	if v.Message == "" {
		v.Message = i18n.T(ctx, "error_page."+code+".text")
	}
	if v.Action == "" {
		v.Action, v.ActionPath = i18n.T(ctx, "error_page.home"), "/experiments"
		if status == 401 {
			v.Action, v.ActionPath = i18n.T(ctx, "signin.action"), "/sign-in"
		}
	}
	return v
}

func icon(status int) string {
	switch status {
	case 404:
		return "search"
	case 401, 403:
		return "lock"
	}
	return "triangle-alert"
}
