// Package tracking is experiments, runs and what is logged to them: parameters, metrics, tags, data sets
// and logged models. The rules are those of the MLflow protocol; names are the protocol's own.
//
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none.
package tracking

import (
	"context"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/search"
)

// Experiment is a named set of runs.
type Experiment struct {
	ID               string // a decimal number; "0" is Default
	Workspace        string
	Name             string // unique in the workspace, the deleted ones included
	ArtifactLocation string
	DeletedAt        int64
	CreatedAt        int64
	UpdatedAt        int64
	CreatedBy        string
	Tags             []Tag
}

// Deleted reports whether e is in the trash.
func (e Experiment) Deleted() bool { return e.DeletedAt != 0 }

// Status is how far a run is.
type Status string

// The run statuses of the protocol.
const (
	Running   Status = "RUNNING"
	Scheduled Status = "SCHEDULED"
	Finished  Status = "FINISHED"
	Failed    Status = "FAILED"
	Killed    Status = "KILLED"
)

// Ended reports whether a run of this status writes no more.
func (s Status) Ended() bool { return s == Finished || s == Failed || s == Killed }

// Known reports whether s is one of the protocol's statuses.
func (s Status) Known() bool { return s == Running || s == Scheduled || s.Ended() }

// Run is one execution. Its lists are filled by the queries that say so.
type Run struct {
	ID           string // 32 hexadecimal digits
	ExperimentID string
	Workspace    string
	Name         string
	UserID       string // what the client calls its user; no rule may rest on it
	CreatedBy    string // the authenticated actor
	Status       Status
	StartTime    int64
	EndTime      int64
	ArtifactURI  string
	DeletedAt    int64
	UpdatedAt    int64 // when something was last written to it, to about half a second

	Metrics  []Metric // the latest of each key
	Params   []Param
	Tags     []Tag
	Datasets []DatasetInput
	Inputs   []ModelRef
	Outputs  []ModelRef
}

// Deleted reports whether r is in the trash.
func (r Run) Deleted() bool { return r.DeletedAt != 0 }

// Tag is the value of the tag key, "" where there is none.
func (r Run) Tag(key string) string { return TagValue(r.Tags, key) }

// TagValue is the value of the tag key among tags, "" where there is none.
func TagValue(tags []Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// Param is a value a run was started with. It is written once.
type Param struct{ Key, Value string }

// Tag is a label that may be changed at any time.
type Tag struct{ Key, Value string }

// Metric is one point of a series, or the latest of it.
type Metric struct {
	Key       string
	Value     float64 // may be NaN; an infinity is stored as the greatest finite number
	Timestamp int64
	Step      int64
	// What it was measured on, where the client says so.
	ModelID       string
	DatasetName   string
	DatasetDigest string
	RunID         string // filled for a logged model's metrics
}

// MostRuns is up to how many runs of an experiment are counted: to count a hundred thousand takes longer than to
// show them.
const MostRuns = 10_000

// Activity is what goes on in an experiment: its active runs, and when the last of them began. More than MostRuns
// runs are only known to be more.
type Activity struct {
	Runs int64
	Last int64
}

// Dataset is a data set as the client describes it. (Name, Digest) is its identity in an experiment.
type Dataset struct{ Name, Digest, SourceType, Source, Schema, Profile string }

// DatasetInput is a data set that a run read.
type DatasetInput struct {
	Dataset Dataset
	Tags    []Tag // "mlflow.data.context" says what for
}

// ModelRef is a logged model that a run read or made, with the step at which it did.
type ModelRef struct {
	ModelID string
	Step    int64
}

// View chooses between what is active and what is in the trash.
type View string

// The views of the protocol.
const (
	ActiveOnly  View = "ACTIVE_ONLY"
	DeletedOnly View = "DELETED_ONLY"
	AllStages   View = "ALL"
)

// Query asks for a page of experiments, runs or logged models.
type Query struct {
	Workspace   string
	Experiments []string // ids; ignored when experiments are searched
	Filter      search.Expr
	Order       []Order
	View        View
	Limit       int
	After       string // a page token of the page before; "" for the first
	Datasets    []DatasetKey
	Only        *Columns // the keys to read of each run; nil = all that it holds
	// StartedAfter narrows to runs that started later, ms; it moves with the clock and is no part of a page token.
	StartedAfter int64
	Parent       *string // the run whose children are asked for, "" for runs without a parent; nil = all
}

// Order is one key of an order; On narrows a logged model's metric to a data set, if it names one.
type Order struct {
	search.Order
	On DatasetKey
}

// DatasetKey names a data set; without a digest any version of it.
type DatasetKey struct{ Name, Digest string }

// Page is one page of a search, with the token of the next, "" on the last.
type Page[T any] struct {
	Items []T
	Next  string
}

// HistoryQuery asks for the points of one metric of one run.
type HistoryQuery struct {
	RunID, Key string
	After      string // a page token
	Limit      int    // 0 = all
}

// History is points in order of (timestamp, step, value), decoded as they are asked for.
type History interface {
	// Each calls fn for every point until it returns an error.
	Each(fn func(Metric) error) error
	// Next is the token of the next page; known only after Each.
	Next() string
	// Columns are the points as Each has them, all at once and without their names: quicker where there are
	// very many, and 24 bytes a point.
	Columns() (steps, times []int64, values []float64, err error)
}

// Tx is what tracking asks of a transaction; *storage.Tx answers.
type Tx interface {
	Emit(ctx context.Context, e event.Event) error

	Experiment(ctx context.Context, id string) (Experiment, error)
	ExperimentByName(ctx context.Context, workspace, name string) (Experiment, error)
	Experiments(ctx context.Context, q Query) (Page[Experiment], error)
	NextExperimentID(ctx context.Context) (string, error)
	AddExperiment(ctx context.Context, e Experiment) error
	SaveExperiment(ctx context.Context, e Experiment) error
	SetExperimentTag(ctx context.Context, id string, t Tag) error
	DeleteExperimentTag(ctx context.Context, id, key string) (bool, error)
	// DeleteRunsOf and RestoreRunsOf move the runs of an experiment with it; only runs that went at
	// the same instant come back.
	DeleteRunsOf(ctx context.Context, experiment string, at int64) error
	RestoreRunsOf(ctx context.Context, experiment string, deletedAt int64) error

	Run(ctx context.Context, id string) (Run, error)     // without its lists
	FullRun(ctx context.Context, id string) (Run, error) // with them
	Runs(ctx context.Context, q Query) (Page[Run], error)
	AddRun(ctx context.Context, r Run) error
	SaveRun(ctx context.Context, r Run) error
	// Touch notes that r was written to now, and the keys that b uses. Often repeated, it costs next to nothing.
	Touch(ctx context.Context, r Run, b Batch) error
	SetTags(ctx context.Context, run string, tags []Tag) error
	DeleteTag(ctx context.Context, run, key string) (bool, error)
	// AddParams writes what is new and returns, of the keys that were there, the values they have.
	AddParams(ctx context.Context, run string, ps []Param) (map[string]string, error)
	AddPoints(ctx context.Context, r Run, ms []Metric) error
	MetricHistory(ctx context.Context, q HistoryQuery) (History, error)
	RunTag(ctx context.Context, run, key string) (string, error) // "" where there is none

	AddDatasetInputs(ctx context.Context, r Run, in []DatasetInput) error
	AddRunModels(ctx context.Context, run, direction string, ms []ModelRef) error
	// BeingPurged reports whether a thing deleted at an instant is being deleted for good.
	BeingPurged(ctx context.Context, workspace string, k TrashKey, deletedAt int64) (bool, error)
	DatasetsOf(ctx context.Context, workspace string, experiments []string) ([]DatasetSummary, error)

	LoggedModel(ctx context.Context, id string) (LoggedModel, error) // with its lists
	LoggedModels(ctx context.Context, q Query) (Page[LoggedModel], error)
	AddLoggedModel(ctx context.Context, m LoggedModel) error
	SaveLoggedModel(ctx context.Context, m LoggedModel) error
	SetLoggedModelTags(ctx context.Context, id string, tags []Tag) error
	DeleteLoggedModelTag(ctx context.Context, id, key string) (bool, error)
	AddLoggedModelParams(ctx context.Context, id string, ps []Param) error
	AddLoggedModelMetrics(ctx context.Context, run string, ms []Metric) error
}

// DatasetSummary is a data set that was used in an experiment, once per context.
type DatasetSummary struct{ ExperimentID, Name, Digest, Context string }

func me(g access.Grant) string { return g.Actor().ID }
