package export

import (
	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
)

var accounts = &Table{
	Name: "accounts",
	Help: "One row for each account, by ascending id. Deleted accounts are among them, without name and address.",
	Columns: []Column{
		{"id", "The account's number."},
		{"username", "Empty once the account is deleted."},
		{"email", "Empty if there is none."},
		{"role", "player or operator."},
		{"created_at", "When the account was opened."},
		{"coins", "Free to play with."},
		{"held_coins", "Staked in the open round."},
		{"locked", "true if the operator has locked the account, else false."},
		{"excluded_until", "When the player's self-exclusion ends; 9999-12-31T23:59:59.000Z if never. Empty: there was none."},
		{"rounds", "Settled rounds so far."},
		{"staked", "Coins staked in those."},
		{"paid", "Coins paid for those."},
		{"deleted_at", "When the account was deleted. Empty: it was not."},
	},
	visit: func(s *storage.Snapshot, row func(...any) error, seen Progress) error {
		return eachAccount(s, seen, func(n command.AccountID, a *machine.AccountRecord, w *machine.WalletRecord) error {
			var settled uint64
			var staked, paid games.Coins
			for _, g := range w.Games {
				settled, staked, paid = settled+g.Rounds, staked+g.Staked, paid+g.Paid
			}
			return row(id(n), textOrNone(a.Username), textOrNone(a.Email), string(a.Role), cellTime(a.CreatedAt), w.Balance, w.Held,
				w.Locked, cellTime(w.ExcludedUntil), settled, staked, paid, cellTime(a.DeletedAt))
		})
	},
}

// eachAccount visits all accounts with their wallets, by ascending id.
func eachAccount(s *storage.Snapshot, seen Progress, fn func(command.AccountID, *machine.AccountRecord, *machine.WalletRecord) error) error {
	total := uint64(s.Machine().NextAccount - command.FirstAccountID)
	done := uint64(0)
	return s.Read(func(r *machine.Reader) error {
		return r.Accounts(func(n command.AccountID, a *machine.AccountRecord, _ bool) error {
			w, ok, err := r.Wallet(n)
			if err == nil && !ok {
				err = r.Damage("account %d has no wallet", n)
			}
			if err != nil {
				return err
			}
			if done++; done%tell == 0 || done == total {
				seen(done, total)
			}
			return fn(n, a, &w)
		})
	})
}

// tell is after how many records an export says how far it is.
const tell = 1000
