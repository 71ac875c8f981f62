package tracking

import (
	"context"
	"strings"
	"unicode"

	"github.com/slipway-ml/slipway/domain/access"
)

// MaxCompared is how many runs one page compares.
const MaxCompared = 20

// CompareTx is what a comparison asks of a transaction; *storage.Tx answers.
type CompareTx interface {
	RunsIn(ctx context.Context, ids []string) ([]Run, error) // without their lists, in any order
	KeyUses(ctx context.Context, kind string, ids []string) ([]KeyUse, error)
	TextsIn(ctx context.Context, kind string, ids, keys []string) ([]RunText, error)
	MetricsIn(ctx context.Context, ids, keys []string) ([]Metric, error) // the latest of each, with RunID
	DatasetsIn(ctx context.Context, ids []string) ([]RunText, error)     // Key is the name and the use of a data set, Value its digest
	ImagesBelow(ctx context.Context, workspace, folder string, most int) ([]string, error)
	NamedRuns(ctx context.Context, experiment, part string, most int) ([]Run, error)
}

// The kinds of keys that runs have.
const (
	KindMetric = "metric"
	KindParam  = "param"
	KindTag    = "tag"
)

// KeyUse is how some runs use one key.
type KeyUse struct {
	Key     string
	Runs    int   // how many of them have it
	Differs bool  // those that have it do not all have the same value
	Step    int64 // of a metric: the greatest of its last steps
}

// RunText is the text that a run has under a key.
type RunText struct{ RunID, Key, Value string }

// RunsByID finds runs of the selected workspace, also deleted ones, in the order of ids and without their
// lists. An id that is not there, or given before, is left out.
func RunsByID(ctx context.Context, tx CompareTx, g access.Grant, ids []string) ([]Run, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil {
		return nil, err
	}
	found, err := tx.RunsIn(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]Run, len(found))
	for _, r := range found {
		if r.Workspace == g.Workspace() {
			byID[r.ID] = r
		}
	}
	var out []Run
	for _, id := range ids {
		if r, ok := byID[id]; ok {
			out = append(out, r)
			delete(byID, id)
		}
	}
	return out, nil
}

// Direction is which values of a metric are better.
type Direction int

// The directions; most metrics say nothing of theirs.
const (
	Unknown Direction = iota
	LowerIsBetter
	HigherIsBetter
)

// words of metric names that tell the direction.
var (
	lowerWords  = []string{"loss", "logloss", "error", "errors", "err", "rmse", "mae", "mse", "msle", "rmsle", "mape", "smape", "latency", "perplexity", "brier", "wer", "cer"}
	higherWords = []string{"auc", "auroc", "auprc", "acc", "accuracy", "f1", "precision", "recall", "r2", "score", "ap", "map", "ndcg", "mrr", "iou", "bleu", "rouge"}
)

// MetricDirection guesses from a metric's name which values are better. It is a heuristic: names are taken apart
// at everything but letters and digits, a word that ends in a known one counts too (rocauc, valloss), words
// for what should be low win over "score" (brier_score_loss), and a leading neg turns it round
// (scikit-learn's neg_mean_squared_error). Whatever else is Unknown, and shown without judgement.
func MetricDirection(key string) Direction {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	d := Unknown
	switch {
	case anyWord(words, lowerWords):
		d = LowerIsBetter
	case anyWord(words, higherWords):
		d = HigherIsBetter
	}
	for _, w := range words {
		if w == "neg" && d != Unknown {
			return LowerIsBetter + HigherIsBetter - d
		}
	}
	return d
}

// longEnough is how long a known word is that may also end another: "ap" and "err" end too many.
const longEnough = 4

func anyWord(words, known []string) bool {
	for _, w := range words {
		for _, k := range known {
			if w == k || (len(k) >= longEnough || k == "auc" || k == "mse" || k == "mae") && strings.HasSuffix(w, k) {
				return true
			}
		}
	}
	return false
}
