package markdown

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// mostMentions is how many names of a text are looked up; nobody calls so many.
const mostMentions = 100

// Mentioned lists the names that source calls with @, each once, in small letters. What stands in code, in an address or
// after a backslash calls nobody.
func Mentioned(source string) []string {
	source, _ = shorten(source, Limit)
	c := &calls{}
	_, _ = toHTML(source, "", c) // a text that is shown as it was written mentions nobody
	return c.found
}

// RenderFor is Render, with the names of people marked where they are mentioned.
func RenderFor(source string, people map[string]bool) templ.Component {
	return render(source, &calls{people: people})
}

// calls is what is known of the people whom a text mentions.
type calls struct {
	people map[string]bool // that are marked
	found  []string
}

var callsKey = parser.NewContextKey()

var called = regexp.MustCompile(`^@([A-Za-z0-9][A-Za-z0-9._@-]{0,62})`)

// mention is a person who is mentioned.
type mention struct {
	ast.BaseInline
	name string
}

var kindMention = ast.NewNodeKind("Mention")

// Kind implements ast.Node.
func (*mention) Kind() ast.NodeKind { return kindMention }

// Dump implements ast.Node.
func (m *mention) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }

// mentions parses them.
type mentions struct{}

// Trigger implements parser.InlineParser.
func (mentions) Trigger() []byte { return []byte{'@'} }

// Parse implements parser.InlineParser.
func (mentions) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	c, _ := pc.Get(callsKey).(*calls)
	before := block.PrecendingCharacter()
	line, _ := block.PeekLine()
	at := called.FindSubmatch(line)
	if c == nil || at == nil || unicode.IsLetter(before) || unicode.IsNumber(before) || strings.ContainsRune(`._-@/\`, before) {
		return nil
	}
	written := strings.TrimRight(string(at[1]), "._-@")
	name := strings.ToLower(written)
	if len(c.found) < mostMentions && !slices.Contains(c.found, name) {
		c.found = append(c.found, name)
	}
	if !c.people[name] {
		return nil
	}
	block.Advance(len(written) + 1)
	return &mention{name: written}
}

// RegisterFuncs implements renderer.NodeRenderer.
func (mentions) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(kindMention, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if m, ok := n.(*mention); ok && entering {
			if _, err := w.WriteString(`<strong class="mention">@` + templ.EscapeString(m.name) + `</strong>`); err != nil {
				return ast.WalkStop, err
			}
		}
		return ast.WalkContinue, nil
	})
}
