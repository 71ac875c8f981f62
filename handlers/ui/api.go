package ui

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/api"
	"github.com/slipway-ml/slipway/handlers/route"
	page "github.com/slipway-ml/slipway/web/page/api"
)

var apiPages = []route.Route{
	route.GET("/api", access.EnvironmentRead, showAPI),
}

// branch is a part of the document.
type branch map[string]any

func (t branch) at(key string) branch {
	m, _ := t[key].(map[string]any)
	return m
}

func (t branch) list(key string) []any {
	l, _ := t[key].([]any)
	return l
}

func (t branch) text(key string) string {
	s, _ := t[key].(string)
	return s
}

// follow is what a $ref of the document names, or t itself.
func (t branch) follow(doc branch) branch {
	ref := t.text("$ref")
	if ref == "" {
		return t
	}
	for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		doc = doc.at(key)
	}
	return doc
}

func showAPI(r *route.Request) error {
	var all map[string]any
	if err := yaml.Unmarshal(api.Document, &all); err != nil {
		return err
	}
	v, err := apiView(all, r.Absolute(""))
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Show(v))
}

func apiView(doc branch, server string) (v page.View, err error) {
	groups := map[string]int{}
	for i, tag := range doc.list("tags") {
		t, _ := tag.(map[string]any)
		g := branch(t)
		groups[g.text("name")] = i
		v.Groups = append(v.Groups, page.Group{Name: g.text("name"), About: g.text("description")})
	}
	paths := doc.at("paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths.at(path)
		for _, method := range []string{"get", "post", "patch", "delete"} {
			if item[method] == nil {
				continue
			}
			o, err := apiOperation(doc, item, method, path, server)
			if err != nil {
				return v, err
			}
			if tags := item.at(method).list("tags"); len(tags) > 0 {
				name, _ := tags[0].(string)
				g := &v.Groups[groups[name]]
				g.Operations = append(g.Operations, o)
			}
		}
	}
	return v, nil
}

func apiOperation(doc, item branch, method, path, server string) (page.Operation, error) {
	op := item.at(method)
	o := page.Operation{ID: op.text("operationId"), Method: strings.ToUpper(method), Path: path, Summary: op.text("summary"), About: op.text("description")}
	for _, p := range slices.Concat(item.list("parameters"), op.list("parameters")) {
		m, _ := p.(map[string]any)
		param := branch(m).follow(doc)
		o.Parameters = append(o.Parameters, page.Field{Name: param.text("name"), Kind: param.text("in"), About: param.text("description"), Needed: param["required"] == true})
	}
	media := op.at("requestBody").at("content").at("application/json")
	body := media.at("schema")
	fields := body.at("properties")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields.at(name)
		o.Body = append(o.Body, page.Field{Name: name, Kind: cmp.Or(f.text("type"), f.follow(doc).text("type")), About: f.text("description"), Needed: slices.Contains(body.list("required"), any(name))})
	}
	o.Curl = "curl -H \"Authorization: Bearer $SLIPWAY_TOKEN\""
	if o.Method != http.MethodGet {
		o.Curl += " -X " + o.Method
	}
	if method == "patch" {
		o.Curl += " -H \"If-Match: $ETAG\""
	}
	if example := media["example"]; example != nil {
		text, err := json.Marshal(example)
		if err != nil {
			return o, err
		}
		o.Curl += " -H \"Content-Type: application/json\" \\\n  -d '" + strings.ReplaceAll(string(text), "'", `'\''`) + "'"
	}
	o.Curl += " \\\n  '" + server + path + "'"
	return o, nil
}
