package storage

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage/points"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

// A series' points come to metric_tail as one row a request and move to metric_blocks when there are
// enough of them or the run has ended. Reading merges both, so doubled points are dropped whether
// they were compacted or not, and an acknowledged point is in exactly one of the tables at any time.
const (
	tailPoints  = 4000 // a longer tail is compacted
	blockPoints = 1000
)

// scanMetric reads what come before it, then value, is_nan, step and timestamp.
func scanMetric(row scanner, m *tracking.Metric, before ...any) error {
	var nan bool
	err := row(append(before, &m.Value, &nan, &m.Step, &m.Timestamp)...)
	if nan {
		m.Value = math.NaN()
	}
	return err
}

// scanMetricShort is scanMetric without step and timestamp.
func scanMetricShort(row scanner, m *tracking.Metric, before ...any) error {
	var nan bool
	err := row(append(before, &m.Value, &nan)...)
	if nan {
		m.Value = math.NaN()
	}
	return err
}

// number is v as the tables hold it: 0 and true for NaN, which SQLite does not have.
func number(v float64) (float64, bool) {
	if math.IsNaN(v) {
		return 0, true
	}
	return v, false
}

// AddPoints appends points to the series of a run and keeps the latest of each. A request's series go into
// one statement, since what a small statement costs is mostly the statement.
func (t *Tx) AddPoints(ctx context.Context, r tracking.Run, ms []tracking.Metric) error {
	experiment, err := experimentNumber(r.ExperimentID)
	if err != nil {
		return err
	}
	for portion := range slices.Chunk(bySeries(ms), seriesPortion) {
		if err := t.addSeries(ctx, r.ID, experiment, portion); err != nil {
			return err
		}
	}
	return nil
}

const seriesPortion = 50

type seriesPoints struct {
	key    string
	points []points.Point
}

func bySeries(ms []tracking.Metric) []seriesPoints {
	var out []seriesPoints
	at := map[string]int{}
	for _, m := range ms {
		i, ok := at[m.Key]
		if !ok {
			i = len(out)
			at[m.Key] = i
			out = append(out, seriesPoints{key: m.Key})
		}
		out[i].points = append(out[i].points, points.Point{Timestamp: m.Timestamp, Step: m.Step, Value: m.Value})
	}
	// Requests that touch the same series lock them in the same order.
	slices.SortFunc(out, func(a, b seriesPoints) int { return strings.Compare(a.key, b.key) })
	return out
}

// latest is the point that the protocol shows as the metric's value: the greatest (step, timestamp, value),
// where NaN counts as 0.
func latest(ps []points.Point) points.Point {
	best := ps[0]
	for _, p := range ps[1:] {
		pv, _ := number(p.Value)
		bv, _ := number(best.Value)
		if p.Step > best.Step || p.Step == best.Step && (p.Timestamp > best.Timestamp || p.Timestamp == best.Timestamp && pv > bv) {
			best = p
		}
	}
	return best
}

func (t *Tx) addSeries(ctx context.Context, run string, experiment int64, all []seriesPoints) error {
	args := []any{run, experiment}
	at := make(map[string]int, len(all))
	for i, s := range all {
		p := latest(s.points)
		value, nan := number(p.Value)
		args = append(args, s.key, value, nan, p.Step, p.Timestamp, len(s.points))
		at[s.key] = i
	}
	tail := make([]any, 3*len(all))
	err := t.each(ctx, func(row scanner) error {
		var key string
		var series, seq, points int64
		if err := row(&key, &series, &seq, &points); err != nil {
			return err
		}
		i := at[key]
		copy(tail[3*i:], []any{series, seq, encode(all[i].points)})
		if points >= tailPoints {
			t.full = append(t.full, series)
		}
		return nil
	}, t.ingest(len(all)).upsert, args...)
	if err != nil {
		return err
	}
	return t.exec(ctx, t.ingest(len(all)).append, tail...)
}

// statements of the ingest, by engine and number of series: made once, for they are long.
type statements struct{ upsert, append string }

type statementsKey struct {
	engine sqldb.Engine
	series int
}

var ingests sync.Map // statementsKey → statements

func (t *Tx) ingest(n int) statements {
	k := statementsKey{t.db.Engine, n}
	if s, ok := ingests.Load(k); ok {
		return s.(statements) //nolint:forcetypeassert // nothing else is stored
	}
	s := statements{t.upsertSeries(n), `INSERT INTO metric_tail (series, seq, data) VALUES ` + groups(n, 3)}
	ingests.Store(k, s)
	return s
}

func encode(ps []points.Point) []byte { return points.Encode(nil, ps) }

// upsertSeries is the statement for n series of a run: arguments are the run, its experiment, and of each
// series its key, latest value, whether that is NaN, its step and timestamp, and the number of points.
func (t *Tx) upsertSeries(n int) string {
	const newer = `CASE WHEN (excluded.step, excluded.timestamp, excluded.value) > (metrics.step, metrics.timestamp, metrics.value) THEN `
	var b strings.Builder
	b.WriteString(`
		INSERT INTO metrics (run_id, key, series, experiment_id, value, is_nan, step, timestamp, tail_seq, tail_points) VALUES`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		a := 3 + 6*i
		fmt.Fprintf(&b, ` ($1, $%d, %s, $2, $%d, $%d, $%d, $%d, 1, $%d)`, a, t.db.NextSeries(i+1), a+1, a+2, a+3, a+4, a+5)
	}
	return b.String() + `
		ON CONFLICT (run_id, key) DO UPDATE SET
		  value       = ` + newer + `excluded.value     ELSE metrics.value     END,
		  is_nan      = ` + newer + `excluded.is_nan    ELSE metrics.is_nan    END,
		  step        = ` + newer + `excluded.step      ELSE metrics.step      END,
		  timestamp   = ` + newer + `excluded.timestamp ELSE metrics.timestamp END,
		  tail_seq    = metrics.tail_seq + 1,
		  tail_points = metrics.tail_points + excluded.tail_points
		RETURNING key, series, tail_seq, tail_points`
}

// groups is n groups of as many placeholders, from $1 on.
func groups(n, columns int) string {
	var b strings.Builder
	for i := range n * columns {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	return b.String() + ")"
}

// SeriesOf lists the series of a run that have a tail of more than one row.
func (t *Tx) SeriesOf(ctx context.Context, run string) ([]int64, error) {
	return list(ctx, t, column[int64], `SELECT series FROM metrics WHERE run_id = $1 AND tail_points > 1 ORDER BY series`, run)
}

type block struct {
	seq  int64
	data []byte
}

func scanBlock(row scanner) (b block, err error) { return b, row(&b.seq, &b.data) }

// CompactSeries moves the tail of a series into its blocks.
func (t *Tx) CompactSeries(ctx context.Context, series int64) error {
	// This also takes the series' lock on PostgreSQL, so that no request adds to the tail meanwhile.
	if n, err := t.changed(ctx, `UPDATE metrics SET tail_points = 0 WHERE series = $1`, series); n == 0 || err != nil {
		return err
	}
	tail, err := list(ctx, t, scanBlock, `SELECT seq, data FROM metric_tail WHERE series = $1 ORDER BY seq`, series)
	if err != nil || len(tail) == 0 {
		return err
	}
	ps, err := decode(tail)
	if err != nil {
		return err
	}
	ps = points.Sort(ps)
	touched, err := list(ctx, t, scanBlock, `
		SELECT seq, data FROM metric_blocks
		 WHERE series = $1 AND ((last_ts, last_step) >= ($2, $3)
		    OR seq = (SELECT MAX(seq) FROM metric_blocks WHERE series = $1) AND points < $4)
		 ORDER BY seq`, series, ps[0].Timestamp, ps[0].Step, blockPoints)
	if err != nil {
		return err
	}
	seq, err := one(ctx, t, column[int64], `SELECT COALESCE(MAX(seq), 0) + 1 FROM metric_blocks WHERE series = $1`, series)
	if err != nil {
		return err
	}
	if len(touched) > 0 {
		old, err := decode(touched)
		if err != nil {
			return err
		}
		seq, ps = touched[0].seq, points.Sort(append(old, ps...))
		if err := t.exec(ctx, `DELETE FROM metric_blocks WHERE series = $1 AND seq >= $2`, series, seq); err != nil {
			return err
		}
	}
	if err := t.addBlocks(ctx, series, seq, ps); err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM metric_tail WHERE series = $1 AND seq <= $2`, series, tail[len(tail)-1].seq)
}

func decode(blocks []block) (ps []points.Point, err error) {
	for _, b := range blocks {
		if ps, err = points.Decode(ps, b.data); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

func (t *Tx) addBlocks(ctx context.Context, series, seq int64, ps []points.Point) error {
	for ; len(ps) > 0; seq++ {
		n := min(blockPoints, len(ps))
		part := ps[:n]
		low, high := part[0].Step, part[0].Step
		for _, p := range part {
			low, high = min(low, p.Step), max(high, p.Step)
		}
		if err := t.exec(ctx, `
			INSERT INTO metric_blocks (series, seq, points, last_ts, last_step, min_step, max_step, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			series, seq, n, part[n-1].Timestamp, part[n-1].Step, low, high, points.Encode(nil, part)); err != nil {
			return err
		}
		ps = ps[n:]
	}
	return nil
}

// MetricHistory reads the stored form of a history; it is decoded after the transaction has ended, so a
// slow reader holds no snapshot open.
func (t *Tx) MetricHistory(ctx context.Context, q tracking.HistoryQuery) (tracking.History, error) {
	h := &history{key: q.Key, limit: q.Limit}
	after := points.Point{Timestamp: math.MinInt64, Step: math.MinInt64}
	if q.After != "" {
		if err := h.resume(q.After); err != nil {
			return nil, err
		}
		after = h.after
	}
	series, err := one(ctx, t, column[int64], `SELECT series FROM metrics WHERE run_id = $1 AND key = $2`, q.RunID, q.Key)
	if domain.KindOf(err) == domain.NotFound {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	most := int64(math.MaxInt64)
	if q.Limit > 0 { // one block may lie half before the page, another half behind it
		most = int64(q.Limit/blockPoints) + 3
	}
	if h.blocks, err = list(ctx, t, column[[]byte], `
		SELECT data FROM metric_blocks
		 WHERE series = $1 AND (last_ts, last_step) >= ($2, $3)
		 ORDER BY seq LIMIT $4`, series, after.Timestamp, after.Step, most); err != nil {
		return nil, err
	}
	tail, err := list(ctx, t, scanBlock, `SELECT seq, data FROM metric_tail WHERE series = $1 ORDER BY seq`, series)
	if err != nil {
		return nil, err
	}
	if h.tail, err = decode(tail); err != nil {
		return nil, err
	}
	h.tail = points.Sort(h.tail)
	return h, nil
}

// history merges blocks and tail, both in order, into one sequence without doubles.
type history struct {
	key    string
	blocks [][]byte
	tail   []points.Point
	limit  int
	paged  bool // a token was given
	after  points.Point
	next   string
}

// Next implements tracking.History.
func (h *history) Next() string { return h.next }

// Columns implements tracking.History. Blocks are in order and hold nothing twice, so they are taken as they are
// unless points of the tail belong between them.
func (h *history) Columns() (steps, times []int64, values []float64, err error) {
	n := len(h.tail)
	for _, b := range h.blocks {
		count, err := points.Count(b)
		if err != nil {
			return nil, nil, nil, err
		}
		n += count
	}
	steps, times, values = make([]int64, 0, n), make([]int64, 0, n), make([]float64, 0, n)
	if h.paged || h.limit > 0 || !h.tailIsLast() {
		err = h.Each(func(m tracking.Metric) error {
			steps, times, values = append(steps, m.Step), append(times, m.Timestamp), append(values, m.Value)
			return nil
		})
		return steps, times, values, err
	}
	add := func(ps []points.Point) {
		for _, p := range ps {
			steps, times, values = append(steps, p.Step), append(times, p.Timestamp), append(values, p.Value)
		}
	}
	var buffer []points.Point
	for _, b := range h.blocks {
		if buffer, err = points.Decode(buffer[:0], b); err != nil {
			return nil, nil, nil, err
		}
		add(buffer)
	}
	add(h.tail)
	return steps, times, values, nil
}

// tailIsLast reports whether all of the tail comes after all of the blocks.
func (h *history) tailIsLast() bool {
	if len(h.tail) == 0 || len(h.blocks) == 0 {
		return true
	}
	last, err := points.Decode(nil, h.blocks[len(h.blocks)-1])
	return err == nil && len(last) > 0 && points.Compare(last[len(last)-1], h.tail[0]) < 0
}

// Each implements tracking.History.
func (h *history) Each(fn func(tracking.Metric) error) error {
	var buffer, current []points.Point
	blocks, tail, last, some, n := h.blocks, h.tail, h.after, h.paged, 0
	for {
		for len(current) == 0 && len(blocks) > 0 {
			var err error
			if buffer, err = points.Decode(buffer[:0], blocks[0]); err != nil {
				return err
			}
			current, blocks = buffer, blocks[1:]
		}
		var p points.Point
		switch {
		case len(current) == 0 && len(tail) == 0:
			return nil
		case len(tail) == 0 || len(current) > 0 && points.Compare(current[0], tail[0]) <= 0:
			p, current = current[0], current[1:]
		default:
			p, tail = tail[0], tail[1:]
		}
		if some && points.Compare(p, last) <= 0 {
			continue // doubled, or on the page before
		}
		if h.limit > 0 && n == h.limit {
			h.next = historyToken(h.key, last)
			return nil
		}
		last, some, n = p, true, n+1
		if err := fn(tracking.Metric{Key: h.key, Value: p.Value, Timestamp: p.Timestamp, Step: p.Step}); err != nil {
			return err
		}
	}
}
