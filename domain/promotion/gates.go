package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/domain/stats"
)

// Waiver is a person's decision that a gate need not pass.
type Waiver struct {
	Gate      string `json:"gate"`
	By        string `json:"by"` // an actor's id
	Reason    string `json:"reason"`
	ExpiresAt int64  `json:"-"` // 0 = never
}

// Live reports whether w still counts.
func (w Waiver) Live(now int64) bool { return w.ExpiresAt == 0 || now < w.ExpiresAt }

// Evaluate says what each gate finds, in their order. The same facts give the same results.
func (p Policy) Evaluate(f Facts) []Result {
	out := make([]Result, 0, len(p.Gates))
	for _, g := range p.Gates {
		out = append(out, g.evaluate(f, out))
	}
	return out
}

func (g Gate) evaluate(f Facts, before []Result) (r Result) {
	defer func() {
		if fault := recover(); fault != nil {
			r = Result{Verdict: Errored, Reason: "broken", Args: []any{sentence(fmt.Sprint(fault))}}
		}
		r.Gate, r.Kind = g.ID, g.Kind
		for i, a := range r.Args {
			if text, ok := a.(string); ok {
				r.Args[i] = strings.ToValidUTF8(text, "?")
			}
		}
		for name, digest := range r.Inputs {
			r.Inputs[name] = strings.ToValidUTF8(digest, "?")
		}
	}()
	switch g.Kind {
	case MetricGate:
		return g.metric(f)
	case CardGate:
		return g.card(f)
	case ScanGate:
		return g.scan(f)
	case ChecksGate:
		return g.checks(f)
	case CELGate:
		return g.cel(f, before)
	}
	return Result{Verdict: Errored, Reason: "kind", Args: []any{string(g.Kind)}}
}

// say makes a result. Numbers in args are float64, as they are when they come back from JSON.
func say(v Verdict, reason string, args ...any) Result {
	return Result{Verdict: v, Reason: reason, Args: args}
}

// lasting says until when a fact of that instant counts for g, 0 for ever, and whether it does so now.
func (g Gate) lasting(at, now int64) (until int64, counts bool) {
	if g.TTL <= 0 {
		return 0, true
	}
	if at > math.MaxInt64-int64(g.TTL) {
		return math.MaxInt64, true
	}
	until = at + int64(g.TTL)
	return until, now < until
}

func (g Gate) hours() float64 { return math.Round(g.TTL.Of().Hours()*10) / 10 }

func (g Gate) metric(f Facts) Result {
	until, counts := g.lasting(f.Candidate.CreatedAt, f.Now)
	if !counts {
		return say(Waiting, "metric_expired", g.Metric, g.hours())
	}
	r := g.compare(f)
	r.ExpiresAt = until
	return r
}

// compare says how the metric stands. A run has ended before its version exists, so what was not measured never will be.
func (g Gate) compare(f Facts) Result {
	var mine Measured
	data := map[[2]string]bool{}
	for _, m := range f.Candidate.Metrics {
		if m.Name == g.Metric && (g.Dataset == "" || m.Dataset == g.Dataset) {
			mine = m
			data[[2]string{m.Dataset, m.DatasetDigest}] = true
		}
	}
	switch {
	case len(data) == 0 && g.Dataset != "":
		return say(Failed, "metric_missing_on", g.Metric, g.Dataset)
	case len(data) == 0:
		return say(Failed, "metric_missing", g.Metric)
	case len(data) > 1:
		return say(Inconclusive, "metric_datasets", g.Metric, float64(len(data)))
	}
	seen := Result{Numbers: map[string]float64{}, Inputs: map[string]string{}}
	if mine.DatasetDigest != "" {
		seen.Inputs["dataset"] = mine.DatasetDigest
	}
	answer := func(v Verdict, reason string, args ...any) Result {
		seen.Verdict, seen.Reason, seen.Args = v, reason, args
		return seen
	}
	if !stats.Finite(mine.Value) {
		return answer(Errored, "metric_nan", g.Metric)
	}
	seen.Numbers["value"] = mine.Value
	if g.Limit != nil {
		if !stats.Finite(*g.Limit) {
			return answer(Errored, "metric_limit_nan", g.Metric)
		}
		seen.Numbers["limit"] = *g.Limit
		if !g.reaches(mine.Value, *g.Limit, 0) {
			return answer(Failed, "metric_limit", g.Metric, mine.Value, g.Op, *g.Limit)
		}
	}
	if g.LiveMargin == nil {
		if g.Limit == nil {
			return answer(Errored, "metric_nothing", g.Metric)
		}
		return answer(Passed, "metric_reached", g.Metric, mine.Value, g.Op, *g.Limit)
	}
	if !stats.Finite(*g.LiveMargin) {
		return answer(Errored, "metric_limit_nan", g.Metric)
	}
	seen.Numbers["margin"] = *g.LiveMargin
	if f.Live == nil {
		return answer(Passed, "metric_first", g.Metric, mine.Value)
	}
	if f.Live.Digest != "" {
		seen.Inputs["live"] = f.Live.Digest
	}
	if mine.DatasetDigest == "" {
		return answer(Inconclusive, "metric_no_data", g.Metric)
	}
	theirs, found, elsewhere := Measured{}, false, false
	for _, m := range f.Live.Metrics {
		switch {
		case m.Name != g.Metric:
		case m.DatasetDigest == mine.DatasetDigest:
			theirs, found = m, true
		default:
			elsewhere = true
		}
	}
	switch {
	case !found && elsewhere:
		return answer(Inconclusive, "metric_other_data", g.Metric)
	case !found:
		return answer(Inconclusive, "metric_live_missing", g.Metric)
	case !stats.Finite(theirs.Value):
		return answer(Inconclusive, "metric_live_nan", g.Metric)
	}
	seen.Numbers["live"] = theirs.Value
	if !g.reaches(mine.Value, theirs.Value, *g.LiveMargin) {
		return answer(Failed, "metric_worse", g.Metric, mine.Value, theirs.Value, *g.LiveMargin)
	}
	return answer(Passed, "metric_kept", g.Metric, mine.Value, theirs.Value, *g.LiveMargin)
}

// reaches reports whether value is as good as other or at most margin worse. It counts with the decimal digits that
// people see: 0.7 is 0.1 worse than 0.8, which it is not in binary.
func (g Gate) reaches(value, other, margin float64) bool {
	worse := new(big.Rat).Sub(decimal(other), decimal(value))
	if g.Op == "<=" {
		worse.Neg(worse)
	}
	return worse.Cmp(decimal(margin)) <= 0
}

func decimal(v float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
	return r
}

func (g Gate) card(f Facts) Result {
	c := f.Candidate.Card
	if c.Digest == "" {
		return say(Failed, "card_missing")
	}
	until, counts := g.lasting(c.SavedAt, f.Now)
	if !counts {
		return say(Waiting, "card_expired", g.hours())
	}
	r := g.filled(f.Candidate)
	r.Inputs, r.ExpiresAt = map[string]string{"card": c.Digest}, until
	return r
}

func (g Gate) filled(v Version) Result {
	wanted, unasked, open := g.Sections, []string(nil), []string(nil)
	if len(wanted) == 0 {
		wanted = slices.Sorted(maps.Keys(v.Card.Sections))
	}
	for _, s := range wanted {
		if complete, asked := v.Card.Sections[s]; !asked {
			unasked = append(unasked, s)
		} else if !complete {
			open = append(open, s)
		}
	}
	switch {
	case len(open) > 0:
		return say(Failed, "card_sections", strings.Join(open, ", "))
	case len(unasked) > 0: // nobody has looked whether they are complete
		return say(Failed, "card_unasked", strings.Join(unasked, ", "))
	case len(g.Licences) > 0 && v.Licence == "":
		return say(Failed, "card_no_licence")
	case len(g.Licences) > 0 && !permits(g.Licences, v.Licence):
		return say(Failed, "card_licence", v.Licence)
	}
	return say(Passed, "card_complete", float64(len(wanted)))
}

// permits reports whether somebody who accepts only the licences on the list can take what is offered under the
// expression: all that AND joins, one of what OR joins. A licence WITH an exception is another than the one without.
func permits(list []string, expression string) bool {
	text, err := card.ParseLicence(expression)
	if err != nil || text == "" {
		return false
	}
	tokens := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	listed := func(id string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, id) })
	}
	var any func() bool
	one := func() bool {
		first := tokens[0]
		tokens = tokens[1:]
		if first == "(" {
			yes := any()
			tokens = tokens[1:] // the closing one
			return yes
		}
		if len(tokens) > 1 && tokens[0] == "WITH" {
			first += " WITH " + tokens[1]
			tokens = tokens[2:]
		}
		return listed(first)
	}
	all := func() bool {
		yes := one()
		for len(tokens) > 0 && tokens[0] == "AND" {
			tokens = tokens[1:]
			yes = one() && yes
		}
		return yes
	}
	any = func() bool {
		yes := all()
		for len(tokens) > 0 && tokens[0] == "OR" {
			tokens = tokens[1:]
			yes = all() || yes
		}
		return yes
	}
	return any()
}

func (g Gate) scan(f Facts) Result {
	s := f.Candidate.Scan
	if s.Verdict == "" {
		return say(Waiting, "scan_none")
	}
	found, worst := slices.Index(scan.Verdicts, scan.Verdict(s.Verdict)), slices.Index(scan.Verdicts, scan.Verdict(g.Worst))
	if found < 0 || worst < 0 {
		return say(Errored, "scan_unknown", s.Verdict)
	}
	until, counts := g.lasting(s.At, f.Now)
	if !counts {
		return say(Waiting, "scan_expired", g.hours())
	}
	r := say(Passed, "scan_passed."+s.Verdict)
	switch {
	case found <= worst:
	case scan.Verdict(s.Verdict) == scan.Inconclusive:
		r = say(Inconclusive, "scan_inconclusive")
	default:
		r = say(Failed, "scan_failed."+s.Verdict)
	}
	r.ExpiresAt = until
	if s.Digest != "" {
		r.Inputs = map[string]string{"scan": s.Digest}
	}
	return r
}

func (g Gate) checks(f Facts) Result {
	latest := map[string]Check{}
	for _, c := range f.Checks {
		if before, known := latest[c.Name]; c.Digest == f.Candidate.Digest && (!known || c.At > before.At) {
			latest[c.Name] = c
		}
	}
	if f.Candidate.Digest == "" {
		return say(Failed, "checks_no_digest")
	}
	var failed, absent, pending, expired, odd []string
	soonest := int64(0)
	for _, name := range g.Checks {
		c, reported := latest[name]
		until, counts := g.lasting(c.At, f.Now)
		switch {
		case !reported:
			absent = append(absent, name)
		case c.State == CheckFailure:
			failed = append(failed, name)
		case c.State == CheckPending:
			pending = append(pending, name)
		case c.State != CheckSuccess:
			odd = append(odd, name)
		case !counts:
			expired = append(expired, name)
		case until != 0 && (soonest == 0 || until < soonest):
			soonest = until
		}
	}
	names := func(list []string) string { return strings.Join(list, ", ") }
	r := Result{}
	switch {
	case len(failed) > 0:
		r = say(Failed, "checks_failed", names(failed))
	case len(odd) > 0:
		r = say(Errored, "checks_unknown", names(odd))
	case len(absent) > 0:
		r = say(Waiting, "checks_absent", names(absent))
	case len(pending) > 0:
		r = say(Waiting, "checks_pending", names(pending))
	case len(expired) > 0:
		r = say(Waiting, "checks_expired", names(expired), g.hours())
	default:
		r = say(Passed, "checks_passed", names(g.Checks))
		r.ExpiresAt = soonest
	}
	r.Inputs = map[string]string{"candidate": f.Candidate.Digest}
	return r
}

func (g Gate) cel(f Facts, before []Result) Result {
	r := Result{Inputs: map[string]string{}}
	if f.Candidate.Digest != "" {
		r.Inputs["candidate"] = f.Candidate.Digest
	}
	if f.Live != nil && f.Live.Digest != "" {
		r.Inputs["live"] = f.Live.Digest
	}
	x, err := compile(g.Expr)
	yes := false
	if err == nil {
		yes, err = x.holds(f.names(before))
	}
	switch {
	case err != nil:
		r.Verdict, r.Reason, r.Args = Errored, "cel_error", []any{sentence(err.Error())}
	case yes:
		r.Verdict, r.Reason = Passed, "cel_true"
	case g.Message != "":
		r.Verdict, r.Reason, r.Args = Failed, "cel_message", []any{g.Message}
	default:
		r.Verdict, r.Reason = Failed, "cel_false"
	}
	return r
}

// Waive lets live waivers stand in for what their gates lack, unless p says never. What a gate found stays in its
// result, beside the waiver.
func (p Policy) Waive(results []Result, waivers []Waiver, now int64) []Result {
	out := slices.Clone(results)
	for i := range out {
		r := &out[i]
		if r.Verdict == Passed || r.Verdict == Waived || slices.Contains(p.NeverWaived, r.Gate) {
			continue
		}
		for _, w := range waivers {
			if w.Gate == r.Gate && w.Live(now) && (r.Waiver == nil || r.Waiver.ExpiresAt != 0 && (w.ExpiresAt == 0 || w.ExpiresAt > r.Waiver.ExpiresAt)) {
				r.Waiver = &w
			}
		}
		if r.Waiver != nil {
			r.Was, r.Verdict, r.ExpiresAt = r.Verdict, Waived, r.Waiver.ExpiresAt
		}
	}
	return out
}

// Sum is what the results come to: Passed where each is passed or waived, Failed where one is neither and cannot become
// so by waiting, else Waiting.
func Sum(results []Result) Verdict {
	sum := Passed
	for _, r := range results {
		switch r.Verdict {
		case Passed, Waived:
		case Waiting:
			if sum == Passed {
				sum = Waiting
			}
		default:
			sum = Failed
		}
	}
	return sum
}

// Evidence is what reviewers sign: the results and the digest of the candidate's card in canonical JSON, and the
// SHA-256 of that, hexadecimal. No instant is in it, nor what an expression that stopped had to say, for that depends
// on which of its errors came first.
func Evidence(results []Result, card string) (digest string, text []byte, err error) {
	signed := slices.Clone(results)
	for i := range signed {
		if signed[i].Reason == "cel_error" || signed[i].Reason == "broken" {
			signed[i].Args = nil
		}
	}
	text, err = canonical.Marshal(struct {
		Results []Result `json:"results"`
		Card    string   `json:"card"`
	}{signed, card})
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), text, nil
}
