package ui

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"

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

// How much of a tree of files a page shows.
const (
	folderEntries = 100 // of the folder that is looked at, then the next page
	besideEntries = 40  // of another open folder
	openFolders   = 20
)

// tree is the run's files as far as folders are open, and what the address points at in it.
type tree struct {
	runPage
	tx   *storage.Tx
	root string   // in the store
	at   string   // the file or folder of the address, "" is the root
	open []string // folders that are open, but for those on the way to at
}

// artifacts fills the tab of files: the tree, and the file or folder that the address names.
func (p runPage) artifacts(tx *storage.Tx, root string, ours bool) (err error) {
	v := &p.v.Artifacts
	if !ours {
		v.Problem = i18n.T(p.Ctx(), "error.artifact.elsewhere", p.run.ArtifactURI)
		return nil
	}
	t := tree{runPage: p, tx: tx, root: root, at: strings.Trim(p.QueryParam("path"), "/")}
	if t.at != "" {
		if t.at, err = tracking.CleanArtifactPath(t.at); err != nil {
			return err
		}
	}
	for _, f := range p.QueryParams()["open"] {
		if clean, err := tracking.CleanArtifactPath(f); err == nil && len(t.open) < openFolders && !slices.Contains(t.open, clean) {
			t.open = append(t.open, clean)
		}
	}
	folder := t.at
	if t.at != "" {
		file, err := tx.Artifact(p.Ctx(), p.run.Workspace, path.Join(root, t.at))
		switch {
		case err == nil:
			v.File = &file
			folder = parentOf(t.at)
		case domain.KindOf(err) != domain.NotFound:
			return err
		}
	}
	size, err := tx.FolderSize(p.Ctx(), p.run.Workspace, path.Join(root, folder), tracking.MostCounted)
	if err != nil {
		return err
	}
	if size.Files == 0 && t.at != "" {
		v.Missing, v.MissingName = true, t.at
		t.at, folder = "", ""
	}
	if folder != "" && !slices.Contains(t.open, folder) {
		t.open = append(t.open, folder) // what is looked at stays open when the reader goes on
	}
	if v.Entries, v.Next, err = t.entries("", folder); err != nil {
		return err
	}
	if v.File == nil && !v.Missing && size.Files > 0 {
		v.Folder = &runs.Folder{Name: path.Base(t.at), Files: size.Files, Shown: count(p.Request, size.Files), ArchivePath: archivePath(p.run.ID, t.at)}
		if t.at == "" {
			v.Folder.Name = i18n.T(p.Ctx(), "artifact.all_files")
		}
		if size.Files < tracking.MostCounted {
			v.Folder.Size = format.Bytes(p.Ctx(), size.Bytes)
		}
	}
	return nil
}

func parentOf(at string) string { return strings.TrimPrefix(path.Dir("/"+at), "/") }

// within reports whether at is folder or lies in it; everything lies in the root.
func within(at, folder string) bool {
	return folder == "" || at == folder || strings.HasPrefix(at, folder+"/")
}

// entries lists folder, and in it the folders that are open. current is the folder whose pages can be turned.
func (t tree) entries(folder, current string) (out []runs.Entry, next string, err error) {
	limit, from := besideEntries, ""
	if folder == current {
		limit, from = folderEntries, t.QueryParam("from")
	}
	all, more, err := t.tx.FolderPage(t.Ctx(), t.run.Workspace, path.Join(t.root, folder), from, limit)
	if err != nil {
		return nil, "", err
	}
	for _, e := range all {
		name := path.Join(folder, e.Name)
		row := runs.Entry{Name: e.Name, Folder: e.IsDir, Current: name == t.at}
		if !e.IsDir {
			row.Path, row.Size, row.Digest = t.page(name, t.open), format.Bytes(t.Ctx(), e.Size), e.Digest
			out = append(out, row)
			continue
		}
		row.Open = within(t.at, name) || slices.Contains(t.open, name)
		if row.Path = t.page(name, t.open); name == t.at { // a second click closes it
			row.Path = t.page(parentOf(name), without(t.open, name))
		}
		if row.Open {
			var rest string
			if row.Entries, rest, err = t.entries(name, current); err != nil {
				return nil, "", err
			}
			next = cmp.Or(next, rest)
		}
		out = append(out, row)
	}
	if more == "" {
		return out, next, nil
	}
	if folder == current {
		q := url.Values{"path": {t.at}, "from": {more}, "open": t.open}
		if t.v.Artifacts.File != nil {
			q.Set("path", folder)
		}
		return out, tabQuery(t.Request, runs.TabArtifacts, q), nil
	}
	return append(out, runs.Entry{Path: t.page(folder, t.open), More: true}), next, nil
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == one })
}

// page is the address of the tab that looks at one file or folder, with others open.
func (t tree) page(at string, open []string) string {
	q := url.Values{}
	if at != "" {
		q.Set("path", at)
	}
	for _, f := range open {
		if !within(at, f) { // those are open anyhow
			q.Add("open", f)
		}
	}
	return tabQuery(t.Request, runs.TabArtifacts, q)
}

func archivePath(run, folder string) string {
	at := "/runs/" + url.PathEscape(run) + "/archive"
	if folder != "" {
		at += "?" + url.Values{"path": {folder}}.Encode()
	}
	return at
}

// sendArchive sends a folder of the run as a zip.
func sendArchive(r *route.Request) error {
	folder := strings.Trim(r.QueryParam("path"), "/")
	if folder != "" {
		clean, err := tracking.CleanArtifactPath(folder)
		if err != nil {
			return err
		}
		folder = clean
	}
	name := ""
	root, err := route.Read(r, func(tx *storage.Tx) (string, error) {
		uri, err := tracking.RunRoot(r.Ctx(), tx, r.Grant, access.RunRead, r.Param("id"))
		if err != nil {
			return "", err
		}
		run, err := tx.Run(r.Ctx(), r.Param("id"))
		name = cmp.Or(run.Name, run.ID)
		return uri, err
	})
	if err != nil {
		return err
	}
	at, ours := tracking.StorePath(root)
	if !ours {
		return domain.Fail(domain.NotFound, "artifact.elsewhere", "the artifacts lie in %s, which this server does not reach", root)
	}
	if folder != "" {
		name += "-" + path.Base(folder)
	}
	return download.Archive(r, at, folder, name)
}
