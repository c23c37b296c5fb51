// Package machine holds the rules of the house: commands become events, and events change the state.
//
// It reads the state and the commands, and nothing else: no clock, no randomness, no file, no option of the node. So two
// nodes that apply the same log reach the same bytes. What it keeps in memory makes it faster, never different.
package machine

import (
	"fmt"
	"time"

	"imperio/storage/command"
)

// Machine applies commands. A rule either refuses before it changes anything, or makes all its changes. An error means a
// damaged state or a bug, and the machine must no longer be used. Its methods are not safe for concurrent use, except
// CachedSession.
type Machine struct {
	Reader  // of state; its head is the machine's own record after the newest command
	state   State
	now     int64 // the casino's time for the command, Unix milliseconds
	command *command.Decoded
	events  []*Event // recorded since On

	sessions *sessionCache
	records  *recordCache
	attempts *attempts
	keys     *keyIndex // nil: not loaded yet
	sizes    keySizes  // of the index of keys
	caches   CacheBytes
}

// New makes a machine that continues from a record.
func New(record Record, house House, caches CacheBytes) *Machine {
	if caches <= 0 {
		caches = UsualCacheBytes
	}
	return &Machine{Reader: Reader{head: &record, house: house}, sizes: standardSizes, caches: caches,
		sessions: newSessionCache(caches.sessions()), records: newRecordCache(caches.records()), attempts: newAttempts(record.Events, caches.attempts())}
}

// On sets the state that the machine works on until the next call of On. Only the machine may change it in between.
func (m *Machine) On(s State) { m.state, m.view, m.events = s, s, nil }

// Recorded returns the events that commands have left since On, in order. Nobody modifies them afterwards.
func (m *Machine) Recorded() []*Event { return m.events }

// Apply carries out one command of an entry that the leader stamped with a time. The casino's time never goes back: if a
// later leader stamps an earlier time, it stands still.
func (m *Machine) Apply(at time.Time, c *command.Decoded) (command.Result, error) {
	if m.house.OpenSeed == nil {
		return command.Result{}, ErrNoKey
	}
	if m.keys == nil {
		if err := m.Load(m.state); err != nil {
			return command.Result{}, err
		}
	}
	stamp := at.UnixMilli()
	if stamp < 0 || stamp > command.ForEver.UnixMilli() {
		return command.Result{}, fmt.Errorf("apply command kind %d: it is stamped with %d ms", c.Body.Kind(), stamp)
	}
	m.command = c
	m.head.Time = max(m.head.Time, stamp)
	m.now = m.head.Time
	if err := m.expireSessions(); err != nil {
		return command.Result{}, err
	}

	if earlier, found, err := m.earlier(); found || err != nil {
		return earlier, err
	}
	if c.Refusal != nil {
		return command.Result{Refusal: c.Refusal}, nil
	}
	before := m.head.Events
	result, err := m.dispatch()
	if err != nil {
		return result, fmt.Errorf("apply command kind %d: %w", c.Body.Kind(), err)
	}
	if result.Refusal != nil {
		if m.head.Events != before {
			return result, fmt.Errorf("apply command kind %d: refused (%s) after it had changed something", c.Body.Kind(), result.Refusal.Code)
		}
		return result, nil
	}
	if m.head.Events > before {
		result.Event = m.head.Events
	}
	if sum := m.head.Books.Sum(); sum != 0 {
		return result, fmt.Errorf("apply command kind %d: the ledger's sum is %d after it", c.Body.Kind(), sum)
	}
	return result, nil
}

// invalidCommand refuses a command that no correct proposer sends. It is a refusal and not an error, since the command is in
// the log and an error would stop every node for ever.
func invalidCommand(format string, args ...any) command.Result {
	return command.Refusef("invalid_command", "The casino can't carry this out: "+format+".", args...)
}

func (m *Machine) dispatch() (command.Result, error) {
	switch b := m.command.Body.(type) {
	case command.PlaceWager:
		return m.placeWager(b)
	case command.TakeAction:
		return m.takeAction(b)
	case command.SettleAbandoned:
		return m.settleAbandoned(b)
	case command.RotateSeed:
		return m.rotateSeed(b)
	case command.OpenAccount:
		return m.openAccount(b)
	case command.AttemptSignIn:
		return m.attemptSignIn(b)
	case command.OpenSession:
		return m.openSession(b)
	case command.EndSessions:
		return m.endSessions(b)
	case command.ChangePassword:
		return m.changePassword(b)
	case command.CollectDailyCoins:
		return m.collectDailyCoins(b)
	case command.GrantCoins:
		return m.grantCoins(b)
	case command.SetLock:
		return m.setLock(b)
	case command.SetRole:
		return m.setRole(b)
	case command.SetLimits:
		return m.setLimits(b)
	case command.Exclude:
		return m.exclude(b)
	case command.PutValue:
		return m.putValue(b)
	case command.DeleteValue:
		return m.deleteValue(b)
	case command.AcquireLock:
		return m.acquireLock(b)
	case command.ReleaseLock:
		return m.releaseLock(b)
	case command.RecordAct:
		return m.recordAct(b)
	case command.RaiseLevel:
		return m.raiseLevel(b)
	case command.CreateInvitation:
		return m.createInvitation(b)
	case command.RevokeInvitation:
		return m.revokeInvitation(b)
	case command.CreatePasswordLink:
		return m.createPasswordLink(b)
	case command.ChangeEmail:
		return m.changeEmail(b)
	case command.DeleteAccount:
		return m.deleteAccount(b)
	case command.CreateToken:
		return m.createToken(b)
	case command.BeginLineage:
		return m.beginLineage(b)
	case command.RenewAccounts:
		return m.renewAccounts(b)
	case command.ImportAccounts:
		return m.importAccounts(b)
	case command.SetProfile:
		return m.setProfile(b)
	case command.CloseSeason:
		return m.closeSeason(b)
	}
	return command.Result{}, fmt.Errorf("no rule for commands of kind %d", m.command.Body.Kind())
}

// put encodes and stores a record.
func (m *Machine) put(table int, key []byte, record any) error {
	data, err := encode(record)
	if err != nil {
		return err
	}
	m.state.Put(table, key, data)
	return nil
}

// answer rebuilds the answer that was given when an event was recorded.
func (m *Machine) answer(e *Event) (command.Result, error) {
	r := command.Result{Event: e.Seq, Replayed: true}
	var err error
	switch e.Kind {
	case RoundPlayed, RoundOpened, ActionTaken, AbandonedSettled:
		r.Value, err = m.roundResult(e)
	case DailyCollected:
		r.Value = &command.DailyCoins{Amount: e.Transfers[0].Amount, Coins: coins(e.Coins), NextAt: at(e.Until)}
	case CoinsGranted:
		r.Value = &command.CoinsGranted{Amount: signedGrant(e.Transfers[0]), Coins: coins(e.Coins)}
	case SeedRotated:
		r.Value, err = m.seedRotated(e)
	case AccountOpened:
		r.Value, err = m.accountOpened(e)
	case SessionOpened, TokenCreated:
		r.Value, err = m.sessionOpened(e)
	case LimitsChanged:
		r.Value, err = m.limitsOf(e.Account)
	case PlayerExcluded:
		r.Value = &command.Exclusion{Until: at(e.Until)}
	case InvitationCreated:
		r.Value = &command.InvitationCreated{ID: command.InvitationID(e.Seq), ExpiresAt: at(e.Until)}
	case PasswordLinkCreated:
		r.Value = &command.PasswordLink{ExpiresAt: at(e.Until)}
	case AccountsRenewed:
		r.Value = &command.AccountsRenewed{Accounts: e.Renewed.Accounts, Sessions: e.Renewed.Sessions}
	case AccountsImported:
		r.Value = &command.AccountsImported{First: e.Imported.First, Accounts: e.Imported.Accounts, Coins: e.Imported.Coins, Stakes: e.Imported.Stakes}
	}
	return r, err
}
