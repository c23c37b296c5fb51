package storagetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"

	"imperio/games"
	"imperio/storage/command"
)

// Draw draws a command that makes sense, or nearly does, in the model's current state. The machine carries out most of them
// and refuses many. Casino.Complete adds id and entropy. Since is the newest event, or one shortly before.
func (m *Model) Draw(t *rapid.T) command.Command {
	c := m.draw(t)
	c.Since = m.events - min(m.events, uint64(rapid.IntRange(0, 3).Draw(t, "events not seen")))
	return c
}

func (m *Model) draw(t *rapid.T) command.Command {
	if m.next == command.FirstAccountID {
		return command.Command{Body: m.drawAccount(t)}
	}
	// Sometimes an account that doesn't exist.
	id := command.AccountID(rapid.Uint64Range(uint64(command.FirstAccountID), uint64(m.next)).Draw(t, "account"))
	if id == m.next && rapid.IntRange(0, 9).Draw(t, "unknown") != 0 {
		id--
	}
	c := command.Command{Account: id, Body: m.drawBody(t, m.accounts[id])}
	switch c.Body.(type) {
	case command.OpenAccount, command.AttemptSignIn, command.SettleAbandoned, command.PutValue, command.DeleteValue,
		command.AcquireLock, command.ReleaseLock, command.RecordAct, command.CreateInvitation, command.RevokeInvitation,
		command.BeginLineage, command.CloseSeason:
		c.Account = 0
	case command.ImportAccounts:
		if rapid.IntRange(0, 19).Draw(t, "of an account") != 0 {
			c.Account = 0
		}
	case command.RenewAccounts:
		c = m.drawRenewal(t)
	}
	if rapid.Bool().Draw(t, "with key") {
		c.Key = command.KeyOf(fmt.Sprint("key ", rapid.IntRange(0, 30).Draw(t, "key")))
	}
	return c
}

func (m *Model) drawAccount(t *rapid.T) command.OpenAccount {
	n := rapid.IntRange(0, 9).Draw(t, "name")
	b := command.OpenAccount{
		Username: fmt.Sprintf("Player %d", n), UsernameKey: fmt.Sprintf("player %d", n), PasswordHash: drawHash(t),
		Role: drawRole(t), WelcomeCoins: drawCoins(t),
	}
	if e := rapid.IntRange(0, 9).Draw(t, "e-mail"); e > 3 {
		b.Email, b.EmailKey = fmt.Sprintf("P%d@example.com", e), fmt.Sprintf("p%d@example.com", e)
	}
	if rapid.IntRange(0, 4).Draw(t, "invited") == 0 {
		b.Invitation = drawCode(t)
	}
	if rapid.Bool().Draw(t, "with session") {
		s := m.drawSession(t)
		b.Session = &s
	}
	return b
}

func (m *Model) drawSession(t *rapid.T) command.NewSession {
	s := command.NewSession{
		Lifetime:  drawMinutes(t),
		UserAgent: "agent", Address: fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 2).Draw(t, "address")),
		Network: Keys.Network(fmt.Sprint("network ", rapid.IntRange(1, 12).Draw(t, "network"))),
	}
	s.Token[0] = 1
	s.Token[1] = byte(rapid.IntRange(0, 255).Draw(t, "token"))
	return s
}

func drawActor(t *rapid.T) string { return rapid.SampledFrom([]string{"", "cashier"}).Draw(t, "actor") }

func drawMinutes(t *rapid.T) int64 {
	return (time.Duration(rapid.IntRange(0, 2000).Draw(t, "minutes")) * time.Minute).Milliseconds()
}

// drawCode draws the hash of the code of an invitation or of a link.
func drawCode(t *rapid.T) command.TokenHash {
	return command.TokenHash{2, byte(rapid.IntRange(0, 3).Draw(t, "code"))}
}

// drawSubject is a stranger to an account, one of its devices or networks, a session, or nobody's login.
func drawSubject(t *rapid.T) command.Subject {
	return rapid.SampledFrom([]command.Subject{Keys.Account(1000), Keys.Device(1000, [16]byte{1}), Keys.From(1000, Keys.Network("network 1")),
		Keys.Session(7), Keys.Login("nobody")}).Draw(t, "subject")
}

func drawHash(t *rapid.T) string {
	return fmt.Sprintf("hash %d", rapid.IntRange(0, 1).Draw(t, "hash"))
}

func drawRole(t *rapid.T) command.Role {
	return rapid.SampledFrom([]command.Role{command.RolePlayer, command.RolePlayer, command.RoleOperator}).Draw(t, "role")
}

func drawCoins(t *rapid.T) games.Coins {
	return games.Coins(rapid.OneOf(rapid.Int64Range(0, 2000), rapid.Int64Range(900_000, 1_000_000),
		rapid.SampledFrom([]int64{-1, 0, 1, 1_000_000_000_000, 1_000_000_000_001})).Draw(t, "coins"))
}

func (m *Model) drawBody(t *rapid.T, p *player) command.Body {
	which := rapid.IntRange(0, 52).Draw(t, "kind")
	switch {
	case which < 12 || p == nil && which < 28:
		return m.drawWager(t)
	case which < 20:
		return m.drawAction(t, p)
	}
	switch which {
	case 20, 21:
		return m.drawAccount(t)
	case 22, 23:
		return command.RotateSeed{ClientSeed: rapid.SampledFrom([]string{"", "a", "clover", "línea", "tab\t", "default:1000"}).Draw(t, "client seed")}
	case 24, 25:
		return command.AttemptSignIn{Subject: drawSubject(t), Tries: int64(rapid.IntRange(0, 3).Draw(t, "tries")), Refill: 12_000}
	case 26, 27, 28:
		s := m.drawSession(t)
		return command.OpenSession{Session: s, Subject: drawSubject(t),
			Rehash: rapid.SampledFrom([]string{"", "hash 1"}).Draw(t, "rehash"), OldHash: rapid.SampledFrom([]string{"", "hash 0"}).Draw(t, "old hash")}
	case 29:
		return command.EndSessions{Session: drawSessionID(t, p), All: rapid.Bool().Draw(t, "all"), Keep: drawSessionID(t, p)}
	case 30:
		b := command.ChangePassword{OldHash: drawHash(t), NewHash: drawHash(t), Keep: drawSessionID(t, p), Actor: drawActor(t), Subject: drawSubject(t)}
		if rapid.Bool().Draw(t, "by a link") {
			b.Link = drawCode(t)
		}
		return b
	case 31:
		return command.CollectDailyCoins{Amount: 100}
	case 32:
		return command.GrantCoins{Amount: drawCoins(t) - 500, Actor: "cashier", Reason: "test"}
	case 33:
		return command.SetLock{Locked: rapid.IntRange(0, 2).Draw(t, "locked") == 0, Actor: "cashier"}
	case 34:
		return command.SetRole{Role: drawRole(t), Actor: "cashier"}
	case 35, 36:
		return command.SetLimits{Limits: drawLimits(t)}
	case 37:
		if rapid.IntRange(0, 4).Draw(t, "exclude") == 0 {
			return command.Exclude{Days: rapid.IntRange(0, 3).Draw(t, "days")}
		}
		return command.RecordAct{Actor: "cashier", Act: "configuration_changed", Before: "a", After: "b"}
	case 40:
		if rapid.Bool().Draw(t, "revoke") {
			return command.RevokeInvitation{Invitation: command.InvitationID(rapid.Uint64Range(0, m.events).Draw(t, "invitation")), Actor: "cashier"}
		}
		return command.CreateInvitation{Code: drawCode(t), Uses: rapid.IntRange(0, 2).Draw(t, "uses"), Lifetime: drawMinutes(t), Actor: "cashier", Reason: "test"}
	case 41:
		return command.CreatePasswordLink{Link: drawCode(t), Lifetime: 1 + drawMinutes(t), Actor: "cashier"}
	case 42:
		b := command.ChangeEmail{OldHash: drawHash(t), Actor: drawActor(t)}
		if e := rapid.IntRange(0, 9).Draw(t, "e-mail"); e > 0 {
			b.Email, b.EmailKey = fmt.Sprintf("P%d@example.com", e), fmt.Sprintf("p%d@example.com", e)
		}
		return b
	case 43:
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			return command.DeleteAccount{OldHash: drawHash(t), Actor: drawActor(t)}
		}
		return m.drawWager(t)
	case 44:
		s := m.drawSession(t)
		s.Name, s.Scopes = "bot", command.Scopes(rapid.IntRange(0, 4).Draw(t, "scopes"))
		b := command.CreateToken{Session: s}
		if rapid.Bool().Draw(t, "launched") {
			b.Launcher = drawSessionID(t, p)
		}
		return b
	case 45:
		return command.BeginLineage{Lineage: rapid.SampledFrom([]string{"", "origin", "20261120T100000Z-4f3a9c21", "20261121T100000Z-00000000", "a/b", "línea"}).Draw(t, "lineage"),
			Actor: "cashier", Reason: "test", Before: "a", After: "b"}
	case 46:
		return command.RenewAccounts{}
	case 47:
		return drawImport(t)
	case 48, 49, 50, 51:
		return drawProfile(t)
	case 52:
		return m.drawCloseSeason(t)
	}
	return m.drawHouseValue(t)
}

// drawRenewal draws a renewal of some accounts, with two seeds for each that is not deleted: sometimes one too many or too few.
func (m *Model) drawRenewal(t *rapid.T) command.Command {
	first := command.AccountID(rapid.Uint64Range(uint64(command.FirstAccountID)-1, uint64(m.next)).Draw(t, "first account"))
	count := rapid.IntRange(0, int(m.next-first)+1).Draw(t, "accounts")
	seeds := 0
	for i := range count {
		if p := m.accounts[first+command.AccountID(i)]; p != nil && p.deletedAt.IsZero() {
			seeds += 2
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "wrong seeds") == 0 {
		seeds = max(0, seeds+rapid.SampledFrom([]int{-1, 1}).Draw(t, "more seeds"))
	}
	c := command.Command{Body: command.RenewAccounts{First: first, Count: count, Actor: "cashier"}}
	source := rand.NewChaCha8([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "entropy")))
	c.Entropy = make([]byte, seeds*command.SeedSize)
	source.Read(c.Entropy) // never fails
	if rapid.IntRange(0, 19).Draw(t, "of an account") == 0 {
		c.Account = command.FirstAccountID
	}
	return c
}

func drawSessionID(t *rapid.T, p *player) command.SessionID {
	n := rapid.IntRange(0, 20).Draw(t, "session")
	if p == nil || n >= len(p.sessions) {
		return command.SessionID(n)
	}
	return p.sessions[n].ID
}

func drawLimits(t *rapid.T) command.LimitSet {
	amount := func(name string, unit int64) games.Coins {
		return games.Coins(unit * rapid.SampledFrom([]int64{0, 0, 0, 1, 2, 5, -1}).Draw(t, name))
	}
	return command.LimitSet{
		StakePerDay: amount("a day's stakes", 400), LossPerDay: amount("a day's loss", 200), LossPerWeek: amount("a week's loss", 400),
		LossPerMonth: amount("a month's loss", 800), SessionMinutes: rapid.SampledFrom([]int{0, 0, 0, 5, 30, 1441}).Draw(t, "minutes"),
		RealityCheckMinutes: rapid.SampledFrom([]int{0, 60}).Draw(t, "reality check"),
	}
}

func (m *Model) drawWager(t *rapid.T) command.PlaceWager {
	stake := games.Coins(rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, 100), rapid.Int64Range(-1, 3000)).Draw(t, "stake"))
	rules := rapid.SampledFrom(m.games.Rules()).Draw(t, "rules")
	b := command.PlaceWager{Rules: rules, Stake: stake}
	if version, _ := m.games.Version(rules); !version.Of().Bets || stake < 1 {
		return b
	}
	switch rapid.IntRange(0, 4).Draw(t, "bets") {
	case 0: // none: refused
	case 1:
		b.Bets = []games.Bet{{Type: "straight", Numbers: []int{rapid.IntRange(0, 38).Draw(t, "number")}, Amount: stake}}
	case 2:
		b.Bets = []games.Bet{{Type: "red", Amount: stake}, {Type: "dozen", Selection: 2, Amount: 5}}
		b.Stake += 5
	case 3:
		b.Bets = []games.Bet{{Type: "even", Amount: stake + 1}} // not their sum: refused
	case 4:
		b.Bets = []games.Bet{{Type: "low", Amount: stake}}
	}
	return b
}

// staysOpen are the rules whose rounds can stay open.
func (m *Model) staysOpen() (rules []string) {
	for _, g := range m.games.Games() {
		if g.StaysOpen() {
			rules = append(rules, g.Rules()...)
		}
	}
	return rules
}

func (m *Model) drawAction(t *rapid.T, p *player) command.Body {
	r := p.open()
	if r == nil && rapid.Bool().Draw(t, "open one") {
		return command.PlaceWager{Rules: rapid.SampledFrom(m.staysOpen()).Draw(t, "rules"), Stake: games.Coins(rapid.Int64Range(2, 200).Draw(t, "stake"))}
	}
	round := command.RoundID(rapid.Uint64Range(0, m.events+1).Draw(t, "round"))
	if r != nil && rapid.IntRange(0, 9).Draw(t, "own round") != 0 {
		round = r.ID
	}
	if rapid.IntRange(0, 9).Draw(t, "abandoned") == 0 {
		b := command.SettleAbandoned{Round: round}
		if r != nil && rapid.Bool().Draw(t, "cut-off") {
			b.Before = r.acted.UnixMilli() + rapid.Int64Range(-1, 2).Draw(t, "milliseconds after the last action")
		}
		return b
	}
	actions := []string{"hit", "stand", "double", "split", "surrender", "insurance", "decline_insurance", "keep", "again", "peek"}
	if r != nil && rapid.IntRange(0, 4).Draw(t, "allowed") != 0 {
		actions = r.Allowed
	}
	b := command.TakeAction{Round: round, Action: rapid.SampledFrom(actions).Draw(t, "action")}
	if r != nil && rapid.Bool().Draw(t, "seen") {
		b.Taken = new(len(r.Wager.Actions))
		if rapid.IntRange(0, 3).Draw(t, "not as it is") == 0 {
			*b.Taken = rapid.IntRange(-1, 3).Draw(t, "taken")
		}
	}
	return b
}

func (m *Model) drawHouseValue(t *rapid.T) command.Body {
	name := rapid.SampledFrom([]string{"certificates/a", "certificates/b"}).Draw(t, "name")
	var lock string
	fence := uint64(0)
	if rapid.Bool().Draw(t, "under a lock") {
		lock, fence = "issue", rapid.Uint64Range(0, m.fences).Draw(t, "fence")
	}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		return command.PutValue{Name: name, Value: []byte{1, byte(m.events)}, Lock: lock, Fence: fence}
	case 1:
		return command.DeleteValue{Name: name, Lock: lock, Fence: fence}
	case 2:
		return command.ReleaseLock{Name: "issue", Fence: fence}
	}
	return command.AcquireLock{Name: "issue", Holder: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "holder"),
		TTL: time.Duration(rapid.IntRange(0, 61).Draw(t, "minutes")) * time.Minute, Fence: fence}
}
