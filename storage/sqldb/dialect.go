package sqldb

import (
	"database/sql/driver"
	"fmt"
	"strconv"

	sqlite "modernc.org/sqlite"

	"github.com/slipway-ml/slipway/domain/search"
)

// Like is the condition that column matches the pattern in placeholder, with % and _ and no escape.
// SQLite's own LIKE folds ASCII case, so there it is a function of ours (see init).
func (db *DB) Like(column, placeholder string, fold bool) string {
	switch {
	case db.Engine == Postgres && fold:
		return column + " COLLATE " + db.folding + " ILIKE " + placeholder + " ESCAPE ''"
	case db.Engine == Postgres:
		return column + " LIKE " + placeholder + " ESCAPE ''"
	case fold:
		return "slipway_ilike(" + placeholder + ", " + column + ")"
	default:
		return "slipway_like(" + placeholder + ", " + column + ")"
	}
}

// Contains is the condition that text matches the pattern in placeholder, with % and _, which a backslash makes plain,
// without regard to the case of ASCII letters. It is the quick form of Like, for walking a whole index.
func (db *DB) Contains(text, placeholder string) string {
	if db.Engine == Postgres {
		return text + " ILIKE " + placeholder + ` ESCAPE '\'`
	}
	return text + " LIKE " + placeholder + ` ESCAPE '\'`
}

// NextSeries is the expression for a series number not used before, for the i-th row (from 1) of a statement.
func (db *DB) NextSeries(i int) string {
	if db.Engine == Postgres {
		return "nextval('metric_series')"
	}
	return "(SELECT COALESCE(MAX(series), 0) + " + strconv.Itoa(i) + " FROM metrics)" // there is one writer
}

// InTexts is the condition that column is one of the texts of a JSON list in placeholder. One text of
// SQL serves every length of list.
func (db *DB) InTexts(column, placeholder string) string {
	if db.Engine == Postgres {
		return column + " IN (SELECT jsonb_array_elements_text(CAST(" + placeholder + " AS JSONB)))"
	}
	return column + " IN (SELECT value FROM json_each(" + placeholder + "))"
}

// InKeys is InTexts for a column with an index that is worth its while, which PostgreSQL does not see of a list that it does
// not know: the rows are fetched one by one.
func (db *DB) InKeys(column, placeholder string) string {
	if db.Engine == Postgres {
		return column + " = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(" + placeholder + " AS JSONB))))"
	}
	return db.InTexts(column, placeholder)
}

// SkipLocked ends a SELECT of rows that its transaction will change: those that another transaction is changing are left
// out, the others are kept from it. On SQLite nobody else is changing any.
func (db *DB) SkipLocked() string {
	if db.Engine == Postgres {
		return "FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Locked ends a SELECT of the row of table that its transaction will change: another transaction that wants it waits, and
// then finds it as it became. On SQLite nobody else is changing any.
func (db *DB) Locked(table string) string {
	if db.Engine == Postgres {
		return " FOR UPDATE OF " + table
	}
	return ""
}

// Shared ends a SELECT of a row of table that must stay as it is until the transaction ends, and that others may read the
// same way meanwhile. On SQLite nobody else is changing any.
func (db *DB) Shared(table string) string {
	if db.Engine == Postgres {
		return " FOR SHARE OF " + table
	}
	return ""
}

// Joined is an aggregate of texts with a separator between them.
func (db *DB) Joined(column, separator string) string {
	if db.Engine == Postgres {
		return "STRING_AGG(" + column + ", '" + separator + "')"
	}
	return "GROUP_CONCAT(" + column + ", '" + separator + "')"
}

func init() { // the driver takes functions for connections opened later, so before any
	for name, fold := range map[string]bool{"slipway_like": false, "slipway_ilike": true} {
		sqlite.MustRegisterDeterministicScalarFunction(name, 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			pattern, ok1 := args[0].(string)
			s, ok2 := args[1].(string)
			if !ok1 || !ok2 {
				if args[0] == nil || args[1] == nil {
					return nil, nil //nolint:nilnil // SQL's NULL
				}
				return nil, fmt.Errorf("%s takes two texts", name)
			}
			if search.Match(pattern, s, fold) {
				return int64(1), nil
			}
			return int64(0), nil
		})
	}
}
