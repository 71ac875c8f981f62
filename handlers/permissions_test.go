package handlers_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/ops"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

var update = flag.Bool("update", false, "write docs/permissions.md anew")

func table(t *testing.T) []route.Route {
	t.Helper()
	db := storagetest.Open(t)
	return handlers.Table(ops.NewMetrics(db, "test"), identity.New(db, make([]byte, 32), false, false, ""))
}

// docs/permissions.md is the route table in words, so that a change of who may do what shows in review.
func TestPermissionsPage(t *testing.T) {
	rows := table(t)
	slices.SortStableFunc(rows, func(a, b route.Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	var b strings.Builder
	b.WriteString("# Who may do what\n\nMade from the route table; do not edit. `go test ./handlers -run TestPermissionsPage -update` writes it anew.\n\n")
	b.WriteString("A permission belongs to a class; roles and token scopes are sets of classes. A request needs its permission from its role *and*, if it uses a token, from one of the token's scopes.\n\n")
	b.WriteString("| class | viewer | editor | reviewer | admin | token scopes |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range []access.Class{access.ClassPublic, access.ClassSelf, access.ClassRead, access.ClassWrite, access.ClassPropose, access.ClassDiscuss, access.ClassReview, access.ClassOperate, access.ClassBreak, access.ClassAdmin} {
		p := access.Perm{Name: "x", Class: c}
		fmt.Fprintf(&b, "| %s |", c)
		for _, r := range access.Roles {
			fmt.Fprintf(&b, " %s |", yes((access.Actor{ID: "x", Roles: map[string]access.Role{"w": r}}).May(p, "w")))
		}
		var scopes []string
		for _, s := range access.Scopes {
			if (access.Actor{ID: "x", Token: "t", Scopes: []access.Scope{s}, Roles: map[string]access.Role{"w": access.Admin}}).May(p, "w") {
				scopes = append(scopes, string(s))
			}
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(scopes, ", "))
	}
	b.WriteString("\n| method | path | permission | class | audited |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", r.Method, r.Path, r.Perm.Name, r.Perm.Class, yes(r.Perm.Audited))
	}
	const page = "../docs/permissions.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the table says (%v): run this test with -update and look at the difference", page, err)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// The routes that answer anybody are these and no others.
func TestPublicRoutes(t *testing.T) {
	var got []string
	for _, r := range table(t) {
		if r.Perm.Public() {
			got = append(got, r.Method+" "+r.Path)
		}
	}
	slices.Sort(got)
	want := []string{
		"GET /ajax-api/3.0/mlflow/server-info", "GET /api/3.0/mlflow/server-info", "GET /health", "GET /healthz", "GET /readyz",
		"GET /setup", "GET /sign-in", "GET /static/*", "GET /version", "POST /preferences", "POST /setup", "POST /sign-in", "POST /sign-out",
		"PUT /ajax-api/2.0/mlflow-artifacts/mpu/parts/:upload/:part", "PUT /api/2.0/mlflow-artifacts/mpu/parts/:upload/:part",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Who only reads changes nothing that others see: what they may send are questions too long for an address, and their own
// views of a table.
func TestReadingChangesNothing(t *testing.T) {
	questions := []string{"/experiments/search", "/experiments/search-datasets", "/runs/search", "/logged-models/search", "/registered-models/get-latest-versions", "/artifacts/presigned-download-url"}
	for _, r := range table(t) {
		if r.Method == http.MethodGet || r.Perm.Class != access.ClassRead || r.Perm == access.ViewWrite {
			continue
		}
		if !slices.ContainsFunc(questions, func(q string) bool { return strings.HasSuffix(r.Path, "/mlflow"+q) }) {
			t.Errorf("%s %s changes something under %s, which viewers have", r.Method, r.Path, r.Perm.Name)
		}
	}
}

// Every route refuses every kind of caller who lacks its permission.
func TestEveryRouteRefuses(t *testing.T) {
	s := handlertest.Serve(t, false)
	admin, viewer, reviewer := s.User("ada", access.Admin), s.User("vic", access.Viewer), s.User("rae", access.Reviewer)
	callers := []struct {
		name   string
		header []string
		who    access.Actor
	}{
		{"nobody", nil, access.Actor{}},
		{"an unknown token", bearer("slw_nothing"), access.Actor{}},
		{"an expired token", bearer(s.Token(admin, time.Now().Add(-time.Minute).UnixMilli(), access.ScopeAdmin)), access.Actor{}},
		{"an admin's token to read", bearer(s.Token(admin, 0, access.ScopeRead)), token(access.Admin, access.ScopeRead)},
		{"an admin's token to write", bearer(s.Token(admin, 0, access.ScopeWrite)), token(access.Admin, access.ScopeWrite)},
		{"an admin's token to propose", bearer(s.Token(admin, 0, access.ScopePropose)), token(access.Admin, access.ScopePropose)},
		{"a viewer's token to do all", bearer(s.Token(viewer, 0, access.ScopeAdmin)), token(access.Viewer, access.ScopeAdmin)},
		{"a reviewer's token to do all", bearer(s.Token(reviewer, 0, access.ScopeAdmin)), token(access.Reviewer, access.ScopeAdmin)},
		{"an admin elsewhere", append(bearer(s.Token(admin, 0, access.ScopeAdmin)), route.WorkspaceHeader, "other"), access.Actor{ID: "x", Token: "t", Scopes: access.Scopes}},
	}
	refused := 0
	for _, r := range table(t) {
		path := strings.NewReplacer(":id", "1", ":key", "k", ":upload", "u1234567", ":part", "1", "*", "x").Replace(r.Path)
		for _, c := range callers {
			if c.who.May(r.Perm, access.DefaultWorkspace) {
				continue
			}
			want := http.StatusForbidden
			if c.who.Anonymous() {
				want = http.StatusUnauthorized
			}
			a := s.Do(r.Method, path, "{}", append([]string{"Content-Type", "application/json", "Accept", "application/json"}, c.header...)...)
			if a.Status != want {
				t.Errorf("%s %s by %s: %d, want %d: %.200s", r.Method, path, c.name, a.Status, want, a.Body)
			}
			refused++
		}
	}
	if refused < 500 {
		t.Errorf("only %d refusals were looked at", refused)
	}
}

func token(r access.Role, s access.Scope) access.Actor {
	return access.Actor{ID: "x", Token: "t", Scopes: []access.Scope{s}, Roles: map[string]access.Role{access.DefaultWorkspace: r}}
}

func bearer(secret string) []string { return []string{"Authorization", "Bearer " + secret} }

func basic(name, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(name, password)
	return r.Header.Get("Authorization")
}
