package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A version of the program that the tests upgrade to is built from the real source, with some of it replaced: nothing of this
// is in the product. What such a program (all but v1.0.0) does is in the file "conduct" beside it, so that one build serves many tests:
//
//	crash, hang              serve ends at once, or never gets ready
//	die                      serve ends, whenever the file says so
//	bad-step, bad-step-later the step to the next format fails: always, or only in serve
const conductFile = "conduct"

// versions are the builds of this process, by version and whether they have the next format.
var versions = struct {
	sync.Mutex
	paths map[string]string
}{paths: make(map[string]string)}

// buildVersion builds a version of the program; nextFormat: with a step to the next format of the state.
func buildVersion(t *testing.T, version string, nextFormat bool) string {
	t.Helper()
	if _, err := binary(); err != nil { // it makes the directory, too
		t.Fatal(err)
	}
	versions.Lock()
	defer versions.Unlock()
	name := fmt.Sprintf("imperio-%s-%t", version, nextFormat)
	if path := versions.paths[name]; path != "" {
		return path
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	replaced := make(map[string]string)
	read := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	replace := func(file, source string) {
		t.Helper()
		with := filepath.Join(built, name+"-"+filepath.Base(file))
		if err := os.WriteFile(with, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(root, file)] = with
	}
	replace("cmd/imperio/testconduct.go", read("testdata/conduct.go.txt"))
	if nextFormat {
		replace("storage/testmigration.go", read("testdata/migration.go.txt"))
		text := read(filepath.Join(root, "storage/store.go"))
		for _, change := range [][2]string{
			{"const FormatVersion = 1\n", "const FormatVersion = 2\n"},
			{"s := &engine.Schema{Format: FormatVersion}", "s := &engine.Schema{Format: FormatVersion, Migrations: map[int]engine.Migration{1: testMigration}}"},
		} {
			if strings.Count(text, change[0]) != 1 {
				t.Fatalf("storage/store.go has not %q once: this test must follow it", change[0])
			}
			text = strings.Replace(text, change[0], change[1], 1)
		}
		replace("storage/store.go", text)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(built, name+".json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(built, name)
	if out, err := exec.Command("go", "build", "-overlay", overlayFile, "-ldflags", "-X main.version="+version, "-o", path, "imperio/cmd/imperio").CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	versions.paths[name] = path
	return path
}
