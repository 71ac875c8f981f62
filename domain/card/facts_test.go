package card

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFill(t *testing.T) {
	c := Card{
		Name: "typed", Version: "99", Owner: "Ann", Source: Source{Trainer: "typed"}, Parameters: []Parameter{{"typed", "1"}},
		Library: Library{Name: "sklearn", Version: "1"}, Relation: Merge, BaseModels: []BaseModel{{Name: "fraud-base", Version: "1"}, {Name: "other"}},
		Inputs:   []Port{{Name: "amount", Type: "string", Description: "in euro"}, {Name: "typed", Origin: Measured}},
		Datasets: []Dataset{{Name: "transactions-oct", Digest: "old", Source: "typed", PersonalData: Yes, Licence: "MIT"}, {Name: "transactions-oct", Use: Evaluation}},
		Metrics: []Metric{
			{Name: "VAL_AUC", Value: 1, Origin: Measured},                      // same name, no data named
			{Name: "val_auc", Value: 1, Dataset: "fraud-holdout"},              // same name and data
			{Name: "val_auc", Value: 2, Slice: "new"},                          // another slice
			{Name: "val_auc", Value: 3, Dataset: "other"},                      // other data
			{Name: "recall", Value: 4, Origin: Measured},                       // nobody measured it
			{Name: "broken", Value: 5}, {Name: "broken", Value: 6, Slice: "x"}, // measured, but no number
		},
	}
	f := someFacts()
	f.Metrics = append(f.Metrics, Metric{Name: "broken", Value: math.NaN(), Dataset: "d"})
	want := Card{
		Name: "fraud-scorer", Version: "42", Owner: "Ann", Source: f.Source, Parameters: f.Parameters,
		Library: Library{Name: "xgboost", Version: "2.1.1", Origin: Measured}, Relation: Merge,
		BaseModels: []BaseModel{{Name: "fraud-base", Version: "4", Digest: f.BaseModels[0].Digest, Origin: Measured}, {Name: "other", Origin: Declared}},
		Inputs:     []Port{{Name: "amount", Type: "float", Description: "in euro", Origin: Measured}, {Name: "typed", Origin: Declared}},
		Outputs:    []Port{{Type: "double", Origin: Measured}},
		Datasets: []Dataset{
			{Name: "transactions-oct", Digest: "9e9e", Source: "s3://acme/tx/7", Use: Training, PersonalData: Yes, Licence: "MIT", Origin: Measured},
			{Name: "transactions-oct", Use: Evaluation, Origin: Declared},
		},
		Metrics: []Metric{
			{Name: "val_auc", Value: 0.9412, Dataset: "fraud-holdout", DatasetDigest: "12ab", Origin: Measured},
			{Name: "val_auc", Value: 2, Slice: "new", Origin: Declared},
			{Name: "val_auc", Value: 3, Dataset: "other", Origin: Declared},
			{Name: "recall", Value: 4, Origin: Declared},
			{Name: "broken", Value: 6, Slice: "x", Origin: Declared},
		},
	}
	got := Fill(c, f)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, Fill(got, f)); diff != "" {
		t.Errorf("filled again (-once +again):\n%s", diff)
	}
	if c.Datasets[0].Digest != "old" || c.Metrics[0].Origin != Measured || f.Library.Origin != "" || f.Metrics[0].Origin != "" {
		t.Error("what was given was changed")
	}
	if got := Fill(c, Facts{BaseModels: f.BaseModels, Relation: Quantized}).Relation; got != Quantized {
		t.Errorf("the relation is %q", got)
	}
}

func TestFillDatasetsByDigest(t *testing.T) {
	declared := []Dataset{{Name: "d", Digest: "2", CutOff: "2002"}, {Name: "d", Digest: "1", CutOff: "2001"}, {Name: "d", Digest: "0", CutOff: "2000"}, {Name: "d", CutOff: "1999"}}
	facts := []Dataset{{Name: "d", Digest: "1"}, {Name: "d", Digest: "3"}, {Name: "d", Digest: "2"}}
	var got []string
	for _, d := range Fill(Card{Datasets: declared}, Facts{Datasets: facts}).Datasets {
		got = append(got, d.Digest+" "+d.CutOff+" "+string(d.Origin))
	}
	if diff := cmp.Diff([]string{"1 2001 measured", "3 2000 measured", "2 2002 measured", " 1999 declared"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever a card claims: only facts are measured, all finite ones are, and filling twice changes nothing.
func TestOnlyFactsAreMeasured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, from := anyCard().Draw(t, "card"), anyCard().Draw(t, "facts")
		for i := range c.Metrics {
			c.Metrics[i].Origin = Measured
		}
		f := Facts{Metrics: from.Metrics, Datasets: from.Datasets, Inputs: from.Inputs, BaseModels: from.BaseModels, Library: from.Library}
		got := Fill(c, f)
		var measured []Metric
		for _, m := range got.Metrics {
			if m.Origin == Measured {
				m.Origin = ""
				measured = append(measured, m)
			}
		}
		if diff := cmp.Diff(slices.Clip(f.Metrics[:len(f.Metrics):len(f.Metrics)]), slices.Clip(measured)); diff != "" && len(f.Metrics)+len(measured) > 0 {
			t.Fatalf("measured metrics (-facts +card):\n%s", diff)
		}
		n := 0
		for _, d := range got.Datasets {
			if d.Origin == Measured {
				n++
			}
		}
		if n != len(f.Datasets) {
			t.Fatalf("%d of %d data sets are measured", n, len(f.Datasets))
		}
		if diff := cmp.Diff(got, Fill(got, f)); diff != "" {
			t.Fatalf("filled again (-once +again):\n%s", diff)
		}
	})
}

func TestSecretsAreLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		"https://ann:secret@example.org/a?b=c": "https://example.org/a?b=c", "https://token@example.org/a": "https://example.org/a", "postgres://ann:secret@db/x": "postgres://db/x",
		"ssh://git@example.org/a": "ssh://git@example.org/a", "git@github.com:a/b.git": "git@github.com:a/b.git", "postgres://ann@db/x": "postgres://ann@db/x", "a@b": "a@b", "": "", "%zz@": "%zz@",
	} {
		c, err := Clean(Card{Datasets: []Dataset{{Name: "a", Source: in}}})
		if err != nil {
			t.Fatal(err)
		}
		filled := Fill(Card{}, Facts{Datasets: []Dataset{{Name: "a", Source: in}}, Source: Source{Repository: in}})
		if got := []string{c.Datasets[0].Source, filled.Datasets[0].Source, filled.Source.Repository}; got[0] != want || got[1] != want || got[2] != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
