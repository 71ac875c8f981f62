package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/storage"
)

// scanVersion looks at the files of the version that is the job's key, and keeps what it found beside the version. A
// version that is gone in the meantime needs no scan.
func scanVersion(db *storage.DB, blobs blob.Store, log *slog.Logger) Handler {
	return func(ctx context.Context, j job.Job) error {
		var v registry.Version
		err := read(ctx, db, "scan", func(tx *storage.Tx) (err error) {
			v, err = tx.VersionByID(ctx, j.Key)
			return err
		})
		if domain.KindOf(err) == domain.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := registry.ParseManifest(v.Manifest)
		if err != nil {
			return err
		}
		files := make([]scan.FileReport, 0, len(m.Files))
		for _, f := range m.Files {
			one, err := scanFile(ctx, blobs, f)
			if err != nil {
				return err
			}
			files = append(files, one)
		}
		found := scan.Summarise(files)
		report, err := json.Marshal(found)
		if err != nil {
			return err
		}
		g, err := system("scan")
		if err != nil {
			return err
		}
		err = db.Write(ctx, g, func(tx *storage.Tx) error {
			return registry.Scanned(ctx, tx, g, registry.Scan{VersionID: v.ID, Verdict: string(found.Verdict), Report: string(report), At: tx.Now().UnixMilli()})
		})
		if domain.KindOf(err) == domain.NotFound {
			return nil
		}
		if err == nil && found.Verdict == scan.Dangerous {
			log.WarnContext(ctx, "a registered version has dangerous files", "model", v.Model, "version", v.Number)
		}
		return err
	}
}

// scanFile looks at one file. Bytes that are gone are for the verification to find, and nothing to repeat the job for.
func scanFile(ctx context.Context, blobs blob.Store, f registry.File) (scan.FileReport, error) {
	b, err := blobs.Open(ctx, f.SHA256)
	if domain.KindOf(err) == domain.NotFound {
		return scan.FileReport{Path: f.Path, Size: f.Size, Verdict: scan.Inconclusive}, nil
	}
	if err != nil {
		return scan.FileReport{}, err
	}
	defer b.Close()
	rep := scan.File(ctx, f.Path, readerAt{b}, f.Size, scan.DefaultLimits)
	return rep, ctx.Err()
}

// readerAt reads at any place of what can seek.
type readerAt struct{ r io.ReadSeeker }

// ReadAt implements io.ReaderAt, for one reader at a time.
func (a readerAt) ReadAt(p []byte, off int64) (int, error) {
	if _, err := a.r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(a.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
