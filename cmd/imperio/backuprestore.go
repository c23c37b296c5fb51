package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/terminal"
	"imperio/storage/backup"
)

type backupRestoreCommand struct {
	At      string `placeholder:"TIME" help:"Restore the state at this time, such as 2026-11-20T10:00:00Z. The default is the latest state."`
	Index   uint64 `placeholder:"N" help:"Restore the state after this entry of the log."`
	Archive string `placeholder:"NAME" help:"Begin with this archive. The default is the newest one before the moment."`
	Casino  string `placeholder:"ID" help:"The casino, where the target holds several."`
	Lineage string `placeholder:"NAME" help:"The lineage. The default is the one that was live at the moment."`
	Reason  string `placeholder:"TEXT" help:"Why: the history keeps it. Required."`
	DryRun  bool   `help:"Say what would be done, how long it takes and what it takes back, and change nothing."`
	NoAudit bool   `help:"Don't audit the restored casino, to be back sooner. Run 'imperio audit' later."`
	NoCount bool   `help:"Don't count self-exclusions and the like after the moment. For a moment long ago, that means to fetch very many segments."`
	Yes     bool   `help:"Don't ask whether you are sure."`

	backupFromFlags `embed:""`
	backupKeyFlags  `embed:""`
	Data            dataDirFlags `embed:""`
	jsonFlag        `embed:""`
}

// Help explains the verb.
func (backupRestoreCommand) Help() string {
	return `Stop the casino first. The old data are kept aside in the data directory, as before-restore-…. Until the restore is done, nothing is changed: interrupt it as you like.

A restore begins a new lineage. All open rounds are settled, all sessions end, and all seeds are revealed and replaced, so that nobody can use what he has seen after the moment. What has to be repeated by hand is listed, such as self-exclusions after the moment.

A time needs its zone. It is the casino's time; everything that was answered up to it is restored.

Examples:

  imperio backup restore --dry-run
  imperio backup restore --reason "the disk is dead" --identity-file casino-backups.txt
  imperio backup restore --at 2026-11-20T10:00:00Z --reason "a mistake at 10:05" --yes
  imperio backup restore --index 4711 --lineage origin --reason "a test" --data-dir /tmp/imperio`
}

// Run restores.
func (c *backupRestoreCommand) Run(env *environment) error {
	moment, err := c.moment(time.Now())
	if err != nil {
		return err
	}
	if c.Reason == "" && !c.DryRun {
		return usagef("say why with --reason: the history keeps it")
	}
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	interactive := terminal.Is(env.Stdin) && !c.JSON
	if !c.Yes && !c.DryRun && !interactive {
		return usagef("nobody can be asked here whether a restore is meant: give --yes")
	}
	progress := newWork(env)
	o := appliance.RestoreOptions{
		Config: loaded.Config, From: c.From, IdentityFile: c.Identity, KeyFile: c.Key,
		Request: backup.Request{Moment: moment, Casino: c.Casino, Lineage: c.Lineage, Archive: c.Archive},
		Reason:  c.Reason, SudoUser: env.sudoUser(), Version: thisBuild().version, DryRun: c.DryRun, NoAudit: c.NoAudit, NoCount: c.NoCount,
		Log: complaints(env), Progress: progress.show,
		Confirm: func(r *appliance.RestoreReport) error {
			progress.end()
			if c.JSON {
				return nil
			}
			tellPlan(env.Stdout, r)
			if c.Yes || c.DryRun {
				return nil
			}
			return confirm(env, "Restore")
		},
	}
	report, err := appliance.Restore(env.Ctx, o)
	progress.end()
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(report)
	}
	if c.DryRun {
		fmt.Fprintln(env.Stdout, "Nothing was changed.")
		return nil
	}
	tellRestored(env.Stdout, report)
	return nil
}

// moment reads --at and --index.
func (c *backupRestoreCommand) moment(now time.Time) (m backup.Moment, err error) {
	if c.At == "" {
		return backup.Moment{Index: c.Index}, nil
	}
	if c.Index != 0 {
		return m, usagef("give --at or --index, not both")
	}
	m.At, err = parseMoment(c.At, now)
	return m, err
}

// parseMoment reads a time with a zone. Without one, it is refused: an hour more or less is many bets. now is in the local zone.
func parseMoment(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err == nil {
		if at.After(now) {
			return at, usagef("--at %s is in the future: it is %s now", text, now.UTC().Format(time.RFC3339))
		}
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if local, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			const full = "2006-01-02T15:04:05.999999999"
			return at, usagef("--at %s has no zone. Write %sZ if it is UTC, or %s if it is the local time", text, local.Format(full), local.Format(full+"-07:00"))
		}
	}
	return at, usagef("--at %q is no time. Write it as %s", text, now.UTC().Format(time.RFC3339))
}

// confirm asks whether what a verb is about to do is meant.
func confirm(env *environment, what string) error {
	fmt.Fprintf(env.Stdout, "%s? Type yes: ", what)
	answered := make(chan string, 1)
	go func() { // a read of a terminal can't be interrupted
		line, _ := bufio.NewReader(io.LimitReader(env.Stdin, 100)).ReadString('\n')
		answered <- strings.TrimSpace(line)
	}()
	select {
	case answer := <-answered:
		if answer == "yes" {
			return nil
		}
		return errors.New("the answer was not yes. Nothing was changed")
	case <-env.Ctx.Done():
		return env.Ctx.Err()
	}
}

// tellPlan says what a restore will do.
func tellPlan(w io.Writer, r *appliance.RestoreReport) {
	fmt.Fprintf(w, "Restore the casino %s, lineage %s, to %s, into %s.\n", r.Casino, r.Lineage, r.Moment, r.DataDir)
	fmt.Fprintf(w, "From %s: the archive of %s, and %d segments after it; %s to fetch. That takes some %s, and the audit comes after it.\n",
		r.Target, bothTimes(r.ArchiveTime), r.Segments, sizeText(r.Bytes), max(r.Estimate, time.Second))
	for _, note := range r.Notes {
		fmt.Fprintf(w, "Note: %s.\n", strings.TrimSuffix(note, "."))
	}
	tellTakenBack(w, r)
}

// tellTakenBack says what a restore takes back.
func tellTakenBack(w io.Writer, r *appliance.RestoreReport) {
	a := &r.TakesBack
	about := ""
	switch {
	case a.AtMost && a.AtLeast:
		about = " about"
	case a.AtMost:
		about = " at most"
	case a.AtLeast:
		about = " at least"
	}
	if a.Events == 0 && len(a.Asked) == 0 && !a.AtLeast {
		fmt.Fprintf(w, "It takes nothing back that is known: the casino's last known time is %s.\n", bothTimes(a.UpTo))
		return
	}
	fmt.Fprintf(w, "It takes back%s %d rounds with %d coins staked and %d paid, %d accounts, and %d events in all, up to %s.\n",
		about, a.Rounds, a.Staked, a.Paid, a.Accounts, a.Events, bothTimes(a.UpTo))
	if a.Asked == nil {
		fmt.Fprintln(w, "What else was asked for after the moment, such as self-exclusions, was not counted.")
	}
	if len(a.Asked) == 0 {
		return
	}
	fmt.Fprintln(w, "These were asked for after the moment. Repeat by hand what still holds:")
	for _, each := range a.Asked {
		fmt.Fprintf(w, "  %d %s\n", each.Count, each.What)
	}
}

// tellRestored says what a restore has done.
func tellRestored(w io.Writer, r *appliance.RestoreReport) {
	for _, line := range r.Proved {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "The casino is restored to %s, entry %d of the log, in %s.\n", bothTimes(r.Time), r.Index, time.Duration(r.TookSeconds*float64(time.Second)).Round(100*time.Millisecond))
	fmt.Fprintf(w, "Its new lineage is %s. %d open rounds were settled, %d sessions ended, and the seeds of %d accounts revealed and replaced.\n",
		r.NewLineage, r.Renewed.Rounds, r.Renewed.Sessions, r.Renewed.Accounts)
	tellTakenBack(w, r)
	if r.Aside != "" {
		fmt.Fprintf(w, "The old data are in %s. Delete them when you are sure.\n", r.Aside)
	}
	fmt.Fprintln(w, "Start it with 'systemctl start imperio' or 'imperio serve'.")
}
