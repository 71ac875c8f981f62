package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

// where builds a statement's conditions and numbers its arguments. Columns come from the tables of this
// file; a user's text is only ever an argument.
type where struct {
	db    *sqldb.DB
	conds []string
	args  []any
}

func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) and(cond string) { w.conds = append(w.conds, cond) }

func (w *where) String() string {
	if len(w.conds) == 0 {
		return "TRUE"
	}
	return strings.Join(w.conds, " AND ")
}

// expr turns a filter into a condition; clause does so for one comparison.
func (w *where) expr(e search.Expr, clause func(search.Clause) string) string {
	join := func(parts []search.Expr, op string) string {
		out := make([]string, len(parts))
		for i, p := range parts {
			out[i] = w.expr(p, clause)
		}
		return "(" + strings.Join(out, op) + ")"
	}
	switch e := e.(type) {
	case search.And:
		return join(e, " AND ")
	case search.Or:
		return join(e, " OR ")
	case search.Not:
		return "NOT " + w.expr(e.X, clause)
	case search.Clause:
		return "(" + clause(e) + ")"
	default:
		panic(fmt.Sprintf("storage: unknown filter node %T", e))
	}
}

// text compares a text column with a clause's value.
func (w *where) text(column string, c search.Clause) string {
	switch c.Op {
	case search.Like, search.ILike:
		return w.db.Like(column, w.arg(c.Str), c.Op == search.ILike)
	case search.In, search.NotIn:
		b, err := json.Marshal(c.List)
		if err != nil {
			panic(err) // strings
		}
		in := w.db.InTexts(column, w.arg(string(b)))
		if c.Op == search.NotIn {
			return "NOT " + in
		}
		return in
	case search.Ne:
		return column + " <> " + w.arg(c.Str)
	default:
		return column + " = " + w.arg(c.Str)
	}
}

// number compares a number column with a clause's value.
func (w *where) number(column string, c search.Clause) string {
	op := string(c.Op)
	if c.Op == search.Ne {
		op = "<>"
	}
	return column + " " + op + " CAST(" + w.arg(c.Num) + " AS DOUBLE PRECISION)"
}

// labelled compares the value of a key in a side table of (owner, key, value).
func (w *where) labelled(table, owner, id string, c search.Clause) string {
	has := "EXISTS (SELECT 1 FROM " + table + " x WHERE x." + owner + " = " + id + " AND x.key = " + w.arg(c.Key)
	switch c.Op {
	case search.IsNull:
		return "NOT " + has + ")"
	case search.NotNull:
		return has + ")"
	default:
		return has + " AND " + w.text("x.value", c) + ")"
	}
}

// metric compares a value that may be NaN, which is unequal to every number and nothing else.
func (w *where) metric(alias string, c search.Clause) string {
	if c.Op == search.Ne {
		return "(" + alias + ".is_nan OR " + w.number(alias+".value", c) + ")"
	}
	return "NOT " + alias + ".is_nan AND " + w.number(alias+".value", c)
}

// term is one key of an order. Rows without a value come last in both directions: lane 0 has numbers or
// texts, lane 1 NaN, lane 2 nothing; an empty lane expression means every row has a value.
type term struct {
	lane, value string
	desc        bool
}

// page is a search that walks an order by its values (keyset paging).
type page struct {
	cols, from string
	where      *where
	terms      []term
	mark       string
}

// columns are the values that make a row's place in the order.
func (p *page) columns() (out []string) {
	for _, t := range p.terms {
		if t.lane != "" {
			out = append(out, t.lane)
		}
		out = append(out, t.value)
	}
	return out
}

func (p *page) order() string {
	var out []string
	for _, t := range p.terms {
		if t.lane != "" {
			out = append(out, t.lane)
		}
		if t.desc {
			out = append(out, t.value+" DESC")
		} else {
			out = append(out, t.value)
		}
	}
	return strings.Join(out, ", ")
}

// after adds the condition that a row comes behind the one with the given values: for each key in turn,
// equal in the keys before it and beyond in it. The bound on the first key alone lets an index start
// there.
func (p *page) after(values []any) error {
	type cmp struct{ eq, beyond, from string }
	var keys []cmp
	add := func(expr string, desc bool) error {
		v, err := keysetValue(values[len(keys)])
		if err != nil {
			return err
		}
		a, op := p.where.arg(v), ">"
		if desc {
			op = "<"
		}
		keys = append(keys, cmp{expr + " = " + a, expr + " " + op + " " + a, expr + " " + op + "= " + a})
		return nil
	}
	for _, t := range p.terms {
		if t.lane != "" {
			if err := add(t.lane, false); err != nil {
				return err
			}
		}
		if err := add(t.value, t.desc); err != nil {
			return err
		}
	}
	var ors []string
	for i := range keys {
		var ands []string
		for _, k := range keys[:i] {
			ands = append(ands, k.eq)
		}
		ors = append(ors, strings.Join(append(ands, keys[i].beyond), " AND "))
	}
	p.where.and(keys[0].from + " AND (" + strings.Join(ors, " OR ") + ")")
	return nil
}

func keysetValue(v any) (any, error) {
	n, ok := v.(json.Number)
	if !ok {
		return v, nil
	}
	if i, err := n.Int64(); err == nil && !strings.ContainsAny(n.String(), ".eE") {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, badToken()
	}
	return f, nil
}

// row is one found thing with its place in the order.
type row[T any] struct {
	item  T
	place []any
}

// find runs p after the given place (nil = from the start) for up to n rows.
func find[T any](ctx context.Context, t *Tx, p page, after []any, n int, fields func(*T) ([]any, func())) ([]row[T], error) {
	if after != nil {
		if err := p.after(after); err != nil {
			return nil, err
		}
	}
	keys := p.columns()
	q := "SELECT " + p.cols + ", " + strings.Join(keys, ", ") + " FROM " + p.from + " WHERE " + p.where.String() +
		" ORDER BY " + p.order() + " LIMIT " + strconv.Itoa(n)
	out, err := list(ctx, t, func(scan scanner) (r row[T], err error) {
		dest, finish := fields(&r.item)
		r.place = make([]any, len(keys))
		for i := range keys {
			dest = append(dest, &r.place[i])
		}
		err = scan(dest...)
		finish()
		return r, err
	}, q, p.where.args...)
	if after != nil && domain.KindOf(err) == domain.Internal && ctx.Err() == nil {
		// Somebody made a token up, with a text where the order has numbers: PostgreSQL minds.
		return nil, fmt.Errorf("%w (%w)", badToken(), err)
	}
	return out, err
}

// place is a row's keys in a token's form.
func place(values []any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			out[i] = json.Number(strconv.FormatInt(v, 10))
		case float64:
			s := strconv.FormatFloat(v, 'g', -1, 64)
			if !strings.ContainsAny(s, ".e") {
				s += ".0"
			}
			out[i] = json.Number(s)
		case []byte:
			out[i] = string(v)
		case bool: // a comparison, on PostgreSQL
			out[i] = json.Number(map[bool]string{false: "0", true: "1"}[v])
		default:
			out[i] = v
		}
	}
	return out
}

// paged makes a page of rows found for limit+1.
func paged[T any](rows []row[T], limit int, m string) tracking.Page[T] {
	var out tracking.Page[T]
	if len(rows) > limit {
		rows = rows[:limit]
		out.Next = token{m, place(rows[limit-1].place)}.String()
	}
	for _, r := range rows {
		out.Items = append(out.Items, r.item)
	}
	return out
}

// placeOf reads the token of q for a search with n keys; nil for the first page.
func placeOf(q tracking.Query, m string, n int) ([]any, error) {
	if q.After == "" {
		return nil, nil
	}
	t, err := parseToken(q.After, m, n)
	return t.After, err
}

func questionMark(kind string, q tracking.Query) string {
	parts := []string{kind, q.Workspace, string(q.View)}
	if q.Filter != nil {
		parts = append(parts, fmt.Sprint(q.Filter))
	}
	for _, o := range q.Order {
		parts = append(parts, fmt.Sprint(o))
	}
	for _, d := range q.Datasets {
		parts = append(parts, "dataset", d.Name, d.Digest)
	}
	if q.Parent != nil {
		parts = append(parts, "below", *q.Parent)
	}
	return mark(append(append(parts, "in"), q.Experiments...)...)
}

// experimentList is ids as SQL numbers; what is no number names no experiment.
func experimentList(ids []string) string {
	var out []string
	for _, id := range ids {
		if n, err := experimentNumber(id); err == nil {
			out = append(out, strconv.FormatInt(n, 10))
		}
	}
	if len(out) == 0 {
		return "-1"
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

func (w *where) view(column string, v tracking.View) {
	switch v {
	case tracking.DeletedOnly:
		w.and(column + " <> 0")
	case tracking.AllStages:
	default:
		w.and(column + " = 0")
	}
}

// Experiments answers a search for experiments.
func (t *Tx) Experiments(ctx context.Context, q tracking.Query) (out tracking.Page[tracking.Experiment], err error) {
	columns := map[string]string{"name": "e.name", "experiment_id": "e.id", "creation_time": "e.created_at", "last_update_time": "e.updated_at"}
	w := &where{db: t.db}
	w.and("e.workspace_id = " + w.arg(q.Workspace))
	w.view("e.deleted_at", q.View)
	if q.Filter != nil {
		w.and(w.expr(q.Filter, func(c search.Clause) string {
			switch {
			case c.Entity == search.Tag:
				return w.labelled("experiment_tags", "experiment_id", "e.id", c)
			case c.Key == "experiment_id":
				return w.text("CAST(e.id AS TEXT)", c)
			case c.Numeric:
				return w.number(columns[c.Key], c)
			default:
				return w.text(columns[c.Key], c)
			}
		}))
	}
	p := page{cols: experimentCols, from: "experiments e", where: w, mark: questionMark("experiments", q)}
	for _, o := range q.Order {
		p.terms = append(p.terms, term{value: columns[o.Key], desc: o.Desc})
	}
	if len(q.Order) == 0 {
		p.terms = append(p.terms, term{value: "e.created_at", desc: true})
	}
	p.terms = append(p.terms, term{value: "e.id"})
	after, err := placeOf(q, p.mark, len(p.columns()))
	if err != nil {
		return out, err
	}
	rows, err := find(ctx, t, p, after, q.Limit+1, func(e *tracking.Experiment) ([]any, func()) {
		var id int64
		return []any{&id, &e.Workspace, &e.Name, &e.ArtifactLocation, &e.DeletedAt, &e.CreatedAt, &e.UpdatedAt, &e.CreatedBy},
			func() { e.ID = strconv.FormatInt(id, 10) }
	})
	if err != nil {
		return out, err
	}
	out = paged(rows, q.Limit, p.mark)
	return out, t.fillExperiments(ctx, out.Items)
}

func (t *Tx) fillExperiments(ctx context.Context, es []tracking.Experiment) error {
	at := map[string]*tracking.Experiment{}
	ids := make([]string, len(es))
	for i := range es {
		at[es[i].ID], ids[i] = &es[i], es[i].ID
	}
	return t.each(ctx, func(scan scanner) error {
		var id int64
		var tag tracking.Tag
		err := scan(&id, &tag.Key, &tag.Value)
		e := at[strconv.FormatInt(id, 10)]
		e.Tags = append(e.Tags, tag)
		return err
	}, `SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN (`+experimentList(ids)+`) ORDER BY experiment_id, key`)
}

var runColumns = map[string]string{
	"run_id": "r.id", "run_name": "r.name", "status": "r.status", "user_id": "r.user_id", "artifact_uri": "r.artifact_uri",
	"start_time": "r.start_time", "end_time": "r.end_time",
}

var datasetColumns = map[string]string{"name": "d.name", "digest": "d.digest", "context": "i.context"}

// Runs answers a search for runs, with their lists.
func (t *Tx) Runs(ctx context.Context, q tracking.Query) (out tracking.Page[tracking.Run], err error) {
	if len(q.Experiments) == 0 {
		return out, nil
	}
	var rows []row[tracking.Run]
	m := questionMark("runs", q)
	p, few, err := t.plannedPage(ctx, q, m)
	if err != nil {
		return out, err
	}
	if !few && len(q.Order) > 0 && q.Order[0].Entity == search.Metric && !strings.Contains(experimentList(q.Experiments), ",") {
		rows, err = t.runsByMetric(ctx, q, m)
	} else {
		for i, o := range q.Order {
			p.orderRuns(o, "o"+strconv.Itoa(i))
		}
		p.terms = append(p.terms, term{value: "r.start_time", desc: true}, term{value: "r.id"})
		var after []any
		if after, err = placeOf(q, m, len(p.columns())); err != nil {
			return out, err
		}
		rows, err = find(ctx, t, p, after, q.Limit+1, scanRunRow)
	}
	if err != nil {
		return out, err
	}
	out = paged(rows, q.Limit, m)
	if q.Only != nil {
		return out, t.fillColumns(ctx, out.Items, *q.Only)
	}
	return out, t.fillRuns(ctx, out.Items)
}

func scanRunRow(r *tracking.Run) ([]any, func()) {
	var experiment int64
	return runFields(r, &experiment), func() { r.ExperimentID = strconv.FormatInt(experiment, 10) }
}

func (t *Tx) runPage(q tracking.Query, m string) page {
	w := &where{db: t.db}
	w.and("r.experiment_id IN (" + experimentList(q.Experiments) + ")")
	w.and("r.workspace_id = " + w.arg(q.Workspace))
	w.view("r.deleted_at", q.View)
	if q.StartedAfter > 0 {
		w.and("r.start_time > " + w.arg(q.StartedAfter))
	}
	if q.Parent != nil {
		w.parent(*q.Parent)
	}
	if q.Filter != nil {
		w.and(w.expr(q.Filter, w.runClause))
	}
	return page{cols: runCols, from: "runs r", where: w, mark: m}
}

func (w *where) runClause(c search.Clause) string {
	switch c.Entity {
	case search.Metric:
		return "EXISTS (SELECT 1 FROM metrics x WHERE x.run_id = r.id AND x.key = " + w.arg(c.Key) + " AND " + w.metric("x", c) + ")"
	case search.Param:
		return w.labelled("params", "run_id", "r.id", c)
	case search.Tag:
		return w.labelled("tags", "run_id", "r.id", c)
	case search.Dataset:
		return "EXISTS (SELECT 1 FROM dataset_inputs i JOIN datasets d ON d.id = i.dataset_id WHERE i.run_id = r.id AND " + w.text(datasetColumns[c.Key], c) + ")"
	default:
	}
	column := runColumns[c.Key]
	if c.Numeric {
		if c.Key == "end_time" { // a run that goes on has none
			return "r.end_time <> 0 AND " + w.number(column, c)
		}
		return w.number(column, c)
	}
	return w.text(column, c)
}

// orderRuns adds one key of an order; alias names its join.
func (p *page) orderRuns(o tracking.Order, alias string) {
	join := func(table string) {
		p.from += " LEFT JOIN " + table + " " + alias + " ON " + alias + ".run_id = r.id AND " + alias + ".key = " + p.where.arg(o.Key)
	}
	labelled := func(table string) {
		join(table)
		p.terms = append(p.terms, term{
			"CASE WHEN " + alias + ".run_id IS NULL THEN 2 ELSE 0 END", "COALESCE(" + alias + ".value, '')", o.Desc,
		})
	}
	switch o.Entity {
	case search.Metric:
		join("metrics")
		p.terms = append(p.terms, term{
			"CASE WHEN " + alias + ".run_id IS NULL THEN 2 WHEN " + alias + ".is_nan THEN 1 ELSE 0 END",
			"COALESCE(" + alias + ".value, 0)", o.Desc,
		})
	case search.Param:
		labelled("params")
	case search.Tag:
		labelled("tags")
	default:
		t := term{value: runColumns[o.Key], desc: o.Desc}
		if o.Key == "end_time" {
			t.lane = "CASE WHEN r.end_time = 0 THEN 2 ELSE 0 END"
		}
		p.terms = append(p.terms, t)
	}
}

// runsByMetric answers an order by one metric in one experiment lane by lane: numbers by walking the index
// on (experiment, key, value), so that a page costs the same at a thousand runs and at a hundred
// thousand, then NaN, then the runs without.
func (t *Tx) runsByMetric(ctx context.Context, q tracking.Query, m string) ([]row[tracking.Run], error) {
	first, rest := q.Order[0], q.Order[1:]
	var out []row[tracking.Run]
	for lane := range 3 {
		p := t.runPage(q, m)
		value := "m.value"
		if lane < 2 {
			p.from = "metrics m CROSS JOIN runs r"
			p.where.and("m.experiment_id = " + experimentList(q.Experiments) + " AND m.key = " + p.where.arg(first.Key) + " AND r.id = m.run_id")
			p.where.and(map[int]string{0: "m.is_nan = FALSE", 1: "m.is_nan = TRUE"}[lane])
		} else {
			p.where.and("NOT EXISTS (SELECT 1 FROM metrics m WHERE m.run_id = r.id AND m.key = " + p.where.arg(first.Key) + ")")
		}
		if lane > 0 {
			value = "0"
		}
		for i, o := range rest {
			p.orderRuns(o, "o"+strconv.Itoa(i))
		}
		p.terms = append(p.terms, term{value: "r.start_time", desc: true}, term{value: "r.id"})
		after, err := placeOf(q, m, 2+len(p.columns()))
		if err != nil {
			return nil, err
		}
		if after != nil {
			at, err := keysetValue(after[0])
			n, ok := at.(int64)
			if err != nil || !ok {
				return nil, badToken()
			}
			if int(n) > lane {
				continue
			}
			if int(n) < lane {
				after = nil
			} else {
				after = after[1:]
			}
		}
		if lane == 0 {
			p.terms = append([]term{{value: value, desc: first.Desc}}, p.terms...)
		} else if after != nil {
			after = after[1:]
		}
		rows, err := find(ctx, t, p, after, q.Limit+1-len(out), scanRunRow)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if lane > 0 {
				r.place = append([]any{int64(0)}, r.place...)
			}
			r.place = append([]any{int64(lane)}, r.place...)
			out = append(out, r)
		}
		if len(out) > q.Limit {
			break
		}
	}
	return out, nil
}
