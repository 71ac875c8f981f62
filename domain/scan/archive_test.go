package scan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// zipped is a zip of names and contents in turn; a name with a trailing * is deflated.
func zipped(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		h := &zip.FileHeader{Name: strings.TrimSuffix(files[i], "*"), Method: zip.Store}
		if strings.HasSuffix(files[i], "*") {
			h.Method = zip.Deflate
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rawZip is a zip of one stored member whose sizes and checksum are as told.
func rawZip(t *testing.T, h zip.FileHeader, data string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&h)
	if err == nil {
		_, err = io.WriteString(w, data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, data)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644, Typeflag: tar.TypeReg}
		if to, link := strings.CutPrefix(files[i+1], "-> "); link {
			h.Size, h.Typeflag, h.Linkname = 0, tar.TypeSymlink, to
		}
		err := w.WriteHeader(h)
		if err == nil && h.Size > 0 {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestArchives(t *testing.T) {
	evil := "zip dangerous pickle.dangerous os.system!"
	plain := zipped(t, "model.pkl", system)
	at := strings.Index(plain, "PK\x01\x02")
	link := zip.FileHeader{Name: "link", Method: zip.Store}
	link.SetMode(fs.ModeSymlink | 0o777)
	link.CompressedSize64, link.UncompressedSize64 = 2, 2
	deep := zipped(t, "x.pkl", system)
	for range 3 {
		deep = zipped(t, "deeper.zip*", deep)
	}
	check(t, []row{
		{"a.zip", plain, evil},
		{"deflated.zip", zipped(t, "model.pkl*", system), evil},
		{"no extension in it.zip", zipped(t, "weights", system), evil},
		{"disguised in it.zip", zipped(t, "readme.txt", system), "zip dangerous format.disguised pickle.dangerous os.system!"},
		{"named.bin", plain, evil},
		{"named.safetensors", plain, "zip dangerous format.disguised pickle.dangerous os.system!"},
		{"named.npy", system, "pickle dangerous format.disguised pickle.dangerous os.system!"},
		{"deep.zip", deep, evil},
		{"too deep.zip", zipped(t, "one.zip", deep), "zip inconclusive limit.depth"},
		{"torch.pt", zipped(t, "m/data.pkl", "\x80\x02U\x01xQ.", "m/version", "3\n", "m/data/0", "\x80\x02345678", "m/byteorder", "little"), "torch clean"},
		{"torch.bin", zipped(t, "m/data.pkl", system, "m/version", "3\n", "m/data/0", "\x00\x01"), "torch dangerous pickle.dangerous os.system!"},
		{"script.pt", zipped(t, "m/data.pkl", "\x80\x02c__torch__.net\nNet\n)\x81.", "m/constants.pkl", "\x80\x02).", "m/code/__torch__/net.py", "class Net:"), "torch notice code.included"},
		{"objects.npz", zipped(t, "a.npy", fixture(t, "objects.npy")), "npz clean"},
		{"evil.npz", zipped(t, "a.npy", npyOf("|O", system)), "npz dangerous pickle.dangerous os.system!"},
		{"model.keras", zipped(t, "config.json", `{"class_name": "Lambda"}`, "metadata.json", "{}"), "keras suspicious keras.lambda"},

		{"a.tar", tarred(t, "m/model.pkl", system), "tar dangerous pickle.dangerous os.system!"},
		{"a.tar.gz", gzipped(t, tarred(t, "m/model.pkl", system)), "tar dangerous pickle.dangerous os.system!"},
		{"a.joblib", gzipped(t, system), "joblib dangerous pickle.dangerous os.system!"},
		{"packed.joblib", gzipped(t, zipped(t, "a.pkl", system)), "gzip dangerous pickle.dangerous os.system!"},
		{"links.tar", tarred(t, "a", "-> /etc/passwd"), "tar suspicious archive.link"},
		{"leaves.tar", tarred(t, "../../etc/cron.d/x", "x"), "tar suspicious archive.path"},
		{"leaves.zip", zipped(t, `..\x`, "x"), "zip suspicious archive.path"},
		{"absolute.zip", zipped(t, "/etc/x", "x"), "zip suspicious archive.path"},
		{"links.zip", rawZip(t, link, "/x"), "zip suspicious archive.link"},
		{"sparse.tar", sparse(t), "tar inconclusive archive.method"},
		{"cut.tar", tarred(t, "m/model.pkl", system)[:512+len(system)-1], "tar dangerous archive.malformed pickle.dangerous pickle.truncated os.system!"},

		{"checksum.zip", rawZip(t, zip.FileHeader{Name: "a.pkl", CRC32: 1, CompressedSize64: uint64(len(system)), UncompressedSize64: uint64(len(system))}, system), evil},
		{"size.zip", rawZip(t, zip.FileHeader{Name: "a.pkl", CompressedSize64: uint64(len(system)), UncompressedSize64: 1}, system), evil},
		{"deflated size.zip", rawZip(t, zip.FileHeader{Name: "a.pkl", Method: zip.Deflate, CompressedSize64: uint64(len(deflated(t, system))), UncompressedSize64: 1}, deflated(t, system)), "zip dangerous archive.mismatch pickle.dangerous os.system!"},
		{"two names.zip", strings.Replace(plain, "model.pkl", "other.txt", 1), "zip dangerous archive.mismatch pickle.dangerous os.system!"},
		{"two methods.zip", plain[:8] + "\x08" + plain[9:], "zip dangerous archive.mismatch pickle.dangerous os.system!"},
		{"duplicate.zip", zipped(t, "a.txt", "x", "a.txt", "y"), "zip suspicious archive.duplicate"},
		{"hidden.zip", hidden(t), "zip inconclusive archive.hidden"},
		{"encrypted.zip", plain[:at+8] + "\x01" + plain[at+9:], "zip suspicious archive.encrypted archive.mismatch"},
		{"method.zip", rawZip(t, zip.FileHeader{Name: "a.pkl", Method: 93, CompressedSize64: 2, UncompressedSize64: 2}, "xx"), "zip inconclusive archive.method"},
		{"no directory.zip", plain[:at], "zip inconclusive archive.malformed"},
		{"behind a picture.png", "\x89PNG\r\n\x1a\n" + plain, "image dangerous archive.hidden format.polyglot pickle.dangerous os.system!"},
		{"far behind.png", "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 1<<17) + plain, "image dangerous archive.hidden format.polyglot pickle.dangerous os.system!"},
		{"large.png", "\x89PNG\r\n\x1a\nPK\x06\x07" + strings.Repeat("\x00", 16) + "PK\x05\x06" + strings.Repeat("\xff", 18), "image suspicious archive.malformed format.polyglot"},
		{"behind weights.gguf", "GGUF\x03\x00\x00\x00" + plain, "gguf dangerous archive.hidden format.polyglot pickle.dangerous os.system!"},
		{"damaged.gz", gzipped(t, strings.Repeat(system, 100))[:40], "joblib dangerous archive.malformed pickle.dangerous pickle.truncated os.syste os.system!"},
		{"model.7z", "7z\xbc\xaf\x27\x1c\x00\x04", "container inconclusive format.container"},
		{"x^2.txt", "x^2 is a square", "text clean"},
		{"BZh.txt", "BZhello", "text clean"},
	})
	if rep := scan(t, "a.zip", deep); rep.Findings[0].Path != "a.zip!/deeper.zip!/deeper.zip!/deeper.zip!/x.pkl" {
		t.Errorf("the path is %s", rep.Findings[0].Path)
	}
}

// hidden is a zip with a second member that its directory does not name.
func hidden(t *testing.T) string {
	one, two := zipped(t, "a.txt", "x"), zipped(t, "evil.pkl", system)
	end := strings.Index(one, "PK\x01\x02")
	inserted, _, _ := strings.Cut(two, "PK\x01\x02")
	directory := []byte(one[end:])
	local := len(inserted)
	directory[42] = byte(local) // where the first member is now
	at := bytes.Index(directory, []byte("PK\x05\x06"))
	directory[at+16] += byte(local)
	return inserted + one[:end] + string(directory)
}

// sparse is a tar with a file that leaves out its zeros, in GNU's old form.
func sparse(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "a.pkl", Typeflag: tar.TypeReg, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	header := b.Bytes()
	header[156] = tar.TypeGNUSparse
	sum := int(8 * ' ') // the checksum counts as blanks
	for i, c := range header[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b.String()
}

func deflated(t *testing.T, data string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err == nil {
		_, err = io.WriteString(w, data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Bombs end early, and so does what makes a reader go back again and again.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 70<<20)
	packed := deflated(t, zeros)
	h := zip.FileHeader{Name: "0", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(zeros)), CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(zeros))}
	many := "\x80\x02" + strings.Repeat("(", 1<<20) + strings.Repeat("u", 1<<20) + strings.Repeat("e", 1<<20) + "."
	for _, r := range []row{
		{"ratio.zip", rawZip(t, h, packed), "limit.ratio"},
		{"ratio.gz", gzipped(t, zeros), "limit.ratio"},
		{"marks.pkl", many, "pickle.malformed"},
		{"brackets.json", strings.Repeat("[", 1<<20), ""},
		{"nested.onnx", nestedONNX(), "archive.malformed"},
		{"names.pkl", "\x80\x02" + strings.Repeat("cos\nsystem\n0", 1<<16) + ".", "pickle.dangerous"},
		{"dots.pkl", "\x80\x02" + strings.Repeat("cm\n"+strings.Repeat("a.", 250)+"\n0", 1<<12) + ".", "pickle.unknown"},
		{"pickles.pkl", strings.Repeat("\x80\x02N.", 1<<18), "limit.entries"},
		{"headless", strings.Repeat("cx\ny\n.", 1<<16), "limit.entries"},
		{"directory.zip", "PK\x03\x04" + strings.Repeat("PK\x01\x02"+strings.Repeat("\x00", 42), 1<<18) + "PK\x05\x06" + strings.Repeat("\x00", 4) +
			"\x00\x00\x00\x00\x00\x00\xb8\x00\x04\x00\x00\x00\x00\x00", "limit.entries"},
	} {
		begin := time.Now()
		got := told(scan(t, r.name, r.data))
		if !strings.Contains(got, r.want) {
			t.Errorf("%s: got %s, want %s", r.name, got, r.want)
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("%s took %s", r.name, took)
		}
	}
}

// What does not fit in memory is expanded again where it must be read again.
func TestExpandedOutOfMemory(t *testing.T) {
	lim := DefaultLimits
	lim.Memory = 1000
	noise := make([]byte, 200_000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	inner := zipped(t, "noise.npy", npyOf("<u1", string(noise)), "last.pkl", system)
	for name, data := range map[string]string{
		"a.gz":  gzipped(t, inner),
		"b.zip": zipped(t, "x.tar*", tarred(t, "one.zip", inner, "two.bin", string(noise))),
		"c.gz":  gzipped(t, "\x80\x02B\x40\x0d\x03\x00"+string(noise)+system[2:]),
	} {
		rep := File(t.Context(), name, strings.NewReader(data), int64(len(data)), lim)
		if rep.Verdict != Dangerous {
			t.Errorf("%s: got %s", name, told(rep))
		}
	}
}
