package jobs

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// A key that was planted is sent to the source that it is for, and found nowhere else: not in the files of the database, not in
// what the pages say of a source, not in the audit log, not in the log.
func TestAKeyIsFoundNowhere(t *testing.T) {
	const before, planted = "planted-canary-0000", "planted-canary-4711"
	folder := t.TempDir()
	db, err := storage.Open(t.Context(), filepath.Join(folder, "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ring, err := secret.ParseKeyring([]byte(secret.NewKey()))
	if err != nil {
		t.Fatal(err)
	}
	box := &secret.Box{Keys: func() (secret.Keyring, error) { return ring, nil }}
	accepts, sent := planted, map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent[r.Header.Get("Authorization")]++
		if r.Header.Get("Authorization") != "Bearer "+accepts {
			http.Error(w, "I do not like "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"acme"}]}`)
	}))
	defer server.Close()
	put := func(value string, overlap time.Duration) {
		storagetest.Write(t, db, access.SecretWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := box.Put(ctx, tx, g, "k1", "acme", value, overlap, tx.Now())
			return err
		})
	}
	put(before, 0)
	put(planted, time.Hour)
	var s catalog.Source
	storagetest.Write(t, db, access.CatalogConfigure, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		s, err = catalog.AddSource(ctx, tx, g, catalog.Source{Kind: catalog.OpenAI, Name: "acme", Address: server.URL, Every: time.Hour.Milliseconds(), Enabled: true, Secret: "k1"}, "s1", tx.Now())
		return err
	})
	var said bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&said, nil))
	sync := func() catalog.Source {
		if err := catalogSync(db, reader(), box, log)(t.Context(), job.Job{Key: s.ID}); err != nil {
			t.Fatal(err)
		}
		var now catalog.Source
		storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			now, err = catalog.SourceByID(ctx, tx, g, access.CatalogRead, s.ID)
			return err
		})
		return now
	}
	if now := sync(); now.Models != 1 || now.LastError != "" {
		t.Fatalf("with the key: %+v", now)
	}
	accepts = before // it has not learnt the new key yet: the one before still works
	if now := sync(); now.LastError != "" || sent["Bearer "+before] == 0 {
		t.Errorf("while two values overlap: %+v, %v", now, sent)
	}
	accepts = "nothing"
	if now := sync(); now.LastError == "" || now.Models != 1 {
		t.Errorf("with a key that is refused: %+v", now)
	}
	ring = secret.Keyring{}
	calls := len(sent)
	if now := sync(); now.LastError == "" || len(sent) != calls {
		t.Errorf("without its key file it fails closed: %+v, %v", now, sent)
	}
	var exported bytes.Buffer
	storagetest.Read(t, db, access.AuditRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.AuditRead, g.Workspace()); err != nil {
			return err
		}
		found, err := tx.AuditLines(ctx, audit.Query{Chain: audit.WorkspaceChain(g.Workspace()), Limit: 100})
		fmt.Fprintf(&exported, "%+v", found)
		return err
	})
	places := map[string][]byte{"the log": said.Bytes(), "the audit log": exported.Bytes()}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if places[f.Name()], err = os.ReadFile(filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if len(places) < 4 || len(places["the audit log"]) < 1000 || !bytes.Contains(places["the log"], []byte("acme")) {
		t.Fatalf("looked at too little: %d places", len(places))
	}
	for where, content := range places {
		for _, value := range []string{before, planted} {
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
				if bytes.Contains(content, []byte(form)) {
					t.Errorf("%s is in %s", form, where)
				}
			}
		}
	}
}
