package storage_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// keyFile is a key file in memory.
type keyFile struct {
	sync.Mutex

	lines []string
}

func (k *keyFile) read() (secret.Keyring, error) {
	k.Lock()
	defer k.Unlock()
	if len(k.lines) == 0 {
		return secret.Keyring{}, errors.New("there is no file")
	}
	return secret.ParseKeyring([]byte(strings.Join(k.lines, "\n")))
}

func (k *keyFile) set(lines ...string) {
	k.Lock()
	defer k.Unlock()
	k.lines = lines
}

func putSecret(t *testing.T, db *storage.DB, b *secret.Box, id, name, value string, overlap time.Duration) error {
	t.Helper()
	return storagetest.TryWrite(t, db, access.SecretWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := b.Put(ctx, tx, g, id, name, value, overlap, tx.Now())
		return err
	})
}

func values(t *testing.T, db *storage.DB, b *secret.Box, id string, after time.Duration) (out []string, err error) {
	t.Helper()
	g, problem := access.Authorize(access.System("test"), access.SecretUse, access.DefaultWorkspace, access.Origin{})
	if problem != nil {
		t.Fatal(problem)
	}
	err = db.Read(t.Context(), g, func(tx *storage.Tx) (err error) {
		out, err = b.Values(t.Context(), tx, g, id, tx.Now().Add(after))
		return err
	})
	return out, err
}

func TestSecrets(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		first, second := secret.NewKey(), secret.NewKey()
		file := &keyFile{lines: []string{first}}
		b := &secret.Box{Keys: file.read}
		for name, err := range map[string]error{
			"a short value": putSecret(t, db, b, "x", "n", "short", 0),
			"no name":       putSecret(t, db, b, "x", " ", "planted-1", 0),
			"NUL":           putSecret(t, db, b, "x", "n", "planted\x00", 0),
		} {
			if domain.KindOf(err) != domain.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := putSecret(t, db, b, "s1", "openai", "planted-value-one", 0); err != nil {
			t.Fatal(err)
		}
		if err := putSecret(t, db, b, "s2", "OpenAI", "planted-other", 0); domain.KindOf(err) != domain.Exists {
			t.Errorf("the same name: %v", err)
		}
		if err := putSecret(t, db, b, "s1", "", "planted-value-two", time.Hour); err != nil {
			t.Fatal(err)
		}
		if v, err := values(t, db, b, "s1", 0); err != nil || strings.Join(v, " ") != "planted-value-two planted-value-one" {
			t.Errorf("while they overlap: %v, %v", v, err)
		}
		if v, err := values(t, db, b, "s1", 2*time.Hour); err != nil || strings.Join(v, " ") != "planted-value-two" {
			t.Errorf("afterwards: %v, %v", v, err)
		}
		storagetest.Read(t, db, access.SecretRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			all, err := secret.List(ctx, tx, g)
			if len(all) != 1 || all[0].Tail != "-two" || all[0].Version != 2 || all[0].Fingerprint == "" || !b.Opens(all[0]) {
				t.Errorf("%+v", all)
			}
			return err
		})
		for name, lines := range map[string][]string{"another key file": {second}, "no key file": nil} {
			file.set(lines...)
			if v, err := values(t, db, b, "s1", 0); len(v) != 0 || domain.KindOf(err) != domain.Unavailable {
				t.Errorf("%s: %v, %v", name, v, err)
			}
		}
		file.set(second, first)
		g, err := access.Authorize(access.System("test"), access.SecretUse, access.DefaultWorkspace, access.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		wrapped := 0
		for { // one at a time, as if it were stopped in between
			done := 0
			if err := db.Write(t.Context(), g, func(tx *storage.Tx) (err error) {
				done, _, err = b.Rewrap(t.Context(), tx, g, 1)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if wrapped += done; done == 0 {
				break
			}
		}
		file.set(second)
		if v, err := values(t, db, b, "s1", 0); err != nil || len(v) != 2 || wrapped != 2 {
			t.Errorf("after the key was changed: %v, %v, %d wrapped", v, err, wrapped)
		}
	})
}

// The key is changed again and again while values are used and replaced: nothing fails.
func TestSecretsWhileTheirKeyChanges(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		file := &keyFile{lines: []string{secret.NewKey()}}
		b := &secret.Box{Keys: file.read}
		if err := putSecret(t, db, b, "s1", "openai", "planted-value-0", 0); err != nil {
			t.Fatal(err)
		}
		g, err := access.Authorize(access.System("test"), access.SecretUse, access.DefaultWorkspace, access.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		done := make(chan struct{})
		var all sync.WaitGroup
		used := 0
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := db.Read(ctx, g, func(tx *storage.Tx) error {
					_, err := b.Values(ctx, tx, g, "s1", tx.Now())
					return err
				}); err != nil {
					t.Error(err)
					return
				}
				used++
			}
		})
		for i := range 15 {
			file.Lock()
			file.lines = append([]string{secret.NewKey()}, file.lines...)
			file.Unlock()
			if err := db.Write(ctx, g, func(tx *storage.Tx) error {
				_, lost, err := b.Rewrap(ctx, tx, g, 100)
				if lost > 0 {
					t.Errorf("%d lost", lost)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := putSecret(t, db, b, "s1", "", "planted-value-"+strings.Repeat("x", i), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		close(done)
		all.Wait()
		if used == 0 {
			t.Error("nothing was used meanwhile")
		}
	})
}
