package storagetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// Model is a second, naive implementation of the casino's rules that predicts the machine's answers. It uses plain maps and
// slices, stores nothing, and adds up lists whenever it needs a sum.
type Model struct {
	games     *games.Catalogue
	now       time.Time   // the time of the command being applied
	stamps    []time.Time // of all entries so far
	events    uint64
	accounts  map[command.AccountID]*player
	next      command.AccountID
	issued    games.Coins
	done      map[command.ID]func() command.Result // how to repeat the answer of a command that left an event
	keys      map[modelKey]modelUse
	debts     map[command.Subject]*debt
	values    map[string]command.Stored
	locks     map[string]command.LockHeld
	invited   map[command.TokenHash]command.Invitation // with codes that were not used up
	holders   map[string]string
	fences    uint64
	lineage   string
	seasons   []command.Season // the newest may be running
	inSeasons []countedRound
	imported  map[modelRow]command.Imported // Untouched is not kept: the events of an account say it
}

type modelKey struct {
	account command.AccountID
	key     command.Key
}

// modelUse is the use of an idempotency key.
type modelUse struct {
	at     time.Time // a key is good for 25 hours
	body   command.Body
	answer func() command.Result
}

// debt is how long a subject must wait until it has all its sign-in tries back.
type debt struct {
	wait time.Duration
	at   time.Time
}

type player struct {
	id            command.AccountID
	name, email   string
	nameKey, mail string
	hash          string
	role          command.Role
	created       time.Time
	openedUnder   command.Key
	locked        bool
	excluded      time.Time
	dailyNext     time.Time
	coins         games.Coins
	sessions      []command.Session // oldest first
	tokens        map[command.SessionID]command.TokenHash
	launchers     map[command.SessionID]command.SessionID // which session has launched another
	networks      []command.Subject                       // the newest 8 that sessions were opened from, newest last
	seeds         [][]byte                                // of all pairs, the active and the next one
	clients       []string                                // of all pairs up to the active one
	rotated       []time.Time
	nonces        []uint64 // used by pair
	rounds        []*modelRound
	bets          []movement // what counts against limits
	limits        command.LimitSet
	pending       []command.PendingLimit // also those whose wait is over
	link          command.PasswordLink
	deletedAt     time.Time
	avatar        string // empty: the first
	display       string // empty: the name
	shownKey      string // empty: none is reserved
	entry         command.EntryID
	achieved      []command.Achieved
}

type modelRound struct {
	command.Round
	acted time.Time // when its player dealt it, or took the last action
}

// movement is a stake (positive) or a payout (negative or 0), with the time at which it counts against limits.
type movement struct {
	at     time.Time
	amount games.Coins
	stake  bool
}

// NewModel is the model of an empty casino that plays the games of a catalogue.
func NewModel(c *games.Catalogue) *Model {
	return &Model{
		games: c, accounts: make(map[command.AccountID]*player), next: command.FirstAccountID,
		done: make(map[command.ID]func() command.Result), keys: make(map[modelKey]modelUse),
		debts: make(map[command.Subject]*debt), values: make(map[string]command.Stored),
		locks: make(map[string]command.LockHeld), holders: make(map[string]string), invited: make(map[command.TokenHash]command.Invitation),
		imported: make(map[modelRow]command.Imported),
	}
}

func refuse(code string) command.Result {
	return command.Result{Refusal: &command.Refusal{Code: code}}
}

func refuseByLimit(name string, until time.Time) command.Result {
	return command.Result{Refusal: &command.Refusal{Code: "limit_reached", Limit: name, Until: until}}
}

func refuseUntil(code string, until time.Time) command.Result {
	return command.Result{Refusal: &command.Refusal{Code: code, Until: until}}
}

// outcome is the result of a rule: a refusal, or what it did.
type outcome struct {
	result command.Result
	again  func() any // the answer when the command is repeated later; nil: none
	event  bool       // it left an event in the history
	others uint64     // events that it left before that one
}

func refused(r command.Result) outcome { return outcome{result: r} }

// did is an outcome that left an event.
func did(answer func() any) outcome { return outcome{again: answer, event: true} }

func same(v any) func() any { return func() any { return v } }

func nothing() any { return nil }

// Apply predicts the answer to a command and applies it to the model. Refusals have no message.
//
// Time never goes back, so a command's time is the latest stamp so far.
func (m *Model) Apply(s Stamped) command.Result {
	m.stamps = append(m.stamps, s.At.Truncate(time.Millisecond))
	m.now = slices.MaxFunc(m.stamps, time.Time.Compare)
	c := s.Command
	use, used := m.keys[modelKey{c.Account, c.Key}]
	if used && c.Key != (command.Key{}) && m.now.Sub(use.at) <= 25*time.Hour {
		if !reflect.DeepEqual(asked(use.body), asked(c.Body)) {
			return refuse("idempotency_mismatch")
		}
		return use.answer()
	}
	if again, ok := m.done[c.ID]; ok && c.Retry {
		return again()
	}
	if c.Refusal != nil {
		return refuseUntil(c.Refusal.Code, c.Refusal.Until)
	}
	o := m.rule(c)
	if o.result.Refusal != nil || !o.event {
		return o.result
	}
	m.events += o.others + 1
	event := m.events
	o.result.Event, o.result.Value = event, o.again()
	again := func() command.Result {
		return command.Result{Event: event, Replayed: true, Value: o.again()}
	}
	m.done[c.ID] = again
	// Keys belong to an account's own events. House values have none.
	switch c.Body.(type) {
	case command.PutValue, command.DeleteValue:
	default:
		if c.Key != (command.Key{}) && c.Account != 0 {
			m.keys[modelKey{c.Account, c.Key}] = modelUse{m.now, c.Body, again}
		}
	}
	return o.result
}

// asked is the part of a body that the client asked for.
func asked(b command.Body) command.Body {
	switch b := b.(type) {
	case command.PlaceWager:
		return command.PlaceWager{Rules: games.NameOf(b.Rules), Stake: b.Stake, Bets: b.Bets}
	case command.TakeAction:
		return command.TakeAction{Round: b.Round, Action: b.Action}
	case command.CollectDailyCoins:
		return command.CollectDailyCoins{}
	}
	return b
}

func (m *Model) rule(c command.Command) outcome {
	switch b := c.Body.(type) {
	case command.OpenAccount:
		return m.openAccount(b, c.Key, c.Entropy)
	case command.AttemptSignIn:
		return m.attemptSignIn(b)
	case command.SettleAbandoned:
		return m.settleAbandoned(b)
	case command.PutValue, command.DeleteValue, command.AcquireLock, command.ReleaseLock:
		return m.houseValue(b)
	case command.RecordAct:
		return did(nothing)
	case command.CreateInvitation:
		return m.createInvitation(b)
	case command.RevokeInvitation:
		return m.revokeInvitation(b)
	case command.BeginLineage:
		return m.beginLineage(b)
	case command.RenewAccounts:
		return m.renewAccounts(c.Account, b, c.Entropy)
	case command.ImportAccounts:
		return m.importAccounts(c.Account, b, c.Entropy)
	case command.CloseSeason:
		return m.closeSeason(c.Account, b)
	case command.EndSessions:
		if p := m.accounts[c.Account]; p != nil {
			return p.endSessions(b)
		} else if b.All {
			return outcome{}
		}
		return refused(refuse("session_not_found"))
	}
	if b, ok := c.Body.(command.PlaceWager); ok {
		if _, ok := m.games.Version(b.Rules); !ok {
			return refused(refuse("invalid_bet"))
		}
	}
	p := m.accounts[c.Account]
	if p == nil || !p.deletedAt.IsZero() {
		return refused(refuse("account_not_found"))
	}
	switch b := c.Body.(type) {
	case command.PlaceWager:
		return m.placeWager(p, b)
	case command.TakeAction:
		return m.takeAction(p, b)
	case command.RotateSeed:
		return m.rotateSeed(p, b, c.Entropy)
	case command.OpenSession:
		return m.openSession(p, b)
	case command.ChangePassword:
		return m.changePassword(p, b)
	case command.CreateToken:
		return m.createToken(p, b)
	case command.CreatePasswordLink:
		p.link = command.PasswordLink{Link: b.Link, ExpiresAt: m.now.Add(time.Duration(b.Lifetime) * time.Millisecond)}
		return did(same(&command.PasswordLink{ExpiresAt: p.link.ExpiresAt}))
	case command.ChangeEmail:
		return m.changeEmail(p, b)
	case command.DeleteAccount:
		return m.deleteAccount(p, b)
	case command.CollectDailyCoins:
		return m.collectDailyCoins(p, b)
	case command.GrantCoins:
		return m.grantCoins(p, b)
	case command.SetLock:
		if p.locked == b.Locked {
			return outcome{}
		}
		p.locked = b.Locked
		if b.Locked {
			p.sessions = nil
		}
		return did(nothing)
	case command.SetRole:
		if p.role == b.Role {
			return outcome{}
		}
		p.role, p.sessions = b.Role, nil
		return did(nothing)
	case command.SetLimits:
		return m.setLimits(p, b)
	case command.Exclude:
		return m.exclude(p, b)
	case command.SetProfile:
		return m.setProfile(p, b)
	}
	panic(fmt.Sprintf("the model knows no %T", c.Body))
}

func (m *Model) openAccount(b command.OpenAccount, key command.Key, entropy []byte) outcome {
	if m.nameTaken(b.UsernameKey) {
		return refused(refuse("username_taken"))
	}
	for _, p := range m.accounts {
		if b.EmailKey != "" && p.mail == b.EmailKey {
			return refused(refuse("email_taken"))
		}
	}
	if b.WelcomeCoins < 0 || b.WelcomeCoins > 1_000_000_000_000 {
		return refused(refuse("amount_out_of_range"))
	}
	if b.Session != nil && b.Session.Lifetime < 1 {
		return refused(refuse("invalid_command"))
	}
	if b.Session != nil && m.knows(b.Session.Token) {
		return refused(refuse("invalid_session"))
	}
	if b.Invitation != (command.TokenHash{}) && !m.useInvitation(b.Invitation) {
		return refused(refuse("invitation_invalid"))
	}
	p := &player{
		id: m.next, name: b.Username, nameKey: b.UsernameKey, email: b.Email, mail: b.EmailKey, hash: b.PasswordHash,
		role: b.Role, created: m.now, openedUnder: key, coins: b.WelcomeCoins, tokens: make(map[command.SessionID]command.TokenHash), launchers: make(map[command.SessionID]command.SessionID),
		seeds:   [][]byte{entropy[:32], entropy[32:]},
		clients: []string{"default:" + strconv.FormatUint(uint64(m.next), 10)}, nonces: []uint64{0},
	}
	m.issued += b.WelcomeCoins
	m.next++
	m.accounts[p.id] = p
	if b.Session == nil {
		return did(func() any { return &command.AccountOpened{Account: m.account(p)} })
	}
	sid := p.addSession(m, *b.Session, 0)
	return did(func() any {
		v := &command.AccountOpened{Account: m.account(p)}
		if s := p.session(sid); s.ID != 0 {
			v.Session = &s
		}
		return v
	})
}

func (m *Model) account(p *player) command.Account {
	a := command.Account{
		ID: p.id, Username: p.name, Email: p.email, Role: p.role, Coins: p.coins, Locked: p.locked, CreatedAt: p.created,
		ExcludedUntil: p.excluded, DailyNextAt: p.dailyNext, DeletedAt: p.deletedAt, Nudges: m.nudges(p),
	}
	if r := p.open(); r != nil {
		a.OpenRound, a.HeldCoins = r.ID, r.Staked
	}
	return a
}

// barred reports whether a player may not play, and why.
func (m *Model) barred(p *player) (command.Result, bool) {
	if p.locked {
		return refuse("account_locked"), true
	}
	if p.excluded.After(m.now) {
		return refuseUntil("excluded", p.excluded), true
	}
	return command.Result{}, false
}

func (m *Model) collectDailyCoins(p *player, b command.CollectDailyCoins) outcome {
	if r, is := m.barred(p); is {
		return refused(r)
	}
	if p.dailyNext.After(m.now) {
		return refused(refuseUntil("already_collected", p.dailyNext))
	}
	if b.Amount < 1 || b.Amount > 1_000_000_000_000 {
		return refused(refuse("amount_out_of_range"))
	}
	p.coins += b.Amount
	m.issued += b.Amount
	p.dailyNext = m.now.Add(24 * time.Hour)
	return did(same(&command.DailyCoins{Amount: b.Amount, Coins: p.coins, NextAt: p.dailyNext}))
}

func (m *Model) grantCoins(p *player, b command.GrantCoins) outcome {
	switch {
	case b.Amount == 0, b.Amount > 1_000_000_000_000, b.Amount < -games.MaxCoins:
		return refused(refuse("amount_out_of_range"))
	case p.coins+b.Amount < 0:
		return refused(refuse("insufficient_coins"))
	}
	p.coins += b.Amount
	m.issued += b.Amount
	return did(same(&command.CoinsGranted{Amount: b.Amount, Coins: p.coins}))
}

func (m *Model) exclude(p *player, b command.Exclude) outcome {
	until := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	if !b.ForEver {
		if b.Days < 1 || b.Days > 1825 {
			return refused(refuse("invalid_exclusion"))
		}
		until = m.now.AddDate(0, 0, b.Days)
	}
	if until.After(p.excluded) {
		p.excluded = until
	}
	p.sessions = nil
	return did(same(&command.Exclusion{Until: p.excluded}))
}

// houseValue applies commands about the house's values and locks.
func (m *Model) houseValue(body command.Body) outcome {
	holds := func(name string, fence uint64) bool {
		l, ok := m.locks[name]
		return ok && l.Fence == fence && l.Expires.After(m.now)
	}
	switch b := body.(type) {
	case command.PutValue:
		if b.Lock != "" && !holds(b.Lock, b.Fence) {
			return refused(refuse("lock_lost"))
		}
		m.values[b.Name] = command.Stored{Value: b.Value, Modified: m.now}
		return did(nothing)
	case command.DeleteValue:
		if b.Lock != "" && !holds(b.Lock, b.Fence) {
			return refused(refuse("lock_lost"))
		}
		if _, ok := m.values[b.Name]; !ok {
			return refused(refuse("not_found"))
		}
		delete(m.values, b.Name)
		return did(nothing)
	case command.ReleaseLock:
		if l, ok := m.locks[b.Name]; ok && l.Fence == b.Fence {
			delete(m.locks, b.Name)
		}
		return outcome{}
	case command.AcquireLock:
		l, ok := m.locks[b.Name]
		held := ok && l.Expires.After(m.now)
		mine := held && m.holders[b.Name] == b.Holder
		switch {
		case b.Fence != 0 && !holds(b.Name, b.Fence):
			return refused(refuse("lock_lost"))
		case b.Fence == 0 && held && !mine:
			return refused(refuseUntil("lock_held", l.Expires))
		case b.TTL <= 0 || b.TTL > time.Hour:
			return refused(refuse("invalid_lock"))
		}
		if b.Fence == 0 && !mine {
			m.fences++
			l.Fence = m.fences
			m.holders[b.Name] = b.Holder
		}
		l.Expires = m.now.Add(b.TTL.Truncate(time.Millisecond))
		m.locks[b.Name] = l
		return outcome{result: command.Result{Value: &l}}
	}
	panic(fmt.Sprintf("the model knows no %T", body))
}

func commitment(seed []byte) string {
	sum := sha256.Sum256(seed)
	return hex.EncodeToString(sum[:])
}
