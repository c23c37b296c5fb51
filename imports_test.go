// Package imperio_test holds the rules of the whole module.
package imperio_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "imperio"

// rule is one row of the table.
type rule struct {
	directory  string
	mayImport  []string // packages of the house
	mayNotLibs []string // libraries and parts of the standard library that are kept out; "net" keeps out net/http too
}

// house is who lives where, and who may call whom. A pattern names a directory; with /... also those below it.
// The first row that matches a directory rules it, and a directory without a row has no place in the house.
var house = []rule{
	// The command line: flags to options, and offline verbs over the stored data and the pure games.
	{"cmd/imperio", []string{"appliance/...", "storage/...", "games/..."}, []string{bbolt, raft}},

	// The composition root wires everything; what it wires does not know it.
	{"appliance", []string{"appliance/...", "games/...", "storage/...", "replication", "tls/..."}, nil},
	{"appliance/api", []string{"appliance/auth", "appliance/problem", "appliance/request", "games/...", "storage/command"}, storageLibs},
	{"appliance/control", []string{"appliance/auth", "appliance/problem", "appliance/request", "games/...", "storage/command"}, storageLibs},
	{"appliance/auth", []string{"appliance/problem", "games/...", "storage/command"}, storageLibs},
	{"appliance/problem", []string{"games/...", "storage/command"}, storageLibs},
	{"appliance/request", []string{"appliance/problem"}, storageLibs},
	{"appliance/config", []string{"games/..."}, append([]string{"os", "net/http"}, storageLibs...)},
	{"appliance/edge", []string{"appliance/problem", "games/...", "storage/command"}, storageLibs},
	{"appliance/ops", []string{"appliance/problem", "games/...", "storage/command"}, storageLibs},
	{"appliance/proof", []string{"games/...", "storage/command"}, storageLibs},
	{"appliance/web", []string{"games/...", "storage/command"}, storageLibs},
	{"appliance/bench", []string{"games/...", "storage/command"}, storageLibs},

	// Games are pure: no clock, no disk, no network, no randomness but what they are given.
	{"games/...", []string{"games/..."}, impure},

	{"storage/command", []string{"games/..."}, []string{raft, bbolt, "net", "os"}},
	{"storage/boltcheck", nil, []string{raft, bbolt}},
	{"storage", []string{"storage/...", "games/..."}, []string{raft}},
	{"storage/...", []string{"storage/...", "games/..."}, []string{raft}},

	{"replication", []string{"storage", "storage/command", "replication/logstore", "storage/boltcheck"}, nil},
	{"replication/logstore", []string{"storage/boltcheck"}, nil},
	{"replication/replicationtest", []string{"replication/...", "storage/...", "games/..."}, nil},

	{"tls/certs", nil, storageLibs},
	{"tls/certstore", nil, storageLibs},
}

const (
	bbolt = "go.etcd.io/bbolt"
	raft  = "github.com/hashicorp/raft"
)

var (
	storageLibs = []string{bbolt, raft}
	impure      = []string{"os", "io/fs", "net", "syscall", "time", "math/rand", "crypto/rand", "database/sql", "log", "unsafe", "plugin", bbolt, raft}
)

// upward are imports between neighbours of one row that would turn a layer upside down.
var upward = []struct{ from, to, why string }{
	{"games", "games/...", "the contract of games knows no game"},
	{"games/fair", "games/catalogue", "randomness knows no game"},
	{"games/fair", "games/slots", "randomness knows no game"},
	{"games/fair", "games/roulette", "randomness knows no game"},
	{"games/fair", "games/blackjack", "randomness knows no game"},
	{"storage/command", "storage", "commands don't know the store that takes them"},
	{"storage/ledger", "storage", "the ledger does not know the store that keeps it"},
}

// forTests are packages of the house that only tests import, and libsForTests libraries.
var (
	forTests     = []string{"games/gamestest/...", "storage/storagetest/...", "replication/replicationtest/..."}
	libsForTests = []string{"testing", "pgregory.net/rapid", "github.com/chromedp", "github.com/letsencrypt/pebble", "github.com/google/go-cmp", "gopkg.in/yaml.v3"}
)

type importing struct {
	file, directory, path string
	test                  bool
}

// imports lists all imports of the module.
func imports(t *testing.T) []importing {
	t.Helper()
	var all []importing
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			if path != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" || name == "build" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all = append(all, importing{
				file:      filepath.ToSlash(path),
				directory: filepath.ToSlash(filepath.Dir(path)),
				path:      imported,
				test:      strings.HasSuffix(path, "_test.go"),
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there are no imports: the test looks in the wrong place")
	}
	return all
}

func TestImports_FollowTheTableOfTheHouse(t *testing.T) {
	homeless := make(map[string]bool)
	for _, i := range imports(t) {
		if i.directory == "." || i.test {
			continue // tests may build whole worlds; that they stay out of the product is the next test's rule
		}
		row := slices.IndexFunc(house, func(r rule) bool { return matches(r.directory, i.directory) })
		if row < 0 {
			if !homeless[i.directory] {
				t.Errorf("the directory %s has no place in the house", i.directory)
			}
			homeless[i.directory] = true
			continue
		}
		if inner, ours := strings.CutPrefix(i.path, module+"/"); ours {
			if !matchesAny(house[row].mayImport, inner) {
				t.Errorf("%s may not import %s", i.file, i.path)
			}
			for _, up := range upward {
				if i.directory == up.from && inner != up.from && matches(up.to, inner) {
					t.Errorf("%s may not import %s: %s", i.file, i.path, up.why)
				}
			}
			continue
		}
		if matchesLibrary(house[row].mayNotLibs, i.path) {
			t.Errorf("%s may not import %s", i.file, i.path)
		}
	}
}

func TestImports_PackagesForTestsStayInTests(t *testing.T) {
	for _, i := range imports(t) {
		inner, ours := strings.CutPrefix(i.path, module+"/")
		if ours && !i.test && matchesAny(forTests, inner) && !matchesAny(forTests, i.directory) {
			t.Errorf("%s is no test, and imports %s", i.file, i.path)
		}
		if !i.test && matchesLibrary(libsForTests, i.path) && !matchesAny(forTests, i.directory) {
			t.Errorf("%s is no test, and imports %s", i.file, i.path)
		}
	}
}

// A file in tls itself would make a package that shadows crypto/tls.
func TestImports_TLSHoldsNoFileItself(t *testing.T) {
	files, err := filepath.Glob("tls/*.go")
	if err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
}

// A rule that can't be broken guards nothing: these imports must be refused by the table.
func TestImports_TheTableRefuses(t *testing.T) {
	for _, c := range []struct{ directory, path string }{
		{"cmd/imperio", "replication"},
		{"appliance/api", "storage"},
		{"appliance/control", "appliance/api"},
		{"appliance/api", "appliance/control"},
		{"appliance/problem", "appliance/edge"},
		{"appliance/auth", "appliance/api"},
		{"appliance/edge", "appliance"},
		{"games/slots", "storage/command"},
		{"replication", "storage/ledger"},
		{"storage/ledger", "appliance/config"},
		{"tls/certs", "games"},
		{"tls/certstore", "storage"},
	} {
		for _, row := range house {
			if matches(row.directory, c.directory) {
				if matchesAny(row.mayImport, c.path) {
					t.Errorf("%s may import %s", c.directory, c.path)
				}
				break
			}
		}
	}
	if !matchesLibrary(impure, "net/http") || matchesLibrary(impure, "nettle") || !matchesLibrary(storageLibs, bbolt+"/errors") {
		t.Error("libraries are not matched by whole path elements")
	}
}

// matches says whether a directory is the pattern's, or below it if the pattern ends in /... ; "a/..." is also a.
func matches(pattern, directory string) bool {
	if root, below := strings.CutSuffix(pattern, "/..."); below {
		return directory == root || strings.HasPrefix(directory, root+"/")
	}
	return directory == pattern
}

func matchesAny(patterns []string, directory string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, directory) })
}

func matchesLibrary(libraries []string, path string) bool {
	return slices.ContainsFunc(libraries, func(l string) bool { return path == l || strings.HasPrefix(path, l+"/") })
}
