package importer

import "fmt"

// tell reports a row, and counts it.
func (r *run) tell(row Row) error {
	r.summary.add(&row)
	if err := r.Report(&row); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// report reports a user and the user's open games.
func (r *run) report(w *planned) error {
	row := Row{Table: usersTable, Row: w.row, Named: w.named, Account: w.account, Username: w.want.shown, Coins: w.coins, Stakes: w.stakes, Result: Imported}
	games := Returned
	if r.DryRun {
		row.Result, games = WouldImport, WouldReturn
	}
	var more []Note
	switch {
	case w.failed != nil:
		row.Result, row.Username, row.Coins = Failed, "", 0
	case w.wasImported && !w.found.SameName:
		more = []Note{note("other_row", "under this id, a row with another name was imported as account %d. If this is another database, give it a name of its own with --source", w.found.Account)}
		row = Row{Table: usersTable, Row: w.row, Named: w.named, Result: Failed, Notes: more}
		if err := r.tell(row); err != nil {
			return err
		}
		return r.reportGames(w, NotReturned)
	case w.found.Deleted:
		row.Username, row.Coins, row.Stakes = "", w.found.Coins, w.found.Stakes
		return r.tellDeleted(w, row)
	case w.wasImported:
		row.Result, row.Username, row.Coins, row.Stakes = AlreadyImported, w.found.Username, w.found.Coins, w.found.Stakes
		games = AlreadyReturned
		if w.found.Coins != w.coins || w.found.Stakes != w.stakes {
			more = []Note{note("changed_there", "%d coins and %d of open games were imported; the row has %d and %d now", w.found.Coins, w.found.Stakes, w.coins, w.stakes)}
		}
		if w.found.Stakes != w.stakes {
			games = NotReturned
		}
		if w.found.Untouched && w.found.Email == "" && w.email != "" {
			more = append(more, note("email_taken", "another account had the address %s", w.email))
		}
	}
	r.mu.Lock()
	row.Notes = append(w.notes(r.survey, row.Username), more...)
	r.mu.Unlock()
	if err := r.tell(row); err != nil {
		return err
	}
	return r.reportGames(w, games)
}

// tellDeleted reports a user whose account was deleted since. Nothing of it is to be done any more.
func (r *run) tellDeleted(w *planned, row Row) error {
	row.Result, row.Notes = AlreadyImported, []Note{note("deleted_since", "account %d was deleted since, and is not opened again", w.account)}
	if err := r.tell(row); err != nil {
		return err
	}
	return r.reportGames(w, AlreadyReturned)
}

// reportGames reports a user's open games. result is that of those with a stake.
func (r *run) reportGames(w *planned, result string) error {
	for _, g := range w.games {
		row := Row{Table: gamesTable, Row: g.row, Named: w.named, Account: w.account, Result: result, Stakes: g.stake, Notes: g.notes}
		if g.stake == 0 {
			row.Result = NotReturned
		}
		if w.wasImported && !w.found.SameName {
			row.Account, row.Stakes, row.Notes = 0, 0, append(row.Notes, note("game_of_failed_user", "user %s was not imported", w.row))
		}
		if err := r.tell(row); err != nil {
			return err
		}
	}
	return nil
}

// reportStrayGames reports the open games of users who do not exist.
func (r *run) reportStrayGames() error {
	for _, g := range r.open.rest() {
		if err := r.tell(Row{Table: gamesTable, Row: g.row, Result: NotReturned, Notes: g.notes}); err != nil {
			return err
		}
	}
	return nil
}
