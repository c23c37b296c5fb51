package catalogue

import (
	"fmt"

	"imperio/games"
	"imperio/games/blackjack"
	"imperio/games/odds"
)

func blackjackTable() games.Descriptor {
	d := games.Descriptor{
		Number: 5, Name: "blackjack", Title: "Blackjack", Default: "blackjack/1", MinStake: blackjack.MinStake,
		Actions: blackjack.Actions(), Cost: blackjack.Cost,
	}
	for _, t := range blackjack.Versions() {
		d.Versions = append(d.Versions, &games.Version{
			Game: t, Sheet: blackjackSheet, Abandoned: &games.Abandonment{Words: abandoned, Actions: t.Abandoned},
		})
	}
	return d
}

func abandoned(after string) string {
	return fmt.Sprintf("A round in which its player does nothing for %s is settled: insurance is declined, and every hand stands.", after)
}

func blackjackSheet() games.Sheet {
	r := odds.RecordedBlackjack()
	return games.Sheet{
		Text: []string{
			fmt.Sprintf("%d decks, freshly shuffled for each round. Ten, jack, queen and king count 10; an ace counts 1 or 11.", blackjack.Decks),
			"The player gets a card, the dealer a card face up, the player a second card, the dealer the hole card face down.",
			"Under an ace the player first decides on insurance: half the stake, which pays 2 to 1 if the dealer has a blackjack and is lost if not.",
			"Under an ace, after that decision, and under a ten-value card the dealer looks at the hole card. A blackjack of the dealer ends the round at once.",
			"An ace with a ten-value card as the first two cards is a blackjack and pays 3 to 2 at once; against a blackjack of the dealer the stake comes back. After a split it is an ordinary 21.",
			"Hit takes a card, stand ends the hand. A hand of 21 stands by itself; a hand above 21 is lost.",
			"Double is for the first two cards of a hand, also after a split: the stake is doubled, and the hand takes exactly one card.",
			fmt.Sprintf("Split is for two cards of equal value, to at most %d hands. Each hand gets a card at once and is played in turn.", blackjack.MaxHands),
			"Split aces take one card each and stand; they are not split again.",
			"Surrender is for the first two cards, as the first action after the insurance decision, if there is one: half the stake comes back. It is not for hands of a split.",
			"The dealer draws to 16 and stands on every 17, soft or hard. If no hand of the player is left standing, the dealer does not draw.",
			"A higher total wins 1 to 1, an equal total returns the stake, and a dealer above 21 loses to every hand that stands.",
			"Halves of odd stakes are rounded down: even stakes are exact.",
		},
		Pays: []games.Line{
			{Name: "blackjack", Pays: "3 to 2", Multiplier: 2.5, Condition: "an ace and a ten-value card as the first two cards, and the dealer has no blackjack"},
			{Name: "win", Pays: "1 to 1", Multiplier: 2, Condition: "a total above the dealer's, or the dealer passes 21"},
			{Name: "push", Pays: "the stake back", Multiplier: 1, Condition: "a total equal to the dealer's"},
			{Name: "surrender", Pays: "half the stake back", Multiplier: 0.5, Condition: "the hand is given up as the first action after the insurance decision, if there is one"},
			{Name: "insurance", Pays: "2 to 1 on the insurance", Multiplier: 3, Condition: "the dealer has a blackjack under an ace"},
		},
		Figures: games.Figures{
			ReturnDecimal: 1 - r.BasicEdge, HouseEdgeDecimal: r.BasicEdge,
			HitFrequencyDecimal: r.HitFrequency, VarianceDecimal: r.Volatility * r.Volatility, Volatility: r.Volatility,
			Method: fmt.Sprintf("for the published basic strategy, per initial stake: return and edge exact, by enumeration of all deals and draws "+
				"(%.4f %% edge against best play); hit frequency, variance and volatility by simulation of %d hands",
				100*r.BestEdge, r.Hands),
			Simulation: &games.SimulatedFigures{
				Hands: r.Hands, HouseEdge: r.SimulatedEdge, Interval99: odds.Sigma99 * r.StandardError, AverageStaked: r.AverageStaked,
			},
		},
	}
}
