package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/control"
)

type configCheckCommand struct {
	jsonFlag      `embed:""`
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (configCheckCommand) Help() string {
	return `It checks all that a start checks, and starts nothing: each value, whether the values fit together, keys, certificates, the data directory, and whether the addresses are free. An address that the casino itself uses, or systemd for it, counts as free. It lists all problems at once. The exit code is 0 if there is none, and else 2.

Run it as the casino's user (sudo -u imperio), who may be refused a file that root can read.

Examples:

  imperio config check
  imperio config check --env-file /etc/imperio/imperio.env --json`
}

// Run checks the configuration, and then what it names.
func (c *configCheckCommand) Run(env *environment) error {
	loaded, err := config.LoadValid(env.operatorsInput())
	var found appliance.Checked
	problems, invalid := errors.AsType[config.Problems](err)
	switch {
	case invalid:
		for _, p := range problems {
			found.Problems = append(found.Problems, control.Mistake(p))
		}
	case err != nil:
		return err
	default:
		var sockets appliance.SocketUnit
		if loaded.EnvFile == config.InstalledEnvFile {
			sockets = installedSockets(env.Ctx)
		}
		found = appliance.Check(env.Ctx, &loaded.Config, sockets)
	}
	if c.JSON {
		if err := env.printJSON(struct {
			OK bool `json:"ok"`
			appliance.Checked
		}{len(found.Problems) == 0, found}); err != nil {
			return err
		}
	} else {
		for _, note := range found.Notes {
			fmt.Fprintln(env.Stdout, "note:", note)
		}
	}
	if len(found.Problems) > 0 {
		return problemsOf(found.Problems)
	}
	if !c.JSON {
		fmt.Fprintln(env.Stdout, "OK: the casino would start with this configuration.")
	}
	return nil
}

// problemsOf makes the error of mistakes.
func problemsOf(mistakes []control.Mistake) config.Problems {
	problems := make(config.Problems, len(mistakes))
	for i, m := range mistakes {
		problems[i] = config.Problem(m)
	}
	return problems
}

// socketUnit is the unit that holds the installed casino's sockets.
const socketUnit = "imperio.socket"

// installedSockets asks systemd which sockets it passes to the installed casino. Without systemd and without the unit there are none.
func installedSockets(ctx context.Context) appliance.SocketUnit {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "show", socketUnit, "--property=LoadState", "--property=ActiveState", "--property=Listen").Output()
	if err != nil {
		return appliance.SocketUnit{}
	}
	return parseSockets(string(out))
}

// parseSockets reads what systemctl shows about a socket unit.
func parseSockets(shown string) (unit appliance.SocketUnit) {
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	if !slices.Contains(lines, "LoadState=loaded") { // such as masked, or not there
		return unit
	}
	unit.Open = slices.Contains(lines, "ActiveState=active")
	for _, line := range lines {
		line, _ = strings.CutPrefix(line, "Listen=")
		if address, found := strings.CutSuffix(line, " (Stream)"); found {
			unit.Addresses = append(unit.Addresses, address)
		}
	}
	return unit
}
