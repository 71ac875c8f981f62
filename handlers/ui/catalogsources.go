package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	page "github.com/slipway-ml/slipway/web/page/catalog"
)

var catalogSourcePages = []route.Route{
	route.GET("/catalog/sources", access.CatalogRead, listSources),
	route.POST("/catalog/sources", access.CatalogConfigure, addSource),
	route.POST("/catalog/sources/:id", access.CatalogConfigure, changeSource),
	route.POST("/catalog/sources/:id/sync", access.CatalogConfigure, syncSource),
	route.POST("/catalog/sources/:id/up", access.CatalogConfigure, func(r *route.Request) error { return believeSource(r, true) }),
	route.POST("/catalog/sources/:id/down", access.CatalogConfigure, func(r *route.Request) error { return believeSource(r, false) }),
	route.POST("/catalog/sources/:id/delete", access.CatalogConfigure, removeSource),
}

func listSources(r *route.Request) error {
	v, err := sourcesView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Sources(v))
}

func sourcesView(r *route.Request) (v page.SourcesView, err error) {
	v.Admin = may(r, access.CatalogConfigure)
	v.Form.Every = 24 * 60 * 60 * 1000
	var keys map[string]string
	if v.Admin {
		if v.Secrets, keys, err = secretOptions(r); err != nil {
			return v, err
		}
	}
	g, err := more(r, access.CatalogRead)
	if err != nil {
		return v, err
	}
	return v, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		all, err := catalog.Sources(r.Ctx(), tx, g)
		for _, s := range all {
			line := page.SourceLine{Source: s, Key: keys[s.Secret]}
			if t, failed := s.Trouble(); failed {
				line.Problem = said(r.Ctx(), &domain.Error{Kind: domain.Unavailable, Key: t.Key, Msg: t.Text, Args: t.Args})
			}
			v.All = append(v.All, line)
		}
		return err
	})
}

// sourceForm is a source as the form has it.
func sourceForm(r *route.Request) catalog.Source {
	return catalog.Source{
		ID: r.Param("id"), Kind: catalog.SourceKind(form(r, "kind")), Name: form(r, "name"), Address: form(r, "address"),
		Every: formNumber(r, "every"), Enabled: form(r, "enabled") != "", Secret: form(r, "secret"), Revision: formNumber(r, "revision"),
	}
}

// sourceAgain shows the form with what was typed and what is wrong with it.
func sourceAgain(r *route.Request, s catalog.Source, err error) error {
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	v, err := sourcesView(r)
	if err != nil {
		return err
	}
	for _, line := range v.All {
		if line.ID == s.ID {
			s.Kind = line.Kind
		}
	}
	v.Form = page.SourceForm{Source: s, Error: text}
	return r.Render(http.StatusBadRequest, page.Sources(v))
}

func addSource(r *route.Request) error {
	typed := sourceForm(r)
	s, err := route.Write(r, func(tx *storage.Tx) (catalog.Source, error) {
		return catalog.AddSource(r.Ctx(), tx, r.Grant, typed, storage.NewID(tx.Now()), tx.Now())
	})
	if err != nil {
		return sourceAgain(r, typed, err)
	}
	flash(r, "catalog.source_added", s.Name)
	return see(r, "/catalog/sources")
}

func changeSource(r *route.Request) error {
	typed := sourceForm(r)
	if _, err := route.Write(r, func(tx *storage.Tx) (catalog.Source, error) {
		return catalog.ChangeSource(r.Ctx(), tx, r.Grant, typed, tx.Now())
	}); err != nil {
		return sourceAgain(r, typed, err)
	}
	flash(r, "flash.saved")
	return see(r, "/catalog/sources")
}

func syncSource(r *route.Request) error {
	s, err := route.Write(r, func(tx *storage.Tx) (catalog.Source, error) {
		return catalog.SyncNow(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	if err != nil {
		return err
	}
	flash(r, "catalog.source_asked", s.Name)
	return see(r, "/catalog/sources")
}

func believeSource(r *route.Request, up bool) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		return catalog.Believe(r.Ctx(), tx, r.Grant, r.Param("id"), up, tx.Now())
	}); err != nil {
		return err
	}
	return see(r, "/catalog/sources")
}

func removeSource(r *route.Request) error {
	s, err := route.Write(r, func(tx *storage.Tx) (catalog.Source, error) {
		return catalog.RemoveSource(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	})
	if err != nil {
		return err
	}
	flash(r, "catalog.source_removed", s.Name)
	return see(r, "/catalog/sources")
}

var shortlistPages = []route.Route{
	route.GET("/catalog/shortlists", access.CatalogRead, listUses),
	route.POST("/catalog/shortlists", access.CatalogWrite, saveUse),
	route.GET("/catalog/shortlists/:id", access.CatalogRead, showUse),
	route.POST("/catalog/shortlists/:id", access.CatalogWrite, saveUse),
	route.POST("/catalog/shortlists/:id/delete", access.CatalogWrite, dropUse),
	route.POST("/catalog/choices", access.CatalogWrite, choose),
	route.POST("/catalog/choices/remove", access.CatalogWrite, unchoose),
}

func listUses(r *route.Request) error {
	v, err := usesView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Uses(v))
}

// asReader is r under the permission to read, for a page that follows an act.
func asReader(r *route.Request) (*route.Request, error) {
	g, err := more(r, access.CatalogRead)
	reader := *r
	reader.Grant = g
	return &reader, err
}

// offeredNow is what the catalog has for a page, and the names of those who chose.
func offeredNow(r *route.Request) (o offered, names map[string]string, err error) {
	reader, err := asReader(r)
	if err != nil {
		return o, nil, err
	}
	return o, names, route.See(reader, func(tx *storage.Tx) error {
		if o, err = readOffered(reader, tx); err != nil {
			return err
		}
		var ids []string
		for _, c := range o.choices {
			ids = append(ids, c.By)
		}
		names, err = tx.NamesOf(r.Ctx(), ids...)
		return err
	})
}

func usesView(r *route.Request) (v page.UsesView, err error) {
	o, _, err := offeredNow(r)
	if err != nil {
		return v, err
	}
	v.CanWrite = may(r, access.CatalogWrite)
	for _, u := range o.uses {
		line := page.UseLine{UseCase: u, Counts: map[string]int{}}
		for _, c := range o.choices {
			if c.UseCase != u.ID {
				continue
			}
			line.Counts[c.Status]++
			if row, ok := o.index.Row(c.Key); ok && len(u.Flags(row, time.Now())) > 0 {
				line.Flags++
			}
		}
		v.All = append(v.All, line)
	}
	return v, nil
}

func useView(r *route.Request, id string) (v page.UseView, err error) {
	o, names, err := offeredNow(r)
	if err != nil {
		return v, err
	}
	i := slices.IndexFunc(o.uses, func(u catalog.UseCase) bool { return u.ID == id })
	if i < 0 {
		return v, catalog.NoUseCase()
	}
	v.Use = o.uses[i]
	v.CanWrite, v.Names, v.Form = may(r, access.CatalogWrite), names, page.UseForm{UseCase: v.Use}
	for _, c := range o.choices {
		if c.UseCase == id {
			row, ok := o.index.Row(c.Key)
			line := page.ChoiceLine{Choice: c, Row: row, Known: ok}
			if ok {
				line.Flags = v.Use.Flags(row, time.Now())
			}
			v.Lines = append(v.Lines, line)
		}
	}
	return v, nil
}

func showUse(r *route.Request) error {
	v, err := useView(r, r.Param("id"))
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Use(v))
}

// saveUse makes a use case or, where the address names one, changes it.
func saveUse(r *route.Request) error {
	typed := catalog.UseCase{ID: r.Param("id"), Name: form(r, "name"), About: form(r, "about"), Licences: strings.Split(r.FormValue("licences"), "\n"), Regions: strings.Split(r.FormValue("regions"), "\n"), Revision: formNumber(r, "revision")}
	u, err := route.Write(r, func(tx *storage.Tx) (catalog.UseCase, error) {
		return catalog.SaveUse(r.Ctx(), tx, r.Grant, typed, storage.NewID(tx.Now()), tx.Now())
	})
	if err == nil {
		flash(r, "flash.saved")
		return see(r, page.UsePath(u.ID))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	wrong := page.UseForm{UseCase: typed, Error: text}
	if typed.ID == "" {
		v, err := usesView(r)
		if err != nil {
			return err
		}
		v.Form = wrong
		return r.Render(http.StatusBadRequest, page.Uses(v))
	}
	v, err := useView(r, typed.ID)
	if err != nil {
		return err
	}
	v.Form = wrong
	return r.Render(http.StatusBadRequest, page.Use(v))
}

func dropUse(r *route.Request) error {
	u, err := route.Write(r, func(tx *storage.Tx) (catalog.UseCase, error) {
		return catalog.DropUse(r.Ctx(), tx, r.Grant, r.Param("id"))
	})
	if err != nil {
		return err
	}
	flash(r, "catalog.use_dropped", u.Name)
	return see(r, "/catalog/shortlists")
}

func choose(r *route.Request) error {
	k, err := modelKey(form(r, "m"))
	if err != nil {
		return err
	}
	u, err := route.Write(r, func(tx *storage.Tx) (catalog.UseCase, error) {
		return catalog.Choose(r.Ctx(), tx, r.Grant, form(r, "use"), k, form(r, "status"), form(r, "reason"), tx.Now())
	})
	if err == nil {
		flash(r, "catalog.chosen", u.Name)
		return see(r, local(r, form(r, "next")))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	return choiceAgain(r, page.ChoiceForm{Choice: catalog.Choice{UseCase: form(r, "use"), Key: k, Status: form(r, "status"), Reason: form(r, "reason")}, Error: text})
}

// choiceAgain shows the page that a choice was made on again, with what was typed and what is wrong with it.
func choiceAgain(r *route.Request, typed page.ChoiceForm) error {
	if form(r, "next") == page.UsePath(typed.UseCase) {
		v, err := useView(r, typed.UseCase)
		if err != nil {
			return err
		}
		v.Typed = typed
		return r.Render(http.StatusBadRequest, page.Use(v))
	}
	reader, err := asReader(r)
	if err != nil {
		return err
	}
	v, err := catalogModelView(reader, typed.Key)
	if err != nil {
		return err
	}
	v.Typed = typed
	return r.Render(http.StatusBadRequest, page.Model(v))
}

func unchoose(r *route.Request) error {
	k, err := modelKey(form(r, "m"))
	if err != nil {
		return err
	}
	u, err := route.Write(r, func(tx *storage.Tx) (catalog.UseCase, error) {
		return catalog.Unchoose(r.Ctx(), tx, r.Grant, form(r, "use"), k)
	})
	if err != nil {
		return err
	}
	flash(r, "catalog.unchosen", u.Name)
	return see(r, page.UsePath(u.ID))
}
