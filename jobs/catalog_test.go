package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/clients/catalogsource"
	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// world is a price map that a test changes.
type world struct {
	sync.Mutex

	say   func(w http.ResponseWriter)
	now   atomic.Int64 // calls under way
	most  atomic.Int64 // at the same moment
	calls atomic.Int64
}

func (x *world) set(say func(w http.ResponseWriter)) {
	x.Lock()
	defer x.Unlock()
	x.say = say
}

func (x *world) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	x.calls.Add(1)
	n := x.now.Add(1)
	defer x.now.Add(-1)
	for m := x.most.Load(); n > m && !x.most.CompareAndSwap(m, n); m = x.most.Load() {
	}
	x.Lock()
	say := x.say
	x.Unlock()
	say(w)
}

func text(s string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) { fmt.Fprint(w, s) }
}

// entry is a model of a price map.
func entry(name string, context int, input string, more string) string {
	return fmt.Sprintf(`%q: {"litellm_provider": "acme", "mode": "chat", "max_input_tokens": %d, "input_cost_per_token": %s, "output_cost_per_token": 1e-05%s}`, name, context, input, more)
}

func reader() catalogsource.Reader {
	return catalogsource.Reader{HTTP: httpx.New(httpx.Options{Open: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 5 * time.Second})}
}

func addSource(t *testing.T, db *storage.DB, name, address string) (s catalog.Source) {
	t.Helper()
	storagetest.Write(t, db, access.CatalogConfigure, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		s, err = catalog.AddSource(ctx, tx, g, catalog.Source{Kind: catalog.LiteLLM, Name: name, Address: address, Every: time.Hour.Milliseconds(), Enabled: true}, storage.NewID(tx.Now()), tx.Now())
		return err
	})
	return s
}

// look looks at a source and returns how it is then.
func look(t *testing.T, db *storage.DB, id string) (s catalog.Source) {
	t.Helper()
	if err := catalogSync(db, reader(), nil, slog.New(slog.DiscardHandler))(t.Context(), job.Job{Key: id}); err != nil {
		t.Fatal(err)
	}
	storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		s, err = catalog.SourceByID(ctx, tx, g, access.CatalogRead, id)
		return err
	})
	return s
}

func news(t *testing.T, db *storage.DB) (out []string) {
	t.Helper()
	storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.CatalogRead, g.Workspace()); err != nil {
			return err
		}
		all, err := tx.CatalogChanges(ctx, g.Workspace(), catalog.ChangeQuery{Most: 100})
		for _, c := range all {
			out = append(out, c.Key.String()+" "+string(c.Kind))
		}
		slices.Reverse(out)
		return err
	})
	return out
}

func offeredNow(t *testing.T, db *storage.DB) (x *catalog.Index) {
	t.Helper()
	storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		if err := g.Need(access.CatalogRead, g.Workspace()); err != nil {
			return err
		}
		x, err = tx.CatalogIndex(ctx, g.Workspace())
		return err
	})
	return x
}

func TestCatalogFollowsItsSources(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		at := &world{}
		server := httptest.NewServer(at)
		defer server.Close()
		at.set(text("{" + entry("acme/a", 8000, "1e-06", "") + "," + entry("acme/b", 8000, "1e-06", "") + "}"))
		s := addSource(t, db, "one", server.URL)
		if s = look(t, db, s.ID); s.Models != 2 || s.SyncedAt == 0 || s.DueAt <= s.SyncedAt {
			t.Fatalf("after the first look: %+v", s)
		}
		if n := news(t, db); len(n) != 0 {
			t.Errorf("that a source is new is told as news of its models: %v", n)
		}
		look(t, db, s.ID)
		if n := news(t, db); len(n) != 0 {
			t.Errorf("the same answer is news: %v", n)
		}
		at.set(text("{" + entry("acme/a", 8000, "2e-06", `, "deprecation_date": "2030-01-02"`) + "," + entry("acme/c", 8000, "1e-06", "") + "}"))
		look(t, db, s.ID)
		want := []string{"acme/c new", "acme/a price", "acme/a deprecated", "acme/b removed"}
		if n := news(t, db); !slices.Equal(n, want) {
			t.Errorf("told %v, want %v", n, want)
		}
		x := offeredNow(t, db)
		a, _ := x.Row(catalog.Key{Provider: "acme", ID: "a"})
		b, _ := x.Row(catalog.Key{Provider: "acme", ID: "b"})
		if a.Input != 2_000_000 || a.Deprecated != "2030-01-02" || !b.Gone {
			t.Errorf("believed: %+v, %+v", a, b)
		}
		for name, say := range map[string]func(http.ResponseWriter){
			"a page":           text("<!doctype html><h1>Hello</h1>"),
			"half an answer":   text("{" + entry("acme/a", 8000, "1e-06", "") + ", "),
			"a negative price": text("{" + entry("acme/a", 8000, "-1e-06", "") + "}"),
			"too large":        text("{" + entry("acme/a", 8000, "1e308", "") + "}"),
			"nothing":          text("{}"),
			"an error":         func(w http.ResponseWriter) { http.Error(w, "no", http.StatusInternalServerError) },
			"too many questions": func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "7200")
				http.Error(w, "no", http.StatusTooManyRequests)
			},
			"no leave":     func(w http.ResponseWriter) { http.Error(w, "no", http.StatusUnauthorized) },
			"a wrong type": text(`{"acme/a": {"litellm_provider": "acme", "max_input_tokens": "many"}}`),
			"a long name":  text(fmt.Sprintf(`{"acme/%s": {"litellm_provider": "acme"}}`, string(make([]byte, 1<<20)))),
		} {
			at.set(say)
			bad := look(t, db, s.ID)
			if trouble, is := bad.Trouble(); !is || trouble.Text == "" || trouble.Key == "internal" || bad.SyncedAt == 0 || bad.Models != 2 {
				t.Errorf("%s: %+v", name, bad)
			}
			if name == "too many questions" && bad.DueAt-bad.TriedAt < 7_200_000 {
				t.Errorf("asked again %d ms after it wanted to be left alone", bad.DueAt-bad.TriedAt)
			}
			if after, _ := offeredNow(t, db).Row(catalog.Key{Provider: "acme", ID: "a"}); after.Input != a.Input || after.Gone {
				t.Errorf("%s: what was known did not stay: %+v", name, after)
			}
		}
		at.set(text("{" + entry("acme/a", 8000, "2e-06", "") + "," + entry("acme/b", 8000, "1e-06", "") + "}"))
		if s = look(t, db, s.ID); s.Failures != 0 || s.LastError != "" {
			t.Errorf("after a good answer: %+v", s)
		}
		if n := news(t, db); !slices.Contains(n, "acme/b returned") || !slices.Contains(n, "acme/c removed") {
			t.Errorf("told %v", n)
		}
	})
}

func TestOfTwoSourcesTheUpperIsBelieved(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		serve := func(body string) string {
			at := &world{}
			at.set(text(body))
			server := httptest.NewServer(at)
			t.Cleanup(server.Close)
			return server.URL
		}
		lower := addSource(t, db, "lower", serve("{"+entry("acme/a", 8000, "1e-06", "")+"}"))
		upper := addSource(t, db, "upper", serve("{"+entry("acme/a", 9000, "3e-06", "")+"}"))
		look(t, db, lower.ID)
		look(t, db, upper.ID)
		k := catalog.Key{Provider: "acme", ID: "a"}
		believed := func() catalog.Row { r, _ := offeredNow(t, db).Row(k); return r }
		if r := believed(); r.Input != 3_000_000 || r.Context != 9000 || r.Conflicts != 2 || r.Sources != 2 {
			t.Errorf("with both: %+v", r)
		}
		configure := func(fn func(ctx context.Context, tx *storage.Tx, g access.Grant) error) {
			t.Helper()
			storagetest.Write(t, db, access.CatalogConfigure, fn)
		}
		configure(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return catalog.Believe(ctx, tx, g, lower.ID, true, tx.Now())
		})
		if r := believed(); r.Input != 1_000_000 || r.Conflicts != 2 {
			t.Errorf("after the order changed: %+v", r)
		}
		configure(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			s, err := tx.CatalogSource(ctx, lower.ID)
			if err != nil {
				return err
			}
			s.Enabled = false
			_, err = catalog.ChangeSource(ctx, tx, g, s, tx.Now())
			return err
		})
		if r := believed(); r.Input != 3_000_000 || r.Conflicts != 0 || r.Sources != 1 {
			t.Errorf("with one switched off: %+v", r)
		}
		configure(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			_, err := catalog.RemoveSource(ctx, tx, g, upper.ID, tx.Now())
			return err
		})
		if r := believed(); !r.Gone {
			t.Errorf("with no source left: %+v", r)
		}
		if n := news(t, db); len(n) != 0 {
			t.Errorf("what people set is told as news: %v", n)
		}
	})
}

func TestOneLookAtASourceAtATime(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		at := &world{}
		server := httptest.NewServer(at)
		defer server.Close()
		second := make(chan struct{})
		at.set(func(w http.ResponseWriter) {
			if at.calls.Load() == 1 { // the first look lasts until another was ordered and had its chance
				<-second
			}
			fmt.Fprint(w, "{"+entry("acme/a", 8000, "1e-06", "")+"}")
		})
		log := slog.New(slog.DiscardHandler)
		for range 2 { // as two processes would
			r := Runner{DB: db, Works: []Work{{job.CatalogSync, catalogSync(db, reader(), nil, log)}}, Log: log, Poll: 20 * time.Millisecond}
			defer r.Start(t.Context())()
		}
		s := addSource(t, db, "slow", server.URL)
		waitFor(t, func() bool { return at.calls.Load() >= 1 })
		for range 5 {
			storagetest.Write(t, db, access.CatalogConfigure, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := catalog.SyncNow(ctx, tx, g, s.ID)
				return err
			})
		}
		close(second)
		waitFor(t, func() bool { return at.calls.Load() >= 2 && at.now.Load() == 0 })
		if at.most.Load() != 1 {
			t.Errorf("%d looks at the same moment", at.most.Load())
		}
	})
}

func TestAKeyDoesNotFollowAnotherAddress(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		s := addSource(t, db, "one", "https://one.example")
		change := func(fn func(*catalog.Source)) (out catalog.Source) {
			storagetest.Write(t, db, access.CatalogConfigure, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				to, err := tx.CatalogSource(ctx, s.ID)
				if err != nil {
					return err
				}
				fn(&to)
				out, err = catalog.ChangeSource(ctx, tx, g, to, tx.Now())
				return err
			})
			return out
		}
		if out := change(func(s *catalog.Source) { s.Secret = "k1" }); out.Secret != "k1" {
			t.Fatalf("the key was not kept: %+v", out)
		}
		if out := change(func(s *catalog.Source) { s.Name = "still one" }); out.Secret != "k1" {
			t.Errorf("another name took the key away: %+v", out)
		}
		if out := change(func(s *catalog.Source) { s.Address = "https://two.example" }); out.Secret != "" {
			t.Errorf("the key goes to another host: %+v", out)
		}
	})
}

// waitFor waits until is is so.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(30 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not happen")
		}
	}
}
