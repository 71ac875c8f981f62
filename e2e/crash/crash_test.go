// Package crash_test kills the real server while clients log to it and looks at what it remembers, and sets two of them
// against each other.
package crash_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/storage/storagetest"
)

// KillsEnv is how often the server is killed on each engine; the tests of every day do it a few times.
const KillsEnv = "SLIPWAY_TEST_KILLS"

const (
	fewKills = 5
	threads  = 8
	batch    = 20 // points a request, over two keys
)

func kills(t *testing.T) int {
	t.Helper()
	s := os.Getenv(KillsEnv)
	if s == "" {
		return fewKills
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNothingAcknowledgedIsLost(t *testing.T) {
	binary := build(t)
	t.Run("sqlite", func(t *testing.T) { crash(t, binary) })
	t.Run("postgres", func(t *testing.T) { crash(t, binary, "--db", storagetest.Postgres(t)) })
}

func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "slipway")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "github.com/slipway-ml/slipway/cmd/slipway")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// crash logs from several threads, kills the server at a random moment, starts it again, sends the last
// request of each thread once more, as a client does that got no answer, and compares.
func crash(t *testing.T, binary string, flags ...string) {
	data := t.TempDir()
	s := start(t, binary, data, flags...)
	writers := make([]*writer, threads)
	for i := range writers {
		writers[i] = &writer{run: s.createRun(t)}
	}
	rounds := kills(t)
	var acknowledged int64
	for range rounds {
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(func() { w.writeUntilGone(s.url) })
		}
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond) // a random moment is what is tested
		s.kill(t)
		wg.Wait()
		s = start(t, binary, data, flags...)
		for _, w := range writers {
			if err := w.send(s.url); err != nil {
				t.Fatalf("the repeated request failed: %v", err)
			}
		}
	}
	for _, w := range writers {
		w.check(t, s.url)
		acknowledged += int64(w.next) * batch
	}
	s.kill(t)
	t.Logf("%d kills, %d acknowledged points, none lost, none doubled", rounds, acknowledged)
}

// writer logs batches 0, 1, 2 …; what batch n holds depends on n alone, and next is the first that was not
// acknowledged.
type writer struct {
	run  string
	next int
}

func (w *writer) writeUntilGone(url string) {
	for w.send(url) == nil {
	}
}

func (w *writer) send(url string) error {
	type metric struct {
		Key       string  `json:"key"`
		Value     float64 `json:"value"`
		Timestamp int64   `json:"timestamp"`
		Step      int64   `json:"step"`
	}
	var ms []metric
	for i := range batch {
		n := int64(w.next*batch + i)
		ms = append(ms, metric{fmt.Sprintf("m%d", n%2), float64(n) / 8, 1_795_404_541_715 + n, n})
	}
	body, err := json.Marshal(map[string]any{"run_id": w.run, "metrics": ms})
	if err != nil {
		return err
	}
	if _, err := post(url+"/api/2.0/mlflow/runs/log-batch", body); err != nil {
		return err
	}
	w.next++
	return nil
}

func (w *writer) check(t *testing.T, base string) {
	t.Helper()
	seen := map[int64]int{}
	for _, key := range []string{"m0", "m1"} {
		q := url.Values{"run_id": {w.run}, "metric_key": {key}}
		body, err := do(http.MethodGet, base+"/api/2.0/mlflow/metrics/get-history?"+q.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Metrics []struct {
				Value float64
				Step  int64
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Metrics {
			seen[m.Step]++
			if m.Value != float64(m.Step)/8 {
				t.Fatalf("step %d has the value %v", m.Step, m.Value)
			}
		}
	}
	for n := range int64(w.next * batch) {
		if seen[n] != 1 {
			t.Fatalf("run %s: the acknowledged point %d is there %d times", w.run, n, seen[n])
		}
	}
}

type server struct {
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, binary, data string, flags ...string) *server {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data, "--log-level", "warn"}, flags...)...)
	cmd.Env, cmd.Stderr = environ(), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if at, ok := strings.CutPrefix(lines.Text(), "Slipway is at "); ok {
			s.url = at
			break
		}
	}
	if s.url == "" {
		t.Fatal("the server did not start")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

// environ is the environment without settings of the program, which are for the tests.
func environ() (out []string) {
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SLIPWAY_") {
			out = append(out, kv)
		}
	}
	return out
}

// kill ends the server without a word and waits until it is gone.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
}

func (s *server) createRun(t *testing.T) string {
	t.Helper()
	body, err := post(s.url+"/api/2.0/mlflow/runs/create", []byte(`{"experiment_id":"0"}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			}
		}
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Run.Info.ID == "" {
		t.Fatalf("%s: %v", body, err)
	}
	return got.Run.Info.ID
}

func post(url string, body []byte) ([]byte, error) { return do(http.MethodPost, url, body) }

func do(method, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, b)
	}
	return b, err
}
