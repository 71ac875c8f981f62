package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/slipway-ml/slipway/clients/slipway"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// TestRivalProcesses lets two servers on one PostgreSQL carry out at the same moment the same request, or two requests for
// one slot: one of them does, and the other says clearly why it did not.
func TestRivalProcesses(t *testing.T) {
	dsn, data := storagetest.Postgres(t), t.TempDir()
	binary := build(t)
	servers := []*server{start(t, binary, data, "--db", dsn), start(t, binary, data, "--db", dsn)}
	const versions = 3
	p := rivals(t, binary, dsn, data, versions)
	ed, rita := p.as(t, servers[0], "ed"), p.as(t, servers[1], "rita")

	rounds := 20
	if os.Getenv("SLIPWAY_SOAK") != "" {
		rounds = 1000
	}
	ctx, began := t.Context(), time.Now()
	live, open, last := int64(0), map[int64]int64{}, client.Slot{} // open: the number of the request for a version
	for round := range rounds {
		var asked []int64
		for v := int64(1); v <= versions && len(asked) < 2; v++ {
			if v == live {
				continue
			}
			if open[v] == 0 {
				r, err := ed.Request(ctx, "churn", v, "production", "better")
				if err != nil {
					t.Fatal(err)
				}
				open[v] = r.Number
			}
			seen, err := rita.Promotion(ctx, open[v])
			if err == nil {
				seen, err = rita.Approve(ctx, seen, "")
			}
			if err != nil || seen.State != "approved" {
				t.Fatalf("round %d: %s is %s: %v", round, seen.Name, seen.State, err)
			}
			asked = append(asked, open[v])
		}
		if round%2 == 0 {
			asked[1] = asked[0]
		}
		var answers [2]answer
		var ready, all sync.WaitGroup
		ready.Add(2)
		for i, number := range asked {
			all.Go(func() {
				ready.Done()
				ready.Wait()
				answers[i] = p.execute(servers[(i+round/2)%2], "ed", number)
			})
		}
		all.Wait()

		winner, loser := 0, 1
		if answers[0].Status != http.StatusOK {
			winner, loser = 1, 0
		}
		won, lost := answers[winner], answers[loser]
		if won.Status != http.StatusOK || won.State != "completed" || lost.Status != http.StatusConflict || lost.Key != "promotion.unmet" || lost.Detail == "" || len(lost.Unmet) == 0 {
			t.Fatalf("round %d: %+v and %+v", round, won, lost)
		}
		live = won.Version
		delete(open, live)
		for _, s := range servers {
			var alias struct {
				Version struct{ Version string } `json:"model_version"`
			}
			var story struct {
				Changes []struct{ Generation, Promotion int64 }
			}
			p.get(t, s, "ed", "/api/2.0/mlflow/registered-models/alias?name=churn&alias=production", &alias)
			p.get(t, s, "ed", "/api/v1/slots/production/churn/history?limit=1", &story)
			now, err := p.as(t, s, "ed").Slot(ctx, "production", "churn")
			if err != nil || now.Live == nil || now.Live.Version != live || now.Busy || now.Generation != int64(round)+1 || alias.Version.Version != fmt.Sprint(live) ||
				story.Changes[0].Generation != now.Generation || story.Changes[0].Promotion != won.Number {
				t.Fatalf("round %d: %v, slot %+v, alias %+v, history %+v", round, err, now, alias, story)
			}
			last = now
		}
	}
	if n := p.changes(t); n != int64(rounds) {
		t.Errorf("the history has %d lines after %d rounds", n, rounds)
	}
	out, err := slipway(t, binary, "", "audit", "verify", "--data", data, "--db", dsn)
	if err != nil || !strings.Contains(out, "workspace/default  ok") {
		t.Errorf("the audit log: %v\n%s", err, out)
	}
	t.Logf("%d rounds on two processes, generation %d, in %s", rounds, last.Generation, time.Since(began).Round(time.Millisecond))
}

// rival are the people of these tests by name, with their tokens, and the database behind the servers.
type rival struct {
	db     *storage.DB
	tokens map[string]string
}

// rivals makes people, a model, and production protected by one approval.
func rivals(t *testing.T, binary, dsn, data string, versions int64) rival {
	t.Helper()
	p := rival{tokens: map[string]string{}}
	for who, role := range map[string]string{"ed": "editor", "rita": "reviewer"} {
		if out, err := slipway(t, binary, "correct horse battery staple\n", "user", "create", who, "--role", role, "--password-stdin", "--data", data, "--db", dsn); err != nil {
			t.Fatal(err, out)
		}
		out, err := slipway(t, binary, "", "token", "create", "--user", who, "--name", "t", "--scope", "admin", "--data", data, "--db", dsn)
		if err != nil {
			t.Fatal(err, out)
		}
		p.tokens[who] = strings.TrimSpace(out)
	}
	db, err := storage.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p.db = db
	storagetest.Write(t, db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		m, err := registry.CreateModel(ctx, tx, g, registry.Model{Name: "churn"}, tx.Now())
		for n := int64(1); n <= versions && err == nil; n++ {
			id, now := tracking.NewID(), tx.Now().UnixMilli()
			err = tx.AddVersion(ctx, registry.Version{
				ID: id, ModelID: m.ID, Workspace: m.Workspace, Number: n, Source: "x", Stage: registry.StageNone, Standing: registry.Pinned,
				Digest: id + id, Manifest: `{"files":[],"kind":"model"}`, CreatedAt: now, UpdatedAt: now,
			})
		}
		return err
	})
	storagetest.Write(t, db, access.EnvironmentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		rules := promotion.Policy{Rules: []promotion.Rule{{Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Reviewer}}}}}
		if _, err := promotion.ChangeEnvironment(ctx, tx, g, "production", rules, 1, tx.Now()); err != nil {
			return err
		}
		_, err := promotion.ProtectEnvironment(ctx, tx, g, "production", tx.Now())
		return err
	})
	return p
}

func (p rival) as(t *testing.T, s *server, who string) *client.Client {
	t.Helper()
	c, err := client.New(s.url, p.tokens[who])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer is what a server said: the promotion, or the error.
type answer struct {
	Status  int `json:"-"`
	Number  int64
	Version int64
	State   string
	Key     string
	Detail  string
	Unmet   []client.Unmet
}

// execute asks once: the client of the command line would ask again after a fault of the server, and hide it.
func (p rival) execute(s *server, who string, number int64) (a answer) {
	res, err := p.send(http.MethodPost, fmt.Sprintf("%s/api/v1/promotions/%d/execute", s.url, number), who)
	if err != nil {
		return answer{Detail: err.Error()}
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		a.Detail = err.Error()
	}
	a.Status = res.StatusCode
	return a
}

func (p rival) get(t *testing.T, s *server, who, path string, out any) {
	t.Helper()
	res, err := p.send(http.MethodGet, s.url+path, who)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", path, res.Status, err)
	}
}

func (p rival) send(method, url, who string) (*http.Response, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.tokens[who])
	return http.DefaultClient.Do(req)
}

// changes counts the lines of the only slot's history.
func (p rival) changes(t *testing.T) (n int64) {
	t.Helper()
	storagetest.Read(t, p.db, access.EnvironmentRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		const portion = 500
		for below := int64(0); ; {
			some, err := promotion.SlotStory(ctx, tx, g, "production", "churn", below, portion)
			if err != nil {
				return err
			}
			if n += int64(len(some)); len(some) < portion {
				return nil
			}
			below = some[len(some)-1].Generation
		}
	})
	return n
}

// slipway runs a command of the program and returns what it printed.
func slipway(t *testing.T, binary, in string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ(), strings.NewReader(in), &out, &out
	err := cmd.Run()
	return out.String(), err
}
