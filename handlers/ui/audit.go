package ui

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
	page "github.com/slipway-ml/slipway/web/page/audit"
	catalogpage "github.com/slipway-ml/slipway/web/page/catalog"
	"github.com/slipway-ml/slipway/web/page/environments"
	"github.com/slipway-ml/slipway/web/page/registry"
)

var auditPages = []route.Route{
	route.GET("/audit", access.AuditRead, listAudit),
	route.GET("/audit/export", access.AuditRead, exportAudit),
	route.GET("/audit/verify", access.AuditRead, verifyAudit),
	route.GET("/audit/lines/:seq", access.AuditRead, showAuditLine),
}

// Audited are the permissions whose acts are in the audit log.
var Audited = []access.Perm{
	access.ModelWrite, access.ModelDelete, access.ModelRevoke, access.ExperimentDelete, access.RunDelete, access.LoggedModelDelete, access.ArtifactDelete,
	access.PromotionPropose, access.PromotionComment, access.PromotionReview, access.PromotionExecute, access.PromotionBreak, access.CheckReport, access.SlotRollback,
	access.EnvironmentWrite, access.EnvironmentUnprotect, access.CatalogWrite, access.CatalogConfigure, access.SecretWrite, access.TrashPurge, access.JobRetry, access.UserWrite, access.AccountWrite, access.SessionOpen, access.SessionClose,
}

// auditing is a question to the audit log.
type auditing struct {
	filter  page.Filter
	query   audit.Query
	grant   access.Grant // for the chain
	problem string
}

func newAuditing(r *route.Request) (a auditing, err error) {
	a.filter = page.Filter{
		Chain: r.QueryParam("chain"), Actor: strings.TrimSpace(r.QueryParam("actor")), Action: r.QueryParam("action"),
		Object: strings.TrimSpace(r.QueryParam("object")), From: r.QueryParam("from"), To: r.QueryParam("to"),
	}
	a.grant = r.Grant
	a.query = audit.Query{Chain: audit.WorkspaceChain(r.Grant.Workspace()), Actor: a.filter.Actor, Action: a.filter.Action, Object: a.filter.Object, After: r.QueryParam("token"), Limit: pageSize}
	switch a.filter.Chain {
	case "":
	case page.ServerChain:
		a.query.Chain = audit.ServerChain
		if a.grant, err = more(r, access.AuditServer); err != nil {
			return a, err
		}
	default:
		return a, domain.Fail(domain.NotFound, "not_found", "not found in workspace %s", r.Grant.Workspace())
	}
	a.query.From = a.day(r, &a.filter.From, 0)
	a.query.To = a.day(r, &a.filter.To, 1) // that day too
	return a, nil
}

// day is the instant at which, where the reader is, the day begins that comes so many days after the one in field; 0 for none.
// What is no day is said, and not kept: no browser shows it in the field.
func (a *auditing) day(r *route.Request, field *string, after int) int64 {
	text := *field
	if text == "" {
		return 0
	}
	zone := layout.From(r.Ctx()).TZ
	if zone == nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		a.problem = i18n.T(r.Ctx(), "audit.bad_date", domain.Short(text))
		*field = ""
		return 0
	}
	return t.AddDate(0, 0, after).UnixMilli()
}

// search finds lines, and the names of the people in them.
func (a *auditing) search(r *route.Request, tx *storage.Tx) (found audit.Found, names map[string]string, err error) {
	if a.filter.Actor != "" {
		u, err := tx.UserByName(r.Ctx(), strings.ToLower(a.filter.Actor))
		if err == nil {
			a.query.Actor = u.ID
		} else if domain.KindOf(err) != domain.NotFound {
			return found, nil, err
		}
	}
	if found, err = audit.Search(r.Ctx(), tx, a.grant, a.query); err != nil {
		return found, nil, err
	}
	var people []string
	for _, l := range found.Lines {
		people = append(people, l.Actor)
		facts, err := l.Saying()
		if err != nil {
			continue // edited by hand: the verification says so
		}
		for _, f := range facts {
			people = append(people, f.Subject)
		}
	}
	names, err = tx.NamesOf(r.Ctx(), people...)
	return found, names, err
}

// with is a line with those of its texts that the reader may see.
func (a *auditing) with(r *route.Request, found audit.Found, l audit.Line) audit.Exported {
	e := found.With(l)
	if may(r, access.AuditServer) {
		return e
	}
	var seen []audit.Text
	for _, t := range e.Texts {
		if t.Commitment != l.Source.Text {
			seen = append(seen, t)
		}
	}
	e.Texts = seen
	return e
}

func listAudit(r *route.Request) error {
	a, err := newAuditing(r)
	if err != nil {
		return err
	}
	return a.list(r, nil)
}

func (a *auditing) list(r *route.Request, verdict *page.Verdict) error {
	var found audit.Found
	var names map[string]string
	if err := r.DB.Read(r.Ctx(), a.grant, func(tx *storage.Tx) (err error) {
		found, names, err = a.search(r, tx)
		return err
	}); err != nil {
		return err
	}
	v := page.View{Filter: a.filter, Server: may(r, access.AuditServer), Problem: a.problem, Verdict: verdict, Pager: pager(r, found.Next, "/audit", "")}
	v.Pager.Shown = i18n.N(r.Ctx(), "audit.shown", int64(len(found.Lines)))
	for _, p := range Audited {
		if p.Server == (a.filter.Chain == page.ServerChain) {
			v.Actions = append(v.Actions, p.Name)
		}
	}
	for _, l := range found.Lines {
		v.Rows = append(v.Rows, auditRow(r, a.with(r, found, l), names))
	}
	status := http.StatusOK
	if a.problem != "" {
		status = http.StatusBadRequest
	}
	return r.Render(status, page.List(v))
}

func auditRow(r *route.Request, e audit.Exported, names map[string]string) page.Row {
	row := page.Row{Seq: e.Seq, At: instant(e.At), Actor: names[e.Actor], Action: e.Action}
	for _, f := range e.Told() {
		row.Told = append(row.Told, told(r, f, names))
	}
	return row
}

// told is a fact with what it is about: its name and its page, where there are.
func told(r *route.Request, f audit.Fact, names map[string]string) page.Told {
	data, _ := f.Data.(map[string]any)
	for k, v := range data {
		if v == audit.Erased {
			data[k] = i18n.T(r.Ctx(), "audit.erased")
		}
	}
	text := func(key string) string {
		s, _ := data[key].(string)
		return s
	}
	t := page.Told{Kind: f.Kind, Subject: f.Subject, Data: data, Name: text("name")}
	about, did, _ := strings.Cut(f.Kind, ".")
	switch about {
	case "run":
		t.Path = "/runs/" + f.Subject
	case "experiment":
		t.Path = "/experiments/" + f.Subject
	case "promotion", "review", "bypass":
		t.Name, t.Path = fmt.Sprint("PR-", data["number"]), fmt.Sprint("/promotions/", data["number"])
		t.Kind += rulesWords(t.Kind, text("kind"))
	case "slot":
		t.Name = text("environment")
		t.Kind += rulesWords(t.Kind, text("kind"))
	case "logged_model":
		t.Path = "/logged-models/" + f.Subject
	case "user", "session":
		t.Name = names[f.Subject]
		if did == "extra_changed" {
			t.Kind += extraWords(data)
		}
	case "alias", "stage":
		t.Name, t.Path = text("model"), registry.Path(text("model"))
	case "environment":
		t.Path = environments.Path(t.Name)
		if act := text("act"); act != "" { // what was done to it, besides its rules
			t.Kind = about + "." + act
		}
	case "team":
		if in, ok := data["in"].(bool); ok {
			t.Kind, t.Name = map[bool]string{true: "team.member_added", false: "team.member_removed"}[in], names[f.Subject]
		} else {
			t.Path = "/teams"
		}
	case "model":
		if did == "renamed" {
			t.Name = text("to")
		}
		t.Path = registry.Path(t.Name)
	case "secret":
		t.Path = "/secrets"
	case "catalog":
		if strings.HasPrefix(did, "source") {
			t.Path = "/catalog/sources"
		} else {
			t.Path = catalogpage.UsePath(f.Subject)
		}
	case "version", "card":
		t.Name = text("model") + " v" + text("version")
		n, err := strconv.ParseInt(text("version"), 10, 64)
		if err == nil {
			t.Path = registry.VersionPath(text("model"), n)
		}
	}
	if did == "deleted" && slices.Contains([]string{"model", "version", "environment", "team"}, about) {
		t.Path = "" // it is in the trash, or nowhere
	}
	return t
}

// rulesWords is the end of the key of a fact that has other words where it is about rules or a team, not a version.
func rulesWords(fact, kind string) string {
	switch {
	case kind == "" || slot.Kind(kind) == slot.Model:
		return ""
	case fact == "promotion.completed":
		return "_rules"
	case fact == "promotion.created" || fact == "slot.changed":
		return "_" + kind
	}
	return ""
}

// extraWords is the end of the key that says what somebody may besides their role.
func extraWords(data map[string]any) string {
	switch operator, breaks := data["operator"] == true, data["break_glass"] == true; {
	case operator && breaks:
		return ".both"
	case operator:
		return ".operator"
	case breaks:
		return ".break_glass"
	}
	return ".none"
}

func showAuditLine(r *route.Request) error {
	a, err := newAuditing(r)
	if err != nil {
		return err
	}
	seq, err := strconv.ParseInt(r.Param("seq"), 10, 64)
	if err != nil || seq < 1 {
		return domain.Fail(domain.NotFound, "not_found", "not found in workspace %s", r.Grant.Workspace())
	}
	a.filter = page.Filter{Chain: a.filter.Chain}
	a.query = audit.Query{Chain: a.query.Chain, Seq: seq, Limit: 1}
	var found audit.Found
	var names map[string]string
	var head audit.Head
	if err := r.DB.Read(r.Ctx(), a.grant, func(tx *storage.Tx) (err error) {
		if found, names, err = a.search(r, tx); err != nil {
			return err
		}
		head, err = tx.AuditHead(r.Ctx(), a.query.Chain)
		return err
	}); err != nil {
		return err
	}
	if len(found.Lines) == 0 {
		return domain.Fail(domain.NotFound, "not_found", "not found in workspace %s", r.Grant.Workspace())
	}
	l := found.Lines[0]
	e := a.with(r, found, l)
	var facts strings.Builder
	j := json.NewEncoder(&facts)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	if err := j.Encode(e.Told()); err != nil {
		return err
	}
	v := page.Line{
		Row: auditRow(r, e, names), Filter: a.filter, ActorID: l.Actor, Token: l.Token, Request: l.RequestID, Objects: l.Objects, Facts: facts.String(),
		Hash: l.Hash, Prev: l.Prev, Earlier: seq > 1, Later: seq < head.Seq,
	}
	if may(r, access.AuditServer) {
		if v.Address = e.Address(); v.Address == audit.Erased {
			v.Address = i18n.T(r.Ctx(), "audit.erased")
		}
	}
	return r.Render(http.StatusOK, page.Details(v))
}

func verifyAudit(r *route.Request) error {
	a, err := newAuditing(r)
	if err != nil {
		return err
	}
	var c audit.Covered
	if err := r.DB.Read(r.Ctx(), a.grant, func(tx *storage.Tx) (err error) {
		c, err = audit.Check(r.Ctx(), tx, a.grant, a.query.Chain)
		return err
	}); err != nil {
		return err
	}
	v := page.Verdict{Lines: c.Lines, Texts: c.Texts, Since: instant(c.Since), Until: instant(c.Until), Hash: c.Hash}
	if c.Fault != nil {
		v.Seq, v.Reason = c.Fault.Seq, string(c.Fault.Reason)
		r.Log.WarnContext(r.Ctx(), "the audit log is not whole", "chain", c.Chain, "seq", c.Fault.Seq, "reason", string(c.Fault.Reason))
	}
	return a.list(r, &v)
}

// exportAudit sends what the filter finds, all of its pages, the oldest line first.
func exportAudit(r *route.Request) error {
	as := r.QueryParam("format")
	if as != "csv" && as != "jsonl" {
		return domain.Fail(domain.Invalid, "audit.export_format", "an export of the audit log has the format csv or jsonl, not %q", as)
	}
	a, err := newAuditing(r)
	if err != nil {
		return err
	}
	if a.problem != "" {
		return domain.Fail(domain.Invalid, "audit.export_date", "a date of the filter could not be read, so nothing is exported")
	}
	a.query.Oldest, a.query.After, a.query.Limit = true, "", exportPortion
	var found audit.Found
	var names map[string]string
	portion := func(tx *storage.Tx) (err error) {
		found, names, err = a.search(r, tx)
		return err
	}
	if err := r.DB.Read(r.Ctx(), a.grant, portion); err != nil {
		return err
	}
	h := r.Response().Header()
	h.Set("Content-Disposition", download.Disposition("attachment", "audit "+strings.ReplaceAll(a.query.Chain, "/", " ")+"."+as))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}[as])
	sheet := csv.NewWriter(r.Response())
	if as == "csv" {
		if err := sheet.Write(audit.Columns); err != nil {
			return err
		}
	}
	for {
		_ = http.NewResponseController(r.Response().Writer).SetWriteDeadline(time.Now().Add(time.Minute))
		for _, l := range found.Lines {
			if err := writeAudit(r, sheet, as, a.with(r, found, l), names); err != nil {
				return err
			}
		}
		if sheet.Flush(); found.Next == "" {
			return sheet.Error()
		}
		a.query.After = found.Next
		if err := r.DB.Read(r.Ctx(), a.grant, portion); err != nil {
			r.Log.WarnContext(r.Ctx(), "export failed", "error", err.Error())
			panic(http.ErrAbortHandler) // half an export must not look like a whole one
		}
	}
}

func writeAudit(r *route.Request, sheet *csv.Writer, as string, e audit.Exported, names map[string]string) error {
	if as == "jsonl" {
		return e.Write(r.Response())
	}
	row := e.Row(names[e.Actor])
	for i, cell := range row {
		row[i] = download.SafeCSV(cell)
	}
	return sheet.Write(row)
}
