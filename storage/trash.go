package storage

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// trash is everything in the trash of workspace $1. The runs of a deleted experiment went with it.
const trash = `
	SELECT 'experiment' AS kind, CAST(e.id AS TEXT) AS id, e.name AS name, e.id AS experiment, '' AS within, e.deleted_at AS at
	  FROM experiments e WHERE e.workspace_id = $1 AND e.deleted_at <> 0
	UNION ALL
	SELECT 'run', r.id, r.name, r.experiment_id, e.name, r.deleted_at
	  FROM experiments e CROSS JOIN runs r
	 WHERE e.workspace_id = $1 AND e.deleted_at = 0 AND r.experiment_id = e.id AND r.deleted_at > 0
	UNION ALL
	SELECT 'model', m.id, m.name, m.experiment_id, e.name, m.deleted_at
	  FROM logged_models m CROSS JOIN experiments e
	 WHERE m.workspace_id = $1 AND m.deleted_at <> 0 AND e.id = m.experiment_id AND e.deleted_at = 0
	UNION ALL
	SELECT 'registered', m.id, m.name, 0, '', m.deleted_at FROM registered_models m WHERE m.workspace_id = $1 AND m.deleted_at <> 0
	UNION ALL
	SELECT 'version', v.id, CAST(v.version AS TEXT), 0, m.name, v.deleted_at
	  FROM model_versions v JOIN registered_models m ON m.id = v.model_id
	 WHERE v.workspace_id = $1 AND v.deleted_at <> 0 AND m.deleted_at = 0`

const trashCols = `x.kind, x.id, x.name, x.experiment, x.within, x.at,
	EXISTS (SELECT 1 FROM purges p WHERE p.workspace_id = $1 AND (p.kind = x.kind AND p.id = x.id OR p.kind = 'all' AND x.at <= p.at AND NOT (x.kind = 'experiment' AND x.id = '0')))`

func scanTrashed(row scanner) (t tracking.Trashed, err error) {
	var experiment int64
	err = row(&t.Kind, &t.ID, &t.Name, &experiment, &t.Experiment, &t.DeletedAt, &t.Purging)
	if t.Kind == tracking.TrashRun || t.Kind == tracking.TrashModel {
		t.ExperimentID = strconv.FormatInt(experiment, 10)
	}
	return t, err
}

// Trash lists what is in the trash, the latest deleted first, with who deleted it.
func (t *Tx) Trash(ctx context.Context, workspace string, kind tracking.TrashKind, after string, most int) (out tracking.Page[tracking.Trashed], err error) {
	w := &where{db: t.db, args: []any{workspace}}
	if kind != "" {
		w.and("x.kind = " + w.arg(string(kind)))
	}
	m := mark("trash", workspace, string(kind))
	if after != "" {
		tok, err := parseToken(after, m, 3)
		if err != nil {
			return out, err
		}
		var at [3]string
		for i, v := range tok.After {
			value, err := keysetValue(v)
			if err != nil {
				return out, err
			}
			at[i] = w.arg(value)
		}
		w.and("(x.at < " + at[0] + " OR x.at = " + at[0] + " AND (x.kind > " + at[1] + " OR x.kind = " + at[1] + " AND x.id > " + at[2] + "))")
	}
	found, err := list(ctx, t, scanTrashed, `SELECT `+trashCols+` FROM (`+trash+`) x WHERE `+w.String()+`
		ORDER BY x.at DESC, x.kind, x.id LIMIT `+strconv.Itoa(most+1), w.args...)
	if err != nil {
		return out, err
	}
	if len(found) > most {
		found = found[:most]
		last := found[most-1]
		out.Next = token{m, place([]any{last.DeletedAt, string(last.Kind), last.ID})}.String()
	}
	out.Items = found
	return out, t.deletedBy(ctx, workspace, found)
}

// deletedBy fills in who deleted each thing: the audit line that was written in the same transaction says so.
func (t *Tx) deletedBy(ctx context.Context, workspace string, all []tracking.Trashed) error {
	if len(all) == 0 {
		return nil
	}
	var instants []string
	for _, x := range all {
		instants = append(instants, strconv.FormatInt(x.DeletedAt, 10))
	}
	slices.Sort(instants)
	by := map[string]string{}
	if err := t.each(ctx, func(row scanner) error {
		var actor string
		var facts []byte
		if err := row(&actor, &facts); err != nil {
			return err
		}
		var said []struct{ Kind, Subject string }
		err := json.Unmarshal(facts, &said)
		for _, f := range said {
			by[f.Kind+" "+f.Subject] = actor
		}
		return err
	}, `SELECT actor, facts FROM audit_lines
	     WHERE chain = $1 AND at IN (`+strings.Join(slices.Compact(instants), ", ")+`) AND action IN ('experiment.delete', 'run.delete', 'logged_model.delete', 'model.delete')
	     ORDER BY seq`, audit.WorkspaceChain(workspace)); err != nil {
		return err
	}
	kinds := map[tracking.TrashKind]string{tracking.TrashExperiment: "experiment", tracking.TrashRun: "run", tracking.TrashModel: "logged_model", tracking.TrashRegistered: "model", tracking.TrashVersion: "version"}
	for i, x := range all {
		all[i].DeletedBy = by[kinds[x.Kind]+".deleted "+x.ID]
	}
	return nil
}

// TrashedOne finds one thing in the trash.
func (t *Tx) TrashedOne(ctx context.Context, workspace string, k tracking.TrashKey) (tracking.Trashed, error) {
	return one(ctx, t, scanTrashed, `SELECT `+trashCols+` FROM (`+trash+`) x WHERE x.kind = $2 AND x.id = $3`, workspace, string(k.Kind), k.ID)
}

// TrashCount counts what is in the trash by kind.
func (t *Tx) TrashCount(ctx context.Context, workspace string) (map[tracking.TrashKind]int64, error) {
	out := map[tracking.TrashKind]int64{}
	return out, t.each(ctx, func(row scanner) error {
		var kind tracking.TrashKind
		var n int64
		err := row(&kind, &n)
		out[kind] = n
		return err
	}, `SELECT x.kind, COUNT(*) FROM (`+trash+`) x GROUP BY x.kind`, workspace)
}

// TrashSizes fills in what things take. The points and params of an experiment are reckoned from some of its runs,
// and files are counted up to a limit, so that a huge experiment does not hold up the page.
func (t *Tx) TrashSizes(ctx context.Context, workspace string, all []tracking.Trashed) error {
	const sample = 20
	for i := range all {
		x, s := &all[i], tracking.Size{}
		var err error
		roots := []string{}
		switch x.Kind {
		case tracking.TrashExperiment:
			n, err := experimentNumber(x.ID)
			if err != nil {
				return err
			}
			if s.Runs, err = one(ctx, t, column[int64], `SELECT COUNT(*) FROM runs WHERE experiment_id = $1`, n); err != nil {
				return err
			}
			ids, err := list(ctx, t, column[string], `SELECT id FROM runs WHERE experiment_id = $1 ORDER BY start_time DESC, id LIMIT $2`, n, sample)
			if err != nil {
				return err
			}
			if err := t.weigh(ctx, ids, &s); err != nil {
				return err
			}
			if k := int64(len(ids)); s.Runs > k {
				s.Params, s.Points, s.About = s.Params*s.Runs/k, s.Points*s.Runs/k, true
			}
			if root, own, err := t.ownRoot(ctx, n); err != nil {
				return err
			} else if own {
				roots = append(roots, root)
			}
		case tracking.TrashRun:
			if err = t.weigh(ctx, []string{x.ID}, &s); err == nil {
				roots, err = t.rootsOf(ctx, "runs", []string{x.ID})
			}
		case tracking.TrashModel:
			roots, err = t.rootsOf(ctx, "logged_models", []string{x.ID})
		case tracking.TrashRegistered, tracking.TrashVersion:
			s.Files, s.Bytes, err = t.heldBytes(ctx, x.TrashKey)
		case tracking.TrashAll: // is no thing
		}
		if err != nil {
			return err
		}
		if err := t.weighFiles(ctx, workspace, roots, &s); err != nil {
			return err
		}
		x.Size = s
	}
	return nil
}

func (t *Tx) weigh(ctx context.Context, runs []string, s *tracking.Size) (err error) {
	if len(runs) == 0 {
		return nil
	}
	ids := textList(runs)
	if s.Params, err = one(ctx, t, column[int64], `SELECT COUNT(*) FROM params WHERE `+t.db.InTexts("run_id", "$1"), ids); err != nil {
		return err
	}
	s.Points, err = one(ctx, t, column[int64], `
		SELECT CAST(COALESCE(SUM(m.tail_points + COALESCE((SELECT SUM(b.points) FROM metric_blocks b WHERE b.series = m.series), 0)), 0) AS BIGINT)
		  FROM metrics m WHERE `+t.db.InTexts("m.run_id", "$1"), ids)
	return err
}

// heldBytes is what a version, or all versions of a model, hold.
func (t *Tx) heldBytes(ctx context.Context, k tracking.TrashKey) (files, bytes int64, err error) {
	of := "model_id"
	if k.Kind == tracking.TrashVersion {
		of = "id"
	}
	return files, bytes, t.each(ctx, func(row scanner) error { return row(&files, &bytes) },
		`SELECT CAST(COALESCE(SUM(files), 0) AS BIGINT), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM model_versions WHERE `+of+` = $1`, k.ID)
}

func (t *Tx) weighFiles(ctx context.Context, workspace string, roots []string, s *tracking.Size) error {
	const counted = 20000
	for _, root := range roots {
		var files, bytes int64
		if err := t.each(ctx, func(row scanner) error { return row(&files, &bytes) }, `
			SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT)
			  FROM (SELECT size FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 LIMIT $4) f`,
			workspace, root+"/", root+"0", counted); err != nil {
			return err
		}
		s.Files, s.Bytes, s.Over = s.Files+files, s.Bytes+bytes, s.Over || files == counted
	}
	return nil
}

// rootsOf are the folders of our own store that belong to some runs or logged models alone.
func (t *Tx) rootsOf(ctx context.Context, table string, ids []string) ([]string, error) {
	text := textList(ids)
	var out []string
	return out, t.each(ctx, func(row scanner) error {
		var id, uri string
		err := row(&id, &uri)
		if at, ours := tracking.StorePath(uri); ours && at != "" {
			if path.Base(path.Dir(at)) == id { // …/<id>/artifacts
				at = path.Dir(at)
			}
			out = append(out, at)
		}
		return err
	}, `SELECT id, artifact_uri FROM `+table+` WHERE `+t.db.InTexts("id", "$1"), text)
}

// ownRoot is the folder of our store in which an experiment keeps its files, unless another experiment keeps some there
// as well.
func (t *Tx) ownRoot(ctx context.Context, experiment int64) (string, bool, error) {
	type place struct{ workspace, location string }
	e, err := one(ctx, t, func(row scanner) (p place, err error) { return p, row(&p.workspace, &p.location) },
		`SELECT workspace_id, artifact_location FROM experiments WHERE id = $1`, experiment)
	if err != nil {
		return "", false, err
	}
	root, ours := tracking.StorePath(e.location)
	if !ours || root == "" {
		return "", false, nil
	}
	others, err := list(ctx, t, column[string], `
		SELECT artifact_location FROM experiments
		 WHERE workspace_id = $1 AND id <> $2 AND (artifact_location = $3 OR artifact_location >= $4 AND artifact_location < $5)
		 LIMIT 1`, e.workspace, experiment, e.location, e.location+"/", e.location+"0")
	return root, err == nil && len(others) == 0, err
}

// AddPurge writes an order to delete for good; to repeat one does no harm.
func (t *Tx) AddPurge(ctx context.Context, p tracking.Purge) error {
	return t.exec(ctx, `
		INSERT INTO purges (workspace_id, kind, id, at, created_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (workspace_id, kind, id) DO UPDATE SET at = excluded.at`, p.Workspace, string(p.Kind), p.ID, p.At, p.CreatedBy)
}

// BeingPurged reports whether a thing deleted at an instant is being deleted for good.
func (t *Tx) BeingPurged(ctx context.Context, workspace string, k tracking.TrashKey, deletedAt int64) (bool, error) {
	found, err := list(ctx, t, column[int64], `
		SELECT at FROM purges
		 WHERE workspace_id = $1 AND (kind = $2 AND id = $3 OR kind = 'all' AND at >= $4) LIMIT 1`, workspace, string(k.Kind), k.ID, deletedAt)
	return len(found) > 0 && k != (tracking.TrashKey{Kind: tracking.TrashExperiment, ID: tracking.DefaultExperiment}), err
}

// NextPurge is the order to carry out next; without one it is NotFound.
func (t *Tx) NextPurge(ctx context.Context) (tracking.Purge, error) {
	return one(ctx, t, func(row scanner) (p tracking.Purge, err error) {
		return p, row(&p.Workspace, &p.Kind, &p.ID, &p.At, &p.CreatedBy)
	}, `SELECT workspace_id, kind, id, at, created_by FROM purges ORDER BY at, kind, id LIMIT 1`)
}

// portion is about how many rows one transaction deletes: some ten milliseconds of the one writer of SQLite.
const purgePortion = 2000

// Carry deletes the next portion of an order. It is done when nothing of the order is left; until then what was to go
// is still in the trash, so that a crash between two portions loses nothing but time. freed are the digests of the
// files it deleted, which something else may name as well.
func (t *Tx) Carry(ctx context.Context, p tracking.Purge) (freed []string, done bool, err error) {
	d := &demolition{t: t, workspace: p.Workspace, left: purgePortion}
	k := p.TrashKey
	if p.Kind == tracking.TrashAll {
		if k, err = t.nextOf(ctx, p); err != nil && domain.KindOf(err) != domain.NotFound {
			return nil, false, err
		}
	}
	var finished bool
	switch k.Kind {
	case tracking.TrashExperiment:
		finished, err = d.experiment(ctx, k.ID)
	case tracking.TrashRun:
		finished, err = d.deletedRuns(ctx, k.ID)
	case tracking.TrashModel:
		finished, err = d.models(ctx, `id = $1 AND deleted_at <> 0`, k.ID)
	case tracking.TrashRegistered:
		finished, err = d.registered(ctx, k.ID)
	case tracking.TrashVersion:
		finished, err = d.versions(ctx, `id = $1 AND deleted_at <> 0`, k.ID)
	default: // nothing is left of the trash
		return nil, true, t.endPurge(ctx, p)
	}
	if err != nil || !finished || p.Kind == tracking.TrashAll {
		return d.freed, false, err
	}
	return d.freed, true, t.endPurge(ctx, p)
}

func (t *Tx) endPurge(ctx context.Context, p tracking.Purge) error {
	return t.exec(ctx, `DELETE FROM purges WHERE workspace_id = $1 AND kind = $2 AND id = $3 AND at = $4`, p.Workspace, string(p.Kind), p.ID, p.At)
}

// nextOf is something that was in the trash at the instant of p.
func (t *Tx) nextOf(ctx context.Context, p tracking.Purge) (tracking.TrashKey, error) {
	return one(ctx, t, func(row scanner) (k tracking.TrashKey, err error) { return k, row(&k.Kind, &k.ID) },
		`SELECT x.kind, x.id FROM (`+trash+`) x WHERE x.at <= $2 AND NOT (x.kind = 'experiment' AND x.id = '0') LIMIT 1`, p.Workspace, p.At)
}

// demolition deletes rows until it has deleted enough for one transaction.
type demolition struct {
	t         *Tx
	workspace string
	left      int64
	freed     []string
}

// some deletes rows of a table by its key, as many as are left to delete, and reports whether that were all.
func (d *demolition) some(ctx context.Context, table, key, where string, args ...any) (all bool, err error) {
	if d.left <= 0 {
		return false, nil
	}
	n, err := d.t.changed(ctx, `DELETE FROM `+table+` WHERE (`+key+`) IN (SELECT `+key+` FROM `+table+` WHERE `+where+` LIMIT `+strconv.FormatInt(d.left, 10)+`)`, args...)
	d.left -= n
	return d.left > 0, err
}

// steps runs deletions in turn until one has more to delete.
func (d *demolition) steps(steps ...func() (bool, error)) (all bool, err error) {
	for _, step := range steps {
		if all, err = step(); err != nil || !all {
			return false, err
		}
	}
	return true, nil
}

func (d *demolition) files(ctx context.Context, roots []string) (all bool, err error) {
	for _, root := range roots {
		if d.left <= 0 {
			return false, nil
		}
		gone, err := list(ctx, d.t, column[string], `
			DELETE FROM artifacts WHERE (workspace_id, path) IN
			       (SELECT workspace_id, path FROM artifacts WHERE workspace_id = $1 AND path >= $2 AND path < $3 LIMIT $4)
			RETURNING digest`, d.workspace, root+"/", root+"0", d.left)
		if err != nil {
			return false, err
		}
		d.freed = append(d.freed, gone...)
		d.left -= int64(len(gone))
	}
	return d.left > 0, nil
}

// deletedRuns deletes a run that is in the trash.
func (d *demolition) deletedRuns(ctx context.Context, id string) (bool, error) {
	found, err := list(ctx, d.t, column[string], `SELECT id FROM runs WHERE id = $1 AND workspace_id = $2 AND deleted_at <> 0`, id, d.workspace)
	if err != nil || len(found) == 0 {
		return true, err
	}
	return d.runs(ctx, found)
}

func (d *demolition) runs(ctx context.Context, ids []string) (bool, error) {
	text := textList(ids)
	all, of := text, d.t.db.InTexts("run_id", "$1")
	roots, err := d.t.rootsOf(ctx, "runs", ids)
	if err != nil {
		return false, err
	}
	rows := func(table, key string) func() (bool, error) {
		return func() (bool, error) { return d.some(ctx, table, key, of, all) }
	}
	series := func(table string) func() (bool, error) {
		return func() (bool, error) {
			return d.some(ctx, table, "series, seq", `series IN (SELECT series FROM metrics WHERE `+of+`)`, all)
		}
	}
	return d.steps(
		series("metric_blocks"), series("metric_tail"), // while the metrics still say whose they are
		rows("metrics", "run_id, key"), rows("params", "run_id, key"), rows("tags", "run_id, key"),
		rows("dataset_inputs", "run_id, dataset_id"), rows("run_models", "run_id, direction, model_id"),
		func() (bool, error) { return d.files(ctx, roots) },
		func() (bool, error) {
			return true, d.t.exec(ctx, `DELETE FROM runs WHERE `+d.t.db.InTexts("id", "$1"), all)
		},
	)
}

// models deletes logged models, some at a time.
func (d *demolition) models(ctx context.Context, which string, arg any) (bool, error) {
	const atOnce = 50
	ids, err := list(ctx, d.t, column[string], `SELECT id FROM logged_models WHERE `+which+` LIMIT `+strconv.Itoa(atOnce), arg)
	if err != nil || len(ids) == 0 {
		return true, err
	}
	text := textList(ids)
	all, of := text, d.t.db.InTexts("model_id", "$1")
	roots, err := d.t.rootsOf(ctx, "logged_models", ids)
	if err != nil {
		return false, err
	}
	rows := func(table, key string) func() (bool, error) {
		return func() (bool, error) { return d.some(ctx, table, key, of, all) }
	}
	finished, err := d.steps(
		rows("logged_model_params", "model_id, key"), rows("logged_model_tags", "model_id, key"),
		rows("logged_model_metrics", "model_id, key, run_id, dataset_name, dataset_digest, step, timestamp"),
		rows("run_models", "run_id, direction, model_id"),
		func() (bool, error) { return d.files(ctx, roots) },
		func() (bool, error) {
			return true, d.t.exec(ctx, `DELETE FROM logged_models WHERE `+d.t.db.InTexts("id", "$1"), all)
		},
	)
	return finished && len(ids) < atOnce, err
}

// versions deletes versions of registered models, some at a time. What hangs on a version goes with its row.
func (d *demolition) versions(ctx context.Context, which string, arg any) (bool, error) {
	const atOnce = 50
	ids, err := list(ctx, d.t, column[string], `SELECT id FROM model_versions WHERE `+which+` LIMIT `+strconv.Itoa(atOnce), arg)
	if err != nil || len(ids) == 0 {
		return true, err
	}
	roots := make([]string, len(ids))
	for i, id := range ids {
		roots[i] = tracking.HeldAt(id)
	}
	if all, err := d.files(ctx, roots); err != nil || !all {
		return false, err
	}
	d.left -= int64(len(ids))
	return len(ids) < atOnce, d.t.exec(ctx, `DELETE FROM model_versions WHERE `+d.t.db.InTexts("id", "$1"), textList(ids))
}

// registered deletes a registered model that is in the trash: its versions, its history, and itself last.
func (d *demolition) registered(ctx context.Context, id string) (bool, error) {
	found, err := list(ctx, d.t, column[string], `SELECT id FROM registered_models WHERE id = $1 AND workspace_id = $2 AND deleted_at <> 0`, id, d.workspace)
	if err != nil || len(found) == 0 {
		return true, err
	}
	return d.steps(
		func() (bool, error) { return d.versions(ctx, `model_id = $1`, id) },
		func() (bool, error) { return d.some(ctx, "model_moves", "id", `model_id = $1`, id) },
		func() (bool, error) { return true, d.t.exec(ctx, `DELETE FROM registered_models WHERE id = $1`, id) },
	)
}

// experiment deletes an experiment that is in the trash: its runs, its models, what is its own, and itself last.
func (d *demolition) experiment(ctx context.Context, id string) (bool, error) {
	n, err := experimentNumber(id)
	if err != nil {
		return false, err
	}
	found, err := list(ctx, d.t, column[int64], `SELECT id FROM experiments WHERE id = $1 AND workspace_id = $2 AND deleted_at <> 0`, n, d.workspace)
	if err != nil || len(found) == 0 {
		return true, err
	}
	runs, err := d.someRuns(ctx, n)
	if err != nil {
		return false, err
	}
	if len(runs) > 0 {
		_, err := d.runs(ctx, runs)
		return false, err
	}
	if all, err := d.models(ctx, `experiment_id = $1`, n); err != nil || !all {
		return false, err
	}
	root, own, err := d.t.ownRoot(ctx, n)
	if err != nil {
		return false, err
	}
	rows := func(table, key string) func() (bool, error) {
		return func() (bool, error) { return d.some(ctx, table, key, `experiment_id = $1`, n) }
	}
	return d.steps(
		func() (bool, error) {
			if !own {
				return true, nil
			}
			return d.files(ctx, []string{root})
		},
		rows("datasets", "id"), rows("experiment_keys", "experiment_id, kind, key"), rows("views", "id"), rows("experiment_tags", "experiment_id, key"),
		func() (bool, error) { return true, d.t.exec(ctx, `DELETE FROM experiments WHERE id = $1`, n) },
	)
}

// someRuns are runs of an experiment with about as many metrics as one transaction deletes.
func (d *demolition) someRuns(ctx context.Context, experiment int64) ([]string, error) {
	const most = 100
	type weighed struct {
		id string
		n  int64
	}
	found, err := list(ctx, d.t, func(row scanner) (w weighed, err error) { return w, row(&w.id, &w.n) }, `
		SELECT r.id, (SELECT COUNT(*) FROM metrics m WHERE m.run_id = r.id) + (SELECT COUNT(*) FROM params p WHERE p.run_id = r.id)
		  FROM runs r WHERE r.experiment_id = $1 LIMIT $2`, experiment, most)
	var ids []string
	rows := int64(0)
	for _, w := range found {
		if rows += w.n; len(ids) > 0 && rows > purgePortion/2 {
			break
		}
		ids = append(ids, w.id)
	}
	return ids, err
}
