// Package domain holds the words every feature shares. It imports only the standard library.
package domain

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what went wrong in terms a caller can act on; each protocol maps kinds to its own codes.
type Kind string

// The kinds of failure. An error nobody classified is Internal, and its text stays in the log.
const (
	Internal        Kind = "internal"
	Invalid         Kind = "invalid"
	NotFound        Kind = "not_found"
	Exists          Kind = "already_exists" // the name is taken
	Conflict        Kind = "conflict"       // the thing is in another state than the caller thinks
	Forbidden       Kind = "forbidden"
	Unauthenticated Kind = "unauthenticated"
	TooLarge        Kind = "too_large"
	RateLimited     Kind = "rate_limited"
	Unavailable     Kind = "unavailable"
	Unsupported     Kind = "unsupported" // a feature this server does not offer
	NoRoute         Kind = "no_route"    // no such endpoint
)

// Error carries a kind and a message fit for the person who asked; Err stays in the logs.
type Error struct {
	Kind       Kind
	Key        string            // i18n key under "error.", e.g. "run.deleted"
	Msg        string            // English; also the text an API client reads
	Args       []any             // what Msg was made from, for the translation of Key
	Fields     map[string]string // form field -> i18n key
	RetryAfter time.Duration     // for RateLimited and Unavailable; 0 = not said
	Err        error             // the cause, for the log only
}

// Word is one of Args that each language has words for, unlike a name or a number.
type Word struct {
	Key  string // i18n key under "error."
	Text string // English
}

// String is the English word.
func (w Word) String() string { return w.Text }

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Kind) + ": " + e.Msg + ": " + e.Err.Error()
	}
	return string(e.Kind) + ": " + e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// Short is s fit for a message: at most 80 bytes of it, on a character's edge.
func Short(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Fail makes an error of kind k. The key names its translation, format and args its English text.
func Fail(k Kind, key, format string, args ...any) error {
	return &Error{Kind: k, Key: key, Msg: fmt.Sprintf(format, args...), Args: args}
}

// KindOf reports the kind of err; an error nobody classified is Internal, nil has none.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// As is the domain error in err, nil if there is none.
func As(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}
