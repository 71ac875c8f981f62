package main

import (
	"context"
	"database/sql"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/audit"
)

// tamper runs statements on the database of dir as somebody does who has it.
func tamper(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range append([]string{`DROP TRIGGER IF EXISTS audit_lines_stay`, `DROP TRIGGER IF EXISTS audit_lines_remain`}, statements...) {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// broken fails the test unless r is a verification that failed with the words.
func broken(t *testing.T, what string, r result, words ...string) {
	t.Helper()
	if r.status != 1 {
		t.Errorf("%s: status %d, want 1; %q %q", what, r.status, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("%s: it lacks %q: %q", what, w, r.err)
		}
	}
}

func TestAudit(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	on := func(args ...string) []string { return append(args, "--data", dir) }
	slipway(t, on("audit", "verify")...).want(t, "without a database", 1, "no such table")
	slipway(t, on("migrate")...).want(t, "migrate", 0)
	slipway(t, on("audit", "verify")...).want(t, "of nothing", 0, "nothing is in the audit log yet")
	slipway(t, on("audit", "checkpoint")...).want(t, "checkpoint of nothing", 1, "nothing to sign")
	for _, name := range []string{"ada", "bob", "eve"} {
		createUser(t, dir, name, "admin")
	}
	slipway(t, on("audit", "verify")...).want(t, "verify", 0, "server  ok: 3 lines", "6 texts", "held against no checkpoint")

	checkpoint := filepath.Join(outside, "a.checkpoint")
	slipway(t, on("audit", "checkpoint", "--out", checkpoint)...).want(t, "checkpoint", 0, "1 chains")
	slipway(t, on("audit", "checkpoint", "--out", checkpoint)...).want(t, "checkpoint over it", 1, "exists")
	slipway(t, on("audit", "checkpoint")...).want(t, "checkpoint printed", 0, "slipway/audit/server\n3\n", "— slipway-audit ")
	if info, err := os.Stat(filepath.Join(dir, auditKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info, err)
	}
	key := slipway(t, on("audit", "key")...)
	key.want(t, "key", 0, "slipway-audit+")
	public := write(t, "audit.pub", key.out)

	export := func(name string, args ...string) string {
		r := slipway(t, on(append([]string{"audit", "export"}, args...)...)...)
		r.want(t, "export", 0)
		return write(t, name, r.out)
	}
	file := export("audit.jsonl")
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), `"ada"`) || strings.Count(string(text), "\n") != 3 {
		t.Errorf("exported %q %v", text, err)
	}
	offline := func(file string, more ...string) result {
		return slipway(t, append([]string{"audit", "verify", "--from", file, "--data", outside}, more...)...)
	}
	held := []string{"--checkpoint", checkpoint, "--audit-key-file", public}
	offline(file, held...).want(t, "offline", 0, "server  ok: 3 lines", "0 texts", "held against 1 checkpoints")
	withTexts := export("texts.jsonl", "--texts", "--chain", "server")
	offline(withTexts, held...).want(t, "offline, with texts", 0, "6 texts")
	broken(t, "offline, without the end", offline(write(t, "short.jsonl", string(text[:strings.LastIndex(strings.TrimSpace(string(text)), "\n")+1])), held...), "number 3", "missing")
	edited, err := os.ReadFile(withTexts)
	if err != nil {
		t.Fatal(err)
	}
	broken(t, "offline, with another name", offline(write(t, "edited.jsonl", strings.Replace(string(edited), `"text":"bob"`, `"text":"rob"`, 1))), "number 2", "text beside it was edited")
	slipway(t, "audit", "verify", "--data", outside, "--from", file, "--checkpoint", checkpoint).want(t, "without the key", 1, "audit.key")
	slipway(t, on("audit", "verify", "--checkpoint", file)...).want(t, "with no checkpoint", 1, "this is no checkpoint")
	slipway(t, on("audit", "export", "--chain", "default")...).want(t, "of no chain", 1, "give server, or workspace/NAME")

	sheet, err := os.ReadFile(export("audit.csv", "--format", "csv", "--texts"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(sheet))).ReadAll()
	if err != nil || len(rows) != 4 || strings.Join(rows[0], " ") != strings.Join(audit.Columns, " ") || !strings.Contains(rows[2][8], `"name":"bob"`) || rows[2][4] != "system:host" || rows[2][10] != "command line" {
		t.Errorf("%v %q", err, rows)
	}

	slipway(t, on("user", "erase", "bob")...).want(t, "erase without yes", 1, "--yes")
	slipway(t, on("user", "erase", "nobody", "--yes")...).want(t, "erase nobody", 1, `there is no user "nobody"`)
	slipway(t, on("user", "erase", "bob", "--yes")...).want(t, "erase", 0, "erased bob")
	if list := slipway(t, on("user", "list")...).out; strings.Contains(list, "bob") || !strings.Contains(list, "erased-") {
		t.Errorf("listed %q", list)
	}
	slipway(t, on("audit", "verify", "--checkpoint", checkpoint)...).want(t, "verify after an erasure", 0, "server  ok: 4 lines", "6 texts", "held against 1 checkpoints")
	createUser(t, dir, "bob", "viewer") // the name is free again

	tamper(t, dir, `DELETE FROM audit_lines WHERE seq > 2`, `DELETE FROM audit_objects WHERE seq > 2`, `DELETE FROM audit_texts WHERE seq > 2`,
		`UPDATE audit_heads SET seq = 2, hash = (SELECT hash FROM audit_lines WHERE seq = 2)`, `DELETE FROM audit_texts WHERE seq = 2 AND text = 'bob'`)
	broken(t, "truncated", slipway(t, on("audit", "verify", "--checkpoint", checkpoint)...), "server", "number 2") // the erasure is gone, and with it the reason why a text is
	tamper(t, dir, `UPDATE audit_lines SET actor = 'x' WHERE seq = 1`)
	broken(t, "edited", slipway(t, on("audit", "verify")...), "number 1", "edited")
}

// What the server signed is found without being named, and shows that the end of the log was cut off and its head moved.
func TestAuditAgainstTheServersCheckpoints(t *testing.T) {
	dir := t.TempDir()
	on := func(args ...string) []string { return append(args, "--data", dir) }
	slipway(t, on("migrate")...).want(t, "migrate", 0)
	at := place{Data: dir}
	sign := func() string {
		t.Helper()
		signed, err := checkpoints{}.signed(at, signing{})
		if err != nil {
			t.Fatal(err)
		}
		db, err := at.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		file, err := signed.Write(context.Background(), db, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	createUser(t, dir, "ada", "admin")
	first := sign()
	createUser(t, dir, "bob", "viewer")
	file := sign()
	if again := sign(); file == "" || first == "" || again != "" {
		t.Errorf("signed %q, %q and, of nothing new, %q", first, file, again)
	}
	slipway(t, on("audit", "verify")...).want(t, "verify", 0, "server  ok: 2 lines", "held against 1 checkpoints")
	slipway(t, on("audit", "verify", "--checkpoint", first)...).want(t, "against the first", 0, "held against 1 checkpoints")
	export := write(t, "a.jsonl", slipway(t, on("audit", "export")...).out)
	slipway(t, on("audit", "verify", "--from", export)...).want(t, "an export", 0, "held against no checkpoint")

	tamper(t, dir, `DELETE FROM audit_lines WHERE seq > 1`, `DELETE FROM audit_objects WHERE seq > 1`, `DELETE FROM audit_texts WHERE seq > 1`,
		`UPDATE audit_heads SET seq = 1, hash = (SELECT hash FROM audit_lines WHERE seq = 1)`)
	slipway(t, on("audit", "verify", "--audit-checkpoints", "off")...).want(t, "cut, against nothing", 0, "ok: 1 lines")
	broken(t, "cut", slipway(t, on("audit", "verify")...), "number 2", "missing")
	createUser(t, dir, "eve", "admin") // and written anew
	broken(t, "written anew", slipway(t, on("audit", "verify")...), "number 2", "not the line that the checkpoint saw")

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "\n2\n", "\n1\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	broken(t, "a checkpoint that was changed", slipway(t, on("audit", "verify")...), file+": this is no checkpoint")

	public := write(t, "audit.pub", slipway(t, on("audit", "key")...).out)
	slipway(t, on("serve", "--addr", "127.0.0.1:0", "--audit-key-file", public)...).want(t, "a server that cannot sign", 1, "signs nothing")
	if signed, err := (checkpoints{noCheckpoints}).signed(at, signing{AuditKeyFile: public}); err != nil || signed.Dir != "" {
		t.Errorf("%v %v", signed, err)
	}
}
