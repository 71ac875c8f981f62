package ui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// log writes to a run from a form.
func log(r *route.Request, b tracking.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	return route.Do(r, func(tx *storage.Tx) error { return tracking.Log(r.Ctx(), tx, r.Grant, r.Param("id"), b) })
}

// saved goes back to the tab of the run's page that a form stood on.
func saved(r *route.Request) error {
	flash(r, "flash.saved")
	return see(r, tabPath(r, r.FormValue("tab")))
}

func tabPath(r *route.Request, tab string) string {
	for _, known := range runs.Tabs {
		if tab == known && tab != runs.TabOverview {
			return runPath(r) + "?" + url.Values{"tab": {tab}}.Encode()
		}
	}
	return runPath(r)
}

// again shows the page with the form that was refused, and what was typed in it.
func again(r *route.Request, err error, show func(*runs.ShowView, string)) error {
	if !refused(err) {
		return err
	}
	r.QueryParams().Set("tab", r.FormValue("tab"))
	v, viewErr := runView(r)
	if viewErr != nil {
		return viewErr
	}
	if !v.CanWrite { // it went to the trash meanwhile: there is no form to come back to
		return err
	}
	show(&v, said(r.Ctx(), err))
	return r.Render(route.Status[domain.KindOf(err)], runs.Show(v))
}

func renameRun(r *route.Request) error {
	name, err := form(r, "name"), error(nil)
	if name == "" {
		err = domain.Fail(domain.Invalid, "run.name_empty", "the name is empty")
	} else {
		err = log(r, tracking.Batch{Tags: []tracking.Tag{{Key: tracking.TagRunName, Value: name}}})
	}
	if err != nil {
		return again(r, err, func(v *runs.ShowView, why string) {
			v.Edit, v.Refused = runs.EditName, runs.Refused{Value: name, Error: why}
		})
	}
	return saved(r)
}

// noteText is a note as a form sends it: forms end lines their own way.
func noteText(r *route.Request) string { return strings.ReplaceAll(r.FormValue("note"), "\r\n", "\n") }

func noteRun(r *route.Request) error {
	note := noteText(r)
	err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.SetNote(r.Ctx(), tx, r.Grant, r.Param("id"), r.FormValue("was"), note)
	})
	if err != nil {
		return again(r, err, func(v *runs.ShowView, why string) {
			v.Tab, v.Edit, v.Note.Draft = runs.TabNotes, runs.EditNote, note
			if domain.KindOf(err) == domain.Conflict {
				v.Note.Changed = true
				return
			}
			v.Note.Was, v.Note.Error = r.FormValue("was"), why
		})
	}
	flash(r, "flash.saved")
	return see(r, tabPath(r, runs.TabNotes))
}

// previewNote shows what a note would look like, and writes nothing.
func previewNote(r *route.Request) error {
	r.QueryParams().Set("tab", runs.TabNotes)
	v, err := runView(r)
	if err != nil {
		return err
	}
	v.Edit, v.Note.Draft, v.Note.Was, v.Note.Preview = runs.EditNote, noteText(r), r.FormValue("was"), true
	return r.Render(http.StatusOK, runs.Show(v))
}

// tagRun adds a tag, or changes one if the form says that it is there.
func tagRun(r *route.Request) error {
	key, value := form(r, "key"), strings.ReplaceAll(r.FormValue("value"), "\r\n", "\n")
	edit := r.FormValue("edit")
	err := checkTag(key, value)
	if err == nil {
		err = log(r, tracking.Batch{Tags: []tracking.Tag{{Key: key, Value: value}}})
	}
	if err != nil {
		return again(r, err, func(v *runs.ShowView, why string) {
			if v.Edit = runs.EditTagNew; edit != "" {
				v.Edit = runs.EditTag + key
			}
			v.Refused = runs.Refused{Key: key, Value: value, Error: why}
		})
	}
	return saved(r)
}

// checkTag refuses what the protocol would cut off or what has a place of its own on the page.
func checkTag(key, value string) error {
	const longest = 8000 // characters, as the protocol has it
	if n := len([]rune(value)); n > longest {
		return domain.Fail(domain.Invalid, "tag.long", "the value has %d characters, more than %d", n, longest)
	}
	if key == tracking.TagRunName && strings.TrimSpace(value) == "" {
		return domain.Fail(domain.Invalid, "run.name_empty", "the name is empty")
	}
	b := tracking.Batch{Tags: []tracking.Tag{{Key: key, Value: value}}}
	return b.Check()
}

func untagRun(r *route.Request) error {
	err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.DeleteTag(r.Ctx(), tx, r.Grant, r.Param("id"), r.FormValue("key"))
	})
	if e := domain.As(err); e != nil && e.Kind == domain.NotFound && e.Key == "tag.not_found" {
		err = nil // sent twice: what was wanted is so
	}
	if err != nil {
		return err
	}
	return saved(r)
}
