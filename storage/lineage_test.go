package storage_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func newRun(ctx context.Context, t *testing.T, tx *storage.Tx, g access.Grant, name string, start int64, parent string) tracking.Run {
	t.Helper()
	r := tracking.Run{ExperimentID: "0", Name: name, StartTime: start}
	if parent != "" {
		r.Tags = []tracking.Tag{{Key: tracking.TagParent, Value: parent}}
	}
	r, err := tracking.CreateRun(ctx, tx, g, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestChildrenOfARun(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var parent tracking.Run
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			parent = newRun(ctx, t, tx, g, "sweep", 1, "")
			for i := range 7 {
				child := newRun(ctx, t, tx, g, fmt.Sprintf("fold-%d", i), int64(10+i/2), parent.ID) // ties in time
				b := tracking.Batch{Metrics: []tracking.Metric{{Key: "system/cpu", Value: 9}, {Key: "val_auc", Value: float64(i)}, {Key: "z", Value: 1}}}
				if i == 3 {
					b.Metrics = nil
				}
				if err := tracking.Log(ctx, tx, g, child.ID, b); err != nil {
					return err
				}
			}
			gone := newRun(ctx, t, tx, g, "gone", 5, parent.ID)
			gone.DeletedAt = 1
			return tx.SaveRun(ctx, gone)
		})
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			seen, after := []string{}, ""
			for range 4 {
				c, err := tracking.ChildrenOf(ctx, tx, g, parent, after, 3)
				if err != nil {
					return err
				}
				if c.Total != 7 || c.Metric != "val_auc" {
					t.Errorf("%d children, shown by %q", c.Total, c.Metric)
				}
				for _, r := range c.Runs {
					if v, ok := c.Values[r.ID]; ok != (r.Name != "fold-3") || ok && fmt.Sprintf("fold-%g", v) != r.Name {
						t.Errorf("%s has %g (%v)", r.Name, v, ok)
					}
					seen = append(seen, r.Name)
				}
				if after = c.Next; after == "" {
					break
				}
			}
			if len(seen) != 7 || strings.Contains(strings.Join(seen, " "), "gone") {
				t.Errorf("pages show %v", seen)
			}
			if c, err := tracking.ChildrenOf(ctx, tx, g, tracking.Run{ID: "nobody", Workspace: parent.Workspace}, "", 3); err != nil || c.Total != 0 {
				t.Errorf("children of nobody: %v, %v", c, err)
			}
			sib, err := tracking.SiblingsOf(ctx, tx, g, parent, 3)
			if err != nil || len(sib) != 3 || sib[0].Name != "fold-6" {
				t.Errorf("siblings %v, %v", sib, err)
			}
			return err
		})
	})
}

func TestRunsThatReadTheSameData(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var first tracking.Run
		data := tracking.DatasetInput{Dataset: tracking.Dataset{Name: "trades", Digest: "it's", SourceType: "local", Source: "x"}}
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for i := range 4 {
				r := newRun(ctx, t, tx, g, "r", int64(i), "")
				if i == 0 {
					first = r
				}
				other := data
				other.Dataset.Name = "the same under another name"
				if err := tracking.LogInputs(ctx, tx, g, r.ID, []tracking.DatasetInput{data, other}, nil); err != nil {
					return err
				}
			}
			return nil
		})
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			r, err := tracking.RunByID(ctx, tx, g, first.ID)
			if err != nil {
				return err
			}
			uses, err := tracking.DatasetsRead(ctx, tx, g, r, 1)
			if err != nil {
				return err
			}
			if len(uses) != 1 || uses[0].Others != 3 || uses[0].Dataset.Name != "trades" {
				t.Errorf("uses %+v", uses)
			}
			if n, err := tx.CountDatasetRuns(ctx, "0", "", "it's", 2); err != nil || n != 2 {
				t.Errorf("counted on to %d, %v", n, err)
			}
			return nil
		})
	})
}

func TestMetricExtents(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var run tracking.Run
		log := func(ms ...tracking.Metric) {
			storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				if run.ID == "" {
					run = newRun(ctx, t, tx, g, "r", 1, "")
				}
				return tracking.Log(ctx, tx, g, run.ID, tracking.Batch{Metrics: ms})
			})
		}
		nan := math.NaN()
		log(tracking.Metric{Key: "loss", Value: 3, Step: 0}, tracking.Metric{Key: "loss", Value: -1, Step: 1}, tracking.Metric{Key: "none", Value: nan}, tracking.Metric{Key: "left out", Value: 5})
		log(tracking.Metric{Key: "loss", Value: -1, Step: 1}, tracking.Metric{Key: "loss", Value: nan, Step: 2}) // one of them again
		check := func(when string) {
			storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				if err := g.Need(access.RunRead, g.Workspace()); err != nil {
					return err
				}
				got, err := tx.MetricExtents(ctx, run.ID, []string{"loss", "none", "unknown"}, 100)
				if err != nil {
					return err
				}
				want := map[string]tracking.MetricExtent{"loss": {Points: 3, Min: -1, Max: 3}, "none": {Points: 1, Min: nan, Max: nan}}
				if len(got) != 2 || got["loss"] != want["loss"] || got["none"].Points != 1 || !math.IsNaN(got["none"].Max) {
					t.Errorf("%s: %v", when, got)
				}
				if got, err := tx.MetricExtents(ctx, run.ID, []string{"loss"}, 2); err != nil || got != nil {
					t.Errorf("%s: too many points give %v, %v", when, got, err)
				}
				return nil
			})
		}
		check("in the tail")
		storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			all, err := tx.SeriesOf(ctx, run.ID)
			for _, s := range all {
				if err := tx.CompactSeries(ctx, s); err != nil {
					return err
				}
			}
			return err
		})
		check("in blocks")
	})
}

func TestFolders(t *testing.T) {
	paths := []string{"0/r/artifacts/a", "0/r/artifacts/a-b", "0/r/artifacts/d/1", "0/r/artifacts/d/2/x", "0/r/artifacts/d/2/y", "0/r/artifacts/dé", "0/r/artifacts/z/1", "0/r/artifacts0", "0/other/q"}
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for i, p := range paths {
				if err := tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: p, Size: int64(1 << i), Digest: strings.Repeat("a", 64)}); err != nil {
					return err
				}
			}
			return nil
		})
		storagetest.Read(t, db, access.ArtifactRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.ArtifactRead, g.Workspace()); err != nil {
				return err
			}
			for limit := 1; limit < 7; limit++ {
				var names []string
				for from := ""; ; {
					es, next, err := tx.FolderPage(ctx, g.Workspace(), "0/r/artifacts", from, limit)
					if err != nil {
						return err
					}
					if len(es) > limit {
						t.Errorf("a page of %d for a limit of %d", len(es), limit)
					}
					for _, e := range es {
						names = append(names, fmt.Sprintf("%s/%v", e.Name, e.IsDir))
					}
					if from = next; next == "" {
						break
					}
				}
				if diff := cmp.Diff([]string{"a/false", "a-b/false", "d/true", "dé/false", "z/true"}, names); diff != "" {
					t.Errorf("pages of %d: %s", limit, diff)
				}
			}
			if es, _, err := tx.FolderPage(ctx, g.Workspace(), "", "", 9); err != nil || len(es) != 1 || es[0].Name != "0" {
				t.Errorf("root: %v, %v", es, err)
			}
			var files []string
			for after := ""; ; {
				as, err := tx.FilesBelow(ctx, g.Workspace(), "0/r/artifacts/d", after, 2)
				if err != nil {
					return err
				}
				if len(as) == 0 {
					break
				}
				for _, a := range as {
					files, after = append(files, a.Path), a.Path
				}
			}
			if diff := cmp.Diff(paths[2:5], files); diff != "" {
				t.Error(diff)
			}
			s, err := tx.FolderSize(ctx, g.Workspace(), "0/r/artifacts/d", 100)
			if err != nil || s.Files != 3 || s.Bytes != 4+8+16 {
				t.Errorf("size %v, %v", s, err)
			}
			s, err = tx.FolderSize(ctx, g.Workspace(), "0/r/artifacts", 2)
			if err != nil || s.Files != 2 {
				t.Errorf("counted on to %v, %v", s, err)
			}
			return err
		})
	})
}

func TestNotesAreNotOverwrittenUnseen(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var run tracking.Run
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			run = newRun(ctx, t, tx, g, "r", 1, "")
			return nil
		})
		set := func(was, note string) error {
			return storagetest.TryWrite(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.SetNote(ctx, tx, g, run.ID, tracking.NoteMark(was), note)
			})
		}
		for _, c := range []struct {
			was, note string
			want      domain.Kind
		}{
			{"", "one", ""},
			{"", "one", ""}, // the same form sent twice
			{"", "two", domain.Conflict},
			{"one", "two", ""},
			{"two", strings.Repeat("é", 8001), domain.Invalid},
			{"two", strings.Repeat("é", 8000), ""},
		} {
			if err := set(c.was, c.note); (err != nil || c.want != "") && domain.KindOf(err) != c.want {
				t.Errorf("%.10s over %.10s: %v, want %q", c.note, c.was, err, c.want)
			}
		}
	})
}

func TestStaleRuns(t *testing.T) {
	now := time.UnixMilli(100_000_000_000)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	for _, c := range []struct {
		name  string
		r     tracking.Run
		after time.Duration
		want  bool
	}{
		{"silent for as long", tracking.Run{Status: tracking.Running, UpdatedAt: ago(6 * time.Hour)}, 6 * time.Hour, true},
		{"a moment less", tracking.Run{Status: tracking.Running, UpdatedAt: ago(6*time.Hour - time.Millisecond)}, 6 * time.Hour, false},
		{"never", tracking.Run{Status: tracking.Running, UpdatedAt: 0}, 0, false},
		{"ended", tracking.Run{Status: tracking.Finished, UpdatedAt: ago(99 * time.Hour)}, time.Hour, false},
		{"not begun", tracking.Run{Status: tracking.Scheduled, UpdatedAt: ago(99 * time.Hour)}, time.Hour, false},
		{"in the trash", tracking.Run{Status: tracking.Running, UpdatedAt: ago(99 * time.Hour), DeletedAt: 1}, time.Hour, false},
		{"started just now", tracking.Run{Status: tracking.Running, StartTime: ago(time.Minute)}, time.Hour, false},
	} {
		if got := c.r.Stale(now, c.after); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
