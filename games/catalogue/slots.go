package catalogue

import (
	"fmt"
	"math/big"
	"strings"

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
		Text: []string{
			fmt.Sprintf("Three reels stop independently, each at one of %d equally likely stops, numbered %d to %d.",
				slots.Stops, slots.FirstStop, slots.FirstStop+slots.Stops-1),
			"Two neighbouring stops (15 and 16, 17 and 18, and so on) show the same symbol of the reel's strip.",
			"Three equal symbols pay as the table says. Two equal symbols pay if they are on the first two reels and the third reel shows another symbol.",
			"Payouts include the stake. Only the highest line pays, and a spin settles at once.",
			"The same stake always has the same chances: earlier rounds don't change them.",
		},
		Figures: d.Figures(fmt.Sprintf("exact, by enumeration of all %d outcomes", d.Outcomes())),
	}
	for reel := range slots.Reels {
		var symbols []string
		for _, symbol := range slots.Strip(reel) {
			symbols = append(symbols, string(symbol))
		}
		s.Text = append(s.Text, fmt.Sprintf("Strip of reel %d: %s.", reel+1, strings.Join(symbols, ", ")))
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
