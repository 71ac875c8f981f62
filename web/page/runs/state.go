package runs

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// State is what the address of a runs table says, which is all there is to say: a copied address shows the same.
//
//	filter  text language          order   "metrics.auc DESC"       view   active, deleted or all
//	status  one of the states *    since   24h, 7d, 14d or 30d      user   who started the run
//	col     "metrics.auc" *        group   "params.max_depth"       limit  rows of a page
//	tree    1: nested runs below   open    runs whose children show *
//	saved   id of the saved view, "none" for the page without one   live   0: does not follow new runs
//	token   page                   (* more than once)
type State struct {
	Experiment string
	Filter     string
	Order      string
	View       string
	Statuses   []string
	Since      string
	User       string
	Columns    []string // nil: those that tell the most
	Group      string
	Limit      int
	Tree       bool
	Open       []string
	Saved      string
	Still      bool // not live
	Token      string
}

// The page sizes on offer; the first is what a page has by default.
var Limits = []int{40, 100, 200}

// Sinces are the offered times since a run started, shortest first.
var Sinces = []string{"24h", "7d", "14d", "30d"}

// Statuses are the states that runs can be filtered by.
var Statuses = []string{"RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"}

// ParseState reads the query of an address. What is not one of the offered values is left out.
func ParseState(experiment string, q url.Values) State {
	s := State{
		Experiment: experiment, Filter: q.Get("filter"), Order: q.Get("order"), View: q.Get("view"), User: q.Get("user"), Group: q.Get("group"),
		Tree: q.Get("tree") == "1", Saved: q.Get("saved"), Still: q.Get("live") == "0", Token: q.Get("token"),
	}
	if s.View != "deleted" && s.View != "all" {
		s.View = "active"
	}
	if slices.Contains(Sinces, q.Get("since")) {
		s.Since = q.Get("since")
	}
	for _, status := range q["status"] {
		if slices.Contains(Statuses, status) && !slices.Contains(s.Statuses, status) {
			s.Statuses = append(s.Statuses, status)
		}
	}
	s.Limit = Limits[0]
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && slices.Contains(Limits, n) {
		s.Limit = n
	}
	s.Columns = unique(q["col"], mostColumns)
	s.Open = unique(q["open"], mostOpen)
	if s.Group != "" {
		s.Tree = false
	}
	return s
}

// How many columns and open branches an address may name.
const (
	mostColumns = 60
	mostOpen    = 50
)

func unique(all []string, most int) (out []string) {
	for _, v := range all {
		if v != "" && !slices.Contains(out, v) && len(out) < most {
			out = append(out, v)
		}
	}
	return out
}

// Values are the query of s; what is as by default is left out.
func (s State) Values() url.Values {
	q := url.Values{}
	set := func(name, value string, is bool) {
		if is && value != "" {
			q.Set(name, value)
		}
	}
	set("filter", s.Filter, true)
	set("order", s.Order, true)
	set("view", s.View, s.View != "active")
	set("since", s.Since, true)
	set("user", s.User, true)
	set("group", s.Group, true)
	set("limit", strconv.Itoa(s.Limit), s.Limit != Limits[0] && s.Limit != 0)
	set("tree", "1", s.Tree)
	set("saved", s.Saved, true)
	set("live", "0", s.Still)
	set("token", s.Token, true)
	for name, all := range map[string][]string{"status": s.Statuses, "col": s.Columns, "open": s.Open} {
		if len(all) > 0 {
			q[name] = all
		}
	}
	return q
}

// path is the page of the experiment, or something below it ("/columns").
func (s State) path(below string) string {
	return "/experiments/" + url.PathEscape(s.Experiment) + below
}

// URL is the address of s.
func (s State) URL() string { return s.url("") }

func (s State) url(below string) string {
	if q := s.Values().Encode(); q != "" {
		return s.path(below) + "?" + q
	}
	return s.path(below)
}

// With is the address of s changed, from its first page.
func (s State) With(change func(*State)) string {
	s.Statuses, s.Columns, s.Open = slices.Clone(s.Statuses), slices.Clone(s.Columns), slices.Clone(s.Open)
	s.Token = ""
	change(&s)
	return s.URL()
}

// filtered reports whether something hides runs that the view would show.
func (s State) filtered() bool {
	return s.Filter != "" || len(s.Statuses) > 0 || s.Since != "" || s.User != ""
}

// Plain reports whether the address says nothing of what to show, so that the experiment's own view may speak.
func (s State) Plain() bool { return len(s.Values()) == 0 }

// Clear is s without filters.
func (s State) Clear() string {
	return s.With(func(s *State) { s.Filter, s.Statuses, s.Since, s.User = "", nil, "", "" })
}

// KeyName writes "metrics.val loss" as the filter language wants it: metrics.`val loss`.
func KeyName(column string) string {
	prefix, key, _ := strings.Cut(column, ".")
	switch {
	case plainName.MatchString(key):
		return column
	case strings.Contains(key, "`"):
		return prefix + `."` + strings.ReplaceAll(key, `"`, `""`) + `"`
	}
	return prefix + ".`" + key + "`"
}
