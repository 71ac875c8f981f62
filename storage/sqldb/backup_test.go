package sqldb_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/slipway-ml/slipway/storage/sqldb"
)

// A copy made while writers write is a whole database, as it was at one instant.
func TestBackupWhileWriting(t *testing.T) {
	db := open(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i += 2 {
			select {
			case <-stop:
				return
			default:
			}
			if err := db.Write(context.Background(), func(tx sqldb.Queryer) error { // two rows, or none
				if err := insert(i, "pair")(tx); err != nil {
					return err
				}
				return insert(i+1, "pair")(tx)
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	file := filepath.Join(t.TempDir(), "copy.db")
	for db.Stats().Commits < 20 {
		if t.Failed() {
			return
		}
	}
	err := db.Backup(t.Context(), file)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	copied, err := sqldb.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if n := count(t, copied, `SELECT COUNT(*) FROM t`); n == 0 || n%2 != 0 {
		t.Errorf("the copy has %d rows, of pairs", n)
	}
	if n := count(t, copied, `SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`); n != 0 {
		t.Errorf("the copy has %d faults", n)
	}
	if db.Backup(t.Context(), file) == nil {
		t.Error("a backup overwrote a file")
	}
	if n := count(t, copied, `SELECT COUNT(*) FROM t`); n == 0 {
		t.Error("a refused backup took the file away")
	}
}
