package audit

import (
	"context"
	"slices"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
)

// ChainOf is the chain into which what is done under p in a workspace goes.
func ChainOf(p access.Perm, workspace string) string {
	if p.Server {
		return ServerChain
	}
	return WorkspaceChain(workspace)
}

// Query asks for lines of a chain.
type Query struct {
	Chain    string
	Actor    string // an actor's id; "" = anybody's
	Action   string // the name of a permission
	Object   string // an id or a name, as in Line.Objects
	From, To int64  // instants, ms: not before From, before To; 0 = no bound
	Seq      int64  // one line alone; 0 = all
	Oldest   bool   // the oldest first instead of the latest
	After    string // page token
	Limit    int
}

// Found is a page of lines.
type Found struct {
	Lines []Line
	Texts map[string]Text // of these lines, by commitment; those that were erased are not there
	Next  string          // page token; "" = no more
}

// Tx is what the audit log asks of a transaction; *storage.Tx answers.
type Tx interface {
	AuditLines(ctx context.Context, q Query) (Found, error)
	AuditHead(ctx context.Context, chain string) (Head, error) // of a chain without lines it is that of none
	AuditChains(ctx context.Context) ([]string, error)         // all of which anything is kept
	VerifyAudit(ctx context.Context, chain string, seen []Head) (Covered, error)
}

// permit asks whether g may see chain: its workspace's, or the server's with that permission.
func permit(g access.Grant, chain string) error {
	if chain == ServerChain {
		return g.Need(access.AuditServer, g.Workspace())
	}
	if err := g.Need(access.AuditRead, g.Workspace()); err != nil {
		return err
	}
	if chain != WorkspaceChain(g.Workspace()) {
		return domain.Fail(domain.NotFound, "not_found", "not found in workspace %s", g.Workspace())
	}
	return nil
}

// Search finds lines.
func Search(ctx context.Context, tx Tx, g access.Grant, q Query) (Found, error) {
	if err := permit(g, q.Chain); err != nil {
		return Found{}, err
	}
	return tx.AuditLines(ctx, q)
}

// Check verifies one chain.
func Check(ctx context.Context, tx Tx, g access.Grant, chain string, seen ...Head) (Covered, error) {
	if err := permit(g, chain); err != nil {
		return Covered{}, err
	}
	return tx.VerifyAudit(ctx, chain, seen)
}

// host asks whether it is the machine's own people who ask: they see all chains.
func host(g access.Grant) error {
	if err := g.Need(access.AuditServer, g.Workspace()); err != nil {
		return err
	}
	if !g.Actor().System {
		return domain.Fail(domain.Forbidden, "access.denied", "%s may not do this in workspace %s: it needs the permission %s", g.Actor().Name, g.Workspace(), g.Perm().Name)
	}
	return nil
}

// CheckAll verifies all chains, also those that only a checkpoint knows, for the host.
func CheckAll(ctx context.Context, tx Tx, g access.Grant, seen ...Head) (out Report, err error) {
	if err := host(g); err != nil {
		return out, err
	}
	chains, err := tx.AuditChains(ctx)
	if err != nil {
		return out, err
	}
	known := map[string]bool{}
	for _, c := range chains {
		known[c] = true
	}
	for _, h := range seen {
		if !known[h.Chain] {
			known[h.Chain] = true
			chains = append(chains, h.Chain)
		}
	}
	for _, c := range chains {
		covered, err := tx.VerifyAudit(ctx, c, seen)
		if err != nil {
			return out, err
		}
		out.Chains = append(out.Chains, covered)
	}
	return out, nil
}

// Heads are the ends of all chains, for the host.
func Heads(ctx context.Context, tx Tx, g access.Grant) (out []Head, err error) {
	if err := host(g); err != nil {
		return nil, err
	}
	chains, err := tx.AuditChains(ctx)
	for _, c := range chains {
		h, err := tx.AuditHead(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, err
}

// Grown are the ends of all chains if any of them is longer than when seen was signed, for the host. It is a Conflict where
// a chain does not go through what was seen of it.
func Grown(ctx context.Context, tx Tx, g access.Grant, seen []Head) ([]Head, error) {
	heads, err := Heads(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	for _, h := range seen {
		if h.Seq == 0 {
			continue
		}
		found, err := tx.AuditLines(ctx, Query{Chain: h.Chain, Seq: h.Seq, Limit: 1})
		if err != nil {
			return nil, err
		}
		ends := slices.ContainsFunc(heads, func(x Head) bool { return x.Chain == h.Chain && x.Seq >= h.Seq })
		if !ends || len(found.Lines) == 0 || found.Lines[0].Hash != h.Hash {
			return nil, domain.Fail(domain.Conflict, "audit.cut", "the chain %s does not go on from line %d, which was signed last: it was cut off or written anew. Find out with slipway audit verify", h.Chain, h.Seq)
		}
	}
	if slices.Equal(heads, seen) {
		return nil, nil
	}
	return heads, nil
}

// Export finds lines of any chain, the oldest first, for the host.
func Export(ctx context.Context, tx Tx, g access.Grant, q Query) (Found, error) {
	if err := host(g); err != nil {
		return Found{}, err
	}
	q.Oldest = true
	return tx.AuditLines(ctx, q)
}

// With is l with its texts, for an export.
func (f Found) With(l Line) Exported {
	e := Exported{Line: l}
	for c := range l.Commitments() {
		if t, ok := f.Texts[c]; ok {
			e.Texts = append(e.Texts, t)
		}
	}
	return e
}
