// Package link makes the addresses in pages: every one carries the path prefix the server runs under.
package link

import (
	"context"
	"strings"

	"github.com/a-h/templ"

	"github.com/slipway-ml/slipway/static"
)

type contextKey struct{}

// With returns a context for pages of a server that runs under the path prefix base, "" or "/ml".
func With(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, contextKey{}, strings.TrimSuffix(base, "/"))
}

// Base is the server's path prefix, without a slash at its end.
func Base(ctx context.Context) string {
	base, _ := ctx.Value(contextKey{}).(string)
	return base
}

// To is the address of path, which begins with one slash and may have a query. Anything else is taken for an
// address elsewhere, and is let through only with a harmless scheme.
func To(ctx context.Context, path string) templ.SafeURL {
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.HasPrefix(path, `/\`) {
		return templ.SafeURL(Base(ctx) + path)
	}
	if strings.HasPrefix(path, "?") || strings.HasPrefix(path, "#") {
		return templ.SafeURL(path)
	}
	return templ.URL(path)
}

// Static is the address of one of our own files.
func Static(ctx context.Context, name string) templ.SafeURL {
	return templ.SafeURL(Base(ctx) + static.URL(name))
}
