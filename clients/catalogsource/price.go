package catalogsource

import (
	"slices"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// Three units are in use: US dollars for each token, as numbers or as text, and US dollars for a million tokens.
const (
	each1  = 1
	each1M = 1e6
)

// prices gathers what a model costs. Of two prices for the same thing the first stays.
type prices []catalog.Price

// add notes that so many US dollars buy per units. What is no price becomes one that cannot be right.
func (p *prices) add(price catalog.Price, dollars *number, per float64) {
	if dollars == nil {
		return
	}
	amount, ok := catalog.USD(float64(*dollars) / per)
	if !ok {
		amount = -1
	}
	price.Amount = 0
	if slices.ContainsFunc(*p, func(o catalog.Price) bool { o.Amount = 0; return o == price }) {
		return
	}
	price.Amount = amount
	*p = append(*p, price)
}
