package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

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
	Password accountPasswordCommand `cmd:"" help:"Set an account's password. All its sessions end."`
	Role     accountRoleCommand     `cmd:"" help:"Make an account a player or an operator. All its sessions end."`
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
}

// Help explains the verb.
func (accountCreateCommand) Help() string {
	return passwordHelp + `

Examples:

  imperio account create ana --role operator
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
	password, err := env.newPassword(c.Username)
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.CreateAccount, control.NewAccount{
		Username: c.Username, Email: c.Email, Password: password, Role: c.Role, Coins: c.Coins,
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
}

// Help explains the verb.
func (accountPasswordCommand) Help() string {
	return passwordHelp + `

Examples:

  imperio account password ana --reason "asked in person"
  echo 'a new long password' | imperio account password ana --reason "asked in person"`
}

// Run sets the password.
func (c *accountPasswordCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	password, err := env.newPassword(c.Account)
	if err != nil {
		return err
	}
	return change(env, c.jsonFlag, control.SetPassword, control.Password{Who: c.Account, Password: password, Reason: reason})
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
