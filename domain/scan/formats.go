package scan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is what a file is.
type Format string

// The formats that we tell apart.
const (
	Empty       Format = "empty"
	Other       Format = "unknown"
	Pickle      Format = "pickle"
	Joblib      Format = "joblib"
	Torch       Format = "torch"        // a zip with pickles and raw storages
	TorchLegacy Format = "torch_legacy" // pickles in a row, then storages
	NPY         Format = "npy"
	NPZ         Format = "npz"
	Safetensors Format = "safetensors"
	GGUF        Format = "gguf"
	ONNX        Format = "onnx"
	HDF5        Format = "hdf5"
	Keras       Format = "keras"
	SavedModel  Format = "savedmodel"
	Protobuf    Format = "protobuf"
	TFLite      Format = "tflite"
	Tensors     Format = "tensors" // raw numbers beside a model
	XGBoost     Format = "xgboost"
	LightGBM    Format = "lightgbm"
	CatBoost    Format = "catboost"
	Zip         Format = "zip"
	Tar         Format = "tar"
	Gzip        Format = "gzip"
	Bzip2       Format = "bzip2"
	Zlib        Format = "zlib"
	Container   Format = "container" // one that we cannot open
	Native      Format = "native"    // machine code or bytecode
	Python      Format = "python"
	Script      Format = "script"
	Notebook    Format = "notebook"
	MLmodel     Format = "mlmodel"
	YAML        Format = "yaml"
	JSON        Format = "json"
	Text        Format = "text"
	Image       Format = "image"
	Table       Format = "table" // Parquet, Arrow, SQLite
)

// Formats lists them.
var Formats = []Format{
	Empty, Other, Pickle, Joblib, Torch, TorchLegacy, NPY, NPZ, Safetensors, GGUF, ONNX, HDF5, Keras, SavedModel, Protobuf, TFLite, Tensors,
	XGBoost, LightGBM, CatBoost, Zip, Tar, Gzip, Bzip2, Zlib, Container, Native, Python, Script, Notebook, MLmodel, YAML, JSON, Text, Image, Table,
}

// magics are formats known by bytes at a place.
var magics = []struct {
	at     int
	magic  string
	format Format
	look   func(*scanner, input)
}{
	{0, "\x93NUMPY", NPY, (*scanner).npy},
	{0, "GGUF", GGUF, nil},
	{0, "\x89HDF\r\n\x1a\n", HDF5, (*scanner).keras},
	{0, "CBM1", CatBoost, nil},
	{0, "binf", XGBoost, nil},
	{4, "TFL3", TFLite, nil},
	{0, "\x7fELF", Native, (*scanner).native},
	{0, "MZ\x90\x00", Native, (*scanner).native},
	{0, "\xcf\xfa\xed\xfe", Native, (*scanner).native},
	{0, "\xca\xfe\xba\xbe", Native, (*scanner).native},
	{0, "\x00asm", Native, (*scanner).native},
	{2, "\r\n\x00\x00\x00\x00", Native, (*scanner).native}, // .pyc
	{0, "\x89PNG\r\n\x1a\n", Image, nil},
	{0, "\xff\xd8\xff", Image, nil},
	{0, "GIF8", Image, nil},
	{8, "WEBP", Image, nil},
	{0, "PAR1", Table, nil},
	{0, "ARROW1", Table, nil},
	{0, "SQLite format 3\x00", Table, nil},
}

// loadable are the formats that may run something when they are loaded.
var loadable = []Format{Pickle, Joblib, Torch, TorchLegacy, Zip, Native}

// expected is what lies behind a file's extension, where that is a promise.
var expected = func() map[string][]Format {
	pickles := []Format{Pickle, Joblib, Torch, TorchLegacy, Zip, Tar, Gzip, Bzip2, Zlib, Container}
	texts := []Format{Text, YAML, JSON, MLmodel, LightGBM, XGBoost, Notebook, Keras, Script, Python, Tensors, Other}
	of := map[string][]Format{
		".safetensors": {Safetensors}, ".gguf": {GGUF}, ".onnx": {ONNX}, ".npy": {NPY}, ".npz": {NPZ, Zip}, ".h5": {HDF5}, ".hdf5": {HDF5},
		".keras": {Keras, HDF5}, ".tflite": {TFLite}, ".ubj": {XGBoost}, ".cbm": {CatBoost}, ".parquet": {Table}, ".zip": {Zip, Torch, NPZ, Keras},
	}
	for ext := range strings.FieldsSeq(".pkl .pickle .joblib .sav .pt .pth .ckpt .dill .cloudpickle") {
		of[ext] = pickles
	}
	for ext := range strings.FieldsSeq(".txt .md .csv .tsv .yaml .yml .json .toml .cfg .ini .html .xml .log .py .ipynb") {
		of[ext] = texts
	}
	for ext := range strings.FieldsSeq(".png .jpg .jpeg .gif .webp") {
		of[ext] = []Format{Image, Other}
	}
	return of
}()

// look tells what an input is, and looks into it. A file may be two things at once: zips are found from their end,
// and pickles from protocols 0 and 1 begin with nothing special.
func (s *scanner) look(in input) Format {
	if in.size <= 0 {
		return Empty
	}
	head, err := in.head(4096)
	if err == nil {
		err = s.stop()
	}
	if err != nil {
		s.failed(in, err)
		return Other
	}
	f, opened := s.container(in, head)
	if !opened {
		f = s.leaf(in, head)
		if s.endOfZip(in) {
			s.note("format.polyglot", in.path, 0, string(f), string(Zip))
			s.zip(in)
		}
	}
	ext := strings.ToLower(path.Ext(in.path))
	if want, promised := expected[ext]; promised && !slices.Contains(want, f) {
		code := "format.mismatch"
		if slices.Contains(loadable, f) {
			code = "format.disguised"
		}
		s.note(code, in.path, 0, ext, string(f))
	}
	return f
}

func (s *scanner) container(in input, head []byte) (Format, bool) {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return s.zip(in), true
	case tarHead(head):
		s.tar(in)
		return Tar, true
	}
	return s.packed(in, head)
}

func (s *scanner) leaf(in input, head []byte) Format {
	if pickleHead(head) && !in.raw {
		return s.pickles(in, 0)
	}
	f := s.data(in, head)
	switch {
	case f == "" && (s.headless(in, 0) || slices.Contains(expected[strings.ToLower(path.Ext(in.path))], Pickle)):
		return s.pickles(in, 0) // or what its name says is one, as far as it goes
	case f == "" && isText(head, in.size):
		return s.text(in)
	case f == "" && (in.raw || rawName.MatchString(in.path)):
		return Tensors
	case f == "":
		s.note("format.unknown", in.path, 0)
		return Other
	case s.headless(in, 0):
		s.note("format.polyglot", in.path, 0, string(f), string(Pickle))
		s.pickles(in, 0)
	}
	return f
}

// rawName are files of TensorFlow's checkpoints.
var rawName = regexp.MustCompile(`\.(?:data-\d{5}-of-\d{5}|index)$`)

// data recognises what is neither a container, a pickle nor a text; "" if nothing fits.
func (s *scanner) data(in input, head []byte) Format {
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			if m.look != nil {
				m.look(s, in)
			}
			return m.format
		}
	}
	switch {
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= uint64(max(0, in.size-8)),
		strings.EqualFold(path.Ext(in.path), ".safetensors") && len(head) >= 8:
		s.safetensors(in)
		return Safetensors
	case len(head) > 2 && head[0] == '{' && strings.IndexByte("LlIiU", head[1]) >= 0 && bytes.Contains(head[:min(len(head), 32)], []byte("learner")):
		return XGBoost // UBJSON
	}
	return s.protobuf(in, head)
}

func (s *scanner) native(in input) { s.note("code.native", in.path, 0) }

// isText tells whether a file begins as UTF-8 without control characters.
func isText(head []byte, size int64) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return int64(len(head)) < size && len(head) < utf8.UTFMax && !utf8.FullRune(head) // cut within a character
		}
		if r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", r) || r == 0x7f {
			return false
		}
		head = head[n:]
	}
	return true
}

var pythonTag = regexp.MustCompile(`!!python/|tag:yaml\.org,2002:python/`)

// text looks at what is not code for a machine.
func (s *scanner) text(in input) Format {
	body := make([]byte, min(in.size, s.lim.Text))
	n, err := in.r.ReadAt(body, 0)
	if body = body[:n]; err != nil && !errors.Is(err, io.EOF) {
		s.failed(in, err)
	}
	if in.size > s.lim.Text {
		s.note("limit.text", in.path, 0)
	}
	s.secretsIn(in, body)
	name := path.Base(in.path)
	if licenceFile.MatchString(name) {
		if spdx := licenceOf(body); spdx != "" {
			s.rep.Licence = spdx
		} else {
			s.note("licence.unrecognised", in.path, 0)
		}
	}
	switch f := textFormat(name, body); f {
	case Python, Script, Notebook:
		s.note("code.included", in.path, 0, string(f))
		return f
	case YAML, MLmodel:
		if pythonTag.Match(body) {
			s.note("yaml.python", in.path, 0)
		}
		return f
	case JSON:
		s.keras(in)
		return f
	default:
		return f
	}
}

func textFormat(name string, body []byte) Format {
	trimmed := bytes.TrimSpace(body)
	switch ext := strings.ToLower(path.Ext(name)); {
	case ext == ".py" || ext == ".pyw" || ext == ".pyx":
		return Python
	case bytes.HasPrefix(body, []byte("#!")) || ext == ".sh" || ext == ".bat" || ext == ".ps1" || ext == ".js" || ext == ".r":
		return Script
	case ext == ".ipynb":
		return Notebook
	case name == "MLmodel":
		return MLmodel
	case ext == ".yaml" || ext == ".yml":
		return YAML
	case bytes.HasPrefix(body, []byte("tree\nversion=")):
		return LightGBM
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		if bytes.Contains(trimmed[:min(len(trimmed), 64)], []byte(`"learner"`)) {
			return XGBoost
		}
		return JSON
	}
	return Text
}
