package docs_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notices is embedded in the program: 'imperio version --notices' prints it.
const notices = "cmd/imperio/notices.txt"

var update = flag.Bool("update", false, "write "+notices+" anew")

// The licences of everything compiled into the program must go with it. 'make notices' regenerates the file.
func TestNotices_NameEverythingThatIsInTheProgram(t *testing.T) {
	want := makeNotices(t)
	path := filepath.Join(moduleRoot(t), notices)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is outdated: run 'make notices'", notices)
	}
}

// component is a third-party part of the program.
type component struct {
	name, version string
	files         map[string]string // licences and notices, by file name
}

// makeNotices lists all components, and then each text once, under the names of all components that have it.
func makeNotices(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("The program imperio contains the following third-party works, each under its own terms.\n" +
		"A module's source is found under its name. 'make notices' wrote this file; a test checks that it\n" +
		"matches the program's dependencies.\n\n")
	var texts []string
	owners := make(map[string][]string)
	for _, c := range append([]component{goItself(t), pageParts(t)}, modules(t)...) {
		if len(c.files) == 0 {
			t.Errorf("%s has no licence", c.name)
		}
		fmt.Fprintf(&b, "  %s %s\n", c.name, c.version)
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			text := strings.TrimSpace(strings.ReplaceAll(c.files[name], "\r\n", "\n"))
			if owners[text] == nil {
				texts = append(texts, text)
			}
			owners[text] = append(owners[text], c.name+" "+c.version+": "+name)
		}
	}
	line := strings.Repeat("=", 80)
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n\n%s\n", line, strings.Join(owners[text], "\n"), line, text)
	}
	return b.Bytes()
}

// listed is the output of 'go list' for a package or a module.
type listed struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// modules are the modules with a package in the program. Each has the licences in the directories of its used packages and
// in all directories above them. It lists the packages for Linux, which has the most.
func modules(t *testing.T) []component {
	t.Helper()
	command := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/imperio")
	command.Dir = moduleRoot(t)
	command.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	byPath := make(map[string]*component)
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		c := byPath[p.Module.Path]
		if c == nil {
			c = &component{name: p.Module.Path, version: p.Module.Version, files: make(map[string]string)}
			byPath[p.Module.Path] = c
		}
		for dir := p.Dir; strings.HasPrefix(dir, p.Module.Dir); dir = filepath.Dir(dir) {
			c.addLicences(t, p.Module.Dir, dir)
		}
	}
	if len(byPath) == 0 {
		t.Fatal("the program has no dependencies: the test looks in the wrong place")
	}
	all := make([]component, 0, len(byPath))
	for _, c := range byPath {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b component) int { return cmp.Compare(a.name, b.name) })
	return all
}

// licenceName matches the file names of licences and notices.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|.*-OFL)([.-].*)?$`)

func (c *component) addLicences(t *testing.T, root, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !licenceName.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		c.files[filepath.ToSlash(name)] = string(text)
	}
}

// goItself is the standard library and the runtime. It names no version, since that depends on who builds.
func goItself(t *testing.T) component {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := component{name: "Go", version: "standard library", files: make(map[string]string)}
	c.addLicences(t, strings.TrimSpace(string(root)), strings.TrimSpace(string(root)))
	return c
}

// pageParts are the font and the library that the pages use.
func pageParts(t *testing.T) component {
	t.Helper()
	c := component{name: "Font and templates", version: "of the pages", files: make(map[string]string)}
	static := filepath.Join(moduleRoot(t), "appliance", "web", "static")
	err := filepath.WalkDir(static, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			c.addLicences(t, static, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
