package ui

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/register"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/registry"
)

var registryPages = []route.Route{
	route.GET("/models", access.ModelRead, listRegistry),
	route.POST("/models", access.ModelWrite, createModel),
	route.GET("/model-versions/new", access.ModelWrite, newVersion),
	route.POST("/model-versions", access.ModelWrite, registerVersion),
	route.POST("/model-moves/:id/undo", access.ModelWrite, undoMove),
	route.POST("/registered-models/:id/restore", access.ModelDelete, restoreModel),
	route.POST("/model-versions/:id/restore", access.ModelDelete, restoreVersion),
	route.GET("/models/:name", access.ModelRead, showRegistered),
	route.GET("/models/:name/history", access.ModelRead, modelHistory),
	route.POST("/models/:name/rename", access.ModelWrite, renameModel),
	route.POST("/models/:name/description", access.ModelWrite, describeModel),
	route.POST("/models/:name/tags", access.ModelWrite, tagModel),
	route.POST("/models/:name/tags/delete", access.ModelWrite, untagModel),
	route.POST("/models/:name/aliases", access.ModelWrite, moveModelAlias),
	route.POST("/models/:name/delete", access.ModelDelete, deleteModel),
}

// recentMoves is how much of a history stands beside other things, and mostMoves how much on its own page.
const (
	recentMoves = 8
	mostMoves   = 500
)

func listRegistry(r *route.Request) error {
	v, err := registryView(r)
	if err != nil {
		return err
	}
	return r.Render(filterStatus(r, v.Problem), page.List(v))
}

func registryView(r *route.Request) (v page.ListView, err error) {
	v = page.ListView{Query: r.QueryParam("q"), Order: r.QueryParam("order"), TrackingURI: r.Absolute(""), CanWrite: may(r, access.ModelWrite)}
	filter, own := likeName(v.Query)
	q, err := registry.ParseModelQuery(filter, orders(v.Order))
	if err != nil {
		v.Problem, q = problem(r, err, own), tracking.Query{}
	}
	if len(q.Order) == 0 {
		q.Order = []tracking.Order{registry.LatestFirst}
	}
	q.Limit, q.After = pageSize, r.QueryParam("token")
	g, err := more(r, access.ModelRead)
	if err != nil {
		return v, err
	}
	var found tracking.Page[registry.Model]
	var people map[string]string
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if found, err = registry.SearchModels(r.Ctx(), tx, g, q); err != nil {
			return err
		}
		var makers []string
		for _, m := range found.Items {
			makers = append(makers, m.CreatedBy)
		}
		people, err = tx.NamesOf(r.Ctx(), makers...)
		return err
	}); err != nil {
		return v, err
	}
	const aliases = 4
	for _, m := range found.Items {
		row := page.Row{Name: m.Name, Aliases: m.Aliases, Updated: instant(m.UpdatedAt), CreatedBy: people[m.CreatedBy], Tags: shownTags(m.Tags)}
		if len(m.Aliases) > aliases {
			row.Aliases, row.MoreAliases = m.Aliases[:aliases], len(m.Aliases)-aliases
		}
		if len(m.Latest) > 0 {
			row.Latest, row.Revoked = m.Latest[0].Number, m.Latest[0].Revoked()
		}
		v.Rows = append(v.Rows, row)
	}
	v.FirstUse = v.Query == "" && q.After == "" && len(v.Rows) == 0
	v.Pager = pager(r, found.Next, "/models", "#models")
	v.Pager.Shown = i18n.N(r.Ctx(), "registry.shown", int64(len(v.Rows)))
	return v, nil
}

func createModel(r *route.Request) error {
	f := page.Form{Name: form(r, "name"), Description: form(r, "description"), Errors: map[string]string{}}
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.CreateModel(r.Ctx(), tx, r.Grant, registry.Model{Name: f.Name, Description: f.Description}, tx.Now())
	})
	if err == nil {
		flash(r, "flash.model_created", m.Name)
		return see(r, page.Path(m.Name))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	field := "name"
	if e := domain.As(err); e != nil && e.Key == "registry.description_long" {
		field = "description"
	}
	f.Errors[field] = text
	v, err := registryView(r)
	if err != nil {
		return err
	}
	v.Form = f
	return r.Render(http.StatusBadRequest, page.List(v))
}

func showRegistered(r *route.Request) error {
	v, err := registeredView(r, r.Param("name"))
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Model(v))
}

func registeredView(r *route.Request, name string) (v page.ModelView, err error) {
	g, err := more(r, access.ModelRead)
	if err != nil {
		return v, err
	}
	below, _ := registry.ParseNumber(r.QueryParam("below"))
	var m registry.Model
	var versions []registry.Version
	var moves []registry.Move
	names := map[string]string{}
	var people map[string]string
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if m, err = registry.ModelByName(r.Ctx(), tx, g, name); err != nil {
			return err
		}
		if v.Total, err = tx.CountVersions(r.Ctx(), m.ID); err != nil {
			return err
		}
		if versions, err = tx.VersionsBelow(r.Ctx(), m.ID, below, pageSize+1); err != nil {
			return err
		}
		if moves, err = tx.Moves(r.Ctx(), m.ID, "", "", mostMoves); err != nil {
			return err
		}
		if names, err = runNames(r, tx, versions); err != nil {
			return err
		}
		if people, err = tx.NamesOf(r.Ctx(), makersOf(m, versions, moves)...); err != nil {
			return err
		}
		asked, err := more(r, access.PromotionRead)
		if err != nil {
			return err
		}
		if v.Live, err = stays(r, tx, asked, m, ""); err != nil {
			return err
		}
		v.Asked, err = askedOf(r, tx, asked, m.ID, "")
		return err
	}); err != nil {
		return v, err
	}
	v.Name, v.Text, v.Created, v.CreatedBy, v.Updated, v.Tags = m.Name, m.Description, instant(m.CreatedAt), people[m.CreatedBy], instant(m.UpdatedAt), shownTags(m.Tags)
	v.CanPropose = may(r, access.PromotionPropose)
	v.CanWrite, v.CanDelete = may(r, access.ModelWrite), may(r, access.ModelDelete)
	if len(versions) > pageSize {
		versions = versions[:pageSize]
		v.Older = page.Path(m.Name) + "?below=" + strconv.FormatInt(versions[pageSize-1].Number, 10)
	}
	for _, x := range versions {
		row := page.VersionRow{
			Number: x.Number, Aliases: x.Aliases, Stage: x.Stage, Standing: x.Standing, Broken: x.Broken != "", Revoked: x.Revoked(),
			Digest: x.Digest, Size: format.Bytes(r.Ctx(), x.Size), Created: instant(x.CreatedAt), CreatedBy: people[x.CreatedBy],
		}
		if names[x.RunID] != "" {
			row.Run = page.Link{Label: names[x.RunID], Path: "/runs/" + x.RunID}
		}
		v.Versions = append(v.Versions, row)
	}
	v.Aliases, v.AliasCount = aliasRows(m.Aliases, moves, people, 0), len(m.Aliases)
	v.Moves, v.MoreMoves = moveRows(r, moves, people, recentMoves), len(moves) > recentMoves
	v.RegisterUsage = component.ClientScript(r.Absolute(""), "mlflow.register_model(\"models:/<model id>\", "+strconv.Quote(m.Name)+")\n")
	return v, nil
}

func makersOf(m registry.Model, vs []registry.Version, moves []registry.Move) []string {
	out := []string{m.CreatedBy}
	for _, v := range vs {
		out = append(out, v.CreatedBy, v.RevokedBy)
	}
	for _, mv := range moves {
		out = append(out, mv.By)
	}
	return out
}

// runNames are the names of the runs that versions were made from, as far as the reader may see them.
func runNames(r *route.Request, tx *storage.Tx, vs []registry.Version) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range vs {
		if v.RunID == "" || out[v.RunID] != "" {
			continue
		}
		run, err := tx.Run(r.Ctx(), v.RunID)
		switch {
		case domain.KindOf(err) == domain.NotFound, err == nil && run.Workspace != v.Workspace:
		case err != nil:
			return nil, err
		default:
			out[v.RunID] = run.Name
		}
	}
	return out, nil
}

// mostAliases is how many aliases a page lists; a model may have thousands.
const mostAliases = 100

// aliasRows are the aliases of a model with the last move of each; here is the version whose page it is, whose aliases
// come first where not all can be listed.
func aliasRows(all []registry.Alias, moves []registry.Move, people map[string]string, here int64) (out []page.AliasRow) {
	last := map[string]registry.Move{}
	for _, m := range moves { // the newest first
		if _, known := last[m.Subject]; m.Kind == registry.AliasMove && !known {
			last[m.Subject] = m
		}
	}
	if len(all) > mostAliases {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b registry.Alias) int {
			switch {
			case (a.Version == here) == (b.Version == here):
				return 0
			case a.Version == here:
				return -1
			}
			return 1
		})
		all = all[:mostAliases]
	}
	for _, a := range all {
		m := last[a.Name]
		out = append(out, page.AliasRow{Name: a.Name, Version: a.Version, At: instant(m.At), By: people[m.By], Here: a.Version == here})
	}
	return out
}

// moveRows are lines of a history. The newest move of each alias and version may be undone.
func moveRows(r *route.Request, moves []registry.Move, people map[string]string, most int) (out []page.MoveRow) {
	write := may(r, access.ModelWrite)
	seen := map[string]bool{}
	for _, m := range moves {
		key := string(m.Kind) + " " + m.Subject
		if len(out) < most {
			out = append(out, page.MoveRow{
				ID: m.ID, Kind: m.Kind, Subject: m.Subject, From: m.From, To: m.To, At: instant(m.At), By: people[m.By], Undoes: m.Undoes != "",
				CanUndo: write && !seen[key],
			})
		}
		seen[key] = true
	}
	return out
}

func modelHistory(r *route.Request) error {
	v := page.HistoryView{Subject: r.QueryParam("alias"), Kind: registry.AliasMove}
	if stage := r.QueryParam("version"); v.Subject == "" && stage != "" {
		v.Subject, v.Kind = stage, registry.StageMove
	}
	var moves []registry.Move
	var people map[string]string
	m, err := route.Read(r, func(tx *storage.Tx) (m registry.Model, err error) {
		if m, moves, err = registry.History(r.Ctx(), tx, r.Grant, r.Param("name"), v.Kind, v.Subject, mostMoves); err != nil {
			return m, err
		}
		people, err = tx.NamesOf(r.Ctx(), makersOf(m, nil, moves)...)
		return m, err
	})
	if err != nil {
		return err
	}
	v.Name, v.Moves, v.Full = m.Name, moveRows(r, moves, people, mostMoves), len(moves) == mostMoves
	return r.Render(http.StatusOK, page.History(v))
}

// changeModel runs an act on the model of the address and comes back to its page; a refusal that the person can do
// something about is put into the page by show.
func changeModel(r *route.Request, act func(*storage.Tx) error, show func(*page.ModelView, string)) error {
	err := route.Do(r, act)
	if err == nil {
		flash(r, "flash.saved")
		return see(r, page.Path(r.Param("name")))
	}
	text, ok := words(r.Ctx(), err)
	if !ok || show == nil {
		return err
	}
	v, viewErr := registeredView(r, r.Param("name"))
	if viewErr != nil {
		return viewErr
	}
	show(&v, text)
	return r.Render(http.StatusBadRequest, page.Model(v))
}

func renameModel(r *route.Request) error {
	to := form(r, "name")
	err := route.Do(r, func(tx *storage.Tx) error {
		_, err := registry.RenameModel(r.Ctx(), tx, r.Grant, r.Param("name"), to, tx.Now())
		return err
	})
	if err == nil {
		flash(r, "flash.renamed", to)
		return see(r, page.Path(to))
	}
	return changeModel(r, func(*storage.Tx) error { return err }, func(v *page.ModelView, text string) { v.RenameTo, v.RenameError = to, text })
}

func describeModel(r *route.Request) error {
	text := r.FormValue("description")
	return changeModel(r, func(tx *storage.Tx) error {
		_, err := registry.DescribeModel(r.Ctx(), tx, r.Grant, r.Param("name"), &text, tx.Now())
		return err
	}, nil)
}

func tagModel(r *route.Request) error {
	t := tracking.Tag{Key: form(r, "key"), Value: r.FormValue("value")}
	return changeModel(r, func(tx *storage.Tx) error {
		return registry.SetModelTag(r.Ctx(), tx, r.Grant, r.Param("name"), t, tx.Now())
	}, func(v *page.ModelView, text string) { v.TagKey, v.TagValue, v.TagError = t.Key, t.Value, text })
}

func untagModel(r *route.Request) error {
	return changeModel(r, func(tx *storage.Tx) error {
		return registry.DeleteModelTag(r.Ctx(), tx, r.Grant, r.Param("name"), r.FormValue("key"), tx.Now())
	}, nil)
}

// aliasAct reads the form that moves an alias: to a version, or with none away.
func aliasAct(r *route.Request) (f page.AliasForm, act func(*storage.Tx) error) {
	f = page.AliasForm{Alias: strings.TrimPrefix(form(r, "alias"), "@"), Version: strings.TrimPrefix(form(r, "version"), "v")}
	return f, func(tx *storage.Tx) error {
		if f.Version == "" {
			return registry.DeleteAlias(r.Ctx(), tx, r.Grant, r.Param("name"), f.Alias, tx.Now())
		}
		n, ok := registry.ParseNumber(f.Version)
		if !ok {
			return domain.Fail(domain.Invalid, "registry.version", "Parameter 'version' must be an integer from 1, got '%s'", f.Version)
		}
		return registry.SetAlias(r.Ctx(), tx, r.Grant, r.Param("name"), f.Alias, n, tx.Now())
	}
}

func moveModelAlias(r *route.Request) error {
	f, act := aliasAct(r)
	return changeModel(r, act, func(v *page.ModelView, text string) { f.Error = text; v.Form = f })
}

func deleteModel(r *route.Request) error {
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.DeleteModel(r.Ctx(), tx, r.Grant, r.Param("name"), tx.Now())
	})
	if err != nil {
		return err
	}
	flashUndo(r, "/registered-models/"+m.ID+"/restore", "flash.model_deleted", r.Param("name"))
	return see(r, "/models")
}

func restoreModel(r *route.Request) error {
	m, err := route.Write(r, func(tx *storage.Tx) (registry.Model, error) {
		return registry.RestoreModel(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	})
	if err != nil {
		return err
	}
	flash(r, "flash.restored")
	return see(r, page.Path(m.Name))
}

func restoreVersion(r *route.Request) error {
	v, err := route.Write(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.RestoreVersion(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
	})
	if err != nil {
		return err
	}
	flash(r, "flash.restored")
	return see(r, page.VersionPath(v.Model, v.Number))
}

func undoMove(r *route.Request) error {
	var m registry.Model
	err := route.Do(r, func(tx *storage.Tx) error {
		mv, err := registry.UndoMove(r.Ctx(), tx, r.Grant, r.Param("id"), tx.Now())
		if err != nil {
			return err
		}
		m, err = tx.ModelByID(r.Ctx(), mv.ModelID)
		return err
	})
	if err != nil {
		return err
	}
	flash(r, "flash.undone")
	return see(r, page.Path(m.Name))
}

// offeredNames is how many models are offered to register under; any other name may be typed.
const offeredNames = 200

// newVersion is the form that registers what a run or logged model made.
func newVersion(r *route.Request) error {
	v := page.NewView{Source: r.QueryParam("source"), RunID: r.QueryParam("run_id"), ModelID: r.QueryParam("model_id"), Name: r.QueryParam("name")}
	return showNewVersion(r, v, http.StatusOK)
}

func showNewVersion(r *route.Request, v page.NewView, status int) error {
	g, err := more(r, access.ModelRead)
	if err != nil {
		return err
	}
	q := tracking.Query{Limit: offeredNames, Order: []tracking.Order{registry.LatestFirst}}
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		found, err := registry.SearchModels(r.Ctx(), tx, g, q)
		v.Names = nil
		for _, m := range found.Items {
			v.Names = append(v.Names, m.Name)
		}
		return err
	}); err != nil {
		return err
	}
	return r.Render(status, page.New(v))
}

// registerVersion makes a version from a run or logged model, of a model that is there or is made with it.
func registerVersion(r *route.Request) error {
	f := page.NewView{Source: form(r, "source"), RunID: form(r, "run_id"), ModelID: form(r, "model_id"), Name: form(r, "name"), Description: r.FormValue("description")}
	v, err := register.Version(r, registry.Version{Model: f.Name, Source: f.Source, RunID: f.RunID, LoggedModelID: f.ModelID, Description: f.Description}, registry.Register)
	if err == nil {
		flash(r, "flash.registered", v.Model, strconv.FormatInt(v.Number, 10))
		return see(r, page.VersionPath(v.Model, v.Number))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	if e := domain.As(err); e != nil && strings.HasPrefix(e.Key, "registry.name") {
		f.NameError = text
	} else {
		f.Error = text
	}
	return showNewVersion(r, f, http.StatusBadRequest)
}

// deltas says how a value differs from another, for people: up, and whether that is good.
func deltas(r *route.Request, key string, here, there float64) (text string, tone component.Tone, up bool) {
	d := here - there
	if d == 0 || math.IsNaN(d) {
		return "", "", false
	}
	up = d > 0
	tone = component.Neutral
	switch tracking.MetricDirection(key) {
	case tracking.HigherIsBetter:
		tone = map[bool]component.Tone{true: component.OK, false: component.Danger}[up]
	case tracking.LowerIsBetter:
		tone = map[bool]component.Tone{true: component.Danger, false: component.OK}[up]
	case tracking.Unknown:
	}
	return format.Number(r.Ctx(), math.Abs(d)), tone, up
}
