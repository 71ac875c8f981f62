package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
)

// release is a model of three versions, production that asks for one approval, and people with tokens in the environment.
func release(t *testing.T, dir string) (as func(who string) []string, digest string) {
	t.Helper()
	at := place{Data: dir}
	try := func(p access.Perm, fn func(ctx context.Context, tx *storage.Tx, g access.Grant) error) {
		t.Helper()
		if err := at.write(t.Context(), p, func(tx *storage.Tx, g access.Grant) error { return fn(t.Context(), tx, g) }); err != nil {
			t.Fatal(err)
		}
	}
	tokens := map[string]string{}
	for who, role := range map[string]string{"ada": "admin", "ed": "editor", "rita": "reviewer"} {
		createUser(t, dir, who, role)
		made := slipway(t, "token", "create", "--user", who, "--name", "t", "--scope", "admin", "--data", dir)
		made.want(t, "a token", 0, "slw_")
		tokens[who] = strings.TrimSpace(made.out)
	}
	try(access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: "churn"}, tx.Now())
		if err != nil {
			return err
		}
		for n := int64(1); n <= 3; n++ {
			id, now := tracking.NewID(), tx.Now().UnixMilli()
			digest = id + id
			if err := tx.AddVersion(ctx, registry.Version{
				ID: id, ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: digest, Manifest: `{"files":[],"kind":"model"}`, CreatedAt: now, UpdatedAt: now,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	try(access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		p := promotion.Policy{Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer, access.Admin}}}}}
		_, err := promotion.ChangeEnvironment(ctx, tx, g, "production", p, 1, tx.Now())
		return err
	})
	try(access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", tx.Now())
		return err
	})
	return func(who string) []string { return []string{"SLIPWAY_TOKEN=" + tokens[who]} }, digest
}

func TestPromoteFromTheCommandLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := startServer(t, dir, "--addr", "127.0.0.1:0") // before there is an account
	as, digest := release(t, dir)
	on := func(who string, args ...string) result {
		t.Helper()
		return slipwayIn(t, append(as(who), "SLIPWAY_SERVER="+s.url), "", args...)
	}
	on("ed", "status").want(t, "nothing yet", 0, "MODEL", "PROMOTION")
	on("ed", "request", "churn", "1", "production", "--reason", "better").want(t, "request", 0, "PR-1  churn version 1 to production: in review", s.url+"/promotions/1")
	on("ed", "execute", "1").want(t, "too early", 1, "cannot be carried out:\n  - it is in_review", "  - approvals are missing (1)")
	on("ed", "approve", "PR-1").want(t, "an editor approves", 1, "promotion.review")
	on("rita", "approve", "PR-1", "--digest", digest).want(t, "another digest", 1, "is about the digest")
	on("rita", "approve", "pr-1", "--comment", "fine").want(t, "approve", 0, "PR-1", "approved")
	on("ed", "execute", "PR-1").want(t, "execute", 0, "completed")
	on("ed", "request", "churn", "3", "production", "--reason", "better").want(t, "request", 0, "PR-2")
	on("ed", "status", "PR-2").want(t, "status of one", 0, "in review", "in the way: approvals are missing")
	on("rita", "approve", "2", "--digest", digest).want(t, "approve", 0, "approved")
	on("ed", "execute", "2").want(t, "execute", 0, "completed")

	on("ed", "rollback", "churn", "production", "--reason", "errors").want(t, "an editor rolls back", 1, "operator")
	on("ada", "rollback", "churn", "production", "--reason", "errors", "--to", "2").want(t, "to what was never live", 1, "never live here")
	on("ada", "rollback", "churn", "production", "--reason", "errors").want(t, "rollback", 0, "version 1 of churn is live in production")
	on("rita", "close-debt", "PR-1", "--comment", "it was right").want(t, "nothing is owed", 1, "nothing to make up for")
	if err := (place{Data: dir}).write(t.Context(), access.PromotionExecute, func(tx *storage.Tx, g access.Grant) error { // as if PR-1 had been an emergency
		p, err := promotion.Find(t.Context(), tx, g, access.PromotionExecute, 1)
		if err != nil {
			return err
		}
		return tx.SaveDebt(t.Context(), promotion.Debt{Promotion: p.ID, SlotID: p.SlotID, OpenedAt: p.UpdatedAt, DueAt: p.UpdatedAt + 1})
	}); err != nil {
		t.Fatal(err)
	}
	on("ed", "status", "PR-1").want(t, "status of what is owed", 0, "somebody else has to look at it by 20")
	on("ed", "close-debt", "PR-1", "--comment", "it was right").want(t, "whoever did it", 1, "promotion.review")
	on("rita", "close-debt", "PR-1", "--comment", "it was right").want(t, "close-debt", 0, "PR-1  looked at by rita")
	on("ed", "check", digest, "load-test", "success", "--note", "quick").want(t, "check", 0, "load-test: success")
	on("ed", "check", digest, "load-test", "perhaps").want(t, "no state", 2, "pending")
	on("ed", "status", "PR-9").want(t, "no such promotion", 1, "no promotion PR-9")
	on("ed", "status", "nine").want(t, "no number", 1, `"nine" is not the number`)
	slipwayIn(t, []string{"SLIPWAY_TOKEN=slw_no", "SLIPWAY_SERVER=" + s.url}, "", "status").want(t, "a wrong token", 1, "token")

	var got struct {
		Slots []struct {
			Model string
			Live  struct{ Version int64 }
		}
		Promotions []any
	}
	r := on("ada", "status", "--json", "--model", "churn")
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Slots) != 1 || got.Slots[0].Live.Version != 1 || got.Promotions == nil {
		t.Errorf("%v %+v %s", err, got, r.out)
	}
	s.stop(t)
	on("ed", "status").want(t, "nobody answers", 3, "slipway: ")
}

func TestServersThatAreNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	slipway(t, "status", "--server", "http://"+l.Addr().String()).want(t, "another server", 1, "is it the address of a Slipway server?")
	for _, bad := range []string{"ml.example.org", "ftp://ml.example.org", "https://u:p@ml.example.org", ""} {
		slipway(t, "status", "--server="+bad).want(t, "the server "+bad, 1, "is not the address of a server")
	}
}
