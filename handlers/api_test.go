package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	ours "github.com/slipway-ml/slipway/handlers/api"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

const v1 = "/api/v1/"

// office is a server with people, a model churn of some versions and a protected production that asks for one approval.
type office struct {
	*handlertest.Server
	as     map[string][]string // headers by name
	digest map[int64]string
	doc    routers.Router // calls are held against it; nil for not
	called map[string]bool
}

func newOffice(t *testing.T, s *handlertest.Server, versions int64) *office {
	t.Helper()
	o := &office{Server: s, as: map[string][]string{}, digest: map[int64]string{}, called: map[string]bool{}}
	for name, role := range map[string]access.Role{"ada": access.Admin, "ed": access.Editor, "eve": access.Editor, "rita": access.Reviewer, "vic": access.Viewer} {
		u := account(s, name, role)
		o.as[name] = bearer(s.Token(u, 0, access.ScopeAdmin))
		if name == "ada" {
			o.as["glass"] = []string{"Authorization", basic(name, handlertest.Password)} // no scope of a token breaks glass
			storagetest.Write(t, s.DB, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return access.SetExtra(ctx, tx, g, u.ID, access.Extra{Operator: true, BreakGlass: true})
			})
		}
		if name == "ed" {
			o.as["ci"] = bearer(s.Token(u, 0, access.ScopePropose))
		}
	}
	o.model("churn", versions)
	floor := 0.9
	policy := promotion.Policy{
		Gates:      []promotion.Gate{{ID: "load", Kind: promotion.ChecksGate, Checks: []string{"load-test"}}, {ID: "auc", Kind: promotion.MetricGate, Metric: "auc", Op: ">=", Limit: &floor}},
		Rules:      []promotion.Rule{{Name: "one", Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer, access.Admin}}}},
		BreakGlass: true,
	}
	for _, protect := range []bool{false, true} {
		storagetest.Write(t, s.DB, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if protect {
				_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", tx.Now())
				return err
			}
			e, _, err := promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, "production")
			if err != nil {
				return err
			}
			_, err = promotion.ChangeEnvironment(ctx, tx, g, "production", policy, e.Revision, tx.Now())
			return err
		})
	}
	return o
}

// model registers a model whose versions have digests.
func (o *office) model(name string, versions int64) {
	o.T.Helper()
	storagetest.Write(o.T, o.DB, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: name}, tx.Now())
		if err != nil {
			return err
		}
		for n := int64(1); n <= versions; n++ {
			id, at := tracking.NewID(), tx.Now().UnixMilli()
			o.digest[n] = id + id
			if err := tx.AddVersion(ctx, registry.Version{
				ID: id, ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: id + id, Manifest: `{"files":[],"kind":"model"}`, CreatedAt: at, UpdatedAt: at, CreatedBy: "ed",
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// call sends a request of somebody and holds it and its answer against the document.
func (o *office) call(who, method, path, body string, header ...string) handlertest.Answer {
	o.T.Helper()
	if body != "" {
		header = append([]string{"Content-Type", "application/json"}, header...)
	}
	header = append(header, o.as[who]...)
	a := o.Do(method, v1+path, body, header...)
	if o.doc == nil {
		return a
	}
	req, err := http.NewRequestWithContext(o.T.Context(), method, o.URL+v1+path, strings.NewReader(body))
	if err != nil {
		o.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if body == "" {
		req.Body = nil
	}
	at, params, err := o.doc.FindRoute(req)
	if err != nil {
		o.T.Fatalf("%s %s is not in the document: %v", method, path, err)
	}
	o.called[at.Operation.OperationID] = true
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: at,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.Status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(o.T.Context(), in); err != nil {
			o.T.Errorf("%s %s was done, and the document refuses it: %v", method, path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.Status, Header: a.Header, Body: io.NopCloser(strings.NewReader(a.Body)), Options: in.Options}
	if err := openapi3filter.ValidateResponse(o.T.Context(), out); err != nil {
		o.T.Errorf("%s %s answered %d %s: %v", method, path, a.Status, a.Body, err)
	}
	return a
}

// ok is call for what is to succeed; it decodes the answer.
func (o *office) ok(who, method, path, body string, header ...string) map[string]any {
	o.T.Helper()
	a := o.call(who, method, path, body, header...)
	out := map[string]any{}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status >= http.StatusBadRequest {
		o.T.Fatalf("%s %s by %s: %d %s", method, path, who, a.Status, a.Body)
	}
	return out
}

// no is call for what is to be refused.
func (o *office) no(who, method, path, body string, status int, key string, header ...string) handlertest.Answer {
	o.T.Helper()
	a := o.call(who, method, path, body, header...)
	var p struct {
		Key, Instance string
		Status        int
	}
	err := json.Unmarshal([]byte(a.Body), &p)
	if err != nil || a.Status != status || p.Status != status || p.Key != key || a.Header.Get("Content-Type") != "application/problem+json" || !strings.HasSuffix(p.Instance, a.Header.Get("X-Request-Id")) {
		o.T.Errorf("%s %s by %s: %d %s, want %d %s", method, path, who, a.Status, a.Body, status, key)
	}
	return a
}

func (o *office) request(who string, version int64) string {
	o.T.Helper()
	r := o.ok(who, "POST", "promotions", fmt.Sprintf(`{"model":"churn","version":%d,"environment":"production","reason":"better","submit":true}`, version))
	return fmt.Sprint("promotions/", r["number"])
}

// pass makes the gates of a request pass, approves it, and tells the path.
func (o *office) approved(who string, version int64) string {
	o.T.Helper()
	at := o.request(who, version)
	o.passing(at, version)
	o.ok("rita", "POST", at+"/reviews", `{"decision":"approve","binding":`+o.binding(at)+`}`)
	return at
}

func (o *office) passing(at string, version int64) {
	o.T.Helper()
	o.ok("ci", "POST", "checks", `{"digest":"`+o.digest[version]+`","name":"load-test","state":"success"}`)
	o.ok("rita", "POST", at+"/waivers", `{"gate":"auc","reason":"nobody measured it this time","expires_at":"`+time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339)+`"}`)
}

// binding is what a request shows now, as JSON.
func (o *office) binding(at string) string {
	o.T.Helper()
	text, err := json.Marshal(o.ok("vic", "GET", at, "")["binding"])
	if err != nil {
		o.T.Fatal(err)
	}
	return string(text)
}

func (o *office) document() *openapi3.T {
	o.T.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(ours.Document)
	if err != nil {
		o.T.Fatal(err)
	}
	if err := doc.Validate(o.T.Context(), openapi3.DisableExamplesValidation()); err != nil {
		o.T.Fatal(err)
	}
	for _, s := range doc.Servers {
		s.URL = o.URL
	}
	if o.doc, err = gorillamux.NewRouter(doc); err != nil {
		o.T.Fatal(err)
	}
	return doc
}

func TestDocumentHasEveryRoute(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(ours.Document)
	if err != nil {
		t.Fatal(err)
	}
	var said, routes []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			said = append(said, method+" "+path)
		}
	}
	for _, r := range ours.Table() {
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if name, ok := strings.CutPrefix(p, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		routes = append(routes, r.Method+" "+strings.Join(parts, "/"))
	}
	slices.Sort(said)
	slices.Sort(routes)
	if !slices.Equal(said, routes) {
		t.Errorf("the document has\n%s\nthe table\n%s", strings.Join(said, "\n"), strings.Join(routes, "\n"))
	}
}

func TestEveryOperation(t *testing.T) {
	o := newOffice(t, handlertest.Serve(t, false), 6)
	doc := o.document()

	if a := o.call("vic", "GET", "openapi.yaml", ""); a.Body != string(ours.Document) {
		t.Error("another document")
	}
	o.ok("vic", "GET", "environments", "")
	if e := o.ok("vic", "GET", "environments/production", ""); e["protected"] != true {
		t.Errorf("%v", e)
	}
	o.no("vic", "GET", "environments/nowhere", "", 404, "env.none")

	// A draft becomes a release.
	a := o.call("ed", "POST", "promotions", `{"model":"churn","version":1,"environment":"production","reason":"better"}`)
	at := strings.TrimPrefix(a.Header.Get("Location"), v1)
	if a.Status != http.StatusCreated || at != "promotions/1" {
		t.Fatalf("%d %s %s", a.Status, at, a.Body)
	}
	before := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	o.ok("ed", "POST", at+"/submit", "")
	o.ok("ci", "POST", "checks", `{"digest":"`+o.digest[1]+`","name":"load-test","state":"failure","url":"https://ci.example.org/1","note":"slow"}`)
	if got := o.ok("vic", "GET", at, ""); got["state"] != "blocked" {
		t.Errorf("with a failed check it is %v", got["state"])
	}
	o.passing(at, 1)
	if got := o.ok("vic", "GET", "checks?digest="+o.digest[1], ""); len(got["checks"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
	o.no("vic", "GET", "checks", "", 400, "check.digest")

	o.no("ed", "PATCH", at, `{"reason":"much better"}`, 428, "api.if_match")
	o.no("ed", "PATCH", at, `{"reason":"much better"}`, 412, "api.changed", "If-Match", `"old"`)
	tag := o.call("vic", "GET", at, "").Header.Get("ETag")
	edited := o.call("ed", "PATCH", at, `{"reason":"much better"}`, "If-Match", tag)
	if now := o.call("vic", "GET", at, "").Header.Get("ETag"); edited.Status != 200 || now == tag || now != edited.Header.Get("ETag") {
		t.Errorf("ETag %s, edited %d %s, now %s", tag, edited.Status, edited.Header.Get("ETag"), now)
	}
	o.no("ed", "PATCH", at, `{"reason":"again"}`, 412, "api.changed", "If-Match", tag)
	o.passing(at, 1)

	seen := o.binding(at)
	o.no("rita", "POST", at+"/reviews", `{"decision":"approve"}`, 400, "api.binding")
	o.no("rita", "POST", at+"/reviews", `{"decision":"approve","binding":`+strings.Replace(seen, `"revision":2`, `"revision":1`, 1)+`}`, 409, "promotion.stale")
	o.no("vic", "POST", at+"/reviews", `{"decision":"approve","binding":`+seen+`}`, 403, "access.denied")
	o.ok("rita", "POST", at+"/reviews", `{"decision":"approve","comment":"fine","binding":`+seen+`}`)
	o.ok("rita", "DELETE", at+"/reviews/mine", "")
	unmet := o.no("ed", "POST", at+"/execute", "", 409, "promotion.unmet")
	if !strings.Contains(unmet.Body, `"unmet":[{"key":"state"`) || !strings.Contains(unmet.Body, `{"key":"quorum"`) {
		t.Errorf("unmet: %s", unmet.Body)
	}
	o.ok("rita", "POST", at+"/reviews", `{"decision":"approve","binding":`+o.binding(at)+`}`)
	o.ok("ed", "POST", at+"/comments", `{"body":"one"}`)
	o.ok("rita", "POST", at+"/comments", `{"body":"two"}`)
	o.no("vic", "POST", at+"/comments", `{"body":"three"}`, 403, "access.denied") // who only reads changes nothing
	first := o.ok("vic", "GET", at+"/comments?limit=1", "")
	second := o.ok("vic", "GET", at+"/comments?limit=1&cursor="+first["next_cursor"].(string), "")
	if second["next_cursor"] != nil || second["comments"].([]any)[0].(map[string]any)["body"] != "two" {
		t.Errorf("%v", second)
	}
	o.no("vic", "GET", "promotions?cursor="+first["next_cursor"].(string), "", 400, "api.cursor")
	if got := o.ok("ed", "POST", at+"/execute", ""); got["state"] != "completed" {
		t.Errorf("%v", got)
	}
	shown := o.ok("vic", "GET", at, "")
	if got := shown["reviews"].([]any); len(got) != 2 || len(shown["rules"].([]any)) != 1 || len(shown["gates"].([]any)) != 2 || len(shown["unmet"].([]any)) != 0 {
		t.Errorf("%v", shown)
	}

	o.ok("ed", "POST", o.approved("ed", 2)+"/execute", "")
	o.ok("ed", "POST", o.request("ed", 3)+"/cancel", `{"reason":"no"}`)
	number := o.approved("ed", 4)
	storagetest.Write(t, o.DB, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Start(ctx, tx, g, 4, tx.Now())
		return err
	})
	o.no("ed", "POST", number+"/abort", `{"reason":"slow"}`, 403, "promotion.not_operator")
	if got := o.ok("ada", "POST", number+"/abort", `{"reason":"slow"}`); got["state"] != "failed" {
		t.Errorf("%v", got)
	}
	glass := o.request("ed", 5)
	o.no("ada", "POST", glass+"/break-glass", `{"incident":"INC-1","reason":"nothing answers since noon","confirm":"churn/production"}`, 403, "access.scope")
	if got := o.ok("glass", "POST", glass+"/break-glass", `{"incident":"INC-1","reason":"nothing answers since noon","confirm":"churn/production"}`); got["state"] != "completed" {
		t.Errorf("%v", got)
	}

	if got := o.ok("vic", "GET", glass, "")["debt"].(map[string]any); got["due_at"] == nil || got["closed_at"] != nil {
		t.Errorf("owed: %v", got)
	}
	o.no("glass", "POST", glass+"/debt", `{"comment":"fine"}`, 403, "promotion.own_debt")
	o.no("rita", "POST", glass+"/debt", `{}`, 400, "promotion.text_empty")
	o.no("rita", "POST", at+"/debt", `{"comment":"fine"}`, 404, "promotion.no_debt")
	o.no("ed", "POST", glass+"/debt", `{"comment":"fine"}`, 403, "access.denied")
	o.ok("rita", "POST", glass+"/debt", `{"comment":"it was right"}`)
	o.no("rita", "POST", glass+"/debt", `{"comment":"again"}`, 409, "promotion.debt_closed")
	if got := o.ok("vic", "GET", glass, "")["debt"].(map[string]any); got["comment"] != "it was right" || got["closed_by"].(map[string]any)["name"] != "rita" {
		t.Errorf("paid: %v", got)
	}

	all := o.ok("vic", "GET", "promotions?limit=2&model=churn&environment=production", "")
	rest := o.ok("vic", "GET", "promotions?limit=200&cursor="+all["next_cursor"].(string), "")
	if len(all["promotions"].([]any)) != 2 || len(rest["promotions"].([]any)) != 3 || rest["next_cursor"] != nil {
		t.Errorf("pages of %d and %d", len(all["promotions"].([]any)), len(rest["promotions"].([]any)))
	}
	if got := o.ok("vic", "GET", "promotions?state=open", ""); len(got["promotions"].([]any)) != 0 {
		t.Errorf("open: %v", got)
	}
	for query, key := range map[string]string{"state=odd": "api.state", "limit=0": "api.limit", "limit=201": "api.limit", "cursor=x": "api.cursor"} {
		o.no("vic", "GET", "promotions?"+query, "", 400, key)
	}
	change := `{"policy":{"rules":[{"count":1,"from":{"roles":["reviewer","admin"]}}]},"reason":"no gates","revision":%d}`
	o.no("ed", "POST", "environments/production/changes", fmt.Sprintf(change, 3), 403, "access.denied")
	o.no("ada", "POST", "environments/production/changes", fmt.Sprintf(change, 2), 409, "env.changed")
	o.no("ada", "POST", "environments/dev/changes", fmt.Sprintf(change, 1), 409, "env.not_protected")
	rules := strings.TrimPrefix(o.call("ada", "POST", "environments/production/changes", fmt.Sprintf(change, 3)).Header.Get("Location"), v1)
	asked := o.ok("vic", "GET", rules, "")
	if was := asked["change"].(map[string]any)["before"].(map[string]any); asked["kind"] != "rules" || asked["model"] != nil || asked["environment"] != "production" || was["protected"] != true {
		t.Errorf("%v", asked)
	}
	o.no("ada", "POST", rules+"/reviews", `{"decision":"approve","binding":`+o.binding(rules)+`}`, 403, "promotion.own")
	o.ok("rita", "POST", rules+"/reviews", `{"decision":"approve","binding":`+o.binding(rules)+`}`)
	if got := o.ok("ada", "POST", rules+"/execute", ""); got["state"] != "completed" {
		t.Errorf("%v", got)
	}
	if e := o.ok("vic", "GET", "environments/production", ""); e["protected"] != true || e["policy"].(map[string]any)["gates"] != nil {
		t.Errorf("%v", e)
	}
	if got := o.ok("vic", "GET", "slots", ""); len(got["slots"].([]any)) != 1 {
		t.Errorf("slots: %v", got)
	}
	o.no("vic", "GET", "promotions/99", "", 404, "promotion.none")
	o.no("vic", "GET", "promotions/x", "", 404, "api.number")

	slot := "slots/production/churn"
	live := o.ok("vic", "GET", slot, "")
	if live["generation"] != 3.0 || live["live"].(map[string]any)["version"] != 5.0 {
		t.Errorf("live: %v", live)
	}
	if got := o.ok("vic", "GET", slot+"?at="+before, ""); got["live"] != nil || got["generation"] != 0.0 {
		t.Errorf("before all that: %v", got)
	}
	o.no("vic", "GET", slot+"?at=yesterday", "", 400, "api.instant")
	o.no("ada", "POST", slot+"/rollback", `{"reason":"errors"}`, 400, "api.generation")
	o.no("ed", "POST", slot+"/rollback", `{"reason":"errors","generation":3}`, 403, "promotion.not_operator")
	o.no("ada", "POST", slot+"/rollback", `{"reason":"errors","generation":3,"to":6}`, 409, "slot.never_live")
	for range 2 {
		if got := o.ok("ada", "POST", slot+"/rollback", `{"reason":"errors","generation":3,"to":1}`); got["generation"] != 4.0 {
			t.Errorf("after the rollback: %v", got)
		}
	}
	newest := o.ok("vic", "GET", slot+"/history?limit=3", "")
	oldest := o.ok("vic", "GET", slot+"/history?limit=3&cursor="+newest["next_cursor"].(string), "")
	if got := oldest["changes"].([]any); len(got) != 1 || got[0].(map[string]any)["promotion"] != 1.0 {
		t.Errorf("history: %v", oldest)
	}
	if got := o.ok("vic", "GET", "slots?model=churn&environment=production", ""); len(got["slots"].([]any)) != 1 {
		t.Errorf("slots: %v", got)
	}
	if got := o.ok("vic", "GET", "slots?environment=dev", ""); len(got["slots"].([]any)) != 0 {
		t.Errorf("slots of dev: %v", got)
	}

	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if !o.called[op.OperationID] {
				t.Errorf("nothing here calls %s", op.OperationID)
			}
		}
	}
}

func TestBodiesOfTheAPI(t *testing.T) {
	o := newOffice(t, handlertest.Serve(t, false), 1)
	for _, c := range []struct {
		body   string
		status int
		key    string
	}{
		{`{"model":"churn","version":1,"environment":"production","reason":"x","odd":1}`, 400, "api.field"},
		{`{"model":"churn","version":"1"}`, 400, "api.type"},
		{`{"model":`, 400, "api.json"},
		{`{} {}`, 400, "api.json"},
		{`[]`, 400, "api.object"},
		{`{"reason":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "api.body_large"},
		{`{"model":"churn","version":9,"environment":"production","reason":"x"}`, 404, "registry.no_version"},
	} {
		o.no("ed", "POST", "promotions", c.body, c.status, c.key)
	}
	if a := o.Do("POST", v1+"promotions", "x=1", append([]string{"Content-Type", "application/x-www-form-urlencoded"}, o.as["ed"]...)...); a.Status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d %s", a.Status, a.Body)
	}
	if a := o.no("ed", "POST", "promotions", `{"odd":1}`, 400, "api.field"); !strings.Contains(a.Body, `\"odd\"`) {
		t.Errorf("the field is not named: %s", a.Body)
	}
	if a := o.Do("GET", v1+"nothing", ""); a.Status != 404 || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("no such path: %d %s", a.Status, a.Body)
	}
	if a := o.Do("GET", v1+"promotions", ""); a.Status != 401 || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("nobody: %d %s", a.Status, a.Body)
	}
}

func TestIdempotencyKey(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := handlertest.Serve(t, false)
			if engine == "postgres" {
				s = handlertest.ServeOn(t, storagetest.OpenPostgres(t), false)
			}
			o := newOffice(t, s, 3)
			body := `{"model":"churn","version":1,"environment":"production","reason":"better"}`
			var wg sync.WaitGroup
			answers := make([]handlertest.Answer, 8)
			for i := range answers {
				wg.Go(func() { answers[i] = o.call("ed", "POST", "promotions", body, "Idempotency-Key", "k1") })
			}
			wg.Wait()
			for _, a := range answers {
				if a.Status != http.StatusCreated || a.Body != answers[0].Body || a.Header.Get("ETag") != answers[0].Header.Get("ETag") || a.Header.Get("Location") != "/api/v1/promotions/1" {
					t.Errorf("answered %d %s, another %s", a.Status, a.Body, answers[0].Body)
				}
			}
			if got := o.ok("vic", "GET", "promotions", ""); len(got["promotions"].([]any)) != 1 {
				t.Errorf("it was done more than once: %v", got)
			}
			o.no("ed", "POST", "promotions", strings.Replace(body, "better", "worse", 1), 422, "api.key_reused", "Idempotency-Key", "k1")
			o.no("ed", "POST", "promotions/1/submit", "", 422, "api.key_reused", "Idempotency-Key", "k1")
			// Somebody else's key is another; a refusal is not kept.
			o.no("eve", "POST", "promotions", body, 409, "promotion.exists", "Idempotency-Key", "k1")
			o.ok("ed", "POST", "promotions/1/cancel", "")
			o.ok("eve", "POST", "promotions", body, "Idempotency-Key", "k1")
			o.no("ed", "POST", "promotions", body, 400, "api.key", "Idempotency-Key", strings.Repeat("k", 201))
		})
	}
}

// What is live in a protected environment moves by no call of the MLflow protocol, whoever makes it.
func TestProtectedSlotsOverMLflow(t *testing.T) {
	o := newOffice(t, handlertest.Serve(t, false), 3)
	o.App.BaseURL = "https://ml.example.org/slipway"
	o.ok("ed", "POST", o.approved("ed", 1)+"/execute", "")
	for _, who := range []string{"ed", "rita", "ada"} {
		for _, c := range []struct{ method, path, body string }{
			{"POST", "registered-models/alias", `{"name":"churn","alias":"production","version":"2"}`},
			{"DELETE", "registered-models/alias", `{"name":"churn","alias":"production"}`},
			{"POST", "model-versions/transition-stage", `{"name":"churn","version":"2","stage":"Production"}`},
			{"DELETE", "model-versions/delete", `{"name":"churn","version":"1"}`},
			{"DELETE", "registered-models/delete", `{"name":"churn"}`}, // no promotion would do that: there is nowhere to send to
			{"POST", "registered-models/rename", `{"name":"churn","new_name":"other"}`},
		} {
			a := o.Do(c.method, api+c.path, c.body, append([]string{"Content-Type", "application/json"}, o.as[who]...)...)
			var e struct {
				Code    string `json:"error_code"`
				Message string
			}
			err := json.Unmarshal(bytes.TrimSpace([]byte(a.Body)), &e)
			linked := who == "rita" || strings.HasPrefix(c.path, "registered-models/") && !strings.HasSuffix(c.path, "alias") || strings.Contains(e.Message, " https://ml.example.org/slipway/promotions/new?") && strings.Contains(e.Message, "model=churn")
			if err != nil || a.Status != http.StatusForbidden || e.Code != "PERMISSION_DENIED" || !linked {
				t.Errorf("%s %s %s by %s: %d %s", c.method, c.path, c.body, who, a.Status, a.Body)
			}
			if got := o.ok("vic", "GET", "slots/production/churn", ""); got["generation"] != 1.0 || got["live"].(map[string]any)["version"] != 1.0 {
				t.Fatalf("%s %s by %s moved the slot: %v", c.method, c.path, who, got)
			}
		}
	}
}

// account is that of somebody, made if it is not there.
func account(s *handlertest.Server, name string, role access.Role) (u access.User) {
	s.T.Helper()
	storagetest.Read(s.T, s.DB, access.UserRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.UserRead, g.Workspace()); err != nil {
			return err
		}
		u, _ = tx.UserByName(ctx, name)
		return nil
	})
	if u.ID == "" {
		u = s.User(name, role)
	}
	return u
}

// officeActs are the acts of the API, by route, each on a promotion that can take it.
func officeActs(t *testing.T, s *handlertest.Server) map[string]func() sent {
	t.Helper()
	o := newOffice(t, s, 20)
	version := int64(0)
	next := func() int64 { version++; return version }
	asked := func() string { return o.request("ed", next()) }
	approved := func() string { return o.approved("ed", next()) }
	as := func(who, path, body string) sent {
		return sent{v1 + path, body, append([]string{"Content-Type", "application/json"}, o.as[who]...)}
	}
	one := v1 + "promotions/:number"
	return map[string]func() sent{
		"POST " + v1 + "promotions": func() sent {
			return as("ada", "promotions", fmt.Sprintf(`{"model":"churn","version":%d,"environment":"production","reason":"better"}`, next()))
		},
		"PATCH " + one: func() sent {
			q := as("ada", asked(), `{"reason":"much better"}`)
			q.header = append(q.header, "If-Match", "*")
			return q
		},
		"POST " + one + "/submit": func() sent {
			r := o.ok("ada", "POST", "promotions", fmt.Sprintf(`{"model":"churn","version":%d,"environment":"production","reason":"better"}`, next()))
			return as("ada", fmt.Sprint("promotions/", r["number"], "/submit"), "")
		},
		"POST " + one + "/cancel": func() sent { return as("ada", asked()+"/cancel", "") },
		"POST " + one + "/reviews": func() sent {
			at := asked()
			o.passing(at, version)
			return as("ada", at+"/reviews", `{"decision":"approve","binding":`+o.binding(at)+`}`)
		},
		"DELETE " + one + "/reviews/mine": func() sent { return as("rita", approved()+"/reviews/mine", "") },
		"POST " + one + "/waivers": func() sent {
			return as("ada", asked()+"/waivers", `{"gate":"auc","reason":"nobody measured it this time","expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
		},
		"POST " + one + "/comments": func() sent { return as("ada", asked()+"/comments", `{"body":"text"}`) },
		"POST " + one + "/execute":  func() sent { return as("ed", approved()+"/execute", "") },
		"POST " + one + "/abort": func() sent {
			at := approved()
			storagetest.Write(t, s.DB, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				var n int64
				if _, err := fmt.Sscanf(at, "promotions/%d", &n); err != nil {
					return err
				}
				_, err := promotion.Start(ctx, tx, g, n, tx.Now())
				return err
			})
			return as("ada", at+"/abort", `{"reason":"slow"}`)
		},
		"POST " + one + "/break-glass": func() sent {
			return as("glass", asked()+"/break-glass", `{"incident":"INC-1","reason":"nothing answers since noon","confirm":"churn/production"}`)
		},
		"POST " + one + "/debt": func() sent {
			at := asked()
			o.ok("glass", "POST", at+"/break-glass", `{"incident":"INC-1","reason":"nothing answers since noon","confirm":"churn/production"}`)
			return as("rita", at+"/debt", `{"comment":"it was right"}`)
		},
		"POST " + v1 + "checks": func() sent { return as("ada", "checks", `{"digest":"d","name":"load-test","state":"success"}`) },
		"POST " + v1 + "slots/:environment/:model/rollback": func() sent {
			for range 2 {
				o.ok("ed", "POST", approved()+"/execute", "")
			}
			generation := o.ok("vic", "GET", "slots/production/churn", "")["generation"]
			return as("ada", "slots/production/churn/rollback", fmt.Sprintf(`{"reason":"errors","generation":%v}`, generation))
		},
	}
}

// The page has every operation of the document, with an example.
func TestPageOfTheAPI(t *testing.T) {
	s := handlertest.Serve(t, true)
	a := s.Do("GET", "/api", "")
	doc, err := openapi3.NewLoader().LoadFromData(ours.Document)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%v %d %s", err, a.Status, a.Body)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, want := range []string{`id="` + op.OperationID + `"`, `<code>` + method + ` ` + path + `</code>`, `id="curl-` + op.OperationID + `"`} {
				if !strings.Contains(a.Body, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
		}
	}
	if !strings.Contains(a.Body, "Only this model") || !strings.Contains(a.Body, s.URL+v1+"promotions") {
		t.Error("parameters or addresses are missing")
	}
}
