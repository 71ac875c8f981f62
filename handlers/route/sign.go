package route

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
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
	return expires, base64.RawURLEncoding.EncodeToString(s.mac(expires, parts))
}

// Check refuses a signature that is not ours or too old.
func (s Signer) Check(now time.Time, expires, signature string, parts ...string) error {
	got, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(got, s.mac(expires, parts)) {
		return domain.Fail(domain.Forbidden, "link.signature", "this link is not one of this server")
	}
	if end, err := strconv.ParseInt(expires, 10, 64); err != nil || now.Unix() >= end {
		return domain.Fail(domain.Forbidden, "link.expired", "this link has expired: ask for a new one")
	}
	return nil
}

func (s Signer) mac(expires string, parts []string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(expires + "\n" + strings.Join(parts, "\n")))
	return h.Sum(nil)
}
