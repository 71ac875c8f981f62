package tracking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// Stale reports whether r says that it runs while nothing was written to it for the time after; 0 is never.
// What its client sees stays RUNNING: only a reader is told.
func (r Run) Stale(now time.Time, after time.Duration) bool {
	return after > 0 && r.Status == Running && !r.Deleted() && now.Sub(time.UnixMilli(max(r.UpdatedAt, r.StartTime))) >= after
}

// LineageTx is what the relations of a run ask of a transaction; *storage.Tx answers.
type LineageTx interface {
	Tx
	// ChildRuns lists the active runs that name parent as theirs, without their lists, by start and id, those
	// after the run with the id after.
	ChildRuns(ctx context.Context, workspace, parent, after string, limit int) ([]Run, error)
	CountChildRuns(ctx context.Context, workspace, parent string, most int) (int64, error)
	// LatestOf are the latest values of one metric in some runs, by run; MetricKeys are the metrics that they
	// have, most used first.
	LatestOf(ctx context.Context, runs []string, key string) (map[string]float64, error)
	MetricKeys(ctx context.Context, runs []string) ([]string, error)
	// CountDatasetRuns counts active runs of an experiment, but for one, that read data with a digest.
	CountDatasetRuns(ctx context.Context, experiment, but, digest string, most int) (int64, error)
	// RecentRuns lists the active runs of an experiment, the newest first, without their lists.
	RecentRuns(ctx context.Context, experiment string, limit int) ([]Run, error)
}

// Children is one page of the runs below a run.
type Children struct {
	Runs   []Run
	Metric string             // the one that is shown of each: the most telling that they have
	Values map[string]float64 // of Metric, by run
	Total  int64              // at most MostCounted
	Next   string             // id to go on after; "" on the last page
}

// MostCounted is where counting ends: a page says "1,000 and more".
const MostCounted = 1000

// ChildrenOf lists the runs below a run that the caller may read, limit of them after the run after.
func ChildrenOf(ctx context.Context, tx LineageTx, g access.Grant, parent Run, after string, limit int) (c Children, err error) {
	if err := g.Need(access.RunRead, parent.Workspace); err != nil {
		return c, err
	}
	if c.Total, err = tx.CountChildRuns(ctx, parent.Workspace, parent.ID, MostCounted); err != nil || c.Total == 0 {
		return c, err
	}
	if c.Runs, err = tx.ChildRuns(ctx, parent.Workspace, parent.ID, after, limit+1); err != nil || len(c.Runs) == 0 {
		return c, err
	}
	if len(c.Runs) > limit {
		c.Runs = c.Runs[:limit]
		c.Next = c.Runs[limit-1].ID
	}
	ids := make([]string, len(c.Runs))
	for i, r := range c.Runs {
		ids[i] = r.ID
	}
	keys, err := tx.MetricKeys(ctx, append([]string{parent.ID}, ids...))
	if err != nil || len(keys) == 0 {
		return c, err
	}
	c.Metric = PrimaryMetric(Experiment{}, keys)
	c.Values, err = tx.LatestOf(ctx, ids, c.Metric)
	return c, err
}

// DatasetUse is data that a run read, and how many other runs of its experiment read the same.
type DatasetUse struct {
	DatasetInput
	Others int64 // at most MostCounted
}

// DatasetsRead lists the data of a run with its full lists, at most limit.
func DatasetsRead(ctx context.Context, tx LineageTx, g access.Grant, r Run, limit int) (out []DatasetUse, err error) {
	if err := g.Need(access.RunRead, r.Workspace); err != nil {
		return nil, err
	}
	for _, d := range r.Datasets[:min(limit, len(r.Datasets))] {
		n, err := tx.CountDatasetRuns(ctx, r.ExperimentID, r.ID, d.Dataset.Digest, MostCounted)
		if err != nil {
			return nil, err
		}
		out = append(out, DatasetUse{d, n})
	}
	return out, nil
}

// SiblingsOf lists runs to compare r with: the newest of its experiment but itself.
func SiblingsOf(ctx context.Context, tx LineageTx, g access.Grant, r Run, limit int) (out []Run, err error) {
	if err := g.Need(access.RunRead, r.Workspace); err != nil {
		return nil, err
	}
	recent, err := tx.RecentRuns(ctx, r.ExperimentID, limit+1)
	for _, x := range recent {
		if x.ID != r.ID && len(out) < limit {
			out = append(out, x)
		}
	}
	return out, err
}

// NoteMark stands for a note in a form that changes it.
func NoteMark(note string) string {
	sum := sha256.Sum256([]byte(note))
	return hex.EncodeToString(sum[:8])
}

// SetNote writes the note of an active run in Markdown, unless somebody has changed it since the writer saw one
// with the mark was: then nothing is written and the error is a Conflict.
func SetNote(ctx context.Context, tx Tx, g access.Grant, id, was, note string) error {
	if n := utf8.RuneCountInString(note); n > maxTagValue {
		return domain.Fail(domain.Invalid, "run.note_long", "the note has %d characters, more than %d", n, maxTagValue)
	}
	r, err := activeRun(ctx, tx, g, id)
	if err != nil {
		return err
	}
	is, err := tx.RunTag(ctx, id, TagNote)
	if err != nil {
		return err
	}
	switch {
	case is == note:
		return nil
	case NoteMark(is) != was:
		return domain.Fail(domain.Conflict, "run.note_changed", "the note was changed meanwhile")
	}
	b := Batch{Tags: []Tag{{TagNote, note}}}
	if err := tx.SetTags(ctx, id, b.Tags); err != nil {
		return err
	}
	return tx.Touch(ctx, r, b)
}

// MetricExtent is what the whole history of a metric holds.
type MetricExtent struct {
	Points   int64
	Min, Max float64 // of the values that are numbers; NaN where there is none
}
