package environments

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// part is one kind of demand of a policy, in words.
type part struct {
	label string
	says  []said
}

type said struct{ text, id string } // id: of a gate or a rule, as others name it

// words are what a policy asks for.
func words(ctx context.Context, p promotion.Policy, k Known) (all []part) {
	add := func(label string, says ...said) {
		if len(says) > 0 {
			all = append(all, part{label, says})
		}
	}
	var gates, rules, freezes, requests []said
	for _, g := range p.Gates {
		gates = append(gates, said{gateWords(ctx, g, p.Binds(g.ID)), g.ID})
	}
	for _, r := range p.Rules {
		rules = append(rules, said{ruleWords(ctx, r, k), r.Name})
	}
	for _, f := range p.Freezes {
		freezes = append(freezes, said{freezeWords(ctx, f), ""})
	}
	if p.TTL > 0 {
		requests = append(requests, said{i18n.T(ctx, "env.says.ttl", span(ctx, p.TTL)), ""})
	}
	for _, o := range []struct {
		on  bool
		key string
	}{{p.FinalReject, "final_reject"}, {p.Supersede, "supersede"}, {p.AutoExecute, "auto_execute"}} {
		if o.on {
			requests = append(requests, said{i18n.T(ctx, "env.says."+o.key), ""})
		}
	}
	add(i18n.T(ctx, "env.gates"), gates...)
	add(i18n.T(ctx, "env.approvals"), rules...)
	if names := strings.Join(p.Requires, ", "); names != "" && p.Soak > 0 {
		add(i18n.T(ctx, "env.requires"), said{i18n.T(ctx, "env.says.requires_soak", names, span(ctx, p.Soak)), ""})
	} else if names != "" {
		add(i18n.T(ctx, "env.requires"), said{i18n.T(ctx, "env.says.requires", names), ""})
	}
	add(i18n.T(ctx, "env.freezes"), freezes...)
	add(i18n.T(ctx, "env.requests"), requests...)
	switch {
	case p.BreakGlass && p.DebtHours > 0:
		add(i18n.T(ctx, "env.break_glass"), said{i18n.N(ctx, "env.says.break_glass_debt", int64(p.DebtHours)), ""})
	case p.BreakGlass:
		add(i18n.T(ctx, "env.break_glass"), said{i18n.T(ctx, "env.says.break_glass"), ""})
	}
	if p.DataClass != "" {
		add(i18n.T(ctx, "env.data_class"), said{i18n.T(ctx, "env.data."+p.DataClass), ""})
	}
	return all
}

// Difference is one kind of demand that differs between two policies, in words.
type Difference struct {
	Label      string
	Gone, Come []string
}

// Differences are in what after differs from before.
func Differences(ctx context.Context, before, after promotion.Policy, k Known) (all []Difference) {
	were, are := words(ctx, before, k), words(ctx, after, k)
	var labels []string
	for _, p := range slices.Concat(were, are) {
		if !slices.Contains(labels, p.label) {
			labels = append(labels, p.label)
		}
	}
	for _, label := range labels {
		of := func(all []part) []said {
			if i := slices.IndexFunc(all, func(p part) bool { return p.label == label }); i >= 0 {
				return all[i].says
			}
			return nil
		}
		d := Difference{label, without(of(were), of(are)), without(of(are), of(were))}
		if len(d.Gone)+len(d.Come) > 0 {
			all = append(all, d)
		}
	}
	return all
}

// without are those of all that are not among others.
func without(all, others []said) (out []string) {
	for _, s := range all {
		if slices.Contains(others, s) {
			continue
		}
		text := s.text
		if s.id != "" {
			text += " (" + s.id + ")"
		}
		out = append(out, text)
	}
	return out
}

func gateWords(ctx context.Context, g promotion.Gate, binds bool) string {
	var says []string
	say := func(key string, args ...any) { says = append(says, i18n.T(ctx, "env.gate."+key, args...)) }
	switch g.Kind {
	case promotion.MetricGate:
		way := "least"
		if g.Op == "<=" {
			way = "most"
		}
		if g.Limit != nil {
			say(way, exact(*g.Limit))
		}
		if g.LiveMargin != nil {
			say("margin", exact(*g.LiveMargin))
		}
		if g.Limit == nil {
			say("better_" + way)
		}
		if g.Dataset != "" {
			say("dataset", g.Dataset)
		}
	case promotion.CardGate:
		if len(g.Sections) == 0 {
			say("card")
		} else {
			say("card_sections", strings.Join(sectionNames(ctx, g.Sections), ", "))
		}
		if len(g.Licences) > 0 {
			say("licences", strings.Join(g.Licences, ", "))
		}
	case promotion.ScanGate:
		say("scan." + g.Worst)
	case promotion.ChecksGate:
		say("checks", strings.Join(g.Checks, ", "))
	case promotion.CELGate:
		say("cel", g.Expr)
	}
	if g.TTL > 0 {
		say("ttl", span(ctx, g.TTL))
	}
	if binds {
		say("never")
	}
	if g.Kind == promotion.MetricGate {
		return i18n.T(ctx, "env.gate.metric", g.Metric, strings.Join(says, ", "))
	}
	return strings.Join(says, ", ")
}

func sectionNames(ctx context.Context, ids []string) (names []string) {
	for _, id := range ids {
		names = append(names, i18n.T(ctx, "card.section."+id))
	}
	return names
}

func ruleWords(ctx context.Context, r promotion.Rule, k Known) string {
	var whom []string
	for _, role := range r.From.Roles {
		whom = append(whom, i18n.T(ctx, "role."+string(role)))
	}
	for _, id := range r.From.Teams {
		whom = append(whom, i18n.T(ctx, "env.says.team", k.team(id)))
	}
	for _, id := range r.From.Users {
		whom = append(whom, k.person(id))
	}
	text := i18n.N(ctx, "env.says.rule", int64(r.Count), strings.Join(whom, ", "))
	if slices.Contains(r.Apart, promotion.Trainer) {
		text += ", " + i18n.T(ctx, "env.says.apart")
	}
	return text
}

func freezeWords(ctx context.Context, f promotion.Freeze) string {
	if f.Rule == "" {
		return i18n.T(ctx, "env.says.freeze", f.Name, local(f.From), local(f.Until), f.Zone)
	}
	return i18n.T(ctx, "env.says.freeze_rule", f.Name, local(f.Start), f.Rule, span(ctx, f.Long), f.Zone)
}

// local is a local time as people read it.
func local(s string) string { return strings.Replace(s, "T", " ", 1) }

// span is a length of time in whole days or hours, where it is one.
func span(ctx context.Context, d promotion.Duration) string {
	const day = 24 * time.Hour
	switch t := d.Of(); {
	case t%day == 0:
		return i18n.N(ctx, "env.days", int64(t/day))
	case t%time.Hour == 0:
		return i18n.N(ctx, "env.hours", int64(t/time.Hour))
	default:
		return format.Duration(ctx, t)
	}
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
