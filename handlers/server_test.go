package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/handlers/route"
)

const getDefault = "/api/2.0/mlflow/experiments/get?experiment_id=0"

func TestLocalModeAnswersOnlyToThisMachine(t *testing.T) {
	s := handlertest.Serve(t, true)
	for name, tc := range map[string]struct {
		header []string
		want   int
	}{
		"localhost":         {[]string{"Host", "localhost:5000"}, 200},
		"127.0.0.1":         {nil, 200},
		"::1":               {[]string{"Host", "[::1]:5000"}, 200},
		"a foreign name":    {[]string{"Host", "evil.example:5000"}, 403},
		"an address":        {[]string{"Host", "192.0.2.7"}, 403},
		"an almost":         {[]string{"Host", "localhost.evil.example"}, 403},
		"Forwarded":         {[]string{"Forwarded", "for=192.0.2.7"}, 403},
		"X-Forwarded-For":   {[]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"X-Forwarded-Proto": {[]string{"X-Forwarded-Proto", "https"}, 403},
		"Via":               {[]string{"Via", "1.1 proxy"}, 403},
	} {
		if a := s.Do(http.MethodGet, getDefault, "", tc.header...); a.Status != tc.want {
			t.Errorf("%s: %d, want %d: %s", name, a.Status, tc.want, a.Body)
		}
	}
	if a := s.Do(http.MethodGet, "/experiments", ""); a.Status != 200 || !strings.Contains(a.Body, "/setup") {
		t.Errorf("local mode shows no way to the first account: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, "/account", ""); a.Status != 200 || strings.Contains(a.Body, "/account/tokens") || strings.Contains(a.Body, "/account/password") {
		t.Errorf("the local user, who has no account, is offered a token or a password: %d", a.Status)
	}
	if a := s.Form("/account/tokens", "name=x&scope=read&expires=30d"); a.Status != 409 {
		t.Errorf("a token of nobody: %d", a.Status)
	}
	s.User("ada", access.Admin) // as the command line does while the server runs
	if a := s.Do(http.MethodGet, getDefault, ""); a.Status != 401 || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("after the first account: %d %v", a.Status, a.Header)
	}
}

func TestWithoutAccountsOnlyPublicRoutesAnswer(t *testing.T) {
	s := handlertest.Serve(t, false)
	for path, want := range map[string]int{
		getDefault: 401, "/health": 200, "/healthz": 200, "/readyz": 200, "/version": 200, "/metrics": 401, "/api/3.0/mlflow/server-info": 200, "/setup": 200,
	} {
		if a := s.Do(http.MethodGet, path, ""); a.Status != want {
			t.Errorf("%s: %d, want %d", path, a.Status, want)
		}
	}
	if a := s.Form("/setup", "name=ada&password=four+unrelated+words&password_again=four+unrelated+words&token=guess"); a.Status != 403 {
		t.Errorf("set-up with a guessed token: %d", a.Status)
	}
}

func TestSessions(t *testing.T) {
	s := handlertest.Serve(t, false)
	s.User("ada", access.Admin)
	in := func(header ...string) handlertest.Answer {
		return s.Form("/sign-in", "name=Ada&password=four+unrelated+words&next=/experiments", header...)
	}
	first := in()
	cookie := first.Cookie("slipway_session")
	if first.Status != 303 || first.Header.Get("Location") != "/experiments" || cookie == "" {
		t.Fatalf("sign-in: %d %v", first.Status, first.Header)
	}
	set := first.Header.Get("Set-Cookie")
	if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") {
		t.Errorf("the cookie is open to scripts or other sites: %s", set)
	}
	if a := s.Do(http.MethodGet, "/account", "", "Cookie", cookie); a.Status != 200 || !strings.Contains(a.Body, "ada") {
		t.Errorf("signed in: %d", a.Status)
	}
	second := in("Cookie", cookie).Cookie("slipway_session")
	if second == cookie {
		t.Error("signing in again keeps the session's id")
	}
	if a := s.Do(http.MethodGet, "/account", "", "Cookie", cookie, "Accept", "text/html"); a.Status != 303 {
		t.Errorf("the session before is still good: %d", a.Status)
	}
	if a := s.Form("/sign-out", "", "Cookie", second); a.Status != 303 {
		t.Errorf("sign-out: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, "/account", "", "Cookie", second, "Accept", "text/html"); a.Status != 303 || a.Header.Get("Location") != "/sign-in?next=%2Faccount" {
		t.Errorf("after sign-out: %d %s", a.Status, a.Header.Get("Location"))
	}
	if a := s.Form("/sign-in", "name=ada&password=four+unrelated+words&next=//evil.example"); a.Header.Get("Location") != "/" {
		t.Errorf("sign-in leads to %s", a.Header.Get("Location"))
	}
}

func TestWrongPasswordsAreSlowedDown(t *testing.T) {
	s := handlertest.Serve(t, false)
	s.User("ada", access.Admin)
	for i := range 6 {
		want := 401
		if i == 5 {
			want = 429
		}
		if a := s.Form("/sign-in", "name=ada&password=wrong"); a.Status != want {
			t.Errorf("try %d: %d, want %d", i+1, a.Status, want)
		}
	}
	a := s.Do(http.MethodGet, getDefault, "", "Authorization", basic("ada", handlertest.Password))
	if a.Status != 429 || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, "REQUEST_LIMIT_EXCEEDED") {
		t.Errorf("the same by Basic: %d %s", a.Status, a.Body)
	}
}

func TestBasicPasswordsAreForgottenOnChange(t *testing.T) {
	s := handlertest.Serve(t, false)
	s.User("ada", access.Admin)
	vic := s.User("vic", access.Viewer)
	get := func(name string) int {
		return s.Do(http.MethodGet, getDefault, "", "Authorization", basic(name, handlertest.Password)).Status
	}
	for range 2 { // the second from memory
		if got := get("vic"); got != 200 {
			t.Fatalf("a good password is refused: %d", got)
		}
	}
	admin := []string{"Cookie", s.Form("/sign-in", "name=ada&password=four+unrelated+words").Cookie("slipway_session")}
	if a := s.Form("/users/"+vic.ID+"/password", "password=quite+another+phrase", admin...); a.Status != 303 {
		t.Fatalf("resetting the password: %d %s", a.Status, a.Body)
	}
	if got := get("vic"); got != 401 {
		t.Errorf("the old password still works: %d", got)
	}
	token := bearer(s.Token(vic, 0, access.ScopeRead))
	if a := s.Do(http.MethodGet, getDefault, "", token...); a.Status != 200 {
		t.Errorf("a token: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, getDefault, "", "Authorization", basic("anything", strings.TrimPrefix(token[1], "Bearer "))); a.Status != 200 {
		t.Errorf("a token as a Basic password: %d", a.Status)
	}
	if a := s.Form("/users/"+vic.ID+"/disable", "", admin...); a.Status != 303 {
		t.Fatalf("disabling: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, getDefault, "", token...); a.Status != 401 {
		t.Errorf("a disabled user's token: %d", a.Status)
	}
}

func TestOtherSitesCannotAct(t *testing.T) {
	s := handlertest.Serve(t, true)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/experiments", "/preferences", "/setup", "/api/2.0/mlflow/experiments/create"} {
			a := s.Do(http.MethodPost, path, `{"name":"x"}`, append([]string{"Content-Type", "application/json"}, header...)...)
			if a.Status != 403 {
				t.Errorf("POST %s with %v: %d", path, header, a.Status)
			}
		}
	}
	if a := s.Do(http.MethodPost, "/api/2.0/mlflow/experiments/create", `{"name":"x"}`, "Content-Type", "application/json"); a.Status != 200 {
		t.Errorf("a client that is no browser: %d %s", a.Status, a.Body)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	s := handlertest.Serve(t, true)
	for _, path := range []string{"/experiments", "/nothing-here", getDefault, "/api/2.0/nothing", "/health"} {
		h := s.Do(http.MethodGet, path, "").Header
		for name, part := range map[string]string{
			"Content-Security-Policy": "script-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "X-Request-Id": "",
		} {
			if !strings.Contains(h.Get(name), part) || h.Get(name) == "" {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: %s", path, h.Get("Content-Security-Policy"))
		}
	}
}

// The log tells who did what and how it ended, and holds no secret.
func TestLogLines(t *testing.T) {
	s := handlertest.Serve(t, false)
	token := s.Token(s.User("ada", access.Admin), 0, access.ScopeRead)
	s.Do(http.MethodGet, getDefault+"&secret=in-the-query", "", "Authorization", "Bearer "+token)
	s.Form("/sign-in", "name=ada&password=my-wrong-password")
	log := s.Log.String()
	for _, secret := range []string{token, "in-the-query", "my-wrong-password", handlertest.Password} {
		if strings.Contains(log, secret) {
			t.Errorf("%q stands in the log", secret)
		}
	}
	var line struct {
		Msg, Actor, Route string
		Status            int
		ID                string `json:"request_id"`
		MS                *float64
	}
	for _, l := range strings.Split(log, "\n") {
		if strings.Contains(l, "/experiments/get") {
			if err := json.Unmarshal([]byte(l), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	if line.Actor == "" || line.Route != "/api/2.0/mlflow/experiments/get" || line.Status != 200 || len(line.ID) != 32 || line.MS == nil {
		t.Errorf("the log line lacks something: %+v\n%s", line, log)
	}
}

func TestMetrics(t *testing.T) {
	s := handlertest.Serve(t, true)
	s.Do(http.MethodGet, getDefault, "")
	s.Do(http.MethodGet, "/made-up/by-somebody", "")
	body := s.Do(http.MethodGet, "/metrics", "").Body
	for _, want := range []string{
		`slipway_http_requests_total{method="GET",route="/api/2.0/mlflow/experiments/get",status="200"} 1`,
		"slipway_write_queue_length", "slipway_commits_total", "slipway_db_connections_open", `slipway_build_info{`,
		`slipway_jobs{state="queued"} 0`, `slipway_jobs{state="running"} 0`, `slipway_jobs{state="failed"} 0`, "slipway_jobs_oldest_queued_seconds 0",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(body, "made-up") {
		t.Error("a made-up path became a label")
	}
}

func TestUnknownRoutes(t *testing.T) {
	s := handlertest.Serve(t, true)
	for _, path := range []string{"/api/2.0/mlflow/registered-models/search", "/api/3.0/mlflow/traces/search", "/ajax-api/2.0/x", "/v1/traces"} {
		if a := s.Do(http.MethodPost, path, "{}", "Content-Type", "application/json"); a.Status != 404 || !strings.Contains(a.Body, `"error_code":"ENDPOINT_NOT_FOUND"`) {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := s.Do(http.MethodGet, "/nothing", ""); a.Status != 404 || !strings.Contains(a.Body, a.Header.Get("X-Request-Id")) || !strings.Contains(a.Body, "<html") {
		t.Errorf("a page: %d %s", a.Status, a.Body)
	}
}

// A part's URL carries its own permission, for that part of that upload, and no other.
func TestPartsOfUploads(t *testing.T) {
	s := handlertest.Serve(t, false)
	write := append(bearer(s.Token(s.User("ada", access.Admin), 0, access.ScopeWrite)), "Content-Type", "application/json")
	a := s.Do(http.MethodPost, "/api/2.0/mlflow-artifacts/mpu/create/0/r/artifacts", `{"path":"/home/me/big.bin","num_parts":2}`, write...)
	var up struct {
		ID          string `json:"upload_id"`
		Credentials []struct {
			URL string
		}
	}
	if err := json.Unmarshal([]byte(a.Body), &up); err != nil || len(up.Credentials) != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	path := func(i int) string { return strings.TrimPrefix(up.Credentials[i].URL, s.URL) }
	one, two := s.Do(http.MethodPut, path(0), "hello "), s.Do(http.MethodPut, path(1), "world")
	if one.Status != 200 || two.Status != 200 || one.Header.Get("ETag") == "" {
		t.Fatalf("parts: %d %d", one.Status, two.Status)
	}
	for name, bad := range map[string]string{
		"another part":   strings.Replace(path(0), "/1?", "/2?", 1),
		"another upload": strings.Replace(path(0), up.ID, "ABCDEFGHIJKL", 1),
		"a later end":    strings.Replace(path(0), "expires=1", "expires=2", 1),
		"no signature":   strings.Split(path(0), "?")[0],
	} {
		if a := s.Do(http.MethodPut, bad, "x"); a.Status != 403 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	done := `{"path":"big.bin","upload_id":"` + up.ID + `","parts":[{"part_number":1,"etag":` + quoted(one) + `},{"part_number":2,"etag":` + quoted(two) + `}]}`
	if a := s.Do(http.MethodPost, "/api/2.0/mlflow-artifacts/mpu/complete/0/r/artifacts", done, write...); a.Status != 200 {
		t.Fatalf("complete: %d %s", a.Status, a.Body)
	}
	got := s.Do(http.MethodGet, "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/big.bin", "", write...)
	if got.Body != "hello world" || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", got.Body, got.Header)
	}
	if a := s.Do(http.MethodPut, path(0), "late"); a.Status != 404 {
		t.Errorf("a part after the end: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/big.bin", "", append(write, route.WorkspaceHeader, "other")...); a.Status != 403 {
		t.Errorf("from another workspace: %d", a.Status)
	}
}

func quoted(a handlertest.Answer) string {
	b, err := json.Marshal(a.Header.Get("ETag"))
	if err != nil {
		panic(err)
	}
	return string(b)
}
