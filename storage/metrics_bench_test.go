package storage_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// BenchmarkLog is a training run's usual request, five metrics of one step, without HTTP and, as many go
// into one commit, almost without the disk.
func BenchmarkLog(b *testing.B) {
	db := storagetest.Open(b)
	var run tracking.Run
	storagetest.Write(b, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		run, err = tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0"})
		return err
	})
	batch := tracking.Batch{}
	for i := range 5 {
		batch.Metrics = append(batch.Metrics, tracking.Metric{Key: fmt.Sprintf("metric-%d", i)})
	}
	storagetest.Write(b, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for step := int64(0); b.Loop(); step++ {
			for i := range batch.Metrics {
				batch.Metrics[i].Step, batch.Metrics[i].Timestamp, batch.Metrics[i].Value = step, 1_795_404_541_715+step*100, 1/float64(step+1)
			}
			if err := tracking.Log(ctx, tx, g, run.ID, batch); err != nil {
				return err
			}
		}
		return nil
	})
}
