package replication

import (
	"time"

	"golang.org/x/sys/unix"
)

// SystemClock reads the clocks of this machine.
type SystemClock struct{}

var started = time.Now()

// Read implements Clock.
func (SystemClock) Read() Reading {
	now := time.Now()
	return Reading{Wall: now.Round(0).UTC(), Steady: now.Sub(started)}
}

// Slept implements Clock.
func (SystemClock) Slept() time.Duration {
	var boot, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - awake.Nano())
}

// Synchronized implements Clock. The kernel knows whether something disciplines its clock.
func (SystemClock) Synchronized() (yes, known bool) {
	const unsynchronized = 0x40 // STA_UNSYNC of adjtimex(2)
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, false // a sandbox may forbid it
	}
	return t.Status&unsynchronized == 0, true
}
