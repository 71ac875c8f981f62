// Package event names the facts that other features may react to.
package event

// Event is one fact. It is stored with the change that made it true and told after the commit.
type Event struct {
	Kind    string // "run.deleted"
	Subject string // id of the thing
	Data    any    // stored as JSON; nil for none
}
