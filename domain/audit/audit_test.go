package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/event"
)

// chain makes n lines, each with a text.
func chain(t testing.TB, name string, n int) (lines []audit.Line, texts [][]audit.Text) {
	t.Helper()
	prev, seq := "", int64(0)
	for i := range n {
		facts, sealed := audit.Record([]event.Event{{Kind: "version.revoked", Subject: fmt.Sprint("v", i), Data: map[string]any{
			"model": "scorer", "version": fmt.Sprint(i), "reason": event.Text{Value: "it leaks"}, "then": []any{event.Text{Value: "ada", Of: "u2"}},
		}}}, "u1")
		text, err := audit.Canonical(facts)
		if err != nil {
			t.Fatal(err)
		}
		l := audit.Line{Chain: name, At: 1_800_000_000_000 + int64(i), Actor: "u1", Action: "model.revoke", Facts: text, Objects: audit.ObjectsOf(text), RequestID: "r"}
		if l, err = l.Follow(seq, prev); err != nil {
			t.Fatal(err)
		}
		seq, prev = l.Seq, l.Hash
		lines, texts = append(lines, l), append(texts, sealed)
	}
	return lines, texts
}

func check(name string, lines []audit.Line, seen ...audit.Head) *audit.Fault {
	c := audit.Verify(name, seen...)
	for _, l := range lines {
		if f := c.Add(l); f != nil {
			return f
		}
	}
	return c.End()
}

// The hash of a line is fixed for good: what was written by an older program must verify.
func TestHashIsFixed(t *testing.T) {
	l := audit.Line{
		Chain: "workspace/default", At: 1_800_000_000_000, Actor: "u1", Token: "t1", Action: "run.delete", Objects: []string{"r1"},
		Facts: json.RawMessage(`[{"kind":"run.deleted","subject":"r1"}]`), RequestID: "q", Source: audit.Sealed{Text: "c", Of: "u1"},
	}
	l, err := l.Follow(41, strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	body, err := l.Body()
	const want = `{"action":"run.delete","actor":"u1","at":1800000000000,"chain":"workspace/default","facts":[{"kind":"run.deleted","subject":"r1"}],"objects":["r1"],` +
		`"prev":"0000000000000000000000000000000000000000000000000000000000000000","request_id":"q","seq":42,"source":{"of":"u1","sealed":"c"},"token":"t1"}`
	if string(body) != want || err != nil {
		t.Errorf("%s %v", body, err)
	}
	if got := l.Hash; got != "bb9c77e0b74dcdae5147f229104876061774a1008d92b91120edbb16446aa003" {
		t.Errorf("the hash is %s", got)
	}
}

func TestVerify(t *testing.T) {
	const name = "workspace/w"
	whole, _ := chain(t, name, 9)
	head := func(n int64) audit.Head { return audit.Head{Chain: name, Seq: n, Hash: whole[n-1].Hash} }
	rehash := func(l audit.Line) audit.Line {
		l, err := l.Follow(l.Seq-1, l.Prev)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct {
		name   string
		change func([]audit.Line) []audit.Line
		seen   []audit.Head
		seq    int64
		reason audit.Reason
	}{
		{"nothing", func(ls []audit.Line) []audit.Line { return ls }, []audit.Head{head(9), head(4)}, 0, ""},
		{"longer than a checkpoint", func(ls []audit.Line) []audit.Line { return ls }, []audit.Head{head(3)}, 0, ""},
		{"none at all", func([]audit.Line) []audit.Line { return nil }, nil, 0, ""},
		{"none at all, seen by a checkpoint", func([]audit.Line) []audit.Line { return nil }, []audit.Head{head(1)}, 1, audit.Truncated},
		{"an actor", func(ls []audit.Line) []audit.Line { ls[3].Actor = "u3"; return ls }, nil, 4, audit.Edited},
		{"an instant", func(ls []audit.Line) []audit.Line { ls[0].At++; return ls }, nil, 1, audit.Edited},
		{"spaces in the facts", func(ls []audit.Line) []audit.Line {
			ls[5].Facts = append(json.RawMessage(" "), ls[5].Facts...)
			return ls
		}, nil, 6, audit.Edited},
		{"a line hashed anew", func(ls []audit.Line) []audit.Line { ls[3].Actor = "u3"; ls[3] = rehash(ls[3]); return ls }, nil, 5, audit.Unlinked},
		{"the last line hashed anew", func(ls []audit.Line) []audit.Line { ls[8].Actor = "u3"; ls[8] = rehash(ls[8]); return ls }, []audit.Head{head(9)}, 9, audit.Rewritten},
		{"all lines hashed anew", func(ls []audit.Line) []audit.Line {
			ls[2].Actor = "u3"
			for i := 2; i < len(ls); i++ {
				ls[i].Prev = ls[i-1].Hash
				ls[i] = rehash(ls[i])
			}
			return ls
		}, []audit.Head{head(6)}, 6, audit.Rewritten},
		{"one taken out", func(ls []audit.Line) []audit.Line { return append(ls[:4], ls[5:]...) }, nil, 5, audit.Gap},
		{"the first taken out", func(ls []audit.Line) []audit.Line { return ls[1:] }, nil, 1, audit.Gap},
		{"one twice", func(ls []audit.Line) []audit.Line {
			return append(append([]audit.Line{}, ls[:4]...), ls[3:]...)
		}, nil, 5, audit.Order},
		{"two exchanged", func(ls []audit.Line) []audit.Line { ls[3], ls[6] = ls[6], ls[3]; return ls }, nil, 4, audit.Gap},
		{"two exchanged with their numbers", func(ls []audit.Line) []audit.Line {
			ls[3], ls[6] = ls[6], ls[3]
			ls[3].Seq, ls[6].Seq = 4, 7
			return ls
		}, nil, 4, audit.Edited},
		{"a line of another chain", func(ls []audit.Line) []audit.Line { ls[3].Chain = "server"; ls[3] = rehash(ls[3]); return ls }, nil, 4, audit.Edited},
		{"the end", func(ls []audit.Line) []audit.Line { return ls[:7] }, []audit.Head{head(2), head(9)}, 8, audit.Truncated},
	} {
		f := check(name, c.change(append([]audit.Line{}, whole...)), c.seen...)
		if f == nil {
			f = &audit.Fault{Chain: name}
		}
		if *f != (audit.Fault{Chain: name, Seq: c.seq, Reason: c.reason}) {
			t.Errorf("%s: %+v, want %d %s", c.name, *f, c.seq, c.reason)
		}
	}
}

func TestTexts(t *testing.T) {
	lines, texts := chain(t, "server", 1)
	l, ts := lines[0], texts[0]
	if bytes.Contains(l.Facts, []byte("leaks")) || bytes.Contains(l.Facts, []byte("ada")) || len(ts) != 2 {
		t.Fatalf("%s %+v", l.Facts, ts)
	}
	edit := func(i int, change func(*audit.Text)) []audit.Text {
		out := append([]audit.Text{}, ts...)
		change(&out[i])
		return out
	}
	stranger := audit.Seal("x", "u1")
	for _, c := range []struct {
		name    string
		texts   []audit.Text
		objects []string
		erased  string
		reason  audit.Reason
	}{
		{"whole", ts, l.Objects, "", ""},
		{"one erased", ts[:1], l.Objects, "u2", ""},
		{"the other one erased", ts[:1], l.Objects, "u1", audit.LostText},
		{"one lost", ts[1:], l.Objects, "", audit.LostText},
		{"edited", edit(0, func(x *audit.Text) { x.Value = "it is fine" }), l.Objects, "", audit.BadText},
		{"its salt edited", edit(0, func(x *audit.Text) { x.Salt = ts[1].Salt }), l.Objects, "", audit.BadText},
		{"given to another person", edit(0, func(x *audit.Text) { x.Subject = "u2" }), l.Objects, "", audit.BadText},
		{"put in", append([]audit.Text{stranger}, ts...), l.Objects, "", audit.Foreign},
		{"not to be found", ts, l.Objects[1:], "", audit.Index},
		{"found by another name", ts, append([]string{"x"}, l.Objects...), "", audit.Index},
	} {
		var got audit.Reason
		if f := l.Check(audit.Beside{Objects: c.objects, Texts: c.texts}, func(p string) bool { return p == c.erased }); f != nil {
			got = f.Reason
		}
		if got != c.reason {
			t.Errorf("%s: %q, want %q", c.name, got, c.reason)
		}
	}
	if a, b := audit.Seal("ada", "u"), audit.Seal("ada", "u"); a.Commitment == b.Commitment || !a.Fits() {
		t.Error("equal texts have equal commitments")
	}
	if _, err := json.Marshal(event.Event{Data: map[string]event.Text{"reason": {Value: "x"}}}); err == nil {
		t.Error("a text that nobody sealed became JSON")
	}
}

func TestObjectsOf(t *testing.T) {
	for facts, want := range map[string]string{
		`[]`:                             ``,
		`no JSON`:                        ``,
		`[{"kind":"a.b","subject":""}]`:  ``,
		`[{"kind":"a.b","subject":"7"}]`: `7`,
		`[{"kind":"m.renamed","subject":"7","data":{"from":"x","to":"y"}}]`:                                            `7 x y`,
		`[{"kind":"alias.moved","subject":"7","data":{"from":"1","to":"2","model":"m"}}]`:                              `7 m`,
		`[{"kind":"token.created","subject":"7","data":{"name":{"of":"u","sealed":"c"},"user":"u"}}]`:                  `7 u`,
		`[{"kind":"a.b","subject":"8","data":{"name":"z"}},{"kind":"a.b","subject":"7","data":[1]}]`:                   `7 8 z`,
		`[{"kind":"a.b","subject":"8","data":{"name":"` + strings.Repeat("x", 513) + `"}},{"kind":"c","subject":"8"}]`: `8`,
	} {
		if got := strings.Join(audit.ObjectsOf(json.RawMessage(facts)), " "); got != want {
			t.Errorf("%s: %q, want %q", facts, got, want)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	key, other := newKey(t), newKey(t)
	heads := []audit.Head{{Chain: "server", Seq: 7, Hash: strings.Repeat("ab", 32)}, {Chain: "workspace/a b", Seq: 0}}
	var file []byte
	for _, h := range heads {
		n, err := key.Sign(h)
		if err != nil {
			t.Fatal(err)
		}
		file = append(append(file, n...), '\n')
	}
	public, err := audit.ParseKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []audit.Key{key, public} {
		got, err := k.Checkpoints(file)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(heads) {
			t.Errorf("%v %v", got, err)
		}
	}
	if _, err := public.Sign(heads[0]); domain.KindOf(err) != domain.Invalid {
		t.Errorf("signed with a public key: %v", err)
	}
	if _, err := other.Checkpoints(file); domain.KindOf(err) != domain.Invalid {
		t.Errorf("another key: %v", err)
	}
	for i := range file { // no byte of it can be another
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if got, err := key.Checkpoints(changed); err == nil && fmt.Sprint(got) != fmt.Sprint(heads) {
			t.Errorf("with another byte at %d: %v", i, got)
		}
	}
	for _, bad := range []string{"", "x", "slipway/audit/server\n7\n\n", "— slipway-audit x\n"} {
		if _, err := key.Checkpoints([]byte(bad)); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "x", "PRIVATE+KEY+slipway-audit+00000000+AAAA", "PRIVATE+KEY+", "other" + strings.TrimPrefix(key.Public(), "slipway-audit")} {
		if _, err := audit.ParseKey(bad); domain.KindOf(err) != domain.Invalid {
			t.Errorf("the key %q: %v", bad, err)
		}
	}
}

func newKey(t testing.TB) audit.Key {
	t.Helper()
	text, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := audit.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func export(t testing.TB, n int) []byte {
	t.Helper()
	var file bytes.Buffer
	for _, name := range []string{"server", "workspace/w"} {
		lines, texts := chain(t, name, n)
		for i, l := range lines {
			if err := (audit.Exported{Line: l, Texts: texts[i]}).Write(&file); err != nil {
				t.Fatal(err)
			}
		}
	}
	return file.Bytes()
}

func TestVerifyExport(t *testing.T) {
	file := string(export(t, 5))
	for _, c := range []struct {
		name, from, to string
		n              int // of which occurrence, the first one is 0
		fault          string
		err            string
	}{
		{"whole", "", "", 0, "", ""},
		{"a text", `"it leaks"`, `"it is fine"`, 2, "server 3 text", ""},
		{"an actor in the second chain", `"actor":"u1"`, `"actor":"u2"`, 6, "workspace/w 2 edited", ""},
		{"a field more", `{"action"`, `{"note":"x","action"`, 0, "", "line 1 of the file"},
		{"no line", `{"action"`, `x`, 3, "", "line 4 of the file"},
		{"another chain", `"chain":"server"`, `"chain":"servers"`, 1, "", "names no chain"},
	} {
		text := file
		if c.from != "" {
			parts := strings.Split(file, c.from)
			text = strings.Join(parts[:c.n+1], c.from) + c.to + strings.Join(parts[c.n+1:], c.from)
		}
		report, err := audit.VerifyExport(strings.NewReader(text))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		got := ""
		if f := report.Fault(); f != nil {
			got = fmt.Sprintf("%s %d %s", f.Chain, f.Seq, f.Reason)
		}
		if err != nil || got != c.fault {
			t.Errorf("%s: %q %v, want %q", c.name, got, err, c.fault)
		}
	}
	report, err := audit.VerifyExport(strings.NewReader(file), audit.Head{Chain: "workspace/other", Seq: 1, Hash: "x"})
	if f := report.Fault(); err != nil || f == nil || *f != (audit.Fault{Chain: "workspace/other", Seq: 1, Reason: audit.Truncated}) {
		t.Errorf("a chain that is missing: %v %v", f, err)
	}
	if len(report.Chains) != 3 || report.Chains[1].Lines != 5 || report.Chains[1].Texts != 10 {
		t.Errorf("%+v", report)
	}
}

func FuzzVerifyExport(f *testing.F) {
	f.Add(export(f, 2))
	f.Fuzz(func(t *testing.T, file []byte) {
		report, err := audit.VerifyExport(bytes.NewReader(file))
		if err != nil || report.Fault() != nil {
			return
		}
		var lines int64
		for _, c := range report.Chains {
			lines += c.Lines
		}
		if n := int64(bytes.Count(bytes.TrimSpace(file), []byte("\n"))); len(file) > 0 && lines > n+1 {
			t.Errorf("%d lines of %d are well", lines, n+1)
		}
	})
}

func FuzzCheckpoints(f *testing.F) {
	key := newKey(f)
	n, err := key.Sign(audit.Head{Chain: "server", Seq: 7, Hash: strings.Repeat("ab", 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(n)
	f.Fuzz(func(t *testing.T, file []byte) {
		heads, err := key.Checkpoints(file)
		for _, h := range heads {
			if h != (audit.Head{Chain: "server", Seq: 7, Hash: strings.Repeat("ab", 32)}) && err == nil {
				t.Errorf("nobody signed %+v", h)
			}
		}
	})
}
