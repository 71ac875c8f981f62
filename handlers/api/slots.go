package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

func listEnvironments(r *route.Request, tx *storage.Tx) (reply, error) {
	all, err := promotion.Environments(r.Ctx(), tx, r.Grant)
	out := struct {
		Environments []environment `json:"environments"`
	}{[]environment{}}
	for _, e := range all {
		out.Environments = append(out.Environments, fromEnvironment(e))
	}
	return reply{body: out}, err
}

func showEnvironment(r *route.Request, tx *storage.Tx) (reply, error) {
	e, _, err := promotion.EnvironmentNamed(r.Ctx(), tx, r.Grant, access.EnvironmentRead, r.Param("name"))
	return reply{body: fromEnvironment(e)}, err
}

type changeIn struct {
	Policy    json.RawMessage `json:"policy"`
	Protected *bool           `json:"protected"`
	Reason    string          `json:"reason"`
	Revision  int64           `json:"revision"`
}

// requestChange requests other rules for a protected environment; what is not given stays as it is.
func requestChange(r *route.Request, tx *storage.Tx, in changeIn) (reply, error) {
	_, policy, err := promotion.EnvironmentNamed(r.Ctx(), tx, r.Grant, access.EnvironmentWrite, r.Param("name"))
	if err != nil {
		return reply{}, err
	}
	to := promotion.Rules{Protected: in.Protected == nil || *in.Protected, Policy: policy}
	if in.Policy != nil {
		if to.Policy, err = promotion.ParsePolicy(string(in.Policy)); err != nil {
			return reply{}, err
		}
	}
	p, err := promotion.ProposeRules(r.Ctx(), tx, r.Grant, r.Param("name"), to, in.Reason, in.Revision, tx.Now())
	a, err := shown(r, tx, p, err)
	a.status, a.location = http.StatusCreated, fmt.Sprintf("%spromotions/%d", base, p.Number)
	return a, err
}

// listSlots lists what is live, of one model or in one environment if the query names them.
func listSlots(r *route.Request, tx *storage.Tx) (reply, error) {
	most, err := limit(r)
	if err != nil {
		return reply{}, err
	}
	var after int // so many have been shown
	if err := readCursor(r, "slots", &after); err != nil {
		return reply{}, err
	}
	all, err := promotion.Live(r.Ctx(), tx, r.Grant)
	if err != nil {
		return reply{}, err
	}
	model, env := r.QueryParam("model"), slot.Fold(r.QueryParam("environment"))
	var found []promotion.Place
	for _, p := range all {
		if (model == "" || p.Asset == model) && (env == "" || p.Environment.Name == env) {
			found = append(found, p)
		}
	}
	found = found[min(max(after, 0), len(found)):]
	found, next, err := page(found, most, "slots", func(promotion.Place) any { return max(after, 0) + most })
	if err != nil {
		return reply{}, err
	}
	ids := make([]string, len(found))
	for i, p := range found {
		ids[i] = p.Slot.By
	}
	names, err := peopleOf(r.Ctx(), tx, ids...)
	out := struct {
		Slots []place `json:"slots"`
		Next  string  `json:"next_cursor,omitempty"`
	}{[]place{}, next}
	for _, p := range found {
		out.Slots = append(out.Slots, fromPlace(p, names))
	}
	return reply{body: out}, err
}

// showSlot shows what is live or, with at, what was live then.
func showSlot(r *route.Request, tx *storage.Tx) (reply, error) {
	p, err := promotion.LiveIn(r.Ctx(), tx, r.Grant, r.Param("environment"), r.Param("model"))
	if err != nil {
		return reply{}, err
	}
	if at := r.QueryParam("at"); at != "" {
		when, err := readInstant(at)
		if err != nil {
			return reply{}, err
		}
		c, err := promotion.LiveAt(r.Ctx(), tx, r.Grant, r.Param("environment"), r.Param("model"), when)
		if err != nil {
			return reply{}, err
		}
		p.Slot.Generation, p.Slot.Stable, p.Slot.Since, p.Slot.By, p.Slot.Active = c.Generation, c.To, c.At, c.By, ""
	}
	names, err := peopleOf(r.Ctx(), tx, p.Slot.By)
	return reply{body: fromPlace(p, names)}, err
}

func showHistory(r *route.Request, tx *storage.Tx) (reply, error) {
	most, err := limit(r)
	if err != nil {
		return reply{}, err
	}
	var below int64
	if err := readCursor(r, "history", &below); err != nil {
		return reply{}, err
	}
	found, err := promotion.SlotStory(r.Ctx(), tx, r.Grant, r.Param("environment"), r.Param("model"), below, most+1)
	if err != nil {
		return reply{}, err
	}
	found, next, err := page(found, most, "history", func(c slot.Change) any { return c.Generation })
	if err != nil {
		return reply{}, err
	}
	ids := make([]string, len(found))
	for i, c := range found {
		ids[i] = c.By
	}
	names, err := peopleOf(r.Ctx(), tx, ids...)
	if err != nil {
		return reply{}, err
	}
	out := struct {
		Changes []change `json:"changes"`
		Next    string   `json:"next_cursor,omitempty"`
	}{[]change{}, next}
	for _, c := range found {
		line := change{c.Generation, fromTarget(c.From), fromTarget(c.To), c.Cause, 0, c.Reason, instant(c.At), names.of(c.By)}
		if c.Request != "" {
			asked, err := tx.Promotion(r.Ctx(), c.Request)
			if err != nil && domain.KindOf(err) != domain.NotFound {
				return reply{}, err
			}
			line.Promotion = asked.Number
		}
		out.Changes = append(out.Changes, line)
	}
	return reply{body: out}, nil
}

type rollbackIn struct {
	Reason     string `json:"reason"`
	To         int64  `json:"to"`         // version; 0 = the one before
	Generation *int64 `json:"generation"` // of the slot as the caller saw it
}

func rollback(r *route.Request, tx *storage.Tx, in rollbackIn) (reply, error) {
	p, err := promotion.PlaceNamed(r.Ctx(), tx, r.Grant, access.SlotRollback, r.Param("environment"), r.Param("model"))
	if err != nil {
		return reply{}, err
	}
	if in.Generation == nil {
		return reply{}, domain.Fail(domain.Invalid, "api.generation", "give the generation of the slot as you saw it, so that asking twice moves it once")
	}
	id := ""
	if in.To != 0 {
		v, err := tx.Version(r.Ctx(), p.Slot.AssetID, in.To)
		if domain.KindOf(err) == domain.NotFound {
			return reply{}, domain.Fail(domain.NotFound, "promotion.no_version", "there is no version %d", in.To)
		}
		if err != nil {
			return reply{}, err
		}
		id = v.ID
	}
	if p.Slot, err = promotion.Rollback(r.Ctx(), tx, r.Grant, p.Environment.Name, p.Slot.AssetID, id, in.Reason, *in.Generation, tx.Now()); err != nil {
		return reply{}, err
	}
	names, err := peopleOf(r.Ctx(), tx, p.Slot.By)
	return reply{body: fromPlace(p, names)}, err
}
