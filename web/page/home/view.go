// Package home is where everybody begins: what is going on, and what to do first where nothing is.
package home

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/catalog"
	"github.com/slipway-ml/slipway/web/page/promotions"
)

// The periods a reader may look at; the first is the usual one.
var Periods = []string{"24h", "7d", "30d"}

// View is the home page.
//
//	GET /    period (24h, 7d, 30d)
type View struct {
	Period      string
	Tiles       []component.TileProps
	Running     []Running
	RunningMore int64 // that run as well and are not listed
	Recent      []Row
	Experiments []Experiment
	Waiting     []promotions.Row // for the reader
	News        catalog.NewsView

	FirstUse    bool // there is nothing yet: show how to begin
	TrackingURI string
	SignedIn    bool // so that clients need a token
}

// Row is a run that began lately.
type Row struct {
	ID, Name       string
	ExperimentID   string
	Experiment     string
	Status         string
	Stale          bool
	Metric, Result string // its most telling metric, "" without one, and the value
	Exact          string
	Outline        []float64
	Began          time.Time
}

// Running is a run that says it is running.
type Running struct {
	ID, Name   string
	Experiment string
	For        string // how long
	Stale      bool   // though nothing was written to it for long
	Written    time.Time
}

// Experiment is one that was written to lately.
type Experiment struct {
	ID, Name string
	Runs     int64
	Written  time.Time
}

func (v View) snippet() string {
	return component.ClientScript(v.TrackingURI, `mlflow.set_experiment("first-experiment")
with mlflow.start_run():
    mlflow.log_param("learning_rate", 0.03)
    for step in range(100):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
`)
}

func periods(ctx context.Context, current string) (out []component.Tab) {
	for _, p := range Periods {
		url := "/"
		if p != Periods[0] {
			url = "/?period=" + p
		}
		out = append(out, component.Tab{Label: i18n.T(ctx, "home.period."+p), URL: url, Current: p == current})
	}
	return out
}
