package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// open gives a store in a fresh folder, and the folder.
func open(t testing.TB) (*Local, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deep", "store")
	l, err := OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, dir
}

func put(t testing.TB, l *Local, s string) Blob {
	t.Helper()
	b, err := l.Put(t.Context(), strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, l *Local, d string) string {
	t.Helper()
	f, err := l.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// files lists every file in dir with its bytes.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(name)] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func wantFiles(t testing.TB, dir, when string, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(files(t, dir)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s there are the files %q, want %q", when, got, want)
	}
}

func at(d string) string { return "blobs/" + d[:2] + "/" + d }

func wantKind(t testing.TB, what string, err error, kind domain.Kind) {
	t.Helper()
	if domain.KindOf(err) != kind {
		t.Errorf("%s: got %v, want %s", what, err, kind)
	}
}

func TestPutAndOpen(t *testing.T) {
	l, dir := open(t)
	for _, s := range []string{"", "a", "hello", "\x00\xff binary", strings.Repeat("0123456789abcdef", 1<<17+1)} {
		b := put(t, l, s)
		if b.Digest != sum(s) || b.Size != int64(len(s)) {
			t.Errorf("%.20q is stored as %+v", s, b)
		}
		if got := read(t, l, b.Digest); got != s {
			t.Errorf("%.20q of %d bytes comes back as %.20q of %d", s, len(s), got, len(got))
		}
	}
	if n := len(files(t, dir)); n != 5 {
		t.Errorf("5 blobs are %d files", n)
	}
}

func TestSameBytesAreKeptOnce(t *testing.T) {
	l, dir := open(t)
	first, again := put(t, l, "same"), put(t, l, "same")
	if first != again {
		t.Errorf("got %+v and then %+v", first, again)
	}
	wantFiles(t, dir, "after two equal puts", at(first.Digest))
}

func TestOpenedBlobCanSeek(t *testing.T) {
	l, _ := open(t)
	f, err := l.Open(t.Context(), put(t, l, "0123456789").Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Seek(-3, io.SeekEnd); n != 7 || err != nil {
		t.Fatalf("seek: %d %v", n, err)
	}
	if b, err := io.ReadAll(f); string(b) != "789" || err != nil {
		t.Errorf("read %q %v", b, err)
	}
}

// A large body goes through a buffer of its own and is never held whole.
func TestLargeStream(t *testing.T) {
	l, _ := open(t)
	const size = 32 << 20
	h := sha256.New()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := l.Put(t.Context(), io.TeeReader(io.LimitReader(&pattern{}, size), h))
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if b.Size != size || b.Digest != hex.EncodeToString(h.Sum(nil)) {
		t.Errorf("stored %+v", b)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 4*buffer {
		t.Errorf("%d bytes were allocated for a stream of %d", got, size)
	}
	f, err := l.Open(t.Context(), b.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	again := sha256.New()
	if n, err := io.Copy(again, f); n != size || err != nil || hex.EncodeToString(again.Sum(nil)) != b.Digest {
		t.Errorf("%d bytes come back, %v", n, err)
	}
}

// pattern is endless bytes that are not all the same.
type pattern struct{ n uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n >> 16)
		p.n = p.n*1664525 + 1013904223
	}
	return len(b), nil
}

func TestFailedPutLeavesNothing(t *testing.T) {
	lost := errors.New("the client went away")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	half, stop := context.WithCancel(t.Context())
	for _, c := range []struct {
		name string
		ctx  context.Context
		r    io.Reader
		want error
	}{
		{"at once", t.Context(), iotest.ErrReader(lost), lost},
		{"after some bytes", t.Context(), io.MultiReader(strings.NewReader("some"), iotest.ErrReader(lost)), lost},
		{"after more than the buffer", t.Context(), io.MultiReader(io.LimitReader(&pattern{}, 3*buffer), iotest.ErrReader(lost)), lost},
		{"with bytes and the error together", t.Context(), iotest.DataErrReader(io.MultiReader(strings.NewReader("some"), iotest.ErrReader(lost))), lost},
		{"the request ended before", ended, strings.NewReader("some"), context.Canceled},
		{"the request ends meanwhile", half, io.MultiReader(strings.NewReader("some"), call(stop), strings.NewReader("more")), context.Canceled},
	} {
		l, dir := open(t)
		if b, err := l.Put(c.ctx, c.r); !errors.Is(err, c.want) || b.Digest != "" {
			t.Errorf("%s: got %+v %v, want %v", c.name, b, err, c.want)
		}
		wantFiles(t, dir, "put failed "+c.name)
	}
}

// call is a reader of nothing that calls itself as it is read.
type call func()

func (c call) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

func TestFailedPartLeavesNothing(t *testing.T) {
	l, dir := open(t)
	lost := errors.New("the client went away")
	if d, err := l.PutPart(t.Context(), "UPLOAD01", 1, io.MultiReader(strings.NewReader("some"), iotest.ErrReader(lost))); !errors.Is(err, lost) || d != "" {
		t.Errorf("got %q %v", d, err)
	}
	wantFiles(t, dir, "after a failed part")
}

// Only the server's own account can look into the store.
func TestPermissions(t *testing.T) {
	l, dir := open(t)
	put(t, l, "secret")
	part(t, l, "UPLOAD01", 1, "secret part")
	seen := 0
	if err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(fileMode)
		if d.IsDir() {
			want = dirMode
		}
		if seen++; info.Mode().Perm() != want {
			t.Errorf("%s has the mode %o, want %o", p, info.Mode().Perm(), want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen != 8 { // the store, its three folders, a shelf with a blob, an upload with a part
		t.Errorf("saw %d files and folders, want 8", seen)
	}
}

func TestBadDigests(t *testing.T) {
	l, dir := open(t)
	good := put(t, l, "x").Digest
	outside := filepath.Join(dir, "..", good)
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{
		"", ".", "..", "/", sum("never stored"), good[:63], good + "0", good + "\n", strings.ToUpper(good), "../" + good, "../../" + good,
		good[:2] + "/" + good, "../" + good[3:], strings.Repeat(".", 64), strings.Repeat("/", 64), strings.Repeat("g", 64), good[:63] + "\x00", outside,
	} {
		f, err := l.Open(t.Context(), d)
		wantKind(t, strconv.Quote(d), err, domain.NotFound)
		if f != nil {
			t.Errorf("%q was opened", d)
		}
	}
}

func part(t testing.TB, l *Local, upload string, n int, s string) string {
	t.Helper()
	d, err := l.PutPart(t.Context(), upload, n, strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	if d != sum(s) {
		t.Errorf("part %d has the digest %s, want %s", n, d, sum(s))
	}
	return d
}

func TestJoin(t *testing.T) {
	l, dir := open(t)
	const u = "UPLOAD01"
	old := part(t, l, u, 1, "old one,")
	d2 := part(t, l, u, 2, "two,")
	d1 := part(t, l, u, 1, "one,") // in place of the old
	part(t, l, u, 3, "")
	part(t, l, "UPLOAD02", 1, "of another upload")
	for _, c := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"in order", []Part{{1, d1}, {2, d2}}, "one,two,"},
		{"in the order given", []Part{{2, d2}, {1, d1}}, "two,one,"},
		{"some of them", []Part{{2, d2}}, "two,"},
		{"whatever is there", []Part{{1, ""}, {2, ""}}, "one,two,"},
		{"an empty part between", []Part{{1, d1}, {3, ""}, {2, d2}}, "one,two,"},
		{"an empty part last", []Part{{1, d1}, {3, sum("")}}, "one,"},
		{"one twice", []Part{{1, d1}, {1, d1}}, "one,one,"},
	} {
		b, err := l.Join(t.Context(), u, c.parts)
		if err != nil || b.Digest != sum(c.want) || b.Size != int64(len(c.want)) {
			t.Errorf("%s: got %+v %v", c.name, b, err)
			continue
		}
		if got := read(t, l, b.Digest); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	before := files(t, dir)
	for _, c := range []struct {
		name, upload string
		parts        []Part
		kind         domain.Kind
		key          string
	}{
		{"a part that was replaced", u, []Part{{1, old}, {2, d2}}, domain.Invalid, "upload.part_changed"},
		{"a part that was replaced, last", u, []Part{{2, d2}, {1, old}}, domain.Invalid, "upload.part_changed"},
		{"digests swapped", u, []Part{{1, d2}, {2, d1}}, domain.Invalid, "upload.part_changed"},
		{"another digest for an empty part", u, []Part{{3, d1}}, domain.Invalid, "upload.part_changed"},
		{"a digest in capitals", u, []Part{{1, strings.ToUpper(d1)}}, domain.Invalid, "upload.part_changed"},
		{"a part that is missing", u, []Part{{1, d1}, {4, ""}}, domain.Invalid, "upload.part_missing"},
		{"no such upload", "UPLOAD99", []Part{{1, d1}}, domain.Invalid, "upload.part_missing"},
		{"no upload's name", "../blobs", []Part{{1, d1}}, domain.NotFound, "upload.not_found"},
	} {
		b, err := l.Join(t.Context(), c.upload, c.parts)
		if e := domain.As(err); e == nil || e.Kind != c.kind || e.Key != c.key || b.Digest != "" {
			t.Errorf("%s: got %+v %v, want %s %s", c.name, b, err, c.kind, c.key)
		}
	}
	if after := files(t, dir); !maps.Equal(before, after) {
		t.Errorf("refused joins left files:\n%q\nwere\n%q", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
	}
}

// Parts that are as long as a read, or longer, come together as one.
func TestJoinOfLongParts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, _ := open(t)
		var whole bytes.Buffer
		var parts []Part
		for i, n := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 31, 32 << 10, buffer - 1, buffer, buffer + 1}), 1, 4).Draw(rt, "sizes") {
			b := bytes.Repeat([]byte{byte('a' + i)}, n)
			whole.Write(b)
			parts = append(parts, Part{i + 1, part(t, l, "UPLOAD01", i+1, string(b))})
		}
		b, err := l.Join(t.Context(), "UPLOAD01", parts)
		if err != nil || b.Size != int64(whole.Len()) || b.Digest != sum(whole.String()) {
			rt.Fatalf("got %+v %v, want %d bytes", b, err, whole.Len())
		}
	})
}

func TestDrop(t *testing.T) {
	l, dir := open(t)
	whole := put(t, l, "a blob stays")
	part(t, l, "UPLOAD01", 1, "one")
	part(t, l, "UPLOAD02", 1, "of another upload")
	for range 2 { // the second time there is nothing to do
		if err := l.Drop(t.Context(), "UPLOAD01"); err != nil {
			t.Fatal(err)
		}
		wantFiles(t, dir, "after the drop", at(whole.Digest), "uploads/UPLOAD02/1")
	}
	_, err := l.Join(t.Context(), "UPLOAD01", []Part{{1, ""}})
	wantKind(t, "join of a dropped upload", err, domain.Invalid)
}

func TestBadUploads(t *testing.T) {
	l, dir := open(t)
	kept := put(t, l, "kept")
	for _, u := range []string{"", ".", "..", "short", "../blobs", "../../etc", "UPLOAD/1", `UPLOAD\1`, "UPLOAD01\n", "UPLOAD01\x00", "UPLOÄD01", "UPLOAD.1", strings.Repeat("A", 65)} {
		_, err := l.PutPart(t.Context(), u, 1, strings.NewReader("x"))
		wantKind(t, "part of "+strconv.Quote(u), err, domain.NotFound)
		wantKind(t, "drop of "+strconv.Quote(u), l.Drop(t.Context(), u), domain.NotFound)
	}
	wantFiles(t, dir, "after refused uploads", at(kept.Digest))
}

func TestCheck(t *testing.T) {
	l, dir := open(t)
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "after the check")
	if err := os.RemoveAll(filepath.Join(dir, scratch)); err != nil {
		t.Fatal(err)
	}
	if l.Check(t.Context()) == nil {
		t.Error("a store without its scratch folder is said to be fine")
	}
	if _, err := l.Put(t.Context(), strings.NewReader("x")); err == nil {
		t.Error("a store without its scratch folder stored something")
	}
}

func TestOpenLocalNeedsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLocal(file); err == nil {
		t.Error("a store was opened in a file")
	}
}

func TestStoreSurvivesReopening(t *testing.T) {
	l, dir := open(t)
	b := put(t, l, "still here")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := read(t, again, b.Digest); got != "still here" {
		t.Errorf("got %q", got)
	}
}

// A name in the store that leads out of it is not followed.
func TestLinksOutOfTheStore(t *testing.T) {
	l, dir := open(t)
	out := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(out, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := sum("a link")
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(at(d))), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(dir, at(d))); err != nil {
		t.Fatal(err)
	}
	if f, err := l.Open(t.Context(), d); err == nil {
		b, _ := io.ReadAll(f)
		t.Errorf("a link out of the store was followed to %q", b)
	}
}

// aged makes a file of the store old.
func aged(t testing.TB, dir, name string) {
	t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
		t.Fatal(err)
	}
}

var yesterday = func() time.Time { return time.Now().Add(-24 * time.Hour) }

func none([]string) (map[string]bool, error) { return nil, nil } //nolint:nilnil // nothing is kept

func TestSweep(t *testing.T) {
	l, dir := open(t)
	var all []string
	for i := range 40 {
		all = append(all, put(t, l, "blob "+strconv.Itoa(i)).Digest)
	}
	fresh := all[:10]
	for _, d := range all[10:] {
		aged(t, dir, at(d))
	}
	kept := map[string]bool{}
	for _, d := range all[5:20] {
		kept[d] = true
	}
	for _, name := range []string{"uploads/OLDUPLOAD", "uploads/NEWUPLOAD"} {
		part(t, l, filepath.Base(name), 1, name)
	}
	aged(t, dir, "uploads/OLDUPLOAD")
	for _, name := range []string{"tmp/OLD", "tmp/NEW"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	aged(t, dir, "tmp/OLD")

	asked := map[string]bool{}
	n, err := l.Sweep(t.Context(), yesterday(), yesterday(), func(ds []string) (map[string]bool, error) {
		for _, d := range ds {
			asked[d] = true
		}
		return kept, nil
	})
	if n != 20 || err != nil {
		t.Errorf("removed %d, %v; want 20", n, err)
	}
	for _, d := range fresh {
		if asked[d] {
			t.Errorf("asked about %s, which is young", d)
		}
	}
	want := []string{"uploads/NEWUPLOAD/1", "tmp/NEW"}
	for _, d := range all[:20] {
		want = append(want, at(d))
	}
	wantFiles(t, dir, "after the sweep", want...)
	if n, err := l.Sweep(t.Context(), yesterday(), yesterday(), func([]string) (map[string]bool, error) { return kept, nil }); n != 0 || err != nil {
		t.Errorf("a second sweep removed %d, %v", n, err)
	}
}

// shelf stores n blobs in the same folder, all of them old.
func shelf(t testing.TB, l *Local, dir string, n int) (digests []string, contents map[string]string) {
	t.Helper()
	contents = map[string]string{}
	for i := 0; len(digests) < n; i++ {
		s := "blob " + strconv.Itoa(i)
		if d := sum(s); d[:2] == "7a" {
			put(t, l, s)
			aged(t, dir, at(d))
			digests, contents[d] = append(digests, d), s
		}
	}
	return digests, contents
}

// Between the first question and the second somebody may store the same bytes again, or begin to need them.
// Such a blob stays, and the others on its shelf go nevertheless.
func TestSweepAsksAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		then    func(l *Local, s string) bool // what happens between; whether the second answer is to keep
		removed int                           // an old copy beside a new one counts
	}{
		{"it is needed now", func(*Local, string) bool { return true }, 2},
		{"it was stored again", func(l *Local, s string) bool { put(t, l, s); return false }, 3},
		{"it was stored again and is needed", func(l *Local, s string) bool { put(t, l, s); return true }, 2},
	} {
		l, dir := open(t)
		_, contents := shelf(t, l, dir, 3)
		saved := "" // the first that is asked about a second time
		n, err := l.Sweep(t.Context(), yesterday(), yesterday(), func(q []string) (map[string]bool, error) {
			if len(q) > 1 {
				return nil, nil //nolint:nilnil // nothing is kept
			}
			if saved == "" {
				saved = q[0]
				return map[string]bool{saved: c.then(l, contents[saved])}, nil
			}
			return nil, nil //nolint:nilnil // nothing is kept
		})
		if n != c.removed || err != nil {
			t.Errorf("%s: removed %d, %v; want %d", c.name, n, err, c.removed)
		}
		wantFiles(t, dir, c.name+":", at(saved))
		if got := read(t, l, saved); got != contents[saved] {
			t.Errorf("%s: it is %q now", c.name, got)
		}
	}
}

// What was stored again after the list of old blobs was made is young, whatever the database says.
func TestSweepKeepsWhatWasStoredAgain(t *testing.T) {
	l, dir := open(t)
	ds, contents := shelf(t, l, dir, 3)
	n, err := l.Sweep(t.Context(), yesterday(), yesterday(), func(q []string) (map[string]bool, error) {
		if len(q) > 1 {
			put(t, l, contents[ds[1]])
		}
		return nil, nil //nolint:nilnil // nothing is kept
	})
	if n != 2 || err != nil {
		t.Errorf("removed %d, %v; want 2", n, err)
	}
	wantFiles(t, dir, "after the sweep", at(ds[1]))
}

func TestSweepStops(t *testing.T) {
	l, dir := open(t)
	ds, _ := shelf(t, l, dir, 2)
	broken := errors.New("the database is away")
	for _, c := range []struct {
		name  string
		times int // how many questions are answered
	}{{"the first question fails", 0}, {"the second question fails", 1}} {
		left := c.times
		n, err := l.Sweep(t.Context(), yesterday(), yesterday(), func([]string) (map[string]bool, error) {
			if left--; left < 0 {
				return nil, broken
			}
			return nil, nil //nolint:nilnil // nothing is kept
		})
		if n != 0 || !errors.Is(err, broken) {
			t.Errorf("%s: removed %d, %v", c.name, n, err)
		}
		wantFiles(t, dir, c.name+":", at(ds[0]), at(ds[1]))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := l.Sweep(ended, yesterday(), yesterday(), none); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: removed %d, %v", n, err)
	}
	wantFiles(t, dir, "after the end:", at(ds[0]), at(ds[1]))
}

func TestConcurrentPuts(t *testing.T) {
	l, dir := open(t)
	body := strings.Repeat("the same bytes ", 10000)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			<-start
			b, err := l.Put(context.Background(), strings.NewReader(body))
			if err != nil || b.Digest != sum(body) {
				t.Errorf("got %+v %v", b, err)
				return
			}
			f, err := l.Open(context.Background(), b.Digest) // whole as soon as it is acknowledged
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if got, err := io.ReadAll(f); string(got) != body || err != nil {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	close(start)
	wg.Wait()
	wantFiles(t, dir, "after concurrent puts", at(sum(body)))
}

// A blob that was acknowledged is there after a sweep that ran at the same time and found it old.
func TestPutDuringSweep(t *testing.T) {
	l, dir := open(t)
	b := put(t, l, "old and new")
	for range 50 {
		aged(t, dir, at(b.Digest))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Sweep(context.Background(), yesterday(), yesterday(), none); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := l.Put(context.Background(), strings.NewReader("old and new")); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if got := read(t, l, b.Digest); got != "old and new" {
			t.Fatalf("got %q", got)
		}
	}
}
