package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// mostPicked is how many keys of each kind the picker lists; the rest is found by name.
const (
	mostPicked = 40
	mostShown  = 60 // columns an address may name, which are not listed again
)

// pickColumns shows the columns of the address and the keys of the experiment whose names hold q.
func pickColumns(r *route.Request) error {
	l := newListing(r, runs.ParseState(r.Param("id"), r.QueryParams()))
	v := runs.ColumnsView{State: l.state, Query: strings.TrimSpace(r.QueryParam("q"))}
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	found := map[string][]tracking.Key{}
	if err := route.See(r, func(tx *storage.Tx) error {
		if l.experiment, err = tracking.ExperimentByID(r.Ctx(), tx, seeing, l.state.Experiment); err != nil {
			return err
		}
		if l.uses, l.newest, err = tracking.ColumnUses(r.Ctx(), tx, r.Grant, l.state.Experiment); err != nil {
			return err
		}
		for _, kind := range []string{tracking.KindMetric, tracking.KindParam, tracking.KindTag} {
			if found[kind], err = tracking.KeysOf(r.Ctx(), tx, r.Grant, l.state.Experiment, kind, v.Query, mostPicked+1+mostShown); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	v.Name = l.experiment.Name
	for _, c := range l.chosenColumns() {
		v.Shown = append(v.Shown, c.ID)
	}
	for _, kind := range []string{tracking.KindMetric, tracking.KindParam, tracking.KindTag} {
		group := runs.ColumnKind{Label: i18n.T(r.Ctx(), "columns.kind."+kind)}
		for _, k := range found[kind] {
			if id := kind + "s." + k.Name; !slices.Contains(v.Shown, id) {
				group.Keys = append(group.Keys, id)
			}
		}
		if len(group.Keys) > mostPicked {
			group.Keys, v.More = group.Keys[:mostPicked], true
		}
		if len(group.Keys) > 0 {
			v.Found = append(v.Found, group)
		}
	}
	return r.Render(http.StatusOK, runs.Columns(v))
}
