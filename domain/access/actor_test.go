package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

var classes = []Class{ClassPublic, ClassSelf, ClassRead, ClassWrite, ClassPropose, ClassDiscuss, ClassReview, ClassOperate, ClassBreak, ClassAdmin}

// byRole and byScope say what each may, written out so that a slip in the code's own tables is seen.
var (
	byRole = map[Role]string{
		"":       "public self",
		Viewer:   "public self read",
		Editor:   "public self read write propose discuss operate",
		Reviewer: "public self read discuss review",
		Admin:    "public self read write propose discuss review operate admin",
		"root":   "public self", // no role of ours
	}
	byScope = map[Scope]string{
		ScopeRead:    "public read",
		ScopeWrite:   "public read write",
		ScopePropose: "public read propose discuss",
		ScopeOperate: "public read operate",
		ScopeAdmin:   "public self read write propose discuss review operate admin",
		"all":        "public", // no scope of ours
	}
)

func in(words string, c Class) bool { return slices.Contains(strings.Fields(words), string(c)) }

func TestMay(t *testing.T) {
	asked := 0
	check := func(who string, a Actor, c Class, want bool) {
		t.Helper()
		if asked++; a.May(Perm{Name: "x", Class: c}, "w") != want {
			t.Errorf("%s may %s: %v, want %v", who, c, !want, want)
		}
	}
	for role, may := range byRole {
		a := Actor{ID: "1", Roles: map[string]Role{"w": role}}
		elsewhere := Actor{ID: "1", Roles: map[string]Role{"other": role}}
		for _, c := range classes {
			check("a "+string(role), a, c, in(may, c))
			check("a "+string(role)+" of another workspace", elsewhere, c, c == ClassPublic || c == ClassSelf)
			for scope, narrowed := range byScope {
				token := a
				token.Token, token.Scopes = "t", []Scope{scope}
				check("a "+string(role)+"'s token for "+string(scope), token, c, in(may, c) && in(narrowed, c))
				token.Scopes = []Scope{scope, ScopePropose}
				check("a "+string(role)+"'s token for "+string(scope)+" and propose", token, c, in(may, c) && (in(narrowed, c) || in(byScope[ScopePropose], c)))
			}
			token := a
			token.Token = "t"
			check("a "+string(role)+"'s token without scope", token, c, c == ClassPublic)
		}
	}
	for _, c := range classes {
		check("nobody", Actor{}, c, c == ClassPublic)
		check("nobody with an administrator's role", Actor{Roles: map[string]Role{"w": Admin}}, c, c == ClassPublic)
		check("the server", System("drift"), c, true)
		check("the local user elsewhere", LocalUser(), c, c == ClassPublic || c == ClassSelf)
	}
	for _, c := range classes { // what is given besides a role
		operator := Actor{ID: "1", Roles: map[string]Role{"w": Viewer}, Extras: map[string]Extra{"w": {Operator: true}}}
		check("an operator", operator, c, in("public self read operate", c))
		breaker := Actor{ID: "1", Roles: map[string]Role{"w": Admin}, Extras: map[string]Extra{"w": {BreakGlass: true}}}
		check("an administrator for emergencies", breaker, c, true)
		nobody := Actor{ID: "1", Roles: map[string]Role{"w": ""}, Extras: map[string]Extra{"w": {Operator: true, BreakGlass: true}}}
		check("an operator without a role", nobody, c, in("public self", c))
		breaker.Token, breaker.Scopes = "t", []Scope{ScopeOperate}
		check("their token to operate", breaker, c, in("public read operate", c))
	}
	if asked != len(classes)*(len(byRole)*(3+2*len(byScope))+8) {
		t.Errorf("asked %d times", asked)
	}
	if !LocalUser().May(UserWrite, DefaultWorkspace) {
		t.Error("the local user is no administrator")
	}
}

func TestRolesAndScopesHaveNames(t *testing.T) {
	for _, r := range Roles {
		if got, err := ParseRole(string(r)); got != r || err != nil {
			t.Errorf("role %s: %q %v", r, got, err)
		}
	}
	for _, s := range Scopes {
		if got, err := ParseScope(string(s)); got != s || err != nil {
			t.Errorf("scope %s: %q %v", s, got, err)
		}
	}
	if len(Roles) != len(roleClasses) || len(Scopes) != len(scopeClasses) {
		t.Errorf("%d roles of %d, %d scopes of %d are listed", len(Roles), len(roleClasses), len(Scopes), len(scopeClasses))
	}
	for _, s := range []string{"", "Admin", "admin ", "root", "owner", "all", "*", "self"} {
		if _, err := ParseRole(s); domain.KindOf(err) != domain.Invalid {
			t.Errorf("the role %q: %v", s, err)
		}
		if _, err := ParseScope(s); domain.KindOf(err) != domain.Invalid {
			t.Errorf("the scope %q: %v", s, err)
		}
	}
}

// Who decides does not change the thing decided on, and nobody but an administrator may everything.
func TestReviewersDoNotWrite(t *testing.T) {
	for _, r := range Roles {
		cs := roleClasses[r]
		if r != Admin && slices.Contains(cs, ClassReview) && (slices.Contains(cs, ClassWrite) || slices.Contains(cs, ClassPropose)) {
			t.Errorf("a %s decides on what it makes", r)
		}
		if slices.Contains(cs, ClassAdmin) != (r == Admin) {
			t.Errorf("a %s is an administrator: %v", r, r != Admin)
		}
	}
}

func TestAuthorize(t *testing.T) {
	viewer := Actor{ID: "1", Name: "vera", Roles: map[string]Role{"w": Viewer}}
	token := Actor{ID: "1", Name: "vera", Roles: map[string]Role{"w": Admin}, Token: "t", Scopes: []Scope{ScopeRead}}
	for _, c := range []struct {
		name string
		a    Actor
		p    Perm
		at   string
		kind domain.Kind
		key  string
	}{
		{"allowed", viewer, RunRead, "w", "", ""},
		{"a role too weak", viewer, RunWrite, "w", domain.Forbidden, "access.denied"},
		{"another workspace", viewer, RunRead, "other", domain.Forbidden, "access.denied"},
		{"no workspace", viewer, RunRead, "", domain.Forbidden, "access.denied"},
		{"a scope too narrow", token, RunWrite, "w", domain.Forbidden, "access.scope"},
		{"a token for what it is for", token, RunRead, "w", "", ""},
		{"a token for the account", token, AccountRead, "w", domain.Forbidden, "access.scope"},
		{"nobody", Actor{}, RunRead, "w", domain.Unauthenticated, "access.sign_in"},
		{"nobody, where nobody need be known", Actor{}, SessionOpen, "w", "", ""},
		{"the server", System("sweep"), Maintain, "w", "", ""},
	} {
		g, err := Authorize(c.a, c.p, c.at, Origin{"r", "addr"})
		if domain.KindOf(err) != c.kind || c.key != "" && domain.As(err).Key != c.key {
			t.Errorf("%s: got %v, want %s %s", c.name, err, c.kind, c.key)
		}
		if g.Valid() != (c.kind == "") {
			t.Errorf("%s: the grant is valid: %v", c.name, g.Valid())
		}
		if g.Valid() && (g.Actor().ID != c.a.ID || g.Perm() != c.p || g.Workspace() != c.at || g.Origin() != Origin{"r", "addr"} || g.Asked()) {
			t.Errorf("%s: the grant says %+v %+v %s %+v, asked %v", c.name, g.Actor(), g.Perm(), g.Workspace(), g.Origin(), g.Asked())
		}
	}
}

func TestNeed(t *testing.T) {
	ada := Actor{ID: "1", Name: "ada", Roles: map[string]Role{"w": Editor, "other": Admin}}
	for _, c := range []struct {
		name  string
		p     Perm
		at    string
		kind  domain.Kind
		asked bool
	}{
		{"what was granted", RunWrite, "w", "", true},
		{"a thing of another workspace", RunWrite, "other", domain.NotFound, true},
		{"a thing of no workspace", RunWrite, "", domain.NotFound, true},
		{"another permission", RunRead, "w", domain.Internal, false},
		{"a weaker one elsewhere", RunRead, "other", domain.Internal, false},
		{"the same name, another class", Perm{Name: RunWrite.Name, Class: ClassRead}, "w", domain.Internal, false},
	} {
		g, err := Authorize(ada, RunWrite, "w", Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Need(c.p, c.at); domain.KindOf(err) != c.kind {
			t.Errorf("%s: got %v, want %s", c.name, err, c.kind)
		}
		if g.Asked() != c.asked {
			t.Errorf("%s: asked %v, want %v", c.name, g.Asked(), c.asked)
		}
	}
	var forged Grant
	if err := forged.Need(Public, ""); domain.KindOf(err) != domain.Internal {
		t.Errorf("a grant that nobody made: %v", err)
	}
	if forged.Valid() || forged.Asked() {
		t.Error("a grant that nobody made is valid")
	}
}

// A copy of a grant is the same decision: who asks the copy has asked.
func TestGrantIsShared(t *testing.T) {
	g, err := Authorize(System("x"), Maintain, "w", Origin{})
	if err != nil {
		t.Fatal(err)
	}
	copied := g
	if err := copied.Need(Maintain, "w"); err != nil || !g.Asked() {
		t.Errorf("asked %v, %v", g.Asked(), err)
	}
}
