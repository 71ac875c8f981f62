package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/handlertest"
)

const api = "/api/2.0/mlflow/"

// Who may see models may not change them; to say that a version must not be used is for reviewers.
func TestWhoMayChangeModels(t *testing.T) {
	s := handlertest.Serve(t, false)
	as := func(name string, role access.Role) []string {
		return append(bearer(s.Token(s.User(name, role), 0, access.ScopeAdmin)), "Content-Type", "application/json")
	}
	editor, viewer := as("eve", access.Editor), as("vic", access.Viewer)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "registered-models/create", `{"name":"m"}`},
		{"POST", "model-versions/create", `{"name":"m","source":"s3://b/x"}`},
		{"POST", "registered-models/alias", `{"name":"m","alias":"champion","version":"1"}`},
		{"POST", "registered-models/set-tag", `{"name":"m","key":"k","value":"v"}`},
		{"POST", "model-versions/set-tag", `{"name":"m","version":"1","key":"k","value":"v"}`},
		{"POST", "model-versions/transition-stage", `{"name":"m","version":"1","stage":"Production","archive_existing_versions":true}`},
		{"PATCH", "registered-models/update", `{"name":"m","description":"d"}`},
		{"PATCH", "model-versions/update", `{"name":"m","version":"1","description":"d"}`},
		{"GET", "registered-models/get?name=m", ""},
		{"GET", "registered-models/search?filter=" + "name%3D'm'", ""},
		{"GET", "registered-models/alias?name=m&alias=champion", ""},
		{"POST", "registered-models/get-latest-versions", `{"name":"m"}`},
		{"GET", "model-versions/get?name=m&version=1", ""},
		{"GET", "model-versions/search", ""},
		{"GET", "model-versions/get-download-uri?name=m&version=1", ""},
		{"DELETE", "model-versions/delete-tag", `{"name":"m","version":"1","key":"k"}`},
		{"DELETE", "registered-models/delete-tag", `{"name":"m","key":"k"}`},
		{"DELETE", "registered-models/alias", `{"name":"m","alias":"champion"}`},
		{"POST", "registered-models/rename", `{"name":"m","new_name":"n"}`},
		{"DELETE", "model-versions/delete", `{"name":"n","version":"1"}`},
		{"DELETE", "registered-models/delete", `{"name":"n"}`},
	} {
		reads := c.method == "GET" || strings.Contains(c.path, "latest")
		a := s.Do(c.method, api+c.path, c.body, viewer...)
		if reads != (a.Status != http.StatusForbidden) {
			t.Errorf("%s %s by a viewer: %d %s", c.method, c.path, a.Status, a.Body)
		}
		if a := s.Do(c.method, api+c.path, c.body, editor...); a.Status != http.StatusOK {
			t.Errorf("%s %s by an editor: %d %s", c.method, c.path, a.Status, a.Body)
		}
	}
	for role, may := range map[access.Role]bool{access.Viewer: false, access.Editor: false, access.Reviewer: true, access.Admin: true} {
		_, err := access.Authorize(access.Actor{ID: "x", Roles: map[string]access.Role{"default": role}}, access.ModelRevoke, "default", access.Origin{})
		if (err == nil) != may {
			t.Errorf("revoking by a %s: %v", role, err)
		}
	}
}

// What a version holds is read and never written.
func TestFilesOfVersions(t *testing.T) {
	s := handlertest.Serve(t, true)
	const store = "/api/2.0/mlflow-artifacts/"
	ask := func(method, path, body string, out any) handlertest.Answer {
		t.Helper()
		a := s.Do(method, path, body, "Content-Type", "application/json")
		if out != nil {
			if err := json.Unmarshal([]byte(a.Body), out); err != nil || a.Status != http.StatusOK {
				t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
			}
		}
		return a
	}
	var run struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	ask("POST", api+"runs/create", `{"experiment_id":"0"}`, &run)
	at := store + "artifacts/0/" + run.Run.Info.ID + "/artifacts/model/"
	s.Do("PUT", at+"MLmodel", "flavors: {sklearn: {}}")
	s.Do("PUT", at+"data/<b>.html", "<script>alert(1)</script>")
	ask("POST", api+"registered-models/create", `{"name":"m"}`, nil)
	ask("POST", api+"model-versions/create", `{"name":"m","source":"runs:/`+run.Run.Info.ID+`/model"}`, nil)
	s.Do("PUT", at+"MLmodel", "flavors: {other: {}}")
	if a := s.Do("DELETE", at+"data", ""); a.Status != http.StatusOK {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	var uri struct {
		URI string `json:"artifact_uri"`
	}
	ask("GET", api+"model-versions/get-download-uri?name=m&version=1", "", &uri)
	folder, ours := strings.CutPrefix(uri.URI, "mlflow-artifacts:/registry/")
	if !ours {
		t.Fatalf("the files lie in %s", uri.URI)
	}
	held := "registry/" + folder
	for path, want := range map[string]string{store + "artifacts/" + held + "/MLmodel": "flavors: {sklearn: {}}", "/model-versions/get-artifact?name=m&version=1&path=MLmodel": "flavors: {sklearn: {}}"} {
		if a := s.Do("GET", path, ""); a.Body != want || a.Header.Get("Content-Disposition") != "attachment; filename=MLmodel" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", path, a.Body, a.Header)
		}
	}
	if a := s.Do("GET", "/model-versions/get-artifact?name=m&version=1&path=data%2F%3Cb%3E.html", ""); a.Body != "<script>alert(1)</script>" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a page: %s %v", a.Body, a.Header)
	}
	for query, want := range map[string]int{
		"name=m&version=1&path=nothing": 404, "name=m&version=1&path=data": 400, "name=m&version=1&path=../x": 400, "name=m&version=1&path=%252e%252e/x": 400, "name=m&version=1": 400,
		"name=m&version=2&path=MLmodel": 404, "name=n&version=1&path=MLmodel": 404, "name=m&version=x&path=MLmodel": 400, "name=m&path=MLmodel": 400, "version=1&path=MLmodel": 404, "": 400,
	} {
		if a := s.Do("GET", "/model-versions/get-artifact?"+query, ""); a.Status != want || !strings.Contains(a.Body, "error_code") {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "artifacts/" + held + "/MLmodel", "x"},
		{"PUT", "artifacts/" + held + "/new", "x"},
		{"PUT", "artifacts/registry/x", "x"},
		{"PUT", "artifacts/registry", "x"},
		{"DELETE", "artifacts/" + held + "/MLmodel", ""},
		{"DELETE", "artifacts/" + held, ""},
		{"DELETE", "artifacts/registry", ""},
		{"POST", "mpu/create/" + held, `{"path":"/tmp/MLmodel","num_parts":1}`},
		{"POST", "mpu/create/registry", `{"path":"x","num_parts":1}`},
	} {
		if a := ask(c.method, store+c.path, c.body, nil); a.Status != http.StatusForbidden || !strings.Contains(a.Body, `"PERMISSION_DENIED"`) {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.Status, a.Body)
		}
	}
	for _, path := range []string{"artifacts/%72egistry/x", "artifacts/./registry/x", "artifacts//registry/x", "artifacts/a/../registry/x", "artifacts/registry%2Fx"} {
		a := s.Do("PUT", store+path, "x")
		if a.Status != http.StatusForbidden && a.Status != http.StatusBadRequest && a.Status != http.StatusNotFound {
			t.Errorf("PUT %s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := ask("POST", api+"experiments/create", `{"name":"e","artifact_location":"mlflow-artifacts:/registry/x"}`, nil); a.Status != http.StatusBadRequest {
		t.Errorf("an experiment that writes there: %d %s", a.Status, a.Body)
	}
}
