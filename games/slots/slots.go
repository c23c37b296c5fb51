// Package slots is Cherry Charm: three reels with sixteen equally likely stops each, and one line.
//
// The strips and pay tables are the published rules (docs/GAMES.md). A version is immutable: a changed pay table is a
// new version.
package slots

import (
	"imperio/games"
)

// Reels is the number of reels; a round draws one stop for each.
const Reels = 3

// The stops of a reel are numbered FirstStop … FirstStop+Stops-1, all equally likely.
const (
	FirstStop = 15
	Stops     = 16
)

// Symbol is what a reel shows.
type Symbol string

// The symbols of the strips.
const (
	Cherry Symbol = "cherry"
	Lemon  Symbol = "lemon"
	Banana Symbol = "banana"
	Apple  Symbol = "apple"
)

// strips are the symbols of each reel, from that of stops 15 and 16 to that of stops 29 and 30.
var strips = [Reels][Stops / 2]Symbol{
	{Cherry, Lemon, Lemon, Banana, Banana, Lemon, Apple, Lemon},
	{Lemon, Lemon, Banana, Apple, Cherry, Lemon, Lemon, Apple},
	{Lemon, Lemon, Banana, Lemon, Cherry, Apple, Lemon, Apple},
}

// Line is one line of a pay table: what it needs, and how many times the stake it pays.
type Line struct {
	Name   string `json:"name"`   // e.g. "3 cherries"
	Symbol Symbol `json:"symbol"` // the symbol that counts
	Count  int    `json:"count"`  // 3: all reels; 2: the first two reels, with another symbol on the third
	Pays   int64  `json:"pays"`   // times the stake, the stake itself included
}

// Machine is one version of the rules. It implements games.Game.
type Machine struct {
	rules string
	lines []Line
	pays  [Stops][Stops][Stops]int8 // the line's index in lines, or -1, by stop - FirstStop
	most  int64                     // the highest pay of a line
}

// Versions are all released versions, oldest first.
func Versions() []*Machine {
	return []*Machine{
		newMachine("slots/1", 50, 40, 20, 10, 15, 5, 3, 0),
		newMachine("slots/2", 60, 12, 20, 6, 15, 3, 2, 0),
	}
}

// newMachine makes a version from its pays, in the order of the published table.
func newMachine(rules string, cherries3, cherries2, apples3, apples2, bananas3, bananas2, lemons3, lemons2 int64) *Machine {
	m := &Machine{rules: rules}
	for _, l := range []Line{
		{"3 cherries", Cherry, 3, cherries3}, {"2 cherries", Cherry, 2, cherries2},
		{"3 apples", Apple, 3, apples3}, {"2 apples", Apple, 2, apples2},
		{"3 bananas", Banana, 3, bananas3}, {"2 bananas", Banana, 2, bananas2},
		{"3 lemons", Lemon, 3, lemons3}, {"2 lemons", Lemon, 2, lemons2},
	} {
		if l.Pays > 0 {
			m.lines = append(m.lines, l)
			m.most = max(m.most, l.Pays)
		}
	}
	for a := range Stops {
		for b := range Stops {
			for c := range Stops {
				m.pays[a][b][c] = m.find(SymbolAt(0, FirstStop+a), SymbolAt(1, FirstStop+b), SymbolAt(2, FirstStop+c))
			}
		}
	}
	return m
}

// find returns the index of the line that three symbols make, or -1.
func (m *Machine) find(first, second, third Symbol) int8 {
	if first != second {
		return -1
	}
	count := 2
	if second == third {
		count = 3
	}
	for i, l := range m.lines {
		if l.Symbol == first && l.Count == count {
			return int8(i)
		}
	}
	return -1
}

// SymbolAt is the symbol that a reel (0 … 2) shows at a stop (15 … 30): strip[reel][ceil(stop/2) − 8].
func SymbolAt(reel, stop int) Symbol { return strips[reel][(stop+1)/2-8] }

// Strip is the strip of a reel (0 … 2), starting with the symbol of stops 15 and 16.
func Strip(reel int) []Symbol { return append([]Symbol(nil), strips[reel][:]...) }

// Rules is "slots/1" or "slots/2".
func (m *Machine) Rules() string { return m.rules }

// Lines is the pay table, in its published order.
func (m *Machine) Lines() []Line { return append([]Line(nil), m.lines...) }

// MaxStake is the largest stake whose highest payout does not exceed MaxCoins.
func (m *Machine) MaxStake() games.Coins { return games.MaxCoins / games.Coins(m.most) }

// LineAt is the line that three stops make. Stops must lie in 15 … 30.
func (m *Machine) LineAt(stops [Reels]int) (Line, bool) {
	i := m.pays[stops[0]-FirstStop][stops[1]-FirstStop][stops[2]-FirstStop]
	if i < 0 {
		return Line{}, false
	}
	return m.lines[i], true
}

// Play draws one number of sixteen for each reel, in order. A spin settles at once.
func (m *Machine) Play(s games.Stream, w games.Wager) (games.Position, error) {
	if err := m.check(w); err != nil {
		return games.Position{}, err
	}
	var stops [Reels]int
	draws := make([]uint16, Reels)
	for reel := range stops {
		stops[reel] = FirstStop + int(s.Uniform(Stops))
		draws[reel] = uint16(stops[reel])
	}
	p := games.Position{Draws: draws, Staked: w.Stake, Settled: true}
	if line, ok := m.LineAt(stops); ok {
		p.Payout = w.Stake * games.Coins(line.Pays)
	}
	return p, nil
}

func (m *Machine) check(w games.Wager) error {
	switch {
	case w.Stake < 1 || w.Stake > m.MaxStake():
		return games.Refusef("stake_out_of_range", "The stake is %s; it must be from 1 to %d.", w.Stake.Words(), m.MaxStake())
	case len(w.Bets) > 0:
		return games.Refusef("invalid_bet", "A spin of the slots takes a stake and no bets.")
	case len(w.Actions) > 0:
		return games.Refusef("unknown_action", "A spin of the slots takes no actions.")
	}
	return nil
}

// Outcome is what a player sees of a spin.
type Outcome struct {
	Stops      [Reels]int    `json:"stops"`          // 15 … 30
	Symbols    [Reels]Symbol `json:"symbols"`        // as the reels show them
	Line       string        `json:"line,omitempty"` // the name of the winning line, if any
	Multiplier int64         `json:"multiplier"`     // the payout in stakes; 0 if nothing is won
}

// Describe returns the Outcome of the stops in draws.
func (m *Machine) Describe(draws []uint16, w games.Wager) (any, error) {
	if err := m.check(w); err != nil {
		return nil, err
	}
	if len(draws) != Reels {
		return nil, games.Refusef("invalid_draws", "A spin has %d stops; %d were given.", Reels, len(draws))
	}
	var o Outcome
	for reel, d := range draws {
		if d < FirstStop || d >= FirstStop+Stops {
			return nil, games.Refusef("invalid_draws", "A stop lies in %d to %d; %d was given.", FirstStop, FirstStop+Stops-1, d)
		}
		o.Stops[reel] = int(d)
		o.Symbols[reel] = SymbolAt(reel, int(d))
	}
	if line, ok := m.LineAt(o.Stops); ok {
		o.Line, o.Multiplier = line.Name, line.Pays
	}
	return o, nil
}
