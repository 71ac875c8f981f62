package mlflow

import (
	"strconv"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/register"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

var modelVersions = []route.Route{
	route.POST(api2+"/model-versions/create", access.ModelWrite, call(createModelVersion)),
	route.GET(api2+"/model-versions/get", access.ModelRead, call(getModelVersion)),
	route.GET(api2+"/model-versions/search", access.ModelRead, call(searchModelVersions)),
	route.PATCH(api2+"/model-versions/update", access.ModelWrite, call(updateModelVersion)),
	route.DELETE(api2+"/model-versions/delete", access.ModelDelete, call(deleteModelVersion)),
	route.GET(api2+"/model-versions/get-download-uri", access.ModelRead, call(getDownloadURI)),
	route.POST(api2+"/model-versions/transition-stage", access.ModelWrite, call(transitionStage)),
	route.POST(api2+"/model-versions/set-tag", access.ModelWrite, call(setModelVersionTag)),
	route.DELETE(api2+"/model-versions/delete-tag", access.ModelWrite, call(deleteModelVersionTag)),
}

type modelVersion struct {
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	CreatedAt   int64          `json:"creation_timestamp"`
	UpdatedAt   int64          `json:"last_updated_timestamp"`
	UserID      string         `json:"user_id,omitempty"`
	Stage       registry.Stage `json:"current_stage"`
	Description string         `json:"description"`
	Source      string         `json:"source"`
	RunID       string         `json:"run_id"`
	Status      string         `json:"status"`
	Tags        []keyValue     `json:"tags,omitempty"`
	RunLink     string         `json:"run_link"`
	Aliases     []string       `json:"aliases,omitempty"`
	ModelID     string         `json:"model_id,omitempty"`
}

type modelVersionReply struct {
	Version modelVersion `json:"model_version"`
}

type modelVersionsReply struct {
	Versions []modelVersion `json:"model_versions,omitempty"`
	Next     string         `json:"next_page_token,omitempty"`
}

func fromVersion(v registry.Version) modelVersion {
	return modelVersion{
		Name: v.Model, Version: strconv.FormatInt(v.Number, 10), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, Stage: v.Stage,
		Description: v.Description, Source: v.Source, RunID: v.RunID, Status: "READY", Tags: fromTags(v.Tags), RunLink: v.RunLink,
		Aliases: v.Aliases, ModelID: v.LoggedModelID,
	}
}

func fromVersions(in []registry.Version) []modelVersion {
	out := make([]modelVersion, len(in))
	for i, v := range in {
		out[i] = fromVersion(v)
	}
	return out
}

// versionKey names a version in a request.
type versionKey struct {
	Name    string `pb:"name,required"`
	Version string `pb:"version,required"`
}

func createModelVersion(r *route.Request, in struct {
	Name        string     `pb:"name,required"`
	Source      string     `pb:"source,required"`
	RunID       string     `pb:"run_id"`
	Tags        []keyValue `pb:"tags"`
	RunLink     string     `pb:"run_link"`
	Description string     `pb:"description"`
	ModelID     string     `pb:"model_id"`
},
) (out modelVersionReply, err error) {
	v, err := register.Version(r, registry.Version{
		Model: in.Name, Source: in.Source, RunID: in.RunID, RunLink: in.RunLink, Description: in.Description, LoggedModelID: in.ModelID, Tags: toTags(in.Tags),
	}, registry.CreateVersion)
	return modelVersionReply{fromVersion(v)}, err
}

func getModelVersion(r *route.Request, in versionKey) (modelVersionReply, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return modelVersionReply{}, err
	}
	v, err := route.Read(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.VersionByNumber(r.Ctx(), tx, r.Grant, in.Name, n)
	})
	return modelVersionReply{fromVersion(v)}, err
}

func searchModelVersions(r *route.Request, in registrySearch) (out modelVersionsReply, err error) {
	q, err := in.query(registry.ParseVersionQuery, 10_000, 200_000)
	if err != nil {
		return out, err
	}
	page, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[registry.Version], error) {
		return registry.SearchVersions(r.Ctx(), tx, r.Grant, q)
	})
	return modelVersionsReply{fromVersions(page.Items), page.Next}, err
}

func updateModelVersion(r *route.Request, in struct {
	Name        string  `pb:"name,required"`
	Version     string  `pb:"version,required"`
	Description *string `pb:"description"`
},
) (modelVersionReply, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return modelVersionReply{}, err
	}
	v, err := route.Write(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.DescribeVersion(r.Ctx(), tx, r.Grant, in.Name, n, in.Description, tx.Now())
	})
	return modelVersionReply{fromVersion(v)}, err
}

func deleteModelVersion(r *route.Request, in versionKey) (empty, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		_, err := registry.DeleteVersion(r.Ctx(), tx, r.Grant, in.Name, n, tx.Now())
		return err
	}))
}

type downloadURI struct {
	URI string `json:"artifact_uri"`
}

func getDownloadURI(r *route.Request, in versionKey) (downloadURI, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return downloadURI{}, err
	}
	uri, err := route.Read(r, func(tx *storage.Tx) (string, error) {
		return registry.DownloadURI(r.Ctx(), tx, r.Grant, in.Name, n)
	})
	return downloadURI{uri}, err
}

func transitionStage(r *route.Request, in struct {
	Name    string `pb:"name,required"`
	Version string `pb:"version,required"`
	Stage   string `pb:"stage,required"`
	Archive bool   `pb:"archive_existing_versions"`
},
) (modelVersionReply, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return modelVersionReply{}, err
	}
	v, err := route.Write(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.MoveStage(r.Ctx(), tx, r.Grant, in.Name, n, in.Stage, in.Archive, tx.Now())
	})
	return modelVersionReply{fromVersion(v)}, err
}

func setModelVersionTag(r *route.Request, in struct {
	Name    string `pb:"name,required"`
	Version string `pb:"version,required"`
	Key     string `pb:"key,required"`
	Value   string `pb:"value"`
},
) (empty, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.SetVersionTag(r.Ctx(), tx, r.Grant, in.Name, n, tracking.Tag{Key: in.Key, Value: in.Value}, tx.Now())
	}))
}

func deleteModelVersionTag(r *route.Request, in struct {
	Name    string `pb:"name,required"`
	Version string `pb:"version,required"`
	Key     string `pb:"key,required"`
},
) (empty, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.DeleteVersionTag(r.Ctx(), tx, r.Grant, in.Name, n, in.Key, tx.Now())
	}))
}
