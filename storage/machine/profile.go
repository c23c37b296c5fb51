package machine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"imperio/storage/command"
)

// setProfile changes what others see of a player, and lets the player join seasons or leave them.
func (m *Machine) setProfile(b command.SetProfile) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	a, refusal, err := m.account(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if !slices.Contains(command.Avatars, b.Avatar) {
		return command.Refusef("invalid_avatar", "There is no such avatar."), nil
	}
	if (b.ShownName == "") != (b.ShownKey == "") || b.ShownKey != "" && !m.isKey(b.ShownKey) {
		return invalidCommand("shown name key of %d bytes", len(b.ShownKey)), nil
	}
	p, err := m.profileOf(id)
	if err != nil {
		return command.Result{}, err
	}
	next := p
	next.Avatar, next.ShownName, next.ShownKey = b.Avatar, b.ShownName, b.ShownKey
	if b.Avatar == command.Avatars[0] {
		next.Avatar = ""
	}
	if b.ShownKey == a.UsernameKey { // the username already reserves it
		next.ShownKey = ""
		if b.ShownName == a.Username {
			next.ShownName = ""
		}
	}
	if next.ShownKey != p.ShownKey && next.ShownKey != "" {
		if taken, err := m.nameTaken(next.ShownKey); taken || err != nil {
			return command.Refusef("shown_name_taken", "Another player has the name %q. Choose another.", b.ShownName), err
		}
	}
	joins, leaves := b.InSeasons && w.Entry == 0, !b.InSeasons && w.Entry != 0
	if !joins && !leaves && next.Avatar == p.Avatar && next.ShownName == p.ShownName && next.ShownKey == p.ShownKey {
		return command.Result{}, nil // nothing to change
	}
	m.reserve(id, p.ShownKey, next.ShownKey)
	e := Event{Kind: ProfileChanged}
	if leaves {
		if err := m.leaveSeasons(&w, &next); err != nil {
			return command.Result{}, err
		}
	}
	if err := m.putProfile(id, &next); err != nil {
		return command.Result{}, err
	}
	if joins {
		w.Entry = command.EntryID(m.head.Events + 1)
		m.head.TakingPart++
		if AchievedByJoining(w.Achieved) {
			e.Reached = []command.Achievement{command.InSeason}
		}
		if err := m.reach(id, &w, 0, e.Reached); err != nil {
			return command.Result{}, err
		}
	}
	e.Entry = w.Entry
	return command.Result{}, m.recordOn(id, &w, &e)
}

// nameTaken says whether a folded name is somebody's username or shown name.
func (m *Machine) nameTaken(key string) (bool, error) {
	for _, table := range [2]int{tableUsernames, tableShownNames} {
		if id, err := m.state.Get(table, []byte(key)); id != nil || err != nil {
			return id != nil, err
		}
	}
	return false, nil
}

// reserve gives up an account's reserved name for another. Either may be empty.
func (m *Machine) reserve(id command.AccountID, old, next string) {
	if old == next {
		return
	}
	if old != "" {
		m.state.Delete(tableShownNames, []byte(old))
	}
	if next != "" {
		m.state.Put(tableShownNames, []byte(next), accountKey(id))
	}
}

// profileOf reads the profile of an account; that of an account without one is zero.
func (r *Reader) profileOf(id command.AccountID) (ProfileRecord, error) {
	p, _, err := load[ProfileRecord](r, tableProfiles, accountKey(id))
	return p, err
}

// putProfile stores a profile. One that says nothing is not kept.
func (m *Machine) putProfile(id command.AccountID, p *ProfileRecord) error {
	if p.Avatar == "" && p.ShownName == "" && len(p.Achieved) == 0 && len(p.Past) == 0 {
		m.state.Delete(tableProfiles, accountKey(id))
		return nil
	}
	return m.put(tableProfiles, accountKey(id), p)
}

// forgetProfile removes all that a profile says, and the account from the running season. The caller stores w.
func (m *Machine) forgetProfile(id command.AccountID, w *WalletRecord) error {
	p, err := m.profileOf(id)
	if err != nil {
		return err
	}
	m.reserve(id, p.ShownKey, "")
	m.state.Delete(tableProfiles, accountKey(id))
	w.Achieved = 0
	return m.leaveSeasons(w, &p)
}

// Profile reads what an account says of itself. ok is false if there is no such account, or it is deleted.
func (r *Reader) Profile(id command.AccountID) (v command.Profile, ok bool, err error) {
	w, ok, err := r.Wallet(id)
	if err != nil || !ok || w.Deleted {
		return v, false, err
	}
	p, err := r.profileOf(id)
	if err != nil {
		return v, false, err
	}
	v = command.Profile{Avatar: p.Avatar, ShownName: p.ShownName, Entry: w.Entry, InSeasons: w.Entry != 0}
	if v.Avatar == "" {
		v.Avatar = command.Avatars[0]
	}
	if v.ShownName == "" {
		a, _, err := loadOf[AccountRecord](r, tableAccounts, id)
		if err != nil {
			return v, false, err
		}
		v.ShownName = a.Username
	}
	for _, a := range p.Achieved {
		v.Achievements = append(v.Achievements, command.Achieved{Achievement: a.Achievement, At: at(a.At), Round: a.Round})
	}
	return v, true, nil
}

// ShownAs finds the account that shows a name, by its folded form, where that is no username.
func (r *Reader) ShownAs(key string) (command.AccountID, bool, error) {
	v, err := r.view.Get(tableShownNames, []byte(key))
	if err != nil || len(v) != 8 {
		return 0, false, err
	}
	return command.AccountID(binary.BigEndian.Uint64(v)), true, nil
}

// Profiles visits the stored profiles by ascending account. found reports whether the reserved name leads to the account.
func (r *Reader) Profiles(fn func(id command.AccountID, p *ProfileRecord, found bool) error) error {
	return each(r, tableProfiles, nil, func(k, _ []byte, p *ProfileRecord) error {
		found := true
		if p.ShownKey != "" {
			by, err := r.view.Get(tableShownNames, []byte(p.ShownKey))
			if err != nil {
				return err
			}
			found = string(by) == string(k)
		}
		return fn(command.AccountID(binary.BigEndian.Uint64(k)), p, found)
	})
}

// CountShownNames counts the names that profiles reserve.
func (r *Reader) CountShownNames() (uint64, error) { return r.count(tableShownNames) }

// checkShownName checks that a reserved name leads to its account. Otherwise somebody else could take it.
func checkShownName(v View, key, value []byte) error {
	var p ProfileRecord
	if err := decMode.Unmarshal(value, &p); err != nil {
		return unreadable(v, tableProfiles, key, err)
	}
	if p.ShownKey == "" {
		return nil
	}
	id, err := v.Get(tableShownNames, []byte(p.ShownKey))
	if err == nil && string(id) != string(key) {
		err = v.Damage(fmt.Sprintf("account %d is not found in the table %s", binary.BigEndian.Uint64(key), tableNames[tableShownNames]), nil)
	}
	return err
}
