package edge

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// gatherLines is how long a line waits for others to be written with it.
const gatherLines = 50 * time.Millisecond

// LogBuffer takes log lines without waiting and writes them in the background, so that a slow disk or terminal slows no
// request down. When it is full, it drops lines and counts them. Close writes what is left.
// Safe for concurrent use.
type LogBuffer struct {
	w       io.Writer // only the goroutine writes to it
	most    int
	dropped atomic.Uint64

	mu      sync.Mutex
	waiting []byte // guarded by mu
	closed  bool   // guarded by mu

	wake  chan struct{} // holds one signal: lines are waiting
	hurry chan struct{} // holds one signal: many lines are waiting, or Close was called
	done  chan struct{} // closed when the goroutine has ended
}

// NewLogBuffer starts a buffer of at most size bytes in front of w. Close stops it.
func NewLogBuffer(w io.Writer, size int) *LogBuffer {
	b := &LogBuffer{w: w, most: size, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes one line, or drops it if the buffer is full. It never waits for the writer, and never fails, since the
// caller could do nothing about it.
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

// Dropped is how many lines were lost so far: the buffer was full or closed, or the writer failed.
func (b *LogBuffer) Dropped() uint64 { return b.dropped.Load() }

// Close writes the waiting lines and stops the buffer. Later lines are dropped.
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
	var writing []byte // swapped with waiting, to reuse both
	for {
		<-b.wake
		// Waking up for each line would cost more than the line itself, so gather some first.
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
