package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
	"imperio/appliance/terminal"
	"imperio/games"
)

type accountCommand struct {
	Data dataDirFlags `embed:""`

	Create   accountCreateCommand   `cmd:"" help:"Open an account."`
	List     accountListCommand     `cmd:"" help:"List accounts, or search them."`
	Show     accountShowCommand     `cmd:"" help:"Show an account with its statistics, limits and sessions."`
	Rounds   accountRoundsCommand   `cmd:"" help:"List an account's rounds, newest first."`
	Grant    accountGrantCommand    `cmd:"" help:"Grant coins to an account, or take them back."`
	Lock     accountLockCommand     `cmd:"" help:"Lock an account: its sessions end, and it can't sign in or play."`
	Unlock   accountUnlockCommand   `cmd:"" help:"Unlock an account."`
	Password accountPasswordCommand `cmd:"" help:"Set an account's password, or make a link with which its owner sets it."`
	Email    accountEmailCommand    `cmd:"" help:"Set an account's e-mail address."`
	Role     accountRoleCommand     `cmd:"" help:"Make an account a player or an operator. All its sessions end."`
	Delete   accountDeleteCommand   `cmd:"" help:"Delete an account: its name, address, password, limits and sessions. Its rounds and transfers stay."`
}

// Help explains the verb.
func (accountCommand) Help() string {
	return `It works through the server's socket while a server runs, and on the data directory otherwise. Run it as the casino's user or as root. The history records who did what, and why: the system's user, and the person behind sudo.

Examples:

  imperio account create ana --role operator
  imperio account list --search ana
  imperio account grant ana 500 --reason "won the raffle"`
}

// whoArg is the argument that names an account.
type whoArg struct {
	Account string `arg:"" help:"Username, e-mail address, or # and the id."`
}

// reasonFlag is the flag of a verb whose reason the history keeps.
type reasonFlag struct {
	Reason string `help:"The reason, for the history. It must be given." placeholder:"TEXT"`
}

// given returns the reason.
func (f *reasonFlag) given() (string, error) {
	if strings.TrimSpace(f.Reason) == "" {
		return "", usagef("say why with --reason TEXT, such as --reason \"asked by e-mail\": the history keeps the reason")
	}
	return f.Reason, nil
}

// control calls operations of the operators' API: on the running server if there is one, else on the data directory.
func (env *environment) control(do func(*control.Client) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	client, closeIt, err := appliance.OpenControl(env.Ctx, loaded.Config.Data.Dir, env.sudoUser(), appliance.Options{Config: loaded.Config, Logs: io.Discard})
	if err != nil {
		return err
	}
	return errors.Join(do(client), closeIt())
}

// change does one operation on an account and then shows the account.
func change[In any](env *environment, asJSON jsonFlag, operation control.Operation[In, control.Account], in In) error {
	return env.control(func(c *control.Client) error {
		a, err := operation.Call(env.Ctx, c, in)
		if err != nil {
			return err
		}
		if asJSON.JSON {
			return env.printJSON(a)
		}
		var t terminal.Table
		addAccount(&t, a)
		return env.printTable(&t)
	})
}

type accountCreateCommand struct {
	jsonFlag `embed:""`
	Username string      `arg:"" help:"The account's username."`
	Email    string      `help:"The account's e-mail address." placeholder:"ADDRESS"`
	Role     string      `help:"player or operator." enum:"player,operator" default:"player"`
	Coins    games.Coins `help:"Coins to start with. The default is the welcome coins." default:"-1" placeholder:"COINS"`
	Link     bool        `help:"Ask for no password. Print a link with which the account's owner sets it."`
}

// Help explains the verb.
func (accountCreateCommand) Help() string {
	return passwordHelp + `

Examples:

  imperio account create ana --role operator
  imperio account create carl --link
  echo 'a long password' | imperio account create ben --email ben@example.org --coins 0`
}

const passwordHelp = `On a terminal it asks for the password, twice and without showing it. Otherwise it reads one line of standard input.`

// Run opens the account.
func (c *accountCreateCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	if c.Coins < 0 {
		c.Coins = loaded.Config.Accounts.WelcomeCoins
	}
	account := control.NewAccount{Username: c.Username, Email: c.Email, Role: c.Role, Coins: c.Coins}
	if c.Link {
		return createWithLink(env, c.jsonFlag, account)
	}
	if account.Password, err = env.newPassword(c.Username); err != nil {
		return err
	}
	if account.Password == "" {
		return usagef("the password is empty. To let the account's owner set it, use --link")
	}
	return change(env, c.jsonFlag, control.CreateAccount, account)
}

// createWithLink opens an account without a password, and prints it with the link to set one.
func createWithLink(env *environment, asJSON jsonFlag, account control.NewAccount) error {
	return env.control(func(client *control.Client) error {
		var out struct {
			control.Account
			control.PasswordLink
		}
		var err error
		if out.Account, err = control.CreateAccount.Call(env.Ctx, client, account); err != nil {
			return err
		}
		out.PasswordLink, err = control.CreatePasswordLink.Call(env.Ctx, client, control.NewPasswordLink{Who: account.Username, Reason: "the account was opened without a password"})
		if err != nil {
			return fmt.Errorf("the account is open, but has no password, and the link failed: %w. Try 'imperio account password %s --link'", err, account.Username)
		}
		if asJSON.JSON {
			return env.printJSON(out)
		}
		var t terminal.Table
		addAccount(&t, out.Account)
		addPasswordLink(&t, out.PasswordLink)
		return env.printTable(&t)
	})
}

func addPasswordLink(t *terminal.Table, l control.PasswordLink) {
	t.Row("link", l.Link)
	t.Row("link until", l.ExpiresAt.Format(time.RFC3339))
}

// printPasswordLink makes a link with which an account's password can be set, and prints it.
func printPasswordLink(env *environment, asJSON jsonFlag, who, reason string) error {
	return env.control(func(client *control.Client) error {
		made, err := control.CreatePasswordLink.Call(env.Ctx, client, control.NewPasswordLink{Who: who, Reason: reason})
		if err != nil {
			return err
		}
		if asJSON.JSON {
			return env.printJSON(made)
		}
		var t terminal.Table
		addPasswordLink(&t, made)
		return env.printTable(&t)
	})
}

// newPassword reads an account's new password.
func (env *environment) newPassword(account string) (string, error) {
	return terminal.NewSecret(env.Ctx, env.Stdin, env.Stderr, "Password for "+account)
}

type accountGrantCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
	Coins      games.Coins `arg:"" help:"Number of coins. A negative number takes coins back."`
}

// Help explains the verb.
func (accountGrantCommand) Help() string {
	return `Examples:

  imperio account grant ana 500 --reason "won the raffle"
  imperio account grant ana -5 --reason "granted too much"`
}

// Run grants coins.
func (c *accountGrantCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.GrantCoins, control.Grant{Who: c.Account, Coins: c.Coins, Reason: reason})
}

type accountLockCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
}

// Help explains the verb.
func (accountLockCommand) Help() string {
	return `Open rounds stay open, and are settled by their stated rule. To undo it: imperio account unlock.

Examples:

  imperio account lock ana --reason "asked for a break"`
}

// Run locks the account.
func (c *accountLockCommand) Run(env *environment) error {
	return setLock(env, c.Account, true, c.reasonFlag, c.jsonFlag)
}

func setLock(env *environment, who string, locked bool, why reasonFlag, asJSON jsonFlag) error {
	reason, err := why.given()
	if err != nil {
		return err
	}
	return change(env, asJSON, control.SetLock, control.Lock{Who: who, Locked: locked, Reason: reason})
}

type accountUnlockCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
}

// Help explains the verb.
func (accountUnlockCommand) Help() string {
	return `It does not end an exclusion that the player has chosen: nobody can.

Examples:

  imperio account unlock ana --reason "asked in person"`
}

// Run unlocks the account.
func (c *accountUnlockCommand) Run(env *environment) error {
	return setLock(env, c.Account, false, c.reasonFlag, c.jsonFlag)
}

type accountPasswordCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
	Link       bool `help:"Set no password. Print a link with which the account's owner sets it, once, within 24 hours."`
}

// Help explains the verb.
func (accountPasswordCommand) Help() string {
	return passwordHelp + `

All sessions end when the password is set. A link takes the place of an earlier one. Whoever has it can set the password: send it only to the account's owner.

Examples:

  imperio account password ana --reason "asked in person"
  imperio account password ana --link --reason "forgot it, asked by e-mail"
  echo 'a new long password' | imperio account password ana --reason "asked in person"`
}

// Run sets the password.
func (c *accountPasswordCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	if c.Link {
		return printPasswordLink(env, c.jsonFlag, c.Account, reason)
	}
	password, err := env.newPassword(c.Account)
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.SetPassword, control.Password{Who: c.Account, Password: password, Reason: reason})
}

type accountEmailCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
	Email      string `arg:"" help:"The new address; '' for none."`
}

// Help explains the verb.
func (accountEmailCommand) Help() string {
	return `The address is also a login.

Examples:

  imperio account email ana ana@example.org --reason "has a new address"`
}

// Run sets the address.
func (c *accountEmailCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.SetEmail, control.Email{Who: c.Account, Email: c.Email, Reason: reason})
}

type accountDeleteCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
}

// Help explains the verb.
func (accountDeleteCommand) Help() string {
	return `It can't be undone. The name is free again. Rounds and transfers stay in the books without a name, and the coins go back to where coins come from. An account with an open round, or one that has excluded itself, is not deleted.

Examples:

  imperio account delete ana --reason "asked by e-mail"`
}

// Run deletes the account.
func (c *accountDeleteCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.DeleteAccount, control.Deletion{Who: c.Account, Reason: reason})
}

type accountRoleCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
	Role       string `arg:"" enum:"player,operator" help:"player or operator."`
}

// Help explains the verb.
func (accountRoleCommand) Help() string {
	return `Examples:

  imperio account role ana operator --reason "runs the casino on weekends"`
}

// Run sets the role.
func (c *accountRoleCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.SetRole, control.Role{Who: c.Account, Role: c.Role, Reason: reason})
}

// tellMore says on standard error that a list goes on.
func (env *environment) tellMore(what, flag string, from uint64) {
	fmt.Fprintf(env.Stderr, "There are more %s: go on with %s %d.\n", what, flag, from)
}
