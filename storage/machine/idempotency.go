package machine

import (
	"encoding/binary"
	"slices"

	"imperio/storage/command"
)

// Exactly once: a command under an idempotency key that its account has used is answered from the event that the first
// one left. Keys are kept where the events are: a table of its own would be written at random places by every bet. What
// an account used lately is remembered in memory. When it is not, it is read from the account's events: those under keys
// are a chain, and every so many carry a page with the keys of those before them, so that a day of play is read in a few
// steps.

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
	held          int // size of recent
}

// accountKeys are all keys that an account has used within keyPeriod, and maybe some that are older.
type accountKeys struct {
	uses   map[command.Key]keyUse
	tail   []byte // what the next page will hold
	pruned int    // size when the old ones were last dropped
}

// maxUsedKeys bounds the keys held in each of the two maps: some 30 MB.
const maxUsedKeys = 1 << 18

// A page holds the uses of so many events. A use is laid out as its key (16 bytes), the event's number and time (8 each,
// big-endian), and the fingerprint of the request (8).
const (
	keysPerPage = 64
	keyUseSize  = 40
)

// KeyUse is what the event says of the idempotency key that its command came under, as a page of keys holds it.
func (e *Event) KeyUse() []byte {
	b := append(make([]byte, 0, keyUseSize), e.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	return append(b, e.Fingerprint[:]...)
}

// size is what the keys count for against maxUsedKeys.
func (k *accountKeys) size() int { return 1 + len(k.uses) + len(k.tail)/keyUseSize }

// add takes a use that is older than those before.
func (k *accountKeys) add(use []byte) {
	key := command.Key(use[:16])
	if _, later := k.uses[key]; !later {
		k.uses[key] = keyUse{event: binary.BigEndian.Uint64(use[16:]), time: int64(binary.BigEndian.Uint64(use[24:])), fingerprint: [8]byte(use[32:])}
	}
}

func newUsedKeys() *usedKeys {
	return &usedKeys{recent: make(map[command.AccountID]*accountKeys), older: make(map[command.AccountID]*accountKeys)}
}

// keysOf are the keys of an account, from memory or from its events.
func (m *Machine) keysOf(id command.AccountID, w *WalletRecord) (*accountKeys, error) {
	if k := m.keys.recent[id]; k != nil {
		return k, nil
	}
	k := m.keys.older[id]
	if k == nil {
		var err error
		if k, err = m.readKeys(w); err != nil {
			return nil, err
		}
	}
	if m.keys.held += k.size(); m.keys.held > maxUsedKeys {
		m.keys.recent, m.keys.older = make(map[command.AccountID]*accountKeys), m.keys.recent
		m.keys.held = k.size()
	}
	m.keys.recent[id] = k
	return k, nil
}

// readKeys reads the keys of an account from its events, the newest first.
func (m *Machine) readKeys(w *WalletRecord) (*accountKeys, error) {
	k := &accountKeys{uses: make(map[command.Key]keyUse)}
	var tail [][]byte
	for seq := w.KeyLast; seq != w.KeyPage; {
		e, err := m.event(seq)
		if err != nil {
			return nil, err
		}
		tail = append(tail, e.KeyUse())
		k.add(tail[len(tail)-1])
		seq = e.KeyBack
	}
	for _, use := range slices.Backward(tail) {
		k.tail = append(k.tail, use...)
	}
	for seq := w.KeyPage; seq != 0; {
		e, err := m.event(seq)
		if err != nil {
			return nil, err
		}
		if m.now-e.Time > m.is().keyPeriod {
			break
		}
		if len(e.KeyPage) != keysPerPage*keyUseSize {
			return nil, m.missing("event %d should carry a page of keys", seq)
		}
		k.add(e.KeyUse())
		for at := len(e.KeyPage) - keyUseSize; at >= 0; at -= keyUseSize {
			k.add(e.KeyPage[at:][:keyUseSize])
		}
		seq = e.KeyBack
	}
	return k, nil
}

// chainKey puts an event under a key into its account's chain of those, with a page when one is full. earlier has the
// account's keys in memory by now.
func (m *Machine) chainKey(w *WalletRecord, e *Event) {
	w.Keyed = m.now
	e.KeyBack = w.KeyLast
	if w.KeySince == keysPerPage {
		e.KeyBack, e.KeyPage = w.KeyPage, m.keys.recent[m.command.Account].tail
	}
}

// earlier answers a command that was carried out before: under the same idempotency key, or, if it is proposed
// again because its fate was unknown, under the same command id.
func (m *Machine) earlier() (command.Result, bool, error) {
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
			if use, used := keys.uses[m.command.Key]; used && m.now-use.time <= m.is().keyPeriod {
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
func (m *Machine) repeat(use keyUse) (command.Result, bool, error) {
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

// remember keeps what the command's key was used for, when the event is recorded.
func (m *Machine) remember(w *WalletRecord, e *Event) {
	keys := m.keys.recent[m.command.Account]
	w.KeyLast = e.Seq
	if e.KeyPage != nil {
		w.KeyPage, w.KeySince, keys.tail = e.Seq, 0, nil
	} else {
		w.KeySince++
		keys.tail = append(keys.tail, e.KeyUse()...)
	}
	keys.uses[m.command.Key] = keyUse{e.Seq, e.Time, e.Fingerprint}
	m.keys.held += 2 // there, and in the tail
	if len(keys.uses) > 2*keys.pruned+64 {
		for key, use := range keys.uses {
			if m.now-use.time > m.is().keyPeriod {
				delete(keys.uses, key)
			}
		}
		keys.pruned = len(keys.uses)
	}
}

// attempted looks for the first attempt of a command that is proposed again. It can only be among the events since
// the command's time, so the walk is short.
func (m *Machine) attempted() (command.Result, bool, error) {
	since := m.command.Time.UnixMilli()
	for seq := m.head.Events; seq > 0; seq-- {
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
