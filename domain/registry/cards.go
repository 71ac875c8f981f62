package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// Card is a revision of the card of a version; it is written once.
type Card struct {
	ModelID   string
	Version   int64 // whose card it is; later versions have it until they have one of their own
	Revision  int64 // 1, 2, 3 … within the version; 0 = there is no card
	Card      card.Card
	Digest    string // SHA-256 of the canonical JSON of Card, in hexadecimal digits
	CreatedAt int64
	CreatedBy string
}

// CardTx is what cards ask of a transaction besides.
type CardTx interface {
	Tx
	// CardOf finds the last revision of the card of the greatest version that is not above a number; NotFound if there
	// is none.
	CardOf(ctx context.Context, model string, version int64) (Card, error)
	AddCard(ctx context.Context, c Card) error
}

// CardOf finds the card that a version has: its own, or that of the version before it. Without any, it is the zero Card.
func CardOf(ctx context.Context, tx CardTx, g access.Grant, name string, number int64) (Card, error) {
	m, v, err := version(ctx, tx, g, access.ModelRead, name, number)
	if err != nil {
		return Card{}, err
	}
	return cardOf(ctx, tx, m, v)
}

func cardOf(ctx context.Context, tx CardTx, m Model, v Version) (Card, error) {
	c, err := tx.CardOf(ctx, m.ID, v.Number)
	if domain.KindOf(err) == domain.NotFound {
		return Card{}, nil
	}
	return c, err
}

// SaveCard writes the next revision of the card of a version, which itself stays as it is. was is the card that the
// change began from, of which version and revision are used: a Conflict tells that somebody saved another one since.
func SaveCard(ctx context.Context, tx CardTx, g access.Grant, name string, number int64, was Card, text card.Card, now time.Time) (Card, error) {
	m, v, err := version(ctx, tx, g, access.ModelWrite, name, number)
	if err != nil {
		return Card{}, err
	}
	is, err := cardOf(ctx, tx, m, v)
	if err != nil {
		return is, err
	}
	if is.Version != was.Version || is.Revision != was.Revision {
		return is, domain.Fail(domain.Conflict, "registry.card_changed", "somebody else saved the card meanwhile: look at it in another window, then save again to replace it")
	}
	next := Card{ModelID: m.ID, Version: v.Number, Revision: 1, CreatedAt: now.UnixMilli(), CreatedBy: me(g)}
	if is.Version == v.Number {
		next.Revision += is.Revision
	}
	if next.Card, err = card.Clean(text); err != nil {
		return next, err
	}
	if next.Digest, err = next.Card.Digest(); err != nil {
		return next, err
	}
	if err := tx.AddCard(ctx, next); err != nil {
		return next, err
	}
	return next, tx.Emit(ctx, event.Event{Kind: "card.saved", Subject: v.ID, Data: map[string]any{
		"model": v.Model, "version": v.number(), "revision": next.Revision, "digest": next.Digest,
	}})
}

// Facts is what is known of a version without asking anyone: from its manifest m and the metrics of the run and the
// logged model that it was made from, either of which may be zero. The trainer is an actor's id.
func (v Version) Facts(m Manifest, run tracking.Run, logged tracking.LoggedModel) card.Facts {
	f := card.Facts{Name: v.Model, Version: v.number(), Digest: v.Digest, Source: card.Source{Run: v.RunID, Trainer: run.CreatedBy}}
	if m.Code != nil {
		f.Source.Repository, f.Source.Commit = m.Code.Repository, m.Code.Commit
	}
	for _, file := range m.Files {
		f.Files = append(f.Files, card.File(file))
	}
	for _, x := range Measured(run, logged) {
		f.Metrics = append(f.Metrics, card.Metric{Name: x.Key, Value: x.Value, Dataset: x.DatasetName, DatasetDigest: x.DatasetDigest})
	}
	for name, value := range m.Params {
		f.Parameters = append(f.Parameters, card.Parameter{Name: name, Value: value})
	}
	slices.SortFunc(f.Parameters, func(a, b card.Parameter) int { return strings.Compare(a.Name, b.Name) })
	for _, flavor := range m.Flavors {
		if flavor != "python_function" { // any library has that one too
			f.Library.Name = flavor
			break
		}
	}
	for _, d := range m.Data {
		f.Datasets = append(f.Datasets, card.Dataset{Name: d.Name, Digest: d.Digest, Use: useOf(d.Context)})
	}
	if s := m.Signature; s != nil {
		f.Inputs, f.Outputs = ports(s.Inputs), ports(s.Outputs)
	}
	return f
}

// useOf is what data was used for, in the words that clients have for it.
func useOf(context string) card.Use {
	switch strings.ToLower(context) {
	case "train", "training":
		return card.Training
	case "val", "valid", "validation":
		return card.Validation
	case "eval", "evaluation", "test", "testing":
		return card.Evaluation
	}
	return ""
}

func ports(part []byte) (out []card.Port) {
	for _, f := range Fields(part) {
		p := card.Port{Name: f.Name, Type: f.Type, Optional: f.Optional}
		if kind, shape, tensor := strings.Cut(f.Type, " ["); tensor && strings.HasPrefix(kind, "tensor ") {
			p.Type, p.Shape = kind, "["+shape
		}
		out = append(out, p)
	}
	return out
}

// Measured is the metrics of a version: those of its logged model or, where it has none, the last ones of its run.
func Measured(run tracking.Run, logged tracking.LoggedModel) (out []tracking.Metric) {
	if len(logged.Metrics) == 0 {
		return slices.Clone(run.Metrics)
	}
	at := map[[2]string]int{}
	for _, m := range logged.Metrics { // the latest of each
		key := [2]string{m.Key, m.DatasetName}
		i, known := at[key]
		switch {
		case !known:
			at[key] = len(out)
			out = append(out, m)
		case m.Step > out[i].Step || m.Step == out[i].Step && m.Timestamp >= out[i].Timestamp:
			out[i] = m
		}
	}
	return out
}
