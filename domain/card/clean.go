package card

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Limits of a card.
const (
	maxCard    = 1 << 20  // bytes of the whole in JSON
	maxText    = 64 << 10 // bytes of one text
	maxLine    = 1000     // characters of what stands on one line
	maxEntries = 500      // of a list
	maxPorts   = 5000     // inputs or outputs: a wide table has thousands
	maxMetrics = 5000     // published benchmarks have thousands
	maxFaults  = 20       // told at once
)

// Clean is c as it is kept: without what is not a person's to say, so that nothing in it is measured and name,
// version, parameters and source are left to Fill; with plain line ends, licences as SPDX spells them, and no empty entries.
//
// It refuses what cannot be kept. The error tells the first fault; its Fields hold the key of each, by the name of the
// field in JSON, such as metrics[2].value.
func Clean(c Card) (Card, error) {
	c = c.declared()
	var k checker
	k.card(&c)
	if len(k.faults) > 0 {
		return Card{}, &domain.Error{Kind: domain.Invalid, Key: k.first.key, Msg: k.first.msg, Fields: k.faults}
	}
	c.dropEmpty()
	whole, err := json.Marshal(c)
	if err != nil {
		return Card{}, err
	}
	if len(whole) > maxCard {
		return Card{}, tooLarge(len(whole), maxCard)
	}
	return c, nil
}

func tooLarge(size, limit int) error {
	return domain.Fail(domain.TooLarge, "card.large", "the card has %d bytes, the limit is %d: shorten its texts, or log them as files and name the files", size, limit)
}

// declared is a copy of c in which nothing is a fact.
func (c Card) declared() Card {
	c.Name, c.Version, c.Parameters, c.Source = "", "", nil, Source{}
	c.Contacts, c.Tags, c.Languages = slices.Clone(c.Contacts), slices.Clone(c.Tags), slices.Clone(c.Languages)
	c.Fairness, c.Ethics = slices.Clone(c.Fairness), slices.Clone(c.Ethics)
	c.Inputs = each(c.Inputs, func(p *Port) { p.Origin = Declared })
	c.Outputs = each(c.Outputs, func(p *Port) { p.Origin = Declared })
	c.BaseModels = each(c.BaseModels, func(b *BaseModel) { b.Origin = Declared })
	c.Datasets = each(c.Datasets, func(d *Dataset) { d.Origin, d.SensitiveData = Declared, slices.Clone(d.SensitiveData) })
	c.Metrics = each(c.Metrics, func(m *Metric) { m.Origin = Declared })
	if c.Library.Origin = Declared; c.Library.Name == "" {
		c.Library.Origin = ""
	}
	return c
}

// each is a copy of list with do done to every entry.
func each[T any](list []T, do func(*T)) []T {
	list = slices.Clone(list)
	for i := range list {
		do(&list[i])
	}
	return list
}

// dropEmpty leaves out the entries that say nothing, as forms send them, and tags said twice.
func (c *Card) dropEmpty() {
	c.Tags, c.Languages = distinct(c.Tags), distinct(c.Languages)
	c.Contacts = filled(c.Contacts)
	c.Inputs = filled(c.Inputs, Port{Origin: Declared})
	c.Outputs = filled(c.Outputs, Port{Origin: Declared})
	c.BaseModels = filled(c.BaseModels, BaseModel{Origin: Declared})
	c.Metrics = filled(c.Metrics, Metric{Origin: Declared})
	c.Fairness = filled(c.Fairness)
	c.Ethics = filled(c.Ethics)
	for i := range c.Datasets {
		c.Datasets[i].SensitiveData = distinct(c.Datasets[i].SensitiveData)
	}
	c.Datasets = filled(c.Datasets, Dataset{Origin: Declared})
}

// filled is list without the entries that say nothing, nil if none is left.
func filled[T any](list []T, nothing ...T) []T {
	var empty T
	if len(nothing) > 0 {
		empty = nothing[0]
	}
	list = slices.DeleteFunc(list, func(v T) bool { return reflect.DeepEqual(v, empty) })
	if len(list) == 0 {
		return nil
	}
	return list
}

// distinct is list without empty and repeated entries, nil if none is left.
func distinct(list []string) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// checker collects faults and brings what it checks into its plain form.
type checker struct {
	first  struct{ key, msg string }
	faults map[string]string // the key of each fault by the path of its field
}

func (k *checker) refuse(path, key, format string, args ...any) {
	key = "card." + key
	if len(k.faults) == 0 {
		k.first.key, k.first.msg = key, path+": "+fmt.Sprintf(format, args...)
		k.faults = map[string]string{}
	}
	if len(k.faults) < maxFaults {
		k.faults[path] = key
	}
}

func (k *checker) card(c *Card) {
	k.choice("kind", c.Kind, Predictive, Generative, Agent, OtherKind)
	k.choice("status", c.Status, Draft, InReview, Approved, Archived)
	k.choice("risk_class", c.RiskClass, Prohibited, HighRisk, Transparency, Minimal)
	k.choice("base_relation", c.Relation, Finetune, Adapter, Quantized, Merge)
	for _, t := range c.texts() {
		k.text(t.name, t.at)
	}
	k.lines("", field{"owner", &c.Owner}, field{"architecture", &c.Architecture}, field{"task", &c.Task})
	k.lines("library.", field{"name", &c.Library.Name}, field{"version", &c.Library.Version})
	k.lines("environment.", field{"hardware", &c.Environment.Hardware}, field{"region", &c.Environment.Region}, field{"source", &c.Environment.Source})
	k.amount("environment.energy_kwh", c.Environment.EnergyKWh)
	k.amount("environment.co2e_kg", c.Environment.CO2eKg)
	k.amount("environment.hours", c.Environment.Hours)
	k.licence("licence.weights", &c.Licence.Weights)
	k.licence("licence.code", &c.Licence.Code)
	k.licence("licence.data", &c.Licence.Data)
	k.lines("licence.", field{"url", &c.Licence.URL})
	if k.date("review_date", &c.ReviewDate); len(c.ReviewDate) != len(time.DateOnly) && c.ReviewDate != "" {
		k.refuse("review_date", "date", "%q is no day: write it as 2026-11-18", domain.Short(c.ReviewDate))
	}
	k.lists(c)
}

func (k *checker) lists(c *Card) {
	list(k, "tags", c.Tags, maxEntries, k.line)
	list(k, "languages", c.Languages, maxEntries, k.line)
	list(k, "contacts", c.Contacts, maxEntries, func(at string, v *Contact) {
		k.lines(at+".", field{"name", &v.Name}, field{"email", &v.Email}, field{"role", &v.Role})
		if v.Email != "" && !email.MatchString(v.Email) {
			k.refuse(at+".email", "email", "%q is no e-mail address", domain.Short(v.Email))
		}
	})
	list(k, "inputs", c.Inputs, maxPorts, k.port)
	list(k, "outputs", c.Outputs, maxPorts, k.port)
	list(k, "base_models", c.BaseModels, maxEntries, func(at string, v *BaseModel) {
		k.lines(at+".", field{"name", &v.Name}, field{"version", &v.Version}, field{"digest", &v.Digest})
		k.named(at, v.Name, *v == BaseModel{Origin: Declared})
	})
	list(k, "datasets", c.Datasets, maxEntries, k.dataset)
	list(k, "metrics", c.Metrics, maxMetrics, k.metric)
	list(k, "fairness", c.Fairness, maxEntries, func(at string, v *Fairness) {
		k.lines(at+".", field{"group", &v.Group})
		k.text(at+".benefit", &v.Benefit)
		k.text(at+".harm", &v.Harm)
		k.text(at+".mitigation", &v.Mitigation)
		k.named(at, v.Group, *v == Fairness{})
	})
	list(k, "ethical_risks", c.Ethics, maxEntries, func(at string, v *Risk) {
		k.lines(at+".", field{"name", &v.Name})
		k.text(at+".mitigation", &v.Mitigation)
		k.named(at, v.Name, *v == Risk{})
	})
}

func (k *checker) port(at string, v *Port) {
	k.lines(at+".", field{"name", &v.Name}, field{"type", &v.Type}, field{"shape", &v.Shape})
	k.text(at+".description", &v.Description)
}

func (k *checker) dataset(at string, v *Dataset) {
	k.lines(at+".", field{"name", &v.Name}, field{"digest", &v.Digest})
	v.Source = withoutSecret(v.Source)
	k.text(at+".source", &v.Source)
	k.text(at+".description", &v.Description)
	k.choice(at+".use", v.Use, Training, Validation, Evaluation)
	k.choice(at+".personal_data", v.PersonalData, Yes, No, Unknown)
	k.licence(at+".licence", &v.Licence)
	k.date(at+".cut_off", &v.CutOff)
	list(k, at+".sensitive_data", v.SensitiveData, maxEntries, k.line)
	k.named(at, v.Name, reflect.DeepEqual(*v, Dataset{Origin: Declared}))
}

func (k *checker) metric(at string, v *Metric) {
	k.lines(at+".", field{"name", &v.Name}, field{"slice", &v.Slice}, field{"dataset", &v.Dataset}, field{"dataset_digest", &v.DatasetDigest})
	k.finite(at+".value", v.Value)
	if v.Interval != nil {
		k.finite(at+".interval.low", v.Interval.Low)
		k.finite(at+".interval.high", v.Interval.High)
		if v.Interval.Low > v.Interval.High {
			k.refuse(at+".interval", "interval", "the interval ends before it begins")
		}
	}
	if v.N < 0 || v.N > maxExact {
		k.refuse(at+".n", "count", "%d is no number of items", v.N)
	}
	k.named(at, v.Name, *v == Metric{Origin: Declared})
}

// maxExact is the greatest whole number that JSON readers keep exactly (RFC 7493 §2.2).
const maxExact = 1<<53 - 1

// list checks the length of a list and then its entries.
func list[T any](k *checker, path string, entries []T, limit int, check func(at string, entry *T)) {
	if len(entries) > limit {
		k.refuse(path, "many", "%d entries, the limit is %d: keep those that matter", len(entries), limit)
		return
	}
	for i := range entries {
		check(fmt.Sprintf("%s[%d]", path, i), &entries[i])
	}
}

// named refuses an entry that says something of nothing.
func (k *checker) named(at, name string, empty bool) {
	if name == "" && !empty {
		k.refuse(at, "unnamed", "the entry has no name: give it one, or clear it")
	}
}

func (k *checker) lines(prefix string, fields ...field) {
	for _, f := range fields {
		k.line(prefix+f.name, f.at)
	}
}

func (k *checker) line(path string, s *string) {
	*s = strings.TrimSpace(*s)
	if len(*s) > maxLine && utf8.RuneCountInString(*s) > maxLine {
		k.refuse(path, "line_long", "%d characters, the limit is %d: shorten it", utf8.RuneCountInString(*s), maxLine)
		return
	}
	k.characters(path, *s, "")
}

func (k *checker) text(path string, s *string) {
	if *s = tidy(*s); len(*s) > maxText {
		k.refuse(path, "long", "the text has %d bytes, the limit is %d: shorten it, or log it as a file and name the file", len(*s), maxText)
		return
	}
	k.characters(path, *s, "\n\t")
}

var (
	lineEnds   = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	blankLines = regexp.MustCompile(`^(?:[ \t]*\n)+`)
)

// tidy is a text with plain line ends, without blank lines around it.
func tidy(s string) string {
	return strings.TrimRight(blankLines.ReplaceAllString(lineEnds.Replace(s), ""), " \t\n")
}

func (k *checker) characters(path, s, allowed string) {
	if !utf8.ValidString(s) {
		k.refuse(path, "utf8", "the text is not valid UTF-8")
	} else if i := strings.IndexFunc(s, func(r rune) bool { return hidden(r) && !strings.ContainsRune(allowed, r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		k.refuse(path, "characters", "the text holds the control character %U: remove it", r)
	}
}

// hidden reports whether r is a control character or one that makes text read otherwise than it is written (the
// bidirectional overrides and isolates of Unicode, annex 9).
func hidden(r rune) bool {
	return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// choice refuses a value that is neither "" nor one of some.
func (k *checker) choice(path string, value any, of ...any) {
	v := reflect.ValueOf(value).String()
	if v != "" && !slices.Contains(of, value) {
		k.refuse(path, "choice", "unknown value %q: use one of %s", domain.Short(v), strings.Trim(fmt.Sprint(of...), "[]"))
	}
}

func (k *checker) finite(path string, f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		k.refuse(path, "number", "the number must be finite")
	}
}

// amount refuses what cannot be an amount of energy, gas or time.
func (k *checker) amount(path string, f float64) {
	if k.finite(path, f); f < 0 || f > maxExact {
		k.refuse(path, "amount", "%v cannot be right: it must be at least 0", f)
	}
}

func (k *checker) licence(path string, s *string) {
	expression, err := ParseLicence(*s)
	if e := domain.As(err); e != nil {
		k.refuse(path, strings.TrimPrefix(e.Key, "card."), "%s", e.Msg)
		return
	}
	*s = expression
}

// email is the form that addresses have in practice, narrower than RFC 5322.
var email = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// date refuses what is no year, month or day.
func (k *checker) date(path string, s *string) {
	*s = strings.TrimSpace(*s)
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(layout, *s); err == nil {
			return
		}
	}
	if *s != "" {
		k.refuse(path, "date", "%q is no date: write it as 2026-11-18, 2026-11 or 2026", domain.Short(*s))
	}
}

// withoutSecret is an address without the password, or over HTTP the token, that somebody wrote into it: cards are
// published.
func withoutSecret(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.User == nil {
		return s
	}
	if _, secret := u.User.Password(); !secret && u.Scheme != "http" && u.Scheme != "https" {
		return s // ssh://git@…
	}
	u.User = nil
	return u.String()
}
