package tracking

import (
	"github.com/slipway-ml/slipway/domain/stats"
)

// Axis is what a curve runs along.
type Axis string

// The axes: steps, milliseconds since 1970, and milliseconds since the run began (or, where nobody said when that
// was, since its first point).
const (
	StepAxis     Axis = "step"
	TimeAxis     Axis = "time"
	RelativeAxis Axis = "relative"
)

// CurveQuery asks for a curve along an axis.
type CurveQuery struct {
	Axis     Axis
	From, To *int64 // in units of the axis; nil = no bound
}

// Curve is one metric of one run along an axis, in its order.
type Curve struct {
	X []int64
	c *curve
}

// CurveOf decodes h, a history of run, along an axis. It asks nothing of a transaction, so that long
// histories are decoded after theirs has ended.
func CurveOf(run Run, h History, q CurveQuery) (Curve, error) {
	c, err := columnsOf(h)
	if err != nil {
		return Curve{}, err
	}
	xs := c.times
	switch q.Axis {
	case StepAxis:
		c.sortBy(c.steps)
		xs = c.steps
	case TimeAxis: // so they come
	case RelativeAxis:
		origin := run.StartTime
		if origin == 0 && len(c.times) > 0 {
			origin = c.times[0] // the first: histories are in order of time
		}
		xs = make([]int64, len(c.times))
		for i, t := range c.times {
			xs[i] = t - origin
		}
	}
	return Curve{c.keep(xs, q.From, q.To), c}, nil
}

// Len is the number of points.
func (c Curve) Len() int { return len(c.X) }

// Values are the values at c.X.
func (c Curve) Values() []float64 { return c.c.values }

// Point is a point of a curve with its place on the axis.
type Point struct {
	X int64
	Metric
}

// Shown are at most n points that look like all of them; the lowest and the highest value are among them.
func (c Curve) Shown(key string, n int) []Point {
	at := stats.Shape(c.X, c.c.values, n)
	ms := c.c.pick(key, at)
	out := make([]Point, len(at))
	for i, from := range at {
		out[i] = Point{c.X[from], ms[i]}
	}
	return out
}
