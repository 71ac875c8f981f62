package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/clients/catalogsource"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/job"
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
func catalogSync(db *storage.DB, sources catalogsource.Reader, log *slog.Logger) Handler {
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
		answer, err := sources.Fetch(ctx, catalogsource.Request{Kind: s.Kind, Address: s.Address, ETag: s.ETag, Modified: s.Modified})
		var offers []catalog.Offer
		if err == nil && !answer.Unchanged {
			offers, err = catalog.CleanAll(answer.Offers)
		}
		took := time.Since(begun)
		if err != nil && ctx.Err() != nil {
			return err // the server stops, or the time is over: not the source's fault
		}
		g, problem := system("catalog")
		if problem != nil {
			return problem
		}
		wrong := err
		err = db.Write(ctx, g, func(tx *storage.Tx) error {
			switch {
			case wrong != nil:
				return catalog.Failed(ctx, tx, g, s.ID, s.Revision, trouble(wrong), took, tx.Now())
			case answer.Unchanged:
				return catalog.Unchanged(ctx, tx, g, s.ID, s.Revision, took, tx.Now())
			}
			_, err := catalog.Learn(ctx, tx, g, s.ID, s.Revision, offers, answer.ETag, answer.Modified, took, tx.Now())
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

// trouble is err in words for people. What nobody foresaw is told without its details, which are in the log.
func trouble(err error) catalog.Trouble {
	if e := (*domain.Error)(nil); errors.As(err, &e) && e.Kind != domain.Internal {
		return catalog.Trouble{Key: e.Key, Text: e.Msg, Args: e.Args, After: e.RetryAfter}
	}
	return catalog.Trouble{Key: "internal", Text: "something went wrong here; the log has the details"}
}
