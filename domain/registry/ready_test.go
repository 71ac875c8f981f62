package registry

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadiness(t *testing.T) {
	whole := Manifest{
		Signature: &Signature{}, Example: "input_example.json", Code: &Code{Commit: "9f3c1ab2"}, Data: []Data{{Name: "a", Digest: "d"}},
	}
	held := Version{Standing: Pinned}
	for _, c := range []struct {
		name string
		v    Version
		m    Manifest
		k    Known
		want map[string]Answer
	}{
		{"all is well", held, whole, Known{Metrics: 2, Scan: "clean", CardDone: 3, CardTotal: 3}, map[string]Answer{
			"usable": Good, "held": Good, "signature": Good, "example": Good, "code": Good, "data": Good, "metrics": Good, "scan": Good, "card": Good,
		}},
		{"nothing is known", held, Manifest{}, Known{}, map[string]Answer{
			"usable": Good, "held": Good, "signature": Missing, "example": Missing, "code": Missing, "data": Missing, "metrics": Missing, "scan": Waiting,
		}},
		{"revoked, broken, dangerous", Version{Standing: Pinned, RevokedAt: 1, Broken: "x"}, whole, Known{Metrics: 1, Scan: "dangerous", CardDone: 1, CardTotal: 3}, map[string]Answer{
			"usable": Bad, "held": Bad, "signature": Good, "example": Good, "code": Good, "data": Good, "metrics": Good, "scan": Bad, "card": Missing,
		}},
		{"in another store", Version{Standing: External}, Manifest{Data: []Data{{Name: "a"}}}, Known{Scan: ""}, map[string]Answer{
			"usable": Good, "held": Missing, "signature": Missing, "example": Missing, "code": Missing, "data": Missing, "metrics": Missing, "scan": Missing,
		}},
	} {
		got := map[string]Answer{}
		for _, check := range c.v.Readiness(c.m, c.k) {
			got[check.Key] = check.Answer
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestFieldsOfASignature(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Field
	}{
		{`[{"type":"double","name":"amount","required":true},{"type":"string","name":"country","required":false}]`, []Field{{Name: "amount", Type: "double"}, {Name: "country", Type: "string", Optional: true}}},
		{`[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,4]}}]`, []Field{{Type: "tensor float64 [-1, 4]"}}},
		{`[{"name":"threshold","type":"double","default":0.5,"shape":null}]`, []Field{{Name: "threshold", Type: "double", Default: "0.5"}}},
		{`[{"name":"o","type":{"type":"object"}}]`, []Field{{Name: "o", Type: `{"type":"object"}`}}},
		{`"a text"`, nil},
		{`{"a":1}`, nil},
		{`[`, nil},
		{``, nil},
	} {
		if diff := cmp.Diff(c.want, Fields(json.RawMessage(c.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.in, diff)
		}
	}
}
