// Command patch writes a copy of go.etcd.io/bbolt in which every write, sync and truncation of a database file goes
// through a hook, and a go.mod that builds against that copy:
//
//	go run ./storage/storagetest/faults/patch -out build/faults
//	go test -tags faults -modfile build/faults/go.mod ./...
//
// bbolt has no way to make its writes and syncs fail. Instead of keeping a fork, this command takes the source of the
// version in go.mod and changes the four lines that matter. It stops with an error if it doesn't find exactly those four:
// then someone has to look at the new version of bbolt. (An overlay would be simpler, but go refuses to replace files of
// its module cache.)
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

func main() {
	out := flag.String("out", "", "directory to write to; created if missing")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "patch:", err)
		os.Exit(1)
	}
}

// edit replaces one line of a file of bbolt.
type edit struct{ file, old, new string }

var edits = []edit{
	{"db.go", "db.ops.writeAt = db.file.WriteAt\n", "db.ops.writeAt = faultWriteAt(db.file)\n"},
	{"db.go", "err := db.file.Truncate(int64(sz));", "err := faultTruncate(db.file, int64(sz));"},
	{"db.go", "err := db.file.Sync();", "err := faultSync(db.file, db.file.Sync);"},
	{"bolt_linux.go", "return syscall.Fdatasync(int(db.file.Fd()))\n",
		"return faultSync(db.file, func() error { return syscall.Fdatasync(int(db.file.Fd())) })\n"},
}

// calls are all the ways to change a file, and how often each occurs in the parts of bbolt that a database uses. Another
// number means a write that the edits above don't cover.
var calls = map[string]int{
	".WriteAt":        1,
	".Truncate(":      1,
	".Sync()":         1,
	"syscall.Fdata":   1,
	".WriteString(":   0,
	"unix.Fdatasync":  0,
	"unix.Pwrite":     0,
	"syscall.Pwrite":  0,
	"syscall.Msync":   0,
	"unix.Msync":      0,
	"db.file.Write(":  0,
	"os.WriteFile(":   0,
	"PROT_WRITE":      0,
	"ftruncate":       0,
	"unix.Ftruncate":  0,
	".SyncFileRange(": 0,
}

const hook = `package bbolt

import "os"

// FaultHook is called in place of every change of a database file: kind is "write", "sync" or "truncate"; do makes the
// change. Set it before any database is opened.
var FaultHook = func(file *os.File, kind string, offset int64, data []byte, do func() error) error { return do() }

func faultWriteAt(f *os.File) func([]byte, int64) (int, error) {
	return func(b []byte, offset int64) (n int, err error) {
		err = FaultHook(f, "write", offset, b, func() error {
			n, err = f.WriteAt(b, offset)
			return err
		})
		return n, err
	}
}

func faultTruncate(f *os.File, size int64) error {
	return FaultHook(f, "truncate", size, nil, func() error { return f.Truncate(size) })
}

func faultSync(f *os.File, do func() error) error {
	return FaultHook(f, "sync", 0, nil, do)
}
`

func run(out string) error {
	if out == "" {
		return errors.New("name the output directory with -out")
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the lines to change are only known for linux, not for %s", runtime.GOOS)
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, sources, err := bbolt()
	if err != nil {
		return err
	}
	if err := checkCalls(dir, sources); err != nil {
		return err
	}
	to := filepath.Join(out, "bbolt")
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := copySource(dir, to); err != nil {
		return err
	}
	if err := change(to); err != nil {
		return err
	}
	return writeModFile(out, to)
}

// change applies the edits to the copy and adds the hook.
func change(dir string) error {
	for _, e := range edits {
		path := filepath.Join(dir, e.file)
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := bytes.Count(source, []byte(e.old)); n != 1 {
			return fmt.Errorf("%s holds %q %d times instead of once: see what this version of bbolt does there", e.file, e.old, n)
		}
		if err := os.WriteFile(path, bytes.Replace(source, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "fault_hook.go"), []byte(hook), 0o644)
}

// copySource copies what is needed to build the package: no tests, no commands.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "cmd" || name == "tests" || name == "scripts" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if name != "go.mod" && (!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), source, 0o644)
	})
}

// writeModFile writes the module's own go.mod and go.sum with bbolt replaced.
func writeModFile(out, bbolt string) error {
	answer, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find go.mod: %w", err)
	}
	mod := strings.TrimSpace(string(answer))
	content, err := os.ReadFile(mod)
	if err != nil {
		return err
	}
	content = append(content, "\nreplace go.etcd.io/bbolt => "+strconv.Quote(bbolt)+"\n"...)
	if err := os.WriteFile(filepath.Join(out, "go.mod"), content, 0o644); err != nil {
		return err
	}
	sum, err := os.ReadFile(strings.TrimSuffix(mod, ".mod") + ".sum")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "go.sum"), sum, 0o644)
}

// bbolt finds the source of the version in go.mod, and the files of it that are built on this system.
func bbolt() (dir string, sources []string, err error) {
	list := exec.Command("go", "list", "-f", "{{.Dir}}{{range .GoFiles}}\n{{.}}{{end}}", "go.etcd.io/bbolt")
	list.Stderr = os.Stderr
	answer, err := list.Output()
	if err != nil {
		return "", nil, fmt.Errorf("find the source of bbolt: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(answer)), "\n")
	return lines[0], lines[1:], nil
}

// checkCalls counts every way to change a file in the source.
func checkCalls(dir string, sources []string) error {
	found := map[string]int{}
	for _, name := range sources {
		source, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(source), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for call := range calls {
				found[call] += strings.Count(line, call)
			}
		}
	}
	for call, expect := range calls {
		if found[call] != expect {
			return fmt.Errorf("bbolt in %s uses %q %d times instead of %d: see what this version does there", dir, call, found[call], expect)
		}
	}
	return nil
}
