package scan

import (
	"bytes"
	"math"
	"regexp"
	"strings"
)

// secrets are the forms of well-known tokens, as their issuers describe them. The hint is a text that each must hold:
// looking for it first makes the search fast. The last group is the secret itself.
var secrets = []struct {
	code, hint string
	form       *regexp.Regexp
}{
	{"secret.private_key", "PRIVATE KEY", regexp.MustCompile(`(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)`)},
	{"secret.aws", "IA", regexp.MustCompile(`\b((?:AKIA|ASIA)[A-Z0-9]{16})\b`)},
	{"secret.github", "gh", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36,255})\b`)},
	{"secret.github", "github_pat_", regexp.MustCompile(`\b(github_pat_[A-Za-z0-9_]{22,255})\b`)},
	{"secret.gitlab", "glpat-", regexp.MustCompile(`\b(glpat-[A-Za-z0-9_-]{20,})`)},
	{"secret.slack", "xox", regexp.MustCompile(`\b(xox[abeoprs]-[A-Za-z0-9-]{10,})`)},
	{"secret.slack", "hooks.slack.com", regexp.MustCompile(`hooks\.slack\.com/services/(T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{20,})`)},
	{"secret.anthropic", "sk-ant-", regexp.MustCompile(`\b(sk-ant-[A-Za-z0-9_-]{20,})`)},
	{"secret.openai", "sk-", regexp.MustCompile(`\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9][A-Za-z0-9_]{19}[A-Za-z0-9_-]*)`)},
	{"secret.huggingface", "hf_", regexp.MustCompile(`\b(hf_[A-Za-z0-9]{30,})\b`)},
	{"secret.google", "AIza", regexp.MustCompile(`\b(AIza[A-Za-z0-9_-]{35})`)},
	{"secret.password", "", regexp.MustCompile(`(?i)(?:password|passwd|secret|api_?key|access_?key|auth_?token)["']?[ \t]*[:=][ \t]*["']?([^\s"'<>{}$(),;]{10,200})`)},
}

// minEntropy is in bits per character; words of a language have less than random text.
const minEntropy = 3.3

// secretsIn notes what looks like a secret in a text, with its line and its first characters only.
func (s *scanner) secretsIn(in input, body []byte) {
	for _, secret := range secrets {
		if !bytes.Contains(body, []byte(secret.hint)) {
			continue
		}
		line, counted := 1, 0
		for _, m := range secret.form.FindAllSubmatchIndex(body, s.lim.Evidence) {
			line += bytes.Count(body[counted:m[0]], []byte("\n"))
			counted = m[0]
			found := string(body[m[2]:m[3]])
			if secret.code == "secret.password" && (entropy(found) < minEntropy || !strings.ContainsAny(found, "0123456789")) {
				continue
			}
			s.note(secret.code, in.path, line, found[:min(4, len(found)/4)]+"…")
		}
	}
}

// entropy is Shannon's, in bits per byte, of the bytes of a text.
func entropy(t string) float64 {
	var counts [256]float64
	for i := range len(t) {
		counts[t[i]]++
	}
	bits := 0.0
	for _, c := range counts {
		if c > 0 {
			bits -= c / float64(len(t)) * math.Log2(c/float64(len(t)))
		}
	}
	return bits
}
