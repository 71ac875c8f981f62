// Package httpx is the one way from the server to what is outside. An address is looked at when the connection is made,
// so that no spelling of a URL, no redirect and no name server leads to this machine or the networks around it unless the
// operator has opened them. What comes back is bounded in size, in ratio of compression and in time.
package httpx

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/domain"
)

// Options bound what a Client does. What is 0 has a sensible value.
type Options struct {
	Open     []netip.Prefix // networks around this machine that may be called
	Agent    string         // the User-Agent
	Timeout  time.Duration  // from the first byte sent to the last one read, redirects included; 60 s
	MaxBytes int64          // of an answer, unpacked; 64 MiB
	Resolver *net.Resolver  // nil = the system's
}

const (
	maxHops    = 5 // redirects
	dialTime   = 10 * time.Second
	headerTime = 30 * time.Second
	maxHeader  = 64 << 10
	maxRatio   = 200     // unpacked bytes for each packed one …
	ratioFrom  = 1 << 20 // … once there are that many
)

// Client calls what is outside. It is safe for concurrent use.
type Client struct {
	o        Options
	resolver *net.Resolver
	side     func(netip.Addr) side
	through  map[side]*http.Transport // connections of one side are never used for the other
}

// New makes a client.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Agent == "" {
		o.Agent = "slipway"
	}
	c := &Client{o: o, resolver: o.Resolver, side: func(a netip.Addr) side { return sideOf(a, o.Open) }, through: map[side]*http.Transport{}}
	if c.resolver == nil {
		c.resolver = net.DefaultResolver
	}
	for _, s := range []side{public, inside} {
		d := &net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second, Resolver: c.resolver, ControlContext: c.only(s)}
		c.through[s] = &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true,
			Proxy: nil, // a proxy would choose the address, and we would look at the proxy's
		}
	}
	return c
}

// errSide says that an address lies on another side of the line than the call may reach.
var errSide = errors.New("address refused")

// only refuses to connect to any address that is not on side s. It is asked once the name has been resolved, of the very
// address that is about to be used.
func (c *Client) only(s side) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || c.side(at.Addr()) != s {
			return fmt.Errorf("%w: %s", errSide, address)
		}
		return nil
	}
}

// Close ends the connections that are kept open.
func (c *Client) Close() {
	for _, t := range c.through {
		t.CloseIdleConnections()
	}
}

// Parse reads the address of something outside: http or https, with a host, without a name and password in it.
func Parse(address string) (*url.URL, error) {
	const most = 2000
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err != nil || len(address) > most || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, domain.Fail(domain.Invalid, "outbound.url", "%s is no address that can be called: it begins with https:// or http:// and a host", domain.Short(strings.ToValidUTF8(redactUser(address), "?")))
	case u.User != nil:
		return nil, domain.Fail(domain.Invalid, "outbound.user", "the address holds a name or a password: keep those in a secret")
	}
	return u, nil
}

// redactUser hides what stands before an @ in an address.
func redactUser(address string) string {
	if i := strings.LastIndex(address, "@"); i >= 0 {
		return "…" + address[i:]
	}
	return address
}

// Response is an answer. Its Body is bounded; who has it closes it.
type Response struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
	URL    *url.URL // that answered, after redirects
}

// Do sends a request and follows redirects of GET and HEAD that stay on the same side of the line, never from https to
// http, and never with a credential to another host. The answer's body is unpacked and bounded. Errors are domain errors
// of the kinds Invalid (the address), Forbidden (where it leads) and Unavailable (it did not answer well).
func (c *Client) Do(ctx context.Context, method, address string, header http.Header, body func() (io.Reader, error)) (*Response, error) {
	u, err := Parse(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	keep := false
	defer func() {
		if !keep {
			cancel()
		}
	}()
	on, err := c.sideOfHost(ctx, u)
	if err != nil {
		return nil, err
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", c.o.Agent)
	header.Set("Accept-Encoding", "gzip")
	for hop := 0; ; hop++ {
		var content io.Reader
		if body != nil {
			if content, err = body(); err != nil {
				return nil, err
			}
		}
		request, err := http.NewRequestWithContext(ctx, method, u.String(), content)
		if err != nil {
			return nil, domain.Fail(domain.Invalid, "outbound.url", "%s is no address that can be called: it begins with https:// or http:// and a host", domain.Short(u.Redacted()))
		}
		request.Header = header
		answer, err := c.through[on].RoundTrip(request)
		if err != nil {
			return nil, c.failed(ctx, u, err)
		}
		to := redirect(answer)
		if to == "" || method != http.MethodGet && method != http.MethodHead {
			answer.Body = &bounded{ReadCloser: answer.Body, left: c.o.MaxBytes, most: c.o.MaxBytes, host: u.Host, cancel: cancel}
			if err := unpack(answer, c.o.MaxBytes, u.Host); err != nil {
				answer.Body.Close()
				return nil, err
			}
			keep = true
			return &Response{answer.StatusCode, answer.Header, answer.Body, u}, nil
		}
		answer.Body.Close()
		next, err := u.Parse(to)
		if err != nil {
			return nil, domain.Fail(domain.Unavailable, "outbound.redirect", "%s leads to an address that cannot be read", u.Host)
		}
		if next, err = Parse(next.String()); err != nil {
			return nil, domain.Fail(domain.Unavailable, "outbound.redirect", "%s leads to an address that cannot be read", u.Host)
		}
		switch {
		case hop >= maxHops:
			return nil, domain.Fail(domain.Unavailable, "outbound.redirects", "%s leads on and on: %d redirects are followed", u.Host, maxHops)
		case u.Scheme == "https" && next.Scheme == "http":
			return nil, domain.Fail(domain.Forbidden, "outbound.downgrade", "%s leads from https to http: it is not followed", u.Host)
		}
		if next.Host != u.Host || next.Scheme != u.Scheme {
			header = plain(header)
		}
		u = next
	}
}

// plain is header without what might be a credential: only what says which form of answer is wanted stays.
func plain(header http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{"Accept", "Accept-Encoding", "User-Agent"} {
		if v := header.Values(name); v != nil {
			out[name] = v
		}
	}
	return out
}

func redirect(r *http.Response) string {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return r.Header.Get("Location")
	default:
		return ""
	}
}

// sideOfHost says through which connections to call u. It decides nothing that could be wrong later: connections of a side
// refuse addresses of the other.
func (c *Client) sideOfHost(ctx context.Context, u *url.URL) (side, error) {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return c.allow(u, []netip.Addr{a})
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	found, err := c.resolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return refused, &domain.Error{Kind: domain.Unavailable, Key: "outbound.host", Msg: u.Hostname() + " is not known to the name server", Args: []any{domain.Short(u.Hostname())}, Err: err}
	}
	return c.allow(u, found)
}

func (c *Client) allow(u *url.URL, found []netip.Addr) (side, error) {
	for _, a := range found {
		if s := c.side(a); s != refused {
			return s, nil
		}
	}
	return refused, closedAddress(u)
}

func closedAddress(u *url.URL) error {
	return domain.Fail(domain.Forbidden, "outbound.closed", "%s is an address of this machine or the network around it: who runs the server can open it with --outbound-allow", domain.Short(u.Hostname()))
}

// failed says why a call brought no answer.
func (c *Client) failed(ctx context.Context, u *url.URL, err error) error {
	if errors.Is(err, errSide) {
		return closedAddress(u)
	}
	out := &domain.Error{Kind: domain.Unavailable, Key: "outbound.failed", Msg: u.Host + " could not be reached", Args: []any{domain.Short(u.Host)}, Err: err}
	wait := net.Error(nil)
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) || errors.As(err, &wait) && wait.Timeout() {
		out.Key, out.Msg = "outbound.slow", u.Host+" did not answer in time"
	}
	return out
}

// bounded ends with an error where an answer is longer than it may be, and tells in our words why reading broke off.
type bounded struct {
	io.ReadCloser

	left, most int64
	host       string
	cancel     context.CancelFunc
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 { // one byte more would be too much: see whether there is one
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			return 0, tooLong(b.host, b.most)
		}
		return 0, b.words(err)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, b.words(err)
}

func (b *bounded) words(err error) error {
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || domain.As(err) != nil {
		return err
	}
	out := &domain.Error{Kind: domain.Unavailable, Key: "outbound.broken", Msg: b.host + " broke off in the middle of its answer", Args: []any{domain.Short(b.host)}, Err: err}
	wait := net.Error(nil)
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &wait) && wait.Timeout() {
		out.Key, out.Msg = "outbound.slow", b.host+" did not answer in time"
	}
	return out
}

func (b *bounded) Close() error {
	err := b.ReadCloser.Close()
	if b.cancel != nil {
		b.cancel()
	}
	return err
}

func tooLong(host string, most int64) error {
	return domain.Fail(domain.TooLarge, "outbound.long", "the answer of %s is longer than %d bytes", domain.Short(host), most)
}

// unpack makes the body of a packed answer the unpacked one, within most bytes and maxRatio.
func unpack(r *http.Response, most int64, host string) error {
	switch packing := strings.ToLower(r.Header.Get("Content-Encoding")); packing {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
	default:
		return domain.Fail(domain.Unavailable, "outbound.packing", "%s answers packed as %s, which was not asked for", domain.Short(host), domain.Short(strings.ToValidUTF8(packing, "?")))
	}
	r.Header.Del("Content-Encoding")
	r.Header.Del("Content-Length")
	counted := &counter{Reader: r.Body}
	z, err := gzip.NewReader(counted)
	if errors.Is(err, io.EOF) { // HEAD, or nothing in it
		return nil
	}
	if err != nil {
		return notGzip(host, err)
	}
	r.Body = &bounded{ReadCloser: &ratio{z: z, packed: counted, closes: r.Body, host: host}, left: most, most: most, host: host}
	return nil
}

func notGzip(host string, err error) error {
	if domain.As(err) != nil {
		return err
	}
	return &domain.Error{Kind: domain.Unavailable, Key: "outbound.gzip", Msg: host + " answers with gzip that cannot be unpacked", Args: []any{domain.Short(host)}, Err: err}
}

type counter struct {
	io.Reader

	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// ratio unpacks, and gives up on what grows too much by it.
type ratio struct {
	z      *gzip.Reader
	packed *counter
	n      int64
	closes io.Closer
	host   string
}

func (r *ratio) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	r.n += int64(n)
	if r.n > ratioFrom && r.n > r.packed.n*maxRatio {
		return 0, domain.Fail(domain.TooLarge, "outbound.bomb", "the answer of %s grows more than %d times when it is unpacked", domain.Short(r.host), maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = notGzip(r.host, err)
	}
	return n, err
}

func (r *ratio) Close() error { return r.closes.Close() }

// Get fetches an address whole.
func (c *Client) Get(ctx context.Context, address string, header http.Header) (*Response, []byte, error) {
	r, err := c.Do(ctx, http.MethodGet, address, header, nil)
	if err != nil {
		return nil, nil, err
	}
	defer r.Body.Close()
	all, err := io.ReadAll(r.Body)
	return r, all, err
}
