package main

import (
	"fmt"

	"imperio/appliance"
	"imperio/appliance/terminal"
	"imperio/storage/backup"
)

type backupInspectCommand struct {
	Name            string `arg:"" help:"Name of a backup, as 'imperio backup list' shows it, or the path of a file."`
	backupFromFlags `embed:""`
	Data            dataDirFlags `embed:""`
	jsonFlag        `embed:""`
}

// Help explains the verb.
func (backupInspectCommand) Help() string {
	return `It reads the manifest alone, which is in clear also where the backup is encrypted. The last part of a name will do.

Examples:

  imperio backup inspect 20261120T020000.123Z-00000000000000004711.archive
  imperio backup inspect ./copy.archive --json`
}

// Run prints the manifest.
func (c *backupInspectCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	m, object, target, err := appliance.InspectBackup(env.Ctx, c.Name, c.From, &loaded.Config, complaints(env))
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(m)
	}
	return env.printTable(manifestTable(&m, object, target))
}

func manifestTable(m *backup.Manifest, o backup.Object, target string) *terminal.Table {
	var t terminal.Table
	t.Row("name", o.Name)
	t.Row("target", target)
	t.Row("kind", fmt.Sprintf("%s, format %d, %s, by imperio %s", m.Kind, m.Format, sizeText(o.Size), m.Program))
	t.Row("casino", fmt.Sprintf("%s, lineage %s", m.Casino, m.Lineage))
	t.Row("taken", bothTimes(m.TakenAt))
	if m.Kind == backup.KindSegment {
		t.Row("from", fmt.Sprintf("%s, entry %d, %d entries", bothTimes(m.From), m.FirstIndex, m.Entries))
	}
	t.Row("state at", fmt.Sprintf("%s, entry %d of term %d", bothTimes(m.Time), m.Index, m.Term))
	if !m.Partial {
		t.Row("history", fmt.Sprintf("%d events, head %s", m.Events, m.HistoryHead))
		t.Row("level", fmt.Sprintf("feature level %d, tables of version %d", m.FeatureLevel, m.Schema))
		t.Row("accounts", fmt.Sprintf("%d, with %d sessions and %d coins", m.Accounts, m.Sessions, m.Players))
		t.Row("rounds", fmt.Sprintf("%d settled, %d open, %d staked, %d paid", m.Rounds, m.OpenRounds, m.Staked, m.Paid))
		t.Row("ledger", fmt.Sprintf("its sum is %d, issued %d, escrow %d", m.LedgerSum, m.Issued, m.Escrow))
	}
	encryption := "not encrypted"
	if m.Encrypted {
		encryption = "encrypted"
	}
	t.Row("protection", encryption+", compressed by "+string(m.Compression))
	holds := "not in it"
	if m.KeyIncluded {
		holds = "in it"
	}
	t.Row("key", fmt.Sprintf("the casino's key %s is %s", m.KeyID, holds))
	for _, p := range m.Parts {
		t.Row("part "+p.Name, fmt.Sprintf("%s, SHA-256 %s", sizeText(p.Size), p.SHA256))
	}
	return &t
}
