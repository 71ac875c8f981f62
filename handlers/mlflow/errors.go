package mlflow

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/handlers/route"
)

// codes maps kinds of failure to the protocol's error codes and their statuses.
var codes = map[domain.Kind]struct {
	code   string
	status int
}{
	domain.Invalid:         {"INVALID_PARAMETER_VALUE", http.StatusBadRequest},
	domain.NotFound:        {"RESOURCE_DOES_NOT_EXIST", http.StatusNotFound},
	domain.NoRoute:         {"ENDPOINT_NOT_FOUND", http.StatusNotFound},
	domain.Exists:          {"RESOURCE_ALREADY_EXISTS", http.StatusBadRequest},
	domain.Conflict:        {"RESOURCE_CONFLICT", http.StatusConflict},
	domain.Forbidden:       {"PERMISSION_DENIED", http.StatusForbidden},
	domain.Unauthenticated: {"UNAUTHENTICATED", http.StatusUnauthorized},
	domain.TooLarge:        {"BAD_REQUEST", http.StatusRequestEntityTooLarge},
	domain.RateLimited:     {"REQUEST_LIMIT_EXCEEDED", http.StatusTooManyRequests},
	domain.Unavailable:     {"TEMPORARILY_UNAVAILABLE", http.StatusServiceUnavailable},
	domain.Unsupported:     {"NOT_IMPLEMENTED", http.StatusNotImplemented},
	domain.Internal:        {"INTERNAL_ERROR", http.StatusInternalServerError},
}

type envelope struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// Answer tells a client of this protocol what went wrong.
func Answer(app *route.App) func(echo.Context, error) error {
	return func(c echo.Context, err error) error { return answer(app, c, err) }
}

func answer(app *route.App, c echo.Context, err error) error {
	kind, message := domain.KindOf(err), "the server failed: its log has the cause under request id "+route.ID(c)
	e := (*domain.Error)(nil)
	if errors.As(err, &e) && kind != domain.Internal {
		message = e.Msg
		if e.Key == "slot.protected" || e.Key == "slot.held" {
			message = linked(app, c, message)
		}
		if e.RetryAfter > 0 {
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	}
	if kind == domain.Unauthenticated {
		c.Response().Header().Set("WWW-Authenticate", `Basic realm="mlflow"`)
	}
	return c.JSON(codes[kind].status, envelope{codes[kind].code, message})
}

// linked is message with the path of the page it points to as a URL: whoever reads it has no address bar.
func linked(app *route.App, c echo.Context, message string) string {
	at := strings.LastIndex(message, " /")
	if at < 0 {
		return message
	}
	return message[:at+1] + (&route.Request{Context: c, App: app}).Absolute(message[at+1:])
}
