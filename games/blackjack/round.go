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

// Cost is what an action costs in a round with the given opening stake: the stake again for a split or a double, half
// of it for insurance.
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

// What a blackjack and insurance pay, besides the stake.
const (
	naturalPays, naturalPer = 3, 2 // 3 to 2
	insurancePays           = 2    // 2 to 1
)

// Actions lists all actions.
func Actions() []string { return slices.Clone(actions) }

var actions = []string{Hit, Stand, Double, Split, Surrender, Insurance, DeclineInsurance}

// phase is what a round waits for.
type phase int

const (
	insuring phase = iota // the player's decision on insurance
	playing               // the player's action on the active hand
	settled               // nothing
)

// state is the state of one of the player's hands.
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
	stake   games.Coins // after a double, both stakes
	doubled bool
	state   state
}

// round is a round of blackjack/1 in play. It depends only on the cards, the stake and the actions.
type round struct {
	stake     games.Coins
	cards     source
	drawn     []Card // all cards so far, in the order of dealing
	dealer    []Card // the up card, the hole card, then the cards drawn
	hands     []hand
	insurance games.Coins // its price; 0 if the player took none
	phase     phase
}

// replay deals a round and takes the wager's actions in order.
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

// draw deals the next card to a hand.
func (r *round) draw(to *[]Card) error {
	c, err := r.cards.next()
	if err != nil {
		return err
	}
	r.drawn = append(r.drawn, c)
	*to = append(*to, c)
	return nil
}

// deal deals to the player, the dealer (up card), the player, and the dealer (hole card). If the up card is an ace, the
// player decides on insurance before the dealer peeks.
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

// look ends the round if the dealer or the player has a blackjack; the dealer then draws nothing. Without an ace or a
// ten-value card up, the dealer can't have one, so peeking reveals nothing.
func (r *round) look() error {
	if isNatural(r.dealer) || isNatural(r.hands[0].cards) {
		r.phase = settled
		return nil
	}
	r.phase = playing
	return nil
}

// active is the index of the hand in play: the first open one.
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

// act takes one action. Players send actions one by one, so a refusal does not say which one it was.
func (r *round) act(action string) error {
	if !slices.Contains(actions, action) {
		return games.Refusef("unknown_action", "There is no such action. The actions are %s.", strings.Join(actions, ", "))
	}
	if r.phase == settled {
		return games.Refusef("round_settled", "The round is settled; it takes no more actions.")
	}
	if allowed := r.allowed(); !slices.Contains(allowed, action) {
		return games.Refusef("action_not_allowed", "The action %s is not allowed now; the rules allow %s.", action, strings.Join(allowed, ", "))
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

// take deals one card to a hand. A hand of 21 stands automatically; a hand above 21 is bust.
func (r *round) take(i int) error {
	h := &r.hands[i]
	if err := r.draw(&h.cards); err != nil {
		return err
	}
	if total, _ := Total(h.cards); total > bestTotal {
		h.state = busted
	} else if total == bestTotal {
		h.state = standing
	}
	return nil
}

// split makes two hands of one, the second right after the first, and deals a card to the first, then to the second.
// Split aces then stand.
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

// finish settles the round. The dealer draws only if a hand of the player stands.
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

// anyStands says whether any hand of the player stands, so that the dealer must play.
func (r *round) anyStands() bool {
	return slices.ContainsFunc(r.hands, func(h hand) bool { return h.state == standing })
}

// staked is everything that the player has paid into the round so far.
func (r *round) staked() games.Coins {
	sum := r.insurance
	for _, h := range r.hands {
		sum += h.stake
	}
	return sum
}

// payout is what a settled round pays, stakes included.
func (r *round) payout() games.Coins {
	sum := r.insurancePays()
	for _, h := range r.hands {
		_, pays := r.result(h)
		sum += pays
	}
	return sum
}

// insurancePays is what insurance pays, its price included: 3 times the price if the dealer has a blackjack, else 0.
func (r *round) insurancePays() games.Coins {
	if r.phase == settled && isNatural(r.dealer) {
		return (1 + insurancePays) * r.insurance
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

// result is a hand's result in a settled round, and what it pays. Halves are rounded down.
func (r *round) result(h hand) (result string, pays games.Coins) {
	natural := len(r.hands) == 1 && isNatural(h.cards) // 21 in two cards after a split is not a blackjack
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
		return Blackjack, h.stake + naturalPays*h.stake/naturalPer
	case isNatural(r.dealer):
		return Lose, 0
	case dealer > bestTotal || player > dealer:
		return Win, 2 * h.stake
	case player == dealer:
		return Push, h.stake
	}
	return Lose, 0
}
