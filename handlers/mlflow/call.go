// Package mlflow speaks the tracking protocol of MLflow 3.17 (REST, JSON), so that the ordinary client
// works unchanged. One file for each resource; the rules are domain/tracking's.
package mlflow

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/handlers/mlflow/protojson"
	"github.com/slipway-ml/slipway/handlers/route"
)

// call makes a handler of a function from a decoded request to an answer. GET requests are decoded
// from the query, all others from the JSON body.
func call[In, Out any](do func(*route.Request, In) (Out, error)) func(*route.Request) error {
	return func(r *route.Request) error {
		var in In
		if err := decode(r, &in); err != nil {
			return err
		}
		out, err := do(r, in)
		if err != nil {
			return err
		}
		return reply(r, out)
	}
}

func reply(r *route.Request, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return r.JSONBlob(http.StatusOK, b.Bytes())
}

func decode(r *route.Request, dst any) error {
	if r.Request().Method == http.MethodGet {
		return protojson.UnmarshalQuery(r.QueryParams(), dst)
	}
	if t := r.Request().Header.Get("Content-Type"); t != "" || r.Request().ContentLength != 0 {
		if mt, _, err := mime.ParseMediaType(t); err != nil || mt != "application/json" {
			return domain.Fail(domain.Invalid, "mlflow.content_type", "Bad Request. Content-Type must be application/json, not %q", strings.ToValidUTF8(t, "?"))
		}
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(body, dst)
}

// MaxBody is the most a JSON body may hold, before and after decompression.
const MaxBody = 64 << 20

// A compressed body that is not tiny may grow at most so many times: JSON of numbers stays well below.
const maxRatio = 200

// readBody reads a JSON body. One that is too large is refused by its announced length, before it is read.
func readBody(r *route.Request) ([]byte, error) {
	tooLarge := domain.Fail(domain.TooLarge, "body.large", "the request body has more than %d bytes: send it in smaller pieces", MaxBody)
	if r.Request().ContentLength > MaxBody {
		r.Response().Header().Set("Connection", "close") // nobody will read the rest
		return nil, tooLarge
	}
	raw := &counter{r: route.Body(r)}
	var in io.Reader = raw
	switch e := r.Request().Header.Get("Content-Encoding"); e {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, domain.Fail(domain.Invalid, "body.gzip", "the request body is not gzip, although its Content-Encoding says so")
		}
		in = z
	default:
		return nil, domain.Fail(domain.Invalid, "body.encoding", "the Content-Encoding %q is not supported: send gzip or plain", strings.ToValidUTF8(e, "?"))
	}
	var b bytes.Buffer
	if n := r.Request().ContentLength; n > 0 && n < 1<<20 {
		b.Grow(int(n) + bytes.MinRead)
	}
	const piece = 1 << 20
	for {
		n, err := io.CopyN(&b, in, piece)
		switch {
		case b.Len() > MaxBody, b.Len() > piece && in != raw && int64(b.Len()) > maxRatio*raw.n:
			r.Response().Header().Set("Connection", "close")
			return nil, tooLarge
		case errors.Is(err, io.EOF):
			return b.Bytes(), nil
		case domain.KindOf(err) == domain.Internal: // broken compression
			return nil, domain.Fail(domain.Invalid, "body.gzip", "the request body is broken gzip")
		case err != nil:
			return nil, err
		case n == 0:
			return b.Bytes(), nil
		}
	}
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// done is the answer of a call that has none.
func done(err error) (empty, error) { return empty{}, err }
