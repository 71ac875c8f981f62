// Package models is one logged model as a page.
package models

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/registry"
)

// ShowView is the page of one logged model, at /logged-models/:id.
type ShowView struct {
	ID, Name      string
	Status        string // READY, PENDING or UPLOAD_FAILED
	StatusMessage string
	Type          string
	Experiment    Link
	Run           Link // the run that logged it
	CreatedBy     string
	Created       time.Time
	Updated       time.Time
	ArtifactURI   string
	Params        []component.Pair
	Metrics       []Metric
	Tags          []component.Pair
	Files         []File
	FilesMore     string // path to all files, where only some are listed
	LoadSnippet   string // how a client loads it
	Register      string // path of the form that registers it, "" for who may not
	Registered    []registry.Made
	Deleted       bool
}

// Link is a name that leads somewhere; without a name there is none.
type Link struct{ Label, Path string }

// Metric is one value that a run measured on the model.
type Metric struct {
	Key, Value, Full string
	Dataset          string
	Run              Link
}

// File is one of the model's files.
type File struct {
	Name, Path, Size, Digest string
	Folder                   bool
}

func (v ShowView) title() string {
	if v.Name != "" {
		return v.Name
	}
	return v.ID
}

func tone(status string) (component.Tone, string) {
	switch status {
	case "READY":
		return component.OK, "circle-check"
	case "UPLOAD_FAILED":
		return component.Danger, "circle-x"
	}
	return component.Info, "circle-dashed"
}

func word(ctx context.Context, status string) string {
	switch status {
	case "READY":
		return i18n.T(ctx, "model.status.ready")
	case "PENDING":
		return i18n.T(ctx, "model.status.pending")
	case "UPLOAD_FAILED":
		return i18n.T(ctx, "model.status.upload_failed")
	}
	return status
}
