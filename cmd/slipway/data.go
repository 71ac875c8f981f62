package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

type migrateCmd struct {
	place
}

func (c migrateCmd) Run(ctx context.Context, s streams) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	from, to, err := db.Migrate(ctx)
	if err != nil {
		return err
	}
	if from == to {
		_, err = fmt.Fprintf(s.out, "the schema is up to date (%d)\n", to)
		return err
	}
	_, err = fmt.Fprintf(s.out, "the schema went from %d to %d\n", from, to)
	return err
}

type backupCmd struct {
	place
	File string `arg:"" help:"File to write; it must not exist."`
}

func (c backupCmd) Run(ctx context.Context, s streams) error {
	if c.DB != "" {
		return errors.New("backup copies SQLite; use pg_dump for PostgreSQL")
	}
	if _, err := os.Stat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists already: name a new file", c.File)
	}
	if _, err := os.Stat(filepath.Join(c.Data, databaseFile)); err != nil {
		return fmt.Errorf("there is no database to copy: %w", err)
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Backup(ctx, c.File); err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "wrote %s (%d bytes)\n", c.File, info.Size())
	return err
}
