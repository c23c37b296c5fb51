package machine

import (
	"encoding/binary"
	"fmt"

	"imperio/storage/command"
)

// record appends an event to the history. The caller has filled in what happened; record sets number, time, command and the
// hash of the previous event.
func (m *Machine) record(e *Event) error {
	m.head.Events++
	e.Seq, e.Time, e.Prev, e.Command = m.head.Events, m.now, m.head.Head, m.command.ID
	if e.Account == m.command.Account && e.Account != 0 {
		e.Key, e.Fingerprint = m.command.Key, m.command.Fingerprint
	}
	stored := e
	if e.Round != nil && !e.Round.Settled {
		event, round := *e, e.Round.stored()
		event.Round = &round
		stored = &event
	}
	data, err := encode(stored)
	if err != nil {
		return err
	}
	m.state.Put(tableHistory, eventKey(e.Seq), data)
	m.head.Head = chainHash(data)
	m.attempts.add(e.Command)
	if err := m.noteKey(e); err != nil {
		return err
	}
	m.events = append(m.events, e)
	return nil
}

// recordOn appends an event to the history and to the account's chains. w is the wallet after the event; it is stored.
func (m *Machine) recordOn(id command.AccountID, w *WalletRecord, e *Event) error {
	if err := m.chain(id, w, e); err != nil {
		return err
	}
	return m.putWallet(id, w)
}

// chain appends an event to the history and to the account's chains, as the wallet w says, which is not stored yet.
func (m *Machine) chain(id command.AccountID, w *WalletRecord, e *Event) error {
	e.Account, e.Back = id, w.Last
	e.Coins, e.Held = int64(w.Balance), int64(w.Held)
	if chain, ok := e.Chain(m.house.Games); ok {
		e.BackAlike = w.Follow(chain, m.head.Events+1)
	}
	if err := m.record(e); err != nil {
		return err
	}
	w.Last = e.Seq
	return nil
}

// recordFor is recordOn for events that don't change the wallet.
func (m *Machine) recordFor(id command.AccountID, e *Event) error {
	w, ok, err := m.wallet(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("record %s: account %d has no wallet", e.Kind, id)
	}
	return m.recordOn(id, &w, e)
}

// event reads an event that must exist.
func (m *Machine) event(seq uint64) (Event, error) {
	e, ok, err := m.Event(seq)
	if err == nil && !ok {
		err = m.Damage("event %d is not in the history yet", seq)
	}
	return e, err
}

// Event reads an event of the history. ok is false if its number is above the newest.
func (r *Reader) Event(seq uint64) (e Event, ok bool, err error) {
	e, ok, err = load[Event](r, tableHistory, eventKey(seq))
	if err == nil && !ok && seq >= 1 && seq <= r.head.Events {
		err = r.Damage("event %d of the history is missing", seq)
	}
	return e, ok, err
}

// StoredEvent is an event with the hash of its stored form, which the next event carries.
type StoredEvent struct {
	Event
	Hash [32]byte
}

// Events visits the history in order, starting with the event numbered from; the first is 1.
func (r *Reader) Events(from uint64, fn func(*StoredEvent) error) error {
	return each(r, tableHistory, eventKey(from), func(k, data []byte, e *Event) error {
		if seq := binary.BigEndian.Uint64(k); e.Seq != seq {
			return r.Damage("event %d is stored as number %d", e.Seq, seq)
		}
		return fn(&StoredEvent{*e, chainHash(data)})
	})
}

// EventHash is the hash of an event, as the next one carries it. ok is false if its number is above the newest.
func (r *Reader) EventHash(seq uint64) (hash [32]byte, ok bool, err error) {
	data, err := r.view.Get(tableHistory, eventKey(seq))
	if err != nil || data == nil {
		return hash, false, err
	}
	return chainHash(data), true, nil
}

// CheckHead returns an error if the newest event does not have the hash in the machine's record.
func (r *Reader) CheckHead() error {
	if r.head.Events == 0 {
		return nil
	}
	data, err := r.view.Get(tableHistory, eventKey(r.head.Events))
	if err == nil && (data == nil || chainHash(data) != r.head.Head) {
		err = r.Damage("event %d, the newest, is not the one that the history's head is of", r.head.Events)
	}
	return err
}
