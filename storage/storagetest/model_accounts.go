package storagetest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"imperio/storage/command"
)

func (m *Model) createInvitation(b command.CreateInvitation) outcome {
	if b.Uses < 1 || b.Uses > 1_000_000 || b.Lifetime < 1 {
		return refused(refuse("invalid_command"))
	}
	if _, used := m.invited[b.Code]; used {
		return refused(refuse("invalid_command"))
	}
	for code, i := range m.invited { // those that have expired are forgotten
		if !i.ExpiresAt.After(m.now) {
			delete(m.invited, code)
		}
	}
	i := command.Invitation{
		ID: command.InvitationID(m.events + 1), UsesLeft: b.Uses, CreatedAt: m.now,
		ExpiresAt: m.now.Add(time.Duration(b.Lifetime) * time.Millisecond), Actor: b.Actor, Reason: b.Reason,
	}
	m.invited[b.Code] = i
	return did(same(&command.InvitationCreated{ID: i.ID, ExpiresAt: i.ExpiresAt}))
}

func (m *Model) revokeInvitation(b command.RevokeInvitation) outcome {
	for code, i := range m.invited {
		if i.ID == b.Invitation {
			delete(m.invited, code)
			return did(nothing)
		}
	}
	return refused(refuse("not_found"))
}

// useInvitation reports whether an invitation can be used, and uses it.
func (m *Model) useInvitation(code command.TokenHash) bool {
	i, ok := m.invited[code]
	if !ok || !i.ExpiresAt.After(m.now) {
		return false
	}
	i.UsesLeft--
	m.invited[code] = i
	if i.UsesLeft == 0 {
		delete(m.invited, code)
	}
	return true
}

func (m *Model) changeEmail(p *player, b command.ChangeEmail) outcome {
	if b.Actor == "" && b.OldHash != p.hash {
		return refused(refuse("wrong_password"))
	}
	if p.email == b.Email {
		return outcome{}
	}
	for _, other := range m.accounts {
		if b.EmailKey != "" && other != p && other.mail == b.EmailKey {
			return refused(refuse("email_taken"))
		}
	}
	p.email, p.mail = b.Email, b.EmailKey
	return did(nothing)
}

func (m *Model) deleteAccount(p *player, b command.DeleteAccount) outcome {
	switch {
	case b.Actor == "" && b.OldHash != p.hash:
		return refused(refuse("wrong_password"))
	case p.open() != nil:
		return refused(refuse("round_open"))
	case p.excluded.After(m.now):
		return refused(refuseUntil("excluded", p.excluded))
	}
	m.issued -= p.coins
	p.name, p.nameKey, p.email, p.mail, p.hash, p.openedUnder = "", "", "", "", "", command.Key{}
	p.coins, p.sessions, p.limits, p.pending, p.link = 0, nil, command.LimitSet{}, nil, command.PasswordLink{}
	p.deletedAt = m.now
	m.leave(p)
	p.avatar, p.display, p.shownKey, p.achieved = "", "", "", nil
	return did(nothing)
}

// invitations are those that are valid, oldest first.
func (m *Model) invitations() []command.Invitation {
	list := filter(slices.Collect(maps.Values(m.invited)), func(i command.Invitation) bool { return i.ExpiresAt.After(m.now) })
	slices.SortFunc(list, func(a, b command.Invitation) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
