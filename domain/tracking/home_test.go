package tracking

import (
	"testing"
)

func TestTelling(t *testing.T) {
	for _, c := range []struct {
		name string
		ms   []Metric
		want string
	}{
		{"nothing", nil, ""},
		{"one", []Metric{{Key: "x"}}, "x"},
		{"held-out data first", []Metric{{Key: "train_auc"}, {Key: "val_auc"}}, "val_auc"},
		{"quality before loss", []Metric{{Key: "val/loss", Step: 100}, {Key: "f1"}}, "f1"},
		{"loss before what says nothing", []Metric{{Key: "alpha"}, {Key: "train loss"}}, "train loss"},
		{"a curve before a value", []Metric{{Key: "accuracy"}, {Key: "b_accuracy", Step: 3}}, "b_accuracy"},
		{"not the machine", []Metric{{Key: "system/cpu", Step: 9}, {Key: "zeta"}}, "zeta"},
		{"not the settings", []Metric{{Key: "learning_rate", Step: 9}, {Key: "epoch", Step: 9}, {Key: "wobble"}}, "wobble"},
		{"words, not parts of words", []Metric{{Key: "evaluate_me"}, {Key: "accost"}}, "accost"},
		{"any case", []Metric{{Key: "Loss"}, {Key: "Test.AUC"}}, "Test.AUC"},
		{"the alphabet decides", []Metric{{Key: "val_f1"}, {Key: "val_acc"}}, "val_acc"},
	} {
		if got := Telling(c.ms).Key; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
