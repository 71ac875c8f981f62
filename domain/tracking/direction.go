package tracking

import (
	"strings"
	"unicode"
)

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
	lowerWords  = []string{"loss", "logloss", "error", "errors", "err", "rmse", "mae", "mse", "msle", "rmsle", "mape", "smape", "wape", "latency", "perplexity", "ppl", "brier", "wer", "cer"}
	higherWords = []string{"auc", "auroc", "auprc", "acc", "accuracy", "f1", "precision", "recall", "r2", "score", "ap", "map", "ndcg", "mrr", "iou", "bleu", "rouge", "rougel", "dice", "reward", "return", "groundedness", "faithfulness", "relevance", "correctness"}
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
