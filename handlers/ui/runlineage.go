package ui

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/web/format"
	"github.com/slipway-ml/slipway/web/page/runs"
)

const datasetsShown = 20

// lineage fills the tab of what the run came from and what came of it.
func (p runPage) lineage(tx *storage.Tx, made []tracking.LoggedModel) (err error) {
	l := &p.v.Lineage
	uses, err := tracking.DatasetsRead(p.Ctx(), tx, p.reading, p.run, datasetsShown)
	if err != nil {
		return err
	}
	for _, u := range uses {
		d := runs.DatasetUse{Dataset: runs.Dataset{
			Name: u.Dataset.Name, Digest: u.Dataset.Digest, Source: u.Dataset.Source, SourceType: u.Dataset.SourceType, Context: useOf(u.DatasetInput),
		}, Others: u.Others, OthersShown: count(p.Request, u.Others)}
		filter := "dataset.digest = '" + strings.ReplaceAll(u.Dataset.Digest, "'", "''") + "'"
		d.OthersPath = "/experiments/" + p.run.ExperimentID + "?" + url.Values{"filter": {filter}}.Encode()
		l.Data = append(l.Data, d)
	}
	l.MoreData = int64(len(p.run.Datasets) - len(uses))
	read, err := runModels(p.Request, tx, p.run.Inputs)
	if err != nil {
		return err
	}
	for _, m := range read {
		l.Read = append(l.Read, runs.Link{Label: cmp.Or(m.Name, m.ID), Path: "/logged-models/" + m.ID})
	}
	for _, m := range made {
		l.Made = append(l.Made, runs.Link{Label: cmp.Or(m.Name, m.ID), Path: "/logged-models/" + m.ID})
	}
	p.v.Children, err = p.children(tx, p.QueryParam("after"), childrenPage)
	return err
}

// children are the runs below this one, from the one after the id after on.
func (p runPage) children(tx *storage.Tx, after string, limit int) (out runs.Children, err error) {
	c, err := tracking.ChildrenOf(p.Ctx(), tx, p.reading, p.run, after, limit)
	if err != nil {
		return out, err
	}
	out.Total, out.Shown, out.Metric = c.Total, count(p.Request, c.Total), c.Metric
	values := make([]*float64, len(c.Runs))
	for i, r := range c.Runs {
		if v, ok := c.Values[r.ID]; ok {
			values[i] = &v
		}
	}
	texts := format.Column(p.Ctx(), values)
	for i, r := range c.Runs {
		row := runs.Child{ID: r.ID, Name: cmp.Or(r.Name, r.ID), Status: string(r.Status), Stale: stale(p.Request, r), Start: instant(r.StartTime), Duration: duration(p.Request, r), Value: texts[i]}
		if values[i] != nil {
			row.Full = exact(*values[i])
		}
		out.Rows = append(out.Rows, row)
	}
	if after != "" {
		out.First = tabQuery(p.Request, runs.TabLineage, url.Values{})
	}
	if c.Next != "" {
		out.Next = tabQuery(p.Request, runs.TabLineage, url.Values{"after": {c.Next}})
	}
	return out, nil
}
