package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// Bytes of what is deleted for good go at once, but not those that something else names or that somebody has just sent
// again; and an order that a stop interrupted is carried out at the next start.
func TestPurgeFreesBytes(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		dir, blobs, put := newStore(t, db)
		run := newRun(t, db)
		root := "0/" + run.ID + "/artifacts/"
		gone, shared, again := put("gone", root+"a"), put("shared", root+"b", "0/other/artifacts/b"), put("again", root+"c")
		for _, d := range []string{gone, shared, again} {
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(dir, "blobs", d[:2], d), old, old); err != nil {
				t.Fatal(err)
			}
		}
		put("again") // on its way: the bytes are here, the row that names them is not yet
		storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteRun(ctx, tx, g, run.ID, tx.Now())
		})
		storagetest.Write(t, db, access.TrashPurge, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := tracking.PurgeThings(ctx, tx, g, []tracking.TrashKey{{Kind: tracking.TrashRun, ID: run.ID}}, tx.Now())
			return err
		})
		stop := Start(t.Context(), With{DB: db, Blobs: blobs, Log: slog.New(slog.DiscardHandler)})
		defer stop()
		there := func(d string) bool {
			f, err := blobs.Open(t.Context(), d)
			if err == nil {
				f.Close()
			}
			return !errors.Is(err, os.ErrNotExist) && domain.KindOf(err) != domain.NotFound
		}
		for end := time.Now().Add(10 * time.Second); there(gone); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the bytes are still there")
			}
		}
		if !there(shared) {
			t.Error("bytes are gone that another file names")
		}
		if !there(again) {
			t.Error("bytes are gone that were just sent again")
		}
		if sum := sha256.Sum256([]byte("gone")); gone != hex.EncodeToString(sum[:]) {
			t.Error("the digest is another")
		}
	})
}

// newStore is an artifact store in a folder of its own, and what puts a file there and names it by some paths.
func newStore(t *testing.T, db *storage.DB) (dir string, blobs *blob.Local, put func(text string, paths ...string) string) {
	t.Helper()
	dir = t.TempDir()
	blobs, err := blob.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	return dir, blobs, func(text string, paths ...string) string {
		b, err := blobs.Put(t.Context(), strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range paths {
			storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: at, Size: b.Size, Digest: b.Digest})
			})
		}
		return b.Digest
	}
}

func newRun(t *testing.T, db *storage.DB) (run tracking.Run) {
	t.Helper()
	storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		run, err = tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0"})
		return err
	})
	return run
}
