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
			Game: t, Sheet: func() games.Sheet { return blackjackSheet(t) }, Abandoned: &games.Abandonment{Actions: t.Abandoned},
		})
	}
	return d
}

func blackjackSheet(t *blackjack.Table) games.Sheet {
	r := odds.RecordedBlackjack()
	return games.Sheet{
		Text: t.Words(),
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
