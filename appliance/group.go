package appliance

import "sync"

// group owns goroutines and waits for them.
type group struct{ wg sync.WaitGroup }

func (g *group) run(fn func()) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		fn()
	}()
}

func (g *group) wait() { g.wg.Wait() }
