package mlflow

import (
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

const api2 = "/api/2.0/mlflow"

var experiments = []route.Route{
	route.POST(api2+"/experiments/create", access.ExperimentWrite, call(createExperiment)),
	route.GET(api2+"/experiments/get", access.ExperimentRead, call(getExperiment)),
	route.GET(api2+"/experiments/get-by-name", access.ExperimentRead, call(getExperimentByName)),
	route.POST(api2+"/experiments/search", access.ExperimentRead, call(searchExperiments)),
	route.GET(api2+"/experiments/search", access.ExperimentRead, call(searchExperiments)),
	route.POST(api2+"/experiments/update", access.ExperimentWrite, call(updateExperiment)),
	route.POST(api2+"/experiments/delete", access.ExperimentDelete, call(deleteExperiment)),
	route.POST(api2+"/experiments/restore", access.ExperimentDelete, call(restoreExperiment)),
	route.POST(api2+"/experiments/set-experiment-tag", access.ExperimentWrite, call(setExperimentTag)),
	route.POST(api2+"/experiments/delete-experiment-tag", access.ExperimentWrite, call(deleteExperimentTag)),
}

type experimentID struct {
	ID string `json:"experiment_id" pb:"experiment_id,required"`
}

type experimentReply struct {
	Experiment experiment `json:"experiment"`
}

func createExperiment(r *route.Request, in struct {
	Name     string     `pb:"name,required"`
	Location string     `pb:"artifact_location"`
	Tags     []keyValue `pb:"tags"`
},
) (experimentID, error) {
	e, err := route.Write(r, func(tx *storage.Tx) (tracking.Experiment, error) {
		return tracking.CreateExperiment(r.Ctx(), tx, r.Grant, tracking.Experiment{Name: in.Name, ArtifactLocation: in.Location, Tags: toTags(in.Tags)}, tx.Now())
	})
	return experimentID{e.ID}, err
}

func getExperiment(r *route.Request, in experimentID) (experimentReply, error) {
	e, err := route.Read(r, func(tx *storage.Tx) (tracking.Experiment, error) {
		return tracking.ExperimentByID(r.Ctx(), tx, r.Grant, in.ID)
	})
	return experimentReply{fromExperiment(e)}, err
}

func getExperimentByName(r *route.Request, in struct {
	Name string `pb:"experiment_name,required"`
},
) (experimentReply, error) {
	e, err := route.Read(r, func(tx *storage.Tx) (tracking.Experiment, error) {
		return tracking.ExperimentByName(r.Ctx(), tx, r.Grant, in.Name)
	})
	return experimentReply{fromExperiment(e)}, err
}

type experimentsReply struct {
	Experiments []experiment `json:"experiments,omitempty"`
	Next        string       `json:"next_page_token,omitempty"`
}

func searchExperiments(r *route.Request, in struct {
	View       string   `pb:"view_type"`
	MaxResults int64    `pb:"max_results"`
	PageToken  string   `pb:"page_token"`
	Filter     string   `pb:"filter"`
	OrderBy    []string `pb:"order_by"`
},
) (out experimentsReply, err error) {
	q, err := tracking.ParseExperimentQuery(in.Filter, in.OrderBy)
	if err != nil {
		return out, err
	}
	const most = 50000
	if in.MaxResults < 1 || in.MaxResults > most {
		return out, maxResults(in.MaxResults, most)
	}
	q.After, q.Limit = in.PageToken, int(in.MaxResults)
	if q.View, err = view(in.View); err != nil {
		return out, err
	}
	page, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[tracking.Experiment], error) {
		return tracking.SearchExperiments(r.Ctx(), tx, r.Grant, q)
	})
	for _, e := range page.Items {
		out.Experiments = append(out.Experiments, fromExperiment(e))
	}
	out.Next = page.Next
	return out, err
}

func maxResults(got, most int64) error {
	return domain.Fail(domain.Invalid, "mlflow.max_results", "Invalid value %d for parameter 'max_results' supplied: it must be between 1 and %d", got, most)
}

// view reads a view type; without one what is active is meant.
func view(s string) (tracking.View, error) {
	switch v := tracking.View(s); v {
	case "":
		return tracking.ActiveOnly, nil
	case tracking.ActiveOnly, tracking.DeletedOnly, tracking.AllStages:
		return v, nil
	}
	return "", domain.Fail(domain.Invalid, "mlflow.view", "Invalid value %q for the view type: use ACTIVE_ONLY, DELETED_ONLY or ALL", s)
}

func updateExperiment(r *route.Request, in struct {
	ID   string `pb:"experiment_id,required"`
	Name string `pb:"new_name,required"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.RenameExperiment(r.Ctx(), tx, r.Grant, in.ID, in.Name, tx.Now())
	}))
}

func deleteExperiment(r *route.Request, in experimentID) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteExperiment(r.Ctx(), tx, r.Grant, in.ID, tx.Now())
	}))
}

func restoreExperiment(r *route.Request, in experimentID) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.RestoreExperiment(r.Ctx(), tx, r.Grant, in.ID, tx.Now())
	}))
}

func setExperimentTag(r *route.Request, in struct {
	ID    string `pb:"experiment_id,required"`
	Key   string `pb:"key,required"`
	Value string `pb:"value"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.SetExperimentTag(r.Ctx(), tx, r.Grant, in.ID, tracking.Tag{Key: in.Key, Value: in.Value}, tx.Now())
	}))
}

func deleteExperimentTag(r *route.Request, in struct {
	ID  string `pb:"experiment_id,required"`
	Key string `pb:"key,required"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteExperimentTag(r.Ctx(), tx, r.Grant, in.ID, in.Key, tx.Now())
	}))
}
