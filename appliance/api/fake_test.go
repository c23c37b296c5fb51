package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
	"imperio/storage/command"
)

// fakeCasino is as much of a casino as the tests of HTTP need: real games over real seeds in plain maps, without a
// log, limits or a ledger. Other tests cover the real machine, and the API with it.
type fakeCasino struct {
	now      func() time.Time // the casino's time
	mu       sync.Mutex
	events   uint64
	names    map[string]command.AccountID
	accounts map[command.AccountID]*fakeAccount
	replays  map[string]command.Result
	invited  map[command.TokenHash]command.Invitation
	links    map[command.AccountID]command.PasswordLink
	proposed []command.Command
	happened chan command.Event
	missed   atomic.Uint64

	// intercept answers a command instead of the casino, if it is set and answers.
	intercept func(command.Command) (command.Result, error, bool)
}

type fakeAccount struct {
	networks []command.Subject
	command.Account
	hash         string
	openedUnder  command.Key
	sessions     map[command.TokenHash]command.Session
	server, next [32]byte
	client       string
	pair         uint32
	nonce        uint64
	revealed     []command.RevealedPair
	rounds       []*command.Round
	transfers    []command.Transfer
	limits       command.Limits
}

func newFakeCasino(now func() time.Time) *fakeCasino {
	return &fakeCasino{
		now:   now,
		names: make(map[string]command.AccountID), accounts: make(map[command.AccountID]*fakeAccount),
		replays: make(map[string]command.Result), invited: make(map[command.TokenHash]command.Invitation), links: make(map[command.AccountID]command.PasswordLink), happened: make(chan command.Event, 1<<10),
	}
}

// proposals is how many commands were proposed.
func (f *fakeCasino) proposals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.proposed)
}

// Next implements Events.
func (f *fakeCasino) Next(ctx context.Context) ([]command.Event, uint64, error) {
	select {
	case e := <-f.happened:
		return []command.Event{e}, f.missed.Swap(0), nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// tell passes the events of a command to the followers.
func (f *fakeCasino) tell(c command.Command, r command.Result) {
	if r.Refusal != nil || r.Replayed || r.Event == 0 {
		return
	}
	e := command.Event{Seq: r.Event, Time: f.now(), Account: c.Account}
	switch c.Body.(type) {
	case command.OpenSession:
		e.Kind = "session_opened"
	case command.EndSessions:
		e.Kind = "sessions_ended"
	case command.ChangePassword:
		e.Kind = "password_changed"
	case command.SetLock:
		e.Kind = "account_locked"
	case command.SetRole:
		e.Kind = "role_changed"
	case command.Exclude:
		e.Kind = "player_excluded"
	case command.GrantCoins:
		e.Kind = "coins_granted"
	case command.CollectDailyCoins:
		e.Kind = "daily_coins_collected"
	}
	if a := f.accounts[c.Account]; a != nil {
		e.Coins, e.HeldCoins = a.Coins, a.HeldCoins
	}
	if v, ok := r.Value.(*command.RoundResult); ok {
		round := v.Round
		round.Commitment, round.ClientSeed, round.ServerSeed = "", "", nil
		e.Kind, e.Round, e.Coins, e.HeldCoins, e.Room = "round_played", &round, v.Coins, v.Held, v.Room
	}
	f.happened <- e
}

func (f *fakeCasino) Invitation(code command.TokenHash) (command.Invitation, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.invited[code]
	return i, ok, nil
}

func (f *fakeCasino) PasswordLink(id command.AccountID) (command.PasswordLink, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.links[id]
	return l, ok, nil
}

// Seasons are tested with the real machine.
func (f *fakeCasino) Profile(id command.AccountID) (command.Profile, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.accounts[id]
	if !ok {
		return command.Profile{}, false, nil
	}
	return command.Profile{Avatar: command.Avatars[0], ShownName: a.Username}, true, nil
}

func (f *fakeCasino) Seasons(uint32, int) ([]command.Season, error) { return nil, nil }

func (f *fakeCasino) Standings(uint32, command.Board, command.AccountID) (v command.Standings, ok bool, err error) {
	return v, false, nil
}

func (f *fakeCasino) SeasonPlayer(uint32, command.EntryID) (v command.SeasonPlayer, ok bool, err error) {
	return v, false, nil
}

func (f *fakeCasino) SeasonRounds(context.Context, uint32, command.EntryID, command.Page) ([]command.Round, uint64, bool, error) {
	return nil, 0, false, nil
}

func (f *fakeCasino) OwnFigures(uint32, command.AccountID) (v command.SeasonPlayer, ok bool, err error) {
	return v, false, nil
}

func (f *fakeCasino) PublicRound(command.RoundID) (v command.Round, ok bool, err error) {
	return v, false, nil
}

func (f *fakeCasino) Current(context.Context) error { return nil }

func (f *fakeCasino) Propose(_ context.Context, c command.Command) (res command.Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.tell(c, res) }()
	f.proposed = append(f.proposed, c)
	if f.intercept != nil {
		if res, err, ok := f.intercept(c); ok {
			return res, err
		}
	}
	if c.Key == (command.Key{}) {
		return f.apply(c)
	}
	id := fmt.Sprintf("%d %x", c.Account, c.Key)
	if res, ok := f.replays[id]; ok {
		res.Replayed = true
		return res, nil
	}
	if c.Refusal != nil {
		return command.Result{Refusal: c.Refusal}, nil
	}
	res, err = f.apply(c)
	if err == nil && res.Refusal == nil {
		f.replays[id] = res
	}
	return res, err
}

func (f *fakeCasino) apply(c command.Command) (command.Result, error) {
	f.events++
	a := f.accounts[c.Account]
	ok := func(v any) (command.Result, error) { return command.Result{Event: f.events, Value: v}, nil }
	switch b := c.Body.(type) {
	case command.OpenAccount:
		a = f.open(c, b)
		v := &command.AccountOpened{Account: a.Account}
		if b.Session != nil {
			s := a.addSession(f.events, f.now(), *b.Session)
			v.Session = &s
		}
		return ok(v)
	case command.AttemptSignIn:
		return ok(nil)
	case command.OpenSession:
		if b.Rehash != "" {
			a.hash = b.Rehash
		}
		return ok(&command.SessionOpened{Account: a.Account, Session: a.addSession(f.events, f.now(), b.Session)})
	case command.EndSessions:
		a.dropSessions(func(s command.SessionID) bool { return b.All && s != b.Keep || s == b.Session })
		return ok(nil)
	case command.ChangePassword:
		a.hash = b.NewHash
		a.dropSessions(func(s command.SessionID) bool { return s != b.Keep })
		return ok(nil)
	case command.CreateToken:
		return ok(&command.SessionOpened{Account: a.Account, Session: a.addSession(f.events, f.now(), b.Session)})
	case command.ChangeEmail:
		delete(f.names, strings.ToLower(a.Email))
		f.names[b.EmailKey], a.Email = a.ID, b.Email
		return ok(nil)
	case command.DeleteAccount:
		a.DeletedAt = f.now()
		a.dropSessions(func(command.SessionID) bool { return true })
		return ok(nil)
	case command.PlaceWager:
		return f.place(c, a, b)
	case command.TakeAction:
		return f.act(c, a, b)
	case command.RotateSeed:
		p := command.RevealedPair{
			Pair: a.pair, ServerSeed: a.server[:], Commitment: fair.Commitment(a.server), ClientSeed: a.client,
			Rounds: a.nonce, RevealedAt: f.now(),
		}
		p.ServerSeed = slices.Clone(p.ServerSeed)
		a.revealed = append([]command.RevealedPair{p}, a.revealed...)
		for _, r := range a.rounds {
			if r.Pair == a.pair {
				r.ServerSeed = p.ServerSeed
			}
		}
		a.server, a.next, a.client, a.pair, a.nonce = a.next, [32]byte(c.Entropy), b.ClientSeed, a.pair+1, 0
		return ok(&command.SeedRotated{Revealed: p, Fairness: a.fairness()})
	case command.CollectDailyCoins:
		if a.DailyNextAt.After(f.now()) {
			return command.Result{Refusal: &command.Refusal{Code: "already_collected", Message: "Not yet.", Until: a.DailyNextAt}}, nil
		}
		a.DailyNextAt = f.now().Add(24 * time.Hour)
		f.move(a, f.now(), command.TransferDaily, 0, "", b.Amount)
		return ok(&command.DailyCoins{Amount: b.Amount, Coins: a.Coins, NextAt: a.DailyNextAt})
	case command.GrantCoins:
		if a == nil {
			return command.Refusef("account_not_found", "There is no such account."), nil
		}
		f.move(a, f.now(), command.TransferGrant, 0, "", b.Amount)
		return ok(&command.CoinsGranted{Amount: b.Amount, Coins: a.Coins})
	case command.SetLock:
		a.Locked = b.Locked
		a.dropSessions(func(command.SessionID) bool { return true })
		return ok(nil)
	case command.SetRole:
		if a.Role == b.Role {
			return command.Result{}, nil
		}
		a.Role = b.Role
		a.dropSessions(func(command.SessionID) bool { return true })
		return ok(nil)
	case command.SetLimits:
		a.limits.InForce = b.Limits
		a.limits.Pending = []command.PendingLimit{{Limit: command.LimitStakePerDay, Value: 5, From: f.now().Add(24 * time.Hour)}, {Limit: command.LimitLossPerDay, From: f.now().Add(time.Hour)}}
		v := a.limits
		return ok(&v)
	case command.Exclude:
		if !b.ForEver && (b.Days < 1 || b.Days > 1825) {
			return command.Refusef("invalid_exclusion", "Too short or too long."), nil
		}
		a.ExcludedUntil = f.now().AddDate(0, 0, b.Days)
		if b.ForEver {
			a.ExcludedUntil = command.ForEver
		}
		a.dropSessions(func(command.SessionID) bool { return true })
		return ok(&command.Exclusion{Until: a.ExcludedUntil})
	}
	return command.Result{}, fmt.Errorf("the fake casino does not know %T", c.Body)
}

func (f *fakeCasino) open(c command.Command, b command.OpenAccount) *fakeAccount {
	id := command.FirstAccountID + command.AccountID(len(f.accounts))
	a := &fakeAccount{
		Account: command.Account{ID: id, Username: b.Username, Email: b.Email, Role: b.Role, CreatedAt: f.now()},
		hash:    b.PasswordHash, openedUnder: c.Key, sessions: make(map[command.TokenHash]command.Session),
		server: [32]byte(c.Entropy[:32]), next: [32]byte(c.Entropy[32:]),
		client: fair.DefaultClientSeed(strconv.FormatUint(uint64(id), 10)),
	}
	f.accounts[id] = a
	f.names[b.UsernameKey] = id
	if b.EmailKey != "" {
		f.names[b.EmailKey] = id
	}
	f.move(a, f.now(), command.TransferWelcome, 0, "", b.WelcomeCoins)
	return a
}

func (f *fakeCasino) move(a *fakeAccount, at time.Time, kind command.TransferKind, round command.RoundID, game string, amount games.Coins) {
	a.Coins += amount
	a.transfers = append(a.transfers, command.Transfer{
		ID: fmt.Sprintf("%d.%d", f.events, len(a.transfers)), Time: at, Kind: kind, Game: game, Round: round,
		Amount: amount, BalanceAfter: a.Coins,
	})
}

func (a *fakeAccount) addSession(id uint64, now time.Time, n command.NewSession) command.Session {
	s := command.Session{
		ID: command.SessionID(id), Account: a.ID, Role: a.Role, CreatedAt: now, ExpiresAt: now.Add(time.Duration(n.Lifetime) * time.Millisecond),
		UserAgent: n.UserAgent, Address: n.Address, Name: n.Name, Scopes: n.Scopes,
	}
	a.sessions[n.Token] = s
	a.networks = append(a.networks, n.Network)
	return s
}

func (a *fakeAccount) dropSessions(drop func(command.SessionID) bool) {
	for token, s := range a.sessions {
		if drop(s.ID) {
			delete(a.sessions, token)
		}
	}
}

func (a *fakeAccount) fairness() command.Fairness {
	return command.Fairness{
		Pair: a.pair, Commitment: fair.Commitment(a.server), NextCommitment: fair.Commitment(a.next), ClientSeed: a.client,
		DefaultSeed: strings.HasPrefix(a.client, "default:"), Nonce: a.nonce, OpenRound: a.OpenRound,
	}
}

func (f *fakeCasino) place(c command.Command, a *fakeAccount, b command.PlaceWager) (command.Result, error) {
	if a.Coins < b.Stake {
		return command.Refusef("insufficient_coins", "You have %d coins.", a.Coins), nil
	}
	if a.OpenRound != 0 {
		return command.Refusef("round_open", "A round is open."), nil
	}
	r := &command.Round{
		ID: command.RoundID(f.events), Account: a.ID, Rules: b.Rules, Wager: games.Wager{Stake: b.Stake, Bets: b.Bets},
		OpenedAt: f.now(), Nonce: a.nonce, Pair: a.pair, Commitment: fair.Commitment(a.server), ClientSeed: a.client,
	}
	res, err := f.advance(c, a, r)
	if err == nil && res.Refusal == nil {
		a.nonce++
		a.rounds = append([]*command.Round{r}, a.rounds...)
	}
	return res, err
}

func (f *fakeCasino) act(c command.Command, a *fakeAccount, b command.TakeAction) (command.Result, error) {
	for _, r := range a.rounds {
		if r.ID != b.Round {
			continue
		}
		if r.Settled {
			return command.Refusef("round_settled", "The round is settled."), nil
		}
		if b.Taken != nil && *b.Taken != len(r.Wager.Actions) {
			return command.Refusef("round_moved", "The round has moved on."), nil
		}
		with := *r
		with.Wager.Actions = append(slices.Clone(r.Wager.Actions), b.Action)
		res, err := f.advance(c, a, &with)
		if err == nil && res.Refusal == nil {
			*r = with
		}
		return res, err
	}
	return command.Refusef("round_not_found", "There is no such round."), nil
}

func (f *fakeCasino) advance(c command.Command, a *fakeAccount, r *command.Round) (command.Result, error) {
	game, _ := catalogue.Released().Version(r.Rules)
	p, err := game.Play(fair.NewStream(a.server, r.Rules, a.client, r.Nonce), r.Wager)
	if refusal, ok := err.(*games.Refusal); ok {
		return command.Refusef(refusal.Code, "%s", refusal.Message), nil
	} else if err != nil {
		return command.Result{}, err
	}
	name := games.NameOf(r.Rules)
	kind := command.TransferStake
	if len(r.Wager.Actions) > 0 {
		kind = command.TransferRaise
	}
	if p.Staked > r.Staked {
		f.move(a, f.now(), kind, r.ID, name, r.Staked-p.Staked)
	}
	r.Draws, r.Staked, r.Payout, r.Settled, r.Allowed = p.Draws, p.Staked, p.Payout, p.Settled, p.Allowed
	a.OpenRound, a.HeldCoins = r.ID, p.Staked
	if p.Settled {
		r.SettledAt = f.now()
		a.OpenRound, a.HeldCoins = 0, 0
		if p.Payout > 0 {
			f.move(a, f.now(), command.TransferPayout, r.ID, name, p.Payout)
		}
	}
	return command.Result{Event: f.events, Value: &command.RoundResult{Round: *r, Coins: a.Coins, Held: a.HeldCoins, Room: a.Coins}}, nil
}

func (f *fakeCasino) Session(hash command.TokenHash) (command.Session, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.accounts {
		if s, ok := a.sessions[hash]; ok {
			return s, true, nil
		}
	}
	return command.Session{}, false, nil
}

func (f *fakeCasino) Credentials(login string) (command.Credentials, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.names[login]
	if !ok {
		return command.Credentials{}, false, nil
	}
	a := f.accounts[id]
	return command.Credentials{Account: id, PasswordHash: a.hash, Locked: a.Locked, Excluded: a.ExcludedUntil, OpenedUnder: a.openedUnder, Networks: slices.Clone(a.networks)}, true, nil
}

// read returns what fn reads from an account.
func read[T any](f *fakeCasino, id command.AccountID, fn func(*fakeAccount) T) (v T, ok bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts[id]; a != nil {
		return fn(a), true, nil
	}
	return v, false, nil
}

func (f *fakeCasino) Account(id command.AccountID) (command.Account, bool, error) {
	return read(f, id, func(a *fakeAccount) command.Account { return a.Account })
}

func (f *fakeCasino) Sessions(id command.AccountID) ([]command.Session, error) {
	list, _, err := read(f, id, func(a *fakeAccount) (list []command.Session) {
		for _, s := range a.sessions {
			list = append(list, s)
		}
		slices.SortFunc(list, func(a, b command.Session) int { return int(b.ID) - int(a.ID) })
		return list
	})
	return list, err
}

func (f *fakeCasino) OpenRound(id command.AccountID) (command.Round, bool, error) {
	a, _, _ := f.Account(id)
	return f.Round(context.Background(), id, a.OpenRound)
}

func (f *fakeCasino) Fairness(id command.AccountID) (command.Fairness, bool, error) {
	return read(f, id, (*fakeAccount).fairness)
}

func (f *fakeCasino) Statistics(id command.AccountID) ([]command.GameStatistics, error) {
	list, _, err := read(f, id, func(a *fakeAccount) []command.GameStatistics {
		list := []command.GameStatistics{{Game: "slots"}, {Game: "roulette"}, {Game: "blackjack"}}
		for _, r := range a.rounds {
			for i := range list {
				if strings.HasPrefix(r.Rules, list[i].Game+"/") && r.Settled {
					list[i].Rounds++
					list[i].Staked += r.Staked
					list[i].Paid += r.Payout
					list[i].BiggestWin = max(list[i].BiggestWin, r.Payout-r.Staked)
				}
			}
		}
		return list
	})
	return list, err
}

func (f *fakeCasino) Limits(id command.AccountID, _ time.Time) (command.Limits, error) {
	l, _, err := read(f, id, func(a *fakeAccount) command.Limits {
		l := a.limits
		l.Room = a.Coins
		return l
	})
	return l, err
}

// pageOf cuts a page out of a list, newest first. A cursor is how many entries came before.
func pageOf[T any](list []T, p command.Page) ([]T, uint64) {
	list = list[min(p.Before, uint64(len(list))):]
	if len(list) > p.Limit {
		return list[:p.Limit], p.Before + uint64(p.Limit)
	}
	return list, 0
}

func (f *fakeCasino) Transfers(_ context.Context, id command.AccountID, p command.Page) ([]command.Transfer, uint64, error) {
	all, _, _ := read(f, id, func(a *fakeAccount) (list []command.Transfer) {
		for _, t := range slices.Backward(a.transfers) {
			if (p.Game == "" || p.Game == t.Game) && (p.Kind == 0 || p.Kind == t.Kind) {
				list = append(list, t)
			}
		}
		return list
	})
	list, next := pageOf(all, p)
	return list, next, nil
}

func (f *fakeCasino) Rounds(_ context.Context, id command.AccountID, p command.Page) ([]command.Round, uint64, error) {
	all, _, _ := read(f, id, func(a *fakeAccount) (list []command.Round) {
		for _, r := range a.rounds {
			if p.Game == "" || strings.HasPrefix(r.Rules, p.Game+"/") {
				list = append(list, *r)
			}
		}
		return list
	})
	list, next := pageOf(all, p)
	return list, next, nil
}

func (f *fakeCasino) RevealedPairs(_ context.Context, id command.AccountID, p command.Page) ([]command.RevealedPair, uint64, error) {
	all, _, _ := read(f, id, func(a *fakeAccount) []command.RevealedPair { return a.revealed })
	list, next := pageOf(all, p)
	return list, next, nil
}

func (f *fakeCasino) Round(_ context.Context, id command.AccountID, round command.RoundID) (r command.Round, ok bool, err error) {
	read(f, id, func(a *fakeAccount) any {
		for _, have := range a.rounds {
			if have.ID == round {
				r, ok = *have, true
			}
		}
		return nil
	})
	return r, ok, nil
}

// coins sums up what all players have: no refused request may change it.
func (f *fakeCasino) coins() (sum games.Coins) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.accounts {
		sum += a.Coins + a.HeldCoins
	}
	return sum
}

var _ Casino = (*fakeCasino)(nil)
