package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"imperio/appliance"
	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

// mirrorCommand holds the verbs of the mirror.
type mirrorCommand struct {
	Status  mirrorStatusCommand  `cmd:"" help:"Print how the mirror in PostgreSQL stands, and how far it is behind."`
	Rebuild mirrorRebuildCommand `cmd:"" help:"Empty the mirror's tables, and write them again from the beginning."`
}

// Help explains the verb.
func (mirrorCommand) Help() string {
	return `A running casino writes everything that happens into tables of PostgreSQL, if --mirror names a database. docs/MIRROR.md explains the tables.

Examples:

  imperio mirror status
  imperio mirror rebuild --yes`
}

// mirror calls do with a client of the running casino, which alone knows the mirror.
func (env *environment) mirror(do func(*control.Client) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	client, err := control.Dial(env.Ctx, filepath.Join(loaded.Config.Data.Dir, appliance.SocketFile))
	if err != nil {
		return fmt.Errorf("no casino can be asked for its mirror: %w. Only its user and root may do that. If none runs, start it: it alone writes the mirror. If its data are elsewhere, name them with --data-dir", err)
	}
	defer client.Close()
	return do(client.ForSudo(env.sudoUser()))
}

type mirrorStatusCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (mirrorStatusCommand) Help() string {
	return `The exit code is 1 if nothing is written to the mirror: PostgreSQL can't be reached or refuses, or the tables hold another history. The output says which, and what to do.

Examples:

  imperio mirror status
  imperio mirror status --json`
}

// Run prints how the mirror stands.
func (c *mirrorStatusCommand) Run(env *environment) error {
	return env.mirror(func(client *control.Client) error {
		s, err := control.GetMirrorStatus.Call(env.Ctx, client, control.None{})
		if err != nil {
			return err
		}
		if c.JSON {
			err = env.printJSON(s)
		} else {
			err = env.printTable(mirrorTable(&s))
		}
		if err == nil && s.Error != "" {
			err = fmt.Errorf("nothing is written to the mirror: %s", s.Error)
		}
		return err
	})
}

func mirrorTable(s *control.MirrorStatus) *terminal.Table {
	var t terminal.Table
	t.Row("database", s.Database+", schema "+s.Schema)
	t.Row("state", s.State)
	if !s.FailsSince.IsZero() {
		t.Row("fails since", bothTimes(s.FailsSince))
	}
	if s.Event > 0 {
		t.Row("newest event", fmt.Sprintf("%d of %d, of %s", s.Event, s.Head, bothTimes(s.Time)))
	} else {
		t.Row("newest event", fmt.Sprintf("none yet, of %d", s.Head))
	}
	if s.AccountsEvent != s.Event {
		t.Row("accounts", fmt.Sprintf("as after event %d; they follow when the rest is caught up", s.AccountsEvent))
	}
	t.Row("behind", fmt.Sprintf("%d events, %s", s.Head-min(s.Event, s.Head), time.Duration(s.LagSeconds*float64(time.Second)).Round(100*time.Millisecond)))
	t.Row("since the start", fmt.Sprintf("%d events in %d transactions, %d rows; %d failures", s.Events, s.Batches, s.Rows, s.Errors))
	return &t
}

type mirrorRebuildCommand struct {
	Data dataDirFlags `embed:""`
	Yes  bool         `help:"Don't ask whether it is meant."`
}

// Help explains the verb.
func (mirrorRebuildCommand) Help() string {
	return `The running casino empties the mirror's tables and writes them again, from its first event on. The casino itself, and your own tables and views beside the mirror, are not touched. Reports lack rows until the mirror has caught up.

It is needed after a restore of a backup, when the tables hold what did not happen, and when somebody has changed their rows.

Examples:

  imperio mirror rebuild
  imperio mirror rebuild --yes`
}

// Run asks the casino to rebuild the mirror.
func (c *mirrorRebuildCommand) Run(env *environment) error {
	if !c.Yes && !terminal.Is(env.Stdin) {
		return usagef("nobody can be asked here whether a rebuild is meant: give --yes")
	}
	return env.mirror(func(client *control.Client) error {
		s, err := control.GetMirrorStatus.Call(env.Ctx, client, control.None{})
		if err != nil {
			return err
		}
		if !c.Yes {
			fmt.Fprintf(env.Stdout, "All rows of the mirror in %s, schema %s, are deleted and written again.\nType yes: ", s.Database, s.Schema)
			line, _ := bufio.NewReader(io.LimitReader(env.Stdin, 100)).ReadString('\n')
			if strings.TrimSpace(line) != "yes" {
				return errors.New("the answer was not yes. Nothing was changed")
			}
		}
		if _, err := control.RebuildMirror.Call(env.Ctx, client, control.None{}); err != nil {
			return err
		}
		fmt.Fprintln(env.Stdout, "The mirror is written again. See how far it is with 'imperio mirror status'.")
		return nil
	})
}
