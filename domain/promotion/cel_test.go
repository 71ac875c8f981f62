package promotion

import (
	"strings"
	"testing"
	"time"
)

func TestProbe(t *testing.T) {
	f := Facts{Now: 1000, Candidate: Version{Metrics: []Measured{{Name: "auc", Value: .9}}, Params: map[string]string{"a": "b"}}, Env: EnvFacts{Name: "production"}}
	g := f
	g.Live = &Version{Metrics: []Measured{{Name: "auc", Value: .8}}}
	for _, e := range []string{
		"candidate.metrics.auc > 0", "candidate.metrics['auc'] >= live.metrics.auc", "live == null", "live == null || live.metrics.auc > 0.5", "candidate.metrcs.a > 1", "candidate.signature", "candidate.metrics.nope > 1", "foo", "1", "candidate.tags.x == 'y'", "'x' in candidate.tags && candidate.tags.x == 'y'", "has(candidate.tags.x)", "evidence['a'].verdict == 'passed'", "live.commit == ''", "has(live.commit)", "!live.revoked", "now - candidate.created_at < duration('24h')", "candidate.params.a.matches('^b$')", "env.name == 'production'", "a ==", "candidate.card.sections.overview", "candidate.measured.exists(m, m.name == 'auc' && m.value > 0.5)", "candidate.metrics.auc * 100 > 5", "dyn(1)", "!candidate.metrics",
		strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60), strings.Repeat("(", 600) + "true" + strings.Repeat(")", 600), strings.Repeat("!", 3000) + "true", strings.Repeat("[", 600), strings.Repeat("true||", 600) + "true",
		"candidate.params.a.matches('" + strings.Repeat("(a{1,99}){1,9}", 20) + "')",
		"[1,2,3,4,5,6,7,8,9,10].all(a,[1,2,3,4,5,6,7,8,9,10].all(b,[1,2,3,4,5,6,7,8,9,10].all(c,[1,2,3,4,5,6,7,8,9,10].all(d,[1,2,3,4,5,6,7,8,9,10].all(e,[1,2,3,4,5,6,7,8,9,10].all(f,[1,2,3,4,5,6,7,8,9,10].all(g,true)))))))",
		"[[1,2,3,4,5,6,7,8,9,10].map(a,[1,2,3,4,5,6,7,8,9,10].map(b,[1,2,3,4,5,6,7,8,9,10].map(c,[1,2,3,4,5,6,7,8,9,10].map(d,[1,2,3,4,5,6,7,8,9,10].map(e,[1,2,3,4,5,6,7,8,9,10])))))].size() > 3",
	} {
		at := time.Now()
		x, err := compile(e)
		if len(e) > 200 {
			e = e[:200]
		}
		if err != nil {
			t.Log(e, "=>", err, time.Since(at))
			continue
		}
		a, err1 := x.holds(f.names(nil))
		b, err2 := x.holds(g.names(nil))
		t.Log(e, "=>", a, err1, b, err2, time.Since(at))
	}
}
