package catalog

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// The statuses of a model on a shortlist.
const (
	Candidate  = "candidate"
	Evaluating = "evaluating"
	Approved   = "approved"
	Refused    = "refused"
)

// Statuses lists how far the choice of a model for a use case is.
var Statuses = []string{Candidate, Evaluating, Approved, Refused}

// UseCase is something that the workspace wants a model for.
type UseCase struct {
	ID        string
	Workspace string
	Name      string
	About     string   // Markdown
	Licences  []string // that are allowed; none = any
	Regions   []string // in which it may run; none = anywhere
	Revision  int64
	CreatedAt int64
	CreatedBy string // an actor's id
	UpdatedAt int64
}

// Choice is a model on the shortlist of a use case.
type Choice struct {
	UseCase string // id
	Key     Key
	Status  string // of Statuses
	Reason  string
	At      int64
	By      string // an actor's id
	Warned  string // of which end, and how long ahead, the workspace was told
}

// Flag is what of a model the rules of a use case do not allow, a key below "catalog.flag.".
type Flag string

// The flags. What is not known is a flag of its own: somebody has to find out.
const (
	LicenceRefused Flag = "licence"
	LicenceUnknown Flag = "licence_unknown"
	RegionRefused  Flag = "region"
	RegionUnknown  Flag = "region_unknown"
	Retiring       Flag = "retiring" // within RetiresSoon
	NotOffered     Flag = "gone"
)

// RetiresSoon is how long ahead the end of a model is warned of.
const RetiresSoon = 90 * 24 * time.Hour

// Flags says what of a model speaks against it for u.
func (u UseCase) Flags(r Row, now time.Time) (out []Flag) {
	fold := func(all []string, one string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, one) })
	}
	switch {
	case len(u.Licences) == 0 || fold(u.Licences, r.Licence):
	case r.Licence == "":
		out = append(out, LicenceUnknown)
	default:
		out = append(out, LicenceRefused)
	}
	switch {
	case len(u.Regions) == 0 || slices.ContainsFunc(r.Regions, func(s string) bool { return fold(u.Regions, s) }):
	case len(r.Regions) == 0:
		out = append(out, RegionUnknown)
	default:
		out = append(out, RegionRefused)
	}
	switch {
	case r.Gone:
		out = append(out, NotOffered)
	case r.EndsSoon(now):
		out = append(out, Retiring)
	}
	return out
}

// ShortlistTx is what use cases ask of a transaction besides.
type ShortlistTx interface {
	Tx
	CatalogIndex(ctx context.Context, workspace string) (*Index, error)
	UseCases(ctx context.Context, workspace string) ([]UseCase, error)
	UseCase(ctx context.Context, id string) (UseCase, error)
	SaveUseCase(ctx context.Context, u UseCase) error
	DeleteUseCase(ctx context.Context, id string) error
	Choices(ctx context.Context, workspace string) ([]Choice, error)
	SaveChoice(ctx context.Context, c Choice) error
	DeleteChoice(ctx context.Context, useCase string, k Key) error
	NoteWarned(ctx context.Context, c Choice) error
}

// Limits of use cases.
const (
	maxUseCases = 200
	maxAbout    = 20_000 // characters
	maxReason   = 2_000
	maxRules    = 50
)

func (u UseCase) check() (UseCase, error) {
	u.Name, u.About = strings.TrimSpace(u.Name), strings.TrimSpace(u.About)
	if n := utf8.RuneCountInString(u.Name); n == 0 || n > 100 || !plain(u.Name) {
		return u, domain.Fail(domain.Invalid, "catalog.use_case_name", "a use case needs a name of at most %d characters", 100)
	}
	if utf8.RuneCountInString(u.About) > maxAbout {
		return u, domain.Fail(domain.Invalid, "catalog.use_case_about", "the description has more than %d characters", maxAbout)
	}
	for _, all := range []*[]string{&u.Licences, &u.Regions} {
		var clean []string
		for _, s := range *all {
			if s = strings.TrimSpace(s); s != "" && !slices.Contains(clean, s) {
				clean = append(clean, s)
			}
		}
		if len(clean) > maxRules || slices.ContainsFunc(clean, func(s string) bool { return !plain(s) }) {
			return u, domain.Fail(domain.Invalid, "catalog.use_case_rules", "give at most %d licences and regions, each on a line of its own", maxRules)
		}
		*all = clean
	}
	return u, nil
}

// SaveUse makes a use case (with the id "") or changes one.
func SaveUse(ctx context.Context, tx ShortlistTx, g access.Grant, u UseCase, id string, now time.Time) (UseCase, error) {
	if err := g.Need(access.CatalogWrite, g.Workspace()); err != nil {
		return u, err
	}
	u, err := u.check()
	if err != nil {
		return u, err
	}
	all, err := tx.UseCases(ctx, g.Workspace())
	if err != nil {
		return u, err
	}
	if slices.ContainsFunc(all, func(o UseCase) bool { return o.ID != u.ID && strings.EqualFold(o.Name, u.Name) }) {
		return u, domain.Fail(domain.Exists, "catalog.use_case_exists", "there is a use case %s already", domain.Short(u.Name))
	}
	kind := "catalog.use_case_changed"
	u.Workspace, u.UpdatedAt = g.Workspace(), now.UnixMilli()
	if u.ID == "" {
		if len(all) >= maxUseCases {
			return u, domain.Fail(domain.Invalid, "catalog.use_cases_many", "a workspace has at most %d use cases", maxUseCases)
		}
		kind = "catalog.use_case_added"
		u.ID, u.Revision, u.CreatedAt, u.CreatedBy = id, 1, now.UnixMilli(), g.Actor().ID
	} else {
		i := slices.IndexFunc(all, func(o UseCase) bool { return o.ID == u.ID })
		if i < 0 {
			return u, NoUseCase()
		}
		u.CreatedAt, u.CreatedBy = all[i].CreatedAt, all[i].CreatedBy
		u.Revision++
	}
	if err := tx.SaveUseCase(ctx, u); err != nil {
		return u, err
	}
	return u, tx.Emit(ctx, event.Event{Kind: kind, Subject: u.ID, Data: map[string]any{"name": u.Name, "licences": u.Licences, "regions": u.Regions}})
}

// NoUseCase says that there is no such use case.
func NoUseCase() error {
	return domain.Fail(domain.NotFound, "catalog.no_use_case", "there is no such use case")
}

// Use finds a use case of the selected workspace, for an act or a question that needs p.
func Use(ctx context.Context, tx ShortlistTx, g access.Grant, p access.Perm, id string) (UseCase, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return UseCase{}, err
	}
	u, err := tx.UseCase(ctx, id)
	if domain.KindOf(err) == domain.NotFound || err == nil && u.Workspace != g.Workspace() {
		return UseCase{}, NoUseCase()
	}
	return u, err
}

// DropUse forgets a use case and its shortlist.
func DropUse(ctx context.Context, tx ShortlistTx, g access.Grant, id string) (UseCase, error) {
	u, err := Use(ctx, tx, g, access.CatalogWrite, id)
	if err != nil {
		return u, err
	}
	if err := tx.DeleteUseCase(ctx, id); err != nil {
		return u, err
	}
	return u, tx.Emit(ctx, event.Event{Kind: "catalog.use_case_removed", Subject: u.ID, Data: map[string]any{"name": u.Name}})
}

// Choose puts a model on the shortlist of a use case, or says how far its choice is. A refusal and an approval need their
// reason: somebody will ask.
func Choose(ctx context.Context, tx ShortlistTx, g access.Grant, useCase string, k Key, status, reason string, now time.Time) (UseCase, error) {
	u, err := Use(ctx, tx, g, access.CatalogWrite, useCase)
	if err != nil {
		return u, err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case !slices.Contains(Statuses, status):
		return u, domain.Fail(domain.Invalid, "catalog.status", "unknown status %q", domain.Short(strings.ToValidUTF8(status, "?")))
	case utf8.RuneCountInString(reason) > maxReason:
		return u, domain.Fail(domain.Invalid, "catalog.reason_long", "the reason has more than %d characters", maxReason)
	case reason == "" && (status == Approved || status == Refused):
		return u, domain.Fail(domain.Invalid, "catalog.reason_empty", "say why: those who come later will ask")
	}
	x, err := tx.CatalogIndex(ctx, g.Workspace())
	if err != nil {
		return u, err
	}
	if _, ok := x.Row(k); !ok {
		return u, NoModel(k)
	}
	if err := tx.SaveChoice(ctx, Choice{UseCase: u.ID, Key: k, Status: status, Reason: reason, At: now.UnixMilli(), By: g.Actor().ID}); err != nil {
		return u, err
	}
	return u, tx.Emit(ctx, event.Event{Kind: "catalog.chosen", Subject: u.ID, Data: map[string]any{"use_case": u.Name, "model": k.String(), "status": status, "reason": event.Text{Value: reason}}})
}

// NoModel says that the catalog has no model of a key.
func NoModel(k Key) error {
	return domain.Fail(domain.NotFound, "catalog.no_model", "the catalog has no model %s", domain.Short(k.String()))
}

// Unchoose takes a model off a shortlist.
func Unchoose(ctx context.Context, tx ShortlistTx, g access.Grant, useCase string, k Key) (UseCase, error) {
	u, err := Use(ctx, tx, g, access.CatalogWrite, useCase)
	if err != nil {
		return u, err
	}
	if err := tx.DeleteChoice(ctx, u.ID, k); domain.KindOf(err) == domain.NotFound {
		return u, nil // it is so already
	} else if err != nil {
		return u, err
	}
	return u, tx.Emit(ctx, event.Event{Kind: "catalog.unchosen", Subject: u.ID, Data: map[string]any{"use_case": u.Name, "model": k.String()}})
}

// Leaving are the models on shortlists, not refused, that will soon not be offered any more or are not already, the first to go
// first.
func Leaving(x *Index, all []Choice, now time.Time) (out []Row) {
	for k, status := range Best(all) {
		if r, ok := x.Row(k); ok && status != Refused && (r.Gone || r.EndsSoon(now)) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Row) int { return strings.Compare(a.Deprecated+a.String(), b.Deprecated+b.String()) })
	return out
}

// Best is the weightiest status of each model over all use cases: approved somewhere weighs more than refused elsewhere.
func Best(all []Choice) map[Key]string {
	order := []string{Refused, Candidate, Evaluating, Approved}
	out := map[Key]string{}
	for _, c := range all {
		if slices.Index(order, c.Status) > slices.Index(order, out[c.Key]) {
			out[c.Key] = c.Status
		}
	}
	return out
}

// aheads are how many days before the end of a model the workspace is told, the last first.
var aheads = []int{0, 7, 30, 90}

// warning is what the workspace is to be told of the end of a model now: which end, and how long ahead; "" for nothing.
func warning(r Row, now time.Time) string {
	if r.Gone {
		return "gone"
	}
	at, ok := r.ends()
	if !ok {
		return ""
	}
	const day = 24 * time.Hour
	for _, n := range aheads {
		if at.Sub(now) <= time.Duration(n)*day {
			return r.Deprecated + " " + strconv.Itoa(n)
		}
	}
	return ""
}

// WarnRetiring tells of models on shortlists, not refused, that are not offered any more or soon will not be: once for each
// end and each of 90, 30, 7 and 0 days ahead of it.
func WarnRetiring(ctx context.Context, tx ShortlistTx, g access.Grant, now time.Time) error {
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return err
	}
	all, err := tx.Choices(ctx, g.Workspace())
	if err != nil || len(all) == 0 {
		return err
	}
	x, err := tx.CatalogIndex(ctx, g.Workspace())
	if err != nil {
		return err
	}
	for _, c := range all {
		r, ok := x.Row(c.Key)
		w := warning(r, now)
		if !ok || c.Status == Refused || w == c.Warned {
			continue
		}
		c.Warned = w
		if err := tx.NoteWarned(ctx, c); err != nil {
			return err
		}
		if w == "" {
			continue
		}
		if err := tx.Emit(ctx, event.Event{Kind: "catalog.retiring", Subject: c.UseCase, Data: map[string]any{"model": c.Key.String(), "status": c.Status, "on": r.Deprecated, "gone": r.Gone}}); err != nil {
			return err
		}
	}
	return nil
}
