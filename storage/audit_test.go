package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqldb"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

const workspaceChain = "workspace/" + access.DefaultWorkspace

// act leaves one line of the person who in the chain of p, with a reason in their words.
func act(t testing.TB, db *storage.DB, who string, p access.Perm, subject string) error {
	t.Helper()
	g := storagetest.Grant(t, who, access.Admin, p)
	return db.Write(t.Context(), g, func(tx *storage.Tx) error {
		return errors.Join(g.Need(p, g.Workspace()), tx.Emit(t.Context(), event.Event{
			Kind: "version.revoked", Subject: subject, Data: map[string]any{"model": "scorer", "version": "1", "reason": event.Text{Value: "reason of " + subject}},
		}))
	})
}

func hostGrant(t testing.TB, p access.Perm) access.Grant {
	t.Helper()
	g, err := access.Authorize(access.System("host"), p, access.DefaultWorkspace, access.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// verified is what a verification of all chains finds.
func verified(t testing.TB, db *storage.DB, seen ...audit.Head) (r audit.Report) {
	t.Helper()
	g := hostGrant(t, access.AuditServer)
	if err := db.Read(t.Context(), g, func(tx *storage.Tx) (err error) {
		r, err = audit.CheckAll(t.Context(), tx, g, seen...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

func heads(t testing.TB, db *storage.DB) (hs []audit.Head) {
	t.Helper()
	g := hostGrant(t, access.AuditServer)
	if err := db.Read(t.Context(), g, func(tx *storage.Tx) (err error) {
		hs, err = audit.Heads(t.Context(), tx, g)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return hs
}

// raw runs statements as somebody does who has the database.
func raw(t testing.TB, db *storage.DB, statements ...string) error {
	t.Helper()
	g := storagetest.Grant(t, "ada", access.Admin, access.Maintain)
	return db.Write(t.Context(), g, func(tx *storage.Tx) error {
		for _, q := range statements {
			if err := storage.Exec(t.Context(), tx, q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return g.Need(access.Maintain, g.Workspace())
	})
}

// disarm takes the triggers away.
func disarm(t testing.TB, db *storage.DB) {
	t.Helper()
	off := []string{`DROP TRIGGER audit_lines_stay`, `DROP TRIGGER audit_lines_remain`}
	if db.Engine() == sqldb.Postgres {
		off = []string{`DROP TRIGGER audit_lines_stay ON audit_lines`}
	}
	if err := raw(t, db, off...); err != nil {
		t.Fatal(err)
	}
}

func TestAuditLines(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for i := range 5 {
			if err := act(t, db, "ada", access.ModelRevoke, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := act(t, db, "bob", access.UserWrite, "u"); err != nil {
			t.Fatal(err)
		}
		g := storagetest.Grant(t, "ada", access.Admin, access.ModelRevoke)
		if err := db.Write(t.Context(), g, func(*storage.Tx) error { return g.Need(access.ModelRevoke, g.Workspace()) }); err != nil { // it changed nothing
			t.Fatal(err)
		}
		failed := errors.New("no")
		if err := db.Write(t.Context(), g, func(tx *storage.Tx) error {
			return errors.Join(tx.Emit(t.Context(), event.Event{Kind: "x", Subject: "y"}), failed)
		}); !errors.Is(err, failed) {
			t.Errorf("a write that failed: %v", err)
		}
		w := storagetest.Grant(t, "ada", access.Admin, access.RunWrite)
		if err := db.Write(t.Context(), w, func(tx *storage.Tx) error {
			return errors.Join(w.Need(access.RunWrite, w.Workspace()), tx.Emit(t.Context(), event.Event{Kind: "run.ended", Subject: "y"}))
		}); err != nil {
			t.Fatal(err)
		}
		r := verified(t, db)
		if f := r.Fault(); f != nil || len(r.Chains) != 2 || r.Chains[0].Lines != 1 || r.Chains[1].Lines != 5 || r.Chains[1].Texts != 5 {
			t.Errorf("%v %+v", f, r)
		}
		for _, q := range []string{
			`UPDATE audit_lines SET actor = 'eve' WHERE seq = 1`, `DELETE FROM audit_lines WHERE seq = 1`, `DELETE FROM audit_lines`,
		} {
			if err := raw(t, db, q); err == nil || !strings.Contains(err.Error(), "audit log are never") {
				t.Errorf("%s: %v", q, err)
			}
		}
	})
}

func TestAuditSearch(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for i := range 30 {
			if err := act(t, db, []string{"ada", "bob"}[i%2], []access.Perm{access.ModelRevoke, access.RunDelete, access.ModelWrite}[i%3], "s"+strconv.Itoa(i%5)); err != nil {
				t.Fatal(err)
			}
		}
		g := storagetest.Grant(t, "vic", access.Viewer, access.AuditRead)
		find := func(q audit.Query) (numbers []int64) {
			t.Helper()
			q.Chain, q.Limit = workspaceChain, 7
			for {
				var found audit.Found
				if err := db.Read(t.Context(), g, func(tx *storage.Tx) (err error) {
					found, err = audit.Search(t.Context(), tx, g, q)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				for _, l := range found.Lines {
					numbers = append(numbers, l.Seq)
					if len(found.With(l).Texts) != 1 {
						t.Errorf("line %d has the texts %+v", l.Seq, found.Texts)
					}
				}
				if q.After = found.Next; q.After == "" {
					return numbers
				}
			}
		}
		for _, c := range []struct {
			name string
			q    audit.Query
			is   func(i int) bool
		}{
			{"all", audit.Query{}, func(int) bool { return true }},
			{"an actor's", audit.Query{Actor: "bob"}, func(i int) bool { return i%2 == 1 }},
			{"an action's", audit.Query{Action: "run.delete"}, func(i int) bool { return i%3 == 1 }},
			{"an object's", audit.Query{Object: "s2"}, func(i int) bool { return i%5 == 2 }},
			{"a name's", audit.Query{Object: "scorer"}, func(int) bool { return true }},
			{"all of these", audit.Query{Actor: "ada", Action: "model.revoke", Object: "s1"}, func(i int) bool { return i%2 == 0 && i%3 == 0 && i%5 == 1 }},
			{"of nobody", audit.Query{Actor: "eve"}, func(int) bool { return false }},
			{"until then", audit.Query{To: 1}, func(int) bool { return false }},
			{"since then", audit.Query{From: 1}, func(int) bool { return true }},
			{"later", audit.Query{From: time.Now().Add(time.Hour).UnixMilli()}, func(int) bool { return false }},
			{"one", audit.Query{Seq: 9}, func(i int) bool { return i == 8 }},
		} {
			var want []int64
			for i := 29; i >= 0; i-- {
				if c.is(i) {
					want = append(want, int64(i+1))
				}
			}
			if got := find(c.q); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", c.name, got, want)
			}
		}
		if got := find(audit.Query{Oldest: true}); len(got) != 30 || got[0] != 1 || got[29] != 30 {
			t.Errorf("the oldest first: %v", got)
		}
		for _, chain := range []string{audit.ServerChain, "workspace/other", ""} {
			err := db.Read(t.Context(), g, func(tx *storage.Tx) error {
				_, err := audit.Search(t.Context(), tx, g, audit.Query{Chain: chain, Limit: 1})
				return err
			})
			if err == nil {
				t.Errorf("a viewer sees the chain %q", chain)
			}
		}
	})
}

// Whoever writes at the same time, on any number of connections, the lines of a chain stand one behind the other.
func TestAuditConcurrentWriters(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		const writers, each = 8, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					p := []access.Perm{access.ModelRevoke, access.UserWrite}[i%2]
					if err := act(t, db, fmt.Sprint("u", w), p, fmt.Sprint(w, ".", i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r := verified(t, db)
		if f := r.Fault(); f != nil {
			t.Errorf("%+v", f)
		}
		var lines int64
		for _, c := range r.Chains {
			lines += c.Lines
		}
		if lines != writers*each {
			t.Errorf("%d lines of %d", lines, writers*each)
		}
	})
}

func TestEraseKeepsVerify(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var ada, bob access.User
		storagetest.Write(t, db, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			if ada, err = access.CreateUser(ctx, tx, g, storage.NewID(tx.Now()), "ada.lovelace", "h", access.Admin, tx.Now()); err != nil {
				return err
			}
			bob, err = access.CreateUser(ctx, tx, g, storage.NewID(tx.Now()), "bob.byron", "h", access.Editor, tx.Now())
			return err
		})
		for _, u := range []access.User{ada, bob} {
			storagetest.Write(t, db, access.SessionOpen, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return access.OpenSession(ctx, tx, g, u, access.NewSecret(""), "", tx.Now())
			})
			storagetest.Write(t, db, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := access.CreateToken(ctx, tx, g, access.UserWrite, access.Token{ID: storage.NewID(tx.Now()), UserID: u.ID, Name: "laptop of " + u.Name, Scopes: access.Scopes}, access.NewSecret(access.TokenPrefix), tx.Now())
				return err
			})
			if err := act(t, db, u.ID, access.ModelRevoke, "m"); err != nil {
				t.Fatal(err)
			}
		}
		before := verified(t, db)
		erase := func(u access.User) error {
			return storagetest.TryWrite(t, db, access.UserWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return access.EraseUser(ctx, tx, g, u.ID)
			})
		}
		if erase(ada) == nil {
			t.Error("the last administrator was erased")
		}
		if err := erase(bob); err != nil {
			t.Fatal(err)
		}
		after := verified(t, db, heads(t, db)...)
		if f := after.Fault(); f != nil {
			t.Errorf("%+v", f)
		}
		if was, is := before.Chains[0].Texts+before.Chains[1].Texts, after.Chains[0].Texts+after.Chains[1].Texts; was-is != 3 { // two names and a reason; without an address
			t.Errorf("%d texts were there and %d are", was, is)
		}
		storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			for _, q := range []string{
				`SELECT COUNT(*) FROM users WHERE name LIKE '%bob%'`, `SELECT COUNT(*) FROM audit_texts WHERE text LIKE '%bob%'`,
				`SELECT COUNT(*) FROM audit_lines WHERE facts LIKE '%bob%' OR facts LIKE '%ada.l%' OR facts LIKE '%reason of%'`,
				`SELECT COUNT(*) FROM outbox WHERE CAST(data AS TEXT) LIKE '%bob%'`,
				`SELECT COUNT(*) FROM web_sessions WHERE user_id = '` + bob.ID + `'`, `SELECT COUNT(*) FROM api_tokens WHERE user_id = '` + bob.ID + `'`,
				`SELECT COUNT(*) FROM memberships WHERE user_id = '` + bob.ID + `'`, `SELECT COUNT(*) - 1 FROM users WHERE disabled AND password_hash = ''`,
			} {
				var n int64
				if err := storage.Scan(ctx, tx, q, &n); err != nil || n != 0 {
					t.Errorf("%s: %d %v", q, n, err)
				}
			}
			return nil
		})
		if err := raw(t, db, `DELETE FROM audit_texts WHERE subject = '`+ada.ID+`'`); err != nil {
			t.Fatal(err)
		}
		if f := verified(t, db).Fault(); f == nil || f.Reason != audit.LostText {
			t.Errorf("texts of somebody who was not erased are gone, and the verification says %v", f)
		}
	})
}

// What was in the table before the chains is in them after an upgrade, with what is about people beside.
func TestAuditIsCarriedOver(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		const n = 450
		var insert []string
		for i := range n {
			insert = append(insert, fmt.Sprintf(`INSERT INTO audit_log (id, at, workspace_id, actor, token, permission, facts, request_id, address)
				VALUES ('%06d', %d, 'default', 'u1', '', '%s', '%s', 'r%d', '10.0.0.7')`, i, 1_800_000_000_000+i,
				[]string{"model.revoke", "user.write"}[i%2],
				[]string{`[{"kind": "version.revoked", "subject": "v", "data": {"reason": "it leaks", "model": "m"}}]`, `[{"subject": "u2", "kind": "user.created", "data": {"name": "bob", "role": "admin"}}]`}[i%2], i))
		}
		insert = append(insert, `INSERT INTO audit_log (id, at, workspace_id, actor, token, permission, facts) VALUES ('x', 1900000000000, 'other', '', '', 'session.open', '[{"kind":"session.opened","subject":"u3","data":{"name":"eve"}}]')`)
		if err := raw(t, db, insert...); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r := verified(t, db)
		if f := r.Fault(); f != nil || len(r.Chains) != 2 || r.Chains[0].Lines != n/2+1 || r.Chains[1].Lines != n/2 || r.Chains[0].Texts != n+1 || r.Chains[1].Texts != n {
			t.Errorf("%v %+v", f, r)
		}
		storagetest.Read(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.Maintain, g.Workspace()); err != nil {
				return err
			}
			for q, want := range map[string]int64{
				`SELECT COUNT(*) FROM audit_log`: 0,
				`SELECT COUNT(*) FROM audit_lines WHERE facts LIKE '%leaks%' OR facts LIKE '%bob%' OR facts LIKE '%eve%'`: 0,
				`SELECT COUNT(*) FROM audit_texts WHERE subject = 'u2' AND text = 'bob'`:                                  n / 2,
				`SELECT COUNT(*) FROM audit_texts WHERE subject = 'u1' AND text = '10.0.0.7'`:                             n,
				`SELECT COUNT(*) FROM audit_lines WHERE request_id = 'r7' AND seq = 4 AND at = 1800000000007`:             1,
			} {
				var got int64
				if err := storage.Scan(ctx, tx, q, &got); err != nil || got != want {
					t.Errorf("%s: %d %v, want %d", q, got, err, want)
				}
			}
			return nil
		})
	})
}

// 500 random edits, deletions, insertions, exchanges and truncations in the database, each alone, by somebody who has taken the
// triggers away. All are found, and where it can be known the first bad line is named.
func TestTampering(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		const lines, attempts = 40, 500
		for i := range lines {
			if err := act(t, db, "ada", access.ModelRevoke, "s"+strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		seen := heads(t, db)
		if f := verified(t, db, seen...).Fault(); f != nil || len(seen) != 1 {
			t.Fatalf("%+v %+v", f, seen)
		}
		disarm(t, db)
		tables := []string{"audit_lines", "audit_heads", "audit_objects", "audit_texts"}
		var keep, restore []string
		for _, table := range tables {
			keep = append(keep, `CREATE TABLE kept_`+table+` AS SELECT * FROM `+table)
			restore = append(restore, `DELETE FROM `+table, `INSERT INTO `+table+` SELECT * FROM kept_`+table)
		}
		if err := raw(t, db, keep...); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(9, 2026))
		kinds := map[string]int{}
		for n := range attempts {
			how := tamperings[n%len(tamperings)]
			seq := 1 + random.Int64N(lines)
			statements, first := how.do(random, seq, lines)
			if err := raw(t, db, statements...); err != nil {
				t.Fatalf("%s of %d: %v", how.name, seq, err)
			}
			f := verified(t, db, seen...).Fault()
			switch {
			case f == nil:
				t.Errorf("%d: %s of %d was not found: %q", n, how.name, seq, statements)
			case first != 0 && f.Seq != first:
				t.Errorf("%d: %s of %d: the first bad line is said to be %d (%s), and is %d", n, how.name, seq, f.Seq, f.Reason, first)
			default:
				kinds[how.name]++
			}
			if err := raw(t, db, restore...); err != nil {
				t.Fatal(err)
			}
		}
		if f := verified(t, db, seen...).Fault(); f != nil {
			t.Errorf("what was put back is found: %+v", f)
		}
		t.Log(kinds)
	})
}

// tampering does something to the line with number seq of n, and says which line is the first bad one, 0 where that cannot be known.
type tampering struct {
	name string
	do   func(r *rand.Rand, seq, n int64) (statements []string, first int64)
}

func edit(table, set, where string) string {
	return `UPDATE ` + table + ` SET ` + set + ` WHERE ` + where
}

func at(seq int64) string { return "seq = " + strconv.FormatInt(seq, 10) }

var texts = []string{"chain", "actor", "token", "action", "objects", "facts", "request_id", "source", "source_of", "prev", "hash"}

var tamperings = []tampering{
	{"an edit of a text", func(r *rand.Rand, seq, _ int64) ([]string, int64) {
		column := texts[r.IntN(len(texts))]
		first := seq
		if column == "chain" {
			first = 0 // the line is gone from one chain and stands in another
		}
		return []string{edit("audit_lines", column+" = "+column+" || 'x'", at(seq))}, first
	}},
	{"an edit inside of a text", func(r *rand.Rand, seq, _ int64) ([]string, int64) {
		from := []string{"scorer", "reason", "version", ":", "[", ","}[r.IntN(6)]
		return []string{edit("audit_lines", "facts = REPLACE(facts, '"+from+"', '"+from+" ')", at(seq))}, seq
	}},
	{"an edit of an instant", func(r *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{edit("audit_lines", "at = at + "+strconv.Itoa(1+r.IntN(1000)), at(seq))}, seq
	}},
	{"a deletion", func(_ *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{`DELETE FROM audit_lines WHERE ` + at(seq)}, seq
	}},
	{"a deletion with the others moved up", func(_ *rand.Rand, seq, n int64) (out []string, first int64) {
		out = []string{`DELETE FROM audit_lines WHERE ` + at(seq)}
		for i := seq + 1; i <= n; i++ {
			out = append(out, edit("audit_lines", "seq = seq - 1", at(i)))
		}
		return append(out, edit("audit_heads", "seq = seq - 1", "TRUE")), seq
	}},
	{"an insertion", func(_ *rand.Rand, seq, n int64) (out []string, first int64) {
		for i := n; i >= seq; i-- {
			out = append(out, edit("audit_lines", "seq = seq + 1", at(i)))
		}
		return append(out, `INSERT INTO audit_lines SELECT chain, `+strconv.FormatInt(seq, 10)+`, at, 'eve', token, action, objects, facts, request_id, source, source_of, prev, hash
			FROM audit_lines WHERE `+at(seq+1), edit("audit_heads", "seq = seq + 1", "TRUE")), seq
	}},
	{"an insertion at the end", func(_ *rand.Rand, seq, n int64) ([]string, int64) {
		return []string{`INSERT INTO audit_lines SELECT chain, ` + strconv.FormatInt(n+1, 10) + `, at, actor, token, action, objects, facts, request_id, source, source_of, prev, hash
			FROM audit_lines WHERE ` + at(seq)}, n + 1
	}},
	{"an exchange", func(r *rand.Rand, seq, n int64) ([]string, int64) {
		other := 1 + (seq-1+1+r.Int64N(n-1))%n
		return []string{
			edit("audit_lines", "seq = 1000000", at(seq)), edit("audit_lines", "seq = "+strconv.FormatInt(seq, 10), at(other)),
			edit("audit_lines", "seq = "+strconv.FormatInt(other, 10), "seq = 1000000"),
		}, min(seq, other)
	}},
	{"a truncation", func(_ *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{`DELETE FROM audit_lines WHERE seq >= ` + strconv.FormatInt(seq, 10)}, seq
	}},
	{"a truncation with its head", func(_ *rand.Rand, seq, _ int64) ([]string, int64) { // as if what came later had never been
		s := strconv.FormatInt(seq, 10)
		return []string{
			`DELETE FROM audit_lines WHERE seq >= ` + s, `DELETE FROM audit_objects WHERE seq >= ` + s, `DELETE FROM audit_texts WHERE seq >= ` + s,
			edit("audit_heads", "seq = "+s+" - 1, hash = COALESCE((SELECT hash FROM audit_lines WHERE seq = "+s+" - 1), '')", "TRUE"),
		}, seq
	}},
	{"a deletion of all", func(*rand.Rand, int64, int64) ([]string, int64) {
		return []string{`DELETE FROM audit_lines`, `DELETE FROM audit_objects`, `DELETE FROM audit_texts`, `DELETE FROM audit_heads`}, 1
	}},
	{"an edit of the head", func(r *rand.Rand, _, n int64) ([]string, int64) {
		if r.IntN(2) == 0 {
			return []string{edit("audit_heads", "hash = 'x' || hash", "TRUE")}, n
		}
		return []string{edit("audit_heads", "seq = seq + 1", "TRUE")}, n + 1
	}},
	{"an edit of a text beside", func(r *rand.Rand, seq, _ int64) ([]string, int64) {
		set := []string{"text = text || '!'", "salt = 'x' || salt", "subject = 'eve'", "commitment = 'x' || commitment"}[r.IntN(4)]
		return []string{edit("audit_texts", set, at(seq))}, seq
	}},
	{"a deletion of a text beside", func(_ *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{`DELETE FROM audit_texts WHERE ` + at(seq)}, seq
	}},
	{"a text given to another line", func(_ *rand.Rand, seq, n int64) ([]string, int64) {
		other := 1 + seq%n
		return []string{edit("audit_texts", "seq = "+strconv.FormatInt(other, 10), at(seq))}, min(seq, other)
	}},
	{"an object hidden", func(_ *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{`DELETE FROM audit_objects WHERE object <> 'scorer' AND ` + at(seq)}, seq
	}},
	{"an object put in", func(_ *rand.Rand, seq, _ int64) ([]string, int64) {
		return []string{`INSERT INTO audit_objects (chain, object, seq) VALUES ('` + workspaceChain + `', 'x', ` + strconv.FormatInt(seq, 10) + `)`}, seq
	}},
}

// What a line costs beside the same write without one, and what its verification takes.
func BenchmarkAudit(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			db := storagetest.Open(b)
			if engine == "postgres" {
				db = storagetest.OpenPostgres(b)
			}
			for _, p := range []access.Perm{access.RunWrite, access.ModelRevoke} {
				b.Run(map[bool]string{true: "with a line", false: "without"}[p.Audited], func(b *testing.B) {
					for i := range b.N {
						if err := act(b, db, "ada", p, strconv.Itoa(i)); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("verify", func(b *testing.B) {
				var lines int64
				for b.Loop() {
					lines = verified(b, db).Chains[0].Lines
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(lines), "µs/line")
			})
		})
	}
}
