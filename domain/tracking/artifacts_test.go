package tracking

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// attacks are spellings of other places than a plain path below the store's root.
var attacks = []string{
	// nothing, here and above
	"", ".", "..", "./", "../", "./a", "../a", "a/..", "a/../", "a/../b", "a/../../b", "a/./b", "a/.", "a/b/../../..", "../../../../etc/passwd",
	// above, encoded once and more
	"%2e", "%2e%2e", "%2E%2E", "%2e.", ".%2e", "%2e%2e/a", "a/%2e%2e/b", "a/%2e%2e", "%2e%2e%2fa", "..%2fa", "..%2Fa", "a%2f..%2fb", "a%2f%2e%2e%2fb",
	"%252e%252e/a", "%252e%252e%252fa", "..%252fa", "a/%252e%252e/b", "%25252e%25252e/a", "%25%32%65%25%32%65/a", "a/%2525252e%2525252e",
	// above, behind an escape that is none
	"%zz/%2e%2e/a", "%2e%2e/%", "100%/%2e%2e/a", "a/%2e%2e%2fb%2", "%u002e/%2e%2e/x", "%%32%65%%32%65/a",
	// absolute
	"/", "//", "/a", "//host/share", "/etc/passwd", "%2f", "%2fetc%2fpasswd", "%252fetc", "%25252fetc",
	// doubled and final slashes, which name nothing between them
	"a//b", "a/", "a/b//", "a%2f", "a%2f%2fb", "a/%2fb",
	// backslashes
	`\`, `a\b`, `..\a`, `a\..\b`, `\\host\share`, `%5c`, "a%5cb", "..%5ca", "%5C%5Chost", "a%255cb", "..%255c..%255ca",
	// drives
	"C:", "c:a", "C:/a", `C:\a`, "c%3aa", "%43:/a", "%63%3a/a", "C%253a/a", "a/C:/b", "a/c:",
	// other schemes of this machine
	"file:", "file:a", "file:///etc/passwd", "FILE:/etc/passwd", "file%3a/etc", "fi%6ce:/etc", "%66ile:x", "file%253a///etc", "a/file:/etc",
	// control characters
	"\x00", "a\x00", "a\x00.txt", "%00", "a%00.txt", "a%2500b", "a\nb", "a%0ab", "a%0d%0ab", "a\tb", "\x7f", "a%7f", "\x1b[0m", "a\u0085b", "a%c2%85b", "a\u009bb",
	// broken UTF-8, overlong dots and slashes among it
	"a\xff", "\xc0\xae\xc0\xae/a", "%c0%ae%c0%ae/a", "a%ffb", "%c0%afetc", "..%c0%afa", "a%25ffb", "\xed\xa0\x80",
	strings.Repeat("a/", 2048) + "a",
}

// plain are awkward names that mean nothing but themselves.
var plain = []string{
	"a", "a/b", "model/MLmodel", "data.csv", ".hidden", "a/.b/c", "...", "....", "a/.../b", "..a", "a..", "a..b", ".a.", "a/..b/c",
	"with space", " a", "a ", "a/ /b", "ünïcödé/日本語.txt", "e\u0301", "emoji 🚀.png", "a#b", "a?b=c&d", "a+b", "a;b", "a,b", "a=b", "a@b", "a~", "~", "~root/x",
	"-rf", "a|b", "a*b", "<b>", `"quoted"`, "'", "$HOME", "`id`", "{a}", "[0]", "%", "100%", "100% done.txt", "%zz", "%2", "a%b", "a%20b", "a%23b", "a%3Fb", "%41", "%2541",
	"50%25", "a%2Fb", "a%2fb/c", "nul", "con.txt", "ab:c", "1:2", "é:x", "http:", "s3:bucket", "profile:x", "files:x", "a:b:c"[1:], "epoch=3-step=200.ckpt",
	strings.Repeat("x", 255), strings.Repeat("a/", 2047) + "ab",
}

func TestCleanArtifactPath(t *testing.T) {
	if len(attacks) < 60 {
		t.Errorf("%d attacks only", len(attacks))
	}
	for _, p := range attacks {
		got, err := CleanArtifactPath(p)
		if e := domain.As(err); e == nil || e.Kind != domain.Invalid || e.Key != "artifact.path" || got != "" {
			t.Errorf("%.60q was taken as %.60q, %v", p, got, err)
		} else if !utf8.ValidString(e.Msg) || len(e.Msg) > 300 {
			t.Errorf("%.60q: a message of %d bytes: %q", p, len(e.Msg), e.Msg)
		}
	}
	for _, p := range plain {
		if got, err := CleanArtifactPath(p); got != p || err != nil {
			t.Errorf("%.60q became %.60q, %v", p, got, err)
		}
	}
}

// Encoding an attack again and again does not make it harmless.
func TestEncodedAttacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]string{"../a", "a/../b", "/etc", `a\b`, "a\x00", "C:/a", "file:/a", "a//b", "a/./b", "\xff"}).Draw(t, "attack")
		for range rapid.IntRange(0, 5).Draw(t, "times") {
			var b strings.Builder
			for _, c := range []byte(p) {
				if c == '%' || rapid.Bool().Draw(t, "encoded") {
					b.WriteString("%" + string("0123456789abcdef"[c>>4]) + string("0123456789ABCDEF"[c&15]))
				} else {
					b.WriteByte(c)
				}
			}
			p = b.String()
		}
		p = rapid.SampledFrom([]string{"", "x/", "%/", "%zz/"}).Draw(t, "before") + p
		if strings.HasPrefix(p, "x/") || strings.HasPrefix(p, "%") {
			p += rapid.SampledFrom([]string{"", "/x", "%", "%4"}).Draw(t, "after")
		}
		if got, err := CleanArtifactPath(p); err == nil {
			t.Fatalf("%q was taken as %q", p, got)
		}
	})
}

// leniently decodes what can be decoded and leaves the rest, as clients in other languages do.
func leniently(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if d, err := url.PathUnescape(s[i : i+3]); err == nil && s[i] == '%' {
			s = s[:i] + d + s[i+3:]
		}
	}
	return s
}

func FuzzCleanArtifactPath(f *testing.F) {
	for _, p := range attacks {
		f.Add(p)
	}
	for _, p := range plain {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got, err := CleanArtifactPath(p)
		if err != nil {
			if domain.KindOf(err) != domain.Invalid || got != "" {
				t.Fatalf("%q: refused with %q, %v", p, got, err)
			}
			return
		}
		if got != p {
			t.Fatalf("%q became %q", p, got)
		}
		if again, err := CleanArtifactPath(got); again != got || err != nil {
			t.Fatalf("%q became %q at the second time, %v", got, again, err)
		}
		for s := p; ; {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, `\`) {
				t.Fatalf("%q was taken and means %q", p, s)
			}
			for part := range strings.SplitSeq(s, "/") {
				if part == "" || part == "." || part == ".." {
					t.Fatalf("%q was taken and means %q", p, s)
				}
			}
			next := leniently(s)
			if next == s {
				return
			}
			s = next
		}
	})
}

func TestStorePath(t *testing.T) {
	for _, c := range []struct {
		uri, want string
		ours      bool
	}{
		{"mlflow-artifacts:/3/abc/artifacts", "3/abc/artifacts", true},
		{"mlflow-artifacts:/3/", "3", true},
		{"mlflow-artifacts:/", "", true},
		{"s3://bucket/3", "", false},
		{"file:///3", "", false},
		{"/3", "", false},
		{"", "", false},
	} {
		got, ours := StorePath(c.uri)
		if ours != c.ours || ours && got != c.want {
			t.Errorf("%q: got %q %v, want %q %v", c.uri, got, ours, c.want, c.ours)
		}
	}
}
