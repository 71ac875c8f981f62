package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
)

const secretsKeyFile = "secrets.key"

// keeping is where the keys of the secrets are.
type keeping struct {
	SecretsKeyFile string `placeholder:"FILE" help:"Keys that open the secrets, shared by all processes; made in the data folder if not given. ($SLIPWAY_SECRETS_KEY_FILE)"`
}

// keyRing reads a key file again when it has changed.
type keyRing struct {
	file string

	mu   sync.Mutex
	seen os.FileInfo
	ring secret.Keyring
	err  error
}

// secretKeys finds the key file; the one in the data folder is made where there is none yet.
func (k keeping) secretKeys(data string) (*keyRing, error) {
	if k.SecretsKeyFile != "" {
		return &keyRing{file: k.SecretsKeyFile}, nil
	}
	file := filepath.Join(data, secretsKeyFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if _, err := newFile(file, []byte(secret.NewKey()+"\n")); err != nil {
			return nil, err
		}
	}
	return &keyRing{file: file}, nil
}

// read is the keys as they are in the file now.
func (k *keyRing) read() (secret.Keyring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, err := os.Stat(k.file)
	if err != nil {
		k.seen = nil
		return secret.Keyring{}, err
	}
	if k.seen != nil && os.SameFile(k.seen, at) && k.seen.ModTime().Equal(at.ModTime()) && k.seen.Size() == at.Size() && k.seen.Mode() == at.Mode() {
		return k.ring, k.err
	}
	k.seen = at
	k.ring, k.err = readKeyFile(k.file, at)
	return k.ring, k.err
}

// readKeyFile refuses a file that others may read.
func readKeyFile(file string, at os.FileInfo) (secret.Keyring, error) {
	if loose := at.Mode().Perm() & tooOpen; loose != 0 {
		return secret.Keyring{}, fmt.Errorf("%s may be read by others, or changed by its group (mode %04o): chmod 600 it", file, at.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return secret.Keyring{}, err
	}
	ring, err := secret.ParseKeyring(text)
	if err != nil {
		return ring, fmt.Errorf("%s: %w", file, err)
	}
	return ring, nil
}

// fill gives a box its keys. Where the key file cannot be read the server starts all the same: pages open, and what needs a
// secret fails and says so.
func (k keeping) fill(ctx context.Context, box *secret.Box, data string, log *slog.Logger) error {
	ring, err := k.secretKeys(data)
	if err != nil {
		return err
	}
	if _, err := ring.read(); err != nil {
		log.ErrorContext(ctx, "the keys of the secrets cannot be read: no secret can be used", "error", err.Error())
	}
	box.Keys = ring.read
	return nil
}

type secretsCmd struct {
	List      secretsListCmd   `cmd:"" help:"List the secrets, without their values."`
	RotateKey secretsRotateCmd `cmd:"" help:"Put a new key into the key file and wrap all secrets with it. The server may run."`
	Rewrap    secretsRewrapCmd `cmd:"" help:"Wrap what other keys of the file still wrap with the current one."`
	RetireKey secretsRetireCmd `cmd:"" help:"Take a key that wraps nothing any more out of the key file."`
}

// withSecrets runs fn with the database and the keys.
func (p place) withSecrets(ctx context.Context, k keeping, fn func(*storage.DB, *keyRing) error) error {
	db, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.UpToDate(ctx); err != nil {
		return err
	}
	ring, err := k.secretKeys(p.Data)
	if err != nil {
		return err
	}
	return fn(db, ring)
}

type secretsListCmd struct {
	place
	keeping
}

// Run lists the secrets.
func (c secretsListCmd) Run(ctx context.Context, s streams) error {
	return c.withSecrets(ctx, c.keeping, func(db *storage.DB, ring *keyRing) error {
		g, err := host(access.SecretRead)
		if err != nil {
			return err
		}
		keys, err := ring.read()
		if err != nil {
			return err
		}
		return db.Read(ctx, g, func(tx *storage.Tx) error {
			all, err := secret.List(ctx, tx, g)
			for _, x := range all {
				state := "ok"
				if !slices.Contains(keys.IDs(), x.KEK) {
					state = "needs its value again"
				}
				fmt.Fprintf(s.out, "%s\tversion %d\tkey %s\t%s\n", x.Name, x.Version, x.KEK, state)
			}
			return err
		})
	})
}

type secretsRotateCmd struct {
	place
	keeping
}

// Run puts a new current key before the others, then wraps the secrets anew. If it is stopped in between, rewrap goes on.
func (c secretsRotateCmd) Run(ctx context.Context, s streams) error {
	return c.withSecrets(ctx, c.keeping, func(db *storage.DB, ring *keyRing) error {
		if _, err := ring.read(); err != nil {
			return err
		}
		if err := changeKeys(ring.file, func(text []byte) ([]byte, error) {
			text = append([]byte(secret.NewKey()+"\n"), text...)
			keys, err := secret.ParseKeyring(text)
			if err == nil {
				fmt.Fprintf(s.out, "%s becomes the current key in %s. Keep a copy of the file, apart from the database.\n", keys.Current(), ring.file)
			}
			return text, err
		}); err != nil {
			return err
		}
		return rewrap(ctx, s, db, ring)
	})
}

type secretsRewrapCmd struct {
	place
	keeping
}

// Run wraps what is left.
func (c secretsRewrapCmd) Run(ctx context.Context, s streams) error {
	return c.withSecrets(ctx, c.keeping, func(db *storage.DB, ring *keyRing) error { return rewrap(ctx, s, db, ring) })
}

func rewrap(ctx context.Context, s streams, db *storage.DB, ring *keyRing) error {
	const portion = 500
	box := &secret.Box{Keys: ring.read}
	g, err := host(access.SecretUse)
	if err != nil {
		return err
	}
	total, lost := 0, 0
	for {
		var done int
		if err := db.Write(ctx, g, func(tx *storage.Tx) (err error) {
			done, lost, err = box.Rewrap(ctx, tx, g, portion)
			return err
		}); err != nil {
			return err
		}
		if total += done; done == 0 {
			break
		}
	}
	fmt.Fprintf(s.out, "%d values wrapped anew\n", total)
	if lost > 0 {
		return fmt.Errorf("%d values cannot be opened with the keys of this file: enter them again in the browser", lost)
	}
	return nil
}

type secretsRetireCmd struct {
	place
	keeping
	ID string `arg:"" help:"The key, as list and rotate-key name it."`
}

// Run takes a key out of the file, unless it is the current one or wraps something.
func (c secretsRetireCmd) Run(ctx context.Context, s streams) error {
	return c.withSecrets(ctx, c.keeping, func(db *storage.DB, ring *keyRing) error {
		keys, err := ring.read()
		if err != nil {
			return err
		}
		at := slices.Index(keys.IDs(), c.ID)
		switch {
		case at < 0:
			return fmt.Errorf("there is no key %s in %s", c.ID, ring.file)
		case at == 0:
			return fmt.Errorf("%s is the current key: rotate-key makes another one first", c.ID)
		}
		g, err := host(access.SecretRead)
		if err != nil {
			return err
		}
		if err := db.Read(ctx, g, func(tx *storage.Tx) error {
			if err := g.Need(access.SecretRead, g.Workspace()); err != nil {
				return err
			}
			used, err := tx.KeysInUse(ctx)
			if err == nil && slices.Contains(used, c.ID) {
				err = fmt.Errorf("%s still wraps secrets: slipway secrets rewrap", c.ID)
			}
			return err
		}); err != nil {
			return err
		}
		if err := changeKeys(ring.file, func(text []byte) ([]byte, error) { return withoutKey(text, c.ID) }); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is no longer in %s\n", c.ID, ring.file)
		return nil
	})
}

// withoutKey is a key file without one of its keys; remarks stay.
func withoutKey(text []byte, id string) ([]byte, error) {
	keys, err := secret.ParseKeyring(text)
	if err != nil {
		return nil, err
	}
	at, n := slices.Index(keys.IDs(), id), 0
	if at <= 0 { // it is gone, or became the current one meanwhile
		return text, nil
	}
	var kept []byte
	for line := range bytes.Lines(text) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			if n++; n-1 == at {
				continue
			}
		}
		kept = append(kept, line...)
	}
	return kept, nil
}

// changeKeys puts another text in the place of a key file, whole or not at all. Of two commands at once the second is refused: it
// would write without the key that the first has put in, and what that key wraps would be lost.
func changeKeys(file string, change func(text []byte) ([]byte, error)) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	lock := file + ".lock"
	held, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("another command is changing %s; if none is, delete %s", file, lock)
	}
	if err != nil {
		return err
	}
	defer os.Remove(lock)
	defer held.Close()
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = change(text); err != nil {
		return err
	}
	tmp, err := beside(file, text)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := sameOwner(file, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}
