package blackjack

import (
	"slices"

	"imperio/games"
)

// Outcome is what a player may see of a round. It reveals nothing about the hole card before the round is settled.
type Outcome struct {
	Dealer    DealerHand    `json:"dealer"`
	Hands     []PlayerHand  `json:"hands"`     // in the order in which they are played
	Insurance *InsuranceBet `json:"insurance"` // nil if none was taken
	Allowed   []string      `json:"allowed_actions"`
	Settled   bool          `json:"settled"`
}

// DealerHand is the dealer's hand.
type DealerHand struct {
	Cards     []CardFace `json:"cards"`  // only the up card while the round is open
	Hidden    int        `json:"hidden"` // cards face down: 1 while the round is open
	Total     int        `json:"total"`  // of the visible cards
	Soft      bool       `json:"soft"`
	Blackjack bool       `json:"blackjack"`
}

// PlayerHand is one hand of the player.
type PlayerHand struct {
	Cards   []CardFace  `json:"cards"`
	Total   int         `json:"total"`
	Soft    bool        `json:"soft"`
	Stake   games.Coins `json:"stake"` // after a double, both stakes
	Doubled bool        `json:"doubled"`
	Active  bool        `json:"active"` // whether the next action is on this hand
	Result  *string     `json:"result"` // win, lose, push, blackjack, bust or surrender; nil while it is open
	Payout  games.Coins `json:"payout"` // stake included; 0 before the round is settled
}

// InsuranceBet is an insurance that was taken.
type InsuranceBet struct {
	Stake  games.Coins `json:"stake"`
	Payout games.Coins `json:"payout"` // stake included; 0 if lost or not decided yet
}

// CardFace is a visible card.
type CardFace struct {
	Rank string `json:"rank"` // ace, 2 … 10, jack, queen, king
	Suit string `json:"suit"` // clubs, diamonds, hearts, spades
}

// Describe returns the Outcome of the cards in draws.
func (t *Table) Describe(draws []uint16, w games.Wager) (any, error) {
	cards := &record{draws: draws}
	r, err := replay(cards, w)
	if err != nil {
		return nil, err
	}
	if cards.dealt != len(draws) {
		return nil, games.Refusef("invalid_draws", "The round takes %d cards; %d were given.", cards.dealt, len(draws))
	}
	return r.outcome(), nil
}

// Within implements games.Choosing.
func (o Outcome) Within(affordable func(action string) bool) any {
	o.Allowed = slices.DeleteFunc(slices.Clone(o.Allowed), func(action string) bool { return !affordable(action) })
	return o
}

func (r *round) outcome() Outcome {
	o := Outcome{Allowed: r.allowed(), Settled: r.phase == settled, Hands: make([]PlayerHand, len(r.hands))}
	shown := r.dealer
	if !o.Settled {
		shown, o.Dealer.Hidden = r.dealer[:1], 1
	}
	o.Dealer.Cards = faces(shown)
	o.Dealer.Total, o.Dealer.Soft = Total(shown)
	o.Dealer.Blackjack = isNatural(shown)
	for i, h := range r.hands {
		p := PlayerHand{Cards: faces(h.cards), Stake: h.stake, Doubled: h.doubled}
		p.Total, p.Soft = Total(h.cards)
		p.Active = r.phase == playing && i == r.active()
		if o.Settled || h.state == busted {
			result, pays := r.result(h)
			p.Result, p.Payout = &result, pays
		}
		o.Hands[i] = p
	}
	if r.insurance > 0 {
		o.Insurance = &InsuranceBet{Stake: r.insurance, Payout: r.insurancePays()}
	}
	return o
}

// String names the card, e.g. "queen of hearts".
func (c CardFace) String() string { return c.Rank + " of " + c.Suit }

func faces(cards []Card) []CardFace {
	list := make([]CardFace, len(cards))
	for i, c := range cards {
		list[i] = CardFace{Rank: c.Rank(), Suit: c.Suit()}
	}
	return list
}
