// Package catalogue lists the games that this program knows. Each game has a file here with its descriptor: how stored
// data identifies it, and its sheets with rules in words, pays, return and edge.
package catalogue

import (
	"sync"

	"imperio/games"
)

// released is constant. It is made at first use, since most verbs need no games.
var released = sync.OnceValue(func() *games.Catalogue {
	c, err := games.NewCatalogue(
		slotMachine(),
		rouletteWheel(),
		blackjackTable(),
	)
	if err != nil {
		panic(err) // a descriptor in this package is wrong; its tests would show it
	}
	return c
})

// Released is the catalogue of all released games.
func Released() *games.Catalogue { return released() }
