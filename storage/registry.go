package storage

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
)

const modelCols = `m.id, m.workspace_id, m.name, m.description, m.last_version, m.created_at, m.updated_at, m.deleted_at, m.created_by,
	EXISTS (SELECT 1 FROM registered_model_tags p WHERE p.model_id = m.id AND p.key = '` + registry.PromptTag + `' AND p.value = 'true')`

func modelFields(m *registry.Model) []any {
	return []any{&m.ID, &m.Workspace, &m.Name, &m.Description, &m.Last, &m.CreatedAt, &m.UpdatedAt, &m.DeletedAt, &m.CreatedBy, &m.Prompt}
}

func scanModel(row scanner) (m registry.Model, err error) { return m, row(modelFields(&m)...) }

// versionCols go with versionFrom. The manifest is not among them: it may be long.
const (
	versionCols = `v.id, v.model_id, v.workspace_id, m.name, v.version, v.source, v.location, v.run_id, v.logged_model_id, v.run_link, v.description, v.stage,
	v.standing, v.digest, v.files, v.size, v.verified_at, v.broken, v.revoked_at, v.revoked_by, v.revoke_reason, v.created_at, v.updated_at, v.deleted_at, v.created_by`
	versionFrom = `registered_models m JOIN model_versions v ON v.model_id = m.id`
)

func versionFields(v *registry.Version) []any {
	return []any{
		&v.ID, &v.ModelID, &v.Workspace, &v.Model, &v.Number, &v.Source, &v.Location, &v.RunID, &v.LoggedModelID, &v.RunLink, &v.Description, &v.Stage,
		&v.Standing, &v.Digest, &v.Files, &v.Size, &v.VerifiedAt, &v.Broken, &v.RevokedAt, &v.RevokedBy, &v.RevokeReason, &v.CreatedAt, &v.UpdatedAt, &v.DeletedAt, &v.CreatedBy,
	}
}

func scanVersion(row scanner) (v registry.Version, err error) { return v, row(versionFields(&v)...) }

// ModelNamed finds a model that is not in the trash. A transaction that writes holds the model until its end: it counts the
// versions up and writes the whole row back.
func (t *Tx) ModelNamed(ctx context.Context, workspace, name string) (registry.Model, error) {
	return one(ctx, t, scanModel, `SELECT `+modelCols+` FROM registered_models m WHERE m.workspace_id = $1 AND m.name = $2 AND m.deleted_at = 0`+t.held("m"), workspace, name)
}

// ModelByID finds a model, in the trash or not, and holds it as ModelNamed does.
func (t *Tx) ModelByID(ctx context.Context, id string) (registry.Model, error) {
	return one(ctx, t, scanModel, `SELECT `+modelCols+` FROM registered_models m WHERE m.id = $1`+t.held("m"), id)
}

// AddModel writes a new model.
func (t *Tx) AddModel(ctx context.Context, m registry.Model) error {
	return t.exec(ctx, `
		INSERT INTO registered_models (id, workspace_id, name, description, last_version, created_at, updated_at, deleted_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		m.ID, m.Workspace, m.Name, m.Description, m.Last, m.CreatedAt, m.UpdatedAt, m.DeletedAt, m.CreatedBy)
}

// SaveModel writes what may change of a model.
func (t *Tx) SaveModel(ctx context.Context, m registry.Model) error {
	return must(t.changed(ctx, `
		UPDATE registered_models SET name = $2, description = $3, last_version = $4, updated_at = $5, deleted_at = $6 WHERE id = $1`,
		m.ID, m.Name, m.Description, m.Last, m.UpdatedAt, m.DeletedAt))
}

// SetModelTags writes or overwrites tags of a model.
func (t *Tx) SetModelTags(ctx context.Context, model string, tags []tracking.Tag) error {
	for _, tag := range tags {
		if err := t.exec(ctx, `
			INSERT INTO registered_model_tags (model_id, key, value) VALUES ($1, $2, $3)
			ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`, model, tag.Key, tag.Value); err != nil {
			return err
		}
	}
	return nil
}

// DeleteModelTag forgets a tag of a model, there or not.
func (t *Tx) DeleteModelTag(ctx context.Context, model, key string) error {
	return t.exec(ctx, `DELETE FROM registered_model_tags WHERE model_id = $1 AND key = $2`, model, key)
}

// DeleteVersionsOf moves the active versions of a model to the trash.
func (t *Tx) DeleteVersionsOf(ctx context.Context, model string, at int64) error {
	return t.exec(ctx, `UPDATE model_versions SET deleted_at = $2 WHERE model_id = $1 AND deleted_at = 0`, model, at)
}

// RestoreVersionsOf takes out of the trash what went there at an instant.
func (t *Tx) RestoreVersionsOf(ctx context.Context, model string, deletedAt int64) error {
	return t.exec(ctx, `UPDATE model_versions SET deleted_at = 0 WHERE model_id = $1 AND deleted_at = $2`, model, deletedAt)
}

// FillModels adds the tags and aliases of some models, and the highest version in each stage.
func (t *Tx) FillModels(ctx context.Context, ms []registry.Model) error {
	if len(ms) == 0 {
		return nil
	}
	at, ids := map[string]*registry.Model{}, make([]string, len(ms))
	for i := range ms {
		at[ms[i].ID], ids[i] = &ms[i], ms[i].ID
	}
	text := textList(ids)
	if err := t.each(ctx, scanTags(func(id string, tag tracking.Tag) {
		at[id].Tags = append(at[id].Tags, tag)
	}), `SELECT model_id, key, value FROM registered_model_tags WHERE `+t.db.InKeys("model_id", "$1")+` ORDER BY model_id, key`, text); err != nil {
		return err
	}
	if err := t.each(ctx, func(row scanner) error {
		var id string
		var a registry.Alias
		err := row(&id, &a.Name, &a.Version)
		at[id].Aliases = append(at[id].Aliases, a)
		return err
	}, `SELECT model_id, alias, version FROM model_aliases WHERE `+t.db.InKeys("model_id", "$1")+` ORDER BY model_id, alias`, text); err != nil {
		return err
	}
	// One step into the index for each model and stage, however many versions there are: CROSS JOIN keeps SQLite to the order.
	latest, err := list(ctx, t, scanVersion, `
		SELECT `+versionCols+` FROM registered_models m
		 CROSS JOIN (SELECT 'None' AS stage UNION ALL SELECT 'Staging' UNION ALL SELECT 'Production' UNION ALL SELECT 'Archived') s
		 CROSS JOIN model_versions v
		 WHERE `+t.db.InKeys("m.id", "$1")+` AND v.model_id = m.id AND v.version = (
		       SELECT x.version FROM model_versions x WHERE x.model_id = m.id AND x.stage = s.stage AND x.deleted_at = 0 ORDER BY x.version DESC LIMIT 1)
		 ORDER BY v.version DESC`, text)
	if err != nil {
		return err
	}
	if err := t.fillVersions(ctx, latest); err != nil {
		return err
	}
	for _, v := range latest {
		at[v.ModelID].Latest = append(at[v.ModelID].Latest, v)
	}
	return nil
}

// fillVersions adds the tags and aliases of some versions.
func (t *Tx) fillVersions(ctx context.Context, vs []registry.Version) error {
	if len(vs) == 0 {
		return nil
	}
	at, ids := map[string]*registry.Version{}, make([]string, len(vs))
	for i := range vs {
		at[vs[i].ID], ids[i] = &vs[i], vs[i].ID
	}
	text := textList(ids)
	if err := t.each(ctx, scanTags(func(id string, tag tracking.Tag) {
		at[id].Tags = append(at[id].Tags, tag)
	}), `SELECT v.id, x.key, x.value FROM model_versions v JOIN model_version_tags x ON x.model_id = v.model_id AND x.version = v.version
	     WHERE `+t.db.InKeys("v.id", "$1")+` ORDER BY v.id, x.key`, text); err != nil {
		return err
	}
	return t.each(ctx, func(row scanner) error {
		var id, alias string
		err := row(&id, &alias)
		at[id].Aliases = append(at[id].Aliases, alias)
		return err
	}, `SELECT v.id, x.alias FROM model_versions v JOIN model_aliases x ON x.model_id = v.model_id AND x.version = v.version
	     WHERE `+t.db.InKeys("v.id", "$1")+` ORDER BY v.id, x.alias`, text)
}

// tagged is labelled for the registry, where a model or version without the tag of prompts is one that is no prompt.
func (w *where) tagged(table, on string, c search.Clause) string {
	has := "EXISTS (SELECT 1 FROM " + table + " x WHERE " + on + " AND x.key = " + w.arg(c.Key)
	switch {
	case c.Op == search.IsNull:
		return "NOT " + has + ")"
	case c.Op == search.NotNull:
		return has + ")"
	case c.Key == registry.PromptTag && (c.Op == search.Ne && c.Str == "true" || c.Op == search.Eq && c.Str == "false"):
		return "NOT " + has + " AND x.value = 'true')"
	}
	return has + " AND " + w.text("x.value", c) + ")"
}

// names reports whether a filter speaks of a tag.
func names(e search.Expr, tag string) bool {
	parts := func(all []search.Expr) bool {
		for _, p := range all {
			if names(p, tag) {
				return true
			}
		}
		return false
	}
	switch e := e.(type) {
	case search.And:
		return parts(e)
	case search.Or:
		return parts(e)
	case search.Not:
		return names(e.X, tag)
	case search.Clause:
		return e.Entity == search.Tag && e.Key == tag
	}
	return false
}

// broad reports whether a filter leaves the choice of an index to the order: tags have none that would narrow a search.
func broad(e search.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case search.And:
		return !slices.ContainsFunc(e, func(p search.Expr) bool { return !broad(p) })
	case search.Clause:
		return e.Entity == search.Tag
	}
	return false
}

// registryPage builds a search of the registry, whose workspace is the first argument, from its columns and its table of
// tags.
func (t *Tx) registryPage(q tracking.Query, p page, columns map[string]string, tags, on string) page {
	clause := func(c search.Clause) string {
		switch {
		case c.Entity == search.Tag:
			return p.where.tagged(tags, on, c)
		case c.Key == "name" && c.Op == search.Eq: // by its id too, so that the versions of one model are met in their own order
			name := p.where.arg(c.Str)
			return "m.name = " + name + " AND m.id = COALESCE((SELECT id FROM registered_models WHERE workspace_id = $1 AND name = " + name + " AND deleted_at = 0), '')"
		case c.Numeric:
			return p.where.number(columns[c.Key], c)
		default:
			return p.where.text(columns[c.Key], c)
		}
	}
	if q.Filter != nil {
		p.where.and(p.where.expr(q.Filter, clause))
	}
	if !names(q.Filter, registry.PromptTag) {
		p.where.and(clause(search.Clause{Entity: search.Tag, Key: registry.PromptTag, Op: search.Ne, Str: "true"}))
	}
	for _, o := range q.Order {
		p.terms = append(p.terms, term{value: columns[o.Key], desc: o.Desc})
	}
	return p
}

// Models answers a search for registered models, with their lists.
func (t *Tx) Models(ctx context.Context, q tracking.Query) (out tracking.Page[registry.Model], err error) {
	w := &where{db: t.db}
	w.and("m.workspace_id = " + w.arg(q.Workspace))
	w.and("m.deleted_at = 0")
	p := t.registryPage(q, page{cols: modelCols, from: "registered_models m", where: w, mark: questionMark("models", q)},
		map[string]string{"name": "m.name", "creation_timestamp": "m.created_at", "last_updated_timestamp": "m.updated_at"},
		"registered_model_tags", "x.model_id = m.id")
	p.terms = append(p.terms, term{value: "m.name"})
	after, err := placeOf(q, p.mark, len(p.columns()))
	if err != nil {
		return out, err
	}
	rows, err := find(ctx, t, p, after, q.Limit+1, func(m *registry.Model) ([]any, func()) { return modelFields(m), func() {} })
	if err != nil {
		return out, err
	}
	out = paged(rows, q.Limit, p.mark)
	return out, t.FillModels(ctx, out.Items)
}

// Versions answers a search for versions, with their lists.
func (t *Tx) Versions(ctx context.Context, q tracking.Query) (out tracking.Page[registry.Version], err error) {
	w := &where{db: t.db}
	w.and("m.workspace_id = " + w.arg(q.Workspace))
	w.and("v.workspace_id = $1 AND m.deleted_at = 0 AND v.deleted_at = 0 AND v.model_id = m.id")
	from := "registered_models m JOIN model_versions v ON TRUE"
	if broad(q.Filter) { // CROSS JOIN tells SQLite, which counts nothing, whose index has the order
		from = "model_versions v CROSS JOIN registered_models m"
		if len(q.Order) > 0 && q.Order[0].Key == "name" {
			from = "registered_models m CROSS JOIN model_versions v"
		}
	}
	p := t.registryPage(q, page{cols: versionCols, from: from, where: w, mark: questionMark("versions", q)},
		map[string]string{
			"name": "m.name", "run_id": "v.run_id", "source_path": "v.source", "version_number": "v.version",
			"creation_timestamp": "v.created_at", "last_updated_timestamp": "v.updated_at",
		},
		"model_version_tags", "x.model_id = v.model_id AND x.version = v.version")
	p.terms = append(p.terms, term{value: "m.name"}, term{value: "v.version", desc: true})
	after, err := placeOf(q, p.mark, len(p.columns()))
	if err != nil {
		return out, err
	}
	rows, err := find(ctx, t, p, after, q.Limit+1, func(v *registry.Version) ([]any, func()) { return versionFields(v), func() {} })
	if err != nil {
		return out, err
	}
	out = paged(rows, q.Limit, p.mark)
	return out, t.fillVersions(ctx, out.Items)
}

// Version finds a version, in the trash or not, with tags, aliases and manifest.
func (t *Tx) Version(ctx context.Context, model string, number int64) (registry.Version, error) {
	return t.version(ctx, `v.model_id = $1 AND v.version = $2`, model, number)
}

// VersionByID is Version by the version's own id.
func (t *Tx) VersionByID(ctx context.Context, id string) (registry.Version, error) {
	return t.version(ctx, `v.id = $1`, id)
}

func (t *Tx) version(ctx context.Context, cond string, args ...any) (registry.Version, error) {
	v, err := one(ctx, t, func(row scanner) (v registry.Version, err error) {
		return v, row(append(versionFields(&v), &v.Manifest)...)
	}, `SELECT `+versionCols+`, v.manifest FROM `+versionFrom+` WHERE `+cond+t.held("v"), args...)
	if err != nil {
		return v, err
	}
	all := []registry.Version{v}
	err = t.fillVersions(ctx, all)
	return all[0], err
}

// LatestVersion is the highest version of a model that is not in the trash, in a stage or, with "", at all.
func (t *Tx) LatestVersion(ctx context.Context, model string, s registry.Stage) (registry.Version, error) {
	w := &where{db: t.db}
	w.and("v.model_id = " + w.arg(model) + " AND v.deleted_at = 0")
	if s != "" {
		w.and("v.stage = " + w.arg(string(s)))
	}
	n, err := one(ctx, t, column[int64], `SELECT v.version FROM model_versions v WHERE `+w.String()+` ORDER BY v.version DESC LIMIT 1`, w.args...)
	if err != nil {
		return registry.Version{}, err
	}
	return t.Version(ctx, model, n)
}

// VersionsInStage lists the numbers of the versions of a model in a stage.
func (t *Tx) VersionsInStage(ctx context.Context, model string, s registry.Stage) ([]int64, error) {
	return list(ctx, t, column[int64], `
		SELECT version FROM model_versions WHERE model_id = $1 AND stage = $2 AND deleted_at = 0 ORDER BY version`, model, string(s))
}

// AddVersion writes a new version.
func (t *Tx) AddVersion(ctx context.Context, v registry.Version) error {
	return t.exec(ctx, `
		INSERT INTO model_versions (id, model_id, workspace_id, version, source, location, run_id, logged_model_id, run_link, description, stage,
		       standing, digest, manifest, files, size, created_at, updated_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		v.ID, v.ModelID, v.Workspace, v.Number, v.Source, v.Location, v.RunID, v.LoggedModelID, v.RunLink, v.Description, string(v.Stage),
		string(v.Standing), v.Digest, v.Manifest, v.Files, v.Size, v.CreatedAt, v.UpdatedAt, v.CreatedBy)
}

// SaveVersion writes what may change of a version.
func (t *Tx) SaveVersion(ctx context.Context, v registry.Version) error {
	return must(t.changed(ctx, `
		UPDATE model_versions SET description = $3, stage = $4, verified_at = $5, broken = $6, revoked_at = $7, revoked_by = $8, revoke_reason = $9,
		       updated_at = $10, deleted_at = $11 WHERE model_id = $1 AND version = $2`,
		v.ModelID, v.Number, v.Description, string(v.Stage), v.VerifiedAt, v.Broken, v.RevokedAt, v.RevokedBy, v.RevokeReason, v.UpdatedAt, v.DeletedAt))
}

// SetVersionTags writes or overwrites tags of a version.
func (t *Tx) SetVersionTags(ctx context.Context, model string, number int64, tags []tracking.Tag) error {
	for _, tag := range tags {
		if err := t.exec(ctx, `
			INSERT INTO model_version_tags (model_id, version, key, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (model_id, version, key) DO UPDATE SET value = excluded.value`, model, number, tag.Key, tag.Value); err != nil {
			return err
		}
	}
	return nil
}

// DeleteVersionTag forgets a tag of a version, there or not.
func (t *Tx) DeleteVersionTag(ctx context.Context, model string, number int64, key string) error {
	return t.exec(ctx, `DELETE FROM model_version_tags WHERE model_id = $1 AND version = $2 AND key = $3`, model, number, key)
}

// AliasOf finds the number of the version that an alias names.
func (t *Tx) AliasOf(ctx context.Context, model, alias string) (int64, error) {
	return one(ctx, t, column[int64], `SELECT version FROM model_aliases WHERE model_id = $1 AND alias = $2`, model, alias)
}

// CountAliases counts the aliases of a model.
func (t *Tx) CountAliases(ctx context.Context, model string) (int64, error) {
	return one(ctx, t, column[int64], `SELECT COUNT(*) FROM model_aliases WHERE model_id = $1`, model)
}

// SetAlias makes an alias name a version.
func (t *Tx) SetAlias(ctx context.Context, model, alias string, version int64) error {
	return t.exec(ctx, `
		INSERT INTO model_aliases (model_id, alias, version) VALUES ($1, $2, $3)
		ON CONFLICT (model_id, alias) DO UPDATE SET version = excluded.version`, model, alias, version)
}

// DeleteAlias forgets an alias, there or not.
func (t *Tx) DeleteAlias(ctx context.Context, model, alias string) error {
	return t.exec(ctx, `DELETE FROM model_aliases WHERE model_id = $1 AND alias = $2`, model, alias)
}

const moveCols = `id, model_id, kind, subject, from_value, to_value, at, moved_by, undoes`

func scanMove(row scanner) (m registry.Move, err error) {
	return m, row(&m.ID, &m.ModelID, &m.Kind, &m.Subject, &m.From, &m.To, &m.At, &m.By, &m.Undoes)
}

// AddMove writes a line of a model's history.
func (t *Tx) AddMove(ctx context.Context, m registry.Move) error {
	return t.exec(ctx, `INSERT INTO model_moves (`+moveCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		m.ID, m.ModelID, string(m.Kind), m.Subject, m.From, m.To, m.At, m.By, m.Undoes)
}

// Move finds a line of a model's history.
func (t *Tx) Move(ctx context.Context, id string) (registry.Move, error) {
	return one(ctx, t, scanMove, `SELECT `+moveCols+` FROM model_moves WHERE id = $1`, id)
}

// Moves lists the history of a model, the newest first: of one alias or version if a subject is given.
func (t *Tx) Moves(ctx context.Context, model string, kind registry.MoveKind, subject string, most int) ([]registry.Move, error) {
	w := &where{db: t.db}
	w.and("model_id = " + w.arg(model))
	if subject != "" {
		w.and("kind = " + w.arg(string(kind)) + " AND subject = " + w.arg(subject))
	}
	return list(ctx, t, scanMove, `SELECT `+moveCols+` FROM model_moves WHERE `+w.String()+` ORDER BY at DESC, id DESC LIMIT `+w.arg(most), w.args...)
}

// VersionsBelow lists versions of a model that are not in the trash, from the highest below a number down; 0 is the top.
func (t *Tx) VersionsBelow(ctx context.Context, model string, below int64, limit int) ([]registry.Version, error) {
	w := &where{db: t.db}
	w.and("v.model_id = " + w.arg(model) + " AND v.deleted_at = 0")
	if below > 0 {
		w.and("v.version < " + w.arg(below))
	}
	most := w.arg(limit)
	vs, err := list(ctx, t, scanVersion, `SELECT `+versionCols+` FROM `+versionFrom+` WHERE `+w.String()+` ORDER BY v.version DESC LIMIT `+most, w.args...)
	if err != nil {
		return nil, err
	}
	return vs, t.fillVersions(ctx, vs)
}

// CountVersions counts the versions of a model that are not in the trash.
func (t *Tx) CountVersions(ctx context.Context, model string) (int64, error) {
	return one(ctx, t, column[int64], `SELECT COUNT(*) FROM model_versions WHERE model_id = $1 AND deleted_at = 0`, model)
}

// VersionsOfRun lists the versions that were made from a run, the newest first.
func (t *Tx) VersionsOfRun(ctx context.Context, workspace, run string, most int) ([]registry.Version, error) {
	return t.versionsMadeFrom(ctx, "v.run_id", workspace, run, most)
}

// VersionsOfLogged lists the versions that were made from a logged model, the newest first.
func (t *Tx) VersionsOfLogged(ctx context.Context, workspace, logged string, most int) ([]registry.Version, error) {
	return t.versionsMadeFrom(ctx, "v.logged_model_id", workspace, logged, most)
}

func (t *Tx) versionsMadeFrom(ctx context.Context, what, workspace, id string, most int) ([]registry.Version, error) {
	vs, err := list(ctx, t, scanVersion, `
		SELECT `+versionCols+` FROM model_versions v JOIN registered_models m ON m.id = v.model_id
		 WHERE `+what+` = $1 AND v.workspace_id = $2 AND v.deleted_at = 0 AND m.deleted_at = 0 ORDER BY v.created_at DESC, v.id LIMIT $3`, id, workspace, most)
	if err != nil {
		return nil, err
	}
	return vs, t.fillVersions(ctx, vs)
}

// ScanOf finds what was found in the files of a version.
func (t *Tx) ScanOf(ctx context.Context, version string) (registry.Scan, error) {
	return one(ctx, t, func(row scanner) (s registry.Scan, err error) {
		return s, row(&s.VersionID, &s.Verdict, &s.Report, &s.At)
	}, `SELECT version_id, verdict, report, scanned_at FROM model_scans WHERE version_id = $1`, version)
}

// SaveScan writes what was found in the files of a version, in place of what was found before.
func (t *Tx) SaveScan(ctx context.Context, s registry.Scan) error {
	return t.exec(ctx, `
		INSERT INTO model_scans (version_id, verdict, report, scanned_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (version_id) DO UPDATE SET verdict = excluded.verdict, report = excluded.report, scanned_at = excluded.scanned_at`,
		s.VersionID, s.Verdict, s.Report, s.At)
}

// FindModels finds models that keep no prompts by a part of their name, the latest changed first.
func (t *Tx) FindModels(ctx context.Context, workspace, words string, most int) ([]registry.Model, error) {
	return list(ctx, t, scanModel, `
		SELECT `+modelCols+` FROM registered_models m
		 WHERE m.workspace_id = $1 AND m.deleted_at = 0 AND `+t.db.Contains("m.name", "$2")+`
		   AND NOT EXISTS (SELECT 1 FROM registered_model_tags x WHERE x.model_id = m.id AND x.key = $3 AND x.value = 'true')
		 ORDER BY m.updated_at DESC, m.id LIMIT $4`, workspace, literal(words), registry.PromptTag, most)
}

// VersionsHeld lists versions that hold files of our own store, in all workspaces and the trash as well, in the order of
// their ids, with their manifests.
func (t *Tx) VersionsHeld(ctx context.Context, after string, limit int) ([]registry.Version, error) {
	return list(ctx, t, func(row scanner) (v registry.Version, err error) {
		return v, row(append(versionFields(&v), &v.Manifest)...)
	}, `SELECT `+versionCols+`, v.manifest FROM model_versions v JOIN registered_models m ON m.id = v.model_id
	     WHERE v.standing = 'pinned' AND v.id > $1 ORDER BY v.id LIMIT $2`, after, limit)
}

// CardOf finds the last revision of the card of the greatest version of a model that is not above a number.
func (t *Tx) CardOf(ctx context.Context, model string, version int64) (registry.Card, error) {
	return one(ctx, t, func(row scanner) (c registry.Card, err error) {
		var text string
		if err := row(&c.ModelID, &c.Version, &c.Revision, &text, &c.Digest, &c.CreatedAt, &c.CreatedBy); err != nil {
			return c, err
		}
		return c, json.Unmarshal([]byte(text), &c.Card)
	}, `SELECT model_id, version, revision, card, digest, created_at, created_by FROM model_cards
	     WHERE model_id = $1 AND version <= $2 ORDER BY version DESC, revision DESC LIMIT 1`, model, version)
}

// AddCard writes a new revision of the card of a version.
func (t *Tx) AddCard(ctx context.Context, c registry.Card) error {
	text, err := json.Marshal(c.Card)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO model_cards (model_id, version, revision, card, digest, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.ModelID, c.Version, c.Revision, string(text), c.Digest, c.CreatedAt, c.CreatedBy)
}
