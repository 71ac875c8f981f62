package promotion_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/storage"
)

// soak reports whether this is a long run (make soak).
func soak() bool { return os.Getenv("SLIPWAY_SOAK") != "" }

// often is a number of times, or another in a long run.
func often(usual, long int) int {
	if soak() {
		return long
	}
	return usual
}

// TestOneWinner lets many approved requests for one slot be executed at the same moment, on PostgreSQL by two servers: one
// of them wins each round, and the others are refused and have to be looked at again.
func TestOneWinner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const at = 4 // once
		dbs := []*storage.DB{w.db, w.db}
		if w.db.Engine() == "postgres" {
			dbs[1] = w.open(w.dsn)
		}
		m := newMachine(w, true, func(invariant, story string) { t.Fatalf("%s: %s", invariant, story) })
		began, rounds, live := time.Now(), often(20, 1000), int64(0)
		for round := range rounds {
			nth := round%50 + 1 // of this model: its history is read after each act
			if nth == 1 {
				m.model, m.asset, m.versions = w.fresh(at + 1)
				m.last, live = w.read(m.asset), 0
				m.under(m.policies()[0])
			}
			m.story = nil
			for v := int64(1); v <= at+1; v++ {
				if n := m.openFor(v); v != live && n == 0 && m.open() < at {
					m.ask([]string{"ed", "eve"}[v%2], v)
				}
			}
			var asked []row
			for _, r := range m.last.requests {
				if !r.ended() {
					m.agree("rita", r.n("number"))
					asked = append(asked, r)
				}
			}
			m.now = m.now.Add(time.Second)
			errs := make([]error, len(asked))
			var ready, all sync.WaitGroup
			ready.Add(len(asked))
			for i, r := range asked {
				all.Go(func() {
					ready.Done()
					ready.Wait()
					errs[i] = write(dbs[i%2], r["author"], access.Editor, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
						_, err := promotion.Execute(ctx, tx, g, r.n("number"), tx.Now())
						return err
					})
				})
			}
			all.Wait()
			m.last = w.read(m.asset)
			winners := 0
			for i, err := range errs {
				r := m.request(asked[i]["id"])
				switch e := domain.As(err); {
				case err == nil && r["state"] == "completed":
					winners++
					live = r.n("version")
				case e == nil || e.Key != "promotion.unmet" || r["state"] != "in_review":
					t.Fatalf("round %d: PR-%s is %s: %v", round, r["number"], r["state"], err)
				}
			}
			s := m.last.slots[0]
			if winners != 1 || s.n("generation") != int64(nth) || s.n("version") != live || len(m.last.changes[s["id"]]) != nth || m.last.aliases["production"] != live {
				t.Fatalf("round %d of %d at once: %d winners, %v", round, len(asked), winners, s)
			}
		}
		t.Logf("%d rounds of %d in %s", rounds, at, time.Since(began).Round(time.Millisecond))
	})
}

func (m *machine) open() (n int) {
	for _, r := range m.last.requests {
		if !r.ended() {
			n++
		}
	}
	return n
}

// openFor is the number of the open request for a version, 0 for none.
func (m *machine) openFor(version int64) int64 {
	for _, r := range m.last.requests {
		if !r.ended() && r.n("version") == version {
			return r.n("number")
		}
	}
	return 0
}

// TestAliasNeverMissing reads as fast as it can, by the alias and in the tables, while promotions are executed: production
// names one version at every moment, the one that the slot names.
func TestAliasNeverMissing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := newMachine(w, true, func(invariant, story string) { t.Fatalf("%s: %s", invariant, story) })
		m.under(m.policies()[0])
		release := func(v int64) { // without the oracle, which would take longer than the acts
			var r promotion.Request
			w.now = w.now.Add(time.Second)
			w.must(w.as("ed", access.Editor, access.PromotionPropose, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				if r, err = promotion.Create(ctx, tx, g, "production", m.model, v, "better", tx.Now()); err == nil {
					r, err = promotion.Submit(ctx, tx, g, r.Number, tx.Now())
				}
				return err
			}))
			w.must(w.as("rita", access.Reviewer, access.PromotionReview, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Decide(ctx, tx, g, r.Number, promotion.Approve, "", r.Binding(), tx.Now())
				return err
			}))
			w.must(w.as("ed", access.Editor, access.PromotionExecute, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := promotion.Execute(ctx, tx, g, r.Number, tx.Now())
				return err
			}))
		}
		release(1)
		var (
			ctx    = t.Context()
			stop   = make(chan struct{})
			done   sync.WaitGroup
			reads  int
			seen   = map[string]int{}
			faults []string
			env    = m.last.envs["production"]["id"]
		)
		look := func() (string, error) {
			rows, err := w.raw.QueryContext(ctx, `
				SELECT s.version, COALESCE(a.version, 0) FROM slots s LEFT JOIN model_aliases a ON a.model_id = s.asset_id AND a.alias = 'production'
				 WHERE s.asset_id = $1 AND s.environment_id = $2`, m.asset, env)
			if err != nil {
				return "", err
			}
			defer rows.Close()
			found := ""
			for rows.Next() {
				var there, named int64
				if err := rows.Scan(&there, &named); err != nil {
					return "", err
				}
				found += fmt.Sprintf("slot %d alias %d;", there, named)
			}
			return found, rows.Err()
		}
		resolve := func() (string, error) {
			g, err := access.Authorize(access.LocalUser(), access.ModelRead, access.DefaultWorkspace, access.Origin{})
			if err != nil {
				return "", err
			}
			number := int64(0)
			err = w.db.Read(ctx, g, func(tx *storage.Tx) error {
				v, err := registry.VersionByAlias(ctx, tx, g, access.ModelRead, m.model, "production")
				number = v.Number
				return err
			})
			return fmt.Sprintf("version %d", number), err
		}
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, read := range []func() (string, error){look, resolve} {
					got, err := read()
					if err != nil {
						faults = append(faults, err.Error())
						return
					}
					reads++
					seen[got]++
				}
			}
		})
		began := time.Now()
		for i := range int64(100) {
			release(2 - i%2)
		}
		close(stop)
		done.Wait()
		for got := range seen {
			switch got {
			case "version 1", "version 2", "slot 1 alias 1;", "slot 2 alias 2;":
			default:
				faults = append(faults, got)
			}
		}
		if len(faults) > 0 || reads < 100 || len(seen) != 4 {
			t.Errorf("%d reads, %v: %v", reads, seen, faults)
		}
		t.Logf("100 promotions, %d reads in %s", reads, time.Since(began).Round(time.Millisecond))
	})
}
