package main

import (
	"fmt"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/auth"
	"imperio/appliance/terminal"
	"imperio/storage/export"
)

type exportOlderCommand struct {
	jsonFlag `embed:""`
	To       string `required:"" help:"The database to write: sqlite: and a file, which must not exist yet." placeholder:"sqlite:FILE"`
}

// Help explains the verb.
func (exportOlderCommand) Help() string {
	return `It writes every account into a new SQLite file in the older system's schema, as of now. Deleted accounts are left out. It needs the casino's key.

  Coins      What an account has, with the stake of its open round: that round does not exist there.
  Passwords  Hashes that came from the older system, and were not used here yet, go on working there. It can't verify the others: their players need a new password there. 'imperio import' knows all of them again.
  Locked     Nobody can sign in there to an account that is locked here, or whose player has excluded himself.
  Addresses  The older system wants one. An account without any gets no-address-ID@invalid, which 'imperio import' knows.

What does not fit is counted at the end. That is roles, the players' own limits, and texts or numbers that are too long for the older columns. SQLite takes those; PostgreSQL does not.

Examples:

  imperio export imperiocasino --to sqlite:app.db
  imperio export imperiocasino --to sqlite:/srv/older/app.db --json`
}

// Run writes the database.
func (c *exportOlderCommand) Run(env *environment) error {
	path, ok := strings.CutPrefix(c.To, "sqlite:")
	if path = strings.TrimPrefix(path, "//"); !ok || path == "" {
		return usagef("--to is sqlite: and the name of a file, such as sqlite:app.db")
	}
	file, err := export.CreateNew(path)
	if err != nil {
		return err
	}
	defer file.Discard()
	return env.frozen(true, func(f *appliance.Frozen) error {
		sum, err := c.export(env, f, file.Name())
		if err == nil {
			err = file.Keep()
		}
		switch {
		case err != nil:
			return err
		case c.JSON:
			return env.printJSON(sum)
		}
		return c.tell(env, path, &sum)
	})
}

func (c *exportOlderCommand) export(env *environment, f *appliance.Frozen, path string) (export.OlderSummary, error) {
	w := newWork(env)
	defer w.end()
	return export.Older(env.Ctx, f.Snapshot, path, export.OlderOptions{
		Casino: f.Casino, Version: thisBuild().version, Now: time.Now(),
		NoAddress: auth.NoAddress,
		Password: func(stored string, denied bool) (string, bool, error) {
			var hash string
			if stored != "" {
				var err error
				if hash, err = f.OpenPassword(stored); err != nil {
					return "", false, err
				}
			}
			value := auth.OwnHash(hash, denied)
			_, _, own := auth.ParseOwnHash(value)
			return value, !own, nil
		},
		Progress: func(done, total uint64) { w.show("export accounts", int64(done), int64(total)) },
	})
}

// tell prints what was written, and what does not fit.
func (c *exportOlderCommand) tell(env *environment, path string, s *export.OlderSummary) error {
	fmt.Fprintf(env.Stdout, "%d accounts with %d coins are in %s, as of event %d.\n", s.Accounts, s.Coins, path, s.Events)
	var t terminal.Table
	note := func(n int, words string) {
		if n > 0 {
			t.Row(fmt.Sprint(n), words)
		}
	}
	note(s.Open, fmt.Sprintf("open rounds are not there: their stakes, %d coins, went back to the players", s.Held))
	note(s.NewHashes, "accounts need a new password there: the older system can't verify their hashes")
	note(s.Locked, "accounts are locked: nobody can sign in to them there")
	note(s.Excluded, "players have excluded themselves: nobody can sign in to their accounts there")
	note(s.Limited, "players have limits of their own, which the older system does not keep")
	note(s.Operators, "operators are players like others there")
	note(s.NoAddress, "accounts have no e-mail address: a stand-in has its place")
	note(s.Deleted, "deleted accounts are left out")
	note(s.LongEmail, "addresses have more than 120 characters: too long for the column in PostgreSQL")
	note(s.LongHash, "hashes have more than 128 characters: too long for the column in PostgreSQL")
	note(s.Rich, "accounts have more than 2147483647 coins: too many for the column in PostgreSQL")
	return env.printTable(&t)
}
