package machine

import (
	"encoding/binary"
	"time"

	"imperio/storage/command"
)

// throttlePeriod is how long a generation of throttle records lasts. No record matters for longer.
const throttlePeriod = time.Hour

// A subject is who has a number of tries: strangers who name an account, one known device or network of an account, a session
// that changes its password, or whoever names a login of no account. The proposer chooses; the machine only counts. Subjects
// are keyed hashes: the state does not hold what people type into a sign-in form, which is sometimes their password.

// attemptSignIn uses one try of a subject. It refuses if there is none left.
func (m *Machine) attemptSignIn(b command.AttemptSignIn) (command.Result, error) {
	if b.Tries == 0 {
		return command.Result{}, nil // sign-ins are not limited here
	}
	if b.Tries < 0 || b.Refill < 1 || b.Tries > throttlePeriod.Milliseconds()/b.Refill {
		return invalidCommand("%d sign-in tries, one more every %d ms", b.Tries, b.Refill), nil
	}
	tat, err := m.arrival(b.Subject)
	if err != nil {
		return command.Result{}, err
	}
	// The generic cell rate algorithm: tat is when the bucket would be full again.
	tat = max(tat, m.now) + b.Refill
	if over := tat - m.now - b.Tries*b.Refill; over > 0 {
		return command.Result{Refusal: &command.Refusal{Code: "sign_in_throttled",
			Message: "Too many wrong passwords.", Until: at(m.now + over)}}, nil
	}
	m.setArrival(b.Subject, tat)
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

// giveTriesBack returns all tries of a subject, whose password was right. The zero Subject is nobody.
func (m *Machine) giveTriesBack(subject command.Subject) {
	if subject != (command.Subject{}) {
		m.setArrival(subject, m.now)
	}
}
