package storage_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// browsed searches runs of the experiment Default as a page does.
func browsed(t *testing.T, db *storage.DB, filter string, change func(*tracking.Query)) (names []string) {
	t.Helper()
	q, err := tracking.ParseRunQuery(filter, []string{"attributes.run_name ASC"})
	if err != nil {
		t.Fatal(err)
	}
	q.Experiments, q.Limit, q.Only = []string{"0"}, 100, &tracking.Columns{Metrics: []string{"loss"}, Params: []string{"depth"}, Tags: []string{"team"}}
	if change != nil {
		change(&q)
	}
	storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		page, err := tracking.SearchRuns(ctx, tx, g, q)
		for _, r := range page.Items {
			names = append(names, r.Name)
			if len(r.Metrics) > 1 || len(r.Tags) > 1 {
				t.Errorf("%s was read with %d metrics and %d tags, of which one each was asked for", r.Name, len(r.Metrics), len(r.Tags))
			}
		}
		return err
	})
	return names
}

// A search finds the same whichever condition it starts from.
func TestSearchStartsFromAnyCondition(t *testing.T) {
	long := strings.Repeat("x", 70)
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for i := range 6 {
			r := createRun(t, db, tracking.Run{Name: fmt.Sprintf("r%d", i), StartTime: int64(i + 1)})
			mustLog(t, db, r.ID, tracking.Batch{
				Metrics: []tracking.Metric{{Key: "loss", Value: float64(i)}, {Key: "other", Value: math.NaN()}},
				Params:  []tracking.Param{{Key: "depth", Value: fmt.Sprint(i % 2)}, {Key: "text", Value: long + fmt.Sprint(i)}},
				Tags:    []tracking.Tag{{Key: "team", Value: "a"}},
			})
		}
		for filter, want := range map[string][]string{
			"metrics.loss > 1 AND metrics.loss < 4":                          {"r2", "r3"},
			"metrics.loss > 1 AND params.depth = '1' AND tags.team = 'a'":    {"r3", "r5"},
			"params.text = '" + long + "4'":                                  {"r4"},
			"params.text = '" + long + "'":                                   nil,
			"tags.team = 'b' AND metrics.loss >= 0":                          nil,
			"metrics.other > 0":                                              nil,
			"NOT metrics.loss > 1 AND params.depth = '0'":                    {"r0"},
			"(metrics.loss = 1 OR params.depth = '0') AND metrics.loss <= 2": {"r0", "r1", "r2"},
		} {
			if got := browsed(t, db, filter, nil); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", filter, got, want)
			}
		}
		if got := browsed(t, db, "params.depth = '1'", func(q *tracking.Query) { q.StartedAfter = 3 }); !slices.Equal(got, []string{"r3", "r5"}) {
			t.Errorf("started after: %v", got)
		}
	})
}

func TestGroupsAndTrends(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var ids []string
		for i, depth := range []string{"8", "8", "4", ""} {
			r := createRun(t, db, tracking.Run{Name: fmt.Sprintf("r%d", i)})
			b := tracking.Batch{Metrics: []tracking.Metric{{Key: "auc", Value: float64(i), Step: 1, Timestamp: 1}, {Key: "auc", Value: float64(i) + 2, Step: 2, Timestamp: 2}}}
			if depth != "" {
				b.Params = []tracking.Param{{Key: "depth", Value: depth}}
			}
			mustLog(t, db, r.ID, b)
			ids = append(ids, r.ID)
		}
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			groups, err := tracking.GroupRuns(ctx, tx, g, tracking.Query{Experiments: []string{"0"}}, tracking.Key{Kind: tracking.KindParam, Name: "depth"}, []string{"auc"})
			if err != nil {
				return err
			}
			var got []string
			for _, group := range groups {
				m := group.Metrics["auc"]
				std, ok := m.Std()
				got = append(got, fmt.Sprintf("%q %v %d %g %.4f %v", group.Value, group.Missing, group.Runs, m.Mean, std, ok))
			}
			// numpy.std([2, 3], ddof=1) is 0.7071
			if d := cmp.Diff([]string{`"8" false 2 2.5 0.7071 true`, `"" true 1 5 0.0000 false`, `"4" false 1 4 0.0000 false`}, got); d != "" {
				t.Error(d)
			}
			trends, err := tx.Trends(ctx, ids[:2], "auc", 60)
			if d := cmp.Diff(map[string][]float64{ids[0]: {0, 2}, ids[1]: {1, 3}}, trends); d != "" {
				t.Error(d)
			}
			return err
		})
	})
}

// Values that may finish a filter come from the experiment's own active runs, by their beginning, the frequent first.
func TestValuesOf(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		seen := func(experiment, filter string, most int) (got []string) {
			t.Helper()
			c, _, ok := search.Runs.Unfinished(filter)
			if !ok {
				t.Fatalf("no value is being written in %s", filter)
			}
			storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				got, err = tracking.ValuesOf(ctx, tx, g, experiment, c, most)
				return err
			})
			return got
		}
		var ids []string
		for i, model := range []string{"xgboost", "lightgbm", "Xg_2", "xgboost", "it's", "100%", "two\nlines", strings.Repeat("x", 201)} {
			r := createRun(t, db, tracking.Run{Name: fmt.Sprintf("run-%d", i), UserID: "mia", StartTime: int64(i + 1)})
			mustLog(t, db, r.ID, tracking.Batch{Params: []tracking.Param{{Key: "model", Value: model}}, Tags: []tracking.Tag{{Key: "team", Value: "risk"}}})
			ids = append(ids, r.ID)
		}
		var other string
		storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			e, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "other"}, tx.Now())
			other = e.ID
			return err
		})
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			d := tracking.DatasetInput{Dataset: tracking.Dataset{Name: "iris", Digest: "d1"}, Tags: []tracking.Tag{{Key: tracking.TagContext, Value: "train"}}}
			if err := tracking.LogInputs(ctx, tx, g, ids[0], []tracking.DatasetInput{d}, nil); err != nil {
				return err
			}
			_, err := tracking.UpdateRun(ctx, tx, g, ids[0], tracking.RunChange{Status: tracking.Finished})
			return err
		})
		storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteRun(ctx, tx, g, ids[1], tx.Now())
		})
		for filter, want := range map[string][]string{
			"params.model = '":                 {"xgboost", "100%", "Xg_2", "it's"},
			"params.model != 'XG":              {"xgboost", "Xg_2"},
			"params.model = 'xg_":              {"Xg_2"},
			"params.model = '%":                nil,
			"params.model = '100%":             {"100%"},
			"params.model = 'it''s":            {"it's"},
			"params.model = 'light":            nil, // its run is in the trash
			"params.model LIKE 'x":             nil,
			"params.none = '":                  nil,
			"tags.team = '":                    {"risk"},
			"status = '":                       {"RUNNING", "FINISHED"},
			"attributes.user_id = 'M":          {"mia"},
			"run_name = 'run-":                 {"run-0", "run-2", "run-3", "run-4", "run-5", "run-6", "run-7"},
			"run_id IN ('" + ids[2][:20]:       {ids[2]},
			"dataset.name = 'I":                {"iris"},
			"dataset.digest = '":               {"d1"},
			"dataset.context NOT IN ('a', 'tr": {"train"},
			"params.model = '\\":               nil,
		} {
			if got := seen("0", filter, 30); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", filter, got, want)
			}
		}
		if got := seen("0", "run_name = 'run-", 2); !slices.Equal(got, []string{"run-0", "run-2"}) {
			t.Errorf("the first two: %q", got)
		}
		if got := seen(other, "params.model = '", 30); len(got) > 0 {
			t.Errorf("another experiment: %q", got)
		}
	})
}

// Points are counted in the tail and in blocks.
func TestPointCounts(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r, other := createRun(t, db, tracking.Run{}), createRun(t, db, tracking.Run{})
		point := func(key string, step int64) tracking.Batch {
			return tracking.Batch{Metrics: []tracking.Metric{{Key: key, Value: 1, Step: step, Timestamp: step}}}
		}
		for step := range int64(3) {
			mustLog(t, db, r.ID, point("curve", step))
		}
		mustLog(t, db, r.ID, point("dot", 7))
		mustLog(t, db, other.ID, point("dot", 8))
		compact(t, db, r.ID)
		mustLog(t, db, r.ID, point("curve", 3))
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.RunRead, g.Workspace()); err != nil {
				return err
			}
			got, err := tx.PointCounts(ctx, r.ID, []string{"curve", "dot", "none"})
			if d := cmp.Diff(map[string]int64{"curve": 4, "dot": 1}, got); d != "" {
				t.Error(d)
			}
			return err
		})
	})
}
