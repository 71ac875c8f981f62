package runs

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// maxCompared is how many runs one page compares.
const maxCompared = 20

// ColumnsView is the picker of columns.
type ColumnsView struct {
	State State
	Name  string // of the experiment
	Query string // a part of the keys' names
	Shown []string
	Found []ColumnKind
	More  bool // there are more keys than are listed
}

// ColumnKind are the keys of one kind that were found.
type ColumnKind struct {
	Label string
	Keys  []string
}

// pairs are the parameters of s for hidden fields, but for those named and the page.
func (s State) pairs(without ...string) (out []component.Pair) {
	q := s.Values()
	names := make([]string, 0, len(q))
	for name := range q {
		if name != "token" && !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range q[name] {
			out = append(out, component.Pair{Key: name, Value: value})
		}
	}
	return out
}

func (s State) exportURL(format string) string {
	q := s.Values()
	q.Del("token")
	q.Set("format", format)
	return s.path("/export") + "?" + q.Encode()
}

func (s State) hasStatus(status string) bool { return slices.Contains(s.Statuses, status) }

// chips are the conditions of the form controls, each with the address without it.
func (v ListView) chips(ctx context.Context) (out []component.ChipProps) {
	add := func(label string, without func(*State)) {
		out = append(out, component.ChipProps{Label: label, URL: v.State.With(without), Remove: i18n.T(ctx, "runs.remove_filter", label)})
	}
	for _, status := range v.State.Statuses {
		add(statusWord(ctx, status), func(s *State) {
			s.Statuses = slices.DeleteFunc(s.Statuses, func(other string) bool { return other == status })
		})
	}
	if v.State.Since != "" {
		add(i18n.T(ctx, "runs.since."+v.State.Since), func(s *State) { s.Since = "" })
	}
	if v.State.User != "" {
		add(i18n.T(ctx, "run.user")+": "+v.State.User, func(s *State) { s.User = "" })
	}
	if v.State.View != "active" {
		add(i18n.T(ctx, "view."+v.State.View), func(s *State) { s.View = "active" })
	}
	if v.State.Group != "" {
		add(i18n.T(ctx, "runs.grouped_by", v.State.Group), func(s *State) { s.Group = "" })
	}
	if v.State.Tree {
		add(i18n.T(ctx, "runs.tree"), func(s *State) { s.Tree, s.Open = false, nil })
	}
	return out
}

// found says how much is shown and how long it took to find.
func (v ListView) found(ctx context.Context) string {
	took := i18n.T(ctx, "runs.took", max(1, v.Took.Milliseconds()))
	if v.State.Group != "" {
		return i18n.N(ctx, "runs.group_count", int64(len(v.Groups))) + " · " + took
	}
	return Shown(ctx, len(v.Rows), v.Total) + " · " + took
}

func (v ListView) hides(ctx context.Context) string {
	if v.Total == 0 {
		return i18n.T(ctx, "filter.none_text")
	}
	return i18n.N(ctx, "runs.hidden", v.Total)
}

func (v ListView) sinceOptions(ctx context.Context) []component.Option {
	out := []component.Option{{Label: i18n.T(ctx, "runs.any_time"), Selected: v.State.Since == ""}}
	for _, s := range Sinces {
		out = append(out, component.Option{Value: s, Label: i18n.T(ctx, "runs.since."+s), Selected: v.State.Since == s})
	}
	return out
}

func (v ListView) viewOptions(ctx context.Context) (out []component.Option) {
	for _, view := range []string{"active", "deleted", "all"} {
		out = append(out, component.Option{Value: view, Label: i18n.T(ctx, "view."+view), Selected: v.State.View == view})
	}
	return out
}

// pages is the pager with the page sizes.
func (v ListView) pages(ctx context.Context) component.PagerProps {
	p := v.Pager
	for _, n := range Limits {
		p.Sizes = append(p.Sizes, component.Tab{
			Label: format.Count(ctx, int64(n)), URL: v.State.With(func(s *State) { s.Limit = n }), Current: v.State.Limit == n,
		})
	}
	return p
}

// toggle opens what is closed and closes what is open.
func (v ListView) toggle(r Row) string {
	s := v.State
	token := s.Token
	return s.With(func(s *State) {
		s.Token = token
		if r.Open {
			s.Open = slices.DeleteFunc(s.Open, func(id string) bool { return id == r.ID })
			return
		}
		s.Open = append(s.Open, r.ID)
	})
}

// current is the saved view that the address names.
func (v ListView) current() (SavedView, bool) {
	at := slices.IndexFunc(v.Views, func(s SavedView) bool { return s.Current })
	if at < 0 {
		return SavedView{}, false
	}
	return v.Views[at], true
}

// allRuns is what the address says to see all runs: nothing, unless a view opens by itself.
func (v ListView) allRuns() string {
	if slices.ContainsFunc(v.Views, func(s SavedView) bool { return s.Standard }) {
		return "none"
	}
	return ""
}

// origin is the address of the server without its path.
func (v ListView) origin() string {
	u, err := url.Parse(v.TrackingURI)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (v ListView) viewLabel(ctx context.Context, s SavedView) string {
	if s.ID == "" {
		return i18n.T(ctx, "views.new_name")
	}
	return i18n.T(ctx, "views.name")
}

func (v ListView) viewAct(ctx context.Context, s SavedView) string {
	if s.ID == "" {
		return i18n.T(ctx, "views.save_new")
	}
	return i18n.T(ctx, "views.save_changes")
}

// firstLine is the beginning of a Markdown text, without its marks.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#>*- ")); line != "" {
			return line
		}
	}
	return ""
}
