package ui

import (
	"net/http"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
	"github.com/slipway-ml/slipway/web/page/home"
)

var homePages = []route.Route{
	route.GET("/", access.ExperimentRead, showHome),
}

// periods are how long each choice of the home page looks back, and in how many parts its curve shows it.
var periods = map[string]struct {
	span  time.Duration
	parts int
}{
	"24h": {24 * time.Hour, 24}, "7d": {7 * 24 * time.Hour, 14}, "30d": {30 * 24 * time.Hour, 30},
}

const (
	recentRuns        = 12
	recentExperiments = 6
	runningRuns       = 5
	week              = 7 * 24 * time.Hour
)

func showHome(r *route.Request) error {
	v := home.View{Period: r.QueryParam("period"), TrackingURI: r.Absolute(""), SignedIn: layout.From(r.Ctx()).SignedIn}
	if !slices.Contains(home.Periods, v.Period) {
		v.Period = home.Periods[0]
	}
	reading, err := more(r, access.RunRead)
	if err != nil {
		return err
	}
	now := time.Now()
	var pulse tracking.Pulse
	var recent, running []tracking.Outcome
	var active, all int64
	experiments, err := route.Read(r, func(tx *storage.Tx) (es []tracking.Recent, err error) {
		if pulse, err = tracking.PulseOf(r.Ctx(), tx, reading, periods[v.Period].span, periods[v.Period].parts, now, r.StaleAfter); err != nil {
			return nil, err
		}
		if recent, err = tracking.RecentOutcomes(r.Ctx(), tx, reading, recentRuns); err != nil {
			return nil, err
		}
		if running, err = tracking.RunningNow(r.Ctx(), tx, reading, runningRuns); err != nil {
			return nil, err
		}
		es, active, all, err = tracking.RecentExperiments(r.Ctx(), tx, r.Grant, recentExperiments, now.Add(-week))
		return es, err
	})
	if err != nil {
		return err
	}
	if v.Waiting, err = waitingRows(r); err != nil {
		return err
	}
	if v.News, err = catalogNews(r, now); err != nil {
		return err
	}
	v.FirstUse = len(v.Waiting) == 0 && len(recent) == 0 && (len(experiments) == 0 || len(experiments) == 1 && experiments[0].ID == "0")
	fillHome(r, &v, recent, running, experiments)
	v.RunningMore = pulse.Running - int64(len(v.Running))
	v.Tiles = homeTiles(r, v, pulse, active, all)
	return r.Render(http.StatusOK, home.Show(v))
}

func fillHome(r *route.Request, v *home.View, recent, running []tracking.Outcome, experiments []tracking.Recent) {
	for _, o := range recent {
		row := home.Row{
			ID: o.Run.ID, Name: o.Run.Name, ExperimentID: o.Run.ExperimentID, Experiment: o.Experiment,
			Status: string(o.Run.Status), Stale: stale(r, o.Run), Began: instant(o.Run.StartTime), Metric: o.Metric.Key, Outline: o.Outline,
		}
		if row.Metric != "" {
			row.Result, row.Exact = format.Number(r.Ctx(), o.Metric.Value), exact(o.Metric.Value)
		}
		v.Recent = append(v.Recent, row)
	}
	for _, o := range running {
		v.Running = append(v.Running, home.Running{
			ID: o.Run.ID, Name: o.Run.Name, Experiment: o.Experiment,
			For: duration(r, o.Run), Stale: stale(r, o.Run), Written: instant(o.Run.UpdatedAt),
		})
	}
	for _, e := range experiments {
		v.Experiments = append(v.Experiments, home.Experiment{ID: e.ID, Name: e.Name, Runs: e.Runs, Written: instant(e.Last)})
	}
}

func homeTiles(r *route.Request, v home.View, p tracking.Pulse, active, all int64) []component.TileProps {
	ctx, count := r.Ctx(), func(n int64) string { return format.Count(r.Ctx(), n) }
	begun := component.TileProps{
		Label: i18n.T(ctx, "home.tile.runs."+v.Period), Value: count(p.Runs),
		Meta: i18n.T(ctx, "home.tile.failed."+v.Period, count(p.Failed), count(p.FailedBefore)),
	}
	if p.Failed > p.FailedBefore {
		begun.MetaTone = component.Danger
	}
	for _, n := range p.Trend {
		begun.Trend = append(begun.Trend, float64(n))
	}
	running := component.TileProps{Label: i18n.T(ctx, "home.tile.running"), Value: count(p.Running)}
	if p.Stale > 0 {
		running.Meta, running.MetaTone = i18n.N(ctx, "home.tile.stale", p.Stale), component.Warn
	}
	return []component.TileProps{
		begun, running,
		{Label: i18n.T(ctx, "home.tile.active"), Value: count(active), Meta: i18n.N(ctx, "home.tile.active_of", all)},
		{Label: i18n.T(ctx, "home.tile.models."+v.Period), Value: count(p.Models)},
	}
}
