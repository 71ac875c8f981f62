package tracking

import (
	"context"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// Artifact is one stored file. Its bytes are known by their digest, so that a path may be overwritten
// or deleted while something else still holds the same bytes.
type Artifact struct {
	Workspace string
	Path      string // in the workspace's store, e.g. "3/<run>/artifacts/model/MLmodel"
	Size      int64  // bytes
	Digest    string // SHA-256, hexadecimal
	CreatedAt int64
	CreatedBy string
}

// Entry is a file or folder in a listing.
type Entry struct {
	Name   string // relative to the folder listed
	IsDir  bool
	Size   int64
	Digest string
}

// Upload is a multipart upload that has begun.
type Upload struct {
	ID        string
	Workspace string
	Path      string // where the whole will be
	Parts     int
	CreatedAt int64
	CreatedBy string
}

// ArtifactTx is what artifacts ask of a transaction; *storage.Tx answers.
type ArtifactTx interface {
	Emit(ctx context.Context, e event.Event) error
	Artifact(ctx context.Context, workspace, path string) (Artifact, error)
	ArtifactEntries(ctx context.Context, workspace, folder string) ([]Entry, error)
	SaveArtifact(ctx context.Context, a Artifact) error
	// ArtifactInTheWay is a file that stands where path has a folder, or below path; "" if there is none.
	ArtifactInTheWay(ctx context.Context, workspace, path string) (string, error)
	DeleteArtifacts(ctx context.Context, workspace, path string) (int64, error) // a file, or all below a folder
	Upload(ctx context.Context, id string) (Upload, error)
	AddUpload(ctx context.Context, u Upload) error
	DeleteUpload(ctx context.Context, id string) error
}

const maxArtifactPath = 4096

// CleanArtifactPath is p, if it is a plain relative path. It decodes percent-encoding until nothing changes
// and refuses whatever could mean another place at any stage of it: an empty path, empty and '.' and '..'
// parts, absolute and drive paths, file: URLs, backslashes, control characters and invalid UTF-8.
func CleanArtifactPath(p string) (string, error) {
	if err := safePath(p); err != nil {
		return "", err
	}
	decoded := p
	for next := unescape(p); next != decoded; next = unescape(decoded) {
		if err := safePath(next); err != nil {
			return "", err
		}
		decoded = next
	}
	return p, nil
}

// unescape undoes one layer of percent-encoding. What only looks like an escape stays and hides nothing behind
// it: other decoders, those of clients among them, are as forgiving.
func unescape(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if i+3 <= len(p) && p[i] == '%' {
			if c, err := url.PathUnescape(p[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

func safePath(p string) error {
	bad := len(p) > maxArtifactPath || !utf8.ValidString(p) || strings.Contains(p, `\`)
	for _, part := range strings.Split(p, "/") {
		drive := len(part) >= 2 && part[1] == ':' && isLetter(part[0])
		bad = bad || part == "" || part == ".." || part == "." || drive || strings.HasPrefix(strings.ToLower(part), "file:")
	}
	for _, r := range p {
		bad = bad || unicode.IsControl(r)
	}
	if bad {
		return domain.Fail(domain.Invalid, "artifact.path", "Invalid path: %q is not a plain relative path", domain.Short(strings.ToValidUTF8(p, "?")))
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// StorePath is where uri points in our own store; false if it is in another store.
func StorePath(uri string) (string, bool) {
	rest, ours := strings.CutPrefix(uri, "mlflow-artifacts:/")
	return strings.Trim(rest, "/"), ours
}

// HeldFolder is the folder of our own store in which registered versions hold their files. Nothing else writes there.
const HeldFolder = "registry"

// HeldAt is the folder in which a registered version holds its files, by the version's id.
func HeldAt(version string) string { return HeldFolder + "/" + version }

// notHeld refuses to change what registered versions hold.
func notHeld(at string) error {
	if at == HeldFolder || strings.HasPrefix(at, HeldFolder+"/") {
		return domain.Fail(domain.Forbidden, "artifact.held", "%q belongs to a registered model version, whose files do not change: register a new version instead", domain.Short(at))
	}
	return nil
}

// PutArtifact records that path holds the bytes of digest.
func PutArtifact(ctx context.Context, tx ArtifactTx, g access.Grant, a Artifact) error {
	if err := g.Need(access.ArtifactWrite, a.Workspace); err != nil {
		return err
	}
	return saveArtifact(ctx, tx, a)
}

// saveArtifact refuses a file where there is a folder, and a folder where there is a file.
func saveArtifact(ctx context.Context, tx ArtifactTx, a Artifact) error {
	if err := notHeld(a.Path); err != nil {
		return err
	}
	switch other, err := tx.ArtifactInTheWay(ctx, a.Workspace, a.Path); {
	case err != nil:
		return err
	case other != "":
		return domain.Fail(domain.Invalid, "artifact.in_the_way", "%q cannot be a file, for there is %q: delete that or choose another name", domain.Short(a.Path), domain.Short(other))
	}
	return tx.SaveArtifact(ctx, a)
}

// ArtifactAt finds a file.
func ArtifactAt(ctx context.Context, tx ArtifactTx, g access.Grant, at string) (Artifact, error) {
	if err := g.Need(access.ArtifactRead, g.Workspace()); err != nil {
		return Artifact{}, err
	}
	a, err := tx.Artifact(ctx, g.Workspace(), at)
	if domain.KindOf(err) != domain.NotFound {
		return a, err
	}
	entries, err := tx.ArtifactEntries(ctx, g.Workspace(), at)
	if err != nil {
		return a, err
	}
	if len(entries) > 0 {
		return a, domain.Fail(domain.Invalid, "artifact.folder", "%q is a folder: name a file in it", domain.Short(at))
	}
	return a, domain.Fail(domain.NotFound, "artifact.not_found", "there is no artifact %q", domain.Short(at))
}

// ListArtifacts lists a folder; a file or a missing path has nothing in it. "" is the store's root.
func ListArtifacts(ctx context.Context, tx ArtifactTx, g access.Grant, folder string) ([]Entry, error) {
	if err := g.Need(access.ArtifactRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.ArtifactEntries(ctx, g.Workspace(), folder)
}

// DeleteArtifacts forgets a file or all files below a folder; what is not there is forgotten already.
func DeleteArtifacts(ctx context.Context, tx ArtifactTx, g access.Grant, at string) error {
	if err := g.Need(access.ArtifactDelete, g.Workspace()); err != nil {
		return err
	}
	if err := notHeld(at); err != nil {
		return err
	}
	n, err := tx.DeleteArtifacts(ctx, g.Workspace(), at)
	if err != nil || n == 0 {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "artifact.deleted", Subject: at, Data: map[string]int64{"files": n}})
}

// The most parts of one upload, as in S3.
const maxParts = 10000

// BeginUpload starts a multipart upload to path.
func BeginUpload(ctx context.Context, tx ArtifactTx, g access.Grant, u Upload) error {
	if u.Parts < 1 || u.Parts > maxParts {
		return domain.Fail(domain.Invalid, "upload.parts", "num_parts must be between 1 and %d, not %d", maxParts, u.Parts)
	}
	if err := g.Need(access.ArtifactWrite, u.Workspace); err != nil {
		return err
	}
	if err := notHeld(u.Path); err != nil {
		return err
	}
	return tx.AddUpload(ctx, u)
}

// UploadByID finds an upload that has begun.
func UploadByID(ctx context.Context, tx ArtifactTx, g access.Grant, p access.Perm, id string) (Upload, error) {
	u, err := tx.Upload(ctx, id)
	if err == nil {
		err = g.Need(p, u.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return u, domain.Fail(domain.NotFound, "upload.not_found", "there is no upload %q: it was completed, aborted or never begun", domain.Short(id))
	}
	return u, err
}

// EndUpload forgets an upload that was completed or aborted.
func EndUpload(ctx context.Context, tx ArtifactTx, g access.Grant, id string) error {
	if _, err := UploadByID(ctx, tx, g, access.ArtifactWrite, id); err != nil {
		return err
	}
	return tx.DeleteUpload(ctx, id)
}

// RunRoot is where the artifacts of a run lie, for a caller who has permission p on it.
func RunRoot(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (string, error) {
	r, err := run(ctx, tx, g, p, id)
	return r.ArtifactURI, err
}

// PutRunArtifact is PutArtifact by way of an active run.
func PutRunArtifact(ctx context.Context, tx interface {
	Tx
	ArtifactTx
}, g access.Grant, runID string, a Artifact,
) error {
	if _, err := activeRun(ctx, tx, g, runID); err != nil {
		return err
	}
	return saveArtifact(ctx, tx, a)
}

// FolderSize is how much lies in a folder and below it.
type FolderSize struct{ Files, Bytes int64 }
