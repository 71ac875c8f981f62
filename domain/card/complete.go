package card

import "slices"

// State is how a section of a card stands.
type State string

// The states of a section.
const (
	Filled      State = "filled"
	Missing     State = "missing"
	NotRequired State = "not_required"
)

// Section is one section of a card.
type Section struct {
	ID      string
	State   State
	Missing []string // required fields that are empty, in the order of the card
}

// Complete is how far a card is. Done and Total count required sections.
type Complete struct {
	Sections    []Section // all there are, in the order of the card
	Done, Total int
}

// All reports whether nothing that is required is missing.
func (c Complete) All() bool { return c.Done == c.Total }

// Completeness says which sections of c, with the facts f in it, are required for its kind and risk class, and which of
// them are filled: those whose required fields are. A card that has no class yet needs what a minimal one needs, and a class.
func Completeness(c Card, f Facts) Complete {
	c = Fill(c, f)
	var all Complete
	for _, r := range requirements {
		if n := len(all.Sections); n == 0 || all.Sections[n-1].ID != r.section {
			all.Sections = append(all.Sections, Section{ID: r.section, State: NotRequired})
		}
		s := &all.Sections[len(all.Sections)-1]
		if c.RiskClass.rank() < r.from.rank() || r.kinds != nil && !slices.Contains(r.kinds, c.Kind) {
			continue
		}
		if s.State == NotRequired {
			s.State = Filled
		}
		if !r.filled(&c) && !slices.Contains(s.Missing, r.field) {
			s.State, s.Missing = Missing, append(s.Missing, r.field)
		}
	}
	for _, s := range all.Sections {
		if s.State != NotRequired {
			all.Total++
		}
		if s.State == Filled {
			all.Done++
		}
	}
	return all
}

// rank orders the classes by what they ask for.
func (r RiskClass) rank() int {
	return slices.Index([]RiskClass{Minimal, Transparency, HighRisk, Prohibited}, r) // "" is below all
}

// requirement is a field that a card needs from a risk class on.
type requirement struct {
	section, field string
	from           RiskClass // "" is always
	kinds          []Kind    // nil is every kind
	filled         func(c *Card) bool
}

var (
	learned = []Kind{Predictive, Generative}
	built   = []Kind{Generative, Agent}
)

// requirements are the sections of a card, their fields in order, and which are required: what a reader needs of any
// model, what people who meet it must be told (Transparency: Article 50), and what Annex IV and Articles 9 to 15 of the AI
// Act ask of systems of high risk.
var requirements = []requirement{
	{"overview", "kind", "", nil, func(c *Card) bool { return c.Kind != "" }},
	{"overview", "owner", "", nil, func(c *Card) bool { return c.Owner != "" }},
	{"overview", "summary", "", nil, func(c *Card) bool { return c.Summary != "" }},

	{"use", "intended_use", "", nil, func(c *Card) bool { return c.IntendedUse != "" }},
	{"use", "users", Transparency, nil, func(c *Card) bool { return c.Users != "" }},
	{"use", "out_of_scope_use", Transparency, nil, func(c *Card) bool { return c.OutOfScope != "" }},
	{"use", "foreseeable_misuse", HighRisk, nil, func(c *Card) bool { return c.Misuse != "" }},

	{"interface", "inputs", Transparency, []Kind{Predictive}, func(c *Card) bool { return len(c.Inputs) > 0 }},
	{"interface", "outputs", Transparency, []Kind{Predictive}, func(c *Card) bool { return len(c.Outputs) > 0 }},
	{"interface", "inputs", HighRisk, built, func(c *Card) bool { return len(c.Inputs) > 0 }},
	{"interface", "outputs", HighRisk, built, func(c *Card) bool { return len(c.Outputs) > 0 }},

	{"model", "base_models", "", built, func(c *Card) bool { return len(c.BaseModels) > 0 || c.Architecture != "" }},

	{"data", "datasets", "", []Kind{Predictive}, func(c *Card) bool { return c.uses(Training) }},
	{"data", "datasets", HighRisk, []Kind{Generative}, func(c *Card) bool { return c.uses(Training) }},
	{"data", "evaluation_data", Transparency, learned, func(c *Card) bool { return c.judged() }},
	{"data", "evaluation_data", HighRisk, []Kind{Agent}, func(c *Card) bool { return c.judged() }},
	{"data", "personal_data", HighRisk, nil, func(c *Card) bool { return c.everyDataset(func(d Dataset) bool { return d.PersonalData != "" }) }},
	{"data", "data_licence", HighRisk, nil, func(c *Card) bool {
		return c.Licence.Data != "" || c.everyDataset(func(d Dataset) bool { return d.Licence != "" })
	}},

	{"performance", "metrics", "", learned, func(c *Card) bool { return len(c.Metrics) > 0 }},
	{"performance", "metrics", Transparency, []Kind{Agent}, func(c *Card) bool { return len(c.Metrics) > 0 }},

	{"limitations", "limitations", "", nil, func(c *Card) bool { return c.Limitations != "" }},

	{"fairness", "fairness", HighRisk, nil, func(c *Card) bool { return len(c.Fairness) > 0 }},
	{"fairness", "ethical_risks", HighRisk, nil, func(c *Card) bool { return len(c.Ethics) > 0 }},

	{"environment", "environment", HighRisk, []Kind{Generative}, func(c *Card) bool { return c.Environment.EnergyKWh > 0 || c.Environment.CO2eKg > 0 }},

	{"oversight", "human_oversight", HighRisk, nil, func(c *Card) bool { return c.Oversight != "" }},
	{"oversight", "instructions", Transparency, nil, func(c *Card) bool { return c.Instructions != "" }},

	{"operation", "logging", HighRisk, nil, func(c *Card) bool { return c.Logging != "" }},
	{"operation", "security", HighRisk, nil, func(c *Card) bool { return c.Security != "" }},
	{"operation", "security", "", []Kind{Agent}, func(c *Card) bool { return c.Security != "" }},

	{"licence", "licence", "", nil, func(c *Card) bool { return c.Licence.Weights != "" || c.Licence.Code != "" }},

	{"risk", "risk_class", "", nil, func(c *Card) bool { return c.RiskClass != "" }},
	{"risk", "risk_rationale", Transparency, nil, func(c *Card) bool { return c.RiskRationale != "" }},
	{"risk", "review_date", HighRisk, nil, func(c *Card) bool { return c.ReviewDate != "" }},
}

// uses reports whether some data was used for that.
func (c *Card) uses(use Use) bool {
	return slices.ContainsFunc(c.Datasets, func(d Dataset) bool { return d.Use == use || d.Use == "" && use == Training })
}

// judged reports whether c says on what data the model was judged.
func (c *Card) judged() bool {
	return c.uses(Evaluation) || slices.ContainsFunc(c.Metrics, func(m Metric) bool { return m.Dataset != "" })
}

func (c *Card) everyDataset(is func(Dataset) bool) bool {
	return !slices.ContainsFunc(c.Datasets, func(d Dataset) bool { return !is(d) })
}
