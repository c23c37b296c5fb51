package replicationtest

import (
	"sync"
	"time"

	"imperio/replication"
)

// Clock is a machine's clocks under a test's control: they stand still until the test moves them. Its methods may be
// called from any goroutine.
type Clock struct {
	mu           sync.Mutex
	wall         time.Time
	steady       time.Duration
	slept        time.Duration
	synchronized bool
	silent       bool // does not say whether it is synchronized
}

var _ replication.Clock = (*Clock)(nil)

// NewClock makes clocks that show a time, of a system that does not say whether it is synchronized.
func NewClock(wall time.Time) *Clock { return &Clock{wall: wall, silent: true} }

// Read implements replication.Clock.
func (c *Clock) Read() replication.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return replication.Reading{Wall: c.wall, Steady: c.steady}
}

// Slept implements replication.Clock.
func (c *Clock) Slept() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slept
}

// Synchronized implements replication.Clock.
func (c *Clock) Synchronized() (yes, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.synchronized, !c.silent
}

// Pass lets time pass.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.steady = c.wall.Add(d), c.steady+d
}

// Suspend lets time pass while the machine is suspended.
func (c *Clock) Suspend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.slept = c.wall.Add(d), c.slept+d
}

// Step sets the wall clock ahead, or back.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// Synchronize says whether something keeps the wall clock right now.
func (c *Clock) Synchronize(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synchronized, c.silent = yes, false
}
