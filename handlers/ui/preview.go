package ui

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// How much of a file a page shows.
const (
	previewBytes   = 256 << 10
	previewRows    = 200
	previewColumns = 50
	previewCells   = 1000 // a browser draws so many at once
	jsonDepth      = 50   // deeper than that, indenting makes more white space than text
)

// fileHead is the beginning of a file.
func fileHead(r *route.Request, a tracking.Artifact, most int64) ([]byte, error) {
	f, err := r.Blobs.Open(r.Ctx(), a.Digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// preview shows what is safe to show: text as text, Markdown by its allow-list, tables as tables, images as images,
// HTML in a frame where nothing runs. asSource shows the text that it is made of.
func preview(r *route.Request, run string, a tracking.Artifact, asSource bool) *runs.Preview {
	name := r.QueryParam("path")
	of := url.Values{"path": {name}}.Encode()
	p := &runs.Preview{
		Name: path.Base(name), Size: format.Bytes(r.Ctx(), a.Size), Digest: a.Digest, Kind: runs.PreviewNone, Empty: a.Size == 0,
		DownloadPath: "/get-artifact?" + url.Values{"run_id": {run}, "path": {name}}.Encode(),
	}
	text, err := fileHead(r, a, previewBytes)
	if err != nil {
		p.Problem = said(r.Ctx(), err)
		return p // the page says so and the rest of it stands
	}
	kind, ext := download.Type(name), strings.ToLower(path.Ext(name))
	p.Truncated = a.Size > int64(len(text))
	readable := plainText(text, p.Truncated)
	if p.Empty {
		return p
	}
	image := strings.HasPrefix(kind, "image/")
	switch {
	case image && (!asSource || !readable):
		p.Kind, p.ImagePath, p.Truncated = runs.PreviewImage, "/runs/"+url.PathEscape(run)+"/image?"+of, false
	case !readable:
		p.Truncated = false
		return p
	case asSource:
		asText(p, text)
	case kind == "text/html":
		p.Kind, p.FramePath, p.Truncated = runs.PreviewFrame, "/runs/"+url.PathEscape(run)+"/frame?"+of, false
	case ext == ".md" || ext == ".markdown":
		p.Kind, p.Text, p.Truncated = runs.PreviewMarkdown, strings.ToValidUTF8(string(text), "\uFFFD"), false // it says by itself where it ends
	case (ext == ".csv" || ext == ".tsv") && table(p, text, ext):
	case ext == ".json" && !p.Truncated && indent(p, text):
	default:
		asText(p, text)
		p.Prose = ext == ".txt"
		return p // it is its own source
	}
	if readable {
		p.RenderedPath, p.SourcePath = sourceToggle(r)
		p.AsSource = asSource
	}
	return p
}

// sourceToggle are the addresses of this page that show the file and its source.
func sourceToggle(r *route.Request) (rendered, source string) {
	q := url.Values{"path": {r.QueryParam("path")}, "open": r.QueryParams()["open"]}
	rendered = tabQuery(r, runs.TabArtifacts, q)
	q.Set("view", "source")
	return rendered, tabQuery(r, runs.TabArtifacts, q)
}

func asText(p *runs.Preview, text []byte) {
	p.Kind, p.Text = runs.PreviewText, strings.ToValidUTF8(string(text), "\uFFFD")
}

// plainText reports whether b looks like text; a piece may end inside a character.
func plainText(b []byte, cut bool) bool {
	if bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	for i := 0; cut && i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b)
}

// indent lays JSON out, unless it nests so deeply that the white space would be all there is to see.
func indent(p *runs.Preview, text []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == '{'):
			depth++
		case !quoted && (c == ']' || c == '}'):
			depth--
		}
		if depth > jsonDepth {
			return false
		}
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return false
	}
	p.Kind, p.Text = runs.PreviewText, strings.ToValidUTF8(b.String(), "\uFFFD")
	return true
}

// delimiter is what separates the values of a table: the one that cuts its first lines into the same number of
// values, more than one; between several, the one that cuts them into most.
func delimiter(text []byte, ext string) rune {
	const lines = 20
	best, bestFields := ',', 1
	if ext == ".tsv" {
		best = '\t'
	}
	for _, d := range []rune{best, ',', ';', '\t', '|'} {
		in := reader(text, d)
		fields, even := 0, true
		for i := 0; i < lines && even; i++ {
			row, err := in.Read()
			if err != nil {
				even = errors.Is(err, io.EOF)
				break
			}
			if i == 0 {
				fields = len(row)
			}
			even = len(row) == fields
		}
		if even && fields > bestFields {
			best, bestFields = d, fields
		}
	}
	return best
}

func reader(text []byte, delimiter rune) *csv.Reader {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = delimiter, -1, true
	return in
}

func table(p *runs.Preview, text []byte, ext string) bool {
	in := reader(text, delimiter(text, ext))
	var rows [][]string
	most := previewRows
	for len(rows) <= most {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false
		}
		if len(row) > previewColumns {
			row, p.Truncated = row[:previewColumns], true
		}
		if len(rows) == 0 {
			most = min(previewRows, previewCells/len(row))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return false
	}
	if len(rows) > most {
		rows, p.Truncated = rows[:most], true
	}
	p.Kind, p.Columns, p.Rows = runs.PreviewTable, rows[0], rows[1:]
	for i, row := range p.Rows { // ragged rows are filled up
		for len(row) < len(p.Columns) {
			row = append(row, "")
		}
		p.Rows[i] = row[:len(p.Columns)]
	}
	return true
}
