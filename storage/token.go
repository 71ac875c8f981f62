package storage

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/storage/points"
)

// A page token says after which row the next page begins, by the row's own values, so that it stays
// right while rows are added. It carries a mark of the question it answers; to clients it is opaque.
type token struct {
	Mark  string `json:"m"`
	After []any  `json:"a"` // string or json.Number
}

const maxToken = 16 << 10

func badToken() error {
	return domain.Fail(domain.Invalid, "page_token", "Invalid page token: it is not one of this server for this search. Start again without page_token")
}

func (t token) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and finite numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseToken(s, mark string, values int) (token, error) {
	var t token
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > maxToken {
		return t, badToken()
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&t); err != nil || t.Mark != mark || len(t.After) != values {
		return t, badToken()
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t, badToken()
	}
	for _, v := range t.After {
		_, number := v.(json.Number)
		s, text := v.(string)
		if !number && !text || strings.ContainsRune(s, 0) { // no column has a NUL to compare with
			return t, badToken()
		}
	}
	return t, nil
}

// mark is a short fingerprint of a question.
func mark(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

func historyToken(key string, p points.Point) string {
	return token{mark("history", key), []any{
		json.Number(strconv.FormatInt(p.Timestamp, 10)), json.Number(strconv.FormatInt(p.Step, 10)),
		strconv.FormatUint(math.Float64bits(p.Value), 16),
	}}.String()
}

func (h *history) resume(s string) error {
	t, err := parseToken(s, mark("history", h.key), 3)
	if err != nil {
		return err
	}
	ts, ok1 := t.After[0].(json.Number)
	step, ok2 := t.After[1].(json.Number)
	value, ok3 := t.After[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return badToken()
	}
	var err1, err2 error
	h.after.Timestamp, err1 = ts.Int64()
	h.after.Step, err2 = step.Int64()
	bits, err3 := strconv.ParseUint(value, 16, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return badToken()
	}
	h.after.Value, h.paged = math.Float64frombits(bits), true
	return nil
}
