package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/markdown"
)

func listPromotions(r *route.Request, tx *storage.Tx) (reply, error) {
	most, err := limit(r)
	if err != nil {
		return reply{}, err
	}
	q := promotion.Query{State: promotion.State(r.QueryParam("state")), Author: r.QueryParam("author"), Most: most + 1}
	if q.State == "open" {
		q.Open, q.State = true, ""
	}
	if q.State != "" && !slices.Contains(promotion.States, q.State) {
		return reply{}, domain.Fail(domain.Invalid, "api.state", "unknown state %s: use open, or one of the states that a promotion can have", domain.Short(strings.ToValidUTF8(string(q.State), "?")))
	}
	if err := readCursor(r, "promotions", &q.Below); err != nil {
		return reply{}, err
	}
	if q, err = promotion.Among(r.Ctx(), tx, r.Grant, q, r.QueryParam("environment"), r.QueryParam("model")); err != nil {
		return reply{}, err
	}
	found, err := promotion.List(r.Ctx(), tx, r.Grant, q)
	if err != nil {
		return reply{}, err
	}
	found, next, err := page(found, most, "promotions", func(p promotion.Listed) any { return p.Number })
	if err != nil {
		return reply{}, err
	}
	var ids []string
	for _, p := range found {
		ids = append(ids, p.Author, p.Editor)
	}
	names, err := peopleOf(r.Ctx(), tx, ids...)
	out := struct {
		Promotions []request `json:"promotions"`
		Next       string    `json:"next_cursor,omitempty"`
	}{[]request{}, next}
	for _, p := range found {
		out.Promotions = append(out.Promotions, fromListed(p, names, r.Absolute))
	}
	return reply{body: out}, err
}

func showPromotion(r *route.Request, tx *storage.Tx) (reply, error) {
	n, err := number(r)
	if err != nil {
		return reply{}, err
	}
	s, err := promotion.Look(r.Ctx(), tx, r.Grant, n, tx.Now())
	if err != nil {
		return reply{}, err
	}
	owed, err := tx.Debt(r.Ctx(), s.Request.ID)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, append(everybody(s), owed.ClosedBy)...)
	if err != nil {
		return reply{}, err
	}
	top := fromListed(promotion.Listed{Request: s.Request, Asset: s.Candidate.Model, Environment: s.Env.Name}, names, r.Absolute)
	d := fromSituation(r.Ctx(), s, top, names)
	if owed.Promotion != "" {
		d.Debt = fromDebt(owed, names)
	}
	if !s.Request.State.Ended() {
		d.Unmet = fromUnmet(s.Unmet(r.Grant.Actor()))
	}
	return reply{etag: etag(s.Request), body: d}, nil
}

// shown is a request as the answer of an act.
func shown(r *route.Request, tx *storage.Tx, p promotion.Request, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	env, err := tx.Environment(r.Ctx(), p.EnvironmentID)
	if err != nil {
		return reply{}, err
	}
	assets, err := tx.AssetNames(r.Ctx(), []string{p.AssetID})
	if err != nil {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, p.Author, p.Editor)
	return reply{etag: etag(p), body: fromListed(promotion.Listed{Request: p, Asset: assets[p.AssetID], Environment: env.Name}, names, r.Absolute)}, err
}

type createIn struct {
	Model       string `json:"model"`
	Version     int64  `json:"version"`
	Environment string `json:"environment"`
	Reason      string `json:"reason"`
	Submit      bool   `json:"submit"`
}

func createPromotion(r *route.Request, tx *storage.Tx, in createIn) (reply, error) {
	p, err := promotion.Create(r.Ctx(), tx, r.Grant, in.Environment, in.Model, in.Version, in.Reason, tx.Now())
	if err == nil && in.Submit {
		p, err = promotion.Submit(r.Ctx(), tx, r.Grant, p.Number, tx.Now())
	}
	a, err := shown(r, tx, p, err)
	a.status, a.location = http.StatusCreated, fmt.Sprintf("%spromotions/%d", base, p.Number)
	return a, err
}

type editIn struct {
	Version   *int64   `json:"version"`
	Reason    *string  `json:"reason"`
	NotBefore *instant `json:"not_before"`
}

// editPromotion changes a request that is still the one that the caller saw.
func editPromotion(r *route.Request, tx *storage.Tx, in editIn) (reply, error) {
	n, err := number(r)
	if err != nil {
		return reply{}, err
	}
	p, err := promotion.Find(r.Ctx(), tx, r.Grant, access.PromotionPropose, n)
	if err != nil {
		return reply{}, err
	}
	switch seen := r.Request().Header.Get("If-Match"); {
	case seen == "":
		return reply{}, with(http.StatusPreconditionRequired, domain.Invalid, "api.if_match", "say with If-Match which revision you saw: its ETag")
	case !matches(seen, etag(p)):
		return reply{}, with(http.StatusPreconditionFailed, domain.Conflict, "api.changed", "%s was changed since you saw it: look at it and edit it again", p.Name())
	}
	version, reason, notBefore := p.Candidate.Number, p.Reason, p.NotBefore
	if in.Version != nil {
		version = *in.Version
	}
	if in.Reason != nil {
		reason = *in.Reason
	}
	if in.NotBefore != nil {
		notBefore = int64(*in.NotBefore)
	}
	p, err = promotion.Edit(r.Ctx(), tx, r.Grant, n, version, reason, notBefore, p.Revision, tx.Now())
	return shown(r, tx, p, err)
}

// matches reports whether a header If-Match names tag.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// onPromotion is an act on a request that answers with it.
func onPromotion[In any](do func(ctx context.Context, tx *storage.Tx, g access.Grant, number int64, in In) (promotion.Request, error)) func(*route.Request) error {
	return act(func(r *route.Request, tx *storage.Tx, in In) (reply, error) {
		n, err := number(r)
		if err != nil {
			return reply{}, err
		}
		p, err := do(r.Ctx(), tx, r.Grant, n, in)
		return shown(r, tx, p, err)
	})
}

type nothing struct{}

type whyIn struct {
	Reason string `json:"reason"`
}

func submit(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, _ nothing) (promotion.Request, error) {
	return promotion.Submit(ctx, tx, g, n, tx.Now())
}

func cancel(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, in whyIn) (promotion.Request, error) {
	return promotion.Cancel(ctx, tx, g, n, in.Reason, tx.Now())
}

type decideIn struct {
	Decision promotion.Decision `json:"decision"`
	Comment  string             `json:"comment"`
	Binding  *binding           `json:"binding"`
}

func decide(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, in decideIn) (promotion.Request, error) {
	if in.Binding == nil {
		if _, err := promotion.Find(ctx, tx, g, access.PromotionReview, n); err != nil {
			return promotion.Request{}, err
		}
		return promotion.Request{}, domain.Fail(domain.Invalid, "api.binding", "send the binding of the promotion as you saw it: a decision is about what was seen")
	}
	return promotion.Decide(ctx, tx, g, n, in.Decision, in.Comment, promotion.Binding(*in.Binding), tx.Now())
}

func withdraw(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, _ nothing) (promotion.Request, error) {
	return promotion.Withdraw(ctx, tx, g, n, tx.Now())
}

type waiveIn struct {
	Gate      string  `json:"gate"`
	Reason    string  `json:"reason"`
	ExpiresAt instant `json:"expires_at"`
}

func waive(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, in waiveIn) (promotion.Request, error) {
	return promotion.WaiveGate(ctx, tx, g, n, in.Gate, in.Reason, int64(in.ExpiresAt), tx.Now())
}

func execute(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, _ nothing) (promotion.Request, error) {
	return promotion.Execute(ctx, tx, g, n, tx.Now())
}

func abort(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, in whyIn) (promotion.Request, error) {
	return promotion.Abort(ctx, tx, g, n, in.Reason, tx.Now())
}

type glassIn struct {
	Incident string `json:"incident"`
	Reason   string `json:"reason"`
	Confirm  string `json:"confirm"` // "model/environment"
}

func breakGlass(ctx context.Context, tx *storage.Tx, g access.Grant, n int64, in glassIn) (promotion.Request, error) {
	return promotion.BreakGlass(ctx, tx, g, n, in.Incident, in.Reason, in.Confirm, tx.Now())
}

type closeIn struct {
	Comment string `json:"comment"`
}

func closeDebt(r *route.Request, tx *storage.Tx, in closeIn) (reply, error) {
	n, err := number(r)
	if err != nil {
		return reply{}, err
	}
	d, err := promotion.CloseDebt(r.Ctx(), tx, r.Grant, n, in.Comment, tx.Now())
	if err != nil {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, d.ClosedBy)
	return reply{body: fromDebt(d, names)}, err
}

func listComments(r *route.Request, tx *storage.Tx) (reply, error) {
	n, err := number(r)
	if err != nil {
		return reply{}, err
	}
	most, err := limit(r)
	if err != nil {
		return reply{}, err
	}
	var after struct {
		At int64
		ID string
	}
	if err := readCursor(r, "comments", &after); err != nil {
		return reply{}, err
	}
	found, err := promotion.Comments(r.Ctx(), tx, r.Grant, n, promotion.Note{At: after.At, ID: after.ID}, most+1)
	if err != nil {
		return reply{}, err
	}
	found, next, err := page(found, most, "comments", func(n promotion.Note) any { return map[string]any{"At": n.At, "ID": n.ID} })
	if err != nil {
		return reply{}, err
	}
	ids := make([]string, len(found))
	for i, n := range found {
		ids[i] = n.By
	}
	names, err := peopleOf(r.Ctx(), tx, ids...)
	out := struct {
		Comments []comment `json:"comments"`
		Next     string    `json:"next_cursor,omitempty"`
	}{[]comment{}, next}
	for _, n := range found {
		out.Comments = append(out.Comments, fromNote(n, names))
	}
	return reply{body: out}, err
}

type commentIn struct {
	Body string `json:"body"`
}

func addComment(r *route.Request, tx *storage.Tx, in commentIn) (reply, error) {
	n, err := number(r)
	if err != nil {
		return reply{}, err
	}
	c, err := promotion.Comment(r.Ctx(), tx, r.Grant, n, in.Body, markdown.Mentioned(in.Body), tx.Now())
	if err != nil {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, c.By)
	return reply{status: http.StatusCreated, body: fromNote(c, names)}, err
}

func listChecks(r *route.Request, tx *storage.Tx) (reply, error) {
	digest := r.QueryParam("digest")
	found, err := promotion.Checks(r.Ctx(), tx, r.Grant, digest)
	if err != nil {
		return reply{}, err
	}
	if digest == "" {
		return reply{}, domain.Fail(domain.Invalid, "check.digest", "say which version the check is about: by the digest that its page shows")
	}
	ids := make([]string, len(found))
	for i, c := range found {
		ids[i] = c.By
	}
	names, err := peopleOf(r.Ctx(), tx, ids...)
	out := struct {
		Checks []check `json:"checks"`
	}{[]check{}}
	for _, c := range found {
		out.Checks = append(out.Checks, fromCheck(c, names))
	}
	return reply{body: out}, err
}

type checkIn struct {
	Digest string               `json:"digest"`
	Name   string               `json:"name"`
	State  promotion.CheckState `json:"state"`
	URL    string               `json:"url"`
	Note   string               `json:"note"`
}

func reportCheck(r *route.Request, tx *storage.Tx, in checkIn) (reply, error) {
	c, err := promotion.ReportCheck(r.Ctx(), tx, r.Grant, promotion.Check{Digest: in.Digest, Name: in.Name, State: in.State, URL: in.URL, Note: in.Note}, tx.Now())
	if err != nil {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, c.By)
	return reply{status: http.StatusCreated, body: fromCheck(c, names)}, err
}
