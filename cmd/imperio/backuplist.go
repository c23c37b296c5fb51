package main

import (
	"fmt"
	"time"

	"imperio/appliance"
	"imperio/appliance/terminal"
)

type backupListCommand struct {
	backupFromFlags `embed:""`
	Data            dataDirFlags `embed:""`
	jsonFlag        `embed:""`
	Long            bool `help:"Read the manifests of all archives, not only of the newest five."`
}

// Help explains the verb.
func (backupListCommand) Help() string {
	return `Any moment within a restorable span can be restored. Within a gap, entries of the log are missing. Times are in UTC, with the local time behind them.

A lineage is a line of the casino's history. The first is "origin"; each restore begins another one.

Examples:

  imperio backup list
  imperio backup list --from file:///backup/imperio --long
  imperio backup list --json`
}

// Run lists the backups.
func (c *backupListCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	list, err := appliance.ListBackups(env.Ctx, c.From, c.Long, &loaded.Config, complaints(env))
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(list)
	}
	fmt.Fprintf(env.Stdout, "%s\n", list.Target)
	if len(list.Casinos) == 0 {
		fmt.Fprintln(env.Stdout, "It holds no backup.")
	}
	for _, casino := range list.Casinos {
		for _, l := range casino.Lineages {
			fmt.Fprintf(env.Stdout, "\nCasino %s, lineage %s\n", casino.Casino, l.Lineage)
			if err := env.printTable(backupTable(&l)); err != nil {
				return err
			}
		}
	}
	return nil
}

func backupTable(l *appliance.LineageBackups) *terminal.Table {
	var t terminal.Table
	for _, s := range l.Spans {
		t.Row("  restorable", bothTimes(s.From), "to "+bothTimes(s.To), fmt.Sprintf("entries %d to %d", s.First, s.Last))
	}
	for _, g := range l.Gaps {
		t.Row("  gap", bothTimes(g.From), "to "+bothTimes(g.To), g.Why)
	}
	if len(l.Spans) == 0 {
		t.Row("  nothing can be restored: there is no whole archive")
	}
	for _, a := range l.Archives {
		t.Row("  archive", bothTimes(a.Time), sizeText(a.Size), fmt.Sprintf("entry %d", a.Index), kindOf(&a), a.Name)
	}
	t.Row("  segments", fmt.Sprint(l.Segments), sizeText(l.SegmentBytes))
	return &t
}

// kindOf says what an archive's manifest says.
func kindOf(a *appliance.ListedBackup) string {
	switch {
	case a.Problem != "":
		return "can't be used: " + a.Problem
	case a.Encrypted == nil:
		return "-"
	case *a.Encrypted && *a.KeyIncluded:
		return "encrypted, with the casino's key"
	case *a.Encrypted:
		return "encrypted"
	}
	return "not encrypted, without the casino's key"
}

// bothTimes is a time in UTC, and in this machine's zone where that differs.
func bothTimes(t time.Time) string {
	if t.IsZero() {
		return "the beginning" // nothing had happened yet
	}
	utc := t.UTC().Format("2006-01-02T15:04:05.000Z")
	if _, offset := t.Local().Zone(); offset == 0 {
		return utc
	}
	return utc + t.Local().Format(" (15:04:05-07:00)")
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}
