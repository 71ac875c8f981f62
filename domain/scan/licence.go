package scan

import (
	"regexp"
	"strings"
)

var licenceFile = regexp.MustCompile(`(?i)^(?:un)?(?:licen[cs]e|copying|copyright)s?(?:[.\-_].*)?$`)

// licences are known by phrases that all stand in their text, in lower case with single spaces: the first of them near
// its beginning, for licences speak of each other. The first that fits is taken. The text of the GNU licences does not tell "only" from
// "or later"; licences without an entry of their own at SPDX have a LicenseRef.
var licences = []struct {
	spdx    string
	phrases []string
}{
	{"LicenseRef-Llama-Community", []string{"llama", "community license agreement"}},
	{"LicenseRef-Gemma", []string{"gemma terms of use"}},
	{"LicenseRef-OpenRAIL-M", []string{"rail", "use-based restrictions"}},
	{"AGPL-3.0", []string{"gnu affero general public license", "version 3"}},
	{"LGPL-3.0", []string{"gnu lesser general public license", "version 3, 29 june 2007"}},
	{"LGPL-2.1", []string{"gnu lesser general public license", "version 2.1"}},
	{"GPL-3.0", []string{"gnu general public license", "version 3"}},
	{"GPL-2.0", []string{"gnu general public license", "version 2"}},
	{"MPL-2.0", []string{"mozilla public license", "2.0"}},
	{"CC-BY-NC-SA-4.0", []string{"attribution-noncommercial-sharealike 4.0"}},
	{"CC-BY-NC-ND-4.0", []string{"attribution-noncommercial-noderivatives 4.0"}},
	{"CC-BY-NC-4.0", []string{"attribution-noncommercial 4.0"}},
	{"CC-BY-SA-4.0", []string{"attribution-sharealike 4.0"}},
	{"CC-BY-ND-4.0", []string{"attribution-noderivatives 4.0"}},
	{"CC-BY-4.0", []string{"attribution 4.0 international"}},
	{"CC0-1.0", []string{"cc0 1.0 universal"}},
	{"Apache-2.0", []string{"apache license", "version 2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name of"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// licenceOf is the SPDX id of a licence's text, "" if we do not know it.
func licenceOf(body []byte) string {
	const longest = 256 << 10
	t := strings.Join(strings.Fields(strings.ToLower(string(body[:min(len(body), longest)]))), " ")
	for _, l := range licences {
		fits := strings.Contains(t[:min(len(t), 1000)], l.phrases[0])
		for _, phrase := range l.phrases[1:] {
			fits = fits && strings.Contains(t, phrase)
		}
		if fits {
			return l.spdx
		}
	}
	return ""
}
