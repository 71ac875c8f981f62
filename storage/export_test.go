package storage

import (
	"context"
	"database/sql"
	"strings"

	"github.com/slipway-ml/slipway/storage/sqldb"
)

// Scan reads one value with a statement of the test's own.
func Scan(ctx context.Context, t *Tx, q string, dest any) error {
	return t.each(ctx, func(row scanner) error { return row(dest) }, q)
}

// Plans runs fn and tells how the database went about each query in it: on PostgreSQL with what it met on the way.
func Plans(ctx context.Context, t *Tx, fn func() error) (plans []string, err error) {
	asked := &explaining{Queryer: t.q, how: "EXPLAIN QUERY PLAN "}
	if t.db.Engine == sqldb.Postgres {
		asked.how = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "
	}
	t.q = asked
	defer func() { t.q = asked.Queryer }()
	err = fn()
	return asked.plans, err
}

type explaining struct {
	sqldb.Queryer
	how   string
	plans []string
}

func (e *explaining) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	rows, err := e.Queryer.QueryContext(ctx, e.how+q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	steps := []string{strings.Join(strings.Fields(q), " ")}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		step, _ := (*values[len(values)-1].(*any)).(string)
		steps = append(steps, step)
	}
	e.plans = append(e.plans, strings.Join(steps, "\n"))
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return e.Queryer.QueryContext(ctx, q, args...) //nolint:sqlclosecheck // the caller closes it
}

// Exec runs a statement of the test's own.
func Exec(ctx context.Context, t *Tx, q string) error { return t.exec(ctx, q) }
