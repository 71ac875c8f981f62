package component

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	symbol   = regexp.MustCompile(`<symbol id="i-([a-z0-9-]+)"`)
	iconName = regexp.MustCompile(`(?:Icon\(|Icon: )"([a-z0-9-]+)"|(?:Badge|Status)\([^,()]+, "([a-z0-9-]+)"`)
)

// The sprite holds the icons in use, and no other.
func TestIconsExistAndAreUsed(t *testing.T) {
	sprite, err := os.ReadFile("../../static/img/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, m := range symbol.FindAllStringSubmatch(string(sprite), -1) {
		drawn[m[1]] = true
	}
	var all strings.Builder
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range iconName.FindAllStringSubmatch(string(text), -1) {
			if name := m[1] + m[2]; !drawn[name] {
				t.Errorf("%s shows the icon %q, which the sprite lacks", path, name)
			}
		}
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range drawn {
		if !strings.Contains(all.String(), `"`+name+`"`) {
			t.Errorf("nothing shows the icon %q", name)
		}
	}
}
