package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

const modelFiles = 7

// registry drives one model per worker, each version made of the seven files of a run's model.
func (b *Bench) registry() error {
	exp, runs, err := b.setupRuns("registry")
	if err != nil {
		return err
	}
	names, folders := make([]string, b.conc), make([]string, b.conc)
	for w := range names {
		names[w] = fmt.Sprintf("worker-model-%s-%d", b.id, w)
		if err := b.c.Call("POST", "/api/2.0/mlflow/registered-models/create", map[string]any{"name": names[w]}, nil); err != nil {
			b.res.Skipped = "no model registry: " + err.Error()
			return nil
		}
		// What a model of scikit-learn is made of.
		for i := range modelFiles {
			path := fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/model/file%d", exp, runs[w], i)
			if _, err := b.c.Do("PUT", path, "", fmt.Appendf(nil, "file %d of %s", i, names[w])); err != nil {
				return err
			}
		}
		folders[w] = "runs:/" + runs[w] + "/model"
	}
	type version struct {
		MV struct {
			Version string   `json:"version"`
			Source  string   `json:"source"`
			Aliases []string `json:"aliases"`
		} `json:"model_version"`
	}
	wrong := make([]int, b.conc)
	made := make([]int, b.conc)
	b.run(b.conc, func(w, i int, c *Conn, r *Recorder) bool {
		src := folders[w]
		body, _ := json.Marshal(map[string]any{"name": names[w], "source": src, "run_id": runs[w]})
		var v version
		if r.timed("create-version", func() error {
			out, err := c.Post("model-versions/create", body)
			if err != nil {
				return err
			}
			return json.Unmarshal(out, &v)
		}) != nil {
			return true
		}
		made[w]++
		if v.MV.Version != strconv.Itoa(made[w]) {
			wrong[w]++
		}
		body, _ = json.Marshal(map[string]any{"name": names[w], "alias": "champion", "version": v.MV.Version})
		if r.timed("set-alias", func() error { _, err := c.Post("registered-models/alias", body); return err }) != nil {
			return true
		}
		var got version
		if r.timed("get-by-alias", func() error {
			out, err := c.Get("registered-models/alias?name=" + names[w] + "&alias=champion")
			if err != nil {
				return err
			}
			return json.Unmarshal(out, &got)
		}) != nil {
			return true
		}
		if got.MV.Version != v.MV.Version || got.MV.Source != src {
			wrong[w]++
		}
		var list struct {
			MVs []struct{} `json:"model_versions"`
		}
		if r.timed("search-versions", func() error {
			out, err := c.Get("model-versions/search?max_results=100&filter=name%3D%27" + names[w] + "%27")
			if err != nil {
				return err
			}
			return json.Unmarshal(out, &list)
		}) == nil && len(list.MVs) != min(100, made[w]) {
			wrong[w]++
		}
		return true
	})
	n := 0
	for w := range made {
		n += made[w]
		b.res.check("registry answers", wrong[w] == 0 && made[w] > 0, "model %d: %d versions, %d wrong answers", w, made[w], wrong[w])
	}
	b.res.Rates["versions_per_s"] = round3(float64(n) / b.res.Seconds)
	return nil
}

func modelName(i int) string { return fmt.Sprintf("seeded-model-%05d", i) }

// seedModels registers -runs models with one version each, as seed_direct.py does.
func (b *Bench) seedModels() error {
	b.n = b.runs
	b.run(b.conc, func(w, k int, c *Conn, r *Recorder) bool {
		i := k*b.conc + w
		if i >= b.runs {
			return false
		}
		tag := []map[string]string{{"key": "team", "value": "team-" + strconv.Itoa(i%10)}}
		model, _ := json.Marshal(map[string]any{"name": modelName(i), "description": "seeded", "tags": tag})
		version, _ := json.Marshal(map[string]any{"name": modelName(i), "source": "s3://bench/" + strconv.Itoa(i), "tags": tag})
		if r.timed("create-model", func() error { _, err := c.Post("registered-models/create", model); return err }) == nil {
			r.timed("create-version", func() error { _, err := c.Post("model-versions/create", version); return err })
		}
		return true
	})
	b.res.check("seeded", b.res.Errors == 0, "%d models, %d errors", b.runs, b.res.Errors)
	return nil
}

// notPrompts is what the client adds to every search of the registry.
const notPrompts = "tag.`mlflow.prompt.is_prompt` != 'true'"

// models times one kind of search over -runs seeded models.
func (b *Bench) models() error {
	path, filter, order, want := "registered-models/search", notPrompts, "", min(b.page, b.runs)
	middle := modelName(b.runs / 2)
	switch b.query {
	case "first":
	case "recent":
		order = "last_updated_timestamp DESC"
	case "filter":
		filter, want = "name LIKE 'seeded%5' AND tags.team = 'team-5' AND "+notPrompts, min(b.page, b.runs/10)
	case "versions":
		path = "model-versions/search"
	case "versions-of":
		path, filter, want = "model-versions/search", "name = '"+middle+"' AND "+notPrompts, 1
	default:
		return fmt.Errorf("-query must be first, recent, filter, versions or versions-of")
	}
	query := url.Values{"max_results": {strconv.Itoa(b.page)}, "filter": {filter}}
	if order != "" {
		query.Set("order_by", order)
	}
	path += "?" + query.Encode()
	last := make([][]byte, b.conc)
	b.run(b.conc, func(w, _ int, c *Conn, r *Recorder) bool {
		r.timed("search-"+b.query, func() error {
			out, err := c.Get(path)
			if err == nil {
				last[w] = append(last[w][:0], out...)
			}
			return err
		})
		return true
	})
	type named struct {
		Name   string `json:"name"`
		Latest []struct {
			Version string `json:"version"`
		} `json:"latest_versions"`
	}
	var out struct {
		Models   []named `json:"registered_models"`
		Versions []named `json:"model_versions"`
	}
	if err := json.Unmarshal(last[0], &out); err != nil {
		return err
	}
	found := append(out.Models, out.Versions...)
	good := len(found) == want
	for i, m := range found {
		good = good && (len(out.Models) == 0 || len(m.Latest) == 1)
		switch b.query {
		case "first":
			good = good && m.Name == modelName(i)
		case "filter":
			good = good && m.Name == modelName(10*i+5)
		case "versions-of":
			good = good && m.Name == middle
		}
	}
	b.res.check("models as seeded", good, "%d of %d", len(found), want)
	b.res.Rates["reply_kb"] = round3(float64(len(last[0])) / 1000)
	return nil
}
