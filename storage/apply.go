package storage

import (
	"fmt"
	"time"

	"imperio/storage/command"
	"imperio/storage/ledger"
)

// Entry is one command of the log, with the index of the log's entry that holds it; an entry may hold several. One without
// Data belongs to the log itself and only moves the applied index.
type Entry struct {
	Index, Term uint64
	Time        time.Time // the casino's time, which the leader stamped on the entry; zero without Data
	Data        []byte
}

// machine applies commands: it reads the state and the command and nothing else. It lives for one batch, under the
// store's lock. A rule either refuses, before anything was changed, or carries its changes through; an error of it
// means a damaged file or a bug, and the store takes no more commands.
type machine struct {
	reader
	*MachineRecord
	now      int64 // Unix milliseconds: the command's time, never before an earlier command's
	command  *command.Decoded
	sessions *sessionCache
	hot      *hotRecords
	keys     *usedKeys
}

// apply carries out one command.
func (m *machine) apply(c *command.Decoded) (command.Result, error) {
	m.command = c
	stamp := c.Time.UnixMilli()
	if stamp < 0 || stamp > command.ForEver.UnixMilli() {
		return invalidCommand("it was proposed at %d ms", stamp), nil
	}
	m.pass(stamp)
	m.now = m.Time

	if earlier, found, err := m.earlier(); found || err != nil {
		return earlier, err
	}
	if c.Refusal != nil {
		return command.Result{Refusal: c.Refusal}, nil
	}
	before := m.Events
	result, err := m.dispatch()
	if err != nil {
		return result, fmt.Errorf("apply command kind %d: %w", c.Body.Kind(), err)
	}
	if result.Refusal != nil {
		if m.Events != before {
			return result, fmt.Errorf("apply command kind %d: refused (%s) after it had changed something", c.Body.Kind(), result.Refusal.Code)
		}
		return result, nil
	}
	if m.Events > before {
		result.Event = m.Events
	}
	if sum := m.Books.Sum(); sum != 0 {
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
func (m *machine) pass(stamp int64) {
	half := (stamp - m.Stamp) / 2
	switch {
	case stamp < m.Stamp-setBack:
		m.Stamp, half = stamp, 0
	case half > 0:
		m.Stamp += 2 * half
	default:
		half = 0
	}
	m.Time = max(stamp, m.Time+half)
}

// invalidCommand refuses what no proposer of this version sends. It is a refusal, not an error: a command that is in
// the log once would otherwise stop every node for ever.
func invalidCommand(format string, args ...any) command.Result {
	return command.Refusef("invalid_command", "The casino can't carry this out: "+format+".", args...)
}

func (m *machine) dispatch() (command.Result, error) {
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
	}
	return command.Result{}, fmt.Errorf("no rule for commands of kind %d", m.command.Body.Kind())
}

// put writes a record into the live layer.
func (m *machine) put(b bucket, key []byte, record any) error {
	data, err := encode(record)
	if err != nil {
		return err
	}
	m.live.put(b, key, data)
	return nil
}

func (m *machine) delete(b bucket, key []byte) { m.live.put(b, key, nil) }

// record appends an event to the history. The caller has filled in what happened; number, time, command and the hash
// of the event before are set here.
func (m *machine) record(e *Event) error {
	m.Events++
	e.Seq, e.Time, e.Prev, e.Command = m.Events, m.now, m.Head, m.command.ID
	if e.Account == m.command.Account && e.Account != 0 {
		e.Key, e.Fingerprint = m.command.Key, m.command.Fingerprint
	}
	data, err := encode(e)
	if err != nil {
		return err
	}
	m.live.put(bHistory, eventKey(e.Seq), data)
	m.Head = chainHash(data)
	return nil
}

// recordOn appends an event of an account to the history and to the account's chain, with the wallet as it is after
// it, and stores the wallet.
func (m *machine) recordOn(id command.AccountID, w *WalletRecord, e *Event) error {
	e.Account, e.Back = id, w.Last
	e.Coins, e.Held = int64(w.Balance), int64(w.Held)
	keyed := id == m.command.Account && m.command.Key != (command.Key{})
	if keyed {
		m.chainKey(w, e)
	}
	if err := m.record(e); err != nil {
		return err
	}
	if keyed {
		m.remember(w, e)
	}
	w.Last = e.Seq
	return m.putWallet(id, w)
}

// recordFor is recordOn for events that change nothing of the wallet.
func (m *machine) recordFor(id command.AccountID, e *Event) error {
	w, ok, err := m.wallet(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("record %s: account %d has no wallet", e.Kind, id)
	}
	return m.recordOn(id, &w, e)
}

func (m *machine) event(seq uint64) (Event, error) {
	e, ok, err := m.reader.event(seq)
	if err == nil && !ok {
		err = m.missing("event %d is not in the history yet", seq)
	}
	return e, err
}

// answer tells again what was answered when an event was recorded.
func (m *machine) answer(e *Event) (command.Result, error) {
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

// signedGrant is the amount of a grant as the operator gave it: negative if coins were taken back.
func signedGrant(t ledger.Transfer) coins {
	if t.From.IsPlayer() {
		return -t.Amount
	}
	return t.Amount
}

// at is a stored time; zero for 0.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
