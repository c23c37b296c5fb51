package storagetest

import (
	"errors"
	"fmt"
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
func (m *Model) told(p *player, r *modelRound) func() any {
	then, coins, held := r.Round, p.coins, games.Coins(0)
	if open := p.open(); open != nil {
		held = open.Staked
	}
	room := games.Coins(0)
	if !then.Settled {
		room = m.room(p)
	}
	return func() any { return &command.RoundResult{Round: p.shown(then), Coins: coins, Held: held, Room: room} }
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
	return did(m.told(p, r))
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
		p.bets = append(p.bets, movement{r.OpenedAt, -r.Payout, false}) // whenever it is paid, it counts where its round began
		m.count(p, r)
		m.achieveIn(p, r, game)
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
	return did(m.told(p, r))
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
	p.rotate(m.now, b.ClientSeed, entropy)
	if b.ClientSeed != fmt.Sprintf("default:%d", p.id) {
		m.achieve(p, command.OwnSeed, 0)
	}
	return did(same(&command.SeedRotated{Revealed: p.revealed(old), Fairness: command.Fairness{
		Pair: uint32(old + 1), Commitment: commitment(p.seeds[old+1]), NextCommitment: commitment(p.seeds[old+2]), ClientSeed: b.ClientSeed,
	}}))
}

func (p *player) rotate(now time.Time, client string, seed []byte) {
	p.rotated = append(p.rotated, now)
	p.seeds = append(p.seeds, seed)
	p.clients = append(p.clients, client)
	p.nonces = append(p.nonces, 0)
}

func (p *player) revealed(pair int) command.RevealedPair {
	return command.RevealedPair{
		Pair: uint32(pair), ServerSeed: p.seeds[pair], Commitment: commitment(p.seeds[pair]), ClientSeed: p.clients[pair],
		Rounds: p.nonces[pair], RevealedAt: p.rotated[pair],
	}
}
