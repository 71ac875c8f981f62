package component

import "strings"

type part struct {
	text string
	hit  bool
}

// marks cuts text into what says words and what does not.
func marks(text, words string) (out []part) {
	low, want := lowered(text), lowered(words)
	for want != "" {
		at := strings.Index(low, want)
		if at < 0 {
			break
		}
		if at > 0 {
			out = append(out, part{text[:at], false})
		}
		out = append(out, part{text[at : at+len(want)], true})
		text, low = text[at+len(want):], low[at+len(want):]
	}
	if text != "" {
		out = append(out, part{text, false})
	}
	return out
}

// lowered is s with its ASCII letters in lower case, so that it keeps its length.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
