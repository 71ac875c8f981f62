package scan

import (
	"cmp"
	"errors"
	"io"
)

// window reads a file forwards through a buffer. The first failure stays: then bytes are 0 and texts empty.
type window struct {
	r    io.ReaderAt
	size int64
	at   int64 // where buf begins
	buf  []byte
	i    int
	stop func() error
	err  error // io.ErrUnexpectedEOF at the end of the file
}

func (s *scanner) window(in input, from int64) *window {
	return &window{r: in.r, size: in.size, at: from, buf: make([]byte, 0, 64<<10), stop: s.stop}
}

func (w *window) pos() int64 { return w.at + int64(w.i) }

// need makes n bytes ready, n being at most the buffer's size.
func (w *window) need(n int) bool {
	if w.i+n <= len(w.buf) {
		return true
	}
	if w.err == nil {
		w.err = w.stop()
	}
	if w.err != nil {
		return false
	}
	w.at, w.i = w.pos(), 0
	w.buf = w.buf[:max(0, min(int64(cap(w.buf)), w.size-w.at))]
	got, err := w.r.ReadAt(w.buf, w.at)
	w.buf = w.buf[:got]
	if got < n {
		if w.err = io.ErrUnexpectedEOF; err != nil && !errors.Is(err, io.EOF) {
			w.err = err
		}
		return false
	}
	return true
}

func (w *window) byte() byte {
	if w.i < len(w.buf) || w.need(1) {
		b := w.buf[w.i]
		w.i++
		return b
	}
	return 0
}

// take is the next n bytes, good until the next call; n is at most the buffer's size.
func (w *window) take(n int) []byte {
	if !w.need(n) {
		return nil
	}
	w.i += n
	return w.buf[w.i-n : w.i]
}

func (w *window) skip(n int64) {
	if n < 0 || n > w.size-w.pos() {
		w.err = cmp.Or(w.err, io.ErrUnexpectedEOF)
		return
	}
	w.seek(w.pos() + n)
}

func (w *window) seek(to int64) {
	if to >= w.at && to <= w.at+int64(len(w.buf)) {
		w.i = int(to - w.at)
		return
	}
	w.at, w.i, w.buf = to, 0, w.buf[:0]
}

// uint is the little-endian number in the next n ≤ 8 bytes; one beyond int64 is too long for any file.
func (w *window) uint(n int) int64 {
	var v uint64
	for i, b := range w.take(n) {
		v |= uint64(b) << (8 * i)
	}
	if v >= 1<<63 {
		w.err = cmp.Or(w.err, io.ErrUnexpectedEOF)
		return 0
	}
	return int64(v)
}

// line is the next line without its end, and whether it fits in longest bytes. CPython takes the last byte of a file
// for the end of a line, whatever it is; so do we, and err says that the file ended.
func (w *window) line(longest int) ([]byte, bool) {
	var kept []byte
	for n := 0; ; n++ {
		switch b := w.byte(); {
		case w.err != nil:
			return kept[:max(0, len(kept)-1)], n <= longest
		case b == '\n':
			return kept, n <= longest
		case n < longest:
			kept = append(kept, b)
		}
	}
}
