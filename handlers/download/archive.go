package download

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

const (
	archivePortion = 500    // files whose rows are read at once
	mostArchived   = 50_000 // files in one archive, whose directory is held in memory
	copyBuffer     = 64 << 10
)

// lostFiles is the name of the list of files whose bytes the store lost.
const lostFiles = "MISSING-FILES.txt"

// Archive sends the files in folder, below the root that at is, as one zip called name. It is made while it is
// sent: what it takes of memory does not grow with the files. The names in it are plain relative paths below
// one folder.
func Archive(r *route.Request, at, folder, name string) error {
	base := strings.Trim(path.Join(at, folder), "/")
	size, err := route.Read(r, func(tx *storage.Tx) (tracking.FolderSize, error) {
		if err := r.Grant.Need(r.Grant.Perm(), r.Grant.Workspace()); err != nil {
			return tracking.FolderSize{}, err
		}
		return tx.FolderSize(r.Ctx(), r.Grant.Workspace(), base, mostArchived+1)
	})
	switch {
	case err != nil:
		return err
	case size.Files == 0:
		return domain.Fail(domain.NotFound, "artifact.no_folder", "there is no folder %q", folder)
	case size.Files > mostArchived:
		return domain.Fail(domain.TooLarge, "artifact.archive_large", "the folder has more than %d files: take its folders one by one", mostArchived)
	}
	h := r.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", Disposition("attachment", name+".zip"))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	err = zipFolder(r, base, cmp.Or(path.Base(strings.Trim(folder, "/")), "."))
	if err != nil {
		// The answer has begun: break it off, so that no client takes half an archive for a whole one.
		if r.Ctx().Err() == nil && !errors.Is(err, errGone) {
			r.Log.Error("archive broke off", "request_id", route.ID(r.Context), "folder", base, "error", err.Error())
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func zipFolder(r *route.Request, base, top string) error {
	if top == "." {
		top = "artifacts"
	}
	z := zip.NewWriter(pacedAnswer{r})
	squeeze, err := flate.NewWriter(io.Discard, flate.BestSpeed) // one for all files, which come one after another
	if err != nil {
		return err
	}
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		squeeze.Reset(w)
		return squeeze, nil
	})
	buffer := make([]byte, copyBuffer)
	var lost bytes.Buffer
	for after := ""; ; {
		files, err := route.Read(r, func(tx *storage.Tx) ([]tracking.Artifact, error) {
			if err := r.Grant.Need(r.Grant.Perm(), r.Grant.Workspace()); err != nil {
				return nil, err
			}
			return tx.FilesBelow(r.Ctx(), r.Grant.Workspace(), base, after, archivePortion)
		})
		if err != nil {
			return err
		}
		for _, a := range files {
			after = a.Path
			name, err := tracking.CleanArtifactPath(strings.TrimPrefix(a.Path, base+"/"))
			if err != nil {
				return err // the store has no such names
			}
			err = addFile(r.Ctx(), r, z, top+"/"+name, a, buffer)
			if domain.KindOf(err) == domain.NotFound {
				lost.WriteString(name + "\n")
			} else if err != nil {
				return err
			}
		}
		if len(files) < archivePortion {
			break
		}
	}
	if lost.Len() > 0 {
		r.Log.Error("archive lacks files", "request_id", route.ID(r.Context), "folder", base, "files", lost.String())
		w, err := z.Create(top + "/" + lostFiles)
		if err == nil {
			_, err = w.Write(lost.Bytes())
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// addFile puts one file into z; NotFound is that the store lost its bytes, and then nothing was written.
func addFile(ctx context.Context, r *route.Request, z *zip.Writer, name string, a tracking.Artifact, buffer []byte) error {
	f, err := r.Blobs.Open(ctx, a.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.UnixMilli(a.CreatedAt).UTC()})
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, withContext{ctx, f}, buffer)
	return err
}

// pacedAnswer is the answer, which the client may take its time to read as long as it reads.
type pacedAnswer struct{ r *route.Request }

var errGone = errors.New("the reader has gone")

func (p pacedAnswer) Write(b []byte) (int, error) {
	route.Writing(p.r)
	n, err := p.r.Response().Write(b)
	if err != nil {
		err = errors.Join(errGone, err)
	}
	return n, err
}

// withContext ends reading when the client leaves.
type withContext struct {
	ctx context.Context //nolint:containedctx // lives as long as one copy
	io.Reader
}

func (c withContext) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(b)
}
