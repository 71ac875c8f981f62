package registry

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// Answer is what is known of one question about a version.
type Answer string

// The answers. Bad is a known fault, Missing something that nobody has given, Waiting what a job still finds out.
const (
	Good    Answer = "good"
	Missing Answer = "missing"
	Bad     Answer = "bad"
	Waiting Answer = "waiting"
)

// Check is one line of "Is it ready?". Key names the question: held, usable, signature, example, code, data, metrics,
// scan or card. N and Of count where that says more than the answer does.
type Check struct {
	Key    string
	Answer Answer
	N, Of  int
}

// Known is what is known of a version besides its manifest.
type Known struct {
	Metrics   int    // how many metrics were measured
	Scan      string // the verdict of the scan, "" while there is none
	CardDone  int    // sections of the card that are filled
	CardTotal int    // sections that this kind of model needs; 0 = nothing is known of a card
}

// Readiness answers what a reviewer asks first of a version. It is a help for people and no gate.
func (v Version) Readiness(m Manifest, k Known) []Check {
	yes := func(ok bool) Answer {
		if ok {
			return Good
		}
		return Missing
	}
	held := yes(v.Standing == Pinned)
	if v.Broken != "" {
		held = Bad
	}
	usable := Good
	if v.Revoked() {
		usable = Bad
	}
	scan := map[string]Answer{"": Waiting, "clean": Good, "notice": Good, "inconclusive": Missing}
	scanned, known := scan[k.Scan]
	if !known {
		scanned = Bad
	}
	if v.Standing != Pinned {
		scanned = Missing
	}
	known = false
	for _, d := range m.Data {
		known = known || d.Digest != ""
	}
	out := []Check{
		{Key: "usable", Answer: usable},
		{Key: "held", Answer: held},
		{Key: "signature", Answer: yes(m.Signature != nil)},
		{Key: "example", Answer: yes(m.Example != "")},
		{Key: "code", Answer: yes(m.Code != nil && m.Code.Commit != "")},
		{Key: "data", Answer: yes(known), N: len(m.Data)},
		{Key: "metrics", Answer: yes(k.Metrics > 0), N: k.Metrics},
		{Key: "scan", Answer: scanned},
	}
	if k.CardTotal > 0 {
		out = append(out, Check{Key: "card", Answer: yes(k.CardDone == k.CardTotal), N: k.CardDone, Of: k.CardTotal})
	}
	return out
}

// Field is one input, output or parameter of a signature.
type Field struct {
	Name     string
	Type     string // "double", "tensor float64 [-1, 4]"
	Optional bool
	Default  string // of a parameter
}

// Fields lists what one part of a signature has. A text in another form has none.
func Fields(part json.RawMessage) (out []Field) {
	var specs []struct {
		Name     string `json:"name"`
		Type     any    `json:"type"`
		Required *bool  `json:"required"`
		Optional bool   `json:"optional"`
		Default  any    `json:"default"`
		Tensor   *struct {
			Type  string  `json:"dtype"`
			Shape []int64 `json:"shape"`
		} `json:"tensor-spec"`
	}
	if json.Unmarshal(part, &specs) != nil {
		return nil
	}
	for _, s := range specs {
		f := Field{Name: s.Name, Optional: s.Optional || s.Required != nil && !*s.Required}
		switch t, plain := s.Type.(string); {
		case s.Tensor != nil:
			f.Type = "tensor " + s.Tensor.Type + " " + list(s.Tensor.Shape)
		case plain:
			f.Type = t
		default:
			f.Type = compact(s.Type)
		}
		if s.Default != nil {
			f.Default = compact(s.Default)
		}
		out = append(out, f)
	}
	return out
}

func list(ns []int64) string {
	texts := make([]string, len(ns))
	for i, n := range ns {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return domain.Short(string(b))
}

// PageTx is what the pages of the registry ask besides.
type PageTx interface {
	Tx
	// VersionsBelow lists versions of a model that are not in the trash, from the highest below a number down; 0 is the
	// top.
	VersionsBelow(ctx context.Context, model string, below int64, limit int) ([]Version, error)
	CountVersions(ctx context.Context, model string) (int64, error)
	// Moves lists the history of a model, the newest first: of one alias or version if a subject is given.
	Moves(ctx context.Context, model string, kind MoveKind, subject string, most int) ([]Move, error)
	VersionsOfRun(ctx context.Context, workspace, run string, most int) ([]Version, error)
	FindModels(ctx context.Context, workspace, words string, most int) ([]Model, error)
	ScanOf(ctx context.Context, version string) (Scan, error)
}

// Scan is what was found in the files of a version.
type Scan struct {
	VersionID string
	Verdict   string // one of package scan's
	Report    string // JSON
	At        int64
}

// History is the moves of a model's aliases and stages, the newest first, and the model.
func History(ctx context.Context, tx PageTx, g access.Grant, name string, kind MoveKind, subject string, most int) (Model, []Move, error) {
	m, err := model(ctx, tx, g, access.ModelRead, name)
	if err != nil {
		return m, nil, err
	}
	moves, err := tx.Moves(ctx, m.ID, kind, subject, most)
	return m, moves, err
}

// FindModels finds models that keep no prompts by a part of their name, the latest changed first.
func FindModels(ctx context.Context, tx PageTx, g access.Grant, words string, most int) ([]Model, error) {
	if err := g.Need(access.ModelRead, g.Workspace()); err != nil || words == "" {
		return nil, err
	}
	return tx.FindModels(ctx, g.Workspace(), words, most)
}
