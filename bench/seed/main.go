// Command seed fills a server through its public API.
//
//	seed -url http://127.0.0.1:5000                     realistic experiments, to look at and for screenshots
//	seed -url … -runs 100000 -metrics 50 -params 20     one experiment of that size, to measure
//
// The same -seed makes the same runs. A token or basic authorization is taken from MLFLOW_TRACKING_TOKEN or
// MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, as the MLflow client does.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:5000", "address of the server")
	runs := flag.Int("runs", 0, "make one experiment of so many runs instead of the realistic ones")
	metrics := flag.Int("metrics", 50, "metrics of each of -runs")
	params := flag.Int("params", 20, "params of each of -runs")
	points := flag.Int("points", 1, "points of each metric of each of -runs")
	name := flag.String("name", "", "name of the experiment of -runs")
	callers := flag.Int("callers", 16, "requests at once")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	c := &client{url: *url, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *callers}, Timeout: time.Minute}}
	began := time.Now()
	var err error
	if *runs > 0 {
		err = many(c, plan{*name, *runs, *metrics, *params, *points, *callers, *seed})
	} else {
		err = demo(c, *seed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "seeded %s in %s: %d requests\n", *url, time.Since(began).Round(time.Millisecond), c.sent.Load())
}

// client speaks the MLflow REST protocol.
type client struct {
	url  string
	http *http.Client
	sent atomic.Int64
}

type object = map[string]any

// post sends in to a route and reads the answer into out, if that is wanted.
func (c *client) post(route string, in any, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(http.MethodPost, "/api/2.0/mlflow/"+route, "application/json", bytes.NewReader(body), out)
}

func (c *client) do(method, path, kind string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(context.Background(), method, c.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if token := os.Getenv("MLFLOW_TRACKING_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	} else if user := os.Getenv("MLFLOW_TRACKING_USERNAME"); user != "" {
		req.SetBasicAuth(user, os.Getenv("MLFLOW_TRACKING_PASSWORD"))
	}
	c.sent.Add(1)
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// experiment makes an experiment, or finds the one with this name.
func (c *client) experiment(name string, tags ...object) (string, error) {
	var made struct {
		ID string `json:"experiment_id"`
	}
	err := c.post("experiments/create", object{"name": name, "tags": tags}, &made)
	if err == nil {
		return made.ID, nil
	}
	var found struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	if c.do(http.MethodGet, "/api/2.0/mlflow/experiments/get-by-name?experiment_name="+name, "", nil, &found) != nil {
		return "", err
	}
	return found.Experiment.ID, nil
}

func (c *client) run(in object) (id string, err error) {
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err = c.post("runs/create", in, &made)
	return made.Run.Info.ID, err
}

// log sends a run's data in batches of what one request may hold.
func (c *client) log(run string, metrics []object, params, tags []object) error {
	const most = 1000
	for len(metrics) > 0 || len(params) > 0 || len(tags) > 0 {
		n := min(len(metrics), most-len(params)-len(tags))
		if err := c.post("runs/log-batch", object{"run_id": run, "metrics": metrics[:n], "params": params, "tags": tags}, nil); err != nil {
			return err
		}
		metrics, params, tags = metrics[n:], nil, nil
	}
	return nil
}

// plan is an experiment of many alike runs.
type plan struct {
	name                                   string
	runs, metrics, params, points, callers int
	seed                                   uint64
}

func many(c *client, p plan) error {
	if p.name == "" {
		p.name = fmt.Sprintf("generated-%d-runs", p.runs)
	}
	experiment, err := c.experiment(p.name)
	if err != nil {
		return err
	}
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range p.runs {
			next <- i
		}
	}()
	var wait sync.WaitGroup
	failed := make(chan error, p.callers)
	for range p.callers {
		wait.Go(func() {
			for i := range next {
				if err := p.one(c, experiment, i); err != nil {
					failed <- err
					for range next { // the others end too
					}
				}
			}
		})
	}
	wait.Wait()
	close(failed)
	var all []error
	for err := range failed {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// one makes run i: params from a grid of few values, metrics that depend on them.
func (p plan) one(c *client, experiment string, i int) error {
	r := rand.New(rand.NewPCG(p.seed, uint64(i))) //nolint:gosec // the same seed makes the same runs
	start := time.Now().Add(-time.Duration(p.runs-i) * time.Minute).UnixMilli()
	model := []string{"xgboost", "lightgbm", "catboost", "mlp"}[r.IntN(4)]
	run, err := c.run(object{"experiment_id": experiment, "run_name": fmt.Sprintf("%s-%06d", model, i), "user_id": "generator", "start_time": start})
	if err != nil {
		return err
	}
	params := []object{{"key": "model", "value": model}, {"key": "max_depth", "value": strconv.Itoa(4 + 2*r.IntN(5))}, {"key": "learning_rate", "value": fmt.Sprint([]float64{0.01, 0.02, 0.03, 0.05, 0.1}[r.IntN(5)])}, {"key": "trial", "value": strconv.Itoa(i)}}
	for k := len(params); k < p.params; k++ {
		params = append(params, object{"key": fmt.Sprintf("param_%02d", k), "value": strconv.Itoa(r.IntN(10))})
	}
	var metrics []object
	for k := range p.metrics {
		key, low := fmt.Sprintf("metric_%02d", k), 0.0
		if k == 0 {
			key, low = "val_auc", 0.7
		}
		v := low + (1-low)*r.Float64()
		for s := range p.points {
			metrics = append(metrics, object{"key": key, "value": v - 0.3/float64(s+1), "timestamp": start + int64(s)*1000, "step": s})
		}
	}
	tags := []object{{"key": "team", "value": []string{"risk", "search", "vision"}[r.IntN(3)]}}
	if err := c.log(run, metrics, params[:min(p.params, len(params))], tags); err != nil {
		return err
	}
	status := "FINISHED"
	if r.IntN(20) == 0 {
		status = "FAILED"
	}
	return c.post("runs/update", object{"run_id": run, "status": status, "end_time": start + 50_000 + r.Int64N(100_000)}, nil)
}
