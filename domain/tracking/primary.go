package tracking

// TagPrimary names the metric by which an experiment's runs are judged, chosen by its people.
const TagPrimary = "slipway.primary_metric"

// PrimaryMetric is the one of keys by which the runs of e are judged: the chosen one, else the most telling by
// its name, else the first. It is "" where there are no keys.
func PrimaryMetric(e Experiment, keys []string) string {
	if chosen := tagValue(e.Tags, TagPrimary); chosen != "" {
		return chosen
	}
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}
