package blackjack

import (
	"slices"
	"strings"

	"imperio/games"
)

// The actions. Actions lists them.
const (
	Hit              = "hit"
	Stand            = "stand"
	Double           = "double"
	Split            = "split"
	Surrender        = "surrender"
	Insurance        = "insurance"
	DeclineInsurance = "decline_insurance"
)

// Cost is what an action costs in a round that was dealt for a stake: as much again for a second hand or a double, half
// for insurance.
func Cost(action string, stake games.Coins) games.Coins {
	switch action {
	case Double, Split:
		return stake
	case Insurance:
		return stake / 2
	}
	return 0
}

// MaxHands is how many hands a player can have in a round, by splitting.
const MaxHands = 4

// dealerStands is the total on which the dealer stands, hard or soft.
const dealerStands = 17

// Actions lists all actions that there are.
func Actions() []string { return slices.Clone(actions) }

var actions = []string{Hit, Stand, Double, Split, Surrender, Insurance, DeclineInsurance}

// phase is what a round waits for.
type phase int

const (
	insuring phase = iota // the player's decision on insurance
	playing               // the player's action on the active hand
	settled               // nothing
)

// state is what has become of one hand of the player.
type state int

const (
	open state = iota
	standing
	busted
	surrendered
)

// hand is one hand of the player.
type hand struct {
	cards   []Card
	stake   games.Coins // with a double, both stakes
	doubled bool
	state   state
}

// round is a round of blackjack/1 as it is played. It follows from the cards, the stake and the actions alone.
type round struct {
	stake     games.Coins
	cards     source
	drawn     []Card // all cards so far, in the order of dealing
	dealer    []Card // the up card, the hole card, then what the dealer drew
	hands     []hand
	insurance games.Coins // what the player paid for it; 0 without
	phase     phase
}

// replay deals a round and takes the wager's actions one after the other.
func replay(cards source, w games.Wager) (*round, error) {
	if err := check(w); err != nil {
		return nil, err
	}
	r := &round{stake: w.Stake, cards: cards}
	if err := r.deal(); err != nil {
		return nil, err
	}
	for _, a := range w.Actions {
		if err := r.act(a); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// draw deals the next card of the shoe to one of the hands.
func (r *round) draw(to *[]Card) error {
	c, err := r.cards.next()
	if err != nil {
		return err
	}
	r.drawn = append(r.drawn, c)
	*to = append(*to, c)
	return nil
}

// deal gives player, dealer's up card, player, dealer's hole card. Under an ace the player decides on insurance before
// anybody looks at the hole card.
func (r *round) deal() error {
	r.hands = []hand{{stake: r.stake}}
	player := &r.hands[0].cards
	for _, to := range []*[]Card{player, &r.dealer, player, &r.dealer} {
		if err := r.draw(to); err != nil {
			return err
		}
	}
	if r.dealer[0].Value() == 1 {
		r.phase = insuring
		return nil
	}
	return r.look()
}

// look ends the round if the dealer has a blackjack, or if the player has one and the dealer has not: the dealer then
// draws nothing. Without an ace or a ten-value card up the dealer can't have one, so that looking tells nothing.
func (r *round) look() error {
	if isNatural(r.dealer) || isNatural(r.hands[0].cards) {
		r.phase = settled
		return nil
	}
	r.phase = playing
	return nil
}

// active is the index of the hand that is played: the first that is open.
func (r *round) active() int {
	return slices.IndexFunc(r.hands, func(h hand) bool { return h.state == open })
}

// allowed lists the actions that the rules allow now.
func (r *round) allowed() []string {
	switch r.phase {
	case insuring:
		return []string{Insurance, DeclineInsurance}
	case settled:
		return []string{}
	}
	h := r.hands[r.active()]
	list := []string{Hit, Stand}
	if len(h.cards) == 2 {
		list = append(list, Double)
		if h.cards[0].Value() == h.cards[1].Value() && len(r.hands) < MaxHands {
			list = append(list, Split)
		}
		if len(r.hands) == 1 {
			list = append(list, Surrender)
		}
	}
	return list
}

// act takes one action. A player sends actions one by one, so a refusal does not count them.
func (r *round) act(action string) error {
	if !slices.Contains(actions, action) {
		return games.Refusef("unknown_action", "There is no such action. The actions are %s.", strings.Join(actions, ", "))
	}
	if r.phase == settled {
		return games.Refusef("round_settled", "The round is settled; it takes no more actions.")
	}
	if allowed := r.allowed(); !slices.Contains(allowed, action) {
		return games.Refusef("action_not_allowed", "The action %s is not allowed now; allowed are %s.", action, strings.Join(allowed, ", "))
	}
	switch action {
	case Insurance:
		r.insurance = Cost(Insurance, r.stake)
		return r.look()
	case DeclineInsurance:
		return r.look()
	}
	if err := r.actOn(r.active(), action); err != nil {
		return err
	}
	if r.active() < 0 {
		return r.finish()
	}
	return nil
}

// actOn takes an action on the hand with the given index.
func (r *round) actOn(i int, action string) error {
	h := &r.hands[i]
	switch action {
	case Stand:
		h.state = standing
	case Surrender:
		h.state = surrendered
	case Hit:
		return r.take(i)
	case Double:
		h.stake += Cost(Double, r.stake)
		h.doubled = true
		if err := r.take(i); err != nil {
			return err
		}
		if h.state == open {
			h.state = standing
		}
	case Split:
		return r.split(i)
	}
	return nil
}

// take deals one card to a hand. A hand of 21 stands by itself, a hand above is lost.
func (r *round) take(i int) error {
	h := &r.hands[i]
	if err := r.draw(&h.cards); err != nil {
		return err
	}
	if total, _ := Total(h.cards); total > 21 {
		h.state = busted
	} else if total == 21 {
		h.state = standing
	}
	return nil
}

// split makes two hands of one, the second right after the first, and deals a card to the first and then to the second.
// Split aces then stand, whatever they got.
func (r *round) split(i int) error {
	cards := r.hands[i].cards
	aces := cards[0].Value() == 1
	r.hands[i].cards = []Card{cards[0]}
	r.hands = slices.Insert(r.hands, i+1, hand{cards: []Card{cards[1]}, stake: Cost(Split, r.stake)})
	for k := i; k <= i+1; k++ {
		if err := r.take(k); err != nil {
			return err
		}
		if aces {
			r.hands[k].state = standing
		}
	}
	return nil
}

// finish lets the dealer draw, if any hand of the player is left standing, and settles.
func (r *round) finish() error {
	r.phase = settled
	if !r.anyStands() {
		return nil
	}
	for {
		if total, _ := Total(r.dealer); total >= dealerStands {
			return nil
		}
		if err := r.draw(&r.dealer); err != nil {
			return err
		}
	}
}

// anyStands says whether the dealer has a hand to play against.
func (r *round) anyStands() bool {
	return slices.ContainsFunc(r.hands, func(h hand) bool { return h.state == standing })
}

// staked is all that the player has paid into the round so far.
func (r *round) staked() games.Coins {
	sum := r.insurance
	for _, h := range r.hands {
		sum += h.stake
	}
	return sum
}

// payout is what comes back from a settled round, stakes included.
func (r *round) payout() games.Coins {
	sum := r.insurancePays()
	for _, h := range r.hands {
		_, pays := r.result(h)
		sum += pays
	}
	return sum
}

// insurancePays is 2 to 1 and the insurance itself if the dealer has a blackjack.
func (r *round) insurancePays() games.Coins {
	if r.phase == settled && isNatural(r.dealer) {
		return 3 * r.insurance
	}
	return 0
}

// The results of a hand.
const (
	Win         = "win"
	Lose        = "lose"
	Push        = "push"
	Blackjack   = "blackjack"
	Bust        = "bust"
	Surrendered = "surrender"
)

// result is what became of a hand in a settled round, and what comes back for it. Halves are rounded down.
func (r *round) result(h hand) (result string, pays games.Coins) {
	natural := len(r.hands) == 1 && isNatural(h.cards) // 21 in two cards after a split is no blackjack
	player, _ := Total(h.cards)
	dealer, _ := Total(r.dealer)
	switch {
	case h.state == busted:
		return Bust, 0
	case h.state == surrendered:
		return Surrendered, h.stake / 2
	case natural && isNatural(r.dealer):
		return Push, h.stake
	case natural:
		return Blackjack, h.stake + 3*h.stake/2
	case isNatural(r.dealer):
		return Lose, 0
	case dealer > 21 || player > dealer:
		return Win, 2 * h.stake
	case player == dealer:
		return Push, h.stake
	}
	return Lose, 0
}
