package markdown

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/web/i18n"
)

func TestMentioned(t *testing.T) {
	for source, want := range map[string]string{
		"@ada look, (@Noor) and **@iris**, @ada again":    "ada noor iris",
		"@ada.\n@noor-2, @a.b_c! @iris-":                  "ada noor-2 a.b_c iris",
		"`@ada` and\n\n    @noor\n\n```\n@iris\n```\n":    "",
		"write to ada@example.org or <noor@example.org>":  "",
		"@ada@example.org":                                "ada@example.org",
		`\@ada a@noor x/@iris https://example.org/@marco`: "",
		"[@ada](https://example.org)":                     "ada",
		"@ @- @@ada @é":                                   "",
		"> - @ada":                                        "ada",
	} {
		if got := strings.Join(Mentioned(source), " "); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "@u%d ", i)
	}
	if got := Mentioned(many.String()); len(got) != mostMentions {
		t.Errorf("%d names", len(got))
	}
}

func TestRenderFor(t *testing.T) {
	var b strings.Builder
	source := "@ada, @nobody, `@ada`, ada@ada.org @ADA. <b>@ada</b>"
	if err := RenderFor(source, map[string]bool{"ada": true}).Render(i18n.With(context.Background(), "en"), &b); err != nil {
		t.Fatal(err)
	}
	marked := `<strong class="mention">@ada</strong>`
	want := `<p>` + marked + `, @nobody, <code>@ada</code>, <a href="mailto:ada@ada.org" rel="noopener nofollow">ada@ada.org</a> <strong class="mention">@ADA</strong>. &lt;b&gt;` + marked + `&lt;/b&gt;</p>`
	if got := b.String(); !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if plain := rendered(t, source); strings.Contains(plain, "mention") {
		t.Errorf("where nobody is to be mentioned: %s", plain)
	}
}
