package blackjack

import (
	"imperio/games"
)

// The steps of a round that are not the player's actions.
const (
	Deal       = "deal"        // a card of the deal
	Look       = "look"        // the dealer looks at the hole card
	DealerTurn = "dealer_turn" // the dealer turns the hole card and draws
)

// Step is one thing that happened in a round: a card dealt to a hand, or a decision without a card. A split deals two
// cards, so it makes two steps.
type Step struct {
	What  string      `json:"what"`           // deal, look, dealer_turn, or the player's action
	Hand  int         `json:"hand"`           // the player's hand, from 1, in their order after the step; 0 for the dealer
	Card  *CardFace   `json:"card,omitempty"` // the card dealt
	Total int         `json:"total"`          // of the hand after the step; for a look, of the dealer's two cards
	Soft  bool        `json:"soft"`
	Stake games.Coins `json:"stake,omitempty"` // the hand's, after a double or a split; for insurance its price
}

// Steps lists the steps of the round, from the first card in draws to the last. It reveals the hole card: use it only
// for rounds whose server seed is known.
func (t *Table) Steps(draws []uint16, w games.Wager) ([]Step, error) {
	r, err := replay(&record{draws: draws}, games.Wager{Stake: w.Stake, Bets: w.Bets})
	if err != nil {
		return nil, err
	}
	s := &steps{round: r}
	player, dealer := r.hands[0].cards, r.dealer
	s.add(Deal, 1, player[:1], true)
	s.add(Deal, 0, dealer[:1], true)
	s.add(Deal, 1, player, true)
	s.add(Deal, 0, dealer, true)
	if r.phase != insuring {
		s.look()
	}
	for _, action := range w.Actions {
		active := r.active()
		if err := r.act(action); err != nil {
			return nil, err
		}
		s.tell(action, active)
	}
	return s.list, nil
}

// steps collects the steps of a round as it is played.
type steps struct {
	round *round
	list  []Step
}

// add records what happened to a hand; dealt says that its last card is new.
func (s *steps) add(what string, hand int, cards []Card, dealt bool) *Step {
	step := Step{What: what, Hand: hand}
	step.Total, step.Soft = Total(cards)
	if dealt {
		step.Card = &faces(cards[len(cards)-1:])[0]
	}
	s.list = append(s.list, step)
	return &s.list[len(s.list)-1]
}

// look records that the dealer peeks at the hole card, if the rules say so.
func (s *steps) look() {
	if value := s.round.dealer[0].Value(); value == 1 || value == 10 {
		s.add(Look, 0, s.round.dealer[:2], false)
	}
}

// tell records the action that was just taken on the hand with the given index, and everything that followed.
func (s *steps) tell(action string, active int) {
	r := s.round
	switch action {
	case Insurance, DeclineInsurance:
		s.add(action, 1, r.hands[0].cards, false).Stake = r.insurance
		s.look()
		return // nobody has drawn
	case Split:
		for i := active; i <= active+1; i++ {
			s.add(action, i+1, r.hands[i].cards, true).Stake = r.hands[i].stake
		}
	case Double:
		s.add(action, active+1, r.hands[active].cards, true).Stake = r.hands[active].stake
	default:
		s.add(action, active+1, r.hands[active].cards, action == Hit)
	}
	if r.phase == settled && r.anyStands() {
		s.add(DealerTurn, 0, r.dealer[:2], false)
		for i := range r.dealer[2:] {
			s.add(DealerTurn, 0, r.dealer[:i+3], true)
		}
	}
}
