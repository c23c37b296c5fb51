package slots

import (
	"fmt"

	"imperio/games"
)

// Tell explains a spin: reel by reel, and the winning line.
func (m *Machine) Tell(p games.Played) (games.Story, error) {
	described, err := m.Describe(p.Draws, p.Wager)
	if err != nil {
		return games.Story{}, err
	}
	o := described.(Outcome)
	if len(p.Values) != Reels {
		return games.Story{}, games.Refusef("invalid_draws", "A spin takes %d random numbers; %d were given.", Reels, len(p.Values))
	}
	var s games.Story
	for reel, stop := range o.Stops {
		s.Outcome = append(s.Outcome, fmt.Sprintf("reel %d: %d + %d = stop %d, %s", reel, FirstStop, p.Values[reel], stop, o.Symbols[reel]))
	}
	if o.Line == "" {
		s.Pay = []string{"no winning line"}
	} else {
		s.Pay = []string{fmt.Sprintf("%s: %d times the stake", o.Line, o.Multiplier)}
	}
	return s, nil
}
