// Package chart turns series of numbers into what a chart card needs: an option for the drawing, a sentence and
// a table with the same data. How a chart looks is decided in the browser, from the design tokens.
package chart

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
)

// Point is one value of a series at a step.
type Point struct{ X, Y float64 }

// Series is one named curve, its points in the order of X.
type Series struct {
	Name   string
	Points []Point
}

// Line is a chart of curves over steps.
type Line struct {
	ID     string // unique in the page
	Title  string
	Sub    string
	XName  string // what X counts; empty says "Step"
	Series []Series
}

// tableRows is how many rows the table beside a chart has: the first, the last, and some between.
const tableRows = 12

// Props are what component.Chart shows.
func (l Line) Props(ctx context.Context) component.ChartProps {
	if l.XName == "" {
		l.XName = i18n.T(ctx, "chart.step")
	}
	columns := []string{l.XName}
	for _, s := range l.Series {
		columns = append(columns, s.Name)
	}
	return component.ChartProps{
		ID: l.ID, Title: l.Title, Sub: l.Sub, Sentence: Sentence(ctx, l.Series), Option: l.option(), Columns: columns, Rows: l.rows(ctx),
	}
}

// option is the drawing. Values that are not finite are gaps.
func (l Line) option() any {
	line := charts.NewLine()
	line.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "value", Name: l.XName}),
		charts.WithYAxisOpts(opts.YAxis{Type: "value"}),
	)
	for _, s := range l.Series {
		data := make([]opts.LineData, len(s.Points))
		for i, p := range s.Points {
			data[i] = opts.LineData{Value: []any{p.X, finite(p.Y)}}
		}
		line.AddSeries(s.Name, data)
	}
	line.Validate()
	all := line.JSON()
	return map[string]any{"xAxis": all["xAxis"], "yAxis": all["yAxis"], "series": all["series"]}
}

func finite(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return v
}

// Sentence says what curves show, for somebody who does not see them.
func Sentence(ctx context.Context, all []Series) string {
	said := ""
	for _, s := range all {
		if said != "" {
			said += " "
		}
		if len(s.Points) == 0 {
			said += i18n.T(ctx, "chart.sentence_empty", s.Name)
			continue
		}
		low, high := s.Points[0].Y, s.Points[0].Y
		for _, p := range s.Points {
			low, high = math.Min(low, p.Y), math.Max(high, p.Y)
		}
		said += i18n.N(ctx, "chart.sentence", int64(len(s.Points)), s.Name,
			format.Number(ctx, s.Points[0].Y), format.Number(ctx, s.Points[len(s.Points)-1].Y), format.Number(ctx, low), format.Number(ctx, high))
	}
	return said
}

func (l Line) rows(ctx context.Context) [][]string {
	values := map[float64][]*float64{}
	for i, s := range l.Series {
		for j, p := range s.Points {
			if values[p.X] == nil {
				values[p.X] = make([]*float64, len(l.Series))
			}
			values[p.X][i] = &s.Points[j].Y
		}
	}
	steps := make([]float64, 0, len(values))
	for x := range values {
		steps = append(steps, x)
	}
	slices.Sort(steps)
	steps = spread(steps, tableRows)
	rows := make([][]string, len(steps))
	for r, x := range steps {
		rows[r] = make([]string, 1+len(l.Series))
		rows[r][0] = format.Number(ctx, x)
		for i, v := range values[x] {
			rows[r][i+1] = format.Missing
			if v != nil {
				rows[r][i+1] = format.Number(ctx, *v)
			}
		}
	}
	return rows
}

// spread keeps n of all at equal distances, the first and the last among them.
func spread(all []float64, n int) []float64 {
	if len(all) <= n {
		return all
	}
	kept := make([]float64, n)
	for i := range kept {
		kept[i] = all[i*(len(all)-1)/(n-1)]
	}
	return kept
}

// ID makes the id of the n-th chart of a page.
func ID(n int) string { return "chart-" + strconv.Itoa(n) }

// Letter names the i-th of the things that are compared: A, B, C …
func Letter(i int) string { return string(rune('A' + i)) }
