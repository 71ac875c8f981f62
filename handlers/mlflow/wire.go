package mlflow

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// The protocol's JSON shapes: protobuf's JSON with snake_case names, numbers for 64-bit integers, unset
// fields and empty lists left out.

// number is a double; NaN and the infinities are strings.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(n)), nil }

func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'g', -1, 64)
	for _, c := range b[start:] { // a double shows that it is one
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, '.', '0')
}

type keyValue struct {
	Key   string `json:"key" pb:"key,required"`
	Value string `json:"value" pb:"value"`
}

func toTags(in []keyValue) []tracking.Tag {
	out := make([]tracking.Tag, len(in))
	for i, t := range in {
		out[i] = tracking.Tag(t)
	}
	return out
}

func fromTags(in []tracking.Tag) []keyValue {
	out := make([]keyValue, len(in))
	for i, t := range in {
		out[i] = keyValue(t)
	}
	return out
}

func toParams(in []keyValue) []tracking.Param {
	out := make([]tracking.Param, len(in))
	for i, p := range in {
		out[i] = tracking.Param(p)
	}
	return out
}

func fromParams(in []tracking.Param) []keyValue {
	out := make([]keyValue, len(in))
	for i, p := range in {
		out[i] = keyValue(p)
	}
	return out
}

func stage(deleted bool) string {
	if deleted {
		return "deleted"
	}
	return "active"
}

type experiment struct {
	ID        string     `json:"experiment_id"`
	Name      string     `json:"name"`
	Location  string     `json:"artifact_location"`
	Stage     string     `json:"lifecycle_stage"`
	UpdatedAt int64      `json:"last_update_time"`
	CreatedAt int64      `json:"creation_time"`
	Tags      []keyValue `json:"tags,omitempty"`
	Workspace string     `json:"workspace"`
}

func fromExperiment(e tracking.Experiment) experiment {
	return experiment{e.ID, e.Name, e.ArtifactLocation, stage(e.Deleted()), e.UpdatedAt, e.CreatedAt, fromTags(e.Tags), e.Workspace}
}

type runInfo struct {
	UUID         string          `json:"run_uuid"`
	ExperimentID string          `json:"experiment_id"`
	Name         string          `json:"run_name"`
	UserID       string          `json:"user_id"`
	Status       tracking.Status `json:"status"`
	StartTime    int64           `json:"start_time"`
	EndTime      int64           `json:"end_time,omitempty"`
	ArtifactURI  string          `json:"artifact_uri"`
	Stage        string          `json:"lifecycle_stage"`
	ID           string          `json:"run_id"`
}

type metric struct {
	Key       string `json:"key"`
	Value     number `json:"value"`
	Timestamp int64  `json:"timestamp"`
	Step      int64  `json:"step"`

	DatasetName   string `json:"dataset_name,omitempty"`
	DatasetDigest string `json:"dataset_digest,omitempty"`
	ModelID       string `json:"model_id,omitempty"`
	RunID         string `json:"run_id,omitempty"`
}

func fromMetrics(in []tracking.Metric) []metric {
	out := make([]metric, len(in))
	for i, m := range in {
		out[i] = metric{m.Key, number(m.Value), m.Timestamp, m.Step, m.DatasetName, m.DatasetDigest, m.ModelID, m.RunID}
	}
	return out
}

type runData struct {
	Metrics []metric   `json:"metrics,omitempty"`
	Params  []keyValue `json:"params,omitempty"`
	Tags    []keyValue `json:"tags,omitempty"`
}

type dataset struct {
	Name       string `json:"name" pb:"name,required"`
	Digest     string `json:"digest" pb:"digest,required"`
	SourceType string `json:"source_type" pb:"source_type"`
	Source     string `json:"source" pb:"source"`
	Schema     string `json:"schema,omitempty" pb:"schema"`
	Profile    string `json:"profile,omitempty" pb:"profile"`
}

type datasetInput struct {
	Tags    []keyValue `json:"tags,omitempty" pb:"tags"`
	Dataset *dataset   `json:"dataset" pb:"dataset,required"`
}

type modelInput struct {
	ModelID string `json:"model_id" pb:"model_id,required"`
}

type modelOutput struct {
	ModelID string `json:"model_id" pb:"model_id,required"`
	Step    int64  `json:"step" pb:"step"`
}

type runInputs struct {
	Datasets []datasetInput `json:"dataset_inputs,omitempty"`
	Models   []modelInput   `json:"model_inputs,omitempty"`
}

type runOutputs struct {
	Models []modelOutput `json:"model_outputs,omitempty"`
}

type run struct {
	Info    runInfo    `json:"info"`
	Data    runData    `json:"data"`
	Inputs  runInputs  `json:"inputs"`
	Outputs runOutputs `json:"outputs"`
}

func fromRunInfo(r tracking.Run) runInfo {
	return runInfo{
		r.ID, r.ExperimentID, r.Name, r.UserID, r.Status, r.StartTime, r.EndTime, r.ArtifactURI, stage(r.Deleted()), r.ID,
	}
}

func fromRun(r tracking.Run) run {
	out := run{Info: fromRunInfo(r), Data: runData{fromMetrics(r.Metrics), fromParams(r.Params), fromTags(r.Tags)}}
	for _, d := range r.Datasets {
		ds := dataset(d.Dataset)
		out.Inputs.Datasets = append(out.Inputs.Datasets, datasetInput{fromTags(d.Tags), &ds})
	}
	for _, m := range r.Inputs {
		out.Inputs.Models = append(out.Inputs.Models, modelInput{m.ModelID})
	}
	for _, m := range r.Outputs {
		out.Outputs.Models = append(out.Outputs.Models, modelOutput(m))
	}
	return out
}

type file struct {
	Path  string `json:"path"`
	IsDir bool   `json:"is_dir"`
	Size  *int64 `json:"file_size,omitempty"`
}

// fromEntries lists entries by name, or by path where they are shown below a folder.
func fromEntries(in []tracking.Entry, below string) []file {
	out := make([]file, len(in))
	for i, e := range in {
		out[i] = file{Path: e.Name, IsDir: e.IsDir}
		if below != "" {
			out[i].Path = below + "/" + e.Name
		}
		if !e.IsDir {
			out[i].Size = &e.Size
		}
	}
	return out
}

type empty struct{}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return append(b, q...)
}
