package card

import (
	"math"
	"slices"
	"strings"
)

// Facts is what the records of a version and of the run that made it say. The caller chooses which metrics and
// parameters matter.
type Facts struct {
	Name    string
	Version string
	Digest  string // SHA-256 of the version, in hexadecimal digits
	Files   []File

	Metrics    []Metric
	Parameters []Parameter
	BaseModels []BaseModel
	Relation   Relation
	Library    Library   // from the flavour
	Datasets   []Dataset // what was logged: name, digest, source, use
	Inputs     []Port    // from the signature: name, type, shape, optional
	Outputs    []Port
	Source     Source
}

// File is one file of a version.
type File struct {
	Path   string
	SHA256 string // in hexadecimal digits
	Size   int64  // bytes
}

// Fill is c with the facts in it, marked as measured. They win over what is declared under the same name: a metric over
// one of the same slice and, where both name one, the same data; a data set, an input or a base model keeps what only a
// person can say of it. Nothing else in the result is measured, whatever c says. A measured value that is no finite
// number takes the declared one away and is itself left out, for JSON has no form for it. Addresses lose their secrets.
func Fill(c Card, f Facts) Card {
	c = c.declared()
	c.Name, c.Version = f.Name, f.Version
	c.Parameters, c.Source = slices.Clone(f.Parameters), f.Source
	c.Source.Repository = withoutSecret(f.Source.Repository)
	if f.Library.Name != "" {
		c.Library = f.Library
		c.Library.Origin = Measured
	}
	if len(f.BaseModels) > 0 && f.Relation != "" {
		c.Relation = f.Relation
	}
	c.BaseModels = join(c.BaseModels, f.BaseModels, func(d, f BaseModel) bool { return d.Name == f.Name }, func(_, f BaseModel) BaseModel {
		f.Origin = Measured
		return f
	})
	c.Inputs = join(c.Inputs, f.Inputs, samePort, joinPort)
	c.Outputs = join(c.Outputs, f.Outputs, samePort, joinPort)
	c.Datasets = fillDatasets(c.Datasets, f.Datasets)
	c.Metrics = fillMetrics(c.Metrics, f.Metrics)
	return c
}

// join puts facts before what is declared; a declared entry that is the same thing goes into its fact.
func join[T any](declared, facts []T, same func(d, f T) bool, joined func(d, f T) T) []T {
	rest := slices.Clone(declared)
	var out []T
	for _, f := range facts {
		var d T
		if i := slices.IndexFunc(rest, func(d T) bool { return same(d, f) }); i >= 0 {
			d = rest[i]
			rest = slices.Delete(rest, i, i+1)
		}
		out = append(out, joined(d, f))
	}
	return append(out, rest...)
}

func samePort(d, f Port) bool { return d.Name == f.Name }

func joinPort(d, f Port) Port {
	f.Description, f.Origin = d.Description, Measured
	return f
}

// fillDatasets joins data of the same name and use. Where several are declared, the one with the fact's digest is it;
// data that has a new digest keeps what was said of the old.
func fillDatasets(declared, facts []Dataset) []Dataset {
	rest := slices.Clone(declared)
	out := slices.Clone(facts)
	found := make([]bool, len(facts))
	take := func(same func(d, f Dataset) bool) {
		for i, f := range facts {
			at := slices.IndexFunc(rest, func(d Dataset) bool {
				return d.Name == f.Name && (d.Use == f.Use || d.Use == "" || f.Use == "") && same(d, f)
			})
			if found[i] || at < 0 {
				continue
			}
			found[i], out[i] = true, rest[at]
			rest = slices.Delete(rest, at, at+1)
		}
	}
	take(func(d, f Dataset) bool { return d.Digest == f.Digest })
	take(func(Dataset, Dataset) bool { return true })
	for i, f := range facts {
		d := &out[i]
		d.Name, d.Digest, d.Source, d.Origin = f.Name, f.Digest, withoutSecret(f.Source), Measured
		if f.Use != "" {
			d.Use = f.Use
		}
	}
	return append(out, rest...)
}

func fillMetrics(declared, facts []Metric) []Metric {
	type key struct{ name, slice string }
	of := func(m Metric) key { return key{strings.ToLower(m.Name), m.Slice} }
	measured := map[key][]string{} // the data they were measured on
	var out []Metric
	for _, f := range facts {
		measured[of(f)] = append(measured[of(f)], f.Dataset)
		if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			continue
		}
		f.Origin = Measured
		out = append(out, f)
	}
	for _, d := range declared {
		if !slices.ContainsFunc(measured[of(d)], func(data string) bool { return data == d.Dataset || data == "" || d.Dataset == "" }) {
			out = append(out, d)
		}
	}
	return out
}
