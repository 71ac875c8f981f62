package card

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/domain"
)

const (
	maxReadme      = 2 << 20 // bytes of a README
	maxFrontMatter = 1 << 20 // bytes of the YAML at its beginning
	maxNodes       = 200_000 // values in it, those of aliases counted at each use
	maxDepth       = 50
)

// split takes the front matter off a README: what stands between a first line "---" and the next. The text has plain
// line ends.
func split(text string) (front, body string) {
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return "", text
	}
	for at := 0; at < len(rest); {
		line, _, _ := strings.Cut(rest[at:], "\n")
		end := min(at+len(line)+1, len(rest))
		if strings.TrimRight(line, " \t") == "---" {
			return rest[:at], rest[end:]
		}
		at = end
	}
	return "", text // a rule, not front matter
}

// readYAML is the mapping that front matter holds, its values as encoding/json has them with numbers as json.Number.
// What no JSON number can say (hexadecimal, infinities, dates) is text as it stands. The work is bounded: the
// front matter's size, its depth and what its aliases unfold to are limited.
func readYAML(front string) (map[string]any, error) {
	if len(front) > maxFrontMatter {
		return nil, domain.Fail(domain.TooLarge, "card.front_large", "the front matter has %d bytes, the limit is %d: shorten it", len(front), maxFrontMatter)
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(front), &document); err != nil {
		return nil, &domain.Error{Kind: domain.Invalid, Key: "card.yaml", Msg: "the front matter is not valid YAML: " + domain.Short(err.Error()), Err: err}
	}
	if len(document.Content) == 0 { // nothing but comments
		return nil, nil
	}
	r := yamlReader{left: maxNodes}
	v, err := r.value(document.Content[0], 0)
	if err != nil {
		return nil, err
	}
	entries, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, domain.Fail(domain.Invalid, "card.front", "the front matter must consist of entries such as license: mit")
	}
	return entries, nil
}

type yamlReader struct{ left int }

func (r *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if r.left--; r.left < 0 || depth > maxDepth {
		return nil, domain.Fail(domain.Invalid, "card.yaml_large", "the front matter holds more than %d values, or values nested deeper than %d: shorten it", maxNodes, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		entries := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := r.value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			if _, twice := entries[n.Content[i].Value]; !twice && n.Content[i].Kind == yaml.ScalarNode {
				entries[n.Content[i].Value] = v
			}
		}
		return entries, nil
	default:
		return scalar(n), nil
	}
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(f, 0) && json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

// writeYAML is v, as encoding/json writes it, in YAML: mappings and lists in blocks, all texts in double quotes, in
// which YAML escapes what a reader could take for something else.
func writeYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil { // JSON is YAML
		return nil, err
	}
	plain(&n)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&n); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// plain takes the flow style of JSON off; names are ours and need no quotes. Readers of YAML 1.1, as Python's are, know
// a number with an exponent by its point only.
func plain(n *yaml.Node) {
	if n.Style&yaml.DoubleQuotedStyle == 0 && n.ShortTag() == "!!float" && !strings.Contains(n.Value, ".") {
		n.Value = strings.Replace(n.Value, "e", ".0e", 1)
	}
	if n.Kind != yaml.ScalarNode {
		n.Style &^= yaml.FlowStyle
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			child.Style = 0
			continue
		}
		plain(child)
	}
}
