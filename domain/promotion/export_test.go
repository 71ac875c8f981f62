package promotion

import (
	"fmt"
	"slices"
)

// Guards lists the names of all defences that tests can switch off.
var Guards = []string{
	string(generation), string(lock), string(freeze), string(author), string(editor), string(binding), string(recheck), string(invalidation),
	string(revocation), string(revokeStops), string(frozenEdit), string(wasLive), string(departed), string(expiry),
}

// Without switches defences off, and gives what switches them on again.
func Without(names ...string) (restore func()) {
	for _, n := range names {
		if !slices.Contains(Guards, n) {
			panic(fmt.Sprintf("there is no guard %s", n))
		}
		off[guard(n)] = true
	}
	return func() { clear(off) }
}
