package ui

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/page/runs"
)

var aboutPages = []route.Route{
	route.GET("/experiments/:id/about", access.ExperimentRead, aboutExperiment),
	route.POST("/experiments/:id/note", access.ExperimentWrite, noteExperiment),
	route.POST("/experiments/:id/metric", access.ExperimentWrite, judgeExperiment),
	route.POST("/experiments/:id/tags", access.ExperimentWrite, tagExperiment),
	route.POST("/experiments/:id/tags/delete", access.ExperimentWrite, untagExperiment),
}

func aboutPath(r *route.Request) string {
	return "/experiments/" + url.PathEscape(r.Param("id")) + "/about"
}

func aboutExperiment(r *route.Request) error {
	v, err := aboutView(r)
	if err != nil {
		return err
	}
	return r.Render(http.StatusOK, runs.About(v))
}

func aboutView(r *route.Request) (v runs.AboutView, err error) {
	g, err := more(r, access.ExperimentRead) // a refused form shows the page too
	if err != nil {
		return v, err
	}
	reading, err := more(r, access.RunRead)
	if err != nil {
		return v, err
	}
	l := &listing{r: r}
	var keys []tracking.Key
	if err := r.DB.Read(r.Ctx(), g, func(tx *storage.Tx) error {
		if l.experiment, err = tracking.ExperimentByID(r.Ctx(), tx, g, r.Param("id")); err != nil {
			return err
		}
		if keys, err = tracking.KeysOf(r.Ctx(), tx, reading, l.experiment.ID, tracking.KindMetric, "", mostJudged); err != nil {
			return err
		}
		activity, err := tx.ActivityOf(r.Ctx(), []tracking.Experiment{l.experiment})
		if err != nil {
			return err
		}
		v.Runs = activity[l.experiment.ID].Runs
		l.names, err = tx.NamesOf(r.Ctx(), l.experiment.CreatedBy)
		return err
	}); err != nil {
		return v, err
	}
	v.Experiment = l.head()
	v.Updated = instant(l.experiment.UpdatedAt)
	v.CanWrite, v.CanDelete = may(r, access.ExperimentWrite) && !l.experiment.Deleted(), may(r, access.ExperimentDelete)
	for _, t := range l.experiment.Tags {
		switch t.Key {
		case tracking.TagPrimary:
			v.Metric = t.Value
		case tracking.TagDirection:
			v.Direction = t.Value
		}
	}
	for _, k := range keys {
		v.Metrics = append(v.Metrics, k.Name)
	}
	return v, nil
}

// mostJudged is how many metrics are offered to judge by; any other may be typed.
const mostJudged = 200

// setExperiment writes tags of an experiment, or takes those away that have no value, and comes back.
func setExperiment(r *route.Request, tags ...tracking.Tag) error {
	if err := route.Do(r, func(tx *storage.Tx) error {
		for _, t := range tags {
			if t.Value != "" {
				if err := tracking.SetExperimentTag(r.Ctx(), tx, r.Grant, r.Param("id"), t, tx.Now()); err != nil {
					return err
				}
				continue
			}
			if err := tracking.DeleteExperimentTag(r.Ctx(), tx, r.Grant, r.Param("id"), t.Key, tx.Now()); err != nil && domain.KindOf(err) != domain.NotFound {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	flash(r, "flash.saved")
	return see(r, aboutPath(r))
}

func noteExperiment(r *route.Request) error {
	return setExperiment(r, tracking.Tag{Key: tracking.TagNote, Value: r.FormValue("note")})
}

func judgeExperiment(r *route.Request) error {
	direction := form(r, "direction")
	if !slices.Contains([]string{"", "min", "max"}, direction) {
		return domain.Fail(domain.Invalid, "experiment.direction", "better is min or max, not %q", direction)
	}
	metric := form(r, "metric")
	if metric == "" {
		direction = ""
	}
	return setExperiment(r, tracking.Tag{Key: tracking.TagPrimary, Value: metric}, tracking.Tag{Key: tracking.TagDirection, Value: direction})
}

func tagExperiment(r *route.Request) error {
	t := tracking.Tag{Key: form(r, "key"), Value: r.FormValue("value")}
	err := route.Do(r, func(tx *storage.Tx) error {
		return tracking.SetExperimentTag(r.Ctx(), tx, r.Grant, r.Param("id"), t, tx.Now())
	})
	if err == nil {
		flash(r, "flash.saved")
		return see(r, aboutPath(r))
	}
	text, ok := words(r.Ctx(), err)
	if !ok {
		return err
	}
	v, viewErr := aboutView(r)
	if viewErr != nil {
		return viewErr
	}
	v.TagKey, v.TagValue, v.TagError = t.Key, t.Value, text
	return r.Render(http.StatusBadRequest, runs.About(v))
}

func untagExperiment(r *route.Request) error {
	return setExperiment(r, tracking.Tag{Key: r.FormValue("key")})
}
