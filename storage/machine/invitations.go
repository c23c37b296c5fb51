package machine

import (
	"cmp"
	"fmt"
	"slices"

	"imperio/storage/command"
)

// createInvitation makes an invitation. Invitations that have expired are forgotten then.
func (m *Machine) createInvitation(b command.CreateInvitation) (command.Result, error) {
	if b.Uses < 1 || b.Uses > m.is().mostUses || b.Lifetime < 1 || b.Lifetime > m.is().longestSession {
		return invalidCommand("an invitation for %d people and %d ms", b.Uses, b.Lifetime), nil
	}
	if used, err := m.state.Get(tableInvitations, b.Code[:]); used != nil || err != nil {
		return invalidCommand("an invitation with a used code"), err
	}
	var expired [][]byte
	valid := 0
	if err := each(&m.Reader, tableInvitations, nil, func(k, _ []byte, i *invitationRecord) error {
		if i.ExpiresAt <= m.now {
			expired = append(expired, slices.Clone(k))
		} else {
			valid++
		}
		return nil
	}); err != nil {
		return command.Result{}, err
	}
	if valid >= m.is().mostInvitations {
		return command.Refusef("too_many_invitations", "There are %d invitations already. Revoke some, or make one for several people.", valid), nil
	}
	for _, k := range expired {
		m.state.Delete(tableInvitations, k)
	}
	e := Event{Kind: InvitationCreated, Until: m.now + b.Lifetime, Act: &Act{Actor: b.Actor, Reason: b.Reason, After: fmt.Sprint(b.Uses)}}
	if err := m.put(tableInvitations, b.Code[:], invitationRecord{
		ID: command.InvitationID(m.head.Events + 1), UsesLeft: b.Uses, CreatedAt: m.now, ExpiresAt: e.Until, Actor: b.Actor, Reason: b.Reason,
	}); err != nil {
		return command.Result{}, err
	}
	if err := m.record(&e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// useInvitation takes one use from an invitation, and returns its id.
func (m *Machine) useInvitation(code command.TokenHash) (command.InvitationID, *command.Refusal, error) {
	i, ok, err := load[invitationRecord](&m.Reader, tableInvitations, code[:])
	if err != nil {
		return 0, nil, err
	}
	if !ok || i.ExpiresAt <= m.now {
		return 0, noInvitation(), nil
	}
	if i.UsesLeft--; i.UsesLeft == 0 {
		m.state.Delete(tableInvitations, code[:])
		return i.ID, nil, nil
	}
	return i.ID, nil, m.put(tableInvitations, code[:], i)
}

func noInvitation() *command.Refusal {
	return &command.Refusal{Code: "invitation_invalid", Message: "There is no such invitation, or it has been used or has expired. Ask the operator for another."}
}

// revokeInvitation ends an invitation.
func (m *Machine) revokeInvitation(b command.RevokeInvitation) (command.Result, error) {
	var code []byte
	uses := 0
	if err := each(&m.Reader, tableInvitations, nil, func(k, _ []byte, i *invitationRecord) error {
		if i.ID == b.Invitation {
			code, uses = slices.Clone(k), i.UsesLeft
		}
		return nil
	}); err != nil {
		return command.Result{}, err
	}
	if code == nil {
		return command.Refusef("not_found", "There is no invitation %d.", b.Invitation), nil
	}
	m.state.Delete(tableInvitations, code)
	return command.Result{}, m.record(&Event{Kind: InvitationRevoked, Invitation: b.Invitation, Act: &Act{
		Actor: b.Actor, Reason: b.Reason, Before: fmt.Sprint(uses), After: "0"}})
}

// Invitation finds the invitation with a code, expired or not.
func (r *Reader) Invitation(code command.TokenHash) (command.Invitation, bool, error) {
	i, ok, err := load[invitationRecord](r, tableInvitations, code[:])
	return i.view(), ok, err
}

// Invitations lists the invitations that are valid at the machine's time, oldest first.
func (r *Reader) Invitations() (list []command.Invitation, err error) {
	err = each(r, tableInvitations, nil, func(_, _ []byte, i *invitationRecord) error {
		if i.ExpiresAt > r.head.Time {
			list = append(list, i.view())
		}
		return nil
	})
	slices.SortFunc(list, func(a, b command.Invitation) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

func (i *invitationRecord) view() command.Invitation {
	return command.Invitation{ID: i.ID, UsesLeft: i.UsesLeft, CreatedAt: at(i.CreatedAt), ExpiresAt: at(i.ExpiresAt), Actor: i.Actor, Reason: i.Reason}
}
