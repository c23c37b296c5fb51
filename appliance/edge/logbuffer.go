package edge

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// gatherLines is how long a line waits for others before they are written together.
const gatherLines = 50 * time.Millisecond

// LogBuffer takes log lines at once and writes them behind the back of those who log, so that a slow disk or terminal
// slows no request down. When more lines wait than fit, further ones are dropped and counted, not waited for.
// Safe for concurrent use; Close writes what is left.
type LogBuffer struct {
	w       io.Writer // only the goroutine writes to it
	most    int
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []byte // guarded by mu
	closed  bool   // guarded by mu

	wake  chan struct{} // holds one signal: there is something to write
	hurry chan struct{} // holds one signal: much is waiting, or the end has come
	done  chan struct{} // closed when the goroutine has ended
}

// NewLogBuffer starts a buffer of at most size bytes in front of w. Close ends it.
func NewLogBuffer(w io.Writer, size int) *LogBuffer {
	b := &LogBuffer{w: w, most: size, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes one line, or drops it when the buffer is full. It never blocks on the writer, and never fails: the one
// who logs could do nothing about it.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	if b.closed || len(b.waiting)+len(line) > b.most {
		b.mu.Unlock()
		b.dropped.Add(1)
		return len(line), nil
	}
	before := len(b.waiting)
	b.waiting = append(b.waiting, line...)
	after := len(b.waiting)
	b.mu.Unlock()
	if before == 0 {
		signal(b.wake)
	}
	if before < b.most/2 && after >= b.most/2 {
		signal(b.hurry)
	}
	return len(line), nil
}

// Dropped is how many lines were dropped so far: because the buffer was full or closed, or the writer failed.
func (b *LogBuffer) Dropped() uint64 { return b.dropped.Load() }

// Close writes what waits and ends the buffer. Lines that come later are dropped.
func (b *LogBuffer) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	signal(b.wake)
	signal(b.hurry)
	<-b.done
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (b *LogBuffer) run() {
	defer close(b.done)
	var writing []byte // swapped with waiting, so that both are reused
	for {
		<-b.wake
		// Waking up for each line would cost the requests more than the line itself: some are gathered first.
		gather := time.NewTimer(gatherLines)
		select {
		case <-gather.C:
		case <-b.hurry:
			gather.Stop()
		}
		for {
			b.mu.Lock()
			writing, b.waiting = b.waiting, writing[:0]
			closed := b.closed
			b.mu.Unlock()
			if len(writing) == 0 {
				if closed {
					return
				}
				break
			}
			if _, err := b.w.Write(writing); err != nil {
				b.dropped.Add(uint64(countLines(writing)))
			}
		}
	}
}

func countLines(p []byte) int {
	n := 0
	for _, c := range p {
		if c == '\n' {
			n++
		}
	}
	return n
}
