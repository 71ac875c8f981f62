package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain/canonical"
)

// Reason says what is wrong with a line.
type Reason string

// The reasons.
const (
	Gap       Reason = "gap"       // lines are missing before it
	Order     Reason = "order"     // it stands where a later one was expected: put in, or out of order
	Edited    Reason = "edited"    // its hash is not that of what it says
	Unlinked  Reason = "unlinked"  // it does not hold the hash of the line before
	Truncated Reason = "truncated" // it is missing at the end
	Rewritten Reason = "rewritten" // it is not the one that a checkpoint saw
	BadText   Reason = "text"      // a text beside it is not the one that it commits to
	LostText  Reason = "lost"      // a text beside it is gone though its person was not erased
	Index     Reason = "index"     // it would not be found by its objects
	Foreign   Reason = "foreign"   // something beside the chain belongs to no line of it
)

// why are the reasons in words, for terminals.
var why = map[Reason]string{
	Gap:       "lines are missing before it",
	Order:     "it was put in, or stands out of order",
	Edited:    "it was edited: its hash is not that of what it says",
	Unlinked:  "the line before it was edited or exchanged: it does not hold that line's hash",
	Truncated: "it is missing, with whatever came after it",
	Rewritten: "it is not the line that the checkpoint saw",
	BadText:   "a text beside it was edited",
	LostText:  "a text beside it was deleted, though its person was not erased",
	Index:     "the search does not find it as it should",
	Foreign:   "something beside it belongs to no line",
}

// Fault is the first thing that is wrong in a chain.
type Fault struct {
	Chain  string
	Seq    int64 // the first bad line
	Reason Reason
}

// String says it in English.
func (f *Fault) String() string {
	return fmt.Sprintf("chain %s: the first bad line has the number %d: %s", f.Chain, f.Seq, why[f.Reason])
}

// Head is the end of a chain: the number and the hash of its last line.
type Head struct {
	Chain string
	Seq   int64  // also the number of lines; 0 = none yet
	Hash  string // "" for none
}

// Chain checks the lines of one chain as they come, the first one first.
type Chain struct {
	Head
	Since, Until int64 // instants of the first and the last line seen, ms
	seen         []Head
}

// Verify begins the check of a chain against what was seen of it earlier.
func Verify(chain string, checkpoints ...Head) *Chain {
	c := &Chain{Head: Head{Chain: chain}}
	for _, h := range checkpoints {
		if h.Chain == chain {
			c.seen = append(c.seen, h)
		}
	}
	slices.SortFunc(c.seen, func(a, b Head) int { return int(a.Seq - b.Seq) })
	return c
}

// Add checks the next line.
func (c *Chain) Add(l Line) *Fault {
	bad := func(r Reason) *Fault { return &Fault{c.Chain, c.Seq + 1, r} }
	switch {
	case l.Seq > c.Seq+1:
		return bad(Gap)
	case l.Seq < c.Seq+1:
		return bad(Order)
	}
	sum, err := l.Sum()
	if err != nil || sum != l.Hash || l.Chain != c.Chain || !exact(l) {
		return bad(Edited)
	}
	if l.Prev != c.Hash {
		return bad(Unlinked)
	}
	for _, h := range c.seen {
		if h.Seq == l.Seq && h.Hash != l.Hash {
			return bad(Rewritten)
		}
	}
	if c.Seq == 0 {
		c.Since = l.At
	}
	c.Seq, c.Hash, c.Until = l.Seq, l.Hash, l.At
	return nil
}

// exact refuses what has the right hash and was edited all the same: another way to write equal JSON.
func exact(l Line) bool {
	text, err := canonical.Transform(l.Facts)
	return err == nil && string(text) == string(l.Facts)
}

// End checks that nothing is missing behind the last line: every checkpoint must have been passed.
func (c *Chain) End() *Fault {
	for _, h := range c.seen {
		if h.Seq > c.Seq {
			return &Fault{c.Chain, c.Seq + 1, Truncated}
		}
	}
	return nil
}

// Ends checks the last line against the head that is kept with the chain.
func (c *Chain) Ends(kept Head) *Fault {
	switch {
	case kept.Seq > c.Seq:
		return &Fault{c.Chain, c.Seq + 1, Truncated}
	case kept.Seq < c.Seq:
		return &Fault{c.Chain, kept.Seq + 1, Order}
	case kept.Hash != c.Hash:
		return &Fault{c.Chain, c.Seq, Rewritten}
	}
	return nil
}

// Beside is what is kept beside a line, to be checked with it.
type Beside struct {
	Objects []string // the words under which the search finds it, in any order
	Texts   []Text
}

// Check compares what is kept beside l with l. Whether a text may be missing is for erased to say, by the person's id.
func (l Line) Check(b Beside, erased func(person string) bool) *Fault {
	bad := func(r Reason) *Fault { return &Fault{l.Chain, l.Seq, r} }
	objects := slices.Sorted(slices.Values(b.Objects))
	if !slices.Equal(objects, l.Objects) {
		return bad(Index)
	}
	missing := l.Commitments()
	for _, t := range b.Texts {
		s, ok := missing[t.Commitment]
		switch {
		case !ok:
			return bad(Foreign)
		case !t.Fits() || t.Subject != s.Of:
			return bad(BadText)
		}
		delete(missing, t.Commitment)
	}
	for _, s := range missing {
		if !erased(s.Of) {
			return bad(LostText)
		}
	}
	return nil
}

// Report is what a verification covered, chain by chain, and the first fault that it met in each.
type Report struct {
	Chains []Covered
}

// Covered is what was verified of one chain.
type Covered struct {
	Chain        string
	Lines        int64
	Since, Until int64 // ms
	Hash         string
	Texts        int64 // that are there and fit
	Checkpoints  int   // that the chain was held against
	Fault        *Fault
}

// Fault is the first one of a report, nil where all is well.
func (r Report) Fault() *Fault {
	for _, c := range r.Chains {
		if c.Fault != nil {
			return c.Fault
		}
	}
	return nil
}

// Covered is what c has covered so far.
func (c *Chain) Covered(f *Fault) Covered {
	return Covered{Chain: c.Chain, Lines: c.Seq, Since: c.Since, Until: c.Until, Hash: c.Hash, Checkpoints: len(c.seen), Fault: f}
}

// ValidChain reports whether name could be a chain's.
func ValidChain(name string) bool {
	id, ok := strings.CutPrefix(name, "workspace/")
	return name == ServerChain || ok && id != ""
}
