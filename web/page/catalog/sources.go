package catalog

import (
	"context"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// everyHours are the hours between two looks that the form offers.
var everyHours = []int64{1, 6, 24, 168}

func everies(ctx context.Context, every int64) (out []component.Option) {
	for _, h := range everyHours {
		ms := (time.Duration(h) * time.Hour).Milliseconds()
		out = append(out, component.Option{Value: strconv.FormatInt(ms, 10), Label: i18n.T(ctx, "catalog.every."+strconv.FormatInt(h, 10)), Selected: ms == every})
	}
	return out
}

func sourceKinds(ctx context.Context, chosen catalog.SourceKind) (out []component.Option) {
	for _, k := range catalog.SourceKinds {
		if k != catalog.Snapshot {
			out = append(out, component.Option{Value: string(k), Label: i18n.T(ctx, "catalog.source_kind."+string(k)), Selected: k == chosen})
		}
	}
	return out
}

func selected(all []component.Option, value string) []component.Option {
	out := make([]component.Option, len(all))
	for i, o := range all {
		o.Selected = o.Value == value
		out[i] = o
	}
	return out
}

// formOf is the form of a source: as it is or, after an error, as it was typed.
func (v SourcesView) formOf(s SourceLine) SourceForm {
	if v.Form.ID == s.ID && v.Form.Error != "" {
		return v.Form
	}
	return SourceForm{Source: s.Source}
}
