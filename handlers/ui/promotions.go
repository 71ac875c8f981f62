package ui

import (
	"cmp"
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/markdown"
	"github.com/slipway-ml/slipway/web/page/environments"
	page "github.com/slipway-ml/slipway/web/page/promotions"
	registrypage "github.com/slipway-ml/slipway/web/page/registry"
)

var promotionPages = []route.Route{
	route.GET("/promotions", access.PromotionRead, listPromotions),
	route.GET("/promotions/new", access.PromotionPropose, newPromotion),
	route.POST("/promotions", access.PromotionPropose, askPromotion),
	route.GET("/promotions/:number", access.PromotionRead, showPromotion),
	route.POST("/promotions/:number/submit", access.PromotionPropose, submitPromotion),
	route.POST("/promotions/:number/edit", access.PromotionPropose, editPromotion),
	route.POST("/promotions/:number/cancel", access.PromotionPropose, cancelPromotion),
	route.POST("/promotions/:number/decide", access.PromotionReview, decidePromotion),
	route.POST("/promotions/:number/withdraw", access.PromotionReview, withdrawReview),
	route.POST("/promotions/:number/waive", access.PromotionReview, waiveGate),
	route.POST("/promotions/:number/comment", access.PromotionComment, commentPromotion),
	route.POST("/promotions/:number/execute", access.PromotionExecute, executePromotion),
	route.POST("/promotions/:number/break-glass", access.PromotionBreak, breakGlass),
	route.POST("/promotions/:number/debt", access.PromotionReview, closeDebt),
	route.GET("/slots", access.PromotionRead, showLive),
	route.POST("/slots/rollback", access.SlotRollback, rollBack),
}

const (
	promotionsShown = 40
	notesShown      = 200
	liveShown       = 500
	peopleOffered   = 500 // after an @; any other name may be typed
)

// waitingFor counts what waits for the reader, for the frame of the page. A page is shown without it rather than not at all.
func waitingFor(r *route.Request) int {
	g, err := more(r, access.PromotionRead)
	if err != nil {
		return 0
	}
	n := 0
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		review, err := promotion.ToReview(r.Ctx(), tx, g)
		n = len(review)
		return err
	}); err != nil {
		r.Log.WarnContext(r.Ctx(), "the inbox was not counted", "err", err)
		return 0
	}
	return n
}

// waitingRows is what waits for the reader, for the home page.
func waitingRows(r *route.Request) (rows []page.Row, err error) {
	const most = 5
	g, err := more(r, access.PromotionRead)
	if err != nil {
		return nil, err
	}
	err = r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := promotion.Inbox(r.Ctx(), tx, g)
		if err != nil {
			return err
		}
		rows, err = inboxRows(r, tx, g, all[:min(len(all), most)])
		return err
	})
	return rows, err
}

func inboxRows(r *route.Request, tx *storage.Tx, g access.Grant, all []promotion.Item) ([]page.Row, error) {
	requests := make([]promotion.Request, len(all))
	for i, w := range all {
		requests[i] = w.Request
	}
	rows, err := promotionRows(r, tx, g, requests)
	for i := range rows {
		rows[i].Mentioned = all[i].Mentioned
	}
	return rows, err
}

func listPromotions(r *route.Request) error {
	v := page.ListView{Tab: r.QueryParam("tab")}
	if !slices.Contains([]string{page.TabWaiting, page.TabOpen, page.TabMine, page.TabAll}, v.Tab) {
		v.Tab = page.TabOpen
	}
	below, _ := strconv.ParseInt(r.QueryParam("below"), 10, 64)
	q := promotion.Query{Open: v.Tab == page.TabOpen, Below: below, Most: promotionsShown + 1}
	if v.Tab == page.TabMine {
		q.Author = r.Grant.Actor().ID
	}
	if err := route.See(r, func(tx *storage.Tx) error {
		waiting, err := promotion.Inbox(r.Ctx(), tx, r.Grant)
		if err != nil {
			return err
		}
		v.Waiting = len(waiting)
		if v.Tab == page.TabWaiting {
			v.Rows, err = inboxRows(r, tx, r.Grant, waiting)
			return err
		}
		all, err := tx.Promotions(r.Ctx(), r.Grant.Workspace(), q)
		if err != nil {
			return err
		}
		v.Pager = component.PagerProps{Shown: i18n.N(r.Ctx(), "promotions.shown", int64(min(len(all), promotionsShown)))}
		if len(all) > promotionsShown {
			all = all[:promotionsShown]
			v.Pager.Next = "/promotions?tab=" + v.Tab + "&below=" + strconv.FormatInt(all[len(all)-1].Number, 10)
		}
		if below > 0 {
			v.Pager.First = "/promotions?tab=" + v.Tab
		}
		v.Rows, err = promotionRows(r, tx, r.Grant, all)
		return err
	}); err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.List(v))
}

// promotionRows gives requests the names of what they are about.
func promotionRows(r *route.Request, tx *storage.Tx, g access.Grant, all []promotion.Request) ([]page.Row, error) {
	listed, err := promotion.Named(r.Ctx(), tx, g, all)
	if err != nil {
		return nil, err
	}
	var people []string
	for _, p := range all {
		people = append(people, p.Author)
	}
	names, err := tx.NamesOf(r.Ctx(), people...)
	var rows []page.Row
	for _, p := range listed {
		rows = append(rows, page.Row{
			Number: p.Number, Kind: p.Kind, Asset: p.Asset, Version: p.Candidate.Number, Environment: p.Environment, State: p.State, Cause: p.Cause,
			Author: names[p.Author], Updated: instant(p.UpdatedAt),
		})
	}
	return rows, err
}

// stays is what is live of a model, or where one of its versions is or was.
func stays(r *route.Request, tx *storage.Tx, g access.Grant, m registry.Model, version string) (out []page.Stay, err error) {
	all, err := promotion.Stays(r.Ctx(), tx, g, m.ID, version)
	if err != nil {
		return nil, err
	}
	var people []string
	for _, s := range all {
		people = append(people, s.By)
	}
	names, err := tx.NamesOf(r.Ctx(), people...)
	for _, s := range all {
		out = append(out, page.Stay{
			Environment: s.Environment, Version: s.To.Number, Path: registrypage.VersionPath(m.Name, s.To.Number), Since: instant(s.At), Until: instant(s.Until),
			By: names[s.By], Cause: string(s.Cause), Request: s.Number,
		})
	}
	return out, err
}

// askedOf is the open requests for a model or for one of its versions, then the last that ended, with those who approved.
func askedOf(r *route.Request, tx *storage.Tx, g access.Grant, model, version string) ([]page.Row, error) {
	const most = 10
	q := promotion.Query{Asset: model, Version: version, Most: most}
	recent, err := tx.Promotions(r.Ctx(), g.Workspace(), q)
	if err != nil {
		return nil, err
	}
	q.Open = true
	all, err := tx.Promotions(r.Ctx(), g.Workspace(), q)
	if err != nil {
		return nil, err
	}
	for _, p := range recent {
		if p.State.Ended() && len(all) < most {
			all = append(all, p)
		}
	}
	rows, err := promotionRows(r, tx, g, all)
	if err != nil {
		return nil, err
	}
	approvers, people := make([][]string, len(all)), []string(nil)
	for i, p := range all {
		reviews, err := tx.PromotionReviews(r.Ctx(), p.ID)
		if err != nil {
			return nil, err
		}
		approvers[i] = p.Approvers(reviews)
		people = append(people, approvers[i]...)
	}
	names, err := tx.NamesOf(r.Ctx(), people...)
	for i, ids := range approvers {
		for _, id := range ids {
			rows[i].Approved = append(rows[i].Approved, names[id])
		}
	}
	return rows, err
}

func newPromotion(r *route.Request) error {
	version, _ := registry.ParseNumber(r.QueryParam("version"))
	return renderNew(r, http.StatusOK, page.NewView{Model: r.QueryParam("model"), Version: version, To: r.QueryParam("to")})
}

func renderNew(r *route.Request, code int, v page.NewView) error {
	reading, err := more(r, access.ModelRead)
	if err != nil {
		return err
	}
	if err := r.DB.Read(r.Ctx(), reading, func(tx *storage.Tx) error {
		if err := reading.Need(access.ModelRead, reading.Workspace()); err != nil {
			return err
		}
		envs, err := tx.Environments(r.Ctx(), reading.Workspace())
		if err != nil {
			return err
		}
		v.Environments, v.Versions = nil, nil
		for _, e := range envs {
			v.Environments = append(v.Environments, e.Name)
		}
		if v.To == "" && len(envs) > 0 {
			v.To = envs[len(envs)-1].Name
		}
		if v.Model == "" {
			return nil
		}
		m, err := tx.ModelNamed(r.Ctx(), reading.Workspace(), v.Model)
		if domain.KindOf(err) == domain.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		v.Path = registrypage.Path(m.Name)
		v.Versions, err = versionsOf(r.Ctx(), tx, m.ID)
		return err
	}); err != nil {
		return err
	}
	return r.Render(code, page.New(v))
}

func versionsOf(ctx context.Context, tx *storage.Tx, model string) (out []int64, err error) {
	vs, err := tx.VersionsBelow(ctx, model, 0, mostOthers)
	for _, x := range vs {
		out = append(out, x.Number)
	}
	return out, err
}

func askPromotion(r *route.Request) error {
	version, _ := registry.ParseNumber(form(r, "version"))
	v := page.NewView{Model: form(r, "model"), Version: version, To: form(r, "environment"), Reason: r.FormValue("reason")}
	p, err := route.Write(r, func(tx *storage.Tx) (promotion.Request, error) {
		p, err := promotion.Create(r.Ctx(), tx, r.Grant, v.To, v.Model, v.Version, v.Reason, tx.Now())
		if err != nil {
			return p, err
		}
		return promotion.Submit(r.Ctx(), tx, r.Grant, p.Number, tx.Now())
	})
	if text, ok := words(r.Ctx(), err); err != nil && ok {
		v.Error = text
		return renderNew(r, http.StatusBadRequest, v)
	}
	if err != nil {
		return err
	}
	flash(r, "flash.promotion_asked", p.Name())
	return see(r, page.Path(p.Number))
}

func numbered(r *route.Request) (int64, error) {
	n, ok := registry.ParseNumber(r.Param("number"))
	if !ok {
		return 0, domain.Fail(domain.NotFound, "not_found", "not found")
	}
	return n, nil
}

func showPromotion(r *route.Request) error {
	v, err := promotionView(r)
	if err != nil {
		return err
	}
	if v.Mentioned {
		if err := r.DB.Write(r.Ctx(), r.Grant, func(tx *storage.Tx) error { return promotion.Seen(r.Ctx(), tx, r.Grant, v.Number) }); err != nil {
			return err
		}
	}
	return r.Render(http.StatusOK, page.Show(v))
}

func promotionView(r *route.Request) (v page.ShowView, err error) {
	n, err := numbered(r)
	if err != nil {
		return v, err
	}
	g, err := more(r, access.PromotionRead) // a refused form shows the page too
	if err != nil {
		return v, err
	}
	err = r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		s, err := promotion.Look(r.Ctx(), tx, g, n, tx.Now())
		if err != nil {
			return err
		}
		p := promotionPage{r, tx, s, &v, nil}
		v = page.ShowView{}
		return p.fill()
	})
	return v, err
}

// promotionPage is the page of a request in the making.
type promotionPage struct {
	*route.Request
	tx    *storage.Tx
	s     promotion.Situation
	v     *page.ShowView
	names map[string]string
}

func (p *promotionPage) fill() error {
	ctx, v, s, q := p.Ctx(), p.v, p.s, p.s.Request
	notes, err := p.tx.Notes(ctx, q.ID, notesShown)
	if err != nil {
		return err
	}
	people := []string{q.Author, q.Editor}
	for _, n := range notes {
		people = append(people, n.By)
	}
	for _, x := range s.Reviews {
		people = append(people, x.By)
	}
	for _, w := range s.Waivers {
		people = append(people, w.By)
	}
	for _, rule := range s.Policy.Rules {
		people = append(people, rule.From.Users...)
	}
	if p.names, err = p.tx.NamesOf(ctx, people...); err != nil {
		return err
	}
	v.Kind = q.Kind
	v.Number, v.Model, v.Version, v.Environment, v.Protected = q.Number, s.Candidate.Model, q.Candidate.Number, s.Env.Name, s.Env.Protected
	v.State, v.Cause, v.Author, v.Created, v.Deadline = q.State, q.Cause, p.names[q.Author], instant(q.CreatedAt), instant(q.Deadline)
	if q.Editor != q.Author {
		v.Editor = p.names[q.Editor]
	}
	v.Reason, v.Revision, v.Incident, v.Binding = q.Reason, q.Revision, q.Incident, q.Binding()
	if q.NotBefore > 0 {
		v.NotBefore = format.Wall(ctx, instant(q.NotBefore))
	}
	switch q.Cause {
	case "freeze":
		_, v.Until, _ = s.Frozen()
	case "early":
		v.Until = instant(q.NotBefore)
	}
	var called []string
	for _, n := range notes {
		if n.Kind == "comment" {
			called = append(called, markdown.Mentioned(n.Body)...)
		}
	}
	known, err := p.tx.PeopleNamed(ctx, q.Workspace, called)
	if err != nil {
		return err
	}
	v.People = map[string]bool{}
	for name := range known {
		v.People[name] = true
	}
	if may(p.Request, access.PromotionComment) {
		if v.Callable, err = p.tx.PeopleNames(ctx, q.Workspace, peopleOffered); err != nil {
			return err
		}
	}
	if v.Mentioned, err = p.tx.MentionedIn(ctx, q.ID, p.Grant.Actor().ID); err != nil {
		return err
	}
	for _, n := range notes {
		v.Notes = append(v.Notes, page.Note{By: p.names[n.By], Kind: n.Kind, Body: n.Body, At: instant(n.At)})
	}
	if q.Kind == slot.Model {
		if v.Versions, err = versionsOf(ctx, p.tx, q.AssetID); err != nil {
			return err
		}
		p.compare()
		err = p.steps()
	} else {
		err = p.differences(*s.Configuration)
	}
	if err != nil {
		return err
	}
	p.gates()
	p.reviews()
	if err := p.may(); err != nil {
		return err
	}
	return p.rollback()
}

// differences shows what rules or a team would be instead of what they were when it was requested.
func (p *promotionPage) differences(c promotion.Configuration) error {
	ctx, v := p.Ctx(), p.v
	if c.Kind == slot.Team {
		join, leave, err := c.MembersOf()
		if err != nil {
			return err
		}
		names, err := p.tx.NamesOf(ctx, slices.Concat(join, leave)...)
		if err != nil {
			return err
		}
		called := func(ids []string) (out []string) {
			for _, id := range ids {
				out = append(out, cmp.Or(names[id], id))
			}
			return out
		}
		v.Differences = []page.Difference{{Label: i18n.T(ctx, "promotions.members"), Gone: called(leave), Come: called(join)}}
		return nil
	}
	before, after, err := c.RulesOf()
	if err != nil {
		return err
	}
	reading, err := more(p.Request, access.EnvironmentRead)
	if err != nil {
		return err
	}
	known, err := knownIn(p.Request, p.tx, reading, slices.Concat(named(before.Policy), named(after.Policy)))
	if err != nil {
		return err
	}
	if before.Protected != after.Protected {
		v.Differences = []page.Difference{{Label: i18n.T(ctx, "promotions.protection"), Gone: []string{i18n.T(ctx, "env.protected")}, Come: []string{i18n.T(ctx, "env.unprotected")}}}
	}
	for _, d := range environments.Differences(ctx, before.Policy, after.Policy, known) {
		v.Differences = append(v.Differences, page.Difference(d))
	}
	v.Before, v.After = indented(before.Policy), indented(after.Policy)
	return nil
}

// steps is the way through the environments.
func (p *promotionPage) steps() error {
	envs, err := p.tx.Environments(p.Ctx(), p.s.Request.Workspace)
	if err != nil {
		return err
	}
	slots, err := p.tx.SlotsOfAsset(p.Ctx(), p.s.Request.Kind, p.s.Request.AssetID)
	if err != nil {
		return err
	}
	for _, e := range envs {
		if e.Rank > p.s.Env.Rank {
			break
		}
		step := page.Step{Name: e.Name, Text: i18n.T(p.Ctx(), "promotions.step_empty")}
		for _, x := range slots {
			if x.EnvironmentID != e.ID || x.Stable.ID == "" {
				continue
			}
			step.Text = i18n.T(p.Ctx(), "promotions.step_live", strconv.FormatInt(x.Stable.Number, 10))
			if _, err := p.tx.WasLive(p.Ctx(), x.ID, p.s.Request.Candidate.ID); err == nil {
				step.Done = true
			} else if domain.KindOf(err) != domain.NotFound {
				return err
			}
		}
		if e.ID == p.s.Env.ID {
			step.Done, step.Now = p.s.Request.State == promotion.Completed, p.s.Request.State != promotion.Completed
		}
		p.v.Steps = append(p.v.Steps, step)
	}
	return nil
}

// compare shows in what the candidate differs from what is live; of an ended request from what is live now.
func (p *promotionPage) compare() {
	ctx, v, s := p.Ctx(), p.v, p.s
	v.Candidate = sideOf(s.Candidate)
	live := promotion.Version{}
	if s.Live != nil && s.Live.ID != s.Candidate.ID {
		live = *s.Live
		v.Live = sideOf(live)
		v.Live.Since = instant(s.Slot.Since)
	}
	limits := map[[2]string]promotion.Gate{}
	for _, g := range s.Policy.Gates {
		if g.Kind == promotion.MetricGate {
			limits[[2]string{g.Metric, g.Dataset}] = g
		}
	}
	before := map[[2]string]promotion.Measured{}
	for _, m := range live.Metrics {
		before[[2]string{m.Name, m.Dataset}] = m
	}
	metrics := slices.Clone(s.Candidate.Metrics)
	slices.SortFunc(metrics, func(a, b promotion.Measured) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dataset, b.Dataset))
	})
	for _, m := range metrics[:min(len(metrics), mostOthers)] {
		row := page.Metric{Name: m.Name, Dataset: m.Dataset, Here: format.Number(ctx, m.Value)}
		g, known := limits[[2]string{m.Name, m.Dataset}]
		if !known {
			g, known = limits[[2]string{m.Name, ""}]
		}
		if known && g.Limit != nil {
			row.Limit = map[string]string{">=": "≥ ", "<=": "≤ "}[g.Op] + format.Number(ctx, *g.Limit)
		}
		if b, ok := before[[2]string{m.Name, m.Dataset}]; ok {
			row.Live = format.Number(ctx, b.Value)
			if d := m.Value - b.Value; d != 0 && !math.IsNaN(d) && !math.IsInf(d, 0) {
				row.Change, row.Up = format.Number(ctx, math.Abs(d)), d > 0
				row.Tone, row.Better = known, known && (d > 0) == (g.Op == ">=")
			}
		}
		v.Metrics = append(v.Metrics, row)
	}
	if s.Live == nil || s.Live.ID == s.Candidate.ID {
		return
	}
	p.change("data", dataText(live.Data), dataText(s.Candidate.Data))
	p.change("code", live.Commit, s.Candidate.Commit)
	p.change("licence", live.Licence, s.Candidate.Licence)
	p.change("card", page.Short(live.Card.Digest), page.Short(s.Candidate.Card.Digest))
	p.change("scan", live.Scan.Verdict, s.Candidate.Scan.Verdict)
	p.change("files", page.Short(live.Digest), page.Short(s.Candidate.Digest))
	names := maps.Clone(live.Params)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, s.Candidate.Params)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a, b := live.Params[name], s.Candidate.Params[name]; a != b && len(v.Changes) < mostOthers {
			v.Changes = append(v.Changes, page.Change{What: name, Before: domain.Short(a), After: domain.Short(b)})
		}
	}
}

func (p *promotionPage) change(what, before, after string) {
	if before != after {
		p.v.Changes = append(p.v.Changes, page.Change{What: i18n.T(p.Ctx(), "promotions.what."+what), Before: domain.Short(before), After: domain.Short(after)})
	}
}

func dataText(all []promotion.Data) string {
	texts := make([]string, len(all))
	for i, d := range all {
		texts[i] = d.Name + " " + d.Digest
	}
	return strings.Join(texts, ", ")
}

func sideOf(x promotion.Version) page.Side {
	return page.Side{Version: x.Number, Path: registrypage.VersionPath(x.Model, x.Number), Digest: x.Digest}
}

func (p *promotionPage) gates() {
	for _, g := range p.s.Results {
		row := page.Gate{ID: g.Gate, Kind: g.Kind, Verdict: g.Verdict, Was: g.Was, Sentence: i18n.Gate(p.Ctx(), g.Reason, g.Args), Expires: instant(g.ExpiresAt)}
		if g.Waiver != nil {
			row.WaivedBy, row.Reason = p.names[g.Waiver.By], g.Waiver.Reason
		}
		row.Waivable = g.Verdict != promotion.Passed && g.Verdict != promotion.Waived && !p.s.Policy.Binds(g.Gate)
		p.v.Gates = append(p.v.Gates, row)
	}
}

func (p *promotionPage) reviews() {
	ctx, v, s := p.Ctx(), p.v, p.s
	states, _ := s.Quorum()
	for i, x := range states {
		rule := page.Rule{Name: cmp.Or(x.Name, i18n.N(ctx, "promotions.approvals", int64(x.Need))), Have: x.Have, Need: x.Need}
		if i < len(s.Policy.Rules) {
			from := s.Policy.Rules[i].From
			for _, role := range from.Roles {
				rule.Whom += i18n.T(ctx, "role."+string(role)) + " "
			}
			for _, user := range from.Users {
				rule.Whom += p.names[user] + " "
			}
			if len(from.Teams) > 0 {
				rule.Whom += i18n.N(ctx, "promotions.teams", int64(len(from.Teams)))
			}
		}
		v.Rules = append(v.Rules, rule)
	}
	standing := map[string]bool{}
	for _, x := range promotion.Standing(s.Reviews) {
		standing[x.ID] = true
	}
	for _, x := range slices.Backward(s.Reviews) {
		row := page.Review{By: p.names[x.By], Decision: x.Decision, Comment: x.Comment, At: instant(x.At), Withdrawn: x.WithdrawnAt != 0, Stale: x.Binding.Stale(s.Request.Binding())}
		if x.Decision != promotion.Approve && row.Stale != "edited" {
			row.Stale = "" // an objection stands until the request is edited
		}
		if row.Stale == "" && !row.Withdrawn {
			switch {
			case !s.Reviewers[x.By].Active:
				row.Stale = "departed"
			case !standing[x.ID]:
				row.Stale = "later"
			}
		}
		v.Reviews = append(v.Reviews, row)
	}
}

// may says what the reader can do here.
func (p *promotionPage) may() error {
	v, s, q, a := p.v, p.s, p.s.Request, p.Grant.Actor()
	mine := a.ID == q.Author || a.ID == q.Editor
	open := q.State.Open()
	reviewer := may(p.Request, access.PromotionReview)
	me, err := p.tx.Person(p.Ctx(), q.Workspace, a.ID)
	if err != nil {
		return err
	}
	switch {
	case q.State == promotion.Draft:
		v.WhyNot = "draft"
	case !open:
		v.WhyNot = "ended"
	case a.ID == q.Author:
		v.WhyNot = "own"
	case a.ID == q.Editor:
		v.WhyNot = "edited"
	case !reviewer:
		v.WhyNot = "role"
	default:
		v.CanDecide = true
	}
	v.MayApprove = s.Policy.Eligible(me, promotion.People{Author: q.Author, Editor: q.Editor, Trainer: s.Candidate.TrainedBy}) &&
		(q.State == promotion.InReview || q.State == promotion.Approved || q.State == promotion.Scheduled)
	for _, x := range promotion.Standing(s.Reviews) {
		v.CanTake = v.CanTake || open && x.By == a.ID && reviewer
	}
	v.CanComment = may(p.Request, access.PromotionComment)
	propose := may(p.Request, access.PromotionPropose)
	v.CanSubmit = q.State == promotion.Draft && mine && propose
	v.CanEdit = (open || q.State == promotion.Draft) && propose
	v.CanCancel = (open || q.State == promotion.Draft) && propose && (mine || a.Administers(q.Workspace))
	v.CanWaive = open && reviewer && !mine
	v.CanExecute = open && may(p.Request, access.PromotionExecute) && (a.ID == q.Author || a.Operates(q.Workspace))
	v.CanGlass = open && s.Policy.BreakGlass && may(p.Request, access.PromotionBreak)
	if !q.State.Ended() && q.State != promotion.Draft {
		v.Unmet = s.Unmet(a)
		if len(v.Unmet) > 1 { // that it is not approved follows from the others
			v.Unmet = slices.DeleteFunc(v.Unmet, func(u promotion.Unmet) bool { return u.Key == "state" })
		}
	}
	d, err := p.tx.Debt(p.Ctx(), q.ID)
	if err == nil && d.ClosedAt == 0 {
		v.Debt, v.DebtDue, v.CanClose = true, instant(d.DueAt), reviewer && !mine
	}
	if domain.KindOf(err) == domain.NotFound {
		err = nil
	}
	return err
}

// rollback offers the way back while what this request made live is live.
func (p *promotionPage) rollback() error {
	q, s := p.s.Request, p.s.Slot
	if q.Kind != slot.Model || q.State != promotion.Completed || s.Stable.ID != q.Candidate.ID || !p.Grant.Actor().Operates(q.Workspace) {
		return nil
	}
	f, err := backFrom(p.Request, p.tx, s, p.s.Candidate.Model, p.s.Env.Name)
	p.v.Rollback = f
	return err
}

// backFrom is the form that goes back to what was live before, nil where nothing was.
func backFrom(r *route.Request, tx *storage.Tx, s slot.Slot, model, environment string) (*page.RollbackForm, error) {
	to, err := promotion.Before(r.Ctx(), tx, s)
	if domain.KindOf(err) == domain.Conflict {
		return nil, nil //nolint:nilnil // there is nothing to go back to
	}
	if err != nil {
		return nil, err
	}
	return &page.RollbackForm{Environment: environment, Asset: s.AssetID, Model: model, Version: to.ID, Number: to.Number, Generation: s.Generation}, nil
}

// onPromotion runs an act on the request of the address and comes back to its page, with what was wrong where a person can do
// something about it.
func onPromotion(r *route.Request, done string, act func(tx *storage.Tx, n int64) error, show func(*page.ShowView, string)) error {
	return onPromotionSaying(r, func() string { return done }, act, show)
}

// onPromotionSaying is onPromotion where what was done is known afterwards.
func onPromotionSaying(r *route.Request, done func() string, act func(tx *storage.Tx, n int64) error, show func(*page.ShowView, string)) error {
	n, err := numbered(r)
	if err != nil {
		return err
	}
	err = route.Do(r, func(tx *storage.Tx) error { return act(tx, n) })
	if err == nil {
		flash(r, done())
		return see(r, page.Path(n))
	}
	text, ok := words(r.Ctx(), err)
	if !ok || domain.KindOf(err) == domain.NotFound {
		return err
	}
	v, viewErr := promotionView(r)
	if viewErr != nil {
		return viewErr
	}
	if show == nil {
		v.Problem = text
	} else {
		show(&v, text)
	}
	return r.Render(route.Status[domain.KindOf(err)], page.Show(v))
}

func submitPromotion(r *route.Request) error {
	return onPromotion(r, "flash.promotion_submitted", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Submit(r.Ctx(), tx, r.Grant, n, tx.Now())
		return err
	}, nil)
}

func editPromotion(r *route.Request) error {
	version, _ := registry.ParseNumber(form(r, "version"))
	revision, _ := registry.ParseNumber(form(r, "revision"))
	var notBefore int64
	if text := form(r, "not_before"); text != "" {
		at, ok := format.ParseTime(r.Ctx(), text)
		if !ok {
			return onPromotion(r, "", func(*storage.Tx, int64) error {
				return domain.Fail(domain.Invalid, "promotion.time", "%s is no time: give it as 2026-11-27T09:00", domain.Short(text))
			}, nil)
		}
		notBefore = at.UnixMilli()
	}
	return onPromotion(r, "flash.saved", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Edit(r.Ctx(), tx, r.Grant, n, version, r.FormValue("reason"), notBefore, revision, tx.Now())
		return err
	}, nil)
}

func cancelPromotion(r *route.Request) error {
	return onPromotion(r, "flash.promotion_cancelled", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Cancel(r.Ctx(), tx, r.Grant, n, r.FormValue("reason"), tx.Now())
		return err
	}, nil)
}

func decidePromotion(r *route.Request) error {
	revision, _ := registry.ParseNumber(form(r, "revision"))
	seen := promotion.Binding{Candidate: form(r, "candidate"), Revision: revision, Evidence: form(r, "evidence"), Policy: form(r, "policy"), Base: formNumber(r, "base")}
	d, comment := promotion.Decision(form(r, "decision")), r.FormValue("comment")
	return onPromotion(r, "flash.promotion_decided", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Decide(r.Ctx(), tx, r.Grant, n, d, comment, seen, tx.Now())
		return err
	}, func(v *page.ShowView, text string) {
		v.Comment, v.Error = comment, text
		if !v.CanDecide {
			v.Problem = text
		}
	})
}

func withdrawReview(r *route.Request) error {
	return onPromotion(r, "flash.review_withdrawn", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Withdraw(r.Ctx(), tx, r.Grant, n, tx.Now())
		return err
	}, nil)
}

func waiveGate(r *route.Request) error {
	var until int64
	if at, ok := format.ParseTime(r.Ctx(), form(r, "until")+"T23:59"); ok {
		until = at.UnixMilli()
	}
	return onPromotion(r, "flash.gate_waived", func(tx *storage.Tx, n int64) error {
		_, err := promotion.WaiveGate(r.Ctx(), tx, r.Grant, n, form(r, "gate"), r.FormValue("reason"), until, tx.Now())
		return err
	}, nil)
}

func commentPromotion(r *route.Request) error {
	body := r.FormValue("body")
	return onPromotion(r, "flash.saved", func(tx *storage.Tx, n int64) error {
		_, err := promotion.Comment(r.Ctx(), tx, r.Grant, n, body, markdown.Mentioned(body), tx.Now())
		return err
	}, func(v *page.ShowView, text string) { v.Said, v.SaidError = body, text })
}

func executePromotion(r *route.Request) error {
	var p promotion.Request
	return onPromotionSaying(r, func() string {
		if p.Kind != slot.Model {
			return "flash.in_force"
		}
		return "flash.promotion_executed"
	}, func(tx *storage.Tx, n int64) (err error) {
		p, err = promotion.Execute(r.Ctx(), tx, r.Grant, n, tx.Now())
		return err
	}, nil)
}

func breakGlass(r *route.Request) error {
	return onPromotion(r, "flash.promotion_executed", func(tx *storage.Tx, n int64) error {
		_, err := promotion.BreakGlass(r.Ctx(), tx, r.Grant, n, r.FormValue("incident"), r.FormValue("reason"), form(r, "typed"), tx.Now())
		return err
	}, nil)
}

func closeDebt(r *route.Request) error {
	return onPromotion(r, "flash.saved", func(tx *storage.Tx, n int64) error {
		_, err := promotion.CloseDebt(r.Ctx(), tx, r.Grant, n, r.FormValue("comment"), tx.Now())
		return err
	}, nil)
}

func showLive(r *route.Request) error {
	v := page.LiveView{At: r.QueryParam("at"), CanRollBack: r.Grant.Actor().Operates(r.Grant.Workspace()) && may(r, access.SlotRollback)}
	var then time.Time
	if v.At != "" {
		var ok bool
		if then, ok = format.ParseTime(r.Ctx(), v.At); !ok {
			v.Problem, v.At = i18n.T(r.Ctx(), "promotions.no_time", domain.Short(v.At)), ""
		}
	}
	if err := route.See(r, func(tx *storage.Tx) error {
		if err := r.Grant.Need(access.PromotionRead, r.Grant.Workspace()); err != nil {
			return err
		}
		return fillLive(r, tx, &v, then)
	}); err != nil {
		return err
	}
	code := http.StatusOK
	if v.Problem != "" {
		code = http.StatusBadRequest
	}
	return r.Render(code, page.Live(v))
}

func fillLive(r *route.Request, tx *storage.Tx, v *page.LiveView, then time.Time) error {
	ctx := r.Ctx()
	envs, err := tx.Environments(ctx, r.Grant.Workspace())
	if err != nil {
		return err
	}
	column := map[string]int{}
	for i, e := range envs {
		column[e.ID], v.Environments = i, append(v.Environments, e.Name)
	}
	all, err := tx.SlotsOf(ctx, r.Grant.Workspace(), liveShown)
	if err != nil {
		return err
	}
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.AssetID
	}
	models, err := tx.AssetNames(ctx, ids)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b slot.Slot) int { return cmp.Compare(models[a.AssetID], models[b.AssetID]) })
	row := map[string]int{}
	people := map[*page.LiveCell]string{}
	for _, x := range all {
		model := models[x.AssetID]
		i, known := row[x.AssetID]
		if !known {
			i, row[x.AssetID] = len(v.Rows), len(v.Rows)
			v.Rows = append(v.Rows, page.LiveRow{Model: model, Path: registrypage.Path(model), Cells: make([]page.LiveCell, len(envs))})
		}
		cell := &v.Rows[i].Cells[column[x.EnvironmentID]]
		until := then
		if until.IsZero() {
			until = tx.Now()
		}
		c, err := tx.SlotAt(ctx, x.ID, until.UnixMilli())
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		cell.Version, cell.Path, cell.Since, cell.Cause = c.To.Number, registrypage.VersionPath(model, c.To.Number), instant(c.At), string(c.Cause)
		people[cell] = c.By
		if then.IsZero() && v.CanRollBack && c.To.Number > 0 {
			if cell.Back, err = backFrom(r, tx, x, model, v.Environments[column[x.EnvironmentID]]); err != nil {
				return err
			}
		}
	}
	names, err := tx.NamesOf(ctx, slices.Collect(maps.Values(people))...)
	for cell, id := range people {
		cell.By = names[id]
	}
	return err
}

func rollBack(r *route.Request) error {
	s, err := route.Write(r, func(tx *storage.Tx) (slot.Slot, error) {
		return promotion.Rollback(r.Ctx(), tx, r.Grant, form(r, "environment"), form(r, "asset"), form(r, "version"), r.FormValue("reason"), formNumber(r, "generation"), tx.Now())
	})
	if err != nil {
		return err
	}
	flash(r, "flash.rolled_back", strconv.FormatInt(s.Stable.Number, 10), form(r, "environment"))
	return see(r, "/slots")
}
