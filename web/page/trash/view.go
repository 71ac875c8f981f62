// Package trash is what was deleted: to restore, or to delete for good.
package trash

import (
	"context"
	"net/url"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// View is the trash.
//
//	GET  /trash            kind (experiment, run, model), token; confirm (item, all) with items: the question before the end
//	POST /trash/restore    item ("run:ID"), any number
//	POST /trash/purge      item or all, word
type View struct {
	Kind       string
	Counts     map[string]int64 // by kind
	Rows       []Row
	Pager      component.PagerProps
	Purging    bool // something is being deleted for good
	CanRestore bool
	CanPurge   bool
	Confirm    *Confirm
}

// Row is one thing in the trash.
type Row struct {
	Kind, ID, Name string
	Path           string // "" where its page is gone with it
	Within         string // the experiment of a run or model
	Size           Size
	Deleted        time.Time
	By             string
	Purging        bool
	Stays          bool // never deleted for good
}

// Size is what a row takes.
type Size struct {
	Runs, Params, Points, Files, Bytes int64
	About, Over                        bool
}

// Confirm is the question before things are deleted for good.
type Confirm struct {
	All   bool
	Items []string // keys
	Names []string // the first of them
	More  int64    // that are not named
	Size  Size
	Word  bool   // the reader must type the word
	Error string // the word was another
}

var kinds = []string{"experiment", "run", "model", "registered", "version"}

func (r Row) key() string { return r.Kind + ":" + r.ID }

func (v View) total() (n int64) {
	for _, k := range v.Counts {
		n += k
	}
	return n
}

func (v View) tabs(ctx context.Context) []component.Tab {
	tabs := []component.Tab{{Label: i18n.T(ctx, "trash.kind.all"), URL: "/trash", Current: v.Kind == "", Count: format.Count(ctx, v.total())}}
	for _, k := range kinds {
		tabs = append(tabs, component.Tab{Label: i18n.T(ctx, "trash.kind."+k), URL: "/trash?kind=" + k, Current: v.Kind == k, Count: format.Count(ctx, v.Counts[k])})
	}
	return tabs
}

func (v View) back() string {
	if v.Kind == "" {
		return "/trash"
	}
	return "/trash?" + url.Values{"kind": {v.Kind}}.Encode()
}

func (r Row) confirmPath() string {
	return "/trash?" + url.Values{"confirm": {"items"}, "item": {r.key()}}.Encode()
}

// rows says how many of what a thing is made of: 25 runs, about 1,500 points.
func (s Size) rows(ctx context.Context) string {
	text := ""
	add := func(part string) {
		if text != "" {
			text += " · "
		}
		text += part
	}
	about := func(part string) string {
		if s.About {
			return "≈ " + part
		}
		return part
	}
	if s.Runs > 0 {
		add(i18n.N(ctx, "trash.runs", s.Runs))
	}
	if s.Points > 0 {
		add(about(i18n.N(ctx, "trash.points", s.Points)))
	}
	if s.Params > 0 {
		add(about(i18n.N(ctx, "trash.params", s.Params)))
	}
	if text == "" {
		return format.Missing
	}
	return text
}

// files says how many bytes its artifacts have.
func (s Size) files(ctx context.Context) string {
	if s.Over {
		return "> " + format.Bytes(ctx, s.Bytes)
	}
	return format.Bytes(ctx, s.Bytes)
}

func icon(kind string) string {
	switch kind {
	case "experiment":
		return "flask-conical"
	case "run":
		return "activity"
	case "model":
		return "box"
	}
	return "package"
}
