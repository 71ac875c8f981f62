// Package promotion moves a version to where it is live once facts and people agree. An approval is bound to the exact
// candidate, evidence, policy and the version being replaced; all of it is looked at again, from raw rows, in the
// transaction that moves the slot.
//
// The state of a request that is not being carried out follows from the facts: settle reckons it anew whenever one of
// them changes, in the transaction that changes it (React). That keeps the screen honest. What keeps the slot safe is
// Executable, which reckons for itself.
//
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none.
package promotion

import (
	"cmp"
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// State is how far a request is.
type State string

// The states. From Completed on a request has ended and never changes again.
const (
	Draft      State = "draft"
	Checking   State = "checking"  // a gate waits for a fact
	Blocked    State = "blocked"   // a gate or a reviewer says no
	InReview   State = "in_review" // the gates passed, people are to agree
	Approved   State = "approved"
	Scheduled  State = "scheduled" // approved; a freeze, a date, another release or an environment before it is in the way
	Executing  State = "executing" // it holds the slot
	Completed  State = "completed"
	Aborted    State = "failed" // it was being carried out and was stopped
	Cancelled  State = "cancelled"
	Expired    State = "expired"
	Rejected   State = "rejected"
	Superseded State = "superseded"
)

// States lists all states in the order above.
var States = []State{Draft, Checking, Blocked, InReview, Approved, Scheduled, Executing, Completed, Aborted, Cancelled, Expired, Rejected, Superseded}

// Ended reports whether a request in s never changes again.
func (s State) Ended() bool {
	switch s {
	case Completed, Aborted, Cancelled, Expired, Rejected, Superseded:
		return true
	default:
		return false
	}
}

// Open reports whether facts decide the state of a request in s.
func (s State) Open() bool { return !s.Ended() && s != Draft && s != Executing }

// Request asks to make a version live in an environment, or to put a configuration of it in force.
type Request struct {
	ID            string
	Workspace     string
	Number        int64 // 1, 2, 3 … in the workspace; people call it PR-1
	SlotID        string
	EnvironmentID string
	Kind          slot.Kind
	AssetID       string
	Candidate     slot.Target
	Reason        string // Markdown
	Revision      int64  // counts edits
	Author        string // an actor's id
	Editor        string // who edited last; the author at first
	Base          int64  // the generation of the slot that the candidate was compared with
	State         State
	Cause         string // what the state hangs on: a key below "promotion.cause.", "" for nothing
	Evidence      string // digest of what the gates found
	EvidenceText  string // which is this, canonical JSON
	Policy        string // digest of the environment's policy
	NotBefore     int64
	Deadline      int64
	DueAt         int64  // when time alone may change its state
	Incident      string // the reference under which it was carried out in an emergency
	CreatedAt     int64
	SubmittedAt   int64
	UpdatedAt     int64
	EndedAt       int64
}

// Name is what people call r.
func (r Request) Name() string { return fmt.Sprintf("PR-%d", r.Number) }

// Binding is what an approval holds for. Where any part of it is another, the approval does not count.
type Binding struct {
	Candidate string // the version's digest; its id where it has none
	Revision  int64
	Evidence  string
	Policy    string
	Base      int64
}

// Binding is what an approval of r, as it is recorded, is bound to.
func (r Request) Binding() Binding {
	return Binding{cmp.Or(r.Candidate.Digest, r.Candidate.ID), r.Revision, r.Evidence, r.Policy, r.Base}
}

// Decision is what a reviewer says.
type Decision string

// The decisions.
const (
	Approve        Decision = "approve"
	RequestChanges Decision = "request_changes" // until the request is edited
	Reject         Decision = "reject"
)

// Review is what one reviewer said once. It is never changed but to say that it was withdrawn.
type Review struct {
	ID          string
	Promotion   string
	By          string // an actor's id
	Decision    Decision
	Comment     string // Markdown
	Binding     Binding
	At          int64
	WithdrawnAt int64
}

// Stale says why an approval with this binding does not count for one with now: the first part that differs, a key below
// "promotion.stale.", or "" where it counts.
func (b Binding) Stale(now Binding) string {
	switch {
	case b == now:
		return ""
	case b.Candidate != now.Candidate || b.Revision != now.Revision:
		return "edited"
	case b.Base != now.Base:
		return "base"
	case b.Policy != now.Policy:
		return "policy"
	}
	return "evidence"
}

// Standing is the last word of each reviewer, in the order in which they were said.
func Standing(all []Review) (out []Review) {
	last := map[string]int{}
	for i, r := range all {
		if r.WithdrawnAt == 0 {
			last[r.By] = i
		}
	}
	for i, r := range all {
		if j, ok := last[r.By]; ok && i == j {
			out = append(out, r)
		}
	}
	return out
}

// Approvers are those whose last word approves r as it is, in the order in which they said so.
func (r Request) Approvers(all []Review) (ids []string) {
	for _, x := range Standing(all) {
		if x.Decision == Approve && x.Binding == r.Binding() {
			ids = append(ids, x.By)
		}
	}
	return ids
}

// Query chooses requests of a workspace; what is empty does not count.
type Query struct {
	Open        bool
	State       State
	Asset       string // id
	Version     string // id of the candidate
	Environment string // id
	Author      string // id
	Rules       bool   // only those for rules and teams
	Below       int64  // only smaller numbers; 0 = from the newest
	Most        int
}

// Note is a line of the story of a request: what happened, or what somebody said of it.
type Note struct {
	ID        string
	Promotion string
	At        int64
	By        string // an actor's id
	Kind      string // "comment", or a key below "promotion.note."
	Body      string // of a comment Markdown, else what the sentence needs
}

// Debt is what a break-glass leaves: somebody has to look at what was done.
type Debt struct {
	Promotion string
	SlotID    string
	OpenedAt  int64
	DueAt     int64
	ClosedAt  int64
	ClosedBy  string
	Comment   string
}

// Team is people who count together in a rule.
type Team struct {
	ID        string
	Workspace string
	Name      string
	Members   []string // users' ids
	CreatedAt int64
}

// Tx is what promotions ask of a transaction; *storage.Tx answers.
type Tx interface {
	registry.PageTx
	registry.CardTx

	Promotion(ctx context.Context, id string) (Request, error)
	PromotionNumbered(ctx context.Context, workspace string, number int64) (Request, error)
	// AddPromotion gives r its number.
	AddPromotion(ctx context.Context, r *Request) error
	SavePromotion(ctx context.Context, r Request) error
	OpenPromotionsOfSlot(ctx context.Context, slot string) ([]Request, error) // oldest first; drafts too
	// OpenPromotionsOfAsset lists what is open of an asset, in all environments.
	OpenPromotionsOfAsset(ctx context.Context, asset string) ([]Request, error)
	OpenPromotionsOfEnvironment(ctx context.Context, environment string) ([]Request, error)
	OpenPromotionsOfDigest(ctx context.Context, workspace, digest string) ([]Request, error)
	OpenPromotionsReviewedBy(ctx context.Context, user string) ([]Request, error)
	OpenConfigurations(ctx context.Context) ([]Request, error) // in all workspaces

	PromotionReviews(ctx context.Context, promotion string) ([]Review, error) // oldest first
	AddReview(ctx context.Context, r Review) error
	WithdrawReview(ctx context.Context, id string, at int64) error
	Waivers(ctx context.Context, promotion string) ([]Waiver, error) // that have not been taken back, oldest first
	AddWaiver(ctx context.Context, promotion, id string, w Waiver, at int64) error
	EndWaivers(ctx context.Context, promotion, gate string, at int64) error
	AddNote(ctx context.Context, n Note) error
	// PeopleNamed finds those of some names who are active in a workspace: their ids by their names.
	PeopleNamed(ctx context.Context, workspace string, names []string) (map[string]string, error)
	AddMention(ctx context.Context, promotion, user string, at int64) error // or leave the one that is there
	EndMention(ctx context.Context, promotion, user string) error           // if there is one

	LatestChecks(ctx context.Context, workspace, digest string) ([]Check, error) // the last of each name
	AddCheck(ctx context.Context, workspace string, c Check) error

	// Person finds what a user is in a workspace now; one who is gone or has no role is not active.
	Person(ctx context.Context, workspace, user string) (Person, error)
	// People lists all who are active in a workspace.
	People(ctx context.Context, workspace string) ([]Person, error)

	SlotByID(ctx context.Context, id string) (slot.Slot, error)
	SlotAt(ctx context.Context, slot string, at int64) (slot.Change, error)
	// WasLive finds the newest change of a slot that made a version live; NotFound if it never was.
	WasLive(ctx context.Context, slot, version string) (slot.Change, error)
	SlotHistory(ctx context.Context, slot string, below int64, most int) ([]slot.Change, error) // newest first
	CountSlots(ctx context.Context, environment string) (int64, error)
	SlotsOfEnvironment(ctx context.Context, environment string) ([]slot.Slot, error)
	AliasesNamed(ctx context.Context, workspace, alias string) (int64, error) // in how many models there is one
	AddEnvironment(ctx context.Context, e slot.Environment) error
	SaveEnvironment(ctx context.Context, e slot.Environment) error
	DeleteEnvironment(ctx context.Context, id string) error
	Teams(ctx context.Context, workspace string) ([]Team, error) // by name
	SetTeamMember(ctx context.Context, team, user string, in bool) error

	Configuration(ctx context.Context, id string) (Configuration, error)
	// AddConfiguration gives c its number. What it is about is held.
	AddConfiguration(ctx context.Context, c *Configuration) error
	// HoldEnvironment finds an environment and keeps everybody else from reading it in order to write; HoldTeam is the like.
	HoldEnvironment(ctx context.Context, id string) (slot.Environment, error)
	HoldTeam(ctx context.Context, id string) (Team, error)

	OpenDebts(ctx context.Context, slot string) ([]Debt, error)
	Debt(ctx context.Context, promotion string) (Debt, error)
	SaveDebt(ctx context.Context, d Debt) error // new or changed
}

func me(g access.Grant) string { return g.Actor().ID }

// newID is an id for rows of this package.
func newID() string { return tracking.NewID() }

func noPromotion(number int64) error {
	return domain.Fail(domain.NotFound, "promotion.none", "there is no promotion PR-%d in this workspace", number)
}
