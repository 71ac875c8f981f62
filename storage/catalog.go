package storage

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

const sourceCols = `s.id, s.workspace_id, s.kind, s.name, s.address, s.rank, s.enabled, s.every, s.secret_id, s.revision, s.etag, s.modified, s.due_at, s.tried_at, s.synced_at,
	s.took, s.failures, s.last_error, s.models, s.created_at, s.updated_at, s.updated_by`

func scanSource(row scanner) (s catalog.Source, err error) {
	return s, row(&s.ID, &s.Workspace, &s.Kind, &s.Name, &s.Address, &s.Rank, &s.Enabled, &s.Every, &s.Secret, &s.Revision, &s.ETag, &s.Modified, &s.DueAt, &s.TriedAt, &s.SyncedAt,
		&s.Took, &s.Failures, &s.LastError, &s.Models, &s.CreatedAt, &s.UpdatedAt, &s.UpdatedBy)
}

// CatalogSources lists the sources of a workspace, the most believed first.
func (t *Tx) CatalogSources(ctx context.Context, workspace string) ([]catalog.Source, error) {
	return list(ctx, t, scanSource, `SELECT `+sourceCols+` FROM catalog_sources s WHERE s.workspace_id = $1 ORDER BY s.rank, s.id`, workspace)
}

// CatalogSource finds a source, and in a transaction that writes keeps it from others.
func (t *Tx) CatalogSource(ctx context.Context, id string) (catalog.Source, error) {
	lock := ""
	if t.writes {
		lock = t.db.Locked("s")
	}
	return one(ctx, t, scanSource, `SELECT `+sourceCols+` FROM catalog_sources s WHERE s.id = $1`+lock, id)
}

// CatalogSourcesDue lists enabled sources of all workspaces whose time has come.
func (t *Tx) CatalogSourcesDue(ctx context.Context, now int64, most int) ([]catalog.Source, error) {
	return list(ctx, t, scanSource, `SELECT `+sourceCols+` FROM catalog_sources s WHERE s.enabled AND s.due_at <= $1 ORDER BY s.due_at, s.id LIMIT $2`, now, most)
}

// AddCatalogSource writes a new source.
func (t *Tx) AddCatalogSource(ctx context.Context, s catalog.Source) error {
	return t.exec(ctx, `
		INSERT INTO catalog_sources (id, workspace_id, kind, name, address, rank, enabled, every, secret_id, revision, due_at, created_at, updated_at, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		s.ID, s.Workspace, string(s.Kind), s.Name, s.Address, s.Rank, s.Enabled, s.Every, s.Secret, s.Revision, s.DueAt, s.CreatedAt, s.UpdatedAt, s.UpdatedBy)
}

// SaveCatalogSource writes what may change of a source.
func (t *Tx) SaveCatalogSource(ctx context.Context, s catalog.Source) error {
	return must(t.changed(ctx, `
		UPDATE catalog_sources SET name = $2, address = $3, rank = $4, enabled = $5, every = $6, secret_id = $7, revision = $8, etag = $9, modified = $10, due_at = $11, tried_at = $12,
		       synced_at = $13, took = $14, failures = $15, last_error = $16, models = $17, updated_at = $18, updated_by = $19
		 WHERE id = $1`,
		s.ID, s.Name, s.Address, s.Rank, s.Enabled, s.Every, s.Secret, s.Revision, s.ETag, s.Modified, s.DueAt, s.TriedAt,
		s.SyncedAt, s.Took, s.Failures, s.LastError, s.Models, s.UpdatedAt, s.UpdatedBy))
}

// DeleteCatalogSource forgets a source and what it said.
func (t *Tx) DeleteCatalogSource(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM catalog_sources WHERE id = $1`, id))
}

// CatalogDigests lists what a source offers or offered, without the facts.
func (t *Tx) CatalogDigests(ctx context.Context, source string) (map[catalog.Key]catalog.Stored, error) {
	out := map[catalog.Key]catalog.Stored{}
	return out, t.each(ctx, func(row scanner) error {
		var s catalog.Stored
		err := row(&s.Provider, &s.ID, &s.Digest, &s.FirstSeen, &s.ChangedAt, &s.GoneAt)
		out[s.Key] = s
		return err
	}, `SELECT provider, model_id, digest, first_seen, changed_at, gone_at FROM catalog_offers WHERE source_id = $1`, source)
}

// portion is how many rows one statement writes.
const portion = 500

// insertMany writes rows with as few statements as sensible; ending is what follows VALUES.
func (t *Tx) insertMany(ctx context.Context, into string, columns int, rows [][]any, ending string) error {
	for some := range slices.Chunk(rows, portion) {
		if err := t.exec(ctx, `INSERT INTO `+into+` VALUES `+groups(len(some), columns)+ending, slices.Concat(some...)...); err != nil {
			return err
		}
	}
	return nil
}

// SaveCatalogOffers writes what a source says of models, new or changed.
func (t *Tx) SaveCatalogOffers(ctx context.Context, source string, all []catalog.Stored) error {
	rows := make([][]any, len(all))
	for i, s := range all {
		rows[i] = []any{source, s.Provider, s.ID, s.Text, s.Digest, strings.ReplaceAll(strings.ToValidUTF8(string(s.Raw), "�"), "\x00", ""), s.FirstSeen, s.ChangedAt}
	}
	return t.insertMany(ctx, "catalog_offers (source_id, provider, model_id, facts, digest, raw, first_seen, changed_at)", 8, rows, `
		ON CONFLICT (source_id, provider, model_id) DO UPDATE SET facts = excluded.facts, digest = excluded.digest, raw = excluded.raw, changed_at = excluded.changed_at, gone_at = 0`)
}

// keyList is keys as JSON: provider/id.
func keyList(keys []catalog.Key) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.String()
	}
	return textList(all)
}

// CatalogOffersGone notes that a source does not offer models any more.
func (t *Tx) CatalogOffersGone(ctx context.Context, source string, keys []catalog.Key, at int64) error {
	for some := range slices.Chunk(keys, portion) {
		if err := t.exec(ctx, `UPDATE catalog_offers SET gone_at = $2 WHERE source_id = $1 AND `+t.db.InTexts("provider || '/' || model_id", "$3"), source, at, keyList(some)); err != nil {
			return err
		}
	}
	return nil
}

// CatalogSaid lists what the enabled sources of a workspace say of models now.
func (t *Tx) CatalogSaid(ctx context.Context, workspace string, keys []catalog.Key) (map[catalog.Key][]catalog.Said, error) {
	out := make(map[catalog.Key][]catalog.Said, len(keys))
	err := t.eachKeyed(ctx, keys, func(row scanner) error {
		var k catalog.Key
		var s catalog.Said
		var facts string
		err := row(&k.Provider, &k.ID, &s.Source, &s.Rank, &facts)
		if err == nil {
			s.Facts, err = catalog.ParseFacts(facts)
		}
		out[k] = append(out[k], s)
		return err
	}, `SELECT o.provider, o.model_id, o.source_id, s.rank, o.facts
	      FROM catalog_sources s JOIN catalog_offers o ON o.source_id = s.id
	     WHERE s.workspace_id = $1 AND s.enabled AND o.gone_at = 0`, "o", workspace)
	return out, err
}

// eachKeyed is each for the rows of models: of few by their keys, of many by reading all and leaving out the others.
func (t *Tx) eachKeyed(ctx context.Context, keys []catalog.Key, fn func(scanner) error, q, table, workspace string) error {
	if len(keys) <= portion {
		return t.each(ctx, fn, q+` AND `+t.db.InTexts(table+`.provider || '/' || `+table+`.model_id`, "$2"), workspace, keyList(keys))
	}
	return t.each(ctx, fn, q, workspace)
}

const catalogModelCols = `m.provider, m.model_id, m.facts, m.origins, m.digest, m.sources, m.gone_at, m.first_seen, m.changed_at`

type origins struct {
	From    map[string]string   `json:"from"`
	Against map[string][]string `json:"against,omitempty"`
}

func scanCatalogModel(workspace string) func(row scanner) (catalog.Model, error) {
	return func(row scanner) (m catalog.Model, err error) {
		var facts, from string
		m.Workspace = workspace
		if err = row(&m.Key.Provider, &m.Key.ID, &facts, &from, &m.Digest, &m.Sources, &m.GoneAt, &m.FirstSeen, &m.ChangedAt); err != nil {
			return m, err
		}
		if m.Merged.Facts, err = catalog.ParseFacts(facts); err != nil {
			return m, err
		}
		var o origins
		err = json.Unmarshal([]byte(from), &o)
		m.Merged.From, m.Merged.Against = o.From, o.Against
		return m, err
	}
}

// CatalogModels finds what is believed of models; one that was never offered is left out.
func (t *Tx) CatalogModels(ctx context.Context, workspace string, keys []catalog.Key) (map[catalog.Key]catalog.Model, error) {
	out := make(map[catalog.Key]catalog.Model, len(keys))
	scan := scanCatalogModel(workspace)
	err := t.eachKeyed(ctx, keys, func(row scanner) error {
		m, err := scan(row)
		out[m.Key] = m
		return err
	}, `SELECT `+catalogModelCols+` FROM catalog_models m WHERE m.workspace_id = $1`, "m", workspace)
	return out, err
}

// SaveCatalogModels writes what is believed of models.
func (t *Tx) SaveCatalogModels(ctx context.Context, all []catalog.Model) error {
	rows := make([][]any, len(all))
	for i, m := range all {
		facts, digest, err := m.Merged.Facts.Text()
		if err != nil {
			return err
		}
		from, err := json.Marshal(origins{m.Merged.From, m.Merged.Against})
		if err != nil {
			return err
		}
		rows[i] = []any{m.Workspace, m.Key.Provider, m.Key.ID, facts, string(from), digest, m.Sources, m.GoneAt, m.FirstSeen, m.ChangedAt}
	}
	return t.insertMany(ctx, "catalog_models (workspace_id, provider, model_id, facts, origins, digest, sources, gone_at, first_seen, changed_at)", 10, rows, `
		ON CONFLICT (workspace_id, provider, model_id) DO UPDATE SET facts = excluded.facts, origins = excluded.origins, digest = excluded.digest, sources = excluded.sources,
		   gone_at = excluded.gone_at, changed_at = excluded.changed_at`)
}

// AddCatalogChanges writes lines of the story of the catalog.
func (t *Tx) AddCatalogChanges(ctx context.Context, workspace string, all []catalog.Change) error {
	rows := make([][]any, len(all))
	id := NewID(t.now) // one for all, so that they stay in their order
	for i, c := range all {
		rows[i] = []any{id + strconv.Itoa(1_000_000 + i)[1:], workspace, c.Key.Provider, c.Key.ID, c.At, string(c.Kind), c.Field, c.Before, c.After, c.Source}
	}
	return t.insertMany(ctx, "catalog_changes (id, workspace_id, provider, model_id, at, kind, field, before, after, source_id)", 10, rows, "")
}

// CatalogMoved makes copies of what is believed old.
func (t *Tx) CatalogMoved(ctx context.Context, workspace string) error {
	return t.exec(ctx, `INSERT INTO catalog_state (workspace_id, generation) VALUES ($1, 1) ON CONFLICT (workspace_id) DO UPDATE SET generation = catalog_state.generation + 1`, workspace)
}

// indexes keeps the index of each workspace's catalog until it is old.
type indexes struct {
	sync.Mutex

	of map[string]indexed
}

type indexed struct {
	generation int64
	index      *catalog.Index
}

// CatalogIndex is the index of a workspace's catalog as this transaction sees it. It is made once for each generation.
func (t *Tx) CatalogIndex(ctx context.Context, workspace string) (*catalog.Index, error) {
	generation, err := one(ctx, t, column[int64], `SELECT generation FROM catalog_state WHERE workspace_id = $1`, workspace)
	if domain.KindOf(err) == domain.NotFound {
		return catalog.NewIndex(nil), nil
	}
	if err != nil {
		return nil, err
	}
	t.indexes.Lock()
	had := t.indexes.of[workspace]
	t.indexes.Unlock()
	if had.index != nil && had.generation == generation {
		return had.index, nil
	}
	scan := scanCatalogModel(workspace)
	rows, err := list(ctx, t, func(row scanner) (catalog.Row, error) {
		m, err := scan(row)
		return catalog.NewRow(m.Key, m.Merged, int(m.Sources), m.GoneAt != 0), err
	}, `SELECT `+catalogModelCols+` FROM catalog_models m WHERE m.workspace_id = $1`, workspace)
	if err != nil {
		return nil, err
	}
	x := catalog.NewIndex(rows)
	t.indexes.Lock()
	defer t.indexes.Unlock()
	if now := t.indexes.of[workspace]; now.index == nil || now.generation < generation {
		t.indexes.of[workspace] = indexed{generation, x}
	}
	return x, nil
}

// CatalogModel finds what is believed of a model.
func (t *Tx) CatalogModel(ctx context.Context, workspace string, k catalog.Key) (catalog.Model, error) {
	return one(ctx, t, scanCatalogModel(workspace), `SELECT `+catalogModelCols+` FROM catalog_models m WHERE m.workspace_id = $1 AND m.provider = $2 AND m.model_id = $3`, workspace, k.Provider, k.ID)
}

// CatalogOffers lists what each source says of a model, the most believed first, those that say nothing of it any more last.
func (t *Tx) CatalogOffers(ctx context.Context, workspace string, k catalog.Key) ([]catalog.Told, error) {
	return list(ctx, t, func(row scanner) (o catalog.Told, err error) {
		var raw string
		err = row(&o.Source.ID, &o.Source.Name, &o.Source.Kind, &o.Source.Enabled, &o.Text, &o.Digest, &raw, &o.FirstSeen, &o.ChangedAt, &o.GoneAt)
		if err == nil {
			o.Facts, err = catalog.ParseFacts(o.Text)
		}
		o.Key, o.Raw = k, json.RawMessage(raw)
		return o, err
	}, `SELECT s.id, s.name, s.kind, s.enabled, o.facts, o.digest, o.raw, o.first_seen, o.changed_at, o.gone_at
	      FROM catalog_offers o JOIN catalog_sources s ON s.id = o.source_id
	     WHERE s.workspace_id = $1 AND o.provider = $2 AND o.model_id = $3 ORDER BY o.gone_at <> 0, s.rank, s.id`, workspace, k.Provider, k.ID)
}

// CatalogChanges lists changes, the newest first.
func (t *Tx) CatalogChanges(ctx context.Context, workspace string, q catalog.ChangeQuery) ([]catalog.Change, error) {
	w := &where{db: t.db}
	w.and("c.workspace_id = " + w.arg(workspace))
	if q.Kind != "" {
		w.and("c.kind = " + w.arg(string(q.Kind)))
	}
	if q.Key != (catalog.Key{}) {
		w.and("c.provider = " + w.arg(q.Key.Provider) + " AND c.model_id = " + w.arg(q.Key.ID))
	}
	if q.Below != "" {
		w.and("c.id < " + w.arg(q.Below))
	}
	return list(ctx, t, func(row scanner) (c catalog.Change, err error) {
		return c, row(&c.ID, &c.Key.Provider, &c.Key.ID, &c.At, &c.Kind, &c.Field, &c.Before, &c.After, &c.Source)
	}, `SELECT c.id, c.provider, c.model_id, c.at, c.kind, c.field, c.before, c.after, c.source_id FROM catalog_changes c WHERE `+w.String()+` ORDER BY c.id DESC LIMIT `+w.arg(q.Most), w.args...)
}

const useCaseCols = `u.id, u.workspace_id, u.name, u.about, u.licences, u.regions, u.revision, u.created_at, u.created_by, u.updated_at`

func scanUseCase(row scanner) (u catalog.UseCase, err error) {
	var licences, regions string
	if err = row(&u.ID, &u.Workspace, &u.Name, &u.About, &licences, &regions, &u.Revision, &u.CreatedAt, &u.CreatedBy, &u.UpdatedAt); err != nil {
		return u, err
	}
	if err = json.Unmarshal([]byte(licences), &u.Licences); err != nil {
		return u, err
	}
	return u, json.Unmarshal([]byte(regions), &u.Regions)
}

// UseCases lists the use cases of a workspace by name.
func (t *Tx) UseCases(ctx context.Context, workspace string) ([]catalog.UseCase, error) {
	return list(ctx, t, scanUseCase, `SELECT `+useCaseCols+` FROM catalog_use_cases u WHERE u.workspace_id = $1 ORDER BY u.name, u.id`, workspace)
}

// UseCase finds a use case.
func (t *Tx) UseCase(ctx context.Context, id string) (catalog.UseCase, error) {
	return one(ctx, t, scanUseCase, `SELECT `+useCaseCols+` FROM catalog_use_cases u WHERE u.id = $1`, id)
}

// SaveUseCase writes a use case, a new one or one whose revision is the one before; else it is a Conflict.
func (t *Tx) SaveUseCase(ctx context.Context, u catalog.UseCase) error {
	licences, regions := textList(u.Licences), textList(u.Regions)
	n, err := t.changed(ctx, `
		INSERT INTO catalog_use_cases (id, workspace_id, name, about, licences, regions, revision, created_at, created_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, about = excluded.about, licences = excluded.licences, regions = excluded.regions, revision = excluded.revision, updated_at = excluded.updated_at
		 WHERE catalog_use_cases.revision = excluded.revision - 1`,
		u.ID, u.Workspace, u.Name, u.About, licences, regions, u.Revision, u.CreatedAt, u.CreatedBy, u.UpdatedAt)
	if err == nil && n == 0 {
		err = domain.Fail(domain.Conflict, "catalog.use_case_changed", "somebody else changed %s meanwhile: look at it and change it again", domain.Short(u.Name))
	}
	return err
}

// DeleteUseCase forgets a use case and its shortlist.
func (t *Tx) DeleteUseCase(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM catalog_use_cases WHERE id = $1`, id))
}

// Choices lists the shortlists of a workspace, by use case and model.
func (t *Tx) Choices(ctx context.Context, workspace string) ([]catalog.Choice, error) {
	return list(ctx, t, func(row scanner) (c catalog.Choice, err error) {
		return c, row(&c.UseCase, &c.Key.Provider, &c.Key.ID, &c.Status, &c.Reason, &c.At, &c.By, &c.Warned)
	}, `SELECT c.use_case_id, c.provider, c.model_id, c.status, c.reason, c.at, c.chosen_by, c.warned
	      FROM catalog_choices c JOIN catalog_use_cases u ON u.id = c.use_case_id WHERE u.workspace_id = $1 ORDER BY u.name, u.id, c.provider, c.model_id`, workspace)
}

// SaveChoice writes a model on a shortlist, new or changed.
func (t *Tx) SaveChoice(ctx context.Context, c catalog.Choice) error {
	return t.exec(ctx, `
		INSERT INTO catalog_choices (use_case_id, provider, model_id, status, reason, at, chosen_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (use_case_id, provider, model_id) DO UPDATE SET status = excluded.status, reason = excluded.reason, at = excluded.at, chosen_by = excluded.chosen_by`,
		c.UseCase, c.Key.Provider, c.Key.ID, c.Status, c.Reason, c.At, c.By)
}

// DeleteChoice takes a model off a shortlist.
func (t *Tx) DeleteChoice(ctx context.Context, useCase string, k catalog.Key) error {
	return must(t.changed(ctx, `DELETE FROM catalog_choices WHERE use_case_id = $1 AND provider = $2 AND model_id = $3`, useCase, k.Provider, k.ID))
}

// NoteWarned keeps of what end of a model the workspace was told.
func (t *Tx) NoteWarned(ctx context.Context, c catalog.Choice) error {
	return t.exec(ctx, `UPDATE catalog_choices SET warned = $4 WHERE use_case_id = $1 AND provider = $2 AND model_id = $3`, c.UseCase, c.Key.Provider, c.Key.ID, c.Warned)
}

// namingKeys are the parameters in which runs say which model they call.
var namingKeys = []string{"model", "model_name", "model_id", "llm", "llm_model", "base_model", "embedding_model"}

// RunsNaming lists some runs of a workspace, the newest of them first, that say in a parameter that they call a model by one of
// its names.
func (t *Tx) RunsNaming(ctx context.Context, workspace string, names []string, most int) ([]catalog.Caller, error) {
	starts := make([]string, len(names))
	for i, n := range names {
		r := []rune(n)
		starts[i] = string(r[:min(len(r), 64)])
	}
	const looked = 1000
	return list(ctx, t, func(row scanner) (u catalog.Caller, err error) {
		return u, row(&u.ID, &u.Name, &u.At)
	}, `SELECT DISTINCT r.id, r.name, r.start_time
	      FROM (SELECT run_id FROM params p WHERE `+t.db.InTexts("p.key", "$2")+` AND `+t.db.InTexts("substr(p.value, 1, 64)", "$3")+` AND `+t.db.InTexts("p.value", "$4")+` LIMIT $5) found
	      JOIN runs r ON r.id = found.run_id
	     WHERE r.workspace_id = $1 AND r.deleted_at = 0 ORDER BY r.start_time DESC, r.id LIMIT $6`,
		workspace, textList(namingKeys), textList(starts), textList(names), looked, most)
}
