package card

import (
	"bytes"
	"cmp"
	_ "embed" // the licences that the format knows
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
)

// frontMatter is the metadata of a Hugging Face README
// (https://github.com/huggingface/hub-docs/blob/main/modelcard.md), and under "slipway" what of a card it has no entry for.
type frontMatter struct {
	Language    []string   `json:"language,omitempty"`
	License     string     `json:"license,omitempty"`
	LicenseName string     `json:"license_name,omitempty"`
	LicenseLink string     `json:"license_link,omitempty"`
	Library     string     `json:"library_name,omitempty"`
	Task        string     `json:"pipeline_tag,omitempty"`
	Tags        []string   `json:"tags,omitempty"`
	Datasets    []string   `json:"datasets,omitempty"`
	BaseModel   []string   `json:"base_model,omitempty"`
	Relation    Relation   `json:"base_model_relation,omitempty"`
	Metrics     []string   `json:"metrics,omitempty"`
	Emissions   *emissions `json:"co2_eq_emissions,omitempty"`
	ModelIndex  []indexed  `json:"model-index,omitempty"`
	Slipway     *Card      `json:"slipway,omitempty"`
}

type emissions struct {
	Grams    float64 `json:"emissions"`
	Source   string  `json:"source,omitempty"`
	Region   string  `json:"geographical_location,omitempty"`
	Hardware string  `json:"hardware_used,omitempty"`
}

type indexed struct {
	Name    string   `json:"name"`
	Results []result `json:"results"`
}

type result struct {
	Task    typed   `json:"task"`
	Dataset typed   `json:"dataset"`
	Metrics []typed `json:"metrics"`
}

type typed struct {
	Type     string   `json:"type"`
	Name     string   `json:"name,omitempty"`
	Split    string   `json:"split,omitempty"`
	Revision string   `json:"revision,omitempty"`
	Value    *float64 `json:"value,omitempty"`
	Verified *bool    `json:"verified,omitempty"` // by Hugging Face, so never by us
}

// unnamed stands for what the format requires and the card does not say.
const unnamed = "unspecified"

// Readme is c as a README.md in the form of Hugging Face: front matter, then Markdown. ParseReadme reads all of it
// back but facts, which are in it for readers. It fails for numbers that are not finite.
func Readme(c Card) ([]byte, error) {
	body := c.body()
	front, err := c.frontMatter(body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if len(front) > len("{}\n") || strings.HasPrefix(body, "---") { // a rule must not read as front matter
		b.WriteString("---\n")
		b.Write(front)
		b.WriteString("---\n")
	}
	if b.Len() > 0 && body != "" {
		b.WriteString("\n")
	}
	b.WriteString(body)
	return b.Bytes(), nil
}

func (c Card) frontMatter(body string) ([]byte, error) {
	f := frontMatter{
		Language: c.Languages, LicenseLink: c.Licence.URL, Library: c.Library.Name, Task: c.Task, Tags: c.Tags,
		Relation: c.Relation, Emissions: c.Environment.emissions(), ModelIndex: c.modelIndex(),
	}
	f.License, f.LicenseName = licenceForHub(c.Licence.Weights)
	for _, d := range c.Datasets {
		if d.Use == Training || d.Use == "" {
			f.Datasets = append(f.Datasets, d.Name)
		}
	}
	for _, b := range c.BaseModels {
		f.BaseModel = append(f.BaseModel, b.Name)
	}
	for _, m := range c.Metrics {
		f.Metrics = append(f.Metrics, m.Name)
	}
	f.Datasets, f.BaseModel, f.Metrics = distinct(f.Datasets), distinct(f.BaseModel), distinct(f.Metrics)
	if rest := c.beyond(f); strings.Contains(body, beginMark) || !reflect.DeepEqual(rest, Card{}) {
		f.Slipway = &rest
	}
	return writeYAML(f)
}

// beyond is what of c the entries of Hugging Face and the headings of the text do not hold.
func (c Card) beyond(f frontMatter) Card {
	rest := c.declared()
	for _, t := range rest.texts() {
		if _, has := headings[t.name]; has || t.name == "text" {
			*t.at = ""
		}
	}
	rest.Languages, rest.Tags, rest.Task, rest.Relation, rest.Licence.Weights, rest.Licence.URL = nil, nil, "", "", "", ""
	if rest.Library.Version == "" {
		rest.Library = Library{}
	}
	if reflect.DeepEqual(rest.Datasets, trainedOn(nil, f.Datasets)) {
		rest.Datasets = nil
	}
	if reflect.DeepEqual(rest.BaseModels, madeFrom(nil, f.BaseModel)) {
		rest.BaseModels = nil
	}
	if reflect.DeepEqual(rest.Metrics, fromIndex(f.ModelIndex)) {
		rest.Metrics = nil
	}
	if f.Emissions != nil && rest.Environment == f.Emissions.environment() {
		rest.Environment = Environment{}
	}
	return rest
}

// trainedOn adds the data sets that are only named.
func trainedOn(datasets []Dataset, names []string) []Dataset {
	for _, name := range names {
		if !slices.ContainsFunc(datasets, func(d Dataset) bool { return d.Name == name }) {
			datasets = append(datasets, Dataset{Name: name, Use: Training, Origin: Declared})
		}
	}
	return datasets
}

// madeFrom adds the base models that are only named.
func madeFrom(bases []BaseModel, names []string) []BaseModel {
	for _, name := range names {
		if !slices.ContainsFunc(bases, func(b BaseModel) bool { return b.Name == name }) {
			bases = append(bases, BaseModel{Name: name, Origin: Declared})
		}
	}
	return bases
}

func (e Environment) emissions() *emissions {
	if e.CO2eKg == 0 {
		return nil
	}
	return &emissions{Grams: e.CO2eKg * 1000, Source: e.Source, Region: e.Region, Hardware: e.Hardware}
}

func (e emissions) environment() Environment {
	return Environment{CO2eKg: e.Grams / 1000, Source: e.Source, Region: e.Region, Hardware: e.Hardware}
}

// modelIndex is the metrics of c in the form that Hugging Face took from Papers with Code.
func (c Card) modelIndex() []indexed {
	if len(c.Metrics) == 0 {
		return nil
	}
	index := indexed{Name: cmp.Or(c.Name, unnamed)}
	for i, m := range c.Metrics {
		if last := max(i-1, 0); i == 0 || m.Dataset != c.Metrics[last].Dataset || m.DatasetDigest != c.Metrics[last].DatasetDigest || m.Slice != c.Metrics[last].Slice {
			index.Results = append(index.Results, result{
				Task:    typed{Type: cmp.Or(c.Task, unnamed)},
				Dataset: typed{Type: cmp.Or(m.Dataset, unnamed), Name: cmp.Or(m.Dataset, unnamed), Split: m.Slice, Revision: m.DatasetDigest},
			})
		}
		r := &index.Results[len(index.Results)-1]
		r.Metrics = append(r.Metrics, typed{Type: m.Name, Name: m.Name, Value: &m.Value, Verified: new(bool)})
	}
	return []indexed{index}
}

// fromIndex are the metrics of a model index that has a number for each.
func fromIndex(models []indexed) []Metric {
	var out []Metric
	for _, model := range models {
		for _, r := range model.Results {
			for _, m := range r.Metrics {
				d := Metric{Name: m.Type, Value: *m.Value, Slice: r.Dataset.Split, Dataset: r.Dataset.Type, DatasetDigest: r.Dataset.Revision, Origin: Declared}
				if d.Dataset == unnamed {
					d.Dataset = ""
				}
				out = append(out, d)
			}
		}
	}
	return out
}

var (
	//go:embed spdx/huggingface.txt
	hubList string

	fromHub, toHub = hubLicences()
)

func hubLicences() (from, to map[string]string) {
	from, to = map[string]string{}, map[string]string{}
	for line := range strings.Lines(hubList) {
		id, spdx, _ := strings.Cut(strings.TrimSpace(line), " ")
		if spdx == "" {
			spdx = cmp.Or(licences[id], "LicenseRef-"+id)
		}
		from[id], to[spdx] = spdx, id
	}
	return from, to
}

// LicenceOfHub is the SPDX expression for a licence as Hugging Face calls it: one of our own where it has no identifier there.
func LicenceOfHub(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	if spdx, ok := fromHub[id]; ok {
		return spdx
	}
	if own, err := ParseLicence("LicenseRef-" + id); err == nil && id != "" {
		return own
	}
	return ""
}

// licenceForHub is an SPDX expression in the words of Hugging Face: an identifier it knows, or "other" and a name.
func licenceForHub(expression string) (id, name string) {
	if id, ok := toHub[expression]; ok || expression == "" {
		return id, ""
	}
	return "other", expression
}

// Warning says what of a README a card has no place for. Its text is the translation of card.warning. and Key.
type Warning struct {
	Key   string
	Entry string // the name of the entry in the front matter, or of what it holds
}

// warnings are their texts in English.
var warnings = map[string]string{
	"unknown":    "%s: a card has no place for this entry",
	"type":       "%s: the entry is not of the form that Hugging Face describes and was left out",
	"many":       "%s: only the first entries were taken",
	"cut":        "%s: the value is too long and was cut",
	"characters": "%s: control characters were taken out",
	"no_value":   "%s: the metric has no number and was left out",
	"verified":   "%s: verified by Hugging Face, kept as declared",
	"licence":    "%s: the licence has no SPDX identifier; it was given one of its own",
	"licences":   "%s: several licences were joined by AND; look whether OR is meant",
	"relation":   "%s: the relation to the base model is none that is known and was left out",
}

func (w Warning) String() string { return fmt.Sprintf(warnings[w.Key], w.Entry) }

// ParseReadme reads a README.md of a model as Hugging Face has them; what its metadata and known headings say goes into
// fields, the rest of the text stays text. Everything in it is declared. The first heading, or the name in the model
// index, becomes Name. What has no place in a card is left out and told. The work is bounded: a README has at most 2 MB.
func ParseReadme(readme []byte) (Card, []Warning, error) {
	if len(readme) > maxReadme {
		return Card{}, nil, domain.Fail(domain.TooLarge, "card.readme_large", "the README has %d bytes, the limit is %d: shorten it", len(readme), maxReadme)
	}
	text := strings.ToValidUTF8(string(bytes.TrimPrefix(readme, []byte("\ufeff"))), "\ufffd")
	front, body := split(lineEnds.Replace(text))
	entries, err := readYAML(front)
	if err != nil {
		return Card{}, nil, err
	}
	r := importer{entries: entries}
	if err := r.card(r.printable("text", body)); err != nil {
		return Card{}, nil, err
	}
	c, err := Clean(r.c)
	c.Name = r.name
	return c, r.warnings, err
}

// importer takes the entries of front matter over into a card.
type importer struct {
	entries  map[string]any
	c        Card
	name     string
	warnings []Warning
}

func (r *importer) warn(key, entry string) {
	if w := (Warning{key, entry}); !slices.Contains(r.warnings, w) && len(r.warnings) < maxFaults {
		r.warnings = append(r.warnings, w)
	}
}

func (r *importer) card(body string) error {
	ours, exported := r.entries["slipway"]
	if exported {
		text, err := json.Marshal(ours)
		if err == nil {
			err = json.Unmarshal(text, &r.c)
		}
		if err != nil {
			return &domain.Error{Kind: domain.Invalid, Key: "card.readme_fields", Msg: "the entry slipway of the front matter is not of the form that cards have: " + domain.Short(err.Error()), Err: err}
		}
	}
	r.plainEntries()
	r.licence()
	if grams := r.emissions(); r.c.Environment == (Environment{}) {
		r.c.Environment = grams
	}
	if metrics := r.modelIndex(); len(r.c.Metrics) == 0 {
		r.c.Metrics = metrics
	}
	for _, name := range r.texts("metrics") {
		if !slices.ContainsFunc(r.c.Metrics, func(m Metric) bool { return m.Name == name }) {
			r.warn("no_value", name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.entries)) {
		if !slices.Contains(knownEntries, key) {
			r.warn("unknown", r.printable("", domain.Short(key)))
		}
	}
	r.name = cmp.Or(r.line("text", r.c.readBody(body, exported)), r.name)
	return nil
}

var knownEntries = []string{
	"language", "license", "license_name", "license_link", "library_name", "pipeline_tag", "tags", "datasets", "base_model",
	"base_model_relation", "metrics", "co2_eq_emissions", "model-index", "slipway",
}

func (r *importer) plainEntries() {
	r.c.Languages, r.c.Tags = r.texts("language"), r.texts("tags")
	r.c.Task = r.text("pipeline_tag")
	if name := r.text("library_name"); name != r.c.Library.Name {
		r.c.Library = Library{Name: name}
	}
	r.c.BaseModels = madeFrom(r.c.BaseModels, r.texts("base_model"))
	r.c.Datasets = trainedOn(r.c.Datasets, r.texts("datasets"))
	if r.c.Relation = Relation(r.text("base_model_relation")); !slices.Contains([]Relation{"", Finetune, Adapter, Quantized, Merge}, r.c.Relation) {
		r.warn("relation", "base_model_relation")
		r.c.Relation = ""
	}
}

func (r *importer) licence() {
	var all []string
	for _, id := range r.texts("license") {
		if id == "other" {
			id = cmp.Or(r.text("license_name"), id)
		}
		if id != "unknown" {
			all = append(all, r.spdx(id))
		}
	}
	if len(all) > 1 {
		r.warn("licences", "license")
		for i, expression := range all {
			if strings.Contains(expression, " ") {
				all[i] = "(" + expression + ")"
			}
		}
	}
	r.c.Licence.Weights = strings.Join(all, " AND ")
	if _, err := ParseLicence(r.c.Licence.Weights); err != nil {
		r.warn("cut", "license")
		r.c.Licence.Weights = all[0]
	}
	r.c.Licence.URL = r.text("license_link")
}

// spdx is the SPDX expression for a licence in the words of Hugging Face, or any name.
func (r *importer) spdx(id string) string {
	if known, ok := fromHub[strings.ToLower(id)]; ok {
		return known
	}
	if expression, err := ParseLicence(id); err == nil {
		return expression
	}
	r.warn("licence", "license")
	name := strings.Map(func(c rune) rune {
		if c < 128 && licenceRef.MatchString("LicenseRef-"+string(c)) {
			return c
		}
		return '-'
	}, id)
	return "LicenseRef-" + name[:min(len(name), maxLicence/2)]
}

func (r *importer) emissions() Environment {
	switch v := r.entries["co2_eq_emissions"].(type) {
	case nil:
	case map[string]any:
		grams, ok := r.number(v["emissions"])
		if !ok || grams < 0 {
			break
		}
		return emissions{
			Grams: grams, Source: r.line("co2_eq_emissions", v["source"]),
			Region: r.line("co2_eq_emissions", v["geographical_location"]), Hardware: r.line("co2_eq_emissions", v["hardware_used"]),
		}.environment()
	default:
		if grams, ok := r.number(v); ok && grams >= 0 {
			return emissions{Grams: grams}.environment()
		}
	}
	if r.entries["co2_eq_emissions"] != nil {
		r.warn("type", "co2_eq_emissions")
	}
	return Environment{}
}

func (r *importer) modelIndex() []Metric {
	var out []Metric
	for _, model := range r.list("model-index", r.entries["model-index"]) {
		r.name = cmp.Or(r.name, title(r.line("model-index", model["name"])))
		for _, res := range r.list("model-index", model["results"]) {
			task, _ := res["task"].(map[string]any)
			if r.c.Task == "" && task["type"] != unnamed {
				r.c.Task = r.line("model-index", task["type"])
			}
			data, _ := res["dataset"].(map[string]any)
			for _, m := range r.list("model-index", res["metrics"]) {
				if metric, ok := r.metric(data, m); ok {
					out = append(out, metric)
				}
			}
		}
	}
	if len(out) > maxMetrics {
		r.warn("many", "model-index")
		out = out[:maxMetrics]
	}
	return out
}

func (r *importer) metric(data, m map[string]any) (Metric, bool) {
	name := cmp.Or(r.line("model-index", m["type"]), r.line("model-index", m["name"]))
	value, ok := r.number(m["value"])
	if !ok || name == "" {
		r.warn("no_value", cmp.Or(name, "model-index"))
		return Metric{}, false
	}
	if m["verified"] == true {
		r.warn("verified", name)
	}
	part := []string{r.line("model-index", data["config"]), r.line("model-index", data["split"])}
	metric := fromIndex([]indexed{{Results: []result{{
		Dataset: typed{
			Type: cmp.Or(r.line("model-index", data["type"]), r.line("model-index", data["name"])), Split: strings.Join(distinct(part), " / "),
			Revision: r.line("model-index", data["revision"]),
		},
		Metrics: []typed{{Type: name, Value: &value}},
	}}}})[0]
	return metric, true
}

// list is v as a list of mappings; one alone counts as a list.
func (r *importer) list(entry string, v any) []map[string]any {
	var out []map[string]any
	items, ok := v.([]any)
	if !ok && v != nil {
		items = []any{v}
	}
	for _, item := range items {
		m, ok := item.(map[string]any)
		if !ok {
			r.warn("type", entry)
			continue
		}
		out = append(out, m)
	}
	return out
}

// texts is an entry that is a text or a list of them.
func (r *importer) texts(entry string) []string {
	items, ok := r.entries[entry].([]any)
	if !ok {
		items = []any{r.entries[entry]}
	}
	if len(items) > maxEntries {
		r.warn("many", entry)
		items = items[:maxEntries]
	}
	var out []string
	for _, item := range items {
		out = append(out, r.line(entry, item))
	}
	return distinct(out)
}

func (r *importer) text(entry string) string { return r.line(entry, r.entries[entry]) }

// line is v as one line of text, "" if it is none.
func (r *importer) line(entry string, v any) string {
	s := ""
	switch v := v.(type) {
	case nil:
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		r.warn("type", entry)
	}
	s = strings.Join(strings.Fields(r.printable(entry, s)), " ")
	if runes := []rune(s); len(runes) > maxLine {
		r.warn("cut", entry)
		s = strings.TrimSpace(string(runes[:maxLine]))
	}
	return s
}

// number is v as a finite number.
func (r *importer) number(v any) (float64, bool) {
	var f float64
	var err error
	switch v := v.(type) {
	case json.Number:
		f, err = v.Float64()
	case string:
		f, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
	default:
		return 0, false
	}
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// printable is s without control characters other than the end of a line and the tabulator.
func (r *importer) printable(entry, s string) string {
	out := strings.Map(func(c rune) rune {
		if hidden(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, s)
	if out != s {
		r.warn("characters", entry)
	}
	return out
}
