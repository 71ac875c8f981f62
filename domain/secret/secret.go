package secret

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// Secret is a value that is kept, without the value.
type Secret struct {
	ID          string
	Workspace   string
	Name        string
	Tail        string // the last characters of a long value
	Fingerprint string
	Version     int64
	KEK         string // id of the key that opens the current version
	CreatedAt   int64
	CreatedBy   string // an actor's id
	UpdatedAt   int64
	UpdatedBy   string
	UsedAt      int64
}

// Tx is what secrets ask of a transaction; *storage.Tx answers.
type Tx interface {
	Secrets(ctx context.Context, workspace string) ([]Secret, error) // by name
	Secret(ctx context.Context, id string) (Secret, error)
	SaveSecret(ctx context.Context, s Secret) error // new or changed
	DeleteSecret(ctx context.Context, id string) error
	SecretVersions(ctx context.Context, id string) ([]Sealed, error) // the newest first
	AddSecretVersion(ctx context.Context, s Sealed) error
	EndSecretVersions(ctx context.Context, id string, until int64) error // those that have no end yet
	// SecretsNotUnder lists versions that another key than kek wraps, with their secrets, of all workspaces.
	SecretsNotUnder(ctx context.Context, kek string, most int) ([]Owned, error)
	SaveWrapped(ctx context.Context, s Sealed) error
	NoteSecretUsed(ctx context.Context, id string, at int64) error
	// SecretUses lists the names of what uses the secrets of a workspace, by the secrets' ids.
	SecretUses(ctx context.Context, workspace string) (map[string][]string, error)
	Emit(ctx context.Context, e event.Event) error
}

// Owned is a version with the secret that it belongs to.
type Owned struct {
	Sealed

	Workspace, Name string
}

// Box has the keys, and remembers what it opened, so that it can be kept out of logs and messages.
type Box struct {
	Keys func() (Keyring, error) // reads the key file as it is now

	mu       sync.RWMutex
	opened   map[string]bool   // values
	says     map[string]string // what stands for each form of them
	redactor *strings.Replacer
}

// keys are the keys as they are now. Where the file cannot be read there are none: pages open, and nothing is opened.
func (b *Box) keys() Keyring {
	if b == nil || b.Keys == nil {
		return Keyring{}
	}
	r, err := b.Keys()
	if err != nil {
		return Keyring{}
	}
	return r
}

// Opens reports whether the box has the key to s.
func (b *Box) Opens(s Secret) bool { return b.keys().has(s.KEK) }

// Limits of values.
const (
	minValue = 6 // shorter ones could not be kept out of logs
	maxValue = 16 << 10
	maxName  = 100
	maxAll   = 1000
	tail     = 4
	longTail = 16 // values this long show their tail
)

func check(name, value string) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || n > maxName || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\r\n"):
		return domain.Fail(domain.Invalid, "secret.name", "a secret needs a name of at most %d characters", maxName)
	case len(value) < minValue || len(value) > maxValue || !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return domain.Fail(domain.Invalid, "secret.value", "a value has %d to %d bytes of text", minValue, maxValue)
	}
	return nil
}

// List is the secrets of the selected workspace, by name.
func List(ctx context.Context, tx Tx, g access.Grant) ([]Secret, error) {
	if err := g.Need(access.SecretRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.Secrets(ctx, g.Workspace())
}

// Put keeps a value: of a new secret where id is new, else another value of one that is there. What was its value before can be
// used for as long as overlap says.
func (b *Box) Put(ctx context.Context, tx Tx, g access.Grant, id, name, value string, overlap time.Duration, now time.Time) (Secret, error) {
	if err := g.Need(access.SecretWrite, g.Workspace()); err != nil {
		return Secret{}, err
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	all, err := tx.Secrets(ctx, g.Workspace())
	if err != nil {
		return Secret{}, err
	}
	s := Secret{ID: id, Workspace: g.Workspace(), Name: name, CreatedAt: now.UnixMilli(), CreatedBy: g.Actor().ID}
	what := "added"
	if i := slices.IndexFunc(all, func(o Secret) bool { return o.ID == id }); i >= 0 {
		s, what = all[i], "replaced"
	} else {
		switch {
		case slices.ContainsFunc(all, func(o Secret) bool { return strings.EqualFold(o.Name, name) }):
			return s, domain.Fail(domain.Exists, "secret.exists", "there is a secret %s already: replace its value", domain.Short(name))
		case len(all) >= maxAll:
			return s, domain.Fail(domain.Invalid, "secret.many", "a workspace has at most %d secrets", maxAll)
		}
	}
	if err := check(s.Name, value); err != nil {
		return s, err
	}
	ring := b.keys()
	s.Version++
	sealed, err := ring.seal(s.Workspace, Sealed{Secret: s.ID, Version: s.Version, At: now.UnixMilli()}, value)
	if err != nil {
		return s, err
	}
	s.KEK, s.Fingerprint, s.Tail = sealed.KEK, ring.fingerprint(value), ""
	if len(value) >= longTail {
		s.Tail = strings.ToValidUTF8(value[len(value)-tail:], "")
	}
	s.UpdatedAt, s.UpdatedBy = now.UnixMilli(), g.Actor().ID
	if err := tx.SaveSecret(ctx, s); err != nil {
		return s, err
	}
	if err := tx.EndSecretVersions(ctx, s.ID, now.Add(max(overlap, 0)).UnixMilli()); err != nil {
		return s, err
	}
	if err := tx.AddSecretVersion(ctx, sealed); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, event.Event{Kind: "secret." + what, Subject: s.ID, Data: map[string]any{"name": s.Name, "version": s.Version, "fingerprint": s.Fingerprint}})
}

// Remove forgets a secret that nothing uses.
func Remove(ctx context.Context, tx Tx, g access.Grant, id string) (Secret, error) {
	s, err := Find(ctx, tx, g, access.SecretWrite, id)
	if err != nil {
		return s, err
	}
	uses, err := tx.SecretUses(ctx, s.Workspace)
	if err != nil {
		return s, err
	}
	if len(uses[id]) > 0 {
		return s, domain.Fail(domain.Conflict, "secret.used", "%s uses the secret %s: give it another one first", domain.Short(uses[id][0]), domain.Short(s.Name))
	}
	if err := tx.DeleteSecret(ctx, id); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, event.Event{Kind: "secret.removed", Subject: s.ID, Data: map[string]any{"name": s.Name}})
}

// Find finds a secret of the selected workspace, for an act or a question that needs p.
func Find(ctx context.Context, tx Tx, g access.Grant, p access.Perm, id string) (Secret, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return Secret{}, err
	}
	s, err := tx.Secret(ctx, id)
	if domain.KindOf(err) == domain.NotFound || err == nil && s.Workspace != g.Workspace() {
		return Secret{}, domain.Fail(domain.NotFound, "secret.none", "there is no such secret")
	}
	return s, err
}

// Values are what a secret holds, for the server's own use: the current value and, while they overlap, those before it, the newest
// first. It fails closed: what cannot be opened is an error that says what to do, and never an empty value.
func (b *Box) Values(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) ([]string, error) {
	s, err := Find(ctx, tx, g, access.SecretUse, id)
	if err != nil {
		return nil, err
	}
	all, err := tx.SecretVersions(ctx, id)
	if err != nil {
		return nil, err
	}
	ring := b.keys()
	var out []string
	for _, v := range all {
		if v.Until != 0 && v.Until <= now.UnixMilli() {
			continue
		}
		value, err := ring.open(s.Workspace, s.Name, v)
		if err != nil && v.Version == s.Version {
			return nil, err
		}
		if err == nil {
			b.remember(value, s.Name)
			out = append(out, value)
		}
	}
	if len(out) == 0 {
		return nil, locked(s.Name)
	}
	return out, nil
}

// Used notes that a secret was used, and tells of the first use on each day (UTC).
func Used(ctx context.Context, tx Tx, g access.Grant, id, by string, now time.Time) error {
	s, err := Find(ctx, tx, g, access.SecretUse, id)
	if err != nil {
		return err
	}
	const day = 24 * 60 * 60 * 1000
	if s.UsedAt/day == now.UnixMilli()/day {
		return nil
	}
	if err := tx.NoteSecretUsed(ctx, id, now.UnixMilli()); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "secret.used_first", Subject: s.ID, Data: map[string]any{"name": s.Name, "by": by}})
}

// Rewrap wraps up to most data keys with the current key, and says how many it wrapped and how many it could not. Done again it
// goes on where it was.
func (b *Box) Rewrap(ctx context.Context, tx Tx, g access.Grant, most int) (done, lost int, err error) {
	if err := g.Need(access.SecretUse, g.Workspace()); err != nil {
		return 0, 0, err
	}
	ring := b.keys()
	if ring.Current() == "" {
		return 0, 0, noKeys()
	}
	all, err := tx.SecretsNotUnder(ctx, ring.Current(), most)
	if err != nil {
		return 0, 0, err
	}
	for _, o := range all {
		v, err := ring.rewrap(o.Workspace, o.Name, o.Sealed)
		if err != nil {
			lost++
			continue
		}
		if err := tx.SaveWrapped(ctx, v); err != nil {
			return done, lost, err
		}
		done++
	}
	return done, lost, nil
}
