package promotion

import (
	"cmp"
	"context"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/slot"
)

// maxLive is the most slots that Live lists.
const maxLive = 5000

// ReadTx is what lists of requests and slots ask of a transaction besides.
type ReadTx interface {
	Tx
	Promotions(ctx context.Context, workspace string, q Query) ([]Request, error)
	Notes(ctx context.Context, promotion string, most int) ([]Note, error)
	// Comments lists the comments after a note of an instant and an id, the oldest first.
	Comments(ctx context.Context, promotion string, at int64, after string, most int) ([]Note, error)
	SlotsOf(ctx context.Context, workspace string, most int) ([]slot.Slot, error)
	AssetNames(ctx context.Context, ids []string) (map[string]string, error)
}

// Listed is a request with the names that people know its parts by.
type Listed struct {
	Request
	Asset       string // name of the model, the environment or the team
	Environment string // name
}

// Place is a slot with the names that people know it by.
type Place struct {
	Slot        slot.Slot // of generation 0 where nothing was ever live
	Environment slot.Environment
	Asset       string // name of the model
}

// List finds requests of the selected workspace, the newest first.
func List(ctx context.Context, tx ReadTx, g access.Grant, q Query) ([]Listed, error) {
	if err := g.Need(access.PromotionRead, g.Workspace()); err != nil {
		return nil, err
	}
	all, err := tx.Promotions(ctx, g.Workspace(), q)
	if err != nil {
		return nil, err
	}
	return Named(ctx, tx, g, all)
}

// Named gives requests of the selected workspace the names that people know their parts by.
func Named(ctx context.Context, tx ReadTx, g access.Grant, all []Request) ([]Listed, error) {
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.AssetID
	}
	names, err := tx.AssetNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	envs, err := environmentsByID(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, len(all))
	for i, r := range all {
		out[i] = Listed{r, names[r.AssetID], envs[r.EnvironmentID].Name}
	}
	return out, nil
}

// Among is q for the requests of an environment, a model or both, by their names; "" for any.
func Among(ctx context.Context, tx ReadTx, g access.Grant, q Query, environment, model string) (Query, error) {
	if environment != "" {
		env, _, err := EnvironmentNamed(ctx, tx, g, access.PromotionRead, environment)
		if err != nil {
			return q, err
		}
		q.Environment = env.ID
	}
	if model != "" {
		m, err := modelNamed(ctx, tx, g, access.PromotionRead, model)
		if err != nil {
			return q, err
		}
		q.Asset = m.ID
	}
	return q, nil
}

func environmentsByID(ctx context.Context, tx Tx, g access.Grant) (map[string]slot.Environment, error) {
	envs, err := tx.Environments(ctx, g.Workspace())
	out := make(map[string]slot.Environment, len(envs))
	for _, e := range envs {
		out[e.ID] = e
	}
	return out, err
}

func modelNamed(ctx context.Context, tx Tx, g access.Grant, p access.Perm, name string) (registry.Model, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return registry.Model{}, err
	}
	m, err := tx.ModelNamed(ctx, g.Workspace(), name)
	if domain.KindOf(err) == domain.NotFound {
		err = domain.Fail(domain.NotFound, "registry.no_model", "Registered Model with name=%s not found", domain.Short(name))
	}
	return m, err
}

// Find finds a request by its number, for an act or a question that needs p.
func Find(ctx context.Context, tx Tx, g access.Grant, p access.Perm, number int64) (Request, error) {
	if err := g.Need(p, g.Workspace()); err != nil {
		return Request{}, err
	}
	r, err := tx.PromotionNumbered(ctx, g.Workspace(), number)
	if domain.KindOf(err) == domain.NotFound {
		err = noPromotion(number)
	}
	return r, err
}

// Story lists the last lines of the story of a request, the oldest first.
func Story(ctx context.Context, tx ReadTx, g access.Grant, number int64, most int) ([]Note, error) {
	r, err := Find(ctx, tx, g, access.PromotionRead, number)
	if err != nil {
		return nil, err
	}
	return tx.Notes(ctx, r.ID, most)
}

// Comments lists what people said of a request, the oldest first. after is the last note that is known already, the zero
// Note for none.
func Comments(ctx context.Context, tx ReadTx, g access.Grant, number int64, after Note, most int) ([]Note, error) {
	r, err := Find(ctx, tx, g, access.PromotionRead, number)
	if err != nil {
		return nil, err
	}
	return tx.Comments(ctx, r.ID, after.At, after.ID, most)
}

// Checks lists the last status of each name that was reported for a digest, by name.
func Checks(ctx context.Context, tx Tx, g access.Grant, digest string) ([]Check, error) {
	if err := g.Need(access.PromotionRead, g.Workspace()); err != nil {
		return nil, err
	}
	return tx.LatestChecks(ctx, g.Workspace(), digest)
}

// Live lists what is live in the selected workspace, by model and by the rank of the environments.
func Live(ctx context.Context, tx ReadTx, g access.Grant) ([]Place, error) {
	if err := g.Need(access.EnvironmentRead, g.Workspace()); err != nil {
		return nil, err
	}
	slots, err := tx.SlotsOf(ctx, g.Workspace(), maxLive)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(slots))
	for i, s := range slots {
		ids[i] = s.AssetID
	}
	names, err := tx.AssetNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	envs, err := environmentsByID(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	var out []Place
	for _, s := range slots {
		if s.Stable.ID != "" {
			out = append(out, Place{s, envs[s.EnvironmentID], names[s.AssetID]})
		}
	}
	return out, nil
}

// Stay is the time during which a version was live in an environment.
type Stay struct {
	slot.Change        // that made it live
	Environment string // name
	Number      int64  // of the request that asked for it, 0 for none
	Until       int64  // 0 where it still is
}

// Stays lists by the rank of the environments where a version of a model is live, or was last; for "" whichever is live now.
func Stays(ctx context.Context, tx Tx, g access.Grant, model, version string) ([]Stay, error) {
	if err := g.Need(access.PromotionRead, g.Workspace()); err != nil {
		return nil, err
	}
	slots, err := tx.SlotsOfAsset(ctx, slot.Model, model)
	if err != nil {
		return nil, err
	}
	envs, err := environmentsByID(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	var out []Stay
	for _, s := range slots {
		of := cmp.Or(version, s.Stable.ID)
		c, err := tx.WasLive(ctx, s.ID, of)
		if of == "" || domain.KindOf(err) == domain.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		stay := Stay{Change: c, Environment: envs[s.EnvironmentID].Name}
		if c.Generation < s.Generation {
			next, err := tx.SlotHistory(ctx, s.ID, c.Generation+2, 1)
			if err != nil {
				return nil, err
			}
			stay.Until = next[0].At
		}
		if c.Request != "" {
			r, err := tx.Promotion(ctx, c.Request)
			if err != nil {
				return nil, err
			}
			stay.Number = r.Number
		}
		out = append(out, stay)
	}
	return out, nil
}

// PlaceNamed finds the slot of a model in an environment, for an act or a question that needs p.
func PlaceNamed(ctx context.Context, tx Tx, g access.Grant, p access.Perm, environment, model string) (Place, error) {
	env, _, err := EnvironmentNamed(ctx, tx, g, p, environment)
	if err != nil {
		return Place{}, err
	}
	m, err := modelNamed(ctx, tx, g, p, model)
	if err != nil {
		return Place{}, err
	}
	s, err := tx.SlotOf(ctx, env, slot.Model, m.ID)
	return Place{s, env, m.Name}, err
}

// LiveIn finds what is live of a model in an environment.
func LiveIn(ctx context.Context, tx Tx, g access.Grant, environment, model string) (Place, error) {
	return PlaceNamed(ctx, tx, g, access.EnvironmentRead, environment, model)
}

// LiveAt finds the change that made live what was live of a model in an environment at an instant. Where nothing was, its
// To is the zero Target.
func LiveAt(ctx context.Context, tx Tx, g access.Grant, environment, model string, at int64) (slot.Change, error) {
	p, err := LiveIn(ctx, tx, g, environment, model)
	if err != nil {
		return slot.Change{}, err
	}
	c, err := tx.SlotAt(ctx, p.Slot.ID, at)
	if domain.KindOf(err) == domain.NotFound {
		return slot.Change{SlotID: p.Slot.ID}, nil
	}
	return c, err
}

// SlotStory lists what was live of a model in an environment, the newest change first, below a generation; 0 for all.
func SlotStory(ctx context.Context, tx Tx, g access.Grant, environment, model string, below int64, most int) ([]slot.Change, error) {
	p, err := LiveIn(ctx, tx, g, environment, model)
	if err != nil {
		return nil, err
	}
	return tx.SlotHistory(ctx, p.Slot.ID, below, most)
}
