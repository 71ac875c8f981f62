// Package catalog knows which models the world offers: what each source says of them, which source wins, and what
// changed. The rules are functions of values; jobs fetch, storage remembers.
//
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none. Days are "2006-01-02". Amounts of money are whole
// numbers of 1e-12 USD, so that a price for each token is exact.
package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Key names a model: who offers it, and what they call it.
type Key struct{ Provider, ID string }

// String is provider/id, as pages and addresses have it.
func (k Key) String() string { return k.Provider + "/" + k.ID }

// ParseKey reads what String writes. A provider has no slash in it.
func ParseKey(s string) (Key, bool) {
	provider, id, ok := strings.Cut(s, "/")
	return Key{provider, id}, ok && provider != "" && id != ""
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Provider, o.Provider), cmp.Compare(k.ID, o.ID))
}

// Canonical is the name under which the same model of several providers is found: without who offers it and where, and in one
// spelling.
func (k Key) Canonical() string {
	id := strings.ToLower(k.ID[strings.LastIndexByte(k.ID, '/')+1:])
	for m := maker.FindStringSubmatch(id); m != nil; m = maker.FindStringSubmatch(id) { // us.anthropic.claude-…, amazon.nova-…
		id = id[len(m[1]):]
	}
	for _, end := range []string{":free", ":latest", "-maas"} {
		id = strings.TrimSuffix(id, end)
	}
	id = release.ReplaceAllString(revision.ReplaceAllString(id, ""), "-$1")
	return strings.NewReplacer("@", "-", "_", "-", ":", "-", " ", "-").Replace(id)
}

var (
	maker    = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)*\.)[a-z]{2}`)
	release  = regexp.MustCompile(`\.([a-z]\d)`)    // deepseek.v3.2
	revision = regexp.MustCompile(`-(?:v\d+|1):0$`) // as Bedrock counts them
)

// Offer is what one source says of one model.
type Offer struct {
	Key
	Facts

	Raw json.RawMessage // as the source said it
}

// Facts is what is known of a model. What is zero is not known.
type Facts struct {
	Name         string            `json:"name,omitempty"`
	Family       string            `json:"family,omitempty"`
	Mode         string            `json:"mode,omitempty"` // chat, embedding, rerank, image, audio, video, moderation, other
	Inputs       []string          `json:"inputs,omitempty"`
	Outputs      []string          `json:"outputs,omitempty"`
	Context      int64             `json:"context,omitempty"` // tokens, in and out together
	MaxInput     int64             `json:"max_input,omitempty"`
	MaxOutput    int64             `json:"max_output,omitempty"`
	Prices       []Price           `json:"prices,omitempty"`
	Licence      string            `json:"licence,omitempty"`
	OpenWeights  *bool             `json:"open_weights,omitempty"`
	Parameters   int64             `json:"parameters,omitempty"`
	Quantization string            `json:"quantization,omitempty"`
	Capabilities map[string]bool   `json:"capabilities,omitempty"` // of Capabilities; one that is missing is not known
	Regions      []string          `json:"regions,omitempty"`      // where it runs, as the provider calls them
	Cutoff       string            `json:"cutoff,omitempty"`       // of knowledge; a day, a month or a year
	Released     string            `json:"released,omitempty"`
	Deprecated   string            `json:"deprecated,omitempty"` // the day from which it is not offered any more
	Replacement  string            `json:"replacement,omitempty"`
	Status       string            `json:"status,omitempty"` // preview, deprecated
	Benchmarks   []Benchmark       `json:"benchmarks,omitempty"`
	Links        map[string]string `json:"links,omitempty"` // what for → https address
}

// Capabilities lists what a model may be able to do, in the order in which pages show it.
var Capabilities = []string{"tools", "json_schema", "vision", "reasoning", "streaming", "caching", "web_search", "computer_use"}

// Modalities lists what goes into a model or comes out.
var Modalities = []string{"text", "image", "audio", "video", "pdf"}

// Modes lists what models are for.
var Modes = []string{"chat", "embedding", "rerank", "image", "audio", "video", "moderation", "other"}

// Price is what one unit costs.
type Price struct {
	Kind   string `json:"kind"`           // of PriceKinds
	Unit   string `json:"unit,omitempty"` // "" = token; image, second, character, request, page, pixel
	Tier   string `json:"tier,omitempty"` // "" = on demand; batch, priority, flex
	Over   int64  `json:"over,omitempty"` // holds where the prompt has more tokens than this
	Amount int64  `json:"amount"`         // 1e-12 USD
}

// PriceKinds lists what is paid for.
var PriceKinds = []string{"input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output", "image_input", "image_output"}

// Units lists what prices are for; "" is a token.
var Units = []string{"", "image", "second", "character", "request", "page", "pixel"}

// Tiers lists the ways to be served; "" is on demand.
var Tiers = []string{"", "batch", "priority", "flex"}

// Benchmark is a score that somebody measured.
type Benchmark struct {
	Name   string  `json:"name"`
	Metric string  `json:"metric,omitempty"`
	Score  float64 `json:"score"`
	Source string  `json:"source,omitempty"`
	Date   string  `json:"date,omitempty"`
}

// USD is x US dollars as an amount; ok tells whether it is one: not negative, finite, and small enough for JSON to hold it
// exactly (RFC 7493).
func USD(x float64) (amount int64, ok bool) {
	const whole, most = 1e12, 9e3
	if !(x >= 0 && x < most) {
		return 0, false
	}
	return int64(math.Round(x * whole)), true
}

// Price is what a unit of a kind costs on demand where the prompt is short; ok tells whether that is known.
func (f Facts) Price(kind string) (amount int64, ok bool) {
	for _, p := range f.Prices {
		if p.Kind == kind && p.Unit == "" && p.Tier == "" && p.Over == 0 {
			return p.Amount, true
		}
	}
	return 0, false
}

// Limits of what is kept of a model.
const (
	maxName   = 300 // bytes
	maxList   = 100 // entries of any list
	maxTokens = 1_000_000_000_000
	maxRaw    = 64 << 10 // bytes
)

// Clean is o in good order, or why it cannot be: what a source says ends up on pages and in decisions.
func (o Offer) Clean() (Offer, error) {
	bad := func(what string) (Offer, error) {
		return o, domain.Fail(domain.Invalid, "catalog.offer", "%s of the model %q cannot be right", domain.Word{Key: "catalog.word." + what, Text: strings.ReplaceAll(what, "_", " ")}, domain.Short(strings.ToValidUTF8(o.String(), "?")))
	}
	for what, s := range map[string]string{"provider": o.Provider, "id": o.ID} {
		if s == "" || !plain(s) {
			return bad(what)
		}
	}
	if strings.Contains(o.Provider, "/") {
		return bad("provider")
	}
	for what, s := range map[string]string{"name": o.Name, "family": o.Family, "licence": o.Licence, "quantization": o.Quantization, "replacement": o.Replacement} {
		if !plain(s) {
			return bad(what)
		}
	}
	for what, n := range map[string]int64{"context": o.Context, "max_input": o.MaxInput, "max_output": o.MaxOutput, "parameters": o.Parameters} {
		if n < 0 || n > maxTokens {
			return bad(what)
		}
	}
	for what, day := range map[string]string{"released": o.Released, "deprecated": o.Deprecated} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return bad(what)
		}
	}
	if !plain(o.Cutoff) || len(o.Cutoff) > len(time.DateOnly) {
		return bad("cutoff")
	}
	if o.Mode != "" && !slices.Contains(Modes, o.Mode) || o.Status != "" && o.Status != "preview" && o.Status != "deprecated" {
		return bad("mode")
	}
	if len(o.Prices)+len(o.Benchmarks)+len(o.Links)+len(o.Regions)+len(o.Inputs)+len(o.Outputs)+len(o.Capabilities) > maxList {
		return bad("length")
	}
	for _, p := range o.Prices {
		if p.Amount < 0 || p.Over < 0 || !slices.Contains(PriceKinds, p.Kind) || !slices.Contains(Units, p.Unit) || !slices.Contains(Tiers, p.Tier) {
			return bad("price")
		}
	}
	for _, b := range o.Benchmarks {
		if !plain(b.Name) || !plain(b.Metric) || !plain(b.Source) || !plain(b.Date) || math.IsNaN(b.Score) || math.IsInf(b.Score, 0) {
			return bad("benchmark")
		}
	}
	for name, link := range o.Links {
		if !plain(name) || !plain(link) || !strings.HasPrefix(link, "https://") {
			return bad("link")
		}
	}
	for _, r := range o.Regions {
		if r == "" || !plain(r) {
			return bad("region")
		}
	}
	o.Inputs, o.Outputs = known(o.Inputs, Modalities), known(o.Outputs, Modalities)
	o.Regions = slices.Compact(slices.Sorted(slices.Values(o.Regions)))
	o.Prices = slices.Clone(o.Prices)
	slices.SortFunc(o.Prices, func(a, b Price) int {
		return cmp.Or(cmp.Compare(slices.Index(PriceKinds, a.Kind), slices.Index(PriceKinds, b.Kind)), cmp.Compare(a.Unit, b.Unit), cmp.Compare(slices.Index(Tiers, a.Tier), slices.Index(Tiers, b.Tier)), cmp.Compare(a.Over, b.Over), cmp.Compare(a.Amount, b.Amount))
	})
	o.Prices = slices.Compact(o.Prices)
	for i, p := range o.Prices { // two prices for one thing: nobody knows which is asked
		if i > 0 && o.Prices[i-1].of() == p.of() {
			return bad("price")
		}
	}
	for name := range o.Capabilities {
		if !slices.Contains(Capabilities, name) {
			return bad("capability")
		}
	}
	if len(o.Raw) > maxRaw {
		o.Raw = nil
	}
	return o, nil
}

// of is what is paid for, without how much.
func (p Price) of() Price {
	p.Amount = 0
	return p
}

// known are the values of all that are among those that are known, in their order and once each.
func known(all, among []string) (out []string) {
	for _, one := range among {
		if slices.Contains(all, one) {
			out = append(out, one)
		}
	}
	return out
}

// plain reports whether s is a short text on one line.
func plain(s string) bool {
	return len(s) <= maxName && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 }) < 0
}

// Text is f as it is stored, and the digest of that: JSON in the order of the fields, so that equal facts have equal texts.
func (f Facts) Text() (text, digest string, err error) {
	raw, err := json.Marshal(f)
	sum := sha256.Sum256(raw)
	return string(raw), hex.EncodeToString(sum[:]), err
}

// ParseFacts reads what Text writes.
func ParseFacts(text string) (f Facts, err error) {
	err = json.Unmarshal([]byte(text), &f)
	return f, err
}

// CleanAll is what a source offers in good order, by key; a model that it names twice makes all of it doubtful.
func CleanAll(offers []Offer) ([]Offer, error) {
	const most = 200_000
	if len(offers) > most {
		return nil, domain.Fail(domain.TooLarge, "catalog.many", "the source offers %d models, the limit is %d", len(offers), most)
	}
	seen := make(map[Key]bool, len(offers))
	out := make([]Offer, 0, len(offers))
	for _, o := range offers {
		o, err := o.Clean()
		if err != nil {
			return nil, err
		}
		if seen[o.Key] {
			return nil, domain.Fail(domain.Invalid, "catalog.twice", "the source names the model %s twice", domain.Short(o.String()))
		}
		seen[o.Key] = true
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Offer) int { return a.compare(b.Key) })
	return out, nil
}

// can lists what f is known to be able to do.
func (f Facts) can() (out []string) {
	for _, name := range Capabilities {
		if f.Capabilities[name] {
			out = append(out, name)
		}
	}
	return out
}
