// Package jobs is the work behind the requests: what waits, runs, was done and failed.
package jobs

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// View is the jobs.
//
//	GET  /jobs             state (queued, running, failed, done), token
//	POST /jobs/:id/again   orders the work of a failed job once more
type View struct {
	State string // "" = all
	Rows  []Row
	Pager component.PagerProps
}

// Row is one job.
type Row struct {
	ID, Kind, Key       string
	State               string
	Attempts, Most      int
	Ordered, Next, Over time.Time // Next of a queued one, Over of one that ended
	By                  string
	Error               string // of the latest attempt that failed
}

var states = []string{"queued", "running", "failed", "done"}

func (v View) tabs(ctx context.Context) []component.Tab {
	tabs := []component.Tab{{Label: i18n.T(ctx, "jobs.state.all"), URL: "/jobs", Current: v.State == ""}}
	for _, s := range states {
		tabs = append(tabs, component.Tab{Label: i18n.T(ctx, "jobs.state."+s), URL: "/jobs?state=" + s, Current: v.State == s})
	}
	return tabs
}

// name is what a job is called aloud.
func (r Row) name() string {
	if r.Key == "" {
		return r.Kind
	}
	return r.Kind + " " + r.Key
}

func look(state string) (component.Tone, string) {
	switch state {
	case "running":
		return "run", "loader-circle"
	case "failed":
		return component.Danger, "circle-x"
	case "done":
		return component.OK, "circle-check"
	}
	return component.Neutral, "clock"
}
