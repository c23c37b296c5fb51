package machine

import (
	"slices"

	"imperio/games"
	"imperio/storage/command"
)

// Beside the chain of all its events (Event.Back), an account has short chains (Event.BackAlike): one of each game's rounds,
// and one of coins that come or go outside of rounds. So a list of few events among many costs what it returns.

// Chain is a short chain of an account's events: the number of the game whose rounds it holds, or CoinsChain.
type Chain uint16

// CoinsChain holds the events that move coins and belong to no round. No game has its number.
const CoinsChain Chain = 0

// Chain says which short chain an event is in; ok is false if it is in none.
func (e *Event) Chain(c *games.Catalogue) (chain Chain, ok bool) {
	if e.Round != nil {
		game, ok := c.Named(e.Game())
		if !ok {
			return 0, false
		}
		return Chain(game.Number), true
	}
	return CoinsChain, len(e.Transfers) > 0
}

// ChainOf is the short chain that holds all transfers of a kind; ok is false if there is none.
func ChainOf(k command.TransferKind) (chain Chain, ok bool) {
	switch k {
	case command.TransferWelcome, command.TransferDaily, command.TransferGrant, command.TransferClosing,
		command.TransferImport, command.TransferReturned:
		return CoinsChain, true
	}
	return 0, false
}

// Newest is the newest event of a short chain; 0 if there is none.
func (w *WalletRecord) Newest(chain Chain) uint64 {
	if chain == CoinsChain {
		return w.LastCoins
	}
	return w.Games.Of(uint16(chain)).Last
}

// Follow puts an event at the end of a short chain, and returns the one before it.
func (w *WalletRecord) Follow(chain Chain, event uint64) (before uint64) {
	before = w.Newest(chain)
	if chain == CoinsChain {
		w.LastCoins = event
		return before
	}
	i, ok := w.Games.find(uint16(chain))
	if ok {
		w.Games = slices.Clone(w.Games)
	} else {
		w.Games = slices.Insert(slices.Clip(w.Games), i, GameRecord{Game: uint16(chain)})
	}
	w.Games[i].Last = event
	return before
}
