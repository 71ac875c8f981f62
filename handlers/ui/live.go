package ui

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// A page that follows a run or an experiment keeps one stream open. What changed is found by asking the database
// when the thing was last written to, which is one index look-up: so it works the same on both engines and with any
// number of server processes on one PostgreSQL, and the ingest pays nothing for it. All streams of a process that
// follow the same thing share one question.
const (
	askEvery  = 500 * time.Millisecond
	settles   = time.Second      // after a change the last writes may not be noted yet: say so once more
	loading   = 5 * time.Second  // what was written so shortly before a stream opened, the page may have been too early for
	heartbeat = 15 * time.Second // keeps proxies from closing the stream, and finds readers who left
	longest   = 10 * time.Minute // then the browser comes again, and is asked again who it is
)

// watchers are the things that some page of this process follows.
type watchers struct {
	mu  sync.Mutex
	all map[string]*watch
}

// watch asks for one thing as long as somebody listens.
type watch struct {
	listeners map[chan struct{}]bool
	stop      context.CancelFunc
}

// follow hears of each change of the thing called name until done is called. ask tells when it was last written to.
func (w *watchers) follow(name string, ask func(context.Context) (int64, error)) (heard <-chan struct{}, done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	on := w.all[name]
	if on == nil {
		ctx, stop := context.WithCancel(context.Background())
		on = &watch{listeners: map[chan struct{}]bool{}, stop: stop}
		w.all[name] = on
		go w.run(ctx, on, ask)
	}
	c := make(chan struct{}, 1) // holds one change: more say nothing more
	on.listeners[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(on.listeners, c)
		if len(on.listeners) == 0 {
			on.stop()
			delete(w.all, name)
		}
	}
}

func (w *watchers) run(ctx context.Context, on *watch, ask func(context.Context) (int64, error)) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var last int64 = -1
	var again time.Time
	for {
		now, err := ask(ctx)
		changed := err == nil && last >= 0 && now != last
		if err == nil {
			last = now
		}
		late := !again.IsZero() && time.Now().After(again)
		if changed || late {
			w.tell(on)
			again = time.Time{}
			if changed {
				again = time.Now().Add(settles)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *watchers) tell(on *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range on.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (p pages) live() []route.Route {
	return []route.Route{route.GET("/live", access.RunRead, p.stream)}
}

// stream is a stream of server-sent events (WHATWG HTML, 9.2) named "changed", which carry the id of what changed
// and nothing of it: the page asks for that under its own permission.
func (p pages) stream(r *route.Request) error {
	name, ask, err := subject(r)
	if err != nil {
		return err
	}
	at, err := ask(r.Ctx())
	if err != nil {
		return err
	}
	heard, done := p.watchers.follow(name, ask)
	defer done()
	var missed <-chan time.Time
	if time.Since(time.UnixMilli(at)) < loading {
		missed = time.After(settles)
	}
	h := r.Response().Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx holds events back
	r.Response().WriteHeader(http.StatusOK)
	beat, end := time.NewTicker(heartbeat), time.NewTimer(longest)
	defer beat.Stop()
	defer end.Stop()
	say := func(text string) error {
		out := http.NewResponseController(r.Response().Writer)
		_ = out.SetWriteDeadline(time.Now().Add(2 * heartbeat))
		if _, err := fmt.Fprint(r.Response(), text); err != nil {
			return err
		}
		return out.Flush()
	}
	if say("retry: 2000\n\n") != nil {
		return nil // the reader left
	}
	for {
		text := "event: changed\ndata: " + name + "\n\n"
		select {
		case <-r.Ctx().Done():
			return nil
		case <-r.Stopping:
			return nil
		case <-end.C:
			return nil
		case <-beat.C:
			text = ": still here\n\n"
		case <-missed:
		case <-heard:
		}
		if say(text) != nil {
			return nil
		}
	}
}

// subject is what a stream follows, as run=ID or experiment=ID.
func subject(r *route.Request) (name string, ask func(context.Context) (int64, error), err error) {
	run, experiment := r.QueryParam("run"), r.QueryParam("experiment")
	look := func(find func(context.Context, *storage.Tx) (int64, error)) func(context.Context) (int64, error) {
		return func(ctx context.Context) (at int64, err error) {
			err = r.DB.Read(ctx, r.Grant, func(tx *storage.Tx) error {
				at, err = find(ctx, tx)
				return err
			})
			return at, err
		}
	}
	switch {
	case run != "" && experiment == "":
		return r.Grant.Workspace() + "/run/" + run, look(func(ctx context.Context, tx *storage.Tx) (int64, error) {
			return tracking.LastRunWrite(ctx, tx, r.Grant, run)
		}), nil
	case experiment != "" && run == "":
		return r.Grant.Workspace() + "/experiment/" + experiment, look(func(ctx context.Context, tx *storage.Tx) (int64, error) {
			return tracking.LastWrite(ctx, tx, r.Grant, experiment)
		}), nil
	}
	return "", nil, domain.Fail(domain.Invalid, "live.subject", "a stream follows one run or one experiment: give run=ID or experiment=ID")
}
