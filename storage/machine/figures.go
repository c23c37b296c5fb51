package machine

import (
	"imperio/storage/command"
	"imperio/storage/ledger"
)

// Figures sums up the casino.
func (h *Record) Figures() command.Figures {
	f := command.Figures{
		Accounts: uint64(h.NextAccount - command.FirstAccountID), Sessions: h.Sessions, OpenRounds: h.OpenRounds, Events: h.Events,
		LedgerSum: h.Books.Sum(), Escrow: h.Books.House[ledger.Escrow], Issue: h.Books.House[ledger.Issue],
		Players: h.Books.Players, Houses: make(map[string]command.GameFigures, len(ledger.Games)),
	}
	for i, g := range h.Games {
		f.Houses[ledger.Games[i]] = command.GameFigures{
			Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, Balance: h.Books.House[ledger.HouseSlots+ledger.Account(i)],
		}
	}
	return f
}

// Statistics sums up an account's settled rounds, game by game in the ledger's order.
func (r *Reader) Statistics(id command.AccountID) (list []command.GameStatistics, err error) {
	w, _, err := r.Wallet(id)
	for i, g := range w.Games {
		list = append(list, command.GameStatistics{
			Game: ledger.Games[i], Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid, BiggestWin: g.Biggest,
		})
	}
	return list, err
}

// CountSessions counts the sessions.
func (r *Reader) CountSessions() (uint64, error) { return r.count(tableSessions) }

// CountPairs counts the revealed seed pairs of all accounts.
func (r *Reader) CountPairs() (uint64, error) { return r.count(tablePairs) }

// CountSettlements counts the rounds that another event settled than the one that opened them.
func (r *Reader) CountSettlements() (uint64, error) { return r.count(tableSettlements) }

func (r *Reader) count(table int) (n uint64, err error) {
	err = r.view.Each(table, nil, func(_, _ []byte) error { n++; return nil })
	return n, err
}
