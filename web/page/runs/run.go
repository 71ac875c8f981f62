package runs

import (
	"net/url"
	"time"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/page/registry"
)

// The tabs of a run's page.
const (
	TabOverview   = "overview"
	TabCharts     = "charts"
	TabParameters = "parameters"
	TabArtifacts  = "artifacts"
	TabModels     = "models"
	TabLineage    = "lineage"
	TabNotes      = "notes"
)

// Tabs are all of them, in their order.
var Tabs = []string{TabOverview, TabCharts, TabParameters, TabArtifacts, TabModels, TabLineage, TabNotes}

// What of the page is a form instead of its text.
const (
	EditName   = "name"
	EditNote   = "note"
	EditTag    = "tag:" // and the key of one that is there
	EditTagNew = "tag"
)

// ShowView is the page of one run. Of the tabs' parts only those of Tab need be filled.
//
//	GET  /runs/:id                  tab, edit; in parameters q, all, with; in artifacts path, open, from, view; in lineage after
//	GET  /runs/:id/export.csv
//	GET  /runs/:id/archive          path
//	POST /runs/:id/rename           name, tab
//	POST /runs/:id/note             note, was
//	POST /runs/:id/note/preview     note, was
//	POST /runs/:id/tags             key, value, tab, edit
//	POST /runs/:id/tags/delete      key, tab
//	POST /runs/:id/delete
//	POST /runs/:id/restore
type ShowView struct {
	ID, Name            string
	Status              string // as in Row
	Stale               bool   // it says that it runs, and was last written to at Silent
	Silent              time.Time
	Experiment          Link
	Parent              Link // the run it belongs to, if any
	User                string
	Start, End          time.Time
	Duration            string
	Source, SourceType  string
	SourceURL           string // where the source can be read, if anywhere
	Commit, CommitURL   string
	Branch              string
	ArtifactURI         string
	ComparePath         string
	Archive             string // path of all files as one; empty without files
	Deleted             bool
	CanWrite, CanDelete bool // CanWrite is false in the trash

	Tab     string
	Edit    string
	Refused Refused // the form of Edit, if it came back
	Counts  Counts

	Tiles        []component.TileProps
	Charts       []SeriesGroup // overview: the first few
	ChartsTab    ChartsTab
	Params       []component.Pair
	Metrics      []Metric
	Tags         []component.Pair
	Datasets     []Dataset
	HeadDatasets []Dataset // the first few, for the head
	Note         Note
	Values       Values
	Artifacts    Artifacts
	Models       []Model
	Lineage      Lineage
	Children     Children
}

// Link is a name that leads somewhere; without a name there is none.
type Link struct{ Label, Path string }

// Refused is what was typed and why it was not taken.
type Refused struct{ Key, Value, Error string }

// Counts stand beside the tabs' names; less than 0 is not said.
type Counts struct{ Metrics, Params, Tags, System, Artifacts, Models int64 }

// Metric is the last value of one metric.
type Metric struct {
	Key, Value, Full string // Full is the exact value
	Step             string
	At               time.Time
	Points           string // how many values were logged, the least and the greatest; empty is not said
	Min, Max         string
}

// Dataset is data that the run read.
type Dataset struct{ Name, Digest, Context, Source, SourceType string }

// Model is a model that the run logged.
type Model struct {
	ID, Name, Status, Type string // Status: READY, PENDING or UPLOAD_FAILED
	Flavours, Size         string
	Created                time.Time
	Registered             []registry.Made
	Register               string // path of the form that registers it, "" where that cannot be
}

// Note is what people wrote on the run, in Markdown.
type Note struct {
	Text    string // as it is stored
	Draft   string // as it stands in the editor, if it came back
	Was     string // the mark of the text that the writer saw
	Preview bool   // show what Draft would look like
	Changed bool   // somebody changed Text while Draft was written
	Error   string
}

// Values are the names with values that the run has, as far as Query finds them.
type Values struct {
	Query      string
	All        bool
	Params     []component.Pair
	Tags       []component.Pair
	System     []component.Pair // tags that clients write for themselves
	Found      Counts
	Extents    bool // the metrics say their least and greatest
	ExportPath string
	Difference Difference
}

// Difference is in what the run differs from another.
type Difference struct {
	With    string // the id that was asked for
	Missing bool   // there is no such run, or it is this one
	Other   Link
	Choices []Choice
	Changes []Change
	Total   int64
}

// Choice is a run to compare with.
type Choice struct {
	ID, Name string
	Start    time.Time
	Parent   bool
}

// Change is one key that differs.
type Change struct {
	Kind, Key      string // Kind: param, metric or tag
	From, To       []Piece
	Added, Removed bool
	Delta          string // of numbers
}

// Piece is a stretch of a text; one that the other text has not is Changed.
type Piece struct {
	Text    string
	Changed bool
}

// Lineage is what a run came from and what came of it.
type Lineage struct {
	Data     []DatasetUse
	MoreData int64 // data that are not listed
	Read     []Link
	Made     []Link
}

// DatasetUse is data and who else read them.
type DatasetUse struct {
	Dataset
	Others      int64
	OthersShown string
	OthersPath  string
}

// Children are the runs below a run.
type Children struct {
	Total       int64
	Shown       string // Total in words
	Metric      string // the one that is shown of each
	Rows        []Child
	First, Next string // paths of pages
}

// Child is one run below a run.
type Child struct {
	ID, Name, Status string
	Stale            bool
	Start            time.Time
	Duration         string
	Value, Full      string
}

// Artifacts is the run's files as a tree, and the file or folder that is looked at.
type Artifacts struct {
	Entries     []Entry
	Next        string // path of the next part of a long folder
	Problem     string // why the files cannot be listed
	Missing     bool   // nothing is at the address
	MissingName string
	File        *tracking.Artifact
	Folder      *Folder
	Preview     *Preview
}

// Folder is one that is looked at.
type Folder struct {
	Name, Shown, Size string // Shown is Files in words
	Files             int64
	ArchivePath       string
}

// Entry is one file or folder.
type Entry struct {
	Name, Path   string // Path is that of the page that opens it, or closes an open folder
	Size, Digest string
	Folder       bool
	Open         bool
	Current      bool // the one that is looked at
	More         bool // no entry but the rest of a folder
	Entries      []Entry
}

// The kinds of preview.
const (
	PreviewText     = "text"
	PreviewMarkdown = "markdown"
	PreviewTable    = "table"
	PreviewImage    = "image"
	PreviewFrame    = "frame" // HTML
	PreviewNone     = "none"  // cannot be shown: download it
)

// Preview is one file, as far as it can be shown.
type Preview struct {
	Name, Size, Digest       string
	Kind                     string
	Text                     string // of PreviewText and PreviewMarkdown
	Prose                    bool   // wrap the text: it is not code
	Columns                  []string
	Rows                     [][]string
	ImagePath, FramePath     string
	DownloadPath             string
	RenderedPath, SourcePath string // of the two ways to look at it, if there are two
	AsSource                 bool
	Empty                    bool
	Truncated                bool   // only the beginning is shown
	Problem                  string // why it cannot be shown
}

func (v ShowView) path(tab string) string {
	if tab == TabOverview {
		return "/runs/" + url.PathEscape(v.ID)
	}
	return "/runs/" + url.PathEscape(v.ID) + "?tab=" + tab
}

// edit is this page with a form in place of one of its texts.
func (v ShowView) edit(tab, what string) string {
	return "/runs/" + url.PathEscape(v.ID) + "?" + url.Values{"tab": {tab}, "edit": {what}}.Encode()
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

// How much the head and the summary show of what the tabs have whole.
const (
	headTags     = 4
	overviewTags = 20
	datasetRows  = 20
	mostCounted  = tracking.MostCounted
)

// cutText is at most n characters of s.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
