package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/slipway-ml/slipway/domain"
)

// Parameters of argon2id: OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane).
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16

	minPassword = 12
	maxPassword = 1024
)

// at bounds the memory that sign-ins at once may take.
var at = make(chan struct{}, 4)

// HashPassword is the stored form of a password, in the PHC string format. It takes some 20 ms on
// purpose: never call it inside a transaction.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails (crypto/rand)
	at <- struct{}{}
	defer func() { <-at }()
	return phc(salt, argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey))
}

func phc(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// noHash is checked against for accounts that do not exist, so that they take as long to refuse.
var noHash = phc(make([]byte, argonSalt), make([]byte, argonKey))

// VerifyPassword reports whether password belongs to the stored hash; an empty hash never fits, and
// takes as long to say so.
func VerifyPassword(hash, password string) bool {
	if hash == "" {
		hash = noHash
	}
	var version, memory, passes int
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || len(password) > maxPassword {
		return false
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) == 0 || memory <= 0 || passes <= 0 || lanes == 0 {
		return false
	}
	at <- struct{}{}
	defer func() { <-at }()
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1 && hash != noHash
}

// CheckPassword refuses passwords that are short, common, or little but the account's own name
// (after NIST SP 800-63B, 5.1.1.2: length and a block list, no composition rules).
func CheckPassword(name, password string) error {
	lower := strings.ToLower(password)
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return domain.Fail(domain.Invalid, "password.short", "the password needs at least %d characters", minPassword)
	case len(password) > maxPassword:
		return domain.Fail(domain.Invalid, "password.long", "the password has more than %d bytes", maxPassword)
	case name != "" && strings.Contains(lower, strings.ToLower(name)) && len(password)-len(name) < 8, common(lower):
		return domain.Fail(domain.Invalid, "password.common", "this password is easy to guess: choose another, for example four unrelated words")
	}
	return nil
}

// The passwords people choose most when twelve characters are asked for, and the words they are made of.
var (
	commonPasswords = []string{
		"123456789012", "1234567890123", "12345678901234", "1q2w3e4r5t6y", "1qaz2wsx3edc", "q1w2e3r4t5y6", "qazwsxedcrfv", "qwertyuiop12", "qwertyuiop123",
		"zaq12wsxcde3", "asdfghjkl123", "abcdefghijkl", "abcdefghijklm", "abcd1234abcd", "abc123abc123", "correcthorsebatterystaple", "letmeinletmein",
		"iloveyou1234", "iloveyouforever", "trustno1trustno1", "welcome12345", "administrator", "changemechangeme", "superman1234", "football1234",
		"princess1234", "sunshine1234", "monkey123456", "dragon123456", "master123456", "michael12345", "jennifer1234", "manchesterunited",
	}
	commonWords = []string{"password", "passw0rd", "qwerty", "welcome", "letmein", "changeme", "admin", "slipway", "mlflow", "iloveyou", "123456", "secret", "default"}
)

func common(lower string) bool {
	for _, p := range commonPasswords {
		if lower == p {
			return true
		}
	}
	rest := lower
	for _, w := range commonWords {
		rest = strings.ReplaceAll(rest, w, "")
	}
	different := map[rune]bool{}
	for _, r := range strings.Trim(rest, "0123456789!@#$%^&*._-+ ") {
		different[r] = true
	}
	if len(rest) < len(lower) && len(different) < 4 {
		return true // a common word with trimmings
	}
	different = map[rune]bool{}
	for _, r := range lower {
		different[r] = true
	}
	return len(different) < 5 || sequence(lower)
}

// sequence reports whether s climbs or falls by the same step throughout, as in "abcdefghijkl".
func sequence(s string) bool {
	rs := []rune(s)
	step := rs[1] - rs[0]
	for i := 1; i < len(rs); i++ {
		if rs[i]-rs[i-1] != step {
			return false
		}
	}
	return step >= -1 && step <= 1
}
