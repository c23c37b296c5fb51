package storagetest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var write = flag.Bool("update", false, "write missing files of golden vectors; existing ones are never changed")

// Vector is one encoding that must never change.
type Vector struct {
	Name string
	Data []byte
}

// Golden compares encodings with a file of golden vectors in testdata, and returns the file's vectors. Each line is a name
// and the encoding in hexadecimal. Vectors in a file never change; add a new one by hand, as the failure says.
func Golden(t testing.TB, name string, vectors []Vector) []Vector {
	t.Helper()
	path := filepath.Join("testdata", name)
	stored, err := readGolden(path)
	if errors.Is(err, fs.ErrNotExist) && *write {
		var b bytes.Buffer
		for _, v := range vectors {
			fmt.Fprintf(&b, "%s %x\n", v.Name, v.Data)
		}
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		return vectors
	}
	if err != nil {
		t.Fatalf("golden vectors: %v", err)
	}
	known := make(map[string][]byte)
	for _, v := range stored {
		if known[v.Name] != nil {
			t.Errorf("%s: there are two vectors %s", path, v.Name)
		}
		known[v.Name] = v.Data
	}
	for _, v := range vectors {
		want, ok := known[v.Name]
		switch delete(known, v.Name); {
		case !ok:
			t.Errorf("%s has no vector for it yet; add the line\n%s %x", path, v.Name, v.Data)
		case !bytes.Equal(want, v.Data):
			t.Errorf("the encoding of %s has changed: existing files could not be read.\nwas: %x\nis:  %x", v.Name, want, v.Data)
		}
	}
	for name := range known {
		t.Errorf("%s holds the vector %s, which is no longer encoded", path, name)
	}
	return stored
}

func readGolden(path string) (vectors []Vector, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, digits, ok := strings.Cut(lines.Text(), " ")
		data, err := hex.DecodeString(digits)
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: line %q: %w", path, lines.Text(), err)
		}
		vectors = append(vectors, Vector{name, data})
	}
	return vectors, lines.Err()
}
