package route

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// Signer makes and checks the signature of links that are handed to a client without credentials of its own.
type Signer struct{ key []byte }

// NewSigner signs with key, which all processes of one installation share.
func NewSigner(key []byte) Signer { return Signer{key} }

// Sign vouches for parts until the instant end.
func (s Signer) Sign(end time.Time, parts ...string) (expires, signature string) {
	expires = strconv.FormatInt(end.Unix(), 10)
	return expires, s.mac(expires, parts)
}

// Check refuses a signature that is not ours or too old.
func (s Signer) Check(now time.Time, expires, signature string, parts ...string) error {
	if !hmac.Equal([]byte(signature), []byte(s.mac(expires, parts))) {
		return domain.Fail(domain.Forbidden, "link.signature", "this link is not one of this server")
	}
	if end, err := strconv.ParseInt(expires, 10, 64); err != nil || now.Unix() >= end {
		return domain.Fail(domain.Forbidden, "link.expired", "this link has expired: ask for a new one")
	}
	return nil
}

// mac covers each text with its length, so that no border between two can be moved.
func (s Signer) mac(expires string, parts []string) string {
	h := hmac.New(sha256.New, s.key)
	for _, p := range append([]string{expires}, parts...) {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
