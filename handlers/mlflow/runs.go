package mlflow

import (
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

var runs = []route.Route{
	route.POST(api2+"/runs/create", access.RunWrite, call(createRun)),
	route.GET(api2+"/runs/get", access.RunRead, call(getRun)),
	route.POST(api2+"/runs/update", access.RunWrite, call(updateRun)),
	route.POST(api2+"/runs/delete", access.RunDelete, call(deleteRun)),
	route.POST(api2+"/runs/restore", access.RunDelete, call(restoreRun)),
	route.POST(api2+"/runs/search", access.RunRead, call(searchRuns)),
	route.POST(api2+"/runs/log-metric", access.RunWrite, call(logMetric)),
	route.POST(api2+"/runs/log-parameter", access.RunWrite, call(logParam)),
	route.POST(api2+"/runs/log-batch", access.RunWrite, call(logBatch)),
	route.POST(api2+"/runs/set-tag", access.RunWrite, call(setTag)),
	route.POST(api2+"/runs/delete-tag", access.RunWrite, call(deleteTag)),
	route.POST(api2+"/runs/log-inputs", access.RunWrite, call(logInputs)),
	route.POST(api2+"/runs/outputs", access.RunWrite, call(logOutputs)),
	route.POST(api2+"/runs/log-model", access.RunWrite, call(logModel)),
}

// runID is a run by either of its names: run_uuid is what run_id was called before.
type runID struct {
	ID   string `pb:"run_id"`
	UUID string `pb:"run_uuid"`
}

func (r runID) get() (string, error) {
	switch {
	case r.ID != "":
		return r.ID, nil
	case r.UUID != "":
		return r.UUID, nil
	}
	return "", domain.Fail(domain.Invalid, "mlflow.missing", "Missing value for required parameter '%s'. See the API docs for more information about request parameters.", "run_id")
}

type runReply struct {
	Run run `json:"run"`
}

func createRun(r *route.Request, in struct {
	ExperimentID string     `pb:"experiment_id,required"`
	UserID       string     `pb:"user_id"`
	Name         string     `pb:"run_name"`
	StartTime    int64      `pb:"start_time"`
	Tags         []keyValue `pb:"tags"`
},
) (runReply, error) {
	out, err := route.Write(r, func(tx *storage.Tx) (tracking.Run, error) {
		return tracking.CreateRun(r.Ctx(), tx, r.Grant, tracking.Run{
			ExperimentID: in.ExperimentID, UserID: in.UserID, Name: in.Name, StartTime: in.StartTime, Tags: toTags(in.Tags),
		})
	})
	return runReply{fromRun(out)}, err
}

func getRun(r *route.Request, in runID) (runReply, error) {
	id, err := in.get()
	if err != nil {
		return runReply{}, err
	}
	out, err := route.Read(r, func(tx *storage.Tx) (tracking.Run, error) { return tracking.RunByID(r.Ctx(), tx, r.Grant, id) })
	return runReply{fromRun(out)}, err
}

type runInfoReply struct {
	Info runInfo `json:"run_info"`
}

func updateRun(r *route.Request, in struct {
	ID      string `pb:"run_id"`
	UUID    string `pb:"run_uuid"`
	Status  string `pb:"status"`
	EndTime int64  `pb:"end_time"`
	Name    string `pb:"run_name"`
},
) (runInfoReply, error) {
	id, err := runID{in.ID, in.UUID}.get()
	if err != nil {
		return runInfoReply{}, err
	}
	out, err := route.Write(r, func(tx *storage.Tx) (tracking.Run, error) {
		return tracking.UpdateRun(r.Ctx(), tx, r.Grant, id, tracking.RunChange{Status: tracking.Status(in.Status), EndTime: in.EndTime, Name: in.Name})
	})
	return runInfoReply{fromRunInfo(out)}, err
}

func deleteRun(r *route.Request, in runID) (empty, error) {
	id, err := in.get()
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.DeleteRun(r.Ctx(), tx, r.Grant, id, tx.Now()) }))
}

func restoreRun(r *route.Request, in runID) (empty, error) {
	id, err := in.get()
	if err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.RestoreRun(r.Ctx(), tx, r.Grant, id) }))
}

type runsReply struct {
	Runs []run  `json:"runs,omitempty"`
	Next string `json:"next_page_token,omitempty"`
}

func searchRuns(r *route.Request, in struct {
	ExperimentIDs []string `pb:"experiment_ids"`
	Filter        string   `pb:"filter"`
	View          string   `pb:"run_view_type"`
	MaxResults    *int64   `pb:"max_results"`
	OrderBy       []string `pb:"order_by"`
	PageToken     string   `pb:"page_token"`
},
) (out runsReply, err error) {
	q, err := tracking.ParseRunQuery(in.Filter, in.OrderBy)
	if err != nil {
		return out, err
	}
	if q.Limit, err = limit(in.MaxResults, 1000, 50000); err != nil {
		return out, err
	}
	if q.View, err = view(in.View); err != nil {
		return out, err
	}
	q.Experiments, q.After = in.ExperimentIDs, in.PageToken
	page, err := route.Read(r, func(tx *storage.Tx) (tracking.Page[tracking.Run], error) {
		return tracking.SearchRuns(r.Ctx(), tx, r.Grant, q)
	})
	for _, run := range page.Items {
		out.Runs = append(out.Runs, fromRun(run))
	}
	out.Next = page.Next
	return out, err
}

// limit is max_results with its default and bound.
func limit(got *int64, usual, most int64) (int, error) {
	if got == nil {
		return int(usual), nil
	}
	if *got < 1 || *got > most {
		return 0, maxResults(*got, most)
	}
	return int(*got), nil
}

type metricIn struct {
	Key           string  `pb:"key,required"`
	Value         float64 `pb:"value,required"`
	Timestamp     int64   `pb:"timestamp,required"`
	Step          int64   `pb:"step"`
	ModelID       string  `pb:"model_id"`
	DatasetName   string  `pb:"dataset_name"`
	DatasetDigest string  `pb:"dataset_digest"`
}

func (m metricIn) domain() tracking.Metric {
	return tracking.Metric{
		Key: m.Key, Value: m.Value, Timestamp: m.Timestamp, Step: m.Step,
		ModelID: m.ModelID, DatasetName: m.DatasetName, DatasetDigest: m.DatasetDigest,
	}
}

func logMetric(r *route.Request, in struct {
	ID            string  `pb:"run_id"`
	UUID          string  `pb:"run_uuid"`
	Key           string  `pb:"key,required"`
	Value         float64 `pb:"value,required"`
	Timestamp     int64   `pb:"timestamp,required"`
	Step          int64   `pb:"step"`
	ModelID       string  `pb:"model_id"`
	DatasetName   string  `pb:"dataset_name"`
	DatasetDigest string  `pb:"dataset_digest"`
},
) (empty, error) {
	m := metricIn{in.Key, in.Value, in.Timestamp, in.Step, in.ModelID, in.DatasetName, in.DatasetDigest}
	return log(r, runID{in.ID, in.UUID}, tracking.Batch{Metrics: []tracking.Metric{m.domain()}})
}

func logParam(r *route.Request, in struct {
	ID    string `pb:"run_id"`
	UUID  string `pb:"run_uuid"`
	Key   string `pb:"key,required"`
	Value string `pb:"value"`
},
) (empty, error) {
	return log(r, runID{in.ID, in.UUID}, tracking.Batch{Params: []tracking.Param{{Key: in.Key, Value: in.Value}}})
}

func setTag(r *route.Request, in struct {
	ID    string `pb:"run_id"`
	UUID  string `pb:"run_uuid"`
	Key   string `pb:"key,required"`
	Value string `pb:"value"`
},
) (empty, error) {
	return log(r, runID{in.ID, in.UUID}, tracking.Batch{Tags: []tracking.Tag{{Key: in.Key, Value: in.Value}}})
}

func logBatch(r *route.Request, in struct {
	ID      string     `pb:"run_id,required"`
	Metrics []metricIn `pb:"metrics"`
	Params  []keyValue `pb:"params"`
	Tags    []keyValue `pb:"tags"`
},
) (empty, error) {
	b := tracking.Batch{Metrics: make([]tracking.Metric, len(in.Metrics)), Params: toParams(in.Params), Tags: toTags(in.Tags)}
	for i, m := range in.Metrics {
		b.Metrics[i] = m.domain()
	}
	return log(r, runID{ID: in.ID}, b)
}

func log(r *route.Request, run runID, b tracking.Batch) (empty, error) {
	id, err := run.get()
	if err != nil {
		return empty{}, err
	}
	if err := b.Check(); err != nil {
		return empty{}, err
	}
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.Log(r.Ctx(), tx, r.Grant, id, b) }))
}

func deleteTag(r *route.Request, in struct {
	ID  string `pb:"run_id,required"`
	Key string `pb:"key,required"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.DeleteTag(r.Ctx(), tx, r.Grant, in.ID, in.Key) }))
}

func logInputs(r *route.Request, in struct {
	ID       string         `pb:"run_id,required"`
	Datasets []datasetInput `pb:"datasets"`
	Models   []modelInput   `pb:"models"`
},
) (empty, error) {
	datasets := make([]tracking.DatasetInput, len(in.Datasets))
	for i, d := range in.Datasets {
		datasets[i] = tracking.DatasetInput{Dataset: tracking.Dataset(*d.Dataset), Tags: toTags(d.Tags)}
	}
	models := make([]tracking.ModelRef, len(in.Models))
	for i, m := range in.Models {
		models[i].ModelID = m.ModelID
	}
	return done(route.Do(r, func(tx *storage.Tx) error {
		return tracking.LogInputs(r.Ctx(), tx, r.Grant, in.ID, datasets, models)
	}))
}

func logOutputs(r *route.Request, in struct {
	ID     string        `pb:"run_id,required"`
	Models []modelOutput `pb:"models,required"`
},
) (empty, error) {
	models := make([]tracking.ModelRef, len(in.Models))
	for i, m := range in.Models {
		models[i] = tracking.ModelRef(m)
	}
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.LogOutputs(r.Ctx(), tx, r.Grant, in.ID, models) }))
}

func logModel(r *route.Request, in struct {
	ID    string `pb:"run_id,required"`
	Model string `pb:"model_json,required"`
},
) (empty, error) {
	return done(route.Do(r, func(tx *storage.Tx) error { return tracking.LogModelJSON(r.Ctx(), tx, r.Grant, in.ID, in.Model) }))
}
