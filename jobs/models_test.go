package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// A version keeps its bytes and its digest when the files of its run are overwritten and deleted; one byte that changes
// in the store is found and said, and so is that it is whole again; the scan sees what is in the files.
func TestHeldFiles(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		dir, blobs, put := newStore(t, db)
		run := newRun(t, db)
		root := "0/" + run.ID + "/artifacts/model"
		// os.system, called: GLOBAL, a string, TUPLE1, REDUCE, STOP
		pickle := put("\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", root+"/model.pkl")
		put("nothing to see", root+"/notes.txt")
		var v registry.Version
		storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			v, err = registry.Register(ctx, tx, g, registry.Version{Model: "m", Source: "runs:/" + run.ID + "/model"}, registry.About{}, tx.Now())
			return err
		})
		put("overwritten", root+"/model.pkl")
		storagetest.Write(t, db, access.ArtifactDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteArtifacts(ctx, tx, g, root)
		})
		soon := time.Now().Add(time.Hour) // as if all of it were old
		if _, err := blobs.Sweep(t.Context(), soon, soon, inUse(t.Context(), db)); err != nil {
			t.Fatal(err)
		}
		faults := func() (out []string) {
			if err := VerifyModels(t.Context(), db, blobs, func(_ registry.Version, fault string) { out = append(out, fault) }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		now := func() (now registry.Version) {
			storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				now, err = registry.VersionByNumber(ctx, tx, g, "m", 1)
				return err
			})
			return now
		}
		if got := faults(); len(got) != 1 || got[0] != "" {
			t.Fatalf("faults %q", got)
		}
		if at := now(); at.Digest != v.Digest || at.Files != 2 || at.VerifiedAt == 0 || at.Broken != "" {
			t.Errorf("%+v", at)
		}

		file := filepath.Join(dir, "blobs", pickle[:2], pickle)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(whole)
		flipped[5] ^= 1
		overwrite(t, file, flipped)
		if got := faults(); len(got) != 1 || !strings.Contains(got[0], "model.pkl") || now().Broken != got[0] {
			t.Errorf("a flipped bit: %q, %q", got, now().Broken)
		}
		overwrite(t, file, whole)
		if got := faults(); got[0] != "" || now().Broken != "" {
			t.Errorf("whole again: %q", got)
		}

		if err := scanVersion(db, blobs, slog.New(slog.DiscardHandler))(t.Context(), job.Job{Key: v.ID}); err != nil {
			t.Fatal(err)
		}
		storagetest.Read(t, db, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.ModelRead, g.Workspace()); err != nil {
				return err
			}
			s, err := tx.ScanOf(ctx, v.ID)
			var rep scan.Report
			if err == nil {
				err = json.Unmarshal([]byte(s.Report), &rep)
			}
			if s.Verdict != string(scan.Dangerous) || len(rep.Files) != 2 {
				t.Errorf("%+v", s)
			}
			return err
		})
		if err := scanVersion(db, blobs, slog.New(slog.DiscardHandler))(t.Context(), job.Job{Key: "gone"}); err != nil {
			t.Errorf("a version that is gone: %v", err)
		}
	})
}

func overwrite(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
