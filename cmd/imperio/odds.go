package main

import (
	"imperio/appliance/proof"
	"imperio/appliance/terminal"
	"imperio/games/catalogue"
)

// oddsCommand is the verb "odds".
type oddsCommand struct {
	jsonFlag `embed:""`
	Game     string `arg:"" help:"slots, roulette or blackjack, or one version of the rules, e.g. slots/2."`
	Hands    int64  `default:"0" placeholder:"N" help:"Number of blackjack hands to simulate as well, such as 100000000. The default is none."`
	Seed     uint64 `default:"20261123" placeholder:"N" help:"Seed of the simulation: the same seed and number of hands give the same result."`
	Workers  int    `placeholder:"N" help:"Number of goroutines; 0 for one per processor."`
	Deals    bool   `help:"Also print the expectation of every play for every deal of blackjack."`
	Quiet    bool   `help:"Show no progress."`
}

// Help explains the verb.
func (oddsCommand) Help() string {
	return `Figures are exact: by enumeration of every outcome, for blackjack of every deal and every sequence of cards. The text says where that is not so. A simulation of blackjack is for those who want to see the figures come out of play.

Examples:

  imperio odds slots
  imperio odds roulette/2 --json
  imperio odds blackjack
  imperio odds blackjack --hands 10000000 --seed 1`
}

// Run prints the mathematics of a game.
func (c *oddsCommand) Run(env *environment) error {
	options := proof.OddsOptions{Game: c.Game, Hands: c.Hands, Seed: c.Seed, Workers: c.Workers, Deals: c.Deals}
	if !c.Quiet {
		progress := terminal.NewProgress(env.Stderr)
		options.Progress = progress.Show
		defer progress.End() // also when the computation fails
		options.Computed = progress.End
	}
	o, err := proof.ComputeOdds(env.Ctx, catalogue.Released(), options)
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(o)
	}
	return o.WriteText(env.Stdout)
}
