package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
)

func TestMigrate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	slipway(t, "migrate", "--data", dir).want(t, "first", 0, "the schema went from 0 to ")
	slipway(t, "migrate", "--data", dir).want(t, "second", 0, "the schema is up to date (")
	db, err := storage.Open(t.Context(), filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.UpToDate(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder: %v %v", info.Mode(), err)
	}
	slipway(t, "migrate", "--data", dir, "--db", "mysql://host/x").want(t, "another engine", 1, "postgres://")
	file := write(t, "file", "")
	slipway(t, "migrate", "--data", file).want(t, "a file for a folder", 1, file)
}

// pair makes two experiments in one transaction, so that a copy between them would be seen.
func pair(ctx context.Context, db *storage.DB, i int) error {
	g, err := host(access.ExperimentWrite)
	if err != nil {
		return err
	}
	return db.Write(ctx, g, func(tx *storage.Tx) error {
		for _, half := range []string{"left", "right"} {
			if _, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: fmt.Sprintf("%s %d", half, i)}, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// pairs counts the experiments of pair in a database file.
func pairs(t *testing.T, file string) (left, right int) {
	t.Helper()
	db, err := storage.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.UpToDate(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, err := host(access.ExperimentRead)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Read(t.Context(), g, func(tx *storage.Tx) error {
		p, err := tracking.SearchExperiments(t.Context(), tx, g, tracking.Query{Limit: 50000})
		for _, e := range p.Items {
			switch {
			case strings.HasPrefix(e.Name, "left "):
				left++
			case strings.HasPrefix(e.Name, "right "):
				right++
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return left, right
}

// A backup is whole, holds all that was acknowledged before it began, and needs no pause of the writer.
func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	slipway(t, "migrate", "--data", dir).want(t, "migrate", 0)
	db, err := storage.Open(t.Context(), filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	written, stop, failed := make(chan int), make(chan struct{}), make(chan error, 1)
	var writer sync.WaitGroup
	defer func() { // before the database closes
		close(stop)
		writer.Wait()
	}()
	writer.Go(func() {
		defer close(written)
		for i := 1; ; i++ {
			if err := pair(context.Background(), db, i); err != nil {
				failed <- err
				return
			}
			select {
			case written <- i:
			case <-stop:
				return
			default: // nobody looks: go on
			}
		}
	})
	for i := range 3 {
		before, ok := <-written
		if !ok {
			t.Fatal(<-failed)
		}
		file := filepath.Join(dir, fmt.Sprintf("copy-%d.db", i))
		slipway(t, "backup", file, "--data", dir).want(t, "backup", 0, "wrote "+file+" (")
		after, ok := <-written
		if !ok {
			t.Fatal(<-failed)
		}
		left, right := pairs(t, file)
		if left != right || left < before || left > after {
			t.Errorf("the copy has %d and %d; %d were there before it and %d after", left, right, before, after)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the copy holds password hashes and has the mode %v, %v", info.Mode(), err)
		}
	}
}

func TestBackupRefused(t *testing.T) {
	dir := t.TempDir()
	slipway(t, "migrate", "--data", dir).want(t, "migrate", 0)
	taken := write(t, "taken.db", "precious")
	slipway(t, "backup", taken, "--data", dir).want(t, "over a file", 1, "exists already")
	if b, err := os.ReadFile(taken); string(b) != "precious" {
		t.Errorf("the file is %q now, %v", b, err)
	}
	slipway(t, "backup", dir, "--data", dir).want(t, "over a folder", 1, "exists already")
	nowhere := filepath.Join(dir, "missing", "copy.db")
	slipway(t, "backup", nowhere, "--data", dir).want(t, "into a missing folder", 1, "missing")
	slipway(t, "backup", filepath.Join(dir, "copy.db"), "--data", dir, "--db", "postgres://host/x").want(t, "of PostgreSQL", 1, "pg_dump")

	// A copy of nothing, made because of a mistyped folder, would only be found out about when it is needed.
	wrong := filepath.Join(t.TempDir(), "wrong")
	copied := filepath.Join(dir, "copy.db")
	slipway(t, "backup", copied, "--data", wrong).want(t, "of a folder that is not there", 1, wrong)
	for _, p := range []string{wrong, copied} {
		if _, err := os.Stat(p); err == nil {
			t.Errorf("%s was made", p)
		}
	}
}
