package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
	"imperio/games"
)

type accountCommand struct {
	Data dataDirFlags `embed:""`

	Create   accountCreateCommand   `cmd:"" help:"Open an account. The password is read from standard input."`
	List     accountListCommand     `cmd:"" help:"List accounts."`
	Show     accountShowCommand     `cmd:"" help:"Show an account."`
	Grant    accountGrantCommand    `cmd:"" help:"Grant coins to an account, or take them back."`
	Lock     accountLockCommand     `cmd:"" help:"Lock an account: its sessions end, and it can't sign in or play."`
	Unlock   accountUnlockCommand   `cmd:"" help:"Unlock an account."`
	Password accountPasswordCommand `cmd:"" help:"Set an account's password, read from standard input. All its sessions end."`
	Role     accountRoleCommand     `cmd:"" help:"Make an account a player or an operator."`
}

// whoArg is the argument that names an account.
type whoArg struct {
	Account string `arg:"" help:"Username, e-mail address, or # and the id."`
}

type reasonFlag struct {
	Reason string `help:"The reason, for the history." placeholder:"TEXT"`
}

// control calls operations of the operators' API: on the running server if there is one, else on the data directory.
func (env *environment) control(do func(*control.Client) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	actor := "operator"
	if u, err := user.Current(); err == nil {
		actor = u.Username
	}
	client, closeIt, err := appliance.OpenControl(env.Ctx, loaded.Config.Data.Dir, actor, appliance.Options{Config: loaded.Config, Logs: io.Discard})
	if err != nil {
		return err
	}
	return errors.Join(do(client), closeIt())
}

// change does one operation on an account and then shows the account.
func change[In any](env *environment, operation control.Operation[In, control.Account], in In) error {
	return env.control(func(c *control.Client) error {
		a, err := operation.Call(env.Ctx, c, in)
		if err != nil {
			return err
		}
		return showAccount(env.Stdout, a)
	})
}

type accountCreateCommand struct {
	Username string      `arg:"" help:"The account's username."`
	Email    string      `help:"The account's e-mail address." placeholder:"ADDRESS"`
	Role     string      `help:"player or operator." enum:"player,operator" default:"player"`
	Coins    games.Coins `help:"Coins to start with. The default is the welcome coins." default:"-1" placeholder:"COINS"`
}

// Run opens the account.
func (c *accountCreateCommand) Run(env *environment) error {
	password, err := readPassword(env)
	if err != nil {
		return err
	}
	order := control.NewAccount{Username: c.Username, Email: c.Email, Password: password, Role: c.Role, Coins: c.Coins}
	if order.Coins < 0 {
		loaded, err := env.configuration()
		if err != nil {
			return err
		}
		order.Coins = loaded.Config.Accounts.WelcomeCoins
	}
	return change(env, control.CreateAccount, order)
}

// readPassword reads one line, without its line ending.
func readPassword(env *environment) (string, error) {
	fmt.Fprintln(env.Stderr, "Password (one line):")
	line, err := bufio.NewReader(io.LimitReader(env.Stdin, 4096)).ReadString('\n')
	if err != nil && !(errors.Is(err, io.EOF) && line != "") {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type accountListCommand struct {
	From  uint64 `help:"First account id to list." default:"0"`
	Limit int    `help:"Maximum number of accounts to list." default:"100"`
}

// Run lists accounts, one per line.
func (c *accountListCommand) Run(env *environment) error {
	return env.control(func(client *control.Client) error {
		w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tUSERNAME\tROLE\tCOINS\tHELD\tLOCKED\tCREATED\tE-MAIL")
		from, left := c.From, c.Limit
		for left > 0 {
			page, err := control.ListAccounts.Call(env.Ctx, client, control.List{From: from, Limit: min(left, 1000)})
			if err != nil {
				return err
			}
			for _, a := range page.Accounts {
				fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%t\t%s\t%s\n", a.ID, a.Username, a.Role, a.Coins, a.HeldCoins, a.Locked, a.CreatedAt.Format(time.DateOnly), a.Email)
			}
			left -= len(page.Accounts)
			if from = page.Next; from == 0 {
				break
			}
		}
		return w.Flush()
	})
}

type accountShowCommand struct {
	whoArg `embed:""`
}

// Run shows the account.
func (c *accountShowCommand) Run(env *environment) error {
	return change(env, control.ShowAccount, control.Who{Who: c.Account})
}

func showAccount(out io.Writer, a control.Account) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "id\t%d\nusername\t%s\ne-mail\t%s\nrole\t%s\ncoins\t%d\nheld coins\t%d\nlocked\t%t\ncreated\t%s\n",
		a.ID, a.Username, a.Email, a.Role, a.Coins, a.HeldCoins, a.Locked, a.CreatedAt.Format(time.RFC3339))
	if a.OpenRound != 0 {
		fmt.Fprintf(w, "open round\t%d\n", a.OpenRound)
	}
	if !a.ExcludedUntil.IsZero() {
		fmt.Fprintf(w, "excluded until\t%s\n", a.ExcludedUntil.Format(time.RFC3339))
	}
	return w.Flush()
}

type accountGrantCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	Coins      games.Coins `arg:"" help:"Number of coins. A negative number takes coins back."`
}

// Run grants coins.
func (c *accountGrantCommand) Run(env *environment) error {
	return change(env, control.GrantCoins, control.Grant{Who: c.Account, Coins: c.Coins, Reason: c.Reason})
}

type accountLockCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
}

// Run locks the account.
func (c *accountLockCommand) Run(env *environment) error {
	return change(env, control.SetLock, control.Lock{Who: c.Account, Locked: true, Reason: c.Reason})
}

type accountUnlockCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
}

// Run unlocks the account.
func (c *accountUnlockCommand) Run(env *environment) error {
	return change(env, control.SetLock, control.Lock{Who: c.Account, Reason: c.Reason})
}

type accountPasswordCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
}

// Run sets the password.
func (c *accountPasswordCommand) Run(env *environment) error {
	password, err := readPassword(env)
	if err != nil {
		return err
	}
	return change(env, control.SetPassword, control.Password{Who: c.Account, Password: password, Reason: c.Reason})
}

type accountRoleCommand struct {
	whoArg     `embed:""`
	reasonFlag `embed:""`
	Role       string `arg:"" enum:"player,operator" help:"player or operator."`
}

// Run sets the role.
func (c *accountRoleCommand) Run(env *environment) error {
	return change(env, control.SetRole, control.Role{Who: c.Account, Role: c.Role, Reason: c.Reason})
}
