// Package i18n says every word of the pages in the reader's language.
package i18n

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"github.com/slipway-ml/slipway/domain"
)

// Default is the language of a reader who asked for none that we speak.
const Default = "en"

// Languages lists every language the product speaks, the default first.
var Languages = []string{Default, "it"}

// One folder for each language, in it one file for each area of the product.
//
//go:embed en it
var files embed.FS

var catalogues = load()

func load() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, lang := range Languages {
		all[lang] = map[string]string{}
		names, err := fs.Glob(files, lang+"/*.json")
		if err != nil {
			panic(err) // the pattern is ours
		}
		for _, name := range names {
			add(all[lang], name)
		}
	}
	return all
}

// add reads the words of one file; a key has one text.
func add(words map[string]string, name string) {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	some := map[string]string{}
	if err := json.Unmarshal(text, &some); err != nil {
		panic("i18n: " + name + ": " + err.Error())
	}
	for key, word := range some {
		if _, twice := words[key]; twice {
			panic("i18n: " + name + ": " + key + " has a text already")
		}
		words[key] = word
	}
}

type contextKey struct{}

// With returns a context whose reader reads lang; an unknown language means Default.
func With(ctx context.Context, lang string) context.Context {
	if !slices.Contains(Languages, lang) {
		lang = Default
	}
	return context.WithValue(ctx, contextKey{}, lang)
}

// Lang is the reader's language.
func Lang(ctx context.Context) string {
	if lang, ok := ctx.Value(contextKey{}).(string); ok {
		return lang
	}
	return Default
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Italian})

// Match picks the language for a reader: the one preferred, if we speak it, else the best for an
// Accept-Language header (RFC 9110 §12.5.4).
func Match(acceptLanguage, preferred string) string {
	if slices.Contains(Languages, preferred) {
		return preferred
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return Default
	}
	_, i, _ := matcher.Match(wanted...)
	return Languages[i]
}

// T is the text of key, its verbs filled from args. A key without text is shown as it is, and fails a test.
func T(ctx context.Context, key string, args ...any) string {
	text, ok := lookup(ctx, key)
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// N is the text of key for n things: key.one or key.other. Its first verb, %s, is the count as the reader
// writes it; args follow.
func N(ctx context.Context, key string, n int64, args ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return T(ctx, key+form, append([]any{Count(ctx, n)}, args...)...)
}

// verb is one verb of a format, as package fmt reads it.
var verb = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0]*\d*(?:\.\d+)?[a-zA-Z%]`)

// Error is the failure in the reader's language, or in English where the catalogue lacks it or asks for other
// arguments than the failure has.
func Error(ctx context.Context, e *domain.Error) string {
	text, ok := lookup(ctx, "error."+e.Key)
	wanted := len(verb.FindAllString(strings.ReplaceAll(text, "%%", ""), -1))
	switch {
	case !ok || wanted != 0 && wanted != len(e.Args):
		return e.Msg
	case wanted == 0:
		return text
	}
	args := slices.Clone(e.Args)
	for i, a := range args {
		if w, ok := a.(domain.Word); ok {
			args[i] = T(ctx, "error."+w.Key)
		}
	}
	return fmt.Sprintf(text, args...)
}

// Fields are the failures of single form fields in the reader's language, by the name of the field.
func Fields(ctx context.Context, e *domain.Error) map[string]string {
	said := make(map[string]string, len(e.Fields))
	for field, key := range e.Fields {
		said[field] = T(ctx, "error."+key)
	}
	return said
}

// Count writes n with the reader's thousands separator.
func Count(ctx context.Context, n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "−"
	}
	return sign + Group(ctx, digits)
}

// Group sets the reader's thousands separator into a row of digits.
func Group(ctx context.Context, digits string) string {
	separator := ","
	if Lang(ctx) == "it" {
		separator = "."
	}
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 {
			b.WriteString(separator)
		}
		b.WriteRune(d)
	}
	return b.String()
}

func lookup(ctx context.Context, key string) (string, bool) {
	text, ok := catalogues[Lang(ctx)][key]
	return text, ok
}
