package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/handlers/handlertest"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestJobs(t *testing.T) {
	s := handlertest.Serve(t, true)
	const hostile = `<img src=x onerror=alert(1)>`
	var failed job.Job
	storagetest.Write(t, s.DB, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		for _, order := range []job.Job{{Kind: "scan", Key: hostile, MaxAttempts: 1}, {Kind: "sweep"}} {
			if err := tx.EnqueueJob(ctx, order); err != nil {
				return err
			}
		}
		now := time.Now()
		begun, err := tx.ClaimJobs(ctx, "test", []string{"scan"}, 1, now, now.Add(time.Minute))
		if err != nil {
			return err
		}
		failed = begun[0].Fail(job.Scan, hostile, now, 0)
		_, err = tx.SettleJobs(ctx, []job.Job{failed})
		return err
	})
	again := "/jobs/" + failed.ID + "/again"
	page := s.Do(http.MethodGet, "/jobs?state=nonsense", "").Body
	for _, want := range []string{"scan", "sweep", "&lt;img src=x", "1 of 1", `action="` + again + `"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the jobs lack %q", want)
		}
	}
	if strings.Contains(page, hostile) || strings.Count(page, "/again") != 1 {
		t.Error("more than a failed job can be tried again, or an error became code")
	}
	if page := s.Do(http.MethodGet, "/jobs?state=failed", "").Body; strings.Contains(page, "sweep") || !strings.Contains(page, "scan") {
		t.Error("the failed ones are others")
	}
	if a := s.Form(again, ""); a.Status != 303 {
		t.Fatalf("again: %d %s", a.Status, a.Body)
	}
	if a := s.Form(again, ""); a.Status != 404 {
		t.Errorf("again, twice: %d", a.Status)
	}
	if page := s.Do(http.MethodGet, "/jobs?state=failed", "").Body; !strings.Contains(page, "No jobs here") {
		t.Error("the failed job is still there")
	}
	if page := s.Do(http.MethodGet, "/jobs?state=queued", "").Body; !strings.Contains(page, "0 of 5") || !strings.Contains(page, "local") {
		t.Error("it is not queued again")
	}
}
