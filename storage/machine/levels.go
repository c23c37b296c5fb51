package machine

import (
	"fmt"
	"time"

	"imperio/storage/command"
)

// A feature level says what a program must know to apply the log above it: which kinds of commands and which rules of
// games may come, and the constants that decide results. It is part of the state, and raised by a command, once every
// member of the cluster runs a program that knows it. So an older program never answers what a newer one would answer
// otherwise: it stops at the command that raises the level, and says which version is needed.

// NewestLevel is the highest feature level that this program knows, and that of a new casino.
const NewestLevel = uint32(len(levels) - 1)

// constants decide results. Those of a released level never change: what is to change is a new level.
type constants struct {
	// mostSessions is how many sessions an account has at most; opening another ends its oldest, and nobody else's.
	mostSessions int
	// longestSession is the longest lifetime of a session in milliseconds.
	longestSession int64
	// keyPeriod is how long an idempotency key is kept after its use, in milliseconds: a day is promised, and an hour is
	// for clients whose clock differs.
	keyPeriod int64
	// playBreak is the pause that ends a stretch of play, for limits on its length, in milliseconds.
	playBreak int64
	// looserAfter is how long a player waits for a looser limit, in milliseconds.
	looserAfter int64
	// longestExclusion is the largest number of days of an exclusion that is not "for ever".
	longestExclusion int
	// longestLock is how long a lock of the house is held at most.
	longestLock time.Duration
	// mostCoins is what one command moves at most: as a stake, a grant, or a gift.
	mostCoins coins
	// longestKey bounds names and keys that come from outside, in bytes.
	longestKey int
}

// levels are the constants of each feature level, from 1.
var levels = [...]constants{
	1: {
		mostSessions:     20,
		longestSession:   100 * 365 * dayMillis, // no sum of times overflows
		keyPeriod:        25 * hourMillis,
		playBreak:        15 * 60_000,
		looserAfter:      dayMillis,
		longestExclusion: 1825, // five years
		longestLock:      time.Hour,
		mostCoins:        1_000_000_000_000,
		longestKey:       4 << 10, // bbolt takes some 32 KiB
	},
}

const (
	hourMillis = int64(time.Hour / time.Millisecond)
	dayMillis  = 24 * hourMillis
)

// constants are those in force.
func (r *Record) constants() *constants { return &levels[r.Level] }

func (m *Machine) is() *constants { return m.head.constants() }

// CheckLevel refuses the state of a casino whose feature level this program does not know.
func (r *Record) CheckLevel() error {
	if r.Level < 1 || r.Level > NewestLevel {
		return newerLevel(r.Level, r.Program)
	}
	return nil
}

// raiseLevel takes a new feature level into force.
func (m *Machine) raiseLevel(b command.RaiseLevel) (command.Result, error) {
	if b.Level > NewestLevel {
		return command.Result{}, newerLevel(b.Level, b.Program)
	}
	if b.Level <= m.head.Level {
		return command.Result{}, nil // another member was faster
	}
	before := m.head.Level
	m.head.Level, m.head.Program = b.Level, b.Program
	return command.Result{}, m.record(&Event{Kind: LevelRaised, Act: &Act{
		Actor: "house", Act: "level_raised", Reason: b.Program, Before: fmt.Sprint(before), After: fmt.Sprint(b.Level)}})
}

func newerLevel(level uint32, program string) error {
	return &command.NewerError{What: fmt.Sprintf("feature level %d is needed, and this program knows 1 to %d", level, NewestLevel), Program: program}
}
