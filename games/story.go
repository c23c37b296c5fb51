package games

// Played is a round whose random numbers are known.
type Played struct {
	Values []uint64 // what the Stream returned, in order
	Draws  []uint16 // what Play returned
	Wager  Wager
}

// Story explains a played round to people. Each line is one short sentence or figure. Lines that belong below another
// begin with two spaces.
type Story struct {
	Outcome []string // how the outcome follows from the numbers
	Pay     []string // what each part pays
	Steps   any      // the round step by step, for JSON; nil if the outcome says everything
}
