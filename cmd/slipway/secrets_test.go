package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
)

func TestSecretsCommand(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, secretsKeyFile)
	command := func(want int, args ...string) string {
		t.Helper()
		r := slipway(t, append(args, "--data", data)...)
		if r.status != want {
			t.Fatalf("%v ends with %d: %s%s", args, r.status, r.out, r.err)
		}
		return r.out + r.err
	}
	command(0, "migrate")
	command(0, "secrets", "list")
	at, err := os.Stat(file)
	if err != nil || at.Mode().Perm() != 0o600 {
		t.Fatalf("the key file: %v, %v", at, err)
	}
	db, err := storage.Open(t.Context(), filepath.Join(data, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	ring := &keyRing{file: file}
	box := &secret.Box{Keys: ring.read}
	g, err := access.Authorize(access.System("test"), access.SecretWrite, access.DefaultWorkspace, access.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), g, func(tx *storage.Tx) error {
		_, err := box.Put(t.Context(), tx, g, "s1", "openai", "planted-canary", 0, tx.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	keys, err := ring.read()
	if err != nil {
		t.Fatal(err)
	}
	old := keys.Current()
	if out := command(0, "secrets", "list"); !strings.Contains(out, "openai\tversion 1\tkey "+old+"\tok") || strings.Contains(out, "planted") {
		t.Errorf("list: %s", out)
	}
	if out := command(1, "secrets", "retire-key", old); !strings.Contains(out, "current key") {
		t.Errorf("the current key: %s", out)
	}
	if out := command(0, "secrets", "rotate-key"); !strings.Contains(out, "1 values wrapped anew") {
		t.Errorf("rotate: %s", out)
	}
	if keys, err = ring.read(); err != nil || len(keys.IDs()) != 2 || keys.IDs()[1] != old {
		t.Fatalf("a running server reads %v, %v", keys.IDs(), err)
	}
	if out := command(0, "secrets", "list"); !strings.Contains(out, keys.Current()+"\tok") {
		t.Errorf("list: %s", out)
	}
	lock := file + ".lock"
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"secrets", "rotate-key"}, {"secrets", "retire-key", old}} {
		if out := command(1, args...); !strings.Contains(out, "another command is changing") {
			t.Errorf("%v beside another command: %s", args, out)
		}
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Error("a refused command changed the key file")
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	command(0, "secrets", "retire-key", old)
	if at, err = os.Stat(file); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("the key file after all that: %v, %v", at, err)
	}
	command(0, "secrets", "list")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := command(1, "secrets", "list"); !strings.Contains(out, "chmod 600") {
		t.Errorf("a file that others may read: %s", out)
	}
	if err := os.WriteFile(file, []byte(secret.NewKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(0, "secrets", "list"); !strings.Contains(out, "needs its value again") {
		t.Errorf("another key file: %s", out)
	}
	if out := command(1, "secrets", "rewrap"); !strings.Contains(out, "enter them again") {
		t.Errorf("rewrap with another key file: %s", out)
	}
}
