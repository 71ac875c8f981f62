package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/models"
	page "github.com/slipway-ml/slipway/web/page/registry"
)

var modelPages = []route.Route{
	route.GET("/logged-models/:id", access.LoggedModelRead, showModel),
	route.GET("/logged-models/:id/file", access.LoggedModelRead, sendModelFile),
}

func showModel(r *route.Request) error {
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	reading, err := more(r, access.RunRead)
	if err != nil {
		return err
	}
	var e tracking.Experiment
	var files []tracking.Entry
	names := map[string]string{}
	var made []registry.Version
	m, err := route.Read(r, func(tx *storage.Tx) (m tracking.LoggedModel, err error) {
		if m, err = tracking.LoggedModelByID(r.Ctx(), tx, r.Grant, r.Param("id")); err != nil {
			return m, err
		}
		if e, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, m.ExperimentID); err != nil {
			return m, err
		}
		for _, id := range append([]string{m.SourceRunID}, metricRuns(m)...) {
			if names[id] != "" || id == "" {
				continue
			}
			if run, err := tracking.RunByID(r.Ctx(), tx, reading, id); err == nil {
				names[id] = run.Name
			}
		}
		if at, ours := tracking.StorePath(m.ArtifactURI); ours {
			if files, err = tx.ArtifactEntries(r.Ctx(), m.Workspace, at); err != nil {
				return m, err
			}
		}
		if may(r, access.ModelRead) {
			if made, err = tx.VersionsOfLogged(r.Ctx(), m.Workspace, m.ID, mostMade); err != nil {
				return m, err
			}
		}
		people, err := tx.NamesOf(r.Ctx(), m.CreatedBy)
		m.CreatedBy = people[m.CreatedBy]
		return m, err
	})
	if err != nil {
		return err
	}
	v := models.ShowView{
		ID: m.ID, Name: m.Name, Status: strings.TrimPrefix(string(m.Status), "LOGGED_MODEL_"), Type: m.Type,
		Experiment: models.Link{Label: e.Name, Path: "/experiments/" + e.ID}, Run: runLink(m.SourceRunID, names),
		CreatedBy: m.CreatedBy, Created: instant(m.CreatedAt), Updated: instant(m.UpdatedAt), ArtifactURI: m.ArtifactURI,
		LoadSnippet: loadScript(r, "models:/"+m.ID),
	}
	if may(r, access.ModelWrite) && m.Status == tracking.ModelReady {
		v.Register = page.NewPath("models:/"+m.ID, m.SourceRunID, m.ID)
	}
	v.Registered = madeFrom(made)
	for _, p := range m.Params {
		v.Params = append(v.Params, component.Pair{Key: p.Key, Value: p.Value})
	}
	for _, t := range m.Tags {
		v.Tags = append(v.Tags, component.Pair{Key: t.Key, Value: t.Value})
	}
	for _, x := range m.Metrics {
		v.Metrics = append(v.Metrics, models.Metric{
			Key: x.Key, Value: format.Number(r.Ctx(), x.Value), Full: exact(x.Value), Dataset: x.DatasetName, Run: runLink(x.RunID, names),
		})
	}
	for _, f := range files {
		row := models.File{Name: f.Name, Folder: f.IsDir}
		if !f.IsDir {
			row.Path = "/logged-models/" + url.PathEscape(m.ID) + "/file?" + url.Values{"path": {f.Name}}.Encode()
			row.Size, row.Digest = format.Bytes(r.Ctx(), f.Size), f.Digest
		}
		v.Files = append(v.Files, row)
	}
	return r.Render(http.StatusOK, models.Show(v))
}

// mostMade is how many of the versions that were made from something are listed beside it.
const mostMade = 50

func madeFrom(all []registry.Version) (out []page.Made) {
	for _, x := range all {
		out = append(out, page.Made{Model: x.Model, Number: x.Number, Aliases: x.Aliases})
	}
	return out
}

// loadScript is how a client loads the model that uri names.
func loadScript(r *route.Request, uri string) string {
	return component.ClientScript(r.Absolute(""), "model = mlflow.pyfunc.load_model("+strconv.Quote(uri)+")\n")
}

func metricRuns(m tracking.LoggedModel) (out []string) {
	const most = 50
	for _, x := range m.Metrics[:min(most, len(m.Metrics))] {
		out = append(out, x.RunID)
	}
	return out
}

func runLink(id string, names map[string]string) models.Link {
	if names[id] == "" {
		return models.Link{}
	}
	return models.Link{Label: names[id], Path: "/runs/" + url.PathEscape(id)}
}

func sendModelFile(r *route.Request) error {
	return download.Below(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) {
		m, err := tracking.LoggedModelByID(r.Ctx(), tx, r.Grant, r.Param("id"))
		return m.ArtifactURI, err
	})
}
