package main

import (
	"time"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

type seasonCommand struct {
	Data dataDirFlags `embed:""`

	End seasonEndCommand `cmd:"" help:"End the running season before its month is over."`
}

// Help explains the verb.
func (seasonCommand) Help() string {
	return `A season ends with its calendar month by itself. It works through the server's socket while a server runs, and on the data directory otherwise.

Examples:

  imperio season end --reason "the summer feast"`
}

type seasonEndCommand struct {
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
}

// Help explains the verb.
func (seasonEndCommand) Help() string {
	return `The final standings stay readable, and their digest is in the history. A running server begins the next season within seconds, unless --season is 'off' or nobody takes part.

Examples:

  imperio season end --reason "the summer feast"`
}

// Run ends the season.
func (c *seasonEndCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return env.control(func(client *control.Client) error {
		ended, err := control.EndSeason.Call(env.Ctx, client, control.SeasonEnd{Reason: reason})
		if err != nil {
			return err
		}
		if c.JSON {
			return env.printJSON(ended)
		}
		var t terminal.Table
		t.Row("season", ended.Season)
		t.Row("began", ended.BeganAt.Format(time.RFC3339))
		t.Row("ended", ended.EndedAt.Format(time.RFC3339))
		t.Row("players", ended.Players)
		t.Row("digest", ended.Digest)
		return env.printTable(&t)
	})
}
