package machine

import (
	"fmt"
	"strings"

	"imperio/storage/command"
)

// A restored casino is the same casino, but what happens in it from then on is not what happened after the moment of the backup:
// it has another lineage. Whoever has seen the lost part must not gain by it: players were shown outcomes and may hold sessions
// that this state knows differently. So a restore begins a lineage and renews all accounts.

// FirstLineage names the lineage "", which a casino is born with, to people and in backups.
const FirstLineage = "origin"

// beginLineage begins another lineage.
func (m *Machine) beginLineage(b command.BeginLineage) (command.Result, error) {
	if !m.isLineage(b.Lineage) || b.Lineage == m.head.Lineage {
		return invalidCommand("a lineage named %.80q after %q", b.Lineage, m.head.Lineage), nil
	}
	m.head.Lineage = b.Lineage
	return command.Result{}, m.record(&Event{Kind: LineageBegun, Lineage: b.Lineage, Act: &Act{
		Actor: b.Actor, Act: "casino_restored", Reason: b.Reason, Before: b.Before, After: b.After}})
}

// isLineage reports whether a new lineage may have a name: it becomes part of the names of files.
func (m *Machine) isLineage(name string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"
	return name != "" && name != FirstLineage && len(name) <= m.is().longestLineage && strings.Trim(name, allowed) == ""
}

// Lineage is the lineage of the history; "" is the first one.
func (r *Reader) Lineage() string { return r.head.Lineage }

// renewAccounts ends the sessions and password links of accounts, and rotates their seeds. Locked and excluded accounts are no
// exception.
func (m *Machine) renewAccounts(b command.RenewAccounts) (command.Result, error) {
	if m.command.Account != 0 {
		return invalidCommand("a renewal on behalf of account %d", m.command.Account), nil
	}
	if b.First < command.FirstAccountID || b.First >= m.head.NextAccount ||
		b.Count < 1 || b.Count > m.is().mostRenewed || uint64(b.Count) > uint64(m.head.NextAccount-b.First) {
		return invalidCommand("%d accounts from %d on; the next one will be %d", b.Count, b.First, m.head.NextAccount), nil
	}
	ids, playing, err := m.renewable(b)
	if err != nil {
		return command.Result{}, err
	}
	if r := m.refuseSeeds(2 * len(ids)); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if playing != 0 {
		return command.Refusef("round_open", "Account %d has an open round. Settle it before the accounts are renewed.", playing), nil
	}
	done := Renewal{Accounts: len(ids)}
	for i, id := range ids {
		ended, err := m.renewAccount(id, m.command.Seeds[2*i], m.command.Seeds[2*i+1])
		if err != nil {
			return command.Result{}, fmt.Errorf("renew account %d: %w", id, err)
		}
		done.Sessions += ended
	}
	e := Event{Kind: AccountsRenewed, Renewed: &done, Act: &Act{
		Actor: b.Actor, After: fmt.Sprintf("accounts %d to %d", b.First, b.First+command.AccountID(b.Count)-1)}}
	if err := m.record(&e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}

// renewable lists the accounts of a range that are not deleted. playing is one of them that has an open round; 0: none has.
func (m *Machine) renewable(b command.RenewAccounts) (ids []command.AccountID, playing command.AccountID, err error) {
	for id := b.First; id < b.First+command.AccountID(b.Count); id++ {
		w, deleted, err := m.holder(id)
		switch {
		case err != nil:
			return nil, 0, err
		case deleted != nil:
			continue
		case w.OpenRound != 0:
			playing = id
		}
		ids = append(ids, id)
	}
	return ids, playing, nil
}

// renewAccount renews one account, and returns how many sessions it had. Its seeds are rotated twice: in the lost part of the
// history, the next seed may have become active and been revealed. The client seed may have been chosen before the new server
// seeds were made, so it is the default one again, until its player chooses another.
func (m *Machine) renewAccount(id command.AccountID, first, second command.SealedSeed) (ended int, err error) {
	refs, err := m.sessionRefs(id)
	if err != nil {
		return 0, err
	}
	if len(refs) > 0 {
		if err := m.dropSessions(id, allSessions); err != nil {
			return 0, err
		}
		if err := m.recordFor(id, &Event{Kind: SessionsEnded}); err != nil {
			return 0, err
		}
	}
	a, _, err := m.account(id)
	if err != nil {
		return 0, err
	}
	if a.LinkExpires != 0 {
		a.endLink()
		if err := m.put(tableAccounts, accountKey(id), a); err != nil {
			return 0, err
		}
	}
	w, _, err := m.holder(id)
	if err != nil {
		return 0, err
	}
	for _, next := range [2]command.SealedSeed{first, second} {
		s, err := m.seedsOf(id)
		if err != nil {
			return 0, err
		}
		if _, err := m.rotatePair(id, &w, s, defaultClientSeed(id), next, nil); err != nil {
			return 0, err
		}
	}
	return len(refs), nil
}
