package main

import (
	"context"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/storage"
)

func TestEnvironmentFromTheHost(t *testing.T) {
	dir := t.TempDir()
	on := func(args ...string) []string { return append(args, "--data", dir) }
	r := slipway(t, on("env", "list")...)
	r.want(t, "list", 0, "NAME")
	if got := line(r.out, "production"); got != "production open 0 1 never" || strings.Index(r.out, "dev") > strings.Index(r.out, "production") {
		t.Errorf("listed as %q in %q", got, r.out)
	}
	createUser(t, dir, "ada", "admin")
	createUser(t, dir, "rita", "reviewer")
	createUser(t, dir, "remy", "reviewer")
	if err := (place{Data: dir}).write(t.Context(), access.EnvironmentWrite, func(tx *storage.Tx, g access.Grant) error {
		p := promotion.Policy{Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer}}}}}
		if _, err := promotion.ChangeEnvironment(t.Context(), tx, g, "production", p, 1, tx.Now()); err != nil {
			return err
		}
		_, err := promotion.ProtectEnvironment(t.Context(), tx, g, "production", tx.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := line(slipway(t, on("env", "list")...).out, "production"); !strings.HasPrefix(got, "production protected 0 3 20") {
		t.Errorf("listed as %q", got)
	}
	const reason = "the review team was dissolved"
	slipway(t, on("env", "unprotect", "production")...).want(t, "without a reason", 2, "--reason")
	slipway(t, on("env", "unprotect", "production", "--reason", " ")...).want(t, "with an empty one", 1, "reason is missing")
	slipway(t, on("env", "unprotect", "moon", "--reason", reason)...).want(t, "of none", 1, "there is no environment moon")
	slipway(t, on("env", "unprotect", "production", "--reason", reason)...).want(t, "unprotect", 0, "lifted the protection of production")
	slipway(t, on("env", "unprotect", "production", "--reason", reason)...).want(t, "twice", 0, "production is not protected")
	look(t, dir, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		e, err := tx.EnvironmentNamed(ctx, g.Workspace(), "production")
		if e.Protected || e.UpdatedBy != "system:host" {
			t.Errorf("left %+v", e)
		}
		return err
	})
	export := slipway(t, on("audit", "export", "--texts")...)
	export.want(t, "the audit log", 0, `"action":"environment.unprotect"`, "system:host", reason)
	if n := strings.Count(export.out, `"action":"environment.unprotect"`); n != 1 {
		t.Errorf("%d lines of it, want 1", n)
	}
	slipway(t, on("audit", "verify")...).want(t, "verify", 0)
}
