package mlflow

import (
	"net/http"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// Speaks is the version of the protocol. Clients switch features by it, so it is not the product's.
const Speaks = "3.17.2"

var connect = []route.Route{
	route.GET("/health", access.Public, text("OK")),
	route.GET("/version", access.Public, text(Speaks)),
	route.GET("/api/3.0/mlflow/server-info", access.Public, serverInfo),
}

var browser = []route.Route{
	route.POST(ajax+"/experiments/search-datasets", access.RunRead, call(searchDatasets)),
}

// Table is every route of the protocol, each under /api for clients and under /ajax-api for browsers.
func Table() []route.Route {
	var out []route.Route
	for _, t := range [][]route.Route{connect, experiments, runs, metrics, loggedModels, registeredModels, modelVersions, artifacts} {
		out = append(out, t...)
	}
	return append(route.Mirror(out, "/api/", "/ajax-api/"), browser...)
}

func text(s string) func(*route.Request) error {
	return func(r *route.Request) error { return r.String(http.StatusOK, s) }
}

func serverInfo(r *route.Request) error {
	return reply(r, struct {
		StoreType         string          `json:"store_type"`
		Workspaces        bool            `json:"workspaces_enabled"`
		TraceArchival     bool            `json:"trace_archival_enabled"`
		MultipartUpload   bool            `json:"multipart_uploads_enabled"`
		MultipartDownload bool            `json:"multipart_downloads_enabled"`
		PresignedRun      bool            `json:"presigned_upload_run_id_supported"`
		PresignedModel    bool            `json:"presigned_upload_model_id_supported"`
		Features          map[string]bool `json:"features_enabled"`
	}{StoreType: "SqlStore", MultipartUpload: true, Features: map[string]bool{"gateway": false}})
}

type datasetSummary struct {
	ExperimentID string `json:"experiment_id"`
	Name         string `json:"name"`
	Digest       string `json:"digest"`
	Context      string `json:"context,omitempty"`
}

type datasetsReply struct {
	Summaries []datasetSummary `json:"dataset_summaries,omitempty"`
}

func searchDatasets(r *route.Request, in struct {
	ExperimentIDs []string `pb:"experiment_ids"`
},
) (out datasetsReply, err error) {
	found, err := route.Read(r, func(tx *storage.Tx) ([]tracking.DatasetSummary, error) {
		return tracking.SearchDatasets(r.Ctx(), tx, r.Grant, in.ExperimentIDs)
	})
	for _, d := range found {
		out.Summaries = append(out.Summaries, datasetSummary(d))
	}
	return out, err
}
