package storagetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imperio/games"
	"imperio/storage/command"
)

// Differ describes how an answer differs from the predicted one; "" if it does not. A refusal must have a message, but its
// text is not compared.
func Differ(want, got command.Result) string {
	if got.Refusal != nil {
		if got.Refusal.Message == "" {
			return "a refusal without a message"
		}
		r := *got.Refusal
		r.Message = ""
		got.Refusal = &r
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// Compare describes how the readable state of a casino differs from the model; "" if it does not.
func (m *Model) Compare(c *Casino) string {
	s := c.Store
	ctx := context.Background()
	var first string
	check := func(what string, want, got any, err error) {
		if first != "" {
			return
		}
		if err != nil {
			first = fmt.Sprintf("%s: %v", what, err)
		} else if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			first = what + ": " + d
		}
	}
	var open, sessions uint64
	var players, escrow games.Coins
	for id := command.FirstAccountID; id < m.next; id++ {
		p := m.accounts[id]
		account, _, err := s.Account(id)
		check("account", m.account(p), account, err)
		credentials, _, err := s.Credentials(p.nameKey)
		want := command.Credentials{Account: id, PasswordHash: p.hash, Locked: p.locked, OpenedUnder: p.openedUnder, Networks: p.networks}
		if p.excluded.After(m.now) {
			want.Excluded = p.excluded
		}
		if !p.deletedAt.IsZero() {
			want = command.Credentials{} // nobody finds it by a name
		}
		check("credentials", want, credentials, err)
		newest := slices.Clone(p.sessions)
		slices.Reverse(newest)
		list, err := s.Sessions(id)
		check("sessions", newest, list, err)
		for _, token := range p.tokens { // of all sessions that there ever were
			want := m.sessionOf(token)
			one, ok, err := s.Session(token)
			one.CreatedAt, one.UserAgent, one.Address, one.Name = want.CreatedAt, want.UserAgent, want.Address, want.Name // Session leaves these out
			check("session", want, one, err)
			check("session found", want.ID != 0, ok, err)
		}
		link, ok, err := s.PasswordLink(id)
		check("password link in force", p.link.ExpiresAt.After(m.now), ok, err)
		if ok {
			check("password link", p.link, link, err)
		}
		limits, err := s.Limits(id, m.now)
		check("limits", m.limitsOf(p), limits, err)
		fairness, _, err := s.Fairness(id)
		check("fairness", p.fairness(), fairness, err)
		statistics, err := s.Statistics(id)
		check("statistics", p.statistics(m.games), statistics, err)
		m.compareLists(ctx, c, p, check)
		profile, ok, err := s.Profile(id)
		check("profile found", p.deletedAt.IsZero(), ok, err)
		if ok {
			check("profile", m.profile(p), profile, err)
		}

		round, ok, err := s.OpenRound(id)
		if r := p.open(); r != nil {
			open++
			escrow += r.Staked
			check("open round", p.shown(r.Round), round, err)
		} else {
			check("open round found", false, ok, err)
		}
		players += p.coins
		sessions += uint64(len(filter(p.sessions, func(s command.Session) bool { return s.ExpiresAt.After(m.now) })))
	}
	for at, want := range m.imported {
		found, err := s.LookUpRow(command.RowLookup{Source: at.source, Row: at.row})
		check("imported", true, found.Imported != nil, err)
		if got := found.Imported; got != nil {
			want.Untouched = got.Untouched
			if !m.accounts[want.Account].deletedAt.IsZero() {
				want.Mark = command.Subject{}
			}
			check("import", want, *got, nil)
		}
	}
	m.compareSeasons(ctx, c, check)
	check("lineage", m.lineage, s.Lineage(), nil)
	_, ok, err := s.Account(m.next)
	check("next account found", false, ok, err)
	invitations, err := s.Invitations()
	check("invitations", m.invitations(), invitations, err)
	names, err := s.ValueNames("")
	check("number of values", len(m.values), len(names), err)
	for _, name := range names {
		v, _, err := s.Value(name)
		check("value", m.values[name], v, err)
	}
	f := s.Figures()
	f.Houses = nil
	check("figures", command.Figures{
		Accounts: uint64(m.next - command.FirstAccountID), Sessions: sessions, OpenRounds: open, Events: m.events,
		Escrow: escrow, Issue: -m.issued, Players: players,
	}, f, nil)
	return first
}

func (m *Model) compareLists(ctx context.Context, c *Casino, p *player, check func(string, any, any, error)) {
	var want []command.Round
	for _, r := range slices.Backward(p.rounds) {
		want = append(want, p.shown(r.Round))
	}
	rounds, err := collect(func(before uint64) ([]command.Round, uint64, error) {
		return c.Store.Rounds(ctx, p.id, command.Page{Before: before, Limit: 1 + c.random.IntN(5)})
	})
	check("rounds", want, rounds, err)
	transfers, err := collect(func(before uint64) ([]command.Transfer, uint64, error) {
		return c.Store.Transfers(ctx, p.id, command.Page{Before: before, Limit: 1 + c.random.IntN(5)})
	})
	var sum games.Coins
	for _, t := range slices.Backward(transfers) {
		sum += t.Amount
		check("balance after transfer "+t.ID, sum, t.BalanceAfter, nil)
	}
	check("sum of transfers", p.coins, sum, err)
	for _, game := range c.games.Names() {
		page := command.Page{Limit: 3, Game: game}
		some, err := collect(func(before uint64) ([]command.Round, uint64, error) {
			page.Before = before
			return c.Store.Rounds(ctx, p.id, page)
		})
		check("rounds of "+game, filter(rounds, func(r command.Round) bool { return games.NameOf(r.Rules) == game }), some, err)
		moved, err := collect(func(before uint64) ([]command.Transfer, uint64, error) {
			page.Before = before
			return c.Store.Transfers(ctx, p.id, page)
		})
		check("transfers of "+game, filter(transfers, func(t command.Transfer) bool { return t.Game == game }), moved, err)
	}
	for kind := command.TransferWelcome; kind <= command.TransferReturned; kind++ {
		some, err := collect(func(before uint64) ([]command.Transfer, uint64, error) {
			return c.Store.Transfers(ctx, p.id, command.Page{Before: before, Limit: 3, Kind: kind})
		})
		check("transfers of the kind "+kind.String(), filter(transfers, func(t command.Transfer) bool { return t.Kind == kind }), some, err)
	}
	var revealed []command.RevealedPair
	for pair := p.active() - 1; pair >= 0; pair-- {
		revealed = append(revealed, p.revealed(pair))
	}
	pairs, err := collect(func(before uint64) ([]command.RevealedPair, uint64, error) {
		return c.Store.RevealedPairs(ctx, p.id, command.Page{Before: before, Limit: 1 + c.random.IntN(3)})
	})
	check("revealed pairs", revealed, pairs, err)
}

// filter is the part of a list that is wanted; nil for nothing.
func filter[E any](all []E, wanted func(E) bool) (some []E) {
	for _, e := range all {
		if wanted(e) {
			some = append(some, e)
		}
	}
	return some
}

// collect reads a list page by page.
func collect[E any](page func(before uint64) ([]E, uint64, error)) (all []E, err error) {
	for before, n := uint64(0), 0; ; n++ {
		list, next, err := page(before)
		if err != nil {
			return all, err
		}
		all = append(all, list...)
		if next == 0 {
			return all, nil
		}
		if n > 100_000 {
			return all, fmt.Errorf("a list of %d entries has no end", len(all))
		}
		before = next
	}
}

func (p *player) fairness() command.Fairness {
	n := p.active()
	f := command.Fairness{
		Pair: uint32(n), Commitment: commitment(p.seeds[n]), NextCommitment: commitment(p.seeds[n+1]), ClientSeed: p.clients[n],
		DefaultSeed: p.clients[n] == fmt.Sprintf("default:%d", p.id), Nonce: p.nonces[n],
	}
	if r := p.open(); r != nil {
		f.OpenRound = r.ID
	}
	return f
}

func (p *player) statistics(c *games.Catalogue) []command.GameStatistics {
	var list []command.GameStatistics
	for _, name := range c.Names() {
		list = append(list, command.GameStatistics{Game: name})
	}
	for _, r := range p.rounds {
		for i := range list {
			if g := &list[i]; r.Settled && g.Game == games.NameOf(r.Rules) {
				g.Rounds++
				g.Staked += r.Staked
				g.Paid += r.Payout
				g.BiggestWin = max(g.BiggestWin, r.Payout-r.Staked)
			}
		}
	}
	return list
}
