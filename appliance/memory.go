package appliance

import (
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"imperio/storage/machine"
)

// Memory is how much memory the process may use, and how it divides that. Sizes are in bytes.
type Memory struct {
	Limit  int64
	Source string // what set the limit

	// Heap limits the memory of Go's runtime: everything but mapped pages and the program's code. It includes the caches,
	// the changes for the next checkpoint, and connections. Near the limit the runtime collects garbage more often.
	Heap       int64
	Caches     machine.CacheBytes
	Checkpoint int // amount of changed state that starts a checkpoint
	// Connections is the number of open connections that fit into their share of the heap.
	Connections int
	Mapped      int64 // pages of state.db that stay mapped
}

// connectionBytes is the assumed size of an idle TLS connection: 30 to 60 kB were measured, HTTP/2 taking a little more than
// HTTP/1.1.
const connectionBytes = 40 << 10

// usualMemory is the default limit. It is the promised memory for a million accounts.
const usualMemory = 1 << 30

// usualHeap is the heap within the usual memory; with less memory, the heap gets a larger share.
const usualHeap = 400 << 20

// PlanMemory divides the wanted memory, or the usual amount if that is 0. A container's limit always applies.
func PlanMemory(wanted int64) Memory {
	container, err := memlimit.FromCgroup()
	if err != nil {
		container = 0 // no limit, or a system without containers
	}
	physical, err := memlimit.FromSystem()
	if err != nil {
		physical = 0
	}
	return divideMemory(wanted, clampSize(container), clampSize(physical))
}

func clampSize(n uint64) int64 { return int64(min(n, 1<<50)) }

// divideMemory divides the memory within the limits of the container and of the machine; 0: none, or unknown.
func divideMemory(wanted, container, physical int64) Memory {
	m := Memory{Limit: usualMemory, Source: "the default"}
	switch most := physical / 4 * 3; {
	case wanted > 0:
		m.Limit, m.Source = wanted, "the configuration"
	case most > 0 && most < m.Limit:
		m.Limit, m.Source = most, "three quarters of the machine's memory"
	}
	if container > 0 && container < m.Limit {
		m.Limit, m.Source = container, "the container"
	}
	m.Heap = max(min(m.Limit/10*7, usualHeap), m.Limit/5*2)
	m.Caches = machine.CacheBytes(m.Heap / 20 * 9)
	m.Connections = int(m.Heap / 20 * 8 / connectionBytes)
	m.Checkpoint = int(min(m.Heap/12, 32<<20))
	m.Mapped = m.Limit / 4
	return m
}

func (m Memory) log(log *slog.Logger, wanted int64) {
	log.Info("memory", "limit", m.Limit, "from", m.Source, "heap", m.Heap, "caches", int64(m.Caches), "connections", m.Connections, "mapped", m.Mapped)
	if wanted > m.Limit {
		log.Warn("the container allows less memory than the configuration wants: raise the container's limit or lower --memory",
			"wanted", wanted, "limit", m.Limit)
	}
}
