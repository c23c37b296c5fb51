package games

// Played is a round whose random numbers are known.
type Played struct {
	Values []uint64 // what the Stream returned, in order
	Draws  []uint16 // of Play
	Wager  Wager
}

// Story tells a played round to people. Each line is one short sentence or figure without indentation; lines below
// another begin with two spaces.
type Story struct {
	Outcome []string // how the outcome follows from the numbers
	Pay     []string // what paid what
	Steps   any      // the round step by step, for JSON; nil where the outcome says it all
}
