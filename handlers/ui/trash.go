package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/trash"
)

var trashPages = []route.Route{
	route.GET("/trash", access.ExperimentRead, showTrash),
	route.POST("/trash/restore", access.ExperimentDelete, restoreTrash), // each thing asks for its own permission as well
	route.POST("/trash/purge", access.TrashPurge, purgeTrash),
}

const (
	trashPage    = 50
	namedAtMost  = 5
	chosenAtMost = 1000
)

// deleting are the permissions to delete and restore each kind of thing.
var deleting = map[tracking.TrashKind]access.Perm{
	tracking.TrashExperiment: access.ExperimentDelete, tracking.TrashRun: access.RunDelete, tracking.TrashModel: access.LoggedModelDelete,
	tracking.TrashRegistered: access.ModelDelete, tracking.TrashVersion: access.ModelDelete,
}

func showTrash(r *route.Request) error {
	v, err := trashView(r)
	if err != nil {
		return err
	}
	if may(r, access.TrashPurge) {
		switch r.QueryParam("confirm") {
		case "all":
			v.Confirm = &trash.Confirm{All: true, Word: true}
		case "items":
			if v.Confirm, err = confirmation(r, r.QueryParams()["item"]); err != nil {
				return err
			}
		}
	}
	if !v.Purging && r.Request().Header.Get("HX-Target") == "trash-purging" {
		r.Response().Header().Set("HX-Refresh", "true") // what the page waited for is done
	}
	return r.Render(http.StatusOK, trash.List(v))
}

func trashView(r *route.Request) (v trash.View, err error) {
	v = trash.View{
		Kind: r.QueryParam("kind"), CanRestore: may(r, access.RunDelete), CanPurge: may(r, access.TrashPurge), Counts: map[string]int64{},
	}
	if deleting[tracking.TrashKind(v.Kind)].Name == "" {
		v.Kind = ""
	}
	g, err := more(r, access.ExperimentRead)
	if err != nil {
		return v, err
	}
	var counts map[tracking.TrashKind]int64
	var page tracking.Page[tracking.Trashed]
	var names map[string]string
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if counts, err = tracking.CountTrash(r.Ctx(), tx, g); err != nil {
			return err
		}
		if page, err = tracking.ListTrash(r.Ctx(), tx, g, tracking.TrashKind(v.Kind), r.QueryParam("token"), trashPage); err != nil {
			return err
		}
		var by []string
		for _, x := range page.Items {
			by = append(by, x.DeletedBy)
		}
		names, err = tx.NamesOf(r.Ctx(), by...)
		return err
	}); err != nil {
		return v, err
	}
	for kind, n := range counts {
		v.Counts[string(kind)] = n
	}
	for _, x := range page.Items {
		if x.Kind == tracking.TrashVersion {
			x.Name = x.Experiment + " v" + x.Name
		}
		row := trash.Row{
			Kind: string(x.Kind), ID: x.ID, Name: x.Name, Within: x.Experiment, Size: size(x.Size), Deleted: instant(x.DeletedAt), By: names[x.DeletedBy],
			Purging: x.Purging, Stays: x.TrashKey == tracking.TrashKey{Kind: tracking.TrashExperiment, ID: tracking.DefaultExperiment},
		}
		switch x.Kind {
		case tracking.TrashExperiment:
			row.Path = "/experiments/" + x.ID
		case tracking.TrashRun:
			row.Path = "/runs/" + x.ID
		default: // the page of a logged model goes with it
		}
		v.Purging = v.Purging || x.Purging
		v.Rows = append(v.Rows, row)
	}
	v.Pager = pager(r, page.Next, "/trash", "")
	v.Pager.Shown = i18n.T(r.Ctx(), "trash.shown", format.Count(r.Ctx(), int64(len(v.Rows))))
	return v, nil
}

func size(s tracking.Size) trash.Size {
	return trash.Size{Runs: s.Runs, Params: s.Params, Points: s.Points, Files: s.Files, Bytes: s.Bytes, About: s.About, Over: s.Over}
}

// keys reads "run:ID" from a form. What is no such key names nothing.
func keys(items []string) (out []tracking.TrashKey) {
	for _, it := range items[:min(chosenAtMost, len(items))] {
		kind, id, _ := strings.Cut(it, ":")
		k := tracking.TrashKey{Kind: tracking.TrashKind(kind), ID: id}
		if deleting[k.Kind].Name != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// confirmation is the question before items are deleted for good; nil if none of them is in the trash. More than one
// thing, or a whole experiment, wants the word typed.
func confirmation(r *route.Request, items []string) (*trash.Confirm, error) {
	g, err := more(r, access.ExperimentRead)
	if err != nil {
		return nil, err
	}
	var found []tracking.Trashed
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		found, err = tracking.InTrash(r.Ctx(), tx, g, access.ExperimentRead, keys(items))
		return err
	}); err != nil || len(found) == 0 {
		return nil, err
	}
	c := &trash.Confirm{Word: len(found) > 1 || found[0].Kind == tracking.TrashExperiment}
	for i, x := range found {
		c.Items = append(c.Items, string(x.Kind)+":"+x.ID)
		if i < namedAtMost {
			c.Names = append(c.Names, x.Name)
		} else {
			c.More++
		}
		s := x.Size
		c.Size.Runs, c.Size.Params, c.Size.Points = c.Size.Runs+s.Runs, c.Size.Params+s.Params, c.Size.Points+s.Points
		c.Size.Files, c.Size.Bytes = c.Size.Files+s.Files, c.Size.Bytes+s.Bytes
		c.Size.About, c.Size.Over = c.Size.About || s.About, c.Size.Over || s.Over
	}
	return c, nil
}

func purgeTrash(r *route.Request) error {
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	all := values.Get("all") != ""
	c := &trash.Confirm{All: true, Word: true}
	if !all {
		if c, err = confirmation(r, values["item"]); err != nil {
			return err
		}
		if c == nil { // gone already
			return see(r, "/trash")
		}
	}
	if word := i18n.T(r.Ctx(), "trash.word"); c.Word && !strings.EqualFold(form(r, "word"), word) {
		c.Error = said(r.Ctx(), domain.Fail(domain.Invalid, "trash.word", "type %s to confirm", word))
		v, err := trashView(r)
		if err != nil {
			return err
		}
		v.Confirm = c
		return r.Render(http.StatusBadRequest, trash.List(v))
	}
	n, err := route.Write(r, func(tx *storage.Tx) (int, error) {
		if all {
			return 0, tracking.EmptyTrash(r.Ctx(), tx, r.Grant, tx.Now())
		}
		return tracking.PurgeThings(r.Ctx(), tx, r.Grant, keys(c.Items), tx.Now())
	})
	if err != nil {
		return err
	}
	if all {
		flash(r, "flash.trash_emptied")
	} else {
		flashText(r, i18n.N(r.Ctx(), "flash.trash_purged", int64(n)))
	}
	return see(r, "/trash")
}

func restoreTrash(r *route.Request) error {
	values, err := r.FormParams()
	if err != nil {
		return domain.Fail(domain.Invalid, "form.unreadable", "the form could not be read: send it again")
	}
	chosen := keys(values["item"])
	if len(chosen) == 0 {
		return domain.Fail(domain.Invalid, "trash.nothing", "choose something in the trash first")
	}
	for _, k := range chosen {
		g, err := more(r, deleting[k.Kind])
		if err != nil {
			return err
		}
		if err := r.DB.Write(r.Ctx(), g, func(tx *storage.Tx) error { return restore(r.Ctx(), tx, g, k) }); err != nil {
			return err
		}
	}
	flashText(r, i18n.N(r.Ctx(), "flash.trash_restored", int64(len(chosen))))
	return see(r, back(r, "/trash"))
}

func restore(ctx context.Context, tx *storage.Tx, g access.Grant, k tracking.TrashKey) error {
	switch k.Kind {
	case tracking.TrashExperiment:
		return tracking.RestoreExperiment(ctx, tx, g, k.ID, tx.Now())
	case tracking.TrashRun:
		return tracking.RestoreRun(ctx, tx, g, k.ID)
	case tracking.TrashRegistered:
		_, err := registry.RestoreModel(ctx, tx, g, k.ID, tx.Now())
		return err
	case tracking.TrashVersion:
		_, err := registry.RestoreVersion(ctx, tx, g, k.ID, tx.Now())
		return err
	default:
		return tracking.RestoreLoggedModel(ctx, tx, g, k.ID, tx.Now())
	}
}
