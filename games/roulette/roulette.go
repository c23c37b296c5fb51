// Package roulette is European roulette with a single zero: "roulette/1", and "roulette/2" with La Partage on
// even-money bets. One spin takes 1 to 100 bets, all or none. What a bet pays depends only on its type, and its numbers
// must form that type on the table.
package roulette

import (
	"imperio/games"
)

// MaxTotal is the largest sum of bets whose highest payout, 36 times the sum, does not exceed MaxCoins.
const MaxTotal = games.MaxCoins / 36

// Wheel is one version of the rules. It implements games.Game.
type Wheel struct {
	rules     string
	laPartage bool
}

// Versions are all released versions, oldest first.
func Versions() []*Wheel {
	return []*Wheel{{rules: "roulette/1"}, {rules: "roulette/2", laPartage: true}}
}

// Rules is "roulette/1" or "roulette/2".
func (w *Wheel) Rules() string { return w.rules }

// LaPartage says whether zero returns half of each even-money bet.
func (w *Wheel) LaPartage() bool { return w.laPartage }

// Play draws one number of 37. A spin settles at once. wager.Stake must be the sum of the bets.
func (w *Wheel) Play(s games.Stream, wager games.Wager) (games.Position, error) {
	bets, err := check(wager)
	if err != nil {
		return games.Position{}, err
	}
	pocket := int(s.Uniform(Pockets))
	p := games.Position{Draws: []uint16{uint16(pocket)}, Staked: wager.Stake, Settled: true}
	for _, b := range bets {
		p.Payout += w.pay(b, pocket)
	}
	return p, nil
}

// pay is the payout of one bet, the stake included.
func (w *Wheel) pay(b placed, pocket int) games.Coins {
	switch {
	case b.covers.has(pocket):
		return b.amount * games.Coins(b.kind.Pays+1)
	case w.laPartage && pocket == 0 && b.kind.EvenMoney:
		return b.amount / 2 // the rules round half of an odd amount down
	}
	return 0
}

// Validate checks 1 to 100 bets against the table's geometry, and that each amount is at least 1 and the sum at most
// MaxTotal. It returns the sum. It does not know the house's limits: see CheckLimits. A refusal has the code invalid_bet,
// or stake_out_of_range for the sum, and names the bet by its position, from 1.
func Validate(bets []games.Bet) (total games.Coins, err error) {
	_, total, err = placeAll(bets)
	return total, err
}

// placeAll checks the bets and adds up their amounts. The sum can't overflow, since it never exceeds MaxTotal.
func placeAll(bets []games.Bet) ([]placed, games.Coins, error) {
	if len(bets) < 1 || len(bets) > MaxBets {
		return nil, 0, games.Refusef("invalid_bet", "A spin takes 1 to %d bets; %d were given.", MaxBets, len(bets))
	}
	all := make([]placed, len(bets))
	var total games.Coins
	for i, b := range bets {
		p, err := place(i, b)
		if err != nil {
			return nil, 0, err
		}
		if b.Amount > MaxTotal-total {
			return nil, 0, games.Refusef("stake_out_of_range", "Bet %d: This bet brings the sum above %d coins.", i+1, MaxTotal)
		}
		total += b.Amount
		all[i] = p
	}
	return all, total, nil
}

func check(wager games.Wager) ([]placed, error) {
	if len(wager.Actions) > 0 {
		return nil, games.Refusef("unknown_action", "A spin of roulette takes no actions.")
	}
	bets, total, err := placeAll(wager.Bets)
	if err != nil {
		return nil, err
	}
	if total != wager.Stake {
		return nil, games.Refusef("invalid_bet", "The bets add up to %s, but the stake is %d.", total.Words(), wager.Stake)
	}
	return bets, nil
}

// position is where a bet lies on the table: bets of one type on the same pockets lie on each other.
type position struct {
	kind   *Type
	covers set
}

// CheckLimits holds bets against the table's limits: each bet at least lowest, all bets on one position together at most
// highest, and all bets at most highestTotal. The order in which a bet gives its numbers makes no difference. A bet outside is
// a *games.Refusal with the code stake_out_of_range. Bets that the rules don't know have no position; see Validate.
func CheckLimits(bets []games.Bet, lowest, highest, highestTotal games.Coins) error {
	var total games.Coins
	on := make(map[position]games.Coins, len(bets))
	for i, b := range bets {
		if b.Amount < lowest || b.Amount > highest {
			return games.Refusef("stake_out_of_range",
				"Bet %d: The amount is %s; this table takes %d to %d on each position.", i+1, b.Amount.Words(), lowest, highest)
		}
		if p, err := place(i, b); err == nil {
			at := position{p.kind, p.covers}
			if b.Amount > highest-on[at] { // no sum overflows, since none passes highest
				return games.Refusef("stake_out_of_range",
					"Bet %d: The bets on this position add up to more than %s, the most that this table takes on one.", i+1, highest.Words())
			}
			on[at] += b.Amount
		}
		if b.Amount > highestTotal-total {
			return games.Refusef("stake_out_of_range",
				"The bets add up to more than %s, the most that this table takes on a spin.", highestTotal.Words())
		}
		total += b.Amount
	}
	return nil
}

// Outcome is what a player sees of a spin.
type Outcome struct {
	Pocket int          `json:"pocket"` // 0 … 36
	Color  string       `json:"color"`  // red, black or green
	Bets   []BetOutcome `json:"bets"`   // in the order of the wager
}

// BetOutcome is one bet and its payout.
type BetOutcome struct {
	Type      string      `json:"type"`
	Numbers   []int       `json:"numbers,omitempty"`
	Selection int         `json:"selection,omitempty"`
	Amount    games.Coins `json:"amount"`
	Payout    games.Coins `json:"payout"` // stake included; 0 if the bet lost
}

// Color is red, black, or green for the zero.
func Color(pocket int) string {
	switch {
	case pocket == 0:
		return "green"
	case reds.has(pocket):
		return "red"
	}
	return "black"
}

// Describe returns the Outcome of the pocket in draws.
func (w *Wheel) Describe(draws []uint16, wager games.Wager) (any, error) {
	bets, err := check(wager)
	if err != nil {
		return nil, err
	}
	if len(draws) != 1 || draws[0] >= Pockets {
		return nil, games.Refusef("invalid_draws", "A spin draws one number from 0 to %d.", Pockets-1)
	}
	pocket := int(draws[0])
	o := Outcome{Pocket: pocket, Color: Color(pocket), Bets: make([]BetOutcome, len(bets))}
	for i, b := range wager.Bets {
		o.Bets[i] = BetOutcome{b.Type, b.Numbers, b.Selection, b.Amount, w.pay(bets[i], pocket)}
	}
	return o, nil
}
