package storage

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// literal is the pattern of texts that contain words as they are, begins of those that begin with them.
func literal(words string) string { return "%" + begins(words) }

func begins(words string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(words) + "%"
}

// after is behind every text that begins with prefix, in byte order.
func after(prefix string) string { return prefix + "\U0010FFFF" }

// lowered is s with its ASCII letters in lower case, as lower() has it in both engines.
func lowered(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// FindExperiments finds active experiments whose name contains words, or whose id is words.
func (t *Tx) FindExperiments(ctx context.Context, workspace, words string, most int) ([]tracking.Experiment, error) {
	id, err := experimentNumber(words)
	if err != nil {
		id = -1
	}
	return list(ctx, t, scanExperiment, `
		SELECT `+experimentCols+` FROM experiments e
		 WHERE e.workspace_id = $1 AND e.deleted_at = 0 AND (`+t.db.Contains("e.name", "$2")+` OR e.id = $3)
		 ORDER BY CASE WHEN e.id = $3 THEN 0 ELSE 1 END, e.updated_at DESC, e.id LIMIT $4`, workspace, literal(words), id, most)
}

// FindRuns finds active runs whose id begins with words, then those whose name contains them, walking the index
// runs_active from the latest on.
func (t *Tx) FindRuns(ctx context.Context, workspace, words string, most int) ([]tracking.FoundRun, error) {
	const cols, from = `SELECT ` + runCols + `, e.name FROM `, ` JOIN experiments e ON e.id = r.experiment_id`
	var out []tracking.FoundRun
	if id := lowered(words); idLike(id) {
		var err error
		if out, err = list(ctx, t, scanFoundRun, cols+`
			(SELECT id FROM runs WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 500) x CROSS JOIN runs r CROSS JOIN experiments e
			WHERE r.id = x.id AND e.id = r.experiment_id AND r.workspace_id = $3 AND r.deleted_at = 0
			ORDER BY r.id LIMIT $4`, id, after(id), workspace, most); err != nil {
			return nil, err
		}
	}
	named, err := list(ctx, t, scanFoundRun, cols+`
		(SELECT * FROM runs WHERE workspace_id = $1 AND deleted_at = 0 AND `+t.db.Contains("substr(name, 1, 200)", "$2")+`
		  ORDER BY start_time DESC LIMIT $3) r`+from+` ORDER BY r.start_time DESC, r.id`, workspace, literal(words), most)
	for _, r := range named {
		if len(out) < most && !slices.ContainsFunc(out, func(o tracking.FoundRun) bool { return o.ID == r.ID }) {
			out = append(out, r)
		}
	}
	return out, err
}

func scanFoundRun(row scanner) (r tracking.FoundRun, err error) {
	var experiment int64
	err = row(append(runFields(&r.Run, &experiment), &r.Experiment)...)
	r.ExperimentID = strconv.FormatInt(experiment, 10)
	return r, err
}

// idLike reports whether s may be the beginning of a run's id: fewer digits would find anything.
func idLike(s string) bool {
	const enough = 4
	return len(s) >= enough && strings.Trim(s, "0123456789abcdef") == ""
}

// FindLoggedModels finds active logged models whose id begins with words or whose name contains them.
func (t *Tx) FindLoggedModels(ctx context.Context, workspace, words string, most int) ([]tracking.FoundModel, error) {
	return list(ctx, t, func(row scanner) (m tracking.FoundModel, err error) {
		var experiment int64
		err = row(&m.ID, &experiment, &m.Name, &m.Type, &m.CreatedAt, &m.Experiment)
		m.ExperimentID = strconv.FormatInt(experiment, 10)
		return m, err
	}, `
		SELECT m.id, m.experiment_id, m.name, m.model_type, m.created_at, e.name
		  FROM logged_models m JOIN experiments e ON e.id = m.experiment_id
		 WHERE m.workspace_id = $1 AND m.deleted_at = 0 AND e.deleted_at = 0
		   AND (`+t.db.Contains("substr(m.name, 1, 200)", "$2")+` OR m.id >= $3 AND m.id < $4)
		 ORDER BY m.created_at DESC LIMIT $5`, workspace, literal(words), lowered(words), after(lowered(words)), most)
}

// FindTagValues finds tags of active runs whose value begins with value. It hops from one value to the next in the
// index tags_value, so that a tag which a hundred thousand runs have costs no more than one that ten have.
func (t *Tx) FindTagValues(ctx context.Context, workspace, key, value string, most int) (out []tracking.FoundTag, err error) {
	const valueChars = 60 // as in the index
	if runes := []rune(value); len(runes) > valueChars {
		value = string(runes[:valueChars])
	}
	from, end := lowered(value), after(lowered(value))
	at := tagPlace{}
	for hops := 0; len(out) < most && hops < 5*most; hops++ {
		next, ok, err := t.nextTag(ctx, at, from, end)
		if err != nil || !ok {
			return out, err
		}
		at = next
		if key != "" && key != at.key {
			continue
		}
		some, err := t.runsTagged(ctx, workspace, at)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out[:min(most, len(out))], nil
}

// tagPlace is a place in the index tags_value: a value as it is indexed, and a key.
type tagPlace struct{ value, key string }

const ownTag = `substr(t.key, 1, 7) <> 'mlflow.'`

// nextTag finds the place after at, or the first at or after from where at is nothing.
func (t *Tx) nextTag(ctx context.Context, at tagPlace, from, end string) (tagPlace, bool, error) {
	scan := func(row scanner) (p tagPlace, err error) { return p, row(&p.value, &p.key) }
	const cols = `SELECT lower(substr(t.value, 1, 60)), t.key FROM tags t WHERE ` + ownTag + ` AND `
	op := ">="
	if at.key != "" {
		found, err := list(ctx, t, scan, cols+`lower(substr(t.value, 1, 60)) = $1 AND t.key > $2 ORDER BY t.key LIMIT 1`, at.value, at.key)
		if err != nil || len(found) > 0 {
			return first(found), true, err
		}
		from, op = at.value, ">"
	}
	found, err := list(ctx, t, scan, cols+`lower(substr(t.value, 1, 60)) `+op+` $1 AND lower(substr(t.value, 1, 60)) < $2
		ORDER BY lower(substr(t.value, 1, 60)), t.key LIMIT 1`, from, end)
	return first(found), len(found) > 0, err
}

func first(ps []tagPlace) (p tagPlace) {
	if len(ps) > 0 {
		p = ps[0]
	}
	return p
}

// runsTagged counts the runs at a place by experiment and exact value; it looks at some of them only.
func (t *Tx) runsTagged(ctx context.Context, workspace string, at tagPlace) ([]tracking.FoundTag, error) {
	const looked = 100
	var seen int64
	out, err := list(ctx, t, func(row scanner) (f tracking.FoundTag, err error) {
		var experiment int64
		err = row(&experiment, &f.Experiment, &f.Value, &f.Runs)
		f.Key, f.ExperimentID = at.key, strconv.FormatInt(experiment, 10)
		seen += f.Runs
		return f, err
	}, `
		SELECT x.experiment_id, e.name, x.value, COUNT(*)
		  FROM (SELECT r.experiment_id, t.value FROM tags t JOIN runs r ON r.id = t.run_id
		         WHERE `+ownTag+` AND lower(substr(t.value, 1, 60)) = $1 AND t.key = $2 AND r.workspace_id = $3 AND r.deleted_at = 0
		         LIMIT $4) x
		  JOIN experiments e ON e.id = x.experiment_id
		 GROUP BY x.experiment_id, e.name, x.value ORDER BY 4 DESC, x.value, x.experiment_id`, at.value, at.key, workspace, looked)
	for i := range out {
		out[i].AtLeast = seen >= looked
	}
	return out, err
}

// FindTagKeys finds the keys of tags that contain part, in active experiments.
func (t *Tx) FindTagKeys(ctx context.Context, workspace, part string, most int) ([]tracking.FoundTag, error) {
	return list(ctx, t, func(row scanner) (f tracking.FoundTag, err error) {
		var experiment int64
		err = row(&f.Key, &experiment, &f.Experiment)
		f.ExperimentID = strconv.FormatInt(experiment, 10)
		return f, err
	}, `
		SELECT k.key, e.id, e.name FROM experiment_keys k JOIN experiments e ON e.id = k.experiment_id
		 WHERE k.kind = 'tag' AND substr(k.key, 1, 7) <> 'mlflow.' AND e.workspace_id = $1 AND e.deleted_at = 0
		   AND `+t.db.Contains("k.key", "$2")+`
		 ORDER BY k.key, e.updated_at DESC LIMIT $3`, workspace, literal(part), most)
}
