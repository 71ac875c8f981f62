// Package slipway_test holds what is true of the whole tree.
package slipway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/slipway-ml/slipway/"

// may lists, for each room, the rooms it may import. Anything unlisted is an arrow the wrong way.
var may = map[string]string{
	"migrations": "",
	"static":     "",
	"domain":     "domain",
	"clients":    "clients domain",
	"storage":    "storage domain migrations",
	"web":        "web domain static",
	"handlers":   "handlers web storage clients domain static",
	"jobs":       "jobs storage clients domain",
	"cmd":        "handlers jobs storage clients domain migrations",
	"bench":      "",
	"e2e":        "",
}

func TestArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." {
			_, module := os.Stat(filepath.Join(p, "go.mod"))
			if module == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "var" {
				return fs.SkipDir // another module, or none of the product's
			}
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		room, _, nested := strings.Cut(filepath.ToSlash(p), "/")
		if !nested {
			return nil
		}
		files++
		if _, known := may[room]; !known {
			t.Errorf("%s: %s is no room of the house", p, room)
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			what := strings.Trim(im.Path.Value, `"`)
			if to, ours := strings.CutPrefix(what, module); ours && !strings.Contains(" "+may[room]+" ", " "+strings.Split(path.Clean(to), "/")[0]+" ") {
				t.Errorf("%s: %s may not import %s", p, room, to)
			}
			for driver, at := range map[string]string{"modernc.org/sqlite": "storage/sqldb", "github.com/jackc/pgx": "storage/sqldb", "database/sql": "storage"} {
				if strings.HasPrefix(what, driver) && !strings.HasPrefix(filepath.ToSlash(p), at) {
					t.Errorf("%s: only %s may import %s", p, at, driver)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("looked at %d files only", files)
	}
}
