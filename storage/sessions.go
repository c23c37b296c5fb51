package storage

import (
	"encoding/binary"
	"sync"
	"time"

	"imperio/storage/command"
)

// maxSessions is how many sessions an account has at most; opening another ends its oldest, and nobody else's.
const maxSessions = 20

// throttlePeriod is how long a generation of sign-in throttle records lasts; it is longer than a record matters.
const throttlePeriod = time.Hour

// attemptSignIn takes one try of the login and one of the address, or refuses if either has none left.
func (m *machine) attemptSignIn(b command.AttemptSignIn) (command.Result, error) {
	if b.Tries == 0 {
		return command.Result{}, nil // sign-ins are not limited here
	}
	if len(b.Login) > maxKey || len(b.Address) > maxKey || b.Tries < 0 || b.Refill < 1 || b.Tries > throttlePeriod.Milliseconds()/b.Refill {
		return invalidCommand("%d tries to sign in, one more in %d ms", b.Tries, b.Refill), nil
	}
	subjects := [2]string{"login:" + b.Login, "address:" + b.Address}
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
				Message: "Too many tries to sign in. Wait a little.", Until: at(m.now + over)}}, nil
		}
		arrivals[i] = tat
	}
	for i, s := range subjects {
		m.setArrival(s, arrivals[i])
	}
	return command.Result{}, nil
}

// arrival is the stored theoretical arrival time of a subject, 0 if it has none.
func (m *machine) arrival(subject string) (int64, error) {
	gen := generation(m.now, throttlePeriod)
	for _, g := range [2]uint32{gen, gen - 1} {
		v, err := m.get(bThrottle, generationKey(g, []byte(subject)))
		if err != nil {
			return 0, err
		}
		if len(v) == 8 {
			return int64(binary.BigEndian.Uint64(v)), nil
		}
	}
	return 0, nil
}

func (m *machine) setArrival(subject string, tat int64) {
	key := generationKey(generation(m.now, throttlePeriod), []byte(subject))
	m.live.put(bThrottle, key, binary.BigEndian.AppendUint64(nil, uint64(tat)))
}

// openSession signs an account in after its password was verified, and gives back the tries that it took.
func (m *machine) openSession(b command.OpenSession) (command.Result, error) {
	id := m.command.Account
	a, ok, err := loadOf[AccountRecord](&m.reader, bAccounts, id)
	if err != nil {
		return command.Result{}, err
	}
	if !ok {
		return command.Result{Refusal: noAccount(id)}, nil
	}
	w, _, err := m.wallet(id)
	if err != nil {
		return command.Result{}, err
	}
	if r := m.barred(&w); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if b.OldHash != "" && a.PasswordHash != b.OldHash {
		return command.Refusef("invalid_credentials", "The password was changed meanwhile. Sign in with the new one."), nil
	}
	if r, err := m.refuseSession(&b.Session); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	if r, err := m.giveTriesBack(b.Login, b.Session.Address, b.Refill); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	if b.Rehash != "" && b.OldHash != "" {
		a.PasswordHash = b.Rehash
		if err := m.put(bAccounts, accountKey(id), a); err != nil {
			return command.Result{}, err
		}
	}
	sid := command.SessionID(m.Events + 1)
	if err := m.addSession(id, a.Role, &b.Session, sid); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: SessionOpened, Session: sid}
	if err := m.recordFor(id, &e); err != nil {
		return command.Result{}, err
	}
	v, err := m.sessionOpened(&e)
	return command.Result{Value: v}, err
}

// giveTriesBack gives a login all its tries and the address the one that was taken, after the password was right.
func (m *machine) giveTriesBack(login, address string, refill int64) (*command.Refusal, error) {
	if len(login) > maxKey || len(address) > maxKey || refill < 0 || refill > throttlePeriod.Milliseconds() {
		return invalidCommand("login of %d bytes, address of %d, a try comes back after %d ms", len(login), len(address), refill).Refusal, nil
	}
	tat, err := m.arrival("address:" + address)
	if err != nil {
		return nil, err
	}
	m.setArrival("login:"+login, m.now)
	if tat > m.now {
		m.setArrival("address:"+address, tat-refill)
	}
	return nil, nil
}

func (m *machine) sessionOpened(e *Event) (*command.SessionOpened, error) {
	a, _, err := m.account(e.Account)
	if err != nil {
		return nil, err
	}
	v := &command.SessionOpened{Account: a}
	s, _, err := m.sessionByID(e.Account, e.Session)
	v.Session = s // zero if it has ended since: the caller's token is then of no use, as it should be
	return v, err
}

// endSessions signs out of one session, or of all but one.
func (m *machine) endSessions(b command.EndSessions) (command.Result, error) {
	id := m.command.Account
	refs, err := m.sessionRefs(id)
	if err != nil {
		return command.Result{}, err
	}
	ends := func(s sessionRef) bool { return s.ID == b.Session }
	if b.All {
		ends = func(s sessionRef) bool { return s.ID != b.Keep }
	}
	some := false
	for _, s := range refs {
		some = some || ends(s)
	}
	if !some {
		if b.All {
			return command.Result{}, nil
		}
		return command.Refusef("not_found", "There is no such session of yours."), nil
	}
	if err := m.dropSessions(id, ends); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.recordFor(id, &Event{Kind: SessionsEnded, Session: b.Session})
}

// longestSession is a hundred years: no sum of times overflows.
const longestSession = 100 * 365 * dayMillis

// refuseSession refuses a session of no length, and one whose token is in use already.
func (m *machine) refuseSession(s *command.NewSession) (*command.Refusal, error) {
	if s.Lifetime < 1 || s.Lifetime > longestSession {
		return invalidCommand("a session of %d ms", s.Lifetime).Refusal, nil
	}
	used, err := m.get(bSessions, s.Token[:])
	if used == nil || err != nil {
		return nil, err
	}
	return &command.Refusal{Code: "invalid_session", Message: "This session was opened before. Sign in again."}, nil
}

// addSession stores a session that was not refused, and ends those of the account that have expired or are too many.
func (m *machine) addSession(id command.AccountID, role command.Role, s *command.NewSession, sid command.SessionID) error {
	refs, err := m.sessionRefs(id)
	if err != nil {
		return err
	}
	excess := 1 - maxSessions
	for _, r := range refs {
		if r.ExpiresAt > m.now {
			excess++
		}
	}
	if err := m.dropSessions(id, func(r sessionRef) bool {
		if r.ExpiresAt <= m.now {
			return true
		}
		excess--
		return excess >= 0
	}); err != nil {
		return err
	}
	if refs, err = m.sessionRefs(id); err != nil {
		return err
	}
	expires := m.now + s.Lifetime
	refs = append(refs, sessionRef{ID: sid, Token: s.Token, ExpiresAt: expires})
	if err := m.put(bAccountSessions, accountKey(id), refs); err != nil {
		return err
	}
	m.Sessions++
	return m.put(bSessions, s.Token[:], sessionRecord{
		ID: sid, Account: id, Role: role, CreatedAt: m.now, ExpiresAt: expires, UserAgent: s.UserAgent, Address: s.Address,
	})
}

func allSessions(sessionRef) bool { return true }

// dropSessions ends those sessions of an account that ends chooses. It is asked once for each, oldest first.
func (m *machine) dropSessions(id command.AccountID, ends func(sessionRef) bool) error {
	refs, err := m.sessionRefs(id)
	if err != nil || len(refs) == 0 {
		return err
	}
	kept := refs[:0:0]
	for _, s := range refs {
		if !ends(s) {
			kept = append(kept, s)
			continue
		}
		m.delete(bSessions, s.Token[:])
		m.sessions.forget(s.Token)
		m.Sessions--
	}
	if len(kept) == 0 {
		m.delete(bAccountSessions, accountKey(id))
		return nil
	}
	return m.put(bAccountSessions, accountKey(id), kept)
}

func (r *reader) sessionRefs(id command.AccountID) ([]sessionRef, error) {
	refs, _, err := load[[]sessionRef](r, bAccountSessions, accountKey(id))
	return refs, err
}

// session tells of the session that a token belongs to, expired or not.
func (r *reader) session(token command.TokenHash) (command.Session, bool, error) {
	s, ok, err := load[sessionRecord](r, bSessions, token[:])
	return command.Session{
		ID: s.ID, Account: s.Account, Role: s.Role, CreatedAt: at(s.CreatedAt), ExpiresAt: at(s.ExpiresAt),
		UserAgent: s.UserAgent, Address: s.Address,
	}, ok, err
}

func (r *reader) sessionByID(account command.AccountID, id command.SessionID) (command.Session, bool, error) {
	refs, err := r.sessionRefs(account)
	if err != nil {
		return command.Session{}, false, err
	}
	for _, ref := range refs {
		if ref.ID == id {
			s, err := r.sessionOf(account, &ref)
			return s, err == nil, err
		}
	}
	return command.Session{}, false, nil
}

// sessionOf is one of an account's sessions.
func (r *reader) sessionOf(account command.AccountID, ref *sessionRef) (command.Session, error) {
	s, ok, err := r.session(ref.Token)
	if err == nil && !ok {
		err = r.missing("session %d of account %d is missing", ref.ID, account)
	}
	return s, err
}

// sessionCache remembers sessions that requests showed lately, so that most requests need no look into the state.
// It is filled under the store's read lock and emptied under its write lock, so an ended session is never in it.
type sessionCache struct {
	mu    sync.RWMutex
	known map[command.TokenHash]cachedSession
}

// cachedSession is what a request needs to know of its session.
type cachedSession struct {
	id      command.SessionID
	account command.AccountID
	expires int64
	role    command.Role
}

// maxCachedSessions bounds the cache's memory to some 30 MB; a full cache starts over.
const maxCachedSessions = 1 << 18

func newSessionCache() *sessionCache {
	return &sessionCache{known: make(map[command.TokenHash]cachedSession)}
}

func (c *sessionCache) get(t command.TokenHash) (command.Session, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.known[t]
	return command.Session{ID: s.id, Account: s.account, Role: s.role, ExpiresAt: at(s.expires)}, ok
}

func (c *sessionCache) put(t command.TokenHash, s command.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCachedSessions {
		clear(c.known)
	}
	c.known[t] = cachedSession{s.ID, s.Account, s.ExpiresAt.UnixMilli(), s.Role}
}

func (c *sessionCache) forget(t command.TokenHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, t)
}
