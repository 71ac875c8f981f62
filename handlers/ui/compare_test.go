package ui_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/handlers/handlertest"
)

// logged makes a run in the default experiment by the API, as a client does, and returns its id.
func logged(s *handlertest.Server, name string, batch map[string]any) string {
	s.T.Helper()
	var created struct {
		Run struct {
			Info struct {
				RunID string `json:"run_id"`
			}
		}
	}
	post(s, "runs/create", map[string]any{"experiment_id": "0", "run_name": name, "start_time": 1_700_000_000_000}, &created)
	if batch != nil {
		batch["run_id"] = created.Run.Info.RunID
		post(s, "runs/log-batch", batch, nil)
	}
	return created.Run.Info.RunID
}

func post(s *handlertest.Server, path string, body, into any) {
	s.T.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.T.Fatal(err)
	}
	a := s.Do(http.MethodPost, "/api/2.0/mlflow/"+path, string(b), "Content-Type", "application/json")
	if a.Status != 200 {
		s.T.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.Body), into); err != nil {
			s.T.Fatal(err)
		}
	}
}

// metrics are points at steps 0, 1, 2 …, a second apart; a text is one of the protocol's own for what is no number.
func metrics(key string, values ...any) (out []map[string]any) {
	for i, v := range values {
		out = append(out, map[string]any{"key": key, "value": v, "step": i, "timestamp": 1_700_000_000_000 + int64(i)*1000})
	}
	return out
}

func params(pairs ...string) (out []map[string]any) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, map[string]any{"key": pairs[i], "value": pairs[i+1]})
	}
	return out
}

type chartData struct {
	X      string
	From   *float64
	Error  string
	Series []struct {
		Name   string
		Color  int
		Total  int
		Points [][2]*float64
		Band   [][3]*float64
	}
}

func series(s *handlertest.Server, status int, query url.Values) (d chartData) {
	s.T.Helper()
	a := s.Do(http.MethodGet, "/series?"+query.Encode(), "")
	if a.Status != status {
		s.T.Fatalf("%s: %d, want %d: %s", query.Encode(), a.Status, status, a.Body)
	}
	if err := json.Unmarshal([]byte(a.Body), &d); err != nil {
		s.T.Fatalf("%v: %s", err, a.Body)
	}
	return d
}

func TestSeries(t *testing.T) {
	s := handlertest.Serve(t, true)
	odd := "odd: kéy/a.b-c"
	a := logged(s, "a", map[string]any{"metrics": append(metrics(odd, 1, "NaN", 3, "Infinity", 5), metrics("single", -7)...), "params": params("lr", "0.1")})
	b := logged(s, "b <b>", map[string]any{"metrics": metrics(odd, 3, 4, 5), "params": params("lr", "0.1")})
	c := logged(s, "c", map[string]any{"metrics": metrics(odd, 10), "params": params("lr", "0.02")})
	none := logged(s, "none", nil)

	d := series(s, 200, url.Values{"run": {a, b}, "key": {odd}})
	if len(d.Series) != 2 || d.Series[0].Total != 5 || len(d.Series[0].Points) != 5 || d.Series[1].Name != "B b <b>" || d.Series[1].Color != 1 {
		t.Fatalf("two runs: %+v", d)
	}
	for i, want := range []*float64{p(1), nil, p(3), nil, p(5)} { // what is no number is a gap
		if got := d.Series[0].Points[i][1]; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("point %d: %v", i, got)
		}
	}
	if d := series(s, 200, url.Values{"run": {a}, "key": {odd}, "x": {"relative"}, "from": {"1"}, "to": {"2.5"}}); *d.From != 1 || len(d.Series[0].Points) != 2 || *d.Series[0].Points[1][0] != 2 {
		t.Errorf("a range of seconds: %+v", d)
	}
	if d := series(s, 200, url.Values{"run": {a}, "key": {odd}, "x": {"time"}, "from": {"2023-11-14T22:13:22"}}); len(d.Series[0].Points) != 3 || *d.Series[0].Points[0][0] != 1_700_000_002_000 {
		t.Errorf("from an instant: %+v", d)
	}
	if d := series(s, 200, url.Values{"run": {none, a}, "key": {"single"}}); len(d.Series[0].Points) != 0 || *d.Series[1].Points[0][1] != -7 {
		t.Errorf("nothing and one point: %+v", d)
	}

	d = series(s, 200, url.Values{"run": {a, b, c}, "key": {odd}, "group": {"params.lr"}})
	if len(d.Series) != 2 || d.Series[0].Name != "lr = 0.02 (C)" || d.Series[1].Name != "lr = 0.1 (A, B)" {
		t.Fatalf("groups: %+v", d)
	}
	if alone := d.Series[0]; *alone.Points[0][1] != 10 || alone.Band[0][1] != nil {
		t.Errorf("one run has no spread: %+v", alone)
	}
	if two := d.Series[1]; *two.Points[0][1] != 2 || math.Abs(*two.Band[0][2]-2-math.Sqrt2) > 1e-8 || *two.Points[1][1] != 4 || two.Band[1][1] != nil {
		t.Errorf("mean and std of two: %+v", two)
	}
	d = series(s, 200, url.Values{"run": {a, b, c}, "key": {odd}, "group": {"params.lr"}, "band": {"range"}})
	if two := d.Series[1]; *two.Band[0][1] != 1 || *two.Band[0][2] != 3 {
		t.Errorf("lowest and highest of two: %+v", two)
	}

	for name, q := range map[string]url.Values{
		"no key": {"run": {a}}, "no run": {"key": {odd}}, "bad points": {"run": {a}, "key": {odd}, "points": {"2001"}},
		"no number": {"run": {a}, "key": {odd}, "from": {"here"}}, "no date": {"run": {a}, "key": {odd}, "x": {"time"}, "from": {"7"}},
		"backwards": {"run": {a}, "key": {odd}, "from": {"7"}, "to": {"3"}}, "too many": {"run": strings.Split(strings.Repeat("x,", 20)+"x", ","), "key": {odd}},
	} {
		if d := series(s, 400, q); d.Error == "" {
			t.Errorf("%s: says nothing", name)
		}
	}
	series(s, 404, url.Values{"run": {"unknown"}, "key": {odd}})
	if d := series(s, 200, url.Values{"run": {"unknown", a}, "key": {"no such key\"'/😀"}}); len(d.Series) != 1 || len(d.Series[0].Points) != 0 {
		t.Errorf("an unknown key: %+v", d)
	}

	csv := s.Do(http.MethodGet, "/series?format=csv&"+url.Values{"run": {a}, "key": {odd}}.Encode(), "")
	if want := "run_id,run_name,metric,step,time,value\n" + a + ",a," + odd + ",0,2023-11-14T22:13:20.000Z,1\n"; !strings.HasPrefix(csv.Body, want) || !strings.HasPrefix(csv.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("csv: %s %v", csv.Body, csv.Header)
	}
	page := s.Do(http.MethodGet, "/series?format=html&"+url.Values{"run": {a, b}, "key": {odd}}.Encode(), "")
	if page.Status != 200 || !strings.Contains(page.Body, "<table") || strings.Contains(page.Body, "b <b>") {
		t.Errorf("page: %d", page.Status)
	}
	first := s.Do(http.MethodGet, "/series?"+url.Values{"run": {a}, "key": {odd}}.Encode(), "")
	if again := s.Do(http.MethodGet, "/series?"+url.Values{"run": {a}, "key": {odd}}.Encode(), "", "If-None-Match", first.Header.Get("ETag")); again.Status != 304 || again.Body != "" {
		t.Errorf("what has not changed is sent again: %d", again.Status)
	}
}

func p(v float64) *float64 { return &v }

// A long series comes as few points, its best among them.
func TestSeriesIsThinned(t *testing.T) {
	s := handlertest.Serve(t, true)
	id := logged(s, "long", nil)
	for from := 0; from < 5000; from += 1000 {
		var ms []map[string]any
		for i := from; i < from+1000; i++ {
			v := math.Sin(float64(i) / 100)
			if i == 1234 {
				v = 50
			}
			ms = append(ms, map[string]any{"key": "m", "value": v, "step": i, "timestamp": 1_700_000_000_000 + i})
		}
		post(s, "runs/log-batch", map[string]any{"run_id": id, "metrics": ms}, nil)
	}
	d := series(s, 200, url.Values{"run": {id}, "key": {"m"}, "points": {"100"}}).Series[0]
	best, at := math.Inf(-1), -1.0
	for _, p := range d.Points {
		if *p[1] > best {
			best, at = *p[1], *p[0]
		}
	}
	if len(d.Points) > 100 || d.Total != 5000 || best != 50 || at != 1234 || *d.Points[0][0] != 0 || *d.Points[len(d.Points)-1][0] != 4999 {
		t.Errorf("%d points of %d, highest %v at %v", len(d.Points), d.Total, best, at)
	}
}

func TestComparePage(t *testing.T) {
	s := handlertest.Serve(t, true)
	hostile := `=cmd|"<script>alert(1)</script>`
	a := logged(s, "first", map[string]any{
		"metrics": append(metrics("val_auc", .8), append(metrics("val_loss", .3), metrics("same", 1)...)...), "params": params("lr", "0.1", "seed", "7", "text", hostile),
		"tags": params("team", "risk", "mlflow.source.name", "train.py"),
	})
	b := logged(s, hostile, map[string]any{
		"metrics": append(metrics("val_auc", .9), append(metrics("val_loss", .4), metrics("same", 1)...)...), "params": params("lr", "0.2", "seed", "7"),
		"tags": params("team", "growth", "mlflow.source.name", "tune.py"),
	})
	empty := logged(s, "no-metrics", nil)
	q := func(extra string, runs ...string) string {
		return "/compare?" + url.Values{"run": runs}.Encode() + extra
	}
	get := func(path string) string {
		t.Helper()
		got := s.Do(http.MethodGet, path, "", "Accept", "text/html")
		if got.Status != 200 {
			t.Fatalf("%s: %d %s", path, got.Status, got.Body[:min(300, len(got.Body))])
		}
		return got.Body
	}
	page := get(q("", a, b))
	for _, want := range []string{"Compare 2 runs", ">lr<", "val_auc ↑", "val_loss ↓", "▲ +0.1", "train.py", "delta--better", "delta--worse", "data-chart-src="} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, no := range []string{`key" title="seed"`, `key" title="same"`, "<script>alert"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
	if strings.Index(page, "Parameters") > strings.Index(page, "val_auc ↑") {
		t.Error("the parameters do not come first")
	}
	if all := get(q("&all=1", a, b)); !strings.Contains(all, `key" title="seed"`) || !strings.Contains(all, `key" title="same"`) {
		t.Error("all=1 does not show what is the same")
	}
	if found := get(q("&q=AUC", a, b)); strings.Contains(found, ">lr<") || !strings.Contains(found, "val_auc ↑") {
		t.Error("q does not filter the keys")
	}
	if based := get(q("&base="+b, a, b)); !strings.Contains(based, "▼ −0.1") {
		t.Error("the baseline is not the one asked for")
	}
	for _, view := range []string{"curves", "scatter", "parallel", "box", "images", "nonsense"} {
		for _, runs := range [][]string{{a, b}, {a}, {a, empty}, {empty}} {
			get(q("&view="+view+"&by=params.lr&group=params.lr&sx=params.none&sy=metrics.none&axis=x&page=99", runs...))
			get(q("&view="+view+"&page=-1", runs...))
		}
	}
	for name, path := range map[string]string{
		"no run": "/compare", "an empty id": "/compare?run=", "unknown runs": q("", "x", "y"), "odd ids": q("", `"'<b>/../`, "%00", strings.Repeat("x", 5000)),
	} {
		if got := get(path); !strings.Contains(got, "No run to compare") {
			t.Errorf("%s: says nothing", name)
		}
	}
	if got := get(q("", a, "unknown", b)); !strings.Contains(got, "1 run of this link is not here") || !strings.Contains(got, "Compare 2 runs") {
		t.Error("a stale link hides what is left of it, or that something is missing")
	}
	if got := get(q("", append([]string{a, a, b}, strings.Split(strings.Repeat("x,", 30), ",")...)...)); !strings.Contains(got, "Compare 2 runs") {
		t.Error("doubled ids count twice")
	}
	s.Do(http.MethodPost, "/api/2.0/mlflow/runs/delete", `{"run_id":"`+b+`"}`, "Content-Type", "application/json")
	if got := get(q("", a, b)); !strings.Contains(got, "Deleted") {
		t.Error("a deleted run does not say so")
	}
	if add := s.Do(http.MethodGet, q("&add="+empty, a, b), ""); add.Status != 303 || !strings.Contains(add.Header.Get("Location"), "run="+empty) {
		t.Errorf("adding a run by its id: %d %v", add.Status, add.Header)
	}
	if got := get(q("&add=metr", a, b)); !strings.Contains(got, "no-metrics") {
		t.Error("adding a run by part of its name finds none")
	}

	csv := s.Do(http.MethodGet, "/compare/table?format=csv&"+url.Values{"run": {a, b}}.Encode(), "")
	for _, want := range []string{"params,lr,0.1,0.2\n", "metrics,val_auc,0.8,0.9\n", `"'=cmd|""<script>alert(1)</script>"`, `,"'=cmd`} {
		if !strings.Contains(csv.Body, want) {
			t.Errorf("the file lacks %q:\n%s", want, csv.Body)
		}
	}
	var doc struct {
		Baseline string
		Rows     []struct {
			Key    string
			Values []*string
		}
	}
	if err := json.Unmarshal([]byte(s.Do(http.MethodGet, "/compare/table?format=json&"+url.Values{"run": {a, b}}.Encode(), "").Body), &doc); err != nil || doc.Baseline != a {
		t.Errorf("json: %v %+v", err, doc)
	}
	for _, row := range doc.Rows {
		if row.Key == "text" && row.Values[1] != nil {
			t.Errorf("what a run lacks is %q in the file", *row.Values[1])
		}
	}
	chart := s.Do(http.MethodGet, "/compare/chart?view=scatter&sx=params.lr&sy=metrics.val_auc&"+url.Values{"run": {a, b}}.Encode(), "")
	if !strings.Contains(chart.Body, ",0.2,0.9\n") {
		t.Errorf("the chart's figures: %s", chart.Body)
	}
	for _, path := range []string{"/compare/table?run=x", "/compare/chart?run=x"} {
		if got := s.Do(http.MethodGet, path, ""); got.Status != 404 {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
}

// Twenty runs with a thousand metrics each are one page of bounded size.
func TestCompareManyMetrics(t *testing.T) {
	s := handlertest.Serve(t, true)
	var runs []string
	for i := range 20 {
		var ms []map[string]any
		for k := range 1000 {
			ms = append(ms, map[string]any{"key": fmt.Sprintf("m/%04d", k), "value": k + i, "step": 0, "timestamp": 1_700_000_000_000})
		}
		runs = append(runs, logged(s, fmt.Sprintf("run-%d", i), map[string]any{"metrics": ms}))
	}
	begun := time.Now()
	page := s.Do(http.MethodGet, "/compare?"+url.Values{"run": runs}.Encode(), "")
	t.Logf("answered in %v", time.Since(begun))
	laid := regexp.MustCompile(`(?s)<template data-late>.*?</template>`).ReplaceAllString(page.Body, "") // out until it is opened
	if nodes := strings.Count(laid, "<") - strings.Count(laid, "</"); page.Status != 200 || nodes > 1500 {
		t.Errorf("%d: %d elements", page.Status, nodes)
	}
	if !strings.Contains(page.Body, "1,000 of 1,000 differ") || !strings.Contains(page.Body, "full=metrics") {
		t.Error("the page does not say how much it holds back")
	}
	if full := s.Do(http.MethodGet, "/compare?full=metrics&"+url.Values{"run": runs}.Encode(), ""); !strings.Contains(full.Body, "m/0999") {
		t.Error("all of them are not shown when asked for")
	}
}

func TestRunCharts(t *testing.T) {
	s := handlertest.Serve(t, true)
	var ms []map[string]any
	for k := range 990 {
		ms = append(ms, map[string]any{"key": fmt.Sprintf("g%d/m%03d", k%7, k), "value": k, "step": 0, "timestamp": 1})
	}
	ms = append(ms, metrics("system/cpu", 1)...)
	many, none := logged(s, "many", map[string]any{"metrics": ms}), logged(s, "none", nil)
	get := func(query string) string {
		t.Helper()
		a := s.Do(http.MethodGet, "/runs/"+many+"?tab=charts"+query, "")
		if a.Status != 200 {
			t.Fatalf("%s: %d", query, a.Status)
		}
		return a.Body
	}
	first := get("&smooth=0.6&log=1")
	if nodes := strings.Count(first, "<") - strings.Count(first, "</"); nodes > 1300 {
		t.Errorf("%d elements", nodes)
	}
	for _, want := range []string{"g0/m000", "System metrics", "page=2", "smooth=0.6", "log=1"} {
		if !strings.Contains(first, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if second := get("&page=2"); strings.Contains(second, "key=g0%2Fm000&") {
		t.Error("the second page is the first")
	}
	if found := get("&q=M989"); strings.Count(found, "data-chart-src") != 1 {
		t.Errorf("%d charts for a name of one metric", strings.Count(found, "data-chart-src"))
	}
	if found := get("&q=" + url.QueryEscape(`"<b>`)); !strings.Contains(found, "No metric has") {
		t.Error("a search without a result says nothing")
	}
	get("&q=system/&page=9")
	get("&page=x&x=nonsense&smooth=9&from=here")
	if a := s.Do(http.MethodGet, "/runs/"+none+"?tab=charts", ""); a.Status != 200 || !strings.Contains(a.Body, "No metrics were logged") {
		t.Errorf("a run without metrics: %d", a.Status)
	}
}

// The overview of a run draws curves; a single value is no curve, at whatever step it stands.
func TestOverviewDrawsCurves(t *testing.T) {
	s := handlertest.Serve(t, true)
	dot := func(key string, step int) map[string]any {
		return map[string]any{"key": key, "value": 0.5, "step": step, "timestamp": 1_700_000_000_000}
	}
	run := logged(s, "r", map[string]any{"metrics": append(metrics("val_loss", 3, 2, 1), dot("system/disk", 7), dot("test_auc", 300), dot("size", 0))})
	for tab, want := range map[string][]string{"": {"val_loss"}, "charts": {"size", "test_auc", "val_loss", "system%2Fdisk"}} {
		a := s.Do(http.MethodGet, "/runs/"+run+"?tab="+tab, "", "Accept", "text/html")
		var got []string
		for _, m := range regexp.MustCompile(`data-chart-src="[^"]*key=([^&"]+)`).FindAllStringSubmatch(a.Body, -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("the tab %q draws %v, want %v", tab, got, want)
		}
	}
}

// The ends of a range of time are by the reader's own clock: read so, and shown so, also when the address has a zone.
func TestRangeByTheReadersClock(t *testing.T) {
	s := handlertest.Serve(t, true)
	run := logged(s, "r", map[string]any{"metrics": metrics("loss", 3, 2, 1, 0)}) // from 2023-11-14T22:13:20Z on, a second apart
	for _, c := range []struct{ zone, from, shown string }{
		{"", "2023-11-14T22:13:22", "2023-11-14T22:13:22"},
		{"zone=Europe/Rome", "2023-11-14T23:13:22", "2023-11-14T23:13:22"},
		{"zone=Europe/Rome", "2023-11-14T22:13:22Z", "2023-11-14T23:13:22"},
		{"zone=America/New_York", "2023-11-14T23:13:22+01:00", "2023-11-14T17:13:22"},
		{"zone=Europe/Rome&clock=utc", "2023-11-14T22:13:22", "2023-11-14T22:13:22"},
	} {
		reader := []string{"Accept", "text/html", "Cookie", "slipway_prefs=" + url.QueryEscape(c.zone)}
		query := url.Values{"x": {"time"}, "from": {c.from}}.Encode()
		var d chartData
		a := s.Do(http.MethodGet, "/series?run="+run+"&key=loss&"+query, "", reader...)
		if err := json.Unmarshal([]byte(a.Body), &d); err != nil || d.From == nil || *d.From != 1_700_000_002_000 || len(d.Series[0].Points) != 2 {
			t.Errorf("%s in %q: %d %s", c.from, c.zone, a.Status, a.Body)
		}
		page := s.Do(http.MethodGet, "/runs/"+run+"?tab=charts&"+query, "", reader...)
		if !strings.Contains(page.Body, `name="from" value="`+c.shown+`"`) {
			t.Errorf("%s in %q is not shown as %s", c.from, c.zone, c.shown)
		}
	}
	if d := series(s, 400, url.Values{"run": {run}, "key": {"loss"}, "x": {"time"}, "from": {"yesterday"}}); !strings.Contains(d.Error, "yesterday") {
		t.Errorf("no date: %q", d.Error)
	}
}
