package replication

import (
	"sync"
	"sync/atomic"
)

// gate lets goroutines wait until it is open. It can close again.
type gate struct {
	isOpen atomic.Bool
	mu     sync.Mutex
	opened chan struct{} // under mu: closed while the gate is open
}

func (g *gate) init() { g.opened = make(chan struct{}) }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen.Swap(true) {
		close(g.opened)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isOpen.Swap(false) {
		g.opened = make(chan struct{})
	}
}

// wait returns a channel that is closed when the gate is open.
func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}
