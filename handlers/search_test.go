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

func TestSearch(t *testing.T) {
	s := handlertest.Serve(t, true)
	const hostile = `<b>"quoted" & 'odd'`
	storagetest.Write(t, s.DB, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		for range 10 {
			if _, err := tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0", Name: hostile, Tags: []tracking.Tag{{Key: "team", Value: "it's `odd`"}}}); err != nil {
				return err
			}
		}
		return nil
	})
	get := func(words, rest string, header ...string) string {
		t.Helper()
		a := s.Do(http.MethodGet, "/search?"+url.Values{"q": {words}}.Encode()+rest, "", header...)
		if a.Status != 200 {
			t.Fatalf("%q: %d", words, a.Status)
		}
		return a.Body
	}
	page := get(`"QUOTED"`, "")
	if !strings.Contains(page, `&lt;b&gt;<mark>&#34;quoted&#34;</mark> &amp; &#39;odd&#39;`) || strings.Contains(page, "<b>\"") {
		t.Error("the name is not shown as it is, with the words marked")
	}
	if n := strings.Count(page, `<mark>`); n != 8 || !strings.Contains(page, "/search?kind=runs&amp;q=") {
		t.Errorf("%d runs are shown, want 8 and the way to more", n)
	}
	if n := strings.Count(get(`"QUOTED"`, "&kind=runs"), "<mark>"); n != 10 {
		t.Errorf("%d runs are shown alone, want all 10", n)
	}
	part := get("quoted", "", "HX-Request", "true", "HX-Target", "palette-found")
	if strings.Contains(part, "<html") || strings.Count(part, `role="option"`) != 5 {
		t.Errorf("the command menu gets %d choices, want 4 and more of them: %.300s", strings.Count(part, `role="option"`), part)
	}
	// A tag leads to its runs, whatever is in it.
	tags := get("team: it's", "")
	_, after, _ := strings.Cut(tags, `href="/experiments/0?filter=`)
	filter, _, _ := strings.Cut(after, `"`)
	if a := s.Do(http.MethodGet, "/experiments/0?filter="+filter, ""); a.Status != 200 || !strings.Contains(a.Body, "10 runs") {
		t.Errorf("the tag leads to %q: %d", filter, a.Status)
	}
	for _, words := range []string{"", "%", "_", "\\", "\x00\xff", strings.Repeat("ü", 5000), "tags.`", "9223372036854775808", "m-", ">", ":", "=x"} {
		get(words, "")
		get(words, "&kind=tags")
		get(words, "&kind=no-such-kind")
	}
}
