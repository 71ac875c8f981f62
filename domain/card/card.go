// Package card is the documentation of a version of a model, prompt or agent: what it is for and what it is not for,
// what it was made from, how well it does, what may go wrong and who answers for it. What can be taken from the run
// and the version is taken from there (Facts) and marked as measured; people write the rest.
//
// The fields follow Mitchell et al., Model Cards for Model Reporting (2019), the model card of CycloneDX 1.6 and
// Annex IV of Regulation (EU) 2024/1689.
package card

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/canonical"
)

// Kind is what sort of thing a card describes; it decides which sections are required.
type Kind string

// The kinds of cards; "" is not chosen yet.
const (
	Predictive Kind = "predictive" // scores, classes, numbers, rankings
	Generative Kind = "generative" // text, images, sound
	Agent      Kind = "agent"      // acts by itself, with tools
	OtherKind  Kind = "other"
)

// Status is how far the card is.
type Status string

// The statuses of a card; "" is a draft.
const (
	Draft    Status = "draft"
	InReview Status = "in_review"
	Approved Status = "approved"
	Archived Status = "archived"
)

// RiskClass is the class of a use under Regulation (EU) 2024/1689, the AI Act.
type RiskClass string

// The risk classes; "" is not decided yet.
const (
	Prohibited   RiskClass = "prohibited"   // Article 5
	HighRisk     RiskClass = "high"         // Article 6
	Transparency RiskClass = "transparency" // Article 50
	Minimal      RiskClass = "minimal"
)

// Relation is what was done to the base model.
type Relation string

// The relations to a base model, in the words of Hugging Face; "" is not said.
const (
	Finetune  Relation = "finetune"
	Adapter   Relation = "adapter"
	Quantized Relation = "quantized"
	Merge     Relation = "merge"
)

// Origin says who says so: a person, or the records of the run and the version.
type Origin string

// The origins of an entry; "" is Declared.
const (
	Declared Origin = "declared"
	Measured Origin = "measured"
)

// Use is what data was used for.
type Use string

// The uses of data; "" is not said, and counts as training.
const (
	Training   Use = "training"
	Validation Use = "validation"
	Evaluation Use = "evaluation"
)

// Answer is an answer to a question that may be open.
type Answer string

// The answers; "" is not answered, Unknown is the answer of somebody who looked and does not know.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Card is one card. Texts are Markdown. An empty field says nothing.
type Card struct {
	Name    string `json:"name,omitempty"`    // a fact
	Version string `json:"version,omitempty"` // a fact
	Kind    Kind   `json:"kind,omitempty"`
	Status  Status `json:"status,omitempty"`

	Owner    string    `json:"owner,omitempty"` // the person or team that answers for it
	Contacts []Contact `json:"contacts,omitempty"`
	Tags     []string  `json:"tags,omitempty"`

	Summary     string `json:"summary,omitempty"`
	IntendedUse string `json:"intended_use,omitempty"`
	Users       string `json:"users,omitempty"`
	OutOfScope  string `json:"out_of_scope_use,omitempty"`
	Misuse      string `json:"foreseeable_misuse,omitempty"`

	Inputs       []Port      `json:"inputs,omitempty"`
	Outputs      []Port      `json:"outputs,omitempty"`
	BaseModels   []BaseModel `json:"base_models,omitempty"`
	Relation     Relation    `json:"base_relation,omitempty"`
	Architecture string      `json:"architecture,omitempty"`
	Task         string      `json:"task,omitempty"` // a pipeline tag of Hugging Face, or the team's own word
	Library      Library     `json:"library,omitzero"`
	Languages    []string    `json:"languages,omitempty"` // ISO 639 codes
	Parameters   []Parameter `json:"parameters,omitempty"`
	Source       Source      `json:"source,omitzero"`

	Datasets []Dataset `json:"datasets,omitempty"`
	Metrics  []Metric  `json:"metrics,omitempty"`

	Limitations string      `json:"limitations,omitempty"`
	Tradeoffs   string      `json:"tradeoffs,omitempty"`
	Fairness    []Fairness  `json:"fairness,omitempty"`
	Ethics      []Risk      `json:"ethical_risks,omitempty"`
	Environment Environment `json:"environment,omitzero"`

	Oversight    string `json:"human_oversight,omitempty"`
	Instructions string `json:"instructions,omitempty"`
	Logging      string `json:"logging,omitempty"`
	Security     string `json:"security,omitempty"`

	Licence       Licence   `json:"licence,omitzero"`
	RiskClass     RiskClass `json:"risk_class,omitempty"`
	RiskRationale string    `json:"risk_rationale,omitempty"`
	ReviewDate    string    `json:"review_date,omitempty"` // 2006-01-02; the card is to be looked at again by then

	Text string `json:"text,omitempty"` // whatever else there is to say
}

// Contact is somebody to ask.
type Contact struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Role  string `json:"role,omitempty"`
}

// Port is one input or output.
type Port struct {
	Name        string `json:"name,omitempty"`
	Type        string `json:"type,omitempty"`  // "double", "string", "image/png"
	Shape       string `json:"shape,omitempty"` // "[-1, 28, 28]"; "" is one value
	Optional    bool   `json:"optional,omitempty"`
	Description string `json:"description,omitempty"`
	Origin      Origin `json:"origin,omitempty"`
}

// BaseModel is a model that this one was made from.
type BaseModel struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Origin  Origin `json:"origin,omitempty"`
}

// Library is what the model was made with and is loaded by.
type Library struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Origin  Origin `json:"origin,omitempty"`
}

// Parameter is one parameter of the training; a fact.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Source is where the version comes from; a fact.
type Source struct {
	Run        string `json:"run,omitempty"`
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Trainer    string `json:"trainer,omitempty"` // the authenticated user whose run it was
}

// Dataset is data that the model was made with or judged by. Name, digest, source and use may be facts; the rest is
// for people to say.
type Dataset struct {
	Name          string   `json:"name"`
	Digest        string   `json:"digest,omitempty"`
	Source        string   `json:"source,omitempty"` // where it comes from: an address, a table, a query
	Use           Use      `json:"use,omitempty"`
	Licence       string   `json:"licence,omitempty"` // an SPDX expression
	PersonalData  Answer   `json:"personal_data,omitempty"`
	SensitiveData []string `json:"sensitive_data,omitempty"` // categories: "health", "location"
	CutOff        string   `json:"cut_off,omitempty"`        // a year, month or day; nothing in it is younger
	Description   string   `json:"description,omitempty"`
	Origin        Origin   `json:"origin,omitempty"`
}

// Metric is one number of how well the model does.
type Metric struct {
	Name          string    `json:"name"`
	Value         float64   `json:"value"`
	Slice         string    `json:"slice,omitempty"` // the part of the data it holds for; "" is all
	Interval      *Interval `json:"interval,omitempty"`
	N             int64     `json:"n,omitempty"` // how many items it was taken over; 0 is not said
	Dataset       string    `json:"dataset,omitempty"`
	DatasetDigest string    `json:"dataset_digest,omitempty"`
	Origin        Origin    `json:"origin,omitempty"`
}

// Interval is the confidence interval of a metric, ends included.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Fairness is what the model does to one group of people.
type Fairness struct {
	Group      string `json:"group"`
	Benefit    string `json:"benefit,omitempty"`
	Harm       string `json:"harm,omitempty"`
	Mitigation string `json:"mitigation,omitempty"`
}

// Risk is an ethical risk and what is done about it.
type Risk struct {
	Name       string `json:"name"`
	Mitigation string `json:"mitigation,omitempty"`
}

// Environment is what the training took; 0 is not said.
type Environment struct {
	EnergyKWh float64 `json:"energy_kwh,omitempty"`
	CO2eKg    float64 `json:"co2e_kg,omitempty"` // kilograms of CO2 equivalent
	Hours     float64 `json:"hours,omitempty"`
	Hardware  string  `json:"hardware,omitempty"`
	Region    string  `json:"region,omitempty"`
	Source    string  `json:"source,omitempty"` // how the figures were obtained
}

// Licence holds SPDX expressions: of the weights, the code and the data that come with the version.
type Licence struct {
	Weights string `json:"weights,omitempty"`
	Code    string `json:"code,omitempty"`
	Data    string `json:"data,omitempty"`
	URL     string `json:"url,omitempty"` // where the licence of the weights can be read
}

// field is one text of a card, or of a part of it.
type field struct {
	name string // in JSON
	at   *string
}

// texts are the free texts of c in the order in which they are read.
func (c *Card) texts() []field {
	return []field{
		{"summary", &c.Summary},
		{"intended_use", &c.IntendedUse},
		{"users", &c.Users},
		{"out_of_scope_use", &c.OutOfScope},
		{"foreseeable_misuse", &c.Misuse},
		{"limitations", &c.Limitations},
		{"tradeoffs", &c.Tradeoffs},
		{"human_oversight", &c.Oversight},
		{"instructions", &c.Instructions},
		{"logging", &c.Logging},
		{"security", &c.Security},
		{"risk_rationale", &c.RiskRationale},
		{"text", &c.Text},
	}
}

// Parse reads a card from JSON and cleans it. Unknown fields are refused, for a misspelt one would be lost.
func Parse(text []byte) (Card, error) {
	if len(text) > maxCard {
		return Card{}, tooLarge(len(text), maxCard)
	}
	if _, err := canonical.Transform(text); err != nil { // names twice, half characters
		return Card{}, err
	}
	var c Card
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Card{}, &domain.Error{Kind: domain.Invalid, Key: "card.json", Msg: "the card is not of the form that cards have: " + domain.Short(err.Error()), Err: err}
	}
	return Clean(c)
}

// Digest is the SHA-256 of c in canonical JSON (RFC 8785), in hexadecimal digits: anyone with the JSON of the card can
// compute it. Every field counts, status and facts too; an empty one does not. It fails for what Clean refuses.
func (c Card) Digest() (string, error) { return canonical.Digest(c) }

// ReviewPassed reports whether the day by which the card was to be looked at again is over, in UTC; a card without
// such a day has none to pass.
func (c Card) ReviewPassed(now time.Time) bool {
	return c.ReviewDate != "" && c.ReviewDate < now.UTC().Format(time.DateOnly)
}
