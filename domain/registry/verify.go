package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// VerifyTx is what the verification asks of a transaction; *storage.Tx answers.
type VerifyTx interface {
	Emit(ctx context.Context, e event.Event) error
	VersionByID(ctx context.Context, id string) (Version, error)
	SaveVersion(ctx context.Context, v Version) error
}

// Bytes opens stored bytes by their digest.
type Bytes func(digest string) (io.ReadCloser, error)

// Verify reads all that v holds again and says what is wrong with it, "" for nothing: its manifest must have its digest,
// and each file in that must have its own. It goes on after a fault only as far as the next file.
func (v Version) Verify(ctx context.Context, open Bytes) (fault string, err error) {
	sum := sha256.Sum256([]byte(v.Manifest))
	if hex.EncodeToString(sum[:]) != v.Digest {
		return "the manifest does not have the digest " + v.Digest, nil
	}
	m, err := ParseManifest(v.Manifest)
	if err != nil {
		return "the manifest is no JSON", nil //nolint:nilerr // that is the fault
	}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if fault, err = f.verify(open); fault != "" || err != nil {
			return fault, err
		}
	}
	return "", nil
}

func (f File) verify(open Bytes) (fault string, err error) {
	b, err := open(f.SHA256)
	if err != nil {
		return f.Path + ": its bytes are gone", nil
	}
	defer b.Close()
	h := sha256.New()
	n, err := io.Copy(h, b)
	switch {
	case err != nil:
		return f.Path + ": its bytes cannot be read", nil
	case hex.EncodeToString(h.Sum(nil)) != f.SHA256:
		return f.Path + ": its bytes do not have the digest " + f.SHA256, nil
	case n != f.Size:
		return f.Path + ": its size is another", nil
	}
	return "", nil
}

// Verified notes what the verification of a version found. A fault that was not there before is a fact that others hear
// of; so is its end.
func Verified(ctx context.Context, tx VerifyTx, g access.Grant, id, fault string, now time.Time) error {
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return err
	}
	v, err := tx.VersionByID(ctx, id)
	if err != nil {
		return err
	}
	was := v.Broken
	v.VerifiedAt, v.Broken = now.UnixMilli(), fault
	if err := tx.SaveVersion(ctx, v); err != nil || was == fault {
		return err
	}
	kind := "version.broken"
	if fault == "" {
		kind = "version.mended"
	}
	return tx.Emit(ctx, v.event(kind, map[string]any{"fault": fault}))
}

// ScanTx is what a scan asks of a transaction; *storage.Tx answers.
type ScanTx interface {
	VerifyTx
	SaveScan(ctx context.Context, s Scan) error
}

// Scanned keeps what was found in the files of a version. It is evidence, and changes nothing else of the version.
func Scanned(ctx context.Context, tx ScanTx, g access.Grant, s Scan) error {
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return err
	}
	v, err := tx.VersionByID(ctx, s.VersionID)
	if err != nil {
		return err
	}
	if err := tx.SaveScan(ctx, s); err != nil {
		return err
	}
	return tx.Emit(ctx, v.event("version.scanned", map[string]any{"verdict": s.Verdict}))
}
