// Package markdown shows what people wrote in Markdown: notes, descriptions, files of a run.
//
// Whoever may log may write Markdown, and everybody reads it. So there are two walls: the parser knows no raw
// HTML, which stays text, and what it makes passes an allow-list of elements and attributes.
package markdown

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/a-h/templ"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/slipway-ml/slipway/web/i18n"
)

// How much of a text is read and shown. The counts keep what a text can make parser and browser do in proportion
// to its length; no text that was written for people comes near them.
const (
	Limit       = 64 << 10  // bytes that are shown; the rest is left out, and the page says so
	mostHTML    = 512 << 10 // bytes that it may become
	mostCells   = 5000      // of one table
	mostLinks   = 2000      // opening brackets
	mostStress  = 8000      // signs that may begin or end a stressed word
	longestLink = 2048      // bytes of an address
)

// Render shows source, written in GitHub's Markdown, as part of a page. Its headings begin at h3 and skip no
// level. Images stand as links: a page loads nothing from elsewhere. Of what is longer than Limit the beginning
// is shown, and what is all signs is shown as it was written; both are said.
func Render(source string) templ.Component { return render(source, nil) }

func render(source string, c *calls) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		source, cut := shorten(source, Limit)
		safe, ok := toHTML(source, i18n.T(ctx, "markdown.table"), c)
		notice := ""
		switch {
		case !ok:
			safe, notice = `<pre class="prewrap">`+templ.EscapeString(source)+`</pre>`, i18n.T(ctx, "markdown.plain")
		case cut:
			notice = i18n.T(ctx, "markdown.cut", Limit>>10)
		}
		if _, err := io.WriteString(w, `<div class="prose" hx-boost="false">`+safe+`</div>`); err != nil || notice == "" {
			return err
		}
		_, err := io.WriteString(w, `<p class="prose__note">`+templ.EscapeString(notice)+`</p>`)
		return err
	})
}

// shorten cuts s to at most n bytes, at the end of a line where there is one.
func shorten(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	s = s[:n]
	if at := strings.LastIndexByte(s, '\n'); at > 0 {
		return s[:at], true
	}
	return strings.ToValidUTF8(s, ""), true
}

// toHTML is source as HTML that cannot run; tableLabel names its tables for people who do not see them; c, where there is
// one, learns who is mentioned. It refuses a text that would become too much.
func toHTML(source, tableLabel string, c *calls) (string, bool) {
	source = strings.ToValidUTF8(source, "\uFFFD")
	if strings.Count(source, "[") > mostLinks || strings.Count(source, "*")+strings.Count(source, "_")+strings.Count(source, "~") > mostStress {
		return "", false
	}
	pc := parser.NewContext()
	pc.Set(labelKey, tableLabel)
	pc.Set(callsKey, c)
	out := limited{left: mostHTML}
	if err := reader.Convert([]byte(flatten(source)), &out, parser.WithContext(pc)); err != nil {
		return "", false
	}
	return policy.Sanitize(out.String()), true
}

// limited is a buffer that refuses to grow beyond a size.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errTooMuch
	}
	return l.Buffer.Write(b)
}

var errTooMuch = errors.New("markdown: too much HTML")

// nested is a line that opens twenty and more quotes and lists in each other. So many say nothing to a reader and
// cost parser and browser dearly.
var nested = regexp.MustCompile(`(?m)^(?:[ \t]*(?:>|[-*+](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$))){20}`)

// flatten makes plain text of the lines that open too many blocks.
func flatten(source string) string {
	return nested.ReplaceAllStringFunc(source, func(s string) string { return `\` + strings.TrimLeft(s, " \t") })
}

// smallTables makes tables of no more than mostCells cells; the rows of a larger one stay text. A row may leave
// out its cells, so a table can be far larger than its source.
type smallTables struct{ parser.ParagraphTransformer }

// Transform implements parser.ParagraphTransformer.
func (s smallTables) Transform(n *ast.Paragraph, r text.Reader, pc parser.Context) {
	columns := 0
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		columns = max(columns, bytes.Count(line.Value(r.Source()), []byte("|"))+1)
	}
	if columns*n.Lines().Len() <= mostCells {
		s.ParagraphTransformer.Transform(n, r, pc)
	}
}

var labelKey = parser.NewContextKey()

// reader knows the blocks and inlines of CommonMark without raw HTML, and GitHub's extensions.
var reader = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(parser.NewBlockquoteParser(), 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(mentions{}, 400),
			util.Prioritized(parser.NewEmphasisParser(), 500),
		),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(smallTables{extension.NewTableParagraphTransformer()}, 200),
		),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0), util.Prioritized(tidy{}, 1000)),
	)),
	goldmark.WithExtensions(extension.Strikethrough, extension.TaskList, extension.Linkify),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(
		util.Prioritized(ours{}, 100),
		util.Prioritized(mentions{}, 100),
		util.Prioritized(extension.NewTableHTMLRenderer(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), 500),
	)),
)

// policy is all that a rendered text may hold. No style, no id, no class but three of our own: nothing that reaches into the page.
var policy = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^\d{1,9}$`)).OnElements("ol")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^tbl-wrap$`)).OnElements("div")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^task$`)).OnElements("li")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^mention$`)).OnElements("strong")
	p.AllowAttrs("tabindex").Matching(regexp.MustCompile(`^0$`)).OnElements("div")
	p.AllowAttrs("role").Matching(regexp.MustCompile(`^region$`)).OnElements("div")
	p.AllowAttrs("aria-label").OnElements("div")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^noopener nofollow$`)).OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	return p
}()

// tidy makes of a document one that fits into a page.
type tidy struct{}

// Transform implements parser.ASTTransformer.
func (tidy) Transform(doc *ast.Document, source text.Reader, pc parser.Context) {
	var all []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // our function has no error
		if entering {
			all = append(all, n)
		}
		return ast.WalkContinue, nil
	})
	level := 2
	for _, n := range all {
		switch n := n.(type) {
		case *ast.Heading:
			level = min(n.Level+2, level+1, 6)
			n.Level = level
		case *tables.TaskCheckBox:
			if item := n.Parent().Parent(); item != nil && item.Kind() == ast.KindListItem {
				item.SetAttributeString("class", []byte("task"))
			}
		case *tables.Table:
			n.SetAttributeString("aria-label", pc.Get(labelKey))
		case *ast.Image:
			replace(n, linkTo(string(n.Destination), inLink(n)))
		case *ast.Link:
			if safe(string(n.Destination)) {
				n.SetAttributeString("rel", []byte("noopener nofollow"))
			} else {
				replace(n, nil)
			}
		case *ast.AutoLink:
			if safe(string(n.URL(source.Source()))) {
				n.SetAttributeString("rel", []byte("noopener nofollow"))
			} else {
				n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(source.Source())))
			}
		}
	}
}

// linkTo is a link to where an image lies, nil where there can be none.
func linkTo(destination string, inside bool) ast.Node {
	if inside || !safe(destination) {
		return nil
	}
	l := ast.NewLink()
	l.Destination = []byte(destination)
	l.SetAttributeString("rel", []byte("noopener nofollow"))
	return l
}

func inLink(n ast.Node) bool {
	for up := n.Parent(); up != nil; up = up.Parent() {
		if up.Kind() == ast.KindLink {
			return true
		}
	}
	return false
}

// replace puts what n holds into other, or leaves it alone where other is nil.
func replace(n, other ast.Node) {
	parent := n.Parent()
	for c := n.FirstChild(); c != nil; c = n.FirstChild() {
		if other != nil {
			other.AppendChild(other, c)
		} else {
			parent.InsertBefore(parent, n, c)
		}
	}
	if other == nil {
		parent.RemoveChild(parent, n)
		return
	}
	parent.ReplaceChild(parent, n, other)
}

// safe reports whether a link may lead to destination: to another page, not to a program or to data.
func safe(destination string) bool {
	if len(destination) > longestLink {
		return false
	}
	u, err := url.Parse(strings.TrimFunc(destination, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }))
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "", "http", "https", "mailto":
		return !strings.ContainsFunc(destination, unicode.IsControl)
	}
	return false
}

// ours draws what the page wants otherwise than GitHub: a table scrolls in its frame, a task is a sign.
type ours struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (ours) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(tables.KindTable, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			_, err := w.WriteString("</table></div>\n")
			return ast.WalkContinue, err
		}
		label, _ := n.AttributeString("aria-label")
		name, _ := label.(string)
		_, err := w.WriteString(`<div class="tbl-wrap" tabindex="0" role="region" aria-label="` + templ.EscapeString(name) + `"><table>`)
		return ast.WalkContinue, err
	})
	r.Register(tables.KindTaskCheckBox, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		sign := "☐ "
		if box, ok := n.(*tables.TaskCheckBox); ok && box.IsChecked {
			sign = "☑ "
		}
		_, err := w.WriteString(sign)
		return ast.WalkContinue, err
	})
}
