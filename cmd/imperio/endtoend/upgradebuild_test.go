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
	return buildChanged(t, version, fmt.Sprint(nextFormat), func(o *overlay) {
		o.add("cmd/imperio/testconduct.go", "conduct.go.txt")
		if nextFormat {
			o.add("storage/testmigration.go", "migration.go.txt")
			o.change("storage/store.go", "const FormatVersion = 1\n", "const FormatVersion = 2\n")
			o.change("storage/store.go", "s := &engine.Schema{Format: FormatVersion}", "s := &engine.Schema{Format: FormatVersion, Migrations: map[int]engine.Migration{1: testMigration}}")
		}
	})
}

// buildNextLevel builds a version that knows the next feature level, with a new kind of command. It proposes such commands all
// the time once the casino is at that level.
func buildNextLevel(t *testing.T, version string) string {
	t.Helper()
	return buildChanged(t, version, "level", func(o *overlay) {
		o.add("storage/machine/testlevel.go", "nextlevel.go.txt")
		o.add("storage/command/testkind.go", "nextkind.go.txt")
		o.add("appliance/testchime.go", "nextchime.go.txt")
		o.change("storage/machine/levels.go", "var levels = [...]constants{", "var levels = [3]constants{")
		o.change("storage/machine/machine.go", "\tcase command.RecordAct:\n", "\tcase command.Chime:\n\t\treturn m.chime(b)\n\tcase command.RecordAct:\n")
		o.change("appliance/appliance.go", "\towned.run(func() { a.escrow.Run(background) })\n", "\towned.run(func() { a.escrow.Run(background) })\n\towned.run(func() { a.chime(background) })\n")
	})
}

// buildChanged builds a version of the program with changes of the source, which the name tells apart.
func buildChanged(t *testing.T, version, changes string, change func(*overlay)) string {
	t.Helper()
	if _, err := binary(); err != nil { // it makes the directory, too
		t.Fatal(err)
	}
	versions.Lock()
	defer versions.Unlock()
	name := fmt.Sprintf("imperio-%s-%s", version, changes)
	if path := versions.paths[name]; path != "" {
		return path
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	o := &overlay{t: t, root: root, name: name, replaced: make(map[string]string)}
	change(o)
	list, err := json.Marshal(map[string]any{"Replace": o.replaced})
	if err != nil {
		t.Fatal(err)
	}
	listFile := filepath.Join(built, name+".json")
	if err := os.WriteFile(listFile, list, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(built, name)
	if out, err := exec.Command("go", "build", "-overlay", listFile, "-ldflags", "-X main.version="+version, "-o", path, "imperio/cmd/imperio").CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	versions.paths[name] = path
	return path
}

// overlay is what replaces files of the source in a build.
type overlay struct {
	t          *testing.T
	root, name string
	replaced   map[string]string
}

// add adds a file of testdata to the source.
func (o *overlay) add(file, from string) {
	o.t.Helper()
	o.replace(file, o.read(filepath.Join("testdata", from)))
}

// change changes one place of a file.
func (o *overlay) change(file, from, to string) {
	o.t.Helper()
	path := filepath.Join(o.root, file)
	if changed := o.replaced[path]; changed != "" {
		path = changed
	}
	text := o.read(path)
	if strings.Count(text, from) != 1 {
		o.t.Fatalf("%s has not %q once: this test must follow it", file, from)
	}
	o.replace(file, strings.Replace(text, from, to, 1))
}

func (o *overlay) read(path string) string {
	o.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

func (o *overlay) replace(file, text string) {
	o.t.Helper()
	with := filepath.Join(built, o.name+"-"+strings.ReplaceAll(file, "/", "-"))
	if err := os.WriteFile(with, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.replaced[filepath.Join(o.root, file)] = with
}
