package ui

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	page "github.com/slipway-ml/slipway/web/page/catalog"
)

var catalogPages = []route.Route{
	route.GET("/catalog", access.CatalogRead, listCatalog),
	route.GET("/catalog/export", access.CatalogRead, exportCatalog),
	route.GET("/catalog/model", access.CatalogRead, showCatalogModel),
	route.GET("/catalog/compare", access.CatalogRead, compareCatalog),
	route.GET("/catalog/changes", access.CatalogRead, listCatalogChanges),
}

// offered is the catalog as a page needs it, with the shortlists.
type offered struct {
	index   *catalog.Index
	sources []catalog.Source
	uses    []catalog.UseCase
	choices []catalog.Choice
}

func readOffered(r *route.Request, tx *storage.Tx) (o offered, err error) {
	if o.sources, err = catalog.Sources(r.Ctx(), tx, r.Grant); err != nil {
		return o, err
	}
	if o.index, err = tx.CatalogIndex(r.Ctx(), r.Grant.Workspace()); err != nil {
		return o, err
	}
	if o.uses, err = tx.UseCases(r.Ctx(), r.Grant.Workspace()); err != nil {
		return o, err
	}
	o.choices, err = tx.Choices(r.Ctx(), r.Grant.Workspace())
	return o, err
}

func listCatalog(r *route.Request) error {
	o, err := route.Read(r, func(tx *storage.Tx) (offered, error) { return readOffered(r, tx) })
	if err != nil {
		return err
	}
	v := page.ListView{State: page.ParseState(r.QueryParams()), Choices: catalog.Best(o.choices), Models: o.index.Len(), Providers: o.index.Providers(), Admin: may(r, access.CatalogConfigure)}
	q, wrong := v.State.Query()
	q.Choices = v.Choices
	v.Found, v.Wrong, v.Empty = o.index.Find(q), wrong, o.index.Len() == 0
	for _, s := range o.sources {
		if !s.Enabled {
			continue
		}
		v.Syncing = v.Syncing || s.TriedAt == 0
		if s.Failures > 0 {
			v.Failing++
		}
		if s.SyncedAt > 0 && instant(s.SyncedAt).After(v.Snapshot) {
			v.Snapshot = instant(s.SyncedAt)
		}
	}
	return r.Render(http.StatusOK, page.List(v))
}

// exportCatalog sends exactly what the list shows, all pages of it. Prices are USD for a token, as exact decimal numbers.
func exportCatalog(r *route.Request) error {
	as := r.QueryParam("format")
	if as != "csv" && as != "json" {
		return domain.Fail(domain.Invalid, "export.format", "an export has the format csv or json, not %q", as)
	}
	o, err := route.Read(r, func(tx *storage.Tx) (offered, error) { return readOffered(r, tx) })
	if err != nil {
		return err
	}
	q, _ := page.ParseState(r.QueryParams()).Query()
	q.Choices, q.Skip, q.Most = catalog.Best(o.choices), 0, mostExported
	out := newExport(r, as, "catalog")
	out.head(catalogRecord(catalog.Row{}, "").names)
	for _, m := range o.index.Find(q).Rows {
		out.add(catalogRecord(m, q.Choices[m.Key]))
	}
	return out.end()
}

func catalogRecord(m catalog.Row, choice string) record {
	price := func(amount int64) any {
		if amount < 0 {
			return nil
		}
		return catalog.Dollars(amount)
	}
	count := func(n int64) any {
		if n == 0 {
			return nil
		}
		return float64(n)
	}
	list := func(all []string) any { return strings.Join(all, " ") }
	return record{
		names: []string{"provider", "id", "name", "kind", "inputs", "outputs", "capabilities", "context", "max_output", "input_usd_per_token", "output_usd_per_token", "licence", "open_weights", "released", "deprecated", "gone", "choice"},
		values: []any{
			m.Provider, m.ID, m.Name, m.Mode, list(m.Inputs), list(m.Outputs), list(m.Can), count(m.Context), count(m.MaxOutput), price(m.Input), price(m.Output),
			m.Licence, strconv.FormatBool(m.Open), m.Released, m.Deprecated, strconv.FormatBool(m.Gone), choice,
		},
	}
}

// modelKey is the key that an address names.
func modelKey(text string) (catalog.Key, error) {
	k, ok := catalog.ParseKey(text)
	if !ok {
		return k, catalog.NoModel(catalog.Key{Provider: "?", ID: text})
	}
	return k, nil
}

func showCatalogModel(r *route.Request) error {
	k, err := modelKey(r.QueryParam("id"))
	if err != nil {
		return err
	}
	v, err := catalogModelView(r, k)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Model(v))
}

func catalogModelView(r *route.Request, k catalog.Key) (page.ModelView, error) {
	v := page.ModelView{CanWrite: may(r, access.CatalogWrite)}
	if err := route.See(r, func(tx *storage.Tx) error {
		o, err := readOffered(r, tx)
		if err != nil {
			return err
		}
		m, err := tx.CatalogModel(r.Ctx(), r.Grant.Workspace(), k)
		if domain.KindOf(err) == domain.NotFound {
			return catalog.NoModel(k)
		}
		if err != nil {
			return err
		}
		v.Model, v.Uses = m, o.uses
		v.Row, _ = o.index.Row(k)
		v.Alike = o.index.Alike(k)
		if v.Told, err = tx.CatalogOffers(r.Ctx(), r.Grant.Workspace(), k); err != nil {
			return err
		}
		if v.Changes, err = tx.CatalogChanges(r.Ctx(), r.Grant.Workspace(), catalog.ChangeQuery{Key: k, Most: 100}); err != nil {
			return err
		}
		var ids []string
		for _, c := range o.choices {
			if c.Key == k {
				v.Choices = append(v.Choices, c)
				ids = append(ids, c.By)
			}
		}
		if v.Names, err = tx.NamesOf(r.Ctx(), ids...); err != nil {
			return err
		}
		v.SourceNames = sourceNames(o.sources)
		v.Replacement = replacement(o.index, m)
		return nil
	}); err != nil {
		return v, err
	}
	v.Work = page.ParseWorkload(r.QueryParams())
	return v, usedBy(r, k, &v)
}

// usedBy finds runs of ours that call a model, for who may see them.
func usedBy(r *route.Request, k catalog.Key, v *page.ModelView) error {
	const most = 5
	if !may(r, access.RunRead) {
		return nil
	}
	g, err := more(r, access.RunRead)
	if err != nil {
		return err
	}
	return r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) (err error) {
		if err := g.Need(access.RunRead, g.Workspace()); err != nil {
			return err
		}
		v.Runs, err = tx.RunsNaming(r.Ctx(), g.Workspace(), k.Names(), most)
		return err
	})
}

// replacement finds the model that stands in for another, in the words of the provider.
func replacement(x *catalog.Index, m catalog.Model) catalog.Key {
	name := m.Merged.Facts.Replacement
	if name == "" {
		return catalog.Key{}
	}
	for _, k := range []catalog.Key{{Provider: m.Key.Provider, ID: name}, {Provider: m.Key.Provider, ID: name[strings.Index(name, "/")+1:]}} {
		if _, ok := x.Row(k); ok {
			return k
		}
	}
	if k, ok := catalog.ParseKey(name); ok {
		if _, ok := x.Row(k); ok {
			return k
		}
	}
	return catalog.Key{}
}

func sourceNames(all []catalog.Source) map[string]string {
	out := map[string]string{}
	for _, s := range all {
		out[s.ID] = s.Name
	}
	return out
}

func compareCatalog(r *route.Request) error {
	var keys []catalog.Key
	for _, text := range r.QueryParams()["m"] {
		k, err := modelKey(text)
		if err != nil {
			return err
		}
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if len(keys) > page.MostCompared {
		return domain.Fail(domain.Invalid, "catalog.compare_many", "at most %d models stand side by side: take some away", page.MostCompared)
	}
	v := page.CompareView{Work: page.ParseWorkload(r.QueryParams())}
	if err := route.See(r, func(tx *storage.Tx) error {
		o, err := readOffered(r, tx)
		if err != nil {
			return err
		}
		models, err := tx.CatalogModels(r.Ctx(), r.Grant.Workspace(), keys)
		if err != nil {
			return err
		}
		best := catalog.Best(o.choices)
		for _, k := range keys {
			m, ok := models[k]
			if !ok {
				return catalog.NoModel(k)
			}
			row, _ := o.index.Row(k)
			v.Models = append(v.Models, page.Compared{Model: m, Row: row, Choice: best[k]})
		}
		return nil
	}); err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Compare(v))
}

// changesShown is how many changes a page lists.
const changesShown = 100

func listCatalogChanges(r *route.Request) error {
	v := page.ChangesView{Kind: r.QueryParam("kind")}
	if !slices.Contains(catalog.ChangeKinds, catalog.ChangeKind(v.Kind)) {
		v.Kind = ""
	}
	v.Below = r.QueryParam("below")
	if len(v.Below) > 64 {
		v.Below = ""
	}
	if err := route.See(r, func(tx *storage.Tx) error {
		o, err := readOffered(r, tx)
		if err != nil {
			return err
		}
		v.Changes, err = tx.CatalogChanges(r.Ctx(), r.Grant.Workspace(), catalog.ChangeQuery{Kind: catalog.ChangeKind(v.Kind), Below: v.Below, Most: changesShown + 1})
		if len(v.Changes) > changesShown {
			v.Changes, v.Next = v.Changes[:changesShown], v.Changes[changesShown-1].ID
		}
		v.SourceNames, v.Choices = sourceNames(o.sources), catalog.Best(o.choices)
		v.Retiring = catalog.Leaving(o.index, o.choices, time.Now())
		return err
	}); err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Changes(v))
}

// catalogNews is what the home page tells of the catalog: nothing to who may not see it.
func catalogNews(r *route.Request, now time.Time) (v page.NewsView, err error) {
	const most = 5
	if !may(r, access.CatalogRead) {
		return v, nil
	}
	reader, err := asReader(r)
	if err != nil {
		return v, err
	}
	return v, route.See(reader, func(tx *storage.Tx) error {
		workspace := reader.Grant.Workspace()
		if err := reader.Grant.Need(access.CatalogRead, workspace); err != nil {
			return err
		}
		choices, err := tx.Choices(r.Ctx(), workspace)
		if err != nil {
			return err
		}
		if len(choices) > 0 { // the index is for the shortlists alone
			x, err := tx.CatalogIndex(r.Ctx(), workspace)
			if err != nil {
				return err
			}
			v.Retiring = catalog.Leaving(x, choices, now)
			v.Retiring = v.Retiring[:min(len(v.Retiring), most)]
		}
		all, err := tx.CatalogChanges(r.Ctx(), workspace, catalog.ChangeQuery{Most: most})
		for _, c := range all {
			if now.Sub(instant(c.At)) < 30*24*time.Hour {
				v.Changes = append(v.Changes, c)
			}
		}
		return err
	})
}
