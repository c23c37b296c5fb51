package imperio_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"imperio/appliance/config"
)

// A key that nothing reads would be a promise that nobody keeps: each field of the configuration is selected by some
// code that is neither the loading nor the validation of it.
func TestConfiguration_EveryKeyIsReadBySomeone(t *testing.T) {
	selected := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"), path == "appliance/config/validate.go", path == "appliance/config/config.go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				selected[selector.Sel.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets := make(map[string]bool)
	for _, key := range config.Keys() {
		secrets[key.Name] = key.Secret
	}
	for _, key := range config.Keys() {
		if ofSecret, isFile := strings.CutSuffix(key.Name, "-file"); isFile && secrets[ofSecret] {
			continue // read when the configuration is loaded, into the secret itself
		}
		if !selected[key.Field] {
			t.Errorf("nothing reads %s (the field %s)", key.Name, key.Field)
		}
	}
}
