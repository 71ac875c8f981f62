package ui

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// How much one export holds, and how many runs are read at a time.
const (
	mostExported  = 100_000
	exportPortion = 500
)

// record is one line of an export: names and values in the order of the columns. A value is a string, a float64
// or nil.
type record struct {
	names  []string
	values []any
}

// exportRuns sends what the table shows, all of its pages: the same filter, order and columns, or the groups.
func exportRuns(r *route.Request) error {
	as := r.QueryParam("format")
	if as != "csv" && as != "json" {
		return domain.Fail(domain.Invalid, "export.format", "an export has the format csv or json, not %q", as)
	}
	l := newListing(r, runs.ParseState(r.Param("id"), r.QueryParams()))
	if l.fault.Message != "" {
		return domain.Fail(domain.Invalid, "export.filter", "the filter could not be read, so nothing is exported: %s", l.fault.Message)
	}
	l.query.After, l.query.Limit = "", exportPortion
	l.state.Tree, l.query.Parent = false, nil
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	portion := func(tx *storage.Tx) (err error) {
		if l.state.Group == "" {
			l.page, err = tracking.SearchRuns(r.Ctx(), tx, r.Grant, l.query)
		}
		return err
	}
	if err := route.See(r, func(tx *storage.Tx) error {
		if l.experiment, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, l.state.Experiment); err != nil {
			return err
		}
		if l.uses, l.newest, err = tracking.ColumnUses(r.Ctx(), tx, r.Grant, l.state.Experiment); err != nil {
			return err
		}
		l.columns = l.chosenColumns()
		l.query.Only = columnKeys(l.columns)
		if l.state.Group != "" {
			return l.findGroups(tx)
		}
		return portion(tx)
	}); err != nil {
		return err
	}
	out := newExport(r, as, l.experiment.Name+" runs")
	if l.state.Group == "" {
		out.head(l.runRecord(tracking.Run{}).names)
	} else {
		out.head(l.groupRecord(tracking.Group{}).names)
	}
	if l.state.Group != "" {
		for _, g := range l.groups {
			out.add(l.groupRecord(g))
		}
		return out.end()
	}
	for n := 0; ; {
		for _, run := range l.page.Items {
			out.add(l.runRecord(run))
		}
		if n += len(l.page.Items); l.page.Next == "" || n >= mostExported || out.err != nil {
			return out.end()
		}
		l.query.After = l.page.Next
		if err := route.See(r, portion); err != nil {
			out.fail(err)
			return nil
		}
	}
}

func (l *listing) runRecord(run tracking.Run) record {
	rec := record{
		names:  []string{"run_id", "run_name", "status", "start_time", "end_time", "user"},
		values: []any{run.ID, run.Name, string(run.Status), isoTime(run.StartTime), isoTime(run.EndTime), run.UserID},
	}
	for _, c := range l.columns {
		var value any
		if c.Kind() == "metrics" {
			if v := metricValue(&run, c.Name()); v != nil {
				value = *v
			}
		} else if text, ok := textValue(run, c); ok {
			value = text
		}
		rec.names, rec.values = append(rec.names, c.ID), append(rec.values, value)
	}
	return rec
}

func (l *listing) groupRecord(g tracking.Group) record {
	rec := record{names: []string{l.state.Group, "runs"}, values: []any{g.Value, float64(g.Runs)}}
	if g.Missing {
		rec.values[0] = nil
	}
	for _, c := range l.columns {
		m := g.Metrics[c.Name()]
		for _, part := range []struct {
			name string
			v    float64
			ok   bool
		}{{"mean", m.Mean, m.N > 0}, {"std", first(m.Std()), m.N > 1}, {"min", m.Min, m.N > 0}, {"max", m.Max, m.N > 0}, {"n", float64(m.N), true}} {
			var value any
			if part.ok {
				value = part.v
			}
			rec.names, rec.values = append(rec.names, c.ID+" "+part.name), append(rec.values, value)
		}
	}
	return rec
}

func first(v float64, _ bool) float64 { return v }

func isoTime(ms int64) any {
	if ms == 0 {
		return nil
	}
	return stamp(ms)
}

// stamp is an instant in files: ISO 8601 in UTC, with milliseconds.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// export writes records as they come.
type export struct {
	r    *route.Request
	csv  *csv.Writer
	json *bufio.Writer
	n    int
	err  error
}

func newExport(r *route.Request, as, name string) *export {
	h := r.Response().Header()
	h.Set("Content-Disposition", download.Disposition("attachment", name+"."+as))
	h.Set("Cache-Control", "no-store")
	e := &export{r: r}
	if as == "csv" {
		h.Set("Content-Type", "text/csv; charset=utf-8")
		e.csv = csv.NewWriter(r.Response())
	} else {
		h.Set("Content-Type", "application/json")
		e.json = bufio.NewWriter(r.Response())
		e.write("[")
	}
	return e
}

func (e *export) write(s string) {
	if _, err := e.json.WriteString(s); err != nil {
		e.err = err
	}
}

// head writes the names of the columns, in a format that has such a line.
func (e *export) head(names []string) {
	if e.csv == nil {
		return
	}
	heads := make([]string, len(names))
	for i, name := range names {
		heads[i] = download.SafeCSV(name)
	}
	e.err = e.csv.Write(heads)
}

// add writes one record. Every now and then it moves the deadline, so that a long export may take its time.
func (e *export) add(rec record) {
	if e.n%exportPortion == 0 {
		_ = http.NewResponseController(e.r.Response().Writer).SetWriteDeadline(time.Now().Add(time.Minute))
	}
	e.n++
	if e.csv != nil {
		e.addCSV(rec)
		return
	}
	if e.n > 1 {
		e.write(",")
	}
	e.write("\n{")
	for i, name := range rec.names {
		if i > 0 {
			e.write(", ")
		}
		value := rec.values[i]
		if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			value = strconv.FormatFloat(f, 'g', -1, 64) // JSON has no NaN
		}
		key, err1 := json.Marshal(name)
		text, err2 := json.Marshal(value)
		if err1 != nil || err2 != nil {
			e.err = fmt.Errorf("export: %w, %w", err1, err2)
			return
		}
		e.write(string(key) + ": " + string(text))
	}
	e.write("}")
}

func (e *export) addCSV(rec record) {
	line := make([]string, len(rec.values))
	for i, v := range rec.values {
		switch v := v.(type) {
		case string:
			line[i] = download.SafeCSV(v)
		case float64:
			line[i] = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	if err := e.csv.Write(line); err != nil {
		e.err = err
	}
}

func (e *export) end() error {
	if e.csv != nil {
		e.csv.Flush()
		return e.csv.Error()
	}
	e.write("\n]\n")
	return e.json.Flush()
}

// fail breaks the connection: half an export must not look like a whole one.
func (e *export) fail(err error) {
	e.r.Log.WarnContext(e.r.Ctx(), "export failed", "error", err.Error())
	panic(http.ErrAbortHandler)
}
