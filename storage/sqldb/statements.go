package sqldb

import (
	"context"
	"database/sql"
)

// session is one SQLite connection with the prepared form of the statements it has run: SQLite
// parses a statement in about the time it takes to run a small one. One goroutine at a time has it,
// and no result set stays open while its own statement runs again. (pgx keeps a cache of its own.)
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

const maxPrepared = 400

func newSession(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn, map[string]*sql.Stmt{}}, nil
}

func (s *session) stmt(query string) (*sql.Stmt, error) {
	if st := s.prepared[query]; st != nil {
		return st, nil
	}
	if len(s.prepared) >= maxPrepared { // searches make texts of their own: start afresh
		s.forget()
	}
	// A prepared statement outlives the request that first needed it.
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err == nil {
		s.prepared[query] = st
	}
	return st, err
}

func (s *session) forget() {
	for _, st := range s.prepared {
		st.Close()
	}
	clear(s.prepared)
}

// ExecContext implements Queryer.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.stmt(query) //nolint:sqlclosecheck // kept for the next time; forget closes it
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryContext implements Queryer.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.stmt(query) //nolint:sqlclosecheck // kept for the next time; forget closes it
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// do runs a statement that begins or ends a transaction; it is never cut short.
func (s *session) do(statement string) error {
	_, err := s.ExecContext(context.Background(), statement)
	return Classify(err)
}

func (s *session) close() {
	s.forget()
	s.conn.Close()
}
