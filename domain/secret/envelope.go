// Package secret keeps values that nobody may read back: keys for what the server calls. Each version of a value is sealed
// with a key of its own, which a key of the key file wraps (envelope encryption), so that changing the key file's key does not
// touch the values, and the database alone opens nothing.
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
)

const keySize = 32 // bytes: AES-256

// Keyring is the keys of the key file. The first wraps what is sealed now; the others open what was sealed before.
type Keyring struct{ keys []key }

type key struct {
	id string
	k  []byte
}

// keyID names a key without telling it.
func keyID(k []byte) string {
	sum := sha256.Sum256(append([]byte("slipway key-encryption key\n"), k...))
	return hex.EncodeToString(sum[:8])
}

// NewKey is a line of a key file: a new key.
func NewKey() string {
	k := make([]byte, keySize)
	rand.Read(k) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(k)
}

// ParseKeyring reads a key file: a key on each line, the current one first; lines that begin with # are remarks. An error never
// holds a part of the file.
func ParseKeyring(text []byte) (Keyring, error) {
	const most, longest = 1000, 1 << 20
	var out Keyring
	if len(text) > longest {
		return out, errors.New("the key file is too long")
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		k, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(k) != keySize {
			return Keyring{}, fmt.Errorf("line %d of the key file is no key: it is %d bytes in base64", i+1, keySize)
		}
		id := keyID(k)
		if out.has(id) {
			return Keyring{}, fmt.Errorf("line %d of the key file is a key that stands there already", i+1)
		}
		if out.keys = append(out.keys, key{id, k}); len(out.keys) > most {
			return Keyring{}, errors.New("the key file has too many keys")
		}
	}
	if len(out.keys) == 0 {
		return out, errors.New("the key file holds no key")
	}
	return out, nil
}

// Current is the id of the key that wraps what is sealed now, "" where there is none.
func (r Keyring) Current() string {
	if len(r.keys) == 0 {
		return ""
	}
	return r.keys[0].id
}

// IDs lists the keys by their ids, the current one first.
func (r Keyring) IDs() (out []string) {
	for _, k := range r.keys {
		out = append(out, k.id)
	}
	return out
}

func (r Keyring) has(id string) bool { return r.find(id) != nil }

func (r Keyring) find(id string) []byte {
	for _, k := range r.keys {
		if k.id == id {
			return k.k
		}
	}
	return nil
}

// Sealed is one version of a value as it is stored.
type Sealed struct {
	Secret  string // id
	Version int64
	KEK     string // id of the key that wraps the data key
	Wrapped []byte // the data key: nonce, then AES-256-GCM
	Value   []byte // the value, likewise under the data key
	At      int64
	Until   int64 // not used from then on; 0 = it is the current one
}

// bound is what a ciphertext is bound to, so that it opens in its own place alone.
func bound(workspace string, s Sealed, what string) []byte {
	return []byte(strings.Join([]string{"slipway secret", workspace, s.Secret, strconv.FormatInt(s.Version, 10), what}, "|"))
}

func gcm(k []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func encrypt(k, plain, with []byte) ([]byte, error) {
	a, err := gcm(k)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	rand.Read(nonce) // never fails (crypto/rand)
	return a.Seal(nonce, nonce, plain, with), nil
}

func decrypt(k, sealed, with []byte) ([]byte, error) {
	a, err := gcm(k)
	if err != nil {
		return nil, err
	}
	if len(sealed) < a.NonceSize() {
		return nil, errors.New("too short")
	}
	return a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], with)
}

// seal fills in s with a value.
func (r Keyring) seal(workspace string, s Sealed, value string) (Sealed, error) {
	kek := r.find(r.Current())
	if kek == nil {
		return s, noKeys()
	}
	dek := make([]byte, keySize)
	rand.Read(dek) // never fails (crypto/rand)
	var err error
	if s.Value, err = encrypt(dek, []byte(value), bound(workspace, s, "value")); err != nil {
		return s, err
	}
	s.KEK = r.Current()
	s.Wrapped, err = encrypt(kek, dek, bound(workspace, s, "key"))
	return s, err
}

// open is the value in s.
func (r Keyring) open(workspace, name string, s Sealed) (string, error) {
	dek, err := r.dataKey(workspace, name, s)
	if err != nil {
		return "", err
	}
	value, err := decrypt(dek, s.Value, bound(workspace, s, "value"))
	if err != nil {
		return "", broken(name, err)
	}
	return string(value), nil
}

// dataKey is the key that opens the value in s.
func (r Keyring) dataKey(workspace, name string, s Sealed) ([]byte, error) {
	kek := r.find(s.KEK)
	if kek == nil {
		return nil, locked(name)
	}
	dek, err := decrypt(kek, s.Wrapped, bound(workspace, s, "key"))
	if err != nil {
		return nil, broken(name, err)
	}
	return dek, nil
}

// rewrap is s with its data key wrapped by the current key; the value stays as it is.
func (r Keyring) rewrap(workspace, name string, s Sealed) (Sealed, error) {
	dek, err := r.dataKey(workspace, name, s)
	if err != nil {
		return s, err
	}
	s.Wrapped, err = encrypt(r.find(r.Current()), dek, bound(workspace, s, "key"))
	s.KEK = r.Current()
	return s, err
}

// fingerprint tells two values apart without telling them: it depends on the key file.
func (r Keyring) fingerprint(value string) string {
	if len(r.keys) == 0 {
		return ""
	}
	m := hmac.New(sha256.New, r.keys[0].k)
	m.Write([]byte("fingerprint\n" + value))
	return hex.EncodeToString(m.Sum(nil)[:4])
}

func noKeys() error {
	return domain.Fail(domain.Unavailable, "secret.no_keys", "the server cannot read its key file, so no secret can be kept or used: the log says why")
}

func broken(name string, err error) error {
	return &domain.Error{Kind: domain.Unavailable, Key: "secret.broken", Msg: "what is stored of the secret " + domain.Short(name) + " was changed or moved: enter its value again", Args: []any{domain.Short(name)}, Err: err}
}

func locked(name string) error {
	return domain.Fail(domain.Unavailable, "secret.locked", "the key that opens the secret %s is not in the server's key file: enter its value again, or put the key back", domain.Short(name))
}
