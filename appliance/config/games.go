package config

import (
	"time"

	"imperio/games"
	"imperio/games/catalogue"
)

// MaxStake is the highest stake that a table may allow. With any pay table, and with a hundred bets in a spin, payouts stay
// far below games.MaxCoins.
const MaxStake games.Coins = 1_000_000_000

// Games says which games are open, under which rules, and for which stakes. Stakes are whole coins.
type Games struct {
	SlotsEnabled  Switch      `name:"slots" group:"Games" reload:"yes" help:"Whether the slot machine takes new rounds."`
	SlotsRules    string      `name:"slots-rules" group:"Games" reload:"yes" placeholder:"RULES" help:"Rules of new spins: slots/2, or slots/1, the older machine's pay table, which pays out far more than it takes in."`
	SlotsMinStake games.Coins `name:"slots-min-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Lowest stake of a spin. At least 1."`
	SlotsMaxStake games.Coins `name:"slots-max-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Highest stake of a spin. At most 1000000000."`

	RouletteEnabled  Switch      `name:"roulette" group:"Games" reload:"yes" help:"Whether roulette takes new rounds."`
	RouletteRules    string      `name:"roulette-rules" group:"Games" reload:"yes" placeholder:"RULES" help:"Rules of new spins: roulette/1 (European), or roulette/2 (with La Partage on even-money bets)."`
	RouletteMinStake games.Coins `name:"roulette-min-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Lowest amount of one bet. At least 1."`
	RouletteMaxStake games.Coins `name:"roulette-max-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Highest amount on one position: bets of the same type on the same numbers add up. At most 1000000000."`
	RouletteMaxTotal games.Coins `name:"roulette-max-total" group:"Games" reload:"yes" placeholder:"COINS" help:"Highest total of all bets of a spin. At most 1000000000."`

	BlackjackEnabled  Switch      `name:"blackjack" group:"Games" reload:"yes" help:"Whether blackjack takes new rounds."`
	BlackjackRules    string      `name:"blackjack-rules" group:"Games" reload:"yes" placeholder:"RULES" help:"Rules of new rounds: blackjack/1."`
	BlackjackMinStake games.Coins `name:"blackjack-min-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Lowest stake of a round. At least 2, so that halves are whole coins."`
	BlackjackMaxStake games.Coins `name:"blackjack-max-stake" group:"Games" reload:"yes" placeholder:"COINS" help:"Highest stake of a round, before doubles and splits. At most 1000000000."`
	// BlackjackAbandonAfter is how long an open round waits for its player's next action before it is settled: 1 min … 720 h.
	BlackjackAbandonAfter time.Duration `name:"blackjack-abandon-after" group:"Games" reload:"yes" placeholder:"DURATION" help:"How long an open round waits for its player's next action. After that it stands on all hands and declines insurance. From 1m to 720h."`
}

func defaultGames() Games {
	slots, roulette, blackjack := released("slots").Default, released("roulette").Default, released("blackjack").Default
	return Games{
		SlotsEnabled: true, SlotsRules: slots, SlotsMinStake: 1, SlotsMaxStake: 10_000,
		RouletteEnabled: true, RouletteRules: roulette, RouletteMinStake: 1, RouletteMaxStake: 10_000, RouletteMaxTotal: 10_000,
		BlackjackEnabled: true, BlackjackRules: blackjack, BlackjackMinStake: 2, BlackjackMaxStake: 10_000,
		BlackjackAbandonAfter: 24 * time.Hour,
	}
}

// released is the descriptor of a game that has settings here. Tests show that each exists.
func released(game string) *games.Descriptor {
	d, ok := catalogue.Released().Named(game)
	if !ok {
		panic("config: there are settings of a game that is not released: " + game)
	}
	return d
}

// Table is one game with the operator's settings.
type Table struct {
	Game     string // its name in the catalogue
	Enabled  bool
	Rules    string      // of new rounds, e.g. "slots/2"
	MinStake games.Coins // of a round; where there are bets, of each bet
	MaxStake games.Coins // of a round; where there are bets, of all bets on one position together
	MaxTotal games.Coins // of all bets of a round together; without bets the same as MaxStake
	// AbandonAfter is how long an open round waits for its player; 0 where rounds settle at once.
	AbandonAfter time.Duration
}

// Tables lists the games in the order of the catalogue.
func (g Games) Tables() []Table {
	return []Table{
		{"slots", bool(g.SlotsEnabled), g.SlotsRules, g.SlotsMinStake, g.SlotsMaxStake, g.SlotsMaxStake, 0},
		{"roulette", bool(g.RouletteEnabled), g.RouletteRules, g.RouletteMinStake, g.RouletteMaxStake, g.RouletteMaxTotal, 0},
		{"blackjack", bool(g.BlackjackEnabled), g.BlackjackRules, g.BlackjackMinStake, g.BlackjackMaxStake, g.BlackjackMaxStake, g.BlackjackAbandonAfter},
	}
}
