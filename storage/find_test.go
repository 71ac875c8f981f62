package storage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestFind(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var gone tracking.Run
		ids := map[string]string{}
		storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for _, name := range []string{"Fraud detection", "100% churn", "old_fraud"} {
				if _, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: name}, tx.Now()); err != nil {
					return err
				}
			}
			return nil
		})
		add := func(experiment, name string, start int64, tags ...tracking.Tag) tracking.Run {
			r := createRun(t, db, tracking.Run{ExperimentID: experiment, Name: name, StartTime: start, Tags: tags})
			ids[name] = r.ID
			return r
		}
		long := strings.Repeat("x", 199)
		add("1", "XGB-deep", 10, tracking.Tag{Key: "team", Value: "Risk"}, tracking.Tag{Key: "mlflow.user", Value: "risky"})
		add("1", "xgb-flat", 30, tracking.Tag{Key: "team", Value: "risk"}, tracking.Tag{Key: "note", Value: "riskless"})
		add("2", "a_b", 20, tracking.Tag{Key: "team", Value: "growth"}, tracking.Tag{Key: "TEAMS", Value: "%"})
		add("2", "aXb", 21, tracking.Tag{Key: "risk-level", Value: "low"})
		add("2", long+" tail", 22)
		add("2", `back\slash 'quote"`, 23)
		gone = add("1", "xgb-gone", 40, tracking.Tag{Key: "team", Value: "risk"})
		add("3", "xgb-of-old", 50, tracking.Tag{Key: "team", Value: "risk"})
		storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteRun(ctx, tx, g, gone.ID, tx.Now())
		})
		var model tracking.LoggedModel
		storagetest.Write(t, db, access.LoggedModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			model, err = tracking.CreateLoggedModel(ctx, tx, g, tracking.LoggedModel{ExperimentID: "1", Name: "Scorer"}, tx.Now())
			return err
		})
		storagetest.Write(t, db, access.ExperimentDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteExperiment(ctx, tx, g, "3", tx.Now())
		})

		find := func(words string) (out []string) {
			storagetest.Read(t, db, access.ExperimentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				es, err := tracking.FindExperiments(ctx, tx, g, words, 9)
				for _, e := range es {
					out = append(out, "experiment "+e.Name)
				}
				return err
			})
			storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				rs, err := tracking.FindRuns(ctx, tx, g, words, 9)
				for _, r := range rs {
					out = append(out, "run "+r.Name+" in "+r.Experiment)
				}
				if err != nil {
					return err
				}
				ts, err := tracking.FindTags(ctx, tx, g, words, 9)
				for _, f := range ts {
					out = append(out, fmt.Sprintf("tag %s=%s %d in %s", f.Key, f.Value, f.Runs, f.Experiment))
				}
				return err
			})
			storagetest.Read(t, db, access.LoggedModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				ms, err := tracking.FindLoggedModels(ctx, tx, g, words, 9)
				for _, m := range ms {
					out = append(out, "model "+m.Name+" in "+m.Experiment)
				}
				return err
			})
			return out
		}
		for words, want := range map[string][]string{
			"":             nil,
			"nothing":      nil,
			"fraud":        {"experiment Fraud detection"},
			"2":            {"experiment 100% churn"},
			"xgb":          {"run xgb-flat in Fraud detection", "run XGB-deep in Fraud detection"},
			"a_b":          {"run a_b in 100% churn"},
			"0% C":         {"experiment 100% churn"},
			`k\s`:          {`run back\slash 'quote" in 100% churn`},
			`'quote"`:      {`run back\slash 'quote" in 100% churn`},
			"xx tail":      nil, // beyond what is indexed
			"scor":         {"model Scorer in Fraud detection"},
			model.ID[:9]:   {"model Scorer in Fraud detection"},
			"risk":         {"tag team=Risk 1 in Fraud detection", "tag team=risk 1 in Fraud detection", "tag note=riskless 1 in Fraud detection", "tag risk-level= 0 in 100% churn"},
			"team: risk":   {"tag team=Risk 1 in Fraud detection", "tag team=risk 1 in Fraud detection"},
			"team=r":       {"tag team=Risk 1 in Fraud detection", "tag team=risk 1 in Fraud detection"},
			"%":            {"experiment 100% churn", "tag TEAMS=% 1 in 100% churn"},
			"mlflow.user":  nil,
			"teams":        {"tag TEAMS= 0 in 100% churn"},
			"nobody: risk": nil,
		} {
			got := find(words)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", words, diff)
			}
		}
		if got := find(strings.ToUpper(ids["a_b"])[:12]); len(got) != 1 || got[0] != "run a_b in 100% churn" {
			t.Errorf("by the beginning of an id: %q", got)
		}
		if got := find(gone.ID); got != nil {
			t.Errorf("a run in the trash was found: %q", got)
		}
	})
}
