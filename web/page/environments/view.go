// Package environments is where versions are live, what each environment asks of a promotion, and the forms for both.
package environments

import (
	"context"
	"net/url"
	"time"

	"github.com/slipway-ml/slipway/domain/promotion"
	"github.com/slipway-ml/slipway/web/i18n"
	"github.com/slipway-ml/slipway/web/page/promotions"
)

// ListView is the environments, in the order in which versions pass through them.
//
//	GET  /environments
//	POST /environments   name
type ListView struct {
	All   []Environment
	Known Known
	Write bool   // the reader may make and change environments
	Name  string // that was refused
	Error string // why
}

// Environment is one environment.
type Environment struct {
	Name      string
	Protected bool
	Policy    promotion.Policy
	Live      int64     // models that have a live version
	Freeze    string    // name of the freeze in force, "" for none
	Until     time.Time // when it ends; zero where no end is in sight
}

// Known are the names of people and teams, by their ids.
type Known struct{ People, Teams map[string]string }

func (k Known) person(id string) string { return called(k.People, id) }

func (k Known) team(id string) string { return called(k.Teams, id) }

func called(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return name
	}
	return id
}

// View is one environment.
//
//	GET  /environments/:name
//	POST /environments/:name/protect
//	POST /environments/:name/unprotect   on, reason: a request
//	POST /environments/:name/delete
type View struct {
	Environment
	Known     Known
	Slots     []Slot
	More      int64 // models that are live and not in Slots
	Updated   time.Time
	UpdatedBy string
	Open      []promotions.Row // requests for other rules, or for teams that it decides about
	Changes   []Change         // of its rules and its protection, the latest first
	Saved     bool             // the reader has just made the latest
	Write     bool
	Unused    bool   // nothing was ever live in it
	Refused   string // why it was not protected

	On          string // the revision that the reader looks at
	LiftRefused string // why lifting its protection was not requested
	Reason      string // that was given for it
}

// Slot is what is live of one model.
type Slot struct {
	Model   string
	Path    string // of the model; "" where it is in the trash
	Version int64
	At      string // path of the version
	Digest  string
	Since   time.Time
	By      string
}

// Change is one change of an environment.
type Change struct {
	By            string
	At            time.Time
	Act           string // protected, unprotected; "" for its rules
	Before, After string // the rules, JSON
	Promotion     int64  // number of the request, 0 for none
	Line          string // path of its line in the audit log
}

// EditView is the form of an environment's rules. What is in it are the values of the form, so that what was typed and
// refused stands there again:
//
//	GET  /environments/:name/edit   as (json)
//	POST /environments/:name/edit   on, and either policy (JSON) or
//	     rules, requires…           counts of rows, and for each row N of a kind KIND.N.FIELD
//	POST /environments/:name/changes   the same and reason: a request, where it is protected
type EditView struct {
	Name      string
	Protected bool // a change is a request
	Reason    string

	On     string // the revision that the reader looks at
	JSON   bool
	Text   string // of the policy, JSON
	Values url.Values
	Errors map[string]string // by the name of the field
	Error  string            // of the whole
	Others []string          // names of the other environments
	Teams  []Named
	People []Named // who may approve
}

func (v EditView) title(ctx context.Context) string {
	if v.Protected {
		return i18n.T(ctx, "env.request")
	}
	return i18n.T(ctx, "env.edit")
}

func (v EditView) action() string {
	if v.Protected {
		return Path(v.Name) + "/changes"
	}
	return Path(v.Name) + "/edit"
}

// Named is a person or a team.
type Named struct{ ID, Name string }

// Path is the address of an environment's page.
func Path(name string) string { return "/environments/" + url.PathEscape(name) }
