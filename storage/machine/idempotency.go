package machine

import "imperio/storage/command"

// Exactly once: if an account has used an idempotency key before, a command under that key is answered from the event that
// the first one left. The event has the key, the time and the fingerprint of the request; keyindex.go finds it.

// earlier answers a command that was carried out before: under the same idempotency key, or under the same command id if it
// is proposed again because its fate was unknown.
func (m *Machine) earlier() (command.Result, bool, error) {
	if m.command.Key != (command.Key{}) {
		e, used, err := m.use(m.command.Account, m.command.Key)
		if err != nil {
			return command.Result{}, false, err
		}
		if used && m.now-e.Time <= m.is().keyPeriod {
			return m.repeat(&e)
		}
	}
	if m.command.Retry {
		return m.attempted()
	}
	return command.Result{}, false, nil
}

// repeat repeats the answer to a request, or refuses a different request under the same key.
func (m *Machine) repeat(e *Event) (command.Result, bool, error) {
	if e.Fingerprint != m.command.Fingerprint {
		return command.Refusef("idempotency_mismatch", "This Idempotency-Key was used for another request. Use a new key for a new request."), true, nil
	}
	result, err := m.answer(e)
	return result, true, err
}

// attempted looks for the first attempt of a command that is proposed again. If that left an event, it comes after the one
// that the proposer had seen. The index of attempts has the newest events; those below it are read one by one.
func (m *Machine) attempted() (command.Result, bool, error) {
	seq, found := m.attempts.newest(m.command.ID)
	if !found {
		for seq = m.attempts.from; seq > m.command.Since; seq-- {
			e, err := m.event(seq)
			if err != nil {
				return command.Result{}, false, err
			}
			if e.Command == m.command.ID {
				found = true
				break
			}
		}
	}
	if !found || seq <= m.command.Since {
		return command.Result{}, false, nil
	}
	e, err := m.event(seq)
	if err != nil {
		return command.Result{}, false, err
	}
	result, err := m.answer(&e)
	return result, true, err
}
