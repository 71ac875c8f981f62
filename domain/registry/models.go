package registry

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/search"
	"github.com/slipway-ml/slipway/domain/slot"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// Limits, in characters (mlflow 3.17: mlflow/utils/validation.py, and the columns of its registry).
const (
	maxName        = 256
	maxAlias       = 255
	maxTagKey      = 250
	maxTagValue    = 100_000
	maxDescription = 100_000
	maxSource      = 2048
	maxLink        = 500
	maxAliases     = 10_000 // of one model
)

func long(s string, limit int) bool { return len(s) > limit && utf8.RuneCountInString(s) > limit }

func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return domain.Fail(domain.Invalid, "registry.name_empty", "the name of a registered model is empty: give it a name")
	case long(name, maxName):
		return domain.Fail(domain.Invalid, "registry.name_long", "the model name %q has more than %d characters", domain.Short(name), maxName)
	case strings.ContainsAny(name, `/:\`) || strings.IndexFunc(name, unicode.IsControl) >= 0 || !utf8.ValidString(name):
		return domain.Fail(domain.Invalid, "registry.name", "Invalid model name '%s'. Names cannot contain '/' or ':', a backslash or a control character.", domain.Short(strings.ToValidUTF8(name, "?")))
	case name == "." || name == "..":
		return domain.Fail(domain.Invalid, "registry.name", "Invalid model name '%s'. Names cannot contain '/' or ':', a backslash or a control character.", name)
	}
	return nil
}

func checkDescription(s string) error {
	if long(s, maxDescription) {
		return domain.Fail(domain.Invalid, "registry.description_long", "the description has more than %d characters", maxDescription)
	}
	return nil
}

func checkTags(tags []tracking.Tag) error {
	for _, t := range tags {
		switch {
		case t.Key == "":
			return domain.Fail(domain.Invalid, "key.empty", "the %s key is empty: give it a name", "tag")
		case long(t.Key, maxTagKey):
			return domain.Fail(domain.Invalid, "key.long", "the %s key %q has more than %d characters", "tag", domain.Short(t.Key), maxTagKey)
		case long(t.Value, maxTagValue):
			return domain.Fail(domain.Invalid, "registry.tag_long", "the value of the tag %q has more than %d characters", domain.Short(t.Key), maxTagValue)
		}
	}
	return nil
}

// CreateModel makes a registered model without versions. Of m the name, description and tags are used.
func CreateModel(ctx context.Context, tx Tx, g access.Grant, m Model, now time.Time) (Model, error) {
	if err := g.Need(access.ModelWrite, g.Workspace()); err != nil {
		return m, err
	}
	for _, err := range []error{checkName(m.Name), checkDescription(m.Description), checkTags(m.Tags)} {
		if err != nil {
			return m, err
		}
	}
	if err := free(ctx, tx, g.Workspace(), m.Name); err != nil {
		return m, err
	}
	m.ID, m.Workspace, m.CreatedBy = tracking.NewID(), g.Workspace(), me(g)
	m.CreatedAt, m.UpdatedAt = now.UnixMilli(), now.UnixMilli()
	if err := tx.AddModel(ctx, m); err != nil {
		return m, clash(err, m.Name)
	}
	if err := tx.SetModelTags(ctx, m.ID, m.Tags); err != nil {
		return m, err
	}
	return m, tx.Emit(ctx, event.Event{Kind: "model.created", Subject: m.ID, Data: map[string]string{"name": m.Name}})
}

// free refuses a name that a model has which is not in the trash.
func free(ctx context.Context, tx Tx, workspace, name string) error {
	_, err := tx.ModelNamed(ctx, workspace, name)
	switch {
	case err == nil:
		return exists(name)
	case domain.KindOf(err) == domain.NotFound:
		return nil
	}
	return err
}

func exists(name string) error {
	return domain.Fail(domain.Exists, "registry.exists", "Registered Model (name=%s) already exists.", domain.Short(name))
}

// clash words the refusal of the database when somebody took the name at the same moment.
func clash(err error, name string) error {
	if domain.KindOf(err) == domain.Exists {
		return exists(name)
	}
	return err
}

// ModelByName finds a model, with its lists.
func ModelByName(ctx context.Context, tx Tx, g access.Grant, name string) (Model, error) {
	m, err := model(ctx, tx, g, access.ModelRead, name)
	if err != nil {
		return m, err
	}
	return filled(ctx, tx, m)
}

func filled(ctx context.Context, tx Tx, m Model) (Model, error) {
	one := []Model{m}
	err := tx.FillModels(ctx, one)
	return one[0], err
}

// LatestFirst is the order of models and of versions from the last changed down.
var LatestFirst = tracking.Order{Order: search.Order{Entity: search.Attribute, Key: "last_updated_timestamp", Desc: true}}

// ParseModelQuery reads the filter and the order of a search for models. The default order is by name.
func ParseModelQuery(filter string, order []string) (q tracking.Query, err error) {
	return parseQuery(search.RegisteredModels, filter, order)
}

// ParseVersionQuery reads the filter and the order of a search for versions. By default what changed last comes first; what
// is equal in the order comes by the model's name and then from the newest version down.
func ParseVersionQuery(filter string, order []string) (q tracking.Query, err error) {
	if q, err = parseQuery(search.ModelVersions, filter, order); len(order) == 0 {
		q.Order = []tracking.Order{LatestFirst}
	}
	return q, err
}

func parseQuery(l *search.Language, filter string, order []string) (q tracking.Query, err error) {
	if q.Filter, err = l.ParseFilter(filter); err != nil {
		return q, err
	}
	by, err := l.ParseOrder(order)
	for _, o := range by {
		q.Order = append(q.Order, tracking.Order{Order: o})
	}
	return q, err
}

// SearchModels answers q in the selected workspace. Prompts are left out unless the filter names their tag.
func SearchModels(ctx context.Context, tx Tx, g access.Grant, q tracking.Query) (tracking.Page[Model], error) {
	if err := g.Need(access.ModelRead, g.Workspace()); err != nil {
		return tracking.Page[Model]{}, err
	}
	q.Workspace = g.Workspace()
	return tx.Models(ctx, q)
}

// RenameModel gives a model another name; its versions and aliases go with it.
func RenameModel(ctx context.Context, tx Tx, g access.Grant, name, to string, now time.Time) (Model, error) {
	m, err := model(ctx, tx, g, access.ModelWrite, name)
	if err != nil {
		return m, err
	}
	if err := checkName(to); err != nil {
		return m, err
	}
	if to != name {
		if err := unheld(ctx, tx, m); err != nil {
			return m, err
		}
		if err := free(ctx, tx, m.Workspace, to); err != nil {
			return m, err
		}
		m.Name, m.UpdatedAt = to, now.UnixMilli()
		if err := tx.SaveModel(ctx, m); err != nil {
			return m, clash(err, to)
		}
		if err := tx.Emit(ctx, event.Event{Kind: "model.renamed", Subject: m.ID, Data: map[string]string{"from": name, "to": to}}); err != nil {
			return m, err
		}
	}
	return filled(ctx, tx, m)
}

// unheld refuses to take the name from a model of which something is live in a protected environment: whoever loads it by
// that name would find nothing.
func unheld(ctx context.Context, tx Tx, m Model) error {
	slots, err := tx.SlotsOfAsset(ctx, slot.Model, m.ID)
	if err != nil {
		return err
	}
	for _, s := range slots {
		if s.Stable.ID == "" && s.Active == "" {
			continue
		}
		env, err := tx.Environment(ctx, s.EnvironmentID)
		if err == nil && env.Protected {
			err = domain.Fail(domain.Forbidden, "slot.held", "version %d of %s is live in %s, which is protected: its name stays while that is so. What is live is at %s", s.Stable.Number, domain.Short(m.Name), env.Name, slot.LivePath)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DescribeModel replaces the description of a model; nil leaves it.
func DescribeModel(ctx context.Context, tx Tx, g access.Grant, name string, description *string, now time.Time) (Model, error) {
	m, err := model(ctx, tx, g, access.ModelWrite, name)
	if err != nil {
		return m, err
	}
	if description != nil && *description != m.Description {
		if err := checkDescription(*description); err != nil {
			return m, err
		}
		m.Description, m.UpdatedAt = *description, now.UnixMilli()
		if err := tx.SaveModel(ctx, m); err != nil {
			return m, err
		}
		if err := tx.Emit(ctx, event.Event{Kind: "model.described", Subject: m.ID, Data: map[string]string{"name": m.Name}}); err != nil {
			return m, err
		}
	}
	return filled(ctx, tx, m)
}

// SetModelTag writes or overwrites a tag of a model.
func SetModelTag(ctx context.Context, tx Tx, g access.Grant, name string, t tracking.Tag, now time.Time) error {
	m, err := model(ctx, tx, g, access.ModelWrite, name)
	if err != nil {
		return err
	}
	tags := []tracking.Tag{t}
	if err := checkTags(tags); err != nil {
		return err
	}
	if err := tx.SetModelTags(ctx, m.ID, tags); err != nil {
		return err
	}
	return tagged(ctx, tx, m, t.Key, now)
}

// DeleteModelTag removes a tag of a model; one that is not there is removed already.
func DeleteModelTag(ctx context.Context, tx Tx, g access.Grant, name, key string, now time.Time) error {
	m, err := model(ctx, tx, g, access.ModelWrite, name)
	if err != nil {
		return err
	}
	if err := tx.DeleteModelTag(ctx, m.ID, key); err != nil {
		return err
	}
	return tagged(ctx, tx, m, key, now)
}

func tagged(ctx context.Context, tx Tx, m Model, key string, now time.Time) error {
	m.UpdatedAt = now.UnixMilli()
	if err := tx.SaveModel(ctx, m); err != nil {
		return err
	}
	return tx.Emit(ctx, event.Event{Kind: "model.tagged", Subject: m.ID, Data: map[string]string{"name": m.Name, "key": domain.Short(key)}})
}

// DeleteModel moves a model with its versions to the trash. Its name is free from then on.
func DeleteModel(ctx context.Context, tx Tx, g access.Grant, name string, now time.Time) (Model, error) {
	m, err := model(ctx, tx, g, access.ModelDelete, name)
	if err != nil {
		return m, err
	}
	if err := unheld(ctx, tx, m); err != nil {
		return m, err
	}
	at := now.UnixMilli()
	if err := tx.DeleteVersionsOf(ctx, m.ID, at); err != nil {
		return m, err
	}
	m.DeletedAt, m.UpdatedAt = at, at
	if err := tx.SaveModel(ctx, m); err != nil {
		return m, err
	}
	return m, tx.Emit(ctx, event.Event{Kind: "model.deleted", Subject: m.ID, Data: map[string]string{"name": m.Name}})
}

// RestoreModel takes a model out of the trash, with the versions that went with it. A name that somebody took in the
// meantime is refused.
func RestoreModel(ctx context.Context, tx Tx, g access.Grant, id string, now time.Time) (Model, error) {
	m, err := tx.ModelByID(ctx, id)
	if err == nil {
		err = g.Need(access.ModelDelete, m.Workspace)
	}
	if domain.KindOf(err) == domain.NotFound {
		return m, domain.Fail(domain.NotFound, "registry.not_in_trash", "this model is not in the trash: it was restored or deleted for good")
	}
	if err != nil || !m.Deleted() {
		return m, err
	}
	if err := tracking.Restorable(ctx, tx, m.Workspace, tracking.TrashKey{Kind: tracking.TrashRegistered, ID: m.ID}, m.DeletedAt); err != nil {
		return m, err
	}
	if err := free(ctx, tx, m.Workspace, m.Name); err != nil {
		if domain.KindOf(err) == domain.Exists {
			err = domain.Fail(domain.Exists, "registry.name_taken", "%q cannot be restored: another model has its name now. Rename that one first", domain.Short(m.Name))
		}
		return m, err
	}
	if err := tx.RestoreVersionsOf(ctx, m.ID, m.DeletedAt); err != nil {
		return m, err
	}
	m.DeletedAt, m.UpdatedAt = 0, now.UnixMilli()
	if err := tx.SaveModel(ctx, m); err != nil {
		return m, clash(err, m.Name)
	}
	return m, tx.Emit(ctx, event.Event{Kind: "model.restored", Subject: m.ID, Data: map[string]string{"name": m.Name}})
}
