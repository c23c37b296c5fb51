package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"imperio/appliance"
	"imperio/appliance/terminal"
	"imperio/appliance/upgrade"
)

type upgradeCommand struct {
	Run         upgradeRunCommand    `cmd:"" default:"withargs" help:"Upgrade the running casino to another version, and go back if that does not prove itself."`
	Status      upgradeStatusCommand `cmd:"" help:"Print how an upgrade stands."`
	Resume      upgradeResumeCommand `cmd:"" help:"Finish an upgrade that was interrupted."`
	Back        upgradeBackCommand   `cmd:"" help:"Go back to the version before."`
	Try         upgradeTryCommand    `cmd:"" hidden:"" help:"Try this version on a copy of a state."`
	BeforeStart upgradeStartCommand  `cmd:"" hidden:"" help:"Decide which version is started. The service calls it before each start during an upgrade."`
}

// installedFlags say which casino is upgraded.
type installedFlags struct {
	Installed string    `placeholder:"FILE" help:"The casino's program. The default is the one that runs."`
	Files     fileFlags `embed:""`
	DataDir   string    `name:"data-dir" group:"Data" placeholder:"DIR" help:"The casino's data directory."`
}

// proofFlags say when a version is proven.
type proofFlags struct {
	Patience time.Duration `default:"2m" help:"Longest time for the new version to become ready."`
	Watch    time.Duration `default:"10s" help:"How long it must stay ready then."`
	jsonFlag `embed:""`
}

// upgrade finds the casino that is upgraded.
func (env *environment) upgrade(f *installedFlags, p *proofFlags) (upgrade.Options, error) {
	loaded, err := env.configuration()
	if err != nil {
		return upgrade.Options{}, err
	}
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return upgrade.Options{}, fmt.Errorf("find this program's own file: %w", err)
	}
	o, err := upgrade.Find(env.Ctx, loaded.Config.Data.Dir, appliance.SocketFile, f.Installed, self, env.sudoUser())
	if p == nil {
		return o, err
	}
	if p.Patience <= 0 || p.Watch < 0 {
		return o, usagef("--patience and --watch are durations, such as 2m and 10s")
	}
	o.Patience, o.Watch = p.Patience, p.Watch
	if !p.JSON {
		o.Tell = func(s upgrade.Step, text string) { fmt.Fprintf(env.Stdout, "%-16s  %s\n", s, text) }
	}
	return o, err
}

// tellUpgrade prints what an upgrade has done. One that went back is a failure.
func (env *environment) tellUpgrade(r upgrade.Result, asJSON bool, err error) error {
	if asJSON && (err == nil || r.WentBack) {
		err = errors.Join(err, env.printJSON(r))
	}
	if !r.WentBack || err != nil {
		return err
	}
	if r.Log != "" && !asJSON {
		fmt.Fprintf(env.Stdout, "\nThe newest lines of the casino's log, when it went back:\n%s\n", r.Log)
	}
	return fmt.Errorf("the casino runs version %s again: %s", r.From, r.Reason)
}

type upgradeRunCommand struct {
	Where      installedFlags `embed:""`
	Proof      proofFlags     `embed:""`
	Binary     string         `placeholder:"FILE" help:"The new version."`
	SHA256     string         `name:"sha256" placeholder:"HEX" help:"Checksum that it must have."`
	Checksums  string         `placeholder:"FILE" help:"List of checksums, as in a release, that it must be in."`
	Signature  string         `placeholder:"FILE" help:"Signature by minisign, of the list of checksums if there is one, else of the new version."`
	PublicKey  string         `placeholder:"KEY" help:"Key of the signature, or a file with it."`
	AllowOlder bool           `help:"Go to an older version."`
	NoBackup   bool           `help:"Make no backup before."`
	InPlace    bool           `hidden:"" help:"A package manager has put the new version in place."`
	Rolling    bool           `help:"Upgrade this member of a cluster, if the others are well and can go on without it."`
}

// Help explains the verb.
func (upgradeRunCommand) Help() string {
	return `The new version is checked, and tries itself on a copy of the state. A backup is made. Then it takes the place of the running version, and the casino restarts. If it isn't ready in time, or doesn't stay so, the version before comes back by itself, with every bet that was taken meanwhile.

On a member of a cluster it needs --rolling. It is refused unless the other members are well and are a majority without this one. A leader hands leadership over, and the new version has proven itself only when it has caught up again. Upgrade the members one after another; the order does not matter. New features begin once all members run the new version.

Each line that it prints is a step that is done. After an interruption, 'imperio upgrade status' says how it stands, and 'imperio upgrade resume' goes on. The exit code is 0 if the new version runs, and 1 if the one before does.

Examples:

  imperio upgrade --binary ./imperio-new
  imperio upgrade --binary ./imperio-linux-amd64 --checksums SHA256SUMS --signature SHA256SUMS.minisig --public-key imperio.pub
  imperio upgrade --binary ./imperio-new --rolling
  imperio upgrade back`
}

// Run upgrades the casino.
func (c *upgradeRunCommand) Run(env *environment) error {
	switch {
	case c.Binary == "" && !c.InPlace:
		return usagef("name the new version with --binary")
	case c.SHA256 != "" && c.Checksums != "":
		return usagef("give --sha256 or --checksums, not both")
	}
	o, err := env.upgrade(&c.Where, &c.Proof)
	if err != nil {
		return err
	}
	o.Binary, o.SHA256, o.Checksums, o.Signature, o.PublicKey = c.Binary, c.SHA256, c.Checksums, c.Signature, c.PublicKey
	o.AllowOlder, o.NoBackup, o.InPlace = c.AllowOlder, c.NoBackup, c.InPlace
	o.Before = upgrade.NewClient(o.DataDir, appliance.SocketFile, env.sudoUser()).CheckRolling(c.Rolling, c.InPlace)
	r, err := upgrade.Run(env.Ctx, o)
	return env.tellUpgrade(r, c.Proof.JSON, err)
}

type upgradeResumeCommand struct {
	Where installedFlags `embed:""`
	Proof proofFlags     `embed:""`
}

// Help explains the verb.
func (upgradeResumeCommand) Help() string {
	return `It goes on in the direction in which the upgrade went: to the new version, or back. Without an upgrade it does nothing.

Examples:

  imperio upgrade resume`
}

// Run finishes an upgrade.
func (c *upgradeResumeCommand) Run(env *environment) error {
	o, err := env.upgrade(&c.Where, &c.Proof)
	if err != nil {
		return err
	}
	r, err := upgrade.Resume(env.Ctx, o)
	if errors.Is(err, upgrade.ErrNone) || err == nil && !r.Upgraded && !r.WentBack {
		_, err = fmt.Fprintln(env.Stderr, "No upgrade is under way.")
		return err
	}
	return env.tellUpgrade(r, c.Proof.JSON, err)
}

type upgradeBackCommand struct {
	Where    installedFlags `embed:""`
	Proof    proofFlags     `embed:""`
	NoBackup bool           `help:"Make no backup before."`
}

// Help explains the verb.
func (upgradeBackCommand) Help() string {
	return `During an upgrade it puts the version before back. After one, it upgrades to the version before, with the same checks: if that can't read the state any more, it is refused, and nothing is changed.

Examples:

  imperio upgrade back`
}

// Run goes back to the version before.
func (c *upgradeBackCommand) Run(env *environment) error {
	o, err := env.upgrade(&c.Where, &c.Proof)
	if err != nil {
		return err
	}
	r, err := upgrade.Back(env.Ctx, o)
	if !errors.Is(err, upgrade.ErrNone) {
		if r.WentBack && err == nil { // as the operator wanted
			if c.Proof.JSON {
				err = env.printJSON(r)
			}
			return err
		}
		if err == nil {
			_, err = fmt.Fprintf(env.Stderr, "The upgrade to %s was not under way any more: %s is not that version.\n", r.To, o.Installed)
			return err
		}
		return env.tellUpgrade(r, c.Proof.JSON, err)
	}
	o.Binary, o.AllowOlder, o.NoBackup = upgrade.Previous(o.Installed), true, c.NoBackup
	if _, err := os.Stat(o.Binary); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no version to go back to: no upgrade has kept one as %s", o.Binary)
	}
	r, err = upgrade.Run(env.Ctx, o)
	return env.tellUpgrade(r, c.Proof.JSON, err)
}

type upgradeStatusCommand struct {
	Where    installedFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (upgradeStatusCommand) Help() string {
	return `It changes nothing. The state is none, trial (the new version has not proven itself yet) or back (the version before is in place again, or about to be).

Examples:

  imperio upgrade status
  imperio upgrade status --json`
}

// Run prints how an upgrade stands.
func (c *upgradeStatusCommand) Run(env *environment) error {
	o, err := env.upgrade(&c.Where, nil)
	if err != nil {
		return err
	}
	s, err := upgrade.GetStatus(o.Installed)
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(s)
	}
	var t terminal.Table
	t.Row("program", s.Installed)
	switch {
	case s.State == "none":
		t.Row("upgrade", "none is under way")
	case s.State == string(upgrade.OnTrial):
		t.Row("upgrade", fmt.Sprintf("from %s to %s, since %s", s.From, s.To, bothTimes(s.Started)))
		t.Row("state", "the new version is on trial")
		if s.Proven {
			t.Row("proof", "it has proven itself: 'imperio upgrade resume' ends the upgrade")
		} else {
			t.Row("proof", fmt.Sprintf("none yet; until %s. 'imperio upgrade resume' waits for it, 'imperio upgrade back' goes back", bothTimes(s.Deadline)))
		}
	default:
		t.Row("upgrade", fmt.Sprintf("from %s to %s, of %s", s.From, s.To, bothTimes(s.Started)))
		t.Row("state", "it has failed, and the version before is back, or about to be")
		t.Row("reason", s.Reason)
	}
	if s.Previous {
		t.Row("before", upgrade.Previous(s.Installed))
	}
	return env.printTable(&t)
}

type upgradeTryCommand struct {
	Copy string `name:"data-dir" required:"" placeholder:"DIR" help:"Directory with the copy."`
}

// Run prints what this version reads from a copy of a state. It is for another version, so it is always JSON.
func (c *upgradeTryCommand) Run(env *environment) error {
	t, err := appliance.TryState(env.Ctx, c.Copy, thisBuild().version)
	if err != nil {
		return err
	}
	return env.printJSON(t)
}

type upgradeStartCommand struct {
	Installed string `required:"" placeholder:"FILE" help:"The casino's program."`
}

// Run decides which version is started.
func (c *upgradeStartCommand) Run(env *environment) error {
	did, err := upgrade.BeforeStart(c.Installed)
	if did != "" {
		fmt.Fprintln(env.Stderr, "upgrade:", did)
	}
	return err
}
