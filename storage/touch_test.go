package storage_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestKeysOfAnExperimentAreNoted(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := createRun(t, db, tracking.Run{Name: "first"})
		for range 2 { // the second time from memory
			mustLog(t, db, r.ID, tracking.Batch{
				Params:  []tracking.Param{{Key: "lr", Value: "0.1"}},
				Tags:    []tracking.Tag{{Key: "team", Value: "b"}},
				Metrics: []tracking.Metric{{Key: "val/loss", Value: 3, Step: 1}, {Key: "val/loss", Value: 2, Step: 2}, {Key: "auc", Value: 1}},
			})
		}
		refused := storagetest.TryWrite(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := tracking.Log(ctx, tx, g, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "later"}}}); err != nil {
				return err
			}
			return context.Canceled
		})
		if refused == nil {
			t.Fatal("the refused write went through")
		}
		mustLog(t, db, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "later"}}})
		var got []tracking.Key
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			got, err = tracking.KeysOf(ctx, tx, g, "0", "", "", 10)
			return err
		})
		want := []tracking.Key{{Kind: "metric", Name: "auc"}, {Kind: "metric", Name: "later"}, {Kind: "metric", Name: "val/loss"}, {Kind: "param", Name: "lr"}, {Kind: "tag", Name: "mlflow.runName"}, {Kind: "tag", Name: "team"}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
