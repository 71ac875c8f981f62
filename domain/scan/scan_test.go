package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func scan(t testing.TB, name, data string) FileReport {
	t.Helper()
	return File(t.Context(), name, strings.NewReader(data), int64(len(data)), DefaultLimits)
}

// told is a report in one line: the verdict, the codes, and the imports that are not allowed, with ! if called.
func told(rep FileReport) string {
	var codes, imports []string
	for _, f := range rep.Findings {
		if !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	for _, im := range rep.Imports {
		if im.Class != Allowed {
			imports = append(imports, im.Name+map[bool]string{true: "!"}[im.Called])
		}
	}
	return strings.Join(slices.Concat([]string{string(rep.Format), string(rep.Verdict)}, codes, imports), " ")
}

type row struct{ name, data, want string }

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		rep := scan(t, r.name, r.data)
		if got := told(rep); got != r.want {
			t.Errorf("%s %.60q:\n got %s\nwant %s\n%v", r.name, r.data, got, r.want, rep.Findings)
		}
		for _, f := range rep.Findings {
			if is, known := severity[f.Code]; !known || is != f.Severity {
				t.Errorf("%s: the code %q is not listed as %s", r.name, f.Code, f.Severity)
			}
		}
	}
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Files that numpy, joblib, scikit-learn, pandas and cloudpickle wrote; testdata/README.md says how.
func TestRealFiles(t *testing.T) {
	cloud := "pickle suspicious pickle.code"
	for name := range strings.FieldsSeq("_builtin_type _class_setstate _function_setstate _make_function _make_skeleton_class") {
		cloud += " cloudpickle.cloudpickle." + name + "!"
	}
	var rows []row
	for name, want := range map[string]string{
		"arrays.joblib": "joblib clean", "arrays.npz": "npz clean", "arrays_deflated.npz": "npz clean", "cloudpickle.pkl": cloud,
		"forest.joblib": "joblib clean", "forest.joblib.bz2": "joblib clean", "forest.joblib.gz": "joblib clean", "forest.joblib.z": "joblib clean",
		"forest.joblib.xz": "container inconclusive format.container", "forest.joblib.lzma": "container inconclusive format.container",
		"frame.pkl": "pickle clean", "numbers.npy": "npy clean", "objects.npy": "npy clean", "objects.joblib": "joblib clean", "records.npy": "npy clean",
		"partial.pkl":     "pickle dangerous pickle.dangerous functools.partial!",
		"pipeline.p0.pkl": "pickle clean", "pipeline.p1.pkl": "pickle clean", "pipeline.p2.pkl": "pickle clean",
		"pipeline.p3.pkl": "pickle clean", "pipeline.p4.pkl": "pickle clean", "pipeline.p5.pkl": "pickle clean",
	} {
		rows = append(rows, row{name, fixture(t, name), want})
	}
	check(t, rows)
	for p := range 6 {
		rep := scan(t, "m.pkl", fixture(t, "pipeline.p"+strconv.Itoa(p)+".pkl"))
		for _, want := range []string{"sklearn.pipeline.Pipeline", "sklearn.linear_model._logistic.LogisticRegression", "numpy.dtype"} {
			if !slices.ContainsFunc(rep.Imports, func(im Import) bool { return im.Name == want }) {
				t.Errorf("protocol %d: %s is missing from %v", p, want, rep.Imports)
			}
		}
	}
}

// Whatever is cut off a dangerous file, what comes before still counts, and no part of it passes as clean.
func TestTruncated(t *testing.T) {
	torch := zipped(t, "m/data.pkl", system, "m/version", "3\n")
	for _, c := range []struct {
		name, data string
		after      int // from here on the dangerous import is there
	}{
		{"plain.pkl", system, len("\x80\x02cos\nsystem\n")},
		{"text.pkl", "cos\nsystem\n(S'ls'\ntR.", len("cos\nsystem\n")},
		{"late.pkl", strings.TrimSuffix(fixture(t, "pipeline.p5.pkl"), ".") + "0" + system[2:], len(fixture(t, "pipeline.p5.pkl")) + len("cos\nsystem\n")},
		{"late.joblib", strings.TrimSuffix(fixture(t, "arrays.joblib"), ".") + "0" + system[2:], len(fixture(t, "arrays.joblib")) + len("cos\nsystem\n")},
		{"torch.pt", torch, len(torch)},
		{"packed.joblib", gzipped(t, strings.Repeat("\x80\x04N0", 500)+system[2:]), 1 << 20},
	} {
		for n := 1; n <= len(c.data); n++ {
			rep := scan(t, c.name, c.data[:n])
			switch {
			case rep.Verdict == Clean || rep.Verdict == Notice:
				t.Errorf("%s: the first %d bytes are %s", c.name, n, told(rep))
			case (n >= c.after || n == len(c.data)) && rep.Verdict != Dangerous:
				t.Errorf("%s: the first %d bytes are %s", c.name, n, told(rep))
			}
		}
	}
}

func TestLimits(t *testing.T) {
	small := Limits{Depth: 1, Entries: 3, Expanded: 1 << 20, Ratio: 50, Memory: 1 << 12, Opcodes: 1000, Stack: 100, Names: 1000, Text: 100, Header: 100, Evidence: 3}
	many := "\x80\x02"
	for i := range 20 {
		many += fmt.Sprintf("cm%d\nx\n0", i)
	}
	for _, c := range []struct{ name, data, want string }{
		{"opcodes", "\x80\x02" + strings.Repeat("N0", 600) + ".", "limit.opcodes"},
		{"stack", "\x80\x02" + strings.Repeat("N", 200) + ".", "limit.stack"},
		{"marks", "\x80\x02" + strings.Repeat("(", 200) + ".", "limit.stack"},
		{"pickles", strings.Repeat("\x80\x02N.", 10), "limit.entries"},
		{"evidence", many + "cos\nsystem\n.", "limit.evidence"},
		{"depth", zipped(t, "b.zip", zipped(t, "c.txt", "x")), "limit.depth"},
		{"entries", zipped(t, "a", "x", "b", "x", "c", "x", "d", "x"), "limit.entries"},
		{"text", strings.Repeat("word ", 100), "limit.text"},
		{"header", "\xc8" + strings.Repeat("\x00", 7) + "{" + strings.Repeat(" ", 198) + "}", "limit.header"},
		{"bytes", gzipped(t, strings.Repeat("x", 2<<20)), "limit.expanded"},
	} {
		rep := File(t.Context(), c.name, strings.NewReader(c.data), int64(len(c.data)), small)
		if !slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Code == c.want }) {
			t.Errorf("%s: got %s", c.name, told(rep))
		}
		if len(rep.Imports) > 3 || len(rep.Findings) > 7 {
			t.Errorf("%s: %d imports and %d findings", c.name, len(rep.Imports), len(rep.Findings))
		}
	}
	// A full report still turns dangerous.
	if rep := File(t.Context(), "m.pkl", strings.NewReader(many+"cos\nsystem\n."), int64(len(many)+12), small); rep.Verdict != Dangerous {
		t.Errorf("got %s", told(rep))
	}
}

// broken gives what it has, then fails.
type broken struct{ has string }

func (b broken) ReadAt(to []byte, at int64) (int, error) {
	if at+int64(len(to)) > int64(len(b.has)) {
		return 0, errors.New("disk")
	}
	return copy(to, b.has[at:]), nil
}

func TestReadingFails(t *testing.T) {
	for _, c := range []struct{ has, want string }{
		{"", "unknown inconclusive read.failed"},
		{"\x80\x02cos\nsystem\n" + strings.Repeat("N0", 1<<16), "pickle dangerous pickle.dangerous read.failed os.system"},
		{strings.Repeat("text ", 1<<12), "text inconclusive read.failed"},
		{"\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 1<<16), "hdf5 inconclusive read.failed"},
	} {
		if got := told(File(t.Context(), "m", broken{c.has}, 1<<20, DefaultLimits)); got != c.want {
			t.Errorf("%.20q: got %s, want %s", c.has, got, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, data := range []string{system, "text", zipped(t, "a", "x"), gzipped(t, "x")} {
		rep := File(ctx, "m.pkl", strings.NewReader(data), int64(len(data)), DefaultLimits)
		if !strings.Contains(told(rep), "inconclusive read.cancelled") {
			t.Errorf("got %s", told(rep))
		}
	}
}

// A report is stored as JSON, and nothing in it is long or unprintable.
func TestReportsAreStored(t *testing.T) {
	rep := scan(t, "a\x00b.pkl", "\x80\x02c"+strings.Repeat("é\x1b", 100)+"\nx\nNtR.")
	text, err := json.Marshal(Summarise([]FileReport{rep}))
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(text, &again); err != nil || again.Verdict != rep.Verdict || len(again.Files[0].Findings) != len(rep.Findings) {
		t.Errorf("got %v from %s, %v", again, text, err)
	}
	if strings.Contains(string(text), `\u001b`) || strings.Contains(string(text), `"args":["\u0000`) {
		t.Errorf("control characters in %s", text)
	}
}

func TestSummarise(t *testing.T) {
	for i, v := range Verdicts {
		if got := Summarise([]FileReport{{Path: "LICENSE", Verdict: Clean, Licence: "MIT"}, {Verdict: v}, {Verdict: Verdicts[0], Licence: "MIT"}}); got.Verdict != v || len(got.Findings) != 0 || len(got.Licences) != 1 {
			t.Errorf("%d: got %v", i, got)
		}
	}
	if got := Summarise(nil); got.Verdict != Clean || len(got.Findings) != 1 || got.Findings[0].Code != "licence.absent" {
		t.Errorf("got %v", got)
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range Codes() {
		if seen[code] {
			t.Errorf("%s is listed twice", code)
		}
		seen[code] = true
	}
}

var fuzzLimits = Limits{Depth: 3, Entries: 50, Expanded: 1 << 20, Ratio: 200, Memory: 1 << 16, Opcodes: 1 << 16, Stack: 1 << 10, Names: 1 << 12, Text: 1 << 16, Header: 1 << 16, Evidence: 20}

// sound fails when a report breaks its own rules, or is not the same the second time.
func sound(t *testing.T, name string, data []byte) {
	t.Helper()
	begin := time.Now()
	rep := File(t.Context(), name, bytes.NewReader(data), int64(len(data)), fuzzLimits)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	worst := Clean
	for _, f := range rep.Findings {
		worst = Worst(worst, f.Severity)
	}
	if rep.Verdict != worst || rep.Format == "" || len(rep.Imports) > fuzzLimits.Evidence {
		t.Errorf("got %s, its findings are %s", told(rep), worst)
	}
	for _, im := range rep.Imports {
		if im.Class == Harmful && rep.Verdict != Dangerous {
			t.Errorf("got %s", told(rep))
		}
	}
	if again := told(File(t.Context(), name, struct{ io.ReaderAt }{bytes.NewReader(data)}, int64(len(data)), fuzzLimits)); again != told(rep) {
		t.Errorf("got %s, then %s", told(rep), again)
	}
}

func seeds(f *testing.F) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		f.Add([]byte(fixture(f, filepath.Base(name))))
	}
	for _, r := range crafted {
		f.Add([]byte(r.data))
	}
}

func FuzzPickle(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "model.pkl", append([]byte("\x80\x04"), data...)) })
}

func FuzzFile(f *testing.F) {
	seeds(f)
	f.Add([]byte(zipped(f, "m/data.pkl", system, "m/version", "3", "m/data/0", "\x00\x01")))
	f.Add([]byte(tarred(f, "a/b.pkl", system)))
	f.Add([]byte(onnx("../x")))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, "model.bin", data) })
}

// A list of 22 million numbers is 200 MB.
func BenchmarkNumbers(b *testing.B) {
	part := "(" + strings.Repeat("G\x3f\xf0\x00\x00\x00\x00\x00\x00", 1000) + "e"
	data := []byte("\x80\x04]\x94" + strings.Repeat(part, 200<<20/len(part)) + ".")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if rep := File(b.Context(), "m.pkl", bytes.NewReader(data), int64(len(data)), DefaultLimits); rep.Verdict != Clean {
			b.Fatal(told(rep))
		}
	}
}
