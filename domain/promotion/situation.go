package promotion

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// asset is what promotions need to know of a kind of asset. A new kind is a new row of kinds.
type asset struct {
	// lock finds the asset and keeps its versions as they are until the transaction ends.
	lock func(ctx context.Context, tx Tx, id string) (name string, err error)
	// version reads what gates look at.
	version func(ctx context.Context, tx Tx, id string) (Version, error)
	// policy is what of an environment's policy concerns assets of this kind.
	policy func(p Policy) Policy
	// gates asks the gates.
	gates func(ctx context.Context, tx Tx, s *Situation) ([]Result, error)
	// release makes a version live.
	release func(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, version string, why slot.Change, now time.Time) (slot.Slot, error)
}

var kinds = map[slot.Kind]asset{
	slot.Model: {lockModel, modelVersion, wholePolicy, modelGates, releaseModel},
	slot.Rules: {lockRules, configurationVersion, configurationPolicy, rulesGates, releaseRules},
	slot.Team:  {lockTeam, configurationVersion, configurationPolicy, teamGates, releaseTeam},
}

func lockModel(ctx context.Context, tx Tx, id string) (string, error) {
	m, err := tx.ModelByID(ctx, id)
	return m.Name, err
}

func wholePolicy(p Policy) Policy { return p }

func releaseModel(ctx context.Context, tx Tx, g access.Grant, env slot.Environment, s slot.Slot, version string, why slot.Change, now time.Time) (slot.Slot, error) {
	v, err := tx.VersionByID(ctx, version)
	if err != nil {
		return s, err
	}
	return registry.Release(ctx, tx, g, env, s, v, why, now)
}

// modelVersion gathers what is known of a version of a model.
func modelVersion(ctx context.Context, tx Tx, id string) (Version, error) {
	v, err := tx.VersionByID(ctx, id)
	if err != nil {
		return Version{}, err
	}
	named, err := tx.ModelByID(ctx, v.ModelID)
	if err != nil {
		return Version{}, err
	}
	out := Version{
		ID: v.ID, Model: v.Model, Digest: v.Digest, Number: v.Number, CreatedAt: v.CreatedAt,
		Verifiable: v.Verifiable() && v.Broken == "", Revoked: v.Revoked(), Deleted: v.Deleted() || named.Deleted(), Tags: map[string]string{},
	}
	for _, t := range v.Tags {
		out.Tags[t.Key] = t.Value
	}
	var m registry.Manifest
	if v.Manifest != "" {
		if m, err = registry.ParseManifest(v.Manifest); err != nil {
			return out, err
		}
	}
	out.Params, out.Signature = m.Params, m.Signature != nil
	if m.Code != nil {
		out.Commit = m.Code.Commit
	}
	for _, d := range m.Data {
		out.Data = append(out.Data, Data{Name: d.Name, Digest: d.Digest, Use: d.Context})
	}
	var run tracking.Run
	if v.RunID != "" {
		if run, err = tx.FullRun(ctx, v.RunID); err != nil && domain.KindOf(err) != domain.NotFound {
			return out, err
		}
	}
	out.TrainedBy = run.CreatedBy
	var logged tracking.LoggedModel
	if v.LoggedModelID != "" {
		if logged, err = tx.LoggedModel(ctx, v.LoggedModelID); err != nil && domain.KindOf(err) != domain.NotFound {
			return out, err
		}
	}
	for _, x := range registry.Measured(run, logged) {
		out.Metrics = append(out.Metrics, Measured{Name: x.Key, Value: x.Value, Dataset: x.DatasetName, DatasetDigest: x.DatasetDigest})
	}
	scan, err := tx.ScanOf(ctx, v.ID)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return out, err
	}
	if err == nil {
		sum := sha256.Sum256([]byte(scan.Report))
		out.Scan = ScanFacts{Verdict: scan.Verdict, Digest: hex.EncodeToString(sum[:]), At: scan.At}
	}
	c, err := tx.CardOf(ctx, v.ModelID, v.Number)
	if domain.KindOf(err) == domain.NotFound {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	facts := v.Facts(m, run, logged)
	out.Card = CardFacts{Digest: c.Digest, Sections: map[string]bool{}, SavedAt: c.CreatedAt}
	for _, s := range card.Completeness(c.Card, facts).Sections {
		if s.State != card.NotRequired {
			out.Card.Sections[s.ID] = s.State == card.Filled
		}
	}
	out.Kind, out.Risk, out.Licence = string(c.Card.Kind), string(c.Card.RiskClass), c.Card.Licence.Weights
	return out, nil
}

// Situation is all that decides about a request, read from raw rows in one transaction.
type Situation struct {
	Now       time.Time
	Request   Request
	Env       slot.Environment
	Policy    Policy // what of it concerns the kind of asset
	Slot      slot.Slot
	Candidate Version
	Live      *Version // nil where nothing is live
	Results   []Result // of the gates now, with waivers
	Evidence  string   // their digest now
	Text      []byte   // what has that digest
	Waivers   []Waiver
	Reviews   []Review // all, oldest first
	Reviewers map[string]Person
	Lacking   []string // environments that are to come before and in which the candidate is not, or not long enough
	Debts     []Debt   // open ones of the slot

	Configuration *Configuration // the candidate, where it is one

	frozen   Freeze
	until    time.Time
	isFrozen bool
}

// situation gathers what decides about r. The asset and the slot stay as they are until a transaction that writes ends.
func situation(ctx context.Context, tx Tx, r Request, now time.Time) (Situation, error) {
	s := Situation{Now: now, Request: r, Reviewers: map[string]Person{}}
	kind, ok := kinds[r.Kind]
	if !ok {
		return s, domain.Fail(domain.Unsupported, "promotion.kind", "this server does not promote assets of the kind %s", r.Kind)
	}
	if _, err := kind.lock(ctx, tx, r.AssetID); err != nil && domain.KindOf(err) != domain.NotFound { // deleted for good
		return s, err
	}
	var err error
	if s.Slot, err = tx.SlotByID(ctx, r.SlotID); err != nil {
		return s, err
	}
	// The slot is held now; somebody may have had it when the request was read, and have changed it.
	if s.Request, err = tx.Promotion(ctx, r.ID); err != nil {
		return s, err
	}
	r = s.Request
	if s.Env, err = tx.Environment(ctx, r.EnvironmentID); err != nil {
		return s, err
	}
	policy, err := ParsePolicy(s.Env.Policy)
	if err != nil {
		return s, err
	}
	s.Policy = kind.policy(policy)
	s.Candidate, err = kind.version(ctx, tx, r.Candidate.ID)
	if domain.KindOf(err) == domain.NotFound { // deleted for good; the request can still be brought to an end
		s.Candidate, err = Version{ID: r.Candidate.ID, Number: r.Candidate.Number, Digest: r.Candidate.Digest, Deleted: true}, nil
	}
	if err != nil {
		return s, err
	}
	if s.Slot.Stable.ID != "" {
		live, err := kind.version(ctx, tx, s.Slot.Stable.ID)
		if err != nil && domain.KindOf(err) != domain.NotFound { // deleted for good
			return s, err
		}
		if err == nil {
			s.Live = &live
		}
	}
	if err := s.gates(ctx, tx); err != nil {
		return s, err
	}
	if err := s.people(ctx, tx); err != nil {
		return s, err
	}
	if s.Debts, err = tx.OpenDebts(ctx, r.SlotID); err != nil {
		return s, err
	}
	s.frozen, s.until, s.isFrozen = s.Policy.Frozen(now)
	return s, s.upstream(ctx, tx)
}

// gates asks the gates, and finds what reviewers would sign.
func (s *Situation) gates(ctx context.Context, tx Tx) (err error) {
	if s.Results, err = kinds[s.Request.Kind].gates(ctx, tx, s); err != nil {
		return err
	}
	s.Evidence, s.Text, err = Evidence(s.Results, s.Candidate.Card.Digest)
	return err
}

// modelGates asks the gates of the policy.
func modelGates(ctx context.Context, tx Tx, s *Situation) ([]Result, error) {
	r, now := s.Request, s.Now.UnixMilli()
	checks, err := tx.LatestChecks(ctx, r.Workspace, cmp.Or(r.Candidate.Digest, r.Candidate.ID))
	if err != nil {
		return nil, err
	}
	if s.Waivers, err = tx.Waivers(ctx, r.ID); err != nil {
		return nil, err
	}
	if !on(expiry) {
		now = 0
	}
	results := s.Policy.Evaluate(Facts{
		Now: now, Candidate: s.Candidate, Live: s.Live, Checks: checks,
		Request: RequestFacts{Number: r.Number, Author: r.Author, Reason: r.Reason, Revision: r.Revision},
		Env:     EnvFacts{Name: s.Env.Name, Rank: s.Env.Rank, Protected: s.Env.Protected, DataClass: s.Policy.DataClass},
	})
	return s.Policy.Waive(results, s.Waivers, now), nil
}

// people finds what the reviewers are now.
func (s *Situation) people(ctx context.Context, tx Tx) (err error) {
	if s.Reviews, err = tx.PromotionReviews(ctx, s.Request.ID); err != nil {
		return err
	}
	for _, r := range s.Reviews {
		if _, known := s.Reviewers[r.By]; known {
			continue
		}
		if s.Reviewers[r.By], err = tx.Person(ctx, s.Request.Workspace, r.By); err != nil {
			return err
		}
	}
	return nil
}

// upstream finds the environments that the policy requires and that the candidate has not been in: the same digest is live
// there, or was for the whole soak time, up to now or to when something else took its place.
func (s *Situation) upstream(ctx context.Context, tx Tx) error {
	for _, name := range s.Policy.Requires {
		env, err := tx.EnvironmentNamed(ctx, s.Request.Workspace, name)
		if domain.KindOf(err) == domain.NotFound {
			s.Lacking = append(s.Lacking, name)
			continue
		}
		if err != nil {
			return err
		}
		slots, err := tx.SlotsOfAsset(ctx, s.Request.Kind, s.Request.AssetID)
		if err != nil {
			return err
		}
		soaked := false
		for _, there := range slots {
			if there.EnvironmentID != env.ID {
				continue
			}
			history, err := tx.SlotHistory(ctx, there.ID, 0, 1000)
			if err != nil {
				return err
			}
			soaked = s.soaked(history)
		}
		if !soaked {
			s.Lacking = append(s.Lacking, env.Name)
		}
	}
	return nil
}

// soaked reports whether history, the newest first, has the candidate live for the soak time.
func (s *Situation) soaked(history []slot.Change) bool {
	end := s.Now.UnixMilli()
	for _, c := range history {
		same := c.To.ID == s.Request.Candidate.ID || c.To.Digest != "" && c.To.Digest == s.Request.Candidate.Digest
		if same && end-c.At >= int64(s.Policy.Soak) {
			return true
		}
		end = c.At
	}
	return false
}

// who names the people who may not count.
func (s *Situation) who() People {
	p := People{Author: s.Request.Author, Editor: s.Request.Editor, Trainer: s.Candidate.TrainedBy}
	if !on(author) {
		p.Author = ""
	}
	if !on(editor) {
		p.Editor = ""
	}
	return p
}

// person is what a reviewer is now.
func (s *Situation) person(id string) Person {
	p := s.Reviewers[id]
	if !on(departed) {
		p.Active, p.Role = true, cmp.Or(p.Role, access.Reviewer)
	}
	return p
}

// approvals are the people whose last word is an approval that counts.
func (s *Situation) approvals() (out []Person) {
	for _, r := range Standing(s.Reviews) {
		if r.Decision == Approve && (r.Binding == s.Request.Binding() || !on(binding)) {
			out = append(out, s.person(r.By))
		}
	}
	return out
}

// Quorum says for each rule how many approvals count.
func (s *Situation) Quorum() (states []RuleState, ok bool) {
	return s.Policy.Quorum(s.approvals(), s.who())
}

// objection reports whether somebody who is still active has asked for changes of this revision, or rejected it, as their
// last word.
func (s *Situation) objection(d Decision) bool {
	return slices.ContainsFunc(Standing(s.Reviews), func(r Review) bool {
		return r.Decision == d && r.Binding.Revision == s.Request.Revision && s.person(r.By).Active
	})
}

// Frozen names the freeze that holds now, and its end.
func (s *Situation) Frozen() (f Freeze, until time.Time, frozen bool) {
	return s.frozen, s.until, s.isFrozen
}
