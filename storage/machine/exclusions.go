package machine

import "imperio/storage/command"

// exclude shuts a player out. Nobody can shorten an exclusion: another one can only extend it.
func (m *Machine) exclude(b command.Exclude) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	until := command.ForEver.UnixMilli()
	if !b.ForEver {
		if b.Days < 1 || b.Days > m.is().longestExclusion {
			return command.Refusef("invalid_exclusion", "An exclusion lasts 1 to %d days, or for ever.", m.is().longestExclusion), nil
		}
		until = m.now + int64(b.Days)*dayMillis
	}
	w.ExcludedUntil = max(w.ExcludedUntil, until)
	if err := m.dropSessions(id, allSessions); err != nil {
		return command.Result{}, err
	}
	e := Event{Kind: PlayerExcluded, Until: w.ExcludedUntil}
	if err := m.recordOn(id, &w, &e); err != nil {
		return command.Result{}, err
	}
	return m.answerNew(&e)
}
