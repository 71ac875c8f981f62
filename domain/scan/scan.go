// Package scan looks at the files of a model without loading them: nothing is unpickled, imported or run. It tells
// what a file is by its content, what its pickles would import and call, which code, secrets and licences lie in it,
// and what could not be read. The result is evidence for people, not a block.
//
// Every file is hostile: time and memory are bounded by Limits, whatever the bytes say. Containers are opened in
// memory, and their checksums are not compared, for the loaders of models ignore them.
package scan

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Verdict sums up a finding, a file or a version.
type Verdict string

// The verdicts, from good to bad. What was found beats what could not be read, and that beats what is only worth
// knowing: something may hide in it.
const (
	Clean        Verdict = "clean"        // read to its end, nothing to say
	Notice       Verdict = "notice"       // worth knowing, e.g. that Python sources are included
	Inconclusive Verdict = "inconclusive" // not read to its end: damaged, encrypted, too large or of no known format
	Suspicious   Verdict = "suspicious"   // may run code that nobody has vouched for, or gives a secret away
	Dangerous    Verdict = "dangerous"    // reaches for what no model needs: commands, files, the network, code as text
)

// Verdicts lists them from good to bad.
var Verdicts = []Verdict{Clean, Notice, Inconclusive, Suspicious, Dangerous}

// Worst is the worse of two verdicts; anything is worse than "".
func Worst(a, b Verdict) Verdict {
	if slices.Index(Verdicts, b) > slices.Index(Verdicts, a) {
		return b
	}
	return a
}

// Class says what we know about a name that a pickle imports.
type Class string

// The classes of imports; lists.go says which name has which.
const (
	Allowed Class = "allowed" // data and estimators of well-known libraries
	Unknown Class = "unknown" // on no list
	Code    Class = "code"    // makes functions and classes out of code in the file (cloudpickle, dill)
	Harmful Class = "dangerous"
)

// Classes lists them.
var Classes = []Class{Allowed, Unknown, Code, Harmful}

// Import is a name that loading a file would look up. "?" stands for a part that is only known when it is loaded.
type Import struct {
	Name   string `json:"name"` // module.name
	Class  Class  `json:"class"`
	Called bool   `json:"called,omitempty"`
}

// Finding is one thing worth saying. Its Code never changes, for reports are kept; a page says it as
// "scan.finding.<code>" with Args.
type Finding struct {
	Code     string   `json:"code"`
	Severity Verdict  `json:"severity"` // Clean for what is only said for completeness
	Path     string   `json:"path"`     // within containers "a.zip!/b.pkl"
	Line     int      `json:"line,omitempty"`
	Args     []string `json:"args,omitempty"` // plain text, shortened
}

// FileReport is what one file told.
type FileReport struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"` // bytes
	Format   Format    `json:"format"`
	Verdict  Verdict   `json:"verdict"`            // the worst of the findings
	Imports  []Import  `json:"imports,omitempty"`  // of all pickles in it, by name
	Findings []Finding `json:"findings,omitempty"` // the worst first
	Licence  string    `json:"licence,omitempty"`  // SPDX id, if the file is a licence that we recognise
}

// Report is what all files of a version told.
type Report struct {
	Verdict  Verdict      `json:"verdict"`
	Files    []FileReport `json:"files"`
	Licences []string     `json:"licences,omitempty"` // SPDX ids
	Findings []Finding    `json:"findings,omitempty"` // about the version as a whole
}

// Limits bound the work on one file. A limit that is reached is a finding.
type Limits struct {
	Depth    int   // containers within containers
	Entries  int   // members of all its containers, and pickles in a row
	Expanded int64 // bytes that decompression may give, all in all and counted each time
	Ratio    int64 // of expanded to packed bytes, once 64 MiB came out
	Memory   int64 // bytes of one member that are kept; what is longer is expanded again where it must be read again
	Opcodes  int64 // instructions of pickles and fields of protocol buffers
	Stack    int   // values of 16 bytes on a pickle's stack, and as many in its memo
	Names    int   // bytes of texts in one pickle that are kept, for they may be names
	Text     int64 // bytes of a text that are searched
	Header   int64 // bytes of a safetensors header
	Evidence int   // imports and findings that are kept
}

// DefaultLimits let models of many gigabytes through. The worst files that we made took 400 MB of memory; a file that
// spends all of a limit takes a few minutes, which the context can cut short.
var DefaultLimits = Limits{
	Depth: 4, Entries: 10_000, Expanded: 16 << 30, Ratio: 200, Memory: 16 << 20, Opcodes: 500_000_000,
	Stack: 1 << 21, Names: 32 << 20, Text: 16 << 20, Header: 8 << 20, Evidence: 1000,
}

// severities lists all codes with what each means for the verdict, in the order of the files of this package.
var severities = []struct {
	code string
	is   Verdict
}{
	{"read.cancelled", Inconclusive},
	{"read.failed", Inconclusive},
	{"limit.depth", Inconclusive},
	{"limit.entries", Inconclusive},
	{"limit.evidence", Inconclusive},
	{"limit.expanded", Inconclusive},
	{"limit.ratio", Inconclusive},
	{"limit.opcodes", Inconclusive},
	{"limit.stack", Inconclusive},
	{"limit.header", Inconclusive},
	{"limit.text", Notice},
	{"format.unknown", Inconclusive},
	{"format.container", Inconclusive}, // [format]: one that we cannot open
	{"format.mismatch", Inconclusive},  // [extension, format]
	{"format.disguised", Suspicious},   // [extension, format]: the same, and loading it may run something
	{"format.polyglot", Suspicious},    // [format, format]: one file that is two things
	{"format.escaped", Suspicious},     // plain letters written as escapes
	{"code.included", Notice},          // [format]
	{"code.native", Suspicious},
	{"pickle.dangerous", Dangerous},    // [import]
	{"pickle.unknown", Suspicious},     // [import]
	{"pickle.code", Suspicious},        // [import]
	{"pickle.runs_code", Dangerous},    // [import]: loading calls what was made of code in the file
	{"pickle.unresolved", Suspicious},  // [import]
	{"pickle.extension", Suspicious},   // [number in copyreg's registry]
	{"pickle.calls_value", Suspicious}, // [import]: calls what a call gave
	{"pickle.patches", Suspicious},     // [import]: sets attributes of what it imports
	{"pickle.persistent", Notice},
	{"pickle.malformed", Inconclusive}, // [byte]
	{"pickle.truncated", Inconclusive}, // [byte]
	{"pickle.trailing", Notice},        // [byte]
	{"joblib.array", Inconclusive},     // [byte]: an array that joblib would not write so; it may end elsewhere
	{"npy.header", Inconclusive},
	{"safetensors.header", Inconclusive},
	{"safetensors.offsets", Inconclusive}, // [tensor]
	{"onnx.path", Suspicious},             // [path]
	{"tensorflow.op", Suspicious},         // [operation]
	{"keras.lambda", Suspicious},
	{"keras.dangerous", Dangerous}, // [import]
	{"yaml.python", Suspicious},
	{"archive.path", Suspicious},      // [name]: leaves the folder
	{"archive.link", Suspicious},      // [name]
	{"archive.mismatch", Suspicious},  // [name]: its two headers differ
	{"archive.duplicate", Suspicious}, // [name]
	{"archive.hidden", Inconclusive},  // [name]: bytes before it that belong to no member
	{"archive.encrypted", Inconclusive},
	{"archive.method", Inconclusive}, // [name]
	{"archive.malformed", Inconclusive},
	{"secret.private_key", Suspicious}, // [first characters], as those that follow
	{"secret.aws", Suspicious},
	{"secret.github", Suspicious},
	{"secret.gitlab", Suspicious},
	{"secret.slack", Suspicious},
	{"secret.openai", Suspicious},
	{"secret.anthropic", Suspicious},
	{"secret.huggingface", Suspicious},
	{"secret.google", Suspicious},
	{"secret.password", Notice},
	{"licence.unrecognised", Clean},
	{"licence.absent", Clean},
}

var severity = func() map[string]Verdict {
	of := map[string]Verdict{}
	for _, s := range severities {
		of[s.code] = s.is
	}
	return of
}()

// Codes lists every code that a finding can have.
func Codes() []string {
	var all []string
	for _, s := range severities {
		all = append(all, s.code)
	}
	return all
}

// File looks at one file of size bytes. When ctx ends, the report says so and holds what was found until then; the
// same goes for errors of r.
func File(ctx context.Context, name string, r io.ReaderAt, size int64, lim Limits) FileReport {
	s := &scanner{lim: lim, rep: &FileReport{Path: name, Size: size, Verdict: Clean}, noted: map[string]bool{}, known: map[Import]int{}, spent: &spent{}, stop: ctx.Err}
	s.rep.Format = s.look(input{path: name, r: r, size: size})
	slices.SortStableFunc(s.rep.Imports, func(a, b Import) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(s.rep.Findings, func(a, b Finding) int {
		return slices.Index(Verdicts, b.Severity) - slices.Index(Verdicts, a.Severity)
	})
	return *s.rep
}

// Summarise puts the reports of all files of a version together.
func Summarise(files []FileReport) Report {
	rep := Report{Verdict: Clean, Files: files}
	for _, f := range files {
		rep.Verdict = Worst(rep.Verdict, f.Verdict)
		if f.Licence != "" && !slices.Contains(rep.Licences, f.Licence) {
			rep.Licences = append(rep.Licences, f.Licence)
		}
	}
	if !slices.ContainsFunc(files, func(f FileReport) bool { return licenceFile.MatchString(path.Base(f.Path)) }) {
		rep.Findings = append(rep.Findings, Finding{Code: "licence.absent", Severity: severity["licence.absent"]})
	}
	slices.Sort(rep.Licences)
	return rep
}

// scanner is the work on one file.
type scanner struct {
	lim   Limits
	rep   *FileReport
	noted map[string]bool // findings, as note joins them
	known map[Import]int  // where an import, not called, stands in the report
	spent *spent
	stop  func() error
}

// spent is what was used of the limits.
type spent struct {
	entries           int
	expanded, opcodes int64
}

// input is a file, or a member of a container.
type input struct {
	path   string
	r      io.ReaderAt
	size   int64
	depth  int  // of containers around it
	costly bool // reading backwards expands it again from its start
	raw    bool // its place says that it holds numbers
	torch  bool // its place says that torch loads it, for which persistent ids name storages
}

// head is the first n bytes, or all of a shorter input.
func (in input) head(n int) ([]byte, error) {
	b := make([]byte, min(int64(n), in.size))
	if got, err := in.r.ReadAt(b, 0); got < len(b) {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
	return b, nil
}

// enter counts a member of a container, or one more pickle; false if there were too many.
func (s *scanner) enter() bool {
	s.spent.entries++
	return s.spent.entries <= s.lim.Entries
}

// note adds a finding, once. A full report still takes the worst.
func (s *scanner) note(code, path string, line int, args ...string) {
	is := severity[code]
	s.rep.Verdict = Worst(s.rep.Verdict, is)
	key := strings.Join(append([]string{code, path, strconv.Itoa(line)}, args...), "\x00")
	if s.noted[key] {
		return
	}
	room := s.lim.Evidence - len(s.rep.Findings)
	if room <= 0 && code != "limit.evidence" && (is != Dangerous || room <= -s.lim.Evidence) {
		s.note("limit.evidence", s.rep.Path, 0)
		return
	}
	s.noted[key] = true
	f := Finding{Code: code, Severity: is, Path: plain(path), Line: line}
	for _, a := range args {
		f.Args = append(f.Args, plain(a))
	}
	s.rep.Findings = append(s.rep.Findings, f)
}

// use adds an import and says where it stands, −1 if there is no room.
func (s *scanner) use(path, name string, class Class, code string) int {
	if code != "" {
		s.note(code, path, 0, name)
	}
	im := Import{Name: plain(name), Class: class}
	at, known := s.known[im]
	if !known {
		if len(s.rep.Imports) >= s.lim.Evidence {
			s.note("limit.evidence", s.rep.Path, 0)
			return -1
		}
		at = len(s.rep.Imports)
		s.known[im] = at
		s.rep.Imports = append(s.rep.Imports, im)
	}
	return at
}

// aside is a scanner with a report of its own, for what may turn out to be nothing.
func (s *scanner) aside() *scanner {
	o := *s
	o.rep, o.noted, o.known = &FileReport{Path: s.rep.Path, Verdict: Clean}, map[string]bool{}, map[Import]int{}
	return &o
}

// absorb takes over what another scanner found: all of it, or only what is dangerous and what is made of code.
func (s *scanner) absorb(o *scanner, all bool) {
	for _, f := range o.rep.Findings {
		if all || f.Severity == Dangerous || f.Code == "pickle.code" {
			s.note(f.Code, f.Path, f.Line, f.Args...)
		}
	}
	for _, im := range o.rep.Imports {
		if !all && im.Class != Harmful && im.Class != Code {
			continue
		}
		if at := s.use("", im.Name, im.Class, ""); at >= 0 && im.Called {
			s.rep.Imports[at].Called = true
		}
	}
}

var (
	errExpanded = errors.New("scan: expanded bytes")
	errRatio    = errors.New("scan: ratio")
	errPacked   = errors.New("scan: damaged")
)

// failed says why reading ended. What a file says about itself is never trusted, so its end is a reason, too.
func (s *scanner) failed(in input, err error) {
	switch {
	case s.stop() != nil:
		s.note("read.cancelled", s.rep.Path, 0)
	case errors.Is(err, errExpanded):
		s.note("limit.expanded", in.path, 0)
	case errors.Is(err, errRatio):
		s.note("limit.ratio", in.path, 0)
	case errors.Is(err, errPacked):
		s.note("archive.malformed", in.path, 0)
	default:
		s.note("read.failed", in.path, 0)
	}
}

// plain makes a text of a file fit to be kept and shown.
func plain(t string) string {
	const longest = 200
	t = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, strings.ToValidUTF8(t[:min(len(t), 4*longest)], "�"))
	if runes := []rune(t); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return t
}

func offset(n int64) string { return strconv.FormatInt(n, 10) }
