package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// demo makes what a small team has after some weeks: a search over hyper-parameters, forecasts in folds, an
// assistant's retrieval, an image model in training, and what goes wrong in between.
func demo(c *client, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same seed makes the same runs
	for _, part := range []func(*client, *rand.Rand) error{fraud, forecast, assistant, vision} {
		if err := part(c, r); err != nil {
			return err
		}
	}
	return nil
}

func pair(key, value string) object { return object{"key": key, "value": value} }

func point(key string, value float64, at time.Time, step int) object {
	return object{"key": key, "value": value, "timestamp": at.UnixMilli(), "step": step}
}

// sourced are the tags that the client notes of where a run comes from.
func sourced(script, commit string) []object {
	return []object{
		pair("mlflow.source.name", script), pair("mlflow.source.type", "LOCAL"), pair("mlflow.source.git.commit", commit),
		pair("mlflow.source.git.repoURL", "https://github.com/example/fraud-scorer.git"),
	}
}

func choose[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// curve falls from a to b, fast at first, with noise.
func curve(r *rand.Rand, a, b, noise float64, step, steps int) float64 {
	return b + (a-b)*math.Exp(-5*float64(step)/float64(steps)) + (r.Float64()-.5)*noise
}

func fraud(c *client, r *rand.Rand) error {
	id, err := c.experiment("fraud-scorer/tuning", pair("mlflow.note.content", "Hyper-parameter search on the October transaction set.\n\n**Goal:** `val_auc` above 0.94 at a p95 below 10 ms.\n\n| Baseline | val_auc |\n|---|---|\n| v41 | 0.9325 |\n"), pair("team", "risk"))
	if err != nil {
		return err
	}
	const runs = 64
	for i := range runs {
		model, depth, rate := choose(r, "xgboost", "lightgbm", "catboost"), choose(r, 4, 6, 8, 10), choose(r, .01, .03, .05, .1)
		start := time.Now().Add(-time.Duration(runs-i) * 5 * time.Hour).Add(-10 * time.Minute)
		name := fmt.Sprintf("%s-d%d-%s", map[string]string{"xgboost": "xgb", "lightgbm": "lgb", "catboost": "cat"}[model], depth, strconv.FormatInt(r.Int64N(46656), 36))
		tags := append(sourced("train.py", fmt.Sprintf("%040x", r.Uint64())), pair("team", "risk"), pair("sweep", fmt.Sprintf("optuna-%d", 1+i/24)))
		run, err := c.run(object{"experiment_id": id, "run_name": name, "user_id": "data-science", "start_time": start.UnixMilli(), "tags": tags})
		if err != nil {
			return err
		}
		best := .885 + .05*(1-math.Exp(-float64(i)/20)) + r.Float64()*.02 - .01*math.Abs(float64(depth-8))/4
		if err := c.post("runs/log-inputs", object{"run_id": run, "datasets": []object{{
			"dataset": object{"name": "transactions-oct", "digest": "9f3c1ab0", "source_type": "s3", "source": `{"uri": "s3://lake/transactions/2026-10"}`},
			"tags":    []object{pair("mlflow.data.context", "training")},
		}}}, nil); err != nil {
			return err
		}
		params := []object{
			pair("model", model), pair("max_depth", strconv.Itoa(depth)), pair("learning_rate", fmt.Sprint(rate)), pair("n_estimators", strconv.Itoa(choose(r, 400, 800, 1200, 1600))),
			pair("subsample", fmt.Sprint(choose(r, .7, .8, .9))), pair("scale_pos_weight", "24"), pair("seed", "20261118"),
		}
		const steps = 120
		var metrics []object
		for s := range steps {
			at := start.Add(time.Duration(s) * 5 * time.Second)
			metrics = append(metrics, point("val_auc", 1-curve(r, .3, 1-best, .004, s, steps), at, s), point("log_loss", curve(r, .69, .21+(.94-best), .01, s, steps), at, s),
				point("train/auc", 1-curve(r, .3, .99-best, .002, s, steps), at, s))
		}
		end := start.Add(10 * time.Minute)
		metrics = append(metrics, point("val_ap", best-.13, end, 0), point("p95_ms", 6+float64(depth)*.4+r.Float64()*2, end, 0), point("system/cpu_utilization_percentage", 70+20*r.Float64(), end, 1))
		if err := c.log(run, metrics, params, nil); err != nil {
			return err
		}
		if err := fraudFiles(c, id, run, i); err != nil {
			return err
		}
		status := "FINISHED"
		if i%17 == 11 {
			status = "FAILED"
		}
		if err := c.post("runs/update", object{"run_id": run, "status": status, "end_time": end.UnixMilli()}, nil); err != nil {
			return err
		}
	}
	return nil
}

func fraudFiles(c *client, experiment, run string, i int) error {
	if i%4 != 3 {
		return nil
	}
	at := fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/", experiment, run)
	for name, body := range map[string][]byte{
		"report.md":           []byte("# Evaluation\n\nThe candidate is **better** than v41 on every slice but *night*.\n\n- recall at 1% FPR: 0.684\n- p95: 9.1 ms\n"),
		"importance.csv":      []byte("feature,gain\namount_z,0.21\nmerchant_category,0.17\nhour_of_day,0.12\ndevice_age_days,0.11\n"),
		"config/params.json":  []byte(`{"objective": "binary:logistic", "tree_method": "hist", "early_stopping_rounds": 50}`),
		"plots/confusion.png": picture(i, 0), "plots/roc.png": picture(i, 1),
	} {
		if err := c.do(http.MethodPut, at+name, "application/octet-stream", bytes.NewReader(body), nil); err != nil {
			return err
		}
	}
	return nil
}

// picture draws a small plot, different for each run.
func picture(i, kind int) []byte {
	const size = 240
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			shade := color.RGBA{248, 249, 251, 255}
			fx, fy := float64(x)/size, 1-float64(y)/size
			switch {
			case kind == 0:
				v := uint8(255 - 200*math.Exp(-8*math.Pow(math.Floor(fx*2)/2-math.Floor((1-fy)*2)/2, 2)-float64(i%7)*.05))
				shade = color.RGBA{v, v, 255, 255}
			case math.Abs(fy-math.Pow(fx, .12+.01*float64(i%9))) < .02:
				shade = color.RGBA{47, 85, 212, 255}
			case math.Abs(fy-fx) < .006:
				shade = color.RGBA{123, 132, 148, 255}
			}
			img.Set(x, y, shade)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // into memory
	}
	return b.Bytes()
}

func forecast(c *client, r *rand.Rand) error {
	id, err := c.experiment("demand-forecast/horizon-28", pair("mlflow.note.content", "Weekly retraining. Parents hold the mean of five folds."))
	if err != nil {
		return err
	}
	for week := range 6 {
		start := time.Now().Add(-time.Duration(6-week) * 7 * 24 * time.Hour)
		parent, err := c.run(object{"experiment_id": id, "run_name": fmt.Sprintf("tft-h28-week-%d", 41+week), "user_id": "forecasting", "start_time": start.UnixMilli(), "tags": sourced("retrain.py", fmt.Sprintf("%040x", week+1))})
		if err != nil {
			return err
		}
		sum := 0.0
		for fold := range 5 {
			at := start.Add(time.Duration(fold) * 11 * time.Minute)
			child, err := c.run(object{"experiment_id": id, "run_name": fmt.Sprintf("fold-%d", fold), "user_id": "forecasting", "start_time": at.UnixMilli(), "tags": []object{pair("mlflow.parentRunId", parent)}})
			if err != nil {
				return err
			}
			last := .118 + r.Float64()*.02
			sum += last
			var metrics []object
			for s := range 40 {
				metrics = append(metrics, point("wape", curve(r, .4, last, .01, s, 40), at.Add(time.Duration(s)*10*time.Second), s), point("val/loss", curve(r, 1.2, last*2, .03, s, 40), at.Add(time.Duration(s)*10*time.Second), s))
			}
			if err := c.log(child, metrics, []object{pair("fold", strconv.Itoa(fold)), pair("hidden_size", "160"), pair("dropout", "0.1")}, nil); err != nil {
				return err
			}
			if err := c.post("runs/update", object{"run_id": child, "status": "FINISHED", "end_time": at.Add(7 * time.Minute).UnixMilli()}, nil); err != nil {
				return err
			}
		}
		if err := c.log(parent, []object{point("wape", sum/5, start.Add(time.Hour), 0)}, []object{pair("hidden_size", "160"), pair("dropout", "0.1"), pair("folds", "5")}, nil); err != nil {
			return err
		}
		if err := c.post("runs/update", object{"run_id": parent, "status": "FINISHED", "end_time": start.Add(time.Hour).UnixMilli()}, nil); err != nil {
			return err
		}
	}
	return nil
}

func assistant(c *client, r *rand.Rand) error {
	id, err := c.experiment("support-assistant/grounding", pair("team", "assist"))
	if err != nil {
		return err
	}
	for i := range 18 {
		start := time.Now().Add(-time.Duration(18-i) * 9 * time.Hour)
		k, rerank := choose(r, 4, 8, 12), choose(r, "none", "cross-encoder")
		run, err := c.run(object{"experiment_id": id, "run_name": fmt.Sprintf("retrieval-k%d-%s", k, map[string]string{"none": "plain", "cross-encoder": "rerank"}[rerank]), "user_id": "assist", "start_time": start.UnixMilli(), "tags": sourced("evaluate.py", fmt.Sprintf("%040x", i+77))})
		if err != nil {
			return err
		}
		end := start.Add(4 * time.Minute)
		g := .84 + .01*float64(k)/4 + r.Float64()*.04
		if rerank != "none" {
			g += .03
		}
		metrics := []object{point("groundedness", g, end, 0), point("answer_relevance", g-.02, end, 0), point("latency_s", .8+float64(k)*.07+r.Float64()*.2, end, 0), point("cost_usd", .002*float64(k), end, 0)}
		if err := c.log(run, metrics, []object{pair("k", strconv.Itoa(k)), pair("rerank", rerank), pair("model", choose(r, "small", "large")), pair("prompt", fmt.Sprintf("support-answer v%d", 14+i/5))}, nil); err != nil {
			return err
		}
		if err := c.post("runs/update", object{"run_id": run, "status": "FINISHED", "end_time": end.UnixMilli()}, nil); err != nil {
			return err
		}
	}
	return nil
}

// vision is what goes on right now: one run in training, one that fell silent long ago, one that diverged.
func vision(c *client, r *rand.Rand) error {
	id, err := c.experiment("layout-detector/v3", pair("mlflow.note.content", "Document layout model, 8 GPUs."))
	if err != nil {
		return err
	}
	for i, name := range []string{"layout-v3-base", "layout-v3-wide", "layout-v3-diverged", "layout-v3-ft"} {
		start := time.Now().Add(-time.Duration(4-i) * 40 * time.Minute)
		run, err := c.run(object{"experiment_id": id, "run_name": name, "user_id": "vision", "start_time": start.UnixMilli(), "tags": sourced("train_ddp.py", fmt.Sprintf("%040x", i+900))})
		if err != nil {
			return err
		}
		const steps = 600
		var metrics []object
		for s := range steps {
			at := start.Add(time.Duration(s) * 3 * time.Second)
			loss := curve(r, 4.2, .9-.1*float64(i), .12, s, steps)
			if name == "layout-v3-diverged" && s > steps/2 {
				loss = math.NaN()
			}
			var v any = loss
			if math.IsNaN(loss) {
				v = "NaN"
			}
			metrics = append(metrics, object{"key": "train/loss", "value": v, "timestamp": at.UnixMilli(), "step": s})
			if s%20 == 0 {
				metrics = append(metrics, point("val/map", 1-curve(r, 1, .35-.02*float64(i), .02, s, steps), at, s), point("val/loss", curve(r, 4, 1-.1*float64(i), .1, s, steps), at, s))
				for g := range 4 {
					metrics = append(metrics, point(fmt.Sprintf("system/gpu_%d_utilization_percentage", g), 88+8*r.Float64(), at, s))
				}
			}
		}
		if err := c.log(run, metrics, []object{pair("backbone", choose(r, "vit-b", "vit-l")), pair("batch_size", strconv.Itoa(32<<i)), pair("lr", fmt.Sprint(1e-4*float64(i+1)))}, nil); err != nil {
			return err
		}
		if name == "layout-v3-ft" {
			continue // still training
		}
		status := map[string]string{"layout-v3-diverged": "FAILED"}[name]
		if status == "" {
			status = "FINISHED"
		}
		if err := c.post("runs/update", object{"run_id": run, "status": status, "end_time": start.Add(30 * time.Minute).UnixMilli()}, nil); err != nil {
			return err
		}
	}
	return nil
}
