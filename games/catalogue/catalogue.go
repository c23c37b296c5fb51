// Package catalogue is the list of the games that this program knows. Each game has a file here with its descriptor: how
// it is identified in stored data, and its sheets of rules in words, pays, return and edge.
package catalogue

import (
	"sync"

	"imperio/games"
)

// released is constant. It is made at first use, since most commands of the program need no game.
var released = sync.OnceValue(func() *games.Catalogue {
	c, err := games.NewCatalogue(
		slotMachine(),
		rouletteWheel(),
		blackjackTable(),
	)
	if err != nil {
		panic(err) // a descriptor of this package is wrong, which its tests show
	}
	return c
})

// Released is the catalogue of all released games.
func Released() *games.Catalogue { return released() }
