// Package search is what was found, as a page and as the answers in the command menu.
package search

import (
	"net/url"
	"strconv"
)

// View is the answer to a search.
//
//	GET /search    q, kind (experiments, runs, models, tags; empty is some of each)
type View struct {
	Words  string
	Kind   string // the only one shown; "" shows all
	Groups []Group
	Most   int // of one kind
}

// Group is what was found of one kind; an empty one is not shown.
type Group struct {
	Kind  string // experiments, runs, models, tags
	Icon  string
	Items []Item
	More  bool // there may be more than these
}

// Item is one thing found.
type Item struct {
	Name, Path string
	About      string // where it is, in short
	Status     string // of a run
	Count      string
}

// Nothing reports whether words were looked for and not found.
func (v View) Nothing() bool {
	for _, g := range v.Groups {
		if len(g.Items) > 0 {
			return false
		}
	}
	return v.Words != ""
}

func (v View) address(kind string) string {
	q := url.Values{"q": {v.Words}}
	if kind != "" {
		q.Set("kind", kind)
	}
	return "/search?" + q.Encode()
}

func (g Group) id(i int) string { return "found-" + g.Kind + "-" + strconv.Itoa(i) }
