package crash_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every acknowledged write was flushed to the disk before its answer, and callers at once share the flush.
func TestFlushes(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not installed, and CI counts flushes")
		}
		t.Skip("strace is not installed: flushes are not counted")
	}
	const requests = 200
	alone := flushes(t, strace, requests, 1)
	if alone < requests {
		t.Errorf("%d requests one after another made %d flushes: some were acknowledged before they were durable", requests, alone)
	}
	together := flushes(t, strace, requests, 20)
	if together >= alone {
		t.Errorf("%d requests by 20 callers made %d flushes, one after another %d: nothing was shared", requests, together, alone)
	}
	t.Logf("%d requests: %d flushes by one caller, %d by 20 callers", requests, alone, together)
}

var flushCall = regexp.MustCompile(`(?m)^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*\b(fsync|fdatasync)$`)

// flushes counts the flushes while callers log requests in all.
func flushes(t *testing.T, strace string, requests, callers int) (n int) {
	t.Helper()
	s := start(t, build(t), t.TempDir())
	defer s.kill(t)
	runs := make([]string, callers)
	for i := range runs {
		runs[i] = s.createRun(t)
	}
	report := filepath.Join(t.TempDir(), "strace")
	watch := exec.Command(strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", report, "-p", strconv.Itoa(s.cmd.Process.Pid))
	var said strings.Builder
	watch.Stderr = &said
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	for attached(s.cmd.Process.Pid) == 0 {
		if watch.ProcessState != nil {
			t.Fatalf("strace ended: %s", said.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	var wg sync.WaitGroup
	for c, run := range runs {
		wg.Go(func() {
			for i := range requests / callers {
				body := fmt.Sprintf(`{"run_id":%q,"key":"m","value":%d,"timestamp":1,"step":%d}`, run, c, i)
				if _, err := post(s.url+"/api/2.0/mlflow/runs/log-metric", []byte(body)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_ = watch.Process.Signal(os.Interrupt)
	_ = watch.Wait() // it ends by the signal
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err, said.String())
	}
	for _, m := range flushCall.FindAllStringSubmatch(string(b), -1) {
		calls, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += calls
	}
	return n
}

// attached is the process that traces pid, 0 if none does.
func attached(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "TracerPid:")
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
	return n
}
