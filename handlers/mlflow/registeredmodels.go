package mlflow

import (
	"strconv"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

var registeredModels = []route.Route{
	route.POST(api2+"/registered-models/create", access.ModelWrite, call(createRegisteredModel)),
	route.GET(api2+"/registered-models/get", access.ModelRead, call(getRegisteredModel)),
	route.GET(api2+"/registered-models/search", access.ModelRead, call(searchRegisteredModels)),
	route.POST(api2+"/registered-models/rename", access.ModelWrite, call(renameRegisteredModel)),
	route.PATCH(api2+"/registered-models/update", access.ModelWrite, call(updateRegisteredModel)),
	route.DELETE(api2+"/registered-models/delete", access.ModelDelete, call(deleteRegisteredModel)),
	route.POST(api2+"/registered-models/set-tag", access.ModelWrite, call(setRegisteredModelTag)),
	route.DELETE(api2+"/registered-models/delete-tag", access.ModelWrite, call(deleteRegisteredModelTag)),
	route.POST(api2+"/registered-models/get-latest-versions", access.ModelRead, call(getLatestVersions)),
	route.GET(api2+"/registered-models/get-latest-versions", access.ModelRead, call(getLatestVersions)),
	route.GET(api2+"/registered-models/alias", access.ModelRead, call(getAlias)),
	route.POST(api2+"/registered-models/alias", access.ModelWrite, call(setAlias)),
	route.DELETE(api2+"/registered-models/alias", access.ModelWrite, call(deleteAlias)),
}

// alias names a version in a registered model; in a version its name alone stands.
type alias struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

type registeredModel struct {
	Name        string         `json:"name"`
	CreatedAt   int64          `json:"creation_timestamp"`
	UpdatedAt   int64          `json:"last_updated_timestamp"`
	Description string         `json:"description,omitempty"`
	Latest      []modelVersion `json:"latest_versions,omitempty"`
	Tags        []keyValue     `json:"tags,omitempty"`
	Aliases     []alias        `json:"aliases,omitempty"`
}

type registeredModelReply struct {
	Model registeredModel `json:"registered_model"`
}

func fromModel(m registry.Model) registeredModel {
	out := registeredModel{Name: m.Name, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Description: m.Description, Latest: fromVersions(m.Latest), Tags: fromTags(m.Tags)}
	for _, a := range m.Aliases {
		out.Aliases = append(out.Aliases, alias{a.Name, strconv.FormatInt(a.Version, 10)})
	}
	return out
}

type modelName struct {
	Name string `pb:"name,required"`
}

func createRegisteredModel(r *route.Request, in struct {
	Name        string     `pb:"name,required"`
	Tags        []keyValue `pb:"tags"`
	Description string     `pb:"description"`
},
) (registeredModelReply, error) {
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.CreateModel(r.Ctx(), tx, r.Grant, registry.Model{Name: in.Name, Description: in.Description, Tags: toTags(in.Tags)}, tx.Now())
	})
	return registeredModelReply{fromModel(m)}, err
}

func getRegisteredModel(r *route.Request, in modelName) (registeredModelReply, error) {
	m, err := route.Read(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.ModelByName(r.Ctx(), tx, r.Grant, in.Name)
	})
	return registeredModelReply{fromModel(m)}, err
}

type registrySearch struct {
	Filter     string   `pb:"filter"`
	MaxResults *int64   `pb:"max_results"`
	OrderBy    []string `pb:"order_by"`
	PageToken  string   `pb:"page_token"`
}

// query is the search that in asks for; without max_results it gets standard, and at most most.
func (in registrySearch) query(parse func(string, []string) (tracking.Query, error), standard, most int64) (tracking.Query, error) {
	q, err := parse(in.Filter, in.OrderBy)
	if err != nil {
		return q, err
	}
	q.After = in.PageToken
	q.Limit, err = limit(in.MaxResults, standard, most)
	return q, err
}

type registeredModelsReply struct {
	Models []registeredModel `json:"registered_models,omitempty"`
	Next   string            `json:"next_page_token,omitempty"`
}

func searchRegisteredModels(r *route.Request, in registrySearch) (out registeredModelsReply, err error) {
	q, err := in.query(registry.ParseModelQuery, 100, 1000)
	if err != nil {
		return out, err
	}
	page, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[registry.Model], error) {
		return registry.SearchModels(r.Ctx(), tx, r.Grant, q)
	})
	for _, m := range page.Items {
		out.Models = append(out.Models, fromModel(m))
	}
	out.Next = page.Next
	return out, err
}

func renameRegisteredModel(r *route.Request, in struct {
	Name    string `pb:"name,required"`
	NewName string `pb:"new_name,required"`
},
) (registeredModelReply, error) {
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.RenameModel(r.Ctx(), tx, r.Grant, in.Name, in.NewName, tx.Now())
	})
	return registeredModelReply{fromModel(m)}, err
}

func updateRegisteredModel(r *route.Request, in struct {
	Name        string  `pb:"name,required"`
	Description *string `pb:"description"`
},
) (registeredModelReply, error) {
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.DescribeModel(r.Ctx(), tx, r.Grant, in.Name, in.Description, tx.Now())
	})
	return registeredModelReply{fromModel(m)}, err
}

func deleteRegisteredModel(r *route.Request, in modelName) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		_, err := registry.DeleteModel(r.Ctx(), tx, r.Grant, in.Name, tx.Now())
		return err
	}))
}

func setRegisteredModelTag(r *route.Request, in struct {
	Name  string `pb:"name,required"`
	Key   string `pb:"key,required"`
	Value string `pb:"value"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.SetModelTag(r.Ctx(), tx, r.Grant, in.Name, tracking.Tag{Key: in.Key, Value: in.Value}, tx.Now())
	}))
}

func deleteRegisteredModelTag(r *route.Request, in struct {
	Name string `pb:"name,required"`
	Key  string `pb:"key,required"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.DeleteModelTag(r.Ctx(), tx, r.Grant, in.Name, in.Key, tx.Now())
	}))
}

func getLatestVersions(r *route.Request, in struct {
	Name   string   `pb:"name,required"`
	Stages []string `pb:"stages"`
},
) (modelVersionsReply, error) {
	found, err := route.Read(r, func(tx *storage.Tx) ([]registry.Version, error) {
		return registry.LatestVersions(r.Ctx(), tx, r.Grant, in.Name, in.Stages)
	})
	return modelVersionsReply{Versions: fromVersions(found)}, err
}

type aliasName struct {
	Name  string `pb:"name,required"`
	Alias string `pb:"alias,required"`
}

func getAlias(r *route.Request, in aliasName) (modelVersionReply, error) {
	v, err := route.Read(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.VersionByAlias(r.Ctx(), tx, r.Grant, access.ModelRead, in.Name, in.Alias)
	})
	return modelVersionReply{fromVersion(v)}, err
}

func setAlias(r *route.Request, in struct {
	Name    string `pb:"name,required"`
	Alias   string `pb:"alias,required"`
	Version string `pb:"version,required"`
},
) (empty, error) {
	n, err := versionNumber(in.Version)
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.SetAlias(r.Ctx(), tx, r.Grant, in.Name, in.Alias, n, tx.Now())
	}))
}

func deleteAlias(r *route.Request, in aliasName) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return registry.DeleteAlias(r.Ctx(), tx, r.Grant, in.Name, in.Alias, tx.Now())
	}))
}

// versionNumber reads a version as the protocol writes it, as a text.
func versionNumber(s string) (int64, error) {
	n, ok := registry.ParseNumber(s)
	if !ok {
		return 0, domain.Fail(domain.Invalid, "registry.version", "Parameter 'version' must be an integer from 1, got '%s'", s)
	}
	return n, nil
}
