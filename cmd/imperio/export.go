package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/storage/export"
)

type exportCommand struct {
	Data dataDirFlags `embed:""`

	ImperioCasino exportOlderCommand `cmd:"" name:"imperiocasino" help:"Write the accounts into a database of the older system, ImperioCasino."`
	CSV           exportCSVCommand   `cmd:"" name:"csv" help:"Write accounts, transfers or rounds as comma-separated values."`
	JSONL         exportLinesCommand `cmd:"" name:"jsonl" help:"Write accounts, transfers or rounds as JSON, one object a line."`
}

// Help explains the verb.
func (exportCommand) Help() string {
	return `Everything that it writes is of one moment. While a server runs on the data directory, it makes a copy of its state for that, at the players' leisure. Run it as the casino's user or as root.

Examples:

  imperio export csv accounts --to accounts.csv
  imperio export jsonl rounds | gzip > rounds.jsonl.gz
  imperio export imperiocasino --to sqlite:app.db`
}

// frozen reads the casino of the data directory at this moment.
func (env *environment) frozen(secrets bool, do func(*appliance.Frozen) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	return env.freeze(loaded.Config.Data, secrets, do)
}

func (env *environment) freeze(data config.Data, secrets bool, do func(*appliance.Frozen) error) error {
	f, err := appliance.Freeze(env.Ctx, data, secrets)
	if err != nil {
		return err
	}
	for _, what := range f.LeftOut {
		fmt.Fprintf(env.Stderr, "imperio: left out: %s\n", what)
	}
	return errors.Join(do(f), f.Close())
}

// exportTable is the flags of a verb that writes a table.
type exportTable struct {
	What string `arg:"" enum:"accounts,transfers,rounds" help:"accounts, transfers or rounds."`
	To   string `help:"File to write, which must not exist yet. The default is standard output." default:"-" placeholder:"FILE"`
}

type exportCSVCommand struct {
	exportTable `embed:""`
}

// Help explains the verb.
func (exportCSVCommand) Help() string {
	return `The first line has the names of the columns. Lines end as RFC 4180 says, and the text is UTF-8. A text that a spreadsheet would run as a formula gets an apostrophe before it. Nothing secret is in it, but names and addresses are.

` + exportColumns + `

Examples:

  imperio export csv accounts --to accounts.csv
  imperio export csv transfers > transfers.csv`
}

// Run writes the table.
func (c *exportCSVCommand) Run(env *environment) error { return c.write(env, export.NewCSV) }

type exportLinesCommand struct {
	exportTable `embed:""`
}

// Help explains the verb.
func (exportLinesCommand) Help() string {
	return `Each line is a JSON object with all columns. Ids are texts, since they may have more than 53 bits; coins are numbers. An empty value is null. Nothing secret is in it, but names and addresses are.

` + exportColumns + `

Examples:

  imperio export jsonl accounts --to accounts.jsonl
  imperio export jsonl rounds | jq 'select(.game == "roulette")'`
}

// Run writes the table.
func (c *exportLinesCommand) Run(env *environment) error { return c.write(env, export.NewJSONLines) }

// exportColumns describes all tables.
var exportColumns = func() string {
	b := []string{"Coins are whole numbers. Times are UTC, as in 2026-11-29T15:04:05.678Z."}
	for _, t := range export.Tables {
		lines := []string{t.Name + ": " + t.Help, ""}
		for _, c := range t.Columns {
			lines = append(lines, fmt.Sprintf("  %-14s  %s", c.Name, c.Help))
		}
		b = append(b, strings.Join(lines, "\n"))
	}
	return strings.Join(b, "\n\n")
}()

// write writes the table into the file, or to standard output.
func (c *exportTable) write(env *environment, format func(io.Writer) export.Encoder) error {
	table, _ := export.Named(c.What)
	if c.To == "-" {
		return env.frozen(false, func(f *appliance.Frozen) error {
			_, err := c.table(env, f, table, format(env.Stdout))
			return err
		})
	}
	file, err := export.CreateNew(c.To)
	if err != nil {
		return err
	}
	defer file.Discard()
	return env.frozen(false, func(f *appliance.Frozen) error {
		rows, err := c.table(env, f, table, format(file))
		if err == nil {
			err = file.Keep()
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "%d %s are in %s.\n", rows, c.What, c.To)
		return nil
	})
}

func (c *exportTable) table(env *environment, f *appliance.Frozen, t *export.Table, e export.Encoder) (uint64, error) {
	w := newWork(env)
	defer w.end()
	return t.Write(env.Ctx, f.Snapshot, e, func(done, total uint64) { w.show("export "+phaseOf(c.What), int64(done), int64(total)) })
}

// phaseOf is what is read for a table.
func phaseOf(table string) string {
	if table == "accounts" {
		return "accounts"
	}
	return "events"
}
