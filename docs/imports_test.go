package docs_test

import (
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule is one row of the table. If onlyLibs is given, it lists all libraries and standard packages that the directory may
// import; otherwise notLibs lists those that it may not. "net" includes net/http.
type rule struct {
	directory string
	mayImport []string // our own packages
	notLibs   []string
	onlyLibs  []string
}

// house lists all directories and what each may import. A pattern names a directory; with /... also those below it. The
// first matching row applies to a directory. A directory without a row is an error.
var house = []rule{
	// The command line: flags to options, and offline verbs on stored data and the pure games.
	{directory: "cmd/imperio", mayImport: []string{"appliance/...", "storage/...", "games/..."}, notLibs: storageLibs},

	{directory: "cmd/imperio/documents", notLibs: storageLibs}, // finds the documents' commands, for tests
	// Clusters of real processes, for tests: it knows the command line and the API, as users do.
	{directory: "cmd/imperio/clustertest", mayImport: []string{"appliance/bench"}, notLibs: storageLibs},

	// The composition root wires everything; nothing else imports it.
	{directory: "appliance", mayImport: []string{"appliance/...", "games/...", "storage/...", "replication", "replication/network", "tls/..."}},
	{directory: "appliance/api", mayImport: []string{"appliance/auth", "appliance/problem", "appliance/request", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/auth", mayImport: []string{"appliance/problem", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/bench", mayImport: []string{"games/...", "storage/command"}, notLibs: storageLibs},
	// Who may be a member of a cluster is decided on top of replication; the engine only writes a file durably.
	{directory: "appliance/cluster", mayImport: []string{"replication", "replication/network", "storage/command", "storage/engine"}, notLibs: storageLibs},
	{directory: "appliance/config", mayImport: []string{"games/..."}, notLibs: append([]string{"os", "net/http"}, storageLibs...)},
	{directory: "appliance/control", mayImport: []string{"appliance/auth", "appliance/problem", "appliance/request", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/edge", mayImport: []string{"appliance/problem", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/legacy", mayImport: []string{"appliance/auth", "appliance/problem", "appliance/request", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/ops", mayImport: []string{"appliance/problem", "games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/problem", mayImport: []string{"games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/proof", mayImport: []string{"games/...", "storage/command"}, notLibs: storageLibs},
	{directory: "appliance/request", mayImport: []string{"appliance/problem"}, notLibs: storageLibs},
	{directory: "appliance/service", notLibs: storageLibs},
	// Installing knows the configuration and the files that it installs, but not the casino.
	{directory: "appliance/setup", mayImport: []string{"appliance/config", "deploy"}, notLibs: storageLibs},
	{directory: "appliance/terminal", notLibs: storageLibs},
	{directory: "appliance/upgrade", mayImport: []string{"appliance/control"}, notLibs: storageLibs},
	{directory: "appliance/web", mayImport: []string{"games/...", "storage/command"}, notLibs: storageLibs},

	// Games are pure: no clock, no disk, no network, no randomness except their input.
	{directory: "games/...", mayImport: []string{"games/..."}, notLibs: append([]string{"time"}, impure...)},

	{directory: "storage/command", mayImport: []string{"games/..."}, notLibs: impure},
	{directory: "storage/ledger", mayImport: []string{"storage/command", "games/..."}, notLibs: impure},
	// The machine is deterministic; machine_test.go also says which functions of package time it may call.
	{directory: "storage/machine", mayImport: []string{"storage/command", "storage/ledger", "games/..."}, onlyLibs: deterministic},
	// The engine knows nothing about casinos; boltcheck reads bbolt's pages.
	{directory: "storage/engine", mayImport: []string{"storage/boltcheck"}, notLibs: []string{raft}},
	{directory: "storage/boltcheck", notLibs: storageLibs},
	// Seals are made at the border, with randomness; the machine only opens them.
	{directory: "storage/seal", mayImport: []string{"storage/command"}, notLibs: []string{"os", "net", bbolt, raft}},
	{directory: "storage", mayImport: []string{"storage/engine", "storage/machine", "storage/command", "storage/ledger", "storage/seal", "games", "games/catalogue"}, notLibs: storageLibs},
	{directory: "storage/storagetest/faults", mayImport: []string{"replication/logstore"}}, // it hooks into the files of both
	{directory: "storage/storagetest/...", mayImport: []string{"storage/...", "games/..."}, notLibs: []string{raft}},
	{directory: "storage/backup/backuptest"}, // a server and its faults know no backups
	// Packages on top of the store: audit, backup, importer, mirror.
	{directory: "storage/...", mayImport: []string{"storage", "storage/command", "storage/ledger", "storage/machine", "games/..."}, notLibs: []string{raft}},

	{directory: "replication", mayImport: []string{"storage", "storage/command", "replication/logstore", "replication/network"}},
	{directory: "replication/logstore", mayImport: []string{"storage/engine"}, notLibs: []string{bbolt}},
	// The cluster's port knows raft's messages, but neither the log nor the casino.
	{directory: "replication/network", notLibs: []string{bbolt}},
	{directory: "replication/replicationtest", mayImport: []string{"replication/...", "storage/...", "games/..."}},

	// The files that are installed, and tools of the checks, which are no part of the program.
	{directory: "deploy", notLibs: storageLibs},
	{directory: "deploy/release", notLibs: storageLibs},

	{directory: "tls/certs", notLibs: storageLibs},
	{directory: "tls/certs/certstest", notLibs: storageLibs},
	{directory: "tls/certstore", notLibs: storageLibs},
}

const (
	bbolt = "go.etcd.io/bbolt"
	raft  = "github.com/hashicorp/raft"
)

var (
	storageLibs = []string{bbolt, raft}
	// impure lists packages that can make two runs differ.
	impure = []string{"os", "io/fs", "net", "syscall", "math/rand", "crypto/rand", "database/sql", "log", "unsafe", "plugin", bbolt, raft}
	// deterministic lists everything that the machine may import besides our own packages.
	deterministic = []string{
		"bytes", "cmp", "context", "crypto/hmac", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "iter",
		"maps", "math", "math/bits", "slices", "sort", "strconv", "strings", "sync", "time", "unicode", "github.com/fxamacker/cbor/v2",
	}
)

// upward lists forbidden imports between directories of one row, which would invert the layers.
var upward = []struct{ from, to, why string }{
	{"games", "games/...", "the contract of games knows no game"},
	{"games/rulebook", "games/catalogue", "a book knows no game"},
	{"games/rulebook", "games/slots", "a book knows no game"},
	{"games/rulebook", "games/roulette", "a book knows no game"},
	{"games/rulebook", "games/blackjack", "a book knows no game"},
	{"games/fair", "games/catalogue", "randomness knows no game"},
	{"games/fair", "games/slots", "randomness knows no game"},
	{"games/fair", "games/roulette", "randomness knows no game"},
	{"games/fair", "games/blackjack", "randomness knows no game"},
}

// forTests are our packages that only tests may import; libsForTests are such libraries.
var (
	forTests     = []string{"cmd/imperio/documents", "cmd/imperio/clustertest", "games/gamestest/...", "games/rulebook/rulebooktest/...", "storage/storagetest/...", "storage/backup/backuptest/...", "replication/replicationtest/...", "tls/certs/certstest"}
	libsForTests = []string{"testing", "pgregory.net/rapid", "github.com/chromedp", "github.com/letsencrypt/pebble", "github.com/google/go-cmp", "github.com/creack/pty", "golang.org/x/tools"}
)

type importing struct {
	file, directory, path string
	test                  bool
}

// imports lists all imports of the module.
func imports(t *testing.T) []importing {
	t.Helper()
	var all []importing
	eachFile(t, ".go", func(file string, content []byte) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, content, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, importing{file: file, directory: path.Dir(file), path: imported, test: strings.HasSuffix(file, "_test.go")})
		}
	})
	if len(all) == 0 {
		t.Fatal("no imports: the test looks in the wrong place")
	}
	return all
}

// refusal says why the table forbids an import; "" if it allows it. found is false for a directory without a row.
func refusal(directory, imported string) (why string, found bool) {
	at := slices.IndexFunc(house, func(r rule) bool { return matches(r.directory, directory) })
	if at < 0 {
		return "the directory " + directory + " has no place in the house", false
	}
	row := house[at]
	inner, ours := strings.CutPrefix(imported, module+"/")
	switch {
	case ours && !matchesAny(row.mayImport, inner):
		return "the table has no such call", true
	case !ours && row.onlyLibs != nil && !slices.Contains(row.onlyLibs, imported):
		return "it is not among the libraries of this directory", true
	case !ours && matchesLibrary(row.notLibs, imported):
		return "the table keeps this library out", true
	}
	for _, up := range upward {
		if ours && directory == up.from && inner != up.from && matches(up.to, inner) {
			return up.why, true
		}
	}
	return "", true
}

// Tests may import anything. The next test makes sure that test packages stay out of the product.
func TestImports_FollowTheTableOfTheHouse(t *testing.T) {
	homeless := make(map[string]bool)
	for _, i := range imports(t) {
		if i.test {
			continue
		}
		switch why, found := refusal(i.directory, i.path); {
		case !found && !homeless[i.directory]:
			t.Error(why)
			homeless[i.directory] = true
		case found && why != "":
			t.Errorf("%s may not import %s: %s", i.file, i.path, why)
		}
	}
}

func TestImports_PackagesForTestsStayInTests(t *testing.T) {
	for _, i := range imports(t) {
		inner, ours := strings.CutPrefix(i.path, module+"/")
		if ours && !i.test && matchesAny(forTests, inner) && !matchesAny(forTests, i.directory) {
			t.Errorf("%s is not a test, and imports %s", i.file, i.path)
		}
		if !i.test && matchesLibrary(libsForTests, i.path) && !matchesAny(forTests, i.directory) {
			t.Errorf("%s is not a test, and imports %s", i.file, i.path)
		}
	}
}

// A rule that can't fail guards nothing: the table must refuse these imports, and allow similar ones.
func TestImports_TheTableRefuses(t *testing.T) {
	for _, c := range []struct {
		directory, path string
		refused         bool
	}{
		{"cmd/imperio", "imperio/replication", true},
		{"cmd/imperio", "imperio/storage/audit", false},
		{"appliance/api", "imperio/storage", true},
		{"appliance/api", "imperio/appliance/control", true},
		{"appliance/control", "imperio/appliance/api", true},
		{"appliance/problem", "imperio/appliance/edge", true},
		{"appliance/auth", "imperio/appliance/api", true},
		{"appliance/edge", "imperio/appliance", true},
		{"appliance/setup", "imperio/appliance", true},
		{"appliance/setup", "imperio/storage", true},
		{"appliance/setup", "imperio/deploy", false},
		{"games/slots", "imperio/storage/command", true},
		{"games/slots", "time", true},
		{"games/fair", "imperio/games/slots", true},
		{"games", "imperio/games/slots", true},
		{"replication", "imperio/storage/ledger", true},
		{"storage/ledger", "imperio/appliance/config", true},
		{"storage/ledger", "imperio/storage", true},
		{"storage/command", "imperio/storage", true},
		{"storage", "imperio/storage/audit", true},
		{"storage/audit", "imperio/storage/engine", true},
		{"storage/engine", "imperio/storage/command", true},
		{"storage/engine", "imperio/games", true},
		{"storage/engine", bbolt, false},
		{"storage/machine", "imperio/storage/engine", true},
		{"storage/machine", "imperio/storage/ledger", false},
		{"storage/machine", bbolt, true},
		{"storage/machine", "os", true},
		{"storage/machine", "io/fs", true},
		{"storage/machine", "net/netip", true},
		{"storage/machine", "math/rand/v2", true},
		{"storage/machine", "crypto/rand", true},
		{"storage/machine", "imperio/storage/seal", true},
		{"storage/seal", "imperio/storage/machine", true},
		{"storage/seal", "crypto/rand", false},
		{"storage/seal", "os", true},
		{"storage/machine", "log/slog", true},
		{"storage/machine", "github.com/fxamacker/cbor/v2", false},
		{"tls/certs", "imperio/games", true},
		{"tls/certstore", "imperio/storage", true},
		{"nowhere", "fmt", true},
	} {
		if why, _ := refusal(c.directory, c.path); (why != "") != c.refused {
			t.Errorf("%s importing %s: refused %t (%s), want %t", c.directory, c.path, why != "", why, c.refused)
		}
	}
	if !matchesLibrary(impure, "net/http") || matchesLibrary(impure, "nettle") || !matchesLibrary(storageLibs, bbolt+"/errors") {
		t.Error("libraries are not matched by whole path elements")
	}
}

// matches says whether a pattern matches a directory. "a/..." matches a and all directories below it.
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
