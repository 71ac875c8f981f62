package storage_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestCompareRuns(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		odd := "odd: kéy/a.b-c"
		a := createRun(t, db, tracking.Run{Name: "alpha 100%", StartTime: 1000})
		b := createRun(t, db, tracking.Run{Name: "Beta", StartTime: 2000})
		c := createRun(t, db, tracking.Run{Name: "gamma", StartTime: 3000})
		metric := func(key string, v float64, step int64) tracking.Metric {
			return tracking.Metric{Key: key, Value: v, Step: step, Timestamp: 1}
		}
		mustLog(t, db, a.ID, tracking.Batch{
			Metrics: []tracking.Metric{metric("same", .5, 0), metric("differs", 1, 0), metric("nan", math.NaN(), 3), metric("zero or nan", 0, 0), metric("alone", 1, 9)},
			Params:  []tracking.Param{{Key: "lr", Value: "0.1"}, {Key: "seed", Value: "1"}}, Tags: []tracking.Tag{{Key: odd, Value: "x"}},
		})
		mustLog(t, db, b.ID, tracking.Batch{
			Metrics: []tracking.Metric{metric("same", .5, 7), metric("differs", 2, 0), metric("nan", math.NaN(), 0), metric("zero or nan", math.NaN(), 0)},
			Params:  []tracking.Param{{Key: "lr", Value: "0.2"}, {Key: "seed", Value: "1"}}, Tags: []tracking.Tag{{Key: odd, Value: "y"}},
		})
		for run, digest := range map[string]string{a.ID: "d1", b.ID: "d2"} {
			storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.LogInputs(ctx, tx, g, run, []tracking.DatasetInput{{
					Dataset: tracking.Dataset{Name: "data", Digest: digest, SourceType: "http", Source: "s"}, Tags: []tracking.Tag{{Key: tracking.TagContext, Value: "train"}},
				}}, nil)
			})
		}
		all := []string{a.ID, b.ID, c.ID}
		use := func(key string, runs int, differs bool, step int64) tracking.KeyUse {
			return tracking.KeyUse{Key: key, Runs: runs, Differs: differs, Step: step}
		}
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			runs, err := tracking.RunsByID(ctx, tx, g, []string{c.ID, "unknown", a.ID, c.ID, ""})
			if err != nil || len(runs) != 2 || runs[0].ID != c.ID || runs[1].ID != a.ID {
				t.Errorf("runs by id: %v %v", runs, err)
			}
			if none, err := tracking.RunsByID(ctx, tx, g, nil); err != nil || none != nil {
				t.Errorf("runs of no ids: %v %v", none, err)
			}
			for kind, want := range map[string][]tracking.KeyUse{
				tracking.KindMetric: {use("alone", 1, false, 9), use("differs", 2, true, 0), use("nan", 2, false, 3), use("same", 2, false, 7), use("zero or nan", 2, true, 0)},
				tracking.KindParam:  {use("lr", 2, true, 0), use("seed", 2, false, 0)},
				tracking.KindTag:    {use("mlflow.runName", 3, true, 0), use(odd, 2, true, 0)},
			} {
				got, err := tx.KeyUses(ctx, kind, all)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%s (-want +got): %s%v", kind, diff, err)
				}
			}
			if _, err := tx.KeyUses(ctx, "tags; DROP TABLE runs", all); err == nil {
				t.Error("an unknown kind has keys")
			}
			if _, err := tx.TextsIn(ctx, tracking.KindMetric, all, nil); err == nil {
				t.Error("metrics have texts")
			}
			tags, err := tx.TextsIn(ctx, tracking.KindTag, all, []string{odd})
			if err != nil || len(tags) != 2 || tags[0].Key != odd {
				t.Errorf("tags under an odd key: %v %v", tags, err)
			}
			params, err := tx.TextsIn(ctx, tracking.KindParam, []string{b.ID}, []string{"lr", "none"})
			if diff := cmp.Diff([]tracking.RunText{{RunID: b.ID, Key: "lr", Value: "0.2"}}, params); err != nil || diff != "" {
				t.Errorf("params: %s%v", diff, err)
			}
			ms, err := tx.MetricsIn(ctx, all, []string{"nan", "alone"})
			if err != nil || len(ms) != 3 || slices.ContainsFunc(ms, func(m tracking.Metric) bool { return m.Key == "nan" && !math.IsNaN(m.Value) }) {
				t.Errorf("metrics: %v %v", ms, err)
			}
			data, err := tx.DatasetsIn(ctx, all)
			if err != nil || len(data) != 2 || data[0].Key != "data (train)" {
				t.Errorf("data sets: %v %v", data, err)
			}
			for part, want := range map[string][]string{"": {"gamma", "Beta", "alpha 100%"}, "BETA": {"Beta"}, "a 100": {"alpha 100%"}, "nothing": nil} {
				found, err := tx.NamedRuns(ctx, "0", part, 5)
				var names []string
				for _, r := range found {
					names = append(names, r.Name)
				}
				if err != nil || !slices.Equal(names, want) {
					t.Errorf("runs named %q: %v %v", part, names, err)
				}
			}
			return nil
		})
	})
}

func TestImagesBelow(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for _, name := range []string{"1/run/artifacts/a.png", "1/run/artifacts/sub/b.JPEG", "1/run/artifacts/c.svg", "1/run/artifacts/png", "1/run2/artifacts/d.png", "1/run/artifacts-2/e.png"} {
				if err := tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: name, Digest: "d"}); err != nil {
					return err
				}
			}
			found, err := tx.ImagesBelow(ctx, g.Workspace(), "1/run/artifacts", 10)
			if diff := cmp.Diff([]string{"a.png", "sub/b.JPEG"}, found); err != nil || diff != "" {
				return fmt.Errorf("%s%w", diff, err)
			}
			return nil
		})
	})
}
