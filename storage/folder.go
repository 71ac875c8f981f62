package storage

import (
	"context"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// below is the half-open range of the paths in folder, "" being the root: '0' follows '/'.
func below(folder string) (from, to string) {
	if folder == "" {
		return "", "\U0010FFFF"
	}
	return folder + "/", folder + "0"
}

// FolderPage lists at most limit entries of folder, in the order of their paths, from the entry named from on;
// next is the name to go on from, "" at the end. However much lies in sub-folders, it skips over it.
func (t *Tx) FolderPage(ctx context.Context, workspace, folder, from string, limit int) (out []tracking.Entry, next string, err error) {
	prefix, end := below(folder)
	for at := prefix + from; ; {
		rows, err := list(ctx, t, scanArtifact, `
			SELECT workspace_id, path, size, digest, created_at, created_by
			  FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 ORDER BY path LIMIT $4`,
			workspace, at, end, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, a := range rows {
			if a.Path < at {
				continue
			}
			name, _, deep := strings.Cut(a.Path[len(prefix):], "/")
			if len(out) == limit {
				return out, name, nil
			}
			if deep {
				out = append(out, tracking.Entry{Name: name, IsDir: true})
				at = prefix + name + "0"
			} else {
				out = append(out, tracking.Entry{Name: name, Size: a.Size, Digest: a.Digest})
				at = a.Path + "\x01"
			}
		}
		if len(rows) <= limit {
			return out, "", nil
		}
	}
}

// FilesBelow lists at most limit files in folder and its sub-folders, in the order of their paths, after the path
// after. Who writes on the strength of them holds them: nobody deletes the last name of their bytes meanwhile.
func (t *Tx) FilesBelow(ctx context.Context, workspace, folder, after string, limit int) ([]tracking.Artifact, error) {
	from, to := below(folder)
	return list(ctx, t, scanArtifact, `
		SELECT workspace_id, path, size, digest, created_at, created_by
		  FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 AND path > $4 ORDER BY path LIMIT $5`+t.held("artifacts"),
		workspace, from, to, after, limit)
}

// FolderSize counts the files in folder and its sub-folders, up to most, and adds up their bytes.
func (t *Tx) FolderSize(ctx context.Context, workspace, folder string, most int) (s tracking.FolderSize, err error) {
	from, to := below(folder)
	return one(ctx, t, func(row scanner) (s tracking.FolderSize, err error) { return s, row(&s.Files, &s.Bytes) }, `
		SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM (
		  SELECT size FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 ORDER BY path LIMIT $4) counted`,
		workspace, from, to, most)
}
