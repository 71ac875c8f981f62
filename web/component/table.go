package component

import "strings"

// Head is the head of one column. With a URL a click on it sorts.
type Head struct {
	Label  string
	URL    string
	Sort   string // "", ascending or descending
	Number bool
	Full   string // the whole name where the label is shortened
}

// SortHead is the head of a column that sorts by key, for a page now in order ("metrics.auc DESC"; a key without
// a direction is ascending). urlFor makes the page's address for another order. Numbers begin with the largest.
func SortHead(label, key, order string, number bool, urlFor func(order string) string) Head {
	h := Head{Label: label, Number: number}
	by, direction, _ := strings.Cut(strings.TrimSpace(order), " ")
	if strings.HasPrefix(order, "`") || strings.Contains(key, "`") {
		by, direction = cutDirection(order)
	}
	descending := strings.EqualFold(strings.TrimSpace(direction), "desc")
	next := key + " ASC"
	if number {
		next = key + " DESC"
	}
	if by == key {
		h.Sort, next = "ascending", key+" DESC"
		if descending {
			h.Sort, next = "descending", key+" ASC"
		}
	}
	h.URL = urlFor(next)
	return h
}

// cutDirection splits an order whose key may hold spaces, in back quotes.
func cutDirection(order string) (key, direction string) {
	order = strings.TrimSpace(order)
	if i := strings.LastIndexByte(order, ' '); i > strings.LastIndexByte(order, '`') {
		return strings.TrimSpace(order[:i]), order[i+1:]
	}
	return order, ""
}

func sortIcon(sort string) string {
	switch sort {
	case "ascending":
		return "arrow-up"
	case "descending":
		return "arrow-down"
	}
	return "arrow-up-down"
}

// Cell is one value of a table.
type Cell struct {
	Text   string
	Full   string // shown on hover where the text is cut or rounded
	Number bool
	Mono   bool
}
