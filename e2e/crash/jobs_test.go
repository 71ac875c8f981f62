package crash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/job"
	"github.com/slipway-ml/slipway/jobs"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// No route orders jobs by the hundred, so the process that is killed here is this test's own program: the real database,
// the real runner, and handlers that say what they did.
const (
	workerEnv = "SLIPWAY_CRASH_WORKER" // the database; makes this program such a process
	roundEnv  = "SLIPWAY_CRASH_ROUND"  // names its orders; without it nothing is ordered, and it ends when nothing is left to do

	workerLease = 400 * time.Millisecond
	ordersAhead = 50 // of what is done
	drainTime   = time.Minute
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(workerEnv); dsn != "" {
		if err := work(context.Background(), dsn, os.Getenv(roundEnv)); err != nil {
			fmt.Println("worker:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work runs jobs, and orders more of them for as long as it lives.
func work(ctx context.Context, dsn, round string) error {
	db, err := storage.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ahead := make(chan struct{}, ordersAhead)
	kind := func(name string) job.Kind {
		return job.Kind{Name: name, First: time.Millisecond, Longest: 20 * time.Millisecond, Timeout: time.Minute}
	}
	runner := jobs.Runner{
		DB: db, Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)), Lease: workerLease, Poll: 20 * time.Millisecond,
		Works: []jobs.Work{
			{Kind: kind("count"), Do: func(_ context.Context, j job.Job) error {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // there must be something to cut short
				fmt.Println("did", j.ID)
				select {
				case <-ahead:
				default: // it was ordered by another process
				}
				return nil
			}},
			{Kind: kind("kill"), Do: func(context.Context, job.Job) error {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}},
		},
	}
	defer runner.Start(ctx)()
	if round == "" {
		for left := int64(1); left > 0; time.Sleep(20 * time.Millisecond) {
			if err := inside(ctx, db, func(tx *storage.Tx) error {
				s, err := tx.JobStats(ctx)
				left = s.Queued + s.Running
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; ; i++ {
		ahead <- struct{}{}
		order := job.Job{Kind: "count", Payload: fmt.Appendf(nil, `"%s/%d"`, round, i), MaxAttempts: 1000} // every restart may cut one short
		if i%10 == 0 {
			order.Key = fmt.Sprintf("key %d", i%30)
		}
		if err := inside(ctx, db, func(tx *storage.Tx) error { return tx.EnqueueJob(ctx, order) }); err != nil {
			return err
		}
		if order.Key == "" {
			fmt.Println("ordered", string(order.Payload))
		} else {
			fmt.Println("ordered key")
		}
	}
}

func inside(ctx context.Context, db *storage.DB, fn func(*storage.Tx) error) error {
	g, err := access.Authorize(access.System("crash"), access.Maintain, access.DefaultWorkspace, access.Origin{})
	if err != nil {
		return err
	}
	return db.Write(ctx, g, func(tx *storage.Tx) error {
		if err := g.Need(access.Maintain, g.Workspace()); err != nil {
			return err
		}
		return fn(tx)
	})
}

func TestNoJobIsLost(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { crashJobs(t, 1, filepath.Join(t.TempDir(), "slipway.db")) })
	t.Run("postgres", func(t *testing.T) { crashJobs(t, 2, storagetest.Postgres(t)) })
}

// crashJobs kills processes at random moments, pauses them for longer than a lease where there are several, and looks
// at what they did in the end. One job kills its process itself.
func crashJobs(t *testing.T, processes int, dsn string) {
	db, err := storage.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := &diary{ordered: map[string]bool{}, did: map[string]int{}, done: map[string]int{}}
	started := 0
	newWorker := func() *worker {
		started++
		return startWorker(t.Context(), t, said, dsn, fmt.Sprint(started))
	}
	all := make([]*worker, processes)
	for i := range all {
		all[i] = newWorker()
	}
	rounds, pauses := kills(t), 0
	for round := range rounds {
		i := rand.IntN(processes)
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond) // a random moment is what is tested
		if processes > 1 && round%2 == 1 {
			pauses++
			all[i].pause(t, 2*workerLease)
			continue
		}
		all[i].kill(t)
		all[i] = newWorker()
	}
	for _, w := range all {
		w.kill(t)
	}
	if err := inside(t.Context(), db, func(tx *storage.Tx) error {
		return tx.EnqueueJob(t.Context(), job.Job{Kind: "kill", MaxAttempts: 3})
	}); err != nil {
		t.Fatal(err)
	}
	patient, cancel := context.WithTimeout(t.Context(), drainTime)
	defer cancel()
	for !startWorker(patient, t, said, dsn, "").ended() { // the last ends of its own accord, unless the job that kills is still there
		if patient.Err() != nil {
			t.Fatalf("jobs are left after %s", drainTime)
		}
	}
	said.compare(t, db)
	if t.Failed() {
		return
	}
	t.Logf("%d kills, %d pauses: %d orders were acknowledged, %d attempts did the work, %d jobs were done, each once",
		rounds-pauses, pauses, len(said.ordered), said.attempts(), len(said.done))
}

// diary is what the processes said, in lines that a kill cannot tear.
type diary struct {
	mu      sync.Mutex
	ordered map[string]bool // payloads of orders that were acknowledged
	did     map[string]int  // how often each job's work was done, by its id
	done    map[string]int  // how often the database took that for its end
}

func (d *diary) read(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what, about, _ := strings.Cut(line, " ")
	switch {
	case what == "ordered" && about != "key":
		d.ordered[about] = true
	case what == "did":
		d.did[about]++
	case strings.HasPrefix(line, "{"):
		var said struct{ Msg, Job string }
		if err := json.Unmarshal([]byte(line), &said); err == nil && said.Msg == "job done" {
			d.done[said.Job]++
		}
	}
}

func (d *diary) attempts() (n int) {
	for _, times := range d.did {
		n += times
	}
	return n
}

func (d *diary) compare(t *testing.T, db *storage.DB) {
	t.Helper()
	missing := maps.Clone(d.ordered)
	var page job.Page
	for first := true; first || page.Next != ""; first = false {
		if err := inside(t.Context(), db, func(tx *storage.Tx) (err error) {
			page, err = tx.Jobs(t.Context(), access.DefaultWorkspace, "", page.Next, 1000)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			delete(missing, string(j.Payload))
			switch {
			case j.Kind == "kill":
				if j.State != job.Failed || j.Attempts != 3 || !strings.Contains(j.LastError, "attempt 3 of 3 broke off") {
					t.Errorf("the job that kills: %+v", j)
				}
			case j.State != job.Done || d.did[j.ID] == 0 || d.done[j.ID] > 1:
				t.Errorf("run %d times, done %d times: %+v", d.did[j.ID], d.done[j.ID], j)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d acknowledged orders are lost", len(missing))
	}
	if len(d.ordered) == 0 {
		t.Error("nothing was ordered")
	}
}

type worker struct {
	cmd  *exec.Cmd
	read chan struct{} // closed when all that it said is read
}

// startWorker starts such a process and waits until it works.
func startWorker(ctx context.Context, t *testing.T, said *diary, dsn, round string) *worker {
	t.Helper()
	w := &worker{exec.CommandContext(ctx, os.Args[0]), make(chan struct{})}
	w.cmd.Env = append(os.Environ(), workerEnv+"="+dsn, roundEnv+"="+round)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	works := make(chan struct{})
	go func() {
		defer close(w.read)
		begin := sync.OnceFunc(func() { close(works) })
		defer begin()
		for lines := bufio.NewScanner(out); lines.Scan(); begin() {
			said.read(lines.Text())
			if strings.HasPrefix(lines.Text(), "worker:") {
				t.Error(lines.Text())
			}
		}
	}()
	<-works
	return w
}

func (w *worker) kill(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.ended()
}

// pause stops the process for some time, as the system does with a laptop that is closed.
func (w *worker) pause(t *testing.T, d time.Duration) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	if err := w.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end and reports whether it came in order.
func (w *worker) ended() bool {
	<-w.read
	return w.cmd.Wait() == nil
}
