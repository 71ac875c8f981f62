// Package job is the work that the server does behind its requests: what is ordered, who runs it, and what becomes
// of it when an attempt fails. The rules are functions of values; jobs runs them, storage remembers.
//
// A job is run at least once: an attempt that a crash cut short is made again, so a handler must bear being repeated.
// Instants are milliseconds since 1970-01-01 UTC, 0 where there is none.
package job

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// State is how far a job is.
type State string

// The states. Done and Failed are the end; a failed attempt that will be repeated is Queued again.
const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// States lists every state.
var States = []State{Queued, Running, Done, Failed}

// Job is one piece of work. Who orders one gives Kind and Payload and whatever else matters of the first block;
// New fills in the rest.
type Job struct {
	Workspace string // "" = the default one
	Kind      string // a Kind's name; its handler does the work
	// Key names the work, so that it is ordered once: of one workspace, kind and key at most one job waits, and at most
	// one is under way. One ordered while another waits is that other one, with that one's payload. One ordered while
	// another is under way waits for its end, since what is under way may have looked too early. "" = every order counts.
	Key         string
	Payload     json.RawMessage // for the handler; nil = {}
	RunAt       int64           // not before; 0 = at once
	MaxAttempts int             // 0 = as many as the kind allows
	CreatedBy   string          // an actor's id; "" = the server itself

	ID         string
	State      State
	Attempts   int    // begun so far
	Owner      string // of a running one: the process that runs it
	LeaseUntil int64  // of a running one: when it counts as abandoned unless the owner says otherwise
	LastError  string
	CreatedAt  int64
	StartedAt  int64 // of the latest attempt
	FinishedAt int64
}

const (
	maxKey     = 200
	maxPayload = 64 << 10
	maxError   = 500
)

// New is the order j as it is written: checked, and with what it leaves open filled in.
func New(j Job, id string, now time.Time) (Job, error) {
	if j.Payload == nil {
		j.Payload = json.RawMessage("{}")
	}
	switch {
	case j.Kind == "":
		return j, domain.Fail(domain.Internal, "internal", "a job without a kind")
	case len(j.Key) > maxKey:
		return j, domain.Fail(domain.Internal, "internal", "the key of a %s job has %d bytes, at most %d are kept", j.Kind, len(j.Key), maxKey)
	case len(j.Payload) > maxPayload || !json.Valid(j.Payload):
		return j, domain.Fail(domain.Internal, "internal", "the payload of a %s job is no JSON, or longer than %d bytes", j.Kind, maxPayload)
	}
	if j.Workspace == "" {
		j.Workspace = access.DefaultWorkspace
	}
	if j.CreatedBy == "" {
		j.CreatedBy = access.System("jobs").ID
	}
	if j.MaxAttempts == 0 {
		j.MaxAttempts = KindOf(j.Kind).Attempts
	}
	j.ID, j.State, j.CreatedAt = id, Queued, now.UnixMilli()
	j.RunAt = max(j.RunAt, j.CreatedAt)
	return j, nil
}

// Finish is j after an attempt that did the work.
func (j Job) Finish(now time.Time) Job {
	j.State, j.FinishedAt, j.LastError = Done, now.UnixMilli(), ""
	return j
}

// Fail is j after an attempt that failed: queued again after the kind's delay, or at its end when that was the last
// attempt. random is in [0, 1) and spreads the delays.
func (j Job) Fail(k Kind, why string, now time.Time, random float64) Job {
	j.LastError = short(why)
	if j.Attempts >= j.MaxAttempts {
		j.State, j.FinishedAt = Failed, now.UnixMilli()
		return j
	}
	j.State, j.RunAt = Queued, now.Add(k.Delay(j.Attempts, random)).UnixMilli()
	return j
}

// Expire is j after its lease ran out: the process that ran it died or hung. That attempt counts, or a job that kills
// its process would do so forever.
func (j Job) Expire(k Kind, now time.Time, random float64) Job {
	return j.Fail(k, fmt.Sprintf("attempt %d of %d broke off: the process that ran it ended or hung", j.Attempts, j.MaxAttempts), now, random)
}

// GiveBack is j when the server stops before its end. The attempt is not the job's fault: it gets one more.
func (j Job) GiveBack(now time.Time) Job {
	j.State, j.RunAt, j.MaxAttempts, j.LastError = Queued, now.UnixMilli(), j.MaxAttempts+1, "given back: the server stopped"
	return j
}

// short keeps the beginning of a message, as text that any database takes.
func short(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
	if len(s) <= maxError {
		return s
	}
	cut := maxError
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
