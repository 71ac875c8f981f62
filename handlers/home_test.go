package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestHomeBeginsWithWhatToDo(t *testing.T) {
	s := handlertest.Serve(t, true)
	a := s.Do(http.MethodGet, "/", "")
	if a.Status != 200 || !strings.Contains(a.Body, "mlflow.set_tracking_uri(&#34;"+s.URL+"&#34;)") {
		t.Errorf("%d: the first page does not say how to begin", a.Status)
	}
	if strings.Contains(a.Body, "MLFLOW_TRACKING_TOKEN") {
		t.Error("a token is asked of a client that needs none")
	}
}

func TestHome(t *testing.T) {
	s := handlertest.Serve(t, true)
	now := time.Now()
	const hostile = `<img src=x onerror=alert(1)>`
	var done, dead tracking.Run
	storagetest.Write(t, s.DB, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: hostile}, now)
		return err
	})
	storagetest.Write(t, s.DB, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		begin := func(name string, ago time.Duration) tracking.Run {
			r, e := tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "1", Name: name, StartTime: now.Add(-ago).UnixMilli()})
			if e != nil {
				err = e
			}
			return r
		}
		done, dead = begin(hostile, time.Hour), begin("dead", 30*time.Hour)
		begin("busy", time.Minute)
		end := func(r tracking.Run, as tracking.Status) {
			if _, e := tracking.UpdateRun(ctx, tx, g, r.ID, tracking.RunChange{Status: as, EndTime: now.UnixMilli()}); e != nil {
				err = e
			}
		}
		end(done, tracking.Finished)
		end(dead, tracking.Failed)
		var ms []tracking.Metric
		for i := range 50 {
			ms = append(ms, tracking.Metric{Key: "val_auc", Step: int64(i), Value: 0.5 + float64(i)/100, Timestamp: now.UnixMilli()})
		}
		ms = append(ms, tracking.Metric{Key: "system/cpu", Value: 99}, tracking.Metric{Key: "alpha", Value: 1})
		if e := tracking.Log(ctx, tx, g, done.ID, tracking.Batch{Metrics: ms}); e != nil {
			err = e
		}
		return err
	})
	a := s.Do(http.MethodGet, "/", "")
	for _, want := range []string{"0.99", "val_auc", "0 failed, 1 the day before", "&lt;img src=x", `class="spark"`, "of 2 experiments", `href="/runs/` + done.ID + `"`, ">busy</a>"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(a.Body, hostile) {
		t.Error("a name became code")
	}
	if week := s.Do(http.MethodGet, "/?period=7d", ""); !strings.Contains(week.Body, "1 failed, 0 in the week before") {
		t.Error("the period changes nothing")
	}
	if odd := s.Do(http.MethodGet, "/?period=century", ""); odd.Status != 200 || !strings.Contains(odd.Body, "Runs, last 24 h") {
		t.Errorf("a period nobody offered: %d", odd.Status)
	}
}

// many fills the experiment Default with runs, one every ten seconds up to now.
func many(t testing.TB, db *storage.DB, runs int) {
	t.Helper()
	now := time.Now().UnixMilli()
	for first := 0; first < runs; first += 5000 {
		storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			for i := first; i < min(first+5000, runs); i++ {
				r := tracking.Run{
					ID: tracking.NewID(), ExperimentID: "0", Workspace: g.Workspace(), Name: fmt.Sprintf("xgb-depth-%d-lr%d", i, i%17),
					Status: []tracking.Status{tracking.Finished, tracking.Failed, tracking.Finished, tracking.Killed}[i%4], StartTime: now - int64(runs-i)*10_000, EndTime: now,
				}
				if err := tx.AddRun(ctx, r); err != nil {
					return err
				}
				if err := tx.SetTags(ctx, r.ID, []tracking.Tag{{Key: "mlflow.runName", Value: r.Name}, {Key: "team", Value: fmt.Sprintf("risk-%d", i%13)}}); err != nil {
					return err
				}
				if i >= runs-100 {
					if err := tx.AddPoints(ctx, r, []tracking.Metric{{Key: "val_auc", Value: 0.9, Timestamp: now}, {Key: "loss", Value: 0.1, Timestamp: now}}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

// BenchmarkHome answers the home page and searches at 100,000 runs.
func BenchmarkHome(b *testing.B) {
	s := handlertest.Serve(b, true)
	many(b, s.DB, 100_000)
	for _, path := range []string{
		"/", "/?period=7d", "/?period=30d", "/search?q=nothing-like-it", "/search?q=depth-77", "/search?q=team:+risk-1", "/search?q=deadbeef", "/search?kind=runs&q=xgb",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if a := s.Do(http.MethodGet, path, ""); a.Status != http.StatusOK {
					b.Fatalf("%s: %d", path, a.Status)
				}
			}
		})
	}
}
