package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/setup"
)

type installCommand struct {
	jsonFlag `embed:""`
	Domain   string        `placeholder:"NAME" help:"Domain name of the casino: it gets HTTPS on port 443, with certificates by ACME. Several are separated by commas."`
	Email    string        `placeholder:"ADDRESS" help:"E-mail address for the ACME authority's messages about certificates."`
	HTTPAddr string        `name:"http-addr" placeholder:"HOST:PORT" help:"Address for plain HTTP, such as '127.0.0.1:8080' or 'none'."`
	TLSMode  string        `name:"tls" placeholder:"MODE" help:"Where certificates come from: acme, files, internal or off."`
	Env      []string      `placeholder:"NAME=VALUE" sep:"none" help:"Another line of the configuration, such as IMPERIO_BACKUP_TO=file:///backup. Can be repeated. Secrets don't belong here: others can read command lines."`
	Operator string        `placeholder:"NAME" help:"Name of the first operator. A link to set the password is printed, if there is no operator yet."`
	NoStart  bool          `help:"Don't start the casino now. It starts with the machine."`
	DryRun   bool          `help:"Print each step and change nothing."`
	Patience time.Duration `default:"2m" help:"Longest time to wait until the casino is ready."`
}

// Help explains the verb.
func (installCommand) Help() string {
	return `It is for Debian and Ubuntu with systemd, and needs root. It copies this program to /usr/local/bin, makes the user imperio, /etc/imperio/imperio.env, /var/lib/imperio and the units imperio.service and imperio.socket, checks the machine, starts the casino, and waits until it is ready.

A second run changes only what differs: run it again after changing addresses or directories in /etc/imperio/imperio.env, or to mend a run that failed. Lines of that file that you have written stay, but for those that a flag sets. A program of another version is not replaced while it runs: that is what 'imperio upgrade' is for.

Examples:

  imperio install --domain casino.example --email you@casino.example --operator olga
  imperio install --domain casino.example --dry-run
  imperio install --http-addr 127.0.0.1:8080 --env IMPERIO_BACKUP_TO=file:///backup/casino
  imperio install --domain casino.test --tls internal`
}

// Run installs.
func (c *installCommand) Run(env *environment) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return fmt.Errorf("find this program's own file: %w", err)
	}
	tell, end := tellSteps(env, c.JSON)
	err = setup.Install(env.Ctx, setup.Options{
		Program: program, Version: thisBuild().version, Set: settings, Operator: c.Operator, NoStart: c.NoStart, DryRun: c.DryRun,
		Patience: c.Patience, Casino: runningCasino{env}, Tell: tell,
	})
	return errors.Join(end(), err)
}

// settings are the lines of the configuration that the flags give.
func (c *installCommand) settings() ([]setup.Setting, error) {
	var settings []setup.Setting
	for _, s := range []setup.Setting{
		{Name: "IMPERIO_DOMAIN", Value: c.Domain}, {Name: "IMPERIO_ACME_EMAIL", Value: c.Email},
		{Name: "IMPERIO_HTTP_ADDR", Value: c.HTTPAddr}, {Name: "IMPERIO_TLS", Value: c.TLSMode},
	} {
		if s.Value != "" {
			settings = append(settings, s)
		}
	}
	for _, line := range c.Env {
		name, value, found := strings.Cut(line, "=")
		if !found || !strings.HasPrefix(name, config.EnvPrefix) {
			return nil, usagef("--env %s is no NAME=VALUE with a name that begins with %s: write --env IMPERIO_SIGN_UP=closed, say", line, config.EnvPrefix)
		}
		settings = append(settings, setup.Setting{Name: name, Value: value})
	}
	return settings, nil
}

// tellSteps prints steps as they are done, or all of them as JSON at the end.
func tellSteps(env *environment, asJSON bool) (tell func(setup.Step), end func() error) {
	var steps []setup.Step
	if asJSON {
		return func(s setup.Step) { steps = append(steps, s) }, func() error {
			return env.printJSON(struct {
				Steps []setup.Step `json:"steps"`
			}{steps})
		}
	}
	return func(s setup.Step) { fmt.Fprintf(env.Stdout, "%-9s  %-11s  %s\n", s.State, s.Name, s.Text) }, func() error { return nil }
}

// runningCasino is the casino that was installed.
type runningCasino struct{ env *environment }

// Check implements setup.Casino.
func (runningCasino) Check(ctx context.Context, c *config.Config) error {
	var addresses []string // setup itself says who has them
	for _, address := range []string{c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.Listen.OpsAddr} {
		if address != "" {
			addresses = append(addresses, address)
		}
	}
	found := appliance.Check(ctx, c, appliance.SocketUnit{Addresses: addresses, Open: true})
	if len(found.Problems) == 0 {
		return nil
	}
	return problemsOf(found.Problems)
}

// Ready implements setup.Casino.
func (runningCasino) Ready(ctx context.Context, c *config.Config) error {
	status, _, err := socketTarget(filepath.Join(c.Data.Dir, appliance.SocketFile)).fetch(ctx, "/health/ready")
	if err == nil && status != http.StatusOK {
		err = errors.New("it answers that it is not ready")
	}
	return err
}

func (r runningCasino) client(ctx context.Context, c *config.Config) (*control.Client, error) {
	client, err := control.Dial(ctx, filepath.Join(c.Data.Dir, appliance.SocketFile))
	if err != nil {
		return nil, err
	}
	return client.ForSudo(r.env.sudoUser()), nil
}

// HasOperator implements setup.Casino.
func (r runningCasino) HasOperator(ctx context.Context, c *config.Config) (bool, error) {
	client, err := r.client(ctx, c)
	if err != nil {
		return false, err
	}
	defer client.Close()
	for list := (control.List{Limit: 1000}); ; {
		page, err := control.ListAccounts.Call(ctx, client, list)
		if err != nil {
			return false, err
		}
		for _, a := range page.Accounts {
			if a.Role == "operator" && a.DeletedAt.IsZero() {
				return true, nil
			}
		}
		if page.Next == 0 {
			return false, nil
		}
		list.From = page.Next
	}
}

// OpenOperator implements setup.Casino.
func (r runningCasino) OpenOperator(ctx context.Context, c *config.Config, name string) (string, time.Time, error) {
	client, err := r.client(ctx, c)
	if err != nil {
		return "", time.Time{}, err
	}
	defer client.Close()
	account := control.NewAccount{Username: name, Role: "operator", Coins: c.Accounts.WelcomeCoins}
	if _, err := control.CreateAccount.Call(ctx, client, account); err != nil {
		return "", time.Time{}, err
	}
	link, err := control.CreatePasswordLink.Call(ctx, client, control.NewPasswordLink{Who: name, Reason: "the casino was installed"})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the account %s is open, but the link failed: %w. Try: imperio account password %s --link --reason \"first operator\"", name, err, name)
	}
	return link.Link, link.ExpiresAt, nil
}
