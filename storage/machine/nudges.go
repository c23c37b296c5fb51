package machine

import "imperio/storage/command"

// nudges says whether pages may invite a player to anything: to seasons, to daily coins, to an achievement that was reached.
//
// The rule: never while the player has a limit of her own, in force or waiting, even if it is only the reminder; and never
// again after an exclusion, even if it is over. Who has asked for less play is not asked for more. Achievements are recorded all
// the same, and the player finds them in her profile.
func (r *Reader) nudges(id command.AccountID, w *WalletRecord) (bool, error) {
	if w.Deleted || w.Locked || w.ExcludedUntil != 0 {
		return false, nil
	}
	l, err := r.limits(id, w, r.head.Time)
	return l.InForce == (command.LimitSet{}), err // while a looser limit waits, a stricter one is in force
}
