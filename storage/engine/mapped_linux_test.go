package engine

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A casino whose file is larger than the usual room has room for four times as much, too.
func TestOpen_MapsFourTimesALargeFile(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("a 32-bit program can't map so much")
	}
	path := filepath.Join(t.TempDir(), "state.db")
	if err := Create(path, plain, "", make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	const size = 5 << 30
	if err := os.Truncate(path, size); err != nil { // with a hole: it takes up no space
		t.Skip("the file system has no room for a large sparse file:", err)
	}
	db, err := openFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := mapped(t, path); got < 4*size && got != size { // under a limit of the address space, only the file is mapped
		t.Errorf("%d bytes are mapped for a file of %d", got, int64(size))
	}
}

// mapped is how much of the address space a file takes.
func mapped(t *testing.T, path string) (size int64) {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to int64
		if strings.HasSuffix(lines.Text(), path) {
			if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); err != nil {
				t.Fatal(err)
			}
			size += to - from
		}
	}
	if size == 0 {
		t.Fatal("the file is not mapped at all")
	}
	return size
}
