package catalog

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-ml/slipway/domain"
)

func TestUSD(t *testing.T) {
	for _, c := range []struct {
		dollars float64
		amount  int64
		ok      bool
		text    string
	}{
		{2.5e-06, 2_500_000, true, "0.0000025"},
		{1e-05, 10_000_000, true, "0.00001"},
		{0.15 / 1e6, 150_000, true, "0.00000015"},
		{0, 0, true, "0"},
		{1e-13, 0, true, "0"},
		{8.39233e-08, 83923, true, "0.000000083923"},
		{1, 1e12, true, "1"},
		{8999.5, 8_999_500_000_000_000, true, "8999.5"},
		{9000, 0, false, ""},
		{-1e-9, 0, false, ""},
		{math.NaN(), 0, false, ""},
		{math.Inf(1), 0, false, ""},
		{1e308, 0, false, ""},
	} {
		amount, ok := USD(c.dollars)
		if amount != c.amount || ok != c.ok || ok && Dollars(amount) != c.text {
			t.Errorf("%v: %d %v %q, want %d %v %q", c.dollars, amount, ok, Dollars(amount), c.amount, c.ok, c.text)
		}
	}
}

func TestCanonical(t *testing.T) {
	for want, ids := range map[string][]string{
		"claude-sonnet-4-5-20250929": {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929", "anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1/anthropic.claude-sonnet-4-5-20250929-v1:0"},
		"gpt-4o":                     {"gpt-4o", "eu/gpt-4o", "openai/gpt-4o", "GPT-4o"},
		"gpt-oss-120b":               {"openai.gpt-oss-120b-1:0", "openai/gpt-oss-120b:free", "gpt-oss-120b-maas"},
		"deepseek-v3.2":              {"deepseek.v3.2", "deepseek-ai/DeepSeek-V3.2", "us-east-1/deepseek.v3.2", "deepseek-v3.2-maas"},
		"deepseek-r1":                {"us.deepseek.r1-v1:0", "deepseek-r1:latest"},
		"llama3.1-8b":                {"llama3.1:8b"},
		"gpt-3.5-turbo":              {"gpt-3.5-turbo"},
		"claude-v2-1":                {"anthropic.claude-v2:1"},
	} {
		for _, id := range ids {
			if got := (Key{"p", id}).Canonical(); got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	for s, want := range map[string]Key{"openai/gpt-4o": {"openai", "gpt-4o"}, "azure/eu/gpt-4o": {"azure", "eu/gpt-4o"}} {
		if k, ok := ParseKey(s); !ok || k != want || k.String() != s {
			t.Errorf("%s: %v %v", s, k, ok)
		}
	}
	for _, s := range []string{"", "/", "a/", "/b", "ab"} {
		if _, ok := ParseKey(s); ok {
			t.Errorf("%q is a key", s)
		}
	}
}

func TestClean(t *testing.T) {
	good := Offer{Key: Key{"p", "m"}}
	for name, spoil := range map[string]func(o *Offer){
		"no id":               func(o *Offer) { o.ID = "" },
		"no provider":         func(o *Offer) { o.Provider = "" },
		"a slash":             func(o *Offer) { o.Provider = "a/b" },
		"a long id":           func(o *Offer) { o.ID = strings.Repeat("x", 10<<20) },
		"a line break":        func(o *Offer) { o.Name = "a\nb" },
		"a separator":         func(o *Offer) { o.Family = "a\u2028b" },
		"broken bytes":        func(o *Offer) { o.Licence = "\xff" },
		"less than nothing":   func(o *Offer) { o.Context = -1 },
		"too much":            func(o *Offer) { o.Parameters = maxTokens + 1 },
		"no day":              func(o *Offer) { o.Deprecated = "soon" },
		"no such day":         func(o *Offer) { o.Released = "2026-02-30" },
		"a long cutoff":       func(o *Offer) { o.Cutoff = "the end of last year" },
		"a mode":              func(o *Offer) { o.Mode = "oracle" },
		"a status":            func(o *Offer) { o.Status = "great" },
		"a negative price":    func(o *Offer) { o.Prices = []Price{{Kind: "input", Amount: -1}} },
		"a kind of price":     func(o *Offer) { o.Prices = []Price{{Kind: "tip"}} },
		"a unit":              func(o *Offer) { o.Prices = []Price{{Kind: "input", Unit: "mile"}} },
		"a tier":              func(o *Offer) { o.Prices = []Price{{Kind: "input", Tier: "slow"}} },
		"two prices":          func(o *Offer) { o.Prices = []Price{{Kind: "input", Amount: 1}, {Kind: "input", Amount: 2}} },
		"a score":             func(o *Offer) { o.Benchmarks = []Benchmark{{Name: "b", Score: math.NaN()}} },
		"a link":              func(o *Offer) { o.Links = map[string]string{"x": "javascript:alert(1)"} },
		"no region":           func(o *Offer) { o.Regions = []string{""} },
		"a capability":        func(o *Offer) { o.Capabilities = map[string]bool{"fly": true} },
		"far too many prices": func(o *Offer) { o.Prices = make([]Price, 101) },
	} {
		o := good
		spoil(&o)
		if _, err := o.Clean(); domain.KindOf(err) != domain.Invalid || len(domain.As(err).Msg) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := good
	o.Inputs, o.Regions, o.Raw = []string{"pdf", "smell", "text", "text"}, []string{"us", "eu", "us"}, json.RawMessage(strings.Repeat(" ", maxRaw+1))
	o.Prices = []Price{{Kind: "output", Amount: 2}, {Kind: "input", Over: 9, Amount: 3}, {Kind: "input", Tier: "batch", Amount: 1}, {Kind: "input", Amount: 1}, {Kind: "input", Amount: 1}}
	got, err := o.Clean()
	want := Offer{Key: good.Key, Facts: Facts{Inputs: []string{"text", "pdf"}, Regions: []string{"eu", "us"}, Prices: []Price{
		{Kind: "input", Amount: 1}, {Kind: "input", Over: 9, Amount: 3}, {Kind: "input", Tier: "batch", Amount: 1}, {Kind: "output", Amount: 2},
	}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := CleanAll([]Offer{good, {Key: Key{"p", "n"}}, good}); domain.As(err) == nil || domain.As(err).Key != "catalog.twice" {
		t.Errorf("twice: %v", err)
	}
	if _, err := CleanAll(make([]Offer, 200_001)); domain.KindOf(err) != domain.TooLarge {
		t.Errorf("many: %v", err)
	}
	all, err := CleanAll([]Offer{{Key: Key{"q", "a"}}, {Key: Key{"p", "z"}}, {Key: Key{"p", "a"}}})
	if err != nil || all[0].Key != (Key{"p", "a"}) || all[2].Key != (Key{"q", "a"}) {
		t.Errorf("order: %v, %v", all, err)
	}
}

func TestFactsAreKeptExactly(t *testing.T) {
	most, _ := USD(8999.999999999999)
	yes := true
	f := Facts{Name: "ü", Prices: []Price{{Kind: "input", Amount: most}}, OpenWeights: &yes, Capabilities: map[string]bool{"tools": false}, Parameters: maxTokens}
	text, digest, err := f.Text()
	if err != nil || len(digest) != 64 {
		t.Fatal(err)
	}
	if again, err := ParseFacts(text); err != nil || !cmp.Equal(f, again) {
		t.Errorf("%v: %s", err, cmp.Diff(f, again))
	}
}

func TestMerge(t *testing.T) {
	yes, no := true, false
	m := Merge([]Said{
		{"third", 3, Facts{Name: "C", Mode: "embedding", Context: 100, Prices: []Price{{Kind: "input", Amount: 1}}, Capabilities: map[string]bool{"vision": false}}},
		{"first", 1, Facts{Name: "A", Context: 200, Prices: []Price{{Kind: "input", Amount: 2}, {Kind: "output", Amount: 9}}, Inputs: []string{}, Capabilities: map[string]bool{"tools": true}}},
		{"second", 2, Facts{Name: "B", Mode: "chat", Context: 200, Prices: []Price{{Kind: "input", Amount: 2}, {Kind: "cache_read", Amount: 1}}, OpenWeights: &no, Inputs: []string{"text"}, Capabilities: map[string]bool{"tools": true, "vision": true}}},
		{"last", 1, Facts{OpenWeights: &yes, Capabilities: map[string]bool{"tools": false}}},
	})
	want := Merged{
		Facts: Facts{Name: "A", Mode: "chat", Context: 200, Prices: []Price{{Kind: "input", Amount: 2}, {Kind: "output", Amount: 9}}, OpenWeights: &yes, Inputs: []string{"text"}, Capabilities: map[string]bool{"tools": true}},
		From:  map[Field]string{"name": "first", "mode": "second", "context": "first", "prices": "first", "open_weights": "last", "inputs": "second", "capabilities": "first"},
		Against: map[Field][]string{
			"mode": {"third"}, "context": {"third"}, "prices": {"third"}, "open_weights": {"second"}, "capabilities": {"last"},
		},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Merged{From: map[Field]string{}, Against: map[Field][]string{}}, Merge(nil)); diff != "" {
		t.Errorf("nobody says anything: %s", diff)
	}
	for _, name := range []Field{"name", "prices", "links"} {
		if !slices.Contains(Fields, name) {
			t.Errorf("%s is no field of %v", name, Fields)
		}
	}
}

func TestDifference(t *testing.T) {
	price := func(n int64) []Price { return []Price{{Kind: "input", Amount: n}} }
	for name, c := range map[string]struct {
		before, after Facts
		want          []Change
	}{
		"nothing":            {Facts{Context: 1}, Facts{Context: 1}, nil},
		"what nobody minds":  {Facts{Name: "a", Links: map[string]string{"x": "https://x"}}, Facts{Name: "b", Family: "c"}, nil},
		"a price":            {Facts{Prices: price(1)}, Facts{Prices: price(2)}, []Change{{Kind: Priced, Field: "prices", Before: `[{"amount":1,"kind":"input"}]`, After: `[{"amount":2,"kind":"input"}]`}}},
		"a new price":        {Facts{}, Facts{Prices: price(2)}, []Change{{Kind: Priced, Field: "prices", After: `[{"amount":2,"kind":"input"}]`}}},
		"a limit":            {Facts{MaxOutput: 1}, Facts{MaxOutput: 2}, []Change{{Kind: Altered, Field: "max_output", Before: "1", After: "2"}}},
		"the weighty first":  {Facts{Context: 1, Prices: price(1)}, Facts{Context: 2, Prices: price(2), Deprecated: "2027-01-01"}, []Change{{Kind: Deprecated, Field: "deprecated", After: `"2027-01-01"`}, {Kind: Priced, Field: "prices", Before: `[{"amount":1,"kind":"input"}]`, After: `[{"amount":2,"kind":"input"}]`}, {Kind: Altered, Field: "context", Before: "1", After: "2"}}},
		"said once":          {Facts{}, Facts{Deprecated: "2027-01-01", Replacement: "p/n", Status: "deprecated"}, []Change{{Kind: Deprecated, Field: "deprecated", After: `"2027-01-01"`}}},
		"not after all":      {Facts{Status: "deprecated"}, Facts{}, []Change{{Kind: Deprecated, Field: "status", Before: `"deprecated"`}}},
		"another successor":  {Facts{Deprecated: "2027-01-01"}, Facts{Deprecated: "2027-01-01", Replacement: "p/n"}, []Change{{Kind: Deprecated, Field: "replacement", After: `"p/n"`}}},
		"no longer preview":  {Facts{Status: "preview"}, Facts{}, nil},
		"advice for the far": {Facts{}, Facts{Replacement: "p/n"}, nil},
	} {
		got, err := Difference(c.before, c.after)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestCost(t *testing.T) {
	f := Facts{Prices: []Price{
		{Kind: "input", Amount: 1_250_000},
		{Kind: "input", Over: 200_000, Amount: 2_500_000},
		{Kind: "output", Amount: 10_000_000},
		{Kind: "output", Over: 200_000, Amount: 15_000_000},
		{Kind: "cache_read", Amount: 125_000},
		{Kind: "input", Tier: "batch", Amount: 625_000},
		{Kind: "output", Tier: "batch", Amount: 5_000_000},
		{Kind: "input", Unit: "request", Amount: 7},
	}}
	for name, c := range map[string]struct {
		f    Facts
		w    Workload
		want int64 // 1e-6 USD
		ok   bool
	}{
		"one request":         {f, Workload{Requests: 1, Input: 1000, Output: 100}, 1250 + 1000, true},
		"many":                {f, Workload{Requests: 1_000_000, Input: 1000, Output: 100}, 2_250_000_000, true},
		"at the step":         {f, Workload{Requests: 1, Input: 200_000}, 250_000, true},
		"over the step":       {f, Workload{Requests: 1, Input: 200_001, Output: 1000}, 500_002 + 15_000, true},
		"half from the cache": {f, Workload{Requests: 1, Input: 1000, CachedPercent: 50}, 625 + 62, true},
		"in a batch":          {f, Workload{Requests: 1, Input: 1000, Output: 100, Tier: "batch"}, 625 + 500, true},
		"no cache in a batch": {f, Workload{Requests: 1, Input: 1000, CachedPercent: 100, Tier: "batch"}, 625, true},
		"a tier without":      {f, Workload{Requests: 1, Input: 1, Tier: "flex"}, 0, false},
		"no price":            {Facts{}, Workload{Requests: 1, Input: 1}, 0, false},
		"no price of answers": {Facts{Prices: f.Prices[:1]}, Workload{Requests: 1, Input: 1, Output: 1}, 0, false},
		"no answers":          {Facts{Prices: f.Prices[:1]}, Workload{Requests: 1, Input: 1000}, 1250, true},
		"free":                {Facts{Prices: []Price{{Kind: "input"}, {Kind: "output"}}}, Workload{Requests: 9, Input: 9, Output: 9}, 0, true},
		"beyond all numbers":  {Facts{Prices: []Price{{Kind: "input", Amount: 1e15}}}, Workload{Requests: maxRequests, Input: maxWorkTokens}, 0, false},
	} {
		got, ok := c.f.Cost(c.w)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, c.want, c.ok)
		}
	}
	for _, w := range []Workload{{Requests: -1}, {Requests: maxRequests + 1}, {Input: -1}, {Output: maxWorkTokens + 1}, {CachedPercent: 101}} {
		if w.Valid() {
			t.Errorf("%+v is valid", w)
		}
	}
	if !(Workload{Requests: maxRequests, Input: maxWorkTokens, Output: maxWorkTokens, CachedPercent: 100}).Valid() {
		t.Error("the most is too much")
	}
}

func TestRetires(t *testing.T) {
	if at, ok := (Facts{Deprecated: "2027-01-14"}).Retires(); !ok || at.UnixMilli() != 1_799_884_800_000 {
		t.Errorf("%v %v", at, ok)
	}
	if _, ok := (Facts{}).Retires(); ok {
		t.Error("a day that is not known")
	}
}

// The index counts in one pass; this counts as the page explains it: each value chosen besides, all models looked at.
func TestFindCountsAsOneWouldByHand(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(among []string, most int) (out []string) {
		for range random.IntN(most + 1) {
			out = append(out, among[random.IntN(len(among))])
		}
		return known(out, among)
	}
	providers, licences := []string{"a", "b", "c"}, []string{"", "MIT", "Apache-2.0"}
	var rows []Row
	for i := range 300 {
		f := Facts{Mode: Modes[random.IntN(3)], Inputs: some(Modalities[:3], 3), Licence: licences[random.IntN(3)], Context: int64(random.IntN(3)) * 1000, Status: []string{"", "preview", "deprecated"}[random.IntN(3)]}
		for _, name := range some(Capabilities[:4], 4) {
			if f.Capabilities == nil {
				f.Capabilities = map[string]bool{}
			}
			f.Capabilities[name] = random.IntN(4) > 0
		}
		if random.IntN(2) == 0 {
			f.Prices = []Price{{Kind: "input", Amount: int64(random.IntN(4))}}
		}
		rows = append(rows, NewRow(Key{providers[random.IntN(3)], fmt.Sprint("model-", i)}, Merged{Facts: f}, 1, random.IntN(5) == 0))
	}
	x := NewIndex(rows)
	choices := map[Key]string{rows[0].Key: "approved", rows[1].Key: "refused", rows[2].Key: "approved"}
	values := map[string][]string{
		"provider": providers, "kind": Modes[:3], "input": Modalities[:3], "can": Capabilities[:4], "licence": {"unknown", "MIT", "Apache-2.0"}, "weights": {"closed"}, "choice": {"approved", "none"}, "state": {"offered", "preview", "retiring", "gone"},
	}
	has := func(r Row, facet string) []string {
		switch facet {
		case "provider":
			return []string{r.Provider}
		case "kind":
			return []string{r.Mode}
		case "input":
			return r.Inputs
		case "can":
			return r.Can
		case "licence":
			if r.Licence == "" {
				return []string{"unknown"}
			}
			return []string{r.Licence}
		case "weights":
			return []string{"closed"}
		case "choice":
			if s := choices[r.Key]; s != "" {
				return []string{s}
			}
			return []string{"none"}
		}
		return []string{r.state()}
	}
	matches := func(r Row, q Query) bool {
		chosen := map[string][]string{"state": {"offered", "preview", "retiring"}}
		for f, v := range q.Chosen {
			if len(v) > 0 {
				chosen[f] = v
			}
		}
		for facet, want := range chosen {
			n := 0
			for _, v := range want {
				if slices.Contains(has(r, facet), v) {
					n++
				}
			}
			if all := facet == "input" || facet == "can"; all && n < len(want) || n == 0 && len(want) > 0 {
				return false
			}
		}
		return strings.Contains(r.ID, q.Words) && r.Context >= q.Context && (q.MaxInput == 0 || r.Input >= 0 && r.Input <= q.MaxInput)
	}
	for range 200 {
		q := Query{Chosen: map[string][]string{}, Most: 1000, Choices: choices, Context: int64(random.IntN(2)) * 1000, MaxInput: int64(random.IntN(3)), Sort: Sorts[random.IntN(len(Sorts))], Descending: random.IntN(2) == 0, Words: []string{"", "1"}[random.IntN(2)]}
		for facet, v := range values {
			if random.IntN(3) == 0 {
				q.Chosen[facet] = some(v, 2)
			}
		}
		found := x.Find(q)
		total := 0
		for _, r := range rows {
			if matches(r, q) {
				total++
			}
		}
		if found.Total != total || len(found.Rows) != total {
			t.Fatalf("%+v: %d of %d, want %d", q, len(found.Rows), found.Total, total)
		}
		for facet, all := range values {
			for _, v := range all {
				besides := q
				besides.Chosen = map[string][]string{}
				for f, chosen := range q.Chosen {
					besides.Chosen[f] = chosen
				}
				besides.Chosen[facet] = []string{v}
				if facet == "input" || facet == "can" {
					besides.Chosen[facet] = append(slices.Clone(q.Chosen[facet]), v)
				}
				want := 0
				for _, r := range rows {
					if matches(r, besides) {
						want++
					}
				}
				got, chosen := 0, slices.Contains(q.Chosen[facet], v)
				for _, c := range found.Facets[facet] {
					if c.Value == v {
						got = c.Count
						if c.Chosen != chosen {
							t.Fatalf("%s %s: chosen is %v", facet, v, c.Chosen)
						}
					}
				}
				if got != want {
					t.Fatalf("%+v: %s %s counts %d, want %d", q, facet, v, got, want)
				}
			}
		}
	}
}

func TestFindOrders(t *testing.T) {
	row := func(id string, context int64, input int64, released string) Row {
		f := Facts{Context: context, Released: released}
		if input >= 0 {
			f.Prices = []Price{{Kind: "input", Amount: input}}
		}
		return NewRow(Key{"p", id}, Merged{Facts: f}, 1, false)
	}
	x := NewIndex([]Row{row("b", 2, 0, "2026-01-01"), row("a", 0, -1, ""), row("c", 3, 5, "2025-01-01"), row("d", 1, 2, "2026-02-01")})
	for _, c := range []struct {
		sort string
		down bool
		want string
	}{{"", false, "abcd"}, {"", true, "dcba"}, {"context", false, "dbca"}, {"context", true, "cbda"}, {"input", false, "bdca"}, {"input", true, "cdba"}, {"released", false, "cbda"}, {"released", true, "dbca"}} {
		got := ""
		for _, r := range x.Find(Query{Sort: c.sort, Descending: c.down, Most: 10}).Rows {
			got += r.ID
		}
		if got != c.want {
			t.Errorf("by %q, down %v: %s, want %s", c.sort, c.down, got, c.want)
		}
	}
	if found := x.Find(Query{Skip: 3, Most: 10}); len(found.Rows) != 1 || found.Total != 4 {
		t.Errorf("the last page: %d of %d", len(found.Rows), found.Total)
	}
	if found := x.Find(Query{Skip: 9, Most: 10}); len(found.Rows) != 0 {
		t.Error("after the last page there is one more")
	}
	if r, ok := x.Row(Key{"p", "c"}); !ok || r.Context != 3 {
		t.Error("a model is not found by its key")
	}
	alike := NewIndex([]Row{NewRow(Key{"bedrock", "us.anthropic.claude-x-v1:0"}, Merged{}, 1, false), NewRow(Key{"anthropic", "claude-x"}, Merged{}, 1, false), NewRow(Key{"gone", "claude-x"}, Merged{}, 1, true)}).Alike(Key{"anthropic", "claude-x"})
	if diff := cmp.Diff([]Key{{"bedrock", "us.anthropic.claude-x-v1:0"}}, keysOfRows(alike), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func keysOfRows(rows []Row) (out []Key) {
	for _, r := range rows {
		out = append(out, r.Key)
	}
	return out
}

func TestKinds(t *testing.T) {
	for _, k := range SourceKinds {
		trait, ok := KindOf(k)
		if !ok || trait.Kind != k || trait.Every <= 0 || trait.NeedsAddress == (k == Snapshot) || trait.Address != "" && !trait.NeedsAddress {
			t.Errorf("%s: %+v %v", k, trait, ok)
		}
	}
	if _, ok := KindOf("tea leaves"); ok || len(SourceKinds) != 8 {
		t.Error("a kind that is none")
	}
}
