package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// Local is a Store in a folder of this machine. os.Root keeps every path inside it.
type Local struct{ root *os.Root }

const (
	blobs   = "blobs"
	scratch = "tmp"
	uploads = "uploads"

	dirMode  = 0o700
	fileMode = 0o600
	buffer   = 1 << 20
)

// OpenLocal opens the store in dir, which is made if it is not there.
func OpenLocal(dir string) (*Local, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{blobs, scratch, uploads} {
		if err := root.MkdirAll(d, dirMode); err != nil {
			return nil, err
		}
	}
	return &Local{root}, nil
}

// Close lets go of the folder.
func (l *Local) Close() error { return l.root.Close() }

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func place(d string) (string, error) {
	if !digest.MatchString(d) {
		return "", domain.Fail(domain.NotFound, "blob.not_found", "there are no bytes with the digest %q", d)
	}
	return path.Join(blobs, d[:2], d), nil
}

// Put implements Store.
func (l *Local) Put(ctx context.Context, r io.Reader) (Blob, error) {
	tmp, b, err := l.write(ctx, r)
	if err != nil {
		return b, err
	}
	to, err := place(b.Digest)
	if err != nil {
		return b, err
	}
	if err := l.mkdir(path.Dir(to)); err != nil {
		return b, errors.Join(full(err), l.root.Remove(tmp))
	}
	// Also over a blob that is there: its age starts anew, so that no sweep takes it from under us.
	return b, l.move(tmp, to)
}

// mkdir makes a folder that survives a crash.
func (l *Local) mkdir(dir string) error {
	switch err := l.root.Mkdir(dir, dirMode); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return l.sync(path.Dir(dir))
}

// move puts a finished file in its place and waits until its folder says so after a crash, too.
func (l *Local) move(from, to string) error {
	if err := l.root.Rename(from, to); err != nil {
		return errors.Join(full(err), l.root.Remove(from))
	}
	return l.sync(path.Dir(to))
}

func (l *Local) sync(dir string) error {
	d, err := l.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return err // systems that cannot sync a folder do not need it
	}
	return nil
}

// write streams r into a scratch file, flushed to the disk.
func (l *Local) write(ctx context.Context, r io.Reader) (name string, b Blob, err error) {
	name = path.Join(scratch, rand.Text())
	f, err := l.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return name, b, full(err)
	}
	h := sha256.New()
	b.Size, err = io.CopyBuffer(io.MultiWriter(f, h), whileOpen{ctx, r}, make([]byte, buffer))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return name, b, errors.Join(full(err), l.root.Remove(name))
	}
	b.Digest = hex.EncodeToString(h.Sum(nil))
	return name, b, nil
}

// whileOpen reads until its context ends.
type whileOpen struct {
	ctx context.Context //nolint:containedctx // io.Reader has no other way
	r   io.Reader
}

func (w whileOpen) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}

// full says so when the disk is.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &domain.Error{Kind: domain.Unavailable, Key: "blob.full", Msg: "the server's disk is full: nothing was stored", Err: err, RetryAfter: time.Minute}
	}
	return err
}

// Open implements Store.
func (l *Local) Open(_ context.Context, d string) (io.ReadSeekCloser, error) {
	at, err := place(d)
	if err != nil {
		return nil, err
	}
	f, err := l.root.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, domain.Fail(domain.NotFound, "blob.not_found", "there are no bytes with the digest %q", d)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

var uploadID = regexp.MustCompile(`^[A-Za-z0-9]{8,64}$`)

func folder(upload string) (string, error) {
	if !uploadID.MatchString(upload) {
		return "", domain.Fail(domain.NotFound, "upload.not_found", "there is no upload %q: it was completed, aborted or never begun", upload)
	}
	return path.Join(uploads, upload), nil
}

// PutPart implements Store. A part's file is named by number and digest.
func (l *Local) PutPart(ctx context.Context, upload string, n int, r io.Reader) (string, error) {
	dir, err := folder(upload)
	if err != nil {
		return "", err
	}
	tmp, b, err := l.write(ctx, r)
	if err != nil {
		return "", err
	}
	if err := l.mkdir(dir); err != nil {
		return "", errors.Join(full(err), l.root.Remove(tmp))
	}
	return b.Digest, l.move(tmp, path.Join(dir, strconv.Itoa(n)))
}

// Join implements Store.
func (l *Local) Join(ctx context.Context, upload string, parts []Part) (Blob, error) {
	dir, err := folder(upload)
	if err != nil {
		return Blob{}, err
	}
	j := &joined{root: l.root, dir: dir, parts: parts}
	defer j.close()
	return l.Put(ctx, j)
}

// joined reads part after part and checks each against its digest.
type joined struct {
	root  *os.Root
	dir   string
	parts []Part
	f     *os.File
	sum   interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.f == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			f, err := j.root.Open(path.Join(j.dir, strconv.Itoa(j.parts[0].Number)))
			if errors.Is(err, fs.ErrNotExist) {
				return 0, domain.Fail(domain.Invalid, "upload.part_missing", "part %d was not uploaded", j.parts[0].Number)
			}
			if err != nil {
				return 0, err
			}
			j.f, j.sum = f, sha256.New()
		}
		n, err := j.f.Read(p)
		_, _ = j.sum.Write(p[:n]) // a hash takes everything
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if want := j.parts[0].Digest; want != "" && want != hex.EncodeToString(j.sum.Sum(nil)) {
			return 0, domain.Fail(domain.Invalid, "upload.part_changed", "part %d is not the one with this etag: upload it again", j.parts[0].Number)
		}
		j.close()
		j.parts = j.parts[1:]
	}
}

func (j *joined) close() {
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
}

// Drop implements Store.
func (l *Local) Drop(_ context.Context, upload string) error {
	dir, err := folder(upload)
	if err != nil {
		return err
	}
	return l.root.RemoveAll(dir)
}

// Check implements Store.
func (l *Local) Check(context.Context) error {
	name := path.Join(scratch, rand.Text())
	f, err := l.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), l.root.Remove(name))
}

// Sweep implements Store. A blob is first put aside, then asked about again: a file that came back meanwhile
// is newer than before and stays.
func (l *Local) Sweep(ctx context.Context, abandoned, before time.Time, keep func([]string) (map[string]bool, error)) (removed int, err error) {
	for _, dir := range []string{scratch, uploads} {
		if err := l.each(ctx, dir, func(e fs.FileInfo) error {
			if e.ModTime().Before(abandoned) {
				return l.root.RemoveAll(path.Join(dir, e.Name()))
			}
			return nil
		}); err != nil {
			return removed, err
		}
	}
	err = l.each(ctx, blobs, func(shelf fs.FileInfo) error {
		dir := path.Join(blobs, shelf.Name())
		var old []string
		if err := l.each(ctx, dir, func(e fs.FileInfo) error {
			if digest.MatchString(e.Name()) && e.ModTime().Before(before) {
				old = append(old, e.Name())
			}
			return nil
		}); err != nil || len(old) == 0 {
			return err
		}
		n, err := l.sweep(dir, old, before, keep)
		removed += n
		return err
	})
	return removed, err
}

// Free implements Store, with the same care as Sweep.
func (l *Local) Free(ctx context.Context, digests []string, before time.Time, keep func([]string) (map[string]bool, error)) (removed int, err error) {
	shelves := map[string][]string{}
	for _, d := range digests {
		at, err := place(d)
		if err != nil {
			return removed, err
		}
		info, err := l.root.Stat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return removed, err
		}
		if dir := path.Dir(at); info.ModTime().Before(before) && !slices.Contains(shelves[dir], d) {
			shelves[dir] = append(shelves[dir], d)
		}
	}
	for dir, old := range shelves {
		n, err := l.sweep(dir, old, before, keep)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (l *Local) sweep(dir string, old []string, before time.Time, keep func([]string) (map[string]bool, error)) (removed int, err error) {
	kept, err := keep(old)
	if err != nil {
		return 0, err
	}
	for _, d := range old {
		if kept[d] {
			continue
		}
		gone, err := l.remove(path.Join(dir, d), path.Join(scratch, d), before, func() (bool, error) {
			again, err := keep([]string{d})
			return again[d], err
		})
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

// remove puts a blob aside and takes it away for good, unless it turns out to be needed or young.
func (l *Local) remove(at, aside string, before time.Time, needed func() (bool, error)) (bool, error) {
	if err := l.root.Rename(at, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // somebody else was quicker
			err = nil
		}
		return false, err
	}
	again, err := needed()
	info, stat := l.root.Stat(aside)
	if err != nil || stat != nil || again || !info.ModTime().Before(before) {
		return false, errors.Join(err, stat, l.root.Rename(aside, at))
	}
	return true, l.root.Remove(aside)
}

func (l *Local) each(ctx context.Context, dir string, fn func(fs.FileInfo) error) error {
	d, err := l.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		entries, err := d.Readdir(1000)
		for _, e := range entries {
			if err := errors.Join(ctx.Err(), fn(e)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var _ Store = (*Local)(nil)
