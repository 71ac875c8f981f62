package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/domain/canonical"
	"github.com/slipway-ml/slipway/domain/tracking"
)

// Manifest is what makes a version the version it is. Names, descriptions, tags, cards and the run's id are not part of
// it, so a copy under another name is the same thing and has the same digest.
type Manifest struct {
	Kind      string            `json:"kind"` // "model"
	Files     []File            `json:"files"`
	Flavors   []string          `json:"flavors,omitempty"`
	Example   string            `json:"example,omitempty"` // the file with an input example
	Signature *Signature        `json:"signature,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Code      *Code             `json:"code,omitempty"`
	Data      []Data            `json:"data,omitempty"`
}

// File is one file of a version.
type File struct {
	Path   string `json:"path"` // relative to the model's folder
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Code is what made the model, as the run recorded it.
type Code struct {
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Source     string `json:"source,omitempty"`
}

// Data is a data set that the run read.
type Data struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Context string `json:"context,omitempty"` // "train", "eval"
}

// Signature is what goes into a model and comes out of it, as JSON in the form of the MLmodel file.
type Signature struct {
	Inputs  json.RawMessage `json:"inputs,omitempty"`
	Outputs json.RawMessage `json:"outputs,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// About is what the MLmodel file in a version's folder says of it.
type About struct {
	Digest    string // of the file's bytes, "" where there is no such file
	Flavors   []string
	Signature *Signature
	Example   string // the name of the file with an input example, "" if there is none
	Problem   string // why the file could not be read; "" = it could
}

// MaxMLmodel is how much of an MLmodel file is read, bytes.
const MaxMLmodel = 1 << 20

// MLmodel is the name of the file that describes a model's folder.
const MLmodel = "MLmodel"

// ParseMLmodel reads an MLmodel file (https://mlflow.org/docs/latest/ml/model: YAML whose signature holds JSON as text).
// What it cannot read is a problem to show and no reason to refuse the model. It looks at the fields that it needs and
// unfolds nothing: what is small to send is not dear to read.
func ParseMLmodel(digest string, text []byte) About {
	a := About{Digest: digest}
	if len(text) > MaxMLmodel {
		a.Problem = "large"
		return a
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Content) != 1 || !mapping(file.Content[0]) {
		a.Problem = "syntax"
		return a
	}
	root := file.Content[0]
	if flavors := field(root, "flavors"); mapping(flavors) {
		for i := 0; i < len(flavors.Content); i += 2 {
			a.Flavors = append(a.Flavors, scalar(flavors.Content[i]))
		}
		slices.Sort(a.Flavors)
		a.Flavors = slices.Compact(a.Flavors)
	} else if flavors != nil {
		a.Problem = "syntax"
	}
	if s := field(root, "signature"); mapping(s) {
		a.Signature = &Signature{jsonOf(scalar(field(s, "inputs"))), jsonOf(scalar(field(s, "outputs"))), jsonOf(scalar(field(s, "params")))}
	} else if s != nil && s.Tag != "!!null" {
		a.Problem = "syntax"
	}
	a.Example = scalar(field(field(root, "saved_input_example_info"), "artifact_path"))
	return a
}

func mapping(n *yaml.Node) bool { return n != nil && n.Kind == yaml.MappingNode }

// field is the value of key in a mapping, the last if there are several, as in the clients' own reader; nil without one.
func field(n *yaml.Node, key string) (value *yaml.Node) {
	if !mapping(n) {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if scalar(n.Content[i]) == key {
			value = n.Content[i+1]
		}
	}
	if value != nil && value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	return value
}

// scalar is the text of a node that is one, "" of any other.
func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func jsonOf(text string) json.RawMessage {
	if text == "" || text == "null" {
		return nil
	}
	if b, err := canonical.Marshal(json.RawMessage(text)); err == nil {
		return b
	}
	b, err := json.Marshal(text) // as it stands
	if err != nil {
		return nil
	}
	return b
}

// manifestOf collects what a version is made of.
func manifestOf(s source, files []tracking.Artifact, about About) Manifest {
	out := Manifest{Kind: "model", Files: []File{}, Flavors: about.Flavors, Example: about.Example, Signature: about.Signature}
	root, _ := tracking.StorePath(s.location)
	for _, f := range files {
		out.Files = append(out.Files, File{relative(root, f.Path), f.Digest, f.Size})
	}
	slices.SortFunc(out.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	params := func(ps []tracking.Param) {
		if len(ps) > 0 && out.Params == nil {
			out.Params = map[string]string{}
		}
		for _, p := range ps {
			out.Params[p.Key] = p.Value
		}
	}
	if s.run != nil {
		params(s.run.Params)
		code := Code{s.run.Tag("mlflow.source.git.repoURL"), s.run.Tag("mlflow.source.git.commit"), s.run.Tag("mlflow.source.name")}
		if code != (Code{}) {
			out.Code = &code
		}
		for _, d := range s.run.Datasets {
			data := Data{Name: d.Dataset.Name, Digest: d.Dataset.Digest}
			for _, t := range d.Tags {
				if t.Key == "mlflow.data.context" {
					data.Context = t.Value
				}
			}
			out.Data = append(out.Data, data)
		}
		slices.SortFunc(out.Data, func(a, b Data) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Digest, b.Digest), strings.Compare(a.Context, b.Context))
		})
	}
	if s.logged != nil { // what the model itself says wins over its run
		params(s.logged.Params)
	}
	return out
}

// relative is the path of a file below root; a root that is the file itself leaves its name.
func relative(root, path string) string {
	if rest, below := strings.CutPrefix(path, root+"/"); below {
		return rest
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// seal is the canonical form of m (RFC 8785) and its digest, SHA-256 in hexadecimal digits.
func (m Manifest) seal() (text, digest string, err error) {
	b, err := canonical.Marshal(m)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(b)
	return string(b), hex.EncodeToString(sum[:]), nil
}

// ParseManifest reads the manifest of a version; one without has none of the fields set.
func ParseManifest(text string) (m Manifest, err error) {
	if text == "" {
		return m, nil
	}
	return m, json.Unmarshal([]byte(text), &m)
}
