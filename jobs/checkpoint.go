package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
)

// Checkpoints is a folder in which the server keeps signed ends of the audit log's chains, a file for each time; the zero
// Checkpoints keeps none.
type Checkpoints struct {
	Dir string
	Key audit.Key
}

const (
	checkpointName   = "20060102T150405.000Z"
	checkpointSuffix = ".checkpoint"
)

// NewestCheckpoint names the file in dir that was signed last, "" where there is none.
func NewestCheckpoint(dir string) (file string, err error) {
	all, err := os.ReadDir(dir) // sorted by name, and so by time
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	for _, e := range all {
		if strings.HasSuffix(e.Name(), checkpointSuffix) {
			file = filepath.Join(dir, e.Name())
		}
	}
	return file, err
}

// newest is what was signed last of each chain. A file that the key did not sign is an error: it may stand where one stood
// that showed something.
func (c Checkpoints) newest() ([]audit.Head, error) {
	file, err := NewestCheckpoint(c.Dir)
	if err != nil || file == "" {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	heads, err := c.Key.Checkpoints(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return heads, nil
}

// Write signs how the chains end now if they have grown since the newest file, and names the file; "" if there is none. It
// is refused where a chain does not go on from what was signed last: signing that would hide it.
func (c Checkpoints) Write(ctx context.Context, db *storage.DB, now time.Time) (file string, err error) {
	seen, err := c.newest()
	if err != nil {
		return "", err
	}
	g, err := access.Authorize(access.System("audit"), access.AuditServer, access.DefaultWorkspace, access.Origin{})
	if err != nil {
		return "", err
	}
	var heads []audit.Head
	if err := db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		heads, err = audit.Grown(ctx, tx, g, seen)
		return err
	}); err != nil || len(heads) == 0 {
		return "", err
	}
	text, err := c.Key.SignAll(heads)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", err
	}
	file = filepath.Join(c.Dir, now.UTC().Format(checkpointName)+checkpointSuffix)
	return file, whole(file, text)
}

// whole writes a file that is there whole or not at all.
func whole(file string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".checkpoint-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// checkpoint is Checkpoints.Write by the clock.
func checkpoint(db *storage.DB, c Checkpoints, log *slog.Logger) Handler {
	return func(ctx context.Context, _ job.Job) error {
		if c.Dir == "" {
			return nil
		}
		file, err := c.Write(ctx, db, time.Now())
		switch {
		case err != nil:
			log.ErrorContext(ctx, "the audit log has no new checkpoint", "folder", c.Dir, "error", err.Error())
		case file != "":
			log.InfoContext(ctx, "signed the audit log", "file", file)
		}
		return err
	}
}
