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
	sid := p.addSession(m, b.Session, 0)
	return did(func() any { return &command.SessionOpened{Account: m.account(p), Session: p.session(sid)} })
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

// addSession ends expired sessions and, if too many of the kind remain, the oldest one: of 20 that the player has signed in to,
// of 10 that another one has launched.
func (p *player) addSession(m *Model, s command.NewSession, launcher command.SessionID) command.SessionID {
	p.end(func(s command.Session) bool { return !s.ExpiresAt.After(m.now) })
	alike := filter(p.sessions, func(o command.Session) bool { return o.Scopes == 0 })
	most := 20
	if launcher != 0 {
		alike, most = filter(p.sessions, func(o command.Session) bool { return p.launchers[o.ID] != 0 }), 10
	}
	if (s.Scopes == 0 || launcher != 0) && len(alike) == most {
		p.end(func(o command.Session) bool { return o.ID == alike[0].ID })
	}
	if s.Network != (command.Subject{}) {
		p.networks = append(slices.DeleteFunc(slices.Clone(p.networks), func(n command.Subject) bool { return n == s.Network }), s.Network)
		if len(p.networks) > 8 {
			p.networks = p.networks[1:]
		}
	}
	id := command.SessionID(m.events + 1)
	p.tokens[id] = s.Token
	if launcher != 0 {
		p.launchers[id] = launcher
	}
	p.sessions = append(p.sessions, command.Session{
		ID: id, Account: p.id, Role: p.role, CreatedAt: m.now, ExpiresAt: m.now.Add(time.Duration(s.Lifetime) * time.Millisecond), UserAgent: s.UserAgent, Address: s.Address,
		Name: s.Name, Scopes: s.Scopes,
	})
	return id
}

// end ends sessions, and those whose launcher is gone.
func (p *player) end(over func(command.Session) bool) {
	p.sessions = filter(p.sessions, func(s command.Session) bool { return !over(s) })
	p.sessions = filter(p.sessions, func(s command.Session) bool {
		return p.launchers[s.ID] == 0 || p.session(p.launchers[s.ID]).ID != 0
	})
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
	if b.Launcher != 0 {
		launcher := p.session(b.Launcher)
		if launcher.ID == 0 || launcher.Scopes != 0 || !launcher.ExpiresAt.After(m.now) {
			return refused(refuse("session_not_found"))
		}
		b.Session.Lifetime = min(b.Session.Lifetime, launcher.ExpiresAt.Sub(m.now).Milliseconds())
	} else if own := filter(p.sessions, func(s command.Session) bool {
		return s.Scopes != 0 && p.launchers[s.ID] == 0 && s.ExpiresAt.After(m.now)
	}); len(own) >= 20 {
		return refused(refuse("too_many_tokens"))
	}
	b.Session.Network = command.Subject{} // only sign-ins are remembered
	sid := p.addSession(m, b.Session, b.Launcher)
	return did(func() any { return &command.SessionOpened{Account: m.account(p), Session: p.session(sid)} })
}

func (p *player) endSessions(b command.EndSessions) outcome {
	before := len(p.sessions)
	p.end(func(s command.Session) bool { return b.All && s.ID != b.Keep || !b.All && s.ID == b.Session })
	if len(p.sessions) == before {
		if b.All {
			return outcome{}
		}
		return refused(refuse("session_not_found"))
	}
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
	p.end(func(s command.Session) bool { return s.ID != b.Keep })
	return did(nothing)
}
