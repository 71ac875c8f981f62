// Package slot holds what is live where: environments, and in each of them one slot for every asset. A slot names one
// version and counts its changes. It changes here and nowhere else; an alias named like an environment is a view of
// slots, and what serves or loads a model by such a name gets what the slot names.
//
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none.
package slot

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
)

// Environment is a place that versions are put to use in.
type Environment struct {
	ID        string
	Workspace string
	Name      string // unique in the workspace; an alias of this name is a view of its slots
	Rank      int64  // the order of environments, from where work begins to where it matters
	Protected bool   // its slots move by request, rollback or break-glass alone
	Policy    string // what a request has to meet: JSON that only package promotion reads
	Digest    string // SHA-256 of Policy, hexadecimal
	Revision  int64  // counts changes of this row
	CreatedAt int64
	UpdatedAt int64
	UpdatedBy string
}

// Kind is the kind of asset that a slot holds.
type Kind string

// The kinds. What a slot of rules or of a team names is a configuration of package promotion, not a version.
const (
	Model Kind = "model" // a registered model
	Rules Kind = "rules" // what an environment asks for, and whether it is protected
	Team  Kind = "team"  // the members of a team
)

// Slot is what is live of one asset in one environment.
type Slot struct {
	ID            string
	Workspace     string
	EnvironmentID string
	Kind          Kind
	AssetID       string // of a registered model, an environment or a team
	Generation    int64  // counts every change; 0 = nothing was ever live
	Stable        Target // the zero Target where nothing is live
	Active        string // the request that is being carried out, "" for none
	Since         int64  // when Stable became so
	By            string // an actor's id
}

// Target is a version that a slot may name.
type Target struct {
	ID     string // of the version
	Number int64  // 1, 2, 3 …
	Digest string // of its manifest, "" where its bytes cannot be verified
}

// Cause says by what kind of act a slot changed.
type Cause string

// The causes.
const (
	Moved      Cause = "move"        // by hand, where nothing protects the slot
	Promoted   Cause = "promotion"   // a request was carried out
	RolledBack Cause = "rollback"    // back to what was live before
	BrokeGlass Cause = "break_glass" // in an emergency, without the reviews
	Cleared    Cause = "clear"       // the version or its model was deleted
	Adopted    Cause = "adopt"       // an alias became the view of an environment
)

// Change is one line of a slot's history; it is written once.
type Change struct {
	SlotID     string
	Generation int64 // after the change
	From, To   Target
	Cause      Cause
	Request    string // the id of the request that asked for it, "" for none
	Reason     string
	At         int64
	By         string
}

// Tx is what slots ask of a transaction; *storage.Tx answers.
type Tx interface {
	Emit(ctx context.Context, e event.Event) error
	Environment(ctx context.Context, id string) (Environment, error)
	// EnvironmentNamed finds an environment by its name, in any case of letters.
	EnvironmentNamed(ctx context.Context, workspace, name string) (Environment, error)
	Environments(ctx context.Context, workspace string) ([]Environment, error) // by rank
	// SlotOf finds the slot of an asset in an environment; where nothing was ever live it is one of generation 0, not
	// yet stored. A transaction that writes holds it until its end.
	SlotOf(ctx context.Context, env Environment, k Kind, asset string) (Slot, error)
	SlotsOfAsset(ctx context.Context, k Kind, asset string) ([]Slot, error) // by rank of their environments
	// SaveSlot stores s and adds c to its history. It is a Conflict where the generation is not the one before s's.
	SaveSlot(ctx context.Context, s Slot, c Change) error
	// LockSlot makes request the one that is being carried out, "" for none.
	LockSlot(ctx context.Context, s Slot, request string) error
}

// Fold is name as the names of environments are kept: in small letters.
func Fold(name string) string { return strings.ToLower(name) }

// maxName is the most characters in the name of an environment, which aliases can have too.
const maxName = 63

// CheckName refuses what an alias could not be called.
func CheckName(name string) error {
	bad := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && r != '_' && r != '-'
	}
	switch {
	case name == "":
		return domain.Fail(domain.Invalid, "env.name_empty", "give the environment a name")
	case utf8.RuneCountInString(name) > maxName:
		return domain.Fail(domain.Invalid, "env.name_long", "the name has more than %d characters", maxName)
	case !utf8.ValidString(name) || strings.IndexFunc(name, bad) >= 0 || Fold(name) != name:
		return domain.Fail(domain.Invalid, "env.name", "%s cannot be the name of an environment: use small letters, digits, - and _", domain.Short(strings.ToValidUTF8(name, "?")))
	case name == "latest" || len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "":
		return domain.Fail(domain.Invalid, "env.name_reserved", "%s already means a version: choose another name", name)
	}
	return nil
}

// Move makes s name to, and tells. Whether it may is for the caller to know: package promotion asks the people, and Open
// refuses everybody else. Whatever was being carried out in the slot is not any more.
func Move(ctx context.Context, tx Tx, g access.Grant, env Environment, s Slot, to Target, why Change, now time.Time) (Slot, error) {
	why.SlotID, why.From, why.To = s.ID, s.Stable, to
	why.At, why.By = now.UnixMilli(), g.Actor().ID
	s.Generation++
	s.Stable, s.Since, s.By = to, why.At, why.By
	why.Generation = s.Generation
	s.Active = ""
	if err := tx.SaveSlot(ctx, s, why); err != nil {
		return s, err
	}
	return s, tx.Emit(ctx, event.Event{Kind: "slot.changed", Subject: s.ID, Data: map[string]any{
		"environment": env.Name, "asset": s.AssetID, "kind": s.Kind, "generation": s.Generation, "cause": why.Cause,
		"from": why.From.Number, "to": to.Number, "digest": to.Digest, "request": why.Request, "reason": event.Text{Value: why.Reason},
	}})
}

// Open refuses to move a slot of a protected environment by any act but those that package promotion knows. The message
// says where to ask for it: for a version of a model, of number 0 if it is about none.
func (e Environment) Open(model string, number int64) error {
	if !e.Protected {
		return nil
	}
	return domain.Fail(domain.Forbidden, "slot.protected",
		"%s is protected: what is live there changes by a promotion that reviewers approve. Request it at %s", e.Name, RequestPath(e.Name, model, number))
}

// RulesPath is the page, below the server's address, on which to change the rules of e, or to request it.
func (e Environment) RulesPath() string { return "/environments/" + url.PathEscape(e.Name) + "/edit" }

// LivePath is the page, below the server's address, of what is live where.
const LivePath = "/slots"

// RequestPath is the page, below the server's address, on which to ask for a version in an environment, "" for the one that
// the page offers first.
func RequestPath(environment, model string, number int64) string {
	q := url.Values{"model": {model}}
	if environment != "" {
		q.Set("to", environment)
	}
	if number > 0 {
		q.Set("version", strconv.FormatInt(number, 10))
	}
	return "/promotions/new?" + q.Encode()
}
