package tracking

import "testing"

func TestCommitURL(t *testing.T) {
	const c = "0123456789abcdef0123456789abcdef01234567"
	for _, x := range []struct{ repo, commit, want string }{
		{"https://github.com/risk/fraud.git", c, "https://github.com/risk/fraud/commit/" + c},
		{"https://github.com/risk/fraud", "0123abc", "https://github.com/risk/fraud/commit/0123abc"},
		{"https://GitHub.com/risk/fraud/", c, "https://github.com/risk/fraud/commit/" + c},
		{"git@github.com:risk/fraud.git", c, "https://github.com/risk/fraud/commit/" + c},
		{"ssh://git@github.com/risk/fraud.git", c, "https://github.com/risk/fraud/commit/" + c},
		{"ssh://git@gitlab.example.org:2222/a/b/c.git", c, "https://gitlab.example.org/a/b/c/-/commit/" + c},
		{"https://gitlab.com/a/b/c.git", c, "https://gitlab.com/a/b/c/-/commit/" + c},
		{"git@bitbucket.org:a/b.git", c, "https://bitbucket.org/a/b/commits/" + c},
		{"https://user:secret@github.com/a/b?x=1#y", c, "https://github.com/a/b/commit/" + c},
		{"http://github.com/a/b", c, ""},
		{"https://github.com:8443/a/b", c, ""},
		{"https://git.example.org/a/b", c, ""},
		{"https://evil.example/github.com/a/b", c, ""},
		{"https://github.com.evil.example/a/b", c, ""},
		{"javascript:alert(1)//github.com/a/b", c, ""},
		{"https://github.com/\"onmouseover=\"alert(1)", c, ""},
		{"https://github.com/a/../b", c, ""},
		{"https://github.com/a", c, ""},
		{"https://github.com/a/b", "main", ""},
		{"https://github.com/a/b", c + "\"><script>", ""},
		{"git@github.com:a b/c", c, ""},
		{"", c, ""},
		{"https://github.com/a/b", "", ""},
	} {
		if got := CommitURL(x.repo, x.commit); got != x.want {
			t.Errorf("CommitURL(%q, %q) = %q, want %q", x.repo, x.commit, got, x.want)
		}
	}
}
