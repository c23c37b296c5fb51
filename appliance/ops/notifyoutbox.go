package ops

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// sender tries to send a letter once. It returns nil once the other side has taken it.
type sender interface {
	send(ctx context.Context, l *letter) *sendFailure
}

// sendFailure is why a letter was not sent. The reason has no address, path or secret in it.
type sendFailure struct {
	reason    string
	permanent bool          // the same letter would be refused again
	after     time.Duration // the other side wants the next try no sooner; 0: it says nothing
}

// outbox is the queue of one destination. One goroutine sends from it, in order.
type outbox struct {
	o      *NotifierOptions
	kind   string
	host   string
	sender sender
	wake   chan struct{} // holds one value while the queue may have changed

	mu    sync.Mutex
	queue []*queued // guarded by mu; the first is being sent
	// overflowing is set from the first message dropped until the queue is empty: that is logged once.
	overflowing bool
	failing     bool // the last try failed; used by run alone
}

type queued struct {
	letter *letter
	since  time.Time
}

// put queues a letter. If the queue is full, it drops the oldest that is not being sent.
func (b *outbox) put(l *letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > b.o.Queue {
		b.queue = append(b.queue[:1], b.queue[2:]...)
		b.o.Observe(b.kind, "dropped")
		if !b.overflowing {
			b.overflowing = true
			b.o.Log.Warn("too many notifications wait for a destination: the oldest are dropped", "kind", b.kind, "host", b.host, "most", b.o.Queue)
		}
	}
	b.queue = append(b.queue, &queued{l, time.Now()})
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *outbox) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// first is the oldest letter, which stays in the queue; nil if there is none.
func (b *outbox) first() *queued {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.overflowing = false
		return nil
	}
	return b.queue[0]
}

func (b *outbox) remove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = b.queue[1:]
}

// run sends what is put, until closing is closed and the queue is empty, or ctx ends. Once closing is closed, each letter gets one
// more try, until one fails.
func (b *outbox) run(ctx context.Context, closing <-chan struct{}) {
	for {
		q := b.first()
		if q != nil {
			if !b.deliver(ctx, q, closing) {
				b.abandon()
				return
			}
			b.remove()
			continue
		}
		select {
		case <-b.wake:
			continue
		case <-closing:
		}
		if b.waiting() == 0 {
			return
		}
	}
}

// deliver sends a letter or gives it up. It returns false if the casino stops before either.
func (b *outbox) deliver(ctx context.Context, q *queued, closing <-chan struct{}) bool {
	for tries := 1; ; tries++ {
		last := isClosed(closing)
		failed := b.try(ctx, q.letter)
		b.note(failed)
		if failed == nil {
			b.o.Observe(b.kind, "sent")
			return true
		}
		wait := b.pause(tries, failed)
		if failed.permanent || tries >= b.o.Tries || time.Since(q.since)+wait > b.o.Age {
			b.o.Observe(b.kind, "failed")
			b.o.Log.Error("a notification is given up", "kind", b.kind, "host", b.host, "topic", string(q.letter.Topic), "tries", tries, "reason", failed.reason)
			return true
		}
		if ctx.Err() != nil || last {
			return false
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-closing: // one more try, at once
		}
		timer.Stop()
	}
}

func (b *outbox) try(ctx context.Context, l *letter) *sendFailure {
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	return b.sender.send(ctx, l)
}

// note logs when a destination begins to fail, and when it works again.
func (b *outbox) note(failed *sendFailure) {
	switch {
	case failed != nil && !b.failing:
		b.o.Log.Warn("notifications can't be sent", "kind", b.kind, "host", b.host, "reason", failed.reason)
	case failed == nil && b.failing:
		b.o.Log.Info("notifications can be sent again", "kind", b.kind, "host", b.host)
	}
	b.failing = failed != nil
}

// pause is how long to wait before the next try: twice as long each time, somewhere in the upper half, so that many nodes
// don't come at once. What the other side wants counts up to the longest pause.
func (b *outbox) pause(tries int, failed *sendFailure) time.Duration {
	wait := b.o.Longest
	if shift := tries - 1; shift < 30 && b.o.First<<shift < b.o.Longest {
		wait = b.o.First << shift
	}
	wait = wait/2 + rand.N(wait/2+1)
	return max(wait, min(failed.after, b.o.Longest))
}

// abandon drops what was not sent before the end.
func (b *outbox) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.queue {
		b.o.Observe(b.kind, "dropped")
	}
	b.o.Log.Warn("notifications were not sent before the end", "kind", b.kind, "host", b.host, "messages", len(b.queue))
	b.queue = nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
