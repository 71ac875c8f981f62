package jobs

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func auditKey(t *testing.T) audit.Key {
	t.Helper()
	text, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := audit.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Of two servers one signs, each hour in which something was written.
func TestCheckpointsByTheClock(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		signed := Checkpoints{filepath.Join(t.TempDir(), "checkpoints"), auditKey(t)}
		clock := newClock()
		var servers []*Runner
		for range 2 {
			servers = append(servers, byHand(db, clock, Work{job.Checkpoint, checkpoint(db, signed, slog.New(slog.DiscardHandler))}))
		}
		hour := func() int {
			clock.forward(time.Hour)
			for _, r := range servers {
				r.finish(t.Context())
			}
			files, err := os.ReadDir(signed.Dir)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			return len(files)
		}
		for i, c := range []struct{ writes, files int }{{0, 0}, {2, 1}, {0, 1}, {1, 2}} {
			for range c.writes {
				model(t, db)
			}
			if n := hour(); n != c.files {
				t.Errorf("%d files after hour %d, want %d", n, i, c.files)
			}
		}
		if heads, err := signed.newest(); err != nil || len(heads) != 1 || heads[0].Chain != "workspace/default" || heads[0].Seq != 3 {
			t.Errorf("%+v %v", heads, err)
		}
		for _, j := range all(t, db) {
			if j.State == job.Failed || j.LastError != "" {
				t.Errorf("%+v", j)
			}
		}
	})
}

func model(t *testing.T, db *storage.DB) {
	t.Helper()
	storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: storage.NewID(time.Now())}, tx.Now())
		return err
	})
}

// What does not go on from what was signed last is not signed: it would look whole again.
func TestNoCheckpointOfWhatWasCut(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		signed := Checkpoints{t.TempDir(), auditKey(t)}
		now := time.Now()
		model(t, db)
		first, err := signed.Write(t.Context(), db, now)
		if err != nil || first == "" {
			t.Fatal(first, err)
		}
		heads, err := signed.newest()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		model(t, db)
		for name, change := range map[string]func(*audit.Head){
			"its end is gone":           func(h *audit.Head) { h.Seq += 2 },
			"a line was written anew":   func(h *audit.Head) { h.Hash = "00" + h.Hash[2:] },
			"the whole chain is gone":   func(h *audit.Head) { h.Chain = "workspace/gone" },
			"it was signed by nobody":   nil,
			"it was signed, and stands": func(*audit.Head) {},
		} {
			seen := heads[0]
			text := append([]byte("x"), whole...)
			if change != nil {
				change(&seen)
				if text, err = signed.Key.SignAll([]audit.Head{seen}); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(first, text, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := signed.Write(t.Context(), db, now.Add(time.Hour))
			if seen == heads[0] && change != nil {
				if err != nil || file == "" {
					t.Errorf("%s: %q %v", name, file, err)
				}
				os.Remove(file)
				continue
			}
			if kind := domain.KindOf(err); kind != domain.Conflict && (change != nil || kind != domain.Invalid) {
				t.Errorf("%s: %q %v", name, file, err)
			}
		}
	})
}
