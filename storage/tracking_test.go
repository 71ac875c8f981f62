package storage_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
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

func createRun(t testing.TB, db *storage.DB, r tracking.Run) tracking.Run {
	t.Helper()
	if r.ExperimentID == "" {
		r.ExperimentID = "0"
	}
	storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		r, err = tracking.CreateRun(ctx, tx, g, r)
		return err
	})
	return r
}

func log(t testing.TB, db *storage.DB, run string, b tracking.Batch) error {
	t.Helper()
	if err := b.Check(); err != nil {
		return err
	}
	return storagetest.TryWrite(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.Log(ctx, tx, g, run, b)
	})
}

func mustLog(t testing.TB, db *storage.DB, run string, b tracking.Batch) {
	t.Helper()
	if err := log(t, db, run, b); err != nil {
		t.Fatal(err)
	}
}

func fullRun(t testing.TB, db *storage.DB, id string) (r tracking.Run) {
	t.Helper()
	storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		r, err = tracking.RunByID(ctx, tx, g, id)
		return err
	})
	return r
}

// points reads a history page by page; size 0 reads it whole.
func points(t testing.TB, db *storage.DB, run, key string, size int) (out []tracking.Metric) {
	t.Helper()
	for after := ""; ; {
		var h tracking.History
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			h, err = tracking.MetricHistory(ctx, tx, g, tracking.HistoryQuery{RunID: run, Key: key, Limit: size, After: after})
			return err
		})
		n := 0
		if err := h.Each(func(m tracking.Metric) error {
			out = append(out, m)
			n++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if size > 0 && n > size {
			t.Fatalf("a page of %d points, asked for %d", n, size)
		}
		if after = h.Next(); after == "" {
			return out
		}
	}
}

// columns is points by the other way to read a history.
func columns(t testing.TB, db *storage.DB, run, key string) (out []tracking.Metric) {
	t.Helper()
	storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		h, err := tracking.MetricHistory(ctx, tx, g, tracking.HistoryQuery{RunID: run, Key: key})
		if err != nil {
			return err
		}
		steps, times, values, err := h.Columns()
		for i := range steps {
			out = append(out, tracking.Metric{Key: key, Step: steps[i], Timestamp: times[i], Value: values[i]})
		}
		return err
	})
	return out
}

func compact(t testing.TB, db *storage.DB, run string) {
	t.Helper()
	storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		all, err := tx.SeriesOf(ctx, run)
		for _, s := range all {
			err = errors.Join(err, tx.CompactSeries(ctx, s))
		}
		return err
	})
}

func TestRunIsStoredWhole(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{Name: "first", UserID: "client's word", StartTime: 5, Tags: []tracking.Tag{{Key: "team", Value: "a"}}})
		mustLog(t, db, r.ID, tracking.Batch{
			Params:  []tracking.Param{{Key: "lr", Value: "0.1"}, {Key: "empty", Value: ""}},
			Tags:    []tracking.Tag{{Key: "team", Value: "b"}},
			Metrics: []tracking.Metric{{Key: "loss", Value: 3, Step: 1, Timestamp: 7}, {Key: "loss", Value: 2, Step: 2, Timestamp: 6}, {Key: "inf", Value: math.Inf(-1)}},
		})
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			d := tracking.DatasetInput{Dataset: tracking.Dataset{Name: "d", Digest: "1", Source: "s"}, Tags: []tracking.Tag{{Key: tracking.TagContext, Value: "train"}}}
			if err := tracking.LogInputs(ctx, tx, g, r.ID, []tracking.DatasetInput{d}, nil); err != nil {
				return err
			}
			return tracking.LogInputs(ctx, tx, g, r.ID, []tracking.DatasetInput{d}, nil) // the same again
		})
		got := fullRun(t, db, r.ID)
		if got.UpdatedAt < time.Now().Add(-time.Minute).UnixMilli() {
			t.Errorf("the run says it was last written to at %d", got.UpdatedAt)
		}
		got.UpdatedAt = 0
		want := tracking.Run{
			ID: r.ID, ExperimentID: "0", Workspace: "default", Name: "first", UserID: "client's word", CreatedBy: "ada", Status: tracking.Running, StartTime: 5,
			ArtifactURI: "mlflow-artifacts:/0/" + r.ID + "/artifacts",
			Metrics:     []tracking.Metric{{Key: "inf", Value: -math.MaxFloat64}, {Key: "loss", Value: 2, Step: 2, Timestamp: 6}},
			Params:      []tracking.Param{{Key: "empty", Value: ""}, {Key: "lr", Value: "0.1"}},
			Tags:        []tracking.Tag{{Key: "mlflow.runName", Value: "first"}, {Key: "team", Value: "b"}},
			Datasets: []tracking.DatasetInput{{
				Dataset: tracking.Dataset{Name: "d", Digest: "1", Source: "s"}, Tags: []tracking.Tag{{Key: tracking.TagContext, Value: "train"}},
			}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// The latest value is the greatest (step, timestamp, value), whatever came last; NaN counts as 0.
func TestLatestMetric(t *testing.T) {
	nan := math.NaN()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for name, tc := range map[string]struct {
			in   []tracking.Metric
			want tracking.Metric
		}{
			"step wins":            {[]tracking.Metric{{Step: 2, Value: 1}, {Step: 1, Timestamp: 99, Value: 9}}, tracking.Metric{Step: 2, Value: 1}},
			"then time":            {[]tracking.Metric{{Timestamp: 2, Value: 1}, {Timestamp: 1, Value: 9}}, tracking.Metric{Timestamp: 2, Value: 1}},
			"then value":           {[]tracking.Metric{{Value: 5}, {Value: 7}, {Value: 6}}, tracking.Metric{Value: 7}},
			"negative step":        {[]tracking.Metric{{Step: -5, Value: 1}, {Step: -9, Value: 2}}, tracking.Metric{Step: -5, Value: 1}},
			"NaN at a later step":  {[]tracking.Metric{{Step: 1, Value: 1}, {Step: 2, Value: nan}}, tracking.Metric{Step: 2, Value: nan}},
			"NaN below a number":   {[]tracking.Metric{{Value: nan}, {Value: 1}}, tracking.Metric{Value: 1}},
			"NaN above a negative": {[]tracking.Metric{{Value: -1}, {Value: nan}}, tracking.Metric{Value: nan}},
		} {
			for _, together := range []bool{true, false} {
				r := createRun(t, db, tracking.Run{})
				var b tracking.Batch
				for _, m := range tc.in {
					m.Key = "m"
					b.Metrics = append(b.Metrics, m)
					if !together {
						mustLog(t, db, r.ID, b)
						b.Metrics = nil
					}
				}
				mustLog(t, db, r.ID, b)
				tc.want.Key = "m"
				if got := fullRun(t, db, r.ID).Metrics; len(got) != 1 || !sameMetric(got[0], tc.want) {
					t.Errorf("%s (together %v): got %+v, want %+v", name, together, got, tc.want)
				}
			}
		}
	})
}

func sameMetric(a, b tracking.Metric) bool {
	if math.IsNaN(a.Value) && math.IsNaN(b.Value) {
		a.Value, b.Value = 0, 0
	}
	return a == b
}

// A history is the same before and after compaction, in pages and whole, in whatever order and however
// often its points came.
func TestHistory(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{})
		var want []tracking.Metric
		for i := range int64(5300) {
			want = append(want, tracking.Metric{Key: "m", Step: i, Timestamp: 1000 + i/3, Value: float64(i % 7)})
		}
		want = append(want, tracking.Metric{Key: "m", Step: 9, Timestamp: 99_000, Value: 1}, tracking.Metric{Key: "m", Step: 9, Timestamp: 99_000, Value: math.NaN()})
		send := func(from, to int) {
			for part := range slices.Chunk(want[from:to], 700) {
				mustLog(t, db, r.ID, tracking.Batch{Metrics: slices.Clone(part)})
			}
		}
		check := func(when string, n int) {
			t.Helper()
			for _, size := range []int{0, 1000, 997, 25000} {
				got := points(t, db, r.ID, "m", size)
				if !slices.EqualFunc(got, want[:n], sameMetric) {
					t.Fatalf("%s, pages of %d: %d points, want %d", when, size, len(got), n)
				}
			}
			if got := columns(t, db, r.ID, "m"); !slices.EqualFunc(got, want[:n], sameMetric) {
				t.Fatalf("%s, in columns: %d points, want %d", when, len(got), n)
			}
		}
		send(0, 2500)
		check("in the tail", 2500)
		compact(t, db, r.ID)
		check("in blocks", 2500)
		send(2000, 2500) // a client repeats what was compacted
		send(2500, 3000)
		check("repeated", 3000)
		compact(t, db, r.ID)
		check("repeated and compacted", 3000)
		send(4000, len(want)) // out of order
		send(3000, 4000)
		send(0, 100)
		check("out of order", len(want))
		compact(t, db, r.ID)
		check("out of order, compacted", len(want))
		compact(t, db, r.ID)
		check("compacted twice", len(want))
		if got := points(t, db, r.ID, "other", 0); got != nil {
			t.Errorf("an unknown key has %d points", len(got))
		}
	})
}

func TestBadPageTokens(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{})
		mustLog(t, db, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "m", Value: 1}, {Key: "m", Value: 2}}})
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for _, bad := range []string{"x", "AAAA", "eyJtIjoiIiwiYSI6W119", strings.Repeat("A", 100_000), "bnVsbA"} {
				if _, err := tracking.MetricHistory(ctx, tx, g, tracking.HistoryQuery{RunID: r.ID, Key: "m", After: bad}); domain.KindOf(err) != domain.Invalid {
					t.Errorf("history token %.20q: %v", bad, err)
				}
				if _, err := tracking.SearchRuns(ctx, tx, g, tracking.Query{Experiments: []string{"0"}, Limit: 1, After: bad}); domain.KindOf(err) != domain.Invalid {
					t.Errorf("search token %.20q: %v", bad, err)
				}
			}
			return nil
		})
	})
}

// A token with the mark of the search but values of other types is refused, or finds something, on both engines.
func TestForgedPageTokens(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		createRun(t, db, tracking.Run{StartTime: 1})
		createRun(t, db, tracking.Run{StartTime: 2})
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			q := tracking.Query{Experiments: []string{"0"}, Limit: 1}
			page, err := tracking.SearchRuns(ctx, tx, g, q)
			if err != nil || page.Next == "" {
				t.Fatalf("no second page: %v", err)
			}
			b, err := base64.RawURLEncoding.DecodeString(page.Next)
			if err != nil {
				return err
			}
			q.After = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "[2,", `["two",`, 1)))
			if q.After == page.Next {
				t.Fatalf("nothing was forged: %s", b)
			}
			if _, err := tracking.SearchRuns(ctx, tx, g, q); err != nil && domain.KindOf(err) != domain.Invalid {
				t.Errorf("got %v", err)
			}
			return nil
		})
	})
}

func TestParamsAreWrittenOnce(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{})
		mustLog(t, db, r.ID, tracking.Batch{Params: []tracking.Param{{Key: "a", Value: "1"}}})
		mustLog(t, db, r.ID, tracking.Batch{Params: []tracking.Param{{Key: "a", Value: "1"}}})
		err := log(t, db, r.ID, tracking.Batch{
			Params: []tracking.Param{{Key: "b", Value: "2"}, {Key: "a", Value: "other"}}, Metrics: []tracking.Metric{{Key: "m"}}, Tags: []tracking.Tag{{Key: "t", Value: "v"}},
		})
		if domain.KindOf(err) != domain.Invalid {
			t.Fatalf("a changed parameter: %v", err)
		}
		got := fullRun(t, db, r.ID)
		if len(got.Params) != 1 || got.Params[0].Value != "1" || len(got.Metrics) != 0 || got.Tag("t") != "" {
			t.Errorf("half of a refused batch was kept: %+v", got)
		}
	})
}

func TestTrashOfExperiments(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var e tracking.Experiment
		storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			e, err = tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "x"}, tx.Now())
			return err
		})
		before, with := createRun(t, db, tracking.Run{ExperimentID: e.ID}), createRun(t, db, tracking.Run{ExperimentID: e.ID})
		act := func(fn func(context.Context, *storage.Tx, access.Grant) error) error {
			return storagetest.TryWrite(t, db, access.ExperimentDelete, fn)
		}
		storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteRun(ctx, tx, g, before.ID, tx.Now().Add(-time.Hour))
		})
		del := func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteExperiment(ctx, tx, g, e.ID, tx.Now())
		}
		restore := func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.RestoreExperiment(ctx, tx, g, e.ID, tx.Now())
		}
		if err := act(restore); domain.KindOf(err) != domain.NotFound {
			t.Errorf("restoring what is active: %v", err)
		}
		if err := act(del); err != nil {
			t.Fatal(err)
		}
		if err := act(del); domain.KindOf(err) != domain.NotFound {
			t.Errorf("deleting twice: %v", err)
		}
		if err := log(t, db, with.ID, tracking.Batch{Tags: []tracking.Tag{{Key: "a"}}}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("writing to a run in the trash: %v", err)
		}
		err := storagetest.TryWrite(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "x"}, tx.Now())
			return err
		})
		if domain.KindOf(err) != domain.Exists {
			t.Errorf("the name of an experiment in the trash: %v", err)
		}
		if err := act(restore); err != nil {
			t.Fatal(err)
		}
		if !fullRun(t, db, before.ID).Deleted() || fullRun(t, db, with.ID).Deleted() {
			t.Error("restoring brings back the runs that went with the experiment, and no others")
		}
	})
}

// What belongs to one workspace does not exist in another, whatever id is named.
func TestWorkspacesAreApart(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return errors.Join(g.Need(access.Maintain, g.Workspace()), tx.AddWorkspace(ctx, "other"))
		})
		r := createRun(t, db, tracking.Run{})
		mustLog(t, db, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "m", Value: 1}}})
		g := storagetest.GrantIn(t, "eve", access.Admin, access.RunRead, "other")
		if err := db.Read(t.Context(), g, func(tx *storage.Tx) error {
			if _, err := tracking.RunByID(t.Context(), tx, g, r.ID); domain.KindOf(err) != domain.NotFound {
				t.Errorf("a run of another workspace: %v", err)
			}
			page, err := tracking.SearchRuns(t.Context(), tx, g, tracking.Query{Experiments: []string{"0"}, Limit: 10})
			if err != nil || len(page.Items) != 0 {
				t.Errorf("found %d runs of another workspace, %v", len(page.Items), err)
			}
			h, err := tracking.MetricHistory(t.Context(), tx, g, tracking.HistoryQuery{RunID: r.ID, Key: "m"})
			if err != nil {
				return err
			}
			return h.Each(func(tracking.Metric) error { return errors.New("a history of another workspace") })
		}); err != nil {
			t.Error(err)
		}
		w := storagetest.GrantIn(t, "eve", access.Admin, access.RunWrite, "other")
		err := db.Write(t.Context(), w, func(tx *storage.Tx) error {
			return tracking.Log(t.Context(), tx, w, r.ID, tracking.Batch{Tags: []tracking.Tag{{Key: "a", Value: "b"}}})
		})
		if domain.KindOf(err) != domain.NotFound {
			t.Errorf("writing to a run of another workspace: %v", err)
		}
	})
}

func TestAuditAndOutbox(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{})
		count := func(q string) (n int) {
			storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return errors.Join(g.Need(access.Maintain, g.Workspace()), storage.Scan(ctx, tx, q, &n))
			})
			return n
		}
		if n := count(`SELECT COUNT(*) FROM audit_lines`); n != 0 {
			t.Errorf("%d audit lines for a run", n)
		}
		del := func(fail error) error {
			return storagetest.TryWrite(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return errors.Join(tracking.DeleteRun(ctx, tx, g, r.ID, tx.Now()), fail)
			})
		}
		if err := del(errors.New("no")); err == nil || count(`SELECT COUNT(*) FROM audit_lines`) != 0 || count(`SELECT COUNT(*) FROM outbox`) != 0 {
			t.Error("a failed write left its audit line or event")
		}
		if err := del(nil); err != nil {
			t.Fatal(err)
		}
		if n := count(`SELECT COUNT(*) FROM audit_lines WHERE actor = 'ada' AND action = 'run.delete' AND request_id = 'test'`); n != 1 {
			t.Errorf("%d audit lines for a deletion", n)
		}
		if n := count(`SELECT COUNT(*) FROM outbox WHERE kind = 'run.deleted' AND subject = '` + r.ID + `'`); n != 1 {
			t.Errorf("%d events for a deletion", n)
		}
	})
}

func TestNoGrantNoDoor(t *testing.T) {
	db := storagetest.Open(t)
	nothing := func(*storage.Tx) error { return nil }
	if db.Write(t.Context(), access.Grant{}, nothing) == nil || db.Read(t.Context(), access.Grant{}, nothing) == nil {
		t.Error("a grant nobody made opens the door")
	}
	g := storagetest.Grant(t, "ada", access.Admin, access.RunWrite)
	if db.Write(t.Context(), g, nothing) == nil {
		t.Error("a write of which nobody asked whether it is allowed was committed")
	}
}

func TestLoggedModels(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{})
		var ms []tracking.LoggedModel
		for i := range 3 {
			storagetest.Write(t, db, access.LoggedModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				m, err := tracking.CreateLoggedModel(ctx, tx, g, tracking.LoggedModel{
					ExperimentID: "0", Name: fmt.Sprintf("model-%d", i), SourceRunID: r.ID, Params: []tracking.Param{{Key: "p", Value: fmt.Sprint(i)}},
				}, tx.Now())
				ms = append(ms, m)
				return err
			})
			if i < 2 {
				mustLog(t, db, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "acc", Value: float64(i), ModelID: ms[i].ID, DatasetName: "d", DatasetDigest: "1"}}})
			}
		}
		search := func(filter string, q tracking.Query) (names []string) {
			t.Helper()
			storagetest.Read(t, db, access.LoggedModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				if q.Filter, err = tracking.ParseLoggedModelFilter(filter); err != nil {
					return err
				}
				q.Experiments, q.View = []string{"0"}, tracking.ActiveOnly
				for {
					q.Limit = 2
					page, err := tracking.SearchLoggedModels(ctx, tx, g, q)
					if err != nil {
						return err
					}
					for _, m := range page.Items {
						names = append(names, m.Name)
					}
					if q.After = page.Next; q.After == "" {
						return nil
					}
				}
			})
			return names
		}
		order := func(key string, entity string, desc bool) []tracking.Order {
			o := tracking.Order{}
			o.Key, o.Desc = key, desc
			o.Entity = "attribute"
			if entity != "" {
				o.Entity = "metric"
			}
			return []tracking.Order{o}
		}
		for _, tc := range []struct {
			filter string
			q      tracking.Query
			want   []string
		}{
			{"", tracking.Query{Order: order("name", "", false)}, []string{"model-0", "model-1", "model-2"}},
			{"", tracking.Query{Order: order("acc", "metric", true)}, []string{"model-1", "model-0", "model-2"}},
			{"", tracking.Query{Order: order("acc", "metric", false)}, []string{"model-0", "model-1", "model-2"}},
			{"metrics.acc >= 1", tracking.Query{}, []string{"model-1"}},
			{"params.p = '2'", tracking.Query{}, []string{"model-2"}},
			{"status = 'PENDING' AND name = 'model-2'", tracking.Query{}, []string{"model-2"}},
			{"", tracking.Query{Datasets: []tracking.DatasetKey{{Name: "d"}}, Order: order("name", "", false)}, []string{"model-0", "model-1"}},
			{"", tracking.Query{Datasets: []tracking.DatasetKey{{Name: "d", Digest: "2"}}}, nil},
		} {
			if got := search(tc.filter, tc.q); !slices.Equal(got, tc.want) {
				t.Errorf("%q %+v: got %v, want %v", tc.filter, tc.q.Order, got, tc.want)
			}
		}
		storagetest.Write(t, db, access.LoggedModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteLoggedModel(ctx, tx, g, ms[0].ID, tx.Now())
		})
		if got := search("name LIKE 'model-%'", tracking.Query{Order: order("name", "", false)}); !slices.Equal(got, []string{"model-1", "model-2"}) {
			t.Errorf("after deleting: %v", got)
		}
	})
}
