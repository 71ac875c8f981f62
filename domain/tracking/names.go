package tracking

import (
	"fmt"
	"math/rand/v2"
)

var (
	adjectives = []string{
		"amber", "brisk", "calm", "clear", "crisp", "deft", "eager", "fair", "fleet", "fresh", "gentle", "glad", "golden",
		"hardy", "keen", "light", "lively", "lucid", "merry", "mild", "noble", "placid", "proud", "quick", "quiet",
		"sage", "serene", "sharp", "sleek", "snug", "spry", "stout", "sunny", "swift", "trim", "upbeat", "vivid", "warm", "wise", "zesty",
	}
	nouns = []string{
		"anchor", "bay", "beacon", "bow", "breeze", "brig", "buoy", "cape", "clipper", "coral", "cove", "current", "cutter",
		"delta", "dock", "dune", "ferry", "fjord", "gale", "gull", "harbor", "heron", "hull", "island", "jetty", "kelp", "keel",
		"lagoon", "mast", "otter", "pier", "reef", "rudder", "sail", "schooner", "shoal", "sloop", "spar", "tern", "tide",
	}
)

// randomName is a name that people can say to each other, for a run or model that came without one.
func randomName() string {
	return fmt.Sprintf("%s-%s-%d", adjectives[rand.IntN(len(adjectives))], nouns[rand.IntN(len(nouns))], rand.IntN(1000)) //nolint:gosec // a name, not a secret
}
