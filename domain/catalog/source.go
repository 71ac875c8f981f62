package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/job"
)

// Source is where a part of the catalog is from.
type Source struct {
	ID        string
	Workspace string
	Kind      SourceKind
	Name      string
	Address   string
	Rank      int64 // of two that disagree the lower is believed
	Enabled   bool
	Every     int64  // milliseconds between two looks
	Secret    string // the id of the key that is sent along, "" for none
	Revision  int64  // counts changes by people
	ETag      string // what the source called its last answer
	Modified  string
	DueAt     int64
	TriedAt   int64
	SyncedAt  int64  // the last good answer
	Took      int64  // milliseconds, of the last try
	Failures  int64  // since the last good answer
	LastError string // JSON of a Trouble, "" for none
	Models    int64
	CreatedAt int64
	UpdatedAt int64
	UpdatedBy string // an actor's id
}

// Trouble is why a look at a source failed, in words of every language.
type Trouble struct {
	Key  string `json:"key"`
	Text string `json:"text"`
	Args []any  `json:"args,omitempty"`

	After time.Duration `json:"-"` // not to be asked again before
}

// Trouble is why the last look at s failed.
func (s Source) Trouble() (t Trouble, is bool) {
	if s.LastError == "" || json.Unmarshal([]byte(s.LastError), &t) != nil {
		return t, false
	}
	for i, arg := range t.Args { // as they were before they were JSON
		switch arg := arg.(type) {
		case float64:
			t.Args[i] = int64(arg)
		case map[string]any:
			key, _ := arg["Key"].(string)
			text, _ := arg["Text"].(string)
			t.Args[i] = domain.Word{Key: key, Text: text}
		}
	}
	return t, true
}

// Limits of sources.
const (
	maxSources = 100
	minEvery   = 15 * time.Minute
	maxEvery   = 30 * 24 * time.Hour
	maxAddress = 2000
	maxBackOff = 24 * time.Hour
)

// Stored is an offer as it is kept.
type Stored struct {
	Offer

	Text      string // of the facts
	Digest    string
	FirstSeen int64
	ChangedAt int64
	GoneAt    int64
}

// Model is what is believed of a model.
type Model struct {
	Workspace string
	Key       Key
	Merged    Merged
	Digest    string // of the facts
	Sources   int64
	GoneAt    int64
	FirstSeen int64
	ChangedAt int64
}

// Tx is what the catalog asks of a transaction; *storage.Tx answers.
type Tx interface {
	CatalogSources(ctx context.Context, workspace string) ([]Source, error) // the most believed first
	// CatalogSource finds a source, and keeps it as it is until a transaction that writes ends.
	CatalogSource(ctx context.Context, id string) (Source, error)
	CatalogSourcesDue(ctx context.Context, now int64, most int) ([]Source, error)
	AddCatalogSource(ctx context.Context, s Source) error
	SaveCatalogSource(ctx context.Context, s Source) error
	DeleteCatalogSource(ctx context.Context, id string) error

	CatalogDigests(ctx context.Context, source string) (map[Key]Stored, error) // without facts and raw
	SaveCatalogOffers(ctx context.Context, source string, all []Stored) error
	CatalogOffersGone(ctx context.Context, source string, keys []Key, at int64) error
	// CatalogSaid lists what enabled sources say of models now.
	CatalogSaid(ctx context.Context, workspace string, keys []Key) (map[Key][]Said, error)
	CatalogModels(ctx context.Context, workspace string, keys []Key) (map[Key]Model, error)
	SaveCatalogModels(ctx context.Context, all []Model) error
	AddCatalogChanges(ctx context.Context, workspace string, all []Change) error
	CatalogMoved(ctx context.Context, workspace string) error // one generation on

	EnqueueJob(ctx context.Context, j job.Job) error
	Emit(ctx context.Context, e event.Event) error
}

// Sources lists the sources of the selected workspace, the most believed first.
func Sources(ctx context.Context, tx Tx, g access.Grant) ([]Source, error) {
	if err := g.Need(access.CatalogRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.CatalogSources(ctx, g.Workspace())
}

// SourceByID finds a source of the selected workspace, for an act or a question that needs p.
func SourceByID(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (Source, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return Source{}, err
	}
	s, err := tx.CatalogSource(ctx, id)
	if domain.KindOf(err) == domain.NotFound || err == nil && s.Workspace != g.Workspace() {
		return Source{}, domain.Fail(domain.NotFound, "catalog.no_source", "there is no such source")
	}
	return s, err
}

func (s Source) check() (Source, error) {
	s.Name, s.Address = strings.TrimSpace(s.Name), strings.TrimSpace(s.Address)
	kind, known := KindOf(s.Kind)
	s.Address = cmp.Or(s.Address, kind.Address)
	switch n := utf8.RuneCountInString(s.Name); {
	case !known || s.Kind == Snapshot && s.CreatedAt != 0:
		return s, domain.Fail(domain.Invalid, "catalog.kind", "unknown kind of source %q", domain.Short(strings.ToValidUTF8(string(s.Kind), "?")))
	case n == 0 || n > 100 || !plain(s.Name):
		return s, domain.Fail(domain.Invalid, "catalog.source_name", "a source needs a name of at most %d characters", 100)
	case len(s.Address) > maxAddress || kind.NeedsAddress && s.Address == "":
		return s, domain.Fail(domain.Invalid, "catalog.source_address", "say where the source is: its address begins with https:// or http://")
	case s.Every < minEvery.Milliseconds() || s.Every > maxEvery.Milliseconds():
		return s, domain.Fail(domain.Invalid, "catalog.source_every", "look every 15 minutes to every 30 days")
	}
	return s, nil
}

// AddSource makes a source, the most believed one. It is off until it is enabled.
func AddSource(ctx context.Context, tx Tx, g access.Grant, s Source, id string, now time.Time) (Source, error) {
	if err := g.Need(access.CatalogConfigure, g.Workspace()); err != nil {
		return s, err
	}
	all, err := tx.CatalogSources(ctx, g.Workspace())
	if err != nil {
		return s, err
	}
	s.ID, s.Workspace, s.Revision, s.Rank = id, g.Workspace(), 1, 0
	s.CreatedAt, s.UpdatedAt, s.UpdatedBy = now.UnixMilli(), now.UnixMilli(), g.Actor().ID
	if s, err = s.check(); err != nil {
		return s, err
	}
	for i, o := range all {
		if strings.EqualFold(o.Name, s.Name) {
			return s, domain.Fail(domain.Exists, "catalog.source_exists", "there is a source %s already", domain.Short(s.Name))
		}
		if i == 0 {
			s.Rank = o.Rank - 1
		}
	}
	if len(all) >= maxSources {
		return s, domain.Fail(domain.Invalid, "catalog.sources_many", "a workspace has at most %d sources", maxSources)
	}
	if s.Enabled {
		s.DueAt = now.UnixMilli()
		if err := order(ctx, tx, s); err != nil {
			return s, err
		}
	}
	if err := tx.AddCatalogSource(ctx, s); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, s.event("added"))
}

// event tells of a change of s; the secret stands in it by its id alone.
func (s Source) event(what string) event.Event {
	return event.Event{Kind: "catalog.source_" + what, Subject: s.ID, Data: map[string]any{"name": s.Name, "kind": s.Kind, "address": s.Address, "enabled": s.Enabled, "every": s.Every, "key": s.Secret != ""}}
}

// order has s looked at now; looks at one source never overlap.
func order(ctx context.Context, tx Tx, s Source) error {
	return tx.EnqueueJob(ctx, job.Job{Workspace: s.Workspace, Kind: job.CatalogSync.Name, Key: s.ID})
}

// ChangeSource changes what people set of a source. Another address takes its key away: what was meant for one host is not
// sent to the next.
func ChangeSource(ctx context.Context, tx Tx, g access.Grant, to Source, now time.Time) (Source, error) {
	s, err := SourceByID(ctx, tx, g, access.CatalogConfigure, to.ID)
	if err != nil {
		return s, err
	}
	if s.Revision != to.Revision {
		return s, domain.Fail(domain.Conflict, "catalog.source_changed", "somebody else changed %s meanwhile: look at it and change it again", domain.Short(s.Name))
	}
	was := s
	s.Name, s.Address, s.Every, s.Enabled, s.Secret = to.Name, to.Address, to.Every, to.Enabled, to.Secret
	if s, err = s.check(); err != nil {
		return s, err
	}
	if s.Address != was.Address {
		s.ETag, s.Modified = "", ""
		if s.Secret == was.Secret {
			s.Secret = ""
		}
	}
	all, err := tx.CatalogSources(ctx, g.Workspace())
	if err != nil {
		return s, err
	}
	if slices.ContainsFunc(all, func(o Source) bool { return o.ID != s.ID && strings.EqualFold(o.Name, s.Name) }) {
		return s, domain.Fail(domain.Exists, "catalog.source_exists", "there is a source %s already", domain.Short(s.Name))
	}
	s.Revision++
	s.UpdatedAt, s.UpdatedBy = now.UnixMilli(), g.Actor().ID
	if s.Enabled && (!was.Enabled || s.Address != was.Address || s.Secret != was.Secret) {
		s.DueAt = now.UnixMilli()
		if err := order(ctx, tx, s); err != nil {
			return s, err
		}
	}
	if err := tx.SaveCatalogSource(ctx, s); err != nil {
		return s, err
	}
	if s.Enabled != was.Enabled {
		if err := reconsider(ctx, tx, s, now); err != nil {
			return s, err
		}
	}
	return s, tx.Emit(ctx, s.event("changed"))
}

// Believe moves a source one place up or down among those that are believed.
func Believe(ctx context.Context, tx Tx, g access.Grant, id string, up bool, now time.Time) error {
	s, err := SourceByID(ctx, tx, g, access.CatalogConfigure, id)
	if err != nil {
		return err
	}
	all, err := tx.CatalogSources(ctx, g.Workspace())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o Source) bool { return o.ID == id })
	j := i + 1
	if up {
		j = i - 1
	}
	if i < 0 || j < 0 || j >= len(all) {
		return nil
	}
	all[i], all[j] = all[j], all[i]
	for n, o := range all {
		if o.Rank != int64(n) {
			o.Rank = int64(n)
			if err := tx.SaveCatalogSource(ctx, o); err != nil {
				return err
			}
		}
	}
	for _, o := range []Source{all[i], all[j]} { // what only one of them says stays as it is
		if err := reconsider(ctx, tx, o, now); err != nil {
			return err
		}
	}
	return tx.Emit(ctx, s.event("changed"))
}

// RemoveSource forgets a source and all that it said.
func RemoveSource(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) (Source, error) {
	s, err := SourceByID(ctx, tx, g, access.CatalogConfigure, id)
	switch {
	case err != nil:
		return s, err
	case s.Kind == Snapshot:
		return s, domain.Fail(domain.Invalid, "catalog.snapshot_stays", "the snapshot belongs to the program: switch it off instead")
	}
	s.Enabled = false
	if err := tx.SaveCatalogSource(ctx, s); err != nil {
		return s, err
	}
	if err := reconsider(ctx, tx, s, now); err != nil {
		return s, err
	}
	if err := tx.DeleteCatalogSource(ctx, id); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, s.event("removed"))
}

// SyncNow has a source looked at as soon as the server can.
func SyncNow(ctx context.Context, tx Tx, g access.Grant, id string) (Source, error) {
	s, err := SourceByID(ctx, tx, g, access.CatalogConfigure, id)
	switch {
	case err != nil:
		return s, err
	case !s.Enabled:
		return s, domain.Fail(domain.Conflict, "catalog.source_off", "%s is off: switch it on first", domain.Short(s.Name))
	}
	if err := order(ctx, tx, s); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, s.event("asked"))
}

// OrderDue orders a look at each source whose time has come.
func OrderDue(ctx context.Context, tx Tx, g access.Grant, now time.Time) error {
	const most = 1000
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return err
	}
	due, err := tx.CatalogSourcesDue(ctx, now.UnixMilli(), most)
	if err != nil {
		return err
	}
	for _, s := range due {
		if err := order(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}

// Report says what a look at a source brought.
type Report struct {
	Models  int // that the source offers
	Changes map[ChangeKind]int
}

// Learn takes in what a source offers: all of it or, where this returns an error, nothing. etag and modified are what the
// source calls this answer; offers are in good order (CleanAll).
func Learn(ctx context.Context, tx Tx, g access.Grant, id string, revision int64, offers []Offer, etag, modified string, took time.Duration, now time.Time) (Report, error) {
	out := Report{Models: len(offers)}
	s, err := looked(ctx, tx, g, id, revision)
	if err != nil {
		return out, err
	}
	known, err := tx.CatalogDigests(ctx, s.ID)
	if err != nil {
		return out, err
	}
	var fresh []Stored
	var touched []Key
	offered := make(map[Key]bool, len(offers))
	for _, o := range offers {
		offered[o.Key] = true
		text, digest, err := o.Text()
		if err != nil {
			return out, err
		}
		old, was := known[o.Key]
		if was && old.Digest == digest && old.GoneAt == 0 {
			continue
		}
		n := Stored{Offer: o, Text: text, Digest: digest, FirstSeen: now.UnixMilli(), ChangedAt: now.UnixMilli()}
		if was {
			n.FirstSeen = old.FirstSeen
		}
		fresh, touched = append(fresh, n), append(touched, o.Key)
	}
	var gone []Key
	for k, old := range known {
		if !offered[k] && old.GoneAt == 0 {
			gone = append(gone, k)
		}
	}
	slices.SortFunc(gone, Key.compare)
	if err := tx.SaveCatalogOffers(ctx, s.ID, fresh); err != nil {
		return out, err
	}
	if err := tx.CatalogOffersGone(ctx, s.ID, gone, now.UnixMilli()); err != nil {
		return out, err
	}
	first := s.SyncedAt == 0
	s.ETag, s.Modified, s.Models = etag, modified, int64(len(offers))
	if err := tx.SaveCatalogSource(ctx, s.good(took, now)); err != nil {
		return out, err
	}
	out.Changes, err = believe(ctx, tx, s, append(touched, gone...), !first, now)
	if err != nil || len(touched)+len(gone) == 0 {
		return out, err
	}
	counts := map[string]any{}
	for k, n := range out.Changes {
		counts[string(k)] = n
	}
	return out, tx.Emit(ctx, event.Event{Kind: "catalog.synced", Subject: s.ID, Data: map[string]any{"name": s.Name, "models": len(offers), "changes": counts, "first": first}})
}

// Unchanged notes that a source says what it said before.
func Unchanged(ctx context.Context, tx Tx, g access.Grant, id string, revision int64, took time.Duration, now time.Time) error {
	s, err := looked(ctx, tx, g, id, revision)
	if err != nil {
		return err
	}
	return tx.SaveCatalogSource(ctx, s.good(took, now))
}

// Failed notes that a look at a source failed. What was known stays, and the next look comes later with each failure, not before
// the source wants it.
func Failed(ctx context.Context, tx Tx, g access.Grant, id string, revision int64, why Trouble, took time.Duration, now time.Time) error {
	s, err := looked(ctx, tx, g, id, revision)
	if err != nil {
		return err
	}
	text, err := json.Marshal(why)
	if err != nil {
		return fmt.Errorf("keep why a source failed: %w", err)
	}
	s.LastError, s.TriedAt, s.Took = string(text), now.UnixMilli(), took.Milliseconds()
	s.Failures++
	wait := min(time.Duration(s.Every)*time.Millisecond, 5*time.Minute<<min(s.Failures-1, 10), maxBackOff)
	s.DueAt = now.Add(max(wait, min(why.After, maxBackOff))).UnixMilli()
	if err := tx.SaveCatalogSource(ctx, s); err != nil {
		return err
	}
	if s.Failures > 1 {
		return nil
	}
	return tx.Emit(ctx, event.Event{Kind: "catalog.sync_failed", Subject: s.ID, Data: map[string]any{"name": s.Name, "key": why.Key, "why": why.Text}})
}

// looked finds the source that was looked at, unless it was changed or switched off since: that answer is nobody's.
func looked(ctx context.Context, tx Tx, g access.Grant, id string, revision int64) (Source, error) {
	if err := g.Need(access.Maintain, g.Workspace()); err != nil {
		return Source{}, err
	}
	s, err := tx.CatalogSource(ctx, id)
	if err == nil && (s.Revision != revision || !s.Enabled) {
		err = domain.Fail(domain.Conflict, "catalog.source_changed", "somebody else changed %s meanwhile: look at it and change it again", domain.Short(s.Name))
	}
	return s, err
}

func (s Source) good(took time.Duration, now time.Time) Source {
	s.LastError, s.Failures, s.TriedAt, s.SyncedAt, s.Took = "", 0, now.UnixMilli(), now.UnixMilli(), took.Milliseconds()
	s.DueAt = now.UnixMilli() + s.Every
	return s
}

// reconsider believes anew of all that s offers. Nothing has changed in the world, so nothing is told.
func reconsider(ctx context.Context, tx Tx, s Source, now time.Time) error {
	known, err := tx.CatalogDigests(ctx, s.ID)
	if err != nil {
		return err
	}
	keys := make([]Key, 0, len(known))
	for k := range known {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.compare)
	_, err = believe(ctx, tx, s, keys, false, now)
	return err
}

// believe merges anew what the sources say of models. tell says whether the changes are news; that a source is new is not
// news about each of its models.
func believe(ctx context.Context, tx Tx, s Source, keys []Key, tell bool, now time.Time) (map[ChangeKind]int, error) {
	counts := map[ChangeKind]int{}
	if len(keys) == 0 {
		return counts, nil
	}
	said, err := tx.CatalogSaid(ctx, s.Workspace, keys)
	if err != nil {
		return nil, err
	}
	models, err := tx.CatalogModels(ctx, s.Workspace, keys)
	if err != nil {
		return nil, err
	}
	at := now.UnixMilli()
	var changed []Model
	var news []Change
	for _, k := range keys {
		m, was := models[k]
		before := m.Merged.Facts
		if !was {
			m = Model{Workspace: s.Workspace, Key: k, FirstSeen: at}
		}
		all := said[k]
		var found []Change
		switch {
		case len(all) == 0 && (!was || m.GoneAt != 0):
			continue
		case len(all) == 0:
			m.GoneAt, m.Sources = at, 0
			found = []Change{{Kind: Removed}}
		default:
			m.Merged, m.Sources = Merge(all), int64(len(all))
			switch {
			case !was:
				found = []Change{{Kind: New}}
			case m.GoneAt != 0:
				found = []Change{{Kind: Returned}}
			default:
				if found, err = Difference(before, m.Merged.Facts); err != nil {
					return nil, err
				}
			}
			m.GoneAt = 0
		}
		m.ChangedAt = at
		changed = append(changed, m)
		if !tell {
			continue
		}
		for _, c := range found {
			c.Key, c.At, c.Source = k, at, s.ID
			news = append(news, c)
			counts[c.Kind]++
		}
	}
	if len(changed) == 0 {
		return counts, nil
	}
	if err := tx.SaveCatalogModels(ctx, changed); err != nil {
		return nil, err
	}
	slices.SortStableFunc(news, func(a, b Change) int {
		return cmp.Compare(slices.Index(ChangeKinds, b.Kind), slices.Index(ChangeKinds, a.Kind))
	}) // the weightiest is the newest
	if err := tx.AddCatalogChanges(ctx, s.Workspace, news); err != nil {
		return nil, err
	}
	return counts, tx.CatalogMoved(ctx, s.Workspace)
}

// Told is what one source says of a model, with the source by its name.
type Told struct {
	Stored

	Source Source // ID, Name, Kind and Enabled only
}

// ChangeQuery chooses changes; what is empty does not count.
type ChangeQuery struct {
	Kind  ChangeKind
	Key   Key
	Below string // ids below this one; "" = from the newest
	Most  int
}

// Caller is a run of ours that calls a model.
type Caller struct {
	ID, Name string
	At       int64
}

// Names are what the model of a key is called by those who use it.
func (k Key) Names() []string {
	out := []string{k.ID, k.String()}
	if i := strings.LastIndexByte(k.ID, '/'); i >= 0 {
		out = append(out, k.ID[i+1:])
	}
	return out
}
