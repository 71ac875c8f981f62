// Package page_test renders every page and checks what all of them promise.
package page_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/web/chart"
	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/layout"
	"github.com/slipway-ml/slipway/web/page/account"
	"github.com/slipway-ml/slipway/web/page/api"
	"github.com/slipway-ml/slipway/web/page/audit"
	"github.com/slipway-ml/slipway/web/page/compare"
	"github.com/slipway-ml/slipway/web/page/environments"
	"github.com/slipway-ml/slipway/web/page/errors"
	"github.com/slipway-ml/slipway/web/page/experiments"
	"github.com/slipway-ml/slipway/web/page/home"
	"github.com/slipway-ml/slipway/web/page/jobs"
	"github.com/slipway-ml/slipway/web/page/models"
	"github.com/slipway-ml/slipway/web/page/promotions"
	"github.com/slipway-ml/slipway/web/page/runs"
	"github.com/slipway-ml/slipway/web/page/search"
	"github.com/slipway-ml/slipway/web/page/series"
	"github.com/slipway-ml/slipway/web/page/signin"
	"github.com/slipway-ml/slipway/web/page/styleguide"
	"github.com/slipway-ml/slipway/web/page/teams"
	"github.com/slipway-ml/slipway/web/page/trash"
	"github.com/slipway-ml/slipway/web/page/users"
)

var now = time.Date(2026, 11, 18, 14, 30, 0, 0, time.UTC)

// hostile is a name that somebody may have given to anything.
const hostile = `"><script>alert(1)</script>&'`

// comparison is a page of two runs in one of its views.
func comparison(ctx context.Context, view string) compare.View {
	v := compare.View{
		Experiment: compare.Link{Label: hostile, Path: "/experiments/1"}, Missing: 1, TooMany: true, Base: "A", View: view, Toggle: "/compare?all=1", CSV: "/compare/table?format=csv", JSON: "/compare/table?format=json", Export: "/compare/chart?", Kept: true, Notes: []string{hostile},
		Keep: []component.Pair{{Key: "run", Value: hostile}}, Tabs: []component.Tab{{Label: "Curves", URL: "/compare?view=curves#views", Current: true}},
		Runs: []compare.Run{
			{ID: "r1", Name: hostile, Letter: "A", Path: "/runs/r1", Base: true, Metric: hostile, Value: "0.5"},
			{ID: "r2", Name: hostile, Letter: "B", Path: "/runs/r2", Deleted: true, Metric: hostile, Value: "0.6", Delta: compare.Delta{Text: "+0.1", Relative: "+20 %", Up: true, Tone: compare.Better}},
		},
		Sections: []compare.Section{
			{ID: compare.SectionParams, Total: 9, Differing: 2, Hidden: 1, ShowAll: "/compare?full=params", Rows: []compare.Row{{Key: hostile, Cells: []compare.Cell{{Text: hostile, Full: hostile, Mono: true}, {Missing: true}}}}},
			{ID: compare.SectionMetrics, Hidden: 5, Rows: []compare.Row{{Key: hostile, Lower: true, Cells: []compare.Cell{{Text: "0.5", Number: true, Best: true}, {Text: "0.6", Changed: true, Delta: compare.Delta{Text: "+0.1", Up: true, Tone: compare.Worse}}}}}},
			{ID: compare.SectionCode},
		},
		Add:    compare.Add{Query: hostile, Keep: []component.Pair{{Key: "run", Value: hostile}}, Runs: []compare.Link{{Label: hostile, Path: "/compare?run=r3"}}},
		Images: compare.Images{Rows: []compare.ImageRow{{Path: hostile, Images: []string{"/runs/r1/image?path=a", ""}}}},
		Form:   compare.Form{Axes: []compare.Axis{{Label: hostile, Remove: "/compare?axis=a"}}, Selects: []component.SelectProps{{Name: "axis", Label: "Axis", Options: []component.Option{{Value: hostile, Label: hostile}}}}},
		Curves: compare.Curves{
			Controls: component.ChartControlsProps{Action: "/compare", Keep: []component.Pair{{Key: "run", Value: hostile}}, State: component.ChartState{From: hostile, Group: "params.lr"}, Groups: []component.Option{{Value: hostile, Label: hostile}}},
			Charts:   []component.SeriesProps{{ID: "chart-1", Title: hostile, Src: "/series?key=a", Table: "/series?format=html", CSV: "/series?format=csv"}},
			Pager:    component.PagerProps{Shown: "1–8 of 9", Next: "/compare?page=2"},
		},
	}
	plot := chart.Line{ID: "plot", Title: hostile, Series: []chart.Series{{Name: hostile, Points: []chart.Point{{X: 0, Y: 1}}}}}.Props(ctx)
	v.Chart = &plot
	return v
}

func pages(ctx context.Context) map[string]templ.Component {
	tags := []component.Pair{{Key: hostile, Value: hostile}, {Key: "team", Value: "risk"}}
	problem := component.FilterProblem{Message: "unexpected >", At: 3}
	experiment := runs.Experiment{ID: "1", Name: hostile, Description: hostile, Created: now, Tags: tags}
	run := func(tab string) runs.ShowView {
		return runs.ShowView{
			ID: "r1", Name: hostile, Status: "FINISHED", Tab: tab, Start: now, Duration: "2 s", CanWrite: true, CanDelete: true,
			Experiment: runs.Link{Label: hostile, Path: "/experiments/1"}, Note: runs.Note{Text: hostile}, Tags: tags, Params: tags, Parent: runs.Link{Label: hostile, Path: "/runs/r0"}, Stale: true, Archive: "/runs/r1/archive", ComparePath: "/compare",
			Values:   runs.Values{Query: hostile, Params: tags, Tags: tags, System: tags, ExportPath: "/runs/r1/export.csv", Extents: true, Found: runs.Counts{Params: 99, Tags: 99, System: 99, Metrics: 99}, Difference: runs.Difference{With: "r2", Other: runs.Link{Label: hostile, Path: "/runs/r2"}, Choices: []runs.Choice{{ID: "r2", Name: hostile, Parent: true}}, Total: 3, Changes: []runs.Change{{Kind: "param", Key: hostile, From: []runs.Piece{{Text: hostile}, {Text: hostile, Changed: true}}, To: []runs.Piece{{Text: hostile, Changed: true}}}, {Kind: "metric", Key: "a", Added: true}, {Kind: "tag", Key: "b", Removed: true}}}},
			Children: runs.Children{Total: 2, Shown: "2", Metric: hostile, Next: "/runs/r1?tab=lineage&after=x", First: "/runs/r1?tab=lineage", Rows: []runs.Child{{ID: "r3", Name: hostile, Status: "RUNNING", Stale: true}}},
			Lineage:  runs.Lineage{Data: []runs.DatasetUse{{Dataset: runs.Dataset{Name: hostile, Digest: hostile, Context: hostile, Source: hostile}, Others: 3, OthersShown: "3", OthersPath: "/experiments/1"}}, MoreData: 4, Read: []runs.Link{{Label: hostile, Path: "/logged-models/m0"}}, Made: []runs.Link{{Label: hostile, Path: "/logged-models/m1"}}},
			Source:   "train", SourceURL: "javascript:alert(1)", Commit: "0123456789abcdef",
			Tiles:  []component.TileProps{{Label: hostile, Value: "0.5", Trend: []float64{1, 2, 3}}},
			Charts: []runs.SeriesGroup{{Prefix: "val", Charts: []component.SeriesProps{{ID: "chart-1", Title: hostile, Src: "/series?key=a", Table: "/series?key=a&format=html", CSV: "/series?key=a&format=csv"}}}},
			ChartsTab: runs.ChartsTab{
				Path: "/runs/r1", Query: hostile, Metrics: 30, Found: 1, SystemFound: 12, Controls: component.ChartControlsProps{Action: "/runs/r1"},
				Prefixes: []component.Tab{{Label: hostile, URL: "/runs/r1?tab=charts&q=a/"}}, Pager: component.PagerProps{Shown: "1–18 / 30", Next: "/runs/r1?tab=charts&page=2"},
				Groups: []runs.SeriesGroup{{Prefix: hostile, Charts: []component.SeriesProps{{ID: "chart-1", Title: hostile, Src: "/series?key=a", Table: "/series?format=html", CSV: "/series?format=csv"}}}},
				System: []runs.SeriesGroup{{Charts: []component.SeriesProps{{ID: "chart-2", Title: "system/cpu", Src: "/series?key=b", Table: "/series?format=html", CSV: "/series?format=csv"}}}},
			},
			Metrics:  []runs.Metric{{Key: hostile, Value: "0.5", Step: "1", At: now}},
			Datasets: []runs.Dataset{{Name: hostile, Digest: "ab", Source: hostile}},
			Models:   []runs.Model{{ID: "m1", Name: hostile, Status: "READY", Created: now}},
			Artifacts: runs.Artifacts{
				Entries: []runs.Entry{{Name: hostile, Path: "/runs/r1?tab=artifacts&path=a", Size: "1 kB"}, {Name: "folder", Path: "/runs/r1?tab=artifacts&path=b", Folder: true, Open: true, Entries: []runs.Entry{{Name: hostile, Path: "/runs/r1?tab=artifacts&path=b%2Fc"}, {More: true, Path: "/runs/r1?tab=artifacts&path=b"}}}},
				Next:    "/runs/r1?tab=artifacts&from=z",
				Preview: &runs.Preview{Name: hostile, Kind: runs.PreviewText, Text: hostile, DownloadPath: "/runs/r1/file", Digest: "sha256:ab", Truncated: true},
			},
		}
	}
	withPreview := func(p runs.Preview) templ.Component {
		v := run(runs.TabArtifacts)
		v.Artifacts.Preview = &p
		return runs.Show(v)
	}
	editing := func(tab, what string, change func(*runs.ShowView)) templ.Component {
		v := run(tab)
		v.Edit = what
		change(&v)
		return runs.Show(v)
	}
	refused := runs.Refused{Key: hostile, Value: hostile, Error: hostile}
	return map[string]templ.Component{
		"sign in":        signin.SignIn(signin.View{Next: "/x", UserName: hostile, Error: hostile, TriesLeft: 1}),
		"set up":         signin.Setup(signin.SetupView{AskToken: true, Errors: map[string]string{"name": hostile}}),
		"set up by link": signin.Setup(signin.SetupView{Token: hostile}),
		"not found":      errors.Show(errors.View{Status: 404, RequestID: "r"}),
		"teapot":         errors.Show(errors.View{Status: 418}),
		"account":        account.Show(account.View{UserName: hostile, Roles: []account.Role{{Workspace: "default", Name: "admin"}}, Tokens: []account.Token{{ID: "1", Name: hostile, Created: now}}, NewToken: account.NewToken{Name: hostile, Secret: "s", TrackingURI: "http://x"}, Sessions: []account.Session{{ID: "1", Agent: hostile, Seen: now}}}),
		"environments":   environments.List(environments.ListView{All: []environments.Environment{environmentOf(), {Name: "dev"}}, Known: environments.Known{}, Write: true, Name: hostile, Error: hostile}),
		"no environment": environments.List(environments.ListView{}),
		"environment": environments.Show(environments.View{
			Environment: environmentOf(), Slots: []environments.Slot{{Model: hostile, Path: "/models/x", Version: 1, At: "/models/x/versions/1", Digest: "d", Since: now, By: hostile}, {Model: hostile, Version: 2}},
			More: 3, Updated: now, UpdatedBy: hostile, Changes: []environments.Change{{By: hostile, At: now, Before: hostile, After: "{}", Promotion: 3, Line: "/audit/lines/1"}, {By: hostile, At: now, Act: "protected", Line: "/audit/lines/2"}},
			Open: []promotions.Row{{Number: 4, Kind: slot.Rules, Asset: hostile}, {Number: 5, Kind: slot.Team, Asset: hostile, State: promotion.Completed}}, Write: true, LiftRefused: hostile, Reason: hostile,
		}),
		"open environment": environments.Show(environments.View{Environment: environments.Environment{Name: "dev"}, Write: true, Unused: true, Refused: hostile}),
		"environment form": environments.Edit(environments.EditView{
			Name: "dev", On: "1", Error: hostile, Others: []string{"test"}, Teams: []environments.Named{{ID: "t", Name: hostile}},
			Values: url.Values{"rules": {"2"}, "rule.0.old": {"1"}, "rule.0.people": {hostile}, "rule.0.teams": {"t", "gone"}, "metrics": {"1"}, "cards": {"1"}, "scans": {"1"}, "checkss": {"1"}, "cels": {"1"}, "cel.0.expr": {hostile}, "freezes": {"1"}},
			Errors: map[string]string{"rule.0.count": hostile},
		}),
		"request for rules": promotions.Show(promotions.ShowView{
			Number: 3, Kind: slot.Rules, Model: hostile, Environment: hostile, State: promotion.Approved, CanExecute: true, CanEdit: true, CanDecide: true, Author: hostile, Reason: "x",
			Differences: []promotions.Difference{{Label: hostile, Gone: []string{hostile}, Come: []string{hostile, hostile}}, {Label: "b", Come: []string{"c"}}}, Before: hostile, After: "{}",
			Gates: []promotions.Gate{{ID: "base", Kind: promotion.BaseGate, Verdict: promotion.Failed, Sentence: hostile}, {ID: "reviewers", Kind: promotion.ReviewersGate, Verdict: promotion.Passed}},
			Notes: []promotions.Note{{By: hostile, Kind: "completed"}},
		}),
		"request for a team": promotions.Show(promotions.ShowView{
			Number: 4, Kind: slot.Team, Model: hostile, Environment: hostile, State: promotion.InReview, Differences: []promotions.Difference{{Label: "b", Gone: []string{hostile}}},
			Unmet: []promotion.Unmet{{Key: "gate", Args: []any{"base", domain.Word{Key: "verdict.failed", Text: "failed"}}}},
		}),
		"environment request": environments.Edit(environments.EditView{Name: hostile, Protected: true, Reason: hostile, JSON: true}),
		"environment JSON":    environments.Edit(environments.EditView{Name: "dev", JSON: true, Text: hostile, People: []environments.Named{{ID: "p", Name: hostile}}}),
		"teams":               teams.List(teams.ListView{Teams: []teams.Team{{ID: "t", Name: hostile, Members: []teams.Person{{ID: "p", Name: hostile}}}, {ID: "u", Name: "held", Named: "production", Asked: teams.Asked{Members: []string{"q"}, Reason: hostile, Error: hostile}}}, People: []teams.Person{{ID: "p", Name: hostile}, {ID: "q", Name: hostile}}, Write: true, Name: hostile, Error: hostile}),
		"no teams":            teams.List(teams.ListView{}),
		"users":               users.List(users.ListView{Users: []users.User{{ID: "1", Name: hostile, Role: "admin", Self: true}, {ID: "2", Name: hostile, Role: "viewer", Disabled: true}}, PasswordFor: "2", PasswordErrors: map[string]string{"password": hostile}}),
		"home": home.Show(home.View{
			Period: "7d", Tiles: []component.TileProps{{Label: "Runs", Value: "2", Meta: hostile, MetaTone: component.Danger, Trend: []float64{1, 2}}}, RunningMore: 2,
			Running:     []home.Running{{ID: "r1", Name: hostile, Experiment: hostile, For: "2 h", Stale: true, Written: now}, {ID: "r2", Name: "b"}},
			Recent:      []home.Row{{ID: "r1", Name: hostile, ExperimentID: "1", Experiment: hostile, Status: "RUNNING", Stale: true, Metric: hostile, Result: "1", Outline: []float64{1, 2}, Began: now}, {ID: "r2", Name: "b", Status: "ODD"}},
			Experiments: []home.Experiment{{ID: "1", Name: hostile, Runs: 3, Written: now}},
		}),
		"home/first": home.Show(home.View{Period: "24h", FirstUse: true, TrackingURI: hostile, SignedIn: true}),
		"home/idle":  home.Show(home.View{Period: "24h"}),
		"search": search.Show(search.View{Words: "script", Most: 1, Groups: []search.Group{
			{Kind: "runs", Icon: "activity", More: true, Items: []search.Item{{Name: hostile, Path: "/runs/r1", About: hostile, Status: "RUNNING"}}},
			{Kind: "tags", Icon: "hash", Items: []search.Item{{Name: hostile, Path: "/experiments/1", Count: "3 runs"}}},
			{Kind: "models", Icon: "package"},
		}}),
		"search/one kind": search.Show(search.View{Words: "a", Kind: "runs", Most: 1, Groups: []search.Group{{Kind: "runs", Icon: "activity", More: true, Items: []search.Item{{Name: "a", Path: "/runs/r1"}}}}}),
		"search/nothing":  search.Show(search.View{Words: hostile}),
		"search/begin":    search.Show(search.View{}),
		"api":             api.Show(api.View{Groups: []api.Group{{Name: "slots", About: hostile, Operations: []api.Operation{{ID: "a", Method: "GET", Path: hostile, Summary: hostile, About: hostile, Parameters: []api.Field{{Name: hostile, Kind: "query", About: hostile, Needed: true}}, Curl: hostile}}}}}),
		"jobs": jobs.List(jobs.View{State: "failed", Rows: []jobs.Row{
			{ID: "1", Kind: "sweep", Key: hostile, State: "failed", Attempts: 3, Most: 3, Ordered: now, Over: now, By: hostile, Error: hostile}, {ID: "2", Kind: "scan", State: "queued", Next: now},
		}}),
		"audit": audit.List(audit.View{
			Filter: audit.Filter{Chain: audit.ServerChain, Actor: hostile, Action: "run.delete", Object: hostile, From: hostile}, Actions: []string{"run.delete"}, Server: true, Problem: hostile,
			Rows: []audit.Row{{Seq: 9, At: now, Actor: hostile, Action: "user.write", Told: []audit.Told{
				{Kind: "version.revoked", Subject: "v", Name: hostile, Path: "/models/x", Data: map[string]any{"reason": hostile, "version": "1"}}, {Kind: hostile, Subject: hostile}, {Kind: "run.deleted", Subject: "r"}, {Kind: "run.deleted", Subject: "q"},
			}}},
			Pager: component.PagerProps{Shown: "1 line", Next: "/audit?token=x"}, Verdict: &audit.Verdict{Lines: 8, Seq: 9, Reason: "edited"},
		}),
		"audit/none":  audit.List(audit.View{Filter: audit.Filter{Actor: "a"}}),
		"audit/empty": audit.List(audit.View{Verdict: &audit.Verdict{Lines: 1, Since: now, Until: now, Hash: "ab"}}),
		"audit/line": audit.Details(audit.Line{
			Row:     audit.Row{Seq: 9, At: now, Actor: hostile, Action: "user.write", Told: []audit.Told{{Kind: "user.created", Subject: "u", Name: hostile, Data: map[string]any{"name": hostile}}}},
			ActorID: "u", Objects: []string{hostile}, Facts: hostile, Address: hostile, Hash: "ab", Earlier: true, Later: true,
		}),
		"jobs/empty": jobs.List(jobs.View{}),
		"trash": trash.List(trash.View{
			CanRestore: true, CanPurge: true, Purging: true, Counts: map[string]int64{"run": 2, "model": 1},
			Rows: []trash.Row{
				{Kind: "run", ID: "r1", Name: hostile, Path: "/runs/r1", Within: hostile, By: hostile, Deleted: now, Size: trash.Size{Runs: 2, Points: 30, Params: 1, Files: 1, Bytes: 1000, About: true, Over: true}},
				{Kind: "model", ID: "m1", Name: hostile, Purging: true},
				{Kind: "experiment", ID: "0", Name: "Default", Stays: true},
			},
			Confirm: &trash.Confirm{Items: []string{"run:r1"}, Names: []string{hostile}, More: 3, Word: true, Error: hostile},
		}),
		"trash/empty":     trash.List(trash.View{Kind: "run"}),
		"trash/all":       trash.List(trash.View{CanPurge: true, Counts: map[string]int64{"run": 2}, Confirm: &trash.Confirm{All: true, Word: true}}),
		"style guide":     styleguide.Show("dark"),
		"experiments":     experiments.List(experiments.ListView{Query: "a", View: "all", CanWrite: true, CanDelete: true, Rows: []experiments.Row{{ID: "1", Name: hostile, Tags: tags, CreatedBy: hostile}, {ID: "2", Name: "b", Deleted: true}}, Pager: component.PagerProps{Shown: experiments.Shown(ctx, 2, 9), First: "/experiments", Next: "/experiments?token=x", Part: "#experiments"}, Form: experiments.Form{Errors: map[string]string{"name": hostile}}}),
		"experiments/new": experiments.List(experiments.ListView{FirstUse: true, TrackingURI: hostile, CanWrite: true}),
		"experiments/bad": experiments.List(experiments.ListView{Query: "a >> b", Problem: problem, View: "active"}),
		"runs":            runs.List(runs.ListView{Experiment: experiment, State: runs.State{Experiment: "1", Order: "metrics.`a b` DESC", Tree: true, User: hostile, Statuses: []string{"RUNNING"}, Since: "7d", Saved: "v", Limit: 40, View: "all"}, CanWrite: true, CanDelete: true, Views: []runs.SavedView{{ID: "v", Name: hostile, URL: "/experiments/1", Mine: true, Current: true}}, Keys: []string{hostile}, Users: []string{hostile}, Columns: []runs.Column{{ID: "metrics.a b", Curve: true}, {ID: "params." + hostile}}, Rows: []runs.Row{{ID: "r1", Name: hostile, Status: "RUNNING", Start: now, User: hostile, Best: true, Children: 2, Trend: []float64{1, 2}, Cells: []component.Cell{{Text: "1", Number: true}, {Text: hostile}}}, {ID: "r2", Name: "b", Status: "ODD", Deleted: true, Depth: 1, Cells: []component.Cell{{}, {}}}}, Pager: component.PagerProps{Shown: runs.Shown(ctx, 2), Next: "/experiments/1?token=x", Part: "#runs"}}),
		"runs/new":        runs.List(runs.ListView{Experiment: experiment, FirstUse: true}),
		"runs/none":       runs.List(runs.ListView{Experiment: experiment, State: runs.State{Experiment: "1", Filter: "x", View: "deleted"}}),
		"runs/bad":        runs.List(runs.ListView{Experiment: experiment, State: runs.State{Experiment: "1", Filter: "a >> b"}, Problem: problem}),
		"runs/groups":     runs.List(runs.ListView{Experiment: experiment, State: runs.State{Experiment: "1", Group: "params." + hostile}, Columns: []runs.Column{{ID: "metrics." + hostile}}, Groups: []runs.GroupRow{{Value: hostile, Cells: []component.Cell{{Text: "1"}}}, {Missing: true, Cells: []component.Cell{{}}}}}),
		"runs/columns":    runs.Columns(runs.ColumnsView{State: runs.State{Experiment: "1"}, Name: hostile, Query: hostile, Shown: []string{"metrics." + hostile}, Found: []runs.ColumnKind{{Label: "Tags", Keys: []string{"tags." + hostile}}}, More: true}),
		"compare":         compare.Show(comparison(ctx, compare.ViewCurves)),
		"compare/plot":    compare.Show(comparison(ctx, compare.ViewParallel)),
		"compare/images":  compare.Show(comparison(ctx, compare.ViewImages)),
		"compare/none":    compare.Show(compare.View{Missing: 2}),
		"series":          series.Show(series.View{Key: hostile, Several: true, Axis: "step", Runs: []series.Run{{Name: hostile, Letter: "A", Path: "/runs/r1"}}, Rows: []series.Row{{X: "1", At: now, Values: []component.Cell{{Text: "0.5"}}}}, CSV: "/series?format=csv"}),
		"series/groups":   series.Show(series.View{Key: hostile, Grouped: true, Axis: "time", Rows: []series.Row{{Group: hostile, At: now, N: "2", Values: []component.Cell{{Text: "0.5"}, {}, {}}}}}),
		"series/none":     series.Show(series.View{Key: hostile}),
		"run":             runs.Show(run("")),
		"run/charts":      runs.Show(run(runs.TabCharts)),
		"run/parameters":  runs.Show(run(runs.TabParameters)),
		"run/artifacts":   runs.Show(run(runs.TabArtifacts)),
		"run/table":       withPreview(runs.Preview{Name: "table", Kind: runs.PreviewTable, Columns: []string{hostile}, Rows: [][]string{{hostile}}}),
		"run/image":       withPreview(runs.Preview{Name: "image", Kind: runs.PreviewImage, ImagePath: "/runs/r1/file"}),
		"run/unknown":     withPreview(runs.Preview{Name: "other", Kind: runs.PreviewNone}),
		"run/markdown":    withPreview(runs.Preview{Name: "notes", Kind: runs.PreviewMarkdown, Text: hostile + "\n\n[x](javascript:alert(1)) ![x](data:x)", RenderedPath: "/runs/r1?tab=artifacts", SourcePath: "/runs/r1?tab=artifacts&view=source"}),
		"run/frame":       withPreview(runs.Preview{Name: hostile, Kind: runs.PreviewFrame, FramePath: "/runs/r1/frame"}),
		"run/lost":        withPreview(runs.Preview{Name: hostile, Kind: runs.PreviewNone, Problem: hostile}),
		"run/void":        withPreview(runs.Preview{Name: hostile, Kind: runs.PreviewNone, Empty: true}),
		"run/folder": editing(runs.TabArtifacts, "", func(v *runs.ShowView) {
			v.Artifacts.Preview, v.Artifacts.Folder = nil, &runs.Folder{Name: hostile, Files: 2, Shown: "2", Size: "1 kB", ArchivePath: "/runs/r1/archive"}
		}),
		"run/no such file": editing(runs.TabArtifacts, "", func(v *runs.ShowView) {
			v.Artifacts.Preview, v.Artifacts.Missing, v.Artifacts.MissingName = nil, true, hostile
		}),
		"run/models":         runs.Show(run(runs.TabModels)),
		"run/lineage":        runs.Show(run(runs.TabLineage)),
		"run/no lineage":     runs.Show(runs.ShowView{ID: "r1", Tab: runs.TabLineage}),
		"run/notes":          runs.Show(run(runs.TabNotes)),
		"run/note":           editing(runs.TabNotes, runs.EditNote, func(*runs.ShowView) {}),
		"run/note looked at": editing(runs.TabNotes, runs.EditNote, func(v *runs.ShowView) { v.Note.Preview, v.Note.Draft = true, hostile }),
		"run/note changed":   editing(runs.TabNotes, runs.EditNote, func(v *runs.ShowView) { v.Note.Changed, v.Note.Draft = true, hostile }),
		"run/note refused":   editing(runs.TabNotes, runs.EditNote, func(v *runs.ShowView) { v.Note.Error, v.Note.Draft = hostile, hostile }),
		"run/name":           editing("", runs.EditName, func(v *runs.ShowView) { v.Refused = refused }),
		"run/tag":            editing(runs.TabParameters, runs.EditTag+"team", func(v *runs.ShowView) { v.Refused = refused }),
		"run/new tag":        editing("", runs.EditTagNew, func(v *runs.ShowView) { v.Refused = refused }),
		"run/no other":       editing(runs.TabParameters, "", func(v *runs.ShowView) { v.Values.Difference.Missing = true }),
		"run/no values":      runs.Show(runs.ShowView{ID: "r1", Tab: runs.TabParameters}),
		"run/empty":          runs.Show(runs.ShowView{ID: "r1", Deleted: true, CanDelete: true}),
		"run/no files":       runs.Show(runs.ShowView{ID: "r1", Tab: runs.TabArtifacts}),
		"model":              models.Show(models.ShowView{ID: "m1", Name: hostile, Status: "UPLOAD_FAILED", StatusMessage: hostile, Run: models.Link{Label: hostile, Path: "/runs/r1"}, Params: tags, Tags: tags, Metrics: []models.Metric{{Key: hostile, Value: "1"}}, Files: []models.File{{Name: hostile, Path: "/x"}}, LoadSnippet: hostile}),
	}
}

var (
	idAttribute = regexp.MustCompile(` id="([^"]*)"`)
	reference   = regexp.MustCompile(` (?:for|aria-labelledby|aria-describedby|commandfor|popovertarget)="([^"]*)"`)
	inline      = regexp.MustCompile(`<[^>]* (?:style|on[a-z]+)="`)
	localLink   = regexp.MustCompile(` (?:href|src|action|hx-get)="(/[^"]*)"`)
	postForm    = regexp.MustCompile(`<form[^>]*method="post"[^>]*>`)
	bareKey     = regexp.MustCompile(`>\s*[a-z_]+(\.[a-z_0-9]+)+\s*<`)
)

// environmentOf is an environment whose rules ask for everything that rules can ask for.
func environmentOf() environments.Environment {
	limit := 0.5
	return environments.Environment{
		Name: "production", Protected: true, Live: 2, Freeze: hostile, Until: now,
		Policy: promotion.Policy{
			Gates: []promotion.Gate{
				{ID: "m", Kind: promotion.MetricGate, Metric: hostile, Op: "<=", LiveMargin: &limit, Dataset: hostile, TTL: 90_000},
				{ID: "n", Kind: promotion.MetricGate, Metric: "auc", Op: ">=", Limit: &limit},
				{ID: "c", Kind: promotion.CardGate},
				{ID: "d", Kind: promotion.CardGate, Sections: []string{"data"}, Licences: []string{"MIT"}},
				{ID: "s", Kind: promotion.ScanGate, Worst: "clean"},
				{ID: "k", Kind: promotion.ChecksGate, Checks: []string{hostile}},
				{ID: "e", Kind: promotion.CELGate, Expr: hostile},
			},
			Rules:    []promotion.Rule{{Name: hostile, Count: 1, From: promotion.Eligible{Roles: []access.Role{access.Admin}, Teams: []string{"t"}, Users: []string{"u"}}, Apart: []promotion.Connected{promotion.Trainer}}},
			Requires: []string{"staging"}, Soak: 3_600_000, TTL: 86_400_000, DataClass: "restricted", FinalReject: true, Supersede: true, AutoExecute: true, BreakGlass: true, DebtHours: 1, NeverWaived: []string{"m"},
			Freezes: []promotion.Freeze{{Name: hostile, From: "2026-12-20T00:00", Until: "2026-12-21T00:00", Zone: "UTC"}, {Name: "b", Start: "2026-12-20T00:00", Rule: "FREQ=DAILY", Long: 60_000, Zone: "UTC"}},
		},
	}
}

func TestPages(t *testing.T) {
	for _, lang := range i18n.Languages {
		for _, inside := range []bool{true, false} {
			ctx := layout.With(context.Background(), layout.Shell{
				Lang: lang, Base: "/ml", UserName: hostile, SignedIn: inside, LocalMode: !inside, Admin: true,
				Workspace: "default", Path: "/x?" + hostile, Now: now, Flash: layout.Flash{Tone: component.OK, Text: hostile},
			})
			for name, page := range pages(ctx) {
				t.Run(fmt.Sprintf("%s/%v/%s", lang, inside, name), func(t *testing.T) {
					var b strings.Builder
					if err := page.Render(ctx, &b); err != nil {
						t.Fatal(err)
					}
					check(t, b.String())
				})
			}
		}
	}
}

func check(t *testing.T, html string) {
	t.Helper()
	if strings.Contains(html, "<script>alert") || strings.Contains(html, "javascript:") {
		t.Error("a name became code")
	}
	if m := inline.FindString(html); m != "" {
		t.Errorf("the policy forbids %s", m)
	}
	if n := strings.Count(html, "<h1"); n != 1 {
		t.Errorf("%d headings of the first level", n)
	}
	if m := bareKey.FindString(html); m != "" {
		t.Errorf("a key is shown instead of its text: %s", m)
	}
	ids := map[string]bool{}
	for _, m := range idAttribute.FindAllStringSubmatch(html, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range reference.FindAllStringSubmatch(html, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !ids[id] {
				t.Errorf("%s names an element that is not there", m[0])
			}
		}
	}
	for _, m := range localLink.FindAllStringSubmatch(html, -1) {
		if !strings.HasPrefix(m[1], "/ml/") {
			t.Errorf("%s leaves the path prefix", m[1])
		}
	}
	for _, form := range postForm.FindAllString(html, -1) {
		if !strings.Contains(form, `hx-boost="false"`) && !strings.Contains(html, "data-signed-out") {
			t.Errorf("a form is boosted: %s", form)
		}
	}
}
