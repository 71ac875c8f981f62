package handlers_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/handlertest"
)

// team is a server with a person and an experiment of theirs.
type team struct {
	*handlertest.Server
	t          *testing.T
	auth       []string
	experiment string
}

func newTeam(t *testing.T) *team {
	t.Helper()
	s := handlertest.Serve(t, true)
	return &team{Server: s, t: t, auth: []string{"Authorization", "Bearer " + s.Token(s.User("ada", access.Admin), 0, access.ScopeAdmin), "Accept", "text/html"}}
}

func (tm *team) call(route string, in any) map[string]any {
	tm.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		tm.t.Fatal(err)
	}
	a := tm.Do(http.MethodPost, "/api/2.0/mlflow/"+route, string(body), append([]string{"Content-Type", "application/json"}, tm.auth...)...)
	if a.Status != 200 {
		tm.t.Fatalf("%s: %d %s", route, a.Status, a.Body)
	}
	out := map[string]any{}
	if a.Body != "" {
		if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
			tm.t.Fatal(err)
		}
	}
	return out
}

type pairs map[string]string

func (p pairs) list() (out []map[string]string) {
	for k, v := range p {
		out = append(out, map[string]string{"key": k, "value": v})
	}
	return out
}

// run makes a run that ended, with metrics of one point each.
func (tm *team) run(name string, params pairs, metrics map[string]any, tags pairs) string {
	tm.t.Helper()
	if tm.experiment == "" {
		tm.experiment = tm.call("experiments/create", map[string]any{"name": "tuning"})["experiment_id"].(string)
	}
	made := tm.call("runs/create", map[string]any{"experiment_id": tm.experiment, "run_name": name, "user_id": "mia", "start_time": 1_800_000_000_000 + len(name), "tags": tags.list()})
	id := made["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
	var ms []map[string]any
	for k, v := range metrics {
		ms = append(ms, map[string]any{"key": k, "value": v, "timestamp": 1, "step": 0})
	}
	tm.call("runs/log-batch", map[string]any{"run_id": id, "metrics": ms, "params": params.list()})
	tm.call("runs/update", map[string]any{"run_id": id, "status": "FINISHED", "end_time": 1_800_000_060_000})
	return id
}

func (tm *team) table(query string) handlertest.Answer {
	tm.t.Helper()
	return tm.Do(http.MethodGet, "/experiments/"+tm.experiment+query, "", tm.auth...)
}

var rowName = regexp.MustCompile(`href="/runs/\w+" title="([^"]*)"`)

// names are the runs that a page lists, in its order.
func names(body string) (out []string) {
	for _, m := range rowName.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func q(kv ...string) string {
	v := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return "?" + v.Encode()
}

func TestRunsTable(t *testing.T) {
	tm := newTeam(t)
	tm.run("a", pairs{"depth": "4", "same": "1", "lr": "0.1"}, map[string]any{"val_auc": 0.91, "loss": 0.3}, nil)
	tm.run("bb", pairs{"depth": "8", "same": "1"}, map[string]any{"val_auc": 0.94, "loss": "NaN"}, pairs{"team": "risk"})
	tm.run("ccc", pairs{"depth": "8", "same": "1"}, map[string]any{"loss": 0.2}, nil)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", []string{"ccc", "bb", "a"}},
		{q("order", "metrics.val_auc DESC"), []string{"bb", "a", "ccc"}},
		{q("order", "metrics.loss ASC"), []string{"ccc", "a", "bb"}},
		{q("order", "params.depth ASC"), []string{"a", "ccc", "bb"}},
		{q("filter", "params.depth = '8' and not metrics.val_auc > 0"), []string{"ccc"}},
		{q("filter", "metrics.val_auc > 0.93 or (params.lr = '0.1')"), []string{"bb", "a"}},
		{q("status", "FAILED"), nil},
		{q("status", "FAILED", "status", "FINISHED", "user", "mia"), []string{"ccc", "bb", "a"}},
		{q("user", "nobody"), nil},
		{q("col", "metrics.no such", "col", "params.'\"`<", "col", "tags.team", "col", "odd", "col", ""), []string{"ccc", "bb", "a"}},
		{q("limit", "7", "since", "1y", "status", "ODD", "view", "x"), []string{"ccc", "bb", "a"}},
		{q("saved", "no-such-view"), []string{"ccc", "bb", "a"}},
		{q("tree", "1", "open", "no-such-run"), []string{"ccc", "bb", "a"}},
	} {
		a := tm.table(c.query)
		if got := names(a.Body); a.Status != 200 || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d %v, want %v", c.query, a.Status, got, c.want)
		}
	}
	body := tm.table("").Body
	for _, want := range []string{`title="metrics.val_auc"`, `title="params.depth"`, "best", "0.94<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the table lacks %s", want)
		}
	}
	if strings.Contains(body, `title="params.same"`) {
		t.Error("a param that is the same everywhere has a column")
	}
	for query, want := range map[string]string{
		q("filter", "metrics.val_auc >> 1"): "caret", q("order", "nonsense DESC"): "", q("group", "depth"): "params.max_depth",
		q("token", "made-up"): "",
	} {
		if a := tm.table(query); a.Status != 400 || !strings.Contains(a.Body, want) {
			t.Errorf("%s: %d", query, a.Status)
		}
	}
	for _, path := range []string{"/experiments/999", "/experiments/999/columns", "/experiments/999/export?format=csv", "/experiments/999/about", "/v/none"} {
		if a := tm.Do(http.MethodGet, path, "", tm.auth...); a.Status != 404 {
			t.Errorf("%s: %d, want 404", path, a.Status)
		}
	}
}

// A page says what is wrong with a filter in the reader's language and marks the character, a client is told in English.
func TestRefusedFilterInTheReadersLanguage(t *testing.T) {
	tm := newTeam(t)
	tm.run("a", nil, nil, nil)
	const filter = "tags.città = = 'x'"
	for lang, want := range map[string]string{
		"en": "Filter: expected a value in quotes at position 14, found &#34;=&#34;.",
		"it": "Filtro: atteso un valore tra virgolette alla posizione 14, trovato &#34;=&#34;.",
	} {
		a := tm.Do(http.MethodGet, "/experiments/"+tm.experiment+q("filter", filter), "", append([]string{"Accept-Language", lang}, tm.auth...)...)
		if a.Status != 400 || !strings.Contains(a.Body, want) || !strings.Contains(a.Body, `tags.città = <mark>=</mark> &#39;x&#39;`) {
			t.Errorf("%s: %d, want %q", lang, a.Status, want)
		}
	}
	body := `{"experiment_ids": ["0"], "filter": "` + filter + `"}`
	a := tm.Do(http.MethodPost, "/api/2.0/mlflow/runs/search", body, append([]string{"Accept-Language", "it", "Content-Type", "application/json"}, tm.auth...)...)
	if want := `filter: expected a value in quotes at position 14, found \"=\"`; a.Status != 400 || !strings.Contains(a.Body, want) {
		t.Errorf("the client is told %d %s, want %s", a.Status, a.Body, want)
	}
}

// What completion is told stands in place of the part that was typed, quoted and closed.
func TestValuesForCompletion(t *testing.T) {
	tm := newTeam(t)
	for i, model := range []string{"it's", "it's", "Italy", "other"} {
		tm.run(strings.Repeat("x", i+1), pairs{"the model": model}, nil, nil)
	}
	for filter, want := range map[string]string{
		"status = 'FINISHED' AND params.`the model` = 'it": `{"part":"'it","values":["'it''s' ","'Italy' "]}`,
		`params."the model" != "`:                          `{"part":"\"","values":["'it''s' ","'Italy' ","'other' "]}`,
		"run_id IN ('no-run":                               `{"part":"'no-run","values":[]}`,
		"params.`the model` LIKE '":                        `{"part":"'","values":[]}`,
		"metrics.m > '":                                    `{"part":"","values":[]}`,
		"params.a = 'x'":                                   `{"part":"","values":[]}`,
		"":                                                 `{"part":"","values":[]}`,
	} {
		a := tm.Do(http.MethodGet, "/experiments/"+tm.experiment+"/values"+q("filter", filter), "", tm.auth...)
		if a.Status != 200 || strings.TrimSpace(a.Body) != want {
			t.Errorf("%s: %d %s, want %s", filter, a.Status, a.Body, want)
		}
	}
	if a := tm.Do(http.MethodGet, "/experiments/999/values"+q("filter", "params.a = '"), "", tm.auth...); a.Status != 404 {
		t.Errorf("no experiment: %d", a.Status)
	}
}

// The address may tick runs, of this experiment only; a view that opens by itself keeps them.
func TestTickedByTheAddress(t *testing.T) {
	tm := newTeam(t)
	a, b := tm.run("a", nil, nil, nil), tm.run("bb", nil, nil, nil)
	strange := tm.call("runs/create", map[string]any{"experiment_id": "0"})["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
	body := tm.table(q("selected", b, "selected", strange, "selected", "'")).Body
	if !strings.Contains(body, `data-ticked="`+b+`"`) || !strings.Contains(body, `value="`+b+`" checked`) || strings.Contains(body, `value="`+a+`" checked`) {
		t.Error("not the one run of this experiment is ticked")
	}
	if regexp.MustCompile(`href="[^"]*selected=`).MatchString(tm.table(q("selected", b, "limit", "100")).Body) {
		t.Error("a link of the page ticks again")
	}
	tm.Do(http.MethodPost, "/experiments/"+tm.experiment+"/views", url.Values{"name": {"mine"}, "standard": {"1"}, "query": {"limit=100"}}.Encode(),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, tm.auth...)...)
	if to := tm.table(q("selected", b)).Header.Get("Location"); !strings.Contains(to, "saved=") || !strings.HasSuffix(to, "&selected="+b) {
		t.Errorf("the view opens at %q", to)
	}
}

func TestRunsTableGroups(t *testing.T) {
	tm := newTeam(t)
	for i, auc := range []any{0.9, 0.8, "NaN"} {
		tm.run(strings.Repeat("x", i+1), pairs{"depth": "8"}, map[string]any{"val_auc": auc}, nil)
	}
	tm.run("lone", pairs{"depth": "it's"}, map[string]any{"val_auc": 0.5}, nil)
	tm.run("without", nil, nil, nil)
	body := tm.table(q("group", "params.depth")).Body
	for _, want := range []string{"0.85 ± 0.0707", "(not set)", "2 values from 0.8 to 0.9", "depth+%3D+%27it%27%27s%27", "IS+NULL"} {
		if !strings.Contains(body, want) {
			t.Errorf("the groups lack %q", want)
		}
	}
	if strings.Contains(body, "0.50 ±") {
		t.Error("one value has a deviation")
	}
}

func TestNestedRuns(t *testing.T) {
	tm := newTeam(t)
	parent := tm.run("parent", nil, nil, nil)
	for i := range 3 {
		tm.run(fmt.Sprintf("child-%d", i), nil, nil, pairs{"mlflow.parentRunId": parent})
	}
	loop := tm.run("loop", nil, nil, nil)
	tm.call("runs/set-tag", map[string]any{"run_id": loop, "key": "mlflow.parentRunId", "value": loop})
	if got := names(tm.table(q("tree", "1")).Body); !slices.Equal(got, []string{"parent"}) {
		t.Errorf("the tree begins with %v", got)
	}
	if got := names(tm.table(q("tree", "1", "open", parent)).Body); len(got) != 4 || got[0] != "parent" {
		t.Errorf("an open branch shows %v", got)
	}
	if got := names(tm.table("").Body); len(got) != 5 {
		t.Errorf("the flat table shows %v", got)
	}
}

func TestExports(t *testing.T) {
	tm := newTeam(t)
	tm.run("=HYPERLINK(1)", pairs{"sum": "-1+1", "lr": "-0.5"}, map[string]any{"val_auc": 0.30000000000000004, "loss": "NaN"}, nil)
	tm.run("plain, \"quoted\"\nrun", nil, nil, nil)
	columns := "&col=metrics.val_auc&col=metrics.loss&col=params.sum&col=params.lr"
	a := tm.table("/export?format=csv" + columns)
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || a.Status != 200 {
		t.Fatal(a.Status, err)
	}
	head := []string{"run_id", "run_name", "status", "start_time", "end_time", "user", "metrics.val_auc", "metrics.loss", "params.sum", "params.lr"}
	if len(rows) != 3 || !slices.Equal(rows[0], head) {
		t.Fatalf("%q", rows)
	}
	if got := rows[2][1:]; !slices.Equal(got[:1], []string{"'=HYPERLINK(1)"}) || got[5] != "0.30000000000000004" || got[6] != "NaN" || got[7] != "'-1+1" || got[8] != "-0.5" {
		t.Errorf("%q", got)
	}
	if !strings.HasSuffix(rows[2][3], "Z") {
		t.Errorf("times are not ISO in UTC: %q", rows[2][3])
	}
	if d := a.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("disposition %q", d)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(tm.table("/export?format=json"+columns).Body), &list); err != nil || len(list) != 2 || list[1]["run_name"] != "=HYPERLINK(1)" || list[1]["metrics.loss"] != "NaN" || list[0]["metrics.loss"] != nil {
		t.Errorf("%v %v", err, list)
	}
	if rows, err := csv.NewReader(strings.NewReader(tm.table("/export?format=csv&filter=params.lr%20%3D%20'none'" + columns).Body)).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("an empty export: %v %q", err, rows)
	}
	if rows, err := csv.NewReader(strings.NewReader(tm.table("/export?format=csv&group=params.lr" + columns).Body)).ReadAll(); err != nil || len(rows) != 3 || rows[0][2] != "metrics.val_auc mean" {
		t.Errorf("exported groups: %v %q", err, rows)
	}
	for _, query := range []string{"/export?format=xls", "/export", "/export?format=csv&filter=%3E%3E"} {
		if a := tm.table(query); a.Status != 400 {
			t.Errorf("%s: %d", query, a.Status)
		}
	}
}

func TestSavedViews(t *testing.T) {
	tm := newTeam(t)
	tm.run("a", nil, map[string]any{"val_auc": 0.9}, nil)
	token := func(name string, role access.Role) []string {
		return []string{"Authorization", "Bearer " + tm.Token(tm.User(name, role), 0, access.ScopeAdmin), "Accept", "text/html"}
	}
	vic, eve := token("vic", access.Viewer), token("eve", access.Editor)
	save := func(who []string, values string) handlertest.Answer {
		return tm.Form("/experiments/"+tm.experiment+"/views", values, who...)
	}
	a := save(vic, "name=mine&query="+url.QueryEscape("order=metrics.val_auc+DESC&token=x&saved=y"))
	at := a.Header.Get("Location")
	if a.Status != 303 || !strings.Contains(at, "order=metrics.val_auc+DESC") || strings.Contains(at, "token=") {
		t.Fatalf("%d %s", a.Status, at)
	}
	id := regexp.MustCompile(`saved=(\w+)`).FindStringSubmatch(at)[1]
	if a := tm.Do(http.MethodGet, "/v/"+id, "", vic...); a.Status != 303 || a.Header.Get("Location") != at {
		t.Errorf("the short link: %d %s", a.Status, a.Header.Get("Location"))
	}
	if a := tm.Do(http.MethodGet, "/v/"+id, "", eve...); a.Status != 404 {
		t.Errorf("somebody else's private view: %d", a.Status)
	}
	if body := tm.Do(http.MethodGet, "/experiments/"+tm.experiment, "", eve...).Body; strings.Contains(body, id) {
		t.Error("somebody else's private view is listed")
	}
	for _, c := range []struct {
		what   string
		who    []string
		values string
		want   int
	}{
		{"a viewer shares", vic, "name=ours&shared=1", 403},
		{"another changes a private one", eve, "name=taken&id=" + id, 403},
		{"no name", vic, "name=+", 400},
		{"a query that is none", vic, "name=x&query=%25zz", 400},
		{"a long name", vic, "name=" + strings.Repeat("n", 101), 400},
		{"its owner changes it", vic, "name=better&standard=1&query=filter%3Dx&id=" + id, 303},
		{"an editor shares", eve, "name=ours&shared=1&standard=1&query=limit%3D100", 303},
	} {
		if a := save(c.who, c.values); a.Status != c.want {
			t.Errorf("%s: %d, want %d", c.what, a.Status, c.want)
		}
	}
	if a := tm.Do(http.MethodGet, "/experiments/"+tm.experiment, "", vic...); a.Status != 303 || !strings.Contains(a.Header.Get("Location"), "saved="+id) {
		t.Errorf("one's own standard view does not open: %d %s", a.Status, a.Header.Get("Location"))
	}
	if a := tm.Do(http.MethodGet, "/experiments/"+tm.experiment, "", tm.auth...); a.Status != 303 || !strings.Contains(a.Header.Get("Location"), "limit=100") {
		t.Errorf("the shared standard view does not open: %d %s", a.Status, a.Header.Get("Location"))
	}
	if a := tm.table("?saved=none"); a.Status != 200 {
		t.Errorf("all runs: %d", a.Status)
	}
	if a := tm.Form("/experiments/"+tm.experiment+"/views/"+id+"/delete", "", eve...); a.Status != 403 {
		t.Errorf("another deletes a private view: %d", a.Status)
	}
	if a := tm.Form("/experiments/"+tm.experiment+"/views/"+id+"/delete", "", vic...); a.Status != 303 {
		t.Errorf("its owner deletes it: %d", a.Status)
	}
	if a := tm.Do(http.MethodGet, "/v/"+id, "", vic...); a.Status != 404 {
		t.Errorf("a deleted view: %d", a.Status)
	}
}

func TestBulk(t *testing.T) {
	tm := newTeam(t)
	a, b := tm.run("a", nil, nil, nil), tm.run("b", nil, nil, nil)
	at := "/experiments/" + tm.experiment + "/runs/"
	if got := tm.Form(at+"tag", "run="+a+"&run="+b+"&run="+a+"&key=round&value=2", tm.auth...); got.Status != 303 {
		t.Errorf("tag: %d %s", got.Status, got.Body)
	}
	if got := names(tm.table(q("filter", "tags.round = '2'")).Body); len(got) != 2 {
		t.Errorf("tagged: %v", got)
	}
	for values, want := range map[string]int{"": 400, "run=" + a + "&key=&value=1": 400, "key=x&value=1": 400, "run=" + a + "&run=none&key=half&value=1": 404} {
		if got := tm.Form(at+"tag", values, tm.auth...); got.Status != want {
			t.Errorf("tag %q: %d, want %d", values, got.Status, want)
		}
	}
	if got := names(tm.table(q("filter", "tags.half = '1'")).Body); len(got) != 0 {
		t.Errorf("half of a refused act was done: %v", got)
	}
	if got := tm.Form(at+"delete", "run="+a+"&run="+b+"&next="+url.QueryEscape("/experiments/"+tm.experiment+"?limit=100"), tm.auth...); got.Status != 303 || !strings.HasSuffix(got.Header.Get("Location"), "?limit=100") {
		t.Errorf("delete: %d %s", got.Status, got.Header.Get("Location"))
	}
	if got := names(tm.table(q("view", "deleted")).Body); len(got) != 2 {
		t.Errorf("in the trash: %v", got)
	}
	if got := tm.Form(at+"restore", "run="+a, tm.auth...); got.Status != 303 {
		t.Errorf("restore: %d", got.Status)
	}
	if got := names(tm.table("").Body); !slices.Equal(got, []string{"a"}) {
		t.Errorf("restored: %v", got)
	}
}

func TestColumnPicker(t *testing.T) {
	tm := newTeam(t)
	metrics := map[string]any{}
	for i := range 900 {
		metrics[fmt.Sprintf("layer_%03d/norm", i)] = i
	}
	metrics["an odd: key.of/all kinds"] = 1
	tm.run("many", nil, metrics, nil)
	a := tm.table("/columns?q=ODD&col=" + url.QueryEscape("metrics.\"'`<b>"))
	if a.Status != 200 || !strings.Contains(a.Body, `value="metrics.an odd: key.of/all kinds"`) || !strings.Contains(a.Body, "metrics.&#34;&#39;`&lt;b&gt;") || strings.Contains(a.Body, "layer_100") {
		t.Errorf("%d", a.Status)
	}
	if body := tm.table(q("col", "metrics.an odd: key.of/all kinds", "order", "metrics.`an odd: key.of/all kinds` DESC")).Body; !strings.Contains(body, `aria-sort="descending"`) {
		t.Error("a column with an odd name cannot be sorted by")
	}
	if body := tm.table("/columns").Body; strings.Count(body, `name="col"`) > 200 || !strings.Contains(body, "There are more") {
		t.Errorf("the picker lists %d keys", strings.Count(body, `name="col"`))
	}
	if a := tm.table("/keys?kind=metric&q=layer_10"); a.Status != 200 || strings.Count(a.Body, "metrics.layer_10") != 10 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if body := tm.table("").Body; strings.Count(body, "<th") > 30 {
		t.Errorf("the table has %d heads", strings.Count(body, "<th"))
	}
}

func TestAboutExperiment(t *testing.T) {
	tm := newTeam(t)
	tm.run("a", nil, map[string]any{"val_auc": 0.9, "speed": 3.0}, nil)
	tm.run("b", nil, map[string]any{"val_auc": 0.8, "speed": 4.0}, nil)
	at := "/experiments/" + tm.experiment
	for path, values := range map[string]string{"/note": "note=" + url.QueryEscape("**bold** <script>x()</script>"), "/metric": "metric=speed&direction=min", "/tags": "key=team&value=risk"} {
		if a := tm.Form(at+path, values, tm.auth...); a.Status != 303 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	body := tm.table("/about").Body
	if !strings.Contains(body, "<strong>bold</strong>") || strings.Contains(body, "<script>x()") || !strings.Contains(body, `value="speed"`) {
		t.Error("the page does not show what was written, or runs it")
	}
	if body := tm.Do(http.MethodGet, "/experiments", "", tm.auth...).Body; !strings.Contains(body, ">3</a>") {
		t.Error("the list does not show the best of the chosen metric")
	}
	for path, values := range map[string]string{"/metric": "metric=speed&direction=up", "/tags": "key=&value=x"} {
		if a := tm.Form(at+path, values, tm.auth...); a.Status != 400 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := tm.Form(at+"/metric", "metric=&direction=max", tm.auth...); a.Status != 303 {
		t.Errorf("taking the choice back: %d", a.Status)
	}
	if a := tm.Form(at+"/tags/delete", "key=team", tm.auth...); a.Status != 303 {
		t.Errorf("deleting a tag: %d", a.Status)
	}
}
