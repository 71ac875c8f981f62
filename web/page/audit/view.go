// Package audit is the audit log: who did what, one line after another, and whether the chain of lines is whole.
package audit

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// View is a part of a chain.
//
//	GET /audit          chain, actor, action, object, from, to, token
//	GET /audit/export   the same, and format (jsonl, csv)
//	GET /audit/verify   chain
//	GET /audit/lines/:seq   chain
type View struct {
	Filter  Filter
	Actions []string // names of permissions to choose from
	Server  bool     // the reader may see the server's chain
	Problem string   // what of the filter could not be read
	Rows    []Row
	Pager   component.PagerProps
	Verdict *Verdict
}

// Filter is what the reader asked for, as it stands in the address.
type Filter struct{ Chain, Actor, Action, Object, From, To string }

// ServerChain is the name of the server's chain in addresses; the workspace's has none.
const ServerChain = "server"

// Set reports whether f leaves anything out.
func (f Filter) Set() bool { return f != Filter{Chain: f.Chain} }

// Address is path with the filter.
func (f Filter) Address(path string) string {
	q := url.Values{}
	for k, v := range map[string]string{"chain": f.Chain, "actor": f.Actor, "action": f.Action, "object": f.Object, "from": f.From, "to": f.To} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (f Filter) chainOnly() Filter { return Filter{Chain: f.Chain} }

func (f Filter) export(format string) string {
	at := f.Address("/audit/export")
	if strings.Contains(at, "?") {
		return at + "&format=" + format
	}
	return at + "?format=" + format
}

// Verdict is what a verification found.
type Verdict struct {
	Lines, Texts int64
	Since, Until time.Time
	Hash         string
	Seq          int64 // the first bad line; 0 = none
	Reason       string
}

// Row is one line.
type Row struct {
	Seq    int64
	At     time.Time
	Actor  string
	Action string // the name of the permission
	Told   []Told
}

// Told is a fact of a line.
type Told struct {
	Kind    string
	Subject string
	Name    string // what the subject is called, where that is known
	Path    string // its page; "" without one
	Data    map[string]any
}

// Line is all of one line.
type Line struct {
	Row
	Filter         Filter // the chain
	ActorID        string
	Token, Request string
	Address        string // "" where the reader may not see it
	Objects        []string
	Facts          string // JSON, with the texts in place
	Hash, Prev     string
	Earlier, Later bool // there is such a line
}

func (f Filter) line(seq int64) string {
	return f.chainOnly().Address("/audit/lines/" + strconv.FormatInt(seq, 10))
}

func (v View) tabs(ctx context.Context) []component.Tab {
	return []component.Tab{
		{Label: i18n.T(ctx, "audit.chain.workspace"), URL: "/audit", Current: v.Filter.Chain == ""},
		{Label: i18n.T(ctx, "audit.chain.server"), URL: "/audit?chain=" + ServerChain, Current: v.Filter.Chain == ServerChain},
	}
}

func (v View) actions(ctx context.Context) []component.Option {
	out := []component.Option{{Label: i18n.T(ctx, "audit.any_action")}}
	for _, a := range v.Actions {
		out = append(out, component.Option{Value: a, Label: i18n.T(ctx, "audit.action."+a), Selected: a == v.Filter.Action})
	}
	return out
}

// sentences are the facts that have one, with the data that it names.
var sentences = map[string][]string{
	"alias.moved": {"alias", "model", "from", "to"}, "artifact.deleted": {}, "card.saved": {"model", "version", "revision"},
	"environment.changed": {"name"}, "environment.created": {"name"}, "environment.deleted": {"name"}, "environment.protected": {"name"}, "environment.unprotected": {"name", "reason"},
	"experiment.deleted": {}, "experiment.restored": {}, "job.retried": {"kind"}, "logged_model.deleted": {}, "logged_model.restored": {},
	"model.created": {}, "model.deleted": {}, "model.described": {}, "model.renamed": {"from", "to"}, "model.restored": {}, "model.tagged": {"key"},
	"run.deleted": {}, "run.restored": {}, "session.closed": {}, "session.opened": {}, "stage.moved": {"model", "stage", "from", "to"},
	"team.created": {"name"}, "team.deleted": {"name"}, "team.member_added": {"team_name"}, "team.member_removed": {"team_name"}, "token.created": {"name"}, "token.revoked": {}, "trash.emptied": {}, "trash.purged": {"kind", "name"},
	"user.created": {"name", "role"}, "user.disabled": {}, "user.enabled": {}, "user.erased": {},
	"user.extra_changed.both": {}, "user.extra_changed.break_glass": {}, "user.extra_changed.none": {}, "user.extra_changed.operator": {}, "user.password_changed": {}, "user.role_changed": {"from", "to"},
	"version.created": {"version", "model"}, "version.deleted": {"version", "model"}, "version.described": {"version", "model"}, "version.restored": {"version", "model"},
	"version.revoked": {"version", "model", "reason"}, "version.tagged": {"version", "model", "key"},
	"promotion.created": {"number", "version"}, "promotion.submitted": {"number"}, "promotion.edited": {"number", "revision"}, "promotion.cancelled": {"number"},
	"promotion.rejected": {"number"}, "promotion.expired": {"number"}, "promotion.superseded": {"number"}, "promotion.executing": {"number"},
	"promotion.completed": {"number", "version"}, "promotion.failed": {"number"}, "promotion.waived": {"number"}, "promotion.broke_glass": {"number"},
	"promotion.debt_closed": {"number"}, "promotion.commented": {"number"}, "promotion.mentioned": {"number"}, "review.added": {"number", "decision"}, "review.withdrawn": {"number"},
	"secret.added": {"name"}, "secret.replaced": {"name", "version"}, "secret.removed": {"name"},
	"catalog.source_added": {"name"}, "catalog.source_changed": {"name"}, "catalog.source_removed": {"name"}, "catalog.source_asked": {"name"},
	"catalog.use_case_added": {"name"}, "catalog.use_case_changed": {"name"}, "catalog.use_case_removed": {"name"}, "catalog.chosen": {"model", "use_case", "status"}, "catalog.unchosen": {"model", "use_case"},
	"check.reported": {"name", "state"}, "slot.changed": {"environment", "from", "to", "cause"}, "bypass.used": {"number", "environment"},
	"promotion.created_rules": {"number"}, "promotion.created_team": {"number"}, "promotion.completed_rules": {"number"},
	"slot.changed_rules": {"environment", "to"}, "slot.changed_team": {"environment", "to"},
}

// sentence says what happened, where there are words for it, else the kind of the fact.
func (t Told) sentence(ctx context.Context) string {
	keys, ok := sentences[t.Kind]
	if !ok {
		return t.Kind
	}
	var args []any
	for _, k := range keys {
		said := "—"
		if v, there := t.Data[k]; there && v != "" && v != nil && (t.Kind != "slot.changed" || v != 0.0) { // version 0 is none
			said = fmt.Sprint(v)
		}
		args = append(args, said)
	}
	return i18n.T(ctx, "audit.fact."+t.Kind, args...)
}

// objects are the different things that a line is about.
func (r Row) objects() (out []Told) {
	seen := map[string]bool{}
	for _, t := range r.Told {
		if t.Subject != "" && !seen[t.Subject] {
			seen[t.Subject] = true
			out = append(out, t)
		}
	}
	return out
}

func (t Told) name() string {
	const id, short = 32, 8
	switch {
	case t.Name != "":
		return t.Name
	case len(t.Subject) == id:
		return t.Subject[:short] + "…"
	}
	return t.Subject
}

// mostTold is how many facts a row of the table tells; the line's own page has all.
const mostTold = 3

func number(seq int64) string { return strconv.FormatInt(seq, 10) }

func (l Line) facts(ctx context.Context) []component.Fact {
	return []component.Fact{
		{Label: i18n.T(ctx, "audit.time"), Text: format.Time(ctx, l.At).Full},
		{Label: i18n.T(ctx, "audit.actor"), Text: l.Actor},
		{Label: i18n.T(ctx, "audit.actor_id"), Text: l.ActorID, Mono: true},
		{Label: i18n.T(ctx, "audit.token"), Text: l.Token, Mono: true},
		{Label: i18n.T(ctx, "audit.request"), Text: l.Request, Mono: true},
		{Label: i18n.T(ctx, "audit.address"), Text: l.Address},
		{Label: i18n.T(ctx, "audit.objects"), Text: strings.Join(l.Objects, ", ")},
		{Label: i18n.T(ctx, "audit.prev"), Text: l.Prev, Mono: true},
		{Label: i18n.T(ctx, "audit.hash"), Text: l.Hash, Mono: true},
	}
}
