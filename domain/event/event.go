// Package event names the facts that other features may react to.
package event

import "errors"

// Event is one fact. It is stored with the change that made it true and told after the commit.
type Event struct {
	Kind    string // "run.deleted"
	Subject string // id of the thing
	Data    any    // stored as JSON; nil for none
}

// Text is a value that is about a person or in a person's words: a name, a reason, a comment. What lasts holds only a
// commitment to it, so that it can be erased. It may stand in Data, and there in maps with the type map[string]any and lists
// with the type []any.
type Text struct {
	Value string
	Of    string // id of the person; "" = the one who acts
}

// MarshalJSON refuses: a text that nobody sealed must not become a part of what cannot be changed.
func (Text) MarshalJSON() ([]byte, error) {
	return nil, errors.New("event: a text was not sealed: it may stand in maps and lists of any alone")
}
