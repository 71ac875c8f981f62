package httpx

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/slipway-ml/slipway/domain"
)

// The tests call 127.0.0.1 this machine, 127.0.0.2 a network that the operator opened, and 127.0.0.3 the internet.
var (
	opened   = netip.MustParsePrefix("127.0.0.2/32")
	internet = netip.MustParseAddr("127.0.0.3")
)

func client(t *testing.T, o Options) *Client {
	t.Helper()
	o.Open = append(o.Open, opened)
	c := New(o)
	really := c.side
	c.side = func(a netip.Addr) side {
		if a == internet {
			return public
		}
		return really(a)
	}
	t.Cleanup(c.Close)
	return c
}

// serve answers at an address of this machine and counts.
func serve(t *testing.T, host string, do http.HandlerFunc) (url string, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		do(w, r)
	})}}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, hits
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// names is a name server; each name has its answers in turn, the last one for ever.
func names(t *testing.T, answers map[string][]string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	asked := map[string]int{}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			name := strings.TrimSuffix(q.Name.String(), ".")
			all := answers[name]
			if all == nil {
				m.RCode = dnsmessage.RCodeNameError
			} else if q.Type == dnsmessage.TypeA {
				at := netip.MustParseAddr(all[min(asked[name], len(all)-1)])
				asked[name]++
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: at.As4()}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = pc.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func TestNoSpellingReachesThisMachine(t *testing.T) {
	canary, hits := serve(t, "127.0.0.1", ok)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(canary, "http://"))
	c := client(t, Options{Timeout: 5 * time.Second, Resolver: names(t, map[string][]string{
		"local.example": {"127.0.0.1"}, "private.example": {"10.0.0.1"}, "meta.example": {"169.254.169.254"}, "any.example": {"0.0.0.0"},
	})})
	spellings := []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.000.000.001", "127.0.0.1.",
		"localhost", "LOCALHOST", "localhost.", "local.example", "LOCAL.example.", "any.example", "private.example", "meta.example",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
		"[::1%25lo]", "[fe80::1%25eth0]", "[::]", "0.0.0.0", "0", "0x0", "127.255.255.254", "①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "[fd00:ec2::254]", "[fd12:3456::1]", "100.64.0.1", "100.100.100.200",
		"192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]", "[2001:db8::1]", "[fec0::1]",
	}
	for _, host := range spellings {
		for _, url := range []string{"http://" + host + ":" + port + "/", "http://user@" + host + ":" + port + "/"} {
			_, _, err := c.Get(t.Context(), url, nil)
			if k := domain.KindOf(err); k != domain.Forbidden && k != domain.Invalid && k != domain.Unavailable {
				t.Errorf("%s: %v", url, err)
			}
		}
	}
	for _, url := range []string{"file:///etc/passwd", "gopher://127.0.0.1:" + port, "//127.0.0.1:" + port, "127.0.0.1:" + port, "http:127.0.0.1:" + port, "http:///127.0.0.1:" + port, "http://", "https://:" + port, "", "http://a:b@127.0.0.1:" + port, "http://[::1", "http://127.0.0.1:" + port + "\r\nHost: x"} {
		if _, _, err := c.Get(t.Context(), url, nil); err == nil {
			t.Errorf("%q was called", url)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Fatalf("this machine was reached %d times", n)
	}
	if body := get(t, client(t, Options{Open: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), canary); body != "ok" || hits.Load() != 1 {
		t.Fatalf("a network that is open is not reached: %q", body)
	}
}

func get(t *testing.T, c *Client, url string) string {
	t.Helper()
	_, body, err := c.Get(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMetadataNeedsItsOwnLine(t *testing.T) {
	meta, wide := netip.MustParseAddr("169.254.169.254"), netip.MustParsePrefix("169.254.0.0/16")
	if sideOf(meta, []netip.Prefix{wide}) != refused || sideOf(meta, []netip.Prefix{netip.PrefixFrom(meta, 32)}) != inside {
		t.Error("a wide network opens the addresses of metadata, or their own line does not")
	}
	if sideOf(netip.MustParseAddr("169.254.1.1"), []netip.Prefix{wide}) != inside || sideOf(netip.MustParseAddr("1.1.1.1"), nil) != public || sideOf(netip.MustParseAddr("2606:4700::1111"), nil) != public {
		t.Error("an ordinary address is refused")
	}
}

func TestRedirectsStayOnTheirSide(t *testing.T) {
	canary, hits := serve(t, "127.0.0.1", ok)
	var to, seen string
	inner, _ := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
		if r.URL.Path == "/end" {
			fmt.Fprint(w, "inner")
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	outer, outerHits := serve(t, "127.0.0.3", func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
		if r.URL.Path == "/end" {
			fmt.Fprint(w, "outer")
			return
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	})
	other, _ := serve(t, "127.0.0.3", func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
	})
	c := client(t, Options{Timeout: 5 * time.Second})
	for name, x := range map[string]struct{ from, to string }{
		"inside to this machine":   {inner, canary},
		"internet to this machine": {outer, canary},
		"internet to inside":       {outer, inner + "/end"},
		"inside to internet":       {inner, outer + "/end"},
		"to a file":                {outer, "file:///etc/passwd"},
		"to a password":            {outer, strings.Replace(outer, "http://", "http://a:b@", 1) + "/end"},
		"in a circle":              {outer, outer},
	} {
		to = x.to
		if _, body, err := c.Get(t.Context(), x.from, nil); err == nil {
			t.Errorf("%s was followed: %q", name, body)
		}
	}
	if hits.Load() != 0 {
		t.Error("a redirect reached this machine")
	}
	if n := outerHits.Load(); n > 20 {
		t.Errorf("a circle was followed %d times", n)
	}
	key := http.Header{"Authorization": {"Bearer planted"}, "X-Api-Key": {"planted"}}
	for name, x := range map[string]struct{ to, seen, body string }{
		"the same host keeps the key":      {outer + "/end", "Bearer plantedplanted", "outer"},
		"a relative address, too":          {"/end", "Bearer plantedplanted", "outer"},
		"another host does not get to see": {other, "", ""},
	} {
		to = x.to
		_, body, err := c.Get(t.Context(), outer, key)
		if err != nil || seen != x.seen || string(body) != x.body {
			t.Errorf("%s: it saw %q and answered %q, %v", name, seen, body, err)
		}
	}
}

func TestRebinding(t *testing.T) {
	canary, hits := serve(t, "127.0.0.1", ok)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(canary, "http://"))
	for name, turns := range map[string][]string{
		"to this machine": {"127.0.0.3", "127.0.0.1"}, "to what is open": {"127.0.0.3", "127.0.0.2"}, "from what is open": {"127.0.0.2", "127.0.0.1"},
	} {
		c := client(t, Options{Timeout: 5 * time.Second, Resolver: names(t, map[string][]string{"turns.example": turns})})
		if _, _, err := c.Get(t.Context(), "http://turns.example:"+port+"/", nil); domain.KindOf(err) != domain.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hits.Load() != 0 {
		t.Error("a name server led to this machine")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	packed := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.CopyN(z, zeros{}, int64(n))
		_ = z.Close()
		return b.Bytes()
	}
	bomb := packed(8 << 20)
	zipped := func(content []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(content)
		}
	}
	for name, x := range map[string]struct {
		do  http.HandlerFunc
		key string
	}{
		"too long":             {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 2<<20+1) }, "outbound.long"},
		"a bomb":               {zipped(bomb), "outbound.bomb"},
		"not gzip":             {zipped([]byte("plainly")), "outbound.gzip"},
		"gzip that ends early": {zipped(packed(100)[:20]), "outbound.gzip"},
		"another packing": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, "x")
		}, "outbound.packing"},
		"endless headers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 100_000))
			fmt.Fprint(w, "x")
		}, "outbound.failed"},
		"a slow drip": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, "x")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
		}, "outbound.slow"},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "outbound.slow"},
		"a broken connection": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "x")
			_ = http.NewResponseController(w).Flush()
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		}, "outbound.broken"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, "127.0.0.2", x.do)
			_, _, err := client(t, Options{Timeout: 500 * time.Millisecond, MaxBytes: 2 << 20}).Get(t.Context(), url, nil)
			if e := domain.As(err); e == nil || e.Key != x.key {
				t.Errorf("%v, want %s", err, x.key)
			}
		})
	}
	url, _ := serve(t, "127.0.0.2", zipped(packed(1<<20)))
	if n := len(get(t, client(t, Options{MaxBytes: 1 << 20}), url)); n != 1<<20 {
		t.Errorf("what just fits came as %d bytes", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
