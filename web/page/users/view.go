// Package users is the administrators' list of people.
package users

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// ListView is the page of all people.
//
//	POST /users                name, role, password
//	POST /users/:id/role       role
//	POST /users/:id/extra      operator, break_glass
//	POST /users/:id/disable
//	POST /users/:id/enable
//	POST /users/:id/password   password
type ListView struct {
	Users          []User
	Form           Form
	PasswordFor    string            // id of the person whose password form was refused
	PasswordErrors map[string]string // what was wrong with it
}

// User is one person; Role is viewer, editor, reviewer or admin.
type User struct {
	ID, Name, Role string
	Operator       bool // may carry out and roll back what is somebody else's
	BreakGlass     bool // may act in an emergency without the reviews
	Disabled       bool
	Self           bool // the reader's own row: no way to lock oneself out
	Created        time.Time
	LastSeen       time.Time // zero: never
}

// Form is what was typed before the form for a new person was refused.
type Form struct {
	Name, Role string
	Errors     map[string]string
}

var roleNames = []string{"viewer", "editor", "reviewer", "admin"}

func roleOptions(ctx context.Context, chosen string) []component.Option {
	var all []component.Option
	for _, name := range roleNames {
		all = append(all, component.Option{Value: name, Label: i18n.T(ctx, "role."+name), Selected: name == chosen})
	}
	return all
}
