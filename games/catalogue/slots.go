package catalogue

import (
	"fmt"
	"math/big"

	"imperio/games"
	"imperio/games/odds"
	"imperio/games/slots"
)

func slotMachine() games.Descriptor {
	d := games.Descriptor{Number: 3, Name: "slots", Title: "Cherry Charm", MinStake: 1, Default: "slots/2"}
	for _, m := range slots.Versions() {
		d.Versions = append(d.Versions, &games.Version{Game: m, Sheet: func() games.Sheet { return slotsSheet(m) }})
	}
	return d
}

func slotsSheet(m *slots.Machine) games.Sheet {
	d := odds.Slots(m)
	s := games.Sheet{
		Text:    m.Words(),
		Figures: d.Figures(fmt.Sprintf("exact, by enumeration of all %d outcomes", d.Outcomes())),
	}
	chances := odds.SlotsLines(m)
	for i, l := range m.Lines() {
		condition := "all three reels show it"
		if l.Count == 2 {
			condition = "the first two reels show it, the third does not"
		}
		p := big.NewRat(chances[i], d.Outcomes())
		s.Pays = append(s.Pays, games.Line{
			Name: l.Name, Pays: fmt.Sprintf("%d times the stake", l.Pays), Multiplier: float64(l.Pays),
			Condition: condition, Probability: p.RatString(), ProbabilityDecimal: odds.Decimal(p),
		})
	}
	return s
}
