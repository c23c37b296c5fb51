// Package blackjack is "blackjack/1": six decks, shuffled for each round; the dealer stands on every 17 and peeks for a
// blackjack with an ace or a ten up; blackjack pays 3 to 2; double on any two cards, also after a split; split to four
// hands; late surrender; insurance. docs/GAMES.md states the rules in full.
//
// A round is a pure function of the cards, the stake and the actions so far. Each action replays the round from its
// first card, which costs about a microsecond. So there is no state that could differ from the rules.
package blackjack

import (
	"imperio/games"
)

// The stakes that the rules allow. A table's limits lie within them.
const (
	// MinStake is the smallest stake whose half is at least one coin.
	MinStake games.Coins = 2
	// MaxStake is the largest stake whose highest payout, for four doubled hands that win, does not exceed MaxCoins.
	MaxStake = games.MaxCoins / (4 * MaxHands)
)

// Table is one version of the rules. It implements games.Game.
type Table struct{ rules string }

// Versions are all released versions, oldest first.
func Versions() []*Table { return []*Table{{rules: "blackjack/1"}} }

// Rules is "blackjack/1".
func (t *Table) Rules() string { return t.rules }

// Play deals from a freshly shuffled shoe and takes the wager's actions. Draws includes the hole card from the deal on,
// so never show an open position to a player: see Describe. An action that the rules refuse gives a *games.Refusal
// with unknown_action, action_not_allowed or round_settled.
func (t *Table) Play(s games.Stream, w games.Wager) (games.Position, error) {
	r, err := replay(newShoe(s), w)
	if err != nil {
		return games.Position{}, err
	}
	p := games.Position{Draws: make([]uint16, len(r.drawn)), Staked: r.staked(), Settled: r.phase == settled, Allowed: r.allowed()}
	for i, c := range r.drawn {
		p.Draws[i] = uint16(c)
	}
	if p.Settled {
		p.Payout = r.payout()
	}
	return p, nil
}

func check(w games.Wager) error {
	switch {
	case w.Stake < MinStake || w.Stake > MaxStake:
		return games.Refusef("stake_out_of_range", "The stake is %s; it must be from %d to %d.", w.Stake.Words(), MinStake, MaxStake)
	case len(w.Bets) > 0:
		return games.Refusef("invalid_bet", "A round of blackjack takes a stake and no bets.")
	}
	return nil
}

// Abandoned returns the actions that settle an abandoned round, to be appended to the wager's: decline insurance, then
// stand on every open hand. draws must be what Play returned for the wager. A settled round needs no actions.
func (t *Table) Abandoned(draws []uint16, w games.Wager) ([]string, error) {
	r, err := replay(&record{draws: draws}, w)
	if err != nil {
		return nil, err
	}
	var more []string
	if r.phase == insuring { // declining draws no card
		more = append(more, DeclineInsurance)
		if err := r.act(DeclineInsurance); err != nil {
			return nil, err
		}
	}
	if r.phase == settled {
		return more, nil
	}
	for _, h := range r.hands { // standing on one hand leaves the others as they are
		if h.state == open {
			more = append(more, Stand)
		}
	}
	return more, nil
}
