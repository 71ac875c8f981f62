package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestTrash(t *testing.T) {
	s := handlertest.Serve(t, true)
	const hostile = `<img src=x onerror=alert(1)>`
	var run tracking.Run
	var model tracking.LoggedModel
	storagetest.Write(t, s.DB, access.ExperimentWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		_, err := tracking.CreateExperiment(ctx, tx, g, tracking.Experiment{Name: hostile}, tx.Now())
		return err
	})
	storagetest.Write(t, s.DB, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		run, err = tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0", Name: hostile})
		return err
	})
	storagetest.Write(t, s.DB, access.LoggedModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
		model, err = tracking.CreateLoggedModel(ctx, tx, g, tracking.LoggedModel{ExperimentID: "0", Name: "scorer"}, tx.Now())
		return err
	})
	storagetest.Write(t, s.DB, access.LoggedModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.DeleteLoggedModel(ctx, tx, g, model.ID, tx.Now())
	})
	// Deleting offers the way back.
	gone := s.Form("/experiments/1/delete", "")
	cookie := gone.Cookie("slipway_flash")
	if gone.Status != 303 || cookie == "" {
		t.Fatalf("delete: %d", gone.Status)
	}
	if a := s.Do(http.MethodGet, "/experiments", "", "Cookie", cookie); !strings.Contains(a.Body, `action="/experiments/1/restore"`) {
		t.Error("deleting offers no undo")
	}
	for _, undo := range []string{"/users/1/disable", "//evil.example/restore", "/runs/x/restore", "/experiments/1/restore?x"} {
		forged := "slipway_flash=" + url.QueryEscape(url.QueryEscape(url.Values{"text": {"x"}, "undo": {undo}}.Encode()))
		if a := s.Do(http.MethodGet, "/experiments", "", "Cookie", forged); strings.Contains(a.Body, `action="`+undo) {
			t.Errorf("a forged cookie offers %s", undo)
		}
	}
	s.Form("/runs/"+run.ID+"/delete", "")
	page := s.Do(http.MethodGet, "/trash", "").Body
	for _, want := range []string{"&lt;img src=x", "scorer", `value="experiment:1"`, `value="run:` + run.ID + `"`, `value="model:` + model.ID + `"`, ">local<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the trash lacks %q", want)
		}
	}
	if strings.Contains(page, hostile) {
		t.Error("a name became code")
	}
	if only := s.Do(http.MethodGet, "/trash?kind=model", "").Body; strings.Contains(only, "experiment:1") || !strings.Contains(only, "scorer") {
		t.Error("the kind changes nothing")
	}
	// Restoring takes any kind, several at once.
	if a := s.Form("/trash/restore", "item=model:"+model.ID+"&item=run:"+run.ID); a.Status != 303 {
		t.Errorf("restore: %d %.200s", a.Status, a.Body)
	}
	if page := s.Do(http.MethodGet, "/trash", "").Body; strings.Contains(page, "scorer") || strings.Contains(page, run.ID) {
		t.Error("what was restored is still in the trash")
	}
	if a := s.Form("/trash/restore", "item=user:1&item=nonsense"); a.Status != 400 {
		t.Errorf("nothing to restore: %d", a.Status)
	}
	// For good: a run is a question, an experiment wants the word, and so does everything.
	s.Form("/runs/"+run.ID+"/delete", "")
	if a := s.Do(http.MethodGet, "/trash?confirm=items&item=run:"+run.ID, ""); !strings.Contains(a.Body, `<dialog id="confirm"`) || strings.Contains(a.Body, `name="word"`) {
		t.Error("a run asks for more than a yes")
	}
	for _, form := range []string{"item=experiment:1", "item=experiment:1&word=no", "all=1", "all=1&word=", "item=run:" + run.ID + "&item=experiment:1"} {
		if a := s.Form("/trash/purge", form); a.Status != 400 || !strings.Contains(a.Body, `id="word-error"`) {
			t.Errorf("%s: %d", form, a.Status)
		}
	}
	if a := s.Form("/trash/purge", "item=run:"+run.ID); a.Status != 303 {
		t.Errorf("purge: %d", a.Status)
	}
	if a := s.Form("/trash/purge", "item=experiment:1&word=Delete"); a.Status != 303 {
		t.Errorf("purge with the word: %d", a.Status)
	}
	if a := s.Do(http.MethodGet, "/trash", ""); strings.Count(a.Body, "Being deleted") != 2 || !strings.Contains(a.Body, `id="trash-purging"`) {
		t.Error("the page does not show what is being deleted")
	}
	for _, path := range []string{"/runs/" + run.ID + "/restore", "/experiments/1/restore"} {
		if a := s.Form(path, ""); a.Status != 409 {
			t.Errorf("%s of what is being deleted: %d", path, a.Status)
		}
	}
}
