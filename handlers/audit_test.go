package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/handlers/ui"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// linesOf are the audit lines that a request left.
func linesOf(t *testing.T, s *handlertest.Server, request string) (out []audit.Line) {
	t.Helper()
	storagetest.Read(t, s.DB, access.AuditServer, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.AuditServer, g.Workspace()); err != nil {
			return err
		}
		chains, err := tx.AuditChains(ctx)
		for _, c := range chains {
			found, err := tx.AuditLines(ctx, audit.Query{Chain: c, Limit: 10_000})
			if err != nil {
				return err
			}
			for _, l := range found.Lines {
				if l.RequestID == request {
					out = append(out, l)
				}
			}
		}
		return err
	})
	return out
}

// The filter of the page offers what is audited, and the server's own permissions are those of accounts and sessions.
func TestAuditedPermissions(t *testing.T) {
	server := map[string]bool{"user.write": true, "account.write": true, "session.open": true, "session.close": true}
	for _, r := range table(t) {
		if r.Perm.Audited != slices.Contains(ui.Audited, r.Perm) {
			t.Errorf("%s is audited: %v, and offered: %v", r.Perm.Name, r.Perm.Audited, !r.Perm.Audited)
		}
		if r.Perm.Server != server[r.Perm.Name] {
			t.Errorf("%s belongs to the server: %v", r.Perm.Name, r.Perm.Server)
		}
		if want := map[bool]string{true: "server", false: "workspace/w"}[r.Perm.Server]; audit.ChainOf(r.Perm, "w") != want {
			t.Errorf("lines of %s go to %s", r.Perm.Name, audit.ChainOf(r.Perm, "w"))
		}
	}
}

// sent is one request of the matrix below.
type sent struct {
	path, body string
	header     []string
}

// Every route with an audited permission, done as it is meant to be done, leaves a line of that permission in the right chain. A
// route that is not known here fails the test.
func TestEveryAuditedWriteLeavesALine(t *testing.T) {
	s := handlertest.Serve(t, false)
	ada := s.User("ada", access.Admin)
	as := bearer(s.Token(ada, 0, access.ScopeAdmin))
	n := 0
	name := func(of string) string { n++; return fmt.Sprint(of, n) }
	call := func(method, path, body string) map[string]any {
		t.Helper()
		a := s.Do(method, path, body, append([]string{"Content-Type", "application/json"}, as...)...)
		var out map[string]any
		if err := json.Unmarshal([]byte(a.Body), &out); a.Status != http.StatusOK || err != nil {
			t.Fatalf("%s %s %s: %d %s", method, path, body, a.Status, a.Body)
		}
		return out
	}
	in := func(v any, keys ...string) string {
		for _, k := range keys {
			m, _ := v.(map[string]any)
			v = m[k]
		}
		text, _ := v.(string)
		return text
	}
	form := func(path string, pairs ...string) sent {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return sent{path, v.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}}
	}
	body := func(path string, pairs ...string) sent {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return sent{path, string(text), []string{"Content-Type", "application/json"}}
	}
	experiment := func() string {
		return in(call("POST", api+"experiments/create", `{"name":"`+name("e")+`"}`), "experiment_id")
	}
	run := func(e string) string {
		return in(call("POST", api+"runs/create", `{"experiment_id":"`+e+`"}`), "run", "info", "run_id")
	}
	gone := func(what, id string) string {
		call("POST", api+what+"s/delete", `{"`+what+`_id":"`+id+`"}`)
		return id
	}
	model := func() string {
		m := name("m")
		call("POST", api+"registered-models/create", `{"name":"`+m+`"}`)
		call("POST", api+"model-versions/create", `{"name":"`+m+`","source":"s3://bucket/x"}`)
		for _, path := range []string{"registered-models", "model-versions"} {
			call("POST", api+path+"/set-tag", `{"name":"`+m+`","version":"1","key":"k","value":"v"}`)
		}
		return m
	}
	aliased := func() string {
		m := model()
		call("POST", api+"registered-models/alias", `{"name":"`+m+`","alias":"champion","version":"1"}`)
		return m
	}
	one := func(q string) (id string) { // the id that was made last
		storagetest.Read(t, s.DB, access.AuditServer, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.AuditServer, g.Workspace()); err != nil {
				return err
			}
			found, err := tx.AuditLines(ctx, audit.Query{Chain: "workspace/default", Object: q, Limit: 100})
			for _, l := range found.Lines {
				facts, bad := l.Saying()
				if bad == nil && id == "" {
					id = facts[len(facts)-1].Subject
				}
			}
			return err
		})
		return id
	}
	must := func(q sent) {
		t.Helper()
		if a := s.Do("POST", q.path, q.body, append(q.header, as...)...); a.Status != http.StatusSeeOther {
			t.Fatalf("%s: %d %.300s", q.path, a.Status, a.Body)
		}
	}
	team := func() string {
		n := name("t")
		must(form("/teams", "name", n))
		return one(n)
	}
	sourceFields := func(n string) []string {
		return []string{"kind", "openai", "name", n, "address", "https://models.example", "every", "3600000", "enabled", "yes"}
	}
	configured := func(fn func(ctx context.Context, tx *storage.Tx, g access.Grant) error) {
		t.Helper()
		storagetest.Write(t, s.DB, access.CatalogConfigure, fn)
	}
	source := func() (id string) {
		configured(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			added, err := catalog.AddSource(ctx, tx, g, catalog.Source{Kind: catalog.OpenAI, Name: name("s"), Address: "https://models.example", Every: 3_600_000, Enabled: true}, storage.NewID(tx.Now()), tx.Now())
			id = added.ID
			return err
		})
		return id
	}
	offered := func() string { // a model of the catalog
		k := catalog.Key{Provider: "acme", ID: name("m")}
		configured(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.CatalogConfigure, g.Workspace()); err != nil {
				return err
			}
			if err := tx.SaveCatalogModels(ctx, []catalog.Model{{Workspace: g.Workspace(), Key: k}}); err != nil {
				return err
			}
			return tx.CatalogMoved(ctx, g.Workspace())
		})
		return k.String()
	}
	use := func() (id string) {
		storagetest.Write(t, s.DB, access.CatalogWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			u, err := catalog.SaveUse(ctx, tx, g, catalog.UseCase{Name: name("u")}, storage.NewID(tx.Now()), tx.Now())
			id = u.ID
			return err
		})
		return id
	}
	const scanned = `{"gates":[{"id":"scan","kind":"scan","worst":"clean"}]}`
	guarded := func(policy string) string { // a protected environment of revision 3
		e := name("env")
		must(form("/environments", "name", e))
		must(form("/environments/"+e+"/edit", "as", "json", "on", "1", "policy", policy))
		must(form("/environments/" + e + "/protect"))
		return e
	}
	kept := func() (id string) {
		storagetest.Write(t, s.DB, access.SecretWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			x, err := s.App.Secrets.Put(ctx, tx, g, storage.NewID(tx.Now()), name("k"), "planted-value", 0, tx.Now())
			id = x.ID
			return err
		})
		return id
	}
	user := func() access.User { return s.User(name("u"), access.Viewer) }
	ofModel := func(path string) func() sent { // a form about a model or its first version, with all fields that such forms have
		return func() sent {
			at := strings.NewReplacer(":name", aliased(), ":version", "1").Replace(path)
			return form(at, "key", "k", "value", "w", "description", "text", "stage", "Staging", "reason", "it leaks", "alias", "best", "version", "1", "name", name("r"),
				"on", "0.0", "summary", "text", "readme", "# A model\n\nIt scores.\n")
		}
	}
	ofVersion := func(path string, pairs ...string) func() sent {
		return func() sent { return body(path, append([]string{"name", aliased(), "version", "1"}, pairs...)...) }
	}
	known := map[string]func() sent{
		"POST /account/password": func() sent {
			return form("/account/password", "current", handlertest.Password, "password", handlertest.Password+" more", "password_again", handlertest.Password+" more")
		},
		"POST /account/tokens": func() sent { return form("/account/tokens", "name", "laptop", "scope", "read", "expires", "90d") },
		"POST /account/tokens/:id/revoke": func() sent {
			storagetest.Write(t, s.DB, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := access.CreateToken(ctx, tx, g, access.UserWrite, access.Token{ID: "tokentorevoke", UserID: ada.ID, Name: "x", Scopes: access.Scopes}, access.NewSecret(access.TokenPrefix), tx.Now())
				return err
			})
			return form("/account/tokens/tokentorevoke/revoke")
		},
		"DELETE /api/2.0/mlflow-artifacts/artifacts/*": func() sent {
			e := experiment()
			at := "/api/2.0/mlflow-artifacts/artifacts/" + e + "/" + run(e) + "/artifacts/f.txt"
			if a := s.Do("PUT", at, "x", as...); a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", at, a.Status, a.Body)
			}
			return sent{path: at}
		},
		"POST " + api + "experiments/delete":  func() sent { return body(api+"experiments/delete", "experiment_id", experiment()) },
		"POST " + api + "experiments/restore": func() sent { return body(api+"experiments/restore", "experiment_id", gone("experiment", experiment())) },
		"POST " + api + "runs/delete":         func() sent { return body(api+"runs/delete", "run_id", run("0")) },
		"POST " + api + "runs/restore":        func() sent { return body(api+"runs/restore", "run_id", gone("run", run("0"))) },
		"DELETE " + api + "logged-models/:id": func() sent {
			return sent{path: api + "logged-models/" + in(call("POST", api+"logged-models", `{"experiment_id":"0","name":"l"}`), "model", "info", "model_id")}
		},
		"POST " + api + "registered-models/create":        func() sent { return body(api+"registered-models/create", "name", name("m")) },
		"POST " + api + "model-versions/create":           ofVersion(api+"model-versions/create", "source", "s3://bucket/y"),
		"DELETE " + api + "model-versions/delete":         ofVersion(api + "model-versions/delete"),
		"DELETE " + api + "model-versions/delete-tag":     ofVersion(api+"model-versions/delete-tag", "key", "k"),
		"POST " + api + "model-versions/set-tag":          ofVersion(api+"model-versions/set-tag", "key", "j", "value", "v"),
		"POST " + api + "model-versions/transition-stage": ofVersion(api+"model-versions/transition-stage", "stage", "Staging"),
		"PATCH " + api + "model-versions/update":          ofVersion(api+"model-versions/update", "description", "d"),
		"DELETE " + api + "registered-models/alias":       ofVersion(api+"registered-models/alias", "alias", "champion"),
		"POST " + api + "registered-models/alias":         ofVersion(api+"registered-models/alias", "alias", "best"),
		"DELETE " + api + "registered-models/delete":      ofVersion(api + "registered-models/delete"),
		"DELETE " + api + "registered-models/delete-tag":  ofVersion(api+"registered-models/delete-tag", "key", "k"),
		"POST " + api + "registered-models/rename":        ofVersion(api+"registered-models/rename", "new_name", "renamed"),
		"POST " + api + "registered-models/set-tag":       ofVersion(api+"registered-models/set-tag", "key", "j", "value", "v"),
		"PATCH " + api + "registered-models/update":       ofVersion(api+"registered-models/update", "description", "d"),
		"POST /experiments/:id/delete":                    func() sent { return form("/experiments/" + experiment() + "/delete") },
		"POST /experiments/:id/restore":                   func() sent { return form("/experiments/" + gone("experiment", experiment()) + "/restore") },
		"POST /experiments/:id/runs/delete":               func() sent { e := experiment(); return form("/experiments/"+e+"/runs/delete", "run", run(e)) },
		"POST /experiments/:id/runs/restore": func() sent {
			e := experiment()
			return form("/experiments/"+e+"/runs/restore", "run", gone("run", run(e)))
		},
		"POST /runs/:id/delete":                        func() sent { return form("/runs/" + run("0") + "/delete") },
		"POST /runs/:id/restore":                       func() sent { return form("/runs/" + gone("run", run("0")) + "/restore") },
		"POST /trash/restore":                          func() sent { return form("/trash/restore", "item", "run:"+gone("run", run("0"))) },
		"POST /trash/purge":                            func() sent { return form("/trash/purge", "item", "run:"+gone("run", run("0"))) },
		"POST /models":                                 func() sent { return form("/models", "name", name("m")) },
		"POST /model-versions":                         func() sent { return form("/model-versions", "name", model(), "source", "s3://bucket/z") },
		"POST /models/:name/aliases":                   ofModel("/models/:name/aliases"),
		"POST /models/:name/delete":                    ofModel("/models/:name/delete"),
		"POST /models/:name/description":               ofModel("/models/:name/description"),
		"POST /models/:name/rename":                    ofModel("/models/:name/rename"),
		"POST /models/:name/tags":                      ofModel("/models/:name/tags"),
		"POST /models/:name/tags/delete":               ofModel("/models/:name/tags/delete"),
		"POST /models/:name/versions/:version/aliases": ofModel("/models/:name/versions/:version/aliases"),
		"POST /models/:name/versions/:version/card":    ofModel("/models/:name/versions/:version/card"),
		"POST /models/:name/versions/:version/card/import": func() sent {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			for k, v := range map[string]string{"on": "0.0", "readme": "# A model\n\nIt scores.\n"} {
				if err := w.WriteField(k, v); err != nil {
					t.Fatal(err)
				}
			}
			w.Close()
			return sent{"/models/" + model() + "/versions/1/card/import", b.String(), []string{"Content-Type", w.FormDataContentType(), "Sec-Fetch-Site", "same-origin"}}
		},
		"POST /models/:name/versions/:version/delete":      ofModel("/models/:name/versions/:version/delete"),
		"POST /models/:name/versions/:version/description": ofModel("/models/:name/versions/:version/description"),
		"POST /models/:name/versions/:version/revoke":      ofModel("/models/:name/versions/:version/revoke"),
		"POST /models/:name/versions/:version/stage":       ofModel("/models/:name/versions/:version/stage"),
		"POST /models/:name/versions/:version/tags":        ofModel("/models/:name/versions/:version/tags"),
		"POST /models/:name/versions/:version/tags/delete": ofModel("/models/:name/versions/:version/tags/delete"),
		"POST /model-moves/:id/undo": func() sent {
			m := aliased()
			var move string
			storagetest.Read(t, s.DB, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				if err := g.Need(access.ModelRead, g.Workspace()); err != nil {
					return err
				}
				found, err := tx.ModelNamed(ctx, g.Workspace(), m)
				if err != nil {
					return err
				}
				moves, err := tx.Moves(ctx, found.ID, "", "", 1)
				move = moves[0].ID
				return err
			})
			return form("/model-moves/" + move + "/undo")
		},
		"POST /registered-models/:id/restore": func() sent {
			m := aliased()
			call("DELETE", api+"registered-models/delete", `{"name":"`+m+`"}`)
			return form("/registered-models/" + one(m) + "/restore")
		},
		"POST /model-versions/:id/restore": func() sent {
			m := model()
			call("DELETE", api+"model-versions/delete", `{"name":"`+m+`","version":"1"}`)
			return form("/model-versions/" + one(m) + "/restore")
		},
		"POST /jobs/:id/again": func() sent {
			var failed job.Job
			storagetest.Write(t, s.DB, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				if err := g.Need(access.Maintain, g.Workspace()); err != nil {
					return err
				}
				if err := tx.EnqueueJob(ctx, job.Job{Kind: "scan", Key: "k", MaxAttempts: 1}); err != nil {
					return err
				}
				now := time.Now()
				begun, err := tx.ClaimJobs(ctx, "test", []string{"scan"}, 1, now, now.Add(time.Minute))
				if err != nil {
					return err
				}
				failed = begun[0].Fail(job.Scan, "no", now, 0)
				_, err = tx.SettleJobs(ctx, []job.Job{failed})
				return err
			})
			return form("/jobs/" + failed.ID + "/again")
		},
		"POST /users": func() sent {
			return form("/users", "name", name("u"), "role", "viewer", "password", handlertest.Password)
		},
		"POST /users/:id/disable": func() sent { return form("/users/" + user().ID + "/disable") },
		"POST /users/:id/enable":  func() sent { return form("/users/" + user().ID + "/enable") },
		"POST /users/:id/password": func() sent {
			return form("/users/"+user().ID+"/password", "password", handlertest.Password+" again", "password_again", handlertest.Password+" again")
		},
		"POST /users/:id/extra": func() sent { return form("/users/"+user().ID+"/extra", "operator", "1") },
		"POST /environments":    func() sent { return form("/environments", "name", name("env")) },
		"POST /environments/:name/edit": func() sent {
			return form("/environments/dev/edit", "as", "json", "on", "1", "policy", `{"gates":[{"id":"scan","kind":"scan","worst":"clean"}]}`)
		},
		"POST /environments/:name/protect": func() sent {
			e := name("env")
			must(form("/environments", "name", e))
			must(form("/environments/"+e+"/edit", "as", "json", "on", "1", "policy", `{"gates":[{"id":"scan","kind":"scan","worst":"clean"}]}`))
			return form("/environments/" + e + "/protect")
		},
		"POST /environments/:name/changes": func() sent {
			return form("/environments/"+guarded(scanned)+"/changes", "as", "json", "on", "3", "policy", `{"rules":[{"count":0,"from":{"roles":["admin"]}}]}`, "reason", "two look")
		},
		"POST /environments/:name/unprotect": func() sent {
			return form("/environments/"+guarded(scanned)+"/unprotect", "on", "3", "reason", "it is not used any more")
		},
		"POST " + v1 + "environments/:name/changes": func() sent {
			return sent{v1 + "environments/" + guarded(scanned) + "/changes", `{"protected":false,"reason":"it is not used any more","revision":3}`, []string{"Content-Type", "application/json"}}
		},
		"POST /teams/:id/changes": func() sent {
			id := team()
			guarded(`{"rules":[{"count":0,"from":{"teams":["` + id + `"]}}]}`)
			return form("/teams/"+id+"/changes", "members", user().ID, "reason", "they joined")
		},
		"POST /environments/:name/delete": func() sent {
			e := name("env")
			must(form("/environments", "name", e))
			return form("/environments/" + e + "/delete")
		},
		"POST /teams":                          func() sent { return form("/teams", "name", name("t")) },
		"POST /teams/:id/members":              func() sent { return form("/teams/"+team()+"/members", "user", user().ID) },
		"POST /teams/:id/members/:user/remove": func() sent { return form("/teams/" + team() + "/members/" + user().ID + "/remove") },
		"POST /teams/:id/delete":               func() sent { return form("/teams/" + team() + "/delete") },
		"POST /secrets":                        func() sent { return form("/secrets", "name", name("k"), "value", "planted-value") },
		"POST /secrets/:id":                    func() sent { return form("/secrets/"+kept(), "value", "planted-again") },
		"POST /secrets/:id/delete":             func() sent { return form("/secrets/" + kept() + "/delete") },
		"POST /catalog/sources":                func() sent { return form("/catalog/sources", sourceFields(name("s"))...) },
		"POST /catalog/sources/:id": func() sent {
			return form("/catalog/sources/"+source(), append(sourceFields(name("s")), "revision", "1")...)
		},
		"POST /catalog/sources/:id/sync":      func() sent { return form("/catalog/sources/" + source() + "/sync") },
		"POST /catalog/sources/:id/up":        func() sent { source(); return form("/catalog/sources/default.snapshot/up") },
		"POST /catalog/sources/:id/down":      func() sent { return form("/catalog/sources/" + source() + "/down") },
		"POST /catalog/sources/:id/delete":    func() sent { return form("/catalog/sources/" + source() + "/delete") },
		"POST /catalog/shortlists":            func() sent { return form("/catalog/shortlists", "name", name("u")) },
		"POST /catalog/shortlists/:id":        func() sent { return form("/catalog/shortlists/"+use(), "name", name("u"), "revision", "1") },
		"POST /catalog/shortlists/:id/delete": func() sent { return form("/catalog/shortlists/" + use() + "/delete") },
		"POST /catalog/choices":               func() sent { return form("/catalog/choices", "use", use(), "m", offered(), "status", "candidate") },
		"POST /catalog/choices/remove": func() sent {
			u, m := use(), offered()
			must(form("/catalog/choices", "use", u, "m", m, "status", "candidate"))
			return form("/catalog/choices/remove", "use", u, "m", m)
		},
		"POST /users/:id/role": func() sent { return form("/users/"+user().ID+"/role", "role", "editor") },
		"POST /sign-in":        func() sent { return form("/sign-in", "name", user().Name, "password", handlertest.Password) },
		"POST /sign-out": func() sent {
			u := user()
			cookie := s.Form("/sign-in", url.Values{"name": {u.Name}, "password": {handlertest.Password}}.Encode()).Cookie("slipway_session")
			f := form("/sign-out")
			f.header = append(f.header, "Cookie", cookie)
			return f
		},
	}
	maps.Copy(known, newReleasing(t, s, func() string { m := name("m"); registered(t, s, m, 2); return m }).acts(ada, form))
	maps.Copy(known, officeActs(t, s))
	elsewhere := []string{"POST /setup"}                                                                                                                 // below
	shown := []string{"GET /promotions/new", "GET /model-versions/new", "GET /models/:name/versions/:version/card/edit", "GET /environments/:name/edit"} // forms: they write nothing
	last := func(path string) bool { return path == "/account/password" }                                                                                // whoever signs in later does so with the old one
	routes := table(t)
	slices.SortStableFunc(routes, func(a, b route.Route) int {
		return map[bool]int{true: 1}[last(a.Path)] - map[bool]int{true: 1}[last(b.Path)]
	})
	written := 0
	for _, r := range routes {
		row := r.Method + " " + strings.Replace(r.Path, "/ajax-api/", "/api/", 1)
		if !r.Perm.Audited || slices.Contains(elsewhere, row) || slices.Contains(shown, row) {
			continue
		}
		make, ok := known[row]
		if !ok {
			t.Errorf("%s is audited, and nothing here does it", row)
			continue
		}
		q := make()
		path := q.path
		if strings.HasPrefix(r.Path, "/ajax-api/") {
			path = strings.Replace(path, "/api/", "/ajax-api/", 1)
		}
		header := q.header
		if !r.Perm.Public() && !slices.Contains(header, "Authorization") {
			header = append(header, as...)
		}
		if row == "POST "+api+"registered-models/rename" {
			q.body = strings.Replace(q.body, `"renamed"`, `"`+name("renamed")+`"`, 1)
		}
		a := s.Do(r.Method, path, q.body, header...)
		if a.Status >= http.StatusBadRequest {
			t.Errorf("%s: %d %.300s", row, a.Status, a.Body)
			continue
		}
		lines := linesOf(t, s, a.Header.Get("X-Request-Id"))
		if len(lines) == 0 {
			t.Errorf("%s %s: no line", r.Method, r.Path)
		}
		for _, l := range lines {
			if l.Action != r.Perm.Name && row != "POST /trash/restore" || // which asks for the permission of each thing
				l.Chain != audit.ChainOf(r.Perm, access.DefaultWorkspace) || l.Actor == "" || len(l.Objects) == 0 {
				t.Errorf("%s left %+v", row, l)
			}
		}
		written++
	}
	if written < 75 {
		t.Errorf("only %d writes were looked at", written)
	}
	fresh := handlertest.Serve(t, true)
	a := fresh.Form("/setup", url.Values{"name": {"ada"}, "password": {handlertest.Password}, "password_again": {handlertest.Password}}.Encode())
	if lines := linesOf(t, fresh, a.Header.Get("X-Request-Id")); a.Status != http.StatusSeeOther || len(lines) != 2 || lines[1].Chain != audit.ServerChain || lines[1].Actor == "" {
		t.Errorf("set-up: %d %+v", a.Status, lines)
	}
	storagetest.Read(t, s.DB, access.AuditServer, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for _, chain := range []string{audit.ServerChain} {
			if c, err := audit.Check(ctx, tx, g, chain); err != nil || c.Fault != nil {
				t.Errorf("%s after all that: %v %v", chain, c.Fault, err)
			}
		}
		return nil
	})
}
