package storagetest

import (
	"fmt"
	"regexp"

	"imperio/storage/command"
)

var lineageName = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

func (m *Model) beginLineage(b command.BeginLineage) outcome {
	if !lineageName.MatchString(b.Lineage) || b.Lineage == "origin" || b.Lineage == m.lineage {
		return refused(refuse("invalid_command"))
	}
	m.lineage = b.Lineage
	return did(nothing)
}

func (m *Model) renewAccounts(of command.AccountID, b command.RenewAccounts, entropy []byte) outcome {
	if of != 0 || b.Count < 1 || b.Count > 1000 {
		return refused(refuse("invalid_command"))
	}
	var renewed []*player
	open := false
	for i := range b.Count {
		p := m.accounts[b.First+command.AccountID(i)]
		if p == nil {
			return refused(refuse("invalid_command"))
		}
		if p.deletedAt.IsZero() {
			renewed = append(renewed, p)
			open = open || p.open() != nil
		}
	}
	if len(entropy) != 64*len(renewed) {
		return refused(refuse("invalid_command"))
	}
	if open {
		return refused(refuse("round_open"))
	}
	answer := command.AccountsRenewed{Accounts: len(renewed)}
	events := uint64(0)
	for i, p := range renewed {
		if len(p.sessions) > 0 {
			events++
		}
		answer.Sessions += len(p.sessions)
		p.sessions, p.link = nil, command.PasswordLink{}
		for k := range 2 {
			p.rotate(m.now, fmt.Sprintf("default:%d", p.id), entropy[64*i+32*k:64*i+32*k+32])
			events++
		}
	}
	o := did(same(&answer))
	o.others = events
	return o
}
