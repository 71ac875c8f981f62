package ui

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/scan"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/register"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/promotions"
	page "github.com/slipway-ml/slipway/web/page/registry"
)

var versionPages = []route.Route{
	route.GET("/models/:name/versions/:version", access.ModelRead, showVersion),
	route.GET("/models/:name/versions/:version/file", access.ModelRead, sendVersionFile),
	route.GET("/models/:name/versions/:version/zip", access.ModelRead, sendVersion),
	route.POST("/models/:name/versions/:version/description", access.ModelWrite, describeVersion),
	route.POST("/models/:name/versions/:version/tags", access.ModelWrite, tagVersion),
	route.POST("/models/:name/versions/:version/tags/delete", access.ModelWrite, untagVersion),
	route.POST("/models/:name/versions/:version/aliases", access.ModelWrite, moveVersionAlias),
	route.POST("/models/:name/versions/:version/stage", access.ModelWrite, moveVersionStage),
	route.POST("/models/:name/versions/:version/revoke", access.ModelRevoke, revokeVersion),
	route.POST("/models/:name/versions/:version/delete", access.ModelDelete, deleteVersion),
}

const (
	mostFiles   = 500
	mostExample = 16 << 10 // bytes of an input example that are shown
	mostOthers  = 100      // versions offered to compare with
)

// versionAt reads the version's number from the address.
func versionAt(r *route.Request) (name string, number int64, err error) {
	number, ok := registry.ParseNumber(r.Param("version"))
	if !ok {
		return "", 0, domain.Fail(domain.NotFound, "registry.no_version", "Model Version (name=%s, version=%s) not found", r.Param("name"), r.Param("version"))
	}
	return r.Param("name"), number, nil
}

func showVersion(r *route.Request) error {
	v, err := versionView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.Version(v))
}

// versionPage is a page in the making.
type versionPage struct {
	*route.Request
	view     page.VersionView
	version  registry.Version
	manifest registry.Manifest
	run      tracking.Run
	logged   tracking.LoggedModel
	saved    registry.Card
	facts    card.Facts
}

func versionView(r *route.Request) (v page.VersionView, err error) {
	name, number, err := versionAt(r)
	if err != nil {
		return v, err
	}
	g, err := more(r, access.ModelRead) // a refused form shows the page too
	if err != nil {
		return v, err
	}
	p := &versionPage{Request: r}
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		p.view = page.VersionView{}
		m, err := registry.ModelByName(r.Ctx(), tx, g, name)
		if err != nil {
			return err
		}
		if p.version, err = registry.VersionByNumber(r.Ctx(), tx, g, name, number); err != nil {
			return err
		}
		return p.fill(tx, m)
	}); err != nil {
		return v, err
	}
	p.lineage()
	if p.view.Tab == page.TabOverview {
		p.example()
	}
	return p.view, nil
}

func (p *versionPage) fill(tx *storage.Tx, m registry.Model) (err error) {
	x, v := p.version, &p.view
	if p.manifest, err = registry.ParseManifest(x.Manifest); err != nil {
		return err
	}
	if err := p.origin(tx); err != nil {
		return err
	}
	moves, err := tx.Moves(p.Ctx(), m.ID, "", "", mostMoves)
	if err != nil {
		return err
	}
	others, err := tx.VersionsBelow(p.Ctx(), m.ID, 0, mostOthers)
	if err != nil {
		return err
	}
	people, err := tx.NamesOf(p.Ctx(), makersOf(m, []registry.Version{x}, moves)...)
	if err != nil {
		return err
	}
	found, err := tx.ScanOf(p.Ctx(), x.ID)
	if err != nil && domain.KindOf(err) != domain.NotFound {
		return err
	}
	if found.Report != "" {
		v.Scan, v.Scanned = &scan.Report{}, instant(found.At)
		if err := json.Unmarshal([]byte(found.Report), v.Scan); err != nil {
			return err
		}
	}
	v.Model, v.Number, v.Tab = m.Name, x.Number, page.TabOverview
	if tab := p.QueryParam("tab"); slices.Contains([]string{page.TabFiles, page.TabScan, page.TabCard}, tab) {
		v.Tab = tab
	}
	v.Summary, _, _ = strings.Cut(strings.TrimSpace(m.Description), "\n")
	v.Stage, v.Standing, v.Digest, v.FileCount, v.Flavors, v.Source, v.RunLink = x.Stage, x.Standing, x.Digest, x.Files, p.manifest.Flavors, x.Source, x.RunLink
	if x.Standing == registry.Pinned {
		v.Size = format.Bytes(p.Ctx(), x.Size)
	}
	v.Verified, v.Broken = instant(x.VerifiedAt), x.Broken
	v.Created, v.CreatedBy, v.Text = instant(x.CreatedAt), people[x.CreatedBy], x.Description
	v.Revoked, v.RevokedBy, v.RevokeReason = instant(x.RevokedAt), people[x.RevokedBy], x.RevokeReason
	v.Tags = shownTags(x.Tags)
	v.Aliases, v.AliasCount = aliasRows(m.Aliases, moves, people, x.Number), len(m.Aliases)
	v.Moves = moveRows(p.Request, ofVersion(moves, x), people, recentMoves)
	v.CanPropose = may(p.Request, access.PromotionPropose)
	v.CanWrite, v.CanDelete, v.CanRevoke = may(p.Request, access.ModelWrite), may(p.Request, access.ModelDelete), may(p.Request, access.ModelRevoke)
	for _, o := range others {
		if o.Number != x.Number {
			v.Others = append(v.Others, o.Number)
		}
	}
	if err := p.metrics(tx, others); err != nil {
		return err
	}
	if s := p.manifest.Signature; s != nil {
		v.Signed, v.Inputs, v.Outputs, v.Params = true, registry.Fields(s.Inputs), registry.Fields(s.Outputs), registry.Fields(s.Params)
	}
	for key, value := range p.manifest.Params {
		v.Trained = append(v.Trained, component.Pair{Key: key, Value: value})
	}
	slices.SortFunc(v.Trained, func(a, b component.Pair) int { return strings.Compare(a.Key, b.Key) })
	for _, f := range p.manifest.Files[:min(mostFiles, len(p.manifest.Files))] {
		v.Files = append(v.Files, page.File{
			Path: f.Path, Size: format.Bytes(p.Ctx(), f.Size), Digest: f.SHA256, URL: page.VersionPath(v.Model, v.Number) + "/file?path=" + url.QueryEscape(f.Path),
		})
	}
	if err := p.card(tx); err != nil {
		return err
	}
	asked, err := more(p.Request, access.PromotionRead)
	if err != nil {
		return err
	}
	if v.Live, err = stays(p.Request, tx, asked, m, x.ID); err != nil {
		return err
	}
	if v.Asked, err = askedOf(p.Request, tx, asked, m.ID, x.ID); err != nil {
		return err
	}
	v.Checks = x.Readiness(p.manifest, registry.Known{Metrics: len(v.Metrics), Scan: found.Verdict, CardDone: v.Card.Complete.Done, CardTotal: v.Card.Complete.Total})
	if x.Standing != registry.Text {
		v.Snippet = loadScript(p.Request, "models:/"+v.Model+"/"+strconv.FormatInt(v.Number, 10))
	}
	return nil
}

// ofVersion are the moves that brought a version somewhere or took it away.
func ofVersion(moves []registry.Move, v registry.Version) (out []registry.Move) {
	n := strconv.FormatInt(v.Number, 10)
	for _, m := range moves {
		if m.Kind == registry.StageMove && m.Subject == n || m.Kind == registry.AliasMove && (m.From == n || m.To == n) {
			out = append(out, m)
		}
	}
	return out
}

// origin finds what the version was made from, as far as it is there and of this workspace.
func (p *versionPage) origin(tx *storage.Tx) error {
	if id := p.version.RunID; id != "" {
		run, err := tx.FullRun(p.Ctx(), id)
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return err
		}
		if err == nil && run.Workspace == p.version.Workspace {
			p.run = run
		}
	}
	if id := p.version.LoggedModelID; id != "" {
		logged, err := tx.LoggedModel(p.Ctx(), id)
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return err
		}
		if err == nil && logged.Workspace == p.version.Workspace {
			p.logged = logged
		}
	}
	return nil
}

// metrics puts the values of this version beside those of another: the one asked for, or the next older.
func (p *versionPage) metrics(tx *storage.Tx, others []registry.Version) error {
	with, asked := registry.ParseNumber(p.QueryParam("with"))
	var other registry.Version
	for _, o := range others { // from the highest down
		if asked && o.Number == with || !asked && o.Number < p.version.Number {
			other = o
			break
		}
	}
	there := map[[2]string]float64{}
	if other.Number != 0 {
		o := &versionPage{Request: p.Request, version: other}
		if err := o.origin(tx); err != nil {
			return err
		}
		for _, m := range registry.Measured(o.run, o.logged) {
			there[[2]string{m.Key, m.DatasetName}] = m.Value
		}
		p.view.With = other.Number
	}
	all := registry.Measured(p.run, p.logged)
	slices.SortFunc(all, func(a, b tracking.Metric) int {
		return strings.Compare(a.Key+"\x00"+a.DatasetName, b.Key+"\x00"+b.DatasetName)
	})
	for _, m := range all {
		row := page.Metric{Key: m.Key, Dataset: m.DatasetName, Here: format.Number(p.Ctx(), m.Value), Full: exact(m.Value)}
		if value, ok := there[[2]string{m.Key, m.DatasetName}]; ok {
			row.There = format.Number(p.Ctx(), value)
			row.Change, row.Tone, row.Up = deltas(p.Request, m.Key, m.Value, value)
		}
		p.view.Metrics = append(p.view.Metrics, row)
	}
	return nil
}

// lineage is the strip from the data over code, run and logged model to this version, and on to where it is live.
func (p *versionPage) lineage() {
	ctx, v := p.Ctx(), &p.view
	add := func(n page.Node) { v.Lineage = append(v.Lineage, n) }
	for i, d := range p.manifest.Data {
		const most = 3
		if i == most {
			add(page.Node{Kind: "data", Title: i18n.T(ctx, "registry.more", format.Count(ctx, int64(len(p.manifest.Data)-most))), Path: p.runPath("lineage")})
			break
		}
		text := d.Digest
		if d.Context != "" {
			text = d.Context + " · " + d.Digest
		}
		add(page.Node{Kind: "data", Title: d.Name, Text: text, Path: p.runPath("lineage")})
	}
	if c := p.manifest.Code; c != nil {
		n := page.Node{Kind: "code", Title: c.Source, Text: c.Repository, Path: p.runPath("")}
		if c.Commit != "" {
			n.Title, n.Text = c.Commit[:min(len(c.Commit), 8)], c.Source
		}
		if at := tracking.CommitURL(c.Repository, c.Commit); at != "" {
			n.Path, n.Outside = at, true
		}
		if n.Title != "" {
			add(n)
		}
	}
	if p.run.ID != "" {
		add(page.Node{Kind: "run", Title: p.run.Name, Text: i18n.T(ctx, "registry.run_for", duration(p.Request, p.run)), Path: p.runPath("")})
	} else if p.version.RunID != "" {
		add(page.Node{Kind: "run", Title: p.version.RunID, Text: i18n.T(ctx, "registry.run_unknown")})
	}
	if p.logged.ID != "" {
		n := page.Node{Kind: "logged", Title: p.logged.Name, Text: i18n.T(ctx, "registry.logged_model")}
		if !p.logged.Deleted() {
			n.Path = "/logged-models/" + p.logged.ID
		}
		add(n)
	}
	add(page.Node{Kind: "version", Title: v.Model + " v" + strconv.FormatInt(v.Number, 10), Text: i18n.T(ctx, "registry.this_version"), Now: true})
	for _, s := range v.Live {
		if s.Until.IsZero() {
			n := page.Node{Kind: "live", Title: s.Environment, Text: i18n.T(ctx, "registry.live", format.Time(ctx, s.Since).Short), Path: "/slots"}
			if s.Request > 0 {
				n.Path = promotions.Path(s.Request)
			}
			add(n)
		}
	}
}

func (p *versionPage) runPath(tab string) string {
	switch {
	case p.run.ID == "":
		return ""
	case tab == "":
		return "/runs/" + p.run.ID
	}
	return "/runs/" + p.run.ID + "?tab=" + tab
}

// example reads the beginning of the input example. Without one there is nothing to show.
func (p *versionPage) example() {
	if p.manifest.Example == "" {
		return
	}
	for _, f := range p.manifest.Files {
		if f.Path != p.manifest.Example {
			continue
		}
		text, err := register.Text(p.Request, f.SHA256, mostExample+1)
		if err != nil || !utf8.Valid(text) {
			return // the list of files shows that it is there
		}
		if len(text) > mostExample {
			p.view.Example = strings.ToValidUTF8(string(text[:mostExample]), "") + "…"
			return
		}
		var b bytes.Buffer
		if json.Indent(&b, text, "", "  ") == nil && b.Len() <= mostExample {
			text = b.Bytes()
		}
		p.view.Example = string(text)
	}
}

func heldAt(r *route.Request, tx *storage.Tx) (string, error) {
	name, number, err := versionAt(r)
	if err != nil {
		return "", err
	}
	v, err := registry.VersionByNumber(r.Ctx(), tx, r.Grant, name, number)
	if err == nil && v.Standing != registry.Pinned {
		err = domain.Fail(domain.NotFound, "registry.not_held", "this server holds no files of version %d of %s", number, name)
	}
	return "mlflow-artifacts:/" + tracking.HeldAt(v.ID), err
}

func sendVersionFile(r *route.Request) error {
	return download.Below(r, r.QueryParam("path"), func(tx *storage.Tx) (string, error) { return heldAt(r, tx) })
}

func sendVersion(r *route.Request) error {
	uri, err := route.Read(r, func(tx *storage.Tx) (string, error) { return heldAt(r, tx) })
	if err != nil {
		return err
	}
	at, _ := tracking.StorePath(uri)
	return download.Archive(r, at, "", r.Param("name")+"-v"+r.Param("version"))
}

// changeVersion runs an act on the version of the address and comes back to its page; a refusal that the person can do
// something about is put into the page by show.
func changeVersion(r *route.Request, act func(tx *storage.Tx, name string, number int64) error, show func(*page.VersionView, string)) error {
	name, number, err := versionAt(r)
	if err != nil {
		return err
	}
	err = route.Do(r, func(tx *storage.Tx) error { return act(tx, name, number) })
	if err == nil {
		flash(r, "flash.saved")
		return see(r, page.VersionPath(name, number))
	}
	text, ok := words(r.Ctx(), err)
	if !ok || show == nil {
		return err
	}
	v, viewErr := versionView(r)
	if viewErr != nil {
		return viewErr
	}
	show(&v, text)
	return r.Render(http.StatusBadRequest, page.Version(v))
}

func describeVersion(r *route.Request) error {
	text := r.FormValue("description")
	return changeVersion(r, func(tx *storage.Tx, name string, number int64) error {
		_, err := registry.DescribeVersion(r.Ctx(), tx, r.Grant, name, number, &text, tx.Now())
		return err
	}, nil)
}

func tagVersion(r *route.Request) error {
	t := tracking.Tag{Key: form(r, "key"), Value: r.FormValue("value")}
	return changeVersion(r, func(tx *storage.Tx, name string, number int64) error {
		return registry.SetVersionTag(r.Ctx(), tx, r.Grant, name, number, t, tx.Now())
	}, func(v *page.VersionView, text string) { v.TagKey, v.TagValue, v.TagError = t.Key, t.Value, text })
}

func untagVersion(r *route.Request) error {
	return changeVersion(r, func(tx *storage.Tx, name string, number int64) error {
		return registry.DeleteVersionTag(r.Ctx(), tx, r.Grant, name, number, r.FormValue("key"), tx.Now())
	}, nil)
}

func moveVersionAlias(r *route.Request) error {
	f, act := aliasAct(r)
	return changeVersion(r, func(tx *storage.Tx, _ string, _ int64) error { return act(tx) },
		func(v *page.VersionView, text string) { f.Error = text; v.AliasForm = f })
}

func moveVersionStage(r *route.Request) error {
	return changeVersion(r, func(tx *storage.Tx, name string, number int64) error {
		_, err := registry.MoveStage(r.Ctx(), tx, r.Grant, name, number, form(r, "stage"), false, tx.Now())
		return err
	}, nil)
}

func revokeVersion(r *route.Request) error {
	return changeVersion(r, func(tx *storage.Tx, name string, number int64) error {
		_, err := registry.RevokeVersion(r.Ctx(), tx, r.Grant, name, number, r.FormValue("reason"), tx.Now())
		return err
	}, func(v *page.VersionView, text string) { v.RevokeError = text })
}

func deleteVersion(r *route.Request) error {
	name, number, err := versionAt(r)
	if err != nil {
		return err
	}
	v, err := route.Write(r, func(tx *storage.Tx) (registry.Version, error) {
		return registry.DeleteVersion(r.Ctx(), tx, r.Grant, name, number, tx.Now())
	})
	if err != nil {
		return err
	}
	n := strconv.FormatInt(number, 10)
	flashUndo(r, "/model-versions/"+v.ID+"/restore", "flash.version_deleted", n, name)
	return see(r, page.Path(name))
}
