package audit

import (
	"crypto/sha256"
	"slices"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
)

// roundEvent takes a round's opening, action or settlement into the books.
func (a *auditor) roundEvent(e *machine.StoredEvent) error {
	acc, err := a.account(e)
	if err != nil {
		return err
	}
	r := e.Round
	if r == nil {
		return violation(e.Seq, "a %s carries no round", e.Kind)
	}
	game, ok := a.catalogue.Named(games.NameOf(r.Rules))
	if !ok {
		return violation(e.Seq, "round %d has rules %q, which are no game's", r.ID, r.Rules)
	}
	if e.Season != nil || e.Entry != 0 {
		return violation(e.Seq, "a %s says of a season", e.Kind)
	}
	before := machine.RoundRecord{}
	switch e.Kind {
	case machine.RoundPlayed, machine.RoundOpened:
		if err := opens(acc, e); err != nil {
			return err
		}
		acc.Nonce++
	default:
		o := a.open[r.ID]
		if o == nil || o.account != e.Account {
			return violation(e.Seq, "round %d of account %d is not open", r.ID, e.Account)
		}
		before = o.record
		if err := a.continues(o, e); err != nil {
			return err
		}
	}

	staked, paid, settled, err := sums(e)
	if err != nil {
		return err
	}
	if staked != r.Staked-before.Staked {
		return violation(e.Seq, "round %d costs %d more, but %d coins are taken", r.ID, r.Staked-before.Staked, staked)
	}
	if paid != r.Payout {
		return violation(e.Seq, "round %d pays %d, but %d coins are paid", r.ID, r.Payout, paid)
	}
	if e.Kind == machine.RoundPlayed != (r.Settled && before.ID == 0) {
		return violation(e.Seq, "a %s opens round %d, settled: %t", e.Kind, r.ID, r.Settled)
	}
	if want := settledFrom(e.Kind, r); settled != want {
		return violation(e.Seq, "%d coins leave escrow for round %d, which holds %d", settled, r.ID, want)
	}
	for _, t := range e.Transfers {
		for _, who := range [2]ledger.Account{t.From, t.To} {
			if who.Game() != 0 && who != ledger.House(game) {
				return violation(e.Seq, "round %d of %s moves coins of %s", r.ID, game.Name, a.name(who))
			}
		}
	}
	if err := a.transfers(e); err != nil {
		return err
	}

	if e.Kind != machine.RoundPlayed {
		acc.Held += staked - settled
	}
	if r.Settled {
		if err := a.settle(acc, e, game); err != nil {
			return err
		}
		if err := a.seasonRound(acc, e); err != nil {
			return err
		}
	} else {
		if len(e.Reached) != 0 {
			return violation(e.Seq, "open round %d reaches the achievements %v", r.ID, e.Reached)
		}
		if r.Payout != 0 {
			return violation(e.Seq, "round %d pays while it is open", r.ID)
		}
		if e.Room != nil && (*e.Room < 0 || *e.Room >= e.Coins) {
			return violation(e.Seq, "own limits leave %d coins for round %d, of %d", *e.Room, r.ID, e.Coins)
		}
		acc.OpenRound = r.ID
		a.open[r.ID] = &round{account: e.Account, record: *r, acted: e.Time}
	}
	if err := a.chained(e); err != nil {
		return err
	}
	return a.replay(e, acc, len(before.Actions))
}

// opens checks the opening of a round: it takes the next nonce of the account's pair, and no other round is open.
func opens(acc *account, e *machine.StoredEvent) error {
	r := e.Round
	switch {
	case uint64(r.ID) != e.Seq:
		return violation(e.Seq, "it opens round %d, but a round's number must be that of its event", r.ID)
	case r.Pair != acc.pair || r.Nonce != acc.Nonce:
		return violation(e.Seq, "round %d takes nonce %d of pair %d; the next of account %d is nonce %d of pair %d", r.ID, r.Nonce, r.Pair, e.Account, acc.Nonce, acc.pair)
	case e.Kind == machine.RoundOpened && acc.OpenRound != 0:
		return violation(e.Seq, "round %d opens while round %d of account %d is open", r.ID, acc.OpenRound, e.Account)
	case len(r.Actions) != 0:
		return violation(e.Seq, "round %d opens with actions", r.ID)
	}
	return nil
}

// continues checks a later position of a round: the same round, with actions added.
func (a *auditor) continues(o *round, e *machine.StoredEvent) error {
	before, r := &o.record, e.Round
	same := r.Rules == before.Rules && r.Stake == before.Stake && r.Pair == before.Pair && r.Nonce == before.Nonce && r.OpenedAt == before.OpenedAt &&
		slices.EqualFunc(r.Bets, before.Bets, func(a, b games.Bet) bool {
			return a.Type == b.Type && a.Selection == b.Selection && a.Amount == b.Amount && slices.Equal(a.Numbers, b.Numbers)
		})
	if !same {
		return violation(e.Seq, "round %d is not the round that was opened", r.ID)
	}
	n := len(before.Actions)
	added := len(r.Actions) - n
	if added < 1 || !slices.Equal(r.Actions[:n], before.Actions) || e.Kind == machine.ActionTaken && added != 1 {
		return violation(e.Seq, "the actions of round %d don't continue those before", r.ID)
	}
	if e.Kind == machine.AbandonedSettled {
		return a.abandoned(o, e)
	}
	return nil
}

// abandoned checks the settlement of a round that its player left. Nothing may have happened in it since the cut-off, and it
// must cost no more. The replay checks that the actions are exactly those that the game's rules state.
func (a *auditor) abandoned(o *round, e *machine.StoredEvent) error {
	before, r := &o.record, e.Round
	if e.Before != 0 && o.acted >= e.Before {
		return violation(e.Seq, "round %d is settled as abandoned before %d ms, but its player acted at %d ms", r.ID, e.Before, o.acted)
	}
	if !r.Settled || r.Staked != before.Staked {
		return violation(e.Seq, "abandoned round %d is not settled as it stood", r.ID)
	}
	return nil
}

// sums returns what an event takes as stakes, what it pays, and what it takes out of escrow. There is at most one transfer
// of each.
func sums(e *machine.StoredEvent) (staked, paid, settled games.Coins, err error) {
	for _, t := range e.Transfers {
		sum := &staked
		switch t.Kind {
		case command.TransferPayout:
			sum = &paid
		case command.TransferSettle:
			sum = &settled
		case command.TransferStake:
			if e.Kind != machine.RoundPlayed && e.Kind != machine.RoundOpened {
				return 0, 0, 0, violation(e.Seq, "round %d is staked a second time", e.Round.ID)
			}
		}
		if *sum != 0 {
			return 0, 0, 0, violation(e.Seq, "round %d has two transfers of the same kind in one event", e.Round.ID)
		}
		*sum = t.Amount
	}
	return staked, paid, settled, nil
}

// settledFrom is how many coins must leave escrow with an event.
func settledFrom(k machine.EventKind, r *machine.RoundRecord) games.Coins {
	if k == machine.RoundPlayed || !r.Settled {
		return 0
	}
	return r.Staked
}

// settle counts a settled round.
func (a *auditor) settle(acc *account, e *machine.StoredEvent, game *games.Descriptor) error {
	r := e.Round
	if e.Kind != machine.RoundPlayed {
		if by, err := a.snapshot.Settlement(r.ID); err != nil {
			return err
		} else if by != e.Seq {
			return violation(e.Seq, "round %d is settled here, but kept as settled by event %d", r.ID, by)
		}
		a.settled++
		delete(a.open, r.ID)
		acc.OpenRound = 0
	}
	a.report.Rounds++
	for _, sums := range []*machine.GameRecords{&acc.Games, &a.games} {
		g := sumOf(sums, game.Number)
		g.Rounds++
		g.Staked += r.Staked
		g.Paid += r.Payout
		g.Biggest = max(g.Biggest, r.Payout-r.Staked)
	}
	return nil
}

// sumOf returns the record of a game in the auditor's own sums, which are sorted by game. A missing one is added.
func sumOf(sums *machine.GameRecords, game uint16) *machine.GameRecord {
	i := 0
	for i < len(*sums) && (*sums)[i].Game < game {
		i++
	}
	if i == len(*sums) || (*sums)[i].Game != game {
		*sums = slices.Insert(*sums, i, machine.GameRecord{Game: game})
	}
	return &(*sums)[i]
}

// seedRotated checks a rotation: the revealed seed was committed to, and the new active one was promised as the next.
func (a *auditor) seedRotated(e *machine.StoredEvent) error {
	acc, err := a.account(e)
	if err != nil {
		return err
	}
	switch {
	case e.Pair == nil || e.Seeds == nil:
		return violation(e.Seq, "a rotation reveals nothing")
	case acc.OpenRound != 0:
		return violation(e.Seq, "seeds are rotated while round %d is open", acc.OpenRound)
	case e.PairNo != acc.pair || e.Pair.Rounds != acc.Nonce:
		return violation(e.Seq, "it reveals pair %d after %d rounds; account %d is at pair %d after %d", e.PairNo, e.Pair.Rounds, e.Account, acc.pair, acc.Nonce)
	case sha256.Sum256(e.Pair.Server[:]) != acc.seeds.Active:
		return violation(e.Seq, "the server seed that it reveals is not the one that was committed to")
	case e.Pair.Client != acc.seeds.Client:
		return violation(e.Seq, "the client seed that it reveals is not the one that was in force")
	case e.Seeds.Active != acc.seeds.Next:
		return violation(e.Seq, "the server seed that it makes active is not the one that was promised as the next")
	}
	stored, ok, err := a.snapshot.Pair(e.Account, e.PairNo)
	if err != nil {
		return err
	}
	if !ok || stored != *e.Pair {
		return violation(e.Seq, "pair %d of account %d is not kept as it was revealed", e.PairNo, e.Account)
	}
	acc.seeds, acc.since, acc.Nonce = *e.Seeds, e.Seq, 0
	acc.pair++
	a.pairs++
	a.rotation(e)
	return nil
}

// replay queues a round's position to be replayed from the seed that was committed to. before is how many of its actions had
// been taken before the event.
func (a *auditor) replay(e *machine.StoredEvent, acc *account, before int) error {
	if !e.Round.Settled && len(e.Round.Draws) > 0 {
		return violation(e.Seq, "open round %d is stored with its draws", e.Round.ID)
	}
	server, known, err := a.serverSeed(e)
	if err != nil {
		return err
	}
	if !known {
		a.report.Unproven++
		return nil
	}
	if sha256.Sum256(server[:]) != acc.seeds.Active {
		return violation(e.Seq, "the server seed of pair %d of account %d is not the one that was committed to", e.Round.Pair, e.Account)
	}
	r := replay{catalogue: a.catalogue, event: e.Seq, server: server, client: acc.seeds.Client, round: *e.Round}
	if e.Kind == machine.AbandonedSettled {
		r.left = new(before)
	}
	a.replays.add(r)
	return nil
}

// serverSeed is the seed of a round's pair: revealed, or still active and sealed. known is false if the casino's key would
// be needed.
func (a *auditor) serverSeed(e *machine.StoredEvent) (server command.Seed, known bool, err error) {
	pair, ok, err := a.snapshot.Pair(e.Account, e.Round.Pair)
	if err != nil || ok {
		return pair.Server, ok, err
	}
	seeds, ok, err := a.snapshot.Seeds(e.Account)
	switch {
	case err != nil:
		return server, false, err
	case !ok || seeds.Pair != e.Round.Pair:
		return server, false, violation(e.Seq, "the seeds of pair %d of account %d are missing", e.Round.Pair, e.Account)
	case !a.report.Key:
		return server, false, nil
	}
	if server, ok = a.snapshot.OpenSeed(seeds.Server); !ok {
		return server, false, violation(e.Seq, "the sealed seed of pair %d of account %d can't be opened", e.Round.Pair, e.Account)
	}
	return server, true, nil
}
