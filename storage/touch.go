package storage

import (
	"context"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/domain/tracking"
)

// seen is what this process knows to be written already, so that the ingest need not write it again with every
// request: when a run was last touched and which keys an experiment has. It only ever saves work: what it
// forgets, or another process wrote, is written twice without harm.
type seen struct {
	mu      sync.Mutex
	touched map[string]int64
	keys    map[keySpace]map[string]bool
	count   int
}

type keySpace struct {
	experiment int64
	kind       string
}

const (
	touchEvery  = 500 // milliseconds between two notes of when a run was written to
	mostTouched = 20_000
	mostKeys    = 500_000
)

func newSeen() *seen { return &seen{touched: map[string]int64{}, keys: map[keySpace]map[string]bool{}} }

// due reports whether run wants a new note at now.
func (s *seen) due(run string, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now-s.touched[run] >= touchEvery
}

// unknown are those of keys that are not noted yet, sorted: transactions take their locks in the same order.
func (s *seen) unknown(space keySpace, n int, key func(int) string) (out []string) {
	s.mu.Lock()
	known, last := s.keys[space], ""
	for i := range n {
		k := key(i)
		if i > 0 && k == last || known[k] {
			continue
		}
		out, last = append(out, k), k
	}
	s.mu.Unlock()
	slices.Sort(out)
	return slices.Compact(out)
}

// remember notes what a transaction has committed.
func (s *seen) remember(w written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for run, at := range w.touched {
		if len(s.touched) >= mostTouched {
			clear(s.touched)
		}
		s.touched[run] = at
	}
	for space, keys := range w.keys {
		if s.count >= mostKeys {
			clear(s.keys)
			s.count = 0
		}
		if s.keys[space] == nil {
			s.keys[space] = map[string]bool{}
		}
		for _, k := range keys {
			s.keys[space][k] = true
		}
		s.count += len(keys)
	}
}

// written is what one transaction adds to seen.
type written struct {
	touched map[string]int64
	keys    map[keySpace][]string
}

// Touch notes that a run was written to now, and the keys that b uses.
func (t *Tx) Touch(ctx context.Context, r tracking.Run, b tracking.Batch) error {
	experiment, err := experimentNumber(r.ExperimentID)
	if err != nil {
		return err
	}
	for _, use := range []struct {
		kind string
		n    int
		key  func(int) string
	}{
		{"metric", len(b.Metrics), func(i int) string { return b.Metrics[i].Key }},
		{"param", len(b.Params), func(i int) string { return b.Params[i].Key }},
		{"tag", len(b.Tags), func(i int) string { return b.Tags[i].Key }},
	} {
		space := keySpace{experiment, use.kind}
		for some := range slices.Chunk(t.seen.unknown(space, use.n, use.key), seriesPortion) {
			if err := t.noteKeys(ctx, space, some); err != nil {
				return err
			}
		}
	}
	now := t.now.UnixMilli()
	if !t.seen.due(r.ID, now) {
		return nil
	}
	if t.written.touched == nil {
		t.written.touched = map[string]int64{}
	}
	t.written.touched[r.ID] = now
	return t.exec(ctx, `UPDATE runs SET updated_at = $2 WHERE id = $1 AND updated_at < $2`, r.ID, now)
}

func (t *Tx) noteKeys(ctx context.Context, space keySpace, keys []string) error {
	args := make([]any, 0, 3*len(keys))
	for _, k := range keys {
		args = append(args, space.experiment, space.kind, k)
	}
	if t.written.keys == nil {
		t.written.keys = map[keySpace][]string{}
	}
	t.written.keys[space] = append(t.written.keys[space], keys...)
	return t.exec(ctx, `INSERT INTO experiment_keys (experiment_id, kind, key) VALUES `+groups(len(keys), 3)+` ON CONFLICT DO NOTHING`, args...)
}
