package machine

import (
	"encoding/binary"
	"time"

	"imperio/storage/command"
)

// throttlePeriod is how long a generation of throttle records lasts. No record matters for longer.
const throttlePeriod = time.Hour

// Subjects are keyed hashes, with other keys for logins than for addresses: the state does not hold what people type into a
// sign-in form, which is sometimes their password.

// attemptSignIn uses one try of the login and one of the address. It refuses if either has none left.
func (m *Machine) attemptSignIn(b command.AttemptSignIn) (command.Result, error) {
	if b.Tries == 0 {
		return command.Result{}, nil // sign-ins are not limited here
	}
	if b.Tries < 0 || b.Refill < 1 || b.Tries > throttlePeriod.Milliseconds()/b.Refill {
		return invalidCommand("%d sign-in tries, one more every %d ms", b.Tries, b.Refill), nil
	}
	subjects := [2]command.Subject{b.Login, b.Address}
	var arrivals [2]int64
	for i, s := range subjects {
		tat, err := m.arrival(s)
		if err != nil {
			return command.Result{}, err
		}
		// The generic cell rate algorithm: tat is when the bucket would be full again.
		tat = max(tat, m.now) + b.Refill
		if over := tat - m.now - b.Tries*b.Refill; over > 0 {
			return command.Result{Refusal: &command.Refusal{Code: "sign_in_throttled",
				Message: "Too many sign-in attempts. Wait a little.", Until: at(m.now + over)}}, nil
		}
		arrivals[i] = tat
	}
	for i, s := range subjects {
		m.setArrival(s, arrivals[i])
	}
	return command.Result{}, nil
}

// arrival is the stored theoretical arrival time of a subject, 0 if it has none.
func (m *Machine) arrival(subject command.Subject) (int64, error) {
	gen := generation(m.now, throttlePeriod)
	for _, g := range [2]uint32{gen, gen - 1} {
		v, err := m.state.Get(tableThrottle, generationKey(g, subject[:]))
		if err != nil {
			return 0, err
		}
		if len(v) == 8 {
			return int64(binary.BigEndian.Uint64(v)), nil
		}
	}
	return 0, nil
}

func (m *Machine) setArrival(subject command.Subject, tat int64) {
	key := generationKey(generation(m.now, throttlePeriod), subject[:])
	m.state.Put(tableThrottle, key, binary.BigEndian.AppendUint64(nil, uint64(tat)))
}

// giveTriesBack returns the tries after a correct password: all of the login's, and the one that the address used.
func (m *Machine) giveTriesBack(login, address command.Subject, refill int64) (*command.Refusal, error) {
	if refill < 0 || refill > throttlePeriod.Milliseconds() {
		return invalidCommand("one more try every %d ms", refill).Refusal, nil
	}
	tat, err := m.arrival(address)
	if err != nil {
		return nil, err
	}
	m.setArrival(login, m.now)
	if tat > m.now {
		m.setArrival(address, tat-refill)
	}
	return nil, nil
}
