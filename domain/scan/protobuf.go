package scan

import (
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// Protocol buffers are read along the fields that lead to what we want to see; the numbers are those of onnx.proto and
// of TensorFlow's saved_model.proto, meta_graph.proto, graph.proto and function.proto.
var onnxTree = map[string]map[uint64]string{
	"model":     {7: "graph", 20: "training", 25: "function"},
	"training":  {1: "graph", 2: "graph"},
	"graph":     {1: "node", 5: "tensor", 15: "sparse"},
	"function":  {7: "node", 11: "attribute"},
	"node":      {5: "attribute"},
	"attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
	"sparse":    {1: "tensor", 2: "tensor"},
	"tensor":    {13: "entry"},
	"entry":     {2: "leaf"}, // of external_data: the place, or numbers
}

var savedModelTree = map[string]map[uint64]string{
	"model":    {2: "meta"},
	"meta":     {2: "graph"},
	"graph":    {1: "node", 2: "library"},
	"library":  {1: "function"},
	"function": {3: "node"},
	"node":     {2: "leaf"},
}

// reaching are operations of TensorFlow that reach beyond the graph.
var reaching = set("ReadFile WriteFile MatchingFiles PyFunc PyFuncStateless EagerPyFunc")

type field struct {
	number     uint64
	wire       uint64
	begin, end int64 // of its content, if that is bytes
}

// fields reads the fields of a message; false if it is none.
func (s *scanner) fields(w *window, end int64, each func(field) bool) bool {
	varint := func() (v uint64) {
		for shift := 0; shift < 64; shift += 7 {
			b := w.byte()
			v |= uint64(b&0x7f) << shift
			if b < 0x80 {
				return v
			}
		}
		w.err = io.ErrUnexpectedEOF
		return 0
	}
	for w.pos() < end {
		if s.spent.opcodes++; s.spent.opcodes > s.lim.Opcodes {
			return false
		}
		tag := varint()
		f := field{number: tag >> 3, wire: tag & 7}
		switch f.wire {
		case 0:
			varint()
		case 1:
			w.skip(8)
		case 2:
			n := varint()
			if f.begin = w.pos(); n > uint64(end-f.begin) {
				return false
			}
			w.skip(int64(n))
			f.end = w.pos()
		case 5:
			w.skip(4)
		default:
			return false
		}
		if w.err != nil || f.number == 0 || f.number >= 1<<29 || !each(f) {
			return false
		}
	}
	return w.pos() == end
}

// walk calls leaf with each text that a tree leads to; false if a message on the way is damaged or too deep.
func (s *scanner) walk(w *window, tree map[string]map[uint64]string, message string, end int64, depth int, leaf func(string)) bool {
	const deepest = 100
	return depth < deepest && s.fields(w, end, func(f field) bool {
		next := tree[message][f.number]
		if next == "" || f.wire != 2 {
			return true
		}
		w.seek(f.begin)
		ok := true
		if next == "leaf" {
			leaf(string(w.take(int(min(f.end-f.begin, 4096)))))
		} else {
			ok = s.walk(w, tree, next, f.end, depth+1, leaf)
		}
		w.seek(f.end)
		return ok
	})
}

// protobuf recognises models by the fields that all of them have, and other protocol buffers by their name.
func (s *scanner) protobuf(in input, head []byte) Format {
	if head[0] != 0x08 && head[0] != 0x0a && head[0] != 0x12 && head[0] != 0x3a {
		return ""
	}
	w, f := s.window(in, 0), Format("")
	seen := map[uint64]uint64{}
	whole := s.fields(w, in.size, func(f field) bool {
		if len(seen) < 1000 {
			seen[f.number] = f.wire
		}
		return true
	})
	only := func(numbers ...uint64) bool {
		return !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(n uint64) bool { return !slices.Contains(numbers, n) })
	}
	has := func(n, wire uint64) bool { is, ok := seen[n]; return ok && is == wire }
	ext := strings.ToLower(path.Ext(in.path))
	switch w = s.window(in, 0); {
	case (whole || ext == ".onnx") && has(1, 0) && has(7, 2) && only(1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26):
		f = ONNX
		whole = whole && s.walk(w, onnxTree, "model", in.size, 0, func(place string) {
			if unsafePath(place) {
				s.note("onnx.path", in.path, 0, place)
			}
		})
	case (whole || ext == ".pb") && has(1, 0) && has(2, 2) && only(1, 2):
		f = SavedModel
		whole = whole && s.walk(w, savedModelTree, "model", in.size, 0, func(op string) {
			if reaching[op] {
				s.note("tensorflow.op", in.path, 0, op)
			}
		})
	case whole && ext == ".pb":
		s.keras(in)
		return Protobuf
	default:
		return ""
	}
	switch {
	case s.spent.opcodes > s.lim.Opcodes:
		s.note("limit.opcodes", in.path, 0)
	case w.err != nil && !errors.Is(w.err, io.ErrUnexpectedEOF):
		s.failed(in, w.err)
	case !whole:
		s.note("archive.malformed", in.path, 0)
	}
	return f
}
