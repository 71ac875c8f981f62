package handlers_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// environment is what is stored of one.
func environment(t *testing.T, s *handlertest.Server, name string) (e slot.Environment, p promotion.Policy) {
	t.Helper()
	storagetest.Read(t, s.DB, access.EnvironmentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		e, p, err = promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentRead, name)
		return err
	})
	return e, p
}

// values are form values from names and values in turn.
func values(all ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(all); i += 2 {
		v.Add(all[i], all[i+1])
	}
	return v.Encode()
}

func TestEnvironmentsByRole(t *testing.T) {
	s := handlertest.Serve(t, false)
	s.User("ada", access.Admin)
	writes := map[string]string{
		"/environments":                    values("name", "canary"),
		"/environments/production/edit":    values("on", "1", "as", "json", "policy", "{}"),
		"/environments/production/protect": "",
		"/environments/production/delete":  "",
		"/teams":                           values("name", "risk"),
		"/teams/x/members":                 values("user", "x"),
		"/teams/x/members/x/remove":        "",
		"/teams/x/delete":                  "",
	}
	for _, role := range []access.Role{access.Viewer, access.Editor, access.Reviewer} {
		as := bearer(s.Token(s.User(string(role), role), 0, access.Scopes...))
		for _, path := range []string{"/environments", "/environments/production", "/teams"} {
			a := s.Do(http.MethodGet, path, "", as...)
			if a.Status != http.StatusOK {
				t.Errorf("a %s reads %s: %d", role, path, a.Status)
			}
			if _, main, _ := strings.Cut(a.Body, "<main"); strings.Contains(main, `method="post"`) || strings.Contains(main, "/edit") {
				t.Errorf("a %s is offered a form on %s", role, path)
			}
		}
		for path, body := range writes {
			if a := s.Form(path, body, as...); a.Status != http.StatusForbidden {
				t.Errorf("a %s posts %s: %d", role, path, a.Status)
			}
		}
		if a := s.Do(http.MethodGet, "/environments/production/edit", "", as...); a.Status != http.StatusForbidden {
			t.Errorf("a %s edits: %d", role, a.Status)
		}
	}
	if a := s.Do(http.MethodGet, "/environments", ""); a.Status != http.StatusSeeOther {
		t.Errorf("nobody reads the environments: %d", a.Status)
	}
}

// inputs are the values of the form on a page: what a browser would send back.
func inputs(t *testing.T, s *handlertest.Server, path string, as ...string) url.Values {
	t.Helper()
	a := s.Do(http.MethodGet, path, "", as...)
	if a.Status != http.StatusOK {
		t.Fatalf("%s: %d", path, a.Status)
	}
	return formIn(t, a.Body, `/edit" hx-boost`)
}

func TestPolicyForm(t *testing.T) {
	s := handlertest.Serve(t, false)
	ada := s.User("ada", access.Admin)
	as := bearer(s.Token(ada, 0, access.ScopeAdmin))
	rita := s.User("rita", access.Reviewer)
	const at = "/environments/production"
	post := func(v url.Values) handlertest.Answer { return s.Form(at+"/edit", v.Encode(), as...) }
	revision := func() string {
		e, _ := environment(t, s, "production")
		return strconv.FormatInt(e.Revision, 10)
	}
	t.Run("in fields", func(t *testing.T) {
		v := inputs(t, s, at+"/edit", as...)
		for name, value := range map[string]string{
			"rule.0.count": "2", "rule.0.name": "four eyes", "rule.0.roles": "reviewer", "rule.0.people": " Rita ,", "rule.0.apart": "trainer",
			"metric.0.metric": "auc", "metric.0.op": ">=", "metric.0.limit": "0,9", "metric.0.margin": "0.01", "metric.0.dataset": "holdout", "metric.0.ttl": "36",
			"metric.1.metric": "latency", "metric.1.op": "<=", "metric.1.limit": "50", "metric.1.id": "fast", "metric.1.never": "1",
			"card.0.want": "all", "card.0.licences": "mit, Apache-2.0", "scan.0.worst": "notice", "checks.0.checks": "load, peak\r\nred team\r\n", "cel.0.expr": `candidate.tags["ok"] == "yes"`, "cel.0.message": "tag it",
			"requires": "staging", "soak": "24", "ttl": "14", "options": "supersede", "break_glass": "1", "debt": "48", "data_class": "internal",
			"freeze.0.name": "Christmas", "freeze.0.from": "2026-12-20T00:00", "freeze.0.until": "2027-01-07T00:00", "freeze.0.zone": "Europe/Rome",
			"freeze.1.name": "Fridays", "freeze.1.start": "2026-11-27T12:00", "freeze.1.rrule": "FREQ=WEEKLY;BYDAY=FR", "freeze.1.long": "12", "freeze.1.zone": "UTC",
		} {
			v.Set(name, value)
		}
		if a := post(v); a.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.Status, alerts(a.Body))
		}
		_, p := environment(t, s, "production")
		limit, margin, most := 0.9, 0.01, 50.0
		hour := promotion.Duration(3_600_000)
		expected := promotion.Policy{
			Gates: []promotion.Gate{
				{ID: "metric", Kind: "metric", Metric: "auc", Dataset: "holdout", Op: ">=", Limit: &limit, LiveMargin: &margin, TTL: 36 * hour},
				{ID: "fast", Kind: "metric", Metric: "latency", Op: "<=", Limit: &most},
				{ID: "card", Kind: "card", Licences: []string{"MIT", "Apache-2.0"}},
				{ID: "scan", Kind: "scan", Worst: "notice"},
				{ID: "checks", Kind: "checks", Checks: []string{"load, peak", "red team"}},
				{ID: "cel", Kind: "cel", Expr: `candidate.tags["ok"] == "yes"`, Message: "tag it"},
			},
			Rules:    []promotion.Rule{{Name: "four eyes", Count: 2, From: promotion.Eligible{Roles: []access.Role{"reviewer"}, Users: []string{rita.ID}}, Apart: []promotion.Connected{promotion.Trainer}}},
			Requires: []string{"staging"}, Soak: 24 * hour, TTL: 14 * 24 * hour, DataClass: "internal", Supersede: true, BreakGlass: true, DebtHours: 48, NeverWaived: []string{"fast"},
			Freezes: []promotion.Freeze{
				{Name: "Christmas", From: "2026-12-20T00:00", Until: "2027-01-07T00:00", Zone: "Europe/Rome"},
				{Name: "Fridays", Start: "2026-11-27T12:00", Rule: "FREQ=WEEKLY;BYDAY=FR", Long: 12 * hour, Zone: "UTC"},
			},
		}
		wantDigest(t, p, expected)
	})
	t.Run("a form that changes nothing gives the same policy", func(t *testing.T) {
		before, p := environment(t, s, "production")
		if a := post(inputs(t, s, at+"/edit", as...)); a.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.Status, alerts(a.Body))
		}
		after, q := environment(t, s, "production")
		if after.Revision != before.Revision+1 {
			t.Errorf("revision %d after %d", after.Revision, before.Revision)
		}
		wantDigest(t, q, p)
	})
	t.Run("the page says it in words, and what changed", func(t *testing.T) {
		a := s.Do(http.MethodGet, at, "", as...)
		for _, want := range []string{
			"auc: at least 0.9, at most 0.01 worse than the live version, measured on holdout", "latency: at most 50, cannot be waived", "2 approvals from: Reviewer, rita, not whoever trained it",
			"Live, or once live, in staging for 1 day", "Christmas: from 2026-12-20 00:00 to 2027-01-07 00:00 (Europe/Rome)", "expires after 14 days", "within 48 hours",
			"Changes of the rules", "four eyes",
		} {
			if !strings.Contains(a.Body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if !strings.Contains(a.Body, `class="add"`) && !strings.Contains(a.Body, "<ins>") {
			t.Error("the page shows no difference")
		}
	})
	t.Run("rows go when they are emptied or ticked", func(t *testing.T) {
		v := inputs(t, s, at+"/edit", as...)
		v.Set("freeze.0.remove", "1")
		for name := range v {
			if strings.HasPrefix(name, "rule.0.") && name != "rule.0.old" {
				v.Del(name)
			}
		}
		if a := post(v); a.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.Status, alerts(a.Body))
		}
		if _, p := environment(t, s, "production"); len(p.Rules) != 0 || len(p.Freezes) != 1 || p.Freezes[0].Name != "Fridays" || len(p.Gates) != 6 {
			t.Errorf("left: %+v", p)
		}
	})
	t.Run("what is refused keeps what was typed", func(t *testing.T) {
		before, _ := environment(t, s, "production")
		for name, c := range map[string]struct{ field, value, says string }{
			"a number":  {"metric.0.limit", "<b>much</b>", "&lt;b&gt;much&lt;/b&gt; is no number"},
			"a person":  {"rule.0.people", "nobody-here", "Nobody called nobody-here has a role"},
			"the whole": {"freeze.0.rrule", "FREQ=SECONDLY", "the rule cannot be used"},
		} {
			v := inputs(t, s, at+"/edit", as...)
			v.Set(c.field, c.value)
			a := post(v)
			if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, c.says) {
				t.Errorf("%s: %d %s", name, a.Status, alerts(a.Body))
			}
			if got := formIn(t, a.Body, `/edit" hx-boost`).Get(c.field); got != c.value {
				t.Errorf("%s: %s holds %q", name, c.field, got)
			}
		}
		if after, _ := environment(t, s, "production"); after.Digest != before.Digest || after.Revision != before.Revision {
			t.Error("something of it was saved")
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		text := `{"rules":[{"count":1,"from":{"roles":["reviewer","admin"]}}]}`
		if a := post(url.Values{"as": {"json"}, "on": {revision()}, "policy": {text}}); a.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.Status, alerts(a.Body))
		}
		if _, p := environment(t, s, "production"); len(p.Rules) != 1 || len(p.Gates) != 0 {
			t.Errorf("%+v", p)
		}
		bad := `{"rules":[{"count":1}],"gate":1}`
		a := post(url.Values{"as": {"json"}, "on": {revision()}, "policy": {bad}})
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "A policy has no field &#34;gate&#34;") || formIn(t, a.Body, `/edit" hx-boost`).Get("policy") != bad {
			t.Errorf("%d %s", a.Status, alerts(a.Body))
		}
		a = post(url.Values{"as": {"json"}, "on": {"1"}, "policy": {text}})
		if a.Status != http.StatusConflict || !strings.Contains(a.Body, "Somebody else changed production") {
			t.Errorf("an old revision: %d %s", a.Status, alerts(a.Body))
		}
	})
}

func TestProtectionFromThePages(t *testing.T) {
	s := handlertest.Serve(t, false)
	as := bearer(s.Token(s.User("ada", access.Admin), 0, access.ScopeAdmin))
	s.User("rita", access.Reviewer)
	const at = "/environments/production"
	post := func(path, body string) handlertest.Answer { return s.Form(path, body, as...) }
	if a := post(at+"/protect", ""); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "neither gates nor rules") {
		t.Errorf("without rules: %d %s", a.Status, alerts(a.Body))
	}
	var team promotion.Team
	if a := post("/teams", values("name", " Risk ")); a.Status != http.StatusSeeOther {
		t.Fatalf("team: %d", a.Status)
	}
	storagetest.Read(t, s.DB, access.EnvironmentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		all, err := promotion.Teams(ctx, tx, g)
		team = all[0]
		return err
	})
	if a := post("/teams", values("name", "Risk")); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "There is a team Risk already") {
		t.Errorf("the same team: %d", a.Status)
	}
	if a := post(at+"/edit", values("as", "json", "on", "1", "policy", `{"rules":[{"count":2,"from":{"roles":["reviewer"],"teams":["`+team.ID+`"]}}]}`)); a.Status != http.StatusSeeOther {
		t.Fatalf("rules: %d %s", a.Status, alerts(a.Body))
	}
	a := post(at+"/protect", "")
	if a.Status != http.StatusConflict || !strings.Contains(a.Body, "asks for 2 approvals, and 1 cannot be given") || !strings.Contains(a.Body, `<dialog id="protect" aria-labelledby="protect-title" closedby="any" open`) {
		t.Errorf("too few people: %d %s", a.Status, alerts(a.Body))
	}
	if e, _ := environment(t, s, "production"); e.Protected {
		t.Fatal("it is protected all the same")
	}
	remy := s.User("remy", access.Reviewer)
	if a := post("/teams/"+team.ID+"/members", values("user", remy.ID)); a.Status != http.StatusSeeOther {
		t.Fatalf("member: %d", a.Status)
	}
	if a := post(at+"/protect", ""); a.Status != http.StatusSeeOther {
		t.Fatalf("protect: %d %s", a.Status, alerts(a.Body))
	}
	page := s.Do(http.MethodGet, at, "", as...).Body
	if !strings.Contains(page, "slipway env unprotect production") || !strings.Contains(page, at+"/edit") || !strings.Contains(page, at+`/unprotect"`) || strings.Contains(page, at+"/protect") {
		t.Error("the page of a protected environment does not offer to request a change, or does not say how to lift it when locked out")
	}
	if a := s.Do(http.MethodGet, at+"/edit", "", as...); a.Status != http.StatusOK || !strings.Contains(a.Body, at+`/changes"`) || strings.Contains(a.Body, `action="`+at+`/edit"`) {
		t.Errorf("edit: %d", a.Status)
	}
	for path, c := range map[string]struct{ body, way string }{
		at + "/edit":                     {values("as", "json", "on", "3", "policy", "{}"), at + "/edit"},
		at + "/delete":                   {"", at + "/edit"},
		"/teams/" + team.ID + "/members": {values("user", remy.ID), "/teams"},
		"/teams/" + team.ID + "/delete":  {"", "/teams"},
		"/teams/" + team.ID + "/members/" + remy.ID + "/remove": {"", "/teams"},
	} {
		if a := post(path, c.body); a.Status != http.StatusForbidden || !strings.Contains(a.Body, " at "+c.way) {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if e, p := environment(t, s, "production"); !e.Protected || len(p.Rules) != 1 || e.Revision != 3 {
		t.Errorf("left: %+v", e)
	}
	if page := s.Do(http.MethodGet, "/teams", "", as...).Body; !strings.Contains(page, "production is protected and counts on this team") || !strings.Contains(page, "/teams/"+team.ID+"/changes") || strings.Contains(page, "/teams/"+team.ID+"/delete") {
		t.Error("the team can be changed, or nothing says why not and how")
	}
	log := s.Do(http.MethodGet, "/audit", "", as...).Body
	for _, want := range []string{"Environment production protected", "Rules of the environment production changed", "Put into the team Risk", "Team Risk made"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %q", want)
		}
	}
}

// A change of a protected environment, of its rules, its protection or its teams, is a request on every path: it shows what it
// would change, waits for somebody else, and then is in force as it was shown.
func TestRulesChangeByRequest(t *testing.T) {
	o := newOffice(t, handlertest.Serve(t, false), 1)
	const at = "/environments/production"
	var team promotion.Team
	storagetest.Write(t, o.DB, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		team, err = promotion.CreateTeam(ctx, tx, g, "Risk", tx.Now())
		return err
	})
	rita, iris := account(o.Server, "rita", access.Reviewer), o.User("iris", access.Reviewer)
	for _, id := range []string{rita.ID, iris.ID} {
		if a := o.Form("/teams/"+team.ID+"/members", values("user", id), o.as["ada"]...); a.Status != http.StatusSeeOther {
			t.Fatalf("%d", a.Status)
		}
	}
	revision := func() string {
		e, _ := environment(t, o.Server, "production")
		return strconv.FormatInt(e.Revision, 10)
	}
	// put takes a request at a path through a review and into force.
	put := func(path string) {
		t.Helper()
		before := revision()
		if a := o.Form(path+"/execute", "", o.as["ada"]...); a.Status != http.StatusConflict || revision() != before {
			t.Errorf("without a review: %d", a.Status)
		}
		if a := o.Form(path+"/decide", formIn(t, o.Do("GET", path, "", o.as["rita"]...).Body, `/decide" hx-boost`).Encode()+"&decision=approve", o.as["ada"]...); a.Status != http.StatusForbidden {
			t.Errorf("its author decides: %d", a.Status)
		}
		if a := o.Form(path+"/decide", formIn(t, o.Do("GET", path, "", o.as["rita"]...).Body, `/decide" hx-boost`).Encode()+"&decision=approve", o.as["rita"]...); a.Status != http.StatusSeeOther {
			t.Fatalf("approve: %d %s", a.Status, alerts(a.Body))
		}
		if a := o.Form(path+"/execute", "", o.as["ada"]...); a.Status != http.StatusSeeOther {
			t.Fatalf("execute: %d %s", a.Status, alerts(a.Body))
		}
	}
	shows := func(path string, want ...string) {
		t.Helper()
		a := o.Do("GET", path, "", o.as["vic"]...)
		for _, w := range want {
			if !strings.Contains(a.Body, w) {
				t.Errorf("%s (%d) lacks %q", path, a.Status, w)
			}
		}
	}
	request := func(path, body string) string {
		t.Helper()
		a := o.Form(path, body, o.as["ada"]...)
		to := a.Header.Get("Location")
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(to, "/promotions/") {
			t.Fatalf("%s: %d %s", path, a.Status, alerts(a.Body))
		}
		return to
	}

	refused := o.Form(at+"/changes", values("as", "json", "on", revision(), "policy", `{"rules":[{"count":9,"from":{"roles":["admin"]}}]}`, "reason", "<b>nine</b>"), o.as["ada"]...)
	if refused.Status != http.StatusConflict || !strings.Contains(refused.Body, "&lt;b&gt;nine&lt;/b&gt;") || !strings.Contains(refused.Body, "asks for 9 approvals") {
		t.Errorf("rules that nobody could meet: %d %s", refused.Status, alerts(refused.Body))
	}
	form := formIn(t, o.Do("GET", at+"/edit", "", o.as["ada"]...).Body, `/changes" hx-boost`)
	form.Set("reason", "the team decides")
	if a := o.Form(at+"/changes", form.Encode(), o.as["ada"]...); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "Nothing would be another") {
		t.Errorf("no change: %d %s", a.Status, alerts(a.Body))
	}
	form.Set("rule.0.teams", team.ID)
	form.Del("rule.0.roles")
	form.Set("freeze.0.name", "Christmas")
	form.Set("freeze.0.from", "2020-12-20T00:00")
	form.Set("freeze.0.until", "2090-01-07T00:00")
	form.Set("freeze.0.zone", "UTC")
	rules := request(at+"/changes", form.Encode())
	shows(rules, "Rules of production", "1 approval from: Reviewer, Admin", "1 approval from: team Risk", "Christmas", "Difference to the letter", "Still in force", "Enough reviewers", "the team decides", "In review")
	shows("/promotions", "Rules of production")
	shows(at, "Requested changes", "Rules of production")
	put(rules)
	shows(rules, "In force", "put it in force")
	shows(at, "Rules changed", `href="`+rules+`"`, "team Risk", "Frozen by Christmas")

	members := request("/teams/"+team.ID+"/changes", values("were", min(rita.ID, iris.ID)+" "+max(rita.ID, iris.ID), "reason", "they all moved on"))
	shows(members, "Team Risk", "iris", "decided by the rules of production")
	if a := o.Form("/teams/"+team.ID+"/changes", values("were", rita.ID, "members", iris.ID, "reason", "x"), o.as["ada"]...); a.Status != http.StatusConflict || !strings.Contains(a.Body, "Somebody else changed the team Risk") {
		t.Errorf("an old page: %d %s", a.Status, alerts(a.Body))
	}
	shows(members, "Too few people could approve")
	if a := o.Form(members+"/cancel", "", o.as["ada"]...); a.Status != http.StatusSeeOther {
		t.Errorf("cancel: %d", a.Status)
	}
	ada := account(o.Server, "ada", access.Admin)
	put(request("/teams/"+team.ID+"/changes", values("were", min(rita.ID, iris.ID)+" "+max(rita.ID, iris.ID), "members", rita.ID, "members", ada.ID, "reason", "iris moved on, ada helps")))

	lift := request(at+"/unprotect", values("on", revision(), "reason", "it is not used any more"))
	shows(lift, "Rules of production", "Not protected")
	if a := o.Form(lift+"/break-glass", values("incident", "INC-1", "reason", "nobody is here to look at it", "typed", "production/production"), o.as["glass"]...); a.Status == http.StatusSeeOther {
		t.Error("an emergency lifts the protection")
	}
	put(lift)
	if e, _ := environment(t, o.Server, "production"); e.Protected {
		t.Error("it is still protected")
	}
	shows(at, "Protection lifted")
	shows("/audit", "Rules of the environment production changed", "Put into the team Risk", "Protection of production lifted: it is not used any more", "asks for other rules", "production: change 1 of its rules in force")
	if a := o.Do("GET", "/slots", "", o.as["vic"]...); strings.Contains(a.Body, "Risk") || a.Status != http.StatusOK {
		t.Errorf("what is live: %d", a.Status)
	}
	if a := o.Form(at+"/changes", values("as", "json", "on", revision(), "policy", "{}", "reason", "x"), o.as["ada"]...); a.Status != http.StatusConflict || !strings.Contains(a.Body, "is not protected") {
		t.Errorf("not protected: %d %s", a.Status, alerts(a.Body))
	}
}

func TestEnvironmentsComeAndGo(t *testing.T) {
	s := handlertest.Serve(t, true)
	for name, says := range map[string]string{"Staging": "cannot be the name", "v3": "already means a version", "dev": "There is an environment dev already", "": "Give the environment a name"} {
		if a := s.Form("/environments", values("name", name)); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, says) {
			t.Errorf("%q: %d %s", name, a.Status, alerts(a.Body))
		}
	}
	if a := s.Form("/environments", values("name", "größe_1")); a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/environments/"+url.PathEscape("größe_1") {
		t.Fatalf("%d %s", a.Status, a.Header.Get("Location"))
	}
	at := "/environments/" + url.PathEscape("größe_1")
	if a := s.Do(http.MethodGet, at, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, at+"/delete") {
		t.Errorf("%d", a.Status)
	}
	if a := s.Form(at+"/delete", ""); a.Status != http.StatusSeeOther {
		t.Errorf("delete: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, at, ""); a.Status != http.StatusNotFound {
		t.Errorf("deleted: %d", a.Status)
	}
	for _, q := range [][2]string{
		{"registered-models/create", `{"name":"scorer"}`},
		{"model-versions/create", `{"name":"scorer","source":"s3://bucket/x"}`},
		{"registered-models/alias", `{"name":"scorer","alias":"staging","version":"1"}`},
	} {
		if a := s.Do(http.MethodPost, api+q[0], q[1], "Content-Type", "application/json"); a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", q[0], a.Status, a.Body)
		}
	}
	page := s.Do(http.MethodGet, "/environments/staging", "").Body
	for _, want := range []string{`href="/models/scorer"`, `href="/models/scorer/versions/1"`, "1 model live", ">local<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "/staging/delete") {
		t.Error("an environment in use can be deleted")
	}
	if a := s.Form("/environments/staging/delete", ""); a.Status != http.StatusConflict {
		t.Errorf("deleting one in use: %d", a.Status)
	}
	if list := s.Do(http.MethodGet, "/environments", "").Body; strings.Index(list, "/environments/dev") > strings.Index(list, "/environments/production") || !strings.Contains(list, "1 model live") {
		t.Error("the list is out of order, or does not count")
	}
}

func TestExtraRights(t *testing.T) {
	s := handlertest.Serve(t, false)
	as := bearer(s.Token(s.User("ada", access.Admin), 0, access.ScopeAdmin))
	eve := s.User("eve", access.Editor)
	extra := func() (x access.Extra) {
		storagetest.Read(t, s.DB, access.UserRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			all, err := access.Users(ctx, tx, g)
			for _, u := range all {
				if u.ID == eve.ID {
					x = u.Extras[access.DefaultWorkspace]
				}
			}
			return err
		})
		return x
	}
	for _, c := range []struct {
		body string
		want access.Extra
		says string
	}{
		{values("operator", "1", "break_glass", "1"), access.Extra{Operator: true, BreakGlass: true}, "operator and break-glass"},
		{values("break_glass", "1"), access.Extra{BreakGlass: true}, "May besides: break-glass"},
		{"", access.Extra{}, "May nothing besides the role"},
	} {
		if a := s.Form("/users/"+eve.ID+"/extra", c.body, as...); a.Status != http.StatusSeeOther || extra() != c.want {
			t.Errorf("%q: %d %+v", c.body, a.Status, extra())
		}
		if log := s.Do(http.MethodGet, "/audit?chain=server", "", as...).Body; !strings.Contains(log, c.says) {
			t.Errorf("the audit log lacks %q", c.says)
		}
	}
	own := bearer(s.Token(eve, 0, access.Scopes...))
	if a := s.Form("/users/"+eve.ID+"/extra", values("break_glass", "1"), own...); a.Status != http.StatusForbidden || extra() != (access.Extra{}) {
		t.Errorf("she gives herself a right: %d", a.Status)
	}
}

var (
	control   = regexp.MustCompile(`(?s)<input ([^>]*)/?>|<textarea ([^>]*)>(.*?)</textarea>|<select\s([^>]*)>(.*?)</select>`)
	attribute = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
	chosen    = regexp.MustCompile(`<option value="([^"]*)" selected`)
	first     = regexp.MustCompile(`<option value="([^"]*)"`)
	alert     = regexp.MustCompile(`(?s)role="alert">.*?<div>(.*?)</div>|class="err"[^>]*>.*?</svg>(.*?)</p>`)
)

// formIn are the values of the form on a page whose action ends so: what a browser would send back.
func formIn(t *testing.T, page, action string) url.Values {
	t.Helper()
	_, rest, found := strings.Cut(page, action)
	form, _, whole := strings.Cut(rest, "</form>")
	if !found || !whole {
		t.Fatalf("no form for %s: %s", action, alerts(page))
	}
	v := url.Values{}
	for _, m := range control.FindAllStringSubmatch(form, -1) {
		has := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(m[1]+m[2]+m[4], -1) {
			has[a[1]] = html.UnescapeString(a[2])
		}
		switch {
		case m[2] != "":
			v.Add(has["name"], html.UnescapeString(m[3]))
		case m[4] != "":
			for _, options := range []*regexp.Regexp{chosen, first} {
				if o := options.FindStringSubmatch(m[5]); o != nil {
					v.Add(has["name"], html.UnescapeString(o[1]))
					break
				}
			}
		case has["type"] != "checkbox" || strings.Contains(m[1], " checked"):
			v.Add(has["name"], has["value"])
		}
	}
	return v
}

// alerts is what a page says went wrong.
func alerts(page string) string {
	var all []string
	for _, m := range alert.FindAllStringSubmatch(page, -1) {
		all = append(all, strings.TrimSpace(m[1]+m[2]))
	}
	return strings.Join(all, " | ")
}

func wantDigest(t *testing.T, got, want promotion.Policy) {
	t.Helper()
	a, err := got.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := want.Digest(); err != nil || a != b {
		t.Errorf("the policy is\n%+v\nand should be\n%+v (%v)", got, want, err)
	}
}
