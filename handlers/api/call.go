package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// maxBody is the most bytes that a body may have.
const maxBody = 256 << 10

// reply is what an act or a question answers.
type reply struct {
	status   int // 200 if not said
	etag     string
	location string
	body     any
}

func (a reply) kept() (storage.Kept, error) {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	err := j.Encode(a.body)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return storage.Kept{Status: a.status, ETag: a.etag, Location: a.location, Answer: b.String()}, err
}

func send(r *route.Request, k storage.Kept) error {
	h := r.Response().Header()
	h.Set("Cache-Control", "no-store")
	if k.ETag != "" {
		h.Set("ETag", k.ETag)
	}
	if k.Location != "" {
		h.Set("Location", r.Prefix+k.Location)
	}
	return r.Blob(k.Status, "application/json", []byte(k.Answer))
}

// question makes a handler of what only reads.
func question(ask func(*route.Request, *storage.Tx) (reply, error)) func(*route.Request) error {
	return func(r *route.Request) error {
		a, err := route.Read(r, func(tx *storage.Tx) (reply, error) { return ask(r, tx) })
		if err != nil {
			return err
		}
		k, err := a.kept()
		if err != nil {
			return err
		}
		return send(r, k)
	}
}

// act makes a handler of what changes something. With an Idempotency-Key it is done once: the answer is kept in the
// transaction of the act and given again to whoever asks for the same.
func act[In any](do func(*route.Request, *storage.Tx, In) (reply, error)) func(*route.Request) error {
	return func(r *route.Request) error {
		var in In
		body, err := readBody(r)
		if err != nil {
			return err
		}
		if err := decode(body, &in); err != nil {
			return err
		}
		key, err := idempotencyKey(r)
		if err != nil {
			return err
		}
		k, err := route.Write(r, func(tx *storage.Tx) (storage.Kept, error) {
			if key == "" {
				a, err := do(r, tx, in)
				if err != nil {
					return storage.Kept{}, err
				}
				return a.kept()
			}
			return once(r, tx, key, digest(r, body), func() (reply, error) { return do(r, tx, in) })
		})
		if err != nil {
			return err
		}
		return send(r, k)
	}
}

func once(r *route.Request, tx *storage.Tx, key, request string, do func() (reply, error)) (storage.Kept, error) {
	who, workspace := r.Grant.Actor().ID, r.Grant.Workspace()
	if err := r.Grant.Need(r.Grant.Perm(), workspace); err != nil {
		return storage.Kept{}, err
	}
	before, fresh, err := tx.ClaimKey(r.Ctx(), workspace, who, key, request)
	switch {
	case err != nil:
		return before, err
	case !fresh && before.Request != request:
		return before, with(http.StatusUnprocessableEntity, domain.Conflict, "api.key_reused", "this Idempotency-Key was used for another request: make a new key for each act")
	case !fresh:
		return before, nil
	}
	a, err := do()
	if err != nil {
		return before, err
	}
	k, err := a.kept()
	if err != nil {
		return k, err
	}
	return k, tx.KeepAnswer(r.Ctx(), workspace, who, key, k)
}

// digest tells requests apart.
func digest(r *route.Request, body []byte) string {
	h := sha256.New()
	for _, part := range []string{r.Request().Method, r.Request().URL.Path, r.Request().Header.Get("If-Match"), string(body)} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// idempotencyKey is the key of an act, "" without one. Only POST has it: the other methods do the same when done twice.
func idempotencyKey(r *route.Request) (string, error) {
	key := r.Request().Header.Get("Idempotency-Key")
	const longest = 200
	if len(key) > longest || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", domain.Fail(domain.Invalid, "api.key", "an Idempotency-Key has at most %d printable ASCII characters", longest)
	}
	if r.Request().Method != http.MethodPost {
		return "", nil
	}
	return key, nil
}

func readBody(r *route.Request) ([]byte, error) {
	if r.Request().ContentLength == 0 {
		return nil, nil
	}
	if t, _, err := mime.ParseMediaType(r.Request().Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, with(http.StatusUnsupportedMediaType, domain.Invalid, "api.content_type", "send the body as application/json")
	}
	body, err := io.ReadAll(io.LimitReader(route.Body(r), maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		r.Response().Header().Set("Connection", "close")
		return nil, domain.Fail(domain.TooLarge, "api.body_large", "the request body has more than %d bytes", maxBody)
	}
	return body, nil
}

// decode reads a body; none is an object without fields.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if bytes.TrimSpace(body)[0] != '{' {
		return domain.Fail(domain.Invalid, "api.object", "the body is a JSON object, in braces")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, end := d.Token(); errors.Is(end, io.EOF) {
			return nil
		}
		return domain.Fail(domain.Invalid, "api.json", "the body is not JSON: there is more after its end")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return domain.Fail(domain.Invalid, "api.field", "unknown field %q", domain.Short(strings.Trim(name, `"`)))
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return domain.Fail(domain.Invalid, "api.type", "the field %q cannot be a %s", domain.Short(wrong.Field), wrong.Value)
	}
	if e := domain.As(err); e != nil {
		return e
	}
	return &domain.Error{Kind: domain.Invalid, Key: "api.json", Msg: "the body is not JSON", Err: err}
}

const (
	usualLimit = 50
	mostLimit  = 200
)

// limit is how many items a page may have.
func limit(r *route.Request) (int, error) {
	text := r.QueryParam("limit")
	if text == "" {
		return usualLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostLimit {
		return 0, domain.Fail(domain.Invalid, "api.limit", "limit is a number from 1 to %d", mostLimit)
	}
	return n, nil
}

// cursor is where the next page of a list begins; what it holds is for the server alone.
func cursor(list string, v any) (string, error) {
	text, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(append([]byte(list+":"), text...)), err
}

// readCursor reads the cursor of a request for a list, if it has one.
func readCursor(r *route.Request, list string, into any) error {
	text := r.QueryParam("cursor")
	if text == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	rest, ok := bytes.CutPrefix(raw, []byte(list+":"))
	if err != nil || !ok || json.Unmarshal(rest, into) != nil {
		return domain.Fail(domain.Invalid, "api.cursor", "this is no cursor of this list: take next_cursor of the page before")
	}
	return nil
}

// page cuts what was found, one more than asked for, and says where the next page begins.
func page[T any](found []T, most int, list string, key func(T) any) (items []T, next string, err error) {
	if len(found) <= most {
		return found, "", nil
	}
	next, err = cursor(list, key(found[most-1]))
	return found[:most], next, err
}

// number is the number of a request in the path.
func number(r *route.Request) (int64, error) {
	n, err := strconv.ParseInt(r.Param("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, domain.Fail(domain.NotFound, "api.number", "%s is not the number of a promotion", domain.Short(strings.ToValidUTF8(r.Param("number"), "?")))
	}
	return n, nil
}
