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
	return fmt.Sprintf("If the player does nothing for %s, the round is settled: insurance is declined, and every hand stands.", after)
}

func blackjackSheet() games.Sheet {
	r := odds.RecordedBlackjack()
	return games.Sheet{
		Text: []string{
			fmt.Sprintf("%d decks, freshly shuffled for each round. Ten, jack, queen and king count 10; an ace counts 1 or 11.", blackjack.Decks),
			"The deal is a card to the player, a card face up to the dealer, a second card to the player, and the hole card face down to the dealer.",
			"If the dealer shows an ace, the player first decides on insurance. It costs half the stake, pays 2 to 1 if the dealer has a blackjack, and is lost otherwise.",
			"With a ten-value card or, after that decision, an ace, the dealer checks the hole card. A dealer's blackjack ends the round at once.",
			"An ace and a ten-value card as the first two cards are a blackjack, which pays 3 to 2 at once. Against a dealer's blackjack the stake is returned. After a split they are an ordinary 21.",
			"Hit takes a card, stand ends the hand. A hand of 21 stands automatically; a hand above 21 busts and loses.",
			"Double is for the first two cards of a hand, also after a split: it doubles the stake, and the hand takes exactly one more card.",
			fmt.Sprintf("Split is for two cards of equal value, up to %d hands. Each hand gets a card at once, and the hands are played in turn.", blackjack.MaxHands),
			"Split aces take one card each and stand; they can't be split again.",
			"Surrender is allowed only as the first action, after any decision on insurance: it returns half the stake. It is not allowed after a split.",
			"The dealer draws to 16 and stands on every 17, soft or hard. If none of the player's hands stands, the dealer does not draw.",
			"A total above the dealer's wins 1 to 1, and an equal total returns the stake. If the dealer busts, every standing hand wins.",
			"Halves of odd stakes are rounded down.",
		},
		Pays: []games.Line{
			{Name: "blackjack", Pays: "3 to 2", Multiplier: 2.5, Condition: "an ace and a ten-value card as the first two cards, and the dealer has no blackjack"},
			{Name: "win", Pays: "1 to 1", Multiplier: 2, Condition: "a total above the dealer's, or the dealer busts"},
			{Name: "push", Pays: "the stake back", Multiplier: 1, Condition: "a total equal to the dealer's"},
			{Name: "surrender", Pays: "half the stake back", Multiplier: 0.5, Condition: "the hand is given up as the first action, after any decision on insurance"},
			{Name: "insurance", Pays: "2 to 1 on the insurance", Multiplier: 3, Condition: "the dealer shows an ace and has a blackjack"},
		},
		Figures: games.Figures{
			ReturnDecimal: 1 - r.BasicEdge, HouseEdgeDecimal: r.BasicEdge,
			HitFrequencyDecimal: r.HitFrequency, VarianceDecimal: r.Volatility * r.Volatility, Volatility: r.Volatility,
			Method: fmt.Sprintf("for the published basic strategy, per initial stake: return and edge are exact, by enumeration of all deals and draws "+
				"(%.4f %% edge against best play); hit frequency, variance and volatility are from a simulation of %d hands",
				100*r.BestEdge, r.Hands),
			Simulation: &games.SimulatedFigures{
				Hands: r.Hands, HouseEdge: r.SimulatedEdge, Interval99: odds.Sigma99 * r.StandardError, AverageStaked: r.AverageStaked,
			},
		},
	}
}
