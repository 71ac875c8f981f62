package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqldb"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// in is one act on the registry, in a transaction of its own as ada.
func in[T any](t testing.TB, db *storage.DB, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) (T, error)) (out T, err error) {
	t.Helper()
	err = storagetest.TryWrite(t, db, p, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		out, err = fn(ctx, tx, g)
		return err
	})
	return out, err
}

func newModel(t testing.TB, db *storage.DB, name string, tags ...tracking.Tag) registry.Model {
	t.Helper()
	m, err := in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Model, error) {
		return registry.CreateModel(ctx, tx, g, registry.Model{Name: name, Description: "of " + name, Tags: tags}, tx.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tryVersion(t testing.TB, db *storage.DB, v registry.Version) (registry.Version, error) {
	t.Helper()
	return in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Version, error) {
		about := registry.About{}
		if a, err := registry.Describing(ctx, tx, g, v); err == nil {
			about.Digest = a.Digest
		}
		return registry.CreateVersion(ctx, tx, g, v, about, tx.Now())
	})
}

func newVersion(t testing.TB, db *storage.DB, name, source string, tags ...tracking.Tag) registry.Version {
	t.Helper()
	v, err := tryVersion(t, db, registry.Version{Model: name, Source: source, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func setAlias(t testing.TB, db *storage.DB, name, alias string, number int64) error {
	t.Helper()
	return storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return registry.SetAlias(ctx, tx, g, name, alias, number, tx.Now())
	})
}

func moveStage(t testing.TB, db *storage.DB, name string, number int64, stage registry.Stage, archive bool) (registry.Version, error) {
	t.Helper()
	return in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Version, error) {
		return registry.MoveStage(ctx, tx, g, name, number, string(stage), archive, tx.Now())
	})
}

func findModel(t testing.TB, db *storage.DB, name string) (m registry.Model, err error) {
	t.Helper()
	storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err = registry.ModelByName(ctx, tx, g, name)
		return nil
	})
	return m, err
}

func findVersion(t testing.TB, db *storage.DB, name string, number int64) (v registry.Version, err error) {
	t.Helper()
	storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		v, err = registry.VersionByNumber(ctx, tx, g, name, number)
		return nil
	})
	return v, err
}

func deleteVersion(t testing.TB, db *storage.DB, name string, number int64) error {
	t.Helper()
	return storagetest.TryWrite(t, db, access.ModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.DeleteVersion(ctx, tx, g, name, number, tx.Now())
		return err
	})
}

func deleteModel(t testing.TB, db *storage.DB, name string) error {
	t.Helper()
	return storagetest.TryWrite(t, db, access.ModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.DeleteModel(ctx, tx, g, name, tx.Now())
		return err
	})
}

func rename(t testing.TB, db *storage.DB, from, to string) error {
	t.Helper()
	return storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.RenameModel(ctx, tx, g, from, to, tx.Now())
		return err
	})
}

func moves(t testing.TB, db *storage.DB, m registry.Model, kind registry.MoveKind, subject string) (out []registry.Move) {
	t.Helper()
	storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		if err := g.Need(access.ModelRead, m.Workspace); err != nil {
			return err
		}
		out, err = tx.Moves(ctx, m.ID, kind, subject, 100)
		return err
	})
	return out
}

func isKind(t testing.TB, what string, err error, want domain.Kind) {
	t.Helper()
	if domain.KindOf(err) != want {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestModelIsStoredWhole(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		m := newModel(t, db, "churn", tracking.Tag{Key: "b", Value: "2"}, tracking.Tag{Key: "a", Value: "1"})
		for i := range 4 {
			newVersion(t, db, "churn", "s3://bucket/"+strconv.Itoa(i))
		}
		for number, stage := range map[int64]registry.Stage{1: registry.StageProduction, 2: registry.StageProduction, 3: registry.StageStaging} {
			if _, err := moveStage(t, db, "churn", number, stage, false); err != nil {
				t.Fatal(err)
			}
		}
		for alias, number := range map[string]int64{"champion": 2, "challenger": 4, "old": 2} {
			if err := setAlias(t, db, "churn", alias, number); err != nil {
				t.Fatal(err)
			}
		}
		got, err := findModel(t, db, "churn")
		if err != nil {
			t.Fatal(err)
		}
		latest := map[registry.Stage]int64{}
		for _, v := range got.Latest {
			latest[v.Stage] = v.Number
			if v.Model != "churn" || v.Number == 2 && !slices.Equal(v.Aliases, []string{"champion", "old"}) {
				t.Errorf("latest %+v", v)
			}
		}
		if want := map[registry.Stage]int64{"Production": 2, "Staging": 3, "None": 4}; !cmp.Equal(latest, want) {
			t.Errorf("latest %v, want %v", latest, want)
		}
		want := registry.Model{
			ID: m.ID, Workspace: "default", Name: "churn", Description: "of churn", Last: 4, CreatedAt: m.CreatedAt, CreatedBy: "ada",
			Tags:    []tracking.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
			Aliases: []registry.Alias{{Name: "challenger", Version: 4}, {Name: "champion", Version: 2}, {Name: "old", Version: 2}},
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(registry.Model{}, "Latest", "UpdatedAt")); diff != "" {
			t.Error(diff)
		}
		for which, number := range map[string]int64{"latest": 4, "LATEST": 4, "champion": 2} {
			storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				v, err := registry.VersionByAlias(ctx, tx, g, access.ModelRead, "churn", which)
				if err != nil || v.Number != number {
					t.Errorf("%s: version %d, %v", which, v.Number, err)
				}
				return nil
			})
		}
	})
}

// Whatever happens to a run's files, a version keeps those that it was made from.
func TestVersionsHoldTheirFiles(t *testing.T) {
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		newModel(t, db, "churn")
		run := createRun(t, db, tracking.Run{})
		mustLog(t, db, run.ID, tracking.Batch{Params: []tracking.Param{{Key: "depth", Value: "8"}}})
		root := "0/" + run.ID + "/artifacts/model"
		putFile(t, db, root+"/MLmodel", one)
		putFile(t, db, root+"/data/weights.bin", two)
		putFile(t, db, root+"0/beside.bin", two)
		v := newVersion(t, db, "churn", "runs:/"+run.ID+"/model")
		held := func(v registry.Version) (out []tracking.Artifact) {
			storagetest.Read(t, db, access.ArtifactRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				if err := g.Need(access.ArtifactRead, "default"); err != nil {
					return err
				}
				out, err = tx.FilesBelow(ctx, "default", strings.TrimPrefix(v.Location, "mlflow-artifacts:/"), "", 100)
				return err
			})
			return out
		}
		want := []registry.File{{Path: "MLmodel", SHA256: one, Size: 1000}, {Path: "data/weights.bin", SHA256: two, Size: 1000}}
		check := func(after string) {
			t.Helper()
			got, err := findVersion(t, db, "churn", v.Number)
			if err != nil || got.Digest != v.Digest || got.Standing != registry.Pinned || got.Files != 2 || got.Size != 2000 {
				t.Errorf("after %s: %+v, %v", after, got, err)
			}
			manifest, err := registry.ParseManifest(got.Manifest)
			if diff := cmp.Diff(want, manifest.Files); err != nil || diff != "" || manifest.Params["depth"] != "8" {
				t.Errorf("after %s: %v %s", after, err, diff)
			}
			var files []registry.File
			for _, a := range held(got) {
				files = append(files, registry.File{Path: strings.TrimPrefix("mlflow-artifacts:/"+a.Path, got.Location+"/"), SHA256: a.Digest, Size: a.Size})
			}
			if diff := cmp.Diff(want, files); diff != "" {
				t.Errorf("after %s: %s", after, diff)
			}
			storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				if err := g.Need(access.Maintain, g.Workspace()); err != nil {
					return err
				}
				used, err := tx.DigestsInUse(ctx, []string{one, two})
				if !used[one] || !used[two] {
					t.Errorf("after %s: the bytes in use are %v", after, used)
				}
				return err
			})
		}
		check("registering")
		putFile(t, db, root+"/data/weights.bin", strings.Repeat("3", 64))
		check("overwriting")
		storagetest.Write(t, db, access.ArtifactDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteArtifacts(ctx, tx, g, "0")
		})
		check("deleting")
		trashed(t, db, tracking.TrashKey{Kind: tracking.TrashRun, ID: run.ID})
		order(t, db)
		for some := true; some; {
			_, some = carry(t, db)
		}
		check("purging the run")

		copied := newVersion(t, db, newModel(t, db, "copy").Name, "models:/churn/1")
		if copied.Digest != v.Digest || copied.ID == v.ID || copied.Location == v.Location || copied.Source != "models:/churn/1" || copied.RunID != run.ID {
			t.Errorf("the copy is %+v", copied)
		}
		if err := deleteModel(t, db, "churn"); err != nil {
			t.Fatal(err)
		}
		if got := held(copied); len(got) != 2 {
			t.Errorf("without its original the copy holds %v", got)
		}

		// Nobody writes into the folder of a version.
		folder := strings.TrimPrefix(copied.Location, "mlflow-artifacts:/")
		for _, at := range []string{folder + "/MLmodel", folder + "/new", "registry/x", "registry"} {
			isKind(t, "put "+at, storagetest.TryWrite(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: "default", Path: at, Digest: one})
			}), domain.Forbidden)
			isKind(t, "delete "+at, storagetest.TryWrite(t, db, access.ArtifactDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.DeleteArtifacts(ctx, tx, g, at)
			}), domain.Forbidden)
			isKind(t, "upload "+at, storagetest.TryWrite(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.BeginUpload(ctx, tx, g, tracking.Upload{ID: "u", Workspace: "default", Path: at, Parts: 1})
			}), domain.Forbidden)
		}
		for _, location := range []string{"mlflow-artifacts:/registry", "mlflow-artifacts:/registry/x", "mlflow-artifacts:/" + folder} {
			isKind(t, location, storagetest.TryWrite(t, db, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: location, ArtifactLocation: location}, tx.Now())
				return err
			}), domain.Invalid)
		}
	})
}

// A source may be one file, a folder without files, or in a run whose MLmodel changed while it was read.
func TestOddSources(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		newModel(t, db, "m")
		run := createRun(t, db, tracking.Run{})
		root := "0/" + run.ID + "/artifacts"
		putFile(t, db, root+"/one.pkl", strings.Repeat("1", 64))
		v := newVersion(t, db, "m", "runs:/"+run.ID+"/one.pkl")
		manifest, err := registry.ParseManifest(v.Manifest)
		if err != nil || len(manifest.Files) != 1 || manifest.Files[0].Path != "one.pkl" || v.Location != "mlflow-artifacts:/registry/"+v.ID+"/one.pkl" {
			t.Errorf("one file: %+v %v", v, err)
		}
		if c := newVersion(t, db, "m", "models:/m/1"); c.Digest != v.Digest || c.Location != "mlflow-artifacts:/registry/"+c.ID+"/one.pkl" {
			t.Errorf("copy of one file: %+v", c)
		}
		if v := newVersion(t, db, "m", "runs:/"+run.ID+"/nothing"); v.Standing != registry.Empty || v.Digest != "" || v.Location != "mlflow-artifacts:/"+root+"/nothing" {
			t.Errorf("no file: %+v", v)
		}
		if v := newVersion(t, db, "m", "s3://b/x"); v.Standing != registry.External || v.Digest != "" || v.Location != "s3://b/x" {
			t.Errorf("elsewhere: %+v", v)
		}
		putFile(t, db, root+"/model/MLmodel", strings.Repeat("2", 64))
		for _, read := range []string{"", strings.Repeat("3", 64)} {
			_, err := in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Version, error) {
				return registry.CreateVersion(ctx, tx, g, registry.Version{Model: "m", Source: "runs:/" + run.ID + "/model"}, registry.About{Digest: read}, tx.Now())
			})
			isKind(t, "MLmodel read as "+read, err, domain.Conflict)
		}
	})
}

func TestTrashOfModels(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		restore := func(id string) error {
			return storagetest.TryWrite(t, db, access.ModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := registry.RestoreModel(ctx, tx, g, id, tx.Now())
				return err
			})
		}
		restoreVersion := func(id string, number int64) error {
			return storagetest.TryWrite(t, db, access.ModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				v, err := tx.Version(ctx, id, number)
				if err == nil {
					_, err = registry.RestoreVersion(ctx, tx, g, v.ID, tx.Now())
				}
				return err
			})
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		m := newModel(t, db, "churn")
		for range 3 {
			newVersion(t, db, "churn", "s3://b/x")
		}
		must(setAlias(t, db, "churn", "champion", 2))
		must(deleteVersion(t, db, "churn", 2))
		isKind(t, "a version in the trash", deleteVersion(t, db, "churn", 2), domain.NotFound)
		isKind(t, "alias of it", setAlias(t, db, "churn", "champion", 2), domain.NotFound)
		if _, err := findVersion(t, db, "churn", 2); domain.KindOf(err) != domain.NotFound {
			t.Errorf("get: %v", err)
		}
		if got, _ := findModel(t, db, "churn"); len(got.Aliases) != 0 {
			t.Errorf("aliases %v", got.Aliases)
		}
		if v := newVersion(t, db, "churn", "s3://b/x"); v.Number != 4 {
			t.Errorf("the next version is %d", v.Number)
		}
		must(deleteVersion(t, db, "churn", 4))
		if v := newVersion(t, db, "churn", "s3://b/x"); v.Number != 5 {
			t.Errorf("the number of the deleted highest version was given out again: %d", v.Number)
		}

		must(deleteModel(t, db, "churn"))
		isKind(t, "twice", deleteModel(t, db, "churn"), domain.NotFound)
		isKind(t, "version of it", restoreVersion(m.ID, 2), domain.Invalid)
		if _, err := findModel(t, db, "churn"); domain.KindOf(err) != domain.NotFound {
			t.Errorf("get: %v", err)
		}
		other := newModel(t, db, "churn")
		isKind(t, "while its name is taken", restore(m.ID), domain.Exists)
		must(rename(t, db, "churn", "churn 2"))
		must(restore(m.ID))
		must(restore(m.ID)) // what is there is there
		for number, there := range map[int64]bool{1: true, 2: false, 3: true, 4: false, 5: true} {
			if _, err := findVersion(t, db, "churn", number); (err == nil) != there {
				t.Errorf("version %d: %v", number, err)
			}
		}
		must(restoreVersion(m.ID, 2))
		must(restoreVersion(m.ID, 2))
		if v, err := findVersion(t, db, "churn", 2); err != nil || len(v.Aliases) > 0 {
			t.Errorf("restored: %+v, %v", v, err)
		}
		isKind(t, "no model", restore("x"), domain.NotFound)
		isKind(t, "no version", restoreVersion(m.ID, 99), domain.NotFound)
		isKind(t, "a name that is taken", rename(t, db, "churn", "churn 2"), domain.Exists)
		must(rename(t, db, "churn", "churn"))
		if got, _ := findModel(t, db, "churn 2"); got.ID != other.ID || got.Last != 0 {
			t.Errorf("the other is %+v", got)
		}
	})
}

func TestRenameTakesAllAlong(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		newModel(t, db, "old", tracking.Tag{Key: "k", Value: "v"})
		newVersion(t, db, "old", "s3://b/x", tracking.Tag{Key: "k", Value: "v"})
		if err := setAlias(t, db, "old", "champion", 1); err != nil {
			t.Fatal(err)
		}
		if err := rename(t, db, "old", "neu è 模型"); err != nil {
			t.Fatal(err)
		}
		m, err := findModel(t, db, "neu è 模型")
		if err != nil || len(m.Aliases) != 1 || len(m.Tags) != 1 || len(m.Latest) != 1 || m.Latest[0].Model != "neu è 模型" {
			t.Errorf("%+v, %v", m, err)
		}
		v, err := findVersion(t, db, "neu è 模型", 1)
		if err != nil || len(v.Tags) != 1 || len(v.Aliases) != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := findVersion(t, db, "old", 1); domain.KindOf(err) != domain.NotFound {
			t.Errorf("under the old name: %v", err)
		}
		isKind(t, "a bad name", rename(t, db, "neu è 模型", "a/b"), domain.Invalid)
		isKind(t, "of nothing", rename(t, db, "old", "x"), domain.NotFound)
	})
}

// The history tells each move of aliases and stages; a move can be taken back while nothing has moved since.
func TestHistoryAndUndo(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		undo := func(id string) error {
			return storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := registry.UndoMove(ctx, tx, g, id, tx.Now())
				return err
			})
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		m := newModel(t, db, "m")
		for range 3 {
			newVersion(t, db, "m", "s3://b/x")
		}
		for _, n := range []int64{1, 1, 2} { // the second is no move
			must(setAlias(t, db, "m", "a", n))
		}
		must(setAlias(t, db, "m", "other", 3))
		told := func(kind registry.MoveKind, subject string) (out []string) {
			for _, mv := range moves(t, db, m, kind, subject) {
				text := mv.From + ">" + mv.To
				if mv.Undoes != "" {
					text += " undone"
				}
				if mv.By != "ada" || mv.At == 0 || mv.ModelID != m.ID || mv.Kind != kind || mv.Subject != subject {
					t.Errorf("the line %+v", mv)
				}
				out = append(out, text)
			}
			return out
		}
		lines := moves(t, db, m, registry.AliasMove, "a")
		if got := told(registry.AliasMove, "a"); !slices.Equal(got, []string{"1>2", ">1"}) {
			t.Fatalf("history %v", got)
		}
		isKind(t, "an older move", undo(lines[1].ID), domain.Conflict)
		must(undo(lines[0].ID))
		isKind(t, "twice", undo(lines[0].ID), domain.Conflict)
		must(undo(lines[1].ID)) // now it is the last again
		if got, _ := findModel(t, db, "m"); len(got.Aliases) != 1 || got.Aliases[0].Name != "other" {
			t.Errorf("aliases %v", got.Aliases)
		}
		if got := told(registry.AliasMove, "a"); !slices.Equal(got, []string{"1> undone", "2>1 undone", "1>2", ">1"}) {
			t.Errorf("history %v", got)
		}
		// Back to a version that has gone since.
		must(setAlias(t, db, "m", "a", 1))
		must(setAlias(t, db, "m", "a", 2))
		must(deleteVersion(t, db, "m", 1))
		isKind(t, "to a deleted version", undo(moves(t, db, m, registry.AliasMove, "a")[0].ID), domain.Invalid)
		_, err := in(t, db, access.ModelRevoke, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Version, error) {
			return registry.RevokeVersion(ctx, tx, g, "m", 3, " biased ", tx.Now())
		})
		must(err)
		must(storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return registry.DeleteAlias(ctx, tx, g, "m", "other", tx.Now())
		}))
		isKind(t, "to a revoked version", undo(moves(t, db, m, registry.AliasMove, "other")[0].ID), domain.Invalid)
		isKind(t, "an alias for a revoked version", setAlias(t, db, "m", "b", 3), domain.Invalid)
		_, err = moveStage(t, db, "m", 3, registry.StageProduction, false)
		isKind(t, "a stage for a revoked version", err, domain.Invalid)
		_, err = moveStage(t, db, "m", 3, registry.StageArchived, false)
		must(err)
		if v, err := findVersion(t, db, "m", 3); err != nil || v.RevokeReason != "biased" || v.RevokedBy != "ada" || !v.Revoked() || v.Stage != registry.StageArchived {
			t.Errorf("revoked: %+v, %v", v, err)
		}

		// Stages.
		newVersion(t, db, "m", "s3://b/x")
		for _, n := range []int64{2, 4} {
			_, err := moveStage(t, db, "m", n, registry.StageProduction, true)
			must(err)
		}
		if got := told(registry.StageMove, "2"); !slices.Equal(got, []string{"Production>Archived", "None>Production"}) {
			t.Errorf("history %v", got)
		}
		must(undo(moves(t, db, m, registry.StageMove, "2")[0].ID))
		if v, _ := findVersion(t, db, "m", 2); v.Stage != registry.StageProduction {
			t.Errorf("undone: %s", v.Stage)
		}
		must(deleteVersion(t, db, "m", 4))
		isKind(t, "of a deleted version", undo(moves(t, db, m, registry.StageMove, "4")[0].ID), domain.Conflict)
		if all := moves(t, db, m, "", ""); len(all) < 12 || all[0].At < all[len(all)-1].At {
			t.Errorf("%d lines", len(all))
		}
		must(deleteModel(t, db, "m"))
		isKind(t, "of a deleted model", undo(lines[0].ID), domain.NotFound)
		isKind(t, "of nothing", undo("x"), domain.NotFound)
	})
}

// In a move back, revoked or not, a version's stage follows the same rule as forwards.
func TestUndoDoesNotBringARevokedVersionBack(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		m := newModel(t, db, "m")
		newVersion(t, db, "m", "s3://b/x")
		for _, s := range []registry.Stage{registry.StageProduction, registry.StageArchived} {
			if _, err := moveStage(t, db, "m", 1, s, false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in(t, db, access.ModelRevoke, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Version, error) {
			return registry.RevokeVersion(ctx, tx, g, "m", 1, "biased", tx.Now())
		}); err != nil {
			t.Fatal(err)
		}
		last := moves(t, db, m, registry.StageMove, "1")[0]
		isKind(t, "back into production", storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := registry.UndoMove(ctx, tx, g, last.ID, tx.Now())
			return err
		}), domain.Invalid)
	})
}

// Callers at the same moment, of one process or of two, get different numbers and lose nothing of each other.
func TestVersionsAtTheSameMoment(t *testing.T) {
	const callers, each = 4, 10
	both := func(t *testing.T, dsn string) {
		var dbs []*storage.DB
		for range 2 {
			db, err := storage.Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			dbs = append(dbs, db)
		}
		newModel(t, dbs[0], "m")
		var wg sync.WaitGroup
		numbers := make([][]int64, 2*callers)
		for i := range numbers {
			db := dbs[i%2]
			wg.Go(func() {
				for range each {
					v, err := tryVersion(t, db, registry.Version{Model: "m", Source: "s3://b/x"})
					if err != nil {
						t.Errorf("caller %d: %v", i, err)
						return
					}
					numbers[i] = append(numbers[i], v.Number)
					err = errors.Join(
						setAlias(t, db, "m", fmt.Sprintf("a%d", i), v.Number),
						storagetest.TryWrite(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
							return registry.SetModelTag(ctx, tx, g, "m", tracking.Tag{Key: fmt.Sprintf("t%d", i), Value: "x"}, tx.Now())
						}))
					if err != nil {
						t.Errorf("caller %d: %v", i, err)
					}
				}
			})
		}
		wg.Wait()
		got := slices.Concat(numbers...)
		slices.Sort(got)
		for i, n := range got {
			if n != int64(i+1) {
				t.Fatalf("the numbers are %v", got)
			}
		}
		m, err := findModel(t, dbs[0], "m")
		if err != nil || m.Last != 2*callers*each || len(m.Aliases) != 2*callers || len(m.Tags) != 2*callers {
			t.Errorf("after %d versions: %+v, %v", len(got), m, err)
		}
	}
	t.Run("sqlite", func(t *testing.T) { both(t, filepath.Join(t.TempDir(), "slipway.db")) })
	t.Run("postgres", func(t *testing.T) { both(t, storagetest.Postgres(t)) })
}

// Of two who make a model of one name at the same moment one is told that it exists.
func TestModelsAtTheSameMoment(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for round := range 5 {
			name := fmt.Sprintf("m%d", round)
			var wg sync.WaitGroup
			made := make([]error, 4)
			for i := range made {
				wg.Go(func() {
					_, made[i] = in(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (registry.Model, error) {
						return registry.CreateModel(ctx, tx, g, registry.Model{Name: name}, tx.Now())
					})
				})
			}
			wg.Wait()
			ok := 0
			for _, err := range made {
				if err == nil {
					ok++
				} else if domain.KindOf(err) != domain.Exists || !strings.Contains(err.Error(), "already exists") {
					t.Errorf("got %v", err)
				}
			}
			if ok != 1 {
				t.Errorf("%d were made", ok)
			}
		}
	})
}

// registrySeed makes models of which some share times, tags and beginnings of names.
func registrySeed(t testing.TB, db *storage.DB) (models []registry.Model, versions []registry.Version) {
	t.Helper()
	pick := rand.New(rand.NewPCG(1, 2))
	names := []string{"Churn", "churn", "churn_b", "churn%", "Ärger", "ärger", "z 9", "模型", "a'b", "prompt"}
	run := createRun(t, db, tracking.Run{})
	storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for i, name := range names {
			at := time.UnixMilli(1000 + int64(i/3)) // some at the same time
			var tags []tracking.Tag
			if i%2 == 0 {
				tags = append(tags, tracking.Tag{Key: "team", Value: []string{"risk", "Risk", "ads"}[i%3]})
			}
			if name == "prompt" {
				tags = append(tags, tracking.Tag{Key: registry.PromptTag, Value: "true"})
			}
			if i == 1 {
				tags = append(tags, tracking.Tag{Key: registry.PromptTag, Value: "false"}, tracking.Tag{Key: "empty"})
			}
			m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: name, Tags: tags}, at)
			if err != nil {
				return err
			}
			for range 1 + pick.IntN(3) {
				v := registry.Version{Model: name, Source: fmt.Sprintf("s3://b/%d", pick.IntN(4))}
				if pick.IntN(2) == 0 {
					v.RunID = run.ID
				}
				if pick.IntN(2) == 0 {
					v.Tags = append(v.Tags, tracking.Tag{Key: "team", Value: []string{"risk", "Risk", "ads"}[pick.IntN(3)]})
				}
				if name == "prompt" {
					v.Source, v.RunID = "dummy-source", ""
					v.Tags = append(v.Tags, tracking.Tag{Key: registry.PromptTag, Value: "true"})
				}
				made, err := registry.CreateVersion(ctx, tx, g, v, registry.About{}, at.Add(time.Duration(pick.IntN(3))*time.Millisecond))
				if err != nil {
					return err
				}
				made.Workspace = g.Workspace()
				versions = append(versions, made)
			}
			if m, err = tx.ModelByID(ctx, m.ID); err != nil {
				return err
			}
			m.Tags = tags
			models = append(models, m)
		}
		return nil
	})
	return models, versions
}

// thing is a model or a version as a filter sees it.
type thing struct {
	name    string // shown in tests
	texts   map[string]string
	numbers map[string]float64
	tags    []tracking.Tag
}

func modelThings(models []registry.Model) (out []thing) {
	for _, m := range models {
		out = append(out, thing{m.Name, map[string]string{"name": m.Name}, map[string]float64{"creation_timestamp": float64(m.CreatedAt), "last_updated_timestamp": float64(m.UpdatedAt)}, m.Tags})
	}
	return out
}

func versionThings(versions []registry.Version) (out []thing) {
	for _, v := range versions {
		out = append(out, thing{
			fmt.Sprintf("%s/%d", v.Model, v.Number),
			map[string]string{"name": v.Model, "run_id": v.RunID, "source_path": v.Source},
			map[string]float64{"version_number": float64(v.Number), "creation_timestamp": float64(v.CreatedAt), "last_updated_timestamp": float64(v.UpdatedAt)},
			v.Tags,
		})
	}
	return out
}

func (x thing) tag(key string) (string, bool) {
	for _, t := range x.tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// holds says in plain Go what a filter means.
func (x thing) holds(e search.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case search.And:
		return !slices.ContainsFunc(e, func(p search.Expr) bool { return !x.holds(p) })
	case search.Or:
		return slices.ContainsFunc(e, x.holds)
	case search.Not:
		return !x.holds(e.X)
	case search.Clause:
		switch {
		case e.Entity == search.Tag:
			value, there := x.tag(e.Key)
			switch {
			case e.Op == search.IsNull:
				return !there
			case e.Op == search.NotNull:
				return there
			case e.Key == registry.PromptTag && !there:
				return e.Op == search.Ne && e.Str == "true" || e.Op == search.Eq && e.Str == "false"
			}
			return there && text(e, value)
		case e.Numeric:
			return number(e, x.numbers[e.Key])
		default:
			return text(e, x.texts[e.Key])
		}
	}
	panic(fmt.Sprintf("%T", e))
}

func mentions(e search.Expr) bool {
	return e != nil && strings.Contains(e.String(), registry.PromptTag)
}

// TestSearchRegistry compares searches, page by page, with what they mean in plain Go.
func TestSearchRegistry(t *testing.T) {
	filters := map[bool][]string{ // of models; of versions
		true: {
			"", "name = 'churn'", "name != 'churn'", "name LIKE 'churn%'", "name LIKE '_hurn'", "name ILIKE 'CHURN%'", "name ILIKE 'ÄRGER'", "name IN ('churn', '模型', 'x')",
			"name NOT IN ('churn')", "tags.team = 'risk'", "tag.team != 'risk'", "tags.team LIKE '%isk'", "tags.team ILIKE 'RISK'", "tags.team IS NULL", "tags.team IS NOT NULL",
			"tags.`mlflow.prompt.is_prompt` = 'true'", "tags.mlflow.prompt.is_prompt != 'true'", "tags.mlflow.prompt.is_prompt = 'false'", "tags.mlflow.prompt.is_prompt != 'false'",
			"tags.mlflow.prompt.is_prompt IS NULL", "tags.mlflow.prompt.is_prompt LIKE 't%'", "tags.empty = ''", "tags.empty != ''",
			"name = 'churn' OR name = 'Churn'", "NOT name = 'churn'", "NOT (tags.team = 'risk' OR name ILIKE 'ä%') AND name != 'x'", "NOT tags.team = 'risk'",
			"NOT tags.mlflow.prompt.is_prompt = 'true'", "name = 'a''b'", "creation_timestamp > 1001", "last_updated_timestamp <= 1002 AND creation_timestamp >= 1000",
			"name = 'x'' OR ''1'' = ''1'",
		},
		false: {
			"", "name = 'churn'", "name != 'churn'", "name LIKE 'ch%'", "name ILIKE 'CH%'", "name IN ('churn', 'Churn')", "run_id = 'x'", "run_id != 'x'", "run_id = ''",
			"run_id LIKE '%'", "run_id IN ('x', '')", "source_path = 's3://b/1'", "source_path != 's3://b/1'", "source_path LIKE 's3%2'", "source_path ILIKE 'S3%2'",
			"version_number = 1", "version_number != 1", "version_number > 1", "version_number >= 2", "version_number < 2", "version_number <= 1.5", "version_number = '1'",
			"tags.team = 'risk'", "tags.team != 'risk'", "tags.team IS NULL", "tags.team IS NOT NULL", "tags.team ILIKE 'R%'", "tags.mlflow.prompt.is_prompt = 'true'",
			"tags.mlflow.prompt.is_prompt != 'true'", "creation_timestamp = 1001", "last_updated_timestamp > 1001", "name = 'churn' OR version_number > 1",
			"NOT version_number = 1", "NOT (name = 'churn' OR tags.team = 'ads')",
		},
	}
	orders := map[bool][][]string{
		true:  {nil, {"name"}, {"name DESC"}, {"timestamp"}, {"timestamp DESC"}, {"last_updated_timestamp DESC", "name DESC"}, {"creation_timestamp ASC"}},
		false: {nil, {"name DESC"}, {"version_number"}, {"version_number DESC", "name DESC"}, {"creation_timestamp"}, {"last_updated_timestamp DESC"}, {"creation_timestamp DESC", "version_number DESC"}},
	}
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		models, versions := registrySeed(t, db)
		for ofModels, texts := range filters {
			all := versionThings(versions)
			parse := registry.ParseVersionQuery
			if ofModels {
				all, parse = modelThings(models), registry.ParseModelQuery
			}
			for i, filter := range texts {
				for j, by := range orders[ofModels] {
					if i > 0 && j != i%len(orders[ofModels]) { // all orders once, then in turn
						continue
					}
					q, err := parse(filter, by)
					if err != nil {
						t.Fatalf("%s %v: %v", filter, by, err)
					}
					q.Limit = 1 + i%4
					var want, got []string
					for _, x := range thingsInOrder(all, q.Order) {
						prompt, _ := x.tag(registry.PromptTag)
						if x.holds(q.Filter) && (mentions(q.Filter) || prompt != "true") {
							want = append(want, x.name)
						}
					}
					storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
						got, err = walk(ctx, tx, g, ofModels, q)
						return err
					})
					if !slices.Equal(got, want) {
						t.Errorf("models %v, %s, by %v:\n got %q\nwant %q", ofModels, filter, by, got, want)
					}
				}
			}
		}
	})
}

// walk reads all pages of a search.
func walk(ctx context.Context, tx *storage.Tx, g access.Grant, ofModels bool, q tracking.Query) (names []string, err error) {
	for {
		var next string
		if ofModels {
			page, err := registry.SearchModels(ctx, tx, g, q)
			if err != nil {
				return nil, err
			}
			for _, m := range page.Items {
				names = append(names, m.Name)
			}
			next = page.Next
		} else {
			page, err := registry.SearchVersions(ctx, tx, g, q)
			if err != nil {
				return nil, err
			}
			for _, v := range page.Items {
				names = append(names, fmt.Sprintf("%s/%d", v.Model, v.Number))
			}
			next = page.Next
		}
		if q.After = next; next == "" {
			return names, nil
		}
	}
}

func thingsInOrder(all []thing, by []tracking.Order) []thing {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b thing) int {
		for _, o := range by {
			c := strings.Compare(a.texts[o.Key], b.texts[o.Key])
			if _, isNumber := a.numbers[o.Key]; isNumber {
				c = int(a.numbers[o.Key] - b.numbers[o.Key])
			}
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		if c := strings.Compare(a.texts["name"], b.texts["name"]); c != 0 {
			return c
		}
		return int(b.numbers["version_number"] - a.numbers["version_number"])
	})
	return out
}

// Somebody who walks the pages sees everything once that was there all the time.
func TestRegistryPagesStay(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for i := range 30 {
			newModel(t, db, fmt.Sprintf("m%02d", i))
			newVersion(t, db, fmt.Sprintf("m%02d", i), "s3://b/x")
		}
		for _, ofModels := range []bool{true, false} {
			parse := map[bool]func(string, []string) (tracking.Query, error){true: registry.ParseModelQuery, false: registry.ParseVersionQuery}[ofModels]
			q, err := parse("name LIKE 'm__'", []string{"creation_timestamp"})
			if err != nil {
				t.Fatal(err)
			}
			q.Limit = 7
			seen := map[string]int{}
			for round := 0; ; round++ {
				var next string
				storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
					if ofModels {
						page, err := registry.SearchModels(ctx, tx, g, q)
						for _, m := range page.Items {
							seen[m.Name]++
						}
						next = page.Next
						return err
					}
					page, err := registry.SearchVersions(ctx, tx, g, q)
					for _, v := range page.Items {
						seen[fmt.Sprintf("%s/%d", v.Model, v.Number)]++
					}
					next = page.Next
					return err
				})
				if q.After = next; next == "" {
					break
				}
				newModel(t, db, fmt.Sprintf("a new %v %d", ofModels, round))
			}
			if len(seen) != 30 {
				t.Errorf("saw %d of 30", len(seen))
			}
			for name, times := range seen {
				if times != 1 {
					t.Errorf("saw %s %d times", name, times)
				}
			}
			q.After = "x"
			storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := walk(ctx, tx, g, ofModels, q)
				isKind(t, "a token that is none", err, domain.Invalid)
				return nil
			})
		}
	})
}

// A model of another workspace is not there.
func TestRegistryOfWorkspaces(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		maintain(t, db, func(ctx context.Context, tx *storage.Tx) error {
			return storage.Scan(ctx, tx, "INSERT INTO workspaces (id, name, created_at) VALUES ('w2', 'w2', 0) RETURNING 1", new(int64))
		})
		newModel(t, db, "m")
		v := newVersion(t, db, "m", "s3://b/x")
		g := storagetest.GrantIn(t, "eve", access.Admin, access.ModelWrite, "w2")
		err := db.Write(t.Context(), g, func(tx *storage.Tx) error {
			if _, err := registry.CreateModel(t.Context(), tx, g, registry.Model{Name: "m"}, tx.Now()); err != nil {
				return err
			}
			_, err := registry.CreateVersion(t.Context(), tx, g, registry.Version{Model: "m", Source: "models:/m/1"}, registry.About{}, tx.Now())
			return err
		})
		isKind(t, "a copy from another workspace", err, domain.NotFound)
		g = storagetest.GrantIn(t, "eve", access.Admin, access.ModelDelete, "w2")
		isKind(t, "restore", db.Write(t.Context(), g, func(tx *storage.Tx) error {
			_, err := registry.RestoreVersion(t.Context(), tx, g, v.ID, tx.Now())
			return err
		}), domain.NotFound)
	})
}

// A model with ten thousand versions and a thousand aliases, among ten thousand models, is found as fast as a small one:
// no query walks its versions.
func TestLargeRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("writes ten thousand versions")
	}
	const many = 10_000
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		big := newModel(t, db, "the big one")
		storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.ModelWrite, g.Workspace()); err != nil {
				return err
			}
			for i := range many {
				at := int64(i)
				m := registry.Model{ID: fmt.Sprintf("id%05d", i), Workspace: g.Workspace(), Name: fmt.Sprintf("small %05d", i), CreatedAt: at, UpdatedAt: at}
				if err := tx.AddModel(ctx, m); err != nil {
					return err
				}
				if err := tx.AddVersion(ctx, registry.Version{ID: "of " + m.ID, ModelID: m.ID, Workspace: m.Workspace, Number: 1, Stage: registry.StageNone, Standing: registry.External, CreatedAt: at}); err != nil {
					return err
				}
				v := registry.Version{ID: fmt.Sprintf("v%05d", i), ModelID: big.ID, Workspace: g.Workspace(), Number: int64(i + 1), Source: "s3://b/x", Stage: registry.StageNone, Standing: registry.External, RunID: fmt.Sprintf("run %d", i), CreatedAt: at, UpdatedAt: at}
				if i == 100 {
					v.Stage = registry.StageProduction
				}
				if err := tx.AddVersion(ctx, v); err != nil {
					return err
				}
				if i%10 == 0 {
					if err := tx.SetAlias(ctx, big.ID, fmt.Sprintf("a%d", i), int64(i+1)); err != nil {
						return err
					}
				}
			}
			big.Last = many
			return tx.SaveModel(ctx, big)
		})
		if db.Engine() == sqldb.Postgres { // which does so by itself, in time; SQLite never does
			maintain(t, db, func(ctx context.Context, tx *storage.Tx) error { return storage.Scan(ctx, tx, "ANALYZE", new(int64)) })
		}
		defer func() { // there is an end to aliases
			storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				err := g.Need(access.ModelWrite, g.Workspace())
				for i := 0; i < many && err == nil; i++ {
					err = tx.SetAlias(ctx, big.ID, fmt.Sprintf("a%d", i), 1)
				}
				return err
			})
			isKind(t, "one alias too many", setAlias(t, db, big.Name, "more", 1), domain.Invalid)
			if err := setAlias(t, db, big.Name, "a7", 2); err != nil {
				t.Errorf("to move one of many aliases: %v", err)
			}
		}()
		query := func(parse func(string, []string) (tracking.Query, error), filter string, by ...string) tracking.Query {
			q, err := parse(filter, by)
			if err != nil {
				t.Fatal(err)
			}
			q.Limit = 20
			return q
		}
		models, versions := registry.ParseModelQuery, registry.ParseVersionQuery
		one := func(_ any, err error) (int, error) { return 1, err }
		found := func(p tracking.Page[registry.Version], err error) (int, error) { return len(p.Items), err }
		foundModels := func(p tracking.Page[registry.Model], err error) (int, error) { return len(p.Items), err }
		for what, c := range map[string]struct {
			want int
			do   func(context.Context, *storage.Tx, access.Grant) (int, error)
		}{
			"get": {1002, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				m, err := registry.ModelByName(ctx, tx, g, "the big one")
				return len(m.Latest) + len(m.Aliases), err
			}},
			"get version": {1, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return one(registry.VersionByNumber(ctx, tx, g, "the big one", 5000))
			}},
			"by alias": {1, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return one(registry.VersionByAlias(ctx, tx, g, access.ModelRead, "the big one", "a5000"))
			}},
			"latest alias": {1, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return one(registry.VersionByAlias(ctx, tx, g, access.ModelRead, "the big one", "latest"))
			}},
			"latest versions": {2, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				vs, err := registry.LatestVersions(ctx, tx, g, "the big one", nil)
				return len(vs), err
			}},
			"search models": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return foundModels(registry.SearchModels(ctx, tx, g, query(models, "")))
			}},
			"search models, last changed first": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return foundModels(registry.SearchModels(ctx, tx, g, query(models, "", "timestamp DESC")))
			}},
			"search models by name": {1, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return foundModels(registry.SearchModels(ctx, tx, g, query(models, "name = 'the big one'")))
			}},
			"search versions of it": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "name = 'the big one'")))
			}},
			"search versions of it as clients do": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "name = 'the big one' AND tag.`mlflow.prompt.is_prompt` != 'true'", "version_number DESC")))
			}},
			"search versions of a run": {1, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "run_id = 'run 7'")))
			}},
			"search versions by name": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "tags.`mlflow.prompt.is_prompt` != 'true'", "name")))
			}},
			"search versions": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "")))
			}},
			"search versions, last changed first": {20, func(ctx context.Context, tx *storage.Tx, g access.Grant) (int, error) {
				return found(registry.SearchVersions(ctx, tx, g, query(versions, "tags.`mlflow.prompt.is_prompt` != 'true'", "last_updated_timestamp DESC")))
			}},
		} {
			var plans []string
			got := 0
			storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				plans, err = storage.Plans(ctx, tx, func() (err error) {
					got, err = c.do(ctx, tx, g)
					return err
				})
				return err
			})
			if got != c.want {
				t.Errorf("%s found %d, not %d", what, got, c.want)
			}
			for _, plan := range plans {
				if met := rowsMet(db.Engine(), plan); met > 1000 {
					t.Errorf("%s meets %d rows:\n%s", what, met, plan)
				}
			}
		}
	})
}

var (
	// scanned is a step of SQLite's plan that walks a whole table, all versions of a model, or all that was found to sort it.
	scanned = regexp.MustCompile(`(?m)^(SCAN (m|v|x|model_\S+|registered_\S+)$|SCAN (v|x|model_aliases)\b|SEARCH v USING .*\(model_id=\?\)$|USE TEMP B-TREE FOR ORDER BY)`)
	// actual and removed are what a step of PostgreSQL's plan found, each time it ran, and left out.
	actual  = regexp.MustCompile(`actual rows=([0-9.]+) loops=(\d+)`)
	removed = regexp.MustCompile(`Rows Removed by [A-Za-z ]*: (\d+)`)
)

// rowsMet is the most rows that a step of a plan met: on PostgreSQL as it counted them, on SQLite, which does not, all or
// none.
func rowsMet(engine sqldb.Engine, plan string) (most int) {
	query, steps, _ := strings.Cut(plan, "\n")
	if engine == sqldb.SQLite {
		// The versions of one run and the lists of what was found are short.
		walked := strings.HasSuffix(query, "LIMIT 21") || strings.HasSuffix(query, "LIMIT 1") // in the order of the index
		sorted := strings.Contains(query, "IN (SELECT value FROM json_each") || strings.Contains(steps, "model_versions_run (run_id=?)")
		for _, m := range scanned.FindAllString(steps, -1) {
			inOrder := walked && strings.HasPrefix(m, "SEARCH v")
			if few := sorted && m == "USE TEMP B-TREE FOR ORDER BY"; !few && !inOrder {
				most = math.MaxInt
			}
		}
		return most
	}
	for _, m := range actual.FindAllStringSubmatch(steps, -1) {
		rows, _ := strconv.ParseFloat(m[1], 64)
		loops, _ := strconv.ParseFloat(m[2], 64)
		most = max(most, int(rows*loops))
	}
	for _, m := range removed.FindAllStringSubmatch(steps, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	return most
}
