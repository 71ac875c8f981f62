package scan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
)

const (
	directory = 8 << 20  // bytes of a zip's directory that are read
	ratioFrom = 64 << 20 // bytes that may come out before the ratio counts
)

// packings are the compressions that stand alone. Those without open end as "cannot be opened".
var packings = []struct {
	magic  string
	format Format
	name   string
	open   func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", Gzip, "gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", Bzip2, "bzip2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"x\x01", Zlib, "zlib", openZlib},
	{"x^", Zlib, "zlib", openZlib},
	{"x\x9c", Zlib, "zlib", openZlib},
	{"x\xda", Zlib, "zlib", openZlib},
	{"\xfd7zXZ\x00", Container, "xz", nil},
	{"]\x00\x00", Container, "lzma", nil},
	{"7z\xbc\xaf\x27\x1c", Container, "7z", nil},
	{"Rar!\x1a\x07", Container, "rar", nil},
	{"\x28\xb5\x2f\xfd", Container, "zstd", nil},
	{"\x04\x22\x4d\x18", Container, "lz4", nil},
	{"LZIP", Container, "lzip", nil},
	{"ZF0x", Container, "joblib before 0.10", nil},
}

func openZlib(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }

// packed opens a compressed file; not ok if it is none.
func (s *scanner) packed(in input, head []byte) (f Format, ok bool) {
	for _, p := range packings {
		switch {
		case !bytes.HasPrefix(head, []byte(p.magic)):
			continue
		case p.open == nil:
			s.note("format.container", in.path, 0, p.name)
			return p.format, true
		}
		first, err := p.open(io.NewSectionReader(in.r, 0, in.size))
		came := int64(0)
		if err == nil {
			came, err = io.CopyN(io.Discard, first, 512)
		}
		if err != nil && !errors.Is(err, io.EOF) && (came == 0 || isText(head, in.size)) {
			continue // a text may begin in the same way
		}
		name := strings.TrimSuffix(path.Base(in.path), path.Ext(in.path))
		inner, ok := s.expand(in, name, 0, in.size, p.open)
		if !ok {
			return p.format, true
		}
		switch inside := s.look(inner); inside {
		case Pickle, Joblib:
			return Joblib, true
		case Tar:
			return Tar, true
		default:
			return p.format, true
		}
	}
	return "", false
}

// expanded reads a compressed member at any place: the first bytes from memory, others by expanding forwards, and
// again from the start for those that were passed.
type expanded struct {
	s    *scanner
	open func(io.Reader) (io.Reader, error)
	in   input
	off  int64 // where the packed bytes are
	n    int64 // how many
	kept []byte

	from *counter
	r    io.Reader
	pos  int64
	err  error // ends it for good
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// expand makes an input of n packed bytes, as far as they can be expanded.
func (s *scanner) expand(in input, name string, off, n int64, open func(io.Reader) (io.Reader, error)) (input, bool) {
	inner := input{path: in.path + "!/" + name, depth: in.depth + 1}
	if inner.depth > s.lim.Depth {
		s.note("limit.depth", in.path, 0)
		return inner, false
	}
	e := &expanded{s: s, open: open, in: in, off: off, n: n}
	first := &bytes.Buffer{}
	_, err := io.CopyN(first, e, s.lim.Memory)
	e.kept = bytes.Clone(first.Bytes()) // no larger than it must be
	inner.size = int64(len(e.kept))
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, e)
		inner.size, inner.costly = inner.size+more, more > 0
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed(inner, err)
	}
	inner.r = e
	if !inner.costly {
		inner.r = bytes.NewReader(e.kept)
	}
	return inner, true
}

// Read is how the rest is expanded, within the limits.
func (e *expanded) Read(b []byte) (int, error) {
	if e.err == nil {
		e.err = e.s.stop()
	}
	if e.err == nil && e.r == nil {
		e.from = &counter{r: io.NewSectionReader(e.in.r, e.off, e.n)}
		e.pos = 0
		if e.r, e.err = e.open(e.from); e.err != nil {
			e.err = errPacked
		}
	}
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.r.Read(b)
	e.pos += int64(n)
	e.s.spent.expanded += int64(n)
	switch {
	case e.s.spent.expanded > e.s.lim.Expanded:
		e.err = errExpanded
	case e.pos > ratioFrom && e.pos/e.s.lim.Ratio > e.from.n:
		e.err = errRatio
	case err != nil && !errors.Is(err, io.EOF):
		return n, errPacked // what comes before can still be read again
	default:
		return n, err
	}
	return n, e.err
}

func (e *expanded) ReadAt(b []byte, off int64) (int, error) {
	if off < int64(len(e.kept)) {
		n := copy(b, e.kept[off:])
		if n == len(b) {
			return n, nil
		}
		more, err := e.ReadAt(b[n:], off+int64(n))
		return n + more, err
	}
	if off < e.pos {
		e.r = nil
		if _, err := e.Read(nil); err != nil {
			return 0, err
		}
	}
	if _, err := io.CopyN(io.Discard, e, off-e.pos); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(e, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// member is what lies unpacked in a container.
func (s *scanner) member(in input, name string, off, n int64) input {
	inner := input{path: in.path + "!/" + name, r: io.NewSectionReader(in.r, off, n), size: n, depth: in.depth + 1, costly: in.costly}
	if in.costly && n <= s.lim.Memory {
		b := make([]byte, n)
		if _, err := in.r.ReadAt(b, off); err == nil {
			inner.r, inner.costly = bytes.NewReader(b), false
		}
	}
	return inner
}

// safeName notes names that leave the folder in which an archive is unpacked.
func (s *scanner) safeName(in input, name string) {
	if unsafePath(name) {
		s.note("archive.path", in.path, 0, name)
	}
}

// unsafePath tells whether a path in a file leads out of its folder.
func unsafePath(p string) bool {
	p = strings.ReplaceAll(p, `\`, "/")
	return strings.HasPrefix(p, "/") || len(p) > 1 && p[1] == ':' || slices.Contains(strings.Split(p, "/"), "..")
}

func tarHead(head []byte) bool {
	return len(head) >= 512 && bytes.Equal(head[257:262], []byte("ustar"))
}

func (s *scanner) tar(in input) {
	if in.depth >= s.lim.Depth {
		s.note("limit.depth", in.path, 0)
		return
	}
	section := io.NewSectionReader(in.r, 0, in.size)
	for t := tar.NewReader(section); ; {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			s.note("archive.malformed", in.path, 0)
			return
		case s.stop() != nil:
			s.failed(in, s.stop())
			return
		case !s.enter():
			s.note("limit.entries", in.path, 0)
			return
		}
		s.safeName(in, h.Name)
		off, _ := section.Seek(0, io.SeekCurrent) // a SectionReader can always tell
		sparse := h.Typeflag == tar.TypeGNUSparse
		for key := range h.PAXRecords {
			sparse = sparse || strings.HasPrefix(key, "GNU.sparse")
		}
		switch {
		case sparse:
			s.note("archive.method", in.path, 0, h.Name)
		case h.Typeflag == tar.TypeReg:
			s.look(s.member(in, h.Name, off, max(0, min(h.Size, in.size-off))))
		case h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeXGlobalHeader:
			s.note("archive.link", in.path, 0, h.Name)
		}
	}
}

// metered fails when more was read than a zip's directory may have, since it is kept in memory.
type metered struct {
	r    io.ReaderAt
	left int64
}

func (m *metered) ReadAt(b []byte, off int64) (int, error) {
	if m.left -= int64(len(b)); m.left < 0 {
		return 0, errExpanded
	}
	return m.r.ReadAt(b, off)
}

// endOfZip tells whether a zip ends near the end of a file, where all readers look for it: a record of its end with
// the directory, or the record of a large one, right before.
func (s *scanner) endOfZip(in input) bool {
	n := min(in.size, 22+1<<16)
	b := make([]byte, n)
	if got, err := in.r.ReadAt(b, in.size-n); int64(got) < n {
		s.failed(in, err)
		return false
	}
	for ; len(b) >= 22; b = b[4:] {
		at := bytes.Index(b, []byte("PK\x05\x06"))
		if at < 0 || len(b)-at < 22 {
			return false
		}
		if at >= 20 && bytes.HasPrefix(b[at-20:], []byte("PK\x06\x07")) {
			return true
		}
		before := make([]byte, 4)
		end := in.size - int64(len(b)-at)
		_, err := in.r.ReadAt(before, max(0, end-int64(binary.LittleEndian.Uint32(b[at+12:]))))
		if err == nil && string(before) == "PK\x01\x02" {
			return true
		}
		b = b[at:]
	}
	return false
}

func (s *scanner) zip(in input) Format {
	if in.depth >= s.lim.Depth {
		s.note("limit.depth", in.path, 0)
		return Zip
	}
	m := &metered{in.r, directory}
	z, err := zip.NewReader(m, in.size)
	if err != nil {
		switch {
		case m.left < 0:
			s.note("limit.entries", in.path, 0)
		case s.stop() != nil:
			s.failed(in, err)
		default:
			s.note("archive.malformed", in.path, 0)
		}
		return Zip
	}
	m.left = math.MaxInt64
	f := zipFormat(z.File)
	s.layout(in, z.File)
	for _, entry := range z.File {
		if s.stop() != nil {
			s.failed(in, s.stop())
			return f
		}
		if !s.enter() {
			s.note("limit.entries", in.path, 0)
			return f
		}
		s.zipEntry(in, f, entry)
	}
	return f
}

// zipFormat tells what a zip is for by the names in it.
func zipFormat(files []*zip.File) Format {
	has, arrays := map[string]bool{}, 0
	for _, f := range files {
		has[path.Base(f.Name)] = true
		if strings.HasSuffix(f.Name, ".npy") {
			arrays++
		}
	}
	switch {
	case has["data.pkl"] && (has["version"] || has["constants.pkl"]):
		return Torch
	case has["config.json"] && has["metadata.json"]:
		return Keras
	case arrays > 0 && arrays == len(files):
		return NPZ
	}
	return Zip
}

func (s *scanner) zipEntry(in input, f Format, entry *zip.File) {
	s.safeName(in, entry.Name)
	if !entry.Mode().IsRegular() && !entry.Mode().IsDir() || entry.Mode()&fs.ModeSymlink != 0 {
		s.note("archive.link", in.path, 0, entry.Name)
	}
	if entry.Flags&1 != 0 {
		s.note("archive.encrypted", in.path+"!/"+entry.Name, 0)
		return
	}
	off, err := entry.DataOffset()
	n := int64(entry.CompressedSize64)
	if err != nil || n < 0 || n > in.size-off {
		s.note("archive.malformed", in.path+"!/"+entry.Name, 0)
		return
	}
	var inner input
	switch entry.Method {
	case zip.Store:
		inner = s.member(in, entry.Name, off, n)
	case zip.Deflate:
		var ok bool
		if inner, ok = s.expand(in, entry.Name, off, n, func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil }); !ok {
			return
		}
		if inner.size != int64(entry.UncompressedSize64) {
			s.note("archive.mismatch", in.path, 0, entry.Name)
		}
	default:
		s.note("archive.method", in.path, 0, entry.Name)
		return
	}
	folder := path.Base(path.Dir(entry.Name))
	inner.torch = f == Torch
	inner.raw = f == Torch && (folder == "data" || folder == "constants")
	if inner.size > 0 {
		s.look(inner)
	}
}

// layout compares the directory of a zip with what stands before each member, and looks for bytes that belong to none.
// Readers disagree on which of the two they believe.
func (s *scanner) layout(in input, files []*zip.File) {
	type place struct {
		*zip.File
		off int64
	}
	var places []place
	seen := map[string]bool{}
	for _, f := range files[:min(len(files), s.lim.Entries)] {
		if off, err := f.DataOffset(); err == nil {
			places = append(places, place{f, off})
		}
		if seen[f.Name] {
			s.note("archive.duplicate", in.path, 0, f.Name)
		}
		seen[f.Name] = true
	}
	slices.SortStableFunc(places, func(a, b place) int { return int(max(-1, min(1, a.off-b.off))) })
	pos := int64(0)
	for _, p := range places {
		found := false
		for _, descriptor := range []int64{0, 12, 16, 20, 24} { // none, with and without a signature, zip64
			h := make([]byte, 30)
			if _, err := in.r.ReadAt(h, pos+descriptor); err != nil || !bytes.HasPrefix(h, []byte("PK\x03\x04")) {
				continue
			}
			le := binary.LittleEndian
			flags, method, packed, size := le.Uint16(h[6:]), le.Uint16(h[8:]), le.Uint32(h[18:]), le.Uint32(h[22:])
			name := make([]byte, le.Uint16(h[26:]))
			if pos+descriptor+30+int64(len(name))+int64(le.Uint16(h[28:])) != p.off {
				continue
			}
			found = true
			_, err := in.r.ReadAt(name, pos+descriptor+30)
			const elsewhere = 1<<32 - 1 // in a zip64 field
			sized := flags&8 == 0 && packed != elsewhere && size != elsewhere
			if err != nil || string(name) != p.Name || method != p.Method || flags&1 != p.Flags&1 ||
				sized && (uint64(packed) != p.CompressedSize64 || uint64(size) != p.UncompressedSize64) {
				s.note("archive.mismatch", in.path, 0, p.Name)
			}
			break
		}
		if !found {
			s.note("archive.hidden", in.path, 0, p.Name)
		}
		pos = p.off + int64(p.CompressedSize64)
	}
}
