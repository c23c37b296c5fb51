package slots

import (
	_ "embed"
	"fmt"
	"strings"

	"imperio/games"
	"imperio/games/rulebook"
)

//go:embed rules.json
var rulesFile []byte

var book = rulebook.Read("slots", rulesFile)

var symbolWords = map[Symbol]games.Words{
	Cherry: {EN: "cherry", ES: "cereza", DE: "Kirsche"},
	Lemon:  {EN: "lemon", ES: "limón", DE: "Zitrone"},
	Banana: {EN: "banana", ES: "plátano", DE: "Banane"},
	Apple:  {EN: "apple", ES: "manzana", DE: "Apfel"},
}

// Words states the rules.
func (m *Machine) Words() []games.Rule {
	n := rulebook.Number[int64]
	f := rulebook.Figures{
		"reels": n(Reels), "stops": n(Stops), "first": n(FirstStop), "second": n(FirstStop + 1), "last": n(FirstStop + Stops - 1),
	}
	for reel := range Reels {
		var en, es, de []string
		for _, s := range Strip(reel) {
			w := symbolWords[s]
			en, es, de = append(en, w.EN), append(es, w.ES), append(de, w.DE)
		}
		f[fmt.Sprintf("strip_%d", reel+1)] = games.Words{EN: strings.Join(en, ", "), ES: strings.Join(es, ", "), DE: strings.Join(de, ", ")}
	}
	return book.Rules(m.rules, f)
}
