// Package runs is the runs of one experiment as a table, and one run as a page.
package runs

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ListView is the page of one experiment.
//
//	GET  /experiments/:id           filter, order, view (active, deleted, all), token
//	POST /experiments/:id/rename    name
//	POST /experiments/:id/delete
//	POST /experiments/:id/restore
type ListView struct {
	Experiment  Experiment
	Filter      string
	Problem     component.FilterProblem // what is wrong with Filter
	Order       string                  // "metrics.auc DESC"
	View        string                  // active, deleted or all
	Columns     []Column                // metrics, then params
	Rows        []Row
	Pager       component.PagerProps
	FirstUse    bool   // the experiment never had a run: show how to log one
	TrackingURI string // address of this server, for the snippet
	CanWrite    bool
	CanDelete   bool
}

// Experiment is what the head of the page says.
type Experiment struct {
	ID, Name, Location, Description string
	CreatedBy                       string
	Created                         time.Time
	Tags                            []component.Pair
	Deleted                         bool
	Default                         bool // the one that cannot be deleted
}

// Column is a metric or a param that the table shows.
type Column struct {
	Name   string
	Metric bool
	Number bool // a param whose every value is a number
}

// Row is one run.
type Row struct {
	ID, Name string
	Status   string // RUNNING, SCHEDULED, FINISHED, FAILED or KILLED
	Start    time.Time
	Duration string
	User     string
	Cells    []component.Cell // one for each of Columns
	Deleted  bool
}

// path is the page of the experiment.
func (e Experiment) path() string { return "/experiments/" + url.PathEscape(e.ID) }

// address is this list in another view or another order, from its first page.
func (v ListView) address(view, order string) string {
	q := url.Values{}
	for name, value := range map[string]string{"view": view, "filter": v.Filter, "order": order} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return v.Experiment.path() + "?" + q.Encode()
}

func (v ListView) head(label, key string, number bool) component.Head {
	return component.SortHead(label, key, v.Order, number, func(order string) string { return v.address(v.View, order) })
}

// columnHead sorts by the column; a name that is not a plain word stands in back quotes, as the filter language wants.
func (v ListView) columnHead(c Column) component.Head {
	name := c.Name
	if !plainName.MatchString(name) {
		name = "`" + name + "`"
	}
	if c.Metric {
		return v.head(c.Name, "metrics."+name, true)
	}
	h := v.head(c.Name, "params."+name, false)
	h.Number = c.Number
	return h
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// Shown says how many runs the page shows of how many there are; a total less than 0 is not known.
func Shown(ctx context.Context, shown int, total int64) string {
	if total < 0 {
		return i18n.N(ctx, "runs.count", int64(shown))
	}
	return i18n.N(ctx, "runs.shown", total, format.Count(ctx, int64(shown)))
}

func (v ListView) snippet() string {
	return "import mlflow\n\nmlflow.set_tracking_uri(" + strconv.Quote(v.TrackingURI) + ")\n" +
		"mlflow.set_experiment(experiment_id=" + strconv.Quote(v.Experiment.ID) + ")\n" +
		"with mlflow.start_run():\n" +
		"    for step in range(100):\n" +
		"        mlflow.log_metric(\"loss\", 1 / (step + 1), step=step)\n"
}

// The tabs of a run's page.
const (
	TabOverview   = "overview"
	TabCharts     = "charts"
	TabParameters = "parameters"
	TabArtifacts  = "artifacts"
	TabModels     = "models"
)

// ShowView is the page of one run. Of the tabs' parts only those of Tab need be filled.
//
//	GET  /runs/:id                  tab, and in artifacts path
//	POST /runs/:id/rename           name
//	POST /runs/:id/note             note
//	POST /runs/:id/tags             key, value
//	POST /runs/:id/tags/delete      key
//	POST /runs/:id/delete
//	POST /runs/:id/restore
type ShowView struct {
	ID, Name            string
	Status              string // as in Row
	Experiment          Link
	Parent              Link // the run it belongs to, if any
	User                string
	Start, End          time.Time
	Duration            string
	Source, SourceType  string
	SourceURL           string // where the source can be read, if anywhere
	Commit, CommitURL   string
	ArtifactURI         string
	Note                string
	Deleted             bool
	CanWrite, CanDelete bool

	Tab    string
	Counts Counts

	Tiles     []component.TileProps
	Charts    []ChartGroup // overview: the first few
	ChartsTab ChartsTab
	Params    []component.Pair
	Metrics   []Metric
	Tags      []component.Pair
	TagError  string // why the tag form was refused
	Datasets  []Dataset
	Artifacts Artifacts
	Models    []Model
}

// Link is a name that leads somewhere; without a name there is none.
type Link struct{ Label, Path string }

// Counts stand beside the tabs' names; less than 0 is not said.
type Counts struct{ Metrics, Params, Artifacts, Models int64 }

// ChartGroup are the charts of metrics whose names begin alike; Prefix is empty for those without one.
type ChartGroup struct {
	Prefix string
	Charts []component.ChartProps
}

// Metric is the last value of one metric.
type Metric struct {
	Key, Value, Full string // Full is the exact value
	Step             string
	At               time.Time
	Points           string // how many values were logged; empty is not said
}

// Dataset is data that the run read.
type Dataset struct{ Name, Digest, Context, Source, SourceType string }

// Model is a model that the run logged.
type Model struct {
	ID, Name, Status, Type string // Status: READY, PENDING or UPLOAD_FAILED
	Created                time.Time
}

// Artifacts is one folder of the run's files, and one file of it.
type Artifacts struct {
	Folders []Link // the way down from the root, which comes first
	Entries []Entry
	Next    string // path of the next part of a long folder
	Problem string // why the folder could not be read
	Preview *Preview
}

// Entry is one file or folder.
type Entry struct {
	Name, Path   string // Path is that of the page that opens it
	Size, Digest string
	Folder       bool
	Current      bool // the one in the preview
}

// The kinds of preview.
const (
	PreviewText  = "text"
	PreviewTable = "table"
	PreviewImage = "image"
	PreviewNone  = "none" // cannot be shown: download it
)

// Preview is one file, as far as it can be shown.
type Preview struct {
	Name, Size, Digest string
	Kind               string
	Text               string // of PreviewText: text, JSON, Markdown as it was written
	Prose              bool   // wrap the text: it is not code
	Columns            []string
	Rows               [][]string
	ImagePath          string
	DownloadPath       string
	Truncated          bool   // only the beginning is shown
	Problem            string // why it cannot be shown
}

func (v ShowView) path(tab string) string {
	if tab == TabOverview {
		return "/runs/" + url.PathEscape(v.ID)
	}
	return "/runs/" + url.PathEscape(v.ID) + "?tab=" + tab
}

func (v ShowView) post(act string) string { return "/runs/" + url.PathEscape(v.ID) + "/" + act }

func (v ShowView) title() string {
	if v.Name != "" {
		return v.Name
	}
	return v.ID
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
