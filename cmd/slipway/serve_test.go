package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is a server that runs in this process.
type served struct {
	url, link string // where it is, and the set-up link if it printed one
	log       *journal
	cancel    context.CancelFunc
	status    chan int
	stopped   bool
}

// journal is what the server logs; stopping is closed when it says that it stops.
type journal struct {
	mu       sync.Mutex
	b        bytes.Buffer
	stopping chan struct{}
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if bytes.Contains(p, []byte("stopping:")) {
		close(j.stopping)
	}
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

var address = regexp.MustCompile(`Slipway is at (\S+)`)

// startServer starts a server on dir, which has no account yet, and waits until it says where it is.
func startServer(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{log: &journal{stopping: make(chan struct{})}, cancel: cancel, status: make(chan int, 1)}
	r, w := io.Pipe()
	go func() {
		s.status <- run(ctx, append([]string{"serve", "--data", dir}, args...), nil, strings.NewReader(""), w, s.log)
		w.Close()
	}()
	t.Cleanup(func() { s.stop(t) })
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			s.url = m[1]
		}
		if strings.Contains(lines.Text(), "/setup") {
			if _, token, ok := strings.Cut(lines.Text(), "/setup?token="); ok {
				s.link = token
			}
			go io.Copy(io.Discard, r)
			return s
		}
	}
	t.Fatalf("the server said nothing of where it is and logged %s", s.log)
	return nil
}

// stop ends the server and wants it to end well.
func (s *served) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	if s.stopped {
		return
	}
	s.stopped = true
	if status := <-s.status; status != 0 {
		t.Errorf("the server ended with %d and logged %s", status, s.log)
	}
}

// local is a path of it as this machine reaches it.
func (s *served) local(path string) string {
	u, _ := url.Parse(s.url)
	return "http://" + net.JoinHostPort("127.0.0.1", u.Port()) + path
}

// ask sends a request and does not follow where the answer leads.
func ask(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return ask(t, request(t, http.MethodGet, url, ""))
}

const oneExperiment = "/api/2.0/mlflow/experiments/get?experiment_id=0"

func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := startServer(t, dir, "--addr", "127.0.0.1:0")
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") || strings.HasSuffix(s.url, ":0") || s.link != "" {
		t.Errorf("it is at %s with the link %q", s.url, s.link)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/version": 200, oneExperiment: 200, "/no/such/page": 404} {
		if status, body := get(t, s.url+path); status != want {
			t.Errorf("%s: %d %q, want %d", path, status, body, want)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, artifactFolder: 0o700, keyFile: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has the mode %v, want %v; %v", name, info.Mode(), mode, err)
		}
	}
	s.stop(t)
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second); err == nil {
		t.Error("somebody still listens")
	}
	for l := range strings.Lines(s.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil || fields["level"] == nil || fields["msg"] == nil || fields["level"] == "ERROR" {
			t.Errorf("the log line %q: %v", l, err)
		}
	}
}

func TestServeRefused(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	short := write(t, "short.key", "too short")
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"an address that is taken", "in use", []string{"--addr", l.Addr().String()}},
		{"an address without port", "--addr localhost", []string{"--addr", "localhost"}},
		{"no URL for a base", "--base-url", []string{"--base-url", "ml.example.org"}},
		{"another scheme", "--base-url", []string{"--base-url", "ftp://ml.example.org"}},
		{"a base with a password", "--base-url", []string{"--base-url", "https://u:p@ml.example.org"}},
		{"a base with a query", "--base-url", []string{"--base-url", "https://ml.example.org/?x=1"}},
		{"another database", "postgres://", []string{"--db", "mysql://host/x"}},
		{"a missing key", "missing.key", []string{"--session-key-file", filepath.Join(dir, "missing.key")}},
		{"a short key", "at least 32 bytes", []string{"--session-key-file", short}},
	} {
		slipway(t, append([]string{"serve", "--data", dir, "--addr", "127.0.0.1:0"}, c.args...)...).want(t, c.name, 1, "slipway: ", c.says)
	}
}

func setUp(t *testing.T, s *served, token, name string) (int, string) {
	t.Helper()
	form := url.Values{"token": {token}, "name": {name}, "password": {goodPassword}, "password_again": {goodPassword}}
	r := request(t, http.MethodPost, s.local("/setup"), form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, r)
}

// On a network nobody is let in before an account is made with the link that only the terminal shows.
func TestSetupLink(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, dir, "--addr", "0.0.0.0:0")
	if first.link == "" {
		t.Fatalf("no link; it is at %s", first.url)
	}
	first.stop(t)
	s := startServer(t, dir, "--addr", "0.0.0.0:0")
	if s.link == "" || s.link == first.link {
		t.Fatalf("the second start has the link %q, the first had %q", s.link, first.link)
	}
	if status, _ := get(t, s.local("/healthz")); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if status, body := get(t, s.local(oneExperiment)); status != 401 {
		t.Errorf("a stranger: %d %q", status, body)
	}
	if status, body := get(t, s.local("/setup?token="+s.link)); status != 200 || !strings.Contains(body, `name="password_again"`) {
		t.Errorf("the set-up page: %d %q", status, body)
	}
	for name, token := range map[string]string{"no link": "", "an invented one": "x", "the last start's": first.link, "this one's beginning": s.link[:20]} {
		if status, _ := setUp(t, s, token, "ada"); status != 403 {
			t.Errorf("set up with %s: %d, want 403", name, status)
		}
	}
	if status, body := setUp(t, s, s.link, "ada"); status != 303 {
		t.Fatalf("set up: %d %q", status, body)
	}
	if status, _ := setUp(t, s, s.link, "eve"); status != 409 {
		t.Errorf("set up again: %d, want 409", status)
	}
	for password, want := range map[string]int{goodPassword: 200, "wrong": 401} {
		r := request(t, http.MethodGet, s.local(oneExperiment), "")
		r.SetBasicAuth("ada", password)
		if status, body := ask(t, r); status != want {
			t.Errorf("ada with %q: %d %q, want %d", password, status, body, want)
		}
	}
	if log := s.log.String() + first.log.String(); strings.Contains(log, s.link) || strings.Contains(log, goodPassword) || strings.Contains(log, first.link) {
		t.Error("the log holds a secret")
	}
}

// A server that others reach by name is not local, though it listens on loopback, behind a proxy.
func TestBaseURL(t *testing.T) {
	s := startServer(t, t.TempDir(), "--addr", "127.0.0.1:0", "--base-url", "https://ml.example.org/slipway/")
	if s.url != "https://ml.example.org/slipway" || s.link == "" {
		t.Errorf("it is at %s with the link %q", s.url, s.link)
	}
}

// A request that runs when the server is told to stop is answered, and what it wrote is there afterwards.
func TestGracefulStop(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, "--addr", "127.0.0.1:0")
	body, send := io.Pipe()
	begun := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(begun) }})
	const path = "/api/2.0/mlflow-artifacts/artifacts/0/file.txt"
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue") // the server says so when it reads
	answered := make(chan error, 1)
	go func() {
		tr := &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}
		res, err := tr.RoundTrip(r)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				err = &url.Error{Op: "Put", URL: path, Err: io.ErrUnexpectedEOF}
			}
		}
		answered <- err
	}()
	<-begun
	s.cancel()
	<-s.log.stopping
	if _, err := io.WriteString(send, "written to the end"); err != nil {
		t.Fatal(err)
	}
	send.Close()
	if err := <-answered; err != nil {
		t.Errorf("the running request: %v", err)
	}
	s.stop(t)

	again := startServer(t, dir, "--addr", "127.0.0.1:0")
	if status, got := get(t, again.url+path); status != 200 || got != "written to the end" {
		t.Errorf("afterwards: %d %q", status, got)
	}
}

func TestSessionKey(t *testing.T) {
	dir := t.TempDir()
	first, err := sessionKey(dir, "")
	if err != nil || len(first) != keySize {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	again, err := sessionKey(dir, "")
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the second start has another key, %v", err)
	}
	if other, err := sessionKey(t.TempDir(), ""); err != nil || bytes.Equal(first, other) {
		t.Errorf("two installations have one key, %v", err)
	}
	if given, err := sessionKey(t.TempDir(), filepath.Join(dir, keyFile)); err != nil || !bytes.Equal(first, given) {
		t.Errorf("the key that was given is not used, %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left %v, %v", files, err)
	}
}

// Of several processes that start at once on one folder all have the key of one.
func TestSessionKeyAtOnce(t *testing.T) {
	dir := t.TempDir()
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = sessionKey(dir, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, k := range keys {
		if !bytes.Equal(k, keys[0]) || len(k) != keySize {
			t.Errorf("process %d has another key", i)
		}
	}
}
