package storage

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

// record writes the events into the outbox and, if they came about under an audited permission, one line into its chain. It is
// the last that a transaction does: the chain's head is locked from here to the commit alone.
func (t *Tx) record(ctx context.Context, g access.Grant) error {
	a, from := g.Actor(), g.Origin()
	by := a.ID
	if by == "" && len(t.events) > 0 { // who signs in is nobody yet: the account is who acts
		by = t.events[0].Subject
	}
	facts, texts := audit.Record(t.events, by)
	for _, f := range facts {
		data, err := json.Marshal(f.Data)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, `INSERT INTO outbox (id, at, kind, subject, data) VALUES ($1, $2, $3, $4, $5)`,
			NewID(t.now), t.now.UnixMilli(), f.Kind, f.Subject, string(data)); err != nil {
			return err
		}
	}
	if !g.Perm().Audited || len(facts) == 0 { // an audited act that changed nothing is no fact
		return nil
	}
	return t.line(ctx, audit.Line{
		Chain: audit.ChainOf(g.Perm(), g.Workspace()), At: t.now.UnixMilli(), Actor: by, Token: a.Token,
		Action: g.Perm().Name, RequestID: from.RequestID,
	}, facts, texts, from.Address, by)
}

// line adds l with its facts to its chain. The address is kept beside it, as by's.
func (t *Tx) line(ctx context.Context, l audit.Line, facts []audit.Fact, texts []audit.Text, address, by string) (err error) {
	if l.Facts, err = audit.Canonical(facts); err != nil {
		return err
	}
	l.Objects = audit.ObjectsOf(l.Facts)
	if address != "" && by != "" {
		source := audit.Seal(address, by)
		l.Source = audit.Sealed{Text: source.Commitment, Of: by}
		texts = append(texts, source)
	}
	head, err := one(ctx, t, scanHead, `
		INSERT INTO audit_heads (chain, seq, hash) VALUES ($1, 1, '')
		ON CONFLICT (chain) DO UPDATE SET seq = audit_heads.seq + 1
		RETURNING chain, seq, hash`, l.Chain)
	if err != nil {
		return err
	}
	if l, err = l.Follow(head.Seq-1, head.Hash); err != nil {
		return err
	}
	objects, err := audit.Canonical(append([]string{}, l.Objects...))
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `INSERT INTO audit_lines (`+lineCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		l.Chain, l.Seq, l.At, l.Actor, l.Token, l.Action, string(objects), string(l.Facts), l.RequestID, l.Source.Text, l.Source.Of, l.Prev, l.Hash); err != nil {
		return err
	}
	for _, o := range l.Objects {
		if err := t.exec(ctx, `INSERT INTO audit_objects (chain, object, seq) VALUES ($1, $2, $3)`, l.Chain, o, l.Seq); err != nil {
			return err
		}
	}
	for _, x := range texts {
		if err := t.exec(ctx, `INSERT INTO audit_texts (commitment, chain, seq, subject, salt, text) VALUES ($1, $2, $3, $4, $5, $6)`,
			x.Commitment, l.Chain, l.Seq, x.Subject, x.Salt, x.Value); err != nil {
			return err
		}
	}
	return t.exec(ctx, `UPDATE audit_heads SET hash = $2 WHERE chain = $1`, l.Chain, l.Hash)
}

const lineCols = `chain, seq, at, actor, token, action, objects, facts, request_id, source, source_of, prev, hash`

func scanLine(row scanner) (l audit.Line, err error) {
	var objects, facts string
	if err := row(&l.Chain, &l.Seq, &l.At, &l.Actor, &l.Token, &l.Action, &objects, &facts, &l.RequestID, &l.Source.Text, &l.Source.Of, &l.Prev, &l.Hash); err != nil {
		return l, err
	}
	l.Facts = json.RawMessage(facts)
	if err := json.Unmarshal([]byte(objects), &l.Objects); err != nil { // somebody edited it: no hash fits this
		l.Objects = []string{objects}
	}
	if exact, err := audit.Canonical(l.Objects); err != nil || string(exact) != objects {
		l.Objects = []string{objects}
	}
	return l, nil
}

func scanHead(row scanner) (h audit.Head, err error) { return h, row(&h.Chain, &h.Seq, &h.Hash) }

// AuditHead is the end of a chain.
func (t *Tx) AuditHead(ctx context.Context, chain string) (audit.Head, error) {
	h, err := one(ctx, t, scanHead, `SELECT chain, seq, hash FROM audit_heads WHERE chain = $1`, chain)
	if domain.KindOf(err) == domain.NotFound {
		return audit.Head{Chain: chain}, nil
	}
	return h, err
}

// AuditChains lists all chains of which anything is kept.
func (t *Tx) AuditChains(ctx context.Context) ([]string, error) {
	return list(ctx, t, column[string], `
		SELECT chain FROM audit_heads UNION SELECT chain FROM audit_lines
		 UNION SELECT chain FROM audit_objects UNION SELECT chain FROM audit_texts ORDER BY 1`)
}

// AuditLines finds lines of a chain with their texts.
func (t *Tx) AuditLines(ctx context.Context, q audit.Query) (out audit.Found, err error) {
	w := &where{db: t.db}
	w.and("chain = " + w.arg(q.Chain))
	if q.Actor != "" {
		w.and("actor = " + w.arg(q.Actor))
	}
	if q.Action != "" {
		w.and("action = " + w.arg(q.Action))
	}
	if q.Object != "" {
		w.and("seq IN (SELECT seq FROM audit_objects WHERE chain = $1 AND object = " + w.arg(q.Object) + ")")
	}
	if q.From != 0 {
		w.and("at >= " + w.arg(q.From))
	}
	if q.To != 0 {
		w.and("at < " + w.arg(q.To))
	}
	if q.Seq != 0 {
		w.and("seq = " + w.arg(q.Seq))
	}
	order, beyond := "DESC", "<"
	if q.Oldest {
		order, beyond = "ASC", ">"
	}
	m := mark("audit", q.Chain, q.Actor, q.Action, q.Object, strconv.FormatInt(q.From, 10), strconv.FormatInt(q.To, 10), order)
	if q.After != "" {
		tok, err := parseToken(q.After, m, 1)
		if err != nil {
			return out, err
		}
		n, ok := tok.After[0].(json.Number)
		seq, bad := n.Int64()
		if !ok || bad != nil {
			return out, badToken()
		}
		w.and("seq " + beyond + " " + w.arg(seq))
	}
	out.Lines, err = list(ctx, t, scanLine, `SELECT `+lineCols+` FROM audit_lines WHERE `+w.String()+` ORDER BY seq `+order+` LIMIT `+strconv.Itoa(q.Limit+1), w.args...)
	if err != nil || len(out.Lines) == 0 {
		return out, err
	}
	if len(out.Lines) > q.Limit {
		out.Lines = out.Lines[:q.Limit]
		out.Next = token{m, []any{json.Number(strconv.FormatInt(out.Lines[q.Limit-1].Seq, 10))}}.String()
	}
	var numbers []string
	for _, l := range out.Lines {
		for c := range l.Commitments() {
			numbers = append(numbers, c)
		}
	}
	out.Texts = map[string]audit.Text{}
	return out, t.each(ctx, func(row scanner) error {
		x, _, err := scanAuditText(row)
		out.Texts[x.Commitment] = x
		return err
	}, `SELECT `+textCols+` FROM audit_texts WHERE `+t.db.InKeys("commitment", "$1"), textList(numbers))
}

const textCols = `commitment, subject, salt, text, seq`

func scanAuditText(row scanner) (x audit.Text, seq int64, err error) {
	return x, seq, row(&x.Commitment, &x.Subject, &x.Salt, &x.Value, &seq)
}

// VerifyAudit checks a chain and what is kept beside it, in portions.
func (t *Tx) VerifyAudit(ctx context.Context, chain string, seen []audit.Head) (out audit.Covered, err error) {
	c := audit.Verify(chain, seen...)
	erased, err := t.erased(ctx)
	if err != nil {
		return out, err
	}
	head, err := t.AuditHead(ctx, chain)
	if err != nil {
		return out, err
	}
	var texts int64
	done := func(f *audit.Fault) (audit.Covered, error) {
		out = c.Covered(f)
		out.Texts = texts
		return out, nil
	}
	const portion, first, last = 500, int64(-1 << 62), int64(1<<62 - 1)
	for from := first; ; {
		lines, err := list(ctx, t, scanLine, `SELECT `+lineCols+` FROM audit_lines WHERE chain = $1 AND seq >= $2 ORDER BY seq LIMIT `+strconv.Itoa(portion+1), chain, from)
		if err != nil {
			return out, err
		}
		to := last // beside the last portion stands whatever belongs to no line
		if len(lines) > portion {
			to = lines[portion].Seq
			lines = lines[:portion]
		}
		beside, err := t.beside(ctx, chain, from, to)
		if err != nil {
			return out, err
		}
		for _, l := range lines {
			f := c.Add(l)
			if f == nil {
				b := beside[l.Seq]
				texts += int64(len(b.Texts))
				f = l.Check(b, erased)
				delete(beside, l.Seq)
			}
			if f != nil {
				return done(f)
			}
		}
		if to == last {
			if f := c.End(); f != nil {
				return done(f)
			}
			if f := c.Ends(head); f != nil {
				return done(f)
			}
		}
		for _, seq := range sortedKeys(beside) {
			return done(&audit.Fault{Chain: chain, Seq: seq, Reason: audit.Foreign})
		}
		if to == last {
			return done(nil)
		}
		from = to
	}
}

func sortedKeys(m map[int64]audit.Beside) (out []int64) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// beside is what is kept beside the lines from number from to before number to.
func (t *Tx) beside(ctx context.Context, chain string, from, to int64) (map[int64]audit.Beside, error) {
	out := map[int64]audit.Beside{}
	if err := t.each(ctx, func(row scanner) error {
		var seq int64
		var object string
		err := row(&seq, &object)
		b := out[seq]
		b.Objects = append(b.Objects, object)
		out[seq] = b
		return err
	}, `SELECT seq, object FROM audit_objects WHERE chain = $1 AND seq >= $2 AND seq < $3`, chain, from, to); err != nil {
		return nil, err
	}
	return out, t.each(ctx, func(row scanner) error {
		x, seq, err := scanAuditText(row)
		b := out[seq]
		b.Texts = append(b.Texts, x)
		out[seq] = b
		return err
	}, `SELECT `+textCols+` FROM audit_texts WHERE chain = $1 AND seq >= $2 AND seq < $3`, chain, from, to)
}

// erased reports of a person whether a line says that they were erased.
func (t *Tx) erased(ctx context.Context) (func(string) bool, error) {
	gone := map[string]bool{}
	err := t.each(ctx, func(row scanner) error {
		var l audit.Line
		var facts string
		if err := row(&facts); err != nil {
			return err
		}
		l.Facts = json.RawMessage(facts)
		said, err := l.Saying()
		if err != nil {
			return nil //nolint:nilerr // somebody edited it: the chain's own check says so
		}
		for _, f := range said {
			if f.Kind == audit.FactErased {
				gone[f.Subject] = true
			}
		}
		return nil
	}, `SELECT facts FROM audit_lines WHERE chain = $1 AND action = $2`, audit.ServerChain, access.UserWrite.Name)
	return func(person string) bool { return gone[person] }, err
}

// EraseUser takes out what is known of a person; see access.EraseUser.
func (t *Tx) EraseUser(ctx context.Context, id, name string) error {
	if err := must(t.changed(ctx, `UPDATE users SET name = $2, password_hash = '', disabled = TRUE, seen_at = 0 WHERE id = $1`, id, name)); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM web_sessions WHERE user_id = $1`, `DELETE FROM api_tokens WHERE user_id = $1`,
		`DELETE FROM memberships WHERE user_id = $1`, `DELETE FROM audit_texts WHERE subject = $1`,
	} {
		if err := t.exec(ctx, q, id); err != nil {
			return err
		}
	}
	return nil
}

// carry moves the lines of the table that came before the chains into these, in portions, each of which is moved whole or
// not at all.
func (db *DB) carry(ctx context.Context) error {
	for moved := 1; moved > 0; {
		if err := db.sql.Write(ctx, func(q sqldb.Queryer) (err error) {
			moved, err = (&Tx{q: q, db: db.sql, now: db.now(), writes: true}).carry(ctx)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) carry(ctx context.Context) (int, error) {
	type old struct {
		id, workspace, address string
		facts                  []audit.Fact
		line                   audit.Line
	}
	const portion = 200
	olds, err := list(ctx, t, func(row scanner) (o old, err error) {
		var facts string
		if err := row(&o.id, &o.line.At, &o.workspace, &o.line.Actor, &o.line.Token, &o.line.Action, &facts, &o.line.RequestID, &o.address); err != nil {
			return o, err
		}
		return o, json.Unmarshal([]byte(facts), &o.facts)
	}, `SELECT id, at, workspace_id, actor, token, permission, facts, request_id, address FROM audit_log ORDER BY at, id LIMIT `+strconv.Itoa(portion)+t.held("audit_log"))
	if err != nil {
		return 0, err
	}
	server := map[string]bool{}
	for _, p := range []access.Perm{access.SessionOpen, access.SessionClose, access.AccountWrite, access.UserWrite} {
		server[p.Name] = true
	}
	for _, o := range olds {
		o.line.Chain = audit.ChainOf(access.Perm{Server: server[o.line.Action]}, o.workspace)
		by := o.line.Actor
		if by == "" && len(o.facts) > 0 {
			by = o.facts[0].Subject
		}
		o.line.Actor = by
		facts, texts := audit.Record(personal(o.facts), by)
		if err := t.line(ctx, o.line, facts, texts, o.address, by); err != nil {
			return 0, err
		}
		if err := t.exec(ctx, `DELETE FROM audit_log WHERE id = $1`, o.id); err != nil {
			return 0, err
		}
	}
	return len(olds), nil
}

// personal are facts of an older program as events that mark what is about people.
func personal(facts []audit.Fact) (out []event.Event) {
	for _, f := range facts {
		data, ok := f.Data.(map[string]any)
		about := func(key, person string) {
			if s, is := data[key].(string); is {
				data[key] = event.Text{Value: s, Of: person}
			}
		}
		switch f.Kind {
		case "token.created":
			owner, _ := data["user"].(string)
			about("name", owner)
		case "version.revoked":
			about("reason", "")
		case "user.created", "user.role_changed", "user.enabled", "user.disabled", "user.password_changed", "session.opened":
			about("name", f.Subject)
		}
		e := event.Event{Kind: f.Kind, Subject: f.Subject, Data: f.Data}
		if ok {
			e.Data = data
		}
		out = append(out, e)
	}
	return out
}

// compile-time proof that a transaction answers what the domain asks
var _ audit.Tx = (*Tx)(nil)
