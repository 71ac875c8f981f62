package link

import (
	"context"
	"testing"
)

func TestTo(t *testing.T) {
	ctx := With(context.Background(), "/ml/")
	for path, want := range map[string]string{
		"/experiments?q=a":      "/ml/experiments?q=a",
		"/":                     "/ml/",
		"?tab=charts":           "?tab=charts",
		"https://example.org/x": "https://example.org/x",
		"javascript:alert(1)":   "about:invalid#TemplFailedSanitizationURL",
		"//elsewhere.example":   "//elsewhere.example",
	} {
		if got := string(To(ctx, path)); got != want {
			t.Errorf("To(%q) = %q, want %q", path, got, want)
		}
	}
	if got := string(To(context.Background(), "/x")); got != "/x" {
		t.Errorf("without a prefix: %q", got)
	}
}
