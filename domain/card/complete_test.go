package card

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// required are the sections that a card needs, with the fields an empty one lacks.
func required(kind Kind, risk RiskClass) map[string]string {
	all := map[string]string{}
	for _, s := range Completeness(Card{Kind: kind, RiskClass: risk}, Facts{}).Sections {
		if s.State != NotRequired {
			all[s.ID] = strings.Join(s.Missing, " ")
		}
	}
	return all
}

func TestRequiredSections(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		risk RiskClass
		want map[string]string
	}{
		{"", "", map[string]string{"overview": "kind owner summary", "use": "intended_use", "limitations": "limitations", "licence": "licence", "risk": "risk_class"}},
		{OtherKind, Minimal, map[string]string{"overview": "owner summary", "use": "intended_use", "limitations": "limitations", "licence": "licence", "risk": ""}},
		{Predictive, Minimal, map[string]string{
			"overview": "owner summary", "use": "intended_use", "data": "datasets", "performance": "metrics", "limitations": "limitations", "licence": "licence", "risk": "",
		}},
		{Agent, Minimal, map[string]string{
			"overview": "owner summary", "use": "intended_use", "model": "base_models", "limitations": "limitations", "operation": "security", "licence": "licence", "risk": "",
		}},
		{Generative, Transparency, map[string]string{
			"overview": "owner summary", "use": "intended_use users out_of_scope_use", "model": "base_models", "data": "evaluation_data", "performance": "metrics", "limitations": "limitations",
			"oversight": "instructions", "licence": "licence", "risk": "risk_rationale",
		}},
		{Predictive, HighRisk, map[string]string{
			"overview": "owner summary", "use": "intended_use users out_of_scope_use foreseeable_misuse", "interface": "inputs outputs", "data": "datasets evaluation_data", "performance": "metrics",
			"limitations": "limitations", "fairness": "fairness ethical_risks", "oversight": "human_oversight instructions", "operation": "logging security", "licence": "licence",
			"risk": "risk_rationale review_date",
		}},
		{Generative, HighRisk, map[string]string{
			"overview": "owner summary", "use": "intended_use users out_of_scope_use foreseeable_misuse", "interface": "inputs outputs", "model": "base_models", "data": "datasets evaluation_data",
			"performance": "metrics", "limitations": "limitations", "fairness": "fairness ethical_risks", "environment": "environment", "oversight": "human_oversight instructions",
			"operation": "logging security", "licence": "licence", "risk": "risk_rationale review_date",
		}},
		{Agent, HighRisk, map[string]string{
			"overview": "owner summary", "use": "intended_use users out_of_scope_use foreseeable_misuse", "interface": "inputs outputs", "model": "base_models", "data": "evaluation_data", "performance": "metrics",
			"limitations": "limitations", "fairness": "fairness ethical_risks", "oversight": "human_oversight instructions", "operation": "logging security", "licence": "licence",
			"risk": "risk_rationale review_date",
		}},
	} {
		if diff := cmp.Diff(c.want, required(c.kind, c.risk)); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", c.kind, c.risk, diff)
		}
	}
	for _, kind := range []Kind{Predictive, Generative, Agent, OtherKind} {
		if diff := cmp.Diff(required(kind, HighRisk), required(kind, Prohibited)); diff != "" {
			t.Errorf("%s: prohibited asks for other things than high (-high +prohibited):\n%s", kind, diff)
		}
		if lower, higher := required(kind, Minimal), required(kind, HighRisk); len(lower) >= len(higher) {
			t.Errorf("%s: high risk asks for %d sections, minimal for %d", kind, len(higher), len(lower))
		}
	}
}

func TestCompleteness(t *testing.T) {
	full := samples()["full"]
	got := Completeness(full, someFacts())
	if !got.All() || got.Done != 11 || got.Total != 11 { // the page says "complete, 11 of 11 sections"
		t.Errorf("%d of %d: %+v", got.Done, got.Total, got.Sections)
	}
	for _, c := range []struct {
		section, missing string
		without          func(c *Card)
	}{
		{"overview", "owner", func(c *Card) { c.Owner = "" }},
		{"data", "personal_data", func(c *Card) { c.Datasets = append(slices.Clone(c.Datasets), Dataset{Name: "x", Licence: "MIT"}) }},
		{"data", "data_licence", func(c *Card) { c.Licence.Data = "" }},
		{"fairness", "fairness ethical_risks", func(c *Card) { c.Fairness, c.Ethics = nil, nil }},
		{"operation", "logging", func(c *Card) { c.Logging = "" }},
		{"oversight", "instructions", func(c *Card) { c.Instructions = "" }},
		{"risk", "review_date", func(c *Card) { c.ReviewDate = "" }},
		{"use", "foreseeable_misuse", func(c *Card) { c.Misuse = "" }},
	} {
		less := full
		c.without(&less)
		got := Completeness(less, someFacts())
		if got.All() || got.Done != 10 || got.Total != 11 {
			t.Errorf("without %s: %d of %d", c.missing, got.Done, got.Total)
		}
		for _, s := range got.Sections {
			if (s.State == Missing) != (s.ID == c.section) || s.ID == c.section && strings.Join(s.Missing, " ") != c.missing {
				t.Errorf("without %s: %+v", c.missing, s)
			}
		}
	}
	// Facts fill sections; claims to be facts do not.
	little := Card{Kind: Predictive, RiskClass: Minimal, Owner: "a", Summary: "b", IntendedUse: "c", Limitations: "d", Licence: Licence{Code: "MIT"}}
	if got := Completeness(little, Facts{}); got.Done != 5 || got.Total != 7 {
		t.Errorf("%d of %d: %+v", got.Done, got.Total, got.Sections)
	}
	if got := Completeness(little, someFacts()); !got.All() || got.Total != 7 {
		t.Errorf("%d of %d: %+v", got.Done, got.Total, got.Sections)
	}
}
