package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/slipway-ml/slipway/domain"
)

// A checkpoint is a signed note (https://c2sp.org/signed-note) on the end of a chain, in the form of
// https://c2sp.org/tlog-checkpoint: the origin, the number of lines, and the hash of the last one in base64. A file may hold
// several, one behind the other.

const (
	keyName    = "slipway-audit"
	origin     = "slipway/audit/"
	privateKey = "PRIVATE+KEY+"
)

// none stands for the hash of a last line that is not there: that of nothing, as of an empty tree.
var none = sha256.Sum256(nil)

// Key signs and verifies checkpoints; one that was read from a public key only verifies.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// NewKey makes a key and its text, which is to be kept secret and outside the database.
func NewKey() (text string, err error) {
	text, _, err = note.GenerateKey(rand.Reader, keyName)
	return text + "\n", err
}

// ParseKey reads the text of a private key or of a public one.
func ParseKey(text string) (k Key, err error) {
	bad := func(err error) (Key, error) {
		return Key{}, &domain.Error{Kind: domain.Invalid, Key: "audit.key", Msg: "this is no key for the audit log: it has one line that begins with PRIVATE+KEY+ or, if it only verifies, with " + keyName + "+", Err: err}
	}
	text = strings.TrimSpace(text)
	k.public = text
	if strings.HasPrefix(text, privateKey) {
		if k.signer, err = note.NewSigner(text); err != nil {
			return bad(err)
		}
		const algorithm, parts = 1, 5 // a byte stands before the seed; PRIVATE+KEY+name+hash+seed
		b, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", parts)[parts-1])
		if err != nil || len(b) != algorithm+ed25519.SeedSize {
			return bad(err)
		}
		public, _ := ed25519.NewKeyFromSeed(b[algorithm:]).Public().(ed25519.PublicKey)
		if k.public, err = note.NewEd25519VerifierKey(k.signer.Name(), public); err != nil {
			return bad(err)
		}
	}
	if k.verifier, err = note.NewVerifier(k.public); err != nil || k.verifier.Name() != keyName {
		return bad(err)
	}
	return k, nil
}

// Signs reports whether k can sign.
func (k Key) Signs() bool { return k.signer != nil }

// Public is the text of the key that verifies.
func (k Key) Public() string { return k.public }

// Sign makes a checkpoint of a head.
func (k Key) Sign(h Head) ([]byte, error) {
	if k.signer == nil {
		return nil, domain.Fail(domain.Invalid, "audit.key_public", "this key can only verify checkpoints: sign with the private one")
	}
	hash, err := hex.DecodeString(h.Hash)
	if err != nil {
		return nil, err
	}
	if h.Seq == 0 {
		hash = none[:]
	}
	if strings.ContainsAny(h.Chain, "\n\r") {
		return nil, fmt.Errorf("audit: the chain %q has no checkpoint", h.Chain)
	}
	text := origin + h.Chain + "\n" + strconv.FormatInt(h.Seq, 10) + "\n" + base64.StdEncoding.EncodeToString(hash) + "\n"
	return note.Sign(&note.Note{Text: text}, k.signer)
}

// SignAll makes a file of a checkpoint of each head.
func (k Key) SignAll(heads []Head) (file []byte, err error) {
	for i, h := range heads {
		signed, err := k.Sign(h)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			file = append(file, '\n')
		}
		file = append(file, signed...)
	}
	return file, nil
}

func badCheckpoint(err error) error {
	return &domain.Error{Kind: domain.Invalid, Key: "audit.checkpoint", Msg: "this is no checkpoint signed with this key: it was changed, or is another server's", Err: err}
}

// Checkpoints reads all the checkpoints in a file. One that this key did not sign is an error.
func (k Key) Checkpoints(file []byte) (out []Head, err error) {
	for len(bytes.TrimSpace(file)) > 0 {
		var one []byte
		one, file = firstNote(bytes.TrimLeft(file, "\n"))
		n, err := note.Open(one, note.VerifierList(k.verifier))
		if err != nil {
			return nil, badCheckpoint(err)
		}
		h, err := parseHead(n.Text)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	if len(out) == 0 {
		return nil, badCheckpoint(nil)
	}
	return out, nil
}

// firstNote cuts a file behind the signatures of its first note.
func firstNote(file []byte) (one, rest []byte) {
	_, signatures, ok := bytes.Cut(file, []byte("\n\n"))
	if !ok {
		return file, nil
	}
	for bytes.HasPrefix(signatures, []byte("— ")) {
		_, signatures, _ = bytes.Cut(signatures, []byte("\n"))
	}
	return file[:len(file)-len(signatures)], signatures
}

func parseHead(text string) (h Head, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 { // more are extensions
		return h, badCheckpoint(nil)
	}
	chain, ok := strings.CutPrefix(lines[0], origin)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	hash, err2 := base64.StdEncoding.DecodeString(lines[2])
	if !ok || err != nil || err2 != nil || size < 0 || !ValidChain(chain) {
		return h, badCheckpoint(err)
	}
	if size == 0 {
		return Head{Chain: chain}, nil
	}
	return Head{chain, size, hex.EncodeToString(hash)}, nil
}
