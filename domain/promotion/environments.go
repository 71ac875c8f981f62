package promotion

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/slot"
)

// TeamTx is what teams ask of a transaction besides.
type TeamTx interface {
	Tx
	AddTeam(ctx context.Context, t Team) error
	DeleteTeam(ctx context.Context, id string) error
}

// Environments lists the environments of the selected workspace by rank.
func Environments(ctx context.Context, tx Tx, g access.Grant) ([]slot.Environment, error) {
	if err := g.Need(access.EnvironmentRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.Environments(ctx, g.Workspace())
}

// EnvironmentNamed finds an environment and its policy.
func EnvironmentNamed(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name string) (slot.Environment, Policy, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return slot.Environment{}, Policy{}, err
	}
	env, err := tx.EnvironmentNamed(ctx, g.Workspace(), name)
	if domain.KindOf(err) == domain.NotFound {
		return env, Policy{}, domain.Fail(domain.NotFound, "env.none", "there is no environment %s", domain.Short(name))
	}
	if err != nil {
		return env, Policy{}, err
	}
	policy, err := ParsePolicy(env.Policy)
	return env, policy, err
}

// CreateEnvironment makes an environment, behind the others, that nothing protects.
func CreateEnvironment(ctx context.Context, tx Tx, g access.Grant, name string, now time.Time) (slot.Environment, error) {
	if err := g.Need(access.EnvironmentWrite, g.Workspace()); err != nil {
		return slot.Environment{}, err
	}
	name = strings.TrimSpace(name)
	if err := slot.CheckName(name); err != nil {
		return slot.Environment{}, err
	}
	all, err := tx.Environments(ctx, g.Workspace())
	if err != nil {
		return slot.Environment{}, err
	}
	const most = 50
	e := slot.Environment{ID: newID(), Workspace: g.Workspace(), Name: name, Rank: 1, Revision: 1, CreatedAt: now.UnixMilli()}
	for _, other := range all {
		if other.Name == name {
			return e, domain.Fail(domain.Exists, "env.exists", "there is an environment %s already", name)
		}
		e.Rank = max(e.Rank, other.Rank+1)
	}
	if len(all) >= most {
		return e, domain.Fail(domain.Invalid, "env.many", "a workspace has at most %d environments", most)
	}
	taken, err := tx.AliasesNamed(ctx, g.Workspace(), name)
	if err != nil {
		return e, err
	}
	if taken > 0 {
		return e, domain.Fail(domain.Exists, "env.alias_taken", "%d models have an alias called %s: rename those first, for it will say what is live there", taken, name)
	}
	if e, err = sealed(e, Policy{}); err != nil {
		return e, err
	}
	e.UpdatedAt, e.UpdatedBy = now.UnixMilli(), me(g)
	if err := tx.AddEnvironment(ctx, e); err != nil {
		return e, err
	}
	return e, tx.Emit(ctx, event.Event{Kind: "environment.created", Subject: e.ID, Data: map[string]any{"name": e.Name, "rank": e.Rank}})
}

// sealed is e with a policy in canonical form and its digest.
func sealed(e slot.Environment, p Policy) (slot.Environment, error) {
	text, err := canonical.Marshal(p)
	if err != nil {
		return e, err
	}
	e.Policy = string(text)
	e.Digest, err = p.Digest()
	return e, err
}

// ChangeEnvironment gives an environment another policy. One that is protected changes by ProposeRules alone: whoever could
// loosen its rules could release anything.
func ChangeEnvironment(ctx context.Context, tx Tx, g access.Grant, name string, p Policy, revision int64, now time.Time) (slot.Environment, error) {
	e, was, err := EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, name)
	switch {
	case err != nil:
		return e, err
	case e.Revision != revision:
		return e, domain.Fail(domain.Conflict, "env.changed", "somebody else changed %s meanwhile: look at it and change it again", e.Name)
	case e.Protected:
		return e, domain.Fail(domain.Forbidden, "env.protected", "%s is protected: a change of its rules is a request that reviewers approve. Make it at %s", e.Name, e.RulesPath())
	}
	if p, err = p.Clean(); err != nil {
		return e, err
	}
	if err := known(ctx, tx, e, p); err != nil {
		return e, err
	}
	if e, err = sealed(e, p); err != nil {
		return e, err
	}
	return e, changed(ctx, tx, g, e, now, map[string]any{"before": was, "after": p})
}

// known refuses a policy that names environments which are not there, or itself.
func known(ctx context.Context, tx Tx, e slot.Environment, p Policy) error {
	for _, name := range p.Requires {
		other, err := tx.EnvironmentNamed(ctx, e.Workspace, name)
		if domain.KindOf(err) == domain.NotFound || err == nil && (other.ID == e.ID || other.Name != name) {
			return domain.Fail(domain.Invalid, "env.requires", "%s cannot require %s: name another environment", e.Name, domain.Short(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changed saves e and tells what was done to it.
func changed(ctx context.Context, tx Tx, g access.Grant, e slot.Environment, now time.Time, what ...map[string]any) error {
	e.Revision++
	e.UpdatedAt, e.UpdatedBy = now.UnixMilli(), me(g)
	if err := tx.SaveEnvironment(ctx, e); err != nil {
		return err
	}
	for _, data := range what {
		data["name"], data["digest"], data["protected"] = e.Name, e.Digest, e.Protected
		if err := tx.Emit(ctx, event.Event{Kind: "environment.changed", Subject: e.ID, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// ProtectEnvironment makes the slots of an environment move by request alone. It is refused while too few people could
// approve one, for nothing could ever be released.
func ProtectEnvironment(ctx context.Context, tx Tx, g access.Grant, name string, now time.Time) (slot.Environment, error) {
	e, p, err := EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, name)
	switch {
	case err != nil || e.Protected:
		return e, err
	case len(p.Rules) == 0 && len(p.Gates) == 0:
		return e, noRules(e)
	}
	people, err := tx.People(ctx, e.Workspace)
	if err != nil {
		return e, err
	}
	if err := p.CanBeMet(people); err != nil {
		return e, err
	}
	slots, err := tx.SlotsOfEnvironment(ctx, e.ID)
	if err != nil {
		return e, err
	}
	for _, s := range slots {
		if s.Stable.ID == "" {
			continue
		}
		v, err := kinds[s.Kind].version(ctx, tx, s.Stable.ID)
		if domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return e, err
		}
		if !v.Verifiable {
			return e, domain.Fail(domain.Invalid, "env.unverifiable", "version %d of %s is live in %s, and its files cannot be verified: replace it first", v.Number, domain.Short(v.Model), e.Name)
		}
	}
	e.Protected = true
	return e, changed(ctx, tx, g, e, now, map[string]any{"act": "protected"})
}

func noRules(e slot.Environment) error {
	return domain.Fail(domain.Invalid, "env.no_rules", "%s has neither gates nor rules of approval: there is nothing that would protect it", e.Name)
}

// UnprotectEnvironment lifts the protection of an environment at once. It is the way out for whoever runs the server, where
// nobody is left to approve a request for it, and no page leads to it.
func UnprotectEnvironment(ctx context.Context, tx Tx, g access.Grant, name, reason string, now time.Time) (slot.Environment, error) {
	e, _, err := EnvironmentNamed(ctx, tx, g, access.EnvironmentUnprotect, name)
	if err != nil || !e.Protected {
		return e, err
	}
	if reason, err = text("reason", reason, 1); err != nil {
		return e, err
	}
	e.Protected = false
	return e, changed(ctx, tx, g, e, now, lifted(reason))
}

func lifted(reason string) map[string]any {
	return map[string]any{"act": "unprotected", "reason": event.Text{Value: reason}}
}

// DeleteEnvironment forgets an environment that was never used.
func DeleteEnvironment(ctx context.Context, tx Tx, g access.Grant, name string) (slot.Environment, error) {
	e, _, err := EnvironmentNamed(ctx, tx, g, access.EnvironmentWrite, name)
	if err != nil {
		return e, err
	}
	if e.Protected {
		return e, domain.Fail(domain.Forbidden, "env.protected_delete", "%s is protected: request at %s that its protection be lifted, then delete it", e.Name, e.RulesPath())
	}
	n, err := tx.CountSlots(ctx, e.ID)
	if err != nil {
		return e, err
	}
	if n > 0 {
		return e, domain.Fail(domain.Conflict, "env.used", "%s has been used, for %d models or changes of its rules: its history stays", e.Name, n)
	}
	if err := tx.DeleteEnvironment(ctx, e.ID); err != nil {
		return e, err
	}
	return e, tx.Emit(ctx, event.Event{Kind: "environment.deleted", Subject: e.ID, Data: map[string]any{"name": e.Name}})
}

// Teams lists the teams of the selected workspace.
func Teams(ctx context.Context, tx TeamTx, g access.Grant) ([]Team, error) {
	if err := g.Need(access.EnvironmentRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.Teams(ctx, g.Workspace())
}

// CreateTeam makes a team without members.
func CreateTeam(ctx context.Context, tx TeamTx, g access.Grant, name string, now time.Time) (Team, error) {
	t := Team{ID: newID(), Workspace: g.Workspace(), Name: strings.TrimSpace(name), CreatedAt: now.UnixMilli()}
	if err := g.Need(access.EnvironmentWrite, g.Workspace()); err != nil {
		return t, err
	}
	if n := utf8.RuneCountInString(t.Name); n == 0 || n > maxText {
		return t, domain.Fail(domain.Invalid, "team.name", "a team needs a name of at most %d characters", maxText)
	}
	all, err := tx.Teams(ctx, g.Workspace())
	if err != nil {
		return t, err
	}
	if slices.ContainsFunc(all, func(x Team) bool { return x.Name == t.Name }) {
		return t, domain.Fail(domain.Exists, "team.exists", "there is a team %s already", domain.Short(t.Name))
	}
	if err := tx.AddTeam(ctx, t); err != nil {
		return t, err
	}
	return t, tx.Emit(ctx, event.Event{Kind: "team.created", Subject: t.ID, Data: map[string]any{"name": t.Name}})
}

// SetTeamMember puts somebody into a team, or takes them out. The team of a protected environment changes by ProposeTeam
// alone: whoever chose its members would choose who approves.
func SetTeamMember(ctx context.Context, tx TeamTx, g access.Grant, team, user string, in bool) error {
	t, err := loose(ctx, tx, g, team)
	if err != nil {
		return err
	}
	if in {
		if err := somebody(ctx, tx, g, user); err != nil {
			return err
		}
	}
	return setMember(ctx, tx, t, user, in, nil)
}

// somebody refuses who has no role in the workspace.
func somebody(ctx context.Context, tx Tx, g access.Grant, user string) error {
	p, err := tx.Person(ctx, g.Workspace(), user)
	if err == nil && !p.Active {
		err = domain.Fail(domain.Invalid, "team.nobody", "only somebody with a role in this workspace can be in a team")
	}
	return err
}

// setMember puts user into t or takes them out, and tells; also says what else there is to tell.
func setMember(ctx context.Context, tx Tx, t Team, user string, in bool, also map[string]any) error {
	if err := tx.SetTeamMember(ctx, t.ID, user, in); err != nil {
		return err
	}
	data := map[string]any{"team": t.ID, "team_name": t.Name, "in": in}
	maps.Copy(data, also)
	return tx.Emit(ctx, event.Event{Kind: "team.member_changed", Subject: user, Data: data})
}

// DeleteTeam forgets a team that no policy names.
func DeleteTeam(ctx context.Context, tx TeamTx, g access.Grant, team string) (Team, error) {
	t, err := loose(ctx, tx, g, team)
	if err != nil {
		return t, err
	}
	envs, err := tx.Environments(ctx, g.Workspace())
	if err != nil {
		return t, err
	}
	for _, e := range envs {
		if names, err := namesTeam(e, t.ID); err != nil || names {
			return t, orErr(err, domain.Fail(domain.Conflict, "team.used", "the rules of %s name the team %s: change them first", e.Name, domain.Short(t.Name)))
		}
	}
	if err := tx.DeleteTeam(ctx, t.ID); err != nil {
		return t, err
	}
	return t, tx.Emit(ctx, event.Event{Kind: "team.deleted", Subject: t.ID, Data: map[string]any{"name": t.Name}})
}

func orErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func namesTeam(e slot.Environment, team string) (bool, error) {
	p, err := ParsePolicy(e.Policy)
	return p.namesTeam(team), err
}

// loose finds a team that no protected environment counts on.
func loose(ctx context.Context, tx Tx, g access.Grant, id string) (Team, error) {
	t, err := teamByID(ctx, tx, g, id)
	if err != nil {
		return t, err
	}
	held, err := counting(ctx, tx, g.Workspace(), id)
	if err == nil && len(held) > 0 {
		err = domain.Fail(domain.Forbidden, "team.protected", "%s is protected and counts on the team %s: its members change by a request that reviewers approve. Make it at %s", held[len(held)-1].Name, domain.Short(t.Name), "/teams")
	}
	return t, err
}

func teamByID(ctx context.Context, tx Tx, g access.Grant, id string) (Team, error) {
	if err := g.Need(access.EnvironmentWrite, g.Workspace()); err != nil {
		return Team{}, err
	}
	all, err := tx.Teams(ctx, g.Workspace())
	if err != nil {
		return Team{}, err
	}
	i := slices.IndexFunc(all, func(t Team) bool { return t.ID == id })
	if i < 0 {
		return Team{}, domain.Fail(domain.NotFound, "team.none", "there is no such team")
	}
	return all[i], nil
}

// counting lists the protected environments whose rules name a team, by rank. The last decides about its members.
func counting(ctx context.Context, tx Tx, workspace, team string) (out []slot.Environment, err error) {
	all, err := tx.Environments(ctx, workspace)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		names, err := namesTeam(e, team)
		if err != nil {
			return nil, err
		}
		if e.Protected && names {
			out = append(out, e)
		}
	}
	return out, nil
}
