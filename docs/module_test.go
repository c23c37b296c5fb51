// Package docs_test checks rules of the whole module: which package may import which, what the machine may call, that links
// work, that dependencies are decided on, and that the program contains all licences.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "imperio"

// moduleRoot is the directory of go.mod, at or above the test's directory.
func moduleRoot(t *testing.T) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			t.Fatal("no go.mod at or above the test's directory")
		}
		directory = parent
	}
}

// eachFile calls f for the module's files whose names end in suffix, with their paths below the root. It skips built,
// downloaded and hidden files, files that the go command ignores, and modules of their own.
func eachFile(t *testing.T, suffix string, f func(path string, content []byte)) {
	t.Helper()
	files := 0
	root := os.DirFS(moduleRoot(t))
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" || name == "build" || name == "bin") {
				return fs.SkipDir
			}
			if _, err := fs.Stat(root, path+"/go.mod"); err == nil && path != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, suffix) {
			return nil
		}
		content, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		files++
		f(path, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no %s files: the test looks in the wrong place", suffix)
	}
}

func TestModule_HasNoGoFileAtTheRoot(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(moduleRoot(t), "*.go"))
	if err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
}

// A file in tls itself would make a package that shadows crypto/tls.
func TestModule_HasNoGoFileInTLS(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(moduleRoot(t), "tls", "*.go"))
	if err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
}
