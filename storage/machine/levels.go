package machine

import (
	"fmt"
	"time"

	"imperio/storage/command"
)

// A feature level says what a program must know to apply the log above it: the kinds of commands, the rules of games, and
// the constants that decide results. It is part of the state. A command raises it, once every member of the cluster runs a
// program that knows the new level. An older program stops at that command and says which version is needed, so it never
// gives an answer that a newer one would not give.

// NewestLevel is the highest feature level that this program knows, and that of a new casino.
const NewestLevel = uint32(len(levels) - 1)

// constants decide results. Those of a released level never change: other values need a new level.
type constants struct {
	// mostSessions is the most sessions of an account. Opening another one ends the account's oldest.
	mostSessions int
	// mostTokens is the most personal access tokens of an account, and mostInvitations the most invitations of the house.
	mostTokens, mostInvitations int
	// mostLaunched is the most tokens of an account that its sessions have launched. Launching another one ends the oldest.
	mostLaunched int
	// mostUses is how many people one invitation can be for.
	mostUses int
	// longestLink is the longest time, in milliseconds, for which a link to set a password holds.
	longestLink int64
	// mostNetworks is how many networks an account is remembered to have signed in from.
	mostNetworks int
	// longestSession is the longest lifetime of a session in milliseconds.
	longestSession int64
	// keyPeriod is how long an idempotency key is kept after its use, in milliseconds: a day as promised, and an hour for
	// clients whose clocks differ.
	keyPeriod int64
	// playBreak is the pause that ends a stretch of play, for limits on its length, in milliseconds.
	playBreak int64
	// looserAfter is how long a player waits for a looser limit, in milliseconds.
	looserAfter int64
	// longestExclusion is the largest number of days of an exclusion that is not "for ever".
	longestExclusion int
	// longestLock is the longest time for which a lock of the house is held.
	longestLock time.Duration
	// mostRenewed is how many accounts one command renews, deleted ones included.
	mostRenewed int
	// mostImported is how many accounts one command imports.
	mostImported int
	// longestLineage bounds the name of a lineage, and longestSource that of a database that accounts are imported from, in bytes.
	longestLineage, longestSource int
	// seasonTop is how many places of each board stay readable after a season.
	seasonTop int
	// mostCoins is the most coins that one command moves as a stake, a grant or a gift.
	mostCoins coins
	// longestKey bounds names and keys that come from outside, in bytes.
	longestKey int
}

// levels are the constants of each feature level, from 1.
var levels = [...]constants{
	1: {
		mostSessions:     20,
		mostTokens:       20,
		mostLaunched:     10,
		mostInvitations:  1000,
		mostUses:         1_000_000,
		longestLink:      30 * dayMillis,
		mostNetworks:     8,
		longestSession:   100 * 365 * dayMillis, // no sum of times overflows
		keyPeriod:        25 * hourMillis,
		playBreak:        15 * 60_000,
		looserAfter:      dayMillis,
		longestExclusion: 1825, // five years
		longestLock:      time.Hour,
		mostRenewed:      1000,
		mostImported:     command.MostImported,
		longestLineage:   64,
		longestSource:    64,
		seasonTop:        100,
		mostCoins:        1_000_000_000_000,
		longestKey:       4 << 10, // bbolt takes some 32 KiB
	},
}

const (
	minuteMillis = int64(time.Minute / time.Millisecond)
	hourMillis   = 60 * minuteMillis
	dayMillis    = 24 * hourMillis
)

// constants returns the constants in force.
func (r *Record) constants() *constants { return &levels[r.Level] }

// SeasonTop is how many places of each board stay readable after a season.
func (r *Record) SeasonTop() int { return r.constants().seasonTop }

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
		return command.Result{}, nil // another member has raised it already
	}
	before := m.head.Level
	m.head.Level, m.head.Program = b.Level, b.Program
	return command.Result{}, m.record(&Event{Kind: LevelRaised, Act: &Act{
		Actor: "house", Act: "level_raised", Reason: b.Program, Before: fmt.Sprint(before), After: fmt.Sprint(b.Level)}})
}

func newerLevel(level uint32, program string) error {
	return &command.NewerError{What: fmt.Sprintf("feature level %d is needed, and this program knows 1 to %d", level, NewestLevel), Program: program}
}
