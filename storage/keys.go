package storage

import (
	"time"

	"imperio/storage/command"
)

// Exactly once: a command under an idempotency key that its account has used is answered from the event that the first
// one left. Keys are kept where the events are, in the account's chain: a table of its own would be written at random
// places by every bet. What an account used lately is remembered in memory, and read from its chain when it is not.

// keyPeriod is how long a key is kept after its use: a day, and an hour for clients whose clock differs.
const keyPeriod = 25 * time.Hour

// keyUse is what a key was used for.
type keyUse struct {
	event       uint64
	time        int64
	fingerprint [8]byte
}

// usedKeys are the keys of some accounts. Only Apply reads and writes them.
type usedKeys struct {
	// Accounts that used a key since the maps were last turned over, and those before that.
	recent, older map[command.AccountID]*accountKeys
	held          int // keys in recent
}

// accountKeys are all keys that an account has used within keyPeriod, and maybe some that are older.
type accountKeys struct {
	uses   map[command.Key]keyUse
	pruned int // size when the old ones were last dropped
}

// maxUsedKeys bounds the keys held in each of the two maps: some 100 MB. When the players of the moment have used more
// than both hold within a keyPeriod, their events are read again and again, and bets become slow.
const maxUsedKeys = 1 << 20

func newUsedKeys() *usedKeys {
	return &usedKeys{recent: make(map[command.AccountID]*accountKeys), older: make(map[command.AccountID]*accountKeys)}
}

// keyedEvent is what an event says of the key that its command came under. The rest is passed over: an account's first
// bet after a start reads a day of its events.
type keyedEvent struct {
	Seq         uint64      `cbor:"1,keyasint"`
	Time        int64       `cbor:"2,keyasint"`
	Back        uint64      `cbor:"7,keyasint"`
	Key         command.Key `cbor:"18,keyasint"`
	Fingerprint [8]byte     `cbor:"19,keyasint"`
}

// keysOf are the keys of an account, from memory or from its chain.
func (m *machine) keysOf(id command.AccountID, w *WalletRecord) (*accountKeys, error) {
	if k := m.keys.recent[id]; k != nil {
		return k, nil
	}
	k := m.keys.older[id]
	if k == nil {
		k = &accountKeys{uses: make(map[command.Key]keyUse)}
		for seq := w.Last; seq != 0 && m.now-w.Keyed <= keyPeriod.Milliseconds(); {
			e, err := pastEvent[keyedEvent](m, seq)
			if err != nil {
				return nil, err
			}
			if m.now-e.Time > keyPeriod.Milliseconds() {
				break
			}
			if _, later := k.uses[e.Key]; e.Key != (command.Key{}) && !later {
				k.uses[e.Key] = keyUse{e.Seq, e.Time, e.Fingerprint}
			}
			seq = e.Back
		}
	}
	if m.keys.held += len(k.uses) + 1; m.keys.held > maxUsedKeys {
		m.keys.recent, m.keys.older = make(map[command.AccountID]*accountKeys), m.keys.recent
		m.keys.held = len(k.uses) + 1
	}
	m.keys.recent[id] = k
	return k, nil
}

// earlier answers a command that was carried out before: under the same idempotency key, or, if it is proposed
// again because its fate was unknown, under the same command id.
func (m *machine) earlier() (command.Result, bool, error) {
	id := m.command.Account
	if m.command.Key != (command.Key{}) {
		w, ok, err := m.wallet(id)
		if err != nil {
			return command.Result{}, false, err
		}
		if ok {
			keys, err := m.keysOf(id, &w)
			if err != nil {
				return command.Result{}, false, err
			}
			if use, used := keys.uses[m.command.Key]; used && m.now-use.time <= keyPeriod.Milliseconds() {
				return m.repeat(use)
			}
		}
	}
	if m.command.Retry {
		return m.attempted()
	}
	return command.Result{}, false, nil
}

// repeat answers a request again, or refuses another one under the same key.
func (m *machine) repeat(use keyUse) (command.Result, bool, error) {
	if use.fingerprint != m.command.Fingerprint {
		return command.Refusef("idempotency_mismatch", "This Idempotency-Key was used for another request. Use a new key for a new request."), true, nil
	}
	e, err := m.event(use.event)
	if err != nil {
		return command.Result{}, false, err
	}
	result, err := m.answer(&e)
	return result, true, err
}

// remember keeps what the command's key was used for. earlier has the account's keys in memory by now.
func (m *machine) remember(event uint64) {
	keys := m.keys.recent[m.command.Account]
	if keys == nil {
		return // an account that this command opened: its next command reads the chain
	}
	keys.uses[m.command.Key] = keyUse{event, m.now, m.command.Fingerprint}
	m.keys.held++
	if len(keys.uses) > 2*keys.pruned+64 {
		for key, use := range keys.uses {
			if m.now-use.time > keyPeriod.Milliseconds() {
				delete(keys.uses, key)
			}
		}
		keys.pruned = len(keys.uses)
	}
}

// attempted looks for the first attempt of a command that is proposed again. It can only be among the events since
// the command's time, so the walk is short.
func (m *machine) attempted() (command.Result, bool, error) {
	since := m.command.Time.UnixMilli()
	for seq := m.Events; seq > 0; seq-- {
		e, err := m.event(seq)
		if err != nil {
			return command.Result{}, false, err
		}
		if e.Command == m.command.ID {
			result, err := m.answer(&e)
			return result, true, err
		}
		if e.Time < since {
			break
		}
	}
	return command.Result{}, false, nil
}
