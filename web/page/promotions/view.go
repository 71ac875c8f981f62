// Package promotions is the pages of requests to make a version live, and of what is live where.
//
//	GET  /promotions               tab (waiting, open, mine, all), below
//	GET  /promotions/new           model, version, to
//	POST /promotions               model, version, environment, reason
//	GET  /promotions/:number
//	POST /promotions/:number/…     submit, edit, cancel, decide, withdraw, waive, comment, execute, abort, break-glass, debt
//	GET  /slots                    at
//	POST /slots/rollback            environment, asset, version, generation, reason
package promotions

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
)

// The tabs of the list.
const (
	TabWaiting = "waiting"
	TabOpen    = "open"
	TabMine    = "mine"
	TabAll     = "all"
)

// ListView is a list of requests.
type ListView struct {
	Tab     string
	Waiting int // for the reader
	Rows    []Row
	Pager   component.PagerProps
}

// Row is one request in a list.
type Row struct {
	Number      int64
	Kind        slot.Kind
	Asset       string // name of the model, the environment or the team
	Version     int64
	Environment string
	State       promotion.State
	Cause       string
	Author      string
	Approved    []string // by these people; filled where a page shows it
	Mentioned   bool     // the reader is, in its discussion
	Updated     time.Time
}

// about is what a request is for.
func about(ctx context.Context, k slot.Kind, asset string, version int64) string {
	switch k {
	case slot.Rules:
		return i18n.T(ctx, "promotions.rules_of", asset)
	case slot.Team:
		return i18n.T(ctx, "promotions.team_of", asset)
	default:
		return asset + " v" + number(version)
	}
}

// stated is a state in words: a version goes live, rules come into force.
func stated(ctx context.Context, k slot.Kind, s promotion.State) string {
	if k != slot.Model && (s == promotion.Completed || s == promotion.Executing) {
		return i18n.T(ctx, "promotions.in_force."+string(s))
	}
	return i18n.T(ctx, "promotions.state."+string(s))
}

// did is what a line of the story says.
func did(ctx context.Context, k slot.Kind, note string) string {
	if k != slot.Model && (note == "completed" || note == "executing") {
		return i18n.T(ctx, "promotions.note_rules."+note)
	}
	return i18n.T(ctx, "promotions.note."+note)
}

// gateName is what a gate is called: by its id, unless every request for rules has it.
func gateName(ctx context.Context, kind promotion.GateKind, id string) string {
	if kind == promotion.BaseGate || kind == promotion.ReviewersGate {
		return i18n.T(ctx, "promotions.gate_name."+id)
	}
	return id
}

func (r Row) name() string { return name(r.Number) }

func name(number int64) string { return "PR-" + strconv.FormatInt(number, 10) }

func approved(rows []Row) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return len(r.Approved) > 0 })
}

// Stay is how long a version was live in an environment.
type Stay struct {
	Environment  string
	Version      int64
	Path         string // of the version's page
	Since, Until time.Time
	By, Cause    string
	Request      int64 // its number, 0 for none
}

// Path is the page of a request.
func Path(number int64) string { return "/promotions/" + strconv.FormatInt(number, 10) }

func (v ListView) tabs(ctx context.Context) (out []component.Tab) {
	for _, t := range []string{TabWaiting, TabOpen, TabMine, TabAll} {
		tab := component.Tab{Label: i18n.T(ctx, "promotions.tab."+t), URL: "/promotions?tab=" + t, Current: v.Tab == t}
		if t == TabWaiting && v.Waiting > 0 {
			tab.Count = strconv.Itoa(v.Waiting)
		}
		out = append(out, tab)
	}
	return out
}

// look is the tone and the icon of a state.
func look(s promotion.State) (component.Tone, string) {
	switch s {
	case promotion.Completed:
		return component.OK, "circle-check"
	case promotion.Approved:
		return component.OK, "check"
	case promotion.InReview:
		return component.Info, "eye"
	case promotion.Checking, promotion.Executing:
		return component.Info, "loader-circle"
	case promotion.Blocked, promotion.Rejected, promotion.Aborted:
		return component.Danger, "circle-x"
	case promotion.Scheduled:
		return component.Warn, "clock"
	default:
		return component.Neutral, "circle-dashed"
	}
}

// verdict is the tone, the icon and the class of a verdict.
func verdict(x promotion.Verdict) (tone component.Tone, icon, class string) {
	switch x {
	case promotion.Passed:
		return component.OK, "circle-check", "gate--ok"
	case promotion.Failed, promotion.Errored:
		return component.Danger, "circle-x", "gate--fail"
	case promotion.Inconclusive:
		return component.Warn, "circle-question-mark", "gate--wait"
	case promotion.Waiting:
		return component.Warn, "clock", "gate--wait"
	default:
		return component.Neutral, "circle-dashed", "gate--none"
	}
}

// NewView is the form for a new request.
type NewView struct {
	Model, Reason, To, Error string
	Path                     string // of the model's page
	Version                  int64
	Versions                 []int64
	Environments             []string
}

// ShowView is the page of one request.
type ShowView struct {
	Number      int64
	Kind        slot.Kind
	Model       string // or the environment or the team, by its name
	Version     int64
	Environment string
	Protected   bool
	State       promotion.State
	Cause       string
	Until       time.Time // of the freeze, or the day before which it is not carried out; zero where that is not the cause
	Author      string
	Editor      string // "" = the author
	Created     time.Time
	Deadline    time.Time
	Reason      string
	Revision    int64
	NotBefore   string // in the form of its field
	Incident    string
	Steps       []Step
	Live        Side // without a version where nothing is live
	Candidate   Side
	Metrics     []Metric
	Changes     []Change
	Differences []Difference // of rules or teams
	Before      string       // rules, JSON
	After       string
	Gates       []Gate
	Rules       []Rule
	Reviews     []Review
	Notes       []Note
	Unmet       []promotion.Unmet // what is in the way of carrying it out
	Binding     promotion.Binding
	Versions    []int64

	CanDecide  bool
	CanComment bool
	WhyNot     string // key below "promotions.why." where the reader cannot decide
	MayApprove bool
	CanTake    bool // withdraw one's own review
	CanExecute bool // is the one who may, once nothing is in the way
	CanCancel  bool
	CanEdit    bool
	CanSubmit  bool
	CanWaive   bool
	CanGlass   bool
	CanClose   bool // a debt
	Debt       bool
	DebtDue    time.Time
	Rollback   *RollbackForm
	Comment    string // as typed, with Error
	Error      string
	Problem    string // of another form, at the top
	Said       string // a comment as typed, with SaidError
	SaidError  string

	People    map[string]bool // names that are marked where a comment mentions them
	Callable  []string        // names that are offered after an @
	Mentioned bool            // the reader is, and sees it now
}

// Step is an environment on the way.
type Step struct {
	Name, Text string
	Done, Now  bool
}

// Side is one of the two versions that are compared.
type Side struct {
	Version int64
	Path    string
	Since   time.Time
	Digest  string
	Data    string
	Commit  string
	Licence string
}

// Metric is one number of both versions.
type Metric struct {
	Name, Dataset    string
	Live, Here       string
	Change, Limit    string
	Up, Better, Tone bool // Tone: it is known which way is better
}

// Change is something else in which the two differ.
type Change struct{ What, Before, After string }

// Difference is what goes and what comes in one part of the rules, or of who is in a team.
type Difference struct {
	Label      string
	Gone, Come []string
}

// Gate is what one gate found.
type Gate struct {
	ID       string
	Kind     promotion.GateKind
	Verdict  promotion.Verdict
	Was      promotion.Verdict // of a waived one
	Sentence string
	Expires  time.Time
	WaivedBy string
	Reason   string // of the waiver
	Waivable bool
}

// Rule is how far a rule of approval is met.
type Rule struct {
	Name       string
	Have, Need int
	Whom       string
}

// Review is what somebody said.
type Review struct {
	By        string
	Decision  promotion.Decision
	Comment   string
	At        time.Time
	Stale     string // key below "promotions.stale."
	Withdrawn bool
	Counts    bool
}

// Note is a line of the story.
type Note struct {
	By, Kind, Body string
	At             time.Time
}

// RollbackForm asks for what was live before.
type RollbackForm struct {
	Environment string
	Asset       string
	Model       string
	Version     string // id, "" = the one before
	Number      int64
	Generation  int64
}

func (v ShowView) name() string { return name(v.Number) }
func (v ShowView) path() string { return Path(v.Number) }
func (v ShowView) environment() string {
	return "/environments/" + url.PathEscape(v.Environment)
}

func (v ShowView) crumbs(ctx context.Context) []layout.Crumb {
	return []layout.Crumb{{Label: i18n.T(ctx, "nav.promotions"), Path: "/promotions"}, {Label: v.name()}}
}

func (v ShowView) title(ctx context.Context) string {
	if v.Kind != slot.Model {
		return about(ctx, v.Kind, v.Model, v.Version)
	}
	return i18n.T(ctx, "promotions.title", v.Model, number(v.Version), v.Environment)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// count is how many gates have one of some verdicts.
func (v ShowView) count(of ...promotion.Verdict) int {
	n := 0
	for _, g := range v.Gates {
		for _, x := range of {
			if g.Verdict == x {
				n++
			}
		}
	}
	return n
}

// LiveView is what is live where.
type LiveView struct {
	Environments []string
	Rows         []LiveRow
	At           string // in the form of its field, "" = now
	Problem      string
	CanRollBack  bool
}

// LiveRow is one model.
type LiveRow struct {
	Model, Path string
	Cells       []LiveCell
}

// LiveCell is what is live of a model in one environment.
type LiveCell struct {
	Version int64
	Path    string
	Since   time.Time
	By      string
	Cause   string
	Back    *RollbackForm
}

func noteIcon(kind string) (icon, class string) {
	switch kind {
	case "comment":
		return "file-text", ""
	case "completed", "became_approved":
		return "circle-check", "tl__i--ok"
	case "rejected", "failed", "became_blocked", "cancelled":
		return "circle-x", "tl__i--danger"
	case "broke_glass", "waived":
		return "triangle-alert", "tl__i--warn"
	case "created", "submitted":
		return "ship", "tl__i--info"
	}
	return "clock", ""
}

func (f RollbackForm) id() string { return "roll-back-" + f.Asset + "-" + f.Environment }

func (v NewView) versions() (out []component.Option) {
	for _, n := range v.Versions {
		out = append(out, component.Option{Value: number(n), Label: "v" + number(n), Selected: n == v.Version})
	}
	return out
}

func (v NewView) environments() (out []component.Option) {
	for _, e := range v.Environments {
		out = append(out, component.Option{Value: e, Label: e, Selected: e == v.To})
	}
	return out
}

func (v ShowView) versions() (out []component.Option) {
	for _, n := range v.Versions {
		out = append(out, component.Option{Value: number(n), Label: "v" + number(n), Selected: n == v.Version})
	}
	return out
}

// Short is the beginning of a digest, as pages show it.
func Short(digest string) string { return digest[:min(len(digest), 12)] }

// sentence is a condition in the reader's language. A word among its arguments is one of a verdict or a state.
func sentence(ctx context.Context, kind slot.Kind, u promotion.Unmet) string {
	args := make([]any, len(u.Args))
	for i, a := range u.Args {
		switch a := a.(type) {
		case promotion.State:
			args[i] = i18n.T(ctx, "promotions.state."+string(a))
		case domain.Word:
			args[i] = i18n.T(ctx, "promotions."+a.Key)
		case time.Time:
			args[i] = format.Time(ctx, a).Full
		case int64:
			args[i] = number(a)
		case int:
			args[i] = strconv.Itoa(a)
		default:
			args[i] = a
		}
	}
	if u.Key == "gate" && kind != slot.Model {
		id := fmt.Sprint(args[0])
		args[0] = gateName(ctx, promotion.GateKind(id), id)
	}
	return i18n.T(ctx, "promotions.in_the_way."+u.Key, args...)
}

// plain is what a line has to say besides, where it is text of people.
func (n Note) plain() string {
	switch n.Kind {
	case "waived", "broke_glass", "cancelled", "rejected", "failed", "superseded", "debt_closed":
		return n.Body
	}
	return ""
}
