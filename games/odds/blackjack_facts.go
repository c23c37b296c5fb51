package odds

import (
	"math/big"

	"imperio/games/blackjack"
)

// DealerFinish says how the dealer of blackjack/1 finishes with one up card, if no other card of the shoe is known.
type DealerFinish struct {
	Up        int        // 1 for an ace … 10
	Totals    [5]float64 // the chances of 17, 18, 19, 20, and of 21 without a blackjack
	Blackjack float64
	Bust      float64
}

// DealerFinishes enumerates every sequence of the dealer's cards, for the up cards from 2 to 10 and then the ace. Only float64
// rounding is inexact.
func DealerFinishes() []DealerFinish { return dealerFinishes(blackjack.Decks) }

func dealerFinishes(decks int) []DealerFinish {
	var list []DealerFinish
	for _, up := range []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 1} {
		shoe := fullShoe(decks)
		shoe.remove(up, 1)
		d := DealerFinish{Up: up}
		if f := forbiddenHole(up); f > 0 {
			d.Blackjack = float64(shoe[f]) / float64(shoe[0])
		}
		for result, chance := range newDealerTable(up).outcomes(&shoe) { // if there is no blackjack
			if chance *= 1 - d.Blackjack; result == dealerBust {
				d.Bust = chance
			} else {
				d.Totals[result] = chance
			}
		}
		list = append(list, d)
	}
	return list
}

// Insurance is the average net result of the insurance bet of blackjack/1, per coin of insurance. It is exact.
type Insurance struct {
	Average *big.Rat    // if the player's cards are not known
	ByTens  [3]*big.Rat // if none, one or both of the player's two cards are ten-valued
}

// EvaluateInsurance computes it: the bet pays 2 to 1 if the hole card is one of the ten-valued cards that are not seen.
func EvaluateInsurance() Insurance { return evaluateInsurance(blackjack.Decks) }

func evaluateInsurance(decks int) Insurance {
	shoe := fullShoe(decks)
	shoe.remove(1, 1) // the dealer's ace
	net := func(tens, cards int) *big.Rat { return big.NewRat(int64(2*tens-(cards-tens)), int64(cards)) }
	v := Insurance{Average: net(shoe[10], shoe[0])}
	for tens := range v.ByTens {
		v.ByTens[tens] = net(shoe[10]-tens, shoe[0]-2)
	}
	return v
}
