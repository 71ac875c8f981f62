package ui

import (
	"cmp"
	"encoding/csv"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

const (
	valuesShown  = 60   // of each kind
	valuesMost   = 1000 // of each kind, for who asks for all
	extentPoints = 200_000
	siblingsMost = 20
	changesMost  = 100
)

// parameters fills the tab of everything that is a name with a value.
func (p runPage) parameters(tx *storage.Tx) error {
	t := &p.v.Values
	t.Query, t.All = form(p.Request, "q"), p.QueryParam("all") != ""
	t.ExportPath = runPath(p.Request) + "/export.csv"
	shown := valuesShown
	if t.All {
		shown = valuesMost
	}
	wanted := strings.ToLower(t.Query)
	matches := func(key, value string) bool {
		return wanted == "" || strings.Contains(strings.ToLower(key), wanted) || strings.Contains(strings.ToLower(value), wanted)
	}
	for _, x := range p.run.Params {
		if matches(x.Key, x.Value) {
			t.Params = append(t.Params, component.Pair(x))
		}
	}
	for _, x := range p.run.Tags {
		if pair := component.Pair(x); !matches(x.Key, x.Value) || x.Key == tracking.TagNote {
			continue
		} else if strings.HasPrefix(x.Key, "mlflow.") {
			t.System = append(t.System, pair)
		} else {
			t.Tags = append(t.Tags, pair)
		}
	}
	ms := slices.DeleteFunc(slices.Clone(p.run.Metrics), func(m tracking.Metric) bool { return !matches(m.Key, "") })
	t.Found = runs.Counts{Params: int64(len(t.Params)), Metrics: int64(len(ms)), Tags: int64(len(t.Tags)), System: int64(len(t.System))}
	t.Params, t.Tags, t.System = firstOf(t.Params, shown), firstOf(t.Tags, shown), firstOf(t.System, shown)
	if err := p.metrics(tx, ms[:min(shown, len(ms))]); err != nil {
		return err
	}
	return p.difference(tx)
}

func firstOf(all []component.Pair, n int) []component.Pair { return all[:min(n, len(all))] }

// metrics are the last values and, where the histories are not too long, their extent.
func (p runPage) metrics(tx *storage.Tx, ms []tracking.Metric) error {
	keys := make([]string, len(ms))
	for i, m := range ms {
		keys[i] = m.Key
	}
	extents, err := tx.MetricExtents(p.Ctx(), p.run.ID, keys, extentPoints)
	if err != nil {
		return err
	}
	p.v.Values.Extents = extents != nil
	for _, m := range ms {
		row := runs.Metric{Key: m.Key, Value: format.Number(p.Ctx(), m.Value), Full: exact(m.Value), Step: format.Count(p.Ctx(), m.Step), At: instant(m.Timestamp)}
		if e, ok := extents[m.Key]; ok {
			row.Points = format.Count(p.Ctx(), e.Points)
			if !math.IsNaN(e.Min) {
				row.Min, row.Max = format.Number(p.Ctx(), e.Min), format.Number(p.Ctx(), e.Max)
			}
		}
		p.v.Metrics = append(p.v.Metrics, row)
	}
	return nil
}

// difference compares the run with the one that the address names, and offers others to compare it with.
func (p runPage) difference(tx *storage.Tx) error {
	d := &p.v.Values.Difference
	siblings, err := tracking.SiblingsOf(p.Ctx(), tx, p.reading, p.run, siblingsMost)
	if err != nil {
		return err
	}
	if p.parent.ID != "" {
		siblings = slices.DeleteFunc(siblings, func(r tracking.Run) bool { return r.ID == p.parent.ID })
		d.Choices = append(d.Choices, runs.Choice{ID: p.parent.ID, Name: p.parent.Name, Parent: true})
	}
	for _, s := range siblings {
		d.Choices = append(d.Choices, runs.Choice{ID: s.ID, Name: s.Name, Start: instant(s.StartTime)})
	}
	if d.With = form(p.Request, "with"); d.With == "" {
		return nil
	}
	other, err := tracking.RunByID(p.Ctx(), tx, p.reading, d.With)
	switch {
	case domain.KindOf(err) == domain.NotFound || err == nil && other.ID == p.run.ID:
		d.Missing = true
		return nil
	case err != nil:
		return err
	}
	if !slices.ContainsFunc(d.Choices, func(c runs.Choice) bool { return c.ID == other.ID }) {
		d.Choices = append(d.Choices, runs.Choice{ID: other.ID, Name: other.Name, Start: instant(other.StartTime)})
	}
	d.Other = runs.Link{Label: cmp.Or(other.Name, other.ID), Path: "/runs/" + other.ID}
	all := tracking.Diff(other, p.run)
	d.Total = int64(len(all))
	for _, c := range all[:min(changesMost, len(all))] {
		d.Changes = append(d.Changes, p.change(c))
	}
	return nil
}

func (p runPage) change(c tracking.Change) runs.Change {
	out := runs.Change{Kind: c.Kind, Key: c.Key, Added: c.Added, Removed: c.Removed}
	if c.Kind == tracking.KindMetric {
		from, errFrom := strconv.ParseFloat(c.From, 64)
		to, errTo := strconv.ParseFloat(c.To, 64)
		if errFrom == nil {
			out.From = []runs.Piece{{Text: format.Number(p.Ctx(), from)}}
		}
		if errTo == nil {
			out.To = []runs.Piece{{Text: format.Number(p.Ctx(), to)}}
		}
		if errFrom == nil && errTo == nil && !math.IsNaN(to-from) {
			if out.Delta = format.Number(p.Ctx(), to-from); to > from {
				out.Delta = "+" + out.Delta
			}
		}
		return out
	}
	if c.Added || c.Removed {
		out.From, out.To = whole(c.From, c.Removed), whole(c.To, c.Added)
		return out
	}
	from, to := tracking.Words(c.From, c.To)
	for _, x := range from {
		out.From = append(out.From, runs.Piece(x))
	}
	for _, x := range to {
		out.To = append(out.To, runs.Piece(x))
	}
	return out
}

func whole(text string, there bool) []runs.Piece {
	if !there {
		return nil
	}
	return []runs.Piece{{Text: text}}
}

// exportRun sends all values of a run as a table for other programs.
func exportRun(r *route.Request) error {
	run, err := route.Read(r, func(tx *storage.Tx) (tracking.Run, error) {
		return tracking.RunByID(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	if err != nil {
		return err
	}
	h := r.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", download.Disposition("attachment", cmp.Or(run.Name, run.ID)+".csv"))
	h.Set("Cache-Control", "no-store")
	w := csv.NewWriter(r.Response())
	_ = w.Write([]string{"kind", "key", "value", "step", "time"})
	for _, x := range run.Params {
		_ = w.Write([]string{tracking.KindParam, download.SafeCSV(x.Key), download.SafeCSV(x.Value), "", ""})
	}
	for _, m := range run.Metrics {
		at := stamp(m.Timestamp)
		_ = w.Write([]string{tracking.KindMetric, download.SafeCSV(m.Key), exact(m.Value), strconv.FormatInt(m.Step, 10), at})
	}
	for _, x := range run.Tags {
		_ = w.Write([]string{tracking.KindTag, download.SafeCSV(x.Key), download.SafeCSV(x.Value), "", ""})
	}
	w.Flush() // a reader that has gone is told nothing
	return nil
}

// tabQuery is the address of a tab with more in its query.
func tabQuery(r *route.Request, tab string, more url.Values) string {
	more.Set("tab", tab)
	return runPath(r) + "?" + more.Encode()
}
