//go:build !linux

package replication

import "time"

// SystemClock reads the clocks of this machine.
type SystemClock struct{}

var started = time.Now()

// Read implements Clock.
func (SystemClock) Read() Reading {
	now := time.Now()
	return Reading{Wall: now.Round(0).UTC(), Steady: now.Sub(started)}
}

// Slept implements Clock. This system doesn't say.
func (SystemClock) Slept() time.Duration { return 0 }

// Synchronized implements Clock. This system doesn't say.
func (SystemClock) Synchronized() (yes, known bool) { return false, false }
