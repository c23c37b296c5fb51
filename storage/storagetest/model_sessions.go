package storagetest

import (
	"fmt"
	"slices"
	"time"

	"imperio/storage/command"
)

func (m *Model) attemptSignIn(b command.AttemptSignIn) outcome {
	if b.Tries == 0 {
		return outcome{}
	}
	refill := time.Duration(b.Refill) * time.Millisecond
	subjects := []string{fmt.Sprint("login ", b.Login), fmt.Sprint("address ", b.Address)}
	for _, s := range subjects {
		if over := m.owes(s) + refill - time.Duration(b.Tries)*refill; over > 0 {
			return refused(refuseUntil("sign_in_throttled", m.now.Add(over)))
		}
	}
	for _, s := range subjects {
		m.debts[s] = &debt{m.owes(s) + refill, m.now}
	}
	return outcome{}
}

// owes is how long a subject must wait from now until it has all its tries back.
func (m *Model) owes(subject string) time.Duration {
	d := m.debts[subject]
	if d == nil {
		return 0
	}
	return max(0, d.wait-m.now.Sub(d.at))
}

func (m *Model) openSession(p *player, b command.OpenSession) outcome {
	if r, is := m.barred(p); is {
		return refused(r)
	}
	if b.OldHash != "" && b.OldHash != p.hash {
		return refused(refuse("invalid_credentials"))
	}
	if b.Session.Lifetime < 1 {
		return refused(refuse("invalid_command"))
	}
	if m.knows(b.Session.Token) {
		return refused(refuse("invalid_session"))
	}
	if b.Rehash != "" && b.OldHash != "" {
		p.hash = b.Rehash
	}
	m.debts[fmt.Sprint("login ", b.Login)] = nil
	address := fmt.Sprint("address ", b.Address)
	m.debts[address] = &debt{max(0, m.owes(address)-time.Duration(b.Refill)*time.Millisecond), m.now}
	sid := p.addSession(m, b.Session)
	return did(func() any { return &command.SessionOpened{Account: p.account(), Session: p.session(sid)} })
}

// knows reports whether a token belongs to a session, expired or not.
func (m *Model) knows(token command.TokenHash) bool { return m.sessionOf(token).ID != 0 }

// sessionOf returns the session of a token, expired or not; zero if there is none.
func (m *Model) sessionOf(token command.TokenHash) command.Session {
	for _, p := range m.accounts {
		for _, s := range p.sessions {
			if p.tokens[s.ID] == token {
				return s
			}
		}
	}
	return command.Session{}
}

func (p *player) session(id command.SessionID) command.Session {
	for _, s := range p.sessions {
		if s.ID == id {
			return s
		}
	}
	return command.Session{}
}

// addSession ends expired sessions and, if 20 remain, the oldest one.
func (p *player) addSession(m *Model, s command.NewSession) command.SessionID {
	p.sessions = slices.DeleteFunc(slices.Clone(p.sessions), func(s command.Session) bool { return !s.ExpiresAt.After(m.now) })
	if len(p.sessions) == 20 {
		p.sessions = p.sessions[1:]
	}
	id := command.SessionID(m.events + 1)
	p.tokens[id] = s.Token
	p.sessions = append(p.sessions, command.Session{
		ID: id, Account: p.id, Role: p.role, CreatedAt: m.now, ExpiresAt: m.now.Add(time.Duration(s.Lifetime) * time.Millisecond), UserAgent: s.UserAgent, Address: s.Address,
	})
	return id
}

func (p *player) endSessions(b command.EndSessions) outcome {
	kept := slices.DeleteFunc(slices.Clone(p.sessions), func(s command.Session) bool {
		return b.All && s.ID != b.Keep || !b.All && s.ID == b.Session
	})
	if len(kept) == len(p.sessions) {
		if b.All {
			return outcome{}
		}
		return refused(refuse("session_not_found"))
	}
	p.sessions = kept
	return did(nothing)
}

func (p *player) changePassword(b command.ChangePassword) outcome {
	if b.Actor == "" && b.OldHash != p.hash {
		return refused(refuse("wrong_password"))
	}
	p.hash = b.NewHash
	p.sessions = slices.DeleteFunc(slices.Clone(p.sessions), func(s command.Session) bool { return s.ID != b.Keep })
	return did(nothing)
}
