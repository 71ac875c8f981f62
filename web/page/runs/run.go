package runs

import (
	"net/url"
	"time"

	"github.com/slipway-ml/slipway/web/component"
)

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
	Charts    []ChartGroup // overview: the first few; charts: all
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
