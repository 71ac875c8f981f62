package i18n

import (
	"context"
	"fmt"
	"strconv"
)

// Gate is the sentence that explains what a gate found, in the reader's language: reason and args are those of a
// promotion.Result, whose numbers are float64. A sentence that lacks words, or has others than its args, is the reason
// as it stands.
func Gate(ctx context.Context, reason string, args []any) string {
	text, ok := lookup(ctx, "gate."+reason)
	if !ok || len(verb.FindAllString(text, -1)) != len(args) {
		return reason
	}
	said := make([]any, len(args))
	for i, a := range args {
		if n, ok := a.(float64); ok {
			a = strconv.FormatFloat(n, 'g', -1, 64)
		}
		said[i] = fmt.Sprint(a)
	}
	return fmt.Sprintf(text, said...) // so every key below counts as used: i18n.T(ctx, "gate." + reason)
}
