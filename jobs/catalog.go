package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/catalogsource"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/storage"
)

// catalogDue orders a look at each source of the catalog whose time has come, and tells of models that will soon be gone.
func catalogDue(db *storage.DB) Handler {
	return func(ctx context.Context, _ job.Job) error {
		g, err := system("catalog")
		if err != nil {
			return err
		}
		return db.Write(ctx, g, func(tx *storage.Tx) error {
			if err := catalog.OrderDue(ctx, tx, g, tx.Now()); err != nil {
				return err
			}
			return catalog.WarnRetiring(ctx, tx, g, tx.Now())
		})
	}
}

// catalogSync looks at the source that is the job's key: it reads what to ask, asks without holding anything, and takes the
// answer in. One that was switched off or changed meanwhile is left alone.
func catalogSync(db *storage.DB, sources catalogsource.Reader, box *secret.Box, log *slog.Logger) Handler {
	return func(ctx context.Context, j job.Job) error {
		var s catalog.Source
		err := read(ctx, db, "catalog", func(tx *storage.Tx) (err error) {
			s, err = tx.CatalogSource(ctx, j.Key)
			return err
		})
		if domain.KindOf(err) == domain.NotFound || err == nil && !s.Enabled {
			return nil
		}
		if err != nil {
			return err
		}
		begun := time.Now()
		answer, used, err := ask(ctx, db, sources, box, s)
		took := time.Since(begun)
		if err != nil && ctx.Err() != nil {
			return err // the server stops, or the time is over: not the source's fault
		}
		g, problem := system("catalog")
		if problem != nil {
			return problem
		}
		wrong := err
		if used {
			if err := noteUsed(ctx, db, s); err != nil {
				return err
			}
		}
		err = db.Write(ctx, g, func(tx *storage.Tx) error {
			switch {
			case wrong != nil:
				return catalog.Failed(ctx, tx, g, s.ID, s.Revision, trouble(box, wrong), took, tx.Now())
			case answer.Unchanged:
				return catalog.Unchanged(ctx, tx, g, s.ID, s.Revision, took, tx.Now())
			}
			_, err := catalog.Learn(ctx, tx, g, s.ID, s.Revision, answer.Offers, answer.ETag, answer.Modified, took, tx.Now())
			return err
		})
		if wrong != nil {
			log.WarnContext(ctx, "a source of the catalog could not be read", "source", s.Name, "error", wrong.Error())
		}
		if k := domain.KindOf(err); k == domain.NotFound || k == domain.Conflict {
			return nil // it is another source by now
		}
		return err
	}
}

// ask asks a source with its key, where it has one; used tells whether a key was sent. While two values of a key overlap, the
// one before is tried where the source refuses the newer.
func ask(ctx context.Context, db *storage.DB, sources catalogsource.Reader, box *secret.Box, s catalog.Source) (answer catalogsource.Result, used bool, err error) {
	q := catalogsource.Request{Kind: s.Kind, Address: s.Address, ETag: s.ETag, Modified: s.Modified}
	if s.Secret == "" {
		answer, err = sources.Fetch(ctx, q)
		return answer, false, err
	}
	g, err := useSecret(s.Workspace)
	if err != nil {
		return answer, false, err
	}
	var values []string
	if err := db.Read(ctx, g, func(tx *storage.Tx) (err error) {
		values, err = box.Values(ctx, tx, g, s.Secret, tx.Now())
		return err
	}); err != nil {
		return answer, false, err
	}
	for _, q.Key = range values {
		if answer, err = sources.Fetch(ctx, q); domain.KindOf(err) != domain.Forbidden {
			break
		}
	}
	return answer, true, err
}

func useSecret(workspace string) (access.Grant, error) {
	return access.Authorize(access.System("catalog"), access.SecretUse, workspace, access.Origin{})
}

func noteUsed(ctx context.Context, db *storage.DB, s catalog.Source) error {
	g, err := useSecret(s.Workspace)
	if err != nil {
		return err
	}
	err = db.Write(ctx, g, func(tx *storage.Tx) error { return secret.Used(ctx, tx, g, s.Secret, s.Name, tx.Now()) })
	if domain.KindOf(err) == domain.NotFound {
		return nil // it was taken away meanwhile
	}
	return err
}

// trouble is err in words for people, without what secrets hold. What nobody foresaw is told without its details, which are in
// the log.
func trouble(box *secret.Box, err error) catalog.Trouble {
	e := (*domain.Error)(nil)
	if !errors.As(err, &e) || e.Kind == domain.Internal {
		return catalog.Trouble{Key: "internal", Text: "something went wrong here; the log has the details"}
	}
	t := catalog.Trouble{Key: e.Key, Text: box.Redact(e.Msg), After: e.RetryAfter}
	for _, arg := range e.Args {
		if text, ok := arg.(string); ok {
			arg = box.Redact(text)
		}
		t.Args = append(t.Args, arg)
	}
	return t
}
