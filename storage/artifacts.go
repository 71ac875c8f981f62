package storage

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
)

func scanArtifact(row scanner) (a tracking.Artifact, err error) {
	return a, row(&a.Workspace, &a.Path, &a.Size, &a.Digest, &a.CreatedAt, &a.CreatedBy)
}

// Artifact finds a file, and holds it as FilesBelow does.
func (t *Tx) Artifact(ctx context.Context, workspace, path string) (tracking.Artifact, error) {
	return one(ctx, t, scanArtifact, `
		SELECT workspace_id, path, size, digest, created_at, created_by
		  FROM artifacts WHERE workspace_id = $1 AND path = $2`+t.held("artifacts"), workspace, path)
}

// SaveArtifact writes or overwrites a file's row.
func (t *Tx) SaveArtifact(ctx context.Context, a tracking.Artifact) error {
	return t.exec(ctx, `
		INSERT INTO artifacts (workspace_id, path, size, digest, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (workspace_id, path) DO UPDATE
		   SET size = excluded.size, digest = excluded.digest, created_at = excluded.created_at, created_by = excluded.created_by`,
		a.Workspace, a.Path, a.Size, a.Digest, a.CreatedAt, a.CreatedBy)
}

// ArtifactInTheWay finds a file that stands where path needs a folder, or below path.
func (t *Tx) ArtifactInTheWay(ctx context.Context, workspace, path string) (string, error) {
	folders := []string{}
	for i, c := range path {
		if c == '/' {
			folders = append(folders, path[:i])
		}
	}
	text, err := json.Marshal(folders)
	if err != nil {
		return "", err
	}
	found, err := list(ctx, t, column[string], `
		SELECT path FROM artifacts WHERE workspace_id = $1 AND `+t.db.InTexts("path", "$2")+`
		UNION ALL
		SELECT * FROM (SELECT path FROM artifacts WHERE workspace_id = $1 AND path >= $3 AND path < $4 ORDER BY path LIMIT 1) below`,
		workspace, string(text), path+"/", path+"0")
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// DeleteArtifacts forgets the file at path and all below it.
func (t *Tx) DeleteArtifacts(ctx context.Context, workspace, path string) (int64, error) {
	return t.changed(ctx, `DELETE FROM artifacts WHERE workspace_id = $1 AND (path = $2 OR path >= $3 AND path < $4)`,
		workspace, path, path+"/", path+"0") // '0' follows '/'
}

// ArtifactEntries lists what lies directly in folder, "" being the root. It reads the paths below in order
// and skips over what it has seen of a sub-folder, so that a deep tree costs no more than its top.
func (t *Tx) ArtifactEntries(ctx context.Context, workspace, folder string) ([]tracking.Entry, error) {
	const portion = 500
	prefix, end := "", "\U0010FFFF"
	if folder != "" {
		prefix, end = folder+"/", folder+"0"
	}
	var out []tracking.Entry
	for from := prefix; ; {
		rows, err := list(ctx, t, scanArtifact, `
			SELECT workspace_id, path, size, digest, created_at, created_by
			  FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 ORDER BY path LIMIT $4`,
			workspace, from, end, portion)
		if err != nil {
			return nil, err
		}
		for _, a := range rows {
			if a.Path < from {
				continue
			}
			name, _, deep := strings.Cut(a.Path[len(prefix):], "/")
			if deep {
				out = append(out, tracking.Entry{Name: name, IsDir: true})
				from = prefix + name + "0"
			} else {
				out = append(out, tracking.Entry{Name: name, Size: a.Size, Digest: a.Digest})
				from = a.Path + "\x01"
			}
		}
		if len(rows) < portion {
			return out, nil
		}
	}
}

// Upload finds a multipart upload.
func (t *Tx) Upload(ctx context.Context, id string) (tracking.Upload, error) {
	return one(ctx, t, func(row scanner) (u tracking.Upload, err error) {
		return u, row(&u.ID, &u.Workspace, &u.Path, &u.Parts, &u.CreatedAt, &u.CreatedBy)
	}, `SELECT id, workspace_id, path, parts, created_at, created_by FROM uploads WHERE id = $1`, id)
}

// AddUpload writes a new multipart upload.
func (t *Tx) AddUpload(ctx context.Context, u tracking.Upload) error {
	return t.exec(ctx, `INSERT INTO uploads (id, workspace_id, path, parts, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)`,
		u.ID, u.Workspace, u.Path, u.Parts, u.CreatedAt, u.CreatedBy)
}

// DeleteUpload forgets a multipart upload.
func (t *Tx) DeleteUpload(ctx context.Context, id string) error {
	return t.exec(ctx, `DELETE FROM uploads WHERE id = $1`, id)
}

// DigestsInUse tells which of some digests an artifact names.
func (t *Tx) DigestsInUse(ctx context.Context, digests []string) (map[string]bool, error) {
	text, err := json.Marshal(digests)
	if err != nil {
		return nil, err
	}
	used, err := list(ctx, t, column[string], `SELECT DISTINCT digest FROM artifacts WHERE `+t.db.InTexts("digest", "$1"), string(text))
	out := map[string]bool{}
	for _, d := range used {
		out[d] = true
	}
	return out, err
}

// Forget drops records that have served their time: events and uploads from before the given instants.
func (t *Tx) Forget(ctx context.Context, events, uploads int64) error {
	if err := t.exec(ctx, `DELETE FROM outbox WHERE at < $1`, events); err != nil {
		return err
	}
	if err := t.exec(ctx, `DELETE FROM idempotency_keys WHERE at <= $1`, t.now.Add(-KeyLife).UnixMilli()); err != nil {
		return err
	}
	if err := t.exec(ctx, `DELETE FROM web_sessions WHERE expires_at < $1`, t.now.UnixMilli()); err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM uploads WHERE created_at < $1`, uploads)
}
