package component

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// The box of a sparkline, in pixels, with room for the width of its line.
const (
	sparkWidth, sparkHeight, sparkInset = 72.0, 22.0, 2.0
	sparkPoints                         = 40 // more than this cannot be told apart
)

type sparkCurve struct{ line, area string }

// spark scales values into the box. Values that are not numbers are left out.
func spark(values []float64) (sparkCurve, bool) {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) < 2 {
		return sparkCurve{}, false
	}
	values = thin(values, sparkPoints)
	low, high := slices.Min(values), slices.Max(values)
	var points []string
	var c sparkCurve
	end := ""
	for i, v := range values {
		x := sparkInset + float64(i)/float64(len(values)-1)*(sparkWidth-2*sparkInset)
		y := sparkHeight / 2
		if high > low {
			y = sparkHeight - sparkInset - (v/2-low/2)/(high/2-low/2)*(sparkHeight-2*sparkInset)
		}
		end = coordinate(x)
		points = append(points, end+","+coordinate(y))
	}
	c.line = strings.Join(points, " ")
	bottom := coordinate(sparkHeight)
	c.area = "M" + coordinate(sparkInset) + "," + bottom + " L" + strings.Join(points, " L") + " L" + end + "," + bottom + "Z"
	return c, true
}

// thin keeps n values at equal distances, the first and the last among them.
func thin(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	kept := make([]float64, n)
	for i := range kept {
		kept[i] = values[i*(len(values)-1)/(n-1)]
	}
	return kept
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
