package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage/points"
)

// ExperimentKeys lists keys of an experiment that contain part, in any case; an empty kind means all kinds.
func (t *Tx) ExperimentKeys(ctx context.Context, experiment, kind, part string, most int) ([]tracking.Key, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	w := &where{db: t.db}
	w.and("experiment_id = " + w.arg(n))
	if kind != "" {
		w.and("kind = " + w.arg(kind))
	}
	if part != "" {
		w.and(t.db.Like("key", w.arg(contains(part)), true))
	}
	return list(ctx, t, func(row scanner) (k tracking.Key, err error) { return k, row(&k.Kind, &k.Name) },
		`SELECT kind, key FROM experiment_keys WHERE `+w.String()+` ORDER BY kind, key LIMIT `+w.arg(most), w.args...)
}

// Values for completion are looked for in so many runs, and are up to so many characters long.
const (
	valueRuns  = 2000
	valueChars = 200
)

// NewestValues are the texts under a key of the filter language in the newest active runs of an experiment: those that
// begin with prefix, without regard to the case of ASCII letters, what most runs have first.
func (t *Tx) NewestValues(ctx context.Context, experiment string, of search.Entity, key, prefix string, most int) ([]string, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	w := &where{db: t.db}
	value, beside := runColumns[key], ""
	switch of {
	case search.Param:
		value, beside = "x.value", " CROSS JOIN params x WHERE x.run_id = r.id AND x.key = "+w.arg(key)
	case search.Tag:
		value, beside = "x.value", " CROSS JOIN tags x WHERE x.run_id = r.id AND x.key = "+w.arg(key)
	case search.Dataset:
		value, beside = datasetColumns[key], " CROSS JOIN dataset_inputs i CROSS JOIN datasets d WHERE i.run_id = r.id AND d.id = i.dataset_id"
	default:
	}
	if prefix != "" {
		w.and(t.db.Contains("v", w.arg(begins(prefix))))
	}
	w.and("length(v) <= " + w.arg(valueChars))
	return list(ctx, t, column[string], `
		SELECT v FROM (SELECT `+value+` AS v
		                 FROM (SELECT * FROM runs WHERE experiment_id = `+w.arg(n)+` AND deleted_at = 0
		                        ORDER BY start_time DESC, id LIMIT `+w.arg(valueRuns)+`) r`+beside+`) x
		 WHERE `+w.String()+` GROUP BY v ORDER BY COUNT(*) DESC, v LIMIT `+w.arg(most), w.args...)
}

// contains is the pattern of texts that hold part; its own % and _ stay wild, which finds too much rather than
// too little.
func contains(part string) string { return "%" + part + "%" }

// NewestRuns are the newest active runs of an experiment.
func (t *Tx) NewestRuns(ctx context.Context, experiment string, n int) ([]string, error) {
	id, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	return list(ctx, t, column[string], `SELECT id FROM runs WHERE experiment_id = $1 AND deleted_at = 0 ORDER BY start_time DESC, id LIMIT $2`, id, n)
}

// textList is a list as one argument for InTexts.
func textList(list []string) string {
	if list == nil {
		list = []string{}
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings
	}
	return string(b)
}

// mostColumnUses bounds how many metrics ColumnUses tells of; params have no bound, for few runs have many.
const mostColumnUses = 40

// ColumnUses tells how runs use their metrics (the machine's own left out) and params.
func (t *Tx) ColumnUses(ctx context.Context, runs []string) ([]tracking.ColumnUse, error) {
	scan := func(kind string) func(scanner) (tracking.ColumnUse, error) {
		return func(row scanner) (u tracking.ColumnUse, err error) {
			u.Kind = kind
			return u, row(&u.Name, &u.Runs, &u.Values)
		}
	}
	in := t.db.InTexts("run_id", "$1")
	metrics, err := list(ctx, t, scan(tracking.KindMetric), `
		SELECT key, COUNT(*), 0 FROM metrics WHERE `+in+` AND substr(key, 1, 7) <> 'system/'
		 GROUP BY key ORDER BY COUNT(*) DESC, `+curvesFirst+`, key LIMIT $2`, textList(runs), mostColumnUses)
	if err != nil {
		return nil, err
	}
	params, err := list(ctx, t, scan(tracking.KindParam), `
		SELECT key, COUNT(*), COUNT(DISTINCT value) FROM params WHERE `+in+` GROUP BY key ORDER BY COUNT(*) DESC, key`, textList(runs))
	return append(metrics, params...), err
}

// curvesFirst puts metrics that have a curve before those of a single step.
const curvesFirst = `CASE WHEN MAX(step) > 0 THEN 0 ELSE 1 END`

// MetricKeys lists the metrics of some runs, most used first.
func (t *Tx) MetricKeys(ctx context.Context, runs []string) ([]string, error) {
	return list(ctx, t, column[string], `
		SELECT key FROM metrics WHERE `+t.db.InTexts("run_id", "$1")+` GROUP BY key
		 ORDER BY COUNT(*) DESC, `+curvesFirst+`, key LIMIT $2`, textList(runs), mostMetricKeys)
}

const mostMetricKeys = 500

// LatestValues are the last values of a metric in the newest active runs of an experiment, oldest run first.
func (t *Tx) LatestValues(ctx context.Context, experiment, key string, n int) ([]float64, error) {
	id, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	out, err := list(ctx, t, func(row scanner) (float64, error) {
		var m tracking.Metric
		err := scanMetricShort(row, &m)
		return m.Value, err
	}, `SELECT m.value, m.is_nan
	      FROM (SELECT id, start_time FROM runs WHERE experiment_id = $1 AND deleted_at = 0 ORDER BY start_time DESC, id LIMIT $3) r
	      JOIN metrics m ON m.run_id = r.id AND m.key = $2 ORDER BY r.start_time DESC, r.id`, id, key, n)
	slices.Reverse(out)
	return out, err
}

// BestRun is the active run of an experiment with the highest or lowest value of a metric; none has no id.
func (t *Tx) BestRun(ctx context.Context, experiment, key string, highest bool) (b tracking.Best, err error) {
	id, err := experimentNumber(experiment)
	if err != nil {
		return b, err
	}
	direction := map[bool]string{true: "DESC", false: "ASC"}[highest]
	b, err = one(ctx, t, func(row scanner) (b tracking.Best, err error) { return b, row(&b.RunID, &b.Value) }, `
		SELECT m.run_id, m.value FROM metrics m CROSS JOIN runs r
		 WHERE m.experiment_id = $1 AND m.key = $2 AND m.is_nan = FALSE AND r.id = m.run_id AND r.deleted_at = 0
		 ORDER BY m.value `+direction+` LIMIT 1`, id, key)
	if domain.KindOf(err) == domain.NotFound {
		return tracking.Best{}, nil
	}
	return b, err
}

// fillColumns reads some keys of many runs.
func (t *Tx) fillColumns(ctx context.Context, runs []tracking.Run, c tracking.Columns) error {
	if len(runs) == 0 {
		return nil
	}
	ids := make([]string, len(runs))
	at := make(map[string]*tracking.Run, len(runs))
	for i := range runs {
		ids[i], at[runs[i].ID] = runs[i].ID, &runs[i]
	}
	of := t.db.InTexts("run_id", "$1") + " AND " + t.db.InTexts("key", "$2")
	var run string
	for _, q := range []struct {
		keys []string
		sql  string
		add  func(scanner) error
	}{
		{c.Metrics, `SELECT run_id, key, value, is_nan, step, timestamp FROM metrics WHERE `, func(row scanner) error {
			var m tracking.Metric
			err := scanMetric(row, &m, &run, &m.Key)
			at[run].Metrics = append(at[run].Metrics, m)
			return err
		}},
		{c.Params, `SELECT run_id, key, value FROM params WHERE `, func(row scanner) error {
			var p tracking.Param
			err := row(&run, &p.Key, &p.Value)
			at[run].Params = append(at[run].Params, p)
			return err
		}},
		{c.Tags, `SELECT run_id, key, value FROM tags WHERE `, scanTags(func(run string, tag tracking.Tag) {
			at[run].Tags = append(at[run].Tags, tag)
		})},
	} {
		if len(q.keys) == 0 {
			continue
		}
		if err := t.each(ctx, q.add, q.sql+of, textList(ids), textList(q.keys)); err != nil {
			return err
		}
	}
	return nil
}

// parent narrows runs to the children of one, or to those without a parent.
func (w *where) parent(id string) {
	const key = "key = '" + tracking.TagParent + "'"
	if id == "" {
		w.and("NOT EXISTS (SELECT 1 FROM tags x WHERE x.run_id = r.id AND x." + key + ")")
		return
	}
	w.and("r.id IN (SELECT run_id FROM tags WHERE " + key + " AND value = " + w.arg(id) + ")")
}

// ChildCounts counts the active children of runs.
func (t *Tx) ChildCounts(ctx context.Context, runs []string) (map[string]int, error) {
	out := map[string]int{}
	return out, t.each(ctx, func(row scanner) error {
		var run string
		var n int
		err := row(&run, &n)
		out[run] = n
		return err
	}, `SELECT x.value, COUNT(*) FROM tags x JOIN runs r ON r.id = x.run_id
	     WHERE x.key = '`+tracking.TagParent+`' AND `+t.db.InTexts("x.value", "$1")+` AND r.deleted_at = 0 GROUP BY x.value`, textList(runs))
}

// LastWrite is when something was last written to a run of an experiment.
func (t *Tx) LastWrite(ctx context.Context, experiment string) (int64, error) {
	n, err := experimentNumber(experiment)
	if err != nil {
		return 0, err
	}
	return one(ctx, t, column[int64], `SELECT COALESCE(MAX(updated_at), 0) FROM runs WHERE experiment_id = $1`, n)
}

// fewRuns is up to how many runs a condition may hold for to be worth starting from.
const fewRuns = 2000

// plannedPage is runPage, started from the comparison of the filter that holds for the fewest runs if those are
// few, and whether it is: a search for a needle among a hundred thousand runs does not look at each of them.
func (t *Tx) plannedPage(ctx context.Context, q tracking.Query, m string) (page, bool, error) {
	p := t.runPage(q, m)
	if len(q.Experiments) != 1 || q.Filter == nil {
		return p, false, nil
	}
	best, from, args := fewRuns, "", p.where.args
	for _, c := range conjuncts(q.Filter) {
		w := &where{db: t.db, args: slices.Clone(args)} // PostgreSQL minds arguments that nothing uses
		start := w.start(q.Experiments, c)
		if start == "" {
			continue
		}
		counting := &where{db: t.db}
		n, err := one(ctx, t, column[int], `SELECT COUNT(*) FROM (SELECT 1 FROM `+counting.start(q.Experiments, c)+` LIMIT `+strconv.Itoa(best)+`) few`, counting.args...)
		if err != nil {
			return p, false, err
		}
		if n < best {
			best, from = n, start
			p.where.args = w.args
		}
	}
	if from != "" {
		p.from = "(SELECT s.run_id FROM " + from + ") f CROSS JOIN runs r"
		p.where.and("r.id = f.run_id")
	}
	return p, from != "", nil
}

// conjuncts are the comparisons of which each must hold.
func conjuncts(e search.Expr) (out []search.Clause) {
	switch e := e.(type) {
	case search.And:
		for _, x := range e {
			out = append(out, conjuncts(x)...)
		}
	case search.Clause:
		out = append(out, e)
	}
	return out
}

// start is the index range that holds the runs for which c is true; "" where no index knows them.
func (w *where) start(experiments []string, c search.Clause) string {
	labelled := func(table string) string {
		if c.Op != search.Eq {
			return ""
		}
		v := w.arg(c.Str)
		return table + " s WHERE s.key = " + w.arg(c.Key) + " AND substr(s.value, 1, 64) = substr(CAST(" + v + " AS TEXT), 1, 64) AND s.value = " + v
	}
	switch {
	case c.Entity == search.Metric && slices.Contains([]search.Op{search.Eq, search.Lt, search.Le, search.Gt, search.Ge}, c.Op):
		return "metrics s WHERE s.experiment_id = " + experimentList(experiments) + " AND s.key = " + w.arg(c.Key) + " AND s.is_nan = FALSE AND " + w.number("s.value", c)
	case c.Entity == search.Param:
		return labelled("params")
	case c.Entity == search.Tag:
		return labelled("tags")
	}
	return ""
}

// groupPortion is of how many runs values are read at a time.
const groupPortion = 2000

// GroupRuns groups the newest of the runs that q finds, up to tracking.MostGrouped, by a param or a tag.
func (t *Tx) GroupRuns(ctx context.Context, q tracking.Query, by tracking.Key, metrics []string) ([]tracking.Group, error) {
	p, _, err := t.plannedPage(ctx, q, "")
	if err != nil {
		return nil, err
	}
	runs, err := list(ctx, t, column[string], `SELECT r.id FROM `+p.from+` WHERE `+p.where.String()+
		` ORDER BY r.start_time DESC, r.id LIMIT `+strconv.Itoa(tracking.MostGrouped), p.where.args...)
	if err != nil {
		return nil, err
	}
	table := map[string]string{tracking.KindParam: "params", tracking.KindTag: "tags"}[by.Kind]
	missing := &tracking.Group{Missing: true, Metrics: map[string]tracking.Moments{}}
	named := map[string]*tracking.Group{}
	for some := range slices.Chunk(runs, groupPortion) {
		of := make(map[string]*tracking.Group, len(some))
		if err := t.each(ctx, func(row scanner) error {
			var run, value string
			if err := row(&run, &value); err != nil {
				return err
			}
			g := named[value]
			if g == nil {
				g = &tracking.Group{Value: value, Metrics: map[string]tracking.Moments{}}
				named[value] = g
			}
			of[run] = g
			return nil
		}, `SELECT run_id, value FROM `+table+` WHERE `+t.db.InTexts("run_id", "$1")+` AND key = $2`, textList(some), by.Name); err != nil {
			return nil, err
		}
		for _, run := range some {
			if of[run] == nil {
				of[run] = missing
			}
			of[run].Runs++
		}
		if len(metrics) == 0 {
			continue
		}
		if err := t.each(ctx, func(row scanner) error {
			var run string
			var m tracking.Metric
			err := scanMetricShort(row, &m, &run, &m.Key)
			moments := of[run].Metrics[m.Key]
			moments.Add(m.Value)
			of[run].Metrics[m.Key] = moments
			return err
		}, `SELECT run_id, key, value, is_nan FROM metrics WHERE `+t.db.InTexts("run_id", "$1")+` AND `+t.db.InTexts("key", "$2"), textList(some), textList(metrics)); err != nil {
			return nil, err
		}
	}
	out := make([]tracking.Group, 0, len(named)+1)
	for _, g := range named {
		out = append(out, *g)
	}
	if missing.Runs > 0 {
		out = append(out, *missing)
	}
	slices.SortFunc(out, func(a, b tracking.Group) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), strings.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), tracking.MostGroups)], nil
}

// Trends are up to about n values of one metric of each run, in the order they were logged, for the shape of a
// curve: of a long series only some blocks are read.
func (t *Tx) Trends(ctx context.Context, runs []string, key string, n int) (map[string][]float64, error) {
	type series struct {
		run        string
		id, blocks int64
	}
	all, err := list(ctx, t, func(row scanner) (s series, err error) { return s, row(&s.run, &s.id, &s.blocks) }, `
		SELECT run_id, series, (SELECT COUNT(*) FROM metric_blocks b WHERE b.series = metrics.series)
		  FROM metrics WHERE `+t.db.InTexts("run_id", "$1")+` AND key = $2`, textList(runs), key)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]float64, len(all))
	for _, s := range all {
		every := max(1, s.blocks/trendBlocks)
		rows, err := list(ctx, t, scanBlock, `
			SELECT seq, data FROM metric_blocks
			 WHERE series = $1 AND (seq % $2 = 0 OR seq = (SELECT MAX(seq) FROM metric_blocks WHERE series = $1)) ORDER BY seq`, s.id, every)
		if err != nil {
			return nil, err
		}
		tail, err := list(ctx, t, scanBlock, `SELECT seq, data FROM metric_tail WHERE series = $1 ORDER BY seq DESC LIMIT $2`, s.id, trendTail)
		if err != nil {
			return nil, err
		}
		slices.Reverse(tail)
		ps, err := decode(append(rows, tail...))
		if err != nil {
			return nil, err
		}
		out[s.run] = thin(points.Sort(ps), n)
	}
	return out, nil
}

// PointCounts are how many points series of a run have; one that came twice may count twice.
func (t *Tx) PointCounts(ctx context.Context, run string, keys []string) (map[string]int64, error) {
	out := make(map[string]int64, len(keys))
	return out, t.each(ctx, func(row scanner) error {
		var key string
		var n int64
		err := row(&key, &n)
		out[key] = n
		return err
	}, `SELECT m.key, CAST(m.tail_points + COALESCE((SELECT SUM(b.points) FROM metric_blocks b WHERE b.series = m.series), 0) AS BIGINT)
	      FROM metrics m WHERE m.run_id = $1 AND `+t.db.InTexts("m.key", "$2"), run, textList(keys))
}

// Of a series a trend reads so many blocks, spread over it, and so many rows of its tail.
const (
	trendBlocks = 8
	trendTail   = 500
)

func thin(ps []points.Point, n int) []float64 {
	out := make([]float64, 0, n)
	if len(ps) <= n {
		for _, p := range ps {
			out = append(out, p.Value)
		}
		return out
	}
	for i := range n {
		out = append(out, ps[i*(len(ps)-1)/(n-1)].Value)
	}
	return out
}
