package machine

import (
	"errors"
	"strings"

	"imperio/storage/command"
)

// putValue stores a value of the house itself, such as a certificate.
func (m *Machine) putValue(b command.PutValue) (command.Result, error) {
	if !m.isKey(b.Name) {
		return invalidCommand("a value's name of %d bytes", len(b.Name)), nil
	}
	if r, err := m.refuseFence(b.Lock, b.Fence); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	if err := m.put(tableValues, []byte(b.Name), valueRecord{Value: b.Value, Modified: m.now}); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.record(&Event{Kind: HouseValueChanged, Act: &Act{Actor: "house", Act: "value_put", After: b.Name}})
}

// deleteValue deletes a value.
func (m *Machine) deleteValue(b command.DeleteValue) (command.Result, error) {
	if r, err := m.refuseFence(b.Lock, b.Fence); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	if v, err := m.state.Get(tableValues, []byte(b.Name)); v == nil || err != nil {
		return command.Refusef("not_found", "There is no value %q.", b.Name), err
	}
	m.state.Delete(tableValues, []byte(b.Name))
	return command.Result{}, m.record(&Event{Kind: HouseValueChanged, Act: &Act{Actor: "house", Act: "value_deleted", Before: b.Name}})
}

// refuseFence refuses a writer that has lost its lock, so that a slow writer can't undo its successor's work.
func (m *Machine) refuseFence(lock string, fence uint64) (*command.Refusal, error) {
	if lock == "" {
		return nil, nil
	}
	l, ok, err := load[lockRecord](&m.Reader, tableLocks, []byte(lock))
	if err != nil {
		return nil, err
	}
	if !ok || l.Fence != fence || l.Expires <= m.now {
		return &command.Refusal{Code: "lock_lost", Message: "The lock was lost; another holder may have it."}, nil
	}
	return nil, nil
}

// acquireLock takes a lock for some time, or renews it. Fence and holder both renew, so that a call whose answer was lost
// can be repeated. Fences only grow. Locks leave no events: they say who works on something, not what happened.
func (m *Machine) acquireLock(b command.AcquireLock) (command.Result, error) {
	if !m.isKey(b.Name) {
		return invalidCommand("a lock's name of %d bytes", len(b.Name)), nil
	}
	l, ok, err := load[lockRecord](&m.Reader, tableLocks, []byte(b.Name))
	if err != nil {
		return command.Result{}, err
	}
	held := ok && l.Expires > m.now
	switch {
	case b.Fence != 0 && (!held || l.Fence != b.Fence):
		return command.Refusef("lock_lost", "The lock was lost; another holder may have it."), nil
	case b.Fence == 0 && held && l.Holder != b.Holder:
		return command.Result{Refusal: &command.Refusal{Code: "lock_held", Message: "Another holder has the lock.", Until: at(l.Expires)}}, nil
	case b.TTL <= 0 || b.TTL > m.is().longestLock:
		return command.Refusef("invalid_lock", "A lock is held for up to an hour."), nil
	case b.Fence == 0 && !held:
		m.head.NextFence++
		l = lockRecord{Holder: b.Holder, Fence: m.head.NextFence}
	}
	l.Expires = m.now + b.TTL.Milliseconds()
	if err := m.put(tableLocks, []byte(b.Name), l); err != nil {
		return command.Result{}, err
	}
	return command.Result{Value: &command.LockHeld{Fence: l.Fence, Expires: at(l.Expires)}}, nil
}

// releaseLock releases a lock that is still held.
func (m *Machine) releaseLock(b command.ReleaseLock) (command.Result, error) {
	l, ok, err := load[lockRecord](&m.Reader, tableLocks, []byte(b.Name))
	if err == nil && ok && l.Fence == b.Fence {
		m.state.Delete(tableLocks, []byte(b.Name))
	}
	return command.Result{}, err
}

// Value reads a value of the house itself.
func (r *Reader) Value(name string) (command.Stored, bool, error) {
	v, ok, err := load[valueRecord](r, tableValues, []byte(name))
	return command.Stored{Value: v.Value, Modified: at(v.Modified)}, ok, err
}

// ValueNames lists the names of house values that begin with prefix, sorted.
func (r *Reader) ValueNames(prefix string) (names []string, err error) {
	err = r.view.Each(tableValues, []byte(prefix), func(k, _ []byte) error {
		if !strings.HasPrefix(string(k), prefix) {
			return errEnough
		}
		names = append(names, string(k))
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return names, err
}
