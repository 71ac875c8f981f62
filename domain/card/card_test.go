package card

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slipway-ml/slipway/domain"
)

// samples are cards by name, each as Clean leaves it but for its name.
func samples() map[string]Card {
	full := Card{
		Name: "fraud-scorer", Kind: Predictive, Status: InReview, Owner: "retail-risk", Contacts: []Contact{{Name: "Ann", Email: "ann@example.org", Role: "owner"}},
		Tags: []string{"fraud", "cards"}, Summary: "Scores card transactions.", IntendedUse: "Rank transactions for review.\n\n- card present\n- card not present",
		Users: "Analysts.", OutOfScope: "Declining a payment.", Misuse: "Judging people.",
		Inputs:     []Port{{Name: "amount", Type: "double", Description: "in euro", Origin: Declared}, {Name: "country", Type: "string", Optional: true, Origin: Declared}},
		Outputs:    []Port{{Name: "score", Type: "double", Shape: "[-1]", Origin: Declared}},
		BaseModels: []BaseModel{{Name: "fraud-base", Version: "3", Digest: strings.Repeat("ab", 32), Origin: Declared}}, Relation: Finetune,
		Architecture: "gradient boosted trees", Task: "tabular-classification", Library: Library{Name: "xgboost", Version: "2.1.0", Origin: Declared}, Languages: []string{"en", "it"},
		Datasets: []Dataset{
			{
				Name: "transactions-oct", Digest: "7f3c", Source: "s3://acme/tx", Use: Training, Licence: "LicenseRef-Internal", PersonalData: Yes,
				SensitiveData: []string{"location"}, CutOff: "2026-10-31", Description: "One month.", Origin: Declared,
			},
			{Name: "fraud-holdout", Use: Evaluation, PersonalData: No, Origin: Declared},
		},
		Metrics: []Metric{
			{Name: "val_auc", Value: 0.9, Slice: "new merchants", Interval: &Interval{0.88, 0.92}, N: 1200, Dataset: "fraud-holdout", DatasetDigest: "12ab", Origin: Declared},
			{Name: "recall", Value: 0.684, Origin: Declared},
		},
		Limitations: "Not for business cards.", Tradeoffs: "Slower.", Fairness: []Fairness{{Group: "young people", Benefit: "b", Harm: "more reviews", Mitigation: "m"}},
		Ethics:      []Risk{{Name: "profiling", Mitigation: "no personal features"}},
		Environment: Environment{EnergyKWh: 12.5, CO2eKg: 3.1, Hours: 0.2, Hardware: "8 vCPU", Region: "eu-south-1", Source: "codecarbon"},
		Oversight:   "An analyst decides.", Instructions: "Call it.", Logging: "Every score.", Security: "Signed.",
		Licence:   Licence{Weights: "Apache-2.0", Code: "MIT", Data: "LicenseRef-Internal", URL: "https://example.org/licence"},
		RiskClass: HighRisk, RiskRationale: "Annex III, 5(b)?\n\nSee the note.", ReviewDate: "2027-05-01", Text: "# More\n\nThere is more.",
	}
	return map[string]Card{
		"empty":   {},
		"named":   {Name: "a"},
		"minimal": {Name: "a", Kind: OtherKind, Owner: "Ann", Summary: "b", Text: "c"},
		"full":    full,
		"unicode": {
			Name: "模型 – modèle 🦊", Owner: "Žofie “Ž” Ôwner", Summary: "日本語\n\n\t code: `x`\n\n- a: b # c", Tags: []string{"no", "1e3", "null", "- a", "a: b", "🦊", "\"'", "\u2028", "%", "~"},
			Languages: []string{"no", "y"}, RiskRationale: "  a\n b\n\n\n  c", Environment: Environment{Hours: 1e-7, Hardware: "a | b"},
			Fairness: []Fairness{{Group: "a|b\u00a0", Harm: "x\ny"}}, Text: "text\n\n```\nno heading:\n## Security\n```",
			Metrics: []Metric{{Name: "a|b", Value: -1e-300, Origin: Declared}, {Name: "a|b", Value: 12345678901234567890, Dataset: "d", Origin: Declared}},
		},
		"marks": {Name: "a", Text: "x <!-- -->", Kind: Agent},
	}
}

func someFacts() Facts {
	return Facts{
		Name: "fraud-scorer", Version: "42", Digest: strings.Repeat("4b", 32),
		Files:      []File{{Path: "model.ubj", SHA256: strings.Repeat("9c", 32), Size: 18 << 20}, {Path: "MLmodel", SHA256: strings.Repeat("07", 32), Size: 812}},
		Metrics:    []Metric{{Name: "val_auc", Value: 0.9412, Dataset: "fraud-holdout", DatasetDigest: "12ab"}},
		Parameters: []Parameter{{"max_depth", "8"}, {"learning_rate", "0.03"}},
		BaseModels: []BaseModel{{Name: "fraud-base", Version: "4", Digest: strings.Repeat("cd", 32)}},
		Library:    Library{Name: "xgboost", Version: "2.1.1"},
		Datasets:   []Dataset{{Name: "transactions-oct", Digest: "9e9e", Source: "s3://acme/tx/7", Use: Training}},
		Inputs:     []Port{{Name: "amount", Type: "float"}}, Outputs: []Port{{Type: "double"}},
		Source: Source{Run: "187", Repository: "https://github.com/acme/fraud", Commit: "9f3c1ab", Trainer: "data-science"},
	}
}

// anyLine is what may stand on one line of a card; Clean leaves it as it is.
func anyLine(least int) *rapid.Generator[string] {
	return rapid.Map(rapid.OneOf(rapid.StringN(least, 12, -1), rapid.SampledFrom([]string{"a", "no", "1e5", "- a: b", "a # b", "'\"\\", "日本 語", "x|y"})), func(s string) string {
		return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
			if hidden(r) {
				return -1
			}
			return r
		}, s)), " ")
	}).Filter(func(s string) bool { return len(s) >= least && s != unnamed })
}

// anyText is a text without headings of its own, which a README would have to change.
func anyText() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(anyLine(0), 0, 4), func(lines []string) string {
		for i, line := range lines {
			if n, _ := level(line); n > 0 || fenceLine.MatchString(line) || comment.MatchString(line) {
				lines[i] = "x" + line
			}
		}
		return strings.Join(lines, "\n")
	})
}

func anyCard() *rapid.Generator[Card] {
	number := rapid.Float64Range(-1e300, 1e300)
	port := rapid.Custom(func(t *rapid.T) Port {
		return Port{Name: anyLine(0).Draw(t, "name"), Type: anyLine(0).Draw(t, "type"), Optional: rapid.Bool().Draw(t, "optional"), Description: anyText().Draw(t, "description")}
	})
	return rapid.Custom(func(t *rapid.T) Card {
		c := Card{
			Kind: rapid.SampledFrom([]Kind{"", Predictive, Agent}).Draw(t, "kind"), Owner: anyLine(0).Draw(t, "owner"),
			Tags: rapid.SliceOfN(anyLine(0), 0, 3).Draw(t, "tags"), Languages: rapid.SliceOfN(anyLine(0), 0, 3).Draw(t, "languages"),
			Task: anyLine(0).Draw(t, "task"), Inputs: rapid.SliceOfN(port, 0, 3).Draw(t, "inputs"),
			Library:    Library{Name: anyLine(0).Draw(t, "library"), Version: anyLine(0).Draw(t, "library version")},
			Licence:    Licence{Weights: rapid.SampledFrom([]string{"", "mit", "GPL-3.0-only", "mit or isc", "LicenseRef-MIT", "LicenseRef-gemma", "LicenseRef-unknown", "LicenseRef-other"}).Draw(t, "licence"), URL: anyLine(0).Draw(t, "url")},
			ReviewDate: rapid.SampledFrom([]string{"", "2026-11-18"}).Draw(t, "date"),
			Environment: Environment{
				EnergyKWh: rapid.Float64Range(0, 1e15).Draw(t, "energy"), CO2eKg: rapid.Float64Range(0, 1e15).Draw(t, "co2"), Hardware: anyLine(0).Draw(t, "hardware"),
			},
			Relation: rapid.SampledFrom([]Relation{"", Merge}).Draw(t, "relation"),
			BaseModels: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) BaseModel {
				return BaseModel{Name: anyLine(1).Draw(t, "name"), Version: anyLine(0).Draw(t, "version")}
			}), 0, 2).Draw(t, "bases"),
			Fairness: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Fairness {
				return Fairness{Group: anyLine(1).Draw(t, "group"), Harm: anyText().Draw(t, "harm")}
			}), 0, 2).Draw(t, "fairness"),
			Metrics: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Metric {
				m := Metric{Name: anyLine(1).Draw(t, "name"), Value: number.Draw(t, "value"), Slice: anyLine(0).Draw(t, "slice"), Dataset: anyLine(0).Draw(t, "dataset"), N: rapid.Int64Range(0, 3).Draw(t, "n")}
				if rapid.Bool().Draw(t, "interval") {
					m.Interval = &Interval{m.Value, m.Value + 1}
				}
				return m
			}), 0, 4).Draw(t, "metrics"),
			Datasets: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Dataset {
				return Dataset{
					Name: anyLine(1).Draw(t, "name"), Use: rapid.SampledFrom([]Use{"", Training, Evaluation}).Draw(t, "use"), Source: anyText().Draw(t, "source"),
					SensitiveData: rapid.SliceOfN(anyLine(0), 0, 2).Draw(t, "sensitive"), PersonalData: rapid.SampledFrom([]Answer{"", Yes, Unknown}).Draw(t, "personal"),
				}
			}), 0, 3).Draw(t, "datasets"),
		}
		for _, text := range c.texts() {
			*text.at = anyText().Draw(t, text.name)
		}
		return c
	})
}

// The names in JSON are a contract: they stay.
func TestJSON(t *testing.T) {
	got, err := json.Marshal(samples()["full"])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"fraud-scorer","kind":"predictive","status":"in_review","owner":"retail-risk","contacts":[{"name":"Ann","email":"ann@example.org","role":"owner"}],` +
		`"tags":["fraud","cards"],"summary":"Scores card transactions.","intended_use":"Rank transactions for review.\n\n- card present\n- card not present","users":"Analysts.",` +
		`"out_of_scope_use":"Declining a payment.","foreseeable_misuse":"Judging people.","inputs":[{"name":"amount","type":"double","description":"in euro","origin":"declared"},` +
		`{"name":"country","type":"string","optional":true,"origin":"declared"}],"outputs":[{"name":"score","type":"double","shape":"[-1]","origin":"declared"}],` +
		`"base_models":[{"name":"fraud-base","version":"3","digest":"` + strings.Repeat("ab", 32) + `","origin":"declared"}],"base_relation":"finetune","architecture":"gradient boosted trees",` +
		`"task":"tabular-classification","library":{"name":"xgboost","version":"2.1.0","origin":"declared"},"languages":["en","it"],"datasets":[{"name":"transactions-oct","digest":"7f3c",` +
		`"source":"s3://acme/tx","use":"training","licence":"LicenseRef-Internal","personal_data":"yes","sensitive_data":["location"],"cut_off":"2026-10-31","description":"One month.",` +
		`"origin":"declared"},{"name":"fraud-holdout","use":"evaluation","personal_data":"no","origin":"declared"}],"metrics":[{"name":"val_auc","value":0.9,"slice":"new merchants",` +
		`"interval":{"low":0.88,"high":0.92},"n":1200,"dataset":"fraud-holdout","dataset_digest":"12ab","origin":"declared"},{"name":"recall","value":0.684,"origin":"declared"}],` +
		`"limitations":"Not for business cards.","tradeoffs":"Slower.","fairness":[{"group":"young people","benefit":"b","harm":"more reviews","mitigation":"m"}],` +
		`"ethical_risks":[{"name":"profiling","mitigation":"no personal features"}],"environment":{"energy_kwh":12.5,"co2e_kg":3.1,"hours":0.2,"hardware":"8 vCPU","region":"eu-south-1",` +
		`"source":"codecarbon"},"human_oversight":"An analyst decides.","instructions":"Call it.","logging":"Every score.","security":"Signed.",` +
		`"licence":{"weights":"Apache-2.0","code":"MIT","data":"LicenseRef-Internal","url":"https://example.org/licence"},"risk_class":"high",` +
		`"risk_rationale":"Annex III, 5(b)?\n\nSee the note.","review_date":"2027-05-01","text":"# More\n\nThere is more."}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	facts, err := json.Marshal(Card{Name: "a", Version: "1", Parameters: []Parameter{{"p", "v"}}, Source: Source{"r", "u", "c", "t"}})
	if want := `{"name":"a","version":"1","parameters":[{"name":"p","value":"v"}],"source":{"run":"r","repository":"u","commit":"c","trainer":"t"}}`; err != nil || string(facts) != want {
		t.Errorf("got %s, %v, want %s", facts, err, want)
	}
}

func TestParse(t *testing.T) {
	for name, c := range samples() {
		want, err := Clean(c)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, (-want +got):\n%s", name, err, diff)
		}
	}
	for _, c := range []struct {
		in, key string
		kind    domain.Kind
	}{
		{``, "canonical.json", domain.Invalid},
		{`{"owner":"a"} x`, "canonical.json", domain.Invalid},
		{`{"owner":"a","owner":"b"}`, "canonical.twice", domain.Invalid},
		{`{"owner":"\ud800"}`, "canonical.surrogate", domain.Invalid},
		{"{\"owner\":\"\xff\"}", "canonical.utf8", domain.Invalid},
		{`{"ownr":"a"}`, "card.json", domain.Invalid},
		{`{"owner":1}`, "card.json", domain.Invalid},
		{`{"metrics":[{"name":"a","value":"1"}]}`, "card.json", domain.Invalid},
		{`{"metrics":[{"name":"a","n":1.5}]}`, "card.json", domain.Invalid},
		{`[]`, "card.json", domain.Invalid},
		{`{"text":"` + strings.Repeat("x", 70<<10) + `"}`, "card.long", domain.Invalid},
		{`{"text":"` + strings.Repeat("x", 10<<20) + `"}`, "card.large", domain.TooLarge},
	} {
		_, err := Parse([]byte(c.in))
		if e := domain.As(err); e == nil || e.Key != c.key || e.Kind != c.kind || len(e.Msg) > 300 {
			t.Errorf("%.60s: got %v, want the refusal %s", c.in, err, c.key)
		}
	}
}

func TestDigest(t *testing.T) {
	empty, err := Card{}.Digest() // of "{}"
	if err != nil || empty != "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" {
		t.Errorf("got %s, %v", empty, err)
	}
	seen := map[string]string{}
	for name, c := range samples() {
		d, err := c.Digest()
		if err != nil || seen[d] != "" {
			t.Errorf("%s: %v, the digest of %q", name, err, seen[d])
		}
		seen[d] = name
	}
	if _, err := (Card{Metrics: []Metric{{Value: math.Inf(1)}}}).Digest(); domain.KindOf(err) != domain.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestClean(t *testing.T) {
	in := Card{
		Name: "a", Version: "1", Parameters: []Parameter{{"a", "b"}}, Source: Source{Run: "r"}, // facts
		Owner: "  Ann ", Summary: "\r\n \n  a\r\nb\rc \n", Tags: []string{"a", "", " a ", "b"}, Languages: []string{""},
		Contacts: []Contact{{}, {Email: " a@b "}}, Inputs: []Port{{Origin: Measured}, {Name: "x", Origin: Measured}}, Library: Library{Version: "1"},
		Datasets: []Dataset{{}, {Name: "d", SensitiveData: []string{"", "x", "x"}, Licence: "cc-by-4.0"}}, Metrics: []Metric{{}, {Name: "m", Origin: Measured}},
		Licence: Licence{Weights: "mit or apache-2.0"}, ReviewDate: " 2026-11-18 ", BaseModels: []BaseModel{{}}, Fairness: []Fairness{{}}, Ethics: []Risk{{}},
	}
	want := Card{
		Owner: "Ann", Summary: "  a\nb\nc", Tags: []string{"a", "b"}, Contacts: []Contact{{Email: "a@b"}}, Inputs: []Port{{Name: "x", Origin: Declared}}, Library: Library{Version: "1"},
		Datasets: []Dataset{{Name: "d", SensitiveData: []string{"x"}, Licence: "CC-BY-4.0", Origin: Declared}}, Metrics: []Metric{{Name: "m", Origin: Declared}},
		Licence: Licence{Weights: "MIT OR Apache-2.0"}, ReviewDate: "2026-11-18",
	}
	before := reflect.ValueOf(in).FieldByName("Tags").Index(2).String()
	got, err := Clean(in)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	if in.Tags[2] != before || in.Inputs[1].Origin != Measured || in.Contacts[1].Email != " a@b " {
		t.Error("the card given was changed")
	}
	again, err := Clean(got)
	if diff := cmp.Diff(got, again); err != nil || diff != "" {
		t.Errorf("cleaned again: %v, (-once +again):\n%s", err, diff)
	}
}

func TestRefusals(t *testing.T) {
	many := func(n int) []string { return strings.Split(strings.Repeat("x,", n), ",") }
	for _, c := range []struct {
		path, key string
		in        Card
	}{
		{"kind", "card.choice", Card{Kind: "robot"}},
		{"status", "card.choice", Card{Status: "done"}},
		{"risk_class", "card.choice", Card{RiskClass: "low"}},
		{"base_relation", "card.choice", Card{Relation: "copy"}},
		{"summary", "card.long", Card{Summary: strings.Repeat("x", 64<<10+1)}},
		{"summary", "", Card{Summary: strings.Repeat("x", 64<<10)}},
		{"text", "card.long", Card{Text: strings.Repeat("x", 10<<20)}},
		{"owner", "card.line_long", Card{Owner: strings.Repeat("ü", 1001)}},
		{"owner", "", Card{Owner: strings.Repeat("ü", 1000)}},
		{"owner", "card.characters", Card{Owner: "a\nb"}},
		{"owner", "card.characters", Card{Owner: "a\x00b"}},
		{"owner", "card.characters", Card{Owner: "a\u0085b"}},
		{"owner", "card.characters", Card{Owner: "a\u202eb"}},
		{"limitations", "card.characters", Card{Limitations: "a\x1b[31m"}},
		{"limitations", "", Card{Limitations: "a\n\tb \u200f"}},
		{"security", "card.utf8", Card{Security: "a\xff"}},
		{"tags[1]", "card.utf8", Card{Tags: []string{"a", "\xff"}}},
		{"tags", "card.many", Card{Tags: many(500)}},
		{"tags", "", Card{Tags: many(499)}},
		{"metrics", "card.many", Card{Metrics: make([]Metric, 5001)}},
		{"inputs", "card.many", Card{Inputs: make([]Port, 5001)}},
		{"datasets[0].sensitive_data", "card.many", Card{Datasets: []Dataset{{Name: "d", SensitiveData: many(500)}}}},
		{"contacts[0].email", "card.email", Card{Contacts: []Contact{{Email: "ann"}}}},
		{"contacts[0].email", "card.email", Card{Contacts: []Contact{{Email: "Ann <a@b.c>"}}}},
		{"metrics[0].value", "card.number", Card{Metrics: []Metric{{Name: "a", Value: math.NaN()}}}},
		{"metrics[0].interval.high", "card.number", Card{Metrics: []Metric{{Name: "a", Interval: &Interval{0, math.Inf(1)}}}}},
		{"metrics[0].interval", "card.interval", Card{Metrics: []Metric{{Name: "a", Interval: &Interval{2, 1}}}}},
		{"metrics[0].n", "card.count", Card{Metrics: []Metric{{Name: "a", N: -1}}}},
		{"metrics[0].n", "card.count", Card{Metrics: []Metric{{Name: "a", N: 1 << 53}}}},
		{"metrics[0]", "card.unnamed", Card{Metrics: []Metric{{Value: 1}}}},
		{"datasets[0]", "card.unnamed", Card{Datasets: []Dataset{{PersonalData: Yes}}}},
		{"base_models[0]", "card.unnamed", Card{BaseModels: []BaseModel{{Version: "1"}}}},
		{"fairness[0]", "card.unnamed", Card{Fairness: []Fairness{{Harm: "x"}}}},
		{"ethical_risks[0]", "card.unnamed", Card{Ethics: []Risk{{Mitigation: "x"}}}},
		{"datasets[0].use", "card.choice", Card{Datasets: []Dataset{{Name: "a", Use: "fun"}}}},
		{"datasets[0].personal_data", "card.choice", Card{Datasets: []Dataset{{Name: "a", PersonalData: "maybe"}}}},
		{"datasets[0].licence", "card.licence", Card{Datasets: []Dataset{{Name: "a", Licence: "mine"}}}},
		{"datasets[0].cut_off", "card.date", Card{Datasets: []Dataset{{Name: "a", CutOff: "October"}}}},
		{"datasets[0].cut_off", "", Card{Datasets: []Dataset{{Name: "a", CutOff: "2026-10"}}}},
		{"review_date", "card.date", Card{ReviewDate: "2026-02-30"}},
		{"review_date", "card.date", Card{ReviewDate: "2026-02"}},
		{"environment.energy_kwh", "card.number", Card{Environment: Environment{EnergyKWh: math.NaN()}}},
		{"environment.hours", "card.amount", Card{Environment: Environment{Hours: -1}}},
		{"environment.co2e_kg", "card.amount", Card{Environment: Environment{CO2eKg: 1e300}}},
		{"licence.code", "card.licence", Card{Licence: Licence{Code: "MIT,BSD"}}},
		{"licence.data", "card.licence_long", Card{Licence: Licence{Data: strings.Repeat("x", 2000)}}},
	} {
		_, err := Clean(c.in)
		e := domain.As(err)
		switch {
		case c.key == "" && err != nil:
			t.Errorf("%s: refused: %v", c.path, err)
		case c.key != "" && (e == nil || e.Key != c.key || e.Kind != domain.Invalid || e.Fields[c.path] != c.key || !strings.HasPrefix(e.Msg, c.path+": ")):
			t.Errorf("%s: got %v, want the refusal %s", c.path, err, c.key)
		case e != nil && (len(e.Msg) > 300 || !utf8.ValidString(e.Msg)):
			t.Errorf("%s: a message of %d bytes: %q", c.path, len(e.Msg), e.Msg)
		}
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	_, err := Clean(Card{Kind: "robot", Owner: "a\nb", Metrics: []Metric{{Value: 1}, {Name: "a"}, {Name: "b", N: -1}}})
	want := map[string]string{"kind": "card.choice", "owner": "card.characters", "metrics[0]": "card.unnamed", "metrics[2].n": "card.count"}
	if diff := cmp.Diff(want, domain.As(err).Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Clean(Card{Metrics: make2(5000)}); len(domain.As(err).Fields) != maxFaults {
		t.Errorf("%d faults told", len(domain.As(err).Fields))
	}
	large := Card{}
	for _, text := range large.texts() {
		*text.at = strings.Repeat("\\", 60<<10)
	}
	if _, err := Clean(large); domain.KindOf(err) != domain.TooLarge || domain.As(err).Key != "card.large" {
		t.Errorf("got %v", err)
	}
}

// make2 are n metrics with a value and no name.
func make2(n int) []Metric {
	all := make([]Metric, n)
	for i := range all {
		all[i].Value = 1
	}
	return all
}

func TestReviewPassed(t *testing.T) {
	at := time.Date(2026, 11, 18, 23, 30, 0, 0, time.FixedZone("", -3600)) // the 19th in UTC
	for date, want := range map[string]bool{"": false, "2026-11-18": true, "2026-11-19": false, "2026-11-20": false, "2025-12-01": true} {
		if got := (Card{ReviewDate: date}).ReviewPassed(at); got != want {
			t.Errorf("%s: %v", date, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range samples() {
		text, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			if kind := domain.KindOf(err); kind != domain.Invalid && kind != domain.TooLarge {
				t.Fatalf("%q: an error of our own: %v", text, err)
			}
			return
		}
		again, err := Clean(c)
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Fatalf("%q: %v, (-once +again):\n%s", text, err, diff)
		}
		if _, err := c.Digest(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
