package catalogsource

import (
	"context"
	"net/http"
	"strings"

	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/catalog"
)

// maxPages is how many pages of a source are read.
const maxPages = 50

// pages reads the pages of a source from address on; page reads one and says where the next is, which is on the same host.
func (r Reader) pages(ctx context.Context, q Request, from, next string, page func(http.Header, []byte) ([]catalog.Offer, string, error)) (all []catalog.Offer, err error) {
	at, err := httpx.Parse(from)
	if err != nil {
		return nil, err
	}
	size := 0
	for n := 0; next != ""; n++ {
		if n == maxPages {
			return nil, domain.Fail(domain.TooLarge, "catalog_source.pages", "%s has more than %d pages: narrow the address, by author, search or filter", domain.Short(at.Host), maxPages)
		}
		to, err := at.Parse(next)
		if err != nil || to.Host != at.Host || to.Scheme != at.Scheme {
			return nil, domain.Fail(domain.Invalid, "catalog_source.elsewhere", "the next page of %s is on another host: it is not followed", domain.Short(at.Host))
		}
		at = to
		a, body, err := r.get(ctx, q, at.String(), nil)
		if err != nil {
			return nil, err
		}
		if size += len(body); size > maxFile {
			return nil, domain.Fail(domain.TooLarge, "outbound.long", "the answer of %s is longer than %d bytes", domain.Short(at.Host), maxFile)
		}
		var some []catalog.Offer
		if some, next, err = page(a.Header, body); err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// nextLink is the address with rel="next" among links (RFC 8288), "" without one.
func nextLink(h http.Header) string {
	for _, line := range h.Values("Link") {
		for line != "" {
			_, rest, ok := strings.Cut(line, "<")
			if !ok {
				break
			}
			to, rest, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			about, more, _ := strings.Cut(rest, "<") // a next link begins
			if more != "" {
				more = "<" + more
			}
			for param := range strings.SplitSeq(about, ";") {
				name, value, _ := strings.Cut(strings.Trim(param, " ,"), "=")
				if strings.EqualFold(strings.TrimSpace(name), "rel") && strings.EqualFold(strings.Trim(value, ` "`), "next") {
					return to
				}
			}
			line = more
		}
	}
	return ""
}
