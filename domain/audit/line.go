// Package audit is the log of who did what: lines in chains, each of which holds the hash of the one before it, so that
// whatever is changed, taken out or put in afterwards is found.
package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/event"
)

// FactErased tells that what was kept of a person beside the chains was deleted; the fact's subject is the person.
const FactErased = "user.erased"

// ServerChain is the chain of what belongs to no workspace: accounts, signing in and out.
const ServerChain = "server"

// WorkspaceChain is the chain of a workspace.
func WorkspaceChain(id string) string { return "workspace/" + id }

// Line is one act in a chain. Its field names in JSON are part of what is hashed and stay as they are.
type Line struct {
	Chain     string          `json:"chain"`
	Seq       int64           `json:"seq"` // 1, 2, 3 … in its chain
	At        int64           `json:"at"`  // ms since 1970
	Actor     string          `json:"actor"`
	Token     string          `json:"token"`  // id of the API token used, "" for none
	Action    string          `json:"action"` // name of the permission
	Objects   []string        `json:"objects"`
	Facts     json.RawMessage `json:"facts"` // list of Fact, in canonical form
	RequestID string          `json:"request_id"`
	Source    Sealed          `json:"source"` // the address it came from; empty where none is known
	Prev      string          `json:"prev"`   // hash of the line before, "" for the first
	Hash      string          `json:"hash,omitempty"`
}

// Fact is one thing that became true.
type Fact struct {
	Kind    string `json:"kind"`    // "run.deleted"
	Subject string `json:"subject"` // id of the thing
	Data    any    `json:"data,omitempty"`
}

// Body is what the hash of l is taken over: l without its hash, as canonical JSON.
func (l Line) Body() ([]byte, error) {
	l.Hash = ""
	if l.Objects == nil {
		l.Objects = []string{}
	}
	return canonical.Marshal(l)
}

// Sum is the SHA-256 of Body in hexadecimal digits.
func (l Line) Sum() (string, error) {
	body, err := l.Body()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// Follow is l as the next line of its chain, behind the one with number seq and hash prev.
func (l Line) Follow(seq int64, prev string) (Line, error) {
	l.Seq, l.Prev = seq+1, prev
	var err error
	l.Hash, err = l.Sum()
	return l, err
}

// Saying are the facts of l.
func (l Line) Saying() (facts []Fact, err error) {
	return facts, json.Unmarshal(l.Facts, &facts)
}

// Sealed is what a line holds in place of a text.
type Sealed struct {
	Text string `json:"sealed"` // the commitment
	Of   string `json:"of"`     // id of the person it is about or by
}

// Text is what a commitment is to. It is kept beside the chains and may be erased.
type Text struct {
	Commitment string `json:"sealed"`
	Subject    string `json:"of"`
	Salt       string `json:"salt"` // 256 random bits, base64
	Value      string `json:"text"`
}

// Fits reports whether t is what its commitment was made from.
func (t Text) Fits() bool { return commitment(t.Salt, t.Subject, t.Value) == t.Commitment }

// commitment is the SHA-256 of the parts in canonical form. The salt is as long as the hash, so that even a text with few
// possible values cannot be found by trying.
func commitment(salt, subject, value string) string {
	sum, err := canonical.Digest([]string{salt, subject, value})
	if err != nil {
		return "" // no text of ours: it is not UTF-8
	}
	return sum
}

// Seal commits to a text about or by subject.
func Seal(value, subject string) Text {
	salt := make([]byte, sha256.Size)
	rand.Read(salt) // never fails (crypto/rand)
	t := Text{Subject: subject, Salt: base64.RawStdEncoding.EncodeToString(salt), Value: strings.ToValidUTF8(value, "\uFFFD")}
	t.Commitment = commitment(t.Salt, t.Subject, t.Value)
	return t
}

// Record are the facts that events tell, with commitments in place of texts, and the texts. Those that name nobody are of actor.
func Record(events []event.Event, actor string) (facts []Fact, texts []Text) {
	for _, e := range events {
		facts = append(facts, Fact{e.Kind, e.Subject, seal(e.Data, actor, &texts)})
	}
	return facts, texts
}

func seal(v any, actor string, texts *[]Text) any {
	switch v := v.(type) {
	case event.Text:
		if v.Of == "" {
			v.Of = actor
		}
		t := Seal(v.Value, v.Of)
		*texts = append(*texts, t)
		return Sealed{t.Commitment, t.Subject}
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] = seal(v[k], actor, texts)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = seal(x, actor, texts)
		}
		return out
	}
	return v
}

// Canonical is v as canonical JSON; what is no UTF-8 in its texts is replaced.
func Canonical(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, &domain.Error{Kind: domain.Internal, Key: "internal", Msg: "a fact cannot be written as JSON", Err: err}
	}
	return canonical.Transform(text)
}

// Commitments are those that l holds, by their text; its source is among them.
func (l Line) Commitments() map[string]Sealed {
	out := map[string]Sealed{}
	var v any
	if json.Unmarshal(l.Facts, &v) == nil {
		sealed(v, out)
	}
	if l.Source != (Sealed{}) {
		out[l.Source.Text] = l.Source
	}
	return out
}

func sealed(v any, out map[string]Sealed) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			sealed(x, out)
		}
	case map[string]any:
		text, ok1 := v["sealed"].(string)
		of, ok2 := v["of"].(string)
		if ok1 && ok2 && len(v) == 2 {
			out[text] = Sealed{text, of}
			return
		}
		for _, x := range v {
			sealed(x, out)
		}
	}
}

// maxObject is how long a name may be to be looked for, bytes.
const maxObject = 512

// objectKeys are the names in a fact's data under which it can be found beside its subject.
var objectKeys = []string{"name", "model", "user", "from", "to"}

// ObjectsOf are the ids and names by which facts can be found, sorted.
func ObjectsOf(facts json.RawMessage) []string {
	var all []Fact
	if json.Unmarshal(facts, &all) != nil {
		return nil
	}
	found := map[string]bool{}
	for _, f := range all {
		found[f.Subject] = true
		data, _ := f.Data.(map[string]any)
		for _, key := range objectKeys {
			if (key == "from" || key == "to") && !strings.HasSuffix(f.Kind, ".renamed") {
				continue
			}
			if name, ok := data[key].(string); ok && len(name) <= maxObject {
				found[name] = true
			}
		}
	}
	delete(found, "")
	return slices.Sorted(maps.Keys(found))
}
