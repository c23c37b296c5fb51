package machine

import (
	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// Figures sums up the casino, game by game.
func (h *Record) Figures(c *games.Catalogue) command.Figures {
	f := command.Figures{
		Accounts: uint64(h.NextAccount - command.FirstAccountID), Sessions: h.Sessions, OpenRounds: h.OpenRounds, Events: h.Events,
		LedgerSum: h.Books.Sum(), Escrow: h.Books.Of(ledger.Escrow), Issue: h.Books.Of(ledger.Issue),
		Players: h.Books.Players, Houses: make(map[string]command.GameFigures, len(c.Games())),
	}
	for _, game := range c.Games() {
		g := h.Games.Of(game.Number)
		f.Houses[game.Name] = command.GameFigures{Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, Balance: h.Books.Of(ledger.House(game))}
	}
	return f
}

// Statistics sums up an account's settled rounds, game by game in the order of the catalogue.
func (r *Reader) Statistics(id command.AccountID, c *games.Catalogue) (list []command.GameStatistics, err error) {
	w, _, err := r.Wallet(id)
	for _, game := range c.Games() {
		g := w.Games.Of(game.Number)
		list = append(list, command.GameStatistics{Game: game.Name, Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, BiggestWin: g.Biggest})
	}
	return list, err
}

// CountPairs counts the revealed seed pairs of all accounts.
func (r *Reader) CountPairs() (uint64, error) { return r.count(tablePairs) }

// CountSettlements counts the rounds that were settled by a later event than the one that opened them.
func (r *Reader) CountSettlements() (uint64, error) { return r.count(tableSettlements) }

func (r *Reader) count(table int) (n uint64, err error) {
	err = r.view.Each(table, nil, func(_, _ []byte) error { n++; return nil })
	return n, err
}

// CountImports counts the rows of other casinos' databases that were imported.
func (r *Reader) CountImports() (uint64, error) { return r.count(tableImports) }
