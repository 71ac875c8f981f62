package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/jobs"
)

type verifyCmd struct {
	Models verifyModelsCmd `cmd:"" help:"Read the files of all registered versions again and compare them with their digests."`
}

type verifyModelsCmd struct {
	place
}

// Run prints a line for each version and fails if one of them is not what was registered. The server may be running.
func (c verifyModelsCmd) Run(ctx context.Context, s streams) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	blobs, err := blob.OpenLocal(filepath.Join(c.Data, artifactFolder))
	if err != nil {
		return err
	}
	defer blobs.Close()
	var all, broken int
	if err := jobs.VerifyModels(ctx, db, blobs, func(v registry.Version, fault string) {
		all++
		word := "ok"
		if fault != "" {
			broken++
			word = "BROKEN: " + fault
		}
		fmt.Fprintf(s.out, "%s v%d  sha256:%s  %s\n", v.Model, v.Number, v.Digest, word)
	}); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "%d versions verified, %d broken\n", all, broken); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d versions are not what was registered", broken, all)
	}
	return nil
}
