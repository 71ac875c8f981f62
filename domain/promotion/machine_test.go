package promotion_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// world is a database with people in it, its raw tables, and a clock that goes on only when it is told to.
type world struct {
	t     testing.TB
	dsn   string
	db    *storage.DB
	raw   *sql.DB
	now   time.Time
	count int // models made so far
	red   string
	blue  string

	prepared map[string]*sql.Stmt // the oracle's queries
}

// roles are what people are at first. Tom is in both teams, ann may break the glass, and root only configures.
var roles = map[string]access.Role{
	"ed": access.Editor, "eve": access.Editor, "rita": access.Reviewer, "rob": access.Reviewer, "tom": access.Reviewer,
	"ada": access.Admin, "ann": access.Admin, "root": access.Admin,
}

var people = slices.Sorted(maps.Keys(roles))

// each runs fn in a world on SQLite and in one on PostgreSQL.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, newWorld(t, storagetest.Postgres(t), "pgx", "")) })
}

func onSQLite(t *testing.T) *world {
	file := filepath.Join(t.TempDir(), "slipway.db")
	return newWorld(t, file, "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
}

func newWorld(t *testing.T, dsn, driver, raw string) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, dsn: dsn, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), prepared: map[string]*sql.Stmt{}}
	w.db = w.open(dsn)
	if _, _, err := w.db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if raw == "" {
		raw = dsn
	}
	var err error
	if w.raw, err = sql.Open(driver, raw); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.raw.Close() })
	w.must(w.as("root", access.Admin, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for _, who := range people {
			if _, err := access.CreateUser(ctx, tx, g, who, who, "", roles[who], tx.Now()); err != nil {
				return err
			}
		}
		return nil
	}))
	w.must(w.as("root", access.Admin, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for name, id := range map[string]*string{"red": &w.red, "blue": &w.blue} {
			team, err := promotion.CreateTeam(ctx, tx, g, name, tx.Now())
			if err != nil {
				return err
			}
			*id = team.ID
		}
		return nil
	}))
	return w
}

// open opens a database whose clock is w's.
func (w *world) open(dsn string) *storage.DB {
	w.t.Helper()
	db, err := storage.Open(context.Background(), dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	db.SetClock(func() time.Time { return w.now })
	return db
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

type act = func(context.Context, *storage.Tx, access.Grant) error

func (w *world) as(who string, role access.Role, p access.Perm, fn act) error {
	return write(w.db, who, role, p, fn)
}

// write runs fn for somebody; ann may break the glass.
func write(db *storage.DB, who string, role access.Role, p access.Perm, fn act) error {
	a := access.Actor{ID: who, Name: who, Roles: map[string]access.Role{access.DefaultWorkspace: role}}
	if who == "ann" {
		a.Extras = map[string]access.Extra{access.DefaultWorkspace: {BreakGlass: true}}
	}
	if strings.HasPrefix(who, "system:") {
		a = access.System(strings.TrimPrefix(who, "system:"))
	}
	g, err := access.Authorize(a, p, access.DefaultWorkspace, access.Origin{RequestID: "test"})
	if err != nil {
		return err
	}
	ctx := context.Background()
	return db.Write(ctx, g, func(tx *storage.Tx) error { return fn(ctx, tx, g) })
}

// fresh makes a model of some versions in a production that nothing protects, with everybody as they were at first.
func (w *world) fresh(of int64) (model, asset string, versions []string) {
	w.count++
	w.now = w.now.Truncate(time.Hour).Add(2 * time.Hour)
	model = fmt.Sprintf("churn-%d", w.count)
	ctx := context.Background()
	var err error
	exec := func(q string, args ...any) {
		if err == nil {
			_, err = w.raw.ExecContext(ctx, q, args...)
		}
	}
	exec(`UPDATE users SET disabled = FALSE WHERE disabled`)
	for _, who := range people {
		exec(`UPDATE memberships SET role = $1 WHERE user_id = $2 AND role <> $1`, string(roles[who]), who)
	}
	exec(`UPDATE model_versions SET broken = '' WHERE broken <> ''`)
	exec(`DELETE FROM team_members`)
	for _, m := range [][2]string{{w.red, "rita"}, {w.red, "tom"}, {w.blue, "rob"}, {w.blue, "tom"}} {
		exec(`INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)`, m[0], m[1])
	}
	exec(`UPDATE environments SET protected = FALSE WHERE protected`)
	w.must(err)
	w.must(w.as("ed", access.Editor, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: model}, tx.Now())
		if err != nil {
			return err
		}
		asset, versions = m.ID, nil
		for n := int64(1); n <= of; n++ {
			v := registry.Version{
				ID: tracking.NewID(), ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: fmt.Sprintf("%032d%032d", w.count, n), Manifest: `{"files":[],"kind":"model"}`, CreatedAt: tx.Now().UnixMilli(), UpdatedAt: tx.Now().UnixMilli(), CreatedBy: "ed",
			}
			if err := tx.AddVersion(ctx, v); err != nil {
				return err
			}
			versions = append(versions, v.ID)
		}
		return nil
	}))
	return model, asset, versions
}

// look is what somebody had before their eyes.
type look struct {
	binding promotion.Binding
	facts   facts
}

// machine does acts on one model of a world, and after each of them looks at the invariants.
type machine struct {
	*world
	model    string
	asset    string
	versions []string
	last     snap

	saw     map[string]facts  // by review, what its reviewer saw
	shown   facts             // what the reviewer of this act saw
	taken   map[string]taken  // by request
	looks   map[string][]look // by request
	honest  bool              // what is on the screen has to be so
	settled bool              // and the job for what is due has run
	story   []string
	broken  func(invariant, story string)

	tally
}

// tally counts what was done.
type tally struct{ acts, refused, starts, completions, glasses, rollbacks, moves int }

func (t *tally) add(o tally) {
	t.acts += o.acts
	t.refused += o.refused
	t.starts += o.starts
	t.completions += o.completions
	t.glasses += o.glasses
	t.rollbacks += o.rollbacks
	t.moves += o.moves
}

func newMachine(w *world, honest bool, broken func(invariant, story string)) *machine {
	m := &machine{world: w, saw: map[string]facts{}, taken: map[string]taken{}, looks: map[string][]look{}, honest: honest, settled: true, broken: broken}
	m.model, m.asset, m.versions = w.fresh(3)
	m.last = w.read(m.asset)
	return m
}

// need says that an invariant is broken unless ok.
func (m *machine) need(ok bool, invariant, format string, args ...any) {
	if !ok {
		m.broken(invariant, fmt.Sprintf(format, args...)+"\nafter: "+strings.Join(m.story, "\n       "))
	}
}

// do runs an act of somebody as the accounts have them now, and looks.
func (m *machine) do(who string, p access.Perm, what string, fn act) error {
	m.now = m.now.Add(time.Millisecond) // so that whatever is ordered by time has an order
	x, known := m.last.people[who]
	if known && x.disabled {
		return domain.Fail(domain.Unauthenticated, "access.disabled", "%s is disabled", who)
	}
	err := m.as(who, access.Role(x.role), p, fn)
	m.acts++
	if err != nil {
		m.refused++
		m.need(domain.KindOf(err) != domain.Internal, "error", "%s %s: %v", who, what, err)
		m.last.now = m.now.UnixMilli()
		return err
	}
	m.story = append(m.story, who+" "+what)
	was := m.last
	was.now = m.now.UnixMilli()
	m.last = m.read(m.asset)
	m.check(was, m.last, who)
	return nil
}

func (m *machine) create(who string, version int64, submit bool) (number int64, err error) {
	err = m.do(who, access.PromotionPropose, fmt.Sprintf("asks for version %d, submitted: %t", version, submit), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		r, err := promotion.Create(ctx, tx, g, "production", m.model, version, "better", tx.Now())
		if err == nil && submit {
			_, err = promotion.Submit(ctx, tx, g, r.Number, tx.Now())
		}
		number = r.Number
		return err
	})
	return number, err
}

func (m *machine) submit(who string, number int64) error {
	return m.do(who, access.PromotionPropose, fmt.Sprintf("submits PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Submit(ctx, tx, g, number, tx.Now())
		return err
	})
}

func (m *machine) edit(who string, number, version int64, notBefore int64) error {
	return m.do(who, access.PromotionPropose, fmt.Sprintf("edits PR-%d: version %d, not before %d", number, version, notBefore), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Edit(ctx, tx, g, number, version, "better still", notBefore, m.numbered(number).n("revision"), tx.Now())
		return err
	})
}

func (m *machine) cancel(who string, number int64) error {
	return m.do(who, access.PromotionPropose, fmt.Sprintf("cancels PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Cancel(ctx, tx, g, number, "", tx.Now())
		return err
	})
}

func (m *machine) numbered(number int64) row {
	for _, r := range m.last.requests {
		if r.n("number") == number {
			return r
		}
	}
	return row{}
}

// see is what the page of a request shows now.
func (m *machine) see(number int64) look {
	r, s := m.numbered(number), m.last
	if r["id"] == "" {
		return look{}
	}
	s.now = m.now.UnixMilli()
	l := look{promotion.Binding{Candidate: r["digest"], Revision: r.n("revision"), Evidence: r["evidence_digest"], Policy: r["policy_digest"], Base: r.n("base_generation")}, s.facts(r)}
	m.looks[r["id"]] = append(m.looks[r["id"]], l)
	return l
}

func (m *machine) decide(who string, number int64, d promotion.Decision, l look) error {
	m.shown = l.facts
	return m.do(who, access.PromotionReview, fmt.Sprintf("says %s to PR-%d", d, number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Decide(ctx, tx, g, number, d, "seen", l.binding, tx.Now())
		return err
	})
}

// approve is decide by somebody who has just looked.
func (m *machine) approve(who string, number int64) error {
	return m.decide(who, number, promotion.Approve, m.see(number))
}

func (m *machine) withdraw(who string, number int64) error {
	return m.do(who, access.PromotionReview, fmt.Sprintf("withdraws from PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Withdraw(ctx, tx, g, number, tx.Now())
		return err
	})
}

func (m *machine) waive(who string, number int64, gate string, last time.Duration) error {
	return m.do(who, access.PromotionReview, fmt.Sprintf("waives %s of PR-%d for %s", gate, number, last), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.WaiveGate(ctx, tx, g, number, gate, "the team looked at it by hand", tx.Now().Add(last).UnixMilli(), tx.Now())
		return err
	})
}

func (m *machine) report(name string, version int, state promotion.CheckState) error {
	digest := m.last.versions[m.versions[version-1]]["digest"]
	if digest == "" {
		return nil
	}
	return m.do("ed", access.CheckReport, fmt.Sprintf("reports %s of version %d: %s", name, version, state), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ReportCheck(ctx, tx, g, promotion.Check{Name: name, Digest: digest, State: state}, tx.Now())
		return err
	})
}

// unprotect lifts the protection of production, as only the server's own machine can.
func (m *machine) unprotect() error {
	return m.do("root", access.EnvironmentUnprotect, "lifts the protection", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.UnprotectEnvironment(ctx, tx, g, "production", "a change of rules", tx.Now())
		return err
	})
}

func (m *machine) protect() error {
	return m.do("root", access.EnvironmentWrite, "protects production", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", tx.Now())
		return err
	})
}

func (m *machine) change(name string, p promotion.Policy) error {
	return m.do("root", access.EnvironmentWrite, "changes the policy to "+name, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ChangeEnvironment(ctx, tx, g, "production", p, m.last.envs["production"].n("revision"), tx.Now())
		return err
	})
}

// rules is the way in which the rules of production change.
func (m *machine) rules(name string, p promotion.Policy) error {
	return errors.Join(m.unprotect(), m.change(name, p), m.protect())
}

// alias moves an alias by hand, as clients do.
func (m *machine) alias(who, name string, version int64) error {
	return m.do(who, access.ModelWrite, fmt.Sprintf("makes %s name version %d", name, version), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return registry.SetAlias(ctx, tx, g, m.model, name, version, tx.Now())
	})
}

func (m *machine) disable(who string, yes bool) error {
	return m.do("root", access.UserWrite, fmt.Sprintf("makes %s disabled: %t", who, yes), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return access.SetDisabled(ctx, tx, g, who, yes)
	})
}

func (m *machine) role(who string, r access.Role) error {
	return m.do("root", access.UserWrite, fmt.Sprintf("makes %s %s", who, r), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return access.SetRole(ctx, tx, g, who, r)
	})
}

func (m *machine) member(team, who string, in bool) error {
	return m.do("root", access.EnvironmentWrite, fmt.Sprintf("puts %s into a team: %t", who, in), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return promotion.SetTeamMember(ctx, tx, g, team, who, in)
	})
}

func (m *machine) revoke(version int64) error {
	return m.do("rita", access.ModelRevoke, fmt.Sprintf("revokes version %d", version), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.RevokeVersion(ctx, tx, g, m.model, version, "it leaks", tx.Now())
		return err
	})
}

func (m *machine) remove(version int64) error {
	return m.do("ed", access.ModelDelete, fmt.Sprintf("deletes version %d", version), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.DeleteVersion(ctx, tx, g, m.model, version, tx.Now())
		return err
	})
}

func (m *machine) restore(version int) error {
	return m.do("ed", access.ModelDelete, fmt.Sprintf("restores version %d", version), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := registry.RestoreVersion(ctx, tx, g, m.versions[version-1], tx.Now())
		return err
	})
}

func (m *machine) start(who string, number int64) error {
	return m.do(who, access.PromotionExecute, fmt.Sprintf("starts PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Start(ctx, tx, g, number, tx.Now())
		return err
	})
}

func (m *machine) complete(who string, number int64) error {
	return m.do(who, access.PromotionExecute, fmt.Sprintf("completes PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Complete(ctx, tx, g, number, tx.Now())
		return err
	})
}

func (m *machine) execute(who string, number int64) error {
	return m.do(who, access.PromotionExecute, fmt.Sprintf("executes PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Execute(ctx, tx, g, number, tx.Now())
		return err
	})
}

func (m *machine) abort(who string, number int64) error {
	return m.do(who, access.SlotRollback, fmt.Sprintf("aborts PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Abort(ctx, tx, g, number, "errors", tx.Now())
		return err
	})
}

// rollback goes back to a version, 0 for the one before.
func (m *machine) rollback(who string, version int) error {
	id, generation := "", int64(0)
	if version > 0 {
		id = m.versions[version-1]
	}
	for _, s := range m.last.slots {
		if s["environment_id"] == m.last.envs["production"]["id"] {
			generation = s.n("generation")
		}
	}
	return m.do(who, access.SlotRollback, fmt.Sprintf("rolls back to version %d", version), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Rollback(ctx, tx, g, "production", m.asset, id, "errors", generation, tx.Now())
		return err
	})
}

func (m *machine) breakGlass(who string, number int64) error {
	return m.do(who, access.PromotionBreak, fmt.Sprintf("breaks the glass for PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.BreakGlass(ctx, tx, g, number, "INC-1", "customers cannot sign in at all", m.model+"/production", tx.Now())
		return err
	})
}

func (m *machine) closeDebt(who string, number int64) error {
	return m.do(who, access.PromotionReview, fmt.Sprintf("closes the debt of PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.CloseDebt(ctx, tx, g, number, "looked at", tx.Now())
		return err
	})
}

// pass lets time go on; with look the job looks at what is due after it.
func (m *machine) pass(d time.Duration, look bool) {
	m.now = m.now.Add(d)
	m.last.now = m.now.UnixMilli()
	m.settled = false
	m.story = append(m.story, "pass "+d.String())
	if look {
		m.due()
	}
}

func (m *machine) due() {
	_ = m.do("system:promotions", access.Maintain, "looks at what is due", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m.settled = true
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		due, err := tx.PromotionsDue(ctx, tx.Now().UnixMilli(), 100)
		if err != nil {
			return err
		}
		for _, r := range due {
			if _, err := promotion.Settle(ctx, tx, g, r, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

var errProbe = errors.New("only tried")

// canEnd tries, and takes back, that a request can be brought to an end from where it is (L1).
func (m *machine) canEnd(r row) {
	perm := access.PromotionPropose
	if r["state"] == "executing" {
		perm = access.SlotRollback
	}
	err := m.as("root", access.Admin, perm, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		if r["state"] == "executing" {
			_, err = promotion.Abort(ctx, tx, g, r.n("number"), "errors", tx.Now())
		} else {
			_, err = promotion.Cancel(ctx, tx, g, r.n("number"), "", tx.Now())
		}
		if err == nil {
			err = errProbe
		}
		return err
	})
	m.need(errors.Is(err, errProbe), "L1", "PR-%s is %s and cannot be brought to an end: %v", r["number"], r["state"], err)
}

// finish brings all requests to an end (L1).
func (m *machine) finish() {
	for _, r := range m.last.requests {
		if m.request(r["id"]).ended() {
			continue
		}
		n := r.n("number")
		if r["state"] != "executing" {
			_ = m.cancel("root", n)
		} else if m.complete("root", n) != nil {
			_ = m.abort("root", n)
		}
		m.need(m.request(r["id"]).ended(), "L1", "PR-%d did not end", n)
	}
}

func (m *machine) request(id string) row { return m.last.request(id) }

// hours of time for policies.
func hours(n int) promotion.Duration {
	return promotion.Duration(time.Duration(n) * time.Hour / time.Millisecond)
}

func from(roles ...access.Role) promotion.Eligible { return promotion.Eligible{Roles: roles} }

func checksGate(id string, ttl promotion.Duration) promotion.Gate {
	return promotion.Gate{ID: id, Kind: promotion.ChecksGate, Checks: []string{id}, TTL: ttl}
}

// policies are what production asks for, in turn.
func (m *machine) policies() []promotion.Policy {
	anybody := from(access.Reviewer, access.Admin)
	return []promotion.Policy{
		{Rules: []promotion.Rule{{Count: 1, From: anybody}}},
		{Rules: []promotion.Rule{{Count: 2, From: anybody}}, Gates: []promotion.Gate{checksGate("ci", hours(2)), checksGate("red", 0)}, BreakGlass: true, DebtHours: 1},
		{
			Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Teams: []string{m.red}}}, {Count: 1, From: promotion.Eligible{Teams: []string{m.blue}}}},
			Gates: []promotion.Gate{checksGate("ci", hours(2))}, NeverWaived: []string{"ci"}, TTL: hours(24),
		},
		{Rules: []promotion.Rule{{Count: 1, From: anybody}}, FinalReject: true, Supersede: true},
		{Gates: []promotion.Gate{checksGate("ci", hours(2))}, Requires: []string{"staging"}, BreakGlass: true},
	}
}

// frozen is p with a freeze that begins after a while and lasts an hour.
func (m *machine) frozen(p promotion.Policy, after time.Duration) promotion.Policy {
	const local = "2006-01-02T15:04"
	at := m.now.Add(after)
	p.Freezes = []promotion.Freeze{{Name: "holidays", From: at.Format(local), Until: at.Add(time.Hour).Format(local), Zone: "UTC"}}
	return p
}

// push does for a request what leads to its approval, if nobody is against it.
func (m *machine) push(number int64, first int) {
	version := int(m.numbered(number).n("version"))
	for _, name := range []string{"ci", "red"} {
		if strings.Contains(m.last.envs["production"]["policy"], name) {
			_ = m.report(name, version, promotion.CheckSuccess)
		}
	}
	reviewers := []string{"rita", "rob", "tom", "ada", "ann"}
	for i := range reviewers {
		if m.numbered(number)["state"] != "in_review" {
			return
		}
		_ = m.approve(reviewers[(first+i)%len(reviewers)], number)
	}
}

// walk lists the acts of the random walk, those that lead somewhere more often.
var walk = slices.Concat(
	slices.Repeat([]string{"push"}, 8), slices.Repeat([]string{"approve", "create", "execute"}, 5), slices.Repeat([]string{"start", "complete", "pass", "report"}, 3),
	slices.Repeat([]string{"edit", "waive", "rollback", "disable", "policy", "glass"}, 2),
	[]string{"submit", "changes", "reject", "withdraw", "cancel", "unprotect", "protect", "alias", "staging", "role", "team", "revoke", "remove", "restore", "purge", "verify", "abort", "debt", "probe"},
)

// step does one act that pick chooses: pick(n) is a number below n.
func (m *machine) step(pick func(n int) int) {
	of := func(list ...string) string { return list[pick(len(list))] }
	what := of(walk...)
	number, open := int64(0), []row{}
	for _, r := range m.last.requests {
		wanted := map[string]string{"complete": "executing", "abort": "executing", "submit": "draft"}[what]
		if wanted == r["state"] || wanted == "" && !r.ended() || what == "debt" && r["incident"] != "" {
			open = append(open, r)
		}
	}
	var r row
	if len(open) > 0 {
		r = open[pick(len(open))]
		number = r.n("number")
	}
	needs := !slices.Contains([]string{"create", "report", "pass", "rollback", "disable", "policy", "unprotect", "protect", "alias", "staging", "role", "team", "revoke", "remove", "restore", "purge", "verify"}, what)
	if needs && r == nil {
		if len(m.last.requests) > 0 && pick(4) == 0 { // acts on what has ended, which must change nothing
			number = m.last.requests[pick(len(m.last.requests))].n("number")
		} else {
			what = "create"
		}
	}
	proposer := func() string { return of("ed", "eve", "ada", "ann") }
	reviewer := func() string { return of("rita", "rob", "tom", "ada", "ann") }
	operator := func() string {
		if r != nil && pick(3) > 0 {
			return r["author"]
		}
		return of("root", "ada", "eve")
	}
	version := func() int { return 1 + pick(3) }
	_ = map[string]func() error{
		"create": func() error { _, err := m.create(proposer(), int64(version()), pick(8) > 0); return err },
		"submit": func() error { return m.submit(r["author"], number) },
		"edit": func() error {
			notBefore := int64(0)
			if pick(4) == 0 {
				notBefore = m.now.Add(30 * time.Minute).UnixMilli()
			}
			return m.edit(proposer(), number, int64(version()), notBefore)
		},
		"cancel": func() error { return m.cancel(proposer(), number) },
		"approve": func() error {
			seen := m.looks[r["id"]]
			if len(seen) > 0 && pick(6) == 0 {
				return m.decide(reviewer(), number, promotion.Approve, seen[pick(len(seen))])
			}
			return m.approve(reviewer(), number)
		},
		"push":     func() error { m.push(number, pick(5)); return nil },
		"changes":  func() error { return m.decide(reviewer(), number, promotion.RequestChanges, m.see(number)) },
		"reject":   func() error { return m.decide(reviewer(), number, promotion.Reject, m.see(number)) },
		"withdraw": func() error { return m.withdraw(reviewer(), number) },
		"waive":    func() error { return m.waive(reviewer(), number, of("ci", "red"), time.Duration(1+pick(3))*time.Hour) },
		"report": func() error {
			state := promotion.CheckSuccess
			if n := pick(6); n < 2 {
				state = []promotion.CheckState{promotion.CheckFailure, promotion.CheckPending}[n]
			}
			return m.report(of("ci", "red"), version(), state)
		},
		"pass": func() error {
			m.pass([]time.Duration{time.Minute, 31 * time.Minute, time.Hour, 3 * time.Hour}[pick(4)], !m.honest || pick(2) == 0)
			return nil
		},
		"policy": func() error {
			all := m.policies()
			i, f := pick(len(all)), pick(6)
			p := all[i]
			name := fmt.Sprintf("number %d", i)
			if f < 3 {
				after := []time.Duration{0, time.Hour, 2 * time.Hour}[f]
				p, name = m.frozen(p, after), fmt.Sprintf("%s, frozen in %s", name, after)
			}
			return m.rules(name, p)
		},
		"unprotect": m.unprotect,
		"protect":   m.protect,
		"alias":     func() error { return m.alias(of("ed", "root"), "production", int64(version())) },
		"staging":   func() error { return m.alias("ed", "staging", int64(version())) },
		"disable": func() error {
			who := reviewer()
			return m.disable(who, !m.last.people[who].disabled)
		},
		"role": func() error {
			who := of("rita", "rob", "tom", "eve")
			if m.last.people[who].role != string(roles[who]) {
				return m.role(who, roles[who])
			}
			return m.role(who, access.Viewer)
		},
		"team":     func() error { return m.member(of(m.red, m.blue), of("rita", "rob", "tom", "ada"), pick(2) == 0) },
		"revoke":   func() error { return m.revoke(int64(version())) },
		"remove":   func() error { return m.remove(int64(version())) },
		"restore":  func() error { return m.restore(version()) },
		"purge":    func() error { m.purge(version()); return nil },
		"verify":   func() error { return m.verified(version(), of("", "model.bin: its size is another")) },
		"start":    func() error { return m.start(operator(), number) },
		"complete": func() error { return m.complete(operator(), number) },
		"execute":  func() error { return m.execute(operator(), number) },
		"abort":    func() error { return m.abort(of("root", "ada", "ed"), number) },
		"rollback": func() error { return m.rollback(of("root", "ada"), pick(4)) },
		"glass":    func() error { return m.breakGlass("ann", number) },
		"debt":     func() error { return m.closeDebt(reviewer(), number) },
		"probe": func() error {
			if r != nil && !r.ended() {
				m.canEnd(r)
			}
			return nil
		},
	}[what]()
}

// search lets rapid look for a way to break an invariant, from the same seed each time, and for a shorter one for a while.
// It says what was done.
func search(t rapid.TB, w *world, checks int, shrink time.Duration, honest bool, broken func(invariant, story string)) (sum tally) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.checks": fmt.Sprint(checks), "rapid.nofailfile": "true", "rapid.steps": "60", "rapid.shrinktime": shrink.String()} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(w, honest, func(invariant, story string) {
			broken(invariant, story)
			rt.Fatalf("%s: %s", invariant, story)
		})
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }
		first := m.policies()[pick(len(m.policies()))]
		if pick(3) == 0 {
			first = m.frozen(first, time.Hour)
		}
		if err := errors.Join(m.change("the first", first), m.protect()); err != nil {
			rt.Fatal(err)
		}
		if pick(2) == 0 { // something is live already
			if n, err := m.create("ed", 1, true); err == nil {
				m.push(n, 0)
				_ = m.execute("ed", n)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){"act": func(*rapid.T) { m.step(pick) }})
		m.finish()
		sum.add(m.tally)
	})
	return sum
}

// TestMachine walks at random through what people can do to the requests of a model, and looks at all invariants after
// each act.
func TestMachine(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		began, walks := time.Now(), often(40, 2000)
		if w.db.Engine() == "postgres" {
			walks = often(15, 1000) // each statement is a way to the server and back
		}
		sum := search(t, w, walks, 10*time.Second, true, func(string, string) {})
		t.Logf("%+v in %s", sum, time.Since(began).Round(time.Millisecond))
		if sum.completions == 0 || sum.rollbacks == 0 || sum.glasses == 0 {
			t.Errorf("the walk led nowhere: %+v", sum)
		}
	})
}
