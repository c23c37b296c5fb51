package legacy

import (
	"fmt"
	"slices"
	"strings"

	"imperio/games"
	blackjackgame "imperio/games/blackjack"
)

// table is a round of blackjack as the older front end reads it. It holds neither the hole card nor the shoe: the API does not
// tell them before the round is settled.
type table struct {
	ID               uint64      `json:"id"`
	PlayerCoins      games.Coins `json:"player_coins"`
	DealerHand       []card      `json:"dealer_hand"`
	PlayerHand       []card      `json:"player_hand"`
	PlayerSecondHand []card      `json:"player_second_hand"`
	CurrentWager     games.Coins `json:"current_wager"` // doubled after a double; of each hand after a split
	GameOver         bool        `json:"game_over"`
	Message          string      `json:"message"`
	PlayerStood      bool        `json:"player_stood"`
	DoubleDown       bool        `json:"double_down"`
	Split            bool        `json:"split"`
	CurrentHand      string      `json:"current_hand"` // first or second
	DealerValue      *int        `json:"dealer_value"` // nil before the end
	CanDoubleDown    bool        `json:"can_double_down"`
	CanSplit         bool        `json:"can_split"`
}

// card is a card as the older front end reads it: its picture is found by suit and name.
type card struct {
	Suit  string `json:"suit"`  // hearts, diamond, clubs, spades
	Name  string `json:"name"`  // 2 … 10, Jack, Queen, King, Ace
	Value int    `json:"value"` // 11 for an ace
}

func emptyTable() *table {
	return &table{DealerHand: []card{}, PlayerHand: []card{}, PlayerSecondHand: []card{}, GameOver: true, CurrentHand: "first"}
}

func viewTable(p *position) *table {
	t := emptyTable()
	t.ID, t.PlayerCoins, t.GameOver = p.Round.ID, p.Coins, p.Settled
	t.DealerHand, t.CurrentWager = cards(p.Dealer.Cards), p.Round.Stake
	for i, h := range p.Hands {
		switch i {
		case 0:
			t.PlayerHand, t.CurrentWager = cards(h.Cards), h.Stake
		case 1:
			t.PlayerSecondHand, t.Split = cards(h.Cards), true
			if h.Active || p.Settled {
				t.CurrentHand = "second"
			}
			if h.Active {
				t.CurrentWager = h.Stake
			}
		}
		t.DoubleDown = t.DoubleDown || h.Doubled
		t.PlayerStood = t.PlayerStood || p.Settled && (h.Result == nil || *h.Result != "bust" && *h.Result != "surrender")
	}
	if p.Settled {
		t.DealerValue, t.Message = &p.Dealer.Total, outcome(p)
		return t
	}
	t.CanDoubleDown = slices.Contains(p.Allowed, blackjackgame.Double)
	t.CanSplit = slices.Contains(p.Allowed, blackjackgame.Split) && len(p.Hands) < most
	return t
}

func cards(faces []blackjackgame.CardFace) []card {
	list := make([]card, len(faces))
	for i, f := range faces {
		list[i] = viewCard(f)
	}
	return list
}

func viewCard(f blackjackgame.CardFace) card {
	c := card{Suit: f.Suit, Name: f.Rank, Value: 10}
	if f.Suit == "diamonds" {
		c.Suit = "diamond"
	}
	switch f.Rank {
	case "ace":
		c.Value = 11
	case "jack", "queen", "king":
	default:
		_, _ = fmt.Sscan(f.Rank, &c.Value) // 2 to 10: it can't fail
		return c
	}
	c.Name = strings.ToUpper(f.Rank[:1]) + f.Rank[1:]
	return c
}

// outcome says in words how a round has ended.
func outcome(p *position) string {
	var parts []string
	for i, h := range p.Hands {
		if h.Result == nil {
			continue
		}
		said := results[*h.Result]
		if len(p.Hands) > 1 {
			said = fmt.Sprintf("Hand %d: %s", i+1, strings.ToLower(said[:1])+said[1:])
		}
		parts = append(parts, said)
	}
	if p.Dealer.Blackjack {
		parts = append([]string{"The dealer has a blackjack."}, parts...)
	}
	if p.Payout > 0 {
		parts = append(parts, fmt.Sprintf("You get %s.", p.Payout.Words()))
	}
	return strings.Join(parts, " ")
}

var results = map[string]string{
	"win": "You win!", "lose": "You lose.", "push": "It's a tie.", "blackjack": "Blackjack!", "bust": "Bust.", "surrender": "You gave up.",
}
