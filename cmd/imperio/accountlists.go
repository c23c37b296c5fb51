package main

import (
	"cmp"
	"fmt"
	"time"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

// pageSize is the number of entries that a verb asks for at a time.
const pageSize = 500

// collect reads a list page by page, from a cursor on, up to limit entries. next is where the list goes on; 0: it does not.
func collect[T any](env *environment, limit int, from uint64, page func(client *control.Client, from uint64, size int) ([]T, uint64, error)) (list []T, next uint64, err error) {
	if limit < 1 {
		return nil, 0, usagef("--limit must be at least 1")
	}
	list, next = []T{}, from
	err = env.control(func(client *control.Client) error {
		for {
			entries, after, err := page(client, next, min(limit-len(list), pageSize))
			if err != nil {
				return err
			}
			list, next = append(list, entries...), after
			if next == 0 || len(list) == limit {
				return nil
			}
		}
	})
	return list, next, err
}

// printPage prints a part of a list of what. On standard error it says where the list goes on, by which flag; next 0: it does not.
func (env *environment) printPage(t *terminal.Table, what, flag string, next uint64) error {
	err := env.printTable(t)
	if err == nil && next != 0 {
		env.tellMore(what, flag, next)
	}
	return err
}

type accountListCommand struct {
	jsonFlag `embed:""`
	Search   string `help:"List only accounts whose name or e-mail address has this part, in any case of letters." placeholder:"TEXT"`
	From     uint64 `help:"First account id to list." default:"0" placeholder:"ID"`
	Limit    int    `help:"Maximum number of accounts to list." default:"100" placeholder:"N"`
}

// Help explains the verb.
func (accountListCommand) Help() string {
	return `The list is in the order of the accounts' ids. If there are more accounts than --limit, it says on standard error how to go on; in JSON, "next" is the --from of the next page.

Examples:

  imperio account list
  imperio account list --search example.org --json
  imperio account list --from 1100 --limit 50`
}

// Run lists accounts, one per line.
func (c *accountListCommand) Run(env *environment) error {
	var found control.AccountPage
	var err error
	found.Accounts, found.Next, err = collect(env, c.Limit, c.From, func(client *control.Client, from uint64, size int) ([]control.Account, uint64, error) {
		page, err := control.ListAccounts.Call(env.Ctx, client, control.List{From: from, Limit: size, Search: c.Search})
		return page.Accounts, page.Next, err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(found)
	}
	var t terminal.Table
	t.Row("ID", "USERNAME", "ROLE", "COINS", "HELD", "LOCKED", "CREATED", "E-MAIL")
	for _, a := range found.Accounts {
		t.Row(a.ID, nameOf(a), a.Role, a.Coins, a.HeldCoins, a.Locked, a.CreatedAt.Format(time.DateOnly), a.Email)
	}
	return env.printPage(&t, "accounts", "--from", found.Next)
}

type accountRoundsCommand struct {
	whoArg   `embed:""`
	jsonFlag `embed:""`
	Game     string `help:"List only rounds of this game, such as slots." placeholder:"GAME"`
	Before   uint64 `help:"Cursor at which to go on, as an earlier list has said." placeholder:"N"`
	Limit    int    `help:"Maximum number of rounds to list." default:"50" placeholder:"N"`
}

// Help explains the verb.
func (accountRoundsCommand) Help() string {
	return `If there are more rounds than --limit, it says on standard error how to go on; in JSON, "next" is the --before of the next page. The cards and numbers of a round follow from its seeds: see imperio fair --help.

Examples:

  imperio account rounds ana
  imperio account rounds ana --game blackjack --limit 10 --json`
}

// Run lists rounds, one per line.
func (c *accountRoundsCommand) Run(env *environment) error {
	var found control.RoundPage
	var err error
	found.Rounds, found.Next, err = collect(env, c.Limit, c.Before, func(client *control.Client, before uint64, size int) ([]control.Round, uint64, error) {
		page, err := control.ListRounds.Call(env.Ctx, client, control.RoundList{Who: c.Account, Before: before, Limit: size, Game: c.Game})
		return page.Rounds, page.Next, err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(found)
	}
	var t terminal.Table
	t.Row("ID", "OPENED", "RULES", "STAKED", "PAID", "NET", "PAIR", "NONCE")
	for _, r := range found.Rounds {
		var paid, net any = r.Payout, r.Payout - r.Staked
		if !r.Settled {
			paid, net = "open", "-"
		}
		t.Row(r.ID, r.OpenedAt.Format(time.RFC3339), r.Rules, r.Staked, paid, net, r.Pair, r.Nonce)
	}
	return env.printPage(&t, "rounds", "--before", found.Next)
}

type accountShowCommand struct {
	whoArg   `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (accountShowCommand) Help() string {
	return `Limits are those that the player has set: in force, and looser ones that take effect later. Sessions are those in force. All times are UTC.

Examples:

  imperio account show ana
  imperio account show '#1000' --json`
}

// Run shows the account.
func (c *accountShowCommand) Run(env *environment) error {
	return env.control(func(client *control.Client) error {
		a, err := control.ShowAccount.Call(env.Ctx, client, control.Who{Who: c.Account})
		if err != nil {
			return err
		}
		if c.JSON {
			return env.printJSON(a)
		}
		return printDetails(env, &a)
	})
}

func addAccount(t *terminal.Table, a control.Account) {
	t.Row("id", a.ID)
	t.Row("username", a.Username)
	t.Row("e-mail", a.Email)
	t.Row("role", a.Role)
	t.Row("coins", a.Coins)
	t.Row("held coins", a.HeldCoins)
	t.Row("locked", a.Locked)
	t.Row("created", a.CreatedAt.Format(time.RFC3339))
	if a.OpenRound != 0 {
		t.Row("open round", a.OpenRound)
	}
	if !a.DeletedAt.IsZero() {
		t.Row("deleted", a.DeletedAt.Format(time.RFC3339))
	}
	if !a.ExcludedUntil.IsZero() {
		t.Row("excluded until", a.ExcludedUntil.Format(time.RFC3339))
	}
}

func printDetails(env *environment, a *control.AccountDetails) error {
	var account, statistics, limits, sessions terminal.Table
	addAccount(&account, a.Account)
	if a.ShownName != a.Username {
		account.Row("shown as", a.ShownName)
	}
	if a.InSeasons {
		account.Row("in seasons", "yes")
	}
	statistics.Row("GAME", "ROUNDS", "STAKED", "PAID", "NET", "BIGGEST WIN")
	for _, g := range a.Games {
		statistics.Row(g.Game, g.Rounds, g.Staked, g.Paid, g.Net, g.BiggestWin)
	}
	addLimits(&limits, &a.Limits)
	sessions.Row("SESSION", "SINCE", "UNTIL", "ADDRESS", "CLIENT OR TOKEN")
	for _, s := range a.Sessions {
		sessions.Row(s.ID, s.CreatedAt.Format(time.RFC3339), s.ExpiresAt.Format(time.RFC3339), s.Address, cmp.Or(s.Token, s.UserAgent))
	}
	tables := []*terminal.Table{&account}
	if len(a.Games) > 0 {
		tables = append(tables, &statistics)
	}
	tables = append(tables, &limits)
	if len(a.Sessions) > 0 {
		tables = append(tables, &sessions)
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(env.Stdout)
		}
		if err := env.printTable(t); err != nil {
			return err
		}
	}
	return nil
}

// nameOf is an account's name in lists; a deleted account has none.
func nameOf(a control.Account) string {
	if !a.DeletedAt.IsZero() {
		return "(deleted)"
	}
	return a.Username
}

func addLimits(t *terminal.Table, l *control.Limits) {
	t.Row("LIMIT", "IN FORCE", "USED", "LATER")
	row := func(name, words string, now int64, used any) {
		later := "-"
		for _, p := range l.Pending {
			if p.Limit == name {
				later = fmt.Sprintf("%v from %s", orNone(p.Value), p.From.Format(time.RFC3339))
			}
		}
		t.Row(words, orNone(now), used, later)
	}
	now := l.InForce
	row("stake_per_day", "stake per day", int64(now.StakePerDay), l.StakedToday)
	row("loss_per_day", "loss per day", int64(now.LossPerDay), l.LostToday)
	row("loss_per_week", "loss per week", int64(now.LossPerWeek), l.LostThisWeek)
	row("loss_per_month", "loss per month", int64(now.LossPerMonth), l.LostThisMonth)
	row("session_minutes", "minutes of a stretch of play", int64(now.SessionMinutes), "-")
	row("reality_check_minutes", "minutes between reminders", int64(now.RealityCheckMinutes), "-")
}

// orNone spells a limit; 0 is none.
func orNone(limit int64) any {
	if limit == 0 {
		return "none"
	}
	return limit
}
