package handlers_test

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// runServer is a product with one run in it.
type runServer struct {
	*handlertest.Server
	id string
}

func serveRun(t *testing.T) runServer {
	t.Helper()
	s := runServer{Server: handlertest.Serve(t, true)}
	s.id = s.newRun("a run", nil)
	return s
}

func (s runServer) api(path string, body any) map[string]any {
	s.T.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.T.Fatal(err)
	}
	a := s.Do(http.MethodPost, "/api/2.0/mlflow/"+path, string(b), "Content-Type", "application/json")
	if a.Status != http.StatusOK {
		s.T.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		s.T.Fatal(err)
	}
	return out
}

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (s runServer) newRun(name string, tags []pair) string {
	s.T.Helper()
	run, _ := s.api("runs/create", map[string]any{"experiment_id": "0", "run_name": name, "start_time": 1_700_000_000_000, "tags": tags})["run"].(map[string]any)
	info, _ := run["info"].(map[string]any)
	id, _ := info["run_id"].(string)
	return id
}

func (s runServer) log(params, tags []pair, metrics ...any) {
	s.T.Helper()
	s.api("runs/log-batch", map[string]any{"run_id": s.id, "params": params, "tags": tags, "metrics": metrics})
}

func metric(key string, value any, step int) any {
	return map[string]any{"key": key, "value": value, "step": step, "timestamp": 1_700_000_000_000 + step}
}

func (s runServer) file(name, body string) {
	s.T.Helper()
	segments := strings.Split(name, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	if a := s.Do(http.MethodPut, "/api/2.0/mlflow-artifacts/artifacts/0/"+s.id+"/artifacts/"+strings.Join(segments, "/"), body); a.Status != http.StatusOK {
		s.T.Fatalf("%s: %d %s", name, a.Status, a.Body)
	}
}

func (s runServer) page(query ...string) handlertest.Answer {
	s.T.Helper()
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Add(query[i], query[i+1])
	}
	return s.Do(http.MethodGet, "/runs/"+s.id+"?"+q.Encode(), "")
}

func (s runServer) form(act string, fields ...string) handlertest.Answer {
	s.T.Helper()
	q := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		q.Add(fields[i], fields[i+1])
	}
	return s.Form("/runs/"+s.id+"/"+act, q.Encode())
}

func (s runServer) tag(key string) string {
	s.T.Helper()
	value := ""
	storagetest.Read(s.T, s.DB, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		r, err := tracking.RunByID(ctx, tx, g, s.id)
		value = r.Tag(key)
		return err
	})
	return value
}

func wantStatus(t *testing.T, what string, a handlertest.Answer, status int, parts ...string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%s: status %d, want %d", what, a.Status, status)
	}
	for _, p := range parts {
		if !strings.Contains(a.Body, p) {
			t.Errorf("%s: the page lacks %q", what, p)
		}
	}
}

func TestRunIsEditedInPlace(t *testing.T) {
	s := serveRun(t)
	wantStatus(t, "name form", s.page("edit", "name"), 200, `value="a run"`, `id="run-name"`)
	wantStatus(t, "empty name", s.form("rename", "name", "  "), 400, "A run needs a name", `id="run-name"`, `aria-invalid="true"`)
	if a := s.form("rename", "name", "renamed", "tab", "notes"); a.Status != 303 || a.Header.Get("Location") != "/runs/"+s.id+"?tab=notes" {
		t.Errorf("renamed: %d to %s", a.Status, a.Header.Get("Location"))
	}
	wantStatus(t, "renamed", s.page(), 200, "<h1>renamed</h1>")

	wantStatus(t, "bad tag", s.form("tags", "key", "a<b", "value", "kept", "tab", "parameters"), 400, `value="a&lt;b"`, `value="kept"`, `id="tag-key-error"`)
	wantStatus(t, "long value", s.form("tags", "key", "k", "value", strings.Repeat("é", 8001)), 400, "8001")
	for range 2 { // a form sent twice
		wantStatus(t, "tag", s.form("tags", "key", "team", "value", strings.Repeat("é", 8000)), 303)
	}
	wantStatus(t, "tag form", s.page("tab", "parameters", "edit", "tag:team"), 200, `id="tag-edit"`)
	wantStatus(t, "refused change", s.form("tags", "key", "team", "value", strings.Repeat("x", 9000), "edit", "1", "tab", "parameters"), 400, `id="tag-edit-error"`, strings.Repeat("x", 9000))
	wantStatus(t, "changed", s.form("tags", "key", "team", "value", "risk\r\nteam", "edit", "1", "tab", "parameters"), 303)
	if got := s.tag("team"); got != "risk\nteam" {
		t.Errorf("the tag is %q", got)
	}
	for range 2 {
		wantStatus(t, "removed", s.form("tags/delete", "key", "team"), 303)
	}
	if got := s.tag("team"); got != "" {
		t.Errorf("the tag is still %q", got)
	}
}

func TestNoteIsNotLost(t *testing.T) {
	s := serveRun(t)
	was := func(a handlertest.Answer) string {
		t.Helper()
		m := regexp.MustCompile(`name="was" value="([0-9a-f]+)"`).FindStringSubmatch(a.Body)
		if m == nil {
			t.Fatal("no form")
		}
		return m[1]
	}
	first := was(s.page("tab", "notes"))
	wantStatus(t, "preview", s.form("note/preview", "note", "# Title\n<b>x</b>", "was", first), 200, "<h3>Title</h3>", "&lt;b&gt;x&lt;/b&gt;", "# Title\n")
	if got := s.tag(tracking.TagNote); got != "" {
		t.Errorf("a preview wrote %q", got)
	}
	for range 2 { // sent twice
		wantStatus(t, "saved", s.form("note", "note", "line one\r\n**two**", "was", first), 303)
	}
	if got := s.tag(tracking.TagNote); got != "line one\n**two**" {
		t.Errorf("the note is %q", got)
	}
	wantStatus(t, "shown", s.page("tab", "notes"), 200, "<strong>two</strong>")

	late := s.form("note", "note", "mine & more", "was", first)
	wantStatus(t, "somebody was first", late, 409, "line one\n**two**", "mine &amp; more", "was changed while you wrote")
	if got := s.tag(tracking.TagNote); got != "line one\n**two**" {
		t.Errorf("overwritten unseen: %q", got)
	}
	wantStatus(t, "seen and saved", s.form("note", "note", "mine & more", "was", was(late)), 303)
	if got := s.tag(tracking.TagNote); got != "mine & more" {
		t.Errorf("the note is %q", got)
	}
	long := strings.Repeat("é", 8001)
	wantStatus(t, "too long", s.form("note", "note", long, "was", was(s.page("tab", "notes", "edit", "note"))), 400, "8001", long, `id="note-error"`)
	wantStatus(t, "emptied", s.form("note", "note", "", "was", was(s.page("tab", "notes", "edit", "note"))), 303)
}

func TestRunThatFellSilent(t *testing.T) {
	s := serveRun(t)
	if a := s.page(); strings.Contains(a.Body, "Stale") {
		t.Error("a run that was just written to is stale")
	}
	s.App.StaleAfter = time.Nanosecond
	wantStatus(t, "silent", s.page(), 200, "Stale", "wrote nothing since")
	if a := s.Do(http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+s.id, ""); !strings.Contains(a.Body, `"RUNNING"`) {
		t.Error("the protocol's status changed")
	}
}

func TestRunInTheTrashIsRead(t *testing.T) {
	s := serveRun(t)
	s.log(nil, []pair{{"team", "risk"}})
	wantStatus(t, "to the trash", s.form("delete"), 303)
	for _, tab := range []string{"", "charts", "parameters", "artifacts", "models", "lineage", "notes"} {
		a := s.page("tab", tab, "edit", "name")
		wantStatus(t, tab, a, 200, "in the trash", "/restore")
		for _, act := range []string{"/rename", "/note", "/tags", "/delete"} {
			if strings.Contains(a.Body, `action="/runs/`+s.id+act+`"`) {
				t.Errorf("%s: %s is offered", tab, act)
			}
		}
	}
	wantStatus(t, "written to all the same", s.form("tags", "key", "a", "value", "b"), 400, "restore it first")
	wantStatus(t, "restored", s.form("restore"), 303)
}

func TestLinksThatAreOld(t *testing.T) {
	s := serveRun(t)
	wantStatus(t, "no such run", s.Do(http.MethodGet, "/runs/0123", "", "Accept", "text/html"), 404, "Look for it in its experiment")
	wantStatus(t, "no such tab", s.page("tab", "nonsense"), 200, "Details")
	wantStatus(t, "no file at all", s.page("tab", "artifacts"), 200, "No artifacts were logged")
	s.file("a.txt", "x")
	wantStatus(t, "no such file", s.page("tab", "artifacts", "path", "b<i>.txt"), 404, "b&lt;i&gt;.txt", "All files", "a.txt")
	wantStatus(t, "a path out", s.page("tab", "artifacts", "path", "../x"), 400)
	wantStatus(t, "an odd open folder", s.page("tab", "artifacts", "open", "../../x"), 200, "a.txt")
	wantStatus(t, "no run to compare with", s.page("tab", "parameters", "with", "<x>"), 200, "There is no other run &lt;x&gt;")
	wantStatus(t, "itself", s.page("tab", "parameters", "with", s.id), 200, "There is no other run")
	wantStatus(t, "no such page of children", s.page("tab", "lineage", "after", "<x>"), 200)
	wantStatus(t, "no such folder", s.Do(http.MethodGet, "/runs/"+s.id+"/archive?path=nope", ""), 404)
	wantStatus(t, "no such image", s.Do(http.MethodGet, "/runs/"+s.id+"/image?path=nope.png", ""), 404)
}

func TestOddKeysAndValues(t *testing.T) {
	s := serveRun(t)
	long := strings.Repeat("0123456789", 600)
	s.log([]pair{{"a b.c/d", "1"}, {"naïve ½", long}, {"empty", ""}}, []pair{{"größe", "<script>\"'&"}}, metric("val/loss.x y", 0.5, 3), metric("nan", "NaN", 0), metric("inf", "Infinity", 0))
	for _, tab := range []string{"", "charts", "parameters", "lineage", "notes"} {
		a := s.page("tab", tab)
		wantStatus(t, tab, a, 200)
		if strings.Contains(a.Body, "<script>\"") {
			t.Errorf("%s: a value became code", tab)
		}
	}
	a := s.page("tab", "parameters")
	wantStatus(t, "values", a, 200, "a b.c/d", "naïve ½", long, "größe", "&lt;script&gt;", "val/loss.x y", "NaN")
	wantStatus(t, "found", s.page("tab", "parameters", "q", "NAÏVE"), 200, "naïve ½")
	if a := s.page("tab", "parameters", "q", "naïve"); strings.Contains(a.Body, "a b.c/d") {
		t.Error("what does not match is shown")
	}
	wantStatus(t, "nothing found", s.page("tab", "parameters", "q", `"><i>`), 200, "Nothing matches", "&#34;&gt;&lt;i&gt;")
}

func TestRunWithVeryManyValues(t *testing.T) {
	s := serveRun(t)
	for i := range 5 {
		var ps []pair
		for j := range 100 {
			ps = append(ps, pair{fmt.Sprintf("p%03d", 100*i+j), "v"})
		}
		s.log(ps, nil)
	}
	a := s.page("tab", "parameters")
	wantStatus(t, "some", a, 200, "Show 440 more", "p059")
	if strings.Contains(a.Body, "p060") {
		t.Error("more are shown than a page holds")
	}
	wantStatus(t, "all", s.page("tab", "parameters", "all", "1"), 200, "p499")
	wantStatus(t, "searched", s.page("tab", "parameters", "q", "p499"), 200, "p499")
}

func TestRunDiffersFromAnother(t *testing.T) {
	s := serveRun(t)
	s.log([]pair{{"depth", "8"}, {"same", "1"}, {"prompt", "answer in two words"}}, []pair{{"new", "<b>"}}, metric("auc", 0.75, 0))
	child := s
	child.id = s.newRun("child", []pair{{"mlflow.parentRunId", s.id}})
	child.log([]pair{{"depth", "4"}, {"same", "1"}, {"prompt", "answer in three words"}}, nil, metric("auc", 0.5, 0))
	a := child.page("tab", "parameters", "with", s.id)
	wantStatus(t, "differences", a, 200, "4 differences", "a run (parent)", "<del>two</del>", "<ins>three</ins>", "−0.25", "&lt;b&gt;")
	if rows := regexp.MustCompile(`<table class="tbl tbl--wrap diff">.*?</table>`).FindString(strings.ReplaceAll(a.Body, "\n", "")); strings.Contains(rows, ">same<") {
		t.Error("what is the same is shown as a difference")
	}
	wantStatus(t, "parent", child.page(), 200, `href="/runs/`+s.id+`"`, "/compare?run="+child.id+"&amp;run="+s.id)
	wantStatus(t, "children", s.page(), 200, "Child runs", `href="/runs/`+child.id+`"`, "0.5")
	wantStatus(t, "lineage", s.page("tab", "lineage"), 200, "1 child run", `id="children"`)
}

func TestValuesAsCSV(t *testing.T) {
	s := serveRun(t)
	s.log([]pair{{"lr", "-1e-3"}, {"cmd", "=cmd|' /C calc'!A0"}, {"plus", "+1 (555) 0100"}, {"at", "@SUM(A1)"}, {"tab", "\t=1"}, {"spaced", "  =1"}, {"wide", "＝1"}, {"quote", "a \"b\", c\nd"}, {"minus", "-"}}, []pair{{"-tag", "x"}}, metric("loss", -0.5, 7))
	a := s.Do(http.MethodGet, "/runs/"+s.id+"/export.csv", "")
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; filename=") {
		t.Fatalf("%d %v", a.Status, a.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range rows[1:] {
		got[r[0]+" "+r[1]] = strings.Join(r[2:], "|")
	}
	delete(got, "tag mlflow.runName")
	want := map[string]string{
		"param lr": "-1e-3||", "param cmd": "'=cmd|' /C calc'!A0||", "param plus": "'+1 (555) 0100||", "param at": "'@SUM(A1)||", "param tab": "'\t=1||", "param spaced": "'  =1||",
		"param wide": "'＝1||", "param quote": "a \"b\", c\nd||", "param minus": "'-||", "metric loss": "-0.5|7|2023-11-14T22:13:20.007Z", "tag '-tag": "x||",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCommitsAreLinked(t *testing.T) {
	s := serveRun(t)
	s.log(nil, []pair{{"mlflow.source.git.commit", "0123456789abcdef"}, {"mlflow.source.git.repoURL", "git@github.com:risk/fraud.git"}})
	wantStatus(t, "known", s.page(), 200, `href="https://github.com/risk/fraud/commit/0123456789abcdef"`)
	s.log(nil, []pair{{"mlflow.source.git.repoURL", "https://git.example.org/risk/fraud"}})
	if a := s.page(); strings.Contains(a.Body, "git.example.org") || !strings.Contains(a.Body, "0123456789ab") {
		t.Error("a commit in an unknown place is no plain text")
	}
}

func TestPreviews(t *testing.T) {
	s := serveRun(t)
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, c := range []struct {
		name, body string
		want, not  string
	}{
		{"notes.md", "# Title\n<script>alert(1)</script> ![x](https://evil.example/x.png)", "<h3>Title</h3>", "<img"},
		{"a.json", `{"b":[1,{"c":"<i>"}]}`, "{\n  &#34;b&#34;: [\n    1,\n    {\n      &#34;c&#34;: &#34;&lt;i&gt;&#34;", ""},
		{"deep.json", deep, "[[[[", "\n      "},
		{"bad.json", `{"b":`, "{&#34;b&#34;:", ""},
		{"semi.csv", "a;b\n1,5;2\n", "<td title=\"1,5\">1,5</td>", ""},
		{"tab.csv", "a\tb\n1,2\t2\n", "<td title=\"1,2\">1,2</td>", ""},
		{"pipe.csv", "a|b\n1|2\n", "<td title=\"1\">1</td>", ""},
		{"comma.csv", "a,b\n\"x, y\",<i>\n", "&lt;i&gt;</td>", ""},
		{"ragged.tsv", "a\tb\n1\n1\t2\t3\n", "<th scope=\"col\">b</th>", ""},
		{"page.html", "<script>alert(1)</script>", `sandbox=""`, "alert(1)"},
		{"drawing.svg", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, `<img src="/runs/` + s.id + `/image?path=drawing.svg"`, "onload"},
		{"empty.txt", "", "This file is empty", ""},
		{"empty.csv", "", "This file is empty", ""},
		{"binary.txt", "a\x00b", "cannot be shown", ""},
		{"binary.csv", "a\xffb", "cannot be shown", ""},
		{"huge.txt", strings.Repeat("a line of text\n", 100_000), "Only the beginning is shown", ""},
		{"bom.csv", "\ufeffa,b\n1,2\n", `<th scope="col">a</th>`, ""},
		{"odd \"name\" <b>&'.txt", "x", "odd &#34;name&#34; &lt;b&gt;&amp;&#39;.txt", "<b>&"},
		{"dir/über mut/🚀 ½.txt", "x", "🚀 ½.txt", ""},
	} {
		s.file(c.name, c.body)
		a := s.page("tab", "artifacts", "path", c.name)
		wantStatus(t, c.name, a, 200, c.want)
		if main := a.Body[strings.Index(a.Body, `id="preview-title"`):]; c.not != "" && strings.Contains(main, c.not) {
			t.Errorf("%s: the page has %q", c.name, c.not)
		}
		if len(a.Body) > 400_000 {
			t.Errorf("%s: a page of %d bytes", c.name, len(a.Body))
		}
	}
	wantStatus(t, "source of HTML", s.page("tab", "artifacts", "path", "page.html", "view", "source"), 200, "&lt;script&gt;alert(1)")
	wantStatus(t, "source of SVG", s.page("tab", "artifacts", "path", "drawing.svg", "view", "source"), 200, "onload=&#34;")
}

func TestFilesOfAFrame(t *testing.T) {
	s := serveRun(t)
	s.file("page.html", "<h1>x</h1>")
	s.file("x.svg", "<svg/>")
	a := s.Do(http.MethodGet, "/runs/"+s.id+"/frame?path=page.html", "", "Sec-Fetch-Dest", "iframe")
	for name, want := range map[string]string{
		"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
		"X-Frame-Options":         "SAMEORIGIN", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html", "Content-Disposition": "inline; filename=page.html",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, c := range [][2]string{{"page.html", "document"}, {"x.svg", "iframe"}, {"x.svg", ""}} { // by its own address it is a download
		a := s.Do(http.MethodGet, "/runs/"+s.id+"/frame?path="+c[0], "", "Sec-Fetch-Dest", c[1])
		if !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || a.Header.Get("X-Frame-Options") != "DENY" || !strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "sandbox; default-src 'none'") {
			t.Errorf("%s for a %s: %v", c[0], c[1], a.Header)
		}
	}
	if a := s.page(); a.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Error("our own pages may be framed")
	}
}

func (s runServer) archive(path string) map[string]string {
	s.T.Helper()
	a := s.Do(http.MethodGet, "/runs/"+s.id+"/archive?"+url.Values{"path": {path}}.Encode(), "")
	if a.Status != 200 || a.Header.Get("Content-Type") != "application/zip" {
		s.T.Fatalf("%s: %d %v", path, a.Status, a.Header)
	}
	z, err := zip.NewReader(strings.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		s.T.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			s.T.Fatal(err)
		}
		b, err := io.ReadAll(r) // checks the CRC
		if err != nil {
			s.T.Fatal(err)
		}
		if _, twice := out[f.Name]; twice || strings.HasPrefix(f.Name, "/") || strings.Contains(f.Name, "..") || strings.Contains(f.Name, `\`) {
			s.T.Errorf("a name that leads elsewhere: %q", f.Name)
		}
		out[f.Name] = string(b)
	}
	return out
}

func TestFolderAsZip(t *testing.T) {
	s := serveRun(t)
	for name, body := range map[string]string{"a.txt": "one", "m/x": "two", "m/sub/ü <b>.txt": "three", "m/empty": "", "m2/y": "not below m"} {
		s.file(name, body)
	}
	if diff := cmp.Diff(map[string]string{"artifacts/a.txt": "one", "artifacts/m/x": "two", "artifacts/m/sub/ü <b>.txt": "three", "artifacts/m/empty": "", "artifacts/m2/y": "not below m"}, s.archive("")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"m/x": "two", "m/sub/ü <b>.txt": "three", "m/empty": ""}, s.archive("m")); diff != "" {
		t.Error(diff)
	}
	a := s.Do(http.MethodGet, "/runs/"+s.id+"/archive?path=m", "")
	if got := a.Header.Get("Content-Disposition"); got != `attachment; filename="a run-m.zip"` {
		t.Errorf("named %s", got)
	}
	for _, bad := range []string{"../x", "m/../..", "m//x", `m\x`, "%2e%2e"} {
		wantStatus(t, bad, s.Do(http.MethodGet, "/runs/"+s.id+"/archive?"+url.Values{"path": {bad}}.Encode(), ""), 400)
	}
	storagetest.Write(t, s.DB, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: "0/" + s.id + "/artifacts/m/lost", Size: 3, Digest: strings.Repeat("0", 64)})
	})
	if got := s.archive("m"); got["m/MISSING-FILES.txt"] != "lost\n" || got["m/x"] != "two" {
		t.Errorf("with lost bytes: %v", got)
	}
	wantStatus(t, "lost", s.page("tab", "artifacts", "path", "m/lost"), 200, `role="alert"`, "SHA-256")
}

// many writes rows of files that share their bytes.
func (s runServer) many(n int, digest string, size int64) {
	storagetest.Write(s.T, s.DB, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for i := range n {
			if err := tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: fmt.Sprintf("0/%s/artifacts/many/%05d.txt", s.id, i), Size: size, Digest: digest}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s runServer) digestOf(path string) string {
	s.T.Helper()
	digest := ""
	storagetest.Read(s.T, s.DB, access.ArtifactRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		a, err := tracking.ArtifactAt(ctx, tx, g, "0/"+s.id+"/artifacts/"+path)
		digest = a.Digest
		return err
	})
	return digest
}

func TestFolderOfTenThousandFiles(t *testing.T) {
	s := serveRun(t)
	s.file("one.txt", "body")
	s.many(10_000, s.digestOf("one.txt"), 4)
	if got := s.archive("many"); len(got) != 10_000 || got["many/09999.txt"] != "body" {
		t.Errorf("%d files", len(got))
	}
	a := s.page("tab", "artifacts", "path", "many")
	wantStatus(t, "first", a, 200, "1,000+", "00099.txt", "More files")
	if strings.Contains(a.Body, ">00100.txt<") {
		t.Error("more files than a page holds")
	}
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(a.Body)
	if next == nil {
		t.Fatal("no way on")
	}
	wantStatus(t, "next", s.Do(http.MethodGet, html.UnescapeString(next[1]), ""), 200, "00100.txt", "00199.txt")
}

// A reader who leaves ends the work, and gets no archive that looks whole.
func TestReaderOfAnArchiveLeaves(t *testing.T) {
	s := serveRun(t)
	noise := make([]byte, 4<<20) // does not compress
	rand.NewChaCha8([32]byte{1}).Read(noise)
	s.file("big", string(noise))
	s.many(500, s.digestOf("big"), int64(len(noise)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET /runs/%s/archive HTTP/1.1\r\nHost: %s\r\n\r\n", s.id, strings.TrimPrefix(s.URL, "http://"))
	in := bufio.NewReader(c)
	if _, err := io.CopyN(io.Discard, in, 1<<20); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the archive took %d MB of memory", grown>>20)
	}
	c.Close()
	end := time.Now().Add(20 * time.Second)
	for stacks := ""; ; {
		b := make([]byte, 1<<20)
		if stacks = string(b[:runtime.Stack(b, true)]); !strings.Contains(stacks, "zipFolder") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server goes on writing for nobody")
		}
		runtime.Gosched()
	}
	if strings.Contains(s.Log.String(), "broke off") {
		t.Error("a reader who leaves is no error of ours")
	}
}

// A run with nothing in it has a page for every tab.
func TestRunWithNothing(t *testing.T) {
	s := serveRun(t)
	for tab, words := range map[string]string{
		"": "No metrics were logged", "charts": "No metrics were logged", "parameters": "No parameters were logged", "artifacts": "No artifacts were logged", "models": "No models were logged",
		"lineage": "No model was logged", "notes": `name="note"`,
	} {
		wantStatus(t, tab, s.page("tab", tab), 200, words)
	}
	if a := s.page(); strings.Contains(a.Body, "/archive") {
		t.Error("nothing can be downloaded, but the page offers it")
	}
}

func TestViewersOnlyLook(t *testing.T) {
	s := runServer{Server: handlertest.Serve(t, true)}
	s.id = s.newRun("a run", []pair{{"team", "risk"}})
	u := s.User("vic", access.Viewer)
	token := s.Token(u, 0, access.ScopeWrite)
	auth := []string{"Authorization", "Bearer " + token}
	for _, tab := range []string{"", "parameters", "notes"} {
		a := s.Do(http.MethodGet, "/runs/"+s.id+"?tab="+tab+"&edit=name", "", auth...)
		wantStatus(t, tab, a, 200)
		if strings.Contains(a.Body, `method="post" action="/runs/`) {
			t.Errorf("%s: a viewer is offered to change something", tab)
		}
	}
	for _, act := range []string{"rename", "note", "note/preview", "tags", "tags/delete"} {
		wantStatus(t, act, s.Form("/runs/"+s.id+"/"+act, "name=x&note=x&key=x", auth...), 403)
	}
}
