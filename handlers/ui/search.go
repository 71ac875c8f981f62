package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/registry"
	"github.com/slipway-ml/slipway/web/page/search"
)

var searchPages = []route.Route{
	route.GET("/search", access.RunRead, showSearch),
}

// How many things of a kind a search shows: beside other kinds, alone, and in the command menu.
const (
	foundOfEach = 8
	foundOfOne  = 100
	foundInMenu = 4
)

var foundKinds = []string{"experiments", "runs", "registered", "models", "tags"}

// showSearch answers with a page, or with the choices of the command menu if that asks.
func showSearch(r *route.Request) error {
	v := search.View{Words: tracking.CleanWords(r.QueryParam("q")), Kind: r.QueryParam("kind"), Most: foundOfEach}
	if !slices.Contains(foundKinds, v.Kind) {
		v.Kind = ""
	}
	menu := r.Request().Header.Get("HX-Target") == "palette-found"
	switch {
	case menu:
		v.Most = foundInMenu
	case v.Kind != "":
		v.Most = foundOfOne
	}
	if err := find(r, &v); err != nil {
		return err
	}
	if menu {
		return r.Render(http.StatusOK, search.Palette(v))
	}
	return r.Render(http.StatusOK, search.Show(v))
}

// find fills v with what its words find. Each kind asks for its own permission.
func find(r *route.Request, v *search.View) error {
	seeing, err := more(r, access.ExperimentRead)
	if err != nil {
		return err
	}
	loading, err := more(r, access.LoggedModelRead)
	if err != nil {
		return err
	}
	reading, err := more(r, access.ModelRead)
	if err != nil {
		return err
	}
	ctx, most := r.Ctx(), v.Most+1
	_, err = route.Read(r, func(tx *storage.Tx) (none struct{}, err error) {
		v.Groups = nil
		for _, k := range []struct {
			kind, icon string
			look       func() ([]search.Item, error)
		}{
			{"experiments", "flask-conical", func() ([]search.Item, error) {
				found, err := tracking.FindExperiments(ctx, tx, seeing, v.Words, most)
				return items(found, func(e tracking.Experiment) search.Item {
					return search.Item{Name: e.Name, Path: "/experiments/" + e.ID}
				}), err
			}},
			{"runs", "activity", func() ([]search.Item, error) {
				found, err := tracking.FindRuns(ctx, tx, r.Grant, v.Words, most)
				return items(found, func(f tracking.FoundRun) search.Item {
					return search.Item{Name: f.Name, Path: "/runs/" + f.ID, About: f.Experiment, Status: string(f.Status)}
				}), err
			}},
			{"registered", "package", func() ([]search.Item, error) {
				found, err := registry.FindModels(ctx, tx, reading, v.Words, most)
				return items(found, func(m registry.Model) search.Item { return search.Item{Name: m.Name, Path: page.Path(m.Name)} }), err
			}},
			{"models", "box", func() ([]search.Item, error) {
				found, err := tracking.FindLoggedModels(ctx, tx, loading, v.Words, most)
				return items(found, func(f tracking.FoundModel) search.Item {
					return search.Item{Name: f.Name, Path: "/logged-models/" + f.ID, About: f.Experiment}
				}), err
			}},
			{"tags", "hash", func() ([]search.Item, error) {
				found, err := tracking.FindTags(ctx, tx, r.Grant, v.Words, most)
				return items(found, func(f tracking.FoundTag) search.Item { return tagItem(ctx, f) }), err
			}},
		} {
			if v.Kind != "" && v.Kind != k.kind {
				continue
			}
			found, err := k.look()
			if err != nil {
				return none, err
			}
			v.Groups = append(v.Groups, search.Group{Kind: k.kind, Icon: k.icon, Items: found[:min(v.Most, len(found))], More: len(found) > v.Most})
		}
		return none, nil
	})
	return err
}

func items[T any](all []T, item func(T) search.Item) []search.Item {
	out := make([]search.Item, len(all))
	for i, one := range all {
		out[i] = item(one)
	}
	return out
}

// tagItem leads to the runs of the experiment that have the tag.
func tagItem(ctx context.Context, f tracking.FoundTag) search.Item {
	filter := "tags.`" + strings.ReplaceAll(f.Key, "`", "``") + "`"
	it := search.Item{Name: f.Key, About: f.Experiment, Count: i18n.T(ctx, "search.tag_key")}
	if f.Value == "" {
		filter += " IS NOT NULL"
	} else {
		filter += " = '" + strings.ReplaceAll(f.Value, "'", "''") + "'"
		it.Name, it.Count = f.Key+": "+f.Value, i18n.N(ctx, "search.runs", f.Runs)
	}
	if f.AtLeast {
		it.Count = i18n.T(ctx, "search.at_least", format.Count(ctx, f.Runs))
	}
	it.Path = "/experiments/" + f.ExperimentID + "?" + url.Values{"filter": {filter}}.Encode()
	return it
}
