// Package registry is the pages of registered models: the list, one model, one version, and the history of aliases.
package registry

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
	"github.com/slipway-ml/slipway/web/page/promotions"
)

// Path is the address of a model's page.
func Path(name string) string { return "/models/" + url.PathEscape(name) }

// VersionPath is the address of a version's page.
func VersionPath(name string, number int64) string {
	return Path(name) + "/versions/" + strconv.FormatInt(number, 10)
}

// Link is a name that leads somewhere; without a name there is none.
type Link struct{ Label, Path string }

// ListView is the page of all models, at /models.
type ListView struct {
	Query, Order string
	Problem      component.FilterProblem
	Rows         []Row
	Pager        component.PagerProps
	FirstUse     bool
	CanWrite     bool
	TrackingURI  string
	Form         Form
}

// Row is one model of the list.
type Row struct {
	Name        string
	Description string
	Latest      int64 // the highest version, 0 = none
	Revoked     bool  // that version is
	Aliases     []registry.Alias
	MoreAliases int
	Updated     time.Time
	CreatedBy   string
	Tags        []component.Pair
}

// Form is the form to make a model, as it was sent.
type Form struct {
	Name, Description string
	Errors            map[string]string
}

func (v ListView) address(order string) string {
	q := url.Values{}
	for key, value := range map[string]string{"q": v.Query, "order": order} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if len(q) == 0 {
		return "/models"
	}
	return "/models?" + q.Encode()
}

func (v ListView) head(label, key string) component.Head {
	return component.SortHead(label, key, v.Order, false, v.address)
}

func (v ListView) snippet() string {
	return component.ClientScript(v.TrackingURI, "mlflow.sklearn.log_model(model, name=\"model\", registered_model_name=\"fraud-scorer\")\n")
}

// ModelView is the page of one model, at /models/:name.
type ModelView struct {
	Name          string
	Text          string // the description, Markdown
	Created       time.Time
	CreatedBy     string
	Updated       time.Time
	Tags          []component.Pair
	Versions      []VersionRow
	Total         int64 // versions
	Older         string
	Aliases       []AliasRow
	AliasCount    int // there may be more than are listed
	Live          []promotions.Stay
	Asked         []promotions.Row
	Moves         []MoveRow
	MoreMoves     bool
	CanWrite      bool
	CanPropose    bool
	CanDelete     bool
	Form          AliasForm
	RenameError   string
	RenameTo      string
	TagKey        string
	TagValue      string
	TagError      string
	RegisterUsage string // how a client adds a version
}

// VersionRow is one version in a model's table.
type VersionRow struct {
	Number    int64
	Aliases   []string
	Stage     registry.Stage
	Standing  registry.Standing
	Broken    bool
	Revoked   bool
	Run       Link
	Digest    string
	Size      string
	Created   time.Time
	CreatedBy string
}

// AliasRow is an alias with who moved it there, and when.
type AliasRow struct {
	Name    string
	Version int64
	At      time.Time
	By      string
	Here    bool // it names the version of this page
}

// AliasForm is the form that moves an alias, as it was sent.
type AliasForm struct{ Alias, Version, Error string }

// MoveRow is one line of a history.
type MoveRow struct {
	ID       string
	Kind     registry.MoveKind
	Subject  string
	From, To string
	At       time.Time
	By       string
	Undoes   bool
	CanUndo  bool
}

// HistoryView is the history of a model's aliases and stages, at /models/:name/history.
type HistoryView struct {
	Name    string
	Subject string // the alias, or the version whose stages are shown; "" = all
	Kind    registry.MoveKind
	Moves   []MoveRow
	Full    bool // there are older moves than are shown
}

// The tabs of a version.
const (
	TabOverview = "overview"
	TabFiles    = "files"
	TabCard     = "card"
	TabScan     = "scan"
)

// VersionView is the page of one version, at /models/:name/versions/:version.
type VersionView struct {
	Model, Summary string
	Number         int64
	Tab            string
	Stage          registry.Stage
	Standing       registry.Standing
	Digest         string
	Size           string
	FileCount      int64
	Flavors        []string
	Source         string
	Location       string
	RunLink        string
	Verified       time.Time
	Broken         string
	Created        time.Time
	CreatedBy      string
	Text           string // the description, Markdown
	Revoked        time.Time
	RevokedBy      string
	RevokeReason   string
	Tags           []component.Pair

	Checks  []registry.Check
	Lineage []Node
	Aliases []AliasRow // of the whole model

	AliasCount int // there may be more than are listed

	Live  []promotions.Stay // where it is or was live
	Asked []promotions.Row

	Metrics  []Metric
	With     int64 // the version that metrics are compared with, 0 = none
	Others   []int64
	Inputs   []registry.Field
	Outputs  []registry.Field
	Params   []registry.Field
	Signed   bool
	Example  string
	Trained  []component.Pair // parameters
	Files    []File
	Scan     *scan.Report // nil while there is none
	Scanned  time.Time
	Snippet  string
	Moves    []MoveRow
	CanWrite bool

	CanPropose           bool
	CanDelete, CanRevoke bool

	Card CardTab

	AliasForm   AliasForm
	RevokeError string
	TagKey      string
	TagValue    string
	TagError    string
}

// Node is one step of the strip from data to version.
type Node struct {
	Kind        string // data, code, run, logged, version or live
	Title, Text string
	Path        string // "" = it leads nowhere
	Outside     bool   // Path is an address of another site
	Now         bool
}

// Metric is one value of this version and of the one it is compared with.
type Metric struct {
	Key, Dataset string
	Here, There  string
	Full         string
	Change       string // "" where it cannot be said
	Tone         component.Tone
	Up           bool
}

// File is one file of a version.
type File struct{ Path, URL, Size, Digest string }

func (n Node) icon() string {
	switch n.Kind {
	case "data":
		return "database"
	case "code":
		return "git-commit-horizontal"
	case "run":
		return "flask-conical"
	case "logged":
		return "box"
	case "live":
		return "ship"
	}
	return "package"
}

func (v VersionView) path() string { return VersionPath(v.Model, v.Number) }

func (v VersionView) title(ctx context.Context) string {
	return v.Model + " " + i18n.T(ctx, "registry.version_n", strconv.FormatInt(v.Number, 10))
}

func (v VersionView) crumbs(ctx context.Context) []layout.Crumb {
	return []layout.Crumb{
		{Label: i18n.T(ctx, "nav.registry"), Path: "/models"},
		{Label: v.Model, Path: Path(v.Model)},
		{Label: i18n.T(ctx, "registry.version_n", strconv.FormatInt(v.Number, 10))},
	}
}

func (v VersionView) tabs(ctx context.Context) []component.Tab {
	tab := func(key, count string) component.Tab {
		at := v.path()
		if key != TabOverview {
			at += "?tab=" + key
		}
		return component.Tab{Label: i18n.T(ctx, "registry.tab."+key), URL: at, Current: v.Tab == key, Count: count}
	}
	return []component.Tab{tab(TabOverview, ""), tab(TabFiles, strconv.FormatInt(v.FileCount, 10)), tab(TabCard, ""), tab(TabScan, "")}
}

func (v VersionView) done() (n int) {
	for _, c := range v.Checks {
		if c.Answer == registry.Good {
			n++
		}
	}
	return n
}

func standingWord(ctx context.Context, s registry.Standing) string {
	return i18n.T(ctx, "registry.standing."+string(s))
}

// standing is how a version's bytes are shown.
func standing(s registry.Standing, broken bool) (component.Tone, string) {
	switch {
	case broken:
		return component.Danger, "circle-x"
	case s == registry.Pinned:
		return component.OK, "lock"
	case s == registry.External:
		return component.Warn, "triangle-alert"
	}
	return component.Neutral, "circle-dashed"
}

func stageTone(s registry.Stage) component.Tone {
	switch s {
	case registry.StageProduction:
		return component.OK
	case registry.StageStaging:
		return component.Violet
	case registry.StageNone, registry.StageArchived:
	}
	return component.Neutral
}

func answer(a registry.Answer) (component.Tone, string) {
	switch a {
	case registry.Good:
		return component.OK, "circle-check"
	case registry.Bad:
		return component.Danger, "circle-x"
	case registry.Waiting:
		return component.Info, "loader-circle"
	case registry.Missing:
	}
	return component.Neutral, "circle-dashed"
}

func digest(d string) string {
	if len(d) < 12 {
		return d
	}
	return "sha256:" + d[:4] + "…" + d[len(d)-4:]
}

// brief is how a digest stands in a table.
func brief(d string) string { return d[:min(8, len(d))] }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// moved says one line of a history.
func (m MoveRow) words(ctx context.Context) string {
	switch {
	case m.Kind == registry.StageMove:
		return i18n.T(ctx, "registry.move.stage", m.Subject, i18n.T(ctx, "registry.stage."+m.From), i18n.T(ctx, "registry.stage."+m.To))
	case m.To == "":
		return i18n.T(ctx, "registry.move.removed", m.Subject, m.From)
	case m.From == "":
		return i18n.T(ctx, "registry.move.set", m.Subject, m.To)
	}
	return i18n.T(ctx, "registry.move.moved", m.Subject, m.From, m.To)
}

func query(s string) string { return url.QueryEscape(s) }

func (v VersionView) stages(ctx context.Context) (out []component.Option) {
	for _, s := range registry.Stages {
		out = append(out, component.Option{Value: string(s), Label: i18n.T(ctx, "registry.stage."+string(s)), Selected: s == v.Stage})
	}
	return out
}

// NewView is the form that registers a version, at /model-versions/new.
type NewView struct {
	Source, RunID, ModelID string
	Name, Description      string
	NameError, Error       string
	Names                  []string // of models that are there
}

// NewPath is the address of the form that registers a source.
func NewPath(source, run, model string) string {
	q := url.Values{"source": {source}}
	if run != "" {
		q.Set("run_id", run)
	}
	if model != "" {
		q.Set("model_id", model)
	}
	return "/model-versions/new?" + q.Encode()
}

// verdict is how a scan's word is shown.
func verdict(v scan.Verdict) (component.Tone, string) {
	switch v {
	case scan.Clean:
		return component.OK, "circle-check"
	case scan.Notice:
		return component.Info, "circle-check"
	case scan.Suspicious:
		return component.Warn, "triangle-alert"
	case scan.Dangerous:
		return component.Danger, "circle-x"
	case scan.Inconclusive:
	}
	return component.Neutral, "circle-dashed"
}

// finding says what was found, in the reader's language.
func finding(ctx context.Context, f scan.Finding) string {
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = a
	}
	text := i18n.T(ctx, "scan.finding."+f.Code, args...)
	if f.Line > 0 {
		text += " " + i18n.T(ctx, "scan.line", strconv.Itoa(f.Line))
	}
	return text
}

func importTone(c scan.Class) component.Tone {
	switch c {
	case scan.Harmful:
		return component.Danger
	case scan.Allowed:
		return component.Neutral
	case scan.Unknown, scan.Code:
	}
	return component.Warn
}
