package tracking

import (
	"net/url"
	"regexp"
	"strings"
)

// hosts are the sites whose pages of a commit we know, and what stands before its hash.
var hosts = map[string]string{"github.com": "/commit/", "gitlab.com": "/-/commit/", "bitbucket.org": "/commits/"}

var (
	// secureShell is the short form of an address for ssh: git@github.com:team/project.git.
	secureShell = regexp.MustCompile(`^(?:ssh://)?git@([A-Za-z0-9.-]+)(?::\d+/|[:/])([A-Za-z0-9_.~/-]+)$`)
	repository  = regexp.MustCompile(`^[A-Za-z0-9_.~/-]+$`)
	hash        = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// CommitURL is the page of a commit in the repository that a client named, "" if that is not known to have one.
// The address is made anew from its parts, so that whatever else a client wrote into it is left behind. A team's
// own gitlab.example.org is taken for one of the kind that its name begins with.
func CommitURL(repo, commit string) string {
	host, path := "", ""
	if m := secureShell.FindStringSubmatch(repo); m != nil {
		host, path = m[1], m[2]
	} else if u, err := url.Parse(repo); err == nil && u.Scheme == "https" && u.Port() == "" {
		host, path = u.Hostname(), u.Path
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	host = strings.ToLower(host)
	before, known := hosts[host]
	for name, form := range hosts {
		if kind, _, _ := strings.Cut(name, "."); !known && strings.HasPrefix(host, kind+".") && !strings.HasPrefix(host, name) {
			before, known = form, true
		}
	}
	if !known || !repository.MatchString(path) || strings.Contains(path, "..") || strings.Contains(path, "//") || !strings.Contains(path, "/") || !hash.MatchString(commit) {
		return ""
	}
	return "https://" + host + "/" + path + before + commit
}
