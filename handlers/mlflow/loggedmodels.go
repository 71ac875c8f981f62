package mlflow

import (
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

var loggedModels = []route.Route{
	route.POST(api2+"/logged-models", access.LoggedModelWrite, call(createLoggedModel)),
	route.POST(api2+"/logged-models/search", access.LoggedModelRead, call(searchLoggedModels)),
	route.GET(api2+"/logged-models/:id", access.LoggedModelRead, call(getLoggedModel)),
	route.PATCH(api2+"/logged-models/:id", access.LoggedModelWrite, call(finishLoggedModel)),
	route.DELETE(api2+"/logged-models/:id", access.LoggedModelDelete, call(deleteLoggedModel)),
	route.PATCH(api2+"/logged-models/:id/tags", access.LoggedModelWrite, call(setLoggedModelTags)),
	route.DELETE(api2+"/logged-models/:id/tags/:key", access.LoggedModelWrite, call(deleteLoggedModelTag)),
	route.POST(api2+"/logged-models/:id/params", access.LoggedModelWrite, call(addLoggedModelParams)),
}

type loggedModelInfo struct {
	ID           string               `json:"model_id"`
	ExperimentID string               `json:"experiment_id"`
	Name         string               `json:"name"`
	CreatedAt    int64                `json:"creation_timestamp_ms"`
	UpdatedAt    int64                `json:"last_updated_timestamp_ms"`
	ArtifactURI  string               `json:"artifact_uri"`
	Status       tracking.ModelStatus `json:"status"`
	Type         string               `json:"model_type"`
	SourceRunID  string               `json:"source_run_id"`
	Tags         []keyValue           `json:"tags,omitempty"`
}

type loggedModelData struct {
	Params  []keyValue `json:"params,omitempty"`
	Metrics []metric   `json:"metrics,omitempty"`
}

type loggedModel struct {
	Info loggedModelInfo `json:"info"`
	Data loggedModelData `json:"data"`
}

type loggedModelReply struct {
	Model loggedModel `json:"model"`
}

func fromLoggedModel(m tracking.LoggedModel) loggedModel {
	return loggedModel{
		loggedModelInfo{
			m.ID, m.ExperimentID, m.Name, m.CreatedAt, m.UpdatedAt, m.ArtifactURI, m.Status, m.Type, m.SourceRunID, fromTags(m.Tags),
		},
		loggedModelData{fromParams(m.Params), fromMetrics(m.Metrics)},
	}
}

func createLoggedModel(r *route.Request, in struct {
	ExperimentID string     `pb:"experiment_id,required"`
	Name         string     `pb:"name"`
	Type         string     `pb:"model_type"`
	SourceRunID  string     `pb:"source_run_id"`
	Params       []keyValue `pb:"params"`
	Tags         []keyValue `pb:"tags"`
},
) (loggedModelReply, error) {
	m, err := route.Write(r, func(tx *storage.Tx) (tracking.LoggedModel, error) {
		return tracking.CreateLoggedModel(r.Ctx(), tx, r.Grant, tracking.LoggedModel{
			ExperimentID: in.ExperimentID, Name: in.Name, Type: in.Type, SourceRunID: in.SourceRunID,
			Params: toParams(in.Params), Tags: toTags(in.Tags),
		}, tx.Now())
	})
	return loggedModelReply{fromLoggedModel(m)}, err
}

func getLoggedModel(r *route.Request, _ empty) (loggedModelReply, error) {
	m, err := route.Read(r, func(tx *storage.Tx) (tracking.LoggedModel, error) {
		return tracking.LoggedModelByID(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	return loggedModelReply{fromLoggedModel(m)}, err
}

// sameModel refuses a body that names another model than the address.
func sameModel(r *route.Request, id string) error {
	if id != "" && id != r.Param("id") {
		return domain.Fail(domain.Invalid, "model.two_ids", "the body names the model %q and the address another", id)
	}
	return nil
}

func finishLoggedModel(r *route.Request, in struct {
	ModelID string `pb:"model_id"`
	Status  string `pb:"status,required"`
},
) (loggedModelReply, error) {
	if err := sameModel(r, in.ModelID); err != nil {
		return loggedModelReply{}, err
	}
	m, err := route.Write(r, func(tx *storage.Tx) (tracking.LoggedModel, error) {
		return tracking.FinishLoggedModel(r.Ctx(), tx, r.Grant, r.Param("id"), tracking.ModelStatus(in.Status), tx.Now())
	})
	return loggedModelReply{fromLoggedModel(m)}, err
}

func deleteLoggedModel(r *route.Request, _ empty) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteLoggedModel(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	}))
}

func setLoggedModelTags(r *route.Request, in struct {
	ModelID string     `pb:"model_id"`
	Tags    []keyValue `pb:"tags"`
},
) (empty, error) {
	if err := sameModel(r, in.ModelID); err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.SetLoggedModelTags(r.Ctx(), tx, r.Grant, r.Param("id"), toTags(in.Tags), tx.Now())
	}))
}

func deleteLoggedModelTag(r *route.Request, _ empty) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteLoggedModelTag(r.Ctx(), tx, r.Grant, r.Param("id"), r.Param("key"), tx.Now())
	}))
}

func addLoggedModelParams(r *route.Request, in struct {
	ModelID string     `pb:"model_id"`
	Params  []keyValue `pb:"params"`
},
) (empty, error) {
	if err := sameModel(r, in.ModelID); err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.AddLoggedModelParams(r.Ctx(), tx, r.Grant, r.Param("id"), toParams(in.Params), tx.Now())
	}))
}

type loggedModelsReply struct {
	Models []loggedModel `json:"models,omitempty"`
	Next   string        `json:"next_page_token,omitempty"`
}

type loggedModelOrder struct {
	Field         string `pb:"field_name,required"`
	Ascending     *bool  `pb:"ascending"`
	DatasetName   string `pb:"dataset_name"`
	DatasetDigest string `pb:"dataset_digest"`
}

func searchLoggedModels(r *route.Request, in struct {
	ExperimentIDs []string `pb:"experiment_ids,required"`
	Filter        string   `pb:"filter"`
	Datasets      []struct {
		Name   string `pb:"dataset_name"`
		Digest string `pb:"dataset_digest"`
	} `pb:"datasets"`
	MaxResults *int64             `pb:"max_results"`
	OrderBy    []loggedModelOrder `pb:"order_by"`
	PageToken  string             `pb:"page_token"`
},
) (out loggedModelsReply, err error) {
	q := tracking.Query{Experiments: in.ExperimentIDs, After: in.PageToken, View: tracking.ActiveOnly}
	if in.MaxResults != nil && *in.MaxResults == 0 { // the protocol's "unset"
		in.MaxResults = nil
	}
	if q.Limit, err = limit(in.MaxResults, 100, 50000); err != nil {
		return out, err
	}
	if q.Filter, err = tracking.ParseLoggedModelFilter(in.Filter); err != nil {
		return out, err
	}
	for _, d := range in.Datasets {
		q.Datasets = append(q.Datasets, tracking.DatasetKey{Name: d.Name, Digest: d.Digest})
	}
	for _, o := range in.OrderBy {
		by, err := search.LoggedModels.ParseOrderField(o.Field, o.Ascending == nil || *o.Ascending)
		if err != nil {
			return out, err
		}
		for _, before := range q.Order {
			if before.Entity == by.Entity && before.Key == by.Key {
				return out, domain.Fail(domain.Invalid, "search.order_twice", "order_by names %q twice", o.Field)
			}
		}
		q.Order = append(q.Order, tracking.Order{Order: by, On: tracking.DatasetKey{Name: o.DatasetName, Digest: o.DatasetDigest}})
	}
	page, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[tracking.LoggedModel], error) {
		return tracking.SearchLoggedModels(r.Ctx(), tx, r.Grant, q)
	})
	for _, m := range page.Items {
		out.Models = append(out.Models, fromLoggedModel(m))
	}
	out.Next = page.Next
	return out, err
}
