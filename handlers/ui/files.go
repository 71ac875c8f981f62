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

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/runs"
)

// How much of a file or folder a page shows.
const (
	previewBytes   = 256 << 10
	previewRows    = 200
	previewColumns = 50
	folderEntries  = 1000
)

// artifacts is the folder that the address names, or the folder of the file that it names, with the file.
func artifacts(r *route.Request, reading access.Grant, run tracking.Run) (v runs.Artifacts, err error) {
	root, ours := tracking.StorePath(run.ArtifactURI)
	if !ours {
		v.Problem = i18n.T(r.Ctx(), "error.artifact.elsewhere", run.ArtifactURI)
		return v, nil
	}
	at := r.QueryParam("path")
	if at != "" {
		if at, err = tracking.CleanArtifactPath(at); err != nil {
			return v, err
		}
	}
	var file tracking.Artifact
	var entries []tracking.Entry
	folder := at
	if err := r.DB.Read(r.Ctx(), reading, func(tx *storage.Tx) error {
		if at != "" {
			file, err = tx.Artifact(r.Ctx(), r.Grant.Workspace(), path.Join(root, at))
			if domain.KindOf(err) != domain.NotFound && err != nil {
				return err
			}
			if err == nil {
				folder = strings.TrimPrefix(path.Dir("/"+at), "/")
			}
		}
		entries, err = tx.ArtifactEntries(r.Ctx(), r.Grant.Workspace(), path.Join(root, folder))
		return err
	}); err != nil {
		return v, err
	}
	v.Folders = trail(r, folder)
	for _, e := range entries[:min(folderEntries, len(entries))] {
		name := path.Join(folder, e.Name)
		row := runs.Entry{Name: e.Name, Path: filePage(r, name), Folder: e.IsDir, Current: name == at && file.Digest != ""}
		if !e.IsDir {
			row.Size, row.Digest = format.Bytes(r.Ctx(), e.Size), e.Digest
		}
		v.Entries = append(v.Entries, row)
	}
	if file.Digest != "" {
		v.Preview, err = preview(r, run.ID, at, file)
	}
	return v, err
}

func filePage(r *route.Request, name string) string {
	q := url.Values{"tab": {runs.TabArtifacts}}
	if name != "" {
		q.Set("path", name)
	}
	return runPath(r) + "?" + q.Encode()
}

func trail(r *route.Request, folder string) []runs.Link {
	out := []runs.Link{{Label: i18n.T(r.Ctx(), "artifact.files"), Path: filePage(r, "")}}
	for i, part := range strings.Split(folder, "/") {
		if part != "" {
			out = append(out, runs.Link{Label: part, Path: filePage(r, strings.Join(strings.Split(folder, "/")[:i+1], "/"))})
		}
	}
	return out
}

// preview shows what is safe to show: text as text, tables as tables, bitmaps as images. HTML, SVG and PDF
// are text or downloads.
func preview(r *route.Request, run, name string, a tracking.Artifact) (*runs.Preview, error) {
	p := &runs.Preview{
		Name: path.Base(name), Size: format.Bytes(r.Ctx(), a.Size), Digest: a.Digest, Kind: runs.PreviewNone,
		DownloadPath: "/get-artifact?" + url.Values{"run_id": {run}, "path": {name}}.Encode(),
	}
	kind := download.Type(name)
	if strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" {
		p.Kind, p.ImagePath = runs.PreviewImage, "/runs/"+url.PathEscape(run)+"/image?"+url.Values{"path": {name}}.Encode()
		return p, nil
	}
	f, err := r.Blobs.Open(r.Ctx(), a.Digest)
	if err != nil {
		p.Problem = said(r.Ctx(), err)
		return p, nil // the page says so and the rest of it stands
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, previewBytes))
	if err != nil {
		return nil, err
	}
	p.Truncated = a.Size > int64(len(head))
	if !plainText(head, p.Truncated) {
		return p, nil
	}
	ext := strings.ToLower(path.Ext(name))
	if ext == ".csv" || ext == ".tsv" {
		if table(p, head, ext) {
			return p, nil
		}
	}
	p.Kind, p.Text, p.Prose = runs.PreviewText, strings.ToValidUTF8(string(head), "�"), ext == ".md" || ext == ".txt"
	if ext == ".json" && !p.Truncated {
		var b bytes.Buffer
		if json.Indent(&b, head, "", "  ") == nil {
			p.Text = b.String()
		}
	}
	return p, nil
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

func table(p *runs.Preview, head []byte, ext string) bool {
	in := csv.NewReader(bytes.NewReader(head))
	in.FieldsPerRecord, in.LazyQuotes = -1, true
	if ext == ".tsv" {
		in.Comma = '\t'
	}
	var rows [][]string
	for len(rows) <= previewRows {
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
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return false
	}
	if len(rows) > previewRows {
		rows, p.Truncated = rows[:previewRows], true
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
