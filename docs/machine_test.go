package docs_test

import (
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// pure are the packages that decide results: the machine, and all of our packages that it uses.
var pure = []string{"games/...", "storage/command", "storage/ledger", "storage/machine"}

// clock lists what reads the time of day, waits, or depends on the local time zone. The rest of package time is
// arithmetic.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep", "Local", "LoadLocation"}

// The table of imports can't exclude package time, since records contain times and durations.
func TestMachine_ReadsNoClock(t *testing.T) {
	checked := 0
	for _, p := range load(t, packages.LoadSyntax) {
		if !matchesAny(pure, strings.TrimPrefix(p.PkgPath, module+"/")) {
			continue
		}
		checked++
		for name, object := range p.TypesInfo.Uses {
			if readsClock(object) {
				t.Errorf("%s: %s reads the clock", p.Fset.Position(name.Pos()), object)
			}
		}
	}
	if checked == 0 {
		t.Fatal("no package was checked: the test looks in the wrong place")
	}
}

func readsClock(object types.Object) bool {
	if object.Pkg() == nil || object.Pkg().Path() != "time" || !slices.Contains(clock, object.Name()) {
		return false
	}
	f, isFunction := object.(*types.Func)
	return !isFunction || f.Signature().Recv() == nil || object.Name() == "Local" // t.After(u) compares
}

// The table covers direct imports. This test covers transitive ones. fmt imports os and math/big imports math/rand, which
// can't be avoided. But no network, no bbolt, and no library besides CBOR may come in.
func TestMachine_BringsNothingElseAlong(t *testing.T) {
	allowed := []string{"github.com/fxamacker/cbor/v2", "github.com/x448/float16"}
	checked := 0
	for _, p := range load(t, packages.NeedName|packages.NeedImports|packages.NeedDeps|packages.NeedModule) {
		if !matchesAny([]string{"storage/command", "storage/ledger", "storage/machine"}, strings.TrimPrefix(p.PkgPath, module+"/")) {
			continue
		}
		checked++
		packages.Visit([]*packages.Package{p}, nil, func(dependency *packages.Package) {
			inner, ours := strings.CutPrefix(dependency.PkgPath, module+"/")
			switch {
			case ours && !matchesAny(pure, inner),
				!ours && dependency.Module != nil && !matchesLibrary(allowed, dependency.PkgPath),
				matchesLibrary([]string{"net", "crypto/rand", "math/rand/v2", "log", "os/exec", "database/sql"}, dependency.PkgPath):
				t.Errorf("%s depends on %s", p.PkgPath, dependency.PkgPath)
			}
		})
	}
	if checked == 0 {
		t.Fatal("no package was checked: the test looks in the wrong place")
	}
}

func load(t *testing.T, mode packages.LoadMode) []*packages.Package {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{Mode: mode, Dir: moduleRoot(t)}, "./games/...", "./storage/...")
	if err != nil {
		t.Fatal(err)
	}
	if packages.PrintErrors(loaded) > 0 {
		t.Fatal("the module does not compile")
	}
	return loaded
}
