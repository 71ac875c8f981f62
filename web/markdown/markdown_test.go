package markdown

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/slipway-ml/slipway/web/i18n"
)

func rendered(t *testing.T, source string) string {
	t.Helper()
	var b strings.Builder
	if err := Render(source).Render(i18n.With(context.Background(), "en"), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"paragraphs", "one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>\n"},
		{"headings stand below those of the page", "# A\n## B", "<h3>A</h3>\n<h4>B</h4>\n"},
		{"and skip no level", "## A\n##### B\n# C\n###### D", "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>\n<h4>D</h4>\n"},
		{"raw HTML is text", "a <b>c</b>\n\n<div>x</div>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n<p>&lt;div&gt;x&lt;/div&gt;</p>\n"},
		{"entities", "&lt;b&gt; &amp; &copy;", "<p>&lt;b&gt; &amp; ©</p>\n"},
		{"a table", "|a|b|\n|-|-:|\n|1|2|", `<div class="tbl-wrap" tabindex="0" role="region" aria-label="Table in the text"><table><thead>` + "\n<tr>\n<th>a</th>\n" +
			`<th align="right">b</th>` + "\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n" + `<td align="right">2</td>` + "\n</tr>\n</tbody>\n</table></div>\n"},
		{"tasks", "- [ ] a\n- [x] b", `<ul>` + "\n" + `<li class="task">☐ a</li>` + "\n" + `<li class="task">☑ b</li>` + "\n</ul>\n"},
		{"struck out", "~~a~~ **b** _c_", "<p><del>a</del> <strong>b</strong> <em>c</em></p>\n"},
		{"a link", "[a](https://example.org/x?a=1&b=2)", `<p><a href="https://example.org/x?a=1&amp;b=2" rel="noopener nofollow">a</a></p>` + "\n"},
		{"a bare address", "see https://example.org.", `<p>see <a href="https://example.org" rel="noopener nofollow">https://example.org</a>.</p>` + "\n"},
		{"a link by reference", "[a][1]\n\n[1]: /x", `<p><a href="/x" rel="noopener nofollow">a</a></p>` + "\n"},
		{"an image is a link", "![a *b*](https://example.org/x.png)", `<p><a href="https://example.org/x.png" rel="noopener nofollow">a <em>b</em></a></p>` + "\n"},
		{"an image in a link is the link", "[![a](x.png)](https://example.org)", `<p><a href="https://example.org" rel="noopener nofollow">a</a></p>` + "\n"},
		{"a link that leads nowhere good is its text", "[a **b**](javascript:x)", "<p>a <strong>b</strong></p>\n"},
		{"code", "```go\na < b\n```", "<pre><code>a &lt; b\n</code></pre>\n"},
		{"not UTF-8", "a\xffb", "<p>a\uFFFDb</p>\n"},
		{"nothing", "", ""},
		{"deep quotes are text", strings.Repeat(">", 300) + "x", "<p>" + strings.Repeat("&gt;", 300) + "x</p>\n"},
	} {
		want := `<div class="prose" hx-boost="false">` + c.want + `</div>`
		if got := rendered(t, c.source); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
}

// payloads are ways to make a page run what its author did not write.
var payloads = []string{
	`<script>alert(1)</script>`,
	`<SCRIPT SRC=//evil.example/x.js></SCRIPT>`,
	`<scr<script>ipt>alert(1)</scr</script>ipt>`,
	`<img src=x onerror=alert(1)>`,
	`<img src="x" onerror="alert(1)"`,
	`<svg onload=alert(1)>`,
	`<svg><script>alert(1)</script></svg>`,
	`<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>`,
	`<iframe src="javascript:alert(1)"></iframe>`,
	`<iframe srcdoc="<script>alert(1)</script>"></iframe>`,
	`<object data="data:text/html,<script>alert(1)</script>"></object>`,
	`<embed src="javascript:alert(1)">`,
	`<body onload=alert(1)>`,
	`<a href="javascript:alert(1)">x</a>`,
	`<a href="x" onclick="alert(1)">x</a>`,
	`<form action="javascript:alert(1)"><button>x</button></form>`,
	`<button formaction=javascript:alert(1)>x</button>`,
	`<input autofocus onfocus=alert(1)>`,
	`<details open ontoggle=alert(1)>`,
	`<meta http-equiv=refresh content="0;url=javascript:alert(1)">`,
	`<base href="//evil.example/">`,
	`<link rel=stylesheet href=//evil.example/x.css>`,
	`<style>@import '//evil.example/x.css';</style>`,
	`<div style="background:url(javascript:alert(1))">x</div>`,
	`<p id="main" class="btn">x</p>`,
	`<template><script>alert(1)</script></template>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>`,
	`<!--><img src=x onerror=alert(1)>-->`,
	`<![CDATA[<img src=x onerror=alert(1)>]]>`,
	`<?xml version="1.0"?><script>alert(1)</script>`,
	`</div></main><script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
	`&#60;img src=x onerror=alert(1)&#62;`,
	`[x](javascript:alert(1))`,
	`[x](JaVaScRiPt:alert(1))`,
	`[x](java&#x09;script:alert(1))`,
	`[x](java&Tab;script:alert(1))`,
	`[x](javascript&colon;alert(1))`,
	`[x](&#106;&#97;&#118;&#97;script:alert(1))`,
	`[x](&#x1;javascript:alert(1))`,
	`[x](<java script:alert(1)>)`,
	`[x]( javascript:alert(1))`,
	"[x](\x01javascript:alert(1))",
	"[x](<java\tscript:alert(1)>)",
	`[x](vbscript:msgbox(1))`,
	`[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)`,
	`[x](file:///etc/passwd)`,
	`[x](blob:https://example.org/1)`,
	`[x](view-source:javascript:alert(1))`,
	`[x](https://example.org/" onmouseover="alert(1))`,
	`[x](https://example.org '" onmouseover="alert(1)')`,
	`[x](https://example.org "title&quot; onmouseover=alert(1)")`,
	"[x]: javascript:alert(1)\n\n[x]",
	"[x]: <data:text/html,<script>alert(1)</script>>\n\n[x][]",
	`<javascript:alert(1)>`,
	`<data:text/html,alert(1)>`,
	`<https://example.org/"onmouseover="alert(1)>`,
	`https://example.org/"onmouseover="alert(1)`,
	`![x](javascript:alert(1))`,
	`![x](https://evil.example/pixel.png)`,
	`![x](data:image/svg+xml,<svg/onload=alert(1)>)`,
	`![x" onerror="alert(1)](x.png)`,
	`![x](x.png" onerror="alert(1))`,
	`[![x](javascript:alert(1))](javascript:alert(2))`,
	"```\"><script>alert(1)</script>\nx\n```",
	"```html onload=alert(1)\n<script>alert(1)</script>\n```",
	"`<script>alert(1)</script>`",
	"    <script>alert(1)</script>",
	"# <img src=x onerror=alert(1)>",
	"# x {#main onclick=alert(1)}",
	"| <script>alert(1)</script> |\n|-|\n| <img src=x onerror=alert(1)> |",
	"|x|\n|:-\" onmouseover=\"alert(1)|\n|y|",
	"- [x] <img src=x onerror=alert(1)>",
	"1\"onload=alert(1). x",
	"> <script>\n> alert(1)\n> </script>",
	"<script>\n\nalert(1)\n\n</script>",
	"<div\n\nonmouseover=alert(1)>\n",
	"**<script>**alert(1)</script>",
	"\\<script>alert(1)\\</script>",
	"<a href=\"jav\nascript:alert(1)\">x</a>",
	"\u202e<script>alert(1)</script>",
	"<\x00script>alert(1)</script>",
	"{{constructor.constructor('alert(1)')()}}",
	`<x hx-on:click="alert(1)" data-copy="#x" hx-get="/x">x</x>`,
}

// What a browser makes of the answer holds only elements and attributes of a text, and links only to pages.
func TestNothingRuns(t *testing.T) {
	if len(payloads) < 40 {
		t.Fatal("a corpus of few payloads shows little")
	}
	for _, wrap := range []string{"%", "text % text", "# %", "- %", "> %", "[%](https://example.org)", "[x](%)", "![%](%)", "<%>", "|%|\n|-|\n|%|", "*%*", "a\n\n%\n\nb"} {
		for _, p := range payloads {
			source := strings.ReplaceAll(wrap, "%", p)
			answer := rendered(t, source)
			doc, err := html.Parse(strings.NewReader(answer))
			if err != nil {
				t.Fatal(err)
			}
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode || n.Type == html.CommentNode {
					if bad := refusable(n); bad != "" {
						t.Fatalf("%s in the answer to %q:\n%s", bad, source, answer)
					}
				}
			}
		}
	}
}

var texts = []string{
	"html", "head", "body", "div", "p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del",
	"table", "thead", "tbody", "tr", "th", "td", "a",
}

func refusable(n *html.Node) string {
	if n.Type != html.ElementNode || !slices.Contains(texts, n.Data) {
		return "<" + n.Data + ">"
	}
	for _, a := range n.Attr {
		switch n.Data + " " + a.Key {
		case "a href":
			u, err := url.Parse(a.Val)
			if err != nil || !slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme) || strings.ContainsAny(a.Val, "\x00\t\r\n") {
				return "href " + a.Val
			}
		case "a rel", "ol start", "th align", "td align", "div tabindex", "div role", "div aria-label", "div hx-boost":
		case "div class", "p class", "pre class", "li class":
			if !slices.Contains([]string{"prose", "tbl-wrap", "prewrap", "prose__note", "task"}, a.Val) {
				return "class " + a.Val
			}
		default:
			return n.Data + " " + a.Key
		}
	}
	return ""
}

// A text that is all signs costs no more than its length is worth, and a long one is cut where a line ends.
func TestLimits(t *testing.T) {
	for name, source := range map[string]string{
		"quotes": strings.Repeat(">", 60000), "brackets": strings.Repeat("[", 60000), "lists": strings.Repeat("- ", 30000), "stress": strings.Repeat("*a_ ", 15000), "links": strings.Repeat("[a](", 15000),
		"images": strings.Repeat("![", 30000), "a wide table": strings.Repeat("|", 1000) + "\n" + strings.Repeat("|-", 1000) + "\n" + strings.Repeat("|\n", 20000), "fences": strings.Repeat("```\n", 15000),
		"one address a thousand times": "[a]: " + strings.Repeat("x", 30000) + "\n\n" + strings.Repeat("[a] ", 1900), "backslashes": strings.Repeat(`\`, 60000), "angles": strings.Repeat("<", 60000), "addresses": strings.Repeat("http://a.b/", 5000),
	} {
		start := time.Now()
		answer := rendered(t, source)
		if took := time.Since(start); took > 3*time.Second || len(answer) > 2*mostHTML {
			t.Errorf("%s: %d bytes after %s", name, len(answer), took)
		}
	}
	if got := rendered(t, strings.Repeat("line\n", Limit)); !strings.Contains(got, "Only the first 64 KB are shown.") || len(got) > Limit+500 {
		t.Errorf("a long text: %d bytes, ends %q", len(got), got[len(got)-100:])
	}
	if got := rendered(t, strings.Repeat("[", 60000)); !strings.Contains(got, "too many signs") || !strings.Contains(got, `<pre class="prewrap">[[[`) {
		t.Error("a text of signs is not shown as it was written")
	}
	if s, cut := shorten("aé", 2); s != "a" || !cut {
		t.Errorf("cut inside a character: %q", s)
	}
}
