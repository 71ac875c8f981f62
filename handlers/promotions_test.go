package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// releasing prepares promotions for tests: production asks for one approval, has a gate that fails and can be waived, and lets
// glass be broken; dev asks for nothing.
type releasing struct {
	t     *testing.T
	s     *handlertest.Server
	model func() string // a new model with two versions, of which nothing is live
}

func newReleasing(t *testing.T, s *handlertest.Server, model func() string) releasing {
	t.Helper()
	limit := 2.0
	r := releasing{t, s, model}
	for name, p := range map[string]promotion.Policy{
		"staging": {Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Admin}}}}},
		"production": {
			Gates:      []promotion.Gate{{ID: "auc", Kind: promotion.MetricGate, Metric: "auc", Op: ">=", Limit: &limit}},
			BreakGlass: true,
		},
	} {
		storagetest.Write(t, s.DB, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			e, _, err := promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, name)
			if err != nil {
				return err
			}
			_, err = promotion.ChangeEnvironment(ctx, tx, g, name, p, e.Revision, tx.Now())
			return err
		})
	}
	return r
}

// as runs fn for somebody who may anything in an emergency too.
func (r releasing) as(who string, p access.Perm, fn func(context.Context, *storage.Tx, access.Grant) error) {
	r.t.Helper()
	a := access.Actor{ID: who, Name: who, Roles: map[string]access.Role{access.DefaultWorkspace: access.Admin}, Extras: map[string]access.Extra{access.DefaultWorkspace: {BreakGlass: true}}}
	g, err := access.Authorize(a, p, access.DefaultWorkspace, access.Origin{})
	if err == nil {
		err = r.s.DB.Write(r.t.Context(), g, func(tx *storage.Tx) error { return fn(r.t.Context(), tx, g) })
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// asked is a request of somebody for the first version of a new model.
func (r releasing) asked(who, environment string, submit bool) (p promotion.Request) {
	r.t.Helper()
	m := r.model()
	r.as(who, access.PromotionPropose, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		if p, err = promotion.Create(ctx, tx, g, environment, m, 1, "better", tx.Now()); err == nil && submit {
			p, err = promotion.Submit(ctx, tx, g, p.Number, tx.Now())
		}
		return err
	})
	return p
}

func at(p promotion.Request, act string) string {
	return "/promotions/" + strconv.FormatInt(p.Number, 10) + "/" + act
}

func bound(p promotion.Request) []string {
	b := p.Binding()
	return []string{"candidate", b.Candidate, "revision", strconv.FormatInt(b.Revision, 10), "evidence", b.Evidence, "policy", b.Policy, "base", strconv.FormatInt(b.Base, 10)}
}

// acts are the audited routes of promotions, each as somebody called ada does it.
func (r releasing) acts(ada access.User, form func(string, ...string) sent) map[string]func() sent {
	return map[string]func() sent{
		"POST /promotions": func() sent {
			return form("/promotions", "model", r.model(), "version", "1", "environment", "dev", "reason", "better")
		},
		"POST /promotions/:number/submit": func() sent { return form(at(r.asked(ada.ID, "dev", false), "submit")) },
		"POST /promotions/:number/edit": func() sent {
			return form(at(r.asked(ada.ID, "dev", true), "edit"), "version", "2", "reason", "even better", "revision", "1")
		},
		"POST /promotions/:number/cancel": func() sent { return form(at(r.asked(ada.ID, "dev", true), "cancel"), "reason", "no") },
		"POST /promotions/:number/decide": func() sent {
			p := r.asked("noor", "staging", true)
			return form(at(p, "decide"), append(bound(p), "decision", "approve")...)
		},
		"POST /promotions/:number/withdraw": func() sent {
			p := r.asked("noor", "staging", true)
			r.as(ada.ID, access.PromotionReview, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Decide(ctx, tx, g, p.Number, promotion.Reject, "no", p.Binding(), tx.Now())
				return err
			})
			return form(at(p, "withdraw"))
		},
		"POST /promotions/:number/waive": func() sent {
			p := r.asked("noor", "production", true)
			return form(at(p, "waive"), "gate", "auc", "reason", "the metric moved to another name", "until", r.day(30))
		},
		"POST /promotions/:number/comment": func() sent { return form(at(r.asked("noor", "dev", true), "comment"), "body", "hello") },
		"POST /promotions/:number/execute": func() sent { return form(at(r.asked(ada.ID, "dev", true), "execute")) },
		"POST /promotions/:number/break-glass": func() sent {
			storagetest.Write(r.t, r.s.DB, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return access.SetExtra(ctx, tx, g, ada.ID, access.Extra{BreakGlass: true})
			})
			p := r.asked("noor", "production", true)
			q := form(at(p, "break-glass"), "incident", "INC-7", "reason", "the live model answers nothing", "typed", r.name(p)+"/production")
			q.header = append(q.header, "Authorization", basic(ada.Name, handlertest.Password)) // no scope of a token breaks glass
			return q
		},
		"POST /promotions/:number/debt": func() sent {
			p := r.asked("noor", "production", true)
			r.as("noor", access.PromotionBreak, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.BreakGlass(ctx, tx, g, p.Number, "INC-8", "the live model answers nothing", r.name(p)+"/production", tx.Now())
				return err
			})
			return form(at(p, "debt"), "comment", "seen")
		},
		"POST /slots/rollback": func() sent {
			p := r.asked("noor", "dev", true)
			m := r.name(p)
			for n := int64(1); n <= 2; n++ {
				r.as("noor", access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
					_, err := promotion.Execute(ctx, tx, g, p.Number, tx.Now())
					return err
				})
				if n == 2 {
					break
				}
				r.as("noor", access.PromotionPropose, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
					if p, err = promotion.Create(ctx, tx, g, "dev", m, 2, "better", tx.Now()); err == nil {
						p, err = promotion.Submit(ctx, tx, g, p.Number, tx.Now())
					}
					return err
				})
			}
			return form("/slots/rollback", "environment", "dev", "asset", p.AssetID, "version", "", "generation", "2", "reason", "errors")
		},
	}
}

// day is a day so many days ahead.
func (r releasing) day(ahead int) string {
	var day string
	storagetest.Read(r.t, r.s.DB, access.PromotionRead, func(_ context.Context, tx *storage.Tx, g access.Grant) error {
		day = tx.Now().AddDate(0, 0, ahead).Format("2006-01-02")
		return g.Need(access.PromotionRead, g.Workspace())
	})
	return day
}

func (r releasing) name(p promotion.Request) (name string) {
	storagetest.Read(r.t, r.s.DB, access.ModelRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		names, err := tx.AssetNames(ctx, []string{p.AssetID})
		name = names[p.AssetID]
		if err != nil {
			return err
		}
		return g.Need(access.ModelRead, g.Workspace())
	})
	return name
}

// registered makes a model with some versions whose files the server holds, and hands back its id.
func registered(t *testing.T, s *handlertest.Server, name string, versions int64) (id string) {
	t.Helper()
	storagetest.Write(t, s.DB, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: name}, tx.Now())
		id = m.ID
		for n := int64(1); n <= versions && err == nil; n++ {
			v := tracking.NewID()
			err = tx.AddVersion(ctx, registry.Version{
				ID: v, ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: v + v, Manifest: `{"files":[],"kind":"model"}`, CreatedAt: m.CreatedAt, UpdatedAt: m.CreatedAt, CreatedBy: m.CreatedBy,
			})
		}
		return err
	})
	return id
}

// With production protected nobody moves what is live there: not by a page, not by the protocol, whatever their role.
func TestProtectedSlotsMoveByRequestAlone(t *testing.T) {
	s := handlertest.Serve(t, false)
	admin := s.User("ada", access.Admin)
	people := map[string]access.User{"editor": s.User("noor", access.Editor), "reviewer": s.User("iris", access.Reviewer), "administrator": admin}
	as := bearer(s.Token(admin, 0, access.ScopeAdmin))
	do := func(method, path, body string, header []string) handlertest.Answer {
		return s.Do(method, path, body, append([]string{"Content-Type", "application/json"}, header...)...)
	}
	held := registered(t, s, "churn", 2)
	policy := promotion.Policy{Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer, access.Admin}}}}}
	storagetest.Write(t, s.DB, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		e, _, err := promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, "production")
		if err != nil {
			return err
		}
		_, err = promotion.ChangeEnvironment(ctx, tx, g, "production", policy, e.Revision, tx.Now())
		return err
	})
	if a := do("POST", api+"registered-models/alias", `{"name":"churn","alias":"production","version":"1"}`, as); a.Status != http.StatusOK {
		t.Fatalf("an alias of an environment that nothing protects: %d %s", a.Status, a.Body)
	}
	storagetest.Write(t, s.DB, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", tx.Now())
		return err
	})
	live := func() (x slot.Slot) {
		storagetest.Read(t, s.DB, access.PromotionRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.PromotionRead, g.Workspace()); err != nil {
				return err
			}
			all, err := tx.SlotsOfAsset(ctx, slot.Model, held)
			if len(all) > 0 {
				x = all[0]
			}
			return err
		})
		return x
	}
	before := live()
	if before.Stable.Number != 1 || before.Generation != 1 {
		t.Fatalf("%+v", before)
	}
	forms := map[string]string{
		"/models/churn/aliases":            url.Values{"alias": {"production"}, "version": {"2"}}.Encode(),
		"/models/churn/versions/2/aliases": url.Values{"alias": {"production"}, "version": {"2"}}.Encode(),
		"/models/churn/rename":             url.Values{"name": {"other"}}.Encode(),
		"/models/churn/delete":             "",
		"/models/churn/versions/1/delete":  "",
		"/models/churn/versions/2/stage":   url.Values{"stage": {"Production"}}.Encode(),
	}
	calls := map[string]string{
		"POST registered-models/alias":                        `{"name":"churn","alias":"production","version":"2"}`,
		"POST registered-models/alias again":                  `{"name":"churn","alias":"production","version":"1"}`,
		"DELETE registered-models/alias":                      `{"name":"churn","alias":"production"}`,
		"DELETE model-versions/delete":                        `{"name":"churn","version":"1"}`,
		"DELETE registered-models/delete":                     `{"name":"churn"}`,
		"POST registered-models/rename":                       `{"name":"churn","new_name":"other"}`,
		"POST model-versions/transition-stage":                `{"name":"churn","version":"2","stage":"Production"}`,
		"POST model-versions/transition-stage with archiving": `{"name":"churn","version":"2","stage":"production","archive_existing_versions":true}`,
	}
	for role, who := range people {
		token := bearer(s.Token(who, 0, access.ScopeAdmin))
		for call, body := range calls {
			method, path, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(call, " again"), " with archiving"), " ")
			a := do(method, api+path, body, token)
			if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "PERMISSION_DENIED") {
				t.Errorf("%s as %s: %d %s", call, role, a.Status, a.Body)
			}
		}
		for path, body := range forms {
			a := s.Do("POST", path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, token...)...)
			if a.Status != http.StatusForbidden && a.Status != http.StatusBadRequest {
				t.Errorf("%s as %s: %d", path, role, a.Status)
			}
		}
		if now := live(); now != before {
			t.Errorf("%s moved it: %+v", role, now)
		}
	}
}
