package storage_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// However much of state.db is read, little of it stays resident in the process, and it can be read again.
func TestStore_GivesMappedPagesBack(t *testing.T) {
	c := storagetest.NewIn(t, memoryDir(t), 1, storage.Options{MappedBytes: 1, CheckpointInterval: 20 * time.Millisecond})
	for n := range 4 {
		c.One(command.Command{Body: command.PutValue{Name: fmt.Sprint("large ", n), Value: bytes.Repeat([]byte{byte(n)}, 8<<20)}})
	}
	c.Checkpoint()
	for range 3 {
		for n := range 4 {
			v, ok, err := c.Store.Value(fmt.Sprint("large ", n))
			if err != nil || !ok || !bytes.Equal(v.Value, bytes.Repeat([]byte{byte(n)}, 8<<20)) {
				t.Fatalf("value %d: %d bytes, %v, %v", n, len(v.Value), ok, err)
			}
		}
		waitFor(t, "pages of state.db given back", func() bool { return residentOf(t, c.Store.Path()) < 1<<20 })
	}
}

// residentOf is how many bytes of a mapped file are resident in this process.
func residentOf(t *testing.T, path string) (total int64) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			inside = len(fields) > 5 && fields[5] == path
		case inside && fields[0] == "Rss:":
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			total += kilobytes << 10
		}
	}
	return total
}
