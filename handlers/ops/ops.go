// Package ops answers those who run the server: is it alive, is it ready, what does it do.
package ops

import (
	"context"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// Metrics counts what the server does, for Prometheus.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	jobs     *prometheus.GaugeVec
	waiting  prometheus.Gauge
}

// NewMetrics also reports on db.
func NewMetrics(db *storage.DB, version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_http_request_seconds", Help: "Time to answer, by route.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route"}),
		jobs: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "slipway_jobs", Help: "Background jobs: queued, running, and failed for good in the last two weeks.",
		}, []string{"state"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "slipway_jobs_oldest_queued_seconds", Help: "For how long the longest waiting job could have run already.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "slipway_build_info", Help: "1, with the version as a label."}, []string{"version", "go"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.jobs, m.waiting, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name, f := range map[string]struct {
		help string
		read func() float64
	}{
		"slipway_write_queue_length":   {"Writes that wait for the writer.", func() float64 { return float64(db.Stats().Queued) }},
		"slipway_write_queue_capacity": {"Writes that may wait; one more is refused.", func() float64 { return float64(db.Stats().QueueLength) }},
		"slipway_db_connections_open":  {"Open database connections.", func() float64 { return float64(db.Stats().Open) }},
		"slipway_db_connections_used":  {"Database connections in use.", func() float64 { return float64(db.Stats().InUse) }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: f.help}, f.read))
	}
	for name, f := range map[string]struct {
		help string
		read func() float64
	}{
		"slipway_writes_total":  {"Write transactions asked for.", func() float64 { return float64(db.Stats().Writes) }},
		"slipway_commits_total": {"Durable commits; one carries many writes.", func() float64 { return float64(db.Stats().Commits) }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: f.help}, f.read))
	}
	return m
}

// Observe counts one answered request.
func (m *Metrics) Observe(c echo.Context, took time.Duration) {
	path := c.Path()
	if path == "" {
		path = "none" // not the URL: anybody can make those up
	}
	method := c.Request().Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, path, strconv.Itoa(c.Response().Status)).Inc()
	m.seconds.WithLabelValues(method, path).Observe(took.Seconds())
}

// Table is the routes for those who run the server. schema is the schema version that this program needs.
func Table(m *Metrics) []route.Route {
	handler := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return []route.Route{
		route.GET("/healthz", access.Public, func(r *route.Request) error {
			return r.JSON(http.StatusOK, map[string]string{"status": "ok"})
		}),
		route.GET("/readyz", access.Public, ready),
		route.GET("/metrics", access.MetricsRead, func(r *route.Request) error {
			m.countJobs(r)
			handler.ServeHTTP(r.Response(), r.Request())
			return nil
		}),
	}
}

// countJobs asks the database how the queue stands. The other metrics are there without it.
func (m *Metrics) countJobs(r *route.Request) {
	s, err := route.Read(r, func(tx *storage.Tx) (job.Stats, error) { return job.Count(r.Ctx(), tx, r.Grant) })
	if err != nil {
		r.Log.WarnContext(r.Ctx(), "counting jobs failed", "error", err.Error())
		m.jobs.Reset()
		m.waiting.Set(math.NaN())
		return
	}
	for state, n := range map[job.State]int64{job.Queued: s.Queued, job.Running: s.Running, job.Failed: s.Failed} {
		m.jobs.WithLabelValues(string(state)).Set(float64(n))
	}
	m.waiting.Set(s.Waiting(time.Now()).Seconds())
}

// ready reports whether requests can be served. It names what is wrong, not why: that is in the log.
func ready(r *route.Request) error {
	ctx, stop := context.WithTimeout(r.Ctx(), 2*time.Second)
	defer stop()
	checks := map[string]error{
		"database":       r.DB.Ping(ctx),
		"artifact_store": r.Blobs.Check(ctx),
		"migrations":     r.DB.UpToDate(ctx),
	}
	out, status, words := map[string]string{}, http.StatusOK, "ready"
	for name, err := range checks {
		if out[name] = "ok"; err != nil {
			out[name], status, words = "failed", http.StatusServiceUnavailable, "not ready"
			r.Log.Error("not ready", "check", name, "error", err.Error())
		}
	}
	return r.JSON(status, struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{words, out})
}

// Version is the product's, from the build.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
