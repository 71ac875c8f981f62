// Package api is the product's own JSON API: what the command line and automation use. Its document is openapi.yaml; the
// rules are those of domain/promotion.
package api

import (
	_ "embed" // the document
	"net/http"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/handlers/route"
)

// base is what the path of every operation begins with.
const base = "/api/v1/"

// Document is the OpenAPI document, YAML.
//
//go:embed openapi.yaml
var Document []byte

// Table is every route of this protocol.
func Table() []route.Route {
	const (
		one  = base + "promotions/:number"
		slot = base + "slots/:environment/:model"
	)
	return []route.Route{
		route.GET(base+"openapi.yaml", access.EnvironmentRead, document),

		route.GET(base+"environments", access.EnvironmentRead, question(listEnvironments)),
		route.GET(base+"environments/:name", access.EnvironmentRead, question(showEnvironment)),
		route.POST(base+"environments/:name/changes", access.EnvironmentWrite, act(requestChange)),
		route.GET(base+"slots", access.EnvironmentRead, question(listSlots)),
		route.GET(slot, access.EnvironmentRead, question(showSlot)),
		route.GET(slot+"/history", access.EnvironmentRead, question(showHistory)),
		route.POST(slot+"/rollback", access.SlotRollback, act(rollback)),

		route.GET(base+"promotions", access.PromotionRead, question(listPromotions)),
		route.POST(base+"promotions", access.PromotionPropose, act(createPromotion)),
		route.GET(one, access.PromotionRead, question(showPromotion)),
		route.PATCH(one, access.PromotionPropose, act(editPromotion)),
		route.POST(one+"/submit", access.PromotionPropose, onPromotion(submit)),
		route.POST(one+"/cancel", access.PromotionPropose, onPromotion(cancel)),
		route.POST(one+"/reviews", access.PromotionReview, onPromotion(decide)),
		route.DELETE(one+"/reviews/mine", access.PromotionReview, onPromotion(withdraw)),
		route.POST(one+"/waivers", access.PromotionReview, onPromotion(waive)),
		route.GET(one+"/comments", access.PromotionRead, question(listComments)),
		route.POST(one+"/comments", access.PromotionComment, act(addComment)),
		route.POST(one+"/execute", access.PromotionExecute, onPromotion(execute)),
		route.POST(one+"/abort", access.SlotRollback, onPromotion(abort)),
		route.POST(one+"/break-glass", access.PromotionBreak, onPromotion(breakGlass)),
		route.POST(one+"/debt", access.PromotionReview, act(closeDebt)),

		route.GET(base+"checks", access.PromotionRead, question(listChecks)),
		route.POST(base+"checks", access.CheckReport, act(reportCheck)),
	}
}

func document(r *route.Request) error {
	return r.Blob(http.StatusOK, "application/yaml", Document)
}
