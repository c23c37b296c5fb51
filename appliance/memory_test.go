package appliance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMemory_TheSmallestLimitCounts(t *testing.T) {
	const mib, gib = int64(1) << 20, int64(1) << 30
	for name, c := range map[string]struct {
		wanted, container, physical int64
		limit, heap                 int64
		source                      string
	}{
		"nothing is known":            {limit: gib, heap: gib / 5 * 2, source: "the default"},
		"a large machine":             {physical: 64 * gib, limit: gib, heap: gib / 5 * 2, source: "the default"},
		"a small machine":             {physical: 512 * mib, limit: 384 * mib, heap: 384 * mib / 10 * 7, source: "three quarters of the machine's memory"},
		"a small container":           {container: 128 * mib, physical: 64 * gib, limit: 128 * mib, heap: 128 * mib / 10 * 7, source: "the container"},
		"a large container":           {container: 8 * gib, physical: 64 * gib, limit: gib, heap: gib / 5 * 2, source: "the default"},
		"more is wanted":              {wanted: 4 * gib, physical: 64 * gib, limit: 4 * gib, heap: 4 * gib / 5 * 2, source: "the configuration"},
		"more than the container has": {wanted: 4 * gib, container: 2 * gib, physical: 64 * gib, limit: 2 * gib, heap: 2 * gib / 5 * 2, source: "the container"},
		"less is wanted":              {wanted: 256 * mib, container: 2 * gib, physical: 64 * gib, limit: 256 * mib, heap: 256 * mib / 10 * 7, source: "the configuration"},
	} {
		m := divideMemory(c.wanted, c.container, c.physical)
		if m.Limit != c.limit || m.Source != c.source || m.Heap/10 != c.heap/10 {
			t.Errorf("%s: %+v", name, m)
		}
		if held := int64(m.Caches) + int64(m.Checkpoint) + int64(m.Connections)*connectionBytes; held > m.Heap*19/20 {
			t.Errorf("%s: caches, changed state and connections take %d of a heap of %d", name, held, m.Heap)
		}
		if m.Heap+m.Mapped > m.Limit {
			t.Errorf("%s: %d of heap and %d of pages are more than %d", name, m.Heap, m.Mapped, m.Limit)
		}
	}
}

// What was planned is what the parts get.
func TestMemory_ThePlanIsCarriedOut(t *testing.T) {
	var heap int64
	var logs bytes.Buffer
	c := patientConfig()
	c.Data.Dir, c.Data.Memory = privateDir(t), 64<<20
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	a, err := New(t.Context(), Options{Config: c, Logs: &logs, LimitHeap: func(bytes int64) { heap = bytes }})
	if err != nil {
		t.Fatal(err)
	}
	want := divideMemory(64<<20, 0, 0)
	if a.memory != want || heap != want.Heap {
		t.Errorf("the plan is %+v, the heap's limit %d; want %+v", a.memory, heap, want)
	}
	if most := a.edgeOptions().MaxConnections; most != want.Connections {
		t.Errorf("%d connections may be open, not %d", most, want.Connections)
	}
	if err := a.cleanups.run(); err != nil {
		t.Fatal(err)
	}
	if line := logs.String(); !strings.Contains(line, "msg=memory limit=67108864") {
		t.Errorf("the log does not say what memory is planned:\n%s", line)
	}
}

func TestMemory_DocumentsShowThePlan(t *testing.T) {
	small, usual := divideMemory(0, 128<<20, 0), divideMemory(0, 0, 0)
	for name, want := range map[string]string{
		"OPERATIONS.md": fmt.Sprintf("limit=%d from=%q heap=%d caches=%d connections=%d mapped=%d", small.Limit, small.Source, small.Heap, small.Caches, small.Connections, small.Mapped),
		"SECURITY.md":   fmt.Sprintf("%d,%03d with 1 GiB", usual.Connections/1000, usual.Connections%1000),
	} {
		text, err := os.ReadFile(filepath.Join("..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q", name, want)
		}
	}
}
