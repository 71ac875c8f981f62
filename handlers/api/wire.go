package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
)

// instant is milliseconds since 1970, in JSON a time after RFC 3339, UTC.
type instant int64

const rfc3339ms = "2006-01-02T15:04:05.000Z07:00"

func (t instant) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.UnixMilli(int64(t)).UTC().Format(rfc3339ms) + `"`), nil
}

func (t *instant) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return domain.Fail(domain.Invalid, "api.instant", "an instant is a text like 2026-11-27T12:00:00Z")
	}
	at, err := readInstant(s)
	*t = instant(at)
	return err
}

func readInstant(s string) (int64, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, domain.Fail(domain.Invalid, "api.instant", "an instant is a text like 2026-11-27T12:00:00Z")
	}
	return at.UnixMilli(), nil
}

type actor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// people tells the names of actors.
type people map[string]string

func (p people) of(id string) actor {
	if name := p[id]; name != "" {
		return actor{id, name}
	}
	return actor{id, id}
}

func peopleOf(ctx context.Context, tx *storage.Tx, ids ...string) (people, error) {
	return tx.NamesOf(ctx, ids...)
}

type environment struct {
	Name      string          `json:"name"`
	Rank      int64           `json:"rank"`
	Protected bool            `json:"protected"`
	Policy    json.RawMessage `json:"policy"`
	Digest    string          `json:"policy_digest"`
	Revision  int64           `json:"revision"`
}

func fromEnvironment(e slot.Environment) environment {
	return environment{e.Name, e.Rank, e.Protected, json.RawMessage(e.Policy), e.Digest, e.Revision}
}

type target struct {
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
}

func fromTarget(t slot.Target) *target {
	if t.ID == "" {
		return nil
	}
	return &target{t.Number, t.Digest}
}

// place is a slot: what is, or was, live of a model in an environment.
type place struct {
	Environment string  `json:"environment"`
	Model       string  `json:"model"`
	Generation  int64   `json:"generation"`
	Live        *target `json:"live"` // null where nothing is
	Since       instant `json:"since,omitzero"`
	By          *actor  `json:"changed_by,omitempty"`
	Busy        bool    `json:"busy"` // a promotion is being carried out
}

func fromPlace(p promotion.Place, names people) place {
	out := place{Environment: p.Environment.Name, Model: p.Asset, Generation: p.Slot.Generation, Live: fromTarget(p.Slot.Stable), Busy: p.Slot.Active != ""}
	if p.Slot.Generation > 0 {
		by := names.of(p.Slot.By)
		out.Since, out.By = instant(p.Slot.Since), &by
	}
	return out
}

type change struct {
	Generation int64      `json:"generation"`
	From       *target    `json:"from"`
	To         *target    `json:"to"`
	Cause      slot.Cause `json:"cause"`
	Promotion  int64      `json:"promotion,omitempty"` // number
	Reason     string     `json:"reason"`
	At         instant    `json:"at"`
	By         actor      `json:"by"`
}

type binding struct {
	Candidate string `json:"candidate"`
	Revision  int64  `json:"revision"`
	Evidence  string `json:"evidence"`
	Policy    string `json:"policy"`
	Base      int64  `json:"base_generation"`
}

// request is a promotion in lists and as the answer of acts.
type request struct {
	Number      int64           `json:"number"`
	Name        string          `json:"name"`
	Kind        slot.Kind       `json:"kind"`
	Model       string          `json:"model,omitempty"`
	Team        string          `json:"team,omitempty"`
	Environment string          `json:"environment"`
	Version     int64           `json:"version"`
	Digest      string          `json:"digest"`
	Reason      string          `json:"reason"`
	State       promotion.State `json:"state"`
	Cause       string          `json:"cause"`
	Binding     binding         `json:"binding"`
	Author      actor           `json:"author"`
	Editor      actor           `json:"editor"`
	NotBefore   instant         `json:"not_before,omitzero"`
	Deadline    instant         `json:"deadline,omitzero"`
	Incident    string          `json:"incident,omitempty"`
	CreatedAt   instant         `json:"created_at"`
	SubmittedAt instant         `json:"submitted_at,omitzero"`
	UpdatedAt   instant         `json:"updated_at"`
	EndedAt     instant         `json:"ended_at,omitzero"`
	URL         string          `json:"url"`
}

func fromListed(r promotion.Listed, names people, url func(string) string) request {
	model, team := r.Asset, ""
	switch r.Kind {
	case slot.Team:
		model, team = "", r.Asset
	case slot.Rules:
		model = ""
	default:
	}
	return request{
		r.Number, r.Name(), r.Kind, model, team, r.Environment, r.Candidate.Number, r.Candidate.Digest, r.Reason, r.State, r.Cause, binding(r.Binding()),
		names.of(r.Author), names.of(r.Editor), instant(r.NotBefore), instant(r.Deadline), r.Incident,
		instant(r.CreatedAt), instant(r.SubmittedAt), instant(r.UpdatedAt), instant(r.EndedAt), url(fmt.Sprintf("/promotions/%d", r.Number)),
	}
}

// etag is the revision of what is shown of a request: what an approval holds for, and the state.
func etag(r promotion.Request) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%q %d %v", r.State, r.Number, r.Binding())))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

type waiver struct {
	By        actor   `json:"by"`
	Reason    string  `json:"reason"`
	ExpiresAt instant `json:"expires_at"`
}

type gate struct {
	ID        string             `json:"id"`
	Kind      promotion.GateKind `json:"kind"`
	Verdict   promotion.Verdict  `json:"verdict"`
	Reason    string             `json:"reason"`
	Message   string             `json:"message"`
	Numbers   map[string]float64 `json:"numbers,omitempty"`
	Inputs    map[string]string  `json:"inputs,omitempty"`
	ExpiresAt instant            `json:"expires_at,omitzero"`
	Was       promotion.Verdict  `json:"was,omitempty"`
	Waiver    *waiver            `json:"waiver,omitempty"`
}

type rule struct {
	Name    string  `json:"name"`
	Need    int     `json:"need"`
	Have    int     `json:"have"`
	Missing int     `json:"missing"`
	By      []actor `json:"by"`
}

type review struct {
	ID          string             `json:"id"`
	By          actor              `json:"by"`
	Decision    promotion.Decision `json:"decision"`
	Comment     string             `json:"comment"`
	Binding     binding            `json:"binding"`
	At          instant            `json:"at"`
	WithdrawnAt instant            `json:"withdrawn_at,omitzero"`
	Stale       string             `json:"stale"` // why it does not count, "" where it is about what is shown
	Last        bool               `json:"last"`  // it is the reviewer's last word
}

// asked is what a change of rules or of a team replaces, and by what.
type asked struct {
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// debt is what an emergency release leaves: somebody else looks at it.
type debt struct {
	OpenedAt instant `json:"opened_at"`
	DueAt    instant `json:"due_at"`
	ClosedAt instant `json:"closed_at,omitzero"`
	ClosedBy *actor  `json:"closed_by,omitempty"`
	Comment  string  `json:"comment,omitempty"`
}

func fromDebt(d promotion.Debt, names people) *debt {
	out := &debt{instant(d.OpenedAt), instant(d.DueAt), instant(d.ClosedAt), nil, d.Comment}
	if d.ClosedBy != "" {
		by := names.of(d.ClosedBy)
		out.ClosedBy = &by
	}
	return out
}

// details is a promotion with all that decides about it.
type details struct {
	request
	Live     *target  `json:"live"`
	Change   *asked   `json:"change,omitempty"` // of rules or a team
	Gates    []gate   `json:"gates"`
	Rules    []rule   `json:"rules"`
	Reviews  []review `json:"reviews"`
	Upstream []string `json:"upstream"` // environments in which the version has to be live first
	Unmet    []unmet  `json:"unmet"`    // what keeps the caller from carrying it out
	Debt     *debt    `json:"debt,omitempty"`
}

// everybody lists the actors that the details of a request name.
func everybody(s promotion.Situation) []string {
	ids := []string{s.Request.Author, s.Request.Editor}
	for _, v := range s.Reviews {
		ids = append(ids, v.By)
	}
	for _, w := range s.Waivers {
		ids = append(ids, w.By)
	}
	return ids
}

func fromSituation(ctx context.Context, s promotion.Situation, top request, names people) details {
	d := details{request: top, Live: fromTarget(s.Slot.Stable), Gates: []gate{}, Rules: []rule{}, Reviews: []review{}, Upstream: append([]string{}, s.Lacking...), Unmet: []unmet{}}
	if c := s.Configuration; c != nil {
		d.Change = &asked{json.RawMessage(c.Before), json.RawMessage(c.Document)}
	}
	for _, g := range s.Results {
		out := gate{g.Gate, g.Kind, g.Verdict, g.Reason, i18n.Gate(ctx, g.Reason, g.Args), g.Numbers, g.Inputs, instant(g.ExpiresAt), g.Was, nil}
		if g.Waiver != nil {
			out.Waiver = &waiver{names.of(g.Waiver.By), g.Waiver.Reason, instant(g.Waiver.ExpiresAt)}
		}
		d.Gates = append(d.Gates, out)
	}
	states, _ := s.Quorum()
	for _, r := range states {
		out := rule{r.Name, r.Need, r.Have, r.Missing, []actor{}}
		for _, id := range r.By {
			out.By = append(out.By, names.of(id))
		}
		d.Rules = append(d.Rules, out)
	}
	last := map[string]bool{}
	for _, v := range promotion.Standing(s.Reviews) {
		last[v.ID] = true
	}
	for _, v := range s.Reviews {
		d.Reviews = append(d.Reviews, review{
			v.ID, names.of(v.By), v.Decision, v.Comment, binding(v.Binding), instant(v.At), instant(v.WithdrawnAt), v.Binding.Stale(s.Request.Binding()), last[v.ID],
		})
	}
	return d
}

type comment struct {
	ID   string  `json:"id"`
	At   instant `json:"at"`
	By   actor   `json:"by"`
	Body string  `json:"body"`
}

func fromNote(n promotion.Note, names people) comment {
	return comment{n.ID, instant(n.At), names.of(n.By), n.Body}
}

type check struct {
	ID     string               `json:"id"`
	Name   string               `json:"name"`
	Digest string               `json:"digest"`
	State  promotion.CheckState `json:"state"`
	URL    string               `json:"url"`
	Note   string               `json:"note"`
	At     instant              `json:"at"`
	By     actor                `json:"by"`
}

func fromCheck(c promotion.Check, names people) check {
	return check{c.ID, c.Name, c.Digest, c.State, c.URL, c.Note, instant(c.At), names.of(c.By)}
}
