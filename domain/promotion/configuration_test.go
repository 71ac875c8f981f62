package promotion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/storage"
)

// council is a world whose production is protected, and whose people change its rules and the team red.
type council struct {
	*world
	story []string
}

func ruled(count int, from promotion.Eligible) promotion.Policy {
	return promotion.Policy{Rules: []promotion.Rule{{Count: count, From: from}}}
}

func roled(count int, roles ...access.Role) promotion.Policy {
	return ruled(count, promotion.Eligible{Roles: roles})
}

// newCouncil protects production under p, and forgets what was requested before.
func newCouncil(w *world, p promotion.Policy) *council {
	c := &council{world: w}
	w.fresh(1)
	for _, q := range []string{
		`UPDATE promotions SET state = 'cancelled', ended_at = 1, due_at = 0 WHERE ended_at = 0`, `UPDATE slots SET active = '' WHERE active <> ''`,
		`UPDATE environments SET policy = '{}', digest = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'`,
	} {
		_, err := w.raw.ExecContext(context.Background(), q)
		w.must(err)
	}
	w.must(c.change(p))
	w.must(c.protect("production"))
	return c
}

// do runs an act of somebody whose account is as the database has it.
func (c *council) do(who string, p access.Perm, what string, fn act) error {
	c.now = c.now.Add(time.Millisecond)
	var role string
	var disabled bool
	c.must(c.raw.QueryRow(`SELECT m.role, u.disabled FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.id = $1`, who).Scan(&role, &disabled))
	if disabled {
		return domain.Fail(domain.Unauthenticated, "access.disabled", "%s is disabled", who)
	}
	err := c.as(who, access.Role(role), p, fn)
	if domain.KindOf(err) == domain.Internal {
		c.t.Fatalf("%s %s: %v\nafter %s", who, what, err, strings.Join(c.story, "\n"))
	}
	if err == nil {
		c.story = append(c.story, who+" "+what)
	}
	return err
}

func (c *council) production() (e slot.Environment, p promotion.Policy) {
	c.must(c.as("root", access.Admin, access.EnvironmentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		e, p, err = promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentRead, "production")
		return err
	}))
	return e, p
}

func (c *council) members(team string) (all []string) {
	rows, err := c.raw.Query(`SELECT user_id FROM team_members WHERE team_id = $1 ORDER BY user_id`, team)
	c.must(err)
	defer rows.Close()
	for rows.Next() {
		var id string
		c.must(rows.Scan(&id))
		all = append(all, id)
	}
	c.must(rows.Err())
	return all
}

func (c *council) change(p promotion.Policy) error {
	e, _ := c.production()
	return c.do("root", access.EnvironmentWrite, "changes the rules", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ChangeEnvironment(ctx, tx, g, "production", p, e.Revision, tx.Now())
		return err
	})
}

func (c *council) protect(name string) error {
	return c.do("root", access.EnvironmentWrite, "protects "+name, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.ProtectEnvironment(ctx, tx, g, name, tx.Now())
		return err
	})
}

func (c *council) unprotect(name string) error {
	return c.do("root", access.EnvironmentUnprotect, "lifts the protection of "+name, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.UnprotectEnvironment(ctx, tx, g, name, "locked out", tx.Now())
		return err
	})
}

func (c *council) disable(who string, yes bool) error {
	return c.do("root", access.UserWrite, fmt.Sprintf("disables %s: %t", who, yes), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return access.SetDisabled(ctx, tx, g, who, yes)
	})
}

func (c *council) member(team, who string, in bool) error {
	return c.do("root", access.EnvironmentWrite, fmt.Sprintf("puts %s into a team: %t", who, in), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return promotion.SetTeamMember(ctx, tx, g, team, who, in)
	})
}

// rules requests rules for production, and gives the number of the request.
func (c *council) rules(who string, to promotion.Rules) (number int64, err error) {
	e, _ := c.production()
	err = c.do(who, access.EnvironmentWrite, "requests other rules", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		r, err := promotion.ProposeRules(ctx, tx, g, "production", to, "we decided so", e.Revision, tx.Now())
		number = r.Number
		return err
	})
	return number, err
}

func (c *council) team(who, team string, members ...string) (number int64, err error) {
	were := c.members(team)
	err = c.do(who, access.EnvironmentWrite, "requests other members", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		r, err := promotion.ProposeTeam(ctx, tx, g, team, were, members, "they joined", tx.Now())
		number = r.Number
		return err
	})
	return number, err
}

func (c *council) find(number int64) (r promotion.Request) {
	c.must(c.as("root", access.Admin, access.PromotionRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		r, err = promotion.Find(ctx, tx, g, access.PromotionRead, number)
		return err
	}))
	return r
}

func (c *council) decide(who string, number int64, d promotion.Decision, seen promotion.Binding) error {
	return c.do(who, access.PromotionReview, fmt.Sprintf("says %s to PR-%d", d, number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := promotion.Decide(ctx, tx, g, number, d, "seen", seen, tx.Now())
		return err
	})
}

func (c *council) approve(who string, number int64) error {
	return c.decide(who, number, promotion.Approve, c.find(number).Binding())
}

func (c *council) edit(who string, number, version int64) error {
	return c.do(who, access.PromotionPropose, fmt.Sprintf("edits PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		r, err := promotion.Find(ctx, tx, g, access.PromotionPropose, number)
		if err != nil {
			return err
		}
		_, err = promotion.Edit(ctx, tx, g, number, version, "said better", 0, r.Revision, tx.Now())
		return err
	})
}

func (c *council) carry(who string, number int64, acts ...func(context.Context, promotion.Tx, access.Grant, int64, time.Time) (promotion.Request, error)) error {
	return c.do(who, access.PromotionExecute, fmt.Sprintf("carries out PR-%d", number), func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for _, a := range acts {
			if _, err := a(ctx, tx, g, number, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *council) execute(who string, number int64) error {
	return c.carry(who, number, promotion.Execute)
}

// same reports whether production is as to has it.
func (c *council) same(to promotion.Rules) bool {
	e, p := c.production()
	had, err := p.Digest()
	c.must(err)
	want, err := to.Policy.Digest()
	c.must(err)
	return e.Protected == to.Protected && had == want && e.Digest == had
}

func TestConfigurations(t *testing.T) {
	var (
		one     = roled(1, access.Reviewer)
		two     = promotion.Rules{Protected: true, Policy: roled(2, access.Reviewer, access.Admin)}
		open    = promotion.Rules{Policy: one}
		refused = func(t *testing.T, err error, key string) {
			t.Helper()
			if e := domain.As(err); e == nil || e.Key != key {
				t.Errorf("got %v, want %s", err, key)
			}
		}
		is = func(t *testing.T, c *council, number int64, s promotion.State, cause string) {
			t.Helper()
			if r := c.find(number); r.State != s || r.Cause != cause {
				t.Errorf("PR-%d is %s %s, want %s %s", number, r.State, r.Cause, s, cause)
			}
		}
		asked = func(t *testing.T, c *council, who string, to promotion.Rules) int64 {
			t.Helper()
			n, err := c.rules(who, to)
			if err != nil {
				t.Fatal(err)
			}
			is(t, c, n, promotion.InReview, "")
			return n
		}
	)
	corners := map[string]func(t *testing.T, c *council){
		"what was approved is what is in force": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", two)
			refused(t, c.execute("ada", n), "promotion.unmet")
			c.must(c.approve("rita", n))
			is(t, c, n, promotion.Approved, "")
			if !c.same(promotion.Rules{Protected: true, Policy: one}) {
				t.Error("it changed before it was carried out")
			}
			c.must(c.execute("ada", n))
			is(t, c, n, promotion.Completed, "")
			if !c.same(two) {
				t.Error("it is not what was approved")
			}
			m := asked(t, c, "ada", promotion.Rules{Protected: true, Policy: one})
			c.must(c.approve("rita", m))
			refused(t, c.execute("ada", m), "promotion.unmet") // the rules in force ask for two
			c.must(c.approve("ann", m))
			c.must(c.execute("ada", m))
			s := c.find(m).SlotID
			var generation, lines int64
			c.must(c.raw.QueryRow(`SELECT generation, (SELECT COUNT(*) FROM slot_changes WHERE slot_id = slots.id) FROM slots WHERE id = $1`, s).Scan(&generation, &lines))
			if generation != lines || generation < 2 {
				t.Errorf("generation %d, %d changes", generation, lines)
			}
		},
		"neither its author nor its last editor approves": func(t *testing.T, c *council) {
			c.must(c.unprotect("production"))
			c.must(c.change(roled(1, access.Reviewer, access.Admin)))
			c.must(c.protect("production"))
			n := asked(t, c, "ada", two)
			refused(t, c.approve("ada", n), "promotion.own")
			c.must(c.approve("ann", n))
			c.must(c.edit("ann", n, c.find(n).Candidate.Number))
			is(t, c, n, promotion.InReview, "")
			refused(t, c.approve("ann", n), "promotion.own_edit")
			refused(t, c.execute("ada", n), "promotion.unmet")
			refused(t, c.edit("ann", n, c.find(n).Candidate.Number+1), "promotion.fixed")
			c.must(c.approve("rita", n))
			c.must(c.execute("ada", n))
		},
		"an approval is of what was shown": func(t *testing.T, c *council) {
			n, m := asked(t, c, "ada", two), asked(t, c, "ann", open)
			refused(t, c.decide("rita", n, promotion.Approve, c.find(m).Binding()), "promotion.stale")
			seen := c.find(n).Binding()
			c.must(c.approve("rita", m))
			c.must(c.execute("ann", m))
			refused(t, c.decide("rita", n, promotion.Approve, seen), "promotion.not_in_review")
		},
		"what was changed meanwhile is not overwritten": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", two)
			c.must(c.approve("rita", n))
			c.must(c.unprotect("production"))
			is(t, c, n, promotion.Blocked, "gates")
			c.must(c.change(roled(1, access.Reviewer, access.Admin)))
			c.must(c.protect("production"))
			is(t, c, n, promotion.Blocked, "gates")
			refused(t, c.execute("ada", n), "promotion.unmet")
			refused(t, c.approve("rob", n), "promotion.not_in_review")
		},
		"nor between its two acts": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", two)
			c.must(c.approve("rita", n))
			c.must(c.carry("ada", n, promotion.Start))
			c.must(c.unprotect("production"))
			refused(t, c.carry("ada", n, promotion.Complete), "promotion.base_changed")
			if c.same(two) {
				t.Error("it is in force all the same")
			}
		},
		"who leaves takes the approval along": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", two)
			c.must(c.approve("rita", n))
			c.must(c.disable("rita", true))
			is(t, c, n, promotion.InReview, "")
			refused(t, c.execute("ada", n), "promotion.unmet")
		},
		"approvals under other rules do not count": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", two)
			m, err := c.team("ada", c.red, "rita") // production does not count on red
			refused(t, err, "team.not_held")
			if m != 0 {
				t.Error("a request all the same")
			}
			c.must(c.approve("rita", n))
			c.must(c.unprotect("production"))
			c.must(c.change(ruled(1, promotion.Eligible{Teams: []string{c.red}})))
			c.must(c.protect("production"))
			n, err = c.team("ada", c.red, "rita", "rob")
			c.must(err)
			c.must(c.approve("tom", n))
			m = asked(t, c, "ada", promotion.Rules{Protected: true, Policy: one})
			c.must(c.approve("tom", m))
			c.must(c.execute("ada", m))
			if got := c.find(n); got.State != promotion.Blocked { // nothing protected counts on red any more
				t.Errorf("it is %s", got.State)
			}
			refused(t, c.execute("ada", n), "promotion.unmet")
		},
		"members come and go as approved": func(t *testing.T, c *council) {
			c.must(c.unprotect("production"))
			c.must(c.change(ruled(1, promotion.Eligible{Teams: []string{c.red}})))
			c.must(c.protect("production"))
			refused(t, c.member(c.red, "rob", true), "team.protected")
			_, err := c.team("ada", c.red)
			c.must(err)
			n, err := c.team("ada", c.red, "rob", "tom", "tom")
			c.must(err)
			is(t, c, n-1, promotion.Blocked, "gates") // a team of nobody approves nothing
			c.must(c.approve("rita", n))
			c.must(c.execute("ada", n))
			if got := c.members(c.red); !slices.Equal(got, []string{"rob", "tom"}) {
				t.Errorf("red is %v", got)
			}
			_, err = c.team("ada", c.red, "rob", "nobody")
			refused(t, err, "team.nobody")
			_, err = c.team("ada", c.red, "tom", "rob")
			refused(t, err, "promotion.no_change")
		},
		"the environment of the highest rank decides about a team": func(t *testing.T, c *council) {
			c.must(c.unprotect("production"))
			c.must(c.change(ruled(1, promotion.Eligible{Teams: []string{c.red}})))
			staging := ruled(1, promotion.Eligible{Teams: []string{c.red}, Roles: []access.Role{access.Admin}})
			c.must(c.do("root", access.EnvironmentWrite, "rules of staging", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				e, _, err := promotion.EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, "staging")
				if err == nil {
					_, err = promotion.ChangeEnvironment(ctx, tx, g, "staging", staging, e.Revision, tx.Now())
				}
				return err
			}))
			c.must(c.protect("staging"))
			n, err := c.team("ada", c.red, "rita", "rob")
			c.must(err)
			c.must(c.approve("ann", n))
			is(t, c, n, promotion.Approved, "")
			c.must(c.protect("production")) // which would have its own people decide
			is(t, c, n, promotion.Blocked, "gates")
			refused(t, c.execute("ada", n), "promotion.unmet")
			if n, err = c.team("ada", c.red, "rita", "rob"); err != nil {
				t.Fatal(err)
			}
			refused(t, c.approve("ann", n), "promotion.not_eligible")
			c.must(c.approve("tom", n))
			c.must(c.execute("ada", n))
		},
		"who is in the teams of new rules is a part of what was approved": func(t *testing.T, c *council) {
			n := asked(t, c, "ada", promotion.Rules{Protected: true, Policy: ruled(1, promotion.Eligible{Teams: []string{c.red}})})
			c.must(c.approve("rita", n))
			is(t, c, n, promotion.Approved, "")
			c.must(c.member(c.red, "ann", true))
			is(t, c, n, promotion.InReview, "")
			refused(t, c.execute("ada", n), "promotion.unmet")
		},
		"rules that nobody could meet": func(t *testing.T, c *council) {
			_, err := c.rules("ada", promotion.Rules{Protected: true, Policy: roled(9, access.Reviewer)})
			refused(t, err, "policy.few")
			_, err = c.rules("ada", promotion.Rules{Protected: true})
			refused(t, err, "env.no_rules")
			n := asked(t, c, "ada", promotion.Rules{Protected: true, Policy: roled(3, access.Reviewer)})
			c.must(c.disable("rob", true))
			is(t, c, n, promotion.Blocked, "gates")
			c.must(c.disable("rob", false))
			is(t, c, n, promotion.InReview, "")
		},
		"neither a freeze nor another environment nor an emergency has a say": func(t *testing.T, c *council) {
			frozen := one
			frozen.Freezes = []promotion.Freeze{{Name: "for good", Start: "2020-01-01T00:00", Rule: "FREQ=DAILY", Long: promotion.Duration(24 * time.Hour / time.Millisecond), Zone: "UTC"}}
			frozen.Requires, frozen.BreakGlass = []string{"staging"}, true
			frozen.Gates = []promotion.Gate{{ID: "scan", Kind: promotion.ScanGate, Worst: "clean"}}
			c.must(c.unprotect("production"))
			c.must(c.change(frozen))
			c.must(c.protect("production"))
			n := asked(t, c, "ada", promotion.Rules{Protected: true, Policy: one})
			refused(t, c.do("ann", access.PromotionBreak, "breaks the glass", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.BreakGlass(ctx, tx, g, n, "INC-1", "it is on fire, and nobody is here", "production/production", tx.Now())
				return err
			}), "promotion.glass_rules")
			refused(t, c.do("rita", access.PromotionReview, "waives", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.WaiveGate(ctx, tx, g, n, "base", "we looked at it by hand today", tx.Now().Add(time.Hour).UnixMilli(), tx.Now())
				return err
			}), "promotion.never_waived")
			c.must(c.approve("rita", n))
			c.must(c.execute("ada", n))
			if !c.same(promotion.Rules{Protected: true, Policy: one}) {
				t.Error("the freeze is still there")
			}
		},
		"where nobody need approve a version, somebody else approves other rules": func(t *testing.T, c *council) {
			c.must(c.unprotect("production"))
			c.must(c.change(promotion.Policy{Gates: []promotion.Gate{{ID: "scan", Kind: promotion.ScanGate, Worst: "clean"}}}))
			c.must(c.protect("production"))
			n := asked(t, c, "ada", open)
			refused(t, c.execute("ada", n), "promotion.unmet")
			waits := func(who string) (found bool) {
				c.must(c.do(who, access.PromotionRead, "looks at the inbox", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
					all, err := promotion.ToReview(ctx, tx, g)
					found = slices.ContainsFunc(all, func(r promotion.Request) bool { return r.Number == n })
					return err
				}))
				return found
			}
			if !waits("rita") || waits("ada") || waits("ed") {
				t.Error("it waits for others than those who can approve it")
			}
			c.must(c.approve("rita", n))
			c.must(c.execute("ada", n))
			if e, _ := c.production(); e.Protected {
				t.Error("it is still protected")
			}
			_, err := c.rules("ada", two)
			refused(t, err, "env.not_protected")
			c.must(c.change(two.Policy))
		},
		"only who administers requests, and the server may carry out": func(t *testing.T, c *council) {
			for _, who := range []string{"ed", "rita"} {
				if _, err := c.rules(who, two); domain.KindOf(err) != domain.Forbidden {
					t.Errorf("%s: %v", who, err)
				}
			}
			auto := one
			auto.AutoExecute = true
			n := asked(t, c, "ada", promotion.Rules{Protected: true, Policy: auto})
			c.must(c.approve("rita", n))
			c.must(c.execute("ada", n))
			n = asked(t, c, "ada", two)
			c.must(c.approve("rita", n))
			refused(t, c.execute("ed", n), "promotion.unmet")
			c.must(c.as("system:promotions", "", access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				all, err := promotion.ToExecute(ctx, tx, g)
				if err == nil && !slices.ContainsFunc(all, func(r promotion.Request) bool { return r.Number == n }) {
					t.Error("the server does not see it")
				}
				return err
			}))
			c.must(c.as("system:promotions", "", access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Execute(ctx, tx, g, n, tx.Now())
				return err
			}))
		},
		"the same is requested once": func(t *testing.T, c *council) {
			asked(t, c, "ada", two)
			_, err := c.rules("ann", two)
			refused(t, err, "promotion.exists")
			_, err = c.rules("ann", promotion.Rules{Protected: true, Policy: one})
			refused(t, err, "promotion.no_change")
			refused(t, c.change(two.Policy), "env.protected")
			refused(t, c.do("root", access.EnvironmentWrite, "deletes production", func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.DeleteEnvironment(ctx, tx, g, "production")
				return err
			}), "env.protected_delete")
		},
	}
	each(t, func(t *testing.T, w *world) {
		for name, corner := range corners {
			t.Run(name, func(t *testing.T) {
				w.t = t
				c := newCouncil(w, one)
				corner(t, c)
				_ = c.unprotect("staging")
			})
		}
	})
}

// TestOneConfigurationWins carries two approved changes of the same rules out at the same moment.
func TestOneConfigurationWins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dbs := []*storage.DB{w.db, w.db}
		if w.db.Engine() == "postgres" {
			dbs[1] = w.open(w.dsn)
		}
		for round := range often(10, 200) {
			c := newCouncil(w, roled(1, access.Reviewer))
			to := []promotion.Rules{{Protected: true, Policy: roled(2, access.Reviewer, access.Admin)}, {Policy: roled(1, access.Reviewer)}}
			numbers := make([]int64, len(to))
			for i, r := range to {
				var err error
				numbers[i], err = c.rules([]string{"ada", "ann"}[i], r)
				c.must(err)
				c.must(c.approve("rita", numbers[i]))
			}
			errs := make([]error, len(to))
			var all sync.WaitGroup
			for i, n := range numbers {
				all.Go(func() {
					errs[i] = write(dbs[i], []string{"ada", "ann"}[i], access.Admin, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
						_, err := promotion.Execute(ctx, tx, g, n, tx.Now())
						return err
					})
				})
			}
			all.Wait()
			won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
			if won < 0 || errs[1-won] == nil || !c.same(to[won]) || c.find(numbers[1-won]).State != promotion.Blocked {
				t.Fatalf("round %d: %v", round, errs)
			}
		}
	})
}

// TestConfigurationWalk does random acts, and looks after each whether rules and teams of the protected production changed
// otherwise than by a request that enough others had approved. Without one of the defences it has to notice.
func TestConfigurationWalk(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		changes := 0
		for seed := range uint64(often(4, 200)) {
			n, fault := walkConfigurations(w, seed, 120)
			if changes += n; fault != "" {
				t.Fatalf("seed %d: %s", seed, fault)
			}
		}
		if changes < 5 {
			t.Errorf("only %d changes were carried out", changes)
		}
		t.Logf("%d changes carried out", changes)
	})
	t.Run("without a defence", func(t *testing.T) {
		defences := [][]string{{"editor"}, {"binding", "invalidation", "recheck"}, {"departed"}}
		if soak() {
			defences = append(defences, []string{"author"}) // which takes long to be noticed
		}
		for _, guards := range defences {
			t.Run(strings.Join(guards, " "), func(t *testing.T) {
				w := onSQLite(t)
				defer promotion.Without(guards...)()
				for seed := range uint64(60) {
					if _, fault := walkConfigurations(w, seed, 120); fault != "" {
						t.Logf("seed %d: %s", seed, fault[:min(len(fault), 200)])
						return
					}
				}
				t.Error("nothing was noticed")
			})
		}
	})
}

// inForce is what protects production: its rules, and who is in red where they count on it.
type inForce struct {
	rules, members string
	policy         promotion.Policy
	protected      bool
}

func (c *council) inForce() (f inForce) {
	e, p := c.production()
	text, err := json.Marshal(promotion.Rules{Protected: e.Protected, Policy: p})
	c.must(err)
	f.rules, f.policy, f.protected = string(text), p, e.Protected
	if strings.Contains(e.Policy, c.red) {
		f.members = strings.Join(c.members(c.red), " ")
	}
	return f
}

// agreed counts those whose approval of a request counts, by its rows alone.
func (c *council) agreed(number int64, p promotion.Policy) (who []string) {
	rows, err := c.raw.Query(`
		SELECT v.reviewer FROM promotion_reviews v JOIN promotions p ON p.id = v.promotion_id JOIN users u ON u.id = v.reviewer JOIN memberships m ON m.user_id = u.id
		 WHERE p.number = $1 AND v.decision = 'approve' AND v.withdrawn_at = 0 AND v.reviewer <> p.author AND v.reviewer <> p.editor AND NOT u.disabled
		   AND v.candidate = p.digest AND v.revision = p.revision AND v.base_generation = p.base_generation AND v.policy = (SELECT digest FROM environments WHERE id = p.environment_id)
		   AND NOT EXISTS (SELECT 1 FROM promotion_reviews l WHERE l.promotion_id = p.id AND l.reviewer = v.reviewer AND l.at > v.at)`, number)
	c.must(err)
	defer rows.Close()
	for rows.Next() {
		var id string
		c.must(rows.Scan(&id))
		from := p.Rules[0].From
		if slices.Contains(from.Roles, roles[id]) || len(from.Teams) > 0 && slices.Contains(c.members(c.red), id) {
			who = append(who, id)
		}
	}
	c.must(rows.Err())
	return who
}

func walkConfigurations(w *world, seed uint64, steps int) (changes int, fault string) {
	dice := rand.New(rand.NewPCG(seed, 1))
	c := newCouncil(w, roled(1, access.Reviewer))
	pick := func(all ...string) string { return all[dice.IntN(len(all))] }
	policies := []promotion.Policy{roled(1, access.Reviewer), roled(2, access.Reviewer, access.Admin), ruled(1, promotion.Eligible{Teams: []string{c.red}})}
	var numbers []int64
	var looks []struct {
		number int64
		seen   promotion.Binding
	}
	number, by := int64(0), ""
	for range steps {
		was, before := c.inForce(), map[int64][]string{}
		numbers = slices.DeleteFunc(numbers, func(n int64) bool {
			s := c.find(n).State
			return s.Ended() || s == promotion.Blocked && dice.IntN(3) == 0 // nobody comes back to it
		})
		for _, n := range numbers {
			if was.protected {
				before[n] = c.agreed(n, was.policy)
			}
		}
		if len(numbers) == 0 {
			number = 0
		} else if !slices.Contains(numbers, number) || dice.IntN(4) == 0 { // people stay with what they are at
			number = numbers[dice.IntN(len(numbers))]
		}
		if by == "" || dice.IntN(2) == 0 {
			by = pick("ada", "ann", "root", "rita", "rob", "tom")
		}
		host := false
		switch act := dice.IntN(40); {
		case !was.protected:
			_ = c.change(policies[dice.IntN(len(policies))])
			_ = c.protect("production")
		case act < 6 && len(numbers) < 4:
			if n, err := c.rules(pick("ada", "ann"), promotion.Rules{Protected: dice.IntN(6) > 0, Policy: policies[dice.IntN(len(policies))]}); err == nil {
				numbers = append(numbers, n)
			}
		case act < 9 && len(numbers) < 4:
			if n, err := c.team(pick("ada", "ann"), c.red, []string{"rita", "rob", "tom"}[dice.IntN(2):]...); err == nil {
				numbers = append(numbers, n)
			}
		case act < 23 && number != 0:
			r := c.find(number)
			if dice.IntN(5) == 0 {
				by = r.Author
			}
			looks = append(looks, struct {
				number int64
				seen   promotion.Binding
			}{number, r.Binding()})
			l := looks[len(looks)-1]
			if dice.IntN(4) == 0 { // a page that was opened before
				l = looks[max(0, len(looks)-1-dice.IntN(4))]
			}
			_ = c.decide(by, l.number, promotion.Approve, l.seen)
		case act < 26 && number != 0:
			_ = c.edit(by, number, c.find(number).Candidate.Number)
		case act < 35 && number != 0:
			_ = c.execute(c.find(number).Author, number)
		case act < 37:
			for _, who := range []string{"rita", "rob"} {
				_ = c.disable(who, slices.Contains(before[number], who))
			}
		case act < 38 && dice.IntN(3) == 0:
			host = c.unprotect("production") == nil
		default:
			_ = c.change(policies[dice.IntN(len(policies))])
			_ = c.member(c.red, pick("rita", "rob", "tom", "ada"), dice.IntN(2) == 0)
		}
		now := c.inForce()
		done := []int64{}
		for _, n := range numbers {
			if c.find(n).State == promotion.Completed {
				done = append(done, n)
			}
		}
		say := func(format string, args ...any) string {
			return fmt.Sprintf(format, args...) + "\nafter " + strings.Join(c.story, "\n      ")
		}
		if was.protected && !host && len(done) == 0 && (now.rules != was.rules || now.members != was.members) {
			return changes, say("something changed without a request")
		}
		for _, n := range done {
			changes++
			var document, kind string
			c.must(c.raw.QueryRow(`SELECT c.document, c.kind FROM promotions p JOIN configurations c ON c.id = p.version_id WHERE p.number = $1`, n).Scan(&document, &kind))
			got := now.rules
			if kind == "team" {
				text, err := json.Marshal(promotion.Members{Members: c.members(c.red)})
				c.must(err)
				got = string(text)
			}
			if a, b := canonicalOf(c, got), canonicalOf(c, document); a != b {
				return changes, say("PR-%d put in force %s, approved was %s", n, a, b)
			}
			if need := was.policy.Rules[0].Count; len(before[n]) < need || !was.protected || len(done) > 1 {
				return changes, say("PR-%d was carried out with %v of %d", n, before[n], need)
			}
		}
	}
	return changes, ""
}

// canonicalOf is JSON whose names are in order.
func canonicalOf(c *council, text string) string {
	var v any
	c.must(json.Unmarshal([]byte(text), &v))
	out, err := json.Marshal(v)
	c.must(err)
	return string(out)
}
