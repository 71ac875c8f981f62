package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/storage"
)

type envCmd struct {
	List      envListCmd      `cmd:"" help:"List environments."`
	Unprotect envUnprotectCmd `cmd:"" help:"Lift the protection of an environment, so that its rules can be changed. The audit log tells of it."`
}

type envListCmd struct {
	place
}

func (c envListCmd) Run(ctx context.Context, s streams) error {
	var envs []slot.Environment
	live := map[string]int{}
	if err := c.write(ctx, access.EnvironmentRead, func(tx *storage.Tx, g access.Grant) (err error) {
		if envs, err = promotion.Environments(ctx, tx, g); err != nil {
			return err
		}
		for _, e := range envs {
			slots, err := tx.SlotsOfEnvironment(ctx, e.ID)
			if err != nil {
				return err
			}
			for _, x := range slots {
				if x.Stable.ID != "" {
					live[e.ID]++
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tLIVE\tREVISION\tCHANGED")
	for _, e := range envs {
		state := "open"
		if e.Protected {
			state = "protected"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", e.Name, state, live[e.ID], e.Revision, day(e.UpdatedAt))
	}
	return w.Flush()
}

type envUnprotectCmd struct {
	place
	Name   string `arg:"" help:"Name of the environment."`
	Reason string `required:"" help:"Why; it stands in the audit log."`
}

// Run lifts the protection. The server may be running: its next request sees it.
func (c envUnprotectCmd) Run(ctx context.Context, s streams) error {
	var was, e slot.Environment
	if err := c.write(ctx, access.EnvironmentUnprotect, func(tx *storage.Tx, g access.Grant) (err error) {
		if was, _, err = promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentUnprotect, c.Name); err != nil {
			return err
		}
		e, err = promotion.UnprotectEnvironment(ctx, tx, g, c.Name, c.Reason, tx.Now())
		return err
	}); err != nil {
		return err
	}
	if !was.Protected {
		_, err := fmt.Fprintf(s.out, "%s is not protected: nothing was changed\n", e.Name)
		return err
	}
	_, err := fmt.Fprintf(s.out, "lifted the protection of %s; protect it again on its page when its rules are as they should be\n", e.Name)
	return err
}
