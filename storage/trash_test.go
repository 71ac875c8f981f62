package storage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// tables hold what an experiment is made of.
var tables = []string{
	"experiments", "experiment_tags", "experiment_keys", "views", "runs", "params", "tags", "metrics", "metric_tail", "metric_blocks",
	"datasets", "dataset_inputs", "logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics", "run_models", "artifacts", "purges",
}

func rowsOf(t *testing.T, db *storage.DB) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		for _, table := range tables {
			var n int64
			if err := storage.Scan(ctx, tx, "SELECT COUNT(*) FROM "+table, &n); err != nil {
				return err
			}
			out[table] = n
		}
		return nil
	})
	return out
}

// filled makes an experiment with some of everything and returns its id, a run and a model of it.
func filled(t *testing.T, db *storage.DB, name string, runs int) (id, run, model string) {
	t.Helper()
	storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		e, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: name, Tags: []tracking.Tag{{Key: "a", Value: "b"}}}, tx.Now())
		id = e.ID
		return err
	})
	for i := range runs {
		r := createRun(t, db, tracking.Run{ExperimentID: id, Name: fmt.Sprintf("r%d", i), StartTime: int64(i)})
		run = r.ID
		b := tracking.Batch{Params: []tracking.Param{{Key: "p", Value: "1"}, {Key: "q", Value: "2"}}, Tags: []tracking.Tag{{Key: "team", Value: "risk"}}}
		for step := range 30 {
			b.Metrics = append(b.Metrics, tracking.Metric{Key: "loss", Step: int64(step), Value: 1}, tracking.Metric{Key: "acc", Step: int64(step), Value: 2})
		}
		mustLog(t, db, r.ID, b)
		storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.LogInputs(ctx, tx, g, r.ID, []tracking.DatasetInput{{Dataset: tracking.Dataset{Name: "d", Digest: "x"}}}, nil)
		})
		storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			series, err := tx.SeriesOf(ctx, r.ID)
			if err == nil && len(series) > 0 {
				err = tx.CompactSeries(ctx, series[0])
			}
			return err
		})
		putFile(t, db, id+"/"+r.ID+"/artifacts/model/weights.bin", fmt.Sprintf("%064d", i))
	}
	storagetest.Write(t, db, access.LoggedModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := tracking.CreateLoggedModel(ctx, tx, g, tracking.LoggedModel{
			ExperimentID: id, Name: "m", Params: []tracking.Param{{Key: "p", Value: "1"}}, Tags: []tracking.Tag{{Key: "t", Value: "1"}},
		}, tx.Now())
		model = m.ID
		return err
	})
	mustLog(t, db, run, tracking.Batch{Metrics: []tracking.Metric{{Key: "auc", Value: 1, ModelID: model}}})
	storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.LogOutputs(ctx, tx, g, run, []tracking.ModelRef{{ModelID: model}})
	})
	putFile(t, db, id+"/models/"+model+"/artifacts/MLmodel", fmt.Sprintf("%064d", 1))
	putFile(t, db, id+"/loose.txt", fmt.Sprintf("%064d", 2))
	return id, run, model
}

func putFile(t *testing.T, db *storage.DB, at, digest string) {
	t.Helper()
	storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: at, Size: 1000, Digest: digest})
	})
}

func trashed(t *testing.T, db *storage.DB, k tracking.TrashKey) {
	t.Helper()
	perms := map[tracking.TrashKind]access.Perm{tracking.TrashExperiment: access.ExperimentDelete, tracking.TrashRun: access.RunDelete, tracking.TrashModel: access.LoggedModelDelete}
	storagetest.Write(t, db, perms[k.Kind], func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		switch k.Kind {
		case tracking.TrashExperiment:
			return tracking.DeleteExperiment(ctx, tx, g, k.ID, tx.Now())
		case tracking.TrashRun:
			return tracking.DeleteRun(ctx, tx, g, k.ID, tx.Now())
		default:
			return tracking.DeleteLoggedModel(ctx, tx, g, k.ID, tx.Now())
		}
	})
}

func order(t *testing.T, db *storage.DB, keys ...tracking.TrashKey) {
	t.Helper()
	storagetest.Write(t, db, access.TrashPurge, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if len(keys) == 0 {
			return tracking.EmptyTrash(ctx, tx, g, tx.Now())
		}
		_, err := tracking.PurgeThings(ctx, tx, g, keys, tx.Now())
		return err
	})
}

// carry does one portion and returns the freed digests; false when no order is left.
func carry(t *testing.T, db *storage.DB) (freed []string, some bool) {
	t.Helper()
	storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		p, err := tx.NextPurge(ctx)
		if domain.KindOf(err) == domain.NotFound {
			freed, some = nil, false
			return nil
		}
		if err != nil {
			return err
		}
		some = true
		freed, _, err = tx.Carry(ctx, p)
		return err
	})
	return freed, some
}

func carryAll(t *testing.T, db *storage.DB) (freed map[string]bool) {
	t.Helper()
	freed = map[string]bool{}
	for range 1000 {
		some, more := carry(t, db)
		for _, d := range some {
			freed[d] = true
		}
		if !more {
			return freed
		}
	}
	t.Fatal("it never ends")
	return nil
}

func TestPurgeLeavesNothing(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		filled(t, db, "kept", 2)
		before := rowsOf(t, db)
		id, _, _ := filled(t, db, "gone", 130) // more than one portion has room for
		for table, n := range rowsOf(t, db) {
			if n == before[table] && table != "purges" && table != "views" {
				t.Errorf("the test puts nothing into %s", table)
			}
		}
		e := tracking.TrashKey{Kind: tracking.TrashExperiment, ID: id}
		trashed(t, db, e)
		order(t, db, e)
		var audited int64
		storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			return storage.Scan(ctx, tx, `SELECT COUNT(*) FROM audit_lines WHERE actor = 'ada' AND action = 'trash.purge'`, &audited)
		})
		if audited != 1 {
			t.Errorf("the order left %d audit lines", audited)
		}
		portions := 0
		for freed, more := carry(t, db); more; freed, more = carry(t, db) {
			_ = freed
			if portions++; portions > 1000 {
				t.Fatal("it never ends")
			}
			if portions == 1 { // what is under way cannot be taken back, and its name is not free
				err := storagetest.TryWrite(t, db, access.ExperimentDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
					return tracking.RestoreExperiment(ctx, tx, g, id, tx.Now())
				})
				if domain.KindOf(err) != domain.Conflict {
					t.Errorf("restoring what is being deleted: %v", err)
				}
				err = storagetest.TryWrite(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
					_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "gone"}, tx.Now())
					return err
				})
				if domain.KindOf(err) != domain.Exists {
					t.Errorf("the name is free too early: %v", err)
				}
			}
		}
		if portions < 3 {
			t.Errorf("130 runs were deleted in %d portions", portions)
		}
		if diff := cmp.Diff(before, rowsOf(t, db)); diff != "" {
			t.Errorf("rows before and after (-/+):\n%s", diff)
		}
		storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "gone"}, tx.Now())
			return err
		})
	})
}

func TestPurgeOneThing(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		id, run, model := filled(t, db, "kept", 3)
		r, m := tracking.TrashKey{Kind: tracking.TrashRun, ID: run}, tracking.TrashKey{Kind: tracking.TrashModel, ID: model}
		order(t, db, r, m) // neither is in the trash: nothing to do
		if _, some := carry(t, db); some {
			t.Error("an order for what is not in the trash")
		}
		before := rowsOf(t, db)
		trashed(t, db, r)
		order(t, db, r)
		freed := carryAll(t, db)
		after := rowsOf(t, db)
		if after["runs"] != before["runs"]-1 || after["params"] != before["params"]-2 || after["artifacts"] != before["artifacts"]-1 || after["logged_models"] != before["logged_models"] {
			t.Errorf("before %v, after %v", before, after)
		}
		if len(freed) != 1 || !freed[fmt.Sprintf("%064d", 2)] {
			t.Errorf("freed %v", freed)
		}
		storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			used, err := tx.DigestsInUse(ctx, []string{fmt.Sprintf("%064d", 2)})
			if !used[fmt.Sprintf("%064d", 2)] { // loose.txt has the same bytes
				t.Error("bytes that another file names are held for waste")
			}
			return err
		})
		trashed(t, db, m)
		order(t, db, m)
		carryAll(t, db)
		gone := rowsOf(t, db)
		for _, table := range []string{"logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics", "run_models"} {
			if gone[table] != 0 {
				t.Errorf("%d rows are left in %s", gone[table], table)
			}
		}
		if gone["runs"] != 2 || gone["experiments"] != before["experiments"] || id == "" {
			t.Errorf("too much is gone: %v", gone)
		}
	})
}

func TestEmptyTrash(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		_, keptRun, _ := filled(t, db, "kept", 2)
		before := rowsOf(t, db)
		gone, _, _ := filled(t, db, "gone", 3)
		single := createRun(t, db, tracking.Run{Name: "single"})
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashExperiment, ID: gone})
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashRun, ID: single.ID})
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashExperiment, ID: tracking.DefaultExperiment})
		order(t, db)
		late, _, _ := filled(t, db, "late", 1)
		time.Sleep(2 * time.Millisecond) // instants are milliseconds: what goes now goes after the order
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashExperiment, ID: late})
		carryAll(t, db)
		storagetest.Read(t, db, access.ExperimentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			page, err := tracking.ListTrash(ctx, tx, g, "", "", 10)
			var left []string
			for _, x := range page.Items {
				left = append(left, x.Name)
			}
			if diff := cmp.Diff([]string{"late", "Default"}, left); diff != "" {
				t.Errorf("in the trash (-want +got):\n%s", diff)
			}
			return err
		})
		if _, err := tryRestore(t, db, tracking.DefaultExperiment); err != nil {
			t.Errorf("Default cannot be restored: %v", err)
		}
		if got := rowsOf(t, db); got["runs"] != before["runs"]+2 || keptRun == "" { // that of late, and single, whose experiment was in the trash
			t.Errorf("%d runs, want %d", got["runs"], before["runs"]+2)
		}
	})
}

func tryRestore(t *testing.T, db *storage.DB, id string) (string, error) {
	t.Helper()
	return id, storagetest.TryWrite(t, db, access.ExperimentDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.RestoreExperiment(ctx, tx, g, id, tx.Now())
	})
}

func TestTrashList(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		id, run, model := filled(t, db, "one", 25)
		other, _, _ := filled(t, db, "two", 1)
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashRun, ID: run})
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashModel, ID: model})
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashExperiment, ID: other})
		var got []tracking.Trashed
		storagetest.Read(t, db, access.ExperimentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for after := ""; ; {
				page, err := tracking.ListTrash(ctx, tx, g, "", after, 2)
				if err != nil {
					return err
				}
				got = append(got, page.Items...)
				if after = page.Next; after == "" {
					return nil
				}
			}
		})
		byKind := map[tracking.TrashKind]tracking.Trashed{}
		for _, x := range got {
			byKind[x.Kind] = x
		}
		if len(got) != 3 || len(byKind) != 3 {
			t.Fatalf("listed %+v", got)
		}
		for kind, want := range map[tracking.TrashKind]tracking.Size{
			tracking.TrashRun: {Params: 2, Points: 61, Files: 1, Bytes: 1000}, tracking.TrashModel: {Files: 1, Bytes: 1000},
			tracking.TrashExperiment: {Runs: 1, Params: 2, Points: 61, Files: 3, Bytes: 3000},
		} {
			if x := byKind[kind]; x.Size != want || x.DeletedBy != "ada" || x.DeletedAt == 0 || x.Purging {
				t.Errorf("%s: %+v, want the size %+v", kind, x, want)
			}
		}
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashExperiment, ID: id})
		storagetest.Read(t, db, access.ExperimentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			page, err := tracking.ListTrash(ctx, tx, g, tracking.TrashExperiment, "", 10)
			if len(page.Items) != 2 || page.Items[0].Name != "one" || !page.Items[0].Size.About || page.Items[0].Size.Runs != 25 {
				t.Errorf("experiments: %+v", page.Items)
			}
			return err
		})
	})
}

// An experiment that was told to keep its files in the folder of another does not take them along.
func TestPurgeSparesTheFilesOfOthers(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		id, _, _ := filled(t, db, "landlord", 1)
		storagetest.Write(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: "tenant", ArtifactLocation: "mlflow-artifacts:/" + id + "/room"}, tx.Now())
			return err
		})
		putFile(t, db, id+"/room/r1/artifacts/a", fmt.Sprintf("%064d", 9))
		e := tracking.TrashKey{Kind: tracking.TrashExperiment, ID: id}
		trashed(t, db, e)
		order(t, db, e)
		freed := carryAll(t, db)
		if freed[fmt.Sprintf("%064d", 9)] {
			t.Error("a file of another experiment is gone")
		}
		if rowsOf(t, db)["experiments"] != 2 { // Default and the tenant
			t.Error("the experiment is still there")
		}
	})
}
