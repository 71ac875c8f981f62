package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/domain/canonical"
)

// Exported is a line as it stands in an export, one to a line of the file, in canonical JSON.
type Exported struct {
	Line
	Texts []Text `json:"texts,omitempty"` // those that were there, if they were asked for
}

// Write adds e to an export.
func (e Exported) Write(w io.Writer) error {
	text, err := canonical.Marshal(e)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// mostBytes is how long a line of an export may be.
const mostBytes = 64 << 20

// VerifyExport checks an export, which must hold chains from their first line on, one behind the other.
func VerifyExport(r io.Reader, checkpoints ...Head) (out Report, err error) {
	chains, order := map[string]*Chain{}, []string{}
	texts := map[string]int64{}
	faults := map[string]*Fault{}
	begin := func(name string) *Chain {
		if chains[name] == nil {
			chains[name] = Verify(name, checkpoints...)
			order = append(order, name)
		}
		return chains[name]
	}
	for _, h := range checkpoints {
		begin(h.Chain)
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostBytes)
	for n := 1; lines.Scan(); n++ {
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields() // what is not hashed says nothing
		var e Exported
		if err := d.Decode(&e); err != nil {
			return out, fmt.Errorf("line %d of the file is no line of an export: %w", n, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return out, fmt.Errorf("line %d of the file holds more than a line of an export", n)
		}
		if !ValidChain(e.Chain) {
			return out, fmt.Errorf("line %d of the file names no chain: %q", n, e.Chain)
		}
		c := begin(e.Chain)
		if faults[e.Chain] != nil {
			continue
		}
		f := c.Add(e.Line)
		if f == nil {
			f = e.Check(Beside{Objects: e.Objects, Texts: e.Texts}, func(string) bool { return true }) // an export may leave texts out
		}
		texts[e.Chain] += int64(len(e.Texts))
		faults[e.Chain] = f
	}
	if err := lines.Err(); err != nil {
		return out, err
	}
	for _, name := range order {
		if faults[name] == nil {
			faults[name] = chains[name].End()
		}
		covered := chains[name].Covered(faults[name])
		covered.Texts = texts[name]
		out.Chains = append(out.Chains, covered)
	}
	return out, nil
}

// Erased stands in place of a text that is not there.
const Erased = "(erased)"

// Told are the facts of e with the texts that are there in place of their commitments.
func (e Exported) Told() []Fact {
	facts, err := e.Saying()
	if err != nil {
		return nil
	}
	known := map[string]string{}
	for _, t := range e.Texts {
		known[t.Commitment] = t.Value
	}
	for i := range facts {
		facts[i].Data = told(facts[i].Data, known)
	}
	return facts
}

func told(v any, known map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		if c, ok := v["sealed"].(string); ok && len(v) == 2 && v["of"] != nil {
			if text, there := known[c]; there {
				return text
			}
			return Erased
		}
		for k, x := range v {
			v[k] = told(x, known)
		}
	case []any:
		for i, x := range v {
			v[i] = told(x, known)
		}
	}
	return v
}

// Address is where the request of e came from, "" where that is not known.
func (e Exported) Address() string {
	for _, t := range e.Texts {
		if t.Commitment == e.Source.Text {
			return t.Value
		}
	}
	if e.Source.Text != "" {
		return Erased
	}
	return ""
}

// Columns are the names of the cells of Row.
var Columns = []string{"chain", "seq", "time", "actor", "name", "token", "action", "objects", "facts", "request_id", "address", "prev", "hash"}

// Row is e for a spreadsheet; name is what the actor is called.
func (e Exported) Row(name string) []string {
	facts, err := Canonical(e.Told())
	if err != nil {
		facts = e.Facts
	}
	at := time.UnixMilli(e.At).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	return []string{
		e.Chain, strconv.FormatInt(e.Seq, 10), at, e.Actor, name, e.Token, e.Action, strings.Join(e.Objects, " "), string(facts),
		e.RequestID, e.Address(), e.Prev, e.Hash,
	}
}
