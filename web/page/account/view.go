// Package account is a person's own page: password, API tokens, sessions.
package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/web/component"
	"github.com/slipway-ml/slipway/web/i18n"
)

// View is the account page.
//
//	POST /account/password            current, password, password_again
//	POST /account/tokens              name, scope (any number), expires (30d, 90d, 365d or never)
//	POST /account/tokens/:id/revoke
//	POST /account/sessions/:id/end
type View struct {
	UserName       string
	Roles          []Role
	LocalMode      bool // nobody has a password yet: that form is left out
	PasswordErrors map[string]string
	Tokens         []Token
	NewToken       NewToken // shown once, right after it was made
	Form           TokenForm
	Sessions       []Session
}

// Role is what the person may do in one workspace; Name is viewer, editor, reviewer or admin.
type Role struct{ Workspace, Name string }

// Token is one API token; its secret is gone.
type Token struct {
	ID, Name, Prefix string
	Scopes           []string
	Created          time.Time
	Expires          time.Time // zero: never
	LastUsed         time.Time // zero: never
	Expired          bool
}

// NewToken is a token just made; without a secret there is none.
type NewToken struct{ Name, Secret, TrackingURI string }

// TokenForm is what was typed before the form was refused.
type TokenForm struct {
	Name    string
	Scopes  []string // empty ticks read and write
	Expires string   // empty chooses 90d
	Errors  map[string]string
}

// Session is one browser that is signed in.
type Session struct {
	ID, Agent, Address string
	Started, Seen      time.Time
	Current            bool
}

// snippet is how a client uses the token.
func (t NewToken) snippet() string {
	return fmt.Sprintf("export MLFLOW_TRACKING_URI=%s\nexport MLFLOW_TRACKING_TOKEN=%s\n", t.TrackingURI, t.Secret)
}

func (f TokenForm) scopes(ctx context.Context) []component.Check {
	ticked := f.Scopes
	if len(ticked) == 0 {
		ticked = []string{"read", "write"}
	}
	var boxes []component.Check
	for _, scope := range []string{"read", "write", "propose", "operate", "admin"} {
		boxes = append(boxes, component.Check{
			Value: scope, Label: scope, Help: i18n.T(ctx, "token.scope."+scope), Checked: slices.Contains(ticked, scope),
		})
	}
	return boxes
}

func (f TokenForm) expiries(ctx context.Context) []component.Option {
	chosen := f.Expires
	if chosen == "" {
		chosen = "90d"
	}
	var all []component.Option
	for _, days := range []string{"30", "90", "365"} {
		all = append(all, component.Option{Value: days + "d", Label: i18n.T(ctx, "token.days", days), Selected: chosen == days+"d"})
	}
	return append(all, component.Option{Value: "never", Label: i18n.T(ctx, "token.never"), Selected: chosen == "never"})
}

func roles(ctx context.Context, all []Role) string {
	var said []string
	for _, r := range all {
		said = append(said, i18n.T(ctx, "account.role_in", i18n.T(ctx, "role."+r.Name), r.Workspace))
	}
	return strings.Join(said, ", ")
}
