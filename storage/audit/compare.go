package audit

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"imperio/games"
	"imperio/games/fair"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
)

// compare checks the machine's state against the books kept from the history.
func (a *auditor) compare() error {
	if err := a.compareAccounts(); err != nil {
		return err
	}
	if err := a.compareOpenRounds(); err != nil {
		return err
	}
	if err := a.compareCounts(); err != nil {
		return err
	}
	if err := a.compareImports(); err != nil {
		return err
	}
	if err := a.compareKeys(); err != nil {
		return err
	}
	if err := a.compareSeasons(); err != nil {
		return err
	}
	m := &a.machine
	if m.Time < a.time {
		return violation(0, "the machine's time is before that of the newest event")
	}
	if m.Lineage != a.lineage {
		return violation(0, "the history is of the lineage %q, the machine says %q", a.lineage, m.Lineage)
	}
	if err := a.compareBooks(); err != nil {
		return err
	}
	if err := a.compareGames(); err != nil {
		return err
	}
	a.report.Coins, a.report.Escrow, a.report.Issued = a.players, a.house[ledger.Escrow], -a.house[ledger.Issue]
	return nil
}

// compareBooks checks the balances of the house, and the sum of all players' balances, against the transfers.
func (a *auditor) compareBooks() error {
	books := &a.machine.Books
	sum := a.players
	var house []ledger.Balance
	for _, who := range slices.Sorted(maps.Keys(a.house)) {
		balance := a.house[who]
		sum += balance
		house = append(house, ledger.Balance{Account: who, Coins: balance})
		if said := books.Of(who); said != balance {
			return violation(0, "the balance of %s is %d by its transfers, the machine says %d", a.name(who), balance, said)
		}
	}
	if !slices.Equal(house, books.House) {
		return violation(0, "the house has the balances %v by its transfers, the machine says %v", house, books.House)
	}
	if books.Players != a.players {
		return violation(0, "the balances of all players add up to %d, the machine says %d", a.players, books.Players)
	}
	if sum != 0 {
		return violation(0, "the sum of all balances is %d", sum)
	}
	return nil
}

// compareGames checks the sums of each game against its rounds.
func (a *auditor) compareGames() error {
	for _, game := range a.catalogue.Games() {
		g, said := a.games.Of(game.Number), a.machine.Games.Of(game.Number)
		if g != said {
			return violation(0, "%s has %s by its rounds, the machine says %s", game.Name, figures(g), figures(said))
		}
		a.report.Games = append(a.report.Games, Totals{Game: game.Name, Rounds: g.Rounds, Staked: g.Staked, Paid: g.Paid})
	}
	if !slices.Equal(a.games, a.machine.Games) {
		return violation(0, "the sums of the games are %v by their rounds, the machine says %v", a.games, a.machine.Games)
	}
	return nil
}

// compareKeys checks the index of used idempotency keys.
func (a *auditor) compareKeys() error {
	return a.snapshot.Read(func(r *machine.Reader) error {
		what, err := a.keys.Compare(r)
		if err == nil && what != "" {
			err = violation(0, "%s", what)
		}
		return err
	})
}

func figures(g machine.GameRecord) string {
	return fmt.Sprintf("%d rounds, %d staked, %d paid and a biggest win of %d", g.Rounds, g.Staked, g.Paid, g.Biggest)
}

// compareCounts checks the number of sessions, revealed pairs and settlements. The history only looks these up one by one,
// so the counts show that there are no others.
func (a *auditor) compareCounts() error {
	sessions, indexed, err := a.snapshot.CountSessions()
	if err != nil {
		return err
	}
	if sessions != a.machine.Sessions {
		return violation(0, "there are %d sessions, the machine says %d", sessions, a.machine.Sessions)
	}
	if !indexed {
		return violation(0, "the index of when sessions expire is not that of the sessions")
	}
	pairs, err := a.snapshot.CountPairs()
	if err != nil {
		return err
	}
	if pairs != a.pairs {
		return violation(0, "%d seed pairs are kept as revealed, the history reveals %d", pairs, a.pairs)
	}
	settled, err := a.snapshot.CountSettlements()
	if err != nil {
		return err
	}
	if settled != a.settled {
		return violation(0, "%d rounds are kept as settled by a later event, the history settles %d", settled, a.settled)
	}
	return nil
}

// compareAccounts checks every wallet, and every account's names and seeds, against its events.
func (a *auditor) compareAccounts() error {
	next := command.FirstAccountID
	if err := a.snapshot.Accounts(func(id command.AccountID, r *machine.AccountRecord, found bool) error {
		if id != next || int(id-command.FirstAccountID) >= len(a.accounts) {
			return violation(0, "there is an account %d that the history does not know", id)
		}
		if !found {
			return violation(0, "the name or e-mail address of account %d leads to another one", id)
		}
		if deleted := a.accounts[id-command.FirstAccountID].Deleted; deleted != (r.DeletedAt != 0) {
			return violation(0, "account %d is deleted: %t by its events, %t by its record", id, deleted, r.DeletedAt != 0)
		}
		next++
		if err := a.step(); err != nil {
			return err
		}
		return a.compareSeeds(id)
	}); err != nil {
		return err
	}
	if count := uint64(next - command.FirstAccountID); count != uint64(len(a.accounts)) || next != a.machine.NextAccount {
		return violation(0, "there are %d accounts, the history opens %d, the machine's next is %d", count, len(a.accounts), a.machine.NextAccount)
	}
	a.report.Accounts = uint64(len(a.accounts))

	wallets := 0
	if err := a.snapshot.Wallets(func(id command.AccountID, w *machine.WalletRecord) error {
		wallets++
		i := int(id) - int(command.FirstAccountID)
		if i < 0 || i >= len(a.accounts) {
			return violation(0, "there is a wallet of account %d, which does not exist", id)
		}
		acc := &a.accounts[i].WalletRecord
		switch {
		case w.Balance != acc.Balance || w.Held != acc.Held:
			return violation(0, "account %d has %d coins and %d held by its transfers, its wallet says %d and %d", id, acc.Balance, acc.Held, w.Balance, w.Held)
		case w.Nonce != acc.Nonce || w.Last != acc.Last || w.OpenRound != acc.OpenRound:
			return violation(0, "account %d is at nonce %d, event %d, open round %d; its wallet says %d, %d, %d", id, acc.Nonce, acc.Last, acc.OpenRound, w.Nonce, w.Last, w.OpenRound)
		case w.Deleted != acc.Deleted:
			return violation(0, "account %d is deleted: %t by its events, %t by its wallet", id, acc.Deleted, w.Deleted)
		case w.LastCoins != acc.LastCoins:
			return violation(0, "the newest event of account %d that moves coins outside of rounds is %d, its wallet says %d", id, acc.LastCoins, w.LastCoins)
		case w.Entry != acc.Entry || w.Achieved != acc.Achieved:
			return violation(0, "account %d takes part in seasons as entry %d and has %d achievements; its wallet says %d and %d",
				id, acc.Entry, acc.Achieved.Count(), w.Entry, w.Achieved.Count())
		case !slices.Equal(w.Games, acc.Games):
			return violation(0, "the statistics of account %d are not those of its rounds", id)
		}
		return a.step()
	}); err != nil {
		return err
	}
	if wallets != len(a.accounts) {
		return violation(0, "there are %d wallets for %d accounts", wallets, len(a.accounts))
	}
	return nil
}

// compareSeeds checks an account's seeds against their commitments.
func (a *auditor) compareSeeds(id command.AccountID) error {
	s, ok, err := a.snapshot.Seeds(id)
	if err != nil {
		return err
	}
	acc := &a.accounts[id-command.FirstAccountID]
	unchosen := acc.seeds.Client == fair.DefaultClientSeed(strconv.FormatUint(uint64(id), 10))
	if !ok || s.Pair != acc.pair || s.FirstEvent != acc.since || s.Default != unchosen || s.Client != acc.seeds.Client ||
		s.Server.Commitment != acc.seeds.Active || s.Next.Commitment != acc.seeds.Next {
		return violation(0, "the seeds of account %d are not those that were committed to", id)
	}
	for _, sealed := range [2]command.SealedSeed{s.Server, s.Next} {
		a.report.Sealed++
		if !a.report.Key {
			continue
		}
		if _, ok := a.snapshot.OpenSeed(sealed); !ok {
			return violation(0, "the sealed seeds of account %d are not those that were committed to", id)
		}
	}
	return nil
}

// compareOpenRounds checks the open rounds against the history, and escrow against their stakes.
func (a *auditor) compareOpenRounds() error {
	var staked games.Coins
	if err := a.snapshot.OpenRounds(func(id command.RoundID, o *machine.OpenRoundRecord) error {
		r := a.open[id]
		if r == nil || r.account != o.Account || r.acted != o.ActedAt || !reflect.DeepEqual(r.record, o.Round) {
			return violation(0, "round %d of account %d is kept as open, but not as the history left it", id, o.Account)
		}
		staked += o.Round.Staked
		a.report.Open++
		return nil
	}); err != nil {
		return err
	}
	if a.report.Open != uint64(len(a.open)) || a.report.Open != a.machine.OpenRounds {
		return violation(0, "%d rounds are kept as open, %d are by the history, the machine says %d", a.report.Open, len(a.open), a.machine.OpenRounds)
	}
	if staked != a.house[ledger.Escrow] {
		return violation(0, "escrow holds %d, the open rounds' stakes are %d", a.house[ledger.Escrow], staked)
	}
	return nil
}
