package blackjack

import (
	_ "embed"

	"imperio/games"
	"imperio/games/rulebook"
)

//go:embed rules.json
var rulesFile []byte

var book = rulebook.Read("blackjack", rulesFile)

// bestTotal is the total above which a hand is bust.
const bestTotal = 21

// Words states the rules. {time} stands for how long an open round waits for its player.
func (t *Table) Words() []games.Rule {
	n := rulebook.Number[int64]
	return book.Rules(t.rules, rulebook.Figures{
		"decks": n(Decks), "ten": n(10), "ace_low": n(1), "ace_high": n(11), "best": n(bestTotal), "hands": n(MaxHands),
		"stands": n(dealerStands), "draws": n(dealerStands - 1), "one": n(1),
		"natural": n(naturalPays), "natural_per": n(naturalPer), "insurance": n(insurancePays),
	})
}
