package tracking

import (
	"math"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/domain"
)

// Limits of the protocol (mlflow 3.17: mlflow/utils/validation.py). Lengths are in characters.
const (
	maxKey           = 250
	maxParamValue    = 6000
	maxTagValue      = 8000
	maxExperiment    = 500
	maxExpTagValue   = 20000
	maxLocation      = 2048
	maxBatchMetrics  = 1000
	maxBatchParams   = 100
	maxBatchTags     = 100
	maxBatch         = 1000
	maxDatasetName   = 500
	maxDatasetDigest = 36
	maxDatasetSource = 65535
	maxDatasetSchema = 1048575
	maxDatasetProf   = 16777215
	maxInputTagKey   = 255
	maxInputTagValue = 500
	maxInputs        = 1000
)

// checkKey refuses a metric, parameter or tag key that could not be shown or stored as a path.
func checkKey(what, key string) error {
	switch {
	case key == "":
		return domain.Fail(domain.Invalid, "key.empty", "the %s key is empty: give it a name", what)
	case utf8.RuneCountInString(key) > maxKey:
		return domain.Fail(domain.Invalid, "key.long", "the %s key %q has more than %d characters", what, domain.Short(key), maxKey)
	case !keyChars(key):
		return domain.Fail(domain.Invalid, "key.characters",
			"invalid %s key %q: use letters, digits, underscores, dashes, periods, spaces, colons and slashes", what, domain.Short(key))
	case path.Clean(key) != key || key == "." || key == ".." || strings.HasPrefix(key, "../") || key[0] == '/':
		return domain.Fail(domain.Invalid, "key.path", "invalid %s key %q: it must be a plain relative path, without '..' or doubled slashes", what, domain.Short(key))
	}
	return nil
}

func keyChars(key string) bool {
	for _, r := range key {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !strings.ContainsRune("_-. :/", r) {
			return false
		}
	}
	return true
}

// truncate cuts s to n characters, as the client expects of values that are too long.
func truncate(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}

func checkLength(key, what, s string, limit int) error {
	if len(s) > limit && utf8.RuneCountInString(s) > limit {
		return domain.Fail(domain.Invalid, key, "%s has more than %d characters", what, limit)
	}
	return nil
}

func checkExperimentName(name string) error {
	if strings.TrimSpace(name) == "" {
		return domain.Fail(domain.Invalid, "experiment.name_empty", "the experiment name is empty: give it a name")
	}
	return checkLength("experiment.name_long", "the experiment name", name, maxExperiment)
}

// checkLocation allows our own store and object stores that the client reaches by itself. A file: root
// or a bare path would make the client write to its own disk and is never what was meant.
func checkLocation(loc string) error {
	if err := checkLength("experiment.location_long", "artifact_location", loc, maxLocation); err != nil {
		return err
	}
	scheme, rest, ok := strings.Cut(loc, ":")
	if OutsideStore(loc) {
		return nil
	}
	if scheme == "mlflow-artifacts" && ok && !strings.ContainsAny(loc, "#?\\\x00") {
		if clean, err := CleanArtifactPath(strings.TrimLeft(rest, "/")); err == nil && rest == "/"+clean && notHeld(clean) == nil {
			return nil
		}
	}
	return domain.Fail(domain.Invalid, "experiment.location",
		"artifact_location %q cannot be used: leave it empty for this server's own store, or give an s3, gs, abfss or https URL", domain.Short(loc))
}

// OutsideStore reports whether uri is an address in an object store that clients reach by themselves.
func OutsideStore(uri string) bool {
	scheme, rest, _ := strings.Cut(uri, "://")
	host, at, _ := strings.Cut(rest, "/")
	switch scheme {
	case "s3", "gs", "https": // whose address before an @ would be a password
	case "abfss": // container@account
		container, account, ok := strings.Cut(host, "@")
		if !ok || container == "" {
			return false
		}
		host = account
	default:
		return false
	}
	if host == "" || strings.ContainsAny(uri, "#?\\") || strings.ContainsAny(host, "@%") || strings.IndexFunc(uri, unicode.IsControl) >= 0 {
		return false
	}
	if at = strings.TrimRight(at, "/"); at == "" {
		return true
	}
	_, err := CleanArtifactPath(at)
	return err == nil
}

// storable is v as it is kept: an infinity becomes the greatest finite number of its sign.
func storable(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.Copysign(math.MaxFloat64, v)
	}
	return v
}

func checkMetric(m Metric) error {
	if err := checkKey("metric", m.Key); err != nil {
		return err
	}
	if m.Timestamp < 0 {
		return domain.Fail(domain.Invalid, "metric.timestamp", "metric %q: the timestamp %d is before 1970", domain.Short(m.Key), m.Timestamp)
	}
	return nil
}

func checkDataset(d DatasetInput) error {
	ds := d.Dataset
	if ds.Name == "" || ds.Digest == "" {
		return domain.Fail(domain.Invalid, "dataset.identity", "a data set needs a name and a digest")
	}
	for _, l := range []struct {
		what, s string
		limit   int
	}{
		{"dataset name", ds.Name, maxDatasetName},
		{"dataset digest", ds.Digest, maxDatasetDigest},
		{"dataset source", ds.Source, maxDatasetSource},
		{"dataset schema", ds.Schema, maxDatasetSchema},
		{"dataset profile", ds.Profile, maxDatasetProf},
	} {
		if err := checkLength("dataset.long", l.what, l.s, l.limit); err != nil {
			return err
		}
	}
	for _, t := range d.Tags {
		if t.Key == "" {
			return domain.Fail(domain.Invalid, "key.empty", "the %s key is empty: give it a name", "input tag")
		}
		if err := checkLength("dataset.long", "input tag key", t.Key, maxInputTagKey); err != nil {
			return err
		}
		if err := checkLength("dataset.long", "input tag value", t.Value, maxInputTagValue); err != nil {
			return err
		}
	}
	return nil
}

// checkExperimentID refuses what cannot be an experiment's id: it is a decimal number.
func checkExperimentID(id string) error {
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return domain.Fail(domain.Invalid, "experiment.id", "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", domain.Short(id))
		}
	}
	return nil
}
