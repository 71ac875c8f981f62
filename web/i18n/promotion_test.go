package i18n

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain/promotion"
)

// Every refusal of promotions and of the API has its words, and so has every word in one.
func TestErrorsOfPromotions(t *testing.T) {
	said := map[string]bool{}
	text := promotionSource(t)
	for _, file := range []string{"errors", "call", "wire", "slots", "promotions"} {
		source, err := os.ReadFile("../../handlers/api/" + file + ".go")
		if err != nil {
			t.Fatal(err)
		}
		text += string(source)
	}
	pages, err := os.ReadFile("../../handlers/ui/promotions.go")
	if err != nil {
		t.Fatal(err)
	}
	text += string(pages)
	for _, m := range regexp.MustCompile(`, "((?:promotion|check|api)\.[a-z_]+)",`).FindAllStringSubmatch(text, -1) {
		said[m[1]] = true
	}
	for _, s := range promotion.States {
		said["promotion.state_word."+string(s)] = true
	}
	for _, m := range regexp.MustCompile(`\btext\("([a-z]+)",`).FindAllStringSubmatch(text, -1) {
		said["promotion.word."+m[1]] = true
	}
	for _, b := range []promotion.Binding{{Revision: 1}, {Base: 1}, {Policy: "p"}, {Evidence: "e"}} {
		said["promotion.stale."+b.Stale(promotion.Binding{})] = true
	}
	for _, v := range []promotion.Verdict{promotion.Passed, promotion.Failed, promotion.Inconclusive, promotion.Errored, promotion.Waived, promotion.Waiting} {
		said["verdict."+string(v)] = true
	}
	if len(said) < 70 {
		t.Fatalf("found %d keys only", len(said))
	}
	for key := range said {
		if catalogues[Default]["error."+key] == "" {
			t.Errorf("error.%s has no words", key)
		}
	}
	for key := range catalogues[Default] {
		rest, ok := strings.CutPrefix(key, "error.")
		if ok && (strings.HasPrefix(rest, "promotion.") || strings.HasPrefix(rest, "check.") || strings.HasPrefix(rest, "api.") || strings.HasPrefix(rest, "verdict.")) &&
			!said[rest] && rest != "promotion.ended" && rest != "api.key_busy" { // which storage says
			t.Errorf("nothing says %s", key)
		}
	}
}
