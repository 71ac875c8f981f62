package chart

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	p := Line{ID: ID(1), Title: "loss", Series: []Series{
		{"train", []Point{{0, 0.5}, {1, math.NaN()}, {2, 0.25}}},
		{"val", []Point{{0, 0.75}, {3, 0.5}}},
		{"none", nil},
	}}.Props(context.Background())
	if diff := cmp.Diff([][]string{
		{"0", "0.5", "0.75", "—"}, {"1", "NaN", "—", "—"}, {"2", "0.25", "—", "—"}, {"3", "—", "0.5", "—"},
	}, p.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Step", "train", "val", "none"}, p.Columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	for _, part := range []string{"val", "0.75", "no values"} {
		if !strings.Contains(p.Sentence, part) {
			t.Errorf("the sentence lacks %q: %s", part, p.Sentence)
		}
	}
	text, err := json.Marshal(p.Option)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[1,"-"]`; !strings.Contains(string(text), want) {
		t.Errorf("a value that is not a number is not a gap: %s", text)
	}
}

func TestTheTableOfALongSeriesIsShort(t *testing.T) {
	points := make([]Point, 2000)
	for i := range points {
		points[i] = Point{float64(i), float64(i)}
	}
	rows := Line{Series: []Series{{"x", points}}}.Props(context.Background()).Rows
	if len(rows) != tableRows || rows[0][0] != "0" || rows[len(rows)-1][0] != "1,999" {
		t.Errorf("%d rows from %s to %s", len(rows), rows[0][0], rows[len(rows)-1][0])
	}
}
