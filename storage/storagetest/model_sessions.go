package storagetest

import (
	"slices"
	"time"

	"imperio/storage/command"
)

func (m *Model) attemptSignIn(b command.AttemptSignIn) outcome {
	if b.Tries == 0 {
		return outcome{}
	}
	refill := time.Duration(b.Refill) * time.Millisecond
	if over := m.owes(b.Subject) + refill - time.Duration(b.Tries)*refill; over > 0 {
		return refused(refuseUntil("sign_in_throttled", m.now.Add(over)))
	}
	m.debts[b.Subject] = &debt{m.owes(b.Subject) + refill, m.now}
	return outcome{}
}

// owes is how long a subject must wait from now until it has all its tries back.
func (m *Model) owes(subject command.Subject) time.Duration {
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
	m.debts[b.Subject] = nil
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
	if s.Scopes == 0 && p.count(false) == 20 {
		oldest := slices.IndexFunc(p.sessions, func(s command.Session) bool { return s.Scopes == 0 })
		p.sessions = slices.Delete(p.sessions, oldest, oldest+1)
	}
	if s.Network != (command.Subject{}) {
		p.networks = append(slices.DeleteFunc(slices.Clone(p.networks), func(n command.Subject) bool { return n == s.Network }), s.Network)
		if len(p.networks) > 8 {
			p.networks = p.networks[1:]
		}
	}
	id := command.SessionID(m.events + 1)
	p.tokens[id] = s.Token
	p.sessions = append(p.sessions, command.Session{
		ID: id, Account: p.id, Role: p.role, CreatedAt: m.now, ExpiresAt: m.now.Add(time.Duration(s.Lifetime) * time.Millisecond), UserAgent: s.UserAgent, Address: s.Address,
		Name: s.Name, Scopes: s.Scopes,
	})
	return id
}

// count counts the sessions that are kept: personal access tokens or others.
func (p *player) count(personal bool) int {
	return len(filter(p.sessions, func(s command.Session) bool { return personal == (s.Scopes != 0) }))
}

func (m *Model) createToken(p *player, b command.CreateToken) outcome {
	if r, is := m.barred(p); is {
		return refused(r)
	}
	if b.Session.Name == "" || b.Session.Scopes == 0 || b.Session.Scopes > 3 || b.Session.Lifetime < 1 {
		return refused(refuse("invalid_command"))
	}
	if m.knows(b.Session.Token) {
		return refused(refuse("invalid_session"))
	}
	valid := filter(p.sessions, func(s command.Session) bool { return s.Scopes != 0 && s.ExpiresAt.After(m.now) })
	if len(valid) >= 20 {
		return refused(refuse("too_many_tokens"))
	}
	b.Session.Network = command.Subject{} // only sign-ins are remembered
	sid := p.addSession(m, b.Session)
	return did(func() any { return &command.SessionOpened{Account: p.account(), Session: p.session(sid)} })
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

func (m *Model) changePassword(p *player, b command.ChangePassword) outcome {
	switch {
	case b.Actor != "":
	case b.Link != command.TokenHash{}:
		if b.Link != p.link.Link || !p.link.ExpiresAt.After(m.now) {
			return refused(refuse("link_invalid"))
		}
	case b.OldHash != p.hash:
		return refused(refuse("wrong_password"))
	}
	p.hash, p.link = b.NewHash, command.PasswordLink{}
	m.debts[b.Subject] = nil
	p.sessions = slices.DeleteFunc(slices.Clone(p.sessions), func(s command.Session) bool { return s.ID != b.Keep })
	return did(nothing)
}
