package tracking

import (
	"context"
	"strings"
	"unicode"

	"github.com/slipway-ml/slipway/domain/access"
)

// FoundRun is a run that a search found, without its lists, with its experiment's name.
type FoundRun struct {
	Run
	Experiment string
}

// FoundModel is a logged model that a search found, without its lists, with its experiment's name.
type FoundModel struct {
	LoggedModel
	Experiment string
}

// FoundTag is a tag that runs of an experiment have. Where the search looked for a key its Value is empty and Runs 0.
type FoundTag struct {
	Key, Value   string
	ExperimentID string
	Experiment   string
	Runs         int64
	AtLeast      bool // there may be more runs
}

// FindTx is what the search asks of a transaction; *storage.Tx answers. Texts are compared without regard to the case
// of ASCII letters; most bounds the answer.
type FindTx interface {
	// FindExperiments finds active ones whose name contains words, or whose id is words, the latest changed first.
	FindExperiments(ctx context.Context, workspace, words string, most int) ([]Experiment, error)
	// FindRuns finds active ones whose id begins with words, then those whose name contains them in its first 200
	// characters, the latest begun first.
	FindRuns(ctx context.Context, workspace, words string, most int) ([]FoundRun, error)
	FindLoggedModels(ctx context.Context, workspace, words string, most int) ([]FoundModel, error)
	// FindTagValues finds tags of active runs whose value begins with value and, if key is not "", whose key is key;
	// FindTagKeys those whose key contains part. Tags that clients set for themselves (mlflow.…) are left out.
	FindTagValues(ctx context.Context, workspace, key, value string, most int) ([]FoundTag, error)
	FindTagKeys(ctx context.Context, workspace, part string, most int) ([]FoundTag, error)
}

const maxWords = 200

// CleanWords is what of a text can be searched for: without control characters and outer white space, not too long.
func CleanWords(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.TrimSpace(truncate(strings.TrimSpace(s), maxWords))
}

// FindExperiments finds experiments by a part of their name, or by their id.
func FindExperiments(ctx context.Context, tx FindTx, g access.Grant, words string, most int) ([]Experiment, error) {
	if err := g.Need(access.ExperimentRead, g.Workspace()); err != nil || words == "" {
		return nil, err
	}
	return tx.FindExperiments(ctx, g.Workspace(), words, most)
}

// FindRuns finds runs by a part of their name, or by the beginning of their id.
func FindRuns(ctx context.Context, tx FindTx, g access.Grant, words string, most int) ([]FoundRun, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil || words == "" {
		return nil, err
	}
	return tx.FindRuns(ctx, g.Workspace(), words, most)
}

// FindLoggedModels finds logged models by a part of their name, or by the beginning of their id.
func FindLoggedModels(ctx context.Context, tx FindTx, g access.Grant, words string, most int) ([]FoundModel, error) {
	if err := g.Need(access.LoggedModelRead, g.Workspace()); err != nil || words == "" {
		return nil, err
	}
	return tx.FindLoggedModels(ctx, g.Workspace(), words, most)
}

// FindTags finds tags of runs: "risk" by the beginning of the value, then by a part of the key; "team: risk" and
// "team=risk" by the key and the beginning of the value.
func FindTags(ctx context.Context, tx FindTx, g access.Grant, words string, most int) ([]FoundTag, error) {
	if err := g.Need(access.RunRead, g.Workspace()); err != nil || words == "" {
		return nil, err
	}
	if at := strings.IndexAny(words, ":="); at > 0 {
		key, value := strings.TrimSpace(words[:at]), strings.TrimSpace(words[at+1:])
		if found, err := tx.FindTagValues(ctx, g.Workspace(), key, value, most); err != nil || len(found) > 0 {
			return found, err
		}
	}
	found, err := tx.FindTagValues(ctx, g.Workspace(), "", words, most)
	if err != nil || len(found) >= most {
		return found, err
	}
	keys, err := tx.FindTagKeys(ctx, g.Workspace(), words, most-len(found))
	return append(found, keys...), err
}
