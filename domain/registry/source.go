package registry

import (
	"context"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// source is what a version is made from, once the address that the client gave has been understood.
type source struct {
	text     string // as it is kept
	standing Standing
	location string // where the bytes are now
	run      *tracking.Run
	logged   *tracking.LoggedModel
	copied   *Version // the version that this one is a copy of
}

// The sources that clients give to versions of prompts, which have no files.
var promptSources = map[string]bool{"dummy-source": true, "prompt-template": true}

// badSource refuses a source; key names the reason, why is the sentence for clients.
func badSource(key, text, why string) error {
	return domain.Fail(domain.Invalid, "registry.source_"+key, "Invalid model version source: '%s'. "+why, domain.Short(strings.ToValidUTF8(text, "?")))
}

// resolve understands the source of v. It allows what lies inside the run or logged model that the request names, other
// versions, and outside stores; a tag switches none of this off.
func resolve(ctx context.Context, tx Tx, g access.Grant, m Model, v Version) (s source, err error) {
	s.text = v.Source
	if long(v.Source, maxSource) {
		return s, badSource("long", v.Source, "It has more than "+strconv.Itoa(maxSource)+" characters.")
	}
	if strings.IndexFunc(v.Source, unicode.IsControl) >= 0 || !utf8.ValidString(v.Source) {
		return s, badSource("characters", v.Source, "It has characters that no address has.")
	}
	for _, p := range []struct{ name, value string }{{"run_id", v.RunID}, {"run_link", v.RunLink}} {
		if long(p.value, maxLink) {
			return s, domain.Fail(domain.Invalid, "registry.link_long", "the %s has more than %d characters", p.name, maxLink)
		}
	}
	if m.Prompt {
		if !promptSources[v.Source] {
			return s, badSource("prompt", v.Source, "A version of a prompt has the source dummy-source or prompt-template.")
		}
		s.standing = Text
		return s, nil
	}
	scheme, rest, _ := strings.Cut(v.Source, ":")
	switch scheme {
	case "runs":
		return fromRun(ctx, tx, m, v, rest)
	case "models":
		if id := strings.Trim(rest, "/"); strings.HasPrefix(id, "m-") && !strings.ContainsAny(id, "/@") {
			return fromLoggedModel(ctx, tx, m, v, id)
		}
		return fromVersion(ctx, tx, g, v, strings.Trim(rest, "/"))
	case "mlflow-artifacts":
		return fromStore(ctx, tx, m, v)
	}
	if !tracking.OutsideStore(v.Source) {
		return s, badSource("scheme", v.Source, "Use runs:/<run id>/<path>, models:/<model id>, models:/<name>/<version>, a path in this server's store that lies inside the run or model named in the request, or an s3, gs, abfss or https address.")
	}
	s.standing, s.location = External, v.Source
	if v.LoggedModelID != "" {
		logged, err := ofLoggedModel(ctx, tx, m, v, v.LoggedModelID)
		if err != nil {
			return s, err
		}
		s.logged, s.run = logged.logged, logged.run
	}
	if v.RunID != "" { // it may be a run of another server
		if run, err := runOf(ctx, tx, m.Workspace, v.RunID); err == nil {
			s.run = &run
		} else if domain.KindOf(err) != domain.NotFound {
			return s, err
		}
	}
	return s, nil
}

func runOf(ctx context.Context, tx Tx, workspace, id string) (tracking.Run, error) {
	r, err := tx.FullRun(ctx, id)
	if domain.KindOf(err) == domain.NotFound || err == nil && r.Workspace != workspace {
		return r, domain.Fail(domain.NotFound, "run.not_found", "Run with id=%s not found", domain.Short(id))
	}
	if err == nil && r.Deleted() {
		return r, domain.Fail(domain.Invalid, "registry.run_deleted", "the run %s is in the trash: restore it before you register from it", r.ID)
	}
	return r, err
}

// fromRun reads runs:/<run id>/<path>.
func fromRun(ctx context.Context, tx Tx, m Model, v Version, rest string) (source, error) {
	id, at, _ := strings.Cut(strings.Trim(rest, "/"), "/")
	if v.RunID != "" && v.RunID != id {
		return source{}, badSource("owner", v.Source, "The run_id request parameter must identify the resource that contains the source.")
	}
	run, err := runOf(ctx, tx, m.Workspace, id)
	if err != nil {
		return source{}, err
	}
	s := source{text: v.Source, run: &run, location: run.ArtifactURI}
	if at = strings.Trim(at, "/"); at != "" {
		if at, err = tracking.CleanArtifactPath(at); err != nil {
			return s, badSource("path", v.Source, "The path in it is not a plain relative path.")
		}
		s.location += "/" + at
	}
	return s.placed(), nil
}

// fromLoggedModel reads models:/m-….
func fromLoggedModel(ctx context.Context, tx Tx, m Model, v Version, id string) (source, error) {
	if v.LoggedModelID != "" && v.LoggedModelID != id {
		return source{}, badSource("owner", v.Source, "The model_id request parameter must identify the resource that contains the source.")
	}
	return ofLoggedModel(ctx, tx, m, v, id)
}

func ofLoggedModel(ctx context.Context, tx Tx, m Model, v Version, id string) (s source, err error) {
	s.text = v.Source
	logged, err := tx.LoggedModel(ctx, id)
	switch {
	case domain.KindOf(err) == domain.NotFound, err == nil && (logged.Deleted() || logged.Workspace != m.Workspace):
		return s, domain.Fail(domain.NotFound, "model.not_found", "Logged model with ID '%s' not found.", domain.Short(id))
	case err != nil:
		return s, err
	case logged.Status != tracking.ModelReady:
		return s, domain.Fail(domain.Invalid, "registry.unfinished", "the upload of the logged model %s has not ended (%s): finish it before you register it", logged.ID, logged.Status)
	}
	s.logged, s.location = &logged, logged.ArtifactURI
	if logged.SourceRunID != "" {
		run, err := tx.FullRun(ctx, logged.SourceRunID)
		if err == nil {
			s.run = &run
		} else if domain.KindOf(err) != domain.NotFound {
			return s, err
		}
	}
	return s.placed(), nil
}

// fromVersion reads models:/<name>/<version> (a copy), models:/<name>/latest, models:/<name>/<stage> and
// models:/<name>@<alias>.
func fromVersion(ctx context.Context, tx Tx, g access.Grant, v Version, rest string) (s source, err error) {
	name, which, byNumber := strings.Cut(rest, "/") // names have no slashes, but they may have an @
	alias := ""
	if !byNumber {
		at := strings.LastIndexByte(rest, '@')
		if at < 0 {
			return s, badSource("name", v.Source, "A model is named as models:/<name>/<version>, models:/<name>@<alias> or models:/<model id>.")
		}
		name, alias = rest[:at], rest[at+1:]
	}
	var from Version
	switch number, isNumber := ParseNumber(which); {
	case !byNumber:
		from, err = VersionByAlias(ctx, tx, g, access.ModelWrite, name, alias)
	case isNumber:
		_, from, err = version(ctx, tx, g, access.ModelWrite, name, number)
	default:
		from, err = latest(ctx, tx, g, access.ModelWrite, name, which)
	}
	if err != nil {
		return s, err
	}
	if from.Standing == Text {
		return s, badSource("text", v.Source, "It names a version of a prompt, which has no files.")
	}
	return source{
		text: "models:/" + from.Model + "/" + strconv.FormatInt(from.Number, 10), standing: from.Standing, location: from.Location, copied: &from,
	}, nil
}

// fromStore reads mlflow-artifacts:/<path>, which must lie inside the run or logged model that the request names.
func fromStore(ctx context.Context, tx Tx, m Model, v Version) (source, error) {
	at, _ := tracking.StorePath(v.Source)
	clean, err := tracking.CleanArtifactPath(at)
	if err != nil || "mlflow-artifacts:/"+clean != strings.TrimRight(v.Source, "/") {
		return source{}, badSource("path", v.Source, "An absolute path without relative references must be provided, as in mlflow-artifacts:/<path>.")
	}
	inside := func(root string) bool {
		return root != "" && (v.Source == root || strings.HasPrefix(v.Source, root+"/"))
	}
	if v.LoggedModelID != "" {
		s, err := ofLoggedModel(ctx, tx, m, v, v.LoggedModelID)
		if err != nil {
			return s, err
		}
		if inside(s.logged.ArtifactURI) {
			s.location = strings.TrimRight(v.Source, "/")
			return s.placed(), nil
		}
	}
	if v.RunID != "" {
		run, err := runOf(ctx, tx, m.Workspace, v.RunID)
		if err != nil {
			return source{}, err
		}
		if inside(run.ArtifactURI) {
			return source{text: v.Source, run: &run, location: strings.TrimRight(v.Source, "/")}.placed(), nil
		}
	}
	return source{}, badSource("owner", v.Source, "The run_id or model_id request parameter must identify the resource that contains the source.")
}

// placed says whether the bytes of s are ours to hold.
func (s source) placed() source {
	s.standing = External
	if _, ours := tracking.StorePath(s.location); ours {
		s.standing = Pinned
	}
	return s
}

// ParseNumber reads a version number as clients write it.
func ParseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}
