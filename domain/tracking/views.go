package tracking

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// SavedView is a way to look at an experiment's runs under a name: filter, order, columns and the rest are the
// query of the page's address. A private one is its owner's alone; a shared one is seen by all who see the
// experiment. The standard one is what the page opens with.
type SavedView struct {
	ID           string
	Workspace    string
	ExperimentID string
	Owner        string
	Name         string
	Shared       bool
	Standard     bool
	Query        string
	CreatedAt    int64
	UpdatedAt    int64
}

// ViewTx is what saved views ask of a transaction; *storage.Tx answers.
type ViewTx interface {
	Tx
	SavedView(ctx context.Context, id string) (SavedView, error)
	SavedViews(ctx context.Context, experiment, owner string) ([]SavedView, error) // the owner's and the shared
	SaveView(ctx context.Context, v SavedView) error                               // new or changed
	DeleteView(ctx context.Context, id string) error
	// NoStandardView takes the mark from the other views of the same kind: shared, or one owner's.
	NoStandardView(ctx context.Context, v SavedView) error
}

// Limits of saved views.
const (
	maxViewName  = 100
	maxViewQuery = 20_000
	maxViews     = 200 // of an experiment that one person sees
)

// SaveView stores a new view (with a new id) or changes one of the caller's own or, for who may write runs, a
// shared one.
func SaveView(ctx context.Context, tx ViewTx, g access.Grant, v SavedView, now time.Time) (SavedView, error) {
	if _, err := experiment(ctx, tx, g, access.ViewWrite, v.ExperimentID); err != nil {
		return v, err
	}
	v.Name = strings.TrimSpace(v.Name)
	if _, err := url.ParseQuery(v.Query); err != nil || len(v.Query) > maxViewQuery {
		return v, domain.Fail(domain.Invalid, "view.query", "this view cannot be kept: its address has %d characters, the limit is %d", len(v.Query), maxViewQuery)
	}
	if v.Name == "" || utf8.RuneCountInString(v.Name) > maxViewName || !utf8.ValidString(v.Name) || strings.ContainsRune(v.Name, 0) {
		return v, domain.Fail(domain.Invalid, "view.name", "a view needs a name of 1 to %d characters", maxViewName)
	}
	old, err := tx.SavedView(ctx, v.ID)
	switch {
	case err == nil && !mine(g, old):
		return v, notMine()
	case err == nil:
		v.Owner, v.CreatedAt = old.Owner, old.CreatedAt
	case domain.KindOf(err) == domain.NotFound:
		v.Owner, v.CreatedAt = me(g), now.UnixMilli()
		all, err := tx.SavedViews(ctx, v.ExperimentID, v.Owner)
		if err != nil {
			return v, err
		}
		if len(all) >= maxViews {
			return v, domain.Fail(domain.Invalid, "view.many", "this experiment has %d saved views already: delete some first", len(all))
		}
	default:
		return v, err
	}
	v.Workspace, v.UpdatedAt = g.Workspace(), now.UnixMilli()
	if v.Shared && !g.Actor().May(access.RunWrite, g.Workspace()) {
		return v, domain.Fail(domain.Forbidden, "view.shared", "only who may write runs may share a view: save it for yourself")
	}
	if v.Standard {
		if err := tx.NoStandardView(ctx, v); err != nil {
			return v, err
		}
	}
	return v, tx.SaveView(ctx, v)
}

// mine reports whether the caller may change v.
func mine(g access.Grant, v SavedView) bool {
	if v.Workspace != g.Workspace() {
		return false
	}
	return v.Owner == me(g) || v.Shared && g.Actor().May(access.RunWrite, g.Workspace())
}

func notMine() error {
	return domain.Fail(domain.Forbidden, "view.not_mine", "this view belongs to somebody else: save one of your own")
}

// ViewByID finds a view that the caller may see.
func ViewByID(ctx context.Context, tx ViewTx, g access.Grant, id string) (SavedView, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return SavedView{}, err
	}
	v, err := tx.SavedView(ctx, id)
	if err == nil && (v.Workspace != g.Workspace() || !v.Shared && v.Owner != me(g)) || domain.KindOf(err) == domain.NotFound {
		return SavedView{}, domain.Fail(domain.NotFound, "view.not_found", "this saved view does not exist, or is somebody's private one")
	}
	return v, err
}

// ViewsOf lists the views of an experiment that the caller sees: shared ones first, each kind by age.
func ViewsOf(ctx context.Context, tx ViewTx, g access.Grant, id string) ([]SavedView, error) {
	if _, err := experiment(ctx, tx, g, access.RunRead, id); err != nil {
		return nil, err
	}
	return tx.SavedViews(ctx, id, me(g))
}

// StandardView is the view the page opens with: one's own before the shared one.
func StandardView(all []SavedView) (SavedView, bool) {
	best, found := SavedView{}, false
	for _, v := range all {
		if v.Standard && (!found || !v.Shared) {
			best, found = v, true
		}
	}
	return best, found
}

// DeleteView forgets a view.
func DeleteView(ctx context.Context, tx ViewTx, g access.Grant, id string) (SavedView, error) {
	if err := g.Need(access.ViewWrite, g.Workspace()); err != nil {
		return SavedView{}, err
	}
	v, err := tx.SavedView(ctx, id)
	switch {
	case domain.KindOf(err) == domain.NotFound || err == nil && v.Workspace != g.Workspace():
		return v, domain.Fail(domain.NotFound, "view.not_found", "this saved view does not exist, or is somebody's private one")
	case err != nil:
		return v, err
	case !mine(g, v):
		return v, notMine()
	}
	return v, tx.DeleteView(ctx, id)
}
