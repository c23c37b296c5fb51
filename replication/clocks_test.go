package replication_test

import (
	"sync"
	"testing"
	"time"

	"imperio/replication/replicationtest"
)

// clocks are the clocks of all machines of a cluster. Time passes for all of them alike; a test sets each one wrong. Its
// methods may be called from any goroutine.
type clocks struct {
	mu       sync.Mutex
	began    time.Time
	passed   time.Duration
	each     map[string]*replicationtest.Clock // under mu: by node
	mostWall time.Time                         // under mu: ahead of what each clock has shown that is to be believed, and the time since then
}

// startClocks lets time pass until the test ends. The clocks are minutes apart.
func startClocks(t *testing.T) *clocks {
	c := &clocks{began: time.Now(), each: make(map[string]*replicationtest.Clock)}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.pass()
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-stopped
	})
	return c
}

// of returns a node's clock, which runs on while the node does not. Something keeps it right as far as anybody knows.
func (c *clocks) of(node string) *replicationtest.Clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	clock, ok := c.each[node]
	if !ok {
		wall := time.Date(2027, time.March, 1, 12, 0, 0, 0, time.UTC).Add(c.passed + time.Duration(len(c.each)*len(c.each))*3*time.Minute)
		clock = replicationtest.NewClock(wall)
		clock.Synchronize(true)
		c.each[node] = clock
		c.reaches(wall)
	}
	return clock
}

// reaches takes note of a time before a clock shows it. Called with mu held.
func (c *clocks) reaches(wall time.Time) {
	if wall.After(c.mostWall) {
		c.mostWall = wall
	}
}

func (c *clocks) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := time.Since(c.began) - c.passed
	c.passed += d
	c.mostWall = c.mostWall.Add(d)
	for _, clock := range c.each {
		clock.Pass(d)
	}
}

// step sets a node's clock ahead or back, by so little that it is believed.
func (c *clocks) step(node string, d time.Duration) {
	clock := c.of(node)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reaches(clock.Read().Wall.Add(d))
	clock.Step(d)
}

// leap sets a node's clock ahead or back, by so much that it is not believed.
func (c *clocks) leap(node string, d time.Duration) { c.of(node).Step(d) }

// furthest is the furthest time that the casino may have by now.
func (c *clocks) furthest() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mostWall
}
