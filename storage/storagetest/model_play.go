package storagetest

import (
	"errors"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"imperio/games"
	"imperio/games/fair"
	"imperio/storage/command"
)

// active is the number of the player's active seed pair.
func (p *player) active() int { return len(p.clients) - 1 }

// open is the player's open round, or nil.
func (p *player) open() *modelRound {
	for _, r := range p.rounds {
		if !r.Settled {
			return r
		}
	}
	return nil
}

// shown is a round as a read shows it now. It has the server seed once the pair has been rotated out.
func (p *player) shown(r command.Round) command.Round {
	r.Commitment, r.ClientSeed = commitment(p.seeds[r.Pair]), p.clients[r.Pair]
	if int(r.Pair) < p.active() {
		r.ServerSeed = p.seeds[r.Pair]
	}
	return r
}

// told returns a command's answer about a round, which can be repeated later. Round and balance stay as they were; the
// proof is whatever exists at the time of the repetition.
func (p *player) told(r *modelRound) func() any {
	then, coins, held := r.Round, p.coins, games.Coins(0)
	if open := p.open(); open != nil {
		held = open.Staked
	}
	return func() any { return &command.RoundResult{Round: p.shown(then), Coins: coins, Held: held} }
}

func (m *Model) placeWager(p *player, b command.PlaceWager) outcome {
	game, _ := m.games.Version(b.Rules)
	if r, is := m.barred(p); is {
		return refused(r)
	}
	if game.Of().StaysOpen() && p.open() != nil {
		return refused(refuse("round_open"))
	}
	if b.Stake < 1 || b.Stake > 1_000_000_000_000 {
		return refused(refuse("stake_out_of_range"))
	}
	if b.Stake > p.coins {
		return refused(refuse("insufficient_coins"))
	}
	if r, is := m.overLimit(p, b.Stake); is {
		return refused(r)
	}
	r := &modelRound{Round: command.Round{
		ID: command.RoundID(m.events + 1), Account: p.id, Rules: b.Rules, Wager: games.Wager{Stake: b.Stake, Bets: b.Bets},
		OpenedAt: m.now, Nonce: p.nonces[p.active()], Pair: uint32(p.active()),
	}}
	if refusal := m.play(p, r, game, r.Wager); refusal != nil {
		return refused(*refusal)
	}
	p.nonces[p.active()]++
	p.rounds = append(p.rounds, r)
	return did(p.told(r))
}

// play continues a round and moves the coins, or returns a refusal and changes nothing.
func (m *Model) play(p *player, r *modelRound, game games.Game, w games.Wager) *command.Result {
	no := func(r command.Result) *command.Result { return &r }
	stream := fair.NewStream([32]byte(p.seeds[r.Pair]), r.Rules, p.clients[r.Pair], r.Nonce)
	position, err := game.Play(stream, w)
	if refusal := (*games.Refusal)(nil); errors.As(err, &refusal) {
		return no(refuse(refusal.Code))
	}
	if err != nil {
		panic(err)
	}
	more := position.Staked - r.Staked
	if more > p.coins {
		return no(refuse("insufficient_coins"))
	}
	if r.Staked > 0 && more > 0 {
		if r, is := m.overLimit(p, more); is {
			return no(r)
		}
	}
	p.coins -= more
	if more > 0 {
		p.bets = append(p.bets, movement{m.now, more, true})
	}
	r.Wager, r.Draws, r.Staked, r.Payout, r.Settled, r.Allowed = w, position.Draws, position.Staked, position.Payout, position.Settled, position.Allowed
	r.acted = m.now
	if r.Settled {
		r.SettledAt = m.now
		p.coins += r.Payout
		p.bets = append(p.bets, movement{m.now, -r.Payout, false})
	}
	return nil
}

func (m *Model) takeAction(p *player, b command.TakeAction) outcome {
	if r, is := m.barred(p); is {
		return refused(r)
	}
	i := slices.IndexFunc(p.rounds, func(r *modelRound) bool { return r.ID == b.Round })
	switch {
	case i < 0:
		return refused(refuse("round_not_found"))
	case p.rounds[i].Settled:
		return refused(refuse("round_settled"))
	case b.Taken != nil && *b.Taken != len(p.rounds[i].Wager.Actions):
		return refused(refuse("round_moved"))
	}
	return m.goOn(p, p.rounds[i], b.Action)
}

func (m *Model) settleAbandoned(b command.SettleAbandoned) outcome {
	for _, p := range m.accounts {
		if r := p.open(); r != nil && r.ID == b.Round {
			if b.Before != 0 && r.acted.UnixMilli() >= b.Before {
				return refused(refuse("round_moved"))
			}
			// The rules for abandoned rounds: insurance is declined, every hand stands, and a die is kept.
			trial := *r
			var actions []string
			for !trial.Settled {
				for _, action := range []string{"decline_insurance", "stand", "keep"} {
					if slices.Contains(trial.Allowed, action) {
						actions = append(actions, action)
						break
					}
				}
				w := r.Wager
				w.Actions = slices.Concat(w.Actions, actions)
				game, _ := m.games.Version(r.Rules)
				position, err := game.Play(fair.NewStream([32]byte(p.seeds[r.Pair]), r.Rules, p.clients[r.Pair], r.Nonce), w)
				if err != nil {
					panic(err)
				}
				trial.Settled, trial.Allowed = position.Settled, position.Allowed
			}
			return m.goOn(p, r, actions...)
		}
	}
	return refused(refuse("round_settled"))
}

func (m *Model) goOn(p *player, r *modelRound, actions ...string) outcome {
	game, _ := m.games.Version(r.Rules)
	w := r.Wager
	w.Actions = slices.Concat(w.Actions, actions)
	if refusal := m.play(p, r, game, w); refusal != nil {
		return refused(*refusal)
	}
	return did(p.told(r))
}

func (m *Model) rotateSeed(p *player, b command.RotateSeed, entropy []byte) outcome {
	if p.open() != nil {
		return refused(refuse("round_open"))
	}
	valid := utf8.ValidString(b.ClientSeed) && len(b.ClientSeed) >= 1 && len(b.ClientSeed) <= 64
	for _, r := range b.ClientSeed {
		valid = valid && !unicode.IsControl(r)
	}
	if !valid {
		return refused(refuse("invalid_client_seed"))
	}
	old := p.active()
	p.rotated = append(p.rotated, m.now)
	p.seeds = append(p.seeds, entropy)
	p.clients = append(p.clients, b.ClientSeed)
	p.nonces = append(p.nonces, 0)
	return did(same(&command.SeedRotated{Revealed: p.revealed(old), Fairness: command.Fairness{
		Pair: uint32(old + 1), Commitment: commitment(p.seeds[old+1]), NextCommitment: commitment(p.seeds[old+2]), ClientSeed: b.ClientSeed,
	}}))
}

func (p *player) revealed(pair int) command.RevealedPair {
	return command.RevealedPair{
		Pair: uint32(pair), ServerSeed: p.seeds[pair], Commitment: commitment(p.seeds[pair]), ClientSeed: p.clients[pair],
		Rounds: p.nonces[pair], RevealedAt: p.rotated[pair],
	}
}

// Limits.

func (p *player) limitsAt(now time.Time) (command.LimitSet, *command.LimitSet, time.Time) {
	if p.pending != nil && !p.pendingFrom.After(now) {
		return *p.pending, nil, time.Time{}
	}
	return p.limits, p.pending, p.pendingFrom
}

func (m *Model) setLimits(p *player, b command.SetLimits) outcome {
	w := b.Limits
	for _, c := range []games.Coins{w.StakePerDay, w.LossPerDay, w.LossPerWeek, w.LossPerMonth} {
		if c < 0 || c > 1_000_000_000_000 {
			return refused(refuse("invalid_limits"))
		}
	}
	for _, n := range []int{w.SessionMinutes, w.RealityCheckMinutes} {
		if n < 0 || n > 1440 {
			return refused(refuse("invalid_limits"))
		}
	}
	have, _, _ := p.limitsAt(m.now)
	now := command.LimitSet{
		StakePerDay:    stricter(have.StakePerDay, w.StakePerDay),
		LossPerDay:     stricter(have.LossPerDay, w.LossPerDay),
		LossPerWeek:    stricter(have.LossPerWeek, w.LossPerWeek),
		LossPerMonth:   stricter(have.LossPerMonth, w.LossPerMonth),
		SessionMinutes: stricter(have.SessionMinutes, w.SessionMinutes), RealityCheckMinutes: w.RealityCheckMinutes,
	}
	p.limits, p.pending, p.pendingFrom = now, nil, time.Time{}
	if now != w {
		p.pending, p.pendingFrom = &w, m.now.Add(24*time.Hour)
	}
	return did(func() any { v := m.limitsOf(p); return &v })
}

// stricter returns the stricter of two limits; 0 means none.
func stricter[N int | games.Coins](a, b N) N {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (m *Model) limitsOf(p *player) command.Limits {
	in, pending, from := p.limitsAt(m.now)
	v := command.Limits{InForce: in, Pending: pending, PendingFrom: from}
	year, week := m.now.ISOWeek()
	for _, b := range p.bets {
		y, w := b.at.ISOWeek()
		if y == year && w == week {
			v.LostThisWeek += b.amount
		}
		if b.at.Year() == m.now.Year() && b.at.Month() == m.now.Month() {
			v.LostThisMonth += b.amount
		}
		if b.at.Format(time.DateOnly) == m.now.Format(time.DateOnly) {
			v.LostToday += b.amount
			if b.stake {
				v.StakedToday += b.amount
			}
		}
	}
	return v
}

// overLimit reports whether a stake would pass one of the player's own limits, and which.
func (m *Model) overLimit(p *player, stake games.Coins) (command.Result, bool) {
	v := m.limitsOf(p)
	midnight := m.now.Truncate(24 * time.Hour)
	for _, c := range []struct {
		name        string
		limit, used games.Coins
		until       time.Time
	}{
		{"stake_per_day", v.InForce.StakePerDay, v.StakedToday, midnight.AddDate(0, 0, 1)},
		{"loss_per_day", v.InForce.LossPerDay, v.LostToday, midnight.AddDate(0, 0, 1)},
		{"loss_per_week", v.InForce.LossPerWeek, v.LostThisWeek, midnight.AddDate(0, 0, 7-(int(m.now.Weekday())+6)%7)},
		{"loss_per_month", v.InForce.LossPerMonth, v.LostThisMonth, time.Date(m.now.Year(), m.now.Month()+1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if c.limit > 0 && c.used+stake > c.limit {
			return refuseByLimit(c.name, c.until), true
		}
	}
	// A stretch of play reaches back from now over all stakes that are less than one break apart.
	since, last, any := m.now, m.now, false
	for _, b := range slices.Backward(p.bets) {
		if b.stake {
			if since.Sub(b.at) >= 15*time.Minute {
				break
			}
			if !any {
				last, any = b.at, true
			}
			since = b.at
		}
	}
	if n := v.InForce.SessionMinutes; n > 0 && m.now.Sub(since) >= time.Duration(n)*time.Minute {
		return refuseByLimit("session_minutes", last.Add(15*time.Minute)), true
	}
	return command.Result{}, false
}
