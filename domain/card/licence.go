package card

import (
	_ "embed" // the lists of identifiers
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/domain"
)

var (
	//go:embed spdx/licences.txt
	licenceList string
	//go:embed spdx/exceptions.txt
	exceptionList string

	licences   = byLower(licenceList)
	exceptions = byLower(exceptionList)
)

// byLower maps the identifiers of a list in lower case to their own spelling.
func byLower(list string) map[string]string {
	ids := map[string]string{}
	for id := range strings.FieldsSeq(list) {
		ids[strings.ToLower(id)] = id
	}
	return ids
}

var (
	licenceToken = regexp.MustCompile(`[()]|[^\s()]+`)
	licenceRef   = regexp.MustCompile(`^(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$`)
)

const (
	maxLicence      = 1000 // characters
	maxLicenceDepth = 20   // brackets in brackets
)

// ParseLicence reads an SPDX licence expression (SPDX 2.3, annex D): identifiers of the list in any case,
// "LicenseRef-…" for one's own, joined by AND, OR and WITH, and brackets. It returns the expression in the list's
// spelling, "" for an empty one.
func ParseLicence(expression string) (string, error) {
	if len(expression) > maxLicence {
		return "", domain.Fail(domain.Invalid, "card.licence_long", "the licence has %d characters, the limit is %d: name the licence, do not copy it", len(expression), maxLicence)
	}
	p := licenceParser{tokens: licenceToken.FindAllString(expression, -1)}
	if len(p.tokens) == 0 {
		return "", nil
	}
	if err := p.any(0); err != nil {
		return "", err
	}
	if p.at < len(p.tokens) {
		return "", badLicence(p.tokens[p.at])
	}
	return strings.Join(p.out, ""), nil
}

func badLicence(at string) error {
	return domain.Fail(domain.Invalid, "card.licence",
		"the licence is no SPDX expression at %q: write identifiers such as Apache-2.0, joined by AND, OR or WITH, or LicenseRef-Internal for one of your own", domain.Short(at))
}

type licenceParser struct {
	tokens []string
	at     int
	out    []string
}

// next is the token to read, "" after the last.
func (p *licenceParser) next() string {
	if p.at == len(p.tokens) {
		return ""
	}
	return p.tokens[p.at]
}

func (p *licenceParser) write(s string) {
	p.out = append(p.out, s)
	p.at++
}

// operator reads op where it stands, in capitals or not.
func (p *licenceParser) operator(op string) bool {
	if t := p.next(); t != op && t != strings.ToLower(op) {
		return false
	}
	p.write(" " + op + " ")
	return true
}

// any reads licences joined by AND and OR; AND binds stronger, which changes nothing in how they are written.
func (p *licenceParser) any(depth int) error {
	for {
		if err := p.one(depth); err != nil {
			return err
		}
		if !p.operator("AND") && !p.operator("OR") {
			return nil
		}
	}
}

func (p *licenceParser) one(depth int) error {
	t := p.next()
	if t == "(" && depth < maxLicenceDepth {
		p.write(t)
		if err := p.any(depth + 1); err != nil {
			return err
		}
		if p.next() != ")" {
			return badLicence(p.next())
		}
		p.write(")")
		return nil
	}
	if licenceRef.MatchString(t) {
		p.write(t)
	} else {
		plain, later := strings.CutSuffix(t, "+")
		id, ok := licences[strings.ToLower(t)] // "GPL-2.0+" is in the list itself
		if !ok && later {
			id, ok = licences[strings.ToLower(plain)]
			id += "+"
		}
		if !ok {
			return badLicence(t)
		}
		p.write(id)
	}
	if !p.operator("WITH") {
		return nil
	}
	id, ok := exceptions[strings.ToLower(p.next())]
	if !ok {
		return badLicence(p.next())
	}
	p.write(id)
	return nil
}
