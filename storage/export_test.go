package storage

import "context"

// Scan reads one value with a statement of the test's own.
func Scan(ctx context.Context, t *Tx, q string, dest any) error {
	return t.each(ctx, func(row scanner) error { return row(dest) }, q)
}
