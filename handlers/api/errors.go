package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/handlers/route"
)

// statusError is an error that this protocol answers with another status than that of its kind.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

// with is an error of ours with its status.
func with(status int, kind domain.Kind, key, format string, args ...any) error {
	return statusError{status, domain.Fail(kind, key, format, args...)}
}

// problem is what went wrong, after RFC 9457.
type problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail"`
	Instance string  `json:"instance"` // the request's id
	Key      string  `json:"key"`
	Unmet    []unmet `json:"unmet,omitempty"`
}

type unmet struct {
	Key     string `json:"key"`
	Message string `json:"message"`
}

func fromUnmet(all []promotion.Unmet) []unmet {
	out := make([]unmet, len(all))
	for i, u := range all {
		out[i] = unmet{u.Key, u.String()}
	}
	return out
}

// Answer tells a client of this protocol what went wrong.
func Answer(c echo.Context, err error) error {
	kind := domain.KindOf(err)
	p := problem{
		Type: "about:blank", Status: route.Status[kind], Detail: "the server failed: its log has the cause under request id " + route.ID(c),
		Instance: "urn:slipway:request:" + route.ID(c), Key: "internal",
	}
	if own := (statusError{}); errors.As(err, &own) {
		p.Status = own.status
	}
	if e := domain.As(err); e != nil && kind != domain.Internal {
		p.Detail, p.Key = e.Msg, e.Key
		if e.RetryAfter > 0 {
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	}
	if conditions := promotion.UnmetError(nil); errors.As(err, &conditions) {
		p.Unmet = fromUnmet(conditions)
	}
	if kind == domain.Unauthenticated {
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="slipway"`)
	}
	p.Title = http.StatusText(p.Status)
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.Blob(p.Status, "application/problem+json", text)
}

// Speaks reports whether path, without the server's prefix, is one of this protocol.
func Speaks(path string) bool {
	return path == strings.TrimSuffix(base, "/") || strings.HasPrefix(path, base)
}
