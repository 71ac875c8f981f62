package ui

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/card"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
	page "github.com/slipway-ml/slipway/web/page/registry"
)

var cardPages = []route.Route{
	route.GET("/models/:name/versions/:version/card/edit", access.ModelWrite, editCard),
	route.POST("/models/:name/versions/:version/card", access.ModelWrite, saveCard),
	route.POST("/models/:name/versions/:version/card/import", access.ModelWrite, importCard),
	route.GET("/models/:name/versions/:version/card/readme", access.ModelRead, sendReadme),
	route.GET("/models/:name/versions/:version/card/bom", access.ModelRead, sendBOM),
}

const (
	mostCardForm = 8 << 20 // bytes of a form with a card, whose signs may need three each
	mostReadme   = 2 << 20 // bytes; card.ParseReadme takes no more
)

// card finds the card of the version of p, and puts it into the view.
func (p *versionPage) card(tx *storage.Tx) (err error) {
	g, err := more(p.Request, access.ModelRead)
	if err != nil {
		return err
	}
	if p.saved, err = registry.CardOf(p.Ctx(), tx, g, p.version.Model, p.version.Number); err != nil {
		return err
	}
	people, err := tx.NamesOf(p.Ctx(), p.saved.CreatedBy, p.run.CreatedBy)
	if err != nil {
		return err
	}
	p.facts = p.version.Facts(p.manifest, p.run, p.logged)
	p.facts.Source.Trainer = people[p.run.CreatedBy]
	p.view.Card = page.CardTab{
		Card: card.Fill(p.saved.Card, p.facts), Complete: card.Completeness(p.saved.Card, p.facts), Version: p.saved.Version, Revision: p.saved.Revision,
		Saved: instant(p.saved.CreatedAt), SavedBy: people[p.saved.CreatedBy], Overdue: p.saved.Card.ReviewPassed(time.Now()),
	}
	return nil
}

// cardPage is the version of the address with its card, and nothing else that its page has.
func cardPage(r *route.Request) (*versionPage, error) {
	name, number, err := versionAt(r)
	if err != nil {
		return nil, err
	}
	g, err := more(r, access.ModelRead)
	if err != nil {
		return nil, err
	}
	p := &versionPage{Request: r}
	return p, r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if p.version, err = registry.VersionByNumber(r.Ctx(), tx, g, name, number); err != nil {
			return err
		}
		if p.manifest, err = registry.ParseManifest(p.version.Manifest); err != nil {
			return err
		}
		if err := p.origin(tx); err != nil {
			return err
		}
		return p.card(tx)
	})
}

// edit is the form of the card of p.
func (p *versionPage) edit(values map[string]string) page.CardEdit {
	v := page.CardEdit{
		Model: p.version.Model, Number: p.version.Number, On: page.CardMark(p.saved.Version, p.saved.Revision), Values: values, Recorded: map[string]string{},
	}
	for list, names := range map[string][]string{
		"inputs": namesOf(p.facts.Inputs, func(x card.Port) string { return x.Name }), "outputs": namesOf(p.facts.Outputs, func(x card.Port) string { return x.Name }),
		"datasets": namesOf(p.facts.Datasets, func(x card.Dataset) string { return x.Name }), "metrics": namesOf(p.facts.Metrics, func(x card.Metric) string { return x.Name }),
	} {
		v.Recorded[list] = strings.Join(names, ", ")
	}
	v.Recorded["library.name"] = p.facts.Library.Name
	return v
}

// namesOf are the first names of some facts.
func namesOf[T any](all []T, name func(T) string) (out []string) {
	const most = 20
	for _, x := range all[:min(most, len(all))] {
		if n := name(x); n != "" {
			out = append(out, n)
		}
	}
	if len(all) > most {
		out = append(out, "…")
	}
	return out
}

func editCard(r *route.Request) error {
	p, err := cardPage(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, page.EditCard(p.edit(p.saved.Card.Form())))
}

// began is the revision that a form began from.
func began(r *route.Request) (c registry.Card) {
	version, revision, _ := strings.Cut(r.FormValue("on"), ".")
	c.Version, _ = strconv.ParseInt(version, 10, 64)
	c.Revision, _ = strconv.ParseInt(revision, 10, 64)
	return c
}

// keepCard saves a card that began from that of the form.
func keepCard(r *route.Request, name string, number int64, c card.Card) error {
	return route.Do(r, func(tx *storage.Tx) error {
		_, err := registry.SaveCard(r.Ctx(), tx, r.Grant, name, number, began(r), c, tx.Now())
		return err
	})
}

func saveCard(r *route.Request) error {
	name, number, err := versionAt(r)
	if err != nil {
		return err
	}
	r.Request().Body = http.MaxBytesReader(r.Response(), r.Request().Body, mostCardForm)
	if err := r.Request().ParseForm(); err != nil {
		return unreadForm(err)
	}
	c, err := card.ParseForm(r.FormValue)
	if err == nil {
		err = keepCard(r, name, number, c)
	}
	if err == nil {
		flash(r, "flash.saved")
		return see(r, page.VersionPath(name, number)+"?tab=card")
	}
	said, ok := cardWords(r, err)
	if !ok {
		return err
	}
	p, viewErr := cardPage(r)
	if viewErr != nil {
		return viewErr
	}
	values := map[string]string{}
	for name := range (card.Card{}).Form() {
		values[name] = r.FormValue(name)
	}
	v := p.edit(values)
	if domain.KindOf(err) != domain.Conflict {
		v.On = r.FormValue("on")
	}
	v.Refuse(r.Ctx(), err, said)
	return r.Render(http.StatusBadRequest, page.EditCard(v))
}

// cardWords is words for what may be wrong with a card, which may be too large as well.
func cardWords(r *route.Request, err error) (string, bool) {
	if domain.KindOf(err) == domain.TooLarge {
		return said(r.Ctx(), err), true
	}
	return words(r.Ctx(), err)
}

func unreadForm(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return domain.Fail(domain.TooLarge, "card.large", "the form with the card has more than %d bytes", large.Limit)
	}
	return &domain.Error{Kind: domain.Invalid, Key: "card.form", Msg: "the form cannot be read", Err: err}
}

func importCard(r *route.Request) error {
	name, number, err := versionAt(r)
	if err != nil {
		return err
	}
	readme, err := readmeOf(r)
	if err != nil {
		return err
	}
	c, warnings, err := card.ParseReadme(readme)
	if err == nil {
		err = keepCard(r, name, number, c)
	}
	text, ok := cardWords(r, err)
	if err != nil && !ok {
		return err
	}
	v, viewErr := versionView(r)
	if viewErr != nil {
		return viewErr
	}
	if err != nil {
		v.Card.Error, v.Card.Text = text, r.FormValue("readme")
		return r.Render(http.StatusBadRequest, page.Version(v))
	}
	if len(warnings) == 0 {
		flash(r, "flash.saved")
		return see(r, page.VersionPath(v.Model, v.Number)+"?tab=card")
	}
	for _, w := range warnings {
		v.Card.Warnings = append(v.Card.Warnings, i18n.T(r.Ctx(), "card.warning."+w.Key, w.Entry))
	}
	return r.Render(http.StatusOK, page.Version(v))
}

// readmeOf is the file of the form or, without one, its text.
func readmeOf(r *route.Request) ([]byte, error) {
	r.Request().Body = http.MaxBytesReader(r.Response(), r.Request().Body, mostCardForm)
	if err := r.Request().ParseMultipartForm(mostCardForm); err != nil {
		return nil, unreadForm(err)
	}
	f, head, err := r.Request().FormFile("file")
	if err != nil || head.Size == 0 {
		return []byte(r.FormValue("readme")), nil
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostReadme+1))
}

func sendReadme(r *route.Request) error {
	return sendCard(r, "text/markdown; charset=utf-8", "README.md", func(p *versionPage) ([]byte, error) {
		return card.Readme(card.Fill(p.saved.Card, p.facts))
	})
}

func sendBOM(r *route.Request) error {
	return sendCard(r, "application/vnd.cyclonedx+json", r.Param("name")+"-v"+r.Param("version")+".cdx.json", func(p *versionPage) ([]byte, error) {
		return card.BOM(p.saved.Card, p.facts, time.Now())
	})
}

func sendCard(r *route.Request, kind, name string, write func(*versionPage) ([]byte, error)) error {
	p, err := cardPage(r)
	if err != nil {
		return err
	}
	b, err := write(p)
	if err != nil {
		return err
	}
	h := r.Response().Header()
	h.Set("Content-Disposition", download.Disposition("attachment", name))
	h.Set("Cache-Control", "private, no-store")
	return r.Blob(http.StatusOK, kind, b)
}
