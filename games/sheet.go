package games

import "slices"

// Sheet is what a player can know about a game before playing. Its figures are computed from the rules.
type Sheet struct {
	Game    string `json:"game"`
	Name    string `json:"name"` // the game's title
	Rules   string `json:"rules"`
	Default bool   `json:"default"` // whether new rounds use these rules unless the operator chooses others
	Text    []Rule `json:"text"`    // the rules in words
	Pays    []Line `json:"pays"`
	// Figures are those of the whole game. In roulette each bet has its own figures; these are then those of the bet that
	// is worst for the player.
	Figures Figures `json:"figures"`
}

// Line is one way to win.
type Line struct {
	Name       string  `json:"name"`
	Pays       string  `json:"pays"`           // in words, e.g. "60 times the stake", "35 to 1"
	Multiplier float64 `json:"multiplier"`     // payout per coin staked, stake included
	Condition  string  `json:"condition"`      // when it pays
	Bets       int     `json:"bets,omitempty"` // how many different bets this line stands for, if it is a type of bet
	// Probability of the line, unless it depends on how the player plays.
	Probability        string   `json:"probability,omitempty"` // exact, as a fraction
	ProbabilityDecimal float64  `json:"probability_decimal,omitempty"`
	Figures            *Figures `json:"figures,omitempty"` // of the bet, if each line is a bet of its own
}

// Figures say what a wager returns in the long run. All are per coin staked. Fractions are exact and in lowest terms;
// they are empty for figures that are not fractions.
type Figures struct {
	Return              string  `json:"return,omitempty"` // expected payout, e.g. "31/32"
	ReturnDecimal       float64 `json:"return_decimal"`
	HouseEdge           string  `json:"house_edge,omitempty"` // 1 − return; negative when the house loses
	HouseEdgeDecimal    float64 `json:"house_edge_decimal"`
	HitFrequency        string  `json:"hit_frequency,omitempty"` // how often a wager pays anything
	HitFrequencyDecimal float64 `json:"hit_frequency_decimal"`
	Variance            string  `json:"variance,omitempty"` // of the payout; if rounds stay open, of the net result
	VarianceDecimal     float64 `json:"variance_decimal"`
	Volatility          float64 `json:"volatility"` // the standard deviation: the square root of the variance
	Method              string  `json:"method"`     // how the figures were computed
	// Simulation is present if play was simulated as well.
	Simulation *SimulatedFigures `json:"simulation,omitempty"`
}

// SimulatedFigures are the result of a simulation.
type SimulatedFigures struct {
	Hands         int64   `json:"hands"`
	HouseEdge     float64 `json:"house_edge_decimal"`
	Interval99    float64 `json:"interval_99"`    // half the width of the 99 % confidence interval of the edge
	AverageStaked float64 `json:"average_staked"` // doubles and splits included, in initial stakes
}

// operatorsTime stands for a time that the operator chooses.
var operatorsTime = Words{
	EN: "a time that the operator sets", ES: "un tiempo que fija el operador", DE: "eine vom Betreiber bestimmte Zeit",
}

// SheetFor is the sheet of the version. abandonAfter says how long an open round waits for its player; if it is empty, the
// sheet says that the operator decides. Only versions in a Catalogue have a sheet.
func (v *Version) SheetFor(abandonAfter Words) Sheet {
	s := v.sheet()
	if abandonAfter == (Words{}) {
		abandonAfter = operatorsTime
	}
	s.Text = slices.Clone(s.Text)
	for i := range s.Text {
		s.Text[i].Words = s.Text[i].Replace("time", abandonAfter)
	}
	return s
}
