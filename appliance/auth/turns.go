package auth

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// turns hands out turns for work on passwords: so many at once, the others wait. Callers that an account knows go before
// strangers, and each kind in the order in which they came. So a flood of strangers' sign-ins holds up no known browser.
// Safe for concurrent use.
type turns struct {
	patience time.Duration
	longest  int // callers of each kind that may wait

	mu    sync.Mutex
	free  int                // guarded by mu
	lines [2][]chan struct{} // guarded by mu; known callers and strangers. A channel is closed when its caller's turn comes
}

func newTurns(atOnce, longest int, patience time.Duration) *turns {
	return &turns{patience: patience, longest: longest, free: atOnce}
}

// take waits for a turn. Its errors are ErrBusy and the context's.
func (t *turns) take(ctx context.Context, known bool) error {
	line := &t.lines[1]
	if known {
		line = &t.lines[0]
	}
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	if len(*line) >= t.longest {
		t.mu.Unlock()
		return ErrBusy
	}
	mine := make(chan struct{})
	*line = append(*line, mine)
	t.mu.Unlock()

	patience := time.NewTimer(t.patience)
	defer patience.Stop()
	var err error
	select {
	case <-mine:
		return nil
	case <-patience.C:
		err = ErrBusy
	case <-ctx.Done():
		err = fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
	if !t.giveUp(line, mine) {
		t.end() // the turn came in this very moment
	}
	return err
}

// giveUp leaves the line; false if the turn has come already.
func (t *turns) giveUp(line *[]chan struct{}, mine chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(*line, mine)
	if i < 0 {
		return false
	}
	*line = slices.Delete(*line, i, i+1)
	return true
}

// end gives the turn to the next caller.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.lines {
		if line := t.lines[i]; len(line) > 0 {
			close(line[0])
			t.lines[i] = slices.Delete(line, 0, 1)
			return
		}
	}
	t.free++
}

// waiting is the number of callers that wait.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.lines[0]) + len(t.lines[1])
}
