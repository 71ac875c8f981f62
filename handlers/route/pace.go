package route

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// A transfer may take its time as long as it moves: each piece has StallTimeout.
const StallTimeout = 30 * time.Second

// Body is the request's body, read at the client's pace.
func Body(r *Request) io.Reader {
	return &pacedBody{r.Request().Body, http.NewResponseController(r.Response().Writer)}
}

type pacedBody struct {
	r       io.Reader
	control *http.ResponseController
}

func (b *pacedBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(StallTimeout)) // not every connection has one
	n, err := b.r.Read(p)
	if err != nil { // the server goes on watching the connection, without hurry
		_ = b.control.SetReadDeadline(time.Time{})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &domain.Error{Kind: domain.Invalid, Key: "body.unreadable", Msg: "the request body could not be read to its end", Err: err}
	}
	return n, err
}

// Writing allows StallTimeout for the next piece of the answer.
func Writing(r *Request) {
	_ = http.NewResponseController(r.Response().Writer).SetWriteDeadline(time.Now().Add(StallTimeout))
}

// Paced is content to send at the client's pace.
func Paced(r *Request, content io.ReadSeeker) io.ReadSeeker { return &pacedContent{content, r} }

type pacedContent struct {
	io.ReadSeeker
	r *Request
}

func (c *pacedContent) Read(p []byte) (int, error) {
	Writing(c.r)
	return c.ReadSeeker.Read(p)
}
