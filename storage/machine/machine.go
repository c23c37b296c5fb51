// Package machine holds the rules of the house: commands become events, and events change the state.
//
// It reads the state and the commands, and nothing else: no clock, no randomness, no file, no option of the node. So two
// nodes that apply the same log reach the same bytes. What it keeps in memory makes it faster, never different.
package machine

import (
	"fmt"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// Machine applies commands. A rule either refuses, before anything was changed, or carries its changes through; an error
// of it means a damaged state or a bug, and the machine must not be used any more. Its methods are not safe for concurrent
// use, except CachedSession.
type Machine struct {
	Reader  // of state; its head is what the machine knows about itself, as it is after the newest command
	state   State
	games   *games.Catalogue
	now     int64 // Unix milliseconds: the command's time, never before an earlier command's
	command *command.Decoded
	events  []*Event // recorded since On

	sessions *sessionCache
	records  *recordCache
	keys     *keyIndex // nil: not loaded yet
	sizes    keySizes  // of keys
}

// New makes a machine that goes on from a record. The catalogue must hold all games that were ever played.
func New(record Record, c *games.Catalogue) *Machine {
	return &Machine{Reader: Reader{head: &record}, games: c, sessions: newSessionCache(), records: newRecordCache(), sizes: standardSizes}
}

// On lets the machine work on a state, until it is given another. Between the two the state may only be changed by the
// machine.
func (m *Machine) On(s State) { m.state, m.view, m.events = s, s, nil }

// Recorded are the events that the commands left since On, in order. They are not changed any more.
func (m *Machine) Recorded() []*Event { return m.events }

// Apply carries out one command.
func (m *Machine) Apply(c *command.Decoded) (command.Result, error) {
	m.command = c
	if m.keys == nil {
		if err := m.Load(m.state); err != nil {
			return command.Result{}, err
		}
	}
	stamp := c.Time.UnixMilli()
	if stamp < 0 || stamp > command.ForEver.UnixMilli() {
		return invalidCommand("it was proposed at %d ms", stamp), nil
	}
	m.pass(stamp)
	m.now = m.head.Time

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

// setBack is by how much a command's time must be behind the newest one for its proposer's clock to have been set back.
// Commands overtake one another, and are proposed again, by less.
const setBack = int64(time.Minute / time.Millisecond)

// pass moves the machine's time on to a command's. It never goes back: when the clock was ahead once, and is right again,
// time goes on at half the clock's pace until that has caught up. If it stood still, nobody would get daily coins, tries
// to sign in, or a lock that its holder left, for as long as the clock had been ahead.
func (m *Machine) pass(stamp int64) {
	half := (stamp - m.head.Stamp) / 2
	switch {
	case stamp < m.head.Stamp-setBack:
		m.head.Stamp, half = stamp, 0
	case half > 0:
		m.head.Stamp += 2 * half
	default:
		half = 0
	}
	m.head.Time = max(stamp, m.head.Time+half)
}

// invalidCommand refuses what no proposer of this version sends. It is a refusal, not an error: a command that is in
// the log once would otherwise stop every node for ever.
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
	}
	return command.Result{}, fmt.Errorf("no rule for commands of kind %d", m.command.Body.Kind())
}

// put keeps a record.
func (m *Machine) put(table int, key []byte, record any) error {
	data, err := encode(record)
	if err != nil {
		return err
	}
	m.state.Put(table, key, data)
	return nil
}

// answer tells again what was answered when an event was recorded.
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
	case SessionOpened:
		r.Value, err = m.sessionOpened(e)
	case LimitsChanged:
		r.Value, err = m.limitsOf(e.Account)
	case PlayerExcluded:
		r.Value = &command.Exclusion{Until: at(e.Until)}
	}
	return r, err
}
