package certs

import (
	"context"
	"sync"
	"time"
)

// loop is a goroutine that calls a function at an interval, and when it is hurried, until its owner ends it.
type loop struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	now    chan struct{} // holds one signal: don't wait for the interval
}

// startLoop calls step every interval until close; the first time after one interval. step must return soon after its context ends.
func startLoop(interval time.Duration, step func(context.Context)) *loop {
	ctx, cancel := context.WithCancel(context.Background())
	l := &loop{cancel: cancel, now: make(chan struct{}, 1)}
	l.done.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			case <-l.now:
			}
			step(ctx)
		}
	})
	return l
}

// hurry makes the next call come at once. It doesn't wait for it.
func (l *loop) hurry() {
	select {
	case l.now <- struct{}{}:
	default: // it is coming
	}
}

// close ends the loop and waits for the step under way. It may be called more than once.
func (l *loop) close() {
	l.cancel()
	l.done.Wait()
}
