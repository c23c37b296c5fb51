package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

type reloadCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (reloadCommand) Help() string {
	return `The running casino reads its env file, its TOML file and the files of secrets and certificates again. Nobody is disconnected. It takes the changes that need no restart, and lists those that do: imperio config reference says which keys are which. If anything in the configuration is wrong, nothing changes; all mistakes are listed, and the exit code is 2.

The casino reads the files that it was started with, whatever the flags here say: they only tell which casino is meant. SIGHUP does the same, and systemctl reload imperio too.

Examples:

  imperio reload
  imperio reload --data-dir /var/lib/imperio --json`
}

// Run asks the running casino to reload.
func (c *reloadCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	var done control.Reloaded
	if problems, invalid := errors.AsType[config.Problems](err); invalid {
		for _, p := range problems { // the casino would find the same
			done.Problems = append(done.Problems, control.Mistake(p))
		}
	} else if err != nil {
		return err
	} else if done, err = askToReload(env, loaded.Config.Data.Dir); err != nil {
		return err
	}
	if c.JSON {
		if err := env.printJSON(done); err != nil {
			return err
		}
	}
	if len(done.Problems) > 0 {
		return fmt.Errorf("nothing has changed, since %w", problemsOf(done.Problems))
	}
	if c.JSON {
		return nil
	}
	return printReloaded(env, &done)
}

func askToReload(env *environment, dir string) (control.Reloaded, error) {
	socket := filepath.Join(dir, appliance.SocketFile)
	client, err := control.Dial(env.Ctx, socket)
	if err != nil {
		return control.Reloaded{}, fmt.Errorf("no casino can be asked to reload: %w. Only its user and root may do that. If none runs, the next start reads the configuration. If its data are elsewhere, name them with --data-dir", err)
	}
	defer client.Close()
	return control.Reload.Call(env.Ctx, client.ForSudo(env.sudoUser()), control.None{})
}

func printReloaded(env *environment, r *control.Reloaded) error {
	changes := func(head string, list []control.Change) error {
		if len(list) == 0 {
			return nil
		}
		fmt.Fprintln(env.Stdout, head)
		var t terminal.Table
		for _, c := range list {
			t.Row("  "+c.Key, cmp.Or(c.From, "-"), "→", cmp.Or(c.To, "-"), c.Source)
		}
		return env.printTable(&t)
	}
	if err := changes("In force now:", r.Applied); err != nil {
		return err
	}
	if err := changes("Needs a restart (systemctl restart imperio):", r.Restart); err != nil {
		return err
	}
	if r.Reason != "" {
		fmt.Fprintf(env.Stdout, "Nothing is in force yet: %s.\n", r.Reason)
	}
	if len(r.Applied)+len(r.Restart) == 0 {
		fmt.Fprintln(env.Stdout, "No setting has changed.")
	}
	if r.CertificatesRead {
		fmt.Fprintln(env.Stdout, "The certificate files are read again.")
	}
	for _, warning := range r.Warnings {
		fmt.Fprintln(env.Stdout, "note:", warning)
	}
	return nil
}
