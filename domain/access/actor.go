package access

import (
	"slices"

	"github.com/slipway-ml/slipway/domain"
)

// DefaultWorkspace exists from the first start; a request that names none means this one.
const DefaultWorkspace = "default"

// Role is what a person is in one workspace.
type Role string

// The roles. A reviewer is not an editor: who decides does not change the thing decided on.
const (
	Viewer   Role = "viewer"
	Editor   Role = "editor"
	Reviewer Role = "reviewer"
	Admin    Role = "admin"
)

// Roles lists every role, weakest first.
var Roles = []Role{Viewer, Editor, Reviewer, Admin}

var roleClasses = map[Role][]Class{
	Viewer:   {ClassRead},
	Editor:   {ClassRead, ClassWrite, ClassPropose, ClassDiscuss, ClassOperate},
	Reviewer: {ClassRead, ClassDiscuss, ClassReview},
	Admin:    {ClassRead, ClassWrite, ClassPropose, ClassDiscuss, ClassReview, ClassOperate, ClassAdmin},
}

// Extra is what a person may in a workspace besides their role.
type Extra struct {
	Operator   bool // carry out and roll back what is somebody else's
	BreakGlass bool // act in an emergency without the reviews; no role has it
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); roleClasses[r] != nil {
		return r, nil
	}
	return "", domain.Fail(domain.Invalid, "user.role", "unknown role %q: use viewer, editor, reviewer or admin", s)
}

// Scope is what a token may be used for; it narrows its owner's role and never widens it.
type Scope string

// The token scopes.
const (
	ScopeRead    Scope = "read"
	ScopeWrite   Scope = "write"
	ScopePropose Scope = "propose"
	ScopeOperate Scope = "operate"
	ScopeAdmin   Scope = "admin"
)

// Scopes lists every token scope.
var Scopes = []Scope{ScopeRead, ScopeWrite, ScopePropose, ScopeOperate, ScopeAdmin}

var scopeClasses = map[Scope][]Class{
	ScopeRead:    {ClassRead},
	ScopeWrite:   {ClassRead, ClassWrite},
	ScopePropose: {ClassRead, ClassPropose, ClassDiscuss},
	ScopeOperate: {ClassRead, ClassOperate},
	ScopeAdmin:   {ClassRead, ClassWrite, ClassPropose, ClassDiscuss, ClassReview, ClassOperate, ClassAdmin, ClassSelf}, // no token breaks glass: a person does
}

// ParseScope reads a token scope's name.
func ParseScope(s string) (Scope, error) {
	if c := Scope(s); scopeClasses[c] != nil {
		return c, nil
	}
	return "", domain.Fail(domain.Invalid, "token.scope", "unknown scope %q: use read, write, propose, operate or admin", s)
}

// Actor is who asks: a person, a person's token, or the server itself. The zero Actor is nobody.
type Actor struct {
	ID     string // stored as created_by; never an id the client chose
	Name   string
	System bool
	Roles  map[string]Role // by workspace
	Extras map[string]Extra
	Token  string  // id of the token used, if any
	Scopes []Scope // of that token; without a token nothing is narrowed
	// Session is the hash of the browser session in use, so that a change of password can keep it.
	Session string
}

// Anonymous reports whether nobody has signed in.
func (a Actor) Anonymous() bool { return a.ID == "" }

// System is the server itself, acting for the named part of it.
func System(part string) Actor { return Actor{ID: "system:" + part, Name: part, System: true} }

// LocalUser is the one administrator of a server on loopback that has no account yet.
func LocalUser() Actor {
	return Actor{ID: "local", Name: "local", Roles: map[string]Role{DefaultWorkspace: Admin}}
}

// May reports whether a holds p in workspace.
func (a Actor) May(p Perm, workspace string) bool {
	switch {
	case p.Public() || a.System:
		return true
	case a.Anonymous() || a.Token != "" && !a.scoped(p.Class):
		return false
	case p.Class == ClassSelf:
		return true
	}
	more := a.Extras[workspace]
	return slices.Contains(roleClasses[a.Roles[workspace]], p.Class) || a.Roles[workspace] != "" && (p.Class == ClassOperate && more.Operator || p.Class == ClassBreak && more.BreakGlass)
}

// Operates reports whether a may carry out and roll back what others asked for, as far as their role goes.
func (a Actor) Operates(workspace string) bool {
	return a.System || a.Roles[workspace] == Admin || a.Roles[workspace] != "" && a.Extras[workspace].Operator
}

func (a Actor) scoped(c Class) bool {
	return slices.ContainsFunc(a.Scopes, func(s Scope) bool { return slices.Contains(scopeClasses[s], c) })
}

// Grant lets one request through the door for one permission in one workspace. Only Authorize makes
// one, and Need must ask it about the thing at hand before a transaction ends.
type Grant struct{ d *decision }

type decision struct {
	actor     Actor
	perm      Perm
	workspace string
	origin    Origin
	asked     bool
}

// Origin is where a request came from, for the audit line.
type Origin struct{ RequestID, Address string }

// Authorize is the coarse gate: does a hold p in the workspace the request selected?
func Authorize(a Actor, p Perm, workspace string, from Origin) (Grant, error) {
	if !a.May(p, workspace) {
		if a.Anonymous() {
			return Grant{}, domain.Fail(domain.Unauthenticated, "access.sign_in", "sign in or send a token: this needs the permission %s", p.Name)
		}
		return Grant{}, denied(a, p, workspace)
	}
	return Grant{&decision{actor: a, perm: p, workspace: workspace, origin: from}}, nil
}

func denied(a Actor, p Perm, workspace string) error {
	if a.Token != "" && !a.scoped(p.Class) {
		return domain.Fail(domain.Forbidden, "access.scope", "this token lacks the scope for %s: make one with a wider scope", p.Name)
	}
	return domain.Fail(domain.Forbidden, "access.denied", "%s may not do this in workspace %s: it needs the permission %s", a.Name, workspace, p.Name)
}

// Need is the fine gate: p, on a thing that lives in workspace. A thing of a workspace other than the
// selected one does not exist for this request. A route that granted something else is our mistake.
func (g Grant) Need(p Perm, workspace string) error {
	if g.d == nil || g.d.perm != p {
		return domain.Fail(domain.Internal, "internal", "the route does not grant %s", p.Name)
	}
	g.d.asked = true
	if workspace != g.d.workspace {
		return domain.Fail(domain.NotFound, "not_found", "not found in workspace %s", g.d.workspace)
	}
	if !g.d.actor.May(p, workspace) {
		return denied(g.d.actor, p, workspace)
	}
	return nil
}

// Valid reports whether Authorize made g.
func (g Grant) Valid() bool { return g.d != nil }

// Asked reports whether Need was asked.
func (g Grant) Asked() bool { return g.d != nil && g.d.asked }

// Actor is who was let through.
func (g Grant) Actor() Actor { return g.d.actor }

// Perm is what for.
func (g Grant) Perm() Perm { return g.d.perm }

// Workspace is the one that the request selected.
func (g Grant) Workspace() string { return g.d.workspace }

// Origin is where the request came from.
func (g Grant) Origin() Origin { return g.d.origin }

// Administers reports whether a is an administrator of workspace.
func (a Actor) Administers(workspace string) bool { return a.System || a.Roles[workspace] == Admin }
