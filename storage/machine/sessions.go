package machine

import (
	"slices"

	"imperio/storage/command"
)

// openSession signs an account in once its password is verified, and returns the tries that the sign-in used.
func (m *Machine) openSession(b command.OpenSession) (command.Result, error) {
	id := m.command.Account
	_, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if b.OldHash != "" && a.PasswordHash != b.OldHash {
		return command.Refusef("invalid_credentials", "The password has just been changed. Sign in with the new one."), nil
	}
	if r, err := m.refuseSession(&b.Session); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	m.giveTriesBack(b.Subject)
	changed := a.rememberNetwork(b.Session.Network, m.is().mostNetworks)
	if b.Rehash != "" && b.OldHash != "" {
		a.PasswordHash, changed = b.Rehash, true
	}
	if changed {
		if err := m.put(tableAccounts, accountKey(id), a); err != nil {
			return command.Result{}, err
		}
	}
	sid := command.SessionID(m.head.Events + 1)
	if err := m.addSession(id, a.Role, &b.Session, sid, 0); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: SessionOpened, Session: sid}
	if err := m.recordFor(id, &e); err != nil {
		return command.Result{}, err
	}
	v, err := m.sessionOpened(&e)
	return command.Result{Value: v}, err
}

// createToken opens a session for a program of an account that is signed in.
func (m *Machine) createToken(b command.CreateToken) (command.Result, error) {
	id := m.command.Account
	_, refusal, err := m.player(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if s := &b.Session; !m.isKey(s.Name) || s.Scopes == 0 || s.Scopes&^command.AllScopes != 0 {
		return invalidCommand("a token with a name of %d bytes and the scopes %b", len(s.Name), s.Scopes), nil
	}
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if r, err := m.refuseSession(&b.Session); r != nil || err != nil {
		return command.Result{Refusal: r}, err
	}
	refs, err := m.sessionRefs(id)
	if err != nil {
		return command.Result{}, err
	}
	if b.Launcher != 0 {
		launcher := slices.IndexFunc(refs, func(r sessionRef) bool { return r.ID == b.Launcher && !r.Personal && r.ExpiresAt > m.now })
		if launcher < 0 {
			return command.Refusef("session_not_found", "The session that has opened this page is over. Sign in again."), nil
		}
		b.Session.Lifetime = min(b.Session.Lifetime, refs[launcher].ExpiresAt-m.now)
	} else if valid(refs, ownToken, m.now) >= m.is().mostTokens {
		return command.Refusef("too_many_tokens", "An account has at most %d personal access tokens. Delete one that you no longer need.", m.is().mostTokens), nil
	}
	sid := command.SessionID(m.head.Events + 1)
	if err := m.addSession(id, a.Role, &b.Session, sid, b.Launcher); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: TokenCreated, Session: sid}
	if err := m.recordFor(id, &e); err != nil {
		return command.Result{}, err
	}
	v, err := m.sessionOpened(&e)
	return command.Result{Value: v}, err
}

func (m *Machine) sessionOpened(e *Event) (*command.SessionOpened, error) {
	a, _, err := m.Account(e.Account)
	if err != nil {
		return nil, err
	}
	v := &command.SessionOpened{Account: a}
	s, _, err := m.sessionByID(e.Account, e.Session)
	v.Session = s // zero if the session has ended since; its token is then invalid
	return v, err
}

// endSessions ends one session of an account, or all except one.
func (m *Machine) endSessions(b command.EndSessions) (command.Result, error) {
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
		return command.Refusef("session_not_found", "You have no such session."), nil
	}
	if err := m.dropSessions(id, ends); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.recordFor(id, &Event{Kind: SessionsEnded, Session: b.Session})
}

// refuseSession refuses a session without a valid lifetime, and one whose token is already in use.
func (m *Machine) refuseSession(s *command.NewSession) (*command.Refusal, error) {
	if s.Lifetime < 1 || s.Lifetime > m.is().longestSession {
		return invalidCommand("a session of %d ms", s.Lifetime).Refusal, nil
	}
	used, err := m.state.Get(tableSessions, s.Token[:])
	if used == nil || err != nil {
		return nil, err
	}
	return &command.Refusal{Code: "invalid_session", Message: "This session was opened before. Sign in again."}, nil
}

// addSession stores a session. It ends the account's expired sessions, and the oldest of its kind if there are too many. Of
// tokens that the player has made, there never are.
func (m *Machine) addSession(id command.AccountID, role command.Role, s *command.NewSession, sid, launcher command.SessionID) error {
	refs, err := m.sessionRefs(id)
	if err != nil {
		return err
	}
	ref := sessionRef{ID: sid, Token: s.Token, ExpiresAt: m.now + s.Lifetime, Personal: s.Scopes != 0, Launcher: launcher}
	excess := 0
	switch ref.kind() {
	case signedIn:
		excess = 1 - m.is().mostSessions + valid(refs, signedIn, m.now)
	case launched:
		excess = 1 - m.is().mostLaunched + valid(refs, launched, m.now)
	}
	if err := m.dropSessions(id, func(r sessionRef) bool {
		if r.ExpiresAt <= m.now {
			return true
		}
		if r.kind() != ref.kind() {
			return false
		}
		excess--
		return excess >= 0
	}); err != nil {
		return err
	}
	if refs, err = m.sessionRefs(id); err != nil {
		return err
	}
	refs = append(refs, ref)
	if err := m.put(tableAccountSessions, accountKey(id), refs); err != nil {
		return err
	}
	if err := m.countSession(ref.ExpiresAt); err != nil {
		return err
	}
	return m.put(tableSessions, s.Token[:], sessionRecord{
		ID: sid, Account: id, Role: role, CreatedAt: m.now, ExpiresAt: ref.ExpiresAt, UserAgent: s.UserAgent, Address: s.Address,
		Name: s.Name, Scopes: s.Scopes,
	})
}

// sessionKind says what a session came from. Each kind has a most of its own.
type sessionKind int

const (
	signedIn sessionKind = iota
	ownToken             // a personal access token that the player has made
	launched             // a token for a page that another session has launched
)

func (r sessionRef) kind() sessionKind {
	switch {
	case r.Launcher != 0:
		return launched
	case r.Personal:
		return ownToken
	}
	return signedIn
}

// valid counts the sessions of a kind that are valid at a time.
func valid(refs []sessionRef, kind sessionKind, now int64) (n int) {
	for _, r := range refs {
		if r.ExpiresAt > now && r.kind() == kind {
			n++
		}
	}
	return n
}

// rememberNetwork makes a network the account's newest, and forgets the oldest above most. It reports whether that changed
// anything. The zero Subject is no network.
func (a *AccountRecord) rememberNetwork(network command.Subject, most int) (changed bool) {
	if network == (command.Subject{}) || len(a.Networks) > 0 && a.Networks[len(a.Networks)-1] == network {
		return false
	}
	kept := make([]command.Subject, 0, most)
	for _, n := range a.Networks {
		if n != network {
			kept = append(kept, n)
		}
	}
	kept = append(kept, network)
	a.Networks = kept[max(0, len(kept)-most):]
	return true
}

func allSessions(sessionRef) bool { return true }

// dropSessions ends the sessions of an account for which ends returns true, and those that they have launched. ends is called
// once per session, oldest first.
func (m *Machine) dropSessions(id command.AccountID, ends func(sessionRef) bool) error {
	refs, err := m.sessionRefs(id)
	if err != nil || len(refs) == 0 {
		return err
	}
	kept := refs[:0:0]
	var over []command.SessionID
	for _, s := range refs { // a session comes after its launcher
		if !ends(s) && !slices.Contains(over, s.Launcher) {
			kept = append(kept, s)
			continue
		}
		over = append(over, s.ID)
		m.state.Delete(tableSessions, s.Token[:])
		m.sessions.forget(s.Token)
		if err := m.uncountSession(s.ExpiresAt); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		m.state.Delete(tableAccountSessions, accountKey(id))
		return nil
	}
	return m.put(tableAccountSessions, accountKey(id), kept)
}

func (r *Reader) sessionRefs(id command.AccountID) ([]sessionRef, error) {
	refs, _, err := load[[]sessionRef](r, tableAccountSessions, accountKey(id))
	return refs, err
}

// Session reads the session of a token, expired or not.
func (r *Reader) Session(token command.TokenHash) (command.Session, bool, error) {
	s, ok, err := load[sessionRecord](r, tableSessions, token[:])
	return command.Session{
		ID: s.ID, Account: s.Account, Role: s.Role, CreatedAt: at(s.CreatedAt), ExpiresAt: at(s.ExpiresAt),
		UserAgent: s.UserAgent, Address: s.Address, Name: s.Name, Scopes: s.Scopes,
	}, ok, err
}

func (r *Reader) sessionByID(account command.AccountID, id command.SessionID) (command.Session, bool, error) {
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

// sessionOf reads one of an account's sessions.
func (r *Reader) sessionOf(account command.AccountID, ref *sessionRef) (command.Session, error) {
	s, ok, err := r.Session(ref.Token)
	if err == nil && !ok {
		err = r.Damage("session %d of account %d is missing", ref.ID, account)
	}
	return s, err
}

// Sessions lists the sessions of an account, newest first, including expired ones.
func (r *Reader) Sessions(id command.AccountID) (list []command.Session, err error) {
	refs, err := r.sessionRefs(id)
	if err != nil {
		return nil, err
	}
	for i := len(refs) - 1; i >= 0; i-- {
		v, err := r.sessionOf(id, &refs[i])
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
