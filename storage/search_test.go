package storage_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// seedRuns makes runs of every kind: with and without values, NaN, ties, case and Unicode, in the trash.
func seedRuns(t testing.TB, db *storage.DB, n int) (out []tracking.Run) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(n)))
	words := []string{"a", "A", "b", "B%", "c_d", "ß", "É", "é", "long value", "0.1", "'", "x\"y", "\\"}
	storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for i := range n {
			run, err := tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0", Name: words[r.IntN(len(words))], UserID: words[r.IntN(3)], StartTime: int64(r.IntN(n / 3))})
			if err != nil {
				return err
			}
			b := tracking.Batch{}
			for _, key := range []string{"m", "loss"} {
				if v := r.IntN(6); v > 0 {
					m := tracking.Metric{Key: key, Value: float64(v) / 4}
					if v == 5 {
						m.Value = math.NaN()
					}
					b.Metrics = append(b.Metrics, m)
				}
			}
			for _, key := range []string{"lr", "opt/x"} {
				if r.IntN(4) > 0 {
					b.Params = append(b.Params, tracking.Param{Key: key, Value: words[r.IntN(len(words))]})
					b.Tags = append(b.Tags, tracking.Tag{Key: key, Value: words[r.IntN(len(words))]})
				}
			}
			if err := tracking.Log(ctx, tx, g, run.ID, b); err != nil {
				return err
			}
			if i%3 == 0 {
				if _, err := tracking.UpdateRun(ctx, tx, g, run.ID, tracking.RunChange{Status: tracking.Finished, EndTime: int64(100 + r.IntN(50))}); err != nil {
					return err
				}
			}
			if i%2 == 0 {
				d := tracking.Dataset{Name: words[r.IntN(3)], Digest: fmt.Sprint(r.IntN(3))}
				if err := tracking.LogInputs(ctx, tx, g, run.ID, []tracking.DatasetInput{{Dataset: d, Tags: []tracking.Tag{{Key: tracking.TagContext, Value: "train"}}}}, nil); err != nil {
					return err
				}
			}
			out = append(out, run)
		}
		return nil
	})
	storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for i := 0; i < n; i += 10 {
			if err := tracking.DeleteRun(ctx, tx, g, out[i].ID, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range out {
		out[i] = fullRun(t, db, out[i].ID)
	}
	return out
}

var filters = []string{
	"",
	"metrics.m > 0.5", "metrics.m >= 0.5", "metrics.m < 0.5", "metrics.m <= 0.5", "metrics.m = 0.5", "metrics.m != 0.5", "metrics.loss = 0.25 AND metrics.m > 0",
	"params.lr = 'a'", "params.lr != 'a'", "params.lr LIKE '%'", "params.lr LIKE 'b\\%'", "params.lr LIKE 'B%'", "params.lr ILIKE 'b%'", "params.lr LIKE '_'", "params.lr ILIKE 'é'", "params.lr IS NULL", "params.lr IS NOT NULL",
	"params.`opt/x` = '0.1'", "tags.lr = 'A'", "tags.`opt/x` ILIKE 'LONG%'", "tags.nothing IS NULL", "tags.nothing != 'x'",
	"status = 'FINISHED'", "status != 'FINISHED'", "user_id = 'A'", "run_name ILIKE 'a'", "run_name LIKE 'c_d'", "end_time > 120", "end_time <= 120", "start_time >= 10 AND start_time < 20.5", "artifact_uri LIKE '%artifacts'",
	"datasets.name = 'a'", "datasets.digest IN ('1', '2')", "datasets.context = 'train'", "datasets.name NOT IN ('a')", "run_name = '\\'", "run_name = 'x\"y'", "run_name = ''''",
	"params.lr = 'a' OR params.lr = 'b'", "NOT params.lr = 'a'", "NOT (metrics.m > 0.5 OR params.lr IS NULL)", "(params.lr = 'a' OR tags.lr = 'A') AND metrics.m != 1", "NOT NOT metrics.m > 0",
}

var orderings = [][]string{
	nil, {"metrics.m"}, {"metrics.m DESC"}, {"metrics.m DESC", "params.lr"}, {"metrics.loss", "metrics.m DESC"}, {"params.lr DESC"}, {"tags.lr"}, {"start_time"}, {"end_time DESC"}, {"end_time"}, {"run_name", "metrics.m"}, {"user_id DESC", "status"}, {"run_id DESC"}, {"metrics.nothing"},
}

// Every filter in every order, page by page, finds what a plain evaluation of the tree over all runs finds.
func TestSearchRuns(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		all := seedRuns(t, db, 120)
		for _, filter := range filters {
			for i, by := range orderings {
				if filter != "" && i > 4 {
					continue
				}
				q, err := tracking.ParseRunQuery(filter, by)
				if err != nil {
					t.Fatalf("%q %v: %v", filter, by, err)
				}
				q.View = []tracking.View{tracking.ActiveOnly, tracking.AllStages, tracking.DeletedOnly}[i%3]
				check(t, db, all, q, filter)
			}
		}
	})
}

func check(t *testing.T, db *storage.DB, all []tracking.Run, q tracking.Query, filter string) {
	t.Helper()
	var want []string
	for _, r := range ordered(all, q.Order) {
		if visible(r, q.View) && (q.Filter == nil || holds(q.Filter, r)) {
			want = append(want, r.ID)
		}
	}
	var got []string
	q.Experiments = []string{"0", "77"}[:1+len(filter)%2]
	for _, q.Limit = range []int{17, 500} {
		got = nil
		for q.After = ""; ; {
			var page tracking.Page[tracking.Run]
			storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				page, err = tracking.SearchRuns(ctx, tx, g, q)
				return err
			})
			for _, r := range page.Items {
				got = append(got, r.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
			if len(page.Items) != q.Limit {
				t.Fatalf("%q: a page of %d that is not the last", filter, len(page.Items))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("filter %q, order %v, view %s, pages of %d: got %d runs, want %d, or another order", filter, q.Order, q.View, q.Limit, len(got), len(want))
		}
	}
}

func visible(r tracking.Run, v tracking.View) bool {
	return v == tracking.AllStages || r.Deleted() == (v == tracking.DeletedOnly)
}

// place is where a run stands by one key: lane 0 with a value, 1 with NaN, 2 without.
func place(r tracking.Run, o tracking.Order) (lane int, n float64, s string) {
	switch o.Entity {
	case search.Metric:
		for _, m := range r.Metrics {
			if m.Key == o.Key {
				if math.IsNaN(m.Value) {
					return 1, 0, ""
				}
				return 0, m.Value, ""
			}
		}
		return 2, 0, ""
	case search.Param, search.Tag:
		if v, ok := label(r, o.Entity, o.Key); ok {
			return 0, 0, v
		}
		return 2, 0, ""
	default:
	}
	s, n, isNumber := attribute(r, o.Key)
	if isNumber && o.Key == "end_time" && n == 0 {
		return 2, 0, ""
	}
	return 0, n, s
}

func ordered(all []tracking.Run, by []tracking.Order) []tracking.Run {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b tracking.Run) int {
		for _, o := range by {
			la, na, sa := place(a, o)
			lb, nb, sb := place(b, o)
			c := cmp.Or(cmp.Compare(na, nb), strings.Compare(sa, sb))
			if o.Desc {
				c = -c
			}
			if c = cmp.Or(cmp.Compare(la, lb), c); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(b.StartTime, a.StartTime), strings.Compare(a.ID, b.ID))
	})
	return out
}

func label(r tracking.Run, e search.Entity, key string) (string, bool) {
	if e == search.Param {
		for _, p := range r.Params {
			if p.Key == key {
				return p.Value, true
			}
		}
		return "", false
	}
	for _, tag := range r.Tags {
		if tag.Key == key {
			return tag.Value, true
		}
	}
	return "", false
}

func attribute(r tracking.Run, key string) (s string, n float64, isNumber bool) {
	switch key {
	case "run_id":
		return r.ID, 0, false
	case "run_name":
		return r.Name, 0, false
	case "status":
		return string(r.Status), 0, false
	case "user_id":
		return r.UserID, 0, false
	case "artifact_uri":
		return r.ArtifactURI, 0, false
	case "start_time":
		return "", float64(r.StartTime), true
	default:
		return "", float64(r.EndTime), true
	}
}

func holds(e search.Expr, r tracking.Run) bool {
	switch e := e.(type) {
	case search.And:
		return !slices.ContainsFunc(e, func(x search.Expr) bool { return !holds(x, r) })
	case search.Or:
		return slices.ContainsFunc(e, func(x search.Expr) bool { return holds(x, r) })
	case search.Not:
		return !holds(e.X, r)
	case search.Clause:
		return compares(e, r)
	}
	panic("unknown node")
}

func compares(c search.Clause, r tracking.Run) bool {
	switch c.Entity {
	case search.Metric:
		lane, n, _ := place(r, tracking.Order{Order: search.Order{Entity: c.Entity, Key: c.Key}})
		return lane == 0 && number(c, n) || lane == 1 && c.Op == search.Ne
	case search.Param, search.Tag:
		v, ok := label(r, c.Entity, c.Key)
		if c.Op == search.IsNull || c.Op == search.NotNull {
			return ok == (c.Op == search.NotNull)
		}
		return ok && text(c, v)
	case search.Dataset:
		return slices.ContainsFunc(r.Datasets, func(d tracking.DatasetInput) bool {
			return text(c, map[string]string{"name": d.Dataset.Name, "digest": d.Dataset.Digest, "context": d.Tags[0].Value}[c.Key])
		})
	default:
	}
	s, n, isNumber := attribute(r, c.Key)
	if isNumber {
		return (c.Key != "end_time" || n != 0) && number(c, n)
	}
	return text(c, s)
}

func number(c search.Clause, n float64) bool {
	return map[search.Op]bool{
		search.Eq: n == c.Num, search.Ne: n != c.Num, search.Lt: n < c.Num, search.Le: n <= c.Num, search.Gt: n > c.Num, search.Ge: n >= c.Num,
	}[c.Op]
}

func text(c search.Clause, s string) bool {
	switch c.Op {
	case search.Eq:
		return s == c.Str
	case search.Ne:
		return s != c.Str
	case search.In:
		return slices.Contains(c.List, s)
	case search.NotIn:
		return !slices.Contains(c.List, s)
	default:
		return search.Match(c.Str, s, c.Op == search.ILike)
	}
}

// Runs that arrive while somebody pages do not make the rest of the pages skip or repeat anything.
func TestPagesStayWhileRunsArrive(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		seedRuns(t, db, 60)
		for _, by := range orderings[:5] {
			q, err := tracking.ParseRunQuery("", by)
			if err != nil {
				t.Fatal(err)
			}
			q.Experiments, q.Limit = []string{"0"}, 11
			before := map[string]bool{}
			seen := map[string]bool{}
			all := q
			all.Limit = 1000
			storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				page, err := tracking.SearchRuns(ctx, tx, g, all)
				for _, r := range page.Items {
					before[r.ID] = true
				}
				return err
			})
			for {
				var page tracking.Page[tracking.Run]
				storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
					page, err = tracking.SearchRuns(ctx, tx, g, q)
					return err
				})
				for _, r := range page.Items {
					if seen[r.ID] {
						t.Fatalf("order %v: run %s came twice", by, r.ID)
					}
					seen[r.ID] = true
				}
				if q.After = page.Next; q.After == "" {
					break
				}
				r := createRun(t, db, tracking.Run{StartTime: 1 << 40})
				mustLog(t, db, r.ID, tracking.Batch{Metrics: []tracking.Metric{{Key: "m", Value: 0.6}}})
			}
			for id := range before {
				if !seen[id] {
					t.Fatalf("order %v: run %s was skipped", by, id)
				}
			}
		}
	})
}

func TestArtifactEntries(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			put := func(path string) error {
				return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: "default", Path: path, Size: int64(len(path)), Digest: strings.Repeat("0", 64)})
			}
			for i := range 1200 {
				if err := put(fmt.Sprintf("0/r/artifacts/deep/%04d/file", i)); err != nil {
					return err
				}
			}
			for _, p := range []string{"0/r/artifacts/a-b", "0/r/artifacts/a/x", "0/r/artifacts/a.txt", "0/r/artifacts/été/x y#%.txt", "0/r/artifacts-not"} {
				if err := put(p); err != nil {
					return err
				}
			}
			for _, p := range []string{"0/r/artifacts/a", "0/r/artifacts/a-b/below", "0/r"} {
				if put(p) == nil {
					t.Errorf("%q stands where there is something else", p)
				}
			}
			return nil
		})
		ls := func(folder string) (names []string) {
			storagetest.Read(t, db, access.ArtifactRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				es, err := tracking.ListArtifacts(ctx, tx, g, folder)
				for _, e := range es {
					names = append(names, map[bool]string{true: "/", false: ""}[e.IsDir]+e.Name)
				}
				return err
			})
			return names
		}
		if got := ls("0/r/artifacts"); !slices.Equal(got, []string{"a-b", "a.txt", "/a", "/deep", "/été"}) {
			t.Errorf("got %q", got)
		}
		if got := ls("0/r/artifacts/deep"); len(got) != 1200 || got[1199] != "/1199" {
			t.Errorf("got %d entries", len(got))
		}
		if ls("0/r/artifacts/a-b") != nil || ls("nothing") != nil || !slices.Equal(ls(""), []string{"/0"}) {
			t.Error("a file and a missing path have nothing in them, the root has all")
		}
		storagetest.Write(t, db, access.ArtifactDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.DeleteArtifacts(ctx, tx, g, "0/r/artifacts/a")
		})
		if got := ls("0/r/artifacts"); !slices.Equal(got, []string{"a-b", "a.txt", "/deep", "/été"}) {
			t.Errorf("after deleting a: %q", got)
		}
	})
}
