package main

import (
	"errors"
	"fmt"
	"os"

	"imperio/appliance"
)

type benchPopulateCommand struct {
	Players int    `default:"100000" help:"How many players."`
	Rounds  int    `default:"0" help:"How many rounds of slots they play, in turn."`
	Data    string `required:"" placeholder:"DIR" help:"Data directory to make; it must not hold a casino."`
	Tokens  string `required:"" placeholder:"FILE" help:"File to write the players' session tokens into, for --tokens."`
}

// Run makes the casino.
func (c *benchPopulateCommand) Run(env *environment) error {
	if c.Players < 1 || c.Rounds < 0 {
		return usagef("there must be at least one player, and no less than 0 rounds")
	}
	tokens, err := os.OpenFile(c.Tokens, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file of tokens: %w", err)
	}
	err = appliance.Populate(env.Ctx, c.Data, c.Players, c.Rounds, tokens, func(what string, done, total int) {
		fmt.Fprintf(env.Stderr, "\r%d of %d %s ", done, total, what)
	})
	fmt.Fprintln(env.Stderr)
	return errors.Join(err, tokens.Close())
}
