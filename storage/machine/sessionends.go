package machine

import (
	"encoding/binary"
	"errors"
)

// Record.Sessions counts the sessions that are valid. One that expires stays in its table until its account signs in again,
// so an index of when sessions expire (tableSessionEnds) tells how many there are to take off as the time goes on. The
// record remembers the first such time, so a command looks at the index only when there is something to take off.

func sessionEndKey(expires int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(expires)) }

// countSession counts a session that is valid from now on.
func (m *Machine) countSession(expires int64) error {
	m.head.Sessions++
	if m.head.SessionsEnd == 0 || expires < m.head.SessionsEnd {
		m.head.SessionsEnd = expires
	}
	return m.addSessionEnds(expires, 1)
}

// uncountSession takes off a session that was ended. One that has expired is off already.
func (m *Machine) uncountSession(expires int64) error {
	if expires <= m.now {
		return nil
	}
	m.head.Sessions--
	return m.addSessionEnds(expires, -1)
}

func (m *Machine) addSessionEnds(expires, change int64) error {
	key := sessionEndKey(expires)
	n, _, err := load[int64](&m.Reader, tableSessionEnds, key)
	if err != nil {
		return err
	}
	if n += change; n == 0 {
		m.state.Delete(tableSessionEnds, key)
		return nil
	}
	return m.put(tableSessionEnds, key, n)
}

// expireSessions takes off the sessions that have expired by now.
func (m *Machine) expireSessions() error {
	if m.head.SessionsEnd == 0 || m.head.SessionsEnd > m.now {
		return nil
	}
	m.head.SessionsEnd = 0
	var over [][]byte
	err := each(&m.Reader, tableSessionEnds, nil, func(k, _ []byte, n *int64) error {
		if expires := int64(binary.BigEndian.Uint64(k)); expires > m.now {
			m.head.SessionsEnd = expires
			return errEnough
		}
		m.head.Sessions -= uint64(*n)
		over = append(over, append([]byte{}, k...))
		return nil
	})
	for _, k := range over {
		m.state.Delete(tableSessionEnds, k)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// CountSessions counts the sessions that are valid at the record's time, and reports whether the index says the same.
func (r *Reader) CountSessions() (valid uint64, indexed bool, err error) {
	ends := make(map[int64]int64)
	if err := each(r, tableSessions, nil, func(_, _ []byte, s *sessionRecord) error {
		if s.ExpiresAt > r.head.Time {
			valid++
			ends[s.ExpiresAt]++
		}
		return nil
	}); err != nil {
		return 0, false, err
	}
	indexed = true
	err = each(r, tableSessionEnds, nil, func(k, _ []byte, n *int64) error {
		expires := int64(binary.BigEndian.Uint64(k))
		indexed = indexed && ends[expires] == *n && r.head.SessionsEnd != 0 && r.head.SessionsEnd <= expires
		delete(ends, expires)
		return nil
	})
	return valid, indexed && len(ends) == 0, err
}
