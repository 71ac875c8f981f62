package promotion

import (
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
)

// Policy is what an environment asks of a request. Its canonical JSON is what an approval is bound to.
type Policy struct {
	Gates    []Gate   `json:"gates,omitempty"`
	Rules    []Rule   `json:"rules,omitempty"`    // of the people who approve; none = nobody need to
	Requires []string `json:"requires,omitempty"` // names of environments in which the same digest is live or was, for Soak
	Soak     Duration `json:"soak,omitempty"`
	TTL      Duration `json:"ttl,omitempty"` // of a request, from its first submission; 0 = for ever
	Freezes  []Freeze `json:"freezes,omitempty"`

	DataClass   string `json:"data_class,omitempty"`   // what data is in the environment: public, internal, confidential, restricted
	FinalReject bool   `json:"final_reject,omitempty"` // one rejection ends the request
	Supersede   bool   `json:"supersede,omitempty"`    // a newer request for the same slot ends the older
	AutoExecute bool   `json:"auto_execute,omitempty"` // the server carries out what is approved

	BreakGlass  bool     `json:"break_glass,omitempty"`  // may be used
	DebtHours   int      `json:"debt_hours,omitempty"`   // after it, until somebody has looked at what was done
	NeverWaived []string `json:"never_waived,omitempty"` // gates, by their ids
}

// Binds reports whether nobody can waive a gate.
func (p Policy) Binds(gate string) bool { return slices.Contains(p.NeverWaived, gate) }

func (p Policy) namesTeam(id string) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return slices.Contains(r.From.Teams, id) })
}

// GateKind names a sort of gate.
type GateKind string

// The kinds of gates.
const (
	MetricGate GateKind = "metric"
	CardGate   GateKind = "card"
	ScanGate   GateKind = "scan"
	ChecksGate GateKind = "checks"
	CELGate    GateKind = "cel"
)

// The kinds of the gates that every configuration meets, and their ids. No policy names them.
const (
	BaseGate      = "base"      // what it replaces is still in force
	ReviewersGate = "reviewers" // enough people could approve under it
)

// Gate is one condition that facts decide. Which fields count depends on the kind.
type Gate struct {
	ID   string   `json:"id"` // unique in the policy; names the gate on pages and in waivers
	Kind GateKind `json:"kind"`

	// metric: Metric compared with Limit, or with that of the live version; both may be asked.
	Metric     string   `json:"metric,omitempty"`
	Dataset    string   `json:"dataset,omitempty"`     // name of the dataset it was measured on, "" for any
	Op         string   `json:"op,omitempty"`          // ">=" or "<=": in which direction better lies
	Limit      *float64 `json:"limit,omitempty"`       // the metric is at least (or at most) this
	LiveMargin *float64 `json:"live_margin,omitempty"` // and at most this much worse than the live version's, on the same data

	// card: Sections that have to be complete, none = all that the risk class asks for; Licences that are allowed, none = any.
	Sections []string `json:"sections,omitempty"`
	Licences []string `json:"licences,omitempty"`

	// scan: the worst verdict that passes, "clean", "notice" or "inconclusive".
	Worst string `json:"worst,omitempty"`

	// checks: names of statuses that must have been reported as success for the digest.
	Checks []string `json:"checks,omitempty"`

	// cel: Expr is true; Message is shown when it is not.
	Expr    string `json:"expr,omitempty"`
	Message string `json:"message,omitempty"`

	TTL Duration `json:"ttl,omitempty"` // of the facts behind the gate (a scan, a check): older ones do not count; 0 = for ever
}

// Rule asks for a number of approvals.
type Rule struct {
	Name  string      `json:"name,omitempty"`
	Count int         `json:"count"`
	From  Eligible    `json:"from"`            // any one of them
	Apart []Connected `json:"apart,omitempty"` // besides author and last editor, who never count
}

// Eligible says who counts for a rule: whoever has one of the roles, is in one of the teams or is named.
type Eligible struct {
	Roles []access.Role `json:"roles,omitempty"`
	Teams []string      `json:"teams,omitempty"` // ids
	Users []string      `json:"users,omitempty"` // ids
}

// Connected is a person who had a part in the candidate.
type Connected string

// Trainer is who made the run that the candidate came from, as the server saw it.
const Trainer Connected = "trainer"

// Freeze is a time in which nothing is released. Either From and Until are given, or Start, a recurrence rule
// (RFC 5545) and a length.
type Freeze struct {
	Name  string   `json:"name"`
	From  string   `json:"from,omitempty"`  // local time in Zone: "2026-12-20T00:00"
	Until string   `json:"until,omitempty"` // not included
	Start string   `json:"start,omitempty"`
	Rule  string   `json:"rrule,omitempty"` // "FREQ=WEEKLY;BYDAY=FR"
	Long  Duration `json:"long,omitempty"`  // of each occurrence
	Zone  string   `json:"zone"`            // "Europe/Rome"
}

// Duration is a time span in milliseconds.
type Duration int64

// Of is d as Go has it.
func (d Duration) Of() time.Duration { return time.Duration(d) * time.Millisecond }

// Verdict is what a gate says.
type Verdict string

// The verdicts. Inconclusive and Error never count as passed.
const (
	Passed       Verdict = "passed"
	Failed       Verdict = "failed"
	Inconclusive Verdict = "inconclusive"
	Errored      Verdict = "error"
	Waived       Verdict = "waived"
	Waiting      Verdict = "waiting"
)

// Result is what one gate found. All but ExpiresAt is part of the evidence that reviewers sign.
type Result struct {
	Gate    string             `json:"gate"`
	Kind    GateKind           `json:"kind"`
	Verdict Verdict            `json:"verdict"`
	Reason  string             `json:"reason"`            // key of the sentence that explains it, below "gate." in the words of the pages
	Args    []any              `json:"args,omitempty"`    // of the sentence: strings and numbers
	Numbers map[string]float64 `json:"numbers,omitempty"` // value, limit, live, margin …; finite
	Inputs  map[string]string  `json:"inputs,omitempty"`  // digests of what was looked at: "dataset", "card", "scan", "policy" …

	// Where a waiver stands in: what the gate said, and the waiver. Reason, Args and Numbers are still those of the gate.
	Was    Verdict `json:"was,omitempty"`
	Waiver *Waiver `json:"waiver,omitempty"`

	ExpiresAt int64 `json:"-"` // 0 = never
}

// Facts is all that gates look at. It is read from raw rows in the transaction that decides.
type Facts struct {
	Now       int64 // the instant of the transaction
	Candidate Version
	Live      *Version // nil where nothing is live
	Checks    []Check  // reported for the candidate's digest, the latest of each name
	Request   RequestFacts
	Env       EnvFacts
}

// Version is a version as gates see it.
type Version struct {
	ID, Model, Digest string
	Number            int64
	Kind, Risk        string // of its card
	Metrics           []Measured
	Params            map[string]string
	Tags              map[string]string
	Data              []Data
	Card              CardFacts
	Scan              ScanFacts
	Licence           string
	Verifiable        bool
	Revoked           bool
	Deleted           bool
	Signature         bool
	Commit            string
	CreatedAt         int64
	TrainedBy         string // an actor's id
}

// Measured is one metric of a version, the last of its key and dataset.
type Measured struct {
	Name          string
	Value         float64 // may be NaN or infinite
	Dataset       string
	DatasetDigest string
}

// Data is a dataset that a version was made from.
type Data struct{ Name, Digest, Use, Class string }

// CardFacts is what is known of a card.
type CardFacts struct {
	Digest   string          // "" where there is none
	Sections map[string]bool // by name, whether it is complete; only those that the kind and risk class ask for
	SavedAt  int64
}

// ScanFacts is what a scan found, the zero value while there is none.
type ScanFacts struct {
	Verdict string // of package scan
	Digest  string // SHA-256 of the report
	At      int64
}

// CheckState is what an outside system says of a digest.
type CheckState string

// The states of a check.
const (
	CheckPending CheckState = "pending"
	CheckSuccess CheckState = "success"
	CheckFailure CheckState = "failure"
)

// Check is a named status that an outside system reported for a digest.
type Check struct {
	ID     string
	Name   string
	Digest string
	State  CheckState
	URL    string // where the details are, https or http, or ""
	Note   string
	At     int64
	By     string
}

// RequestFacts is what gates may know of the request.
type RequestFacts struct {
	Number   int64
	Author   string
	Reason   string
	Revision int64
}

// EnvFacts is what gates may know of the environment.
type EnvFacts struct {
	Name      string
	Rank      int64
	Protected bool
	DataClass string
}
