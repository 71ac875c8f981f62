package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
)

// npyHeader is a header of numbers only, as numpy.lib.format writes it. What is behind any other may be a pickle.
var npyHeader = regexp.MustCompile(`^\{'descr': '[<>|=][biufcSUVmM]\d+(?:\[\w+\])?', 'fortran_order': (?:True|False), 'shape': \([\d, ]*\), \}\s*$`)

func (s *scanner) npy(in input) {
	w := s.window(in, 6)
	version, length := w.byte(), 2
	w.byte()
	if version > 1 {
		length = 4
	}
	n := w.uint(length)
	const longest = 32 << 10
	if w.err != nil || version == 0 || version > 3 || n > longest {
		s.note("npy.header", in.path, 0)
		return
	}
	header := w.take(int(n))
	if w.err != nil {
		s.note("npy.header", in.path, 0)
		return
	}
	if npyHeader.Match(header) {
		return
	}
	objects, at := bytes.Contains(header, []byte("O")), w.pos()
	known := regexp.MustCompile(`^[\x20-\x5b\x5d-\x7e]*\n$`).Match(header) // no escapes
	rest := w.take(int(min(2, in.size-at)))
	switch {
	case pickleHead(rest):
		s.pickles(in, at)
	case objects || !known:
		if s.headless(in, at) {
			s.pickles(in, at)
		} else {
			s.note("npy.header", in.path, 0)
		}
	}
}

// safetensors checks the header: its size, that it is JSON, and that the tensors fill the rest without gaps or
// overlaps (https://github.com/huggingface/safetensors, "Format").
func (s *scanner) safetensors(in input) {
	w := s.window(in, 0)
	n := w.uint(8)
	switch {
	case w.err != nil || n > in.size-8:
		s.note("safetensors.header", in.path, 0)
		return
	case n > s.lim.Header:
		s.note("limit.header", in.path, 0)
		return
	}
	header := make([]byte, n)
	if _, err := in.r.ReadAt(header, 8); err != nil && !errors.Is(err, io.EOF) {
		s.failed(in, err)
		return
	}
	s.secretsIn(in, header) // its metadata is free text
	tensors := map[string]json.RawMessage{}
	if err := json.Unmarshal(header, &tensors); err != nil {
		s.note("safetensors.header", in.path, 0)
		return
	}
	type span struct {
		name       string
		begin, end int64
	}
	var spans []span
	for name, about := range tensors {
		if name == "__metadata__" {
			continue
		}
		var t struct {
			DType   string   `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}
		if json.Unmarshal(about, &t) != nil || t.DType == "" {
			s.note("safetensors.header", in.path, 0)
			return
		}
		spans = append(spans, span{name, t.Offsets[0], t.Offsets[1]})
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.begin != b.begin {
			return int(max(-1, min(1, a.begin-b.begin)))
		}
		return int(max(-1, min(1, a.end-b.end)))
	})
	end := int64(0)
	for _, t := range spans {
		if t.begin != end || t.end < t.begin || t.end > in.size-8-n {
			s.note("safetensors.offsets", in.path, 0, t.name)
			return
		}
		end = t.end
	}
	if end != in.size-8-n {
		s.note("safetensors.offsets", in.path, 0, "")
	}
}
